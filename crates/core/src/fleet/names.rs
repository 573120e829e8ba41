//! Package names and, under each, its distinct versions in order.

use super::components::Components;
use super::size;
use crate::knowledge::{Rule, RuleEnd};
use crate::model::advisory::NamesWhat;
use crate::model::component::Component;
use crate::model::stream::Stream;
use plimsoll_version::write_key;
use std::collections::{BTreeMap, BTreeSet};

/// A component under a name, by the version that rules on this name speak of.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(super) struct Spot {
    /// Order-preserving key; none when the version cannot be read.
    pub(super) key: Option<Box<[u8]>>,
    /// The component.
    pub(super) component: u32,
}

/// What is installed under one name of one stream.
///
/// A source rule must not match a binary that merely has the source's name,
/// so the two are apart.
#[derive(Clone, Debug, Default)]
pub(super) struct Entry {
    /// Components of this binary name, by version.
    pub(super) binary: Vec<Spot>,
    /// Components built from this source, by the source's version.
    pub(super) source: Vec<Spot>,
}

impl Entry {
    /// Components of either kind, ascending, each once.
    pub(super) fn components(&self) -> Vec<u32> {
        let mut out: Vec<u32> = self.binary.iter().chain(&self.source).map(|spot| spot.component).collect();
        out.sort_unstable();
        out.dedup();
        out
    }

    /// Components whose version lies inside a rule, where both can be read.
    pub(super) fn inside(&self, rule: &Rule<'_>) -> &[Spot] {
        let spots = match rule.names {
            NamesWhat::Source => &self.source,
            NamesWhat::Binary => &self.binary,
        };
        range(spots, rule).and_then(|(low, high)| spots.get(low..high)).unwrap_or_default()
    }
}

fn range(spots: &[Spot], rule: &Rule<'_>) -> Option<(usize, usize)> {
    // Unreadable versions come first and are inside of nothing.
    let before = |bound: &[u8]| spots.partition_point(|spot| spot.key.as_deref().is_none_or(|key| key < bound));
    let through = |bound: &[u8]| spots.partition_point(|spot| spot.key.as_deref().is_none_or(|key| key <= bound));
    let low = match rule.introduced {
        None => spots.partition_point(|spot| spot.key.is_none()),
        Some(version) => before(version.key?),
    };
    let high = match rule.end {
        RuleEnd::Open => spots.len(),
        RuleEnd::Fixed(version) => before(version.key?),
        RuleEnd::LastAffected(version) => through(version.key?),
        RuleEnd::Exactly => through(rule.introduced?.key?),
    };
    Some((low, high.max(low)))
}

/// Names of all streams.
#[derive(Clone, Debug, Default)]
pub(super) struct Names {
    streams: BTreeMap<Stream, StreamNames>,
}

#[derive(Clone, Debug, Default)]
struct StreamNames {
    names: BTreeMap<Box<str>, Entry>,
    /// Names that contain capitals, by their small spelling, so that whoever
    /// types `networkm` finds NetworkManager.
    small: BTreeSet<(Box<str>, Box<str>)>,
}

impl Names {
    /// Enters components, each new to the index.
    pub(super) fn enter(&mut self, components: &Components, numbers: &[u32]) {
        let mut changed: BTreeSet<(Stream, String)> = BTreeSet::new();
        for &number in numbers {
            let Some(component) = components.component(number) else { continue };
            for place in Place::of(&component) {
                let names = self.streams.entry(place.stream.clone()).or_default();
                let entry = names.entry(&place.name);
                let spot = Spot { key: place.key, component: number };
                match place.names {
                    NamesWhat::Source => entry.source.push(spot),
                    NamesWhat::Binary => entry.binary.push(spot),
                }
                changed.insert((place.stream, place.name));
            }
        }
        // Once a name and not once a component: a report may hold thousands
        // of versions of one name.
        for (stream, name) in changed {
            if let Some(entry) = self.get_mut(&stream, &name) {
                entry.binary.sort_unstable();
                entry.source.sort_unstable();
            }
        }
    }

    /// Takes components out that are about to be forgotten; `numbers` is
    /// ascending.
    pub(super) fn leave(&mut self, components: &Components, numbers: &[u32]) {
        let mut changed: BTreeSet<(Stream, String)> = BTreeSet::new();
        for component in numbers.iter().filter_map(|&number| components.component(number)) {
            changed.extend(Place::of(&component).into_iter().map(|place| (place.stream, place.name)));
        }
        let stays = |spot: &Spot| numbers.binary_search(&spot.component).is_err();
        for (stream, name) in changed {
            let Some(names) = self.streams.get_mut(&stream) else { continue };
            let Some(entry) = names.names.get_mut(name.as_str()) else { continue };
            entry.binary.retain(stays);
            entry.source.retain(stays);
            if entry.binary.is_empty() && entry.source.is_empty() {
                names.names.remove(name.as_str());
                names.small.remove(&(name.to_lowercase().into(), name.into()));
            }
            if names.names.is_empty() {
                self.streams.remove(&stream);
            }
        }
    }

    /// What is installed under a name.
    pub(super) fn get(&self, stream: &Stream, name: &str) -> Option<&Entry> {
        self.streams.get(stream)?.names.get(name)
    }

    fn get_mut(&mut self, stream: &Stream, name: &str) -> Option<&mut Entry> {
        self.streams.get_mut(stream)?.names.get_mut(name)
    }

