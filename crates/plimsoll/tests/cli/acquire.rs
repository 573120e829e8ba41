//! Acquiring from real repositories: packages by dpkg-deb and rpmbuild, keys by
//! GnuPG, installed by the real apt and dnf.

#[path = "acquire/hostile.rs"]
mod hostile;
#[path = "acquire/hosts.rs"]
mod hosts;
#[path = "acquire/keeping.rs"]
mod keeping;
#[path = "acquire/rpm.rs"]
mod rpm;
#[path = "acquire/upstream.rs"]
mod upstream;

use crate::sandbox::{Ran, put, text, word};
use jiff::Timestamp;
use serde_json::Value;
use std::path::Path;
use std::sync::OnceLock;
use upstream::{AptRoot, Upstream, run, tools};

/// A `Date` field so many minutes ago.
fn ago(minutes: i64) -> String {
    moment(minutes).strftime("%a, %d %b %Y %H:%M:%S UTC").to_string()
}

fn moment(minutes_ago: i64) -> Timestamp {
    static NOW: OnceLock<Timestamp> = OnceLock::new();
    let now = NOW.get_or_init(Timestamp::now);
    Timestamp::from_second(now.as_second() - minutes_ago * 60).expect("a time")
}

/// Runs `plimsoll acquire` with its artefacts in the publisher's own folder.
fn acquire(upstream: &Upstream, words: &[&str]) -> Ran {
    let mut command = crate::sandbox::command();
    command.env("PLIMSOLL_ARTEFACTS", upstream.at("artefacts")).env("NO_PROXY", "127.0.0.1").arg("acquire").args(words);
    crate::sandbox::end(command)
}

/// A key for sets, without a passphrase; gives the key file and the certificate.
fn set_key(upstream: &Upstream, name: &str) -> (String, String) {
    let file = text(&upstream.at(name));
    let made = acquire(upstream, &["key", &file, "--no-passphrase"]);
    assert_eq!(made.code, Some(0), "{}", made.err);
    assert_eq!(made.out.trim().len(), 40, "a fingerprint");
    (file.clone(), format!("{}.asc", file.trim_end_matches(".pem")))
}

/// A publisher with two versions of `app`, what it needs, and what nobody does.
fn publisher() -> Option<(Upstream, String)> {
    if !tools(&["gpg", "dpkg-deb", "apt-get"]) {
        return None;
    }
    let upstream = Upstream::new();
    let keyring = upstream.key("publisher", "rsa2048", "0");
    upstream.deb("app", "1.0-1", "Depends: lib (>= 1.0)\n", "app one");
    upstream.deb("lib", "1.0-1", "", "lib one");
    upstream.deb("lib", "1:0.5-1", "", "lib with an epoch");
    upstream.deb("other", "7", "", "not wanted");
    upstream.publish("publisher", &ago(600), "");
    Some((upstream, keyring))
}

fn frozen(ran: &Ran) -> &Ran {
    assert_eq!(ran.code, Some(0), "{}{}", ran.out, ran.err);
    ran
}

