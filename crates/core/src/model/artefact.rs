//! An **artefact**: the exact bytes of one package file, and what says so.

use serde::{Deserialize, Serialize};

/// One package file, named by its content.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Artefact {
    /// Package name.
    pub name: String,
    /// Version, as the package system writes it.
    pub version: String,
    /// Architecture, in the package system's own word.
    pub arch: String,
    /// SHA-256, 64 hexadecimal digits in lower case.
    pub sha256: String,
    /// Length in bytes.
    pub size: u64,
    /// Where the file is, relative to the address of its repository; data, and
    /// never a path to write to.
    pub path: String,
    /// The repository whose signed index names it: its address and suite,
    /// `https://deb.example/debian bookworm-security`; `upload` for a package
    /// of one's own.
    pub repository: String,
}

impl Artefact {
    /// Name, version and architecture as people read them.
    pub fn shown(&self) -> String {
        format!("{} {} [{}]", self.name, self.version, self.arch)
    }
}
