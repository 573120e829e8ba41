//! pnpm: `pnpm-lock.yaml` versions 5 to 9.
//!
//! Source: the repository `pnpm/spec` (5.x, 6.0) and files written by pnpm 7
//! to 10. Keys of `packages` are `/name/1.0.0_peers` up to version 5,
//! `/name@1.0.0(peers)` in 6 and `name@1.0.0` in 9, where the peers moved to
//! `snapshots`. Up to 6 each entry says whether it is for development; in 9
//! the graph does.

use super::collect::{Collector, Ecosystem, Entry as Found, Origin};
use super::document;
use super::lenient::{Entries, Entry, Flag, Text};
use super::npm::{origin, split_at_version};
use super::reach::Graph;
use plimsoll_core::model::component::Scope;
use plimsoll_core::model::problem::Problem;
use serde::Deserialize;
use std::collections::BTreeMap;

#[derive(Deserialize, Default)]
#[serde(default, rename_all = "camelCase")]
struct Lock {
    lockfile_version: Text,
    importers: Entries<Entry<Importer>>,
    packages: Entries<Entry<Package>>,
    snapshots: Entries<Entry<Snapshot>>,
}

#[derive(Deserialize, Default)]
#[serde(default, rename_all = "camelCase")]
struct Importer {
    dependencies: Entries<Entry<Asked>>,
    dev_dependencies: Entries<Entry<Asked>>,
    optional_dependencies: Entries<Entry<Asked>>,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct Asked {
    version: Text,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct Package {
    name: Text,
    version: Text,
    dev: Flag,
    optional: Flag,
    resolution: Entry<Resolution>,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct Resolution {
    tarball: Text,
    repo: Text,
    directory: Text,
}

#[derive(Deserialize, Default)]
#[serde(default, rename_all = "camelCase")]
struct Snapshot {
    dependencies: Entries<Text>,
    optional_dependencies: Entries<Text>,
}

pub(super) fn lock(bytes: &[u8], into: &mut Collector<'_>) -> Result<(), Problem> {
    // pnpm 11 puts its own tools into a first document.
    let documents: Vec<Lock> = document::yaml(into.place(), bytes)?;
    let mut known = false;
    for lock in &documents {
        let Some(version) = lock.lockfile_version.get() else { continue };
        let Some(major) = version.split('.').next().and_then(|major| major.parse::<u32>().ok()) else {
            continue;
        };
        known = true;
        if !(5..=9).contains(&major) {
            return Err(Problem::new(
                "E-FORMAT",
                into.place(),
                format!("is of lock file version {major}; versions 5 to 9 are read"),
                "write it again with pnpm 7 to 11",
            ));
        }
        into.shape("packages", lock.packages.1, false)?;
        let scopes = if major >= 9 { scopes(lock) } else { BTreeMap::new() };
        for (key, entry) in &lock.packages.0 {
            match &entry.0 {
                Some(package) => one(major, key, package, scopes.get(key.as_str()).copied(), into),
                None => into.unread(key, "is not a map"),
            }
        }
    }
    if known {
        Ok(())
    } else {
        Err(Problem::new("E-FORMAT", into.place(), "states no lockfileVersion", "run `pnpm install` again"))
    }
}

fn one(major: u32, key: &str, package: &Package, scope: Option<Scope>, into: &mut Collector<'_>) {
    let resolution = package.resolution.0.as_ref();
    let source = resolution.map(|from| (from.repo.get(), from.tarball.get(), from.directory.get()));
    let origin = match source {
        Some((Some(repository), _, _)) => Origin::Repository(repository),
        Some((_, _, Some(_))) => Origin::Own,
        Some((_, Some(tarball), _)) => origin(tarball),
        _ => Origin::Registry,
    };
    let scope = scope.unwrap_or(match (package.dev.0, package.optional.0) {
        (true, _) => Scope::Development,
        (false, true) => Scope::Optional,
        _ => Scope::Runtime,
    });
    let spelled = key.split('(').next().unwrap_or(key);
    let Some((name, version)) = name_and_version(major, spelled, package) else {
        return into.unread(key, "names no package and version");
    };
    into.add(Found { ecosystem: Ecosystem::Npm, name, version, origin, scope });
}

/// Takes name and version from the key, or from the entry where the key is an
/// address.
fn name_and_version<'a>(major: u32, key: &'a str, package: &'a Package) -> Option<(&'a str, &'a str)> {
    let from_key = match key.strip_prefix('/') {
        Some(rest) if major <= 5 => {
            // `@scope/name/1.0.0_peers`; the version ends at its first `_`.
            let (name, version) = rest.rsplit_once('/').filter(|(_, last)| starts_as_version(last)).or_else(|| {
                let at = rest.find(|c: char| c == '/').filter(|_| !rest.starts_with('@'))?;
                Some((rest.get(..at)?, rest.get(at + 1..)?))
            })?;
            Some((name, version.split('_').next().unwrap_or(version)))
        }
        Some(rest) => split_at_version(rest),
        None if major >= 9 => split_at_version(key),
        // `registry.example/name/1.0.0` or `github.com/user/repository/commit`.
        None => None,
    };
    let version = package.version.get().or(from_key.map(|(_, version)| version))?;
    let name = package.name.get().or(from_key.map(|(name, _)| name))?;
    Some((name, version))
}

fn starts_as_version(text: &str) -> bool {
    text.starts_with(|first: char| first.is_ascii_digit())
}

/// Finds when each package of a version 9 file is needed; keys are those of
/// `packages`, the widest need of its snapshots counts.
fn scopes(lock: &Lock) -> BTreeMap<&str, Scope> {
    let numbers: BTreeMap<&str, usize> =
        lock.snapshots.0.iter().enumerate().map(|(number, (key, _))| (key.as_str(), number)).collect();
    // An alias states the whole key as its version.
    let find = |name: &str, version: &str| {
        numbers.get(format!("{name}@{version}").as_str()).or_else(|| numbers.get(version)).copied()
    };
    let edges = |list: &Entries<Text>| -> Vec<usize> {
        list.0.iter().filter_map(|(name, version)| find(name, version.get()?)).collect()
    };
    let mut graph = Graph::new(lock.snapshots.0.len());
    for (number, (_, entry)) in lock.snapshots.0.iter().enumerate() {
        let (Some(snapshot), Some(needs), Some(may_use)) =
            (&entry.0, graph.needs.get_mut(number), graph.may_use.get_mut(number))
        else {
            continue;
        };
        *needs = edges(&snapshot.dependencies);
        *may_use = edges(&snapshot.optional_dependencies);
    }
    let asked = |pick: fn(&Importer) -> &Entries<Entry<Asked>>| -> Vec<usize> {
        let importers = lock.importers.0.iter().filter_map(|(_, entry)| entry.0.as_ref());
        let wanted = importers.flat_map(|importer| pick(importer).0.iter());
        wanted.filter_map(|(name, asked)| find(name, asked.0.as_ref()?.version.get()?)).collect()
    };
    let runtime = asked(|importer| &importer.dependencies);
    let optional = asked(|importer| &importer.optional_dependencies);
    let development = asked(|importer| &importer.dev_dependencies);
    let found = graph.scopes(&runtime, &optional, &development);
    let mut out: BTreeMap<&str, Scope> = BTreeMap::new();
    for ((key, _), scope) in lock.snapshots.0.iter().zip(found) {
        let package = key.split('(').next().unwrap_or(key);
        let known = out.entry(package).or_insert(scope);
        if scope == Scope::Runtime || (scope == Scope::Optional && *known == Scope::Development) {
            *known = scope;
        }
    }
    out
}
