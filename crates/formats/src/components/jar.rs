//! JAR, WAR and EAR files: what Maven left in them, else their manifest.
//!
//! Sources: the JAR file specification (manifest), Maven Archiver
//! (`META-INF/maven/GROUP/ARTIFACT/pom.properties`), Spring Boot's layout of
//! nested JARs. A shaded JAR keeps the `pom.properties` of everything it
//! swallowed, so each is a component. Classes are neither decompressed nor
//! looked at.

use super::collect::{Collector, Ecosystem, Entry, Origin};
use crate::bounded::{Limits, read_capped};
use plimsoll_core::model::component::Scope;
use plimsoll_core::model::problem::Problem;
use std::collections::BTreeMap;
use std::io::Cursor;
use zip::ZipArchive;

/// Deepest JAR in a JAR; EAR → WAR → library is two.
const DEEPEST: usize = 3;
/// Most bytes decompressed from one file on disk, nested archives included.
const MOST_BYTES: usize = 1 << 30;
/// Largest nested archive held in memory.
const LARGEST_NESTED: usize = 256 << 20;
/// Largest manifest or properties file; real ones have a few KiB, signed
/// manifests up to some MiB.
const LARGEST_TEXT: usize = 16 << 20;
/// Most archives read for one file on disk.
const MOST_ARCHIVES: usize = 10_000;

struct Budget {
    bytes: usize,
    archives: usize,
}

pub(super) fn read(bytes: &[u8], into: &mut Collector<'_>) -> Result<(), Problem> {
    let mut budget = Budget { bytes: MOST_BYTES, archives: MOST_ARCHIVES };
    let place = into.place().to_owned();
    archive(&place, bytes, 0, &mut budget, into)?;
    into.inside(None);
    Ok(())
}

/// Reads one archive, then those inside it. Recursion ends at [`DEEPEST`].
fn archive(
    place: &str,
    bytes: &[u8],
    depth: usize,
    budget: &mut Budget,
    into: &mut Collector<'_>,
) -> Result<(), Problem> {
    let mut zip = ZipArchive::new(Cursor::new(bytes)).map_err(|error| {
        Problem::new("E-FORMAT", place, format!("is not a readable archive: {error}"), "build or fetch it again")
    })?;
    if zip.len() > Limits::DOCUMENT.entries {
        let text = format!("has {} entries, the limit is {}", zip.len(), Limits::DOCUMENT.entries);
        return Err(Problem::new("E-LIMIT", place, text, "check where the file comes from"));
    }
    into.inside((depth > 0).then(|| place.to_owned()));
    let mut wanted: BTreeMap<String, usize> = BTreeMap::new();
    for index in 0..zip.len() {
        match zip.name_for_index(index) {
            Some(Ok(name)) if is_wanted(&name) => {
                wanted.insert(name.into_owned(), index);
            }
            _ => {}
        }
    }
    let mut manifest = None;
    let mut found = Vec::new();
    let mut nested = Vec::new();
    for (name, index) in wanted {
        if is_archive(&name) {
            nested.push((name, index));
            continue;
        }
        match entry(place, &name, index, &mut zip, LARGEST_TEXT, budget) {
            Err(problem) => into.problem(problem),
            Ok(content) if name == "META-INF/MANIFEST.MF" => manifest = Some(content),
            Ok(content) => found.extend(pom_properties(&name, &content, into)),
        }
    }
    // What left its coordinates may be a swallowed library only, and then the
    // file's own name fits none of them.
    if !found.iter().any(|artifact| file_stem(place).starts_with(artifact.as_str())) {
        from_manifest(place, &manifest.unwrap_or_default(), nested.is_empty() && found.is_empty(), into);
    }
    for (name, index) in nested {
        let inner = format!("{place}!{name}");
        let outcome = if depth >= DEEPEST || budget.archives == 0 {
            let text = format!("is nested deeper than {DEEPEST}, or {MOST_ARCHIVES} archives were read before it");
            Err(Problem::new("E-LIMIT", &inner, text, "unpack it and scan the folder"))
        } else {
            budget.archives -= 1;
            entry(place, &name, index, &mut zip, LARGEST_NESTED, budget)
                .and_then(|content| archive(&inner, &content, depth + 1, budget, into))
        };
        if let Err(problem) = outcome {
            into.problem(problem);
        }
    }
    Ok(())
}

fn is_archive(name: &str) -> bool {
    name.rsplit_once('.').is_some_and(|(_, ending)| matches!(ending, "jar" | "war" | "ear"))
}

fn is_wanted(name: &str) -> bool {
    let maven = name.starts_with("META-INF/maven/") && name.ends_with("/pom.properties");
    maven || name == "META-INF/MANIFEST.MF" || is_archive(name)
}

