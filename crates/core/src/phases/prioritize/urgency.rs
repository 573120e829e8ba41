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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::advisory::{AdvisoryKind, Rating};
    use crate::model::component::Component;
    use crate::model::finding::{Fix, SeverityChosen};
    use crate::model::obligation::Obligation;
    use crate::model::threat::{Epss, Kev};
    use jiff::civil::date;

    fn finding(advisory: &str, due: Option<&str>, verdict: Verdict) -> Finding {
        Finding {
            advisory: advisory.to_owned(),
            aliases: Vec::new(),
            kind: AdvisoryKind::Security,
            summary: String::new(),
            component: (&Component::default()).into(),
            fixed_version: None,
            state: State::Affected,
            detail: None,
            fix: Fix::default(),
            severity: SeverityChosen { rating: Rating::Low, ..SeverityChosen::default() },
            kev: None,
            epss: None,
            ssvc: None,
            workarounds: Vec::new(),
            published: None,
            fix_released: None,
            first_seen: None,
            priority: None,
            obligations: vec![Obligation {
                rule: "p/r".to_owned(),
                clock: "fix_released".to_owned(),
                clock_start: None,
                due: due.and_then(|due| due.parse().ok()),
                verdict,
                done: None,
                used_percent: None,
                also: Vec::new(),
            }],
            due: due.and_then(|due| due.parse().ok()),
            because: Vec::new(),
            sources: Vec::new(),
        }
    }

    #[test]
    fn what_to_do_first() {
        let (early, late) = (Some("2026-01-01T00:00:00Z"), Some("2026-02-01T00:00:00Z"));
        let mut exploited = finding("3 exploited", late, Verdict::OpenInTime);
        exploited.kev = Some(Kev {
            date_added: date(2026, 1, 1),
            due_date: None,
            ransomware: false,
            name: String::new(),
            action: String::new(),
        });
        let mut graver = finding("5 graver", late, Verdict::OpenInTime);
        graver.severity.rating = Rating::High;
        let mut likelier = finding("6 likelier", late, Verdict::OpenInTime);
        likelier.epss = Some(Epss { score: 0.5, percentile: 0.9, date: date(2026, 1, 1) });
        let mut fixed = finding("0 fixed", early, Verdict::Overdue);
        fixed.state = State::Fixed;
        let mut findings = [
            fixed,
            finding("8 undated", None, Verdict::OpenInTime),
            finding("7 name", late, Verdict::OpenInTime),
            likelier,
            graver,
            finding("4 sooner", early, Verdict::DueSoon),
            exploited,
            finding("2 overdue", late, Verdict::Overdue),
            finding("1 overdue longer", early, Verdict::Overdue),
        ];
        findings.sort_by(|a, b| urgency(a).cmp(&urgency(b)));
        let order: Vec<&str> = findings.iter().map(|finding| finding.advisory.as_str()).collect();
        assert_eq!(
            order,
            [
                "1 overdue longer",
                "2 overdue",
                "3 exploited",
                "4 sooner",
                "5 graver",
                "6 likelier",
                "7 name",
                "8 undated",
                "0 fixed"
            ]
        );
    }
}
