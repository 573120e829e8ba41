//! Laws that hold for every scheme: a total order, keys that keep it, and no panic whatever is read.

use std::cmp::Ordering;

use plimsoll_version::{
    MAX_VERSION_LENGTH, Reason, Scheme, compare, key, parse_requirement, write_key,
};
use proptest::prelude::*;

use super::samples::{self, Dice};

fn scheme() -> impl Strategy<Value = Scheme> {
    proptest::sample::select(Scheme::ALL)
}

fn like_a_version() -> impl Strategy<Value = String> {
    prop_oneof![
        "[v=]?[0-9]{1,3}([.-][0-9a-z]{1,4}){0,5}",
        "([0-9]:)?[0-9]{1,2}(\\.[0-9]{1,2}){0,3}([~^+_.-](rc|alpha|b|git|p|sp|pre|dev|ga|final|x)?[0-9]{0,2}){0,3}",
        "[0-2.a-c~^_+:!-]{1,9}",
        "[0.a-]{1,7}",
    ]
}

/// Makes three versions of which any two are often close relatives.
fn relatives() -> impl Strategy<Value = [String; 3]> {
    (like_a_version(), any::<u64>()).prop_map(|(first, seed)| {
        let mut dice = Dice::new(seed);
        let second = samples::mutated(&first, &mut dice);
        let third = samples::mutated(if seed % 2 == 0 { &first } else { &second }, &mut dice);
        [first, second, third]
    })
}

/// Whether Maven may run in a circle over the version: a qualifier opens no list, because it stands right behind a dot or at
/// the very beginning. Two versions without such a qualifier are in the order of their keys.
fn has_qualifier_in_no_list_of_its_own(version: &str) -> bool {
    version
        .split('.')
        .any(|part| part.starts_with(|first: char| !first.is_ascii_digit() && first != '-'))
}

