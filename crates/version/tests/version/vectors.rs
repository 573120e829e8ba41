//! The public vectors: every line of every file, by comparison and by key.

use std::cmp::Ordering;
use std::fs;
use std::path::PathBuf;

use plimsoll_version::{Reason, Scheme, compare, key};

/// Which file is read by whose rules. The Alpine and Maven files grew with their tools, see the schemes' own pages.
const FILES: &[(&str, Scheme)] = &[
    ("alpine-versions.txt", Scheme::Alpine),
    ("alpine-versions-generated-part1.txt", Scheme::Alpine),
    ("cran-versions.txt", Scheme::Cran),
    ("debian-versions.txt", Scheme::Debian),
    ("debian-versions-generated-part1.txt", Scheme::Debian),
    ("hackage-versions.txt", Scheme::Hackage),
    ("maven-versions.txt", Scheme::Maven),
    ("maven-versions-generated-part1.txt", Scheme::Maven),
    ("nuget-versions.txt", Scheme::NuGet),
    ("packagist-versions.txt", Scheme::Packagist),
    ("pub-versions.txt", Scheme::Pub),
    ("pypi-versions.txt", Scheme::PyPi),
    ("pypi-versions-generated-part1.txt", Scheme::PyPi),
    ("redhat-versions.txt", Scheme::Rpm),
    ("rubygems-versions.txt", Scheme::RubyGems),
    ("semver-versions.txt", Scheme::Semver),
    ("semver-versions.txt", Scheme::Npm),
    ("semver-versions.txt", Scheme::Cargo),
    ("semver-versions.txt", Scheme::Go),
];

/// The two lines no key can hold, because with other lines of the same file they run in a circle
/// (`2.9.0.RC3 < 2.9.0 < 2.9.0-1 < 2.9.0.RC1`, and `1.0.0.RC8-beta < 1.0.0 < 1.0.0-gradle-… < 1.0.0.RC7-3`). Comparing
/// holds them like every other line; `maven.rs` tells why.
const CIRCLES: &[(&str, &str)] = &[
    ("2.9.0-1", "2.9.0.RC1"),
    ("1.0.0-gradle-rework-beta3", "1.0.0.RC7-3"),
];

/// Finds the folder of vectors: `$PLIMSOLL_TEST_DATA/version-order`, else beside the workspace.
pub(crate) fn folder() -> Option<PathBuf> {
    let data = match std::env::var_os("PLIMSOLL_TEST_DATA") {
        Some(data) => PathBuf::from(data),
        None => PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../../shared/data"),
    };
    Some(data.join("version-order")).filter(|folder| folder.is_dir())
}

/// Reads `a < b` lines; `#` alone at the beginning, or `//`, makes a comment.
pub(crate) fn lines(file: &str) -> Option<Vec<(String, Ordering, String)>> {
    let text = fs::read_to_string(folder()?.join(file)).ok()?;
    let pair = |line: &str| {
        let words: Vec<&str> = line.split_whitespace().collect();
        let &[a, sign, b] = words.as_slice() else {
            panic!("{file}: {line:?} is not `a < b`")
        };
        let order = match sign {
            "<" => Ordering::Less,
            "=" => Ordering::Equal,
            ">" => Ordering::Greater,
            other => panic!("{file}: {other:?} is no sign of order"),
        };
        (a.to_owned(), order, b.to_owned())
    };
    let wanted =
        |line: &&str| !line.trim().is_empty() && !line.starts_with('#') && !line.starts_with("//");
    Some(text.lines().filter(wanted).map(pair).collect())
}

#[test]
fn every_vector_agrees_by_comparison_and_by_key() {
    if folder().is_none() {
        assert!(
            std::env::var_os("CI").is_none(),
            "the vectors are missing; set PLIMSOLL_TEST_DATA"
        );
        eprintln!(
            "skipped: no vectors; set PLIMSOLL_TEST_DATA to the folder that holds version-order/"
        );
        return;
    }
    let mut disagreements = Vec::new();
    let mut circles = 0;
    for &(file, scheme) in FILES {
        let pairs = lines(file).unwrap_or_else(|| panic!("{file} cannot be read"));
        let mut keyless = 0;
        for (a, expected, b) in &pairs {
            let in_a_circle = scheme == Scheme::Maven && CIRCLES.contains(&(a, b));
            circles += usize::from(in_a_circle);
            for (a, expected, b) in [(a, *expected, b), (b, expected.reverse(), a)] {
                let compared = compare(scheme, a, b);
                if compared != Ok(expected) {
                    disagreements.push(format!(
                        "{file}: compare {a} {b}: {compared:?}, not {expected:?}"
                    ));
                }
                // A line of a circle has its keys the other way round, so that it is noticed when it is none any more.
                let expected_of_keys = if in_a_circle {
                    expected.reverse()
                } else {
                    expected
                };
                match (key(scheme, a), key(scheme, b)) {
                    (Ok(key_a), Ok(key_b)) if key_a.cmp(&key_b) == expected_of_keys => {}
                    (Err(error), _) | (_, Err(error))
                        if matches!(error.reason, Reason::NoTotalOrder { .. }) =>
                    {
                        keyless += 1;
                    }
                    keys => disagreements.push(format!(
                        "{file}: keys of {a} {b}: {keys:?}, not {expected_of_keys:?}"
                    )),
                }
            }
        }
        println!(
            "{file} as {scheme}: {} lines, {} without a key",
            pairs.len(),
            keyless / 2
        );
        assert!(
            keyless == 0 || (scheme == Scheme::Packagist && keyless / 2 == 6),
            "{file}: {keyless} without a key"
        );
    }
    assert_eq!(circles, CIRCLES.len(), "each is a line of the vectors");
    assert!(
        disagreements.is_empty(),
        "{} disagreements:\n{}",
        disagreements.len(),
        disagreements.join("\n")
    );
}

