//! **Groups**, as pages; each act is the API's.

use super::handlers::{Page, Visit, Why, asked, chosen_client, filled, written};
use super::query::segment;
use super::{export, fill, lists, pages};
use crate::api::groups::{self, GroupEdit, NamedHosts, NewGroup, seen_group};
use crate::api::hosts::visible;
use crate::api::parameter;
use crate::app::{App, Shared};
use crate::http::gate::Allowed;
use crate::http::json::Json;
use crate::http::parameters::{Path, Query};
use crate::http::problem::Refusal;
use crate::http::routes::{Access, Routes};
use crate::identity::role::Permission;
use axum::extract::{Form, RawQuery, State};
use axum::http::Method;
use axum::response::{IntoResponse, Redirect, Response};
use plimsoll_core::model::identifier::HostId;
use plimsoll_core::model::registration::HostState;
use plimsoll_store::groups::Group;
use serde::Deserialize;
use std::collections::BTreeSet;

/// The page of groups.
const GROUPS: &str = "/console/groups";

/// The routes.
pub fn routes() -> Routes<Shared> {
    let (get, post) = (Method::GET, Method::POST);
    let (view, edit) = (Access::Needs(Permission::ReadFleet), Access::Needs(Permission::EditGroups));
    Routes::new()
        .route(get.clone(), GROUPS, view, list)
        .route(post.clone(), GROUPS, edit, make)
        .route(get.clone(), "/console/groups/{id}", view, show)
        .route(get.clone(), "/console/groups/{id}/hosts.csv", view, hosts_csv)
        .route(get, "/console/groups/{id}/hosts.json", view, hosts_json)
        .route(post.clone(), "/console/groups/{id}", edit, change)
        .route(post.clone(), "/console/groups/{id}/hosts", edit, name_hosts)
        .route(post, "/console/groups/{id}/remove", edit, remove)
}

fn address(id: &str) -> String {
    format!("{GROUPS}/{}", segment(id))
}

async fn list(State(app): State<Shared>, allowed: Allowed) -> Page {
    let visit = Visit::new(&app, &allowed);
    let view = fill::groups(&app, &allowed, &visit.seen).await.map_err(|refusal| visit.refused(refusal))?;
    Ok(written(pages::groups(&visit.shell, &view)))
}

async fn show(State(app): State<Shared>, allowed: Allowed, Path(id): Path<String>, RawQuery(query): RawQuery) -> Page {
    let visit = Visit::new(&app, &allowed);
    let query = asked(&lists::GROUP_HOSTS, &address(&id), query.as_deref());
    let found = async { fill::group(&app, &allowed, &visit.seen, seen_group(&app, &allowed.scope, &id).await?, query).await };
    let view = found.await.map_err(|refusal| visit.refused(refusal))?;
    Ok(written(pages::group(&visit.shell, &view)))
}

async fn host_rows(app: &Shared, allowed: &Allowed, id: &str, query: Option<String>) -> Result<(String, Vec<super::views::HostRow>), Refusal> {
    let group = seen_group(app, &allowed.scope, id).await?;
    let query = asked(&lists::GROUP_HOSTS, &address(id), query.as_deref());
    let members = fill::group_hosts(app, group.id, &visible(app, &allowed.scope));
    Ok((export::part("hosts-of", &group.name), fill::hosts_rows(app, &members, &query).await?))
}

async fn hosts_csv(State(app): State<Shared>, allowed: Allowed, Path(id): Path<String>, RawQuery(query): RawQuery) -> Result<Response, Refusal> {
    let (name, rows) = host_rows(&app, &allowed, &id, query).await?;
    export::csv(&name, &export::HOSTS, rows.iter().map(export::host))
}

async fn hosts_json(State(app): State<Shared>, allowed: Allowed, Path(id): Path<String>, RawQuery(query): RawQuery) -> Result<Response, Refusal> {
    let (name, rows) = host_rows(&app, &allowed, &id, query).await?;
    export::json(&name, &export::HOSTS, rows.iter().map(export::host))
}

