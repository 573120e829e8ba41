//! The console's handlers: who asks, what they may see, which page.

use super::fill;
use super::lists;
use super::query::{ListForm, ListQuery};
use super::views::{JoinCommand, Search, Shell, Trouble};
use super::{PAGE_HEADERS, assets, export, pages};
use crate::api::acts::{self, Edit, Reason, TokenWish};
use crate::api::hosts::{seen_host, visible};
use crate::api::parameter;
use crate::app::{App, News, Shared};
use crate::http::gate::Allowed;
use crate::http::json::Json;
use crate::http::parameters::Path;
use crate::http::problem::{Refusal, RefusedAs};
use crate::http::routes::{Access, Routes};
use crate::identity::cookie::Kind;
use crate::identity::role::Permission;
use axum::extract::{Form, RawQuery, State};
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, header};
use axum::response::sse::{Event, KeepAlive, Sse};
use axum::response::{IntoResponse, Redirect, Response};
use plimsoll_core::model::advisory::is_cve;
use plimsoll_core::model::identifier::ClientId;
use plimsoll_core::model::problem::Problem;
use plimsoll_core::model::registration::Registration;
use plimsoll_store::applications::Application;
use roaring::RoaringBitmap;
use serde::Deserialize;
use std::convert::Infallible;
use tokio::sync::broadcast::error::RecvError;

/// The console's routes.
pub fn routes() -> Routes<Shared> {
    use Access::{Needs, Public};
    let (get, post) = (Method::GET, Method::POST);
    let view = Needs(Permission::ReadFleet);
    Routes::new()
        .route(get.clone(), "/", Public, home)
        .route(get.clone(), "/console/assets/{name}", Public, assets::serve)
        .route(get.clone(), "/console", view, today)
        .route(get.clone(), "/console/live", view, live)
        .route(post.clone(), "/console/client", Access::Account, focus)
        .route(get.clone(), "/console/search", view, search)
        .route(get.clone(), "/console/hosts", view, hosts)
        .route(get.clone(), "/console/hosts.csv", view, hosts_csv)
        .route(get.clone(), "/console/hosts.json", view, hosts_json)
        .route(get.clone(), "/console/hosts/{id}", view, host)
        .route(post.clone(), "/console/hosts/{id}", Needs(Permission::EditHosts), edit_host)
        .route(post.clone(), "/console/hosts/{id}/retire", Needs(Permission::EditHosts), retire_host)
        .route(post.clone(), "/console/hosts/{id}/flag", Needs(Permission::EditHosts), unflag_host)
        .route(get.clone(), "/console/compare", view, compare)
        .route(get.clone(), "/console/findings", view, findings)
        .route(get.clone(), "/console/findings.csv", view, findings_csv)
        .route(get.clone(), "/console/findings.json", view, findings_json)
        .route(get.clone(), "/console/advisories", view, advisories)
        .route(get.clone(), "/console/advisories/{id}", view, advisory)
        .route(get.clone(), "/console/advisories/{id}/hosts.csv", view, affected_csv)
        .route(get.clone(), "/console/advisories/{id}/hosts.json", view, affected_json)
        .route(get.clone(), "/console/packages", view, packages)
        .route(get.clone(), "/console/packages.csv", view, packages_csv)
        .route(get.clone(), "/console/packages.json", view, packages_json)
        .route(get.clone(), "/console/packages/{stream}/{name}", view, package)
        .route(get.clone(), "/console/packages/{stream}/{name}/hosts.csv", view, package_hosts_csv)
        .route(get.clone(), "/console/packages/{stream}/{name}/hosts.json", view, package_hosts_json)
        .route(get.clone(), "/console/activity", Needs(Permission::ReadEvidence), activity)
        .route(get.clone(), "/console/activity.csv", Needs(Permission::ReadEvidence), activity_csv)
        .route(get.clone(), "/console/activity.json", Needs(Permission::ReadEvidence), activity_json)
        .route(get, "/console/enrolment", Needs(Permission::EnrolHosts), enrolment)
        .route(post.clone(), "/console/enrolment/tokens", Needs(Permission::EnrolHosts), make_token)
        .route(post.clone(), "/console/enrolment/tokens/{id}/revoke", Needs(Permission::EnrolHosts), revoke_token)
        .route(post.clone(), "/console/enrolment/hosts/{id}/admit", Needs(Permission::EditHosts), admit_host)
        .route(post, "/console/enrolment/hosts/{id}/refuse", Needs(Permission::EditHosts), refuse_host)
}

