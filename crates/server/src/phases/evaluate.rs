//! **Evaluate**: one host's report held against the advisory database and the
//! policy in force.

mod journal;
mod touched;

pub use journal::{Cause, UPDATE, key_of, key_text, known};
pub use touched::touched;

use super::monitor::Held;
use crate::api::missing;
use crate::app::{App, News, Shared};
use crate::fleet::State;
use crate::fleet::basis::{self, Basis};
use crate::fleet::judged::Counts;
use crate::http::problem::Refusal;
use crate::membership;
use jiff::Timestamp;
use plimsoll_core::assessment::{self, Answer, Memory, Offer};
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
use plimsoll_store::transitions::{DecidedFrom, Transition};
use plimsoll_store::{Actor, Intent};
use sha2::{Digest, Sha256};
use std::sync::{Arc, PoisonError};
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

/// Reads a report that the store keeps.
///
/// # Errors
///
/// The store has none with this digest, or what it has is damaged.
pub async fn stored_report(app: &App, client: ClientId, digest: &str) -> Result<Report, Refusal> {
    let bytes = app.store.report(client, digest).await?;
    Ok(app.compute(move || protocol::read_stored_report("stored report", &bytes)).await?)
}

/// A report judged and packed, before anything is stored.
struct Worked {
    answer: Answer,
    packed: Option<Arc<PackedReport>>,
    transition: Transition,
    /// Length of the journal that it was decided from.
    journal: u64,
    components: Vec<Component>,
    inventory: [u8; 32],
    basis: Basis,
    held: Option<Arc<Held>>,
}

/// What is judged: a report that just came, to be kept, or one that is kept.
enum Brought {
    New(CanonicalReport),
    Kept(Report),
}

/// Names a host's components, so that hosts of one client with the same ones
/// share an inventory.
fn components_digest(components: &[Component]) -> [u8; 32] {
    Sha256::digest(serde_json::to_vec(components).unwrap_or_default()).into()
}

