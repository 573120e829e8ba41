//! Whether rings, windows, tests and approvals leave time for the deadlines.
//!
//! A change is played through from every hour of some weeks on: approval,
//! then ring by ring, each in its window and watched as long as the policy
//! says. A deadline that no hour keeps can never be kept; one that some hours
//! miss is a matter of luck.

use crate::model::deployment_package::ChangeType;
use crate::model::policy::rollout::{RolloutRules, WindowRule};
use crate::model::policy::{Length, Policy, PolicySet, Rule, Within};
use crate::model::problem::Problem;
use jiff::{SignedDuration, Timestamp, ToSpan};
use std::collections::BTreeSet;

/// Days from which changes are played: five weeks hold every day of a month.
const DAYS: i64 = 35;
/// Longest that a rollout is followed, in days: a window that does not come
/// by then does not come in time.
const FOLLOWED: i64 = 400;

/// Most deadlines that are played through, window by window: the work for a
/// hostile policy stays bounded.
const MOST: usize = 500;

/// Finds deadlines that cannot be kept, and windows that never open.
pub(super) fn lint(set: &PolicySet, problems: &mut Vec<Problem>) {
    let Some(own) = set.policies.first() else { return };
    // A preset says nothing of rollouts; whoever extends it does.
    if set.governance.is_silent() && set.rollout == RolloutRules::default() {
        return;
    }
    let from = own.effective.unwrap_or(jiff::civil::date(2026, 1, 1)).to_zoned(own.zone.clone()).map_or(Timestamp::UNIX_EPOCH, |day| day.timestamp());
    let played = Played { set, own, from };
    let windows: Vec<Opening<'_>> = set.rollout.windows.iter().map(|rule| played.opening(rule)).collect();
    for window in &windows {
        if window.spans.is_empty() {
            problems.push(Problem::new(
                "E-POLICY-WINDOW",
                own.place(&format!("window.{}", window.rule.id)),
                format!("window {} never opens in the {FOLLOWED} days from {} on", window.rule.id, played.from.to_zoned(own.zone.clone()).date()),
                "correct its rule or start",
            ));
        }
    }
    let mut told = BTreeSet::new();
    let whole: Vec<Option<&Opening<'_>>> = if windows.is_empty() { vec![None] } else { windows.iter().filter(|window| !window.spans.is_empty()).map(Some).collect() };
    for window in whole {
        for policy in &set.policies {
            for rule in &policy.rules {
                let Within::Length(length) = &rule.within else { continue };
                let key = (window.map(|window| window.rule.id.clone()), length.as_str().to_owned(), rule.precise, rule.change_type);
                if told.len() < MOST && told.insert(key) {
                    played.judge(policy, rule, length, window, problems);
                }
            }
        }
    }
    freezes(set, own, problems);
}

/// Deadlines that fall within a freeze.
fn freezes(set: &PolicySet, own: &Policy, problems: &mut Vec<Problem>) {
    for freeze in &set.rollout.freezes {
        let lasts = freeze.to.duration_since(freeze.from).as_secs();
        let caught = set.policies.iter().flat_map(|policy| &policy.rules).filter(|rule| {
            let kinds = kinds(rule);
            let short = matches!(&rule.within, Within::Length(length) if length.nominal_seconds() < lasts);
            short && kinds.iter().all(|kind| !freeze.break_for.contains(kind))
        });
        let names: Vec<&str> = caught.map(|rule| rule.name.as_str()).collect();
        if let Some(first) = names.first() {
            problems.push(Problem::new(
                "W-POLICY-FREEZE",
                own.place(&format!("freeze.{}", freeze.id)),
                format!(
                    "freeze {} lasts {} days, and {} within it: {}",
                    freeze.id,
                    lasts / 86_400,
                    if names.len() == 1 { "a deadline runs out" } else { "deadlines run out" },
                    names.join(", ")
                ),
                format!("shorten it, add to its break_for the kind of change that {first} leads to, or grant exceptions for it beforehand"),
            ));
        }
    }
}

/// The kinds of change that a rule leads to; any where it does not say.
fn kinds(rule: &Rule) -> Vec<ChangeType> {
    rule.change_type.map_or_else(|| ChangeType::ALL.to_vec(), |kind| vec![kind])
}

/// A window written out.
struct Opening<'a> {
    rule: &'a WindowRule,
    /// Beginning, and last instant at which something starts.
    spans: Vec<(Timestamp, Timestamp)>,
}

struct Played<'a> {
    set: &'a PolicySet,
    own: &'a Policy,
    from: Timestamp,
}

/// How the hours of some weeks come out.
#[derive(Default)]
struct Outcome {
    kept: u32,
    missed: u32,
    /// Least time from the clock's start to the last ring.
    soonest: Option<SignedDuration>,
    /// Most time past the due date.
    latest: SignedDuration,
}

