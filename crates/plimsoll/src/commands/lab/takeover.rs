//! The drill: somebody holds the server, its database and every key on it, and
//! tries to get root on the hosts.
//!
//! Hosts must let nothing of it happen, each attempt must leave its trace on
//! them, and the server that people take back must hear of it.

mod attacker;
mod goals;
mod stolen;

use super::host::LabHost;
use super::tools::run;
use super::walk::{Change, Walk};
use super::{LabHosts, Stopped, unfinished};
use crate::printer::Failure;
use attacker::Attacker;
use goals::{GOALS, Loot, Met, OWNED};
use jiff::{Timestamp, ToSpan};
use plimsoll_core::model::identifier::HostId;
use plimsoll_server::http::tls::{Files, Tls};
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};
use stolen::{Stolen, broken};
use tokio_rustls::TlsAcceptor;

/// Longest a host may take to answer a goal.
const PATIENCE: Duration = Duration::from_secs(90);
/// The agent's log on a host.
const LOG: &str = "/var/log/plimsoll-agent.log";
/// Longest until every host has told the server that people took back: an
/// agent that was refused waits up to ten minutes.
const BACK: Duration = Duration::from_secs(700);
/// File by whose time later changes are seen.
const BEFORE: &str = "/run/before-takeover";
/// Where programs and settings lie; agents keep nothing there.
const WATCHED: [&str; 8] = ["/boot", "/etc", "/home", "/opt", "/root", "/srv", "/usr", "/var/spool"];

/// The part of a policy by which hosts change at a time that is far away, in
/// half a day.
pub fn window() -> String {
    let start = Timestamp::now().to_zoned(jiff::tz::TimeZone::UTC).saturating_add(12.hours());
    format!(
        "\n[[window]]\nid = \"tomorrow\"\nstart = {}\nrule = \"FREQ=DAILY\"\nduration = \"PT1H\"\nstop_starting = \"PT10M\"\n",
        start.strftime("%Y-%m-%dT%H:00:00")
    )
}

/// What came of the drill.
pub struct Drill {
    /// Whether it ended as it must.
    pub ended: bool,
    /// Each goal with what hosts answered.
    pub goals: Vec<Value>,
}

/// Plays it.
///
/// # Errors
///
/// Where it could not be played to its end.
pub fn play(walk: &mut Walk<'_>, lab: &LabHosts, change: &Change, stopped: &Stopped) -> Result<Drill, Failure> {
    let ids = ids(lab)?;
    let former = walk.package.clone();
    lab.server.told(&["package", "withdraw", &former, "--reason", "a newer one takes its place"])?;
    walk.phase("6 package", |walk| walk.draft(change))?;
    walk.phase("5 certify", |walk| walk.certify())?;
    let before: Vec<String> = lab.hosts.iter().map(|host| host.system.installed(host)).collect::<Result<_, _>>()?;
    lab.hosts.iter().try_for_each(|host| host.run(&["touch", BEFORE]))?;
    let mut told = Vec::new();
    walk.phase("7 deploy", |walk| {
        lab.server.kill();
        let (signed, runtime) = (walk.package.clone(), super::super::runtime()?);
        told = runtime.block_on(attack(walk, lab, &ids, [&signed, &former], stopped))?;
        let resisted = told.iter().filter(|goal| goal["reached"] == false).count();
        Ok(format!("the server was taken; {resisted} of {} goals came to nothing", told.len()))
    })?;
    let mut effects = 0;
    walk.phase("8 confirm", |_| {
        let mut words = Vec::new();
        for (host, before) in lab.hosts.iter().zip(&before) {
            words.extend(changed(host, before)?);
        }
        effects = words.len();
        words.truncate(10);
        Ok(format!("{effects} effects as root on {} hosts {}", lab.hosts.len(), words.join(", ")).trim_end().to_owned())
    })?;
    let mut noticed = 0;
    walk.phase("9 clean up", |walk| {
        lab.server.run(stopped)?;
        walk.until("what hosts say of the server", BACK, || {
            let hosts = lab.hosts_listed()?;
            let flags: Vec<&str> = hosts.iter().filter_map(|host| host["flag"].as_str()).collect();
            noticed = flags.len();
            let words = format!("people have the server back; {noticed} of {} hosts accuse it: {}", lab.hosts.len(), flags.first().unwrap_or(&"nothing"));
            Ok(if noticed == lab.hosts.len() { Ok(words) } else { Err(words) })
        })
    })?;
    let ended = effects == 0 && noticed == lab.hosts.len() && told.iter().all(|goal| goal["reached"] == false && goal["noticed"] == true);
    Ok(Drill { ended, goals: told })
}

