//! **People** whom the policy has told: who the words of an event mean, what
//! each of them may read, and who is called where nobody acknowledges.
//!
//! A letter names hosts only to who may see them, and goes to nobody whose
//! account has no rights at the client. What people are told is kept with
//! who they were, in the transaction that puts the letters in.

use super::super::events::{Event, Kind, counted};
use super::super::under_policy::NoticeUnacknowledged;
use super::client_named;
use crate::app::{App, Shared};
use crate::identity::role::{Grant, Permission, Role, Scope};
use jiff::{SignedDuration, Timestamp};
use plimsoll_core::model::identifier::{ClientId, HostId};
use plimsoll_core::model::policy::governance::{Channel as Way, Governance};
use plimsoll_core::operations::audience::{Account, Facts, Meant, Part, Someone, Touched, meant};
use plimsoll_core::operations::escalation::ladder;
use plimsoll_core::operations::telling::{acknowledge_by, leaves};
use plimsoll_store::StoreError;
use plimsoll_store::deliveries::{Message, PERSON};
use plimsoll_store::identifier::fresh;
use plimsoll_store::notices::people::{Audience, Corrects, Notice, Recipient, Whose};
use plimsoll_store::people::Person;
use roaring::RoaringBitmap;
use serde_json::json;
use std::collections::{BTreeMap, BTreeSet};

/// Hosts that a letter names.
const NAMED: usize = 20;
/// Earlier notices of which a correction goes to the people.
const EARLIER: usize = 50;

/// Whom the policy has told of an event.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Telling {
    /// The policy's words.
    pub to: Vec<String>,
    /// What it is about, `rollout:DIGEST`.
    pub about: String,
    /// Which moment, `planned`.
    pub moment: String,
    /// Hosts concerned.
    pub hosts: BTreeSet<HostId>,
    /// Whether somebody must acknowledge it.
    pub ack: bool,
    /// What it means for earlier notices about the same.
    pub corrects: Corrects,
    /// The notice that nobody acknowledged, where these are called for one.
    pub root: Option<String>,
}

impl Telling {
    /// Of something, to nobody yet.
    pub fn about(about: impl Into<String>) -> Self {
        Self { about: about.into(), ..Self::default() }
    }
}

/// Whether the policy in force has anybody told of anything.
pub(super) fn are_told(app: &App) -> bool {
    let policy = app.policy();
    let governance = &policy.governance;
    let told = governance.notify.as_ref().is_some_and(|notify| !notify.notices().is_empty() || notify.overdue.is_some());
    told || !governance.escalation.is_empty()
}

/// People with open accounts and their rights.
type People = Vec<(Person, Vec<Grant>)>;

async fn people(app: &App) -> Result<People, StoreError> {
    let mut found = Vec::new();
    for person in app.store.people().await?.into_iter().filter(|person| person.disabled.is_none()) {
        let rows = app.store.grants(person.id).await?;
        let grants = rows.iter().filter_map(|row| Some(Grant { role: Role::parse(&row.role)?, client: row.client, group: row.group }));
        found.push((person, grants.collect()));
    }
    Ok(found)
}

/// The circle of a client for some of its hosts: what words can mean there.
pub(super) struct Circle {
    accounts: Vec<Account>,
    applications: Vec<Touched>,
    people: People,
    concerned: RoaringBitmap,
}

impl Circle {
    async fn of(app: &App, people: &People, client: ClientId, hosts: &BTreeSet<HostId>) -> Result<Self, StoreError> {
        let concerned: RoaringBitmap = {
            let fleet = app.fleet.read();
            let own = fleet.of_client(client).into_iter().flatten();
            own.filter(|number| fleet.numbered(*number).is_some_and(|managed| hosts.contains(&managed.registration.id))).collect()
        };
        let accounts = people.iter().map(|(person, grants)| {
            let whole = |grant: &&Grant| grant.client.is_none_or(|own| own == client) && grant.group.is_none();
            let part = |grant: &Grant| match grant.role {
                // Who speaks for everybody speaks for no client.
                Role::Client => grant.client.map(|_| Part::Client),
                Role::Operator => Some(Part::Operator),
                Role::Approver => Some(Part::Approver),
                Role::Auditor => Some(Part::Auditor),
                Role::Viewer | Role::PolicyAuthor | Role::Administrator => None,
            };
            let seen = crate::api::hosts::visible(app, &Scope::of(grants, Permission::ReadFleet));
            Account {
                id: person.id,
                account: person.account.clone(),
                mail: person.email.clone(),
                parts: grants.iter().filter(whole).filter_map(part).collect(),
                reaches: grants.iter().any(|grant| whole(&grant)) || !seen.is_disjoint(&concerned),
            }
        });
        let accounts = accounts.collect();
        let mut applications = Vec::new();
        for application in app.store.applications(&plimsoll_store::Scope::client(client)).await? {
            if !crate::applications::hosts(app, &application).await?.is_disjoint(hosts) {
                let (name, owner, team, stakeholders) = (application.name, application.owner, application.team, application.stakeholders);
                applications.push(Touched { name, owner, team, stakeholders });
            }
        }
        Ok(Self { accounts, applications, people: people.clone(), concerned })
    }

