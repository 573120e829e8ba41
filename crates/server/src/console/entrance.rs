//! The ways in and out, as pages.

use super::handlers::{Refused, refused, written};
use super::views::{OidcProvider, SignIn, SignInStep};
use super::{fill, pages};
use crate::app::Shared;
use crate::http::gate::Allowed;
use crate::http::problem::Refusal;
use crate::http::routes::{Access, Routes};
use crate::identity::oidc::Return;
use crate::identity::proof::Proof;
use crate::identity::session::{self, Browser};
use crate::identity::sign_in::Step;
use axum::extract::{Form, Path, Query, RawQuery, State};
use axum::http::{HeaderMap, Method, header};
use axum::response::{Html, IntoResponse, Redirect, Response};
use serde::Deserialize;

/// Where a sign-in leads unless it was asked for something else.
const HOME: &str = "/console";

/// The routes.
pub fn routes() -> Routes<Shared> {
    let (get, post) = (Method::GET, Method::POST);
    Routes::new()
        .route(get.clone(), "/console/sign-in", Access::Public, page)
        .route(post.clone(), "/console/sign-in", Access::Public, by_password)
        .route(post.clone(), "/console/sign-in/second", Access::Public, second)
        .route(post.clone(), "/console/sign-in/passkey", Access::Public, by_passkey)
        .route(get.clone(), "/console/sign-in/link/{token}", Access::Public, landing)
        .route(get.clone(), "/sign-in/{provider}", Access::Public, leave)
        .route(get, "/sign-in/{provider}/return", Access::Public, back)
        .route(post.clone(), "/console/sign-in/link", Access::Public, by_link)
        .route(post, "/console/sign-out", Access::Account, sign_out)
}

/// A place of ours to go on to: anything else would send people who just
/// signed in to somebody else's page.
pub(super) fn safe(next: &str) -> &str {
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

fn password_step(app: &Shared, name: &str) -> SignInStep {
    let providers = app.doors.oidc.providers().into_iter().map(|provider| OidcProvider { id: provider.name, name: provider.title });
    SignInStep::Password { name: name.to_owned(), passkeys: app.identity.passkeys_are_possible(), providers: providers.collect() }
}

async fn page(State(app): State<Shared>, allowed: Allowed, RawQuery(query): RawQuery) -> Response {
    let query = query.unwrap_or_default();
    let next = url::form_urlencoded::parse(query.as_bytes()).find(|(key, _)| key == "next").map(|(_, value)| value.into_owned());
    drawn(&app, &allowed, password_step(&app, ""), None, next.as_deref().unwrap_or(HOME))
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
        Err(refusal) => drawn(&app, &allowed, password_step(&app, &form.name), Some(&refusal), &form.next),
    }
}

/// What a form sends as second or fresh proof.
#[derive(Deserialize)]
pub(super) struct Given {
    pub(super) ticket: String,
    #[serde(default)]
    code: String,
    #[serde(default)]
    password: String,
    #[serde(default)]
    answer: String,
    #[serde(default)]
    pub(super) next: String,
}

impl Given {
    /// The proof that was filled in.
    pub(super) fn proof(&self) -> Proof {
        if let Ok(answer) = serde_json::from_str::<serde_json::Value>(&self.answer) {
            return Proof::Passkey(answer);
        }
        if !self.password.is_empty() {
            return Proof::Password(self.password.clone());
        }
        let code: String = self.code.chars().filter(|letter| !letter.is_whitespace()).collect();
        if code.len() == 6 && code.bytes().all(|byte| byte.is_ascii_digit()) { Proof::Code(code) } else { Proof::RecoveryCode(code) }
    }
}

async fn second(State(app): State<Shared>, allowed: Allowed, headers: HeaderMap, Form(form): Form<Given>) -> Response {
    let browser = Browser { caller: &allowed.caller, headers: &headers, origins: &app.doors.origins };
    match app.identity.second_step(&form.ticket, &form.proof(), &browser).await {
        Ok(session) => went(&app, &allowed, &headers, Step::Done(Box::new(session)), &form.next),
        // What was typed may have been mistyped, and the question stands.
        Err(refusal) if refusal.code() == "E-PROOF" && form.answer.is_empty() => {
            let step = SignInStep::Second { ticket: form.ticket, codes: true, passkey: None };
            drawn(&app, &allowed, step, Some(&refusal), &form.next)
        }
        Err(refusal) => drawn(&app, &allowed, password_step(&app, ""), Some(&refusal), &form.next),
    }
}

