//! Reading repositories along their own chain of trust, and remembering what
//! was seen.
//!
//! ```text
//! keyring ─► InRelease ─► Packages ─► .deb        keyring ─► repomd.xml ─► primary.xml ─► .rpm ◄─ keyring
//!              │ date, end, suite │ length, SHA-256               (metadata often unsigned)
//!              └─► memory: never back in time
//! ```

mod apt;
mod memory;
mod packages;
mod yum;

pub use memory::{Lock, Memory};
pub use packages::{Uploaded, signed_package, upload};

use crate::fetch::{Files, below};
use crate::repositories::{AptRepository, YumRepository};
use jiff::{SignedDuration, Span, Timestamp};
use plimsoll_core::model::problem::Problem;
use plimsoll_core::phases::acquire::{Offer, Offering, freshness};
use plimsoll_formats::frozen_set::ProofKind;
use plimsoll_formats::openpgp::Keyring;
use plimsoll_formats::packages::apt::repository::Publisher;
use std::path::Path;
use url::Url;

/// What stands for the repository of a package of one's own.
pub const UPLOAD: &str = "upload";
/// Largest file of metadata that is fetched.
const METADATA_LIMIT: u64 = 256 << 20;
/// Largest signed file.
const SIGNED_LIMIT: u64 = 16 << 20;
/// Largest keyring.
const KEYRING_LIMIT: u64 = 4 << 20;

/// A repository whose metadata was verified; everything is in memory, as it was
/// signed.
pub struct Verified {
    /// What people know it as, and whether its versions are taken by themselves.
    pub offering: Offering,
    /// Its address.
    pub url: Url,
    /// What its `Release` calls itself; none for yum.
    pub publisher: Option<Publisher>,
    /// Kind of what was signed.
    pub kind: ProofKind,
    /// The signed file as fetched.
    pub signed: Vec<u8>,
    /// The signature that lay beside it.
    pub signature: Option<Vec<u8>>,
    /// Certificates that signed; none for unsigned metadata.
    pub signers: Vec<String>,
    /// The publisher's date.
    pub date: Option<Timestamp>,
    /// The end that the publisher stated.
    pub valid_until: Option<Timestamp>,
    /// Indices of packages as fetched, by the path that the signed file lists.
    pub indices: Vec<Index>,
    /// Further metadata that hosts want, by the path that the signed file lists.
    pub extras: Vec<(String, Vec<u8>)>,
    /// What the operator should know.
    pub warnings: Vec<Problem>,
    /// Whose signature every package must carry; none where the metadata's is
    /// enough.
    pub package_keyring: Option<Keyring>,
    content: Content,
}

/// One index.
pub struct Index {
    /// The path that the signed file lists.
    pub path: String,
    /// As it was fetched, compressed or not.
    pub bytes: Vec<u8>,
}

enum Content {
    /// Texts of `Packages` files.
    Apt(Vec<String>),
    Yum(yum::Packages),
}

impl Verified {
    /// What it offers; `repository` is its place in the list of repositories.
    pub fn offers<'a>(&'a self, repository: usize, out: &mut Vec<Offer<'a>>) -> Vec<Problem> {
        match &self.content {
            Content::Apt(texts) => texts
                .iter()
                .flat_map(|text| plimsoll_formats::packages::apt::index::offers(&self.offering.name, text, repository, out).problems)
                .collect(),
            Content::Yum(packages) => packages.offers(repository, out),
        }
    }

    /// The decompressed texts of its indices.
    pub fn texts(&self) -> Vec<&str> {
        match &self.content {
            Content::Apt(texts) => texts.iter().map(String::as_str).collect(),
            Content::Yum(packages) => vec![&packages.text],
        }
    }

    /// Where a file of it is.
    pub fn address(&self, path: &str) -> Result<Url, Problem> {
        below(&self.url, path)
    }
}

