//! The **outcome** of an attempt: what a host saw of itself after it did, or did
//! not do, what a deployment package asked.

use super::identifier::HostId;
use super::problem::Problem;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// What a host reports of one attempt; later reports of the same attempt
/// supersede earlier ones.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Outcome {
    /// The host.
    pub host: HostId,
    /// SHA-256 of the package's signed bytes, hex.
    pub package: String,
    /// Epoch of the assignment.
    pub epoch: u64,
    /// Generation of the assignment.
    pub generation: u64,
    /// `SHA-256(package ‖ host ‖ epoch ‖ generation)`, hex.
    pub attempt: String,
    /// How it stands.
    pub state: State,
    /// When the host observed that.
    pub observed: Timestamp,
    /// The kernel's boot id at that time.
    pub boot_id: String,
    /// Version of each package of the plan before and after.
    pub packages: Vec<Observed>,
    /// Results of checks, those before the first effect first.
    pub checks: Vec<CheckResult>,
    /// Services that were started again.
    pub restarted: Vec<String>,
    /// Processes that still map files which the change replaced.
    pub stale_processes: Vec<String>,
    /// Whether a reboot is still needed.
    pub reboot_pending: bool,
    /// How often a package transaction was started as root.
    pub effects: u32,
    /// Head and tail of what the package manager wrote.
    pub log: String,
    /// What went wrong or stands in the way.
    pub problem: Option<Problem>,
}

/// How an attempt stands.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum State {
    /// Everything is verified and staged; it waits for ring, window or word.
    Staged,
    /// It waits for something on the host: a lock, a hold file, power.
    Deferred,
    /// A transaction runs.
    Executing,
    /// A reboot was asked for and its boot not seen yet.
    Rebooting,
    /// The targets are there by observation and every check holds.
    Succeeded,
    /// They were there before anything was done.
    AlreadySatisfied,
    /// It failed and the state before is proven.
    FailedClean,
    /// It was interrupted and brought to the targets.
    RepairedTarget,
    /// It was interrupted and brought back to the state before.
    RepairedFormer,
    /// A check failed and the former versions are there again.
    RolledBack,
    /// The host refused to begin: a signature, a rule, a version.
    Refused,
    /// A person must look.
    NeedsOperator,
    /// Nobody can tell.
    Unknown,
}

impl State {
    /// Whether nothing more will happen by itself.
    pub fn is_terminal(self) -> bool {
        !matches!(self, Self::Staged | Self::Deferred | Self::Executing | Self::Rebooting | Self::Unknown)
    }

    /// Whether the targets were observed.
    pub fn is_success(self) -> bool {
        matches!(self, Self::Succeeded | Self::AlreadySatisfied | Self::RepairedTarget)
    }
}

/// One package before and after.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Observed {
    /// Package name.
    pub name: String,
    /// Architecture.
    pub arch: String,
    /// Version before; none where it was not installed.
    pub before: Option<String>,
    /// Version now; none where it is not installed.
    pub after: Option<String>,
    /// The package system's own word for its state, `ii`, `iF`; empty for rpm.
    pub status: String,
}

/// One check's result.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CheckResult {
    /// Name.
    pub name: String,
    /// Whether it was looked at before the first effect.
    pub before: bool,
    /// Whether it holds.
    pub holds: bool,
    /// What was seen.
    pub text: String,
}
