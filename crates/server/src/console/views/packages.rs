//! **Packages**: one update on many hosts, and one package in all its versions.

use super::shell::Listing;
use jiff::Timestamp;

/// One available update.
#[derive(Clone, Debug)]
pub struct PackageRow {
    /// Stream, `debian:12`.
    pub stream: String,
    /// Package.
    pub name: String,
    /// Version that would be installed; none where no update is offered.
    pub candidate: Option<String>,
    /// Repository it is in.
    pub origin: Option<String>,
    /// Whether it is a security update.
    pub security: bool,
    /// Whether taking effect needs a reboot.
    pub reboot: bool,
    /// Hosts that wait for it.
    pub hosts: u64,
    /// Of those, hosts that hold it back.
    pub held: u64,
    /// Versions installed in the fleet.
    pub versions: u64,
    /// Advisories it satisfies.
    pub advisories: Vec<String>,
    /// Earliest due date.
    pub due: Option<Timestamp>,
}

/// One package.
#[derive(Clone, Debug)]
pub struct PackagePage {
    /// Stream.
    pub stream: String,
    /// Package.
    pub name: String,
    /// Source package.
    pub source: Option<String>,
    /// Versions in the fleet, newest first.
    pub versions: Vec<PackageVersion>,
    /// Updates offered, one for each candidate.
    pub updates: Vec<PackageUpdate>,
    /// Hosts that have it.
    pub hosts: Listing<PackageHost>,
}

/// One installed version.
#[derive(Clone, Debug)]
pub struct PackageVersion {
    /// Version.
    pub version: String,
    /// Hosts that have it.
    pub hosts: u64,
    /// Open advisories about it; none when it could not be judged.
    pub findings: Option<u64>,
    /// Whether no enabled repository of any host offers a newer one.
    pub newest: bool,
}

/// One update offered.
#[derive(Clone, Debug)]
pub struct PackageUpdate {
    /// Version.
    pub candidate: String,
    /// Where it is.
    pub origin: String,
    /// Whether it is a security update.
    pub security: bool,
    /// Hosts that wait for it.
    pub hosts: u64,
    /// Advisories it satisfies.
    pub advisories: Vec<String>,
    /// Earliest due date.
    pub due: Option<Timestamp>,
}

/// One host that has a package.
#[derive(Clone, Debug)]
pub struct PackageHost {
    /// Id.
    pub id: String,
    /// Name.
    pub name: String,
    /// Installed version.
    pub version: String,
    /// Version on offer there; none when there is none.
    pub candidate: Option<String>,
    /// Why it is held back.
    pub held_by: Option<String>,
    /// Open advisories about it; none when it could not be judged.
    pub findings: Option<u64>,
    /// Earliest due date.
    pub due: Option<Timestamp>,
}
