use super::*;
use ed25519_dalek::{Signer, SigningKey};
use jiff::Timestamp;
use plimsoll_core::model::component::Component;
use plimsoll_core::model::host::{Host, RebootPending, Repository};
use plimsoll_core::model::problem::Problem;
use plimsoll_core::model::report::{OfferedPackage, Report};
use plimsoll_core::model::update::Update;
use proptest::prelude::*;

fn component(name: &str, version: &str) -> Component {
    Component { name: name.into(), version: version.into(), purl: format!("pkg:deb/debian/{name}@{version}"), ..Component::default() }
}

fn report(components: Vec<Component>) -> Report {
    Report {
        schema: Report::SCHEMA.into(),
        agent: "plimsoll-agent 0.1.0".into(),
        host: Host { name: "web1".into(), ..Host::default() },
        components,
        updates: Some(vec![Update { package: "openssl".into(), candidate: "3.0.22".into(), ..Update::default() }]),
        held_updates: Vec::new(),
        offered: vec![OfferedPackage {
            package: "openssl".into(),
            arch: "amd64".into(),
            version: "3.0.22".into(),
            source_version: None,
            origin: "Debian-Security:12".into(),
        }],
        problems: Vec::new(),
    }
}

fn sent(report: &Report) -> Vec<u8> {
    zstd::stream::encode_all(serde_json::to_vec(report).unwrap().as_slice(), 1).unwrap()
}

fn refused(report: &Report) -> (String, String) {
    let problem = read_report("host web1", &sent(report)).unwrap_err();
    assert_eq!(problem.place, "host web1");
    (problem.code, problem.text)
}

fn is(code: &str, text: &str) -> (String, String) {
    (code.to_owned(), text.to_owned())
}

