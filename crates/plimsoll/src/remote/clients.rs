//! `plimsoll clients`: whose hosts and people are kept apart.

use super::{Remote, Rows, body, client, patch, post, segment, shown, text, whole};
use crate::answer::sheet::Kind::{Count, Text, Time};
use crate::printer::{Failure, Outcome, Printer};
use clap::{Args, Subcommand};

const PATH: &str = "/api/v1/clients";

/// Commands on clients.
#[derive(Subcommand, Debug)]
pub enum Command {
    /// List clients
    List {
        #[command(flatten)]
        remote: Remote,
        #[command(flatten)]
        rows: Rows,
    },
    /// Make one
    Create {
        #[command(flatten)]
        remote: Remote,
        /// Name
        name: String,
        /// Why
        #[arg(long)]
        reason: Option<String>,
    },
    /// Rename one
    Rename {
        #[command(flatten)]
        one: One,
        /// New name
        name: String,
    },
    /// Put one away whose hosts are retired; its data stays
    Archive(One),
    /// Take one back that was put away
    Restore(One),
}

/// Which client, and why.
#[derive(Args, Debug)]
pub struct One {
    #[command(flatten)]
    pub remote: Remote,
    /// Id of the client
    pub client: String,
    /// Why
    #[arg(long)]
    pub reason: Option<String>,
}

impl One {
    fn change(&self, what: (&'static str, serde_json::Value), printer: &Printer) -> Result<Outcome, Failure> {
        let wish = body([(what.0, Some(what.1)), ("reason", text(&self.reason))]);
        patch(&self.remote, &format!("{PATH}/{}", segment(&self.client)), &wish, printer)
    }
}

/// Runs one.
pub fn run(command: &Command, printer: &Printer) -> Result<Outcome, Failure> {
    match command {
        Command::List { remote, rows } => {
            let found = whole(&client(remote)?, PATH, rows.limit)?;
            let columns = [("client", "/id", Text), ("name", "/name", Text), ("hosts", "/hosts", Count), ("made", "/created", Time), ("archived", "/archived", Time)];
            shown(printer, rows, &found, &columns)
        }
        Command::Create { remote, name, reason } => {
            post(remote, PATH, &body([("name", Some(name.as_str().into())), ("reason", text(reason))]), printer)
        }
        Command::Rename { one, name } => one.change(("name", name.as_str().into()), printer),
        Command::Archive(one) => one.change(("archived", true.into()), printer),
        Command::Restore(one) => one.change(("archived", false.into()), printer),
    }
}
