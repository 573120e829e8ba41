//! What a report of cost says, line by line.

use super::steps::Step;
use crate::measures::Window;
use crate::model::identifier::HostId;
use crate::model::work::{Source, Subject};
use crate::phases::document::Times;
use jiff::Timestamp;
use serde::Serialize;

/// A report of cost.
#[derive(Clone, PartialEq, Debug, Serialize)]
pub struct CostReport {
    /// Always [`CostReport::SCHEMA`].
    pub schema: &'static str,
    /// Always `cost`.
    pub report: &'static str,
    /// Client whose hosts are in it; none for all that its reader may see.
    pub client: Option<String>,
    /// What it says.
    pub cost: Cost,
}

impl CostReport {
    /// Name and version of the form.
    pub const SCHEMA: &'static str = "plimsoll-cost/1";
}

/// Where hours and money went in a window. Money is in minor units of the
/// currency, hours are in seconds.
#[derive(Clone, PartialEq, Debug, Serialize)]
pub struct Cost {
    /// Time that is reported on.
    pub window: Window,
    /// ISO 4217 code; none where no policy said prices.
    pub currency: Option<String>,
    /// Decimals of its minor unit.
    pub decimals: u32,
    /// When the prices came into force.
    pub prices_since: Option<Timestamp>,
    /// The policy that says them.
    pub prices_of: Option<String>,
    /// Sums.
    pub totals: Totals,
    /// How the hours are known.
    pub sources: Vec<SourceLine>,
    /// The ten phases.
    pub phases: Vec<PhaseLine>,
    /// The forty steps, and what is of no step where there is any.
    pub steps: Vec<StepLine>,
    /// Patches, the dearest first.
    pub patches: Vec<PatchLine>,
    /// Hosts, the dearest first; at most [`LISTED`](crate::measures::LISTED).
    pub hosts: Vec<HostLine>,
    /// Cost centres beside the patches.
    pub centres: Vec<Centres>,
    /// Fixed costs, for the length of the window.
    pub fixed: Vec<Fixed>,
    /// Days by role since the year began.
    pub budgets: Vec<Budget>,
    /// That year.
    pub year: i16,
    /// Where the time of rollouts went.
    pub time_spent: Option<Times>,
    /// Timers that nobody stopped and that were cut off.
    pub cut: u64,
    /// Seconds in which timers of one person ran side by side, counted once.
    pub shared_seconds: u64,
    /// Seconds of tickets that a timer or a person's word tells better.
    pub passed_over_seconds: u64,
    /// What has no price or no host.
    pub without: Without,
}

/// Sums; `all` is `variable` and `fixed`, and `variable` is `patches`,
/// `overheads` and `downtime`.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug, Serialize)]
pub struct Totals {
    /// Hours.
    pub seconds: u64,
    /// Of those, on patches.
    pub patch_seconds: u64,
    /// Their cost.
    pub patches: i64,
    /// Hours of the cost centres.
    pub overhead_seconds: u64,
    /// Their cost.
    pub overheads: i64,
    /// Cost of time out of service.
    pub downtime: i64,
    /// What patching cost beyond what is fixed.
    pub variable: i64,
    /// Fixed costs.
    pub fixed: i64,
    /// All of it.
    pub all: i64,
    /// Whether more than half of the hours are estimates.
    pub mostly_estimated: bool,
}

/// Hours by how they are known.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize)]
pub struct SourceLine {
    /// How.
    pub source: Source,
    /// Hours.
    pub seconds: u64,
    /// Their cost.
    pub cost: i64,
}

/// A phase.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct PhaseLine {
    /// Its name.
    pub phase: &'static str,
    /// Hours.
    pub seconds: u64,
    /// What its measured steps took; none where none is.
    pub elapsed_seconds: Option<u64>,
    /// Cost of the hours.
    pub cost: i64,
    /// Cost of time out of service.
    pub downtime: i64,
}

/// A step.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct StepLine {
    /// Its number; none for what is of no step.
    pub step: Option<Step>,
    /// Its name.
    pub name: &'static str,
    /// Whether it is looked at first.
    pub key: bool,
    /// Between which events it was measured; none where it was not.
    pub measured: Option<&'static str>,
    /// Patches on which it was.
    pub measured_patches: u64,
    /// What elapsed on those, added up.
    pub elapsed_seconds: Option<u64>,
    /// What of that nobody worked.
    pub wait_seconds: Option<u64>,
    /// Hours on all patches and cost centres; none where nobody says.
    pub touch_seconds: Option<u64>,
    /// Who says so.
    pub hours_from: Vec<Source>,
    /// Cost of the hours.
    pub cost: i64,
    /// Cost of time out of service.
    pub downtime: i64,
}

/// A patch.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct PatchLine {
    /// Package, or advisory that no package answers.
    pub subject: Subject,
    /// What it is called.
    pub title: Option<String>,
    /// Hosts of it that are seen.
    pub hosts: Option<u64>,
    /// Hours.
    pub seconds: u64,
    /// Of those, estimates.
    pub estimated_seconds: u64,
    /// Cost of the hours.
    pub cost: i64,
    /// Cost of time out of service.
    pub downtime: i64,
    /// Both for each host, rounded down.
    pub per_host: Option<i64>,
}

/// A host.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct HostLine {
    /// Host.
    pub host: HostId,
    /// Its name, where a patch of it tells.
    pub name: Option<String>,
    /// What fell to it.
    pub cost: i64,
}

/// A cost centre beside the patches.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct Centres {
    /// Its name.
    pub centre: &'static str,
    /// Hours.
    pub seconds: u64,
    /// Their cost.
    pub cost: i64,
    /// Cost of time out of service.
    pub downtime: i64,
}

/// A fixed cost.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct Fixed {
    /// What for.
    pub name: String,
    /// For the length of the window, a year being 365 days.
    pub cost: i64,
}

/// Days of a role.
#[derive(Clone, PartialEq, Debug, Serialize)]
pub struct Budget {
    /// Role.
    pub role: String,
    /// Hours that it worked since the year began.
    pub seconds: u64,
    /// The same in days of work.
    pub days: f64,
    /// Days that the policy allows for the year.
    pub budget_days: Option<f64>,
    /// Whether they are used up.
    pub over: bool,
}

/// What is counted and has no price or no host.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug, Serialize)]
pub struct Without {
    /// Hours of roles that the policy has no price for.
    pub price_seconds: u64,
    /// Minutes out of service of tiers that it has no price for.
    pub price_minutes: u64,
    /// Cost that falls to no host: of advisories without a package, and of
    /// packages whose rollout is not seen.
    pub host: i64,
    /// Cost of hosts that are not listed.
    pub listed: i64,
}
