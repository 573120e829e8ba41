//! **Deploy**: moves rollouts on, on the one server that holds the lease.
//!
//! It takes no input: it reads how every rollout stands, asks the core, and
//! writes what was decided by compare and set, fenced. Hosts learn of it with
//! their next check-in, from any server.

use super::certify::approval;
use super::confirm;
use crate::accreditations;
use crate::forensics;
use crate::app::{App, News, Shared};
use crate::outside_alerts;
use crate::rollouts::{self, Live};
use data_encoding::HEXLOWER;
use jiff::{SignedDuration, Timestamp};
use plimsoll_core::knowledge::Knowledge;
use plimsoll_core::model::assignment::Go;
use plimsoll_core::model::authorisation::{Authorised, Rest};
use plimsoll_core::model::identifier::HostId;
use plimsoll_core::model::because::{Because, BecauseKind, Explained};
use plimsoll_core::phases::certify::client::Bearing;
use plimsoll_core::phases::deploy::{Decision, Gate, Input, Wanted, decide};
use plimsoll_formats::trust::SignedPackage;
use plimsoll_store::identifier::random;
use plimsoll_store::leases::Lease;
use plimsoll_store::rollouts::{Assigned, Rollout};
use plimsoll_store::{Actor, Intent, StoreError};
use std::collections::BTreeSet;
use std::time::Duration;
use tokio::sync::watch;

const LEASE: &str = "deploy";
/// A server that dies is followed by another after this.
const LEASE_LENGTH: SignedDuration = SignedDuration::from_secs(30);
/// Renewed when this much is left, not at each look.
const LEASE_LEFT: SignedDuration = SignedDuration::from_secs(15);
/// How often rollouts are looked at; an act of a person or a word of a host
/// wakes it earlier.
const LOOK: Duration = Duration::from_secs(2);
/// Shortest time between two looks: a storm of outcomes is one look.
const PACE: Duration = Duration::from_millis(250);

/// Kind of the alert about a gate that shut by itself.
const SHUT: &str = "rollout-shut";

/// Looks until the server stops.
pub async fn run(app: Shared, mut stopped: watch::Receiver<bool>) {
    let Ok(name) = random::<8>() else {
        return tracing::error!("this machine has no randomness to give: no rollout is moved on");
    };
    let holder = format!("{}:{}", app.url, HEXLOWER.encode(&name));
    let mut lease = None;
    // So that a start stops nobody whose gate is quiet.
    outside_alerts::look(&app).await;
    loop {
        if let Err(error) = look(&app, &holder, &mut lease).await {
            tracing::warn!(code = error.problem.code, "rollouts are not moved on and will be looked at again: {}", error.problem.text);
            lease = None;
        }
        let woken = tokio::select! {
            () = tokio::time::sleep(LOOK) => false,
            () = app.rollouts.wake.notified() => true,
            _ = stopped.wait_for(|stopped| *stopped) => break,
        };
        if woken {
            tokio::time::sleep(PACE).await;
        }
    }
    if let Some(lease) = lease {
        let _ = app.store.release_lease(&lease).await;
    }
}

async fn look(app: &Shared, holder: &str, lease: &mut Option<Lease>) -> Result<(), StoreError> {
    rollouts::refresh(app).await?;
    accreditations::refresh(app).await?;
    if app.rollouts.read().is_empty() {
        return Ok(());
    }
    approval::follow(app).await?;
    let hosts: BTreeSet<HostId> = app.rollouts.read().values().filter(|live| live.is_under_way()).flat_map(|live| live.content.tree.places()).map(|place| place.host).collect();
    forensics::refresh(app, &hosts.into_iter().collect::<Vec<_>>()).await?;
    let now = Timestamp::now();
    if lease.as_ref().is_none_or(|lease| lease.until.duration_since(now) <= LEASE_LEFT) {
        *lease = app.store.take_lease(LEASE, holder, now, LEASE_LENGTH).await?;
    }
    let Some(lease) = lease.as_ref() else { return Ok(()) };
    let names: Vec<String> = app.rollouts.read().keys().cloned().collect();
    for digest in names {
        // What silence decides comes before what the rollout makes of it.
        crate::questions::look(app, lease, &digest, Timestamp::now()).await?;
        match advance(app, lease, &digest).await {
            // Somebody else was first; the next look decides from what they wrote.
            Err(error) if error.problem.code == "E-RACE" => {}
            done => done?,
        }
        confirm::look(app, lease, &digest).await?;
    }
    Ok(())
}

