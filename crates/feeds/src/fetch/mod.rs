//! Fetching sources into the cache: conditional, resumable, bounded, and never
//! replacing a good file by a bad one.
//!
//! ```text
//! catalogue ─► update ─► download ─► structure, digest ─► check ─► promote ─► cache.json
//!                │          │ .part                        │ shrunk, went back, unreadable
//!                └► csaf    └ retries, resume              └► <file>.rejected + a warning that stays
//! ```
//!
//! One failing source never stops the others, and its last good file stays in
//! use. What is not done: OpenPGP signatures of sources are not verified (see
//! [`integrity`]), and nothing walks the paged NVD API. [`Files`] fetches what
//! [`crate::acquire`] asks for, whose signatures are.

mod address;
pub mod additions;
mod client;
mod csaf;
mod download;
mod files;
pub mod integrity;
mod one;
mod progress;

pub use address::inward;
pub(crate) use address::shown;
pub use files::{Exact, Files, below};
pub use client::{NetworkLimits, NetworkOptions, ProxySettings, roots};
pub use plimsoll_core::phases::monitor::Measured;
pub use progress::{Progress, Silent};

use crate::cache::Cache;
use crate::catalogue::{Kind, SourceEntry};
use client::Client;
use plimsoll_core::model::problem::Problem;
use plimsoll_core::model::source::SourceWarning;
use std::collections::{BTreeSet, VecDeque};
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};

/// How an update goes.
#[derive(Debug)]
pub struct UpdateOptions<'a> {
    /// The network.
    pub network: NetworkOptions,
    /// Sources whose next content is accepted although it shrank or went back.
    pub accept_shrunk: BTreeSet<String>,
    /// Most documents fetched from one CSAF provider in one run; the rest is
    /// reported and comes next time.
    pub documents: usize,
    /// Sources fetched at the same time.
    pub threads: usize,
    /// Set from outside (a signal handler) to stop soon and safely.
    pub cancel: &'a AtomicBool,
}

impl<'a> UpdateOptions<'a> {
    /// Four at a time, 5,000 documents a provider, proxies from the
    /// environment.
    pub fn new(cancel: &'a AtomicBool) -> Self {
        Self {
            network: NetworkOptions { proxy: ProxySettings::from_environment(), ..NetworkOptions::default() },
            accept_shrunk: BTreeSet::new(),
            documents: 5_000,
            threads: 4,
            cancel,
        }
    }
}

/// Reads a new file (or a CSAF provider's folder) before it replaces the last
/// good one; an error keeps the last good one.
///
/// The path's name ends as the source's own does, so that the format can be
/// told from it. It is called from several threads.
pub type Check<'a> = dyn Fn(&SourceEntry, &Path) -> Result<Measured, Problem> + Sync + 'a;

/// How one source came out.
#[derive(Clone, PartialEq, Debug)]
pub enum Outcome {
    /// New content is in place.
    Updated(Measured),
    /// The server says that nothing changed.
    Unchanged,
    /// New content was refused, the last good one stays in use.
    Kept(SourceWarning),
    /// It could not be fetched or read; the last good one, if any, stays in use.
    Failed(Problem),
    /// The run was stopped before it was tried.
    NotTried,
}

/// One source's part of an update.
#[derive(Clone, PartialEq, Debug)]
pub struct SourceReport {
    /// Name of the source.
    pub name: String,
    /// How it came out.
    pub outcome: Outcome,
    /// Bytes that came over the wire.
    pub wire_bytes: u64,
    /// Documents a CSAF provider still has for later runs.
    pub remaining: u64,
    /// What went wrong beside the outcome: single documents, a missing digest.
    pub problems: Vec<Problem>,
}

/// An update's report, sources in the order they were given.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct UpdateReport {
    /// One entry for each source.
    pub sources: Vec<SourceReport>,
}

impl UpdateReport {
    /// Whether every source is as new as its publisher has it.
    pub fn complete(&self) -> bool {
        self.sources.iter().all(|source| {
            source.remaining == 0
                && source.problems.is_empty()
                && matches!(source.outcome, Outcome::Updated(_) | Outcome::Unchanged)
        })
    }

