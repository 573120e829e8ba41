//! A **forensic triage**: people look for traces of a break-in on a host
//! before a patch overwrites them, and say what came of it.

use super::identifier::{ClientId, HostId, TriageId};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;

/// One word that somebody said of a host's triage. Nothing deletes one.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct TriageWord {
    /// Id.
    pub id: TriageId,
    /// Client whose host it is.
    pub client: ClientId,
    /// Host.
    pub host: HostId,
    /// Advisories that asked for it then, by the ids that findings carry.
    pub advisories: BTreeSet<String>,
    /// What was reached.
    pub step: TriageStep,
    /// Where what was taken lies: a case number, a digest, a place.
    pub evidence: Option<String>,
    /// Why, or what was seen; empty where nobody said.
    pub reason: String,
    /// Of a host that was broken into: whether it may be changed all the same.
    pub released: bool,
    /// When.
    pub at: Timestamp,
    /// By whom.
    pub by: String,
}

/// Where the triage of a host stands, the most urgent first.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum TriageStanding {
    /// The host was broken into, and nothing may change it.
    Compromised,
    /// Something was not done in time.
    Late,
    /// Nobody took evidence yet.
    Asked,
    /// Evidence was taken, and it is not decided.
    Collected,
    /// Nothing is open.
    Decided,
}

impl TriageStanding {
    /// All of them.
    pub const ALL: [Self; 5] = [Self::Compromised, Self::Late, Self::Asked, Self::Collected, Self::Decided];

    /// The word in API and console.
    pub fn word(self) -> &'static str {
        match self {
            Self::Compromised => "compromised",
            Self::Late => "late",
            Self::Asked => "asked",
            Self::Collected => "collected",
            Self::Decided => "decided",
        }
    }

    /// Reads that word.
    pub fn parse(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|standing| standing.word() == word)
    }
}

/// What a triage reached.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum TriageStep {
    /// It is settled what is looked at.
    Scope,
    /// Volatile evidence was taken.
    Evidence,
    /// Decided: no trace of a break-in.
    Clean,
    /// Decided: the host was broken into.
    Compromised,
    /// Decided: it cannot be told, and why.
    NotPossible,
}

impl TriageStep {
    /// All of them.
    pub const ALL: [Self; 5] = [Self::Scope, Self::Evidence, Self::Clean, Self::Compromised, Self::NotPossible];

    /// The word in API and console.
    pub fn word(self) -> &'static str {
        match self {
            Self::Scope => "scope",
            Self::Evidence => "evidence",
            Self::Clean => "clean",
            Self::Compromised => "compromised",
            Self::NotPossible => "not-possible",
        }
    }

    /// Reads that word.
    pub fn parse(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|step| step.word() == word)
    }

    /// For readers.
    pub fn words(self) -> &'static str {
        match self {
            Self::Scope => "scope settled",
            Self::Evidence => "evidence taken",
            Self::Clean => "no trace of a break-in",
            Self::Compromised => "broken into",
            Self::NotPossible => "triage not possible",
        }
    }

    /// Whether it says what came of the triage.
    pub fn decides(self) -> bool {
        matches!(self, Self::Clean | Self::Compromised | Self::NotPossible)
    }
}
