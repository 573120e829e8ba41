//! CycloneDX 1.6 in JSON (ECMA-424): components and vulnerabilities with
//! their analysis (SBOM, VDR and VEX in one).

use super::notices::{Weight, notices};
use super::{action, digest, pretty, probability, reasons, score, state_word, verdict_word, worst};
use plimsoll_core::model::advisory::Rating;
use plimsoll_core::model::because::BecauseKind;
use plimsoll_core::model::component::{Component, ComponentKind, Scope};
use plimsoll_core::model::finding::{Finding, State};
use plimsoll_core::model::host::Target;
use plimsoll_core::model::scan::Scan;
use serde_json::{Map, Value, json};
use std::collections::{BTreeMap, BTreeSet};

/// Labels that a statement may carry with CycloneDX's own word for each: its
/// nine, then OpenVEX's and CSAF's as far as they have a counterpart.
const JUSTIFICATIONS: [(&str, &str); 13] = [
    ("code_not_present", "code_not_present"),
    ("code_not_reachable", "code_not_reachable"),
    ("requires_configuration", "requires_configuration"),
    ("requires_dependency", "requires_dependency"),
    ("requires_environment", "requires_environment"),
    ("protected_by_compiler", "protected_by_compiler"),
    ("protected_at_runtime", "protected_at_runtime"),
    ("protected_at_perimeter", "protected_at_perimeter"),
    ("protected_by_mitigating_control", "protected_by_mitigating_control"),
    ("component_not_present", "code_not_present"),
    ("vulnerable_code_not_present", "code_not_present"),
    ("vulnerable_code_not_in_execute_path", "code_not_reachable"),
    ("inline_mitigations_already_exist", "protected_by_mitigating_control"),
];

/// Writes a scan as CycloneDX 1.6 JSON.
///
/// Notices and pending updates stand in `metadata.properties` under
/// `plimsoll:`. Without a database `vulnerabilities` is absent instead of
/// empty, and `plimsoll:findings` says `unknown`.
pub fn cyclonedx(scan: &Scan) -> String {
    let references = references(&scan.components);
    let by_purl = first_by_identity(scan, &references);
    let components: Vec<Value> =
        scan.components.iter().zip(&references).map(|(component, reference)| component_value(component, reference)).collect();
    let mut bom = Map::new();
    let mut put = |key: &str, value: Value| {
        bom.insert(key.to_owned(), value);
    };
    put("$schema", json!("http://cyclonedx.org/schema/bom-1.6.schema.json"));
    put("bomFormat", json!("CycloneDX"));
    put("specVersion", json!("1.6"));
    put("serialNumber", json!(format!("urn:uuid:{}", digest::uuid(scan, "cyclonedx"))));
    put("version", json!(1));
    put("metadata", metadata(scan));
    put("components", json!(components));
    if scan.database.is_some() || !scan.findings.is_empty() {
        let mut seen = BTreeMap::new();
        let vulnerabilities: Vec<Value> =
            scan.findings.iter().map(|finding| vulnerability(finding, &by_purl, &mut seen)).collect();
        put("vulnerabilities", json!(vulnerabilities));
    }
    pretty(&bom, scan)
}

fn property(name: &str, value: impl Into<String>) -> Value {
    json!({"name": format!("plimsoll:{name}"), "value": value.into()})
}

/// One unique reference a component: its package URL, numbered where two
/// components share it.
fn references(components: &[Component]) -> Vec<String> {
    let mut used = BTreeSet::new();
    components
        .iter()
        .enumerate()
        .map(|(index, component)| {
            let base = if component.purl.is_empty() { format!("component-{index}") } else { component.purl.clone() };
            let mut reference = base.clone();
            let mut number = 1;
            while !used.insert(reference.clone()) {
                number += 1;
                reference = format!("{base}#{number}");
            }
            reference
        })
        .collect()
}

/// References by what a finding repeats of its component.
fn first_by_identity<'a>(scan: &'a Scan, references: &'a [String]) -> BTreeMap<(&'a str, &'a str, &'a str), &'a str> {
    let mut out = BTreeMap::new();
    for (component, reference) in scan.components.iter().zip(references) {
        let key = (component.purl.as_str(), component.name.as_str(), component.version.as_str());
        out.entry(key).or_insert(reference.as_str());
    }
    out
}

