//! What is told of **states** that nobody writes down as they change: who is
//! silent, which sources are in trouble, which policies are in force. Each is
//! held against what was told last.

use super::super::events::{
    Event, HostNamed, HostsHeard, Kind, LISTED, PolicyChanged, SourceRecovered, SourceTroubled, counted, host_page,
};
use super::client_named;
use crate::app::App;
use crate::fleet::Managed;
use jiff::{SignedDuration, Timestamp};
use plimsoll_core::model::identifier::{ClientId, HostId};
use plimsoll_core::model::registration::{HostSource, HostState};
use plimsoll_store::StoreError;
use std::collections::{BTreeMap, BTreeSet};

/// How the database as a whole is called among sources.
const DATABASE: &str = "advisory database";

/// A host that has not been heard of for long.
struct SilentHost {
    id: HostId,
    client: ClientId,
    name: String,
    last_seen: Timestamp,
}

/// States as they were last told.
#[derive(Default)]
pub(super) struct Told {
    silent: BTreeSet<String>,
    /// Until when due dates were held against the clock.
    pub(super) overdue: Option<Timestamp>,
    sources: BTreeMap<String, BTreeSet<String>>,
    policies: Vec<String>,
}

impl Told {
    /// The present: whoever begins with it tells only of what comes later.
    pub(super) async fn present(app: &App, now: Timestamp) -> Result<Self, StoreError> {
        Ok(Self {
            silent: silent_hosts(app, now).into_iter().map(|host| host.id.to_string()).collect(),
            overdue: Some(now),
            sources: sources(app, now).into_iter().map(|(name, troubles)| (name, troubles.into_keys().collect())).collect(),
            policies: policies(app),
        })
    }

    /// What the last holder of the lease kept.
    pub(super) fn kept(marks: &BTreeMap<String, String>) -> Self {
        fn json<T: serde::de::DeserializeOwned + Default>(text: Option<&String>) -> T {
            text.and_then(|text| serde_json::from_str(text).ok()).unwrap_or_default()
        }
        Self {
            silent: json(marks.get("silent")),
            overdue: json(marks.get("overdue")),
            sources: json(marks.get("sources")),
            policies: json(marks.get("policies")),
        }
    }

