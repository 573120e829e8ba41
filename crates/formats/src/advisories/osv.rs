//! OSV records (schema 1.x): one JSON document a record, zips and tarballs of
//! them.
//!
//! Source of the format: <https://ossf.github.io/osv-schema/>. Unknown fields
//! are passed over; what databases add beside the schema and we need (Ubuntu's
//! severity words, RustSec's `informational`) is read forgivingly.

use super::distributions::{Scope, osv_ecosystem};
use super::facts::{
    cve_of_id, cves_in_text, details, first_line, is_cve, one_record, push_severity, push_unique, timestamp,
    unreadable, vendor_severity,
};
use super::json_text::{List, Object, Text, Word, document};
use super::osv_ranges::{self, Range};
use super::{Fact, Reading, cvss};
use crate::bounded::{self, Limits};
use plimsoll_core::model::advisory::{Advisory, AdvisoryKind, Affected, Severity, Status};
use plimsoll_core::model::problem::Problem;
use serde::Deserialize;

/// One OSV record, as far as it is used.
#[derive(Deserialize)]
struct Record<'a> {
    #[serde(borrow)]
    id: Text<'a>,
    #[serde(borrow, default)]
    summary: Word<'a>,
    #[serde(borrow, default)]
    details: Word<'a>,
    #[serde(borrow, default)]
    aliases: List<Word<'a>>,
    #[serde(borrow, default)]
    upstream: List<Word<'a>>,
    #[serde(borrow, default)]
    related: List<Word<'a>>,
    #[serde(borrow, default)]
    published: Word<'a>,
    #[serde(borrow, default)]
    modified: Word<'a>,
    #[serde(borrow, default)]
    withdrawn: Word<'a>,
    #[serde(borrow, default)]
    severity: List<Score<'a>>,
    #[serde(borrow, default)]
    affected: List<Package<'a>>,
    #[serde(borrow, default)]
    references: List<Reference<'a>>,
    #[serde(borrow, default)]
    database_specific: Object<RecordExtra<'a>>,
}

#[derive(Deserialize, Default)]
struct Score<'a> {
    #[serde(borrow, default, rename = "type")]
    kind: Word<'a>,
    #[serde(borrow, default)]
    score: Word<'a>,
}

#[derive(Deserialize, Default)]
struct Reference<'a> {
    #[serde(borrow, default, rename = "type")]
    kind: Word<'a>,
    #[serde(borrow, default)]
    url: Word<'a>,
}

#[derive(Deserialize, Default)]
struct RecordExtra<'a> {
    #[serde(borrow, default)]
    severity: Word<'a>,
}

#[derive(Deserialize)]
struct Package<'a> {
    #[serde(borrow, default)]
    package: Object<PackageName<'a>>,
    #[serde(borrow, default)]
    ranges: List<Range<'a>>,
    #[serde(borrow, default)]
    versions: List<Text<'a>>,
    #[serde(borrow, default)]
    severity: List<Score<'a>>,
    #[serde(borrow, default)]
    ecosystem_specific: Object<EcosystemExtra<'a>>,
    #[serde(borrow, default)]
    database_specific: Object<PackageExtra<'a>>,
}

#[derive(Deserialize, Default)]
struct PackageName<'a> {
    #[serde(borrow, default)]
    ecosystem: Word<'a>,
    #[serde(borrow, default)]
    name: Word<'a>,
    #[serde(borrow, default)]
    purl: Word<'a>,
}

/// Ubuntu names the archive of a Pro fix in words where the purl does not.
#[derive(Deserialize, Default)]
struct EcosystemExtra<'a> {
    #[serde(borrow, default)]
    availability: Word<'a>,
}

#[derive(Deserialize, Default)]
struct PackageExtra<'a> {
    #[serde(borrow, default)]
    informational: Word<'a>,
    #[serde(borrow, default)]
    cves_map: Object<CvesMap<'a>>,
}

#[derive(Deserialize, Default)]
struct CvesMap<'a> {
    #[serde(borrow, default)]
    cves: List<CveScore<'a>>,
}

#[derive(Deserialize, Default)]
struct CveScore<'a> {
    #[serde(borrow, default)]
    severity: List<Score<'a>>,
}

/// Reads one OSV record.
///
/// A range of a kind nobody knows is named in the reading and left out; the
/// rest of the record stands. An unreadable record is an error.
pub fn record(place: &str, bytes: &[u8], sink: &mut dyn FnMut(Fact)) -> Result<Reading, Problem> {
    let record: Record<'_> = document(place, bytes, "an OSV record")?;
    if record.id.trim().is_empty() {
        return Err(unreadable(place, "is not an OSV record: its id is empty"));
    }
    let mut reading = Reading::default();
    let advisory = advisory(place, &record, &mut reading);
    reading.add(one_record(advisory.modified.max(advisory.published)));
    sink(Fact::Advisory(Box::new(advisory)));
    Ok(reading)
}

