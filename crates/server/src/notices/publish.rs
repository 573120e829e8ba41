//! **Publishing**: turns what changed into events and puts them into the
//! outbox, on the one server that holds the lease.
//!
//! Changes that somebody or something made are read from the evidence log, in
//! its order and without a gap; what only time or the world outside changes
//! (silence, due dates, sources, policies) is held against what was told
//! last. How far it came commits with the messages, so that a server killed
//! anywhere neither loses an event nor tells it twice.

mod escalation;
mod findings;
mod people;
mod questions;
mod rollouts;
mod states;

pub use people::{Telling, unreached};
pub use rollouts::downtime_of;

use super::events::{AlertRaised, Changed, ClientNamed, Event, HostMarked, HostNamed, Kind, ReportMade, host_page};
use crate::app::{App, Shared};
use crate::phases::evaluate::{Cause, UPDATE};
use data_encoding::HEXLOWER;
use findings::{tell_findings, tell_overdue};
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};
use plimsoll_core::model::identifier::{ClientId, HostId};
use plimsoll_core::operations::escalation::{MEMORY, since};
use plimsoll_core::operations::telling::leaves;
use plimsoll_core::phases::deploy::Wanted;
use plimsoll_store::StoreError;
use plimsoll_store::deliveries::Message;
use plimsoll_store::evidence::reading::Entry;
use plimsoll_store::identifier::{fresh, random};
use plimsoll_store::leases::Lease;
use plimsoll_store::notices::Issue;
use plimsoll_store::transitions::{FindingKey, Transition};
use plimsoll_store::webhooks::{Channel, Webhook};
use serde_json::Value;
use states::Told;
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
/// Between two times that what was told long ago is forgotten.
const PRUNE: SignedDuration = SignedDuration::from_hours(1);
/// Subjects that are forgotten at a time.
const FORGOTTEN: u32 = 10_000;
/// Entries without news after which the place is kept anyway.
const KEEP_PLACE: u64 = 5_000;

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

/// The reconciler.
pub(crate) struct Publisher {
    holder: String,
    started: Timestamp,
    lease: Option<Lease>,
    gathered: Option<Gathered>,
    told: Told,
    rollouts: rollouts::Rollouts,
    escalation: escalation::Escalation,
    states: Option<Timestamp>,
    pruned: Option<Timestamp>,
    idle: bool,
}

impl Publisher {
    pub(crate) fn new(holder: String) -> Self {
        Self { holder, started: Timestamp::now(), lease: None, gathered: None, told: Told::default(), rollouts: rollouts::Rollouts::default(), escalation: escalation::Escalation::default(), states: None, pruned: None, idle: false }
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
        let nobody = targets.is_empty() && !people::are_told(app);
        if nobody && self.idle {
            return Ok(());
        }
        if !self.hold(app, now).await? {
            return Ok(());
        }
        let Some(lease) = self.lease.clone() else { return Ok(()) };
        self.idle = nobody;
        if self.idle {
            // Whoever comes first hears of what happens from then on.
            self.gathered = None;
            let marks = ["position", "silent", "overdue", "sources", "policies", "telling"].map(|name| (name, None)).to_vec();
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
        let (mut once, mut rungs, mut over) = (Vec::new(), Vec::new(), Vec::new());
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
            self.rollouts.tell(app, now, &mut events, &mut once).await?;
            // While hosts are not judged their due dates are not known.
            if !app.notices.judging.load(Ordering::Acquire) {
                let since = since(self.rollouts.since.unwrap_or(now), now);
                self.escalation.tell(app, since, now, &mut events, &mut once).await?;
            }
            people::call(app, now, &mut events, &mut rungs).await?;
            if self.pruned.is_none_or(|last| now.duration_since(last) >= PRUNE) {
                self.pruned = Some(now);
                over = forgotten(app, now).await?;
            }
        }
        let mut messages = addressed(app, &events, &targets, now)?;
        let (letters, notices) = people::tell(app, &events, now).await?;
        messages.extend(letters);
        let issue = Issue { messages, marks, told, once, notices, rungs, over, forget: now.checked_sub(app.notices.pace.once).ok() };
        if !issue.is_empty() {
            app.store.issue(&lease, now, &issue).await?;
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
        // Kept since telling of rollouts began here, be it with an upgrade.
        let since = kept.get("telling").and_then(|text| text.parse().ok()).filter(|_| kept.contains_key("position"));
        if since.is_none() {
            marks.push(("telling", Some(Timestamp::now().to_string())));
        }
        self.escalation.forget();
        self.rollouts = rollouts::Rollouts::kept(app, since.unwrap_or_else(Timestamp::now)).await?;
        let Some(position) = kept.get("position").and_then(|text| text.parse().ok()) else {
            let now = Timestamp::now();
            // What waits to be integrated happened before as well; counted in
            // this order, nothing that comes later is passed over.
            let size = app.store.log().await?.size;
            let position = size + app.store.pending_leaves().await?;
            self.told = Told::present(app, now).await?;
            marks.push(("position", Some(position.to_string())));
            marks.extend(self.told.marks());
            return Ok(Gathered { next: position, from: position, ..Gathered::default() });
        };
        self.told = Told::kept(&kept);
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
            self.told.tell_silence(app, now, events).await?;
        }
        // While hosts are not judged their due dates are not known.
        if !app.notices.judging.load(Ordering::Acquire) {
            let since = self.told.overdue.replace(now).unwrap_or(now);
            tell_overdue(app, since, now, events).await?;
        }
        self.told.tell_sources(app, now, events);
        self.told.tell_policies(app, now, events);
        if events.len() > before {
            marks.extend(self.told.marks());
        }
        Ok(())
    }

}

