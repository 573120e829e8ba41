//! The **agent** and the **helper**: what runs on a managed host.
//!
//! Two small processes, so that what talks to the network has no privileges
//! and what has privileges has no network:
//!
//! - the agent ([`run`]) dials out to the server, checks in, and sends reports;
//!   it has one thread that sleeps between check-ins;
//! - the helper ([`helper`]) reads the host as root and answers typed verbs
//!   over a Unix socket. It knows no shell and takes no command; of what a
//!   server says only signed documents reach it, which it verifies against the
//!   root that root pinned. The reading
//!   itself is done by a third, short-lived process ([`worker`]), so that the
//!   memory it takes goes back and a hostile package database can break no
//!   more than one answer.
//!
//! What changes the host is a fourth process, the runner ([`run_attempt`]),
//! started by a launcher ([`launcher`]) that takes nothing but an attempt's id.
//!
//! [`collect`] makes the same report for a host that may never talk.
#![forbid(unsafe_code)]

mod alarms;
mod apply;
mod check_in;
mod collect;
mod enrol;
mod exchange;
mod fingerprint;
mod helper;
mod identity;
mod log;
mod options;
mod pace;
mod reports;
mod run;
mod sandbox;
mod sequence;
mod server;
mod state;
mod work;

pub use apply::{HELPER_STATE, LauncherOptions, RunnerOptions, launcher, pin, run_attempt};
pub use collect::collect;
pub use enrol::{Joined, join};
pub use helper::{HelperOptions, helper, worker};
pub use options::{HelperAt, Options, Settings};
pub use run::{run, run_once};

/// Name and version, as reports and enrolments carry it.
pub const AGENT: &str = concat!("plimsoll-agent ", env!("CARGO_PKG_VERSION"));
