//! Which findings ask for a forensic triage, where it stands on a host, and
//! whether the host may be changed before it.

use crate::assessment::UPDATE;
use crate::model::advisory::Rating;
use crate::model::policy::governance::{Forensics, Untaken};
use crate::model::policy::{Condition, Field, Length, Policy, PolicySet, Rule};
use crate::model::transition::{FindingKey, Obliged, Transition};
use crate::model::triage::{TriageStanding, TriageStep, TriageWord};
use jiff::Timestamp;
use jiff::tz::TimeZone;
use std::collections::{BTreeMap, BTreeSet};

/// Which obligations ask for a triage.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Trigger {
    ratings: BTreeSet<Rating>,
    /// Names of rules, `cisa-bod-26-04/3DF`.
    rules: BTreeSet<String>,
}

impl Trigger {
    /// Whether nothing can ask for one.
    pub fn is_empty(&self) -> bool {
        self.ratings.is_empty() && self.rules.is_empty()
    }

    fn is_pulled_by(&self, obliged: &Obliged) -> bool {
        self.ratings.contains(&obliged.rating) || obliged.bounds.iter().any(|bound| self.rules.contains(&bound.rule))
    }
}

/// What the policies take for a trigger; none where they ask for no triage. A
/// priority stands for the rules that bind it.
pub fn trigger(set: &PolicySet) -> Option<Trigger> {
    let forensics = set.governance.forensics.as_ref()?;
    let mut trigger = Trigger::default();
    for word in &forensics.trigger {
        trigger.ratings.extend(severity(word));
        trigger.rules.extend(binding(set, word));
    }
    Some(trigger)
}

/// The severity that a word of the trigger names.
pub fn severity(word: &str) -> Option<Rating> {
    Rating::ALL.into_iter().find(|rating| rating.as_str().eq_ignore_ascii_case(word))
}

/// Names of the rules that a word of the trigger stands for.
pub fn binding(set: &PolicySet, word: &str) -> BTreeSet<String> {
    let of = |policy: &Policy| policy.rules.iter().filter(|rule| is_meant(policy, rule, word)).map(|rule| rule.name.clone()).collect::<Vec<_>>();
    set.policies.iter().flat_map(of).collect()
}

fn is_meant(policy: &Policy, rule: &Rule, word: &str) -> bool {
    if rule.id.eq_ignore_ascii_case(word) {
        return true;
    }
    let position = policy.priority.as_ref().and_then(|model| model.table.outcome().position(word));
    let Some(bit) = position.and_then(|position| 1u32.checked_shl(u32::try_from(position).ok()?)) else { return false };
    rule.when.iter().any(|condition| matches!(condition, Condition::OneOf(Field::Priority, mask) if mask & bit != 0))
}

/// Advisories that ask for a triage on a host at the end of its journal, and
/// since when.
pub fn asking(trigger: &Trigger, story: &[Transition]) -> BTreeMap<String, Timestamp> {
    let mut open: BTreeMap<&FindingKey, Timestamp> = BTreeMap::new();
    for transition in story {
        for key in &transition.closed {
            open.remove(key);
        }
        for (key, obliged) in transition.obliged.iter().filter(|(key, _)| key.advisory != UPDATE) {
            if trigger.is_pulled_by(obliged) {
                open.entry(key).or_insert(transition.at);
            } else {
                open.remove(key);
            }
        }
    }
    let mut asking: BTreeMap<String, Timestamp> = BTreeMap::new();
    for (key, since) in open {
        let first = asking.entry(key.advisory.clone()).or_insert(since);
        *first = since.min(*first);
    }
    asking
}

/// Where the triage of a host stands.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Triage {
    /// Advisories that it is not decided for, and since when each asks.
    pub open: BTreeMap<String, Timestamp>,
    /// What is wanted next, and by when, each as the policy says.
    pub wanted: Vec<(TriageStep, Timestamp)>,
    /// Why no change may start on the host; none where one may.
    pub barred: Option<String>,
    /// Whether evidence was taken for all that asks.
    pub collected: bool,
    /// Whether the host was found broken into and may not be changed.
    pub incident: bool,
    /// Words that let a change start.
    pub rests_on: Vec<TriageWord>,
    /// Since when a change may start although nobody looked.
    pub lapsed: Option<Timestamp>,
}

