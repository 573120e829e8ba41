//! apt: what it would install, read from its own files or asked of itself.
//!
//! [`read_lists`] opens sources, pins and lists beneath a root; `plan` works
//! out what `apt-get dist-upgrade` would do; [`simulate`] asks the real apt on
//! a private copy; [`live`] asks the host's own.

pub mod live;
mod policy;
mod resolve;
pub mod simulate;
mod universe;
mod updates;

use crate::root::Root;
use plimsoll_core::model::host;
use plimsoll_core::model::problem::Problem;
use plimsoll_formats::packages::apt::preferences::{self, Preference};
use plimsoll_formats::packages::apt::release::{self, Release};
use plimsoll_formats::packages::apt::sources::{self, EntryKind, SourceEntry};
use plimsoll_formats::packages::apt::index;
use plimsoll_formats::packages::without_credentials;
use std::collections::BTreeSet;
pub(crate) use updates::sort as sort_updates;
pub use updates::{Pending, native};

/// Longest file of sources or preferences, in bytes.
const SETTINGS_LIMIT: usize = 1 << 20;
/// Longest Release file: Debian's main archive has 0.25 MB, Ubuntu's 0.3 MB.
const RELEASE_LIMIT: usize = 8 << 20;
/// Longest index as stored: Debian's main archive has 50 MB uncompressed.
const INDEX_LIMIT: usize = 256 << 20;
/// Folder of the lists.
const LISTS: &str = "var/lib/apt/lists";

/// One enabled suite with its Release file.
#[derive(Debug)]
pub struct Repository {
    /// Its line in the sources.
    pub entry: SourceEntry,
    /// What its Release file says; empty where there is none.
    pub release: Release,
    /// Host name, empty for local files.
    pub host: String,
    /// Whether a Release file was found.
    pub found: bool,
}

impl Repository {
    /// Whether it carries security updates, by its own Release file.
    ///
    /// Suite names such as `stable-security` move and are anybody's to use;
    /// label and code name together with the origin are not.
    pub fn is_security(&self) -> bool {
        let (origin, label) = (self.release.origin.as_deref(), self.release.label.as_deref());
        let named = |name: &Option<String>| name.as_deref().is_some_and(|name| name.ends_with("-security"));
        match origin {
            Some("Debian") => label == Some("Debian-Security") || named(&self.release.codename),
            Some("Ubuntu" | "UbuntuESM" | "UbuntuESMApps") => {
                named(&self.release.suite) || named(&self.release.codename)
            }
            _ => false,
        }
    }

    /// One repository of the host's facts for each of its components.
    fn facts(&self) -> impl Iterator<Item = host::Repository> {
        let entry = &self.entry;
        let components: Vec<String> =
            if entry.is_flat() { vec![String::new()] } else { entry.components.clone() };
        components.into_iter().map(move |component| {
            let place = entry.uri.split_once("://").map_or(entry.uri.as_str(), |(_, rest)| rest);
            let id = format!("{} {} {component}", place.trim_end_matches('/'), entry.suite);
            host::Repository {
                id: id.trim_end().to_owned(),
                url: without_credentials(&entry.uri).into_owned(),
                origin: self.release.origin.clone(),
                label: self.release.label.clone(),
                suite: self.release.suite.clone(),
                codename: self.release.codename.clone(),
                date: self.release.date,
                valid_until: self.release.valid_until,
                trusted: self.trusted(),
            }
        })
    }

    /// Whether apt checks its signature.
    fn trusted(&self) -> Option<bool> {
        if self.entry.trusted == Some(true) || self.entry.allow_insecure == Some(true) {
            return Some(false);
        }
        self.found.then_some(self.release.signed)
    }
}

/// The files that decide what apt would do.
#[derive(Debug, Default)]
pub struct Lists {
    pub(crate) repositories: Vec<Repository>,
    pub(crate) indices: Vec<universe::Index>,
    pub(crate) preferences: Vec<Preference>,
    /// Architectures, the system's own first.
    pub(crate) arches: Vec<String>,
    /// Sources and preferences as found, to copy: path and bytes.
    pub(crate) settings: Vec<(String, Vec<u8>)>,
    /// What limits the answer.
    pub problems: Vec<Problem>,
}

impl Lists {
    /// The enabled repositories as facts of the host, sorted.
    pub fn facts(&self) -> Vec<host::Repository> {
        let mut facts: Vec<_> = self.repositories.iter().flat_map(Repository::facts).collect();
        facts.sort();
        facts.dedup();
        facts
    }
}

