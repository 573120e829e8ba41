use super::*;
use crate::model::policy::Length;
use crate::model::policy::governance::Notice;
use proptest::prelude::*;

fn at(text: &str) -> Timestamp {
    text.parse().unwrap()
}

fn zone() -> TimeZone {
    TimeZone::get("Europe/Oslo").unwrap()
}

fn notice(lead: Option<&str>) -> Notice {
    Notice { to: vec!["owners".to_owned()], lead: lead.map(|lead| Length::parse(lead).unwrap()), ack: false, channel: Vec::new() }
}

fn notify(lead: &str) -> Notify {
    let simple = || Some(notice(None));
    Notify { planned: Some(notice(Some(lead))), during: simple(), completed: simple(), failed: simple(), emergency: Some(notice(Some("PT0S"))), ..Notify::default() }
}

fn opening(from: &str, hours: i64) -> Interval {
    let from = at(from);
    let to = from + SignedDuration::from_hours(hours);
    Interval { from, to, last_start: to - SignedDuration::from_mins(30) }
}

fn course(openings: &[Interval]) -> Course<'_> {
    Course { emergency: false, known: at("2026-03-20T08:00:00Z"), openings, begun: None, failed: None, ended: None }
}

fn quiet(from: &str, to: &str) -> QuietHours {
    QuietHours { from: from.parse().unwrap(), to: to.parse().unwrap() }
}

/// Looks at a course and keeps what it tells.
fn look(course: &Course<'_>, notify: &Notify, told: &mut BTreeSet<Tell>, now: &str) -> Vec<String> {
    let due = due(course, notify, &zone(), told, Timestamp::MIN, at(now));
    told.extend(&due);
    due.into_iter().map(Tell::key).collect()
}

#[test]
fn a_plan_is_told_days_of_the_calendar_before_its_start() {
    // The clocks go forward on 29 March: three days before are 71 hours.
    let openings = [opening("2026-03-30T20:00:00Z", 4)];
    let (course, notify, mut told) = (course(&openings), notify("P3D"), BTreeSet::new());
    assert!(look(&course, &notify, &mut told, "2026-03-27T20:59:59Z").is_empty());
    assert_eq!(look(&course, &notify, &mut told, "2026-03-27T21:00:00Z"), ["planned 2026-03-30T20:00:00Z"]);
    assert!(look(&course, &notify, &mut told, "2026-03-30T20:10:00Z").is_empty(), "once");
}

#[test]
fn a_plan_that_would_be_told_in_quiet_hours_is_told_before_them() {
    let openings = [opening("2026-06-10T01:00:00Z", 4)];
    let notify = Notify { quiet_hours: Some(quiet("22:00:00", "06:00:00")), ..notify("PT1H") };
    let (course, mut told) = (course(&openings), BTreeSet::new());
    assert!(look(&course, &notify, &mut told, "2026-06-09T19:59:59Z").is_empty());
    assert_eq!(look(&course, &notify, &mut told, "2026-06-09T20:00:00Z").len(), 1);
}

#[test]
fn a_start_that_passed_unused_is_corrected_and_so_is_an_abort() {
    let openings = [opening("2026-04-01T20:00:00Z", 4), opening("2026-04-08T20:00:00Z", 4)];
    let (mut course, notify, mut told) = (course(&openings), notify("P1D"), BTreeSet::new());
    assert_eq!(look(&course, &notify, &mut told, "2026-03-31T21:00:00Z"), ["planned 2026-04-01T20:00:00Z"]);
    assert!(look(&course, &notify, &mut told, "2026-04-01T23:29:59Z").is_empty(), "it can still begin");
    assert_eq!(look(&course, &notify, &mut told, "2026-04-01T23:30:00Z"), ["moved 2026-04-08T20:00:00Z"]);
    assert_eq!(look(&course, &notify, &mut told, "2026-04-08T23:30:00Z"), ["moved"], "no window is left");
    assert!(look(&course, &notify, &mut told, "2026-04-09T23:30:00Z").is_empty());
    course.ended = Some((End::Aborted, at("2026-04-10T00:00:00Z")));
    assert_eq!(look(&course, &notify, &mut told, "2026-04-10T00:00:00Z"), ["cancelled"]);
    assert!(look(&course, &notify, &mut told, "2026-04-10T00:01:00Z").is_empty());
    assert!(look(&course, &notify, &mut BTreeSet::new(), "2026-04-10T00:01:00Z").is_empty(), "nobody heard of it");
}

#[test]
fn an_emergency_is_told_at_once_and_what_was_before_the_telling_is_not() {
    let openings = [opening("2026-04-01T20:00:00Z", 4)];
    let mut course = Course { emergency: true, ..course(&openings) };
    let (notify, mut told) = (notify("P3D"), BTreeSet::new());
    assert_eq!(look(&course, &notify, &mut told, "2026-03-20T08:00:01Z"), ["emergency 2026-04-01T20:00:00Z"]);
    course.begun = Some(at("2026-04-01T20:00:05Z"));
    course.failed = Some(at("2026-04-01T21:00:00Z"));
    assert_eq!(look(&course, &notify, &mut told, "2026-04-01T21:00:00Z"), ["started", "failed"]);
    course.ended = Some((End::Done, at("2026-04-02T21:00:00Z")));
    let now = at("2026-04-02T21:00:00Z");
    let late = due(&course, &notify, &zone(), &BTreeSet::new(), at("2026-04-02T00:00:00Z"), now);
    assert_eq!(late, [Tell { moment: Moment::Completed, start: None }], "telling began after the rest");
    assert!(due(&course, &Notify::default(), &zone(), &BTreeSet::new(), Timestamp::MIN, now).is_empty(), "the policy asks for nothing");
}

