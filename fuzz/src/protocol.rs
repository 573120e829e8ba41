//! What agents send to a server and get back, and the keys people hold.

use plimsoll_core::model::component::Component;
use plimsoll_core::model::host::Host;
use plimsoll_core::model::report::Report;
use plimsoll_formats::protocol;
use plimsoll_formats::trust::{KeyFile, SignedPackage, SignedRoot};

/// Any bytes as a report, compressed and not; what is read must be canonical
/// enough to be written and read again.
pub fn report(data: &[u8]) {
    let _ = protocol::read_report("fuzz", data);
    if let Ok(read) = protocol::read_report_bytes("fuzz", data.to_vec()) {
        let made = protocol::canonical(read.report).expect("what was read is within limits");
        let again = protocol::read_report_bytes("fuzz", made.bytes.clone()).expect("what was made is readable");
        assert_eq!(made, again);
    }
}

/// Any bytes as a delta, applied to a small report.
pub fn delta(data: &[u8]) {
    let Ok(compressed) = protocol::compress("fuzz", data) else { return };
    let Ok(delta) = protocol::read_delta("fuzz", &compressed) else { return };
    let base = Report {
        schema: Report::SCHEMA.into(),
        agent: String::new(),
        host: Host::default(),
        components: vec![Component { name: "a".into(), ..Component::default() }],
        updates: None,
        held_updates: Vec::new(),
        offered: Vec::new(),
        problems: Vec::new(),
    };
    let digest = delta.base.clone();
    let _ = protocol::apply_delta(&base, &digest, delta);
}

/// Any bytes as each small message, a refusal, a checkpoint, a log key.
pub fn messages(data: &[u8]) {
    let _ = protocol::read_message::<protocol::Enrol>(data);
    let _ = protocol::read_message::<protocol::Enrolled>(data);
    let _ = protocol::read_message::<protocol::CheckIn>(data);
    let _ = protocol::read_message::<protocol::CheckInAnswer>(data);
    let _ = protocol::read_message::<protocol::ReportAnswer>(data);
    let _ = protocol::read_message::<protocol::Rotate>(data);
    let _ = protocol::Refusal::read(500, data);
    let Ok(text) = std::str::from_utf8(data) else { return };
    let _ = protocol::LogKey::read(text);
    let (key, note) = text.split_once('\0').unwrap_or((text, text));
    if let Ok(key) = protocol::LogKey::read(key) {
        let _ = protocol::Checkpoint::read(note, &key);
    }
}

/// Any bytes as a root document; one that is read must read again with the
/// same digest.
pub fn root(data: &[u8]) {
    if let Ok(root) = SignedRoot::read("fuzz", data) {
        assert_eq!(SignedRoot::read("fuzz", root.bytes()).expect("its own bytes").digest(), root.digest());
    }
}

/// Any bytes as a deployment package, which a host's root helper reads; one
/// that is read has no other spelling.
pub fn package(data: &[u8]) {
    if let Ok(package) = SignedPackage::read("fuzz", data) {
        assert_eq!(package.bytes(), data);
    }
}

/// Any bytes as a key file with an empty passphrase.
pub fn key_file(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    let _ = KeyFile::from_pem("fuzz", text, None);
}
