//! A **policy**: the written rules that findings are held against.
//!
//! Rules are structured matchers, field → allowed values, and no expressions,
//! so that a linter can prove that every combination is covered and show the
//! whole decision table. Files become these types in
//! `plimsoll_formats::policy`; nothing here reads text but single values.

pub mod classes;
pub mod governance;
pub mod length;
pub mod recurrence;
pub mod rollout;
pub mod rules;
pub mod table;
pub mod when;

pub use super::deployment_package::ChangeType;
pub use classes::{ClassFrom, ComponentClass, ComponentClasses};
pub use governance::Governance;
pub use length::Length;
pub use recurrence::Recurrence;
pub use rollout::RolloutRules;
pub use rules::Rules;
pub use table::{DecisionPoint, DecisionTable, PointValue, TableFault};
pub use when::{Answers, Attribute, Comparison, Condition, EpssModel, Field, Number};

use super::advisory::Rating;
use super::problem::Problem;
use super::scan::PolicyInForce;
use super::threat::{Epss, Exploitation, TechnicalImpact};
use jiff::Timestamp;
use jiff::tz::TimeZone;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// The policies in force together: obligations add up, the earliest due date
/// works.
#[derive(Clone, Debug)]
pub struct PolicySet {
    /// The file's own policy first, then those it extends, in its order.
    pub policies: Vec<Policy>,
    /// Oldest a feed may be before answers that rest on it carry a warning.
    pub max_feed_age: FeedAge,
    /// How changes reach hosts: the file's own rules.
    pub rollout: RolloutRules,
    /// What the file says of people and practice.
    pub governance: Governance,
    /// Things that were accepted and have less effect than their writer may
    /// think.
    pub problems: Vec<Problem>,
    /// Sections read and checked as TOML that this part of Plimsoll does not
    /// enforce.
    pub not_enforced: Vec<String>,
}

/// Oldest a feed may be.
#[derive(Clone, PartialEq, Debug)]
pub struct FeedAge {
    /// The limit.
    pub limit: Length,
    /// Whether the policy states it; else it is Plimsoll's own.
    pub stated: bool,
}

impl FeedAge {
    /// Plimsoll's own limit where a policy states none: three days lets a
    /// daily feed fail over a weekend before every answer turns yellow.
    pub const DEFAULT: &'static str = "P3D";

    /// The limit in seconds, a day counted as 24 hours.
    pub fn seconds(&self) -> i64 {
        self.limit.nominal_seconds()
    }
}

impl PolicySet {
    /// Sections of the policy file that a scan reads and does not enforce.
    pub fn not_enforced_here(&self) -> &[String] {
        &self.not_enforced
    }

    /// What the policies' rules read of a prediction: on which side of each of
    /// their thresholds it lies, and its model where one asks for it.
    pub fn read_of_prediction(&self, epss: &Epss) -> (Vec<bool>, Option<EpssModel>) {
        let mut sides = Vec::new();
        let mut model = None;
        for condition in self.policies.iter().flat_map(|policy| &policy.rules).flat_map(|rule| &rule.when) {
            match condition {
                Condition::Compare(Number::Epss, comparison, bound) => sides.push(comparison.holds(f64::from(epss.score), *bound)),
                Condition::EpssModel(_) => model = EpssModel::of_day(epss.date),
                _ => {}
            }
        }
        (sides, model)
    }

    /// The policies as an answer names them.
    pub fn in_force(&self) -> Vec<PolicyInForce> {
        self.policies
            .iter()
            .map(|policy| PolicyInForce {
                id: policy.id.clone(),
                version: policy.version.clone(),
                source: policy.source.clone(),
                as_of: policy.as_of.clone(),
            })
            .collect()
    }
}

/// One policy.
#[derive(Clone, Debug)]
pub struct Policy {
    /// Id, `samm`; first half of every rule's name.
    pub id: String,
    /// Version.
    pub version: String,
    /// One line for people.
    pub title: String,
    /// Where its rules come from.
    pub source: String,
    /// Day its rules were checked against that source.
    pub as_of: Option<String>,
    /// Whether its source is in force.
    pub status: Status,
    /// Day from which on it binds, where it names one.
    pub effective: Option<jiff::civil::Date>,
    /// What a reader must know of its facts: which are verified, which are
    /// Plimsoll's own.
    pub marks: Vec<String>,
    /// Zone of its calendar.
    pub zone: TimeZone,
    /// Name of that zone.
    pub zone_name: String,
    /// How inputs are chosen and what stands in for unknown ones.
    pub classify: Classify,
    /// Table that gives `priority`, where it uses one.
    pub priority: Option<PriorityModel>,
    /// Rules; within one duty the first that matches binds.
    pub rules: Rules,
    /// Whether a host that arrives later than a fix gets the rule's whole time
    /// from its arrival on.
    pub grace_new_assets: bool,
    /// Facts that hold for every host unless the host's own say otherwise.
    pub host: HostFacts,
    /// What a host's tier says of safety and mission.
    pub tiers: BTreeMap<String, Impact>,
    /// Rules for exceptions.
    pub waiver: Option<WaiverRules>,
    /// File or preset it was read from.
    pub file: String,
    /// Lines of that file by path of keys, `deadline.critical.within`.
    pub lines: BTreeMap<String, u32>,
}

