//! What is **kept** of a fleet over a restart: names, cards, the index, and of
//! each host what was decided with what it rests on.
//!
//! Hosts are alike, so a part of the file names each finding once and its
//! hosts by numbers: some bytes a finding, before compression. Everything that
//! the clock changes is left out and counted anew.

use super::State;
use super::basis::{Basis, Read};
use super::judged::{Card, Judged, NEVER, Open, Pending};
use super::names::{Name, Names};
use crate::snapshot::file::{Reader, Writer};
use plimsoll_core::fleet::{Index, Kept as KeptIndex};
use plimsoll_core::model::identifier::HostId;
use plimsoll_core::model::registration::{HostState, Registration};
use roaring::RoaringBitmap;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeSet, HashMap};
use std::hash::Hash;
use std::io::{self, Write};
use std::sync::Arc;

/// Hosts of one part: enough for what they share, few enough for memory.
const PART: usize = 1000;

/// What is kept of a fleet, beside its index.
pub struct Kept {
    names: Vec<Arc<str>>,
    cards: Vec<(Name, Card)>,
    hosts: Vec<KeptHost>,
}

struct KeptHost {
    id: HostId,
    number: u32,
    basis: Basis,
    judged: Arc<Judged>,
}

#[derive(Serialize, Deserialize)]
struct Words {
    names: Vec<String>,
    cards: Vec<(Name, Card)>,
}

#[derive(Default, Serialize, Deserialize)]
struct Part {
    opens: Vec<Open>,
    pendings: Vec<Pending>,
    dues: Vec<(i64, u32)>,
    hosts: Vec<Row>,
}

/// A host in a [`Part`]; findings and updates with their due dates, by number.
#[derive(Serialize, Deserialize)]
struct Row {
    id: HostId,
    number: u32,
    basis: Basis,
    stream: String,
    findings: Vec<(u32, u32)>,
    known: bool,
    updates: Option<Vec<(u32, u32)>>,
    components: u32,
    evaluated: u32,
    system: String,
    kernel: String,
    reboot: Option<bool>,
}

impl Kept {
    /// Number of hosts.
    pub fn hosts(&self) -> usize {
        self.hosts.len()
    }

    /// Bytes it takes in a file at most, about.
    pub fn bytes(&self) -> u64 {
        let rows = self.hosts.iter().map(|host| host.judged.findings.len() * 6 + host.judged.updates.as_ref().map_or(0, Vec::len) * 6 + 256);
        let names = self.names.iter().map(|name| name.len() + 4);
        let cards = self.cards.iter().map(|(_, card)| card.summary.len() + card.aliases.len() * 20 + 32);
        rows.chain(names).chain(cards).sum::<usize>() as u64
    }

    /// Writes it.
    ///
    /// # Errors
    ///
    /// Those of the file.
    pub fn write(&self, index: &KeptIndex, to: &mut Writer<impl Write>) -> io::Result<()> {
        let numbers = self.used();
        let renamed = |name: Name| numbers.get(name.place()).copied().flatten();
        let mut words = Words { names: Vec::new(), cards: Vec::with_capacity(self.cards.len()) };
        words.names.extend(self.names.iter().zip(&numbers).filter(|(_, number)| number.is_some()).map(|(name, _)| name.to_string()));
        words.cards.extend(self.cards.iter().filter_map(|(name, card)| Some((renamed(*name)?, card.clone()))));
        to.part(&words)?;
        to.part(index)?;
        for hosts in self.hosts.chunks(PART) {
            to.part(&part(hosts, &renamed))?;
        }
        Ok(())
    }

    /// New names by their old numbers, in the same order, of those that
    /// somebody still has: names are never dropped while a server runs.
    fn used(&self) -> Vec<Option<Name>> {
        let mut used = vec![false; self.names.len()];
        let mut mark = |name: Name| used.get_mut(name.place()).into_iter().for_each(|used| *used = true);
        for host in &self.hosts {
            for open in &host.judged.findings {
                open.names().into_iter().for_each(&mut mark);
            }
            for pending in host.judged.updates.iter().flatten() {
                pending.names().for_each(&mut mark);
            }
        }
        self.cards.iter().for_each(|(name, _)| mark(*name));
        let mut next = 0..;
        used.into_iter().map(|used| used.then(|| next.next().and_then(Name::at)).flatten()).collect()
    }

    /// Reads it.
    ///
    /// # Errors
    ///
    /// Why it cannot be used, in words for the log.
    pub fn read(from: &mut Reader<'_>) -> Result<(Self, Index), String> {
        let words: Words = from.part()?.ok_or("it has no names")?;
        let index: KeptIndex = from.part()?.ok_or("it has no index")?;
        let index = Index::restore(index).ok_or("its index contradicts itself")?;
        let names: Vec<Arc<str>> = words.names.into_iter().map(Arc::from).collect();
        let known = |name: Name| (name.place() < names.len()).then_some(name);
        if !words.cards.iter().all(|(name, _)| known(*name).is_some()) {
            return Err("it names an advisory that it has no name of".to_owned());
        }
        let mut hosts = Vec::new();
        while let Some(part) = from.part::<Part>()? {
            let (opens, pendings) = (part.opens, part.pendings);
            let sound = opens.iter().all(|open| open.renamed(known).is_some()) && pendings.iter().all(|pending| pending.renamed(known).is_some());
            let read = |row| kept_host(row, &opens, &pendings, &part.dues);
            let read: Option<Vec<KeptHost>> = part.hosts.into_iter().map(read).collect();
            hosts.extend(read.filter(|_| sound).ok_or("a number in it leads nowhere")?);
        }
        Ok((Self { names, cards: words.cards, hosts }, index))
    }
}

