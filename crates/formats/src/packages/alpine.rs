//! apk: installed database, repositories and index.
//!
//! Source: Alpine's wiki "Apk spec" and apk-tools.

use super::{control, may_read_on, purl, without_credentials};
use crate::bounded::{self, Limits};
use plimsoll_core::model::component::{Component, ComponentKind};
use plimsoll_core::model::problem::Problem;
use plimsoll_core::model::stream::Stream;
use std::borrow::Cow;

/// Problems kept of one file.
const PROBLEM_LIMIT: usize = 20;

/// One package of the installed database or of an index, borrowing from the
/// file's text.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct ApkPackage<'a> {
    /// `P`: name.
    pub name: &'a str,
    /// `V`: version.
    pub version: &'a str,
    /// `A`: architecture.
    pub arch: &'a str,
    /// `o`: origin, the source package; the name itself where absent.
    pub origin: &'a str,
    /// `L`: licence.
    pub licence: &'a str,
    /// `m`: maintainer.
    pub maintainer: &'a str,
    /// `D`: dependencies, separated by blanks.
    pub depends: &'a str,
    /// `p`: provides, separated by blanks.
    pub provides: &'a str,
    /// `S`: size of the package file in bytes.
    pub size: Option<u64>,
    /// `t`: build time, seconds since 1970.
    pub built: Option<i64>,
    /// `s`: tag of the repository it was pinned to.
    pub repository_tag: &'a str,
    /// `f`: letters of what is broken (`f` files, `s` scripts, `x` xattrs …).
    pub broken: &'a str,
    /// Line of its first field, from 1.
    pub line: usize,
}

/// A database or index as read.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct ApkPackages<'a> {
    /// Packages in the order of the file.
    pub packages: Vec<ApkPackage<'a>>,
    /// Entries that could not be read.
    pub rejected: u64,
    /// The first 20 problems.
    pub problems: Vec<Problem>,
}

/// Reads `/lib/apk/db/installed` or the text of an `APKINDEX`.
///
/// Lists of files (`F:`, `R:`, …) are skipped. An entry without name or
/// version is rejected and named.
pub fn parse<'a>(place: &str, text: &'a str) -> ApkPackages<'a> {
    let mut read = ApkPackages::default();
    let mut current = ApkPackage::default();
    let mut open = false;
    for (index, line) in text.lines().chain(std::iter::once("")).enumerate() {
        if line.trim().is_empty() {
            if std::mem::take(&mut open) {
                finish(place, std::mem::take(&mut current), &mut read);
            }
            continue;
        }
        if !open {
            current.line = index + 1;
            open = true;
        }
        let Some((key, value)) = line.split_once(':') else { continue };
        match key {
            "P" => current.name = value,
            "V" => current.version = value,
            "A" => current.arch = value,
            "o" => current.origin = value,
            "L" => current.licence = value,
            "m" => current.maintainer = value,
            "D" => current.depends = value,
            "p" => current.provides = value,
            "S" => current.size = value.parse().ok(),
            "t" => current.built = value.parse().ok(),
            "s" => current.repository_tag = value,
            "f" => current.broken = value,
            _ => {}
        }
    }
    read
}

fn finish<'a>(place: &str, mut package: ApkPackage<'a>, read: &mut ApkPackages<'a>) {
    let missing = [("name (P:)", package.name), ("version (V:)", package.version)].into_iter().find(|(_, value)| value.is_empty());
    if let Some((field, _)) = missing {
        read.rejected += 1;
        if read.problems.len() < PROBLEM_LIMIT {
            read.problems.push(Problem::new(
                "E-FORMAT",
                format!("{place}:{}", package.line),
                format!("the entry has no {field}"),
                "run `apk fix`; the entry was left out",
            ));
        }
        return;
    }
    if package.origin.is_empty() {
        package.origin = package.name;
    }
    read.packages.push(package);
}

/// What a package is, by its name.
pub fn kind_of(name: &str) -> ComponentKind {
    const KERNELS: [&str; 8] =
        ["linux-lts", "linux-virt", "linux-edge", "linux-stable", "linux-rpi", "linux-rpi2", "linux-rpi4", "linux-vanilla"];
    if KERNELS.contains(&name) {
        ComponentKind::Kernel
    } else if name == "linux-headers" || KERNELS.iter().any(|kernel| name.strip_suffix("-dev") == Some(kernel)) {
        ComponentKind::KernelHeaders
    } else if name.starts_with("linux-firmware") || name.ends_with("-ucode") || name.ends_with("-firmware") {
        ComponentKind::Firmware
    } else {
        ComponentKind::Package
    }
}

