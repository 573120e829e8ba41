//! The whole way: the server hands out an assignment, the agent fetches, the
//! helper applies, the outcome comes back.

use super::deal::*;
use super::ground::{Ground, possible};
use crate::hub::{Server, base64, note};
use plimsoll_core::model::deployment_package::*;
use plimsoll_core::model::identifier::HostId;
use plimsoll_core::model::outcome::State;
use plimsoll_formats::protocol::{PackageAnswer, encode_hex};
use plimsoll_formats::trust::SignedPackage;
use sha2::{Digest, Sha256};
use std::fs::File;
use std::process::{Child, Command, Stdio};

const TOOLS: [&str; 3] = ["apt-get", "dpkg", "dpkg-deb"];

pub struct Running(pub Child);

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// What the evidence log says of a package, and the hash of that.
fn leaf(package: &SignedPackage) -> (String, [u8; 32]) {
    let leaf = format!(r#"{{"object":"package:{}","schema":"plimsoll-leaf/1"}}"#, package.digest());
    let hash = Sha256::new().chain_update([0]).chain_update(leaf.as_bytes()).finalize().into();
    (leaf, hash)
}

/// The evidence log has one leaf: the package was accepted.
pub fn logged(package: &SignedPackage) -> PackageAnswer {
    let (leaf, root) = leaf(package);
    PackageAnswer {
        package: String::from_utf8(package.bytes()).unwrap(),
        leaf: base64(leaf.as_bytes()),
        position: 0,
        size: 1,
        proof: Vec::new(),
        checkpoint: note(1, &root),
        consistency: Vec::new(),
    }
}

/// It has a second one now.
pub fn logged_after(first: &SignedPackage, package: &SignedPackage) -> PackageAnswer {
    let ((_, before), (leaf, hash)) = (leaf(first), leaf(package));
    let root: [u8; 32] = Sha256::new().chain_update([1]).chain_update(before).chain_update(hash).finalize().into();
    PackageAnswer {
        package: String::from_utf8(package.bytes()).unwrap(),
        leaf: base64(leaf.as_bytes()),
        position: 1,
        size: 2,
        proof: vec![encode_hex(&before)],
        checkpoint: note(2, &root),
        consistency: vec![encode_hex(&hash)],
    }
}

/// A joined agent beside a joined helper, and version 1 of a package.
pub fn stage(server: &Server) -> (Ground, StreamPlan) {
    let mut ground = Ground::new();
    let many = 300;
    let deb = |version| Deb { name: "alpha", version, many, ..Deb::default() }.build(&ground);
    let (one, two) = (deb("1"), deb("2"));
    ground.install(&[&one]);
    std::fs::rename(ground.path("agent/artefacts"), ground.path("depot")).unwrap();
    server.hub().root = Some(String::from_utf8(root().bytes().to_vec()).unwrap());
    server.hub().artefacts = Some(ground.path("depot"));
    let joined = agent(&ground, &["join", &server.address, "--token", "good", "--name", "web1", "--root-digest", &root().digest(), "--helper-state", "/var/lib/plimsoll-helper"]).wait().unwrap();
    assert!(joined.success());
    ground.start(&[]);
    (ground, plan(Tool::Apt, vec![two], vec![one]))
}

fn agent(ground: &Ground, more: &[&str]) -> Child {
    let (mut command, log) = agent_command(ground, more);
    command.stderr(log).stdout(Stdio::null()).spawn().unwrap()
}

/// The agent's command line, and the file that it says its words to.
pub fn agent_command(ground: &Ground, more: &[&str]) -> (Command, File) {
    std::fs::write(ground.path("agent.toml"), "languages = false\n").unwrap();
    let mut command = ground.command("/exchange/bin/plimsoll-agent");
    let log = std::fs::OpenOptions::new().create(true).append(true).open(ground.path("agent.log")).unwrap();
    command.args(["--state", "/exchange/agent", "--helper", "/exchange/helper.sock", "--settings", "/exchange/agent.toml"]).args(more);
    for name in ["HTTPS_PROXY", "HTTP_PROXY", "ALL_PROXY", "https_proxy", "http_proxy", "all_proxy"] {
        command.env_remove(name);
    }
    (command, log)
}

/// The hub's host is number 1 of client 2.
pub fn here(package: DeploymentPackage) -> (SignedPackage, String) {
    let host = HostId::from_bits(1);
    let tree = plimsoll_formats::trust::HostTree::new(vec![Place { host, ring: 0, window: None }]).unwrap();
    let signed = sign(DeploymentPackage { hosts: tree.list(), ..package }, &[2, 3]);
    let deal = assign(&signed, |said| {
        let (place, position, proof) = tree.prove(host).unwrap();
        (said.host, said.place, said.position, said.proof) = (host, place.clone(), position, proof);
    });
    (signed, deal.assignment)
}

#[test]
fn an_assignment_is_carried_through_and_its_outcome_comes_back() {
    if !possible(&TOOLS) {
        return;
    }
    let server = Server::start();
    let (ground, plan) = stage(&server);
    let (signed, assignment) = here(package(debian(), plan));
    let answer = logged(&signed);
    {
        let mut hub = server.hub();
        hub.packages.insert(signed.digest(), answer);
        hub.assignments = Some(vec![assignment.clone()]);
        // Every answer with an artefact ends early: the agent goes on from there.
        hub.cut_artefacts = Some(100_000);
    }
    let _agent = Running(agent(&ground, &["run"]));
    server.until("the artefacts' second part", |hub| hub.offsets.iter().any(|offset| *offset > 0));
    server.hub().cut_artefacts = None;
    server.until("the last word", |hub| hub.outcomes.iter().any(|outcome| outcome.state.is_terminal()));
    let last = server.hub().outcomes.iter().find(|outcome| outcome.state.is_terminal()).cloned().unwrap();
    assert_eq!((last.state, last.effects), (State::Succeeded, 1), "{last:?}");
    assert_eq!(ground.dpkg(), ["alpha 2 ii"]);
    let digest = plimsoll_formats::protocol::digest(assignment.as_bytes());
    server.until("a check-in that names it", |hub| hub.check_ins.last().is_some_and(|check_in| check_in.assigned == [digest.clone()]));
    server.hub().assignments = Some(Vec::new());
    server.until("a check-in without any", |hub| hub.check_ins.last().is_some_and(|check_in| check_in.assigned.is_empty()));
    let words = server.hub().outcomes.iter().filter(|outcome| outcome.state.is_terminal()).count();
    assert_eq!(words, 1, "once the server has it, it is not said again");
    assert_eq!(std::fs::read_dir(ground.path("agent")).unwrap().filter(|entry| entry.as_ref().unwrap().file_name().to_string_lossy().starts_with("package-")).count(), 0);
}

#[test]
fn a_package_that_the_log_does_not_show_is_not_handed_over() {
    if !possible(&TOOLS) {
        return;
    }
    let server = Server::start();
    let (ground, plan) = stage(&server);
    let (signed, assignment) = here(package(debian(), plan));
    let forged = PackageAnswer { leaf: base64(br#"{"object":"package:x","schema":"plimsoll-leaf/1"}"#), ..logged(&signed) };
    server.hub().packages.insert(signed.digest(), forged);
    server.hub().assignments = Some(vec![assignment]);
    let _agent = Running(agent(&ground, &["run"]));
    server.until("the alarm", |hub| hub.check_ins.iter().any(|check_in| check_in.alarms.iter().any(|alarm| alarm.code == "E-LOG-PROOF")));
    assert_eq!(ground.journal(), "", "the helper heard of nothing");
    assert_eq!(encode_hex(&[1]), "01");
    assert_eq!(ground.dpkg(), ["alpha 1 ii"]);
}

#[test]
fn a_server_that_is_gone_changes_nothing_of_what_was_handed_out() {
    if !possible(&TOOLS) {
        return;
    }
    let server = Server::start();
    let (ground, plan) = stage(&server);
    let ring = Ring { name: "canary".into(), opens: from_now(12), soak_seconds: 60, success_per_mille: 1000, failures: 0 };
    let (signed, assignment) = here(DeploymentPackage { rings: vec![ring], ..package(debian(), plan) });
    let answer = logged(&signed);
    server.hub().packages.insert(signed.digest(), answer);
    server.hub().assignments = Some(vec![assignment]);
    let agent = Running(agent(&ground, &["run"]));
    server.until("it is staged and waits", |hub| hub.outcomes.iter().any(|outcome| outcome.state == State::Staged));
    // From here on every request fails.
    for path in [plimsoll_formats::protocol::CHECK_IN, plimsoll_formats::protocol::OUTCOME] {
        server.script(path, &[crate::hub::data::Behaviour::Busy(1); 4]);
    }
    server.until("its outcome, when the server is back", |hub| hub.outcomes.iter().any(|outcome| outcome.state == State::Succeeded));
    assert_eq!(ground.dpkg(), ["alpha 2 ii"]);
    drop(agent);
}