impl Triage {
    /// Where it stands.
    pub fn standing(&self, now: Timestamp) -> TriageStanding {
        match self.late(now) {
            _ if self.incident => TriageStanding::Compromised,
            Some(_) => TriageStanding::Late,
            None if !self.collected => TriageStanding::Asked,
            None if !self.open.is_empty() => TriageStanding::Collected,
            None => TriageStanding::Decided,
        }
    }

    /// The first moment in which something of it is late.
    pub fn late(&self, now: Timestamp) -> Option<(TriageStep, Timestamp)> {
        self.wanted.iter().filter(|(_, by)| *by < now).min_by_key(|(_, by)| *by).copied()
    }
}

/// Judges a host by what asks and what people said, the oldest word first;
/// none where nothing asks and nobody found it broken into.
pub fn triage(set: &PolicySet, asking: &BTreeMap<String, Timestamp>, words: &[TriageWord], now: Timestamp) -> Option<Triage> {
    let forensics = set.governance.forensics.as_ref()?;
    let verdict = words.iter().rev().find(|word| word.step.decides());
    let incident = verdict.filter(|word| word.step == TriageStep::Compromised && !word.released);
    if asking.is_empty() && incident.is_none() {
        return None;
    }
    let zone = set.policies.first().map_or(TimeZone::UTC, |own| own.zone.clone());
    let lacks = |reached: fn(TriageStep) -> bool| {
        let said = |advisory: &String, since: Timestamp| words.iter().any(|word| word.at >= since && reached(word.step) && word.advisories.contains(advisory));
        asking.iter().filter(|(advisory, since)| !said(advisory, **since)).map(|(advisory, since)| (advisory.clone(), *since)).collect::<BTreeMap<_, _>>()
    };
    let unscoped = lacks(|_| true);
    let untaken = lacks(|step| step != TriageStep::Scope);
    let open = lacks(TriageStep::decides);
    let end = |length: &Option<Length>, of: &BTreeMap<String, Timestamp>| length.as_ref()?.due(*of.values().min()?, &zone, false);
    let clocks = [
        (TriageStep::Scope, end(&forensics.scope_within, &unscoped)),
        (TriageStep::Evidence, end(&forensics.collect_within, &untaken)),
        (TriageStep::Clean, end(&forensics.decide_within, &open)),
    ];
    let lapsed = lapses(forensics, &untaken, &zone).filter(|lapsed| *lapsed <= now);
    let barred = match incident {
        Some(word) => Some(format!("it was found broken into on {:.0}: nothing changes it until somebody says that it may", word.at)),
        None if forensics.collect_before_patch && !untaken.is_empty() && lapsed.is_none() => Some(format!("it waits for a forensic triage before the change: {}", named(&untaken))),
        None => None,
    };
    let rests_on = |word: &&TriageWord| word.step != TriageStep::Scope && asking.iter().any(|(advisory, since)| word.at >= *since && word.advisories.contains(advisory));
    Some(Triage {
        wanted: clocks.into_iter().filter_map(|(step, by)| Some((step, by?))).collect(),
        lapsed: lapsed.filter(|_| forensics.collect_before_patch && incident.is_none()),
        collected: untaken.is_empty(),
        incident: incident.is_some(),
        barred,
        rests_on: words.iter().filter(rests_on).cloned().collect(),
        open,
    })
}

/// From when on a host goes without evidence, where the policy lets it: once
/// the last of what asks has run out.
fn lapses(forensics: &Forensics, untaken: &BTreeMap<String, Timestamp>, zone: &TimeZone) -> Option<Timestamp> {
    if forensics.on_timeout != Untaken::Patch {
        return None;
    }
    let length = forensics.collect_within.as_ref().or(forensics.decide_within.as_ref())?;
    length.due(*untaken.values().max()?, zone, false)
}

/// Some of the advisories, and how many more there are.
fn named(of: &BTreeMap<String, Timestamp>) -> String {
    const NAMED: usize = 3;
    let some: Vec<&str> = of.keys().take(NAMED).map(String::as_str).collect();
    let more = of.len().saturating_sub(NAMED);
    if more > 0 { format!("{} and {more} more", some.join(", ")) } else { some.join(", ") }
}
