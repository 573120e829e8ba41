//! SBOM documents: CycloneDX and SPDX, told apart by their content.
//!
//! Own small readers instead of crates: no kept crate covers CycloneDX 1.7 or
//! SPDX 3.0, and those for older versions refuse a whole document for one
//! field of the wrong type. Names follow the official schemas.

mod cyclonedx;
mod cyclonedx_statements;
mod cyclonedx_xml;
pub(crate) mod lenient;
pub mod purl;
mod spdx2;
mod spdx3;
mod spdx_tag_value;

use crate::bounded::{self, Limits};
use jiff::Timestamp;
use lenient::{Object, Text};
use plimsoll_core::model::component::Component;
use plimsoll_core::model::host::OperatingSystem;
use plimsoll_core::model::problem::Problem;
use plimsoll_core::model::statement::Statement;
use plimsoll_core::model::stream::Stream;
use serde::Deserialize;
use std::collections::{BTreeMap, BTreeSet};

pub(crate) use cyclonedx::read_vex;

/// Caps for one SBOM: larger than any real one known (a few dozen MiB), small
/// enough that its reading stays within half a GiB.
const LIMITS: Limits = Limits { bytes: 128 << 20, ratio: 200, entries: 1 };

/// Most objects (JSON) or elements (XML) in a document. An empty object costs
/// up to a KiB once it is a component, so this bounds memory to half a GiB;
/// Keycloak's 900 components take 15 thousand.
const OBJECT_LIMIT: usize = 500_000;

/// An SBOM as it was read: every component it lists, nothing left out.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct Document {
    /// What the document describes, `juice-shop 11.1.2`; the name of its file
    /// where it does not say.
    pub name: String,
    /// Format, version and notation, `CycloneDX 1.4 JSON`.
    pub format: String,
    /// When it was made, by its own word.
    pub created: Option<Timestamp>,
    /// Operating system, where the document names one or all its packages
    /// belong to one.
    pub os: Option<OperatingSystem>,
    /// Components in the order of the document, nested ones after the one
    /// that holds them, and first of all what the document describes
    /// (CycloneDX `metadata.component`). One without package URL gets one of
    /// type `generic` and no stream, so that it shows as not covered.
    pub components: Vec<Component>,
    /// What could not be read, or limits the answer.
    pub problems: Vec<Problem>,
    /// VEX statements inside the same file.
    pub statements: Vec<Statement>,
}

/// Reads an SBOM, compressed or not.
///
/// # Errors
/// A problem when the document as a whole is no SBOM, of an unsupported
/// format, over a limit or not readable to its end. A bad component is a
/// problem inside the [`Document`], and the rest goes on.
pub fn read(place: &str, bytes: &[u8]) -> Result<Document, Problem> {
    let plain = bounded::decompress(place, bytes, LIMITS)?;
    let text = bounded::text(place, &plain)?;
    let start = text.trim_start();
    let mut document = match start.as_bytes().first() {
        Some(b'{') => read_json(place, text),
        Some(b'<') => cyclonedx_xml::read(place, text),
        Some(_) => read_lines(place, start),
        None => Err(not_an_sbom(place, "is empty")),
    }?;
    if document.name.is_empty() {
        document.name = place.to_owned();
    }
    settle_operating_system(&mut document);
    note_assumed_sources(place, &mut document);
    Ok(document)
}

/// The few members that tell JSON formats apart.
#[derive(Deserialize, Default)]
#[serde(default)]
struct Marks {
    #[serde(rename = "bomFormat")]
    bom_format: Text,
    #[serde(rename = "specVersion")]
    spec_version: Text,
    #[serde(rename = "spdxVersion")]
    spdx_version: Text,
    #[serde(rename = "@context")]
    context: lenient::Texts,
    #[serde(rename = "@graph")]
    graph: Graph,
    sbom: Object<Wrapped>,
}

/// Marks the presence of a member without keeping it.
#[derive(Default)]
struct Graph(bool);

impl<'de> Deserialize<'de> for Graph {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        serde::de::IgnoredAny::deserialize(deserializer).map(|_| Self(true))
    }
}

