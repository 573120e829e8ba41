//! `plimsoll diff`: what came, went and changed between two scans.

use crate::answer::words;
use crate::arguments::{Diff, PlainFormat};
use crate::printer::{Failure, Outcome, Printer};
use plimsoll_core::model::finding::{Finding, State};
use plimsoll_core::model::problem::{Problem, printable};
use plimsoll_core::model::scan::Scan;
use serde::Serialize;
use std::collections::BTreeMap;
use std::path::Path;

/// Largest scan read: a host with 5 000 packages and every finding stays far
/// below.
const LIMIT: u64 = 512 << 20;

/// What changed between two scans.
#[derive(Serialize, Debug, PartialEq)]
struct Changes {
    schema: &'static str,
    before: Side,
    after: Side,
    appeared: Vec<Change>,
    gone: Vec<Change>,
    changed: Vec<Change>,
    components: Vec<ComponentChange>,
    updates_appeared: Vec<String>,
    updates_gone: Vec<String>,
}

#[derive(Serialize, Debug, PartialEq)]
struct Side {
    host: String,
    as_of: jiff::Timestamp,
    database: Option<jiff::Timestamp>,
    findings: usize,
}

#[derive(Serialize, Debug, PartialEq)]
struct Change {
    advisory: String,
    package: String,
    arch: Option<String>,
    before: Option<State>,
    after: Option<State>,
    due: Option<jiff::Timestamp>,
    because: String,
}

#[derive(Serialize, Debug, PartialEq)]
struct ComponentChange {
    name: String,
    arch: Option<String>,
    before: Option<String>,
    after: Option<String>,
}

/// Runs the command: 1 when a finding appeared or got worse.
pub fn run(arguments: &Diff, printer: &Printer) -> Result<Outcome, Failure> {
    let before = read(&arguments.before)?;
    let after = read(&arguments.after)?;
    let changes = compare(&before, &after);
    match arguments.format {
        PlainFormat::Json => super::json(printer, &changes)?,
        PlainFormat::Text => printer.data(&text(&changes))?,
    }
    let worse = changes.appeared.iter().chain(&changes.changed).any(|change| change.after == Some(State::Affected));
    Ok(if worse { Outcome::No } else { Outcome::Clean })
}

/// Reads a scan that `scan --format json` wrote.
pub(super) fn read(path: &Path) -> Result<Scan, Failure> {
    let place = path.display().to_string();
    let bad = |text: String| {
        Failure::input(Problem::new("E-SCAN", &place, text, "make it with `plimsoll scan --format json --output FILE`"))
    };
    let bytes = crate::input::read(path, LIMIT).map_err(bad)?;
    let scan: Scan = serde_json::from_slice(&bytes).map_err(|error| bad(format!("is not a scan: {error}")))?;
    if scan.schema != Scan::SCHEMA {
        return Err(bad(format!("has schema “{}”, this program reads “{}”", scan.schema, Scan::SCHEMA)));
    }
    Ok(scan)
}

type Key<'a> = (&'a str, &'a str, Option<&'a str>);

fn by_key(scan: &Scan) -> BTreeMap<Key<'_>, &Finding> {
    scan.findings
        .iter()
        .map(|finding| {
            let component = &finding.component;
            ((finding.advisory.as_str(), component.name.as_str(), component.arch.as_deref()), finding)
        })
        .collect()
}

fn compare(before: &Scan, after: &Scan) -> Changes {
    let (old, new) = (by_key(before), by_key(after));
    let installed = versions(before);
    let (mut appeared, mut gone, mut changed) = (Vec::new(), Vec::new(), Vec::new());
    for (key, finding) in &new {
        match old.get(key) {
            None => appeared.push(change(key, None, Some(finding), why_new(key, finding, &installed))),
            Some(known) if known.state != finding.state || known.due != finding.due => {
                let why = if known.state == finding.state { "its due date moved" } else { "its state changed" };
                changed.push(change(key, Some(known), Some(finding), why.to_owned()));
            }
            Some(_) => {}
        }
    }
    let present = versions(after);
    for (key, finding) in old.iter().filter(|(key, _)| !new.contains_key(*key)) {
        gone.push(change(key, Some(finding), None, why_gone(key, finding, &present)));
    }
    let names = |scan: &Scan| -> Vec<String> {
        scan.updates.iter().flatten().map(|update| format!("{} {}", update.package, update.candidate)).collect()
    };
    let (pending_before, pending_after) = (names(before), names(after));
    Changes {
        schema: "plimsoll-diff/1",
        before: side(before),
        after: side(after),
        appeared,
        gone,
        changed,
        components: component_changes(&installed, &present),
        updates_appeared: pending_after.iter().filter(|name| !pending_before.contains(name)).cloned().collect(),
        updates_gone: pending_before.iter().filter(|name| !pending_after.contains(name)).cloned().collect(),
    }
}

