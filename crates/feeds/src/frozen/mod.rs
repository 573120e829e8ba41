//! Frozen sets as folders: writing, verifying, and carrying them as one file.
//!
//! ```text
//! SET/set.json, set.json.asc        what is in it, signed
//! SET/debian-12/dists/…, pool/…     what apt installs from, one suite a publisher's suite
//! SET/rocky-9-baseos/repodata/…      what dnf installs from, with its pool/
//! SET/evidence/…                    what the publishers signed, as it was fetched
//! ```
//!
//! A publisher's signature covers whole indices, so a selection needs a
//! signature of one's own; what the publisher signed stays beside it as the
//! proof of origin. Its `Release` says again what the publisher's calls itself
//! (origin, label, suite, codename), so that hosts' rules hold and a security
//! update stays one. A whole suite keeps the publisher's own index and signature.

mod pen;
mod transfer;
mod verify;
mod write;

pub use transfer::{export, import};
pub use verify::{Checked, Opened, open, origins};
pub use write::{Draft, DraftTree, Entry, Evidence, Upstream, write};

use plimsoll_core::model::problem::Problem;
use std::path::Path;

/// The description of a set.
pub const DOCUMENT: &str = "set.json";
/// Its signature.
pub const SIGNATURE: &str = "set.json.asc";

const NEXT: &str = "fetch or import the set again; hosts must not install from this one";

fn altered(place: &Path, text: String) -> Problem {
    Problem::new("E-ALTERED", place.to_string_lossy(), text, NEXT)
}
