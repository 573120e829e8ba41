//! The agent's end of the conversation with the helper.

use super::frames::{read_frame, write_frame};
use super::verbs::{Inventory, REPLY_LIMIT, Reply, Request};
use super::{failed, observe_here};
use crate::apply::{Next, Receipt};
use crate::options::HelperAt;
use jiff::Timestamp;
use plimsoll_core::model::outcome::Outcome;
use plimsoll_core::model::problem::Problem;
use plimsoll_formats::protocol::Limits;
use serde::{Deserialize, Serialize};
use std::os::fd::AsFd;
use std::os::unix::net::UnixStream;
use std::time::Duration;

/// Longest an observation may take: a cold disk with a hundred files.
const OBSERVE: Duration = Duration::from_secs(60);
/// Longest an inventory may take: a package manager on a slow machine may take
/// three minutes, and language components as long again.
const INVENTORY: Duration = Duration::from_secs(1200);
/// Longest the staging of one file may take: a gigabyte on a slow disk.
const STAGE: Duration = Duration::from_secs(300);

/// What the helper saw at a glance.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub(crate) struct Observed {
    /// Changes when an inventory might.
    pub(crate) fingerprint: String,
    /// The kernel's boot id.
    pub(crate) boot_id: String,
    /// Digest of the hardware's identifiers; may be empty.
    pub(crate) hardware_digest: String,
}

/// A way to the helper.
#[derive(Debug)]
pub(crate) struct Connection {
    at: HelperAt,
    /// The one conversation over standard input; a socket is opened anew for
    /// each request, so that a restarted helper is found again.
    inherited: Option<UnixStream>,
}

impl Connection {
    /// Makes it; opens nothing yet, apart from taking over standard input.
    pub(crate) fn new(at: &HelperAt) -> Result<Self, Problem> {
        let inherited = match at {
            HelperAt::StandardInput => {
                let input = std::io::stdin().as_fd().try_clone_to_owned();
                Some(UnixStream::from(input.map_err(|error| failed("standard input", "is not the helper", &error))?))
            }
            HelperAt::Socket(_) | HelperAt::Here => None,
        };
        Ok(Self { at: at.clone(), inherited })
    }

    /// Asks whether anything changed.
    pub(crate) fn observe(&self) -> Result<Observed, Problem> {
        if matches!(self.at, HelperAt::Here) {
            return Ok(observe_here());
        }
        let stream = self.open(OBSERVE)?;
        match self.ask(&stream, &Request::Observe {})? {
            Reply::Observed(observed) => Ok(observed),
            Reply::Problem(problem) => Err(problem),
            _ => Err(another()),
        }
    }

    /// Asks for the report; gives its canonical bytes and when the kernel was
    /// started.
    pub(crate) fn inventory(
        &self,
        languages: bool,
        booted: Option<Timestamp>,
        problems: Vec<Problem>,
    ) -> Result<(Option<Timestamp>, Vec<u8>), Problem> {
        let inventory = Inventory { languages, booted, problems };
        if matches!(self.at, HelperAt::Here) {
            return super::work::read(&inventory).map(|made| (made.0, made.1.bytes));
        }
        let stream = self.open(INVENTORY)?;
        match self.ask(&stream, &Request::Inventory(inventory))? {
            Reply::Inventory { booted, bytes } => {
                let limit = Limits::REPORT.decompressed.min(usize::try_from(bytes).unwrap_or(usize::MAX));
                Ok((booted, read_frame(&mut &stream, limit)?))
            }
            Reply::Problem(problem) => Err(problem),
            _ => Err(another()),
        }
    }

    /// Hands over an assignment and its package.
    pub(crate) fn receive(&self, assignment: &str, package: &str) -> Result<Receipt, Problem> {
        match self.about(Request::Receive { assignment: assignment.to_owned(), package: package.to_owned() })? {
            Reply::Received(receipt) => Ok(*receipt),
            _ => Err(another()),
        }
    }

    /// Has a fetched artefact staged; `path` is beneath the agent's folder.
    pub(crate) fn stage(&self, sha256: &str, path: &str) -> Result<(), Problem> {
        self.about(Request::Stage { sha256: sha256.to_owned(), path: path.to_owned() }).map(drop)
    }

    /// Lets an attempt go one step on.
    pub(crate) fn proceed(&self, attempt: &str) -> Result<Next, Problem> {
        match self.about(Request::Proceed { attempt: attempt.to_owned() })? {
            Reply::Next(next) => Ok(*next),
            _ => Err(another()),
        }
    }

    /// Outcomes that the server does not have.
    pub(crate) fn attempts(&self) -> Result<Vec<Outcome>, Problem> {
        match self.about(Request::Attempts {})? {
            Reply::Attempts { outcomes } => Ok(outcomes),
            _ => Err(another()),
        }
    }

    /// Says that the server answers this process.
    pub(crate) fn answered(&self) -> Result<(), Problem> {
        self.about(Request::Answered {}).map(drop)
    }

    /// Says that the server has an outcome.
    pub(crate) fn acknowledge(&self, attempt: &str, observed: Timestamp) -> Result<(), Problem> {
        self.about(Request::Acknowledge { attempt: attempt.to_owned(), observed }).map(drop)
    }

    /// A question about deployment packages; an agent that reads the host
    /// itself has nobody who could change it.
    fn about(&self, request: Request) -> Result<Reply, Problem> {
        if matches!(self.at, HelperAt::Here) {
            let text = "is not there, so nothing can be changed on this host";
            return Err(Problem::new("E-HELPER", "plimsoll-helper", text, "run the agent with its helper"));
        }
        match self.ask(&self.open(STAGE)?, &request)? {
            Reply::Problem(problem) => Err(problem),
            reply => Ok(reply),
        }
    }

    fn open(&self, patience: Duration) -> Result<UnixStream, Problem> {
        let stream = match (&self.at, &self.inherited) {
            (HelperAt::Socket(path), _) => {
                let place = path.to_string_lossy();
                UnixStream::connect(path).map_err(|error| {
                    Problem::new("E-HELPER", &place, format!("cannot be reached: {error}"), "start plimsoll-helper; until then the last report stands")
                })?
            }
            (_, Some(stream)) => stream.try_clone().map_err(|error| failed("standard input", "cannot be used", &error))?,
            _ => return Err(failed("helper", "is nowhere", &"no address")),
        };
        let timed = stream.set_read_timeout(Some(patience)).and_then(|()| stream.set_write_timeout(Some(OBSERVE)));
        timed.map_err(|error| failed("socket", "cannot be timed", &error))?;
        Ok(stream)
    }

    fn ask(&self, stream: &UnixStream, request: &Request) -> Result<Reply, Problem> {
        let outcome = ask(stream, request);
        if outcome.is_err() && self.inherited.is_some() {
            // A late answer must not be taken for the next question's: the
            // helper ends with this conversation and is started again.
            let _ = stream.shutdown(std::net::Shutdown::Both);
        }
        outcome
    }
}

fn another() -> Problem {
    failed("socket", "gave an answer to another question", &"use an agent and a helper of the same version")
}

fn ask(mut stream: &UnixStream, request: &Request) -> Result<Reply, Problem> {
    let bytes = serde_json::to_vec(request).map_err(|error| failed("socket", "cannot be asked", &error))?;
    write_frame(&mut stream, &bytes)?;
    let bytes = read_frame(&mut stream, REPLY_LIMIT)?;
    serde_json::from_slice(&bytes).map_err(|error| failed("socket", "gave an answer that is none", &error))
}
