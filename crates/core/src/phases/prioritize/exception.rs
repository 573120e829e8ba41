//! May these findings be excepted, and who approves it?
//!
//! [`terms`] holds a request against the policy's rules: of all levels that the
//! findings have, the strictest rule binds. [`may_accept`] says whether the
//! policy names a person for them.

use crate::model::exception::{Exception, ExceptionState};
use crate::model::policy::{Governance, PolicySet, WaiverKind, WaiverRules};
use crate::model::problem::Problem;
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};
use std::collections::BTreeSet;

/// Longest life where the policy names none: what is accepted for good is
/// looked at again each year (FedRAMP VDR, accepted vulnerabilities).
pub const LONGEST: SignedDuration = SignedDuration::from_hours(366 * 24);

/// What is asked for.
#[derive(Clone, Debug)]
pub struct Asked<'a> {
    /// What justifies it.
    pub kind: WaiverKind,
    /// Severities, priorities and rules of the findings.
    pub levels: &'a BTreeSet<String>,
    /// What stands in meanwhile.
    pub control: &'a str,
    /// When it was asked for.
    pub from: Timestamp,
    /// When it is to end.
    pub until: Timestamp,
    /// How often it was renewed before.
    pub renewals: u32,
    /// What would be under an exception with it.
    pub share: Share,
}

/// What would be under an exception, of how many.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Share {
    /// Of these would be.
    pub with: u64,
    /// There are.
    pub of: u64,
    /// What they are.
    pub what: &'static str,
}

/// What a granted exception takes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Terms {
    /// How many people must approve.
    pub quorum: u32,
}

fn refusal(code: &str, place: &str, text: String, next: &str) -> Problem {
    Problem::new(code, place, text, next)
}

fn meets(level: &str, levels: &BTreeSet<String>) -> bool {
    levels.iter().any(|own| own.eq_ignore_ascii_case(level))
}

/// Holds a request against the policy's rules.
///
/// # Errors
///
/// The first rule that it breaks, with what was asked and the limit:
/// `E-EXCEPTION-KIND`, `-FORBIDDEN`, `-CONTROL`, `-LENGTH`, `-RENEWALS`,
/// `-CAP`.
pub fn terms(set: &PolicySet, asked: &Asked<'_>) -> Result<Terms, Problem> {
    let own = set.policies.first();
    let silent = WaiverRules::default();
    let (rules, zone) = match own {
        Some(own) => (own.waiver.as_ref().unwrap_or(&silent), own.zone.clone()),
        None => (&silent, TimeZone::UTC),
    };
    kind(rules, asked)?;
    control(rules, asked)?;
    isolated(set, asked)?;
    life(rules, asked, &zone)?;
    if let Some(most) = rules.max_renewals.filter(|most| asked.renewals > *most) {
        let text = format!("it would be renewal {}, and the policy allows {most}", asked.renewals);
        return Err(refusal("E-EXCEPTION-RENEWALS", "until", text, "apply the fix, or put a policy in force that allows more"));
    }
    if let Some(cap) = rules.cap_percent_of_projects {
        let Share { with, of, what } = asked.share;
        if u128::from(with) * 100 > u128::from(of) * u128::from(cap) {
            let text = format!("{with} of {of} {what} would be under an exception, and the policy allows {cap} %");
            return Err(refusal("E-EXCEPTION-CAP", "hosts", text, "end another exception first, or except fewer hosts"));
        }
    }
    let quorum = rules.quorum.iter().filter(|(level, _)| meets(level, asked.levels)).map(|(_, people)| *people).max();
    Ok(Terms { quorum: quorum.unwrap_or(1).max(1) })
}

fn kind(rules: &WaiverRules, asked: &Asked<'_>) -> Result<(), Problem> {
    let kind = asked.kind;
    if kind == WaiverKind::FalsePositive {
        let text = "what is not there is no exception: it changes the verdict".to_owned();
        return Err(refusal("E-EXCEPTION-KIND", "kind", text, "state it in a VEX document, and give that to the advisory database"));
    }
    if !rules.kinds.is_empty() && !rules.kinds.contains(&kind) {
        let allowed: Vec<&str> = rules.kinds.iter().filter(|kind| **kind != WaiverKind::FalsePositive).map(|kind| kind.as_str()).collect();
        let text = format!("the policy grants no exception of the kind {}; allowed are {}", kind.as_str(), allowed.join(", "));
        return Err(refusal("E-EXCEPTION-KIND", "kind", text, "choose one of them"));
    }
    let Some((kinds, levels)) = &rules.forbid else {
        return Ok(());
    };
    if let Some(level) = levels.iter().find(|level| meets(level, asked.levels)).filter(|_| kinds.contains(&kind)) {
        let text = format!("a finding among these is {level}, and for that the policy never grants {}", kind.as_str());
        return Err(refusal("E-EXCEPTION-FORBIDDEN", "kind", text, "apply the fix, or leave those findings out"));
    }
    Ok(())
}

fn control(rules: &WaiverRules, asked: &Asked<'_>) -> Result<(), Problem> {
    let Some(level) = rules.need_compensating_control.iter().find(|level| meets(level, asked.levels)) else {
        return Ok(());
    };
    if !asked.control.trim().is_empty() {
        return Ok(());
    }
    let text = format!("a finding among these is {level}, and for that the policy asks for a compensating control");
    Err(refusal("E-EXCEPTION-CONTROL", "control", text, "say what stands in until the fix is there"))
}