    fn meant(&self, word: &str, governance: &Governance) -> Meant {
        meant(word, &Facts { governance, accounts: &self.accounts, applications: &self.applications })
    }

    /// Names of the hosts concerned that somebody may see, and how many those
    /// are.
    fn hosts_for(&self, app: &App, one: &Recipient) -> (Vec<String>, u64) {
        let Some((_, grants)) = self.people.iter().find(|(person, _)| one.person == Some(person.id)) else { return (Vec::new(), 0) };
        let seen = crate::api::hosts::visible(app, &Scope::of(grants, Permission::ReadFleet)) & &self.concerned;
        let fleet = app.fleet.read();
        let mut names: Vec<String> = seen.iter().filter_map(|number| Some(fleet.numbered(number)?.registration.name.clone())).collect();
        names.sort();
        names.truncate(NAMED);
        (names, seen.len())
    }
}

/// What events tell people, with the letters; nothing is written here.
pub(super) async fn tell(app: &Shared, events: &[Event], now: Timestamp) -> Result<(Vec<Message>, Vec<Notice>), StoreError> {
    let (mut messages, mut notices) = (Vec::new(), Vec::new());
    if events.iter().all(|event| event.telling.is_none()) {
        return Ok((messages, notices));
    }
    let (policy, zone, everybody) = (app.policy(), super::zone(app), people(app).await?);
    let quiet = policy.governance.notify.as_ref().and_then(|notify| notify.quiet_hours.as_ref());
    for event in events {
        let (Some(telling), Some(named)) = (&event.telling, &event.client) else { continue };
        let Ok(client) = named.id.parse::<ClientId>() else { continue };
        let circle = Circle::of(app, &everybody, client, &telling.hosts).await?;
        let (audiences, recipients) = circle.recipients(app, telling, client, &policy.governance).await?;
        let goes = leaves(quiet, &zone, event.critical, event.start, now);
        let ack_by = telling.ack.then(|| acknowledge_by(goes, event.start, app.notices.pace.acknowledge));
        let id = HostId::from_bits(fresh(now)?).to_string();
        let notice = Notice {
            root: telling.root.clone().unwrap_or_else(|| id.clone()),
            id,
            client,
            about: telling.about.clone(),
            moment: telling.moment.clone(),
            text: event.text.clone(),
            page: event.page.clone(),
            audiences,
            told: now,
            goes,
            ack_by,
            call_at: ack_by,
            rung: 0,
            replaced: None,
            corrects: telling.corrects,
            people: recipients,
        };
        if notice.people.is_empty() {
            tracing::warn!(about = notice.about, moment = notice.moment, to = telling.to.join(", "), "the policy has people told, and its words reach nobody");
        }
        if app.notices.mailer.is_some() && (event.ways.is_empty() || event.ways.contains(&Way::Mail)) {
            let gathered = if event.critical { goes } else { goes.max(now.checked_add(app.notices.pace.digest).unwrap_or(now)) };
            for one in &notice.people {
                let Some(mail) = &one.mail else { continue };
                messages.push(letter(app, event, &notice, &circle, one, mail, gathered)?);
            }
        }
        notices.push(notice);
    }
    Ok((messages, notices))
}

impl Circle {
    async fn recipients(&self, app: &App, telling: &Telling, client: ClientId, governance: &Governance) -> Result<(Vec<Audience>, Vec<Recipient>), StoreError> {
        let mut audiences = Vec::new();
        let mut recipients: BTreeMap<String, Recipient> = BTreeMap::new();
        let mut take = |word: &str, someone: Someone| {
            let key = someone.key();
            let one = recipients.entry(key.clone()).or_insert_with(|| Recipient { who: key, name: someone.name, mail: someone.mail, person: someone.person, ..Recipient::default() });
            one.words.insert(word.to_owned());
        };
        for word in &telling.to {
            let meant = self.meant(word, governance);
            audiences.push(Audience {
                word: meant.word,
                because: meant.because,
                people: meant.people.len() as u64,
                unknown: meant.unknown.into_iter().map(|(name, why)| (name, why.to_owned())).collect(),
            });
            meant.people.into_values().for_each(|someone| take(word, someone));
        }
        if telling.corrects == Corrects::Replaces {
            // Who heard of the plan hears that it does not hold, whoever the
            // words mean by now; but for who lost their rights since.
            let scope = plimsoll_store::Scope::client(client);
            let (earlier, _) = app.store.notices(&Whose::Within(scope), Some(&telling.about), (0, EARLIER)).await?;
            for one in earlier.into_iter().flat_map(|notice| notice.people) {
                let allowed = one.person.is_none_or(|person| self.accounts.iter().any(|account| account.id == person && account.reaches));
                let someone = Someone { name: one.name, mail: one.mail, person: one.person };
                if allowed {
                    take("told before", someone);
                }
            }
        }
        Ok((audiences, recipients.into_values().collect()))
    }
}