/// Tries every goal on all hosts at once.
async fn attack(walk: &Walk<'_>, lab: &LabHosts, hosts: &[HostId], [signed, former]: [&str; 2], stopped: &Stopped) -> Result<Vec<Value>, Failure> {
    let copy = |name: &str| -> Result<PathBuf, Failure> {
        let to = lab.place.0.join(name);
        run(Command::new("cp").args(["-a", "--reflink=auto"]).arg(&lab.server.data).arg(&to))?;
        Ok(to)
    };
    let stolen = Stolen::open(&copy("stolen")?, &lab.server.keys).await?;
    let fork = Stolen::open(&copy("fork")?, &lab.server.keys).await?;
    stolen.integrate().await?;
    fork.integrate().await?;
    let beginning = fork.store.checkpoint().await.map_err(broken)?.map(|newest| newest.note).unwrap_or_default();
    let loot = Loot { signed: stolen.package(signed).await?, former: stolen.package(former).await?, beginning };
    let attacker = Attacker::new(stolen, fork);
    attacker::listen(&attacker, lab.server.port, acceptor(&lab.place.0)?).await?;
    let mut told = Vec::new();
    for (number, goal) in GOALS.iter().enumerate() {
        stopped.check()?;
        let began = Instant::now();
        let seen: Vec<String> = lab.hosts.iter().map(log).collect();
        goals::set_out(number, &attacker, &loot, hosts).await?;
        let turned = attacker.play().check_ins.clone();
        let noticed = loop {
            tokio::time::sleep(Duration::from_millis(300)).await;
            let met = lab.hosts.iter().zip(&seen).zip(hosts).all(|((host, seen), id)| {
                let news = log(host);
                let news = news.get(seen.len()..).unwrap_or_default();
                match goal.met {
                    Met::Codes(codes) => codes.iter().any(|code| news.contains(code) || told_by(&attacker, *id, code)),
                    Met::Ignored => {
                        let play = attacker.play();
                        hosts.iter().all(|host| play.check_ins.get(host).copied().unwrap_or(0) >= turned.get(host).copied().unwrap_or(0) + 3)
                    }
                }
            });
            if met || began.elapsed() > PATIENCE || stopped.check().is_err() {
                break met;
            }
        };
        let reached = lab.hosts.iter().any(|host| host.run(&["test", "!", "-e", OWNED]).is_err());
        let codes = if let Met::Codes(codes) = goal.met { codes.to_vec() } else { Vec::new() };
        walk.tell(&format!("goal {:>2} of {}: {}: {}", number + 1, GOALS.len(), goal.name, if reached { "REACHED" } else if noticed { codes.first().unwrap_or(&"no such message") } else { "no trace" }));
        let said: BTreeSet<String> = attacker.play().outcomes.iter().map(|(_, state, code)| format!("{state} {code}").trim_end().to_owned()).collect();
        told.push(json!({ "said": said, "goal": goal.name, "expected": codes, "noticed": noticed, "reached": reached, "seconds": began.elapsed().as_secs_f64() }));
    }
    Ok(told)
}

/// Whether a host told a code as what came of an attempt.
fn told_by(attacker: &Attacker, host: HostId, code: &str) -> bool {
    attacker.play().outcomes.iter().any(|(who, _, said)| *who == host && said == code)
}

/// Ids of the lab's hosts, in its order.
fn ids(lab: &LabHosts) -> Result<Vec<HostId>, Failure> {
    let listed = lab.hosts_listed()?;
    let of = |host: &LabHost| listed.iter().find(|row| row["name"] == host.name.as_str()).and_then(|row| row["id"].as_str()?.parse().ok());
    lab.hosts.iter().map(|host| of(host).ok_or_else(|| unfinished(&host.name, "is not known to the server"))).collect()
}

fn log(host: &LabHost) -> String {
    host.said(&["cat", LOG]).unwrap_or_default()
}

/// What was changed on a host, in words: other packages, transactions, and
/// files where programs and settings lie.
fn changed(host: &LabHost, before: &str) -> Result<Vec<String>, Failure> {
    let mut words = vec!["find"];
    words.extend(WATCHED);
    words.extend(host.system.database());
    words.extend(["-xdev", "-cnewer", BEFORE, "!", "-type", "d"]);
    // Empty files that whoever only looks locks as well.
    words.extend(["!", "-path", "/var/lib/dpkg/lock", "!", "-path", "/var/lib/dpkg/lock-frontend"]);
    let mut changed: Vec<String> = host.said(&words)?.lines().map(str::to_owned).collect();
    changed.extend((host.system.installed(host)? != before).then(|| "what is installed".to_owned()));
    let transactions = host.system.effects(host);
    changed.extend((transactions > 0).then(|| format!("{transactions} transactions")));
    Ok(changed)
}

/// The server's own certificate, which lies with its key on the server.
fn acceptor(work: &Path) -> Result<TlsAcceptor, Failure> {
    let tls = Tls::open(Files { certificate: work.join("server.pem"), key: work.join("server.key"), client_authorities: None })?;
    Ok(TlsAcceptor::from(tls.in_force()))
}
