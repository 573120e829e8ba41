//! The server in its thief's hands: the address, the certificate and every
//! online key are right, and what is handed out is not.

use super::super::network::SERVER;
use super::super::unfinished;
use super::stolen::Stolen;
use crate::printer::Failure;
use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use hyper::server::conn::http1;
use hyper_util::rt::TokioIo;
use plimsoll_core::model::identifier::HostId;
use plimsoll_core::model::outcome::Outcome;
use plimsoll_formats::protocol::{self, ArtefactRequest, CheckIn, CheckInAnswer, PackageRequest, digest, headers};
use serde_json::{Value, json};
use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, PoisonError};
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;
use tower::ServiceExt;

/// What is handed out now, and what came back.
#[derive(Default)]
pub struct Play {
    /// Assignments by host; they replace what a host held.
    pub assignments: BTreeMap<HostId, Vec<String>>,
    /// Documents by the digest under which they are asked for.
    pub packages: HashMap<String, String>,
    /// Which leaf is shown for a package instead of its own.
    pub instead: Option<String>,
    /// Answer packages out of a log that was forked.
    pub forked: bool,
    /// A checkpoint for everybody, with its proof.
    pub checkpoint: Option<String>,
    /// Whether artefacts come with other bytes.
    pub spoiled: bool,
    /// Merged into every answer to a check-in.
    pub more: Option<Value>,
    /// Check-ins answered, by host.
    pub check_ins: BTreeMap<HostId, u32>,
    /// What hosts said of attempts, newest last: state and code.
    pub outcomes: Vec<(HostId, String, String)>,
}

/// The attacker's hands.
pub struct Attacker {
    /// What was taken.
    pub stolen: Stolen,
    /// A second copy, whose log went another way.
    pub fork: Stolen,
    play: Mutex<Play>,
}

type Shared = Arc<Attacker>;

impl Attacker {
    /// Takes both copies.
    pub fn new(stolen: Stolen, fork: Stolen) -> Shared {
        Arc::new(Self { stolen, fork, play: Mutex::default() })
    }

    /// What is handed out.
    pub fn play(&self) -> std::sync::MutexGuard<'_, Play> {
        self.play.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Listens where the server did, until the runtime ends.
pub async fn listen(attacker: &Shared, port: u16, tls: TlsAcceptor) -> Result<(), Failure> {
    let listener = TcpListener::bind((SERVER, port)).await.map_err(|error| unfinished("the attacker", &format!("cannot listen: {error}")))?;
    let routes = Router::new()
        .route(protocol::CHECK_IN, post(check_in))
        .route(protocol::PACKAGE, post(package))
        .route(protocol::ARTEFACT, post(artefact))
        .route(protocol::OUTCOME, post(outcome))
        .with_state(Arc::clone(attacker));
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let (tls, routes) = (tls.clone(), routes.clone());
            tokio::spawn(async move {
                if let Ok(stream) = tls.accept(stream).await {
                    let service = hyper::service::service_fn(move |request: hyper::Request<hyper::body::Incoming>| routes.clone().oneshot(request.map(Body::new)));
                    let _ = http1::Builder::new().serve_connection(TokioIo::new(stream), service).await;
                }
            });
        }
    });
    Ok(())
}

fn host(headers: &HeaderMap) -> Option<HostId> {
    headers.get(headers::HOST)?.to_str().ok()?.parse().ok()
}

fn answer(value: &Value) -> Response {
    ([(header::CONTENT_TYPE, "application/json")], value.to_string()).into_response()
}

async fn check_in(State(attacker): State<Shared>, headers: HeaderMap, body: Bytes) -> Response {
    let (Some(host), Ok(said)) = (host(&headers), serde_json::from_slice::<CheckIn>(&body)) else { return StatusCode::BAD_REQUEST.into_response() };
    let checkpoint = attacker.play().checkpoint.clone();
    let consistency = match (&checkpoint, &said.checkpoint) {
        (Some(_), Some(old)) => {
            let size = attacker.fork.store.checkpoint().await.ok().flatten().map_or(0, |newest| newest.size);
            if old.size < size { attacker.fork.store.consistency_proof(old.size, size).await.unwrap_or_default() } else { Vec::new() }
        }
        _ => Vec::new(),
    };
    let mut play = attacker.play();
    *play.check_ins.entry(host).or_default() += 1;
    let wanted = play.assignments.get(&host).cloned().unwrap_or_default();
    let mut digests: Vec<String> = wanted.iter().map(|document| digest(document.as_bytes())).collect();
    digests.sort();
    let reply = CheckInAnswer {
        want: None,
        base: None,
        next_seconds: 1,
        checkpoint,
        consistency: consistency.iter().map(|hash| protocol::encode_hex(hash)).collect(),
        rotate_key: false,
        assignments: (digests != said.assigned).then_some(wanted),
    };
    let mut reply = json!(reply);
    if let (Some(Value::Object(more)), Some(reply)) = (&play.more, reply.as_object_mut()) {
        reply.extend(more.clone());
    }
    answer(&reply)
}

async fn package(State(attacker): State<Shared>, body: Bytes) -> Response {
    let Ok(asked) = serde_json::from_slice::<PackageRequest>(&body) else { return StatusCode::BAD_REQUEST.into_response() };
    let (document, instead, forked) = {
        let play = attacker.play();
        (play.packages.get(&asked.digest).cloned(), play.instead.clone(), play.forked)
    };
    let Some(document) = document else { return StatusCode::NOT_FOUND.into_response() };
    let log = if forked { &attacker.fork } else { &attacker.stolen };
    match log.answer(instead.as_deref().unwrap_or(&asked.digest), document, asked.checkpoint.as_ref()).await {
        Ok(found) => answer(&json!(found)),
        Err(_) => StatusCode::NOT_FOUND.into_response(),
    }
}

async fn artefact(State(attacker): State<Shared>, body: Bytes) -> Response {
    let Ok(asked) = serde_json::from_slice::<ArtefactRequest>(&body) else { return StatusCode::BAD_REQUEST.into_response() };
    let Ok(Some((length, bytes))) = attacker.stolen.artefacts.open(&asked.sha256, asked.offset).await else { return StatusCode::NOT_FOUND.into_response() };
    if attacker.play().spoiled {
        let rest = usize::try_from(length - asked.offset).unwrap_or(0);
        return vec![b'!'; rest].into_response();
    }
    Body::from_stream(bytes).into_response()
}

async fn outcome(State(attacker): State<Shared>, headers: HeaderMap, body: Bytes) -> Response {
    let (Some(host), Ok(said)) = (host(&headers), serde_json::from_slice::<Outcome>(&body)) else { return StatusCode::BAD_REQUEST.into_response() };
    let state = serde_json::to_value(said.state).ok().and_then(|word| word.as_str().map(str::to_owned)).unwrap_or_default();
    attacker.play().outcomes.push((host, state, said.problem.map(|problem| problem.code).unwrap_or_default()));
    StatusCode::NO_CONTENT.into_response()
}
