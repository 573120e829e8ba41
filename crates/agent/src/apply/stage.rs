//! Copying an artefact from the agent's folder into root's own, while it is
//! hashed.
//!
//! The file is opened beneath the agent's folder without following any link,
//! and what is verified is the copy, which nobody else can change afterwards.

use super::store::{Store, broken};
use plimsoll_core::model::problem::Problem;
use plimsoll_formats::protocol::{decode_hex, encode_hex};
use rustix::fs::{CWD, FileType, Mode, OFlags, fstat, openat};
use sha2::{Digest, Sha256};
use std::fs::{File, OpenOptions};
use std::io::{Read, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Component, Path};

/// What must be left free beside what is staged.
const RESERVE: u64 = 32 << 20;
/// Bytes copied at a time.
const CHUNK: usize = 64 << 10;

fn unfit(place: &str, text: String) -> Problem {
    Problem::new("E-ARTEFACT", place, text, "the agent fetches it again; look at the server if this repeats")
}

/// Whether an artefact is staged whole and unchanged.
pub(super) fn holds(store: &Store, sha256: &str, size: u64) -> bool {
    let path = store.staged(sha256);
    let fits = || -> std::io::Result<bool> {
        let mut file = File::open(&path)?;
        if file.metadata()?.len() != size {
            return Ok(false);
        }
        let mut hash = Sha256::new();
        let mut chunk = vec![0; CHUNK];
        loop {
            let read = file.read(&mut chunk)?;
            if read == 0 {
                return Ok(encode_hex(&hash.finalize()) == sha256);
            }
            hash.update(chunk.get(..read).unwrap_or_default());
        }
    };
    decode_hex::<32>(sha256).is_some() && fits().unwrap_or(false)
}

/// Whether an artefact is staged, by its length alone: its bytes were checked
/// when it came, and are again before they are used.
pub(super) fn is_there(store: &Store, sha256: &str, size: u64) -> bool {
    decode_hex::<32>(sha256).is_some() && store.staged(sha256).metadata().is_ok_and(|metadata| metadata.len() == size)
}

/// Stages the artefact `sha256` of exactly `size` bytes from `path` beneath
/// `folder`.
///
/// # Errors
///
/// `E-ARTEFACT` for a file of another length or digest, a link, or anything
/// that is no file; `E-HOST-SPACE` where there is no room.
pub(super) fn stage(store: &Store, folder: &Path, path: &str, sha256: &str, size: u64) -> Result<(), Problem> {
    if is_there(store, sha256, size) {
        return Ok(());
    }
    let free = rustix::fs::statvfs(store.folder()).map_or(u64::MAX, |found| found.f_bavail.saturating_mul(found.f_frsize));
    if free < size.saturating_add(RESERVE) {
        let mib = |bytes: u64| bytes.div_ceil(1 << 20);
        let text = format!("needs {} MiB, has {} MiB; nothing was changed", mib(size.saturating_add(RESERVE)), free >> 20);
        return Err(Problem::new("E-HOST-SPACE", store.folder().to_string_lossy(), text, "free space or exclude the host"));
    }
    let source = open_beneath(folder, path)?;
    let fresh = store.staged(&format!("{sha256}.part"));
    let failed = |error: std::io::Error| {
        let _ = std::fs::remove_file(&fresh);
        broken(&fresh, "cannot be written", &error)
    };
    let mut target = OpenOptions::new().create(true).truncate(true).write(true).mode(0o600).open(&fresh).map_err(failed)?;
    let mut hash = Sha256::new();
    let mut chunk = vec![0; CHUNK];
    let (mut length, mut source) = (0u64, source.take(size + 1));
    loop {
        let read = source.read(&mut chunk).map_err(|error| unfit(path, format!("cannot be read: {error}")))?;
        let Some(part) = chunk.get(..read).filter(|part| !part.is_empty()) else { break };
        length += part.len() as u64;
        hash.update(part);
        target.write_all(part).map_err(failed)?;
    }
    let found = encode_hex(&hash.finalize());
    if length != size || found != sha256 {
        let _ = std::fs::remove_file(&fresh);
        let longer = if length > size { "more than " } else { "" };
        return Err(unfit(path, format!("has {longer}{} bytes with the digest {found}; {size} bytes with the digest {sha256} are signed", length.min(size))));
    }
    target.sync_all().map_err(failed)?;
    std::fs::rename(&fresh, store.staged(sha256)).map_err(failed)?;
    File::open(store.path("staging")).and_then(|folder| folder.sync_all()).map_err(failed)
}

