//! **Forensic triage**: which hosts the policy wants looked at before a patch
//! overwrites traces, and what people said of them. API, console and the
//! decision about rollouts share it.
//!
//! Who asks is derived from each host's journal and kept in memory; only words
//! of people are stored. A host that was not looked at yet is held back, so
//! that a start of the server lets nothing slip.

use crate::api::acts::actor;
use crate::api::hosts::seen_host;
use crate::api::parameter;
use crate::app::{App, News, Shared};
use crate::exceptions::person;
use crate::fleet::State;
use crate::http::gate::Allowed;
use crate::http::problem::Refusal;
use crate::identity::checked_text;
use crate::reviews;
use axum::http::StatusCode;
use jiff::{SignedDuration, Timestamp};
use plimsoll_core::model::identifier::{ClientId, HostId, TriageId};
use plimsoll_core::model::policy::PolicySet;
use plimsoll_core::model::registration::HostState;
use plimsoll_core::model::triage::{TriageStep, TriageWord};
use plimsoll_core::phases::document::Triaged;
use plimsoll_core::phases::prioritize::forensics::{Triage, asking, triage, trigger};
use plimsoll_store::{Intent, StoreError};
use serde::Deserialize;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::{PoisonError, RwLock};
use utoipa::ToSchema;

/// Kind of the alert about a client's hosts that are to be looked at.
pub const LOOK: &str = "forensic-triage";
/// Kind of the alert about a host whose triage is late.
pub const LATE: &str = "forensic-triage-late";
/// Kind of the alert about a host that was broken into.
pub const INCIDENT: &str = "E-COMPROMISED";
/// Journals read at a time.
const TOGETHER: usize = 500;
/// How far back words are read again: another server's clock and its commit
/// may be this much apart.
const OVERLAP: SignedDuration = SignedDuration::from_secs(30);
/// Longest text, in characters.
const TEXT: usize = 2_000;
/// Longest reference to evidence, in characters.
const REFERENCE: usize = 500;
/// Hosts that an alert names.
const NAMED: usize = 5;

/// What is known of triages, in memory.
#[derive(Default)]
pub struct Forensics(RwLock<Known>);

#[derive(Default)]
struct Known {
    /// Digest of the policy that it was worked out under.
    policy: String,
    asking: BTreeMap<HostId, Asking>,
    words: BTreeMap<HostId, Vec<TriageWord>>,
    /// Up to when words were read.
    read: Option<Timestamp>,
}

struct Asking {
    /// Length of the journal that was read; none where the host's own was not
    /// known then, so that it is read again.
    journal: Option<u64>,
    since: BTreeMap<String, Timestamp>,
}

impl Forensics {
    /// Where the triage of a host stands; none where nothing asks for one.
    pub fn of(&self, set: &PolicySet, host: HostId, now: Timestamp) -> Option<Triage> {
        let forensics = set.governance.forensics.as_ref()?;
        let known = self.0.read().unwrap_or_else(PoisonError::into_inner);
        let words = known.words.get(&host).map(Vec::as_slice).unwrap_or_default();
        match known.asking.get(&host) {
            Some(asking) => triage(set, &asking.since, words, now),
            None if forensics.collect_before_patch => {
                Some(Triage { barred: Some("whether it needs a forensic triage is being looked up".to_owned()), ..Triage::default() })
            }
            None => None,
        }
    }

    /// Hosts that something asks for, or of which somebody said something.
    pub fn hosts(&self) -> BTreeSet<HostId> {
        let known = self.0.read().unwrap_or_else(PoisonError::into_inner);
        let asked = known.asking.iter().filter(|(_, asking)| !asking.since.is_empty()).map(|(host, _)| *host);
        asked.chain(known.words.keys().copied()).collect()
    }

    fn hear(&self, words: Vec<TriageWord>) {
        let mut known = self.0.write().unwrap_or_else(PoisonError::into_inner);
        for word in words {
            let said = known.words.entry(word.host).or_default();
            if !said.iter().any(|other| other.id == word.id) {
                said.push(word);
                said.sort_by_key(|word| (word.at, word.id));
            }
        }
    }
}

