//! The **rollout rules** of a policy: rings, windows, freezes, tests,
//! approvals and reboots.

mod alerts;
mod calendar;

pub use alerts::{AlertGate, Asks};
pub use calendar::{Calendar, outside};

use super::length::Length;
use super::recurrence::Recurrence;
use super::when::Attribute;
use super::HostFacts;
use super::governance::MaySkip;
use crate::model::deployment_package::{ChangeType, RebootRule};
use jiff::{SignedDuration, Timestamp};
use jiff::civil::DateTime;
use jiff::tz::TimeZone;
use std::collections::BTreeMap;

/// How changes reach hosts.
#[derive(Clone, PartialEq, Debug)]
pub struct RolloutRules {
    /// Rings in their order; the last takes every host that no other took.
    pub rings: Vec<RingRule>,
    /// Windows; a host has the first that fits it, and without one it may
    /// change at any time.
    pub windows: Vec<WindowRule>,
    /// Times at which nothing starts.
    pub freezes: Vec<FreezeRule>,
    /// What must be tested, by how the change is authorised.
    pub test: BTreeMap<ChangeType, TestRule>,
    /// How changes are approved.
    pub approve: ApproveRules,
    /// What is done where a reboot is needed.
    pub reboot: RebootRule,
}

impl Default for RolloutRules {
    /// Plimsoll's own where a policy is silent: a twentieth of the hosts goes
    /// first and is watched for a day, and none of it may fail.
    fn default() -> Self {
        let day = |text: &str| Length::parse(text).unwrap_or_else(|_| Length::zero());
        let ring = |id: &str, percent, soak: &str, failed_per_mille| RingRule {
            id: id.to_owned(),
            select: Select::default(),
            percent: Some(percent),
            soak: day(soak),
            failed_per_mille,
            health_failed: None,
            alerts: Vec::new(),
        };
        Self {
            rings: vec![ring("canary", 5, "PT24H", 0), ring("broad", 100, "PT0S", 20)],
            windows: Vec::new(),
            freezes: Vec::new(),
            test: BTreeMap::new(),
            approve: ApproveRules::default(),
            reboot: RebootRule::IfNeeded,
        }
    }
}

impl RolloutRules {
    /// Takes from emergencies what `emergency.may_skip` does not name; gives
    /// names of what is taken. A policy that names nothing leaves it to each
    /// window, freeze and test.
    pub fn bind_emergencies(&mut self, may_skip: &[MaySkip]) -> Vec<String> {
        let mut taken = Vec::new();
        if may_skip.is_empty() {
            return taken;
        }
        let mut bind = |kinds: &mut Vec<ChangeType>, path: String| {
            if kinds.contains(&ChangeType::Emergency) {
                kinds.retain(|kind| *kind != ChangeType::Emergency);
                taken.push(path);
            }
        };
        if !may_skip.contains(&MaySkip::Windows) {
            self.windows.iter_mut().for_each(|window| bind(&mut window.break_for, format!("window.{}.break_for", window.id)));
        }
        if !may_skip.contains(&MaySkip::Freezes) {
            self.freezes.iter_mut().for_each(|freeze| bind(&mut freeze.break_for, format!("freeze.{}.break_for", freeze.id)));
        }
        if let (Some(own), Some(normal), false) = (self.test.get(&ChangeType::Emergency), self.test.get(&ChangeType::Normal), may_skip.contains(&MaySkip::FullTests)) {
            let bound = own.stricter(normal);
            if bound != *own {
                self.test.insert(ChangeType::Emergency, bound);
                taken.push("test.emergency".to_owned());
            }
        }
        taken
    }

    /// When the last ring starts with a change that begins at `from`: ring by
    /// ring, each at the first instant from one on that `opening` gives for it
    /// and watched as long as it says, the first also until the test's soak is
    /// over. None where a window does not come any more.
    pub fn last_ring_starts(&self, kind: ChangeType, from: Timestamp, opening: impl Fn(Timestamp) -> Option<Timestamp>) -> Option<Timestamp> {
        let tested = self.test.get(&kind).map_or(0, |test| test.min_soak.nominal_seconds());
        let mut at = opening(from)?;
        let earlier = self.rings.split_last().map_or(&[][..], |(_, earlier)| earlier);
        for (number, before) in earlier.iter().enumerate() {
            let soak = before.soak.nominal_seconds().max(if number == 0 { tested } else { 0 });
            at = opening(at.checked_add(SignedDuration::from_secs(soak)).ok()?)?;
        }
        Some(at)
    }
}

