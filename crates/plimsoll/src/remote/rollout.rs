//! `plimsoll rollout`: accepted packages under way.

use super::{Remote, Rows, all, body, client, flag, get, given, post, segment, shown, text, whole};
use crate::answer::sheet::Kind::{Count, Text, Time};
use crate::arguments::Written;
use crate::printer::{Failure, Outcome, Printer};
use clap::{Args, Subcommand};

const PATH: &str = "/api/v1/rollouts";

/// Commands on rollouts.
#[derive(Subcommand, Debug)]
pub enum Command {
    /// Start the rollout of an accepted package
    Start(Act),
    /// List rollouts, newest first; exits 1 when the gate of a running one is shut
    List {
        #[command(flatten)]
        remote: Remote,
        #[command(flatten)]
        rows: Rows,
    },
    /// Show one with its rings and why it stands as it does, as JSON
    Show(One),
    /// List its hosts
    Hosts {
        #[command(flatten)]
        one: One,
        #[command(flatten)]
        rows: Rows,
        /// waits, at-work, succeeded, failed, silent, away or left-out
        #[arg(long)]
        phase: Option<String>,
    },
    /// Write its record, made of the evidence log alone; `evidence record` makes the same of an exported log
    Record {
        #[command(flatten)]
        one: One,
        #[command(flatten)]
        written: Written,
    },
    /// Write its windows as an iCalendar file; written again after an abort it takes them away
    Calendar {
        #[command(flatten)]
        one: One,
        /// Where to; standard output otherwise
        #[arg(long)]
        output: Option<std::path::PathBuf>,
    },
    /// Let nothing more start until it is resumed; what runs ends
    Pause(Act),
    /// Let a paused rollout go on
    Resume {
        #[command(flatten)]
        act: Act,
        /// Have hosts that failed try again
        #[arg(long)]
        retry: bool,
    },
    /// Let nothing more start ever; what runs ends
    Abort(Act),
    /// Say what was seen by hand at a host that the package's digest draws; `show` names them
    Look {
        #[command(flatten)]
        one: One,
        /// Id of the host
        #[arg(long)]
        host: String,
        /// It was not as it should be
        #[arg(long)]
        otherwise: bool,
        /// What was looked at, and what was seen
        #[arg(long)]
        note: String,
    },
    /// Say that a ticket names the change as its cause
    Ticket {
        #[command(flatten)]
        one: One,
        /// What it is called where it is kept
        ticket: String,
        /// It does not any more
        #[arg(long)]
        not_caused: bool,
        /// Why
        #[arg(long)]
        note: String,
    },
}

/// Which rollout.
#[derive(Args, Debug)]
pub struct One {
    #[command(flatten)]
    pub remote: Remote,
    /// Digest of its package
    pub package: String,
}

impl One {
    fn path(&self, more: &str) -> String {
        format!("{PATH}/{}{more}", segment(&self.package))
    }
}

/// Something done to a rollout, and why.
#[derive(Args, Debug)]
pub struct Act {
    #[command(flatten)]
    pub one: One,
    /// Why
    #[arg(long)]
    pub reason: Option<String>,
}

impl Act {
    fn post(&self, more: &str, printer: &Printer) -> Result<Outcome, Failure> {
        post(&self.one.remote, &self.one.path(more), &body([("reason", text(&self.reason))]), printer)
    }
}

/// Runs one.
pub fn run(command: &Command, printer: &Printer) -> Result<Outcome, Failure> {
    match command {
        Command::Start(act) => {
            let wish = body([("package", Some(act.one.package.as_str().into())), ("reason", text(&act.reason))]);
            post(&act.one.remote, PATH, &wish, printer)
        }
        Command::List { remote, rows } => {
            let found = whole(&client(remote)?, PATH, rows.limit)?;
            let columns = [("name", "/name", Text), ("version", "/version", Count), ("state", "/state", Text), ("gate", "/gate", Text), ("started", "/started", Time), ("title", "/title", Text), ("package", "/package", Text)];
            shown(printer, rows, &found, &columns)?;
            let shut = found.iter().any(|row| row["state"] == "running" && row["gate"] == "shut");
            Ok(if shut { Outcome::No } else { Outcome::Clean })
        }
        Command::Show(one) => get(&one.remote, &one.path(""), printer),
        Command::Hosts { one, rows, phase } => {
            let query = given([("phase", phase.clone())]);
            let found = all(&client(&one.remote)?, &one.path("/hosts"), &query, rows.limit)?;
            let columns = [("host", "/name", Text), ("ring", "/ring", Text), ("window", "/window", Text), ("phase", "/phase", Text), ("outcome", "/outcome", Text), ("cause", "/cause", Text), ("confirmed", "/confirmed", Text), ("observed", "/observed", Time), ("id", "/host", Text)];
            shown(printer, rows, &found, &columns)
        }
        Command::Record { one, written } => {
            let query = given([("format", Some(written.format.word().to_owned())), ("notes", flag(written.notes))]);
            let bytes = client(&one.remote)?.bytes(&one.path("/record"), &query)?;
            printer.file(written.output.as_deref(), &bytes)?;
            Ok(Outcome::Clean)
        }
        Command::Calendar { one, output } => {
            let bytes = client(&one.remote)?.bytes(&one.path("/calendar"), &[])?;
            printer.file(output.as_deref(), &bytes)?;
            Ok(Outcome::Clean)
        }
        Command::Pause(act) => act.post("/pause", printer),
        Command::Resume { act, retry } => {
            let wish = body([("retry", retry.then(|| true.into())), ("reason", text(&act.reason))]);
            post(&act.one.remote, &act.one.path("/resume"), &wish, printer)
        }
        Command::Abort(act) => act.post("/abort", printer),
        Command::Look { one, host, otherwise, note } => {
            let wish = body([("host", Some(host.as_str().into())), ("held", Some((!otherwise).into())), ("note", Some(note.as_str().into()))]);
            post(&one.remote, &one.path("/looks"), &wish, printer)
        }
        Command::Ticket { one, ticket, not_caused, note } => {
            let wish = body([("ticket", Some(ticket.as_str().into())), ("caused", Some((!not_caused).into())), ("note", Some(note.as_str().into()))]);
            post(&one.remote, &one.path("/tickets"), &wish, printer)
        }
    }
}
