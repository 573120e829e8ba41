//! Prints how long one comparison, one key and one comparison of keys take, scheme by scheme.
//!
//! Run with `cargo run --release -p plimsoll-version --example compare_speed`.

use std::hint::black_box;
use std::time::Instant;

use plimsoll_version::{Scheme, compare, key, write_key};

/// How often each pair is compared; a few hundred milliseconds a scheme.
const ROUNDS: u32 = 200_000;

/// Pairs as matching meets them: mostly the same beginning, the difference near the end.
const PAIRS: &[(Scheme, [(&str, &str); 3])] = &[
    (
        Scheme::Debian,
        [
            ("2:8.39-13+deb12u1", "2:8.39-13+deb12u2"),
            ("5.10.0-28", "6.1.76-1"),
            ("1.2.3-1~deb7u1", "1.2.3-1"),
        ],
    ),
    (
        Scheme::Rpm,
        [
            ("32:9.16.23-11.el9_2.1", "32:9.16.23-11.el9_2.2"),
            ("3.10.0-229.el7", "3.10.0-229.1.2.el7"),
            ("1.0~rc1-1", "1.0-1"),
        ],
    ),
    (
        Scheme::Alpine,
        [
            ("3.1.4-r5", "3.1.4-r6"),
            ("1.0_pre1-r1", "1.0-r0"),
            ("6.02-r0", "6.04-r0"),
        ],
    ),
    (
        Scheme::Pacman,
        [
            ("1:6.0.2-3", "1:6.0.2-4"),
            ("2.39+r52-1", "2.39+r60-1"),
            ("1.0rc1-1", "1.0-1"),
        ],
    ),
    (
        Scheme::Semver,
        [
            ("1.2.3", "1.2.4"),
            ("1.0.0-alpha.1", "1.0.0-alpha.beta"),
            ("v0.12.0", "v0.9.0"),
        ],
    ),
    (
        Scheme::Npm,
        [
            ("14.17.21", "14.17.3"),
            ("1.0.0-rc.1", "1.0.0"),
            ("0.6.0", "1.2.3"),
        ],
    ),
    (
        Scheme::Go,
        [
            (
                "v0.0.0-20190101000000-abcdef123456",
                "v0.0.0-20200101000000-abcdef123456",
            ),
            ("go1.21.3", "1.21rc2"),
            ("v1.2.3", "v1.3.0"),
        ],
    ),
    (
        Scheme::Maven,
        [
            ("2.9.10.8", "2.9.10.7"),
            ("1.0-alpha-1", "1.0-beta-1"),
            ("5.3.0.RC1", "5.3.0"),
        ],
    ),
    (
        Scheme::PyPi,
        [
            ("2.0.1", "2.0.2"),
            ("1.0rc1.post2.dev3", "1.0"),
            ("1.36.0rc1", "1.35.0"),
        ],
    ),
    (
        Scheme::RubyGems,
        [
            ("4.2.5.1", "4.2.5.2"),
            ("1.0.a10", "1.0.a9"),
            ("7.0.4", "6.1.7"),
        ],
    ),
    (
        Scheme::Packagist,
        [
            ("2.0.17", "2.0.16"),
            ("1.0RC1", "1.0"),
            ("v6.4.1", "v5.4.31"),
        ],
    ),
    (
        Scheme::NuGet,
        [
            ("4.3.1", "4.3.0"),
            ("1.0.0-BETA2", "1.0.0-beta"),
            ("1.0.0.1", "1.0.0"),
        ],
    ),
];

fn nanoseconds(
    mut act: impl FnMut(&'static str, &'static str),
    pairs: &[(&'static str, &'static str)],
) -> f64 {
    let start = Instant::now();
    for _ in 0..ROUNDS {
        for &(a, b) in pairs {
            act(black_box(a), black_box(b));
        }
    }
    start.elapsed().as_secs_f64() * 1e9 / (f64::from(ROUNDS) * pairs.len() as f64)
}

fn main() {
    println!(
        "{:<10} {:>10} {:>10} {:>13}",
        "scheme", "compare", "one key", "compare keys"
    );
    for (scheme, pairs) in PAIRS {
        let compared = nanoseconds(|a, b| drop(black_box(compare(*scheme, a, b))), pairs);
        let mut buffer = Vec::with_capacity(256);
        let written = nanoseconds(
            |a, _| {
                buffer.clear();
                drop(black_box(write_key(*scheme, a, &mut buffer)));
            },
            pairs,
        );
        let keys: Vec<_> = pairs
            .iter()
            .map(|(a, b)| (key(*scheme, a), key(*scheme, b)))
            .collect();
        let start = Instant::now();
        for _ in 0..ROUNDS {
            for (a, b) in &keys {
                black_box(black_box(a).as_ref().ok().cmp(&black_box(b).as_ref().ok()));
            }
        }
        let by_key = start.elapsed().as_secs_f64() * 1e9 / (f64::from(ROUNDS) * keys.len() as f64);
        println!(
            "{:<10} {compared:>7.1} ns {written:>7.1} ns {by_key:>10.1} ns",
            scheme.name()
        );
    }
}
