//! `plimsoll groups`: hosts that belong together.

use super::{Remote, Rows, all, body, client, get, patch, post, remove, segment, shown, text, told, whole};
use crate::answer::sheet::Kind::{Count, Text, Time};
use crate::printer::{Failure, Outcome, Printer};
use clap::{Args, Subcommand};

const PATH: &str = "/api/v1/groups";

/// Commands on groups.
#[derive(Subcommand, Debug)]
pub enum Command {
    /// List groups
    List {
        #[command(flatten)]
        remote: Remote,
        #[command(flatten)]
        rows: Rows,
    },
    /// Show one, as JSON
    Show(One),
    /// List its hosts, the most urgent first
    Hosts {
        #[command(flatten)]
        one: One,
        #[command(flatten)]
        rows: Rows,
    },
    /// Make one, by a query or by hand
    Create {
        #[command(flatten)]
        remote: Remote,
        /// Name
        name: String,
        #[command(flatten)]
        wish: Wish,
        /// Client; may be left out where there is one
        #[arg(long)]
        client: Option<String>,
    },
    /// Change one; what is left out stays
    Change {
        #[command(flatten)]
        one: One,
        /// Name
        #[arg(long)]
        name: Option<String>,
        #[command(flatten)]
        wish: Wish,
    },
    /// Name the hosts of one that has no query, all of them
    Members {
        #[command(flatten)]
        one: One,
        /// Id of a host; may be given several times, or not at all
        #[arg(long)]
        host: Vec<String>,
        /// Why
        #[arg(long)]
        reason: Option<String>,
    },
    /// Remove one
    Remove {
        #[command(flatten)]
        one: One,
        /// Why
        #[arg(long)]
        reason: Option<String>,
    },
}

/// Which group.
#[derive(Args, Debug)]
pub struct One {
    #[command(flatten)]
    pub remote: Remote,
    /// Id of the group
    pub group: String,
}

impl One {
    fn path(&self) -> String {
        format!("{PATH}/{}", segment(&self.group))
    }
}

/// What makes a group.
#[derive(Args, Debug)]
pub struct Wish {
    /// Which hosts belong to it: `environment = prod, label.role = web`
    #[arg(long)]
    pub query: Option<String>,
    /// What it is for
    #[arg(long)]
    pub note: Option<String>,
    /// Why
    #[arg(long)]
    pub reason: Option<String>,
}

/// Runs one.
pub fn run(command: &Command, printer: &Printer) -> Result<Outcome, Failure> {
    match command {
        Command::List { remote, rows } => {
            let found = whole(&client(remote)?, PATH, rows.limit)?;
            let columns = [("group", "/id", Text), ("name", "/name", Text), ("hosts", "/hosts", Count), ("query", "/query", Text), ("note", "/note", Text), ("made", "/created", Time)];
            shown(printer, rows, &found, &columns)
        }
        Command::Show(one) => get(&one.remote, &one.path(), printer),
        Command::Hosts { one, rows } => {
            let found = all(&client(&one.remote)?, &format!("{}/hosts", one.path()), &Vec::new(), rows.limit)?;
            shown(printer, rows, &found, super::hosts::COLUMNS)
        }
        Command::Create { remote, name, wish, client } => {
            let wish = body([("name", Some(name.as_str().into())), ("client", text(client)), ("query", text(&wish.query)), ("note", text(&wish.note)), ("reason", text(&wish.reason))]);
            post(remote, PATH, &wish, printer)
        }
        Command::Change { one, name, wish } => {
            let wish = body([("name", text(name)), ("query", text(&wish.query)), ("note", text(&wish.note)), ("reason", text(&wish.reason))]);
            patch(&one.remote, &one.path(), &wish, printer)
        }
        Command::Members { one, host, reason } => {
            let wish = body([("hosts", Some(host.clone().into())), ("reason", text(reason))]);
            told(printer, &client(&one.remote)?.change("PUT", &format!("{}/hosts", one.path()), &[], &wish)?, "done")
        }
        Command::Remove { one, reason } => remove(&one.remote, &one.path(), reason, printer),
    }
}
