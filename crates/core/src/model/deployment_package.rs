//! A **deployment package**: exact artefacts, steps, checks, rings, windows and
//! way back, signed by people and changed by nobody afterwards.
//!
//! It leaves no choices: windows are written out as instants, a host's ring
//! stands in the signed list of hosts, versions are exact. Whatever a host may
//! do because of it can be read in it before anybody signs.

mod words;

use super::identifier::{ClientId, HostId};
use super::stream::Stream;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// What people sign.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DeploymentPackage {
    /// Always [`DeploymentPackage::SCHEMA`].
    pub schema: String,
    /// Short name: a lower-case letter or digit, then also `.`, `-`, `+`, `_`.
    pub name: String,
    /// Rises with every package that the same keys sign; a host takes none
    /// below the highest it has seen of this client.
    pub version: u64,
    /// The client whose hosts it is for; a host of another refuses it.
    pub client: ClientId,
    /// One line for people.
    pub title: String,
    /// Why it is wanted, in its author's words.
    pub reason: String,
    /// Advisories it answers, sorted.
    pub advisories: Vec<String>,
    /// Who put it together; may not be among those who sign it.
    pub author: String,
    /// When its content was fixed.
    pub created: Timestamp,
    /// No host starts it at or after this instant.
    pub expires: Timestamp,
    /// How the change is authorised.
    pub change: ChangeType,
    /// Id, version and SHA-256 of the policy that its rings, windows and
    /// approvals follow.
    pub policy: PolicyNamed,
    /// What to do on hosts of each stream; a host takes the plan of its own.
    pub streams: BTreeMap<Stream, StreamPlan>,
    /// Which hosts, each with its ring and window.
    pub hosts: HostList,
    /// Rings in their order; the first is never left out.
    pub rings: Vec<Ring>,
    /// Windows by name, written out as instants; none means at any time.
    pub windows: BTreeMap<String, Window>,
    /// What is looked at before the first effect and after the last.
    pub checks: Vec<Check>,
    /// What is done where a new kernel, library or service asks for it.
    pub reboot: RebootRule,
    /// What becomes of configuration files that their owner changed.
    pub configuration_files: ConfigurationFiles,
    /// Most hosts of one ring that may be at work at a time; 0 sets no limit.
    pub at_once: u32,
    /// What takes a host out of service before the first effect and back in
    /// after the last; none where nothing has to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub drain: Option<Drain>,
}

impl DeploymentPackage {
    /// Name and version of the form.
    pub const SCHEMA: &'static str = "plimsoll-deployment-package/1";
}

/// How a change is authorised (ITIL 4).
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ChangeType {
    /// Authorised beforehand.
    Standard,
    /// Assessed and authorised one by one.
    Normal,
    /// As soon as possible; reviewed afterwards.
    Emergency,
}

impl ChangeType {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Standard, Self::Normal, Self::Emergency];

    /// The word in packages and policies.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Standard => "standard",
            Self::Normal => "normal",
            Self::Emergency => "emergency",
        }
    }

    /// Reads that word.
    pub fn parse(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.as_str() == word)
    }
}

/// The policy that a package follows.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PolicyNamed {
    /// Id.
    pub id: String,
    /// Version.
    pub version: String,
    /// SHA-256 of its text, hex.
    pub sha256: String,
}

/// What to do on the hosts of one stream.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct StreamPlan {
    /// Whose tools do it.
    pub tool: Tool,
    /// Exact packages. A host installs those of which it has an older version,
    /// and those marked `new` that its own resolver needs for them.
    pub install: Vec<Target>,
    /// Packages that may be removed, by name and architecture; anything else
    /// that would be removed stops the host.
    pub remove: Vec<Removal>,
    /// Former versions to go back to, staged before the first effect.
    pub way_back: Vec<Target>,
    /// What cannot be taken back, and why; approvers see it.
    pub no_way_back: Vec<NoWayBack>,
    /// Configuration that changes with it, in this order, after the packages.
    pub steps: Vec<Step>,
}

/// Whose tools install.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Tool {
    /// apt and dpkg.
    Apt,
    /// dnf and rpm.
    Dnf,
}

/// One package at one version, with its bytes.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Target {
    /// Package name.
    pub name: String,
    /// Architecture, in the package system's own word.
    pub arch: String,
    /// Version, as the package system writes it.
    pub version: String,
    /// SHA-256 of the file, lower-case hexadecimal.
    pub sha256: String,
    /// Length of the file in bytes.
    pub size: u64,
    /// Whose index named it, for people.
    pub repository: String,
    /// Whether hosts that do not have the package may get it, because what is
    /// asked for needs it.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub new: bool,
}

/// A package that may go.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Removal {
    /// Package name.
    pub name: String,
    /// Architecture.
    pub arch: String,
}

/// Something that cannot be taken back.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NoWayBack {
    /// Package name.
    pub name: String,
    /// Why.
    pub reason: String,
}

/// A step that is no package.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(tag = "step", rename_all = "kebab-case", deny_unknown_fields)]
pub enum Step {
    /// A file is to have these bytes; the former ones are kept for the way
    /// back.
    File {
        /// Absolute path whose folders belong to root.
        path: String,
        /// SHA-256 of the content, an artefact of the package.
        sha256: String,
        /// Length in bytes.
        size: u64,
        /// Permissions, octal, `0644`.
        mode: String,
    },
    /// A line `key = value` is to stand in a file of settings.
    Setting {
        /// Absolute path.
        path: String,
        /// Key, as it stands in the file.
        key: String,
        /// What stands between key and value: `=`, ` `, `: `.
        separator: String,
        /// The value.
        value: String,
    },
    /// A service is to be in this state.
    Service {
        /// Unit, `nginx.service`.
        unit: String,
        /// The state.
        state: ServiceState,
    },
    /// What is left over goes, once everything else holds. Which packages
    /// those are the host works out by its own package manager's rule when it
    /// is there; what people installed, the running kernel and the one to fall
    /// back to are never among them. What goes is not brought back.
    CleanUp {
        /// What.
        remnants: Remnants,
        /// Most packages that may go; where it would be more, none goes.
        most: u32,
    },
}

