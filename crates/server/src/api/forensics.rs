//! **Forensic triages**: hosts on which traces of a break-in are looked for
//! before a patch overwrites them.

use super::hosts::seen_host;
use super::{Answer, missing, parameter, window};
use crate::app::{App, Shared};
use crate::fleet::question::Page;
use crate::forensics::{self, TriageWish};
use crate::http::gate::Allowed;
use crate::http::json::Json;
use crate::http::parameters::{Path, Query};
use crate::identity::role::Scope;
use axum::extract::State;
use jiff::Timestamp;
use plimsoll_core::model::identifier::{ClientId, HostId, TriageId};
use plimsoll_core::model::triage::{TriageStanding, TriageStep, TriageWord};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use utoipa::ToSchema;

/// The triage of one host.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct TriageAnswer {
    /// Host.
    #[schema(value_type = String)]
    pub host: HostId,
    /// Its name.
    pub name: String,
    /// Its client.
    #[schema(value_type = String)]
    pub client: ClientId,
    /// `asked`, `late`, `collected` where evidence was taken and the decision
    /// is open, `compromised` where changes are held back, or `decided`.
    #[schema(value_type = String)]
    pub state: TriageStanding,
    /// Advisories that it is not decided for, and since when each asks.
    #[schema(value_type = Object)]
    pub advisories: BTreeMap<String, Timestamp>,
    /// By when its scope is to be settled, as the policy says.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub scope_by: Option<Timestamp>,
    /// By when evidence is to be taken.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub evidence_by: Option<Timestamp>,
    /// By when it is to be decided.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub decide_by: Option<Timestamp>,
    /// Why no change may start on it; none where one may.
    pub waits: Option<String>,
    /// What was said, the newest first.
    pub said: Vec<TriageSaid>,
}

/// One word of it.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct TriageSaid {
    /// Id.
    #[schema(value_type = String)]
    pub id: TriageId,
    /// scope, evidence, clean, compromised or not-possible.
    #[schema(value_type = String)]
    pub step: TriageStep,
    /// For which advisories.
    pub advisories: Vec<String>,
    /// Where the evidence lies.
    pub evidence: Option<String>,
    /// What was seen, or why.
    pub reason: Option<String>,
    /// Of a host that was broken into: whether it may be changed all the same.
    pub released: bool,
    /// When.
    #[schema(value_type = String, format = DateTime)]
    pub at: Timestamp,
    /// By whom.
    pub by: String,
}

fn said(word: TriageWord) -> TriageSaid {
    TriageSaid {
        id: word.id,
        step: word.step,
        advisories: word.advisories.into_iter().collect(),
        evidence: word.evidence,
        reason: Some(word.reason).filter(|reason| !reason.is_empty()),
        released: word.released,
        at: word.at,
        by: word.by,
    }
}

/// The triage of a host as it stands now; none for a host that is gone.
pub fn answer(app: &App, host: HostId, words: Vec<TriageWord>) -> Option<TriageAnswer> {
    let now = app.clock().now;
    let triage = app.forensics.of(&app.policy(), host, now);
    let (client, name) = app.fleet.read().host(host).map(|managed| (managed.registration.client, managed.registration.name.clone()))?;
    let by = |wanted: TriageStep| triage.as_ref().and_then(|triage| triage.wanted.iter().find(|(step, _)| *step == wanted).map(|(_, by)| *by));
    let mut said: Vec<TriageSaid> = words.into_iter().map(said).collect();
    said.reverse();
    Some(TriageAnswer {
        host,
        name,
        client,
        state: triage.as_ref().map_or(TriageStanding::Decided, |triage| triage.standing(now)),
        scope_by: by(TriageStep::Scope),
        evidence_by: by(TriageStep::Evidence),
        decide_by: by(TriageStep::Clean),
        waits: triage.as_ref().and_then(|triage| triage.barred.clone()),
        advisories: triage.map(|triage| triage.open).unwrap_or_default(),
        said,
    })
}

/// Which triages.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Which {
    /// Where they stand.
    pub state: Option<String>,
    /// One client's, by id.
    pub client: Option<String>,
    /// Rows left out at the front.
    pub skip: Option<usize>,
    /// Rows wanted.
    pub take: Option<usize>,
}

/// Hosts that something asks for, or that were found broken into, within a
/// scope; the most urgent first.
///
/// # Errors
///
/// What the store meets.
pub async fn all(app: &App, scope: &Scope) -> Result<Vec<TriageAnswer>, plimsoll_store::StoreError> {
    let seen = super::hosts::visible(app, scope);
    let hosts: Vec<HostId> = {
        let asked = app.forensics.hosts();
        let fleet = app.fleet.read();
        asked.into_iter().filter(|host| fleet.host(*host).is_some_and(|managed| seen.contains(managed.registration.number))).collect()
    };
    let mut rows = Vec::new();
    for host in hosts {
        rows.extend(answer(app, host, app.store.triages_of(host).await?));
    }
    rows.sort_by(|a, b| (a.state, a.evidence_by.or(a.decide_by), &a.name).cmp(&(b.state, b.evidence_by.or(b.decide_by), &b.name)));
    Ok(rows)
}

/// Lists them.
pub async fn list(State(app): State<Shared>, allowed: Allowed, Query(which): Query<Which>) -> Answer<Page<TriageAnswer>> {
    let (skip, take) = window(which.skip, which.take)?;
    let state = which.state.as_deref().filter(|word| !word.is_empty()).map(|word| {
        let words = TriageStanding::ALL.map(TriageStanding::word).join(", ");
        TriageStanding::parse(word).ok_or_else(|| parameter("state", format!("is {word:?}, allowed are {words}"), "choose one of them"))
    });
    let state = state.transpose()?;
    let client = which.client.as_deref().map(|id| id.parse::<ClientId>().map_err(|_| missing("client", id))).transpose()?;
    let mut rows = all(&app, &allowed.scope).await?;
    rows.retain(|row| client.is_none_or(|client| row.client == client) && state.is_none_or(|state| row.state == state));
    let total = rows.len();
    Ok(Json(Page { rows: rows.into_iter().skip(skip).take(take).collect(), total }))
}

/// One host's.
pub async fn show(State(app): State<Shared>, allowed: Allowed, Path(host): Path<String>) -> Answer<TriageAnswer> {
    let id = seen_host(&app, &allowed.scope, &host, |managed| managed.registration.id)?;
    forensics::refresh(&app, &[id]).await?;
    let words = app.store.triages_of(id).await?;
    answer(&app, id, words).map(Json).ok_or_else(|| missing("host", &host))
}

/// Says what one came to.
pub async fn say(State(app): State<Shared>, allowed: Allowed, Path(host): Path<String>, Json(wish): Json<TriageWish>) -> Answer<TriageAnswer> {
    let word = forensics::say(&app, &allowed, &host, wish).await?;
    let words = app.store.triages_of(word.host).await?;
    answer(&app, word.host, words).map(Json).ok_or_else(|| missing("host", &host))
}
