//! What the agent may ask: typed verbs. Those that lead to a change of the host
//! carry signed documents, digests and ids; none carries a command.

use super::connection::Observed;
use crate::apply::{Next, Receipt};
use crate::{fingerprint, identity};
use jiff::Timestamp;
use plimsoll_core::model::outcome::Outcome;
use plimsoll_core::model::problem::Problem;
use serde::{Deserialize, Serialize};
use std::path::Path;

/// Largest request: a deployment package inside a message.
pub(super) const REQUEST_LIMIT: usize = 20 << 20;
/// Largest reply, the report apart: outcomes of every attempt.
pub(super) const REPLY_LIMIT: usize = 5 << 20;

/// A request.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(tag = "verb", rename_all = "kebab-case", deny_unknown_fields)]
pub(super) enum Request {
    /// Whether anything that an inventory would read has changed.
    Observe {},
    /// The whole report.
    Inventory(Inventory),
    /// Take an assignment and its package.
    Receive {
        /// The signed assignment, canonical JSON.
        assignment: String,
        /// The signed package, canonical JSON.
        package: String,
    },
    /// Stage an artefact that lies beneath the agent's folder.
    Stage {
        /// Its digest, hex.
        sha256: String,
        /// Its path beneath the agent's folder.
        path: String,
    },
    /// Go one step on with an attempt, if everything allows it.
    Proceed {
        /// Id of the attempt.
        attempt: String,
    },
    /// Outcomes that the server does not have.
    Attempts {},
    /// The server answered a check-in of the process that asks.
    Answered {},
    /// The server has an outcome.
    Acknowledge {
        /// Id of the attempt.
        attempt: String,
        /// Which of its outcomes.
        observed: Timestamp,
    },
}

/// What an inventory is to be like.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Inventory {
    /// Whether to look for language components too.
    pub(super) languages: bool,
    /// When the running kernel was started, as far as the agent knows.
    pub(super) booted: Option<Timestamp>,
    /// What the agent and the helper could not do; goes into the report.
    pub(super) problems: Vec<Problem>,
}

/// A reply; after [`Reply::Inventory`] a frame with the report follows.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(tag = "reply", rename_all = "kebab-case")]
pub(super) enum Reply {
    /// What was observed.
    Observed(Observed),
    /// The report is ready.
    Inventory {
        /// When the running kernel was started, as the report says.
        booted: Option<Timestamp>,
        /// Length of the report.
        bytes: u64,
    },
    /// It could not be done.
    Problem(Problem),
    /// An assignment was taken.
    Received(Box<Receipt>),
    /// How an attempt stands.
    Next(Box<Next>),
    /// Outcomes that the server does not have.
    Attempts {
        /// One an attempt.
        outcomes: Vec<Outcome>,
    },
    /// It is done, and there is nothing to say.
    Done {},
}

pub(super) fn observe() -> Reply {
    Reply::Observed(observed(identity::boot_id(), identity::hardware_digest()))
}

pub(super) fn observed(boot_id: String, hardware_digest: String) -> Observed {
    let kernel = rustix::system::uname().release().to_string_lossy().into_owned();
    let fingerprint = fingerprint::take(Path::new("/"), &kernel, &boot_id);
    Observed { fingerprint, boot_id, hardware_digest }
}
