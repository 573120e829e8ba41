//! `plimsoll explain`: the whole reasoning about one thing.

use super::basis::Ground;
use crate::answer::words;
use crate::arguments::{Explain, PlainFormat};
use crate::printer::{Failure, Outcome, Printer};
use plimsoll_core::knowledge::{AdvisoryFacts, AdvisoryText, Knowledge};
use plimsoll_core::model::advisory::Severity;
use plimsoll_core::model::component::Component;
use plimsoll_core::model::finding::{Finding, State};
use plimsoll_core::model::problem::{Problem, printable};
use plimsoll_core::model::scan::Scan;
use plimsoll_core::model::threat::Threat;
use plimsoll_core::model::update::Update;
use serde::Serialize;

/// Everything there is to say about one subject.
#[derive(Serialize)]
struct Explanation<'a> {
    schema: &'static str,
    subject: &'a str,
    as_of: jiff::Timestamp,
    host: &'a str,
    advisories: Vec<Known>,
    threat: Option<Threat>,
    components: Vec<&'a Component>,
    findings: Vec<&'a Finding>,
    updates: Vec<&'a Update>,
    problems: &'a [Problem],
}

/// An advisory with its text.
#[derive(Serialize)]
struct Known {
    #[serde(flatten)]
    facts: AdvisoryFacts,
    #[serde(flatten)]
    text: AdvisoryText,
}

/// Runs the command: 1 when the subject affects the target.
pub fn run(arguments: &Explain, printer: &Printer) -> Result<Outcome, Failure> {
    let ground = Ground::open(&arguments.basis)?;
    let answer = super::scan::explain_answer(&arguments.target, &ground, printer)?;
    let scan = &answer.scan;
    let subject = arguments.subject.trim();
    let known = advisories(&ground, subject)?;
    let threat = match &ground.database {
        Some(database) => database.threat(&subject.to_uppercase())?,
        None => None,
    };
    let explanation = Explanation {
        schema: "plimsoll-explain/1",
        subject,
        as_of: scan.as_of,
        host: &scan.host.name,
        threat,
        components: scan.components.iter().filter(|component| is_named(component, subject)).collect(),
        findings: scan.findings.iter().filter(|finding| concerns(finding, subject)).collect(),
        updates: updates(scan, subject),
        advisories: known,
        problems: &scan.problems,
    };
    if explanation.advisories.is_empty()
        && explanation.components.is_empty()
        && explanation.threat.is_none()
        && explanation.findings.is_empty()
    {
        return Err(unknown(subject, &ground));
    }
    match arguments.format {
        PlainFormat::Json => super::json(printer, &explanation)?,
        PlainFormat::Text => printer.data(&text(&explanation, scan))?,
    }
    let affected = explanation.findings.iter().any(|finding| finding.state == State::Affected);
    Ok(if affected { Outcome::No } else { Outcome::Clean })
}

fn unknown(subject: &str, ground: &Ground) -> Failure {
    let text = if ground.database.is_some() {
        "is no advisory, CVE or alias in the database, and no package here"
    } else {
        "is no package here, and without a database no advisory is known"
    };
    Failure::input(Problem::new(
        "E-SUBJECT",
        subject,
        text,
        "check its spelling; `plimsoll db info` shows the sources, `plimsoll db update` gets newer ones",
    ))
}

fn advisories(ground: &Ground, subject: &str) -> Result<Vec<Known>, Failure> {
    let Some(database) = &ground.database else { return Ok(Vec::new()) };
    let mut out = Vec::new();
    for number in database.advisories_named(subject)?.into_iter().take(50) {
        out.push(Known { facts: database.advisory(number)?, text: database.advisory_text(number)? });
    }
    Ok(out)
}

fn is_named(component: &Component, subject: &str) -> bool {
    component.name.eq_ignore_ascii_case(subject)
        || component.source.as_deref().is_some_and(|source| source.eq_ignore_ascii_case(subject))
        || component.purl == subject
}

