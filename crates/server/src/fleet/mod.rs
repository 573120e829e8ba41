//! The **fleet** in memory: what was decided of every host, ready to be asked.
//!
//! Everything in here is derived from the store and the advisory database and
//! can be thrown away; several servers on one database each hold their own.
//! Counts and searches take the caller's [`Scope`], so that another client's
//! hosts can be neither seen nor counted.

pub mod basis;
pub mod exceptions;
pub mod filter;
pub mod judged;
pub mod kept;
pub mod names;
pub mod presence;
pub mod question;
mod roster;

use basis::{Basis, Swap};
use exceptions::Exceptions;
use filter::Filter;
use jiff::Timestamp;
use judged::{Card, Counts, Judged, Open};
use names::{Name, Names};
use plimsoll_core::fleet::Index;
use plimsoll_core::knowledge::Knowledge;
use plimsoll_core::model::advisory::is_cve;
use plimsoll_core::model::component::Component;
use plimsoll_core::model::host::Host;
use plimsoll_core::model::identifier::{ClientId, GroupId, HostId};
use plimsoll_core::model::problem::Problem;
use plimsoll_core::model::registration::{HostState, Registration};
use plimsoll_core::model::scan::Scan;
use presence::Presence;
use question::Clock;
use roaring::RoaringBitmap;
use roster::Roster;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::{Arc, RwLock, RwLockReadGuard, RwLockWriteGuard};

/// One host with what was decided of it.
pub struct Managed {
    /// What the store keeps.
    pub registration: Registration,
    /// What was decided; none before its first report was judged.
    pub judged: Option<Arc<Judged>>,
    /// What that rests on; none where that cannot be said any more.
    pub basis: Option<Basis>,
    /// Counts as of the last look at the clock.
    pub counts: Counts,
    /// Its last words.
    pub presence: Arc<Presence>,
}

impl Managed {
    /// When it was last heard of: what was not flushed before a kill is known
    /// by the report that was stored.
    pub fn last_seen(&self) -> Option<Timestamp> {
        self.presence.seen().max(self.registration.last_seen).max(self.registration.reported)
    }
}

/// The fleet.
#[derive(Default)]
pub struct Fleet(RwLock<State>);

/// Everything in it; see [`Fleet::read`].
#[derive(Default)]
pub struct State {
    hosts: Roster,
    by_client: BTreeMap<ClientId, RoaringBitmap>,
    by_group: BTreeMap<GroupId, RoaringBitmap>,
    queries: BTreeMap<GroupId, Query>,
    /// Names of clients that were not put away.
    pub client_names: BTreeMap<ClientId, String>,
    by_advisory: BTreeMap<Name, RoaringBitmap>,
    cards: HashMap<Name, Card>,
    exceptions: Exceptions,
    /// Components over hosts.
    pub index: Index,
    /// Names kept once.
    pub names: Names,
}

/// Which hosts belong to a group by its query.
struct Query {
    /// Its client, whose hosts alone it can hold; none for all.
    client: Option<ClientId>,
    filter: Filter,
}

impl Fleet {
    /// Looks at it. A panic elsewhere must not take every page down, so a
    /// poisoned lock is entered: each change below leaves the state whole.
    pub fn read(&self) -> RwLockReadGuard<'_, State> {
        self.0.read().unwrap_or_else(std::sync::PoisonError::into_inner)
    }

    /// Changes it.
    pub fn write(&self) -> RwLockWriteGuard<'_, State> {
        self.0.write().unwrap_or_else(std::sync::PoisonError::into_inner)
    }
}

impl Query {
    fn wants(&self, managed: &Managed, clock: Clock) -> Option<bool> {
        let host = &managed.registration;
        if host.state == HostState::Retired || self.client.is_some_and(|client| client != host.client) {
            return Some(false);
        }
        self.filter.holds(managed, clock)
    }
}

