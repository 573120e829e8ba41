//! **Publishing**: turns what changed into events and puts them into the
//! outbox, on the one server that holds the lease.
//!
//! Changes that somebody or something made are read from the evidence log, in
//! its order and without a gap; what only time or the world outside changes
//! (silence, due dates, sources, policies) is held against what was told
//! last. How far it came commits with the messages, so that a server killed
//! anywhere neither loses an event nor tells it twice.

use super::events::{
    AdvisoryAffects, AdvisoryChange, AdvisoryOverdue, AlertRaised, Changed, ClientNamed, Event, FindingsChanged, FindingsOverdue, HostMarked,
    HostNamed, HostsHeard, Kind, LISTED, PolicyChanged, SourceRecovered, SourceTroubled, advisory_page, counted, host_page,
};
use crate::app::{App, Shared};
use crate::fleet::State;
use crate::phases::evaluate::{Cause, UPDATE};
use jiff::{SignedDuration, Timestamp};
use plimsoll_core::knowledge::Knowledge;
use plimsoll_core::model::advisory::Rating;
use plimsoll_core::model::identifier::{ClientId, HostId};
use plimsoll_core::model::problem::Problem;
use plimsoll_store::StoreError;
use plimsoll_store::deliveries::Message;
use plimsoll_store::evidence::reading::Entry;
use data_encoding::HEXLOWER;
use plimsoll_store::identifier::{fresh, random};
use plimsoll_store::leases::Lease;
use plimsoll_store::notices::{Issue, SilentHost};
use plimsoll_store::webhooks::{Channel, Webhook};
use serde_json::Value;
use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::Ordering;
use tokio::sync::watch;

const LEASE: &str = "notices";
/// A server that dies is followed by another after this.
const LEASE_LENGTH: SignedDuration = SignedDuration::from_secs(30);
/// Renewed when this much is left, not at each look.
const LEASE_LEFT: SignedDuration = SignedDuration::from_secs(15);
/// Entries of the log that are read at a time.
const ENTRIES: u32 = 1_000;
/// Entries without news after which the place is kept anyway.
const KEEP_PLACE: u64 = 5_000;
/// Components that one event names.
const COMPONENTS: usize = 20;
/// How the database as a whole is called among sources.
const DATABASE: &str = "advisory database";

/// Publishes until the server stops.
pub async fn run(app: Shared, mut stopped: watch::Receiver<bool>) {
    let Ok(name) = random::<8>() else {
        return tracing::error!("this machine has no randomness to give: no notices are put in");
    };
    let mut publisher = Publisher::new(format!("{}:{}", app.url, HEXLOWER.encode(&name)));
    loop {
        if let Err(error) = publisher.look(&app).await {
            tracing::warn!(code = error.problem.code, "notices are not put in and will be tried again: {}", error.problem.text);
            publisher.forget();
        }
        tokio::select! {
            () = tokio::time::sleep(app.notices.pace.look) => {}
            _ = stopped.wait_for(|stopped| *stopped) => break,
        }
    }
    if let Some(lease) = publisher.lease {
        let _ = app.store.release_lease(&lease).await;
    }
}

/// What changed under one client since events were last put in.
#[derive(Default)]
struct Changes {
    /// Hosts and numbers of findings that opened, by advisory.
    opened: BTreeMap<String, (BTreeSet<HostId>, u64)>,
    /// Of those hosts, the ones on which the database and not the host
    /// changed.
    news: BTreeMap<String, BTreeSet<HostId>>,
    /// Numbers of findings that closed, by advisory.
    closed: BTreeMap<String, u64>,
    hosts: BTreeSet<HostId>,
}

/// What was read and not put in yet.
#[derive(Default)]
struct Gathered {
    /// The next entry to be read.
    next: u64,
    /// The entry from which it was read.
    from: u64,
    changes: BTreeMap<ClientId, Changes>,
    events: Vec<Event>,
    first: Option<Timestamp>,
    last: Option<Timestamp>,
}

/// States as they were last told.
#[derive(Default)]
struct Told {
    silent: BTreeSet<String>,
    overdue: Option<Timestamp>,
    sources: BTreeMap<String, BTreeSet<String>>,
    policies: Vec<String>,
}

