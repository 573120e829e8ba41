//! `plimsoll meetings`: operations and development about an application.

use super::{Remote, Rows, body, client, get, given, post, segment, several, shown, text, told, whole};
use crate::answer::sheet::Kind::{Many, Text, Time};
use crate::printer::{Failure, Outcome, Printer};
use crate::remote::report::ReportFormat;
use clap::{Args, Subcommand, ValueEnum};
use plimsoll_core::model::problem::Problem;
use serde_json::{Value, json};
use std::path::PathBuf;

const PATH: &str = "/api/v1/meetings";

/// Commands on meetings.
#[derive(Subcommand, Debug)]
pub enum Command {
    /// List meetings, the newest first
    List {
        #[command(flatten)]
        remote: Remote,
        #[command(flatten)]
        rows: Rows,
    },
    /// List when meetings are due, the earliest first; exits 1 when one was missed
    Due {
        #[command(flatten)]
        remote: Remote,
        #[command(flatten)]
        rows: Rows,
    },
    /// Show one with its minutes, as JSON
    Show {
        #[command(flatten)]
        remote: Remote,
        /// Id of the meeting
        meeting: String,
    },
    /// Write the agenda of an application's next meeting
    Agenda {
        #[command(flatten)]
        about: About,
        /// Form; left out, markdown
        #[arg(long, value_enum)]
        format: Option<ReportFormat>,
        /// File; left out, standard output
        #[arg(long, short, value_name = "FILE")]
        output: Option<PathBuf>,
    },
    /// Say how often is met about an application
    Cadence {
        #[command(flatten)]
        about: About,
        /// How often, ISO 8601: P1M; left out, what the policy says
        #[arg(long)]
        every: Option<String>,
    },
    /// Record one that was held
    Hold {
        #[command(flatten)]
        about: About,
        /// Who was there; may be given several times
        #[arg(long, required = true)]
        present: Vec<String>,
        /// What was said
        #[arg(long)]
        minutes: String,
        /// What was decided; may be given several times
        #[arg(long)]
        decision: Vec<String>,
        /// What is to be done, by whom and by when; may be given several times
        #[arg(long, value_name = "OWNER|RFC3339|WHAT")]
        action: Vec<String>,
        /// When it was held, RFC 3339; now where it is left out
        #[arg(long)]
        held: Option<String>,
    },
    /// Note that an action was done
    Done {
        #[command(flatten)]
        remote: Remote,
        /// Id of the meeting
        meeting: String,
        /// Place of the action in its list, from 0 on
        action: usize,
        /// What came of it
        #[arg(long)]
        note: Option<String>,
    },
}

/// Which application.
#[derive(Args, Debug)]
pub struct About {
    #[command(flatten)]
    pub remote: Remote,
    /// Id of the application
    pub application: String,
}

impl About {
    fn path(&self, act: &str) -> String {
        format!("/api/v1/applications/{}{act}", segment(&self.application))
    }
}

fn action(text: &str) -> Result<Value, Failure> {
    let mut parts = text.splitn(3, '|').map(str::trim);
    match (parts.next(), parts.next(), parts.next()) {
        (Some(owner), Some(due), Some(what)) => Ok(json!({ "owner": owner, "due": due, "what": what })),
        _ => Err(Failure::input(Problem::new("E-USAGE", "--action", format!("{text:?} has fewer than three parts"), "write it as 'Ada|2026-12-01T16:00:00Z|book the window'"))),
    }
}

/// Runs one.
pub fn run(command: &Command, printer: &Printer) -> Result<Outcome, Failure> {
    match command {
        Command::List { remote, rows } => {
            let found = whole(&client(remote)?, PATH, rows.limit)?;
            let columns = [
                ("meeting", "/id", Text),
                ("held", "/held", Time),
                ("application", "/application", Text),
                ("present", "/attendance", Many),
                ("decisions", "/decisions", Many),
                ("actions", "/actions", Many),
            ];
            shown(printer, rows, &found, &columns)
        }
        Command::Due { remote, rows } => {
            let found = whole(&client(remote)?, &format!("{PATH}/due"), rows.limit)?;
            let columns = [
                ("application", "/application", Text),
                ("name", "/name", Text),
                ("every", "/every", Text),
                ("last", "/last", Time),
                ("due", "/due", Time),
                ("overdue", "/overdue", Text),
            ];
            shown(printer, rows, &found, &columns)?;
            Ok(if found.iter().any(|row| row["overdue"] == true) { Outcome::No } else { Outcome::Clean })
        }
        Command::Show { remote, meeting } => get(remote, &format!("{PATH}/{}", segment(meeting)), printer),
        Command::Agenda { about, format, output } => {
            let form = format.unwrap_or(ReportFormat::Markdown).to_possible_value();
            let query = given([("application", Some(about.application.clone())), ("format", form.map(|form| form.get_name().to_owned()))]);
            let bytes = client(&about.remote)?.bytes("/api/v1/reports/agenda", &query)?;
            printer.file(output.as_deref(), &bytes)?;
            Ok(Outcome::Clean)
        }
        Command::Cadence { about, every } => {
            let answer = client(&about.remote)?.change("PUT", &about.path("/cadence"), &[], &body([("every", text(every))]))?;
            told(printer, &answer, "done")
        }
        Command::Hold { about, present, minutes, decision, action: actions, held } => {
            let actions: Vec<Value> = actions.iter().map(|text| action(text)).collect::<Result<_, _>>()?;
            let wish = body([
                ("attendance", several(present)),
                ("minutes", Some(minutes.as_str().into())),
                ("decisions", several(decision)),
                ("actions", Some(actions.into())),
                ("held", text(held)),
            ]);
            post(&about.remote, &about.path("/meetings"), &wish, printer)
        }
        Command::Done { remote, meeting, action, note } => {
            post(remote, &format!("{PATH}/{}/actions/{action}/done", segment(meeting)), &body([("note", text(note))]), printer)
        }
    }
}