#[test]
fn apt_installs_from_a_frozen_set_and_refuses_a_changed_one() {
    let Some((upstream, keyring)) = publisher() else { return };
    let repositories = upstream.repositories(&keyring, "stable", "");
    let (key, certificate) = set_key(&upstream, "set.pem");
    let set = text(&upstream.at("2026-11"));
    let ran = acquire(&upstream, &["freeze", "--repositories", &repositories, "--packages", "app", "--key", &key, "--to", &set, "--format", "json"]);
    let answer = frozen(&ran).json();
    assert_eq!((answer["artefacts"].as_u64(), word(&answer, "/set")), (Some(2), "2026-11".to_owned()), "app and the newest lib, which has an epoch");
    let fetched = upstream.asked.lock().expect("a log").clone();
    assert!(!fetched.iter().any(|path| path.contains("other_7")), "only what is needed was fetched: {fetched:?}");

    let line = format!("deb [signed-by={certificate}] file:{set}/debian-12 stable main\n");
    let root = AptRoot::new(&line);
    let said = root.must(&["update"]);
    assert!(!said.contains("W: ") && !said.contains("E: "), "{said}");
    let said = root.must(&["-s", "install", "app"]);
    assert!(said.contains("Inst app (1.0-1 Test:stable [amd64])") && said.contains("Inst lib (1:0.5-1"), "{said}");
    // Over the network apt copies and verifies; a folder of the disk it uses in place.
    let over = format!("deb [signed-by={certificate}] copy:{set}/debian-12 stable main\n");
    let root = AptRoot::new(&over);
    root.must(&["update"]);
    root.must(&["--download-only", "install", "app"]);
    assert_eq!(root.archives(), ["app_1.0-1_amd64.deb", "lib_1%3a0.5-1_amd64.deb"]);
    if rustix::process::geteuid().is_root() {
        let archives: Vec<String> = root.archives().iter().map(|name| text(&root.folder.path().join("var/cache/apt/archives").join(name))).collect();
        let to = tempfile::tempdir().expect("a folder");
        run(std::process::Command::new("dpkg").arg(format!("--root={}", text(to.path()))).args(["--force-all", "--install"]).args(&archives));
        assert_eq!(std::fs::read_to_string(to.path().join("usr/share/lib/file")).expect("installed"), "lib with an epoch");
    }

    // Another key in `signed-by`: apt takes nothing.
    let other = AptRoot::new(&over.replace(&certificate, &keyring));
    assert!(other.refused(&["update"]).contains("NO_PUBKEY"));
    // A changed package, a changed index in each of its forms, a changed signature.
    let all = walk(Path::new(&set));
    let of = |part: &str| all.iter().filter(|path| path.contains(part)).cloned().collect::<Vec<_>>();
    let changes: [(Vec<String>, &str, &[&str]); 3] = [
        (of("/app_"), "Hash Sum mismatch", &["--download-only", "install", "app"]),
        (of("/binary-amd64/"), "", &["update"]),
        (of("/InRelease"), "", &["update"]),
    ];
    for (files, says, words) in changes {
        assert!(!files.is_empty());
        let good: Vec<(&String, Vec<u8>)> = files.iter().map(|file| (file, change(file))).collect();
        let root = AptRoot::new(&over);
        if words != ["update"] {
            root.must(&["update"]);
        }
        let said = root.refused(words);
        assert!(said.contains(says), "{said}");
        assert!(!root.archives().iter().any(|name| name.starts_with("app_")), "{said}");
        let ours = acquire(&upstream, &["verify", &set, "--keyring", &certificate]);
        assert!(ours.failed().err.contains("E-ALTERED"), "{}", ours.err);
        for (file, good) in good {
            std::fs::write(file, good).expect("mended");
        }
    }
    frozen(&acquire(&upstream, &["verify", &set, "--keyring", &certificate, "--publishers", &keyring]));
}

/// Flips a bit in the middle of a file; gives the former content.
fn change(file: &str) -> Vec<u8> {
    let good = std::fs::read(file).expect("a file");
    std::fs::set_permissions(file, std::os::unix::fs::PermissionsExt::from_mode(0o644)).expect("a mode");
    let mut bad = good.clone();
    let middle = bad.len() / 2;
    bad[middle] ^= 1;
    std::fs::write(file, bad).expect("changed");
    good
}

fn walk(folder: &Path) -> Vec<String> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).expect("a folder") {
        let path = entry.expect("an entry").path();
        if path.is_dir() { found.extend(walk(&path)) } else { found.push(text(&path)) }
    }
    found.sort();
    found
}

