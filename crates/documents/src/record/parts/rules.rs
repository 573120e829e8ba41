//! The rules in force, and the decisions of the gate under them.

use crate::words::{instant, length, maybe};
use crate::model::{Align, Block, Document, Table};
use crate::text::{Style, Text};
use plimsoll_core::model::deployment_package::{ConfigurationFiles, LooksAt, RebootRule};
use plimsoll_core::phases::document::{CheckCount, Record, RingCount};

/// Intervals of a window that are written out; the package holds them all.
const INTERVALS: usize = 6;

/// Rings, windows, checks and the rest of what people signed.
pub fn in_force(record: &Record, document: &mut Document) {
    let package = &record.content;
    document.heading(1, "Rules in force");
    let at_once = if package.at_once == 0 { "no limit".to_owned() } else { format!("{} of a ring", package.at_once) };
    document.push(Block::facts([
        ("Policy", Text::from(format!("{} {}", package.policy.id, package.policy.version))),
        ("Its SHA-256", Text::code(&package.policy.sha256)),
        ("Hosts at a time", at_once.into()),
        ("Out of service meanwhile", package.drain.as_ref().map_or_else(|| "no".to_owned(), ToString::to_string).into()),
        ("Reboot", reboot(package.reboot).into()),
        ("Changed configuration", configuration(package.configuration_files).into()),
    ]));
    let mut rings = Table::new()
        .column("Ring", Align::Left, 3)
        .column("Hosts", Align::Right, 2)
        .column("Not before (UTC)", Align::Left, 4)
        .column("Must succeed", Align::Right, 3)
        .column("May fail", Align::Right, 2)
        .column("Watched for", Align::Right, 3);
    for ring in &record.rings {
        let share = format!("{}.{} %", ring.success_per_mille / 10, ring.success_per_mille % 10);
        rings.row(vec![
            Text::styled(Style::Strong, &ring.name),
            ring.hosts.to_string().into(),
            instant(ring.opens).into(),
            share.into(),
            ring.failures.to_string().into(),
            length(ring.soak_seconds).into(),
        ]);
    }
    document.push(Block::Table(rings));
    windows(record, document);
    if !package.checks.is_empty() {
        let items = package.checks.iter().map(|check| {
            let when = if check.before { "before and after" } else { "after" };
            Text::styled(Style::Strong, &check.name).plain(format!(": {}, {when}, within {} s", looks_at(&check.looks_at), check.timeout_seconds))
        });
        document.paragraph("Checks on every host:");
        document.push(Block::List { numbered: false, items: items.collect() });
    }
}

fn windows(record: &Record, document: &mut Document) {
    let items: Vec<Text> = record
        .content
        .windows
        .iter()
        .map(|(name, window)| {
            let written: Vec<String> = window.intervals.iter().take(INTERVALS).map(|interval| format!("{} – {}", instant(interval.from), instant(interval.to))).collect();
            let more = window.intervals.len().saturating_sub(INTERVALS);
            let more = if more > 0 { format!(" and {more} more") } else { String::new() };
            Text::styled(Style::Strong, name).plain(format!(": {}; in UTC {}{more}", window.shown, written.join(", ")))
        })
        .collect();
    if items.is_empty() {
        document.paragraph("No window: hosts could start at any time.");
    } else {
        document.paragraph("Windows:");
        document.push(Block::List { numbered: false, items });
    }
}

fn reboot(rule: RebootRule) -> &'static str {
    match rule {
        RebootRule::Never => "never",
        RebootRule::IfNeeded => "where it is needed, within the window",
        RebootRule::Always => "always",
    }
}

fn configuration(rule: ConfigurationFiles) -> &'static str {
    match rule {
        ConfigurationFiles::Keep => "the owner's files stay",
        ConfigurationFiles::Replace => "the vendor's files take their place",
    }
}

fn looks_at(check: &LooksAt) -> String {
    match check {
        LooksAt::Service { unit } => format!("service {unit} runs"),
        LooksAt::Tcp { port } => format!("port {port} accepts connections"),
        LooksAt::Http { port, path, status, .. } => format!("HTTP on port {port} answers {path} with {status}"),
        LooksAt::Tls { port, days } => format!("TLS on port {port} with a certificate valid for {days} days more"),
        LooksAt::Command { name } => format!("the owner's program {name} ends well"),
    }
}

/// What the rings came to, and what the gate decided when.
pub fn gates(record: &Record, document: &mut Document) {
    document.heading(1, "Rings and gate");
    let mut rings = Table::new()
        .column("Ring", Align::Left, 3)
        .column("Opened (UTC)", Align::Left, 4)
        .column("Good since (UTC)", Align::Left, 4)
        .column("Tests after the change", Align::Left, 6);
    for ring in &record.rings {
        let checks: Vec<String> = ring.checks.iter().map(tested).collect();
        let checks = if checks.is_empty() { Text::styled(Style::Soft, "none of its own: versions and package states alone") } else { checks.join("; ").into() };
        rings.row(vec![Text::styled(Style::Strong, &ring.name), maybe(ring.opened), maybe(ring.succeeded_since), checks]);
    }
    document.push(Block::Table(rings));
    let mut gates = Table::new()
        .column("When (UTC)", Align::Left, 4)
        .column("Gate", Align::Left, 3)
        .column("Hosts", Align::Left, 5)
        .column("Why", Align::Left, 7)
        .column("Entry", Align::Right, 2);
    for gate in &record.gates {
        let style = if gate.gate == plimsoll_core::phases::deploy::Gate::Shut { Style::Bad } else { Style::Strong };
        let standings: Vec<String> = gate.rings.iter().map(standing).collect();
        gates.row(vec![
            instant(gate.at).into(),
            Text::styled(style, gate.gate.word()).and(Style::Soft, format!(" {}", gate.wanted.word())),
            standings.join("; ").into(),
            gate.reasons.join("; ").into(),
            gate.leaf.to_string().into(),
        ]);
    }
    document.push(Block::Table(gates));
}

fn tested(check: &CheckCount) -> String {
    let failed = if check.failed > 0 { format!(", failed on {}", check.failed) } else { String::new() };
    format!("{} held on {}{failed}", check.name, check.held)
}

fn standing(ring: &RingCount) -> String {
    let mut parts = vec![format!("{} of {} good", ring.succeeded, ring.hosts)];
    for (number, word) in [(ring.failed, "failed"), (ring.silent, "silent"), (ring.at_work, "at work")] {
        if number > 0 {
            parts.push(format!("{number} {word}"));
        }
    }
    parts.extend(ring.outside.iter().map(|alert| {
        let of = alert.at.map_or_else(|| "no answer".to_owned(), |at| format!("answer of {at}"));
        format!("{} {} ({of})", alert.gate, alert.sign.word())
    }));
    format!("{}: {}", ring.ring, parts.join(", "))
}
