//! Requirements in the ecosystems' own words: what they become, and which versions they hold.

use plimsoll_version::{
    Bound, Interval, MAX_ALTERNATIVES, MAX_REQUIREMENT_LENGTH, Reason, Scheme, parse_requirement,
};

/// Writes the intervals of a requirement as one line.
fn read(scheme: Scheme, text: &str) -> String {
    match parse_requirement(scheme, text) {
        Ok(intervals) => intervals
            .iter()
            .map(Interval::to_string)
            .collect::<Vec<_>>()
            .join(" | "),
        Err(error) => panic!("{error}"),
    }
}

fn holds(scheme: Scheme, text: &str, version: &str) -> bool {
    let intervals = parse_requirement(scheme, text).expect("the requirement is readable");
    intervals.iter().any(|interval| {
        interval
            .contains(scheme, version)
            .expect("the version is readable")
    })
}

#[track_caller]
fn check(scheme: Scheme, cases: &[(&str, &str)]) {
    for (text, expected) in cases {
        assert_eq!(read(scheme, text), *expected, "{scheme}: {text}");
    }
}

#[test]
fn npm_ranges() {
    check(
        Scheme::Npm,
        &[
            (
                "<= 0.6.0 || >=1.0.0 <1.2.3 || ^4.0 || 14.x || ~1.2",
                "<= 0.6.0 | >= 1.0.0, < 1.2.3 | >= 4.0.0, < 5.0.0-0 | >= 14.0.0, < 15.0.0-0 | >= 1.2.0, < 1.3.0-0",
            ),
            ("*", "any version"),
            ("x || 1", "any version | >= 1.0.0, < 2.0.0-0"),
            ("^1.2.3", ">= 1.2.3, < 2.0.0-0"),
            ("^0.2.3", ">= 0.2.3, < 0.3.0-0"),
            ("^0.0.3", ">= 0.0.3, < 0.0.4-0"),
            ("^0.0", ">= 0.0.0, < 0.1.0-0"),
            ("^0.x", ">= 0.0.0, < 1.0.0-0"),
            ("^1.2.3-beta.2", ">= 1.2.3-beta.2, < 2.0.0-0"),
            ("~1.2.3", ">= 1.2.3, < 1.3.0-0"),
            ("~> 1.2.3", ">= 1.2.3, < 1.3.0-0"),
            ("~1", ">= 1.0.0, < 2.0.0-0"),
            ("1.2.x", ">= 1.2.0, < 1.3.0-0"),
            ("1.2.*", ">= 1.2.0, < 1.3.0-0"),
            ("1.2.3", "= 1.2.3"),
            ("=v1.2.3", "= v1.2.3"),
            (">1.2", ">= 1.3.0"),
            ("<=1.9", "< 1.10.0-0"),
            ("<2.0", "< 2.0.0"),
            (">=1.0.0<1.2.3", ">= 1.0.0, < 1.2.3"),
            ("1.2.3 - 2.3.4", ">= 1.2.3, <= 2.3.4"),
            ("1.2 - 2.3", ">= 1.2.0, < 2.4.0-0"),
            (">= 1.0.0, < 2.0.0", ">= 1.0.0, < 2.0.0"),
            (">2.0.0 <1.0.0", ""),
        ],
    );
}

#[test]
fn npm_ranges_hold_prereleases_by_order() {
    assert!(
        holds(Scheme::Npm, "<2.0.0", "2.0.0-rc.1"),
        "the fix is in 2.0.0 only"
    );
    assert!(!holds(Scheme::Npm, "^1.2.3", "2.0.0-rc.1"));
    assert!(!holds(Scheme::Npm, "<= 0.6.0 || >=1.0.0 <1.2.3", "0.6.1"));
    assert!(holds(Scheme::Npm, "<= 0.6.0 || >=1.0.0 <1.2.3", "1.2.2"));
    assert!(!holds(Scheme::Npm, "<= 0.6.0 || >=1.0.0 <1.2.3", "1.2.3"));
}