/// What kind of metadata a file of `repodata` is, by its name without a digest:
/// one of those that sets carry along.
pub fn metadata_kind(name: &str) -> &'static str {
    yum::EXTRAS.into_iter().find(|kind| name.starts_with(kind)).unwrap_or("updateinfo")
}

/// Reads a suite of apt.
///
/// # Errors
///
/// Whatever breaks the chain: `E-UNSIGNED`, `E-SIGNATURE`, `E-SIGNER`,
/// `E-SIGNING-KEY`, `E-SUITE`, the refusals of
/// [`freshness`](plimsoll_core::phases::acquire::freshness), `E-LENGTH`,
/// `E-DIGEST`; nothing of the suite is used then.
pub fn apt(files: &Files<'_>, repository: &AptRepository, memory: &mut Memory, now: Timestamp) -> Result<Verified, Problem> {
    apt::read(files, repository, memory, now)
}

/// Reads a repository of rpm packages.
///
/// # Errors
///
/// As [`apt`].
pub fn yum(files: &Files<'_>, repository: &YumRepository, memory: &mut Memory, now: Timestamp) -> Result<Verified, Problem> {
    yum::read(files, repository, memory, now)
}

/// Reads a keyring file.
pub fn keyring(path: &Path) -> Result<Keyring, Problem> {
    let place = path.to_string_lossy();
    let bad = |text: String| Problem::new("E-KEYRING", &place, text, "name a file of OpenPGP public keys");
    let length = std::fs::metadata(path).map_err(|error| bad(format!("cannot be read: {error}")))?.len();
    if length > KEYRING_LIMIT {
        return Err(bad(format!("is {length} bytes long, the limit is {KEYRING_LIMIT}")));
    }
    let bytes = std::fs::read(path).map_err(|error| bad(format!("cannot be read: {error}")))?;
    Keyring::read(&place, &bytes)
}

fn seconds(age: Option<&Span>) -> Result<Option<i64>, Problem> {
    let Some(age) = age else { return Ok(None) };
    let relative = jiff::SpanRelativeTo::days_are_24_hours();
    let length: SignedDuration = age.to_duration(relative).map_err(|error| {
        Problem::new("E-CONFIG", "max_age", format!("{age} is no fixed length: {error}"), "write days or hours, `P8D`")
    })?;
    Ok(Some(length.as_secs()))
}

/// Judges freshness and writes down what was seen, before anything is used.
fn remember(memory: &mut Memory, input: freshness::Input<'_>) -> Result<Vec<Problem>, Problem> {
    let place = input.place.to_owned();
    let last = memory.seen(&place).cloned();
    let fresh = freshness::decide(&freshness::Input { last: last.as_ref(), ..input })?.decision;
    memory.remember(&place, fresh.seen)?;
    Ok(fresh.warnings)
}

/// Fetches metadata whose length and digest were signed.
fn signed_file(files: &Files<'_>, url: &Url, name: &str, size: u64, sha256: &str) -> Result<Option<Vec<u8>>, Problem> {
    let place = crate::fetch::shown(url);
    let next = "update again: the repository may have changed in between; if it stays, use another mirror";
    if size > METADATA_LIMIT {
        return Err(Problem::new("E-LIMIT", &place, format!("is {size} bytes long, the limit for metadata is {METADATA_LIMIT}"), "acquire single packages of it instead"));
    }
    let fetched = files.small(name, url, size).map_err(|problem| match problem.code.as_str() {
        "E-LIMIT" => Problem::new("E-LENGTH", &place, format!("is longer than the {size} bytes that were signed"), next),
        _ => problem,
    })?;
    let Some(bytes) = fetched else { return Ok(None) };
    if bytes.len() as u64 != size {
        return Err(Problem::new("E-LENGTH", &place, format!("has {} bytes, {size} were signed", bytes.len()), next));
    }
    let found = plimsoll_formats::protocol::digest(&bytes);
    if found != sha256 {
        return Err(Problem::new("E-DIGEST", &place, format!("has SHA-256 {found}, {sha256} was signed"), next));
    }
    Ok(Some(bytes))
}
