//! The check-in: "I am here, and this is my state".
//!
//! The usual one changes nothing, writes nothing and is answered from memory.

use super::{actor, answer, read, refuse};
use crate::app::{News, Shared};
use crate::http::gate::Allowed;
use crate::http::problem::Refusal;
use crate::identity::principal::Who;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use jiff::Timestamp;
use plimsoll_core::model::identifier::HostId;
use plimsoll_core::model::problem::{Problem, printable};
use plimsoll_formats::protocol::{CheckIn, CheckInAnswer, Want, code, headers};
use plimsoll_store::Intent;

/// The host behind a request that the gate let through.
pub(super) fn host(allowed: &Allowed) -> Result<HostId, Refusal> {
    match &allowed.principal.who {
        Who::Host { id, .. } => Ok(*id),
        _ => Err(refuse(Problem::new(code::HOST, "request", "comes from no host", "use an agent"))),
    }
}

/// Answers a check-in.
pub async fn check_in(State(app): State<Shared>, allowed: Allowed, body: Bytes) -> Result<Response, Refusal> {
    let said: CheckIn = read(&body)?;
    let id = host(&allowed)?;
    let (known, name, flagged) = {
        let fleet = app.fleet.read();
        let registration = fleet.host(id).map(|managed| &managed.registration);
        let flagged = registration.is_some_and(|host| host.flag.is_some()) || !said.alarms.is_empty();
        (registration.and_then(|host| host.report.clone()), registration.map(|host| host.name.clone()).unwrap_or_default(), flagged)
    };
    app.metrics.check_ins.inc();
    if let Some(alarm) = said.alarms.first() {
        raise(&app, &allowed, id, &format!("{}: {}", alarm.code, printable(&alarm.text))).await?;
    }
    if !flagged && let Some(words) = app.witnessed.contradiction(&app.store, said.checkpoint.as_ref()).await? {
        raise(&app, &allowed, id, &words).await?;
    }
    let next = app.configuration.check_in_seconds;
    let want = match (&known, &said.report) {
        (Some(ours), Some(theirs)) if ours == theirs => None,
        (Some(_), Some(_)) => Some(Want::Delta),
        _ => Some(Want::Full),
    };
    let news = app.witnessed.news(&app.store, said.checkpoint.as_ref()).await?;
    let now = Timestamp::now();
    let mut assigned = said.assigned;
    assigned.sort();
    let assignments = (app.rollouts.assigned(&app, id, now) != assigned).then(|| {
        let issued = app.rollouts.documents(&app, id, now);
        issued.into_iter().map(|issued| issued.document).collect::<Vec<_>>()
    });
    if want.is_none() && news.is_none() && assignments.is_none() {
        tracing::trace!(host = %name, "nothing new");
        return Ok((StatusCode::NO_CONTENT, [(headers::NEXT, next.to_string())]).into_response());
    }
    let (checkpoint, consistency) = news.unzip();
    answer(&CheckInAnswer {
        want,
        base: known.filter(|_| want.is_some()),
        next_seconds: next,
        checkpoint,
        consistency: consistency.unwrap_or_default(),
        rotate_key: false,
        assignments,
    })
}

/// Raises a host's flag, once: the same words again change nothing, also after
/// somebody looked at them and took the flag off. Hosts repeat an accusation,
/// so that it arrives whoever answered before.
pub(super) async fn raise(app: &Shared, allowed: &Allowed, id: HostId, words: &str) -> Result<(), Refusal> {
    let flag = app.fleet.read().host(id).and_then(|managed| managed.registration.flag.clone());
    let object = format!("host:{id}");
    if flag.as_deref() == Some(words) || (flag.is_none() && taken_off(app, &object).await?.as_deref() == Some(words)) {
        return Ok(());
    }
    let mut change = app.store.begin(Intent::new(actor(id, allowed), Timestamp::now(), "host.flag", object)).await?;
    let registration = change.flag_host(id, Some(words)).await?;
    change.commit(None).await?;
    app.fleet.write().register(registration, 0);
    let _ = app.news.send(News::Host(id));
    Ok(())
}

/// Words of the flag that was taken off a host last.
async fn taken_off(app: &Shared, object: &str) -> Result<Option<String>, Refusal> {
    let newest = app.store.newest_act(object, "host.unflag").await?;
    Ok(newest.and_then(|entry| Some(entry.before?.get(object)?.get("flag")?.as_str()?.to_owned())))
}
