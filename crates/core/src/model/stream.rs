//! A **stream**: the release a component's versions belong to.

use plimsoll_version::Scheme;
use serde::{Deserialize, Serialize};
use std::fmt;

/// Names the release line whose advisories and version order judge a
/// component: `debian:12`, `almalinux:9`, `alpine:3.19`, `crates.io`, `npm`.
///
/// Always lower case, `family` or `family:release`. A component without a
/// stream is shown as not covered; it is never silently clean.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Stream(String);

impl Stream {
    /// Makes a stream from a family without releases (`crates.io`, `npm`).
    pub fn language(family: &str) -> Self {
        Self(family.to_ascii_lowercase())
    }

    /// Makes a stream from an operating system's family and release
    /// (`debian`, `12`).
    pub fn release(family: &str, release: &str) -> Self {
        Self(format!(
            "{}:{}",
            family.to_ascii_lowercase(),
            release.to_ascii_lowercase()
        ))
    }

    /// Takes a name already in the form of this type, as the advisory
    /// database stores it.
    pub fn from_stored(name: &str) -> Self {
        Self(name.to_owned())
    }

    /// The whole name, `debian:12`.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The part before the colon, `debian`.
    pub fn family(&self) -> &str {
        self.0.split(':').next().unwrap_or(&self.0)
    }

    /// The part after the colon, `12`; none for languages.
    pub fn release_name(&self) -> Option<&str> {
        self.0.split_once(':').map(|(_, release)| release)
    }

    /// How versions of this stream are ordered.
    ///
    /// An unknown family yields none, and every comparison in it is `unknown`.
    pub fn scheme(&self) -> Option<Scheme> {
        match self.family() {
            "debian" | "ubuntu" | "raspbian" | "kali" | "echo" => Some(Scheme::Debian),
            "almalinux" | "rocky" | "rhel" | "centos" | "fedora" | "sles" | "sled" | "suse"
            | "opensuse-leap" | "opensuse-tumbleweed" | "opensuse" | "amazon" | "oracle"
            | "mageia" | "openeuler" | "photon" | "azurelinux" | "rpm" => Some(Scheme::Rpm),
            "alpine" | "wolfi" | "chainguard" | "alpaquita" | "minimos" => Some(Scheme::Alpine),
            "arch" | "manjaro" => Some(Scheme::Pacman),
            // Products of vendors without a package system, and what people
            // type in by hand.
            "vendor" => Some(Scheme::Generic),
            other => Scheme::from_name(other),
        }
    }

    /// Whether this stream's advisories name source packages and their
    /// versions, rather than binary ones.
    pub fn advisories_name_sources(&self) -> bool {
        matches!(self.scheme(), Some(Scheme::Debian | Scheme::Alpine))
    }

    /// Whether components of this stream are a distribution's packages.
    pub fn is_operating_system(&self) -> bool {
        matches!(
            self.scheme(),
            Some(Scheme::Debian | Scheme::Rpm | Scheme::Alpine | Scheme::Pacman)
        )
    }

    /// Puts a package name into the one spelling that this stream's
    /// advisories and inventories are both stored under.
    ///
    /// PyPI folds case and runs of `-_.` (PEP 503); NuGet and Packagist
    /// ignore case; everything else is kept to the byte. Forgetting this on
    /// one side only is how a scanner silently finds nothing.
    pub fn normalise_name(&self, name: &str) -> String {
        match self.family() {
            "pypi" => {
                let mut out = String::with_capacity(name.len());
                let mut separator = false;
                for character in name.chars() {
                    if matches!(character, '-' | '_' | '.') {
                        separator = true;
                    } else {
                        if separator && !out.is_empty() {
                            out.push('-');
                        }
                        separator = false;
                        out.extend(character.to_lowercase());
                    }
                }
                out
            }
            "nuget" | "packagist" | "hex" | "pub" | "bitnami" => name.to_lowercase(),
            _ => name.to_owned(),
        }
    }
}

impl fmt::Display for Stream {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}
