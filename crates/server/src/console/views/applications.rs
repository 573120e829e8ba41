//! **Applications**: the list, and one application's status.

use super::hosts::{Condition, HostRow};
use super::shell::{Choice, Listing};
use jiff::Timestamp;
use plimsoll_core::model::advisory::Rating;
use plimsoll_core::model::finding::State;
use plimsoll_core::model::obligation::Verdict;
use plimsoll_core::model::problem::Problem;
use plimsoll_core::model::scan::Coverage;
use plimsoll_core::operations::status::Status;

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
    pub note: String,
    /// Who must hear of it.
    pub stakeholders: Vec<String>,
    /// Its SBOM; none when none was given.
    pub bill: Option<ApplicationBill>,
    /// Findings of its own components, most urgent first, as many as the page
    /// shows.
    pub findings: Vec<ApplicationFinding>,
    /// Those in all.
    pub findings_total: u64,
    /// Group whose hosts it runs on: id and name.
    pub group: Option<(String, String)>,
    /// Hosts it runs on, as many as the page shows.
    pub hosts: Vec<HostRow>,
    /// Hosts beyond those.
    pub hosts_more: u64,
    /// How it stands beside its own components: changes, exceptions, briefings,
    /// meetings.
    pub status: Status,
    /// What is needed to change it; none where the reader may not.
    pub edit: Option<ApplicationEdit>,
}

/// What the forms of an application need beside the page.
#[derive(Clone, Debug)]
pub struct ApplicationEdit {
    /// Names of the hosts that are named one by one, one a line.
    pub named: String,
    /// Groups that can be chosen.
    pub groups: Vec<Choice>,
}

/// The applications.
#[derive(Clone, Debug)]
pub struct Applications {
    /// The list.
    pub list: Listing<ApplicationRow>,
    /// Clients that a new one can belong to; empty where the reader may make
    /// none.
    pub clients: Vec<Choice>,
}

/// One finding of an application's own components.
#[derive(Clone, Debug)]
pub struct ApplicationFinding {
    /// Advisory.
    pub advisory: String,
    /// One line about it.
    pub summary: String,
    /// Component.
    pub component: String,
    /// Its version.
    pub version: String,
    /// First fixed version.
    pub fixed: Option<String>,
    /// State.
    pub state: State,
    /// Severity.
    pub rating: Rating,
    /// Whether it is known to be exploited.
    pub exploited: bool,
    /// Due date.
    pub due: Option<Timestamp>,
    /// Where the obligation stands.
    pub verdict: Verdict,
}

/// The SBOM of an application.
#[derive(Clone, Debug)]
pub struct ApplicationBill {
    /// Format, `CycloneDX 1.6 JSON`.
    pub format: String,
    /// SHA-256 of what was read from it, hex.
    pub digest: String,
    /// Whether an advisory database judged it.
    pub judged: bool,
    /// How much of it was judged.
    pub coverage: Coverage,
    /// What could not be read.
    pub problems: Vec<Problem>,
}