fn concerns(finding: &Finding, subject: &str) -> bool {
    let component = &finding.component;
    finding.advisory.eq_ignore_ascii_case(subject)
        || finding.aliases.iter().any(|alias| alias.eq_ignore_ascii_case(subject))
        || component.name.eq_ignore_ascii_case(subject)
        || component.source.as_deref().is_some_and(|source| source.eq_ignore_ascii_case(subject))
        || component.purl == subject
}

/// Updates of the package, or that satisfy the advisory.
fn updates<'a>(scan: &'a Scan, subject: &str) -> Vec<&'a Update> {
    let advisories: Vec<&str> = scan
        .findings
        .iter()
        .filter(|finding| concerns(finding, subject))
        .map(|finding| finding.advisory.as_str())
        .collect();
    let wanted = |update: &&Update| {
        update.package.eq_ignore_ascii_case(subject)
            || update.source.as_deref().is_some_and(|source| source.eq_ignore_ascii_case(subject))
            || update.advisories.iter().any(|id| advisories.contains(&id.as_str()))
    };
    scan.offered_updates().filter(wanted).collect()
}

fn text(explanation: &Explanation<'_>, scan: &Scan) -> String {
    let mut out = format!(
        "{} on {}, as of {}\n",
        printable(explanation.subject),
        printable(explanation.host),
        words::instant(explanation.as_of)
    );
    for known in &explanation.advisories {
        advisory(&mut out, known);
    }
    if let Some(threat) = &explanation.threat {
        threat_text(&mut out, threat);
    }
    components(&mut out, explanation);
    for finding in &explanation.findings {
        finding_text(&mut out, finding, scan);
    }
    for update in &explanation.updates {
        update_text(&mut out, update);
    }
    if scan.database.is_none() {
        out.push_str("\nFindings are unknown: there is no advisory database. Get one with `plimsoll db update`.\n");
    }
    for problem in explanation.problems {
        out.push_str(&format!("\n{} {}: {}\n  → {}\n", problem.code, problem.place, printable(&problem.text), printable(&problem.next)));
    }
    out
}

fn advisory(out: &mut String, known: &Known) {
    let facts = &known.facts;
    out.push_str(&format!("\n{}: {}\n", printable(&facts.id), printable(&facts.summary)));
    let date = |name: &str, at: Option<jiff::Timestamp>| at.map(|at| format!("{name} {}", words::day(at)));
    let dates: Vec<String> = [date("published", facts.published), date("changed", facts.modified), date("WITHDRAWN", facts.withdrawn)]
        .into_iter()
        .flatten()
        .collect();
    if !dates.is_empty() {
        out.push_str(&format!("  {}\n", dates.join(", ")));
    }
    for (title, names) in [("also", &facts.aliases), ("CVEs", &facts.cves)] {
        if !names.is_empty() {
            out.push_str(&format!("  {title}: {}\n", printable_list(names)));
        }
    }
    for severity in &facts.severities {
        out.push_str(&match severity {
            Severity::Cvss(cvss) => format!(
                "  CVSS {}: {}.{} ({}) {}\n",
                cvss.version,
                cvss.base_tenths / 10,
                cvss.base_tenths % 10,
                cvss.rating().as_str(),
                printable(&cvss.vector)
            ),
            Severity::Vendor { vendor, word, rating } => {
                format!("  {}: {} ({})\n", printable(vendor), printable(word), rating.as_str())
            }
        });
    }
    for line in known.text.details.lines().take(40) {
        out.push_str(&format!("  | {}\n", printable(line)));
    }
    for workaround in &facts.workarounds {
        out.push_str(&format!("  {}: {}\n", printable(&workaround.kind), printable(&workaround.text)));
    }
    if !known.text.packages.is_empty() {
        out.push_str(&format!("  packages: {}\n", printable_list(&known.text.packages)));
    }
    for reference in known.text.references.iter().take(8) {
        out.push_str(&format!("  {}\n", printable(reference)));
    }
}