impl ApkPackage<'_> {
    /// The component for inventory and matching; Alpine's advisories name the
    /// origin, whose version is the package's own.
    pub fn to_component(&self, stream: &Stream) -> Component {
        let arch = Some(self.arch).filter(|arch| !arch.is_empty());
        Component {
            purl: purl::package("apk", stream, self.name, self.version, arch, None),
            stream: Some(stream.clone()),
            name: self.name.to_owned(),
            version: self.version.to_owned(),
            arch: arch.map(str::to_owned),
            source: Some(self.origin.to_owned()),
            source_version: Some(self.version.to_owned()),
            kind: kind_of(self.name),
            licence: Some(self.licence).filter(|licence| !licence.is_empty()).map(str::to_owned),
            ..Component::default()
        }
    }
}

/// One line of `/etc/apk/repositories`.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct ApkRepository {
    /// Tag before the address (`@edge`), without the `@`; its packages are
    /// taken only when asked for by tag.
    pub tag: Option<String>,
    /// Address or path, without credentials.
    pub address: String,
    /// Line in its file, from 1.
    pub line: usize,
}

/// Reads `/etc/apk/repositories`.
pub fn repositories(place: &str, bytes: &[u8]) -> Result<(Vec<ApkRepository>, Vec<Problem>), Problem> {
    let (text, encoding) = control::text(place, bytes)?;
    let mut problems: Vec<Problem> = encoding.into_iter().collect();
    let mut repositories = Vec::new();
    for (index, line) in text.lines().enumerate() {
        let line = line.trim();
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        let (tag, address) = match line.strip_prefix('@').map(|rest| rest.split_once([' ', '\t'])) {
            None => (None, line),
            Some(Some((tag, address))) => (Some(tag.to_owned()), address.trim()),
            Some(None) => {
                if !may_read_on(place, &mut problems) {
                    break;
                }
                problems.push(Problem::new("E-FORMAT", format!("{place}:{}", index + 1), "the line has a tag and no address", "correct the line; it was left out"));
                continue;
            }
        };
        repositories.push(ApkRepository { tag, address: without_credentials(address).into_owned(), line: index + 1 });
    }
    Ok((repositories, problems))
}

