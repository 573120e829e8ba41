//! The **API**: the same questions and acts as the console's, as JSON.

pub mod acts;
pub mod accreditations;
pub mod alerts;
pub mod applications;
pub mod calendar;
pub mod clients;
pub mod deployment_packages;
pub mod exceptions;
pub mod findings;
pub mod groups;
pub mod history;
pub mod hosts;
pub mod knowledge;
pub mod forensics;
pub mod mitigations;
pub mod notices;
mod openapi;
pub mod packages;
pub mod questions;
pub mod reports;
pub mod rollouts;
pub mod scanners;
pub mod teams;
mod routes;
pub mod watches;
pub mod webhooks;
pub mod work;

pub use routes::routes;

use crate::http::json::Json;
use crate::http::problem::Refusal;
use crate::identity::role::{Portion, Scope};
use axum::http::StatusCode;
use plimsoll_core::model::problem::Problem;
use plimsoll_store::{ErrorKind, StoreError};

/// What handlers give.
pub type Answer<T> = Result<Json<T>, Refusal>;

/// Nothing of that name, or nothing the asker may see: the two must look the
/// same, or existence leaks.
pub fn missing(what: &str, name: &str) -> Refusal {
    Refusal::new(StatusCode::NOT_FOUND, "E-NOT-FOUND", format!("there is no {what} that you can see"), "list what there is").at(name)
}

/// A parameter that cannot be used.
pub fn parameter(name: &str, text: impl AsRef<str>, next: &'static str) -> Refusal {
    Refusal::new(StatusCode::BAD_REQUEST, "E-PARAMETER", text, next).at(name)
}

impl From<StoreError> for Refusal {
    fn from(error: StoreError) -> Self {
        let status = match error.kind {
            ErrorKind::NotFound => StatusCode::NOT_FOUND,
            ErrorKind::Conflict => StatusCode::CONFLICT,
            ErrorKind::Invalid => StatusCode::BAD_REQUEST,
            ErrorKind::Unavailable => StatusCode::SERVICE_UNAVAILABLE,
            _ => StatusCode::INTERNAL_SERVER_ERROR,
        };
        refuse(status, *error.problem)
    }
}

impl From<Problem> for Refusal {
    /// What a parser or a decision found wrong with what was sent.
    fn from(problem: Problem) -> Self {
        let status = match problem.code.as_str() {
            "E-LIMIT" => StatusCode::PAYLOAD_TOO_LARGE,
            "E-JUDGE" | "E-DAMAGED" | "E-DB" => StatusCode::INTERNAL_SERVER_ERROR,
            _ => StatusCode::BAD_REQUEST,
        };
        refuse(status, problem)
    }
}

/// Longest a host or client waits before it comes back: a queue of reports
/// drains within it.
const COME_BACK_SECONDS: u32 = 20;

fn refuse(status: StatusCode, problem: Problem) -> Refusal {
    let refusal = Refusal::new(status, problem.code, problem.text, problem.next).at(problem.place);
    if status == StatusCode::SERVICE_UNAVAILABLE { refusal.retry_after(COME_BACK_SECONDS) } else { refusal }
}

/// Longest page of a list.
pub const PAGE_LIMIT: usize = 1000;

/// Rows that may be left out at the front; nobody turns that many pages.
pub const SKIP_LIMIT: usize = 1_000_000_000;

/// Checks the window of a list.
///
/// # Errors
///
/// `E-PARAMETER`.
pub fn window(skip: Option<usize>, take: Option<usize>) -> Result<(usize, usize), Refusal> {
    let take = take.unwrap_or(100);
    if take == 0 || take > PAGE_LIMIT {
        return Err(parameter("take", format!("{take} rows were asked for, allowed are 1 to {PAGE_LIMIT}"), "ask for the list in pages, with `skip`"));
    }
    let skip = skip.unwrap_or(0);
    if skip > SKIP_LIMIT {
        return Err(parameter("skip", format!("{skip} rows were to be left out, the limit is {SKIP_LIMIT}"), "narrow the question instead"));
    }
    Ok((skip, take))
}

/// A scope in the store's words.
pub fn stored(scope: &Scope) -> plimsoll_store::Scope {
    match scope {
        Scope::Everything => plimsoll_store::Scope::All,
        Scope::Clients(portions) => {
            let (mut clients, mut groups) = (std::collections::BTreeSet::new(), std::collections::BTreeSet::new());
            for (client, portion) in portions {
                match portion {
                    Portion::Whole => {
                        clients.insert(*client);
                    }
                    Portion::Groups(some) => groups.extend(some.iter().copied()),
                }
            }
            plimsoll_store::Scope::Some { clients, groups }
        }
    }
}