#[test]
fn every_file_of_vectors_is_read() {
    let Some(folder) = folder() else { return };
    for entry in fs::read_dir(folder).expect("the folder can be listed") {
        let name = entry.expect("an entry can be read").file_name();
        assert!(
            FILES.iter().any(|(file, _)| name == *file),
            "{name:?} is read by no test"
        );
    }
}

#[test]
fn maven_runs_in_a_circle_and_its_keys_do_not() {
    for [first, second, third] in [
        ["2.9.0.RC1", "2.9.0", "2.9.0-1"],
        ["1.0.0.RC7-3", "1.0.0", "1.0.0-gradle-rework-beta3"],
        ["9.3.21-alpha", "9.3.21", "9.3.21.v2017"],
    ] {
        for (a, b) in [(first, second), (second, third), (third, first)] {
            assert_eq!(compare(Scheme::Maven, a, b), Ok(Ordering::Less), "{a} {b}");
            assert_eq!(
                compare(Scheme::Maven, b, a),
                Ok(Ordering::Greater),
                "{b} {a}"
            );
        }
        let keys = [first, second, third].map(|version| key(Scheme::Maven, version).unwrap());
        assert!(keys.is_sorted(), "{first} {second} {third}");
    }
}

#[test]
fn maven_compares_lists_inside_lists() {
    for (a, expected, b) in [
        // As Maven 3.8.4 has them.
        ("1-1", Ordering::Less, "1.0.1"),
        ("1-0.alpha", Ordering::Less, "1"),
        ("1-0.1", Ordering::Greater, "1"),
        ("1.0.foo", Ordering::Greater, "1-foo"),
        ("1.foo", Ordering::Less, "1-foo"),
        ("1.final.1", Ordering::Less, "1-alpha"),
        ("1.final.1", Ordering::Less, "1.0.1"),
        ("1.0.final.0", Ordering::Equal, "1"),
        // As the specification has them, where Maven 3.8.4 keeps the empty list.
        ("1--1", Ordering::Equal, "1-1"),
        ("1.0-0.0-1", Ordering::Equal, "1-1"),
        ("1.0-beta-1", Ordering::Equal, "1--beta-1"),
    ] {
        assert_eq!(compare(Scheme::Maven, a, b), Ok(expected), "{a} {b}");
        assert_eq!(
            compare(Scheme::Maven, b, a),
            Ok(expected.reverse()),
            "{b} {a}"
        );
    }
}

#[test]
fn versions_no_vector_has_are_in_their_tools_order() {
    for (scheme, a, expected, b) in [
        // Words of PEP 440 need nothing between them.
        (Scheme::PyPi, "9.1.3c", Ordering::Less, "9.1.3cpost"),
        (Scheme::PyPi, "2.2dev3", Ordering::Less, "2.2"),
        // The Go toolchain's own versions, as the Go vulnerability database has them.
        (Scheme::Go, "go1.21rc2", Ordering::Equal, "1.21.0-rc.2"),
        (Scheme::Go, "1.21rc2", Ordering::Less, "v1.21.0"),
        (Scheme::Go, "go1.21", Ordering::Equal, "1.21.0"),
        (Scheme::Go, "go1.21.3-vendor", Ordering::Equal, "1.21.3"),
        (
            Scheme::Go,
            "go1.22.1 X:boringcrypto",
            Ordering::Greater,
            "1.22.0",
        ),
        (
            Scheme::Go,
            "v0.0.0-20190101000000-abcdef123456",
            Ordering::Less,
            "v0.0.0-20200101000000-abcdef123456",
        ),
        (Scheme::Go, "v2.0.0+incompatible", Ordering::Equal, "v2.0.0"),
        // Bitnami's revisions come after, prereleases before.
        (Scheme::Bitnami, "1.2.3", Ordering::Less, "1.2.3-1"),
        (Scheme::Bitnami, "1.2.3-2", Ordering::Less, "1.2.3-10"),
        (Scheme::Bitnami, "1.2.3-rc1-4", Ordering::Less, "1.2.3"),
        (Scheme::Bitnami, "1.2.3-0", Ordering::Equal, "1.2.3"),
        // Four numbers are numbers.
        (Scheme::Semver, "1.2.3.4", Ordering::Less, "1.2.3.5"),
        (Scheme::Semver, "1.2.3", Ordering::Equal, "1.2.3.0"),
        (Scheme::Npm, "1.0.0beta", Ordering::Less, "1.0.0"),
        (Scheme::Generic, "2.0", Ordering::Equal, "2.0.0"),
        (Scheme::Generic, "v2.9", Ordering::Less, "2.10"),
        (Scheme::Rpm, "1.2", Ordering::Less, "1.2-1"),
        (Scheme::Pacman, "1.0rc1-1", Ordering::Less, "1.0-1"),
        (Scheme::RubyGems, "1.0.a", Ordering::Equal, "1.a"),
    ] {
        assert_eq!(compare(scheme, a, b), Ok(expected), "{scheme}: {a} {b}");
        assert_eq!(
            key(scheme, a).unwrap().cmp(&key(scheme, b).unwrap()),
            expected,
            "{scheme}: {a} {b}"
        );
    }
    assert_eq!(plimsoll_version::rpm_epoch("32:9.16-1"), Some(32));
    assert_eq!(plimsoll_version::rpm_epoch("9.16-1"), None);
    assert_eq!(
        plimsoll_version::rpm_epoch("99999999999999999999:1"),
        Some(u64::MAX)
    );
}
