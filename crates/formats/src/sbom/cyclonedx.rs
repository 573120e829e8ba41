//! CycloneDX 1.2 to 1.7: the document model that JSON and XML are both read
//! into, and its way to components.
//!
//! Source: the official schemas bom-1.2 … bom-1.7; only the members used here
//! are read, everything else is skipped without being built.

use super::lenient::{List, Object, Text, Texts, Whole};
use super::purl::{component_of_purl, generic, is_distribution, source_of_rpm};
use super::{Document, Notes, clip, cyclonedx_statements, operating_system, timestamp};
use plimsoll_core::model::component::{Component, ComponentKind, Scope};
use plimsoll_core::model::problem::Problem;
use serde::Deserialize;

/// Newest version whose schema was read.
const NEWEST: u64 = 7;

#[derive(Deserialize, Default, Debug)]
#[serde(default, rename_all = "camelCase")]
pub(super) struct Bom {
    pub(super) spec_version: Text,
    pub(super) serial_number: Text,
    pub(super) version: Whole,
    pub(super) metadata: Object<Metadata>,
    pub(super) components: List<Part>,
    pub(super) vulnerabilities: List<Vulnerability>,
}

#[derive(Deserialize, Default, Debug)]
#[serde(default)]
pub(super) struct Metadata {
    pub(super) timestamp: Text,
    pub(super) component: Object<Part>,
    pub(super) authors: List<Party>,
    pub(super) supplier: Object<Party>,
    pub(super) manufacture: Object<Party>,
    pub(super) manufacturer: Object<Party>,
}

#[derive(Deserialize, Default, Debug)]
#[serde(default)]
pub(super) struct Party {
    pub(super) name: Text,
}

#[derive(Deserialize, Default, Debug)]
#[serde(default, rename_all = "camelCase")]
pub(super) struct Part {
    #[serde(rename = "type")]
    pub(super) kind: Text,
    #[serde(rename = "bom-ref")]
    pub(super) reference: Text,
    pub(super) group: Text,
    pub(super) name: Text,
    pub(super) version: Text,
    /// Since 1.7, in place of a version.
    pub(super) version_range: Text,
    pub(super) purl: Text,
    pub(super) scope: Text,
    pub(super) publisher: Text,
    pub(super) supplier: Object<Party>,
    pub(super) licenses: List<LicenceChoice>,
    pub(super) properties: List<Property>,
    pub(super) components: List<Part>,
}

#[derive(Deserialize, Default, Debug)]
#[serde(default)]
pub(super) struct LicenceChoice {
    pub(super) license: Object<Licence>,
    pub(super) expression: Text,
}

#[derive(Deserialize, Default, Debug)]
#[serde(default)]
pub(super) struct Licence {
    pub(super) id: Text,
    pub(super) name: Text,
}

#[derive(Deserialize, Default, Debug)]
#[serde(default)]
pub(super) struct Property {
    pub(super) name: Text,
    pub(super) value: Text,
}

#[derive(Deserialize, Default, Debug)]
#[serde(default)]
pub(super) struct Vulnerability {
    pub(super) id: Text,
    pub(super) references: List<Reference>,
    pub(super) created: Text,
    pub(super) published: Text,
    pub(super) updated: Text,
    pub(super) analysis: Object<Analysis>,
    pub(super) affects: List<Affects>,
}

#[derive(Deserialize, Default, Debug)]
#[serde(default)]
pub(super) struct Reference {
    pub(super) id: Text,
}

#[derive(Deserialize, Default, Debug)]
#[serde(default, rename_all = "camelCase")]
pub(super) struct Analysis {
    pub(super) state: Text,
    pub(super) justification: Text,
    pub(super) response: Texts,
    pub(super) detail: Text,
    pub(super) first_issued: Text,
    pub(super) last_updated: Text,
}

#[derive(Deserialize, Default, Debug)]
#[serde(default)]
pub(super) struct Affects {
    #[serde(rename = "ref")]
    pub(super) reference: Text,
    pub(super) versions: List<AffectedVersion>,
}

#[derive(Deserialize, Default, Debug)]
#[serde(default)]
pub(super) struct AffectedVersion {
    pub(super) version: Text,
    pub(super) range: Text,
    pub(super) status: Text,
}

pub(super) fn read_json(place: &str, text: &str) -> Result<Document, Problem> {
    document(place, super::from_json(place, text)?, "JSON")
}