    /// What is installed under a name in any stream.
    pub(super) fn in_all_streams(&self, name: &str) -> impl Iterator<Item = &Entry> {
        self.streams.values().filter_map(move |names| names.names.get(name))
    }

    /// All streams.
    pub(super) fn streams(&self) -> impl Iterator<Item = &Stream> {
        self.streams.keys()
    }

    /// All names, by stream and name.
    pub(super) fn all(&self) -> impl Iterator<Item = (&Stream, &str, &Entry)> {
        self.streams
            .iter()
            .flat_map(|(stream, names)| names.names.iter().map(move |(name, entry)| (stream, name.as_ref(), entry)))
    }

    /// Names that begin with a prefix, case ignored, after `after`, by name and stream.
    pub(super) fn beginning<'a>(&'a self, prefix: &str, after: Option<(&str, &Stream)>) -> Found<'a> {
        let prefix = prefix.to_lowercase();
        let mut found: Vec<(&'a str, &'a Stream, &'a Entry)> = Vec::new();
        for (stream, names) in &self.streams {
            let plain = names.names.range::<str, _>((std::ops::Bound::Included(prefix.as_str()), std::ops::Bound::Unbounded));
            found.extend(plain.take_while(|(name, _)| name.starts_with(&prefix)).map(|(name, entry)| (name.as_ref(), stream, entry)));
            let capitals = names.small.range((prefix.clone().into_boxed_str(), Box::default())..);
            let capitals = capitals.take_while(|(small, _)| small.starts_with(&prefix));
            // A spelling that begins as the prefix itself was found above.
            let capitals = capitals.filter(|(_, name)| !name.starts_with(&prefix));
            found.extend(capitals.filter_map(|(_, name)| Some((name.as_ref(), stream, names.names.get(name)?))));
        }
        found.retain(|(name, stream, _)| after.is_none_or(|after| (*name, *stream) > after));
        found.sort_unstable_by_key(|(name, stream, _)| (*name, *stream));
        found.into_iter()
    }

    /// Number of names.
    pub(super) fn len(&self) -> usize {
        self.streams.values().map(|names| names.names.len()).sum()
    }

    /// Bytes it takes.
    pub(super) fn heap(&self) -> usize {
        let spots = |spots: &Vec<Spot>| {
            let keys = spots.iter().map(|spot| spot.key.as_deref().map_or(0, |key| size::block(key.len())));
            size::buffer(spots) + keys.sum::<usize>()
        };
        let names = |names: &StreamNames| {
            let texts = names.names.keys().map(|name| size::block(name.len())).sum::<usize>();
            let entries = names.names.values().map(|entry| spots(&entry.binary) + spots(&entry.source)).sum::<usize>();
            let small = names.small.iter().map(|(small, name)| size::block(small.len()) + size::block(name.len()));
            texts + entries
                + size::tree::<Box<str>, Entry>(names.names.len())
                + size::tree::<(Box<str>, Box<str>), ()>(names.small.len())
                + small.sum::<usize>()
        };
        self.streams.values().map(names).sum::<usize>() + size::tree::<Stream, StreamNames>(self.streams.len())
    }
}

/// Names found, with what is installed under each.
type Found<'a> = std::vec::IntoIter<(&'a str, &'a Stream, &'a Entry)>;

impl StreamNames {
    fn entry(&mut self, name: &str) -> &mut Entry {
        if !self.names.contains_key(name) {
            let small = name.to_lowercase();
            if small != name {
                self.small.insert((small.into(), name.into()));
            }
        }
        self.names.entry(name.into()).or_default()
    }
}

/// One name under which a component stands.
struct Place {
    stream: Stream,
    name: String,
    names: NamesWhat,
    key: Option<Box<[u8]>>,
}

impl Place {
    /// The names that evaluation asks about for this component.
    ///
    /// One without a stream stands under an empty one: it can be looked for,
    /// and nothing judges it.
    fn of(component: &Component) -> Vec<Self> {
        let nowhere = Stream::from_stored("");
        let stream = component.stream.as_ref().unwrap_or(&nowhere);
        let keys = keys(component, stream);
        let (binary, source) = keys.map_or((None, None), |(binary, source)| (Some(binary), Some(source)));
        let mut out = vec![Self {
            stream: stream.clone(),
            name: stream.normalise_name(&component.name),
            names: NamesWhat::Binary,
            key: binary,
        }];
        if stream.is_operating_system() {
            let name = component.source.clone().unwrap_or_else(|| component.name.clone());
            out.push(Self { stream: stream.clone(), name, names: NamesWhat::Source, key: source });
        }
        out
    }
}

/// Keys of the source and of the binary version.
type BothKeys = (Box<[u8]>, Box<[u8]>);

/// Keys of the binary and the source version; none when one cannot be read.
fn keys(component: &Component, stream: &Stream) -> Option<BothKeys> {
    let scheme = stream.scheme()?;
    let key = |version: &str| -> Option<Box<[u8]>> {
        let mut out = Vec::with_capacity(version.len() * 2 + 16);
        write_key(scheme, version, &mut out).ok()?;
        Some(out.into_boxed_slice())
    };
    let binary = key(&component.version)?;
    let source = match component.source_version.as_deref() {
        Some(version) if version != component.version => key(version)?,
        _ => binary.clone(),
    };
    Some((binary, source))
}
