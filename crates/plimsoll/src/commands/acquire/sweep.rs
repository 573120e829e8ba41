//! `plimsoll acquire sweep`: what nobody wants any more.

use super::gathered::artefacts;
use crate::arguments::{PlainFormat, Sweep};
use crate::places;
use crate::printer::{Failure, Outcome, Printer};
use jiff::{SignedDuration, Timestamp};
use plimsoll_core::model::problem::{Problem, printable};
use plimsoll_feeds::{acquire, frozen};
use serde_json::json;
use std::collections::BTreeSet;

/// Largest list of digests read: a million.
const LIST_LIMIT: u64 = 65 << 20;

pub(super) fn run(arguments: &Sweep, printer: &Printer) -> Result<Outcome, Failure> {
    let folder = arguments.artefacts.clone().unwrap_or_else(places::artefacts);
    let now = Timestamp::now();
    let mut marked = BTreeSet::new();
    if let Some(keyring) = &arguments.keyring {
        let keyring = acquire::keyring(keyring)?;
        for set in &arguments.set {
            marked.extend(frozen::open(set, &keyring, now)?.set.artefacts().map(|kept| kept.artefact.sha256.clone()));
        }
    }
    for path in &arguments.keep {
        let place = path.display().to_string();
        let text = crate::input::read_text(path, LIST_LIMIT).map_err(|text| Failure::input(Problem::new("E-INPUT", &place, text, "name a file of digests")))?;
        for line in text.lines().map(str::trim).filter(|line| !line.is_empty()) {
            if line.len() != 64 || !line.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f')) {
                return Err(Failure::input(Problem::new("E-INPUT", &place, format!("\u{201c}{}\u{201d} is no SHA-256", printable(line)), "write one digest a line, in lower case; nothing was removed")));
            }
            marked.insert(line.to_owned());
        }
    }
    let before = now.checked_sub(SignedDuration::from_hours(i64::from(arguments.days) * 24)).map_err(|error| {
        Failure::input(Problem::new("E-USAGE", "--days", error.to_string(), "name fewer days"))
    })?;
    let runtime = super::super::runtime()?;
    let store = artefacts(&folder)?;
    let swept = plimsoll_server::phases::acquire::sweep(&folder, &store, &marked, before, arguments.dry_run, runtime.handle())?;
    match arguments.format {
        PlainFormat::Json => super::super::json(
            printer,
            &json!({ "removed": swept.removed, "bytes": swept.bytes, "marked": swept.marked, "young": swept.young, "dry_run": arguments.dry_run }),
        )?,
        PlainFormat::Text => {
            let word = if arguments.dry_run { "would be removed" } else { "removed" };
            printer.data(&format!("{} files, {} bytes, {word}; {} are marked, {} are younger than {} days\n", swept.removed, swept.bytes, swept.marked, swept.young, arguments.days))?;
        }
    }
    Ok(Outcome::Clean)
}
