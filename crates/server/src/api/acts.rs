//! Acts on hosts and enrolment: each one transaction with its leaf in the
//! evidence log.

use super::hosts::seen_host;
use super::{Answer, missing, parameter};
use crate::app::{News, Shared};
use crate::fleet::question::HostRow;
use crate::http::gate::Allowed;
use crate::http::json::Json;
use crate::http::parameters::Path;
use crate::http::problem::Refusal;
use crate::http::repeat::shown_once;
use crate::identity::enrolment::NewEnrolment;
use crate::identity::principal::Who;
use crate::membership;
use crate::phases::evaluate;
use axum::body::Bytes;
use axum::extract::State;
use axum::response::Response;
use jiff::Timestamp;
use plimsoll_core::model::component::Component;
use plimsoll_core::model::host::{Host, OperatingSystem};
use plimsoll_core::model::identifier::{ClientId, GroupId, HostId, TokenId};
use plimsoll_core::model::policy::Exposure;
use plimsoll_core::model::registration::{HostSource, HostState, Registration};
use plimsoll_core::model::report::Report;
use plimsoll_formats::protocol;
use plimsoll_store::hosts::Machine;
use plimsoll_store::{Actor, Intent};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use std::collections::BTreeMap;

/// Whoever acts, for the evidence log.
pub fn actor(allowed: &Allowed) -> Actor {
    let name = match &allowed.principal.who {
        Who::Person { name, .. } | Who::Token { name, .. } => Some(name.clone()),
        Who::Host { .. } | Who::Nobody => None,
    };
    Actor {
        id: allowed.principal.to_string(),
        name,
        strength: allowed.principal.strength.word().to_owned(),
        request: Some(allowed.caller.request.clone()),
    }
}

/// Why, in a person's words.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Reason {
    /// The words; they stay beside the evidence and can be deleted.
    pub reason: Option<String>,
}

fn row(app: &Shared, id: HostId) -> Result<HostRow, Refusal> {
    let fleet = app.fleet.read();
    fleet.host(id).map(|managed| managed.row(app.clock())).ok_or_else(|| missing("host", &id.to_string()))
}

async fn change_host<F>(app: &Shared, allowed: &Allowed, id: &str, verb: &str, reason: Option<String>, act: F) -> Answer<HostRow>
where
    F: for<'a> FnOnce(&'a mut plimsoll_store::Change, HostId) -> plimsoll_store::group_commit::Working<'a, Registration>,
{
    let id = seen_host(app, &allowed.scope, id, |managed| managed.registration.id)?;
    let mut change = app.store.begin(Intent::new(actor(allowed), Timestamp::now(), verb, format!("host:{id}"))).await?;
    let registration = act(&mut change, id).await?;
    change.commit(reason.as_deref()).await?;
    app.fleet.write().register(registration, 0);
    membership::follow(app, id).await;
    let _ = app.news.send(News::Host(id));
    Ok(Json(row(app, id)?))
}

/// Accepts a host that waits.
pub async fn accept(State(app): State<Shared>, allowed: Allowed, Path(id): Path<String>, Json(why): Json<Reason>) -> Answer<HostRow> {
    change_host(&app, &allowed, &id, "host.accept", why.reason, |change, id| Box::pin(change.approve_host(id))).await
}

/// Retires a host.
pub async fn retire(State(app): State<Shared>, allowed: Allowed, Path(id): Path<String>, Json(why): Json<Reason>) -> Answer<HostRow> {
    change_host(&app, &allowed, &id, "host.retire", why.reason, |change, id| Box::pin(change.retire_host(id))).await
}

/// Takes the flag off a host that somebody looked at.
pub async fn unflag(State(app): State<Shared>, allowed: Allowed, Path(id): Path<String>, Json(why): Json<Reason>) -> Answer<HostRow> {
    change_host(&app, &allowed, &id, "host.unflag", why.reason, |change, id| Box::pin(change.flag_host(id, None))).await
}

/// What people say of a host; a field left out stays, an empty one is taken
/// away.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Edit {
    /// Labels, all of them.
    pub labels: Option<BTreeMap<String, String>>,
    /// Tier.
    pub tier: Option<String>,
    /// `open`, `controlled` or `small`.
    pub exposure: Option<String>,
    /// Environment.
    pub environment: Option<String>,
    /// Owner.
    pub owner: Option<String>,
    /// Why.
    pub reason: Option<String>,
}

