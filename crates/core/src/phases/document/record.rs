//! The record of a change, as it is written down.

use crate::model::advisory::Rating;
use crate::model::deployment_package::DeploymentPackage;
use crate::model::identifier::{HostId, TriageId};
use crate::model::outcome::{CheckResult, Observed, State};
use crate::model::problem::Problem;
use crate::model::triage::TriageStep;
use crate::phases::cleanup::Cause;
use crate::phases::confirm::Confirmed;
use crate::phases::confirm::second::Agreement;
use crate::phases::deploy::{Gate, OutsideAlert, Phase, Progress, Wanted};
use crate::phases::package::LeftOut;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// The record of a change.
#[derive(Clone, PartialEq, Debug, Serialize)]
pub struct Record {
    /// Always [`Record::SCHEMA`].
    pub schema: String,
    /// SHA-256 of the package, hex; it names the change everywhere.
    pub package: String,
    /// What people wanted of the rollout last.
    pub state: Wanted,
    /// How its gate stood last.
    pub gate: Gate,
    /// When the rollout was started.
    pub started: Timestamp,
    /// When the log said something of it last.
    pub last: Timestamp,
    /// Why: what the package answers.
    pub answers: Vec<Answered>,
    /// Why the package is as it is, in words.
    pub because: Vec<String>,
    /// What people did, in its order.
    pub acts: Vec<Act>,
    /// The rings, and what they came to.
    pub rings: Vec<RingRecord>,
    /// The decisions of the gate that changed something.
    pub gates: Vec<GateDecision>,
    /// Hosts by how they stand.
    pub totals: Totals,
    /// Failures by cause.
    pub causes: Vec<CauseCount>,
    /// Where the time went.
    pub times: Vec<Times>,
    /// What those times are counted from.
    pub milestones: Milestones,
    /// Every host.
    pub hosts: Vec<HostRecord>,
    /// Forensic triages that hosts waited for before they started.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub triages: Vec<TriageRecord>,
    /// Hosts that were chosen and were not in it.
    pub left_out: Vec<LeftOut>,
    /// What did not go as planned, in its order.
    pub deviations: Vec<Deviation>,
    /// What people signed: artefacts, versions, rules, policy.
    pub content: DeploymentPackage,
    /// What the log was signed under.
    pub seal: Seal,
}

impl Record {
    /// Name and version of the form.
    pub const SCHEMA: &'static str = "plimsoll-change-record/1";
}

/// The checkpoint that covers everything in a record.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize)]
pub struct Seal {
    /// Name of the log.
    pub origin: String,
    /// Entries under it.
    pub size: u64,
    /// Root hash of its tree, hex.
    pub root: String,
    /// Verifier key of the log.
    pub verifier_key: String,
    /// Entries that the record was made of.
    pub entries: u64,
    /// Position of the first and the last of them.
    pub positions: (u64, u64),
}

/// An advisory that a package answers, as it stood when it was drafted.
#[derive(Clone, PartialEq, Debug, Default, Serialize, Deserialize)]
pub struct Answered {
    /// Its id.
    pub advisory: String,
    /// Other names, CVEs among them.
    pub aliases: Vec<String>,
    /// One line.
    pub summary: String,
    /// Worst severity.
    pub severity: Rating,
    /// Whether it is known to be exploited.
    pub exploited: bool,
    /// Hosts of the package that it concerned.
    pub hosts: u64,
    /// When it was published.
    pub published: Option<Timestamp>,
    /// When it was first seen on one of them.
    pub first_seen: Option<Timestamp>,
    /// Earliest due date among them.
    pub due: Option<Timestamp>,
}

/// Why a host might start although the policy asks for a forensic triage
/// before a change.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Triaged {
    /// Host.
    pub host: HostId,
    /// The word that it rests on; its own leaf says whose it is.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub word: Option<TriageId>,
    /// What that says.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub step: Option<TriageStep>,
    /// When it was said.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub said: Option<Timestamp>,
    /// Where the evidence lies.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub evidence: Option<String>,
    /// Since when it might start without, by the policy.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub lapsed: Option<Timestamp>,
}

/// The same with its place in the log.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct TriageRecord {
    /// When the host was let go.
    pub at: Timestamp,
    /// Position of that entry.
    pub leaf: u64,
    /// Why it might.
    #[serde(flatten)]
    pub triaged: Triaged,
}

