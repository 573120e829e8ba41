//! A **statement** (VEX): what somebody says about a product and a vulnerability.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// One VEX statement, from OpenVEX, CSAF or CycloneDX.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Statement {
    /// Vulnerability ids it speaks of (CVE first).
    pub vulnerabilities: Vec<String>,
    /// Products: package URLs, possibly without version (then every version).
    pub products: Vec<String>,
    /// What it says.
    pub status: VexStatus,
    /// Why not affected, in the format's own label.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub justification: Option<String>,
    /// Impact or action text.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub text: Option<String>,
    /// When it was said.
    pub timestamp: Option<Timestamp>,
    /// Document id and author, for `because`.
    pub document: String,
    /// Author.
    pub author: String,
}

/// The four VEX states.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum VexStatus {
    /// Affected.
    Affected,
    /// Not affected.
    NotAffected,
    /// Fixed in the named product version.
    Fixed,
    /// Being looked into.
    UnderInvestigation,
}
