//! Keys in a token: a real PKCS#11 driver, SoftHSM's.

use crate::fleet::Up;
use crate::sandbox::{Ran, Small, command, end, plimsoll, put};
use serde_json::{Value, json};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

const MODULE: &str = "/usr/lib/softhsm/libsofthsm2.so";
const TOOL: &str = "/usr/bin/softhsm2-util";
const PIN: &str = "2718-2818";

/// A token of this test's own.
struct Token<'s>(&'s Small);

impl<'s> Token<'s> {
    fn new(small: &'s Small) -> Option<Self> {
        if ![TOOL, MODULE].iter().all(|file| std::path::Path::new(file).exists()) {
            eprintln!("skipped: SoftHSM is not installed (softhsm2)");
            return None;
        }
        std::fs::create_dir(small.at("tokens")).unwrap();
        put(&small.at("softhsm.conf"), format!("directories.tokendir = {}\n", small.path("tokens")));
        put(&small.at("pin"), format!("{PIN}\n"));
        let token = Self(small);
        token.tool(&["--init-token", "--free", "--label", "ops", "--pin", PIN, "--so-pin", "12345678"]);
        Some(token)
    }

    fn tool(&self, words: &[&str]) {
        let ran = Command::new(TOOL).args(words).env("SOFTHSM2_CONF", self.0.path("softhsm.conf")).stdin(Stdio::null()).output().unwrap();
        assert!(ran.status.success(), "{words:?}: {}{}", String::from_utf8_lossy(&ran.stdout), String::from_utf8_lossy(&ran.stderr));
    }

    /// Puts the key of a key file into it.
    fn import(&self, file: &str, name: &str, id: &str) {
        self.tool(&["--import", file, "--token", "ops", "--label", name, "--id", id, "--pin", PIN]);
    }

    /// Runs our program where the token is.
    fn run(&self, words: &[&str]) -> Ran {
        let mut command = command();
        command.args(words).env("SOFTHSM2_CONF", self.0.path("softhsm.conf")).env("PLIMSOLL_PKCS11_MODULE", MODULE);
        end(command)
    }
}

#[test]
fn a_root_document_names_a_key_that_never_leaves_its_token() {
    let small = Small::new(&[]);
    let Some(token) = Token::new(&small) else { return };
    plimsoll(&["root", "init", "--to", &small.path("first"), "--person", "anna", "--person", "ben", "--no-passphrase"]).finished();
    let keys = |folder: &str| plimsoll(&["root", "show", &small.path(&format!("{folder}/root.json")), "--format", "json"]).finished().json()["people"].clone();
    token.import(&small.path("first/keys/anna.pem"), "anna", "01");
    token.import(&small.path("first/keys/ben.pem"), "anna's old", "02");

    let init = |to: &str, uri: &str| token.run(&["root", "init", "--to", &small.path(to), "--person", uri, "--person", "carla", "--threshold", "2", "--no-passphrase", "--pin-file", &small.path("pin")]);
    init("second", "anna=pkcs11:token=ops;object=anna").finished();
    // Read again, the document holds under two signatures, the token's among them.
    let (first, second) = (keys("first"), keys("second"));
    let both = first.as_array().unwrap().iter().filter(|key| second.as_array().unwrap().contains(key)).count();
    assert_eq!(both, 1, "{first} {second}");
    let kept: Vec<String> = std::fs::read_dir(small.at("second/keys")).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    assert_eq!(kept, ["carla.pem"]);
    init("by-id", "anna=pkcs11:token=ops;id=%02").finished();
    init("percent", "anna=pkcs11:token=ops;object=anna%27s%20old").finished();
    assert_eq!(keys("by-id").as_array().unwrap().iter().filter(|key| keys("percent").as_array().unwrap().contains(key)).count(), 1);

    put(&small.at("pin"), "wrong\n");
    for (uri, code, words) in [
        ("pkcs11:token=ops;object=anna", "E-PASSPHRASE", "refuses the PIN"),
        ("pkcs11:token=other;object=anna", "E-KEY", "names 0 tokens"),
        ("pkcs11:token=ops", "E-KEY", "neither `object` nor `id`"),
        ("pkcs11:token=ops;object=anna?pin-value=2718-2818", "E-KEY", "carries a PIN"),
        ("pkcs11:token=ops;object=anna?module-path=/nowhere.so", "E-KEY", "cannot be loaded"),
        ("pkcs11:nonsense", "E-KEY", "pkcs11"),
    ] {
        let refused = init("never", &format!("anna={uri}"));
        assert!(refused.failed().err.contains(code) && refused.err.contains(words), "{uri}: {}", refused.err);
        assert!(!small.at("never").exists() && !refused.err.contains(PIN), "{uri}: {}", refused.err);
    }
    put(&small.at("pin"), format!("{PIN}\n"));
    assert!(init("never", "anna=pkcs11:token=ops;object=nobody").failed().err.contains("names 0 private keys"));
}

#[test]
fn a_token_signs_a_package() {
    let small = Small::new(&[]);
    let Some(token) = Token::new(&small) else { return };
    let up = Up::start(&small);
    token.import(&small.path("data/root/keys/evaluation.pem"), "evaluation", "01");
    put(&small.at("steps.json"), json!([{ "step": "service", "unit": "cron.service", "state": "restarted" }]).to_string());
    let asked = |words: &[&str]| token.run(&[words, &["--server", &up.url, "--token", &up.token]].concat());
    // A host has to say first what it is.
    let begun = Instant::now();
    while asked(&["hosts", "list", "--format", "json"]).finished().json()[0]["updates"].is_null() {
        assert!(begun.elapsed() < Duration::from_secs(120), "no report");
        std::thread::sleep(Duration::from_millis(500));
    }
    let drafted = asked(&["package", "draft", "restart", "--title", "A drill", "--change", "normal", "--reason", "a drill", "--updates", "nothing", "--steps", &small.path("steps.json")]).finished().json();
    let digest = drafted["package"]["digest"].as_str().unwrap().to_owned();
    let root = small.path("data/root/root.json");
    let signed = asked(&["package", "sign", &digest, "--root", &root, "--key", "pkcs11:token=ops;object=evaluation", "--passphrase-file", &small.path("pin"), "--yes"]).finished().json();
    let explained: Value = asked(&["package", "explain", &digest]).finished().json();
    assert_eq!(explained["package"]["state"], "accepted", "{signed} {explained}");
    up.stop();
}
