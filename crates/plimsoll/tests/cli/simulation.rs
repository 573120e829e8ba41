//! `plimsoll policy simulate` against a running server.

use crate::fleet::Up;
use crate::remote::administrator;
use crate::sandbox::{Ran, Small, plimsoll, put, text, word};
use jiff::{Timestamp, ToSpan};
use serde_json::json;

fn simulate(up: &Up, token: &str, words: &[&str]) -> Ran {
    plimsoll(&[&["policy", "simulate"], words, &["--server", &up.url, "--token", token]].concat())
}

#[test]
fn a_policy_is_played_through_a_past_that_nobody_watched() {
    let day = |days: i64| Timestamp::now().checked_sub((days * 24).hours()).expect("a day").strftime("%Y-%m-%d").to_string();
    let small = Small::new(&[("alpha", "1.0"), ("beta", "1.0"), ("gamma", "3.0")]);
    small
        .advise("TEST-2026-1", "low", &day(20), "alpha", "2.0")
        .advise("TEST-2026-2", "critical", &day(20), "beta", "2.0")
        .advise("TEST-2026-3", "high", &day(20), "gamma", "2.0")
        .advise("TEST-2026-4", "high", &day(200), "gamma", "2.0")
        .build(&[]);
    let up = Up::start(&small);
    let token = administrator(&up);
    let file = small.path("host.zst");
    plimsoll(&["collect", "--root", &small.path("root"), "--output", &file]).finished();
    plimsoll(&["import", &file, "--server", &up.url, "--token", &up.token]).finished();

    // The one in force against itself: what the first scan found was there
    // since it was published, what it found fixed came due unseen.
    let same = simulate(&up, &token, &["samm", "--format", "json"]).finished().json();
    assert_eq!((&same["schema"], &same["findings"], &same["days_real"]), (&json!("plimsoll-policy-simulation/1"), &json!(3), &json!(0)), "{same}");
    // This machine itself, without findings, may have joined by now or not.
    let hosts = same["hosts"].as_u64().unwrap_or(0);
    assert!((1..=2).contains(&hosts), "{same}");
    let side = &same["after"];
    assert_eq!((&side["came_due"], &side["met"], &side["open"], &side["unknown"]), (&json!(2), &json!(0), &json!(1), &json!(1)), "{side}");
    assert_eq!((&same["before"], &same["moved"]["unchanged"], &same["newly_missed"]), (side, &json!(3), &json!(0)));
    assert!(same["assumed"].to_string().contains(&format!("{hosts} of {hosts} hosts that came within the time")), "{same}");
    assert_eq!(side["weeks"].as_array().map(Vec::len), Some(13));
    // It came due before the last five days began.
    let short = simulate(&up, &token, &["samm", "--days", "5", "--format", "json"]).finished().json();
    assert_eq!((&short["after"]["came_due"], &short["findings"]), (&json!(0), &json!(2)), "{short}");

    let samm = plimsoll(&["policy", "show", "samm"]).finished().out.clone();
    let patient = small.at("patient.toml");
    put(&patient, samm.replace("PT48H", "P60D").replace("id = \"samm\"", "id = \"patient\""));
    let eased = simulate(&up, &token, &[&text(&patient), "--format", "json"]).finished().json();
    assert_eq!((&eased["no_longer_missed"], &eased["moved"]["later"]), (&json!(1), &json!(1)), "{eased}");
    let told = simulate(&up, &token, &[&text(&patient)]);
    assert!(told.finished().out.contains("1 that were missed would not") && told.out.contains("patient") && told.out.contains('░'), "{}", told.out);

    plimsoll(&["policy", "set", &text(&patient), "--server", &up.url, "--token", &token, "--reason", "for the test", "--accept-longer"]).finished();
    let tightened = simulate(&up, &token, &["samm", "--format", "json"]);
    assert_eq!(tightened.code, Some(1), "{}", tightened.err);
    let tightened = tightened.json();
    assert_eq!((&tightened["newly_missed"], word(&tightened["rows"][0], "/advisory")), (&json!(1), "TEST-2026-2".to_owned()), "{tightened}");
    assert!(tightened["rows"][0]["seconds"].as_i64().is_some_and(|seconds| (17 * 86_400..19 * 86_400).contains(&seconds)), "{tightened}");
    let schema = plimsoll(&["schema", "policy-simulation"]).finished().json();
    let validator = jsonschema::validator_for(&schema).expect("a schema");
    for answer in [&same, &tightened] {
        let wrong: Vec<String> = validator.iter_errors(answer).map(|error| format!("{}: {error}", error.instance_path())).collect();
        assert!(wrong.is_empty(), "{wrong:#?}");
    }

    put(&patient, "schema = \"patch-policy/1\"\n[policy]\nid = \"p\"\nversion = \"1\"\n[[deadline]]\nid = \"a\"\nwithin = \"soon\"\n");
    let bad = simulate(&up, &token, &[&text(&patient)]);
    assert!(bad.failed().err.contains("policy:7") && bad.err.contains("soon"), "{}", bad.err);
    assert!(simulate(&up, &token, &["samm", "--client", "Nobody"]).failed().err.contains("E-NOT-FOUND"));
    assert!(simulate(&up, &token, &["sam"]).failed().err.contains("is no preset, and no file"));
    assert_eq!(simulate(&up, &token, &["samm", "--days", "401"]).code, Some(2));
    up.stop();
}