/// What a page's handler gives.
pub type Page = Result<Response, Refused>;

/// A refusal as a page, so that a browser shows words and not JSON.
pub struct Refused(Box<(Shell, Refusal, String)>);

impl IntoResponse for Refused {
    fn into_response(self) -> Response {
        let (shell, refusal, request) = *self.0;
        let problem = Problem::new(refusal.code(), "", refusal.detail(), refusal.next());
        let view = Trouble { status: refusal.status().as_u16(), problem, request };
        let mut response = written(pages::trouble(&shell, &view));
        *response.status_mut() = refusal.status();
        response.extensions_mut().insert(RefusedAs(refusal.code().to_owned()));
        response
    }
}

/// A written page with the headers that every page carries.
pub fn written(page: askama::Result<String>) -> Response {
    let mut response = match page {
        Ok(text) => text.into_response(),
        Err(error) => {
            tracing::error!(%error, "a page cannot be written");
            (StatusCode::INTERNAL_SERVER_ERROR, "this page cannot be written; the server's log says why").into_response()
        }
    };
    for (name, value) in PAGE_HEADERS {
        if let (Ok(name), Ok(value)) = (HeaderName::try_from(*name), HeaderValue::from_str(value)) {
            response.headers_mut().insert(name, value);
        }
    }
    response
}

/// A refusal as a page.
pub fn refused(app: &App, allowed: &Allowed, refusal: Refusal) -> Refused {
    Refused(Box::new((fill::shell(app, allowed), refusal, allowed.caller.request.clone())))
}

/// One request for a page: who, what they see, what they asked for.
pub(super) struct Visit {
    pub(super) shell: Shell,
    pub(super) seen: RoaringBitmap,
    request: String,
}

impl Visit {
    pub(super) fn new(app: &App, allowed: &Allowed) -> Self {
        Self {
            shell: fill::shell(app, allowed),
            seen: visible(app, &allowed.principal.scope(Permission::ReadFleet)),
            request: allowed.caller.request.clone(),
        }
    }

    pub(super) fn refused(&self, refusal: Refusal) -> Refused {
        Refused(Box::new((self.shell.clone(), refusal, self.request.clone())))
    }
}

pub(super) fn asked(form: &ListForm, path: &str, query: Option<&str>) -> ListQuery {
    ListQuery::read(form, path, query.unwrap_or_default())
}

async fn home() -> Redirect {
    Redirect::to("/console")
}

async fn today(State(app): State<Shared>, allowed: Allowed) -> Page {
    if fill::portal(&allowed.principal) {
        return Ok(Redirect::to(super::questions::PORTAL).into_response());
    }
    let visit = Visit::new(&app, &allowed);
    let view = fill::today(&app, &allowed, &visit.seen, app.clock()).await.map_err(|refusal| visit.refused(refusal))?;
    Ok(written(pages::today(&visit.shell, &view)))
}

/// What the form of clients sends; empty is all of them.
#[derive(Debug, Deserialize)]
struct Focus {
    #[serde(default)]
    client: String,
}

/// How long the browser remembers which client was chosen.
const REMEMBERED: i64 = 30 * 86_400;

