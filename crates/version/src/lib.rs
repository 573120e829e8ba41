//! Order and ranges of package versions, for every ecosystem Plimsoll watches.
//!
//! Whether a host is affected hangs on one question, asked a hundred million times: does this version come before that
//! one? Each ecosystem answers it by rules of its own, and every wrong answer is a patch missed or a night's work for
//! nothing. This crate is therefore an island: it depends on nothing, does no I/O, and is held against the real tools
//! (`dpkg`, `rpm`, `vercmp`) and the public vectors with zero disagreements.
//!
//! # How it works
//!
//! A version is read once into a stream of *tokens* (`token.rs`). Each scheme's file says only what its tokens are and
//! in which class each belongs; comparing two streams and writing one stream as bytes are each done in one place. That
//! is why [`compare`] and [`key`] cannot drift apart: both see the same stream. Maven alone has two orders, told below.
//!
//! ```
//! use plimsoll_version::{compare, key, Scheme};
//! use std::cmp::Ordering;
//!
//! assert_eq!(compare(Scheme::Debian, "1.2~rc1-1", "1.2-1")?, Ordering::Less);
//! assert!(key(Scheme::Debian, "1.2~rc1-1")? < key(Scheme::Debian, "1.2-1")?);
//! # Ok::<(), plimsoll_version::Unreadable>(())
//! ```
//!
//! # Where a scheme has no strict order
//!
//! Three real tools answer in a way no sorted file can hold, because their answers run in a circle. What stands here
//! instead is written in the scheme's own file:
//!
//! - **Pacman** calls `1` equal to both `1-1` and `1-2`. Here a version without a release comes before the same version
//!   with one. Versions that end in a separator (`1.`) have a fixed place too.
//! - **Packagist** lets `#` stand for any number. [`compare`] follows it; [`key`] answers
//!   [`Reason::NoTotalOrder`].
//! - **Maven** puts `2.9.0.RC1` before `2.9.0`, that before `2.9.0-1`, and that before `2.9.0.RC1`. [`compare`] follows it;
//!   [`key`] puts `2.9.0.RC1` first. They can differ only where a qualifier stands right behind a dot or at the beginning.
#![forbid(unsafe_code)]

mod alpine;
mod debian;
mod dotted;
mod maven;
mod packagist;
mod pacman;
mod pypi;
mod requirement;
mod rpm;
mod rubygems;
mod scheme;
mod semver;
mod token;
mod unreadable;

use std::cmp::Ordering;

pub use requirement::{
    Bound, Interval, MAX_ALTERNATIVES, MAX_REQUIREMENT_LENGTH, parse_requirement,
};
pub use rpm::rpm_epoch;
pub use scheme::Scheme;
pub use unreadable::{Reason, Unreadable};

/// The longest version that is read, in bytes.
///
/// The longest real one in the public vectors has fewer than 200 bytes. The limit keeps a hostile feed from buying time
/// with megabytes, and lets the length of a number stand in two bytes of a [`Key`].
pub const MAX_VERSION_LENGTH: usize = 4096;

/// Runs `$body` with `$read` bound to the reader of the scheme, so that each reader's iterator keeps its own type.
///
/// Boxing the iterator instead would put an allocation into the hottest loop of the product.
macro_rules! with_reader {
    ($scheme:expr, $read:ident => $body:expr) => {
        match $scheme {
            Scheme::Debian => {
                let $read = debian::read;
                $body
            }
            Scheme::Rpm => {
                let $read = rpm::read;
                $body
            }
            Scheme::Alpine => {
                let $read = alpine::read;
                $body
            }
            Scheme::Pacman => {
                let $read = pacman::read;
                $body
            }
            Scheme::Semver => {
                let $read = semver::read_semver;
                $body
            }
            Scheme::Npm => {
                let $read = semver::read_npm;
                $body
            }
            Scheme::Cargo => {
                let $read = semver::read_semver;
                $body
            }
            Scheme::Go => {
                let $read = semver::read_go;
                $body
            }
            Scheme::Maven => {
                let $read = maven::read;
                $body
            }
            Scheme::PyPi => {
                let $read = pypi::read;
                $body
            }
            Scheme::RubyGems => {
                let $read = rubygems::read;
                $body
            }
            Scheme::Packagist => {
                let $read = packagist::read;
                $body
            }
            Scheme::NuGet => {
                let $read = semver::read_nuget;
                $body
            }
            Scheme::Hackage => {
                let $read = dotted::read_hackage;
                $body
            }
            Scheme::Pub => {
                let $read = semver::read_pub;
                $body
            }
            Scheme::Cran => {
                let $read = dotted::read_cran;
                $body
            }
            Scheme::Bitnami => {
                let $read = semver::read_bitnami;
                $body
            }
            Scheme::Generic => {
                let $read = dotted::read_generic;
                $body
            }
        }
    };
}

