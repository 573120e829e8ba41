//! What happened.

use crate::histogram::Histogram;
use crate::process::Consumption;
use serde::Serialize;
use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Instant;

/// Different texts that are counted apart; a broken server may invent more.
const TEXTS: usize = 100;

/// Kinds of request.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Kind {
    /// Joining.
    Enrol,
    /// Check-in.
    CheckIn,
    /// Whole report.
    Report,
    /// Difference of reports.
    Delta,
}

/// Counts while it happens.
#[derive(Debug, Default)]
pub struct Tally(Mutex<Counts>);

#[derive(Debug, Default)]
struct Counts {
    kinds: BTreeMap<Kind, (Histogram, Histogram)>,
    codes: BTreeMap<String, u64>,
    broken: BTreeMap<String, u64>,
    cut_off: BTreeMap<String, u64>,
    unavailable: u64,
    without_retry_after: u64,
    longest_retry_after: u32,
}

impl Tally {
    fn counts(&self) -> MutexGuard<'_, Counts> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Counts an answer.
    pub fn note(&self, kind: Kind, due: Instant, sent: Instant) {
        let mut counts = self.counts();
        let (from_due, from_sent) = counts.kinds.entry(kind).or_default();
        from_due.note(due.elapsed());
        from_sent.note(sent.elapsed());
    }

    /// Counts "come back later".
    pub fn note_unavailable(&self, retry_after: Option<u32>) {
        let mut counts = self.counts();
        counts.unavailable += 1;
        counts.without_retry_after += u64::from(retry_after.is_none());
        counts.longest_retry_after = counts.longest_retry_after.max(retry_after.unwrap_or(0));
    }

    /// Counts a refusal.
    pub fn note_code(&self, code: &str) {
        count(&mut self.counts().codes, code);
    }

    /// Counts what should never happen.
    pub fn note_broken(&self, error: &str) {
        count(&mut self.counts().broken, error);
    }

    /// Counts a request that broke off: the host comes again.
    pub fn note_cut_off(&self, error: &str) {
        count(&mut self.counts().cut_off, error);
    }

    /// Adds everything up.
    pub fn summary(&self, head: Head, servers: Vec<Consumption>) -> Summary {
        let counts = self.counts();
        let timing = |kind: &Kind, (due, sent): &(Histogram, Histogram)| Timing {
            kind: *kind,
            count: due.total(),
            per_second: due.total() as f64 / head.seconds.max(0.001),
            from_due_ms: Percentiles::of(due),
            from_sent_ms: Percentiles::of(sent),
        };
        Summary {
            requests: counts.kinds.iter().map(|(kind, both)| timing(kind, both)).collect(),
            refusals: counts.codes.clone(),
            broken: counts.broken.clone(),
            cut_off: counts.cut_off.clone(),
            unavailable: counts.unavailable,
            unavailable_without_retry_after: counts.without_retry_after,
            longest_retry_after_seconds: counts.longest_retry_after,
            head,
            servers,
        }
    }
}

fn count(counts: &mut BTreeMap<String, u64>, text: &str) {
    let known = counts.contains_key(text) || counts.len() < TEXTS;
    *counts.entry(if known { text } else { "others" }.to_owned()).or_default() += 1;
}

/// What was asked for.
#[derive(Clone, Debug, Serialize)]
pub struct Head {
    /// Mode.
    pub mode: String,
    /// Hosts.
    pub hosts: usize,
    /// Servers.
    pub servers: usize,
    /// Hosts that were never answered.
    pub unanswered: usize,
    /// Hosts whose last request broke off and that did not come through again.
    pub left_cut_off: usize,
    /// Wall time in seconds.
    pub seconds: f64,
    /// Connections opened, for as many as are kept.
    pub connections_opened: u64,
    /// Longest time that a request waited in the generator for a connection,
    /// ms; far above the latency it says that the generator is too slow.
    pub longest_wait_ms: f64,
    /// Processor time of the generator itself in seconds.
    pub generator_cpu_seconds: f64,
}

/// Percentiles in milliseconds.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct Percentiles {
    p50: f64,
    p90: f64,
    p99: f64,
    p999: f64,
    max: f64,
}

