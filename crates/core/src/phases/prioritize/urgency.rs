//! What to do first.

use crate::model::finding::{Finding, State};
use crate::model::obligation::Verdict;
use jiff::Timestamp;
use std::cmp::Reverse;

/// The place of a finding among others; smaller is more urgent.
///
/// Open findings come before closed and not-affected ones. Among them: overdue
/// first, then known exploited, then by due date (none last), then the graver
/// severity, then the higher prediction, then by name. Two findings have the
/// same place only if advisory and component are the same, so that the order
/// is total.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct Urgency<'a> {
    settled: bool,
    in_time: bool,
    not_exploited: bool,
    undated: bool,
    due: Option<Timestamp>,
    severity: Reverse<crate::model::advisory::Rating>,
    prediction: Reverse<u32>,
    component: &'a str,
    advisory: &'a str,
    purl: &'a str,
    version: &'a str,
}

/// Makes the place of a finding.
pub fn urgency(finding: &Finding) -> Urgency<'_> {
    let overdue = finding.obligations.iter().any(|obligation| obligation.verdict == Verdict::Overdue);
    // Parts in a million, so that the key has an exact order.
    let prediction = finding.epss.as_ref().map_or(0, |epss| (f64::from(epss.score) * 1e6) as u32);
    Urgency {
        settled: matches!(finding.state, State::NotAffected | State::Fixed),
        in_time: !overdue,
        not_exploited: finding.kev.is_none(),
        undated: finding.due.is_none(),
        due: finding.due,
        severity: Reverse(finding.severity.rating),
        prediction: Reverse(prediction),
        component: &finding.component.name,
        advisory: &finding.advisory,
        purl: &finding.component.purl,
        version: &finding.component.version,
    }
}
