//! Bases: what many hosts have in common, written once.
//!
//! Hosts come from a few images and drift. An inventory is kept as the base
//! it is nearest to, what it lacks of that base, and what it has beyond it;
//! sixty differences of one or two bytes instead of six hundred numbers. A
//! base has no identity and belongs to no client: it is a way of writing,
//! nothing can be asked of it, and no count comes from it alone.

use super::components::Components;
use super::kept::KeptBase;
use super::members::{Deltas, read_number, write_deltas, write_number};
use super::size;
use roaring::RoaringBitmap;
use std::collections::BTreeMap;

/// The base without components; small inventories are written as they are.
pub(super) const EMPTY: u32 = 0;

/// Components up to which an inventory needs no base.
const SMALL: usize = 16;

/// Components of an inventory that vote for a base.
const VOTERS: usize = 32;

/// Bases with the most votes that are compared in full.
const CANDIDATES: usize = 3;

/// Hosts of a base at which it is made anew from what most of them have; its
/// first host's own drift is otherwise written as a difference of every other
/// one. Bounded, so that no report pays for more than some hundred others.
const REFINED_AT: [u64; 3] = [8, 64, 512];

/// What many hosts have in common.
#[derive(Clone, Debug, Default)]
pub(super) struct Base {
    /// Components, ascending.
    pub(super) components: Box<[u32]>,
    /// Hosts written against it.
    pub(super) hosts: RoaringBitmap,
    /// How often it was made anew.
    refined: usize,
}

/// An inventory as differences from a base.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Coded {
    /// The base.
    pub(super) base: u32,
    /// Components of the base that it lacks, ascending.
    pub(super) removed: Vec<u32>,
    /// Components that it has beyond the base, ascending.
    pub(super) added: Vec<u32>,
}

impl Coded {
    fn differences(&self) -> usize {
        self.removed.len() + self.added.len()
    }
}

/// All bases.
#[derive(Clone, Debug)]
pub(super) struct Bases {
    list: Vec<Base>,
    free: Vec<u32>,
    votes: Vec<u32>,
}

impl Default for Bases {
    fn default() -> Self {
        Self { list: vec![Base::default()], free: Vec::new(), votes: Vec::new() }
    }
}

impl Bases {
    /// One base.
    pub(super) fn get(&self, number: u32) -> Option<&Base> {
        self.list.get(number as usize)
    }

    /// One base, to be changed.
    pub(super) fn get_mut(&mut self, number: u32) -> Option<&mut Base> {
        self.list.get_mut(number as usize)
    }

    /// All bases that hosts are written against.
    pub(super) fn all(&self) -> impl Iterator<Item = (u32, &Base)> {
        self.list.iter().enumerate().map(|(number, base)| (number as u32, base)).filter(|(_, base)| !base.hosts.is_empty())
    }

    /// What they contain, by number.
    pub(super) fn keep(&self) -> Vec<KeptBase> {
        let kept = |base: &Base| KeptBase { components: base.components.to_vec(), refined: base.refined as u32 };
        self.list.iter().map(kept).collect()
    }

    /// What [`Self::keep`] gave, with no hosts; none where the first of them,
    /// which is [`EMPTY`], is not.
    pub(super) fn restore(kept: Vec<KeptBase>) -> Option<Self> {
        let base = |kept: KeptBase| Base { components: kept.components.into(), refined: kept.refined as usize, ..Base::default() };
        let list: Vec<Base> = kept.into_iter().map(base).collect();
        list.first().filter(|first| first.components.is_empty())?;
        let free = (0..).zip(&list).skip(1).filter(|(_, base)| base.components.is_empty()).map(|(number, _)| number).collect();
        Some(Self { list, free, votes: Vec::new() })
    }

    /// Components of each, by number.
    pub(super) fn contents(&self) -> impl Iterator<Item = (u32, &[u32])> {
        (0..).zip(self.list.iter().map(|base| &*base.components))
    }

