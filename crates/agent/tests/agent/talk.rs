//! The ordinary conversation, and what goes wrong on the way.

use crate::hub::Server;
use crate::hub::data::Behaviour::*;
use crate::stage::Stage;
use plimsoll_formats::protocol::*;
use std::time::Duration;

#[test]
fn a_report_goes_whole_once_then_as_deltas_and_silence_is_cheap() {
    let (server, mut stage) = (Server::start(), Stage::new());
    assert!(stage.join(&server, &[]));
    assert_eq!(server.hub().name, "web1");
    let first = stage.seen.lock().unwrap().digest.clone();
    stage.start(&server);
    server.until("the first report", |hub| hub.current.as_ref() == Some(&first));
    server.until("two quiet check-ins", |hub| hub.log.iter().filter(|(_, path, status)| path == CHECK_IN && *status == 204).count() >= 2);
    let second = stage.see(&["bash", "dash", "openssl", "zlib"]);
    server.until("the change", |hub| hub.current.as_ref() == Some(&second));
    // The server lost what it had: 409, and the whole comes.
    server.script(REPORT_DELTA, &[Forget]);
    let third = stage.see(&["bash", "dash", "openssl", "perl", "zlib"]);
    server.until("the whole after an unknown base", |hub| hub.current.as_ref() == Some(&third));
    let reports: Vec<(String, u16)> = server.paths().into_iter().filter(|(path, _)| path.starts_with(REPORT)).collect();
    let expected = [(REPORT, 200), (REPORT_DELTA, 200), (REPORT_DELTA, 409), (REPORT, 200)];
    assert_eq!(reports, expected.map(|(path, status)| (path.to_owned(), status)));
    // Only what is named is kept on the host.
    server.until("one more check-in", |hub| hub.log.last().is_some_and(|(_, path, status)| path == CHECK_IN && *status == 204));
    let kept: Vec<String> = std::fs::read_dir(stage.path("state"))
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .filter(|name| name.starts_with("report-"))
        .collect();
    assert_eq!(kept, [format!("report-{third}.zst")]);
}

#[test]
fn a_busy_server_is_left_alone_as_long_as_it_asks() {
    let (server, mut stage) = (Server::start(), Stage::new());
    server.script(ENROL, &[Busy(1)]);
    assert!(!stage.join(&server, &[]), "a person is told at once");
    assert!(stage.join(&server, &[]));
    server.script(CHECK_IN, &[Busy(4)]);
    stage.start(&server);
    server.until("an answer", |hub| hub.current.is_some());
    let hub = server.hub();
    let times: Vec<_> = hub.log.iter().filter(|(_, path, _)| path == CHECK_IN).map(|(time, ..)| *time).collect();
    assert!(times[1] - times[0] >= Duration::from_secs(4), "{:?}", times[1] - times[0]);
}

#[test]
fn answers_that_are_cut_cost_time_and_nothing_else() {
    let (server, mut stage) = (Server::start(), Stage::new());
    server.script(ENROL, &[Cut]);
    assert!(!stage.join(&server, &[]));
    let key = server.hub().keys.clone();
    assert!(stage.join(&server, &[]), "the same key and token are the same request\n{}", stage.log());
    assert_eq!(server.hub().keys, key);
    server.script(CHECK_IN, &[Cut]);
    server.script(REPORT, &[Cut]);
    stage.start(&server);
    server.until("quiet", |hub| hub.log.last().is_some_and(|(_, path, status)| path == CHECK_IN && *status == 204));
    assert_eq!(server.hub().current.as_ref(), Some(&stage.seen.lock().unwrap().digest));
}

#[test]
fn numbers_that_were_seen_are_passed_and_never_used_again() {
    let (server, mut stage) = (Server::start(), Stage::new());
    assert!(stage.join(&server, &[]));
    stage.start(&server);
    server.until("the report", |hub| hub.current.is_some());
    server.hub().newest += 1500;
    server.until("a refusal", |hub| hub.log.iter().any(|(_, path, status)| path == CHECK_IN && *status == 409));
    server.until("an answer", |hub| hub.log.last().is_some_and(|(_, path, status)| path == CHECK_IN && *status == 204));
    let sequences: Vec<u64> = server.hub().check_ins.iter().map(|check_in| check_in.sequence).collect();
    assert!(sequences.is_sorted_by(|left, right| left < right));
}

#[test]
fn a_full_disk_keeps_no_report_back() {
    let (server, mut stage) = (Server::start(), Stage::new());
    assert!(stage.join(&server, &[]));
    // Every write to a file fails from here on, as on a full disk.
    let agent = stage.command();
    let mut command = std::process::Command::new("sh");
    command.args(["-c", "trap '' XFSZ; ulimit -f 0; exec \"$0\" \"$@\""]).arg(agent.get_program()).args(agent.get_args()).arg("run");
    command.stderr(std::process::Stdio::piped());
    let mut child = command.spawn().unwrap();
    server.until("the report", |hub| hub.current.as_ref() == Some(&stage.seen.lock().unwrap().digest));
    server.until("the alarm", |hub| hub.check_ins.iter().any(|check_in| check_in.alarms.iter().any(|alarm| alarm.code == "E-STATE")));
    child.kill().unwrap();
    child.wait().unwrap();
    // There is room again: nothing was damaged.
    let fresh = stage.see(&["bash", "dash", "sed", "zlib"]);
    stage.start(&server);
    server.until("the next report", |hub| hub.current.as_ref() == Some(&fresh));
}

#[test]
fn the_helper_may_be_gone_and_the_server_hears_of_it() {
    let (server, mut stage) = (Server::start(), Stage::new());
    assert!(stage.join(&server, &[]));
    std::fs::remove_file(stage.path("helper.sock")).unwrap();
    stage.start(&server);
    server.until("the alarm", |hub| hub.check_ins.iter().any(|check_in| check_in.alarms.iter().any(|alarm| alarm.code == "E-HELPER")));
    server.until("it is told once", |hub| hub.check_ins.len() >= 3);
    assert_eq!(server.hub().check_ins.iter().flat_map(|check_in| &check_in.alarms).count(), 1);
}