#[test]
fn an_urgent_fix_makes_a_new_set_and_own_packages_come_along() {
    let Some((upstream, keyring)) = publisher() else { return };
    let repositories = upstream.repositories(&keyring, "stable", "");
    let (key, certificate) = set_key(&upstream, "set.pem");
    let (first, second) = (text(&upstream.at("base")), text(&upstream.at("base-fix-1")));
    let freeze = |more: &[&str]| {
        let mut words = vec!["freeze", "--repositories", &repositories, "--key", &key, "--format", "json"];
        words.extend_from_slice(more);
        acquire(&upstream, &words)
    };
    let made = frozen(&freeze(&["--packages", "app", "--to", &first])).json();
    let before: Vec<(String, Vec<u8>)> = walk(Path::new(&first)).into_iter().map(|path| (path.clone(), std::fs::read(path).expect("a file"))).collect();
    let again = freeze(&["--packages", "app", "--to", &first]);
    assert!(again.failed().err.contains("E-EXISTS"));

    upstream.deb("app", "1.0-1+fix1", "Depends: lib (>= 1.0)\n", "app mended");
    upstream.publish("publisher", &ago(540), "");
    let own = upstream.deb("own", "3", "Depends: app\n", "our own");
    let hidden = upstream.at("own_3_amd64.deb");
    std::fs::rename(own, &hidden).expect("not the publisher's");
    let added = frozen(&freeze(&["--parent", &first, "--packages", "app", "--upload", &text(&hidden), "--to", &second])).json();
    assert_eq!(added["parent"]["digest"], made["digest"]);
    let after: Vec<(String, Vec<u8>)> = walk(Path::new(&first)).into_iter().map(|path| (path.clone(), std::fs::read(path).expect("a file"))).collect();
    assert_eq!(before, after, "the parent is what it was");

    let shown = frozen(&acquire(&upstream, &["show", &second, "--keyring", &certificate, "--format", "json"])).json();
    let trees = shown["set"]["trees"].as_array().expect("trees");
    let suites: Vec<String> = trees.iter().map(|tree| format!("{} {}", word(tree, "/folder"), word(tree, "/suite"))).collect();
    assert_eq!(suites, ["debian-12 stable", "debian-12 base-fix-1"], "own packages claim no publisher");
    let names: Vec<String> = trees.iter().flat_map(|tree| tree["artefacts"].as_array().expect("packages")).map(|kept| format!("{} {}", word(kept, "/artefact/name"), word(kept, "/artefact/version"))).collect();
    assert_eq!(names, ["app 1.0-1", "app 1.0-1+fix1", "lib 1:0.5-1", "own 3"]);
    assert_eq!(shown["set"]["proofs"].as_array().map(Vec::len), Some(2), "both indices stay as proofs");
    let root = AptRoot::new(&format!("deb [signed-by={certificate}] file:{second}/debian-12 stable main\ndeb [signed-by={certificate}] file:{second}/debian-12 base-fix-1 main\n"));
    root.must(&["update"]);
    let said = root.must(&["-s", "install", "own"]);
    assert!(said.contains("Inst app (1.0-1+fix1") && said.contains("Inst own (3"), "{said}");
    let origins = frozen(&acquire(&upstream, &["verify", &second, "--keyring", &certificate, "--publishers", &keyring, "--format", "json"])).json();
    assert_eq!((origins["origins"]["proven"].as_u64(), origins["origins"]["uploaded"].as_u64()), (Some(3), Some(1)));
    // Whoever holds the set's key can put in what no publisher signed; the proofs tell.
    let forged = text(&upstream.at("forged"));
    let liar = upstream.key("liar", "ed25519", "0");
    let other = upstream.repositories(&liar, "stable", "");
    upstream.sign("liar", &upstream.www("debian/dists/stable"));
    upstream.deb("app", "9", "", "app of the liar");
    upstream.publish("liar", &ago(480), "");
    frozen(&acquire(&upstream, &["freeze", "--repositories", &other, "--packages", "app", "--key", &key, "--to", &forged]));
    let told = acquire(&upstream, &["verify", &forged, "--keyring", &certificate, "--publishers", &keyring]);
    assert!(told.failed().err.contains("E-SIGNER"), "{}", told.err);
}

#[test]
fn a_whole_suite_keeps_its_publishers_signature() {
    let Some((upstream, keyring)) = publisher() else { return };
    let repositories = upstream.repositories(&keyring, "stable", "");
    let (key, certificate) = set_key(&upstream, "set.pem");
    let set = text(&upstream.at("whole"));
    let made = frozen(&acquire(&upstream, &["freeze", "--repositories", &repositories, "--whole", "--key", &key, "--to", &set, "--format", "json"])).json();
    assert_eq!(made["artefacts"].as_u64(), Some(4));
    let index = |base: &Path| std::fs::read(base.join("dists/stable/InRelease")).expect("an index");
    assert_eq!(index(&upstream.www("debian")), index(&Path::new(&set).join("debian-12")), "the publisher's own bytes");
    // The machine stands still: the publisher goes on, hosts of the set do not notice.
    upstream.deb("app", "2.0", "", "app two");
    upstream.publish("publisher", &ago(60), "");
    let root = AptRoot::new(&format!("deb [signed-by={keyring}] copy:{set}/debian-12 stable main\n"));
    root.must(&["update"]);
    root.must(&["--download-only", "install", "app", "other"]);
    assert_eq!(root.archives(), ["app_1.0-1_amd64.deb", "lib_1%3a0.5-1_amd64.deb", "other_7_amd64.deb"]);
    frozen(&acquire(&upstream, &["verify", &set, "--keyring", &certificate, "--publishers", &keyring]));
}

