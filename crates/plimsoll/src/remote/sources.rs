//! `plimsoll sources`: what a server's answers rest on.

use super::{Remote, Rows, body, client, post, shown, whole};
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
    /// List what people look at again and again by the policy; exits 1 when nobody looked in time
    Watches {
        #[command(flatten)]
        remote: Remote,
        #[command(flatten)]
        rows: Rows,
    },
    /// Say that you looked at what the policy has you watch
    Looked {
        #[command(flatten)]
        remote: Remote,
        /// What was looked at, by its subject (`watches` names them)
        subject: String,
        /// What was seen
        #[arg(long)]
        note: String,
    },
}

/// Runs one.
pub fn run(command: &Command, printer: &Printer) -> Result<Outcome, Failure> {
    match command {
        Command::List { remote, rows } => list(remote, rows, printer),
        Command::Watches { remote, rows } => {
            let found = whole(&client(remote)?, "/api/v1/sources/watches", rows.limit)?;
            let columns = [("subject", "/subject", Text), ("by", "/by", Text), ("every", "/every", Text), ("looked", "/last", Time), ("due", "/due", Time), ("seen", "/note", Text)];
            shown(printer, rows, &found, &columns)?;
            Ok(if found.iter().any(|row| row["late"] == true) { Outcome::No } else { Outcome::Clean })
        }
        Command::Looked { remote, subject, note } => {
            let wish = body([("subject", Some(subject.as_str().into())), ("note", Some(note.as_str().into()))]);
            post(remote, "/api/v1/sources/looks", &wish, printer)
        }
    }
}

fn list(remote: &Remote, rows: &Rows, printer: &Printer) -> Result<Outcome, Failure> {
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
