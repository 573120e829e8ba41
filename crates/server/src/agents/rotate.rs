//! Changing a host's key: asked with the old one, proved with the new one.

use super::check_in::host;
use super::{actor, read, refuse};
use crate::app::Shared;
use crate::http::gate::Allowed;
use crate::http::problem::Refusal;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::StatusCode;
use jiff::Timestamp;
use plimsoll_formats::protocol::{Rotate, verify_rotation};
use plimsoll_store::Intent;

/// Changes the key.
pub async fn rotate(State(app): State<Shared>, allowed: Allowed, body: Bytes) -> Result<StatusCode, Refusal> {
    let wish: Rotate = read(&body)?;
    let id = host(&allowed)?;
    let old = app.fleet.read().host(id).and_then(|managed| managed.registration.public_key.clone()).unwrap_or_default();
    verify_rotation(&id.to_string(), &old, &wish).map_err(refuse)?;
    let mut change = app.store.begin(Intent::new(actor(id, &allowed), Timestamp::now(), "host.rotate-key", format!("host:{id}"))).await?;
    let registration = change.update_host(id, |host| host.public_key = Some(wish.new_public_key)).await?;
    change.commit(None).await?;
    app.fleet.write().register(registration, 0);
    Ok(StatusCode::NO_CONTENT)
}
