//! What is installed where, by package name.

use super::index::Index;
use super::names::Spot;
use crate::model::stream::Stream;
use roaring::RoaringBitmap;
use std::collections::BTreeMap;

/// One version of a package and who has it.
#[derive(Clone, PartialEq, Debug)]
pub struct InstalledVersion {
    /// Version as the package database states it.
    pub version: String,
    /// Whether its place in the order is known; those that cannot be read
    /// come first.
    pub readable: bool,
    /// Hosts with this version, of those that may be seen.
    pub hosts: RoaringBitmap,
}

/// A package name and how many hosts have it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Package {
    /// Stream; an empty one for components that nothing judges.
    pub stream: Stream,
    /// Binary package name, normalised.
    pub name: String,
    /// Hosts that have it in any version, of those that may be seen.
    pub hosts: u64,
    /// Distinct versions on those hosts.
    pub versions: usize,
}

impl Index {
    /// Hosts that have a package, by its binary name or built from the
    /// source of this name; `name` in the spelling of
    /// [`Stream::normalise_name`].
    ///
    /// These are the hosts that anything said under this name may concern.
    pub fn hosts_with(&self, stream: &Stream, name: &str) -> RoaringBitmap {
        self.names.get(stream, name).map(|entry| self.hosts_of(&entry.components())).unwrap_or_default()
    }

    /// Hosts with exactly this version of a binary package.
    pub fn hosts_with_version(&self, stream: &Stream, name: &str, version: &str) -> RoaringBitmap {
        let Some(entry) = self.names.get(stream, name) else { return RoaringBitmap::new() };
        let is_it = |number: &u32| self.components.component(*number).is_some_and(|one| one.version == version);
        let numbers: Vec<u32> = entry.binary.iter().map(|spot| spot.component).filter(is_it).collect();
        self.hosts_of(&numbers)
    }

    /// Versions of a binary package that visible hosts have, oldest first.
    pub fn versions(&self, stream: &Stream, name: &str, visible: &RoaringBitmap) -> Vec<InstalledVersion> {
        let spots = self.names.get(stream, name).map_or(&[][..], |entry| &entry.binary);
        let mut out: Vec<InstalledVersion> = Vec::new();
        for (key, version, numbers) in self.by_version(spots) {
            let hosts = self.hosts_of(&numbers) & visible;
            if !hosts.is_empty() {
                out.push(InstalledVersion { version, readable: key.is_some(), hosts });
            }
        }
        out
    }

    /// Binary packages whose name begins with `prefix` (case ignored; an
    /// empty one takes all) and that visible hosts have, by name and stream.
    ///
    /// At most `limit`, after the last one of the page before. Names that only
    /// others have are not in it and leave no gap.
    pub fn search(
        &self,
        prefix: &str,
        visible: &RoaringBitmap,
        after: Option<(&str, &Stream)>,
        limit: usize,
    ) -> Vec<Package> {
        let shown = self.bases_seen(visible);
        let mut out = Vec::new();
        for (name, stream, entry) in self.names.beginning(prefix, after) {
            if out.len() >= limit {
                break;
            }
            let numbers: Vec<u32> = entry.binary.iter().map(|spot| spot.component).collect();
            if numbers.is_empty() || !self.may_be_seen(&numbers, &shown, visible) {
                continue;
            }
            let hosts = (self.hosts_of(&numbers) & visible).len();
            if hosts > 0 {
                let versions = self.versions(stream, name, visible).len();
                out.push(Package { stream: stream.clone(), name: name.to_owned(), hosts, versions });
            }
        }
        out
    }

    /// Components by version: texts that compare as equal stay apart.
    fn by_version<'a>(&self, spots: &'a [Spot]) -> impl Iterator<Item = (Option<&'a [u8]>, String, Vec<u32>)> + use<'a> {
        let mut by: BTreeMap<(Option<&'a [u8]>, String), Vec<u32>> = BTreeMap::new();
        for spot in spots {
            let Some(component) = self.components.component(spot.component) else { continue };
            by.entry((spot.key.as_deref(), component.version)).or_default().push(spot.component);
        }
        by.into_iter().map(|((key, version), numbers)| (key, version, numbers))
    }

    /// Bases with a visible host, so that a search through the names of
    /// others is cheap.
    fn bases_seen(&self, visible: &RoaringBitmap) -> RoaringBitmap {
        self.bases.all().filter(|(_, base)| !base.hosts.is_disjoint(visible)).map(|(number, _)| number).collect()
    }

    /// Whether a visible host may have one of some components: never wrongly
    /// no.
    fn may_be_seen(&self, numbers: &[u32], shown: &RoaringBitmap, visible: &RoaringBitmap) -> bool {
        numbers.iter().filter_map(|number| self.components.get(*number)).any(|one| {
            one.bases.iter().any(|base| shown.contains(*base)) || {
                let mut hosts = Vec::new();
                one.added.list(&mut hosts);
                hosts.iter().any(|host| visible.contains(*host))
            }
        })
    }
}
