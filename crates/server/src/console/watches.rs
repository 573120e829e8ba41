//! The page of **sources** with who watches them; each act is the API's.

use super::fill;
use super::handlers::{Page, Visit, written};
use super::pages;
use crate::app::Shared;
use crate::http::gate::Allowed;
use crate::http::routes::{Access, Routes};
use crate::identity::role::Permission;
use crate::watches::{self, WatchWish};
use axum::extract::{Form, State};
use axum::http::Method;
use axum::response::{IntoResponse, Redirect};
use serde::Deserialize;

const PAGE: &str = "/console/sources";

/// The routes of the page.
pub(super) fn routes() -> Routes<Shared> {
    Routes::new()
        .route(Method::GET, PAGE, Access::Needs(Permission::ReadKnowledge), show)
        .route(Method::POST, "/console/sources/looks", Access::Needs(Permission::EditExceptions), look)
}

async fn show(State(app): State<Shared>, allowed: Allowed) -> Page {
    let visit = Visit::new(&app, &allowed);
    let watched = watches::all(&app, app.clock().now).await.map_err(|error| visit.refused(error.into()))?;
    let looks = allowed.principal.may(Permission::EditExceptions);
    Ok(written(pages::sources(&visit.shell, &fill::sources(&app, &visit.seen, watched, looks))))
}

#[derive(Debug, Deserialize)]
struct Looked {
    subject: String,
    note: String,
}

async fn look(State(app): State<Shared>, allowed: Allowed, Form(form): Form<Looked>) -> Page {
    let visit = Visit::new(&app, &allowed);
    watches::look(&app, &allowed, WatchWish { subject: form.subject, note: form.note }).await.map_err(|refusal| visit.refused(refusal))?;
    Ok(Redirect::to(PAGE).into_response())
}