/// Reads every `.json` file of a zip (`all.zip` of an ecosystem).
pub fn archive(place: &str, zip_bytes: &[u8], sink: &mut dyn FnMut(Fact)) -> Result<Reading, Problem> {
    let mut reading = Reading::default();
    bounded::zip_entries(place, zip_bytes, Limits::FEED, |name, entry| {
        if name.ends_with(".json") {
            let inner = || format!("{place}!{name}");
            match entry.and_then(|bytes| record(name, bytes, sink)) {
                Ok(one) => reading.add(one),
                Err(problem) => reading.reject(Problem { place: Problem::new("", inner(), "", "").place, ..problem }),
            }
        }
    })?;
    Ok(reading)
}

/// Reads every OSV record of a tar archive, compressed or not
/// (`osv-all.tar.xz` as Ubuntu publishes it).
pub fn tarball(place: &str, bytes: &[u8], sink: &mut dyn FnMut(Fact)) -> Result<Reading, Problem> {
    let mut reading = Reading::default();
    super::tarball::entries(place, bytes, |name, entry| {
        if name.ends_with(".json") {
            match entry.and_then(|bytes| record(name, bytes, sink)) {
                Ok(one) => reading.add(one),
                Err(problem) => reading.reject(problem),
            }
        }
    })?;
    Ok(reading)
}

fn advisory(place: &str, record: &Record<'_>, reading: &mut Reading) -> Advisory {
    let id = record.id.trim();
    let summary = summary(record);
    let mut advisory = Advisory {
        id: id.to_owned(),
        kind: kind(id, &summary, record),
        details: details(record.details.as_str()),
        published: timestamp(record.published.as_str()),
        modified: timestamp(record.modified.as_str()),
        withdrawn: timestamp(record.withdrawn.as_str()),
        references: references(id, &record.references),
        ..Advisory::default()
    };
    for package in &record.affected {
        if let Some(affected) = affected(place, id, package, reading) {
            advisory.affected.push(affected);
        }
    }
    names(&mut advisory, record);
    severities(&mut advisory, &summary, record);
    advisory.summary = summary;
    advisory
}

fn summary(record: &Record<'_>) -> String {
    let summary = record.summary.as_str();
    first_line(if summary.trim().is_empty() { record.details.as_str() } else { summary })
}

/// Sorts ids into aliases and CVEs.
///
/// `related` of a distribution's advisory holds the CVEs it repairs
/// (AlmaLinux); anywhere else it holds other vulnerabilities, which must not
/// be taken for this one.
fn names(advisory: &mut Advisory, record: &Record<'_>) {
    let id = record.id.trim();
    if let Some(cve) = cve_of_id(id) {
        push_unique(&mut advisory.cves, cve);
        if cve != id {
            push_unique(&mut advisory.aliases, cve);
        }
    }
    for alias in &record.aliases {
        let alias = alias.as_str().trim();
        if !alias.is_empty() && alias != id {
            push_unique(&mut advisory.aliases, alias);
            if is_cve(alias) {
                push_unique(&mut advisory.cves, alias);
            }
        }
    }
    for upstream in &record.upstream {
        if let Some(cve) = cve_of_id(upstream.as_str().trim()) {
            push_unique(&mut advisory.cves, cve);
        }
    }
    let distribution = advisory.affected.iter().any(|affected| affected.stream.is_operating_system());
    if distribution {
        for related in &record.related {
            if let Some(cve) = cve_of_id(related.as_str().trim()) {
                push_unique(&mut advisory.cves, cve);
            }
        }
    }
    if advisory.cves.is_empty() && distribution && id.starts_with("USN-") {
        for cve in cves_in_text(&advisory.details) {
            push_unique(&mut advisory.cves, &cve);
        }
    }
}

fn kind(id: &str, summary: &str, record: &Record<'_>) -> AdvisoryKind {
    let lower = summary.to_ascii_lowercase();
    let prefix = id.split('-').next().unwrap_or(id);
    match prefix {
        "MAL" => return AdvisoryKind::Malware,
        "ALBA" | "RHBA" | "RLBA" | "ELBA" => return AdvisoryKind::Bugfix,
        "ALEA" | "RHEA" | "RLEA" | "ELEA" => return AdvisoryKind::Enhancement,
        "DSA" | "DLA" | "ELA" if lower.contains("regression") => return AdvisoryKind::Regression,
        "USN" if lower.ends_with("regression") || lower.ends_with("regressions") => {
            return AdvisoryKind::Regression;
        }
        _ => {}
    }
    if id.contains("-RU-") || id.contains("-OU-") {
        return AdvisoryKind::Bugfix;
    }
    if id.contains("-FU-") {
        return AdvisoryKind::Enhancement;
    }
    let mut informational = record.affected.iter().map(|package| package.database_specific.informational.as_str());
    match informational.find(|word| !word.is_empty()) {
        Some("unmaintained") => AdvisoryKind::Unmaintained,
        Some(_) => AdvisoryKind::Notice,
        None => AdvisoryKind::Security,
    }
}

