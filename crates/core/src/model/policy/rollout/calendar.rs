//! Windows written out as instants, with freezes cut out of them.

use super::{FreezeRule, RolloutRules, WindowRule};
use crate::model::deployment_package::{ChangeType, Interval, Window};
use crate::model::policy::HostFacts;
use jiff::{SignedDuration, Timestamp};
use std::collections::BTreeMap;

/// Name of the window of hosts that have none of their own while a freeze
/// lies within the time of a change.
const OPEN: &str = "any-time-but-freezes";

/// The windows of one change: between two instants, for one kind of change.
#[derive(Clone, Debug)]
pub struct Calendar<'a> {
    rules: &'a RolloutRules,
    from: Timestamp,
    to: Timestamp,
    change: ChangeType,
    windows: BTreeMap<String, Window>,
}

impl<'a> Calendar<'a> {
    /// Writes windows out from an instant to another.
    pub fn new(rules: &'a RolloutRules, from: Timestamp, to: Timestamp, change: ChangeType) -> Self {
        Self { rules, from, to, change, windows: BTreeMap::new() }
    }

    /// The window of a host, by name; none for any time.
    ///
    /// Freezes that concern only some hosts of a window make a window of their
    /// own, named after both.
    pub fn window_of(&mut self, host: &HostFacts) -> Option<String> {
        let rules = self.rules;
        let window = rules.windows.iter().find(|rule| rule.select.fits(host)).filter(|rule| !rule.break_for.contains(&self.change));
        let freezes: Vec<&FreezeRule> = rules.freezes.iter().filter(|freeze| self.binds(freeze) && freeze.select.fits(host)).collect();
        let mut name = match window {
            Some(rule) => rule.id.clone(),
            None if freezes.is_empty() => return None,
            None => OPEN.to_owned(),
        };
        for freeze in freezes.iter().filter(|freeze| !freeze.select.is_empty()) {
            name.push('+');
            name.push_str(&freeze.id);
        }
        if !self.windows.contains_key(&name) {
            let window = self.written(window, &freezes);
            self.windows.insert(name.clone(), window);
        }
        Some(name)
    }

    fn binds(&self, freeze: &FreezeRule) -> bool {
        !freeze.break_for.contains(&self.change) && freeze.from < self.to && freeze.to > self.from
    }

    fn written(&self, rule: Option<&WindowRule>, freezes: &[&FreezeRule]) -> Window {
        let (mut shown, whole, reboot, margin) = match rule {
            Some(rule) => (rule.shown(), self.occurrences(rule), rule.reboot, rule.stop_starting.nominal_seconds()),
            None => ("at any time".to_owned(), vec![(self.from, self.to)], true, 0),
        };
        for freeze in freezes {
            shown.push_str(&format!(", not during {}", freeze.id));
        }
        let spans: Vec<(Timestamp, Timestamp)> = freezes.iter().map(|freeze| (freeze.from, freeze.to)).collect();
        let left = outside(&whole, &spans);
        let margin = SignedDuration::from_secs(margin);
        let interval = |(from, to): (Timestamp, Timestamp)| {
            let last = to.checked_sub(margin).unwrap_or(from).max(from);
            (from < to).then_some(Interval { from, to, last_start: last })
        };
        Window { shown, intervals: left.into_iter().filter_map(interval).filter(|interval| interval.last_start > interval.from).collect(), reboot }
    }

    /// Every time that the window is open, joined where two touch.
    fn occurrences(&self, rule: &WindowRule) -> Vec<(Timestamp, Timestamp)> {
        // One that began before and still lasts counts.
        let length = SignedDuration::from_secs(rule.duration.nominal_seconds() + 86_400);
        let early = self.from.checked_sub(length).unwrap_or(self.from);
        let mut all: Vec<(Timestamp, Timestamp)> = Vec::new();
        for begins in rule.rule.beginnings(rule.start, &rule.zone, early, self.to) {
            let Some(ends) = rule.duration.after(&begins) else { continue };
            let (from, to) = (begins.timestamp().max(self.from), ends.min(self.to));
            if from >= to {
                continue;
            }
            match all.last_mut() {
                Some(last) if last.1 >= from => last.1 = last.1.max(to),
                _ => all.push((from, to)),
            }
        }
        all
    }

    /// The windows that hosts were given.
    pub fn into_windows(self) -> BTreeMap<String, Window> {
        self.windows
    }

    /// One of them.
    pub fn window(&self, name: &str) -> Option<&Window> {
        self.windows.get(name)
    }
}

impl WindowRule {
    /// As people read it.
    fn shown(&self) -> String {
        format!("{} from {} {} on, for {}", self.rule.as_str(), self.start, self.zone_name, self.duration.words())
    }
}

/// What of some spans lies outside of others.
pub fn outside(spans: &[(Timestamp, Timestamp)], cut: &[(Timestamp, Timestamp)]) -> Vec<(Timestamp, Timestamp)> {
    let mut left = spans.to_vec();
    for (from, to) in cut {
        left = left
            .into_iter()
            .flat_map(|(start, end)| [(start, end.min(*from)), (start.max(*to), end)])
            .filter(|(start, end)| start < end)
            .collect();
    }
    left
}

