//! pacman: `desc` files of the local database and the sync databases.
//!
//! Source: alpm-db-desc(7) and repo-add(8).

use super::{control, purl};
use crate::advisories::Reading;
use crate::bounded::{self, Limits};
use plimsoll_core::model::component::{Component, ComponentKind};
use plimsoll_core::model::problem::Problem;
use plimsoll_core::model::stream::Stream;

/// Longest `desc` file read, in bytes; real ones are below 20 KiB.
const DESC_LIMIT: u64 = 1 << 20;
/// Most values kept of one list.
const LIST_LIMIT: usize = 10_000;

/// One package.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct PacmanPackage {
    /// `%NAME%`
    pub name: String,
    /// `%BASE%`: the source package; the name itself where absent.
    pub base: String,
    /// `%VERSION%`
    pub version: String,
    /// `%ARCH%`
    pub arch: String,
    /// `%PACKAGER%`
    pub packager: Option<String>,
    /// `%LICENSE%`, joined by ` AND ` where there are several.
    pub licence: Option<String>,
    /// `%REASON%` 1: installed as a dependency.
    pub automatic: bool,
    /// `%INSTALLDATE%`, seconds since 1970.
    pub installed: Option<i64>,
    /// `%BUILDDATE%`, seconds since 1970.
    pub built: Option<i64>,
    /// `%CSIZE%`: size of the package file in bytes (sync databases).
    pub size: Option<u64>,
    /// `%SHA256SUM%` of the package file, hex (sync databases).
    pub sha256: Option<String>,
    /// `%FILENAME%` (sync databases).
    pub filename: Option<String>,
    /// `%DEPENDS%`
    pub depends: Vec<String>,
    /// `%PROVIDES%`
    pub provides: Vec<String>,
    /// `%REPLACES%`
    pub replaces: Vec<String>,
}

/// Reads one `desc` file.
pub fn desc(place: &str, bytes: &[u8]) -> Result<PacmanPackage, Problem> {
    let refuse = |text: String| Problem::new("E-FORMAT", place, text, "run `pacman -Dk` on the host; the package was left out");
    if bytes.len() as u64 > DESC_LIMIT {
        return Err(Problem::new("E-LIMIT", place, format!("is {} bytes long, the limit is {DESC_LIMIT}", bytes.len()), "check where the file comes from"));
    }
    let (text, _) = control::text(place, bytes)?;
    let mut package = PacmanPackage::default();
    let mut licences: Vec<&str> = Vec::new();
    let mut key = "";
    for line in text.lines().map(str::trim).filter(|line| !line.is_empty()) {
        if let Some(name) = line.strip_prefix('%').and_then(|rest| rest.strip_suffix('%')) {
            key = name;
            continue;
        }
        match key {
            "NAME" => package.name = line.to_owned(),
            "BASE" => package.base = line.to_owned(),
            "VERSION" => package.version = line.to_owned(),
            "ARCH" => package.arch = line.to_owned(),
            "PACKAGER" => package.packager = Some(line.to_owned()).filter(|packager| packager != "Unknown Packager"),
            "LICENSE" if licences.len() < LIST_LIMIT => licences.push(line),
            "REASON" => package.automatic = line == "1",
            "INSTALLDATE" => package.installed = line.parse().ok(),
            "BUILDDATE" => package.built = line.parse().ok(),
            "CSIZE" => package.size = line.parse().ok(),
            "SHA256SUM" => package.sha256 = Some(line.to_owned()),
            "FILENAME" => package.filename = Some(line.to_owned()),
            "DEPENDS" => push(&mut package.depends, line),
            "PROVIDES" => push(&mut package.provides, line),
            "REPLACES" => push(&mut package.replaces, line),
            _ => {}
        }
    }
    for (field, value) in [("NAME", &package.name), ("VERSION", &package.version)] {
        if value.is_empty() {
            return Err(refuse(format!("the entry has no %{field}%")));
        }
    }
    if package.base.is_empty() {
        package.base = package.name.clone();
    }
    package.licence = Some(licences.join(" AND ")).filter(|licence| !licence.is_empty());
    Ok(package)
}

fn push(list: &mut Vec<String>, line: &str) {
    if list.len() < LIST_LIMIT {
        list.push(line.to_owned());
    }
}

