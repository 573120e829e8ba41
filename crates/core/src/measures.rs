//! **Measures**: how long patching took, what is late and what was in time,
//! made of the journal of transitions and of what the evidence log tells of
//! rollouts, and of nothing else.
//!
//! A report as of a moment looks at what the journal had by then, due dates as
//! the policies of each moment decided them, so that it comes out the same
//! whenever it is asked for. What is counted is the *finding of a host*: one
//! advisory on one component of one host, from the moment it opened to the
//! moment it closed.
//!
//! Source of the definitions: Plimsoll's reference of measures, after NIST SP
//! 800-40, Microsoft's and CIS's metric sets; time to patch after Kaplan and
//! Meier, so that what is still open counts.

mod changes;
mod collect;
pub mod cost;
pub mod cycles;
mod events;
pub mod duties;
mod named;
pub mod samm;
mod survival;
pub mod targets;

pub use changes::{ChangeStory, Rollouts};
pub use collect::{Collector, HostStory};
pub use events::Event;
pub use named::{Named, Regulator};
pub use survival::{Patched, Survival};

use crate::model::advisory::Rating;
use crate::model::identifier::HostId;
use crate::model::transition::Bound;
use crate::phases::document::Times;
use jiff::Timestamp;
use serde::Serialize;

/// Below so many a share says nothing, and only counts are given.
pub const LEAST: u64 = 20;
/// Entries of a list of findings.
pub const LISTED: usize = 1000;
/// How far ahead a due date counts as approaching, seconds.
pub const APPROACHING_SECONDS: i64 = 7 * 86_400;

/// For whom a report is.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Audience {
    /// Whoever keeps hosts patched: the last day, and what comes next.
    Operator,
    /// The team's review of a week.
    Weekly,
    /// Management: thirty days.
    Management,
    /// A client: thirty days of its own hosts.
    Client,
    /// Auditors: ninety days with every list.
    Auditor,
}

impl Audience {
    /// All of them.
    pub const ALL: [Self; 5] = [Self::Operator, Self::Weekly, Self::Management, Self::Client, Self::Auditor];

    /// The report's name.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Operator => "operator",
            Self::Weekly => "weekly",
            Self::Management => "management",
            Self::Client => "client",
            Self::Auditor => "auditor",
        }
    }

    /// Reads the name.
    pub fn parse(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|audience| audience.word() == word)
    }

    /// What it is, for those who choose one.
    pub const fn about(self) -> &'static str {
        match self {
            Self::Operator => "The last day: what is past due, what comes next",
            Self::Weekly => "The last seven days, for a team's review",
            Self::Management => "The last thirty days, for management",
            Self::Client => "The last thirty days of one client's hosts",
            Self::Auditor => "The last ninety days with every list",
        }
    }

    /// Days that it looks back, where nobody says otherwise.
    pub const fn days(self) -> u16 {
        match self {
            Self::Operator => 1,
            Self::Weekly => 7,
            Self::Management | Self::Client => 30,
            Self::Auditor => 90,
        }
    }
}

/// A report: measures of some hosts for somebody.
#[derive(Clone, PartialEq, Debug, Serialize)]
pub struct Report {
    /// Always [`Report::SCHEMA`].
    pub schema: &'static str,
    /// For whom.
    pub report: Audience,
    /// Client whose hosts are in it; none for all that its reader may see.
    pub client: Option<String>,
    /// What the journal says of them.
    pub measures: Measures,
    /// The policy's targets, where the report holds them against the measures.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub targets: Vec<targets::Target>,
    /// Rounds of the policy's cycles, and whether a routine change began in
    /// each.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub cycles: Vec<cycles::Round>,
}

impl Report {
    /// Name and version of the form.
    pub const SCHEMA: &'static str = "plimsoll-report/1";
}

/// The time that is reported on: from `from` on and before `to`, which is the
/// moment the report is as of.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize)]
pub struct Window {
    /// Beginning.
    pub from: Timestamp,
    /// End.
    pub to: Timestamp,
}

/// What the journal says.
#[derive(Clone, PartialEq, Debug, Serialize)]
pub struct Measures {
    /// Time that is reported on.
    pub window: Window,
    /// Hosts that were managed at its end.
    pub hosts: u64,
    /// Of those, hosts with an open finding past due.
    pub hosts_overdue: u64,
    /// Since when the journal keeps due dates; none where it has none. What
    /// was closed before has none.
    pub due_dates_since: Option<Timestamp>,
    /// Policies that decided due dates within the window, `samm 2026-11-21`.
    pub policies: Vec<String>,
    /// Open findings at the window's end, by priority, the worst first.
    pub open: Vec<OpenCount>,
    /// What came and went in the window.
    pub flow: Flow,
    /// Findings whose due date lies in the window, by rule.
    pub on_time: Vec<OnTime>,
    /// Time from a clock's start to its finding's end, for clocks that started
    /// in the window: of all, then by priority.
    pub time_to_patch: Vec<Survival>,
    /// Findings open in the window whose clock had started before it: not part
    /// of the time to patch.
    pub started_before: u64,
    /// Open findings by age, by priority.
    pub ageing: Vec<Ageing>,
    /// Exposure in the window.
    pub exposure: Exposure,
    /// Of what is known to be exploited.
    pub exploited: Exploited,
    /// What rollouts came to in the window.
    pub rollouts: Rollouts,
    /// Where the time went on hosts that were seen with their change in the
    /// window; none where there was none.
    pub time_spent: Option<Times>,
    /// Open and past due, the longest first; at most [`LISTED`].
    pub late: Vec<Listed>,
    /// Open and due within seven days, the next first; at most [`LISTED`].
    pub approaching: Vec<Listed>,
    /// Due dates that were moved to a later time, or taken away, in the window.
    pub moved_later: u64,
    /// Those, in their order; at most [`LISTED`].
    pub moved: Vec<Moved>,
}

