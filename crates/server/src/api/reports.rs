//! Reports over HTTP.

use super::{Answer, clients, missing, parameter, stored};
use crate::http::json::Json;
use crate::app::Shared;
use crate::http::gate::Allowed;
use crate::http::parameters::{Path, Query};
use crate::http::problem::Refusal;
use crate::reports::{self, Form, Wish, events, samm, status};
use axum::body::Body;
use axum::extract::State;
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use jiff::Timestamp;
use plimsoll_core::measures::{Audience, Named};
use plimsoll_core::model::identifier::{ClientId, MadeReportId};
use plimsoll_store::ErrorKind;
use plimsoll_store::made_reports::MadeReport;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// Which report.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Which {
    /// The moment it is as of; now where it is left out.
    as_of: Option<Timestamp>,
    /// Days that it looks back.
    days: Option<u16>,
    /// One client's hosts only, by its id or name.
    client: Option<String>,
    /// The application whose status page it is, by its id or name.
    application: Option<String>,
    /// Its form.
    #[serde(default)]
    format: Form,
}

/// Which events.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Events {
    /// The moment up to which they are told; now where it is left out.
    as_of: Option<Timestamp>,
    /// One client's hosts only, by its id or name.
    client: Option<String>,
}

/// The client that was named, if one was.
async fn one_named(app: &Shared, allowed: &Allowed, wanted: Option<&str>) -> Result<Option<(ClientId, String)>, Refusal> {
    let Some(wanted) = wanted else { return Ok(None) };
    let client = clients::named(app, allowed, wanted).await?;
    Ok(Some((client.id, client.name)))
}

/// Headers of a file to keep.
fn file(name: &str, as_of: Timestamp, extension: &str, media_type: &'static str) -> HeaderMap {
    let name = format!("attachment; filename=\"{name}-{}.{extension}\"", as_of.strftime("%Y-%m-%d"));
    let name = HeaderValue::try_from(name).unwrap_or(HeaderValue::from_static("attachment"));
    HeaderMap::from_iter([(header::CONTENT_TYPE, HeaderValue::from_static(media_type)), (header::CONTENT_DISPOSITION, name)])
}

/// Gives a report.
///
/// # Errors
///
/// 404 for a report that does not exist; 400 for a moment still to come, a
/// time that is too long, a client's report without its client, and a form
/// that the report has not.
pub async fn report(State(app): State<Shared>, allowed: Allowed, Path(name): Path<String>, Query(which): Query<Which>) -> Result<Response, Refusal> {
    if [samm::NAME, status::NAME, status::AGENDA].contains(&name.as_str()) {
        return practice(&app, &allowed, &name, which).await;
    }
    let named = Named::parse(&name).ok_or_else(|| super::missing("report", &name))?;
    if named == Named::For(Audience::Client) && which.client.is_none() {
        return Err(parameter("client", "is missing", "name the client whose report it is, by its id or name"));
    }
    let client = one_named(&app, &allowed, which.client.as_deref()).await?;
    let as_of = which.as_of.unwrap_or_else(Timestamp::now);
    let wish = Wish { named, as_of, days: which.days.unwrap_or(named.days()), client };
    let bytes = reports::written(&app, &allowed.scope, &wish, which.format).await?;
    Ok((file(named.word(), as_of, which.format.extension(), which.format.media_type()), bytes).into_response())
}

