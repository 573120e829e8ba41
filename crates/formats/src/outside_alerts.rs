//! What outside monitoring answers: Prometheus' instant queries and alerts
//! (`/api/v1/query`, `/api/v1/alerts`, <https://prometheus.io/docs/prometheus/latest/querying/api/>)
//! and Alertmanager's alerts (`/api/v2/alerts`, its OpenAPI document).

use jiff::Timestamp;
use plimsoll_core::model::problem::printable;
use serde::Deserialize;
use std::collections::{BTreeMap, BTreeSet};

/// Largest answer that is read.
pub const LIMIT: u64 = 4 << 20;
/// Longest name of an alert that is kept, in letters.
const NAME: usize = 80;
/// Longest error of a source that is kept, in letters.
const ERROR: usize = 200;

/// What fires, by an answer.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Firing {
    /// Names, sorted, each once.
    pub names: Vec<String>,
    /// The instant that it was worked out for, where the answer says so.
    pub at: Option<Timestamp>,
    /// Since when the first of them fires, where the answer says so.
    pub since: Option<Timestamp>,
}

type Labels = BTreeMap<String, String>;

#[derive(Deserialize)]
struct Envelope<T> {
    status: String,
    data: Option<T>,
    #[serde(rename = "errorType")]
    kind: Option<String>,
    error: Option<String>,
}

#[derive(Deserialize)]
struct Queried {
    #[serde(rename = "resultType")]
    kind: String,
    result: serde_json::Value,
}

#[derive(Deserialize)]
struct Sample {
    metric: Labels,
    value: Option<(f64, serde::de::IgnoredAny)>,
    // A native histogram is a result like any other.
    histogram: Option<(f64, serde::de::IgnoredAny)>,
}

#[derive(Deserialize)]
struct Alerts {
    alerts: Vec<Alert>,
}

#[derive(Deserialize)]
struct Alert {
    labels: Labels,
    state: String,
    #[serde(rename = "activeAt")]
    active: Option<Timestamp>,
}

#[derive(Deserialize)]
struct Managed {
    labels: Labels,
    status: ManagedStatus,
    #[serde(rename = "startsAt")]
    starts: Option<Timestamp>,
}

#[derive(Deserialize)]
struct ManagedStatus {
    state: String,
}

/// Whether each wanted label has one of its words.
fn fits(labels: &Labels, wanted: &BTreeMap<String, Vec<String>>) -> bool {
    wanted.iter().all(|(label, words)| labels.get(label).is_some_and(|found| words.contains(found)))
}

/// As people know it: the alert's name, else its series.
fn name(labels: &Labels) -> String {
    let name = match labels.get("alertname").or_else(|| labels.get("__name__")) {
        Some(name) => name.clone(),
        None if labels.is_empty() => "the query".to_owned(),
        None => labels.iter().map(|(label, word)| format!("{label}={word}")).collect::<Vec<_>>().join(","),
    };
    printable(&name).chars().take(NAME).collect()
}

fn gathered(all: impl Iterator<Item = (Labels, Option<Timestamp>)>, at: Option<Timestamp>) -> Firing {
    let (mut names, mut since) = (BTreeSet::new(), None::<Timestamp>);
    for (labels, begun) in all {
        names.insert(name(&labels));
        since = since.into_iter().chain(begun).min();
    }
    Firing { names: names.into_iter().collect(), at, since }
}

fn enveloped<T: for<'a> Deserialize<'a>>(bytes: &[u8]) -> Result<T, String> {
    let read: Envelope<T> = serde_json::from_slice(bytes).map_err(|error| format!("its answer is none of Prometheus: {}", shortened(&error.to_string())))?;
    match read.data {
        Some(data) if read.status == "success" => Ok(data),
        _ => Err(format!("it answers {}: {}", shortened(read.kind.as_deref().unwrap_or("an error")), shortened(read.error.as_deref().unwrap_or("without a word")))),
    }
}

fn shortened(text: &str) -> String {
    printable(text).chars().take(ERROR).collect()
}

/// Reads the answer to an instant query: what has a result fires, as an
/// alerting rule with the same expression would.
///
/// # Errors
/// In words: it is none, it is an error, or not a list of series.
pub fn query(bytes: &[u8]) -> Result<Firing, String> {
    let Queried { kind, result } = enveloped(bytes)?;
    if kind != "vector" {
        return Err(format!("the query gives a {}, which neither fires nor is quiet; write it as in an alerting rule, with a comparison", shortened(&kind)));
    }
    let samples: Vec<Sample> = serde_json::from_value(result).map_err(|error| format!("its answer is none of Prometheus: {}", shortened(&error.to_string())))?;
    let moment = |sample: &Sample| sample.value.as_ref().or(sample.histogram.as_ref()).map(|(seconds, _)| *seconds);
    let oldest = samples.iter().filter_map(moment).min_by(f64::total_cmp);
    let at = oldest.and_then(|seconds| Timestamp::from_microsecond((seconds * 1e6) as i64).ok());
    Ok(gathered(samples.into_iter().map(|sample| (sample.metric, None)), at))
}

