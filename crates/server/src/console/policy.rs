//! The **policy**: what is in force, and putting another one in force. The
//! text is checked and what it would change is shown before the button is.

use super::handlers::{Page, Visit, refused, written};
use super::views::{PolicyEdit, PolicyVersionPage};
use super::{fill, pages};
use crate::app::Shared;
use crate::http::gate::Allowed;
use crate::http::parameters::Path;
use crate::http::problem::Refusal;
use crate::http::routes::{Access, Routes};
use crate::identity::role::Permission;
use crate::policy::review::Reviewing;
use crate::policy::versions::{self, Proposal, Remark, SignOff, VersionAnswer};
use crate::policy::{self, PolicyWish};
use axum::extract::{Form, RawQuery, State};
use axum::http::Method;
use axum::response::{IntoResponse, Redirect};
use serde::Deserialize;

/// The page.
const POLICY: &str = "/console/policy";
/// Largest form: a policy of a mebibyte, each byte written as three.
const FORM: usize = 4 << 20;

/// The routes.
pub fn routes() -> Routes<Shared> {
    let edit = Access::Needs(Permission::EditPolicy);
    Routes::new()
        .route(Method::GET, POLICY, Access::Needs(Permission::ReadPolicy), show)
        .route(Method::GET, "/console/policy/edit", edit, draft)
        .route_up_to(FORM, Method::POST, "/console/policy/check", edit, check)
        .route_up_to(FORM, Method::POST, POLICY, edit, set)
        .route(Method::POST, "/console/policy/review", edit, review)
        .route_up_to(FORM, Method::POST, "/console/policy/versions", edit, propose)
        .route(Method::GET, "/console/policy/versions/{number}", Access::Needs(Permission::ReadPolicy), version)
        .route(Method::POST, "/console/policy/versions/{number}/comment", Access::Needs(Permission::CommentPolicy), comment)
        .route(Method::POST, "/console/policy/versions/{number}/outline", Access::Needs(Permission::ApprovePolicy), outline)
        .route(Method::POST, "/console/policy/versions/{number}/approve", Access::Needs(Permission::ApprovePolicy), approve)
        .route(Method::POST, "/console/policy/versions/{number}/refuse", Access::Needs(Permission::ApprovePolicy), refuse)
        .route(Method::POST, "/console/policy/versions/{number}/withdraw", edit, withdraw)
}

#[derive(Deserialize)]
struct Draft {
    #[serde(default, deserialize_with = "lines")]
    text: String,
    #[serde(default)]
    replaces: String,
    #[serde(default)]
    reason: String,
    /// What a checked box sends.
    #[serde(default)]
    accept_longer: Option<String>,
}

/// Browsers end the lines of what a form sends with CR and LF.
fn lines<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<String, D::Error> {
    Ok(String::deserialize(deserializer)?.replace("\r\n", "\n"))
}

async fn show(State(app): State<Shared>, allowed: Allowed) -> Page {
    let visit = Visit::new(&app, &allowed);
    let known = versions::list(&app, &allowed).await.map_err(|refusal| visit.refused(refusal))?;
    Ok(written(pages::policy(&visit.shell, &fill::policy(&app, &allowed, known))))
}

fn address(number: u64) -> String {
    format!("{POLICY}/versions/{number}")
}

/// Proposes the text of the form.
async fn propose(State(app): State<Shared>, allowed: Allowed, Form(draft): Form<Draft>) -> Page {
    match versions::propose(&app, &allowed, Proposal { text: draft.text.clone(), reason: draft.reason.clone() }).await {
        Ok(version) => Ok(Redirect::to(&address(version.number)).into_response()),
        Err(refusal) => not_taken(&app, &allowed, draft, refusal).await,
    }
}

async fn version(State(app): State<Shared>, allowed: Allowed, Path(number): Path<String>) -> Page {
    looked_at(&app, &allowed, &number, None).await
}

async fn looked_at(app: &Shared, allowed: &Allowed, number: &str, trouble: Option<Refusal>) -> Page {
    let (version, may, changes) = versions::looked_at(app, allowed, number).await.map_err(|refusal| refused(app, allowed, refusal))?;
    let view = PolicyVersionPage {
        version,
        may,
        changed: changes.as_ref().map_or(0, |changes| changes.changed as u64),
        rows: changes.as_ref().map_or_else(Vec::new, fill::version_changes),
        trouble: trouble.as_ref().map(|refusal| format!("{}; {}", refusal.detail(), refusal.next())),
    };
    let mut response = written(pages::policy_version(&fill::shell(app, allowed), &view));
    if let Some(refusal) = trouble {
        *response.status_mut() = refusal.status();
    }
    Ok(response)
}

#[derive(Deserialize)]
struct Words {
    #[serde(default, deserialize_with = "lines")]
    text: String,
    /// What a checked box sends.
    #[serde(default)]
    accept_longer: Option<String>,
}

