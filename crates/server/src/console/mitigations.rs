//! The page of **mitigations**; each act is the API's.

use super::exceptions::{ALL, Filled};
use super::fill;
use super::groups::named;
use super::handlers::{Page, Visit, chosen_client, filled, written};
use super::pages;
use crate::app::Shared;
use crate::http::gate::Allowed;
use crate::http::parameters::{Path, Query};
use crate::http::routes::{Access, Routes};
use crate::identity::role::Permission;
use crate::mitigations::{self, CheckWish, MitigationWish, RemovalWish};
use axum::extract::{Form, State};
use axum::http::Method;
use axum::response::{IntoResponse, Redirect};
use serde::Deserialize;
use std::collections::BTreeSet;

const PAGE: &str = "/console/mitigations";

/// The routes of the page.
pub(super) fn routes() -> Routes<Shared> {
    let (post, edit) = (Method::POST, Access::Needs(Permission::EditExceptions));
    Routes::new()
        .route(Method::GET, PAGE, Access::Needs(Permission::ReadFleet), show)
        .route(post.clone(), PAGE, edit, add)
        .route(post.clone(), "/console/mitigations/{mitigation}/verify", edit, verify)
        .route(post, "/console/mitigations/{mitigation}/remove", edit, remove)
}

async fn show(State(app): State<Shared>, allowed: Allowed, Query(with): Query<Filled>) -> Page {
    let visit = Visit::new(&app, &allowed);
    let view = fill::mitigations(&app, &allowed, (with.advisory, with.host)).await.map_err(|refusal| visit.refused(refusal))?;
    Ok(written(pages::mitigations(&visit.shell, &view)))
}

#[derive(Debug, Deserialize)]
struct MitigationAdded {
    #[serde(default)]
    client: String,
    advisories: String,
    measure: String,
    #[serde(default)]
    group: String,
    #[serde(default)]
    hosts: String,
    done: String,
    verify: String,
    #[serde(default)]
    check: String,
    #[serde(default)]
    owner: String,
}

async fn add(State(app): State<Shared>, allowed: Allowed, Form(form): Form<MitigationAdded>) -> Page {
    let visit = Visit::new(&app, &allowed);
    let done = async {
        let client = chosen_client(form.client)?;
        let group = filled(form.group);
        let hosts = if group.is_none() { named(&app, &allowed, client, &form.hosts)? } else { BTreeSet::new() };
        let advisories = form.advisories.split([' ', ',']).map(str::trim).filter(|advisory| !advisory.is_empty());
        let wish = MitigationWish {
            client,
            measure: form.measure,
            advisories: advisories.map(str::to_owned).collect(),
            hosts,
            all_hosts: group.as_deref() == Some(ALL),
            group: group.filter(|group| group != ALL),
            done: form.done,
            verify: form.verify,
            check: filled(form.check),
            owner: filled(form.owner),
            reason: None,
        };
        mitigations::add(&app, &allowed, wish).await
    };
    done.await.map(drop).map_err(|refusal| visit.refused(refusal))?;
    Ok(Redirect::to(PAGE).into_response())
}

#[derive(Debug, Deserialize)]
struct Seen {
    #[serde(default)]
    note: String,
}

async fn verify(State(app): State<Shared>, allowed: Allowed, Path(id): Path<String>, Form(form): Form<Seen>) -> Page {
    let visit = Visit::new(&app, &allowed);
    let wish = CheckWish { until: None, note: filled(form.note) };
    mitigations::verify(&app, &allowed, &id, wish).await.map(drop).map_err(|refusal| visit.refused(refusal))?;
    Ok(Redirect::to(PAGE).into_response())
}

#[derive(Debug, Deserialize)]
struct Removed {
    #[serde(default)]
    hosts: String,
    reason: String,
}

async fn remove(State(app): State<Shared>, allowed: Allowed, Path(id): Path<String>, Form(form): Form<Removed>) -> Page {
    let visit = Visit::new(&app, &allowed);
    let done = async {
        let known = mitigations::seen(&app, &allowed, &id).await?;
        let hosts = named(&app, &allowed, Some(known.client), &form.hosts)?;
        mitigations::remove(&app, &allowed, &id, RemovalWish { hosts, reason: form.reason }).await
    };
    done.await.map(drop).map_err(|refusal| visit.refused(refusal))?;
    Ok(Redirect::to(PAGE).into_response())
}
