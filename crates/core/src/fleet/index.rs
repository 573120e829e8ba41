//! Hosts in and out.

use super::bases::{Bases, Coded, each_difference};
use super::circumstances::Circumstances;
use super::components::{self, Components, Distinct};
use super::kept::KeptInventory;
use super::marks::Marks;
use super::members::Members;
use super::names::Names;
use super::size;
use crate::model::component::Component;
use crate::model::host::Host;
use crate::model::identifier::ClientId;
use crate::model::problem::Problem;
use roaring::RoaringBitmap;
use std::collections::{BTreeMap, BTreeSet};

/// Components of one inventory that are taken: as many as the protocol lets a
/// report hold, ten times the largest real host.
pub const COMPONENT_LIMIT: usize = 100_000;

/// Host numbers that are taken, from zero: numbers are dense, so a higher one
/// is a mistake of the caller's, and a table up to it would be one of ours.
pub const HOST_LIMIT: u32 = 16_000_000;

pub(super) const NONE: u32 = u32::MAX;

static NOTHING: Coded = Coded { base: super::bases::EMPTY, removed: Vec::new(), added: Vec::new() };

/// Which hosts have which components.
#[derive(Debug, Default)]
pub struct Index {
    pub(super) rows: Vec<Row>,
    pub(super) hosts: RoaringBitmap,
    pub(super) clients: BTreeMap<ClientId, RoaringBitmap>,
    inventories: Vec<Inventory>,
    free_inventories: Vec<u32>,
    /// First bytes of the digest, to find an inventory that is there already.
    by_digest: BTreeSet<(u64, u32)>,
    pub(super) bases: Bases,
    pub(super) components: Components,
    pub(super) names: Names,
    pub(super) circumstances: Circumstances,
}

/// One host.
#[derive(Clone, Copy, Debug)]
pub(super) struct Row {
    pub(super) inventory: u32,
    pub(super) circumstance: u32,
}

/// What one or more hosts of one client have.
#[derive(Clone, Debug)]
struct Inventory {
    digest: [u8; 32],
    client: ClientId,
    hosts: u32,
    base: u32,
    packed: Box<[u8]>,
}

/// What [`Index::set`] did.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Change {
    /// The host had this inventory already.
    None,
    /// The host has other components than before, or is new.
    Changed {
        /// Components that it has now and had not.
        gained: usize,
        /// Components that it had and has no more.
        lost: usize,
    },
}

/// What the index holds and takes.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Size {
    /// Hosts.
    pub hosts: u64,
    /// Distinct inventories; the same components at two clients are two.
    pub inventories: usize,
    /// Bases that inventories are written against.
    pub bases: usize,
    /// Distinct components.
    pub components: usize,
    /// Package names, binary and source, by stream.
    pub names: usize,
    /// Bytes of hosts and inventories.
    pub host_bytes: usize,
    /// Bytes of distinct components and of which hosts have them beyond or short of their base.
    pub component_bytes: usize,
    /// Bytes of bases and of which hosts are written against each.
    pub base_bytes: usize,
    /// Bytes of names and version keys.
    pub name_bytes: usize,
}

impl Size {
    /// All bytes.
    pub fn bytes(&self) -> usize {
        self.host_bytes + self.component_bytes + self.base_bytes + self.name_bytes
    }
}

impl Index {
    /// Makes an empty index.
    pub fn new() -> Self {
        Self::default()
    }

    /// An index of these that nobody has yet.
    pub(super) fn without_hosts(components: Components, bases: Bases, circumstances: Circumstances) -> Self {
        Self { components, bases, circumstances, ..Self::default() }
    }

