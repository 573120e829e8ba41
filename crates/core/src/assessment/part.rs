//! A **part** of a host, judged again apart from the rest: the components that
//! a newer database speaks of differently, with the updates and the memory
//! that hang on them.
//!
//! A component's verdicts rest on nothing of the other components, so that a
//! part gives what the whole would give for it. What concerns the host as a
//! whole (coverage, support, what limits the answer) is not in it.

use super::memory;
use crate::model::component::Component;
use crate::model::report::Report;
use crate::model::update::Update;
use std::collections::BTreeSet;

/// Which part of a host.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Part {
    /// Its components.
    pub components: Vec<Component>,
    /// What the keys of their findings end in.
    places: BTreeSet<String>,
    /// Package and architecture of components, and of updates of the part.
    packages: BTreeSet<(String, String)>,
    /// Source packages, whose new packages (a kernel with a new ABI) belong to
    /// the part.
    sources: BTreeSet<String>,
}

impl Part {
    /// The part of a host that these components make.
    pub fn new(components: Vec<Component>, updates: &[Update]) -> Self {
        let places = components.iter().map(memory::place).collect();
        let mut packages: BTreeSet<(String, String)> =
            components.iter().map(|one| (one.name.clone(), one.arch.clone().unwrap_or_default())).collect();
        let sources: BTreeSet<String> = components.iter().filter_map(|one| one.source.clone()).collect();
        let new = updates.iter().filter(|update| update.new && update.source.as_ref().is_some_and(|source| sources.contains(source)));
        packages.extend(new.map(|update| (update.package.clone(), update.arch.clone())));
        Self { components, places, packages, sources }
    }

    /// Whether an offer for a package belongs to it.
    pub fn has_package(&self, package: &str, arch: &str) -> bool {
        // Parts are small: a set of borrowed pairs would have to be built.
        self.packages.iter().any(|(name, other)| name == package && other == arch)
    }

    /// Names of its packages, those of its updates included.
    pub fn packages(&self) -> impl Iterator<Item = &str> {
        self.packages.iter().map(|(name, _)| name.as_str())
    }

    /// Whether what is remembered under a key belongs to it.
    pub fn remembers(&self, key: &str) -> bool {
        let mut words = key.splitn(3, ' ');
        match (words.next(), words.next(), words.next()) {
            (Some(memory::FINDING), Some(_), Some(place)) => self.places.contains(place),
            (Some(memory::UPDATE), Some(package), Some(rest)) => {
                let arch = rest.split_once(' ').map_or(rest, |(arch, _)| arch);
                self.has_package(package, arch)
            }
            _ => false,
        }
    }

    /// Leaves nothing in a report but this part.
    pub fn take_from(self, report: &mut Report) {
        let belongs = |update: &Update| self.has_package(&update.package, &update.arch);
        if let Some(updates) = &mut report.updates {
            updates.retain(belongs);
        }
        report.held_updates.retain(belongs);
        report.offered.retain(|offer| self.has_package(&offer.package, &offer.arch));
        report.components = self.components;
    }
}
