//! SPDX 3.0 in JSON-LD: a flat graph whose `software_Package` elements are
//! the components.
//!
//! Read as JSON with known types, not as linked data: the published
//! serialisation fixes the names, and resolving a context would need the
//! network. Source: SPDX 3.0.1 model and its JSON schema.

use super::lenient::{List, Text, Texts};
use super::purl::{component_of_purl, generic, is_distribution};
use super::{Document, Notes, operating_system, spdx2, timestamp};
use plimsoll_core::model::component::{Component, ComponentKind};
use plimsoll_core::model::problem::Problem;
use serde::Deserialize;
use std::collections::BTreeMap;

#[derive(Deserialize, Default)]
#[serde(default)]
struct Jsonld {
    #[serde(rename = "@graph")]
    graph: List<Element>,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct Element {
    #[serde(rename = "type")]
    kind: Text,
    #[serde(rename = "@type")]
    at_kind: Text,
    #[serde(rename = "spdxId")]
    id: Text,
    #[serde(rename = "@id")]
    at_id: Text,
    name: Text,
    created: Text,
    #[serde(rename = "specVersion")]
    spec_version: Text,
    #[serde(rename = "creationInfo")]
    creation_info: Text,
    #[serde(rename = "software_packageVersion")]
    version: Text,
    #[serde(rename = "software_packageUrl")]
    purl: Text,
    #[serde(rename = "software_primaryPurpose")]
    purpose: Text,
    #[serde(rename = "software_sourceInfo")]
    source_info: Text,
    #[serde(rename = "suppliedBy")]
    supplied_by: Text,
    #[serde(rename = "externalIdentifier")]
    identifiers: List<Identifier>,
    #[serde(rename = "relationshipType")]
    relationship: Text,
    from: Text,
    to: Texts,
    #[serde(rename = "simplelicensing_licenseExpression")]
    expression: Text,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct Identifier {
    #[serde(rename = "externalIdentifierType")]
    kind: Text,
    identifier: Text,
}

impl Element {
    fn kind(&self) -> &str {
        self.kind.get().or(self.at_kind.get()).unwrap_or("")
    }

    fn id(&self) -> &str {
        self.id.get().or(self.at_id.get()).unwrap_or("")
    }

    /// The `packageUrl` property, else an external identifier of that type.
    fn purl(&self) -> Option<&str> {
        self.purl.get().or_else(|| {
            let mut identifiers = self.identifiers.items.iter();
            identifiers
                .find(|identifier| matches!(identifier.kind.get(), Some("packageUrl" | "packageURL" | "purl")))
                .and_then(|identifier| identifier.identifier.get())
        })
    }
}

pub(super) fn read(place: &str, text: &str) -> Result<Document, Problem> {
    let jsonld: Jsonld = super::from_json(place, text)?;
    let elements = &jsonld.graph.items;
    let mut notes = Notes::default();
    let names: BTreeMap<&str, &Element> = elements.iter().map(|element| (element.id(), element)).collect();
    let licences = licences(elements, &names);
    let head = elements.iter().find(|element| element.kind() == "SpdxDocument");
    let info = head
        .and_then(|head| head.creation_info.get())
        .and_then(|id| names.get(id).copied())
        .or_else(|| elements.iter().find(|element| element.kind() == "CreationInfo"));
    let version = info.and_then(|info| info.spec_version.get()).unwrap_or("3.0");
    let mut out = Document {
        name: head.and_then(|head| head.name.owned()).unwrap_or_default(),
        format: format!("SPDX {version} JSON-LD"),
        created: info.and_then(|info| timestamp(&info.created)),
        ..Document::default()
    };
    if !version.starts_with("3.0") {
        notes.add("W-VERSION", place.to_owned(), format!("is SPDX {}, newer than 3.0", super::clip(version)), "update Plimsoll");
    }
    for package in elements.iter().filter(|element| element.kind() == "software_Package") {
        let mut component = component(place, package, &mut notes);
        component.vendor =
            package.supplied_by.get().and_then(|id| names.get(id)).and_then(|party| party.name.owned());
        component.licence = licences.get(package.id()).map(|licence| (*licence).to_owned());
        if component.kind == ComponentKind::OperatingSystem && out.os.is_none() {
            out.os = Some(operating_system(&component.name, &component.version));
        }
        out.components.push(component);
    }
    note_unread(place, &jsonld, &mut notes);
    out.problems = notes.finish(place);
    Ok(out)
}

/// Licence expressions by package: the concluded one before the declared.
fn licences<'a>(elements: &'a [Element], names: &BTreeMap<&str, &'a Element>) -> BTreeMap<&'a str, &'a str> {
    let mut out = BTreeMap::new();
    for wanted in ["hasDeclaredLicense", "hasConcludedLicense"] {
        for relationship in elements.iter().filter(|element| element.relationship.get() == Some(wanted)) {
            let expression = relationship
                .to
                .0
                .first()
                .and_then(|id| names.get(id.as_str()))
                .and_then(|licence| licence.expression.get());
            if let (Some(from), Some(expression)) = (relationship.from.get(), expression) {
                out.insert(from, expression);
            }
        }
    }
    out
}

fn component(place: &str, package: &Element, notes: &mut Notes) -> Component {
    let name = package.name.get().unwrap_or("");
    let version = package.version.get().unwrap_or("");
    let unnamed = || Component {
        purl: generic(None, name, version),
        name: name.to_owned(),
        version: version.to_owned(),
        kind: ComponentKind::Library,
        ..Component::default()
    };
    let mut component = match package.purl().map(component_of_purl) {
        Some(Ok(component)) => component,
        Some(Err(problem)) => {
            notes.add("E-PURL", format!("{place}#{}", package.id()), problem.text, "correct the document; the component is kept");
            unnamed()
        }
        None => unnamed(),
    };
    if component.version.is_empty() {
        component.version = version.to_owned();
    }
    if is_distribution(&component.purl) {
        let source = package.source_info.get().and_then(|info| info.strip_prefix("built package from:"));
        if let Some((name, version)) = source.and_then(|source| source.trim().rsplit_once(' ')) {
            component.source = Some(name.trim().to_owned());
            component.source_version = Some(version.to_owned());
        }
    } else {
        component.kind = spdx2::kind(package.purpose.get().unwrap_or(""), component.kind);
    }
    component
}

/// Says what of the graph was left unread although it bears on findings.
fn note_unread(place: &str, jsonld: &Jsonld, notes: &mut Notes) {
    let vex = jsonld.graph.items.iter().filter(|element| element.kind().starts_with("security_Vex")).count();
    if vex > 0 {
        notes.add(
            "W-NOT-READ",
            format!("{place}#@graph"),
            format!("holds {vex} VEX relationships of SPDX's security profile, which are not read"),
            "give the statements as OpenVEX, CSAF or CycloneDX",
        );
    }
    if jsonld.graph.refused > 0 {
        notes.add(
            "E-COMPONENT",
            format!("{place}#@graph"),
            format!("{} entries are no objects and were left out", jsonld.graph.refused),
            "correct the document or have its maker do so",
        );
    }
}
