//! `plimsoll packages`: what is installed, over all hosts.

use super::{Remote, Rows, client, given, pages, segment, shown};
use crate::answer::sheet::Kind::{Count, Many, Text};
use crate::printer::{Failure, Outcome, Printer};
use clap::Subcommand;
use serde_json::Value;

/// Commands on packages.
#[derive(Subcommand, Debug)]
pub enum Command {
    /// List packages by name
    List {
        #[command(flatten)]
        remote: Remote,
        #[command(flatten)]
        rows: Rows,
        /// Beginning of the name
        #[arg(long)]
        name: Option<String>,
    },
    /// List a package's versions with the hosts that have each
    Show {
        #[command(flatten)]
        remote: Remote,
        #[command(flatten)]
        rows: Rows,
        /// Stream, as the list shows it: `debian:12`
        stream: String,
        /// Name
        name: String,
    },
}

/// Runs one.
pub fn run(command: &Command, printer: &Printer) -> Result<Outcome, Failure> {
    match command {
        Command::List { remote, rows, name } => {
            let text = |row: &Value, member: &str| row[member].as_str().unwrap_or_default().to_owned();
            let next = |found: &[Value]| {
                Some(found.last().map_or_else(Vec::new, |last| vec![("after", text(last, "name")), ("after_stream", text(last, "stream"))]))
            };
            let found = pages(&client(remote)?, "/api/v1/packages", &given([("name", name.clone())]), rows.limit, next)?;
            let columns = [("stream", "/stream", Text), ("name", "/name", Text), ("hosts", "/hosts", Count), ("versions", "/versions", Count)];
            shown(printer, rows, &found, &columns)
        }
        Command::Show { remote, rows, stream, name } => {
            let found = super::whole(&client(remote)?, &format!("/api/v1/packages/{}/{}", segment(stream), segment(name)), rows.limit)?;
            shown(printer, rows, &found, &[("version", "/version", Text), ("hosts", "/hosts", Many)])
        }
    }
}
