//! `plimsoll advisories`: what concerns a server's hosts.

use super::{Remote, Rows, all, client, get, given, segment, shown};
use crate::answer::sheet::Kind::{Count, Mark, Text, Time};
use crate::printer::{Failure, Outcome, Printer};
use clap::Subcommand;

/// Commands on advisories.
#[derive(Subcommand, Debug)]
pub enum Command {
    /// List advisories with open findings, the most urgent first
    List {
        #[command(flatten)]
        remote: Remote,
        #[command(flatten)]
        rows: Rows,
        /// At least this severe
        #[arg(long)]
        severity: Option<String>,
        /// Part of the id or of a package's name
        #[arg(long)]
        text: Option<String>,
    },
    /// Show a CVE or an advisory with every host it concerns, as JSON
    Show {
        #[command(flatten)]
        remote: Remote,
        /// Id of the CVE or advisory
        advisory: String,
    },
}

/// Runs one.
pub fn run(command: &Command, printer: &Printer) -> Result<Outcome, Failure> {
    match command {
        Command::List { remote, rows, severity, text } => {
            let query = given([("severity", severity.clone()), ("text", text.clone())]);
            let found = all(&client(remote)?, "/api/v1/advisories", &query, rows.limit)?;
            let columns = [
                ("advisory", "/advisory", Text),
                ("severity", "/severity", Text),
                ("exploited", "/exploited", Mark),
                ("hosts", "/hosts", Count),
                ("overdue", "/overdue", Count),
                ("fix on offer", "/fix_available", Count),
                ("due", "/due", Time),
            ];
            shown(printer, rows, &found, &columns)
        }
        Command::Show { remote, advisory } => get(remote, &format!("/api/v1/advisories/{}", segment(advisory)), printer),
    }
}
