//! Roots, tokens, and the evidence log's history.

use crate::hub::{Server, note};
use crate::stage::Stage;
use plimsoll_formats::protocol::*;
use sha2::{Digest, Sha256};

#[test]
fn another_root_than_the_pinned_one_and_a_used_token_are_refused() {
    let (server, stage) = (Server::start(), Stage::new());
    server.hub().root = Some("{\"root\": 1}".to_owned());
    assert!(!stage.join(&server, &["--root-digest", &digest(b"{\"root\": 2}")]));
    assert!(stage.log().contains("E-ROOT"), "{}", stage.log());
    assert!(!stage.path("state/host.json").exists());
    assert!(stage.join(&server, &["--root-digest", &digest(b"{\"root\": 1}")]));
    assert_eq!(std::fs::read(stage.path("state/root.json")).unwrap(), b"{\"root\": 1}");
    // The token is used: another host with another key is refused.
    let other = Stage::new();
    assert!(!other.join(&server, &[]));
    assert!(other.log().contains("E-TOKEN"), "{}", other.log());
}

fn leaf(number: u8) -> [u8; 32] {
    Sha256::digest([number]).into()
}

fn parent(left: [u8; 32], right: [u8; 32]) -> [u8; 32] {
    Sha256::new().chain_update([1]).chain_update(left).chain_update(right).finalize().into()
}

#[test]
fn a_forked_log_raises_an_alarm_that_reaches_the_server_and_what_was_seen_is_kept() {
    let (server, mut stage) = (Server::start(), Stage::new());
    assert!(stage.join(&server, &[]));
    server.hub().note = Some((note(1, &leaf(1)), Vec::new()));
    stage.start(&server);
    let remembers = |size: u64, root: [u8; 32]| {
        let expected = Some(Remembered { size, root: encode_hex(&root) });
        move |hub: &crate::hub::data::Hub| hub.check_ins.last().is_some_and(|check_in| check_in.checkpoint == expected)
    };
    server.until("the first checkpoint", remembers(1, leaf(1)));
    let two = parent(leaf(1), leaf(2));
    server.hub().note = Some((note(2, &two), vec![encode_hex(&leaf(2))]));
    server.until("the second, with its proof", remembers(2, two));
    // History rewritten, signed with the right key.
    let forged = parent(parent(leaf(7), leaf(2)), leaf(3));
    server.hub().note = Some((note(3, &forged), vec![encode_hex(&leaf(3))]));
    let alarm = |hub: &crate::hub::data::Hub| {
        hub.check_ins.iter().any(|check_in| check_in.alarms.iter().any(|alarm| alarm.code == "E-LOG-FORK"))
    };
    server.until("the alarm", alarm);
    assert!(stage.log().contains("E-LOG-FORK"), "{}", stage.log());
    let before = server.hub().check_ins.len();
    server.until("the alarm is off its mind", |hub| hub.check_ins.len() > before + 1);
    // Killed and started again it still knows, and says it once more: whoever
    // answers now may be another than whom it told.
    stage.kill();
    let before = server.hub().check_ins.len();
    stage.start(&server);
    server.until("more check-ins", |hub| hub.check_ins.len() > before + 2);
    server.until("what it remembers", remembers(2, two));
    let told = server.hub().check_ins.iter().flat_map(|check_in| check_in.alarms.clone()).filter(|alarm| alarm.code == "E-LOG-FORK").count();
    assert_eq!(told, 2, "once by each process, and not at each check-in");
    // The honest history goes on from where it was.
    let three = parent(two, leaf(3));
    server.hub().note = Some((note(3, &three), vec![encode_hex(&leaf(3))]));
    server.until("the honest third", remembers(3, three));
}
