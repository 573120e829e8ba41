//! **Confirm**: holds hosts' later reports against what a rollout wanted, on
//! the one server that holds the lease.

use super::evaluate::stored_report;
use crate::looks;
use crate::scanners::{self, Terms};
use crate::app::{App, News, Shared};
use crate::rollouts::Content;
use jiff::Timestamp;
use plimsoll_core::model::identifier::{ClientId, HostId};
use plimsoll_core::model::outcome::Outcome;
use plimsoll_core::model::scanner::ScannerResult;
use plimsoll_core::phases::confirm::second::{self, Agreement, Held, Subject};
use plimsoll_core::phases::confirm::{Confirmed, Input, Report, decide, with_look, with_second};
use plimsoll_core::phases::package::afterwards;
use plimsoll_formats::protocol::read_message;
use plimsoll_store::leases::Lease;
use plimsoll_store::rollouts::{Confirmation, Second};
use plimsoll_store::{Actor, Intent, StoreError};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// Hosts that are looked at in one go: each is a stored report and a stored
/// outcome.
const PART: usize = 200;
/// Kind of the alert about a host that a scanner sees otherwise.
pub const DISAGREE: &str = "E-SCANNER";

/// A host whose attempt ended and whose report has not been held against it.
struct Due {
    host: HostId,
    attempt: String,
    received: Timestamp,
    client: ClientId,
    report: Option<String>,
    arrived: Option<Timestamp>,
    before: Option<(Confirmed, Option<String>)>,
    agreement: Option<Agreement>,
    results: Vec<String>,
    /// The look by hand of a host that the sample draws; none where it draws
    /// another.
    drawn: Option<Option<(Timestamp, bool)>>,
}

impl Due {
    fn looked(&self) -> Option<Timestamp> {
        self.drawn.flatten().map(|(at, _)| at)
    }
}

/// What a rollout's hosts are held against beside their reports.
struct Scanners {
    terms: Terms,
    /// Every id that the package's advisories go by.
    advisories: BTreeSet<String>,
    newest: BTreeMap<HostId, Vec<ScannerResult>>,
}

impl Scanners {
    /// None where the policy asks for none.
    async fn of(app: &App, digest: &str) -> Result<Option<Self>, StoreError> {
        let Some(terms) = scanners::terms(&app.policy()) else { return Ok(None) };
        let Some(content) = app.rollouts.read().get(digest).map(|live| Arc::clone(&live.content)) else { return Ok(None) };
        let newest = app.store.newest_scanner_results(content.package.client).await?;
        Ok(Some(Self { terms, advisories: scanners::ids(app, &content.package.advisories), newest }))
    }

    /// Digests of the newest results for a host, sorted.
    fn results(&self, host: HostId) -> Vec<String> {
        let mut digests: Vec<String> = self.newest.get(&host).into_iter().flatten().map(|result| result.digest.clone()).collect();
        digests.sort();
        digests
    }
}

