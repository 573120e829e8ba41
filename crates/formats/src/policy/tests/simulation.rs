//! Policies played through a time that has passed.

use super::decide::{Case, vendor};
use super::read;
use jiff::Timestamp;
use plimsoll_core::measures::{Collector, HostStory, Window};
use plimsoll_core::model::advisory::Rating;
use plimsoll_core::model::identifier::HostId;
use plimsoll_core::model::policy::{HostFacts, PolicySet};
use plimsoll_core::model::transition::{Bound, FindingKey, Obliged, Transition};
use plimsoll_core::phases::prioritize::{Input, due};
use plimsoll_core::simulation::{End, Life, Simulation, Simulator, lives};
use proptest::prelude::*;

const DAY: i64 = 86_400;

fn at(day: i64) -> Timestamp {
    Timestamp::from_second(1_767_225_600 + day * DAY).expect("a day of 2026")
}

fn policy(days: i64, more: &str) -> PolicySet {
    let text = format!(
        "schema = \"patch-policy/1\"\n[policy]\nid = \"p\"\nversion = \"{days}\"\n[[deadline]]\nid = \"high\"\nwhen = {{ severity = [\"high\", \"critical\"] }}\nwithin = \"PT{}H\"\nclock = \"detected\"\n{more}",
        days * 24
    );
    read(&text).unwrap_or_else(|problems| panic!("{}", super::lines(&problems)))
}

fn life(number: usize, opened: i64, end: End) -> Life {
    let key = FindingKey { advisory: format!("A-{number}"), component: "pkg:deb/debian/openssl amd64".to_owned() };
    Life { key, first: at(opened), opened: at(opened), end, obliged: None }
}

fn case(life: &Life, rating: Rating) -> Case {
    let closed = match life.end {
        End::Closed(at) => Some(at),
        _ => None,
    };
    Case { severities: vec![vendor(rating)], first_seen: Some(life.first), closed, ..Case::default() }
}

fn play(before: &PolicySet, after: &PolicySet, findings: &[(Life, Rating)], since: i64) -> Simulation {
    let cases: Vec<(&Life, Case)> = findings.iter().map(|(life, rating)| (life, case(life, *rating))).collect();
    let mut simulator = Simulator::new(Window { from: at(0), to: at(90) }, before, after);
    simulator.host("web1", &HostFacts::default(), at(since), cases.iter().map(|(life, case)| (*life, case.facts())));
    simulator.finish(vec![])
}

#[test]
fn what_was_in_time_and_would_be_late_is_named() {
    let findings = [
        (life(1, 10, End::Closed(at(15))), Rating::High),
        (life(2, 10, End::Closed(at(30))), Rating::High),
        (life(3, 12, End::Open), Rating::High),
        (life(4, 12, End::Closed(at(13))), Rating::Low),
        (life(5, 70, End::Unknown), Rating::High),
        // Too early, too late, gone before its date.
        (life(6, -20, End::Closed(at(-1))), Rating::High),
        (life(7, 90, End::Open), Rating::High),
        (life(8, 60, End::Gone(at(62))), Rating::High),
    ];
    let (long, short) = (policy(14, ""), policy(3, ""));
    let found = play(&long, &short, &findings, 30);
    assert_eq!((found.hosts, found.findings, found.days_real, found.real_share), (1, 6, 60, Some(66.7)));
    let counts = |side: &plimsoll_core::simulation::Side| (side.dated, side.undated, side.came_due, side.met, side.late, side.open, side.unknown);
    assert_eq!(counts(&found.before), (5, 1, 4, 1, 1, 1, 1));
    assert_eq!(counts(&found.after), (5, 1, 4, 0, 2, 1, 1));
    assert_eq!((found.moved.sooner, found.moved.unchanged, found.moved.later), (5, 1, 0));
    assert_eq!((found.newly_missed, found.no_longer_missed), (1, 0));
    let row = &found.rows[0];
    assert_eq!((row.advisory.as_str(), row.seconds, row.closed, row.after), ("A-1", 2 * DAY, Some(at(15)), Some(at(13))));
    let weeks: Vec<(u64, u64, u64)> = found.after.weeks.iter().map(|week| (week.came_due, week.met, week.hosts)).collect();
    assert_eq!(weeks.len(), 13);
    assert_eq!((weeks[1], weeks[2], weeks[10]), ((2, 0, 1), (1, 0, 1), (1, 0, 1)));
    assert_eq!(found.after.rules[0].rule, "p/high");
    // The other way round, the same counts change sides.
    let back = play(&short, &long, &findings, 30);
    assert_eq!((back.newly_missed, back.no_longer_missed, back.moved.later), (0, 1, 5));
    assert_eq!((back.before.clone(), back.after.clone()), (found.after.clone(), found.before.clone()));
}