impl Gathered {
    /// Takes in what changed on one host.
    fn note(&mut self, client: ClientId, transition: &Transition, news: bool, now: Timestamp) {
        let of_advisories = |keys: &[FindingKey]| keys.iter().filter(|key| key.advisory != UPDATE).map(|key| key.advisory.clone()).collect::<Vec<_>>();
        let (opened, closed) = (of_advisories(&transition.opened), of_advisories(&transition.closed));
        if opened.is_empty() && closed.is_empty() {
            return;
        }
        let changes = self.changes.entry(client).or_default();
        changes.hosts.insert(transition.host);
        for advisory in opened {
            if news {
                changes.news.entry(advisory.clone()).or_default().insert(transition.host);
            }
            let (hosts, number) = changes.opened.entry(advisory).or_default();
            hosts.insert(transition.host);
            *number += 1;
        }
        for advisory in closed {
            *changes.closed.entry(advisory).or_default() += 1;
        }
        self.first.get_or_insert(now);
        self.last = Some(now);
    }

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
    if let Some(event) = questions::told(app, entry).await? {
        gathered.events.push(event);
    }
    match verb {
        "host.flag" | "host.enrol" => {
            if let Some(event) = marked(app, entry).await? {
                gathered.events.push(event);
            }
        }
        _ if verb == "host.report" || Cause::parse(verb).is_some() => {
            let hosts: Vec<HostId> = changed_hosts(entry);
            let news = Cause::parse(verb) == Some(Cause::Advisories);
            for transition in app.store.transitions_at(entry.time, &hosts).await? {
                let known = app.fleet.read().host(transition.host).map(|managed| managed.registration.client);
                let client = match known.or(entry.client) {
                    Some(client) => client,
                    None => app.store.host(transition.host).await?.client,
                };
                gathered.note(client, &transition, news, now);
            }
        }
        crate::reports::due::ACT => {
            if let Some(event) = made(app, entry).await? {
                gathered.events.push(event);
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

/// Hosts whose findings an entry changed.
fn changed_hosts(entry: &Entry) -> Vec<HostId> {
    let after = entry.after.as_ref().and_then(Value::as_object);
    after.into_iter().flatten().filter_map(|(object, _)| object.strip_prefix("findings:")?.parse().ok()).collect()
}

/// An alert that an entry raised for the first time.
fn raised(entry: &Entry) -> Option<AlertRaised> {
    entry.after.as_ref()?.as_object()?.iter().find_map(|(object, state)| {
        let (alert, about) = object.strip_prefix("alert:")?.split_once(':')?;
        (state.get("times")?.as_u64()? == 1).then(|| AlertRaised { alert: alert.to_owned(), object: about.to_owned() })
    })
}

/// A report that was made; who gets the event takes it from its page.
async fn made(app: &App, entry: &Entry) -> Result<Option<Event>, StoreError> {
    let state = entry.after.as_ref().and_then(|after| after.get(&entry.object));
    let field = |name: &str| state.and_then(|state| state.get(name)).and_then(Value::as_str).unwrap_or_default().to_owned();
    let (id, title) = (field("id"), field("title"));
    if id.is_empty() {
        return Ok(None);
    }
    let client = match entry.client {
        Some(client) => Some(ClientNamed { id: client.to_string(), name: app.store.client(client).await?.name }),
        None => None,
    };
    let to = state.and_then(|state| state.get("audience")).and_then(Value::as_array).into_iter().flatten();
    let to = to.filter_map(Value::as_str).map(str::to_owned).collect();
    let data = ReportMade { id: id.clone(), report: field("report"), title: title.clone(), format: field("format"), as_of: field("as_of"), to, digest: field("digest") };
    let of = client.as_ref().map_or_else(String::new, |client| format!(" for {}", client.name));
    let text = format!("the report {title}{of} as of {} is made", data.as_of);
    Ok(Some(Event::new(Kind::ReportMade, client, entry.time, text, format!("/console/reports#made-{id}"), &data).about(title)))
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

async fn client_named(app: &App, id: ClientId) -> Result<ClientNamed, StoreError> {
    Ok(ClientNamed { id: id.to_string(), name: app.store.client(id).await?.name })
}

/// Subjects of which nothing can be told any more, so that what was told once of
/// them may be forgotten: deadlines that passed longer ago than any step is
/// told after its time, and rollouts that ended as long ago.
async fn forgotten(app: &App, now: Timestamp) -> Result<Vec<String>, StoreError> {
    // An hour more than what is told: clocks of two servers need not agree.
    let Ok(before) = now.checked_sub(MEMORY).and_then(|at| at.checked_sub(PRUNE)) else { return Ok(Vec::new()) };
    let mut found = app.store.told_long_ago(escalation::SUBJECT, before, FORGOTTEN).await?;
    found.retain(|subject| escalation::due_of(subject).is_none_or(|due| due < before.as_second()));
    let rollouts = app.store.told_long_ago(rollouts::SUBJECT, before, FORGOTTEN).await?;
    let live = app.rollouts.read();
    let over = |digest: &str| live.get(digest).is_none_or(|own| matches!(own.rollout.wanted, Wanted::Aborted | Wanted::Done) && own.rollout.changed < before);
    found.extend(rollouts.into_iter().filter(|subject| subject.strip_prefix(rollouts::SUBJECT).is_some_and(over)));
    Ok(found)
}

/// The zone of the policy in force.
fn zone(app: &App) -> TimeZone {
    app.policy().policies.first().map_or(TimeZone::UTC, |policy| policy.zone.clone())
}

/// Events as messages, one for each target that gets them.
fn addressed(app: &App, events: &[Event], targets: &[Webhook], now: Timestamp) -> Result<Vec<Message>, StoreError> {
    let mut messages = Vec::new();
    let (policy, zone) = (app.policy(), zone(app));
    let quiet = policy.governance.notify.as_ref().and_then(|notify| notify.quiet_hours.as_ref());
    for event in events {
        let id = HostId::from_bits(fresh(now)?).to_string();
        let body = match event.written(&id, &app.url) {
            Ok(body) => body,
            Err(error) => {
                tracing::error!(kind = event.kind.word(), "an event cannot be written: {error}");
                continue;
            }
        };
        for target in targets.iter().filter(|target| event.concerns(target.client, &target.events) && event.goes(target.channel)) {
            // Machines do not sleep: of what they asked for by themselves nothing is held back.
            let quiet = quiet.filter(|_| target.channel != Channel::Webhook || event.kind.is_of_policy());
            let leaves = leaves(quiet, &zone, event.critical, event.start, now);
            let due = match target.channel {
                Channel::Webhook | Channel::Slack | Channel::Teams | Channel::Matrix => leaves,
                Channel::Mail => leaves.max(now.checked_add(app.notices.pace.digest).unwrap_or(now)),
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