/// GitHub's dependency-graph export puts the SPDX document inside `sbom`.
#[derive(Deserialize, Default)]
#[serde(default)]
struct Wrapped {
    #[serde(rename = "spdxVersion")]
    spdx_version: Text,
}

fn read_json(place: &str, text: &str) -> Result<Document, Problem> {
    bound_objects(place, text, b'{')?;
    let marks: Marks = from_json(place, text)?;
    let spdx = marks.spdx_version.get().or(marks.sbom.get().and_then(|sbom| sbom.spdx_version.get()));
    if marks.bom_format.get() == Some("CycloneDX") {
        return cyclonedx::read_json(place, text);
    }
    if let Some(version) = spdx {
        return match version {
            "SPDX-2.2" | "SPDX-2.3" | "SPDX-2.1" => spdx2::read_json(place, text),
            other => Err(unsupported(place, &format!("SPDX version \"{}\"", clip(other)))),
        };
    }
    if marks.context.0.iter().any(|context| context.contains("spdx.org/rdf/3")) {
        return spdx3::read(place, text);
    }
    let context = marks.context.0.first().map_or("", String::as_str);
    if context.contains("openvex") {
        return Err(Problem::new(
            "E-UNSUPPORTED",
            place,
            "is an OpenVEX document, which lists statements and no components",
            "give it to `plimsoll db build` as a source of statements",
        ));
    }
    let what = match (marks.spec_version.get(), marks.graph.0) {
        (Some(_), _) => "has a specVersion and no bomFormat \"CycloneDX\"",
        (None, true) => "is JSON-LD whose @context is not SPDX 3",
        (None, false) => "is JSON with neither bomFormat, spdxVersion nor an SPDX @context",
    };
    Err(not_an_sbom(place, what))
}

fn read_lines(place: &str, start: &str) -> Result<Document, Problem> {
    let mark = |mark: &str| start.lines().take(50).any(|line| line.trim_start().starts_with(mark));
    if mark("SPDXVersion:") {
        spdx_tag_value::read(place, start)
    } else if mark("spdxVersion:") {
        Err(unsupported(place, "SPDX in YAML"))
    } else {
        Err(not_an_sbom(place, "is neither JSON, XML nor SPDX tag-value"))
    }
}

/// Reads JSON into `T`, naming line and column of what is wrong.
pub(crate) fn from_json<T: for<'de> Deserialize<'de>>(place: &str, text: &str) -> Result<T, Problem> {
    serde_json::from_str(text).map_err(|error| {
        let place = format!("{place}:{}", error.line());
        let reason = error.to_string();
        if reason.contains("recursion limit") {
            return Problem::new(
                "E-LIMIT",
                place,
                "nests deeper than 128 levels, which is the limit",
                "check where the file comes from; no tool nests components so deep",
            );
        }
        Problem::new("E-FORMAT", place, format!("is not readable JSON: {reason}"), "make the document again")
    })
}

/// Counts what may become an object before any is built; a mark inside a
/// string counts too, which errs on the safe side.
pub(crate) fn bound_objects(place: &str, text: &str, mark: u8) -> Result<(), Problem> {
    let marks = text.bytes().filter(|byte| *byte == mark).count();
    // An XML element has two tags.
    let count = if mark == b'<' { marks / 2 } else { marks };
    if count <= OBJECT_LIMIT {
        return Ok(());
    }
    Err(Problem::new(
        "E-LIMIT",
        place,
        format!("holds {count} objects, the limit is {OBJECT_LIMIT}"),
        "split the document, or leave files out and keep packages",
    ))
}

fn clip(text: &str) -> String {
    plimsoll_core::model::problem::printable(text)
}

fn not_an_sbom(place: &str, what: &str) -> Problem {
    Problem::new(
        "E-FORMAT",
        place,
        what,
        "give a CycloneDX (JSON, XML) or SPDX (JSON, tag-value) document",
    )
}

fn unsupported(place: &str, what: &str) -> Problem {
    Problem::new(
        "E-UNSUPPORTED",
        place,
        format!("is {what}, which is not read; CycloneDX 1.2 to 1.7 and SPDX 2.2, 2.3 and 3.0 are"),
        "have the tool that made it write CycloneDX JSON or SPDX 2.3 JSON, or convert it with the SPDX tools",
    )
}

