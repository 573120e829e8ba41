//! `plimsoll policy lint`: what is wrong with a policy before it is in force.

use crate::arguments::PlainFormat;
use crate::commands::basis;
use crate::printer::{Failure, Outcome, Printer};
use plimsoll_core::model::problem::{Problem, printable};
use plimsoll_formats::policy::{self, Lint};
use serde::Serialize;
use std::collections::BTreeMap;
use std::path::Path;

/// What was found, as JSON gives it.
#[derive(Serialize)]
struct Answer {
    schema: &'static str,
    problems: Vec<Found>,
    holes: Vec<Hole>,
    not_enforced: Vec<String>,
}

#[derive(Serialize)]
struct Found {
    level: &'static str,
    line: Option<u32>,
    #[serde(flatten)]
    problem: Problem,
}

#[derive(Serialize)]
struct Hole {
    policy: String,
    duty: String,
    inputs: BTreeMap<String, String>,
}

/// How grave a problem of this code is.
pub fn level(code: &str) -> &'static str {
    match code.get(..2) {
        Some("W-") => "warning",
        Some("N-") => "note",
        _ => "error",
    }
}

/// Says everything that is wrong or surprising in a policy: 1 when anything is
/// but notes.
pub fn run(word: &str, format: PlainFormat, printer: &Printer) -> Result<Outcome, Failure> {
    let (place, text) = match policy::preset(word) {
        Some(text) => (format!("preset {word}"), text.to_owned()),
        None => (word.to_owned(), basis::read_policy(Path::new(word))?),
    };
    let (found, not_enforced) = match policy::load(&place, &text, &basis::beside(word)) {
        Err(problems) => (Lint { problems, holes: Vec::new() }, Vec::new()),
        Ok(set) => (policy::lint(&set), set.not_enforced.clone()),
    };
    let clean = found.clean();
    match format {
        PlainFormat::Json => super::super::json(printer, &answer(found, not_enforced))?,
        PlainFormat::Text => printer.data(&told(&found, &not_enforced))?,
    }
    Ok(if clean { Outcome::Clean } else { Outcome::No })
}

fn answer(found: Lint, not_enforced: Vec<String>) -> Answer {
    let of = |problem: Problem| Found {
        level: level(&problem.code),
        line: problem.place.rsplit_once(':').and_then(|(_, line)| line.parse().ok()),
        problem,
    };
    let hole = |hole: plimsoll_core::phases::prioritize::Hole| Hole { policy: hole.policy, duty: hole.duty, inputs: hole.inputs.into_iter().collect() };
    Answer {
        schema: "plimsoll-policy-lint/1",
        problems: found.problems.into_iter().map(of).collect(),
        holes: found.holes.into_iter().map(hole).collect(),
        not_enforced,
    }
}

/// What was found, for reading.
pub fn told(found: &Lint, not_enforced: &[String]) -> String {
    let mut text = String::new();
    for problem in &found.problems {
        text.push_str(&format!(
            "{}[{}] {}: {}\n  → {}\n",
            level(&problem.code),
            problem.code,
            problem.place,
            long(&problem.text),
            long(&problem.next)
        ));
    }
    if !not_enforced.is_empty() {
        text.push_str(&format!("accepted, and enforced by nothing yet: {}\n", not_enforced.join(", ")));
    }
    let count = |wanted: &str| found.problems.iter().filter(|problem| level(&problem.code) == wanted).count();
    let (errors, warnings, notes) = (count("error"), count("warning"), count("note"));
    text.push_str(&match errors + warnings + notes {
        0 => "nothing to object to\n".to_owned(),
        _ => format!("{errors} errors, {warnings} warnings, {notes} notes\n"),
    });
    text
}

/// A sentence of our own about a file: control characters escaped, whole.
fn long(text: &str) -> String {
    text.split(' ').map(printable).collect::<Vec<_>>().join(" ")
}