/// Edits a host, and judges it again: its due dates may depend on it.
pub async fn edit(State(app): State<Shared>, allowed: Allowed, Path(id): Path<String>, Json(wish): Json<Edit>) -> Answer<HostRow> {
    let exposure = match wish.exposure.as_deref() {
        None => None,
        Some("") => Some(None),
        Some(word) => Some(Some(Exposure::parse(word).ok_or_else(|| {
            parameter("exposure", format!("{word:?} is none of open, controlled, small"), "use the word that says how far the host can be reached")
        })?)),
    };
    let given = |value: Option<String>| value.map(|value| Some(value).filter(|value| !value.is_empty()));
    let (tier, environment, owner, labels) = (given(wish.tier), given(wish.environment), given(wish.owner), wish.labels);
    let answer = change_host(&app, &allowed, &id, "host.edit", wish.reason, move |change, id| {
        Box::pin(change.update_host(id, move |host| {
            host.labels = labels.unwrap_or_else(|| std::mem::take(&mut host.labels));
            host.tier = tier.unwrap_or_else(|| host.tier.take());
            host.exposure = exposure.unwrap_or(host.exposure);
            host.environment = environment.unwrap_or_else(|| host.environment.take());
            host.owner = owner.unwrap_or_else(|| host.owner.take());
        }))
    })
    .await?;
    evaluate::again(&app, answer.0.id).await?;
    Ok(Json(row(&app, answer.0.id)?))
}

/// What an enrolment token is to allow.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct TokenWish {
    /// Client that hosts join; may be left out where there is one.
    #[schema(value_type = Option<String>)]
    pub client: Option<ClientId>,
    /// Group that hosts join.
    #[schema(value_type = Option<String>)]
    pub group: Option<GroupId>,
    /// Hosts it may let in.
    #[serde(default = "one")]
    pub uses: u32,
    /// Hours it lives.
    #[serde(default = "day")]
    pub hours: u16,
    /// What it is for.
    #[serde(default = "purpose")]
    pub note: String,
}

fn one() -> u32 {
    1
}

fn day() -> u16 {
    24
}

fn purpose() -> String {
    "joining hosts".to_owned()
}

/// A new enrolment token; the secret is in the command and nowhere else.
#[derive(Debug, Serialize, ToSchema)]
pub struct TokenMade {
    /// The command to copy to the host.
    pub command: String,
    /// The secret alone.
    pub token: String,
    /// When it ends.
    #[schema(value_type = String, format = DateTime)]
    pub expires: Timestamp,
    /// Digest of the root document, to compare out of band.
    pub root_digest: Option<String>,
}

/// The command with which a host joins. The token goes through the
/// environment: other users of the host can read a command line.
pub fn join_command(app: &Shared, token: &str) -> String {
    let root = app.root_digest.as_ref().map(|digest| format!(" --root-digest {digest}")).unwrap_or_default();
    format!("PLIMSOLL_TOKEN={token} plimsoll agent --server {}{root}", app.url)
}

/// Makes an enrolment token for a program.
///
/// # Errors
///
/// As [`make_enrolment`].
pub async fn make_token(State(app): State<Shared>, allowed: Allowed, Json(wish): Json<TokenWish>) -> Result<Response, Refusal> {
    let (id, made) = make_enrolment(&app, &allowed, wish).await?;
    Ok(shown_once(format!("the secret of enrolment token {id}"), Json(made)))
}

/// Makes an enrolment token; gives its id as well.
///
/// # Errors
///
/// What is wrong with the wish, or what the store meets.
pub async fn make_enrolment(app: &Shared, allowed: &Allowed, wish: TokenWish) -> Result<(TokenId, TokenMade), Refusal> {
    let client = one_client(app, allowed, wish.client).await?;
    let TokenWish { group, uses, hours, note, .. } = wish;
    if let Some(group) = group {
        let group = app.store.group(group).await?;
        if !group.query.is_empty() {
            let text = format!("the members of {} follow from its query", group.name);
            return Err(parameter("group", text, "name a group whose hosts are named by hand; hosts join the other by their facts"));
        }
    }
    let new = NewEnrolment { client, group, labels: BTreeMap::new(), note, hours, uses };
    let made = app.identity.make_enrolment(&allowed.principal, new, &allowed.caller).await?;
    let secret = made.secret.expose().to_owned();
    let made_token = TokenMade {
        command: join_command(app, &secret),
        token: secret,
        expires: made.expires,
        root_digest: app.root_digest.clone(),
    };
    Ok((made.id, made_token))
}

/// Takes back an enrolment token that the asker may see.
///
/// # Errors
///
/// `E-NOT-FOUND`, or what the store meets.
pub async fn revoke_token(app: &Shared, allowed: &Allowed, id: &str) -> Result<(), Refusal> {
    let seen = app.store.enrolment_tokens(&super::stored(&allowed.scope)).await?;
    let token = seen.into_iter().find(|token| token.id.to_string() == id).ok_or_else(|| missing("token", id))?;
    let intent = Intent::new(actor(allowed), Timestamp::now(), "enrolment-token.revoke", format!("enrolment-token:{id}"));
    let mut change = app.store.begin(intent).await?;
    change.revoke_enrolment_token(token.id).await?;
    change.commit(None).await?;
    Ok(())
}

