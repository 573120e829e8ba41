//! A CSAF provider: from its metadata to the documents that changed since the
//! last run.
//!
//! Source: CSAF 2.0, section 7 (distribution). A folder is walked by
//! `changes.csv` (path and time), else by `index.txt` (paths only, so what is
//! here already is not asked for again); a ROLIE feed by its entries. Only
//! TLP:WHITE and TLP:CLEAR are walked. Documents are stored as
//! `<path>/<year>/<file>.json`; a digest the provider publishes is checked,
//! its OpenPGP signature is not.

use super::address::Scope;
use super::download::{Fetched, Request, download, small};
use super::one::{address, confirm, fail, incoming, sidecar};
use super::{Outcome, Run, SourceReport, integrity};
use crate::cache::{Record, io_problem, now, put_in_place, write_durably};
use crate::catalogue::SourceEntry;
use jiff::Timestamp;
use plimsoll_core::model::problem::{Problem, printable};
use plimsoll_core::model::source::{SourceTrouble, SourceWarning};
use plimsoll_formats::advisories::csaf_provider::{self, DistributionKind, Offers};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};
use std::io::Read;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use url::Url;

/// Largest document, and largest index (Red Hat's changes.csv of VEX documents
/// has some 300,000 lines).
const DOCUMENT: u64 = 32 << 20;
const INDEX: u64 = 128 << 20;
/// Documents that may fail one after the other before the provider is left
/// alone for this run.
const IN_A_ROW: usize = 10;
/// Documents fetched from one provider at the same time.
const AT_ONCE: usize = 4;
/// Digests that may lie beside a document, the stronger first.
const DIGESTS: [&str; 2] = [".sha512", ".sha256"];
/// Most problems of single documents that are told one by one.
const TOLD: usize = 20;

/// How far a provider has been read; kept in `.fetch/`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
struct Position {
    /// Name of the archive the first run stored.
    archive: Option<String>,
    /// Everything changed before this is here.
    since: Option<Timestamp>,
    /// Documents changed exactly then that are here as well.
    done_at_since: BTreeSet<String>,
    /// Documents that failed and are tried again.
    failed: BTreeMap<String, Timestamp>,
}

/// One document a provider lists.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Listed {
    /// When it changed; none in an `index.txt`.
    updated: Option<Timestamp>,
    url: String,
    /// Where a ROLIE entry says its digest is.
    digest: Option<String>,
}

/// Walks the provider; gives the outcome and what is to be remembered.
pub(super) fn fetch(run: &Run<'_>, entry: &SourceEntry, last: Record, report: &mut SourceReport) -> (Outcome, Record) {
    let mut record = last;
    record.last_attempt = Some(now());
    let mut walk = Walk { run, entry, report, scope: Scope::default(), digests: AtomicUsize::new(0), digest_seen: AtomicBool::new(false) };
    let outcome = match walk.whole() {
        Ok(0) if record.fetched.is_some() => Outcome::Unchanged,
        Ok(0) if !report.problems.is_empty() => Outcome::Failed(report.problems.remove(0)),
        Ok(_) => measure(run, entry, &mut record),
        Err(problem) => Outcome::Failed(problem),
    };
    match &outcome {
        Outcome::Failed(problem) => fail(entry, &mut record, problem),
        _ => confirm(&mut record),
    }
    if !report.problems.is_empty() && !matches!(outcome, Outcome::Failed(_)) {
        record.warnings = vec![SourceWarning {
            kind: SourceTrouble::Partial,
            text: format!("{} documents of {} could not be fetched; the first: {}", report.problems.len(), entry.name, first(report)),
        }];
    }
    (outcome, record)
}

fn first(report: &SourceReport) -> String {
    report.problems.first().map(|problem| format!("{}: {}", problem.place, problem.text)).unwrap_or_default()
}

