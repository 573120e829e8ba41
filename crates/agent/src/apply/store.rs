//! The helper's own folder: what root keeps of trust, attempts and artefacts.
//!
//! Nobody else may read or write it; whatever comes from the agent is copied
//! into it while it is checked.

use jiff::Timestamp;
use plimsoll_core::model::identifier::{ClientId, HostId};
use plimsoll_core::model::problem::Problem;
use plimsoll_formats::trust::SignedRoot;
use plimsoll_host::apply::Identity;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::fs::{DirBuilder, File, OpenOptions};
use std::io::{self, Read, Write};
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

/// The pinned root document.
const ROOT: &str = "root.json";
/// Who this host is.
const MEMBER: &str = "member.json";
/// What never goes back.
const FLOORS: &str = "floors.json";
/// The agent's process that the server answered last.
const AGENT: &str = "agent.json";
/// Largest document kept.
const LIMIT: u64 = 16 << 20;

/// Who this host is, as root pinned it when it joined.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Pinned {
    pub(crate) host: HostId,
    pub(crate) client: ClientId,
}

/// What never goes back.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Floors {
    /// Highest epoch of an assignment.
    pub(crate) epoch: u64,
    /// Highest generation within it.
    pub(crate) generation: u64,
    /// Highest version of a package, by client.
    pub(crate) versions: BTreeMap<ClientId, u64>,
    /// Latest instant known to have passed.
    pub(crate) time: Option<Timestamp>,
}

/// The folder.
#[derive(Clone, Debug)]
pub(crate) struct Store {
    folder: PathBuf,
}

/// What is wrong with the helper's own files.
pub(super) fn broken(path: &Path, what: &str, error: &dyn std::fmt::Display) -> Problem {
    Problem::new("E-STATE", path.to_string_lossy(), format!("{what}: {error}"), "check the folder's owner and its file system; nothing is started until then")
}

impl Store {
    /// Folder of the packaged helper.
    pub(crate) const FOLDER: &'static str = "/var/lib/plimsoll-helper";

    /// Opens the folder, made closed to others where it is missing.
    ///
    /// # Errors
    ///
    /// `E-PATH-OWNER` where somebody else could write to it.
    pub(crate) fn open(folder: &Path) -> Result<Self, Problem> {
        let make = |path: &Path| DirBuilder::new().recursive(true).mode(0o700).create(path).map_err(|error| broken(path, "cannot be made", &error));
        make(folder)?;
        let metadata = folder.symlink_metadata().map_err(|error| broken(folder, "cannot be looked at", &error))?;
        let own = rustix::process::geteuid().as_raw();
        if !metadata.is_dir() || metadata.uid() != own || metadata.mode() & 0o077 != 0 {
            let text = format!("belongs to user {} with mode {:o}; user {own} and mode 700 are needed", metadata.uid(), metadata.mode() & 0o777);
            return Err(Problem::new("E-PATH-OWNER", folder.to_string_lossy(), text, "find out who changed it, then set owner and mode"));
        }
        for part in ["staging", "attempts", "packages"] {
            make(&folder.join(part))?;
        }
        Ok(Self { folder: folder.to_owned() })
    }

    pub(crate) fn folder(&self) -> &Path {
        &self.folder
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.join(name)
    }

    /// Where an artefact is staged; digests are checked before they get here.
    pub(crate) fn staged(&self, sha256: &str) -> PathBuf {
        self.folder.join("staging").join(sha256)
    }

    /// Folder of one attempt.
    pub(crate) fn attempt(&self, attempt: &str) -> Result<PathBuf, Problem> {
        let path = self.folder.join("attempts").join(attempt);
        DirBuilder::new().recursive(true).mode(0o700).create(&path).map_err(|error| broken(&path, "cannot be made", &error))?;
        Ok(path)
    }

    /// Reads a file of at most `limit` bytes; none where there is none.
    pub(crate) fn read(&self, name: &str, limit: u64) -> Result<Option<Vec<u8>>, Problem> {
        let path = self.path(name);
        let file = match File::open(&path) {
            Ok(file) => file,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(broken(&path, "cannot be opened", &error)),
        };
        let mut bytes = Vec::new();
        file.take(limit + 1).read_to_end(&mut bytes).map_err(|error| broken(&path, "cannot be read", &error))?;
        if bytes.len() as u64 > limit {
            return Err(broken(&path, "is too long", &format!("more than {limit} bytes")));
        }
        Ok(Some(bytes))
    }

    /// Replaces a file durably: it holds the old bytes or the new ones.
    pub(crate) fn write(&self, name: &str, bytes: &[u8]) -> Result<(), Problem> {
        let path = self.path(name);
        let fresh = path.with_extension(format!("new-{}", rustix::process::getpid().as_raw_nonzero()));
        let write = || -> io::Result<()> {
            let mut file = OpenOptions::new().create(true).truncate(true).write(true).mode(0o600).open(&fresh)?;
            file.write_all(bytes)?;
            file.sync_all()?;
            std::fs::rename(&fresh, &path)?;
            File::open(path.parent().unwrap_or(&self.folder))?.sync_all()
        };
        write().map_err(|error| {
            let _ = std::fs::remove_file(&fresh);
            broken(&path, "cannot be written", &error)
        })
    }

