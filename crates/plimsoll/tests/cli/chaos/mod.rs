//! Two servers on one PostgreSQL and twenty agents, as real processes in
//! network namespaces, while everything around them breaks: links, servers,
//! agents, clocks, the database. Afterwards nothing is lost and nothing is
//! there twice.
//!
//! `PLIMSOLL_CHAOS_ROUNDS=30 PLIMSOLL_CHAOS_SEED=7 cargo test -p plimsoll chaos -- --nocapture`
//! walks for longer; each round brings every fault once, in another order.

mod balancer;
mod fleet;
mod lab;
mod postgres;

use crate::sandbox::Small;
use fleet::{Fleet, Installed, can_shift_clocks};
use lab::Lab;
use postgres::Postgres;
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

const AGENTS: usize = 20;

/// How long everything may take to be right again after the last fault. A
/// server that took the lease and died holds the log up for its fifteen
/// seconds, or longer where its clock was ahead; agents that failed a few
/// times come back within a minute.
const CONVERGENCE: Duration = Duration::from_secs(120);

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Fault {
    HostsCutOff,
    ServerCutOff,
    ServerKilled,
    ServerPausedPastItsLease,
    ServerClockAhead,
    AgentsKilled,
    HostClocksOff,
    SlowLinks,
    DatabaseKilled,
    NewAdvisory,
}

const FAULTS: [Fault; 10] = [
    Fault::HostsCutOff,
    Fault::ServerCutOff,
    Fault::ServerKilled,
    Fault::ServerPausedPastItsLease,
    Fault::ServerClockAhead,
    Fault::AgentsKilled,
    Fault::HostClocksOff,
    Fault::SlowLinks,
    Fault::DatabaseKilled,
    Fault::NewAdvisory,
];

/// Numbers that follow from the seed (SplitMix64).
struct Dice(u64);

impl Dice {
    fn below(&mut self, end: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((mixed ^ (mixed >> 31)) % end as u64) as usize
    }

    /// Some different hosts.
    fn hosts(&mut self, count: usize) -> Vec<usize> {
        let mut all: Vec<usize> = (0..AGENTS).collect();
        (0..count).map(|_| all.swap_remove(self.below(all.len()))).collect()
    }

    fn shuffled<T: Copy>(&mut self, all: &[T]) -> Vec<T> {
        let mut left = all.to_vec();
        (0..all.len()).map(|_| left.swap_remove(self.below(left.len()))).collect()
    }
}

fn number(name: &str) -> Option<u64> {
    std::env::var(name).ok().map(|text| text.parse().unwrap_or_else(|_| panic!("{name} is a number")))
}

fn seconds(length: u64) {
    std::thread::sleep(Duration::from_secs(length));
}

#[test]
fn two_servers_and_twenty_agents_come_through_everything() {
    let Some(lab) = Lab::new() else { return };
    let Some(postgres) = Postgres::start(&lab) else { return };
    let seed = number("PLIMSOLL_CHAOS_SEED").unwrap_or_else(|| u64::from(std::process::id()));
    let rounds = number("PLIMSOLL_CHAOS_ROUNDS").unwrap_or(1);
    eprintln!("seed {seed}, {rounds} rounds; again with PLIMSOLL_CHAOS_SEED={seed}");
    let clocks = can_shift_clocks();
    let small = Small::new(&[("alpha", "1.0")]);
    small.advise("TEST-2026-1", "low", "2026-03-01", "alpha", "2.0").build(&[]);
    let mut fleet = Fleet::start(&lab, &small, &postgres, AGENTS);
    let mut dice = Dice(seed);
    let began = Instant::now();
    for _ in 0..rounds {
        for fault in dice.shuffled(&FAULTS) {
            if !clocks && [Fault::ServerClockAhead, Fault::HostClocksOff].contains(&fault) {
                continue;
            }
            eprintln!("{:5.1} s: {fault:?}", began.elapsed().as_secs_f32());
            change_packages(&mut fleet, &mut dice);
            inflict(fault, &mut fleet, &postgres, &mut dice);
        }
    }
    eprintln!("{:5.1} s: all is mended", began.elapsed().as_secs_f32());
    converge(&mut fleet);
    eprintln!("{:5.1} s: all is right", began.elapsed().as_secs_f32());
    nothing_twice(&fleet);
    answers_were_true(&fleet);
    the_log_verifies(&fleet);
}

