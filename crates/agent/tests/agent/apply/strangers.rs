//! Who may ask the helper, and what it bears.

use super::deal::*;
use super::ground::{Ground, possible};
use plimsoll_core::model::deployment_package::*;
use plimsoll_core::model::outcome::State;
use serde_json::json;
use std::io::Write;
use std::process::Stdio;

const TOOLS: [&str; 3] = ["apt-get", "dpkg", "dpkg-deb"];

/// Sends each frame of its input over a connection of its own, as a user, and
/// says which were answered; frames come as lines of hexadecimal digits.
const CALLER: &str = "
import array, os, socket, sys
user = int(sys.argv[1])
frames = [bytes.fromhex(line) for line in sys.stdin.read().split()]
if user: os.setgroups([]); os.setgid(user); os.setuid(user)
for number, frame in enumerate(frames):
    link = socket.socket(socket.AF_UNIX); link.settimeout(60); link.connect('/exchange/helper.sock')
    try:
        # Every third brings an open file along.
        rights = [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array('i', [0]))] if number % 3 == 0 else []
        link.sendmsg([frame], rights)
        link.shutdown(socket.SHUT_WR)
        answer = b''.join(iter(lambda: link.recv(65536), b''))
    except (BrokenPipeError, ConnectionResetError): answer = b''
    if answer: print(number, answer[4:].decode())
    link.close()
";

fn call(ground: &Ground, user: u32, frames: &[Vec<u8>]) -> Vec<String> {
    let mut caller = ground.command("/usr/bin/python3").args(["-c", CALLER, &user.to_string()]).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    let lines: Vec<String> = frames.iter().map(|frame| plimsoll_formats::protocol::encode_hex(frame)).collect();
    caller.stdin.take().unwrap().write_all(lines.join("\n").as_bytes()).unwrap();
    let said = caller.wait_with_output().unwrap();
    assert!(said.status.success(), "{}", ground.log());
    String::from_utf8(said.stdout).unwrap().lines().map(str::to_owned).collect()
}

fn frame(bytes: &[u8]) -> Vec<u8> {
    [&(bytes.len() as u32).to_be_bytes(), bytes].concat()
}

#[test]
fn strangers_are_not_answered_and_garbage_moves_nothing() {
    if !possible(&TOOLS) {
        return;
    }
    let mut ground = Ground::new();
    let deb = |version| Deb { name: "alpha", version, ..Deb::default() }.build(&ground);
    let (one, two) = (deb("1"), deb("2"));
    ground.install(&[&one]);
    ground.join();
    // Also where the socket's own mode would let anybody in.
    ground.shell("chmod 777 /exchange/helper.sock; chmod 755 /exchange");
    let deal = deal(package(debian(), plan(Tool::Apt, vec![two], vec![one])));
    let attempt = ground.hand_over(&deal);
    let verbs = [
        json!({"verb": "observe"}),
        json!({"verb": "inventory", "languages": false, "booted": null, "problems": []}),
        json!({"verb": "receive", "assignment": deal.assignment, "package": deal.package}),
        json!({"verb": "stage", "sha256": "ab".repeat(32), "path": "artefacts/x"}),
        json!({"verb": "proceed", "attempt": attempt}),
        json!({"verb": "attempts"}),
        json!({"verb": "acknowledge", "attempt": attempt, "observed": "2026-01-01T00:00:00Z"}),
    ];
    let (helper, journal) = (ground.helper_pid(), ground.journal());
    let asked: Vec<Vec<u8>> = verbs.iter().map(|verb| frame(verb.to_string().as_bytes())).collect();
    assert_eq!(call(&ground, 65534, &asked), Vec::<String>::new());
    assert_eq!(ground.log().matches("E-PEER").count(), verbs.len(), "{}", ground.log());

    // Whoever may ask, and speaks no sense.
    let mut odd = vec![
        Vec::new(),
        vec![0; 3],
        vec![0xff; 4],
        frame(b""),
        frame(&b"[".repeat(200_000)),
        frame(&br#"{"verb":"#.repeat(20_000)),
        frame(br#"{"verb":"reboot"}"#),
        frame(br#"{"verb":"observe","more":1}"#),
        frame(br#"{"verb":"stage","sha256":"x","path":"../../etc/shadow"}"#),
        frame(br#"{"verb":"proceed","attempt":"../journal"}"#),
        frame("{\"verb\":\"proceed\",\"attempt\":\"\u{0}\u{202e}\"}".as_bytes()),
    ];
    let mut dice = 7u64;
    for length in 0..120usize {
        let noise = (0..length * 3).map(|_| {
            dice = dice.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            (dice >> 56) as u8
        });
        let noise: Vec<u8> = noise.collect();
        odd.push(if length % 2 == 0 { frame(&noise) } else { noise });
    }
    for answered in call(&ground, 0, &odd) {
        assert!(answered.contains("\"problem\"") && !answered.contains("root:"), "{answered}");
    }
    assert_eq!((ground.helper_pid(), ground.journal()), (helper, journal), "{}", ground.log());
    assert_eq!(ground.dpkg(), ["alpha 1 ii"]);
    assert_eq!(ground.finish(&attempt).state, State::Succeeded);
}