fn severities(advisory: &mut Advisory, summary: &str, record: &Record<'_>) {
    let per_package = record.affected.iter().flat_map(|package| {
        package.severity.iter().chain(package.database_specific.cves_map.cves.iter().flat_map(|cve| cve.severity.iter()))
    });
    for score in record.severity.iter().chain(per_package) {
        if let Some(severity) = severity(score) {
            push_severity(&mut advisory.severities, severity);
        }
    }
    let id = advisory.id.as_str();
    let stated = vendor_severity(vendor_of(id), record.database_specific.severity.as_str());
    let in_words = stated.or_else(|| rated_in_words(id, summary, &advisory.details));
    if let Some(severity) = in_words {
        push_severity(&mut advisory.severities, severity);
    }
}

fn severity(score: &Score<'_>) -> Option<Severity> {
    let text = score.score.as_str();
    match score.kind.as_str() {
        kind if kind.starts_with("CVSS") => cvss::vector(text).map(Severity::Cvss),
        "" => None,
        vendor => vendor_severity(&vendor.to_ascii_lowercase(), text),
    }
}

/// Who speaks in a record, told by its id.
fn vendor_of(id: &str) -> &'static str {
    match id.split('-').next().unwrap_or(id) {
        "GHSA" => "ghsa",
        "BIT" => "bitnami",
        "ALSA" | "ALBA" | "ALEA" => "almalinux",
        "RLSA" | "RLBA" | "RLEA" | "RXSA" => "rocky",
        "RHSA" | "RHBA" | "RHEA" => "redhat",
        "USN" | "UBUNTU" => "ubuntu",
        "DSA" | "DLA" | "DEBIAN" => "debian",
        "PYSEC" => "pypa",
        "GO" => "go",
        "RUSTSEC" => "rustsec",
        "MGASA" => "mageia",
        "openSUSE" | "SUSE" => "suse",
        _ => "osv",
    }
}

/// Red Hat's relatives put the rating into the summary (`Important: kernel
/// security update`) or into a sentence of the details.
fn rated_in_words(id: &str, summary: &str, details: &str) -> Option<Severity> {
    let vendor = vendor_of(id);
    if !matches!(vendor, "almalinux" | "rocky" | "redhat") {
        return None;
    }
    const WORDS: [&str; 4] = ["Critical", "Important", "Moderate", "Low"];
    let leading = WORDS.iter().find(|word| summary.strip_prefix(**word).is_some_and(|rest| rest.starts_with(':')));
    let sentence = || {
        let (_, rest) = details.split_once("security impact of ")?;
        WORDS.iter().find(|word| rest.trim_start().starts_with(**word))
    };
    vendor_severity(vendor, leading.or_else(sentence)?)
}

/// Lists addresses, the advisory's own page first.
fn references(id: &str, stated: &[Reference<'_>]) -> Vec<String> {
    let own = |reference: &&Reference<'_>| {
        let url = reference.url.as_str();
        reference.kind.as_str() == "ADVISORY" && url.to_ascii_lowercase().contains(&id.to_ascii_lowercase())
    };
    let mut out = Vec::with_capacity(stated.len());
    for reference in stated.iter().filter(own).take(1).chain(stated) {
        let url = reference.url.as_str().trim();
        if !url.is_empty() {
            push_unique(&mut out, url);
        }
    }
    out
}

fn affected(place: &str, id: &str, package: &Package<'_>, reading: &mut Reading) -> Option<Affected> {
    let ecosystem = package.package.ecosystem.as_str().trim();
    let name = package.package.name.as_str().trim();
    if ecosystem.is_empty() || name.is_empty() {
        // Git ranges alone (OSS-Fuzz) speak of commits, which no inventory
        // carries. The advisory itself stays and can be explained.
        if !package.ranges.iter().any(|range| range.kind.as_str() == "GIT") {
            reading.reject(unreadable(place, format!("{id} has an affected entry that names no package")));
        }
        return None;
    }
    let purl = package.package.purl.0.as_deref();
    let Scope { stream, mut only, names } = osv_ecosystem(ecosystem, purl);
    if only.repository.as_deref() == Some("esm") {
        only.repository = Some(pro_archive(package.ecosystem_specific.availability.as_str()).to_owned());
    }
    let scheme = stream.scheme();
    let ranges = match osv_ranges::ranges(scheme, &package.ranges) {
        Ok(ranges) => ranges,
        Err(reason) => {
            let text = format!("{id} says of {ecosystem} {name} {reason}; that range is left out");
            reading.reject(unreadable(place, text));
            osv_ranges::readable(scheme, &package.ranges)
        }
    };
    let versions = osv_ranges::outside(scheme, &ranges, &package.versions);
    let name = stream.normalise_name(name);
    Some(Affected { stream, name, names, ranges, versions, status: Status::Affected, only })
}

/// The Ubuntu Pro archive that the words of `availability` mean.
fn pro_archive(availability: &str) -> &'static str {
    let words = availability.to_ascii_lowercase();
    if words.contains("fips-updates") {
        "fips-updates"
    } else if words.contains("fips") {
        "fips"
    } else if words.contains("infra") {
        "esm-infra"
    } else if words.contains("ubuntu pro") || words.contains("ubuntu advantage") {
        "esm-apps"
    } else {
        "esm"
    }
}

#[cfg(test)]
#[path = "osv_tests.rs"]
mod tests;
