//! **Escalation**: who is called as the time of a deadline is used up.

use crate::model::policy::governance::Governance;
use jiff::{SignedDuration, Timestamp};
use std::collections::BTreeSet;

/// A step: a share of the time, and who is called when it is used.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Step {
    /// Share of the time used, in percent, 100 when the deadline has passed.
    pub percent: u8,
    /// Who, in the policy's words.
    pub to: Vec<String>,
    /// Severities or priorities it is for; all where it names none.
    pub levels: Vec<String>,
}

/// What a finding is, as far as steps are for it.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct Level<'a> {
    /// Its severity.
    pub severity: &'a str,
    /// What the policy's decision table gave; empty where it has none.
    pub priority: &'a str,
}

impl Step {
    /// The step in storage: it stays the same as long as the policy says so.
    pub fn key(&self) -> String {
        format!("{} {} {}", self.percent, self.to.join(","), self.levels.join(",")).trim_end().to_owned()
    }

    /// Whether it is for a finding.
    pub fn is_for(&self, level: Level<'_>) -> bool {
        self.levels.is_empty() || self.levels.iter().any(|own| own == level.severity || own == level.priority)
    }

    /// The second in which it is reached; none where the deadline does not say
    /// since when its clock runs and the step is before its end.
    pub fn reached(&self, deadline: Deadline) -> Option<i64> {
        match deadline.length {
            // A deadline is the last second in time: it has passed in the next.
            _ if self.percent >= 100 => deadline.due.checked_add(1),
            0 => None,
            length => deadline.due.checked_sub(i64::from(length) * i64::from(100 - self.percent) / 100),
        }
    }
}

/// A deadline with its clock.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Deadline {
    /// Last second in time, since 1970-01-01 UTC.
    pub due: i64,
    /// Seconds from the start of its clock to its end; 0 where no start is
    /// known.
    pub length: u32,
}

/// The steps of a policy, the highest first, each once: those of
/// `[[escalation]]` and those of `notify.overdue`.
pub fn steps(governance: &Governance) -> Vec<Step> {
    let escalation = governance.escalation.iter().map(|step| Step { percent: step.at_percent.0, to: step.to.clone(), levels: step.levels.clone() });
    let overdue = governance.notify.iter().filter_map(|notify| notify.overdue.as_ref()).flat_map(|overdue| {
        overdue.at_percent.iter().map(|percent| Step { percent: percent.0, to: overdue.to.clone(), levels: Vec::new() })
    });
    let all: BTreeSet<Step> = escalation.chain(overdue).collect();
    all.into_iter().rev().collect()
}

/// The steps of a deadline that are reached now and were not told, by their
/// places, with those among them that need no message of their own: whoever is
/// called for a higher one is not called for a lower one as well. `since` is
/// when telling began, in seconds; what was reached before is old.
pub fn newly<'a>(steps: &'a [Step], deadline: Deadline, level: Level<'_>, told: u64, since: i64, now: i64) -> Vec<(usize, bool)> {
    let mut called: BTreeSet<&'a [String]> = BTreeSet::new();
    let mut found = Vec::new();
    // The highest come first; the store of what was told holds 64.
    for (place, step) in steps.iter().enumerate().take(64) {
        let reached = step.is_for(level) && step.reached(deadline).is_some_and(|at| since <= at && at <= now);
        if reached {
            let first = called.insert(&step.to);
            if told & (1 << place) == 0 {
                found.push((place, first));
            }
        }
    }
    found
}

/// The first second after `now` in which one more step of a deadline is reached;
/// none where no more is to come. Until then [`newly`] finds nothing that it does
/// not find now.
pub fn next(steps: &[Step], deadline: Deadline, level: Level<'_>, now: i64) -> Option<i64> {
    let for_it = steps.iter().take(64).filter(|step| step.is_for(level));
    for_it.filter_map(|step| step.reached(deadline)).filter(|at| *at > now).min()
}

/// Longest that a step is told after its time: what was told longer ago than
/// this may be forgotten, and is not told again.
pub const MEMORY: SignedDuration = SignedDuration::from_hours(365 * 24);

/// From when on steps are told, where telling began at `since`: never what was
/// reached before what may have been forgotten.
pub fn since(since: Timestamp, now: Timestamp) -> Timestamp {
    now.checked_sub(MEMORY).map_or(since, |oldest| since.max(oldest))
}

