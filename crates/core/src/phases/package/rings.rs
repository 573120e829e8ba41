//! Which host goes when: by labels first, then by lot, with somebody of every
//! combination in the first ring and never two of a pair together.

use super::targets::Targets;
use super::{Apart, Candidate, Input};
use crate::model::because::{Because, BecauseKind};
use crate::model::deployment_package::Place;
use crate::model::identifier::HostId;
use crate::model::policy::rollout::RingRule;
use crate::model::stream::Stream;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};

/// Names that a reason lists before it only counts.
const NAMED: usize = 10;

/// Why a host is in its ring.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Why {
    /// What people say of it names the ring.
    Named,
    /// The lot fell on it.
    Lot,
    /// It stands for a combination of package and release that nobody else in
    /// the first ring has.
    Stands,
    /// Another host of which it must be kept apart is in the ring before.
    Apart,
    /// It is in the ring that takes the rest.
    Rest,
}

impl Why {
    /// The reason in words.
    pub fn words(self) -> &'static str {
        match self {
            Self::Named => "what is said of the host names this ring",
            Self::Lot => "drawn by lot",
            Self::Stands => "stands for a package and release that nobody else in the first ring has",
            Self::Apart => "kept apart from a host of an earlier ring that does the same work",
            Self::Rest => "the rest",
        }
    }
}

/// A host in its ring.
pub(super) struct Placed {
    pub(super) place: Place,
    pub(super) why: Why,
}

/// Rings that have a host, and who is in them.
pub(super) struct Rings<'a> {
    pub(super) rules: Vec<&'a RingRule>,
    pub(super) placed: Vec<Placed>,
    pub(super) apart: Vec<Apart>,
    sizes: Vec<u64>,
    windows: Vec<BTreeSet<Option<String>>>,
    streams: BTreeSet<&'a Stream>,
}

/// A host on its way into a ring.
struct Drawn<'a> {
    host: &'a Candidate<'a>,
    window: Option<String>,
    lot: u64,
    ring: usize,
    why: Why,
}

impl<'a> Rings<'a> {
    pub(super) fn assign(input: &'a Input<'a>, targets: &Targets<'a>, taken: Vec<(usize, Option<String>)>, because: &mut Vec<Because>) -> Self {
        let rules = &input.rules.rings;
        let last = rules.len().saturating_sub(1);
        let seed = seed(input);
        let mut drawn: Vec<Drawn<'a>> = taken
            .into_iter()
            .filter_map(|(number, window)| {
                let host = input.hosts.get(number)?;
                let named = rules.iter().position(|rule| !rule.select.is_empty() && rule.select.fits(&host.facts));
                let (ring, why) = named.map_or((last, Why::Rest), |ring| (ring, Why::Named));
                Some(Drawn { host, window, lot: mixed(seed, host.id), ring, why })
            })
            .collect();
        // By lot; who is silent comes last, because nothing is learnt from it.
        drawn.sort_by_key(|drawn| (drawn.host.silent, drawn.lot, drawn.host.id));
        fill(&mut drawn, rules, last);
        if last > 0 {
            cover(&mut drawn, targets, because);
        }
        let apart = keep_apart(&mut drawn, input, last, because);
        drawn.sort_by_key(|drawn| drawn.host.id);
        Self::listed(rules, drawn, apart)
    }

    /// Leaves out rings without a host; the others keep their order.
    fn listed(rules: &'a [RingRule], drawn: Vec<Drawn<'a>>, apart: Vec<Apart>) -> Self {
        let there: BTreeSet<usize> = drawn.iter().map(|drawn| drawn.ring).collect();
        let numbers: BTreeMap<usize, usize> = there.iter().enumerate().map(|(number, ring)| (*ring, number)).collect();
        let mut rings = Self {
            rules: there.iter().filter_map(|ring| rules.get(*ring)).collect(),
            placed: Vec::with_capacity(drawn.len()),
            apart,
            sizes: vec![0; there.len()],
            windows: vec![BTreeSet::new(); there.len()],
            streams: drawn.iter().filter_map(|drawn| drawn.host.stream).collect(),
        };
        for drawn in drawn {
            let number = numbers.get(&drawn.ring).copied().unwrap_or_default();
            if let (Some(size), Some(windows)) = (rings.sizes.get_mut(number), rings.windows.get_mut(number)) {
                *size += 1;
                if !windows.contains(&drawn.window) {
                    windows.insert(drawn.window.clone());
                }
            }
            let place = Place { host: drawn.host.id, ring: u32::try_from(number).unwrap_or(u32::MAX), window: drawn.window };
            rings.placed.push(Placed { place, why: drawn.why });
        }
        rings
    }

    pub(super) fn size(&self, ring: usize) -> u64 {
        self.sizes.get(ring).copied().unwrap_or(0)
    }

    pub(super) fn windows(&self, ring: usize) -> Vec<Option<&str>> {
        self.windows.get(ring).into_iter().flatten().map(Option::as_deref).collect()
    }

    pub(super) fn streams(&self) -> BTreeSet<&'a Stream> {
        self.streams.clone()
    }
}