/// What cannot be fixed at all is isolated, where the policy says so.
fn isolated(set: &PolicySet, asked: &Asked<'_>) -> Result<(), Problem> {
    let isolate = set.governance.unpatchable.as_ref().is_some_and(|unpatchable| unpatchable.isolate == Some(true));
    if !isolate || asked.kind != WaiverKind::NoFixAvailable || !asked.control.trim().is_empty() {
        return Ok(());
    }
    let text = "the policy isolates hosts that cannot be fixed (unpatchable.isolate)".to_owned();
    Err(refusal("E-EXCEPTION-CONTROL", "control", text, "say how these hosts are isolated"))
}

/// By when an approved exception is to be looked at again: of
/// `waiver.review_every` and, where there is no fix, `unpatchable.review_every`
/// the shorter, since it was approved or last looked at. None where the policy
/// does not say how often, or it ends before.
pub fn review_due(set: &PolicySet, exception: &Exception) -> Option<Timestamp> {
    if exception.state != ExceptionState::Approved {
        return None;
    }
    let own = set.policies.first()?;
    let waiver = own.waiver.as_ref().and_then(|waiver| waiver.review_every.as_ref());
    let unpatchable = set.governance.unpatchable.as_ref().filter(|_| exception.kind == WaiverKind::NoFixAvailable);
    let unpatchable = unpatchable.and_then(|unpatchable| unpatchable.review_every.as_ref());
    let since = exception.reviewed.or(exception.decided.as_ref().map(|decided| decided.at))?;
    let due = waiver.into_iter().chain(unpatchable).filter_map(|every| every.due(since, &own.zone, false)).min()?;
    (due < exception.until).then_some(due)
}

/// By when what cannot be fixed is to be replaced
/// (`unpatchable.replace_within`), since the first of its exceptions came into
/// force; none for exceptions of another kind.
pub fn replace_by(set: &PolicySet, exception: &Exception, first: Timestamp) -> Option<Timestamp> {
    if exception.kind != WaiverKind::NoFixAvailable {
        return None;
    }
    set.governance.unpatchable.as_ref()?.replace_within.as_ref()?.due(first, &set.policies.first()?.zone, false)
}

fn life(rules: &WaiverRules, asked: &Asked<'_>, zone: &TimeZone) -> Result<(), Problem> {
    if asked.until <= asked.from {
        let text = format!("{} has passed", asked.until);
        return Err(refusal("E-EXCEPTION-LENGTH", "until", text, "name a moment that is still to come"));
    }
    let bounds = rules.max_length.iter().filter(|(level, _)| meets(level, asked.levels));
    let shortest = bounds.filter_map(|(level, length)| Some((length.due(asked.from, zone, false)?, level.as_str(), length.words()))).min();
    let last = asked.from.checked_add(LONGEST).unwrap_or(Timestamp::MAX);
    let (limit, words) = match shortest {
        Some((limit, level, words)) => (limit, format!("{words} for {level}")),
        None => (last, "366 days where it names no length".to_owned()),
    };
    if asked.until <= limit {
        return Ok(());
    }
    let text = format!("{} is later than {limit}, which is as long as the policy allows: {words}", asked.until);
    Err(refusal("E-EXCEPTION-LENGTH", "until", text, "ask for less, and renew it when it ends"))
}

/// A person who would approve.
#[derive(Clone, Copy, Debug)]
pub struct Approver<'a> {
    /// Account.
    pub account: &'a str,
    /// Address.
    pub mail: Option<&'a str>,
}

/// Whether the policy lets a person accept the risk of findings of these
/// levels. Where it names somebody for some of them, the person must be among
/// those; where it names nobody, whoever holds the permission may.
///
/// # Errors
///
/// `E-EXCEPTION-APPROVER` with the levels and whom the policy names.
pub fn may_accept(governance: &Governance, levels: &BTreeSet<String>, person: Approver<'_>) -> Result<(), Problem> {
    let named = acceptors(governance, levels);
    if named.is_empty() || named.iter().any(|(_, name)| is(governance, name, person)) {
        return Ok(());
    }
    let named: Vec<String> = named.iter().map(|(level, name)| format!("{name} for {level}")).collect();
    let text = format!("the policy says who accepts such risks: {}; {} is none of them", named.join(", "), person.account);
    Err(refusal(
        "E-EXCEPTION-APPROVER",
        "roles.risk_acceptor",
        text,
        "ask them to approve; [people] of the policy says which account or address they have",
    ))
}

/// Levels for which nobody has approved yet whom the policy names, with that
/// name.
pub fn unaccepted<'a>(governance: &'a Governance, levels: &BTreeSet<String>, approved: &[Approver<'_>]) -> Vec<(&'a str, &'a str)> {
    let mut named = acceptors(governance, levels);
    named.retain(|(_, name)| !approved.iter().any(|person| is(governance, name, *person)));
    named
}

fn acceptors<'a>(governance: &'a Governance, levels: &BTreeSet<String>) -> Vec<(&'a str, &'a str)> {
    let all = governance.roles.iter().flat_map(|roles| &roles.risk_acceptor);
    all.filter(|(level, _)| meets(level, levels)).map(|(level, name)| (level.as_str(), name.as_str())).collect()
}

fn is(governance: &Governance, name: &str, person: Approver<'_>) -> bool {
    governance.stands_for(name, person.account, person.mail)
}

/// What an exception asks for, with what would be under one.
pub fn asked(exception: &Exception, share: Share) -> Asked<'_> {
    let Exception { kind, levels, control, requested, until, renewals, .. } = exception;
    Asked { kind: *kind, levels, control, from: *requested, until: *until, renewals: *renewals, share }
}
