//! Single files: small ones into memory, exact ones to a place.

use super::address::{Scope, shown};
use super::client::{Client, NetworkOptions};
use super::download::{Request, download, small};
use super::integrity;
use super::progress::Progress;
use crate::cache::io_problem;
use plimsoll_core::model::problem::{Problem, printable};
use std::path::{Path, PathBuf};
use std::sync::atomic::AtomicBool;
use url::Url;

/// Fetches files from addresses that the operator named, several threads at a
/// time if wanted.
pub struct Files<'a> {
    client: Client,
    /// The hosts that the operator named; a redirect leads to no other.
    scope: Scope,
    /// Where small files lie while they come.
    work: PathBuf,
    progress: &'a dyn Progress,
    cancel: &'a AtomicBool,
}

/// A file whose length and digest are known before it is fetched.
#[derive(Clone, Copy, Debug)]
pub struct Exact<'a> {
    /// What people know it as.
    pub name: &'a str,
    /// Where it is.
    pub url: &'a Url,
    /// Its length in bytes.
    pub size: u64,
    /// Its SHA-256, lower-case hexadecimal.
    pub sha256: &'a str,
}

impl<'a> Files<'a> {
    /// Makes a fetcher; `own` are the addresses that the operator named, the
    /// only ones that may be private. `work` is a folder for parts.
    pub fn new(
        network: &NetworkOptions,
        own: &[Url],
        work: &Path,
        progress: &'a dyn Progress,
        cancel: &'a AtomicBool,
    ) -> Result<Self, Problem> {
        std::fs::create_dir_all(work).map_err(|error| io_problem(work, "cannot be made", &error))?;
        let client = Client::new(network, own.iter().map(Url::as_str))?;
        let mut scope = Scope::default();
        for url in own {
            scope.hosts.extend(client.scope(url, &[]).hosts);
        }
        Ok(Self { client, scope, work: work.to_owned(), progress, cancel })
    }

    /// Fetches a file of at most `cap` bytes into memory; none where there is
    /// none (404 or 410).
    pub fn small(&self, name: &str, url: &Url, cap: u64) -> Result<Option<Vec<u8>>, Problem> {
        let target = self.work.join(plimsoll_formats::protocol::digest(url.as_str().as_bytes()));
        self.progress.started(name);
        small(&self.client, &self.request(name, url, &target, cap))
    }

    /// Fetches a file to a place, resuming a part that lies there.
    ///
    /// The length is held against what was signed while the bytes come, so that
    /// nothing longer is ever stored; then the digest. A file that is not the
    /// one wanted is removed.
    ///
    /// # Errors
    ///
    /// `E-LENGTH`, `E-DIGEST`; everything that a network can do.
    pub fn exact(&self, wanted: &Exact<'_>, target: &Path) -> Result<(), Problem> {
        self.progress.started(wanted.name);
        let request = self.request(wanted.name, wanted.url, target, wanted.size);
        let place = shown(wanted.url);
        let fetched = download(&self.client, &request).map_err(|problem| match problem.code.as_str() {
            "E-LIMIT" => Problem::new("E-LENGTH", &place, format!("is longer than the {} bytes that were signed", wanted.size), NEXT),
            _ => problem,
        });
        fetched?;
        self.holds(wanted, target, &place).inspect_err(|_| drop(std::fs::remove_file(target)))?;
        self.progress.finished(wanted.name, &format!("{} bytes, as signed", wanted.size));
        Ok(())
    }

    fn holds(&self, wanted: &Exact<'_>, target: &Path, place: &str) -> Result<(), Problem> {
        let length = std::fs::metadata(target).map_err(|error| io_problem(target, "cannot be read", &error))?.len();
        if length != wanted.size {
            return Err(Problem::new("E-LENGTH", place, format!("has {length} bytes, {} were signed", wanted.size), NEXT));
        }
        let found = integrity::sha256(target)?;
        if found != wanted.sha256 {
            return Err(Problem::new("E-DIGEST", place, format!("has SHA-256 {found}, {} was signed", wanted.sha256), NEXT));
        }
        Ok(())
    }

    fn request<'r>(&'r self, name: &'r str, url: &'r Url, target: &'r Path, cap: u64) -> Request<'r> {
        Request {
            source: name,
            url,
            scope: &self.scope,
            target,
            etag: None,
            last_modified: None,
            cap,
            progress: self.progress,
            cancel: self.cancel,
        }
    }
}

const NEXT: &str = "try another mirror; if it stays, tell the repository's owner, and install it nowhere";

/// The address of a file below another address; every part of the path is
/// encoded, so that a hostile name stays a name.
pub fn below(base: &Url, path: &str) -> Result<Url, Problem> {
    let mut url = base.clone();
    let put = url.path_segments_mut().map(|mut parts| {
        parts.pop_if_empty().extend(path.split('/').filter(|part| !part.is_empty() && *part != "."));
    });
    match put {
        Ok(()) if !path.split('/').any(|part| part == "..") => Ok(url),
        _ => Err(Problem::new("E-URL-BLOCKED", printable(path), "leaves the repository's address", "tell the repository's owner")),
    }
}
