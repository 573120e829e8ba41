//! Which mitigations a policy allows, and by when each is seen to work.

use crate::model::policy::governance::Measure;
use crate::model::policy::{Length, PolicySet};
use crate::model::problem::Problem;
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};

/// First check where the policy names no time: a control that nobody saw work
/// within a week was hardly checked.
const FIRST: SignedDuration = SignedDuration::from_hours(7 * 24);
/// Between checks where the policy names no time: the month of a vendor's
/// check-in (FedRAMP vulnerability detection and response).
const AGAIN: SignedDuration = SignedDuration::from_hours(30 * 24);

/// What a mitigation is held to.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Terms {
    /// By when it is seen to work for the first time.
    pub verify_by: Timestamp,
    /// How long it may stand.
    pub ends: Option<Timestamp>,
}

fn zone(set: &PolicySet) -> TimeZone {
    set.policies.first().map_or(TimeZone::UTC, |own| own.zone.clone())
}

fn end(length: Option<&Length>, from: Timestamp, zone: &TimeZone) -> Option<Timestamp> {
    length.and_then(|length| length.due(from, zone, false))
}

/// Holds a mitigation that was applied at a moment against the policy.
///
/// # Errors
///
/// `E-MITIGATION-MEASURE` with those that the policy allows.
pub fn terms(set: &PolicySet, measure: Measure, applied: Timestamp) -> Result<Terms, Problem> {
    let rules = set.governance.mitigation.as_ref();
    let allowed = rules.map(|rules| rules.measures.as_slice()).unwrap_or_default();
    if !allowed.is_empty() && !allowed.contains(&measure) {
        let words: Vec<&str> = allowed.iter().map(|measure| measure.as_str()).collect();
        let text = format!("the policy allows no mitigation of the kind {}; allowed are {}", measure.as_str(), words.join(", "));
        return Err(Problem::new("E-MITIGATION-MEASURE", "measure", text, "choose one of them, or put a policy in force that allows it"));
    }
    let zone = zone(set);
    let first = end(rules.and_then(|rules| rules.verify_within.as_ref()), applied, &zone);
    Ok(Terms {
        verify_by: first.or_else(|| applied.checked_add(FIRST).ok()).unwrap_or(Timestamp::MAX),
        ends: end(rules.and_then(|rules| rules.max_life.as_ref()), applied, &zone),
    })
}

/// By when a mitigation is to be removed that a patch replaced at a moment;
/// none where the policy does not say.
pub fn remove_by(set: &PolicySet, replaced: Timestamp) -> Option<Timestamp> {
    end(set.governance.mitigation.as_ref()?.remove_within.as_ref(), replaced, &zone(set))
}

/// Until when a check of a moment counts: as asked, and not longer than the
/// policy allows.
///
/// # Errors
///
/// `E-MITIGATION-CHECK` with the limit.
pub fn counts_until(set: &PolicySet, at: Timestamp, asked: Option<Timestamp>) -> Result<Timestamp, Problem> {
    let rules = set.governance.mitigation.as_ref();
    let stated = end(rules.and_then(|rules| rules.review_every.as_ref()), at, &zone(set));
    let limit = stated.or_else(|| at.checked_add(AGAIN).ok()).unwrap_or(Timestamp::MAX);
    let Some(asked) = asked else { return Ok(limit) };
    if asked <= at || asked > limit {
        let text = format!("a check counts until {asked}, and possible is what lies after {at} and not after {limit}");
        return Err(Problem::new("E-MITIGATION-CHECK", "until", text, "name an earlier moment, and look at it again then"));
    }
    Ok(asked)
}
