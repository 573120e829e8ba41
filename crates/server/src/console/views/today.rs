//! **Today**: what needs doing.

use super::alerts::AlertItem;
use super::hosts::{Condition, PendingHost};
use super::triage::TriageLine;
use crate::exposure::Exposure;
use crate::http::problem::Refusal;
use jiff::Timestamp;
use plimsoll_core::model::advisory::Rating;
use plimsoll_core::model::obligation::Verdict;

/// The first page.
#[derive(Clone, Debug)]
pub struct Today {
    /// When the reader last looked; none at the first time.
    pub last_look: Option<Timestamp>,
    /// Whether a policy is in force; without one nothing is ever due, and the
    /// page says so.
    pub policy_in_force: bool,
    /// Past due.
    pub overdue: Work,
    /// In time, 80 % or more of the time used.
    pub due_soon: Work,
    /// Opened since the reader last looked, most urgent first.
    pub new: Vec<NewFinding>,
    /// How many there are in all.
    pub new_total: u64,
    /// Hosts that have gone silent, longest first.
    pub silent: Vec<SilentHost>,
    /// How many there are in all.
    pub silent_total: u64,
    /// Sources that are stale, failed or lost records.
    pub stale_sources: Vec<StaleSource>,
    /// How many there are in all.
    pub stale_total: u64,
    /// Hosts that a person must admit.
    pub pending: Vec<PendingHost>,
    /// Hosts whose identity or report is doubtful.
    pub flagged: Vec<FlaggedHost>,
    /// The newest open alerts; none for who may not see them.
    pub alerts: Option<Vec<AlertItem>>,
    /// Hosts that wait for a reboot before a fix takes effect.
    pub reboots: u64,
    /// Findings under an exception; they stand in no other figure but that of
    /// what is open.
    pub excepted: u64,
    /// Obligations within, approaching and past their limit, by priority,
    /// most urgent first.
    pub deadlines: Vec<DeadlineBar>,
    /// One cell a host.
    pub fleet: FleetStrip,
    /// Hosts on which traces of a break-in are to be looked for, the first few:
    /// id, name, how it stands and why.
    pub triage: Vec<TriageLine>,
    /// How many there are in all.
    pub triage_total: u64,
    /// What was open day by day.
    pub exposure: ExposurePicture,
}

/// What was open day by day, oldest first; two charts and their tables.
#[derive(Clone, Debug, Default)]
pub struct ExposurePicture {
    /// The days.
    pub days: Vec<ExposureDay>,
    /// Why there is no picture, where there is none.
    pub trouble: Option<String>,
}

