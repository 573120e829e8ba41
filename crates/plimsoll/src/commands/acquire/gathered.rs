//! What an acquisition rests on: verified repositories and what hosts need.

use super::kept;
use crate::arguments::What;
use crate::printer::{Failure, Printer};
use crate::progress::Fetching;
use jiff::Timestamp;
use plimsoll_core::model::artefact::Artefact;
use plimsoll_core::model::problem::{Problem, printable};
use plimsoll_core::model::scan::Scan;
use plimsoll_core::model::stream::Stream;
use plimsoll_core::phases::acquire::{self as phase, Decision, Input, Installed, Need, Offers, Pick};
use plimsoll_feeds::acquire::{self, Memory, Verified};
use plimsoll_feeds::fetch::{Exact, Files, NetworkOptions, ProxySettings};
use plimsoll_feeds::repositories::Repositories;
use plimsoll_store::artefacts::Artefacts;
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::path::Path;
use std::sync::atomic::AtomicBool;
use std::sync::{Mutex, PoisonError};
use url::Url;

/// Largest scan or configuration read: a host with 5,000 packages makes 30 MB.
const SCAN_LIMIT: u64 = 512 << 20;
const WRITTEN_LIMIT: u64 = 4 << 20;
/// Connections at a time: mirrors ask for few.
const CONNECTIONS: usize = 4;

/// A repository and what its configuration says beyond what it signed.
pub(super) struct Source {
    pub(super) stream: Stream,
    pub(super) architectures: Vec<String>,
    /// Suite as the operator names it, and components; none for yum.
    pub(super) suite: Option<(String, Vec<String>)>,
    pub(super) verified: Verified,
}

/// Everything that was read before anything is decided.
pub(super) struct Gathered {
    pub(super) sources: Vec<Source>,
    pub(super) now: Timestamp,
    scans: Vec<Scan>,
    installed: Option<Scan>,
    urls: Vec<Url>,
}

/// What fetching came to.
pub(super) struct Came {
    pub(super) wanted: usize,
    pub(super) fetched: usize,
    pub(super) bytes: u64,
}

impl Gathered {
    /// Reads scans and repositories, along their chain of trust.
    pub(super) fn read(what: &What, printer: &Printer) -> Result<Self, Failure> {
        let now = Timestamp::now();
        let scans = what.scan.iter().map(|path| scan(path)).collect::<Result<Vec<_>, _>>()?;
        let installed = what.installed.as_deref().map(scan).transpose()?;
        let Some(path) = &what.repositories else {
            return Ok(Self { sources: Vec::new(), now, scans, installed, urls: Vec::new() });
        };
        let place = path.display().to_string();
        let text = crate::input::read_text(path, WRITTEN_LIMIT)
            .map_err(|text| Failure::input(Problem::new("E-INPUT", &place, text, "name a file of repositories; docs/phases/02-acquire.md shows one")))?;
        let mut repositories = Repositories::parse(&place, &text)?;
        let urls = repositories.urls();
        repositories.only(&what.stream, &what.suite);
        if repositories.apt.is_empty() && repositories.yum.is_empty() {
            return Err(Failure::input(Problem::new("E-USAGE", &place, "has no repository of these streams and suites", "look at `--stream` and `--suite`")));
        }
        let progress = Fetching::new(printer);
        let cancel = AtomicBool::new(false);
        let folder = kept(what);
        let files = Files::new(&network(what), &urls, &folder.join("incoming"), &progress, &cancel)?;
        let mut memory = Memory::open(&folder)?;
        let mut sources = Vec::new();
        for repository in &repositories.apt {
            let verified = acquire::apt(&files, repository, &mut memory, now)?;
            let suite = Some((repository.suite.clone(), repository.components.clone()));
            sources.push(Source { stream: repository.stream.clone(), architectures: repository.architectures.clone(), suite, verified });
        }
        for repository in &repositories.yum {
            let verified = acquire::yum(&files, repository, &mut memory, now)?;
            sources.push(Source { stream: repository.stream.clone(), architectures: repository.architectures.clone(), suite: None, verified });
        }
        for warning in sources.iter().flat_map(|source| &source.verified.warnings) {
            printer.warn(warning);
        }
        Ok(Self { sources, now, scans, installed, urls })
    }

