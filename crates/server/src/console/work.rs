//! The page of **work**; each act is the API's.

use super::fill;
use super::handlers::{Page, Visit, chosen_client, filled, written};
use super::pages;
use crate::app::Shared;
use crate::http::gate::Allowed;
use crate::http::parameters::Path;
use crate::http::problem::Refusal;
use crate::http::routes::{Access, Routes};
use crate::identity::role::Permission;
use crate::work::{self, WorkCorrection, WorkStart, WorkStop, WorkWish};
use axum::extract::{Form, State};
use axum::http::Method;
use axum::response::{IntoResponse, Redirect};
use serde::Deserialize;

const PAGE: &str = "/console/work";

/// The routes of the page.
pub(super) fn routes() -> Routes<Shared> {
    let (post, record) = (Method::POST, Access::Needs(Permission::RecordWork));
    Routes::new()
        .route(Method::GET, PAGE, Access::Needs(Permission::ReadWork), show)
        .route(post.clone(), PAGE, record, add)
        .route(post.clone(), "/console/work/{work}/stop", record, stop)
        .route(post, "/console/work/{work}/correct", record, correct)
}

async fn show(State(app): State<Shared>, allowed: Allowed) -> Page {
    let visit = Visit::new(&app, &allowed);
    let view = fill::work(&app, &allowed).await.map_err(|refusal| visit.refused(refusal))?;
    Ok(written(pages::work(&visit.shell, &view)))
}

/// Hours, or a timer where no hours are said.
#[derive(Debug, Deserialize)]
struct Added {
    #[serde(default)]
    client: String,
    subject: String,
    #[serde(default)]
    advisory: String,
    #[serde(default)]
    step: String,
    #[serde(default)]
    role: String,
    #[serde(default)]
    hours: String,
    #[serde(default)]
    note: String,
}

async fn add(State(app): State<Shared>, allowed: Allowed, Form(form): Form<Added>) -> Page {
    let visit = Visit::new(&app, &allowed);
    let done = async {
        let client = chosen_client(form.client)?;
        let advisory = form.advisory.trim();
        let subject = if advisory.is_empty() { form.subject } else { format!("advisory:{advisory}") };
        let (step, role, note) = (filled(form.step), filled(form.role), filled(form.note));
        match filled(form.hours) {
            Some(hours) => work::add(&app, &allowed, WorkWish { client, step, subject, role, hours: Some(hours), note, ..WorkWish::default() }).await,
            None => work::start(&app, &allowed, WorkStart { client, step, subject, role, note }).await,
        }
    };
    ended(visit, done.await.map(drop))
}

async fn stop(State(app): State<Shared>, allowed: Allowed, Path(id): Path<String>) -> Page {
    let visit = Visit::new(&app, &allowed);
    ended(visit, work::stop(&app, &allowed, WorkStop { work: Some(id) }).await.map(drop))
}

#[derive(Debug, Deserialize)]
struct Corrected {
    hours: String,
    reason: String,
}

async fn correct(State(app): State<Shared>, allowed: Allowed, Path(id): Path<String>, Form(form): Form<Corrected>) -> Page {
    let visit = Visit::new(&app, &allowed);
    let wish = WorkCorrection { hours: Some(form.hours), reason: form.reason, ..WorkCorrection::default() };
    ended(visit, work::correct(&app, &allowed, &id, wish).await.map(drop))
}

fn ended(visit: Visit, done: Result<(), Refusal>) -> Page {
    done.map_err(|refusal| visit.refused(refusal))?;
    Ok(Redirect::to(PAGE).into_response())
}
