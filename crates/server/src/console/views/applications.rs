//! **Applications**: the list, and one application's status.

use super::findings::FindingRow;
use super::hosts::{Condition, HostRow};
use jiff::Timestamp;
use plimsoll_core::model::problem::Problem;
use plimsoll_core::model::scan::Coverage;

/// One application in the list.
#[derive(Clone, Debug)]
pub struct ApplicationRow {
    /// Id.
    pub id: String,
    /// Name.
    pub name: String,
    /// Who answers for it.
    pub owner: Option<String>,
    /// Team that builds it.
    pub team: Option<String>,
    /// Hosts it runs on.
    pub hosts: u64,
    /// Its own components, from its SBOM; none without one.
    pub components: Option<u64>,
    /// Open findings of its components and hosts; none when never judged.
    pub findings: Option<u64>,
    /// Of those, overdue.
    pub overdue: Option<u64>,
    /// Earliest due date.
    pub due: Option<Timestamp>,
    /// The worst of its own condition and its hosts'.
    pub condition: Condition,
}

/// One application.
#[derive(Clone, Debug)]
pub struct ApplicationPage {
    /// What the list says of it.
    pub row: ApplicationRow,
    /// What it is for.
    pub description: String,
    /// Who must hear of it.
    pub stakeholders: Vec<Stakeholder>,
    /// Its SBOM; none when none was given.
    pub bill: Option<ApplicationBill>,
    /// Findings of its own components.
    pub findings: Vec<FindingRow>,
    /// Hosts it runs on.
    pub hosts: Vec<HostRow>,
}

/// Somebody with a stake in an application.
#[derive(Clone, Debug)]
pub struct Stakeholder {
    /// Name.
    pub name: String,
    /// What the stake is, `incident contact`.
    pub role: String,
    /// Address.
    pub contact: String,
}

/// The SBOM of an application.
#[derive(Clone, Debug)]
pub struct ApplicationBill {
    /// Format, `CycloneDX 1.6`.
    pub format: String,
    /// SHA-256, hex.
    pub digest: String,
    /// When it was given.
    pub received: Timestamp,
    /// By whom.
    pub by: String,
    /// How much of it was judged.
    pub coverage: Coverage,
    /// What could not be read.
    pub problems: Vec<Problem>,
}