/// Reads Prometheus' alerts; those that are pending do not fire yet.
///
/// # Errors
/// In words: it is none, or an error.
pub fn alerts(bytes: &[u8], wanted: &BTreeMap<String, Vec<String>>) -> Result<Firing, String> {
    let Alerts { alerts } = enveloped(bytes)?;
    let firing = alerts.into_iter().filter(|alert| alert.state == "firing" && fits(&alert.labels, wanted));
    Ok(gathered(firing.map(|alert| (alert.labels, alert.active)), None))
}

/// Reads Alertmanager's alerts; what somebody silenced or another inhibits does
/// not fire.
///
/// # Errors
/// In words: it is none.
pub fn alertmanager(bytes: &[u8], wanted: &BTreeMap<String, Vec<String>>) -> Result<Firing, String> {
    let alerts: Vec<Managed> = serde_json::from_slice(bytes).map_err(|error| format!("its answer is none of Alertmanager: {}", shortened(&error.to_string())))?;
    let firing = alerts.into_iter().filter(|alert| alert.status.state != "suppressed" && fits(&alert.labels, wanted));
    Ok(gathered(firing.map(|alert| (alert.labels, alert.starts)), None))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wanted(label: &str, words: &[&str]) -> BTreeMap<String, Vec<String>> {
        BTreeMap::from([(label.to_owned(), words.iter().map(|word| (*word).to_owned()).collect())])
    }

    /// Shapes of the API's own documentation.
    #[test]
    fn reads_what_prometheus_answers() {
        let up = br#"{"status":"success","data":{"resultType":"vector","result":[{"metric":{"__name__":"up","job":"prometheus","instance":"localhost:9090"},"value":[1435781451.781,"1"]},{"metric":{"__name__":"up","job":"node","instance":"localhost:9100"},"value":[1435781451.781,"0"]}]},"warnings":["a"]}"#;
        let firing = query(up).unwrap();
        assert_eq!((firing.names, firing.at), (vec!["up".to_owned()], Some("2015-07-01T20:10:51.781Z".parse().unwrap())));
        assert_eq!(query(br#"{"status":"success","data":{"resultType":"vector","result":[]}}"#), Ok(Firing::default()));
        let scalar = query(br#"{"status":"success","data":{"resultType":"scalar","result":[1435781451.781,"1"]}}"#).unwrap_err();
        assert!(scalar.contains("gives a scalar"), "{scalar}");
        let bad = query(br#"{"status":"error","errorType":"bad_data","error":"invalid parameter \"query\": 1:4: parse error"}"#).unwrap_err();
        assert!(bad.starts_with("it answers bad_data: invalid parameter"), "{bad}");
        for none in [&b"<html>"[..], b"{}", b"", b"[]", br#"{"status":"success"}"#, br#"{"status":"success","data":{"resultType":"vector","result":{}}}"#] {
            assert!(query(none).is_err(), "{}", String::from_utf8_lossy(none));
        }
        let listed = br#"{"data":{"alerts":[{"activeAt":"2018-07-04T20:27:12.60602144+02:00","annotations":{},"labels":{"alertname":"my-alert","severity":"page"},"state":"firing","value":"1e+00"},{"activeAt":"2018-07-04T20:20:12+02:00","annotations":{},"labels":{"alertname":"soon","severity":"page"},"state":"pending","value":"1e+00"}]},"status":"success"}"#;
        let firing = alerts(listed, &wanted("severity", &["critical", "page"])).unwrap();
        assert_eq!((firing.names, firing.since), (vec!["my-alert".to_owned()], Some("2018-07-04T18:27:12.60602144Z".parse().unwrap())));
        assert_eq!(alerts(listed, &wanted("severity", &["critical"])).unwrap(), Firing::default());
        assert_eq!(alerts(listed, &wanted("team", &["page"])).unwrap(), Firing::default());
    }

    #[test]
    fn reads_what_alertmanager_answers() {
        let one = |state: &str| {
            format!(
                r#"[{{"annotations":{{"summary":"x"}},"endsAt":"2026-11-22T10:05:00.000Z","fingerprint":"02c0ea8e4a4cd3a0","receivers":[{{"name":"team-X"}}],"startsAt":"2026-11-22T10:00:00.000Z","status":{{"inhibitedBy":[],"silencedBy":[],"mutedBy":[],"state":"{state}"}},"updatedAt":"2026-11-22T10:01:00.000Z","generatorURL":"http://prometheus:9090/graph","labels":{{"alertname":"Errors\u001b[2J","severity":"critical"}}}}]"#
            )
        };
        let firing = alertmanager(one("active").as_bytes(), &wanted("severity", &["critical"])).unwrap();
        assert_eq!(firing.since, Some("2026-11-22T10:00:00Z".parse().unwrap()));
        assert!(firing.names.len() == 1 && firing.names[0].starts_with("Errors") && !firing.names[0].contains('\u{1b}'), "{firing:?}");
        // Nobody has looked at it yet: it may fire.
        assert_eq!(alertmanager(one("unprocessed").as_bytes(), &wanted("severity", &["critical"])).unwrap().names.len(), 1);
        assert_eq!(alertmanager(one("suppressed").as_bytes(), &wanted("severity", &["critical"])).unwrap(), Firing::default());
        assert!(alertmanager(br#"{"status":"success"}"#, &wanted("a", &["b"])).is_err());
    }
}
