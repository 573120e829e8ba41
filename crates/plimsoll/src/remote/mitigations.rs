//! `plimsoll mitigations`: what was done on hosts in place of a patch.

use super::{Remote, Rows, all, body, client, get, given, post, segment, several, shown, text};
use crate::answer::sheet::Kind::{Count, List, Many, Text, Time};
use crate::printer::{Failure, Outcome, Printer};
use clap::{Args, Subcommand};
use serde_json::Value;

const PATH: &str = "/api/v1/mitigations";

/// Commands on mitigations.
#[derive(Subcommand, Debug)]
pub enum Command {
    /// List mitigations, the newest first; exits 1 when one is to be removed or its check was missed
    List {
        #[command(flatten)]
        remote: Remote,
        #[command(flatten)]
        rows: Rows,
        /// Only those that stand so: to-remove, overdue, unverified, verified or removed
        #[arg(long)]
        standing: Option<String>,
        /// Only those for this advisory
        #[arg(long)]
        advisory: Option<String>,
        /// Only those that were applied on this host, by its id
        #[arg(long)]
        host: Option<String>,
    },
    /// Show one with its hosts, as JSON
    Show(One),
    /// Write down one that was applied; of the hosts named, those with an open finding are kept
    Add {
        #[command(flatten)]
        remote: Remote,
        #[command(flatten)]
        wish: Wish,
    },
    /// Note that one was seen to work
    Verify {
        #[command(flatten)]
        one: One,
        /// Moment in which that counts no more, RFC 3339; as long as the policy allows where it is left out
        #[arg(long)]
        until: Option<String>,
        /// What was seen
        #[arg(long)]
        note: Option<String>,
    },
    /// Note that one was removed
    Remove {
        #[command(flatten)]
        one: One,
        /// Id of a host it was removed from; may be given several times, all of them where it is left out
        #[arg(long)]
        host: Vec<String>,
        /// Why
        #[arg(long)]
        reason: String,
    },
}

/// Which mitigation.
#[derive(Args, Debug)]
pub struct One {
    #[command(flatten)]
    pub remote: Remote,
    /// Id of the mitigation
    pub mitigation: String,
}

impl One {
    fn path(&self, act: &str) -> String {
        format!("{PATH}/{}{act}", segment(&self.mitigation))
    }
}

/// What was done.
#[derive(Args, Debug)]
pub struct Wish {
    /// Advisory it is for, by the id that findings carry; may be given several times
    #[arg(long, required = true)]
    pub advisory: Vec<String>,
    /// Id of a host it was applied on; may be given several times
    #[arg(long, required_unless_present_any = ["group", "all_hosts"])]
    pub host: Vec<String>,
    /// Id of a group it was applied on
    #[arg(long, conflicts_with = "host")]
    pub group: Option<String>,
    /// It was applied on all hosts of the client
    #[arg(long, conflicts_with_all = ["host", "group"])]
    pub all_hosts: bool,
    /// isolate, disable-service, configuration, filter or monitoring
    #[arg(long)]
    pub measure: String,
    /// What was done
    #[arg(long)]
    pub done: String,
    /// How it is seen to work
    #[arg(long)]
    pub verify: String,
    /// Name of the check that sees it
    #[arg(long)]
    pub check: Option<String>,
    /// Who answers for it; the policy's owner of mitigations where it is left out
    #[arg(long)]
    pub owner: Option<String>,
    /// Client; may be left out where there is one
    #[arg(long)]
    pub client: Option<String>,
    /// Why
    #[arg(long)]
    pub reason: Option<String>,
}

impl Wish {
    fn body(&self) -> Value {
        body([
            ("client", text(&self.client)),
            ("advisories", several(&self.advisory)),
            ("hosts", several(&self.host)),
            ("group", text(&self.group)),
            ("all_hosts", self.all_hosts.then_some(true.into())),
            ("measure", Some(self.measure.as_str().into())),
            ("done", Some(self.done.as_str().into())),
            ("verify", Some(self.verify.as_str().into())),
            ("check", text(&self.check)),
            ("owner", text(&self.owner)),
            ("reason", text(&self.reason)),
        ])
    }
}

/// Runs one.
pub fn run(command: &Command, printer: &Printer) -> Result<Outcome, Failure> {
    match command {
        Command::List { remote, rows, standing, advisory, host } => {
            let query = given([("standing", standing.clone()), ("advisory", advisory.clone()), ("host", host.clone())]);
            let found = all(&client(remote)?, PATH, &query, rows.limit)?;
            let columns = [
                ("mitigation", "/id", Text),
                ("stands", "/state", Text),
                ("advisories", "/advisories", List),
                ("measure", "/measure", Text),
                ("hosts", "/hosts", Many),
                ("to remove", "/to_remove", Count),
                ("next check", "/next_check", Time),
                ("owner", "/owner", Text),
                ("done", "/done", Text),
            ];
            shown(printer, rows, &found, &columns)?;
            let asks = found.iter().any(|row| row["state"] == "to-remove" || row["state"] == "overdue");
            Ok(if asks { Outcome::No } else { Outcome::Clean })
        }
        Command::Show(one) => get(&one.remote, &one.path(""), printer),
        Command::Add { remote, wish } => post(remote, PATH, &wish.body(), printer),
        Command::Verify { one, until, note } => {
            post(&one.remote, &one.path("/verify"), &body([("until", text(until)), ("note", text(note))]), printer)
        }
        Command::Remove { one, host, reason } => {
            let wish = body([("hosts", several(host)), ("reason", Some(reason.as_str().into()))]);
            post(&one.remote, &one.path("/remove"), &wish, printer)
        }
    }
}