/// The reconciler.
pub(crate) struct Publisher {
    holder: String,
    started: Timestamp,
    lease: Option<Lease>,
    gathered: Option<Gathered>,
    told: Told,
    states: Option<Timestamp>,
    idle: bool,
}

impl Publisher {
    pub(crate) fn new(holder: String) -> Self {
        Self { holder, started: Timestamp::now(), lease: None, gathered: None, told: Told::default(), states: None, idle: false }
    }

    /// Forgets what was read: the store says how far it came.
    fn forget(&mut self) {
        (self.lease, self.gathered) = (None, None);
    }

    /// One look.
    pub(crate) async fn look(&mut self, app: &Shared) -> Result<(), StoreError> {
        let now = Timestamp::now();
        let mut targets = app.store.webhooks(&plimsoll_store::Scope::All).await?;
        targets.retain(|target| target.enabled);
        if targets.is_empty() && self.idle {
            return Ok(());
        }
        if !self.hold(app, now).await? {
            return Ok(());
        }
        let Some(lease) = self.lease.clone() else { return Ok(()) };
        self.idle = targets.is_empty();
        if self.idle {
            // Whoever comes first hears of what happens from then on.
            self.gathered = None;
            let marks = ["position", "silent", "overdue", "sources", "policies"].map(|name| (name, None)).to_vec();
            return app.store.issue(&lease, now, &Issue { marks, ..Issue::default() }).await;
        }
        let mut marks = Vec::new();
        let mut gathered = match self.gathered.take() {
            Some(gathered) => gathered,
            None => self.take_up(app, &mut marks).await?,
        };
        read(app, &mut gathered, now).await?;
        let mut events = Vec::new();
        let mut told = Vec::new();
        if gathered.settled(app, now) {
            let position = gathered.next;
            let place_is_far = position - gathered.from >= KEEP_PLACE;
            for (client, changes) in std::mem::take(&mut gathered.changes) {
                tell_findings(app, client, changes, now, &mut events, &mut told).await?;
            }
            events.append(&mut gathered.events);
            if place_is_far || !events.is_empty() {
                marks.push(("position", Some(position.to_string())));
            }
            gathered = Gathered { next: position, from: if events.is_empty() && !place_is_far { gathered.from } else { position }, ..Gathered::default() };
        }
        if self.states.is_none_or(|last| now.duration_since(last) >= app.notices.pace.states) {
            self.states = Some(now);
            self.tell_states(app, now, &mut events, &mut marks).await?;
        }
        let messages = addressed(app, &events, &targets, now)?;
        if !messages.is_empty() || !marks.is_empty() || !told.is_empty() {
            let forget = now.checked_sub(app.notices.pace.once).ok();
            app.store.issue(&lease, now, &Issue { messages, marks, told, forget }).await?;
            app.notices.wake.notify_one();
        }
        self.gathered = Some(gathered);
        Ok(())
    }

    async fn hold(&mut self, app: &App, now: Timestamp) -> Result<bool, StoreError> {
        if self.lease.as_ref().is_some_and(|lease| lease.until.duration_since(now) > LEASE_LEFT) {
            return Ok(true);
        }
        if self.lease.is_none() {
            // Whoever waits for the lease looks and does not write.
            let held = app.store.lease(LEASE).await?;
            if held.is_some_and(|lease| lease.holder != self.holder && lease.until > now) {
                return Ok(false);
            }
        }
        let taken = app.store.take_lease(LEASE, &self.holder, now, LEASE_LENGTH).await?;
        if taken.as_ref().map(|lease| lease.token) != self.lease.as_ref().map(|lease| lease.token) {
            self.gathered = None;
        }
        self.lease = taken;
        Ok(self.lease.is_some())
    }

