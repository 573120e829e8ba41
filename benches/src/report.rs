//! What a report costs: a quarter of 10,000 hosts with five million events, out
//! of a database on disk.

use crate::figures::text;
use crate::measure::{Row, mib, ms, once};
use jiff::{SignedDuration, Timestamp};
use plimsoll_core::measures::{Collector, HostStory, Window};
use plimsoll_core::model::advisory::{Rating, Severity};
use plimsoll_core::model::component::Component;
use plimsoll_core::model::identifier::HostId;
use plimsoll_core::model::policy::HostFacts;
use plimsoll_core::model::registration::{HostSource, HostState, Registration};
use plimsoll_core::model::threat::Threat;
use plimsoll_core::model::transition::{Bound, FindingKey, Obliged, Transition};
use plimsoll_core::phases::prioritize::Facts;
use plimsoll_core::simulation::{End, Life, Simulator, lives};
use plimsoll_store::hosts::Machine;
use plimsoll_store::{Actor, Intent, Options, Store, StoreError};
use std::path::Path;
use std::process::{Command, ExitCode};

const HOSTS: u32 = 10_000;
/// Moments at which something changes on a host within the quarter.
const MOMENTS: u64 = 50;
/// Findings that open at each; as many close two moments later.
const OPENED: u64 = 5;
const DAYS: i64 = 90;
/// Hosts whose journals are in memory at a time, as the server has it.
const TOGETHER: usize = 500;

fn broken(error: StoreError) -> String {
    error.problem.text.clone()
}

fn end() -> Timestamp {
    Timestamp::UNIX_EPOCH + SignedDuration::from_hours(24 * 365 * 56)
}

fn host(number: u32) -> HostId {
    HostId::from_bits((u128::from(number) + 1) << 64)
}

/// The figures, each out of a process of its own that reads the same database.
pub fn rows(own: &Path) -> Result<Vec<Row>, String> {
    let folder = tempfile::tempdir().map_err(|error| error.to_string())?;
    let database = folder.path().join("plimsoll.db");
    let runtime = tokio::runtime::Runtime::new().map_err(|error| error.to_string())?;
    runtime.block_on(fill(&database))?;
    let row = |part: &str, name: &str, cpu_limit_ms: f64, memory_limit_mib: Option<f64>, note: &str| {
        let run = once(Command::new(own).args([part, &text(&database)]))?;
        if run.code != Some(0) {
            return Err(format!("{name}: exit {:?}", run.code));
        }
        Ok(Row {
            name: name.to_owned(),
            cpu_ms: ms(run.cpu),
            cpu_limit_ms: Some(cpu_limit_ms),
            memory_mib: Some(mib(run.memory)),
            memory_limit_mib,
            note: note.to_owned(),
        })
    };
    Ok(vec![
        row("--report", "a quarter's report, 10,000 hosts, 5 M events", 10_000.0, Some(512.0), "read from the database and counted")?,
        row("--simulate", "two policies played over the same quarter", 60_000.0, None, "read from the database, decided under samm and cisa-bod-26-04")?,
    ])
}

async fn fill(database: &Path) -> Result<(), String> {
    let store = Store::open_with(Options::new(plimsoll_store::engine::sqlite_url(database))).await.map_err(broken)?;
    let intent = |verb: &str| Intent::new(Actor::server(), end(), verb, "fleet");
    let mut change = store.begin(intent("client.add")).await.map_err(broken)?;
    let client = change.add_client("Bench").await.map_err(broken)?.id;
    change.commit(None).await.map_err(broken)?;
    for first in (0..HOSTS).step_by(100) {
        let mut change = store.begin(intent("host.judge")).await.map_err(broken)?;
        for number in first..first + 100 {
            let registration = Registration {
                id: host(number),
                number: 0,
                client,
                name: format!("host{number:05}"),
                state: HostState::Active,
                source: HostSource::Agent,
                labels: Default::default(),
                tier: None,
                exposure: None,
                environment: None,
                owner: None,
                public_key: None,
                enrolled: end() - SignedDuration::from_hours(24 * (DAYS + 1)),
                last_seen: None,
                report: None,
                reported: None,
                flag: None,
            };
            change.insert_host(registration, &Machine::default()).await.map_err(broken)?;
            let written = change.add_transitions(&journal(number)).await.map_err(broken)?;
            if !written.is_empty() {
                return Err("a journal was not written".to_owned());
            }
        }
        change.commit(None).await.map_err(broken)?;
    }
    Ok(())
}

fn key(number: u32, moment: u64, finding: u64) -> FindingKey {
    FindingKey { advisory: format!("DSA-{}-1", 5_000 + moment * OPENED + finding), component: format!("pkg:deb/debian/package{} amd64", u64::from(number) % 97 + finding) }
}

