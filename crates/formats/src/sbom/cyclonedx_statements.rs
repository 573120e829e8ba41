//! The `vulnerabilities[].analysis` of CycloneDX as VEX statements.

use super::cyclonedx::{Affects, Analysis, Bom, Part, Vulnerability};
use super::purl::generic;
use super::{Notes, clip, timestamp};
use packageurl::PackageUrl;
use plimsoll_core::model::problem::Problem;
use plimsoll_core::model::statement::{Statement, VexStatus};
use std::collections::BTreeMap;
use std::str::FromStr;

/// Reads every vulnerability that carries an analysis.
///
/// A vulnerability without analysis is a disclosure, not a statement, and
/// yields nothing. Products are package URLs; a reference into another
/// document (BOM-Link) that cannot be followed is kept as written, so that it
/// matches nothing rather than the wrong thing.
pub(super) fn statements(place: &str, bom: &Bom) -> (Vec<Statement>, Vec<Problem>) {
    let mut notes = Notes::default();
    let mut out = Vec::new();
    if bom.vulnerabilities.items.is_empty() {
        return (out, notes.finish(place));
    }
    let index = index(place, bom, &mut notes);
    let serial = bom.serial_number.get().map(str::to_owned);
    for (number, vulnerability) in bom.vulnerabilities.items.iter().enumerate() {
        let here = format!("{place}#vulnerabilities[{number}]");
        let Some(analysis) = vulnerability.analysis.get() else { continue };
        let ids = ids(vulnerability);
        let Some(status) = status(analysis) else {
            let state = analysis.state.get().unwrap_or("");
            // An analysis may hold detail alone; it then states nothing.
            if !state.is_empty() || analysis.state.wrong {
                notes.add("E-STATEMENT", here, format!("state \"{}\" is none of CycloneDX's", clip(state)), "correct the document");
            }
            continue;
        };
        if ids.is_empty() {
            notes.add("E-STATEMENT", here, "names no vulnerability", "correct the document");
            continue;
        }
        let by_status = products(&here, vulnerability, status, &index, serial.as_deref(), &mut notes);
        if by_status.is_empty() {
            notes.add("E-STATEMENT", here, "names no product that a package URL can express", "name the affected component by package URL");
        }
        for (status, products) in by_status {
            out.push(statement(bom, place, vulnerability, analysis, ids.clone(), status, products));
        }
    }
    if bom.vulnerabilities.refused > 0 {
        notes.add(
            "E-STATEMENT",
            format!("{place}#vulnerabilities"),
            format!("{} entries are no objects and were left out", bom.vulnerabilities.refused),
            "correct the document",
        );
    }
    (out, notes.finish(place))
}

fn ids(vulnerability: &Vulnerability) -> Vec<String> {
    let references = vulnerability.references.items.iter().map(|reference| &reference.id);
    let mut ids: Vec<String> = Vec::new();
    for id in std::iter::once(&vulnerability.id).chain(references).filter_map(|id| id.owned()) {
        if !ids.contains(&id) {
            ids.push(id);
        }
    }
    ids.sort_by_key(|id| !id.starts_with("CVE-"));
    ids
}

fn status(analysis: &Analysis) -> Option<VexStatus> {
    Some(match analysis.state.get()? {
        "resolved" | "resolved_with_pedigree" => VexStatus::Fixed,
        "exploitable" => VexStatus::Affected,
        "in_triage" => VexStatus::UnderInvestigation,
        "false_positive" | "not_affected" => VexStatus::NotAffected,
        _ => return None,
    })
}

/// Package URLs by `bom-ref`; the first of two equal references counts.
fn index(place: &str, bom: &Bom, notes: &mut Notes) -> BTreeMap<String, String> {
    let mut index = BTreeMap::new();
    let main = bom.metadata.get().and_then(|metadata| metadata.component.get());
    let mut stack: Vec<&Part> = bom.components.items.iter().rev().collect();
    stack.extend(main);
    while let Some(part) = stack.pop() {
        stack.extend(part.components.items.iter().rev());
        let Some(reference) = part.reference.get() else { continue };
        let purl = part.purl.get().map_or_else(
            || generic(part.group.get(), part.name.get().unwrap_or(""), part.version.get().unwrap_or("")),
            canonical,
        );
        if index.contains_key(reference) {
            notes.add(
                "W-DUPLICATE-REF",
                format!("{place}#{reference}"),
                "stands for two components; statements are taken to mean the first",
                "make the document again with unique bom-ref values",
            );
            continue;
        }
        index.insert(reference.to_owned(), purl);
    }
    index
}

fn canonical(purl: &str) -> String {
    PackageUrl::from_str(purl).map_or_else(|_| purl.to_owned(), |parsed| parsed.to_string())
}

/// Follows a reference to a package URL: inside this document, by BOM-Link to
/// this document, or a package URL itself.
fn resolve(reference: &str, index: &BTreeMap<String, String>, serial: Option<&str>) -> String {
    if let Some(purl) = index.get(reference) {
        return purl.clone();
    }
    let Some(link) = reference.strip_prefix("urn:cdx:") else {
        return if reference.starts_with("pkg:") { canonical(reference) } else { reference.to_owned() };
    };
    let Some((document, fragment)) = link.split_once('#') else { return reference.to_owned() };
    let fragment = percent_decoded(fragment);
    let own = serial
        .and_then(|serial| serial.strip_prefix("urn:uuid:"))
        .is_some_and(|serial| document.split('/').next() == Some(serial));
    match index.get(&fragment) {
        Some(purl) if own => purl.clone(),
        _ if fragment.starts_with("pkg:") => canonical(&fragment),
        _ => reference.to_owned(),
    }
}