/// Gives a report that has no audience of its own: SAMM's answers, or the
/// status page of an application or the agenda of its next meeting.
async fn practice(app: &Shared, allowed: &Allowed, name: &str, which: Which) -> Result<Response, Refusal> {
    if which.days.is_some() {
        return Err(parameter("days", format!("the report {name} does not look back by days"), "leave it out"));
    }
    let (now, form) = (Timestamp::now(), which.format);
    let (as_of, bytes) = if name == samm::NAME {
        let client = one_named(app, allowed, which.client.as_deref()).await?;
        let as_of = which.as_of.unwrap_or(now);
        (as_of, samm::written(app, &allowed.scope, as_of, client, form).await?)
    } else {
        if which.as_of.is_some() {
            return Err(parameter("as_of", "it is of the present: hosts and groups of then are not kept as they were", "leave it out"));
        }
        let application = which.application.as_deref().ok_or_else(|| parameter("application", "is missing", "name the application, by its id or name"))?;
        (now, status::written(app, &allowed.scope, application, form, name == status::AGENDA).await?)
    };
    Ok((file(name, as_of, form.extension(), form.media_type()), bytes).into_response())
}

/// Gives the events that the reports of a moment are counted from.
///
/// # Errors
///
/// 404 for a client that nobody of this right may see; 400 for a moment still
/// to come.
pub async fn told(State(app): State<Shared>, allowed: Allowed, Query(which): Query<Events>) -> Result<Response, Refusal> {
    let client = one_named(&app, &allowed, which.client.as_deref()).await?;
    let as_of = which.as_of.unwrap_or_else(Timestamp::now);
    let stream = events::events(app, &allowed.scope, as_of, client).await?;
    Ok((file("events", as_of, "jsonl", events::MEDIA_TYPE), Body::from_stream(stream)).into_response())
}

/// A report that was made when it was due.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct MadeAnswer {
    /// Id.
    #[schema(value_type = String)]
    pub id: MadeReportId,
    /// Which, `management`.
    pub report: String,
    /// Its form, `pdf`.
    pub format: String,
    /// The client whose it is; none for all clients.
    #[schema(value_type = Option<String>)]
    pub client: Option<ClientId>,
    /// What the policy calls it.
    pub title: String,
    /// For whom, in the policy's words.
    pub to: Vec<String>,
    /// Beginning of its period.
    #[schema(value_type = String, format = DateTime)]
    pub since: Timestamp,
    /// End of its period, which it is as of.
    #[schema(value_type = String, format = DateTime)]
    pub as_of: Timestamp,
    /// When it was made.
    #[schema(value_type = String, format = DateTime)]
    pub made: Timestamp,
    /// SHA-256 of its file, hex.
    pub digest: String,
    /// Whether the file is still kept; it can be made again.
    pub kept: bool,
}

impl From<MadeReport> for MadeAnswer {
    fn from(made: MadeReport) -> Self {
        let MadeReport { id, report, format, client, title, audience, since, as_of, made, digest, kept } = made;
        Self { id, report, format, client, title, to: audience, since, as_of, made, digest, kept }
    }
}

/// Lists reports that were made when they were due, the newest first.
pub async fn made(State(app): State<Shared>, allowed: Allowed) -> Answer<Vec<MadeAnswer>> {
    let made = app.store.made_reports(&stored(&allowed.scope)).await?;
    Ok(Json(made.into_iter().map(MadeAnswer::from).collect()))
}

/// Gives the file of one.
///
/// # Errors
///
/// 404 for one that the asker may not see; 410 `E-EXPIRED` where its file is no
/// longer kept.
pub async fn made_one(State(app): State<Shared>, allowed: Allowed, Path(id): Path<String>) -> Result<Response, Refusal> {
    let unseen = || missing("report", &id);
    let key: MadeReportId = id.parse().map_err(|_| unseen())?;
    let (made, content) = app.store.made_report(&stored(&allowed.scope), key).await.map_err(|error| if error.kind == ErrorKind::NotFound { unseen() } else { error.into() })?;
    let Some(content) = content else {
        let next = "make it again: ask for the report as of the same moment";
        return Err(Refusal::new(StatusCode::GONE, "E-EXPIRED", "the file is no longer kept, as the policy says", next).at(&id));
    };
    let form = Form::parse(&made.format).unwrap_or_default();
    Ok((file(&made.report, made.as_of, form.extension(), form.media_type()), content).into_response())
}