/// Something that a person did.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct Act {
    /// When.
    pub at: Timestamp,
    /// Position of its entry.
    pub leaf: u64,
    /// What, `package.sign`.
    pub verb: String,
    /// Who.
    pub who: String,
    /// Key that signed, where one did.
    pub key: Option<String>,
    /// Why, in that person's words.
    pub reason: Option<String>,
}

/// A ring.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct RingRecord {
    /// Name.
    pub name: String,
    /// Hosts in it.
    pub hosts: u64,
    /// Before this instant none of them started.
    pub opens: Timestamp,
    /// How long its results were watched, in seconds.
    pub soak_seconds: u64,
    /// Share that had to succeed, in thousandths.
    pub success_per_mille: u32,
    /// Hosts that might fail.
    pub failures: u32,
    /// When it was opened.
    pub opened: Option<Timestamp>,
    /// Since when enough of its hosts had succeeded.
    pub succeeded_since: Option<Timestamp>,
    /// How often each check held after the change.
    pub checks: Vec<CheckCount>,
}

/// Results of one check.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct CheckCount {
    /// Its name.
    pub name: String,
    /// Hosts on which it held.
    pub held: u64,
    /// Hosts on which it did not.
    pub failed: u64,
}

/// A decision of the gate.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct GateDecision {
    /// When.
    pub at: Timestamp,
    /// Position of its entry.
    pub leaf: u64,
    /// What people wanted.
    pub wanted: Wanted,
    /// Whether more might start.
    pub gate: Gate,
    /// Why, in words.
    pub reasons: Vec<String>,
    /// How the rings stood.
    pub rings: Vec<RingCount>,
    /// Since when each ring was open, and good.
    pub progress: Vec<Progress>,
    /// Hosts that counted against it.
    pub against: Vec<HostId>,
}

/// Hosts of a ring by how they stood.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct RingCount {
    /// The ring.
    pub ring: String,
    /// Its hosts.
    pub hosts: u64,
    /// That had succeeded.
    pub succeeded: u64,
    /// That had failed.
    pub failed: u64,
    /// That took the change and were not heard of since.
    pub silent: u64,
    /// That were at work.
    pub at_work: u64,
    /// That waited, or were away.
    pub waiting: u64,
    /// That took no part.
    pub left_out: u64,
    /// What outside monitoring was heard to say of it.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub outside: Vec<OutsideAlert>,
}

/// Hosts by how they stand.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize)]
pub struct Totals {
    /// All of them.
    pub hosts: u64,
    /// On which the change is there and in effect, seen by a later report.
    pub confirmed: u64,
    /// That said so and were not seen yet, or need a reboot or restart.
    pub succeeded: u64,
    /// On which it failed or was refused.
    pub failed: u64,
    /// That took it and were not heard of since.
    pub silent: u64,
    /// That are at work.
    pub at_work: u64,
    /// That did not begin.
    pub waiting: u64,
    /// Package transactions started as root, on all of them.
    pub effects: u64,
}

/// Failures of one cause.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct CauseCount {
    /// The cause.
    pub cause: Cause,
    /// Hosts.
    pub hosts: u64,
    /// What to do next.
    pub next: String,
}

/// A host.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct HostRecord {
    /// Id.
    pub host: HostId,
    /// What it was called when the rollout was started.
    pub name: String,
    /// Its ring, by place.
    pub ring: u32,
    /// Its window; none for any time.
    pub window: Option<String>,
    /// How it stands.
    pub phase: Phase,
    /// What it said last of its newest attempt.
    pub state: Option<State>,
    /// Attempts, by their plan's number.
    pub attempts: Vec<Attempt>,
    /// When it was first allowed to apply.
    pub allowed: Option<Timestamp>,
    /// When it began, as far as that is known.
    pub began: Option<Timestamp>,
    /// When it had ended.
    pub ended: Option<Timestamp>,
    /// Versions before and after, by its last word.
    pub packages: Vec<Observed>,
    /// Results of checks, by its last word.
    pub checks: Vec<CheckResult>,
    /// Services that were started again.
    pub restarted: Vec<String>,
    /// Processes that still ran former files.
    pub stale_processes: Vec<String>,
    /// Whether a reboot was still needed.
    pub reboot_pending: bool,
    /// What stood in the way.
    pub problem: Option<Problem>,
    /// Why it did not come to its end.
    pub cause: Option<Cause>,
    /// How the change stands by what was seen later.
    pub confirmed: Option<Confirmed>,
    /// When that was seen first to be as it is.
    pub confirmed_at: Option<Timestamp>,
    /// Why, in words.
    pub confirmed_because: Vec<String>,
    /// SHA-256 of the report that shows it.
    pub report: Option<String>,
    /// How an outside scanner stood to it, where one was asked for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub second: Option<Agreement>,
}

