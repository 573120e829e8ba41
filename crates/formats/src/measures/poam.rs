//! OSCAL **plan of action and milestones** (POA&M): what is open, by when it is
//! due, and on which hosts it was seen.
//!
//! One item a finding of an advisory on a component, whatever the number of
//! hosts: its observation names each host with what binds it there, its risk
//! has the earliest deadline, its remediation a milestone for each rule. Source
//! of the form: NIST OSCAL 1.1, POA&M model. Identifiers hang on what they
//! name and not on the day, so that the plans of two months can be compared.

use crate::reports::digest::identifier;
use jiff::Timestamp;
use plimsoll_core::measures::{OpenFinding, Report};
use plimsoll_core::model::advisory::is_cve;
use plimsoll_core::model::problem::{Problem, acts};
use serde_json::{Value, json};
use std::collections::BTreeMap;

/// Version of the model that is written.
const OSCAL: &str = "1.1.3";
/// Whose the properties are that OSCAL has no name for.
const NAMESPACE: &str = "urn:plimsoll:oscal";

/// One weakness and where it is.
struct Item<'a> {
    advisory: &'a str,
    component: &'a str,
    found: Vec<&'a OpenFinding>,
}

/// Writes the plan of what is open.
///
/// # Errors
///
/// `E-POAM-EMPTY` where nothing is open: OSCAL has no plan without an item.
/// `E-DOCUMENT` where it cannot be said in JSON.
pub fn poam(report: &Report, open: &[OpenFinding]) -> Result<Vec<u8>, Problem> {
    let as_of = report.measures.window.to;
    let items = items(open);
    if items.is_empty() {
        return Err(Problem::new("E-POAM-EMPTY", "oscal-poam", format!("nothing is open as of {as_of}, and OSCAL has no plan without an item"), "take the report in another form"));
    }
    let plan = Plan { client: report.client.as_deref(), tool: identifier("oscal-poam", &["tool"]) };
    let hosts: BTreeMap<_, _> = open.iter().map(|finding| (finding.host, line(&finding.name))).collect();
    let whose = report.client.as_deref().map_or_else(|| "all hosts that its reader may see".to_owned(), line);
    let document = json!({ "plan-of-action-and-milestones": {
        "uuid": plan.uuid(&["plan"]),
        "metadata": {
            "title": format!("Plan of action and milestones for {whose}"),
            "last-modified": as_of,
            "version": as_of,
            "oscal-version": OSCAL,
            "remarks": format!("Every open finding as of {as_of}, out of the journal of transitions. The same moment gives the same bytes."),
        },
        "system-id": { "identifier-type": "https://ietf.org/rfc/rfc4122", "id": plan.uuid(&["system"]) },
        "local-definitions": {
            "components": [{
                "uuid": plan.tool,
                "type": "software",
                "title": "Plimsoll",
                "description": "Judges what hosts report against advisories and the policy in force.",
                "status": { "state": "operational" },
            }],
            "inventory-items": hosts.iter().map(|(host, name)| json!({
                "uuid": plan.uuid(&["host", &host.to_string()]),
                "description": format!("Host {name}"),
                "props": [{ "name": "asset-id", "value": host }, own("host-name", name)],
            })).collect::<Vec<_>>(),
        },
        "observations": items.iter().map(|item| plan.observation(item)).collect::<Vec<_>>(),
        "risks": items.iter().map(|item| plan.risk(item, as_of)).collect::<Vec<_>>(),
        "poam-items": items.iter().map(|item| plan.item(item)).collect::<Vec<_>>(),
    } });
    let mut bytes = serde_json::to_vec_pretty(&document).map_err(|error| Problem::new("E-DOCUMENT", "oscal-poam", error.to_string(), "report this as a bug"))?;
    bytes.push(b'\n');
    Ok(bytes)
}

/// Weaknesses, those with the earliest due date first.
fn items(open: &[OpenFinding]) -> Vec<Item<'_>> {
    let mut found: BTreeMap<(&str, &str), Vec<&OpenFinding>> = BTreeMap::new();
    for finding in open {
        found.entry((&finding.advisory, &finding.component)).or_default().push(finding);
    }
    let mut items: Vec<Item<'_>> = found.into_iter().map(|((advisory, component), found)| Item { advisory, component, found }).collect();
    for item in &mut items {
        item.found.sort_by(|one, other| (&one.name, one.host).cmp(&(&other.name, other.host)));
    }
    // What has no due date stands last.
    items.sort_by_key(|item| item.due().unwrap_or(i64::MAX));
    items
}

impl Item<'_> {
    fn due(&self) -> Option<i64> {
        self.found.iter().filter_map(|finding| finding.bounds.first()).map(|bound| bound.due).min()
    }

    fn title(&self) -> String {
        line(&format!("{} in {}", self.advisory, self.component))
    }

    /// Each rule with its earliest due date, the earliest first.
    fn milestones(&self) -> Vec<(i64, &str)> {
        let mut rules: BTreeMap<&str, i64> = BTreeMap::new();
        for bound in self.found.iter().flat_map(|finding| &finding.bounds) {
            rules.entry(&bound.rule).and_modify(|due| *due = bound.due.min(*due)).or_insert(bound.due);
        }
        let mut rules: Vec<(i64, &str)> = rules.into_iter().map(|(rule, due)| (due, rule)).collect();
        rules.sort_unstable();
        rules
    }
}

