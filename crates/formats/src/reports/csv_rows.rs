//! CSV: one row a notice, a finding and a pending update.

use super::notices::notices;
use super::{action, pretty, probability, reasons, score, state_word, verdict_word, worst};
use plimsoll_core::model::finding::Finding;
use plimsoll_core::model::problem::acts;
use plimsoll_core::model::scan::Scan;
use plimsoll_core::model::update::Update;

/// Columns, in order; new ones are only ever added at the end.
const COLUMNS: [&str; 24] = [
    "kind", "state", "verdict", "due", "severity", "score", "advisory", "aliases", "component", "installed", "arch",
    "source", "source_version", "fixed_version", "fix_available", "fix_version", "origin", "known_exploited", "epss",
    "security", "reboot", "purl", "text", "action",
];

type Row = [String; COLUMNS.len()];

/// Writes a scan as CSV (RFC 4180, UTF-8, one header line).
///
/// Rows of kind `notice` come first, because CSV has no comments: instant,
/// database, source warnings, coverage. A cell that a spreadsheet would take
/// for a formula begins with an apostrophe.
pub fn csv(scan: &Scan) -> String {
    let mut writer = csv::WriterBuilder::new().terminator(csv::Terminator::CRLF).from_writer(Vec::new());
    let mut rows: Vec<Row> = vec![COLUMNS.map(str::to_owned)];
    for notice in notices(scan) {
        rows.push(row(&[("kind", "notice".into()), ("text", notice.text), ("action", notice.next.unwrap_or_default())]));
    }
    rows.extend(scan.findings.iter().map(finding_row));
    rows.extend(scan.offered_updates().map(update_row));
    for row in &rows {
        // Writing to memory cannot fail; a lost row would be silent otherwise.
        if let Err(error) = writer.write_record(row.iter().map(|cell| defused(cell))) {
            return pretty(&error.to_string(), scan);
        }
    }
    writer.into_inner().ok().and_then(|bytes| String::from_utf8(bytes).ok()).unwrap_or_default()
}

/// Puts an apostrophe before what a spreadsheet would run, and writes control
/// characters out, since a CSV file is also looked at in a terminal.
///
/// Source: OWASP "CSV injection"; the line feed is added to its list, since
/// some programs trim it. The first character is judged before control
/// characters are written out.
pub(crate) fn defused(cell: &str) -> String {
    let mut out = String::with_capacity(cell.len() + 1);
    if cell.starts_with(['=', '+', '-', '@', '\t', '\r', '\n']) {
        out.push('\'');
    }
    for character in cell.chars() {
        if acts(character) {
            out.extend(character.escape_unicode());
        } else {
            out.push(character);
        }
    }
    out
}

fn row(cells: &[(&str, String)]) -> Row {
    COLUMNS.map(|column| {
        let cell = cells.iter().find(|(name, _)| *name == column);
        cell.map(|(_, value)| value.clone()).unwrap_or_default()
    })
}

fn yes_no(value: Option<bool>) -> String {
    match value {
        Some(true) => "yes",
        Some(false) => "no",
        None => "unknown",
    }
    .to_owned()
}

fn finding_row(finding: &Finding) -> Row {
    let component = &finding.component;
    let of = |text: &Option<String>| text.clone().unwrap_or_default();
    row(&[
        ("kind", "finding".into()),
        ("state", state_word(finding.state).into()),
        ("verdict", worst(&finding.obligations).map_or("", verdict_word).into()),
        ("due", finding.due.map(|due| due.to_string()).unwrap_or_default()),
        ("severity", finding.severity.rating.as_str().into()),
        ("score", finding.severity.score.map(|value| format!("{:.1}", score(value))).unwrap_or_default()),
        ("advisory", finding.advisory.clone()),
        ("aliases", finding.aliases.join(" ")),
        ("component", component.name.clone()),
        ("installed", component.version.clone()),
        ("arch", of(&component.arch)),
        ("source", of(&component.source)),
        ("source_version", of(&component.source_version)),
        ("fixed_version", of(&finding.fixed_version)),
        ("fix_available", yes_no(finding.fix.available)),
        ("fix_version", of(&finding.fix.version)),
        ("origin", of(&finding.fix.origin)),
        ("known_exploited", yes_no(Some(finding.kev.is_some()))),
        ("epss", finding.epss.as_ref().map(|epss| probability(epss.score).to_string()).unwrap_or_default()),
        ("purl", component.purl.clone()),
        ("text", if finding.summary.is_empty() { reasons(finding) } else { finding.summary.clone() }),
        ("action", action(finding)),
    ])
}

fn update_row(update: &Update) -> Row {
    row(&[
        ("kind", "update".into()),
        ("state", if update.held_by.is_some() { "held" } else { "pending" }.into()),
        ("verdict", worst(&update.obligations).map_or("", verdict_word).into()),
        ("due", update.due.map(|due| due.to_string()).unwrap_or_default()),
        ("advisory", update.advisories.join(" ")),
        ("component", update.package.clone()),
        ("installed", update.installed.clone().unwrap_or_default()),
        ("arch", update.arch.clone()),
        ("source", update.source.clone().unwrap_or_default()),
        ("source_version", update.source_version.clone().unwrap_or_default()),
        ("fix_version", update.candidate.clone()),
        ("origin", update.origin.clone()),
        ("security", yes_no(Some(update.security))),
        ("reboot", yes_no(Some(update.reboot))),
        ("text", update.because.iter().map(|because| because.text.as_str()).collect::<Vec<_>>().join("; ")),
        ("action", update.held_by.as_ref().map(|why| format!("Held by {why}")).unwrap_or_default()),
    ])
}
