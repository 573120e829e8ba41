//! `updateinfo.xml`: a repository's errata.

use super::xml::{self, Node, attribute, evr, shorten};
use crate::advisories::{Fact, Reading};
use jiff::Timestamp;
use jiff::civil::{Date, DateTime};
use jiff::tz::TimeZone;
use plimsoll_core::model::advisory::is_cve;
use plimsoll_core::model::advisory::{
    Advisory, AdvisoryKind, Affected, AffectedRange, NamesWhat, Only, RangeEnd, Rating, Severity,
};
use plimsoll_core::model::problem::Problem;
use plimsoll_core::model::stream::Stream;
use std::collections::BTreeMap;

/// Most packages of one advisory; the largest real ones have a few thousand.
const PACKAGE_LIMIT: usize = 50_000;
/// Most references of one advisory.
const REFERENCE_LIMIT: usize = 5_000;

/// Key under which the architectures of one fixed package are gathered.
type PackageKey = (String, String, Option<String>);

/// An advisory being read.
#[derive(Default)]
struct Draft {
    advisory: Advisory,
    retracted: bool,
    module: Option<String>,
    packages: BTreeMap<PackageKey, Vec<String>>,
    incomplete: u64,
    over: bool,
}

/// Reads `updateinfo.xml` (already decompressed) and passes each advisory on.
///
/// What an advisory is about is told by its `type` attribute and never by its
/// id: real repositories type an `RHEA-…` as `security`. Every package it
/// lists is fixed in the version listed, so every lower version of the same
/// name (and module stream) is affected. `stream` is the host's own;
/// `repository` names the repository where the fix is, none for the ordinary
/// ones. Source packages are not listed. A retracted advisory (SUSE) is
/// withdrawn. Dates may be `YYYY-MM-DD HH:MM:SS` (UTC, a zone name after it is
/// ignored), a day, RFC 3339 or seconds since 1970.
pub fn updateinfo(
    place: &str,
    bytes: &[u8],
    stream: &Stream,
    repository: Option<&str>,
    sink: &mut dyn FnMut(Fact),
) -> Result<Reading, Problem> {
    let mut reading = Reading::default();
    let mut draft = Draft::default();
    let outcome = xml::walk(place, bytes, &mut |path, node, at| match (path.len(), &node) {
        (2, Node::Open("update", start)) => {
            draft = Draft { retracted: attribute(start, "status").as_deref() == Some("retracted"), ..Draft::default() };
            draft.advisory.kind = kind_of(attribute(start, "type").as_deref().unwrap_or(""));
        }
        (2, Node::Close("update", _)) => {
            finish(place, at, std::mem::take(&mut draft), stream, repository, &mut reading, sink);
        }
        _ if path.len() > 2 => take(&mut draft, path, node, stream),
        _ => {}
    });
    if let Err(problem) = outcome {
        // Advisories before the damage stand; without any the file is useless.
        if reading.records == 0 {
            return Err(problem);
        }
        reading.reject(problem);
    }
    Ok(reading)
}

/// `recommended`, `optional` and `feature` are SUSE's words.
fn kind_of(word: &str) -> AdvisoryKind {
    match word.to_ascii_lowercase().as_str() {
        "security" => AdvisoryKind::Security,
        "bugfix" | "recommended" => AdvisoryKind::Bugfix,
        "enhancement" | "newpackage" | "optional" | "feature" => AdvisoryKind::Enhancement,
        _ => AdvisoryKind::Notice,
    }
}

fn take(draft: &mut Draft, path: &[String], node: Node<'_, '_>, stream: &Stream) {
    let advisory = &mut draft.advisory;
    let parent = path.len().checked_sub(2).and_then(|at| path.get(at)).map_or("", String::as_str);
    match (parent, node) {
        ("update", Node::Close("id", text)) => advisory.id = shorten(text, 256).to_owned(),
        ("update", Node::Close("title", text)) => advisory.summary = shorten(text, 1024).to_owned(),
        ("update", Node::Close("description", text)) => {
            advisory.details = shorten(text, Advisory::DETAILS_LIMIT).to_owned();
        }
        ("update", Node::Close("severity", text)) => advisory.severities.extend(severity(text, stream)),
        ("update", Node::Open("issued", start)) => advisory.published = attribute(start, "date").and_then(|date| instant(&date)),
        ("update", Node::Open("updated", start)) => advisory.modified = attribute(start, "date").and_then(|date| instant(&date)),
        ("references", Node::Open("reference", start)) => reference(advisory, start),
        ("collection", Node::Open("module", start)) => {
            draft.module = attribute(start, "name").zip(attribute(start, "stream")).map(|(name, stream)| format!("{name}:{stream}"));
        }
        (_, Node::Open("collection", _) | Node::Close("collection", _)) => draft.module = None,
        ("collection", Node::Open("package", start)) => package(draft, start),
        _ => {}
    }
}