    /// Bytes over the wire, all sources.
    pub fn wire_bytes(&self) -> u64 {
        self.sources.iter().map(|source| source.wire_bytes).sum()
    }
}

/// What the parts of one run share.
pub(crate) struct Run<'a> {
    client: &'a Client,
    root: &'a Path,
    accept_shrunk: &'a BTreeSet<String>,
    documents: usize,
    check: &'a Check<'a>,
    progress: &'a dyn Progress,
    cancel: &'a AtomicBool,
}

/// Fetches these sources into the cache.
///
/// Errors are only those that concern the whole run: another update holds the
/// lock, an option cannot be read, the manifest cannot be written. Everything
/// else is in the report, and in the cache as warnings.
pub fn update(
    cache: &mut Cache,
    sources: &[SourceEntry],
    options: &UpdateOptions<'_>,
    check: &Check<'_>,
    progress: &dyn Progress,
) -> Result<UpdateReport, Problem> {
    let _lock = cache.lock()?;
    for entry in sources {
        entry.check("catalogue")?;
    }
    let own = sources.iter().filter(|entry| entry.by_operator).map(|entry| entry.url.as_str());
    let client = Client::new(&options.network, own)?;
    let root = cache.root().to_owned();
    let run = Run {
        client: &client,
        root: &root,
        accept_shrunk: &options.accept_shrunk,
        documents: options.documents,
        check,
        progress,
        cancel: options.cancel,
    };
    let queue: Mutex<VecDeque<(usize, &SourceEntry)>> = Mutex::new(sources.iter().enumerate().collect());
    let shared = Mutex::new(cache);
    let reports = Mutex::new(Vec::new());
    let unsaved = Mutex::new(None);
    std::thread::scope(|scope| {
        for _ in 0..options.threads.clamp(1, 16).min(sources.len()) {
            scope.spawn(|| {
                loop {
                    let next = queue.lock().unwrap_or_else(PoisonError::into_inner).pop_front();
                    let Some((index, entry)) = next else { break };
                    let (report, saved) = fetch(&run, &shared, entry);
                    if let Err(problem) = saved {
                        unsaved.lock().unwrap_or_else(PoisonError::into_inner).get_or_insert(problem);
                    }
                    reports.lock().unwrap_or_else(PoisonError::into_inner).push((index, report));
                }
            });
        }
    });
    if let Some(problem) = unsaved.into_inner().unwrap_or_else(PoisonError::into_inner) {
        return Err(problem);
    }
    let mut reports = reports.into_inner().unwrap_or_else(PoisonError::into_inner);
    reports.sort_by_key(|(index, _)| *index);
    Ok(UpdateReport { sources: reports.into_iter().map(|(_, report)| report).collect() })
}

/// Fetches one source and writes down what came of it.
fn fetch(run: &Run<'_>, cache: &Mutex<&mut Cache>, entry: &SourceEntry) -> (SourceReport, Result<(), Problem>) {
    let mut report = SourceReport {
        name: entry.name.clone(),
        outcome: Outcome::NotTried,
        wire_bytes: 0,
        remaining: 0,
        problems: Vec::new(),
    };
    if run.cancel.load(Ordering::Relaxed) {
        return (report, Ok(()));
    }
    run.progress.started(&entry.name);
    let last = {
        let mut cache = cache.lock().unwrap_or_else(PoisonError::into_inner);
        cache.record_mut(entry).clone()
    };
    let before = last.path.clone();
    let (outcome, record) = match entry.kind {
        Kind::CsafProvider => csaf::fetch(run, entry, last, &mut report),
        _ => one::fetch(run, entry, last, &mut report),
    };
    run.progress.finished(&entry.name, &one::sentence(&outcome));
    report.outcome = outcome;
    let now_at = record.path.clone();
    let saved = {
        let mut cache = cache.lock().unwrap_or_else(PoisonError::into_inner);
        *cache.record_mut(entry) = record;
        cache.save()
    };
    if saved.is_ok() && before != now_at && !before.contains('{') {
        // A dated file has a new name; the old one is no longer the source's.
        let _ = std::fs::remove_file(run.root.join(before));
    }
    (report, saved)
}
