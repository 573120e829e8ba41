//! SQL on SQLite and PostgreSQL, content-addressed reports, and the evidence
//! log.
//!
//! Reading methods belong to [`Store`]. Changing methods belong to [`Change`],
//! which is one transaction and commits only together with its leaf in the
//! evidence log. A few writes have no leaf, because nobody decides them and
//! they can be derived or repeated: times of last contact, leases, the touch
//! of a session or token, tickets, the state of a delivery, answers kept for a
//! repeated request.
//!
//! Times and actors are passed in; the store reads no clock for what it
//! stores.

pub mod accreditations;
pub mod acquired;
pub mod alerts;
pub mod answers;
pub mod applications;
pub mod artefacts;
pub mod backup;
pub mod change;
pub mod clients;
mod columns;
pub mod deliveries;
pub mod deployment_packages;
pub mod engine;
pub mod error;
pub mod evidence;
pub mod exceptions;
pub mod exposure;
pub mod group_commit;
pub mod groups;
pub mod hosts;
pub mod identifier;
pub mod leases;
pub mod made_reports;
pub mod looks;
pub mod mitigations;
pub mod notices;
pub mod people;
pub mod policy_versions;
pub mod remarks;
pub mod questions;
pub mod reports;
pub mod rollouts;
pub mod scanners;
mod schema;
pub mod scope;
pub mod seal;
pub mod sessions;
pub mod settings;
pub mod teams;
pub mod tickets;
pub mod tokens;
pub mod transitions;
pub mod triages;
pub mod webhooks;
pub mod work;

pub use change::{Actor, Change, Intent};
pub use engine::{Engine, Opener, Options, Store};
pub use error::{ErrorKind, Result, StoreError};
pub use scope::Scope;
