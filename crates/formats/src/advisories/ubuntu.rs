//! Ubuntu's database of security notices (`database-all.json`), for sites that
//! mirror it instead of OSV.

use super::distributions;
use super::facts::{cve_of_id, details, first_line, push_unique, unreadable};
use super::json_text::{List, Object, Word, without_mark};
use super::{Fact, Reading};
use crate::bounded::{self, Limits};
use plimsoll_core::model::advisory::{
    Advisory, AdvisoryKind, Affected, AffectedRange, NamesWhat, Only, RangeEnd, Status,
};
use plimsoll_core::model::problem::Problem;
use serde::Deserialize;
use serde::de::{Deserializer, MapAccess, Visitor};
use std::collections::BTreeMap;
use std::fmt;

#[derive(Deserialize, Default)]
struct Notice<'a> {
    #[serde(borrow, default)]
    title: Word<'a>,
    #[serde(borrow, default)]
    description: Word<'a>,
    #[serde(borrow, default)]
    timestamp: Word<'a>,
    #[serde(borrow, default)]
    cves: List<Word<'a>>,
    #[serde(borrow, default)]
    releases: Object<Map<Release<'a>>>,
}

/// Objects by name; a value that is no object counts as empty.
type Map<T> = BTreeMap<String, Object<T>>;

#[derive(Deserialize, Default)]
struct Release<'a> {
    #[serde(borrow, default)]
    sources: Object<Map<Package<'a>>>,
    #[serde(borrow, default)]
    allbinaries: Object<Map<Package<'a>>>,
}

#[derive(Deserialize, Default)]
struct Package<'a> {
    #[serde(borrow, default)]
    version: Word<'a>,
    #[serde(borrow, default)]
    pocket: Word<'a>,
}

/// Reads the database of notices, compressed or not.
///
/// Fixed versions are those of source packages. Where every binary of a
/// release is in an ESM pocket, the fix is only in that repository.
pub fn notices(place: &str, bytes: &[u8], sink: &mut dyn FnMut(Fact)) -> Result<Reading, Problem> {
    let bytes = bounded::decompress(place, bytes, Limits::FEED)?;
    let mut walk = Walk { place, reading: Reading::default(), sink };
    let mut deserializer = serde_json::Deserializer::from_slice(without_mark(&bytes));
    deserializer
        .deserialize_map(&mut walk)
        .and_then(|()| deserializer.end())
        .map_err(|error| unreadable(place, format!("is not readable as Ubuntu's notices: {error}")))?;
    Ok(walk.reading)
}

struct Walk<'w> {
    place: &'w str,
    reading: Reading,
    sink: &'w mut dyn FnMut(Fact),
}

impl<'de> Visitor<'de> for &mut Walk<'_> {
    type Value = ();
    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("an object of notices")
    }
    fn visit_map<A: MapAccess<'de>>(self, mut notices: A) -> Result<(), A::Error> {
        while let Some(id) = notices.next_key::<String>()? {
            let notice: Object<Notice<'de>> = notices.next_value()?;
            let advisory = self.advisory(&id, &notice);
            self.reading.records += 1;
            self.reading.saw(advisory.published);
            (self.sink)(Fact::Advisory(Box::new(advisory)));
        }
        Ok(())
    }
}

impl Walk<'_> {
    fn advisory(&mut self, id: &str, notice: &Notice<'_>) -> Advisory {
        let id = if id.starts_with("USN-") || id.starts_with("LSN-") { id.to_owned() } else { format!("USN-{id}") };
        let summary = first_line(notice.title.as_str());
        let seconds = notice.timestamp.as_str().parse::<f64>().ok().filter(|seconds| seconds.is_finite());
        let published = seconds.and_then(|seconds| jiff::Timestamp::from_second(seconds as i64).ok());
        let mut advisory = Advisory {
            kind: if summary.to_ascii_lowercase().contains("regression") {
                AdvisoryKind::Regression
            } else {
                AdvisoryKind::Security
            },
            summary,
            details: details(notice.description.as_str()),
            published,
            modified: published,
            references: vec![format!("https://ubuntu.com/security/notices/{id}")],
            id,
            ..Advisory::default()
        };
        for cve in &notice.cves {
            if let Some(cve) = cve_of_id(cve.as_str()) {
                push_unique(&mut advisory.cves, cve);
            }
        }
        for (codename, release) in &notice.releases.0 {
            match distributions::ubuntu(codename) {
                Some(stream) => advisory.affected.extend(packages(&stream, release)),
                None => {
                    let text = format!("{}: the release `{codename}` is not known", advisory.id);
                    self.reading.reject(unreadable(self.place, text));
                }
            }
        }
        advisory
    }
}

fn packages(stream: &plimsoll_core::model::stream::Stream, release: &Release<'_>) -> Vec<Affected> {
    let mut pockets: Vec<&str> = release.allbinaries.0.values().map(|binary| binary.pocket.as_str()).collect();
    pockets.sort_unstable();
    pockets.dedup();
    let repository = match pockets.as_slice() {
        [pocket] if pocket.starts_with("esm") || pocket.starts_with("fips") => Some((*pocket).to_owned()),
        _ => None,
    };
    let fixed = release.sources.0.iter().filter(|(_, source)| !source.version.as_str().is_empty());
    fixed
        .map(|(name, source)| Affected {
            stream: stream.clone(),
            name: stream.normalise_name(name),
            names: NamesWhat::Source,
            ranges: vec![AffectedRange {
                introduced: None,
                end: RangeEnd::Fixed(source.version.as_str().to_owned()),
            }],
            versions: Vec::new(),
            status: Status::Affected,
            only: Only { repository: repository.clone(), ..Only::default() },
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_sample_database_reads_in_full() {
        let Some(data) = crate::test_data::folder() else { return };
        let path = "ubuntu/vuls-samples/usndb/testdata/fixtures/happy/database-all.json.bz2";
        let bytes = std::fs::read(data.join(path)).unwrap();
        let mut taken = Vec::new();
        let reading = notices("database-all.json.bz2", &bytes, &mut |fact| taken.push(fact)).unwrap();
        assert_eq!((reading.rejected, reading.problems.len()), (0, 0));
        let jinja = taken.iter().find_map(|fact| match fact {
            Fact::Advisory(advisory) if advisory.id == "USN-4011-1" => Some(advisory),
            _ => None,
        });
        let jinja = jinja.expect("USN-4011-1");
        assert_eq!(jinja.cves, ["CVE-2016-10745", "CVE-2019-10906"]);
        let xenial = jinja.affected.iter().find(|affected| affected.stream.as_str() == "ubuntu:16.04").unwrap();
        assert_eq!((xenial.name.as_str(), &xenial.ranges[0].end), ("jinja2", &RangeEnd::Fixed("2.8-1ubuntu0.1".into())));
        assert_eq!(xenial.only.repository, None);
    }

    #[test]
    fn hostile_bytes_are_refused() {
        for bytes in [&b"[]"[..], b"{", b"", b"BZh9", b"{\"1\":{}} x"] {
            assert_eq!(notices("x", bytes, &mut |_| ()).unwrap_err().code, "E-FORMAT");
        }
        let deep = format!("{{\"1-1\":{}", "[".repeat(10_000));
        assert!(notices("x", deep.as_bytes(), &mut |_| ()).is_err());
    }
}
