//! Hosts by their dense numbers, and ids to find those: a walk over a hundred
//! thousand of them is one over memory in a row.

use super::Managed;
use plimsoll_core::model::identifier::HostId;
use std::collections::HashMap;

/// All hosts.
#[derive(Default)]
pub(super) struct Roster {
    numbers: HashMap<HostId, u32>,
    places: Vec<Option<Managed>>,
}

impl Roster {
    pub(super) fn get(&self, id: &HostId) -> Option<&Managed> {
        self.numbered(*self.numbers.get(id)?)
    }

    pub(super) fn get_mut(&mut self, id: &HostId) -> Option<&mut Managed> {
        self.places.get_mut(*self.numbers.get(id)? as usize)?.as_mut()
    }

    pub(super) fn numbered(&self, number: u32) -> Option<&Managed> {
        self.places.get(number as usize)?.as_ref()
    }

    /// Takes a host up at the number that the store gave it.
    pub(super) fn insert(&mut self, managed: Managed) {
        let number = managed.registration.number;
        let place = number as usize;
        if self.places.len() <= place {
            self.places.resize_with(place + 1, || None);
        }
        self.numbers.insert(managed.registration.id, number);
        if let Some(slot) = self.places.get_mut(place) {
            *slot = Some(managed);
        }
    }

    pub(super) fn values(&self) -> impl Iterator<Item = &Managed> {
        self.places.iter().flatten()
    }

    pub(super) fn values_mut(&mut self) -> impl Iterator<Item = &mut Managed> {
        self.places.iter_mut().flatten()
    }
}
