//! The Debian security tracker: the lists of announcements (DSA, DLA) and the
//! JSON of every CVE.

use super::facts::{cut, is_cve, push_severity, push_unique, start_of, unreadable, vendor_severity};
use super::json_text::{Object, Word, without_mark};
use super::{Fact, Reading};
use crate::bounded;
use jiff::civil::Date;
use plimsoll_core::model::advisory::{
    Advisory, AdvisoryKind, Affected, AffectedRange, NamesWhat, Only, RangeEnd, Status,
};
use plimsoll_core::model::problem::Problem;
use plimsoll_core::model::stream::Stream;
use serde::Deserialize;
use serde::de::{DeserializeSeed, Deserializer, MapAccess, Visitor};
use std::collections::BTreeMap;
use std::fmt;

/// Reads a list of announcements, `data/DSA/list` or `data/DLA/list`.
///
/// An announcement is a header `[31 Mar 2026] DSA-6189-1 libpng1.6 - security
/// update`, then indented lines: `{CVE…}`, `[bookworm] - package version`,
/// `NOTE:`. Ids, dates and addresses are those of OSV's records of the same
/// announcements, so that both readings meet in one advisory.
pub fn list(place: &str, bytes: &[u8], sink: &mut dyn FnMut(Fact)) -> Result<Reading, Problem> {
    let text = bounded::text(place, bytes)?;
    let mut reading = Reading::default();
    let mut current: Option<Advisory> = None;
    for (number, line) in text.lines().enumerate() {
        let at = || format!("{place}:{}", number + 1);
        if line.starts_with('[') {
            finish(current.take(), &mut reading, sink);
            match header(line) {
                Some(advisory) => current = Some(advisory),
                None => reading.reject(unreadable(at(), "is not an announcement's header: `[day month year] id title`")),
            }
            continue;
        }
        let body = line.trim();
        if body.is_empty() || body.starts_with("NOTE:") || body.starts_with("TODO:") || body.starts_with("STOP:") {
            continue;
        }
        let Some(advisory) = current.as_mut() else {
            // Lines of an announcement whose header was refused, which is
            // already counted.
            continue;
        };
        if let Err(reason) = body_line(body, advisory) {
            reading.reject(unreadable(at(), format!("{}: {reason}", advisory.id)));
        }
    }
    finish(current, &mut reading, sink);
    if reading.records == 0 && !text.trim().is_empty() {
        return Err(unreadable(place, "holds no announcement, so it is not a DSA or DLA list"));
    }
    Ok(reading)
}

fn finish(advisory: Option<Advisory>, reading: &mut Reading, sink: &mut dyn FnMut(Fact)) {
    if let Some(advisory) = advisory {
        reading.records += 1;
        reading.saw(advisory.published);
        sink(Fact::Advisory(Box::new(advisory)));
    }
}

fn header(line: &str) -> Option<Advisory> {
    let (day, rest) = line.strip_prefix('[')?.split_once(']')?;
    let day = long_date(day)?;
    let mut words = rest.split_whitespace();
    let id = words.next()?;
    let prefix = id.split('-').next()?;
    if !matches!(prefix, "DSA" | "DLA" | "ELA" | "DTSA") || id.len() > 40 {
        return None;
    }
    // Old announcements write ` -- ` where all others write ` - `.
    let mut summary = words.collect::<Vec<_>>().join(" ").replacen(" -- ", " - ", 1);
    cut(&mut summary, 300);
    let regression = summary.to_ascii_lowercase().contains("regression");
    let published = start_of(day);
    Some(Advisory {
        id: id.to_owned(),
        kind: if regression { AdvisoryKind::Regression } else { AdvisoryKind::Security },
        references: address(id, prefix, day).into_iter().collect(),
        summary,
        published,
        modified: published,
        ..Advisory::default()
    })
}

fn address(id: &str, prefix: &str, day: Date) -> Option<String> {
    let page = id.to_ascii_lowercase();
    match prefix {
        "DSA" => Some(format!("https://www.debian.org/security/{}/{page}", day.year())),
        "DLA" => Some(format!("https://www.debian.org/security/lts/{page}")),
        _ => None,
    }
}