/// Reads a sync database (`core.db`): a compressed tar of `NAME-VERSION/desc`.
///
/// Returns the packages in the order of the archive and what the reading came
/// to. Names inside the archive are data and never paths.
pub fn sync(place: &str, bytes: &[u8]) -> Result<(Vec<PacmanPackage>, Reading), Problem> {
    let damaged = |error: std::io::Error| {
        Problem::new("E-FORMAT", place, format!("is not a readable tar archive: {error}"), "run `pacman -Sy`")
    };
    let archive = bounded::decompress(place, bytes, Limits::DOCUMENT)?;
    let mut archive = tar::Archive::new(&archive[..]);
    let (mut packages, mut reading) = (Vec::new(), Reading::default());
    for (count, entry) in archive.entries().map_err(damaged)?.enumerate() {
        let entry = match entry {
            Ok(entry) => entry,
            // The end of the archive is gone; what was read stands.
            Err(error) => {
                reading.reject(damaged(error));
                break;
            }
        };
        if count >= Limits::DOCUMENT.entries {
            reading.reject(Problem::new("E-LIMIT", place, format!("has more than {} entries; the rest was not read", Limits::DOCUMENT.entries), "check where the file comes from"));
            break;
        }
        let name = String::from_utf8_lossy(&entry.path_bytes()).into_owned();
        if !name.ends_with("/desc") {
            continue;
        }
        let inner = format!("{place}!{name}");
        match bounded::read_capped(&inner, entry, DESC_LIMIT as usize).and_then(|bytes| desc(&inner, &bytes)) {
            Ok(package) => {
                reading.records += 1;
                packages.push(package);
            }
            Err(problem) => reading.reject(problem),
        }
    }
    Ok((packages, reading))
}

/// What a package is, by its name.
pub fn kind_of(name: &str) -> ComponentKind {
    const KERNELS: [&str; 5] = ["linux", "linux-lts", "linux-zen", "linux-hardened", "linux-rt"];
    if KERNELS.contains(&name) || name == "linux-rt-lts" {
        ComponentKind::Kernel
    } else if name == "linux-api-headers" || (name.starts_with("linux") && name.ends_with("-headers")) {
        ComponentKind::KernelHeaders
    } else if name.starts_with("linux-firmware") || name.ends_with("-ucode") || name == "sof-firmware" {
        ComponentKind::Firmware
    } else {
        ComponentKind::Package
    }
}

impl PacmanPackage {
    /// The component for inventory and matching.
    pub fn to_component(&self, stream: &Stream) -> Component {
        let arch = Some(self.arch.as_str()).filter(|arch| !arch.is_empty());
        Component {
            purl: purl::package("alpm", stream, &self.name, &self.version, arch, None),
            stream: Some(stream.clone()),
            name: self.name.clone(),
            version: self.version.clone(),
            arch: arch.map(str::to_owned),
            source: Some(self.base.clone()),
            source_version: Some(self.version.clone()),
            kind: kind_of(&self.name),
            vendor: self.packager.clone(),
            licence: self.licence.clone(),
            ..Component::default()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::test_data::file as data;

    #[test]
    fn a_real_desc_file() {
        let Some(bytes) = data("inventories/pacman/valid") else { return };
        let package = desc("local/gawk-5.3.1-1/desc", &bytes).unwrap();
        let component = package.to_component(&Stream::language("arch"));
        insta::assert_debug_snapshot!((&package, component.purl), @r#"
        (
            PacmanPackage {
                name: "gawk",
                base: "gawk",
                version: "5.3.1-1",
                arch: "x86_64",
                packager: Some(
                    "Tobias Powalowski <tpowa@archlinux.org>",
                ),
                licence: Some(
                    "GPL-3.0-or-later",
                ),
                automatic: true,
                installed: Some(
                    1733011443,
                ),
                built: Some(
                    1726655953,
                ),
                size: None,
                sha256: None,
                filename: None,
                depends: [
                    "sh",
                    "glibc",
                    "mpfr",
                ],
                provides: [
                    "awk",
                ],
                replaces: [],
            },
            "pkg:alpm/arch/gawk@5.3.1-1?arch=x86_64",
        )
        "#);
        for cut in 0..bytes.len() {
            let _ = desc("desc", &bytes[..cut]);
        }
    }

    #[test]
    fn a_sync_database_with_a_bad_entry() {
        let mut archive = tar::Builder::new(Vec::new());
        for (name, content) in [("a-1/desc", "%NAME%\na\n\n%VERSION%\n1:2-3\n\n%LICENSE%\nMIT\nBSD\n"), ("b-1/desc", "%NAME%\nb\n"), ("a-1/files", "x")] {
            let mut header = tar::Header::new_gnu();
            header.set_size(content.len() as u64);
            archive.append_data(&mut header, name, content.as_bytes()).unwrap();
        }
        let bytes = zstd::stream::encode_all(&archive.into_inner().unwrap()[..], 1).unwrap();
        let (packages, reading) = sync("core.db", &bytes).unwrap();
        assert_eq!(packages.iter().map(|package| (&*package.name, package.licence.as_deref())).collect::<Vec<_>>(), [("a", Some("MIT AND BSD"))]);
        assert_eq!(packages[0].to_component(&Stream::language("arch")).purl, "pkg:alpm/arch/a@1:2-3");
        assert_eq!((&*reading.problems[0].place, &*reading.problems[0].text), ("core.db!b-1/desc", "the entry has no %VERSION%"));
        for cut in 0..bytes.len() {
            let _ = sync("core.db", &bytes[..cut]);
        }
    }
}
