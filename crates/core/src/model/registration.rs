//! A **registration**: a managed host as the server keeps it, beside the
//! facts that its agent reports.

use super::identifier::{ClientId, HostId};
use super::policy::{Exposure, HostFacts, Impact};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// A managed host.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Registration {
    /// Id.
    pub id: HostId,
    /// Dense number for bitmaps; never shown, never re-used.
    pub number: u32,
    /// Client it belongs to; a host never sees or shares another client's data.
    pub client: ClientId,
    /// Name, unique among the client's hosts that are not retired.
    pub name: String,
    /// State.
    pub state: HostState,
    /// How its facts arrive.
    pub source: HostSource,
    /// Free labels.
    pub labels: BTreeMap<String, String>,
    /// How much the organisation depends on it, in the policy's own words.
    pub tier: Option<String>,
    /// How far it can be reached.
    pub exposure: Option<Exposure>,
    /// Environment, `prod`.
    pub environment: Option<String>,
    /// Who answers for it.
    pub owner: Option<String>,
    /// Ed25519 public key of its agent, hex; none for a host without one.
    pub public_key: Option<String>,
    /// When it joined; where it had to wait, when it was accepted.
    pub enrolled: Timestamp,
    /// When it last said anything; flushed once a minute.
    pub last_seen: Option<Timestamp>,
    /// Digest of its newest report, SHA-256 hex.
    pub report: Option<String>,
    /// When that report arrived.
    pub reported: Option<Timestamp>,
    /// Something is wrong with the host's identity or report, in plain words;
    /// stays until somebody looks at it.
    pub flag: Option<String>,
}

impl Registration {
    /// What the policy may ask of the host.
    pub fn facts(&self) -> HostFacts {
        HostFacts {
            exposure: self.exposure,
            environment: self.environment.clone(),
            tier: self.tier.clone(),
            client: Some(self.client.to_string()),
            labels: self.labels.clone(),
            first_seen: Some(self.enrolled),
            impact: Impact::default(),
        }
    }
}

/// Where a host stands in its life with us.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum HostState {
    /// Asked to join under a name that is taken: a person must decide, and
    /// until then it inherits nothing.
    Pending,
    /// Managed.
    Active,
    /// Gone; its key is refused and its history is kept.
    Retired,
}

impl HostState {
    /// The word in storage, API and console.
    pub fn word(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Active => "active",
            Self::Retired => "retired",
        }
    }

    /// Reads that word.
    pub fn parse(word: &str) -> Option<Self> {
        [Self::Pending, Self::Active, Self::Retired].into_iter().find(|state| state.word() == word)
    }
}

/// How a host's facts arrive.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum HostSource {
    /// An agent that dials in.
    Agent,
    /// A file made by `plimsoll collect` and brought by a person.
    Import,
    /// Components typed in, for what can run no agent.
    Manual,
}

impl HostSource {
    /// The word in storage, API and console.
    pub fn word(self) -> &'static str {
        match self {
            Self::Agent => "agent",
            Self::Import => "import",
            Self::Manual => "manual",
        }
    }

    /// Reads that word.
    pub fn parse(word: &str) -> Option<Self> {
        [Self::Agent, Self::Import, Self::Manual].into_iter().find(|source| source.word() == word)
    }
}
