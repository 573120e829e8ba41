//! Goes through the hosts' journals, one host after the other, and keeps
//! counts: a fleet's journal does not have to be in memory at once.

use super::changes::{ChangeStory, Changes};
use super::survival::{Life, survival};
use super::{APPROACHING_SECONDS, Ageing, Exploited, Exposure, Flow, LISTED, Listed, Measures, Moved, OnTime, OpenCount, OpenFinding, Window, days, share};
use crate::assessment::UPDATE;
use crate::model::advisory::Rating;
use crate::model::identifier::HostId;
use crate::model::transition::{FindingKey, Obliged, Transition};
use jiff::Timestamp;
use std::collections::{BTreeMap, BTreeSet};

/// Upper ends of the ages that are told apart, days.
const AGES: [i64; 6] = [7, 14, 30, 60, 90, 180];
const DAY: i64 = 86_400;

/// A host whose journal is told.
#[derive(Clone, Debug)]
pub struct HostStory<'a> {
    /// Host.
    pub host: HostId,
    /// Its name.
    pub name: &'a str,
    /// Since when it is managed.
    pub enrolled: Timestamp,
    /// When it was retired: what was open then is neither done nor open.
    pub retired: Option<Timestamp>,
    /// Its journal, in its order.
    pub transitions: &'a [Transition],
}

/// A finding that is open.
struct Running<'a> {
    opened: i64,
    obliged: Option<&'a Obliged>,
}

/// How a finding's life ended, as far as it is seen.
#[derive(Clone, Copy, PartialEq, Eq)]
enum End {
    Closed(i64),
    /// Its host went.
    Gone(i64),
    Open,
}

#[derive(Default)]
struct Rule {
    due: u64,
    met: u64,
    late: u64,
    open: u64,
}

/// Collects measures host by host.
#[derive(Default)]
pub struct Collector {
    window: Window,
    from: i64,
    to: i64,
    hosts: u64,
    hosts_overdue: u64,
    host_seconds: i64,
    since: Option<Timestamp>,
    policies: BTreeSet<String>,
    open: BTreeMap<Rating, OpenCount>,
    ageing: BTreeMap<Rating, [u64; 7]>,
    flow: Flow,
    rules: BTreeMap<String, Rule>,
    lives: BTreeMap<Rating, Vec<Life>>,
    started_before: u64,
    open_seconds: i64,
    overdue_seconds: i64,
    exploited: Exploited,
    late: Vec<Listed>,
    approaching: Vec<Listed>,
    moved: Vec<Moved>,
    moved_later: u64,
    changes: Changes,
    /// Every open finding, where they are kept.
    kept: Option<Vec<OpenFinding>>,
}

impl Collector {
    /// Begins for a window.
    pub fn new(window: Window) -> Self {
        Self { window, from: window.from.as_second(), to: window.to.as_second(), ..Self::default() }
    }

    /// Keeps every open finding beside the counts.
    #[must_use]
    pub fn keeping_open(self) -> Self {
        Self { kept: Some(Vec::new()), ..self }
    }

    /// Open findings that are kept, in the order of their hosts.
    pub fn kept(&self) -> &[OpenFinding] {
        self.kept.as_deref().unwrap_or_default()
    }