/// Open findings of one priority.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct OpenCount {
    /// Priority.
    pub priority: Rating,
    /// All of them.
    pub open: u64,
    /// In time.
    pub within: u64,
    /// Due within seven days.
    pub approaching: u64,
    /// Past due.
    pub exceeded: u64,
    /// Without a due date.
    pub undated: u64,
}

/// What came and went.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize)]
pub struct Flow {
    /// Findings that opened.
    pub opened: u64,
    /// Findings that closed.
    pub closed: u64,
    /// Of those, findings that opened again later.
    pub opened_again: u64,
}

/// How findings due in the window ended, under one rule.
#[derive(Clone, PartialEq, Debug, Serialize)]
pub struct OnTime {
    /// Policy's rule.
    pub rule: String,
    /// Findings due in the window.
    pub due: u64,
    /// Closed in time.
    pub met: u64,
    /// Closed too late.
    pub late: u64,
    /// Still open.
    pub open: u64,
    /// Share that was closed in time, in percent; none where fewer than
    /// [`LEAST`] were due.
    pub share: Option<f64>,
}

/// Open findings by age since their clock started.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct Ageing {
    /// Priority.
    pub priority: Rating,
    /// Counts for 0–7, 8–14, 15–30, 31–60, 61–90, 91–180 days, and more.
    pub counts: [u64; 7],
}

/// Days of exposure within the window.
#[derive(Clone, Copy, PartialEq, Debug, Default, Serialize)]
pub struct Exposure {
    /// Days for which findings were open, added up.
    pub finding_days: f64,
    /// Of those, days past due.
    pub overdue_days: f64,
    /// Finding-days for each day of a host that was managed.
    pub per_host_day: Option<f64>,
}

/// Findings that are known to be exploited.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize)]
pub struct Exploited {
    /// Open.
    pub open: u64,
    /// Of those, past due.
    pub overdue: u64,
    /// Closed in the window.
    pub closed: u64,
}

/// One open finding on a list; fields stand in the order of the list.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize)]
pub struct Listed {
    /// When it is due.
    pub due: Timestamp,
    /// What the host is called.
    pub name: String,
    /// Host.
    pub host: HostId,
    /// Advisory.
    pub advisory: String,
    /// Component.
    pub component: String,
    /// Priority.
    pub priority: Rating,
    /// Whether it is known to be exploited.
    pub exploited: bool,
    /// Rule with the earliest end.
    pub rule: String,
    /// When it was first seen open, this time.
    pub opened: Timestamp,
}

/// A finding that is open at the window's end, with all that binds it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct OpenFinding {
    /// What the host is called.
    pub name: String,
    /// Host.
    pub host: HostId,
    /// Advisory.
    pub advisory: String,
    /// Component.
    pub component: String,
    /// Priority.
    pub priority: Rating,
    /// Whether it is known to be exploited.
    pub exploited: bool,
    /// When it was first seen open, this time.
    pub opened: Timestamp,
    /// Each due date, the earliest first.
    pub bounds: Vec<Bound>,
}

/// A due date that was moved to a later time, or taken away; fields stand in
/// the order of the list.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize)]
pub struct Moved {
    /// When it was moved.
    pub at: Timestamp,
    /// What the host is called.
    pub name: String,
    /// Host.
    pub host: HostId,
    /// Advisory.
    pub advisory: String,
    /// Component.
    pub component: String,
    /// Rule that gave it.
    pub rule: String,
    /// Due until then.
    pub from: Timestamp,
    /// Due since then: under the same rule, or where that binds no more, under
    /// the earliest of those that do; none where none does.
    pub to: Option<Timestamp>,
    /// Policies that moved it.
    pub policies: Vec<String>,
}

/// A share in percent with one decimal; none below [`LEAST`].
pub(crate) fn share(part: u64, whole: u64) -> Option<f64> {
    (whole >= LEAST).then(|| (part as f64 * 1000.0 / whole as f64).round() / 10.0)
}

/// Seconds in days with two decimals.
fn days(seconds: f64) -> f64 {
    (seconds / 864.0).round() / 100.0
}

#[cfg(test)]
mod tests;
