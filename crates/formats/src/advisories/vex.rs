//! VEX documents: OpenVEX 0.2.0 (and the shape before it), and CycloneDX.
//!
//! CSAF's VEX profile is read with the rest of CSAF. Own reader for OpenVEX:
//! the only crate stands at the form before 0.2.0. Sources: openvex/spec
//! `openvex_json_schema_0.2.0.json`; CycloneDX 1.4 to 1.7 `vulnerabilities`.

use super::{Fact, Reading};
use crate::bounded::{self, Limits};
use crate::lenient::{Lenient, deserialize_any};
use crate::sbom;
use crate::sbom::lenient::{List, Object, Text, Texts};
use packageurl::PackageUrl;
use plimsoll_core::model::problem::{Problem, printable};
use plimsoll_core::model::statement::{Statement, VexStatus};
use serde::Deserialize;
use serde::de::value::MapAccessDeserializer;
use serde::de::{MapAccess, SeqAccess};
use std::str::FromStr;

#[derive(Deserialize, Default)]
#[serde(default)]
struct OpenVex {
    #[serde(rename = "@context")]
    context: Texts,
    #[serde(rename = "@id")]
    id: Text,
    author: Text,
    timestamp: Text,
    last_updated: Text,
    statements: List<Entry>,
    metadata: Object<Head>,
}