    /// Says what a host has, and replaces what was said before.
    ///
    /// `digest` names the components: two hosts of one client with the same
    /// digest share one inventory, and the components of the second are not
    /// even looked at. A digest of the whole report will do, but as it names
    /// the host too, it shares nothing. It must be computed here and not be
    /// the host's word. Of `facts` the release and the subscriptions are kept.
    ///
    /// # Errors
    ///
    /// `E-LIMIT` when the host number, the number of components or one
    /// field is beyond what is taken; nothing has changed then.
    pub fn set<'c>(
        &mut self,
        host: u32,
        client: ClientId,
        digest: [u8; 32],
        facts: &Host,
        components: impl IntoIterator<Item = &'c Component>,
    ) -> Result<Change, Problem> {
        check_number(host, facts)?;
        Circumstances::check(facts)?;
        let known = self.known(client, &digest);
        let inventory = match known {
            Some(inventory) => inventory,
            None => {
                let components = check(facts, components)?;
                let inventory = self.intern(&components);
                self.take(client, digest, inventory, self.base_of(host))
            }
        };
        let circumstance = self.circumstances.number(facts);
        Ok(self.attach(host, inventory, circumstance))
    }

    /// Forgets a host; returns whether it was known.
    pub fn remove(&mut self, host: u32) -> bool {
        let Some(row) = self.rows.get(host as usize).copied().filter(|row| row.inventory != NONE) else { return false };
        let old = self.coded(row.inventory);
        if let Some(inventory) = self.inventories.get(row.inventory as usize) {
            leave(&mut self.clients, inventory.client, host);
        }
        self.hosts.remove(host);
        self.circumstances.remove(row.circumstance, host);
        if let Some(place) = self.rows.get_mut(host as usize) {
            place.inventory = NONE;
        }
        self.release(row.inventory);
        self.write(host, Some(&old), None);
        true
    }

    /// All hosts.
    pub fn hosts(&self) -> &RoaringBitmap {
        &self.hosts
    }

    /// Hosts of one client; none when it has none.
    pub fn hosts_of_client(&self, client: ClientId) -> Option<&RoaringBitmap> {
        self.clients.get(&client)
    }

    /// Digest of what a host has, as it was set.
    pub fn digest(&self, host: u32) -> Option<[u8; 32]> {
        let row = self.rows.get(host as usize)?;
        self.inventories.get(row.inventory as usize).filter(|one| one.hosts > 0).map(|one| one.digest)
    }

    /// What a host has, without locations, licence, scope and hold, by first
    /// appearance in the fleet.
    pub fn components(&self, host: u32) -> Vec<Component> {
        let Some(row) = self.rows.get(host as usize).filter(|row| row.inventory != NONE) else { return Vec::new() };
        let whole = self.bases.whole(&self.coded(row.inventory));
        whole.into_iter().filter_map(|number| self.components.component(number)).collect()
    }

    /// As [`Index::components`], of some components only.
    pub fn components_among(&self, host: u32, among: &RoaringBitmap) -> Vec<Component> {
        let Some(row) = self.rows.get(host as usize).filter(|row| row.inventory != NONE) else { return Vec::new() };
        let whole = self.bases.whole(&self.coded(row.inventory));
        whole.into_iter().filter(|number| among.contains(*number)).filter_map(|number| self.components.component(number)).collect()
    }

    /// What the index holds and takes, in estimated bytes of heap.
    pub fn size(&self) -> Size {
        let packed = self.inventories.iter().map(|one| size::block(one.packed.len())).sum::<usize>();
        let clients = self.clients.values().map(size::bitmap).sum::<usize>();
        Size {
            hosts: self.hosts.len(),
            inventories: self.inventories.len() - self.free_inventories.len(),
            bases: self.bases.len(),
            components: self.components.len(),
            names: self.names.len(),
            host_bytes: packed
                + clients
                + size::tree::<ClientId, RoaringBitmap>(self.clients.len())
                + size::bitmap(&self.hosts)
                + size::buffer(&self.rows)
                + size::buffer(&self.inventories)
                + size::buffer(&self.free_inventories)
                + size::tree::<(u64, u32), ()>(self.by_digest.len())
                + self.circumstances.heap(),
            component_bytes: self.components.heap(),
            base_bytes: self.bases.heap(),
            name_bytes: self.names.heap(),
        }
    }

    /// Hosts that have at least one of some components.
    ///
    /// Of components that the same bases contain: hosts of these bases without
    /// those that lack each of them, and hosts that have one beyond their base.
    pub(super) fn hosts_of(&self, components: &[u32]) -> RoaringBitmap {
        let mut alike: BTreeMap<&[u32], Vec<&Distinct>> = BTreeMap::new();
        for one in components.iter().filter_map(|number| self.components.get(*number)) {
            alike.entry(&one.bases).or_default().push(one);
        }
        let (mut out, mut here) = (Marks::new(self.rows.len()), Marks::default());
        let mut first = true;
        for (bases, ones) in alike.iter().filter(|(bases, _)| !bases.is_empty()) {
            if !first {
                here.clear(self.rows.len());
            }
            let marks = if first { &mut out } else { &mut here };
            bases.iter().filter_map(|base| self.bases.get(*base)).flat_map(|base| &base.hosts).for_each(|host| marks.set(host));
            lacking_all(ones).into_iter().for_each(|host| marks.unset(host));
            if !first {
                out.unite(&here);
            }
            first = false;
        }
        alike.into_values().flatten().for_each(|one| one.added.each(&mut |host| out.set(host)));
        out.into()
    }

    fn base_of(&self, host: u32) -> Option<u32> {
        let row = self.rows.get(host as usize)?;
        self.inventories.get(row.inventory as usize).map(|inventory| inventory.base)
    }

    /// Inventories by number; none is a number that is free.
    pub(super) fn keep_inventories(&self) -> Vec<Option<KeptInventory>> {
        let kept = |one: &Inventory| KeptInventory { digest: one.digest, client: one.client, base: one.base, packed: one.packed.to_vec() };
        self.inventories.iter().map(|one| (one.hosts > 0).then(|| kept(one))).collect()
    }

    /// Takes in what [`Self::keep_inventories`] gave, with no hosts; none where
    /// one client has the same one twice.
    pub(super) fn enter_inventories(&mut self, kept: Vec<Option<KeptInventory>>) -> Option<()> {
        for (number, one) in kept.into_iter().enumerate() {
            let number = u32::try_from(number).ok()?;
            let unused = Inventory { digest: [0; 32], client: ClientId::from_bits(0), hosts: 0, base: super::bases::EMPTY, packed: Box::default() };
            let inventory = match one {
                None => {
                    self.free_inventories.push(number);
                    unused
                }
                Some(KeptInventory { digest, client, base, packed }) => {
                    self.known(client, &digest).is_none().then_some(())?;
                    self.by_digest.insert((first_bytes(&digest), number));
                    Inventory { digest, client, base, packed: packed.into(), ..unused }
                }
            };
            self.inventories.push(inventory);
        }
        Some(())
    }

    /// Whether each inventory that is not free has a host.
    pub(super) fn inventories_are_used(&self) -> bool {
        self.inventories.iter().filter(|one| one.hosts > 0).count() == self.by_digest.len()
    }

    /// Counts one more host of an inventory that is not free, and gives whose
    /// it is.
    pub(super) fn one_more(&mut self, inventory: u32) -> Option<ClientId> {
        let one = self.inventories.get_mut(inventory as usize)?;
        self.by_digest.contains(&(first_bytes(&one.digest), inventory)).then_some(())?;
        one.hosts += 1;
        Some(one.client)
    }

    pub(super) fn coded(&self, inventory: u32) -> Coded {
        match self.inventories.get(inventory as usize) {
            Some(one) => self.bases.unpack(one.base, &one.packed),
            None => self.bases.unpack(super::bases::EMPTY, &[]),
        }
    }

    fn known(&self, client: ClientId, digest: &[u8; 32]) -> Option<u32> {
        let first = first_bytes(digest);
        let candidates = self.by_digest.range((first, 0)..=(first, u32::MAX));
        let is_it = |one: &Inventory| one.client == client && one.digest == *digest;
        candidates.map(|(_, number)| *number).find(|number| self.inventories.get(*number as usize).is_some_and(is_it))
    }

    /// Numbers of components, ascending, each once.
    fn intern(&mut self, components: &[&Component]) -> Vec<u32> {
        let mut identity = Vec::with_capacity(256);
        let mut inventory = Vec::with_capacity(components.len());
        let mut new = Vec::new();
        for component in components {
            components::write(component, &mut identity);
            let (number, is_new) = self.components.number(&identity);
            inventory.push(number);
            if is_new {
                new.push(number);
            }
        }
        self.names.enter(&self.components, &new);
        inventory.sort_unstable();
        inventory.dedup();
        inventory
    }

    /// Enters an inventory that no host has yet.
    fn take(&mut self, client: ClientId, digest: [u8; 32], inventory: Vec<u32>, before: Option<u32>) -> u32 {
        let coded = match self.bases.code(&self.components, &inventory, before) {
            Some(coded) => coded,
            None => {
                let base = self.bases.create(&inventory);
                for &number in &inventory {
                    self.enter_base(number, base);
                }
                Coded { base, removed: Vec::new(), added: Vec::new() }
            }
        };
        let entry = Inventory { digest, client, hosts: 0, base: coded.base, packed: self.bases.pack(&coded) };
        let number = match self.free_inventories.pop() {
            Some(number) => number,
            None => self.inventories.len() as u32,
        };
        match self.inventories.get_mut(number as usize) {
            Some(place) => *place = entry,
            None => self.inventories.push(entry),
        }
        self.by_digest.insert((first_bytes(&digest), number));
        number
    }

    /// Gives a host an inventory.
    fn attach(&mut self, host: u32, inventory: u32, circumstance: u32) -> Change {
        if self.rows.len() <= host as usize {
            self.rows.resize(host as usize + 1, Row { inventory: NONE, circumstance: NONE });
        }
        let Some(row) = self.rows.get_mut(host as usize) else { return Change::None };
        let before = std::mem::replace(row, Row { inventory, circumstance });
        if before.circumstance != circumstance || before.inventory == NONE {
            self.circumstances.insert(circumstance, host);
            if before.inventory != NONE {
                self.circumstances.remove(before.circumstance, host);
            }
        }
        if before.inventory == inventory {
            return Change::None;
        }
        let old = (before.inventory != NONE).then(|| self.coded(before.inventory));
        let new = self.coded(inventory);
        let client = self.inventories.get_mut(inventory as usize).map(|one| {
            one.hosts += 1;
            one.client
        });
        let left = self.inventories.get(before.inventory as usize).map(|one| one.client);
        if left != client {
            left.into_iter().for_each(|left| leave(&mut self.clients, left, host));
            client.into_iter().for_each(|client| {
                self.clients.entry(client).or_default().insert(host);
            });
        }
        self.hosts.insert(host);
        let change = self.count(old.as_ref(), &new);
        if old.is_some() {
            self.release(before.inventory);
        }
        self.write(host, old.as_ref(), Some(&new));
        if self.bases.is_due(new.base) {
            self.refine(new.base);
        }
        change
    }

    /// How many components a change concerns.
    fn count(&self, old: Option<&Coded>, new: &Coded) -> Change {
        let (mut gained, mut lost) = (0, 0);
        let mut each = |_, more: bool| if more { gained += 1 } else { lost += 1 };
        match old {
            // On one base the differences of the differences are enough.
            Some(old) if old.base == new.base => {
                each_difference(&new.removed, &old.removed, &mut each);
                each_difference(&old.added, &new.added, &mut each);
            }
            _ => {
                let old = old.map_or_else(Vec::new, |old| self.bases.whole(old));
                each_difference(&old, &self.bases.whole(new), &mut each);
            }
        }
        Change::Changed { gained, lost }
    }

    /// Lets go of one host of an inventory.
    fn release(&mut self, number: u32) {
        let Some(inventory) = self.inventories.get_mut(number as usize) else { return };
        inventory.hosts = inventory.hosts.saturating_sub(1);
        if inventory.hosts == 0 {
            inventory.packed = Box::default();
            self.by_digest.remove(&(first_bytes(&inventory.digest), number));
            self.free_inventories.push(number);
        }
    }

    /// Changes which components a host is entered under.
    fn write(&mut self, host: u32, old: Option<&Coded>, new: Option<&Coded>) {
        let (from, to) = (old.map(|old| old.base), new.map(|new| new.base));
        if from != to {
            if let Some(base) = to.and_then(|to| self.bases.get_mut(to)) {
                base.hosts.insert(host);
            }
            if let Some(base) = from.and_then(|from| self.bases.get_mut(from)) {
                base.hosts.remove(host);
            }
        }
        let (old, new) = (old.unwrap_or(&NOTHING), new.unwrap_or(&NOTHING));
        each_difference(&old.removed, &new.removed, |number, more| {
            if let Some(one) = self.components.get_mut(number) {
                if more { one.removed.insert(host) } else { one.removed.remove(host) }
            }
        });
        let mut left = Vec::new();
        each_difference(&old.added, &new.added, |number, more| {
            if let Some(one) = self.components.get_mut(number) {
                if more {
                    one.added.insert(host);
                } else {
                    one.added.remove(host);
                    left.push(number);
                }
            }
        });
        if let Some(from) = from.filter(|_| from != to) {
            left.extend(self.leave_base(from));
        }
        self.forget(left);
    }

    fn enter_base(&mut self, number: u32, base: u32) {
        let Some(one) = self.components.get_mut(number) else { return };
        if let Err(place) = one.bases.binary_search(&base) {
            one.bases.insert(place, base);
        }
    }

    /// Lets an unused base go and names its components.
    fn leave_base(&mut self, base: u32) -> Box<[u32]> {
        let components = self.bases.release(base);
        for &number in &components {
            if let Some(one) = self.components.get_mut(number) {
                one.bases.retain(|other| *other != base);
            }
        }
        components
    }

    /// Forgets those of some components that nobody has any more.
    fn forget(&mut self, mut numbers: Vec<u32>) {
        numbers.retain(|number| self.components.is_unused(*number));
        numbers.sort_unstable();
        numbers.dedup();
        if numbers.is_empty() {
            return;
        }
        self.names.leave(&self.components, &numbers);
        numbers.into_iter().for_each(|number| self.components.forget(number));
    }

    /// Makes a base anew from what most of its hosts have.
    fn refine(&mut self, base: u32) {
        let Some(hosts) = self.bases.get(base).map(|base| base.hosts.clone()) else { return };
        let mut sharers: BTreeMap<u32, Vec<u32>> = BTreeMap::new();
        for host in hosts {
            let Some(row) = self.rows.get(host as usize) else { continue };
            sharers.entry(row.inventory).or_default().push(host);
        }
        let old: Vec<(Coded, u64)> = sharers.iter().map(|(number, hosts)| (self.coded(*number), hosts.len() as u64)).collect();
        let consensus = self.bases.consensus(base, &old);
        let Some(before) = self.bases.get(base).map(|base| base.components.clone()).filter(|one| **one != *consensus) else {
            return;
        };
        let whole: Vec<Vec<u32>> = old.iter().map(|(coded, _)| self.bases.whole(coded)).collect();
        // Enter first and leave afterwards: a component between the two has nobody.
        each_difference(&before, &consensus, |number, more| if more { self.enter_base(number, base) });
        if let Some(place) = self.bases.get_mut(base) {
            place.components = consensus.clone().into_boxed_slice();
        }
        for (((number, hosts), (old, _)), whole) in sharers.iter().zip(&old).zip(whole) {
            let new = self.bases.against(base, &whole);
            let packed = self.bases.pack(&new);
            if let Some(inventory) = self.inventories.get_mut(*number as usize) {
                inventory.packed = packed;
            }
            hosts.iter().for_each(|host| self.write(*host, Some(old), Some(&new)));
        }
        let mut left = Vec::new();
        each_difference(&before, &consensus, |number, more| {
            if !more && let Some(one) = self.components.get_mut(number) {
                one.bases.retain(|other| *other != base);
                left.push(number);
            }
        });
        self.forget(left);
    }
}

