//! The page of **exceptions**; each act is the API's.

use super::fill;
use super::groups::named;
use super::handlers::{Page, Visit, Why, chosen_client, filled, written};
use super::pages;
use crate::api::parameter;
use crate::app::Shared;
use crate::exceptions::{self, ExceptionWish, RenewalWish};
use crate::http::gate::Allowed;
use crate::http::parameters::{Path, Query};
use crate::http::problem::Refusal;
use crate::http::routes::{Access, Routes};
use crate::identity::role::Permission;
use axum::extract::{Form, State};
use axum::http::Method;
use axum::response::{IntoResponse, Redirect};
use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::TimeZone;
use serde::Deserialize;
use std::collections::BTreeSet;

const PAGE: &str = "/console/exceptions";

/// The routes of the page.
pub(super) fn routes() -> Routes<Shared> {
    let (post, edit) = (Method::POST, Access::Needs(Permission::EditExceptions));
    Routes::new()
        .route(Method::GET, PAGE, Access::Needs(Permission::ReadFleet), show)
        .route(post.clone(), PAGE, edit, request)
        .route(post.clone(), "/console/exceptions/{exception}/renew", edit, renew)
        .route(post.clone(), "/console/exceptions/{exception}/review", edit, review)
        .route(post.clone(), "/console/exceptions/{exception}/withdraw", edit, withdraw)
        .route(post.clone(), "/console/exceptions/{exception}/approve", Access::Needs(Permission::Approve), approve)
        .route(post, "/console/exceptions/{exception}/refuse", Access::Needs(Permission::RefuseExceptions), refuse)
}

/// What a link to the page fills in.
#[derive(Debug, Default, Deserialize)]
pub(super) struct Filled {
    /// Advisory.
    #[serde(default)]
    pub(super) advisory: String,
    /// Name of a host.
    #[serde(default)]
    pub(super) host: String,
}

async fn show(State(app): State<Shared>, allowed: Allowed, Query(with): Query<Filled>) -> Page {
    let visit = Visit::new(&app, &allowed);
    let view = fill::exceptions(&app, &allowed, (with.advisory, with.host)).await.map_err(|refusal| visit.refused(refusal))?;
    Ok(written(pages::exceptions(&visit.shell, &view)))
}

#[derive(Debug, Deserialize)]
struct ExceptionRequest {
    #[serde(default)]
    client: String,
    advisories: String,
    #[serde(default)]
    package: String,
    kind: String,
    #[serde(default)]
    group: String,
    #[serde(default)]
    hosts: String,
    until: String,
    owner: String,
    reason: String,
    #[serde(default)]
    control: String,
}

/// The last second of a day in the policy's zone.
pub(super) fn end_of(app: &Shared, day: &str) -> Result<Timestamp, Refusal> {
    let wrong = || parameter("until", format!("{day:?} is no day"), "write it as 2026-12-24");
    let day: Date = day.trim().parse().map_err(|_| wrong())?;
    let zone = app.policy().policies.first().map_or(TimeZone::UTC, |own| own.zone.clone());
    Ok(day.at(23, 59, 59, 0).to_zoned(zone).map_err(|_| wrong())?.timestamp())
}

/// The words of the form's choice that stands for all hosts.
pub(super) const ALL: &str = "all";

async fn request(State(app): State<Shared>, allowed: Allowed, Form(form): Form<ExceptionRequest>) -> Page {
    let visit = Visit::new(&app, &allowed);
    let done = async {
        let client = chosen_client(form.client.clone())?;
        let group = filled(form.group);
        let hosts = if group.is_none() { named(&app, &allowed, client, &form.hosts)? } else { BTreeSet::new() };
        let advisories = form.advisories.split([' ', ',']).map(str::trim).filter(|advisory| !advisory.is_empty());
        let wish = ExceptionWish {
            client,
            kind: form.kind,
            advisories: advisories.map(str::to_owned).collect(),
            package: filled(form.package),
            hosts,
            all_hosts: group.as_deref() == Some(ALL),
            group: group.filter(|group| group != ALL),
            owner: form.owner,
            reason: form.reason,
            control: filled(form.control),
            until: end_of(&app, &form.until)?,
        };
        exceptions::request(&app, &allowed, wish).await
    };
    done.await.map(drop).map_err(|refusal| visit.refused(refusal))?;
    Ok(Redirect::to(PAGE).into_response())
}

#[derive(Debug, Deserialize)]
struct Renewal {
    until: String,
    reason: String,
}

async fn renew(State(app): State<Shared>, allowed: Allowed, Path(id): Path<String>, Form(form): Form<Renewal>) -> Page {
    let visit = Visit::new(&app, &allowed);
    let done = async {
        let wish = RenewalWish { until: end_of(&app, &form.until)?, reason: form.reason, control: None, owner: None };
        exceptions::renew(&app, &allowed, &id, wish).await
    };
    done.await.map(drop).map_err(|refusal| visit.refused(refusal))?;
    Ok(Redirect::to(PAGE).into_response())
}

async fn approve(State(app): State<Shared>, allowed: Allowed, Path(id): Path<String>, Form(why): Form<Why>) -> Page {
    let visit = Visit::new(&app, &allowed);
    exceptions::approve(&app, &allowed, &id, why.reason().reason).await.map(drop).map_err(|refusal| visit.refused(refusal))?;
    Ok(Redirect::to(PAGE).into_response())
}

async fn refuse(State(app): State<Shared>, allowed: Allowed, Path(id): Path<String>, Form(why): Form<Why>) -> Page {
    let visit = Visit::new(&app, &allowed);
    let why = why.reason().reason.unwrap_or_default();
    exceptions::refuse(&app, &allowed, &id, &why).await.map(drop).map_err(|refusal| visit.refused(refusal))?;
    Ok(Redirect::to(PAGE).into_response())
}

async fn review(State(app): State<Shared>, allowed: Allowed, Path(id): Path<String>, Form(why): Form<Why>) -> Page {
    let visit = Visit::new(&app, &allowed);
    let why = why.reason().reason.unwrap_or_default();
    exceptions::review(&app, &allowed, &id, &why).await.map(drop).map_err(|refusal| visit.refused(refusal))?;
    Ok(Redirect::to(PAGE).into_response())
}

async fn withdraw(State(app): State<Shared>, allowed: Allowed, Path(id): Path<String>, Form(why): Form<Why>) -> Page {
    let visit = Visit::new(&app, &allowed);
    let why = why.reason().reason.unwrap_or_default();
    exceptions::withdraw(&app, &allowed, &id, &why).await.map(drop).map_err(|refusal| visit.refused(refusal))?;
    Ok(Redirect::to(PAGE).into_response())
}
