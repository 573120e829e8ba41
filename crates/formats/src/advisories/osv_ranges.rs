//! OSV's events to ranges, and which listed versions they already imply.

use super::json_text::{List, Text, Word};
use plimsoll_core::model::advisory::{AffectedRange, RangeEnd};
use plimsoll_version::Scheme;
use serde::Deserialize;
use std::cmp::Ordering;

/// A range as OSV writes it.
#[derive(Deserialize, Default)]
pub(super) struct Range<'a> {
    #[serde(borrow, default, rename = "type")]
    pub kind: Word<'a>,
    #[serde(borrow, default)]
    pub events: List<Event<'a>>,
}

/// One event; `limit` only has a meaning for Git and is passed over.
#[derive(Deserialize, Default)]
pub(super) struct Event<'a> {
    #[serde(borrow, default)]
    pub introduced: Option<Text<'a>>,
    #[serde(borrow, default)]
    pub fixed: Option<Text<'a>>,
    #[serde(borrow, default)]
    pub last_affected: Option<Text<'a>>,
}

/// Turns every version range into [`AffectedRange`]s.
///
/// Git ranges speak of commits and are passed over wherever they stand. A
/// range of an unknown kind is an error that says which; take the others with
/// [`readable`].
pub(super) fn ranges(scheme: Option<Scheme>, stated: &[Range<'_>]) -> Result<Vec<AffectedRange>, String> {
    for range in stated {
        if !matches!(range.kind.as_str(), "SEMVER" | "ECOSYSTEM" | "GIT") {
            return Err(format!("a range of the unknown kind `{}`", range.kind.as_str()));
        }
    }
    Ok(readable(scheme, stated))
}

/// Turns the version ranges of a known kind into [`AffectedRange`]s.
pub(super) fn readable(scheme: Option<Scheme>, stated: &[Range<'_>]) -> Vec<AffectedRange> {
    let mut out = Vec::new();
    for range in stated {
        if matches!(range.kind.as_str(), "SEMVER" | "ECOSYSTEM") {
            one(scheme, &range.events, &mut out);
        }
    }
    out
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Edge {
    Introduced,
    Fixed,
    LastAffected,
}

fn one(scheme: Option<Scheme>, events: &[Event<'_>], out: &mut Vec<AffectedRange>) {
    let mut edges: Vec<(Edge, &str)> = Vec::with_capacity(events.len());
    for event in events {
        let stated = [
            (Edge::Introduced, &event.introduced),
            (Edge::Fixed, &event.fixed),
            (Edge::LastAffected, &event.last_affected),
        ];
        edges.extend(stated.into_iter().filter_map(|(edge, version)| {
            version.as_ref().map(|version| (edge, version.trim()))
        }));
    }
    let alternates = edges
        .iter()
        .enumerate()
        .all(|(index, (edge, _))| (index % 2 == 0) == (*edge == Edge::Introduced));
    if !alternates {
        sort(scheme, &mut edges);
    }
    let mut open: Option<&str> = None;
    for (position, (edge, version)) in edges.iter().enumerate() {
        match edge {
            Edge::Introduced => open = open.or(Some(version)),
            // An end without a beginning: everything below is affected, but
            // only as the first event; later it repeats an end already taken.
            end => {
                if open.is_some() || position == 0 {
                    let end = match end {
                        Edge::LastAffected => RangeEnd::LastAffected((*version).to_owned()),
                        _ => RangeEnd::Fixed((*version).to_owned()),
                    };
                    out.push(AffectedRange { introduced: open.take().and_then(start), end });
                }
            }
        }
    }
    if let Some(version) = open {
        out.push(AffectedRange { introduced: start(version), end: RangeEnd::Open });
    }
}

/// `0` and RustSec's `0.0.0-0` are below every version.
fn start(version: &str) -> Option<String> {
    (!matches!(version, "0" | "0.0.0-0" | "")).then(|| version.to_owned())
}

/// Sorts as the schema's algorithm does; versions that cannot be compared
/// keep the order they were listed in.
fn sort(scheme: Option<Scheme>, edges: &mut [(Edge, &str)]) {
    let Some(scheme) = scheme else { return };
    let mut keyed: Vec<(Vec<u8>, (Edge, &str))> = Vec::with_capacity(edges.len());
    for edge in edges.iter() {
        let mut key = Vec::new();
        if start(edge.1).is_some() && plimsoll_version::write_key(scheme, edge.1, &mut key).is_err() {
            return;
        }
        keyed.push((key, *edge));
    }
    keyed.sort_by(|left, right| left.0.cmp(&right.0));
    for (slot, (_, edge)) in edges.iter_mut().zip(keyed) {
        *slot = edge;
    }
}

/// The listed versions that no range already covers.
///
/// PyPI and Ubuntu list every affected version beside the ranges; keeping
/// them all would multiply the database. A version that cannot be compared
/// is kept.
pub(super) fn outside(scheme: Option<Scheme>, ranges: &[AffectedRange], versions: &[Text<'_>]) -> Vec<String> {
    let everything = || versions.iter().map(Text::to_owned_string).collect();
    if ranges.is_empty() || versions.is_empty() {
        return everything();
    }
    let Some(bounds) = scheme.and_then(|scheme| bounds(scheme, ranges).map(|bounds| (scheme, bounds))) else {
        return everything();
    };
    let (scheme, bounds) = bounds;
    let mut key = Vec::new();
    let mut out = Vec::new();
    for version in versions {
        key.clear();
        let inside = plimsoll_version::write_key(scheme, version, &mut key).is_ok()
            && bounds.iter().any(|bound| bound.holds(&key));
        if !inside {
            out.push(version.to_owned_string());
        }
    }
    out
}

/// A range by the order-preserving keys of its ends.
struct Keys {
    from: Option<Vec<u8>>,
    to: Option<Vec<u8>>,
    inclusive: bool,
}

impl Keys {
    fn holds(&self, key: &[u8]) -> bool {
        let above = self.from.as_deref().is_none_or(|from| key >= from);
        let below = self.to.as_deref().is_none_or(|to| match key.cmp(to) {
            Ordering::Less => true,
            Ordering::Equal => self.inclusive,
            Ordering::Greater => false,
        });
        above && below
    }
}

fn bounds(scheme: Scheme, ranges: &[AffectedRange]) -> Option<Vec<Keys>> {
    let key = |version: &str| {
        let mut key = Vec::new();
        plimsoll_version::write_key(scheme, version, &mut key).ok().map(|()| key)
    };
    let mut out = Vec::with_capacity(ranges.len());
    for range in ranges {
        let from = match range.introduced.as_deref() {
            Some(version) => Some(key(version)?),
            None => None,
        };
        let (to, inclusive) = match &range.end {
            RangeEnd::Fixed(version) => (Some(key(version)?), false),
            RangeEnd::LastAffected(version) => (Some(key(version)?), true),
            RangeEnd::Open => (None, false),
        };
        out.push(Keys { from, to, inclusive });
    }
    Some(out)
}