#[test]
fn cargo_requirements() {
    check(
        Scheme::Cargo,
        &[
            ("1.2.3", ">= 1.2.3, < 2.0.0-0"),
            ("0.2", ">= 0.2.0, < 0.3.0-0"),
            ("1.*", ">= 1.0.0, < 2.0.0-0"),
            ("=1.2.3", "= 1.2.3"),
            (">= 0.8.1, < 0.9", ">= 0.8.1, < 0.9.0"),
        ],
    );
}

#[test]
fn pypi_specifiers() {
    check(
        Scheme::PyPi,
        &[
            ("~=2.2.3", ">= 2.2.3, < 2.3.dev0"),
            ("~= 1.4.5a4", ">= 1.4.5a4, < 1.5.dev0"),
            ("==1.4.*", ">= 1.4.dev0, < 1.5.dev0"),
            ("!=1.5", "< 1.5 | > 1.5"),
            (">=1.0,!=1.5.*,<2", ">= 1.0, < 1.5.dev0 | >= 1.6.dev0, < 2"),
            ("==1!2.0", "= 1!2.0"),
            ("1.0", "= 1.0"),
            ("<1.2.3||>=2,<2.1", "< 1.2.3 | >= 2, < 2.1"),
        ],
    );
    assert!(
        holds(Scheme::PyPi, "<= 2.0.1", "2.0.1+cu118"),
        "a local label is no newer release"
    );
    assert!(!holds(Scheme::PyPi, "> 2.0.1", "2.0.1+cu118"));
    assert!(holds(Scheme::PyPi, "== 2.0.1+cu118", "2.0.1+cu118"));
    assert!(!holds(Scheme::PyPi, "== 2.0.1+cu118", "2.0.1"));
    assert!(parse_requirement(Scheme::PyPi, "~=1").is_err());
}

#[test]
fn rubygems_requirements() {
    check(
        Scheme::RubyGems,
        &[
            ("~> 4.2.5, >= 4.2.5.1", ">= 4.2.5.1, < 4.3.a"),
            ("~> 2", ">= 2, < 3.a"),
            ("~> 2.2", ">= 2.2, < 3.a"),
            ("~> 1.2.3.rc1", ">= 1.2.3.rc1, < 1.3.a"),
            ("!= 1.0", "< 1.0 | > 1.0"),
            ("1.0", "= 1.0"),
        ],
    );
    assert!(!holds(Scheme::RubyGems, "~> 1.2.3", "1.3.0.pre1"));
    assert!(holds(Scheme::RubyGems, "~> 1.2.3", "1.2.10"));
}

#[test]
fn composer_constraints() {
    check(
        Scheme::Packagist,
        &[
            (">=2.0.0,<2.0.17", ">= 2.0.0, < 2.0.17"),
            ("^1.2.3", ">= 1.2.3, < 2.0.0.0-dev"),
            ("^0.3", ">= 0.3, < 0.4.0.0-dev"),
            ("~1.2", ">= 1.2, < 2.0.0.0-dev"),
            ("~1.2.3", ">= 1.2.3, < 1.3.0.0-dev"),
            ("1.2.*", ">= 1.2.0.0-dev, < 1.3.0.0-dev"),
            ("1.0 - 2.0", ">= 1.0, < 2.1.0.0-dev"),
            ("1.0.0 - 2.1.0", ">= 1.0.0, <= 2.1.0"),
            (
                "^7.0 | ^8.0@dev",
                ">= 7.0, < 8.0.0.0-dev | >= 8.0, < 9.0.0.0-dev",
            ),
            ("1.x-dev", "= 1.x-dev"),
            ("*", "any version"),
        ],
    );
    assert!(
        holds(Scheme::Packagist, "<= 2.0", "2.0.0"),
        "Composer fills numbers up before it compares"
    );
    assert!(holds(Scheme::Packagist, ">= 2.0.0", "v2.0"));
    assert!(!holds(Scheme::Packagist, "^1.2", "2.0.0-RC1"));
}

