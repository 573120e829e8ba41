//! **Applications** in their least form: owner, team, stakeholders, hosts and
//! an SBOM.

use super::acts::{Reason, actor, one_client};
use super::groups::seen_group;
use super::hosts::{seen_host, visible};
use super::{Answer, missing, parameter, stored};
use crate::app::{App, News, Shared};
use crate::applications::{self, hosts, seen};
use crate::http::gate::Allowed;
use crate::http::json::Json;
use crate::http::parameters::{Path, Query};
use crate::http::problem::Refusal;
use crate::identity::checked_text;
use crate::identity::role::Permission;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::StatusCode;
use jiff::Timestamp;
use plimsoll_core::model::finding::Finding;
use plimsoll_core::model::identifier::{ApplicationId, ClientId, GroupId, HostId};
use plimsoll_core::model::problem::Problem;
use plimsoll_core::model::scan::Coverage;
use plimsoll_store::applications::Application;
use plimsoll_store::{Change, Intent};
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;
use utoipa::ToSchema;

/// Longest name, owner, team or stakeholder, in characters.
const WORDS: usize = 200;
/// Longest note, in characters.
const NOTE: usize = 2_000;
/// Stakeholders of one application at most.
const STAKEHOLDERS: usize = 100;
/// Hosts that are named one by one at most; more are better said by a group.
const HOSTS: usize = 10_000;

/// One application.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct ApplicationAnswer {
    /// Id.
    #[schema(value_type = String)]
    pub id: ApplicationId,
    /// Client.
    #[schema(value_type = String)]
    pub client: ClientId,
    /// Name.
    pub name: String,
    /// Who answers for it; empty where nobody does.
    pub owner: String,
    /// Who works on it.
    pub team: String,
    /// Who is told about it.
    pub stakeholders: Vec<String>,
    /// What it is for.
    pub note: String,
    /// Group whose hosts it runs on; none where hosts are named one by one.
    #[schema(value_type = Option<String>)]
    pub group: Option<GroupId>,
    /// Digest of its SBOM in our form, hex.
    pub sbom: Option<String>,
    /// When it was made.
    #[schema(value_type = String, format = DateTime)]
    pub created: Timestamp,
    /// Hosts it runs on that the asker may see.
    #[schema(value_type = Vec<String>)]
    pub hosts: Vec<HostId>,
    /// Its own components; none without an SBOM.
    pub components: Option<u32>,
    /// Open findings of its own components; none while nothing judged them.
    pub findings: Option<u32>,
    /// Of those, past due.
    pub overdue: u32,
}

/// The answer about an application's own components.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct ApplicationFindings {
    /// Format of the SBOM.
    pub format: String,
    /// Digest of the advisory database; none while there is none, and findings
    /// are then unknown, not absent.
    pub database: Option<String>,
    /// Open findings, most urgent first.
    #[schema(value_type = Vec<Object>)]
    pub findings: Vec<Finding>,
    /// How much of it was judged.
    #[schema(value_type = Object)]
    pub coverage: Coverage,
    /// What limits the answer.
    #[schema(value_type = Vec<Object>)]
    pub problems: Vec<Problem>,
}

async fn answer(app: &App, allowed: &Allowed, application: Application) -> Result<ApplicationAnswer, Refusal> {
    let seen = visible(app, &allowed.principal.scope(Permission::ReadFleet));
    let mut ids: Vec<HostId> = hosts(app, &application).await?.into_iter().collect();
    {
        let fleet = app.fleet.read();
        ids.retain(|id| fleet.host(*id).is_some_and(|managed| seen.contains(managed.registration.number)));
    }
    let counts = app.applications.of(application.id).map(|decided| decided.counts(app.clock().now));
    let Application { id, client, name, owner, team, stakeholders, note, group, sbom, created } = application;
    Ok(ApplicationAnswer {
        id,
        client,
        name,
        owner,
        team,
        stakeholders,
        note,
        group,
        sbom,
        created,
        hosts: ids,
        components: counts.as_ref().map(|counts| counts.components),
        findings: counts.as_ref().and_then(|counts| counts.findings),
        overdue: counts.map_or(0, |counts| counts.overdue),
    })
}

/// Lists applications.
pub async fn list(State(app): State<Shared>, allowed: Allowed) -> Answer<Vec<ApplicationAnswer>> {
    let mut out = Vec::new();
    for application in app.store.applications(&stored(&allowed.scope)).await? {
        out.push(answer(&app, &allowed, application).await?);
    }
    Ok(Json(out))
}

