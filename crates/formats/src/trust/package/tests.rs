use super::*;
use crate::trust::{RootKeys, SignedRoot};
use plimsoll_core::model::assignment::Go;
use plimsoll_core::model::deployment_package::{
    ChangeType, ConfigurationFiles, HostList, Place, PolicyNamed, RebootRule, Ring, StreamPlan, Target, Tool,
};
use plimsoll_core::model::identifier::{ClientId, HostId};
use plimsoll_core::model::stream::Stream;

fn key(seed: u8) -> KeyFile {
    KeyFile::from_seed(&[seed; 32])
}

fn at(text: &str) -> Timestamp {
    text.parse().unwrap()
}

/// Keys 1, 2, … belong to `anna`, `ben`, …; key 99 is the server's.
fn root(people: &[&str], threshold: usize) -> SignedRoot {
    let people: Vec<(String, KeyFile)> = people.iter().zip(1..).map(|(name, seed)| ((*name).to_owned(), key(seed))).collect();
    SignedRoot::first(&RootKeys { people: &people, threshold, online: key(99).public() }, at("2027-11-22T00:00:00Z")).unwrap()
}

fn package() -> DeploymentPackage {
    let target = Target {
        name: "openssl".to_owned(),
        arch: "amd64".to_owned(),
        version: "3.0.22-1".to_owned(),
        sha256: "ab".repeat(32),
        size: 1_430_000,
        repository: "https://deb.example/debian-security bookworm-security".to_owned(),
        new: false,
    };
    let plan = StreamPlan { tool: Tool::Apt, install: vec![target], remove: Vec::new(), way_back: Vec::new(), no_way_back: Vec::new(), steps: Vec::new() };
    DeploymentPackage {
        schema: DeploymentPackage::SCHEMA.to_owned(),
        name: "openssl-2026-11".to_owned(),
        version: 7,
        client: ClientId::from_bits(1),
        title: "OpenSSL".to_owned(),
        reason: "KEV".to_owned(),
        advisories: vec!["DSA-1".to_owned()],
        author: "anna".to_owned(),
        created: at("2026-11-22T10:00:00Z"),
        expires: at("2026-11-29T10:00:00Z"),
        change: ChangeType::Normal,
        policy: PolicyNamed { id: "samm".to_owned(), version: "1".to_owned(), sha256: "cd".repeat(32) },
        streams: [(Stream::release("debian", "12"), plan)].into(),
        hosts: HostList { count: 1, root: "ef".repeat(32) },
        rings: vec![Ring { name: "canary".to_owned(), opens: at("2026-11-22T10:00:00Z"), soak_seconds: 3600, success_per_mille: 1000, failures: 0 }],
        windows: std::collections::BTreeMap::new(),
        checks: Vec::new(),
        reboot: RebootRule::IfNeeded,
        configuration_files: ConfigurationFiles::Keep,
        at_once: 0,
        drain: None,
    }
}

fn verdict(root: &SignedRoot, seeds: &[u8]) -> Result<(), String> {
    let mut signed = SignedPackage::unsigned(package());
    for seed in seeds {
        signed.sign(&key(*seed), &root.root).map_err(|problem| problem.code)?;
    }
    signed.approved("package", &root.root).map_err(|problem| problem.code)
}

#[test]
fn people_count_once_and_the_author_not_at_all() {
    let root = root(&["anna", "ben", "carla"], 2);
    let refused = |code: &str| Err(code.to_owned());
    assert_eq!(verdict(&root, &[2, 3]), Ok(()));
    assert_eq!(verdict(&root, &[2]), refused("E-SIG-THRESHOLD"));
    assert_eq!(verdict(&root, &[2, 2]), refused("E-SIG-THRESHOLD"));
    assert_eq!(verdict(&root, &[1, 2]), refused("E-SOD"));
    assert_eq!(verdict(&root, &[1, 2, 3]), Ok(()), "her signature does no harm");
    assert_eq!(verdict(&root, &[2, 99]), refused("E-SIG-THRESHOLD"), "the server's key approves nothing");
    assert_eq!(verdict(&root, &[50]), refused("E-KEY"));
    assert_eq!(verdict(&self::root(&["anna"], 1), &[1]), Ok(()), "an evaluation");
}