#[derive(Deserialize)]
struct GroupForm {
    #[serde(default)]
    client: String,
    name: String,
    #[serde(default)]
    query: String,
    #[serde(default)]
    note: String,
    #[serde(default)]
    reason: String,
}

async fn make(State(app): State<Shared>, allowed: Allowed, Form(form): Form<GroupForm>) -> Page {
    let visit = Visit::new(&app, &allowed);
    let done = async {
        let client = chosen_client(form.client)?;
        let new = NewGroup { client, name: form.name, query: form.query, note: form.note, reason: filled(form.reason) };
        groups::make(State(app), allowed, Json(new)).await
    };
    let made = done.await.map_err(|refusal| visit.refused(refusal))?;
    Ok(Redirect::to(&address(&made.0.id.to_string())).into_response())
}

async fn change(State(app): State<Shared>, allowed: Allowed, Path(id): Path<String>, Form(form): Form<GroupForm>) -> Page {
    let visit = Visit::new(&app, &allowed);
    let edit = GroupEdit { name: Some(form.name), query: Some(form.query), note: Some(form.note), reason: filled(form.reason) };
    groups::edit(State(app), allowed, Path(id.clone()), Json(edit)).await.map(drop).map_err(|refusal| visit.refused(refusal))?;
    Ok(Redirect::to(&address(&id)).into_response())
}

#[derive(Deserialize)]
struct Names {
    #[serde(default)]
    hosts: String,
    #[serde(default)]
    reason: String,
}

/// The hosts that names mean: those of the group's client that the asker sees.
pub(super) fn named(app: &App, allowed: &Allowed, client: Option<plimsoll_core::model::identifier::ClientId>, text: &str) -> Result<BTreeSet<HostId>, Refusal> {
    let wanted: BTreeSet<&str> = text.split(['\n', ',']).map(str::trim).filter(|name| !name.is_empty()).collect();
    let seen = visible(app, &allowed.principal.scope(Permission::ReadFleet));
    let fleet = app.fleet.read();
    let hosts = seen.iter().filter_map(|number| fleet.numbered(number)).map(|managed| &managed.registration);
    let found: Vec<_> = hosts
        .filter(|host| client.is_none_or(|client| client == host.client) && host.state != HostState::Retired && wanted.contains(host.name.as_str()))
        .collect();
    let names: BTreeSet<&str> = found.iter().map(|host| host.name.as_str()).collect();
    let unknown: Vec<&str> = wanted.difference(&names).copied().take(5).collect();
    if unknown.is_empty() {
        return Ok(found.iter().map(|host| host.id).collect());
    }
    Err(parameter("hosts", format!("{} are no hosts that you can see", unknown.join(", ")), "correct the names, one a line"))
}

async fn name_hosts(State(app): State<Shared>, allowed: Allowed, Path(id): Path<String>, Form(form): Form<Names>) -> Page {
    let visit = Visit::new(&app, &allowed);
    let done = async {
        let group: Group = seen_group(&app, &allowed.principal.scope(Permission::ReadFleet), &id).await?;
        let hosts = named(&app, &allowed, group.client, &form.hosts)?;
        groups::name_members(State(app), allowed, Path(id.clone()), Json(NamedHosts { hosts, reason: filled(form.reason) })).await
    };
    done.await.map(drop).map_err(|refusal| visit.refused(refusal))?;
    Ok(Redirect::to(&address(&id)).into_response())
}

async fn remove(State(app): State<Shared>, allowed: Allowed, Path(id): Path<String>, Form(why): Form<Why>) -> Page {
    let visit = Visit::new(&app, &allowed);
    groups::delete(State(app), allowed, Path(id), Query(why.reason())).await.map(drop).map_err(|refusal| visit.refused(refusal))?;
    Ok(Redirect::to(GROUPS).into_response())
}
