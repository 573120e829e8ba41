//! **People**: who may sign in, and their roles. Each act is one method of
//! [`Identity`](crate::identity::Identity), the same that the API calls, and
//! asks for a fresh proof of the administrator.

use super::handlers::{Page, Why, filled, refused, written};
use super::views::Invitation;
use super::{fill, pages};
use crate::app::Shared;
use crate::http::gate::Allowed;
use crate::http::problem::Refusal;
use crate::http::routes::{Access, Routes};
use crate::identity::people::{NewPerson, Steward};
use crate::identity::role::{Grant, Permission, Role};
use axum::extract::{Form, Path, State};
use axum::http::{Method, StatusCode};
use axum::response::{IntoResponse, Redirect, Response};
use plimsoll_core::model::identifier::PersonId;
use serde::Deserialize;

/// The page of people.
const PEOPLE: &str = "/console/people";

/// The routes.
pub fn routes() -> Routes<Shared> {
    let post = Method::POST;
    let edit = Access::Needs(Permission::EditPeople);
    Routes::new()
        .route(Method::GET, PEOPLE, Access::Needs(Permission::ReadPeople), show)
        .route(post.clone(), PEOPLE, edit, invite)
        .route(post.clone(), "/console/people/{id}/link", edit, make_link)
        .route(post.clone(), "/console/people/{id}/lock", edit, lock)
        .route(post.clone(), "/console/people/{id}/unlock", edit, unlock)
        .route(post.clone(), "/console/people/{id}/roles", edit, give_role)
        .route(post.clone(), "/console/people/{id}/roles/remove", edit, take_role)
        .route(post, "/console/people/{id}/sessions/end", edit, end_sessions)
}

async fn shown(app: &Shared, allowed: &Allowed, invitation: Option<Invitation>) -> Page {
    let view = fill::people(app, allowed, invitation).await.map_err(|refusal| refused(app, allowed, refusal))?;
    Ok(written(pages::people(&fill::shell(app, allowed), &view)))
}

async fn show(State(app): State<Shared>, allowed: Allowed) -> Page {
    shown(&app, &allowed, None).await
}

fn back() -> Response {
    Redirect::to(PEOPLE).into_response()
}

fn person(id: &str) -> Result<PersonId, Refusal> {
    id.parse().map_err(|_| crate::api::missing("person", id))
}

/// A role with where it holds, as the form sends it.
fn grant(role: &str, place: &str) -> Result<Grant, Refusal> {
    let known = Role::parse(role).ok_or_else(|| {
        Refusal::new(StatusCode::BAD_REQUEST, "E-GRANT", format!("there is no role {role}"), "choose one of the list").at("role")
    })?;
    fill::read_grant(&format!("{}|{}", known.word(), if place.is_empty() { "|" } else { place }))
}

#[derive(Deserialize)]
struct Newcomer {
    account: String,
    name: String,
    #[serde(default)]
    mail: String,
    role: String,
    #[serde(default)]
    place: String,
}

async fn invite(State(app): State<Shared>, allowed: Allowed, Form(form): Form<Newcomer>) -> Page {
    let done = async {
        let steward = app.identity.steward(&allowed.principal, &allowed.caller)?;
        let grants = vec![grant(&form.role, &form.place)?];
        let email = filled(form.mail);
        let new = NewPerson { account: form.account, name: form.name, email, grants, break_glass: false };
        let person = app.identity.add_person(&steward, new).await?;
        link(&app, &steward, person.id, person.account).await
    };
    let invitation = done.await.map_err(|refusal| refused(&app, &allowed, refusal))?;
    shown(&app, &allowed, Some(invitation)).await
}

async fn link(app: &Shared, steward: &Steward, id: PersonId, name: String) -> Result<Invitation, Refusal> {
    let link = app.identity.link(steward, id).await?;
    Ok(Invitation { name, address: app.doors.link_address(&link), expires: link.expires })
}

async fn make_link(State(app): State<Shared>, allowed: Allowed, Path(id): Path<String>) -> Page {
    let done = async {
        let id = person(&id)?;
        let steward = app.identity.steward(&allowed.principal, &allowed.caller)?;
        let name = known(&app, id).await?.account;
        link(&app, &steward, id, name).await
    };
    let invitation = done.await.map_err(|refusal| refused(&app, &allowed, refusal))?;
    shown(&app, &allowed, Some(invitation)).await
}

async fn known(app: &Shared, id: PersonId) -> Result<crate::identity::people::PersonView, Refusal> {
    let people = app.identity.people().await?;
    people.into_iter().find(|person| person.id == id).ok_or_else(|| crate::api::missing("person", &id.to_string()))
}

async fn set_disabled(app: &Shared, allowed: &Allowed, id: &str, disabled: bool, why: Why) -> Page {
    let why = why.reason().reason;
    let done = async {
        let steward = app.identity.steward(&allowed.principal, &allowed.caller)?.because(why.as_deref())?;
        app.identity.set_disabled(&steward, person(id)?, disabled).await
    };
    done.await.map_err(|refusal| refused(app, allowed, refusal))?;
    Ok(back())
}

async fn lock(State(app): State<Shared>, allowed: Allowed, Path(id): Path<String>, Form(why): Form<Why>) -> Page {
    set_disabled(&app, &allowed, &id, true, why).await
}

async fn unlock(State(app): State<Shared>, allowed: Allowed, Path(id): Path<String>, Form(why): Form<Why>) -> Page {
    set_disabled(&app, &allowed, &id, false, why).await
}

#[derive(Deserialize)]
struct RoleForm {
    role: String,
    #[serde(default)]
    place: String,
    #[serde(default)]
    reason: String,
}

async fn change_roles(app: &Shared, allowed: &Allowed, id: &str, reason: &str, change: impl FnOnce(&mut Vec<Grant>) -> Result<(), Refusal>) -> Page {
    let done = async {
        let steward = app.identity.steward(&allowed.principal, &allowed.caller)?.because(Some(reason))?;
        let mut person = known(app, person(id)?).await?;
        change(&mut person.grants)?;
        person.grants.sort();
        person.grants.dedup();
        app.identity.set_grants(&steward, person.id, &person.grants).await
    };
    done.await.map_err(|refusal| refused(app, allowed, refusal))?;
    Ok(back())
}

async fn give_role(State(app): State<Shared>, allowed: Allowed, Path(id): Path<String>, Form(form): Form<RoleForm>) -> Page {
    let RoleForm { role, place, reason } = form;
    change_roles(&app, &allowed, &id, &reason, |grants| {
        grants.push(grant(&role, &place)?);
        Ok(())
    })
    .await
}

async fn take_role(State(app): State<Shared>, allowed: Allowed, Path(id): Path<String>, Form(form): Form<RoleForm>) -> Page {
    change_roles(&app, &allowed, &id, &form.reason, |grants| {
        let taken = fill::read_grant(&form.role)?;
        grants.retain(|grant| *grant != taken);
        Ok(())
    })
    .await
}

async fn end_sessions(State(app): State<Shared>, allowed: Allowed, Path(id): Path<String>) -> Page {
    let done = async {
        let steward = app.identity.steward(&allowed.principal, &allowed.caller)?;
        app.identity.end_sessions(&steward, person(&id)?).await
    };
    done.await.map_err(|refusal| refused(&app, &allowed, refusal))?;
    Ok(back())
}
