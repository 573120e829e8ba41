//! Identity's own **routes**: signing in and out, proofs, one's account, and
//! people. JSON both ways; the console calls the same methods of [`Identity`]
//! from its own pages.

use super::Identity;
use super::factor::{ProofsView, Registered};
use super::oidc::{Oidc, ProviderView};
use super::people::{NewPerson, PersonView};
use super::principal::{Principal, Strength, Who};
use super::proof::Proof;
use super::role::{Grant, Permission};
use super::session::{self, Browser, NewSession, SessionView};
use super::sign_in::{NewLink, PasskeyQuestion, Step, StepView};
use super::token::{NewToken, TokenView};
use crate::http::gate::{Allowed, Caller};
use crate::http::json::Json;
use crate::http::origin::Origins;
use crate::http::parameters::Path;
use crate::http::problem::Refusal;
use crate::http::repeat::shown_once;
use crate::http::routes::{Access, Routes};
use axum::extract::{FromRef, State};
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, header};
use axum::response::{IntoResponse, Response};
use jiff::Timestamp;
use plimsoll_core::model::identifier::{PersonId, TokenId};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::sync::Arc;
use utoipa::ToSchema;

/// What the routes work with.
#[derive(Clone, Debug)]
pub struct Doors {
    /// Who people are.
    pub identity: Arc<Identity>,
    /// Identity providers.
    pub oidc: Arc<Oidc>,
    /// Addresses of the console.
    pub origins: Origins,
}

impl Doors {
    fn browser<'a>(&'a self, caller: &'a Caller, headers: &'a HeaderMap) -> Browser<'a> {
        Browser { caller, headers, origins: &self.origins }
    }

    fn signed_in(&self, session: &NewSession, headers: &HeaderMap) -> Result<Response, Refusal> {
        let cookie = session.cookie(&self.origins, headers)?;
        let view = StepView::Done(session.person.clone());
        Ok(([(header::SET_COOKIE, cookie)], Json(view)).into_response())
    }

    /// The address of a one-time sign-in link, to be shown once.
    pub fn link_address(&self, link: &NewLink) -> String {
        link_address(&self.origins, link)
    }

    fn step(&self, step: Step, headers: &HeaderMap) -> Result<Response, Refusal> {
        match step {
            Step::Done(session) => self.signed_in(&session, headers),
            Step::Second(question) => Ok(Json(StepView::Second(*question)).into_response()),
        }
    }
}

/// Where a one-time link leads.
pub fn link_address(origins: &Origins, link: &NewLink) -> String {
    format!("{}/console/sign-in/link/{}", origins.canonical(), link.secret.expose())
}

/// The routes, for a server whose state gives [`Doors`].
pub fn routes<S>() -> Routes<S>
where
    S: Clone + Send + Sync + 'static,
    Doors: FromRef<S>,
{
    use Access::{Account, Needs, Public};
    use Permission::{EditPeople, ReadPeople};
    Routes::new()
        .route(Method::GET, "/api/v1/session/providers", Public, providers)
        .route(Method::POST, "/api/v1/session", Public, by_password)
        .route(Method::POST, "/api/v1/session/second", Public, second)
        .route(Method::POST, "/api/v1/session/link", Public, by_link)
        .route(Method::POST, "/api/v1/session/passkey/question", Public, ask_passkey)
        .route(Method::POST, "/api/v1/session/passkey", Public, by_passkey)
        .route(Method::GET, "/api/v1/session", Account, who)
        .route(Method::DELETE, "/api/v1/session", Account, sign_out)
        .route(Method::POST, "/api/v1/session/proof/question", Account, ask_fresh)
        .route(Method::POST, "/api/v1/session/proof", Account, prove)
        .route(Method::POST, "/api/v1/session/proof/{provider}", Account, leave_to_prove)
        .route(Method::GET, "/api/v1/account/sessions", Account, sessions)
        .route(Method::DELETE, "/api/v1/account/sessions", Account, end_others)
        .route(Method::DELETE, "/api/v1/account/sessions/{name}", Account, end_one)
        .route(Method::GET, "/api/v1/account/proofs", Account, proofs)
        .route(Method::DELETE, "/api/v1/account/proofs/{id}", Account, remove_proof)
        .route(Method::PUT, "/api/v1/account/password", Account, set_password)
        .route(Method::POST, "/api/v1/account/app/question", Account, begin_app)
        .route(Method::POST, "/api/v1/account/app", Account, end_app)
        .route(Method::POST, "/api/v1/account/passkey/question", Account, begin_passkey)
        .route(Method::POST, "/api/v1/account/passkey", Account, end_passkey)
        .route(Method::POST, "/api/v1/account/recovery-codes", Account, recovery_codes)
        .route(Method::GET, "/api/v1/account/tokens", Account, own_tokens)
        .route(Method::POST, "/api/v1/account/tokens", Account, make_token)
        .route(Method::DELETE, "/api/v1/account/tokens/{id}", Account, revoke_token)
        .route(Method::GET, "/api/v1/people", Needs(ReadPeople), people)
        .route(Method::POST, "/api/v1/people", Needs(EditPeople), add_person)
        .route(Method::PUT, "/api/v1/people/{id}/grants", Needs(EditPeople), set_grants)
        .route(Method::PUT, "/api/v1/people/{id}/disabled", Needs(EditPeople), set_disabled)
        .route(Method::DELETE, "/api/v1/people/{id}/sessions", Needs(EditPeople), end_persons_sessions)
        .route(Method::POST, "/api/v1/people/{id}/link", Needs(EditPeople), make_link)
        .route(Method::GET, "/api/v1/tokens", Needs(ReadPeople), tokens)
}