#[test]
fn quiet_hours_end_on_the_clock_of_the_zone() {
    let (hours, zone) = (quiet("22:00:00", "06:00:00"), zone());
    let end = |now: &str| hours.around(at(now), &zone).map(|(_, end)| end.to_string());
    assert_eq!(end("2026-03-28T21:00:00Z").as_deref(), Some("2026-03-29T04:00:00Z"), "seven hours long, the clocks go forward");
    assert_eq!(end("2026-10-25T03:00:00Z").as_deref(), Some("2026-10-25T05:00:00Z"), "nine hours long, they go back");
    assert_eq!(end("2026-06-10T03:59:59Z").as_deref(), Some("2026-06-10T04:00:00Z"));
    assert_eq!(end("2026-06-10T04:00:00Z"), None, "the end is not in it");
    // An end that the day does not have is where the clock would have shown it.
    assert_eq!(quiet("00:30:00", "02:30:00").around(at("2026-03-29T00:00:00Z"), &zone).unwrap().1, at("2026-03-29T01:30:00Z"));
    assert_eq!(quiet("06:00:00", "06:00:00").around(at("2026-06-10T03:00:00Z"), &zone), None);
    let night = at("2026-06-10T01:00:00Z");
    assert_eq!(leaves(Some(&hours), &zone, false, None, night), at("2026-06-10T04:00:00Z"));
    assert_eq!(leaves(Some(&hours), &zone, true, None, night), night, "critical");
    assert_eq!(leaves(Some(&hours), &zone, false, Some(at("2026-06-10T02:00:00Z")), night), night, "later is too late");
}

/// Lengths before and of openings, when it begins and fails, how and when it
/// ends, and whether it is an emergency; in quarters of an hour.
type Life = (Vec<(i64, i64)>, Option<i64>, Option<i64>, Option<(bool, i64)>, bool);

fn life() -> impl Strategy<Value = Life> {
    let openings = prop::collection::vec((4_i64..60, 3_i64..20), 1..4);
    (openings, prop::option::of(0_i64..300), prop::option::of(0_i64..300), prop::option::of((any::<bool>(), 0_i64..400)), any::<bool>())
}

proptest! {
    /// Whenever it is looked, and however often: nothing is told twice, no
    /// plan after the beginning, nothing after the end, no correction of what
    /// nobody was told, and a plan that does not hold is corrected.
    #[test]
    fn everything_is_told_once_and_in_order((gaps, begun, failed, ended, emergency) in life(), looks in prop::collection::btree_set(0_i64..420, 1..40)) {
        let zero = at("2026-03-20T08:00:00Z");
        let moment = |quarter: i64| zero + SignedDuration::from_mins(15 * quarter);
        let mut openings = Vec::new();
        let mut place = 0;
        for (gap, long) in gaps {
            let from = place + gap;
            place = from + long;
            openings.push(Interval { from: moment(from), to: moment(place), last_start: moment(place - 2) });
        }
        let notify = notify("PT6H");
        let mut told: BTreeSet<Tell> = BTreeSet::new();
        for quarter in looks {
            let past = |at: i64| (at <= quarter).then(|| moment(at));
            let over = ended.and_then(|(done, at)| past(at).map(|at| (if done { End::Done } else { End::Aborted }, at)));
            let course = Course { emergency, known: zero, openings: &openings, begun: begun.and_then(past), failed: failed.and_then(past), ended: over };
            let now = moment(quarter);
            let tells = due(&course, &notify, &zone(), &told, Timestamp::MIN, now);
            for tell in &tells {
                let plan = matches!(tell.moment, Moment::Planned | Moment::Emergency | Moment::Moved);
                prop_assert!(told.insert(*tell), "{tell:?} twice");
                prop_assert!(!plan || course.begun.is_none() && course.ended.is_none(), "{tell:?} is no plan any more");
                prop_assert_eq!(Tell::parse(&tell.key()), Some(*tell));
                if plan && tell.moment != Moment::Moved {
                    prop_assert_eq!(told.iter().filter(|other| other.moment == tell.moment).count(), 1);
                }
                if tell.moment == Moment::Moved {
                    prop_assert!(told.iter().any(|other| matches!(other.moment, Moment::Planned | Moment::Emergency)));
                }
            }
            prop_assert!(due(&course, &notify, &zone(), &told, Timestamp::MIN, now).is_empty(), "asked again at the same moment");
            let plans = || told.iter().filter(|tell| matches!(tell.moment, Moment::Planned | Moment::Emergency | Moment::Moved));
            if course.begun.is_none() && course.ended.is_none() && plans().next().is_some() {
                let right = Tell { moment: Moment::Moved, start: None };
                let holds = plans().any(|tell| tell.start.is_some() && tell.start == course.start(now)) || course.start(now).is_none() && told.contains(&right);
                prop_assert!(holds, "what was told is not how it is");
            }
            if over.is_some_and(|(end, _)| end == End::Aborted) && told.iter().any(|tell| tell.moment != Moment::Failed) {
                prop_assert_eq!(told.iter().filter(|tell| tell.moment == Moment::Cancelled).count(), 1);
            }
        }
    }
}

#[test]
fn half_of_the_time_is_left_to_whoever_is_called_next() {
    let hour = SignedDuration::from_hours(1);
    let leaves = at("2026-03-01T10:00:00Z");
    assert_eq!(acknowledge_by(leaves, Some(at("2026-03-03T10:00:00Z")), hour), at("2026-03-02T10:00:00Z"));
    for start in [None, Some(leaves), Some(at("2026-03-01T11:00:00Z")), Some(at("2026-02-01T00:00:00Z"))] {
        assert_eq!(acknowledge_by(leaves, start, hour), at("2026-03-01T11:00:00Z"), "{start:?}");
    }
}
