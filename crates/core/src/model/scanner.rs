//! What an **outside scanner** said of a host: a second pair of eyes that
//! shares nothing with what deployed a change.

use super::identifier::{ClientId, HostId};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};

/// Programs whose results are read.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Scanner {
    /// OpenSCAP: ARF, or results of XCCDF or OVAL.
    Openscap,
    /// Trivy.
    Trivy,
    /// Grype.
    Grype,
    /// OSV-Scanner.
    OsvScanner,
}

impl Scanner {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Openscap, Self::Trivy, Self::Grype, Self::OsvScanner];

    /// The word in storage and API.
    pub fn word(self) -> &'static str {
        match self {
            Self::Openscap => "openscap",
            Self::Trivy => "trivy",
            Self::Grype => "grype",
            Self::OsvScanner => "osv-scanner",
        }
    }

    /// Reads that word.
    pub fn parse(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|scanner| scanner.word() == word)
    }

    /// Its name, as it writes it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Openscap => "OpenSCAP",
            Self::Trivy => "Trivy",
            Self::Grype => "Grype",
            Self::OsvScanner => "OSV-Scanner",
        }
    }
}

/// What a scanner's file says, whatever its form.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Reading {
    /// Who made it.
    pub scanner: Scanner,
    /// Its version, where the file says.
    pub version: Option<String>,
    /// When its vulnerability data was made, where the file says.
    pub database: Option<Timestamp>,
    /// When it looked, where the file says.
    pub moment: Option<Timestamp>,
    /// What it says it looked at.
    pub target: Option<String>,
    /// Whether it says that it looked at the packages of the operating system,
    /// so that its silence about one of them means something.
    pub system: bool,
    /// Versions by name of the packages that it names.
    pub packages: BTreeMap<String, BTreeSet<String>>,
    /// What it says of vulnerabilities.
    pub said: Vec<Said>,
}

/// One thing that a scanner says.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Said {
    /// Ids of the advisory, the CVEs and what else it goes by.
    pub ids: BTreeSet<String>,
    /// Package, where it names one.
    pub package: Option<String>,
    /// Version of the package that it saw.
    pub version: Option<String>,
    /// Whether the vulnerability is there; none where it could not tell.
    pub there: Option<bool>,
}

/// A scanner's result for a host, as it is kept.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct ScannerResult {
    /// SHA-256 of the file as it was brought, hex.
    pub digest: String,
    /// Client of the host.
    pub client: ClientId,
    /// The host.
    pub host: HostId,
    /// Who made it.
    pub scanner: Scanner,
    /// Its version.
    pub version: Option<String>,
    /// When its vulnerability data was made; none where nobody said.
    pub database: Option<Timestamp>,
    /// When it looked.
    pub moment: Timestamp,
    /// When the result was brought.
    pub received: Timestamp,
    /// Vulnerabilities that it says are there.
    pub there: u64,
}

impl ScannerResult {
    /// `Trivy 0.74.0 of 2026-11-22T10:00:00Z`.
    pub fn shown(&self) -> String {
        let version = self.version.as_ref().map(|version| format!(" {version}")).unwrap_or_default();
        format!("{}{version} of {}", self.scanner.name(), self.moment)
    }
}