/// Decodes `%3A` and the like in a fragment; text that is no valid encoding
/// stays as it is.
fn percent_decoded(text: &str) -> String {
    let bytes = text.as_bytes();
    let mut out = Vec::with_capacity(bytes.len());
    let mut rest = bytes;
    while let Some((first, tail)) = rest.split_first() {
        let digits = tail.get(..2).and_then(|pair| std::str::from_utf8(pair).ok());
        match (*first, digits.and_then(|pair| u8::from_str_radix(pair, 16).ok())) {
            (b'%', Some(byte)) => {
                out.push(byte);
                rest = tail.get(2..).unwrap_or_default();
            }
            _ => {
                out.push(*first);
                rest = tail;
            }
        }
    }
    // A package URL is itself percent-encoded once; a fragment that holds it
    // plainly must not lose that.
    if text.starts_with("pkg:") { text.to_owned() } else { String::from_utf8(out).unwrap_or_else(|_| text.to_owned()) }
}

/// Products by status: an `affects` entry may say of single versions that
/// they are affected, unaffected or unknown, apart from the analysis.
fn products(
    here: &str,
    vulnerability: &Vulnerability,
    status: VexStatus,
    index: &BTreeMap<String, String>,
    serial: Option<&str>,
    notes: &mut Notes,
) -> BTreeMap<VexStatus, Vec<String>> {
    let mut out: BTreeMap<VexStatus, Vec<String>> = BTreeMap::new();
    for affects in &vulnerability.affects.items {
        let Some(reference) = affects.reference.get() else {
            notes.add("E-STATEMENT", here.to_owned(), "an entry of affects names no ref", "correct the document");
            continue;
        };
        let product = resolve(reference, index, serial);
        if affects.versions.items.is_empty() {
            push(&mut out, status, product);
        } else {
            versions(here, affects, status, &product, &mut out, notes);
        }
    }
    out
}

fn versions(
    here: &str,
    affects: &Affects,
    status: VexStatus,
    product: &str,
    out: &mut BTreeMap<VexStatus, Vec<String>>,
    notes: &mut Notes,
) {
    for entry in &affects.versions.items {
        let meant = match (entry.status.get(), status) {
            // `affected` is the schema's default; with an analysis of
            // not_affected or resolved it contradicts nothing, it only lists.
            (None, status) => status,
            (Some("affected"), VexStatus::Fixed | VexStatus::NotAffected) => VexStatus::Affected,
            (Some("affected"), status) => status,
            (Some("unaffected"), VexStatus::Fixed) => VexStatus::Fixed,
            (Some("unaffected"), _) => VexStatus::NotAffected,
            (Some(_), _) => VexStatus::UnderInvestigation,
        };
        match (entry.version.get(), entry.range.get()) {
            (Some(version), _) => push(out, meant, with_version(product, version)),
            (None, range) => notes.add(
                "W-STATEMENT-RANGE",
                here.to_owned(),
                format!("speaks of the version range {}, which no package URL can express, so it is not applied", clip(range.unwrap_or("(none)"))),
                "name single versions, or leave versions out to mean all",
            ),
        }
    }
}

fn push(out: &mut BTreeMap<VexStatus, Vec<String>>, status: VexStatus, product: String) {
    let list = out.entry(status).or_default();
    if !list.contains(&product) {
        list.push(product);
    }
}

fn with_version(product: &str, version: &str) -> String {
    match PackageUrl::from_str(product) {
        Ok(mut purl) => match purl.with_version(version.to_owned()) {
            Ok(purl) => purl.to_string(),
            Err(_) => product.to_owned(),
        },
        // A reference that could not be followed: keep the version readable.
        Err(_) => format!("{product}@{version}"),
    }
}

fn statement(
    bom: &Bom,
    place: &str,
    vulnerability: &Vulnerability,
    analysis: &Analysis,
    vulnerabilities: Vec<String>,
    status: VexStatus,
    products: Vec<String>,
) -> Statement {
    let metadata = bom.metadata.get();
    let party = metadata.and_then(|metadata| {
        let authors = metadata.authors.items.first();
        [metadata.supplier.get(), metadata.manufacturer.get(), metadata.manufacture.get(), authors]
            .into_iter()
            .flatten()
            .find_map(|party| party.name.owned())
    });
    let responses = (!analysis.response.0.is_empty()).then(|| format!("response: {}", analysis.response.0.join(", ")));
    let text: Vec<String> = [analysis.detail.owned(), responses].into_iter().flatten().collect();
    Statement {
        vulnerabilities,
        products,
        status,
        justification: match analysis.state.get() {
            Some("false_positive") if analysis.justification.get().is_none() => Some("false_positive".to_owned()),
            _ => analysis.justification.owned(),
        },
        text: (!text.is_empty()).then(|| text.join("; ")),
        timestamp: timestamp(&analysis.last_updated)
            .or_else(|| timestamp(&analysis.first_issued))
            .or_else(|| metadata.and_then(|metadata| timestamp(&metadata.timestamp)))
            .or_else(|| timestamp(&vulnerability.updated))
            .or_else(|| timestamp(&vulnerability.published))
            .or_else(|| timestamp(&vulnerability.created)),
        document: match (bom.serial_number.get(), bom.version.0) {
            (Some(serial), Some(version)) => format!("{serial}/{version}"),
            (Some(serial), None) => serial.to_owned(),
            (None, _) => place.to_owned(),
        },
        author: party.unwrap_or_default(),
    }
}
