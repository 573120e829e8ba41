use super::*;
use crate::model::transition::{Bound, FindingKey, Obliged, Transition};
use proptest::prelude::*;

const DAY: i64 = 86_400;

fn at(day: i64) -> Timestamp {
    Timestamp::from_second(day * DAY).unwrap()
}

fn key(number: usize) -> FindingKey {
    FindingKey { advisory: format!("A-{number:04}"), component: "openssl".to_owned() }
}

fn bound(rule: &str, start: i64, due: i64) -> Bound {
    Bound { due: due * DAY, start: Some(start * DAY), rule: rule.to_owned() }
}

fn obliged(rating: Rating, bounds: &[Bound]) -> Obliged {
    Obliged { rating, exploited: false, bounds: bounds.to_vec() }
}

fn opened(serial: u64, day: i64, what: Vec<(FindingKey, Obliged)>) -> Transition {
    Transition {
        host: HostId::from_bits(1),
        serial,
        at: at(day),
        opened: what.iter().map(|(key, _)| key.clone()).collect(),
        closed: vec![],
        obliged: what,
        policies: vec!["samm 1".to_owned()],
    }
}

fn closed(serial: u64, day: i64, what: Vec<FindingKey>) -> Transition {
    Transition { host: HostId::from_bits(1), serial, at: at(day), opened: vec![], closed: what, obliged: vec![], policies: vec![] }
}

fn measured(from: i64, to: i64, retired: Option<i64>, transitions: &[Transition]) -> Measures {
    let mut collector = Collector::new(Window { from: at(from), to: at(to) });
    collector.host(&HostStory { host: HostId::from_bits(1), name: "web1", enrolled: at(0), retired: retired.map(at), transitions });
    collector.finish()
}

/// The reference's example: 60 of 100 closed in 5 to 15 days and 40 open after
/// 60 days. The mean of what was closed shines; the median tells.
#[test]
fn what_is_open_counts_in_the_time_to_patch() {
    let mut lives: Vec<(i64, bool)> = (1..=60).map(|number| (5 * DAY + 10 * DAY * number / 60, true)).collect();
    lives.extend(std::iter::repeat_n((60 * DAY, false), 40));
    let found = survival::survival(None, lives);
    assert_eq!((found.started, found.closed), (100, 60));
    assert_eq!((found.mean_days, found.median_days, found.p90_days), (Some(10.08), Some(13.33), None));
    assert_eq!(found.mean_open_days, Some(60.0));
    assert_eq!(found.patched.iter().map(|point| (point.days, point.share)).collect::<Vec<_>>(), [(1, 0.0), (2, 0.0), (3, 0.0), (7, 12.0), (14, 54.0), (30, 60.0), (60, 60.0)]);
    // Of few only counts are told; the estimate drops those who left before.
    let few = survival::survival(None, vec![(DAY, false), (2 * DAY, true), (3 * DAY, true)]);
    assert_eq!((few.patched.len(), few.median_days, few.p90_days), (0, Some(2.0), Some(3.0)));
    assert_eq!(survival::survival(None, vec![]).median_days, None);
}

#[test]
fn in_time_late_open_and_gone_are_told_apart_by_rule() {
    let high = |due| obliged(Rating::High, &[bound("p/high", 10, due), bound("q/all", 10, due + 100)]);
    let story = [
        opened(0, 10, vec![(key(1), high(17)), (key(2), high(17)), (key(3), high(17)), (key(4), high(45)), (key(5), high(40))]),
        closed(1, 17, vec![key(1)]),
        closed(2, 18, vec![key(2)]),
    ];
    let found = measured(5, 35, None, &story);
    let rule = |measures: &Measures, name: &str| measures.on_time.iter().find(|rule| rule.rule == name).map(|rule| (rule.due, rule.met, rule.late, rule.open, rule.share));
    assert_eq!(rule(&found, "p/high"), Some((3, 1, 1, 1, None)));
    assert_eq!(rule(&found, "q/all"), None, "nothing was due under it");
    assert_eq!(found.open, [OpenCount { priority: Rating::High, open: 3, within: 1, approaching: 1, exceeded: 1, undated: 0 }]);
    assert_eq!((found.late.len(), &found.late[0].advisory, found.late[0].due), (1, &"A-0003".to_owned(), at(17)));
    assert_eq!((found.approaching.len(), &found.approaching[0].advisory), (1, &"A-0005".to_owned()));
    assert_eq!((found.hosts, found.hosts_overdue, found.flow), (1, 1, Flow { opened: 5, closed: 2, opened_again: 0 }));
    assert_eq!((found.time_to_patch[0].started, found.time_to_patch[0].closed, found.time_to_patch[0].mean_days), (5, 2, Some(7.5)));
    // 7, 8 and three times 25 days; one day late, and 18 days open past due.
    assert_eq!((found.exposure.finding_days, found.exposure.overdue_days, found.exposure.per_host_day), (90.0, 19.0, Some(3.0)));
    assert_eq!(found.ageing, [Ageing { priority: Rating::High, counts: [0, 0, 3, 0, 0, 0, 0] }]);
    // A host that goes before its deadline owes nothing; after it, it does.
    assert_eq!(rule(&measured(5, 35, Some(16), &story), "p/high"), None);
    let gone = measured(5, 35, Some(20), &story);
    assert_eq!((rule(&gone, "p/high"), gone.hosts, gone.open.len(), gone.late.len()), (Some((3, 1, 1, 1, None)), 0, 0, 0));
}