/// Narrows every page to one client, or shows all of them again. Nothing is
/// changed on the server, and no right is given: the gate narrows, see
/// [`crate::identity::principal::Principal::focused`].
async fn focus(State(app): State<Shared>, allowed: Allowed, headers: HeaderMap, Form(form): Form<Focus>) -> Page {
    let visit = Visit::new(&app, &allowed);
    let chosen = form.client.trim();
    if !chosen.is_empty() && !fill::clients(&app, &allowed.principal).iter().any(|(client, _)| client.to_string() == chosen) {
        return Err(visit.refused(crate::api::missing("client", chosen)));
    }
    let own = app.doors.origins.of_host(&headers);
    let cookie = own.and_then(|own| Kind::Client.write(own, chosen, if chosen.is_empty() { 0 } else { REMEMBERED }));
    let cookie = cookie.ok_or_else(|| visit.refused(crate::identity::principal::sign_in_first()))?;
    Ok(([(header::SET_COOKIE, cookie)], Redirect::to("/console")).into_response())
}

/// Tells an open page that something changed, at most once a second.
async fn live(State(app): State<Shared>, _allowed: Allowed) -> impl IntoResponse {
    let news = app.news.subscribe();
    let stream = futures_util::stream::unfold(news, |mut news| async move {
        match news.recv().await {
            Ok(News::Host(_) | News::Advisories | News::Other) | Err(RecvError::Lagged(_)) => {}
            Err(RecvError::Closed) => return None,
        }
        tokio::time::sleep(std::time::Duration::from_secs(1)).await;
        while !news.is_empty() {
            // One word stands for all that came meanwhile.
            let _ = news.try_recv();
        }
        Some((Ok::<_, Infallible>(Event::default().event("changed").data("1")), news))
    });
    Sse::new(stream).keep_alive(KeepAlive::default())
}

fn typed(query: Option<&str>) -> String {
    let mut pairs = url::form_urlencoded::parse(query.unwrap_or_default().as_bytes());
    pairs.find(|(key, _)| key == "q").map(|(_, value)| value.chars().take(200).collect()).unwrap_or_default()
}

async fn known_applications(app: &Shared, allowed: &Allowed) -> Result<Vec<Application>, Refusal> {
    Ok(app.store.applications(&crate::api::stored(&allowed.scope)).await?)
}

async fn search(State(app): State<Shared>, allowed: Allowed, headers: HeaderMap, RawQuery(query): RawQuery) -> Page {
    let visit = Visit::new(&app, &allowed);
    let applications = known_applications(&app, &allowed).await.map_err(|refusal| visit.refused(refusal))?;
    let view = fill::search(&app, &visit.seen, &typed(query.as_deref()), &applications);
    let part = headers.contains_key("hx-request");
    Ok(written(if part { pages::search_hits(&visit.shell, &view) } else { pages::search(&visit.shell, &view) }))
}

async fn hosts(State(app): State<Shared>, allowed: Allowed, RawQuery(query): RawQuery) -> Page {
    let visit = Visit::new(&app, &allowed);
    let query = asked(&lists::HOSTS, "/console/hosts", query.as_deref());
    let view = fill::hosts(&app, &visit.seen, query).await.map_err(|refusal| visit.refused(refusal))?;
    Ok(written(pages::hosts(&visit.shell, &view)))
}

async fn hosts_csv(State(app): State<Shared>, allowed: Allowed, RawQuery(query): RawQuery) -> Result<Response, Refusal> {
    let rows = host_rows(&app, &allowed, query).await?;
    export::csv("hosts", &export::HOSTS, rows.iter().map(export::host))
}

async fn hosts_json(State(app): State<Shared>, allowed: Allowed, RawQuery(query): RawQuery) -> Result<Response, Refusal> {
    let rows = host_rows(&app, &allowed, query).await?;
    export::json("hosts", &export::HOSTS, rows.iter().map(export::host))
}