/// Compares two versions by the rules of their ecosystem.
///
/// A loop over many versions against one bound does better with [`key`]. The schemes met most have a path of their own
/// here that makes no tokens; the tests hold it to the order of the keys. Nothing is allocated but for legacy PyPI.
///
/// [`Scheme::Maven`] and [`Scheme::Packagist`] are not transitive here, so do not sort by it: sort by [`key`].
///
/// # Errors
///
/// [`Unreadable`] names the first of the two that cannot be read, and why. An unreadable version is *unknown*: treating
/// it as lower or higher than everything hides a vulnerability or invents one.
pub fn compare(scheme: Scheme, a: &str, b: &str) -> Result<Ordering, Unreadable> {
    match scheme {
        Scheme::Debian => directly(scheme, a, b, debian::Parts::split, debian::compare),
        Scheme::Rpm => directly(
            scheme,
            a,
            b,
            |version| Ok(rpm::Parts::split(version)),
            rpm::compare,
        ),
        Scheme::Pacman => directly(
            scheme,
            a,
            b,
            |version| Ok(rpm::Parts::split(version)),
            pacman::compare,
        ),
        Scheme::Semver | Scheme::Cargo => {
            directly(scheme, a, b, semver::read_semver, semver::compare)
        }
        Scheme::Npm => directly(scheme, a, b, semver::read_npm, semver::compare),
        Scheme::Go => directly(scheme, a, b, semver::read_go, semver::compare),
        Scheme::NuGet => directly(scheme, a, b, semver::read_nuget, semver::compare),
        Scheme::Pub => directly(scheme, a, b, semver::read_pub, semver::compare),
        Scheme::Bitnami => directly(scheme, a, b, semver::read_bitnami, semver::compare),
        Scheme::PyPi => directly(scheme, a, b, pypi::open, pypi::compare),
        Scheme::Packagist => directly(scheme, a, b, packagist::read, packagist::compare),
        Scheme::Alpine => directly(scheme, a, b, alpine::read, token::compare),
        Scheme::Maven => directly(scheme, a, b, maven::open, maven::compare),
        Scheme::RubyGems => directly(scheme, a, b, rubygems::read, token::compare),
        Scheme::Hackage => directly(scheme, a, b, dotted::read_hackage, token::compare),
        Scheme::Cran => directly(scheme, a, b, dotted::read_cran, token::compare),
        Scheme::Generic => directly(scheme, a, b, dotted::read_generic, token::compare),
    }
}

/// Opens both versions and compares what came out, or says which of them cannot be opened.
#[inline]
fn directly<'a, Opened>(
    scheme: Scheme,
    a: &'a str,
    b: &'a str,
    open: impl Fn(&'a str) -> Result<Opened, Reason>,
    order: impl FnOnce(Opened, Opened) -> Ordering,
) -> Result<Ordering, Unreadable> {
    let opened = |version| {
        admit(version)
            .and_then(&open)
            .map_err(|reason| Unreadable::new(scheme, version, reason))
    };
    Ok(order(opened(a)?, opened(b)?))
}

/// Makes the order-preserving key of a version: `key(a).cmp(&key(b))` is `compare(a, b)`, byte by byte.
///
/// For Maven it is so but where Maven runs in a circle, see the beginning of this crate.
///
/// Keys go into the advisory database, so that a lookup is a memory comparison and never a parse.
///
/// # Errors
///
/// [`Unreadable`] when the version cannot be read, or when its place depends on what it is compared with
/// ([`Reason::NoTotalOrder`]).
pub fn key(scheme: Scheme, version: &str) -> Result<Key, Unreadable> {
    let mut bytes = Vec::with_capacity(version.len().min(MAX_VERSION_LENGTH) * 2);
    write_key(scheme, version, &mut bytes)?;
    Ok(Key(bytes.into_boxed_slice()))
}

/// Appends the key of a version to `out`, for hot loops that reuse one buffer.
///
/// A key does not tell where it ends, so whoever appends several keeps their lengths beside them. On an error `out` is
/// left as it was.
///
/// # Errors
///
/// As [`key`].
pub fn write_key(scheme: Scheme, version: &str, out: &mut Vec<u8>) -> Result<(), Unreadable> {
    with_reader!(scheme, read => {
        let tokens = admit(version).and_then(read).map_err(|reason| Unreadable::new(scheme, version, reason))?;
        if scheme == Scheme::Packagist {
            packagist::refuse_wildcard(version).map_err(|reason| Unreadable::new(scheme, version, reason))?;
        }
        token::write(tokens, out);
        Ok(())
    })
}

/// Lets a text through to a scheme's reader when it has a size that any version could have.
///
/// A NUL byte ends a text in every tool written in C, so two versions that differ only behind it would be one there and
/// two here; it also ends a text inside a [`Key`].
fn admit(version: &str) -> Result<&str, Reason> {
    if version.len() > MAX_VERSION_LENGTH {
        return Err(Reason::TooLong {
            length: version.len(),
            limit: MAX_VERSION_LENGTH,
        });
    }
    if version.is_empty() {
        return Err(Reason::Empty);
    }
    match version.find('\0') {
        Some(offset) => Err(Reason::Unexpected {
            offset,
            expected: "anything but a NUL byte",
        }),
        None => Ok(version),
    }
}

/// Holds the order-preserving bytes of one version of one scheme.
///
/// Keys of different schemes are not comparable; whoever stores them stores the scheme beside them (in the advisory
/// database the shard's stream says it). The bytes are a file format: a change of any scheme's tokens is a new version
/// of the advisory database.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Key(Box<[u8]>);

impl Key {
    /// Returns the bytes to store or to compare by `memcmp`.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    /// Returns the bytes without copying them.
    #[must_use]
    pub fn into_bytes(self) -> Box<[u8]> {
        self.0
    }
}

impl AsRef<[u8]> for Key {
    fn as_ref(&self) -> &[u8] {
        &self.0
    }
}