/// The letter to one of them: what they may see, and the page on which they say
/// that they did.
fn letter(app: &App, event: &Event, notice: &Notice, circle: &Circle, one: &Recipient, mail: &str, due: Timestamp) -> Result<Message, StoreError> {
    let mut lines = Vec::new();
    let (names, number) = circle.hosts_for(app, one);
    if !names.is_empty() {
        let more = number - names.len() as u64;
        lines.push(format!("Hosts: {}{}", names.join(", "), if more > 0 { format!(" and {more} more") } else { String::new() }));
    }
    if let Some(by) = notice.ack_by.filter(|_| one.person.is_some()) {
        let by = by.to_zoned(super::zone(app)).strftime("%Y-%m-%d %H:%M %Z").to_string();
        lines.push(format!("Please acknowledge it there before {by}; without that others are called:"));
    }
    // Whom no account stands for, the console would not let in.
    let page = if one.person.is_some() { format!("/console/notices/{}", notice.id) } else { event.page.clone() };
    let body = json!({ "notice": notice.id, "lines": lines });
    let event = Event::new(event.kind, event.client.clone(), event.time, event.text.clone(), page, &body);
    let body = event.written(&HostId::from_bits(fresh(notice.told)?).to_string(), &app.url).map_err(|error| StoreError::damaged("notice", error))?;
    Ok(Message { channel: PERSON.to_owned(), target: mail.to_owned(), client: Some(notice.client), event: event.kind.word().to_owned(), body, due })
}

/// Calls the next for what nobody acknowledged in time: those of the policy's
/// escalation, the lowest step first, one step for each further such time;
/// where it has none, those who were told are reminded once.
pub(super) async fn call(app: &Shared, now: Timestamp, events: &mut Vec<Event>, rungs: &mut Vec<(String, u32, Option<Timestamp>)>) -> Result<(), StoreError> {
    let waiting = app.store.unacknowledged(now).await?;
    if waiting.is_empty() {
        return Ok(());
    }
    let ladder = ladder(&app.policy().governance);
    for notice in waiting {
        let own: Vec<String> = notice.audiences.iter().map(|audience| audience.word.clone()).collect();
        let steps = if ladder.is_empty() { vec![own] } else { ladder.clone() };
        let rung = notice.rung as usize;
        let Some((to, until)) = steps.get(rung).cloned().zip(notice.ack_by) else {
            rungs.push((notice.id, notice.rung, None));
            continue;
        };
        let time = until.duration_since(notice.goes).max(SignedDuration::from_secs(1));
        let next = now.checked_add(time).ok().filter(|_| rung + 1 < steps.len());
        rungs.push((notice.id.clone(), notice.rung + 1, next));
        let people = notice.people.len() as u64;
        let text = format!("For {}: nobody of {} acknowledged: {}", to.join(", "), counted(people, "person", "people"), notice.text);
        let data = NoticeUnacknowledged { notice: notice.id.clone(), about: notice.about.clone(), moment: notice.moment.clone(), told: notice.text, until, people, to: to.clone() };
        let client = client_named(app, notice.client).await?;
        let mut event = Event::new(Kind::NoticeUnacknowledged, Some(client), now, text, notice.page, &data).about(notice.id.as_str());
        event.critical = ["emergency", "failed"].contains(&notice.moment.as_str());
        event.telling = Some(Telling { to, moment: "unacknowledged".to_owned(), root: Some(notice.id), hosts: hosts_of(app, &notice.about), ..Telling::about(notice.about) });
        events.push(event);
    }
    Ok(())
}

/// Hosts of what a notice is about.
fn hosts_of(app: &App, about: &str) -> BTreeSet<HostId> {
    let rollouts = app.rollouts.read();
    let own = about.strip_prefix(super::rollouts::SUBJECT).and_then(|digest| rollouts.get(digest));
    own.into_iter().flat_map(|own| own.content.tree.places()).map(|place| place.host).collect()
}

/// Words of the policy in force that mean nobody for a rollout at present, each
/// with why.
///
/// # Errors
///
/// What the store meets.
pub async fn unreached(app: &Shared, digest: &str, client: ClientId) -> Result<Vec<Meant>, StoreError> {
    let policy = app.policy();
    let notices = policy.governance.notify.iter().flat_map(|notify| notify.notices());
    let words: BTreeSet<&String> = notices.flat_map(|(_, notice)| &notice.to).collect();
    let known = app.rollouts.read().contains_key(digest);
    if words.is_empty() || !known {
        return Ok(Vec::new());
    }
    let hosts = hosts_of(app, &format!("{}{digest}", super::rollouts::SUBJECT));
    let circle = Circle::of(app, &people(app).await?, client, &hosts).await?;
    Ok(words.into_iter().map(|word| circle.meant(word, &policy.governance)).filter(|meant| meant.people.is_empty()).collect())
}
