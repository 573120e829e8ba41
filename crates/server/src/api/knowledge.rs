//! What answers rest on, sources and policy; and how exposed the fleet was.

use super::{Answer, hosts, parameter};
use crate::app::Shared;
use crate::exposure::{self, Exposure};
use crate::http::gate::Allowed;
use crate::http::json::Json;
use crate::http::parameters::{Path, Query};
use crate::policy::review::{self, Reviewing};
use crate::policy::versions::{self, Proposal, Remark, SignOff, VersionAnswer};
use crate::policy::{self, PolicyCheck, PolicyDraft, PolicyFile, PolicyWish, SimulationWish};
use axum::extract::State;
use jiff::Timestamp;
use plimsoll_core::model::problem::Problem;
use plimsoll_core::model::scan::PolicyInForce;
use plimsoll_core::model::source::Source;
use plimsoll_core::simulation::Simulation;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// The advisory database and its sources.
#[derive(Debug, Serialize, ToSchema)]
pub struct SourcesAnswer {
    /// Date of its newest input; none without a database.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub built: Option<Timestamp>,
    /// Digest that names its bytes.
    pub digest: Option<String>,
    /// Who signed it.
    pub signed_by: Option<String>,
    /// Sources with what is wrong with each.
    #[schema(value_type = Vec<Object>)]
    pub sources: Vec<Source>,
    /// Why the newest file was refused.
    #[schema(value_type = Option<Object>)]
    pub trouble: Option<Problem>,
}

/// The advisory database as of now.
pub fn sources_of(app: &Shared) -> SourcesAnswer {
    let limit = app.policy().max_feed_age.seconds();
    let held = app.advisories.held();
    SourcesAnswer {
        built: held.as_ref().and_then(|held| held.named.built),
        digest: held.as_ref().map(|held| held.named.digest.clone()),
        signed_by: held.as_ref().and_then(|held| held.named.signed_by.clone()),
        sources: held.map_or_else(Vec::new, |held| held.sources(Timestamp::now(), limit)),
        trouble: app.advisories.trouble(),
    }
}

/// Shows the sources.
pub async fn sources(State(app): State<Shared>, _allowed: Allowed) -> Answer<SourcesAnswer> {
    Ok(Json(sources_of(&app)))
}

/// Shows the policies in force.
pub async fn policies(State(app): State<Shared>, _allowed: Allowed) -> Answer<Vec<PolicyInForce>> {
    Ok(Json(app.policy().in_force()))
}

/// Shows the policy in force as its file.
pub async fn policy_file(State(app): State<Shared>, _allowed: Allowed) -> Answer<PolicyFile> {
    Ok(Json(policy::file(&app)))
}

/// Checks a policy and shows what it would change.
pub async fn check_policy(State(app): State<Shared>, allowed: Allowed, Json(draft): Json<PolicyDraft>) -> Answer<PolicyCheck> {
    Ok(Json(policy::check(&app, &allowed, &draft.text).await?))
}

/// Plays a policy through the past beside the one in force.
pub async fn simulate_policy(State(app): State<Shared>, allowed: Allowed, Json(wish): Json<SimulationWish>) -> Answer<Simulation> {
    Ok(Json(policy::simulate(&app, &allowed, wish).await?))
}

/// Puts a policy in force.
pub async fn set_policy(State(app): State<Shared>, allowed: Allowed, Json(wish): Json<PolicyWish>) -> Answer<PolicyFile> {
    Ok(Json(policy::set(&app, &allowed, wish).await?))
}

/// Notes a review of the policy in force.
pub async fn review_policy(State(app): State<Shared>, allowed: Allowed, Json(reviewing): Json<Reviewing>) -> Answer<PolicyFile> {
    Ok(Json(review::review(&app, &allowed, reviewing).await?))
}

/// Lists the versions of the policy, newest first.
pub async fn policy_versions(State(app): State<Shared>, allowed: Allowed) -> Answer<Vec<VersionAnswer>> {
    Ok(Json(versions::list(&app, &allowed).await?))
}

/// Shows a version of the policy with its text.
pub async fn policy_version(State(app): State<Shared>, allowed: Allowed, Path(number): Path<String>) -> Answer<VersionAnswer> {
    Ok(Json(versions::one(&app, &allowed, &number).await?))
}

/// Proposes a policy.
pub async fn propose_policy(State(app): State<Shared>, allowed: Allowed, Json(proposal): Json<Proposal>) -> Answer<VersionAnswer> {
    Ok(Json(versions::propose(&app, &allowed, proposal).await?))
}

/// Says something of a version.
pub async fn comment_policy(State(app): State<Shared>, allowed: Allowed, Path(number): Path<String>, Json(remark): Json<Remark>) -> Answer<VersionAnswer> {
    Ok(Json(versions::comment(&app, &allowed, &number, remark).await?))
}

/// Signs a version off in outline.
pub async fn outline_policy(State(app): State<Shared>, allowed: Allowed, Path(number): Path<String>, Json(remark): Json<Remark>) -> Answer<VersionAnswer> {
    Ok(Json(versions::outline(&app, &allowed, &number, remark).await?))
}

/// Signs a version off in detail.
pub async fn approve_policy(State(app): State<Shared>, allowed: Allowed, Path(number): Path<String>, Json(sign): Json<SignOff>) -> Answer<VersionAnswer> {
    Ok(Json(versions::approve(&app, &allowed, &number, sign).await?))
}

/// Refuses a version.
pub async fn refuse_policy(State(app): State<Shared>, allowed: Allowed, Path(number): Path<String>, Json(remark): Json<Remark>) -> Answer<VersionAnswer> {
    Ok(Json(versions::refuse(&app, &allowed, &number, remark).await?))
}

/// Takes a version back.
pub async fn withdraw_policy(State(app): State<Shared>, allowed: Allowed, Path(number): Path<String>, Json(remark): Json<Remark>) -> Answer<VersionAnswer> {
    Ok(Json(versions::withdraw(&app, &allowed, &number, remark).await?))
}

/// Which days, and whose.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Days {
    days: Option<u32>,
    host: Option<String>,
}

/// Shows how many findings were open at the end of each day.
pub async fn exposure(State(app): State<Shared>, allowed: Allowed, Query(asked): Query<Days>) -> Answer<Vec<Exposure>> {
    let days = asked.days.unwrap_or(exposure::SHOWN);
    if days == 0 || days > exposure::LONGEST {
        return Err(parameter("days", format!("{days} days were asked for, allowed are 1 to {}", exposure::LONGEST), "ask for fewer"));
    }
    let Some(host) = asked.host else { return Ok(Json(exposure::over_time(&app, &allowed.scope, days).await?)) };
    let host = hosts::seen_host(&app, &allowed.scope, &host, |managed| managed.registration.id)?;
    Ok(Json(exposure::of_host(&app, host, days).await?))
}
