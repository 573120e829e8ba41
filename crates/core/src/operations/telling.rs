//! **Telling** people of a rollout: what is due at a moment, given what was
//! told before.
//!
//! [`due`] keeps nothing and can be asked at any time: what it names and the
//! caller has kept as told, it does not name again. A plan that was told and
//! does not hold any more is corrected; a plan nobody heard of is not.

use crate::model::deployment_package::{DeploymentPackage, Interval, Place};
use crate::model::policy::governance::{Notice, Notify, QuietHours};
use jiff::{SignedDuration, Timestamp};
use jiff::tz::TimeZone;
use std::collections::BTreeSet;

/// What people are told.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Moment {
    /// A change is planned.
    Planned,
    /// An emergency change comes.
    Emergency,
    /// It begins at another time than was told, or has no window left.
    Moved,
    /// It was aborted after something had been told of it.
    Cancelled,
    /// The first host may apply it.
    Started,
    /// Its gate shut: too many hosts failed, or something stands in the way.
    Failed,
    /// No host has anything more to do.
    Completed,
}

impl Moment {
    /// The word in storage and in the event, `rollout.planned`.
    pub fn word(self) -> &'static str {
        match self {
            Self::Planned => "planned",
            Self::Emergency => "emergency",
            Self::Moved => "moved",
            Self::Cancelled => "cancelled",
            Self::Started => "started",
            Self::Failed => "failed",
            Self::Completed => "completed",
        }
    }

    /// Whether what was told of the plan before does not hold any more.
    pub fn corrects(self) -> bool {
        matches!(self, Self::Moved | Self::Cancelled)
    }

    /// Whether nobody need acknowledge anything of the change any more.
    pub fn ends(self) -> bool {
        matches!(self, Self::Cancelled | Self::Completed)
    }

    /// The notice of the policy that asks for it; a correction goes to those
    /// who heard of the plan.
    pub fn notice(self, notify: &Notify, emergency: bool) -> Option<&Notice> {
        match self {
            Self::Planned => notify.planned.as_ref(),
            Self::Emergency => notify.emergency.as_ref(),
            Self::Moved | Self::Cancelled if emergency => notify.emergency.as_ref().or(notify.planned.as_ref()),
            Self::Moved | Self::Cancelled => notify.planned.as_ref().or(notify.during.as_ref()),
            Self::Started => notify.during.as_ref(),
            Self::Failed => notify.failed.as_ref(),
            Self::Completed => notify.completed.as_ref(),
        }
    }
}

/// One thing told or to be told.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Tell {
    /// What.
    pub moment: Moment,
    /// When the change begins, where that is what is told; none where no window
    /// is left, and for the other moments.
    pub start: Option<Timestamp>,
}

impl Tell {
    /// The text in storage: the word and, after a space, the start.
    pub fn key(self) -> String {
        match self.start {
            Some(start) => format!("{} {start}", self.moment.word()),
            None => self.moment.word().to_owned(),
        }
    }

    /// Reads that text.
    pub fn parse(key: &str) -> Option<Self> {
        use Moment::{Cancelled, Completed, Emergency, Failed, Moved, Planned, Started};
        let (word, start) = key.split_once(' ').map_or((key, None), |(word, start)| (word, Some(start)));
        let all = [Planned, Emergency, Moved, Cancelled, Started, Failed, Completed];
        let moment = all.into_iter().find(|moment| moment.word() == word)?;
        Some(Self { moment, start: start.map(str::parse).transpose().ok()? })
    }
}

/// How a rollout ended.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum End {
    /// Somebody aborted it.
    Aborted,
    /// Every host has done what it will do.
    Done,
}

/// A rollout as far as notices are concerned.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Course<'a> {
    /// Whether it is an emergency change.
    pub emergency: bool,
    /// When it was started by people: hosts know of it from here on.
    pub known: Timestamp,
    /// When hosts may start, see [`openings`].
    pub openings: &'a [Interval],
    /// When the first host was allowed to apply.
    pub begun: Option<Timestamp>,
    /// Since when its gate is shut.
    pub failed: Option<Timestamp>,
    /// How it ended, and when.
    pub ended: Option<(End, Timestamp)>,
}

impl Course<'_> {
    /// When it begins at the earliest, seen from a moment before it began; none
    /// where no window is left.
    pub fn start(&self, now: Timestamp) -> Option<Timestamp> {
        let next = self.openings.iter().find(|opening| opening.last_start > now)?;
        Some(next.from.max(self.known))
    }
}