    pub(crate) fn remove(&self, name: &str) {
        let _ = std::fs::remove_file(self.path(name));
    }

    /// Brings the folder's own entries to the disk.
    pub(crate) fn sync(&self) -> Result<(), Problem> {
        File::open(&self.folder).and_then(|folder| folder.sync_all()).map_err(|error| broken(&self.folder, "cannot be synced", &error))
    }

    fn json<T: DeserializeOwned>(&self, name: &str) -> Result<Option<T>, Problem> {
        let Some(bytes) = self.read(name, LIMIT)? else { return Ok(None) };
        serde_json::from_slice(&bytes).map(Some).map_err(|error| broken(&self.path(name), "is damaged", &error))
    }

    /// Keeps the agent's process that the server answered.
    pub(crate) fn keep_agent(&self, process: Identity) -> Result<(), Problem> {
        self.write_json(AGENT, &process)
    }

    /// The agent's process that the server answered last.
    pub(crate) fn agent(&self) -> Result<Option<Identity>, Problem> {
        self.json(AGENT)
    }

    fn write_json(&self, name: &str, value: &impl Serialize) -> Result<(), Problem> {
        let bytes = serde_json::to_vec(value).map_err(|error| broken(&self.path(name), "cannot be written", &error))?;
        self.write(name, &bytes)
    }

    /// The root document and identity that root pinned.
    ///
    /// # Errors
    ///
    /// `E-ROOT` where nothing was pinned: such a host changes nothing.
    pub(crate) fn trust(&self) -> Result<(SignedRoot, Pinned), Problem> {
        let lacking = || {
            let text = "has no root document, so nobody may change this host";
            Problem::new("E-ROOT", self.folder.to_string_lossy(), text, "join with the root's digest in the join command, as root")
        };
        let root = self.read(ROOT, LIMIT)?.ok_or_else(lacking)?;
        let pinned: Pinned = self.json(MEMBER)?.ok_or_else(lacking)?;
        Ok((SignedRoot::read(ROOT, &root)?, pinned))
    }

    /// Pins a root document and this host's identity, or follows a change of
    /// the root that its own keys signed.
    ///
    /// # Errors
    ///
    /// `E-ROOT…` for a document that is none or does not follow the one pinned.
    pub(crate) fn pin(&self, root: &[u8], pinned: &Pinned) -> Result<SignedRoot, Problem> {
        let fresh = match self.read(ROOT, LIMIT)? {
            Some(old) if old == root => SignedRoot::read(ROOT, root)?,
            Some(old) => SignedRoot::read(ROOT, &old)?.follow(ROOT, root)?,
            None => SignedRoot::read(ROOT, root)?,
        };
        self.write_json(MEMBER, pinned)?;
        self.write(ROOT, fresh.bytes())?;
        Ok(fresh)
    }

    pub(crate) fn floors(&self) -> Result<Floors, Problem> {
        Ok(self.json(FLOORS)?.unwrap_or_default())
    }

    /// Raises the floors; durable before anything is done on their strength.
    pub(crate) fn raise_floors(&self, epoch: u64, generation: u64, version: Option<(ClientId, u64)>, time: Option<Timestamp>) -> Result<(), Problem> {
        let old = self.floors()?;
        let mut floors = old.clone();
        if epoch > floors.epoch {
            (floors.epoch, floors.generation) = (epoch, 0);
        }
        if epoch == floors.epoch {
            floors.generation = floors.generation.max(generation);
        }
        if let Some((client, version)) = version {
            let known = floors.versions.entry(client).or_default();
            *known = (*known).max(version);
        }
        floors.time = floors.time.max(time);
        if floors == old { Ok(()) } else { self.write_json(FLOORS, &floors) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt;

    fn private() -> tempfile::TempDir {
        tempfile::Builder::new().permissions(std::fs::Permissions::from_mode(0o700)).tempdir().unwrap()
    }

    #[test]
    fn floors_rise_and_a_new_epoch_begins_its_generations_anew() {
        let folder = private();
        let store = Store::open(folder.path()).unwrap();
        let client = ClientId::from_bits(1);
        let raise = |epoch, generation, version| store.raise_floors(epoch, generation, Some((client, version)), None).unwrap();
        raise(1, 7, 4);
        raise(1, 3, 2);
        let floors = store.floors().unwrap();
        assert_eq!((floors.epoch, floors.generation, floors.versions.get(&client)), (1, 7, Some(&4)));
        raise(2, 1, 4);
        raise(1, 9, 4);
        let floors = store.floors().unwrap();
        assert_eq!((floors.epoch, floors.generation), (2, 1));
    }

    #[test]
    fn a_folder_that_others_may_enter_is_refused() {
        let folder = private();
        std::fs::set_permissions(folder.path(), std::fs::Permissions::from_mode(0o755)).unwrap();
        assert_eq!(Store::open(folder.path()).unwrap_err().code, "E-PATH-OWNER");
        let store = Store::open(&folder.path().join("own")).unwrap();
        assert_eq!(store.trust().unwrap_err().code, "E-ROOT");
    }
}
