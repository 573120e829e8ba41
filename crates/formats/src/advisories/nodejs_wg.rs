//! The Node.js security working group's database: npm packages and Node.js
//! itself, one JSON document a vulnerability.

use super::facts::{
    date, details, first_line, is_cve, one_record, push_unique, start_of, timestamp, unreadable, vendor_severity,
};
use super::json_text::{List, Word, document};
use super::{Fact, Reading, cvss};
use crate::bounded::{self, Limits};
use plimsoll_core::model::advisory::{
    Advisory, Affected, AffectedRange, NamesWhat, Only, RangeEnd, Severity, Status,
};
use plimsoll_core::model::problem::Problem;
use plimsoll_core::model::stream::Stream;
use plimsoll_version::{Bound, Interval, Scheme};
use serde::Deserialize;
use std::cmp::Ordering;

/// Both kinds of record; each uses its own half of the fields.
#[derive(Deserialize, Default)]
#[serde(default)]
struct Record<'a> {
    #[serde(borrow)]
    id: Word<'a>,
    #[serde(borrow)]
    title: Word<'a>,
    #[serde(borrow)]
    description: Word<'a>,
    #[serde(borrow)]
    overview: Word<'a>,
    #[serde(borrow)]
    module_name: Word<'a>,
    #[serde(borrow)]
    publish_date: Word<'a>,
    #[serde(borrow)]
    created_at: Word<'a>,
    #[serde(borrow)]
    updated_at: Word<'a>,
    #[serde(borrow)]
    cves: List<Word<'a>>,
    #[serde(borrow)]
    cve: List<Word<'a>>,
    #[serde(borrow)]
    vulnerable_versions: Word<'a>,
    #[serde(borrow)]
    patched_versions: Word<'a>,
    #[serde(borrow)]
    vulnerable: Word<'a>,
    #[serde(borrow)]
    patched: Word<'a>,
    #[serde(borrow)]
    references: List<Word<'a>>,
    #[serde(borrow, rename = "ref")]
    reference: Word<'a>,
    #[serde(borrow)]
    cvss_vector: Word<'a>,
    #[serde(borrow)]
    severity: Word<'a>,
}

/// Which half of the database a record is from.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Part {
    /// Packages of npm.
    Npm,
    /// Node.js itself, in the stream `vendor` as `nodejs/node`.
    Core,
}

/// Reads one record; `number` is its file's name without ending.
pub fn record(place: &str, part: Part, number: &str, bytes: &[u8], sink: &mut dyn FnMut(Fact)) -> Result<Reading, Problem> {
    let record: Record<'_> = document(place, bytes, "a record of the Node.js security working group")?;
    let (stream, name, id, vulnerable, patched) = match part {
        Part::Npm => {
            let number = if record.id.as_str().is_empty() { number } else { record.id.as_str() };
            let (vulnerable, patched) = (record.vulnerable_versions.as_str(), record.patched_versions.as_str());
            (Stream::language("npm"), record.module_name.as_str().trim(), format!("NSWG-ECO-{number}"), vulnerable, patched)
        }
        Part::Core => {
            let (vulnerable, patched) = (record.vulnerable.as_str(), record.patched.as_str());
            (Stream::language("vendor"), "nodejs/node", format!("NSWG-CORE-{number}"), vulnerable, patched)
        }
    };
    if name.is_empty() {
        return Err(unreadable(place, "names no package"));
    }
    let ranges = ranges(vulnerable, patched).map_err(|reason| unreadable(place, format!("{id}: {reason}")))?;
    let text = [&record.overview, &record.description].into_iter().map(Word::as_str).find(|text| !text.is_empty());
    let title = [&record.title, &record.description, &record.overview].into_iter().map(Word::as_str).find(|text| !text.is_empty());
    let published = [&record.publish_date, &record.created_at]
        .into_iter()
        .find_map(|word| timestamp(word.as_str()).or_else(|| date(word.as_str()).and_then(start_of)));
    let mut advisory = Advisory {
        id,
        summary: first_line(title.unwrap_or("")),
        details: details(text.unwrap_or("")),
        published,
        modified: timestamp(record.updated_at.as_str()).or(published),
        affected: vec![Affected {
            name: stream.normalise_name(name),
            stream,
            names: NamesWhat::Binary,
            ranges,
            versions: Vec::new(),
            status: Status::Affected,
            only: Only::default(),
        }],
        ..Advisory::default()
    };
    for cve in record.cves.iter().chain(&record.cve).map(|cve| cve.as_str().trim()).filter(|cve| is_cve(cve)) {
        push_unique(&mut advisory.cves, cve);
        push_unique(&mut advisory.aliases, cve);
    }
    for url in record.references.iter().chain(std::iter::once(&record.reference)) {
        if url.as_str().starts_with("http") {
            push_unique(&mut advisory.references, url.as_str());
        }
    }
    advisory.severities.extend(cvss::vector(record.cvss_vector.as_str()).map(Severity::Cvss));
    advisory.severities.extend(vendor_severity("nodejs", record.severity.as_str()));
    let reading = one_record(advisory.modified);
    sink(Fact::Advisory(Box::new(advisory)));
    Ok(reading)
}