/// Counts what is in the folder now.
fn measure(run: &Run<'_>, entry: &SourceEntry, record: &mut Record) -> Outcome {
    let folder = run.root.join(&entry.path);
    if let Err(error) = std::fs::create_dir_all(&folder) {
        return Outcome::Failed(io_problem(&folder, "cannot be made", &error));
    }
    match (run.check)(entry, &folder) {
        Ok(measured) => {
            record.records = measured.records;
            record.newest = measured.newest;
            record.fetched = Some(now());
            Outcome::Updated(measured)
        }
        Err(problem) => Outcome::Failed(problem),
    }
}

struct Walk<'a, 'b> {
    run: &'a Run<'a>,
    entry: &'a SourceEntry,
    report: &'b mut SourceReport,
    scope: Scope,
    /// Which of [`DIGESTS`] lies beside the documents, as found out by the
    /// first one.
    digests: AtomicUsize,
    /// Whether any document of this run had a digest beside it.
    digest_seen: AtomicBool,
}

impl Walk<'_, '_> {
    /// Does everything; gives the number of files that are new.
    fn whole(&mut self) -> Result<u64, Problem> {
        let provider = address(self.entry, &self.entry.url)?;
        self.scope = self.run.client.scope(&provider, &self.entry.redirect_hosts);
        let mut position = self.position()?;
        let mut brought = 0;
        if position.archive.is_none() && position.since.is_none() {
            brought += self.archive(&mut position)?;
        }
        let listed = self.listed(&provider)?;
        let (wanted, left) = wanted(listed, &position, self.run.documents, |url| self.is_here(url));
        brought += self.documents(&wanted, &mut position)?;
        self.report.remaining += left;
        self.save(&position)?;
        Ok(brought)
    }

    /// Fetches the archive of all documents; a provider without one is walked.
    fn archive(&mut self, position: &mut Position) -> Result<u64, Problem> {
        let Some(archive) = &self.entry.archive else { return Ok(0) };
        let mut url = address(self.entry, archive)?;
        if archive.ends_with(".txt") {
            let Some(name) = self.small(&url, 4096)? else { return Ok(0) };
            let name = String::from_utf8_lossy(&name);
            let name = file_name(name.trim()).ok_or_else(|| self.unreadable(&url, "names no archive"))?;
            url = url.join(&name).map_err(|error| self.unreadable(&url, &error.to_string()))?;
        }
        let name = url.path_segments().and_then(|mut parts| parts.next_back()).and_then(file_name);
        let name = name.ok_or_else(|| self.unreadable(&url, "is no archive's address"))?;
        let target = incoming(self.run.root, &format!("{}/{name}", self.entry.path));
        let cap = self.entry.cap().min(self.run.client.limits.absolute);
        let Fetched::New(fetched) = download(self.run.client, &self.request(&url, &target, cap))? else { return Ok(0) };
        self.report.wire_bytes += fetched.wire;
        integrity::structure(&target)?;
        self.put(&target, &name)?;
        // What changed while the archive was being made is fetched again.
        let day = jiff::SignedDuration::from_hours(24);
        let made = date_in(&name).or_else(|| http_date(fetched.last_modified.as_deref()));
        position.since = Some(made.unwrap_or_else(now).checked_sub(day).unwrap_or(Timestamp::UNIX_EPOCH));
        position.archive = Some(name);
        self.save(position)?;
        Ok(1)
    }

    /// The documents the provider lists, by every distribution that is open to
    /// everyone.
    fn listed(&mut self, provider: &Url) -> Result<Vec<Listed>, Problem> {
        let metadata = match (self.small(provider, 1 << 20), &self.entry.directory) {
            (Ok(Some(metadata)), _) => metadata,
            (Ok(None), None) => return Err(self.unreadable(provider, "there is no provider metadata")),
            (Err(problem), None) => return Err(problem),
            (failed, Some(directory)) => {
                if let Err(problem) = failed {
                    self.tell(problem);
                }
                return self.directory(&address(self.entry, directory)?);
            }
        };
        let distributions = csaf_provider::metadata(provider.as_str(), &metadata)
            .map_err(|problem| self.unreadable(provider, &problem.text))?;
        let wanted = self.entry.distribution.clone();
        let fits = |url: &str| wanted.as_deref().is_none_or(|part| url.contains(part) || format!("{url}/").contains(part));
        let mut listed = Vec::new();
        let mut walked = 0;
        for distribution in distributions.iter().filter(|one| one.is_open() && fits(&one.url)) {
            walked += 1;
            listed.extend(match distribution.kind {
                DistributionKind::Rolie => self.rolie(&self.join(provider, &distribution.url)?)?,
                DistributionKind::Directory => {
                    self.directory(&self.join(provider, &format!("{}/", distribution.url.trim_end_matches('/')))?)?
                }
            });
        }
        if walked == 0 {
            return Err(self.unreadable(provider, "lists no distribution that is open to everyone and fits this source"));
        }
        listed.sort();
        listed.dedup_by(|a, b| a.url == b.url);
        Ok(listed)
    }

