//! Reading rollouts from the store, and reading on what other servers wrote.

use super::{Content, Known, Live, Looks, state_of};
use crate::app::App;
use jiff::{SignedDuration, Timestamp};
use plimsoll_core::model::deployment_package::{DeploymentPackage, Place, Step};
use plimsoll_core::model::look::LookKind;
use plimsoll_core::phases::deploy::Wanted;
use plimsoll_core::phases::package::Apart;
use plimsoll_formats::trust::{HostTree, Signature, SignedPackage};
use plimsoll_store::looks::newest;
use plimsoll_store::rollouts::{Assigned, Rollout};
use plimsoll_store::{Scope, StoreError};
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;
use std::sync::{Arc, PoisonError};

/// How long a rollout that ended stays in memory, so that late words and
/// reports still count.
const REMEMBERED: SignedDuration = SignedDuration::from_hours(7 * 24);
/// How far back outcomes are read again: another server's clock and its commit
/// may be this much apart.
const OVERLAP: SignedDuration = SignedDuration::from_secs(30);

/// What stands beside a package's document.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Notes {
    /// Why it is as it is.
    pub because: Vec<plimsoll_core::model::because::Because>,
    /// Why each host is in its ring, in the order of hosts.
    pub why: Vec<plimsoll_core::phases::package::Why>,
    /// Hosts that are not in it, and why.
    pub left_out: Vec<plimsoll_core::phases::package::LeftOut>,
    /// Hosts of which never two may be at work.
    pub apart: Vec<Apart>,
    /// What it answers.
    #[serde(default)]
    pub answers: Vec<plimsoll_core::phases::document::Answered>,
}

/// Takes up what is new in the store: rollouts that others moved, and outcomes
/// that others heard.
///
/// # Errors
///
/// The store cannot be read; what was known stays.
pub async fn refresh(app: &App) -> Result<(), StoreError> {
    let _turn = app.rollouts.refreshing.lock().await;
    let now = Timestamp::now();
    let rows = app.store.rollouts(&Scope::All).await?;
    let lasting = |row: &Rollout| matches!(row.wanted, Wanted::Running | Wanted::Paused) || now.duration_since(row.changed) < REMEMBERED;
    let wanted: Vec<Rollout> = rows.into_iter().filter(lasting).collect();
    let names: BTreeSet<&str> = wanted.iter().map(|row| row.package.as_str()).collect();
    app.rollouts.write().retain(|digest, _| names.contains(digest.as_str()));
    for row in &wanted {
        let revision = app.rollouts.read().get(&row.package).map(|live| live.rollout.revision);
        match revision {
            Some(revision) if revision >= row.revision => {}
            Some(_) => move_on(app, row).await?,
            None => take_up(app, row).await?,
        }
    }
    outcomes(app, now).await
}

async fn move_on(app: &App, row: &Rollout) -> Result<(), StoreError> {
    let assignments = app.store.assignments(&row.package).await?;
    let question = app.store.question_about(&row.package).await?;
    let looks = looks(app, &row.package).await?;
    if let Some(live) = app.rollouts.write().get_mut(&row.package) {
        live.rollout = row.clone();
        live.question = question;
        live.looks = looks;
        live.assign(&assignments);
    }
    Ok(())
}

async fn take_up(app: &App, row: &Rollout) -> Result<(), StoreError> {
    let content = Arc::new(content(app, &row.package).await?);
    let known = vec![Known::default(); content.tree.places().len()];
    let question = app.store.question_about(&row.package).await?;
    let mut live = Live { content, rollout: row.clone(), known, authority: None, question, looks: looks(app, &row.package).await? };
    live.assign(&app.store.assignments(&row.package).await?);
    for outcome in app.store.outcomes(&row.package).await? {
        if let Some(state) = state_of(&outcome.state) {
            live.hear(&outcome, state);
        }
    }
    for confirmation in app.store.confirmations(&row.package).await? {
        if let Some(known) = live.content.place_of(confirmation.host).and_then(|place| live.known.get_mut(place)) {
            known.take_up(confirmation);
        }
    }
    app.rollouts.write().insert(row.package.clone(), live);
    Ok(())
}

