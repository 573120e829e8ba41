//! What is remembered between two answers: when a finding was first seen.

use crate::model::component::Component;
use crate::model::finding::Finding;
use crate::model::update::Update;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// First-seen times by finding or update.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Memory {
    /// By key; the key is stable and readable.
    pub seen: BTreeMap<String, Remembered>,
    /// Whether anything is kept at all; without a state file nothing is.
    pub kept: bool,
}

/// One remembered thing.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Remembered {
    /// First seen.
    pub first: Timestamp,
    /// Last seen.
    pub last: Timestamp,
}

impl Memory {
    /// Notes that `key` is there now, and returns since when; none where
    /// nothing is remembered between answers.
    ///
    /// A clock that runs backwards must not move a first sight into the
    /// future, so the earlier of the two counts.
    pub(super) fn keep(&mut self, before: &Self, key: &str, now: Timestamp) -> Option<Timestamp> {
        let first = before.seen.get(key).map_or(now, |known| known.first.min(now));
        self.seen.insert(key.to_owned(), Remembered { first, last: now });
        before.kept.then_some(first)
    }
}

/// First word of a finding's key.
pub(super) const FINDING: &str = "finding";
/// First word of an update's key, and what a journal calls it among findings.
pub const UPDATE: &str = "update";

/// Where a component stands on a host, whatever its version: what the keys of
/// its findings end in.
pub(super) fn place(component: &Component) -> String {
    place_of(&component.purl, component.arch.as_deref())
}

fn place_of(purl: &str, arch: Option<&str>) -> String {
    let path = purl.split(['@', '?']).next().unwrap_or(purl);
    format!("{path} {}", arch.unwrap_or("-"))
}

/// Key under which a [`Memory`] keeps a finding, where it keeps it.
pub fn key_of(finding: &Finding) -> String {
    let component = &finding.component;
    format!("{FINDING} {} {}", finding.advisory, place_of(&component.purl, component.arch.as_deref()))
}

/// Key of a finding: the installed version is left out, so that a partial
/// upgrade that does not fix it does not restart its clock.
pub(super) fn finding_key(advisory: &str, component: &Component) -> String {
    format!("{FINDING} {advisory} {}", place(component))
}

/// Key of a pending update: the candidate is left out, so that a newer one
/// does not restart the clock of a host that never installed the first.
pub(super) fn update_key(update: &Update) -> String {
    format!("{UPDATE} {} {} {}", update.package, update.arch, update.installed.as_deref().unwrap_or("-"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pending(installed: &str, candidate: &str) -> String {
        update_key(&Update {
            package: "rsync".into(),
            arch: "amd64".into(),
            installed: Some(installed.into()),
            candidate: candidate.into(),
            ..Update::default()
        })
    }

    #[test]
    fn a_newer_candidate_keeps_the_clock_and_an_installation_starts_a_new_one() {
        let at = |text: &str| -> Timestamp { text.parse().unwrap() };
        let mut first = Memory { kept: true, ..Memory::default() };
        first.keep(&Memory { kept: true, ..Memory::default() }, &pending("1", "2"), at("2026-03-01T00:00:00Z"));
        let mut second = Memory { kept: true, ..Memory::default() };
        let since = second.keep(&first, &pending("1", "3"), at("2026-03-09T00:00:00Z"));
        assert_eq!(since, Some(at("2026-03-01T00:00:00Z")));
        let since = second.keep(&first, &pending("2", "3"), at("2026-03-09T00:00:00Z"));
        assert_eq!(since, Some(at("2026-03-09T00:00:00Z")));
    }
}
