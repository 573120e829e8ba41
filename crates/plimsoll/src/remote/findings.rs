//! `plimsoll findings`: what is wrong with a server's hosts.

use super::{Remote, Rows, all, client, flag, given, shown};
use crate::answer::sheet::Kind::{Mark, Text, Time};
use crate::printer::{Failure, Outcome, Printer};
use clap::Subcommand;

/// Commands on findings.
#[derive(Subcommand, Debug)]
pub enum Command {
    /// List findings, the most urgent first; exits 1 when something is overdue
    List {
        #[command(flatten)]
        remote: Remote,
        #[command(flatten)]
        rows: Rows,
        /// At least this severe
        #[arg(long)]
        severity: Option<String>,
        /// Only what is overdue
        #[arg(long)]
        overdue: bool,
        /// Only what is under an exception
        #[arg(long)]
        excepted: bool,
        /// Part of the advisory's id or the package's name
        #[arg(long)]
        text: Option<String>,
    },
}

/// Runs one.
pub fn run(command: &Command, printer: &Printer) -> Result<Outcome, Failure> {
    let Command::List { remote, rows, severity, overdue, excepted, text } = command;
    let query = given([("severity", severity.clone()), ("overdue", flag(*overdue)), ("excepted", flag(*excepted)), ("text", text.clone())]);
    let found = all(&client(remote)?, "/api/v1/findings", &query, rows.limit)?;
    let columns = [
        ("OVERDUE", "/overdue", Mark),
        ("due", "/due", Time),
        ("excepted until", "/exception/until", Time),
        ("severity", "/severity", Text),
        ("advisory", "/advisory", Text),
        ("package", "/component", Text),
        ("installed", "/version", Text),
        ("fixed in", "/fixed_version", Text),
        ("host", "/host_name", Text),
    ];
    shown(printer, rows, &found, &columns)?;
    let late = found.iter().any(|row| row["overdue"] == true);
    Ok(if late { Outcome::No } else { Outcome::Clean })
}
