//! Files of a set on the disk.

use crate::cache::io_problem;
use plimsoll_core::model::artefact::Artefact;
use plimsoll_core::model::problem::Problem;
use plimsoll_formats::frozen_set::{FileEntry, is_path};
use plimsoll_formats::protocol::digest;
use std::collections::BTreeMap;
use std::fs::File;
use std::io::Write;
use std::path::{Path, PathBuf};

/// Writes files of a set and keeps their list.
pub(super) struct Pen {
    pub(super) root: PathBuf,
    pub(super) files: BTreeMap<String, FileEntry>,
}

impl Pen {
    fn target(&self, path: &str) -> Result<PathBuf, Problem> {
        if !is_path(path) {
            return Err(Problem::new("E-FORMAT", path, "is a path that a set cannot hold", "leave the package out, or ask its repository's owner"));
        }
        let target = self.root.join(path);
        if let Some(folder) = target.parent() {
            std::fs::create_dir_all(folder).map_err(|error| io_problem(folder, "cannot be made", &error))?;
        }
        Ok(target)
    }

    pub(super) fn put(&mut self, path: &str, bytes: &[u8]) -> Result<(), Problem> {
        let target = self.target(path)?;
        new_file(&target, bytes)?;
        self.files.insert(path.to_owned(), FileEntry { sha256: digest(bytes), size: bytes.len() as u64 });
        Ok(())
    }

    pub(super) fn artefact(&mut self, path: &str, artefact: &Artefact, place: &dyn Fn(&Artefact, &Path) -> Result<(), Problem>) -> Result<(), Problem> {
        if self.files.contains_key(path) {
            return Ok(());
        }
        let target = self.target(path)?;
        place(artefact, &target)?;
        self.files.insert(path.to_owned(), FileEntry { sha256: artefact.sha256.clone(), size: artefact.size });
        Ok(())
    }
}

/// Writes a new file, readable by all and writable by nobody.
pub(super) fn new_file(target: &Path, bytes: &[u8]) -> Result<(), Problem> {
    use std::os::unix::fs::OpenOptionsExt;
    let put = || -> std::io::Result<()> {
        let mut file = File::options().write(true).create_new(true).mode(0o444).open(target)?;
        file.write_all(bytes)?;
        file.sync_all()
    };
    put().map_err(|error| io_problem(target, "cannot be written", &error))
}

/// A folder that becomes a set, or goes away.
pub(super) struct Incoming {
    pub(super) path: PathBuf,
    done: bool,
}

impl Incoming {
    /// Makes it beside the place that the set will have.
    pub(super) fn beside(to: &Path) -> Result<Self, Problem> {
        if std::fs::symlink_metadata(to).is_ok() {
            return Err(Problem::new("E-EXISTS", to.to_string_lossy(), "is there already, and a set is never changed", "name another folder; a fix is added by a new set whose parent is the old one"));
        }
        let parent = match to.parent() {
            Some(parent) if !parent.as_os_str().is_empty() => parent,
            _ => Path::new("."),
        };
        std::fs::create_dir_all(parent).map_err(|error| io_problem(parent, "cannot be made", &error))?;
        let made = tempfile::Builder::new().prefix(".incoming-").tempdir_in(parent).map_err(|error| io_problem(parent, "cannot be written", &error))?;
        Ok(Self { path: made.keep(), done: false })
    }

    /// Puts it into its place.
    pub(super) fn finish(mut self, to: &Path) -> Result<(), Problem> {
        use std::os::unix::fs::PermissionsExt;
        let fail = |error: std::io::Error| io_problem(to, "cannot be put into place", &error);
        sync_folders(&self.path).map_err(fail)?;
        std::fs::set_permissions(&self.path, std::fs::Permissions::from_mode(0o755)).map_err(fail)?;
        rustix::fs::renameat_with(rustix::fs::CWD, &self.path, rustix::fs::CWD, to, rustix::fs::RenameFlags::NOREPLACE).map_err(|error| fail(error.into()))?;
        self.done = true;
        let parent = to.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or_else(|| Path::new("."));
        File::open(parent).and_then(|parent| parent.sync_all()).map_err(fail)
    }
}

impl Drop for Incoming {
    fn drop(&mut self) {
        if !self.done {
            let _ = std::fs::remove_dir_all(&self.path);
        }
    }
}

fn sync_folders(folder: &Path) -> std::io::Result<()> {
    for entry in std::fs::read_dir(folder)? {
        let entry = entry?;
        if entry.file_type()?.is_dir() {
            sync_folders(&entry.path())?;
        }
    }
    File::open(folder)?.sync_all()
}
