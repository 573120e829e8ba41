//! Reports over HTTP.

use super::{clients, parameter};
use crate::app::Shared;
use crate::http::gate::Allowed;
use crate::http::parameters::{Path, Query};
use crate::http::problem::Refusal;
use crate::phases::document::Form;
use crate::reports::{self, Wish};
use axum::extract::State;
use axum::http::{HeaderValue, header};
use axum::response::{IntoResponse, Response};
use jiff::Timestamp;
use plimsoll_core::measures::Audience;
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
    /// Its form.
    #[serde(default)]
    format: Form,
}

/// Gives a report.
///
/// # Errors
///
/// 404 for a report that does not exist; 400 for a moment still to come, a
/// time that is too long, and a client's report without its client.
pub async fn report(State(app): State<Shared>, allowed: Allowed, Path(name): Path<String>, Query(which): Query<Which>) -> Result<Response, Refusal> {
    let audience = Audience::parse(&name).ok_or_else(|| super::missing("report", &name))?;
    if audience == Audience::Client && which.client.is_none() {
        return Err(parameter("client", "is missing", "name the client whose report it is, by its id or name"));
    }
    let client = match &which.client {
        None => None,
        Some(wanted) => Some(clients::named(&app, &allowed, wanted).await.map(|client| (client.id, client.name))?),
    };
    let as_of = which.as_of.unwrap_or_else(Timestamp::now);
    let wish = Wish { audience, as_of, days: which.days.unwrap_or(audience.days()), client };
    let report = reports::report(&app, &allowed.scope, &wish).await?;
    let form = which.format;
    let bytes = app.compute(move || reports::write(&report, form)).await?;
    let name = format!("attachment; filename=\"{}-{}.{}\"", audience.word(), as_of.strftime("%Y-%m-%d"), form.extension());
    let headers = [
        (header::CONTENT_TYPE, HeaderValue::from_static(form.media_type())),
        (header::CONTENT_DISPOSITION, HeaderValue::try_from(name).unwrap_or(HeaderValue::from_static("attachment"))),
    ];
    Ok((headers, bytes).into_response())
}
