//! OpenSCAP: results of OVAL, results of XCCDF, and ARF, which holds both.
//!
//! Read as a flat run of elements: an ARF of 20 MiB costs no more memory than
//! its ids. Sources: OVAL 5.11 results schema, XCCDF 1.2, ARF 1.1.

use super::{Collector, MOST, moment, over, unknown, word};
use crate::packages::yum::xml::{Node, attribute, walk};
use plimsoll_core::model::problem::Problem;
use plimsoll_core::model::scanner::{Reading, Scanner};
use std::collections::{BTreeMap, BTreeSet};

/// Largest number of elements; ComplianceAsCode's whole Debian 12 data stream
/// with its results has some four hundred thousand.
const ELEMENTS: usize = 4_000_000;

/// What a definition or rule is about.
#[derive(Default)]
struct About {
    /// Whether it says of a vulnerability or a patch that it is missing.
    vulnerability: bool,
    ids: BTreeSet<String>,
}

/// What was met so far.
#[derive(Default)]
struct Met {
    about: BTreeMap<String, About>,
    /// Definition and result, in the order of the file.
    definitions: Vec<(String, String)>,
    /// Rule, its result, and the ids that stand with the result.
    rules: Vec<(String, String, BTreeSet<String>)>,
    known: bool,
    open: String,
    version: Option<String>,
    database: Option<String>,
    moment: Option<String>,
    target: Option<String>,
    count: usize,
}

pub(super) fn read(place: &str, text: &str) -> Result<Reading, Problem> {
    if text.contains("<!DOCTYPE") || text.contains("<!ENTITY") {
        let what = "has a document type definition, which is not read because it can expand without end or reach outside";
        return Err(Problem::new("E-XML-DTD", place, what, "let OpenSCAP write the result again; it needs none"));
    }
    let elements = text.bytes().filter(|byte| *byte == b'<').count() / 2;
    if elements > ELEMENTS {
        return Err(over(place, "elements", elements, ELEMENTS));
    }
    let mut met = Met::default();
    walk(place, text.as_bytes(), &mut |path, node, _| meet(&mut met, path, &node))?;
    if !met.known {
        return Err(unknown(place, "is XML without results of OVAL or XCCDF"));
    }
    if met.count > MOST {
        return Err(over(place, "definitions and rules", met.count, MOST));
    }
    collected(place, met)
}

fn meet(met: &mut Met, path: &[String], node: &Node<'_, '_>) {
    // What is over the limit is counted and not kept; the file is refused at its end.
    if met.count > MOST {
        return;
    }
    let parent = path.len().checked_sub(2).and_then(|at| path.get(at)).map(String::as_str).unwrap_or_default();
    match node {
        Node::Open("oval_results" | "TestResult", start) => {
            met.known = true;
            if path.last().is_some_and(|name| name == "TestResult") {
                met.moment = attribute(start, "end-time").or_else(|| attribute(start, "start-time"));
                // `cpe:/a:redhat:openscap:1.3.7`
                let system = attribute(start, "test-system");
                met.version = system.and_then(|system| system.rsplit_once(':').map(|(_, version)| version.to_owned()));
            }
        }
        Node::Open("definition", start) if parent == "definitions" => {
            met.count += 1;
            match (attribute(start, "definition_id"), attribute(start, "result")) {
                (Some(id), Some(result)) => met.definitions.push((id, result)),
                _ => {
                    met.open = attribute(start, "id").unwrap_or_default();
                    let class = attribute(start, "class").unwrap_or_default();
                    met.about.entry(met.open.clone()).or_default().vulnerability = matches!(class.as_str(), "patch" | "vulnerability");
                }
            }
        }
        Node::Open("reference", start) if parent == "metadata" => {
            let known = met.about.get_mut(&met.open).filter(|about| about.ids.len() < super::IDS);
            if let (Some(about), Some(id)) = (known, attribute(start, "ref_id")) {
                about.ids.insert(id);
            }
        }
        Node::Open("rule-result", start) => {
            met.count += 1;
            met.rules.push((attribute(start, "idref").unwrap_or_default(), String::new(), BTreeSet::new()));
        }
        Node::Close("result", text) if parent == "rule-result" => {
            if let Some((_, result, _)) = met.rules.last_mut() {
                *result = (*text).to_owned();
            }
        }
        Node::Close("ident", text) if parent == "rule-result" => {
            if let Some((_, _, ids)) = met.rules.last_mut().filter(|(_, _, ids)| ids.len() < super::IDS) {
                ids.insert((*text).to_owned());
            }
        }
        Node::Close("product_version", text) if path.iter().any(|name| name == "oval_results") && !path.iter().any(|name| name == "oval_definitions") => {
            met.version.get_or_insert_with(|| (*text).to_owned());
        }
        // The definitions' own moment is how old the vulnerability data is.
        Node::Close("timestamp", text) if parent == "generator" => {
            let of_data = path.iter().any(|name| name == "oval_definitions");
            let place = if of_data { &mut met.database } else { &mut met.moment };
            place.get_or_insert_with(|| (*text).to_owned());
        }
        Node::Close("target", text) if parent == "TestResult" => met.target = Some((*text).to_owned()),
        Node::Close("primary_host_name", text) => {
            met.target.get_or_insert_with(|| (*text).to_owned());
        }
        _ => {}
    }
}

/// Ids of advisories and CVEs; a rule's own id and those of catalogues of
/// settings say nothing of a vulnerability.
fn names_a_vulnerability(id: &str) -> bool {
    let starts = ["CVE-", "DSA-", "DLA-", "USN-", "RHSA-", "RHBA-", "RHEA-", "ELSA-", "ALSA-", "RLSA-", "SUSE-", "openSUSE-", "GHSA-"];
    starts.iter().any(|start| id.starts_with(start))
}

fn collected(place: &str, met: Met) -> Result<Reading, Problem> {
    let mut collector = Collector::new(place, Scanner::Openscap);
    // OVAL writes moments without an offset in the scanned machine's own time,
    // which is not known here; whoever brings such a file says the moment.
    collector.reading.moment = moment(met.moment.as_deref());
    collector.reading.database = moment(met.database.as_deref());
    collector.reading.version = met.version.as_deref().and_then(word);
    collector.reading.target = met.target.as_deref().and_then(word);
    for (definition, result) in &met.definitions {
        let Some(about) = met.about.get(definition).filter(|about| about.vulnerability) else { continue };
        // For both classes `true` means that the host lacks the fix.
        let there = match result.as_str() {
            "true" => Some(true),
            "false" => Some(false),
            _ => None,
        };
        collector.say(about.ids.iter().map(String::as_str).filter(|id| names_a_vulnerability(id)), None, None, there)?;
    }
    for (_, result, ids) in &met.rules {
        let there = match result.as_str() {
            "fail" => Some(true),
            "pass" | "fixed" => Some(false),
            _ => None,
        };
        collector.say(ids.iter().map(String::as_str).filter(|id| names_a_vulnerability(id)), None, None, there)?;
    }
    Ok(collector.reading)
}
