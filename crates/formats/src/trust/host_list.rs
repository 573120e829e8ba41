//! The **host list** of a deployment package: a Merkle tree (RFC 6962) over its
//! lines.

use crate::protocol::{decode_hex, encode_hex};
use plimsoll_core::model::deployment_package::{HostList, Place};
use plimsoll_core::model::problem::Problem;
use tlog_tiles::{Hash, HashReader};

/// The tree, with every hash at hand.
#[derive(Clone, Debug)]
pub struct HostTree {
    places: Vec<Place>,
    stored: Vec<Hash>,
    root: Hash,
}

struct Stored<'a>(&'a [Hash]);

impl HashReader for Stored<'_> {
    fn read_hashes(&self, indexes: &[u64]) -> Result<Vec<Hash>, tlog_tiles::Error> {
        let found = indexes.iter().map(|index| usize::try_from(*index).ok().and_then(|index| self.0.get(index)).copied());
        found.collect::<Option<_>>().ok_or(tlog_tiles::Error::IndexesNotInTree)
    }
}

impl HostTree {
    /// Builds the tree; lines are sorted by host, and a host stands in it once.
    ///
    /// # Errors
    ///
    /// `E-HOSTS` where there are none or one stands twice.
    pub fn new(mut places: Vec<Place>) -> Result<Self, Problem> {
        let bad = |text: String| Problem::new("E-HOSTS", "list of hosts", text, "choose the hosts again");
        places.sort();
        if places.is_empty() {
            return Err(bad("is empty".to_owned()));
        }
        if let Some(pair) = places.windows(2).find(|pair| pair.first().map(|place| place.host) == pair.last().map(|place| place.host)) {
            return Err(bad(format!("names the host {} twice", pair.first().map(|place| place.host.to_string()).unwrap_or_default())));
        }
        let grown = |error: tlog_tiles::Error| bad(format!("cannot be hashed: {error}"));
        let mut stored = Vec::with_capacity(places.len() * 2);
        for (number, place) in (0u64..).zip(&places) {
            let more = tlog_tiles::stored_hashes(number, place.line().as_bytes(), &Stored(&stored)).map_err(grown)?;
            stored.extend(more);
        }
        let root = tlog_tiles::tree_hash(places.len() as u64, &Stored(&stored)).map_err(grown)?;
        Ok(Self { places, stored, root })
    }

    /// What the package says of it.
    pub fn list(&self) -> HostList {
        HostList { count: self.places.len() as u64, root: encode_hex(&self.root.0) }
    }

    /// Its lines, sorted.
    pub fn places(&self) -> &[Place] {
        &self.places
    }

    /// Number and proof of a host's line; none where it has none.
    pub fn prove(&self, host: plimsoll_core::model::identifier::HostId) -> Option<(&Place, u64, Vec<String>)> {
        let number = self.places.binary_search_by_key(&host, |place| place.host).ok()?;
        let proof = tlog_tiles::prove_record(self.places.len() as u64, number as u64, &Stored(&self.stored)).ok()?;
        Some((self.places.get(number)?, number as u64, proof.iter().map(|hash| encode_hex(&hash.0)).collect()))
    }
}

/// Checks that a line is in a package's host list.
///
/// # Errors
///
/// `E-ASSIGN-PLACE` where the proof does not show it.
pub fn check_place(list: &HostList, place: &Place, position: u64, proof: &[String]) -> Result<(), Problem> {
    let holds = || {
        let root = Hash(decode_hex::<32>(&list.root)?);
        let proof = proof.iter().map(|hash| decode_hex::<32>(hash).map(Hash)).collect::<Option<Vec<_>>>()?;
        tlog_tiles::check_record(&proof, list.count, root, position, tlog_tiles::record_hash(place.line().as_bytes())).ok()
    };
    holds().ok_or_else(|| {
        Problem::new(
            "E-ASSIGN-PLACE",
            "assignment",
            format!("names ring {} and window {:?} for host {}, which the package's list of hosts does not show", place.ring, place.window, place.host),
            "nothing was done; whoever wrote the assignment holds the server's online key: look at the server",
        )
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use plimsoll_core::model::identifier::HostId;

    fn tree(count: u128) -> HostTree {
        let place = |number| Place { host: HostId::from_bits(number), ring: u32::from(number > 1), window: (number == 2).then(|| "night".to_owned()) };
        HostTree::new((0..count).rev().map(place).collect()).unwrap()
    }

    #[test]
    fn every_host_proves_its_own_line_and_no_other() {
        for count in [1, 2, 3, 8, 21] {
            let tree = tree(count);
            for number in 0..count {
                let (place, position, proof) = tree.prove(HostId::from_bits(number)).unwrap();
                check_place(&tree.list(), place, position, &proof).unwrap();
                let earlier = Place { ring: 7, ..place.clone() };
                assert_eq!(check_place(&tree.list(), &earlier, position, &proof).unwrap_err().code, "E-ASSIGN-PLACE");
                let other = Place { host: HostId::from_bits(number + 1), ..place.clone() };
                assert!(check_place(&tree.list(), &other, position, &proof).is_err());
            }
            assert!(tree.prove(HostId::from_bits(count)).is_none());
        }
    }

    #[test]
    fn an_empty_list_and_a_host_named_twice_are_refused() {
        assert_eq!(HostTree::new(Vec::new()).unwrap_err().code, "E-HOSTS");
        let place = |ring| Place { host: HostId::from_bits(1), ring, window: None };
        assert_eq!(HostTree::new(vec![place(0), place(1)]).unwrap_err().code, "E-HOSTS");
    }
}