/// One application.
pub async fn show(State(app): State<Shared>, allowed: Allowed, Path(id): Path<String>) -> Answer<ApplicationAnswer> {
    let application = seen(&app, &stored(&allowed.scope), &id).await?;
    Ok(Json(answer(&app, &allowed, application).await?))
}

/// The findings of an application's own components.
///
/// # Errors
///
/// 404 without an SBOM.
pub async fn findings(State(app): State<Shared>, allowed: Allowed, Path(id): Path<String>) -> Answer<ApplicationFindings> {
    let application = seen(&app, &stored(&allowed.scope), &id).await?;
    let decided = app.applications.of(application.id).ok_or_else(|| missing("SBOM", &application.name))?;
    let decided = applications::Decided::clone(&decided);
    Ok(Json(ApplicationFindings {
        format: decided.format,
        database: decided.database,
        findings: decided.findings,
        coverage: decided.coverage,
        problems: decided.problems,
    }))
}

/// What people say of an application; a field left out stays, an empty one is
/// taken away.
#[derive(Clone, Debug, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ApplicationWish {
    /// Client, where one is made; may be left out where there is one.
    #[schema(value_type = Option<String>)]
    pub client: Option<ClientId>,
    /// Name.
    pub name: Option<String>,
    /// Who answers for it.
    pub owner: Option<String>,
    /// Who works on it.
    pub team: Option<String>,
    /// Who is told about it, all of them.
    pub stakeholders: Option<Vec<String>>,
    /// What it is for.
    pub note: Option<String>,
    /// Group whose hosts it runs on; empty for none.
    pub group: Option<String>,
    /// Hosts it runs on where it has no group, all of them.
    #[schema(value_type = Option<Vec<String>>)]
    pub hosts: Option<BTreeSet<HostId>>,
    /// Why.
    pub reason: Option<String>,
}

/// A wish whose words were read.
struct Sound {
    name: Option<String>,
    owner: Option<String>,
    team: Option<String>,
    stakeholders: Option<Vec<String>>,
    note: Option<String>,
    group: Option<Option<GroupId>>,
    hosts: Option<BTreeSet<HostId>>,
}

fn words(field: &str, text: Option<String>, longest: usize) -> Result<Option<String>, Refusal> {
    let read = |text: String| if text.trim().is_empty() { Ok(String::new()) } else { checked_text(field, &text, longest) };
    text.map(read).transpose()
}

async fn sound(app: &App, allowed: &Allowed, client: ClientId, wish: ApplicationWish) -> Result<Sound, Refusal> {
    let stakeholders = match wish.stakeholders {
        None => None,
        Some(people) if people.len() > STAKEHOLDERS => {
            return Err(parameter("stakeholders", format!("are {}, the limit is {STAKEHOLDERS}", people.len()), "name a mailing list"));
        }
        Some(people) => Some(people.iter().map(|one| checked_text("stakeholders", one, WORDS)).collect::<Result<Vec<_>, _>>()?),
    };
    let group = match wish.group.as_deref() {
        None => None,
        Some("") => Some(None),
        Some(id) => {
            let group = seen_group(app, &allowed.principal.scope(Permission::ReadFleet), id).await?;
            if group.client.is_some_and(|own| own != client) {
                return Err(missing("group", id));
            }
            Some(Some(group.id))
        }
    };
    if let Some(hosts) = &wish.hosts {
        if hosts.len() > HOSTS {
            return Err(parameter("hosts", format!("are {}, the limit is {HOSTS}", hosts.len()), "name a group"));
        }
        for host in hosts {
            let id = host.to_string();
            let own = seen_host(app, &allowed.principal.scope(Permission::ReadFleet), &id, |managed| managed.registration.client)?;
            if own != client {
                return Err(missing("host", &id));
            }
        }
    }
    Ok(Sound {
        name: wish.name.map(|name| checked_text("name", &name, WORDS)).transpose()?,
        owner: words("owner", wish.owner, WORDS)?,
        team: words("team", wish.team, WORDS)?,
        note: words("note", wish.note, NOTE)?,
        stakeholders,
        group,
        hosts: wish.hosts,
    })
}

async fn apply(change: &mut Change, id: ApplicationId, sound: Sound) -> Result<Application, Refusal> {
    let hosts = sound.hosts.clone();
    let edit = move |application: &mut Application| {
        application.name = sound.name.unwrap_or_else(|| std::mem::take(&mut application.name));
        application.owner = sound.owner.unwrap_or_else(|| std::mem::take(&mut application.owner));
        application.team = sound.team.unwrap_or_else(|| std::mem::take(&mut application.team));
        application.stakeholders = sound.stakeholders.unwrap_or_else(|| std::mem::take(&mut application.stakeholders));
        application.note = sound.note.unwrap_or_else(|| std::mem::take(&mut application.note));
        application.group = sound.group.unwrap_or(application.group);
    };
    let application = change.update_application(id, edit).await?;
    if let Some(hosts) = hosts {
        change.set_application_hosts(id, &hosts).await?;
    }
    Ok(application)
}

