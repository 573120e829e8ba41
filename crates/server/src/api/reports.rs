//! Reports over HTTP.

use super::{clients, parameter};
use crate::app::Shared;
use crate::http::gate::Allowed;
use crate::http::parameters::{Path, Query};
use crate::http::problem::Refusal;
use crate::reports::{self, Form, Wish, events, samm, status};
use axum::body::Body;
use axum::extract::State;
use axum::http::{HeaderMap, HeaderValue, header};
use axum::response::{IntoResponse, Response};
use jiff::Timestamp;
use plimsoll_core::measures::Audience;
use plimsoll_core::model::identifier::ClientId;
use serde::Deserialize;

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
async fn named(app: &Shared, allowed: &Allowed, wanted: Option<&str>) -> Result<Option<(ClientId, String)>, Refusal> {
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
    let audience = Audience::parse(&name).ok_or_else(|| super::missing("report", &name))?;
    if audience == Audience::Client && which.client.is_none() {
        return Err(parameter("client", "is missing", "name the client whose report it is, by its id or name"));
    }
    let client = named(&app, &allowed, which.client.as_deref()).await?;
    let as_of = which.as_of.unwrap_or_else(Timestamp::now);
    let wish = Wish { audience, as_of, days: which.days.unwrap_or(audience.days()), client };
    let bytes = reports::written(&app, &allowed.scope, &wish, which.format).await?;
    Ok((file(audience.word(), as_of, which.format.extension(), which.format.media_type()), bytes).into_response())
}

/// Gives a report that has no audience of its own: SAMM's answers, or the
/// status page of an application or the agenda of its next meeting.
async fn practice(app: &Shared, allowed: &Allowed, name: &str, which: Which) -> Result<Response, Refusal> {
    if which.days.is_some() {
        return Err(parameter("days", format!("the report {name} does not look back by days"), "leave it out"));
    }
    let (now, form) = (Timestamp::now(), which.format);
    let (as_of, bytes) = if name == samm::NAME {
        let client = named(app, allowed, which.client.as_deref()).await?;
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
    let client = named(&app, &allowed, which.client.as_deref()).await?;
    let as_of = which.as_of.unwrap_or_else(Timestamp::now);
    let stream = events::events(app, &allowed.scope, as_of, client).await?;
    Ok((file("events", as_of, "jsonl", events::MEDIA_TYPE), Body::from_stream(stream)).into_response())
}
