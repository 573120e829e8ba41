//! Repositories of rpm packages: `repomd.xml`, then `primary.xml`.

use super::apt::certificates;
use super::{Content, Index, Memory, SIGNED_LIMIT, Verified, keyring, remember, seconds, signed_file};
use crate::fetch::{Files, below};
use crate::repositories::YumRepository;
use jiff::Timestamp;
use plimsoll_core::model::dependency::Requirement;
use plimsoll_core::model::problem::Problem;
use plimsoll_core::phases::acquire::{Offer, Offering, freshness};
use plimsoll_formats::bounded::{self, Limits};
use plimsoll_formats::frozen_set::ProofKind;
use plimsoll_formats::packages::apt::index::is_inside;
use plimsoll_formats::packages::apt::release::is_sha256;
use plimsoll_formats::packages::yum::{self, Metadata, PrimaryPackage};
use plimsoll_formats::protocol::digest;

/// Metadata that hosts want besides the list of packages: which update fixes
/// what, which module streams there are, and every file of every package, since
/// packages may need any of them.
pub(super) const EXTRAS: [&str; 3] = ["updateinfo", "modules", "filelists"];

/// Packages of a repository, and their versions as the rest of Plimsoll writes
/// them.
pub(super) struct Packages {
    pub(super) text: String,
    all: Vec<(PrimaryPackage, String)>,
}

pub(super) fn read(files: &Files<'_>, repository: &YumRepository, memory: &mut Memory, now: Timestamp) -> Result<Verified, Problem> {
    let name = repository.place();
    let keyring = keyring(&repository.keyring)?;
    let small = |path: &str| files.small(&format!("{name} {path}"), &below(&repository.url, path)?, SIGNED_LIMIT);
    let signed = small("repodata/repomd.xml")?.ok_or_else(|| {
        Problem::new("E-HTTP", &name, "has no repodata/repomd.xml", "look at the address: it is the folder that holds repodata")
    })?;
    let signature = small("repodata/repomd.xml.asc")?;
    let signers = match &signature {
        Some(signature) => keyring.verify_detached(&format!("{name} repomd.xml"), &signed, signature, now)?,
        None if repository.unsigned_metadata => Vec::new(),
        None => {
            return Err(Problem::new(
                "E-UNSIGNED",
                format!("{name} repomd.xml"),
                "is not signed",
                "use a repository that signs its metadata, or set `unsigned_metadata = true`: every package must be signed then",
            ));
        }
    };
    let listed = yum::repomd(&name, &signed)?;
    // repomd.xml has no date of its own; its files do.
    let date = listed.iter().filter_map(|file| file.timestamp).max();
    let mut warnings = remember(
        memory,
        freshness::Input {
            place: &name,
            last: None,
            date,
            valid_until: None,
            content: &digest(&signed),
            now,
            max_age: seconds(repository.max_age.as_ref())?,
        },
    )?;
    if signers.is_empty() {
        warnings.push(Problem::new(
            "W-UNSIGNED",
            &name,
            "signs no metadata: who stands between can withhold updates, and only the packages' own signatures are proof",
            "prefer a repository with repomd.xml.asc",
        ));
    }
    let primary = one(&name, &listed, "primary")?.ok_or_else(|| Problem::new("E-FORMAT", &name, "lists no primary.xml", "ask the repository's owner"))?;
    let bytes = metadata(files, repository, primary)?;
    let place = format!("{name} {}", primary.location);
    let unpacked = bounded::decompress(&place, &bytes, Limits::FEED)?;
    let text = bounded::text(&place, &unpacked)?.to_owned();
    let mut all = Vec::new();
    let reading = yum::primary(&place, text.as_bytes(), &mut |package| {
        let evr = package.evr();
        all.push((package, evr));
    })?;
    if reading.rejected > 0 {
        warnings.push(Problem::new("W-PARTIAL", &name, format!("{} packages cannot be read", reading.rejected), "ask the repository's owner; the others are used"));
    }
    let mut extras = Vec::new();
    for kind in EXTRAS {
        if let Some(file) = one(&name, &listed, kind)? {
            extras.push((file.location.clone(), metadata(files, repository, file)?));
        }
    }
    Ok(Verified {
        offering: Offering { name, automatic: true },
        url: repository.url.clone(),
        publisher: None,
        kind: ProofKind::Repomd,
        signers: certificates(&signers),
        package_keyring: signers.is_empty().then_some(keyring),
        signed,
        signature,
        date,
        valid_until: None,
        indices: vec![Index { path: primary.location.clone(), bytes }],
        extras,
        warnings,
        content: Content::Yum(Packages { text, all }),
    })
}

