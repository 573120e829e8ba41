//! `plimsoll hosts`: the machines that a server looks after.

use super::{Remote, Rows, all, body, client, file, flag, get, given, patch, post, segment, shown, text};
use crate::answer::sheet::{Column, Kind::{Count, List, Seen, Text, Time}};
use crate::printer::{Failure, Outcome, Printer};
use clap::{Args, Subcommand};
use plimsoll_core::model::problem::Problem;
use plimsoll_formats::protocol::Limits;
use serde_json::{Value, json};
use std::path::PathBuf;

const PATH: &str = "/api/v1/hosts";

/// Commands on hosts.
#[derive(Subcommand, Debug)]
pub enum Command {
    /// List hosts, the most urgent first; exits 1 when something is overdue
    List {
        #[command(flatten)]
        remote: Remote,
        #[command(flatten)]
        rows: Rows,
        /// Conditions: `environment = prod, label.role = web | proxy, name != test-*`
        #[arg(long)]
        filter: Option<String>,
        /// Part of the name
        #[arg(long)]
        name: Option<String>,
        /// active, silent, waiting, pending or retired
        #[arg(long)]
        state: Option<String>,
        /// Only hosts with something overdue
        #[arg(long)]
        overdue: bool,
        /// overdue, name, last_seen, security_updates, findings or next_due
        #[arg(long)]
        order: Option<String>,
    },
    /// Show one host with findings, updates and reasons, as JSON
    Show(One),
    /// List what came and went on a host, newest first
    History {
        #[command(flatten)]
        one: One,
        #[command(flatten)]
        rows: Rows,
    },
    /// Enter a host that runs no agent by hand; entered again, its components are replaced
    Create {
        #[command(flatten)]
        remote: Remote,
        /// Name
        name: String,
        /// File with a JSON array of components, as /openapi.json describes them
        #[arg(long, value_name = "FILE")]
        components: Option<PathBuf>,
        /// Client; may be left out where there is one
        #[arg(long)]
        client: Option<String>,
    },
    /// Change what people say of a host; what is left out stays, an empty text is taken away
    Change {
        #[command(flatten)]
        one: One,
        /// NAME=VALUE; all labels of the host, may be given several times
        #[arg(long, value_name = "NAME=VALUE")]
        label: Vec<String>,
        /// Tier
        #[arg(long)]
        tier: Option<String>,
        /// open, controlled or small
        #[arg(long)]
        exposure: Option<String>,
        /// Environment
        #[arg(long)]
        environment: Option<String>,
        /// Owner
        #[arg(long)]
        owner: Option<String>,
        /// Why
        #[arg(long)]
        reason: Option<String>,
    },
    /// Accept a host that waits for a decision
    Accept(Act),
    /// Retire a host: its key is refused, its history stays
    Retire(Act),
    /// Take the flag off a host that somebody looked at
    Unflag(Act),
    /// Make a one-time token and the command with which a host joins
    #[command(name = "join-command")]
    Invite {
        #[command(flatten)]
        remote: Remote,
        /// Hosts it lets in
        #[arg(long, default_value_t = 1)]
        uses: u32,
        /// Hours it lives
        #[arg(long, default_value_t = 24)]
        hours: u16,
        /// Id of the group that they join
        #[arg(long)]
        group: Option<String>,
        /// What it is for
        #[arg(long)]
        note: Option<String>,
        /// Client; may be left out where there is one
        #[arg(long)]
        client: Option<String>,
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
        format!("{PATH}/{}", segment(&self.host))
    }
}

/// Something done to a host, and why.
#[derive(Args, Debug)]
pub struct Act {
    #[command(flatten)]
    pub one: One,
    /// Why
    #[arg(long)]
    pub reason: Option<String>,
}

/// What a list of hosts shows.
pub const COLUMNS: &[Column] = &[
    ("host", "/name", Text),
    ("state", "/state", Text),
    ("last seen", "/last_seen", Seen),
    ("updates", "/updates", Count),
    ("security", "/security_updates", Count),
    ("findings", "/findings", Count),
    ("overdue", "/overdue", Count),
    ("next due", "/next_due", Time),
    ("id", "/id", Text),
];

/// Runs one.
pub fn run(command: &Command, printer: &Printer) -> Result<Outcome, Failure> {
    match command {
        Command::List { remote, rows, filter, name, state, overdue, order } => {
            let query = given([("filter", filter.clone()), ("name", name.clone()), ("state", state.clone()), ("overdue", flag(*overdue)), ("order", order.clone())]);
            let found = all(&client(remote)?, PATH, &query, rows.limit)?;
            shown(printer, rows, &found, COLUMNS)?;
            let late = found.iter().any(|row| row["overdue"].as_u64() > Some(0));
            Ok(if late { Outcome::No } else { Outcome::Clean })
        }
        Command::Show(one) => get(&one.remote, &one.path(), printer),
        Command::History { one, rows } => {
            let take = given([("take", rows.limit.map(|limit| limit.clamp(1, super::PAGE).to_string()))]);
            let found: Vec<Value> = client(&one.remote)?.get(&format!("{}/history", one.path()), &take)?;
            shown(printer, rows, &found, &[("when", "/at", Time), ("came", "/opened", List), ("went", "/closed", List)])
        }
        Command::Create { remote, name, components, client } => {
            let components = components.as_deref().map(read_components).transpose()?;
            post(remote, PATH, &body([("name", Some(name.as_str().into())), ("client", text(client)), ("components", components)]), printer)
        }
        Command::Change { one, label, tier, exposure, environment, owner, reason } => {
            let wish = body([
                ("labels", labels(label)?),
                ("tier", text(tier)),
                ("exposure", text(exposure)),
                ("environment", text(environment)),
                ("owner", text(owner)),
                ("reason", text(reason)),
            ]);
            patch(&one.remote, &one.path(), &wish, printer)
        }
        Command::Accept(act) => act_on(act, "accept", printer),
        Command::Retire(act) => act_on(act, "retire", printer),
        Command::Unflag(act) => act_on(act, "unflag", printer),
        Command::Invite { remote, uses, hours, group, note, client } => {
            let wish = body([("uses", Some(json!(uses))), ("hours", Some(json!(hours))), ("group", text(group)), ("note", text(note)), ("client", text(client))]);
            post(remote, "/api/v1/enrolment-tokens", &wish, printer)
        }
    }
}

fn act_on(act: &Act, verb: &str, printer: &Printer) -> Result<Outcome, Failure> {
    post(&act.one.remote, &format!("{}/{verb}", act.one.path()), &body([("reason", text(&act.reason))]), printer)
}

fn labels(given: &[String]) -> Result<Option<Value>, Failure> {
    let read = |label: &String| {
        let parts = label.split_once('=').map(|(name, value)| (name.to_owned(), Value::from(value)));
        parts.ok_or_else(|| Failure::input(Problem::new("E-USAGE", format!("--label {label}"), "has no `=`", "write NAME=VALUE")))
    };
    let labels = given.iter().map(read).collect::<Result<serde_json::Map<_, _>, _>>()?;
    Ok((!labels.is_empty()).then_some(Value::Object(labels)))
}

fn read_components(path: &std::path::Path) -> Result<Value, Failure> {
    let next = "name a file with a JSON array of components";
    let bytes = file(path, Limits::REPORT.compressed, next)?;
    serde_json::from_slice(&bytes).map_err(|error| Failure::input(Problem::new("E-JSON", path.display().to_string(), error.to_string(), next)))
}
