//! What evaluation looks at besides components: the release a host follows
//! and the subscriptions it has.

use super::components::FIELD_LIMIT;
use super::size;
use crate::model::host::{Host, OperatingSystem};
use crate::model::problem::Problem;
use roaring::RoaringBitmap;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Subscriptions of one host that are taken; vendors sell a dozen.
const SUBSCRIPTION_LIMIT: usize = 64;

/// Part of a host that rules may ask about.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug, Default, Serialize, Deserialize)]
pub(super) struct Facts {
    version: Option<String>,
    subscriptions: Option<Vec<String>>,
}

/// Hosts by circumstance.
#[derive(Clone, Debug, Default)]
pub(super) struct Circumstances {
    numbers: BTreeMap<Facts, u32>,
    list: Vec<(Facts, RoaringBitmap)>,
    free: Vec<u32>,
}

impl Circumstances {
    /// Refuses what no real host says.
    pub(super) fn check(host: &Host) -> Result<(), Problem> {
        let subscriptions = host.subscriptions.as_deref().unwrap_or_default();
        let version = host.os.as_ref().map_or(0, |os| os.version.len());
        let longest = subscriptions.iter().map(String::len).max().unwrap_or(0).max(version);
        if subscriptions.len() <= SUBSCRIPTION_LIMIT && longest <= FIELD_LIMIT {
            return Ok(());
        }
        Err(Problem::new(
            "E-LIMIT",
            &host.name,
            format!(
                "the host names {} subscriptions, the longest text has {longest} bytes; at most {SUBSCRIPTION_LIMIT} of {FIELD_LIMIT} are taken",
                subscriptions.len()
            ),
            "look at its os-release file and its subscriptions on the host itself",
        ))
    }

    /// The number of a host's circumstance.
    pub(super) fn number(&mut self, host: &Host) -> u32 {
        let facts = Facts {
            version: host.os.as_ref().map(|os| os.version.clone()),
            subscriptions: host.subscriptions.clone(),
        };
        if let Some(&number) = self.numbers.get(&facts) {
            return number;
        }
        let number = self.free.pop().unwrap_or(self.list.len() as u32);
        let entry = (facts.clone(), RoaringBitmap::new());
        match self.list.get_mut(number as usize) {
            Some(place) => *place = entry,
            None => self.list.push(entry),
        }
        self.numbers.insert(facts, number);
        number
    }

    /// Facts by number; none is a number that is free.
    pub(super) fn keep(&self) -> Vec<Option<Facts>> {
        self.list.iter().map(|(facts, hosts)| (!hosts.is_empty()).then(|| facts.clone())).collect()
    }

    /// What [`Self::keep`] gave, with nobody in any of it; none where facts
    /// stand twice.
    pub(super) fn restore(kept: Vec<Option<Facts>>) -> Option<Self> {
        let mut out = Self::default();
        for (number, facts) in kept.into_iter().enumerate() {
            let number = u32::try_from(number).ok()?;
            match &facts {
                Some(facts) => out.numbers.insert(facts.clone(), number).is_none().then_some(())?,
                None => out.free.push(number),
            }
            out.list.push((facts.unwrap_or_default(), RoaringBitmap::new()));
        }
        Some(out)
    }

    /// Whether each has somebody in it, and none that is free.
    pub(super) fn are_used(&self) -> bool {
        let empty = |number: &u32| self.hosts(*number).is_none_or(RoaringBitmap::is_empty);
        !self.numbers.values().any(empty) && self.free.iter().all(empty)
    }

    pub(super) fn insert(&mut self, number: u32, host: u32) {
        if let Some((_, hosts)) = self.list.get_mut(number as usize) {
            hosts.insert(host);
        }
    }

    pub(super) fn remove(&mut self, number: u32, host: u32) {
        let Some((facts, hosts)) = self.list.get_mut(number as usize) else { return };
        hosts.remove(host);
        if hosts.is_empty() {
            self.numbers.remove(facts);
            self.free.push(number);
        }
    }

    /// Every circumstance as a host that has nothing else, with those in it,
    /// in a fixed order.
    pub(super) fn all(&self) -> impl Iterator<Item = (u32, Host, &RoaringBitmap)> {
        self.numbers.iter().filter_map(|(facts, number)| {
            let os = facts.version.as_ref().map(|version| OperatingSystem { version: version.clone(), ..OperatingSystem::default() });
            let host = Host { os, subscriptions: facts.subscriptions.clone(), ..Host::default() };
            self.list.get(*number as usize).map(|(_, hosts)| (*number, host, hosts))
        })
    }

    /// Hosts of a circumstance.
    pub(super) fn hosts(&self, number: u32) -> Option<&RoaringBitmap> {
        self.list.get(number as usize).map(|(_, hosts)| hosts)
    }

    /// Bytes it takes.
    pub(super) fn heap(&self) -> usize {
        let facts = |facts: &Facts| {
            let texts = facts.subscriptions.iter().flatten().chain(&facts.version);
            2 * texts.map(|text| size::block(text.len()) + 24).sum::<usize>()
        };
        let parts = self.list.iter().map(|(one, hosts)| facts(one) + size::bitmap(hosts));
        parts.sum::<usize>() + size::buffer(&self.list) + size::tree::<Facts, u32>(self.numbers.len())
    }
}
