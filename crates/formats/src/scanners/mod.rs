//! Results of **outside scanners**: OpenSCAP, Trivy, Grype, OSV-Scanner, told
//! apart by their content and brought to one form.
//!
//! A result comes from a machine that nobody vouches for: its size, its number
//! of objects and its depth are bounded before anything is built, a document
//! type definition is refused, and what is kept is a few short words of each
//! statement.

mod grype;
mod openscap;
mod osv_scanner;
#[cfg(test)]
mod tests;
mod trivy;

use crate::bounded::{self, Limits};
use crate::sbom::bound_objects;
use jiff::Timestamp;
use plimsoll_core::model::problem::{Problem, printable};
use plimsoll_core::model::scanner::{Reading, Said, Scanner};
use serde::Deserialize;
use std::collections::{BTreeMap, BTreeSet};

/// Largest file, as it is brought: an ARF of four hundred rules has 20 MiB.
pub const FILE_LIMIT: usize = 32 << 20;
/// After decompression.
const LIMITS: Limits = Limits { bytes: 64 << 20, ratio: 100, entries: 1 };
/// Most statements and most packages kept; a host has some thousand packages,
/// and a distribution some ten thousand advisories.
const MOST: usize = 100_000;
/// Most ids of one statement; a kernel advisory names some hundred.
const IDS: usize = 1_000;
/// Longest id, name or version, in bytes.
const WORD: usize = 200;

/// Reads a scanner's result, compressed or not.
///
/// # Errors
/// A problem where the file is no result of these scanners, over a limit, or
/// not readable to its end; nothing of it is kept then.
pub fn read(place: &str, bytes: &[u8]) -> Result<Reading, Problem> {
    if bytes.len() > FILE_LIMIT {
        return Err(over(place, "bytes", bytes.len(), FILE_LIMIT));
    }
    let plain = bounded::decompress(place, bytes, LIMITS)?;
    let text = bounded::text(place, &plain)?;
    match text.trim_start().as_bytes().first() {
        Some(b'{') => read_as(json(place, text)?, place, text),
        Some(b'<') => read_as(Scanner::Openscap, place, text),
        _ => Err(unknown(place, "is neither JSON nor XML")),
    }
}

/// Reads a scanner's result of a known form.
///
/// # Errors
/// As [`read`].
pub fn read_as(scanner: Scanner, place: &str, text: &str) -> Result<Reading, Problem> {
    if scanner != Scanner::Openscap {
        bound_objects(place, text, b'{')?;
    }
    match scanner {
        Scanner::Openscap => openscap::read(place, text),
        Scanner::Trivy => trivy::read(place, text),
        Scanner::Grype => grype::read(place, text),
        Scanner::OsvScanner => osv_scanner::read(place, text),
    }
}

/// What tells the JSON forms apart.
#[derive(Deserialize)]
struct Marks {
    #[serde(rename = "SchemaVersion", default)]
    schema: Option<serde::de::IgnoredAny>,
    #[serde(default)]
    matches: Option<serde::de::IgnoredAny>,
    #[serde(default)]
    results: Option<serde::de::IgnoredAny>,
}

fn json(place: &str, text: &str) -> Result<Scanner, Problem> {
    bound_objects(place, text, b'{')?;
    match parsed(place, text)? {
        Marks { schema: Some(_), .. } => Ok(Scanner::Trivy),
        Marks { matches: Some(_), .. } => Ok(Scanner::Grype),
        Marks { results: Some(_), .. } => Ok(Scanner::OsvScanner),
        _ => Err(unknown(place, "is JSON without SchemaVersion (Trivy), matches (Grype) or results (OSV-Scanner)")),
    }
}

fn parsed<'de, T: Deserialize<'de>>(place: &str, text: &'de str) -> Result<T, Problem> {
    let next = "let the scanner write the file again";
    serde_json::from_str(text).map_err(|error| Problem::new("E-FORMAT", place, format!("is not readable JSON: {}", printable(&error.to_string())), next))
}

fn unknown(place: &str, what: &str) -> Problem {
    Problem::new("E-FORMAT", place, what, "give a result of OpenSCAP (ARF, XCCDF or OVAL results), Trivy, Grype (both --format json) or OSV-Scanner (--format json)")
}

fn over(place: &str, of: &str, count: usize, limit: usize) -> Problem {
    Problem::new("E-LIMIT", place, format!("has {count} {of}, the limit is {limit}"), "scan one host at a time, and its packages alone")
}

/// A moment as scanners write it; none where it is none. One without an offset
/// is left out: nobody can tell which moment it is.
fn moment(text: Option<&str>) -> Option<Timestamp> {
    text?.parse().ok()
}

/// A short word, or nothing where it is empty or too long to be one.
fn word(text: &str) -> Option<String> {
    let text = text.trim();
    (!text.is_empty() && text.len() <= WORD && !text.chars().any(char::is_control)).then(|| text.to_owned())
}

/// Collects what a file says.
struct Collector {
    reading: Reading,
    place: String,
}

impl Collector {
    fn new(place: &str, scanner: Scanner) -> Self {
        let reading = Reading { scanner, version: None, database: None, moment: None, target: None, system: false, packages: BTreeMap::new(), said: Vec::new() };
        Self { reading, place: place.to_owned() }
    }

    fn package(&mut self, name: Option<&str>, version: Option<&str>) -> Result<(), Problem> {
        let (Some(name), Some(version)) = (name.and_then(word), version.and_then(word)) else { return Ok(()) };
        let versions = self.reading.packages.entry(name).or_default();
        // Kernels stand beside each other; a hundred of one name do not.
        if versions.len() < 100 {
            versions.insert(version);
        }
        match self.reading.packages.len() {
            count if count > MOST => Err(over(&self.place, "packages", count, MOST)),
            _ => Ok(()),
        }
    }

    fn say<'i>(&mut self, ids: impl Iterator<Item = &'i str>, package: Option<&str>, version: Option<&str>, there: Option<bool>) -> Result<(), Problem> {
        let ids: BTreeSet<String> = ids.take(IDS).filter_map(word).collect();
        if ids.is_empty() {
            return Ok(());
        }
        self.reading.said.push(Said { ids, package: package.and_then(word), version: version.and_then(word), there });
        match self.reading.said.len() {
            count if count > MOST => Err(over(&self.place, "statements", count, MOST)),
            _ => Ok(()),
        }
    }
}
