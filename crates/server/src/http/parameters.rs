//! **Parameters** in path and query: read as meant, or refused as a problem
//! like everything else.

use super::problem::Refusal;
use axum::extract::FromRequestParts;
use axum::http::StatusCode;
use axum::http::request::Parts;
use serde::de::DeserializeOwned;

/// Segments of the path that the route leaves open.
#[derive(Clone, Debug)]
pub struct Path<T>(pub T);

impl<T: DeserializeOwned + Send, S: Send + Sync> FromRequestParts<S> for Path<T> {
    type Rejection = Refusal;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Refusal> {
        let read = <axum::extract::Path<T> as FromRequestParts<S>>::from_request_parts(parts, state).await;
        let axum::extract::Path(value) = read.map_err(|error| {
            Refusal::new(StatusCode::BAD_REQUEST, "E-PATH", error.body_text(), "use the path as /openapi.json spells it")
        })?;
        Ok(Self(value))
    }
}

/// What stands behind the `?`. A parameter that the route does not know, one
/// that comes twice and one with U+0000 are refused.
#[derive(Clone, Debug)]
pub struct Query<T>(pub T);

impl<T: DeserializeOwned, S: Send + Sync> FromRequestParts<S> for Query<T> {
    type Rejection = Refusal;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Refusal> {
        let refuse = |text: String| {
            Refusal::new(StatusCode::BAD_REQUEST, "E-PARAMETER", text, "correct the query; /openapi.json describes it")
        };
        let query = parts.uri.query().unwrap_or_default();
        // PostgreSQL cannot keep it, and no text of ours needs it.
        if let Some((name, _)) = url::form_urlencoded::parse(query.as_bytes()).find(|(_, value)| value.contains('\0')) {
            return Err(refuse("the parameter contains U+0000".to_owned()).at(name));
        }
        let read = axum::extract::Query::<T>::try_from_uri(&parts.uri);
        read.map(|axum::extract::Query(value)| Self(value)).map_err(|error| refuse(error.body_text()))
    }
}
