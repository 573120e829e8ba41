//! Phase 8, confirm: is it installed and in effect, seen by something other
//! than what deployed it?
//!
//! [`decide`] holds what a host's own report says against the package. An
//! outcome is the word of whoever made the change; the report is read from the
//! package database by another program, later, so that it is the report that
//! confirms. Nothing is confirmed that was not seen. Where the policy asks for
//! it, an outside scanner must see the same ([`second`], [`with_second`]).

pub mod second;

pub mod reboot;

use crate::model::component::Component;
use crate::model::deployment_package::StreamPlan;
use crate::model::outcome::{Outcome, State};
use crate::model::because::{Because, BecauseKind, Explained};
use crate::model::stream::Stream;
use jiff::Timestamp;
use plimsoll_version::compare;
use second::{Agreement, Asked};
use serde::{Deserialize, Serialize};
use std::cmp::Ordering;

/// Everything the decision may look at.
#[derive(Clone, Debug)]
pub struct Input<'a> {
    /// What the host was to get.
    pub plan: &'a StreamPlan,
    /// Its release.
    pub stream: &'a Stream,
    /// What it said of its attempt; none where it said nothing.
    pub outcome: Option<&'a Outcome>,
    /// When that arrived, by the clock of [`Report::arrived`].
    pub ended: Timestamp,
    /// Its newest report; none where there is none.
    pub report: Option<Report<'a>>,
    /// Names of checks that must have held on it after the change.
    pub checks: &'a [String],
}

/// What a report says.
#[derive(Clone, Copy, Debug)]
pub struct Report<'a> {
    /// When it arrived.
    pub arrived: Timestamp,
    /// Its components.
    pub components: &'a [Component],
    /// Whether a reboot is pending; none when that cannot be told.
    pub reboot_pending: Option<bool>,
}

/// How a change stands on a host.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Confirmed {
    /// The versions are there and in effect.
    Installed,
    /// They are there and take effect with the next boot.
    InstalledPendingReboot,
    /// They are there and processes still run the former files.
    InstalledNotRunning,
    /// Another version is there.
    OtherVersion,
    /// A package is not there any more.
    Missing,
    /// The change failed.
    Failed,
    /// The host refused it.
    Rejected,
    /// The host has nothing of it.
    NotApplicable,
    /// The host reports it, and an outside scanner sees something else.
    Disputed,
    /// Nobody has seen it yet.
    Unknown,
}

impl Confirmed {
    /// The word in storage, API and console.
    pub fn word(self) -> &'static str {
        match self {
            Self::Installed => "installed",
            Self::InstalledPendingReboot => "installed-pending-reboot",
            Self::InstalledNotRunning => "installed-not-running",
            Self::OtherVersion => "other-version",
            Self::Missing => "missing",
            Self::Failed => "failed",
            Self::Rejected => "rejected",
            Self::NotApplicable => "not-applicable",
            Self::Disputed => "disputed",
            Self::Unknown => "unknown",
        }
    }

    /// Reads that word.
    pub fn parse(word: &str) -> Option<Self> {
        const ALL: [Confirmed; 10] = [
            Confirmed::Installed,
            Confirmed::InstalledPendingReboot,
            Confirmed::InstalledNotRunning,
            Confirmed::OtherVersion,
            Confirmed::Missing,
            Confirmed::Failed,
            Confirmed::Rejected,
            Confirmed::NotApplicable,
            Confirmed::Disputed,
            Confirmed::Unknown,
        ];
        ALL.into_iter().find(|confirmed| confirmed.word() == word)
    }
}

/// Decides how a change stands on a host.
pub fn decide(input: &Input<'_>) -> Explained<Confirmed> {
    let mut because = Vec::new();
    let decision = judge(input, &mut because);
    Explained { decision, because }
}

