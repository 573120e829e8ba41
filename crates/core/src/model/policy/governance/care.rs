//! Proof and care: verification, forensics, baselines, targets, prices.

use super::Percent;
use crate::model::policy::Length;
use serde::{Deserialize, Deserializer, Serialize};
use std::collections::BTreeMap;

/// How a fix is seen to be in effect.
#[derive(Clone, PartialEq, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Verify {
    /// By what.
    #[serde(default)]
    pub method: Vec<VerifyMethod>,
    /// Share of hosts that is looked at by hand.
    pub sample_pct: Option<Percent>,
    /// By something other than what deployed it.
    pub out_of_band: Option<OutOfBand>,
    /// Oldest evidence that still counts.
    pub max_evidence_age: Option<Length>,
}

/// A way to see a fix.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum VerifyMethod {
    /// The agent's report.
    Agent,
    /// The package database.
    PackageDb,
    /// The version that runs.
    RunningVersion,
    /// A scanner.
    Scanner,
    /// A check of the configuration.
    Configuration,
}

impl VerifyMethod {
    /// For readers.
    pub fn words(self) -> &'static str {
        match self {
            Self::Agent => "the agent's report",
            Self::PackageDb => "the package database",
            Self::RunningVersion => "the version that runs",
            Self::Scanner => "a scanner",
            Self::Configuration => "a check of the configuration",
        }
    }
}

/// By something other than what deployed it.
#[derive(Clone, PartialEq, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct OutOfBand {
    /// Whether a scanner looks.
    pub scanner: bool,
    /// Within what time.
    pub within: Option<Length>,
    /// What disagreement leads to.
    pub disagree: Option<Disagreement>,
}

/// What disagreement of two sources leads to.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Disagreement {
    /// The finding is open again.
    Reopen,
    /// A person looks.
    Review,
}

/// Looking for traces before patching.
#[derive(Clone, PartialEq, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Forensics {
    /// Severities, priorities or rules that ask for it.
    pub trigger: Vec<String>,
    /// By when its scope is settled.
    pub scope_within: Option<Length>,
    /// Whether volatile evidence is taken before the patch.
    #[serde(default)]
    pub collect_before_patch: bool,
    /// By when evidence is taken.
    pub collect_within: Option<Length>,
    /// By when it is decided whether the host was broken into.
    pub decide_within: Option<Length>,
    /// What becomes of a host whose evidence was not taken in time.
    #[serde(default)]
    pub on_timeout: Untaken,
}

/// What becomes of a host whose evidence was not taken in time.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Untaken {
    /// It waits on, and people are alerted.
    #[default]
    Wait,
    /// It is patched, and the record of the change says that nobody looked.
    Patch,
}

/// The configuration standard.
#[derive(Clone, PartialEq, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Baseline {
    /// How soon after a fix images and standards hold it.
    pub update_within: Option<Length>,
    /// What keeps a new host out of production.
    #[serde(default)]
    pub block_new_assets_with: Vec<BlockedBy>,
    /// Software without support.
    pub unsupported: Option<UnsupportedSoftware>,
}

/// What keeps a new host out of production.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum BlockedBy {
    /// A known exploited vulnerability.
    Kev,
    /// A critical one.
    Critical,
    /// Anything overdue.
    Overdue,
    /// Software without support.
    Unsupported,
}

impl BlockedBy {
    /// For readers.
    pub fn words(self) -> &'static str {
        match self {
            Self::Kev => "known exploited vulnerabilities",
            Self::Critical => "critical vulnerabilities",
            Self::Overdue => "anything overdue",
            Self::Unsupported => "software without support",
        }
    }
}

/// Software without support.
#[derive(Clone, PartialEq, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct UnsupportedSoftware {
    /// How long before support ends it is flagged.
    pub flag_before: Option<Length>,
    /// By when it is gone.
    pub remove_by: Option<RemoveBy>,
}

/// By when software without support is gone.
#[derive(Clone, PartialEq, Debug)]
pub enum RemoveBy {
    /// The day support ends.
    EndOfSupport,
    /// Some time after.
    After(Length),
}

impl<'de> Deserialize<'de> for RemoveBy {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        if text == "end-of-support" {
            return Ok(Self::EndOfSupport);
        }
        let wrong = |wrong| serde::de::Error::custom(format!("`{text}` {wrong}, or end-of-support"));
        Length::parse(&text).map(Self::After).map_err(wrong)
    }
}

