//! A **look**: one time that a person looked at something that the policy wants
//! looked at, and what was seen.

use super::identifier::ClientId;
use jiff::Timestamp;
use serde::Serialize;

/// One of them. Nothing deletes one.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct Look {
    /// What kind of thing was looked at.
    pub kind: LookKind,
    /// Which: a rollout's package, or who watches which sources.
    pub subject: String,
    /// What of it: a host, a ticket; empty for the whole.
    pub item: String,
    /// Client that it concerns; none for all.
    pub client: Option<ClientId>,
    /// Whether it was as it should be.
    pub held: bool,
    /// What was seen.
    pub note: String,
    /// When.
    pub at: Timestamp,
    /// By whom.
    pub by: String,
}

/// What kind of thing is looked at.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum LookKind {
    /// A host that a change's sample names.
    Sample,
    /// A ticket that names a change as its cause.
    Ticket,
    /// Sources that somebody watches.
    Sources,
}

impl LookKind {
    /// The word in storage.
    pub fn word(self) -> &'static str {
        match self {
            Self::Sample => "sample",
            Self::Ticket => "ticket",
            Self::Sources => "sources",
        }
    }

    /// Reads that word.
    pub fn parse(word: &str) -> Option<Self> {
        [Self::Sample, Self::Ticket, Self::Sources].into_iter().find(|kind| kind.word() == word)
    }
}
