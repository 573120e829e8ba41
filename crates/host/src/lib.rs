//! What reads a host: inventory, pending updates as its own package manager
//! sees them, kernels, reboot, repositories, hardware.
//!
//! This is the only crate that runs a package manager. It parses nothing of
//! its own accord that `plimsoll-formats` can parse.
#![forbid(unsafe_code)]

pub mod apt;
mod kernel;
mod reboot;
pub mod root;
mod run;

/// Candidate.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug, Default)]
pub struct Candidate {
    /// Binary package name.
    pub package: String,
    /// Architecture.
    pub arch: String,
    /// Version.
    pub version: String,
    /// Source package name.
    pub source: Option<String>,
    /// Source package version.
    pub source_version: Option<String>,
    /// Where it is.
    pub origin: String,
}