async fn host_rows(app: &Shared, allowed: &Allowed, query: Option<String>) -> Result<Vec<super::views::HostRow>, Refusal> {
    let seen = visible(app, &allowed.scope);
    fill::hosts_rows(app, &seen, &asked(&lists::HOSTS, "/console/hosts", query.as_deref())).await
}

fn registration(app: &App, allowed: &Allowed, id: &str) -> Result<Registration, Refusal> {
    let scope = allowed.principal.scope(Permission::ReadFleet);
    seen_host(app, &scope, id, |managed| managed.registration.clone())
}

async fn host(State(app): State<Shared>, allowed: Allowed, Path(id): Path<String>) -> Page {
    let visit = Visit::new(&app, &allowed);
    let filled = async { fill::host(&app, &allowed, &registration(&app, &allowed, &id)?).await };
    let view = filled.await.map_err(|refusal| visit.refused(refusal))?;
    Ok(written(pages::host(&visit.shell, &view)))
}

/// What a form of a host's page sends.
#[derive(Debug, Default, Deserialize)]
struct HostForm {
    #[serde(default)]
    labels: String,
    #[serde(default)]
    tier: String,
    #[serde(default)]
    exposure: String,
    #[serde(default)]
    environment: String,
    #[serde(default)]
    owner: String,
    #[serde(default)]
    reason: String,
}

/// Labels, one `name=value` a line.
fn labels(text: &str) -> std::collections::BTreeMap<String, String> {
    let lines = text.split(['\n', ',']).map(str::trim).filter(|line| !line.is_empty());
    lines.map(|line| line.split_once('=').unwrap_or((line, ""))).map(|(key, value)| (key.trim().to_owned(), value.trim().to_owned())).collect()
}

async fn edit_host(State(app): State<Shared>, allowed: Allowed, Path(id): Path<String>, Form(form): Form<HostForm>) -> Page {
    let visit = Visit::new(&app, &allowed);
    let edit = Edit {
        labels: Some(labels(&form.labels)),
        tier: Some(form.tier),
        exposure: Some(form.exposure),
        environment: Some(form.environment),
        owner: Some(form.owner),
        reason: filled(form.reason),
    };
    acts::edit(State(app), allowed, Path(id.clone()), Json(edit)).await.map(drop).map_err(|refusal| visit.refused(refusal))?;
    Ok(Redirect::to(&format!("/console/hosts/{}", super::query::segment(&id))).into_response())
}

/// What a field of a form says; a browser sends an empty one too.
pub(super) fn filled(text: String) -> Option<String> {
    Some(text).filter(|text| !text.is_empty())
}

/// The client that was chosen of a list; none where the choice was left open.
pub(super) fn chosen_client(field: String) -> Result<Option<ClientId>, Refusal> {
    let wrong = |_| parameter("client", "is no client", "choose one of the list");
    filled(field).map(|client| client.parse().map_err(wrong)).transpose()
}

/// Why, as a form sends it.
#[derive(Debug, Default, Deserialize)]
pub(super) struct Why {
    #[serde(default)]
    reason: String,
}

impl Why {
    /// The same as the API takes it.
    pub(super) fn reason(self) -> Reason {
        Reason { reason: filled(self.reason) }
    }
}

async fn retire_host(State(app): State<Shared>, allowed: Allowed, Path(id): Path<String>, Form(why): Form<Why>) -> Page {
    let visit = Visit::new(&app, &allowed);
    acts::retire(State(app), allowed, Path(id), Json(why.reason())).await.map(drop).map_err(|refusal| visit.refused(refusal))?;
    Ok(Redirect::to("/console/hosts").into_response())
}

async fn unflag_host(State(app): State<Shared>, allowed: Allowed, Path(id): Path<String>, Form(why): Form<Why>) -> Page {
    let visit = Visit::new(&app, &allowed);
    acts::unflag(State(app), allowed, Path(id.clone()), Json(why.reason())).await.map(drop).map_err(|refusal| visit.refused(refusal))?;
    Ok(Redirect::to(&format!("/console/hosts/{}", super::query::segment(&id))).into_response())
}