async fn by_passkey(State(app): State<Shared>, allowed: Allowed, headers: HeaderMap, Form(form): Form<Given>) -> Response {
    let browser = Browser { caller: &allowed.caller, headers: &headers, origins: &app.doors.origins };
    let answer = serde_json::from_str(&form.answer).unwrap_or_default();
    match app.identity.sign_in_by_passkey(&form.ticket, &answer, &browser).await {
        Ok(session) => went(&app, &allowed, &headers, Step::Done(Box::new(session)), &form.next),
        Err(refusal) => drawn(&app, &allowed, password_step(&app, ""), Some(&refusal), &form.next),
    }
}

/// The landing of a one-time link uses nothing up: programs that look into
/// mail open every address in it.
async fn landing(State(app): State<Shared>, allowed: Allowed, Path(token): Path<String>) -> Response {
    let step = SignInStep::Link { token };
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
        Err(refusal) => drawn(&app, &allowed, password_step(&app, ""), Some(&refusal), &form.next),
    }
}

async fn leave(State(app): State<Shared>, allowed: Allowed, headers: HeaderMap, Path(provider): Path<String>) -> Response {
    let browser = Browser { caller: &allowed.caller, headers: &headers, origins: &app.doors.origins };
    match app.doors.oidc.leave(&app.identity, &provider, None, &browser).await {
        Ok(departure) => ([(header::SET_COOKIE, departure.cookie)], Redirect::to(departure.url.as_str())).into_response(),
        Err(refusal) => drawn(&app, &allowed, password_step(&app, ""), Some(&refusal), HOME),
    }
}

/// Goes on by a page of ours and not by a redirect: a strict cookie is not
/// sent along in a chain of redirects that began at the provider.
async fn back(State(app): State<Shared>, allowed: Allowed, headers: HeaderMap, Path(provider): Path<String>, Query(returned): Query<Return>) -> Response {
    const PAGE: &str = "<!doctype html><html lang=\"en\"><meta charset=\"utf-8\"><meta http-equiv=\"refresh\" content=\"0;url=/console\"><title>Signed in</title><p><a href=\"/console\">Go on</a></p></html>";
    let browser = Browser { caller: &allowed.caller, headers: &headers, origins: &app.doors.origins };
    let policy = app.policy();
    let spoken_for = |account: &str, mail: Option<&str>| {
        let named = policy.governance.mentions(account) || app.root.as_ref().is_some_and(|root| root.root.mentions(account));
        let theirs = mail.is_some_and(|mail| policy.governance.vouches(account, mail));
        named && !theirs
    };
    let done = match app.doors.oidc.back(&app.identity, &provider, &returned, &browser, &spoken_for).await {
        Ok(Step::Done(session)) => session.cookie(&app.doors.origins, &headers).map(|cookie| ([(header::SET_COOKIE, cookie)], Html(PAGE)).into_response()),
        Ok(step) => Ok(went(&app, &allowed, &headers, step, HOME)),
        Err(refusal) => Err(refusal),
    };
    done.unwrap_or_else(|refusal| drawn(&app, &allowed, password_step(&app, ""), Some(&refusal), HOME))
}

fn went(app: &Shared, allowed: &Allowed, headers: &HeaderMap, step: Step, next: &str) -> Response {
    match step {
        Step::Second(question) => {
            let passkey = question.passkey.as_ref().map(ToString::to_string);
            let step = SignInStep::Second { ticket: question.ticket.clone(), codes: question.code || question.recovery_code, passkey };
            drawn(app, allowed, step, None, next)
        }
        Step::Done(session) => match session.cookie(&app.doors.origins, headers) {
            Ok(cookie) => ([(header::SET_COOKIE, cookie)], Redirect::to(safe(next))).into_response(),
            Err(refusal) => drawn(app, allowed, password_step(app, ""), Some(&refusal), next),
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
