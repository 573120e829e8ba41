//! What people watch, how often, and what was not looked at in time.

use crate::model::policy::governance::Governance;
use crate::model::policy::{Exposure, Length, PolicySet};
use jiff::Timestamp;
use jiff::tz::TimeZone;

/// Something that a person looks at again and again.
#[derive(Clone, PartialEq, Debug)]
pub struct Watched {
    /// Name in records of looks; the same as long as the policy says the same.
    pub subject: String,
    /// What is looked at, for readers.
    pub what: String,
    /// Who, in the policy's words.
    pub by: Option<String>,
    /// How often.
    pub every: Length,
}

/// What the policy has people watch, as far as it says how often.
pub fn watched(governance: &Governance) -> Vec<Watched> {
    let Some(monitor) = &governance.monitor else { return Vec::new() };
    let own = governance.roles.as_ref().and_then(|roles| roles.monitor.clone());
    let sources = monitor.watch.iter().filter_map(|watch| {
        let named = watch.sources.join(", ");
        let what = watch.product.as_ref().map_or_else(|| named.clone(), |product| format!("{named} for {product}"));
        Some(Watched { subject: format!("sources: {what}"), what, by: Some(watch.by.clone()), every: watch.every.clone()? })
    });
    let discovery = monitor.discovery_every.iter().map(|every| Watched {
        subject: "discovery".to_owned(),
        what: "hosts that nobody manages".to_owned(),
        by: own.clone(),
        every: every.clone(),
    });
    sources.chain(discovery).collect()
}

/// By when it is to be looked at next, since a moment.
pub fn due(set: &PolicySet, watched: &Watched, since: Timestamp) -> Option<Timestamp> {
    watched.every.due(since, &zone(set), false)
}

/// Whether a host was looked at too long ago, by how far it can be reached;
/// none where the policy does not say how often.
pub fn is_late(set: &PolicySet, exposure: Option<Exposure>, looked: Timestamp, now: Timestamp) -> Option<bool> {
    let own = set.policies.first()?;
    let exposure = exposure.or(own.host.exposure).unwrap_or(own.classify.unknown.exposure);
    let every = set.governance.monitor.as_ref()?.scan_every.get(&exposure)?;
    Some(every.due(looked, &zone(set), false).is_some_and(|due| due < now))
}

fn zone(set: &PolicySet) -> TimeZone {
    set.policies.first().map_or(TimeZone::UTC, |own| own.zone.clone())
}