impl State {
    /// One host.
    pub fn host(&self, id: HostId) -> Option<&Managed> {
        self.hosts.get(&id)
    }

    /// One host by its dense number.
    pub fn numbered(&self, number: u32) -> Option<&Managed> {
        self.hosts.numbered(number)
    }

    /// All hosts, by number.
    pub fn hosts(&self) -> impl Iterator<Item = &Managed> {
        self.hosts.values()
    }

    /// Hosts of a client.
    pub fn of_client(&self, client: ClientId) -> Option<&RoaringBitmap> {
        self.by_client.get(&client)
    }

    /// Every host that is not retired.
    pub fn all(&self) -> RoaringBitmap {
        self.by_client.values().fold(RoaringBitmap::new(), |all, hosts| all | hosts)
    }

    /// Hosts of a group.
    pub fn of_group(&self, group: GroupId) -> Option<&RoaringBitmap> {
        self.by_group.get(&group)
    }

    /// Lays down a group's query; with none its members are named by hand.
    pub fn lay_query(&mut self, group: GroupId, client: Option<ClientId>, filter: Option<Filter>) {
        match filter {
            Some(filter) => self.queries.insert(group, Query { client, filter }),
            None => self.queries.remove(&group),
        };
    }

    /// Forgets a group.
    pub fn drop_group(&mut self, group: GroupId) {
        self.queries.remove(&group);
        self.by_group.remove(&group);
    }

    /// Groups that are known.
    pub fn groups(&self) -> impl Iterator<Item = GroupId> {
        self.by_group.keys().chain(self.queries.keys()).copied()
    }

    /// Who belongs to a group by its query; none for one without. A host of
    /// which nobody can tell yet stays where it is.
    pub fn members_by_query(&self, group: GroupId, clock: Clock) -> Option<RoaringBitmap> {
        let query = self.queries.get(&group)?;
        let there = self.by_group.get(&group);
        let is = |managed: &&Managed| {
            let number = managed.registration.number;
            query.wants(managed, clock).unwrap_or_else(|| there.is_some_and(|there| there.contains(number)))
        };
        Some(self.hosts.values().filter(is).map(|managed| managed.registration.number).collect())
    }

    /// Groups whose query says otherwise of a host than its members do: the
    /// group, and whether the host belongs to it.
    pub fn misplaced(&self, id: HostId, clock: Clock) -> Vec<(GroupId, bool)> {
        let Some(managed) = self.hosts.get(&id) else { return Vec::new() };
        let differs = |(group, query): (&GroupId, &Query)| {
            let there = self.by_group.get(group).is_some_and(|there| there.contains(managed.registration.number));
            let wanted = query.wants(managed, clock)?;
            (wanted != there).then_some((*group, wanted))
        };
        self.queries.iter().filter_map(differs).collect()
    }

    /// Takes a host out of a group.
    pub fn leave_group(&mut self, group: GroupId, number: u32) {
        if let Some(hosts) = self.by_group.get_mut(&group) {
            hosts.remove(number);
        }
    }

    /// Lays down who belongs to a group.
    pub fn lay_group(&mut self, group: GroupId, hosts: RoaringBitmap) {
        self.by_group.insert(group, hosts);
    }

    /// Hosts with an open finding under an advisory.
    pub fn under(&self, advisory: Name) -> Option<&RoaringBitmap> {
        self.by_advisory.get(&advisory)
    }

    /// Advisories with an open finding on some host, by name's number.
    pub fn advisories(&self) -> impl Iterator<Item = (Name, &RoaringBitmap)> {
        self.by_advisory.iter().map(|(name, hosts)| (*name, hosts))
    }

