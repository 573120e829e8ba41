//! The agent, the helper, its launcher, the runner and the package manager,
//! each killed at its N-th write, fsync, rename or send, for N = 1, 2, 3 … until a run
//! ends unharmed.
//!
//! `PLIMSOLL_KILLS=all` walks every N; else so many of each (by default 3) are
//! drawn, one from each of as many equal parts, by `PLIMSOLL_KILLS_SEED`.

use super::carried::{Running, agent_command, here, logged, stage};
use super::deal::*;
use super::ground::{Ground, possible};
use super::tracer::{self, Count, Role, drawn};
use crate::hub::Server;
use plimsoll_core::model::deployment_package::*;
use plimsoll_core::model::outcome::{Outcome, State};
use serde_json::json;
use std::collections::BTreeMap;
use std::process::Stdio;
use std::time::{Duration, Instant};

const TOOLS: [&str; 3] = ["apt-get", "dpkg", "dpkg-deb"];

fn does(words: &[String], verb: &str) -> bool {
    words.first().is_some_and(|program| program.ends_with("plimsoll-helper")) && words.get(1).is_some_and(|word| word == verb)
}

fn is_manager(words: &[String]) -> bool {
    words.first().is_some_and(|program| ["apt-get", "dpkg"].contains(&program.rsplit('/').next().unwrap_or_default()))
}

/// What a host holds at the end of a walk, whoever died on the way.
struct End {
    outcome: Outcome,
    count: Count,
    runs: usize,
}

struct Walk {
    role: Role,
    at: u32,
    /// Killing it is noticed by whoever started it, as systemd would notice.
    restarted: bool,
}

impl Walk {
    /// One host, one change, one death.
    fn run(&self) -> End {
        let mut ground = Ground::new();
        let script = [("postinst", "echo ran >> /exchange/runs")];
        let deb = |name, version, scripts| Deb { name, version, scripts, many: 3, ..Deb::default() }.build(&ground);
        let (one, two) = (deb("alpha", "1", &[]), deb("alpha", "2", &script));
        let (first, second) = (deb("beta", "1", &[]), deb("beta", "2", &[]));
        ground.install(&[&one, &first]);
        ground.shell("apt-mark auto beta >/dev/null");
        ground.join();
        ground.kill_helper();
        let deal = deal(package(debian(), plan(Tool::Apt, vec![two, second], vec![one, first])));
        let (role, at) = (self.role, self.at);
        let mut count = Count::default();
        ground.start_by(&[], |command, log| {
            let (child, counted) = tracer::start(&command, Stdio::null(), log.into(), role, at);
            count = counted;
            child
        });
        let mut mended = false;
        let outcome = self.last(&mut ground, &deal, &count, &mut mended);
        // Asked once more, it says the same and does nothing.
        let again = self.last(&mut ground, &deal, &count, &mut mended);
        let what = format!("killed at {:?}: {outcome:?}", count.killed());
        assert_eq!((again.state, again.effects), (outcome.state, outcome.effects), "{what}, then {again:?}");
        assert_eq!(ground.dpkg(), ["alpha 2 ii", "beta 2 ii"], "{what}");
        assert_eq!(ground.shell("dpkg --audit; find /opt -name '*.dpkg-*' | wc -l; cat /opt/*/many/*; echo; apt-mark showauto"), "0\n222222\nbeta", "{what}");
        assert!(outcome.effects >= 1, "{what}");
        assert!(!ground.log().contains("E-JOURNAL"), "{what}: {}", ground.log());
        let runs = std::fs::read_to_string(ground.path("runs")).unwrap_or_default().lines().count();
        End { outcome, count, runs }
    }

    /// Asks for the next step until the last word, and starts again whoever died.
    fn last(&self, ground: &mut Ground, deal: &Deal, count: &Count, mended: &mut bool) -> Outcome {
        let start = Instant::now();
        loop {
            if !*mended && (count.killed().is_some() && self.restarted || ground.helper_ended()) {
                *mended = true;
                ground.kill_helper();
                ground.start(&[]);
            }
            assert!(start.elapsed() < Duration::from_secs(180), "{:?}: {} {}", count.killed(), ground.log(), ground.journal());
            if let Some(outcome) = step(ground, deal).filter(|outcome| outcome.state.is_terminal()) {
                return outcome;
            }
            std::thread::sleep(Duration::from_millis(20));
        }
    }
}

/// Hands over what is not handed over yet and asks for the next step; nothing
/// where the helper died meanwhile.
fn step(ground: &mut Ground, deal: &Deal) -> Option<Outcome> {
    if !ground.serves() {
        return None;
    }
    let receipt = ground.answer(&json!({"verb": "receive", "assignment": deal.assignment, "package": deal.package})).ok()?;
    let attempt = receipt["attempt"].as_str()?.to_owned();
    for wanted in receipt["wanted"].as_array()? {
        let sha256 = wanted["sha256"].as_str()?;
        ground.answer(&json!({"verb": "stage", "sha256": sha256, "path": format!("artefacts/{sha256}")})).ok()?;
    }
    let next = ground.answer(&json!({"verb": "proceed", "attempt": attempt})).ok()?;
    serde_json::from_value(next["outcome"].clone()).ok()
}

