//! The policy file as it is written: TOML sections by their final names.
//!
//! Sections that a scan enforces refuse keys they do not know. Sections that
//! other parts of Plimsoll enforce are kept loose and named by
//! [`Document::not_enforced`], so that nobody takes their presence for effect.

use super::rollout::{ApproveSection, FreezeSection, RebootSection, RingSection, Sections, TestSection, WindowSection};
use plimsoll_core::model::advisory::Rating;
use plimsoll_core::model::policy::{
    ChangeType, Clock, Done, Exposure, Impact, SeveritySource, Status, WaiverKind,
};
use plimsoll_core::model::threat::{Exploitation, TechnicalImpact};
use serde::Deserialize;
use std::collections::BTreeMap;
use toml::{Spanned, Table, Value};

/// A string with its place.
pub(super) type Text = Spanned<String>;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Document {
    pub schema: Text,
    #[serde(default)]
    pub extends: Vec<Text>,
    pub combine: Option<Combine>,
    pub policy: Head,
    pub monitor: Option<Monitor>,
    #[serde(default)]
    pub classify: ClassifySection,
    pub priority: Option<PrioritySection>,
    #[serde(default)]
    pub deadline: Vec<Deadline>,
    pub host: Option<Spanned<HostSection>>,
    #[serde(default)]
    pub tier: BTreeMap<String, Spanned<Impact>>,
    pub waiver: Option<WaiverSection>,
    #[serde(default)]
    window: Vec<WindowSection>,
    #[serde(default)]
    freeze: Vec<FreezeSection>,
    #[serde(default)]
    ring: Vec<RingSection>,
    test: Option<TestSection>,
    approve: Option<ApproveSection>,
    reboot: Option<RebootSection>,
    // From here on: read by others.
    roles: Option<Table>,
    cycle: Option<Table>,
    client: Option<Table>,
    verify: Option<Table>,
    forensics: Option<Table>,
    notify: Option<Table>,
    baseline: Option<Table>,
    targets: Option<Table>,
    cost: Option<Table>,
}

impl Document {
    /// Names of the sections and keys that a scan reads without effect.
    pub(super) fn not_enforced(&self) -> Vec<String> {
        let monitor = self.monitor.as_ref();
        let present = [
            ("policy.owner", self.policy.owner.is_some()),
            ("policy.approved_by", !self.policy.approved_by.is_empty()),
            ("policy.review_every", self.policy.review_every.is_some()),
            ("monitor.sources", monitor.is_some_and(|monitor| monitor.sources.is_some())),
            ("monitor.discovery_every", monitor.is_some_and(|monitor| monitor.discovery_every.is_some())),
            ("monitor.scan_every", monitor.is_some_and(|monitor| monitor.scan_every.is_some())),
            ("waiver", self.waiver.is_some()),
            ("roles", self.roles.is_some()),
            ("cycle", self.cycle.is_some()),
            ("client", self.client.is_some()),
            ("verify", self.verify.is_some()),
            ("forensics", self.forensics.is_some()),
            ("notify", self.notify.is_some()),
            ("baseline", self.baseline.is_some()),
            ("targets", self.targets.is_some()),
            ("cost", self.cost.is_some()),
        ];
        let sections = present.into_iter().filter(|(_, is)| *is).map(|(name, _)| name.to_owned());
        sections.chain(self.rollout().not_enforced()).collect()
    }

    /// What it says of rollouts.
    pub(super) fn rollout(&self) -> Sections<'_> {
        Sections {
            rings: &self.ring,
            windows: &self.window,
            freezes: &self.freeze,
            test: self.test.as_ref(),
            approve: self.approve.as_ref(),
            reboot: self.reboot.as_ref(),
        }
    }
}

