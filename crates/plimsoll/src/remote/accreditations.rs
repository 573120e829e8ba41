//! `plimsoll accreditations`: what authorities signed off for changes.

use super::{Remote, Rows, all, body, client, post, segment, several, shown, text};
use crate::answer::sheet::Kind::{List, Text, Time};
use crate::printer::{Failure, Outcome, Printer};
use clap::{Args, Subcommand};

const PATH: &str = "/api/v1/accreditations";

/// Commands on accreditations.
#[derive(Subcommand, Debug)]
pub enum Command {
    /// List accreditations, the newest first
    List {
        #[command(flatten)]
        remote: Remote,
        #[command(flatten)]
        rows: Rows,
    },
    /// Give one. It asks for a fresh proof of the person, so that the server refuses a token: give it in the console
    Give {
        #[command(flatten)]
        remote: Remote,
        #[command(flatten)]
        wish: Wish,
    },
    /// Take one back; what has not begun under it does not begin
    Withdraw {
        #[command(flatten)]
        remote: Remote,
        /// Id of the accreditation
        accreditation: String,
        /// Why
        #[arg(long)]
        reason: String,
    },
}

/// What is signed off.
#[derive(Args, Debug)]
pub struct Wish {
    /// Environment that it holds for; may be given several times, every one where it is left out
    #[arg(long)]
    pub environment: Vec<String>,
    /// Id of a group of hosts; may be given several times, all hosts where it is left out
    #[arg(long)]
    pub group: Vec<String>,
    /// Name of a package; may be given several times, every one where it is left out
    #[arg(long)]
    pub product: Vec<String>,
    /// On what it rests, and under which conditions
    #[arg(long)]
    pub statement: String,
    /// Moment in which it ends, RFC 3339
    #[arg(long)]
    pub until: String,
    /// Client; may be left out where there is one
    #[arg(long)]
    pub client: Option<String>,
}

/// Runs one.
pub fn run(command: &Command, printer: &Printer) -> Result<Outcome, Failure> {
    match command {
        Command::List { remote, rows } => {
            let found = all(&client(remote)?, PATH, &Vec::new(), rows.limit)?;
            let columns = [("accreditation", "/id", Text), ("stands", "/state", Text), ("environments", "/environments", List), ("groups", "/groups", List), ("products", "/products", List), ("until", "/until", Time), ("by", "/by", Text), ("statement", "/statement", Text)];
            shown(printer, rows, &found, &columns)
        }
        Command::Give { remote, wish } => {
            let wish = body([
                ("client", text(&wish.client)),
                ("environments", several(&wish.environment)),
                ("groups", several(&wish.group)),
                ("products", several(&wish.product)),
                ("statement", Some(wish.statement.as_str().into())),
                ("until", Some(wish.until.as_str().into())),
            ]);
            post(remote, PATH, &wish, printer)
        }
        Command::Withdraw { remote, accreditation, reason } => {
            let path = format!("{PATH}/{}/withdraw", segment(accreditation));
            post(remote, &path, &body([("reason", Some(reason.as_str().into()))]), printer)
        }
    }
}
