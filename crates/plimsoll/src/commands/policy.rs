//! `plimsoll policy`: presets, and checking a policy file.

use super::basis;
use crate::arguments::{PlainFormat, Policy};
use crate::printer::{Failure, Outcome, Printer};
use plimsoll_core::model::problem::{Problem, printable};
use plimsoll_formats::policy;
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
        Policy::Lint { policy, format } => lint(&policy, format, printer),
    }
}

fn presets(format: PlainFormat, printer: &Printer) -> Result<Outcome, Failure> {
    match format {
        PlainFormat::Json => super::json(printer, &policy::PRESETS)?,
        PlainFormat::Text => {
            let mut text = String::new();
            for preset in policy::PRESETS {
                text.push_str(&format!(
                    "{:<24} {} ({}, {})\n",
                    preset.name, preset.title, preset.status, preset.as_of
                ));
            }
            printer.data(&text)?;
        }
    }
    Ok(Outcome::Clean)
}

/// Says everything that is wrong or surprising in a policy: 1 when anything is.
fn lint(word: &str, format: PlainFormat, printer: &Printer) -> Result<Outcome, Failure> {
    let (place, text) = match policy::preset(word) {
        Some(text) => (format!("preset {word}"), text.to_owned()),
        None => (word.to_owned(), basis::read_policy(Path::new(word))?),
    };
    let (problems, not_enforced) = match policy::load(&place, &text) {
        Err(problems) => (problems, Vec::new()),
        Ok(set) => {
            let mut problems: Vec<Problem> = set.problems.clone();
            problems.extend(set.policies.iter().flat_map(policy::lint));
            (problems, set.not_enforced.clone())
        }
    };
    match format {
        PlainFormat::Json => super::json(
            printer,
            &serde_json::json!({ "schema": "plimsoll-policy-lint/1", "problems": problems, "not_enforced": not_enforced }),
        )?,
        PlainFormat::Text => {
            let mut text = String::new();
            for problem in &problems {
                text.push_str(&format!(
                    "{} {}: {}\n  → {}\n",
                    problem.code,
                    problem.place,
                    printable(&problem.text),
                    printable(&problem.next)
                ));
            }
            if !not_enforced.is_empty() {
                text.push_str(&format!("accepted, and not enforced by a scan: {}\n", not_enforced.join(", ")));
            }
            if problems.is_empty() {
                text.push_str("nothing to object to\n");
            }
            printer.data(&text)?;
        }
    }
    Ok(if problems.is_empty() { Outcome::Clean } else { Outcome::No })
}