    /// Takes up a host, or what changed of it; what was decided stays.
    pub fn register(&mut self, registration: Registration, sequence: u64) {
        let (id, number, client) = (registration.id, registration.number, registration.client);
        match self.hosts.get_mut(&id) {
            Some(managed) => {
                if let Some(hosts) = self.by_client.get_mut(&managed.registration.client) {
                    hosts.remove(number);
                }
                managed.registration = registration;
            }
            None => {
                let presence = Arc::new(Presence::resume(registration.last_seen, sequence));
                self.hosts.insert(Managed { registration, judged: None, basis: None, counts: Counts::default(), presence });
            }
        }
        if self.hosts.get(&id).is_some_and(|managed| managed.registration.state != HostState::Retired) {
            self.by_client.entry(client).or_default().insert(number);
        } else {
            self.forget_findings(id);
            self.index.remove(number);
        }
    }

    /// What lists show of an advisory.
    pub fn card(&self, advisory: Name) -> Option<&Card> {
        self.cards.get(&advisory)
    }

    /// Lays down what was decided of a host.
    pub fn judge(&mut self, id: HostId, scan: &Scan) -> Option<Counts> {
        let (judged, now) = (Judged::of(scan, &mut self.names), scan.as_of);
        for finding in &scan.findings {
            self.cards.insert(self.names.keep(&finding.advisory), Card::of(finding));
        }
        self.forget_findings(id);
        let managed = self.hosts.get_mut(&id)?;
        if managed.registration.state == HostState::Retired {
            return None;
        }
        for open in &judged.findings {
            self.by_advisory.entry(open.advisory).or_default().insert(managed.registration.number);
        }
        let accepted = |open: &Open| self.exceptions.over(&self.by_group, &managed.registration, open, now).is_some();
        managed.counts = judged.counts(now, accepted);
        managed.judged = Some(Arc::new(judged));
        Some(managed.counts.clone())
    }

    /// Lays down what was decided anew of some packages of a host; the rest of
    /// what was decided of it stays.
    pub fn judge_part(&mut self, id: HostId, packages: &BTreeSet<String>, scan: &Scan) -> Option<Counts> {
        for finding in &scan.findings {
            self.cards.insert(self.names.keep(&finding.advisory), Card::of(finding));
        }
        let managed = self.hosts.get_mut(&id)?;
        let mut judged = managed.judged.as_deref()?.clone();
        let before: BTreeSet<Name> = judged.findings.iter().map(|open| open.advisory).collect();
        judged.replace(packages, scan, &mut self.names);
        let after: BTreeSet<Name> = judged.findings.iter().map(|open| open.advisory).collect();
        let number = managed.registration.number;
        for gone in before.difference(&after) {
            if let Some(hosts) = self.by_advisory.get_mut(gone) {
                hosts.remove(number);
                if hosts.is_empty() {
                    self.by_advisory.remove(gone);
                }
            }
        }
        for come in after.difference(&before) {
            self.by_advisory.entry(*come).or_default().insert(number);
        }
        let accepted = |open: &Open| self.exceptions.over(&self.by_group, &managed.registration, open, scan.as_of).is_some();
        managed.counts = judged.counts(scan.as_of, accepted);
        managed.judged = Some(Arc::new(judged));
        Some(managed.counts.clone())
    }

    /// Notes what a host's judgement rests on.
    pub fn rest(&mut self, id: HostId, basis: Option<Basis>) {
        if let Some(managed) = self.hosts.get_mut(&id) {
            managed.basis = basis.filter(|_| managed.judged.is_some());
        }
    }

    /// Notes what some packages of a host, judged after a database was
    /// swapped, rest on, and the journal they were decided from: where the
    /// rest of the host rests on something else, the whole rests on nothing.
    pub fn rest_part(&mut self, id: HostId, part: Basis, journal: u64, swap: Swap) {
        let Some(managed) = self.hosts.get_mut(&id) else { return };
        let alike = |whole: &Basis| {
            let ground = part.ground == swap.to && [swap.from, swap.to].contains(&whole.ground);
            ground && whole.host == part.host && whole.journal == journal
        };
        managed.basis = managed.basis.filter(alike).map(|whole| Basis { at: whole.at, ..part });
    }

