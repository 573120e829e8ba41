//! What is asked of a host in the words of its packaging system.

use super::host::LabHost;
use crate::printer::Failure;
use serde::Serialize;

/// The packaging system of a host.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum System {
    /// dpkg and apt.
    Dpkg,
    /// rpm and dnf.
    Rpm,
}

impl System {
    /// Version of an installed package; none where it is not fully installed.
    pub fn version(self, host: &LabHost, package: &str) -> Option<String> {
        match self {
            Self::Dpkg => {
                let line = host.said(&["dpkg-query", "-W", "-f", "${db:Status-Abbrev} ${Version}\n", package]).ok()?;
                line.trim().strip_prefix("ii").map(|rest| rest.trim().to_owned())
            }
            Self::Rpm => host.said(&["rpm", "-q", "--qf", "%{VERSION}-%{RELEASE}", package]).ok(),
        }
    }

    /// A shell's test that holds while a package has this version.
    pub fn test(self, package: &str, version: &str) -> String {
        match self {
            Self::Dpkg => format!("test \"$(dpkg-query -W -f '${{Version}}' {package})\" = '{version}'"),
            Self::Rpm => format!("test \"$(rpm -q --qf '%{{VERSION}}-%{{RELEASE}}' {package})\" = '{version}'"),
        }
    }

    /// Everything that is installed, a line each.
    ///
    /// # Errors
    ///
    /// Where the database cannot be read.
    pub fn installed(self, host: &LabHost) -> Result<String, Failure> {
        match self {
            Self::Dpkg => host.said(&["dpkg-query", "-W", "-f", "${db:Status-Abbrev} ${Package} ${Version}\n"]),
            Self::Rpm => host.said(&["rpm", "-qa", "--qf", "%{NAME} %{VERSION}-%{RELEASE}.%{ARCH}\n"]),
        }
    }

    /// Folder of its database, where only whoever changes it writes there; rpm's
    /// is written to by whoever reads it.
    pub fn database(self) -> Option<&'static str> {
        (self == Self::Dpkg).then_some("/var/lib/dpkg")
    }

    /// How often a package manager was started as root to change the host, by
    /// its own log.
    pub fn effects(self, host: &LabHost) -> u64 {
        let starts = |log: &str, mark: &str| host.said(&["cat", log]).unwrap_or_default().lines().filter(|line| line.contains(mark)).count() as u64;
        match self {
            Self::Dpkg => starts("/var/log/apt/history.log", "Start-Date:"),
            // The log of the root's own making was removed.
            Self::Rpm => starts("/var/log/dnf.log", "DDEBUG RPM transaction start"),
        }
    }
}