/// Hosts by what people say of them: every attribute has one of its words.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Select(pub BTreeMap<Attribute, Vec<String>>);

impl Select {
    /// Whether it names nothing.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether a host fits; an unknown attribute fits nothing.
    pub fn fits(&self, host: &HostFacts) -> bool {
        self.0.iter().all(|(attribute, words)| {
            let word = match attribute {
                Attribute::Environment => host.environment.as_deref(),
                Attribute::Tier => host.tier.as_deref(),
                Attribute::Client => host.client.as_deref(),
                Attribute::Label(name) => host.labels.get(name).map(String::as_str),
            };
            word.is_some_and(|word| words.iter().any(|known| known == word))
        })
    }

    /// As people read it, `environment is prod`.
    pub fn words(&self) -> String {
        let parts: Vec<String> = self.0.iter().map(|(attribute, words)| format!("{attribute} is {}", words.join(" or "))).collect();
        parts.join(" and ")
    }
}

/// A share of hosts that goes together.
#[derive(Clone, PartialEq, Debug)]
pub struct RingRule {
    /// Name.
    pub id: String,
    /// Hosts that always belong to it.
    pub select: Select,
    /// Share of all hosts that it is filled up to by lot, in percent; none for
    /// the named ones alone.
    pub percent: Option<u8>,
    /// How long its results are watched.
    pub soak: Length,
    /// Share of its hosts that may fail or go silent, in thousandths.
    pub failed_per_mille: u32,
    /// Hosts whose health check fails at which the gate shuts.
    pub health_failed: Option<u32>,
    /// What outside monitoring must be quiet about.
    pub alerts: Vec<AlertGate>,
}

/// When hosts may change.
#[derive(Clone, PartialEq, Debug)]
pub struct WindowRule {
    /// Name.
    pub id: String,
    /// Hosts that it is for.
    pub select: Select,
    /// Its zone.
    pub zone: TimeZone,
    /// Name of that zone.
    pub zone_name: String,
    /// First beginning on the clock of that zone.
    pub start: DateTime,
    /// On which days it begins.
    pub rule: Recurrence,
    /// How long it lasts.
    pub duration: Length,
    /// How long before its end nothing is started any more.
    pub stop_starting: Length,
    /// Whether a host may reboot in it.
    pub reboot: bool,
    /// Changes that need not wait for it.
    pub break_for: Vec<ChangeType>,
}

/// A time at which nothing starts.
#[derive(Clone, PartialEq, Debug)]
pub struct FreezeRule {
    /// Name.
    pub id: String,
    /// Hosts that it is for; everybody where it names none.
    pub select: Select,
    /// The first instant.
    pub from: Timestamp,
    /// The first instant after it.
    pub to: Timestamp,
    /// Changes that need not wait for it.
    pub break_for: Vec<ChangeType>,
}

/// What must be tested.
#[derive(Clone, PartialEq, Debug)]
pub struct TestRule {
    /// How much.
    pub suite: Suite,
    /// How long the first ring is watched at least.
    pub min_soak: Length,
}

impl TestRule {
    /// The stricter of two in each part.
    pub fn stricter(&self, other: &Self) -> Self {
        let longer = if self.min_soak.nominal_seconds() >= other.min_soak.nominal_seconds() { self } else { other };
        Self { suite: self.suite.max(other.suite), min_soak: longer.min_soak.clone() }
    }
}

/// How much is tested.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Suite {
    /// Nothing beyond what every host observes of itself.
    None,
    /// What every host observes of itself, seen in the first ring.
    Smoke,
    /// At least one check of the package's own beside that.
    Full,
}

/// How changes are approved.
#[derive(Clone, PartialEq, Debug)]
pub struct ApproveRules {
    /// Whether the author's signature counts for nothing. Hosts hold to it
    /// whatever a policy says, but in an evaluation.
    pub separation_of_duties: bool,
    /// How many people must sign, by how the change is authorised; never fewer
    /// than hosts ask for.
    pub quorum: BTreeMap<ChangeType, u32>,
    /// How long signatures may be gathered, by how the change is authorised.
    pub timeout: BTreeMap<ChangeType, Length>,
}

impl Default for ApproveRules {
    fn default() -> Self {
        Self { separation_of_duties: true, quorum: BTreeMap::new(), timeout: BTreeMap::new() }
    }
}
