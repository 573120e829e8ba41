//! `plimsoll work`: hours that people worked, by timer, by hand, or out of a
//! ticket system.

use super::{Remote, Rows, all, body, client, file, flag, given, post, segment, shown, text};
use crate::answer::sheet::Kind::{Count, Text, Time};
use crate::printer::{Failure, Outcome, Printer};
use clap::{Args, Subcommand};
use plimsoll_formats::work::LONGEST;
use std::path::PathBuf;

const PATH: &str = "/api/v1/work";

/// Commands on work.
#[derive(Subcommand, Debug)]
pub enum Command {
    /// Start a timer
    Start {
        #[command(flatten)]
        remote: Remote,
        #[command(flatten)]
        what: What,
    },
    /// Stop a timer of one's own
    Stop {
        #[command(flatten)]
        remote: Remote,
        /// Id of the timer; may be left out where one runs
        work: Option<String>,
    },
    /// Write down hours, or minutes out of service
    Add {
        #[command(flatten)]
        remote: Remote,
        #[command(flatten)]
        what: What,
        /// Hours as a decimal number, 1.25
        #[arg(long, required_unless_present = "downtime_minutes", conflicts_with = "downtime_minutes")]
        hours: Option<String>,
        /// When it began, RFC 3339; left out, so that it ends now
        #[arg(long)]
        started: Option<String>,
        /// Minutes out of service, in place of hours
        #[arg(long)]
        downtime_minutes: Option<u64>,
        /// Tier by which those are priced
        #[arg(long, requires = "downtime_minutes")]
        tier: Option<String>,
        /// Id of the host that was out of service
        #[arg(long, requires = "downtime_minutes")]
        host: Option<String>,
    },
    /// Correct a record: a new one takes its place
    Correct {
        #[command(flatten)]
        remote: Remote,
        /// Id of the record
        work: String,
        /// Hours; 0 takes it out of all sums
        #[arg(long)]
        hours: Option<String>,
        /// Number of the step
        #[arg(long)]
        step: Option<String>,
        /// What it was for
        #[arg(long = "for")]
        subject: Option<String>,
        /// As what
        #[arg(long)]
        role: Option<String>,
        /// What was done
        #[arg(long)]
        note: Option<String>,
        /// Why it is corrected
        #[arg(long)]
        reason: String,
    },
    /// List records, the newest first
    List {
        #[command(flatten)]
        remote: Remote,
        #[command(flatten)]
        rows: Rows,
        /// Only one's own
        #[arg(long)]
        mine: bool,
        /// Only timers that run
        #[arg(long)]
        running: bool,
        /// Those too whose place a correction took
        #[arg(long)]
        corrected: bool,
        /// Only those for this subject
        #[arg(long = "for")]
        subject: Option<String>,
    },
    /// Take a ticket system's work log, CSV with ticket, date, hours, role, step, subject and note: whole or not at all
    Import {
        #[command(flatten)]
        remote: Remote,
        /// The file
        file: PathBuf,
        /// Client; may be left out where there is one
        #[arg(long)]
        client: Option<String>,
    },
}

/// What work is for.
#[derive(Args, Debug)]
pub struct What {
    /// package:SHA-256, advisory:ID, overhead:monitoring, overhead:change-procedures or overhead:guides
    #[arg(long = "for")]
    pub subject: String,
    /// Number of the step, 1.1 to 10.4; only work of a cost centre has none
    #[arg(long)]
    pub step: Option<String>,
    /// As what, a word of the policy's prices
    #[arg(long)]
    pub role: Option<String>,
    /// What was done, in a few words
    #[arg(long)]
    pub note: Option<String>,
    /// Client; may be left out where there is one, or where a package says it
    #[arg(long)]
    pub client: Option<String>,
}

/// Runs one.
pub fn run(command: &Command, printer: &Printer) -> Result<Outcome, Failure> {
    match command {
        Command::Start { remote, what } => {
            let What { subject, step, role, note, client } = what;
            let wish = body([("subject", Some(subject.as_str().into())), ("step", text(step)), ("role", text(role)), ("note", text(note)), ("client", text(client))]);
            post(remote, &format!("{PATH}/start"), &wish, printer)
        }
        Command::Stop { remote, work } => post(remote, &format!("{PATH}/stop"), &body([("work", text(work))]), printer),
        Command::Add { remote, what, hours, started, downtime_minutes, tier, host } => {
            let What { subject, step, role, note, client } = what;
            let wish = body([
                ("subject", Some(subject.as_str().into())),
                ("step", text(step)),
                ("role", text(role)),
                ("note", text(note)),
                ("client", text(client)),
                ("hours", text(hours)),
                ("started", text(started)),
                ("downtime_minutes", downtime_minutes.map(Into::into)),
                ("tier", text(tier)),
                ("host", text(host)),
            ]);
            post(remote, PATH, &wish, printer)
        }
        Command::Correct { remote, work, hours, step, subject, role, note, reason } => {
            let wish = body([
                ("hours", text(hours)),
                ("step", text(step)),
                ("subject", text(subject)),
                ("role", text(role)),
                ("note", text(note)),
                ("reason", Some(reason.as_str().into())),
            ]);
            post(remote, &format!("{PATH}/{}/correct", segment(work)), &wish, printer)
        }
        Command::List { remote, rows, mine, running, corrected, subject } => {
            let query = given([("mine", flag(*mine)), ("running", flag(*running)), ("corrected", flag(*corrected)), ("subject", subject.clone())]);
            let found = all(&client(remote)?, PATH, &query, rows.limit)?;
            let columns = [
                ("work", "/id", Text),
                ("step", "/step", Text),
                ("for", "/subject", Text),
                ("role", "/role", Text),
                ("known from", "/source", Text),
                ("began", "/started", Time),
                ("seconds", "/seconds", Count),
                ("ticket", "/ticket", Text),
                ("note", "/note", Text),
            ];
            shown(printer, rows, &found, &columns)
        }
        Command::Import { remote, file: path, client } => {
            let bytes = file(path, LONGEST, "name a work log in CSV, at most 1 MiB; bring it in parts")?;
            let log = String::from_utf8_lossy(&bytes).into_owned();
            post(remote, &format!("{PATH}/import"), &body([("csv", Some(log.into())), ("client", text(client))]), printer)
        }
    }
}
