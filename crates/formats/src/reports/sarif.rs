//! SARIF 2.1.0 (OASIS, with errata 01).

use super::markdown::escape;
use super::notices::{Weight, notices};
use super::{action, digest, pretty, probability, reasons, score, state_word, verdict_word, worst};
use plimsoll_core::model::advisory::Rating;
use plimsoll_core::model::finding::{Finding, State};
use plimsoll_core::model::scan::Scan;
use serde_json::{Value, json};
use std::collections::BTreeMap;

/// Writes a scan as SARIF 2.1.0: one result a finding, one rule an advisory.
///
/// Warnings stand in `invocations[].toolExecutionNotifications`, figures in
/// the run's properties. Without a database the run is not successful and
/// holds a result of kind `open`, because viewers show results and not
/// notifications. Pending updates are no results; they stand in the run's
/// properties.
pub fn sarif(scan: &Scan) -> String {
    let (rules, index) = rules(scan);
    let locations = locations(scan);
    let mut results: Vec<Value> = scan.findings.iter().map(|finding| result(finding, &index, &locations)).collect();
    if scan.database.is_none() {
        results.push(json!({
            "ruleId": UNKNOWN,
            "ruleIndex": index.get(UNKNOWN),
            "kind": "open",
            "level": "none",
            "message": {"text": "Findings unknown: no database of advisories was at hand. Get one with `plimsoll db update`."},
            "locations": [{"logicalLocations": [{"name": scan.host.name, "kind": "module"}]}],
        }));
    }
    let (name, version) = scan.tool.split_once(' ').unwrap_or((&scan.tool, ""));
    let mut driver = json!({"name": name, "rules": rules});
    if let (false, Some(driver)) = (version.is_empty(), driver.as_object_mut()) {
        driver.insert("version".to_owned(), json!(version));
    }
    pretty(
        &json!({
            "$schema": "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json",
            "version": "2.1.0",
            "runs": [{
                "tool": {"driver": driver},
                "automationDetails": {"id": format!("plimsoll/scan/{}", scan.host.name), "guid": guid(scan)},
                "invocations": [invocation(scan)],
                "results": results,
                "properties": properties(scan),
            }],
        }),
        scan,
    )
}

/// Rule of the result that stands where findings are unknown.
const UNKNOWN: &str = "plimsoll/findings-unknown";

/// SARIF admits only UUID versions 1 to 5; the version digit is set to 5.
fn guid(scan: &Scan) -> String {
    let uuid = digest::uuid(scan, "sarif");
    let mut parts: Vec<String> = uuid.split('-').map(str::to_owned).collect();
    if let Some(third) = parts.get_mut(2) {
        third.replace_range(..1, "5");
    }
    parts.join("-")
}

fn rules(scan: &Scan) -> (Vec<Value>, BTreeMap<&str, usize>) {
    let mut index = BTreeMap::new();
    let mut rules = Vec::new();
    for finding in &scan.findings {
        if index.contains_key(finding.advisory.as_str()) {
            continue;
        }
        index.insert(finding.advisory.as_str(), rules.len());
        let summary = if finding.summary.is_empty() { &finding.advisory } else { &finding.summary };
        let mut properties = json!({"tags": ["security"], "aliases": finding.aliases});
        if let (Some(score_), Some(properties)) = (finding.severity.score, properties.as_object_mut()) {
            // The property by which code hosts sort; a string by their rule.
            properties.insert("security-severity".to_owned(), json!(format!("{:.1}", score(score_))));
        }
        rules.push(json!({
            "id": finding.advisory,
            "shortDescription": {"text": summary},
            "properties": properties,
        }));
    }
    if scan.database.is_none() {
        index.insert(UNKNOWN, rules.len());
        rules.push(json!({"id": UNKNOWN, "shortDescription": {"text": "Findings are unknown, not absent"}}));
    }
    (rules, index)
}

/// First file of each component, by package URL.
fn locations(scan: &Scan) -> BTreeMap<&str, &str> {
    let mut out = BTreeMap::new();
    for component in &scan.components {
        if let Some(location) = component.locations.first() {
            out.entry(component.purl.as_str()).or_insert(location.as_str());
        }
    }
    out
}

/// Kind and level; SARIF wants level `none` for every kind but `fail`.
fn verdict(finding: &Finding) -> (&'static str, &'static str) {
    match finding.state {
        State::Unknown => ("open", "none"),
        State::Unsupported => ("review", "none"),
        State::NotAffected => ("notApplicable", "none"),
        State::Fixed => ("pass", "none"),
        State::Affected => match finding.severity.rating {
            Rating::Critical | Rating::High => ("fail", "error"),
            // Unknown severity is not low.
            Rating::Medium | Rating::Unknown => ("fail", "warning"),
            Rating::Low | Rating::None => ("fail", "note"),
        },
    }
}