fn metadata(scan: &Scan) -> Value {
    let (name, version) = scan.tool.split_once(' ').unwrap_or((&scan.tool, ""));
    let kind = match scan.host.target {
        Target::Host => "device",
        Target::Root => "operating-system",
        Target::Sbom | Target::Project | Target::Lockfile => "application",
    };
    let findings = if scan.database.is_some() { "known" } else { "unknown: no database" };
    let mut properties = vec![property("as-of", scan.as_of.to_string()), property("findings", findings)];
    if let Some(built) = scan.database.as_ref().and_then(|database| database.built) {
        properties.push(property("database:built", built.to_string()));
    }
    for notice in notices(scan) {
        let name = match notice.weight {
            Weight::Fact => "fact",
            Weight::Warning => "warning",
            Weight::Missing => "missing",
        };
        properties.push(property(&format!("{name}:{}", notice.id), notice.line()));
    }
    for update in scan.offered_updates() {
        let security = if update.security { "security update" } else { "update" };
        let from = update.installed.as_deref().unwrap_or("(new)");
        let due = update.due.map_or_else(|| "no due date".to_owned(), |due| format!("due {due}"));
        let held = update.held_by.as_ref().map_or_else(String::new, |by| format!(", held by {by}"));
        let text = format!("{from} -> {}, {security}, {}, {due}{held}", update.candidate, update.origin);
        properties.push(property(&format!("pending-update:{}:{}", update.package, update.arch), text));
    }
    json!({
        "timestamp": scan.as_of,
        "tools": {"components": [{"type": "application", "name": name, "version": version}]},
        "component": {"type": kind, "name": scan.host.name, "bom-ref": "plimsoll:target"},
        "properties": properties,
    })
}

fn component_value(component: &Component, reference: &str) -> Value {
    let mut out = Map::new();
    let mut put = |key: &str, value: Value| {
        out.insert(key.to_owned(), value);
    };
    put("type", json!(kind(component.kind)));
    put("bom-ref", json!(reference));
    match component.name.split_once(':') {
        Some((group, name)) if component.purl.starts_with("pkg:maven/") => {
            put("group", json!(group));
            put("name", json!(name));
        }
        _ => put("name", json!(component.name)),
    }
    put("version", json!(component.version));
    if component.purl.starts_with("pkg:") {
        put("purl", json!(component.purl));
    }
    if let Some(vendor) = &component.vendor {
        put("publisher", json!(vendor));
    }
    if let Some(licence) = &component.licence {
        // Free text of package databases is no SPDX expression.
        put("licenses", json!([{"license": {"name": licence}}]));
    }
    match component.scope {
        Scope::Runtime => {}
        Scope::Optional => put("scope", json!("optional")),
        Scope::Development => put("scope", json!("excluded")),
    }
    let stream = component.stream.as_ref().map_or("(none)", |stream| stream.as_str());
    let mut properties = vec![property("stream", stream)];
    let facts = [
        ("arch", &component.arch),
        ("source", &component.source),
        ("source-version", &component.source_version),
        ("origin", &component.origin),
        ("module", &component.module),
    ];
    properties.extend(facts.into_iter().filter_map(|(name, value)| value.as_ref().map(|value| property(name, value))));
    properties.extend(component.locations.iter().map(|location| property("location", location)));
    if component.held {
        properties.push(property("held", "true"));
    }
    put("properties", json!(properties));
    Value::Object(out)
}

fn kind(kind: ComponentKind) -> &'static str {
    match kind {
        ComponentKind::Package
        | ComponentKind::Library
        | ComponentKind::Kernel
        | ComponentKind::KernelHeaders => "library",
        ComponentKind::Application => "application",
        ComponentKind::Firmware => "firmware",
        ComponentKind::Hardware => "device",
        ComponentKind::OperatingSystem => "operating-system",
        ComponentKind::Container => "container",
        ComponentKind::File => "file",
    }
}

fn vulnerability(
    finding: &Finding,
    by_identity: &BTreeMap<(&str, &str, &str), &str>,
    seen: &mut BTreeMap<String, u32>,
) -> Value {
    let component = &finding.component;
    let fingerprint = digest::fingerprint(&finding.advisory, &component.purl, &format!("{}@{}", component.name, component.version));
    let count = seen.entry(fingerprint.clone()).or_insert(0);
    *count += 1;
    let reference = if *count == 1 { format!("finding-{fingerprint}") } else { format!("finding-{fingerprint}-{count}") };
    let key = (component.purl.as_str(), component.name.as_str(), component.version.as_str());
    let affected = by_identity.get(&key).map_or_else(|| component.purl.clone(), |reference| (*reference).to_owned());
    let mut out = Map::new();
    let mut put = |key: &str, value: Value| {
        out.insert(key.to_owned(), value);
    };
    put("bom-ref", json!(reference));
    put("id", json!(finding.advisory));
    if let Some(source) = finding.sources.first() {
        put("source", json!({"name": source}));
    }
    let aliases: BTreeSet<&String> = finding.aliases.iter().filter(|alias| **alias != finding.advisory).collect();
    if !aliases.is_empty() {
        let source = |id: &str| if id.starts_with("CVE-") { "CVE" } else { "alias" };
        put(
            "references",
            aliases.iter().map(|id| json!({"id": id, "source": {"name": source(id)}})).collect::<Vec<_>>().into(),
        );
    }
    put("ratings", json!([rating(finding)]));
    if !finding.summary.is_empty() {
        put("description", json!(finding.summary));
    }
    if finding.state == State::Affected {
        put("recommendation", json!(action(finding)));
    }
    let workarounds: Vec<String> =
        finding.workarounds.iter().map(|workaround| format!("{}: {}", workaround.kind, workaround.text)).collect();
    if !workarounds.is_empty() {
        put("workaround", json!(workarounds.join("\n")));
    }
    if let Some(published) = finding.published {
        put("published", json!(published));
    }
    put("analysis", analysis(finding));
    let versions = json!([{"version": component.version, "status": affected_word(finding.state)}]);
    put("affects", if component.version.is_empty() { json!([{"ref": affected}]) } else { json!([{"ref": affected, "versions": versions}]) });
    put("properties", json!(properties(finding)));
    Value::Object(out)
}

