//! `plimsoll people`: who has an account on a server.
//!
//! People are made and changed in the console, with a fresh proof that no
//! token can give, or by `plimsoll person` on the server's own machine.

use super::{Remote, Rows, client, shown, whole};
use crate::answer::sheet::Kind::{List, Mark, Text, Time};
use crate::printer::{Failure, Outcome, Printer};
use clap::Subcommand;
use serde_json::Value;

/// Commands on people.
#[derive(Subcommand, Debug)]
pub enum Command {
    /// List people and their roles
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
    let mut found = whole(&client(remote)?, "/api/v1/people", rows.limit)?;
    if rows.format != crate::arguments::ListFormat::Json {
        found.iter_mut().for_each(|row| row["roles"] = roles(&row["grants"]));
    }
    let columns = [("account", "/account", Text), ("name", "/name", Text), ("mail", "/email", Text), ("roles", "/roles", List), ("emergency", "/break_glass", Mark), ("disabled", "/disabled", Time), ("id", "/id", Text)];
    shown(printer, rows, &found, &columns)
}

/// Roles with where they hold: `operator`, `viewer at CLIENT/GROUP`.
pub fn roles(grants: &Value) -> Value {
    let said = |grant: &Value| {
        let word = |member: &str| grant[member].as_str().unwrap_or_default();
        match (word("client"), word("group")) {
            ("", _) => word("role").to_owned(),
            (client, "") => format!("{} at {client}", word("role")),
            (client, group) => format!("{} at {client}/{group}", word("role")),
        }
    };
    grants.as_array().into_iter().flatten().map(said).collect()
}