fn side(scan: &Scan) -> Side {
    Side {
        host: scan.host.name.clone(),
        as_of: scan.as_of,
        database: scan.database.as_ref().and_then(|database| database.built),
        findings: scan.findings.len(),
    }
}

fn change(key: &Key<'_>, before: Option<&Finding>, after: Option<&Finding>, because: String) -> Change {
    Change {
        advisory: key.0.to_owned(),
        package: key.1.to_owned(),
        arch: key.2.map(str::to_owned),
        before: before.map(|finding| finding.state),
        after: after.map(|finding| finding.state),
        due: after.or(before).and_then(|finding| finding.due),
        because,
    }
}

type Versions<'a> = BTreeMap<(&'a str, Option<&'a str>), &'a str>;

fn versions(scan: &Scan) -> Versions<'_> {
    scan.components
        .iter()
        .map(|component| ((component.name.as_str(), component.arch.as_deref()), component.version.as_str()))
        .collect()
}

fn why_new(key: &Key<'_>, finding: &Finding, installed: &Versions<'_>) -> String {
    match installed.get(&(key.1, key.2)) {
        None => format!("{} is new", key.1),
        Some(version) if *version != finding.component.version => {
            format!("{} went from {version} to {}", key.1, finding.component.version)
        }
        Some(_) => "newly known".to_owned(),
    }
}

fn why_gone(key: &Key<'_>, finding: &Finding, present: &Versions<'_>) -> String {
    match present.get(&(key.1, key.2)) {
        None => format!("{} was removed", key.1),
        Some(version) if *version != finding.component.version => {
            format!("{} went from {} to {version}", key.1, finding.component.version)
        }
        Some(_) => "the advisory no longer holds here".to_owned(),
    }
}

fn component_changes(before: &Versions<'_>, after: &Versions<'_>) -> Vec<ComponentChange> {
    let mut keys: Vec<_> = before.keys().chain(after.keys()).collect();
    keys.sort();
    keys.dedup();
    keys.into_iter()
        .filter(|key| before.get(*key) != after.get(*key))
        .map(|key| ComponentChange {
            name: key.0.to_owned(),
            arch: key.1.map(str::to_owned),
            before: before.get(key).map(|version| (*version).to_owned()),
            after: after.get(key).map(|version| (*version).to_owned()),
        })
        .collect()
}

fn text(changes: &Changes) -> String {
    let mut out = String::new();
    let side = |side: &Side| {
        format!("{} as of {} ({} findings)", printable(&side.host), words::instant(side.as_of), side.findings)
    };
    out.push_str(&format!("from {}\nto   {}\n", side(&changes.before), side(&changes.after)));
    section(&mut out, "Appeared", "+", &changes.appeared);
    section(&mut out, "Gone", "-", &changes.gone);
    section(&mut out, "Changed", "~", &changes.changed);
    if !changes.components.is_empty() {
        out.push_str(&format!("\nComponents ({})\n", changes.components.len()));
        for change in &changes.components {
            let version = |version: &Option<String>| version.as_deref().map_or("–".to_owned(), printable);
            out.push_str(&format!("  {} {} → {}\n", printable(&change.name), version(&change.before), version(&change.after)));
        }
    }
    if changes.before.database.is_none() || changes.after.database.is_none() {
        out.push_str("\nA scan without a dated database says nothing on findings; scan with `--db` to compare them.\n");
    } else if changes.appeared.is_empty() && changes.gone.is_empty() && changes.changed.is_empty() {
        out.push_str("\nNo finding changed.\n");
    }
    out
}

fn section(out: &mut String, title: &str, sign: &str, changes: &[Change]) {
    if changes.is_empty() {
        return;
    }
    out.push_str(&format!("\n{title} ({})\n", changes.len()));
    for change in changes {
        let due = change.due.map_or(String::new(), |due| format!(", due {}", words::instant(due)));
        out.push_str(&format!(
            "{sign} {} {}{due}: {}\n",
            printable(&change.advisory),
            printable(&change.package),
            printable(&change.because)
        ));
    }
}