async fn admit_host(State(app): State<Shared>, allowed: Allowed, Path(id): Path<String>, Form(why): Form<Why>) -> Page {
    let visit = Visit::new(&app, &allowed);
    acts::accept(State(app), allowed, Path(id), Json(why.reason())).await.map(drop).map_err(|refusal| visit.refused(refusal))?;
    Ok(Redirect::to("/console/enrolment").into_response())
}

async fn refuse_host(State(app): State<Shared>, allowed: Allowed, Path(id): Path<String>, Form(why): Form<Why>) -> Page {
    let visit = Visit::new(&app, &allowed);
    acts::retire(State(app), allowed, Path(id), Json(why.reason())).await.map(drop).map_err(|refusal| visit.refused(refusal))?;
    Ok(Redirect::to("/console/enrolment").into_response())
}

async fn compare(State(app): State<Shared>, allowed: Allowed, RawQuery(query): RawQuery) -> Page {
    let visit = Visit::new(&app, &allowed);
    let side = |name: &str| {
        let query = query.as_deref().unwrap_or_default();
        let id = url::form_urlencoded::parse(query.as_bytes()).find(|(key, _)| key == name)?.1.into_owned();
        (!id.is_empty()).then(|| registration(&app, &allowed, &id)).and_then(Result::ok)
    };
    let pair = [side("left"), side("right")];
    let view = fill::compare(&app, &visit.seen, pair).await.map_err(|refusal| visit.refused(refusal))?;
    Ok(written(pages::compare(&visit.shell, &view)))
}

async fn findings(State(app): State<Shared>, allowed: Allowed, RawQuery(query): RawQuery) -> Page {
    let visit = Visit::new(&app, &allowed);
    let view = fill::findings(&app, &visit.seen, asked(&lists::FINDINGS, "/console/findings", query.as_deref()));
    Ok(written(pages::findings(&visit.shell, &view)))
}

fn finding_rows(app: &App, allowed: &Allowed, query: Option<String>) -> Vec<super::views::FindingRow> {
    fill::findings_rows(app, &visible(app, &allowed.scope), &asked(&lists::FINDINGS, "/console/findings", query.as_deref())).1
}

async fn findings_csv(State(app): State<Shared>, allowed: Allowed, RawQuery(query): RawQuery) -> Result<Response, Refusal> {
    export::csv("findings", &export::FINDINGS, finding_rows(&app, &allowed, query).iter().map(export::finding))
}

async fn findings_json(State(app): State<Shared>, allowed: Allowed, RawQuery(query): RawQuery) -> Result<Response, Refusal> {
    export::json("findings", &export::FINDINGS, finding_rows(&app, &allowed, query).iter().map(export::finding))
}

async fn advisories(State(app): State<Shared>, allowed: Allowed, RawQuery(query): RawQuery) -> Page {
    let visit = Visit::new(&app, &allowed);
    let text = typed(query.as_deref());
    let view: Search = fill::search(&app, &visit.seen, &text, &[]);
    if let [only] = view.advisories.as_slice()
        && only.name.eq_ignore_ascii_case(text.trim())
    {
        return Ok(Redirect::to(&only.link).into_response());
    }
    Ok(written(pages::advisories(&visit.shell, &view)))
}

async fn advisory(State(app): State<Shared>, allowed: Allowed, Path(id): Path<String>, RawQuery(query): RawQuery) -> Page {
    let visit = Visit::new(&app, &allowed);
    let path = format!("/console/advisories/{}", super::query::segment(&id));
    let query = asked(&lists::AFFECTED, &path, query.as_deref());
    let view = fill::advisory(&app, &visit.seen, &id, query).map_err(|refusal| visit.refused(refusal))?;
    // Of a CVE that no source names the page says just that: "there is none"
    // would read as "we are not affected".
    let unknown = !is_cve(&id.to_ascii_uppercase());
    if unknown && view.records.is_empty() && view.hosts.total == Some(0) && view.kev.is_none() && view.epss.is_none() {
        return Err(visit.refused(crate::api::missing("advisory", &id)));
    }
    Ok(written(pages::advisory(&visit.shell, &view)))
}