    /// Takes in one host; what its journal has after the window's end is not
    /// looked at.
    pub fn host(&mut self, story: &HostStory<'_>) {
        if story.enrolled > self.window.to {
            return;
        }
        let retired = story.retired.filter(|at| *at <= self.window.to);
        let last = retired.map_or(self.to, Timestamp::as_second);
        self.hosts += u64::from(retired.is_none());
        self.host_seconds += (last - story.enrolled.as_second().max(self.from)).max(0);
        let mut running: BTreeMap<&FindingKey, Running<'_>> = BTreeMap::new();
        let mut closed: BTreeSet<&FindingKey> = BTreeSet::new();
        let end = retired.unwrap_or(self.window.to);
        for transition in story.transitions.iter().take_while(|transition| transition.at <= end) {
            let at = transition.at.as_second();
            let counted = at >= self.from;
            for key in transition.closed.iter().filter(|key| key.advisory != UPDATE) {
                let Some(one) = running.remove(key) else { continue };
                self.ended(story, key, &one, End::Closed(at));
                self.flow.closed += u64::from(counted);
                closed.insert(key);
            }
            for key in transition.opened.iter().filter(|key| key.advisory != UPDATE) {
                running.entry(key).or_insert(Running { opened: at, obliged: None });
                self.flow.opened += u64::from(counted);
                self.flow.opened_again += u64::from(counted && closed.contains(key));
            }
            if !transition.obliged.is_empty() {
                self.since = Some(self.since.map_or(transition.at, |since| since.min(transition.at)));
                if counted {
                    self.policies.extend(transition.policies.iter().cloned());
                }
            }
            for (key, obliged) in &transition.obliged {
                let Some(one) = running.get_mut(key) else { continue };
                if let (Some(before), true) = (one.obliged, counted) {
                    self.moved(story, transition, key, before, obliged);
                }
                one.obliged = Some(obliged);
            }
        }
        let mut late = false;
        for (key, one) in running {
            late |= self.ended(story, key, &one, if retired.is_some() { End::Gone(last) } else { End::Open });
        }
        self.hosts_overdue += u64::from(late);
        self.prune(false);
    }

    /// Takes in a host's part in a rollout, told up to the window's end.
    pub fn change(&mut self, story: &ChangeStory<'_>) {
        self.changes.take(story, self.from);
    }

    fn moved(&mut self, story: &HostStory<'_>, transition: &Transition, key: &FindingKey, before: &Obliged, after: &Obliged) {
        for known in &before.bounds {
            // A rule that binds no more hands over to those that do, also when
            // a policy only calls it by another name.
            let bound = after.bounds.iter().find(|bound| bound.rule == known.rule).or(after.bounds.first());
            if bound.is_some_and(|bound| bound.due <= known.due) {
                continue;
            }
            self.moved_later += 1;
            let Ok(from) = Timestamp::from_second(known.due) else { continue };
            self.moved.push(Moved {
                at: transition.at,
                name: story.name.to_owned(),
                host: story.host,
                advisory: key.advisory.clone(),
                component: key.component.clone(),
                rule: known.rule.clone(),
                from,
                to: bound.and_then(|bound| Timestamp::from_second(bound.due).ok()),
                policies: transition.policies.clone(),
            });
        }
    }

    /// Counts one finding's life; true where it is open and past due.
    fn ended(&mut self, story: &HostStory<'_>, key: &FindingKey, one: &Running<'_>, end: End) -> bool {
        let nothing = Obliged::default();
        let obliged = one.obliged.unwrap_or(&nothing);
        let (until, closed) = match end {
            End::Closed(at) => (at, true),
            End::Gone(at) => (at, false),
            End::Open => (self.to, false),
        };
        let first = obliged.bounds.first();
        let start = first.and_then(|bound| bound.start).unwrap_or(one.opened);
        self.open_seconds += (until - one.opened.max(self.from)).max(0);
        if let Some(bound) = first {
            self.overdue_seconds += (until - one.opened.max(bound.due).max(self.from)).max(0);
        }
        if (self.from..self.to).contains(&start) {
            self.lives.entry(obliged.rating).or_default().push(((until - start).max(0), closed));
        } else if start < self.from && until >= self.from {
            self.started_before += 1;
        }
        for bound in obliged.bounds.iter().filter(|bound| (self.from..self.to).contains(&bound.due)) {
            if end == End::Gone(until) && until <= bound.due {
                continue;
            }
            let rule = self.rules.entry(bound.rule.clone()).or_default();
            rule.due += 1;
            match end {
                End::Closed(at) if at <= bound.due => rule.met += 1,
                End::Closed(_) => rule.late += 1,
                End::Gone(_) | End::Open => rule.open += 1,
            }
        }
        self.exploited.closed += u64::from(obliged.exploited && closed && until >= self.from);
        end == End::Open && self.open(story, key, one, obliged, start)
    }

