//! **Groups** of hosts: by a query in the filter language, or by hand.

use super::acts::{Reason, actor, one_client};
use super::hosts::{seen_host, visible};
use super::{Answer, missing, parameter, stored, window};
use crate::app::{App, News, Shared};
use crate::fleet::filter::Filter;
use crate::fleet::question::{HostQuestion, HostRow, Page};
use crate::http::gate::Allowed;
use crate::http::json::Json;
use crate::http::parameters::{Path, Query};
use crate::http::problem::Refusal;
use crate::identity::checked_text;
use crate::identity::role::{Permission, Scope};
use crate::membership;
use axum::extract::State;
use axum::http::StatusCode;
use jiff::Timestamp;
use plimsoll_core::model::identifier::{ClientId, GroupId, HostId};
use plimsoll_store::Intent;
use plimsoll_store::groups::Group;
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;
use utoipa::ToSchema;

/// Longest name of a group, in characters.
const NAME: usize = 100;
/// Longest note, in characters.
const NOTE: usize = 500;
/// Hosts that are named by hand at most; more are better said by a query.
const MOST: usize = 10_000;

/// One group.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct GroupAnswer {
    /// Id.
    #[schema(value_type = String)]
    pub id: GroupId,
    /// Client; none for a group across all clients.
    #[schema(value_type = Option<String>)]
    pub client: Option<ClientId>,
    /// Name.
    pub name: String,
    /// Which hosts belong to it, in the filter language; empty where they are
    /// named by hand.
    pub query: String,
    /// What it is for.
    pub note: String,
    /// When it was made.
    #[schema(value_type = String, format = DateTime)]
    pub created: Timestamp,
    /// Hosts in it that the asker may see.
    pub hosts: u64,
}

fn answer(app: &App, allowed: &Allowed, group: Group) -> GroupAnswer {
    let seen = visible(app, &allowed.principal.scope(Permission::ReadFleet));
    let hosts = app.fleet.read().of_group(group.id).map_or(0, |members| members.intersection_len(&seen));
    let Group { id, client, name, query, note, created } = group;
    GroupAnswer { id, client, name, query, note, created, hosts }
}

/// A group within a scope.
///
/// # Errors
///
/// `E-NOT-FOUND`, or what the store meets.
pub async fn seen_group(app: &App, scope: &Scope, id: &str) -> Result<Group, Refusal> {
    let seen = app.store.groups(&stored(scope)).await?;
    seen.into_iter().find(|group| group.id.to_string() == id).ok_or_else(|| missing("group", id))
}

/// Lists groups.
pub async fn list(State(app): State<Shared>, allowed: Allowed) -> Answer<Vec<GroupAnswer>> {
    let groups = app.store.groups(&stored(&allowed.scope)).await?;
    Ok(Json(groups.into_iter().map(|group| answer(&app, &allowed, group)).collect()))
}

/// One group.
pub async fn show(State(app): State<Shared>, allowed: Allowed, Path(id): Path<String>) -> Answer<GroupAnswer> {
    let group = seen_group(&app, &allowed.scope, &id).await?;
    Ok(Json(answer(&app, &allowed, group)))
}

/// Which part of a list.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Window {
    /// Rows left out at the front.
    pub skip: Option<usize>,
    /// Rows wanted.
    pub take: Option<usize>,
}

/// Hosts of a group.
pub async fn members(State(app): State<Shared>, allowed: Allowed, Path(id): Path<String>, Query(part): Query<Window>) -> Answer<Page<HostRow>> {
    let (skip, take) = window(part.skip, part.take)?;
    let group = seen_group(&app, &allowed.scope, &id).await?;
    let seen = visible(&app, &allowed.scope);
    let fleet = app.fleet.read();
    let hosts = fleet.of_group(group.id).map(|members| members & &seen).unwrap_or_default();
    let question = HostQuestion { skip, take, ..HostQuestion::default() };
    Ok(Json(fleet.list_hosts(&hosts, &question, app.clock())))
}

/// A group to be made.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewGroup {
    /// Client; may be left out where there is one.
    #[schema(value_type = Option<String>)]
    pub client: Option<ClientId>,
    /// Name.
    pub name: String,
    /// Which hosts belong to it, in the filter language; left out or empty,
    /// they are named by hand.
    #[serde(default)]
    pub query: String,
    /// What it is for.
    #[serde(default)]
    pub note: String,
    /// Why.
    pub reason: Option<String>,
}

/// What is to change of a group; a field left out stays.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct GroupEdit {
    /// Name.
    pub name: Option<String>,
    /// Query; empty, the hosts in it stay and are named by hand from then on.
    pub query: Option<String>,
    /// What it is for.
    pub note: Option<String>,
    /// Why.
    pub reason: Option<String>,
}

fn sound_query(text: &str) -> Result<String, Refusal> {
    let text = text.trim();
    if !text.is_empty() {
        Filter::parse_lasting(text)?;
    }
    Ok(text.to_owned())
}

fn sound_note(text: &str) -> Result<String, Refusal> {
    if text.trim().is_empty() { Ok(String::new()) } else { checked_text("note", text, NOTE) }
}

