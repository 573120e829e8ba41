//! `plimsoll policy diff`: which combinations, and which findings of a scan,
//! change their due date.

use crate::arguments::{PlainFormat, PolicyDifference};
use crate::commands::{basis, diff};
use crate::printer::{Failure, Outcome, Printer};
use jiff::Timestamp;
use plimsoll_core::model::advisory::{Cvss, Severity};
use plimsoll_core::model::finding::{Finding, State};
use plimsoll_core::model::policy::{HostFacts, PolicySet};
use plimsoll_core::model::problem::printable;
use plimsoll_core::model::scan::{PolicyInForce, Scan};
use plimsoll_core::model::threat::Threat;
use plimsoll_core::phases::prioritize::{self, ChangedRow, Demand, Difference, Facts, Input, difference};
use serde::Serialize;
use std::collections::BTreeMap;

/// Rows of combinations that the text names; JSON has all.
const ROWS: usize = 200;

#[derive(Serialize)]
struct Answer {
    schema: &'static str,
    before: Vec<PolicyInForce>,
    after: Vec<PolicyInForce>,
    combinations: usize,
    changed: usize,
    longer: usize,
    extends_deadlines: bool,
    compared_apart: bool,
    columns: Vec<String>,
    rows: Vec<Row>,
    #[serde(skip_serializing_if = "Option::is_none")]
    findings: Option<Vec<Moved>>,
}

#[derive(Serialize)]
struct Row {
    policy: Option<String>,
    inputs: BTreeMap<String, Vec<String>>,
    combinations: usize,
    change: &'static str,
    before: Vec<Said>,
    after: Vec<Said>,
}

#[derive(Serialize)]
struct Said {
    rule: String,
    demand: String,
}

/// A finding whose due date moves.
#[derive(Serialize)]
pub struct Moved {
    advisory: String,
    package: String,
    version: String,
    before: Option<Timestamp>,
    after: Option<Timestamp>,
    change: &'static str,
}

/// Holds two policies against each other: 1 when a deadline gets longer.
pub fn run(arguments: &PolicyDifference, printer: &Printer) -> Result<Outcome, Failure> {
    let (before, ..) = basis::named_policies(&arguments.before)?;
    let (after, ..) = basis::named_policies(&arguments.after)?;
    let found = difference(&before, &after);
    let findings = arguments.scan.as_deref().map(diff::read).transpose()?.map(|scan| moved(&scan, &before, &after));
    let later = findings.iter().flatten().any(|moved| matches!(moved.change, "longer" | "undated"));
    let extends = found.longer > 0 || later;
    match arguments.format {
        PlainFormat::Text => printer.data(&told(&found, findings.as_deref()))?,
        PlainFormat::Json => super::super::json(printer, &answer((&before, &after), found, findings))?,
    }
    Ok(if extends { Outcome::No } else { Outcome::Clean })
}

fn answer((before, after): (&PolicySet, &PolicySet), found: Difference, findings: Option<Vec<Moved>>) -> Answer {
    let said = |demands: Vec<Demand>| demands.into_iter().map(|demand| Said { rule: demand.rule, demand: demand.demand }).collect();
    let row = |row: ChangedRow| Row {
        policy: row.policy,
        inputs: row.inputs.into_iter().collect(),
        combinations: row.combinations,
        change: row.change.as_str(),
        before: said(row.before),
        after: said(row.after),
    };
    Answer {
        schema: "plimsoll-policy-diff/1",
        before: before.in_force(),
        after: after.in_force(),
        combinations: found.combinations,
        changed: found.changed,
        longer: found.longer,
        extends_deadlines: found.longer > 0,
        compared_apart: found.apart,
        columns: found.columns,
        rows: found.rows.into_iter().map(row).collect(),
        findings,
    }
}

