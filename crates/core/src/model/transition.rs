//! What changed on one host at one moment, as the journal keeps it: which
//! findings opened and closed, and what they obliged to.
//!
//! Findings themselves are derived and not stored; reports about the past are
//! made of these.

use super::advisory::Rating;
use super::identifier::HostId;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// A finding, as it is told from others of its host.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
pub struct FindingKey {
    /// Advisory, `CVE-2026-1234` or `DSA-1-1`.
    pub advisory: String,
    /// Component, in the words of the evaluation.
    pub component: String,
}

/// What an open finding obliged to from a moment on, as the policies then in
/// force decided it.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub struct Obliged {
    /// Severity.
    #[serde(rename = "s", default)]
    pub rating: Rating,
    /// Whether it was known to be exploited.
    #[serde(rename = "x", default, skip_serializing_if = "std::ops::Not::not")]
    pub exploited: bool,
    /// Each obligation with a due date, the earliest first.
    #[serde(rename = "b", default, skip_serializing_if = "Vec::is_empty")]
    pub bounds: Vec<Bound>,
}

/// One obligation's clock and end. Whole seconds, as due dates are compared.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Bound {
    /// Last second in time, since 1970-01-01 UTC.
    #[serde(rename = "d")]
    pub due: i64,
    /// Second in which its clock started.
    #[serde(rename = "c", default, skip_serializing_if = "Option::is_none")]
    pub start: Option<i64>,
    /// Policy and rule, `samm/critical`.
    #[serde(rename = "r")]
    pub rule: String,
}

/// What changed on one host at one moment.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Transition {
    /// Host.
    pub host: HostId,
    /// Its place in the host's journal: the number of transitions it was
    /// decided from.
    pub serial: u64,
    /// When.
    pub at: Timestamp,
    /// Findings that opened.
    pub opened: Vec<FindingKey>,
    /// Findings that closed.
    pub closed: Vec<FindingKey>,
    /// What open findings oblige to from now on: those that opened, and those
    /// of which it changed.
    pub obliged: Vec<(FindingKey, Obliged)>,
    /// Policies that decided so, `samm 2026-11-21`.
    pub policies: Vec<String>,
}

impl Transition {
    /// Whether nothing changed.
    pub fn is_empty(&self) -> bool {
        self.opened.is_empty() && self.closed.is_empty() && self.obliged.is_empty()
    }
}
