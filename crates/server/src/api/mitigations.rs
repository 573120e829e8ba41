//! **Mitigations**: what was done on hosts in place of a patch.

use super::{Answer, missing, parameter, stored, window};
use crate::app::{App, Shared};
use crate::fleet::question::Page;
use crate::http::gate::Allowed;
use crate::http::json::Json;
use crate::http::parameters::{Path, Query};
use crate::http::problem::Refusal;
use crate::mitigations::{self, CheckWish, MitigationWish, RemovalWish, closed};
use axum::extract::State;
use jiff::Timestamp;
use plimsoll_core::model::identifier::{ClientId, HostId, MitigationId};
use plimsoll_core::model::mitigation::{Mitigation, MitigationStanding};
use plimsoll_core::model::policy::governance::Measure;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// One mitigation.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct MitigationAnswer {
    /// Id.
    #[schema(value_type = String)]
    pub id: MitigationId,
    /// Client whose hosts it is on.
    #[schema(value_type = String)]
    pub client: ClientId,
    /// Where it stands now.
    #[schema(value_type = String)]
    pub state: MitigationStanding,
    /// Kind.
    #[schema(value_type = String)]
    pub measure: Measure,
    /// Advisories it is for.
    pub advisories: Vec<String>,
    /// What was done.
    pub done: String,
    /// How it is seen to work.
    pub verify: String,
    /// Name of the check that sees it.
    pub check: Option<String>,
    /// Who answers for it.
    pub owner: String,
    /// When it was applied.
    #[schema(value_type = String, format = DateTime)]
    pub applied: Timestamp,
    /// Who said so.
    pub applied_by: String,
    /// When it was last seen to work.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub verified: Option<Timestamp>,
    /// By whom.
    pub verified_by: Option<String>,
    /// What was seen.
    pub verified_note: Option<String>,
    /// By when it is to be seen to work next.
    #[schema(value_type = String, format = DateTime)]
    pub next_check: Timestamp,
    /// How long it may stand, where the policy says.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub ends: Option<Timestamp>,
    /// Its hosts.
    pub hosts: Vec<MitigatedHost>,
    /// Of those, hosts where a patch took its place and nobody removed it.
    pub to_remove: u64,
    /// By when it is to be removed there, by the policy in force.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub remove_by: Option<Timestamp>,
}

/// A host that it was applied on.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct MitigatedHost {
    /// Host.
    #[schema(value_type = String)]
    pub host: HostId,
    /// Its name.
    pub name: String,
    /// Whether a patch took its place, and it is to be removed.
    pub to_remove: bool,
    /// When it was removed; none while it is in place.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub removed: Option<Timestamp>,
    /// By whom.
    pub removed_by: Option<String>,
    /// Why.
    pub removed_because: Option<String>,
}

/// A mitigation as it stands now.
pub fn answer(app: &App, mitigation: Mitigation) -> MitigationAnswer {
    let closed = closed(app, &mitigation);
    let state = mitigation.standing(app.clock().now, &closed);
    let next_check = mitigation.next_check();
    let fleet = app.fleet.read();
    let (verified, verified_by, verified_note) = match mitigation.verified {
        Some(seen) => (Some(seen.at), Some(seen.by), Some(seen.note).filter(|note| !note.is_empty())),
        None => (None, None, None),
    };
    let host = |(host, removal): (HostId, Option<plimsoll_core::model::mitigation::Removal>)| {
        let name = fleet.host(host).map(|managed| managed.registration.name.clone()).unwrap_or_default();
        let (removed, removed_by, removed_because) = match removal {
            Some(removal) => (Some(removal.at), Some(removal.by), Some(removal.why)),
            None => (None, None, None),
        };
        MitigatedHost { host, name, to_remove: closed.contains(&host), removed, removed_by, removed_because }
    };
    MitigationAnswer {
        id: mitigation.id,
        client: mitigation.client,
        state,
        measure: mitigation.measure,
        advisories: mitigation.advisories.into_iter().collect(),
        done: mitigation.done,
        verify: mitigation.verify,
        check: mitigation.check,
        owner: mitigation.owner,
        applied: mitigation.applied,
        applied_by: mitigation.by,
        verified,
        verified_by,
        verified_note,
        next_check,
        ends: mitigation.ends,
        hosts: mitigation.hosts.into_iter().map(host).collect(),
        to_remove: closed.len() as u64,
        remove_by: None,
    }
}