/// A list cut where it stops telling anything.
fn printable_list(names: &[String]) -> String {
    const SHOWN: usize = 12;
    let mut text: Vec<String> = names.iter().take(SHOWN).map(|name| printable(name)).collect();
    if names.len() > SHOWN {
        text.push(format!("and {} more", names.len() - SHOWN));
    }
    text.join(", ")
}

fn threat_text(out: &mut String, threat: &Threat) {
    out.push_str("\nExploitation\n");
    match &threat.kev {
        Some(kev) => out.push_str(&format!(
            "  known to be exploited: listed {}{}, {}\n  required action: {}\n",
            kev.date_added,
            if kev.ransomware { ", used by ransomware" } else { "" },
            printable(&kev.name),
            printable(&kev.action)
        )),
        None => out.push_str("  not in the catalogue of known exploited vulnerabilities\n"),
    }
    if let Some(epss) = &threat.epss {
        out.push_str(&format!(
            "  EPSS {:.2} % chance of exploitation within 30 days, higher than {:.1} % of all CVEs (of {})\n",
            epss.score * 100.0,
            epss.percentile * 100.0,
            epss.date
        ));
    }
    if let Some(ssvc) = &threat.ssvc {
        let mut points = Vec::new();
        if let Some(exploitation) = ssvc.exploitation {
            points.push(format!("exploitation {exploitation:?}").to_lowercase());
        }
        if let Some(automatable) = ssvc.automatable {
            points.push(format!("automatable {}", if automatable { "yes" } else { "no" }));
        }
        if let Some(impact) = ssvc.technical_impact {
            points.push(format!("technical impact {impact:?}").to_lowercase());
        }
        out.push_str(&format!("  SSVC (CISA): {}\n", points.join(", ")));
    }
    for cvss in &threat.cvss {
        out.push_str(&format!("  CVSS {}: {}.{} {}\n", cvss.version, cvss.base_tenths / 10, cvss.base_tenths % 10, printable(&cvss.vector)));
    }
}

fn components(out: &mut String, explanation: &Explanation<'_>) {
    if explanation.components.is_empty() {
        return;
    }
    out.push_str("\nInstalled\n");
    for component in &explanation.components {
        let from = component.origin.as_deref().map_or(String::new(), |origin| format!(", from {origin}"));
        let source = match (&component.source, &component.source_version) {
            (Some(source), Some(version)) => format!(", source {source} {version}"),
            _ => String::new(),
        };
        let held = if component.held { ", held" } else { "" };
        out.push_str(&format!(
            "  {} {}{}{}{held}\n",
            printable(&component.name),
            printable(&component.version),
            printable(&source),
            printable(&from)
        ));
    }
}

fn finding_text(out: &mut String, finding: &Finding, scan: &Scan) {
    let state = match finding.state {
        State::Affected => "affected",
        State::Unknown => "unknown",
        State::Unsupported => "unsupported",
        State::NotAffected => "not affected",
        State::Fixed => "fixed",
    };
    out.push_str(&format!(
        "\n{} {} is {state} by {}\n",
        printable(&finding.component.name),
        printable(&finding.component.version),
        printable(&finding.advisory)
    ));
    for because in &finding.because {
        out.push_str(&format!("  because {}\n", printable(&because.text)));
    }
    for obligation in &finding.obligations {
        let due = obligation.due.map_or_else(
            || "no date".to_owned(),
            |due| format!("due {} ({})", words::instant(due), words::left(scan.as_of, due)),
        );
        out.push_str(&format!("  {}: {due}, {}\n", obligation.rule, words::verdict(obligation.verdict)));
    }
}

fn update_text(out: &mut String, update: &Update) {
    out.push_str(&format!(
        "\n{}: {} {} → {} from {}{}\n",
        update.held_by.as_ref().map_or_else(|| "Pending".to_owned(), |by| format!("Held back by {}", printable(by))),
        printable(&update.package),
        printable(update.installed.as_deref().unwrap_or("(new)")),
        printable(&update.candidate),
        printable(&update.origin),
        if update.security { ", security" } else { "" }
    ));
    for because in &update.because {
        out.push_str(&format!("  because {}\n", printable(&because.text)));
    }
}
