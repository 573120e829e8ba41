//! The page of **clients**; each act is the API's.

use super::handlers::{Page, Visit, filled, written};
use super::pages;
use super::views::{ClientItem, Clients};
use crate::api::clients::{self, ClientEdit, NewClient};
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

const PAGE: &str = "/console/clients";

/// The routes of the page.
pub(super) fn routes() -> Routes<Shared> {
    let edit = Access::Needs(Permission::EditClients);
    Routes::new()
        .route(Method::GET, PAGE, Access::Needs(Permission::ReadFleet), show)
        .route(Method::POST, PAGE, edit, make)
        .route(Method::POST, "/console/clients/{client}", edit, change)
}

async fn show(State(app): State<Shared>, allowed: Allowed) -> Page {
    let visit = Visit::new(&app, &allowed);
    let seen = clients::seen(&app, &allowed).await.map_err(|refusal| visit.refused(refusal))?;
    let rows = seen.into_iter().map(|client| ClientItem {
        id: client.id.to_string(),
        name: client.name,
        made: client.created,
        away: client.archived,
        hosts: client.hosts,
    });
    let view = Clients { rows: rows.collect(), changes: allowed.principal.may(Permission::EditClients) };
    Ok(written(pages::clients(&visit.shell, &view)))
}

#[derive(Deserialize)]
struct ClientForm {
    #[serde(default)]
    name: String,
    #[serde(default)]
    away: String,
    #[serde(default)]
    reason: String,
}

async fn make(State(app): State<Shared>, allowed: Allowed, Form(form): Form<ClientForm>) -> Page {
    let visit = Visit::new(&app, &allowed);
    let new = NewClient { name: form.name, reason: filled(form.reason) };
    clients::make(State(app), allowed, Json(new)).await.map(drop).map_err(|refusal| visit.refused(refusal))?;
    Ok(Redirect::to(PAGE).into_response())
}

async fn change(State(app): State<Shared>, allowed: Allowed, id: Path<String>, Form(form): Form<ClientForm>) -> Page {
    let visit = Visit::new(&app, &allowed);
    let archived = match form.away.as_str() {
        "yes" => Some(true),
        "no" => Some(false),
        _ => None,
    };
    let edit = ClientEdit { name: filled(form.name), archived, reason: filled(form.reason) };
    clients::edit(State(app), allowed, id, Json(edit)).await.map(drop).map_err(|refusal| visit.refused(refusal))?;
    Ok(Redirect::to(PAGE).into_response())
}
