//! Joining: a one-time token, a key of the host's own, and the root digest
//! that the join command carried.

use super::check::Signed;
use super::{actor, answer, read, refuse};
use crate::app::{News, Shared};
use crate::http::gate::Allowed;
use crate::http::problem::Refusal;
use crate::identity::directory::EnrolmentToken;
use crate::identity::enrolment::spent;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::request::Parts;
use axum::response::Response;
use jiff::Timestamp;
use plimsoll_core::model::identifier::HostId;
use plimsoll_core::model::problem::Problem;
use plimsoll_core::model::registration::{HostSource, HostState, Registration};
use plimsoll_formats::protocol::{self, Enrol, Enrolled, NEW_HOST, code};
use plimsoll_store::hosts::Machine;
use plimsoll_store::{ErrorKind, Intent};

/// Lets a host join.
pub async fn enrol(State(app): State<Shared>, allowed: Allowed, parts: Parts, body: Bytes) -> Result<Response, Refusal> {
    let joined = join(&app, &allowed, &parts, &body).await;
    if joined.is_err() {
        app.metrics.refusals.inc();
    }
    joined
}

async fn join(app: &Shared, allowed: &Allowed, parts: &Parts, body: &Bytes) -> Result<Response, Refusal> {
    let wish: Enrol = read(body)?;
    let signed = Signed::of(parts).map_err(refuse)?;
    let now = Timestamp::now();
    if signed.host != NEW_HOST {
        return Err(refuse(Problem::new(code::SIGNATURE, "request", "names a host although it joins", "update the agent")));
    }
    signed.verify(parts, body, &wish.public_key, now).map_err(refuse)?;
    check_versions(app, &wish).map_err(refuse)?;
    // The answer to the first try may have been lost; whoever has the key is
    // the host that the token let in.
    if let Some(known) = app.store.host_by_key(&wish.public_key).await? {
        return answer(&welcome(app, &known, now).await?);
    }
    let token = app.identity.enrolment(&wish.token, &allowed.caller).await?;
    let registration = admit(app, allowed, wish, token, signed.sequence, now).await?;
    answer(&welcome(app, &registration, now).await?)
}

fn check_versions(app: &Shared, wish: &Enrol) -> Result<(), Problem> {
    if wish.protocol != protocol::VERSION {
        let text = format!("agent speaks protocol {}, this server {}", wish.protocol, protocol::VERSION);
        return Err(Problem::new("E-PROTOCOL", &wish.agent, text, "install the agent of this server's release"));
    }
    let ours = app.root_digest.as_deref();
    match wish.root_digest.as_deref() {
        Some(theirs) if Some(theirs) != ours => Err(Problem::new(
            code::ROOT,
            &wish.name,
            format!("pins the root {theirs}, this server has {}", ours.unwrap_or("none")),
            "compare the digest in the join command with the people who hold the root keys",
        )),
        _ => Ok(()),
    }
}

/// Spends the token and writes the host in one transaction.
async fn admit(
    app: &Shared,
    allowed: &Allowed,
    wish: Enrol,
    token: EnrolmentToken,
    sequence: u64,
    now: Timestamp,
) -> Result<Registration, Refusal> {
    let id = HostId::from_bits(plimsoll_store::identifier::fresh(now)?);
    let mut change = app.store.begin(Intent::new(actor(id, allowed), now, "host.enrol", format!("host:{id}"))).await?;
    // Of two hosts at once with one token, one loses here.
    change.use_enrolment_token(&wish.token).await.map_err(|error| match error.kind {
        ErrorKind::Conflict => spent(),
        _ => error.into(),
    })?;
    let taken = change.active_host_named(token.client, &wish.name).await?;
    let machine = Machine {
        machine_id_digest: Some(wish.machine_id_digest).filter(|digest| !digest.is_empty()),
        hardware_digest: Some(wish.hardware_digest).filter(|digest| !digest.is_empty()),
        boot_id: Some(wish.boot_id),
        agent: Some(wish.agent),
        claims: taken.as_ref().map(|host| host.id),
    };
    let flag = taken.is_some().then(|| format!("asked to join under the name {}, which another host has", wish.name));
    let registration = Registration {
        id,
        number: 0,
        client: token.client,
        name: wish.name,
        state: if taken.is_some() { HostState::Pending } else { HostState::Active },
        source: HostSource::Agent,
        labels: token.labels,
        tier: None,
        exposure: None,
        environment: None,
        owner: None,
        public_key: Some(wish.public_key),
        enrolled: now,
        last_seen: None,
        report: None,
        reported: None,
        flag,
    };
    let registration = change.insert_host(registration, &machine).await?;
    if let Some(group) = token.group {
        change.join_group(group, id).await?;
    }
    {
        // Whoever takes groups up from the store meanwhile would miss the host.
        let _turn = if token.group.is_some() { Some(app.grouping.lock().await) } else { None };
        change.commit(None).await?;
        let mut fleet = app.fleet.write();
        fleet.register(registration.clone(), sequence);
        if let Some(group) = token.group {
            fleet.join_group(group, registration.number);
        }
    }
    crate::membership::follow(app, id).await;
    let _ = app.news.send(News::Host(id));
    Ok(registration)
}

async fn welcome(app: &Shared, host: &Registration, now: Timestamp) -> Result<Enrolled, Refusal> {
    Ok(Enrolled {
        host: host.id,
        client: host.client,
        state: host.state,
        check_in_seconds: app.configuration.check_in_seconds,
        server_time: now,
        log_key: app.store.log().await?.verifier_key,
        checkpoint: app.store.checkpoint().await?.map(|checkpoint| checkpoint.note),
        root: app.configuration.root.as_ref().map(|root| String::from_utf8_lossy(root).into_owned()),
    })
}