/// Takes up what people said anywhere, and what the journals of these hosts
/// ask for, as far as either is new.
///
/// # Errors
///
/// What the store meets; what was known stays.
pub async fn refresh(app: &App, hosts: &[HostId]) -> Result<(), StoreError> {
    let in_force = app.policies.in_force();
    let Some(trigger) = trigger(&in_force.set) else { return Ok(()) };
    let (since, now) = (app.forensics.0.read().unwrap_or_else(PoisonError::into_inner).read, Timestamp::now());
    let words = app.store.triages_since(since.and_then(|since| since.checked_sub(OVERLAP).ok()).unwrap_or(Timestamp::UNIX_EPOCH)).await?;
    app.forensics.hear(words);
    let policy = in_force.digest();
    // Never both locks at a time: whoever decides about rollouts holds the fleet.
    let journals: Vec<(HostId, Option<u64>)> = {
        let fleet = app.fleet.read();
        hosts.iter().map(|host| (*host, fleet.host(*host).and_then(|managed| Some(managed.basis?.journal)))).collect()
    };
    let stale: Vec<(HostId, Option<u64>)> = {
        let mut known = app.forensics.0.write().unwrap_or_else(PoisonError::into_inner);
        known.read = Some(now);
        if known.policy != policy {
            known.asking.clear();
            known.policy = policy;
        }
        let fresh = |host: &HostId, journal: Option<u64>| journal.is_some() && known.asking.get(host).is_some_and(|asking| asking.journal == journal);
        journals.into_iter().filter(|(host, journal)| !fresh(host, *journal)).collect()
    };
    for part in stale.chunks(TOGETHER) {
        let ids: Vec<HostId> = part.iter().map(|(host, _)| *host).collect();
        let stories = app.store.stories(&ids, Timestamp::MAX).await?;
        let mut known = app.forensics.0.write().unwrap_or_else(PoisonError::into_inner);
        for (host, journal) in part {
            let since = stories.get(host).map(|story| asking(&trigger, story)).unwrap_or_default();
            known.asking.insert(*host, Asking { journal: *journal, since });
        }
    }
    Ok(())
}

/// Hosts in use, whose journals the clock looks at.
fn in_use(fleet: &State) -> Vec<HostId> {
    fleet.hosts().filter(|managed| managed.registration.state == HostState::Active).map(|managed| managed.registration.id).collect()
}

/// Why hosts that may start now may, for the record of the change; nothing of
/// hosts that no triage is asked for.
pub fn rests_on(app: &App, hosts: &[HostId], now: Timestamp) -> Vec<Triaged> {
    let set = app.policy();
    let mut all = Vec::new();
    for host in hosts {
        let Some(triage) = app.forensics.of(&set, *host, now) else { continue };
        let none = Triaged { host: *host, word: None, step: None, said: None, evidence: None, lapsed: None };
        all.extend(triage.rests_on.into_iter().map(|word| Triaged { word: Some(word.id), step: Some(word.step), said: Some(word.at), evidence: word.evidence, ..none.clone() }));
        all.extend(triage.lapsed.map(|lapsed| Triaged { lapsed: Some(lapsed), ..none }));
    }
    all
}

/// What somebody says of a host's triage.
#[derive(Clone, Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct TriageWish {
    /// scope, evidence, clean, compromised or not-possible.
    pub step: String,
    /// Where what was taken lies; asked for with evidence, clean and
    /// compromised.
    pub evidence: Option<String>,
    /// What was seen, or why; asked for with scope and not-possible.
    pub reason: Option<String>,
    /// Of a host that was broken into: whether it may be changed all the same.
    #[serde(default)]
    pub released: bool,
}

