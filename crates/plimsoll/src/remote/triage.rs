//! `plimsoll triage`: looking for traces of a break-in before a change.

use super::{Remote, Rows, all, body, client, get, given, post, segment, shown, text};
use crate::answer::sheet::Kind::{Text, Time};
use crate::printer::{Failure, Outcome, Printer};
use clap::{Args, Subcommand};

/// Commands on forensic triages.
#[derive(Subcommand, Debug)]
pub enum Command {
    /// List hosts that the policy wants looked at before a change, the most urgent first; exits 1 when there are any
    List {
        #[command(flatten)]
        remote: Remote,
        #[command(flatten)]
        rows: Rows,
        /// Only those that stand so: asked, collected, late, compromised or decided
        #[arg(long)]
        state: Option<String>,
    },
    /// Show one host's triage with everything that was said of it, as JSON
    Show(One),
    /// Say what the triage of a host came to
    Say {
        #[command(flatten)]
        one: One,
        /// scope, evidence, clean, compromised or not-possible
        step: String,
        /// Where what was taken lies: a case number, a digest, a place
        #[arg(long)]
        evidence: Option<String>,
        /// What was seen, or why it is not possible
        #[arg(long)]
        reason: Option<String>,
        /// The host was broken into, and may be changed all the same
        #[arg(long)]
        released: bool,
    },
}

/// Which host.
#[derive(Args, Debug)]
pub struct One {
    #[command(flatten)]
    pub remote: Remote,
    /// Id of the host
    pub host: String,
}

impl One {
    fn path(&self) -> String {
        format!("/api/v1/hosts/{}/triage", segment(&self.host))
    }
}

/// Runs one.
pub fn run(command: &Command, printer: &Printer) -> Result<Outcome, Failure> {
    match command {
        Command::List { remote, rows, state } => {
            let found = all(&client(remote)?, "/api/v1/triages", &given([("state", state.clone())]), rows.limit)?;
            let columns = [
                ("host", "/name", Text),
                ("stands", "/state", Text),
                ("scope by", "/scope_by", Time),
                ("evidence by", "/evidence_by", Time),
                ("decide by", "/decide_by", Time),
                ("why it waits", "/waits", Text),
            ];
            shown(printer, rows, &found, &columns)?;
            Ok(if found.iter().any(|row| row["state"] != "decided") { Outcome::No } else { Outcome::Clean })
        }
        Command::Show(one) => get(&one.remote, &one.path(), printer),
        Command::Say { one, step, evidence, reason, released } => {
            let wish = body([("step", Some(step.as_str().into())), ("evidence", text(evidence)), ("reason", text(reason)), ("released", released.then_some(true.into()))]);
            post(&one.remote, &one.path(), &wish, printer)
        }
    }
}
