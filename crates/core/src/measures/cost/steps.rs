//! The **forty steps** of patching, in ten phases. The count and the phases
//! are Project Quant's; names and what is measured are Plimsoll's own.
//!
//! Source: Plimsoll's reference of measures, section 6.1.

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::fmt;

/// One step, by its place among the forty.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Step(u8);

/// What is said of a step.
struct Known {
    number: &'static str,
    name: &'static str,
    key: bool,
    /// Between which events its time is measured; empty where none are kept.
    measured: &'static str,
}

const fn step(number: &'static str, name: &'static str, key: bool, measured: &'static str) -> Known {
    Known { number, name, key, measured }
}

const STEPS: [Known; 40] = [
    step("1.1", "Keep the list of asset and software types", false, ""),
    step("1.2", "Keep advisory sources per type", true, ""),
    step("1.3", "Watch sources, record advisories", true, "published → first seen here"),
    step("2.1", "Match advisory to products and assets", true, ""),
    step("2.2", "Nature: security, bug or feature; severity; exploit state", false, ""),
    step("2.3", "Decide local relevance", true, ""),
    step("2.4", "Dependencies, prerequisites, supersedence, reboot need", false, ""),
    step("3.1", "Locate the fix", false, ""),
    step("3.2", "Obtain it", false, ""),
    step("3.3", "Validate integrity and signature", false, ""),
    step("3.4", "Stage in repository or mirror", false, ""),
    step("4.1", "Derive priority and deadline", true, ""),
    step("4.2", "Choose change type", false, ""),
    step("4.3", "Fix scope, rings, windows", false, "first seen here → package drafted"),
    step("4.4", "Assign owner and tester", false, ""),
    step("4.5", "Client or business decision; publish schedule", false, ""),
    step("5.1", "Choose test cases and pass criteria", false, ""),
    step("5.2", "Prepare test ring", false, ""),
    step("5.3", "Run tests", true, "first of several rings opened → enough of its hosts had succeeded"),
    step("5.4", "Analyse; loop on failure", false, ""),
    step("5.5", "Approve, certify or reject", true, ""),
    step("6.1", "Parameters: targets, order, reboot, rollback", false, ""),
    step("6.2", "Build package or job", false, ""),
    step("6.3", "Trial install and uninstall", false, ""),
    step("6.4", "Approve package", false, "package drafted → enough people had signed"),
    step("7.1", "Prepare targets", false, ""),
    step("7.2", "Distribute", false, "host allowed → everything staged on it, mean over hosts"),
    step("7.3", "Install", true, "host began → had ended, mean over hosts"),
    step("7.4", "Restart and return to service", true, "reboot asked for → host had ended, mean over hosts that rebooted"),
    step("8.1", "Choose methods per platform", false, ""),
    step("8.2", "Verify installed", true, "host had ended → seen with the change, mean over hosts"),
    step("8.3", "Verify from outside", true, ""),
    step("8.4", "Verify function", true, ""),
    step("9.1", "Triage failures", false, ""),
    step("9.2", "Retry, repair or roll back", true, "first attempt failed → a later one succeeded, mean over hosts"),
    step("9.3", "Remove remnants", false, ""),
    step("10.1", "Seal evidence of deployment", false, ""),
    step("10.2", "Record exceptions and deviations", false, ""),
    step("10.3", "Update baselines, images, standards", true, ""),
    step("10.4", "Approve and tell stakeholders", false, ""),
];

/// What the ten phases are called.
pub const PHASES: [&str; 10] = [
    "Monitor",
    "Evaluate",
    "Acquire",
    "Prioritise and schedule",
    "Test and approve",
    "Create and test package",
    "Deploy",
    "Confirm",
    "Clean up",
    "Document",
];

impl Step {
    /// All forty, in their order.
    pub fn all() -> impl Iterator<Item = Self> {
        (0..STEPS.len() as u8).map(Self)
    }

    /// Reads a number, `7.3`.
    pub fn parse(number: &str) -> Option<Self> {
        Self::all().find(|step| step.number() == number)
    }

    fn known(self) -> &'static Known {
        // A step is only made by `all`.
        &STEPS[usize::from(self.0)]
    }

    /// Its number, `7.3`.
    pub fn number(self) -> &'static str {
        self.known().number
    }

    /// What is done.
    pub fn name(self) -> &'static str {
        self.known().name
    }

    /// Whether its figures are shown first.
    pub fn is_key(self) -> bool {
        self.known().key
    }

    /// Between which events its time is measured; empty where none are kept.
    pub fn measured(self) -> &'static str {
        self.known().measured
    }

    /// Its phase, from 0.
    pub fn phase(self) -> usize {
        let major = self.number().split('.').next().unwrap_or_default();
        major.parse::<usize>().unwrap_or(1).saturating_sub(1).min(PHASES.len() - 1)
    }
}

impl fmt::Display for Step {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.number())
    }
}

impl Serialize for Step {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.number())
    }
}

impl<'de> Deserialize<'de> for Step {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        Self::parse(&text).ok_or_else(|| serde::de::Error::custom(format!("{text:?} is none of the steps 1.1 to 10.4")))
    }
}
