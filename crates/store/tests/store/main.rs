//! The store on both engines.

mod artefacts;
mod backups;
mod changes;
mod databases;
mod evidence;
mod exceptions;
mod exposure;
mod hosts;
mod kills;
mod looks;
mod mitigations;
mod outbox;
mod people;
mod policy_versions;
mod questions;
mod record;
mod rollouts;
mod scanners;
mod teams;
mod tokens;
mod values;
mod work;
