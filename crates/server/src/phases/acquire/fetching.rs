//! Several connections, one store.

use super::{Fetch, INCOMING, Source, Sources};
use plimsoll_core::model::artefact::Artefact;
use plimsoll_core::model::problem::Problem;
use plimsoll_feeds::acquire;
use plimsoll_feeds::fetch::{Exact, Files};
use plimsoll_store::artefacts::{Artefacts, FOLDER, Swept};
use jiff::Timestamp;
use std::collections::{BTreeMap, VecDeque};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};
use tokio::runtime::Handle;

/// Connections at a time: mirrors ask for few.
const CONNECTIONS: usize = 4;

/// What fetching came to.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Came {
    /// Different contents that were wanted; all of them are kept now.
    pub wanted: usize,
    /// How many of them were fetched now.
    pub fetched: usize,
    /// Bytes of those.
    pub bytes: u64,
}

pub(super) fn run(sources: &Sources, wanted: &BTreeMap<&str, &Artefact>, store: &Artefacts, runtime: &Handle, fetch: &Fetch<'_>) -> Result<Came, Problem> {
    let mut missing = VecDeque::new();
    for (digest, artefact) in wanted {
        let length = runtime.block_on(store.length(digest)).map_err(|error| *error.problem)?;
        if length != Some(artefact.size) {
            missing.push_back(*artefact);
        }
    }
    let (fetched, bytes) = (missing.len(), missing.iter().map(|artefact| artefact.size).sum());
    let came = Came { wanted: wanted.len(), fetched, bytes };
    if fetched == 0 {
        return Ok(came);
    }
    let by_name: BTreeMap<&str, &Source> = sources.all.iter().map(|source| (source.verified.offering.name.as_str(), source)).collect();
    let incoming = sources.folder.join(INCOMING);
    let files = Files::new(fetch.network, &sources.urls, &incoming, fetch.progress, fetch.cancel)?;
    let (queue, first) = (Mutex::new(missing), Mutex::new(None));
    let next = || queue.lock().unwrap_or_else(PoisonError::into_inner).pop_front();
    std::thread::scope(|scope| {
        for _ in 0..CONNECTIONS.min(fetched) {
            scope.spawn(|| {
                while let Some(artefact) = next() {
                    let file = match by_name.get(artefact.repository.as_str()) {
                        Some(source) => one(source, artefact, &files, &incoming, sources.now),
                        None => Err(Problem::new("E-NOT-OFFERED", artefact.shown(), "is wanted from a repository that was not read", "add the repository")),
                    };
                    let outcome = file.and_then(|file| {
                        let kept = runtime.block_on(store.keep(&artefact.sha256, &file)).map_err(|error| *error.problem);
                        let _ = std::fs::remove_file(&file);
                        kept
                    });
                    if let Err(problem) = outcome {
                        first.lock().unwrap_or_else(PoisonError::into_inner).get_or_insert(problem);
                        queue.lock().unwrap_or_else(PoisonError::into_inner).clear();
                    }
                }
            });
        }
    });
    match first.into_inner().unwrap_or_else(PoisonError::into_inner) {
        Some(problem) => Err(problem),
        None => Ok(came),
    }
}

fn one(source: &Source, artefact: &Artefact, files: &Files<'_>, incoming: &Path, now: Timestamp) -> Result<PathBuf, Problem> {
    let url = source.verified.address(&artefact.path)?;
    // The ending tells that the file is packed already.
    let ending = if source.components.is_empty() { "rpm" } else { "deb" };
    let file = incoming.join(format!("{}.{ending}", artefact.sha256));
    files.exact(&Exact { name: &artefact.shown(), url: &url, size: artefact.size, sha256: &artefact.sha256 }, &file)?;
    if let Some(keyring) = &source.verified.package_keyring {
        acquire::signed_package(&file, artefact, keyring, now).inspect_err(|_| drop(std::fs::remove_file(&file)))?;
    }
    Ok(file)
}

/// Removes what cut-off fetches left before a moment: parts, and what the store
/// had begun to write (`DIGEST#1`), which it does not list.
pub(super) fn remains(folder: &Path, before: Timestamp, dry: bool) -> Result<Swept, Problem> {
    let mut swept = Swept::default();
    old_files(&folder.join(INCOMING), &|_| true, before, dry, &mut swept)?;
    for first in read(&folder.join(FOLDER))? {
        if first.is_dir() {
            old_files(&first, &|name| name.contains('#'), before, dry, &mut swept)?;
        }
    }
    Ok(swept)
}

fn old_files(folder: &Path, ours: &dyn Fn(&str) -> bool, before: Timestamp, dry: bool, swept: &mut Swept) -> Result<(), Problem> {
    for path in read(folder)? {
        let about = std::fs::symlink_metadata(&path).map_err(|error| unusable(&path, &error))?;
        let old = about.modified().ok().and_then(|at| Timestamp::try_from(at).ok()).is_some_and(|at| at < before);
        if about.is_file() && old && path.file_name().and_then(|name| name.to_str()).is_some_and(ours) {
            swept.removed += 1;
            swept.bytes += about.len();
            if !dry {
                std::fs::remove_file(&path).map_err(|error| unusable(&path, &error))?;
            }
        }
    }
    Ok(())
}

/// What a folder holds; nothing where there is none.
fn read(folder: &Path) -> Result<Vec<PathBuf>, Problem> {
    match std::fs::read_dir(folder) {
        Ok(entries) => entries.map(|entry| entry.map(|entry| entry.path())).collect::<Result<_, _>>().map_err(|error| unusable(folder, &error)),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(Vec::new()),
        Err(error) => Err(unusable(folder, &error)),
    }
}

fn unusable(place: &Path, error: &std::io::Error) -> Problem {
    Problem::new("E-WRITE", place.to_string_lossy(), error.to_string(), "check the folder's owner and mode")
}