impl Policy {
    /// `file:line` of a path of keys, or of the closest part of it that the
    /// file writes; of its head where it writes none.
    pub fn place(&self, path: &str) -> String {
        let mut closest = Some(path);
        while let Some(path) = closest {
            if let Some(line) = self.lines.get(path) {
                return format!("{}:{line}", self.file);
            }
            closest = path.rsplit_once('.').map(|(before, _)| before);
        }
        self.lines.get("policy").map_or_else(|| self.file.clone(), |line| format!("{}:{line}", self.file))
    }
}

/// Whether a policy's source is in force.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Status {
    /// In force.
    #[default]
    InForce,
    /// Replaced or revoked; kept for old reports.
    Legacy,
    /// Not law yet.
    Proposed,
}

/// How inputs are chosen, and what stands in for unknown ones.
#[derive(Clone, Debug)]
pub struct Classify {
    /// Which kind of severity is asked first.
    pub severity_order: Vec<SeveritySource>,
    /// Whether technical impact may be told from a CVSS vector (all of
    /// confidentiality, integrity and availability high is total).
    pub infer_technical_impact: bool,
    /// Whether `automatable` may be told from a CVSS vector
    /// (network, low complexity, no privileges, no interaction is yes).
    pub infer_automatable: bool,
    /// What stands in for unknown inputs.
    pub unknown: Unknown,
    /// Which packages belong to which class.
    pub classes: ComponentClasses,
}

/// A kind of severity.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum SeveritySource {
    /// The vendor's word.
    Vendor,
    /// CVSS 4.
    Cvss4,
    /// CVSS 3.0 and 3.1.
    Cvss3,
    /// CVSS 2.
    Cvss2,
}

impl SeveritySource {
    /// The order unless a policy gives its own: who ships the fix knows the
    /// build it ships, and a newer CVSS says more than an older one.
    pub const DEFAULT_ORDER: [Self; 4] = [Self::Vendor, Self::Cvss4, Self::Cvss3, Self::Cvss2];
}

/// What stands in for unknown inputs. Every use is printed.
#[derive(Clone, PartialEq, Debug)]
pub struct Unknown {
    /// Severity.
    pub severity: Rating,
    /// Exposure of the host.
    pub exposure: Exposure,
    /// Exploitation, after looking and finding nothing.
    pub exploitation: Exploitation,
    /// Whether exploitation can be automated.
    pub automatable: bool,
    /// Technical impact.
    pub technical_impact: TechnicalImpact,
    /// Safety, mission and the like.
    pub impact: Impact,
}

impl Default for Unknown {
    /// SSVC's advice for unknown inputs; technical impact and the impact on
    /// the public are Plimsoll's own, on the cautious side.
    fn default() -> Self {
        Self {
            severity: Rating::High,
            exposure: Exposure::Open,
            exploitation: Exploitation::None,
            automatable: true,
            technical_impact: TechnicalImpact::Total,
            impact: Impact {
                safety: Some("marginal".to_owned()),
                mission: Some("mef-support-crippled".to_owned()),
                mission_prevalence: Some("support".to_owned()),
                public_well_being: Some("material".to_owned()),
                value_density: Some("diffuse".to_owned()),
            },
        }
    }
}

/// What a host means to people and mission, in the words of SSVC's points.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Impact {
    /// Safety impact: `negligible`, `marginal`, `critical`, `catastrophic`.
    pub safety: Option<String>,
    /// Mission impact: `degraded`, `mef-support-crippled`, `mef-failure`,
    /// `mission-failure`.
    pub mission: Option<String>,
    /// Mission prevalence: `minimal`, `support`, `essential`.
    pub mission_prevalence: Option<String>,
    /// Public well-being: `minimal`, `material`, `irreversible`.
    pub public_well_being: Option<String>,
    /// Value density: `diffuse`, `concentrated`.
    pub value_density: Option<String>,
}

