//! An **accreditation**: an authority's word that some products may be changed
//! in some places, until a day. It says nothing of a single change; those are
//! signed and approved one by one.

use super::identifier::{AccreditationId, ClientId, GroupId};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;

/// What an authority signed off. Nothing deletes one.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Accreditation {
    /// Id.
    pub id: AccreditationId,
    /// Client whose hosts it is for.
    pub client: ClientId,
    /// What it holds for.
    pub scope: Accredited,
    /// The authority's words: on what it rests, under which conditions.
    pub statement: String,
    /// Who gave it.
    pub by: String,
    /// When.
    pub given: Timestamp,
    /// First moment in which it holds no more.
    pub until: Timestamp,
    /// That it was taken back.
    pub withdrawn: Option<Withdrawal>,
}

/// What an accreditation holds for: each list that names anything must name
/// the host, or every package of the change.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Accredited {
    /// Environments; every one where there are none.
    pub environments: BTreeSet<String>,
    /// Groups of hosts, one of which a host must be in; all hosts where there
    /// are none.
    pub groups: BTreeSet<GroupId>,
    /// Products by the names of their packages; every one where there are none.
    pub products: BTreeSet<String>,
}

/// An accreditation taken back.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Withdrawal {
    /// When.
    pub at: Timestamp,
    /// By whom.
    pub by: String,
    /// Why.
    pub why: String,
}

/// How an accreditation stands.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum AccreditationStanding {
    /// It holds.
    InForce,
    /// Its day has come.
    Ended,
    /// It was taken back.
    Withdrawn,
}

impl Accreditation {
    /// How it stands at a moment.
    pub fn standing(&self, now: Timestamp) -> AccreditationStanding {
        match &self.withdrawn {
            Some(_) => AccreditationStanding::Withdrawn,
            None if now >= self.until => AccreditationStanding::Ended,
            None => AccreditationStanding::InForce,
        }
    }
}