    /// Streams of the repositories, in order.
    pub(super) fn streams(&self) -> BTreeSet<&Stream> {
        self.sources.iter().map(|source| &source.stream).collect()
    }

    /// Decides for each stream what is wanted.
    pub(super) fn decide(&self, what: &What) -> Result<Vec<Decision>, Failure> {
        let picks: Vec<Pick<'_>> = what.packages.iter().map(|text| match text.split_once('=') {
            Some((name, version)) => Pick { name, version: Some(version) },
            None => Pick { name: text, version: None },
        }).collect();
        let mut seen = vec![false; self.scans.len()];
        let mut decisions = Vec::new();
        for stream in self.streams() {
            decisions.push(self.stream(stream, what, &picks, &mut seen)?);
        }
        for (scan, seen) in self.scans.iter().zip(seen) {
            if !seen {
                let stream = scan.host.os.as_ref().and_then(|os| os.stream.as_ref()).map_or("no stream", Stream::as_str);
                return Err(Failure::input(Problem::new("E-USAGE", printable(&scan.host.name), format!("is a host of {stream}, which no repository given here is for"), "add its repositories, or leave the host out")));
            }
        }
        Ok(decisions)
    }

    fn stream(&self, stream: &Stream, what: &What, picks: &[Pick<'_>], seen: &mut [bool]) -> Result<Decision, Failure> {
        let of_stream = || self.sources.iter().filter(|source| source.stream == *stream);
        let Some(scheme) = stream.scheme() else {
            return Err(Failure::input(Problem::new("E-USAGE", stream.as_str(), "is a stream whose versions cannot be ordered", "correct `stream` in the repositories file")));
        };
        let (mut all, mut problems) = (Vec::new(), Vec::new());
        for (place, source) in of_stream().enumerate() {
            // A record that cannot be read is one package less; whether it is
            // missed, the decision tells.
            let unread = source.verified.offers(place, &mut all);
            problems.extend(unread.into_iter().map(|problem| Problem { code: problem.code.replace("E-FORMAT", "W-PARTIAL"), ..problem }));
        }
        let offers = Offers::new(scheme, of_stream().map(|source| source.verified.offering.clone()).collect(), all);
        let architectures: BTreeSet<String> = of_stream().flat_map(|source| source.architectures.iter().cloned()).collect();
        let architectures: Vec<String> = architectures.into_iter().collect();
        let is_of = |scan: &&Scan| scan.host.os.as_ref().is_some_and(|os| os.stream.as_ref() == Some(stream));
        for (scan, seen) in self.scans.iter().zip(seen.iter_mut()) {
            *seen |= is_of(&scan);
        }
        let needs: Vec<Need<'_>> = self
            .scans
            .iter()
            .filter(is_of)
            .map(|scan| Need { host: &scan.host.name, updates: scan.updates.as_deref().unwrap_or_default() })
            .collect();
        let installed: Vec<Installed<'_>> = self
            .installed
            .iter()
            .flat_map(|scan| &scan.components)
            .filter(|component| component.stream.as_ref() == Some(stream))
            .map(|component| Installed { name: &component.name, version: &component.version })
            .collect();
        let input = Input { stream, offers: &offers, architectures: &architectures, needs: &needs, picks, installed: &installed, way_back: !what.no_way_back };
        let mut decision = phase::decide(&input).decision;
        let blind = self.scans.iter().filter(is_of).filter(|scan| scan.updates.is_none());
        problems.extend(blind.map(|scan| Problem::new("E-NO-PLAN", &scan.host.name, "its scan holds no plan of its package manager, so what it needs is not known", "scan the host with its package manager working")));
        decision.problems.extend(problems);
        Ok(decision)
    }

    /// Fetches what is not kept yet; each content once.
    pub(super) fn fetch<'d>(&self, what: &What, wanted: impl Iterator<Item = &'d Artefact>, printer: &Printer) -> Result<Came, Failure> {
        let by_name: BTreeMap<&str, &Source> = self.sources.iter().map(|source| (source.verified.offering.name.as_str(), source)).collect();
        let by_content: BTreeMap<&str, &Artefact> = wanted.map(|artefact| (artefact.sha256.as_str(), artefact)).collect();
        let runtime = super::super::runtime()?;
        let folder = kept(what);
        let store = artefacts(&folder)?;
        let mut missing = VecDeque::new();
        for (digest, artefact) in &by_content {
            let length = runtime.block_on(store.length(digest)).map_err(|error| Failure::from(*error.problem))?;
            if length != Some(artefact.size) {
                missing.push_back(*artefact);
            }
        }
        let (fetched, bytes) = (missing.len(), missing.iter().map(|artefact| artefact.size).sum());
        if fetched > 0 {
            printer.say(&format!("fetching {fetched} artefacts, {bytes} bytes"));
        }
        let progress = Fetching::new(printer);
        let cancel = AtomicBool::new(false);
        let incoming = folder.join("incoming");
        let files = Files::new(&network(what), &self.urls, &incoming, &progress, &cancel)?;
        let (queue, first) = (Mutex::new(missing), Mutex::new(None));
        std::thread::scope(|scope| {
            for _ in 0..CONNECTIONS.min(fetched) {
                scope.spawn(|| {
                    while let Some(artefact) = queue.lock().unwrap_or_else(PoisonError::into_inner).pop_front() {
                        let outcome = match by_name.get(artefact.repository.as_str()) {
                            Some(source) => self.one(source, artefact, &files, &incoming).and_then(|file| {
                                let kept = runtime.block_on(store.keep(&artefact.sha256, &file)).map_err(|error| *error.problem);
                                let _ = std::fs::remove_file(&file);
                                kept
                            }),
                            None => Err(Problem::new("E-NOT-OFFERED", artefact.shown(), "is wanted from a repository that was not read", "add the repository")),
                        };
                        if let Err(problem) = outcome {
                            first.lock().unwrap_or_else(PoisonError::into_inner).get_or_insert(problem);
                            queue.lock().unwrap_or_else(PoisonError::into_inner).clear();
                        }
                    }
                });
            }
        });
        match first.into_inner().unwrap_or_else(PoisonError::into_inner) {
            Some(problem) => Err(problem.into()),
            None => Ok(Came { wanted: by_content.len(), fetched, bytes }),
        }
    }

    fn one(&self, source: &Source, artefact: &Artefact, files: &Files<'_>, incoming: &Path) -> Result<std::path::PathBuf, Problem> {
        let url = source.verified.address(&artefact.path)?;
        // The ending tells that the file is packed already.
        let ending = if source.suite.is_some() { "deb" } else { "rpm" };
        let file = incoming.join(format!("{}.{ending}", artefact.sha256));
        files.exact(&Exact { name: &artefact.shown(), url: &url, size: artefact.size, sha256: &artefact.sha256 }, &file)?;
        if let Some(keyring) = &source.verified.package_keyring {
            acquire::signed_package(&file, artefact, keyring, self.now).inspect_err(|_| drop(std::fs::remove_file(&file)))?;
        }
        Ok(file)
    }
}