impl Impact {
    /// Each field with its name and the words it may hold.
    pub fn fields(&self) -> [(&'static str, Option<&str>, &'static [&'static str]); 5] {
        [
            ("safety", self.safety.as_deref(), &["negligible", "marginal", "critical", "catastrophic"]),
            (
                "mission",
                self.mission.as_deref(),
                &["degraded", "mef-support-crippled", "mef-failure", "mission-failure"],
            ),
            ("mission_prevalence", self.mission_prevalence.as_deref(), &["minimal", "support", "essential"]),
            ("public_well_being", self.public_well_being.as_deref(), &["minimal", "material", "irreversible"]),
            ("value_density", self.value_density.as_deref(), &["diffuse", "concentrated"]),
        ]
    }

    /// The value of the field called `name`.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.fields().into_iter().find(|(field, ..)| *field == name).and_then(|(_, value, _)| value)
    }
}

/// How far a host can be reached, SSVC `ssvc:EXP:1.0.1`.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Exposure {
    /// Local, or a highly controlled network.
    Small,
    /// Networked with access restrictions.
    Controlled,
    /// The internet, or a network as open.
    Open,
}

impl Exposure {
    /// The word in policies, storage and on the command line.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Small => "small",
            Self::Controlled => "controlled",
            Self::Open => "open",
        }
    }

    /// Reads a policy's or command line's word.
    pub fn parse(word: &str) -> Option<Self> {
        Some(match word {
            "small" => Self::Small,
            "controlled" => Self::Controlled,
            "open" => Self::Open,
            _ => return None,
        })
    }
}

/// What people or an external scan say of one host; nothing of it comes from
/// a CVE.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub struct HostFacts {
    /// How far it can be reached.
    pub exposure: Option<Exposure>,
    /// Environment, `prod`.
    pub environment: Option<String>,
    /// Tier, `tier0`.
    pub tier: Option<String>,
    /// Client it belongs to.
    pub client: Option<String>,
    /// Free labels.
    pub labels: BTreeMap<String, String>,
    /// When the host was first known here.
    pub first_seen: Option<Timestamp>,
    /// What it means to people and mission.
    pub impact: Impact,
}

/// The table that gives `priority`, with the tables that feed its inputs.
#[derive(Clone, Debug)]
pub struct PriorityModel {
    /// Name in the policy, `ssvc-deployer/1.0.0`.
    pub name: String,
    /// The table.
    pub table: DecisionTable,
    /// Tables whose outcome is an input of another (human impact from safety
    /// and mission), found by the outcome's namespace and key.
    pub derived: Vec<DecisionTable>,
}

/// One rule: a head that matches, a length, a clock, what counts as done.
#[derive(Clone, Debug)]
pub struct Rule {
    /// Id, unique in its policy.
    pub id: String,
    /// `policy/rule`, the name an obligation carries.
    pub name: String,
    /// Position of its duty in the policy; within one duty the first matching
    /// rule binds, and different duties bind side by side.
    pub duty: u8,
    /// Name of that duty, `remediate` unless given.
    pub duty_name: String,
    /// Conditions; all must hold.
    pub when: Vec<Condition>,
    /// By when.
    pub within: Within,
    /// Which event starts the clock.
    pub clock: Clock,
    /// What counts as done.
    pub done: Done,
    /// How the change is handled.
    pub change_type: Option<ChangeType>,
    /// Whether calendar lengths keep the time of day.
    pub precise: bool,
    /// What is due while there is no fix.
    pub on_no_fix: Option<OnNoFix>,
    /// Whatever else the rule asks for, in sentences.
    pub also: Vec<String>,
    /// Where the rule's number comes from, where that needs saying.
    pub note: Option<String>,
}

/// By when a rule wants something done.
#[derive(Clone, PartialEq, Debug)]
pub enum Within {
    /// Within a length of time.
    Length(Length),
    /// By the date in the catalogue of known exploited vulnerabilities.
    KevDueDate {
        /// Counted from the listing where the catalogue gives no date.
        otherwise: Option<Length>,
    },
    /// At the host's next scheduled major upgrade or rebuild.
    NextUpgrade,
    /// The source gives no number, and none is made up; says why.
    NoNumber(Option<String>),
}

/// Which event starts a clock. Schemes differ in this more than in days.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Clock {
    /// The fix was released.
    FixReleased,
    /// The finding was first seen here.
    Detected,
    /// The finding was evaluated here.
    Evaluated,
    /// The vulnerability was listed as known exploited.
    KevListed,
    /// Detected, and the fix was released: the later.
    KnownAndFixAvailable,
    /// The rule's inputs became true, and the fix was released: the later.
    InputsTrueAndFixReleased,
}

