use super::{csv, poam};
use jiff::Timestamp;
use plimsoll_core::measures::{Audience, Collector, HostStory, OpenFinding, Report, Window};
use plimsoll_core::model::advisory::Rating;
use plimsoll_core::model::identifier::HostId;
use plimsoll_core::model::transition::{Bound, FindingKey, Obliged, Transition};
use serde_json::{Value, json};
use std::collections::BTreeSet;

const DAY: i64 = 86_400;

fn at(day: i64) -> Timestamp {
    Timestamp::from_second(day * DAY).unwrap()
}

/// Two hosts, one of them with a name that is meant to do harm.
fn report(audience: Audience, client: Option<&str>) -> (Report, Vec<OpenFinding>) {
    let key = |advisory: &str, component: &str| FindingKey { advisory: advisory.to_owned(), component: component.to_owned() };
    let bound = |rule: &str, due: i64| Bound { due: due * DAY, start: Some(10 * DAY), rule: rule.to_owned() };
    let obliged = |rating, exploited, bounds: &[Bound]| Obliged { rating, exploited, bounds: bounds.to_vec() };
    let (openssl, zlib, old) = (key("CVE-2026-1234", "debian:12 openssl"), key("DSA-1-1", "debian:12 zlib\n"), key("CVE-2020-1", "debian:12 old"));
    let transition = |host, serial, day, opened: &[FindingKey], closed: &[FindingKey], obliged: Vec<(FindingKey, Obliged)>| Transition {
        host: HostId::from_bits(host),
        serial,
        at: at(day),
        opened: opened.to_vec(),
        closed: closed.to_vec(),
        obliged,
        policies: vec!["samm 1".to_owned()],
    };
    let first = [
        transition(1, 0, 10, &[openssl.clone(), zlib.clone(), old.clone()], &[], vec![
            (openssl.clone(), obliged(Rating::Critical, true, &[bound("samm/critical", 13), bound("pci/6.3.3", 40)])),
            (zlib.clone(), obliged(Rating::Low, false, &[bound("samm/low", 100)])),
        ]),
        transition(1, 1, 12, &[], &[zlib], vec![]),
    ];
    let second = [transition(2, 0, 11, std::slice::from_ref(&openssl), &[], vec![(openssl.clone(), obliged(Rating::High, false, &[bound("samm/high", 24)]))])];
    let mut collector = Collector::new(Window { from: at(5), to: at(20) }).keeping_open();
    for (host, name, transitions) in [(1, "=HYPERLINK(\"x\")", &first[..]), (2, " web\u{202e}2\n", &second[..])] {
        collector.host(&HostStory { host: HostId::from_bits(host), name, enrolled: at(1), retired: None, transitions });
    }
    let open = collector.kept().to_vec();
    (Report { schema: Report::SCHEMA, report: audience, client: client.map(str::to_owned), measures: collector.finish(), targets: Vec::new(), cycles: Vec::new() }, open)
}

/// Values of all members and entries.
fn scalars<'a>(value: &'a Value, found: &mut Vec<&'a Value>) {
    match value {
        Value::Array(items) => items.iter().for_each(|item| scalars(item, found)),
        Value::Object(members) => members.values().for_each(|member| scalars(member, found)),
        scalar => found.push(scalar),
    }
}

#[test]
fn csv_has_every_figure_of_the_json_once_and_nothing_that_a_spreadsheet_runs() {
    let (report, _) = report(Audience::Auditor, Some("Acme, Inc."));
    let text = csv(&report).unwrap();
    assert_eq!(text, csv(&report).unwrap());
    let mut reader = csv::Reader::from_reader(text.as_bytes());
    assert_eq!(reader.headers().unwrap(), vec!["section", "key", "measure", "value"]);
    let rows: Vec<[String; 4]> = reader.records().map(|row| std::array::from_fn(|place| row.as_ref().unwrap()[place].to_owned())).collect();
    let value = |section: &str, key: &str, measure: &str| {
        let found: Vec<&str> = rows.iter().filter(|row| (&*row[0], &*row[1], &*row[2]) == (section, key, measure)).map(|row| &*row[3]).collect();
        assert_eq!(found.len(), 1, "{section} {key} {measure}: {found:?}");
        found[0]
    };
    assert_eq!((value("report", "", "client"), value("window", "", "to"), value("summary", "", "hosts")), ("Acme, Inc.", "1970-01-21T00:00:00Z", "2"));
    assert_eq!((value("open", "critical", "exceeded"), value("flow", "", "closed"), value("on_time", "samm/critical", "open")), ("1", "1", "1"));
    assert_eq!((value("ageing", "high", "to_14_days"), value("time_to_patch", "all", "started"), value("time_to_patch", "all", "p95_days")), ("1", "4", ""));
    assert_eq!((value("late", "1", "name"), value("policies", "1", "name")), ("'=HYPERLINK(\"x\")", "samm 1"));
    // As many rows as the JSON has values, but for those that became keys: a
    // priority or a rule, and the days of a point of the curve.
    let json = serde_json::to_value(&report).unwrap();
    let mut all = Vec::new();
    scalars(&json, &mut all);
    let measures = &json["measures"];
    let keys: usize = ["open", "ageing", "time_to_patch", "on_time"].iter().map(|list| measures[list].as_array().unwrap().len()).sum();
    let points: usize = measures["time_to_patch"].as_array().unwrap().iter().map(|line| line["patched"].as_array().unwrap().len()).sum();
    assert_eq!(rows.len(), all.len() - keys - points, "{text}");
}

