//! A set as one file, for sites without a network: a tar archive with
//! `set.json` first, its signature second, then every listed file.

use super::verify::{Opened, SIGNATURE_LIMIT, document};
use super::pen::{Incoming, new_file};
use super::{DOCUMENT, SIGNATURE};
use crate::cache::io_problem;
use jiff::Timestamp;
use plimsoll_core::model::problem::{Problem, printable};
use plimsoll_formats::frozen_set::{FrozenSet, LIMIT};
use plimsoll_formats::openpgp::Keyring;
use plimsoll_formats::protocol::encode_hex;
use sha2::{Digest, Sha256};
use std::collections::BTreeSet;
use std::fs::File;
use std::io::{BufReader, BufWriter, Read, Write};
use std::path::Path;

/// Writes a set that was opened, and so verified, as one file; the same set
/// gives the same bytes.
///
/// # Errors
///
/// `E-EXISTS` where the file is there; whatever the disk does.
pub fn export(opened: &Opened, to: &Path) -> Result<u64, Problem> {
    let fail = |error: std::io::Error| io_problem(to, "cannot be written", &error);
    let file = File::options().write(true).create_new(true).open(to).map_err(|error| match error.kind() {
        std::io::ErrorKind::AlreadyExists => Problem::new("E-EXISTS", to.to_string_lossy(), "is there already", "name another file"),
        _ => fail(error),
    })?;
    let write = || -> std::io::Result<u64> {
        let mut archive = tar::Builder::new(BufWriter::new(&file));
        let made = u64::try_from(opened.set.created.as_second()).unwrap_or(0);
        for path in [DOCUMENT, SIGNATURE].into_iter().chain(opened.set.files.keys().map(String::as_str)) {
            let from = File::open(opened.folder.join(path))?;
            let mut header = tar::Header::new_gnu();
            header.set_size(from.metadata()?.len());
            header.set_mode(0o444);
            header.set_mtime(made);
            header.set_entry_type(tar::EntryType::Regular);
            archive.append_data(&mut header, path, BufReader::new(from))?;
        }
        archive.into_inner()?.flush()?;
        file.sync_all()?;
        Ok(file.metadata()?.len())
    };
    write().map_err(fail).inspect_err(|_| drop(std::fs::remove_file(to)))
}

/// Reads a set from one file into a folder that must not exist yet.
///
/// The signature is judged before any other file is read; then only files that
/// the set lists are taken, each once, with its length and digest. Nothing is
/// left where anything is wrong.
///
/// # Errors
///
/// As [`super::open`]; `E-FORMAT` for an archive that is no exported set.
pub fn import(from: &Path, to: &Path, keyring: &Keyring, now: Timestamp) -> Result<(FrozenSet, String), Problem> {
    let place = from.to_string_lossy();
    let refuse = |text: String| Problem::new("E-FORMAT", &place, text, "name a file that `plimsoll acquire export` wrote, and carry it over again");
    let folder = Incoming::beside(to)?;
    let file = File::open(from).map_err(|error| io_problem(from, "cannot be read", &error))?;
    let mut archive = tar::Archive::new(BufReader::new(file));
    let mut entries = archive.entries().map_err(|error| refuse(format!("is no tar archive: {error}")))?.raw(false);
    let bytes = head(&mut entries, DOCUMENT, LIMIT, &refuse)?;
    let signature = head(&mut entries, SIGNATURE, SIGNATURE_LIMIT, &refuse)?;
    let (set, named, _) = document(&format!("{place}!{DOCUMENT}"), &bytes, &signature, keyring, now)?;
    new_file(&folder.path.join(DOCUMENT), &bytes)?;
    new_file(&folder.path.join(SIGNATURE), &signature)?;
    let mut missing: BTreeSet<&str> = set.files.keys().map(String::as_str).collect();
    for entry in entries {
        let entry = entry.map_err(|error| refuse(format!("is cut or damaged: {error}")))?;
        let path = String::from_utf8_lossy(&entry.path_bytes()).into_owned();
        let Some(listed) = set.files.get(&path).filter(|_| entry.header().entry_type().is_file()) else {
            return Err(refuse(format!("holds {}, which the set does not list as a file", printable(&path))));
        };
        if !missing.remove(path.as_str()) {
            return Err(refuse(format!("holds {} twice", printable(&path))));
        }
        if entry.size() != listed.size {
            return Err(refuse(format!("holds {} with {} bytes, {} are listed", printable(&path), entry.size(), listed.size)));
        }
        let target = folder.path.join(&path);
        if let Some(parent) = target.parent() {
            std::fs::create_dir_all(parent).map_err(|error| io_problem(parent, "cannot be made", &error))?;
        }
        let found = pour(entry, &target).map_err(|error| io_problem(&target, "cannot be written", &error))?;
        if found != listed.sha256 {
            return Err(refuse(format!("holds {} with SHA-256 {found}, listed is {}", printable(&path), listed.sha256)));
        }
    }
    if let Some(path) = missing.first() {
        return Err(refuse(format!("ends before {} and {} other files", printable(path), missing.len() - 1)));
    }
    folder.finish(to)?;
    Ok((set, named))
}

fn head<R: Read>(entries: &mut tar::Entries<'_, R>, wanted: &str, limit: u64, refuse: &dyn Fn(String) -> Problem) -> Result<Vec<u8>, Problem> {
    let entry = entries.next().ok_or_else(|| refuse(format!("ends before {wanted}")))?;
    let mut entry = entry.map_err(|error| refuse(format!("is no tar archive, or damaged: {error}")))?;
    let right = *entry.path_bytes() == *wanted.as_bytes() && entry.header().entry_type().is_file();
    if !right || entry.size() > limit {
        return Err(refuse(format!("does not hold {wanted} where it should, or holds more than {limit} bytes of it")));
    }
    let mut bytes = Vec::new();
    entry.read_to_end(&mut bytes).map_err(|error| refuse(format!("is cut within {wanted}: {error}")))?;
    Ok(bytes)
}

fn pour(mut from: impl Read, to: &Path) -> std::io::Result<String> {
    use std::os::unix::fs::OpenOptionsExt;
    let mut file = File::options().write(true).create_new(true).mode(0o444).open(to)?;
    let mut hasher = Sha256::new();
    let mut buffer = vec![0; 64 << 10];
    loop {
        let count = from.read(&mut buffer)?;
        let Some(bytes) = buffer.get(..count).filter(|bytes| !bytes.is_empty()) else { break };
        hasher.update(bytes);
        file.write_all(bytes)?;
    }
    file.sync_all()?;
    Ok(encode_hex(&hasher.finalize()))
}