    /// Goes on where the last holder ended, or begins with the present.
    async fn take_up(&mut self, app: &App, marks: &mut Vec<(&'static str, Option<String>)>) -> Result<Gathered, StoreError> {
        let kept = app.store.notice_marks().await?;
        self.states = None;
        let Some(position) = kept.get("position").and_then(|text| text.parse().ok()) else {
            let now = Timestamp::now();
            // What waits to be integrated happened before as well; counted in
            // this order, nothing that comes later is passed over.
            let size = app.store.log().await?.size;
            let position = size + app.store.pending_leaves().await?;
            self.told = Told {
                silent: silent_hosts(app, now).await?.into_iter().map(|host| host.id.to_string()).collect(),
                overdue: Some(now),
                sources: sources(app, now).into_iter().map(|(name, troubles)| (name, troubles.into_keys().collect())).collect(),
                policies: policies(app),
            };
            marks.push(("position", Some(position.to_string())));
            marks.extend(self.told.marks());
            return Ok(Gathered { next: position, from: position, ..Gathered::default() });
        };
        fn json<T: serde::de::DeserializeOwned + Default>(text: Option<&String>) -> T {
            text.and_then(|text| serde_json::from_str(text).ok()).unwrap_or_default()
        }
        self.told = Told {
            silent: json(kept.get("silent")),
            overdue: json(kept.get("overdue")),
            sources: json(kept.get("sources")),
            policies: json(kept.get("policies")),
        };
        Ok(Gathered { next: position, from: position, ..Gathered::default() })
    }

    async fn tell_states(
        &mut self,
        app: &Shared,
        now: Timestamp,
        events: &mut Vec<Event>,
        marks: &mut Vec<(&'static str, Option<String>)>,
    ) -> Result<(), StoreError> {
        let before = events.len();
        // A server that was down knows of nobody: hosts get time to speak.
        if now.duration_since(self.started) >= app.notices.pace.grace {
            self.tell_silence(app, now, events).await?;
        }
        // While hosts are not judged their due dates are not known.
        if !app.notices.judging.load(Ordering::Acquire) {
            let since = self.told.overdue.replace(now).unwrap_or(now);
            tell_overdue(app, since, now, events).await?;
        }
        self.tell_sources(app, now, events);
        self.tell_policies(app, now, events);
        if events.len() > before {
            marks.extend(self.told.marks());
        }
        Ok(())
    }

    async fn tell_silence(&mut self, app: &App, now: Timestamp, events: &mut Vec<Event>) -> Result<(), StoreError> {
        let silent = silent_hosts(app, now).await?;
        let names: BTreeSet<String> = silent.iter().map(|host| host.id.to_string()).collect();
        let mut gone: BTreeMap<ClientId, Vec<HostNamed>> = BTreeMap::new();
        for host in silent.iter().filter(|host| !self.told.silent.contains(&host.id.to_string())) {
            let named = HostNamed { last_seen: Some(host.last_seen), ..HostNamed::new(host.id, host.name.as_str()) };
            gone.entry(host.client).or_default().push(named);
        }
        let mut back: BTreeMap<ClientId, Vec<HostNamed>> = BTreeMap::new();
        for id in self.told.silent.difference(&names).filter_map(|id| id.parse::<HostId>().ok()) {
            let fleet = app.fleet.read();
            // Whoever was retired does not come back.
            let active = |managed: &&crate::fleet::Managed| managed.registration.state == plimsoll_core::model::registration::HostState::Active;
            if let Some(managed) = fleet.host(id).filter(active) {
                let named = HostNamed { last_seen: managed.last_seen(), ..HostNamed::new(id, managed.registration.name.as_str()) };
                back.entry(managed.registration.client).or_default().push(named);
            }
        }
        self.told.silent = names;
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

    fn tell_sources(&mut self, app: &App, now: Timestamp, events: &mut Vec<Event>) {
        let found = sources(app, now);
        if found.is_empty() && app.advisories.held().is_none() {
            return;
        }
        let page = "/console/sources".to_owned();
        let none = BTreeSet::new();
        for (source, troubles) in &found {
            let before = self.told.sources.get(source).unwrap_or(&none);
            if troubles.keys().any(|kind| !before.contains(kind)) {
                let (kinds, texts): (Vec<_>, Vec<_>) = troubles.clone().into_iter().unzip();
                let text = format!("{source}: {}", kinds.join(", "));
                let data = SourceTroubled { source: source.clone(), troubles: kinds, texts };
                events.push(Event::new(Kind::SourceTroubled, None, now, text, page.clone(), &data).about(source.as_str()));
            }
        }
        for source in self.told.sources.keys().filter(|source| !found.contains_key(*source)) {
            let data = SourceRecovered { source: source.clone() };
            let text = format!("{source} is sound again");
            events.push(Event::new(Kind::SourceRecovered, None, now, text, page.clone(), &data).about(source.as_str()));
        }
        self.told.sources = found.into_iter().map(|(name, troubles)| (name, troubles.into_keys().collect())).collect();
    }

    fn tell_policies(&mut self, app: &App, now: Timestamp, events: &mut Vec<Event>) {
        let after = policies(app);
        if after != self.told.policies {
            let before = std::mem::replace(&mut self.told.policies, after.clone());
            let text = format!("in force now: {}; before: {}", after.join(", "), before.join(", "));
            events.push(Event::new(Kind::PolicyChanged, None, now, text, "/console/policy".to_owned(), &PolicyChanged { before, after }));
        }
    }
}

impl Told {
    fn marks(&self) -> [(&'static str, Option<String>); 4] {
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
}

impl Gathered {
    /// Whether what was read can be told: changes of findings come in storms,
    /// and one event is to stand for one storm.
    fn settled(&self, app: &App, now: Timestamp) -> bool {
        let pace = &app.notices.pace;
        let quiet = match self.last {
            None => true,
            // While hosts are judged, more of the same is on its way.
            Some(last) => now.duration_since(last) >= pace.settle && !app.notices.judging.load(Ordering::Acquire),
        };
        quiet || self.first.is_some_and(|first| now.duration_since(first) >= pace.longest_settle)
    }
}

/// Reads the log on from where it was read to.
async fn read(app: &Shared, gathered: &mut Gathered, now: Timestamp) -> Result<(), StoreError> {
    loop {
        let entries = app.store.changes_since(gathered.next, ENTRIES).await?;
        let number = entries.len();
        for entry in entries {
            gathered.next = entry.position.unwrap_or(gathered.next) + 1;
            take(app, gathered, &entry, now).await?;
        }
        if number < ENTRIES as usize {
            return Ok(());
        }
    }
}

async fn take(app: &Shared, gathered: &mut Gathered, entry: &Entry, now: Timestamp) -> Result<(), StoreError> {
    if let Some(alert) = raised(entry) {
        let text = format!("{}: {}", alert.alert, alert.object);
        let event = Event::new(Kind::AlertRaised, None, entry.time, text, "/console/activity".to_owned(), &alert);
        gathered.events.push(event.about(alert.object.as_str()));
    }
    let verb = entry.verb.as_str();
    match verb {
        "host.flag" | "host.enrol" => {
            if let Some(event) = marked(app, entry).await? {
                gathered.events.push(event);
            }
        }
        _ if verb == "host.report" || Cause::parse(verb).is_some() => {
            let Some(host) = entry.object.strip_prefix("host:").and_then(|id| id.parse::<HostId>().ok()) else { return Ok(()) };
            let count = |name| entry.after.as_ref().and_then(|after| after.pointer(&format!("/findings/{name}"))).and_then(Value::as_u64).unwrap_or(0);
            if count("opened") + count("closed") == 0 {
                return Ok(());
            }
            let known = app.fleet.read().host(host).map(|managed| managed.registration.client);
            let client = match known.or(entry.client) {
                Some(client) => client,
                None => app.store.host(host).await?.client,
            };
            let news = Cause::parse(verb) == Some(Cause::Advisories);
            for transition in app.store.transitions_at(host, entry.time).await? {
                let changes = gathered.changes.entry(client).or_default();
                for key in transition.opened.iter().filter(|key| key.advisory != UPDATE) {
                    let (hosts, number) = changes.opened.entry(key.advisory.clone()).or_default();
                    hosts.insert(host);
                    *number += 1;
                    changes.hosts.insert(host);
                    if news {
                        changes.news.entry(key.advisory.clone()).or_default().insert(host);
                    }
                }
                for key in transition.closed.iter().filter(|key| key.advisory != UPDATE) {
                    *changes.closed.entry(key.advisory.clone()).or_default() += 1;
                    changes.hosts.insert(host);
                }
            }
            if gathered.changes.get(&client).is_some_and(|changes| changes.hosts.is_empty()) {
                gathered.changes.remove(&client);
            } else if gathered.changes.contains_key(&client) {
                gathered.first.get_or_insert(now);
                gathered.last = Some(now);
            }
        }
        "person.recovery-code-use" => {}
        _ => {
            let kind = match verb.split_once('.').map(|(noun, _)| noun) {
                Some("person") => Kind::PeopleChanged,
                Some("token" | "enrolment-token") => Kind::TokenChanged,
                _ => return Ok(()),
            };
            let (act, object, actor) = (entry.verb.clone(), entry.object.clone(), entry.actor.clone());
            let text = format!("{act} on {object} by {actor}");
            let data = Changed { act, object, actor, position: entry.position.unwrap_or_default() };
            gathered.events.push(Event::new(kind, None, entry.time, text, "/console/activity".to_owned(), &data).about(entry.object.as_str()));
        }
    }
    Ok(())
}

/// An alert that an entry raised for the first time.
fn raised(entry: &Entry) -> Option<AlertRaised> {
    entry.after.as_ref()?.as_object()?.iter().find_map(|(object, state)| {
        let (alert, about) = object.strip_prefix("alert:")?.split_once(':')?;
        (state.get("times")?.as_u64()? == 1).then(|| AlertRaised { alert: alert.to_owned(), object: about.to_owned() })
    })
}

/// A host that was flagged, or that waits for a person.
async fn marked(app: &App, entry: &Entry) -> Result<Option<Event>, StoreError> {
    let state = entry.after.as_ref().and_then(|after| after.get(&entry.object));
    let field = |name: &str| state.and_then(|state| state.get(name)).and_then(Value::as_str);
    let reason = field("flag").unwrap_or_default().to_owned();
    let waits = entry.verb == "host.enrol";
    if waits && field("state") != Some("pending") || !waits && reason.is_empty() {
        return Ok(None);
    }
    let Some(id) = entry.object.strip_prefix("host:").and_then(|id| id.parse::<HostId>().ok()) else { return Ok(None) };
    let host = app.store.host(id).await?;
    let client = client_named(app, host.client).await?;
    let named = HostNamed::new(id, host.name);
    let (kind, text, page) = if waits {
        (Kind::EnrolmentWaiting, format!("{} waits to be admitted", named.name), "/console/enrolment".to_owned())
    } else {
        (Kind::HostFlagged, format!("{} was flagged: {reason}", named.name), host_page(&named.id))
    };
    let about = named.id.clone();
    Ok(Some(Event::new(kind, Some(client), entry.time, text, page, &HostMarked { host: named, reason }).about(about)))
}

/// What is told of findings that opened and closed under one client.
async fn tell_findings(
    app: &Shared,
    client: ClientId,
    changes: Changes,
    now: Timestamp,
    events: &mut Vec<Event>,
    told: &mut Vec<(ClientId, String)>,
) -> Result<(), StoreError> {
    let named = client_named(app, client).await?;
    let all: Vec<String> = changes.news.keys().cloned().collect();
    let known = app.store.told(client, &all).await?;
    let judging = app.notices.judging.load(Ordering::Acquire);
    let shared = Shared::clone(app);
    let described = app
        .compute(move || {
            let mut told = Vec::new();
            let mut described = Vec::new();
            for (advisory, hosts) in changes.news.iter().filter(|(advisory, _)| !known.contains(*advisory)) {
                described.push(affects(&shared, client, &named, advisory, hosts, judging, now));
                told.push((client, advisory.clone()));
            }
            described.sort_by_cached_key(|(rating, event)| (Reverse(*rating), event.subject.clone()));
            let changed = changed(&shared.fleet.read(), named, &changes, now);
            Ok((described, told, changed))
        })
        .await;
    let (described, newly, changed) = described.map_err(died)?;
    events.extend(described.into_iter().map(|(_, event)| event));
    events.push(changed);
    told.extend(newly);
    Ok(())
}

fn died(problem: Problem) -> StoreError {
    StoreError::unavailable("E-JUDGE", problem.place, problem.text)
}

fn affects(
    app: &App,
    client: ClientId,
    named: &ClientNamed,
    advisory: &str,
    hosts: &BTreeSet<HostId>,
    judging: bool,
    now: Timestamp,
) -> (Rating, Event) {
    let fleet = app.fleet.read();
    let name = fleet.names.find(advisory);
    let card = name.and_then(|name| fleet.card(name)).cloned().unwrap_or_default();
    let (mut fix_available, mut due) = (0, None::<i64>);
    let mut components = BTreeSet::new();
    let mut listed: Vec<HostNamed> = Vec::new();
    for id in hosts {
        let Some(managed) = fleet.host(*id) else { continue };
        listed.push(HostNamed::new(*id, managed.registration.name.as_str()));
        let (Some(judged), Some(name)) = (&managed.judged, name) else { continue };
        let start = judged.findings.partition_point(|open| open.advisory < name);
        let own = judged.findings.iter().skip(start).take_while(|open| open.advisory == name);
        let mut fixed = false;
        for open in own {
            fixed |= open.fix == Some(true);
            due = due.into_iter().chain(open.due()).min();
            if components.len() < COMPONENTS {
                components.insert(fleet.names.text(open.component).to_owned());
            }
        }
        fix_available += u64::from(fixed);
    }
    listed.sort_by(|a, b| a.name.cmp(&b.name));
    listed.truncate(LISTED);
    let hosts_by_version = by_version(app, &fleet, client, advisory);
    drop(fleet);
    let data = AdvisoryAffects {
        advisory: advisory.to_owned(),
        aliases: card.aliases,
        summary: card.summary,
        severity: card.rating.as_str().to_owned(),
        exploited: card.exploited,
        hosts: hosts.len() as u64,
        fix_available,
        hosts_by_version,
        judging,
        listed,
        components: components.into_iter().collect(),
        due: due.and_then(|due| Timestamp::from_second(due).ok()),
    };
    let exploited = if data.exploited { ", known to be exploited" } else { "" };
    let text = format!("{advisory} ({}{exploited}) affects {}", data.severity, counted(data.hosts, "host", "hosts"));
    let event = Event::new(Kind::AdvisoryAffects, Some(named.clone()), now, text, advisory_page(advisory), &data);
    (card.rating, event.about(advisory))
}

/// Hosts of a client whose installed versions an advisory names.
fn by_version(app: &App, fleet: &State, client: ClientId, advisory: &str) -> Option<u64> {
    let held = app.advisories.held()?;
    let mut hosts = roaring::RoaringBitmap::new();
    for number in held.database.advisories_named(advisory).ok()? {
        hosts |= fleet.index.affected(&held.database, number).ok()?;
    }
    Some(fleet.of_client(client).map_or(0, |own| own.intersection_len(&hosts)))
}

fn rating(fleet: &State, advisory: &str) -> Rating {
    fleet.names.find(advisory).and_then(|name| fleet.card(name)).map(|card| card.rating).unwrap_or_default()
}

fn changed(fleet: &State, client: ClientNamed, changes: &Changes, now: Timestamp) -> Event {
    let names: BTreeSet<&String> = changes.opened.keys().chain(changes.closed.keys()).collect();
    let mut rows: Vec<(Rating, AdvisoryChange)> = names
        .into_iter()
        .map(|advisory| {
            let rating = rating(fleet, advisory);
            let opened = changes.opened.get(advisory).map_or(0, |(_, number)| *number);
            let closed = changes.closed.get(advisory).copied().unwrap_or(0);
            (rating, AdvisoryChange { advisory: advisory.clone(), severity: rating.as_str().to_owned(), opened, closed })
        })
        .collect();
    rows.sort_by(|(a, left), (b, right)| b.cmp(a).then_with(|| left.advisory.cmp(&right.advisory)));
    let advisories = rows.len() as u64;
    let data = FindingsChanged {
        opened: changes.opened.values().map(|(_, number)| number).sum(),
        closed: changes.closed.values().sum(),
        hosts: changes.hosts.len() as u64,
        advisories,
        listed: rows.into_iter().take(LISTED).map(|(_, row)| row).collect(),
    };
    let hosts = counted(data.hosts, "host", "hosts");
    let text = format!("{} opened, {} closed on {hosts}", counted(data.opened, "finding", "findings"), data.closed);
    Event::new(Kind::FindingsChanged, Some(client), now, text, "/console/findings".to_owned(), &data)
}

/// Tells of findings whose due date has passed since the last look.
async fn tell_overdue(app: &Shared, since: Timestamp, now: Timestamp, events: &mut Vec<Event>) -> Result<(), StoreError> {
    type Late = BTreeMap<ClientId, (u64, BTreeSet<HostId>, BTreeMap<String, u64>)>;
    let shared = Shared::clone(app);
    let found = app.compute(move || {
        let fleet = shared.fleet.read();
        let (from, to) = (since.as_second(), now.as_second());
        let mut late = Late::new();
        for managed in fleet.hosts() {
            let Some(judged) = managed.judged.as_ref().filter(|_| managed.counts.overdue > 0 || managed.counts.next_due.is_some()) else { continue };
            let mut last = None;
            for open in judged.findings.iter().filter(|open| open.due().is_some_and(|due| (from..to).contains(&due))) {
                let (findings, hosts, advisories) = late.entry(managed.registration.client).or_default();
                *findings += 1;
                hosts.insert(managed.registration.id);
                // Findings are in the order of advisories.
                if last != Some(open.advisory) {
                    *advisories.entry(fleet.names.text(open.advisory).to_owned()).or_default() += 1;
                    last = Some(open.advisory);
                }
            }
        }
        let rated = |rows: BTreeMap<String, u64>| {
            let mut rows: Vec<_> = rows.into_iter().map(|(advisory, hosts)| (rating(&fleet, &advisory), advisory, hosts)).collect();
            rows.sort_by(|a, b| b.0.cmp(&a.0).then_with(|| a.1.cmp(&b.1)));
            rows
        };
        Ok(late.into_iter().map(|(client, (findings, hosts, rows))| (client, findings, hosts.len() as u64, rated(rows))).collect::<Vec<_>>())
    });
    for (client, findings, hosts, rows) in found.await.map_err(died)? {
        let advisories = rows.len() as u64;
        let listed = rows
            .into_iter()
            .take(LISTED)
            .map(|(rating, advisory, hosts)| AdvisoryOverdue { advisory, severity: rating.as_str().to_owned(), hosts })
            .collect();
        let data = FindingsOverdue { findings, hosts, advisories, listed };
        let text = format!("{} overdue since now, on {}", counted(findings, "finding is", "findings are"), counted(hosts, "host", "hosts"));
        let client = client_named(app, client).await?;
        events.push(Event::new(Kind::FindingsOverdue, Some(client), now, text, "/console/findings?due=overdue".to_owned(), &data));
    }
    Ok(())
}

/// Hosts that have not been heard of, neither by any server's batch nor here.
async fn silent_hosts(app: &App, now: Timestamp) -> Result<Vec<SilentHost>, StoreError> {
    let limit = SignedDuration::from_secs(i64::from(app.configuration.silence_seconds));
    let before = now.checked_sub(limit).unwrap_or(Timestamp::MIN);
    let mut silent = app.store.hosts_unheard_since(before).await?;
    let fleet = app.fleet.read();
    silent.retain(|host| fleet.host(host.id).and_then(|managed| managed.presence.seen()).is_none_or(|seen| seen < before));
    Ok(silent)
}

/// Sources in trouble: what kinds of it, and what each says.
fn sources(app: &App, now: Timestamp) -> BTreeMap<String, BTreeMap<String, String>> {
    let limit = app.configuration.policies.max_feed_age.seconds();
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
    app.configuration.policies.in_force().into_iter().map(|policy| format!("{} {}", policy.id, policy.version)).collect()
}

async fn client_named(app: &App, id: ClientId) -> Result<ClientNamed, StoreError> {
    Ok(ClientNamed { id: id.to_string(), name: app.store.client(id).await?.name })
}

/// Events as messages, one for each target that gets them.
fn addressed(app: &App, events: &[Event], targets: &[Webhook], now: Timestamp) -> Result<Vec<Message>, StoreError> {
    let mut messages = Vec::new();
    for event in events {
        let id = HostId::from_bits(fresh(now)?).to_string();
        let body = match event.written(&id, &app.url) {
            Ok(body) => body,
            Err(error) => {
                tracing::error!(kind = event.kind.word(), "an event cannot be written: {error}");
                continue;
            }
        };
        for target in targets.iter().filter(|target| event.concerns(target.client, &target.events)) {
            let due = match target.channel {
                Channel::Webhook => now,
                Channel::Mail => now.checked_add(app.notices.pace.digest).unwrap_or(now),
            };
            messages.push(Message {
                channel: target.channel.word().to_owned(),
                target: target.id.to_string(),
                client: target.client,
                event: event.kind.word().to_owned(),
                body: body.clone(),
                due,
            });
        }
    }
    Ok(messages)
}