fn affected_rows(app: &Shared, allowed: &Allowed, id: &str, query: Option<String>) -> Result<Vec<super::views::AffectedHost>, Refusal> {
    let query = asked(&lists::AFFECTED, &format!("/console/advisories/{}", super::query::segment(id)), query.as_deref());
    fill::affected_rows(app, &visible(app, &allowed.scope), id, &query)
}

async fn affected_csv(State(app): State<Shared>, allowed: Allowed, Path(id): Path<String>, RawQuery(query): RawQuery) -> Result<Response, Refusal> {
    export::csv(&export::part("hosts-under", &id), &export::AFFECTED, affected_rows(&app, &allowed, &id, query)?.iter().map(export::affected))
}

async fn affected_json(State(app): State<Shared>, allowed: Allowed, Path(id): Path<String>, RawQuery(query): RawQuery) -> Result<Response, Refusal> {
    export::json(&export::part("hosts-under", &id), &export::AFFECTED, affected_rows(&app, &allowed, &id, query)?.iter().map(export::affected))
}

async fn packages(State(app): State<Shared>, allowed: Allowed, RawQuery(query): RawQuery) -> Page {
    let visit = Visit::new(&app, &allowed);
    let view = fill::packages(&app, &visit.seen, asked(&lists::PACKAGES, "/console/packages", query.as_deref()));
    Ok(written(pages::packages(&visit.shell, &view)))
}

fn package_rows(app: &App, allowed: &Allowed, query: Option<String>) -> Vec<super::views::PackageRow> {
    fill::packages_rows(app, &visible(app, &allowed.scope), &asked(&lists::PACKAGES, "/console/packages", query.as_deref())).1
}

async fn packages_csv(State(app): State<Shared>, allowed: Allowed, RawQuery(query): RawQuery) -> Result<Response, Refusal> {
    export::csv("packages", &export::PACKAGES, package_rows(&app, &allowed, query).iter().map(export::package))
}

async fn packages_json(State(app): State<Shared>, allowed: Allowed, RawQuery(query): RawQuery) -> Result<Response, Refusal> {
    export::json("packages", &export::PACKAGES, package_rows(&app, &allowed, query).iter().map(export::package))
}

async fn package(State(app): State<Shared>, allowed: Allowed, Path((stream, name)): Path<(String, String)>, RawQuery(query): RawQuery) -> Page {
    let visit = Visit::new(&app, &allowed);
    let path = format!("/console/packages/{}/{}", super::query::segment(&stream), super::query::segment(&name));
    let query = asked(&lists::PACKAGE_HOSTS, &path, query.as_deref());
    let view = fill::package(&app, &visit.seen, &stream, &name, query).map_err(|refusal| visit.refused(refusal))?;
    Ok(written(pages::package(&visit.shell, &view)))
}

fn package_hosts(app: &App, allowed: &Allowed, (stream, name): &(String, String), query: Option<String>) -> Result<Vec<super::views::PackageHost>, Refusal> {
    let path = format!("/console/packages/{}/{}", super::query::segment(stream), super::query::segment(name));
    let query = asked(&lists::PACKAGE_HOSTS, &path, query.as_deref());
    Ok(fill::package_hosts(app, &visible(app, &allowed.scope), stream, name, &query)?.hosts)
}

async fn package_hosts_csv(State(app): State<Shared>, allowed: Allowed, Path(place): Path<(String, String)>, RawQuery(query): RawQuery) -> Result<Response, Refusal> {
    let rows = package_hosts(&app, &allowed, &place, query)?;
    export::csv(&export::part("hosts-with", &place.1), &export::PACKAGE_HOSTS, rows.iter().map(export::package_host))
}

