//! What the evidence log tells of a **patch**: whom it was for, and how long
//! the steps took that it has both ends of.

use super::steps::Step;
use crate::model::identifier::HostId;
use crate::model::outcome::State;
use crate::model::policy::governance::Unit;
use crate::phases::document::{HostRecord, Milestones, Record};
use crate::phases::document::times::finished;
use jiff::Timestamp;
use std::collections::BTreeMap;

/// A package and its rollout.
#[derive(Clone, PartialEq, Debug)]
pub(super) struct Patch {
    pub title: String,
    pub started: Timestamp,
    /// Its hosts that are seen, with their names.
    pub hosts: BTreeMap<HostId, String>,
    pub advisories: Vec<String>,
    checks: u64,
    failures: u64,
    /// Seconds of each step that is measured.
    pub elapsed: BTreeMap<Step, u64>,
    /// Seconds out of service for a reboot, by host.
    pub restarts: BTreeMap<HostId, (Timestamp, u64)>,
}

impl Patch {
    pub(super) fn of(record: &Record) -> Self {
        let restarts = restarts(&record.hosts);
        Self {
            title: if record.content.title.is_empty() { record.content.name.clone() } else { record.content.title.clone() },
            started: record.started,
            hosts: record.hosts.iter().map(|host| (host.host, host.name.clone())).collect(),
            advisories: record.content.advisories.clone(),
            checks: record.content.checks.len() as u64,
            failures: record.hosts.iter().filter(|host| host.cause.is_some()).count() as u64,
            elapsed: elapsed(record, &restarts),
            restarts,
        }
    }

    /// How many of a unit it has.
    pub(super) fn units(&self, unit: Option<Unit>) -> u64 {
        match unit {
            None => 0,
            Some(Unit::Advisories) => self.advisories.len() as u64,
            Some(Unit::Checks) => self.checks,
            Some(Unit::Hosts) => self.hosts.len() as u64,
            Some(Unit::Failures) => self.failures,
        }
    }
}

fn between(from: Option<Timestamp>, to: Option<Timestamp>) -> Option<u64> {
    u64::try_from(from?.duration_until(to?).as_secs()).ok()
}

/// Mean over those of which it is known, whole seconds.
fn mean(seconds: impl Iterator<Item = Option<u64>>) -> Option<u64> {
    let (sum, number) = seconds.flatten().fold((0_u128, 0_u128), |(sum, number), seconds| (sum + u128::from(seconds), number + 1));
    u64::try_from(sum.checked_div(number)?).ok()
}

fn words(host: &HostRecord) -> impl Iterator<Item = (State, Timestamp)> {
    host.attempts.iter().flat_map(|attempt| &attempt.words).map(|word| (word.state, word.observed))
}

/// Time from the first word of a reboot to the end of its attempt.
fn restarts(hosts: &[HostRecord]) -> BTreeMap<HostId, (Timestamp, u64)> {
    let restart = |host: &HostRecord| {
        let mut seconds = None;
        for attempt in &host.attempts {
            let asked = attempt.words.iter().find(|word| word.state == State::Rebooting).map(|word| word.observed);
            let ended = attempt.words.iter().find(|word| word.state.is_terminal()).map(|word| (word.received, word.observed));
            if let (Some(length), Some((received, _))) = (between(asked, ended.map(|(_, observed)| observed)), ended) {
                let (_, sum) = seconds.unwrap_or((received, 0));
                seconds = Some((received, sum + length));
            }
        }
        seconds.map(|seconds| (host.host, seconds))
    };
    hosts.iter().filter_map(restart).collect()
}

fn elapsed(record: &Record, restarts: &BTreeMap<HostId, (Timestamp, u64)>) -> BTreeMap<Step, u64> {
    let Milestones { published, detected, drafted, accepted } = record.milestones;
    let hosts = &record.hosts;
    let staged = |host: &HostRecord| words(host).find(|(state, _)| *state == State::Staged).map(|(_, at)| at);
    let mended = |host: &HostRecord| {
        let failed = words(host).find(|(state, _)| state.is_terminal() && !state.is_success()).map(|(_, at)| at);
        let good = words(host).filter(|(state, at)| state.is_success() && failed.is_some_and(|failed| *at > failed)).map(|(_, at)| at).min();
        between(failed, good)
    };
    let test = record.rings.first().filter(|_| record.rings.len() > 1);
    let measured = [
        ("1.3", between(published, detected)),
        ("4.3", between(detected, drafted)),
        ("5.3", test.and_then(|ring| between(ring.opened, ring.succeeded_since))),
        ("6.4", between(drafted, accepted)),
        ("7.2", mean(hosts.iter().map(|host| between(host.allowed, staged(host))))),
        ("7.3", mean(hosts.iter().map(|host| between(host.began, host.ended)))),
        ("7.4", mean(restarts.values().map(|(_, seconds)| Some(*seconds)))),
        ("8.2", mean(hosts.iter().map(|host| between(host.ended, finished(host))))),
        ("9.2", mean(hosts.iter().map(mended))),
    ];
    measured.into_iter().filter_map(|(number, seconds)| Some((Step::parse(number)?, seconds?))).collect()
}

#[cfg(test)]
impl Patch {
    /// One with so many hosts, numbered from 0.
    pub(super) fn for_tests(title: &str, started: Timestamp, hosts: u128, advisories: &[&str], elapsed: BTreeMap<Step, u64>) -> Self {
        Self {
            title: title.to_owned(),
            started,
            hosts: (0..hosts).map(|host| (HostId::from_bits(host), format!("host-{host}"))).collect(),
            advisories: advisories.iter().map(|id| (*id).to_owned()).collect(),
            checks: 0,
            failures: 0,
            elapsed,
            restarts: BTreeMap::new(),
        }
    }
}
