//! API, console, reconcilers, identity and notification.
//!
//! A server is one process without state of its own that lasts: everything
//! that matters is in the store, and what it keeps in memory is derived and
//! can be thrown away.
#![forbid(unsafe_code)]
// The document of the API is one `json!`.
#![recursion_limit = "512"]

pub mod accreditations;
pub mod agents;
pub mod api;
pub mod app;
pub mod applications;
pub mod configuration;
pub mod console;
pub mod duties;
pub mod evidence;
pub mod exceptions;
pub mod exposure;
pub mod forensics;
pub mod fleet;
pub mod follow;
pub mod http;
pub mod identity;
pub mod membership;
pub mod metrics;
pub mod looks;
pub mod mitigations;
pub mod notices;
pub mod outside_alerts;
pub mod outward;
pub mod phases;
pub mod policy;
pub mod questions;
pub mod reports;
pub mod reviews;
pub mod rollouts;
pub mod run;
pub mod scanners;
pub mod settings;
pub mod setup;
pub mod snapshot;
pub mod teams;
pub mod watches;
pub mod work;

#[cfg(test)]
pub mod trial;

pub use configuration::Configuration;
pub use run::{Running, start};
