//! A host's **journal**: what opened and closed and what it obliged to, in the
//! store's words and the core's.

use crate::app::App;
use crate::http::problem::Refusal;
use jiff::Timestamp;
pub use plimsoll_core::assessment::UPDATE;
use plimsoll_core::assessment::{self, Answer, Memory, Remembered};
use plimsoll_core::model::finding::Finding;
use plimsoll_core::model::identifier::HostId;
use plimsoll_core::model::policy::PolicySet;
use plimsoll_store::transitions::{self as stored, Bound, DecidedFrom, FindingKey, Obliged, Transition};
use plimsoll_store::{Change, StoreError};
use std::collections::{BTreeMap, BTreeSet};

/// What is known of a host before it is judged again.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Known {
    /// Since when each thing was first seen, of all there ever were: one that
    /// went and came back keeps its clock.
    pub memory: Memory,
    /// Keys of those that are open.
    open: BTreeSet<String>,
    /// What they oblige to.
    obliged: BTreeMap<String, Obliged>,
    /// Length of the journal.
    pub length: u64,
}

impl Known {
    /// Takes the keys that `wanted` takes.
    pub fn of(kept: &stored::Memory, wanted: impl Fn(&str) -> bool) -> Self {
        let last = Timestamp::now();
        let texts = |key: &FindingKey| Some(key_text(key)).filter(|text| wanted(text));
        let seen = kept.first_seen.iter().filter_map(|(key, first)| Some((texts(key)?, Remembered { first: *first, last })));
        Self {
            memory: Memory { seen: seen.collect(), kept: true },
            open: kept.open.keys().filter_map(texts).collect(),
            obliged: kept.obliged.iter().filter_map(|(key, obliged)| Some((texts(key)?, obliged.clone()))).collect(),
            length: kept.length,
        }
    }

    /// What changed on a host that is now as `answer` says, decided under
    /// `policies`.
    pub fn until(&self, answer: &Answer, policies: &PolicySet, host: HostId) -> Transition {
        let after = &answer.memory;
        let opened = after.seen.keys().filter(|key| !self.open.contains(*key)).map(|key| key_of(key)).collect();
        let closed = self.open.iter().filter(|key| !after.seen.contains_key(*key)).map(|key| key_of(key)).collect();
        let mut now: BTreeMap<String, Obliged> = BTreeMap::new();
        for finding in &answer.scan.findings {
            let key = assessment::key_of(finding);
            if after.seen.contains_key(&key) {
                oblige(now.entry(key).or_default(), finding);
            }
        }
        let obliged: Vec<_> = now.into_iter().filter(|(key, obliged)| self.obliged.get(key) != Some(obliged)).map(|(key, obliged)| (key_of(&key), obliged)).collect();
        let policies = if obliged.is_empty() { Vec::new() } else { policies.policies.iter().map(|policy| format!("{} {}", policy.id, policy.version)).collect() };
        Transition { host, serial: self.length, at: answer.scan.as_of, opened, closed, obliged, policies }
    }
}

/// Adds what one finding obliges to. Several may share a key, a kernel's
/// versions say: of each rule the earliest end counts.
fn oblige(obliged: &mut Obliged, finding: &Finding) {
    obliged.rating = obliged.rating.max(finding.severity.rating);
    obliged.exploited |= finding.kev.is_some();
    for obligation in &finding.obligations {
        let Some(due) = obligation.due.map(Timestamp::as_second) else { continue };
        let bound = Bound { due, start: obligation.clock_start.map(Timestamp::as_second), rule: obligation.rule.clone() };
        match obliged.bounds.iter_mut().find(|known| known.rule == bound.rule) {
            Some(known) if known.due <= bound.due => {}
            Some(known) => *known = bound,
            None => obliged.bounds.push(bound),
        }
    }
    obliged.bounds.sort_by(|one, other| (one.due, &one.rule).cmp(&(other.due, &other.rule)));
}

/// Why a host is judged again.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Cause {
    /// The advisory database changed.
    Advisories,
    /// The first database to judge this host came.
    First,
    /// Something said of the host changed.
    Facts,
}

impl Cause {
    /// The act in the evidence log, which tells news of the world from news of
    /// a host.
    pub fn verb(self) -> &'static str {
        match self {
            Self::Advisories => "host.judge",
            Self::First => "host.judge-first",
            Self::Facts => "host.judge-facts",
        }
    }

    /// Reads the act.
    pub fn parse(verb: &str) -> Option<Self> {
        [Self::Advisories, Self::First, Self::Facts].into_iter().find(|cause| cause.verb() == verb)
    }
}

/// A key of the core's memory in the store's words.
pub fn key_of(text: &str) -> FindingKey {
    let mut words = text.splitn(3, ' ');
    let (kind, second, rest) = (words.next().unwrap_or_default(), words.next().unwrap_or_default(), words.next().unwrap_or_default());
    if kind == UPDATE {
        FindingKey { advisory: UPDATE.to_owned(), component: format!("{second} {rest}") }
    } else {
        FindingKey { advisory: second.to_owned(), component: rest.to_owned() }
    }
}

/// The core's word for a key of the store.
pub fn key_text(key: &FindingKey) -> String {
    if key.advisory == UPDATE {
        format!("{UPDATE} {}", key.component)
    } else {
        format!("finding {} {}", key.advisory, key.component)
    }
}

/// Length of a host's journal once a transition is written.
pub fn length_with(transition: &Transition) -> u64 {
    transition.serial + u64::from(!transition.is_empty())
}

/// What is known of a host.
///
/// # Errors
///
/// The store cannot be read.
pub async fn known(app: &App, host: HostId) -> Result<Known, Refusal> {
    Ok(Known::of(&app.store.memory(host).await?, |_| true))
}

/// Writes what changed on one host, also that nothing did: to be called before
/// anything else of the host is written.
///
/// # Errors
///
/// [`overtaken`] where somebody else judged the host meanwhile or it is not any
/// more what was judged; nothing of the change is kept then.
pub async fn write(change: &mut Change, decided: &DecidedFrom, transition: &Transition) -> Result<(), StoreError> {
    if !change.overtaken(std::slice::from_ref(decided)).await?.is_empty() {
        return Err(overtaken(decided.host));
    }
    match change.add_transitions(std::slice::from_ref(transition)).await?.as_slice() {
        [] => Ok(()),
        _ => Err(overtaken(transition.host)),
    }
}

/// That another server, or a report under way, came first with a host.
pub fn overtaken(host: HostId) -> StoreError {
    StoreError::conflict(OVERTAKEN, format!("host:{host}"), "Somebody else reported of this host, changed or judged it at the same time.")
}

/// Whether this is what [`overtaken`] says.
pub fn is_overtaken(error: &StoreError) -> bool {
    error.problem.code == OVERTAKEN
}

const OVERTAKEN: &str = "E-OVERTAKEN";
