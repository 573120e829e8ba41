//! **SAMM**: the answers of a self-assessment, computed from evidence.
//!
//! OWASP SAMM 2.2 asks of each activity for no, some, at least half, or most;
//! a yes needs all of its criteria. Which share makes which answer is our
//! decision: anything above nothing is some, from 50 % on half, from 90 % on
//! most. Where Plimsoll holds no evidence the answer is not known, which is
//! not "no". The success metrics of SAMM 1.5 (environment hardening,
//! operational enablement) are computed beside them.

use super::targets::Coverage;
use super::{Measures, share};
use crate::model::policy::PolicySet;
use crate::operations::briefing::{Reach, reach, rules};
use crate::operations::meeting::{Due, Terms, due};
use crate::operations::teams::{Circle, Teams, Topic};
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};
use serde::Serialize;

/// Days whose findings and rollouts are looked at.
pub const DAYS: u16 = 90;
/// How long a review of the process counts.
const YEAR: SignedDuration = SignedDuration::from_hours(365 * 24);

/// What the answers rest on, all of it as of one moment.
#[derive(Clone, Debug)]
pub struct Evidence<'a> {
    /// The moment.
    pub as_of: Timestamp,
    /// Client; none for all that the reader may see.
    pub client: Option<String>,
    /// Rosters, briefings, meetings, applications.
    pub teams: &'a Teams,
    /// The policy that was in force.
    pub policy: &'a PolicySet,
    /// Since when it was, where that is known.
    pub policy_since: Option<Timestamp>,
    /// When the policy was last reviewed.
    pub reviewed: Option<Timestamp>,
    /// Measures of the [`DAYS`] before.
    pub measures: &'a Measures,
    /// The last day's look at the fleet.
    pub coverage: Option<Coverage>,
}

/// An answer of SAMM.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Answer {
    /// No.
    No,
    /// Yes, for some.
    Some,
    /// Yes, for at least half.
    Half,
    /// Yes, for most or all.
    Most,
}

impl Answer {
    /// As SAMM words it.
    pub fn words(self) -> &'static str {
        match self {
            Self::No => "no",
            Self::Some => "yes, for some",
            Self::Half => "yes, for at least half",
            Self::Most => "yes, for most or all",
        }
    }

    /// SAMM's number of it.
    pub fn score(self) -> f64 {
        match self {
            Self::No => 0.0,
            Self::Some => 0.25,
            Self::Half => 0.5,
            Self::Most => 1.0,
        }
    }

    /// The answer that a share leads to; none of nothing.
    pub fn of(part: u64, whole: u64) -> Option<Self> {
        let answer = match (part * 100).checked_div(whole)? {
            _ if part == 0 => Self::No,
            0..50 => Self::Some,
            50..90 => Self::Half,
            _ => Self::Most,
        };
        Some(answer)
    }
}

/// What an answer was counted from.
#[derive(Clone, PartialEq, Debug, Serialize)]
pub struct Figure {
    /// Numerator.
    pub part: u64,
    /// Denominator.
    pub whole: u64,
    /// Of the denominator, those of whom nothing is known; they are not in the
    /// numerator.
    pub unknown: u64,
    /// Share in percent; none below [`super::LEAST`].
    pub share: Option<f64>,
}

impl Figure {
    fn new(part: u64, whole: u64, unknown: u64) -> Self {
        Self { part, whole, unknown, share: share(part, whole) }
    }
}

/// A criterion of an activity.
#[derive(Clone, PartialEq, Debug, Serialize)]
pub struct Criterion {
    /// What SAMM wants, in our words.
    pub wants: &'static str,
    /// Whether it is so; none where nothing tells.
    pub holds: Option<bool>,
    /// Why it is said to be so.
    pub because: String,
}

/// An activity with its answer.
#[derive(Clone, PartialEq, Debug, Serialize)]
pub struct Activity {
    /// SAMM's id, `O-EM-1-B`.
    pub id: &'static str,
    /// Practice and stream.
    pub stream: &'static str,
    /// What is asked, in our words.
    pub asks: &'static str,
    /// The answer; none where it is not known.
    pub answer: Option<Answer>,
    /// SAMM's number of it.
    pub score: Option<f64>,
    /// What it was counted from.
    pub figure: Option<Figure>,
    /// What the figure counts, so that anybody can count again.
    pub query: &'static str,
    /// What must hold beside it.
    pub criteria: Vec<Criterion>,
    /// Why the answer is as it is.
    pub because: String,
}