/// What NIST's JSON schema of the POA&M model (OSCAL 1.1) requires of the parts
/// that are written: members, their names, and the forms of their values.
fn schema() -> Value {
    let uuid = json!({ "type": "string", "pattern": "^[0-9A-Fa-f]{8}-[0-9A-Fa-f]{4}-[45][0-9A-Fa-f]{3}-[89ABab][0-9A-Fa-f]{3}-[0-9A-Fa-f]{12}$" });
    let (line, string) = (json!({ "type": "string", "pattern": "^[^\\n]+$" }), json!({ "type": "string", "pattern": "^\\S(.*\\S)?$" }));
    let (token, moment) = (json!({ "type": "string", "pattern": "^[A-Za-z_][A-Za-z0-9_.-]*$" }), json!({ "type": "string", "pattern": "^\\d{4}-\\d\\d-\\d\\dT\\d\\d:\\d\\d:\\d\\d(\\.\\d+)?Z$" }));
    let object = |required: &[&str], properties: Value| json!({ "type": "object", "additionalProperties": false, "required": required, "properties": properties });
    let list = |items: Value| json!({ "type": "array", "minItems": 1, "items": items });
    let props = list(object(&["name", "value"], json!({ "name": token, "ns": { "type": "string", "format": "uri" }, "value": string, "remarks": { "type": "string" } })));
    let origins = list(object(&["actors"], json!({ "actors": list(object(&["type", "actor-uuid"], json!({ "type": { "enum": ["tool", "assessment-platform", "party"] }, "actor-uuid": uuid }))) })));
    let related = |name: &str| list(object(&[name], json!({ name: uuid })));
    let task = object(&["uuid", "type", "title"], json!({ "uuid": uuid, "type": { "enum": ["milestone", "action"] }, "title": line, "timing": object(&["on-date"], json!({ "on-date": object(&["date"], json!({ "date": moment })) })) }));
    let remediation = object(&["uuid", "lifecycle", "title", "description"], json!({ "uuid": uuid, "lifecycle": { "enum": ["recommendation", "planned", "completed"] }, "title": line, "description": { "type": "string" }, "tasks": list(task) }));
    let facet = object(&["name", "system", "value"], json!({ "name": token, "system": { "type": "string" }, "value": string }));
    let characterization = object(&["origin", "facets"], json!({ "origin": origins["items"], "facets": list(facet) }));
    let subject = object(&["subject-uuid", "type"], json!({ "subject-uuid": uuid, "type": token, "title": line, "props": props }));
    object(&["plan-of-action-and-milestones"], json!({ "plan-of-action-and-milestones": object(&["uuid", "metadata", "poam-items"], json!({
        "uuid": uuid,
        "metadata": object(&["title", "last-modified", "version", "oscal-version"], json!({ "title": line, "last-modified": moment, "version": string, "oscal-version": string, "remarks": { "type": "string" } })),
        "system-id": object(&["id"], json!({ "identifier-type": { "type": "string" }, "id": string })),
        "local-definitions": object(&[], json!({
            "components": list(object(&["uuid", "type", "title", "description", "status"], json!({ "uuid": uuid, "type": string, "title": line, "description": { "type": "string" }, "status": object(&["state"], json!({ "state": { "enum": ["under-development", "operational", "disposition", "other"] } })) }))),
            "inventory-items": list(object(&["uuid", "description"], json!({ "uuid": uuid, "description": { "type": "string" }, "props": props }))),
        })),
        "observations": list(object(&["uuid", "description", "methods", "collected"], json!({ "uuid": uuid, "title": line, "description": { "type": "string" }, "methods": list(string), "types": list(token.clone()), "origins": origins, "subjects": list(subject), "collected": moment }))),
        "risks": list(object(&["uuid", "title", "description", "statement", "status"], json!({ "uuid": uuid, "title": line, "description": { "type": "string" }, "statement": { "type": "string" }, "props": props, "status": token, "origins": origins, "characterizations": list(characterization), "deadline": moment, "remediations": list(remediation), "related-observations": related("observation-uuid") }))),
        "poam-items": list(object(&["title", "description"], json!({ "uuid": uuid, "title": line, "description": { "type": "string" }, "origins": origins, "related-observations": related("observation-uuid"), "related-risks": related("risk-uuid") }))),
    })) }))
}

