//! OpenVEX 0.2.0.

use super::notices::{notices, source_warnings};
use super::{action, digest, pretty, reasons};
use plimsoll_core::model::because::BecauseKind;
use plimsoll_core::model::finding::{Finding, State};
use plimsoll_core::model::scan::Scan;
use serde_json::{Map, Value, json};

/// The five justifications of OpenVEX.
const JUSTIFICATIONS: [&str; 5] = [
    "component_not_present",
    "vulnerable_code_not_present",
    "vulnerable_code_not_in_execute_path",
    "vulnerable_code_cannot_be_controlled_by_adversary",
    "inline_mitigations_already_exist",
];

/// Writes a scan as OpenVEX 0.2.0: one statement a finding.
///
/// The format is closed and has no place for notices. They stand in
/// `tooling`, which by the specification says how the document came about,
/// and the warnings of a finding's own sources in its `status_notes`. It also
/// demands at least one statement: where there is no finding, or no database,
/// one statement about the host stands in, `under_investigation`, whose
/// vulnerability name starts with `plimsoll:` and matches none; claiming
/// `not_affected` would say more than is known.
pub fn openvex(scan: &Scan) -> String {
    let mut statements: Vec<Value> = Vec::new();
    if scan.database.is_none() {
        statements.push(placeholder(
            scan,
            "plimsoll:findings-unknown",
            "Findings unknown: no database of advisories was at hand. Get one with `plimsoll db update`.",
        ));
    }
    for finding in &scan.findings {
        let statement = statement(scan, finding);
        // The schema demands that no two statements are equal.
        if !statements.contains(&statement) {
            statements.push(statement);
        }
    }
    if statements.is_empty() {
        let coverage = &scan.coverage;
        let text = format!(
            "No advisory of the database matched, for {} of {} components judged.",
            coverage.evaluated, coverage.components
        );
        statements.push(placeholder(scan, "plimsoll:no-finding", &text));
    }
    let tooling: Vec<String> = notices(scan).iter().map(super::notices::Notice::line).collect();
    pretty(
        &json!({
            "@context": "https://openvex.dev/ns/v0.2.0",
            "@id": format!("urn:uuid:{}", digest::uuid(scan, "openvex")),
            "author": format!("{} for the operator of {}", scan.tool, scan.host.name),
            "role": "scanner",
            "timestamp": scan.as_of,
            "version": 1,
            "tooling": format!("{}. {}", scan.tool, tooling.join(". ")),
            "statements": statements,
        }),
        scan,
    )
}

fn placeholder(scan: &Scan, name: &str, text: &str) -> Value {
    json!({
        "vulnerability": {
            "name": name,
            "description": "Stands where there is no statement; names no vulnerability.",
        },
        "timestamp": scan.as_of,
        "products": [{"@id": urn("host", &scan.host.name)}],
        "status": "under_investigation",
        "status_notes": text,
    })
}

/// An identifier of our own for what has no package URL; every byte outside
/// letters and digits is percent-encoded, so it is always a valid IRI.
fn urn(kind: &str, name: &str) -> String {
    let mut out = format!("urn:plimsoll:{kind}:");
    for byte in name.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            out.push(char::from(byte));
        } else {
            out.push_str(&format!("%{byte:02X}"));
        }
    }
    out
}

fn statement(scan: &Scan, finding: &Finding) -> Value {
    let mut out = Map::new();
    let mut put = |key: &str, value: Value| {
        out.insert(key.to_owned(), value);
    };
    let mut aliases = finding.aliases.clone();
    aliases.retain(|alias| *alias != finding.advisory);
    aliases.sort();
    aliases.dedup();
    let mut vulnerability = json!({"name": finding.advisory});
    if let Some(vulnerability) = vulnerability.as_object_mut() {
        if !finding.summary.is_empty() {
            vulnerability.insert("description".to_owned(), json!(finding.summary));
        }
        if !aliases.is_empty() {
            vulnerability.insert("aliases".to_owned(), json!(aliases));
        }
    }
    put("vulnerability", vulnerability);
    put("timestamp", json!(scan.as_of));
    put("products", json!([product(finding)]));
    match finding.state {
        State::Affected => {
            put("status", json!("affected"));
            put("action_statement", json!(format!("{}.", action(finding))));
        }
        State::Unknown | State::Unsupported => put("status", json!("under_investigation")),
        State::Fixed => put("status", json!("fixed")),
        State::NotAffected => {
            put("status", json!("not_affected"));
            put("impact_statement", json!(why_not(finding)));
            if let Some(label) = justification(finding) {
                put("justification", json!(label));
            }
        }
    }
    let mut notes = Vec::new();
    if finding.state == State::Unsupported {
        notes.push("Out of support: nobody says whether it is affected".to_owned());
    }
    let reasons = reasons(finding);
    if !reasons.is_empty() {
        notes.push(reasons);
    }
    notes.extend(source_warnings(scan, &finding.sources));
    if !notes.is_empty() {
        put("status_notes", json!(notes.join("; ")));
    }
    Value::Object(out)
}

fn product(finding: &Finding) -> Value {
    let component = &finding.component;
    if component.purl.starts_with("pkg:") {
        json!({"@id": component.purl, "identifiers": {"purl": component.purl}})
    } else {
        json!({"@id": urn("component", &format!("{}@{}", component.name, component.version))})
    }
}

/// Why a component is not affected: the reasons, which are never empty.
fn why_not(finding: &Finding) -> String {
    let reasons = reasons(finding);
    if reasons.is_empty() { "Judged not affected by the sources named".to_owned() } else { reasons }
}

/// The label, where a statement gave one of OpenVEX's own.
fn justification(finding: &Finding) -> Option<&'static str> {
    let detail = finding.detail.as_deref();
    JUSTIFICATIONS.into_iter().find(|label| {
        detail == Some(label)
            || finding
                .because
                .iter()
                .any(|because| because.kind == BecauseKind::Statement && because.text.contains(label))
    })
}
