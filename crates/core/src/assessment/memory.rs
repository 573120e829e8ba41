//! What is remembered between two answers: when a finding was first seen.

use crate::model::component::Component;
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

/// Key of a finding: the installed version is left out, so that a partial
/// upgrade that does not fix it does not restart its clock.
pub(super) fn finding_key(advisory: &str, component: &Component) -> String {
    let path = component.purl.split(['@', '?']).next().unwrap_or(&component.purl);
    let arch = component.arch.as_deref().unwrap_or("-");
    format!("finding {advisory} {path} {arch}")
}

/// Key of a pending update.
pub(super) fn update_key(package: &str, arch: &str, candidate: &str) -> String {
    format!("update {package} {arch} {candidate}")
}