    pub(super) fn marks(&self) -> [(&'static str, Option<String>); 4] {
        fn json<T: serde::Serialize>(value: &T) -> Option<String> {
            serde_json::to_string(value).ok()
        }
        [
            ("silent", json(&self.silent)),
            ("overdue", json(&self.overdue)),
            ("sources", json(&self.sources)),
            ("policies", json(&self.policies)),
        ]
    }

    pub(super) async fn tell_silence(&mut self, app: &App, now: Timestamp, events: &mut Vec<Event>) -> Result<(), StoreError> {
        let silent = silent_hosts(app, now);
        let names: BTreeSet<String> = silent.iter().map(|host| host.id.to_string()).collect();
        let mut gone: BTreeMap<ClientId, Vec<HostNamed>> = BTreeMap::new();
        for host in silent.iter().filter(|host| !self.silent.contains(&host.id.to_string())) {
            let named = HostNamed { last_seen: Some(host.last_seen), ..HostNamed::new(host.id, host.name.as_str()) };
            gone.entry(host.client).or_default().push(named);
        }
        let mut back: BTreeMap<ClientId, Vec<HostNamed>> = BTreeMap::new();
        for id in self.silent.difference(&names).filter_map(|id| id.parse::<HostId>().ok()) {
            let fleet = app.fleet.read();
            // Whoever was retired does not come back.
            let active = |managed: &&Managed| managed.registration.state == HostState::Active;
            if let Some(managed) = fleet.host(id).filter(active) {
                let named = HostNamed { last_seen: managed.last_seen(), ..HostNamed::new(id, managed.registration.name.as_str()) };
                back.entry(managed.registration.client).or_default().push(named);
            }
        }
        self.silent = names;
        for (kind, all, what) in [(Kind::HostSilent, gone, "went silent"), (Kind::HostReturned, back, "heard of again")] {
            for (client, mut listed) in all {
                listed.sort_by(|a, b| a.name.cmp(&b.name));
                let hosts = listed.len() as u64;
                listed.truncate(LISTED);
                let text = match (kind, listed.as_slice()) {
                    (Kind::HostSilent, [only]) if hosts == 1 => format!("{} went silent", only.name),
                    (_, [only]) if hosts == 1 => format!("{} is heard of again", only.name),
                    _ => format!("{} {what}", counted(hosts, "host", "hosts")),
                };
                let page = match listed.as_slice() {
                    [only] if hosts == 1 => host_page(&only.id),
                    _ if kind == Kind::HostSilent => "/console/hosts?is=silent".to_owned(),
                    _ => "/console/hosts?sort=-seen".to_owned(),
                };
                let client = client_named(app, client).await?;
                events.push(Event::new(kind, Some(client), now, text, page, &HostsHeard { hosts, listed }));
            }
        }
        Ok(())
    }

    pub(super) fn tell_sources(&mut self, app: &App, now: Timestamp, events: &mut Vec<Event>) {
        let found = sources(app, now);
        if found.is_empty() && app.advisories.held().is_none() {
            return;
        }
        let page = "/console/sources".to_owned();
        let none = BTreeSet::new();
        for (source, troubles) in &found {
            let before = self.sources.get(source).unwrap_or(&none);
            if troubles.keys().any(|kind| !before.contains(kind)) {
                let (kinds, texts): (Vec<_>, Vec<_>) = troubles.clone().into_iter().unzip();
                let text = format!("{source}: {}", kinds.join(", "));
                let data = SourceTroubled { source: source.clone(), troubles: kinds, texts };
                events.push(Event::new(Kind::SourceTroubled, None, now, text, page.clone(), &data).about(source.as_str()));
            }
        }
        for source in self.sources.keys().filter(|source| !found.contains_key(*source)) {
            let data = SourceRecovered { source: source.clone() };
            let text = format!("{source} is sound again");
            events.push(Event::new(Kind::SourceRecovered, None, now, text, page.clone(), &data).about(source.as_str()));
        }
        self.sources = found.into_iter().map(|(name, troubles)| (name, troubles.into_keys().collect())).collect();
    }

    pub(super) fn tell_policies(&mut self, app: &App, now: Timestamp, events: &mut Vec<Event>) {
        let after = policies(app);
        if after != self.policies {
            let before = std::mem::replace(&mut self.policies, after.clone());
            let text = format!("in force now: {}; before: {}", after.join(", "), before.join(", "));
            events.push(Event::new(Kind::PolicyChanged, None, now, text, "/console/policy".to_owned(), &PolicyChanged { before, after }));
        }
    }
}

/// Hosts that have not been heard of, neither by any server's batch nor here.
/// Agents' hosts that were heard of once and not for long, sorted by id. What
/// other servers hear of is in memory half a minute later.
fn silent_hosts(app: &App, now: Timestamp) -> Vec<SilentHost> {
    let limit = SignedDuration::from_secs(i64::from(app.configuration.silence_seconds));
    let before = now.checked_sub(limit).unwrap_or(Timestamp::MIN);
    let fleet = app.fleet.read();
    let silent = fleet.hosts().filter_map(|managed| {
        let host = &managed.registration;
        let asked = host.state == HostState::Active && host.source == HostSource::Agent;
        let last_seen = managed.presence.seen().filter(|seen| asked && *seen < before)?;
        Some(SilentHost { id: host.id, client: host.client, name: host.name.clone(), last_seen })
    });
    let mut silent: Vec<SilentHost> = silent.collect();
    silent.sort_by_key(|host| host.id);
    silent
}

/// Sources in trouble: what kinds of it, and what each says.
fn sources(app: &App, now: Timestamp) -> BTreeMap<String, BTreeMap<String, String>> {
    let limit = app.policy().max_feed_age.seconds();
    let mut found: BTreeMap<String, BTreeMap<String, String>> = BTreeMap::new();
    for source in app.advisories.held().map_or_else(Vec::new, |held| held.sources(now, limit)) {
        for warning in source.warnings {
            let kind = serde_json::to_value(warning.kind).ok().and_then(|word| word.as_str().map(str::to_owned)).unwrap_or_default();
            found.entry(source.name.clone()).or_default().insert(kind, warning.text);
        }
    }
    if let Some(problem) = app.advisories.trouble() {
        found.entry(DATABASE.to_owned()).or_default().insert("refused".to_owned(), format!("{}: {}", problem.code, problem.text));
    }
    found
}

fn policies(app: &App) -> Vec<String> {
    app.policy().in_force().into_iter().map(|policy| format!("{} {}", policy.id, policy.version)).collect()
}
