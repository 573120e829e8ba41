//! `plimsoll briefings`: who is to be told, what they were told, and whom it
//! reached.

use super::{Remote, Rows, body, client, file, get, post, segment, several, shown, text, told, whole};
use crate::answer::sheet::Kind::{Many, Text, Time};
use crate::printer::{Failure, Outcome, Printer};
use clap::{Args, Subcommand};
use plimsoll_core::model::problem::Problem;
use serde_json::{Value, json};
use std::path::PathBuf;

const PATH: &str = "/api/v1/briefings";
const ROSTERS: &str = "/api/v1/rosters";

/// Commands on briefings.
#[derive(Subcommand, Debug)]
pub enum Command {
    /// List rosters: who is to be told
    Rosters {
        #[command(flatten)]
        remote: Remote,
        #[command(flatten)]
        rows: Rows,
    },
    /// Say who is on a roster from now on; who is left out has left it
    Roster {
        #[command(flatten)]
        remote: Remote,
        /// Name of the roster
        name: String,
        #[command(flatten)]
        wish: RosterWish,
    },
    /// List briefings, the newest first
    List {
        #[command(flatten)]
        remote: Remote,
        #[command(flatten)]
        rows: Rows,
    },
    /// Show one with whom it reached, as JSON
    Show(One),
    /// Record one that was held or sent
    Hold {
        #[command(flatten)]
        remote: Remote,
        #[command(flatten)]
        wish: HoldWish,
    },
    /// Note who was there
    Attended {
        #[command(flatten)]
        one: One,
        /// Name on the roster; may be given several times
        #[arg(long, required = true)]
        member: Vec<String>,
    },
    /// Acknowledge one; a person does that signed in, tokens cannot
    Acknowledge(One),
}

/// Which briefing.
#[derive(Args, Debug)]
pub struct One {
    #[command(flatten)]
    pub remote: Remote,
    /// Id of the briefing
    pub briefing: String,
}

impl One {
    fn path(&self, act: &str) -> String {
        format!("{PATH}/{}{act}", segment(&self.briefing))
    }
}

/// Who is on a roster.
#[derive(Args, Debug)]
pub struct RosterWish {
    /// teams or stakeholders
    #[arg(long)]
    pub audience: String,
    /// A team or person; may be given several times
    #[arg(long)]
    pub member: Vec<String>,
    /// File with more of them, CSV with the header name,accounts
    #[arg(long, value_name = "FILE")]
    pub csv: Option<PathBuf>,
    /// The teams, or the stakeholders, of the client's applications
    #[arg(long)]
    pub from_applications: bool,
    /// Client; may be left out where there is one
    #[arg(long)]
    pub client: Option<String>,
    /// Why
    #[arg(long)]
    pub reason: Option<String>,
}

impl RosterWish {
    fn body(&self, name: &str) -> Result<Value, Failure> {
        let csv = match &self.csv {
            Some(path) => {
                let bytes = file(path, plimsoll_formats::roster::LIMIT, "name a CSV file with the header name,accounts")?;
                let wrong = |_| Failure::input(Problem::new("E-ROSTER", path.display().to_string(), "is not UTF-8", "save it as CSV in UTF-8"));
                let text = String::from_utf8(bytes).map_err(wrong)?;
                // A mistake is told before anything is sent.
                plimsoll_formats::roster::read(&text).map_err(Failure::input)?;
                Some(Value::from(text))
            }
            None => None,
        };
        let members: Vec<Value> = self.member.iter().map(|name| json!({ "name": name })).collect();
        Ok(body([
            ("client", text(&self.client)),
            ("name", Some(name.into())),
            ("audience", Some(self.audience.as_str().into())),
            ("members", Some(members.into())),
            ("csv", csv),
            ("from_applications", self.from_applications.then_some(true.into())),
            ("reason", text(&self.reason)),
        ]))
    }
}

/// What was told.
#[derive(Args, Debug)]
pub struct HoldWish {
    /// Name of the roster it is for
    #[arg(long)]
    pub roster: String,
    /// process, patch-status, policy, protection-tools, operational-guide or code-signing
    #[arg(long)]
    pub topic: String,
    /// What it is called
    #[arg(long)]
    pub title: String,
    /// The document or a link to it
    #[arg(long)]
    pub document: Option<String>,
    /// When it was held, RFC 3339; now where it is left out
    #[arg(long)]
    pub held: Option<String>,
    /// Who holds it; whoever records it where it is left out
    #[arg(long)]
    pub holder: Option<String>,
    /// Somebody of the roster who was there; may be given several times
    #[arg(long)]
    pub attended: Vec<String>,
    /// Client; may be left out where there is one
    #[arg(long)]
    pub client: Option<String>,
}

/// Runs one.
pub fn run(command: &Command, printer: &Printer) -> Result<Outcome, Failure> {
    match command {
        Command::Rosters { remote, rows } => {
            let found = whole(&client(remote)?, ROSTERS, rows.limit)?;
            let columns = [("roster", "/name", Text), ("audience", "/audience", Text), ("members", "/members", Many), ("client", "/client", Text)];
            shown(printer, rows, &found, &columns)
        }
        Command::Roster { remote, name, wish } => told(printer, &client(remote)?.change("PUT", ROSTERS, &[], &wish.body(name)?)?, "done"),
        Command::List { remote, rows } => {
            let found = whole(&client(remote)?, PATH, rows.limit)?;
            let columns = [
                ("briefing", "/id", Text),
                ("held", "/held", Time),
                ("topic", "/topic", Text),
                ("title", "/title", Text),
                ("roster", "/roster", Text),
                ("reached", "/reached", Many),
                ("by", "/holder", Text),
            ];
            shown(printer, rows, &found, &columns)
        }
        Command::Show(one) => get(&one.remote, &one.path(""), printer),
        Command::Hold { remote, wish } => {
            let wish = body([
                ("client", text(&wish.client)),
                ("roster", Some(wish.roster.as_str().into())),
                ("topic", Some(wish.topic.as_str().into())),
                ("title", Some(wish.title.as_str().into())),
                ("document", text(&wish.document)),
                ("held", text(&wish.held)),
                ("holder", text(&wish.holder)),
                ("attended", several(&wish.attended)),
            ]);
            post(remote, PATH, &wish, printer)
        }
        Command::Attended { one, member } => post(&one.remote, &one.path("/attendance"), &body([("members", several(member))]), printer),
        Command::Acknowledge(one) => post(&one.remote, &one.path("/acknowledge"), &json!({}), printer),
    }
}
