//! PHP: Composer's `composer.lock` and `vendor/composer/installed.json`.
//!
//! Source: Composer's documentation and its JSON schema for lock files.

use super::collect::{Collector, Ecosystem, Entry as Found, Origin};
use super::document;
use super::lenient::{Entry, Sequence, Text};
use plimsoll_core::model::component::Scope;
use plimsoll_core::model::problem::Problem;
use serde::Deserialize;
use std::collections::BTreeSet;

#[derive(Deserialize, Default)]
#[serde(default, rename_all = "kebab-case")]
struct Lock {
    packages: Sequence<Entry<Package>>,
    packages_dev: Sequence<Entry<Package>>,
    dev_package_names: Sequence<Text>,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct Package {
    name: Text,
    version: Text,
    dist: Entry<Address>,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct Address {
    #[serde(rename = "type")]
    kind: Text,
}

pub(super) fn lock(bytes: &[u8], into: &mut Collector<'_>) -> Result<(), Problem> {
    let lock: Lock = document::json(into.place(), bytes)?;
    into.shape("packages", lock.packages.1, true)?;
    into.shape("packages-dev", lock.packages_dev.1, false)?;
    packages(&lock.packages, |_| Scope::Runtime, into);
    packages(&lock.packages_dev, |_| Scope::Development, into);
    Ok(())
}

/// Composer 1 wrote a bare list, Composer 2 an object with the names of
/// development packages.
pub(super) fn installed(bytes: &[u8], into: &mut Collector<'_>) -> Result<(), Problem> {
    let first = bytes.iter().find(|byte| !byte.is_ascii_whitespace());
    if first == Some(&b'[') {
        let list: Sequence<Entry<Package>> = document::json(into.place(), bytes)?;
        packages(&list, |_| Scope::Runtime, into);
        return Ok(());
    }
    let lock: Lock = document::json(into.place(), bytes)?;
    into.shape("packages", lock.packages.1, true)?;
    let development: BTreeSet<&str> = lock.dev_package_names.0.iter().filter_map(Text::get).collect();
    let scope = |name: &str| if development.contains(name) { Scope::Development } else { Scope::Runtime };
    packages(&lock.packages, scope, into);
    Ok(())
}

fn packages(list: &Sequence<Entry<Package>>, scope: impl Fn(&str) -> Scope, into: &mut Collector<'_>) {
    for (index, entry) in list.0.iter().enumerate() {
        let Some(package) = &entry.0 else {
            into.unread(&format!("package {}", index + 1), "is not an object");
            continue;
        };
        let path = package.dist.0.as_ref().and_then(|dist| dist.kind.get()) == Some("path");
        let name = package.name.get().unwrap_or_default();
        into.add(Found {
            ecosystem: Ecosystem::Packagist,
            name,
            version: package.version.get().unwrap_or_default(),
            origin: if path { Origin::Own } else { Origin::Registry },
            scope: scope(name),
        });
    }
}