impl Played<'_> {
    fn opening<'r>(&self, rule: &'r WindowRule) -> Opening<'r> {
        let end = self.from.saturating_add(SignedDuration::from_hours((DAYS + FOLLOWED) * 24)).unwrap_or(Timestamp::MAX);
        let early = self.from.saturating_sub(SignedDuration::from_hours(32 * 24)).unwrap_or(self.from);
        let margin = SignedDuration::from_secs(rule.stop_starting.nominal_seconds());
        let spans = rule.rule.beginnings(rule.start, &rule.zone, early, end);
        let spans = spans.iter().filter_map(|begins| Some((begins.timestamp(), rule.duration.after(begins)?.checked_sub(margin).ok()?)));
        Opening { rule, spans: spans.filter(|(from, to)| from <= to && *to >= self.from).collect() }
    }

    fn judge(&self, policy: &Policy, rule: &Rule, length: &Length, window: Option<&Opening<'_>>, problems: &mut Vec<Problem>) {
        let kinds = kinds(rule);
        let of = |patient: bool| kinds.iter().map(|kind| (*kind, self.play(policy, rule, length, *kind, window, patient))).min_by_key(|(_, outcome)| outcome.missed);
        let (Some((kind, at_once)), Some((patient_kind, patiently))) = (of(false), of(true)) else { return };
        let place = self.set.rollout.rings.last().map_or_else(|| self.own.file.clone(), |ring| self.own.place(&format!("ring.{}", ring.id)));
        let ring = self.set.rollout.rings.last().map_or("", |ring| ring.id.as_str());
        let during = window.map_or_else(String::new, |window| format!(" in window {}", window.rule.id));
        if at_once.kept == 0 {
            let soonest = at_once.soonest.map_or_else(|| format!("not within {FOLLOWED} days"), |soonest| format!("{} after the clock starts at the soonest", words(soonest)));
            problems.push(Problem::new(
                "W-POLICY-UNREACHABLE",
                place,
                format!("ring {ring}{during} can never finish before its deadline: rule {} allows {}, and as {} change the last ring goes {soonest} ({})", rule.name, length.words(), article(kind), self.parts(kind, false)),
                "shorten the rings' soak or the test, open the window for such changes (break_for), or allow more time",
            ));
        } else if patiently.missed > 0 {
            let share = u64::from(patiently.missed) * 100 / u64::from(patiently.missed + patiently.kept);
            problems.push(Problem::new(
                "W-POLICY-LATE",
                place,
                format!(
                    "ring {ring}{during} may finish after its deadline: rule {} allows {}, and of {} changes that begin at any hour {} % end late, {} at worst ({})",
                    rule.name,
                    length.words(),
                    patient_kind.as_str(),
                    share.max(1),
                    words(patiently.latest),
                    self.parts(patient_kind, true)
                ),
                "open windows more often or for such changes (break_for), shorten soak, test or approval, or allow more time",
            ));
        }
    }

    /// What a change waits for, in words.
    fn parts(&self, kind: ChangeType, patient: bool) -> String {
        let rollout = &self.set.rollout;
        let mut parts = Vec::new();
        if let Some(timeout) = rollout.approve.timeout.get(&kind).filter(|_| patient) {
            parts.push(format!("approval up to {}", timeout.words()));
        }
        if let Some(test) = rollout.test.get(&kind).filter(|test| test.min_soak.nominal_seconds() > 0) {
            parts.push(format!("test {}", test.min_soak.words()));
        }
        let soaks = rollout.rings.iter().rev().skip(1).rev().filter(|ring| ring.soak.nominal_seconds() > 0);
        parts.extend(soaks.map(|ring| format!("ring {} watched {}", ring.id, ring.soak.words())));
        if parts.is_empty() { "waiting for windows".to_owned() } else { parts.join(", ") }
    }

    /// Plays a change from every hour on.
    fn play(&self, policy: &Policy, rule: &Rule, length: &Length, kind: ChangeType, window: Option<&Opening<'_>>, patient: bool) -> Outcome {
        let rollout = &self.set.rollout;
        let window = window.filter(|window| !window.rule.break_for.contains(&kind));
        let approval = rollout.approve.timeout.get(&kind).filter(|_| patient).map_or(0, Length::nominal_seconds);
        let mut outcome = Outcome::default();
        for hour in 0..DAYS * 24 {
            let Ok(start) = self.from.checked_add(hour.hours()) else { break };
            let Some(due) = length.due(start, &policy.zone, rule.precise) else { continue };
            let begins = start.checked_add(SignedDuration::from_secs(approval)).ok();
            let at = begins.and_then(|begins| rollout.last_ring_starts(kind, begins, |at| next(window, at)));
            outcome.add(start, due, at);
        }
        outcome
    }
}

impl Outcome {
    fn add(&mut self, start: Timestamp, due: Timestamp, end: Option<Timestamp>) {
        let took = end.map(|end| end.duration_since(start));
        self.soonest = [self.soonest, took].into_iter().flatten().min();
        match end {
            // Who goes at the last moment is not done by then.
            Some(end) if end < due => self.kept += 1,
            end => {
                self.missed += 1;
                let late = end.map_or(SignedDuration::from_hours(FOLLOWED * 24), |end| end.duration_since(due));
                self.latest = self.latest.max(late);
            }
        }
    }
}

/// The first instant from one on at which something may start.
fn next(window: Option<&Opening<'_>>, at: Timestamp) -> Option<Timestamp> {
    let Some(window) = window else { return Some(at) };
    let first = window.spans.partition_point(|(_, last)| *last < at);
    window.spans.get(first).map(|(from, _)| at.max(*from))
}

fn article(kind: ChangeType) -> String {
    let article = if kind == ChangeType::Emergency { "an" } else { "a" };
    format!("{article} {}", kind.as_str())
}

fn words(time: SignedDuration) -> String {
    let hours = (time.as_secs() + 3599) / 3600;
    let days = |days: i64| format!("{days} day{}", if days == 1 { "" } else { "s" });
    match (hours / 24, hours % 24) {
        (0, hours) => format!("{hours} h"),
        (whole, 0) => days(whole),
        (whole, hours) => format!("{} {hours} h", days(whole)),
    }
}