async fn looks(app: &App, package: &str) -> Result<Looks, StoreError> {
    Ok(Looks { sample: newest(app.store.looks(LookKind::Sample, package).await?), tickets: newest(app.store.looks(LookKind::Ticket, package).await?) })
}

impl Live {
    /// Takes in what hosts were allowed.
    pub(crate) fn assign(&mut self, assignments: &[Assigned]) {
        for assigned in assignments {
            if let Some(known) = self.content.place_of(assigned.host).and_then(|place| self.known.get_mut(place)) {
                (known.given, known.applied, known.changed) = (assigned.go, assigned.applied, Some(assigned.changed));
            }
        }
    }
}

/// A package with its signatures, as hosts get it.
///
/// # Errors
///
/// There is none, or what is stored is damaged.
pub async fn signed(app: &App, digest: &str) -> Result<SignedPackage, StoreError> {
    let content = app.store.package_content(digest).await?;
    let damaged = |problem: plimsoll_core::model::problem::Problem| StoreError::damaged(format!("package:{digest}"), problem.text);
    let mut signed = SignedPackage::read("stored package", &content.document).map_err(damaged)?;
    for signature in app.store.package_signatures(digest).await? {
        signed.add(Signature { keyid: signature.keyid, sig: signature.signature });
    }
    Ok(signed)
}

/// Reads a package and its hosts.
///
/// # Errors
///
/// There is none, or it is not the one that was signed.
pub async fn content(app: &App, digest: &str) -> Result<Content, StoreError> {
    let damaged = |text: String| StoreError::damaged(format!("package:{digest}"), text);
    let stored = app.store.package_content(digest).await?;
    let places: Vec<Place> = serde_json::from_slice(&stored.hosts).map_err(|error| damaged(error.to_string()))?;
    let notes: Notes = serde_json::from_slice(&stored.notes).map_err(|error| damaged(error.to_string()))?;
    let tree = HostTree::new(places).map_err(|problem| damaged(problem.text))?;
    let signed = signed(app, digest).await?;
    if signed.digest() != digest || tree.list() != signed.package().hosts {
        return Err(damaged("Its document or its list of hosts is not the one that was signed.".to_owned()));
    }
    let text = String::from_utf8(signed.bytes()).map_err(|error| damaged(error.to_string()))?;
    let package = signed.package().clone();
    let places = tree.places();
    let place = |host: &plimsoll_core::model::identifier::HostId| places.binary_search_by_key(host, |place| place.host).ok();
    let apart = notes.apart.iter().map(|set| set.hosts.iter().filter_map(place).collect()).collect();
    Ok(Content { digest: digest.to_owned(), signed: text, artefacts: artefacts(&package), apart, tree, package })
}

/// Every file that a package needs.
pub fn artefacts(package: &DeploymentPackage) -> BTreeSet<String> {
    let mut all = BTreeSet::new();
    for plan in package.streams.values() {
        all.extend(plan.install.iter().chain(&plan.way_back).map(|target| target.sha256.clone()));
        all.extend(plan.steps.iter().filter_map(|step| match step {
            Step::File { sha256, .. } => Some(sha256.clone()),
            _ => None,
        }));
    }
    all
}

/// Reads on the outcomes that arrived at any server.
async fn outcomes(app: &App, now: Timestamp) -> Result<(), StoreError> {
    let since = *app.rollouts.read.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(since) = since {
        let rows = app.store.outcomes_since(since.checked_sub(OVERLAP).unwrap_or(since)).await?;
        let mut live = app.rollouts.write();
        for row in rows {
            if let (Some(live), Some(state)) = (live.get_mut(&row.package), state_of(&row.state)) {
                live.hear(&row, state);
            }
        }
    }
    // Whatever came before is read with the rollout itself.
    *app.rollouts.read.lock().unwrap_or_else(PoisonError::into_inner) = Some(now);
    Ok(())
}