async fn package_hosts_json(State(app): State<Shared>, allowed: Allowed, Path(place): Path<(String, String)>, RawQuery(query): RawQuery) -> Result<Response, Refusal> {
    let rows = package_hosts(&app, &allowed, &place, query)?;
    export::json(&export::part("hosts-with", &place.1), &export::PACKAGE_HOSTS, rows.iter().map(export::package_host))
}

async fn activity(State(app): State<Shared>, allowed: Allowed, RawQuery(query): RawQuery) -> Page {
    let visit = Visit::new(&app, &allowed);
    let query = asked(&lists::ACTIVITY, "/console/activity", query.as_deref());
    let (view, checkpoint) = fill::activity(&app, allowed.principal.focus(), query).await.map_err(|refusal| visit.refused(refusal))?;
    Ok(written(pages::activity(&visit.shell, &view, checkpoint.as_ref())))
}

/// Entries in one export; the whole log is exported, and can be verified, with
/// `plimsoll evidence export`.
const EXPORTED_ENTRIES: usize = 10_000;

async fn evidence_rows(app: &Shared, allowed: &Allowed, query: Option<String>) -> Result<Vec<super::views::EvidenceEntry>, Refusal> {
    fill::activity_rows(app, allowed.principal.focus(), &asked(&lists::ACTIVITY, "/console/activity", query.as_deref()), EXPORTED_ENTRIES).await
}

async fn activity_csv(State(app): State<Shared>, allowed: Allowed, RawQuery(query): RawQuery) -> Result<Response, Refusal> {
    export::csv("activity", &export::ACTIVITY, evidence_rows(&app, &allowed, query).await?.iter().map(export::evidence))
}

async fn activity_json(State(app): State<Shared>, allowed: Allowed, RawQuery(query): RawQuery) -> Result<Response, Refusal> {
    export::json("activity", &export::ACTIVITY, evidence_rows(&app, &allowed, query).await?.iter().map(export::evidence))
}

async fn enrolment(State(app): State<Shared>, allowed: Allowed) -> Page {
    show_enrolment(&app, &allowed, None).await
}

async fn show_enrolment(app: &Shared, allowed: &Allowed, join: Option<JoinCommand>) -> Page {
    let visit = Visit::new(app, allowed);
    let view = fill::enrolment(app, allowed, &visit.seen, join).await.map_err(|refusal| visit.refused(refusal))?;
    Ok(written(pages::enrolment(&visit.shell, &view)))
}

#[derive(Debug, Default, Deserialize)]
struct TokenForm {
    #[serde(default)]
    group: String,
    uses: Option<u32>,
    hours: Option<u16>,
}

async fn make_token(State(app): State<Shared>, allowed: Allowed, Form(form): Form<TokenForm>) -> Page {
    let visit = Visit::new(&app, &allowed);
    let (uses, hours) = (form.uses.unwrap_or(1), form.hours.unwrap_or(24));
    let wish = TokenWish { client: None, group: form.group.parse().ok(), uses, hours, note: "made in the console".to_owned() };
    let (_, made) = acts::make_enrolment(&app, &allowed, wish).await.map_err(|refusal| visit.refused(refusal))?;
    let join = JoinCommand { command: made.command, expires: made.expires, uses: u64::from(uses), group: None };
    show_enrolment(&app, &allowed, Some(join)).await
}

async fn revoke_token(State(app): State<Shared>, allowed: Allowed, Path(id): Path<String>) -> Page {
    let visit = Visit::new(&app, &allowed);
    acts::revoke_token(&app, &allowed, &id).await.map_err(|refusal| visit.refused(refusal))?;
    Ok(Redirect::to("/console/enrolment").into_response())
}
