//! A **component**: one piece of software on a host or in an application.

use super::stream::Stream;
use serde::{Deserialize, Serialize};

/// One piece of software, as some inventory names it.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub struct Component {
    /// Package URL, canonical form; the identity in SBOM and VEX documents.
    pub purl: String,
    /// The release its versions belong to; none when nothing is known to
    /// judge it, which is reported as missing coverage.
    pub stream: Option<Stream>,
    /// Name in the spelling of its ecosystem (for Maven `group:artifact`, for
    /// Packagist `vendor/name`).
    pub name: String,
    /// Version exactly as the package database states it (for rpm
    /// `epoch:version-release`, the epoch only where it is known).
    pub version: String,
    /// Architecture in the package system's own word.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub arch: Option<String>,
    /// Source package name; set for every distribution package, even when it
    /// equals the binary name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub source: Option<String>,
    /// Source package version, without binNMU suffix.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub source_version: Option<String>,
    /// What it is.
    pub kind: ComponentKind,
    /// Vendor that built it, as the package itself says (rpm `Vendor`, pacman
    /// `Packager`, dpkg `Origin`).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub vendor: Option<String>,
    /// Origin of the repository that offers exactly this version (Release
    /// `Label`/`Origin`, yum repository id); none when no enabled repository
    /// offers it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub origin: Option<String>,
    /// RPM modularity label, `nodejs:18:820230…`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub module: Option<String>,
    /// Held back by the administrator (dpkg hold, dnf versionlock, zypper lock).
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub held: bool,
    /// Part in booting, for kernel images only.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub kernel: Option<KernelRole>,
    /// When it is needed (a lock file's development dependencies, say).
    #[serde(default, skip_serializing_if = "Scope::is_default")]
    pub scope: Scope,
    /// Files it was read from, relative to the scanned root or project.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub locations: Vec<String>,
    /// Licence expression where the inventory states one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub licence: Option<String>,
}

/// What a component is.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ComponentKind {
    /// A distribution's package.
    #[default]
    Package,
    /// A language library, installed or locked.
    Library,
    /// A program that is not a package (Go or Rust binary, JAR application).
    Application,
    /// A kernel image package.
    Kernel,
    /// Headers or other kernel build material: carries the kernel's source
    /// version but is no running code.
    KernelHeaders,
    /// Firmware or microcode.
    Firmware,
    /// A device.
    Hardware,
    /// An operating system as a whole.
    OperatingSystem,
    /// A container image.
    Container,
    /// A single file.
    File,
}

/// What part a kernel image plays on its host.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum KernelRole {
    /// Running now.
    Running,
    /// Not running; the boot loader would start it next.
    NextBoot,
    /// Installed, neither running nor next.
    Idle,
}

/// When a dependency is needed.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Scope {
    /// At run time, or not said.
    #[default]
    Runtime,
    /// Only to build or test.
    Development,
    /// Only when chosen.
    Optional,
}

impl Scope {
    fn is_default(&self) -> bool {
        *self == Self::Runtime
    }
}
