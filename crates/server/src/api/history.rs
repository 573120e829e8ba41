//! What happened: to a host, and in the evidence log.

use super::hosts::seen_host;
use super::{Answer, window};
use crate::app::Shared;
use crate::http::gate::Allowed;
use crate::http::json::Json;
use crate::http::parameters::{Path, Query};
use crate::phases::evaluate;
use axum::extract::State;
use jiff::Timestamp;
use plimsoll_store::transitions::{FindingKey, Transition};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// What came and went on a host at one moment.
#[derive(Debug, Serialize, ToSchema)]
pub struct Moment {
    /// When.
    #[schema(value_type = String, format = DateTime)]
    pub at: Timestamp,
    /// Findings and updates that were there from then on.
    pub opened: Vec<String>,
    /// Those that were gone from then on.
    pub closed: Vec<String>,
}

impl From<Transition> for Moment {
    fn from(transition: Transition) -> Self {
        let words = |keys: &[FindingKey]| keys.iter().map(evaluate::key_text).collect();
        Self { at: transition.at, opened: words(&transition.opened), closed: words(&transition.closed) }
    }
}

/// How much.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Much {
    /// Entries left out at the front.
    pub skip: Option<usize>,
    /// Entries wanted.
    pub take: Option<usize>,
}

/// One host's story, newest first.
pub async fn host(State(app): State<Shared>, allowed: Allowed, Path(id): Path<String>, Query(much): Query<Much>) -> Answer<Vec<Moment>> {
    let (_, take) = window(None, much.take)?;
    let id = seen_host(&app, &allowed.scope, &id, |managed| managed.registration.id)?;
    let history = app.store.transitions(id).await?;
    Ok(Json(history.into_iter().rev().take(take).map(Moment::from).collect()))
}

/// One entry of the evidence log.
#[derive(Debug, Serialize, ToSchema)]
pub struct Entry {
    /// Its place in the log.
    pub position: u64,
    /// The bytes that are proven, as JSON.
    #[schema(value_type = Object)]
    pub leaf: serde_json::Value,
}

/// Entries of the evidence log, oldest first.
pub async fn evidence(State(app): State<Shared>, _allowed: Allowed, Query(much): Query<Much>) -> Answer<Vec<Entry>> {
    let (skip, take) = window(much.skip, much.take)?;
    let entries = app.store.changes_since(skip as u64, u32::try_from(take).unwrap_or(u32::MAX)).await?;
    let read = |bytes: &[u8]| serde_json::from_slice(bytes).unwrap_or(serde_json::Value::Null);
    Ok(Json(entries.into_iter().map(|entry| Entry { position: entry.position.unwrap_or_default(), leaf: read(&entry.bytes) }).collect()))
}
