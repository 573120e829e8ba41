//! An **exception**: open findings that somebody accepts for a time.
//!
//! It takes nothing away: a finding under one stays open, keeps its due date,
//! and counts again in the second in which the exception ends.

use super::identifier::{ClientId, ExceptionId, GroupId, HostId, PersonId};
use super::policy::WaiverKind;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;

/// Open findings that somebody accepts for a time. Nothing deletes one.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct Exception {
    /// Id.
    pub id: ExceptionId,
    /// Client whose hosts it is about.
    pub client: ClientId,
    /// What justifies it.
    pub kind: WaiverKind,
    /// Advisories, by the ids that findings carry.
    pub advisories: BTreeSet<String>,
    /// Package it is limited to; none for whatever the advisories name.
    pub package: Option<String>,
    /// Hosts it is about.
    pub hosts: Covered,
    /// Who answers for the risk while it lasts.
    pub owner: String,
    /// Why.
    pub reason: String,
    /// What stands in meanwhile; empty for nothing.
    pub control: String,
    /// Severities, priorities and rules of the findings when it was asked for.
    pub levels: BTreeSet<String>,
    /// How many people must approve.
    pub quorum: u32,
    /// First moment in which it is in force no more.
    pub until: Timestamp,
    /// When it was asked for.
    pub requested: Timestamp,
    /// Who asked.
    pub requester: Somebody,
    /// Who approved so far, in their order.
    pub approvals: Vec<Approval>,
    /// What became of it, the clock aside.
    pub state: ExceptionState,
    /// When and by whom the state came about, and why; none while it is asked
    /// for.
    pub decided: Option<Decided>,
    /// First moment in which it was in force; none where it never was.
    pub since: Option<Timestamp>,
    /// The one that it renews.
    pub renews: Option<ExceptionId>,
    /// How often it was renewed before this.
    pub renewals: u32,
    /// The one that took its place.
    pub replaced_by: Option<ExceptionId>,
    /// When somebody last looked at it again.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reviewed: Option<Timestamp>,
}

/// Hosts that an exception is about.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Covered {
    /// All of its client's, those that come later too.
    All,
    /// Those of a group at each moment.
    Group(GroupId),
    /// These.
    Hosts(BTreeSet<HostId>),
}

/// A person, as the record names them.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Somebody {
    /// Who; none for what the server itself did.
    pub person: Option<PersonId>,
    /// Account, or the token they used.
    pub name: String,
}

/// One approval.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Approval {
    /// Who.
    pub person: PersonId,
    /// Account.
    pub name: String,
    /// When.
    pub at: Timestamp,
}

/// How a state came about.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Decided {
    /// When.
    pub at: Timestamp,
    /// By whom.
    pub by: String,
    /// Why; empty where nobody said.
    pub why: String,
}

/// What became of an exception, the clock aside.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ExceptionState {
    /// Asked for.
    Requested,
    /// Enough people approved.
    Approved,
    /// Somebody who could have approved said no.
    Refused,
    /// Taken back, asked for or approved.
    Withdrawn,
    /// Another one renewed it.
    Replaced,
}

impl ExceptionState {
    const ALL: [Self; 5] = [Self::Requested, Self::Approved, Self::Refused, Self::Withdrawn, Self::Replaced];

    /// The word in storage.
    pub fn word(self) -> &'static str {
        match self {
            Self::Requested => "requested",
            Self::Approved => "approved",
            Self::Refused => "refused",
            Self::Withdrawn => "withdrawn",
            Self::Replaced => "replaced",
        }
    }

    /// Reads that word.
    pub fn parse(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|state| state.word() == word)
    }
}

/// Where an exception stands at a moment.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ExceptionStanding {
    /// Waits for approvals.
    Requested,
    /// In force.
    Approved,
    /// Refused.
    Refused,
    /// Its end has passed, whether it was approved or not.
    Expired,
    /// Taken back.
    Withdrawn,
    /// Another one took its place.
    Replaced,
}

impl ExceptionStanding {
    /// All of them.
    pub const ALL: [Self; 6] = [Self::Requested, Self::Approved, Self::Refused, Self::Expired, Self::Withdrawn, Self::Replaced];

    /// The word in API and console.
    pub fn word(self) -> &'static str {
        match self {
            Self::Requested => "requested",
            Self::Approved => "approved",
            Self::Refused => "refused",
            Self::Expired => "expired",
            Self::Withdrawn => "withdrawn",
            Self::Replaced => "replaced",
        }
    }

    /// Reads that word.
    pub fn parse(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|standing| standing.word() == word)
    }
}

impl Exception {
    /// Where it stands at a moment.
    pub fn standing(&self, now: Timestamp) -> ExceptionStanding {
        match self.state {
            ExceptionState::Refused => ExceptionStanding::Refused,
            ExceptionState::Withdrawn => ExceptionStanding::Withdrawn,
            ExceptionState::Replaced => ExceptionStanding::Replaced,
            ExceptionState::Requested | ExceptionState::Approved if self.until <= now => ExceptionStanding::Expired,
            ExceptionState::Requested => ExceptionStanding::Requested,
            ExceptionState::Approved => ExceptionStanding::Approved,
        }
    }

    /// Whether findings are excepted by it at a moment.
    pub fn in_force(&self, now: Timestamp) -> bool {
        self.standing(now) == ExceptionStanding::Approved
    }

    /// Those who approved, for readers; of a waiver who refused or was silent.
    pub fn approvers(&self) -> String {
        if self.approvals.is_empty() && self.state == ExceptionState::Approved {
            return self.decided.as_ref().map(|decided| decided.by.clone()).unwrap_or_default();
        }
        let names: Vec<&str> = self.approvals.iter().map(|approval| approval.name.as_str()).collect();
        names.join(", ")
    }
}
