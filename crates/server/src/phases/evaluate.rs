//! **Evaluate**: one host's report held against the advisory database and the
//! policy in force.

use super::monitor::Held;
use crate::api::missing;
use crate::app::{App, News, Shared};
use crate::fleet::State;
use crate::fleet::judged::Counts;
use crate::http::problem::Refusal;
use crate::membership;
use jiff::Timestamp;
use plimsoll_core::assessment::{self, Answer, Memory, Offer, Remembered};
use plimsoll_core::knowledge::Knowledge;
use plimsoll_core::model::component::Component;
use plimsoll_core::model::host::Host;
use plimsoll_core::model::policy::{HostFacts, PolicySet};
use plimsoll_core::model::problem::Problem;
use plimsoll_core::model::identifier::{ClientId, HostId};
use plimsoll_core::model::registration::Registration;
use plimsoll_core::model::report::Report;
use plimsoll_formats::protocol::{self, CanonicalReport};
use plimsoll_store::reports::PackedReport;
use plimsoll_store::transitions::{FindingKey, Transition};
use plimsoll_store::{Actor, Intent};
use sha2::{Digest, Sha256};
use std::collections::BTreeSet;
use std::sync::atomic::Ordering;
use std::time::Instant;

/// Everything a judgement rests on beside the host.
pub struct Ground<'a> {
    /// The present.
    pub now: Timestamp,
    /// The database in force.
    pub held: Option<&'a Held>,
    /// The policies in force.
    pub policies: &'a PolicySet,
}

/// Judges a host, or an application's own components.
///
/// # Errors
///
/// Where the advisory database is damaged; what was decided before then stays.
pub fn judge(
    report: Report,
    host_facts: &HostFacts,
    memory: &Memory,
    ground: &Ground<'_>,
    include_fixed: bool,
) -> Result<Answer, Problem> {
    let offered = report
        .offered
        .into_iter()
        .map(|offer| {
            let value = Offer { version: offer.version, source_version: offer.source_version, origin: offer.origin };
            ((offer.package, offer.arch), value)
        })
        .collect();
    assessment::assess(assessment::Input {
        now: ground.now,
        tool: report.agent,
        host: report.host,
        components: report.components,
        updates: report.updates,
        held_updates: report.held_updates,
        offered: &offered,
        knowledge: ground.held.map(|held| &held.database as &dyn Knowledge),
        database: ground.held.map(|held| held.named.clone()),
        policies: ground.policies,
        host_facts,
        memory,
        include_fixed,
        problems: report.problems,
    })
}

/// Findings and updates that came and went between two memories, by key.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Transitions {
    /// There now, not before.
    pub opened: Vec<String>,
    /// There before, not now.
    pub closed: Vec<String>,
}

impl Transitions {
    /// Compares.
    pub fn between(before: &Memory, after: &Memory) -> Self {
        let (old, new): (BTreeSet<&String>, BTreeSet<&String>) = (before.seen.keys().collect(), after.seen.keys().collect());
        Self {
            opened: new.difference(&old).map(|key| (*key).clone()).collect(),
            closed: old.difference(&new).map(|key| (*key).clone()).collect(),
        }
    }

    /// The same in the store's words.
    fn stored(&self, host: HostId, at: Timestamp) -> Transition {
        let keys = |texts: &[String]| texts.iter().map(|text| key_of(text)).collect();
        Transition { host, at, opened: keys(&self.opened), closed: keys(&self.closed) }
    }

    /// Whether nothing changed.
    pub fn is_empty(&self) -> bool {
        self.opened.is_empty() && self.closed.is_empty()
    }
}

/// Why a host is judged again.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Cause {
    /// The advisory database changed.
    Advisories,
    /// The first database to judge this host came.
    First,
    /// Something said of the host changed.
    Facts,
}

impl Cause {
    /// The act in the evidence log, which tells news of the world from news of
    /// a host.
    pub fn verb(self) -> &'static str {
        match self {
            Self::Advisories => "host.judge",
            Self::First => "host.judge-first",
            Self::Facts => "host.judge-facts",
        }
    }

    /// Reads the act.
    pub fn parse(verb: &str) -> Option<Self> {
        [Self::Advisories, Self::First, Self::Facts].into_iter().find(|cause| cause.verb() == verb)
    }
}

/// What the store calls an update among its keys of findings.
pub const UPDATE: &str = "update";

/// A key of the core's memory in the store's words.
fn key_of(text: &str) -> FindingKey {
    let mut words = text.splitn(3, ' ');
    let (kind, second, rest) = (words.next().unwrap_or_default(), words.next().unwrap_or_default(), words.next().unwrap_or_default());
    if kind == UPDATE {
        FindingKey { advisory: UPDATE.to_owned(), component: format!("{second} {rest}") }
    } else {
        FindingKey { advisory: second.to_owned(), component: rest.to_owned() }
    }
}

/// The core's word for a key of the store.
pub fn key_text(key: &FindingKey) -> String {
    if key.advisory == UPDATE {
        format!("{UPDATE} {}", key.component)
    } else {
        format!("finding {} {}", key.advisory, key.component)
    }
}

/// What is remembered of a host: what is open, and since when it was first
/// seen here.
///
/// # Errors
///
/// The store cannot be read.
pub async fn memory(app: &App, host: HostId) -> Result<Memory, Refusal> {
    let kept = app.store.memory(host).await?;
    let now = Timestamp::now();
    let seen = kept.open.iter().map(|(key, opened)| {
        let first = kept.first_seen.get(key).copied().unwrap_or(*opened);
        (key_text(key), Remembered { first, last: now })
    });
    Ok(Memory { seen: seen.collect(), kept: true })
}

