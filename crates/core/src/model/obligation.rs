//! An **obligation**: one rule of one policy applied to one finding.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// A clock, a due date and a verdict. Several may bind one finding; they are
/// never merged, only the earliest due date works.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Obligation {
    /// Policy and rule, `samm/critical`.
    pub rule: String,
    /// The event that starts the clock, `fix_released`.
    pub clock: String,
    /// When it started; none when it has not (no fix available, say).
    pub clock_start: Option<Timestamp>,
    /// Last instant in time; none when the clock has not started, or the rule
    /// gives no number.
    pub due: Option<Timestamp>,
    /// Where it stands.
    pub verdict: Verdict,
    /// What counts as done, `effective`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub done: Option<String>,
    /// Share of the time used, in percent, 100 at `due`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub used_percent: Option<u32>,
    /// Anything else the rule asks for ("forensic triage first").
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub also: Vec<String>,
}

/// Where an obligation stands.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// Past due.
    Overdue,
    /// In time, 80 % or more of the time used.
    DueSoon,
    /// In time.
    OpenInTime,
    /// No fresh evidence or no way to tell; never counts for compliance.
    Unknown,
    /// Fixed too late.
    ClosedLate,
    /// An approved exception; never `compliant`.
    Excepted,
    /// Done in time.
    Compliant,
    /// The rule does not bind here.
    NotApplicable,
}
