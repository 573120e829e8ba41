//! CVE records of the CVE program (JSON 5.x) with what CISA adds: scores,
//! SSVC decision points, known exploitation, and the day of publication.

use super::facts::{date, is_cve, one_record, timestamp, unreadable};
use super::json_text::{List, Object, Word, document};
use super::{Fact, Reading, cvss};
use crate::bounded::{self, Limits};
use plimsoll_core::model::advisory::Cvss;
use plimsoll_core::model::problem::Problem;
use plimsoll_core::model::threat::{Exploitation, Kev, Ssvc, TechnicalImpact};
use serde::Deserialize;
use std::borrow::Cow;
use std::collections::BTreeMap;

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Record<'a> {
    #[serde(borrow)]
    cve_metadata: Object<Metadata<'a>>,
    #[serde(borrow, default)]
    containers: Object<Containers<'a>>,
}

#[derive(Deserialize, Default)]
#[serde(rename_all = "camelCase", default)]
struct Metadata<'a> {
    #[serde(borrow)]
    cve_id: Word<'a>,
    #[serde(borrow)]
    state: Word<'a>,
    #[serde(borrow)]
    date_published: Word<'a>,
    #[serde(borrow)]
    date_updated: Word<'a>,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct Containers<'a> {
    #[serde(borrow)]
    cna: Object<Container<'a>>,
    #[serde(borrow)]
    adp: List<Container<'a>>,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct Container<'a> {
    #[serde(borrow)]
    title: Word<'a>,
    #[serde(borrow)]
    metrics: List<Metric<'a>>,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct Metric<'a> {
    #[serde(borrow, rename = "cvssV4_0")]
    v4: Object<Score<'a>>,
    #[serde(borrow, rename = "cvssV3_1")]
    v31: Object<Score<'a>>,
    #[serde(borrow, rename = "cvssV3_0")]
    v30: Object<Score<'a>>,
    #[serde(borrow, rename = "cvssV2_0")]
    v2: Object<Score<'a>>,
    #[serde(borrow)]
    other: Object<Other<'a>>,
}

/// A CVSS object, as CVE records and NVD both write it.
#[derive(Deserialize, Default)]
#[serde(rename_all = "camelCase", default)]
pub(super) struct Score<'a> {
    #[serde(borrow)]
    version: Word<'a>,
    #[serde(borrow)]
    vector_string: Word<'a>,
    #[serde(borrow)]
    base_score: Word<'a>,
}

impl Score<'_> {
    /// The score of the vector, or the stated number where it has none.
    pub(super) fn cvss(&self) -> Option<Cvss> {
        cvss::vector(self.vector_string.as_str()).or_else(|| {
            let number = self.base_score.as_str().parse().ok()?;
            let mut stated = cvss::stated(self.version.as_str(), number)?;
            // A vector that cannot be scored is not kept beside the number.
            stated.vector.clear();
            Some(stated)
        })
    }
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct Other<'a> {
    #[serde(borrow, rename = "type")]
    kind: Word<'a>,
    #[serde(borrow)]
    content: Object<Content<'a>>,
}

#[derive(Deserialize, Default)]
#[serde(rename_all = "camelCase", default)]
struct Content<'a> {
    #[serde(borrow)]
    date_added: Word<'a>,
    #[serde(borrow)]
    options: List<Object<BTreeMap<Cow<'a, str>, Word<'a>>>>,
}

/// Reads one CVE record.
///
/// Rejected and reserved records are taken and say nothing. An entry of the
/// exploited catalogue repeated here has only its day: the catalogue itself
/// (`kev`) says more and is to be preferred where both are read.
pub fn record(place: &str, bytes: &[u8], sink: &mut dyn FnMut(Fact)) -> Result<Reading, Problem> {
    let record: Record<'_> = document(place, bytes, "a CVE record")?;
    let metadata = &record.cve_metadata;
    let cve = metadata.cve_id.as_str();
    if !is_cve(cve) {
        return Err(unreadable(place, "is not a CVE record: it has no CVE id"));
    }
    let published = timestamp(metadata.date_published.as_str());
    let reading = one_record(timestamp(metadata.date_updated.as_str()).max(published));
    if matches!(metadata.state.as_str(), "REJECTED" | "RESERVED") {
        return Ok(reading);
    }
    if let Some(published) = published {
        sink(Fact::Published { cve: cve.to_owned(), published });
    }
    let mut seen: Vec<Cvss> = Vec::new();
    for container in std::iter::once(&record.containers.cna.0).chain(&record.containers.adp) {
        for metric in &container.metrics {
            for score in [&metric.v4, &metric.v31, &metric.v30, &metric.v2] {
                if let Some(cvss) = score.cvss().filter(|cvss| !seen.contains(cvss)) {
                    seen.push(cvss.clone());
                    sink(Fact::Cvss { cve: cve.to_owned(), cvss });
                }
            }
            other(cve, &record, &metric.other, sink);
        }
    }
    Ok(reading)
}