/// Where artefacts are kept.
pub(super) fn artefacts(folder: &Path) -> Result<Artefacts, Failure> {
    Artefacts::in_folder(folder).map_err(|error| Failure::from(*error.problem))
}

fn network(what: &What) -> NetworkOptions {
    let mut network = NetworkOptions { proxy: ProxySettings::from_environment(), allow_http: what.allow_http, ..NetworkOptions::default() };
    network.ca_files = what.ca.iter().cloned().collect();
    if let Some(proxy) = &what.proxy {
        let known = std::mem::take(&mut network.proxy);
        network.proxy = ProxySettings { https: Some(proxy.clone()), http: Some(proxy.clone()), no_proxy: known.no_proxy };
    }
    network.limits.most_rate = what.rate.map(|kib| kib.saturating_mul(1024));
    network
}

fn scan(path: &Path) -> Result<Scan, Failure> {
    let place = path.display().to_string();
    let bad = |text: String| Failure::input(Problem::new("E-INPUT", &place, text, "name the answer of `plimsoll scan --format json`"));
    let bytes = crate::input::read(path, SCAN_LIMIT).map_err(bad)?;
    let scan: Scan = serde_json::from_slice(&bytes).map_err(|error| bad(format!("is no scan: {}", printable(&error.to_string()))))?;
    if scan.schema == Scan::SCHEMA { Ok(scan) } else { Err(bad(format!("has the form {}, this program reads {}", printable(&scan.schema), Scan::SCHEMA))) }
}