/// Keeps what somebody says of a host's triage.
///
/// # Errors
///
/// 404 for a host that the asker may not see, 400 for words that are missing,
/// 409 `E-TRIAGE-NOTHING` where nothing asks for a triage.
pub async fn say(app: &Shared, allowed: &Allowed, host: &str, wish: TriageWish) -> Result<TriageWord, Refusal> {
    let (id, client) = seen_host(app, &allowed.scope, host, |managed| (managed.registration.id, managed.registration.client))?;
    let words = TriageStep::ALL.map(TriageStep::word).join(", ");
    let step = TriageStep::parse(&wish.step).ok_or_else(|| parameter("step", format!("is {:?}, allowed are {words}", wish.step), "choose one of them"))?;
    let given = |text: Option<String>| text.filter(|text| !text.trim().is_empty());
    let (evidence, reason) = (given(wish.evidence), given(wish.reason));
    let (wants_evidence, wants_reason) = match step {
        TriageStep::Evidence | TriageStep::Clean | TriageStep::Compromised => (true, false),
        TriageStep::Scope | TriageStep::NotPossible => (false, true),
    };
    if wants_evidence && evidence.is_none() {
        return Err(parameter("evidence", format!("is missing, and {} rests on it", step.word()), "say where what was taken lies: a case number, a digest, a place"));
    }
    if wants_reason && reason.is_none() {
        return Err(parameter("reason", format!("is missing, and {} needs one", step.word()), "say it in a sentence"));
    }
    if wish.released && step != TriageStep::Compromised {
        return Err(parameter("released", "is said of hosts that were broken into", "leave it out"));
    }
    refresh(app, &[id]).await?;
    let now = Timestamp::now();
    let Some(triage) = app.forensics.of(&app.policy(), id, now) else {
        let text = "nothing on this host asks for a forensic triage under the policy in force";
        return Err(Refusal::new(StatusCode::CONFLICT, "E-TRIAGE-NOTHING", text, "look at the policy's [forensics] and the host's findings").at("host"));
    };
    let word = TriageWord {
        id: TriageId::from_bits(plimsoll_store::identifier::fresh(now)?),
        client,
        host: id,
        advisories: triage.open.into_keys().collect(),
        step,
        evidence: evidence.map(|evidence| checked_text("evidence", &evidence, REFERENCE)).transpose()?,
        reason: reason.map(|reason| checked_text("reason", &reason, TEXT)).transpose()?.unwrap_or_default(),
        released: wish.released,
        at: now,
        by: person(app, allowed).await?.account,
    };
    let late = app.store.alert_about(LATE, &format!("host:{id}")).await?;
    let mut change = app.store.begin(Intent::new(actor(allowed), now, "triage.say", format!("triage:{}", word.id))).await?;
    change.add_triage(&word).await?;
    // What is still late is told again by the clock.
    reviews::settle(&mut change, late.as_ref()).await?;
    if step == TriageStep::Compromised {
        let name = app.fleet.read().host(id).map(|managed| managed.registration.name.clone()).unwrap_or_default();
        let left = if word.released { "It may be changed all the same." } else { "Nothing changes it until somebody says that it may." };
        change.raise_alert(Some(client), INCIDENT, &format!("host:{id}"), &format!("{name} was found broken into. {left}")).await?;
    }
    change.commit(None).await?;
    app.forensics.hear(vec![word.clone()]);
    app.rollouts.wake.notify_one();
    let _ = app.news.send(News::Other);
    Ok(word)
}

/// Tells of hosts that are to be looked at, one alert a client, and of each
/// whose triage is late.
///
/// # Errors
///
/// What the store meets; what was not told is told next time.
pub async fn tell(app: &Shared, now: Timestamp) -> Result<(), StoreError> {
    let set = app.policy();
    let hosts = if set.governance.forensics.is_some() { in_use(&app.fleet.read()) } else { Vec::new() };
    refresh(app, &hosts).await?;
    let mut asked: BTreeMap<ClientId, Vec<String>> = app.fleet.read().client_names.keys().map(|client| (*client, Vec::new())).collect();
    for host in hosts {
        let Some(triage) = app.forensics.of(&set, host, now).filter(|triage| !triage.open.is_empty()) else { continue };
        let named = app.fleet.read().host(host).map(|managed| (managed.registration.client, managed.registration.name.clone()));
        let Some((client, name)) = named else { continue };
        if let Some((step, due)) = triage.late(now) {
            let text = format!("The forensic triage of {name} is late: {} was due by {due:.0}, for {}.", due_words(step), triage.open.keys().cloned().collect::<Vec<_>>().join(", "));
            let object = format!("host:{host}");
            reviews::remind(app, &reviews::Clock { client: Some(client), kind: LATE, object: &object, act: "triage.late", due, text }, now).await?;
        }
        asked.entry(client).or_default().push(name);
    }
    for (client, names) in asked {
        announce(app, client, &names, now).await?;
    }
    Ok(())
}

/// One alert a client as long as any of its hosts is to be looked at.
async fn announce(app: &Shared, client: ClientId, names: &[String], now: Timestamp) -> Result<(), StoreError> {
    let text = (!names.is_empty()).then(|| {
        let some = names.iter().take(NAMED).cloned().collect::<Vec<_>>().join(", ");
        let more = if names.len() > NAMED { format!(" and {} more", names.len() - NAMED) } else { String::new() };
        format!("Traces of a break-in are to be looked for before patching on {some}{more}.")
    });
    let object = format!("triage-client:{client}");
    reviews::follow(app, &reviews::Standing { client: Some(client), kind: LOOK, object: &object, act: "triage.tell", text }, now).await
}

/// What was due, for readers.
pub fn due_words(step: TriageStep) -> &'static str {
    match step {
        TriageStep::Scope => "its scope",
        TriageStep::Evidence => "its evidence",
        TriageStep::Clean | TriageStep::Compromised | TriageStep::NotPossible => "its decision",
    }
}

#[cfg(test)]
pub(crate) mod tests;