#[test]
fn what_a_real_host_plans_is_what_is_frozen() {
    let Some((upstream, keyring)) = publisher() else { return };
    // The host knows the publisher at the state where app 1.0-1+fix1 is new.
    upstream.deb("app", "1.0-1+fix1", "Depends: lib (>= 1.0), helper\n", "app mended");
    upstream.deb("helper", "1", "", "a new dependency");
    upstream.publish("publisher", &ago(540), "");
    let root = AptRoot::new(&format!("deb [signed-by={keyring}] {} stable main\n", upstream.url("/debian")));
    root.has(&[("app", "1.0-1", "Depends: lib (>= 1.0)\n"), ("lib", "1:0.5-1", "")]);
    root.must(&["update"]);
    let file = root.scan(&upstream);
    let repositories = upstream.repositories(&keyring, "stable", "");
    let resolved = acquire(&upstream, &["resolve", "--repositories", &repositories, "--scan", &file, "--format", "json"]);
    let decisions = frozen(&resolved).json();
    let shown: Vec<String> = decisions[0]["artefacts"].as_array().expect("artefacts").iter().map(|wanted| format!("{} {} {}", word(wanted, "/purpose"), word(wanted, "/artefact/name"), word(wanted, "/artefact/version"))).collect();
    assert_eq!(shown, ["way-back app 1.0-1", "asked app 1.0-1+fix1", "dependency helper 1"]);
    let why = word(&decisions, "/0/artefacts/1/because/0/text");
    assert!(why.ends_with("offers version 1.0-1+fix1 with the digest that was named"), "{why}");
    // Ahead of time, each content once.
    let fetch = || frozen(&acquire(&upstream, &["fetch", "--repositories", &repositories, "--scan", &file, "--format", "json"])).json();
    assert_eq!(fetch()["fetched"].as_u64(), Some(3));
    let before = upstream.asked.lock().expect("a log").len();
    assert_eq!(fetch()["fetched"].as_u64(), Some(0));
    let since: Vec<String> = upstream.asked.lock().expect("a log").split_off(before);
    assert!(since.iter().all(|path| !path.contains("/pool/")), "{since:?}");
    // The publisher changes the bytes of that version: refused, since the host knows better.
    upstream.deb("helper", "1", "", "another content under the same version");
    upstream.publish("publisher", &ago(420), "");
    let refused = acquire(&upstream, &["resolve", "--repositories", &repositories, "--scan", &file]);
    assert_eq!(refused.code, Some(1));
    assert!(refused.err.contains("E-OTHER-BYTES"), "{}", refused.err);
}

