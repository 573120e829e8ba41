//! A **host**: the facts about one machine that are not components.

use super::stream::Stream;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// What is known about the scanned thing as a whole.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub struct Host {
    /// Host name, or the name of the document or folder scanned.
    pub name: String,
    /// What was scanned.
    pub target: Target,
    /// Operating system, where one was found.
    pub os: Option<OperatingSystem>,
    /// Kernels.
    pub kernel: Option<Kernels>,
    /// Whether a reboot is pending.
    pub reboot: Option<RebootPending>,
    /// Enabled package repositories.
    #[serde(default)]
    pub repositories: Vec<Repository>,
    /// The machine itself.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub hardware: Option<Hardware>,
    /// Extended support subscriptions seen to be attached (`esm-infra`,
    /// `esm-apps`, `rhel-eus`, …); none when that cannot be told.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub subscriptions: Option<Vec<String>>,
}

/// What was scanned.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Target {
    /// The live host.
    #[default]
    Host,
    /// An unpacked root.
    Root,
    /// An SBOM.
    Sbom,
    /// A project folder.
    Project,
    /// A single lock file.
    Lockfile,
}

/// Operating system from `os-release`.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub struct OperatingSystem {
    /// `ID`, lower case.
    pub id: String,
    /// `ID_LIKE`, split.
    #[serde(default)]
    pub like: Vec<String>,
    /// `VERSION_ID`; empty for rolling releases.
    pub version: String,
    /// `VERSION_CODENAME`.
    pub codename: Option<String>,
    /// `PRETTY_NAME`.
    pub name: String,
    /// Stream that its packages belong to; none when unknown.
    pub stream: Option<Stream>,
    /// Architecture of its packages.
    pub arch: Option<String>,
}

impl OperatingSystem {
    /// Works out the stream from `ID` and `VERSION_ID`.
    ///
    /// Rolling Debian (`sid`, `forky`) has no `VERSION_ID` and takes its
    /// codename. RHEL-like systems keep the major release only; their minor
    /// release chooses among fixes, not among streams.
    pub fn stream_of(id: &str, version: &str, codename: Option<&str>) -> Option<Stream> {
        let id = id.to_ascii_lowercase();
        let major = version.split('.').next().unwrap_or("");
        let two = || version.splitn(3, '.').take(2).collect::<Vec<_>>().join(".");
        let (family, release) = match id.as_str() {
            "debian" | "raspbian" | "kali" => (id.as_str(), if version.is_empty() { codename?.to_owned() } else { major.to_owned() }),
            "ubuntu" => ("ubuntu", two()),
            "almalinux" => ("almalinux", major.to_owned()),
            "rocky" => ("rocky", major.to_owned()),
            "rhel" => ("rhel", major.to_owned()),
            "centos" => ("centos", major.to_owned()),
            "ol" => ("oracle", major.to_owned()),
            "amzn" => ("amazon", major.to_owned()),
            "fedora" => ("fedora", major.to_owned()),
            "sles" | "sled" | "sles_sap" => ("sles", version.to_owned()),
            "opensuse-leap" => ("opensuse-leap", version.to_owned()),
            "opensuse-tumbleweed" => return Some(Stream::language("opensuse-tumbleweed")),
            "alpine" => ("alpine", two()),
            "wolfi" | "chainguard" | "arch" | "manjaro" => return Some(Stream::language(&id)),
            "openeuler" | "mageia" | "photon" | "azurelinux" => (id.as_str(), version.to_owned()),
            _ => return None,
        };
        (!release.is_empty()).then(|| Stream::release(family, &release))
    }
}

/// Kernels of a host.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub struct Kernels {
    /// Release that is running (`uname -r`); none for an unpacked root.
    pub running: Option<String>,
    /// Whether the kernel belongs to this root at all (false in a container,
    /// whose host runs it).
    pub own: bool,
    /// Kernel image packages installed.
    #[serde(default)]
    pub installed: Vec<InstalledKernel>,
    /// Release the boot loader would start next, as far as can be told.
    pub next: Option<String>,
}

/// One installed kernel image.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct InstalledKernel {
    /// Release (`6.1.0-50-amd64`).
    pub release: String,
    /// Package that owns it.
    pub package: String,
    /// Version of that package.
    pub version: String,
}

/// Whether a reboot is pending, and why.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub struct RebootPending {
    /// Pending; none when it cannot be told.
    pub pending: Option<bool>,
    /// Reasons, each a plain sentence.
    #[serde(default)]
    pub because: Vec<String>,
    /// When the host was last booted, where known.
    pub booted: Option<Timestamp>,
}

/// An enabled package repository.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug, Default, Serialize, Deserialize)]
pub struct Repository {
    /// Id: yum repository id, or `host/path suite component` for apt.
    pub id: String,
    /// Address with credentials removed.
    pub url: String,
    /// `Origin` of its Release file, or the vendor.
    pub origin: Option<String>,
    /// `Label`.
    pub label: Option<String>,
    /// `Suite` (archive name, which moves with time).
    pub suite: Option<String>,
    /// `Codename` (which does not).
    pub codename: Option<String>,
    /// When its index was made.
    pub date: Option<Timestamp>,
    /// Until when its index is valid, where it says so.
    pub valid_until: Option<Timestamp>,
    /// Whether signatures are checked; none when unknown.
    pub trusted: Option<bool>,
}

/// The machine itself.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub struct Hardware {
    /// DMI system vendor.
    pub vendor: Option<String>,
    /// DMI product name.
    pub product: Option<String>,
    /// DMI serial number, only when it could be read.
    pub serial: Option<String>,
    /// Firmware vendor and version, `SeaBIOS 1.16.2`.
    pub firmware: Option<String>,
    /// Firmware date as stated.
    pub firmware_date: Option<String>,
    /// Processor model.
    pub processor: Option<String>,
    /// Logical processors.
    pub processors: Option<u32>,
    /// Microcode revision as the kernel states it.
    pub microcode: Option<String>,
    /// Memory in KiB.
    pub memory_kib: Option<u64>,
    /// `kvm`, `docker`, `lxc`, … where virtual; none on bare metal or unknown.
    pub virtualisation: Option<String>,
    /// Processor vulnerabilities by the kernel's own word (`meltdown` → `Mitigation: PTI`).
    #[serde(default)]
    pub processor_vulnerabilities: Vec<(String, String)>,
    /// Disks, network cards and devices that fwupd knows.
    #[serde(default)]
    pub devices: Vec<Device>,
}

/// One device.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug, Default, Serialize, Deserialize)]
pub struct Device {
    /// `disk`, `network`, `firmware`.
    pub class: String,
    /// Kernel name or fwupd id.
    pub name: String,
    /// Vendor.
    pub vendor: Option<String>,
    /// Model.
    pub model: Option<String>,
    /// Firmware version.
    pub firmware: Option<String>,
    /// Newer firmware offered by fwupd.
    pub firmware_available: Option<String>,
    /// Driver in use.
    pub driver: Option<String>,
    /// Size in bytes, for disks.
    pub size: Option<u64>,
}