/// Takes the text of an index out of `APKINDEX.tar.gz`; plain text is passed
/// through.
pub fn index_text<'a>(place: &str, bytes: &'a [u8]) -> Result<Cow<'a, [u8]>, Problem> {
    let bytes = match bounded::decompress(place, bytes, Limits::DOCUMENT)? {
        Cow::Borrowed(plain) => return Ok(Cow::Borrowed(plain)),
        Cow::Owned(archive) => archive,
    };
    let damaged = |error: String| Problem::new("E-FORMAT", place, error, "run `apk update`");
    let mut archive = tar::Archive::new(&bytes[..]);
    // The signature is a tar segment of its own before the index.
    archive.set_ignore_zeros(true);
    let entries = archive.entries().map_err(|error| damaged(format!("is not a readable tar archive: {error}")))?;
    for entry in entries.take(100) {
        let entry = entry.map_err(|error| damaged(format!("is not a readable tar archive: {error}")))?;
        if &*entry.path_bytes() == b"APKINDEX" {
            return bounded::read_capped(&format!("{place}!APKINDEX"), entry, Limits::DOCUMENT.bytes).map(Cow::Owned);
        }
    }
    Err(damaged("holds no APKINDEX".to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::test_data::file as data;
    use std::io::Write;

    #[test]
    fn the_sample_database() {
        let Some(bytes) = data("inventories/apk/installed") else { return };
        let text = std::str::from_utf8(&bytes).unwrap();
        let read = parse("installed", text);
        assert_eq!(read.problems, []);
        let stream = Stream::release("alpine", "3.18");
        let lines: Vec<_> = read.packages.iter().map(|package| {
            let component = package.to_component(&stream);
            let purl: packageurl::PackageUrl<'_> = component.purl.parse().unwrap();
            assert_eq!(purl.to_string(), component.purl);
            format!("{} from {} ({})", component.purl, component.source.unwrap(), component.licence.unwrap())
        }).collect();
        insta::assert_snapshot!(lines.join("\n"), @r#"
        pkg:apk/alpine/alpine-baselayout@3.4.3-r1?arch=x86_64&distro=alpine-3.18 from alpine-baselayout (GPL-2.0-only)
        pkg:apk/alpine/alpine-baselayout-data@3.4.3-r1?arch=x86_64&distro=alpine-3.18 from alpine-baselayout (GPL-2.0-only)
        pkg:apk/alpine/alpine-keys@2.4-r1?arch=x86_64&distro=alpine-3.18 from alpine-keys (MIT)
        pkg:apk/alpine/apk-tools@2.14.0-r0?arch=x86_64&distro=alpine-3.18 from apk-tools (GPL-2.0-only)
        pkg:apk/alpine/busybox@1.36.0-r9?arch=x86_64&distro=alpine-3.18 from busybox (GPL-2.0-only)
        pkg:apk/alpine/busybox-binsh@1.36.0-r9?arch=x86_64&distro=alpine-3.18 from busybox (GPL-2.0-only)
        pkg:apk/alpine/ca-certificates-bundle@20230506-r0?arch=x86_64&distro=alpine-3.18 from ca-certificates (MPL-2.0 AND MIT)
        pkg:apk/alpine/libc-utils@0.7.2-r5?arch=x86_64&distro=alpine-3.18 from libc-dev (BSD-2-Clause AND BSD-3-Clause)
        pkg:apk/alpine/libcrypto3@3.1.0-r4?arch=x86_64&distro=alpine-3.18 from openssl (Apache-2.0)
        pkg:apk/alpine/libssl3@3.1.0-r4?arch=x86_64&distro=alpine-3.18 from openssl (Apache-2.0)
        pkg:apk/alpine/musl@1.2.4-r0?arch=x86_64&distro=alpine-3.18 from musl (MIT)
        pkg:apk/alpine/musl-utils@1.2.4-r0?arch=x86_64&distro=alpine-3.18 from musl (MIT AND BSD-2-Clause AND GPL-2.0-or-later)
        pkg:apk/alpine/scanelf@1.3.7-r1?arch=x86_64&distro=alpine-3.18 from pax-utils (GPL-2.0-only)
        pkg:apk/alpine/ssl_client@1.36.0-r9?arch=x86_64&distro=alpine-3.18 from busybox (GPL-2.0-only)
        pkg:apk/alpine/zlib@1.2.13-r1?arch=x86_64&distro=alpine-3.18 from zlib (Zlib)
        "#);
    }

    #[test]
    fn an_index_in_its_archive() {
        let mut plain = tar::Builder::new(Vec::new());
        let content = b"C:Q1\nP:a\nV:1-r0\nA:x\no:src\nS:12\n\nP:\x1b[2J\nV:2\n\nV:3\n";
        let mut header = tar::Header::new_gnu();
        header.set_size(content.len() as u64);
        header.set_cksum();
        plain.append_data(&mut header, "APKINDEX", &content[..]).unwrap();
        let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        gzip.write_all(&plain.into_inner().unwrap()).unwrap();
        let compressed = gzip.finish().unwrap();
        let text = index_text("APKINDEX.tar.gz", &compressed).unwrap();
        let read = parse("APKINDEX", std::str::from_utf8(&text).unwrap());
        assert_eq!((read.packages.len(), read.packages[0].origin, read.packages[1].origin), (2, "src", "\u{1b}[2J"));
        assert_eq!(read.problems[0].place, "APKINDEX:11");
        for cut in 0..compressed.len() {
            let _ = index_text("APKINDEX.tar.gz", &compressed[..cut]);
        }
    }

    #[test]
    fn repositories_and_tags() {
        let (read, problems) = repositories("r", b"# c\nhttps://u:p@h/alpine/v3.19/main\n@edge  http://h/edge\n@lonely\n/media/cdrom\n").unwrap();
        let lines: Vec<_> = read.iter().map(|repository| (repository.tag.as_deref(), &*repository.address)).collect();
        assert_eq!(lines, [(None, "https://h/alpine/v3.19/main"), (Some("edge"), "http://h/edge"), (None, "/media/cdrom")]);
        assert_eq!(problems[0].place, "r:4");
    }
}
