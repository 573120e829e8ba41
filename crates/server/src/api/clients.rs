//! **Clients** of a service provider: whose hosts, people and notices are kept
//! apart from each other's.

use super::acts::actor;
use super::hosts::visible;
use super::{Answer, missing, stored};
use crate::app::{App, News, Shared};
use crate::http::gate::Allowed;
use crate::http::json::Json;
use crate::http::parameters::Path;
use crate::http::problem::Refusal;
use crate::identity::checked_text;
use crate::identity::role::Permission;
use crate::membership;
use axum::extract::State;
use axum::http::StatusCode;
use jiff::Timestamp;
use plimsoll_core::model::identifier::ClientId;
use plimsoll_store::Intent;
use plimsoll_store::clients::Client;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// Longest name of a client, in characters.
const NAME: usize = 100;

/// One client.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct ClientAnswer {
    /// Id.
    #[schema(value_type = String)]
    pub id: ClientId,
    /// Name, unique.
    pub name: String,
    /// When it was made.
    #[schema(value_type = String, format = DateTime)]
    pub created: Timestamp,
    /// When it was put away; none while it is served.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub archived: Option<Timestamp>,
    /// Its hosts that the asker may see, retired ones left out.
    pub hosts: u64,
}

fn answer(app: &App, allowed: &Allowed, client: Client) -> ClientAnswer {
    let seen = visible(app, &allowed.principal.scope(Permission::ReadFleet));
    let hosts = app.fleet.read().of_client(client.id).map_or(0, |hosts| hosts.intersection_len(&seen));
    let Client { id, name, created, archived } = client;
    ClientAnswer { id, name, created, archived, hosts }
}

/// Clients that the asker may see, by name.
///
/// # Errors
///
/// What the store meets.
pub async fn seen(app: &App, allowed: &Allowed) -> Result<Vec<ClientAnswer>, Refusal> {
    let clients = app.store.clients(&stored(&allowed.principal.scope(Permission::ReadFleet))).await?;
    Ok(clients.into_iter().map(|client| answer(app, allowed, client)).collect())
}

/// A client that the asker may see, by its id or name.
///
/// # Errors
///
/// 404 where there is none, or none that the asker may see.
pub async fn named(app: &App, allowed: &Allowed, wanted: &str) -> Result<ClientAnswer, Refusal> {
    let found = seen(app, allowed).await?.into_iter().find(|client| client.name == wanted || client.id.to_string() == wanted);
    found.ok_or_else(|| missing("client", wanted))
}

/// Lists clients.
pub async fn list(State(app): State<Shared>, allowed: Allowed) -> Answer<Vec<ClientAnswer>> {
    Ok(Json(seen(&app, &allowed).await?))
}

/// A client to be made.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewClient {
    /// Name.
    pub name: String,
    /// Why.
    pub reason: Option<String>,
}

/// What is to change of a client; a field left out stays.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ClientEdit {
    /// Name.
    pub name: Option<String>,
    /// Whether it is put away. Its data stays.
    pub archived: Option<bool>,
    /// Why.
    pub reason: Option<String>,
}

/// Makes a client.
///
/// # Errors
///
/// 400 `E-TEXT`, 409 `E-TAKEN`.
pub async fn make(State(app): State<Shared>, allowed: Allowed, Json(new): Json<NewClient>) -> Answer<ClientAnswer> {
    let name = checked_text("name", &new.name, NAME)?;
    let mut change = app.store.begin(Intent::new(actor(&allowed), Timestamp::now(), "client.add", "client")).await?;
    let client = change.add_client(&name).await?;
    change.commit(new.reason.as_deref()).await?;
    membership::refresh(&app).await?;
    let _ = app.news.send(News::Other);
    Ok(Json(answer(&app, &allowed, client)))
}

/// Renames a client, puts it away or takes it back.
///
/// # Errors
///
/// As [`make`]; 404; 409 `E-CLIENT-HOSTS` for one that still has hosts.
pub async fn edit(State(app): State<Shared>, allowed: Allowed, Path(id): Path<String>, Json(wish): Json<ClientEdit>) -> Answer<ClientAnswer> {
    let known = id.parse::<ClientId>().map_err(|_| missing("client", &id))?;
    let name = wish.name.map(|name| checked_text("name", &name, NAME)).transpose()?;
    let hosts = app.fleet.read().of_client(known).map_or(0, roaring::RoaringBitmap::len);
    if wish.archived == Some(true) && hosts > 0 {
        let text = format!("it still has {hosts} hosts");
        return Err(Refusal::new(StatusCode::CONFLICT, "E-CLIENT-HOSTS", text, "retire its hosts first"));
    }
    let now = Timestamp::now();
    let mut change = app.store.begin(Intent::new(actor(&allowed), now, "client.edit", format!("client:{known}"))).await?;
    let edit = move |client: &mut Client| {
        client.name = name.unwrap_or_else(|| std::mem::take(&mut client.name));
        client.archived = wish.archived.map_or(client.archived, |away| away.then(|| client.archived.unwrap_or(now)));
    };
    let client = change.update_client(known, edit).await?;
    change.commit(wish.reason.as_deref()).await?;
    membership::refresh(&app).await?;
    let _ = app.news.send(News::Other);
    Ok(Json(answer(&app, &allowed, client)))
}
