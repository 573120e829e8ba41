//! `plimsoll alerts`: what somebody should look at.

use super::{Remote, Rows, body, client, pages, post, segment, shown, text};
use crate::answer::sheet::Kind::{Count, Text, Time};
use crate::printer::{Failure, Outcome, Printer};
use clap::Subcommand;

/// Commands on alerts.
#[derive(Subcommand, Debug)]
pub enum Command {
    /// List open alerts, the newest first; exits 1 when there is one
    List {
        #[command(flatten)]
        remote: Remote,
        #[command(flatten)]
        rows: Rows,
    },
    /// Close an alert that somebody looked at
    Close {
        #[command(flatten)]
        remote: Remote,
        /// Id of the alert
        alert: String,
        /// What came of it
        #[arg(long)]
        reason: Option<String>,
    },
}

/// Runs one.
pub fn run(command: &Command, printer: &Printer) -> Result<Outcome, Failure> {
    match command {
        Command::List { remote, rows } => {
            // The newest thousand; more than that are not looked at one by one.
            let once = |found: &[serde_json::Value]| found.is_empty().then(Vec::new);
            let found = pages(&client(remote)?, "/api/v1/alerts", &Vec::new(), rows.limit, once)?;
            let columns = [
                ("alert", "/id", Text),
                ("kind", "/kind", Text),
                ("text", "/text", Text),
                ("about", "/object", Text),
                ("last", "/last", Time),
                ("times", "/times", Count),
            ];
            shown(printer, rows, &found, &columns)?;
            Ok(if found.is_empty() { Outcome::Clean } else { Outcome::No })
        }
        Command::Close { remote, alert, reason } => {
            post(remote, &format!("/api/v1/alerts/{}/close", segment(alert)), &body([("reason", text(reason))]), printer)
        }
    }
}
