//! **Refusals**: what a client is told when it gets nothing else, as problem
//! details (RFC 9457) with a stable code and the next step.

use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use plimsoll_core::model::problem::printable;
use serde::Serialize;
use std::borrow::Cow;

/// Longest detail that is sent, in characters; a client's own words come back
/// in it, and those can be long.
const DETAIL: usize = 1_000;

/// A refusal. Boxed, because it travels in every `Result`.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Refusal(Box<Parts>);

#[derive(Clone, PartialEq, Eq, Debug)]
struct Parts {
    status: StatusCode,
    code: Cow<'static, str>,
    detail: String,
    next: Cow<'static, str>,
    place: Option<String>,
    retry_after: Option<u32>,
}

/// The code of a refusal, kept beside the answer that tells it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct RefusedAs(pub String);

/// The body as it goes over the wire.
#[derive(Serialize)]
struct Document<'a> {
    r#type: String,
    title: &'a str,
    status: u16,
    code: &'a str,
    detail: &'a str,
    next: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    place: Option<&'a str>,
}

impl Refusal {
    /// Makes one: status, stable code, one sentence with the measured value
    /// and the limit where there is one, and what to do next. Control
    /// characters of what a client sent are escaped.
    pub fn new(
        status: StatusCode,
        code: impl Into<Cow<'static, str>>,
        detail: impl AsRef<str>,
        next: impl Into<Cow<'static, str>>,
    ) -> Self {
        let detail = detail.as_ref().chars().take(DETAIL).flat_map(|character| {
            let kept = !character.is_control();
            kept.then_some(character).into_iter().chain((!kept).then(|| character.escape_unicode()).into_iter().flatten())
        });
        Self(Box::new(Parts {
            status,
            code: code.into(),
            detail: detail.collect(),
            next: next.into(),
            place: None,
            retry_after: None,
        }))
    }

    /// Adds where in the input it is: a JSON path with line and column, a
    /// header's or parameter's name.
    #[must_use]
    pub fn at(mut self, place: impl AsRef<str>) -> Self {
        self.0.place = Some(printable(place.as_ref()));
        self
    }

    /// Adds after how many seconds to come back; sent as `Retry-After`.
    #[must_use]
    pub fn retry_after(mut self, seconds: u32) -> Self {
        self.0.retry_after = Some(seconds);
        self
    }

    /// Status.
    pub fn status(&self) -> StatusCode {
        self.0.status
    }

    /// Stable code.
    pub fn code(&self) -> &str {
        &self.0.code
    }

    /// What is wrong.
    pub fn detail(&self) -> &str {
        &self.0.detail
    }

    /// What to do next.
    pub fn next(&self) -> &str {
        &self.0.next
    }

    /// Seconds after which to come back.
    pub fn seconds(&self) -> Option<u32> {
        self.0.retry_after
    }
}

impl std::fmt::Display for Refusal {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "{}: {}; {}", self.0.code, self.0.detail, self.0.next)
    }
}

impl std::error::Error for Refusal {}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        let parts = *self.0;
        let document = Document {
            r#type: format!("urn:plimsoll:problem:{}", parts.code.to_ascii_lowercase()),
            title: parts.status.canonical_reason().unwrap_or("Refused"),
            status: parts.status.as_u16(),
            code: &parts.code,
            detail: &parts.detail,
            next: &parts.next,
            place: parts.place.as_deref(),
        };
        // Writing a struct of texts cannot fail; an empty body would still
        // carry the status.
        let body = serde_json::to_vec(&document).unwrap_or_default();
        let mut response = (parts.status, body).into_response();
        response.extensions_mut().insert(RefusedAs(parts.code.into_owned()));
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
        headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
        if let Some(seconds) = parts.retry_after {
            headers.insert(header::RETRY_AFTER, HeaderValue::from(seconds));
        }
        if parts.status == StatusCode::UNAUTHORIZED {
            headers.insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
        }
        response
    }
}