/// Confirms what can be confirmed of one rollout.
///
/// # Errors
///
/// What the store meets.
pub async fn look(app: &Shared, lease: &Lease, digest: &str) -> Result<(), StoreError> {
    let scanners = Scanners::of(app, digest).await?;
    let Some((content, due)) = due(app, digest, scanners.as_ref()) else { return Ok(()) };
    let mut confirmed = Vec::new();
    let mut looks = Vec::new();
    let mut disagree = Vec::new();
    for host in due {
        match judge(app, &content, &host, scanners.as_ref()).await {
            Ok(found) => {
                let agreement = found.second.as_ref().map(|second| second.agreement);
                if agreement == Some(Agreement::Disagrees) && host.agreement != agreement {
                    disagree.push((host.host, found.reasons.clone()));
                }
                if host.before.as_ref().is_none_or(|(state, report)| *state != found.state || *report != found.report) || host.agreement != agreement {
                    looks.push(host.looked());
                    confirmed.push(found);
                } else {
                    looked(app, digest, host);
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
    for (host, reasons) in disagree {
        let name = app.fleet.read().host(host).map(|managed| managed.registration.name.clone()).unwrap_or_default();
        let text = format!("{}: the agent of {name} and an outside scanner do not see the same. {}", content.package.name, reasons.join("; "));
        change.raise_alert(Some(content.package.client), DISAGREE, &format!("rollout-host:{digest}:{host}"), &text).await?;
    }
    change.commit(None).await?;
    if let Some(live) = app.rollouts.write().get_mut(digest) {
        for (found, look) in confirmed.into_iter().zip(looks) {
            if let Some(known) = content.place_of(found.host).and_then(|place| live.known.get_mut(place)) {
                known.take_up(found);
                known.looked = look;
            }
        }
    }
    let _ = app.news.send(News::Other);
    Ok(())
}

/// Remembers that newer results or looks changed nothing, so that the host is not read
/// again until there are others.
fn looked(app: &App, digest: &str, host: Due) {
    if let Some(live) = app.rollouts.write().get_mut(digest)
        && let Some(known) = live.content.place_of(host.host).and_then(|place| live.known.get_mut(place))
    {
        known.looked = host.looked();
        known.results = host.results;
    }
}

fn due(app: &App, digest: &str, scanners: Option<&Scanners>) -> Option<(Arc<Content>, Vec<Due>)> {
    let live = app.rollouts.read();
    let own = live.get(digest)?;
    let sample = looks::drawn(&app.policy(), own);
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
        // Without a word of the policy about scanners, what they once said stands.
        let results = scanners.map_or_else(|| known.results.clone(), |scanners| scanners.results(line.host));
        let drawn = sample.as_ref().filter(|sample| sample.contains(&line.host)).map(|_| own.looks.at(line.host).map(|look| (look.at, look.held)));
        if settled && results == known.results && drawn.flatten().map(|(at, _)| at) == known.looked {
            continue;
        }
        let agreement = known.agreement;
        due.push(Due { agreement, drawn, results, host: line.host, attempt: heard.attempt.clone(), received: heard.received, client: managed.registration.client, report, arrived, before: known.confirmed.clone() });
        if due.len() >= PART {
            break;
        }
    }
    Some((Arc::clone(&own.content), due))
}

async fn judge(app: &App, content: &Content, due: &Due, scanners: Option<&Scanners>) -> Result<Confirmation, String> {
    let outcome = app.store.outcome(&due.attempt).await.map_err(|error| error.problem.text.clone())?;
    let outcome: Option<Outcome> = outcome.map(|(_, document)| read_message(&document)).transpose().map_err(|problem| problem.text)?;
    let report = match &due.report {
        Some(digest) => Some(stored_report(app, due.client, digest).await.map_err(|refusal| refusal.to_string())?),
        None => None,
    };
    let stream = report.as_ref().and_then(|report| report.host.os.as_ref()?.stream.clone());
    let young = due.arrived.is_some_and(|arrived| arrived > due.received);
    let shows = due.report.clone().filter(|_| young);
    let found = |state, reasons, report, second| Confirmation { host: due.host, state, reasons, report, second };
    let Some((stream, plan)) = stream.and_then(|stream| content.package.streams.get(&stream).map(|plan| (stream.clone(), plan))) else {
        return Ok(found(Confirmed::Unknown, vec!["its report names no release that the package has a plan for".to_owned()], shows, None));
    };
    let seen = report.as_ref().zip(due.arrived).map(|(report, arrived)| Report {
        arrived,
        components: &report.components,
        reboot_pending: report.host.reboot.as_ref().and_then(|reboot| reboot.pending),
    });
    let policy = app.policy();
    let checks = afterwards::asked(&policy, &content.package.checks);
    let mut explained = decide(&Input { plan, stream: &stream, outcome: outcome.as_ref(), ended: due.received, report: seen, checks: &checks });
    let mut second = None;
    if let Some(scanners) = scanners
        && scanners::concerns(app, &scanners.terms, due.host, &scanners.advisories).await.map_err(|error| error.problem.text.clone())?
    {
        let readings = if due.results.is_empty() { Vec::new() } else { app.store.scanner_readings(due.host).await.map_err(|error| error.problem.text.clone())? };
        let held: Vec<Held<'_>> = readings.iter().map(|(result, reading)| Held { result, reading }).collect();
        let components = report.as_ref().map_or(&[][..], |report| &report.components);
        // By our clock and not the host's: a look that was too early proves nothing.
        let subject = Subject { plan, stream: &stream, components, advisories: &scanners.advisories, ended: due.received, now: Timestamp::now() };
        let agreement = second::decide(&scanners.terms.asked, &subject, &held);
        explained = with_second(explained, &scanners.terms.asked, &agreement);
        second = Some(Second { agreement: agreement.decision, results: due.results.clone() });
    }
    if let Some(look) = due.drawn {
        let percent = policy.governance.verify.as_ref().and_then(|verify| verify.sample_pct).map_or(0, |share| share.0);
        explained = with_look(explained, percent, look);
    }
    let reasons = explained.because.into_iter().map(|because| because.text).collect();
    Ok(found(explained.decision, reasons, shows, second))
}