#[test]
fn what_its_own_windows_leave_no_time_for_is_told() {
    let monthly = "[[window]]\nid = \"night\"\nstart = 2025-01-01T22:00:00\nrule = \"FREQ=MONTHLY;BYMONTHDAY=1\"\nduration = \"PT4H\"\n[[ring]]\nid = \"all\"\npercent = 100\nsoak = \"PT0S\"\nabort_if = { failed_pct = 2.0 }\n";
    let findings = [(life(1, 10, End::Closed(at(11))), Rating::High), (life(2, 30, End::Closed(at(31))), Rating::High)];
    let found = play(&policy(3, ""), &policy(3, monthly), &findings, 0);
    // On the 11th of January no window comes within three days; on the 31st one does.
    assert_eq!((found.before.unreachable, found.after.unreachable, found.after.came_due), (0, 1, 2), "{found:#?}");
    assert_eq!(found.after.rules[0].unreachable, 1);
    assert!(found.assumed.iter().any(|assumed| assumed.contains("windows")));
}

#[test]
fn emergencies_count_in_the_week_in_which_they_open() {
    let emergency = policy(3, "change_type = \"emergency\"\n");
    let findings = [(life(1, 10, End::Closed(at(11))), Rating::Critical), (life(2, -10, End::Open), Rating::Critical), (life(3, 11, End::Open), Rating::Low)];
    let found = play(&policy(3, ""), &emergency, &findings, 0);
    assert_eq!((found.before.emergencies, found.after.emergencies), (0, 1));
    assert_eq!(found.after.weeks.iter().map(|week| week.emergencies).collect::<Vec<_>>()[..3], [0, 1, 0]);
}

fn key(number: u8) -> FindingKey {
    FindingKey { advisory: format!("A-{number}"), component: "openssl".to_owned() }
}

proptest! {
    /// A journal taken apart tells as much as the measures count of it, and a
    /// finding's lives follow one another.
    #[test]
    fn lives_are_what_measures_count(steps in prop::collection::vec((0u8..6, 1i64..5), 0..40)) {
        let (mut open, mut day, mut transitions) = (std::collections::BTreeSet::new(), 0, Vec::new());
        for (serial, (number, later)) in steps.into_iter().enumerate() {
            day += later;
            let (mut opened, mut closed) = (vec![], vec![]);
            if open.insert(number) { opened.push(key(number)) } else { open.remove(&number); closed.push(key(number)) }
            let obliged = opened.iter().map(|key| (key.clone(), Obliged { rating: Rating::High, exploited: false, bounds: vec![Bound { due: at(day + 3).as_second(), start: None, rule: "p/high".to_owned() }] })).collect();
            transitions.push(Transition { host: HostId::from_bits(1), serial: serial as u64, at: at(day), opened, closed, obliged, policies: vec![] });
        }
        let story = HostStory { host: HostId::from_bits(1), name: "web1", enrolled: at(0), retired: None, transitions: &transitions };
        let lived = lives(&story);
        let mut collector = Collector::new(Window { from: at(0), to: at(400) });
        collector.host(&story);
        let measured = collector.finish();
        let closed = lived.iter().filter(|life| matches!(life.end, End::Closed(_))).count();
        prop_assert_eq!((lived.len() as u64, closed as u64), (measured.flow.opened, measured.flow.closed));
        prop_assert_eq!(lived.iter().filter(|life| life.end == End::Open).count(), open.len());
        for life in &lived {
            prop_assert!(life.first <= life.opened && life.obliged.is_some());
            if let End::Closed(at) = life.end { prop_assert!(life.opened < at) }
        }
    }

    /// Whatever is played, each finding stands under one heading, weeks and
    /// rules add up, and a policy held against itself moves nothing.
    #[test]
    fn everything_adds_up(days in prop::collection::vec((-40i64..100, 0i64..60, 0u8..3, prop::bool::ANY), 0..60), one in 1i64..40, other in 1i64..40) {
        let findings: Vec<(Life, Rating)> = days.iter().enumerate().map(|(number, (opened, lasts, end, high))| {
            let end = match end { 0 => End::Open, 1 => End::Closed(at(opened + lasts)), _ => End::Gone(at(opened + lasts)) };
            (life(number, *opened, end), if *high { Rating::High } else { Rating::Low })
        }).collect();
        let (one, other) = (policy(one, ""), policy(other, ""));
        let found = play(&one, &other, &findings, 0);
        for side in [&found.before, &found.after] {
            prop_assert_eq!(side.dated + side.undated, found.findings);
            prop_assert_eq!(side.met + side.late + side.open + side.unknown, side.came_due);
            prop_assert_eq!(side.weeks.iter().map(|week| week.came_due).sum::<u64>(), side.came_due);
            prop_assert_eq!(side.rules.iter().map(|rule| rule.came_due).sum::<u64>(), side.came_due);
        }
        let moved = found.moved;
        prop_assert_eq!(moved.sooner + moved.later + moved.dated + moved.undated + moved.unchanged, found.findings);
        let missed = |side: &plimsoll_core::simulation::Side| side.late + side.open;
        prop_assert_eq!(missed(&found.before) + found.newly_missed, missed(&found.after) + found.no_longer_missed);
        let same = play(&one, &one, &findings, 0);
        prop_assert_eq!((same.moved.unchanged, same.newly_missed, same.no_longer_missed), (same.findings, 0, 0));
        prop_assert_eq!(same.before, same.after);
        // Due dates are what deciding each by itself gives.
        let dated = findings.iter().filter(|(life, rating)| {
            let case = case(life, *rating);
            due(&Input { now: at(90), policies: &other, finding: case.facts(), host: &HostFacts::default() }).due.is_some()
        }).count();
        prop_assert!(found.after.dated <= dated as u64);
    }
}