fn journal(number: u32) -> Vec<Transition> {
    (0..MOMENTS)
        .map(|moment| {
            let at = end() - SignedDuration::from_hours(24 * DAYS) + SignedDuration::from_secs((moment * DAYS.unsigned_abs() * 86_400 / MOMENTS) as i64 + i64::from(number % 3_600));
            let opened: Vec<FindingKey> = (0..OPENED).map(|finding| key(number, moment, finding)).collect();
            let closed = if moment < 2 { Vec::new() } else { (0..OPENED).map(|finding| key(number, moment - 2, finding)).collect() };
            let obliged = |(place, key): (usize, &FindingKey)| {
                let rating = [Rating::Low, Rating::Medium, Rating::High, Rating::Critical][place % 4];
                let due = at.as_second() + 86_400 * [30, 14, 7, 2][place % 4];
                (key.clone(), Obliged { rating, exploited: place == 3, bounds: vec![Bound { due, start: Some(at.as_second()), rule: format!("samm/{}", rating.as_str()) }] })
            };
            let obliged = opened.iter().enumerate().map(obliged).collect();
            Transition { host: host(number), serial: moment, at, opened, closed, obliged, policies: vec!["samm 2026-11-21".to_owned()] }
        })
        .collect()
}

/// Reads and counts.
pub fn child(database: &Path) -> ExitCode {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let counted = runtime.map_err(|error| error.to_string()).and_then(|runtime| runtime.block_on(count(database)));
    match counted {
        Ok(counted) => {
            println!("{counted}");
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("{error}");
            ExitCode::from(3)
        }
    }
}

/// Reads and plays.
pub fn simulating_child(database: &Path) -> ExitCode {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let played = runtime.map_err(|error| error.to_string()).and_then(|runtime| runtime.block_on(simulate(database)));
    match played {
        Ok(played) => {
            println!("{played}");
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("{error}");
            ExitCode::from(3)
        }
    }
}

async fn simulate(database: &Path) -> Result<String, String> {
    let store = Store::open_with(Options::new(plimsoll_store::engine::sqlite_url(database))).await.map_err(broken)?;
    let window = Window { from: end() - SignedDuration::from_hours(24 * DAYS), to: end() };
    let preset = |name| plimsoll_formats::policy::load_preset(name, None).map_err(|_| format!("{name} is no preset"));
    let (before, after) = (preset("samm")?, preset("cisa-bod-26-04")?);
    let mut simulator = Simulator::new(window, &before, &after);
    let threat = Threat::default();
    let component = Component { name: "openssl".to_owned(), ..Component::default() };
    let severities = [Rating::Unknown, Rating::None, Rating::Low, Rating::Medium, Rating::High, Rating::Critical]
        .map(|rating| vec![Severity::Vendor { vendor: "debian".to_owned(), word: rating.as_str().to_owned(), rating }]);
    let hosts: Vec<HostId> = (0..HOSTS).map(host).collect();
    for hosts in hosts.chunks(TOGETHER) {
        let stories = store.stories(hosts, end()).await.map_err(broken)?;
        for host in hosts {
            let transitions = stories.get(host).map(Vec::as_slice).unwrap_or_default();
            let lived = lives(&HostStory { host: *host, name: "host", enrolled: window.from, retired: None, transitions });
            let facts = |life: &Life| Facts {
                severities: life.obliged.as_ref().and_then(|obliged| severities.get(obliged.rating as usize)).map_or(&[][..], Vec::as_slice),
                threat: &threat,
                cves: &[],
                component: Some(&component),
                class: None,
                published: Some(life.first),
                fix_released: Some(life.first),
                fix_exists: true,
                fix_available: None,
                first_seen: Some(life.first),
                closed: match life.end {
                    End::Closed(at) => Some(at),
                    _ => None,
                },
            };
            simulator.host("host", &HostFacts::default(), window.from, lived.iter().map(|life| (life, facts(life))));
        }
    }
    let played = simulator.finish(Vec::new());
    if played.findings != u64::from(HOSTS) * MOMENTS * OPENED {
        return Err(format!("{} findings were played", played.findings));
    }
    serde_json::to_string(&played).map_err(|error| error.to_string())
}

async fn count(database: &Path) -> Result<String, String> {
    let store = Store::open_with(Options::new(plimsoll_store::engine::sqlite_url(database))).await.map_err(broken)?;
    let window = Window { from: end() - SignedDuration::from_hours(24 * DAYS), to: end() };
    let mut collector = Collector::new(window);
    let hosts: Vec<HostId> = (0..HOSTS).map(host).collect();
    for hosts in hosts.chunks(TOGETHER) {
        let stories = store.stories(hosts, end()).await.map_err(broken)?;
        for host in hosts {
            let transitions = stories.get(host).map(Vec::as_slice).unwrap_or_default();
            collector.host(&HostStory { host: *host, name: "host", enrolled: window.from, retired: None, transitions });
        }
    }
    let found = collector.finish();
    if found.flow.opened != u64::from(HOSTS) * MOMENTS * OPENED {
        return Err(format!("{} findings opened", found.flow.opened));
    }
    serde_json::to_string(&found).map_err(|error| error.to_string())
}