    /// Reads `changes.csv`, else `index.txt`.
    fn directory(&mut self, base: &Url) -> Result<Vec<Listed>, Problem> {
        let changes = self.join(base, "changes.csv")?;
        if let Some(text) = self.small(&changes, INDEX)? {
            return Ok(self.offered(&changes, csaf_provider::changes(changes.as_str(), &text)));
        }
        let index = self.join(base, "index.txt")?;
        match self.small(&index, INDEX)? {
            Some(text) => Ok(self.offered(&index, csaf_provider::index(index.as_str(), &text))),
            None => Err(self.unreadable(base, "has neither changes.csv nor index.txt")),
        }
    }

    /// Reads a ROLIE feed.
    fn rolie(&mut self, feed: &Url) -> Result<Vec<Listed>, Problem> {
        let text = self.small(feed, INDEX)?.ok_or_else(|| self.unreadable(feed, "does not exist"))?;
        let offers = csaf_provider::rolie(feed.as_str(), &text).map_err(|problem| self.unreadable(feed, &problem.text))?;
        Ok(self.offered(feed, offers))
    }

    /// The addresses of what a list offers; what of it names no document is
    /// told.
    fn offered(&mut self, list: &Url, offers: Offers) -> Vec<Listed> {
        if let Some(problem) = offers.unread {
            self.tell(self.unreadable(list, &problem.text));
        }
        let mut listed = Vec::with_capacity(offers.documents.len());
        for one in offers.documents {
            match self.join(list, &one.location) {
                Ok(url) => listed.push(Listed { updated: one.updated, url: url.to_string(), digest: one.digest }),
                Err(problem) => self.tell(problem),
            }
        }
        listed
    }

    /// Fetches documents in the order of their change; gives how many are new.
    ///
    /// The position moves on after each batch, so that a killed run is not
    /// begun again from the start.
    fn documents(&mut self, wanted: &[Listed], position: &mut Position) -> Result<u64, Problem> {
        let mut brought = 0;
        let mut in_a_row = 0;
        let mut done = 0;
        for (number, batch) in wanted.chunks(AT_ONCE).enumerate() {
            if self.run.cancel.load(Ordering::Relaxed) || in_a_row >= IN_A_ROW {
                break;
            }
            let this = &*self;
            let outcomes: Vec<Result<u64, Problem>> = std::thread::scope(|scope| {
                let threads: Vec<_> = batch.iter().map(|listed| scope.spawn(move || this.document(listed))).collect();
                threads.into_iter().map(|thread| thread.join().unwrap_or_else(|_| Err(died(this.entry)))).collect()
            });
            for (listed, outcome) in batch.iter().zip(outcomes) {
                match outcome {
                    Ok(wire) => {
                        self.report.wire_bytes += wire;
                        brought += 1;
                        in_a_row = 0;
                        position.failed.remove(&listed.url);
                    }
                    Err(problem) if matches!(problem.code.as_str(), "E-DISK" | "E-CANCELLED") => {
                        self.save(position)?;
                        return Err(problem);
                    }
                    Err(problem) => {
                        in_a_row += 1;
                        position.failed.insert(listed.url.clone(), listed.updated.unwrap_or_else(now));
                        self.tell(problem);
                    }
                }
                position.reach(listed);
            }
            done += batch.len();
            self.run.progress.documents(&self.entry.name, done as u64, wanted.len() as u64);
            if number % 50 == 49 {
                self.save(position)?;
            }
        }
        self.report.remaining += (wanted.len() - done) as u64;
        Ok(brought)
    }