/// Opens a regular file beneath a folder; no part of the path may be a link or
/// lead upwards.
fn open_beneath(folder: &Path, path: &str) -> Result<File, Problem> {
    let odd = |text: &str| unfit(path, text.to_owned());
    let plain = Path::new(path).components().all(|part| matches!(part, Component::Normal(_)));
    if !plain || path.is_empty() || path.len() > 4096 {
        return Err(odd("is no path beneath the agent's folder"));
    }
    let step = OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC;
    let mut folder = openat(CWD, folder, step, Mode::empty()).map_err(|error| unfit(&folder.to_string_lossy(), format!("cannot be opened: {error}")))?;
    // Part by part: kernels before 5.6, and some containers, have no openat2.
    let (folders, name) = path.rsplit_once('/').map_or((None, path), |(folders, name)| (Some(folders), name));
    for part in folders.into_iter().flat_map(|folders| folders.split('/')) {
        folder = openat(&folder, part, step | OFlags::NOFOLLOW, Mode::empty()).map_err(|error| unfit(path, format!("cannot be opened: {error}")))?;
    }
    let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::NOCTTY | OFlags::CLOEXEC;
    let file = openat(&folder, name, flags, Mode::empty()).map_err(|error| unfit(path, format!("cannot be opened: {error}")))?;
    let stat = fstat(&file).map_err(|error| unfit(path, format!("cannot be looked at: {error}")))?;
    if FileType::from_raw_mode(stat.st_mode) != FileType::RegularFile {
        return Err(odd("is no regular file"));
    }
    Ok(File::from(file))
}

#[cfg(test)]
mod tests {
    use super::*;
    use plimsoll_formats::protocol::digest;
    use std::os::unix::fs::symlink;

    #[test]
    fn only_exactly_the_signed_bytes_of_a_plain_file_are_staged() {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(&folder.path().join("root")).unwrap();
        let agent = folder.path().join("agent");
        std::fs::create_dir_all(agent.join("artefacts")).unwrap();
        let write = |name: &str, bytes: &[u8]| std::fs::write(agent.join(name), bytes).unwrap();
        write("artefacts/good", b"hello");
        write("artefacts/long", b"hello!");
        write("artefacts/short", b"hell");
        write("artefacts/other", b"hellp");
        std::fs::write(folder.path().join("secret"), b"hello").unwrap();
        symlink(folder.path().join("secret"), agent.join("artefacts/link")).unwrap();
        symlink(folder.path(), agent.join("up")).unwrap();
        rustix::fs::mkfifoat(CWD, agent.join("fifo"), Mode::from_raw_mode(0o644)).unwrap();
        let sha256 = digest(b"hello");
        let try_one = |path: &str| stage(&store, &agent, path, &sha256, 5).map_err(|problem| problem.code);
        for bad in ["artefacts/long", "artefacts/short", "artefacts/other", "artefacts/link", "up/secret", "../secret", "/etc/passwd", "", "artefacts", "fifo", "absent"] {
            assert_eq!(try_one(bad), Err("E-ARTEFACT".to_owned()), "{bad}");
            assert!(!holds(&store, &sha256, 5));
        }
        assert_eq!(std::fs::read_dir(store.path("staging")).unwrap().count(), 0, "nothing is left of what was refused");
        assert_eq!(try_one("artefacts/good"), Ok(()));
        assert!(holds(&store, &sha256, 5) && !holds(&store, &sha256, 6));
        std::fs::write(store.staged(&sha256), b"hellp").unwrap();
        assert!(!holds(&store, &sha256, 5));
    }
}
