//! SPDX 2.2 and 2.3: the package model that JSON and tag-value are both read
//! into, and its way to components.
//!
//! Source: SPDX specification 2.3, clauses 6 and 7. Files and snippets are not
//! components and are skipped.

use super::lenient::{List, Object, Text, Texts};
use super::purl::{component_of_purl, generic, is_distribution};
use super::{Document, Notes, clip, operating_system, timestamp};
use plimsoll_core::model::component::{Component, ComponentKind};
use plimsoll_core::model::problem::Problem;
use serde::Deserialize;

#[derive(Deserialize, Default)]
#[serde(default, rename_all = "camelCase")]
pub(super) struct Spdx {
    pub(super) spdx_version: Text,
    pub(super) name: Text,
    pub(super) creation_info: Object<CreationInfo>,
    pub(super) packages: List<Package>,
    /// Where GitHub's export keeps the document.
    sbom: Object<Spdx>,
}

#[derive(Deserialize, Default)]
#[serde(default)]
pub(super) struct CreationInfo {
    pub(super) created: Text,
}

#[derive(Deserialize, Default)]
#[serde(default, rename_all = "camelCase")]
pub(super) struct Package {
    #[serde(rename = "SPDXID")]
    pub(super) id: Text,
    pub(super) name: Text,
    pub(super) version_info: Text,
    pub(super) supplier: Text,
    pub(super) source_info: Text,
    pub(super) primary_package_purpose: Text,
    pub(super) license_concluded: Text,
    pub(super) license_declared: Text,
    pub(super) external_refs: List<ExternalRef>,
    pub(super) attribution_texts: Texts,
}

#[derive(Deserialize, Default)]
#[serde(default, rename_all = "camelCase")]
pub(super) struct ExternalRef {
    pub(super) reference_type: Text,
    pub(super) reference_locator: Text,
}

pub(super) fn read_json(place: &str, text: &str) -> Result<Document, Problem> {
    let mut spdx: Spdx = super::from_json(place, text)?;
    if let Some(inner) = spdx.sbom.0.take() {
        spdx = *inner;
    }
    Ok(document(place, spdx, "JSON"))
}

/// Turns a parsed document into components, one a package.
pub(super) fn document(place: &str, spdx: Spdx, notation: &str) -> Document {
    let mut notes = Notes::default();
    let version = spdx.spdx_version.get().and_then(|version| version.strip_prefix("SPDX-")).unwrap_or("2");
    let mut out = Document {
        name: spdx.name.owned().unwrap_or_default(),
        format: format!("SPDX {version} {notation}"),
        created: spdx.creation_info.get().and_then(|info| timestamp(&info.created)),
        ..Document::default()
    };
    if spdx.packages.refused > 0 {
        let count = spdx.packages.refused;
        notes.add(
            "E-COMPONENT",
            format!("{place}#packages"),
            format!("{count} entries are no objects and were left out"),
            "correct the document or have its maker do so",
        );
    }
    for (index, package) in spdx.packages.items.iter().enumerate() {
        let id = package.id.owned().unwrap_or_else(|| format!("packages[{index}]"));
        let component = component(&format!("{place}#{id}"), package, &mut notes);
        if component.kind == ComponentKind::OperatingSystem && out.os.is_none() {
            out.os = Some(operating_system(&component.name, &component.version));
        }
        out.components.push(component);
    }
    out.problems = notes.finish(place);
    out
}

/// Leaves out the words by which SPDX says that it says nothing.
fn said(text: &Text) -> Option<&str> {
    text.get().filter(|text| !matches!(*text, "NOASSERTION" | "NONE"))
}

fn component(place: &str, package: &Package, notes: &mut Notes) -> Component {
    let name = package.name.get().unwrap_or("");
    let version = said(&package.version_info).unwrap_or("");
    for (member, text) in [("name", &package.name), ("versionInfo", &package.version_info)] {
        if text.wrong {
            notes.add(
                "E-COMPONENT",
                place.to_owned(),
                format!("{member} is no string and was left out"),
                "correct the document or have its maker do so",
            );
        }
    }
    let mut purls = Vec::new();
    let mut bad = Vec::new();
    for reference in &package.external_refs.items {
        let kind = reference.reference_type.get().unwrap_or("");
        // Old documents write the type as an address ending in /purl.
        if kind != "purl" && !kind.ends_with("/purl") {
            continue;
        }
        match reference.reference_locator.get().map(component_of_purl) {
            Some(Ok(component)) => purls.push(component),
            Some(Err(problem)) => bad.push(problem.text),
            None => bad.push("an external reference of type purl has no locator".to_owned()),
        }
    }
    for text in bad {
        notes.add("E-PURL", place.to_owned(), text, "correct the document; the component is kept");
    }
    let others: Vec<String> = purls.iter().skip(1).map(|component| clip(&component.purl)).collect();
    if !others.is_empty() {
        notes.add(
            "W-SEVERAL-PURLS",
            place.to_owned(),
            format!("states {} package URLs; the first is judged, not {}", purls.len(), others.join(", ")),
            "have the document's maker write one package URL a package",
        );
    }
    let mut component = purls.into_iter().next().unwrap_or_else(|| Component {
        purl: generic(None, name, version),
        name: name.to_owned(),
        version: version.to_owned(),
        kind: ComponentKind::Library,
        ..Component::default()
    });
    if component.version.is_empty() {
        component.version = version.to_owned();
    }
    if !is_distribution(&component.purl) {
        component.kind = kind(package.primary_package_purpose.get().unwrap_or(""), component.kind);
    }
    component.vendor = said(&package.supplier)
        .map(|supplier| supplier.trim_start_matches("Organization:").trim_start_matches("Person:").trim().to_owned());
    component.licence =
        said(&package.license_concluded).or(said(&package.license_declared)).map(str::to_owned);
    trivy(&mut component, package);
    component
}

pub(super) fn kind(purpose: &str, by_purl: ComponentKind) -> ComponentKind {
    match purpose.to_ascii_uppercase().replace('_', "-").as_str() {
        "OPERATING-SYSTEM" | "OPERATINGSYSTEM" => ComponentKind::OperatingSystem,
        "CONTAINER" => ComponentKind::Container,
        "FIRMWARE" => ComponentKind::Firmware,
        "DEVICE" => ComponentKind::Hardware,
        "FILE" => ComponentKind::File,
        "APPLICATION" => ComponentKind::Application,
        "LIBRARY" | "FRAMEWORK" => ComponentKind::Library,
        _ => by_purl,
    }
}

/// Takes the source package from what Trivy writes: `built package from:
/// openssl 3.0.11-1~deb12u2` in `sourceInfo`.
fn trivy(component: &mut Component, package: &Package) {
    if is_distribution(&component.purl) {
        let source = package.source_info.get().and_then(|info| info.strip_prefix("built package from:"));
        if let Some((name, version)) = source.and_then(|source| source.trim().rsplit_once(' ')) {
            component.source = Some(name.trim().to_owned());
            component.source_version = Some(version.to_owned());
        }
    }
    let file = package.attribution_texts.0.iter().find_map(|text| text.strip_prefix("FilePath:"));
    component.locations.extend(file.map(|file| file.trim().to_owned()));
}