fn walked(name: &str, role: Role, restarted: bool) {
    if !possible(&TOOLS) {
        return;
    }
    let unharmed = Walk { role, at: 0, restarted }.run();
    let calls = unharmed.count.calls();
    assert_eq!((unharmed.outcome.state, unharmed.outcome.effects, unharmed.runs), (State::Succeeded, 1, 1), "{:?}", unharmed.outcome);
    assert!(calls > 0, "{name} was not seen at work");
    let mut ends: BTreeMap<String, u32> = BTreeMap::new();
    let mut killed = 0;
    for at in drawn(calls) {
        let end = Walk { role, at, restarted }.run();
        let Some(call) = end.count.killed() else {
            assert!(at > calls / 2, "{name}: nobody was killed at call {at} of {calls}");
            break;
        };
        killed += 1;
        let word = (end.outcome.state, end.runs);
        // Whoever's package manager died mended it, and says so; whoever else
        // died changed nothing of what was done once.
        match word {
            (State::RepairedTarget, 1..=2) => {}
            (State::Succeeded, 1) => assert_eq!(end.outcome.effects, 1, "{name} at {at}, {call}: {:?}", end.outcome),
            _ => panic!("{name} at {at}, {call}: the script ran {} times, {:?}", end.runs, end.outcome),
        }
        *ends.entry(format!("{word:?}")).or_default() += 1;
        eprintln!("{name} killed at {at} of {calls}, {call}: {} effects, {word:?}", end.outcome.effects);
    }
    eprintln!("{name}: killed at {killed} of {calls} calls: {ends:?}");
    assert!(killed > 0, "{name} was never killed");
}

#[test]
fn the_helper_may_die_at_every_call() {
    walked("helper", |words| does(words, "serve"), true);
}

#[test]
fn the_launcher_may_die_at_every_call() {
    walked("launcher", |words| does(words, "launch"), true);
}

#[test]
fn the_runner_may_die_at_every_call() {
    walked("runner", |words| does(words, "run"), false);
}

#[test]
fn the_package_manager_may_die_at_every_call() {
    walked("package manager", is_manager, false);
}

/// An agent that carries a change through, and is started again when it dies;
/// gives what it had told in the end.
fn carried(at: u32) -> (Vec<Outcome>, Count) {
    let server = Server::start();
    let (ground, plan) = stage(&server);
    let (signed, assignment) = here(package(debian(), plan));
    {
        let mut hub = server.hub();
        hub.packages.insert(signed.digest(), logged(&signed));
        hub.assignments = Some(vec![assignment.clone()]);
        // Every answer with an artefact ends early: the agent goes on from there.
        hub.cut_artefacts = Some(300_000);
    }
    let (command, log) = agent_command(&ground, &["run"]);
    let (child, count) = tracer::start(&command, Stdio::null(), log.into(), |words| words.first().is_some_and(|program| program.ends_with("plimsoll-agent")), at);
    let mut agent = Running(child);
    let start = Instant::now();
    let mut again = false;
    let mut asked = false;
    let digest = plimsoll_formats::protocol::digest(assignment.as_bytes());
    loop {
        if !again && count.killed().is_some() {
            again = true;
            let (mut command, log) = agent_command(&ground, &["run"]);
            agent = Running(command.stderr(log).spawn().unwrap());
        }
        {
            let mut hub = server.hub();
            let over = hub.outcomes.iter().any(|outcome| outcome.state.is_terminal());
            if !asked && over && hub.check_ins.last().is_some_and(|check_in| check_in.assigned == [digest.clone()]) {
                asked = true;
                hub.assignments = Some(Vec::new());
            }
            if asked && hub.check_ins.last().is_some_and(|check_in| check_in.assigned.is_empty()) && (again || count.killed().is_none()) {
                break;
            }
        }
        let said = || std::fs::read_to_string(ground.path("agent.log")).unwrap_or_default();
        assert!(start.elapsed() < Duration::from_secs(180), "{:?}: {} {}", count.killed(), said(), ground.journal());
        std::thread::sleep(Duration::from_millis(20));
    }
    drop(agent);
    assert_eq!(ground.dpkg(), ["alpha 2 ii"], "killed at {:?}", count.killed());
    let last: Vec<Outcome> = server.hub().outcomes.iter().filter(|outcome| outcome.state.is_terminal()).cloned().collect();
    let alarms: Vec<String> = server.hub().check_ins.iter().flat_map(|check_in| check_in.alarms.iter().map(|alarm| alarm.code.clone())).collect();
    assert_eq!(alarms, [""; 0], "killed at {:?}", count.killed());
    let left = std::fs::read_dir(ground.path("agent")).unwrap().filter(|entry| entry.as_ref().unwrap().file_name().to_string_lossy().starts_with("package-")).count();
    assert_eq!(left, 0, "killed at {:?}", count.killed());
    (last, count)
}

#[test]
fn the_agent_may_die_at_every_call() {
    if !possible(&TOOLS) {
        return;
    }
    let (_, count) = carried(0);
    let calls = count.calls();
    let mut killed = 0;
    for at in drawn(calls) {
        let (told, count) = carried(at);
        let Some(call) = count.killed() else {
            assert!(at > calls / 2, "agent: nobody was killed at call {at} of {calls}");
            break;
        };
        killed += 1;
        // Told again after a death, but always the same.
        let words: Vec<_> = told.iter().map(|outcome| (outcome.state, outcome.effects)).collect();
        assert!(!words.is_empty() && words.iter().all(|word| *word == (State::Succeeded, 1)), "agent at {at}, {call}: {told:?}");
        eprintln!("agent killed at {at} of {calls}, {call}: told {} times", words.len());
    }
    eprintln!("agent: killed at {killed} of {calls} calls");
    assert!(killed > 0, "the agent was never killed");
}
