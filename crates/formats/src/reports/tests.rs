//! Every format against its published schema, whole, and against what must
//! never be left unsaid.

use super::sample::{HOSTILE, scan, without_database, without_findings};
use super::*;
use crate::test_data;
use serde_json::Value;

/// A format's function with its name.
type Writer = (&'static str, fn(&Scan) -> String);

const ALL: [Writer; 6] = [
    ("json", json),
    ("sarif", sarif),
    ("cyclonedx", cyclonedx),
    ("openvex", openvex),
    ("csv", csv),
    ("markdown", markdown),
];

fn parsed(text: &str) -> Value {
    serde_json::from_str(text).unwrap()
}

/// Says what in `document` breaks `schema`; `others` are schemas it refers to.
fn errors(schema: &str, others: &[(&str, &str)], document: &str) -> Vec<String> {
    let mut registry = jsonschema::Registry::new();
    for (uri, text) in others {
        registry = registry.add(*uri, parsed(text)).unwrap();
    }
    let registry = registry.prepare().unwrap();
    let schema = parsed(schema);
    let validator =
        jsonschema::options().with_registry(&registry).should_validate_formats(true).build(&schema).unwrap();
    validator
        .iter_errors(&parsed(document))
        .map(|error| format!("{}: {error}", error.instance_path()))
        .collect()
}

fn samples() -> [Scan; 3] {
    [scan(), without_database(), without_findings()]
}

#[test]
fn own_json_meets_its_schema_and_comes_back_the_same() {
    for scan in samples() {
        let text = json(&scan);
        assert_eq!(errors(SCAN_SCHEMA, &[], &text), Vec::<String>::new());
        assert_eq!(serde_json::from_str::<Scan>(&text).unwrap(), scan);
    }
}

/// Walks the schema: every object closed, every member described.
#[test]
fn the_schema_is_closed_and_every_member_is_described() {
    fn walk(value: &Value, path: &str, wrong: &mut Vec<String>) {
        let Value::Object(members) = value else {
            if let Value::Array(items) = value {
                items.iter().for_each(|item| walk(item, path, wrong));
            }
            return;
        };
        if let Some(Value::Object(properties)) = members.get("properties") {
            if members.get("additionalProperties") != Some(&Value::Bool(false)) {
                wrong.push(format!("{path} is open"));
            }
            for (name, property) in properties {
                if property.get("description").and_then(Value::as_str).is_none_or(str::is_empty) {
                    wrong.push(format!("{path}/{name} is not described"));
                }
            }
        }
        for (name, member) in members {
            walk(member, &format!("{path}/{name}"), wrong);
        }
    }
    let mut wrong = Vec::new();
    walk(&parsed(SCAN_SCHEMA), "", &mut wrong);
    assert_eq!(wrong, Vec::<String>::new());
    let mut extra = parsed(&json(&scan()));
    extra.as_object_mut().unwrap().insert("extra".into(), Value::Null);
    assert_eq!(errors(SCAN_SCHEMA, &[], &extra.to_string()).len(), 1);
}

#[test]
fn sarif_meets_the_oasis_schema() {
    for scan in samples() {
        // The published pattern of `language` has a stray bracket, which is
        // no regular expression in ECMA's Unicode mode.
        let schema = include_str!("../../fixtures/schema/sarif-2.1.0.schema.json").replace("{2}]?$", "{2}$");
        assert_eq!(errors(&schema, &[], &sarif(&scan)), Vec::<String>::new());
    }
}

#[test]
fn cyclonedx_meets_the_official_schema_and_our_own_reader() {
    let others = [
        ("http://cyclonedx.org/schema/spdx.SNAPSHOT.schema.json", include_str!("../../fixtures/schema/cyclonedx-spdx.schema.json")),
        ("http://cyclonedx.org/schema/jsf-0.82.SNAPSHOT.schema.json", include_str!("../../fixtures/schema/cyclonedx-jsf-0.82.schema.json")),
    ];
    for scan in samples() {
        let schema = include_str!("../../fixtures/schema/cyclonedx-1.6.schema.json");
        let text = cyclonedx(&scan);
        assert_eq!(errors(schema, &others, &text), Vec::<String>::new());
        let document = crate::sbom::read("own", text.as_bytes()).unwrap();
        // The scanned thing itself comes first.
        assert_eq!(document.components.len(), scan.components.len() + 1);
        assert_eq!(document.statements.len(), scan.findings.len());
    }
}

#[test]
fn openvex_meets_the_official_schema_and_our_own_reader() {
    let Some(data) = test_data::folder() else { return };
    let schema = std::fs::read_to_string(data.join("vex/openvex-schema/openvex_json_schema.json")).unwrap();
    for scan in samples() {
        let text = openvex(&scan);
        assert_eq!(errors(&schema, &[], &text), Vec::<String>::new());
        let mut count = 0;
        let reading = crate::advisories::vex::openvex("own", text.as_bytes(), &mut |_| count += 1).unwrap();
        assert_eq!((reading.rejected, reading.problems.len(), count), (0, 0, scan.findings.len().max(1)));
    }
}

#[test]
fn every_format_names_instant_database_sources_and_coverage() {
    for (name, write) in ALL {
        let text = write(&scan());
        for needed in ["2026-03-31T12:00:00Z", "2026-03-31T00:00:00Z", "newest record is 9 days old", "HTTP 503 for 2 days", "lost 40 % of 269 records", "newest date went back", "1 of 269 records unreadable"] {
            assert!(text.contains(needed), "{name} does not say {needed}");
        }
        assert_eq!(text, write(&scan()), "{name} differs from run to run");
    }
    for (name, write) in ALL {
        let text = write(&without_database());
        if name == "json" {
            assert_eq!(parsed(&text).get("database"), Some(&Value::Null));
            continue;
        }
        assert!(text.contains("Findings unknown: no database"), "{name} reads as clean");
        assert!(text.contains("0 of 5 components judged"), "{name} hides the coverage");
        assert!(text.contains("Pending updates unknown"), "{name} hides that updates are unknown");
    }
    assert!(!cyclonedx(&without_database()).contains("\"vulnerabilities\""));
    assert!(sarif(&without_database()).contains("\"executionSuccessful\": false"));
}

#[test]
fn hostile_names_stay_text_in_every_format() {
    for (name, write) in ALL {
        let text = write(&scan());
        assert!(!text.contains(['\u{1b}']), "{name} passes an escape character");
    }
    let rows = csv(&scan());
    let mut reader = ::csv::ReaderBuilder::new().from_reader(rows.as_bytes());
    for record in reader.records() {
        for cell in record.unwrap().iter() {
            assert!(!cell.starts_with(['=', '+', '-', '@', '\t', '\r', '\n']), "formula {cell:?}");
        }
    }
    assert!(rows.contains("'+new|pkg") && rows.contains("'-1"));
    let text = markdown(&scan());
    for bad in ["<script", "<b>", "[a](", "\u{202e}", "http://"] {
        assert!(!text.contains(bad), "markdown passes {bad:?}");
    }
    // Every table row has the columns of its table: no border came from a name.
    for line in text.lines().filter(|line| line.starts_with('|')) {
        assert!(matches!(line.matches('|').count(), 8 | 9), "{line}");
    }
    assert!(HOSTILE.contains('|'));
}

#[test]
fn whole_outputs() {
    insta::assert_snapshot!("sarif", sarif(&scan()));
    insta::assert_snapshot!("cyclonedx", cyclonedx(&scan()));
    insta::assert_snapshot!("openvex", openvex(&scan()));
    insta::assert_snapshot!("csv", csv(&scan()));
    insta::assert_snapshot!("markdown", markdown(&scan()));
    insta::assert_snapshot!("json", json(&scan()));
    insta::assert_snapshot!("markdown_without_database", markdown(&without_database()));
    insta::assert_snapshot!("openvex_without_database", openvex(&without_database()));
    insta::assert_snapshot!("sarif_without_database", sarif(&without_database()));
}