/// An application of a client that the asker looks after.
async fn editable(app: &App, allowed: &Allowed, id: &str) -> Result<Application, Refusal> {
    let application = seen(app, &stored(&allowed.principal.scope(Permission::ReadFleet)), id).await?;
    if allowed.scope.holds(application.client) {
        return Ok(application);
    }
    let text = format!("{} may not change applications of this client", allowed.principal);
    Err(Refusal::new(StatusCode::FORBIDDEN, "E-PERMISSION", text, "ask somebody who looks after the whole client"))
}

fn intent(allowed: &Allowed, verb: &str, id: Option<ApplicationId>) -> Intent {
    let object = id.map_or_else(|| "application".to_owned(), |id| format!("application:{id}"));
    Intent::new(actor(allowed), Timestamp::now(), verb, object)
}

/// Makes an application.
///
/// # Errors
///
/// 400 `E-TEXT`, 404 for a group or host that is not seen, 409 `E-TAKEN`.
pub async fn make(State(app): State<Shared>, allowed: Allowed, Json(wish): Json<ApplicationWish>) -> Answer<ApplicationAnswer> {
    let client = one_client(&app, &allowed, wish.client).await?;
    if !allowed.scope.holds(client) {
        return Err(missing("client", &client.to_string()));
    }
    let name = checked_text("name", wish.name.as_deref().unwrap_or_default(), WORDS)?;
    let reason = wish.reason.clone();
    let sound = sound(&app, &allowed, client, wish).await?;
    let mut change = app.store.begin(intent(&allowed, "application.add", None)).await?;
    let made = change.add_application(client, &name).await?;
    let application = apply(&mut change, made.id, sound).await?;
    change.commit(reason.as_deref()).await?;
    let _ = app.news.send(News::Other);
    Ok(Json(answer(&app, &allowed, application).await?))
}

/// Edits an application.
///
/// # Errors
///
/// As [`make`], and 404.
pub async fn edit(State(app): State<Shared>, allowed: Allowed, Path(id): Path<String>, Json(wish): Json<ApplicationWish>) -> Answer<ApplicationAnswer> {
    let known = editable(&app, &allowed, &id).await?;
    if wish.client.is_some_and(|client| client != known.client) {
        return Err(parameter("client", "cannot change", "make the application anew under the other client"));
    }
    let reason = wish.reason.clone();
    let sound = sound(&app, &allowed, known.client, wish).await?;
    let mut change = app.store.begin(intent(&allowed, "application.edit", Some(known.id))).await?;
    let application = apply(&mut change, known.id, sound).await?;
    change.commit(reason.as_deref()).await?;
    let _ = app.news.send(News::Other);
    Ok(Json(answer(&app, &allowed, application).await?))
}

/// Deletes an application.
///
/// # Errors
///
/// 404.
pub async fn delete(State(app): State<Shared>, allowed: Allowed, Path(id): Path<String>, Query(why): Query<Reason>) -> Result<StatusCode, Refusal> {
    let known = editable(&app, &allowed, &id).await?;
    let mut change = app.store.begin(intent(&allowed, "application.delete", Some(known.id))).await?;
    change.delete_application(known.id).await?;
    change.commit(why.reason.as_deref()).await?;
    applications::refresh(&app).await?;
    let _ = app.news.send(News::Other);
    Ok(StatusCode::NO_CONTENT)
}

/// Takes an application's SBOM, CycloneDX or SPDX, and judges it.
///
/// # Errors
///
/// What is wrong with it, by place; the one before stays then.
pub async fn put_sbom(State(app): State<Shared>, allowed: Allowed, Path(id): Path<String>, body: Bytes) -> Answer<ApplicationAnswer> {
    let known = editable(&app, &allowed, &id).await?;
    let packed = app.compute(move || applications::read_sbom(&body)).await?;
    let mut change = app.store.begin(intent(&allowed, "application.sbom", Some(known.id))).await?;
    change.put_sbom(known.id, Some(&packed)).await?;
    change.commit(None).await?;
    let application = app.store.application(known.id).await?;
    applications::judge(&app, &application).await?;
    Ok(Json(answer(&app, &allowed, application).await?))
}