/// A repository's file and the server's policy: drift is shown, applied once,
/// and proposed where people must sign.
#[test]
fn a_file_is_applied_and_drift_is_shown() {
    let small = Small::new(&[("alpha", "1.0")]);
    small.advise("TEST-2026-1", "low", "2026-03-01", "alpha", "2.0").build(&[]);
    let up = Up::start(&small);
    let token = administrator(&up);
    let policy = |words: &[&str]| plimsoll(&[&["policy"], words, &["--server", &up.url, "--token", &token]].concat());
    let samm = plimsoll(&["policy", "show", "samm"]).finished().out.clone();
    let file = small.at("acme.toml");
    let name = text(&file);
    put(&file, &samm);
    assert!(policy(&["apply", &name, "--check"]).finished().out.contains("this policy is in force"));
    assert!(policy(&["versions"]).finished().out.contains("nobody has proposed"));

    put(&file, samm.replace("P30D", "P40D"));
    let drift = policy(&["apply", &name, "--check"]);
    assert!(drift.code == Some(1) && drift.out.contains("LONGER: severity low") && drift.out.contains("another one"), "{} {}", drift.out, drift.err);
    let longer = policy(&["apply", &name]);
    assert!(longer.failed().err.contains("E-POLICY-LONGER") && longer.err.contains("one combination of inputs would come due later"), "{}", longer.err);
    let set = policy(&["apply", &name, "--accept-longer", "--format", "json"]).finished().json();
    assert_eq!((&set["state"], &set["longer"]), (&json!("set"), &json!(1)));
    assert_eq!(policy(&["apply", &name, "--format", "json"]).finished().json()["state"], "in-force");

    // One that names who approves the next is set by whoever may; after it
    // there are proposals only.
    let signed = samm.replacen("[policy]\n", "[policy]\napproved_by = [\"ciso\"]\n", 1);
    put(&file, &signed);
    assert_eq!(policy(&["apply", &name, "--format", "json"]).finished().json()["state"], "set");
    put(&file, signed.replace("P30D", "P20D"));
    let checked = policy(&["check", &name]).finished().out.clone();
    assert!(checked.contains("sign-offs that it needs: 1"), "{checked}");
    assert!(policy(&["set", &name, "--reason", "x"]).failed().err.contains("E-POLICY-APPROVAL"));
    let proposed = policy(&["apply", &name, "--reason", "from the repository", "--format", "json"]).finished().json();
    assert_eq!((&proposed["state"], &proposed["version"]), (&json!("proposed"), &json!(3)));
    let again = policy(&["apply", &name, "--format", "json"]).finished().json();
    assert_eq!((&again["state"], &again["version"]), (&json!("waiting"), &json!(3)), "once");
    assert_eq!(policy(&["apply", &name, "--check"]).code, Some(1));
    assert!(policy(&["comment", "3", "looks right"]).finished().out.contains("looks right"));
    let listed = policy(&["versions"]).finished().out.clone();
    assert!(listed.contains("proposed") && listed.contains("0 of 1 sign-offs") && listed.contains("in-force") && listed.contains("past"), "{listed}");
    assert!(policy(&["version", "3"]).finished().out.contains("P20D"));
    assert!(policy(&["withdraw", "3", "--reason", "not yet"]).finished().out.contains("withdrawn"));
    assert!(policy(&["withdraw", "3"]).failed().err.contains("E-POLICY-STATE"));
    assert!(policy(&["version", "99"]).failed().err.contains("E-NOT-FOUND"));
    up.stop();
}
