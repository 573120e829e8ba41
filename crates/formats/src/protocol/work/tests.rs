use super::*;
use crate::protocol::{CheckIn, CheckInAnswer, encode_hex, read_message, write_message};
use ed25519_dalek::{Signer, SigningKey};
use plimsoll_core::model::identifier::HostId;
use plimsoll_core::model::outcome::State;
use sha2::{Digest, Sha256};

fn signer() -> SigningKey {
    SigningKey::from_bytes(&[9; 32])
}

fn log_id() -> ([u8; 4], Vec<u8>) {
    let mut key = vec![1u8];
    key.extend(signer().verifying_key().as_bytes());
    let id: [u8; 32] = Sha256::new().chain_update("log.test\n").chain_update(&key).finalize().into();
    (id[..4].try_into().unwrap(), key)
}

fn log_key() -> LogKey {
    let (id, key) = log_id();
    LogKey::read(&format!("log.test+{}+{}", encode_hex(&id), BASE64.encode(&key))).unwrap()
}

fn note(size: u64, root: &[u8; 32]) -> String {
    let body = format!("log.test\n{size}\n{}\n", BASE64.encode(root));
    let signature = [&log_id().0[..], &signer().sign(body.as_bytes()).to_bytes()[..]].concat();
    format!("{body}\n\u{2014} log.test {}\n", BASE64.encode(&signature))
}

/// A log of two leaves, the second about the package.
fn answer(object: &str) -> PackageAnswer {
    let leaf = format!(r#"{{"object":"{object}","schema":"plimsoll-leaf/1","verb":"package.accept"}}"#);
    let (first, second) = (tlog_tiles::record_hash(b"first").0, tlog_tiles::record_hash(leaf.as_bytes()).0);
    let root: [u8; 32] = Sha256::new().chain_update([1]).chain_update(first).chain_update(second).finalize().into();
    PackageAnswer {
        package: "{}".into(),
        leaf: BASE64.encode(leaf.as_bytes()),
        position: 1,
        size: 2,
        proof: vec![encode_hex(&first)],
        checkpoint: note(2, &root),
    }
}

#[test]
fn a_package_is_taken_only_with_its_leaf_in_the_log() {
    let wanted = "ab".repeat(32);
    let good = answer(&format!("package:{wanted}"));
    let good = read_message::<PackageAnswer>(&write_message(&good).unwrap()).unwrap();
    let tree = good.accepted(&wanted, &log_key()).unwrap().remembered();
    assert_eq!(tree.size, 2);
    // In the tree that the host remembers, whatever note comes along.
    let bare = PackageAnswer { checkpoint: String::new(), ..good.clone() };
    assert_eq!(bare.accepted_in(&wanted, &tree), Ok(()));
    let other = crate::protocol::Remembered { root: "00".repeat(32), ..tree.clone() };
    let larger = crate::protocol::Remembered { size: 3, ..tree };
    assert!([other, larger].iter().all(|tree| bare.accepted_in(&wanted, tree).unwrap_err().code == "E-LOG-PROOF"));
    let bad = [
        answer(&format!("package:{}", "cd".repeat(32))),
        PackageAnswer { position: 0, ..good.clone() },
        PackageAnswer { size: 3, ..good.clone() },
        PackageAnswer { proof: vec!["00".repeat(32)], ..good.clone() },
        PackageAnswer { proof: Vec::new(), ..good.clone() },
        PackageAnswer { leaf: BASE64.encode(b"{}"), ..good.clone() },
        PackageAnswer { leaf: "=".into(), ..good.clone() },
        PackageAnswer { checkpoint: good.checkpoint.replacen("\n2\n", "\n3\n", 1), ..good.clone() },
    ];
    for answer in bad {
        assert_eq!(answer.accepted(&wanted, &log_key()).unwrap_err().code, "E-LOG-PROOF", "{answer:?}");
    }
}

#[test]
fn older_peers_and_newer_ones_understand_each_other() {
    let old = br#"{"sequence":1,"boot_id":"b","report":null}"#;
    let check_in: CheckIn = read_message(old).unwrap();
    assert_eq!((check_in.assigned.as_slice(), write_message(&check_in).unwrap().as_slice()), ([].as_slice(), old.as_slice()));
    let answer: CheckInAnswer = read_message(br#"{"next_seconds":60}"#).unwrap();
    assert_eq!(answer.assignments, None);
    let none: CheckInAnswer = read_message(br#"{"next_seconds":60,"assignments":[]}"#).unwrap();
    assert_eq!(none.assignments, Some(Vec::new()), "nothing may start any more");
    let many = CheckIn { assigned: vec!["ab".repeat(32); 17], ..check_in.clone() };
    assert_eq!(read_message::<CheckIn>(&write_message(&many).unwrap()).unwrap_err().code, "E-LIMIT");
    let odd = CheckIn { assigned: vec!["x".into()], ..check_in };
    assert_eq!(read_message::<CheckIn>(&write_message(&odd).unwrap()).unwrap_err().code, "E-FORMAT");
    let long = CheckInAnswer { assignments: Some(vec!["x".repeat(ASSIGNMENT_BYTES + 1)]), ..answer };
    assert_eq!(read_message::<CheckInAnswer>(&write_message(&long).unwrap()).unwrap_err().code, "E-LIMIT");
}

#[test]
fn an_outcome_is_about_its_own_attempt() {
    let (host, package) = (HostId::from_bits(5), "ab".repeat(32));
    let good = Outcome {
        host,
        attempt: attempt(&package, &host.to_string(), 1, 2),
        package,
        epoch: 1,
        generation: 2,
        state: State::Succeeded,
        observed: "2026-11-22T10:00:00Z".parse().unwrap(),
        boot_id: "b".into(),
        packages: Vec::new(),
        checks: Vec::new(),
        restarted: Vec::new(),
        stale_processes: Vec::new(),
        reboot_pending: false,
        effects: 1,
        log: "Setting up a (2) ...\n".into(),
        problem: None,
    };
    let read = |outcome: &Outcome| read_message::<Outcome>(&write_message(outcome).unwrap()).map_err(|problem| problem.code);
    assert_eq!(read(&good).unwrap(), good);
    for bad in [Outcome { generation: 3, ..good.clone() }, Outcome { host: HostId::from_bits(6), ..good.clone() }, Outcome { package: "x".into(), ..good.clone() }] {
        assert_eq!(read(&bad), Err("E-FORMAT".to_owned()));
    }
    assert_eq!(read(&Outcome { log: "x".repeat(300 << 10), ..good.clone() }), Err("E-LIMIT".to_owned()));
    assert_eq!(read(&Outcome { log: "a\u{1b}[31m".into(), ..good }), Err("E-LIMIT".to_owned()), "a log is escaped on the host");
}

#[test]
fn requests_name_digests() {
    assert!(read_message::<PackageRequest>(format!(r#"{{"digest":"{}"}}"#, "ab".repeat(32)).as_bytes()).is_ok());
    assert!(read_message::<PackageRequest>(br#"{"digest":"../x"}"#).is_err());
    assert!(read_message::<ArtefactRequest>(format!(r#"{{"sha256":"{}","offset":7}}"#, "ab".repeat(32)).as_bytes()).is_ok());
    assert!(read_message::<ArtefactRequest>(format!(r#"{{"sha256":"{}","offset":-1}}"#, "ab".repeat(32)).as_bytes()).is_err());
}
