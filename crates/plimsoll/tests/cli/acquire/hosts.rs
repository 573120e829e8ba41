//! What hosts make of a set: which update is a security update, and what cannot
//! be installed beside what.

use super::upstream::{AptRoot, Upstream, tools};
use super::{acquire, ago, frozen, publisher, set_key};
use crate::sandbox::{put, text, word};
use serde_json::Value;
use std::path::Path;

/// A repositories file of both suites.
fn both(upstream: &Upstream, keyring: &str) -> String {
    let read = |suite: &str| std::fs::read_to_string(upstream.repositories(keyring, suite, "")).expect("a file");
    let file = upstream.at("both.toml");
    put(&file, format!("{}\n{}", read("stable"), read("bookworm-security")));
    text(&file)
}

#[test]
fn a_security_update_stays_one_in_a_frozen_set() {
    let Some((upstream, keyring)) = publisher() else { return };
    upstream.deb("app", "1.0-1+deb12u1", "Depends: lib (>= 1.0)\n", "app mended");
    upstream.deb("other", "8", "", "a newer one, no fix");
    upstream.suite("publisher", "stable", &ago(540), "", &|name| !name.contains("deb12u1"));
    upstream.suite("publisher", "bookworm-security", &ago(530), "", &|name| name.contains("deb12u1"));
    let (key, certificate) = set_key(&upstream, "set.pem");
    let set = text(&upstream.at("secure"));
    let made = frozen(&acquire(&upstream, &["freeze", "--repositories", &both(&upstream, &keyring), "--packages", "app,other", "--key", &key, "--to", &set, "--format", "json"])).json();
    let lines: Vec<String> = made["sources"].as_array().expect("lines").iter().map(|line| line.as_str().expect("a line").replace("ADDRESS", &format!("copy:{set}"))).collect();
    assert_eq!(lines.len(), 2, "a line for each suite: {lines:?}");
    let root = AptRoot::new(&(lines.join("\n") + "\n"));
    root.has(&[("app", "1.0-1", "Depends: lib (>= 1.0)\n"), ("lib", "1:0.5-1", ""), ("other", "7", "")]);
    let said = root.must(&["update"]);
    assert!(!said.contains("W: ") && !said.contains("E: "), "{said}");
    // What unattended-upgrades and pins go by: origin, code name, label.
    let policy = root.cache(&["policy"]);
    assert!(policy.contains("release v=12,o=Debian,a=oldstable-security,n=bookworm-security,l=Debian-Security,c=main,b=amd64"), "{policy}");
    assert!(policy.contains("release o=Test,a=stable,n=stable,l=Test,c=main,b=amd64"), "{policy}");
    let scan: Value = serde_json::from_slice(&std::fs::read(root.scan(&upstream)).expect("a scan")).expect("JSON");
    let updates: Vec<(String, bool)> = scan["updates"].as_array().expect("a plan").iter().map(|update| (format!("{} {}", word(update, "/package"), word(update, "/candidate")), update["security"] == true)).collect();
    assert_eq!(updates, [("app 1.0-1+deb12u1".to_owned(), true), ("other 8".to_owned(), false)]);
    // Carried into a newer set it stays what it is; the suite moved on meanwhile.
    let next = text(&upstream.at("secure-2"));
    frozen(&acquire(&upstream, &["freeze", "--parent", &set, "--name", "bookworm-security", "--upload", &text(&upstream.www("debian/pool/lib_1.0-1_amd64.deb")), "--key", &key, "--to", &next]));
    let release = |folder: &str| std::fs::read_to_string(Path::new(&next).join(folder).join("dists/bookworm-security/Release")).expect("a Release");
    assert!(release("debian-12").contains("Label: Debian-Security\n"));
    assert!(release("debian-12-2").contains("Label: Plimsoll\n"), "own packages never get into a publisher's suite, whatever the set's name");
    frozen(&acquire(&upstream, &["verify", &next, "--keyring", &certificate, "--publishers", &keyring]));
}

#[test]
fn conflicts_are_told_and_hosts_lose_nothing() {
    if !tools(&["gpg", "dpkg-deb", "apt-get"]) {
        return;
    }
    let upstream = Upstream::new();
    let keyring = upstream.key("publisher", "rsa2048", "0");
    upstream.deb("app", "2", "Breaks: plugin (<< 2)\n", "app");
    upstream.deb("plugin", "1", "", "plugin one");
    upstream.deb("plugin", "2", "", "plugin two");
    upstream.deb("left", "1", "Conflicts: side\nProvides: side\n", "left");
    upstream.deb("right", "1", "Conflicts: side\nProvides: side\n", "right");
    upstream.deb("torn", "1", "Depends: left, right\n", "needs both");
    upstream.publish("publisher", &ago(600), "");
    let repositories = upstream.repositories(&keyring, "stable", "");
    let root = AptRoot::new(&format!("deb [signed-by={keyring}] {} stable main\n", upstream.url("/debian")));
    root.has(&[("app", "1", ""), ("plugin", "1", "")]);
    root.must(&["update"]);
    let scan = root.scan(&upstream);

    let torn = acquire(&upstream, &["resolve", "--repositories", &repositories, "--packages", "torn"]);
    assert_eq!(torn.code, Some(1), "{}", torn.out);
    assert!(torn.err.contains("E-CONFLICT") && torn.err.contains("needs both sides of a conflict"), "{}", torn.err);
    root.refused(&["-s", "install", "torn"]);
    let beside = acquire(&upstream, &["resolve", "--repositories", &repositories, "--packages", "left,right"]);
    assert!(frozen(&beside).err.contains("W-CONFLICT"), "{}", beside.err);

    let (key, certificate) = set_key(&upstream, "set.pem");
    let set = text(&upstream.at("whole-hosts"));
    frozen(&acquire(&upstream, &["freeze", "--repositories", &repositories, "--packages", "app", "--installed", &scan, "--key", &key, "--to", &set]));
    put(&root.folder.path().join("etc/apt/sources.list"), format!("deb [signed-by={certificate}] copy:{set}/debian-12 stable main\n"));
    root.must(&["update"]);
    let said = root.must(&["-s", "install", "app"]);
    assert!(said.contains("Inst plugin [1] (2 ") && !said.contains("Remv"), "apt renews what the new app breaks: {said}");
}
