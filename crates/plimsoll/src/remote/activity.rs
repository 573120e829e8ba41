//! `plimsoll activity`: the evidence log, as a server shows it.

use super::{Remote, Rows, all, client, shown};
use crate::answer::sheet::Kind::{Count, Text, Time};
use crate::printer::{Failure, Outcome, Printer};
use clap::Subcommand;

/// Commands on the evidence log of a server; `plimsoll evidence verify` checks
/// an exported one.
#[derive(Subcommand, Debug)]
pub enum Command {
    /// List what was done, oldest first
    List {
        #[command(flatten)]
        remote: Remote,
        #[command(flatten)]
        rows: Rows,
    },
}

/// Runs one.
pub fn run(command: &Command, printer: &Printer) -> Result<Outcome, Failure> {
    let Command::List { remote, rows } = command;
    let found = all(&client(remote)?, "/api/v1/evidence", &Vec::new(), rows.limit)?;
    shown(
        printer,
        rows,
        &found,
        &[("position", "/position", Count), ("when", "/leaf/time", Time), ("who", "/leaf/actor/id", Text), ("what", "/leaf/verb", Text), ("to what", "/leaf/object", Text)],
    )
}