    /// Fetches, tests and stores one document; gives the bytes that came.
    fn document(&self, listed: &Listed) -> Result<u64, Problem> {
        let url = address(self.entry, &listed.url)?;
        let inner = local_path(&url).ok_or_else(|| self.unreadable(&url, "has no plain file name"))?;
        let target = incoming(self.run.root, &format!("{}/{inner}", self.entry.path));
        let wire = match download(self.run.client, &self.request(&url, &target, DOCUMENT))? {
            Fetched::New(fetched) => fetched.wire,
            Fetched::NotModified => 0,
        };
        let tested = integrity::structure(&target).and_then(|()| match self.digest(&url, &target, listed)? {
            Some(published) => integrity::published_digest(&target, &published),
            None => Ok(()),
        });
        if let Err(problem) = tested {
            let _ = std::fs::remove_file(&target);
            return Err(problem);
        }
        self.put(&target, &inner)?;
        Ok(wire)
    }

    /// The digest the provider publishes for a document; providers without any
    /// are asked about each kind only until the first "no such file".
    fn digest(&self, url: &Url, target: &Path, listed: &Listed) -> Result<Option<Vec<u8>>, Problem> {
        if let Some(digest) = &listed.digest {
            let digest = self.join(url, digest)?;
            let target = target.with_extension("digest");
            return small(self.run.client, &self.request(&digest, &target, 16 << 10));
        }
        loop {
            let tried = self.digests.load(Ordering::Relaxed);
            let Some(suffix) = DIGESTS.get(tried) else { return Ok(None) };
            if let Some(found) = sidecar(self.run, &self.request(url, target, DOCUMENT), suffix)? {
                self.digest_seen.store(true, Ordering::Relaxed);
                return Ok(Some(found));
            }
            if self.digest_seen.load(Ordering::Relaxed) {
                // One document without a digest does not end the others' check.
                return Ok(None);
            }
            let _ = self.digests.compare_exchange(tried, tried + 1, Ordering::Relaxed, Ordering::Relaxed);
        }
    }

    fn put(&self, from: &Path, inner: &str) -> Result<(), Problem> {
        let target = self.run.root.join(&self.entry.path).join(inner);
        if let Some(folder) = target.parent() {
            std::fs::create_dir_all(folder).map_err(|error| io_problem(folder, "cannot be made", &error))?;
        }
        put_in_place(from, &target)
    }

    fn is_here(&self, url: &str) -> bool {
        let inner = Url::parse(url).ok().and_then(|url| local_path(&url));
        inner.is_some_and(|inner| self.run.root.join(&self.entry.path).join(inner).is_file())
    }

    fn request<'r>(&'r self, url: &'r Url, target: &'r Path, cap: u64) -> Request<'r> {
        Request {
            source: &self.entry.name,
            url,
            scope: &self.scope,
            target,
            etag: None,
            last_modified: None,
            cap,
            progress: self.run.progress,
            cancel: self.run.cancel,
        }
    }

    fn small(&mut self, url: &Url, cap: u64) -> Result<Option<Vec<u8>>, Problem> {
        let target = incoming(self.run.root, &format!("{}/index", self.entry.path));
        let found = small(self.run.client, &self.request(url, &target, cap))?;
        self.report.wire_bytes += found.as_ref().map_or(0, |bytes| bytes.len() as u64);
        Ok(found)
    }

    fn join(&self, base: &Url, to: &str) -> Result<Url, Problem> {
        base.join(to).map_err(|error| self.unreadable(base, &format!("names \u{201c}{}\u{201d}: {error}", printable(to))))
    }

    fn unreadable(&self, url: &Url, what: &str) -> Problem {
        Problem::new(
            "E-FORMAT",
            super::address::shown(url),
            format!("{what} (CSAF provider {})", self.entry.name),
            "check the provider's address; what was fetched earlier stays in use",
        )
    }

    fn tell(&mut self, problem: Problem) {
        if self.report.problems.len() < TOLD {
            self.report.problems.push(problem);
        } else if let Some(last) = self.report.problems.last_mut() {
            last.text = "and more documents beyond this number; they are tried again in the next run".to_owned();
        }
    }

    fn position_path(&self) -> PathBuf {
        self.run.root.join(".fetch").join(format!("{}.json", self.entry.name.replace('/', "_")))
    }

    fn position(&self) -> Result<Position, Problem> {
        let path = self.position_path();
        let mut text = Vec::new();
        match std::fs::File::open(&path) {
            Ok(file) => file.take(INDEX).read_to_end(&mut text).map_err(|error| io_problem(&path, "cannot be read", &error))?,
            Err(_) => return Ok(Position::default()),
        };
        // A damaged position only costs fetching again.
        Ok(serde_json::from_slice(&text).unwrap_or_default())
    }

    fn save(&self, position: &Position) -> Result<(), Problem> {
        let path = self.position_path();
        if let Some(folder) = path.parent() {
            std::fs::create_dir_all(folder).map_err(|error| io_problem(folder, "cannot be made", &error))?;
        }
        write_durably(&path, &serde_json::to_vec(position).unwrap_or_default())
    }
}

