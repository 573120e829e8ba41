//! `plimsoll applications`: what teams run on hosts.

use super::{Remote, Rows, body, client, file, get, patch, post, remove, segment, several, shown, text, told, whole};
use crate::answer::sheet::Kind::{Count, Many, Text};
use crate::printer::{Failure, Outcome, Printer};
use clap::{Args, Subcommand};
use plimsoll_formats::protocol::Limits;
use serde_json::Value;
use std::path::PathBuf;

const PATH: &str = "/api/v1/applications";

/// Commands on applications.
#[derive(Subcommand, Debug)]
pub enum Command {
    /// List applications; exits 1 when a component of one is overdue
    List {
        #[command(flatten)]
        remote: Remote,
        #[command(flatten)]
        rows: Rows,
    },
    /// Show one, as JSON
    Show(One),
    /// Show the findings of its own components, as JSON
    Findings(One),
    /// Make one
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
    /// Change one; what is left out stays, an empty text is taken away
    Change {
        #[command(flatten)]
        one: One,
        /// Name
        #[arg(long)]
        name: Option<String>,
        #[command(flatten)]
        wish: Wish,
    },
    /// Give it an SBOM (CycloneDX or SPDX)
    Sbom {
        #[command(flatten)]
        one: One,
        /// File
        file: PathBuf,
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

/// Which application.
#[derive(Args, Debug)]
pub struct One {
    #[command(flatten)]
    pub remote: Remote,
    /// Id of the application
    pub application: String,
}

impl One {
    fn path(&self) -> String {
        format!("{PATH}/{}", segment(&self.application))
    }
}

/// What people say of one.
#[derive(Args, Debug)]
pub struct Wish {
    /// Who answers for it
    #[arg(long)]
    pub owner: Option<String>,
    /// Who works on it
    #[arg(long)]
    pub team: Option<String>,
    /// Who is told about it; may be given several times
    #[arg(long)]
    pub stakeholder: Vec<String>,
    /// What it is for
    #[arg(long)]
    pub note: Option<String>,
    /// Id of the group whose hosts it runs on
    #[arg(long)]
    pub group: Option<String>,
    /// Id of a host it runs on; may be given several times
    #[arg(long)]
    pub host: Vec<String>,
    /// Why
    #[arg(long)]
    pub reason: Option<String>,
}

impl Wish {
    fn body(&self, name: Option<Value>, client: Option<Value>) -> Value {
        body([
            ("name", name),
            ("client", client),
            ("owner", text(&self.owner)),
            ("team", text(&self.team)),
            ("stakeholders", several(&self.stakeholder)),
            ("note", text(&self.note)),
            ("group", text(&self.group)),
            ("hosts", several(&self.host)),
            ("reason", text(&self.reason)),
        ])
    }
}

/// Runs one.
pub fn run(command: &Command, printer: &Printer) -> Result<Outcome, Failure> {
    match command {
        Command::List { remote, rows } => {
            let found = whole(&client(remote)?, PATH, rows.limit)?;
            let columns = [
                ("application", "/id", Text),
                ("name", "/name", Text),
                ("owner", "/owner", Text),
                ("team", "/team", Text),
                ("hosts", "/hosts", Many),
                ("components", "/components", Count),
                ("findings", "/findings", Count),
                ("overdue", "/overdue", Count),
            ];
            shown(printer, rows, &found, &columns)?;
            let overdue = found.iter().any(|row| row["overdue"].as_u64() > Some(0));
            Ok(if overdue { Outcome::No } else { Outcome::Clean })
        }
        Command::Show(one) => get(&one.remote, &one.path(), printer),
        Command::Findings(one) => get(&one.remote, &format!("{}/findings", one.path()), printer),
        Command::Create { remote, name, wish, client } => post(remote, PATH, &wish.body(Some(name.as_str().into()), text(client)), printer),
        Command::Change { one, name, wish } => patch(&one.remote, &one.path(), &wish.body(text(name), None), printer),
        Command::Sbom { one, file: from } => {
            let bytes = file(from, Limits::REPORT.compressed, "name a CycloneDX or SPDX file")?;
            let answer = client(&one.remote)?.send("PUT", &format!("{}/sbom", one.path()), "application/octet-stream", &bytes)?;
            told(printer, &answer, "done")
        }
        Command::Remove { one, reason } => remove(&one.remote, &one.path(), reason, printer),
    }
}
