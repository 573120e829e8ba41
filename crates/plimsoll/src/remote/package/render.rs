//! A deployment package in words, from its own bytes.

use super::Looked;
use plimsoll_core::model::deployment_package::{DeploymentPackage, Place, StreamPlan, Target, Window};
use plimsoll_core::model::problem::printable;
use serde_json::{Value, json};
use std::fmt::Write;

/// Hosts of a ring that are named; all of them are in the JSON.
const NAMED: usize = 40;
/// Times of a window that are shown.
const TIMES: usize = 4;

/// Everything, for machines.
pub(super) fn json(looked: &Looked) -> Value {
    json!({
        "schema": "plimsoll-package-show/1",
        "digest": looked.signed.digest(),
        "package": looked.signed.package(),
        "signatures": looked.signed.signatures().iter().map(|signature| &signature.keyid).collect::<Vec<_>>(),
        "hosts": looked.places,
        "names": looked.names,
    })
}

/// Everything, for people.
pub(super) fn text(looked: &Looked) -> String {
    let package = looked.signed.package();
    let mut out = String::new();
    // Writing into memory has no way to fail.
    let _ = head(&mut out, looked, package);
    for (stream, plan) in &package.streams {
        let _ = writeln!(out, "\nOn {stream}, with {}:", format!("{:?}", plan.tool).to_lowercase());
        let _ = streams(&mut out, plan);
    }
    let _ = around(&mut out, package);
    let _ = rings(&mut out, looked, package);
    out
}

fn head(out: &mut String, looked: &Looked, package: &DeploymentPackage) -> std::fmt::Result {
    writeln!(out, "Package {} {}", printable(&package.name), package.version)?;
    writeln!(out, "  digest   {}", looked.signed.digest())?;
    writeln!(out, "  title    {}", printable(&package.title))?;
    if !package.reason.is_empty() {
        writeln!(out, "  reason   {}", printable(&package.reason))?;
    }
    writeln!(out, "  change   {}", package.change.as_str())?;
    writeln!(out, "  author   {}", printable(&package.author))?;
    writeln!(out, "  client   {}", package.client)?;
    writeln!(out, "  drafted  {}, starts nothing from {} on", package.created, package.expires)?;
    writeln!(out, "  policy   {} {} ({})", printable(&package.policy.id), printable(&package.policy.version), package.policy.sha256)?;
    if !package.advisories.is_empty() {
        writeln!(out, "  answers  {}", printable(&package.advisories.join(", ")))?;
    }
    writeln!(out, "  signed   by {} keys so far", looked.signed.signatures().len())
}

fn target(target: &Target) -> String {
    format!("{} {} [{}], {} bytes, SHA-256 {}, from {}", printable(&target.name), printable(&target.version), printable(&target.arch), target.size, target.sha256, printable(&target.repository))
}

fn streams(out: &mut String, plan: &StreamPlan) -> std::fmt::Result {
    for one in plan.install.iter().filter(|target| !target.new) {
        writeln!(out, "  update      {}", target(one))?;
    }
    for one in plan.install.iter().filter(|target| target.new) {
        writeln!(out, "  may add     {}", target(one))?;
    }
    for one in &plan.remove {
        writeln!(out, "  MAY REMOVE  {} [{}]", printable(&one.name), printable(&one.arch))?;
    }
    for one in &plan.way_back {
        writeln!(out, "  back to     {}", target(one))?;
    }
    for one in &plan.no_way_back {
        writeln!(out, "  NO WAY BACK for {}: {}", printable(&one.name), printable(&one.reason))?;
    }
    for one in &plan.steps {
        writeln!(out, "  then        {one}")?;
    }
    if plan.install.is_empty() && plan.steps.is_empty() {
        writeln!(out, "  nothing")?;
    }
    Ok(())
}

fn around(out: &mut String, package: &DeploymentPackage) -> std::fmt::Result {
    writeln!(out, "\nAround it:")?;
    for one in &package.checks {
        writeln!(out, "  check    {one}")?;
    }
    if package.checks.is_empty() {
        writeln!(out, "  checks   none beside versions, package states and services that ran before")?;
    }
    if let Some(drain) = &package.drain {
        writeln!(out, "  drain    {drain}")?;
    }
    writeln!(out, "  reboot   {}", package.reboot)?;
    writeln!(out, "  configuration files: {}", package.configuration_files)?;
    if package.at_once > 0 {
        writeln!(out, "  at once  at most {} hosts of a ring, as the server hands them out", package.at_once)?;
    }
    if package.windows.is_empty() {
        writeln!(out, "  windows  none: hosts start at any time")?;
    }
    for (name, one) in &package.windows {
        window(out, name, one)?;
    }
    Ok(())
}

fn window(out: &mut String, name: &str, window: &Window) -> std::fmt::Result {
    let reboot = if window.reboot { "may reboot" } else { "no reboot" };
    writeln!(out, "  window   {}: {} ({reboot}), {} times", printable(name), printable(&window.shown), window.intervals.len())?;
    for interval in window.intervals.iter().take(TIMES) {
        writeln!(out, "             {} to {}, starts until {}", interval.from, interval.to, interval.last_start)?;
    }
    if window.intervals.len() > TIMES {
        writeln!(out, "             and {} more", window.intervals.len() - TIMES)?;
    }
    Ok(())
}

fn rings(out: &mut String, looked: &Looked, package: &DeploymentPackage) -> std::fmt::Result {
    writeln!(out, "\n{} hosts (names are the server's word, ids are signed):", looked.places.len())?;
    for (number, ring) in (0u32..).zip(&package.rings) {
        let hosts: Vec<&Place> = looked.places.iter().filter(|place| place.ring == number).collect();
        writeln!(out, "  ring {} {}: {} hosts, not before {}", number + 1, printable(&ring.name), hosts.len(), ring.opens)?;
        writeln!(
            out,
            "    the next opens after {} of 1000 succeeded and {} s; more than {} failed or silent shut the gate",
            ring.success_per_mille, ring.soak_seconds, ring.failures
        )?;
        for place in hosts.iter().take(NAMED) {
            let id = place.host.to_string();
            let name = looked.names.get(&id).map(|name| printable(name)).unwrap_or_default();
            let window = place.window.as_deref().map_or_else(String::new, |window| format!(" in window {}", printable(window)));
            writeln!(out, "    {id} {name}{window}")?;
        }
        if hosts.len() > NAMED {
            writeln!(out, "    and {} more: `--format json` lists all", hosts.len() - NAMED)?;
        }
    }
    Ok(())
}
