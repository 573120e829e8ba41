//! The **sample** of a change: which hosts people look at by hand.
//!
//! Nobody chooses them: the digest of the signed package draws them, so that
//! anybody can draw them again, and whoever signs cannot know them without
//! signing other bytes.

use data_encoding::HEXLOWER;
use plimsoll_core::model::deployment_package::Place;
use plimsoll_core::model::identifier::HostId;
use sha2::{Digest, Sha256};
use std::collections::BTreeSet;

/// The hosts that a share in percent draws: the first of all hosts in the order
/// of `SHA-256(digest ":" host id)`, in hex, one at least where the share is
/// above 0.
pub fn sample(digest: &str, places: &[Place], percent: u8) -> BTreeSet<HostId> {
    let mut all: Vec<(String, HostId)> = places.iter().map(|place| (HEXLOWER.encode(&Sha256::digest(format!("{digest}:{}", place.host))), place.host)).collect();
    all.sort();
    let wanted = (all.len() * usize::from(percent.min(100))).div_ceil(100);
    all.into_iter().take(wanted).map(|(_, host)| host).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn places(count: u128) -> Vec<Place> {
        (0..count).map(|number| Place { host: HostId::from_bits(number), ring: 0, window: None }).collect()
    }

    #[test]
    fn the_digest_draws_the_same_hosts_in_any_order_and_another_digest_others() {
        let hosts = places(200);
        let reversed: Vec<Place> = hosts.iter().rev().cloned().collect();
        let drawn = sample("ab", &hosts, 5);
        assert_eq!(drawn.len(), 10);
        assert_eq!(drawn, sample("ab", &reversed, 5));
        assert_ne!(drawn, sample("ac", &hosts, 5));
        assert!(drawn.is_subset(&sample("ab", &hosts, 20)), "a greater share looks at more, not at others");
        // By the definition, apart from the code above.
        let first = hosts.iter().min_by_key(|place| Sha256::digest(format!("ab:{}", place.host)).to_vec()).unwrap().host;
        assert_eq!(sample("ab", &hosts, 0), BTreeSet::new());
        assert_eq!(sample("ab", &places(3), 1).len(), 1, "one at least");
        assert_eq!(sample("ab", &hosts, 100).len(), 200);
        assert!(drawn.contains(&first));
    }
}