async fn editable(app: &App, allowed: &Allowed, id: &str) -> Result<Group, Refusal> {
    let group = seen_group(app, &allowed.principal.scope(Permission::ReadFleet), id).await?;
    let may = group.client.map_or(allowed.scope == Scope::Everything, |client| allowed.scope.holds(client));
    if may {
        return Ok(group);
    }
    let text = format!("{} may not change groups of this client", allowed.principal);
    Err(Refusal::new(StatusCode::FORBIDDEN, "E-PERMISSION", text, "ask somebody who looks after the whole client"))
}

async fn settled(app: &App, group: &Group) -> Result<(), Refusal> {
    membership::settle(app, group).await?;
    let _ = app.news.send(News::Other);
    Ok(())
}

/// Makes a group.
///
/// # Errors
///
/// 400 `E-QUERY` and `E-TEXT`, 409 `E-TAKEN`.
pub async fn make(State(app): State<Shared>, allowed: Allowed, Json(new): Json<NewGroup>) -> Answer<GroupAnswer> {
    let client = one_client(&app, &allowed, new.client).await?;
    if !allowed.scope.holds(client) {
        return Err(missing("client", &client.to_string()));
    }
    let (name, query, note) = (checked_text("name", &new.name, NAME)?, sound_query(&new.query)?, sound_note(&new.note)?);
    let mut change = app.store.begin(Intent::new(actor(&allowed), Timestamp::now(), "group.add", "group")).await?;
    let group = change.add_group(Some(client), &name, &query, &note).await?;
    change.commit(new.reason.as_deref()).await?;
    settled(&app, &group).await?;
    Ok(Json(answer(&app, &allowed, group)))
}

/// Edits a group; its members follow.
///
/// # Errors
///
/// As [`make`], and 404.
pub async fn edit(State(app): State<Shared>, allowed: Allowed, Path(id): Path<String>, Json(wish): Json<GroupEdit>) -> Answer<GroupAnswer> {
    let known = editable(&app, &allowed, &id).await?;
    let name = wish.name.map(|name| checked_text("name", &name, NAME)).transpose()?;
    let query = wish.query.map(|query| sound_query(&query)).transpose()?;
    let note = wish.note.map(|note| sound_note(&note)).transpose()?;
    let mut change = app.store.begin(Intent::new(actor(&allowed), Timestamp::now(), "group.edit", format!("group:{}", known.id))).await?;
    let edit = move |group: &mut Group| {
        group.name = name.unwrap_or_else(|| std::mem::take(&mut group.name));
        group.query = query.unwrap_or_else(|| std::mem::take(&mut group.query));
        group.note = note.unwrap_or_else(|| std::mem::take(&mut group.note));
    };
    let group = change.update_group(known.id, edit).await?;
    change.commit(wish.reason.as_deref()).await?;
    settled(&app, &group).await?;
    Ok(Json(answer(&app, &allowed, group)))
}

/// The hosts of a group that are named by hand.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NamedHosts {
    /// Ids, all of them.
    #[schema(value_type = Vec<String>)]
    pub hosts: BTreeSet<HostId>,
    /// Why.
    pub reason: Option<String>,
}

/// Names the hosts of a group.
///
/// # Errors
///
/// 409 `E-GROUP-QUERY` for a group with a query, 404 for hosts that the asker
/// may not see or that are another client's.
pub async fn name_members(State(app): State<Shared>, allowed: Allowed, Path(id): Path<String>, Json(wish): Json<NamedHosts>) -> Answer<GroupAnswer> {
    let group = editable(&app, &allowed, &id).await?;
    if !group.query.is_empty() {
        let text = format!("the members of {} follow from its query", group.name);
        return Err(Refusal::new(StatusCode::CONFLICT, "E-GROUP-QUERY", text, "edit its query, or empty it first"));
    }
    if wish.hosts.len() > MOST {
        let text = format!("{} hosts were named, the limit is {MOST}", wish.hosts.len());
        return Err(parameter("hosts", text, "give the group a query"));
    }
    for host in &wish.hosts {
        let id = host.to_string();
        let client = seen_host(&app, &allowed.scope, &id, |managed| managed.registration.client)?;
        if group.client.is_some_and(|own| own != client) {
            return Err(missing("host", &id));
        }
    }
    let intent = Intent::new(actor(&allowed), Timestamp::now(), "group.members", format!("group:{}", group.id));
    let mut change = app.store.begin(intent).await?;
    change.set_group_members(group.id, &wish.hosts).await?;
    change.commit(wish.reason.as_deref()).await?;
    settled(&app, &group).await?;
    Ok(Json(answer(&app, &allowed, group)))
}

/// Deletes a group; roles and tokens bound to it lose what it gave.
///
/// # Errors
///
/// 404.
pub async fn delete(State(app): State<Shared>, allowed: Allowed, Path(id): Path<String>, Query(why): Query<Reason>) -> Result<StatusCode, Refusal> {
    let group = editable(&app, &allowed, &id).await?;
    let intent = Intent::new(actor(&allowed), Timestamp::now(), "group.delete", format!("group:{}", group.id));
    let mut change = app.store.begin(intent).await?;
    change.delete_group(group.id).await?;
    change.commit(why.reason.as_deref()).await?;
    membership::refresh(&app).await?;
    let _ = app.news.send(News::Other);
    Ok(StatusCode::NO_CONTENT)
}
