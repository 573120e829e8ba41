//! What a host's judgement **rests on**: a judgement that was kept holds for as
//! long as a new one would read the same.

use plimsoll_core::model::policy::HostFacts;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

/// SHA-256 of something that was read.
pub type Read = [u8; 32];

/// What a judgement rests on.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Basis {
    /// The host, see [`host`].
    pub host: Read,
    /// The rest of the world, see [`ground`].
    pub ground: Read,
    /// Length of the host's journal with what the judgement wrote: whoever
    /// writes on has judged the host otherwise.
    pub journal: u64,
    /// When, in seconds since the epoch: support ends by the day.
    pub at: i64,
}

/// A database in the place of another, under the same policy: the grounds
/// before and after.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Swap {
    /// Before.
    pub from: Read,
    /// After.
    pub to: Read,
}

/// What is read of a host: its report, by digest, and what people say of it.
pub fn host(report: &str, facts: &HostFacts) -> Read {
    // The debugging text, so that no field is forgotten when one is added.
    Sha256::digest(format!("{report} {facts:?}")).into()
}

/// What is read beside the host: the advisory database and the policy, by
/// digest.
pub fn ground(database: Option<&str>, policy: &str) -> Read {
    Sha256::digest(format!("{database:?} {policy}")).into()
}
