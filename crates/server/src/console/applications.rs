//! **Applications**, as pages; each act is the API's.

use super::groups::named;
use super::handlers::{Page, Visit, Why, asked, chosen_client, filled, written};
use super::query::segment;
use super::{export, fill, lists, pages};
use crate::api::applications::{self, ApplicationWish};
use crate::api::hosts::visible;
use crate::api::stored;
use crate::app::Shared;
use crate::applications::seen;
use crate::http::gate::Allowed;
use crate::http::json::Json;
use crate::http::parameters::{Path, Query};
use crate::http::problem::Refusal;
use crate::http::routes::{Access, Routes};
use crate::identity::role::Permission;
use axum::extract::{Form, RawQuery, State};
use axum::http::Method;
use axum::response::{IntoResponse, Redirect, Response};
use plimsoll_core::model::identifier::ClientId;
use serde::Deserialize;

/// The page of applications.
const APPLICATIONS: &str = "/console/applications";

/// The routes.
pub fn routes() -> Routes<Shared> {
    let (get, post) = (Method::GET, Method::POST);
    let (view, edit) = (Access::Needs(Permission::ReadFleet), Access::Needs(Permission::EditApplications));
    Routes::new()
        .route(get.clone(), APPLICATIONS, view, list)
        .route(get.clone(), "/console/applications.csv", view, csv)
        .route(get.clone(), "/console/applications.json", view, json)
        .route(get, "/console/applications/{id}", view, show)
        .route(post.clone(), APPLICATIONS, edit, make)
        .route(post.clone(), "/console/applications/{id}", edit, change)
        .route(post, "/console/applications/{id}/remove", edit, remove)
}

fn address(id: &str) -> String {
    format!("{APPLICATIONS}/{}", segment(id))
}

async fn list(State(app): State<Shared>, allowed: Allowed, RawQuery(query): RawQuery) -> Page {
    let visit = Visit::new(&app, &allowed);
    let query = asked(&lists::APPLICATIONS, APPLICATIONS, query.as_deref());
    let view = fill::applications(&app, &allowed, &visit.seen, query).await.map_err(|refusal| visit.refused(refusal))?;
    Ok(written(pages::applications(&visit.shell, &view)))
}

async fn rows(app: &Shared, allowed: &Allowed, query: Option<String>) -> Result<Vec<super::views::ApplicationRow>, Refusal> {
    let query = asked(&lists::APPLICATIONS, APPLICATIONS, query.as_deref());
    Ok(fill::applications_rows(app, allowed, &visible(app, &allowed.scope), &query).await?.1)
}

async fn csv(State(app): State<Shared>, allowed: Allowed, RawQuery(query): RawQuery) -> Result<Response, Refusal> {
    export::csv("applications", &export::APPLICATIONS, rows(&app, &allowed, query).await?.iter().map(export::application))
}

async fn json(State(app): State<Shared>, allowed: Allowed, RawQuery(query): RawQuery) -> Result<Response, Refusal> {
    export::json("applications", &export::APPLICATIONS, rows(&app, &allowed, query).await?.iter().map(export::application))
}

async fn show(State(app): State<Shared>, allowed: Allowed, Path(id): Path<String>) -> Page {
    let visit = Visit::new(&app, &allowed);
    let filled = async { fill::application(&app, &allowed, &visit.seen, seen(&app, &stored(&allowed.scope), &id).await?).await };
    let view = filled.await.map_err(|refusal| visit.refused(refusal))?;
    Ok(written(pages::application(&visit.shell, &view)))
}

#[derive(Deserialize)]
struct ApplicationForm {
    #[serde(default)]
    client: String,
    name: String,
    #[serde(default)]
    owner: String,
    #[serde(default)]
    team: String,
    #[serde(default)]
    stakeholders: String,
    #[serde(default)]
    note: String,
    #[serde(default)]
    group: String,
    #[serde(default)]
    hosts: String,
    #[serde(default)]
    reason: String,
}

impl ApplicationForm {
    fn wish(self, app: &Shared, allowed: &Allowed, client: Option<ClientId>) -> Result<ApplicationWish, Refusal> {
        let lines = self.stakeholders.lines().map(str::trim).filter(|line| !line.is_empty());
        // Named hosts count only where no group is chosen.
        let hosts = if self.group.is_empty() { Some(named(app, allowed, client, &self.hosts)?) } else { None };
        Ok(ApplicationWish {
            client,
            name: Some(self.name),
            owner: Some(self.owner),
            team: Some(self.team),
            stakeholders: Some(lines.map(str::to_owned).collect()),
            note: Some(self.note),
            group: Some(self.group),
            hosts,
            reason: filled(self.reason),
        })
    }
}

async fn make(State(app): State<Shared>, allowed: Allowed, Form(form): Form<ApplicationForm>) -> Page {
    let visit = Visit::new(&app, &allowed);
    let done = async {
        let client = chosen_client(form.client.clone())?;
        let wish = form.wish(&app, &allowed, client)?;
        applications::make(State(Shared::clone(&app)), allowed, Json(wish)).await
    };
    let made = done.await.map_err(|refusal| visit.refused(refusal))?;
    Ok(Redirect::to(&address(&made.0.id.to_string())).into_response())
}

async fn change(State(app): State<Shared>, allowed: Allowed, Path(id): Path<String>, Form(form): Form<ApplicationForm>) -> Page {
    let visit = Visit::new(&app, &allowed);
    let done = async {
        let known = seen(&app, &stored(&allowed.principal.scope(Permission::ReadFleet)), &id).await?;
        let wish = form.wish(&app, &allowed, Some(known.client))?;
        applications::edit(State(Shared::clone(&app)), allowed, Path(id.clone()), Json(wish)).await
    };
    done.await.map(drop).map_err(|refusal| visit.refused(refusal))?;
    Ok(Redirect::to(&address(&id)).into_response())
}

async fn remove(State(app): State<Shared>, allowed: Allowed, Path(id): Path<String>, Form(why): Form<Why>) -> Page {
    let visit = Visit::new(&app, &allowed);
    applications::delete(State(app), allowed, Path(id), Query(why.reason())).await.map(drop).map_err(|refusal| visit.refused(refusal))?;
    Ok(Redirect::to(APPLICATIONS).into_response())
}
