//! Figures of the store: what a report, a leaf and an unchanged check-in cost.
//! `cargo run --release -p plimsoll-store --example figures [URL KEYS]`

use jiff::{SignedDuration, Timestamp};
use plimsoll_core::model::identifier::HostId;
use plimsoll_core::model::registration::{HostSource, HostState, Registration};
use plimsoll_store::evidence::integrate::LEASE;
use plimsoll_store::hosts::Machine;
use plimsoll_store::identifier::fresh;
use plimsoll_store::reports::PackedReport;
use plimsoll_store::{Actor, Intent, Options, Result, Store};
use std::time::Instant;

const HOSTS: usize = 10_000;

#[tokio::main]
async fn main() -> Result<()> {
    let folder = std::env::temp_dir().join(format!("plimsoll-figures-{}", std::process::id()));
    let mut arguments = std::env::args().skip(1);
    let options = match arguments.next() {
        Some(url) => Options { keys: arguments.next().map(Into::into), ..Options::new(url) },
        None => Options::sqlite(&folder.join("figures.db")),
    };
    let store = Store::open_with(options).await?;
    let hosts = enrol(&store).await?;
    report(&store, &hosts).await?;
    integrate(&store).await?;
    seen(&store, &hosts).await?;
    let _ = std::fs::remove_dir_all(folder);
    Ok(())
}

fn say(what: &str, started: Instant, count: usize) {
    let seconds = started.elapsed().as_secs_f64();
    println!("{what}: {:.3} ms each, {:.0} a second", seconds * 1000.0 / count as f64, count as f64 / seconds);
}

fn intent(verb: &str, object: &str) -> Intent {
    Intent::new(Actor::server(), Timestamp::now(), verb, object)
}

async fn enrol(store: &Store) -> Result<Vec<HostId>> {
    let mut change = store.begin(intent("client.add", "client")).await?;
    let client = change.add_client(&format!("Client {}", Timestamp::now())).await?.id;
    change.commit(None).await?;
    let started = Instant::now();
    let commits = store.commits();
    let mut hosts = Vec::new();
    let mut waiting = Vec::new();
    for number in 0..HOSTS {
        let host = Registration {
            id: HostId::from_bits(fresh(Timestamp::now())?),
            number: 0,
            client,
            name: format!("host-{number:06}"),
            state: HostState::Active,
            source: HostSource::Agent,
            labels: [("role".to_owned(), format!("r{}", number % 10))].into(),
            tier: None,
            exposure: None,
            environment: None,
            owner: None,
            public_key: Some(format!("{number:064x}")),
            enrolled: Timestamp::now(),
            last_seen: None,
            report: None,
            reported: None,
            flag: None,
        };
        hosts.push(host.id);
        let store = store.clone();
        waiting.push(tokio::spawn(async move {
            let intent = intent("host.enrol", &format!("host:{}", host.id));
            store.submit(intent, move |change| Box::pin(async move { change.insert_host(host, &Machine::default()).await.map(drop) })).await
        }));
        if waiting.len() == 1000 {
            for task in waiting.drain(..) {
                task.await.expect("task")?;
            }
        }
    }
    say("enrolment with its leaf, 1,000 at a time", started, HOSTS);
    println!("  {:.0} in one commit", HOSTS as f64 / (store.commits() - commits) as f64);
    Ok(hosts)
}

async fn report(store: &Store, hosts: &[HostId]) -> Result<()> {
    let line = |number: usize| format!("{{\"name\":\"package-{number}\",\"version\":\"1.{number}.0-1+deb12u{}\",\"arch\":\"amd64\"}}", number % 7);
    let started = Instant::now();
    let reports: Vec<PackedReport> = (0..100)
        .map(|host| PackedReport::new((0..450).map(|number| line(number + host)).collect::<Vec<_>>().join(",").as_bytes()))
        .collect::<Result<_>>()?;
    say("digest and compression of a report of 450 packages", started, reports.len());
    let (started, commits) = (Instant::now(), store.commits());
    for hosts in hosts.chunks(1000) {
        let tasks: Vec<_> = hosts
            .iter()
            .enumerate()
            .map(|(number, host)| {
                let (store, host, report) = (store.clone(), *host, reports[number % reports.len()].clone());
                tokio::spawn(async move {
                    let intent = intent("host.report", &format!("host:{host}"));
                    store.submit(intent, move |change| Box::pin(async move { change.put_report(host, &report, Timestamp::now()).await })).await
                })
            })
            .collect();
        for task in tasks {
            task.await.expect("task")?;
        }
    }
    say("report with its leaf, durable, 1,000 at a time", started, hosts.len());
    println!("  {:.0} in one commit", hosts.len() as f64 / (store.commits() - commits) as f64);
    let started = Instant::now();
    for host in hosts.iter().take(100) {
        let (host, report) = (*host, reports[0].clone());
        store.submit(intent("host.report", "host"), move |change| Box::pin(async move { change.put_report(host, &report, Timestamp::now()).await })).await?;
    }
    say("report with its leaf, durable, one after the other", started, 100);
    Ok(())
}

async fn integrate(store: &Store) -> Result<()> {
    let now = Timestamp::now();
    let lease = store.take_lease(LEASE, "figures", now, SignedDuration::from_secs(600)).await?.expect("lease");
    let pending = store.pending_leaves().await?;
    let started = Instant::now();
    store.integrate_all(&lease, now).await?;
    say("integration of a leaf", started, pending as usize);
    let size = store.log().await?.size;
    let started = Instant::now();
    for older in 1..=100 {
        store.consistency_proof(size * older / 101, size).await?;
    }
    say("consistency proof", started, 100);
    Ok(())
}

async fn seen(store: &Store, hosts: &[HostId]) -> Result<()> {
    let seen: Vec<_> = hosts.iter().map(|host| (*host, Timestamp::now(), 7)).collect();
    store.note_last_seen(&seen).await?;
    let started = Instant::now();
    let seen: Vec<_> = hosts.iter().map(|host| (*host, Timestamp::now(), 8)).collect();
    store.note_last_seen(&seen).await?;
    say("last contact, all in one batch", started, hosts.len());
    let started = Instant::now();
    for host in hosts.iter().take(1000) {
        store.host(*host).await?;
    }
    say("reading a host", started, 1000);
    Ok(())
}
