//! **Monitor**: holds the advisory database in force and swaps it when a newer
//! file lies in its place, without stopping.

use jiff::Timestamp;
use plimsoll_core::knowledge::Knowledge;
use plimsoll_core::model::problem::Problem;
use plimsoll_core::model::scan;
use plimsoll_core::model::source::Source;
use plimsoll_core::phases::monitor;
use plimsoll_feeds::open::Mapped;
use plimsoll_formats::advisory_db::read::Database;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

/// An opened advisory database.
pub struct Held {
    /// The mapped file.
    pub database: Database<Mapped>,
    /// How answers name it.
    pub named: scan::Database,
}

impl Held {
    fn open(path: &Path, trusted: Option<&[u8; 32]>) -> Result<Self, Problem> {
        let database = plimsoll_feeds::open::open(path, trusted)?;
        let named = scan::Database {
            path: path.display().to_string(),
            built: database.built(),
            digest: database.digest(),
            signed_by: database.signed_by(),
            sources: database.sources().to_vec(),
        };
        Ok(Self { database, named })
    }

    /// Its sources with what is wrong with each at `now`.
    pub fn sources(&self, now: Timestamp, limit_seconds: i64) -> Vec<Source> {
        let judge = |source: &Source| {
            let mut source = source.clone();
            source.warnings = monitor::decide(&monitor::Input { source: &source, now, limit_seconds }).decision;
            source
        };
        self.named.sources.iter().map(judge).collect()
    }
}

/// What tells one version of a file from the next: it is always renamed into
/// place, so device, inode and size change.
type Stamp = (u64, u64, u64, i64);

fn stamp(path: &Path) -> Option<Stamp> {
    use std::os::unix::fs::MetadataExt;
    let metadata = std::fs::metadata(path).ok()?;
    Some((metadata.dev(), metadata.ino(), metadata.size(), metadata.mtime()))
}

/// The database in force.
pub struct Advisories {
    path: PathBuf,
    trusted: Option<[u8; 32]>,
    state: Mutex<InForce>,
}

#[derive(Default)]
struct InForce {
    stamp: Option<Stamp>,
    held: Option<Arc<Held>>,
    trouble: Option<Problem>,
}

/// What a look at the file found.
#[derive(Clone)]
pub enum Look {
    /// Nothing new.
    Same,
    /// Another database is in force now.
    Swapped {
        /// The one before.
        before: Option<Arc<Held>>,
        /// The one in force.
        now: Arc<Held>,
    },
    /// The file cannot be used; the one before stays in force.
    Refused(Problem),
}

impl Advisories {
    /// Watches a file that may not exist yet.
    pub fn at(path: PathBuf, trusted: Option<[u8; 32]>) -> Self {
        Self { path, trusted, state: Mutex::default() }
    }

    /// The file.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The database in force; none before the first.
    pub fn held(&self) -> Option<Arc<Held>> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner).held.clone()
    }

    /// Why the newest file was refused, until a good one takes its place.
    pub fn trouble(&self) -> Option<Problem> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner).trouble.clone()
    }

    /// Looks whether another file lies in place and puts it in force.
    pub fn look(&self) -> Look {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let found = stamp(&self.path);
        // A file that went away leaves the mapped one in force: bytes stay
        // readable, and "no database" would read as "nothing known".
        if found.is_none() || found == state.stamp {
            return Look::Same;
        }
        state.stamp = found;
        match Held::open(&self.path, self.trusted.as_ref()) {
            Ok(held) if state.held.as_ref().is_some_and(|before| before.named.digest == held.named.digest) => {
                state.trouble = None;
                Look::Same
            }
            Ok(held) => {
                let now = Arc::new(held);
                let before = state.held.replace(Arc::clone(&now));
                state.trouble = None;
                Look::Swapped { before, now }
            }
            Err(problem) => {
                state.trouble = Some(problem.clone());
                Look::Refused(problem)
            }
        }
    }
}
