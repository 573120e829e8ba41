//! **Targets** of the policy, held against what was measured.

use super::{Measures, share};
use crate::model::policy::governance::{Percent, Targets};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// How many hosts are looked at, as of the end of a day.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub struct Coverage {
    /// Hosts that are managed.
    pub hosts: u64,
    /// Of those, hosts that a database judged.
    pub judged: u64,
    /// Of those, hosts that were heard of as lately as the policy asks.
    pub fresh: u64,
    /// Open findings; none on days on which nobody counted them.
    #[serde(default)]
    pub findings: Option<u64>,
    /// Of those, findings under an exception.
    #[serde(default)]
    pub excepted: u64,
}

impl Coverage {
    /// Adds another client's.
    pub fn add(&mut self, other: &Self) {
        self.hosts += other.hosts;
        self.judged += other.judged;
        self.fresh += other.fresh;
        self.findings = self.findings.zip(other.findings).map(|(own, other)| own + other);
        self.excepted += other.excepted;
    }
}

/// What targets are held against: one window's figures.
#[derive(Clone, Copy, Debug)]
pub struct Measured<'a> {
    /// Out of the journals.
    pub measures: &'a Measures,
    /// The last day's look at the fleet by the window's end; none where nobody
    /// looked within two days.
    pub coverage: Option<Coverage>,
}

/// Which way a figure moved since the window before.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Trend {
    /// Nearer to the target, or further beyond it.
    Better,
    /// The same.
    Same,
    /// Further away.
    Worse,
}

/// A target with its figure.
#[derive(Clone, PartialEq, Debug, Serialize)]
pub struct Target {
    /// Its key in the policy, `within_sla_pct.critical`.
    pub name: String,
    /// What is counted.
    pub what: &'static str,
    /// Numerator.
    pub part: u64,
    /// Denominator.
    pub whole: u64,
    /// Share in percent; none below [`super::LEAST`].
    pub share: Option<f64>,
    /// The target, percent.
    pub target: u8,
    /// Whether that is the most and not the least.
    pub at_most: bool,
    /// Whether it was met; none where nothing was counted.
    pub met: Option<bool>,
    /// Share of the window before, of the same length.
    pub before: Option<f64>,
    /// Which way it moved; none where one of the shares is missing.
    pub trend: Option<Trend>,
}

type Count = Option<(u64, u64)>;

fn in_time(measured: &Measured<'_>, level: &str) -> Count {
    let own = measured.measures.on_time.iter().filter(|line| line.rule.rsplit('/').next() == Some(level));
    Some(own.fold((0, 0), |(met, due), line| (met + line.met, due + line.due)))
}

fn target(name: String, what: &'static str, wanted: Percent, at_most: bool, now: Count, before: Count) -> Target {
    let (part, whole) = now.unwrap_or_default();
    let percent = u64::from(wanted.0);
    let met = (whole > 0).then(|| if at_most { part * 100 <= percent * whole } else { part * 100 >= percent * whole });
    let (share, before) = (share(part, whole), before.and_then(|(part, whole)| share(part, whole)));
    let trend = share.zip(before).map(|(now, before)| match now.total_cmp(&before) {
        std::cmp::Ordering::Equal => Trend::Same,
        higher => if (higher == std::cmp::Ordering::Greater) == at_most { Trend::Worse } else { Trend::Better },
    });
    Target { name, what, part, whole, share, target: wanted.0, at_most, met, before, trend }
}

/// Holds a policy's targets against a window and the one before.
///
/// A target for a level is held against the rules whose names end in that
/// level. A share that is exactly the target meets it.
pub fn held(targets: &Targets, now: &Measured<'_>, before: &Measured<'_>) -> Vec<Target> {
    let mut held: Vec<Target> = Vec::new();
    for (level, wanted) in &targets.within_sla_pct {
        let name = format!("within_sla_pct.{level}");
        held.push(target(name, "findings due in the time, closed in time", *wanted, false, in_time(now, level), in_time(before, level)));
    }
    let judged = |measured: &Measured<'_>| measured.coverage.map(|coverage| (coverage.judged, coverage.hosts));
    if let Some(wanted) = targets.coverage_pct {
        held.push(target("coverage_pct".to_owned(), "managed hosts that are judged", wanted, false, judged(now), judged(before)));
    }
    let fresh = |measured: &Measured<'_>| measured.coverage.map(|coverage| (coverage.fresh, coverage.hosts));
    if let Some(wanted) = targets.evidence_fresh_pct {
        held.push(target("evidence_fresh_pct".to_owned(), "managed hosts with fresh evidence", wanted, false, fresh(now), fresh(before)));
    }
    let failed = |measured: &Measured<'_>| {
        let rollouts = &measured.measures.rollouts;
        Some((rollouts.attempts - rollouts.succeeded, rollouts.attempts))
    };
    if let Some(wanted) = targets.failed_changes_pct {
        held.push(target("failed_changes_pct".to_owned(), "attempts of rollouts that did not succeed", wanted, true, failed(now), failed(before)));
    }
    let excepted = |measured: &Measured<'_>| measured.coverage.and_then(|coverage| Some((coverage.excepted, coverage.findings?)));
    if let Some(wanted) = targets.exceptions_pct {
        held.push(target("exceptions_pct".to_owned(), "open findings that are under an exception", wanted, true, excepted(now), excepted(before)));
    }
    held
}

/// The day before a moment, whose last word is final then; days since 1970, UTC.
pub fn last_day(as_of: Timestamp) -> i64 {
    as_of.as_second().div_euclid(86_400) - 1
}

#[cfg(test)]
mod tests {
    use super::super::{Collector, OnTime, Window};
    use super::*;

    fn measures(met: u64, due: u64) -> Measures {
        let mut measures = Collector::new(Window::default()).finish();
        measures.on_time = vec![OnTime { rule: "own/critical".to_owned(), due, met, late: due - met, open: 0, share: share(met, due) }];
        measures
    }

    #[test]
    fn a_target_is_met_by_exactly_its_share_and_unknown_without_a_figure() {
        let targets = Targets {
            within_sla_pct: [("critical".to_owned(), Percent(95)), ("low".to_owned(), Percent(90))].into(),
            coverage_pct: Some(Percent(98)),
            evidence_fresh_pct: Some(Percent(95)),
            exceptions_pct: Some(Percent(7)),
            ..Targets::default()
        };
        let (now, before) = (measures(19, 20), measures(18, 20));
        let coverage = Some(Coverage { hosts: 100, judged: 98, fresh: 94, findings: Some(40), excepted: 3 });
        let found = held(&targets, &Measured { measures: &now, coverage }, &Measured { measures: &before, coverage: None });
        let told: Vec<_> = found.iter().map(|one| (one.name.as_str(), one.met, one.share, one.trend)).collect();
        assert_eq!(told, [
            ("within_sla_pct.critical", Some(true), Some(95.0), Some(Trend::Better)),
            ("within_sla_pct.low", None, None, None),
            ("coverage_pct", Some(true), Some(98.0), None),
            ("evidence_fresh_pct", Some(false), Some(94.0), None),
            ("exceptions_pct", Some(false), Some(7.5), None),
        ]);
        let short = held(&targets, &Measured { measures: &before, coverage: None }, &Measured { measures: &now, coverage });
        assert_eq!((short[0].met, short[0].trend, short[2].met), (Some(false), Some(Trend::Worse), None));
    }
}