/// Things by number, each once.
struct Once<T> {
    all: Vec<T>,
    numbers: HashMap<T, u32>,
}

impl<T: Clone + Eq + Hash> Once<T> {
    fn new() -> Self {
        Self { all: Vec::new(), numbers: HashMap::new() }
    }

    fn number(&mut self, one: T) -> u32 {
        let all = &mut self.all;
        *self.numbers.entry(one).or_insert_with_key(|one| {
            all.push(one.clone());
            (all.len() - 1) as u32
        })
    }
}

fn part(hosts: &[KeptHost], renamed: &impl Fn(Name) -> Option<Name>) -> Part {
    let (mut opens, mut pendings, mut dues) = (Once::new(), Once::new(), Once::new());
    let mut rows = Vec::with_capacity(hosts.len());
    for KeptHost { id, number, basis, judged } in hosts {
        let Judged { stream, findings, known, updates, components, evaluated, system, kernel, reboot } = &**judged;
        let finding = |open: &Open| (opens.number(open.due_at((NEVER, 0))), dues.number(open.deadline().map_or((NEVER, 0), |deadline| (deadline.due, deadline.length))));
        let findings = findings.iter().map(finding).collect();
        let update = |pending: &Pending| (pendings.number(Pending { due: None, ..pending.clone() }), dues.number((pending.due.unwrap_or(NEVER), 0)));
        let updates = updates.as_ref().map(|updates| updates.iter().map(update).collect());
        rows.push(Row {
            id: *id,
            number: *number,
            basis: *basis,
            stream: stream.clone(),
            findings,
            known: *known,
            updates,
            components: *components,
            evaluated: *evaluated,
            system: system.clone(),
            kernel: kernel.clone(),
            reboot: *reboot,
        });
    }
    Part {
        opens: opens.all.iter().filter_map(|open| open.renamed(renamed)).collect(),
        pendings: pendings.all.iter().filter_map(|pending| pending.renamed(renamed)).collect(),
        dues: dues.all,
        hosts: rows,
    }
}

fn kept_host(row: Row, opens: &[Open], pendings: &[Pending], dues: &[(i64, u32)]) -> Option<KeptHost> {
    let Row { id, number, basis, stream, findings, known, updates, components, evaluated, system, kernel, reboot } = row;
    let open = |(open, due): (u32, u32)| Some(opens.get(open as usize)?.due_at(*dues.get(due as usize)?));
    let pending = |(pending, due): (u32, u32)| {
        let (due, _) = *dues.get(due as usize)?;
        Some(Pending { due: (due != NEVER).then_some(due), ..pendings.get(pending as usize)?.clone() })
    };
    let findings = findings.into_iter().map(open).collect::<Option<Vec<Open>>>()?;
    let updates = match updates {
        Some(updates) => Some(updates.into_iter().map(pending).collect::<Option<Vec<Pending>>>()?),
        None => None,
    };
    let judged = Judged { stream, findings, known, updates, components, evaluated, system, kernel, reboot };
    Some(KeptHost { id, number, basis, judged: Arc::new(judged) })
}

impl State {
    /// What is worth to be kept: hosts whose judgement rests on this ground,
    /// but those in `late`, which wait to be judged again.
    ///
    /// Nothing is written here, so that nobody waits for long.
    pub fn keep(&self, ground: &Read, late: &BTreeSet<HostId>) -> (Kept, KeptIndex) {
        let mut hosts: Vec<KeptHost> = self
            .hosts
            .values()
            .filter_map(|managed| {
                let basis = managed.basis.filter(|basis| basis.ground == *ground)?;
                let (id, number) = (managed.registration.id, managed.registration.number);
                let kept = !late.contains(&id) && self.index.digest(number).is_some();
                kept.then_some(KeptHost { id, number, basis, judged: Arc::clone(managed.judged.as_ref()?) })
            })
            .collect();
        hosts.sort_unstable_by_key(|host| host.number);
        let cards = self.cards.iter().map(|(name, card)| (*name, card.clone())).collect();
        (Kept { names: self.names.texts().to_vec(), cards, hosts }, self.index.keep())
    }

    /// Takes up what was kept of registered hosts, where it `holds`; gives how
    /// many were. What was decided before is gone: this is for a server that
    /// starts. Counts are [`Self::recount`]'s.
    pub fn take_up(&mut self, kept: Kept, mut index: Index, holds: impl Fn(&Registration, &Basis) -> bool) -> u64 {
        let mut under = vec![RoaringBitmap::new(); kept.names.len()];
        let mut taken = RoaringBitmap::new();
        for KeptHost { id, number, basis, judged } in kept.hosts {
            let Some(managed) = self.hosts.get_mut(&id) else { continue };
            let host = &managed.registration;
            let there = host.number == number && host.state != HostState::Retired && index.digest(number).is_some();
            if !there || !holds(host, &basis) {
                continue;
            }
            for open in &judged.findings {
                under.get_mut(open.advisory.place()).into_iter().for_each(|hosts| _ = hosts.insert(number));
            }
            (managed.judged, managed.basis) = (Some(judged), Some(basis));
            taken.insert(number);
        }
        for number in index.hosts() - &taken {
            index.remove(number);
        }
        let named = (0..).map_while(Name::at).zip(under).filter(|(_, hosts)| !hosts.is_empty());
        self.by_advisory = named.collect();
        self.names = Names::of(kept.names);
        self.cards = kept.cards.into_iter().collect();
        self.index = index;
        taken.len()
    }
}
