//! The index **written down**, so that a server that starts need not read every
//! report again.
//!
//! Only what nothing else says is written. Who has a component, and under which
//! names it stands, follows from that and is worked out anew; so numbers that
//! lead nowhere are found before anybody follows them.

use super::bases::{Bases, Coded};
use super::circumstances::{Circumstances, Facts};
use super::components::Components;
use super::index::{HOST_LIMIT, Index, NONE, Row};
use super::members::Members;
use crate::model::identifier::ClientId;
use serde::{Deserialize, Serialize};

/// What an index holds, by the numbers it holds it under.
#[derive(Clone, PartialEq, Debug, Default, Serialize, Deserialize)]
pub struct Kept {
    /// Identities of components; an empty one is a number that is free.
    pub(super) components: Vec<Vec<u8>>,
    /// Bases.
    pub(super) bases: Vec<KeptBase>,
    /// Inventories; none is a number that is free.
    pub(super) inventories: Vec<Option<KeptInventory>>,
    /// Circumstances; none is a number that is free.
    pub(super) circumstances: Vec<Option<Facts>>,
    /// Host, inventory, circumstance; by host.
    pub(super) hosts: Vec<(u32, u32, u32)>,
}

/// A base.
#[derive(Clone, PartialEq, Debug, Default, Serialize, Deserialize)]
pub(super) struct KeptBase {
    /// Components, ascending.
    pub(super) components: Vec<u32>,
    /// How often it was made anew.
    pub(super) refined: u32,
}

/// An inventory.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub(super) struct KeptInventory {
    pub(super) digest: [u8; 32],
    pub(super) client: ClientId,
    pub(super) base: u32,
    /// As [`Bases::pack`] writes it.
    pub(super) packed: Vec<u8>,
}

impl Kept {
    /// Bytes it takes, about.
    pub fn bytes(&self) -> usize {
        let components = self.components.iter().map(Vec::len).sum::<usize>();
        let bases = self.bases.iter().map(|base| base.components.len() * 4).sum::<usize>();
        let inventories = self.inventories.iter().flatten().map(|one| one.packed.len() + 64).sum::<usize>();
        components + bases + inventories + self.hosts.len() * 12
    }
}

impl Index {
    /// What it holds.
    pub fn keep(&self) -> Kept {
        Kept {
            components: self.components.keep(),
            bases: self.bases.keep(),
            inventories: self.keep_inventories(),
            circumstances: self.circumstances.keep(),
            hosts: self.hosts.iter().filter_map(|host| self.rows.get(host as usize).map(|row| (host, row.inventory, row.circumstance))).collect(),
        }
    }

    /// An index that holds what [`Self::keep`] gave; none where it contradicts
    /// itself, which nothing that was given ever does.
    pub fn restore(kept: Kept) -> Option<Self> {
        let (components, bases) = (Components::restore(kept.components)?, Bases::restore(kept.bases)?);
        let mut index = Self::without_hosts(components, bases, Circumstances::restore(kept.circumstances)?);
        index.enter_bases()?;
        index.enter_inventories(kept.inventories)?;
        index.enter_hosts(&kept.hosts)?;
        index.is_whole().then_some(())?;
        let used: Vec<u32> = index.components.used().collect();
        index.names.enter(&index.components, &used);
        Some(index)
    }

    /// Says of each component which bases contain it.
    fn enter_bases(&mut self) -> Option<()> {
        for (number, components) in self.bases.contents() {
            is_ascending(components).then_some(())?;
            for component in components {
                self.components.used_mut(*component)?.bases.push(number);
            }
        }
        Some(())
    }

    /// Gives each host its inventory and its circumstance, and each component
    /// its hosts.
    fn enter_hosts(&mut self, hosts: &[(u32, u32, u32)]) -> Option<()> {
        let last = hosts.last().map_or(0, |(host, ..)| *host);
        let ascending = hosts.windows(2).all(|pair| matches!(pair, [one, other] if one.0 < other.0));
        (ascending && last < HOST_LIMIT).then_some(())?;
        self.rows = vec![Row { inventory: NONE, circumstance: NONE }; if hosts.is_empty() { 0 } else { last as usize + 1 }];
        // All hosts of a component at once: one by one, each would be a walk
        // over those before it.
        let mut beyond: Vec<Vec<u32>> = vec![Vec::new(); self.components.places()];
        let mut short = beyond.clone();
        for &(host, inventory, circumstance) in hosts {
            let (coded, client) = self.enter_host(inventory)?;
            self.bases.get_mut(coded.base)?.hosts.insert(host);
            for number in coded.removed {
                short.get_mut(number as usize)?.push(host);
            }
            for number in coded.added {
                beyond.get_mut(number as usize)?.push(host);
            }
            self.circumstances.hosts(circumstance)?;
            self.circumstances.insert(circumstance, host);
            self.clients.entry(client).or_default().insert(host);
            *self.rows.get_mut(host as usize)? = Row { inventory, circumstance };
        }
        self.hosts = hosts.iter().map(|(host, ..)| *host).collect();
        for (number, (beyond, short)) in (0..).zip(beyond.iter().zip(&short)) {
            if let Some(one) = self.components.get_mut(number) {
                (one.added, one.removed) = (Members::of_ascending(beyond), Members::of_ascending(short));
            }
        }
        Some(())
    }

    /// Takes in one host of an inventory, and gives what it consists of.
    fn enter_host(&mut self, inventory: u32) -> Option<(Coded, ClientId)> {
        let client = self.one_more(inventory)?;
        let coded = self.coded(inventory);
        let all_used = coded.added.iter().all(|number| self.components.is_used(*number));
        (all_used && is_ascending(&coded.added) && is_ascending(&coded.removed)).then_some((coded, client))
    }

    /// Whether everything in it has somebody.
    fn is_whole(&self) -> bool {
        let components = self.components.used().all(|number| !self.components.is_unused(number));
        components && self.bases.are_used() && self.circumstances.are_used() && self.inventories_are_used()
    }
}

fn is_ascending(numbers: &[u32]) -> bool {
    numbers.windows(2).all(|pair| matches!(pair, [one, other] if one < other))
}