fn check_order(scheme: Scheme, [a, b, c]: &[String; 3]) -> Result<(), TestCaseError> {
    let keys = [a, b, c].map(|version| key(scheme, version));
    if keys
        .iter()
        .any(|key| matches!(key, Err(error) if matches!(error.reason, Reason::NoTotalOrder { .. })))
    {
        return Ok(());
    }
    for (x, x_key) in [a, b, c].into_iter().zip(&keys) {
        for (y, y_key) in [a, b, c].into_iter().zip(&keys) {
            let compared = compare(scheme, x, y);
            prop_assert_eq!(
                compared.is_ok(),
                x_key.is_ok() && y_key.is_ok(),
                "{} {:?} {:?}",
                scheme,
                x,
                y
            );
            if let (Ok(x_key), Ok(y_key)) = (x_key, y_key) {
                // Keys are bytes, so what agrees with them is a total order.
                let may_run_in_a_circle = scheme == Scheme::Maven
                    && x != y
                    && [x, y]
                        .map(String::as_str)
                        .map(has_qualifier_in_no_list_of_its_own)
                        != [false, false];
                if !may_run_in_a_circle {
                    prop_assert_eq!(
                        compared.ok(),
                        Some(x_key.cmp(y_key)),
                        "{} {:?} {:?}",
                        scheme,
                        x,
                        y
                    );
                }
                prop_assert_eq!(
                    compare(scheme, y, x).ok().map(Ordering::reverse),
                    compare(scheme, x, y).ok()
                );
            }
        }
    }
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 20_000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn comparison_is_a_total_order_and_keys_keep_it(scheme in scheme(), versions in relatives()) {
        check_order(scheme, &versions)?;
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 5_000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn no_text_makes_it_panic(scheme in scheme(), a in ".{0,40}", b in "\\PC{0,20}", bytes in proptest::collection::vec(any::<u8>(), 0..60)) {
        let noise = String::from_utf8_lossy(&bytes).into_owned();
        check_order(scheme, &[a.clone(), b.clone(), noise.clone()])?;
        for text in [a, b, noise] {
            let _ = parse_requirement(scheme, &text);
            let _ = Scheme::from_name(&text);
        }
    }

    #[test]
    fn no_requirement_makes_it_panic(scheme in scheme(), text in "[<>=~^!| ,.*xv0-3a()\\[\\]-]{0,30}", version in like_a_version()) {
        for interval in parse_requirement(scheme, &text).unwrap_or_default() {
            let _ = interval.contains(scheme, &version);
        }
    }
}

#[test]
fn relatives_of_real_versions_are_in_order() {
    for &scheme in Scheme::ALL {
        let real = samples::real(scheme);
        let mut dice = Dice::new(4);
        for _ in 0..3_000 {
            let (a, b) = samples::pair(&real, &mut dice);
            let c = samples::mutated(&b, &mut dice);
            check_order(scheme, &[a, b, c]).unwrap_or_else(|error| panic!("{error}"));
        }
    }
}

#[test]
fn hostile_sizes_are_read_or_refused_without_harm() {
    let longest = MAX_VERSION_LENGTH;
    let texts = [
        "9".repeat(longest),
        "1.".repeat(longest / 2 - 1) + "1",
        "0.".repeat(longest / 2 - 1) + "1",
        "0.".repeat(longest / 2 - 1) + "alpha",
        "1-".repeat(longest / 2 - 1) + "1",
        "a1".repeat(longest / 2),
        "~".repeat(longest),
        "é".repeat(longest / 2),
        ".".repeat(longest),
        "1".to_owned() + &"0".repeat(longest - 1),
        "0".repeat(longest),
    ];
    for &scheme in Scheme::ALL {
        for (a, b) in texts.iter().zip(texts.iter().cycle().skip(1)) {
            check_order(scheme, &[a.clone(), b.clone(), a.clone() + "1"])
                .unwrap_or_else(|error| panic!("{error}"));
            let _ = parse_requirement(scheme, a);
        }
        let megabytes = "1.".repeat(2_000_000);
        let refusal = compare(scheme, &megabytes, "1").expect_err("it is too long");
        assert_eq!(
            refusal.reason,
            Reason::TooLong {
                length: 4_000_000,
                limit: longest
            }
        );
        assert!(
            refusal.to_string().len() < 400,
            "an error does not repeat megabytes"
        );
    }
}

#[test]
fn an_unreadable_version_leaves_the_buffer_as_it_was() {
    let mut buffer = b"kept".to_vec();
    assert!(write_key(Scheme::Debian, "1.2-", &mut buffer).is_err());
    assert_eq!(buffer, b"kept");
}

#[test]
fn an_error_says_what_where_and_what_to_do() {
    let error = compare(Scheme::Semver, "1.0.0", "1..2\u{7}").expect_err("a number is missing");
    assert_eq!(
        error.to_string(),
        "cannot read \"1..2\\u{7}\" by the rules of semver: byte 2 should be a number; \
         correct it where it comes from, or treat it as unknown"
    );
}

#[test]
fn names_of_ecosystems_are_found_in_any_case_and_without_their_suffix() {
    for (name, scheme) in [
        ("Debian:12", Scheme::Debian),
        ("Ubuntu:22.04:LTS", Scheme::Debian),
        ("Red Hat:enterprise_linux:9::baseos", Scheme::Rpm),
        ("Rocky Linux:9", Scheme::Rpm),
        ("AlmaLinux", Scheme::Rpm),
        ("openSUSE:Leap 15.5", Scheme::Rpm),
        ("Alpine:v3.20", Scheme::Alpine),
        ("Wolfi", Scheme::Alpine),
        ("crates.io", Scheme::Cargo),
        ("PyPI", Scheme::PyPi),
        ("GitHub Actions", Scheme::Semver),
        ("alpm", Scheme::Pacman),
    ] {
        assert_eq!(Scheme::from_name(name), Some(scheme), "{name}");
    }
    assert_eq!(Scheme::from_name("no such thing"), None);
    for &scheme in Scheme::ALL {
        assert_eq!(Scheme::from_name(scheme.name()), Some(scheme));
    }
}
