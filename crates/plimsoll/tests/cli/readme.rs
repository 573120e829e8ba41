//! The examples of the README and of the guide's pages on policies, reports
//! and cost, run as they stand.

use crate::fleet::Up;
use crate::remote::administrator;
use crate::sandbox::{Small, plimsoll, put};
use std::path::Path;
use std::process::{Command, Stdio};

/// Lines of a page's shell blocks that run the installed program.
pub fn examples(page: &str) -> Vec<String> {
    let page = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").join(page);
    let text = std::fs::read_to_string(page).expect("the page");
    let mut inside = false;
    let mut found = Vec::new();
    for line in text.lines() {
        if line.starts_with("```") {
            inside = line == "```sh";
        } else if inside && line.starts_with("plimsoll ") {
            found.push(line.split(" #").next().unwrap_or(line).trim().to_owned());
        }
    }
    found
}

#[test]
fn the_examples_of_the_readme_run() {
    let small = Small::new(&[("libpng1.6", "1.6.39-2")]);
    let advisory = "id = \"TEST-2026-1\"\nseverity = \"low\"\ncves = [\"CVE-2026-33416\"]\npublished = 2026-03-01\n[[affected]]\nstream = \"debian:12\"\nname = \"libpng1.6\"\nfixed = \"1.6.39-2+deb12u4\"\n";
    put(&small.at("sources/advisories/png.toml"), advisory);
    small.build(&[]);
    for (name, instant) in [("monday.json", "2026-03-02T00:00:00Z"), ("tuesday.json", "2026-03-03T00:00:00Z")] {
        small.scan(&["--format", "json", "--as-of", instant, "--output", &small.path(name)]).finished();
    }
    small.scan(&["--format", "cyclonedx", "--output", &small.path("bom.json")]).finished();
    put(&small.at("Cargo.lock"), "version = 4\n\n[[package]]\nname = \"a\"\nversion = \"1.0.0\"\n");
    put(&small.at("adv.db"), std::fs::read(small.at("small.db")).expect("the database"));
    std::fs::create_dir(small.at("bin")).expect("a folder");
    std::os::unix::fs::symlink(env!("CARGO_BIN_EXE_plimsoll"), small.at("bin/plimsoll")).expect("a link");
    let path = format!("{}:{}", small.path("bin"), std::env::var("PATH").unwrap_or_default());
    let mut ran = 0;
    for example in examples("README.md") {
        // These go out, ask for a passphrase or run until they are told to stop;
        // they have tests of their own with a server beside them.
        let elsewhere = ["db update", "lab", "up", "serve", "root init", "person invite", "hosts list"];
        if elsewhere.iter().any(|words| example.starts_with(&format!("plimsoll {words}"))) {
            continue;
        }
        let line = example.replace("/srv/images/web", "root").replace("/var/lib/plimsoll/state.json", "state.json");
        let output = Command::new("sh")
            .args(["-c", &line])
            .current_dir(small.folder.path())
            .env("PATH", &path)
            .env("PLIMSOLL_DB", small.path("small.db"))
            .stdin(Stdio::null())
            .output()
            .expect("sh runs");
        let err = String::from_utf8_lossy(&output.stderr);
        assert!(matches!(output.status.code(), Some(0 | 1)), "{example} ended with {:?}\n{err}", output.status.code());
        ran += 1;
    }
    assert!(ran >= 15, "only {ran} examples");
    assert!(small.at("report.html").is_file() && small.at("state.json").is_file());
}

#[test]
fn the_examples_of_the_page_on_policies_run_in_their_order() {
    let folder = tempfile::tempdir().expect("a folder");
    std::fs::create_dir(folder.path().join("bin")).expect("a folder");
    std::os::unix::fs::symlink(env!("CARGO_BIN_EXE_plimsoll"), folder.path().join("bin/plimsoll")).expect("a link");
    let path = format!("{}/bin:{}", folder.path().display(), std::env::var("PATH").unwrap_or_default());
    let examples = examples("docs/guide/policy.md");
    assert!(examples.len() >= 8, "only {} examples", examples.len());
    for example in examples {
        let output = Command::new("sh").args(["-c", &example]).current_dir(folder.path()).env("PATH", &path).stdin(Stdio::null()).output().expect("sh runs");
        let err = String::from_utf8_lossy(&output.stderr);
        // Only a comparison may end with 1: it says that deadlines get longer.
        let allowed = if example.contains("policy diff") { vec![Some(0), Some(1)] } else { vec![Some(0)] };
        assert!(allowed.contains(&output.status.code()), "{example} ended with {:?}\n{}{err}", output.status.code(), String::from_utf8_lossy(&output.stdout));
    }
    assert!(folder.path().join("acme.html").is_file());
}

#[test]
fn the_examples_of_the_pages_on_reports_and_cost_run_against_a_server() {
    let small = Small::new(&[("libpng1.6", "1.6.39-2")]);
    small.advise("TEST-2026-1", "high", "2026-03-01", "libpng1.6", "1.6.39-2+deb12u4").build(&[]);
    let mut up = Up::start(&small);
    up.token = administrator(&up);
    let asked = |words: &[&str]| plimsoll(&[words, &["--server", &up.url, "--token", &up.token]].concat());
    let client = asked(&["clients", "list", "--format", "json"]).finished().json()[0]["id"].as_str().expect("an id").to_owned();
    put(&small.at("components.json"), r#"[{"purl": "pkg:deb/debian/libpng1.6@1.6.39-2", "stream": "debian:12", "name": "libpng1.6", "version": "1.6.39-2", "source": "libpng1.6", "source_version": "1.6.39-2", "kind": "package"}]"#);
    asked(&["hosts", "create", "web", "--components", &small.path("components.json")]).finished();
    let pages = ["docs/guide/reports.md", "docs/guide/cost.md"].map(examples);
    assert!(pages[0].len() >= 9 && pages[1].len() >= 6, "{pages:?}");
    for example in pages.concat() {
        let output = Command::new("sh")
            .args(["-c", &example.replacen("plimsoll", env!("CARGO_BIN_EXE_plimsoll"), 1).replace("Acme", &client)])
            .current_dir(small.folder.path())
            .env("PLIMSOLL_SERVER", &up.url)
            .env("PLIMSOLL_API_TOKEN", &up.token)
            .stdin(Stdio::null())
            .output()
            .expect("sh runs");
        let err = String::from_utf8_lossy(&output.stderr);
        assert!(matches!(output.status.code(), Some(0 | 1)), "{example} ended with {:?}\n{err}", output.status.code());
    }
    for file in ["november.pdf", "acme.html", "november.csv", "poam.json", "october.csv", "report.json", "events.jsonl", "october.html"] {
        assert!(small.at(file).metadata().is_ok_and(|file| file.len() > 0), "no {file}");
    }
    up.stop();
}
