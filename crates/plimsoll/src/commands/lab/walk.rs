//! The walk: one change through the ten phases, by the commands that a person
//! would type, each against the real server.

use super::network::SERVER;
use super::rpm_base::RpmBase;
use super::server::{PEOPLE, own};
use super::system::System;
use super::tools::{run, said};
use super::{LabHosts, Stopped, failed, unfinished};
use crate::printer::{Failure, Printer};
use jiff::Timestamp;
use serde::Serialize;
use serde_json::{Value, json};
use std::path::PathBuf;
use std::time::{Duration, Instant};

/// How often the server is asked how far it is.
const LOOK: Duration = Duration::from_secs(1);

/// One phase, as it went.
#[derive(Clone, Debug, Serialize)]
pub struct PhaseRecord {
    /// Number and name, `7 deploy`.
    pub phase: &'static str,
    /// Seconds it took.
    pub seconds: f64,
    /// What came of it.
    pub outcome: String,
}

/// What a change is to be like.
#[derive(Clone, Debug, Default)]
pub struct Change {
    /// Checks before and after.
    pub checks: Value,
}

/// A walk under way.
pub struct Walk<'a> {
    lab: &'a LabHosts,
    printer: &'a Printer,
    stopped: &'a Stopped,
    began: Instant,
    /// Phases so far.
    pub phases: Vec<PhaseRecord>,
    /// Digest of the package, once there is one.
    pub package: String,
}

impl<'a> Walk<'a> {
    /// Begins.
    pub fn new(lab: &'a LabHosts, printer: &'a Printer, stopped: &'a Stopped) -> Self {
        Self { lab, printer, stopped, began: Instant::now(), phases: Vec::new(), package: String::new() }
    }

    /// Carries out one phase and tells of it.
    pub fn phase(&mut self, phase: &'static str, work: impl FnOnce(&mut Self) -> Result<String, Failure>) -> Result<(), Failure> {
        self.stopped.check()?;
        let began = Instant::now();
        let outcome = work(self)?;
        let seconds = began.elapsed().as_secs_f64();
        self.printer.say(&format!("{:6.1} s  {phase:<13} {seconds:6.1} s  {outcome}", self.began.elapsed().as_secs_f64()));
        self.phases.push(PhaseRecord { phase, seconds, outcome });
        Ok(())
    }

    /// Says something on the way.
    pub fn tell(&self, words: &str) {
        self.printer.say(&format!("{:6.1} s  {words}", self.began.elapsed().as_secs_f64()));
    }

    /// Waits until something is so; says what it saw last where it never is.
    pub fn until(&self, what: &str, patience: Duration, mut look: impl FnMut() -> Result<Result<String, String>, Failure>) -> Result<String, Failure> {
        let began = Instant::now();
        loop {
            self.stopped.check()?;
            match look()? {
                Ok(outcome) => return Ok(outcome),
                Err(seen) if began.elapsed() > patience => return Err(unfinished(what, &format!("waited {} s and saw: {seen}", patience.as_secs()))),
                Err(_) => std::thread::sleep(LOOK),
            }
        }
    }

    /// Phases 1 to 6: from an advisory to an accepted package.
    pub fn prepare(&mut self, change: &Change) -> Result<(), Failure> {
        let lab = self.lab;
        self.phase("1 monitor", |walk| {
            lab.advisory.publish()?;
            walk.until("the advisory", Duration::from_secs(120), || {
                let hosts = lab.hosts_listed()?;
                let told = hosts.iter().filter(|host| host["findings"].as_u64().unwrap_or(0) > 0).count();
                let words = format!("{} concerns {told} of {} hosts", lab.advisory.id, lab.hosts.len());
                Ok(if told == lab.hosts.len() { Ok(words) } else { Err(words) })
            })
        })?;
        self.phase("2 acquire", |walk| walk.acquire())?;
        self.phase("3 evaluate", |_| {
            let findings = lab.server.plimsoll(&["findings", "list", "--format", "json"])?;
            let named: Vec<&str> = findings.as_array().into_iter().flatten().filter_map(|row| row["advisory"].as_str()).collect();
            Ok(format!("{} of the fleet's open findings is the one", named.iter().filter(|name| **name == lab.advisory.id).count()))
        })?;
        self.phase("4 prioritize", |_| {
            let hosts = lab.hosts_listed()?;
            let due = hosts.iter().filter_map(|host| host["due"].as_str().or(host["next_due"].as_str())).min().unwrap_or("none").to_owned();
            Ok(format!("the earliest deadline is {due}"))
        })?;
        self.phase("6 package", |walk| walk.draft(change))?;
        self.phase("5 certify", |walk| walk.certify())
    }

