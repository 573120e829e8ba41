//! **Cycles** of routine patching: whether a change began in each round, from
//! one day of the cycle to the next.

use super::Window;
use crate::model::policy::governance::Cycle;
use jiff::civil::Date;
use jiff::tz::TimeZone;
use jiff::{Timestamp, ToSpan};
use serde::Serialize;

/// Longest way back to a round's beginning that is looked for.
const BACK_DAYS: i64 = 400;
/// Days of one cycle that are looked at: more than a year of daily ones.
const DAYS: usize = 800;

/// A round of a cycle: from one of its days to the day before the next.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct Round {
    /// The cycle's name; where it has none, its rule or the vendor's calendar.
    pub cycle: String,
    /// Its day, by the policy's calendar.
    pub day: Date,
    /// The next round's day.
    pub next: Date,
    /// When the first routine change of it began.
    pub began: Option<Timestamp>,
    /// Whether it is over and none began; none while it may still begin.
    pub missed: Option<bool>,
}

/// Holds routine changes, by the moments at which their rollouts began, against
/// the rounds that end or last within the window.
pub fn held(cycles: &[Cycle], zone: &TimeZone, window: Window, began: &[Timestamp]) -> Vec<Round> {
    let start = |day: Date| day.to_zoned(zone.clone()).map_or(Timestamp::MAX, |start| start.timestamp());
    let mut rounds = Vec::new();
    for cycle in cycles {
        let first = window.from.to_zoned(zone.clone()).date().saturating_sub(BACK_DAYS.days());
        for pair in cycle.days(first, DAYS).windows(2) {
            let [day, next] = *pair else { continue };
            let (from, to) = (start(day), start(next));
            if to <= window.from || from >= window.to {
                continue;
            }
            let first = began.iter().filter(|at| (from..to).contains(*at)).min().copied();
            let missed = match first {
                Some(_) => Some(false),
                None => (to <= window.to).then_some(true),
            };
            rounds.push(Round { cycle: cycle.name(), day, next, began: first, missed });
        }
    }
    rounds
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::policy::Length;
    use crate::model::policy::governance::VendorCalendar;
    use jiff::tz::TimeZoneDatabase;

    fn at(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    #[test]
    fn a_round_without_a_routine_change_is_missed_once_it_is_over() {
        let oslo = TimeZoneDatabase::bundled().get("Europe/Oslo").unwrap();
        let cycle = Cycle { id: None, rule: None, after: Some(VendorCalendar::PatchTuesday), offset: Some(Length::parse("P2D").unwrap()), lead_notice: None };
        let window = Window { from: at("2026-09-20T00:00:00Z"), to: at("2026-11-23T00:00:00Z") };
        // Second Tuesdays of 2026: 8 September, 13 October, 10 November; days
        // begin in Oslo, at 22:00 UTC in summer.
        let began = [at("2026-09-09T21:59:59Z"), at("2026-10-14T21:59:59Z"), at("2026-11-12T05:00:00Z"), at("2026-11-14T05:00:00Z")];
        let told = |began: &[Timestamp]| {
            let rounds = held(std::slice::from_ref(&cycle), &oslo, window, began);
            rounds.iter().map(|round| format!("{} {} {:?} {:?}", round.day, round.next, round.began.map(|at| at.to_string()), round.missed)).collect::<Vec<_>>()
        };
        assert_eq!(
            told(&began),
            [
                "2026-09-10 2026-10-15 Some(\"2026-10-14T21:59:59Z\") Some(false)",
                "2026-10-15 2026-11-12 None Some(true)",
                "2026-11-12 2026-12-10 Some(\"2026-11-12T05:00:00Z\") Some(false)",
            ],
            "the first start is of the day before the first round"
        );
        assert_eq!(told(&began[..2])[2], "2026-11-12 2026-12-10 None None", "there is still time");
        assert!(held(&[], &oslo, window, &began).is_empty());
    }

    #[test]
    fn every_other_week_is_the_same_whenever_one_asks() {
        let cycle = Cycle { id: Some("even".to_owned()), rule: Some(crate::model::policy::Recurrence::parse("FREQ=WEEKLY;INTERVAL=2;BYDAY=TH").unwrap()), after: None, offset: None, lead_notice: None };
        let all = cycle.days(jiff::civil::date(2026, 1, 1), 40);
        for weeks in 0..30 {
            let from = jiff::civil::date(2026, 1, 1).saturating_add((weeks * 7).days());
            let later = cycle.days(from, 3);
            assert!(later.iter().all(|day| all.contains(day)), "{from}: {later:?}");
        }
        assert_eq!(cycle.name(), "even");
    }
}