fn result(finding: &Finding, index: &BTreeMap<&str, usize>, locations: &BTreeMap<&str, &str>) -> Value {
    let (kind, level) = verdict(finding);
    let component = &finding.component;
    let due = finding.due.map_or_else(|| "no due date".to_owned(), |due| format!("due {due}"));
    let state = state_word(finding.state);
    let version = if component.version.is_empty() { "(no version)" } else { &component.version };
    let text = format!(
        "{} {version} is {state} under {} ({}); {due}. {}.",
        component.name,
        finding.advisory,
        finding.severity.rating.as_str(),
        action(finding)
    );
    let markdown = format!(
        "**{}** {} is {state} under **{}** ({}); {due}. {}.",
        escape(&component.name),
        escape(version),
        escape(&finding.advisory),
        finding.severity.rating.as_str(),
        escape(&action(finding))
    );
    let qualified = if component.purl.is_empty() { &component.name } else { &component.purl };
    let mut location = json!({
        "logicalLocations": [{"name": component.name, "fullyQualifiedName": qualified, "kind": "module"}],
    });
    if let (Some(file), Some(location)) = (locations.get(component.purl.as_str()), location.as_object_mut()) {
        location.insert("physicalLocation".to_owned(), json!({"artifactLocation": {"uri": uri_of(file)}}));
    }
    let mut result = json!({
        "ruleId": finding.advisory,
        "ruleIndex": index.get(finding.advisory.as_str()),
        "kind": kind,
        "level": level,
        // A placeholder `{0}` in a hostile name has no arguments to take.
        "message": {"text": text.replace('{', "{{").replace('}', "}}"), "markdown": markdown.replace('{', "{{").replace('}', "}}")},
        "locations": [location],
        "partialFingerprints": {"plimsoll/1": digest::fingerprint(&finding.advisory, without_version(&component.purl), &component.name)},
        "properties": {
            "state": state,
            "severity": finding.severity.rating.as_str(),
            "installed": component.version,
            "fixedVersion": finding.fixed_version,
            "fix": finding.fix,
            "due": finding.due,
            "verdict": worst(&finding.obligations).map(verdict_word),
            "obligations": finding.obligations,
            "knownExploited": finding.kev.is_some(),
            "epss": finding.epss.as_ref().map(|epss| probability(epss.score)),
            "because": reasons(finding),
            "sources": finding.sources,
        },
    });
    if let (Some(score_), Some(result)) = (finding.severity.score, result.as_object_mut()) {
        result.insert("rank".to_owned(), json!(score(score_) * 10.0));
    }
    result
}

fn without_version(purl: &str) -> &str {
    let path = purl.split(['?', '#']).next().unwrap_or(purl);
    match path.rsplit_once('@') {
        Some((rest, version)) if !version.contains('/') => rest,
        _ => path,
    }
}

/// A path as a relative URI reference; every byte outside the unreserved set
/// is percent-encoded, so a hostile file name stays a path.
fn uri_of(path: &str) -> String {
    let mut out = String::with_capacity(path.len());
    for byte in path.trim_start_matches('/').bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~/".contains(&byte) {
            out.push(char::from(byte));
        } else {
            out.push_str(&format!("%{byte:02X}"));
        }
    }
    out
}

fn invocation(scan: &Scan) -> Value {
    let notifications: Vec<Value> = notices(scan)
        .into_iter()
        .map(|notice| {
            let level = match notice.weight {
                Weight::Fact => "note",
                Weight::Warning => "warning",
                Weight::Missing => "error",
            };
            json!({
                "level": level,
                "message": {"text": notice.line().replace('{', "{{").replace('}', "}}")},
                "properties": {"id": notice.id},
            })
        })
        .collect();
    json!({
        "executionSuccessful": scan.database.is_some(),
        "endTimeUtc": scan.as_of,
        "machine": scan.host.name,
        "toolExecutionNotifications": notifications,
    })
}

fn properties(scan: &Scan) -> Value {
    json!({
        "asOf": scan.as_of,
        "findings": if scan.database.is_some() { "known" } else { "unknown: no database" },
        "databaseBuilt": scan.database.as_ref().and_then(|database| database.built),
        "databaseDigest": scan.database.as_ref().map(|database| &database.digest),
        "coverage": scan.coverage,
        "policies": scan.policies,
        "pendingUpdates": scan.updates.as_ref().map(|_| {
            scan.offered_updates()
                .map(|update| json!({
                    "package": update.package,
                    "arch": update.arch,
                    "installed": update.installed,
                    "candidate": update.candidate,
                    "security": update.security,
                    "origin": update.origin,
                    "new": update.new,
                    "heldBy": update.held_by,
                    "due": update.due,
                }))
                .collect::<Vec<_>>()
        }),
    })
}
