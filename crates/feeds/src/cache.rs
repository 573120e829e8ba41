//! The **cache**: fetched files, laid out as the builder reads them, and the
//! manifest that remembers what is known of each.
//!
//! `cache.json` holds validators, digests and the last good measures, so that
//! a later fetch can be conditional and a bad one can be told from a good one.
//! What belongs to fetching itself starts with a dot (`.incoming` for parts,
//! `.fetch` for what is known of CSAF providers, `.lock`) or ends in `.rejected`
//! or `.new`; a builder passes it over.

use crate::catalogue::SourceEntry;
use jiff::Timestamp;
use plimsoll_core::model::problem::{Problem, printable};
use plimsoll_core::model::source::{Source, SourceWarning};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::fs::File;
use std::io::{Read, Seek, Write};
use std::path::{Path, PathBuf};

/// The manifest's version; another one is refused, never guessed at.
const SCHEMA: &str = "plimsoll-cache/1";
/// Largest manifest read: some hundred sources need well under 1 MiB.
const MANIFEST_LIMIT: u64 = 16 << 20;

/// A cache folder with its manifest.
#[derive(Debug)]
pub struct Cache {
    root: PathBuf,
    sources: BTreeMap<String, Record>,
}

/// What the manifest remembers of one source.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Record {
    /// Public address, as the catalogue says.
    pub url: String,
    /// Address it was really asked for at, mirrors considered; the validators
    /// are that server's and mean nothing to another.
    pub asked: String,
    /// Path inside the cache.
    pub path: String,
    /// Validator, for a conditional request.
    pub etag: Option<String>,
    /// The server's date, as written, for a conditional request.
    pub last_modified: Option<String>,
    /// SHA-256 of the file, hex; empty for a folder.
    pub sha256: String,
    /// Size in bytes, of all documents for a folder.
    pub size: u64,
    /// When the last good content was fetched.
    pub fetched: Option<Timestamp>,
    /// When the server last confirmed it, by content or by "not modified".
    pub confirmed: Option<Timestamp>,
    /// When it was last tried.
    pub last_attempt: Option<Timestamp>,
    /// Why the last try failed.
    pub last_error: Option<Problem>,
    /// Records, as the check counted them.
    pub records: u64,
    /// Newest date, as the check found it.
    pub newest: Option<Timestamp>,
    /// Streams it speaks of, as the catalogue says.
    pub streams: Vec<String>,
    /// Trouble that stands until a good fetch.
    pub warnings: Vec<SourceWarning>,
}

#[derive(Serialize, Deserialize)]
struct Manifest {
    schema: String,
    sources: BTreeMap<String, Record>,
}

/// Keeps two updates of one cache apart; released when dropped, also by a
/// crash, because the kernel holds it.
#[derive(Debug)]
pub struct UpdateLock {
    _file: File,
}

impl Cache {
    /// Opens a cache folder, making it where it is missing.
    ///
    /// A damaged manifest is an error, not an empty one: starting afresh
    /// would forget what a shrinking feed is measured against.
    pub fn open(root: &Path) -> Result<Self, Problem> {
        std::fs::create_dir_all(root).map_err(|error| io_problem(root, "cannot be made", &error))?;
        let path = root.join("cache.json");
        let file = match File::open(&path) {
            Ok(file) => file,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
                return Ok(Self { root: root.to_owned(), sources: BTreeMap::new() });
            }
            Err(error) => return Err(io_problem(&path, "cannot be opened", &error)),
        };
        let mut text = Vec::new();
        file.take(MANIFEST_LIMIT + 1)
            .read_to_end(&mut text)
            .map_err(|error| io_problem(&path, "cannot be read", &error))?;
        Ok(Self { root: root.to_owned(), sources: parse_manifest(&path.to_string_lossy(), &text)? })
    }

    /// The folder.
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// What is remembered of a source.
    pub fn record(&self, name: &str) -> Option<&Record> {
        self.sources.get(name)
    }

    /// Everything remembered, by name.
    pub fn records(&self) -> &BTreeMap<String, Record> {
        &self.sources
    }

    /// The record of a source, made where missing, with the catalogue's
    /// current words.
    pub(crate) fn record_mut(&mut self, entry: &SourceEntry) -> &mut Record {
        let record = self.sources.entry(entry.name.clone()).or_default();
        record.url.clone_from(&entry.url);
        record.streams = entry.streams.iter().filter(|stream| *stream != "*").cloned().collect();
        if record.path.is_empty() || !entry.path.contains("{date}") {
            record.path.clone_from(&entry.path);
        }
        record
    }

    /// Writes the manifest: to a new file, to the disk, then into place.
    pub fn save(&self) -> Result<(), Problem> {
        let manifest = Manifest { schema: SCHEMA.to_owned(), sources: self.sources.clone() };
        let path = self.root.join("cache.json");
        let text = serde_json::to_vec_pretty(&manifest)
            .map_err(|error| Problem::new("E-CACHE", path.to_string_lossy(), error.to_string(), "report this"))?;
        write_durably(&path, &text)
    }

    /// Takes the lock that an update needs, without waiting.
    ///
    /// Where another process has it, the error says which and since when.
    pub fn lock(&self) -> Result<UpdateLock, Problem> {
        let path = self.root.join(".lock");
        let mut file = File::options()
            .create(true)
            .truncate(false)
            .read(true)
            .write(true)
            .open(&path)
            .map_err(|error| io_problem(&path, "cannot be opened", &error))?;
        match rustix::fs::flock(&file, rustix::fs::FlockOperation::NonBlockingLockExclusive) {
            Ok(()) => {}
            Err(rustix::io::Errno::WOULDBLOCK) => {
                let mut holder = String::new();
                let _ = file.take(200).read_to_string(&mut holder);
                let holder = printable(holder.trim());
                return Err(Problem::new(
                    "E-BUSY",
                    path.to_string_lossy(),
                    format!("another update of this cache is running: {holder}"),
                    "wait for it to end, or stop that process",
                ));
            }
            Err(error) => return Err(io_problem(&path, "cannot be locked", &error.into())),
        }
        let holder = format!("process {}, since {}\n", std::process::id(), now());
        let written = file
            .set_len(0)
            .and_then(|()| file.rewind())
            .and_then(|()| file.write_all(holder.as_bytes()));
        // A full disk must not keep an update from freeing it again.
        drop(written);
        Ok(UpdateLock { _file: file })
    }
}

