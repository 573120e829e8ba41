//! `explain`, `diff`, `policy` and `db` in the forms that scripts read.

use crate::sandbox::{NOW, Small, everything, plimsoll, text, word};

#[test]
fn an_explanation_gives_the_whole_reasoning() {
    let Some((data, db)) = everything() else { return };
    let root = text(&data.join("hosts/deb12-drifted"));
    for subject in ["CVE-2025-58060", "DSA-5998-1", "libcups2", "cups"] {
        let words = ["explain", subject, "--root", &root, "--db", &db, "--as-of", NOW];
        let answer = plimsoll(&[&words[..], &["--format", "json"]].concat()).json();
        assert_eq!(answer["schema"], "plimsoll-explain/1");
        let findings = answer["findings"].as_array().expect("findings");
        let cups = findings.iter().find(|finding| word(finding, "/advisory") == "DSA-5998-1");
        let cups = cups.unwrap_or_else(|| panic!("{subject} does not lead to DSA-5998-1"));
        assert!(cups["because"].as_array().is_some_and(|because| because.len() > 3), "{cups}");
        let ran = plimsoll(&words);
        for part in ["2.4.2-3+deb12u8", "2.4.2-3+deb12u9", "DSA-5998-1", "because", "samm/"] {
            assert!(ran.finished().out.contains(part), "{subject}: no {part} in\n{}", ran.out);
        }
    }
}

#[test]
fn a_difference_says_what_came_and_went() {
    let small = Small::new(&[("alpha", "1.0"), ("beta", "2.0")]);
    small.advise("TEST-2026-1", "low", "2026-03-01", "alpha", "2.0");
    small.advise("TEST-2026-2", "low", "2026-03-01", "beta", "2.0").build(&[]);
    let (before, after) = (small.path("before.json"), small.path("after.json"));
    let scan = |instant: &str, path: &str| {
        small.scan(&["--format", "json", "--as-of", instant, "--output", path]).finished();
    };
    scan("2026-03-02T00:00:00Z", &before);
    small.install(&[("alpha", "2.0"), ("beta", "1.0")]);
    scan("2026-03-03T00:00:00Z", &after);
    let answer = plimsoll(&["diff", &before, &after, "--format", "json"]).json();
    assert_eq!(answer["schema"], "plimsoll-diff/1");
    assert_eq!(answer["gone"].as_array().map(Vec::len), Some(1), "{answer}");
    assert_eq!(answer["appeared"].as_array().map(Vec::len), Some(1), "{answer}");
    assert!(answer["gone"][0].to_string().contains("TEST-2026-1"));
    assert!(answer["appeared"][0].to_string().contains("TEST-2026-2"));
    let told = plimsoll(&["diff", &before, &after]);
    assert!(told.finished().out.contains("TEST-2026-1") && told.out.contains("TEST-2026-2"), "{}", told.out);
    let same = plimsoll(&["diff", &before, &before, "--format", "json"]);
    assert_eq!(same.code, Some(0));
    assert_eq!(same.json()["gone"].as_array().map(Vec::len), Some(0));
}

#[test]
fn every_preset_can_be_shown_linted_and_used() {
    let small = Small::new(&[("alpha", "1.0")]);
    small.advise("TEST-2026-1", "low", "2026-03-01", "alpha", "2.0").build(&[]);
    let listed = plimsoll(&["policy", "presets", "--format", "json"]).json();
    let presets = listed.as_array().expect("presets");
    assert!(presets.len() >= 8);
    for preset in presets {
        let name = word(preset, "/name");
        assert!(!word(preset, "/source").is_empty() && !word(preset, "/as_of").is_empty(), "{preset}");
        let shown = plimsoll(&["policy", "show", &name]);
        assert_eq!(shown.code, Some(0));
        let file = small.path(&format!("{name}.toml"));
        std::fs::write(&file, &shown.out).expect("a file");
        let linted = plimsoll(&["policy", "lint", &file, "--format", "json"]);
        assert_eq!(linted.json()["schema"], "plimsoll-policy-lint/1");
        let (by_name, by_file) = (["--policy", name.as_str()], ["--policy", file.as_str()]);
        let as_of = ["--as-of", "2026-03-02T00:00:00Z", "--format", "json"];
        let one = small.scan(&[&by_name[..], &as_of].concat()).json();
        let other = small.scan(&[&by_file[..], &as_of].concat()).json();
        assert_eq!(one["findings"], other["findings"], "{name} from its file judges otherwise");
    }
}

#[test]
fn lint_finds_a_shadowed_rule() {
    let small = Small::new(&[]);
    let rule = |id: &str| format!("[[deadline]]\nid = \"{id}\"\nwhen = {{ severity = [\"critical\"] }}\nwithin = \"P7D\"\nclock = \"fix_released\"\ndone = \"effective\"\n");
    let policy = format!("schema = \"patch-policy/1\"\n[policy]\nid = \"twice\"\nversion = \"1\"\n{}{}", rule("one"), rule("two"));
    crate::sandbox::put(&small.at("policy.toml"), policy);
    let ran = plimsoll(&["policy", "lint", &small.path("policy.toml"), "--format", "json"]);
    assert_eq!(ran.code, Some(1), "{}{}", ran.out, ran.err);
    assert!(ran.json()["problems"].as_array().is_some_and(|problems| !problems.is_empty()));
}

#[test]
fn the_database_describes_itself() {
    let Some((_, db)) = everything() else { return };
    let info = plimsoll(&["db", "info", "--db", &db, "--format", "json"]).json();
    assert_eq!(info["schema"], "plimsoll-database/1");
    let sources = info["sources"].as_array().expect("sources");
    assert!(sources.len() > 20 && sources.iter().all(|source| source["records"].is_u64()));
    assert!(info["streams"].as_array().expect("streams").iter().any(|stream| stream["stream"] == "debian:12"));
    let verified = plimsoll(&["db", "verify", "--db", &db, "--format", "json"]).json();
    assert_eq!(verified["digest"], info["digest"]);
    assert_eq!(verified["advisories"], info["advisories"]);
    let listed = plimsoll(&["db", "sources", "--format", "json"]).json();
    let listed = listed.as_array().expect("sources").clone();
    assert!(listed.len() > 20);
    assert!(listed.iter().all(|source| word(source, "/url").starts_with("https://")), "{listed:#?}");
}

#[test]
fn completions_and_manual_pages_are_written() {
    for shell in ["bash", "fish", "zsh"] {
        assert!(plimsoll(&["completions", shell]).finished().out.contains("plimsoll"));
    }
    let folder = tempfile::tempdir().expect("a folder");
    plimsoll(&["man", &text(folder.path())]).finished();
    assert!(folder.path().join("plimsoll-scan.1").is_file());
}
