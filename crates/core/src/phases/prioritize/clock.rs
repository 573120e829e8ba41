//! When clocks start, when they run out, and where a finding stands.

use super::Input;
use super::inputs::Inputs;
use crate::model::because::{Because, BecauseKind};
use crate::model::obligation::{Obligation, Verdict};
use crate::model::policy::{Clock, Length, Policy, Rule};
use jiff::{Timestamp, ToSpan};

/// Share of the time used from which on a finding is due soon, in percent.
const SOON_PERCENT: i64 = 80;

/// The clocks of one finding under one policy.
pub(super) struct Clocks<'a> {
    pub(super) input: &'a Input<'a>,
    pub(super) policy: &'a Policy,
}

impl Clocks<'_> {
    /// Fills an obligation whose time is a length.
    pub(super) fn by_length(
        &self,
        rule: &Rule,
        length: &Length,
        inputs: &mut Inputs<'_, '_>,
        obligation: &mut Obligation,
    ) {
        let Some(start) = self.start(rule.clock, inputs) else {
            self.not_started(obligation);
            return;
        };
        let due = length.due(start, &self.policy.zone, rule.precise);
        let arrival = self.input.host.first_seen.filter(|arrival| {
            rule.clock == Clock::FixReleased && self.policy.grace_new_assets && *arrival > start
        });
        let (start, due) = match arrival {
            None => (start, due),
            Some(arrival) => {
                let by_arrival = length.due(arrival, &self.policy.zone, rule.precise);
                if inputs.wanted() {
                    inputs.add(clock_reason(format!(
                        "the host was first seen on {arrival}, later than the fix: due by rule {}, due by arrival {}",
                        shown(due),
                        shown(by_arrival)
                    )));
                }
                (arrival, by_arrival)
            }
        };
        let Some(due) = due else {
            if inputs.wanted() {
                inputs.add(clock_reason(format!("{} from {start} is beyond the calendar", length.words())));
            }
            obligation.verdict = Verdict::Unknown;
            return;
        };
        let end = if length.is_exact() || rule.precise {
            "to the second".to_owned()
        } else {
            format!("at the end of that day in {}", self.policy.zone_name)
        };
        self.run(start, due, &end, inputs, obligation);
    }

    /// Fills an obligation whose date is the catalogue's.
    pub(super) fn by_catalogue(
        &self,
        rule: &Rule,
        otherwise: Option<&Length>,
        inputs: &mut Inputs<'_, '_>,
        obligation: &mut Obligation,
    ) {
        let due_date = self.input.finding.threat.kev.as_ref().and_then(|kev| kev.due_date);
        let end_of_day = |date: jiff::civil::Date| {
            let next = date.tomorrow().ok()?.to_zoned(self.policy.zone.clone()).ok()?;
            next.timestamp().checked_sub(1.second()).ok()
        };
        match (due_date.and_then(end_of_day), otherwise) {
            (Some(due), _) => {
                let start = self.listed(inputs).unwrap_or(due);
                self.run(start, due, "the catalogue's due date", inputs, obligation);
            }
            (None, Some(length)) => self.by_length(rule, length, inputs, obligation),
            (None, None) => {
                if inputs.wanted() {
                    inputs.add(clock_reason("the catalogue gives no due date".to_owned()));
                }
                obligation.verdict = Verdict::Unknown;
            }
        }
    }

    /// The obligation to mitigate while there is no fix, where a rule has one.
    pub(super) fn without_fix(&self, rule: &Rule, inputs: &mut Inputs<'_, '_>) -> Option<Obligation> {
        if self.input.finding.fix_exists || !rule.clock.needs_fix() {
            return None;
        }
        let on_no_fix = rule.on_no_fix.as_ref()?;
        let length = on_no_fix.mitigate_within.as_ref()?;
        let mut obligation = Obligation {
            rule: format!("{}/mitigate", rule.name),
            clock: Clock::Detected.as_str().to_owned(),
            clock_start: None,
            due: None,
            verdict: Verdict::OpenInTime,
            done: Some("mitigated".to_owned()),
            used_percent: None,
            also: Vec::new(),
        };
        if let Some(every) = &on_no_fix.review_every {
            obligation.also.push(format!("review the mitigation every {}", every.words()));
        }
        if inputs.wanted() {
            inputs.add(Because::new(
                BecauseKind::Rule,
                format!("rule {}/mitigate: no fix is available, so a mitigation within {} of detection", rule.name, length.words()),
            ));
        }
        let start = self.detected("detected", inputs);
        match length.due(start, &self.policy.zone, rule.precise) {
            Some(due) => self.run(start, due, "for a mitigation", inputs, &mut obligation),
            None => obligation.verdict = Verdict::Unknown,
        }
        Some(obligation)
    }

    fn not_started(&self, obligation: &mut Obligation) {
        // Done without a clock is done in time.
        obligation.verdict =
            if self.input.finding.closed.is_some() { Verdict::Compliant } else { Verdict::OpenInTime };
    }

    /// When a clock started; none when it has not, with the reason added.
    fn start(&self, clock: Clock, inputs: &mut Inputs<'_, '_>) -> Option<Timestamp> {
        if clock.needs_fix() && !self.input.finding.fix_exists {
            if inputs.wanted() {
                inputs.add(clock_reason("no fix is available: the clock has not started".to_owned()));
            }
            return None;
        }
        match clock {
            Clock::FixReleased => Some(self.fix_released(inputs)),
            Clock::Detected => Some(self.detected("detected", inputs)),
            Clock::Evaluated => Some(self.detected("evaluated", inputs)),
            Clock::KevListed => self.listed(inputs),
            Clock::KnownAndFixAvailable => Some(self.detected("detected", inputs).max(self.fix_released(inputs))),
            Clock::InputsTrueAndFixReleased => {
                let released = self.fix_released(inputs);
                let listed = self.input.finding.threat.kev.as_ref().and_then(|_| self.listed(inputs));
                if inputs.wanted() {
                    inputs.add(Because::assumed(
                        "when the rule's inputs became true is not recorded: the listing as known exploited counts where there is one, else the release of the fix",
                    ));
                }
                Some(listed.map_or(released, |listed| listed.max(released)))
            }
        }
    }

    fn fix_released(&self, inputs: &mut Inputs<'_, '_>) -> Timestamp {
        let finding = &self.input.finding;
        if let Some(released) = finding.fix_released {
            if inputs.wanted() {
                inputs.add(clock_reason(format!("the fix was released on {released}")));
            }
            return released;
        }
        if let Some(published) = finding.published {
            if inputs.wanted() {
                inputs.add(Because::assumed(format!(
                    "no source dates the fix: taken as released with the advisory on {published}"
                )));
            }
            return published;
        }
        if inputs.wanted() {
            inputs.add(Because::assumed("no source dates the fix or the advisory: the clock starts when it was first seen here"));
        }
        self.detected("seen", inputs)
    }

    fn detected(&self, word: &str, inputs: &mut Inputs<'_, '_>) -> Timestamp {
        match self.input.finding.first_seen {
            Some(first_seen) => {
                if inputs.wanted() {
                    inputs.add(clock_reason(format!("first {word} here on {first_seen}")));
                }
                first_seen
            }
            None => {
                if inputs.wanted() {
                    inputs.add(Because::assumed(format!(
                        "when it was first {word} is not remembered without --state: taken as now, {}",
                        self.input.now
                    )));
                }
                self.input.now
            }
        }
    }

    fn listed(&self, inputs: &mut Inputs<'_, '_>) -> Option<Timestamp> {
        let kev = self.input.finding.threat.kev.as_ref();
        match kev.and_then(|kev| kev.date_added.to_zoned(self.policy.zone.clone()).ok()) {
            Some(day) => {
                if inputs.wanted() {
                    inputs.add(clock_reason(format!("listed as known exploited on {}", day.date())));
                }
                Some(day.timestamp())
            }
            None => {
                if inputs.wanted() {
                    inputs.add(clock_reason("not listed as known exploited: the clock has not started".to_owned()));
                }
                None
            }
        }
    }

    /// Sets dates and verdict. Whole seconds are compared, so that the second
    /// named as due is still in time.
    fn run(
        &self,
        start: Timestamp,
        due: Timestamp,
        end: &str,
        inputs: &mut Inputs<'_, '_>,
        obligation: &mut Obligation,
    ) {
        obligation.clock_start = Some(start);
        obligation.due = Some(due);
        if inputs.wanted() {
            inputs.add(clock_reason(format!("due {due}, {end}")));
        }
        if let Some(closed) = self.input.finding.closed {
            let late = closed.as_second() > due.as_second();
            obligation.verdict = if late { Verdict::ClosedLate } else { Verdict::Compliant };
            return;
        }
        let now = self.input.now.as_second();
        let total = due.as_second().saturating_sub(start.as_second()).max(1);
        let used = now.saturating_sub(start.as_second()).max(0);
        let percent = used.saturating_mul(100) / total;
        obligation.used_percent = Some(u32::try_from(percent).unwrap_or(u32::MAX));
        obligation.verdict = if now > due.as_second() {
            Verdict::Overdue
        } else if percent >= SOON_PERCENT {
            Verdict::DueSoon
        } else {
            Verdict::OpenInTime
        };
    }
}

fn clock_reason(text: String) -> Because {
    Because::new(BecauseKind::Clock, text)
}

fn shown(due: Option<Timestamp>) -> String {
    due.map_or_else(|| "beyond the calendar".to_owned(), |due| due.to_string())
}
