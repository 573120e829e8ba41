//! What people watch, how often, and what was not looked at in time.

use crate::model::policy::governance::{Cycle, Governance};
use crate::model::policy::{Exposure, Length, PolicySet};
use jiff::civil::Date;
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};

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

/// Sources that the policy names and an advisory database does not hold, by the
/// names of those that it holds.
pub fn missing<'a>(governance: &'a Governance, held: &[String]) -> Vec<&'a str> {
    let listed = governance.monitor.iter().flat_map(|monitor| monitor.sources.iter().flatten());
    let watched = governance.monitor.iter().flat_map(|monitor| &monitor.watch).flat_map(|watch| &watch.sources);
    let mut missing: Vec<&str> = listed.chain(watched).map(String::as_str).filter(|source| !held.iter().any(|name| is(source, name))).collect();
    missing.sort_unstable();
    missing.dedup();
    missing
}

/// Whether the policy's word for a source means one of this name.
fn is(word: &str, name: &str) -> bool {
    let (kind, which) = word.split_once(':').unwrap_or((word, "*"));
    let first = name.split('/').next().unwrap_or_default();
    let of_kind = match kind {
        "*" => true,
        "advisories" => first == "typed",
        "alpine" => first == "alpine-secdb",
        "debian" => first == "debian-tracker",
        "endoflife" => ["endoflife", "distro-info", "debian-security-support"].contains(&first),
        "feeds" => first == "feed",
        "vendor" => ["alpine-secdb", "csaf", "debian-tracker", "nodejs-wg", "ubuntu", "updateinfo"].contains(&first),
        "vulnrichment" => first == "cve",
        kind => first == kind,
    };
    of_kind && (which == "*" || name.to_ascii_lowercase().contains(&which.to_ascii_lowercase()))
}

/// A day of routine patching that people are told of by now.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Ahead {
    /// The cycle.
    pub cycle: String,
    /// Its next day, today among them.
    pub day: Date,
    /// Whether the time to tell has come.
    pub near: bool,
}

/// The next day of each cycle that the policy has people told of beforehand.
pub fn ahead(set: &PolicySet, now: Timestamp) -> Vec<Ahead> {
    let zone = zone(set);
    let today = now.to_zoned(zone.clone()).date();
    let one = |cycle: &Cycle| {
        let lead = SignedDuration::from_secs(cycle.lead_notice.as_ref()?.nominal_seconds());
        let day = cycle.days(today, 1).into_iter().next()?;
        let begins = day.to_zoned(zone.clone()).ok()?.timestamp();
        Some(Ahead { cycle: cycle.name(), day, near: begins.checked_sub(lead).is_ok_and(|from| from <= now) })
    };
    set.governance.cycles.iter().filter_map(one).collect()
}

fn zone(set: &PolicySet) -> TimeZone {
    set.policies.first().map_or(TimeZone::UTC, |own| own.zone.clone())
}
