//! A **mitigation**: what was done on hosts in place of a patch, or beside it.
//!
//! It lowers a risk and is never a fix: the finding stays open and its clocks
//! run. It is seen to work again and again, and removed when the patch takes
//! its place.

use super::identifier::{ClientId, HostId, MitigationId};
use super::policy::governance::Measure;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};

/// What was done on some hosts. Nothing deletes one.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct Mitigation {
    /// Id.
    pub id: MitigationId,
    /// Client whose hosts it is on.
    pub client: ClientId,
    /// Kind.
    pub measure: Measure,
    /// Advisories it is for, by the ids that findings carry.
    pub advisories: BTreeSet<String>,
    /// What was done.
    pub done: String,
    /// How it is seen to work.
    pub verify: String,
    /// Name of the check that sees it, where there is one.
    pub check: Option<String>,
    /// Who answers for it.
    pub owner: String,
    /// When it was applied.
    pub applied: Timestamp,
    /// Who said so.
    pub by: String,
    /// By when it is seen to work for the first time.
    pub verify_by: Timestamp,
    /// How long it may stand, where the policy says.
    pub ends: Option<Timestamp>,
    /// When it was last seen to work.
    pub verified: Option<Verification>,
    /// Hosts it was applied on, and its removal from those where it was.
    pub hosts: BTreeMap<HostId, Option<Removal>>,
}

/// One time that it was seen to work.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Verification {
    /// When.
    pub at: Timestamp,
    /// By whom.
    pub by: String,
    /// First moment in which that counts no more.
    pub until: Timestamp,
    /// What was seen; empty where nobody said.
    pub note: String,
}

/// Its removal from a host.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Removal {
    /// When.
    pub at: Timestamp,
    /// By whom.
    pub by: String,
    /// Why.
    pub why: String,
}

/// Where a mitigation stands at a moment.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum MitigationStanding {
    /// A patch took its place on some host, and it was not removed there.
    ToRemove,
    /// It was not seen to work in time, or stands longer than it may.
    Overdue,
    /// Applied, and not seen to work yet.
    Unverified,
    /// In place and seen to work.
    Verified,
    /// Removed from every host.
    Removed,
}

impl MitigationStanding {
    /// All of them.
    pub const ALL: [Self; 5] = [Self::ToRemove, Self::Overdue, Self::Unverified, Self::Verified, Self::Removed];

    /// The word in API and console.
    pub fn word(self) -> &'static str {
        match self {
            Self::ToRemove => "to-remove",
            Self::Overdue => "overdue",
            Self::Unverified => "unverified",
            Self::Verified => "verified",
            Self::Removed => "removed",
        }
    }

    /// Reads that word.
    pub fn parse(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|standing| standing.word() == word)
    }
}

impl Mitigation {
    /// Hosts on which it is in place.
    pub fn in_place(&self) -> BTreeSet<HostId> {
        self.hosts.iter().filter(|(_, removal)| removal.is_none()).map(|(host, _)| *host).collect()
    }

    /// By when it is to be seen to work next: the first time, or again.
    pub fn next_check(&self) -> Timestamp {
        self.verified.as_ref().map_or(self.verify_by, |verified| verified.until)
    }

    /// Where it stands at a moment; `closed` are hosts of which no finding that
    /// it is for is open any more.
    pub fn standing(&self, now: Timestamp, closed: &BTreeSet<HostId>) -> MitigationStanding {
        let there = self.in_place();
        if there.is_empty() {
            return MitigationStanding::Removed;
        }
        if !there.is_disjoint(closed) {
            return MitigationStanding::ToRemove;
        }
        if self.next_check() <= now || self.ends.is_some_and(|ends| ends <= now) {
            return MitigationStanding::Overdue;
        }
        if self.verified.is_some() { MitigationStanding::Verified } else { MitigationStanding::Unverified }
    }
}
