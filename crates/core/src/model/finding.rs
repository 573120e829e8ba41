//! A **finding**: something that is or may be wrong with a host or application.

use super::advisory::{AdvisoryKind, Rating, Workaround};
use super::because::Because;
use super::component::Component;
use super::obligation::Obligation;
use super::threat::{Epss, Kev, Ssvc};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// A component under an advisory, or under ended support.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct Finding {
    /// The advisory's id; for ended support `end-of-support:debian:11`.
    pub advisory: String,
    /// Its other names and the CVEs it deals with, CVEs first.
    pub aliases: Vec<String>,
    /// Kind of advisory.
    pub kind: AdvisoryKind,
    /// One line.
    pub summary: String,
    /// What it is about.
    pub component: FindingComponent,
    /// First fixed version for this component's stream, as the advisory
    /// writes it; none where there is none.
    pub fixed_version: Option<String>,
    /// State.
    pub state: State,
    /// Finer word of the source where there is one (`postponed`, `wont-fix`,
    /// `end-of-life`, `under-investigation`).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub detail: Option<String>,
    /// Whether the fix can be had on this host.
    pub fix: Fix,
    /// Severity as the policy's order of sources chose it.
    pub severity: SeverityChosen,
    /// Entry in the catalogue of known exploited vulnerabilities, the one
    /// listed first when there are several CVEs.
    pub kev: Option<Kev>,
    /// Highest exploit prediction among the CVEs.
    pub epss: Option<Epss>,
    /// CISA's SSVC decision points, the most severe among the CVEs.
    pub ssvc: Option<Ssvc>,
    /// Workarounds and mitigations; shown, never a fix.
    pub workarounds: Vec<Workaround>,
    /// When the advisory was published.
    pub published: Option<Timestamp>,
    /// When the fix was released, where a source gives a date.
    pub fix_released: Option<Timestamp>,
    /// When this finding was first seen here, from the state file.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub first_seen: Option<Timestamp>,
    /// What the policy's decision table gave, `out-of-cycle`; none where no rule
    /// asked for it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub priority: Option<String>,
    /// Obligations under the policy, never merged.
    pub obligations: Vec<Obligation>,
    /// Working due date: the earliest of the obligations.
    pub due: Option<Timestamp>,
    /// The whole reasoning.
    pub because: Vec<Because>,
    /// Names of the sources the answer rests on.
    pub sources: Vec<String>,
}

/// The part of a component that a finding repeats.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize, Deserialize)]
pub struct FindingComponent {
    /// Package URL.
    pub purl: String,
    /// Name.
    pub name: String,
    /// Version.
    pub version: String,
    /// Architecture.
    pub arch: Option<String>,
    /// Source package.
    pub source: Option<String>,
    /// Source version.
    pub source_version: Option<String>,
}

impl From<&Component> for FindingComponent {
    fn from(component: &Component) -> Self {
        Self {
            purl: component.purl.clone(),
            name: component.name.clone(),
            version: component.version.clone(),
            arch: component.arch.clone(),
            source: component.source.clone(),
            source_version: component.source_version.clone(),
        }
    }
}

/// State of an advisory finding.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum State {
    /// Affected.
    Affected,
    /// Cannot be told (unreadable version, source under investigation).
    Unknown,
    /// Out of support: nobody says whether it is affected.
    Unsupported,
    /// Looked at and not affected (statement, architecture, module, origin).
    NotAffected,
    /// Was affected, the installed version holds the fix.
    Fixed,
}

/// Whether the fix can be had on this host.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub struct Fix {
    /// Whether an enabled repository offers a version that holds the fix;
    /// none when the host's repositories are not known.
    pub available: Option<bool>,
    /// That version.
    pub version: Option<String>,
    /// Where it is.
    pub origin: Option<String>,
}

/// The severity in force and where it came from.
#[derive(Clone, PartialEq, Debug, Default, Serialize, Deserialize)]
pub struct SeverityChosen {
    /// On the common scale; `unknown` is kept as such, what the policy assumes
    /// instead stands in `because`.
    pub rating: Rating,
    /// Base score 0.0–10.0 where a CVSS vector was the source or one is known.
    pub score: Option<f32>,
    /// That vector.
    pub vector: Option<String>,
    /// Who says so.
    pub source: Option<String>,
}
