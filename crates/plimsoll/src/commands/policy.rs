//! `plimsoll policy`: presets, drafts, what a policy says, and the one of a server.

mod difference;
mod explain;
mod init;
mod lint;
mod render;
mod simulate;
mod table;
mod versions;

use super::basis;
use crate::arguments::{PlainFormat, Policy, Remote};
use crate::client::Client;
use crate::printer::{Failure, Outcome, Printer};
use plimsoll_core::model::policy::Status;
use plimsoll_core::model::problem::{Problem, printable};
use plimsoll_formats::policy;
use plimsoll_server::policy::{PolicyCheck, PolicyFile, PolicyPreview};
use std::path::Path;

/// Runs the command.
pub fn run(command: Policy, printer: &Printer) -> Result<Outcome, Failure> {
    match command {
        Policy::Presets { format } => presets(format, printer),
        Policy::Show { preset } => match policy::preset(&preset) {
            Some(text) => {
                printer.data(text)?;
                Ok(Outcome::Clean)
            }
            None => Err(Failure::input(Problem::new(
                "E-PRESET",
                &preset,
                "is no preset",
                "`plimsoll policy presets` lists them",
            ))),
        },
        Policy::InForce { remote, format } => {
            let file: PolicyFile = Client::new(&remote)?.get("/api/v1/policy/file", &[])?;
            match format {
                PlainFormat::Json => super::json(printer, &file)?,
                PlainFormat::Text => printer.data(&file.text)?,
            }
            Ok(Outcome::Clean)
        }
        Policy::Check { file, remote, format } => check(&file, &remote, format, printer),
        Policy::Simulate { policy, remote, days, client, format } => {
            simulate::run(&simulate::Wish { policy: &policy, remote: &remote, days, client: client.as_deref(), format }, printer)
        }
        Policy::Apply { file, remote, reason, accept_longer, check, format } => {
            versions::apply(&versions::Wish { file: &file, reason: &reason, accept_longer, check, remote: &remote, format }, printer)
        }
        Policy::Versions { remote, format } => versions::list(&remote, format, printer),
        Policy::Version { number, remote, format } => versions::one(number, &remote, format, printer),
        Policy::Propose { file, remote, reason, format } => versions::propose(&file, &reason, &remote, format, printer),
        Policy::Comment { number, text, remote, format } => versions::say(number, "comment", &text, &remote, format, printer),
        Policy::Withdraw { number, remote, reason, format } => versions::say(number, "withdraw", &reason, &remote, format, printer),
        Policy::Set { file, remote, reason, replaces, accept_longer } => {
            let wish = serde_json::json!({ "text": basis::read_policy(&file)?, "reason": reason, "replaces": replaces, "accept_longer": accept_longer });
            let file: PolicyFile = read(Client::new(&remote)?.change("PUT", "/api/v1/policy/file", &[], &wish)?)?;
            printer.data(&format!("in force: {}\n", file.digest))?;
            Ok(Outcome::Clean)
        }
        Policy::Review { remote, reason } => {
            let file: PolicyFile = read(Client::new(&remote)?.change("POST", "/api/v1/policy/review", &[], &serde_json::json!({ "text": reason }))?)?;
            let next = file.review_due.map_or_else(|| "it does not say how often it is looked at anew".to_owned(), |due| format!("to be looked at anew by {due}"));
            printer.data(&format!("reviewed: {next}\n"))?;
            Ok(Outcome::Clean)
        }
        Policy::Init(arguments) => init::run(&arguments, printer),
        Policy::Lint { policy, format } => lint::run(&policy, format, printer),
        Policy::Table(arguments) => table::run(&arguments, printer),
        Policy::Diff(arguments) => difference::run(&arguments, printer),
        Policy::Explain(arguments) => explain::run(&arguments, printer),
        Policy::Render(arguments) => render::run(&arguments, printer),
    }
}