impl Percentiles {
    fn of(histogram: &Histogram) -> Self {
        Self {
            p50: histogram.at(0.5),
            p90: histogram.at(0.9),
            p99: histogram.at(0.99),
            p999: histogram.at(0.999),
            max: histogram.most(),
        }
    }
}

impl fmt::Display for Percentiles {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "p50 {:.2}, p90 {:.2}, p99 {:.2}, p99.9 {:.2}, max {:.2} ms", self.p50, self.p90, self.p99, self.p999, self.max)
    }
}

/// One kind of request.
#[derive(Clone, Debug, Serialize)]
pub struct Timing {
    /// Kind.
    pub kind: Kind,
    /// Answers.
    pub count: u64,
    per_second: f64,
    from_due_ms: Percentiles,
    from_sent_ms: Percentiles,
}

/// The whole run.
#[derive(Clone, Debug, Serialize)]
pub struct Summary {
    /// What was asked for.
    #[serde(flatten)]
    pub head: Head,
    /// Answers by kind.
    pub requests: Vec<Timing>,
    /// Refusals by status and code.
    pub refusals: BTreeMap<String, u64>,
    /// What should never happen, by text.
    pub broken: BTreeMap<String, u64>,
    /// Requests that broke off, by text. With one server an error; with several
    /// it is what happens when one dies, and the hosts must come through again.
    pub cut_off: BTreeMap<String, u64>,
    /// Answers "come back later"; obeyed, and no error.
    pub unavailable: u64,
    /// Of those, without saying when: an error.
    pub unavailable_without_retry_after: u64,
    /// Longest time that one asked for.
    pub longest_retry_after_seconds: u32,
    /// The servers' own use, where their processes were named.
    pub servers: Vec<Consumption>,
}

impl Summary {
    /// Answers of a kind.
    #[cfg(test)]
    pub fn count(&self, kind: Kind) -> u64 {
        self.requests.iter().filter(|timing| timing.kind == kind).map(|timing| timing.count).sum()
    }

    /// Whether anything went wrong.
    pub fn has_errors(&self) -> bool {
        let wrong = self.refusals.keys().any(|code| !code.starts_with("409"));
        let cut_off = self.head.left_cut_off > 0 || (self.head.servers < 2 && !self.cut_off.is_empty());
        wrong || cut_off || !self.broken.is_empty() || self.unavailable_without_retry_after > 0 || self.head.unanswered > 0
    }
}

impl fmt::Display for Summary {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let head = &self.head;
        writeln!(
            formatter,
            "{}: {} hosts in {:.1} s, {} never answered; {} connections opened; generator: {:.1} s CPU, longest wait {:.1} ms",
            head.mode, head.hosts, head.seconds, head.unanswered, head.connections_opened, head.generator_cpu_seconds, head.longest_wait_ms
        )?;
        for timing in &self.requests {
            writeln!(formatter, "{:?}: {} ({:.1}/s)", timing.kind, timing.count, timing.per_second)?;
            writeln!(formatter, "  from due:  {}", timing.from_due_ms)?;
            writeln!(formatter, "  from sent: {}", timing.from_sent_ms)?;
        }
        writeln!(
            formatter,
            "503: {}, of them without Retry-After {}, longest {} s",
            self.unavailable, self.unavailable_without_retry_after, self.longest_retry_after_seconds
        )?;
        for (what, count) in &self.cut_off {
            writeln!(formatter, "cut off {count} x {what}")?;
        }
        if self.head.left_cut_off > 0 {
            writeln!(formatter, "ERROR {} hosts were cut off and did not come through again", self.head.left_cut_off)?;
        }
        for (what, count) in self.refusals.iter().chain(&self.broken) {
            writeln!(formatter, "ERROR {count} x {what}")?;
        }
        let answers: u64 = self.requests.iter().map(|timing| timing.count).sum();
        for server in &self.servers {
            writeln!(
                formatter,
                "server {}: {:.2} s CPU, {:.2} cores, {:.1} MiB, {} bytes written to storage, {} write calls",
                server.pid, server.cpu_seconds, server.cores, server.memory_mib, server.written_bytes, server.write_calls
            )?;
        }
        if !self.servers.is_empty() {
            let cpu: f64 = self.servers.iter().map(|server| server.cpu_seconds).sum();
            write!(formatter, "servers: {:.3} ms CPU an answer", cpu * 1e3 / answers.max(1) as f64)?;
        }
        Ok(())
    }
}
