//! rpm's database: headers, and the containers they are kept in.
//!
//! [`sqlite`] (Fedora 33+, RHEL 9+, Amazon 2023, Azure Linux), [`ndb`] (SUSE)
//! and, for hosts whose database cannot be read, the text of `rpm -qa`
//! ([`parse_query`]). Berkeley DB (RHEL 8 and older) has no reader that is
//! kept, so [`refuse_berkeley`] says what to do instead.

pub mod file;
pub mod header;
pub mod ndb;
pub mod primary;
pub mod sqlite;

use super::{control, purl};
use plimsoll_core::model::component::{Component, ComponentKind};
use plimsoll_core::model::problem::{Problem, printable};
use plimsoll_core::model::stream::Stream;
use std::collections::BTreeSet;

/// Most problems kept of one database.
const PROBLEM_LIMIT: usize = 20;

/// One installed package.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct RpmPackage {
    /// Name.
    pub name: String,
    /// Epoch; none where the header has no such tag, which rpm treats as 0.
    pub epoch: Option<u32>,
    /// Version.
    pub version: String,
    /// Release.
    pub release: String,
    /// Architecture; empty for `gpg-pubkey`.
    pub arch: String,
    /// File name of the source package, `bash-5.0-1.fc33.src.rpm`.
    pub source_rpm: Option<String>,
    /// Vendor.
    pub vendor: Option<String>,
    /// Packager.
    pub packager: Option<String>,
    /// Licence as the package states it.
    pub licence: Option<String>,
    /// Modularity label, `nodejs:18:8090020…:…`.
    pub module: Option<String>,
    /// When it was installed, seconds since 1970.
    pub installed: Option<u32>,
}

impl RpmPackage {
    /// `version-release`, with `epoch:` before it where the epoch is not 0.
    ///
    /// A header without an epoch *is* epoch 0 (rpm compares it so), hence
    /// `0:` is never written and never missing.
    pub fn evr(&self) -> String {
        match self.epoch {
            Some(epoch) if epoch > 0 => format!("{epoch}:{}-{}", self.version, self.release),
            _ => format!("{}-{}", self.version, self.release),
        }
    }

    /// Source name and `version-release` from the source package's file name.
    ///
    /// The file name has no epoch, so the version never has one either;
    /// errata name binary packages and do not need it.
    pub fn source(&self) -> Option<(&str, &str)> {
        let file = self.source_rpm.as_deref()?;
        let stem = file.strip_suffix(".src.rpm").or_else(|| file.strip_suffix(".nosrc.rpm"))?;
        let release_at = stem.rfind('-')?;
        let version_at = stem.get(..release_at)?.rfind('-')?;
        let version = stem.get(version_at + 1..)?;
        Some((stem.get(..version_at)?, version)).filter(|(name, _)| !name.is_empty())
    }

    /// Whether it is a public key that rpm keeps as a package; no software.
    pub fn is_key(&self) -> bool {
        self.name == "gpg-pubkey"
    }
}

/// A database as read.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Database {
    /// Packages in the order of the database, keys left out.
    pub packages: Vec<RpmPackage>,
    /// Public keys left out.
    pub keys: u64,
    /// Entries that could not be read.
    pub rejected: u64,
    /// The first 20 problems.
    pub problems: Vec<Problem>,
}

impl Database {
    fn take(&mut self, outcome: Result<RpmPackage, Problem>) {
        match outcome {
            Ok(package) if package.is_key() => self.keys += 1,
            Ok(package) => self.packages.push(package),
            Err(problem) => {
                self.rejected += 1;
                self.note(problem);
            }
        }
    }

    fn note(&mut self, problem: Problem) {
        if self.problems.len() < PROBLEM_LIMIT {
            self.problems.push(problem);
        }
    }
}

/// The components of a database, in its order.
///
/// `kernel` carries the image on older systems and is an empty meta package
/// beside `kernel-core` on newer ones; it counts as a kernel only where no
/// `kernel-core` of the same version is there.
pub fn to_components(packages: &[RpmPackage], stream: &Stream) -> Vec<Component> {
    let cores: BTreeSet<(String, String)> = packages
        .iter()
        .filter_map(|package| Some((package.name.strip_suffix("-core")?.to_owned(), package.evr())))
        .collect();
    packages
        .iter()
        .map(|package| {
            let mut component = to_component(package, stream);
            if component.kind == ComponentKind::Kernel && cores.contains(&(component.name.clone(), component.version.clone())) {
                component.kind = ComponentKind::Package;
            }
            component
        })
        .collect()
}

fn to_component(package: &RpmPackage, stream: &Stream) -> Component {
    let version = package.evr();
    let arch = Some(package.arch.as_str()).filter(|arch| !arch.is_empty());
    let bare = format!("{}-{}", package.version, package.release);
    let (source, source_version) = package.source().unwrap_or((&package.name, &bare));
    Component {
        purl: purl::package("rpm", stream, &package.name, &bare, arch, package.epoch.filter(|epoch| *epoch > 0)),
        stream: Some(stream.clone()),
        name: package.name.clone(),
        version,
        arch: arch.map(str::to_owned),
        source: Some(source.to_owned()),
        source_version: Some(source_version.to_owned()),
        kind: kind_of(&package.name),
        vendor: package.vendor.clone(),
        module: package.module.clone(),
        licence: package.licence.clone(),
        ..Component::default()
    }
}

