//! What the lab plays, and how each play must end.

use super::host::LabHost;
use super::walk::{Change, Walk};
use super::{LabHosts, Stopped, takeover, unfinished};
use crate::arguments::{PlainFormat, Scenario};
use crate::printer::{Failure, Outcome, Printer};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::time::Duration;

/// Longest a rollout may take: a transaction of some dozen packages takes a
/// minute where twenty hosts share two cores.
const ROLLOUT: Duration = Duration::from_secs(1500);
/// Name of the owner's check that a bad patch breaks.
const CHECK: &str = "application";

/// Plays a scenario; whether it ended as it must.
///
/// # Errors
///
/// Where it could not be played to its end.
pub fn play(scenario: Scenario, lab: &LabHosts, format: PlainFormat, printer: &Printer, stopped: &Stopped) -> Result<Outcome, Failure> {
    let before = versions(lab);
    let (answer, ended) = {
        let change = if scenario == Scenario::BadCanary { breaking(lab, &before)? } else { Change::default() };
        let mut walk = Walk::new(lab, printer, stopped);
        walk.prepare(&change)?;
        let mut goals = Vec::new();
        let ended = match scenario {
            Scenario::GoodPatch => good(&mut walk)?,
            Scenario::BadCanary => bad(&mut walk)?,
            Scenario::SilentCanary => silent(&mut walk, lab)?,
            Scenario::PowerCut => cut(&mut walk, lab)?,
            Scenario::ServerTakeover => {
                let drill = takeover::play(&mut walk, lab, &change, stopped)?;
                goals = drill.goals;
                drill.ended
            }
        };
        walk.document(scenario != Scenario::ServerTakeover)?;
        let name = match scenario {
            Scenario::GoodPatch => "good-patch",
            Scenario::BadCanary => "bad-canary",
            Scenario::SilentCanary => "silent-canary",
            Scenario::PowerCut => "power-cut",
            Scenario::ServerTakeover => "server-takeover",
        };
        let rolled = if scenario == Scenario::ServerTakeover { Vec::new() } else { walk.hosts()? };
        let rows = told(lab, &rolled, &before);
        let mut answer = walk.answer(name, ended, rows);
        if !goals.is_empty() {
            answer["goals"] = goals.into();
        }
        (answer, ended)
    };
    match format {
        PlainFormat::Json => printer.data(&format!("{answer}\n"))?,
        PlainFormat::Text => printer.data(&format!("{}\n", if ended { "it ended as it must" } else { "it did not end as it must" }))?,
    }
    Ok(if ended { Outcome::Clean } else { Outcome::No })
}

type Versions = BTreeMap<String, BTreeMap<String, Option<String>>>;

/// What each host has of the packages that have updates.
fn versions(lab: &LabHosts) -> Versions {
    let of = |host: &LabHost| lab.advisory.update(host.system).pending.iter().map(|(package, _)| (package.clone(), host.system.version(host, package))).collect();
    lab.hosts.iter().map(|host| (host.name.clone(), of(host))).collect()
}

fn told(lab: &LabHosts, rows: &[Value], before: &Versions) -> Vec<Value> {
    let after = versions(lab);
    let of = |host: &LabHost| {
        let row = rows.iter().find(|row| row["name"] == host.name.as_str()).cloned().unwrap_or_default();
        json!({
            "name": host.name, "ring": row["ring"], "phase": row["phase"], "outcome": row["outcome"], "confirmed": row["confirmed"],
            "before": before.get(&host.name), "after": after.get(&host.name), "effects": host.system.effects(host), "system": host.system,
        })
    };
    lab.hosts.iter().map(of).collect()
}

fn good(walk: &mut Walk<'_>) -> Result<bool, Failure> {
    deploy(walk)?;
    walk.phase("8 confirm", |walk| {
        walk.until("confirmation", Duration::from_secs(300), || {
            let standing = walk.standing()?;
            let confirmed = standing["confirmed"].as_object().cloned().unwrap_or_default();
            let unknown = confirmed.get("unknown").and_then(Value::as_u64).unwrap_or(0);
            let words = Value::from(confirmed).to_string();
            Ok(if unknown == 0 { Ok(words) } else { Err(words) })
        })
    })?;
    let hosts = walk.hosts()?;
    Ok(hosts.iter().all(|host| host["phase"] == "succeeded" && host["confirmed"].as_str().is_some_and(|word| word.starts_with("installed"))))
}

/// Phase 7, to its end or to a shut gate.
fn deploy(walk: &mut Walk<'_>) -> Result<(), Failure> {
    walk.phase("7 deploy", |walk| {
        walk.start()?;
        rolled(walk)
    })
}

/// Waits until a rollout is done or its gate shut.
fn rolled(walk: &mut Walk<'_>) -> Result<String, Failure> {
    walk.until("the rollout", ROLLOUT, || {
        let standing = walk.standing()?;
        let rollout = &standing["rollout"];
        let rings: Vec<String> = standing["rings"].as_array().into_iter().flatten().map(|ring| format!("{}: {} of {} succeeded, {} failed, {} silent", ring["name"].as_str().unwrap_or_default(), ring["hosts"]["succeeded"], ring["hosts"]["hosts"], ring["hosts"]["failed"], ring["hosts"]["silent"])).collect();
        let words = format!("{} {}; {}", rollout["state"].as_str().unwrap_or_default(), rollout["gate"].as_str().unwrap_or_default(), rings.join("; "));
        Ok(if rollout["state"] == "done" || rollout["gate"] == "shut" { Ok(words) } else { Err(words) })
    })
}