/// What a repetition is told instead of a secret.
const TICKET: &str = "a ticket, which ends by itself";
const CODES: &str = "new recovery codes; making others ends these";

type Reply<T = Response> = Result<T, Refusal>;

/// What somebody signs in with.
#[derive(Deserialize, ToSchema)]
pub struct Credentials {
    account: String,
    password: String,
}

/// A proof and what asked for it.
#[derive(Deserialize, ToSchema)]
pub struct Proven {
    ticket: String,
    proof: Proof,
}

/// What a browser answered about a passkey.
#[derive(Deserialize, ToSchema)]
pub struct Answered {
    ticket: String,
    #[schema(value_type = Object)]
    answer: Value,
}

/// A proof to be registered, under a name.
#[derive(Deserialize, ToSchema)]
pub struct Labelled {
    ticket: String,
    label: String,
    #[serde(default)]
    code: String,
    #[serde(default)]
    #[schema(value_type = Object)]
    answer: Value,
}

/// The secret of a one-time link.
#[derive(Deserialize, ToSchema)]
pub struct Link {
    secret: String,
}

/// A new password.
#[derive(Deserialize, ToSchema)]
pub struct Password {
    password: String,
}

/// Roles, all of them.
#[derive(Deserialize, ToSchema)]
pub struct Grants {
    grants: Vec<Grant>,
    #[serde(default)]
    reason: Option<String>,
}

/// Whether somebody is kept out.
#[derive(Deserialize, ToSchema)]
pub struct Disabled {
    disabled: bool,
    #[serde(default)]
    reason: Option<String>,
}

/// Where the browser goes on.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, ToSchema)]
pub struct Departure {
    /// An address at the identity provider.
    pub location: String,
}

/// Who asks, as they see themselves.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, ToSchema)]
pub struct WhoView {
    /// Account name.
    pub account: String,
    /// Id.
    #[schema(value_type = String)]
    pub id: PersonId,
    /// How they signed in.
    #[schema(value_type = String)]
    pub strength: Strength,
    /// Roles.
    pub grants: Vec<Grant>,
    /// Words of what they may do somewhere.
    #[schema(value_type = Vec<String>)]
    pub permissions: Vec<Permission>,
    /// Whether a fresh proof counts now.
    pub proven: bool,
}

/// A secret, shown this once.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, ToSchema)]
pub struct SecretView {
    /// Id of what it opens, where that has one.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    pub id: Option<TokenId>,
    /// The secret, or the address with it.
    pub secret: String,
    /// When it ends.
    #[schema(value_type = String, format = DateTime)]
    pub expires: Timestamp,
}

impl WhoView {
    /// What to show of a principal; none for anybody but a person in a session.
    pub fn of(principal: &Principal, now: Timestamp) -> Option<Self> {
        let Who::Person { id, name, .. } = &principal.who else { return None };
        Some(Self {
            account: name.clone(),
            id: *id,
            strength: principal.strength,
            grants: principal.grants().to_vec(),
            permissions: Permission::ALL.iter().copied().filter(|permission| principal.may(*permission)).collect(),
            proven: principal.is_proven(now),
        })
    }
}

async fn providers(State(doors): State<Doors>) -> Json<Vec<ProviderView>> {
    Json(doors.oidc.providers())
}

async fn by_password(State(doors): State<Doors>, allowed: Allowed, headers: HeaderMap, Json(body): Json<Credentials>) -> Reply {
    let from = doors.browser(&allowed.caller, &headers);
    let step = doors.identity.sign_in_by_password(&body.account, &body.password, &from).await?;
    doors.step(step, &headers)
}

async fn second(State(doors): State<Doors>, allowed: Allowed, headers: HeaderMap, Json(body): Json<Proven>) -> Reply {
    let from = doors.browser(&allowed.caller, &headers);
    let session = doors.identity.second_step(&body.ticket, &body.proof, &from).await?;
    doors.signed_in(&session, &headers)
}

