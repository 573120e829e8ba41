//! What the agent may ask: two verbs, typed. Later verbs change the host and
//! will carry signed plans; none will ever carry a command.

use super::connection::Observed;
use crate::{fingerprint, identity};
use jiff::Timestamp;
use plimsoll_core::model::problem::Problem;
use serde::{Deserialize, Serialize};
use std::path::Path;

/// Largest request.
pub(super) const REQUEST_LIMIT: usize = 64 << 10;
/// Largest reply, the report apart.
pub(super) const REPLY_LIMIT: usize = 64 << 10;

/// A request.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(tag = "verb", rename_all = "kebab-case", deny_unknown_fields)]
pub(super) enum Request {
    /// Whether anything that an inventory would read has changed.
    Observe,
    /// The whole report.
    Inventory(Inventory),
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
}

pub(super) fn observe() -> Reply {
    Reply::Observed(observed(identity::boot_id(), identity::hardware_digest()))
}

pub(super) fn observed(boot_id: String, hardware_digest: String) -> Observed {
    let kernel = rustix::system::uname().release().to_string_lossy().into_owned();
    let fingerprint = fingerprint::take(Path::new("/"), &kernel, &boot_id);
    Observed { fingerprint, boot_id, hardware_digest }
}