#[test]
fn a_set_travels_as_one_file_and_changed_ones_leave_nothing() {
    let Some((upstream, keyring)) = publisher() else { return };
    let repositories = upstream.repositories(&keyring, "stable", "");
    let (key, certificate) = set_key(&upstream, "set.pem");
    let (_, stranger) = set_key(&upstream, "stranger.pem");
    let set = text(&upstream.at("gap"));
    frozen(&acquire(&upstream, &["freeze", "--repositories", &repositories, "--packages", "app", "--key", &key, "--to", &set]));
    let file = text(&upstream.at("gap.tar"));
    let exported = frozen(&acquire(&upstream, &["export", &set, "--keyring", &certificate, "--to", &file])).out.clone();
    let there = text(&upstream.at("island/gap"));
    let imported = frozen(&acquire(&upstream, &["import", &file, "--keyring", &certificate, "--to", &there])).out.clone();
    assert_eq!(exported, imported);
    let relative = |base: &str| walk(Path::new(base)).into_iter().map(|path| (path[base.len()..].to_owned(), std::fs::read(&path).expect("a file"))).collect::<Vec<_>>();
    assert_eq!(relative(&set), relative(&there), "byte for byte");
    let twice = text(&upstream.at("gap-2.tar"));
    frozen(&acquire(&upstream, &["export", &there, "--keyring", &certificate, "--to", &twice]));
    let good = std::fs::read(&file).expect("the file");
    assert_eq!(good, std::fs::read(&twice).expect("the other"));

    let bad = upstream.at("bad.tar");
    let never = upstream.at("island/never");
    let refused = |bytes: &[u8], keyring: &str| {
        std::fs::write(&bad, bytes).expect("a file");
        let ran = acquire(&upstream, &["import", &text(&bad), "--keyring", keyring, "--to", &text(&never)]);
        assert!(!never.exists(), "nothing is left");
        let left = std::fs::read_dir(upstream.at("island")).expect("a folder").count();
        assert_eq!(left, 1, "nor beside it");
        ran.failed().err.clone()
    };
    assert!(refused(&good, &stranger).contains("E-SIGNER"));
    for part in 1..12 {
        let end = good.len() * part / 12;
        refused(&good[..end], &certificate);
        let mut changed = good.clone();
        // Padding between files of an archive belongs to nobody.
        let at = (end..good.len()).find(|at| good[*at] != 0).expect("content");
        changed[at] ^= 1;
        refused(&changed, &certificate);
    }
    // A file too much, a link, a way out.
    for (name, kind) in [("extra", tar::EntryType::Regular), ("../out", tar::EntryType::Regular), ("debian-12", tar::EntryType::Symlink)] {
        let mut archive = tar::Builder::new(good[..good.len() - 1024].to_vec());
        let mut header = tar::Header::new_gnu();
        header.as_mut_bytes()[..name.len()].copy_from_slice(name.as_bytes());
        header.set_entry_type(kind);
        header.set_size(0);
        header.set_cksum();
        archive.append(&header, std::io::empty()).expect("an entry");
        let bytes = archive.into_inner().expect("an archive");
        assert!(refused(&bytes, &certificate).contains("does not list as a file"));
    }
    assert!(!upstream.at("island/out").exists() && !upstream.at("out").exists());
}

/// What a frozen set of the real archive comes to; asks the network.
#[test]
#[ignore = "asks the live Debian archive: cargo test -p plimsoll --test cli -- --ignored live_debian"]
fn live_debian() {
    if !tools(&["apt-get"]) {
        return;
    }
    let keyring = "/usr/share/keyrings/debian-archive-keyring.gpg";
    let upstream = Upstream::new();
    let file = upstream.at("live.toml");
    let one = |url: &str, suite: &str| format!("[[apt]]\nstream = \"debian:12\"\nurl = \"{url}\"\nsuite = \"{suite}\"\ncomponents = [\"main\"]\narchitectures = [\"amd64\"]\nkeyring = \"{keyring}\"\n\n");
    put(&file, one("http://deb.debian.org/debian", "bookworm") + &one("http://deb.debian.org/debian-security", "bookworm-security"));
    let (key, certificate) = set_key(&upstream, "set.pem");
    let set = text(&upstream.at("live"));
    let ran = acquire(&upstream, &["freeze", "--allow-http", "--repositories", &text(&file), "--packages", "openssl", "--key", &key, "--to", &set, "--format", "json"]);
    let made: Value = frozen(&ran).json();
    eprintln!("{made:#}");
    let root = AptRoot::new(&["bookworm", "bookworm-security"].map(|suite| format!("deb [signed-by={certificate}] copy:{set}/debian-12 {suite} main\n")).concat());
    root.must(&["update"]);
    root.must(&["--download-only", "--no-install-recommends", "install", "openssl"]);
    assert!(root.archives().iter().any(|name| name.starts_with("openssl_")));
    let checked = frozen(&acquire(&upstream, &["verify", &set, "--keyring", &certificate, "--publishers", keyring, "--format", "json"])).json();
    assert_eq!(checked["origins"]["proven"], made["artefacts"]);
}