fn affected_word(state: State) -> &'static str {
    match state {
        State::Affected => "affected",
        State::Unknown | State::Unsupported => "unknown",
        State::NotAffected | State::Fixed => "unaffected",
    }
}

fn rating(finding: &Finding) -> Value {
    let severity = &finding.severity;
    let vector = severity.vector.as_deref().unwrap_or("");
    let method = match vector {
        "" => "other",
        _ if vector.starts_with("CVSS:4") => "CVSSv4",
        _ if vector.starts_with("CVSS:3.1") => "CVSSv31",
        _ if vector.starts_with("CVSS:3") => "CVSSv3",
        _ => "CVSSv2",
    };
    let word = match severity.rating {
        Rating::Unknown => "unknown",
        other => other.as_str(),
    };
    let mut out = Map::new();
    out.insert("severity".to_owned(), json!(word));
    out.insert("method".to_owned(), json!(method));
    if let Some(source) = &severity.source {
        out.insert("source".to_owned(), json!({"name": source}));
    }
    if let Some(value) = severity.score {
        out.insert("score".to_owned(), json!(score(value)));
    }
    if !vector.is_empty() {
        out.insert("vector".to_owned(), json!(vector));
    }
    Value::Object(out)
}

fn analysis(finding: &Finding) -> Value {
    let mut out = Map::new();
    let state = match finding.state {
        State::Affected => "exploitable",
        State::Unknown | State::Unsupported => "in_triage",
        State::NotAffected => "not_affected",
        State::Fixed => "resolved",
    };
    out.insert("state".to_owned(), json!(state));
    if finding.state == State::NotAffected {
        let statements = finding.because.iter().filter(|because| because.kind == BecauseKind::Statement);
        let words: Vec<&str> = statements
            .flat_map(|because| because.text.split(|character: char| !character.is_ascii_alphanumeric() && character != '_'))
            .chain(finding.detail.as_deref())
            .collect();
        let named = JUSTIFICATIONS.into_iter().find(|(label, _)| words.contains(label)).map(|(_, own)| own);
        if let Some(label) = named {
            out.insert("justification".to_owned(), json!(label));
        }
    }
    if finding.state == State::Affected {
        let mut response = Vec::new();
        if finding.fix.version.is_some() || finding.fixed_version.is_some() {
            response.push("update");
        }
        if !finding.workarounds.is_empty() {
            response.push("workaround_available");
        }
        if finding.detail.as_deref() == Some("wont-fix") {
            response.push("will_not_fix");
        }
        if !response.is_empty() {
            out.insert("response".to_owned(), json!(response));
        }
    }
    let mut detail = reasons(finding);
    if finding.state == State::Unsupported {
        detail = format!("Out of support: nobody says whether it is affected; {detail}");
    }
    if !detail.is_empty() {
        out.insert("detail".to_owned(), json!(detail));
    }
    Value::Object(out)
}

fn properties(finding: &Finding) -> Vec<Value> {
    let mut out = vec![property("state", state_word(finding.state))];
    if let Some(detail) = &finding.detail {
        out.push(property("detail", detail));
    }
    if let Some(due) = finding.due {
        out.push(property("due", due.to_string()));
    }
    if let Some(verdict) = worst(&finding.obligations) {
        out.push(property("verdict", verdict_word(verdict)));
    }
    for obligation in &finding.obligations {
        let due = obligation.due.map_or_else(|| "no due date".to_owned(), |due| format!("due {due}"));
        let start = obligation.clock_start.map_or_else(|| "not started".to_owned(), |start| start.to_string());
        out.push(property(
            &format!("obligation:{}", obligation.rule),
            format!("{} from {} {start}, {due}", verdict_word(obligation.verdict), obligation.clock),
        ));
    }
    if let Some(kev) = &finding.kev {
        out.push(property("known-exploited", format!("listed {}", kev.date_added)));
    }
    if let Some(epss) = &finding.epss {
        out.push(property("epss", format!("{} of {}", probability(epss.score), epss.date)));
    }
    out.extend(finding.sources.iter().map(|source| property("source", source)));
    out
}
