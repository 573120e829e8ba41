//! A **report**: what an agent says of its host in one piece.

use super::component::Component;
use super::host::Host;
use super::problem::Problem;
use super::update::Update;
use serde::{Deserialize, Serialize};

/// Facts about one host, as its agent read them.
///
/// Nothing in it changes while the host does not: there is no time of
/// collection and no counter, so an unchanged host gives the same bytes, and
/// the digest of those bytes says "as before".
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Report {
    /// Always [`Report::SCHEMA`].
    pub schema: String,
    /// Program and version that read the host.
    pub agent: String,
    /// The host.
    pub host: Host,
    /// Its components, sorted by name, architecture and version.
    pub components: Vec<Component>,
    /// Pending updates by the package manager's plan; none when they cannot be
    /// told.
    pub updates: Option<Vec<Update>>,
    /// Updates on offer that the plan leaves out; each says what holds it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub held_updates: Vec<Update>,
    /// What the enabled repositories offer for installed packages.
    pub offered: Vec<OfferedPackage>,
    /// What limits the report.
    pub problems: Vec<Problem>,
}

impl Report {
    /// Name and version of the JSON form.
    pub const SCHEMA: &'static str = "plimsoll-report/1";
}

/// A version that an enabled repository offers for an installed package.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct OfferedPackage {
    /// Binary package.
    pub package: String,
    /// Architecture of the installed package.
    pub arch: String,
    /// Version the package manager would choose.
    pub version: String,
    /// Version of its source package, where known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub source_version: Option<String>,
    /// Repositories that offer it, in the words of [`Update::origin`].
    pub origin: String,
}