#[test]
fn the_same_facts_in_any_order_give_the_same_bytes_which_read_back() {
    let one = canonical(report(vec![component("zlib", "1"), component("bash", "5"), component("bash", "4")])).unwrap();
    let other = canonical(report(vec![component("bash", "4"), component("zlib", "1"), component("bash", "5")])).unwrap();
    assert_eq!(one, other);
    let read = read_report("host", &compress("host", &one.bytes).unwrap()).unwrap();
    assert_eq!(read, one);
    insta::assert_snapshot!(String::from_utf8(one.bytes).unwrap(), @r#"{"schema":"plimsoll-report/1","agent":"plimsoll-agent 0.1.0","host":{"name":"web1","target":"host","os":null,"kernel":null,"reboot":null,"repositories":[]},"components":[{"purl":"pkg:deb/debian/bash@4","stream":null,"name":"bash","version":"4","kind":"package"},{"purl":"pkg:deb/debian/bash@5","stream":null,"name":"bash","version":"5","kind":"package"},{"purl":"pkg:deb/debian/zlib@1","stream":null,"name":"zlib","version":"1","kind":"package"}],"updates":[{"package":"openssl","arch":"","installed":null,"candidate":"3.0.22","security":false,"origin":"","new":false,"reboot":false,"advisories":[],"obligations":[],"due":null,"because":[]}],"offered":[{"package":"openssl","arch":"amd64","version":"3.0.22","origin":"Debian-Security:12"}],"problems":[]}"#);
}

#[test]
fn what_a_reader_would_refuse_is_mended_and_named_at_the_source() {
    let mut odd = report(vec![component("evil\n\u{1b}[31m\u{202e}", "1"), component("\"q\\", "1"), component(&"x".repeat(9000), "1"), component("", "1")]);
    odd.host.repositories.push(Repository {
        id: "mirror".into(),
        date: Some("9999-01-01T00:00:00Z".parse().unwrap()),
        ..Repository::default()
    });
    odd.host.reboot = Some(RebootPending { booted: Some(Timestamp::MIN), ..RebootPending::default() });
    let made = canonical(odd).unwrap();
    let read = read_report_bytes("host", made.bytes.clone()).unwrap();
    assert_eq!(read, made);
    assert_eq!(canonical(read.report.clone()).unwrap().bytes, made.bytes);
    let names: Vec<String> = read.report.components.iter().map(|component| component.name.chars().take(30).collect()).collect();
    assert_eq!(names, ["\"q\\", "evil\\u{a}\\u{1b}[31m\\u{202e}", &"x".repeat(30)]);
    assert!(read.report.components.iter().all(|component| component.name.len() <= Limits::REPORT.string));
    let problems: Vec<&str> = read.report.problems.iter().map(|problem| problem.text.as_str()).collect();
    assert_eq!(
        problems,
        [
            "has 1 components without a name, the limit is 0; the rest is left out",
            "is dated 9999-01-01T00:00:00Z, which is left out: allowed are the years 1970 to 2199",
        ]
    );
}

#[test]
fn a_hostile_report_is_refused_with_one_clear_problem() {
    let many = |number: usize| report((0..number).map(|index| component(&format!("p{index:06}"), "1")).collect());
    assert_eq!(refused(&many(500_000)).0, "E-LIMIT");
    let (code, text) = refused(&many(100_001));
    assert_eq!((code.as_str(), text.starts_with("has a list of more than 100000 entries")), ("E-LIMIT", true), "{text}");
    assert!(read_report("host", &sent(&many(100_000))).is_ok());

    let markup = report(vec![component("'; DROP TABLE hosts; --", "1"), component("<script>alert(1)</script>", "1")]);
    assert!(read_report("host", &sent(&markup)).is_ok(), "text stays text");
    let (code, text) = refused(&report(vec![component("a\nb", "1")]));
    assert_eq!((code.as_str(), text.starts_with("has the control character \\u{a} in \"pkg:deb/debian/a\\u{a}b@1\"")), ("E-LIMIT", true), "{text}");

    let mut late = report(Vec::new());
    late.host.repositories.push(Repository { id: "x".into(), date: Some("9999-01-01T00:00:00Z".parse().unwrap()), ..Repository::default() });
    assert_eq!(refused(&late), is("E-REPORT", "dates x 9999-01-01T00:00:00Z, allowed are the years 1970 to 2199"));

    let mut judged = report(Vec::new());
    judged.updates.as_mut().unwrap()[0].advisories.push("DSA-1".into());
    assert_eq!(refused(&judged), is("E-REPORT", "carries a verdict about the update of openssl, which only the server may give"));

    let mut other = report(Vec::new());
    other.schema = "plimsoll-report/2".into();
    assert_eq!(refused(&other), is("E-REPORT", "has the schema \"plimsoll-report/2\", expected is \"plimsoll-report/1\""));
    let unsorted = report(vec![component("b", "1"), component("a", "1")]);
    assert_eq!(refused(&unsorted), is("E-REPORT", "has components that are not sorted by name, architecture and version"));
    let mut wordy = report(Vec::new());
    wordy.host.name = "x".repeat(5000);
    assert_eq!(refused(&wordy).0, "E-LIMIT");
}

#[test]
fn bombs_and_odd_bytes_are_refused_before_they_cost_anything() {
    let bomb = zstd::stream::encode_all(std::io::repeat(b' ').take(200 << 20), 1).unwrap();
    let problem = read_report("host", &bomb).unwrap_err();
    assert_eq!((problem.code.as_str(), problem.text.as_str()), ("E-LIMIT", "holds more than 67108864 bytes after decompression, which is the limit"));
    let large = vec![0; 200 << 20];
    assert_eq!(read_report("host", &large).unwrap_err().text, "has 209715200 bytes compressed, the limit is 8388608");
    // A frame header that asks for a window of 128 MiB.
    let window = [0x28, 0xb5, 0x2f, 0xfd, 0x00, 0x88, 0x01, 0x00, 0x00];
    assert_eq!(read_report("host", &window).unwrap_err().code, "E-FORMAT");
    let deep = zstd::stream::encode_all("[".repeat(100_000).as_bytes(), 1).unwrap();
    assert!(read_report("host", &deep).unwrap_err().text.starts_with("is nested deeper than 12 levels"));
    // Empty strings are cheap to send and dear to keep.
    let strings = format!("[{}]", vec![format!("[{}]", vec!["\"\""; 99_999].join(",")); 40].join(","));
    let strings = zstd::stream::encode_all(strings.as_bytes(), 1).unwrap();
    assert!(read_report("host", &strings).unwrap_err().text.starts_with("has more than 3000000 values"));
    let whole = sent(&report(vec![component("bash", "5")]));
    for length in 0..whole.len() {
        assert!(read_report("host", &whole[..length]).is_err());
    }
}

#[test]
fn a_delta_leads_from_one_report_to_the_other_and_nowhere_else() {
    let base = canonical(report(vec![component("bash", "5"), component("openssl", "3.0.20"), component("zlib", "1")])).unwrap();
    let mut changed = report(vec![component("bash", "5"), component("openssl", "3.0.22"), component("new", "1"), component("zlib", "1")]);
    changed.updates = None;
    changed.problems.push(Problem::new("W-X", "apt", "is late", "wait"));
    let result = canonical(changed).unwrap();
    let delta = make_delta(&base, &result);
    assert_eq!((delta.removed.as_slice(), delta.added.len(), &delta.updates, &delta.host), ([1].as_slice(), 2, &Some(None), &None));
    let wire = compress("delta", &serde_json::to_vec(&delta).unwrap()).unwrap();
    let read = read_delta("delta", &wire).unwrap();
    assert_eq!(read, delta);
    assert_eq!(apply_delta(&base.report, &base.digest, read).unwrap(), result);

    let code = |delta: Delta| apply_delta(&base.report, &base.digest, delta).unwrap_err().code;
    assert_eq!(code(Delta { base: digest(b"other"), ..delta.clone() }), "E-BASE");
    assert_eq!(code(Delta { result: digest(b"other"), ..delta.clone() }), "E-BASE");
    assert_eq!(code(Delta { removed: vec![3], ..delta.clone() }), "E-BASE");
    assert_eq!(code(Delta { removed: vec![0], ..delta.clone() }), "E-BASE");
    let back = compress("delta", &serde_json::to_vec(&Delta { removed: vec![1, 1], ..delta }).unwrap()).unwrap();
    assert_eq!(read_delta("delta", &back).unwrap_err().code, "E-REPORT");
}

proptest! {
    #[test]
    fn any_two_reports_have_a_delta(old in proptest::collection::vec("[a-c]{1,2}", 0..12), new in proptest::collection::vec("[a-c\n\"]{1,2}", 0..12)) {
        let make = |names: Vec<String>| canonical(report(names.iter().map(|name| component(name, "1")).collect())).unwrap();
        let (base, result) = (make(old), make(new));
        prop_assert_eq!(apply_delta(&base.report, &base.digest, make_delta(&base, &result)).unwrap(), result);
    }
}

#[test]
fn a_signature_covers_every_field_and_weak_keys_are_none() {
    let key = SigningKey::from_bytes(&[7; 32]);
    let public = encode_hex(key.verifying_key().as_bytes());
    let body = digest(b"{}");
    let request = SignedRequest { method: "POST", path: CHECK_IN, host: "h", date: "2026-11-22T04:00:00Z", sequence: 9, digest: &body };
    let signature = sign(&key, &request);
    assert_eq!(verify(&public, &request, &signature), Ok(()));
    let other = digest(b"[]");
    let changed = [
        SignedRequest { method: "GET", ..request },
        SignedRequest { path: REPORT, ..request },
        SignedRequest { host: "i", ..request },
        SignedRequest { date: "2026-11-22T04:00:01Z", ..request },
        SignedRequest { sequence: 10, ..request },
        SignedRequest { digest: &other, ..request },
    ];
    for request in changed {
        assert_eq!(verify(&public, &request, &signature).unwrap_err().code, "E-SIGNATURE");
    }
    let stranger = encode_hex(SigningKey::from_bytes(&[8; 32]).verifying_key().as_bytes());
    assert!(verify(&stranger, &request, &signature).is_err());
    assert!(verify(&signature, &request, &signature).is_err());
    assert!(verify(&public, &request, &signature.to_uppercase()).is_err());
    // The identity point signs everything.
    let weak = format!("01{}", "0".repeat(62));
    assert!(verify(&weak, &request, &format!("01{}", "0".repeat(126))).is_err());
    let broken = SignedRequest { path: "/a\nb", ..request };
    assert!(verify(&public, &broken, &sign(&key, &broken)).is_err());
}

#[test]
fn the_clock_and_a_change_of_key_are_checked() {
    let now: Timestamp = "2026-11-22T04:00:00Z".parse().unwrap();
    assert_eq!(check_clock("2026-11-22T04:05:00Z", now), Ok(()));
    let problem = check_clock("2026-11-22T03:54:59Z", now).unwrap_err();
    assert_eq!((problem.code.as_str(), problem.text.as_str()), ("E-CLOCK", "is dated 301 s behind the server's clock, the limit is 300 s"));
    assert_eq!(check_clock("9999-99-99", now).unwrap_err().code, "E-CLOCK");

    let (old, new) = (SigningKey::from_bytes(&[7; 32]), SigningKey::from_bytes(&[8; 32]));
    let old_public = encode_hex(old.verifying_key().as_bytes());
    let rotate = Rotate { new_public_key: encode_hex(new.verifying_key().as_bytes()), new_signature: sign_rotation(&new, "h", &old_public) };
    assert_eq!(verify_rotation("h", &old_public, &rotate), Ok(()));
    assert!(verify_rotation("i", &old_public, &rotate).is_err());
    let stolen = Rotate { new_signature: sign_rotation(&old, "h", &old_public), ..rotate };
    assert!(verify_rotation("h", &old_public, &stolen).is_err());
}

#[test]
fn messages_are_read_within_bounds() {
    let good = Enrol {
        token: "t".into(),
        name: "web1".into(),
        public_key: "00".repeat(32),
        machine_id_digest: String::new(),
        hardware_digest: digest(b"x"),
        boot_id: "b".into(),
        agent: "plimsoll-agent 0.1.0".into(),
        protocol: VERSION,
        root_digest: None,
    };
    let bytes = write_message(&good).unwrap();
    assert_eq!(read_message::<Enrol>(&bytes).unwrap(), good);
    let bad = [
        Enrol { name: " ".into(), ..good.clone() },
        Enrol { name: "a\nb".into(), ..good.clone() },
        Enrol { name: "a\u{1b}b".into(), ..good.clone() },
        Enrol { name: "x".repeat(254), ..good.clone() },
        Enrol { public_key: "0g".repeat(32), ..good.clone() },
        Enrol { token: String::new(), ..good },
    ];
    for message in bad {
        assert!(read_message::<Enrol>(&write_message(&message).unwrap()).is_err(), "{message:?}");
    }
    assert!(read_message::<CheckIn>(br#"{"sequence":1,"boot_id":"b","report":null,"more":1}"#).is_err());
    assert!(read_message::<CheckIn>(br#"{"sequence":1,"boot_id":"b","report":null}"#).is_ok());
    assert!(read_message::<CheckInAnswer>(br#"{"next_seconds":0}"#).is_err());
    assert!(read_message::<CheckInAnswer>(br#"{"next_seconds":60,"something_new":1}"#).is_ok(), "an older agent reads a newer server");
    let refusal = Refusal::read(502, b"<html>Bad Gateway</html>");
    assert_eq!((refusal.code.as_str(), refusal.status), ("E-HTTP", 502));
    let mine = Refusal::new(409, "Conflict", &Problem::new("E-BASE", "delta", "is old", "send it whole"));
    assert_eq!(Refusal::read(409, &serde_json::to_vec(&mine).unwrap()), mine);
}

/// A log in the plainest way: the tree hash by its definition.
fn tree(leaves: &[[u8; 32]]) -> [u8; 32] {
    use sha2::{Digest, Sha256};
    match leaves {
        [] => Sha256::digest([]).into(),
        [leaf] => *leaf,
        leaves => {
            let (left, right) = leaves.split_at(leaves.len().next_power_of_two() / 2);
            Sha256::new().chain_update([1]).chain_update(tree(left)).chain_update(tree(right)).finalize().into()
        }
    }
}

/// RFC 6962, 2.1.2.
fn proof(first: usize, leaves: &[[u8; 32]], whole: bool) -> Vec<[u8; 32]> {
    if first == leaves.len() {
        return if whole { Vec::new() } else { vec![tree(leaves)] };
    }
    let half = leaves.len().next_power_of_two() / 2;
    let (left, right) = leaves.split_at(half);
    let (mut path, last) =
        if first <= half { (proof(first, left, whole), tree(right)) } else { (proof(first - half, right, false), tree(left)) };
    path.push(last);
    path
}

#[test]
fn checkpoints_must_be_signed_and_continue_what_is_remembered() {
    use data_encoding::BASE64;
    use sha2::{Digest, Sha256};
    let key = SigningKey::from_bytes(&[9; 32]);
    let mut encoded = vec![1u8];
    encoded.extend(key.verifying_key().as_bytes());
    let id: [u8; 32] = Sha256::new().chain_update("log.example\n").chain_update(&encoded).finalize().into();
    let text = format!("log.example+{}+{}", encode_hex(&id[..4]), BASE64.encode(&encoded));
    let log = LogKey::read(&text).unwrap();
    assert!(LogKey::read(&text.replace("log.example", "log.exemple")).is_err());
    let note = |size: usize, root: [u8; 32]| {
        let body = format!("log.example\n{size}\n{}\n", BASE64.encode(&root));
        let signature = [&id[..4], &key.sign(body.as_bytes()).to_bytes()[..]].concat();
        format!("{body}\n\u{2014} log.example {}\n", BASE64.encode(&signature))
    };
    let leaves: Vec<[u8; 32]> = (0u8..40).map(|byte| Sha256::digest([byte]).into()).collect();
    for second in 1..leaves.len() {
        let new = Checkpoint::read(&note(second, tree(&leaves[..second])), &log).unwrap();
        for first in 1..=second {
            let old = Remembered { size: first as u64, root: encode_hex(&tree(&leaves[..first])) };
            let mut path: Vec<String> = proof(first, &leaves[..second], true).iter().map(|hash| encode_hex(hash)).collect();
            assert_eq!(consistent(&old, &new, &path), Ok(()), "{first} {second}");
            let forked = Remembered { root: encode_hex(&tree(&leaves[1..=first])), ..old.clone() };
            assert_eq!(consistent(&forked, &new, &path).unwrap_err().code, "E-LOG-FORK", "{first} {second}");
            if first < second {
                path.pop();
                assert!(consistent(&old, &new, &path).is_err());
            }
        }
        let larger = Remembered { size: second as u64 + 1, root: encode_hex(&tree(&leaves[..=second])) };
        assert_eq!(consistent(&larger, &new, &[]).unwrap_err().code, "E-LOG-FORK");
    }
    let signed = note(3, tree(&leaves[..3]));
    for (from, to) in [("\n3\n", "\n4\n"), ("log.example\n", "log.other\n"), ("\u{2014} log.example", "\u{2014} log.other")] {
        assert_eq!(Checkpoint::read(&signed.replacen(from, to, 1), &log).unwrap_err().code, "E-LOG-PROOF", "{to}");
    }
    assert!(Checkpoint::read("", &log).is_err());
}

use std::io::Read;
