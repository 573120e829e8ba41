//! Whether a change may be an emergency: by whose word, from which facts, and
//! what it skips.
//!
//! The policy's `[emergency]` decides. The first ring and people's signatures
//! are nothing that an emergency could skip: no word of the policy names them.

use crate::model::because::{Because, BecauseKind};
use crate::model::deployment_package::ChangeType;
use crate::model::policy::governance::{Client, MaySkip};
use crate::model::policy::{HostFacts, PolicySet};
use crate::model::problem::Problem;
use jiff::Timestamp;
use std::collections::{BTreeMap, BTreeSet};

/// Somebody who declares an emergency.
#[derive(Clone, Copy, Debug)]
pub struct Declarer<'a> {
    /// Account.
    pub account: &'a str,
    /// Address, where one is known.
    pub mail: Option<&'a str>,
}

/// Whether the policy lets a person declare an emergency; everybody who may
/// draft, where it names nobody.
pub fn may_declare(set: &PolicySet, who: Declarer<'_>) -> bool {
    let named = set.governance.emergency.as_ref().map_or(&[][..], |emergency| &emergency.declared_by);
    named.is_empty() || named.iter().any(|name| set.governance.stands_for(name, who.account, who.mail))
}

/// What a person is told whom the policy does not name.
pub fn not_declared(set: &PolicySet, who: &str) -> Problem {
    let named = set.governance.emergency.as_ref().map_or(String::new(), |emergency| emergency.declared_by.join(", "));
    Problem::new(
        "E-EMERGENCY-DECLARED",
        "emergency.declared_by",
        format!("{} names who declares an emergency: {named}; {who} is none of them", words(set)),
        "have one of them draft it, or draft a normal change",
    )
}

/// Holds an emergency against the policy: who declares it, and findings of the
/// package's hosts by severity, priority and rule.
///
/// # Errors
///
/// `E-EMERGENCY-DECLARED`, `E-EMERGENCY-TRIGGER`.
pub fn declare(set: &PolicySet, who: Declarer<'_>, levels: &BTreeMap<String, BTreeSet<String>>) -> Result<Because, Problem> {
    if !may_declare(set, who) {
        return Err(not_declared(set, who.account));
    }
    let policy = words(set);
    let triggers = set.governance.emergency.as_ref().map_or(&[][..], |emergency| &emergency.triggers);
    if triggers.is_empty() {
        return Ok(Because::new(BecauseKind::Rule, format!("{} declared it an emergency; {policy} names no facts that it takes", who.account)));
    }
    let met = |level: &String| triggers.iter().any(|trigger| trigger.eq_ignore_ascii_case(level));
    let found: Vec<String> = levels
        .iter()
        .filter(|(level, _)| met(level))
        .map(|(level, advisories)| format!("{level} ({})", listed(advisories)))
        .collect();
    if found.is_empty() {
        let there: Vec<&str> = levels.keys().map(String::as_str).collect();
        let there = if there.is_empty() { "nothing that is open on these hosts".to_owned() } else { format!("findings that are {}", there.join(", ")) };
        return Err(Problem::new(
            "E-EMERGENCY-TRIGGER",
            "emergency.triggers",
            format!("{policy} takes an emergency for {}; the change answers {there}", triggers.join(", ")),
            "draft a normal change, or correct the severity where it is wrong",
        ));
    }
    Ok(Because::new(BecauseKind::Rule, format!("{} declared it an emergency under {policy}, because of what is {}", who.account, found.join(", "))))
}

/// What an emergency on some hosts skips of what a normal change would wait
/// for, in words; nothing for other changes.
pub fn skipped<'a>(set: &PolicySet, hosts: impl Iterator<Item = &'a HostFacts>, from: Timestamp, to: Timestamp) -> Vec<String> {
    let rules = &set.rollout;
    let breaks = |kinds: &[ChangeType]| kinds.contains(&ChangeType::Emergency) && !kinds.contains(&ChangeType::Normal);
    let mut names = BTreeSet::new();
    for host in hosts {
        let window = rules.windows.iter().find(|window| window.select.fits(host));
        names.extend(window.filter(|window| breaks(&window.break_for)).map(|window| format!("window {}", window.id)));
        let within = rules.freezes.iter().filter(|freeze| freeze.from < to && freeze.to > from && freeze.select.fits(host) && breaks(&freeze.break_for));
        names.extend(within.map(|freeze| format!("freeze {}", freeze.id)));
    }
    let mut skipped: Vec<String> = names.into_iter().collect();
    if let (Some(own), Some(normal)) = (rules.test.get(&ChangeType::Emergency), rules.test.get(&ChangeType::Normal))
        && own.stricter(normal) != *own
    {
        skipped.push(format!("the test of a normal change (first ring watched for {}) for its own ({})", normal.min_soak.words(), own.min_soak.words()));
    }
    let asks = set.governance.client.as_ref().is_some_and(Client::asks);
    if asks && set.governance.emergency.as_ref().is_some_and(|emergency| emergency.may_skip.contains(&MaySkip::Client)) {
        skipped.push("the client's prior answer".to_owned());
    }
    skipped
}

fn words(set: &PolicySet) -> String {
    set.policies.first().map_or_else(|| "the policy".to_owned(), |own| format!("policy {} {}", own.id, own.version))
}

fn listed(advisories: &BTreeSet<String>) -> String {
    const NAMED: usize = 3;
    let named: Vec<&str> = advisories.iter().take(NAMED).map(String::as_str).collect();
    match advisories.len().saturating_sub(NAMED) {
        0 => named.join(", "),
        more => format!("{} and {more} more", named.join(", ")),
    }
}
