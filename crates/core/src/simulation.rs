//! **Simulation**: what another policy would have demanded over a time that has
//! passed, held against what was done in it.
//!
//! Findings come from hosts' journals, dated as they were; what is decided of
//! each is decided anew under both policies. Nothing else is imagined: a
//! finding closed when it was closed, whatever the other policy would have
//! hurried.

mod lives;
mod side;

pub use lives::{End, Life, lives};
pub use side::{RulePlayed, Side, WeekPlayed};

use crate::measures::Window;
use crate::model::advisory::Rating;
use crate::model::policy::{HostFacts, PolicySet};
use crate::phases::prioritize::{Facts, Input};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use side::{Came, Playing, Standing};

/// Findings that are listed.
pub const LISTED: usize = 200;
const DAY: i64 = 86_400;

/// Two policies played through the same time.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct Simulation {
    /// Always [`Simulation::SCHEMA`].
    pub schema: String,
    /// First instant that is played.
    pub from: Timestamp,
    /// The instant that it ends with; that one is not in it.
    pub to: Timestamp,
    /// Whole days of it that at least one journal tells; the others rest on
    /// dated sources alone.
    pub days_real: u32,
    /// Share of the hosts' days that journals tell, in percent; none without a
    /// host.
    pub real_share: Option<f64>,
    /// Hosts.
    pub hosts: u64,
    /// Findings that were there at some time of it.
    pub findings: u64,
    /// The first policy.
    pub before: Side,
    /// The second.
    pub after: Side,
    /// How due dates move from the first to the second.
    pub moved: Moved,
    /// Findings in time under the first and missed under the second.
    pub newly_missed: u64,
    /// Findings missed under the first and in time, or not due, under the second.
    pub no_longer_missed: u64,
    /// Those newly missed, the latest first, at most [`LISTED`].
    pub rows: Vec<Missed>,
    /// What had to be taken as given.
    pub assumed: Vec<String>,
}

impl Simulation {
    /// Name and version of the form.
    pub const SCHEMA: &'static str = "plimsoll-policy-simulation/1";
}

/// How due dates move.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub struct Moved {
    /// Earlier.
    pub sooner: u64,
    /// Later.
    pub later: u64,
    /// There was none.
    pub dated: u64,
    /// There is none any more.
    pub undated: u64,
    /// As before.
    pub unchanged: u64,
}

/// A finding in time under the first policy and missed under the second.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize, Deserialize)]
pub struct Missed {
    /// By how much, seconds; up to the end of the time where it is open.
    pub seconds: i64,
    /// Host.
    pub host: String,
    /// Advisory.
    pub advisory: String,
    /// Component.
    pub component: String,
    /// Severity under the second policy.
    pub rating: Rating,
    /// When it was first there.
    pub since: Timestamp,
    /// When it closed; none where it is open.
    pub closed: Option<Timestamp>,
    /// Due under the first policy.
    pub before: Option<Timestamp>,
    /// Due under the second.
    pub after: Option<Timestamp>,
}

/// Plays two policies, host by host.
pub struct Simulator<'a> {
    window: Window,
    before: Playing<'a>,
    after: Playing<'a>,
    hosts: u64,
    findings: u64,
    since: Option<Timestamp>,
    real_seconds: i64,
    moved: Moved,
    newly_missed: u64,
    no_longer_missed: u64,
    rows: Vec<Missed>,
}

impl<'a> Simulator<'a> {
    /// Begins.
    pub fn new(window: Window, before: &'a PolicySet, after: &'a PolicySet) -> Self {
        Self {
            window,
            before: Playing::new(window, before),
            after: Playing::new(window, after),
            hosts: 0,
            findings: 0,
            since: None,
            real_seconds: 0,
            moved: Moved::default(),
            newly_missed: 0,
            no_longer_missed: 0,
            rows: Vec::new(),
        }
    }