    /// Whether each that contains something has hosts, and none that is free.
    pub(super) fn are_used(&self) -> bool {
        self.list.iter().skip(1).all(|base| base.components.is_empty() == base.hosts.is_empty())
    }

    /// Number of bases in use.
    pub(super) fn len(&self) -> usize {
        self.list.len() - self.free.len()
    }

    /// Writes an inventory (ascending, each once) against the nearest base,
    /// the one it had before if that is near enough; none asks for a new base.
    pub(super) fn code(&mut self, components: &Components, inventory: &[u32], before: Option<u32>) -> Option<Coded> {
        if inventory.len() <= SMALL {
            return Some(self.against(EMPTY, inventory));
        }
        // Beyond that, differences cost about as much as a base of its own.
        let limit = inventory.len() / 4 + SMALL;
        let own = before.filter(|base| *base != EMPTY).map(|base| self.against(base, inventory));
        if let Some(own) = own.as_ref().filter(|own| own.differences() * 2 <= limit) {
            return Some(own.clone());
        }
        let found = self.vote(components, inventory).into_iter().map(|base| self.against(base, inventory));
        let nearest = own.into_iter().chain(found).min_by_key(|coded| (coded.differences(), coded.base));
        nearest.filter(|coded| coded.differences() <= limit)
    }

    /// Bases that share most of a sample of components.
    fn vote(&mut self, components: &Components, inventory: &[u32]) -> Vec<u32> {
        self.votes.resize(self.list.len(), 0);
        let mut named: Vec<u32> = Vec::new();
        for number in inventory.iter().step_by(inventory.len().div_ceil(VOTERS)) {
            for &base in components.get(*number).map_or(&[][..], |one| &one.bases) {
                let Some(votes) = self.votes.get_mut(base as usize) else { continue };
                if *votes == 0 {
                    named.push(base);
                }
                *votes += 1;
            }
        }
        let votes = |base: &u32| self.votes.get(*base as usize).copied().unwrap_or(0);
        named.sort_unstable_by_key(|base| (std::cmp::Reverse(votes(base)), *base));
        for &base in &named {
            if let Some(votes) = self.votes.get_mut(base as usize) {
                *votes = 0;
            }
        }
        named.truncate(CANDIDATES);
        named
    }

    /// Writes an inventory against a base.
    pub(super) fn against(&self, base: u32, inventory: &[u32]) -> Coded {
        let common = self.get(base).map_or(&[][..], |base| &base.components);
        let mut coded = Coded { base, removed: Vec::new(), added: Vec::new() };
        each_difference(common, inventory, |number, added| {
            if added { coded.added.push(number) } else { coded.removed.push(number) }
        });
        coded
    }

    /// Makes a new base of an inventory.
    pub(super) fn create(&mut self, inventory: &[u32]) -> u32 {
        let base = Base { components: inventory.into(), ..Base::default() };
        match self.free.pop() {
            Some(number) => {
                if let Some(place) = self.list.get_mut(number as usize) {
                    *place = base;
                }
                number
            }
            None => {
                self.list.push(base);
                (self.list.len() - 1) as u32
            }
        }
    }

    /// Lets an unused base go and returns its components.
    pub(super) fn release(&mut self, number: u32) -> Box<[u32]> {
        let unused = |base: &&mut Base| number != EMPTY && base.hosts.is_empty() && !base.components.is_empty();
        let Some(base) = self.list.get_mut(number as usize).filter(unused) else { return Box::default() };
        self.free.push(number);
        std::mem::take(base).components
    }

    /// Whether a base has got enough hosts to be made anew; says so once.
    pub(super) fn is_due(&mut self, number: u32) -> bool {
        let Some(base) = self.list.get_mut(number as usize).filter(|_| number != EMPTY) else { return false };
        let due = REFINED_AT.get(base.refined).is_some_and(|limit| base.hosts.len() >= *limit);
        base.refined += usize::from(due);
        due
    }

