//! CycloneDX in XML: a bounded tree of the few elements used, then the same
//! model as JSON.
//!
//! A document type definition is refused outright and no entity but the
//! predefined ones is resolved, so nothing can expand or reach outside.
//! Source: bom-1.2.xsd to bom-1.7.xsd.

use super::cyclonedx::{
    AffectedVersion, Affects, Analysis, Bom, Licence, LicenceChoice, Metadata, Part, Party, Property, Reference,
    Vulnerability,
};
use super::lenient::{List, Object, Text, Texts, Whole};
use super::{Document, bound_objects, clip, cyclonedx, not_an_sbom, unsupported};
use plimsoll_core::model::problem::Problem;
use quick_xml::XmlVersion;
use quick_xml::escape::resolve_predefined_entity;
use quick_xml::events::{BytesStart, Event};
use quick_xml::reader::Reader;

/// Deepest nesting of elements; real documents stay under 20.
const DEPTH_LIMIT: usize = 64;

/// Most attributes of one element; the schemas define at most a dozen.
const ATTRIBUTE_LIMIT: usize = 64;

/// Elements that are kept; any other is skipped with all it holds.
const KEPT: [&str; 44] = [
    "bom", "metadata", "timestamp", "component", "components", "group", "name", "version", "versionRange", "purl",
    "scope", "publisher", "supplier", "manufacture", "manufacturer", "authors", "author", "licenses", "license", "id",
    "expression", "properties", "property", "vulnerabilities", "vulnerability", "references", "reference", "created",
    "published", "updated", "analysis", "state", "justification", "responses", "response", "detail", "firstIssued",
    "lastUpdated", "affects", "target", "ref", "versions", "range", "status",
];

#[derive(Default)]
struct Element {
    name: String,
    attributes: Vec<(String, String)>,
    text: String,
    children: Vec<Element>,
}

impl Element {
    fn attribute(&self, name: &str) -> Text {
        let found = self.attributes.iter().find(|(key, _)| key == name);
        found.map_or_else(Text::default, |(_, value)| Text::of(value))
    }

    fn child(&self, name: &str) -> Option<&Self> {
        self.children.iter().find(|child| child.name == name)
    }

    fn value(&self, name: &str) -> Text {
        self.child(name).map_or_else(Text::default, |child| Text::of(&child.text))
    }

    /// Every `inner` inside the child `outer`, made into `T`.
    fn list<T>(&self, outer: &str, inner: &str, make: impl Fn(&Self) -> T) -> List<T> {
        let found = self.child(outer).into_iter().flat_map(|outer| &outer.children);
        List { items: found.filter(|child| child.name == inner).map(make).collect(), refused: 0 }
    }

    fn object<T>(&self, name: &str, make: impl Fn(&Self) -> T) -> Object<T> {
        Object(self.child(name).map(make).map(Box::new))
    }
}

pub(super) fn read(place: &str, text: &str) -> Result<Document, Problem> {
    bound_objects(place, text, b'<')?;
    let (root, namespace) = tree(place, text)?;
    if root.name == "RDF" {
        return Err(unsupported(place, "SPDX in RDF/XML"));
    }
    let Some(version) = namespace.strip_prefix("http://cyclonedx.org/schema/bom/") else {
        return Err(not_an_sbom(place, "is XML without a CycloneDX namespace on its root element"));
    };
    let mut bom = bom(&root);
    bom.spec_version = Text::of(version);
    cyclonedx::document(place, bom, "XML")
}

/// Builds the tree of kept elements, and gives the root's namespace.
fn tree(place: &str, text: &str) -> Result<(Element, String), Problem> {
    let mut reader = Reader::from_str(text);
    reader.config_mut().expand_empty_elements = true;
    let mut namespace = String::new();
    let mut stack: Vec<Element> = Vec::new();
    // Depth below a skipped element; 0 while nothing is skipped.
    let mut skipped = 0usize;
    loop {
        let event = reader.read_event().map_err(|error| broken(place, reader.error_position(), &error))?;
        let at = reader.buffer_position();
        match event {
            Event::DocType(_) => return Err(doctype(place, at)),
            Event::Start(start) => {
                if stack.len() + skipped >= DEPTH_LIMIT {
                    return Err(limit(place, at, "nests deeper than", DEPTH_LIMIT, "levels"));
                }
                let element = element(place, at, &start)?;
                if stack.is_empty() {
                    namespace = root_namespace(&start, &element);
                } else if skipped > 0 || !KEPT.contains(&element.name.as_str()) {
                    skipped += 1;
                    continue;
                }
                stack.push(element);
            }
            Event::End(_) if skipped > 0 => skipped -= 1,
            Event::End(_) => {
                let Some(done) = stack.pop() else { return Err(broken(place, at, &"an end tag without start")) };
                match stack.last_mut() {
                    Some(parent) => parent.children.push(done),
                    None => return Ok((done, namespace)),
                }
            }
            Event::Text(text) if skipped == 0 => append(&mut stack, &text.xml10_content()),
            Event::CData(text) if skipped == 0 => append(&mut stack, &text.xml10_content()),
            Event::GeneralRef(reference) => match reference.resolve_char_ref() {
                Ok(Some(character)) if skipped == 0 => append(&mut stack, character.encode_utf8(&mut [0; 4])),
                Ok(Some(_)) => {}
                Ok(None) => match resolve_predefined_entity(&reference) {
                    Some(text) if skipped == 0 => append(&mut stack, text),
                    Some(_) => {}
                    None => return Err(doctype(place, at)),
                },
                Err(error) => return Err(broken(place, at, &error)),
            },
            Event::Eof => return Err(broken(place, at, &"ends before its root element does")),
            _ => {}
        }
    }
}