/// Fills rings by lot up to their share of all hosts.
fn fill(drawn: &mut [Drawn<'_>], rules: &[RingRule], last: usize) {
    let all = drawn.len();
    for (number, rule) in rules.iter().enumerate().take(last) {
        let Some(percent) = rule.percent else { continue };
        let share = (all * usize::from(percent)).div_ceil(100);
        let named = drawn.iter().filter(|drawn| drawn.ring == number).count();
        let free = drawn.iter_mut().filter(|drawn| drawn.why == Why::Rest);
        for drawn in free.take(share.saturating_sub(named)) {
            (drawn.ring, drawn.why) = (number, Why::Lot);
        }
    }
}

/// Takes into the first ring a host of each package and release that it has
/// nobody of.
fn cover<'a>(drawn: &mut [Drawn<'a>], targets: &Targets<'a>, because: &mut Vec<Because>) {
    let mut seen: BTreeSet<(usize, &Stream)> = BTreeSet::new();
    let mut covered: BTreeSet<(&Stream, &str)> = BTreeSet::new();
    let mut known = |host: &Candidate<'a>| match host.pending.zip(host.stream) {
        Some(key) => !seen.insert(key),
        None => true,
    };
    let first = drawn.iter().filter(|drawn| drawn.ring == 0 && !drawn.host.silent);
    for drawn in first {
        if !known(drawn.host) {
            covered.extend(targets.products(drawn.host));
        }
    }
    let mut open: BTreeSet<(&Stream, &str)> = BTreeSet::new();
    for drawn in drawn.iter_mut().filter(|drawn| drawn.ring != 0) {
        // Hosts with the same pending updates stand for the same.
        if drawn.host.pending.zip(drawn.host.stream).is_none_or(|key| seen.contains(&key)) {
            continue;
        }
        if drawn.host.silent || drawn.why == Why::Named {
            open.extend(targets.products(drawn.host));
            continue;
        }
        seen.extend(drawn.host.pending.zip(drawn.host.stream));
        if targets.products(drawn.host).any(|product| !covered.contains(&product)) {
            covered.extend(targets.products(drawn.host));
            (drawn.ring, drawn.why) = (0, Why::Stands);
        }
    }
    let missed: Vec<String> = open.difference(&covered).map(|(stream, name)| format!("{name} on {stream}")).collect();
    if !missed.is_empty() {
        let more = missed.len().saturating_sub(NAMED);
        let and = if more > 0 { format!(" and {more} more") } else { String::new() };
        let text = format!("nobody in the first ring has {}{and}: those hosts are silent or named for another ring", missed.iter().take(NAMED).cloned().collect::<Vec<_>>().join(", "));
        because.push(Because::new(BecauseKind::Rule, text));
    }
}

/// Puts hosts that must not change together into different rings, the later of
/// two into a later one.
fn keep_apart(drawn: &mut [Drawn<'_>], input: &Input<'_>, last: usize, because: &mut Vec<Because>) -> Vec<Apart> {
    if input.apart.is_empty() {
        return Vec::new();
    }
    let places: BTreeMap<HostId, usize> = drawn.iter().enumerate().map(|(place, drawn)| (drawn.host.id, place)).collect();
    let mut sets: Vec<&Apart> = input.apart.iter().collect();
    sets.sort();
    let mut kept = Vec::new();
    for set in sets {
        let mut members: Vec<usize> = set.hosts.iter().filter_map(|host| places.get(host).copied()).collect();
        if members.len() < 2 {
            continue;
        }
        members.sort_by_key(|place| drawn.get(*place).map(|drawn| (drawn.ring, drawn.lot, drawn.host.id)));
        let mut taken: BTreeSet<usize> = BTreeSet::new();
        let mut together = 0;
        for place in &members {
            let Some(member) = drawn.get_mut(*place) else { continue };
            match (member.ring..=last).find(|ring| !taken.contains(ring)) {
                Some(ring) if ring == member.ring => {}
                Some(ring) => (member.ring, member.why) = (ring, Why::Apart),
                None => together += 1,
            }
            taken.insert(member.ring);
        }
        if together > 0 {
            let text = format!("{} has {} hosts and there are too few rings: {} share one with another, and the server lets them go one after the other", set.name, members.len(), together);
            because.push(Because::new(BecauseKind::Rule, text));
        }
        let hosts = members.iter().filter_map(|place| drawn.get(*place)).map(|drawn| drawn.host.id).collect();
        kept.push(Apart { name: set.name.clone(), hosts });
    }
    kept
}

/// What the lots of a package are drawn from: its name and number, so that not
/// the same hosts go first every time.
fn seed(input: &Input<'_>) -> u64 {
    let text = format!("{}/{}/{}", input.wish.client, input.wish.name, input.version);
    // FNV-1a, then mixed: any fixed, even spread will do; nobody gains by it.
    text.bytes().fold(0xcbf2_9ce4_8422_2325, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3))
}

/// A host's lot (the finaliser of SplitMix64).
fn mixed(seed: u64, host: HostId) -> u64 {
    let bits = host.bits();
    let mut lot = seed ^ (bits as u64) ^ ((bits >> 64) as u64).rotate_left(32);
    lot = (lot ^ (lot >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    lot = (lot ^ (lot >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    lot ^ (lot >> 31)
}