/// What is removed afterwards.
#[derive(Clone, PartialEq, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CleanUp {
    /// How soon a failure is looked into.
    pub triage_within: Option<Length>,
    /// How long a copy of a machine from before the change is kept.
    pub snapshot_life: Option<Length>,
    /// How soon remnants are gone.
    pub remnants_within: Option<Length>,
}

/// What is written down.
#[derive(Clone, PartialEq, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Documentation {
    /// What the record of a change holds.
    #[serde(default)]
    pub evidence: Vec<String>,
    /// Whether exceptions go out as OSCAL plan of action and milestones.
    #[serde(default)]
    pub oscal: bool,
}

/// What counts as good enough.
#[derive(Clone, PartialEq, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Targets {
    /// Share done in time, by severity or priority.
    #[serde(default)]
    pub within_sla_pct: BTreeMap<String, Percent>,
    /// Share of hosts that are looked at.
    pub coverage_pct: Option<Percent>,
    /// Share of hosts whose evidence is fresh.
    pub evidence_fresh_pct: Option<Percent>,
    /// Most changes that may fail.
    pub failed_changes_pct: Option<Percent>,
    /// Most findings under an exception.
    pub exceptions_pct: Option<Percent>,
}

/// A report that goes out.
#[derive(Clone, PartialEq, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Report {
    /// Which.
    pub name: String,
    /// How often.
    pub every: Length,
    /// To whom.
    pub to: Vec<String>,
    /// Which one the server makes when it is due, `management`; none for one
    /// that people write.
    pub report: Option<String>,
    /// Its form; PDF where it is left out.
    pub format: Option<String>,
}

/// A sum of money or a price.
#[derive(Clone, Copy, PartialEq, PartialOrd, Debug)]
pub struct Amount(pub f64);

impl<'de> Deserialize<'de> for Amount {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let value = f64::deserialize(deserializer)?;
        if value.is_finite() && value >= 0.0 {
            return Ok(Self(value));
        }
        Err(serde::de::Error::custom(format!("{value} is no price: write a number from 0 on")))
    }
}

/// Prices.
#[derive(Clone, PartialEq, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Cost {
    /// ISO 4217 code.
    pub currency: String,
    /// An hour, by role; `default` for all others.
    #[serde(default)]
    pub rate: BTreeMap<String, Amount>,
    /// A minute out of service, by tier.
    #[serde(default)]
    pub downtime_per_min: BTreeMap<String, Amount>,
    /// A year's fixed costs, by what they are for.
    #[serde(default)]
    pub fixed_per_year: BTreeMap<String, Amount>,
    /// Days of a year that people of a role may spend on all of it.
    #[serde(default)]
    pub budget_days: BTreeMap<String, Amount>,
    /// Hours that are a day; eight where it is left out.
    pub hours_per_day: Option<Amount>,
    /// Hours of a step where nobody says them, by the step's number.
    #[serde(default)]
    pub estimate: BTreeMap<String, Estimate>,
    /// What stretches estimates.
    #[serde(default)]
    pub friction: BTreeMap<String, Friction>,
}

/// Hours of a step on one patch: a fixed part, and one for each unit.
#[derive(Clone, PartialEq, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Estimate {
    /// Minutes for each patch.
    #[serde(default)]
    pub minutes: u32,
    /// Minutes for each unit.
    #[serde(default)]
    pub per_unit: u32,
    /// What is counted.
    pub unit: Option<Unit>,
    /// Whose hours they are; those of `default` where it is left out.
    pub role: Option<String>,
}

/// What an estimate counts.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Deserialize, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Unit {
    /// Advisories that the package answers.
    Advisories,
    /// Checks that it makes.
    Checks,
    /// Hosts that it is for.
    Hosts,
    /// Hosts that did not come to its end.
    Failures,
}

/// How much longer a step takes where something is incomplete: estimates are
/// stretched by the weight for each part that is missing.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Friction {
    /// By how much, in percent, where nothing is known at all.
    pub weight_pct: u16,
    /// How much is known.
    pub complete_pct: Percent,
}

/// How long records are kept.
#[derive(Clone, PartialEq, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Retention {
    /// Evidence.
    pub evidence: Option<Length>,
    /// Reports.
    pub reports: Option<Length>,
    /// Personal data of notices and answers.
    pub personal: Option<Length>,
}