/// An attempt of a host.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct Attempt {
    /// Its id.
    pub attempt: String,
    /// Number of its plan.
    pub generation: u64,
    /// How often a package transaction was started as root.
    pub effects: u32,
    /// What the host said of it, in its order.
    pub words: Vec<Said>,
}

/// One word of a host.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize)]
pub struct Said {
    /// How it stood.
    pub state: State,
    /// When it observed that, by its own clock.
    pub observed: Timestamp,
    /// When that was written down.
    pub received: Timestamp,
    /// Position of its entry.
    pub leaf: u64,
}

/// Something that did not go as planned.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct Deviation {
    /// When.
    pub at: Timestamp,
    /// Position of its entry.
    pub leaf: u64,
    /// On which host; none for the rollout.
    pub host: Option<HostId>,
    /// What.
    pub kind: DeviationKind,
    /// In words.
    pub text: String,
}

/// Kinds of deviation.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum DeviationKind {
    /// The gate shut by itself.
    GateShut,
    /// A person stopped it for a while.
    Paused,
    /// A person let it go on, or had hosts try again.
    Resumed,
    /// A person ended it.
    Aborted,
    /// Somebody whom the policy asks refused the change.
    ApprovalRefused,
    /// An approval did not stand in time.
    ApprovalLate,
    /// The review after an emergency was not closed in time.
    ReviewLate,
    /// A host was changed before anybody looked for traces of a break-in.
    Untriaged,
    /// A host waited for something.
    Deferred,
    /// A host was interrupted and brought to a known state.
    Repaired,
    /// A host went back to its former versions.
    RolledBack,
    /// A host failed, its former state proven.
    Failed,
    /// A host refused.
    Refused,
    /// A person must look at a host.
    NeedsOperator,
    /// A host took the change and was not heard of since.
    Silent,
    /// A host tried more than once.
    Retried,
    /// What was seen later is not what was to be.
    NotConfirmed,
    /// A host did not begin.
    NotStarted,
}

impl DeviationKind {
    /// The word for people.
    pub const fn title(self) -> &'static str {
        match self {
            Self::GateShut => "gate shut",
            Self::Paused => "paused",
            Self::Resumed => "resumed",
            Self::Aborted => "aborted",
            Self::ApprovalRefused => "approval refused",
            Self::ApprovalLate => "approval late",
            Self::ReviewLate => "review late",
            Self::Untriaged => "no triage",
            Self::Deferred => "deferred",
            Self::Repaired => "repaired",
            Self::RolledBack => "rolled back",
            Self::Failed => "failed",
            Self::Refused => "refused",
            Self::NeedsOperator => "needs a person",
            Self::Silent => "silent",
            Self::Retried => "tried again",
            Self::NotConfirmed => "not confirmed",
            Self::NotStarted => "not started",
        }
    }
}

/// Instants that times are counted from.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize)]
pub struct Milestones {
    /// The first of its advisories was published.
    pub published: Option<Timestamp>,
    /// One of them was first seen on one of the hosts.
    pub detected: Option<Timestamp>,
    /// The package was drafted.
    pub drafted: Option<Timestamp>,
    /// Enough people had signed it.
    pub accepted: Option<Timestamp>,
}

/// Where the time went: means over hosts, in seconds; a phase is none where
/// an end of it is not known of any host.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct Times {
    /// Which hosts.
    pub of: String,
    /// Hosts that were confirmed, which alone are counted.
    pub hosts: u64,
    /// From publication until it was first seen here.
    pub detect: Option<u64>,
    /// Until the package was drafted.
    pub decide: Option<u64>,
    /// Until enough people had signed.
    pub approval: Option<u64>,
    /// Until the host began: start, ring, window.
    pub window: Option<u64>,
    /// Until it had ended.
    pub install: Option<u64>,
    /// Until a later report showed it.
    pub confirm: Option<u64>,
}

impl Times {
    /// The phases with their names, in their order.
    pub fn phases(&self) -> [(&'static str, Option<u64>); 6] {
        [
            ("detect", self.detect),
            ("decide", self.decide),
            ("wait for approval", self.approval),
            ("wait for window", self.window),
            ("install", self.install),
            ("confirm", self.confirm),
        ]
    }

    /// All of it, in seconds.
    pub fn total(&self) -> u64 {
        self.phases().iter().filter_map(|(_, seconds)| *seconds).sum()
    }
}