fn check_number(host: u32, facts: &Host) -> Result<(), Problem> {
    if host < HOST_LIMIT {
        return Ok(());
    }
    Err(Problem::new(
        "E-LIMIT",
        &facts.name,
        format!("the host has number {host}; the index takes numbers below {HOST_LIMIT}"),
        "run several servers with fewer hosts each",
    ))
}

/// Refuses too many components or too long ones before any of them is kept.
fn check<'c>(facts: &Host, components: impl IntoIterator<Item = &'c Component>) -> Result<Vec<&'c Component>, Problem> {
    let mut rest = components.into_iter();
    let components: Vec<&Component> = rest.by_ref().take(COMPONENT_LIMIT).collect();
    let more = rest.count();
    if more > 0 {
        return Err(Problem::new(
            "E-LIMIT",
            &facts.name,
            format!("the host reports {} components; at most {COMPONENT_LIMIT} are taken", COMPONENT_LIMIT + more),
            "look at what the host reports; a folder of many projects is better imported project by project",
        ));
    }
    components.iter().try_for_each(|component| components::check(component))?;
    Ok(components)
}

/// Takes a host out of its client's set; an empty set goes too.
fn leave(clients: &mut BTreeMap<ClientId, RoaringBitmap>, client: ClientId, host: u32) {
    let Some(hosts) = clients.get_mut(&client) else { return };
    hosts.remove(host);
    if hosts.is_empty() {
        clients.remove(&client);
    }
}

fn first_bytes(digest: &[u8; 32]) -> u64 {
    digest.iter().take(8).fold(0, |number, byte| number << 8 | u64::from(*byte))
}

/// Hosts that lack each of some components of their base.
fn lacking_all(components: &[&Distinct]) -> Vec<u32> {
    let mut sets: Vec<&Members> = components.iter().map(|one| &one.removed).collect();
    if sets.iter().any(|set| set.is_empty()) {
        return Vec::new();
    }
    sets.sort_by_cached_key(|set| set.heap());
    let (mut out, mut other) = (Vec::new(), Vec::new());
    let Some((first, rest)) = sets.split_first() else { return out };
    first.list(&mut out);
    for set in rest {
        other.clear();
        set.list(&mut other);
        out.retain(|host| other.binary_search(host).is_ok());
    }
    out
}
