use super::*;
use crate::protocol::encode_hex;

fn key(seed: u8) -> KeyFile {
    KeyFile::from_seed(&[seed; 32])
}

fn expiry() -> Timestamp {
    "2027-11-22T00:00:00Z".parse().unwrap()
}

fn first(seeds: &[u8], threshold: usize) -> SignedRoot {
    let people: Vec<(String, KeyFile)> = seeds.iter().map(|seed| (format!("person-{seed}"), key(*seed))).collect();
    SignedRoot::first(&RootKeys { people: &people, threshold, online: key(99).public() }, expiry()).unwrap()
}

/// A version with `people`, signed by `signers`.
fn next(version: u64, people: &[u8], threshold: usize, signers: &[u8]) -> Vec<u8> {
    let mut next = first(people, threshold).root;
    next.version = version;
    let message = canonical(&next);
    let signatures = signers
        .iter()
        .map(|seed| Signature { keyid: named(key(*seed).public(), (*seed < 50).then(|| format!("person-{seed}")).as_deref()).0, sig: encode_hex(&key(*seed).sign(&message)) })
        .collect();
    canonical(&Envelope { signatures, signed: next })
}

#[test]
fn a_root_reads_back_with_the_same_digest() {
    let made = first(&[1, 2, 3], 2);
    let read = SignedRoot::read("root.json", made.bytes()).unwrap();
    assert_eq!((read.digest(), &read.root), (made.digest(), &made.root));
    assert_eq!(read.root.keys(Role::Targets).0.len(), 3);
    assert_eq!(read.root.keys(Role::Timestamp).0, vec![key(99).public()]);
}

#[test]
fn every_flipped_byte_is_refused() {
    let made = first(&[1, 2], 2);
    for place in 0..made.bytes().len() {
        let mut bytes = made.bytes().to_vec();
        bytes[place] ^= 1;
        assert!(SignedRoot::read("root.json", &bytes).is_err(), "byte {place}");
    }
}

#[test]
fn thresholds_count_distinct_known_keys() {
    let root = first(&[1, 2, 3], 2);
    let code = |signers: &[u8]| root.follow("root.json", &next(2, &[1, 2, 3], 2, signers)).map(|_| ()).map_err(|problem| problem.code);
    assert_eq!(code(&[1, 2]), Ok(()));
    assert_eq!(code(&[1]), Err("E-ROOT-SIG".to_owned()));
    assert_eq!(code(&[1, 1]), Err("E-ROOT-SIG".to_owned()), "one key twice counts once");
    assert_eq!(code(&[1, 99]), Err("E-ROOT-SIG".to_owned()), "the server's key is not the people's");
    assert_eq!(code(&[1, 50]), Err("E-ROOT-SIG".to_owned()), "an unknown key");
    assert_eq!(code(&[]), Err("E-ROOT-SIG".to_owned()));
}

#[test]
fn a_change_needs_old_and_new_keys_and_every_step() {
    let root = first(&[1, 2, 3], 2);
    let follow = |version, people: &[u8], signers: &[u8]| {
        root.follow("root.json", &next(version, people, 2, signers)).map(|next| next.root.version).map_err(|problem| problem.code)
    };
    assert_eq!(follow(2, &[4, 5], &[1, 2, 4, 5]), Ok(2));
    assert_eq!(follow(2, &[4, 5], &[4, 5]), Err("E-ROOT-SIG".to_owned()), "only the new keys");
    assert_eq!(follow(2, &[4, 5], &[1, 2]), Err("E-ROOT-SIG".to_owned()), "only the old keys");
    assert_eq!(follow(3, &[1, 2], &[1, 2]), Err("E-ROOT-GAP".to_owned()));
    assert_eq!(follow(1, &[1, 2], &[1, 2]), Err("E-ROLLBACK".to_owned()));
}

#[test]
fn hostile_documents_are_refused() {
    let good = first(&[1, 2], 2);
    let text = String::from_utf8(good.bytes().to_vec()).unwrap();
    let one = named(key(1).public(), Some("person-1")).0;
    let cases = [
        text.replace("\"threshold\":2", "\"threshold\":0"),
        text.replace("\"threshold\":2", "\"threshold\":3"),
        text.replace(&one, &"0".repeat(64)),
        text.replace("\"_type\":\"root\"", "\"_type\":\"targets\""),
        text.replace("\"version\":1", "\"version\":1.0"),
        text.replace("\"version\":1", "\"version\":0"),
        text.replace("\"version\":1", "\"version\":1,\"version\":1"),
        text.replace("\"version\":1", "\"version\":1,\"extra\":1"),
        format!("{text}{{}}"),
        "[".repeat(10_000),
        " ".repeat(LIMIT + 1),
        String::new(),
    ];
    for case in cases {
        let problem = SignedRoot::read("root.json", case.as_bytes()).err().unwrap();
        assert!(problem.code.starts_with("E-ROOT-"), "{problem:?}");
    }
}

#[test]
fn a_threshold_that_cannot_be_met_is_refused() {
    let people = [("anna".to_owned(), key(1)), ("anna".to_owned(), key(1))];
    for (people, threshold) in [(&people[..1], 2), (&people[..], 2), (&people[..0], 1), (&people[..1], 0)] {
        let keys = RootKeys { people, threshold, online: key(99).public() };
        assert_eq!(SignedRoot::first(&keys, expiry()).err().unwrap().code, "E-ROOT-FORMAT");
    }
}