/// The client that is meant: the one named, else the only one there is.
pub(crate) async fn one_client(app: &Shared, allowed: &Allowed, named: Option<ClientId>) -> Result<ClientId, Refusal> {
    if let Some(client) = named {
        return Ok(client);
    }
    let seen = app.store.clients(&super::stored(&allowed.scope)).await?;
    match seen.as_slice() {
        [only] => Ok(only.id),
        several => Err(parameter("client", format!("is left out, and there are {} clients", several.len()), "name the client")),
    }
}

/// A host entered by hand or brought as a file.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ManualHost {
    /// Client; may be left out where there is one.
    #[schema(value_type = Option<String>)]
    pub client: Option<ClientId>,
    /// Name.
    pub name: String,
    /// Operating system, where one is known.
    #[schema(value_type = Option<Object>)]
    pub os: Option<OperatingSystem>,
    /// Components.
    #[serde(default)]
    #[schema(value_type = Vec<Object>)]
    pub components: Vec<Component>,
}

/// Enters a host by hand: a switch, an appliance, whatever runs no agent.
pub async fn enter(State(app): State<Shared>, allowed: Allowed, Json(wish): Json<ManualHost>) -> Answer<HostRow> {
    let client = one_client(&app, &allowed, wish.client).await?;
    let report = Report {
        schema: Report::SCHEMA.to_owned(),
        agent: app.configuration.tool.clone(),
        host: Host { name: wish.name, os: wish.os, ..Host::default() },
        components: wish.components,
        updates: None,
        held_updates: Vec::new(),
        offered: Vec::new(),
        problems: Vec::new(),
    };
    bring(&app, &allowed, client, report, HostSource::Manual).await
}

/// Takes a file that `plimsoll collect` made on a host that may never talk.
pub async fn import(State(app): State<Shared>, allowed: Allowed, body: Bytes) -> Answer<HostRow> {
    let client = one_client(&app, &allowed, None).await?;
    let report = app.compute(move || protocol::read_report("import", &body)).await?.report;
    bring(&app, &allowed, client, report, HostSource::Import).await
}

async fn bring(app: &Shared, allowed: &Allowed, client: ClientId, report: Report, source: HostSource) -> Answer<HostRow> {
    if !allowed.scope.holds(client) {
        return Err(missing("client", &client.to_string()));
    }
    let name = report.host.name.clone();
    if name.is_empty() || name.len() > 253 {
        return Err(parameter("name", format!("has {} characters, allowed are 1 to 253", name.len()), "give the host a name"));
    }
    let report = app.compute(move || protocol::canonical(report)).await?;
    let now = Timestamp::now();
    let known = {
        let fleet = app.fleet.read();
        let same = fleet.hosts().find(|managed| {
            let host = &managed.registration;
            host.client == client && host.name == name && host.state == HostState::Active
        });
        same.map(|managed| (managed.registration.id, managed.registration.source))
    };
    let id = match known {
        Some((id, kept)) if kept == source => id,
        Some((_, kept)) => {
            let text = format!("{name} is a host already, and its facts come by {}", kept.word());
            return Err(Refusal::new(axum::http::StatusCode::CONFLICT, "E-TAKEN", text, "retire that host first, or use another name"));
        }
        None => add(app, allowed, client, name, source, now).await?,
    };
    evaluate::take(app, id, report, actor(allowed)).await?;
    app.fleet.write().heard(id, now);
    Ok(Json(row(app, id)?))
}

async fn add(app: &Shared, allowed: &Allowed, client: ClientId, name: String, source: HostSource, now: Timestamp) -> Result<HostId, Refusal> {
    let id = HostId::from_bits(plimsoll_store::identifier::fresh(now)?);
    let registration = Registration {
        id,
        number: 0,
        client,
        name,
        state: HostState::Active,
        source,
        labels: BTreeMap::new(),
        tier: None,
        exposure: None,
        environment: None,
        owner: None,
        public_key: None,
        enrolled: now,
        last_seen: Some(now),
        report: None,
        reported: None,
        flag: None,
    };
    let mut change = app.store.begin(Intent::new(actor(allowed), now, "host.add", format!("host:{id}"))).await?;
    let registration = change.insert_host(registration, &Machine::default()).await?;
    change.commit(None).await?;
    app.fleet.write().register(registration, 0);
    membership::follow(app, id).await;
    Ok(id)
}
