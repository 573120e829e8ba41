//! The ways in and out, as pages.

use super::handlers::{Refused, refused, written};
use super::views::{SignIn, SignInStep};
use super::{fill, pages};
use crate::app::Shared;
use crate::http::gate::Allowed;
use crate::http::problem::Refusal;
use crate::http::routes::{Access, Routes};
use crate::identity::proof::Proof;
use crate::identity::session::{self, Browser};
use crate::identity::sign_in::Step;
use axum::extract::{Form, Path, RawQuery, State};
use axum::http::{HeaderMap, Method, header};
use axum::response::{IntoResponse, Redirect, Response};
use serde::Deserialize;

/// Where a sign-in leads unless it was asked for something else.
const HOME: &str = "/console";

/// The routes.
pub fn routes() -> Routes<Shared> {
    let (get, post) = (Method::GET, Method::POST);
    Routes::new()
        .route(get.clone(), "/console/sign-in", Access::Public, page)
        .route(post.clone(), "/console/sign-in", Access::Public, by_password)
        .route(post.clone(), "/console/sign-in/code", Access::Public, by_code)
        .route(get, "/console/sign-in/link/{token}", Access::Public, landing)
        .route(post.clone(), "/console/sign-in/link", Access::Public, by_link)
        .route(post, "/console/sign-out", Access::Account, sign_out)
}

/// A place of ours to go on to: anything else would send people who just
/// signed in to somebody else's page.
fn safe(next: &str) -> &str {
    let ours = next.starts_with("/console") && !next.contains(['\\', '\r', '\n']) && !next.starts_with("/console/sign-in");
    if ours { next } else { HOME }
}

fn drawn(app: &Shared, allowed: &Allowed, step: SignInStep, trouble: Option<&Refusal>, next: &str) -> Response {
    let view = SignIn { step, trouble: trouble.map(|refusal| format!("{}; {}", refusal.detail(), refusal.next())), next: safe(next).to_owned() };
    let mut response = written(pages::sign_in(&fill::shell(app, allowed), &view));
    if let Some(refusal) = trouble {
        *response.status_mut() = refusal.status();
    }
    response
}

fn password_step(name: &str) -> SignInStep {
    SignInStep::Password { name: name.to_owned(), passkeys: false, providers: Vec::new() }
}

async fn page(State(app): State<Shared>, allowed: Allowed, RawQuery(query): RawQuery) -> Response {
    let query = query.unwrap_or_default();
    let next = url::form_urlencoded::parse(query.as_bytes()).find(|(key, _)| key == "next").map(|(_, value)| value.into_owned());
    drawn(&app, &allowed, password_step(""), None, next.as_deref().unwrap_or(HOME))
}

#[derive(Deserialize)]
struct Credentials {
    name: String,
    password: String,
    #[serde(default)]
    next: String,
}

async fn by_password(State(app): State<Shared>, allowed: Allowed, headers: HeaderMap, Form(form): Form<Credentials>) -> Response {
    let browser = Browser { caller: &allowed.caller, headers: &headers, origins: &app.doors.origins };
    match app.identity.sign_in_by_password(&form.name, &form.password, &browser).await {
        Ok(step) => went(&app, &allowed, &headers, step, &form.next),
        Err(refusal) => drawn(&app, &allowed, password_step(&form.name), Some(&refusal), &form.next),
    }
}

#[derive(Deserialize)]
struct Code {
    ticket: String,
    code: String,
    #[serde(default)]
    next: String,
}

async fn by_code(State(app): State<Shared>, allowed: Allowed, headers: HeaderMap, Form(form): Form<Code>) -> Response {
    let browser = Browser { caller: &allowed.caller, headers: &headers, origins: &app.doors.origins };
    let code = form.code.trim().to_owned();
    let app_code = code.len() == 6 && code.bytes().all(|byte| byte.is_ascii_digit());
    let proof = if app_code { Proof::Code(code) } else { Proof::RecoveryCode(code) };
    match app.identity.second_step(&form.ticket, &proof, &browser).await {
        Ok(session) => went(&app, &allowed, &headers, Step::Done(Box::new(session)), &form.next),
        Err(refusal) => drawn(&app, &allowed, password_step(""), Some(&refusal), &form.next),
    }
}

/// The landing of a one-time link uses nothing up: programs that look into
/// mail open every address in it.
async fn landing(State(app): State<Shared>, allowed: Allowed, Path(token): Path<String>) -> Response {
    let step = SignInStep::Link { token, choose_password: false, name: String::new() };
    drawn(&app, &allowed, step, None, HOME)
}

#[derive(Deserialize)]
struct Link {
    token: String,
    #[serde(default)]
    next: String,
}

async fn by_link(State(app): State<Shared>, allowed: Allowed, headers: HeaderMap, Form(form): Form<Link>) -> Response {
    let browser = Browser { caller: &allowed.caller, headers: &headers, origins: &app.doors.origins };
    match app.identity.sign_in_by_link(&form.token, &browser).await {
        Ok(step) => went(&app, &allowed, &headers, step, &form.next),
        Err(refusal) => drawn(&app, &allowed, password_step(""), Some(&refusal), &form.next),
    }
}

fn went(app: &Shared, allowed: &Allowed, headers: &HeaderMap, step: Step, next: &str) -> Response {
    match step {
        Step::Second(question) => drawn(app, allowed, SignInStep::Code { ticket: question.ticket.clone() }, None, next),
        Step::Done(session) => match session.cookie(&app.doors.origins, headers) {
            Ok(cookie) => ([(header::SET_COOKIE, cookie)], Redirect::to(safe(next))).into_response(),
            Err(refusal) => drawn(app, allowed, password_step(""), Some(&refusal), next),
        },
    }
}

async fn sign_out(State(app): State<Shared>, allowed: Allowed, headers: HeaderMap) -> Result<Response, Refused> {
    let out = app.identity.sign_out(&allowed.principal, &allowed.caller).await;
    out.map_err(|refusal| refused(&app, &allowed, refusal))?;
    let mut response = Redirect::to("/console/sign-in").into_response();
    if let Some(removal) = session::removal(&app.doors.origins, &headers) {
        response.headers_mut().insert(header::SET_COOKIE, removal);
    }
    Ok(response)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sign_in_leads_nowhere_but_to_us() {
        for next in ["https://evil.example", "//evil.example", "/\\evil.example", "/console\\..\\evil", "", "/console/sign-in", "/console\r\nx: y"] {
            assert_eq!(safe(next), HOME, "{next:?}");
        }
        assert_eq!(safe("/console/hosts?q=a"), "/console/hosts?q=a");
    }
}