/// Reads every record of `npm.zip` or `core.zip`.
pub fn archive(place: &str, part: Part, zip_bytes: &[u8], sink: &mut dyn FnMut(Fact)) -> Result<Reading, Problem> {
    let mut reading = Reading::default();
    bounded::zip_entries(place, zip_bytes, Limits::DOCUMENT, |name, entry| {
        let file = name.rsplit('/').next().unwrap_or(name);
        if let Some(number) = file.strip_suffix(".json").filter(|number| number.bytes().all(|byte| byte.is_ascii_digit())) {
            let inner = format!("{place}!{name}");
            match entry.and_then(|bytes| record(&inner, part, number, bytes, sink)) {
                Ok(one) => reading.add(one),
                Err(problem) => reading.reject(problem),
            }
        }
    })?;
    Ok(reading)
}

/// What is vulnerable and not patched: Node.js itself is stated as `6.x`
/// vulnerable, `^6.9.0` patched.
fn ranges(vulnerable: &str, patched: &str) -> Result<Vec<AffectedRange>, String> {
    let wide = ["", "*", "all", "ALL", "<=99.999.99999", "<=99.999.9999"];
    let mut left = if wide.contains(&vulnerable.trim()) {
        vec![Interval { lower: Bound::Unbounded, upper: Bound::Unbounded }]
    } else {
        requirement(vulnerable)?
    };
    if !matches!(patched.trim(), "" | "<0.0.0" | "none" | "None" | "No fix available") {
        for fixed in requirement(patched)? {
            left = left.iter().flat_map(|interval| subtract(interval, &fixed)).collect();
        }
    }
    if left.is_empty() {
        return Err(format!("`{vulnerable}` without `{patched}` leaves no version"));
    }
    Ok(left.iter().map(range).collect())
}

fn requirement(text: &str) -> Result<Vec<Interval>, String> {
    plimsoll_version::parse_requirement(Scheme::Npm, text)
        .map_err(|_| format!("the range `{}` is not readable", text.chars().take(60).collect::<String>()))
}

fn range(interval: &Interval) -> AffectedRange {
    let introduced = match &interval.lower {
        Bound::Unbounded => None,
        Bound::Inclusive(version) => Some(version.clone()),
        Bound::Exclusive(version) => Some(just_above(version)),
    };
    let end = match &interval.upper {
        Bound::Unbounded => RangeEnd::Open,
        Bound::Inclusive(version) => RangeEnd::LastAffected(version.clone()),
        Bound::Exclusive(version) => RangeEnd::Fixed(version.clone()),
    };
    AffectedRange { introduced, end }
}

/// The lowest version above another in semver: `1.0.1-0` after `1.0.0`.
///
/// Ranges have inclusive beginnings only. A version of another form is kept,
/// which shows one version too many rather than one too few.
fn just_above(version: &str) -> String {
    let core = version.split('+').next().unwrap_or(version);
    if core.contains('-') {
        return format!("{core}.0");
    }
    match core.rsplit_once('.').and_then(|(head, patch)| Some((head, patch.parse::<u64>().ok()?.checked_add(1)?))) {
        Some((head, patch)) => format!("{head}.{patch}-0"),
        None => version.to_owned(),
    }
}

/// Takes one interval out of another; versions that cannot be compared leave
/// it as it is.
fn subtract(from: &Interval, out: &Interval) -> Vec<Interval> {
    let below = Interval { lower: from.lower.clone(), upper: least(&from.upper, &before(&out.lower)) };
    let above = Interval { lower: greatest(&from.lower, &after(&out.upper)), upper: from.upper.clone() };
    let mut left = Vec::new();
    if !matches!(out.lower, Bound::Unbounded) && !is_empty(&below) {
        left.push(below);
    }
    if !matches!(out.upper, Bound::Unbounded) && !is_empty(&above) {
        left.push(above);
    }
    left
}

/// The upper bound just before a lower one.
fn before(lower: &Bound) -> Bound {
    match lower {
        Bound::Inclusive(version) => Bound::Exclusive(version.clone()),
        Bound::Exclusive(version) => Bound::Inclusive(version.clone()),
        Bound::Unbounded => Bound::Unbounded,
    }
}

/// The lower bound just after an upper one.
fn after(upper: &Bound) -> Bound {
    before(upper)
}

fn parts(bound: &Bound) -> Option<(&str, bool)> {
    match bound {
        Bound::Unbounded => None,
        Bound::Inclusive(version) => Some((version, true)),
        Bound::Exclusive(version) => Some((version, false)),
    }
}

fn order(left: &str, right: &str) -> Ordering {
    plimsoll_version::compare(Scheme::Npm, left, right).unwrap_or(Ordering::Equal)
}

/// The lower of two upper bounds.
fn least(left: &Bound, right: &Bound) -> Bound {
    pick(left, right, Ordering::Less)
}

/// The higher of two lower bounds.
fn greatest(left: &Bound, right: &Bound) -> Bound {
    pick(left, right, Ordering::Greater)
}

fn pick(left: &Bound, right: &Bound, wanted: Ordering) -> Bound {
    match (parts(left), parts(right)) {
        (None, _) => right.clone(),
        (_, None) => left.clone(),
        (Some((a, inclusive)), Some((b, _))) => match order(a, b) {
            Ordering::Equal if inclusive => right.clone(),
            found if found == wanted || found == Ordering::Equal => left.clone(),
            _ => right.clone(),
        },
    }
}

fn is_empty(interval: &Interval) -> bool {
    match (parts(&interval.lower), parts(&interval.upper)) {
        (Some((lower, from)), Some((upper, to))) => match order(lower, upper) {
            Ordering::Less => false,
            Ordering::Equal => !(from && to),
            Ordering::Greater => true,
        },
        _ => false,
    }
}

#[cfg(test)]
#[path = "nodejs_wg_tests.rs"]
mod tests;
