//! The agent killed with signal 9 at every point of the conversation.

use crate::hub::Server;
use crate::hub::data::Behaviour::*;
use crate::stage::Stage;
use plimsoll_formats::protocol::*;

#[test]
fn killed_at_any_point_it_goes_on_as_the_same_host() {
    let (server, mut stage) = (Server::start(), Stage::new());
    for point in [KillFirst, Kill] {
        server.script(ENROL, &[point]);
        assert!(!stage.join(&server, &[]));
    }
    assert!(stage.join(&server, &[]), "{}", stage.log());
    let identity = server.hub().keys.clone();
    for path in [CHECK_IN, REPORT] {
        for point in [KillFirst, Kill] {
            server.script(path, &[point]);
            stage.start(&server);
            stage.wait();
        }
    }
    stage.start(&server);
    let before = server.hub().check_ins.len();
    server.until("a quiet check-in", |hub| hub.current.is_some() && hub.check_ins.len() > before + 1);
    let changed = stage.see(&["bash", "dash", "sed", "zlib"]);
    for point in [KillFirst, Kill] {
        server.script(REPORT_DELTA, &[point]);
        stage.wait();
        stage.start(&server);
        if point == KillFirst {
            continue;
        }
        server.until("the change", |hub| hub.current.as_ref() == Some(&changed));
    }
    assert_eq!(server.hub().keys, identity);
    assert_eq!(stage.log().matches("E-REPLAY").count(), 0, "{}", stage.log());
}

#[test]
fn a_change_of_key_survives_the_kill_on_either_side_of_it() {
    let (server, mut stage) = (Server::start(), Stage::new());
    assert!(stage.join(&server, &[]));
    let first = server.hub().keys.clone();
    server.hub().rotate = true;
    server.script(ROTATE, &[KillFirst, Kill]);
    stage.start(&server);
    stage.wait();
    assert_eq!(server.hub().keys, first);
    stage.start(&server);
    stage.wait();
    let second = server.hub().keys.clone();
    assert_ne!(second, first, "the server has the new key, the agent does not know");
    stage.start(&server);
    let before = server.hub().check_ins.len();
    server.until("check-ins with the new key", |hub| hub.check_ins.len() > before + 1);
    assert_eq!(server.hub().keys, second);
    assert!(!stage.path("state/key.next").exists());
    stage.kill();
    stage.start(&server);
    let before = server.hub().check_ins.len();
    server.until("it holds after a restart", |hub| hub.check_ins.len() > before);
}
