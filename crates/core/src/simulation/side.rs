//! One policy played through the time.

use super::{End, Life};
use crate::measures::{Window, share};
use crate::model::advisory::Rating;
use crate::model::deployment_package::ChangeType;
use crate::model::obligation::Obligation;
use crate::model::policy::rollout::Calendar;
use crate::model::policy::{HostFacts, PolicySet};
use crate::model::scan::PolicyInForce;
use crate::phases::prioritize::{self, Input};
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};

const WEEK: i64 = 7 * 86_400;
/// How long before the time windows are written out: what came due in it may
/// have begun so much earlier.
const BEFORE: SignedDuration = SignedDuration::from_hours(100 * 24);

/// What one policy demanded, and what of it was done.
#[derive(Clone, PartialEq, Debug, Default, Serialize, Deserialize)]
pub struct Side {
    /// The policies.
    pub policies: Vec<PolicyInForce>,
    /// Findings with a due date.
    pub dated: u64,
    /// Findings without one.
    pub undated: u64,
    /// Findings whose working due date fell into the time.
    pub came_due: u64,
    /// Of these, closed by then.
    pub met: u64,
    /// Closed later.
    pub late: u64,
    /// Still open.
    pub open: u64,
    /// Over before anybody looked, so that nobody knows; or gone with their host.
    pub unknown: u64,
    /// Share of those that are known that were met, in percent; none below
    /// [`crate::measures::LEAST`] of them.
    pub share: Option<f64>,
    /// Of those that came due, such as the policy's own windows, soak and tests
    /// left no time for.
    pub unreachable: u64,
    /// Emergency changes: findings that a rule of that kind binds and that
    /// opened in the time.
    pub emergencies: u64,
    /// Rule by rule.
    pub rules: Vec<RulePlayed>,
    /// Week by week, the last one may be shorter.
    pub weeks: Vec<WeekPlayed>,
}

/// One rule's due dates in the time.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub struct RulePlayed {
    /// Policy and rule.
    pub rule: String,
    /// Due dates in the time.
    pub came_due: u64,
    /// Closed by then.
    pub met: u64,
    /// Closed later.
    pub late: u64,
    /// Still open.
    pub open: u64,
    /// Nobody knows.
    pub unknown: u64,
    /// Such as windows, soak and tests left no time for.
    pub unreachable: u64,
}

/// One week.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct WeekPlayed {
    /// Its first instant.
    pub from: Timestamp,
    /// Findings that came due.
    pub came_due: u64,
    /// Of these, such as were closed by then.
    pub met: u64,
    /// Hosts with at least one that came due.
    pub hosts: u64,
    /// Emergency changes that began.
    pub emergencies: u64,
}

/// How a finding stands to one due date.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Standing {
    /// Not within the time, or no date.
    NotDue,
    Met,
    Late,
    Open,
    Unknown,
}

/// What came of one finding.
pub(super) struct Came {
    pub(super) due: Option<Timestamp>,
    pub(super) rating: Rating,
    pub(super) standing: Standing,
}

pub(super) struct Playing<'a> {
    pub(super) set: &'a PolicySet,
    window: Window,
    kinds: BTreeMap<&'a str, Option<ChangeType>>,
    /// Windows written out from `begins` to the end.
    calendars: BTreeMap<ChangeType, Calendar<'a>>,
    begins: Timestamp,
    /// The present host's windows by kind of change; none for any time.
    windows: BTreeMap<ChangeType, Option<String>>,
    /// Weeks in which the present host had something due.
    weeks_of_host: BTreeSet<usize>,
    rules: BTreeMap<String, RulePlayed>,
    side: Side,
}

impl<'a> Playing<'a> {
    pub(super) fn new(window: Window, set: &'a PolicySet) -> Self {
        let Window { from, to } = window;
        let count = (to.as_second() - from.as_second()).max(0).div_euclid(WEEK) + i64::from((to.as_second() - from.as_second()).rem_euclid(WEEK) > 0);
        let week = |number| WeekPlayed {
            from: from.saturating_add(SignedDuration::from_secs(number * WEEK)).unwrap_or(to),
            came_due: 0,
            met: 0,
            hosts: 0,
            emergencies: 0,
        };
        let rules = set.policies.iter().flat_map(|policy| &policy.rules);
        let begins = from.saturating_sub(BEFORE).unwrap_or(from);
        Self {
            set,
            window,
            kinds: rules.map(|rule| (rule.name.as_str(), rule.change_type)).collect(),
            calendars: ChangeType::ALL.into_iter().map(|kind| (kind, Calendar::new(&set.rollout, begins, to, kind))).collect(),
            begins,
            windows: BTreeMap::new(),
            weeks_of_host: BTreeSet::new(),
            rules: BTreeMap::new(),
            side: Side { policies: set.in_force(), weeks: (0..count).map(week).collect(), ..Side::default() },
        }
    }

    /// The next host.
    pub(super) fn begin(&mut self, host: &HostFacts) {
        self.end_host();
        self.windows = self.calendars.iter_mut().map(|(kind, calendar)| (*kind, calendar.window_of(host))).collect();
    }

    fn end_host(&mut self) {
        for week in std::mem::take(&mut self.weeks_of_host) {
            if let Some(week) = self.side.weeks.get_mut(week) {
                week.hosts += 1;
            }
        }
    }