/// Reads a CycloneDX document, JSON or XML, for its VEX statements alone.
pub(crate) fn read_vex(place: &str, bytes: &[u8]) -> Result<Document, Problem> {
    let document = super::read(place, bytes)?;
    if document.format.starts_with("CycloneDX") {
        return Ok(document);
    }
    Err(Problem::new(
        "E-FORMAT",
        place,
        format!("is {}, not CycloneDX", document.format),
        "give a CycloneDX VEX document",
    ))
}

/// Turns a parsed document into components and statements.
pub(super) fn document(place: &str, bom: Bom, notation: &str) -> Result<Document, Problem> {
    let version = bom.spec_version.get().unwrap_or("").to_owned();
    let minor = version.strip_prefix("1.").and_then(|minor| minor.parse::<u64>().ok());
    let Some(minor) = minor else {
        return Err(super::unsupported(place, &format!("CycloneDX version \"{}\"", clip(&version))));
    };
    let mut notes = Notes::default();
    if minor > NEWEST {
        notes.add(
            "W-VERSION",
            place.to_owned(),
            format!("is CycloneDX 1.{minor}, newer than 1.{NEWEST}; members new since then are not understood"),
            "update Plimsoll",
        );
    }
    let mut out = Document { format: format!("CycloneDX 1.{minor} {notation}"), ..Document::default() };
    let (statements, mut problems) = cyclonedx_statements::statements(place, &bom);
    out.statements = statements;
    if let Some(metadata) = bom.metadata.get() {
        out.created = timestamp(&metadata.timestamp);
        if let Some(main) = metadata.component.get() {
            out.name = [main.name.get(), main.version.get()].into_iter().flatten().collect::<Vec<_>>().join(" ");
            flatten(place, "metadata.component", std::slice::from_ref(main), &mut out, &mut notes);
        }
    }
    refused(place, "components", bom.components.refused, &mut notes);
    flatten(place, "components", &bom.components.items, &mut out, &mut notes);
    problems.extend(notes.finish(place));
    out.problems = problems;
    Ok(out)
}

fn refused(place: &str, where_: &str, count: u64, notes: &mut Notes) {
    if count > 0 {
        notes.add(
            "E-COMPONENT",
            format!("{place}#{where_}"),
            format!("{count} entries are no objects and were left out"),
            "correct the document or have its maker do so",
        );
    }
}

