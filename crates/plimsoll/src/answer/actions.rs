//! Findings and updates folded into what a person does: one action for each
//! source package, most urgent first.

use jiff::Timestamp;
use plimsoll_core::model::advisory::Rating;
use plimsoll_core::model::finding::{Finding, State};
use plimsoll_core::model::obligation::Verdict;
use plimsoll_core::model::scan::Scan;
use plimsoll_core::model::update::Update;
use std::collections::{BTreeMap, BTreeSet};

/// One thing to do.
#[derive(Clone, PartialEq, Debug)]
pub struct Action {
    /// What to do, a whole sentence without full stop.
    pub text: String,
    /// Earliest due date.
    pub due: Option<Timestamp>,
    /// Where the earliest obligation stands.
    pub verdict: Option<Verdict>,
    /// Highest severity among the findings.
    pub severity: Rating,
    /// Whether any of it is known to be exploited.
    pub exploited: bool,
    /// Advisories it deals with.
    pub advisories: BTreeSet<String>,
    /// Binary packages it touches.
    pub packages: BTreeSet<String>,
    /// Whether it needs a reboot to take effect.
    pub reboot: bool,
}

/// How many obliged things stand where.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Tally {
    /// Past due.
    pub overdue: usize,
    /// Little time left.
    pub due_soon: usize,
    /// In time.
    pub in_time: usize,
    /// Cannot be told.
    pub unknown: usize,
    /// Without a number or without a fix.
    pub without_date: usize,
}

impl Tally {
    /// All of them.
    pub fn total(&self) -> usize {
        self.overdue + self.due_soon + self.in_time + self.unknown + self.without_date
    }

    fn add(&mut self, verdict: Option<Verdict>, due: Option<Timestamp>) {
        match verdict {
            Some(Verdict::Overdue) => self.overdue += 1,
            Some(Verdict::DueSoon) => self.due_soon += 1,
            Some(Verdict::OpenInTime) if due.is_some() => self.in_time += 1,
            Some(Verdict::Unknown) => self.unknown += 1,
            _ => self.without_date += 1,
        }
    }
}

/// Counts findings with obligations, and updates that have their own.
pub fn tally(scan: &Scan) -> Tally {
    let mut tally = Tally::default();
    for finding in scan.findings.iter().filter(|finding| !finding.obligations.is_empty()) {
        tally.add(worst(finding), finding.due);
    }
    for update in scan.offered_updates().filter(|update| !update.obligations.is_empty()) {
        tally.add(update.obligations.iter().map(|obligation| obligation.verdict).min(), update.due);
    }
    tally
}

/// The gravest verdict of a finding's obligations.
pub fn worst(finding: &Finding) -> Option<Verdict> {
    finding.obligations.iter().map(|obligation| obligation.verdict).min()
}

/// What to do, most urgent first.
pub fn actions(scan: &Scan) -> Vec<Action> {
    let mut by_subject: BTreeMap<String, Action> = BTreeMap::new();
    for finding in scan.findings.iter().filter(|finding| finding.state == State::Affected && finding.kind.is_security()) {
        let subject = finding.component.source.clone().unwrap_or_else(|| finding.component.name.clone());
        let action = by_subject.entry(subject).or_insert_with(empty);
        note(action, finding.due, worst(finding));
        action.severity = action.severity.max(finding.severity.rating);
        action.exploited |= finding.kev.is_some();
        action.advisories.insert(finding.advisory.clone());
        action.packages.insert(finding.component.name.clone());
    }
    for update in scan.offered_updates().filter(|update| update.security) {
        let subject = update.source.clone().unwrap_or_else(|| update.package.clone());
        let action = by_subject.entry(subject).or_insert_with(empty);
        note(action, update.due, update.obligations.iter().map(|obligation| obligation.verdict).min());
        action.packages.insert(update.package.clone());
        action.reboot |= update.reboot;
    }
    let mut out: Vec<Action> = by_subject
        .into_iter()
        .map(|(subject, action)| Action { text: sentence(scan, &subject, &action), ..action })
        .collect();
    out.sort_by(|a, b| {
        // What is exploited and late comes before what is merely later.
        let key = |action: &Action| {
            let late = action.verdict == Some(Verdict::Overdue);
            (!late, !(late && action.exploited), action.due.is_none(), action.due, std::cmp::Reverse(action.severity))
        };
        key(a).cmp(&key(b)).then_with(|| a.text.cmp(&b.text))
    });
    out
}

fn empty() -> Action {
    Action {
        text: String::new(),
        due: None,
        verdict: None,
        severity: Rating::Unknown,
        exploited: false,
        advisories: BTreeSet::new(),
        packages: BTreeSet::new(),
        reboot: false,
    }
}

fn note(action: &mut Action, due: Option<Timestamp>, verdict: Option<Verdict>) {
    action.due = match (action.due, due) {
        (Some(a), Some(b)) => Some(a.min(b)),
        (a, b) => a.or(b),
    };
    action.verdict = match (action.verdict, verdict) {
        (Some(a), Some(b)) => Some(a.min(b)),
        (a, b) => a.or(b),
    };
}

/// The act in words: upgrade, wait for a fix, or get the repository.
fn sentence(scan: &Scan, subject: &str, action: &Action) -> String {
    let pending: Vec<&Update> =
        scan.offered_updates().filter(|update| action.packages.contains(&update.package)).collect();
    if let Some(update) = pending.iter().max_by_key(|update| (update.held_by.is_none(), !update.new, update.candidate.len())) {
        let version = update.source_version.as_deref().unwrap_or(&update.candidate);
        return match &update.held_by {
            Some(by) => format!("upgrade {subject} to {version}, which the package manager holds back ({by})"),
            None => format!("upgrade {subject} to {version}"),
        };
    }
    let findings = || {
        scan.findings.iter().filter(|finding| {
            finding.state == State::Affected && action.packages.contains(&finding.component.name)
        })
    };
    let fixed = findings().filter_map(|finding| finding.fixed_version.as_deref()).next_back();
    let available = findings().any(|finding| finding.fix.available == Some(true));
    match (fixed, available) {
        (Some(fixed), true) => format!("upgrade {subject} to {fixed} or later"),
        (Some(fixed), false) => format!("get {subject} {fixed} or later: no enabled repository offers it"),
        (None, _) => format!("no fix for {subject} is known: look for a mitigation"),
    }
}