/// Reads an instant; dates without time zone or time are none, because a
/// clock must not start at a guess.
fn timestamp(text: &Text) -> Option<Timestamp> {
    text.get().and_then(|text| text.parse().ok())
}

/// An operating system named as a component of its own.
fn operating_system(name: &str, version: &str) -> OperatingSystem {
    let id = name.to_ascii_lowercase();
    let id = match id.as_str() {
        "redhat" => "rhel",
        "amazon" => "amzn",
        "oracle" => "ol",
        "suse linux enterprise server" => "sles",
        "opensuse.leap" => "opensuse-leap",
        other => other,
    };
    OperatingSystem {
        id: id.to_owned(),
        version: version.to_owned(),
        name: format!("{name} {version}").trim().to_owned(),
        stream: OperatingSystem::stream_of(id, version, None),
        ..OperatingSystem::default()
    }
}

/// Gives packages without `distro` the stream of the document's operating
/// system, and a document without operating system the only one its packages
/// belong to.
fn settle_operating_system(document: &mut Document) {
    let streams: BTreeSet<&Stream> = document
        .components
        .iter()
        .filter_map(|component| component.stream.as_ref())
        .filter(|stream| stream.is_operating_system())
        .collect();
    let streams: Vec<&Stream> = streams.into_iter().collect();
    if document.os.is_none()
        && let [only] = streams.as_slice()
    {
        document.os = Some(OperatingSystem {
            id: only.family().to_owned(),
            version: only.release_name().unwrap_or("").to_owned(),
            name: only.as_str().to_owned(),
            stream: Some((*only).clone()),
            ..OperatingSystem::default()
        });
    }
    let Some(stream) = document.os.as_ref().and_then(|os| os.stream.clone()) else { return };
    for component in &mut document.components {
        let namespace = component.purl.split('/').nth(1).unwrap_or("");
        let same = namespace == stream.family() || (namespace == "redhat" && stream.family() == "rhel");
        if component.stream.is_none() && purl::is_distribution(&component.purl) && same {
            component.stream = Some(stream.clone());
        }
    }
}

/// Says once that source packages were assumed, where a document names none.
///
/// Advisories of Debian and Alpine name source packages; a binary package
/// whose source has another name would be missed without a word.
fn note_assumed_sources(place: &str, document: &mut Document) {
    let of_source_named = |component: &&Component| {
        component.purl.starts_with("pkg:deb/") || component.purl.starts_with("pkg:apk/")
    };
    let packages = document.components.iter().filter(of_source_named).count();
    let named = document
        .components
        .iter()
        .filter(of_source_named)
        .any(|component| component.source.as_deref() != Some(component.name.as_str()));
    if packages > 0 && !named {
        document.problems.push(Problem::new(
            "W-SOURCE-ASSUMED",
            place,
            format!("names no source package for {packages} packages; their own names stood in, and advisories under another source name are missed"),
            "make the document with a tool that writes source packages (syft and Trivy do), or scan the root itself",
        ));
    }
}

/// Collects problems of single components: the first few in full, then counts.
#[derive(Default)]
struct Notes {
    by_code: BTreeMap<&'static str, (u64, Vec<Problem>)>,
}

impl Notes {
    /// Problems kept in full of one code.
    const KEPT: usize = 10;

    fn add(&mut self, code: &'static str, place: String, text: impl Into<String>, next: &'static str) {
        let (count, kept) = self.by_code.entry(code).or_default();
        *count += 1;
        if kept.len() < Self::KEPT {
            kept.push(Problem::new(code, place, text, next));
        }
    }

    fn finish(self, place: &str) -> Vec<Problem> {
        let mut out = Vec::new();
        for (code, (count, kept)) in self.by_code {
            let rest = count - kept.len() as u64;
            let next = kept.first().map(|problem| problem.next.clone()).unwrap_or_default();
            out.extend(kept);
            if rest > 0 {
                out.push(Problem::new(code, place, format!("{rest} more like these"), next));
            }
        }
        out
    }
}

#[cfg(test)]
mod tests;