#[test]
fn a_signature_copied_or_moved_does_not_count() {
    let root = root(&["anna", "ben", "carla"], 2);
    let mut signed = SignedPackage::unsigned(package());
    signed.sign(&key(2), &root.root).unwrap();
    let bens = signed.signatures()[0].clone();
    let carlas = root.root.id_of(key(3).public()).unwrap().to_owned();
    signed.add(Signature { keyid: carlas, sig: bens.sig.clone() });
    assert_eq!(signed.approved("package", &root.root).unwrap_err().code, "E-SIG-THRESHOLD");
    let other = SignedPackage::unsigned(DeploymentPackage { version: 8, ..package() });
    let mut other = other;
    other.sign(&key(3), &root.root).unwrap();
    other.add(bens);
    assert_eq!(other.approved("package", &root.root).unwrap_err().code, "E-SIG-THRESHOLD");
}

#[test]
fn signing_keeps_the_digest_and_every_flipped_byte_is_refused() {
    let root = root(&["anna", "ben", "carla"], 2);
    let mut signed = SignedPackage::unsigned(package());
    let digest = signed.digest();
    signed.sign(&key(3), &root.root).unwrap();
    signed.sign(&key(2), &root.root).unwrap();
    assert_eq!(signed.digest(), digest);
    let bytes = signed.bytes();
    assert_eq!(SignedPackage::read("package", &bytes).unwrap(), signed);
    for place in 0..bytes.len() {
        for bit in [1, 0x20, 0x80] {
            let mut bytes = bytes.clone();
            bytes[place] ^= bit;
            let accepted = SignedPackage::read("package", &bytes).and_then(|read| read.approved("package", &root.root));
            assert!(accepted.is_err(), "byte {place} ^ {bit}");
        }
    }
}

#[test]
fn other_spellings_of_the_same_are_refused_where_they_begin() {
    let bytes = SignedPackage::unsigned(package()).bytes();
    let text = String::from_utf8(bytes).unwrap();
    for (changed, what) in [
        (format!("{text} "), "trailing"),
        (text.replacen("{\"signatures\"", "{ \"signatures\"", 1), "blank"),
        (text.replacen("\"version\":7", "\"version\":7,\"version\":7", 1), "twice"),
        (text.replacen("\"version\":7", "\"version\":7.0", 1), "float"),
        (text.replacen("openssl-2026", "openssl\\u002d2026", 1), "escape"),
        (text.replacen("\"version\":7", "\"version\":7,\"widen\":true", 1), "unknown"),
        ("[".repeat(10_000), "depth"),
    ] {
        assert_eq!(SignedPackage::read("package", changed.as_bytes()).unwrap_err().code, "E-FORMAT", "{what}");
    }
}

#[test]
fn assignments_are_the_online_keys_word_and_end() {
    let root = root(&["anna", "ben", "carla"], 2);
    let host = HostId::from_bits(5);
    let assignment = Assignment {
        schema: Assignment::SCHEMA.to_owned(),
        host,
        package: "ab".repeat(32),
        epoch: 1,
        generation: 2,
        place: Place { host, ring: 0, window: None },
        position: 0,
        proof: Vec::new(),
        go: Go::Apply,
        issued: at("2026-11-22T10:00:00Z"),
        expires: at("2026-11-22T12:00:00Z"),
    };
    let signed = SignedAssignment::sign(assignment.clone(), &key(99), &root.root).unwrap();
    let read = |bytes: &[u8], now: &str| SignedAssignment::read("assignment", bytes, &root.root, at(now)).map_err(|problem| problem.code);
    assert_eq!(read(signed.bytes(), "2026-11-22T11:59:59Z").unwrap().assignment, assignment);
    assert_eq!(read(signed.bytes(), "2026-11-22T12:00:00Z"), Err("E-ASSIGN-EXPIRED".to_owned()));
    let annas = SignedAssignment::sign(assignment, &key(1), &root.root).unwrap();
    assert_eq!(read(annas.bytes(), "2026-11-22T11:00:00Z"), Err("E-ASSIGN-SIG".to_owned()));
    for place in 0..signed.bytes().len() {
        let mut bytes = signed.bytes().to_vec();
        bytes[place] ^= 1;
        assert!(read(&bytes, "2026-11-22T11:00:00Z").is_err(), "byte {place}");
    }
}