struct Plan<'a> {
    client: Option<&'a str>,
    tool: String,
}

impl Plan<'_> {
    fn uuid(&self, parts: &[&str]) -> String {
        let whose = [if self.client.is_some() { "client" } else { "all" }, self.client.unwrap_or_default()];
        identifier("oscal-poam", &[&whose, parts].concat())
    }

    fn of(&self, what: &str, item: &Item<'_>) -> String {
        self.uuid(&[what, item.advisory, item.component])
    }

    fn origins(&self) -> Value {
        json!([{ "actors": [{ "type": "tool", "actor-uuid": self.tool }] }])
    }

    fn observation(&self, item: &Item<'_>) -> Value {
        let subjects: Vec<Value> = item.found.iter().map(|finding| self.subject(finding)).collect();
        let first = item.found.iter().map(|finding| finding.opened).min();
        json!({
            "uuid": self.of("observation", item),
            "title": item.title(),
            "description": "The hosts reported the component, and the advisory says that its version is affected.",
            "methods": ["TEST"],
            "types": ["finding"],
            "origins": self.origins(),
            "subjects": subjects,
            "collected": first,
        })
    }

    fn subject(&self, finding: &OpenFinding) -> Value {
        let mut props = vec![own("open-since", &finding.opened.to_string())];
        for bound in &finding.bounds {
            let mut due = own("due", &moment(bound.due));
            due["remarks"] = Value::from(line(&bound.rule));
            props.push(due);
        }
        let host = self.uuid(&["host", &finding.host.to_string()]);
        json!({ "subject-uuid": host, "type": "inventory-item", "title": line(&finding.name), "props": props })
    }

    fn risk(&self, item: &Item<'_>, as_of: Timestamp) -> Value {
        let priority = item.found.iter().map(|finding| finding.priority).max().unwrap_or_default();
        let exploited = item.found.iter().any(|finding| finding.exploited);
        let standing = match item.due() {
            Some(due) if due < as_of.as_second() => "past-due",
            Some(_) => "in-time",
            None => "without-due-date",
        };
        let mut risk = json!({
            "uuid": self.of("risk", item),
            "title": item.title(),
            "description": format!("{} on {} {}.", item.title(), item.found.len(), if item.found.len() == 1 { "host" } else { "hosts" }),
            "statement": format!("Its priority is {}; it is {} to be exploited.", priority.as_str(), if exploited { "known" } else { "not known" }),
            "props": [own("priority", priority.as_str()), own("known-exploited", if exploited { "yes" } else { "no" }), own("standing", standing)],
            "status": "open",
            "origins": self.origins(),
            "related-observations": [{ "observation-uuid": self.of("observation", item) }],
        });
        if is_cve(item.advisory) {
            risk["characterizations"] = json!([{
                "origin": self.origins()[0],
                "facets": [{ "name": "cve-id", "system": "http://cve.mitre.org", "value": item.advisory }],
            }]);
        }
        let milestones = item.milestones();
        if let Some((due, _)) = milestones.first() {
            risk["deadline"] = Value::from(moment(*due));
            let tasks: Vec<Value> = milestones.iter().map(|(due, rule)| self.milestone(item, *due, rule)).collect();
            risk["remediations"] = json!([{
                "uuid": self.of("remediation", item),
                "lifecycle": "planned",
                "title": "Close the finding on every host",
                "description": "Closed is what a host's own report no longer shows.",
                "tasks": tasks,
            }]);
        }
        risk
    }

    fn milestone(&self, item: &Item<'_>, due: i64, rule: &str) -> Value {
        json!({
            "uuid": self.uuid(&["milestone", item.advisory, item.component, rule]),
            "type": "milestone",
            "title": line(&format!("Due under {rule}")),
            "timing": { "on-date": { "date": moment(due) } },
        })
    }

    fn item(&self, item: &Item<'_>) -> Value {
        json!({
            "uuid": self.of("item", item),
            "title": item.title(),
            "description": format!("Close {} on every host that its observation names.", item.title()),
            "origins": self.origins(),
            "related-observations": [{ "observation-uuid": self.of("observation", item) }],
            "related-risks": [{ "risk-uuid": self.of("risk", item) }],
        })
    }
}

fn own(name: &str, value: &str) -> Value {
    json!({ "name": name, "ns": NAMESPACE, "value": line(value) })
}

fn moment(second: i64) -> String {
    Timestamp::from_second(second).unwrap_or(Timestamp::MAX).to_string()
}

/// Words of others as OSCAL takes them: one line, not empty, with no space
/// around it.
fn line(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for character in text.trim().chars() {
        if acts(character) { out.extend(character.escape_unicode()) } else { out.push(character) }
    }
    if out.is_empty() { "-".to_owned() } else { out }
}