/// What people are to be told now. `since` is when telling began: what came to
/// pass before is old; a plan is not.
///
/// A plan is told at its lead before the start; where that lies in quiet hours
/// already before these begin, because after them might be too late.
pub fn due(course: &Course<'_>, notify: &Notify, zone: &TimeZone, told: &BTreeSet<Tell>, since: Timestamp, now: Timestamp) -> Vec<Tell> {
    use Moment::{Cancelled, Completed, Emergency, Failed, Moved, Planned, Started};
    let was = |moment: Moment| told.iter().any(|tell| tell.moment == moment);
    let wanted = |moment: Moment| moment.notice(notify, course.emergency).is_some() && !was(moment);
    let came = |at: Timestamp| at >= since && at <= now;
    let mut tells = Vec::new();
    let simple = |moment| Tell { moment, start: None };
    if course.begun.is_none() && course.ended.is_none() {
        tells.extend(plan(course, notify, zone, told, now));
    }
    // Of a start that was taken back before anybody heard of it, nobody hears.
    let aborted = matches!(course.ended, Some((End::Aborted, _)));
    if course.begun.is_some_and(came) && !aborted && wanted(Started) {
        tells.push(simple(Started));
    }
    if course.failed.is_some_and(came) && course.ended.is_none() && wanted(Failed) {
        tells.push(simple(Failed));
    }
    match course.ended {
        Some((End::Done, at)) if came(at) && wanted(Completed) => tells.push(simple(Completed)),
        Some((End::Aborted, _)) => {
            let open = [Planned, Emergency, Moved, Started].into_iter().any(was) && !was(Cancelled) && !was(Completed);
            tells.extend(open.then_some(simple(Cancelled)));
        }
        _ => {}
    }
    tells
}

/// What is due of the plan of a change that has not begun.
fn plan(course: &Course<'_>, notify: &Notify, zone: &TimeZone, told: &BTreeSet<Tell>, now: Timestamp) -> Option<Tell> {
    let start = course.start(now);
    let first = if course.emergency { Moment::Emergency } else { Moment::Planned };
    if told.iter().any(|tell| tell.moment == first) {
        // Starts only ever move on, so that the last one told is the latest;
        // that none is left ends them.
        let of_plan = told.iter().filter(|tell| tell.moment == first || tell.moment == Moment::Moved);
        let over = told.contains(&Tell { moment: Moment::Moved, start: None });
        let last = of_plan.filter_map(|tell| tell.start).max();
        let moved = !over && last != start && start.is_none_or(|start| last.is_none_or(|last| start > last));
        return moved.then_some(Tell { moment: Moment::Moved, start });
    }
    let start = start?;
    let notice = first.notice(notify, course.emergency)?;
    let lead = match &notice.lead {
        Some(lead) => lead.before(&start.to_zoned(zone.clone()))?,
        // An emergency is told at once, a plan as soon as it is known.
        None => now,
    };
    let quiet = notify.quiet_hours.as_ref().filter(|_| !course.emergency);
    let at = quiet.and_then(|quiet| quiet.around(lead, zone)).map_or(lead, |(from, _)| from);
    (at <= now || course.emergency).then_some(Tell { moment: first, start: Some(start) })
}

/// When a message may leave: at once, or when quiet hours end. A start that
/// would come first lets it leave at once.
pub fn leaves(quiet: Option<&QuietHours>, zone: &TimeZone, critical: bool, start: Option<Timestamp>, now: Timestamp) -> Timestamp {
    match quiet.filter(|_| !critical).and_then(|quiet| quiet.around(now, zone)) {
        Some((_, end)) if start.is_none_or(|start| end <= start) => end,
        _ => now,
    }
}

/// Until when somebody is to acknowledge what leaves now: half of the time that
/// is left before the start, so that whoever is called next can still act on it;
/// `least` where there is no start, or one sooner than that.
pub fn acknowledge_by(leaves: Timestamp, start: Option<Timestamp>, least: SignedDuration) -> Timestamp {
    let half = start.map(|start| start.duration_since(leaves) / 2).unwrap_or_default();
    leaves.checked_add(half.max(least)).unwrap_or(Timestamp::MAX)
}

/// When hosts of some rings may start: windows where they have one, from the
/// opening of their ring to the package's end; sorted, overlaps made one.
pub fn openings(package: &DeploymentPackage, places: &[Place], of: impl Fn(u32) -> bool) -> Vec<Interval> {
    let kinds: BTreeSet<(u32, Option<&str>)> = places.iter().filter(|place| of(place.ring)).map(|place| (place.ring, place.window.as_deref())).collect();
    let mut all = Vec::new();
    for (ring, window) in kinds {
        let opens = usize::try_from(ring).ok().and_then(|ring| package.rings.get(ring)).map_or(Timestamp::MIN, |ring| ring.opens);
        let whole = [Interval { from: opens, to: package.expires, last_start: package.expires }];
        let intervals = match window {
            None => &whole[..],
            Some(name) => package.windows.get(name).map_or(&[][..], |window| window.intervals.as_slice()),
        };
        let clipped = intervals.iter().map(|one| {
            let (from, to) = (one.from.max(opens), one.to.min(package.expires));
            Interval { from, to, last_start: one.last_start.min(package.expires) }
        });
        all.extend(clipped.filter(|one| one.from < one.last_start));
    }
    all.sort();
    let mut merged: Vec<Interval> = Vec::new();
    for one in all {
        match merged.last_mut() {
            Some(last) if one.from < last.to => (last.to, last.last_start) = (last.to.max(one.to), last.last_start.max(one.last_start)),
            _ => merged.push(one),
        }
    }
    merged
}

#[cfg(test)]
mod tests;