fn severity(word: &str, stream: &Stream) -> Option<Severity> {
    let rating = match word.to_ascii_lowercase().as_str() {
        "critical" => Rating::Critical,
        "important" | "high" => Rating::High,
        "moderate" | "medium" => Rating::Medium,
        "low" => Rating::Low,
        // Written on errata without a security rating.
        "" | "none" | "n/a" | "unspecified" => return None,
        _ => Rating::Unknown,
    };
    Some(Severity::Vendor { vendor: stream.family().to_owned(), word: shorten(word, 64).to_owned(), rating })
}

fn reference(advisory: &mut Advisory, start: &quick_xml::events::BytesStart<'_>) {
    let kind = attribute(start, "type").unwrap_or_default();
    // Some repositories put the CVE into the id, others only into the title.
    let cve = [attribute(start, "id"), attribute(start, "title")].into_iter().flatten().find(|id| is_cve(id));
    if let Some(cve) = cve.filter(|cve| !advisory.cves.contains(cve) && advisory.cves.len() < REFERENCE_LIMIT) {
        advisory.cves.push(cve);
    }
    if let Some(address) = attribute(start, "href").filter(|_| advisory.references.len() < REFERENCE_LIMIT) {
        if kind == "self" {
            advisory.references.insert(0, address);
        } else {
            advisory.references.push(address);
        }
    }
}

fn package(draft: &mut Draft, start: &quick_xml::events::BytesStart<'_>) {
    let (Some(name), Some(version), Some(release)) =
        (attribute(start, "name"), attribute(start, "version"), attribute(start, "release"))
    else {
        draft.incomplete += 1;
        return;
    };
    let arch = attribute(start, "arch").unwrap_or_default();
    if arch == "src" || arch == "nosrc" {
        return;
    }
    let key = (name, evr(attribute(start, "epoch").as_deref(), &version, &release), draft.module.clone());
    if draft.packages.len() >= PACKAGE_LIMIT && !draft.packages.contains_key(&key) {
        draft.over = true;
        return;
    }
    let arches = draft.packages.entry(key).or_default();
    if !arch.is_empty() && !arches.contains(&arch) && arches.len() < 64 {
        arches.push(arch);
    }
}

fn finish(
    place: &str,
    at: u64,
    draft: Draft,
    stream: &Stream,
    repository: Option<&str>,
    reading: &mut Reading,
    sink: &mut dyn FnMut(Fact),
) {
    let mut advisory = draft.advisory;
    let inner = if advisory.id.is_empty() { format!("{place}@{at}") } else { format!("{place}!{}", advisory.id) };
    if advisory.id.is_empty() || draft.over {
        let text = if draft.over {
            format!("the advisory lists more than {PACKAGE_LIMIT} packages")
        } else {
            "the advisory has no id".to_owned()
        };
        reading.reject(Problem::new("E-FORMAT", inner, text, "ask the repository's owner; the advisory was left out"));
        return;
    }
    if draft.incomplete > 0 && reading.problems.len() < Reading::PROBLEM_LIMIT {
        reading.problems.push(Problem::new(
            "E-FORMAT",
            inner,
            format!("{} of its packages have no name, version or release", draft.incomplete),
            "ask the repository's owner; the advisory was read without them",
        ));
    }
    advisory.affected = draft
        .packages
        .into_iter()
        .map(|((name, fixed, module), mut arches)| {
            arches.sort();
            Affected {
                stream: stream.clone(),
                name: stream.normalise_name(&name),
                names: NamesWhat::Binary,
                ranges: vec![AffectedRange { introduced: None, end: RangeEnd::Fixed(fixed) }],
                versions: Vec::new(),
                status: Default::default(),
                only: Only { arches, module, minor: None, repository: repository.map(str::to_owned) },
            }
        })
        .collect();
    if draft.retracted {
        advisory.withdrawn = advisory.modified.or(advisory.published).or(Some(Timestamp::UNIX_EPOCH));
    }
    reading.saw(advisory.published);
    reading.saw(advisory.modified);
    reading.records += 1;
    sink(Fact::Advisory(Box::new(advisory)));
}

