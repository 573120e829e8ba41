//! **Following** the other servers on one database: what they changed of hosts
//! and of the policy, and whom they heard of.
//!
//! Every change leaves an entry in the evidence log, so the log is also the
//! feed: this server reads on from the last entry it saw and takes up the hosts
//! that the entries name. Its own entries come by too and change nothing.

use crate::app::{News, Shared};
use crate::phases::evaluate;
use jiff::{SignedDuration, Timestamp};
use plimsoll_core::model::identifier::HostId;
use plimsoll_store::evidence::reading::Entry;
use plimsoll_store::{ErrorKind, Store, StoreError};
use std::collections::BTreeSet;
use std::time::Duration;
use tokio::sync::watch;

/// How often the log is looked at: pages of all servers show a change within
/// seconds of each other.
const LOOK: Duration = Duration::from_secs(2);
/// Looks between two readings of "last seen", which is itself stored once a
/// minute.
const PRESENCE_EVERY: u32 = 15;
/// How far back "last seen" is read: a batch of another server may be older
/// than its commit by a minute, and clocks differ.
const OVERLAP: SignedDuration = SignedDuration::from_mins(5);
/// Entries read at a time.
const PAGE: u32 = 500;

/// Where a server stands that is about to read the hosts: whatever is changed
/// from here on comes by as an entry.
///
/// # Errors
///
/// The store cannot be read.
pub async fn position(store: &Store) -> Result<u64, StoreError> {
    Ok(store.checkpoint().await?.map_or(0, |checkpoint| checkpoint.size))
}

/// Follows until the server stops.
pub async fn follow(app: Shared, mut position: u64, mut stopped: watch::Receiver<bool>) {
    let mut looks = 0;
    loop {
        if let Err(error) = take_up(&app, &mut position).await {
            tracing::warn!(code = error.problem.code, "other servers' changes are not followed and will be read again: {}", error.problem.text);
        }
        if looks == 0
            && let Err(error) = hear(&app).await
        {
            tracing::warn!(code = error.problem.code, "whom other servers heard of is not known: {}", error.problem.text);
        }
        looks = (looks + 1) % PRESENCE_EVERY;
        tokio::select! {
            () = tokio::time::sleep(LOOK) => {}
            _ = stopped.wait_for(|stopped| *stopped) => return,
        }
    }
}

/// Reads on in the log; a host that cannot be read now is met again.
async fn take_up(app: &Shared, position: &mut u64) -> Result<(), StoreError> {
    loop {
        let entries = app.store.changes_since(*position, PAGE).await?;
        let Some(last) = entries.last().and_then(|entry| entry.position) else { return Ok(()) };
        for id in entries.iter().flat_map(named).collect::<BTreeSet<HostId>>() {
            host(app, id).await?;
        }
        if entries.iter().any(|entry| [crate::policy::ACT, crate::policy::review::ACT].contains(&entry.verb.as_str()))
            && let Err(problem) = crate::policy::refresh(app).await
        {
            tracing::error!(code = problem.code, "what another server did with the policy cannot be taken up: {}", problem.text);
        }
        if entries.iter().any(|entry| entry.verb.starts_with(crate::exceptions::ACTS) || entry.verb.starts_with(crate::questions::ACTS)) {
            crate::exceptions::refresh(app).await?;
        }
        *position = last + 1;
    }
}

/// The hosts that an entry changed. A judgement changes nothing that is read
/// from the store: every server judges by the advisory database it holds.
fn named(entry: &Entry) -> BTreeSet<HostId> {
    if evaluate::Cause::parse(&entry.verb).is_some() {
        return BTreeSet::new();
    }
    let states = [&entry.before, &entry.after].into_iter().flatten().filter_map(serde_json::Value::as_object);
    let objects = states.flat_map(|state| state.keys().map(String::as_str));
    let host = |object: &str| object.strip_prefix("host:")?.parse().ok();
    objects.chain([entry.object.as_str()]).filter_map(host).collect()
}

/// Takes up one host as the store has it.
async fn host(app: &Shared, id: HostId) -> Result<(), StoreError> {
    let stored = match app.store.host(id).await {
        Ok(stored) => stored,
        Err(error) if error.kind == ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(error),
    };
    let (known, judged) = {
        let fleet = app.fleet.read();
        let managed = fleet.host(id);
        let known = managed.map(|managed| managed.registration.clone());
        (known, managed.is_some_and(|managed| managed.judged.is_some()))
    };
    let ours = known.as_ref().map(|known| plimsoll_core::model::registration::Registration { last_seen: stored.last_seen, ..known.clone() });
    if ours.as_ref() == Some(&stored) && (judged || stored.report.is_none()) {
        return Ok(());
    }
    let facts = known.as_ref().map(|known| (known.facts(), known.report.clone()));
    let judge = facts != Some((stored.facts(), stored.report.clone())) || !judged;
    let sequence = app.store.sequence(id).await?.unwrap_or(0);
    app.fleet.write().register(stored, sequence);
    if judge && let Err(refusal) = evaluate::again(app, id).await {
        tracing::error!(host = %id, "another server's change of it cannot be judged: {refusal}");
    }
    let _ = app.news.send(News::Host(id));
    Ok(())
}

/// Takes up when other servers last heard of hosts, so that nobody counts as
/// silent who speaks to another server, and no number counts twice.
async fn hear(app: &Shared) -> Result<(), StoreError> {
    let since = Timestamp::now() - OVERLAP;
    let heard = app.store.presence_since(since).await?;
    let fleet = app.fleet.read();
    for (host, seen, sequence) in heard {
        if let Some(managed) = fleet.host(host) {
            managed.presence.hear(seen, sequence);
        }
    }
    Ok(())
}