async fn said(app: &Shared, allowed: &Allowed, number: &str, done: Result<VersionAnswer, Refusal>) -> Page {
    match done {
        Ok(version) => Ok(Redirect::to(&address(version.number)).into_response()),
        Err(refusal) => looked_at(app, allowed, number, Some(refusal)).await,
    }
}

async fn review(State(app): State<Shared>, allowed: Allowed, Form(words): Form<Words>) -> Page {
    let done = policy::review::review(&app, &allowed, Reviewing { text: words.text }).await;
    done.map_err(|refusal| refused(&app, &allowed, refusal))?;
    Ok(Redirect::to(POLICY).into_response())
}

async fn comment(State(app): State<Shared>, allowed: Allowed, Path(number): Path<String>, Form(words): Form<Words>) -> Page {
    let done = versions::comment(&app, &allowed, &number, Remark { text: words.text }).await;
    said(&app, &allowed, &number, done).await
}

async fn outline(State(app): State<Shared>, allowed: Allowed, Path(number): Path<String>, Form(words): Form<Words>) -> Page {
    let done = versions::outline(&app, &allowed, &number, Remark { text: words.text }).await;
    said(&app, &allowed, &number, done).await
}

async fn approve(State(app): State<Shared>, allowed: Allowed, Path(number): Path<String>, Form(words): Form<Words>) -> Page {
    let done = versions::approve(&app, &allowed, &number, SignOff { text: words.text, accept_longer: words.accept_longer.is_some() }).await;
    said(&app, &allowed, &number, done).await
}

async fn refuse(State(app): State<Shared>, allowed: Allowed, Path(number): Path<String>, Form(words): Form<Words>) -> Page {
    let done = versions::refuse(&app, &allowed, &number, Remark { text: words.text }).await;
    said(&app, &allowed, &number, done).await
}

async fn withdraw(State(app): State<Shared>, allowed: Allowed, Path(number): Path<String>, Form(words): Form<Words>) -> Page {
    let done = versions::withdraw(&app, &allowed, &number, Remark { text: words.text }).await;
    said(&app, &allowed, &number, done).await
}

/// The form, with the text in force or that of a preset.
async fn draft(State(app): State<Shared>, allowed: Allowed, RawQuery(query): RawQuery) -> Page {
    let visit = Visit::new(&app, &allowed);
    let held = app.policies.in_force();
    let query = query.unwrap_or_default();
    let preset = url::form_urlencoded::parse(query.as_bytes()).find(|(key, _)| key == "preset").map(|(_, value)| value.into_owned());
    let text = match preset.as_deref() {
        None => held.text.clone(),
        Some(name) => plimsoll_formats::policy::preset(name).ok_or_else(|| visit.refused(crate::api::missing("preset", name)))?.to_owned(),
    };
    let trouble = match &held.origin {
        policy::Origin::Given(place) => Some(format!("The command line names the policy ({place}), so only a restart changes it. You can check a text here.")),
        _ => None,
    };
    let view = PolicyEdit { text, replaces: held.digest(), checked: None, trouble };
    Ok(written(pages::policy_edit(&visit.shell, &view)))
}

async fn check(State(app): State<Shared>, allowed: Allowed, Form(draft): Form<Draft>) -> Page {
    let checked = policy::check(&app, &allowed, &draft.text).await.map_err(|refusal| refused(&app, &allowed, refusal))?;
    let view = PolicyEdit { text: draft.text, replaces: draft.replaces, checked: Some(checked), trouble: None };
    Ok(written(pages::policy_edit(&fill::shell(&app, &allowed), &view)))
}

async fn set(State(app): State<Shared>, allowed: Allowed, Form(draft): Form<Draft>) -> Page {
    let replaces = Some(draft.replaces.clone()).filter(|digest| !digest.is_empty());
    let wish = PolicyWish { text: draft.text.clone(), reason: draft.reason.clone(), replaces, accept_longer: draft.accept_longer.is_some() };
    match policy::set(&app, &allowed, wish).await {
        Ok(_) => Ok(Redirect::to(POLICY).into_response()),
        Err(refusal) => not_taken(&app, &allowed, draft, refusal).await,
    }
}

/// The form again: what was typed is not lost.
async fn not_taken(app: &Shared, allowed: &Allowed, draft: Draft, refusal: Refusal) -> Page {
    let checked = policy::check(app, allowed, &draft.text).await.map_err(|refusal| refused(app, allowed, refusal))?;
    let trouble = Some(format!("{}; {}", refusal.detail(), refusal.next()));
    let view = PolicyEdit { text: draft.text, replaces: app.policies.in_force().digest(), checked: Some(checked), trouble };
    let mut response = written(pages::policy_edit(&fill::shell(app, allowed), &view));
    *response.status_mut() = refusal.status();
    Ok(response)
}
