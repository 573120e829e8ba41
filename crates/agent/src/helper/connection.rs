//! The agent's end of the conversation with the helper.

use super::frames::{read_frame, write_frame};
use super::verbs::{Inventory, REPLY_LIMIT, Reply, Request};
use super::{failed, observe_here};
use crate::options::HelperAt;
use jiff::Timestamp;
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
        match self.ask(&stream, &Request::Observe)? {
            Reply::Observed(observed) => Ok(observed),
            Reply::Problem(problem) => Err(problem),
            Reply::Inventory { .. } => Err(failed("socket", "gave an answer to another question", &"inventory")),
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
            Reply::Observed(_) => Err(failed("socket", "gave an answer to another question", &"observed")),
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

fn ask(mut stream: &UnixStream, request: &Request) -> Result<Reply, Problem> {
    let bytes = serde_json::to_vec(request).map_err(|error| failed("socket", "cannot be asked", &error))?;
    write_frame(&mut stream, &bytes)?;
    let bytes = read_frame(&mut stream, REPLY_LIMIT)?;
    serde_json::from_slice(&bytes).map_err(|error| failed("socket", "gave an answer that is none", &error))
}
