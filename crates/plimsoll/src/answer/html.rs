//! The report: one HTML file that stands alone, prints well and shows what
//! people would rather look at than read.
//!
//! It holds no script and loads nothing; every text from outside is escaped
//! by the template.

use super::actions::{self, Action, Tally};
use super::rows::{Row as Folded, archives, fold};
use super::words;
use askama::Template;
use jiff::Timestamp;
use plimsoll_core::model::advisory::Rating;
use plimsoll_core::model::finding::{Finding, State};
use plimsoll_core::model::problem::{Problem, acts};
use plimsoll_core::model::scan::Scan;
use plimsoll_core::model::source::Source;
use std::collections::BTreeSet;

/// Rows of one table before the report stops being one that prints.
const ROWS: usize = 2_000;
/// Packages named in one row.
const NAMED: usize = 6;

#[derive(Template)]
#[template(path = "report.html")]
struct Report<'a> {
    scan: &'a Scan,
    tally: Tally,
    actions: Vec<Action>,
    due: Chart,
    ages: Chart,
    findings: Vec<Row<'a>>,
    left_out: usize,
    updates: Vec<UpdateRow<'a>>,
    security_updates: usize,
    held: Vec<UpdateRow<'a>>,
    sources: Vec<SourceRow<'a>>,
    any_fetched: bool,
    troubled: Vec<&'a Problem>,
    troubled_sources: BTreeSet<&'a str>,
    problems: Vec<&'a Problem>,
    title: String,
    style: &'static str,
}

struct Row<'a> {
    finding: &'a Finding,
    packages: String,
    due: String,
    left: String,
    class: &'static str,
    severity: String,
    signs: String,
    state: &'static str,
}

struct UpdateRow<'a> {
    update: &'a plimsoll_core::model::update::Update,
    due: String,
    left: String,
    class: &'static str,
    from: String,
    remarks: String,
}

struct SourceRow<'a> {
    source: &'a Source,
    trouble: String,
}

/// A chart of lying bars: their names stay as large as other text, however
/// narrow the page.
pub struct Chart {
    bars: Vec<Bar>,
    label: String,
}

struct Bar {
    name: &'static str,
    total: usize,
    parts: Vec<Part>,
}

struct Part {
    class: &'static str,
    /// Share of the longest bar.
    percent: String,
    title: String,
}

/// Makes the report.
pub fn render(scan: &Scan) -> String {
    let listed = fold(&scan.findings);
    let sources = scan.database.as_ref().map_or(&[][..], |database| &database.sources);
    let troubled = || scan.problems.iter().filter(|problem| of_a_source(problem));
    let report = Report {
        tally: actions::tally(scan),
        actions: actions::actions(scan).into_iter().filter(|action| action.due.is_some()).take(10).collect(),
        due: due_chart(scan),
        ages: age_chart(scan),
        left_out: listed.len().saturating_sub(ROWS),
        findings: listed.iter().take(ROWS).map(|folded| row(scan, folded)).collect(),
        updates: scan.updates.iter().flatten().take(ROWS).map(|update| update_row(scan, update)).collect(),
        held: scan.held_updates.iter().take(ROWS).map(|update| update_row(scan, update)).collect(),
        security_updates: scan.updates.iter().flatten().filter(|update| update.security).count(),
        sources: sources.iter().map(source_row).collect(),
        any_fetched: sources.iter().any(|source| source.fetched.is_some()),
        troubled_sources: troubled().map(|problem| problem.place.as_str()).collect(),
        troubled: troubled().collect(),
        problems: scan.problems.iter().filter(|problem| !of_a_source(problem)).collect(),
        title: format!("{}, {}", scan.host.name, words::day(scan.as_of)),
        style: plimsoll_documents::STYLE,
        scan,
    };
    // Writing to a string cannot fail but by a formatter that refuses, and
    // none of the types shown does.
    visible(report.render().unwrap_or_else(|error| format!("<!doctype html><title>report</title><p>{error}")))
}

