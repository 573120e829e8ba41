//! What a report costs: a quarter of 10,000 hosts with five million events, out
//! of a database on disk.

use crate::figures::text;
use crate::measure::{Row, mib, ms, once};
use jiff::{SignedDuration, Timestamp};
use plimsoll_core::measures::{Collector, HostStory, Window};
use plimsoll_core::model::advisory::Rating;
use plimsoll_core::model::identifier::HostId;
use plimsoll_core::model::registration::{HostSource, HostState, Registration};
use plimsoll_core::model::transition::{Bound, FindingKey, Obliged, Transition};
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

/// The figure: a process of its own reads and counts.
pub fn row(own: &Path) -> Result<Row, String> {
    let folder = tempfile::tempdir().map_err(|error| error.to_string())?;
    let database = folder.path().join("plimsoll.db");
    let runtime = tokio::runtime::Runtime::new().map_err(|error| error.to_string())?;
    runtime.block_on(fill(&database))?;
    let run = once(Command::new(own).args(["--report", &text(&database)]))?;
    if run.code != Some(0) {
        return Err(format!("the report was not made: exit {:?}", run.code));
    }
    Ok(Row {
        name: "a quarter's report, 10,000 hosts, 5 M events".to_owned(),
        cpu_ms: ms(run.cpu),
        cpu_limit_ms: Some(10_000.0),
        memory_mib: Some(mib(run.memory)),
        memory_limit_mib: Some(512.0),
        note: "read from the database and counted".to_owned(),
    })
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