/// Reads sources, preferences and Release files beneath a root, and with
/// `indices` the package indices and the status file too.
pub fn read_lists(root: &Root, status: &str, indices: bool) -> Lists {
    let mut lists = Lists { arches: arches(root, status), ..Lists::default() };
    let entries = read_sources(root, &mut lists);
    read_preferences(root, &mut lists);
    let names: BTreeSet<String> = match root.list(LISTS) {
        Ok(names) => names.into_iter().collect(),
        Err(problem) => {
            lists.problems.push(problem);
            BTreeSet::new()
        }
    };
    for entry in entries {
        if entry.enabled && entry.kind == EntryKind::Binary {
            read_repository(root, entry, &names, indices, &mut lists);
        }
    }
    if indices {
        lists.indices.push(universe::Index {
            place: "var/lib/dpkg/status".to_owned(),
            text: status.to_owned(),
            ..universe::Index::default()
        });
    }
    mention_configuration(root, &mut lists);
    lists
}

/// The architectures of a system: `/var/lib/dpkg/arch` where it exists, else
/// the one of its dpkg.
fn arches(root: &Root, status: &str) -> Vec<String> {
    use plimsoll_formats::packages::control;
    let native = control::paragraphs(status)
        .filter(|paragraph| paragraph.text().starts_with("Package: dpkg\n"))
        .find_map(|paragraph| paragraph.field("Architecture"))
        .or_else(|| {
            control::paragraphs(status)
                .filter_map(|paragraph| paragraph.field("Architecture"))
                .find(|arch| *arch != "all")
        })
        .unwrap_or("amd64")
        .to_owned();
    let mut arches = vec![native];
    if let Ok(Some(bytes)) = root.read("var/lib/dpkg/arch", 4096) {
        for arch in String::from_utf8_lossy(&bytes).split_whitespace() {
            if !arches.iter().any(|known| known == arch) {
                arches.push(arch.to_owned());
            }
        }
    }
    arches
}

/// Names apt reads from a folder of settings: letters, digits, `_`, `-`, `.`.
fn readable_name(name: &str) -> bool {
    !name.starts_with('.') && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"_-.".contains(&byte))
}

fn settings(root: &Root, path: &str, lists: &mut Lists) -> Option<Vec<u8>> {
    match root.read(path, SETTINGS_LIMIT) {
        Ok(Some(bytes)) => {
            lists.settings.push((path.to_owned(), bytes.clone()));
            Some(bytes)
        }
        Ok(None) => None,
        Err(problem) => {
            lists.problems.push(problem);
            None
        }
    }
}

fn read_sources(root: &Root, lists: &mut Lists) -> Vec<SourceEntry> {
    let mut paths = vec!["etc/apt/sources.list".to_owned()];
    let folder = root.list("etc/apt/sources.list.d").unwrap_or_default();
    paths.extend(folder.iter().filter(|name| readable_name(name)).map(|name| format!("etc/apt/sources.list.d/{name}")));
    let mut entries = Vec::new();
    for path in paths {
        let deb822 = path.ends_with(".sources");
        if !deb822 && !path.ends_with(".list") {
            continue;
        }
        let Some(bytes) = settings(root, &path, lists) else { continue };
        let read = if deb822 { sources::parse_deb822(&path, &bytes) } else { sources::parse_list(&path, &bytes) };
        match read {
            Ok(read) => {
                entries.extend(read.entries);
                lists.problems.extend(read.problems);
            }
            Err(problem) => lists.problems.push(problem),
        }
    }
    entries
}

fn read_preferences(root: &Root, lists: &mut Lists) {
    let mut paths = vec!["etc/apt/preferences".to_owned()];
    let folder = root.list("etc/apt/preferences.d").unwrap_or_default();
    paths.extend(
        folder
            .iter()
            .filter(|name| readable_name(name) && (name.ends_with(".pref") || !name.contains('.')))
            .map(|name| format!("etc/apt/preferences.d/{name}")),
    );
    for path in paths {
        let Some(bytes) = settings(root, &path, lists) else { continue };
        match preferences::parse(&path, &bytes) {
            Ok((read, problems)) => {
                lists.preferences.extend(read);
                lists.problems.extend(problems);
            }
            Err(problem) => lists.problems.push(problem),
        }
    }
}