/// What is left over.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Remnants {
    /// Packages that came for others' sake, and that nothing needs any more.
    Orphans,
    /// Such packages of older kernels.
    Kernels,
    /// Package files that the package manager keeps.
    Caches,
}

impl Remnants {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Orphans, Self::Kernels, Self::Caches];

    /// The word in packages.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Orphans => "orphans",
            Self::Kernels => "kernels",
            Self::Caches => "caches",
        }
    }
}

/// What a service is to be.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ServiceState {
    /// Running now and after a boot.
    Enabled,
    /// Neither.
    Disabled,
    /// Started again if it runs.
    Restarted,
    /// Asked to read its configuration again if it runs.
    Reloaded,
}

/// The hosts, as a Merkle tree (RFC 6962) over lines `host ring window`, sorted
/// by host: a host is shown its own line and the proof, so that a package for a
/// hundred thousand hosts stays small and nobody can add one after the signing.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct HostList {
    /// How many.
    pub count: u64,
    /// Root hash of the tree, hex.
    pub root: String,
}

/// One line of the host list.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Place {
    /// The host.
    pub host: HostId,
    /// Its ring, by its place in [`DeploymentPackage::rings`].
    pub ring: u32,
    /// Its window, by name; none for any time.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub window: Option<String>,
}

impl Place {
    /// The line that is hashed.
    pub fn line(&self) -> String {
        format!("{} {} {}\n", self.host, self.ring, self.window.as_deref().unwrap_or("-"))
    }
}

/// A share of hosts that goes together.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Ring {
    /// Name, `canary`.
    pub name: String,
    /// Before this instant none of its hosts starts, whatever a server says.
    pub opens: Timestamp,
    /// How long its results are watched before the next ring, in seconds.
    pub soak_seconds: u64,
    /// Share of its hosts that must have succeeded by observation before the
    /// next ring opens, in thousandths.
    pub success_per_mille: u32,
    /// Hosts that may have failed or gone silent before the gate shuts.
    pub failures: u32,
}

/// When hosts may start.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Window {
    /// As people wrote it: `Tue, Thu 22:00 Europe/Oslo, 4 hours`.
    pub shown: String,
    /// Its intervals, sorted and apart.
    pub intervals: Vec<Interval>,
    /// Whether a host may reboot in it.
    pub reboot: bool,
}

/// From an instant to another, the second not included.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Interval {
    /// The first instant.
    pub from: Timestamp,
    /// The first instant after it.
    pub to: Timestamp,
    /// Nothing new is started from here on, so that it can end in time.
    pub last_start: Timestamp,
}

/// Something looked at before and after.
///
/// A field that it does not have is refused all the same: a document that is
/// written anew without it has other bytes.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Check {
    /// Name for results.
    pub name: String,
    /// What is looked at.
    #[serde(flatten)]
    pub looks_at: LooksAt,
    /// Longest it may take, in seconds.
    pub timeout_seconds: u32,
    /// Whether it must hold before the first effect too.
    pub before: bool,
}

/// What a check looks at. Addresses are the host's own.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(tag = "check", rename_all = "kebab-case")]
pub enum LooksAt {
    /// A service runs.
    Service {
        /// Unit, `nginx.service`.
        unit: String,
    },
    /// Something accepts connections.
    Tcp {
        /// Port on the loopback address.
        port: u16,
    },
    /// Something answers over HTTP.
    Http {
        /// Port on the loopback address.
        port: u16,
        /// Path with a leading slash.
        path: String,
        /// Status that is expected.
        status: u16,
        /// Text that the answer must contain; empty for none.
        contains: String,
    },
    /// Something completes a TLS handshake with a certificate still valid.
    Tls {
        /// Port on the loopback address.
        port: u16,
        /// Days the certificate must still be valid.
        days: u32,
    },
    /// A program that the host's owner put into `/etc/plimsoll/checks.d` ends
    /// with 0.
    Command {
        /// File name, without any slash; written as `program`, because a check
        /// has a name of its own beside it.
        #[serde(rename = "program")]
        name: String,
    },
}

/// Programs of one name that the host's owner put into `/etc/plimsoll/drain.d`
/// and `/etc/plimsoll/undrain.d`. Each may run more than once in a row.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Drain {
    /// File name, without any slash.
    pub program: String,
    /// Longest each may take, in seconds.
    pub timeout_seconds: u32,
}

impl Drain {
    /// Longest that may be asked for, in seconds.
    pub const LONGEST: u32 = 3600;

    /// Whether it names files of those folders and nothing else, and a time.
    pub fn is_plain(&self) -> bool {
        let plain = |letter: char| letter.is_ascii_alphanumeric() || "._-".contains(letter);
        let name = !self.program.is_empty() && self.program.len() <= 64 && !self.program.starts_with(['.', '-']) && self.program.chars().all(plain);
        name && (1..=Self::LONGEST).contains(&self.timeout_seconds)
    }
}

/// What is done where a new kernel or library asks for a reboot.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum RebootRule {
    /// Never; the host stays pending.
    Never,
    /// Where it is needed, within the window.
    IfNeeded,
    /// Always.
    Always,
}

/// What becomes of configuration files that their owner changed.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ConfigurationFiles {
    /// The owner's stays, the vendor's lies beside it.
    Keep,
    /// The vendor's takes its place, the owner's lies beside it.
    Replace,
}