/// Reads a manifest's bytes.
///
/// Another schema, a path that leaves the cache, or more than 16 MiB are
/// errors with the next step.
pub fn parse_manifest(place: &str, text: &[u8]) -> Result<BTreeMap<String, Record>, Problem> {
    let damaged = |what: String| {
        Problem::new(
            "E-CACHE",
            place,
            what,
            "move the file away and update again; every source is then fetched anew and nothing is compared with the last good one",
        )
    };
    if text.len() as u64 > MANIFEST_LIMIT {
        return Err(damaged(format!("is larger than {MANIFEST_LIMIT} bytes, the limit for a cache manifest")));
    }
    let manifest: Manifest = serde_json::from_slice(text)
        .map_err(|error| damaged(format!("is not a cache manifest: {}", printable(&error.to_string()))))?;
    if manifest.schema != SCHEMA {
        return Err(damaged(format!(
            "has schema \u{201c}{}\u{201d}, this program reads {SCHEMA}",
            printable(&manifest.schema)
        )));
    }
    let outside = |path: &str| path.starts_with('/') || path.split('/').any(|part| part == "..");
    if let Some((name, _)) = manifest.sources.iter().find(|(_, record)| outside(&record.path)) {
        return Err(damaged(format!("source \u{201c}{}\u{201d} has a path that leaves the cache", printable(name))));
    }
    Ok(manifest.sources)
}

/// What the database's header says of each source in the cache, by its path
/// inside it.
///
/// A source that its server confirms unchanged counts as fetched then. Whether
/// it is stale is not said here: a database stays in use while it ages, so
/// `plimsoll_core::phases::monitor` decides it at each answer.
pub fn status(cache: &Cache) -> BTreeMap<String, Source> {
    let source = |name: &str, record: &Record| Source {
            name: name.to_owned(),
            location: record.url.clone(),
            records: record.records,
            rejected: 0,
            newest: record.newest,
            fetched: record.confirmed.or(record.fetched),
            digest: record.sha256.clone(),
            streams: Vec::new(),
            warnings: record.warnings.clone(),
    };
    cache.sources.iter().map(|(name, record)| (record.path.clone(), source(name, record))).collect()
}

/// The present moment, in whole seconds: finer times carry no meaning here.
pub(crate) fn now() -> Timestamp {
    let now = Timestamp::now();
    Timestamp::from_second(now.as_second()).unwrap_or(now)
}

/// Writes a file so that after a crash either the old or the new one is there.
pub(crate) fn write_durably(path: &Path, bytes: &[u8]) -> Result<(), Problem> {
    let mut new = path.as_os_str().to_owned();
    new.push(".new");
    let new = PathBuf::from(new);
    let outcome = File::create(&new)
        .and_then(|mut file| file.write_all(bytes).and_then(|()| file.sync_all()))
        .map_err(|error| io_problem(path, "cannot be written", &error))
        .and_then(|()| put_in_place(&new, path));
    if outcome.is_err() {
        let _ = std::fs::remove_file(&new);
    }
    outcome
}

/// Renames over the old file and makes the rename durable.
pub(crate) fn put_in_place(from: &Path, to: &Path) -> Result<(), Problem> {
    std::fs::rename(from, to).map_err(|error| io_problem(to, "cannot be put into place", &error))?;
    if let Some(folder) = to.parent() {
        File::open(folder)
            .and_then(|folder| folder.sync_all())
            .map_err(|error| io_problem(folder, "cannot be made durable", &error))?;
    }
    Ok(())
}

/// Says what a file operation ran into; a full disk is named as such.
pub(crate) fn io_problem(path: &Path, what: &str, error: &std::io::Error) -> Problem {
    use std::io::ErrorKind;
    let place = path.to_string_lossy();
    match error.kind() {
        ErrorKind::StorageFull | ErrorKind::QuotaExceeded | ErrorKind::FileTooLarge => Problem::new(
            "E-DISK",
            place,
            format!("{what}: the disk, quota or file size limit is full ({error})"),
            "free space in the cache folder and update again; the last good files are untouched",
        ),
        _ => Problem::new("E-IO", place, format!("{what}: {error}"), "check the folder's owner and mode"),
    }
}