/// Lays a check of the owner's on every host that holds with the versions
/// there are, and not with the new ones.
fn breaking(lab: &LabHosts, before: &Versions) -> Result<Change, Failure> {
    for host in &lab.hosts {
        let package = &lab.advisory.update(host.system).package;
        let version = before.get(&host.name).and_then(|of| of.get(package)).cloned().flatten();
        let version = version.ok_or_else(|| unfinished(&host.name, &format!("does not have {package}")))?;
        let path = format!("/etc/plimsoll/checks.d/{CHECK}");
        host.write(&path, &format!("#!/bin/sh\n# An application that works with this version alone.\n{}\n", host.system.test(package, &version)))?;
        host.run(&["chmod", "755", &path])?;
    }
    Ok(Change { checks: json!([{ "name": "application", "check": "command", "program": CHECK, "timeout_seconds": 30, "before": true }]) })
}

fn bad(walk: &mut Walk<'_>) -> Result<bool, Failure> {
    deploy(walk)?;
    let mut ended = false;
    walk.phase("9 clean up", |walk| {
        // The first failure shuts the gate; others of the ring are at it still.
        walk.until("the canary hosts", ROLLOUT, || {
            let hosts = walk.hosts()?;
            let (canary, others): (Vec<&Value>, Vec<&Value>) = hosts.iter().partition(|host| host["ring"] == "canary");
            let count = |hosts: &[&Value], part: &str, word: &str| hosts.iter().filter(|host| host[part] == word).count();
            let (back, untouched) = (count(&canary, "outcome", "rolled-back"), count(&others, "phase", "waits"));
            let words = format!("{back} of {} canary hosts are back at their former versions; {untouched} of {} others were not touched", canary.len(), others.len());
            if count(&canary, "phase", "at-work") > 0 {
                return Ok(Err(words));
            }
            ended = !canary.is_empty() && back == canary.len() && untouched == others.len();
            Ok(Ok(words))
        })
    })?;
    Ok(ended)
}

/// Does something to each host of the first ring once it has begun to install;
/// gives them.
fn as_they_begin<'l>(walk: &Walk<'_>, lab: &'l LabHosts, what: impl Fn(&LabHost)) -> Result<Vec<&'l LabHost>, Failure> {
    let mut begun: Vec<&LabHost> = Vec::new();
    walk.until("the first ring", ROLLOUT, || {
        let hosts = walk.hosts()?;
        let canary: Vec<&str> = hosts.iter().filter(|host| host["ring"] == "canary").filter_map(|host| host["name"].as_str()).collect();
        for host in lab.hosts.iter().filter(|host| canary.contains(&host.name.as_str())) {
            if !begun.iter().any(|other| other.name == host.name) && host.system.effects(host) > 0 {
                what(host);
                begun.push(host);
            }
        }
        Ok(if !begun.is_empty() && begun.len() == canary.len() { Ok(String::new()) } else { Err(format!("{} of {} have begun", begun.len(), canary.len())) })
    })?;
    Ok(begun)
}

/// The first ring takes the change and is never heard of again.
fn silent(walk: &mut Walk<'_>, lab: &LabHosts) -> Result<bool, Failure> {
    let mut ended = false;
    walk.phase("7 deploy", |walk| {
        walk.start()?;
        as_they_begin(walk, lab, LabHost::power_off)?;
        walk.until("the gate", ROLLOUT, || {
            let standing = walk.standing()?;
            let hosts = walk.hosts()?;
            let (canary, others): (Vec<&Value>, Vec<&Value>) = hosts.iter().partition(|host| host["ring"] == "canary");
            let silent = canary.iter().filter(|host| host["phase"] == "silent").count();
            let words = format!("{}: {}", standing["rollout"]["gate"], standing["rollout"]["reasons"]);
            ended = others.iter().all(|host| host["phase"] == "waits");
            // The first of them shuts it; the others are missed a little later.
            Ok(if standing["rollout"]["gate"] == "shut" && silent == canary.len() { Ok(words) } else { Err(format!("{words}; {silent} of {} are silent", canary.len())) })
        })
    })?;
    Ok(ended)
}

/// The power of the first ring is cut while it installs.
fn cut(walk: &mut Walk<'_>, lab: &LabHosts) -> Result<bool, Failure> {
    let mut was_cut = 0;
    walk.phase("7 deploy", |walk| {
        walk.start()?;
        let canary = as_they_begin(walk, lab, |host| {
            // Long enough for the package manager to be among the packages.
            std::thread::sleep(Duration::from_secs(3));
            host.power_off();
        })?;
        was_cut = canary.len();
        std::thread::sleep(Duration::from_secs(2));
        canary.iter().try_for_each(|host| host.boot(&lab.network))?;
        Ok(format!("the power of {} hosts was cut while they installed, and is back", canary.len()))
    })?;
    walk.phase("9 clean up", rolled)?;
    let hosts = walk.hosts()?;
    let mended = hosts.iter().filter(|host| host["outcome"] == "repaired-target").count();
    Ok(hosts.iter().all(|host| host["phase"] == "succeeded") && mended == was_cut)
}
