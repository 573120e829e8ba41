//! A **scan**: one dated, explained answer about one host or application.

use super::component::Component;
use super::finding::Finding;
use super::host::Host;
use super::problem::Problem;
use super::source::Source;
use super::update::Update;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// The whole answer of `plimsoll scan`; its JSON form is a published contract
/// (`docs/schema/scan-1.schema.json`).
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct Scan {
    /// Always [`Scan::SCHEMA`].
    pub schema: String,
    /// The instant every clock in the answer was read at.
    pub as_of: Timestamp,
    /// Program and version that made it.
    pub tool: String,
    /// The host or document.
    pub host: Host,
    /// Policies in force, `samm 2026-11-21`.
    pub policies: Vec<PolicyInForce>,
    /// The advisory database; none when there was none, and findings are then
    /// unknown, not absent.
    pub database: Option<Database>,
    /// Components found.
    pub components: Vec<Component>,
    /// Findings, most urgent first.
    pub findings: Vec<Finding>,
    /// Pending updates, most urgent first; none where no package manager's
    /// view could be had.
    pub updates: Option<Vec<Update>>,
    /// Updates on offer that the package manager's plan leaves out, most urgent
    /// first; each says what holds it. Their clocks run on.
    #[serde(default)]
    pub held_updates: Vec<Update>,
    /// How much of the question was answered.
    pub coverage: Coverage,
    /// What limits the answer.
    pub problems: Vec<Problem>,
}

impl Scan {
    /// Name and version of the JSON form.
    pub const SCHEMA: &'static str = "plimsoll-scan/1";

    /// Every update on offer: those of the plan, then those held back.
    pub fn offered_updates(&self) -> impl Iterator<Item = &Update> {
        self.updates.iter().flatten().chain(&self.held_updates)
    }
}

/// A policy in force.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct PolicyInForce {
    /// Id, `samm`.
    pub id: String,
    /// Version.
    pub version: String,
    /// Where its rules come from.
    pub source: String,
    /// Day its rules were checked against that source.
    pub as_of: Option<String>,
}

/// The advisory database as an answer names it.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub struct Database {
    /// File it was read from.
    pub path: String,
    /// The date of its newest input.
    pub built: Option<Timestamp>,
    /// BLAKE3 digest of its header, hex: names the exact bytes.
    pub digest: String,
    /// Ed25519 public key that signed it, hex; none when unsigned.
    pub signed_by: Option<String>,
    /// Sources with record count and newest date.
    pub sources: Vec<Source>,
}

/// How much of the question was answered.
#[derive(Clone, PartialEq, Debug, Default, Serialize, Deserialize)]
pub struct Coverage {
    /// Components found.
    pub components: u64,
    /// Judged against at least one source that covers their stream.
    pub evaluated: u64,
    /// Of those, the ones whose sources are stale, failed or partial.
    pub stale: u64,
    /// In a stream out of support.
    pub unsupported: u64,
    /// Not judged: no stream, no source for it, or an unreadable version.
    pub not_covered: u64,
    /// By stream.
    pub streams: Vec<StreamCoverage>,
}

/// Coverage of one stream.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct StreamCoverage {
    /// Stream; `(none)` for components without one.
    pub stream: String,
    /// Components in it.
    pub components: u64,
    /// Whether advisories were at hand.
    pub evaluated: bool,
    /// Sources used.
    pub sources: Vec<String>,
    /// Support: `supported`, `long-term`, `extended-only`, `ended`, `unknown`.
    pub support: String,
    /// Last supported day that applies, where known.
    pub support_ends: Option<String>,
}