#[cfg(test)]
mod tests {
    use super::super::Select;
    use super::*;
    use crate::model::policy::{Attribute, Length, Recurrence};
    use jiff::tz::TimeZoneDatabase;

    fn at(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    fn select(environment: &str) -> Select {
        Select([(Attribute::Environment, vec![environment.to_owned()])].into())
    }

    fn host(environment: &str) -> HostFacts {
        HostFacts { environment: Some(environment.to_owned()), ..HostFacts::default() }
    }

    fn rules(duration: &str) -> RolloutRules {
        let window = WindowRule {
            id: "night".to_owned(),
            select: select("prod"),
            zone: TimeZoneDatabase::bundled().get("Europe/Oslo").unwrap(),
            zone_name: "Europe/Oslo".to_owned(),
            start: "2026-01-01T22:00".parse().unwrap(),
            rule: Recurrence::parse("FREQ=WEEKLY;BYDAY=TU,TH,SA").unwrap(),
            duration: Length::parse(duration).unwrap(),
            stop_starting: Length::parse("PT1H").unwrap(),
            reboot: true,
            break_for: vec![ChangeType::Emergency],
        };
        RolloutRules { windows: vec![window], ..RolloutRules::default() }
    }

    fn shown(rules: &RolloutRules, environment: &str, from: &str, to: &str, change: ChangeType) -> Option<Vec<String>> {
        let mut calendar = Calendar::new(rules, at(from), at(to), change);
        let name = calendar.window_of(&host(environment))?;
        let window = calendar.window(&name).unwrap();
        Some(window.intervals.iter().map(|interval| format!("{} {} {}", interval.from, interval.to, interval.last_start)).collect())
    }

    #[test]
    fn a_night_over_a_change_of_summer_time_keeps_its_length() {
        let table = [
            ("PT4H", "2026-03-28T00:00:00Z", "2026-03-30T00:00:00Z", "2026-03-28T21:00:00Z 2026-03-29T01:00:00Z 2026-03-29T00:00:00Z"),
            ("PT6H", "2026-10-24T00:00:00Z", "2026-10-26T00:00:00Z", "2026-10-24T20:00:00Z 2026-10-25T02:00:00Z 2026-10-25T01:00:00Z"),
            // A day is one on the calendar: 25 hours here.
            ("P1D", "2026-10-24T00:00:00Z", "2026-10-26T00:00:00Z", "2026-10-24T20:00:00Z 2026-10-25T21:00:00Z 2026-10-25T20:00:00Z"),
        ];
        for (duration, from, to, expected) in table {
            assert_eq!(shown(&rules(duration), "prod", from, to, ChangeType::Normal).unwrap(), [expected], "{duration}");
        }
    }

    #[test]
    fn freezes_are_cut_out_and_emergencies_wait_for_nothing() {
        let mut rules = rules("PT4H");
        rules.freezes.push(super::super::FreezeRule {
            id: "release".to_owned(),
            select: Select::default(),
            from: at("2026-11-24T23:00:00Z"),
            to: at("2026-11-26T21:30:00Z"),
            break_for: vec![ChangeType::Emergency],
        });
        let (from, to) = ("2026-11-24T00:00:00Z", "2026-11-28T00:00:00Z");
        assert_eq!(
            shown(&rules, "prod", from, to, ChangeType::Normal).unwrap(),
            ["2026-11-24T21:00:00Z 2026-11-24T23:00:00Z 2026-11-24T22:00:00Z", "2026-11-26T21:30:00Z 2026-11-27T01:00:00Z 2026-11-27T00:00:00Z"]
        );
        // A host without a window is kept from starting during the freeze all
        // the same.
        assert_eq!(
            shown(&rules, "test", from, to, ChangeType::Normal).unwrap(),
            ["2026-11-24T00:00:00Z 2026-11-24T23:00:00Z 2026-11-24T23:00:00Z", "2026-11-26T21:30:00Z 2026-11-28T00:00:00Z 2026-11-28T00:00:00Z"]
        );
        assert_eq!(shown(&rules, "prod", from, to, ChangeType::Emergency), None);
        assert_eq!(shown(&rules, "test", "2026-12-01T00:00:00Z", "2026-12-02T00:00:00Z", ChangeType::Normal), None, "no freeze then");
    }

    #[test]
    fn a_window_under_way_counts_and_one_too_short_to_start_in_does_not() {
        let rules = rules("PT4H");
        assert_eq!(
            shown(&rules, "prod", "2026-11-24T22:15:00Z", "2026-11-25T12:00:00Z", ChangeType::Normal).unwrap(),
            ["2026-11-24T22:15:00Z 2026-11-25T01:00:00Z 2026-11-25T00:00:00Z"]
        );
        assert_eq!(shown(&rules, "prod", "2026-11-25T00:30:00Z", "2026-11-25T12:00:00Z", ChangeType::Normal).unwrap(), [""; 0]);
    }
}