/// Each identifier that something has, and each that something names.
fn identifiers(value: &Value, own: &mut Vec<String>, named: &mut BTreeSet<String>) {
    match value {
        Value::Array(items) => items.iter().for_each(|item| identifiers(item, own, named)),
        Value::Object(members) => {
            for (name, member) in members {
                match member.as_str() {
                    Some(uuid) if name == "uuid" => own.push(uuid.to_owned()),
                    Some(uuid) if name.ends_with("-uuid") => named.extend([uuid.to_owned()]),
                    _ => identifiers(member, own, named),
                }
            }
        }
        _ => {}
    }
}

#[test]
fn a_plan_has_what_the_model_asks_and_names_only_what_is_in_it() {
    let (report, open) = report(Audience::Auditor, None);
    let bytes = poam(&report, &open).unwrap();
    assert_eq!(bytes, poam(&report, &open).unwrap());
    let plan: Value = serde_json::from_slice(&bytes).unwrap();
    let schema = jsonschema::validator_for(&schema()).unwrap();
    let wrong: Vec<String> = schema.iter_errors(&plan).map(|error| format!("{}: {error}", error.instance_path())).collect();
    assert!(wrong.is_empty(), "{wrong:#?}\n{plan:#}");
    let mut cut = plan.clone();
    cut["plan-of-action-and-milestones"]["risks"][0].as_object_mut().unwrap().remove("statement");
    assert!(!schema.is_valid(&cut), "the check asks for nothing");

    let (mut own, mut named) = (Vec::new(), BTreeSet::new());
    identifiers(&plan, &mut own, &mut named);
    let distinct: BTreeSet<String> = own.iter().cloned().collect();
    assert_eq!(distinct.len(), own.len(), "an identifier stands twice");
    assert!(named.is_subset(&distinct), "{named:?} of {own:?}");

    // The earliest due first, with every host and every rule; what has no due
    // date last.
    let plan = &plan["plan-of-action-and-milestones"];
    let titles: Vec<&str> = plan["poam-items"].as_array().unwrap().iter().map(|item| item["title"].as_str().unwrap()).collect();
    assert_eq!(titles, ["CVE-2026-1234 in debian:12 openssl", "CVE-2020-1 in debian:12 old"]);
    let risk = &plan["risks"][0];
    assert_eq!((&risk["deadline"], risk["props"][2]["value"].as_str(), &risk["characterizations"][0]["facets"][0]["value"]), (&json!("1970-01-14T00:00:00Z"), Some("past-due"), &json!("CVE-2026-1234")));
    let due: Vec<(&str, &str)> = risk["remediations"][0]["tasks"].as_array().unwrap().iter().map(|task| (task["title"].as_str().unwrap(), task["timing"]["on-date"]["date"].as_str().unwrap())).collect();
    assert_eq!(due, [("Due under samm/critical", "1970-01-14T00:00:00Z"), ("Due under samm/high", "1970-01-25T00:00:00Z"), ("Due under pci/6.3.3", "1970-02-10T00:00:00Z")]);
    let subjects = plan["observations"][0]["subjects"].as_array().unwrap();
    assert_eq!((subjects.len(), &subjects[0]["title"], &subjects[1]["title"]), (2, &json!("web\\u{202e}2"), &json!("=HYPERLINK(\"x\")")));
    assert_eq!((&plan["risks"][1]["deadline"], &plan["risks"][1]["remediations"]), (&Value::Null, &Value::Null));

    // Another client's plan of the same weaknesses has identifiers of its own.
    let (theirs, open) = self::report(Audience::Client, Some("Acme"));
    let theirs: Value = serde_json::from_slice(&poam(&theirs, &open).unwrap()).unwrap();
    assert_ne!(theirs["plan-of-action-and-milestones"]["poam-items"][0]["uuid"], plan["poam-items"][0]["uuid"]);
    assert_eq!(poam(&report, &[]).unwrap_err().code, "E-POAM-EMPTY");
}
