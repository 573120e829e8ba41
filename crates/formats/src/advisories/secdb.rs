//! Alpine's security database (`secdb.alpinelinux.org`), also as Wolfi and
//! Chainguard publish it: JSON today, YAML in 2020.

use super::facts::{is_cve, push_unique, unreadable};
use super::json_text::{List, Object, Word, without_mark};
use super::{Fact, Reading};
use crate::bounded;
use plimsoll_core::model::advisory::{Advisory, Affected, AffectedRange, NamesWhat, Only, RangeEnd, Status};
use plimsoll_core::model::problem::Problem;
use plimsoll_core::model::stream::Stream;
use serde::Deserialize;
use std::collections::BTreeMap;

#[derive(Deserialize)]
struct Database<'a> {
    #[serde(borrow, default)]
    distroversion: Word<'a>,
    #[serde(borrow, default)]
    reponame: Word<'a>,
    #[serde(borrow, default)]
    urlprefix: Word<'a>,
    #[serde(borrow)]
    packages: List<Slot<'a>>,
}

#[derive(Deserialize, Default)]
struct Slot<'a> {
    #[serde(borrow, default)]
    pkg: Object<Package<'a>>,
}

#[derive(Deserialize, Default)]
struct Package<'a> {
    #[serde(borrow, default)]
    name: Word<'a>,
    #[serde(borrow, default)]
    secfixes: Object<BTreeMap<String, List<Word<'a>>>>,
}

/// Reads one repository's file (`v3.18/main.json`, `v3.11/main.yaml`).
///
/// One advisory an id, with every package of the file that names it; the id
/// is the CVE, or the source's own where there is none (`XSA-300`). Version
/// `0` means the package never was affected.
pub fn secdb(place: &str, bytes: &[u8], sink: &mut dyn FnMut(Fact)) -> Result<Reading, Problem> {
    let text = bounded::text(place, bytes)?;
    let database: Database<'_> = if text.trim_start().starts_with('{') {
        serde_json::from_slice(without_mark(bytes)).map_err(|error| refuse(place, &error))?
    } else {
        serde_saphyr::from_str(text).map_err(|error| refuse(place, &error))?
    };
    let stream = stream(&database)
        .ok_or_else(|| unreadable(place, "names no distribution version, so its packages have no stream"))?;
    let mut reading = Reading::default();
    let mut found: BTreeMap<String, Advisory> = BTreeMap::new();
    for (index, slot) in database.packages.iter().enumerate() {
        let name = slot.pkg.name.as_str().trim();
        if name.is_empty() {
            reading.reject(unreadable(place, format!("package {index} has no name")));
            continue;
        }
        package(&stream, name, &slot.pkg, &mut found);
    }
    for advisory in found.into_values() {
        reading.records += 1;
        sink(Fact::Advisory(Box::new(advisory)));
    }
    Ok(reading)
}

fn refuse(place: &str, error: &dyn std::fmt::Display) -> Problem {
    unreadable(place, format!("is not readable as an Alpine security database: {error}"))
}

fn stream(database: &Database<'_>) -> Option<Stream> {
    let prefix = database.urlprefix.as_str();
    for (mark, family) in [("wolfi", "wolfi"), ("chainguard", "chainguard"), ("cgr.dev", "chainguard")] {
        if prefix.contains(mark) || database.reponame.as_str() == mark {
            return Some(Stream::language(family));
        }
    }
    let version = database.distroversion.as_str().trim();
    let release = version.strip_prefix('v').unwrap_or(version).split('-').next().filter(|text| !text.is_empty())?;
    Some(Stream::release("alpine", release))
}