impl ExposurePicture {
    /// In the order of [`ExposureDay::priorities`].
    const PRIORITIES: [&'static str; 5] = ["critical", "high", "medium", "low", "unknown or none"];

    /// Takes the days.
    pub fn of(days: Result<Vec<Exposure>, Refusal>) -> Self {
        let day = |one: Exposure| ExposureDay {
            priorities: Self::PRIORITIES.map(|words| words.split(" or ").filter_map(|word| one.priorities.get(word)).sum()),
            day: one.day,
            deadlines: (!one.rebuilt).then_some([one.exceeded, one.approaching, one.within, one.undated]),
        };
        match days {
            Ok(days) => Self { days: days.into_iter().map(day).collect(), trouble: None },
            Err(refusal) => Self { days: Vec::new(), trouble: Some(format!("{}; {}", refusal.detail(), refusal.next())) },
        }
    }

    /// Priorities, most urgent first.
    pub fn priorities(&self) -> [&'static str; 5] {
        Self::PRIORITIES
    }

    /// Days whose due dates are known.
    pub fn dated(&self) -> impl Iterator<Item = (&str, &[u64; 4])> {
        self.days.iter().filter_map(|day| Some((day.day.as_str(), day.deadlines.as_ref()?)))
    }

    /// Last day that was made from the journal afterwards.
    pub fn rebuilt_until(&self) -> Option<&str> {
        self.days.iter().rev().find(|day| day.deadlines.is_none()).map(|day| day.day.as_str())
    }
}

/// One day of it.
#[derive(Clone, Debug)]
pub struct ExposureDay {
    /// The day, `2026-11-22`.
    pub day: String,
    /// Open findings by priority.
    pub priorities: [u64; 5],
    /// Exceeded, approaching, within, without a due date; none where nobody
    /// wrote it down then.
    pub deadlines: Option<[u64; 4]>,
}

/// Work of one urgency, one item for many hosts.
#[derive(Clone, Debug, Default)]
pub struct Work {
    /// Findings in all.
    pub findings: u64,
    /// Hosts they are on.
    pub hosts: u64,
    /// The most urgent items.
    pub items: Vec<WorkItem>,
}

/// One thing to do on some hosts.
#[derive(Clone, Debug)]
pub struct WorkItem {
    /// What to do in one sentence, `Update openssl to 3.0.17-1~deb12u2`.
    pub act: String,
    /// The advisory it satisfies.
    pub advisory: String,
    /// CVEs, the first few.
    pub cves: Vec<String>,
    /// Package.
    pub package: String,
    /// Severity in force.
    pub rating: Rating,
    /// Whether it is known to be exploited.
    pub exploited: bool,
    /// Hosts it is due on.
    pub hosts: u64,
    /// Earliest due date.
    pub due: Timestamp,
    /// Where the earliest obligation stands.
    pub verdict: Verdict,
}

/// A finding that opened since the reader last looked.
#[derive(Clone, Debug)]
pub struct NewFinding {
    /// Advisory.
    pub advisory: String,
    /// Its one line.
    pub summary: String,
    /// Severity in force.
    pub rating: Rating,
    /// Whether it is known to be exploited.
    pub exploited: bool,
    /// Hosts it opened on.
    pub hosts: u64,
    /// When it was first seen here.
    pub first_seen: Timestamp,
}

/// A host that has not been heard of for longer than it should.
#[derive(Clone, Debug)]
pub struct SilentHost {
    /// Id.
    pub id: String,
    /// Name.
    pub name: String,
    /// When it last said anything; none when it never did.
    pub last_seen: Option<Timestamp>,
    /// Who answers for it.
    pub owner: Option<String>,
}

/// A source whose facts cannot be trusted to be current.
#[derive(Clone, Debug)]
pub struct StaleSource {
    /// Name.
    pub name: String,
    /// What is wrong, one sentence with figures.
    pub text: String,
    /// Newest date it carries.
    pub newest: Option<Timestamp>,
}

/// A host whose identity or report is doubtful.
#[derive(Clone, Debug)]
pub struct FlaggedHost {
    /// Id.
    pub id: String,
    /// Name.
    pub name: String,
    /// What is doubtful, in plain words.
    pub flag: String,
}

/// Obligations of one priority against their limit.
#[derive(Clone, Debug)]
pub struct DeadlineBar {
    /// Priority in the policy's words, `critical`.
    pub priority: String,
    /// Less than 80 % of the time used.
    pub within: u64,
    /// 80 % or more of the time used.
    pub approaching: u64,
    /// Past the limit.
    pub exceeded: u64,
}

/// The fleet at a glance.
#[derive(Clone, Debug, Default)]
pub struct FleetStrip {
    /// Cells in the order worst first; at most [`FleetStrip::LIMIT`] of them.
    pub cells: Vec<FleetCell>,
    /// Hosts in each condition, all of them, worst first.
    pub counts: Vec<(Condition, u64)>,
}

impl FleetStrip {
    /// Most cells drawn: a few rows on a wide screen, and about 200 KB of page.
    pub const LIMIT: usize = 2_000;

    /// Hosts counted.
    pub fn total(&self) -> u64 {
        self.counts.iter().map(|(_, count)| count).sum()
    }
}

/// One host of the strip.
#[derive(Clone, Debug)]
pub struct FleetCell {
    /// Id.
    pub id: String,
    /// Name.
    pub name: String,
    /// Condition.
    pub condition: Condition,
}