/// A preset as it is listed.
#[derive(serde::Serialize)]
struct Listed {
    name: &'static str,
    title: String,
    status: Status,
    as_of: Option<String>,
    source: String,
    marks: Vec<String>,
}

fn presets(format: PlainFormat, printer: &Printer) -> Result<Outcome, Failure> {
    let mut listed = Vec::new();
    for preset in policy::PRESETS {
        let set = basis::policies(Some(preset.name))?;
        if let Some(policy) = set.policies.into_iter().next() {
            let (title, status, as_of) = (policy.title, policy.status, policy.as_of);
            listed.push(Listed { name: preset.name, title, status, as_of, source: policy.source, marks: policy.marks });
        }
    }
    match format {
        PlainFormat::Json => super::json(printer, &listed)?,
        PlainFormat::Text => {
            let mut text = String::new();
            for preset in &listed {
                let status = match preset.status {
                    Status::InForce => "",
                    Status::Legacy => " (legacy)",
                    Status::Proposed => " (proposed)",
                };
                text.push_str(&format!("{:<22} {}{status}\n", preset.name, preset.title));
                let day = preset.as_of.as_deref().unwrap_or("an unknown day");
                text.push_str(&format!("{:<22} checked {day} against {}\n", "", preset.source));
            }
            printer.data(&text)?;
        }
    }
    Ok(Outcome::Clean)
}

/// Reads what a server answered.
fn read<T: serde::de::DeserializeOwned>(answer: serde_json::Value) -> Result<T, Failure> {
    serde_json::from_value(answer).map_err(|error| {
        Failure::unfinished(Problem::new("E-FORMAT", "the server's answer", error.to_string(), "use a command line of the server's version"))
    })
}

/// Asks a server what a policy would change: 1 when it cannot be put in force.
fn check(file: &Path, remote: &Remote, format: PlainFormat, printer: &Printer) -> Result<Outcome, Failure> {
    let draft = serde_json::json!({ "text": basis::read_policy(file)? });
    let checked: PolicyCheck = read(Client::new(remote)?.change("POST", "/api/v1/policy/check", &[], &draft)?)?;
    match format {
        PlainFormat::Json => super::json(printer, &checked)?,
        PlainFormat::Text => {
            let mut text = String::new();
            for problem in &checked.problems {
                text.push_str(&format!("{} {}: {}\n  → {}\n", problem.code, problem.place, printable(&problem.text), printable(&problem.next)));
            }
            if let Some(preview) = &checked.preview {
                let PolicyPreview { hosts, hosts_in_all, sooner, later, dated, undated, unchanged, overdue, rows } = preview;
                text.push_str(&format!(
                    "{hosts} of {hosts_in_all} hosts judged: {sooner} findings due sooner, {later} later, {dated} get a due date, {undated} lose it, {unchanged} unchanged; {overdue} would be overdue at once\n"
                ));
                let day = |due: &Option<jiff::Timestamp>| due.map_or_else(|| "none".to_owned(), |due| due.strftime("%Y-%m-%d %H:%M").to_string());
                for row in rows {
                    text.push_str(&format!("{} {} {}: {} → {}\n", printable(&row.host), printable(&row.advisory), printable(&row.component), day(&row.before), day(&row.after)));
                }
            }
            text.push_str(&match (checked.sound, checked.sign_offs, checked.longer) {
                (false, ..) => "cannot be put in force\n".to_owned(),
                (true, 0, 0) => "can be put in force with `plimsoll policy set`\n".to_owned(),
                (true, 0, longer) => format!("{longer} combinations come due later or lose their date: can be put in force with `plimsoll policy set --accept-longer`\n"),
                (true, sign_offs, longer) => {
                    let later = if longer > 0 { format!("{longer} combinations come due later or lose their date; ") } else { String::new() };
                    format!("{later}can be proposed with `plimsoll policy propose`; sign-offs that it needs: {sign_offs}\n")
                }
            });
            printer.data(&text)?;
        }
    }
    Ok(if checked.sound { Outcome::Clean } else { Outcome::No })
}
