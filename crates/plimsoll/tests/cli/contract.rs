//! What scripts rely on: the published schema, the same bytes twice, the
//! memory in a state file.

use crate::sandbox::{FORMATS, NOW, Small, everything, plimsoll, text, word};

fn valid(words: &[&str]) {
    let schema = plimsoll(&["schema"]).json();
    let validator = jsonschema::validator_for(&schema).expect("the schema is a schema");
    let answer = plimsoll(words).json();
    let errors: Vec<String> =
        validator.iter_errors(&answer).take(5).map(|error| format!("{}: {error}", error.instance_path())).collect();
    assert!(errors.is_empty(), "{words:?} breaks its schema: {errors:#?}");
    let mut broken = answer;
    broken["findings"] = "none".into();
    assert!(!validator.is_valid(&broken), "the schema takes anything");
}

#[test]
fn answers_about_hosts_keep_the_schema() {
    let Some((data, db)) = everything() else { return };
    for host in ["deb11-db", "deb12-web", "deb12-drifted", "rpm-zoo"] {
        let root = text(&data.join("hosts").join(host));
        valid(&["scan", "--root", &root, "--db", &db, "--as-of", NOW, "--format", "json"]);
    }
}

#[test]
fn answers_about_documents_keep_the_schema() {
    let Some((data, db)) = everything() else { return };
    for (flag, name) in [
        ("--sbom", "sbom/cyclonedx/juice-shop/v11.1.2/bom.json"),
        ("--sbom", "sbom/cyclonedx/proton-bridge/proton-bridge-v1.6.3.bom.xml"),
        ("--sbom", "sbom/spdx/example8/spdx3.0/examplemaven-0.0.1.spdx3.json"),
        ("--lockfile", "lockfiles/dani-garcia_vaultwarden/Cargo.lock"),
        ("--lockfile", "lockfiles/anchore_grype/go.mod"),
        ("--project", "lockfiles/jj-vcs_jj"),
    ] {
        valid(&["scan", flag, &text(&data.join(name)), "--db", &db, "--as-of", NOW, "--format", "json"]);
    }
}

#[test]
fn answers_about_small_roots_keep_the_schema() {
    let small = Small::new(&[("alpha", "1.0")]);
    small.advise("TEST-2026-1", "low", "2026-03-01", "alpha", "2.0").build(&[]);
    valid(&["scan", "--root", &small.path("root"), "--db", &small.path("small.db"), "--format", "json"]);
}

#[test]
fn the_same_inputs_give_the_same_bytes_in_every_format() {
    let Some((data, db)) = everything() else { return };
    let root = text(&data.join("hosts/deb11-db"));
    for format in FORMATS {
        let words = ["scan", "--root", &root, "--db", &db, "--as-of", NOW, "--format", format];
        let (first, second) = (plimsoll(&words), plimsoll(&words));
        assert!(first.finished().out.len() > 500);
        assert!(first.out == second.out, "{format} differs");
    }
}

#[test]
fn a_database_built_twice_is_the_same_bytes() {
    let Some((data, db)) = everything() else { return };
    let folder = tempfile::tempdir().expect("a folder");
    let again = text(&folder.path().join("again.db"));
    assert_eq!(plimsoll(&["db", "build", "--from", &text(&data), "--to", &again]).code, Some(0));
    let read = |path: &str| std::fs::read(path).expect("a database");
    assert!(read(&db) == read(&again), "two builds of the same data differ");
}

/// A policy whose clock starts when the finding is first seen.
const SEEN: &str = r#"
schema = "patch-policy/1"
[policy]
id = "seen"
version = "1"
title = "From the day it was seen"
source = "a test"
[[deadline]]
id = "all"
when = { severity = ["critical", "high", "medium", "low"] }
within = "PT48H"
clock = "detected"
done = "effective"
"#;

#[test]
fn the_state_file_keeps_the_first_sight() {
    let small = Small::new(&[("alpha", "1.0")]);
    small.advise("TEST-2026-1", "low", "2026-03-01", "alpha", "2.0").build(&[]);
    crate::sandbox::put(&small.at("policy.toml"), SEEN);
    let (state, policy) = (small.path("state.json"), small.path("policy.toml"));
    let scan = |instant: &str| {
        small.scan(&["--policy", &policy, "--state", &state, "--format", "json", "--as-of", instant])
    };
    let (first, later) = (scan("2026-04-01T12:00:00Z"), scan("2026-04-03T12:00:01Z"));
    assert_eq!(word(&first.json(), "/findings/0/due"), "2026-04-03T12:00:00Z");
    assert_eq!(first.code, Some(0));
    assert_eq!(word(&later.json(), "/findings/0/obligations/0/clock_start"), "2026-04-01T12:00:00Z");
    assert_eq!(word(&later.json(), "/findings/0/due"), "2026-04-03T12:00:00Z");
    assert_eq!(later.code, Some(1), "the clock started again");
}

#[test]
fn a_damaged_state_file_is_refused_and_left_alone() {
    let small = Small::new(&[("alpha", "1.0")]);
    small.advise("TEST-2026-1", "low", "2026-03-01", "alpha", "2.0").build(&[]);
    crate::sandbox::put(&small.at("state.json"), "{\"schema\":\"plimsoll-st");
    small.scan(&["--state", &small.path("state.json")]).failed();
    assert_eq!(std::fs::read(small.at("state.json")).expect("the file"), b"{\"schema\":\"plimsoll-st");
}
