//! **Release notes**: the same change, short, for those whom it concerns and
//! who did not make it.

use super::parts::bars;
use super::words::outcome;
use crate::words::{count, day, instant_utc, sentence};
use crate::model::{Block, Document, Kind};
use crate::text::{Style, Text};
use plimsoll_core::model::deployment_package::Target;
use plimsoll_core::phases::document::Record;
use std::collections::{BTreeMap, BTreeSet};

/// Lays release notes out.
pub fn document(record: &Record) -> Document {
    let package = &record.content;
    let subtitle = format!("Plimsoll · release notes · {} {}", package.name, package.version);
    let mut document = Document::new(&package.title, subtitle, day(record.last));
    document.footer(format!("From the change record of package {}", record.package));
    let (kind, told) = outcome(record);
    document.note(kind, told);
    document.heading(1, "What changes");
    document.push(Block::List { numbered: false, items: changes(record) });
    why(record, &mut document);
    document.heading(1, "What you notice");
    document.push(Block::List { numbered: false, items: noticed(record) });
    bars::hosts(record, &mut document);
    trouble(record, &mut document);
    document.push(Block::facts([
        ("Began", Text::from(instant_utc(record.started))),
        ("Last entry", Text::from(instant_utc(record.last))),
        ("Ask", Text::styled(Style::Strong, &package.author)),
        ("Change record", Text::code(&record.package)),
    ]));
    document
}

/// Packages with the versions they come to, on all streams.
fn changes(record: &Record) -> Vec<Text> {
    let mut versions: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    let plans = record.content.streams.values();
    for Target { name, version, .. } in plans.clone().flat_map(|plan| &plan.install) {
        versions.entry(name).or_default().insert(version);
    }
    let mut items: Vec<Text> = versions
        .into_iter()
        .map(|(name, versions)| Text::styled(Style::Strong, name).plain(" to ").and(Style::Code, versions.into_iter().collect::<Vec<_>>().join(", ")))
        .collect();
    let steps = plans.map(|plan| plan.steps.len()).max().unwrap_or(0) as u64;
    if steps > 0 {
        items.push(Text::from(format!("{} of configuration", count(steps, "step", "steps"))));
    }
    items
}

fn why(record: &Record, document: &mut Document) {
    document.heading(1, "Why");
    if !record.content.reason.is_empty() {
        document.paragraph(record.content.reason.as_str());
    }
    let exploited: Vec<&str> = record.answers.iter().filter(|answer| answer.exploited).map(|answer| answer.advisory.as_str()).collect();
    if !exploited.is_empty() {
        document.note(Kind::Warning, format!("known to be exploited: {}", exploited.join(", ")));
    }
    if !record.answers.is_empty() {
        let items = record.answers.iter().map(|answer| {
            let known = if answer.summary.is_empty() { answer.aliases.join(", ") } else { answer.summary.clone() };
            Text::styled(Style::Strong, &answer.advisory).plain(format!(", {}", answer.severity.as_str())).and(Style::Soft, if known.is_empty() { known } else { format!(": {known}") })
        });
        document.push(Block::List { numbered: false, items: items.collect() });
    }
}

fn noticed(record: &Record) -> Vec<Text> {
    let restarted: BTreeSet<&str> = record.hosts.iter().flat_map(|host| host.restarted.iter().map(String::as_str)).collect();
    let pending = record.hosts.iter().filter(|host| host.reboot_pending).count() as u64;
    let stale = record.hosts.iter().filter(|host| !host.stale_processes.is_empty()).count() as u64;
    let mut items = Vec::new();
    if restarted.is_empty() {
        items.push(Text::from("No service was started again."));
    } else {
        items.push(Text::from("Started again: ").and(Style::Code, restarted.into_iter().collect::<Vec<_>>().join(", ")));
    }
    items.push(match pending {
        0 => Text::from("No reboot is pending."),
        pending => Text::from(format!("{} a reboot until it is in effect.", count(pending, "host still needs", "hosts still need"))),
    });
    if stale > 0 {
        items.push(Text::from(format!("On {} programs still run their former files until they are started again.", count(stale, "host", "hosts"))));
    }
    items
}

fn trouble(record: &Record, document: &mut Document) {
    if record.causes.is_empty() {
        return;
    }
    document.heading(1, "Known trouble");
    let items = record.causes.iter().map(|cause| {
        let told = format!("{}: {}; ", count(cause.hosts, "host", "hosts"), cause.cause.title());
        sentence(&format!("{told}{}", cause.next))
    });
    document.push(Block::List { numbered: false, items: items.collect() });
}
