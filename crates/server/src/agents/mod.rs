//! What **agents** say: joining, checking in, reporting, changing keys.
//!
//! Every request is signed with the host's key over method, path, date, a
//! rising number and the body's digest, so that a TLS-ending proxy needs no
//! trust and a recorded request is worth nothing.

mod check;
mod check_in;
mod enrol;
mod report;
mod rotate;
pub mod work;

pub use check::Signatures;

use crate::app::Shared;
use crate::http::gate::Allowed;
use crate::http::problem::Refusal;
use crate::http::routes::{Access, Routes};
use axum::body::Bytes;
use axum::http::{HeaderValue, Method, StatusCode, header};
use axum::response::{IntoResponse, Response};
use plimsoll_core::model::identifier::HostId;
use plimsoll_core::model::problem::Problem;
use plimsoll_formats::protocol::{self, Limits, Message, code};
use plimsoll_store::Actor;

/// The agents' routes.
pub fn routes() -> Routes<Shared> {
    let (message, report) = (Limits::MESSAGE.compressed, Limits::REPORT.compressed);
    Routes::new()
        .route_up_to(message, Method::POST, protocol::ENROL, Access::Machine, enrol::enrol)
        .route_up_to(message, Method::POST, protocol::CHECK_IN, Access::Host, check_in::check_in)
        .route_up_to(report, Method::POST, protocol::REPORT, Access::Host, report::whole)
        .route_up_to(report, Method::POST, protocol::REPORT_DELTA, Access::Host, report::delta)
        .route_up_to(message, Method::POST, protocol::ROTATE, Access::Host, rotate::rotate)
        .route_up_to(message, Method::POST, protocol::PACKAGE, Access::Host, work::package)
        .route_up_to(message, Method::POST, protocol::ARTEFACT, Access::Host, work::artefact)
        .route_up_to(Limits::OUTCOME.compressed, Method::POST, protocol::OUTCOME, Access::Host, work::outcome)
}

/// Reads a message or refuses it.
fn read<M: Message>(body: &Bytes) -> Result<M, Refusal> {
    Ok(protocol::read_message(body)?)
}

/// Writes an answer.
fn answer<M: Message>(message: &M) -> Result<Response, Refusal> {
    let bytes = protocol::write_message(message)?;
    Ok(([(header::CONTENT_TYPE, HeaderValue::from_static("application/json"))], bytes).into_response())
}

/// A host as the one who acts.
fn actor(id: HostId, allowed: &Allowed) -> Actor {
    Actor { id: format!("host:{id}"), name: None, strength: "host-key".to_owned(), request: Some(allowed.caller.request.clone()) }
}

/// Refuses with the status that belongs to a code of the protocol.
fn refuse(problem: Problem) -> Refusal {
    let status = match problem.code.as_str() {
        code::SIGNATURE | code::HOST | code::CLOCK | code::REPLAY | code::DIGEST => StatusCode::UNAUTHORIZED,
        code::RETIRED | code::PENDING | code::TOKEN | code::ROOT => StatusCode::FORBIDDEN,
        code::BASE => StatusCode::CONFLICT,
        "E-LIMIT" => StatusCode::PAYLOAD_TOO_LARGE,
        _ => StatusCode::BAD_REQUEST,
    };
    Refusal::new(status, problem.code, problem.text, problem.next).at(problem.place)
}