/// Reads a date in any of the forms that repositories use; placeholders before
/// 1990 are none.
fn instant(text: &str) -> Option<Timestamp> {
    let text = text.trim();
    if text.len() > 64 {
        return None;
    }
    let utc = |moment: DateTime| moment.to_zoned(TimeZone::UTC).ok().map(|zoned| zoned.timestamp());
    let date = if text.bytes().all(|byte| byte.is_ascii_digit()) {
        text.parse().ok().and_then(|seconds| Timestamp::from_second(seconds).ok())
    } else if let Ok(stamp) = text.parse::<Timestamp>() {
        Some(stamp)
    } else {
        let mut words = text.split([' ', 'T']);
        let day: Option<Date> = words.next().and_then(|day| day.parse().ok());
        let time = match words.next() {
            // Some write hours and minutes only.
            Some(clock) => clock.parse().or_else(|_| format!("{clock}:00").parse()).ok(),
            None => Some(jiff::civil::Time::midnight()),
        };
        day.zip(time).and_then(|(day, time)| utc(day.to_datetime(time)))
    };
    date.filter(|date| date.as_second() >= 631_152_000)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bounded::{self, Limits};
    use crate::test_data::file as data;

    fn read(text: &[u8]) -> (Vec<Advisory>, Reading) {
        let mut all = Vec::new();
        let reading = updateinfo("u.xml", text, &Stream::release("almalinux", "9"), None, &mut |fact| {
            if let Fact::Advisory(advisory) = fact {
                all.push(*advisory);
            }
        })
        .unwrap();
        (all, reading)
    }

    #[test]
    fn the_zoo_trusts_the_type_and_not_the_id() {
        let Some(archive) = data("repos/yum-pulp-zoo.zip") else { return };
        let mut found = Vec::new();
        bounded::zip_entries("zoo.zip", &archive, Limits::DOCUMENT, |name, bytes| {
            if name.ends_with("updateinfo.xml.gz") {
                found = bounded::decompress(name, bytes.unwrap(), Limits::DOCUMENT).unwrap().into_owned();
            }
        })
        .unwrap();
        let (all, reading) = read(&found);
        assert_eq!((reading.records, reading.rejected, &*reading.problems), (4, 0, &[][..]));
        let lines: Vec<_> = all
            .iter()
            .map(|advisory| {
                let fixed: Vec<_> = advisory.affected.iter().map(|affected| format!("{} {:?} {:?}", affected.name, affected.ranges[0].end, affected.only.arches)).collect();
                format!("{} {:?} {} {}: {}", advisory.id, advisory.kind, advisory.published.unwrap(), advisory.modified.unwrap(), fixed.join(", "))
            })
            .collect();
        insta::assert_snapshot!(lines.join("\n"), @r#"
        RHEA-2012:0055 Security 2012-01-27T16:08:06Z 2012-01-27T16:08:06Z: penguin Fixed("0.9.1-1") ["noarch"], shark Fixed("0.1-1") ["noarch"], walrus Fixed("5.21-1") ["noarch"]
        RHEA-2012:0056 Security 2013-01-27T16:08:08Z 2013-02-27T17:00:00Z: crow Fixed("0.8-1") ["noarch"], duck Fixed("0.6-1") ["noarch"], stork Fixed("0.12-2") ["noarch"]
        RHEA-2012:0057 Security 2013-01-27T16:08:05Z 2013-01-27T16:08:05Z: bear Fixed("4.1-1") ["noarch"]
        RHEA-2012:0058 Enhancement 2013-01-27T16:08:09Z 2014-07-20T06:00:01Z: gorilla Fixed("0.62-1") ["noarch"]
        "#);
        // Every advisory of the expected file, with its type and version.
        let expected = data("hosts/rpm-zoo/expected-advisories.tsv").unwrap();
        for line in std::str::from_utf8(&expected).unwrap().lines().skip(1) {
            let columns: Vec<_> = line.split('\t').collect();
            let advisory = all.iter().find(|advisory| advisory.id == columns[2]).unwrap();
            assert_eq!((advisory.kind, columns[3]), (AdvisoryKind::Security, "security"));
            let affected = advisory.affected.iter().find(|affected| affected.name == columns[0]).unwrap();
            assert_eq!(affected.ranges[0].end, RangeEnd::Fixed(columns[5].trim_start_matches("0:").to_owned()));
        }
        for cut in (0..found.len()).step_by(97) {
            let _ = updateinfo("u.xml", &found[..cut], &Stream::release("almalinux", "9"), None, &mut |_| ());
        }
    }

    #[test]
    fn modules_severities_references_and_retractions() {
        let text = br#"<updates><update type="security" status="retracted" from="x"><id>ALSA-1</id><severity>Important</severity>
            <issued date="1700000000"/><updated date="2023-11-20T10:00:00Z"/><description>a &lt;b&gt; &#x41;&unknown;</description>
            <references><reference href="https://c/CVE-2023-1234" id="CVE-2023-1234" type="cve" title="CVE-2023-1234"/><reference href="https://self" id="ALSA-1" type="self"/><reference href="https://t" id="1" title="CVE-2023-99999"/></references>
            <pkglist><collection><name>m</name><module name="nodejs" stream="18" version="1" context="c" arch="x86_64"/>
            <package name="nodejs" epoch="1" version="18.2" release="1" arch="x86_64" src="n"><filename>f</filename></package><package name="nodejs" epoch="1" version="18.2" release="1" arch="aarch64"/><package name="nodejs" epoch="1" version="18.2" release="1" arch="src"/></collection>
            <collection><package name="plain" epoch="0" version="2" release="3" arch="noarch"/><package name="broken"/></collection></pkglist></update>
            <update type="recommended"><id>R</id><issued date="0001-01-01"/></update><update type="newpackage"><title>no id</title></update></updates>"#;
        let (all, reading) = read(text);
        insta::assert_debug_snapshot!((&all[0], &reading), @r#"
        (
            Advisory {
                id: "ALSA-1",
                aliases: [],
                cves: [
                    "CVE-2023-1234",
                    "CVE-2023-99999",
                ],
                kind: Security,
                summary: "",
                details: "a <b> A&unknown;",
                published: Some(
                    2023-11-14T22:13:20Z,
                ),
                modified: Some(
                    2023-11-20T10:00:00Z,
                ),
                withdrawn: Some(
                    2023-11-20T10:00:00Z,
                ),
                severities: [
                    Vendor {
                        vendor: "almalinux",
                        word: "Important",
                        rating: High,
                    },
                ],
                affected: [
                    Affected {
                        stream: Stream(
                            "almalinux:9",
                        ),
                        name: "nodejs",
                        names: Binary,
                        ranges: [
                            AffectedRange {
                                introduced: None,
                                end: Fixed(
                                    "1:18.2-1",
                                ),
                            },
                        ],
                        versions: [],
                        status: Affected,
                        only: Only {
                            arches: [
                                "aarch64",
                                "x86_64",
                            ],
                            module: Some(
                                "nodejs:18",
                            ),
                            minor: None,
                            repository: None,
                        },
                    },
                    Affected {
                        stream: Stream(
                            "almalinux:9",
                        ),
                        name: "plain",
                        names: Binary,
                        ranges: [
                            AffectedRange {
                                introduced: None,
                                end: Fixed(
                                    "2-3",
                                ),
                            },
                        ],
                        versions: [],
                        status: Affected,
                        only: Only {
                            arches: [
                                "noarch",
                            ],
                            module: None,
                            minor: None,
                            repository: None,
                        },
                    },
                ],
                workarounds: [],
                references: [
                    "https://self",
                    "https://c/CVE-2023-1234",
                    "https://t",
                ],
            },
            Reading {
                records: 2,
                rejected: 1,
                newest: Some(
                    2023-11-20T10:00:00Z,
                ),
                problems: [
                    Problem {
                        code: "E-FORMAT",
                        place: "u.xml!ALSA-1",
                        text: "1 of its packages have no name, version or release",
                        next: "ask the repository's owner; the advisory was read without them",
                    },
                    Problem {
                        code: "E-FORMAT",
                        place: "u.xml@1188",
                        text: "the advisory has no id",
                        next: "ask the repository's owner; the advisory was left out",
                    },
                ],
            },
        )
        "#);
        assert_eq!((all[1].kind, all[1].published), (AdvisoryKind::Bugfix, None));
    }

    #[test]
    fn dates_in_every_form() {
        let cases = [
            ("2012-01-27 16:08:06", Some("2012-01-27T16:08:06Z")), ("2013-01-27 16:08:05 UTC", Some("2013-01-27T16:08:05Z")), ("2013-01-27 16:08", Some("2013-01-27T16:08:00Z")),
            ("2013-01-27", Some("2013-01-27T00:00:00Z")), ("1327680486", Some("2012-01-27T16:08:06Z")), ("2012-01-27T16:08:06+02:00", Some("2012-01-27T14:08:06Z")),
            ("0", None), ("", None), ("soon", None), ("99999999999999999999", None), ("2012-13-01", None),
        ];
        for (text, expected) in cases {
            assert_eq!(instant(text).map(|date| date.to_string()).as_deref(), expected, "{text}");
        }
    }
}