/// Holds what the host's own report shows against what scanners see, where the
/// policy asks for them: only together they confirm.
pub fn with_second(seen: Explained<Confirmed>, asked: &Asked, second: &Explained<Agreement>) -> Explained<Confirmed> {
    if !matches!(seen.decision, Confirmed::Installed | Confirmed::InstalledPendingReboot | Confirmed::InstalledNotRunning) {
        return seen;
    }
    let decision = match second.decision {
        Agreement::Agrees => seen.decision,
        Agreement::Disagrees if asked.reopens => Confirmed::Disputed,
        Agreement::Disagrees => seen.decision,
        Agreement::DoesNotSay | Agreement::TooOld | Agreement::Missing => Confirmed::Unknown,
    };
    // What decides comes first: it is what lists show.
    let (own, other) = (seen.because, second.because.iter().cloned());
    let because = if decision == seen.decision { own.into_iter().chain(other).collect() } else { other.chain(own).collect() };
    Explained { decision, because }
}

/// Adds what a person saw who looked by hand at a host that the sample draws:
/// until somebody did, nothing is confirmed there. `look` says when, and
/// whether it was as it should be.
pub fn with_look(seen: Explained<Confirmed>, percent: u8, look: Option<(Timestamp, bool)>) -> Explained<Confirmed> {
    if !matches!(seen.decision, Confirmed::Installed | Confirmed::InstalledPendingReboot | Confirmed::InstalledNotRunning) {
        return seen;
    }
    let (decision, text) = match look {
        None => (Confirmed::Unknown, format!("it is in the sample of {percent} % that people look at by hand (verify.sample_pct), and nobody has looked yet")),
        Some((at, false)) => (Confirmed::Disputed, format!("a person looked at it by hand at {at:.0} and saw it otherwise")),
        Some((at, true)) => (seen.decision, format!("a person looked at it by hand at {at:.0} and saw the same")),
    };
    let own = Because::new(BecauseKind::Rule, text);
    let mut because = seen.because;
    let place = if decision == seen.decision { because.len() } else { 0 };
    because.insert(place, own);
    Explained { decision, because }
}

fn judge(input: &Input<'_>, because: &mut Vec<Because>) -> Confirmed {
    let mut say = |kind, text: String| because.push(Because::new(kind, text));
    let Some(outcome) = input.outcome else {
        say(BecauseKind::Assumed, "the host has said nothing of it".to_owned());
        return Confirmed::Unknown;
    };
    match outcome.state {
        State::Refused => {
            say(BecauseKind::Rule, outcome.problem.as_ref().map_or_else(|| "the host refused it".to_owned(), |problem| format!("the host refused it: {}: {}", problem.code, problem.text)));
            return Confirmed::Rejected;
        }
        state if state.is_success() => {}
        State::FailedClean | State::RolledBack | State::RepairedFormer | State::NeedsOperator => {
            say(BecauseKind::Rule, "the attempt ended without the targets".to_owned());
            return Confirmed::Failed;
        }
        _ => {
            say(BecauseKind::Assumed, "the attempt has not ended".to_owned());
            return Confirmed::Unknown;
        }
    }
    let held = |name: &&String| outcome.checks.iter().any(|check| !check.before && check.holds && check.name == **name);
    // Where nothing was changed, nothing is looked at either.
    if let Some(name) = input.checks.iter().find(|name| !held(name) && outcome.state != State::AlreadySatisfied) {
        say(BecauseKind::Rule, format!("the policy wants {name} to hold after the change, and the host showed no such result"));
        return Confirmed::Unknown;
    }
    let Some(report) = input.report.filter(|report| report.arrived > input.ended) else {
        say(BecauseKind::Assumed, format!("no report of the host is younger than what it said of the attempt at {}", input.ended));
        return Confirmed::Unknown;
    };
    let Some(found) = versions(input, outcome, &report, because) else { return Confirmed::NotApplicable };
    if found != Confirmed::Installed {
        return found;
    }
    let mut say = |kind, text: String| because.push(Because::new(kind, text));
    match (report.reboot_pending, outcome.reboot_pending) {
        (Some(true), _) => {
            say(BecauseKind::Kernel, "a reboot is pending".to_owned());
            return Confirmed::InstalledPendingReboot;
        }
        // Where a report cannot tell, the end of the attempt counts.
        (None, true) => {
            say(BecauseKind::Kernel, "the attempt left a reboot pending and the report cannot tell".to_owned());
            return Confirmed::InstalledPendingReboot;
        }
        _ => {}
    }
    if let Some(process) = outcome.stale_processes.first() {
        let text = format!("{} processes still ran the former files when the attempt ended, {process} among them", outcome.stale_processes.len());
        say(BecauseKind::Rule, text);
        return Confirmed::InstalledNotRunning;
    }
    Confirmed::Installed
}