fn package(stream: &Stream, name: &str, package: &Package<'_>, found: &mut BTreeMap<String, Advisory>) {
    // CVE to the versions that repair it; several mean that the first repair
    // was not enough.
    let mut fixes: BTreeMap<&str, (Vec<&str>, Vec<&str>)> = BTreeMap::new();
    for (version, ids) in &package.secfixes.0 {
        for line in ids {
            let mut words = line.as_str().split_whitespace();
            if let Some(id) = words.next() {
                let (versions, others) = fixes.entry(id).or_default();
                versions.push(version.as_str());
                others.extend(words.filter(|word| is_id(word)));
            }
        }
    }
    for (id, (versions, others)) in fixes {
        let advisory = found.entry(id.to_owned()).or_insert_with(|| Advisory {
            id: id.to_owned(),
            references: vec![format!("https://security.alpinelinux.org/vuln/{id}")],
            ..Advisory::default()
        });
        for id in std::iter::once(id).chain(others) {
            if is_cve(id) {
                push_unique(&mut advisory.cves, id);
            }
            if id != advisory.id {
                push_unique(&mut advisory.aliases, id);
            }
        }
        let ranges: Vec<AffectedRange> = versions
            .iter()
            .filter(|version| **version != "0")
            .map(|version| AffectedRange { introduced: None, end: RangeEnd::Fixed((*version).to_owned()) })
            .collect();
        let status = if ranges.is_empty() { Status::NotAffected } else { Status::Affected };
        advisory.affected.push(Affected {
            stream: stream.clone(),
            name: stream.normalise_name(name),
            names: NamesWhat::Source,
            ranges,
            versions: Vec::new(),
            status,
            only: Only::default(),
        });
    }
}

/// Words after an id are further ids (`XSA-300`) or remarks in brackets.
fn is_id(word: &str) -> bool {
    word.contains('-') && word.starts_with(|first: char| first.is_ascii_uppercase())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<(Vec<Advisory>, Reading), Problem> {
        let mut out = Vec::new();
        let reading = secdb("main", text.as_bytes(), &mut |fact| {
            if let Fact::Advisory(advisory) = fact {
                out.push(*advisory);
            }
        })?;
        Ok((out, reading))
    }

    #[test]
    fn both_shapes_read_alike() {
        let yaml = "---\ndistroversion: v3.11\nreponame: main\npackages:\n  - pkg:\n      name: xen\n      secfixes:\n        4.12.1-r0:\n          - CVE-2019-17349 XSA-295\n        \"0\":\n          - CVE-2020-1\n  - pkg:\n      name: qemu\n      secfixes:\n        2.8-r1:\n          - CVE-2019-17349\n";
        let json = r#"{"distroversion":"v3.11","packages":[{"pkg":{"name":"xen","secfixes":{"4.12.1-r0":["CVE-2019-17349 XSA-295"],"0":["CVE-2020-1"]}}},{"pkg":{"name":"qemu","secfixes":{"2.8-r1":["CVE-2019-17349"]}}}]}"#;
        let (from_yaml, _) = read(yaml).unwrap();
        let (from_json, reading) = read(json).unwrap();
        assert_eq!(from_yaml, from_json);
        assert_eq!(reading.records, 2);
        let first = &from_json[0];
        assert_eq!((first.id.as_str(), first.aliases.as_slice()), ("CVE-2019-17349", &["XSA-295".to_owned()][..]));
        let packages: Vec<_> = first.affected.iter().map(|a| (a.stream.as_str(), a.name.as_str(), a.ranges.len())).collect();
        assert_eq!(packages, [("alpine:3.11", "xen", 1), ("alpine:3.11", "qemu", 1)]);
        assert_eq!(from_json[1].affected[0].status, Status::NotAffected);
    }

    #[test]
    fn odd_slots_and_other_distributions() {
        let (taken, reading) = read(r#"{"urlprefix":"https://packages.wolfi.dev","packages":[{"pkg":null},{"pkg":{"name":"a","secfixes":[]}},{"pkg":{"name":"b","secfixes":{"1-r0":["GHSA-xxxx-yyyy-zzzz"]}}}]}"#).unwrap();
        assert_eq!((taken.len(), reading.rejected), (1, 1));
        assert_eq!(taken[0].affected[0].stream.as_str(), "wolfi");
        assert!(read(r#"{"packages":[]}"#).is_err());
    }

    #[test]
    fn hostile_documents_end_in_a_problem() {
        let mut laughs = String::from("a0: &a0 [x,x,x,x,x,x,x,x,x]\n");
        for level in 1..12 {
            let before = format!("*a{},", level - 1).repeat(9);
            laughs.push_str(&format!("a{level}: &a{level} [{}]\n", before.trim_end_matches(',')));
        }
        laughs.push_str("packages: *a11\n");
        let deep_json = format!("{{\"packages\":{}", "[".repeat(10_000));
        let deep_yaml = format!("packages: {}", "[".repeat(10_000));
        for text in [laughs.as_str(), &deep_json, &deep_yaml, "", "x", "packages: [", "\u{0}"] {
            assert_eq!(read(text).expect_err("refused").code, "E-FORMAT");
        }
        assert_eq!(secdb("x", b"packages: \xff", &mut |_| ()).unwrap_err().code, "E-FORMAT");
    }
}
