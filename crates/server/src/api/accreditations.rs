//! **Accreditations**: what authorities signed off.

use super::acts::Reason;
use super::{Answer, stored, window};
use crate::accreditations::{self, AccreditationWish};
use crate::app::Shared;
use crate::fleet::question::Page;
use crate::http::gate::Allowed;
use crate::http::json::Json;
use crate::http::parameters::{Path, Query};
use axum::extract::State;
use jiff::Timestamp;
use plimsoll_core::model::accreditation::{Accreditation, AccreditationStanding};
use plimsoll_core::model::identifier::{AccreditationId, ClientId, GroupId};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// One accreditation.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct AccreditationAnswer {
    /// Id.
    #[schema(value_type = String)]
    pub id: AccreditationId,
    /// Client whose hosts it is for.
    #[schema(value_type = String)]
    pub client: ClientId,
    /// `in-force`, `ended` or `withdrawn`.
    #[schema(value_type = String)]
    pub state: AccreditationStanding,
    /// Environments that it holds for; every one where there are none.
    pub environments: Vec<String>,
    /// Groups of hosts, by id; all hosts where there are none.
    #[schema(value_type = Vec<String>)]
    pub groups: Vec<GroupId>,
    /// Products by the names of their packages; every one where there are none.
    pub products: Vec<String>,
    /// On what it rests, and under which conditions.
    pub statement: String,
    /// Who gave it.
    pub by: String,
    /// When.
    #[schema(value_type = String, format = DateTime)]
    pub given: Timestamp,
    /// First moment in which it holds no more.
    #[schema(value_type = String, format = DateTime)]
    pub until: Timestamp,
    /// When it was taken back.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub withdrawn: Option<Timestamp>,
    /// By whom.
    pub withdrawn_by: Option<String>,
    /// Why.
    pub withdrawn_because: Option<String>,
}

fn answer(given: Accreditation) -> AccreditationAnswer {
    let state = given.standing(Timestamp::now());
    let (withdrawn, withdrawn_by, withdrawn_because) = match given.withdrawn {
        Some(gone) => (Some(gone.at), Some(gone.by), Some(gone.why)),
        None => (None, None, None),
    };
    AccreditationAnswer {
        id: given.id,
        client: given.client,
        state,
        environments: given.scope.environments.into_iter().collect(),
        groups: given.scope.groups.into_iter().collect(),
        products: given.scope.products.into_iter().collect(),
        statement: given.statement,
        by: given.by,
        given: given.given,
        until: given.until,
        withdrawn,
        withdrawn_by,
        withdrawn_because,
    }
}

/// Which part of the list.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Which {
    /// Rows left out at the front.
    pub skip: Option<usize>,
    /// Rows wanted.
    pub take: Option<usize>,
}

/// Lists accreditations, the newest first.
pub async fn list(State(app): State<Shared>, allowed: Allowed, Query(which): Query<Which>) -> Answer<Page<AccreditationAnswer>> {
    let (skip, take) = window(which.skip, which.take)?;
    let found = app.store.accreditations(&stored(&allowed.scope)).await?;
    let total = found.len();
    Ok(Json(Page { rows: found.into_iter().skip(skip).take(take).map(answer).collect(), total }))
}

/// Gives one.
pub async fn give(State(app): State<Shared>, allowed: Allowed, Json(wish): Json<AccreditationWish>) -> Answer<AccreditationAnswer> {
    accreditations::give(&app, &allowed, wish).await.map(answer).map(Json)
}

/// Takes one back.
pub async fn withdraw(State(app): State<Shared>, allowed: Allowed, Path(id): Path<String>, Json(why): Json<Reason>) -> Answer<AccreditationAnswer> {
    let reason = why.reason.unwrap_or_default();
    accreditations::withdraw(&app, &allowed, &id, &reason).await.map(answer).map(Json)
}
