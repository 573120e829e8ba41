//! **The second source**: whether an outside scanner sees a change as the
//! host's own report does.
//!
//! A scanner that looked too early, with data that was too old, or that does
//! not say anything of what was changed, proves nothing: only what it saw
//! counts, and what nobody saw is unknown.

use crate::model::because::{Because, BecauseKind, Explained};
use crate::model::component::Component;
use crate::model::deployment_package::StreamPlan;
use crate::model::finding::FindingComponent;
use crate::model::scanner::{Reading, Said, ScannerResult};
use crate::model::stream::Stream;
use jiff::{SignedDuration, Timestamp};
use plimsoll_version::compare;
use serde::{Deserialize, Serialize};
use std::cmp::Ordering;
use std::collections::BTreeSet;

/// What the policy asks of it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Asked {
    /// Until when after the change a scanner must have looked; none sets no end.
    pub within: Option<SignedDuration>,
    /// Oldest result and oldest vulnerability data that still count.
    pub oldest: Option<SignedDuration>,
    /// Whether a disagreement opens the change again; a person looks otherwise.
    pub reopens: bool,
}

/// One scanner's newest result, with what its file says.
#[derive(Clone, Copy, Debug)]
pub struct Held<'a> {
    /// What is kept of it.
    pub result: &'a ScannerResult,
    /// What it says.
    pub reading: &'a Reading,
}

/// What is compared.
#[derive(Clone, Copy, Debug)]
pub struct Subject<'a> {
    /// What the host was to get.
    pub plan: &'a StreamPlan,
    /// Its release.
    pub stream: &'a Stream,
    /// Components of its newest report.
    pub components: &'a [Component],
    /// Advisories that the change answers, with every id that they go by.
    pub advisories: &'a BTreeSet<String>,
    /// When the change ended there.
    pub ended: Timestamp,
    /// The present.
    pub now: Timestamp,
}

/// How agent and scanner stand to each other.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Agreement {
    /// They see the same.
    Agrees,
    /// They do not.
    Disagrees,
    /// A scanner looked, and says nothing of what was changed.
    DoesNotSay,
    /// A scanner looked before the change, too long ago, or with old data.
    TooOld,
    /// No scanner has looked.
    Missing,
}

impl Agreement {
    /// All of them.
    pub const ALL: [Self; 5] = [Self::Agrees, Self::Disagrees, Self::DoesNotSay, Self::TooOld, Self::Missing];

    /// The word in storage, API and console.
    pub fn word(self) -> &'static str {
        match self {
            Self::Agrees => "agrees",
            Self::Disagrees => "disagrees",
            Self::DoesNotSay => "does-not-say",
            Self::TooOld => "too-old",
            Self::Missing => "missing",
        }
    }

    /// Reads that word.
    pub fn parse(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|agreement| agreement.word() == word)
    }
}

/// Decides how the scanners' newest results stand to what the host reports.
///
/// One that disagrees outweighs all that agree: somebody has to look.
pub fn decide(asked: &Asked, subject: &Subject<'_>, held: &[Held<'_>]) -> Explained<Agreement> {
    let mut all: Vec<(Agreement, String)> = held.iter().map(|held| one(asked, subject, held)).collect();
    let order = |agreement: Agreement| match agreement {
        Agreement::Disagrees => 0,
        Agreement::Agrees => 1,
        Agreement::DoesNotSay => 2,
        Agreement::TooOld => 3,
        Agreement::Missing => 4,
    };
    all.sort_by_key(|(agreement, _)| order(*agreement));
    let decision = all.first().map_or(Agreement::Missing, |(agreement, _)| *agreement);
    let mut because: Vec<Because> = all.into_iter().filter(|(agreement, _)| *agreement == decision).map(|(_, text)| Because::new(BecauseKind::Source, text)).collect();
    if decision == Agreement::Missing {
        because.push(Because::new(BecauseKind::Assumed, "no outside scanner has looked at the host".to_owned()));
    }
    if matches!(decision, Agreement::Missing | Agreement::TooOld)
        && let Some(until) = asked.within.and_then(|within| subject.ended.checked_add(within).ok())
    {
        let when = if until < subject.now { "the policy wanted one to look until" } else { "the policy wants one to look until" };
        because.push(Because::new(BecauseKind::Rule, format!("{when} {until}")));
    }
    Explained { decision, because }
}