    fn open(&mut self, story: &HostStory<'_>, key: &FindingKey, one: &Running<'_>, obliged: &Obliged, start: i64) -> bool {
        if let Some(kept) = &mut self.kept {
            kept.extend(Timestamp::from_second(one.opened).ok().map(|opened| OpenFinding {
                name: story.name.to_owned(),
                host: story.host,
                advisory: key.advisory.clone(),
                component: key.component.clone(),
                priority: obliged.rating,
                exploited: obliged.exploited,
                opened,
                bounds: obliged.bounds.clone(),
            }));
        }
        let empty = OpenCount { priority: obliged.rating, open: 0, within: 0, approaching: 0, exceeded: 0, undated: 0 };
        let count = self.open.entry(obliged.rating).or_insert(empty);
        count.open += 1;
        let age = (self.to - start) / DAY;
        let bucket = AGES.iter().position(|end| age <= *end).unwrap_or(AGES.len());
        self.ageing.entry(obliged.rating).or_default()[bucket] += 1;
        self.exploited.open += u64::from(obliged.exploited);
        let Some(bound) = obliged.bounds.first() else {
            count.undated += 1;
            return false;
        };
        let listed = || {
            Some(Listed {
                host: story.host,
                name: story.name.to_owned(),
                advisory: key.advisory.clone(),
                component: key.component.clone(),
                priority: obliged.rating,
                exploited: obliged.exploited,
                rule: bound.rule.clone(),
                due: Timestamp::from_second(bound.due).ok()?,
                opened: Timestamp::from_second(one.opened).ok()?,
            })
        };
        // A deadline is the last second in time.
        if bound.due < self.to {
            count.exceeded += 1;
            self.exploited.overdue += u64::from(obliged.exploited);
            self.late.extend(listed());
            return true;
        }
        if bound.due <= self.to.saturating_add(APPROACHING_SECONDS) {
            count.approaching += 1;
            self.approaching.extend(listed());
        } else {
            count.within += 1;
        }
        false
    }

    /// Keeps lists short: what is not among the first will not come back.
    fn prune(&mut self, whole: bool) {
        for list in [&mut self.late, &mut self.approaching] {
            if whole || list.len() > 2 * LISTED {
                list.sort();
                list.truncate(LISTED);
            }
        }
        if whole || self.moved.len() > 2 * LISTED {
            self.moved.sort();
            self.moved.truncate(LISTED);
        }
    }

    /// Gives what was collected.
    pub fn finish(mut self) -> Measures {
        self.prune(true);
        let (rollouts, time_spent) = self.changes.finish();
        let mut lives: Vec<(Option<Rating>, Vec<Life>)> = vec![(None, self.lives.values().flatten().copied().collect())];
        lives.extend(self.lives.into_iter().rev().map(|(rating, lives)| (Some(rating), lives)));
        Measures {
            window: self.window,
            hosts: self.hosts,
            hosts_overdue: self.hosts_overdue,
            due_dates_since: self.since,
            policies: self.policies.into_iter().collect(),
            open: self.open.into_values().rev().collect(),
            flow: self.flow,
            on_time: self
                .rules
                .into_iter()
                .map(|(rule, Rule { due, met, late, open })| OnTime { rule, due, met, late, open, share: share(met, due) })
                .collect(),
            time_to_patch: lives.into_iter().map(|(rating, lives)| survival(rating, lives)).collect(),
            started_before: self.started_before,
            ageing: self.ageing.into_iter().rev().map(|(priority, counts)| Ageing { priority, counts }).collect(),
            exposure: Exposure {
                finding_days: days(self.open_seconds as f64),
                overdue_days: days(self.overdue_seconds as f64),
                per_host_day: (self.host_seconds > 0).then(|| (self.open_seconds as f64 / self.host_seconds as f64 * 100.0).round() / 100.0),
            },
            exploited: self.exploited,
            rollouts,
            time_spent,
            late: self.late,
            approaching: self.approaching,
            moved_later: self.moved_later,
            moved: self.moved,
        }
    }
}