    /// Notes that what was decided of hosts holds under another database as
    /// well, but for some.
    pub fn swap_ground(&mut self, swap: Swap, but: impl Fn(&Registration) -> bool) {
        for managed in self.hosts.values_mut() {
            let Some(basis) = managed.basis.as_mut().filter(|basis| basis.ground == swap.from) else { continue };
            if !but(&managed.registration) {
                basis.ground = swap.to;
            }
        }
    }

    /// Takes what is known of every advisory's exploitation from another
    /// database, where no host was judged again for it.
    ///
    /// # Errors
    ///
    /// Those of the database.
    pub fn refresh_cards(&mut self, knowledge: &dyn Knowledge) -> Result<(), Problem> {
        for (name, card) in &mut self.cards {
            let mut epss = None::<f32>;
            let id = self.names.text(*name);
            for cve in std::iter::once(id).chain(card.aliases.iter().map(String::as_str)).filter(|name| is_cve(name)) {
                let known = knowledge.threat(cve)?.and_then(|threat| threat.epss);
                epss = epss.into_iter().chain(known.map(|known| known.score)).reduce(f32::max);
            }
            card.epss = epss;
        }
        Ok(())
    }

    /// Notes which report is a host's newest.
    pub fn reported(&mut self, id: HostId, digest: &str, at: Timestamp) {
        if let Some(managed) = self.hosts.get_mut(&id) {
            managed.registration.report = Some(digest.to_owned());
            managed.registration.reported = Some(at);
        }
    }

    /// Notes that somebody brought a host's facts.
    pub fn heard(&mut self, id: HostId, at: Timestamp) {
        if let Some(managed) = self.hosts.get_mut(&id) {
            managed.registration.last_seen = Some(at);
        }
    }

    /// Adds a host to a group.
    pub fn join_group(&mut self, group: GroupId, number: u32) {
        self.by_group.entry(group).or_default().insert(number);
    }

    /// Lays down a host's components.
    ///
    /// # Errors
    ///
    /// `E-LIMIT` beyond what the index takes; the host is then judged and not
    /// found by its packages.
    pub fn lay_components(&mut self, id: HostId, digest: [u8; 32], facts: &Host, components: &[Component]) -> Result<(), Problem> {
        let Some(managed) = self.hosts.get(&id) else { return Ok(()) };
        let (number, client) = (managed.registration.number, managed.registration.client);
        self.index.set(number, client, digest, facts, components).map(|_| ())
    }

    fn forget_findings(&mut self, id: HostId) {
        let Some(managed) = self.hosts.get_mut(&id) else { return };
        let number = managed.registration.number;
        managed.basis = None;
        let Some(judged) = managed.judged.take() else { return };
        managed.counts = Counts::default();
        for open in &judged.findings {
            if let Some(hosts) = self.by_advisory.get_mut(&open.advisory) {
                hosts.remove(number);
                if hosts.is_empty() {
                    self.by_advisory.remove(&open.advisory);
                }
            }
        }
    }

    /// Counts again what time alone changed: due dates that have passed, and
    /// exceptions that have ended. Returns the hosts of which that changed
    /// what is overdue.
    pub fn recount(&mut self, now: Timestamp) -> Vec<HostId> {
        let mut changed = Vec::new();
        for managed in self.hosts.values_mut() {
            let Some(judged) = &managed.judged else { continue };
            // Only a passed due date or an exception changes anything but
            // `due_soon`.
            let accepted = |open: &Open| self.exceptions.over(&self.by_group, &managed.registration, open, now).is_some();
            let counts = judged.counts(now, accepted);
            if (counts.overdue, counts.excepted) != (managed.counts.overdue, managed.counts.excepted) {
                changed.push(managed.registration.id);
            }
            managed.counts = counts;
        }
        changed.sort();
        changed
    }
}