fn other(cve: &str, record: &Record<'_>, other: &Other<'_>, sink: &mut dyn FnMut(Fact)) {
    match other.kind.as_str() {
        "ssvc" => {
            let ssvc = ssvc(&other.content);
            if ssvc != Ssvc::default() {
                sink(Fact::Ssvc { cve: cve.to_owned(), ssvc });
            }
        }
        "kev" => {
            if let Some(date_added) = date(other.content.date_added.as_str()) {
                let name = super::facts::first_line(record.containers.cna.title.as_str());
                let kev = Kev { date_added, due_date: None, ransomware: false, name, action: String::new() };
                sink(Fact::Kev { cve: cve.to_owned(), kev });
            }
        }
        _ => {}
    }
}

fn ssvc(content: &Content<'_>) -> Ssvc {
    let mut ssvc = Ssvc::default();
    for option in &content.options {
        for (point, value) in &option.0 {
            let value = value.as_str().trim().to_ascii_lowercase();
            match (point.trim().to_ascii_lowercase().as_str(), value.as_str()) {
                ("exploitation", "none") => ssvc.exploitation = Some(Exploitation::None),
                ("exploitation", "poc" | "public poc") => ssvc.exploitation = Some(Exploitation::PublicPoc),
                ("exploitation", "active") => ssvc.exploitation = Some(Exploitation::Active),
                ("automatable", "yes") => ssvc.automatable = Some(true),
                ("automatable", "no") => ssvc.automatable = Some(false),
                ("technical impact", "partial") => ssvc.technical_impact = Some(TechnicalImpact::Partial),
                ("technical impact", "total") => ssvc.technical_impact = Some(TechnicalImpact::Total),
                _ => {}
            }
        }
    }
    ssvc
}

/// Reads every record of a zip (`cvelistV5` or vulnrichment).
pub fn archive(place: &str, zip_bytes: &[u8], sink: &mut dyn FnMut(Fact)) -> Result<Reading, Problem> {
    let mut reading = Reading::default();
    bounded::zip_entries(place, zip_bytes, Limits::FEED, |name, entry| {
        let file = name.rsplit('/').next().unwrap_or(name);
        if file.starts_with("CVE-") && file.ends_with(".json") {
            match entry.and_then(|bytes| record(&format!("{place}!{name}"), bytes, sink)) {
                Ok(one) => reading.add(one),
                Err(problem) => reading.reject(problem),
            }
        }
    })?;
    Ok(reading)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_whole_sample_reads_and_a_known_record_is_right() {
        let Some(data) = crate::test_data::folder() else { return };
        let bytes = std::fs::read(data.join("vulnrichment/vulnrichment-sample.zip")).unwrap();
        let mut of_one = Vec::new();
        let mut ssvc = 0;
        let reading = archive("sample.zip", &bytes, &mut |fact| {
            ssvc += usize::from(matches!(fact, Fact::Ssvc { .. }));
            if matches!(&fact, Fact::Cvss { cve, .. } | Fact::Ssvc { cve, .. } | Fact::Kev { cve, .. } | Fact::Published { cve, .. } if cve == "CVE-2024-3400") {
                of_one.push(fact);
            }
        })
        .unwrap();
        assert_eq!((reading.records, reading.rejected), (3730, 0), "{:?}", reading.problems);
        assert!(ssvc > 3000, "{ssvc}");
        let cve = || "CVE-2024-3400".to_owned();
        let vector = "CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:C/C:H/I:H/A:H".to_owned();
        let expected = [
            Fact::Published { cve: cve(), published: "2024-04-12T07:20:00.707Z".parse().unwrap() },
            Fact::Cvss { cve: cve(), cvss: Cvss { version: 3, vector, base_tenths: 100 } },
            Fact::Ssvc {
                cve: cve(),
                ssvc: Ssvc {
                    exploitation: Some(Exploitation::Active),
                    automatable: Some(true),
                    technical_impact: Some(TechnicalImpact::Total),
                },
            },
            Fact::Kev {
                cve: cve(),
                kev: Kev {
                    date_added: "2024-04-12".parse().unwrap(),
                    due_date: None,
                    ransomware: false,
                    name: "PAN-OS: Arbitrary File Creation Leads to OS Command Injection Vulnerability in GlobalProtect".to_owned(),
                    action: String::new(),
                },
            },
        ];
        assert_eq!(of_one, expected);
    }

    #[test]
    fn rejected_records_say_nothing_and_hostile_ones_are_refused() {
        let rejected = br#"{"cveMetadata":{"cveId":"CVE-2024-0001","state":"REJECTED","datePublished":"2024-01-01T00:00:00Z"},"containers":{"cna":{"metrics":[{"cvssV3_1":{"baseScore":9}}]}}}"#;
        let reading = record("x", rejected, &mut |fact| panic!("{fact:?}")).unwrap();
        assert_eq!(reading.records, 1);
        let deep = format!("{{\"cveMetadata\":{{\"cveId\":\"CVE-2024-0001\"}},\"containers\":{}", "{\"cna\":".repeat(10_000));
        for bytes in [deep.as_bytes(), b"{}", b"{\"cveMetadata\":7}", b"\xff", b""] {
            assert!(record("x", bytes, &mut |_| ()).is_err());
        }
    }
}
