//! Deployment packages, their artefacts, and what came of them.

use super::check_in::{host, raise};
use super::{actor, answer, read, refuse};
use crate::app::Shared;
use crate::evidence::proven;
use crate::http::gate::Allowed;
use crate::http::problem::Refusal;
use crate::rollouts::state_word;
use axum::body::{Body, Bytes};
use axum::extract::State;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use jiff::Timestamp;
use plimsoll_core::model::outcome::Outcome;
use plimsoll_core::model::problem::Problem;
use plimsoll_formats::protocol::{ArtefactRequest, PackageRequest, code};
use plimsoll_store::Intent;
use plimsoll_store::rollouts::OutcomeRow;

/// Seconds after which a host asks again for a package whose leaf is not in
/// the log's tree yet.
const SOON: u32 = 2;

fn unknown(what: &str, place: &str) -> Refusal {
    let text = format!("no rollout of this host has {what}");
    Refusal::new(StatusCode::NOT_FOUND, if what == "this package" { "E-PACKAGE" } else { "E-ARTEFACT" }, text, "check in again for what is assigned").at(place)
}

/// Gives a package with the proof that the evidence log has it.
pub async fn package(State(app): State<Shared>, allowed: Allowed, body: Bytes) -> Result<Response, Refusal> {
    let asked: PackageRequest = read(&body)?;
    let content = app.rollouts.content_for(&asked.digest, host(&allowed)?).ok_or_else(|| unknown("this package", &asked.digest))?;
    let Some(proven) = proven(&app.store, &asked.digest, content.signed.clone(), asked.checkpoint.as_ref()).await? else {
        let text = "the package was accepted a moment ago and the log's next checkpoint does not show it yet";
        return Err(Refusal::new(StatusCode::SERVICE_UNAVAILABLE, "E-LOG-LATE", text, "ask again in some seconds").retry_after(SOON));
    };
    answer(&proven)
}

/// Gives the bytes of an artefact from an offset on. Hosts hold them against
/// the digest that people signed.
pub async fn artefact(State(app): State<Shared>, allowed: Allowed, body: Bytes) -> Result<Response, Refusal> {
    let asked: ArtefactRequest = read(&body)?;
    let missing = || unknown("this artefact", &asked.sha256);
    if !app.rollouts.may_fetch(host(&allowed)?, &asked.sha256) {
        return Err(missing());
    }
    let (length, parts) = app.artefacts.open(&asked.sha256, asked.offset).await?.ok_or_else(|| {
        tracing::error!(sha256 = asked.sha256, "an artefact of a rollout is not kept");
        missing()
    })?;
    let headers = [
        (header::CONTENT_TYPE, HeaderValue::from_static("application/octet-stream")),
        (header::CONTENT_LENGTH, HeaderValue::from(length - asked.offset)),
    ];
    Ok((headers, Body::from_stream(parts)).into_response())
}

/// Takes what came of an attempt; it is durable before this is answered, and
/// the same word again changes nothing.
pub async fn outcome(State(app): State<Shared>, allowed: Allowed, body: Bytes) -> Result<Response, Refusal> {
    let said: Outcome = read(&body)?;
    let id = host(&allowed)?;
    if said.host != id {
        return Err(refuse(Problem::new(code::HOST, "outcome", "is of another host", "send a host's own outcomes")));
    }
    let (client, epoch, generation) = {
        let live = app.rollouts.read();
        let own = live.get(&said.package).filter(|own| own.content.place_of(id).is_some()).ok_or_else(|| unknown("this package", &said.package))?;
        (own.content.package.client, own.rollout.epoch, own.rollout.generation)
    };
    if (said.epoch, said.generation) > (epoch, generation) {
        let words = format!("it knows plan {}.{} of {}, this server knows {epoch}.{generation}: an older backup may have been taken up", said.epoch, said.generation, said.package);
        raise(&app, &allowed, id, &words).await?;
        return Err(Refusal::new(StatusCode::CONFLICT, "E-ASSIGN-EPOCH", words, "look at how this server was restored"));
    }
    let now = Timestamp::now();
    let row = OutcomeRow {
        attempt: said.attempt.clone(),
        package: said.package.clone(),
        host: id,
        generation: said.generation,
        state: state_word(said.state),
        observed: said.observed,
        received: now,
        reboot_pending: said.reboot_pending,
    };
    let intent = Intent::new(actor(id, &allowed), now, "outcome.report", format!("outcome:{}", said.attempt));
    let (kept, document) = (row.clone(), body.clone());
    let done = app.store.submit(intent, move |change| Box::pin(async move { change.put_outcome(&kept, client, &document).await })).await;
    match done {
        Err(error) if error.problem.code == "E-NO-CHANGE" => {}
        done => {
            done?;
        }
    }
    let news = app.rollouts.write().get_mut(&said.package).is_some_and(|live| live.hear(&row, said.state));
    if news {
        app.rollouts.wake.notify_one();
    }
    Ok(StatusCode::NO_CONTENT.into_response())
}