/// Who is called, in this order, where nobody acknowledges what must be: those
/// of the steps, the lowest first, each once.
pub fn ladder(governance: &Governance) -> Vec<Vec<String>> {
    let mut rungs: Vec<Vec<String>> = Vec::new();
    for step in steps(governance).into_iter().rev() {
        if !rungs.contains(&step.to) {
            rungs.push(step.to);
        }
    }
    rungs
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::policy::governance::{Escalation, Notify, Overdue, Percent};
    use proptest::prelude::*;

    fn governance() -> Governance {
        let step = |percent, to: &str, levels: &[&str]| Escalation {
            at_percent: Percent(percent),
            to: vec![to.to_owned()],
            levels: levels.iter().map(|level| (*level).to_owned()).collect(),
        };
        Governance {
            escalation: vec![step(50, "owner", &[]), step(80, "owner", &[]), step(100, "ciso", &["critical", "high"])],
            notify: Some(Notify { overdue: Some(Overdue { at_percent: vec![Percent(50), Percent(100)], to: vec!["owner".to_owned()] }), ..Notify::default() }),
            ..Governance::default()
        }
    }

    #[test]
    fn steps_of_both_sections_are_reached_at_their_shares() {
        let steps = steps(&governance());
        let keys: Vec<String> = steps.iter().map(Step::key).collect();
        assert_eq!(keys, ["100 owner", "100 ciso critical,high", "80 owner", "50 owner"], "one of the two at 50 % is the other");
        let deadline = Deadline { due: 10_000, length: 1_000 };
        let level = |severity| Level { severity, priority: "" };
        let at = |now, severity| newly(&steps, deadline, level(severity), 0, 0, now).into_iter().map(|(place, first)| (keys[place].as_str(), first)).collect::<Vec<_>>();
        assert!(at(9_499, "high").is_empty());
        assert_eq!(at(9_500, "high"), [("50 owner", true)]);
        assert_eq!(at(9_800, "high"), [("80 owner", true), ("50 owner", false)], "called once for both");
        assert_eq!(at(10_000, "high").len(), 2, "the last second is in time");
        assert_eq!(at(10_001, "high"), [("100 owner", true), ("100 ciso critical,high", true), ("80 owner", false), ("50 owner", false)]);
        assert_eq!(at(10_001, "low").len(), 3, "the step for the severe is not for it");
        let unknown = Deadline { due: 10_000, length: 0 };
        assert!(newly(&steps, unknown, level("high"), 0, 0, 9_999).is_empty());
        assert_eq!(newly(&steps, unknown, level("high"), 0, 0, 10_001).len(), 2);
    }

    #[test]
    fn a_step_for_a_priority_is_for_nothing_else() {
        let step = Step { percent: 50, to: vec!["soc".into()], levels: vec!["act".into(), "critical".into()] };
        let is = |severity, priority| step.is_for(Level { severity, priority });
        assert!(is("low", "act") && is("critical", "track") && !is("high", "track") && !is("high", ""));
        assert_eq!(ladder(&governance()), [vec!["owner".to_owned()], vec!["ciso".to_owned()]], "each once, the lowest first");
    }

    proptest! {
        /// Between two looks of which the second is before the next moment,
        /// nothing is to be told: whoever waits for it misses nothing.
        #[test]
        fn nothing_comes_before_the_next_moment(due in 500_i64..2_500, length in 0_u32..2_000, now in 0_i64..3_000, wait in 0_i64..3_000, severe in any::<bool>()) {
            let steps = steps(&governance());
            let deadline = Deadline { due, length };
            let level = Level { severity: if severe { "critical" } else { "low" }, priority: "" };
            let places = |at| newly(&steps, deadline, level, 0, 0, at).len();
            match next(&steps, deadline, level, now) {
                Some(next) => {
                    prop_assert!(next > now && places(next) > places(now));
                    prop_assert_eq!(places((now + wait).min(next - 1)), places(now));
                }
                None => prop_assert_eq!(places(now + wait), places(now)),
            }
        }

        /// What is old enough to be forgotten is told of no more.
        #[test]
        fn what_may_be_forgotten_is_not_told(due in 0_i64..2_000_000_000, length in 0_u32..100_000_000, after in 1_i64..100_000_000, begun in 0_i64..2_000_000_000) {
            let steps = steps(&governance());
            let now = Timestamp::from_second(due + MEMORY.as_secs() + 1 + after).unwrap();
            let from = since(Timestamp::from_second(begun).unwrap(), now).as_second();
            let level = Level { severity: "critical", priority: "" };
            let found = newly(&steps, Deadline { due, length }, level, 0, from, now.as_second());
            prop_assert!(found.is_empty());
        }

        /// However it is looked, each step is told once, at the first look
        /// after its share; nobody is called twice in one look.
        #[test]
        fn each_step_once(looks in prop::collection::btree_set(0_i64..3_000, 1..30), due in 500_i64..2_500, length in 0_u32..2_000, since in 0_i64..2_000) {
            let steps = steps(&governance());
            let deadline = Deadline { due, length };
            let (mut told, mut times) = (0_u64, vec![0; steps.len()]);
            for now in looks {
                let critical = Level { severity: "critical", priority: "" };
                let found = newly(&steps, deadline, critical, told, since, now);
                let called: Vec<_> = found.iter().filter(|(_, first)| *first).map(|(place, _)| &steps[*place].to).collect();
                prop_assert_eq!(called.iter().collect::<BTreeSet<_>>().len(), called.len());
                for (place, _) in found {
                    told |= 1 << place;
                    times[place] += 1;
                }
                for (place, step) in steps.iter().enumerate() {
                    let past = step.reached(deadline).is_some_and(|at| since <= at && at <= now);
                    prop_assert_eq!(times[place], u32::from(past), "{}", step.key());
                }
            }
        }
    }
}