/// Reads `31 Mar 2026`.
fn long_date(text: &str) -> Option<Date> {
    const MONTHS: [&str; 12] =
        ["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"];
    let mut words = text.split_whitespace();
    let (day, month, year) = (words.next()?, words.next()?, words.next()?);
    let month = month.get(..3)?.to_ascii_lowercase();
    let month = MONTHS.iter().position(|name| *name == month)? + 1;
    Date::new(year.parse().ok()?, i8::try_from(month).ok()?, day.parse().ok()?).ok()
}

fn body_line(body: &str, advisory: &mut Advisory) -> Result<(), String> {
    if let Some(ids) = body.strip_prefix('{') {
        for id in ids.trim_end_matches('}').split_whitespace() {
            if is_cve(id) {
                push_unique(&mut advisory.cves, id);
            }
        }
        return Ok(());
    }
    let unknown = || format!("the line `{}` is of no known form", body.chars().take(80).collect::<String>());
    let (codename, rest) = body.strip_prefix('[').and_then(|rest| rest.split_once(']')).ok_or_else(unknown)?;
    let mut words = rest.split_whitespace();
    if words.next() != Some("-") {
        return Err(unknown());
    }
    let (name, version) = (words.next().ok_or_else(unknown)?, words.next().ok_or_else(unknown)?);
    let stream = super::distributions::debian(codename.trim())
        .ok_or_else(|| format!("the release `{}` is not known", codename.trim()))?;
    let affected = package(stream, name, version);
    if !advisory.affected.contains(&affected) {
        advisory.affected.push(affected);
    }
    Ok(())
}

/// A package line's version is a version or one of the tracker's marks.
fn package(stream: Stream, name: &str, version: &str) -> Affected {
    let open = || vec![AffectedRange { introduced: None, end: RangeEnd::Open }];
    let (ranges, status) = match version {
        "<not-affected>" => (Vec::new(), Status::NotAffected),
        "<end-of-life>" => (open(), Status::EndOfLife),
        "<ignored>" => (open(), Status::WontFix),
        "<postponed>" | "<no-dsa>" => (open(), Status::Postponed),
        "<undetermined>" => (open(), Status::UnderInvestigation),
        mark if mark.starts_with('<') => (open(), Status::Affected),
        version => {
            let end = RangeEnd::Fixed(version.to_owned());
            (vec![AffectedRange { introduced: None, end }], Status::Affected)
        }
    };
    let name = stream.normalise_name(name);
    Affected {
        stream,
        name,
        names: NamesWhat::Source,
        ranges,
        versions: Vec::new(),
        status,
        only: Only::default(),
    }
}

/// One CVE of one source package in the tracker's JSON.
#[derive(Deserialize, Default)]
struct Entry<'a> {
    #[serde(borrow, default)]
    description: Word<'a>,
    #[serde(borrow, default)]
    releases: Object<BTreeMap<String, Object<Release<'a>>>>,
}

#[derive(Deserialize, Default)]
struct Release<'a> {
    #[serde(borrow, default)]
    status: Word<'a>,
    #[serde(borrow, default)]
    fixed_version: Word<'a>,
    #[serde(borrow, default)]
    urgency: Word<'a>,
    #[serde(borrow, default)]
    nodsa: Word<'a>,
    #[serde(borrow, default)]
    nodsa_reason: Word<'a>,
}

/// Reads the tracker's JSON, `https://security-tracker.debian.org/tracker/data/json`.
///
/// One advisory a source package and CVE, with the CVE as its id: a CVE that
/// concerns several packages comes several times, and whoever collects joins
/// them by id. The real file has more than 60 MB, so one CVE at a time is in
/// memory beside the bytes.
pub fn tracker(place: &str, bytes: &[u8], sink: &mut dyn FnMut(Fact)) -> Result<Reading, Problem> {
    let mut reading = Reading::default();
    let mut walk = Walk { place, reading: &mut reading, sink };
    let mut deserializer = serde_json::Deserializer::from_slice(without_mark(bytes));
    deserializer
        .deserialize_map(Sources(&mut walk))
        .and_then(|()| deserializer.end())
        .map_err(|error| unreadable(place, format!("is not readable as the security tracker's JSON: {error}")))?;
    Ok(reading)
}