/// A success metric of SAMM 1.5.
#[derive(Clone, PartialEq, Debug, Serialize)]
pub struct Metric {
    /// Practice and level, `EH2`.
    pub id: &'static str,
    /// The metric.
    pub wants: &'static str,
    /// Its figure; none where Plimsoll holds no evidence.
    pub figure: Option<Figure>,
    /// More than this, in percent.
    pub more_than: u8,
    /// Whether it was reached; none where that is not known.
    pub met: Option<bool>,
    /// What the figure counts.
    pub query: &'static str,
}

/// The whole assessment.
#[derive(Clone, PartialEq, Debug, Serialize)]
pub struct Assessment {
    /// Always [`Assessment::SCHEMA`].
    pub schema: &'static str,
    /// Always `samm`.
    pub report: &'static str,
    /// As of when.
    pub as_of: Timestamp,
    /// Client; none for all that the reader may see.
    pub client: Option<String>,
    /// Policies that were in force, `samm 2026-11-21`.
    pub policies: Vec<String>,
    /// Applications that were there.
    pub applications: u64,
    /// Answers to SAMM 2.2.
    pub activities: Vec<Activity>,
    /// Metrics of SAMM 1.5.
    pub metrics: Vec<Metric>,
    /// How far briefings reached.
    pub briefings: Vec<Reach>,
    /// When meetings are due.
    pub meetings: Vec<Due>,
}

impl Assessment {
    /// Name and version of the form.
    pub const SCHEMA: &'static str = "plimsoll-samm/1";
}

/// The zone of a set's own policy.
pub fn zone(policy: &PolicySet) -> TimeZone {
    policy.policies.first().map_or(TimeZone::UTC, |own| own.zone.clone())
}

/// Answers.
pub fn assess(evidence: &Evidence<'_>) -> Assessment {
    let notify = evidence.policy.governance.notify.as_ref();
    let zone = zone(evidence.policy);
    let briefings: Vec<Reach> = rules(notify).iter().map(|rule| reach(evidence.teams, rule, &zone, evidence.as_of)).collect();
    let terms = notify.and_then(|notify| notify.meeting.as_ref()).map(|meeting| Terms { every: &meeting.every, since: evidence.policy_since });
    let meetings = due(evidence.teams, terms, &zone, evidence.as_of);
    Assessment {
        schema: Assessment::SCHEMA,
        report: "samm",
        as_of: evidence.as_of,
        client: evidence.client.clone(),
        policies: evidence.policy.policies.iter().map(|policy| format!("{} {}", policy.id, policy.version)).collect(),
        applications: evidence.teams.applications.len() as u64,
        activities: activities(evidence, &meetings),
        metrics: metrics(evidence, &briefings),
        briefings,
        meetings,
    }
}

fn criterion(wants: &'static str, holds: Option<bool>, because: impl Into<String>) -> Criterion {
    Criterion { wants, holds, because: because.into() }
}

fn answered(id: &'static str, stream: &'static str, asks: &'static str, query: &'static str, figure: Option<Figure>, criteria: Vec<Criterion>) -> Activity {
    let failed = criteria.iter().find(|one| one.holds == Some(false));
    let untold = criteria.iter().find(|one| one.holds.is_none());
    let counted = figure.as_ref().filter(|figure| figure.unknown < figure.whole).and_then(|figure| Answer::of(figure.part, figure.whole));
    let (answer, because) = match (failed, untold, &figure, counted) {
        (Some(failed), ..) => (Some(Answer::No), format!("a yes needs all criteria: {}", failed.because)),
        (None, Some(untold), ..) => (None, untold.because.clone()),
        (None, None, Some(figure), Some(answer)) => (Some(answer), format!("{} of {}", figure.part, figure.whole)),
        (None, None, Some(_), None) => (None, "nothing is there to be counted".to_owned()),
        (None, None, None, _) => (None, "Plimsoll holds no figure of it".to_owned()),
    };
    Activity { id, stream, asks, answer, score: answer.map(Answer::score), figure, query, criteria, because }
}

/// What Plimsoll holds no evidence of.
fn untold(id: &'static str, stream: &'static str, asks: &'static str, because: &str) -> Activity {
    Activity { id, stream, asks, answer: None, score: None, figure: None, query: "", criteria: Vec::new(), because: because.to_owned() }
}

