//! `plimsoll exceptions`: findings that somebody accepts for a time.

use super::{Remote, Rows, all, body, client, get, given, post, segment, several, shown, text};
use crate::answer::sheet::Kind::{Count, List, Text, Time};
use crate::printer::{Failure, Outcome, Printer};
use clap::{Args, Subcommand};
use serde_json::Value;

const PATH: &str = "/api/v1/exceptions";

/// Commands on exceptions.
#[derive(Subcommand, Debug)]
pub enum Command {
    /// List exceptions, the newest first
    List {
        #[command(flatten)]
        remote: Remote,
        #[command(flatten)]
        rows: Rows,
        /// Only those that stand so: requested, approved, refused, expired, withdrawn or replaced
        #[arg(long)]
        standing: Option<String>,
        /// Only those about this advisory
        #[arg(long)]
        advisory: Option<String>,
        /// Only those about an open finding of this host, by its id
        #[arg(long)]
        host: Option<String>,
    },
    /// Show one, as JSON
    Show(One),
    /// Ask for one; somebody else approves it
    Request {
        #[command(flatten)]
        remote: Remote,
        #[command(flatten)]
        wish: Wish,
    },
    /// Approve one that somebody else asked for. It asks for a fresh proof of the person, so that the server refuses a
    /// token: approve in the console
    Approve(Answer),
    /// Refuse one that somebody asked for
    Refuse(Because),
    /// Note that one in force was looked at again, and what came of it
    Review(Because),
    /// Take one back; its findings count again at once
    Withdraw(Because),
    /// Ask for the renewal of one; approved, it takes its place
    Renew {
        #[command(flatten)]
        one: One,
        /// Moment in which it ends, RFC 3339
        #[arg(long)]
        until: String,
        /// Why it is still needed
        #[arg(long)]
        reason: String,
        /// What stands in meanwhile; as before where it is left out
        #[arg(long)]
        control: Option<String>,
        /// Who answers for the risk; as before where it is left out
        #[arg(long)]
        owner: Option<String>,
    },
}

/// Which exception.
#[derive(Args, Debug)]
pub struct One {
    #[command(flatten)]
    pub remote: Remote,
    /// Id of the exception
    pub exception: String,
}

impl One {
    fn path(&self, act: &str) -> String {
        format!("{PATH}/{}{act}", segment(&self.exception))
    }
}

/// Which, and perhaps why.
#[derive(Args, Debug)]
pub struct Answer {
    #[command(flatten)]
    pub one: One,
    /// Remark
    #[arg(long)]
    pub reason: Option<String>,
}

/// Which, and why.
#[derive(Args, Debug)]
pub struct Because {
    #[command(flatten)]
    pub one: One,
    /// Why
    #[arg(long)]
    pub reason: String,
}

impl Because {
    fn send(&self, act: &str, printer: &Printer) -> Result<Outcome, Failure> {
        post(&self.one.remote, &self.one.path(act), &body([("reason", Some(self.reason.as_str().into()))]), printer)
    }
}

/// What is asked for.
#[derive(Args, Debug)]
pub struct Wish {
    /// Advisory, by the id that findings carry; may be given several times
    #[arg(long, required = true)]
    pub advisory: Vec<String>,
    /// Package it is limited to
    #[arg(long)]
    pub package: Option<String>,
    /// Id of a host; may be given several times
    #[arg(long, required_unless_present_any = ["group", "all_hosts"])]
    pub host: Vec<String>,
    /// Id of a group, whose hosts it is about at each moment
    #[arg(long, conflicts_with = "host")]
    pub group: Option<String>,
    /// All hosts of the client
    #[arg(long, conflicts_with_all = ["host", "group"])]
    pub all_hosts: bool,
    /// What justifies it: no-fix-available, operational-requirement, deferral, mitigated, client-refusal or accepted
    #[arg(long)]
    pub kind: String,
    /// Who answers for the risk while it lasts
    #[arg(long)]
    pub owner: String,
    /// Why
    #[arg(long)]
    pub reason: String,
    /// What stands in meanwhile
    #[arg(long)]
    pub control: Option<String>,
    /// Moment in which it ends, RFC 3339
    #[arg(long)]
    pub until: String,
    /// Client; may be left out where there is one
    #[arg(long)]
    pub client: Option<String>,
}

impl Wish {
    fn body(&self) -> Value {
        body([
            ("client", text(&self.client)),
            ("advisories", several(&self.advisory)),
            ("package", text(&self.package)),
            ("hosts", several(&self.host)),
            ("group", text(&self.group)),
            ("all_hosts", self.all_hosts.then_some(true.into())),
            ("kind", Some(self.kind.as_str().into())),
            ("owner", Some(self.owner.as_str().into())),
            ("reason", Some(self.reason.as_str().into())),
            ("control", text(&self.control)),
            ("until", Some(self.until.as_str().into())),
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
                ("exception", "/id", Text),
                ("stands", "/state", Text),
                ("until", "/until", Time),
                ("look again by", "/review_due", Time),
                ("advisories", "/advisories", List),
                ("kind", "/kind", Text),
                ("findings", "/findings", Count),
                ("owner", "/owner", Text),
                ("asked by", "/requester", Text),
                ("reason", "/reason", Text),
            ];
            shown(printer, rows, &found, &columns)
        }
        Command::Show(one) => get(&one.remote, &one.path(""), printer),
        Command::Request { remote, wish } => post(remote, PATH, &wish.body(), printer),
        Command::Approve(answer) => {
            post(&answer.one.remote, &answer.one.path("/approve"), &body([("reason", text(&answer.reason))]), printer)
        }
        Command::Refuse(because) => because.send("/refuse", printer),
        Command::Review(because) => because.send("/review", printer),
        Command::Withdraw(because) => because.send("/withdraw", printer),
        Command::Renew { one, until, reason, control, owner } => {
            let wish = body([
                ("until", Some(until.as_str().into())),
                ("reason", Some(reason.as_str().into())),
                ("control", text(control)),
                ("owner", text(owner)),
            ]);
            post(&one.remote, &one.path("/renew"), &wish, printer)
        }
    }
}