    fn acquire(&mut self) -> Result<String, Failure> {
        let (lab, work) = (self.lab, &self.lab.place.0);
        let repositories = work.join("repositories.toml");
        let text = lab.base.repositories(&lab.advisory.release) + &lab.rpm.as_ref().map_or_else(String::new, RpmBase::repositories);
        std::fs::write(&repositories, text).map_err(|error| failed(&repositories, &error))?;
        let mut fetch = own()?;
        // The lab's own repository lies behind no proxy.
        fetch.env("NO_PROXY", SERVER);
        fetch.args(["--quiet", "acquire", "fetch", "--format", "json", "--allow-http", "--incomplete", "--repositories"]).arg(&repositories);
        fetch.arg("--artefacts").arg(lab.server.data.join("artefacts"));
        // Hosts of one system are alike: the first speaks for the others.
        for system in [System::Dpkg, System::Rpm] {
            let Some(host) = lab.hosts.iter().find(|host| host.system == system) else { continue };
            let scan = work.join(format!("{}.json", host.name));
            std::fs::write(&scan, host.said(&["plimsoll", "--quiet", "scan", "--format", "json"])?).map_err(|error| failed(&scan, &error))?;
            fetch.arg("--scan").arg(&scan);
        }
        if let Some(proxy) = &lab.base.proxy {
            fetch.arg("--proxy").arg(proxy);
        }
        let answer: Value = serde_json::from_str(&said(&mut fetch)?).map_err(|error| unfinished("acquire", &error.to_string()))?;
        let list = work.join("acquired.json");
        std::fs::write(&list, answer.to_string()).map_err(|error| failed(&list, &error))?;
        lab.server.told(&["package", "acquired", &list.to_string_lossy()])?;
        Ok(format!("{} artefacts, each proved by its publisher's signature; {} bytes fetched", answer["wanted"], answer["bytes"]))
    }

    /// Phase 6: drafts the package.
    pub fn draft(&mut self, change: &Change) -> Result<String, Failure> {
        let lab = self.lab;
        let checks: PathBuf = lab.place.0.join("checks.json");
        std::fs::write(&checks, if change.checks.is_null() { "[]".to_owned() } else { change.checks.to_string() }).map_err(|error| failed(&checks, &error))?;
        let name = format!("drill-{}", Timestamp::now().as_second());
        let title = format!("Security updates, {} among them", lab.advisory.update(System::Dpkg).package);
        let words = ["package", "draft", &name, "--title", &title, "--change", "emergency", "--reason", "a drill", "--updates", "security", "--checks", &checks.to_string_lossy()];
        let drafted = lab.server.plimsoll(&words)?;
        self.package = drafted["package"]["digest"].as_str().unwrap_or_default().to_owned();
        let shown = lab.server.plimsoll(&["package", "show", &self.package, "--format", "json"])?;
        let hosts = shown["package"]["hosts"]["count"].as_u64().or(shown["hosts"].as_array().map(|hosts| hosts.len() as u64)).unwrap_or(0);
        let left = drafted["left_out"].as_array().map_or(0, Vec::len);
        if left > 0 {
            return Err(unfinished("the package", &format!("leaves out {left} hosts: {}", drafted["left_out"])));
        }
        Ok(format!("{} for {hosts} hosts", self.package.get(..12).unwrap_or_default()))
    }

    /// Phase 5: has two people sign it.
    pub fn certify(&mut self) -> Result<String, Failure> {
        let lab = self.lab;
        let mut missing = String::new();
        for person in PEOPLE.iter().take(2) {
            let key = lab.server.keys.join("keys").join(format!("{person}.pem"));
            let root = lab.server.keys.join("root.json");
            let words = ["package", "sign", &self.package, "--root", &root.to_string_lossy(), "--key", &key.to_string_lossy(), "--yes"];
            lab.server.told(&words)?;
            let explained = lab.server.plimsoll(&["package", "explain", &self.package])?;
            missing = explained["certification"]["missing"].to_string();
            if explained["package"]["state"] == "accepted" {
                return Ok(format!("accepted with the signatures of {}", explained["signed_by"]));
            }
        }
        Err(unfinished("the package", &format!("was not accepted: {missing}")))
    }

    /// Phase 7: starts the rollout.
    pub fn start(&self) -> Result<(), Failure> {
        self.lab.server.told(&["rollout", "start", &self.package])
    }

    /// How the rollout stands.
    pub fn standing(&self) -> Result<Value, Failure> {
        self.lab.server.plimsoll(&["rollout", "show", &self.package])
    }

    /// Hosts of the rollout.
    pub fn hosts(&self) -> Result<Vec<Value>, Failure> {
        let hosts = self.lab.server.plimsoll(&["rollout", "hosts", &self.package, "--format", "json"])?;
        Ok(hosts.as_array().cloned().unwrap_or_default())
    }

    /// Phase 10: the log of it all, exported and verified without the server.
    pub fn document(&mut self, rolled_out: bool) -> Result<(), Failure> {
        self.phase("10 document", |walk| {
            let lab = walk.lab;
            let folder = lab.place.0.join("evidence");
            let key = said(own()?.args(["--quiet", "evidence", "export", "--data"]).arg(&lab.server.data).arg("--to").arg(&folder))?;
            run(own()?.args(["--quiet", "evidence", "verify"]).arg(&folder).args(["--key", key.trim()]))?;
            if !rolled_out {
                return Ok("the evidence log is exported and verifies offline; no rollout was started, so there is no record".to_owned());
            }
            let record = lab.place.0.join("change-record.pdf");
            let began = Instant::now();
            let mut make = own()?;
            make.args(["--quiet", "evidence", "record"]).arg(&folder).args(["--key", key.trim(), "--rollout", &walk.package, "--format", "pdf", "--output"]).arg(&record);
            run(&mut make)?;
            Ok(format!("the evidence log is exported and verifies offline; the change record was made of it alone in {:.1} s", began.elapsed().as_secs_f64()))
        })
    }

    /// The answer for machines.
    pub fn answer(&self, scenario: &str, ended: bool, hosts: Vec<Value>) -> Value {
        json!({
            "scenario": scenario, "outcome": if ended { "as it must" } else { "otherwise" }, "seconds": self.began.elapsed().as_secs_f64(),
            "package": self.package, "phases": self.phases, "hosts": hosts,
        })
    }
}