async fn by_link(State(doors): State<Doors>, allowed: Allowed, headers: HeaderMap, Json(body): Json<Link>) -> Reply {
    let from = doors.browser(&allowed.caller, &headers);
    let step = doors.identity.sign_in_by_link(&body.secret, &from).await?;
    doors.step(step, &headers)
}

async fn ask_passkey(State(doors): State<Doors>, allowed: Allowed, headers: HeaderMap) -> Reply<Json<PasskeyQuestion>> {
    Ok(Json(doors.identity.ask_passkey(&doors.browser(&allowed.caller, &headers)).await?))
}

async fn by_passkey(State(doors): State<Doors>, allowed: Allowed, headers: HeaderMap, Json(body): Json<Answered>) -> Reply {
    let from = doors.browser(&allowed.caller, &headers);
    let session = doors.identity.sign_in_by_passkey(&body.ticket, &body.answer, &from).await?;
    doors.signed_in(&session, &headers)
}

/// A POST, unlike leaving to sign in: nobody else's page may send somebody to
/// prove themselves.
async fn leave_to_prove(State(doors): State<Doors>, allowed: Allowed, headers: HeaderMap, Path(provider): Path<String>) -> Reply {
    let from = doors.browser(&allowed.caller, &headers);
    let departure = doors.oidc.leave(&doors.identity, &provider, Some(&allowed.principal), &from).await?;
    let departure_to = Departure { location: departure.url.to_string() };
    Ok(([(header::SET_COOKIE, departure.cookie)], Json(departure_to)).into_response())
}

async fn who(State(doors): State<Doors>, allowed: Allowed) -> Reply<Json<WhoView>> {
    let view = WhoView::of(&allowed.principal, doors.identity.now());
    view.map(Json).ok_or_else(super::principal::sign_in_first)
}

async fn sign_out(State(doors): State<Doors>, allowed: Allowed, headers: HeaderMap) -> Reply {
    doors.identity.sign_out(&allowed.principal, &allowed.caller).await?;
    let mut response = StatusCode::NO_CONTENT.into_response();
    if let Some(removal) = session::removal(&doors.origins, &headers) {
        response.headers_mut().insert(header::SET_COOKIE, removal);
    }
    // What the browser kept of the pages goes too.
    response.headers_mut().insert(HeaderName::from_static("clear-site-data"), HeaderValue::from_static("\"cache\", \"storage\""));
    Ok(response)
}

async fn ask_fresh(State(doors): State<Doors>, allowed: Allowed) -> Reply {
    Ok(shown_once(TICKET, Json(doors.identity.ask_fresh(&allowed.principal).await?)))
}

async fn prove(State(doors): State<Doors>, allowed: Allowed, headers: HeaderMap, Json(body): Json<Proven>) -> Reply {
    let from = doors.browser(&allowed.caller, &headers);
    let session = doors.identity.prove_fresh(&allowed.principal, &body.ticket, &body.proof, &from).await?;
    doors.signed_in(&session, &headers)
}

async fn sessions(State(doors): State<Doors>, allowed: Allowed) -> Reply<Json<Vec<SessionView>>> {
    Ok(Json(doors.identity.own_sessions(&allowed.principal).await?))
}

async fn end_others(State(doors): State<Doors>, allowed: Allowed) -> Reply<StatusCode> {
    doors.identity.end_own_sessions(&allowed.principal, None, &allowed.caller).await?;
    Ok(StatusCode::NO_CONTENT)
}

async fn end_one(State(doors): State<Doors>, allowed: Allowed, Path(name): Path<String>) -> Reply<StatusCode> {
    doors.identity.end_own_sessions(&allowed.principal, Some(&name), &allowed.caller).await?;
    Ok(StatusCode::NO_CONTENT)
}

async fn proofs(State(doors): State<Doors>, allowed: Allowed) -> Reply<Json<ProofsView>> {
    Ok(Json(doors.identity.own_proofs(&allowed.principal).await?))
}

async fn remove_proof(State(doors): State<Doors>, allowed: Allowed, Path(id): Path<String>) -> Reply<StatusCode> {
    doors.identity.remove_factor(&allowed.principal, &id, &allowed.caller).await?;
    Ok(StatusCode::NO_CONTENT)
}

async fn set_password(State(doors): State<Doors>, allowed: Allowed, headers: HeaderMap, Json(body): Json<Password>) -> Reply {
    let from = doors.browser(&allowed.caller, &headers);
    let session = doors.identity.set_own_password(&allowed.principal, &body.password, &from).await?;
    doors.signed_in(&session, &headers)
}

async fn begin_app(State(doors): State<Doors>, allowed: Allowed) -> Reply {
    Ok(shown_once(TICKET, Json(doors.identity.begin_app(&allowed.principal).await?)))
}