    fn week(&self, at: Timestamp) -> Option<usize> {
        let Window { from, to } = self.window;
        let within = from <= at && at < to;
        within.then(|| usize::try_from((at.as_second() - from.as_second()).div_euclid(WEEK)).ok()).flatten()
    }

    fn standing(&self, life: &Life, due: Timestamp) -> Standing {
        if self.week(due).is_none() {
            return Standing::NotDue;
        }
        match life.end {
            // Whole seconds: the second named as due is still in time.
            End::Closed(at) if at.as_second() <= due.as_second() => Standing::Met,
            End::Closed(_) => Standing::Late,
            // A host that went before the date owes nothing.
            End::Gone(at) if at <= due => Standing::NotDue,
            End::Gone(_) | End::Open => Standing::Open,
            End::Unknown => Standing::Unknown,
        }
    }

    /// Plays one finding.
    pub(super) fn play(&mut self, life: &Life, input: &Input<'_>) -> Came {
        let decision = prioritize::due(input);
        let working = decision.obligations.iter().filter(|obligation| obligation.due.is_some()).min_by_key(|obligation| obligation.due);
        let due = working.and_then(|obligation| obligation.due);
        for obligation in &decision.obligations {
            self.rule(life, input, obligation);
        }
        let standing = due.map_or(Standing::NotDue, |due| self.standing(life, due));
        match due {
            Some(_) => self.side.dated += 1,
            None => self.side.undated += 1,
        }
        let unreachable = standing != Standing::NotDue && working.is_some_and(|obligation| self.is_unreachable(life, input, obligation));
        let emergency = working.is_some_and(|obligation| self.kind(obligation) == Some(ChangeType::Emergency));
        let begun = self.week(life.opened).filter(|_| emergency);
        if let Some(week) = begun.and_then(|week| self.side.weeks.get_mut(week)) {
            week.emergencies += 1;
            self.side.emergencies += 1;
        }
        let side = &mut self.side;
        side.unreachable += u64::from(unreachable);
        count(standing, &mut side.came_due, [&mut side.met, &mut side.late, &mut side.open, &mut side.unknown]);
        if standing != Standing::NotDue
            && let Some(week) = due.and_then(|due| self.week(due))
        {
            self.weeks_of_host.insert(week);
            if let Some(week) = self.side.weeks.get_mut(week) {
                week.came_due += 1;
                week.met += u64::from(standing == Standing::Met);
            }
        }
        Came { due, rating: decision.severity.rating, standing }
    }

    fn rule(&mut self, life: &Life, input: &Input<'_>, obligation: &Obligation) {
        let Some(standing) = obligation.due.map(|due| self.standing(life, due)).filter(|standing| *standing != Standing::NotDue) else { return };
        let unreachable = self.is_unreachable(life, input, obligation);
        let rule = match self.rules.get_mut(&obligation.rule) {
            Some(rule) => rule,
            None => self.rules.entry(obligation.rule.clone()).or_insert(RulePlayed { rule: obligation.rule.clone(), ..RulePlayed::default() }),
        };
        rule.unreachable += u64::from(unreachable);
        count(standing, &mut rule.came_due, [&mut rule.met, &mut rule.late, &mut rule.open, &mut rule.unknown]);
    }

    fn kind(&self, obligation: &Obligation) -> Option<ChangeType> {
        self.kinds.get(obligation.rule.as_str()).copied().flatten()
    }

    /// Whether the policy's own windows, soak and tests left no time from when
    /// it could begin to when it was due. Where no rule says what kind of
    /// change it is, the one that would be quickest counts.
    fn is_unreachable(&self, life: &Life, input: &Input<'_>, obligation: &Obligation) -> bool {
        let Some(due) = obligation.due.filter(|_| input.finding.fix_exists) else { return false };
        let begin = obligation.clock_start.map_or(life.first, |start| start.max(life.first)).max(self.begins);
        let kinds = self.kind(obligation).map_or_else(|| ChangeType::ALL.to_vec(), |kind| vec![kind]);
        !kinds.iter().any(|kind| self.set.rollout.last_ring_starts(*kind, begin, |at| self.opening(*kind, at)).is_some_and(|end| end <= due))
    }

    fn opening(&self, kind: ChangeType, at: Timestamp) -> Option<Timestamp> {
        let Some(name) = self.windows.get(&kind).and_then(Option::as_ref) else { return Some(at) };
        let intervals = &self.calendars.get(&kind)?.window(name)?.intervals;
        let next = intervals.partition_point(|interval| interval.last_start < at);
        intervals.get(next).map(|interval| at.max(interval.from))
    }

    pub(super) fn finish(mut self) -> Side {
        self.end_host();
        let known = self.side.came_due - self.side.unknown;
        self.side.share = share(self.side.met, known);
        self.side.rules = self.rules.into_values().collect();
        self.side
    }
}

fn count(standing: Standing, came_due: &mut u64, [met, late, open, unknown]: [&mut u64; 4]) {
    let counted = match standing {
        Standing::NotDue => return,
        Standing::Met => met,
        Standing::Late => late,
        Standing::Open => open,
        Standing::Unknown => unknown,
    };
    *came_due += 1;
    *counted += 1;
}
