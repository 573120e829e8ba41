//! Holding a folder against what its set says, and its artefacts against what
//! their publishers signed.

use super::{DOCUMENT, SIGNATURE, altered};
use crate::cache::io_problem;
use crate::fetch::integrity;
use jiff::Timestamp;
use plimsoll_core::model::problem::Problem;
use plimsoll_formats::bounded::{self, Limits};
use plimsoll_formats::frozen_set::{FrozenSet, LIMIT, Proof, ProofKind};
use plimsoll_formats::openpgp::{Keyring, Signer};
use plimsoll_formats::packages::apt::{index, release};
use plimsoll_formats::packages::yum;
use plimsoll_formats::protocol::digest;
use std::collections::{BTreeMap, BTreeSet};
use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};

/// Largest signature of a set.
pub(super) const SIGNATURE_LIMIT: u64 = 64 << 10;

/// A set that is what its signer made.
#[derive(Debug)]
pub struct Opened {
    /// Its folder.
    pub folder: PathBuf,
    /// What it says.
    pub set: FrozenSet,
    /// SHA-256 of its `set.json`, hex.
    pub digest: String,
    /// Who signed it.
    pub signers: Vec<Signer>,
}

/// What became of holding artefacts against their publishers' signatures.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Checked {
    /// Artefacts that a publisher's signed index names.
    pub proven: u64,
    /// Artefacts of one's own, which only the set's own signature covers.
    pub uploaded: u64,
    /// Artefacts of repositories that sign no metadata; their own signatures
    /// were checked when they were acquired.
    pub unsigned_metadata: u64,
}

/// Opens a set: its signature, then every file by presence, length and digest.
///
/// # Errors
///
/// As [`Keyring::verify_clear`] for the signature; `E-ALTERED` for a file that
/// is missing, changed, too much, or no plain file.
pub fn open(folder: &Path, keyring: &Keyring, now: Timestamp) -> Result<Opened, Problem> {
    let bytes = read(&folder.join(DOCUMENT), LIMIT)?;
    let signature = read(&folder.join(SIGNATURE), SIGNATURE_LIMIT)?;
    let (set, named, signers) = document(&folder.join(DOCUMENT).to_string_lossy(), &bytes, &signature, keyring, now)?;
    let mut there = BTreeSet::new();
    walk(folder, folder, &mut there)?;
    for (path, file) in &set.files {
        let place = folder.join(path);
        if !there.remove(path) {
            return Err(altered(&place, "is missing".to_owned()));
        }
        let length = std::fs::metadata(&place).map_err(|error| io_problem(&place, "cannot be read", &error))?.len();
        if length != file.size {
            return Err(altered(&place, format!("has {length} bytes, {} are listed", file.size)));
        }
        let found = integrity::sha256(&place)?;
        if found != file.sha256 {
            return Err(altered(&place, format!("has SHA-256 {found}, listed is {}", file.sha256)));
        }
    }
    if let Some(extra) = there.iter().find(|path| !matches!(path.as_str(), DOCUMENT | SIGNATURE)) {
        return Err(altered(&folder.join(extra), "belongs to no set and lies in this one".to_owned()));
    }
    Ok(Opened { folder: folder.to_owned(), set, digest: named, signers })
}

/// Judges a set's document and signature.
pub(super) fn document(place: &str, bytes: &[u8], signature: &[u8], keyring: &Keyring, now: Timestamp) -> Result<(FrozenSet, String, Vec<Signer>), Problem> {
    let signers = keyring.verify_large(place, bytes, signature, now)?;
    let (set, named) = FrozenSet::read(place, bytes)?;
    Ok((set, named, signers))
}

fn read(path: &Path, limit: u64) -> Result<Vec<u8>, Problem> {
    let mut bytes = Vec::new();
    let file = File::open(path).map_err(|error| io_problem(path, "cannot be read", &error))?;
    file.take(limit + 1).read_to_end(&mut bytes).map_err(|error| io_problem(path, "cannot be read", &error))?;
    if bytes.len() as u64 > limit {
        return Err(Problem::new("E-LIMIT", path.to_string_lossy(), format!("is longer than {limit} bytes, the limit"), "check where the set comes from"));
    }
    Ok(bytes)
}

