//! What became of the hosts.

use super::super::words::{phase, state};
use crate::words::{count, instant, maybe, sentence};
use crate::model::{Align, Block, Document, Kind, Table};
use crate::text::{Style, Text};
use plimsoll_core::model::identifier::HostId;
use plimsoll_core::model::outcome::Observed;
use plimsoll_core::phases::deploy::Phase;
use plimsoll_core::phases::document::{HostRecord, Record};
use std::collections::BTreeMap;

/// Rows of one table before a document stops being one that people read; the
/// JSON form holds all.
const ROWS: usize = 2_000;
/// Hosts named in one row.
const NAMED: usize = 12;

/// Failures by cause.
pub fn failures(record: &Record, document: &mut Document) {
    if record.causes.is_empty() {
        return;
    }
    document.heading(1, "Failures by cause");
    let mut table = Table::new().column("Cause", Align::Left, 4).column("Hosts", Align::Right, 1).column("Which", Align::Left, 5).column("What to do next", Align::Left, 7);
    for count in &record.causes {
        let names = record.hosts.iter().filter(|host| host.cause == Some(count.cause)).map(|host| host.name.as_str());
        table.row(vec![Text::styled(Style::Bad, count.cause.title()), count.hosts.to_string().into(), named(names).into(), sentence(&count.next)]);
    }
    document.push(Block::Table(table));
}

/// What did not go as planned.
pub fn deviations(record: &Record, document: &mut Document) {
    document.heading(1, "Deviations");
    if record.deviations.is_empty() && record.left_out.is_empty() {
        document.paragraph("None: no retry, no repair, no way back, no silent host, no hand on the rollout.");
        return;
    }
    let names = names(record);
    if !record.deviations.is_empty() {
        let mut table = Table::new()
            .column("When (UTC)", Align::Left, 4)
            .column("What", Align::Left, 3)
            .column("Host", Align::Left, 4)
            .column("In words", Align::Left, 8)
            .column("Entry", Align::Right, 2);
        for deviation in record.deviations.iter().take(ROWS) {
            let host = deviation.host.and_then(|host| names.get(&host).copied()).unwrap_or("–");
            table.row(vec![instant(deviation.at).into(), Text::styled(Style::Warning, deviation.kind.title()), host.into(), Text::from(&deviation.text), deviation.leaf.to_string().into()]);
        }
        document.push(Block::Table(table));
        left_out_rows(record.deviations.len(), document);
    }
    if !record.left_out.is_empty() {
        document.paragraph(format!("{} chosen and not in the package:", count(record.left_out.len() as u64, "host was", "hosts were")));
        let items = record.left_out.iter().take(ROWS).map(|left| Text::code(left.host.to_string()).plain(format!(": {}", left.reason)));
        document.push(Block::List { numbered: false, items: items.collect() });
        left_out_rows(record.left_out.len(), document);
    }
}

fn left_out_rows(all: usize, document: &mut Document) {
    if all > ROWS {
        document.note(Kind::Warning, format!("{} more are left out here; the JSON form holds them all.", all - ROWS));
    }
}

/// Forensic triages that hosts waited for.
pub fn triages(record: &Record, document: &mut Document) {
    if record.triages.is_empty() {
        return;
    }
    document.heading(1, "Forensic triage before the change");
    document.paragraph("The policy asks to look for traces of a break-in before a patch overwrites them. These hosts were let go on:");
    let names = names(record);
    let mut table = Table::new()
        .column("Host", Align::Left, 4)
        .column("What was found", Align::Left, 4)
        .column("Said (UTC)", Align::Left, 4)
        .column("Evidence", Align::Left, 5)
        .column("Word", Align::Left, 5)
        .column("Entry", Align::Right, 2);
    for triage in record.triages.iter().take(ROWS) {
        let triaged = &triage.triaged;
        let found = match (triaged.step, triaged.lapsed) {
            (Some(step), _) => Text::styled(Style::Strong, step.words()),
            (None, Some(lapsed)) => Text::styled(Style::Warning, format!("nobody looked by {}", instant(lapsed))),
            (None, None) => Text::styled(Style::Soft, "not known"),
        };
        let word = triaged.word.map_or_else(|| Text::styled(Style::Soft, "–"), |word| Text::code(word.to_string()));
        let evidence = triaged.evidence.as_deref().unwrap_or("–");
        table.row(vec![names.get(&triaged.host).copied().unwrap_or("–").into(), found, maybe(triaged.said), evidence.into(), word, triage.leaf.to_string().into()]);
    }
    document.push(Block::Table(table));
    left_out_rows(record.triages.len(), document);
}

