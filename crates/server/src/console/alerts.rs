//! The page of **alerts**.

use super::handlers::{Page, filled, refused, written};
use super::{fill, pages};
use crate::api::acts::Reason;
use crate::api::alerts;
use crate::app::Shared;
use crate::http::gate::Allowed;
use crate::http::json::Json;
use crate::http::parameters::Path;
use crate::http::routes::{Access, Routes};
use crate::identity::role::Permission;
use axum::extract::{Form, State};
use axum::http::Method;
use axum::response::{IntoResponse, Redirect};
use serde::Deserialize;

const PAGE: &str = "/console/alerts";

/// The routes of the page.
pub(super) fn routes() -> Routes<Shared> {
    Routes::new()
        .route(Method::GET, PAGE, Access::Needs(Permission::ReadAlerts), show)
        .route(Method::POST, "/console/alerts/{alert}/close", Access::Needs(Permission::CloseAlerts), close)
}

#[derive(Debug, Default, Deserialize)]
struct Why {
    #[serde(default)]
    reason: String,
}

async fn show(State(app): State<Shared>, allowed: Allowed) -> Page {
    let view = fill::alerts(&app, &allowed).await.map_err(|refusal| refused(&app, &allowed, refusal))?;
    Ok(written(pages::alerts(&fill::shell(&app, &allowed), &view)))
}

async fn close(State(app): State<Shared>, allowed: Allowed, id: Path<String>, Form(why): Form<Why>) -> Page {
    let reason = Json(Reason { reason: filled(why.reason) });
    let closed = alerts::close(State(Shared::clone(&app)), allowed.clone(), id, reason).await;
    closed.map_err(|refusal| refused(&app, &allowed, refusal))?;
    Ok(Redirect::to(PAGE).into_response())
}
