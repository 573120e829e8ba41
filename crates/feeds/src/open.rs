//! Opening a database by mapping it into memory.
//!
//! The only `unsafe` of the project stands here.
#![allow(unsafe_code)]

use plimsoll_core::model::problem::Problem;
use plimsoll_formats::advisory_db::read::Database;
use std::fs::File;
use std::path::Path;

/// Bytes written at once, see [`replace`]: as much as Linux maps around a
/// touched page of any file.
const PIECE: usize = 64 * 1024;

/// A file mapped read-only.
pub struct Mapped(memmap2::Mmap);

impl AsRef<[u8]> for Mapped {
    fn as_ref(&self) -> &[u8] {
        &self.0
    }
}

/// Opens the database at `path`; only its head is read.
///
/// With `trusted`, the file must be signed by that Ed25519 key.
pub fn open(path: &Path, trusted: Option<&[u8; 32]>) -> Result<Database<Mapped>, Problem> {
    let place = path.display().to_string();
    let unreadable = |error: std::io::Error| {
        Problem::new(
            "E-DB",
            &place,
            format!("cannot be opened: {error}"),
            "make it with `plimsoll db update`, or name another file with `--db FILE`",
        )
    };
    let file = File::open(path).map_err(unreadable)?;
    let metadata = file.metadata().map_err(unreadable)?;
    if !metadata.is_file() || metadata.len() == 0 {
        return Err(Problem::new(
            "E-DB",
            &place,
            "is not a file with contents",
            "name a file made by `plimsoll db update` or `plimsoll db build`",
        ));
    }
    // SAFETY: the mapping is read-only and private to us. A database is only
    // ever replaced by renaming a finished file over it (`replace`), never
    // written in place, so the mapped bytes do not change while we hold them.
    // Somebody who truncates the file by hand while it is mapped ends this
    // process with SIGBUS, which loses nothing: we only read.
    let map = unsafe { memmap2::Mmap::map(&file) }.map_err(unreadable)?;
    // Touching one byte must not make two megabytes resident: a scan reads a
    // few blocks all over the file. A kernel without huge pages refuses the
    // advice, and needs none. [`replace`] does the other half.
    #[cfg(target_os = "linux")]
    let _ = map.advise(memmap2::Advice::NoHugePage);
    Database::open(Mapped(map), &place, trusted)
}

/// Writes a database beside `path` and renames it into place, so that a
/// reader sees the old one or the new one and never a part.
pub fn replace(path: &Path, bytes: &[u8]) -> Result<(), Problem> {
    use std::io::Write;
    let place = path.display().to_string();
    let failed = |error: std::io::Error| {
        Problem::new(
            "E-WRITE",
            &place,
            format!("cannot be written ({} bytes): {error}; the old file is untouched", bytes.len()),
            "free space or choose another place with `--to FILE`",
        )
    };
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    std::fs::create_dir_all(folder).map_err(failed)?;
    let mut file = tempfile::Builder::new().prefix(".plimsoll-db-").tempfile_in(folder).map_err(failed)?;
    // Linux keeps what one call writes in pages as large as the call, and maps
    // such a page whole at the first touch: the pieces are what a reader will
    // see in its memory.
    for piece in bytes.chunks(PIECE) {
        file.write_all(piece).map_err(failed)?;
    }
    use std::os::unix::fs::PermissionsExt;
    file.as_file().set_permissions(std::fs::Permissions::from_mode(0o644)).map_err(failed)?;
    file.as_file().sync_all().map_err(failed)?;
    file.persist(path).map_err(|error| failed(error.error))?;
    File::open(folder).and_then(|folder| folder.sync_all()).map_err(failed)
}
