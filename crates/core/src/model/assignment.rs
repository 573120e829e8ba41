//! An **assignment**: the server's fresh word that one host may now do what a
//! deployment package allows it.
//!
//! It can only narrow: it names one host, one package by digest, and a time
//! that ends soon. It is signed with the server's online key, which approves
//! nothing.

use super::deployment_package::Place;
use super::identifier::HostId;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// What the server's online key signs.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Assignment {
    /// Always [`Assignment::SCHEMA`].
    pub schema: String,
    /// The host; every other one refuses it.
    pub host: HostId,
    /// SHA-256 of the package's signed bytes, hex.
    pub package: String,
    /// Which life of the server's store: rises when a backup is taken up.
    pub epoch: u64,
    /// Which plan of that life; a host takes none below the highest it has
    /// seen.
    pub generation: u64,
    /// The host's line of the package's host list.
    pub place: Place,
    /// The line's number, from 0.
    pub position: u64,
    /// Inclusion proof of the line (RFC 6962, 2.1.1), hex.
    pub proof: Vec<String>,
    /// Whether the host may only fetch and stage yet, or apply.
    pub go: Go,
    /// When the server wrote it.
    pub issued: Timestamp,
    /// It means nothing from here on.
    pub expires: Timestamp,
}

impl Assignment {
    /// Name and version of the form.
    pub const SCHEMA: &'static str = "plimsoll-assignment/1";
}

/// How far a host may go.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Go {
    /// Fetch, verify and stage; simulate; change nothing.
    Stage,
    /// Apply when ring and window are open.
    Apply,
    /// Start nothing; what runs ends.
    Stop,
}
