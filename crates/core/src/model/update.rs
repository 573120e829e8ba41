//! An available **release**, as the host's own package manager would install it.

use super::because::Because;
use super::obligation::Obligation;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// One pending change of the package manager's plan.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub struct Update {
    /// Binary package name.
    pub package: String,
    /// Architecture.
    pub arch: String,
    /// Installed version; none when the plan installs it anew.
    pub installed: Option<String>,
    /// Version that would be installed.
    pub candidate: String,
    /// Whether it is a security update: by the repository's label, or because
    /// a security repository or an advisory fixed something between
    /// `installed` and `candidate` (a point release absorbs security fixes).
    pub security: bool,
    /// Where the candidate is, `Debian-Security:12/oldstable-security`.
    pub origin: String,
    /// Whether the package is new to the host (a kernel with a new ABI, say).
    pub new: bool,
    /// Source package and version of the candidate.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub source: Option<String>,
    /// Version of the source package.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub source_version: Option<String>,
    /// Held back, and why (`hold`, `pin`, `dependencies`, `phasing`); such an
    /// update is listed by the package manager but not in its plan.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub held_by: Option<String>,
    /// Whether taking effect needs a reboot (kernel, libc, init, dbus, microcode).
    pub reboot: bool,
    /// Download size in bytes, where known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub size: Option<u64>,
    /// SHA-256 of the package file, hex, where the index states it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sha256: Option<String>,
    /// Advisories of the database that this update satisfies.
    #[serde(default)]
    pub advisories: Vec<String>,
    /// Obligations of the update itself (its findings have their own).
    #[serde(default)]
    pub obligations: Vec<Obligation>,
    /// Earliest due date of its own and its findings' obligations.
    pub due: Option<Timestamp>,
    /// Why it is in the list and classed so.
    #[serde(default)]
    pub because: Vec<Because>,
}
