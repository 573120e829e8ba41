//! Rust: `Cargo.lock` versions 1 to 4, and the list that cargo-auditable
//! builds into programs.
//!
//! Sources: the Cargo book (`Cargo.lock` has no public specification, its
//! versions are described in `cargo::core::resolver::encode`), and the
//! cargo-auditable repository's `PARSING.md` and JSON schema.

use super::collect::{Collector, Ecosystem, Entry as Found, Origin};
use super::document;
use super::lenient::{Entry, Flag, Sequence, Text};
use plimsoll_core::model::component::Scope;
use plimsoll_core::model::problem::Problem;
use serde::Deserialize;

#[derive(Deserialize, Default)]
struct Lock {
    #[serde(default)]
    package: Sequence<Entry<Package>>,
    /// Version 1 before 2017 kept the project itself apart.
    #[serde(default)]
    root: Entry<Package>,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct Package {
    name: Text,
    version: Text,
    source: Text,
}

/// Tells crates.io, under both of its index addresses, from everything else:
/// another registry may hold another crate under the same name.
fn origin(source: Option<&str>) -> Origin<'_> {
    match source {
        None => Origin::Own,
        Some(
            "registry+https://github.com/rust-lang/crates.io-index"
            | "sparse+https://index.crates.io/"
            | "registry+sparse+https://index.crates.io/",
        ) => Origin::Registry,
        Some(git) if git.starts_with("git+") => Origin::Repository(git),
        Some(other) => Origin::Address(other),
    }
}

pub(super) fn lock(bytes: &[u8], into: &mut Collector<'_>) -> Result<(), Problem> {
    let lock: Lock = document::toml(into.place(), bytes)?;
    into.shape("package", lock.package.1, false)?;
    let root = lock.root.0.map(|package| Entry(Some(package)));
    for (index, entry) in lock.package.0.into_iter().chain(root).enumerate() {
        let Some(package) = entry.0 else {
            into.unread(&format!("package {}", index + 1), "is not a table");
            continue;
        };
        into.add(Found {
            ecosystem: Ecosystem::Cargo,
            name: package.name.get().unwrap_or_default(),
            version: package.version.get().unwrap_or_default(),
            origin: origin(package.source.get()),
            scope: Scope::Runtime,
        });
    }
    Ok(())
}

#[derive(Deserialize, Default)]
struct Auditable {
    #[serde(default)]
    packages: Sequence<Entry<AuditablePackage>>,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct AuditablePackage {
    name: Text,
    version: Text,
    source: Text,
    kind: Text,
    root: Flag,
}

/// Reads the JSON of a program's `.dep-v0` section, already decompressed.
pub(super) fn auditable(bytes: &[u8], into: &mut Collector<'_>) -> Result<(), Problem> {
    let list: Auditable = document::json(into.place(), bytes)?;
    into.shape("packages", list.packages.1, true)?;
    for (index, entry) in list.packages.0.into_iter().enumerate() {
        let Some(package) = entry.0 else {
            into.unread(&format!("package {}", index + 1), "is not an object");
            continue;
        };
        let origin = match package.source.get() {
            _ if package.root.0 => Origin::Own,
            Some("crates.io") => Origin::Registry,
            Some("local") | None => Origin::Own,
            Some("git") => Origin::Repository(""),
            Some(_) => Origin::Address(""),
        };
        let build = package.kind.get() == Some("build");
        into.add(Found {
            ecosystem: Ecosystem::Cargo,
            name: package.name.get().unwrap_or_default(),
            version: package.version.get().unwrap_or_default(),
            origin,
            scope: if build { Scope::Development } else { Scope::Runtime },
        });
    }
    Ok(())
}
