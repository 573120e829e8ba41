//! Components of applications: lock files, archives, programs, SBOMs.

use plimsoll_formats::components::{FileKind, read, recognise, recognise_binary};
use plimsoll_formats::sbom;

/// Reads programs: ELF, PE and Mach-O headers, Go build information,
/// cargo-auditable data.
pub fn go_binary(data: &[u8]) {
    let _ = recognise_binary(data);
    let _ = read(FileKind::Executable, "fuzz", data);
}

/// Reads archives: nested JARs, `pom.properties`, manifests.
pub fn jar(data: &[u8]) {
    let _ = read(FileKind::Jar, "fuzz.jar", data);
}

/// Reads lock files and metadata; the first byte picks the kind.
pub fn lockfile(data: &[u8]) {
    let Some((first, rest)) = data.split_first() else { return };
    let kind = FileKind::ALL[usize::from(*first) % FileKind::ALL.len()];
    let found = read(kind, "fuzz", rest);
    assert_eq!(found, read(kind, "fuzz", rest), "the same bytes give the same answer");
    if let Ok(name) = std::str::from_utf8(rest) {
        let _ = recognise(name);
    }
}

/// Reads SBOM documents of every format, and package URLs.
pub fn sbom(data: &[u8]) {
    let _ = sbom::read("fuzz", data);
    if let Ok(text) = std::str::from_utf8(data) {
        let _ = sbom::purl::component_of_purl(text);
    }
}