/// The difference in words.
pub fn told(found: &Difference, findings: Option<&[Moved]>) -> String {
    let mut text = format!("{} of {} combinations change their due date, {} of them to a later one or none\n", found.changed, found.combinations, found.longer);
    if found.apart {
        text.push_str("the policies look at too much to compare all together: each is compared with the one of its id\n");
    }
    let demands = |demands: &[Demand]| match demands {
        [] => "no rule".to_owned(),
        demands => demands.iter().map(|demand| format!("{} ({})", demand.demand, demand.rule)).collect::<Vec<_>>().join(" and "),
    };
    for row in found.rows.iter().take(ROWS) {
        let inputs: Vec<String> = row.inputs.iter().map(|(name, values)| format!("{} {}", name.replace('_', " "), values.join(" or "))).collect();
        let of = row.policy.as_ref().map_or_else(String::new, |policy| format!("{policy}, "));
        let inputs = if inputs.is_empty() { "whatever the inputs".to_owned() } else { inputs.join(", ") };
        text.push_str(&format!("{}: {of}{inputs}\n    {} → {}\n", row.change.as_str().to_uppercase(), demands(&row.before), demands(&row.after)));
    }
    if found.rows.len() > ROWS {
        text.push_str(&format!("and {} more rows (--format json has all)\n", found.rows.len() - ROWS));
    }
    if let Some(findings) = findings {
        let day = |due: &Option<Timestamp>| due.map_or_else(|| "no date".to_owned(), |due| due.strftime("%Y-%m-%d %H:%M").to_string());
        text.push_str(&format!("{} findings of the scan change their due date\n", findings.len()));
        for moved in findings {
            text.push_str(&format!(
                "{}: {} {} {}: {} → {}\n",
                moved.change.to_uppercase(),
                printable(&moved.advisory),
                printable(&moved.package),
                printable(&moved.version),
                day(&moved.before),
                day(&moved.after)
            ));
        }
    }
    text
}

/// Findings whose due date moves, both policies held against what the scan
/// kept: the severity it chose and not those it passed over.
fn moved(scan: &Scan, before: &PolicySet, after: &PolicySet) -> Vec<Moved> {
    let mut all = Vec::new();
    for finding in scan.findings.iter().filter(|finding| matches!(finding.state, State::Affected | State::Unknown)) {
        let (old, new) = (due(scan, finding, before), due(scan, finding, after));
        let change = match (old, new) {
            (old, new) if old == new => continue,
            (Some(_), None) => "undated",
            (None, _) => "dated",
            (Some(old), Some(new)) if new > old => "longer",
            _ => "shorter",
        };
        all.push(Moved {
            advisory: finding.advisory.clone(),
            package: finding.component.name.clone(),
            version: finding.component.version.clone(),
            before: old,
            after: new,
            change,
        });
    }
    all.sort_by_key(|moved| (matches!(moved.change, "shorter" | "dated"), moved.after));
    all
}

fn due(scan: &Scan, finding: &Finding, policies: &PolicySet) -> Option<Timestamp> {
    let chosen = &finding.severity;
    let vendor = Severity::Vendor { vendor: chosen.source.clone().unwrap_or_default(), word: chosen.rating.as_str().to_owned(), rating: chosen.rating };
    let cvss = chosen.vector.as_ref().zip(chosen.score).map(|(vector, score)| {
        let version = match vector.as_str() {
            vector if vector.starts_with("CVSS:4") => 4,
            vector if vector.starts_with("CVSS:3") => 3,
            _ => 2,
        };
        Cvss { version, vector: vector.clone(), base_tenths: (score * 10.0).round().clamp(0.0, 100.0) as u8 }
    });
    let threat = Threat { cvss: cvss.into_iter().collect(), kev: finding.kev.clone(), epss: finding.epss.clone(), ssvc: finding.ssvc, published: finding.published };
    let cves: Vec<String> = finding.aliases.iter().filter(|alias| alias.starts_with("CVE-")).cloned().collect();
    let component = scan.components.iter().find(|component| component.purl == finding.component.purl);
    let facts = Facts {
        severities: &[vendor],
        threat: &threat,
        cves: &cves,
        component,
        class: None,
        published: finding.published,
        fix_released: finding.fix_released,
        fix_exists: finding.fixed_version.is_some(),
        fix_available: finding.fix.available,
        first_seen: finding.first_seen,
        closed: None,
    };
    prioritize::due(&Input { now: scan.as_of, policies, finding: facts, host: &HostFacts::default() }).due
}