/// Walks nested components without recursion, parents before children.
fn flatten(place: &str, root: &str, parts: &[Part], out: &mut Document, notes: &mut Notes) {
    let mut stack: Vec<(String, std::slice::Iter<'_, Part>, usize)> = vec![(root.to_owned(), parts.iter(), 0)];
    while let Some((path, rest, index)) = stack.last_mut() {
        let Some(part) = rest.next() else {
            stack.pop();
            continue;
        };
        let here = if path == "metadata.component" { path.clone() } else { format!("{path}[{index}]") };
        *index += 1;
        let component = component(&format!("{place}#{here}"), part, notes);
        if component.kind == ComponentKind::OperatingSystem && out.os.is_none() {
            out.os = Some(operating_system(&component.name, &component.version));
        }
        out.components.push(component);
        refused(place, &format!("{here}.components"), part.components.refused, notes);
        if !part.components.items.is_empty() {
            stack.push((format!("{here}.components"), part.components.items.iter(), 0));
        }
    }
}

/// Reads one component; what its package URL says comes first, and what it
/// lacks is taken from the component's own members and the properties that
/// syft and Trivy write.
fn component(place: &str, part: &Part, notes: &mut Notes) -> Component {
    for (member, text) in [("name", &part.name), ("version", &part.version), ("purl", &part.purl)] {
        if text.wrong {
            notes.add(
                "E-COMPONENT",
                place.to_owned(),
                format!("{member} is no string and was left out"),
                "correct the document or have its maker do so",
            );
        }
    }
    let name = part.name.get().unwrap_or("");
    let version = part.version.get().unwrap_or("");
    let mut component = match part.purl.get().map(component_of_purl) {
        Some(Ok(component)) => component,
        Some(Err(problem)) => {
            notes.add("E-PURL", place.to_owned(), problem.text, "correct the document; the component is kept and not judged");
            unnamed(part.group.get(), name, version)
        }
        None => unnamed(part.group.get(), name, version),
    };
    if component.version.is_empty() {
        component.version = version.to_owned();
    }
    if component.version.is_empty()
        && let Some(range) = part.version_range.get()
    {
        notes.add(
            "W-NO-VERSION",
            place.to_owned(),
            format!("states the version range {} and no version, so it cannot be judged", clip(range)),
            "scan what is really installed",
        );
    }
    component.kind = kind(part.kind.get().unwrap_or(""), component.kind, &component.purl);
    component.scope = scope(part);
    component.vendor =
        part.supplier.get().and_then(|party| party.name.owned()).or_else(|| part.publisher.owned());
    component.licence = licence(&part.licenses.items);
    properties(&mut component, &part.properties.items);
    component
}

fn unnamed(group: Option<&str>, name: &str, version: &str) -> Component {
    Component {
        purl: generic(group, name, version),
        name: match group {
            Some(group) => format!("{group}/{name}"),
            None => name.to_owned(),
        },
        version: version.to_owned(),
        kind: ComponentKind::Library,
        ..Component::default()
    }
}

fn kind(word: &str, by_purl: ComponentKind, purl: &str) -> ComponentKind {
    if is_distribution(purl) {
        return by_purl;
    }
    match word {
        "operating-system" => ComponentKind::OperatingSystem,
        "container" => ComponentKind::Container,
        "firmware" => ComponentKind::Firmware,
        "device" => ComponentKind::Hardware,
        "file" | "data" | "machine-learning-model" | "cryptographic-asset" => ComponentKind::File,
        "application" | "platform" | "device-driver" => ComponentKind::Application,
        "library" | "framework" => ComponentKind::Library,
        _ => by_purl,
    }
}

fn scope(part: &Part) -> Scope {
    let development = part.properties.items.iter().any(|property| {
        property.value.get() == Some("true")
            && matches!(property.name.get(), Some("cdx:npm:package:development" | "cdx:composer:package:isDevRequirement"))
    });
    match part.scope.get() {
        _ if development => Scope::Development,
        Some("optional") => Scope::Optional,
        Some("excluded") => Scope::Development,
        _ => Scope::Runtime,
    }
}

fn licence(choices: &[LicenceChoice]) -> Option<String> {
    let words: Vec<&str> = choices
        .iter()
        .filter_map(|choice| {
            let licence = choice.license.get();
            choice
                .expression
                .get()
                .or_else(|| licence.and_then(|licence| licence.id.get()))
                .or_else(|| licence.and_then(|licence| licence.name.get()))
        })
        .collect();
    match words.as_slice() {
        [] => None,
        [one] => Some((*one).to_owned()),
        several => {
            let bracketed = several.iter().map(|word| if word.contains(' ') { format!("({word})") } else { (*word).to_owned() });
            Some(bracketed.collect::<Vec<_>>().join(" AND "))
        }
    }
}

/// Takes source package, module and place from the properties of syft and
/// Trivy.
fn properties(component: &mut Component, properties: &[Property]) {
    let value = |names: &[&str]| {
        properties
            .iter()
            .find(|property| property.name.get().is_some_and(|name| names.contains(&name)))
            .and_then(|property| property.value.get())
    };
    if is_distribution(&component.purl) {
        if let Some((source, version)) = value(&["syft:metadata:sourceRpm"]).and_then(source_of_rpm) {
            component.source = Some(source);
            component.source_version = Some(version);
        }
        if let Some(source) =
            value(&["aquasecurity:trivy:SrcName", "syft:metadata:source", "syft:metadata:originPackage"])
        {
            component.source = Some(source.to_owned());
        }
        if let Some(version) = value(&["aquasecurity:trivy:SrcVersion", "syft:metadata:sourceVersion"]) {
            let release = value(&["aquasecurity:trivy:SrcRelease"]).map(|release| format!("-{release}"));
            let epoch = value(&["aquasecurity:trivy:SrcEpoch"]).map(|epoch| format!("{epoch}:"));
            component.source_version =
                Some(format!("{}{version}{}", epoch.unwrap_or_default(), release.unwrap_or_default()));
        }
        if let Some(module) = value(&["syft:metadata:modularityLabel", "aquasecurity:trivy:Modularitylabel"]) {
            component.module = Some(module.to_owned());
        }
    }
    let location = value(&["syft:location:0:path", "aquasecurity:trivy:FilePath", "SrcFile"]);
    component.locations.extend(location.map(str::to_owned));
}