fn activities(evidence: &Evidence<'_>, meetings: &[Due]) -> Vec<Activity> {
    const HARDENING: &str = "Environment Management, configuration hardening";
    const DETECTION: &str = "Incident Management, incident detection";
    const RESPONSE: &str = "Incident Management, incident response";
    const DATA: &str = "Operational Management, data protection";
    const LEGACY: &str = "Operational Management, legacy management";
    let baseline = "no baseline of configuration is kept here";
    let incident = "no incident is recorded here";
    let data = "no inventory of data is kept here";
    let legacy = "no record of versions that people still use is kept here";
    let mut all = vec![
        untold("O-EM-1-A", HARDENING, "are key components hardened after a standard?", baseline),
        untold("O-EM-2-A", HARDENING, "has each baseline an owner who keeps it current?", baseline),
        untold("O-EM-3-A", HARDENING, "is conformity with the baselines checked and enforced?", baseline),
    ];
    all.extend(patching(evidence, meetings));
    all.extend([
        untold("O-IM-1-A", DETECTION, "are logs looked at for signs of incidents?", incident),
        untold("O-IM-2-A", DETECTION, "is there a process of detection with an owner?", incident),
        untold("O-IM-3-A", DETECTION, "is that process reviewed and improved?", incident),
        untold("O-IM-1-B", RESPONSE, "is somebody named who answers incidents?", incident),
        untold("O-IM-2-B", RESPONSE, "are incidents classified, and causes of severe ones sought?", incident),
        untold("O-IM-3-B", RESPONSE, "is the response reviewed, exercised and measured?", incident),
        untold("O-OM-1-A", DATA, "is it known what data each application holds?", data),
        untold("O-OM-2-A", DATA, "is there a catalogue of data with its protection?", data),
        untold("O-OM-3-A", DATA, "is the policy on data enforced and audited?", data),
        untold("O-OM-1-B", LEGACY, "are unused and unsupported applications taken out of service?", legacy),
        untold("O-OM-2-B", LEGACY, "is there a process of decommissioning?", legacy),
        untold("O-OM-3-B", LEGACY, "is the end of support agreed and told in advance?", legacy),
    ]);
    all
}

fn patching(evidence: &Evidence<'_>, meetings: &[Due]) -> Vec<Activity> {
    const PATCHING: &str = "Environment Management, patching and updating";
    let (governance, measures) = (&evidence.policy.governance, evidence.measures);
    let looked = evidence.coverage.map(|coverage| coverage.hosts);
    // Who was not heard of may run anything by now.
    let current = evidence.coverage.map(|coverage| Figure::new(coverage.fresh.min(coverage.judged), coverage.hosts, coverage.hosts.saturating_sub(coverage.fresh)));
    let judged = evidence.coverage.map(|coverage| Figure::new(coverage.judged, coverage.hosts, coverage.hosts - coverage.judged.min(coverage.hosts)));
    let nobody = |text: &str| looked.map_or_else(|| "nobody looked at the fleet on the day before".to_owned(), |hosts| text.replace("{}", &hosts.to_string()));
    let names: Vec<String> = evidence.policy.policies.iter().map(|policy| policy.id.clone()).collect();
    let dated = measures.due_dates_since.is_some();
    let prioritizes = criterion(
        "guidance says what is patched first",
        Some(dated || measures.open.is_empty()),
        if dated { format!("findings get their due dates from {}", names.join(", ")) } else { "no finding has had a due date".to_owned() },
    );
    let zero_day = criterion(
        "what to do while there is no patch is laid down",
        Some(governance.mitigation.is_some() || governance.emergency.is_some()),
        if governance.mitigation.is_some() || governance.emergency.is_some() {
            "the policy has a section on mitigation or emergencies".to_owned()
        } else {
            "the policy has neither [mitigation] nor [emergency]".to_owned()
        },
    );
    let (met, due) = measures.on_time.iter().fold((0, 0), |(met, due), line| (met + line.met, due + line.due));
    let since = evidence.as_of.checked_sub(YEAR).unwrap_or(Timestamp::MIN);
    let reviewed = evidence.reviewed.filter(|at| *at >= since);
    let last = meetings.iter().filter_map(|meeting| meeting.last).chain(evidence.teams.meetings.iter().map(|met| met.meeting.held)).max().filter(|at| *at >= since);
    let review = criterion(
        "the process is reviewed with those who patch, within a year",
        Some(reviewed.is_some() || last.is_some()),
        match (reviewed, last) {
            (Some(at), _) => format!("the policy was reviewed at {at:.0}"),
            (None, Some(at)) => format!("operations and development met at {at:.0}"),
            (None, None) => "neither the policy was reviewed within a year, nor did operations and development meet".to_owned(),
        },
    );
    vec![
        answered(
            "O-EM-1-B",
            PATCHING,
            "are components known with their versions, and looked up in public sources?",
            "managed hosts with a report that is fresh after the policy and was judged, of all managed hosts, at the end of the day before",
            current,
            vec![criterion("public sources are reviewed regularly", looked.map(|_| true), nobody("{} hosts are held against advisories whenever one arrives"))],
        ),
        answered(
            "O-EM-2-B",
            PATCHING,
            "does the process know vendors' words, zero days, and what comes first?",
            "managed hosts that are judged under the policy, of all managed hosts, at the end of the day before",
            judged,
            vec![zero_day, prioritizes],
        ),
        answered(
            "O-EM-3-B",
            PATCHING,
            "are missing updates applied in the time agreed, and the process reviewed?",
            "findings that were due in the last 90 days and closed in time, of all that were due, under every rule",
            Some(Figure::new(met, due, 0)),
            vec![review],
        ),
    ]
}

