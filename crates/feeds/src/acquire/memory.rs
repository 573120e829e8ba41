//! What was last seen of each suite, so that none goes back in time; and who
//! has the folder of artefacts open.

use crate::cache::{io_problem, write_durably};
use plimsoll_core::model::problem::{Problem, printable};
use plimsoll_core::phases::acquire::freshness::Seen;
use rustix::fs::FlockOperation;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};

/// Largest memory read.
const LIMIT: u64 = 16 << 20;
const SCHEMA: &str = "plimsoll-suites/1";

/// What was last seen of each suite; one process at a time has it open.
#[derive(Debug)]
pub struct Memory {
    path: PathBuf,
    suites: BTreeMap<String, Seen>,
    _lock: File,
}

/// A folder of artefacts that is in use: by many who acquire, or by one who
/// sweeps.
#[derive(Debug)]
pub struct Lock(#[allow(dead_code, reason = "held, not read")] File);

impl Lock {
    /// Keeps sweepers away.
    ///
    /// # Errors
    ///
    /// `E-BUSY` while somebody sweeps.
    pub fn shared(folder: &Path) -> Result<Self, Problem> {
        held(folder, "artefacts.lock", FlockOperation::NonBlockingLockShared).map(Self)
    }

    /// Keeps everybody away.
    ///
    /// # Errors
    ///
    /// `E-BUSY` while somebody acquires or sweeps.
    pub fn sole(folder: &Path) -> Result<Self, Problem> {
        held(folder, "artefacts.lock", FlockOperation::NonBlockingLockExclusive).map(Self)
    }
}

/// Opens and locks a file of a folder, which is made where it is missing.
fn held(folder: &Path, name: &str, operation: FlockOperation) -> Result<File, Problem> {
    std::fs::create_dir_all(folder).map_err(|error| io_problem(folder, "cannot be made", &error))?;
    let path = folder.join(name);
    let opened = File::options().create(true).truncate(false).write(true).open(&path);
    let lock = opened.map_err(|error| io_problem(&path, "cannot be opened", &error))?;
    rustix::fs::flock(&lock, operation).map_err(|error| match error {
        rustix::io::Errno::WOULDBLOCK => Problem::new("E-BUSY", path.to_string_lossy(), "another acquisition is running", "wait for it to end, or stop that process"),
        error => io_problem(&path, "cannot be locked", &error.into()),
    })?;
    Ok(lock)
}

#[derive(Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
struct Document {
    schema: String,
    suites: BTreeMap<String, Seen>,
}

impl Memory {
    /// Opens the memory in a folder, which is made where it is missing.
    ///
    /// # Errors
    ///
    /// `E-BUSY` while another process has it; `E-MEMORY` where it cannot be
    /// read: forgetting silently would let an old index pass.
    pub fn open(folder: &Path) -> Result<Self, Problem> {
        let lock = held(folder, "suites.lock", FlockOperation::NonBlockingLockExclusive)?;
        let path = folder.join("suites.json");
        let mut bytes = Vec::new();
        match File::open(&path) {
            Ok(file) => {
                file.take(LIMIT + 1).read_to_end(&mut bytes).map_err(|error| io_problem(&path, "cannot be read", &error))?;
            }
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
                return Ok(Self { path, suites: BTreeMap::new(), _lock: lock });
            }
            Err(error) => return Err(io_problem(&path, "cannot be read", &error)),
        }
        let suites = read(&path.to_string_lossy(), &bytes)?;
        Ok(Self { path, suites, _lock: lock })
    }

    /// What was last seen of a suite.
    pub fn seen(&self, place: &str) -> Option<&Seen> {
        self.suites.get(place)
    }

    /// Writes down what was seen; it is on the disk afterwards.
    pub fn remember(&mut self, place: &str, seen: Seen) -> Result<(), Problem> {
        self.suites.insert(place.to_owned(), seen);
        let document = Document { schema: SCHEMA.to_owned(), suites: self.suites.clone() };
        let text = serde_json::to_vec_pretty(&document)
            .map_err(|error| Problem::new("E-JSON", self.path.to_string_lossy(), error.to_string(), "report this as a bug"))?;
        write_durably(&self.path, &text)
    }
}

fn read(place: &str, bytes: &[u8]) -> Result<BTreeMap<String, Seen>, Problem> {
    let damaged = |text: String| {
        Problem::new("E-MEMORY", place, text, "restore the file; if it is lost, move it away and compare the dates that are seen next with the publisher's announcements")
    };
    if bytes.len() as u64 > LIMIT {
        return Err(damaged(format!("is larger than {LIMIT} bytes, the limit")));
    }
    let document: Document = serde_json::from_slice(bytes).map_err(|error| damaged(format!("cannot be read: {}", printable(&error.to_string()))))?;
    if document.schema != SCHEMA {
        return Err(damaged(format!("has the form \u{201c}{}\u{201d}, this program reads {SCHEMA}", printable(&document.schema))));
    }
    Ok(document.suites)
}