/// What a package is, by its name (Fedora, RHEL and relatives, SUSE, Amazon,
/// Oracle).
pub fn kind_of(name: &str) -> ComponentKind {
    let firmware = name.starts_with("linux-firmware")
        || name.starts_with("kernel-firmware")
        || matches!(name, "microcode_ctl" | "ucode-intel" | "ucode-amd" | "amd-ucode-firmware")
        || (name.ends_with("-firmware") && name != "gnome-firmware");
    if firmware {
        return ComponentKind::Firmware;
    }
    if name != "kernel" && !name.starts_with("kernel-") && !name.starts_with("kernel6") {
        return ComponentKind::Package;
    }
    let headers = ["-headers", "-devel", "-devel-matched", "-macros", "-syms", "-source"];
    if headers.iter().any(|suffix| name.ends_with(suffix)) {
        return ComponentKind::KernelHeaders;
    }
    const IMAGES: [&str; 14] = [
        "kernel", "kernel-rt", "kernel-64k", "kernel-16k", "kernel-debug", "kernel-uek", "kernel-lt", "kernel-ml",
        "kernel-default", "kernel-default-base", "kernel-azure", "kernel-preempt", "kernel6.12", "kernel6.18",
    ];
    let flavour = name.strip_suffix("-core").unwrap_or(name);
    let image = IMAGES.contains(&flavour) || (name.ends_with("-core") && !name.contains("-modules"));
    if image { ComponentKind::Kernel } else { ComponentKind::Package }
}

/// The problem for a Berkeley DB `Packages` file.
///
/// The crates that read it (`rpmdb`, last published in 2023, pinned to another
/// SQLite) are not kept, and Berkeley DB itself is under a copyleft licence.
pub fn refuse_berkeley(place: &str) -> Problem {
    Problem::new(
        "E-UNSUPPORTED",
        place,
        "is an rpm database in Berkeley DB format, which is not read",
        format!("on that host run `rpm -qa --qf '{}' > rpm-qa.tsv` and scan with that file, or convert the database with `rpmdb --rebuilddb` under a newer rpm", QUERY_FORMAT.escape_debug()),
    )
}

/// Whether bytes start like a Berkeley DB hash or btree file, in either byte
/// order.
pub fn is_berkeley(bytes: &[u8]) -> bool {
    let magic = bytes.get(12..16).unwrap_or(&[]);
    matches!(magic, [0x61, 0x15, 0x06, 0] | [0, 0x06, 0x15, 0x61] | [0x62, 0x31, 0x05, 0] | [0, 0x05, 0x31, 0x62])
}

/// Reads a database file, told by its first bytes: SQLite, ndb, or Berkeley
/// DB (refused by name).
///
/// `wal` is the length of the `-wal` file beside an SQLite database, 0 where
/// there is none.
pub fn parse(place: &str, bytes: &[u8], wal: u64) -> Result<Database, Problem> {
    if bytes.starts_with(b"SQLite format 3\0") {
        sqlite::parse(place, bytes, wal)
    } else if bytes.starts_with(b"RpmP") {
        ndb::parse(place, bytes)
    } else if is_berkeley(bytes) {
        Err(refuse_berkeley(place))
    } else {
        Err(Problem::new(
            "E-FORMAT",
            place,
            "is no rpm database: neither SQLite, ndb nor Berkeley DB",
            "run `rpmdb --verifydb` on the host",
        ))
    }
}

/// The `--qf` argument whose output [`parse_query`] reads: name,
/// epoch:version-release, architecture, source package, install time, vendor,
/// module; a tab between them, a package a line, `(none)` for nothing.
pub const QUERY_FORMAT: &str = "%{NAME}\\t%{EPOCHNUM}:%{VERSION}-%{RELEASE}\\t%{ARCH}\\t%{SOURCERPM}\\t%{INSTALLTIME}\\t%{VENDOR}\\t%{MODULARITYLABEL}\\n";

/// Reads what `rpm -qa --qf` ([`QUERY_FORMAT`]) printed.
///
/// The first three columns are needed, later ones may be absent. Lines that
/// start with `#` are remarks.
pub fn parse_query(place: &str, bytes: &[u8]) -> Result<Database, Problem> {
    let (text, encoding) = control::text(place, bytes)?;
    let mut database = Database::default();
    database.problems.extend(encoding);
    for (index, line) in text.lines().enumerate() {
        if line.trim().is_empty() || line.starts_with('#') {
            continue;
        }
        database.take(query_line(line).map_err(|text| {
            Problem::new(
                "E-FORMAT",
                format!("{place}:{}", index + 1),
                text,
                format!("make the file with `rpm -qa --qf '{QUERY_FORMAT}'`; the line was left out"),
            )
        }));
    }
    Ok(database)
}

fn query_line(line: &str) -> Result<RpmPackage, String> {
    let mut columns = line.split('\t');
    let mut next = || columns.next().map(str::trim).filter(|value| !value.is_empty() && *value != "(none)");
    let name = next().ok_or("the line has no name")?.to_owned();
    let evr = next().ok_or("the line has no version")?;
    let arch = next().unwrap_or("").to_owned();
    let source_rpm = next().map(str::to_owned);
    let installed = next().and_then(|seconds| seconds.parse().ok());
    let vendor = next().map(str::to_owned);
    let module = next().map(str::to_owned);
    let (epoch, rest) = match evr.split_once(':') {
        Some((epoch, rest)) => {
            let number = epoch.parse().map_err(|_| format!("the epoch \"{}\" is no number", printable(epoch)))?;
            (Some(number), rest)
        }
        None => (None, evr),
    };
    let (version, release) =
        rest.rsplit_once('-').ok_or_else(|| format!("\"{}\" is no version-release", printable(rest)))?;
    Ok(RpmPackage {
        name,
        epoch: epoch.filter(|epoch| *epoch > 0),
        version: version.to_owned(),
        release: release.to_owned(),
        arch,
        source_rpm,
        vendor,
        module,
        installed,
        ..RpmPackage::default()
    })
}

#[cfg(test)]
#[path = "tests.rs"]
mod tests;
