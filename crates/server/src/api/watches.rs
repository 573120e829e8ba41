//! **Watches**: what people look at again and again by the policy.

use super::Answer;
use crate::app::Shared;
use crate::http::gate::Allowed;
use crate::http::json::Json;
use crate::watches::{self, WatchAnswer, WatchWish};
use axum::extract::State;

/// Lists them.
pub async fn list(State(app): State<Shared>, _allowed: Allowed) -> Answer<Vec<WatchAnswer>> {
    Ok(Json(watches::all(&app, app.clock().now).await?))
}

/// Notes that somebody looked.
pub async fn look(State(app): State<Shared>, allowed: Allowed, Json(wish): Json<WatchWish>) -> Answer<Vec<WatchAnswer>> {
    watches::look(&app, &allowed, wish).await?;
    Ok(Json(watches::all(&app, app.clock().now).await?))
}
