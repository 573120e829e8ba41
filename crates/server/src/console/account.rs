//! One's own **account** and API tokens, and the fresh proof that their
//! changes ask for. Each act is one method of
//! [`Identity`](crate::identity::Identity), the same that the API calls.

use super::entrance::{Given, safe};
use super::fill;
use super::handlers::{Page, Refused, refused, written};
use super::pages;
use super::views::{Account, NewSecret, Shell, Tokens};
use crate::app::Shared;
use crate::http::gate::Allowed;
use crate::http::problem::Refusal;
use crate::http::routes::{Access, Routes};
use crate::identity::factor::Registered;
use crate::identity::session::{Browser, NewSession};
use crate::identity::token::NewToken;
use axum::extract::{Form, Path, RawForm, RawQuery, State};
use axum::http::{HeaderMap, Method, StatusCode, header};
use axum::response::{IntoResponse, Redirect, Response};
use serde::Deserialize;

/// The page of the account.
const ACCOUNT: &str = "/console/account";

/// The routes.
pub fn routes() -> Routes<Shared> {
    let (get, post) = (Method::GET, Method::POST);
    let own = Access::Account;
    Routes::new()
        .route(get.clone(), ACCOUNT, own, show)
        .route(get.clone(), "/console/account/proof", own, ask)
        .route(post.clone(), "/console/account/proof", own, prove)
        .route(post.clone(), "/console/account/password", own, set_password)
        .route(post.clone(), "/console/account/codes", own, begin_codes)
        .route(post.clone(), "/console/account/codes/confirm", own, end_codes)
        .route(post.clone(), "/console/account/passkeys", own, add_passkey)
        .route(post.clone(), "/console/account/factors/{id}/remove", own, remove_factor)
        .route(post.clone(), "/console/account/recovery", own, new_recovery_codes)
        .route(post.clone(), "/console/account/sessions/end", own, end_others)
        .route(post.clone(), "/console/account/sessions/{id}/end", own, end_session)
        .route(get, "/console/tokens", own, tokens)
        .route(post.clone(), "/console/tokens", own, make_token)
        .route(post, "/console/tokens/{id}/revoke", own, revoke_token)
}

async fn shown(app: &Shared, allowed: &Allowed, change: impl FnOnce(&mut Account)) -> Page {
    let mut view = fill::account(app, allowed).await.map_err(|refusal| refused(app, allowed, refusal))?;
    change(&mut view);
    Ok(written(pages::account(&fill::shell(app, allowed), &view)))
}

async fn show(State(app): State<Shared>, allowed: Allowed) -> Page {
    shown(&app, &allowed, |_| {}).await
}

fn back() -> Response {
    Redirect::to(ACCOUNT).into_response()
}

/// Hands the browser its new session and goes on to a page of ours.
fn went(app: &Shared, headers: &HeaderMap, session: &NewSession, next: &str) -> Result<Response, Refusal> {
    let cookie = session.cookie(&app.doors.origins, headers)?;
    Ok(([(header::SET_COOKIE, cookie)], Redirect::to(safe(next))).into_response())
}

async fn asked(app: &Shared, allowed: &Allowed, next: &str, trouble: Option<&Refusal>) -> Page {
    let view = fill::fresh_proof(app, allowed, safe(next), trouble).await.map_err(|refusal| refused(app, allowed, refusal))?;
    let mut response = written(pages::fresh_proof(&fill::shell(app, allowed), &view));
    if let Some(refusal) = trouble {
        *response.status_mut() = refusal.status();
    }
    Ok(response)
}

async fn ask(State(app): State<Shared>, allowed: Allowed, RawQuery(query): RawQuery) -> Page {
    let query = query.unwrap_or_default();
    let next = url::form_urlencoded::parse(query.as_bytes()).find(|(key, _)| key == "next").map(|(_, value)| value.into_owned());
    asked(&app, &allowed, next.as_deref().unwrap_or(ACCOUNT), None).await
}

async fn prove(State(app): State<Shared>, allowed: Allowed, headers: HeaderMap, Form(form): Form<Given>) -> Page {
    let browser = Browser { caller: &allowed.caller, headers: &headers, origins: &app.doors.origins };
    match app.identity.prove_fresh(&allowed.principal, &form.ticket, &form.proof(), &browser).await {
        Ok(session) => went(&app, &headers, &session, &form.next).map_err(|refusal| refused(&app, &allowed, refusal)),
        Err(refusal) => asked(&app, &allowed, &form.next, Some(&refusal)).await,
    }
}

#[derive(Deserialize)]
struct NewPassword {
    password: String,
    again: String,
}

async fn set_password(State(app): State<Shared>, allowed: Allowed, headers: HeaderMap, Form(form): Form<NewPassword>) -> Page {
    let browser = Browser { caller: &allowed.caller, headers: &headers, origins: &app.doors.origins };
    let done = async {
        if form.password != form.again {
            let detail = "the two new passwords differ";
            return Err(Refusal::new(StatusCode::BAD_REQUEST, "E-PASSWORD", detail, "type the same one twice").at("again"));
        }
        let session = app.identity.set_own_password(&allowed.principal, &form.password, &browser).await?;
        went(&app, &headers, &session, ACCOUNT)
    };
    done.await.map_err(|refusal| refused(&app, &allowed, refusal))
}