#[derive(Clone, Copy, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum Combine {
    Strictest,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Head {
    pub id: Text,
    pub version: String,
    pub title: Option<String>,
    pub source: Option<String>,
    pub as_of: Option<Spanned<toml::value::Datetime>>,
    #[serde(default)]
    pub status: Status,
    #[serde(default)]
    pub marks: Vec<String>,
    pub owner: Option<String>,
    #[serde(default)]
    pub approved_by: Vec<String>,
    pub effective: Option<Spanned<toml::value::Datetime>>,
    pub review_every: Option<Text>,
    pub timezone: Option<Text>,
    pub grace_new_assets: Option<Grace>,
}

#[derive(Clone, Copy, PartialEq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum Grace {
    FromArrival,
    None,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Monitor {
    pub max_feed_age: Option<Text>,
    sources: Option<Value>,
    discovery_every: Option<Value>,
    scan_every: Option<Value>,
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ClassifySection {
    pub severity_order: Option<Spanned<Vec<SeveritySource>>>,
    pub cvss_part: Option<Spanned<CvssPart>>,
    pub bundle: Option<Bundle>,
    pub infer: Option<Vec<Infer>>,
    #[serde(default)]
    pub unknown: UnknownSection,
    #[serde(default)]
    pub component_class: BTreeMap<Text, Vec<Text>>,
}

#[derive(Clone, Copy, PartialEq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum CvssPart {
    Base,
    Full,
}

#[derive(Clone, Copy, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum Bundle {
    Highest,
}

#[derive(Clone, Copy, PartialEq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Infer {
    TechnicalImpact,
    Automatable,
}

#[derive(Clone, Copy, PartialEq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum YesNo {
    Yes,
    No,
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct UnknownSection {
    pub severity: Option<Spanned<Rating>>,
    pub exposure: Option<Exposure>,
    pub exploitation: Option<Exploitation>,
    pub automatable: Option<YesNo>,
    pub technical_impact: Option<TechnicalImpact>,
    pub safety: Option<Text>,
    pub mission: Option<Text>,
    pub mission_prevalence: Option<Text>,
    pub public_well_being: Option<Text>,
    pub value_density: Option<Text>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct PrioritySection {
    pub model: Text,
    pub human_impact: Option<HumanImpact>,
}

#[derive(Clone, Copy, PartialEq, Default, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum HumanImpact {
    #[default]
    Table,
    Text,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Deadline {
    pub id: Text,
    pub when: Option<Spanned<BTreeMap<Text, Spanned<Value>>>>,
    pub within: Option<Text>,
    pub otherwise: Option<Text>,
    pub clock: Option<Clock>,
    pub done: Option<Done>,
    pub change_type: Option<ChangeType>,
    #[serde(default)]
    pub precise: bool,
    pub duty: Option<Text>,
    pub on_no_fix: Option<OnNoFixSection>,
    #[serde(default)]
    pub also: Vec<String>,
    pub note: Option<String>,
    pub no_number: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct OnNoFixSection {
    pub mitigate_within: Option<Text>,
    pub review_every: Option<Text>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct HostSection {
    pub exposure: Option<Exposure>,
    pub environment: Option<String>,
    pub tier: Option<String>,
    pub client: Option<String>,
    #[serde(default)]
    pub labels: BTreeMap<String, String>,
    pub safety: Option<String>,
    pub mission: Option<String>,
    pub mission_prevalence: Option<String>,
    pub public_well_being: Option<String>,
    pub value_density: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct WaiverSection {
    pub kinds: Vec<WaiverKind>,
    #[serde(default)]
    pub max_length: BTreeMap<String, Text>,
    pub max_renewals: Option<u32>,
    #[serde(default)]
    pub need_compensating_control: Vec<String>,
    pub review_every: Option<Text>,
    pub cap_percent_of_projects: Option<Spanned<u8>>,
    pub forbid: Option<ForbidSection>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ForbidSection {
    pub kinds: Vec<WaiverKind>,
    #[serde(default)]
    pub priority: Vec<String>,
}