/// The same with the moment by which it is to be removed.
async fn dated(app: &App, mitigation: Mitigation) -> Result<MitigationAnswer, Refusal> {
    let remove_by = mitigations::remove_by(app, &mitigation, app.clock().now).await?;
    Ok(MitigationAnswer { remove_by, ..answer(app, mitigation) })
}

/// Which mitigations.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Which {
    /// Where they stand.
    pub standing: Option<String>,
    /// One client's, by id.
    pub client: Option<String>,
    /// Advisory.
    pub advisory: Option<String>,
    /// Host that they were applied on, by id.
    pub host: Option<String>,
    /// Rows left out at the front.
    pub skip: Option<usize>,
    /// Rows wanted.
    pub take: Option<usize>,
}

/// Lists mitigations, the newest first.
pub async fn list(State(app): State<Shared>, allowed: Allowed, Query(which): Query<Which>) -> Answer<Page<MitigationAnswer>> {
    let (skip, take) = window(which.skip, which.take)?;
    let standing = which.standing.as_deref().filter(|word| !word.is_empty());
    let standing = standing.map(|word| {
        MitigationStanding::parse(word).ok_or_else(|| {
            let words = MitigationStanding::ALL.map(MitigationStanding::word).join(", ");
            parameter("standing", format!("is {word:?}, allowed are {words}"), "choose one of them")
        })
    });
    let (standing, now) = (standing.transpose()?, app.clock().now);
    let client = which.client.as_deref().map(|id| id.parse::<ClientId>().map_err(|_| missing("client", id))).transpose()?;
    let host = which.host.as_deref().map(|id| id.parse::<HostId>().map_err(|_| missing("host", id))).transpose()?;
    let mut found = app.store.mitigations(&stored(&allowed.scope)).await?;
    found.retain(|mitigation| {
        client.is_none_or(|client| mitigation.client == client)
            && which.advisory.as_ref().is_none_or(|advisory| mitigation.advisories.contains(advisory))
            && host.is_none_or(|host| mitigation.hosts.contains_key(&host))
            && standing.is_none_or(|standing| mitigations::standing(&app, mitigation, now) == standing)
    });
    let total = found.len();
    let mut rows = Vec::new();
    for mitigation in found.into_iter().skip(skip).take(take) {
        rows.push(dated(&app, mitigation).await?);
    }
    Ok(Json(Page { rows, total }))
}

/// One mitigation.
pub async fn show(State(app): State<Shared>, allowed: Allowed, Path(id): Path<String>) -> Answer<MitigationAnswer> {
    let mitigation = mitigations::seen(&app, &allowed, &id).await?;
    Ok(Json(dated(&app, mitigation).await?))
}

/// Writes one down.
pub async fn add(State(app): State<Shared>, allowed: Allowed, Json(wish): Json<MitigationWish>) -> Answer<MitigationAnswer> {
    let mitigation = mitigations::add(&app, &allowed, wish).await?;
    Ok(Json(answer(&app, mitigation)))
}

/// Notes that one was seen to work.
pub async fn verify(State(app): State<Shared>, allowed: Allowed, Path(id): Path<String>, Json(wish): Json<CheckWish>) -> Answer<MitigationAnswer> {
    let mitigation = mitigations::verify(&app, &allowed, &id, wish).await?;
    Ok(Json(answer(&app, mitigation)))
}

/// Notes that one was removed.
pub async fn remove(State(app): State<Shared>, allowed: Allowed, Path(id): Path<String>, Json(wish): Json<RemovalWish>) -> Answer<MitigationAnswer> {
    let mitigation = mitigations::remove(&app, &allowed, &id, wish).await?;
    Ok(Json(answer(&app, mitigation)))
}