async fn begin_codes(State(app): State<Shared>, allowed: Allowed) -> Page {
    let new = app.identity.begin_app(&allowed.principal).await.map_err(|refusal| refused(&app, &allowed, refusal))?;
    shown(&app, &allowed, |view| view.setup = Some(fill::square_code(new))).await
}

#[derive(Deserialize)]
struct FirstCode {
    ticket: String,
    code: String,
    label: String,
}

async fn end_codes(State(app): State<Shared>, allowed: Allowed, Form(form): Form<FirstCode>) -> Page {
    let code: String = form.code.chars().filter(|letter| !letter.is_whitespace()).collect();
    let done = app.identity.end_app(&allowed.principal, &form.ticket, &code, &form.label, &allowed.caller).await;
    registered(&app, &allowed, done).await
}

#[derive(Deserialize)]
struct NewCredential {
    ticket: String,
    answer: String,
    label: String,
}

async fn add_passkey(State(app): State<Shared>, allowed: Allowed, Form(form): Form<NewCredential>) -> Page {
    let answer = serde_json::from_str(&form.answer).unwrap_or_default();
    let done = app.identity.end_passkey(&allowed.principal, &form.ticket, &answer, &form.label, &allowed.caller).await;
    registered(&app, &allowed, done).await
}

/// Shows recovery codes where these are the first; they are on no other page.
async fn registered(app: &Shared, allowed: &Allowed, done: Result<Registered, Refusal>) -> Page {
    match done.map_err(|refusal| refused(app, allowed, refusal))?.recovery_codes {
        None => Ok(back()),
        Some(codes) => shown(app, allowed, |view| view.new_recovery_codes = codes).await,
    }
}

async fn remove_factor(State(app): State<Shared>, allowed: Allowed, Path(id): Path<String>) -> Page {
    let done = app.identity.remove_factor(&allowed.principal, &id, &allowed.caller).await;
    done.map_err(|refusal| refused(&app, &allowed, refusal))?;
    Ok(back())
}

async fn new_recovery_codes(State(app): State<Shared>, allowed: Allowed) -> Page {
    let made = app.identity.make_recovery_codes(&allowed.principal, &allowed.caller).await;
    let codes = made.map_err(|refusal| refused(&app, &allowed, refusal))?;
    shown(&app, &allowed, |view| view.new_recovery_codes = codes).await
}

async fn end(app: &Shared, allowed: &Allowed, name: Option<&str>) -> Page {
    let done = app.identity.end_own_sessions(&allowed.principal, name, &allowed.caller).await;
    done.map_err(|refusal| refused(app, allowed, refusal))?;
    Ok(back())
}

async fn end_others(State(app): State<Shared>, allowed: Allowed) -> Page {
    end(&app, &allowed, None).await
}

async fn end_session(State(app): State<Shared>, allowed: Allowed, Path(id): Path<String>) -> Page {
    end(&app, &allowed, Some(&id)).await
}

async fn shown_tokens(app: &Shared, allowed: &Allowed, change: impl FnOnce(&mut Tokens)) -> Page {
    let mut view = fill::tokens(app, allowed).await.map_err(|refusal| refused(app, allowed, refusal))?;
    change(&mut view);
    let shell: Shell = fill::shell(app, allowed);
    Ok(written(pages::tokens(&shell, &view)))
}

async fn tokens(State(app): State<Shared>, allowed: Allowed) -> Page {
    shown_tokens(&app, &allowed, |_| {}).await
}

/// Reads what the form asks for; a key may come several times.
fn new_token(form: &[u8]) -> Result<NewToken, Refusal> {
    let mut new = NewToken { name: String::new(), grants: Vec::new(), days: 0 };
    for (key, value) in url::form_urlencoded::parse(form) {
        match &*key {
            "name" => new.name = value.into_owned(),
            "scope" => new.grants.push(fill::read_grant(&value)?),
            "days" => new.days = value.parse().unwrap_or(0),
            _ => {}
        }
    }
    Ok(new)
}

async fn make_token(State(app): State<Shared>, allowed: Allowed, RawForm(form): RawForm) -> Page {
    let make = async { app.identity.make_token(&allowed.principal, new_token(&form)?, &allowed.caller).await };
    let made = make.await.map_err(|refusal: Refusal| -> Refused { refused(&app, &allowed, refusal) })?;
    let secret = NewSecret { name: made.token.name.clone(), secret: made.secret.expose().to_owned() };
    shown_tokens(&app, &allowed, |view| view.created = Some(secret)).await
}

async fn revoke_token(State(app): State<Shared>, allowed: Allowed, Path(id): Path<String>) -> Page {
    let revoke = async {
        let id = id.parse().map_err(|_| crate::api::missing("token", &id))?;
        app.identity.revoke_token(&allowed.principal, id, &allowed.caller).await
    };
    revoke.await.map_err(|refusal| refused(&app, &allowed, refusal))?;
    Ok(Redirect::to("/console/tokens").into_response())
}