/// The entry of a kind; its digest must be one that proves something.
fn one<'m>(name: &str, listed: &'m [Metadata], kind: &str) -> Result<Option<&'m Metadata>, Problem> {
    let Some(found) = listed.iter().find(|file| file.kind == kind) else { return Ok(None) };
    if found.checksum_kind != "sha256" || !is_sha256(&found.checksum) {
        return Err(Problem::new(
            "E-WEAK-HASH",
            name,
            format!("states a {} digest of {kind}; SHA-256 is what is read", plimsoll_core::model::problem::printable(&found.checksum_kind)),
            "ask the repository's owner to publish SHA-256",
        ));
    }
    Ok(Some(found))
}

fn metadata(files: &Files<'_>, repository: &YumRepository, file: &Metadata) -> Result<Vec<u8>, Problem> {
    let url = below(&repository.url, &file.location)?;
    let name = format!("{} {}", repository.place(), file.location);
    let Some(size) = file.size else {
        return Err(Problem::new("E-FORMAT", &name, "is listed without its length", "ask the repository's owner"));
    };
    signed_file(files, &url, &name, size, &file.checksum)?
        .ok_or_else(|| Problem::new("E-HTTP", crate::fetch::shown(&url), "is listed and is not there", "update again later, or use another mirror"))
}

impl Packages {
    /// Rich dependencies (`(a if b)`) are not followed and are named; what rpm
    /// itself provides (`rpmlib(…)`) is there on every host.
    pub(super) fn offers<'a>(&'a self, repository: usize, out: &mut Vec<Offer<'a>>) -> Vec<Problem> {
        let mut problems = Vec::new();
        let mut rich = 0u64;
        for (package, version) in self.all.iter().filter(|(package, _)| package.arch != "src") {
            let proven = package.checksum_kind == "sha256" && is_sha256(&package.checksum) && is_inside(&package.location);
            let Some(size) = package.size.filter(|_| proven) else {
                problems.push(Problem::new(
                    "W-PARTIAL",
                    &package.name,
                    format!("{version} is listed without length or SHA-256, or with a path that leaves the repository"),
                    "ask the repository's owner; the package was left out",
                ));
                continue;
            };
            let needs = package.requires.iter().filter(|entry| !entry.name.starts_with("rpmlib(")).map(plimsoll_formats::packages::yum::Entry::requirement);
            let (rich_ones, plain): (Vec<Requirement<'a>>, Vec<_>) = needs.partition(|entry| entry.name.starts_with('('));
            rich += rich_ones.len() as u64;
            out.push(Offer {
                name: &package.name,
                version,
                arch: &package.arch,
                sha256: &package.checksum,
                size,
                path: &package.location,
                repository,
                needs: plain.into_iter().map(|entry| vec![entry]).collect(),
                provides: package.provides.iter().map(plimsoll_formats::packages::yum::Entry::requirement).collect(),
                conflicts: package.conflicts.iter().map(plimsoll_formats::packages::yum::Entry::requirement).filter(|entry| !entry.name.starts_with('(')).collect(),
            });
        }
        problems.truncate(20);
        if rich > 0 {
            problems.push(Problem::new(
                "W-RICH",
                "rich dependencies",
                format!("{rich} dependencies of the form (a if b) are not followed"),
                "where a host misses something, ask for it by name",
            ));
        }
        problems
    }
}
