//! RetireJS: vulnerable JavaScript libraries as browsers load them
//! (`jsrepository-v4.json`).

use super::facts::{details, first_line, is_cve, push_severity, push_unique, unreadable, vendor_severity};
use super::json_text::{List, Object, Word, document};
use super::{Fact, Reading};
use plimsoll_core::model::advisory::{Advisory, Affected, AffectedRange, NamesWhat, Only, RangeEnd, Status};
use plimsoll_core::model::problem::Problem;
use plimsoll_core::model::stream::Stream;
use serde::Deserialize;
use std::collections::BTreeMap;

#[derive(Deserialize, Default)]
#[serde(default)]
struct Library<'a> {
    #[serde(borrow)]
    npmname: Word<'a>,
    #[serde(borrow)]
    vulnerabilities: List<Object<Vulnerability<'a>>>,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct Vulnerability<'a> {
    #[serde(borrow)]
    below: Word<'a>,
    #[serde(borrow, rename = "atOrAbove")]
    at_or_above: Word<'a>,
    #[serde(borrow)]
    severity: Word<'a>,
    #[serde(borrow)]
    identifiers: Object<Identifiers<'a>>,
    #[serde(borrow)]
    info: List<Word<'a>>,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct Identifiers<'a> {
    #[serde(borrow)]
    summary: Word<'a>,
    #[serde(borrow, rename = "CVE")]
    cve: List<Word<'a>>,
    #[serde(borrow, rename = "githubID")]
    github: Word<'a>,
}

/// Reads the repository.
///
/// An entry's id is its GitHub advisory, else its first CVE, else
/// `RETIREJS-library-n` by its position among those without. A library
/// without an npm package stands in the stream `vendor` as
/// `javascript/library`. The repository's own example is left out.
pub fn repository(place: &str, bytes: &[u8], sink: &mut dyn FnMut(Fact)) -> Result<Reading, Problem> {
    let libraries: BTreeMap<String, Object<Library<'_>>> = document(place, bytes, "RetireJS's repository")?;
    let mut reading = Reading::default();
    let mut found: BTreeMap<String, Advisory> = BTreeMap::new();
    for (library, entry) in &libraries {
        if library == "retire-example" {
            continue;
        }
        for (index, vulnerability) in entry.vulnerabilities.iter().enumerate() {
            if let Err(reason) = take(library, entry, index, vulnerability, &mut found) {
                reading.reject(unreadable(place, format!("{library}, entry {index}: {reason}")));
            }
        }
    }
    for advisory in found.into_values() {
        reading.records += 1;
        sink(Fact::Advisory(Box::new(advisory)));
    }
    Ok(reading)
}

fn take(
    library: &str,
    entry: &Library<'_>,
    index: usize,
    vulnerability: &Vulnerability<'_>,
    found: &mut BTreeMap<String, Advisory>,
) -> Result<(), String> {
    let version = |word: &Word<'_>| Some(word.as_str().trim().to_owned()).filter(|version| !version.is_empty());
    let (introduced, below) = (version(&vulnerability.at_or_above), version(&vulnerability.below));
    if introduced.is_none() && below.is_none() {
        return Err("it names no version".to_owned());
    }
    let identifiers = &vulnerability.identifiers;
    let cves: Vec<&str> = identifiers.cve.iter().map(|cve| cve.as_str().trim()).filter(|cve| is_cve(cve)).collect();
    let github = identifiers.github.as_str().trim();
    let id = match (github, cves.first()) {
        ("", Some(cve)) => (*cve).to_owned(),
        ("", None) => format!("RETIREJS-{library}-{index}"),
        (github, _) => github.to_owned(),
    };
    let advisory = found.entry(id.clone()).or_insert_with(|| Advisory {
        summary: first_line(identifiers.summary.as_str()),
        details: details(identifiers.summary.as_str()),
        id,
        ..Advisory::default()
    });
    for cve in cves {
        push_unique(&mut advisory.cves, cve);
        if cve != advisory.id {
            push_unique(&mut advisory.aliases, cve);
        }
    }
    for url in &vulnerability.info {
        push_unique(&mut advisory.references, url.as_str());
    }
    if let Some(severity) = vendor_severity("retirejs", vulnerability.severity.as_str()) {
        push_severity(&mut advisory.severities, severity);
    }
    let (stream, name) = match entry.npmname.as_str().trim() {
        "" => (Stream::language("vendor"), format!("javascript/{}", library.to_lowercase())),
        npm => (Stream::language("npm"), npm.to_owned()),
    };
    let range = AffectedRange { introduced, end: below.map_or(RangeEnd::Open, RangeEnd::Fixed) };
    match advisory.affected.iter_mut().find(|affected| affected.stream == stream && affected.name == name) {
        Some(affected) if affected.ranges.contains(&range) => {}
        Some(affected) => affected.ranges.push(range),
        None => advisory.affected.push(Affected {
            stream,
            name,
            names: NamesWhat::Binary,
            ranges: vec![range],
            versions: Vec::new(),
            status: Status::Affected,
            only: Only::default(),
        }),
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_real_repository_reads_in_full() {
        let Some(data) = crate::test_data::folder() else { return };
        let bytes = std::fs::read(data.join("retirejs/jsrepository-v4.json")).unwrap();
        let mut jquery = None;
        let reading = repository("retirejs", &bytes, &mut |fact| {
            if let Fact::Advisory(advisory) = fact
                && advisory.id == "GHSA-q4m3-2j7h-f7xw" {
                    jquery = Some(advisory);
                }
        })
        .unwrap();
        assert_eq!(reading.rejected, 0, "{:?}", reading.problems);
        assert!(reading.records > 200, "{}", reading.records);
        let jquery = jquery.unwrap();
        assert_eq!((jquery.cves.as_slice(), jquery.affected[0].name.as_str()), (&["CVE-2020-7656".to_owned()][..], "jquery"));
        let range = AffectedRange { introduced: Some("1.2.1".into()), end: RangeEnd::Fixed("1.9.0".into()) };
        assert!(jquery.affected[0].ranges.contains(&range), "{jquery:?}");
    }

    #[test]
    fn bad_entries_are_counted() {
        let text = r#"{"a":{"vulnerabilities":[{"below":"1"},{"severity":"low"},7]},"b":[]}"#;
        let reading = repository("x", text.as_bytes(), &mut |_| ()).unwrap();
        assert_eq!((reading.records, reading.rejected), (1, 2));
        assert!(repository("x", b"[]", &mut |_| ()).is_err());
        assert!(repository("x", format!("{{\"a\":{}", "[".repeat(10_000)).as_bytes(), &mut |_| ()).is_err());
    }
}
