//! `plimsoll sources`: what a server's answers rest on.

use super::{Remote, Rows, client, shown};
use crate::answer::sheet::Kind::{Count, Many, Text, Time};
use crate::printer::{Failure, Outcome, Printer};
use clap::Subcommand;
use serde_json::Value;

/// Commands on the sources of a server's advisory database.
#[derive(Subcommand, Debug)]
pub enum Command {
    /// List sources; exits 1 when there is no database, or a newer one was refused
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
    let mut answer: Value = client(remote)?.get("/api/v1/sources", &[])?;
    let well = answer["digest"].is_string() && answer["trouble"].is_null();
    if let Some(text) = answer.pointer("/trouble/text").and_then(Value::as_str) {
        printer.say(&format!("the newest database was refused: {text}"));
    }
    let mut found = match answer["sources"].take() {
        Value::Array(found) => found,
        _ => Vec::new(),
    };
    found.truncate(rows.limit.unwrap_or(usize::MAX));
    shown(printer, rows, &found, &[("source", "/name", Text), ("newest record", "/newest", Time), ("records", "/records", Count), ("warnings", "/warnings", Many)])?;
    Ok(if well { Outcome::Clean } else { Outcome::No })
}
