//! Counters and timings in the OpenMetrics form.

use prometheus_client::encoding::text::encode;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::{Histogram, exponential_buckets};
use prometheus_client::registry::Registry;
use std::sync::atomic::AtomicU64;

/// What the server counts.
pub struct Metrics {
    registry: Registry,
    /// Check-ins answered.
    pub check_ins: Counter,
    /// Reports taken, whole or as deltas.
    pub reports: Counter,
    /// Requests of hosts refused.
    pub refusals: Counter,
    /// Judgements made.
    pub judgements: Counter,
    /// Seconds a judgement took.
    pub judgement_seconds: Histogram,
    /// Managed hosts.
    pub hosts: Gauge,
    /// Silent hosts.
    pub silent: Gauge,
    /// Hosts whose judgement was taken up from before the start.
    pub hosts_taken_up: Gauge,
    /// Hosts that were to be judged anew at the start.
    pub hosts_judged_at_start: Gauge,
    /// Open findings.
    pub findings: Gauge,
    /// Overdue findings.
    pub overdue: Gauge,
    /// Age of the advisory database, in seconds.
    pub advisories_age: Gauge<f64, AtomicU64>,
    /// Notices that wait to be delivered.
    pub deliveries_waiting: Gauge,
    /// Age of the oldest that waits, in seconds.
    pub deliveries_oldest: Gauge<f64, AtomicU64>,
    /// Notices delivered.
    pub deliveries_arrived: Counter,
    /// Tries that failed and will be repeated.
    pub deliveries_failed: Counter,
    /// Notices given up.
    pub deliveries_given_up: Counter,
}

impl Metrics {
    /// Registers everything.
    pub fn new() -> Self {
        let mut registry = Registry::with_prefix("plimsoll");
        let metrics = Self {
            check_ins: Counter::default(),
            reports: Counter::default(),
            refusals: Counter::default(),
            judgements: Counter::default(),
            judgement_seconds: Histogram::new(exponential_buckets(0.001, 2.0, 12)),
            hosts: Gauge::default(),
            silent: Gauge::default(),
            hosts_taken_up: Gauge::default(),
            hosts_judged_at_start: Gauge::default(),
            findings: Gauge::default(),
            overdue: Gauge::default(),
            advisories_age: Gauge::default(),
            deliveries_waiting: Gauge::default(),
            deliveries_oldest: Gauge::default(),
            deliveries_arrived: Counter::default(),
            deliveries_failed: Counter::default(),
            deliveries_given_up: Counter::default(),
            registry: Registry::default(),
        };
        registry.register("check_ins", "Check-ins answered", metrics.check_ins.clone());
        registry.register("reports", "Reports taken, whole or as deltas", metrics.reports.clone());
        registry.register("refusals", "Requests of hosts refused", metrics.refusals.clone());
        registry.register("judgements", "Judgements of hosts made", metrics.judgements.clone());
        registry.register("judgement_seconds", "Seconds a judgement took", metrics.judgement_seconds.clone());
        registry.register("hosts", "Managed hosts", metrics.hosts.clone());
        registry.register("hosts_silent", "Managed hosts that went silent", metrics.silent.clone());
        registry.register("hosts_taken_up", "Hosts whose judgement was taken up from before the start", metrics.hosts_taken_up.clone());
        registry.register("hosts_judged_at_start", "Hosts that were to be judged anew at the start", metrics.hosts_judged_at_start.clone());
        registry.register("findings", "Open findings", metrics.findings.clone());
        registry.register("findings_overdue", "Open findings past due", metrics.overdue.clone());
        registry.register("advisories_age_seconds", "Age of the advisory database", metrics.advisories_age.clone());
        registry.register("deliveries_waiting", "Notices that wait to be delivered", metrics.deliveries_waiting.clone());
        registry.register("deliveries_oldest_seconds", "Age of the oldest notice that waits", metrics.deliveries_oldest.clone());
        registry.register("deliveries_arrived", "Notices delivered", metrics.deliveries_arrived.clone());
        registry.register("deliveries_failed", "Tries to deliver a notice that failed and will be repeated", metrics.deliveries_failed.clone());
        registry.register("deliveries_given_up", "Notices given up", metrics.deliveries_given_up.clone());
        Self { registry, ..metrics }
    }

    /// All of it as text; empty only if memory for a string cannot be had.
    pub fn text(&self) -> String {
        let mut out = String::new();
        match encode(&mut out, &self.registry) {
            Ok(()) => out,
            Err(_) => String::new(),
        }
    }
}

impl Default for Metrics {
    fn default() -> Self {
        Self::new()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    /// Names in a text that begin as ours do.
    fn names(text: &str) -> BTreeSet<String> {
        let words = text.split(|letter: char| !letter.is_ascii_alphanumeric() && letter != '_');
        words.filter(|word| word.starts_with("plimsoll_")).map(str::to_owned).collect()
    }

    /// A panel over a metric that was renamed would stay empty and look calm.
    #[test]
    fn the_dashboard_shows_every_metric_and_no_other() {
        let metrics = Metrics::new();
        metrics.judgement_seconds.observe(0.004);
        let samples = metrics.text().lines().filter(|line| !line.starts_with('#')).collect::<Vec<_>>().join("\n");
        let there = names(&samples);
        let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/grafana/plimsoll.json");
        let dashboard: serde_json::Value = serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap();
        let shown: BTreeSet<String> = dashboard["panels"]
            .as_array()
            .unwrap()
            .iter()
            .flat_map(|panel| panel["targets"].as_array().unwrap())
            .flat_map(|target| names(target["expr"].as_str().unwrap()))
            .collect();
        let lacking: Vec<_> = shown.difference(&there).collect();
        assert!(lacking.is_empty(), "the dashboard asks for {lacking:?}");
        // Of a histogram the dashboard shows the buckets; its count is that of judgements.
        let aside = ["plimsoll_judgements_total", "plimsoll_judgement_seconds_sum", "plimsoll_judgement_seconds_count"];
        let unseen: Vec<_> = there.difference(&shown).filter(|name| !aside.contains(&name.as_str())).collect();
        assert!(unseen.is_empty(), "no panel shows {unseen:?}");
    }
}