fn append(stack: &mut [Element], text: &str) {
    if let Some(element) = stack.last_mut() {
        element.text.push_str(text);
    }
}

/// Reads name and attributes, at most [`ATTRIBUTE_LIMIT`] of them.
fn element(place: &str, at: u64, start: &BytesStart<'_>) -> Result<Element, Problem> {
    let mut element = Element { name: start.local_name().into_inner().to_owned(), ..Element::default() };
    // Duplicate checking compares all pairs, which a hostile element makes slow.
    for (count, attribute) in start.attributes().with_checks(false).enumerate() {
        if count >= ATTRIBUTE_LIMIT {
            return Err(limit(place, at, "has an element with more than", ATTRIBUTE_LIMIT, "attributes"));
        }
        let attribute = attribute.map_err(|error| broken(place, at, &error))?;
        let value = attribute
            .normalized_value(XmlVersion::Implicit1_0)
            .map_err(|error| broken(place, at, &error))?;
        element.attributes.push((attribute.key.into_inner().to_owned(), value.into_owned()));
    }
    Ok(element)
}

fn root_namespace(start: &BytesStart<'_>, element: &Element) -> String {
    let name = start.name().into_inner();
    let key = match name.split_once(':') {
        Some((prefix, _)) => format!("xmlns:{prefix}"),
        None => "xmlns".to_owned(),
    };
    element.attribute(&key).owned().unwrap_or_default()
}

fn doctype(place: &str, at: u64) -> Problem {
    Problem::new(
        "E-XML-DTD",
        format!("{place}@{at}"),
        "has a document type definition or an entity of its own, which are not read because they can expand without end or reach outside",
        "make the document without DOCTYPE; CycloneDX needs none",
    )
}

fn limit(place: &str, at: u64, what: &str, limit: usize, of: &str) -> Problem {
    Problem::new(
        "E-XML-LIMIT",
        format!("{place}@{at}"),
        format!("{what} {limit} {of}, which is the limit"),
        "check where the file comes from; no tool writes such a document",
    )
}

fn broken(place: &str, at: u64, error: &dyn std::fmt::Display) -> Problem {
    Problem::new(
        "E-FORMAT",
        format!("{place}@{at}"),
        format!("is not readable XML: {}", clip(&error.to_string())),
        "make the document again",
    )
}

fn bom(root: &Element) -> Bom {
    Bom {
        serial_number: root.attribute("serialNumber"),
        version: Whole(root.attribute("version").get().and_then(|version| version.parse().ok())),
        metadata: root.object("metadata", |metadata| Metadata {
            timestamp: metadata.value("timestamp"),
            component: metadata.object("component", part),
            authors: metadata.list("authors", "author", party),
            supplier: metadata.object("supplier", party),
            manufacture: metadata.object("manufacture", party),
            manufacturer: metadata.object("manufacturer", party),
        }),
        components: root.list("components", "component", part),
        vulnerabilities: root.list("vulnerabilities", "vulnerability", vulnerability),
        ..Bom::default()
    }
}

fn party(element: &Element) -> Party {
    Party { name: element.value("name") }
}

/// Reads a component; recursion is bounded by [`DEPTH_LIMIT`] of the tree.
fn part(element: &Element) -> Part {
    Part {
        kind: element.attribute("type"),
        reference: element.attribute("bom-ref"),
        group: element.value("group"),
        name: element.value("name"),
        version: element.value("version"),
        version_range: element.value("versionRange"),
        purl: element.value("purl"),
        scope: element.value("scope"),
        publisher: element.value("publisher"),
        supplier: element.object("supplier", party),
        licenses: licences(element),
        properties: element.list("properties", "property", |property| Property {
            name: property.attribute("name"),
            value: Text::of(&property.text),
        }),
        components: element.list("components", "component", part),
    }
}

fn licences(element: &Element) -> List<LicenceChoice> {
    let choices = element.child("licenses").into_iter().flat_map(|licences| &licences.children);
    let items = choices.map(|choice| match choice.name.as_str() {
        "expression" => LicenceChoice { expression: Text::of(&choice.text), license: Object(None) },
        _ => LicenceChoice {
            expression: Text::default(),
            license: Object(Some(Box::new(Licence { id: choice.value("id"), name: choice.value("name") }))),
        },
    });
    List { items: items.collect(), refused: 0 }
}

fn vulnerability(element: &Element) -> Vulnerability {
    Vulnerability {
        id: element.value("id"),
        references: element.list("references", "reference", |reference| Reference { id: reference.value("id") }),
        created: element.value("created"),
        published: element.value("published"),
        updated: element.value("updated"),
        analysis: element.object("analysis", |analysis| Analysis {
            state: analysis.value("state"),
            justification: analysis.value("justification"),
            response: Texts(
                analysis.list("responses", "response", |response| response.text.trim().to_owned()).items,
            ),
            detail: analysis.value("detail"),
            first_issued: analysis.value("firstIssued"),
            last_updated: analysis.value("lastUpdated"),
        }),
        affects: element.list("affects", "target", |target| Affects {
            reference: target.value("ref"),
            versions: target.list("versions", "version", |version| AffectedVersion {
                version: version.value("version"),
                range: version.value("range"),
                status: version.value("status"),
            }),
        }),
    }
}
