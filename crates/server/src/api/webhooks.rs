//! Webhooks, mail and their deliveries.

use super::acts::Reason;
use super::{Answer, window};
use crate::app::Shared;
use crate::http::gate::Allowed;
use crate::http::json::Json;
use crate::http::parameters::{Path, Query};
use crate::http::problem::Refusal;
use crate::http::repeat::shown_once;
use crate::notices::acts::{self, DeliveryRow, WebhookEdit, WebhookMade, WebhookRow, WebhookWish};
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use serde::Deserialize;

/// Lists webhooks.
pub async fn list(State(app): State<Shared>, allowed: Allowed) -> Answer<Vec<WebhookRow>> {
    Ok(Json(acts::list(&app, &allowed).await?))
}

/// Makes one.
pub async fn make(State(app): State<Shared>, allowed: Allowed, Json(wish): Json<WebhookWish>) -> Result<Response, Refusal> {
    Ok(with_secret(acts::make(&app, &allowed, wish).await?))
}

fn with_secret(made: WebhookMade) -> Response {
    let what = made.secret.as_ref().map(|_| format!("the signing secret of webhook {}", made.webhook.id));
    let answer = Json(made);
    match what {
        Some(what) => shown_once(what, answer),
        None => answer.into_response(),
    }
}

/// Edits one.
pub async fn edit(State(app): State<Shared>, allowed: Allowed, Path(id): Path<String>, Json(edit): Json<WebhookEdit>) -> Answer<WebhookRow> {
    Ok(Json(acts::edit(&app, &allowed, &id, edit).await?))
}

/// Gives one another signing secret.
pub async fn renew_secret(State(app): State<Shared>, allowed: Allowed, Path(id): Path<String>, Json(why): Json<Reason>) -> Result<Response, Refusal> {
    let made = acts::renew_secret(&app, &allowed, &id, why.reason.as_deref()).await?;
    Ok(with_secret(made))
}

/// Deletes one.
pub async fn delete(
    State(app): State<Shared>,
    allowed: Allowed,
    Path(id): Path<String>,
    Query(why): Query<Reason>,
) -> Result<StatusCode, Refusal> {
    acts::delete(&app, &allowed, &id, why.reason.as_deref()).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Sends a test.
pub async fn test(State(app): State<Shared>, allowed: Allowed, Path(id): Path<String>) -> Answer<DeliveryRow> {
    Ok(Json(acts::test(&app, &allowed, &id).await?))
}

/// Which part of the log.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Part {
    /// The last id of the page before.
    pub before: Option<String>,
    /// Entries wanted.
    pub take: Option<usize>,
}

/// Lists the deliveries to one.
pub async fn deliveries(State(app): State<Shared>, allowed: Allowed, Path(id): Path<String>, Query(part): Query<Part>) -> Answer<Vec<DeliveryRow>> {
    let (_, take) = window(None, part.take)?;
    Ok(Json(acts::deliveries(&app, &allowed, &id, part.before.as_deref(), take).await?))
}

/// Sends a delivery again.
pub async fn send_again(State(app): State<Shared>, allowed: Allowed, Path(id): Path<String>) -> Answer<DeliveryRow> {
    Ok(Json(acts::send_again(&app, &allowed, &id).await?))
}
