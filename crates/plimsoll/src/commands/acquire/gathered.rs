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
use plimsoll_core::phases::acquire::{self as phase, Decision, Input, Installed, Need, Pick};
use plimsoll_feeds::fetch::{NetworkOptions, ProxySettings};
use plimsoll_feeds::repositories::Repositories;
use plimsoll_server::phases::acquire::{Came, Fetch, Sources};
use plimsoll_store::artefacts::Artefacts;
use std::collections::BTreeSet;
use std::path::Path;
use std::sync::atomic::AtomicBool;
use tokio::runtime::Handle;

/// Largest scan or configuration read: a host with 5,000 packages makes 30 MB.
const SCAN_LIMIT: u64 = 512 << 20;
const WRITTEN_LIMIT: u64 = 4 << 20;

/// Everything that was read before anything is decided.
pub(super) struct Gathered {
    pub(super) sources: Sources,
    scans: Vec<Scan>,
    installed: Option<Scan>,
}

impl Gathered {
    /// Reads scans and repositories, along their chain of trust.
    pub(super) fn read(what: &What, printer: &Printer) -> Result<Self, Failure> {
        let now = Timestamp::now();
        let scans = what.scan.iter().map(|path| scan(path)).collect::<Result<Vec<_>, _>>()?;
        let installed = what.installed.as_deref().map(scan).transpose()?;
        let folder = kept(what);
        let Some(path) = &what.repositories else {
            return Ok(Self { sources: Sources::none(&folder, now)?, scans, installed });
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
        let (progress, cancel) = (Fetching::new(printer), AtomicBool::new(false));
        let fetch = Fetch { network: &network(what), folder: &folder, progress: &progress, cancel: &cancel };
        let sources = Sources::read(&repositories, &urls, &fetch, now)?;
        for warning in sources.warnings() {
            printer.warn(warning);
        }
        Ok(Self { sources, scans, installed })
    }

    /// Decides for each stream what is wanted.
    pub(super) fn decide(&self, what: &What) -> Result<Vec<Decision>, Failure> {
        let picks: Vec<Pick<'_>> = what.packages.iter().map(|text| match text.split_once('=') {
            Some((name, version)) => Pick { name, version: Some(version) },
            None => Pick { name: text, version: None },
        }).collect();
        let mut seen = vec![false; self.scans.len()];
        let mut decisions = Vec::new();
        for stream in self.sources.streams() {
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
        let (offers, mut problems) = self.sources.offers(stream).map_err(Failure::input)?;
        let architectures: BTreeSet<String> = self.sources.of(stream).flat_map(|source| source.architectures.iter().cloned()).collect();
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
    pub(super) fn fetch<'d>(&self, what: &What, wanted: impl Iterator<Item = &'d Artefact>, store: &Artefacts, runtime: &Handle, printer: &Printer) -> Result<Came, Failure> {
        let (progress, cancel) = (Fetching::new(printer), AtomicBool::new(false));
        let fetch = Fetch { network: &network(what), folder: &kept(what), progress: &progress, cancel: &cancel };
        Ok(self.sources.fetch(wanted, store, runtime, &fetch)?)
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
