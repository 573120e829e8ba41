//! NVD's API pages and yearly files (JSON 2.0): scores and publication dates
//! only, because its product names do not fit packages.

use super::cve5::Score;
use super::facts::{is_cve, timestamp, unreadable};
use super::json_text::{List, Object, Word, document};
use super::{Fact, Reading};
use crate::bounded::{self, Limits};
use plimsoll_core::model::problem::Problem;
use serde::Deserialize;

#[derive(Deserialize)]
struct Page<'a> {
    #[serde(borrow)]
    vulnerabilities: List<Item<'a>>,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct Item<'a> {
    #[serde(borrow)]
    cve: Object<Cve<'a>>,
}

#[derive(Deserialize, Default)]
#[serde(rename_all = "camelCase", default)]
struct Cve<'a> {
    #[serde(borrow)]
    id: Word<'a>,
    #[serde(borrow)]
    published: Word<'a>,
    #[serde(borrow)]
    last_modified: Word<'a>,
    #[serde(borrow)]
    vuln_status: Word<'a>,
    #[serde(borrow)]
    metrics: Object<Metrics<'a>>,
}

#[derive(Deserialize, Default)]
#[serde(rename_all = "camelCase", default)]
struct Metrics<'a> {
    #[serde(borrow)]
    cvss_metric_v40: List<Metric<'a>>,
    #[serde(borrow)]
    cvss_metric_v31: List<Metric<'a>>,
    #[serde(borrow)]
    cvss_metric_v30: List<Metric<'a>>,
    #[serde(borrow)]
    cvss_metric_v2: List<Metric<'a>>,
}

#[derive(Deserialize, Default)]
#[serde(rename_all = "camelCase", default)]
struct Metric<'a> {
    #[serde(borrow)]
    cvss_data: Object<Score<'a>>,
}

/// Reads one page of the CVE API 2.0, or a yearly file of the same shape,
/// compressed or not.
pub fn page(place: &str, bytes: &[u8], sink: &mut dyn FnMut(Fact)) -> Result<Reading, Problem> {
    let bytes = bounded::decompress(place, bytes, Limits::FEED)?;
    let page: Page<'_> = document(place, &bytes, "a page of NVD's CVE API 2.0")?;
    let mut reading = Reading::default();
    for (index, item) in page.vulnerabilities.iter().enumerate() {
        let cve = &item.cve;
        let id = cve.id.as_str();
        if !is_cve(id) {
            reading.reject(unreadable(place, format!("vulnerability {index} has no CVE id")));
            continue;
        }
        let published = timestamp(cve.published.as_str());
        reading.records += 1;
        reading.saw(timestamp(cve.last_modified.as_str()).max(published));
        if cve.vuln_status.as_str() == "Rejected" {
            continue;
        }
        if let Some(published) = published {
            sink(Fact::Published { cve: id.to_owned(), published });
        }
        let metrics = &cve.metrics;
        let lists = [&metrics.cvss_metric_v40, &metrics.cvss_metric_v31, &metrics.cvss_metric_v30, &metrics.cvss_metric_v2];
        for metric in lists.into_iter().flatten() {
            if let Some(cvss) = metric.cvss_data.cvss() {
                sink(Fact::Cvss { cve: id.to_owned(), cvss });
            }
        }
    }
    Ok(reading)
}

#[cfg(test)]
mod tests {
    use super::*;
    use plimsoll_core::model::advisory::Cvss;

    #[test]
    fn scores_of_every_version_are_taken() {
        let json = r#"{"format":"NVD_CVE","vulnerabilities":[
          {"cve":{"id":"CVE-2014-0160","published":"2014-04-07T22:55:03.893","lastModified":"2025-02-10T00:00:00.000","vulnStatus":"Analyzed","metrics":{
            "cvssMetricV31":[{"source":"nvd@nist.gov","type":"Primary","cvssData":{"version":"3.1","vectorString":"CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:N/A:N","baseScore":7.5}}],
            "cvssMetricV2":[{"cvssData":{"version":"2.0","vectorString":"AV:N/AC:L/Au:N/C:P/I:N/A:N","baseScore":5.0}}]}}},
          {"cve":{"id":"CVE-2024-0001","vulnStatus":"Rejected"}},{"cve":{"id":"?"}},7]}"#;
        let json = json.replace(",7]", "]");
        let mut taken = Vec::new();
        let reading = page("page", json.as_bytes(), &mut |fact| taken.push(fact)).unwrap();
        assert_eq!((reading.records, reading.rejected), (2, 1));
        let cve = || "CVE-2014-0160".to_owned();
        assert_eq!(
            taken,
            [
                Fact::Published { cve: cve(), published: "2014-04-07T22:55:03.893Z".parse().unwrap() },
                Fact::Cvss { cve: cve(), cvss: Cvss { version: 3, vector: "CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:N/A:N".into(), base_tenths: 75 } },
                Fact::Cvss { cve: cve(), cvss: Cvss { version: 2, vector: "AV:N/AC:L/Au:N/C:P/I:N/A:N".into(), base_tenths: 50 } },
            ]
        );
        for bytes in [&b"{}"[..], b"", b"[1]", b"\xff"] {
            assert!(page("page", bytes, &mut |_| ()).is_err());
        }
    }
}