/// Some hosts are upgraded, others go back.
fn change_packages(fleet: &mut Fleet<'_>, dice: &mut Dice) {
    for host in dice.hosts(AGENTS / 4) {
        let version = |dice: &mut Dice| ["1.0", "2.0"][dice.below(2)];
        let installed = Installed { alpha: version(dice), beta: version(dice) };
        fleet.install(host, installed);
    }
}

/// Does it and mends it.
fn inflict(fault: Fault, fleet: &mut Fleet<'_>, postgres: &Postgres<'_>, dice: &mut Dice) {
    let server = dice.below(2);
    match fault {
        Fault::HostsCutOff => {
            let hosts = dice.hosts(AGENTS / 2);
            hosts.iter().for_each(|host| fleet.lab.link(&format!("h{host}"), false));
            seconds(3);
            hosts.iter().for_each(|host| fleet.lab.link(&format!("h{host}"), true));
        }
        Fault::ServerCutOff => {
            fleet.lab.link(&format!("s{server}"), false);
            seconds(4);
            fleet.lab.link(&format!("s{server}"), true);
        }
        Fault::ServerKilled => {
            fleet.kill_server(server);
            seconds(2);
            fleet.serve(server, None);
        }
        Fault::ServerPausedPastItsLease => {
            fleet.pause_server(server, true);
            let began = Instant::now();
            // The other one takes over and goes on with the rest of it.
            inflict(Fault::AgentsKilled, fleet, postgres, dice);
            change_packages(fleet, dice);
            inflict(Fault::HostsCutOff, fleet, postgres, dice);
            std::thread::sleep(Duration::from_secs(17).saturating_sub(began.elapsed()));
            fleet.pause_server(server, false);
        }
        Fault::ServerClockAhead => {
            fleet.kill_server(server);
            fleet.serve(server, Some("+10s"));
            seconds(3);
            fleet.kill_server(server);
            fleet.serve(server, None);
        }
        Fault::AgentsKilled => {
            let hosts = dice.hosts(AGENTS / 3);
            hosts.iter().for_each(|host| fleet.kill_agent(*host));
            seconds(1);
            hosts.iter().for_each(|host| fleet.start_agent(*host, None));
        }
        Fault::HostClocksOff => {
            let hosts = dice.hosts(4);
            for (host, by) in hosts.iter().zip(["+2d", "-2d", "+9y", "-20m"]) {
                fleet.kill_agent(*host);
                fleet.start_agent(*host, Some(by));
            }
            seconds(4);
            for host in hosts {
                fleet.kill_agent(host);
                fleet.start_agent(host, None);
            }
        }
        Fault::SlowLinks => {
            let hosts = dice.hosts(AGENTS / 2);
            hosts.iter().for_each(|host| fleet.lab.slow(&format!("h{host}"), true));
            seconds(4);
            hosts.iter().for_each(|host| fleet.lab.slow(&format!("h{host}"), false));
        }
        Fault::DatabaseKilled => {
            postgres.kill();
            seconds(3);
            postgres.wake();
        }
        Fault::NewAdvisory => {
            fleet.advise();
            seconds(3);
        }
    }
}

/// Hosts as a server lists them, by name.
fn listed(fleet: &Fleet<'_>, server: usize) -> Result<BTreeMap<String, Vec<Value>>, String> {
    let page = fleet.get(server, "/api/v1/hosts?take=1000")?;
    let mut hosts: BTreeMap<String, Vec<Value>> = BTreeMap::new();
    for row in page["rows"].as_array().cloned().unwrap_or_default() {
        hosts.entry(row["name"].as_str().unwrap_or_default().to_owned()).or_default().push(row);
    }
    Ok(hosts)
}

