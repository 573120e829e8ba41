//! The page of **forensic triages**; each act is the API's.

use super::fill;
use super::handlers::{Page, Visit, filled, written};
use super::pages;
use crate::app::Shared;
use crate::forensics::{self, TriageWish};
use crate::http::gate::Allowed;
use crate::http::parameters::Path;
use crate::http::routes::{Access, Routes};
use crate::identity::role::Permission;
use axum::extract::{Form, State};
use axum::http::Method;
use axum::response::{IntoResponse, Redirect};
use serde::Deserialize;

const PAGE: &str = "/console/triage";

/// The routes of the page.
pub(super) fn routes() -> Routes<Shared> {
    Routes::new()
        .route(Method::GET, PAGE, Access::Needs(Permission::ReadFleet), show)
        .route(Method::POST, "/console/triage/{host}", Access::Needs(Permission::EditExceptions), say)
}

async fn show(State(app): State<Shared>, allowed: Allowed) -> Page {
    let visit = Visit::new(&app, &allowed);
    let view = fill::triage(&app, &allowed).await.map_err(|refusal| visit.refused(refusal))?;
    Ok(written(pages::triage(&visit.shell, &view)))
}

#[derive(Debug, Deserialize)]
struct Said {
    step: String,
    #[serde(default)]
    evidence: String,
    #[serde(default)]
    reason: String,
    #[serde(default)]
    released: String,
}

async fn say(State(app): State<Shared>, allowed: Allowed, Path(host): Path<String>, Form(form): Form<Said>) -> Page {
    let visit = Visit::new(&app, &allowed);
    let wish = TriageWish { step: form.step, evidence: filled(form.evidence), reason: filled(form.reason), released: form.released == "yes" };
    forensics::say(&app, &allowed, &host, wish).await.map(drop).map_err(|refusal| visit.refused(refusal))?;
    Ok(Redirect::to(PAGE).into_response())
}