/// Shows control and direction characters instead of sending them: the file
/// may be read in a terminal too, and a turned-round name deceives anywhere.
fn visible(text: String) -> String {
    let plain = |sign: char| sign == '\n' || !acts(sign);
    if text.chars().all(plain) {
        return text;
    }
    text.chars().map(|sign| if plain(sign) { sign } else { '\u{fffd}' }).collect()
}

impl Report<'_> {
    fn instant(&self, at: &Timestamp) -> String {
        words::instant(*at)
    }

    fn left(&self, due: &Timestamp) -> String {
        words::left(self.scan.as_of, *due)
    }

    fn percent(&self, part: &usize) -> String {
        format!("{:.3}", *part as f64 * 100.0 / self.tally.total().max(1) as f64)
    }
}

/// Whether a problem is about a source that the answer rests on; those are
/// told together at the top.
fn of_a_source(problem: &Problem) -> bool {
    problem.code.starts_with("W-SOURCE-")
}

fn class_of(finding: &Finding) -> &'static str {
    use plimsoll_core::model::obligation::Verdict;
    match actions::worst(finding) {
        Some(Verdict::Overdue) => "overdue",
        Some(Verdict::DueSoon) => "soon",
        Some(Verdict::OpenInTime) if finding.due.is_some() => "intime",
        _ => "none",
    }
}

fn row<'a>(scan: &Scan, folded: &Folded<'a>) -> Row<'a> {
    let finding = folded.finding;
    let mut signs = Vec::new();
    if let Some(kev) = &finding.kev {
        signs.push(if kev.ransomware { "exploited, ransomware" } else { "exploited" }.to_owned());
    }
    if let Some(epss) = finding.epss.as_ref().filter(|epss| epss.score >= 0.01) {
        signs.push(format!("EPSS {:.0} %", epss.score * 100.0));
    }
    if let Some(detail) = &finding.detail {
        signs.push(detail.replace('-', " "));
    }
    if finding.state == State::Affected && finding.fixed_version.is_some() && finding.fix.available == Some(false) {
        signs.push("not offered here".to_owned());
    }
    let severity = match finding.severity.score {
        Some(score) => format!("{} {score:.1}", finding.severity.rating.as_str()),
        None => finding.severity.rating.as_str().to_owned(),
    };
    Row {
        due: finding.due.map_or_else(String::new, words::day),
        left: finding.due.map_or_else(String::new, |due| words::left(scan.as_of, due)),
        class: class_of(finding),
        severity,
        signs: signs.join(", "),
        state: match finding.state {
            State::Affected => "affected",
            State::Unknown => "unknown",
            State::Unsupported => "unsupported",
            State::NotAffected => "not affected",
            State::Fixed => "fixed",
        },
        packages: folded.packages(NAMED),
        finding,
    }
}

/// A source with its warnings, which need not name it again beside its name.
fn source_row(source: &Source) -> SourceRow<'_> {
    let shorter = |text: &str| text.strip_prefix(source.name.as_str()).map_or(text, str::trim_start).to_owned();
    let warnings: Vec<String> = source.warnings.iter().map(|warning| shorter(&warning.text)).collect();
    SourceRow { source, trouble: warnings.join("; ") }
}

fn update_row<'a>(scan: &Scan, update: &'a plimsoll_core::model::update::Update) -> UpdateRow<'a> {
    let mut remarks = Vec::new();
    if update.security {
        remarks.push("security".to_owned());
    }
    if update.new {
        remarks.push("new package".to_owned());
    }
    if update.reboot {
        remarks.push("needs a reboot".to_owned());
    }
    if let Some(held) = &update.held_by {
        remarks.push(format!("held by {held}"));
    }
    let class = match update.due {
        Some(due) if due.as_second() < scan.as_of.as_second() => "overdue",
        Some(_) => "intime",
        None => "none",
    };
    UpdateRow {
        due: update.due.map_or_else(String::new, words::day),
        left: update.due.map_or_else(String::new, |due| words::left(scan.as_of, due)),
        class,
        from: archives(&update.origin),
        remarks: remarks.join(", "),
        update,
    }
}

