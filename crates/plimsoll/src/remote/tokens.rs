//! `plimsoll tokens`: which programs may ask a server.
//!
//! Tokens are made and withdrawn by people in the console: no token makes
//! another.

use super::people::roles;
use super::{Remote, Rows, client, shown, whole};
use crate::answer::sheet::Kind::{List, Seen, Text, Time};
use crate::printer::{Failure, Outcome, Printer};
use clap::Subcommand;

/// Commands on API tokens.
#[derive(Subcommand, Debug)]
pub enum Command {
    /// List everybody's API tokens
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
    let mut found = whole(&client(remote)?, "/api/v1/tokens", rows.limit)?;
    if rows.format != crate::arguments::ListFormat::Json {
        found.iter_mut().for_each(|row| row["roles"] = roles(&row["grants"]));
    }
    let columns = [("token", "/id", Text), ("name", "/name", Text), ("maker", "/maker", Text), ("roles", "/roles", List), ("expires", "/expires", Time), ("last used", "/last_used", Seen), ("revoked", "/revoked", Time)];
    shown(printer, rows, &found, &columns)
}