async fn end_app(State(doors): State<Doors>, allowed: Allowed, Json(body): Json<Labelled>) -> Reply {
    let done = doors.identity.end_app(&allowed.principal, &body.ticket, &body.code, &body.label, &allowed.caller);
    Ok(registered(done.await?))
}

async fn begin_passkey(State(doors): State<Doors>, allowed: Allowed) -> Reply {
    Ok(shown_once(TICKET, Json(doors.identity.begin_passkey(&allowed.principal).await?)))
}

async fn end_passkey(State(doors): State<Doors>, allowed: Allowed, Json(body): Json<Labelled>) -> Reply {
    let done = doors.identity.end_passkey(&allowed.principal, &body.ticket, &body.answer, &body.label, &allowed.caller);
    Ok(registered(done.await?))
}

async fn recovery_codes(State(doors): State<Doors>, allowed: Allowed) -> Reply {
    Ok(shown_once(CODES, Json(doors.identity.make_recovery_codes(&allowed.principal, &allowed.caller).await?)))
}

fn registered(done: Registered) -> Response {
    if done.recovery_codes.is_some() { shown_once(CODES, Json(done)) } else { Json(done).into_response() }
}

async fn own_tokens(State(doors): State<Doors>, allowed: Allowed) -> Reply<Json<Vec<TokenView>>> {
    Ok(Json(doors.identity.own_tokens(&allowed.principal).await?))
}

async fn make_token(State(doors): State<Doors>, allowed: Allowed, Json(body): Json<NewToken>) -> Reply {
    let made = doors.identity.make_token(&allowed.principal, body, &allowed.caller).await?;
    let view = SecretView { id: Some(made.token.id), secret: made.secret.expose().to_owned(), expires: made.token.expires };
    Ok(shown_once(format!("the secret of token {}", made.token.id), (StatusCode::CREATED, Json(view))))
}

async fn revoke_token(State(doors): State<Doors>, allowed: Allowed, Path(id): Path<String>) -> Reply<StatusCode> {
    let id = id.parse().map_err(|_| nothing(&id))?;
    doors.identity.revoke_token(&allowed.principal, id, &allowed.caller).await?;
    Ok(StatusCode::NO_CONTENT)
}

async fn tokens(State(doors): State<Doors>) -> Reply<Json<Vec<TokenView>>> {
    Ok(Json(doors.identity.tokens().await?))
}

async fn people(State(doors): State<Doors>) -> Reply<Json<Vec<PersonView>>> {
    Ok(Json(doors.identity.people().await?))
}

async fn add_person(State(doors): State<Doors>, allowed: Allowed, Json(body): Json<NewPerson>) -> Reply {
    let steward = doors.identity.steward(&allowed.principal, &allowed.caller)?;
    Ok((StatusCode::CREATED, Json(doors.identity.add_person(&steward, body).await?)).into_response())
}

async fn set_grants(State(doors): State<Doors>, allowed: Allowed, Path(id): Path<String>, Json(body): Json<Grants>) -> Reply<StatusCode> {
    let steward = doors.identity.steward(&allowed.principal, &allowed.caller)?.because(body.reason.as_deref())?;
    doors.identity.set_grants(&steward, person(&id)?, &body.grants).await?;
    Ok(StatusCode::NO_CONTENT)
}

async fn set_disabled(State(doors): State<Doors>, allowed: Allowed, Path(id): Path<String>, Json(body): Json<Disabled>) -> Reply<StatusCode> {
    let steward = doors.identity.steward(&allowed.principal, &allowed.caller)?.because(body.reason.as_deref())?;
    doors.identity.set_disabled(&steward, person(&id)?, body.disabled).await?;
    Ok(StatusCode::NO_CONTENT)
}

async fn end_persons_sessions(State(doors): State<Doors>, allowed: Allowed, Path(id): Path<String>) -> Reply<StatusCode> {
    let steward = doors.identity.steward(&allowed.principal, &allowed.caller)?;
    doors.identity.end_sessions(&steward, person(&id)?).await?;
    Ok(StatusCode::NO_CONTENT)
}

async fn make_link(State(doors): State<Doors>, allowed: Allowed, Path(id): Path<String>) -> Reply {
    let steward = doors.identity.steward(&allowed.principal, &allowed.caller)?;
    let link = doors.identity.link(&steward, person(&id)?).await?;
    let view = SecretView { id: None, secret: doors.link_address(&link), expires: link.expires };
    Ok(shown_once("a sign-in link, which ends by itself", (StatusCode::CREATED, Json(view))))
}

fn person(text: &str) -> Reply<PersonId> {
    text.parse().map_err(|_| nothing(text))
}

fn nothing(text: &str) -> Refusal {
    Refusal::new(StatusCode::NOT_FOUND, "E-ID", format!("{text} is no identifier"), "take the id from the list")
}