/// Collects every file below a folder; anything that is neither file nor folder
/// is refused.
fn walk(root: &Path, folder: &Path, found: &mut BTreeSet<String>) -> Result<(), Problem> {
    let fail = |error: std::io::Error| io_problem(folder, "cannot be read", &error);
    for entry in std::fs::read_dir(folder).map_err(fail)? {
        let entry = entry.map_err(fail)?;
        let (kind, path) = (entry.file_type().map_err(fail)?, entry.path());
        if kind.is_dir() {
            walk(root, &path, found)?;
        } else if kind.is_file() {
            let below = path.strip_prefix(root).ok().and_then(Path::to_str);
            found.insert(below.map(str::to_owned).ok_or_else(|| altered(&path, "has a name that no set holds".to_owned()))?);
        } else {
            return Err(altered(&path, "is neither a file nor a folder".to_owned()));
        }
    }
    Ok(())
}

/// Holds every artefact against the index that its publisher signed, with
/// keyrings of the publishers.
///
/// Signatures are judged at the moment the set saw them: a key that expired
/// since then proved what it proved.
///
/// # Errors
///
/// As [`Keyring::verify_clear`] for the proofs; `E-ORIGIN` for an artefact that
/// no signed index names with these bytes.
pub fn origins(opened: &Opened, publishers: &Keyring) -> Result<Checked, Problem> {
    let mut named: BTreeMap<&str, BTreeSet<String>> = BTreeMap::new();
    let mut unsigned = BTreeSet::new();
    for proof in &opened.set.proofs {
        if proof.signers.is_empty() {
            unsigned.insert(proof.repository.as_str());
        }
        named.entry(&proof.repository).or_default().extend(vouched(&opened.folder, proof, publishers)?);
    }
    let mut checked = Checked::default();
    for kept in opened.set.artefacts() {
        let artefact = &kept.artefact;
        if artefact.repository == crate::acquire::UPLOAD {
            checked.uploaded += 1;
            continue;
        }
        let found = named.get(artefact.repository.as_str()).is_some_and(|digests| digests.contains(&artefact.sha256));
        if !found {
            return Err(Problem::new(
                "E-ORIGIN",
                artefact.shown(),
                format!("is in no index that {} signed, with these bytes", plimsoll_core::model::problem::printable(&artefact.repository)),
                "do not install from this set; find out who made it",
            ));
        }
        if unsigned.contains(artefact.repository.as_str()) {
            checked.unsigned_metadata += 1;
        } else {
            checked.proven += 1;
        }
    }
    Ok(checked)
}

/// The digests of packages that a proof's signed indices name.
fn vouched(folder: &Path, proof: &Proof, publishers: &Keyring) -> Result<BTreeSet<String>, Problem> {
    let load = |path: &str| read(&folder.join(path), LIMIT);
    let place = folder.join(&proof.signed);
    let place = place.to_string_lossy();
    let signed = load(&proof.signed)?;
    let signature = proof.signature.as_deref().map(load).transpose()?;
    let judged = |bytes: &[u8]| match &signature {
        Some(signature) => publishers.verify_detached(&place, bytes, signature, proof.seen).map(drop),
        None if proof.signers.is_empty() && proof.kind == ProofKind::Repomd => Ok(()),
        None => Err(Problem::new("E-UNSIGNED", &place, "is kept as a proof and is not signed", "do not install from this set")),
    };
    let mut digests = BTreeSet::new();
    match proof.kind {
        ProofKind::Release => {
            let text = match &signature {
                None => publishers.verify_clear(&place, &signed, proof.seen)?.text,
                Some(_) => {
                    judged(&signed)?;
                    bounded::text(&place, &signed)?.to_owned()
                }
            };
            let contents = release::contents(&place, &text)?;
            for (listed, path) in &proof.indices {
                let bytes = load(path)?;
                let right = contents.files.get(listed).is_some_and(|file| file.size == bytes.len() as u64 && file.sha256 == digest(&bytes));
                if !right {
                    return Err(altered(&folder.join(path), format!("is not the {listed} that was signed")));
                }
                let text = index::text(path, &bytes)?;
                index::records(path, &text, &mut |record| digests.extend(record.sha256.map(str::to_owned)));
            }
        }
        ProofKind::Repomd => {
            judged(&signed)?;
            let listed = yum::repomd(&place, &signed)?;
            for (location, path) in &proof.indices {
                let bytes = load(path)?;
                let right = listed.iter().any(|file| file.location == *location && file.checksum_kind == "sha256" && file.checksum == digest(&bytes));
                if !right {
                    return Err(altered(&folder.join(path), format!("is not the {location} that was signed")));
                }
                let text = bounded::decompress(path, &bytes, Limits::FEED)?;
                yum::primary(path, &text, &mut |package| digests.extend([package.checksum]))?;
            }
        }
    }
    Ok(digests)
}