    /// Takes in one host, watched since `since`: its findings, each with what
    /// is known of it now.
    pub fn host<'l>(&mut self, name: &str, host: &HostFacts, since: Timestamp, findings: impl IntoIterator<Item = (&'l Life, Facts<'l>)>) {
        let Window { from, to } = self.window;
        self.hosts += 1;
        if since < to {
            self.since = Some(self.since.map_or(since, |known| known.min(since)));
            self.real_seconds += to.as_second() - since.max(from).as_second();
        }
        self.before.begin(host);
        self.after.begin(host);
        for (life, facts) in findings {
            let over = match life.end {
                End::Closed(at) | End::Gone(at) => at < from,
                End::Open | End::Unknown => false,
            };
            if over || life.opened >= to {
                continue;
            }
            self.findings += 1;
            let came = self.after.play(life, &Input { now: to, policies: self.after.set, finding: facts.clone(), host });
            let earlier = self.before.play(life, &Input { now: to, policies: self.before.set, finding: facts, host });
            self.compare(name, life, &earlier, &came);
        }
    }

    fn compare(&mut self, host: &str, life: &Life, before: &Came, after: &Came) {
        let count = match (before.due, after.due) {
            (before, after) if before == after => &mut self.moved.unchanged,
            (Some(before), Some(after)) if after < before => &mut self.moved.sooner,
            (Some(_), Some(_)) => &mut self.moved.later,
            (None, _) => &mut self.moved.dated,
            (Some(_), None) => &mut self.moved.undated,
        };
        *count += 1;
        match (before.standing.is_missed(), after.standing.is_missed()) {
            (true, false) => self.no_longer_missed += 1,
            (false, true) => {
                self.newly_missed += 1;
                let closed = match life.end {
                    End::Closed(at) => Some(at),
                    _ => None,
                };
                let seconds = after.due.map_or(0, |due| closed.unwrap_or(self.window.to).as_second() - due.as_second());
                self.rows.push(Missed {
                    seconds,
                    host: host.to_owned(),
                    advisory: life.key.advisory.clone(),
                    component: life.key.component.clone(),
                    rating: after.rating,
                    since: life.first,
                    closed,
                    before: before.due,
                    after: after.due,
                });
                if self.rows.len() >= LISTED * 4 {
                    self.prune();
                }
            }
            _ => {}
        }
    }

    fn prune(&mut self) {
        self.rows.sort_by(|one, other| other.seconds.cmp(&one.seconds).then_with(|| one.cmp(other)));
        self.rows.truncate(LISTED);
    }

    /// What came of it; `assumed` says what whoever brought the findings had to
    /// take as given.
    pub fn finish(mut self, mut assumed: Vec<String>) -> Simulation {
        self.prune();
        let Window { from, to } = self.window;
        let (before, after) = (self.before.finish(), self.after.finish());
        let days_real = self.since.map_or(0, |since| (to.as_second() - since.max(from).as_second()) / DAY);
        let whole = (to.as_second() - from.as_second()).saturating_mul(i64::try_from(self.hosts).unwrap_or(i64::MAX));
        assumed.push("findings closed when they closed, also where a policy would have hurried them".to_owned());
        if before.unreachable + after.unreachable > 0 {
            assumed.push("what windows, soak and tests leave no time for was played to the last ring, approval at once".to_owned());
        }
        Simulation {
            schema: Simulation::SCHEMA.to_owned(),
            from,
            to,
            days_real: u32::try_from(days_real).unwrap_or(0),
            real_share: (whole > 0).then(|| (self.real_seconds as f64 * 1000.0 / whole as f64).round() / 10.0),
            hosts: self.hosts,
            findings: self.findings,
            before,
            after,
            moved: self.moved,
            newly_missed: self.newly_missed,
            no_longer_missed: self.no_longer_missed,
            rows: self.rows,
            assumed,
        }
    }
}

impl Standing {
    fn is_missed(self) -> bool {
        matches!(self, Self::Late | Self::Open)
    }
}
