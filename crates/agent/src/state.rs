//! The agent's state folder: small files, each replaced as a whole.

use plimsoll_core::model::problem::Problem;
use rustix::fs::{FlockOperation, flock};
use serde::Serialize;
use serde::de::DeserializeOwned;
use std::fs::{DirBuilder, File, OpenOptions};
use std::io::{self, Read, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

/// Largest small file read.
const LIMIT: u64 = 2 << 20;

/// A folder that one agent holds.
#[derive(Debug)]
pub(crate) struct State {
    folder: PathBuf,
    /// Held as long as the agent lives; the kernel lets go of it whatever ends
    /// the process.
    _lock: File,
}

impl State {
    /// Opens the folder, makes it where it is missing, and locks it.
    ///
    /// Two agents with one key would use one sequence and look like a clone.
    pub(crate) fn open(folder: &Path) -> Result<Self, Problem> {
        make(folder).map_err(|error| broken(folder, "cannot be made", &error))?;
        let path = folder.join("lock");
        let lock = OpenOptions::new()
            .create(true)
            .truncate(false)
            .write(true)
            .mode(0o600)
            .open(&path)
            .map_err(|error| broken(&path, "cannot be opened", &error))?;
        flock(&lock, FlockOperation::NonBlockingLockExclusive).map_err(|_| {
            Problem::new("E-LOCKED", folder.to_string_lossy(), "is in use by another agent", "stop the other agent, or name another folder with --state")
        })?;
        Ok(Self { folder: folder.to_owned(), _lock: lock })
    }

    /// The folder.
    pub(crate) fn folder(&self) -> &Path {
        &self.folder
    }

    /// Reads a file whole; none where there is none.
    pub(crate) fn read(&self, name: &str, limit: u64) -> Result<Option<Vec<u8>>, Problem> {
        read(&self.folder.join(name), limit)
    }

    /// Reads a JSON file; none where there is none.
    pub(crate) fn read_json<T: DeserializeOwned>(&self, name: &str) -> Result<Option<T>, Problem> {
        read_json(&self.folder.join(name))
    }

    /// Replaces a file: it holds either the old bytes or the new ones, whatever
    /// happens and whenever; when this returns, the new ones are on the disk.
    pub(crate) fn write(&self, name: &str, bytes: &[u8]) -> Result<(), Problem> {
        let path = self.folder.join(name);
        let fresh = self.folder.join(format!("{name}.new"));
        let outcome = replace(&self.folder, &fresh, &path, bytes);
        outcome.map_err(|error| {
            let _ = std::fs::remove_file(&fresh);
            Problem::new(
                "E-STATE",
                path.to_string_lossy(),
                format!("cannot be written: {error}"),
                "make room on its file system; the agent goes on and tries again",
            )
        })
    }

    /// Replaces a JSON file.
    pub(crate) fn write_json<T: Serialize>(&self, name: &str, value: &T) -> Result<(), Problem> {
        let mut bytes = serde_json::to_vec(value)
            .map_err(|error| Problem::new("E-STATE", name, format!("cannot be written: {error}"), "report this as a defect"))?;
        bytes.push(b'\n');
        self.write(name, &bytes)
    }

    /// Gives a file another name, durably.
    pub(crate) fn rename(&self, from: &str, to: &str) -> Result<(), Problem> {
        let outcome = std::fs::rename(self.folder.join(from), self.folder.join(to)).and_then(|()| File::open(&self.folder)?.sync_all());
        outcome.map_err(|error| broken(&self.folder.join(to), "cannot be put in place", &error))
    }

    /// Removes a file that may be missing.
    pub(crate) fn remove(&self, name: &str) {
        let _ = std::fs::remove_file(self.folder.join(name));
    }

    /// Removes every file whose name begins so, apart from those named.
    pub(crate) fn sweep(&self, prefix: &str, keep: &[&str]) {
        let Ok(entries) = std::fs::read_dir(&self.folder) else { return };
        for entry in entries.flatten() {
            if let Ok(name) = entry.file_name().into_string()
                && name.starts_with(prefix)
                && !keep.contains(&name.as_str())
            {
                self.remove(&name);
            }
        }
    }
}

/// Makes the folder, closed to others.
fn make(folder: &Path) -> io::Result<()> {
    DirBuilder::new().recursive(true).mode(0o700).create(folder)
}

fn replace(folder: &Path, fresh: &Path, path: &Path, bytes: &[u8]) -> io::Result<()> {
    let mut file = OpenOptions::new().create(true).truncate(true).write(true).mode(0o600).open(fresh)?;
    file.write_all(bytes)?;
    file.sync_all()?;
    std::fs::rename(fresh, path)?;
    File::open(folder)?.sync_all()
}

/// Reads a file whole; none where there is none.
pub(crate) fn read(path: &Path, limit: u64) -> Result<Option<Vec<u8>>, Problem> {
    let file = match File::open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(broken(path, "cannot be opened", &error)),
    };
    let mut bytes = Vec::new();
    file.take(limit + 1).read_to_end(&mut bytes).map_err(|error| broken(path, "cannot be read", &error))?;
    if bytes.len() as u64 > limit {
        return Err(Problem::new(
            "E-LIMIT",
            path.to_string_lossy(),
            format!("is larger than {limit} bytes, which is the limit"),
            "remove the file; the agent makes it again",
        ));
    }
    Ok(Some(bytes))
}

/// Reads a JSON file; none where there is none.
pub(crate) fn read_json<T: DeserializeOwned>(path: &Path) -> Result<Option<T>, Problem> {
    let Some(bytes) = read(path, LIMIT)? else { return Ok(None) };
    serde_json::from_slice(&bytes).map(Some).map_err(|error| {
        Problem::new("E-STATE", path.to_string_lossy(), format!("is damaged: {error}"), "remove the file, or restore it")
    })
}

fn broken(path: &Path, what: &str, error: &dyn std::fmt::Display) -> Problem {
    Problem::new("E-STATE", path.to_string_lossy(), format!("{what}: {error}"), "check the folder's owner and its file system")
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt;

    #[test]
    fn files_are_private_whole_and_held_by_one() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a/b");
        let state = State::open(&path).unwrap();
        state.write("x", b"one").unwrap();
        state.write("x", b"two").unwrap();
        assert_eq!(state.read("x", 10).unwrap().unwrap(), b"two");
        assert_eq!(state.read("x", 2).unwrap_err().code, "E-LIMIT");
        assert_eq!(state.read("y", 10).unwrap(), None);
        let mode = |path: &Path| path.metadata().unwrap().permissions().mode() & 0o777;
        assert_eq!((mode(&path.join("x")), mode(&path)), (0o600, 0o700));
        assert!(!path.join("x.new").exists());
        assert_eq!(State::open(&path).unwrap_err().code, "E-LOCKED");
        state.write("x-1", b"").unwrap();
        state.sweep("x", &["x-1"]);
        assert!(!path.join("x").exists() && path.join("x-1").exists());
        drop(state);
        State::open(&path).unwrap();
    }
}