fn read_repository(root: &Root, entry: SourceEntry, names: &BTreeSet<String>, indices: bool, lists: &mut Lists) {
    let native = lists.arches.first().cloned().unwrap_or_default();
    let mut repository =
        Repository { host: entry.host().to_owned(), entry, release: Release::default(), found: false };
    let found = repository.entry.release_names(&native).into_iter().find(|name| names.contains(name));
    if let Some(name) = found {
        let path = format!("{LISTS}/{name}");
        match root.read(&path, RELEASE_LIMIT) {
            Ok(Some(bytes)) => match release::parse(&path, &bytes) {
                Ok((release, problems)) => {
                    repository.release = release;
                    repository.found = true;
                    lists.problems.extend(problems);
                }
                Err(problem) => lists.problems.push(problem),
            },
            Ok(None) => {}
            Err(problem) => lists.problems.push(problem),
        }
    }
    let number = lists.repositories.len();
    let components: Vec<String> =
        if repository.entry.is_flat() { vec![String::new()] } else { repository.entry.components.clone() };
    let mut present = 0usize;
    for component in &components {
        for arch in index_arches(&repository.entry, &lists.arches) {
            let name = repository.entry.packages_name(component, &arch, &native);
            let Some(name) = stored(&name, names) else { continue };
            present += 1;
            if !indices {
                continue;
            }
            match read_index(root, &name) {
                Ok(text) => lists.indices.push(universe::Index {
                    place: name,
                    text,
                    repository: Some(number),
                    component: component.clone(),
                    arch,
                }),
                Err(problem) => lists.problems.push(problem),
            }
            if repository.entry.is_flat() {
                break;
            }
        }
    }
    if present == 0 {
        lists.problems.push(Problem::new(
            "W-LISTS",
            format!("{} {}", repository.entry.uri, repository.entry.suite),
            "is an enabled repository, but there is no package index of it; its updates are not seen",
            "run `apt-get update` on the host",
        ));
    }
    lists.repositories.push(repository);
}

/// Architectures whose index an entry has, `all` last.
fn index_arches(entry: &SourceEntry, arches: &[String]) -> Vec<String> {
    let asked = if entry.architectures.is_empty() { arches } else { &entry.architectures };
    let known = asked.iter().filter(|arch| arches.contains(arch));
    known.cloned().chain(std::iter::once("all".to_owned())).collect()
}

/// The name an index is stored under, compressed or not.
fn stored(name: &str, names: &BTreeSet<String>) -> Option<String> {
    ["", ".lz4", ".gz", ".xz", ".zst", ".bz2"]
        .into_iter()
        .map(|suffix| format!("{name}{suffix}"))
        .find(|name| names.contains(name))
}

fn read_index(root: &Root, name: &str) -> Result<String, Problem> {
    let path = format!("{LISTS}/{name}");
    let bytes = root.read(&path, INDEX_LIMIT)?.unwrap_or_default();
    let owned = match index::text(&path, &bytes)? {
        std::borrow::Cow::Owned(text) => Some(text),
        std::borrow::Cow::Borrowed(text) if text.len() == bytes.len() => None,
        std::borrow::Cow::Borrowed(text) => Some(text.to_owned()),
    };
    match owned {
        Some(text) => Ok(text),
        None => String::from_utf8(bytes).map_err(|error| {
            Problem::new("E-FORMAT", path, error.to_string(), "run `apt-get update` on the host")
        }),
    }
}

/// Says so where the root's own apt configuration, which is never used,
/// would change the plan.
fn mention_configuration(root: &Root, lists: &mut Lists) {
    const DECISIVE: [&str; 3] = ["APT::Default-Release", "APT::Install-Recommends", "APT::Ignore-Hold"];
    let folder = root.list("etc/apt/apt.conf.d").unwrap_or_default();
    let paths = folder
        .iter()
        .filter(|name| readable_name(name))
        .map(|name| format!("etc/apt/apt.conf.d/{name}"))
        .chain(std::iter::once("etc/apt/apt.conf".to_owned()));
    for path in paths {
        let Ok(Some(bytes)) = root.read(&path, SETTINGS_LIMIT) else { continue };
        let text = String::from_utf8_lossy(&bytes);
        for name in DECISIVE {
            let set = text.lines().any(|line| !line.trim_start().starts_with(['/', '#']) && line.contains(name));
            if set {
                lists.problems.push(Problem::new(
                    "W-APT-CONF",
                    &path,
                    format!("sets {name}, which can change the plan; a root's apt configuration is never used"),
                    "scan the live host, where apt answers with its own configuration",
                ));
            }
        }
    }
}