#[test]
fn a_deadline_that_moves_later_is_never_silent() {
    let story = |after| {
        let mut later = opened(1, 12, vec![]);
        later.obliged = vec![(key(1), obliged(Rating::Low, &[bound("p/low", 10, after)]))];
        later.policies = vec!["samm 2".to_owned()];
        [opened(0, 10, vec![(key(1), obliged(Rating::High, &[bound("p/low", 10, 20)]))]), later]
    };
    let later = measured(5, 30, None, &story(25));
    assert_eq!((later.moved_later, later.moved[0].from, later.moved[0].to, later.moved[0].policies.as_slice()), (1, at(20), Some(at(25)), &["samm 2".to_owned()][..]));
    assert_eq!(later.late[0].due, at(25), "the newest word counts");
    assert_eq!(later.policies, ["samm 1", "samm 2"]);
    let sooner = measured(5, 30, None, &story(15));
    assert_eq!((sooner.moved_later, sooner.late[0].due), (0, at(15)));
    // Neither is one whose rule has another name now, or that is gone.
    let under = |bounds: &[Bound]| {
        let mut story = story(25);
        story[1].obliged[0].1.bounds = bounds.to_vec();
        let found = measured(5, 30, None, &story);
        (found.moved_later, found.moved.first().map(|moved| (moved.rule.clone(), moved.to)))
    };
    assert_eq!(under(&[bound("q/low", 10, 25)]), (1, Some(("p/low".to_owned(), Some(at(25))))));
    assert_eq!(under(&[]), (1, Some(("p/low".to_owned(), None))));
    assert_eq!(under(&[bound("q/low", 10, 19)]), (0, None));
    assert_eq!(under(&[bound("q/low", 10, 15), bound("p/low", 10, 21)]), (1, Some(("p/low".to_owned(), Some(at(21))))));
}

#[test]
fn what_came_back_lives_again_and_old_journals_have_no_due_dates() {
    let old = |serial, day| Transition { obliged: vec![], policies: vec![], ..opened(serial, day, vec![(key(1), Obliged::default())]) };
    let found = measured(0, 40, None, &[old(0, 10), closed(1, 12, vec![key(1)]), old(2, 30)]);
    assert_eq!(found.flow, Flow { opened: 2, closed: 1, opened_again: 1 });
    assert_eq!((found.due_dates_since, found.open[0].undated, found.time_to_patch[0].started), (None, 1, 2));
    assert_eq!(found.started_before, 0);
    assert_eq!(measured(11, 40, None, &[old(0, 10), closed(1, 12, vec![key(1)])]).started_before, 1);
}

#[test]
fn events_tell_what_is_counted_and_nothing_later() {
    let update = FindingKey { advisory: crate::assessment::UPDATE.to_owned(), component: "openssl amd64".to_owned() };
    let mut first = opened(0, 10, vec![(key(1), obliged(Rating::High, &[bound("p/high", 9, 17)]))]);
    first.opened.push(update.clone());
    let transitions = [first, closed(1, 12, vec![update]), closed(2, 20, vec![key(1)])];
    let story = |retired: Option<i64>| HostStory { host: HostId::from_bits(1), name: "web1", enrolled: at(5), retired: retired.map(at), transitions: &transitions };
    let gone = story(Some(30));
    let events = gone.events(at(30));
    assert_eq!(events[0], Event::Host { host: HostId::from_bits(1), name: "web1", enrolled: at(5), retired: Some(at(30)) });
    let [Event::Transition { serial: 0, opened, obliged, .. }, Event::Transition { serial: 2, closed, .. }] = &events[1..] else { panic!("{events:?}") };
    assert_eq!((opened.as_slice(), closed.as_slice()), (&[&key(1)][..], &[&key(1)][..]), "pending updates are no findings");
    assert_eq!((obliged[0].finding, obliged[0].priority, obliged[0].bounds[0].start, obliged[0].bounds[0].due), (&key(1), Rating::High, Some(at(9)), at(17)));
    let before = gone.events(at(19));
    assert_eq!((before.len(), &before[0], &before[1]), (2, &Event::Host { host: HostId::from_bits(1), name: "web1", enrolled: at(5), retired: None }, &events[1]));
    assert!(story(None).events(at(4)).is_empty(), "it had not joined");
}