/// What is wrong at a server, in words.
fn wrong(fleet: &Fleet<'_>, server: usize) -> Vec<String> {
    let hosts = match listed(fleet, server) {
        Ok(hosts) => hosts,
        Err(error) => return vec![error],
    };
    let mut wrong: Vec<String> = Vec::new();
    for (number, host) in fleet.hosts.iter().enumerate() {
        let findings = host.installed.findings(fleet.advisories);
        match hosts.get(&host.name).map(Vec::as_slice) {
            Some([row]) if row["state"] == "active" && row["findings"] == findings && row["flag"].is_null() => {}
            rows => wrong.push(format!("server {server}: {} should have {findings} findings: {rows:?}\n{}", host.name, fleet.agent_log(number))),
        }
    }
    if hosts.len() != AGENTS {
        wrong.push(format!("server {server} has {} hosts", hosts.len()));
    }
    wrong
}

/// Waits until both servers show every host as it is, with nobody's help.
fn converge(fleet: &mut Fleet<'_>) {
    let began = Instant::now();
    loop {
        let wrong: Vec<String> = (0..2).flat_map(|server| wrong(fleet, server)).collect();
        if wrong.is_empty() {
            break;
        }
        let late = format!("{} things are wrong, the first: {}\n{}\n{}", wrong.len(), wrong[0], fleet.log(0), fleet.log(1));
        assert!(began.elapsed() < CONVERGENCE, "{late}");
        seconds(1);
    }
    assert_eq!(fleet.ended_agents(), Vec::<String>::new());
}

/// Each host's journal opens what is closed and closes what is open, and ends
/// with what the host has.
fn nothing_twice(fleet: &Fleet<'_>) {
    let hosts = listed(fleet, 0).expect("hosts");
    let mut moments = 0;
    for host in &fleet.hosts {
        let id = hosts[&host.name][0]["id"].as_str().expect("an id").to_owned();
        let mut story = fleet.get(0, &format!("/api/v1/hosts/{id}/history?take=1000")).expect("its story");
        let story = story.as_array_mut().expect("a list");
        story.reverse();
        let mut open = BTreeSet::new();
        for moment in &*story {
            let keys = |name: &str| moment[name].as_array().cloned().unwrap_or_default().into_iter().map(|key| key.as_str().expect("a key").to_owned());
            for key in keys("closed") {
                assert!(open.remove(&key), "{} closes {key} twice: {story:#?}", host.name);
            }
            for key in keys("opened") {
                assert!(open.insert(key.clone()), "{} opens {key} twice: {story:#?}", host.name);
            }
            moments += 1;
        }
        assert_eq!(open.len() as u64, host.installed.findings(fleet.advisories), "{}: {story:#?}", host.name);
    }
    eprintln!("{moments} transitions, none twice");
}

/// No answer but a good one, "later" with its time, and refusals that fit.
fn answers_were_true(fleet: &Fleet<'_>) {
    let mut counts: BTreeMap<_, usize> = BTreeMap::new();
    for answer in fleet.balancer.answers() {
        *counts.entry(answer).or_default() += 1;
    }
    let lines: Vec<String> = counts.iter().map(|(answer, count)| format!("{count} x {answer:?}")).collect();
    eprintln!("{}", lines.join("\n"));
    for answer in counts.keys() {
        let is_true = match (answer.status, answer.code.as_str()) {
            (None | Some(200 | 204), _) => true,
            (Some(503), _) => answer.retry_after,
            // Of a host whose clock is off, and of a delta from a report that
            // only the other server had; the agent sends it whole.
            (Some(401), code) => code == "E-CLOCK",
            (Some(409), code) => code == "E-BASE",
            _ => false,
        };
        assert!(is_true, "{answer:?} of\n{}", lines.join("\n"));
    }
}

/// The log that both servers wrote, offline.
fn the_log_verifies(fleet: &Fleet<'_>) {
    let (data, folder) = (fleet.small.path("server0"), fleet.small.path("evidence"));
    let exported = fleet.plimsoll(&["evidence", "export", "--data", &data, "--database", &fleet.database, "--to", &folder]);
    let key = exported.finished().out.trim();
    let verified = fleet.plimsoll(&["evidence", "verify", &folder, "--key", key]);
    assert_eq!(verified.code, Some(0), "{}{}", verified.out, verified.err);
    eprintln!("{}", verified.out.trim());
}
