//! Which version of a package apt would choose: priorities and pins.
//!
//! Source: apt_preferences(5) and apt-pkg/policy.cc. The rules are small and
//! their order matters: a specific pin hides every repository's priority; a
//! version older than the installed one needs a priority of 1000; among equal
//! priorities the newest version wins, and the installed one wins a tie with
//! itself only.

use super::Repository;
use plimsoll_formats::packages::relation::order;
use super::universe::{Index, PackageId, Universe, VersionId};
use plimsoll_formats::packages::apt::preferences::{Candidate, Pin, Preference};
use plimsoll_formats::packages::dpkg::source_of;
use std::cmp::Ordering;

/// Priority of an ordinary repository.
const ORDINARY: i32 = 500;
/// Priority of what is installed, and of `NotAutomatic` repositories that
/// allow upgrades of what came from them.
const INSTALLED: i32 = 100;
/// Priority of `NotAutomatic` repositories.
const NOT_AUTOMATIC: i32 = 1;
/// From this priority on a version is taken even when it is a downgrade.
const DOWNGRADE: i32 = 1000;

/// Priorities of the indices of a system.
pub(crate) struct Policy<'a> {
    indices: &'a [Index],
    repositories: &'a [Repository],
    preferences: &'a [Preference],
    priorities: Vec<i32>,
    installed: i32,
}

impl<'a> Policy<'a> {
    /// Works out the priority of each index from its Release file and the
    /// general pins; of those the first that matches counts.
    pub(crate) fn new(indices: &'a [Index], repositories: &'a [Repository], preferences: &'a [Preference]) -> Self {
        let mut policy = Self { indices, repositories, preferences, priorities: Vec::new(), installed: INSTALLED };
        policy.priorities = (0..indices.len()).map(|index| policy.index_priority(index)).collect();
        policy.installed = policy.general_pin(None).unwrap_or(INSTALLED);
        policy
    }

    fn index_priority(&self, index: usize) -> i32 {
        let release = self.indices.get(index).and_then(|index| self.repositories.get(index.repository?));
        let default = match release.map(|repository| &repository.release) {
            Some(release) if release.not_automatic && release.but_automatic_upgrades => INSTALLED,
            Some(release) if release.not_automatic => NOT_AUTOMATIC,
            _ => ORDINARY,
        };
        self.general_pin(Some(index)).unwrap_or(default)
    }

    fn general_pin(&self, index: Option<usize>) -> Option<i32> {
        let candidate = self.seen("", "", "", "", index);
        self.preferences
            .iter()
            .filter(|preference| preference.is_general() && !matches!(preference.pin, Pin::Version(_)))
            .find(|preference| preference.priority != 0 && preference.matches(&candidate))
            .map(|preference| preference.priority)
    }

    /// A version as pins look at it, in one of its indices or as installed.
    fn seen<'c>(&'c self, name: &'c str, source: &'c str, arch: &'c str, version: &'c str, index: Option<usize>) -> Candidate<'c> {
        let index = index.and_then(|index| self.indices.get(index));
        let repository = index.and_then(|index| self.repositories.get(index.repository?));
        Candidate {
            name,
            source,
            arch,
            version,
            release: repository.map(|repository| &repository.release),
            host: repository.map_or("", |repository| repository.host.as_str()),
            component: index.map_or("", |index| index.component.as_str()),
            index_arch: index.map_or("", |index| index.arch.as_str()),
        }
    }

    /// The priority of a version.
    pub(crate) fn priority(&self, universe: &Universe<'_>, version: VersionId) -> i32 {
        let Some(found) = universe.versions.get(version) else { return 0 };
        let Some(package) = universe.packages.get(found.package) else { return 0 };
        let current = package.current == Some(version);
        if self.preferences.iter().any(|preference| !preference.is_general()) {
            let (source, _) = source_of(package.name, found.fields.version, found.fields.source);
            let places = found.indices.iter().copied().map(Some).chain(current.then_some(None));
            let candidates: Vec<Candidate<'_>> = places
                .map(|place| self.seen(package.name, source, package.arch, found.fields.version, place))
                .collect();
            let pin = self
                .preferences
                .iter()
                .filter(|preference| !preference.is_general())
                .find(|preference| candidates.iter().any(|candidate| preference.matches(candidate)));
            if let Some(pin) = pin {
                return pin.priority;
            }
        }
        let places = found.indices.iter().filter_map(|index| self.priorities.get(*index).copied());
        places.chain(current.then_some(self.installed)).max().unwrap_or(0)
    }

    /// The version apt would choose; the installed one where nothing is better.
    pub(crate) fn candidate(&self, universe: &Universe<'_>, package: PackageId) -> Option<VersionId> {
        let package = universe.packages.get(package)?;
        let text = |version: VersionId| universe.versions.get(version).map_or("", |version| version.fields.version);
        let installed = package.current.map(text);
        let mut best: Option<(i32, VersionId)> = None;
        for &version in &package.versions {
            let priority = self.priority(universe, version);
            if priority == 0 || priority <= best.map_or(-1, |(priority, _)| priority) {
                continue;
            }
            let older = installed.is_some_and(|installed| order(text(version), installed) == Ordering::Less);
            if older && priority < DOWNGRADE {
                continue;
            }
            best = Some((priority, version));
        }
        best.map(|(_, version)| version)
    }
}