fn one(asked: &Asked, subject: &Subject<'_>, held: &Held<'_>) -> (Agreement, String) {
    let (result, shown) = (held.result, held.result.shown());
    if result.moment <= subject.ended {
        return (Agreement::TooOld, format!("{shown} looked before the change ended at {}", subject.ended));
    }
    if let Some(oldest) = asked.oldest {
        if result.received.duration_since(result.moment) > oldest {
            return (Agreement::TooOld, format!("{shown} was brought at {}, later than the policy lets it count", result.received));
        }
        if let Some(database) = result.database.filter(|database| result.moment.duration_since(*database) > oldest) {
            return (Agreement::TooOld, format!("{shown} used vulnerability data of {database}, which is older than the policy lets count"));
        }
    }
    let names = Names::of(subject);
    if let Some(text) = older(subject, held.reading) {
        return (Agreement::Disagrees, format!("{shown} {text}"));
    }
    if let Some(said) = held.reading.said.iter().find(|said| said.there == Some(true) && concerns(said, subject, &names)) {
        let ids: Vec<&str> = said.ids.iter().filter(|id| subject.advisories.contains(*id)).map(String::as_str).collect();
        let package = said.package.as_deref().map(|package| format!(" in {package} {}", said.version.as_deref().unwrap_or_default())).unwrap_or_default();
        return (Agreement::Disagrees, format!("{shown} still sees {}{}; the host reports the versions of the package", ids.join(", "), package.trim_end()));
    }
    let cleared = held.reading.said.iter().any(|said| said.there == Some(false) && concerns(said, subject, &names));
    let named = held.reading.packages.keys().any(|name| names.binaries.contains(name.as_str()));
    let silent = held.reading.system && held.reading.said.iter().all(|said| said.there.is_some() || !concerns(said, subject, &names));
    if cleared || named || silent {
        let age = result.database.map_or_else(|| ", and does not say how old its data is".to_owned(), |database| format!(", with data of {database}"));
        return (Agreement::Agrees, format!("{shown} sees nothing of what the change answers{age}"));
    }
    (Agreement::DoesNotSay, format!("{shown} does not say whether it looked at what was changed"))
}

/// Names of the changed packages that the host has.
struct Names<'a> {
    binaries: BTreeSet<&'a str>,
    sources: BTreeSet<&'a str>,
}

impl<'a> Names<'a> {
    fn of(subject: &Subject<'a>) -> Self {
        let wanted: BTreeSet<&str> = subject.plan.install.iter().map(|target| target.name.as_str()).collect();
        let there = subject.components.iter().filter(|component| wanted.contains(component.name.as_str()) && component.stream.as_ref() == Some(subject.stream));
        let (mut binaries, mut sources) = (BTreeSet::new(), BTreeSet::new());
        for component in there {
            binaries.insert(component.name.as_str());
            sources.extend(component.source.as_deref());
        }
        Self { binaries, sources }
    }
}

/// A vulnerability is of the change by its id, and where the scanner names a
/// package by that too: an advisory may stand for packages that were not part
/// of it.
fn concerns(said: &Said, subject: &Subject<'_>, names: &Names<'_>) -> bool {
    let known = said.ids.iter().any(|id| subject.advisories.contains(id));
    known && said.package.as_deref().is_none_or(|package| names.binaries.contains(package) || names.sources.contains(package))
}

/// Says where the scanner saw only older versions of a changed package than
/// the package was to bring, and the host reports a newer one.
fn older(subject: &Subject<'_>, reading: &Reading) -> Option<String> {
    let scheme = subject.stream.scheme()?;
    subject.plan.install.iter().find_map(|target| {
        let seen = reading.packages.get(&target.name)?;
        let reported: Vec<&str> = subject.components.iter().filter(|component| component.name == target.name && component.stream.as_ref() == Some(subject.stream)).map(|component| component.version.as_str()).collect();
        let all_older = seen.iter().all(|version| compare(scheme, version, &target.version).is_ok_and(|order| order == Ordering::Less));
        let text = || format!("saw {} {}, the host reports {}", target.name, seen.iter().cloned().collect::<Vec<_>>().join(", "), reported.join(", "));
        (!reported.is_empty() && !seen.is_empty() && all_older).then(text)
    })
}

/// What a scanner says of an open finding; none where it does not say whether
/// it looked at the component.
pub fn of_finding(result: &ScannerResult, reading: &Reading, ids: &BTreeSet<&str>, component: &FindingComponent) -> Option<Because> {
    let named = |name: &str| name == component.name || component.source.as_deref() == Some(name);
    let about = reading.said.iter().filter(|said| said.ids.iter().any(|id| ids.contains(id.as_str())) && said.package.as_deref().is_none_or(named));
    let words: Vec<Option<bool>> = about.map(|said| said.there).collect();
    let shown = result.shown();
    let text = if words.contains(&Some(true)) {
        format!("{shown} sees it as well")
    } else if words.contains(&Some(false)) {
        format!("{shown} looked for it and does not see it")
    } else if words.is_empty() && (reading.system || reading.packages.contains_key(&component.name)) {
        format!("{shown} does not report it")
    } else {
        return None;
    };
    Some(Because::new(BecauseKind::Source, text))
}

#[cfg(test)]
mod tests;
