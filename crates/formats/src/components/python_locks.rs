//! Python lock files: Poetry, uv, Pipenv and PEP 751's `pylock.toml`.
//!
//! Sources: PEP 751; uv's and Poetry's documentation and files written by
//! them; Pipenv's documentation. An index other than PyPI counts as a mirror
//! of it: names are the same there by intent, and a missed finding is worse
//! than one too many.

use super::collect::{Collector, Ecosystem, Entry as Found, Origin};
use super::document;
use super::lenient::{Entries, Entry, Flag, Sequence, Text};
use super::reach::Graph;
use plimsoll_core::model::component::Scope;
use plimsoll_core::model::problem::Problem;
use serde::Deserialize;
use std::collections::BTreeMap;

#[derive(Deserialize, Default)]
struct PoetryLock {
    #[serde(default)]
    package: Sequence<Entry<PoetryPackage>>,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct PoetryPackage {
    name: Text,
    version: Text,
    /// Until Poetry 1.4.
    category: Text,
    /// From Poetry 2.0.
    groups: Sequence<Text>,
    optional: Flag,
    source: Entry<PoetrySource>,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct PoetrySource {
    #[serde(rename = "type")]
    kind: Text,
    url: Text,
}

pub(super) fn poetry(bytes: &[u8], into: &mut Collector<'_>) -> Result<(), Problem> {
    let lock: PoetryLock = document::toml(into.place(), bytes)?;
    into.shape("package", lock.package.1, false)?;
    for (index, entry) in lock.package.0.iter().enumerate() {
        let Some(package) = &entry.0 else {
            into.unread(&format!("package {}", index + 1), "is not a table");
            continue;
        };
        let source = package.source.0.as_ref();
        let address = source.and_then(|source| source.url.get()).unwrap_or_default();
        let origin = match source.and_then(|source| source.kind.get()) {
            None | Some("legacy" | "pypi") => Origin::Registry,
            Some("git" | "hg") => Origin::Repository(address),
            Some("directory") => Origin::Own,
            Some(_) => Origin::Address(address),
        };
        let groups: Vec<&str> = package.groups.0.iter().filter_map(Text::get).collect();
        let development =
            package.category.get() == Some("dev") || (!groups.is_empty() && !groups.contains(&"main"));
        let scope = match (package.optional.0, development) {
            (true, _) => Scope::Optional,
            (false, true) => Scope::Development,
            _ => Scope::Runtime,
        };
        let (name, version) = (package.name.get().unwrap_or_default(), package.version.get().unwrap_or_default());
        into.add(Found { ecosystem: Ecosystem::PyPi, name, version, origin, scope });
    }
    Ok(())
}

#[derive(Deserialize, Default)]
struct UvLock {
    #[serde(default)]
    package: Sequence<Entry<UvPackage>>,
}

#[derive(Deserialize, Default)]
#[serde(default, rename_all = "kebab-case")]
struct UvPackage {
    name: Text,
    version: Text,
    source: Entry<UvSource>,
    dependencies: Sequence<Entry<UvDependency>>,
    optional_dependencies: Entries<Sequence<Entry<UvDependency>>>,
    dev_dependencies: Entries<Sequence<Entry<UvDependency>>>,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct UvSource {
    git: Text,
    url: Text,
    path: Text,
    directory: Text,
    editable: Text,
    #[serde(rename = "virtual")]
    without_code: Text,
}

impl UvSource {
    fn origin(&self) -> Origin<'_> {
        let own = [&self.directory, &self.editable, &self.without_code];
        if own.iter().any(|field| field.get().is_some()) {
            Origin::Own
        } else if let Some(git) = self.git.get() {
            Origin::Repository(git)
        } else if let Some(address) = self.url.get().or(self.path.get()) {
            Origin::Address(address)
        } else {
            Origin::Registry
        }
    }
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct UvDependency {
    name: Text,
    version: Text,
}

pub(super) fn uv(bytes: &[u8], into: &mut Collector<'_>) -> Result<(), Problem> {
    let lock: UvLock = document::toml(into.place(), bytes)?;
    into.shape("package", lock.package.1, false)?;
    let packages: Vec<&UvPackage> = lock.package.0.iter().filter_map(|entry| entry.0.as_ref()).collect();
    for (index, _) in lock.package.0.iter().enumerate().filter(|(_, entry)| entry.0.is_none()) {
        into.unread(&format!("package {}", index + 1), "is not a table");
    }
    for (package, scope) in packages.iter().zip(uv_scopes(&packages)) {
        let origin = package.source.0.as_ref().map_or(Origin::Registry, UvSource::origin);
        let name = package.name.get().unwrap_or_default();
        let Some(version) = package.version.get() else {
            if origin != Origin::Own {
                into.unread(name, "has no version");
            }
            continue; // a project whose version is made when it is built
        };
        into.add(Found { ecosystem: Ecosystem::PyPi, name, version, origin, scope });
    }
    Ok(())
}

fn uv_scopes(packages: &[&UvPackage]) -> Vec<Scope> {
    let mut numbers: BTreeMap<&str, Vec<usize>> = BTreeMap::new();
    for (number, package) in packages.iter().enumerate() {
        numbers.entry(package.name.get().unwrap_or_default()).or_default().push(number);
    }
    // A name alone may stand for several versions, chosen by platform.
    let find = |list: &Sequence<Entry<UvDependency>>| -> Vec<usize> {
        let wanted = list.0.iter().filter_map(|entry| entry.0.as_ref());
        let same = |number: &usize, version: Option<&str>| {
            version.is_none() || packages.get(*number).is_some_and(|package| package.version.get() == version)
        };
        wanted
            .flat_map(|one| {
                let all = numbers.get(one.name.get().unwrap_or_default()).into_iter().flatten();
                all.copied().filter(move |number| same(number, one.version.get()))
            })
            .collect()
    };
    let own = |package: &UvPackage| package.source.0.as_ref().is_some_and(|source| source.origin() == Origin::Own);
    let mut graph = Graph::new(packages.len());
    let (mut runtime, mut optional, mut development) = (Vec::new(), Vec::new(), Vec::new());
    for ((number, package), (needs, may_use)) in
        packages.iter().enumerate().zip(graph.needs.iter_mut().zip(graph.may_use.iter_mut()))
    {
        *needs = find(&package.dependencies);
        let extras: Vec<usize> = package.optional_dependencies.0.iter().flat_map(|(_, list)| find(list)).collect();
        if own(package) {
            runtime.push(number);
            optional.extend(extras);
            development.extend(package.dev_dependencies.0.iter().flat_map(|(_, list)| find(list)));
        } else {
            *may_use = extras;
        }
    }
    graph.scopes(&runtime, &optional, &development)
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct PipfilePackage {
    version: Text,
    git: Text,
    hg: Text,
    path: Text,
    file: Text,
}

pub(super) fn pipfile(bytes: &[u8], into: &mut Collector<'_>) -> Result<(), Problem> {
    let lock: Entries<Entries<Entry<PipfilePackage>>> = document::json(into.place(), bytes)?;
    into.shape("default", lock.1, true)?;
    for (category, packages) in &lock.0 {
        if category == "_meta" {
            continue;
        }
        into.shape(category, packages.1, false)?;
        let scope = if category == "develop" { Scope::Development } else { Scope::Runtime };
        for (name, entry) in &packages.0 {
            match &entry.0 {
                Some(package) => pipfile_package(name, package, scope, into),
                None => into.unread(name, "is not an object"),
            }
        }
    }
    Ok(())
}

fn pipfile_package(name: &str, package: &PipfilePackage, scope: Scope, into: &mut Collector<'_>) {
    let origin = if let Some(repository) = package.git.get().or(package.hg.get()) {
        Origin::Repository(repository)
    } else if let Some(file) = package.file.get() {
        Origin::Address(file)
    } else if package.path.get().is_some() {
        Origin::Own
    } else {
        Origin::Registry
    };
    let version = package.version.get().map(|version| version.trim_start_matches('='));
    match version {
        Some(version) if !version.starts_with(['<', '>', '~', '!', '*']) => {
            into.add(Found { ecosystem: Ecosystem::PyPi, name, version, origin, scope });
        }
        _ if origin == Origin::Registry => into.unread(name, "has no exact version"),
        _ => into.incomplete(format!(
            "{} is taken from a repository or folder without a version",
            plimsoll_core::model::problem::printable(name)
        )),
    }
}

#[derive(Deserialize, Default)]
struct PyLock {
    #[serde(default)]
    packages: Sequence<Entry<PyLockPackage>>,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct PyLockPackage {
    name: Text,
    version: Text,
    marker: Text,
    vcs: Entry<PyLockAddress>,
    archive: Entry<PyLockAddress>,
    directory: Entry<PyLockAddress>,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct PyLockAddress {
    url: Text,
    path: Text,
}

pub(super) fn pylock(bytes: &[u8], into: &mut Collector<'_>) -> Result<(), Problem> {
    let lock: PyLock = document::toml(into.place(), bytes)?;
    into.shape("packages", lock.packages.1, true)?;
    for (index, entry) in lock.packages.0.iter().enumerate() {
        let Some(package) = &entry.0 else {
            into.unread(&format!("package {}", index + 1), "is not a table");
            continue;
        };
        let name = package.name.get().unwrap_or_default();
        let address = |entry: &'_ Entry<PyLockAddress>| -> Option<String> {
            let entry = entry.0.as_ref()?;
            Some(entry.url.get().or(entry.path.get()).unwrap_or_default().to_owned())
        };
        let (vcs, archive) = (address(&package.vcs), address(&package.archive));
        let origin = match (&vcs, &archive) {
            (Some(repository), _) => Origin::Repository(repository),
            (_, Some(archive)) => Origin::Address(archive),
            _ if package.directory.0.is_some() => Origin::Own,
            _ => Origin::Registry,
        };
        let marker = package.marker.get().unwrap_or_default();
        let scope = if marker.contains("dependency_groups") {
            Scope::Development
        } else if marker.contains("extras") {
            Scope::Optional
        } else {
            Scope::Runtime
        };
        match package.version.get() {
            Some(version) => into.add(Found { ecosystem: Ecosystem::PyPi, name, version, origin, scope }),
            None if origin == Origin::Registry => into.unread(name, "has no version"),
            None => into.incomplete(format!(
                "{} is taken from a repository or folder without a version",
                plimsoll_core::model::problem::printable(name)
            )),
        }
    }
    Ok(())
}