    /// Packs an inventory for keeping: positions that it lacks, then numbers
    /// that it adds.
    pub(super) fn pack(&self, coded: &Coded) -> Box<[u8]> {
        if coded.differences() == 0 {
            return Box::default();
        }
        let mut out = Vec::with_capacity(coded.differences() * 2 + 2);
        let common = self.get(coded.base).map_or(&[][..], |base| &base.components);
        let positions = coded.removed.iter().filter_map(|number| common.binary_search(number).ok());
        write_number(&mut out, coded.removed.len() as u32);
        write_deltas(&mut out, positions.map(|position| position as u32));
        write_deltas(&mut out, coded.added.iter().copied());
        out.into_boxed_slice()
    }

    /// Reads what [`Self::pack`] wrote.
    pub(super) fn unpack(&self, base: u32, packed: &[u8]) -> Coded {
        let common = self.get(base).map_or(&[][..], |base| &base.components);
        let mut rest = packed;
        let count = read_number(&mut rest).unwrap_or(0) as usize;
        let mut removed = Vec::with_capacity(count.min(common.len()));
        let mut last = 0;
        for _ in 0..count {
            let Some(step) = read_number(&mut rest) else { break };
            last = step.wrapping_add(last);
            removed.extend(common.get(last as usize));
        }
        Coded { base, removed, added: Deltas::new(rest).collect() }
    }

    /// All components of an inventory, ascending.
    pub(super) fn whole(&self, coded: &Coded) -> Vec<u32> {
        let common = self.get(coded.base).map_or(&[][..], |base| &base.components);
        let mut out: Vec<u32> =
            common.iter().copied().filter(|number| coded.removed.binary_search(number).is_err()).collect();
        out.extend_from_slice(&coded.added);
        out.sort_unstable();
        out
    }

    /// What most hosts of a base have, `inventories` being all of them with
    /// the number of hosts of each.
    pub(super) fn consensus(&self, number: u32, inventories: &[(Coded, u64)]) -> Vec<u32> {
        let Some(base) = self.get(number) else { return Vec::new() };
        let mut changes: BTreeMap<u32, u64> = BTreeMap::new();
        for (coded, hosts) in inventories {
            for component in coded.removed.iter().chain(&coded.added) {
                *changes.entry(*component).or_default() += hosts;
            }
        }
        let half = base.hosts.len() / 2;
        let often = |component: &u32| changes.get(component).is_some_and(|hosts| *hosts > half);
        let kept = base.components.iter().copied().filter(|component| !often(component));
        let gained = changes.keys().copied().filter(|one| often(one) && base.components.binary_search(one).is_err());
        let mut out: Vec<u32> = kept.chain(gained).collect();
        out.sort_unstable();
        out
    }

    /// Bytes it takes.
    pub(super) fn heap(&self) -> usize {
        let bases = self.list.iter().map(|base| size::block(base.components.len() * 4) + size::bitmap(&base.hosts));
        bases.sum::<usize>() + size::buffer(&self.list) + size::buffer(&self.free) + size::buffer(&self.votes)
    }
}

/// Walks over two ascending lists and names what is only in the first
/// (`false`) or only in the second (`true`).
pub(super) fn each_difference(first: &[u32], second: &[u32], mut each: impl FnMut(u32, bool)) {
    let (mut left, mut right) = (first.iter().copied().peekable(), second.iter().copied().peekable());
    loop {
        match (left.peek().copied(), right.peek().copied()) {
            (Some(a), Some(b)) if a == b => {
                left.next();
                right.next();
            }
            (Some(a), b) if b.is_none_or(|b| a < b) => {
                left.next();
                each(a, false);
            }
            (_, Some(b)) => {
                right.next();
                each(b, true);
            }
            (_, None) => return,
        }
    }
}