/// The document's own fields where they stand in an envelope of their own, as
/// Ubuntu's archive of 2025 has them.
#[derive(Deserialize, Default)]
#[serde(default)]
struct Head {
    #[serde(rename = "@context")]
    context: Texts,
    #[serde(rename = "@id")]
    id: Text,
    author: Text,
    timestamp: Text,
    last_updated: Text,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct Entry {
    vulnerability: NameOr<Vulnerability>,
    products: Products,
    status: Text,
    justification: Text,
    impact_statement: Text,
    action_statement: Text,
    status_notes: Text,
    timestamp: Text,
    last_updated: Text,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct Vulnerability {
    name: Text,
    #[serde(rename = "@id")]
    id: Text,
    aliases: Texts,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct Product {
    #[serde(rename = "@id")]
    id: Text,
    identifiers: Object<Identifiers>,
    subcomponents: Products,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct Identifiers {
    purl: Text,
}

/// A value that is an object since OpenVEX 0.2.0 and was a string before.
#[derive(Default)]
enum NameOr<T> {
    Name(String),
    Object(Box<T>),
    #[default]
    Neither,
}

impl<'de, T: Deserialize<'de>> Lenient<'de> for NameOr<T> {
    fn other() -> Self {
        Self::Neither
    }

    fn text(text: &str) -> Self {
        Self::Name(text.to_owned())
    }

    fn map<A: MapAccess<'de>>(access: A) -> Result<Self, A::Error> {
        T::deserialize(MapAccessDeserializer::new(access)).map(|value| Self::Object(Box::new(value)))
    }
}

/// Products, each an object or (before 0.2.0) a string; anything but a list is
/// none, which the statement then says.
#[derive(Default)]
struct Products(Vec<NameOr<Product>>);

impl<'de> Lenient<'de> for Products {
    fn other() -> Self {
        Self::default()
    }

    fn sequence<A: SeqAccess<'de>>(mut access: A) -> Result<Self, A::Error> {
        let mut products = Self::default();
        while let Some(product) = access.next_element()? {
            products.0.push(product);
        }
        Ok(products)
    }
}

deserialize_any!(Products);
deserialize_any!(NameOr<T>);

/// Reads an OpenVEX document; every statement that can be used becomes a
/// [`Fact::Statement`].
///
/// A statement about a product's subcomponents holds for the product alone:
/// applied to the subcomponent everywhere it would hide true findings.
/// Aliases that are web addresses are left out, because the address of a
/// notice (Ubuntu writes those) stands for other vulnerabilities as well.
///
/// # Errors
/// A problem when the document is not readable or not OpenVEX; a bad statement
/// is counted in the [`Reading`] and the rest goes on.
pub fn openvex(place: &str, bytes: &[u8], sink: &mut dyn FnMut(Fact)) -> Result<Reading, Problem> {
    let plain = bounded::decompress(place, bytes, Limits::ENTRY)?;
    let text = bounded::text(place, &plain)?;
    sbom::bound_objects(place, text, b'{')?;
    let mut document: OpenVex = sbom::from_json(place, text)?;
    if document.context.0.is_empty() {
        let head = std::mem::take(&mut document.metadata).0.unwrap_or_default();
        document.context = head.context;
        document.id = head.id;
        document.author = head.author;
        document.timestamp = head.timestamp;
        document.last_updated = head.last_updated;
    }
    if !document.context.0.iter().any(|context| context.contains("openvex.dev/ns")) {
        return Err(Problem::new(
            "E-FORMAT",
            place,
            "is JSON whose @context is not OpenVEX's",
            "give an OpenVEX document, or CSAF or CycloneDX under their own names",
        ));
    }
    let mut reading = Reading::default();
    for _ in 0..document.statements.refused {
        reading.reject(bad(place, "statements", "holds an entry that is no object"));
    }
    let issued = instant(&document.last_updated).or_else(|| instant(&document.timestamp));
    reading.saw(issued);
    for (index, entry) in document.statements.items.iter().enumerate() {
        let here = format!("statements[{index}]");
        match statement(&document, entry, issued) {
            Err(what) => reading.reject(bad(place, &here, &what)),
            Ok(statement) => {
                reading.records += 1;
                reading.saw(statement.timestamp);
                if statement.status == VexStatus::NotAffected
                    && statement.justification.is_none()
                    && statement.text.is_none()
                    && reading.problems.len() < Reading::PROBLEM_LIMIT
                {
                    reading.problems.push(Problem::new(
                        "W-VEX-REASON",
                        format!("{place}#{here}"),
                        "says not_affected with neither justification nor impact_statement, one of which OpenVEX demands",
                        "ask the author for a reason",
                    ));
                }
                sink(Fact::Statement(Box::new(statement)));
            }
        }
    }
    Ok(reading)
}

/// Reads the VEX statements of a CycloneDX document, JSON or XML.
///
/// # Errors
/// As [`sbom::read`]; also when the document is of another format.
pub fn cyclonedx_vex(place: &str, bytes: &[u8], sink: &mut dyn FnMut(Fact)) -> Result<Reading, Problem> {
    let document = sbom::read_vex(place, bytes)?;
    let mut reading = Reading::default();
    reading.saw(document.created);
    for statement in document.statements {
        reading.records += 1;
        reading.saw(statement.timestamp);
        sink(Fact::Statement(Box::new(statement)));
    }
    for problem in document.problems {
        // Only what concerns statements: the components are not used here.
        match problem.code.as_str() {
            "E-STATEMENT" => reading.reject(problem),
            "W-STATEMENT-RANGE" | "W-DUPLICATE-REF" | "W-VERSION" if reading.problems.len() < Reading::PROBLEM_LIMIT => {
                reading.problems.push(problem);
            }
            _ => {}
        }
    }
    Ok(reading)
}

fn bad(place: &str, here: &str, what: &str) -> Problem {
    Problem::new(
        "E-STATEMENT",
        format!("{place}#{here}"),
        what,
        "correct the document, or have its author do so; the statement is left out",
    )
}

fn instant(text: &Text) -> Option<jiff::Timestamp> {
    text.get().and_then(super::facts::timestamp)
}

fn statement(document: &OpenVex, entry: &Entry, issued: Option<jiff::Timestamp>) -> Result<Statement, String> {
    let vulnerabilities = vulnerabilities(&entry.vulnerability);
    if vulnerabilities.is_empty() {
        return Err("names no vulnerability".to_owned());
    }
    let status = match entry.status.get().unwrap_or("") {
        "affected" => VexStatus::Affected,
        "not_affected" => VexStatus::NotAffected,
        "fixed" => VexStatus::Fixed,
        "under_investigation" => VexStatus::UnderInvestigation,
        other => return Err(format!("has the status \"{}\", which is none of OpenVEX's four", printable(other))),
    };
    let mut products: Vec<String> = Vec::new();
    let mut within: Vec<String> = Vec::new();
    for product in &entry.products.0 {
        let name = product_name(product).ok_or("has a product with neither @id nor package URL")?;
        products.push(name);
        if let NameOr::Object(product) = product {
            within.extend(product.subcomponents.0.iter().filter_map(product_name));
        }
    }
    if products.is_empty() {
        return Err("names no product".to_owned());
    }
    let texts = [&entry.impact_statement, &entry.action_statement, &entry.status_notes];
    let mut text: Vec<String> = texts.iter().filter_map(|text| text.owned()).collect();
    if !within.is_empty() {
        within.sort();
        within.dedup();
        text.push(format!("concerns {} inside the product", within.join(", ")));
    }
    Ok(Statement {
        vulnerabilities,
        products,
        status,
        justification: entry.justification.owned(),
        text: (!text.is_empty()).then(|| text.join("; ")),
        timestamp: instant(&entry.last_updated).or_else(|| instant(&entry.timestamp)).or(issued),
        document: document.id.owned().unwrap_or_default(),
        author: document.author.owned().unwrap_or_default(),
    })
}

/// Ids of the vulnerability, CVEs first; aliases that are web addresses left
/// out.
fn vulnerabilities(vulnerability: &NameOr<Vulnerability>) -> Vec<String> {
    let mut ids: Vec<String> = match vulnerability {
        NameOr::Neither => Vec::new(),
        NameOr::Name(name) => vec![name.trim().to_owned()],
        NameOr::Object(object) => {
            let name = object.name.owned().or_else(|| object.id.owned());
            let web = |alias: &&String| alias.starts_with("https://") || alias.starts_with("http://");
            name.into_iter().chain(object.aliases.0.iter().filter(|alias| !web(alias)).cloned()).collect()
        }
    };
    let mut seen = std::collections::BTreeSet::new();
    ids.retain(|id| !id.is_empty() && seen.insert(id.clone()));
    ids.sort_by_key(|id| !id.starts_with("CVE-"));
    ids
}

/// The package URL of a product, else its identifier as written.
fn product_name(product: &NameOr<Product>) -> Option<String> {
    let text = match product {
        NameOr::Neither => return None,
        NameOr::Name(name) => name.trim().to_owned(),
        NameOr::Object(object) => {
            let purl = object.identifiers.get().and_then(|identifiers| identifiers.purl.owned());
            purl.or_else(|| object.id.owned())?
        }
    };
    if text.is_empty() {
        return None;
    }
    Some(PackageUrl::from_str(&text).map_or(text, |purl| purl.to_string()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeMap;

    fn statements(
        read: impl FnOnce(&mut dyn FnMut(Fact)) -> Result<Reading, Problem>,
    ) -> (Reading, Vec<Statement>) {
        let mut out = Vec::new();
        let reading = read(&mut |fact| {
            if let Fact::Statement(statement) = fact {
                out.push(*statement);
            }
        })
        .unwrap();
        (reading, out)
    }

    /// Counted with Python's json: 3 statements, 618 products.
    #[test]
    fn ubuntus_openvex_is_read_whole() {
        let Some(data) = crate::test_data::folder() else { return };
        let bytes = std::fs::read(data.join("ubuntu/openvex/cve/2023/CVE-2023-38545.json")).unwrap();
        let (reading, found) = statements(|sink| openvex("u", &bytes, sink));
        assert_eq!((reading.records, reading.rejected, reading.problems.len()), (3, 0, 0));
        assert_eq!(reading.newest, Some("2026-05-20T15:02:47.589121Z".parse().unwrap()));
        assert_eq!(found.iter().map(|statement| statement.products.len()).sum::<usize>(), 618);
        let first = found.first().unwrap();
        assert_eq!(first.vulnerabilities, ["CVE-2023-38545"]);
        assert_eq!((first.status, first.author.as_str()), (VexStatus::Fixed, "Canonical Ltd."));
        let stream = sbom::purl::component_of_purl(first.products.first().unwrap()).unwrap().stream;
        assert_eq!(stream.unwrap().as_str(), "ubuntu:22.04");
    }

    /// Counted with Python's json: 105 statements in the examples, 24 of whose
    /// `affects` entries list versions, 17 of them ranges.
    #[test]
    fn cyclonedx_examples_are_read_whole() {
        let Some(data) = crate::test_data::folder() else { return };
        let mut folders = vec![data.join("vex/cyclonedx")];
        let mut by_status: BTreeMap<VexStatus, usize> = BTreeMap::new();
        let mut total = Reading::default();
        let mut files = 0;
        while let Some(folder) = folders.pop() {
            for entry in std::fs::read_dir(folder).unwrap() {
                let path = entry.unwrap().path();
                if path.is_dir() {
                    folders.push(path);
                    continue;
                }
                files += 1;
                let bytes = std::fs::read(&path).unwrap();
                let (reading, found) = statements(|sink| cyclonedx_vex(&path.display().to_string(), &bytes, sink));
                for statement in &found {
                    assert!(!statement.products.is_empty() && !statement.vulnerabilities.is_empty());
                    *by_status.entry(statement.status).or_default() += 1;
                }
                total.records += reading.records;
                total.rejected += reading.rejected;
            }
        }
        insta::assert_snapshot!(format!("{files} files, {} statements, {} rejected, {by_status:?}", total.records, total.rejected));
    }

    #[test]
    fn a_bom_link_to_a_purl_is_followed() {
        let Some(data) = crate::test_data::folder() else { return };
        let bytes = std::fs::read(data.join("vex/cyclonedx/vex.json")).unwrap();
        let (_, found) = statements(|sink| cyclonedx_vex("v", &bytes, sink));
        let first = found.first().unwrap();
        assert_eq!(first.products, ["pkg:maven/com.fasterxml.jackson.core/jackson-databind@2.10.0?type=jar"]);
        assert_eq!(first.vulnerabilities, ["CVE-2020-25649", "SNYK-JAVA-COMFASTERXMLJACKSONCORE-1048302"]);
    }

    const ODD: &str = r#"{"@context":"https://openvex.dev/ns/v0.2.0","@id":"https://x/1","author":"A","timestamp":"2026-01-01T00:00:00Z","version":1,"statements":[
     {"vulnerability":{"name":"CVE-2026-1","aliases":["GHSA-1","https://ubuntu.com/security/notices/USN-1-1"]},"products":[{"@id":"pkg:oci/image@sha256%3Aabc","subcomponents":[{"@id":"pkg:npm/left@1"}]}],"status":"not_affected","justification":"component_not_present","last_updated":"2026-02-01T00:00:00Z"},
     {"vulnerability":"CVE-2026-2","products":["pkg:apk/wolfi/git@2.39.0-r1?arch=x86_64"],"status":"fixed"},
     {"vulnerability":{"name":"CVE-2026-3"},"products":[{"@id":"https://x/p","identifiers":{"purl":"pkg:npm/%40scope/p"}}],"status":"not_affected"},
     {"vulnerability":{"name":"CVE-2026-4"},"products":[{"@id":"pkg:npm/q"}],"status":"fine"},
     {"vulnerability":{"name":"CVE-2026-5"},"status":"affected"},
     {"vulnerability":7,"products":[{"@id":"pkg:npm/q"}],"status":"affected"},
     {"vulnerability":{"name":"CVE-2026-6"},"products":[{}],"status":"affected"},
     {"vulnerability":{"name":"CVE-2026-7"},"products":"pkg:npm/q","status":"affected"},
     5]}"#;

    #[test]
    fn odd_openvex_is_kept_where_it_can_be_and_counted_where_not() {
        let (reading, found) = statements(|sink| openvex("o", ODD.as_bytes(), sink));
        insta::assert_debug_snapshot!((reading, found));
    }

    #[test]
    fn other_documents_and_cut_ones_are_refused() {
        let mut none = |_| panic!("no statement in a bad document");
        assert_eq!(openvex("o", b"{}", &mut none).unwrap_err().code, "E-FORMAT");
        assert_eq!(cyclonedx_vex("o", b"SPDXVersion: SPDX-2.3\n", &mut none).unwrap_err().code, "E-FORMAT");
        for cut in 0..ODD.len() {
            assert!(openvex("o", &ODD.as_bytes()[..cut], &mut none).is_err(), "cut at {cut}");
        }
    }
}