fn entry(
    place: &str,
    name: &str,
    index: usize,
    zip: &mut ZipArchive<Cursor<&[u8]>>,
    largest: usize,
    budget: &mut Budget,
) -> Result<Vec<u8>, Problem> {
    let inner = format!("{place}!{name}");
    let file = zip.by_index(index).map_err(|error| {
        Problem::new("E-FORMAT", &inner, format!("cannot be opened: {error}"), "build or fetch the archive again")
    })?;
    let packed = usize::try_from(file.compressed_size()).unwrap_or(usize::MAX);
    let ratio = packed.saturating_mul(Limits::ENTRY.ratio).max(1 << 20);
    let content = read_capped(&inner, file, largest.min(ratio).min(budget.bytes))?;
    budget.bytes -= content.len();
    Ok(content)
}

/// The name of the innermost archive without its ending.
fn file_stem(place: &str) -> &str {
    let file = place.rsplit(['/', '!']).next().unwrap_or(place);
    file.rsplit_once('.').map_or(file, |(stem, _)| stem)
}

/// Reads `key=value` lines; returns the artifact's name when a component came
/// of it.
fn pom_properties(name: &str, content: &[u8], into: &mut Collector<'_>) -> Option<String> {
    let content = String::from_utf8_lossy(content);
    let field = |key: &str| {
        let lines = content.lines().filter_map(|line| line.split_once(['=', ':']));
        lines.filter(|(found, _)| found.trim() == key).map(|(_, value)| value.trim().to_owned()).last()
    };
    // The path repeats the coordinates, should the file lack them.
    let mut path = name.split('/').skip(2).map(str::to_owned);
    let group = field("groupId").or_else(|| path.next());
    let artifact = field("artifactId").or_else(|| name.split('/').nth(3).map(str::to_owned));
    let (Some(group), Some(artifact), Some(version)) = (group, artifact, field("version")) else {
        into.unread(name, "states no version");
        return None;
    };
    into.registry(Ecosystem::Maven, &format!("{group}:{artifact}"), &version, Scope::Runtime);
    Some(artifact)
}

/// Takes name and version from the manifest, else from the file's name.
///
/// A manifest rarely states Maven's group, and advisories are filed under it.
/// Guessing one finds vulnerabilities in the wrong library, so without a
/// stated group the component has no stream and is shown as not covered.
fn from_manifest(place: &str, manifest: &[u8], must_name: bool, into: &mut Collector<'_>) {
    let fields = manifest_fields(manifest);
    let field = |key: &str| fields.get(key).map(String::as_str).filter(|value| !value.is_empty());
    let stem = file_stem(place);
    let (file_name, file_version) = split_file_name(stem);
    let version = file_version.or(field("Implementation-Version")).or(field("Bundle-Version"));
    let Some(version) = version else {
        if must_name {
            let shown = plimsoll_core::model::problem::printable(stem);
            into.incomplete(format!("{shown} states neither Maven coordinates nor a version"));
        }
        return;
    };
    let group = field("Implementation-Vendor-Id").filter(|group| group.contains('.') && !group.contains(' '));
    let name = match group {
        Some(group) => format!("{group}:{file_name}"),
        None => file_name.to_owned(),
    };
    let origin = if group.is_some() { Origin::Registry } else { Origin::Address("") };
    let entry = Entry { ecosystem: Ecosystem::Maven, name: &name, version, origin, scope: Scope::Runtime };
    into.add(entry);
}

/// Splits `commons-io-2.11.0` before the first part that begins with a digit.
fn split_file_name(stem: &str) -> (&str, Option<&str>) {
    let at = stem.match_indices('-').map(|(at, _)| at).find(|at| {
        stem.as_bytes().get(at + 1).is_some_and(u8::is_ascii_digit)
    });
    match at {
        Some(at) => (stem.get(..at).unwrap_or(stem), stem.get(at + 1..)),
        None => (stem, None),
    }
}

/// The main section of a manifest; lines that begin with a space go on from
/// the one before.
fn manifest_fields(manifest: &[u8]) -> BTreeMap<String, String> {
    let text = String::from_utf8_lossy(manifest);
    let mut out: BTreeMap<String, String> = BTreeMap::new();
    let mut last: Option<String> = None;
    for line in text.lines() {
        if line.trim().is_empty() {
            break;
        }
        if let Some(more) = line.strip_prefix(' ') {
            if let Some(value) = last.as_ref().and_then(|key| out.get_mut(key)) {
                value.push_str(more);
            }
        } else if let Some((key, value)) = line.split_once(':') {
            out.insert(key.to_owned(), value.trim().to_owned());
            last = Some(key.to_owned());
        }
    }
    out
}