impl Clock {
    /// The policy's word.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::FixReleased => "fix_released",
            Self::Detected => "detected",
            Self::Evaluated => "evaluated",
            Self::KevListed => "kev_listed",
            Self::KnownAndFixAvailable => "known_and_fix_available",
            Self::InputsTrueAndFixReleased => "inputs_true_and_fix_released",
        }
    }

    /// The event in words, after "within 14 days of".
    pub fn event(self) -> &'static str {
        match self {
            Self::FixReleased => "the release of the fix",
            Self::Detected => "its detection",
            Self::Evaluated => "its evaluation",
            Self::KevListed => "its listing as known exploited",
            Self::KnownAndFixAvailable => "its detection or the release of the fix, whichever is later",
            Self::InputsTrueAndFixReleased => {
                "the rule's inputs becoming true or the release of the fix, whichever is later"
            }
        }
    }

    /// Whether it waits for a fix.
    pub fn needs_fix(self) -> bool {
        matches!(self, Self::FixReleased | Self::KnownAndFixAvailable | Self::InputsTrueAndFixReleased)
    }
}

/// What counts as done.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Done {
    /// A mitigation is in place.
    Mitigated,
    /// The fix is installed.
    Installed,
    /// The fix is in effect: rebooted, restarted, configured.
    #[default]
    Effective,
    /// Seen to be in effect.
    Verified,
    /// Seen by something other than what deployed it.
    VerifiedBySecondSource,
}

impl Done {
    /// The policy's word.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Mitigated => "mitigated",
            Self::Installed => "installed",
            Self::Effective => "effective",
            Self::Verified => "verified",
            Self::VerifiedBySecondSource => "verified-by-second-source",
        }
    }
}

/// What is due while there is no fix.
#[derive(Clone, PartialEq, Debug)]
pub struct OnNoFix {
    /// A mitigation must stand within this time of detection.
    pub mitigate_within: Option<Length>,
    /// The mitigation is looked at again this often.
    pub review_every: Option<Length>,
}

/// Rules for exceptions; [`crate::phases::prioritize::exception`] holds a
/// request against them.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct WaiverRules {
    /// Kinds that may be granted.
    pub kinds: Vec<WaiverKind>,
    /// Longest life by priority.
    pub max_length: BTreeMap<String, Length>,
    /// Most renewals.
    pub max_renewals: Option<u32>,
    /// How many people approve, by priority; one where it names none.
    pub quorum: BTreeMap<String, u32>,
    /// Priorities that need a compensating control.
    pub need_compensating_control: Vec<String>,
    /// How often each is looked at again.
    pub review_every: Option<Length>,
    /// Most projects with an exception, in percent.
    pub cap_percent_of_projects: Option<u8>,
    /// Combinations never granted: kinds and priorities.
    pub forbid: Option<(Vec<WaiverKind>, Vec<String>)>,
}

/// Kinds of exception.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum WaiverKind {
    /// The vendor has no fix.
    NoFixAvailable,
    /// Operation does not allow the fix.
    OperationalRequirement,
    /// Put off to a new date.
    Deferral,
    /// A verified control stands in.
    Mitigated,
    /// It is not there; changes the verdict, not an exception.
    FalsePositive,
    /// The client said no.
    ClientRefusal,
    /// Accepted as it is, reviewed yearly.
    Accepted,
}

impl WaiverKind {
    /// All of them.
    pub const ALL: [Self; 7] = [
        Self::NoFixAvailable,
        Self::OperationalRequirement,
        Self::Deferral,
        Self::Mitigated,
        Self::FalsePositive,
        Self::ClientRefusal,
        Self::Accepted,
    ];

    /// The policy's word.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::NoFixAvailable => "no-fix-available",
            Self::OperationalRequirement => "operational-requirement",
            Self::Deferral => "deferral",
            Self::Mitigated => "mitigated",
            Self::FalsePositive => "false-positive",
            Self::ClientRefusal => "client-refusal",
            Self::Accepted => "accepted",
        }
    }

    /// Reads that word.
    pub fn parse(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.as_str() == word)
    }

    /// For readers, after "because".
    pub fn words(self) -> &'static str {
        match self {
            Self::NoFixAvailable => "no fix is available",
            Self::OperationalRequirement => "operation does not allow the fix",
            Self::Deferral => "put off to a new date",
            Self::Mitigated => "a verified control stands in",
            Self::FalsePositive => "it is not there (false positive)",
            Self::ClientRefusal => "the client said no",
            Self::Accepted => "accepted as it is",
        }
    }
}