impl Position {
    /// Moves on past a document.
    fn reach(&mut self, listed: &Listed) {
        let Some(updated) = listed.updated else { return };
        match self.since {
            Some(since) if updated < since => {}
            Some(since) if updated == since => {
                self.done_at_since.insert(listed.url.clone());
            }
            _ => {
                self.since = Some(updated);
                self.done_at_since = BTreeSet::from([listed.url.clone()]);
            }
        }
    }
}

/// What is to be fetched now, oldest change first, and how many are left for
/// later runs.
fn wanted(listed: Vec<Listed>, position: &Position, most: usize, is_here: impl Fn(&str) -> bool) -> (Vec<Listed>, u64) {
    let mut wanted: Vec<Listed> = listed
        .into_iter()
        .filter(|one| {
            let again = position.failed.contains_key(&one.url);
            let new = match (one.updated, position.since) {
                (None, _) => !is_here(&one.url),
                (Some(_), None) => true,
                (Some(updated), Some(since)) => {
                    updated > since || (updated == since && !position.done_at_since.contains(&one.url))
                }
            };
            again || new
        })
        .collect();
    wanted.sort();
    let left = wanted.len().saturating_sub(most) as u64;
    wanted.truncate(most);
    (wanted, left)
}

/// What a thread that ended by a panic leaves behind; it is a defect.
fn died(entry: &SourceEntry) -> Problem {
    Problem::new("E-DEFECT", &entry.name, "a fetching thread ended unexpectedly", "report this; update again")
}

/// `<year>/<file>`; the year is the part of the path that looks like one.
fn local_path(url: &Url) -> Option<String> {
    let parts: Vec<&str> = url.path_segments()?.collect();
    let name = file_name(parts.last()?)?;
    let is_year = |part: &&&str| part.len() == 4 && part.bytes().all(|byte| byte.is_ascii_digit());
    let year = parts.iter().rev().find(is_year).copied().unwrap_or("other");
    Some(format!("{year}/{name}"))
}

/// A name that is safe as a file's; none otherwise.
fn file_name(name: &str) -> Option<String> {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_' | b'-' | b'+' | b'%');
    let fits = !name.is_empty() && name.len() <= 200 && !name.starts_with('.') && name.bytes().all(plain);
    fits.then(|| name.to_owned())
}

/// The first date `YYYY-MM-DD` in a name, at its start of day.
fn date_in(name: &str) -> Option<Timestamp> {
    (0..name.len()).find_map(|start| {
        let date: jiff::civil::Date = name.get(start..start + 10)?.parse().ok()?;
        Some(date.to_zoned(jiff::tz::TimeZone::UTC).ok()?.timestamp())
    })
}

fn http_date(text: Option<&str>) -> Option<Timestamp> {
    Some(jiff::fmt::rfc2822::parse(text?).ok()?.timestamp())
}