/// How many obliged findings and updates are due when.
fn due_chart(scan: &Scan) -> Chart {
    const DAY: i64 = 86_400;
    let bounds: [(&'static str, i64, &'static str); 8] = [
        ("over 30 d", -30 * DAY, "overdue"),
        ("8–30 d over", -7 * DAY, "overdue"),
        ("≤ 7 d over", 0, "overdue"),
        ("≤ 2 d", 2 * DAY, "soon"),
        ("≤ 7 d", 7 * DAY, "intime"),
        ("≤ 14 d", 14 * DAY, "intime"),
        ("≤ 30 d", 30 * DAY, "intime"),
        ("later", i64::MAX, "intime"),
    ];
    let mut counts = [0usize; 8];
    let findings = scan.findings.iter().filter(|finding| !finding.obligations.is_empty()).filter_map(|finding| finding.due);
    let updates = scan
        .offered_updates()
        .filter(|update| !update.obligations.is_empty())
        .filter_map(|update| update.due);
    for due in findings.chain(updates) {
        let left = due.as_second().saturating_sub(scan.as_of.as_second());
        let place = bounds.iter().position(|(_, bound, _)| left < *bound).unwrap_or(bounds.len() - 1);
        counts[place] += 1;
    }
    let columns = bounds.iter().zip(counts).map(|((name, _, class), count)| (*name, vec![(*class, count, *class)])).collect();
    chart("Findings and security updates by the time that is left", columns)
}

/// How old open findings are, by severity.
fn age_chart(scan: &Scan) -> Chart {
    const DAY: i64 = 86_400;
    let bounds: [(&'static str, i64); 6] = [
        ("≤ 7 d", 7 * DAY),
        ("≤ 30 d", 30 * DAY),
        ("≤ 90 d", 90 * DAY),
        ("≤ 1 y", 365 * DAY),
        ("older", i64::MAX),
        ("no date", 0),
    ];
    let severities: [(&'static str, &[Rating]); 5] = [
        ("critical", &[Rating::Critical]),
        ("high", &[Rating::High]),
        ("medium", &[Rating::Medium]),
        ("low", &[Rating::Low, Rating::None]),
        ("unknown", &[Rating::Unknown]),
    ];
    let mut counts = [[0usize; 5]; 6];
    let open = scan.findings.iter().filter(|finding| finding.state == State::Affected && finding.kind.is_security());
    for finding in open {
        let place = match finding.published {
            None => 5,
            Some(at) => {
                let age = scan.as_of.as_second().saturating_sub(at.as_second());
                bounds[..5].iter().position(|(_, bound)| age <= *bound).unwrap_or(4)
            }
        };
        let severity = severities.iter().position(|(_, ratings)| ratings.contains(&finding.severity.rating)).unwrap_or(4);
        counts[place][severity] += 1;
    }
    let columns = bounds
        .iter()
        .zip(counts)
        .map(|((name, _), counts)| {
            let parts = severities.iter().zip(counts).map(|((class, _), count)| (*class, count, *class)).collect();
            (*name, parts)
        })
        .collect();
    chart("Open findings by the age of their advisory, coloured by severity", columns)
}

type Column = (&'static str, Vec<(&'static str, usize, &'static str)>);

fn chart(label: &str, columns: Vec<Column>) -> Chart {
    let sum = |parts: &[(&'static str, usize, &'static str)]| parts.iter().map(|part| part.1).sum::<usize>();
    let highest = columns.iter().map(|(_, parts)| sum(parts)).max().unwrap_or(0).max(1);
    let told: Vec<String> = columns.iter().map(|(name, parts)| format!("{name}: {}", sum(parts))).collect();
    let bars = columns
        .into_iter()
        .map(|(name, parts)| {
            let total = sum(&parts);
            let drawn = parts.into_iter().filter(|part| part.1 > 0).map(|(class, count, word)| {
                let percent = format!("{:.2}", count as f64 * 100.0 / highest as f64);
                Part { class, percent, title: format!("{name}, {word}: {count}") }
            });
            Bar { name, total, parts: drawn.collect() }
        })
        .collect();
    Chart { bars, label: format!("{label}. {}", told.join(", ")) }
}