struct Walk<'w> {
    place: &'w str,
    reading: &'w mut Reading,
    sink: &'w mut dyn FnMut(Fact),
}

struct Sources<'w, 's>(&'s mut Walk<'w>);

impl<'de> Visitor<'de> for Sources<'_, '_> {
    type Value = ();
    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("an object of source packages")
    }
    fn visit_map<A: MapAccess<'de>>(self, mut sources: A) -> Result<(), A::Error> {
        while let Some(source) = sources.next_key::<String>()? {
            sources.next_value_seed(Source { name: source, walk: &mut *self.0 })?;
        }
        Ok(())
    }
}

struct Source<'w, 's> {
    name: String,
    walk: &'s mut Walk<'w>,
}

impl<'de> DeserializeSeed<'de> for Source<'_, '_> {
    type Value = ();
    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for Source<'_, '_> {
    type Value = ();
    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("an object of CVEs")
    }
    fn visit_map<A: MapAccess<'de>>(self, mut cves: A) -> Result<(), A::Error> {
        while let Some(id) = cves.next_key::<String>()? {
            let entry: Object<Entry<'de>> = cves.next_value()?;
            self.walk.take(&self.name, &id, &entry);
        }
        Ok(())
    }
}

impl Walk<'_> {
    fn take(&mut self, source: &str, id: &str, entry: &Entry<'_>) {
        let mut advisory = Advisory {
            id: id.to_owned(),
            summary: super::facts::first_line(entry.description.as_str()),
            details: super::facts::details(entry.description.as_str()),
            references: vec![format!("https://security-tracker.debian.org/tracker/{id}")],
            ..Advisory::default()
        };
        if is_cve(id) {
            advisory.cves.push(id.to_owned());
        }
        for (codename, release) in &entry.releases.0 {
            match state(source, codename, release) {
                Ok(affected) => advisory.affected.push(affected),
                Err(reason) => {
                    self.reading.reject(unreadable(self.place, format!("{source} {id} {codename}: {reason}")));
                }
            }
            if !matches!(release.urgency.as_str(), "not yet assigned" | "end-of-life")
                && let Some(severity) = vendor_severity("debian", release.urgency.as_str()) {
                    push_severity(&mut advisory.severities, severity);
                }
        }
        if advisory.affected.is_empty() {
            let text = format!("{source} {id} names no release");
            self.reading.reject(unreadable(self.place, text));
            return;
        }
        self.reading.records += 1;
        (self.sink)(Fact::Advisory(Box::new(advisory)));
    }
}

fn state(source: &str, codename: &str, release: &Release<'_>) -> Result<Affected, String> {
    let stream = super::distributions::debian(codename).ok_or("the release is not known")?;
    let mark = match (release.status.as_str(), release.fixed_version.as_str()) {
        ("resolved", "0") => "<not-affected>",
        ("resolved", "") => return Err("it is resolved without a fixed version".to_owned()),
        ("resolved", version) => version,
        ("undetermined", _) => "<undetermined>",
        ("open", _) if release.urgency.as_str() == "end-of-life" => "<end-of-life>",
        ("open", _) => match (release.nodsa_reason.as_str(), release.nodsa.0.is_some()) {
            ("ignored", _) => "<ignored>",
            (_, true) => "<no-dsa>",
            ("postponed", _) => "<postponed>",
            _ => "<unfixed>",
        },
        (other, _) => return Err(format!("the status `{other}` is not known")),
    };
    Ok(package(stream, source, mark))
}

#[cfg(test)]
#[path = "debian_tests.rs"]
mod tests;
