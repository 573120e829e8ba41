//! What was last seen of each suite, so that none goes back in time.

use crate::cache::{io_problem, write_durably};
use plimsoll_core::model::problem::{Problem, printable};
use plimsoll_core::phases::acquire::freshness::Seen;
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
        std::fs::create_dir_all(folder).map_err(|error| io_problem(folder, "cannot be made", &error))?;
        let lock_path = folder.join("suites.lock");
        let lock = File::options()
            .create(true)
            .truncate(false)
            .write(true)
            .open(&lock_path)
            .map_err(|error| io_problem(&lock_path, "cannot be opened", &error))?;
        rustix::fs::flock(&lock, rustix::fs::FlockOperation::NonBlockingLockExclusive).map_err(|error| match error {
            rustix::io::Errno::WOULDBLOCK => Problem::new("E-BUSY", lock_path.to_string_lossy(), "another acquisition is running", "wait for it to end, or stop that process"),
            error => io_problem(&lock_path, "cannot be locked", &error.into()),
        })?;
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
