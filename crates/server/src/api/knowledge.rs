//! What answers rest on: sources and policy.

use super::Answer;
use crate::app::Shared;
use crate::http::gate::Allowed;
use crate::http::json::Json;
use axum::extract::State;
use jiff::Timestamp;
use plimsoll_core::model::problem::Problem;
use plimsoll_core::model::scan::PolicyInForce;
use plimsoll_core::model::source::Source;
use serde::Serialize;
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
    let limit = app.configuration.policies.max_feed_age.seconds();
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
pub async fn policy(State(app): State<Shared>, _allowed: Allowed) -> Answer<Vec<PolicyInForce>> {
    Ok(Json(app.configuration.policies.in_force()))
}