/// Reads a report that the store keeps.
///
/// # Errors
///
/// The store has none with this digest, or what it has is damaged.
pub async fn stored_report(app: &App, client: ClientId, digest: &str) -> Result<CanonicalReport, Refusal> {
    let bytes = app.store.report(client, digest).await?;
    Ok(app.compute(move || protocol::read_report_bytes("stored report", bytes)).await?)
}

/// A report judged and packed, before anything is stored.
struct Worked {
    answer: Answer,
    packed: Option<PackedReport>,
    transitions: Transitions,
    components: Vec<Component>,
    digest: [u8; 32],
}

/// Names a host's components, so that hosts of one client with the same ones
/// share an inventory.
fn components_digest(components: &[Component]) -> [u8; 32] {
    Sha256::digest(serde_json::to_vec(components).unwrap_or_default()).into()
}

async fn work(
    app: &Shared,
    registration: &Registration,
    report: CanonicalReport,
    pack: bool,
) -> Result<Worked, Refusal> {
    let memory = memory(app, registration.id).await?;
    let (held, policies) = (app.advisories.held(), app.policy());
    let registration = registration.clone();
    let started = Instant::now();
    let worked = app
        .compute(move || {
            let packed = if pack { Some(PackedReport::new(&report.bytes).map_err(|error| *error.problem)?) } else { None };
            let ground = Ground { now: Timestamp::now(), held: held.as_deref(), policies: &policies };
            let mut answer = judge(report.report, &registration.facts(), &memory, &ground, false)?;
            let transitions = Transitions::between(&memory, &answer.memory);
            let components = std::mem::take(&mut answer.scan.components);
            let digest = components_digest(&components);
            Ok(Worked { answer, packed, transitions, components, digest })
        })
        .await?;
    app.metrics.judgements.inc();
    app.metrics.judgement_seconds.observe(started.elapsed().as_secs_f64());
    Ok(worked)
}

fn index(fleet: &mut State, id: HostId, digest: [u8; 32], facts: &Host, components: &[Component]) {
    if let Err(problem) = fleet.lay_components(id, digest, facts, components) {
        tracing::warn!(host = %id, code = problem.code, "its packages cannot be searched: {}", problem.text);
    }
}

/// Takes a report: judges it, keeps it with what it changed in one
/// transaction, and shows it once it is durable.
///
/// # Errors
///
/// Nothing of the report is kept then; the host sends it again.
pub async fn take(app: &Shared, id: HostId, report: CanonicalReport, actor: Actor) -> Result<Counts, Refusal> {
    let registration = app.fleet.read().host(id).map(|managed| managed.registration.clone());
    let registration = registration.ok_or_else(|| missing("host", &id.to_string()))?;
    let digest = report.digest.clone();
    let worked = work(app, &registration, report, true).await?;
    let Worked { answer, packed, transitions, components, digest: inventory } = worked;
    let now = answer.scan.as_of;
    let intent = Intent::new(actor, now, "host.report", format!("host:{id}"));
    app.store
        .submit(intent, move |change| {
            Box::pin(async move {
                if let Some(packed) = &packed {
                    change.put_report(id, packed, now).await?;
                }
                change.add_transitions(&[transitions.stored(id, now)]).await
            })
        })
        .await?;
    let counts = {
        let mut fleet = app.fleet.write();
        fleet.reported(id, &digest, now);
        index(&mut fleet, id, inventory, &answer.scan.host, &components);
        fleet.judge(id, &answer.scan)
    };
    membership::follow(app, id).await;
    let _ = app.news.send(News::Host(id));
    Ok(counts.unwrap_or_default())
}

/// Judges a host again from its stored report, after something said of it
/// changed.
///
/// # Errors
///
/// As [`under_other_advisories`].
pub async fn again(app: &Shared, id: HostId) -> Result<Transitions, Refusal> {
    from_stored(app, id, Cause::Facts).await
}

/// Judges a host again from its stored report: after a start, or after the
/// advisory database changed.
///
/// # Errors
///
/// What the store or the advisory database meets; what was decided before
/// stays.
pub async fn under_other_advisories(app: &Shared, id: HostId) -> Result<Transitions, Refusal> {
    let known = app.fleet.read().host(id).and_then(|managed| managed.judged.as_ref().map(|judged| judged.known));
    let known = known.unwrap_or_else(|| app.notices.judged_before.load(Ordering::Acquire));
    from_stored(app, id, if known { Cause::Advisories } else { Cause::First }).await
}

async fn from_stored(app: &Shared, id: HostId, cause: Cause) -> Result<Transitions, Refusal> {
    let registration = app.fleet.read().host(id).map(|managed| managed.registration.clone());
    let registration = registration.ok_or_else(|| missing("host", &id.to_string()))?;
    let Some(digest) = registration.report.clone() else { return Ok(Transitions::default()) };
    let report = stored_report(app, registration.client, &digest).await?;
    let Worked { answer, transitions, components, digest: inventory, .. } = work(app, &registration, report, false).await?;
    let now = answer.scan.as_of;
    if !transitions.is_empty() {
        let kept = transitions.clone();
        let intent = Intent::new(Actor::server(), now, cause.verb(), format!("host:{id}")).for_client(registration.client);
        app.store
            .submit(intent, move |change| {
                Box::pin(async move { change.add_transitions(&[kept.stored(id, now)]).await })
            })
            .await?;
    }
    {
        let mut fleet = app.fleet.write();
        index(&mut fleet, id, inventory, &answer.scan.host, &components);
        fleet.judge(id, &answer.scan);
    }
    membership::follow(app, id).await;
    let _ = app.news.send(News::Host(id));
    Ok(transitions)
}
