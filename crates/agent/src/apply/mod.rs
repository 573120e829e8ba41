//! Applying signed **deployment packages**: what the helper answers about them,
//! the journal it keeps, and the runner that changes the host.
//!
//! ```text
//! agent ──receive, stage, proceed──► helper ──attempt id──► launcher ──► runner
//!                                      │ floors, journal, staging           │
//!                                      └────────── root's own folder ───────┘
//! ```
//!
//! The helper verifies and keeps; it cannot change the host, because it is shut
//! in. The runner is not, takes nothing but an attempt's id, and verifies
//! everything again from files that only root can write. Whoever dies, the
//! journal says what was begun; success is what is observed afterwards.

mod checks;
mod desk;
mod gate;
mod journal;
mod launcher;
mod ledger;
mod programs;
mod runner;
mod stage;
mod steps;
mod store;
mod verify;

pub(crate) use desk::{Artefact, Desk, Next, Receipt};
pub use launcher::{LauncherOptions, launcher};
pub(crate) use launcher::Launcher;
pub use runner::{RunnerOptions, run_attempt};

use plimsoll_core::model::problem::Problem;
use plimsoll_formats::protocol::digest;
use std::path::Path;

/// Folder of the packaged helper's own files.
pub const HELPER_STATE: &str = store::Store::FOLDER;

/// Pins the root document that a join brought, and who this host is, in the
/// helper's folder; follows a change that the pinned root's own keys signed.
///
/// Must be called as the helper's user. `agent` is the agent's state folder,
/// whose files are believed no further than `root_digest`, which the operator
/// gave, and the identity that the server gave this host.
///
/// # Errors
///
/// `E-ROOT` where the document is not the one of that digest.
pub fn pin(helper: &Path, agent: &Path, root_digest: &str) -> Result<(), Problem> {
    let lacking = |what: &str| Problem::new("E-ROOT", agent.to_string_lossy(), format!("has no {what}"), "join with the root's digest first");
    let joined = crate::enrol::Joined::read(agent)?.ok_or_else(|| lacking("membership"))?;
    let root = crate::state::read(&agent.join("root.json"), 1 << 20)?.ok_or_else(|| lacking("root document"))?;
    if digest(&root) != root_digest {
        let text = format!("holds a root document of the digest {}, {root_digest} was named", digest(&root));
        return Err(Problem::new("E-ROOT", agent.to_string_lossy(), text, "compare the digest with the people who hold the keys"));
    }
    let (Ok(host), Ok(client)) = (joined.host.parse(), joined.client.parse()) else { return Err(lacking("identity")) };
    let store = store::Store::open(helper)?;
    store.pin(&root, &store::Pinned { host, client }).map(drop)
}
