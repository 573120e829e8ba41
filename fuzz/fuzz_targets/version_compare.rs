//! Feeds arbitrary pairs of texts to the order of versions.
//!
//! The first byte picks the scheme; the rest is two versions with a line break between. Nothing may panic, the order must
//! be antisymmetric, and the keys must agree with it wherever there are keys.
#![no_main]

use libfuzzer_sys::fuzz_target;
use plimsoll_version::{Reason, Scheme, compare, key, parse_requirement};

fuzz_target!(|data: &[u8]| {
    let Some((&pick, rest)) = data.split_first() else {
        return;
    };
    let scheme = Scheme::ALL[usize::from(pick) % Scheme::ALL.len()];
    let text = String::from_utf8_lossy(rest);
    let (a, b) = text.split_once('\n').unwrap_or((&text, ""));

    let forward = compare(scheme, a, b);
    let backward = compare(scheme, b, a);
    assert_eq!(
        forward.as_ref().ok().map(|order| order.reverse()),
        backward.ok(),
        "{scheme}: {a:?} {b:?}"
    );

    match (key(scheme, a), key(scheme, b)) {
        // Maven's own order is not transitive, so its keys cannot always agree.
        (Ok(_), Ok(_)) if scheme == Scheme::Maven => {}
        (Ok(key_a), Ok(key_b)) => {
            assert_eq!(Ok(key_a.cmp(&key_b)), forward, "{scheme}: {a:?} {b:?}")
        }
        (Err(error), _) | (_, Err(error)) => {
            let unplaced = matches!(error.reason, Reason::NoTotalOrder { .. });
            assert!(
                forward.is_err() || unplaced,
                "{scheme}: {a:?} {b:?}: {error}"
            );
        }
    }

    for interval in parse_requirement(scheme, a).unwrap_or_default() {
        let _ = interval.contains(scheme, b);
    }
});