async fn work(app: &Shared, registration: &Registration, digest: &str, brought: Brought) -> Result<Worked, Refusal> {
    let known = known(app, registration.id).await?;
    let (held, policy) = (app.advisories.held(), app.policies.in_force());
    let (id, journal) = (registration.id, known.length);
    let facts = registration.facts();
    let host = basis::host(digest, &facts);
    let started = Instant::now();
    let worked = app
        .compute(move || {
            let (report, packed) = match brought {
                Brought::New(new) => (new.report, Some(Arc::new(PackedReport::new(&new.bytes).map_err(|error| *error.problem)?))),
                Brought::Kept(report) => (report, None),
            };
            let ground = Ground { now: Timestamp::now(), held: held.as_deref(), policies: &policy.set };
            let mut answer = judge(report, &facts, &known.memory, &ground, false)?;
            let transition = known.until(&answer, &policy.set, id);
            let ground = basis::ground(held.as_ref().map(|held| held.named.digest.as_str()), &policy.digest());
            let basis = Basis { host, ground, journal: journal::length_with(&transition), at: answer.scan.as_of.as_second() };
            let components = std::mem::take(&mut answer.scan.components);
            let inventory = components_digest(&components);
            Ok(Worked { answer, packed, transition, journal, components, inventory, basis, held })
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

/// How often a host is judged again because it became another meanwhile, before whoever asks is told to come back.
const TRIES: usize = 5;

/// Takes a report: judges it, keeps it with what it changed in one
/// transaction, and shows it once it is durable.
///
/// # Errors
///
/// Nothing of the report is kept then; the host sends it again.
pub async fn take(app: &Shared, id: HostId, report: CanonicalReport, actor: Actor) -> Result<Counts, Refusal> {
    let registration = app.fleet.read().host(id).map(|managed| managed.registration.clone());
    let mut registration = registration.ok_or_else(|| missing("host", &id.to_string()))?;
    let digest = report.digest.clone();
    let (mut brought, mut new) = (Brought::New(report), None);
    for _ in 0..TRIES {
        let worked = work(app, &registration, &digest, brought).await?;
        let Worked { answer, packed, transition, journal, components, inventory, basis, held } = worked;
        let now = answer.scan.as_of;
        let packed = packed.or(new);
        let keep = packed.clone();
        let decided = DecidedFrom::brought(&registration, journal);
        let intent = Intent::new(actor.clone(), now, "host.report", format!("host:{id}"));
        let kept = app
            .store
            .submit(intent, move |change| {
                Box::pin(async move {
                    journal::write(change, &decided, &transition).await?;
                    if let Some(packed) = &keep {
                        change.put_report(id, packed, now).await?;
                    }
                    Ok(())
                })
            })
            .await;
        match (kept, packed) {
            (Err(error), Some(packed)) if journal::is_overtaken(&error) => {
                let bytes = packed.bytes()?;
                brought = Brought::Kept(app.compute(move || protocol::read_stored_report("report", &bytes)).await?);
                new = Some(packed);
                registration = app.store.host(id).await?;
                continue;
            }
            (kept, _) => kept?,
        }
        let counts = {
            let mut fleet = app.fleet.write();
            fleet.reported(id, &digest, now);
            index(&mut fleet, id, inventory, &answer.scan.host, &components);
            let counts = fleet.judge(id, &answer.scan);
            fleet.rest(id, Some(basis));
            counts
        };
        settled(app, id, held.as_ref()).await;
        return Ok(counts.unwrap_or_default());
    }
    Err(journal::overtaken(id).into())
}

/// Judges a host again from its stored report, after something said of it
/// changed.
///
/// # Errors
///
/// As [`under_other_advisories`].
pub async fn again(app: &Shared, id: HostId) -> Result<(), Refusal> {
    from_stored(app, id, Cause::Facts).await
}

/// Judges a host again from its stored report: after a start, or after the
/// advisory database changed.
///
/// # Errors
///
/// What the store or the advisory database meets; what was decided before
/// stays.
pub async fn under_other_advisories(app: &Shared, id: HostId) -> Result<(), Refusal> {
    let known = app.fleet.read().host(id).and_then(|managed| managed.judged.as_ref().map(|judged| judged.known));
    let known = known.unwrap_or_else(|| app.notices.judged_before.load(Ordering::Acquire));
    from_stored(app, id, if known { Cause::Advisories } else { Cause::First }).await
}

async fn from_stored(app: &Shared, id: HostId, cause: Cause) -> Result<(), Refusal> {
    let registration = app.fleet.read().host(id).map(|managed| managed.registration.clone());
    let mut registration = registration.ok_or_else(|| missing("host", &id.to_string()))?;
    for _ in 0..TRIES {
        let Some(digest) = registration.report.clone() else { return Ok(()) };
        let report = stored_report(app, registration.client, &digest).await?;
        let worked = work(app, &registration, &digest, Brought::Kept(report)).await?;
        let Worked { answer, transition, journal, components, inventory, basis, held, .. } = worked;
        if !transition.is_empty() {
            let intent = Intent::new(Actor::server(), transition.at, cause.verb(), format!("host:{id}")).for_client(registration.client);
            let decided = DecidedFrom::stored(&registration, journal);
            let kept = app.store.submit(intent, move |change| Box::pin(async move { journal::write(change, &decided, &transition).await })).await;
            match kept {
                // As the store has it: this server may not have followed yet.
                Err(error) if journal::is_overtaken(&error) => {
                    registration = app.store.host(id).await?;
                    continue;
                }
                kept => kept?,
            }
        }
        let current = {
            let mut fleet = app.fleet.write();
            // A report that came meanwhile was judged for itself.
            let current = fleet.host(id).is_some_and(|managed| managed.registration.report.as_deref() == Some(digest.as_str()));
            if current {
                index(&mut fleet, id, inventory, &answer.scan.host, &components);
                fleet.judge(id, &answer.scan);
                fleet.rest(id, Some(basis));
            }
            current
        };
        if current {
            settled(app, id, held.as_ref()).await;
        }
        return Ok(());
    }
    Err(journal::overtaken(id).into())
}

/// Does what follows once a judgement is shown: groups by query, open pages,
/// and another look where the advisory database was swapped meanwhile.
async fn settled(app: &Shared, id: HostId, held: Option<&Arc<Held>>) {
    membership::follow(app, id).await;
    let _ = app.news.send(News::Host(id));
    let now = app.advisories.held();
    if now.as_ref().map(Arc::as_ptr) != held.map(Arc::as_ptr) {
        app.late.lock().unwrap_or_else(PoisonError::into_inner).insert(id);
    }
}
