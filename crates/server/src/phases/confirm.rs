//! **Confirm**: holds hosts' later reports against what a rollout wanted, on
//! the one server that holds the lease.

use super::evaluate::stored_report;
use crate::app::{App, News, Shared};
use crate::rollouts::Content;
use jiff::Timestamp;
use plimsoll_core::model::identifier::{ClientId, HostId};
use plimsoll_core::model::outcome::Outcome;
use plimsoll_core::phases::confirm::{Confirmed, Input, Report, decide};
use plimsoll_formats::protocol::read_message;
use plimsoll_store::leases::Lease;
use plimsoll_store::rollouts::Confirmation;
use plimsoll_store::{Actor, Intent, StoreError};
use std::sync::Arc;

/// Hosts that are looked at in one go: each is a stored report and a stored
/// outcome.
const PART: usize = 200;

/// A host whose attempt ended and whose report has not been held against it.
struct Due {
    host: HostId,
    attempt: String,
    received: Timestamp,
    client: ClientId,
    report: Option<String>,
    arrived: Option<Timestamp>,
    before: Option<(Confirmed, Option<String>)>,
}

/// Confirms what can be confirmed of one rollout.
///
/// # Errors
///
/// What the store meets.
pub async fn look(app: &Shared, lease: &Lease, digest: &str) -> Result<(), StoreError> {
    let Some((content, due)) = due(app, digest) else { return Ok(()) };
    let mut confirmed = Vec::new();
    for host in due {
        match judge(app, &content, &host).await {
            Ok(found) => {
                if host.before.as_ref().is_none_or(|(state, report)| *state != found.state || *report != found.report) {
                    confirmed.push(found);
                }
            }
            Err(text) => tracing::warn!(host = %host.host, "cannot be confirmed yet: {text}"),
        }
    }
    if confirmed.is_empty() {
        return Ok(());
    }
    let intent = Intent::new(Actor::server(), Timestamp::now(), "rollout.confirm", format!("rollout:{digest}"));
    let mut change = app.store.begin(intent).await?;
    change.fence(lease).await?;
    change.put_confirmations(digest, content.package.client, &confirmed).await?;
    change.commit(None).await?;
    if let Some(live) = app.rollouts.write().get_mut(digest) {
        for found in confirmed {
            if let Some(known) = content.place_of(found.host).and_then(|place| live.known.get_mut(place)) {
                known.confirmed = Some((found.state, found.report));
            }
        }
    }
    let _ = app.news.send(News::Other);
    Ok(())
}

fn due(app: &App, digest: &str) -> Option<(Arc<Content>, Vec<Due>)> {
    let live = app.rollouts.read();
    let own = live.get(digest)?;
    let fleet = app.fleet.read();
    let mut due = Vec::new();
    for (line, known) in own.content.tree.places().iter().zip(&own.known) {
        let Some(heard) = known.heard.as_ref().filter(|heard| heard.state.is_terminal()) else { continue };
        let Some(managed) = fleet.host(line.host) else { continue };
        let (report, reported) = (managed.registration.report.clone(), managed.registration.reported);
        // An agent looks at its host before it checks in, and reports what
        // changed: a report that came before the outcome and that a later word
        // of the host left standing is as good as a later one.
        let arrived = managed.last_seen().max(reported);
        let young = arrived.is_some_and(|arrived| arrived > heard.received);
        let settled = known.confirmed.as_ref().is_some_and(|(state, seen)| match state {
            // Somebody may have had it tried again since.
            Confirmed::Failed | Confirmed::Rejected => !heard.state.is_success(),
            _ => (heard.state.is_success() || *state == Confirmed::Unknown) && if seen.is_some() { *seen == report || !young } else { !young },
        });
        if settled {
            continue;
        }
        due.push(Due { host: line.host, attempt: heard.attempt.clone(), received: heard.received, client: managed.registration.client, report, arrived, before: known.confirmed.clone() });
        if due.len() >= PART {
            break;
        }
    }
    Some((Arc::clone(&own.content), due))
}

async fn judge(app: &App, content: &Content, due: &Due) -> Result<Confirmation, String> {
    let outcome = app.store.outcome(&due.attempt).await.map_err(|error| error.problem.text.clone())?;
    let outcome: Option<Outcome> = outcome.map(|(_, document)| read_message(&document)).transpose().map_err(|problem| problem.text)?;
    let report = match &due.report {
        Some(digest) => Some(stored_report(app, due.client, digest).await.map_err(|refusal| refusal.to_string())?),
        None => None,
    };
    let stream = report.as_ref().and_then(|report| report.host.os.as_ref()?.stream.clone());
    let young = due.arrived.is_some_and(|arrived| arrived > due.received);
    let shows = due.report.clone().filter(|_| young);
    let found = |state, reasons, report| Confirmation { host: due.host, state, reasons, report };
    let Some((stream, plan)) = stream.and_then(|stream| content.package.streams.get(&stream).map(|plan| (stream.clone(), plan))) else {
        return Ok(found(Confirmed::Unknown, vec!["its report names no release that the package has a plan for".to_owned()], shows));
    };
    let seen = report.as_ref().zip(due.arrived).map(|(report, arrived)| Report {
        arrived,
        components: &report.components,
        reboot_pending: report.host.reboot.as_ref().and_then(|reboot| reboot.pending),
    });
    let explained = decide(&Input { plan, stream: &stream, outcome: outcome.as_ref(), ended: due.received, report: seen });
    let reasons = explained.because.into_iter().map(|because| because.text).collect();
    Ok(found(explained.decision, reasons, shows))
}