/// Whether the report shows the plan's versions; none where the host has
/// nothing of the plan.
fn versions(input: &Input<'_>, outcome: &Outcome, report: &Report<'_>, because: &mut Vec<Because>) -> Option<Confirmed> {
    let mut any = !input.plan.steps.is_empty();
    let mut worst = Confirmed::Installed;
    for target in &input.plan.install {
        let there: Vec<&Component> = report
            .components
            .iter()
            .filter(|component| component.name == target.name && component.stream.as_ref() == Some(input.stream) && component.arch.as_deref().is_none_or(|arch| arch == target.arch))
            .collect();
        let was_there = outcome.packages.iter().any(|package| package.name == target.name && package.arch == target.arch && (package.before.is_some() || package.after.is_some()));
        if there.is_empty() {
            if was_there {
                because.push(Because::new(BecauseKind::Version, format!("{} is not there any more", target.name)));
                worst = worst.max(Confirmed::Missing);
                any = true;
            }
            continue;
        }
        any = true;
        // Kernels stand beside each other: one of them is enough.
        let newer = |component: &&Component| {
            let scheme = input.stream.scheme()?;
            Some(compare(scheme, &component.version, &target.version).ok()? != Ordering::Less)
        };
        if there.iter().any(|component| newer(component).unwrap_or(component.version == target.version)) {
            continue;
        }
        let seen: Vec<&str> = there.iter().map(|component| component.version.as_str()).collect();
        because.push(Because::new(BecauseKind::Version, format!("{} is {} and was to be {}", target.name, seen.join(", "), target.version)));
        worst = worst.max(Confirmed::OtherVersion);
    }
    if worst == Confirmed::Installed && any {
        because.push(Because::new(BecauseKind::Version, format!("the host's report of {} shows every version", report.arrived)));
    }
    any.then_some(worst)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::deployment_package::{Target, Tool};
    use crate::model::identifier::HostId;
    use crate::model::outcome::{CheckResult, Observed};
    use crate::model::problem::Problem;

    fn at(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    fn plan() -> StreamPlan {
        let target = |name: &str, version: &str, new| Target {
            name: name.to_owned(),
            arch: "amd64".to_owned(),
            version: version.to_owned(),
            sha256: String::new(),
            size: 1,
            repository: String::new(),
            new,
        };
        StreamPlan { tool: Tool::Apt, install: vec![target("openssl", "3.0.2-1", false), target("libnew", "1", true)], remove: Vec::new(), way_back: Vec::new(), no_way_back: Vec::new(), steps: Vec::new() }
    }

    fn outcome(state: State) -> Outcome {
        let observed = Observed { name: "openssl".to_owned(), arch: "amd64".to_owned(), before: Some("3.0.1-1".to_owned()), after: Some("3.0.2-1".to_owned()), status: "ii".to_owned() };
        Outcome {
            host: HostId::from_bits(1),
            package: String::new(),
            epoch: 1,
            generation: 1,
            attempt: String::new(),
            state,
            observed: at("2026-11-22T10:00:00Z"),
            boot_id: String::new(),
            packages: vec![observed],
            checks: Vec::new(),
            restarted: Vec::new(),
            stale_processes: Vec::new(),
            reboot_pending: false,
            effects: 1,
            log: String::new(),
            problem: Some(Problem::new("E-CLIENT", "package", "is of another client", "")),
        }
    }

    fn state(outcome: Option<&Outcome>, version: Option<&str>, arrived: &str, reboot_pending: Option<bool>) -> &'static str {
        tested(outcome, version, arrived, reboot_pending, &[])
    }

    fn tested(outcome: Option<&Outcome>, version: Option<&str>, arrived: &str, reboot_pending: Option<bool>, checks: &[String]) -> &'static str {
        let stream = Stream::release("debian", "12");
        let component = |version: &str| Component { name: "openssl".to_owned(), version: version.to_owned(), arch: Some("amd64".to_owned()), stream: Some(stream.clone()), ..Component::default() };
        let components: Vec<Component> = version.map(component).into_iter().collect();
        let report = Report { arrived: at(arrived), components: &components, reboot_pending };
        decide(&Input { plan: &plan(), stream: &stream, outcome, ended: at("2026-11-22T10:00:00Z"), report: Some(report), checks }).decision.word()
    }

    #[test]
    fn only_a_later_report_confirms() {
        let good = outcome(State::Succeeded);
        let (early, late) = ("2026-11-22T09:59:00Z", "2026-11-22T10:05:00Z");
        assert_eq!(state(Some(&good), Some("3.0.2-1"), late, Some(false)), "installed");
        assert_eq!(state(Some(&good), Some("3.0.9-1"), late, Some(false)), "installed", "somebody went on");
        assert_eq!(state(Some(&good), Some("3.0.2-1"), early, Some(false)), "unknown");
        assert_eq!(state(None, Some("3.0.2-1"), late, Some(false)), "unknown");
        assert_eq!(state(Some(&outcome(State::Executing)), Some("3.0.2-1"), late, Some(false)), "unknown");
        assert_eq!(state(Some(&good), Some("3.0.1-1"), late, Some(false)), "other-version");
        assert_eq!(state(Some(&good), None, late, Some(false)), "missing");
        assert_eq!(state(Some(&good), Some("3.0.2-1"), late, Some(true)), "installed-pending-reboot");
        let pending = Outcome { reboot_pending: true, ..good.clone() };
        assert_eq!(state(Some(&pending), Some("3.0.2-1"), late, None), "installed-pending-reboot");
        assert_eq!(state(Some(&pending), Some("3.0.2-1"), late, Some(false)), "installed", "it was rebooted since");
        let stale = Outcome { stale_processes: vec!["nginx".to_owned()], ..good.clone() };
        assert_eq!(state(Some(&stale), Some("3.0.2-1"), late, Some(false)), "installed-not-running");
        assert_eq!(state(Some(&outcome(State::RolledBack)), Some("3.0.2-1"), late, Some(false)), "failed");
        assert_eq!(state(Some(&outcome(State::Refused)), Some("3.0.2-1"), late, Some(false)), "rejected");
        assert_eq!(state(Some(&Outcome { packages: Vec::new(), ..good }), None, late, Some(false)), "not-applicable");
    }

    #[test]
    fn a_host_of_the_sample_is_confirmed_by_whoever_looked() {
        let seen = |decision| Explained { decision, because: vec![Because::new(BecauseKind::Version, "the report shows every version")] };
        let at = at("2026-11-22T10:00:00Z");
        let look = |look| with_look(seen(Confirmed::Installed), 5, look);
        assert_eq!(look(None).decision, Confirmed::Unknown);
        assert!(look(None).because[0].text.contains("nobody has looked"), "what decides comes first");
        assert_eq!(look(Some((at, true))).decision, Confirmed::Installed);
        assert_eq!(look(Some((at, false))).decision, Confirmed::Disputed);
        assert_eq!(with_look(seen(Confirmed::OtherVersion), 5, Some((at, true))).decision, Confirmed::OtherVersion, "a look makes nothing good");
    }

    #[test]
    fn a_test_that_the_policy_wants_must_have_held_after_the_change() {
        let result = |before, holds| CheckResult { name: "web".to_owned(), before, holds, text: String::new() };
        let with = |checks: Vec<CheckResult>, state: State| Outcome { checks, ..outcome(state) };
        let asked = ["web".to_owned()];
        let seen = |outcome: &Outcome| tested(Some(outcome), Some("3.0.2-1"), "2026-11-22T10:05:00Z", Some(false), &asked);
        assert_eq!(seen(&with(Vec::new(), State::Succeeded)), "unknown");
        assert_eq!(seen(&with(vec![result(true, true)], State::Succeeded)), "unknown", "it held before alone");
        assert_eq!(seen(&with(vec![result(true, true), result(false, false)], State::Succeeded)), "unknown");
        assert_eq!(seen(&with(vec![result(true, true), result(false, true)], State::Succeeded)), "installed");
        assert_eq!(seen(&with(Vec::new(), State::AlreadySatisfied)), "installed", "nothing was changed");
    }
}