fn names(record: &Record) -> BTreeMap<HostId, &str> {
    record.hosts.iter().map(|host| (host.host, host.name.as_str())).collect()
}

/// Every host, those that need a look first.
pub fn all(record: &Record, document: &mut Document) {
    document.heading(1, "Hosts");
    let mut hosts: Vec<&HostRecord> = record.hosts.iter().collect();
    hosts.sort_by_key(|host| (host.phase == Phase::Succeeded, host.ring, &host.name, host.host));
    let mut table = Table::new()
        .column("Host", Align::Left, 5)
        .column("Ring", Align::Left, 3)
        .column("State, as observed", Align::Left, 5)
        .column("Began (UTC)", Align::Left, 4)
        .column("Ended (UTC)", Align::Left, 4)
        .column("Seen later (UTC)", Align::Left, 5)
        .column("Tries", Align::Right, 2);
    for host in hosts.iter().take(ROWS) {
        let ring = record.rings.get(host.ring as usize).map_or("", |ring| ring.name.as_str());
        let mut observed = phase(host.phase);
        if let Some(said) = host.state {
            observed = observed.plain(format!(" ({})", state(said)));
        }
        if let Some(problem) = &host.problem {
            observed = observed.and(Style::Soft, format!(" {}", problem.code));
        }
        let confirmed = host.confirmed.map_or_else(|| Text::styled(Style::Soft, "not seen"), |confirmed| Text::styled(Style::Strong, confirmed.word().replace('-', " ")));
        let confirmed = host.confirmed_at.map_or(confirmed.clone(), |at| confirmed.plain(format!(" {}", instant(at))));
        table.row(vec![Text::styled(Style::Strong, &host.name), ring.into(), observed, maybe(host.began), maybe(host.ended), confirmed, host.attempts.len().to_string().into()]);
    }
    document.push(Block::Table(table));
    left_out_rows(hosts.len(), document);
}

/// Versions before and after; hosts with the same ones share a table.
pub fn versions(record: &Record, document: &mut Document) {
    let mut groups: BTreeMap<Vec<&Observed>, Vec<&HostRecord>> = BTreeMap::new();
    for host in record.hosts.iter().filter(|host| !host.packages.is_empty()) {
        let mut seen: Vec<&Observed> = host.packages.iter().filter(|package| package.before.is_some() || package.after.is_some()).collect();
        seen.sort();
        groups.entry(seen).or_default().push(host);
    }
    if groups.is_empty() {
        return;
    }
    document.heading(1, "Versions before and after");
    let mut groups: Vec<(Vec<&Observed>, Vec<&HostRecord>)> = groups.into_iter().collect();
    groups.sort_by_key(|(_, hosts)| (std::cmp::Reverse(hosts.len()), hosts.first().map(|host| host.host)));
    let mut rows = 0;
    for (packages, hosts) in &groups {
        if rows > ROWS {
            document.note(Kind::Warning, "More hosts are left out here; the JSON form holds them all.");
            break;
        }
        rows += packages.len();
        document.paragraph(Text::from(format!("On {}: ", count(hosts.len() as u64, "host", "hosts"))).and(Style::Strong, named(hosts.iter().map(|host| host.name.as_str()))));
        let mut table = Table::new().column("Package", Align::Left, 4).column("Before", Align::Left, 4).column("After", Align::Left, 4).column("State", Align::Left, 2);
        for package in packages {
            let version = |version: &Option<String>| version.as_deref().map_or_else(|| Text::styled(Style::Soft, "not there"), Text::code);
            let after = if package.before == package.after { Text::styled(Style::Soft, "the same") } else { version(&package.after) };
            table.row(vec![Text::styled(Style::Strong, &package.name).and(Style::Soft, format!(" {}", package.arch)), version(&package.before), after, Text::code(&package.status)]);
        }
        document.push(Block::Table(table));
    }
}

/// Names, and how many more there are.
fn named<'a>(names: impl Iterator<Item = &'a str>) -> String {
    let all: Vec<&str> = names.collect();
    let shown = all.iter().take(NAMED).copied().collect::<Vec<_>>().join(", ");
    if all.len() > NAMED { format!("{shown} and {} more", all.len() - NAMED) } else { shown }
}
