//! **Hours** of a window out of records of work: corrections applied, timers
//! cut off, and the time of one person counted once.

use crate::model::identifier::{PersonId, WorkId};
use crate::model::work::{Downtime, LONGEST_SESSION_SECONDS, Source, Subject, Work};
use super::steps::Step;
use jiff::Timestamp;
use std::collections::{BTreeMap, BTreeSet};

/// What the hours of one purpose are told apart by.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(super) struct Purpose {
    pub subject: Subject,
    pub step: Option<Step>,
    pub role: String,
    pub source: Source,
}

/// Hours of a window.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub(super) struct Hours {
    /// Seconds by purpose.
    pub worked: BTreeMap<Purpose, u64>,
    /// Minutes out of service, by subject.
    pub downtime: BTreeMap<(Subject, Downtime), u64>,
    /// Timers that were cut off at their longest.
    pub cut: u64,
    /// Seconds in which a person's timers ran side by side, counted once.
    pub shared: u64,
    /// Seconds of tickets that a timer or a person's word tells better.
    pub passed_over: u64,
}

/// The records that stood at a moment: written down by then, and no correction
/// had taken their place.
pub fn standing(work: &[Work], at: Timestamp) -> Vec<&Work> {
    let known = || work.iter().filter(|work| work.recorded <= at);
    let replaced: BTreeSet<WorkId> = known().filter_map(|work| work.replaces).collect();
    known().filter(|work| !replaced.contains(&work.id)).collect()
}

/// Counts the hours from `from` on and before `to`, as they were known at
/// `to`. `of` says what a record is for, once packages answer advisories.
pub(super) fn hours(work: &[Work], from: Timestamp, to: Timestamp, of: impl Fn(&Subject) -> Subject) -> Hours {
    let mut hours = Hours::default();
    let mut timers: BTreeMap<Option<PersonId>, Vec<(i64, i64, &Work)>> = BTreeMap::new();
    for work in standing(work, to) {
        let said = work.started >= from && work.started < to;
        if let Some(downtime) = &work.downtime {
            if said {
                *hours.downtime.entry((of(&work.subject), downtime.clone())).or_default() += downtime.minutes;
            }
        } else if let Some(seconds) = work.seconds {
            if said && seconds > 0 {
                *hours.worked.entry(purpose(work, &of)).or_default() += seconds;
            }
        } else if let Some((begun, ended)) = session(work, from, to, &mut hours.cut) {
            timers.entry(work.person).or_default().push((begun, ended, work));
        }
    }
    for (person, sessions) in timers {
        for (seconds, work) in share(&sessions, person.is_some(), &mut hours.shared) {
            if seconds > 0 {
                *hours.worked.entry(purpose(work, &of)).or_default() += seconds;
            }
        }
    }
    best(&mut hours);
    hours
}

fn purpose(work: &Work, of: &impl Fn(&Subject) -> Subject) -> Purpose {
    Purpose { subject: of(&work.subject), step: work.step, role: work.role.clone(), source: work.source }
}

/// What a timer counts within the window; nothing where it ran outside.
fn session(work: &Work, from: Timestamp, to: Timestamp, cut: &mut u64) -> Option<(i64, i64)> {
    let begun = work.started.as_second();
    let ended = work.ended.filter(|ended| *ended <= to).unwrap_or(to).as_second();
    let longest = begun + LONGEST_SESSION_SECONDS;
    let (first, last) = (begun.max(from.as_second()), ended.min(longest).min(to.as_second()));
    let counts = first < last;
    *cut += u64::from(counts && ended > longest);
    counts.then_some((first, last))
}

/// Divides a person's time among the timers that ran in it; what does not
/// divide goes to the first of them.
fn share<'a>(sessions: &[(i64, i64, &'a Work)], one_person: bool, shared: &mut u64) -> Vec<(u64, &'a Work)> {
    let plain = |(begun, ended, work): &(i64, i64, &'a Work)| (u64::try_from(ended - begun).unwrap_or(0), *work);
    if !one_person || sessions.len() < 2 {
        return sessions.iter().map(plain).collect();
    }
    let mut sorted: Vec<&(i64, i64, &Work)> = sessions.iter().collect();
    sorted.sort_by_key(|(begun, ended, work)| (*begun, *ended, work.id));
    let mut points: Vec<i64> = sorted.iter().flat_map(|(begun, ended, _)| [*begun, *ended]).collect();
    points.sort_unstable();
    points.dedup();
    let mut seconds = vec![0_u64; sorted.len()];
    let (mut running, mut next): (Vec<usize>, usize) = (Vec::new(), 0);
    for pair in points.windows(2) {
        let &[first, last] = pair else { continue };
        running.retain(|place| sorted[*place].1 > first);
        while sorted.get(next).is_some_and(|(begun, ..)| *begun <= first) {
            running.push(next);
            next += 1;
        }
        let (length, number) = (u64::try_from(last - first).unwrap_or(0), running.len() as u64);
        if number == 0 {
            continue;
        }
        *shared += length * (number - 1);
        for (rank, place) in running.iter().enumerate() {
            seconds[*place] += length / number + u64::from((rank as u64) < length % number);
        }
    }
    sorted.iter().zip(seconds).map(|((_, _, work), seconds)| (seconds, *work)).collect()
}

/// Keeps the best source of a step on a patch: where a timer or a person says
/// a role's hours, a ticket's are the same once more.
fn best(hours: &mut Hours) {
    let better: BTreeSet<(Subject, Option<Step>, String)> = hours
        .worked
        .keys()
        .filter(|purpose| matches!(purpose.source, Source::Timer | Source::Entered))
        .map(|purpose| (purpose.subject.clone(), purpose.step, purpose.role.clone()))
        .collect();
    let mut passed_over = 0;
    hours.worked.retain(|purpose, seconds| {
        let again = purpose.source == Source::Ticket
            && !matches!(purpose.subject, Subject::Overhead(_))
            && better.contains(&(purpose.subject.clone(), purpose.step, purpose.role.clone()));
        passed_over += if again { *seconds } else { 0 };
        !again
    });
    hours.passed_over = passed_over;
}
