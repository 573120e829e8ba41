//! Changing a host: **one transaction** of exact packages by its own package
//! manager, observed afterwards.
//!
//! Files come from a staging folder where each is named by its SHA-256; the
//! host's repositories play no part. What a package manager says of itself is
//! evidence; what counts is what [`Manager::installed`] and
//! [`Manager::audit`] see.

mod aftermath;
mod apt;
mod apt_index;
mod locks;
mod process;
mod remnants;
mod rpm;
mod select;
mod space;

pub use aftermath::{Stale, restart_affected, stale_processes};
pub use locks::{Holder, holder};
pub use process::{Ended, Identity, Transcript, Watch};
pub use remnants::Remnant;
pub use select::{Needed, needed, same_slot, way_back};
pub use space::room;

use plimsoll_core::model::deployment_package::{ConfigurationFiles, Remnants, Removal, StreamPlan, Target, Tool};
use plimsoll_core::model::problem::Problem;
use plimsoll_version::Scheme;
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

/// What is installed: name and architecture to every version present.
///
/// More than one version is ordinary for kernels of rpm systems and otherwise
/// what an interrupted transaction left.
pub type Installed = BTreeMap<(String, String), Vec<Present>>;

/// One installed version.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Present {
    /// Version.
    pub version: String,
    /// The package system's own word, `ii`, `iHR`; empty for rpm.
    pub status: String,
}

/// Where a transaction's files are and what it may do with settings.
#[derive(Clone, Copy, Debug)]
pub struct Place<'a> {
    /// Folder of staged files, each named by its SHA-256.
    pub staging: &'a Path,
    /// Private folder of this attempt; made where it is missing.
    pub work: &'a Path,
    /// What becomes of configuration files that their owner changed.
    pub configuration_files: ConfigurationFiles,
}

/// One transaction: what changes, and what may go.
#[derive(Clone, Copy, Debug)]
pub struct Transaction<'a> {
    /// Packages to bring to exactly these versions.
    pub targets: &'a [Target],
    /// Packages that may be installed because the targets need them.
    pub new: &'a [Target],
    /// Packages that may be removed.
    pub remove: &'a [Removal],
    /// Whether it leads back: versions may go down.
    pub back: bool,
}

/// What a simulation says would change.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Simulated {
    /// Targets that would be installed, those marked `new` included.
    pub install: Vec<Target>,
    /// Packages that would go.
    pub remove: Vec<Removal>,
}

/// A package manager that can carry out a [`Transaction`].
pub trait Manager {
    /// Order of its versions.
    fn scheme(&self) -> Scheme;

    /// Everything installed, half states too.
    ///
    /// # Errors
    /// Its database cannot be read.
    fn installed(&self) -> Result<Installed, Problem>;

    /// Names of packages that were installed because others needed them.
    ///
    /// # Errors
    /// They cannot be told.
    fn automatic(&self) -> Result<BTreeSet<String>, Problem>;

    /// What is broken, in its own words; empty where nothing is.
    ///
    /// # Errors
    /// It cannot be asked.
    fn audit(&self, touched: &[Target]) -> Result<Vec<String>, Problem>;

    /// Works out what a transaction would do, and changes nothing.
    ///
    /// # Errors
    /// `E-PLAN` where it would do anything that the transaction does not name,
    /// or cannot do what it asks.
    fn simulate(&self, place: &Place<'_>, transaction: &Transaction<'_>) -> Result<Simulated, Problem>;

    /// Carries out a simulated transaction; waits however long it takes.
    ///
    /// # Errors
    /// It could not be started. How it ended is no error here.
    fn apply(&self, place: &Place<'_>, transaction: &Transaction<'_>, simulated: &Simulated, watch: &mut dyn Watch) -> Result<Ended, Problem>;

    /// Brings an interrupted transaction to its targets, as far as it can.
    ///
    /// # Errors
    /// A step could not be started, or would do what the plan does not name.
    fn repair(&self, place: &Place<'_>, transaction: &Transaction<'_>, simulated: &Simulated, watch: &mut dyn Watch) -> Result<(), Problem>;

    /// Gives packages back the marks they had: what was installed for others'
    /// sake is so again, and what came new with the transaction is so too.
    ///
    /// # Errors
    /// Marks cannot be written.
    fn restore_marks(&self, before: &Installed, automatic: &BTreeSet<String>, simulated: &Simulated) -> Result<(), Problem>;

    /// What is left over: by the package manager's own rule, without what
    /// people installed, the running kernel and the one to fall back to.
    ///
    /// # Errors
    /// It cannot be told.
    fn left_over(&self, which: Remnants) -> Result<Vec<Remnant>, Problem>;

    /// Removes exactly these packages, after a simulation that removes nothing
    /// else; their settings stay. Without any it empties the cache of package
    /// files.
    ///
    /// # Errors
    /// `E-PLAN` where anything else would change, `E-APPLY` where it failed.
    fn clear(&self, place: &Place<'_>, remnants: &[Remnant], watch: &mut dyn Watch) -> Result<(), Problem>;
}

/// Clears what is left over, within what people signed; gives what went.
///
/// # Errors
///
/// `E-PLAN` where it would be more than `most` or anything else; nothing went
/// then. `E-APPLY` where the package manager failed.
pub fn clean_up(manager: &dyn Manager, place: &Place<'_>, which: Remnants, most: u32, watch: &mut dyn Watch) -> Result<Vec<Remnant>, Problem> {
    let left = if which == Remnants::Caches { Vec::new() } else { manager.left_over(which)? };
    remnants::bounded(&left, most)?;
    if which == Remnants::Caches || !left.is_empty() {
        manager.clear(place, &left, watch)?;
    }
    Ok(left)
}

/// A clean-up that a package manager refused or did not end well.
pub(crate) fn not_cleared(text: String) -> Problem {
    Problem::new("E-APPLY", "clean up", text, "see the log; the change itself is in place")
}

/// The package manager that a plan names.
///
/// # Errors
///
/// `E-PLAN` where the host does not have it.
pub fn manager(plan: &StreamPlan) -> Result<Box<dyn Manager>, Problem> {
    match plan.tool {
        Tool::Apt => Ok(Box::new(apt::Apt::find()?)),
        Tool::Dnf => Ok(Box::new(rpm::Rpm::find()?)),
    }
}

/// A problem that stops before anything was changed.
pub(crate) fn outside(place: &str, text: impl Into<String>) -> Problem {
    Problem::new("E-PLAN", place, text, "nothing was changed; look at the host and have a package made that covers it")
}

/// Runs a question to the package manager and gives its output.
pub(crate) fn ask(program: &Path, arguments: &[&str], environment: &[(&str, std::ffi::OsString)]) -> Result<crate::run::Ran, Problem> {
    crate::run::run(program, arguments, environment, crate::run::TIMEOUT)
}