fn metrics(evidence: &Evidence<'_>, briefings: &[Reach]) -> Vec<Metric> {
    let told = |circle: Circle, topic: Topic| {
        let found = briefings.iter().find(|reach| (reach.audience, reach.topic) == (circle, topic)).filter(|reach| reach.members > 0);
        found.map(|reach| (Figure::new(reach.reached, reach.members, 0), reach.met))
    };
    let counted = |part: u64, whole: u64, more_than: u8| (whole > 0).then(|| (Figure::new(part, whole, 0), Some(part * 100 > u64::from(more_than) * whole)));
    let listed = evidence.teams.applications.values().filter(|(_, described)| described.components).count() as u64;
    let applications = evidence.teams.applications.len() as u64;
    let metric = |id, wants, more_than, found: Option<(Figure, Option<bool>)>, query| {
        let (figure, met) = found.map_or((None, None), |(figure, met)| (Some(figure), met));
        Metric { id, wants, figure, more_than, met, query }
    };
    let briefed = "members of the rosters who acknowledged or attended a briefing on it within the period, of all members";
    vec![
        metric("EH1", "projects with an updated environment specification in 6 months", 50, None, "no specification of environments is kept here"),
        metric("EH1", "projects with an updated list of relevant critical patches in 6 months", 50, counted(listed, applications, 50), "applications whose components are known, so that their list is made again with every advisory, of all applications"),
        metric("EH2", "project teams briefed on the patch process in 12 months", 80, told(Circle::Teams, Topic::Process), briefed),
        metric("EH2", "stakeholders aware of the patch status in 6 months", 80, told(Circle::Stakeholders, Topic::PatchStatus), briefed),
        metric("EH3", "stakeholders briefed on protection tools in 6 months", 80, told(Circle::Stakeholders, Topic::ProtectionTools), briefed),
        metric("EH3", "projects passing infrastructure audits in 6 months", 75, None, "no audit of infrastructure is recorded here"),
        metric("OE1", "projects with updated deployment security information in 6 months", 50, None, "no such document is registered here"),
        metric("OE1", "projects with event procedures in 6 months", 50, None, "no such document is registered here"),
        metric("OE2", "projects with updated change procedures in 6 months", 50, None, "no such document is registered here"),
        metric("OE2", "stakeholders briefed on the status of operational guides in 6 months", 80, told(Circle::Stakeholders, Topic::OperationalGuide), briefed),
        metric("OE3", "projects with an updated operational guide in 6 months", 80, None, "no such document is registered here"),
        metric("OE3", "stakeholders briefed on code signing in 6 months", 80, told(Circle::Stakeholders, Topic::CodeSigning), briefed),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shares_lead_to_answers_and_unknown_criteria_to_none() {
        let of = |part, whole| Answer::of(part, whole);
        assert_eq!([of(0, 10), of(1, 1000), of(4, 9), of(1, 2), of(89, 100), of(9, 10), of(0, 0)], [
            Some(Answer::No),
            Some(Answer::Some),
            Some(Answer::Some),
            Some(Answer::Half),
            Some(Answer::Half),
            Some(Answer::Most),
            None,
        ]);
        let figure = || Some(Figure::new(10, 10, 0));
        let asked = |figure, holds: Option<bool>| answered("O-EM-1-B", "", "", "", figure, vec![criterion("", holds, "why")]);
        assert_eq!(asked(figure(), Some(true)).answer, Some(Answer::Most));
        assert_eq!(asked(figure(), Some(false)).answer, Some(Answer::No), "a yes needs all criteria");
        let open = asked(figure(), None);
        assert_eq!((open.answer, open.score, open.because.as_str()), (None, None, "why"), "not known is not no");
        assert_eq!(asked(None, Some(true)).answer, None);
        assert_eq!(asked(Some(Figure::new(0, 10, 10)), Some(true)).answer, None, "of whom nothing is known");
    }
}
