//! The policy file as it is written: TOML sections by their final names.
//!
//! Every section refuses keys it does not know. Those that nothing enforces
//! yet are named by [`Document::not_enforced`], so that nobody takes their
//! presence for effect.

use super::governance::{AccreditationSection, AssetClassSection, OneOrMany, ScopeSection};
use super::rollout::{ApproveSection, FreezeSection, RebootSection, RingSection, Sections, TestSection, WindowSection};
use plimsoll_core::model::advisory::Rating;
use plimsoll_core::model::policy::governance::{
    Baseline, CleanUp, Client, Cost, Cycle, Documentation, Emergency, Escalation, Forensics, Mitigation, Monitor, Notify, Person, Report,
    Retention, Roles, Targets, Unpatchable, Verify,
};
use plimsoll_core::model::policy::{
    ChangeType, Clock, Done, Exposure, Impact, SeveritySource, Status, WaiverKind,
};
use plimsoll_core::model::threat::{Exploitation, TechnicalImpact};
use serde::Deserialize;
use std::collections::BTreeMap;
use toml::{Spanned, Value};

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
    pub window: Vec<WindowSection>,
    #[serde(default)]
    pub freeze: Vec<FreezeSection>,
    #[serde(default)]
    pub ring: Vec<RingSection>,
    pub test: Option<TestSection>,
    pub approve: Option<ApproveSection>,
    pub reboot: Option<RebootSection>,
    pub accreditation: Option<AccreditationSection>,
    pub scope: Option<ScopeSection>,
    #[serde(default)]
    pub asset_class: Vec<AssetClassSection>,
    #[serde(default)]
    pub people: BTreeMap<String, Person>,
    pub roles: Option<Roles>,
    pub cycle: Option<OneOrMany<Cycle>>,
    pub emergency: Option<Emergency>,
    pub mitigation: Option<Mitigation>,
    pub unpatchable: Option<Unpatchable>,
    pub client: Option<Client>,
    pub verify: Option<Verify>,
    pub forensics: Option<Forensics>,
    pub notify: Option<Notify>,
    #[serde(default)]
    pub escalation: Vec<Escalation>,
    pub clean_up: Option<CleanUp>,
    pub documentation: Option<Documentation>,
    pub baseline: Option<Baseline>,
    pub targets: Option<Targets>,
    #[serde(default)]
    pub report: Vec<Report>,
    pub cost: Option<Cost>,
    pub retention: Option<Retention>,
}

impl Document {
    /// Names of the sections and keys that a scan reads without effect.
    pub(super) fn not_enforced(&self) -> Vec<String> {
        let monitor = self.monitor.as_ref();
        let present = [
            ("monitor.watch", monitor.is_some_and(|monitor| monitor.watch.iter().any(|watch| watch.every.is_none()))),
            ("scope", self.scope.is_some()),
            ("asset_class", !self.asset_class.is_empty()),
            ("unpatchable.remove_unsupported", self.unpatchable.as_ref().is_some_and(|unpatchable| unpatchable.remove_unsupported.is_some())),
            ("client.on_refusal.notify", self.client.as_ref().and_then(|client| client.on_refusal.as_ref()).is_some_and(|refusal| !refusal.notify.is_empty())),
            ("clean_up", self.clean_up.is_some()),
            ("documentation", self.documentation.is_some()),
            ("baseline", self.baseline.is_some()),
            ("report", self.report.iter().any(|report| report.report.is_none())),
            ("retention.personal", self.retention.as_ref().is_some_and(|retention| retention.personal.is_some())),
        ];
        let sections = present.into_iter().filter(|(_, is)| *is).map(|(name, _)| name.to_owned());
        // Whose work nothing here asks for: there is no act to hold them against.
        let held = ["monitor", "package", "deploy", "confirm"];
        let roles = self.roles.iter().flat_map(Roles::phases).filter(|(phase, _)| !held.contains(phase));
        let sections = sections.chain(roles.map(|(phase, _)| format!("roles.{phase}")));
        sections.chain(self.rollout().not_enforced()).collect()
    }

    /// Sections that have no effect where another file extends this one.
    pub(super) fn passed_over(&self) -> Vec<&'static str> {
        let present = [
            ("ring", !self.ring.is_empty()),
            ("window", !self.window.is_empty()),
            ("freeze", !self.freeze.is_empty()),
            ("test", self.test.is_some()),
            ("approve", self.approve.is_some()),
            ("reboot", self.reboot.is_some()),
            ("accreditation", self.accreditation.is_some()),
            ("waiver", self.waiver.is_some()),
            ("roles", self.roles.is_some()),
            ("cycle", self.cycle.is_some()),
            ("client", self.client.is_some()),
            ("notify", self.notify.is_some()),
            ("verify", self.verify.is_some()),
            ("forensics", self.forensics.is_some()),
            ("targets", self.targets.is_some()),
        ];
        present.into_iter().filter(|(_, is)| *is).map(|(name, _)| name).collect()
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
    pub purpose: Option<String>,
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
    pub quorum: BTreeMap<String, Spanned<u32>>,
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
