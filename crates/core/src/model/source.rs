//! A **source** of facts: which feed, how many records, how fresh.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// One source as the advisory database holds it.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub struct Source {
    /// Short stable name, `osv/Debian`, `kev`, `epss`, `csaf/redhat`.
    pub name: String,
    /// Where it came from: web address or path inside the input folder.
    pub location: String,
    /// Records taken from it.
    pub records: u64,
    /// Records that could not be read and were left out.
    pub rejected: u64,
    /// Newest date any record or the feed itself carries.
    pub newest: Option<Timestamp>,
    /// When it was fetched; none when read from a folder.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub fetched: Option<Timestamp>,
    /// SHA-256 of the input bytes, hex.
    pub digest: String,
    /// Streams it speaks of; empty for facts by CVE.
    pub streams: Vec<String>,
    /// What went wrong when it was last fetched or read; the facts are then
    /// the last good ones.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub warnings: Vec<SourceWarning>,
}

/// Why an answer that depends on a source must carry a warning.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct SourceWarning {
    /// Kind of trouble.
    pub kind: SourceTrouble,
    /// One sentence with figures.
    pub text: String,
}

/// Kinds of trouble with a source.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum SourceTrouble {
    /// The newest record is older than the freshness limit.
    Stale,
    /// It could not be fetched or read; the last good one stays in use.
    Failed,
    /// It lost more than a fifth of its records; the last good one stays in use.
    Shrunk,
    /// Its newest date went back; the last good one stays in use.
    WentBack,
    /// Some records could not be read.
    Partial,
}