#[test]
fn brackets_of_maven_and_nuget() {
    check(
        Scheme::Maven,
        &[
            ("[1.0,2.0)", ">= 1.0, < 2.0"),
            ("(,1.0],[1.2,)", "<= 1.0 | >= 1.2"),
            ("[1.2]", "= 1.2"),
            ("(1.0,)", "> 1.0"),
            (">= 2.0.0, < 2.15.0", ">= 2.0.0, < 2.15.0"),
            ("1.0", "= 1.0"),
        ],
    );
    check(
        Scheme::NuGet,
        &[
            ("[1.0,2.0)", ">= 1.0, < 2.0"),
            ("1.0", ">= 1.0"),
            ("1.2.*", ">= 1.2.0, < 1.3.0-0"),
            ("< 4.3.1", "< 4.3.1"),
        ],
    );
    for broken in ["[1.0", "(1.0)", "[1,2,3]", "[]", "[1.0,2.0) x"] {
        assert!(
            parse_requirement(Scheme::Maven, broken).is_err(),
            "{broken}"
        );
    }
}

#[test]
fn plain_comparators_of_the_others() {
    check(
        Scheme::Debian,
        &[
            ("< 1:2.3-4~deb12u1", "< 1:2.3-4~deb12u1"),
            (">= 1.0 << 2.0", ">= 1.0, < 2.0"),
            ("= 1.2~rc1", "= 1.2~rc1"),
        ],
    );
    check(
        Scheme::Go,
        &[(
            ">= 1.2.0, < 1.2.3 || = v2.0.0",
            ">= 1.2.0, < 1.2.3 | = v2.0.0",
        )],
    );
    check(
        Scheme::Semver,
        &[
            ("~> 2.0", ">= 2.0.0, < 3.0.0-0"),
            ("~> 2.0.1", ">= 2.0.1, < 2.1.0-0"),
        ],
    );
    assert!(
        parse_requirement(Scheme::Debian, "^1.0").is_err(),
        "dpkg knows no caret"
    );
}

#[test]
fn what_cannot_be_read_is_refused_with_its_place() {
    let reason = |text: &str| parse_requirement(Scheme::Npm, text).map_err(|error| error.reason);
    assert_eq!(reason(" "), Err(Reason::Empty));
    assert_eq!(
        reason("1.0.0 || "),
        Err(Reason::Unexpected {
            offset: 8,
            expected: "a version"
        })
    );
    assert_eq!(
        reason(">= "),
        Err(Reason::Unexpected {
            offset: 3,
            expected: "a version"
        })
    );
    assert_eq!(
        reason("1.0.0 || >= foo"),
        Err(Reason::Unexpected {
            offset: 12,
            expected: "a number or a wildcard"
        })
    );
    assert_eq!(
        reason("<1.0.0-&").map_err(|reason| matches!(reason, Reason::Unexpected { .. })),
        Err(true)
    );
    let many = vec!["1.0.0"; MAX_ALTERNATIVES + 1].join("||");
    assert_eq!(
        reason(&many),
        Err(Reason::TooManyAlternatives {
            limit: MAX_ALTERNATIVES
        })
    );
    let long = "1".repeat(MAX_REQUIREMENT_LENGTH + 1);
    assert_eq!(
        reason(&long),
        Err(Reason::TooLong {
            length: long.len(),
            limit: MAX_REQUIREMENT_LENGTH
        })
    );
}

#[test]
fn an_interval_made_by_hand_answers_or_says_what_it_cannot_read() {
    let interval = Interval {
        lower: Bound::Exclusive("1.0-1".to_owned()),
        upper: Bound::Unbounded,
    };
    assert_eq!(interval.contains(Scheme::Debian, "1.0-1"), Ok(false));
    assert_eq!(interval.contains(Scheme::Debian, "1.0-2"), Ok(true));
    assert!(interval.contains(Scheme::Debian, "1.0-").is_err());
    let everything = Interval {
        lower: Bound::Unbounded,
        upper: Bound::Unbounded,
    };
    assert!(
        everything.contains(Scheme::Debian, "1.0-").is_err(),
        "an unreadable version is in no interval"
    );
}