/// Moves one rollout on as far as it may.
async fn advance(app: &Shared, lease: &Lease, digest: &str) -> Result<(), StoreError> {
    let Some((before, explained)) = judged(app, digest) else { return Ok(()) };
    let Explained { decision, because } = explained;
    let reasons: Vec<String> = because.into_iter().map(|because| because.text).collect();
    let same = decision.rings == before.rings && decision.gate == before.gate && decision.wanted == before.wanted && reasons == before.reasons;
    if same && decision.changes.is_empty() {
        return Ok(());
    }
    let now = Timestamp::now();
    let assigned = assigned(app, digest, &decision, now);
    let mut change = app.store.begin(Intent::new(Actor::server(), now, "rollout.advance", format!("rollout:{digest}"))).await?;
    change.fence(lease).await?;
    change.record_standings(digest, &decision.standings)?;
    let starts: Vec<HostId> = assigned.iter().filter(|assigned| assigned.go == Some(Go::Apply)).map(|assigned| assigned.host).collect();
    let triages = forensics::rests_on(app, &starts, now);
    if !triages.is_empty() {
        change.record_triages(digest, &triages)?;
    }
    let Decision { rings, gate, wanted, .. } = decision;
    if gate == Gate::Shut && before.gate != Gate::Shut && wanted == Wanted::Running {
        let text = format!("The gate of a rollout is shut: {}", reasons.first().map_or("see the rollout", String::as_str));
        change.raise_alert(Some(before.client), SHUT, &format!("rollout:{digest}"), &text).await?;
    }
    let edit = move |rollout: &mut Rollout| (rollout.rings, rollout.gate, rollout.wanted, rollout.reasons) = (rings, gate, wanted, reasons);
    let after = change.move_rollout(&before, edit).await?;
    if !assigned.is_empty() {
        change.put_assignments(digest, &assigned).await?;
    }
    change.commit(None).await?;
    tracing::info!(package = digest, gate = after.gate.word(), state = after.wanted.word(), hosts = assigned.len(), "a rollout moved on");
    if let Some(live) = app.rollouts.write().get_mut(digest)
        && live.rollout.revision == before.revision
    {
        live.rollout = after;
        live.assign(&assigned);
    }
    let _ = app.news.send(News::Other);
    Ok(())
}

/// How a rollout stands, and what is to become of it; none where it ended.
fn judged(app: &App, digest: &str) -> Option<(Rollout, Explained<Decision>)> {
    let holds = holds(app, digest);
    let live = app.rollouts.read();
    let own = live.get(digest)?;
    if own.rollout.wanted == Wanted::Done || own.is_under_way() && own.authority.is_none() {
        return None;
    }
    let explained = decision(app, &live, own, &holds);
    Some((own.rollout.clone(), explained))
}

/// Asks the core about one rollout.
pub fn decision(app: &App, live: &std::collections::BTreeMap<String, Live>, own: &Live, holds: &[String]) -> Explained<Decision> {
    let (clock, set) = (app.clock(), app.policy());
    let standings = rollouts::standings(live, &own.content.digest, &set, &app.fleet.read(), &app.forensics, clock);
    let (waits, left_out) = match own.bearing(clock.now) {
        Bearing::Waits(why) => (vec![why], None),
        Bearing::LeftOut(why) => (Vec::new(), Some(why)),
        Bearing::Goes => (Vec::new(), None),
    };
    let watched = app.outside_alerts.watched(&own.content.package, &outside_alerts::gates(&set.rollout));
    let unaccredited = accreditations::missing_for(app, &set, own, &standings, clock.now);
    let mut explained = decide(&Input {
        now: clock.now,
        package: &own.content.package,
        places: own.content.tree.places(),
        standings: &standings,
        wanted: own.rollout.wanted,
        rings: &own.rollout.rings,
        holds,
        waits: &waits,
        watched: &watched,
        unaccredited: &unaccredited,
        apart: &own.content.apart,
        rest: own.authority.as_ref().map_or(&Rest::Free, |authority| &authority.rest),
    });
    explained.because.extend(left_out.map(|why| Because::new(BecauseKind::Rule, why)));
    explained
}

/// What stands in the way of a rollout beside its hosts.
pub fn holds(app: &App, digest: &str) -> Vec<String> {
    let mut holds = Vec::new();
    let (signed, advisories) = {
        let live = app.rollouts.read();
        let Some(own) = live.get(digest) else { return Vec::new() };
        let refused = own.authority.iter().filter(|authority| authority.standing == Authorised::Refused);
        let refused: Vec<String> = refused.flat_map(|authority| authority.because.first().cloned()).collect();
        holds.extend(refused);
        holds.extend(crate::looks::too_many_tickets(&app.policy(), &own.looks));
        (own.content.signed.clone(), own.content.package.advisories.clone())
    };
    match app.rollouts.signer() {
        None => holds.push("this server has no online key, so that it can assign nothing".to_owned()),
        Some(signer) => {
            if signer.root.root.expires <= Timestamp::now() {
                holds.push(format!("the root document expired at {}", signer.root.root.expires));
            }
            let approved = SignedPackage::read("package", signed.as_bytes()).and_then(|signed| signed.approved("package", &signer.root.root));
            if let Err(problem) = approved {
                holds.push(format!("{}: the package {}", problem.code, problem.text));
            }
        }
    }
    let Some(held) = app.advisories.held() else { return holds };
    for advisory in &advisories {
        let numbers = held.database.advisories_named(advisory).unwrap_or_default();
        let withdrawn = |number: &u32| held.database.advisory(*number).ok().filter(|facts| facts.id == *advisory).and_then(|facts| facts.withdrawn);
        if let Some(since) = numbers.iter().find_map(withdrawn) {
            holds.push(format!("advisory {advisory} was withdrawn at {since}"));
        }
    }
    holds
}

fn assigned(app: &App, digest: &str, decision: &Decision, now: Timestamp) -> Vec<Assigned> {
    let live = app.rollouts.read();
    let Some(own) = live.get(digest) else { return Vec::new() };
    let one = |(place, go): &(usize, Option<Go>)| {
        let host = own.content.tree.places().get(*place)?.host;
        let applied = own.known.get(*place)?.applied.or((*go == Some(Go::Apply)).then_some(now));
        Some(Assigned { host, go: *go, applied, changed: now })
    };
    decision.changes.iter().filter_map(one).collect()
}