/// Times of events are finer than what is counted: where a window begins or
/// ends within a second, all figures of it say the same.
#[test]
fn seconds_are_whole_for_every_figure() {
    let fine = |millisecond: i64| Timestamp::from_millisecond(millisecond).unwrap();
    let story = [
        Transition { at: fine(500), ..opened(0, 0, vec![(key(1), Obliged { exploited: true, ..Obliged::default() })]) },
        Transition { at: fine(10_300), ..closed(1, 0, vec![key(1)]) },
        Transition { at: fine(20_200), ..opened(2, 0, vec![(key(2), Obliged::default())]) },
    ];
    let mut collector = Collector::new(Window { from: fine(10_700), to: fine(20_900) });
    collector.host(&HostStory { host: HostId::from_bits(1), name: "web1", enrolled: fine(0), retired: None, transitions: &story });
    let found = collector.finish();
    assert_eq!((found.flow, found.exploited.closed), (Flow { opened: 1, closed: 1, opened_again: 0 }, 1));
    // What opened in the report's own second has not started before the window.
    assert_eq!((found.started_before, found.time_to_patch[0].started), (1, 0));
    assert_eq!(found.exposure.per_host_day, Some(0.0));
    let mut collector = Collector::new(Window { from: fine(0), to: fine(20_000) });
    collector.host(&HostStory { host: HostId::from_bits(1), name: "web1", enrolled: fine(0), retired: None, transitions: &story });
    assert_eq!(collector.finish().exposure.per_host_day, Some(0.5), "ten of twenty seconds, however short");
}

prop_compose! {
    /// A journal as a server writes it: what closes was open, what opens was not.
    fn journal()(acts in prop::collection::vec((0_usize..12, 0_i64..4, 1_i64..40, any::<bool>()), 0..60)) -> Vec<Transition> {
        let (mut open, mut now, mut story) = (std::collections::BTreeSet::new(), 0, Vec::new());
        for (number, wait, within, again) in acts {
            now += wait;
            let serial = story.len() as u64;
            let demand = obliged(if number % 2 == 0 { Rating::High } else { Rating::Low }, &[bound("p/a", now, now + within)]);
            if !open.contains(&number) {
                open.insert(number);
                story.push(opened(serial, now, vec![(key(number), demand)]));
            } else if again {
                story.push(Transition { opened: vec![], ..opened(serial, now, vec![(key(number), demand)]) });
            } else {
                open.remove(&number);
                story.push(closed(serial, now, vec![key(number)]));
            }
        }
        story
    }
}

proptest! {
    /// The report of a moment stays what it was, whatever happens later.
    #[test]
    fn the_past_does_not_change(story in journal(), from in 0_i64..60, length in 1_i64..60) {
        let to = from + length;
        let known: Vec<Transition> = story.iter().filter(|transition| transition.at <= at(to)).cloned().collect();
        prop_assert_eq!(measured(from, to, None, &story), measured(from, to, None, &known));
    }

    /// Everything that opened is closed or open, and every sum says the same.
    #[test]
    fn nothing_is_lost_between_the_counts(story in journal(), to in 1_i64..200) {
        let found = measured(0, to, None, &story);
        let open: u64 = found.open.iter().map(|count| count.open).sum();
        prop_assert_eq!(found.flow.opened, found.flow.closed + open);
        for count in &found.open {
            prop_assert_eq!(count.open, count.within + count.approaching + count.exceeded + count.undated);
        }
        prop_assert_eq!(found.ageing.iter().flat_map(|ages| ages.counts).sum::<u64>(), open);
        prop_assert_eq!(found.time_to_patch[0].started, found.time_to_patch[1..].iter().map(|of| of.started).sum::<u64>());
        for rule in &found.on_time {
            prop_assert_eq!(rule.due, rule.met + rule.late + rule.open);
        }
        prop_assert_eq!(found.late.len() as u64, found.open.iter().map(|count| count.exceeded).sum::<u64>());
        prop_assert!(found.exposure.overdue_days <= found.exposure.finding_days);
    }
}
