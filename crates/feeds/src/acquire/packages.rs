//! Package files themselves: own ones that are brought along, and rpm packages
//! whose own signature is the proof.

use super::UPLOAD;
use crate::cache::io_problem;
use crate::fetch::integrity;
use jiff::Timestamp;
use plimsoll_core::model::artefact::Artefact;
use plimsoll_core::model::problem::Problem;
use plimsoll_formats::frozen_set::TreeKind;
use plimsoll_formats::openpgp::{Keyring, Signer};
use plimsoll_formats::packages::{deb, rpm};
use plimsoll_formats::protocol::encode_hex;
use sha2::{Digest, Sha256};
use std::fs::File;
use std::io::{Read, Seek, SeekFrom};
use std::path::Path;

/// A package of one's own.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Uploaded {
    /// Whose tools install it.
    pub kind: TreeKind,
    /// Which bytes.
    pub artefact: Artefact,
    /// Its record for an index.
    pub record: String,
}

/// Reads a `.deb` or `.rpm` of one's own; the content tells which. Nothing in it
/// is run.
///
/// # Errors
///
/// `E-FORMAT` or `E-LIMIT` for what dpkg or rpm would not take.
pub fn upload(file: &Path) -> Result<Uploaded, Problem> {
    let place = file.to_string_lossy();
    let size = std::fs::metadata(file).map_err(|error| io_problem(file, "cannot be read", &error))?.len();
    let sha256 = integrity::sha256(file)?;
    let head = head(file, rpm::file::HEAD as u64)?;
    if head.starts_with(&rpm::file::START) {
        let read = rpm::file::read(&place, &head)?;
        let package = &read.package;
        let path = format!("{}-{}-{}.{}.rpm", package.name, package.version, package.release, package.arch);
        let record = rpm::primary::element(&place, &head, &read, &sha256, size, &path)?;
        let artefact = Artefact { name: package.name.clone(), version: package.evr(), arch: package.arch.clone(), sha256, size, path, repository: UPLOAD.to_owned() };
        return Ok(Uploaded { kind: TreeKind::Yum, artefact, record });
    }
    let head = head.get(..deb::HEAD).unwrap_or(&head);
    let read = deb::read(&place, head)?;
    let record = format!("{}Size: {size}\nSHA256: {sha256}\n", read.paragraph);
    let without_epoch = read.version.split_once(':').map_or(read.version.as_str(), |(_, rest)| rest);
    let path = format!("{}_{without_epoch}_{}.deb", read.name, read.arch);
    let artefact = Artefact { name: read.name, version: read.version, arch: read.arch, sha256, size, path, repository: UPLOAD.to_owned() };
    Ok(Uploaded { kind: TreeKind::Apt, artefact, record })
}

/// Judges an rpm package by its own signature: the header is signed, the
/// payload is what the header says, and it is the package that was asked for.
///
/// # Errors
///
/// As [`Keyring::verify_clear`]; `E-DIGEST` for another payload; `E-OTHER` for
/// another package than the metadata said.
pub fn signed_package(file: &Path, wanted: &Artefact, keyring: &Keyring, now: Timestamp) -> Result<Vec<Signer>, Problem> {
    let place = wanted.shown();
    let head = head(file, rpm::file::HEAD as u64)?;
    let read = rpm::file::read(&place, &head)?;
    let signers = read.signers(&place, keyring, now)?;
    let found = payload(file, read.payload as u64)?;
    if read.payload_digest.as_deref() != Some(&found) {
        return Err(Problem::new("E-DIGEST", &place, format!("has a payload with SHA-256 {found}, which is not what its signed header says"), "use another mirror, and install it nowhere"));
    }
    let package = &read.package;
    if package.name != wanted.name || package.evr() != wanted.version || package.arch != wanted.arch {
        return Err(Problem::new(
            "E-OTHER",
            &place,
            format!("is signed as {} {} [{}]: a genuine package under another name", package.name, package.evr(), package.arch),
            "use another mirror, and install it nowhere",
        ));
    }
    Ok(signers)
}

fn head(file: &Path, limit: u64) -> Result<Vec<u8>, Problem> {
    let mut bytes = Vec::new();
    let open = File::open(file).map_err(|error| io_problem(file, "cannot be read", &error))?;
    open.take(limit).read_to_end(&mut bytes).map_err(|error| io_problem(file, "cannot be read", &error))?;
    Ok(bytes)
}

fn payload(file: &Path, from: u64) -> Result<String, Problem> {
    let fail = |error: std::io::Error| io_problem(file, "cannot be read", &error);
    let mut open = File::open(file).map_err(fail)?;
    open.seek(SeekFrom::Start(from)).map_err(fail)?;
    let mut hasher = Sha256::new();
    let mut buffer = vec![0; 64 << 10];
    loop {
        let count = open.read(&mut buffer).map_err(fail)?;
        let Some(bytes) = buffer.get(..count).filter(|bytes| !bytes.is_empty()) else { break };
        hasher.update(bytes);
    }
    Ok(encode_hex(&hasher.finalize()))
}
