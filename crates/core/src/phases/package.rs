//! Phase 6, package: exactly which bytes, steps, checks, rings and way back
//! make up the deployment package, and for which hosts?
//!
//! [`decide`] leaves no choices open: versions are exact, windows are instants,
//! every host has its ring. The same input gives the same package to the byte,
//! whatever order hosts come in.

pub mod afterwards;
pub mod emergency;
mod rings;
mod targets;

pub use rings::Why;

use crate::model::because::{Because, BecauseKind, Explained};
use crate::model::deployment_package::{
    ChangeType, Check, ConfigurationFiles, DeploymentPackage, Drain, HostList, Place, PolicyNamed, RebootRule, Ring, Step,
};
use crate::model::identifier::{ClientId, HostId};
use crate::model::policy::RolloutRules;
use crate::model::policy::rollout::Calendar;
use crate::model::policy::HostFacts;
use crate::model::stream::Stream;
use jiff::{SignedDuration, Timestamp};
use rings::Rings;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};
use targets::Targets;

/// Everything the decision may look at.
#[derive(Clone, Debug)]
pub struct Input<'a> {
    /// The instant that becomes [`DeploymentPackage::created`].
    pub now: Timestamp,
    /// What somebody wants.
    pub wish: &'a Wish,
    /// Who wants it.
    pub author: &'a str,
    /// Number of the package.
    pub version: u64,
    /// The policy that rings, windows and reboots follow.
    pub policy: PolicyNamed,
    /// What that policy says of them.
    pub rules: &'a RolloutRules,
    /// Hosts that were chosen.
    pub hosts: &'a [Candidate<'a>],
    /// What hosts' package managers would do; hosts point into it, because
    /// many say the same.
    pub pending: &'a [Vec<PendingUpdate>],
    /// What was acquired.
    pub artefacts: &'a Artefacts,
    /// Hosts of which never two may change at the same time, by what they are.
    pub apart: &'a [Apart],
}

/// What somebody wants to have deployed.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Wish {
    /// Client whose hosts they are.
    pub client: ClientId,
    /// Short name of the package.
    pub name: String,
    /// One line.
    pub title: String,
    /// Why.
    pub reason: String,
    /// How the change is authorised.
    pub change: ChangeType,
    /// Which pending updates.
    pub which: Which,
    /// The first ring does not open before.
    pub not_before: Timestamp,
    /// Nothing starts from here on.
    pub expires: Timestamp,
    /// What is looked at before and after.
    pub checks: Vec<Check>,
    /// Configuration that changes with it, on every stream.
    pub steps: Vec<Step>,
    /// What becomes of configuration files.
    pub configuration_files: ConfigurationFiles,
    /// Most hosts of a ring at work at a time; 0 sets no limit.
    pub at_once: u32,
    /// What takes hosts out of service meanwhile.
    pub drain: Option<Drain>,
}

/// Which pending updates.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Which {
    /// Everything that the hosts' package managers would install.
    Everything,
    /// Security updates.
    Security,
    /// What answers one of these advisories.
    Advisories(BTreeSet<String>),
    /// Packages of these names.
    Packages(BTreeSet<String>),
    /// None: steps alone.
    Nothing,
}

impl Which {
    /// Whether an update is one of them.
    pub fn wants(&self, update: &PendingUpdate) -> bool {
        match self {
            Self::Everything => true,
            Self::Security => update.security,
            Self::Advisories(wanted) => update.advisories.iter().any(|advisory| wanted.contains(advisory)),
            Self::Packages(wanted) => wanted.contains(&update.name),
            Self::Nothing => false,
        }
    }
}

/// One host that was chosen.
#[derive(Clone, Debug)]
pub struct Candidate<'a> {
    /// Id.
    pub id: HostId,
    /// What people say of it.
    pub facts: HostFacts,
    /// Release of its packages; none where nobody can tell.
    pub stream: Option<&'a Stream>,
    /// Place of what its package manager would do in [`Input::pending`]; none
    /// where that cannot be told.
    pub pending: Option<usize>,
    /// Whether an agent runs on it that could do anything.
    pub has_agent: bool,
    /// Whether it has gone silent.
    pub silent: bool,
}

/// One pending update of a host.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct PendingUpdate {
    /// Package.
    pub name: String,
    /// Architecture.
    pub arch: String,
    /// Version that is there; none where it would be new.
    pub installed: Option<String>,
    /// Version that its package manager would install.
    pub candidate: String,
    /// Whether the host does not have the package yet.
    pub new: bool,
    /// Whether something holds it back; such a one is never asked for.
    pub held: bool,
    /// Whether it is a security update.
    pub security: bool,
    /// Whether it takes effect at a reboot only.
    pub reboot: bool,
    /// Advisories that it answers.
    pub advisories: Vec<String>,
}

/// The bytes of one version of a package.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct Artefact {
    /// SHA-256, hex.
    pub sha256: String,
    /// Length in bytes.
    pub size: u64,
    /// Whose index named it.
    pub repository: String,
}

/// Artefacts by stream, then name, architecture and version.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Artefacts(pub BTreeMap<Stream, BTreeMap<(String, String, String), Artefact>>);

impl Artefacts {
    fn find(&self, stream: &Stream, name: &str, arch: &str, version: &str) -> Option<&Artefact> {
        self.0.get(stream)?.get(&(name.to_owned(), arch.to_owned(), version.to_owned()))
    }
}

/// Hosts that do the same work, so that never two of them may change at once.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize, Deserialize)]
pub struct Apart {
    /// What they are, `label cluster = db1`.
    pub name: String,
    /// The hosts.
    pub hosts: BTreeSet<HostId>,
}

/// What was decided.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Decision {
    /// The package; the root of its list of hosts is empty, because hashing is
    /// for whoever writes the package.
    pub package: DeploymentPackage,
    /// Its hosts, sorted.
    pub places: Vec<Place>,
    /// Why each host is in its ring, in the order of `places`.
    pub why: Vec<Why>,
    /// Hosts that were chosen and are not in it, sorted.
    pub left_out: Vec<LeftOut>,
    /// Hosts in it of which never two may change at once.
    pub apart: Vec<Apart>,
}

/// A host that was chosen and is not in the package.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize, Deserialize)]
pub struct LeftOut {
    /// The host.
    pub host: HostId,
    /// Why, in words.
    pub reason: String,
}

/// Decides what a deployment package is.
pub fn decide(input: &Input<'_>) -> Explained<Decision> {
    let mut because = Vec::new();
    let targets = Targets::gather(input, &mut because);
    let begins = input.wish.not_before.max(input.now);
    let mut calendar = Calendar::new(input.rules, begins, input.wish.expires, input.wish.change);
    let mut left_out = Vec::new();
    let mut taken = Vec::with_capacity(input.hosts.len());
    for (number, host) in input.hosts.iter().enumerate() {
        match targets.refuse(input, host).map_or_else(|| window(&mut calendar, host), Err) {
            Ok(window) => taken.push((number, window)),
            Err(reason) => left_out.push(LeftOut { host: host.id, reason }),
        }
    }
    left_out.sort();
    let rings = Rings::assign(input, &targets, taken, &mut because);
    let package = DeploymentPackage {
        schema: DeploymentPackage::SCHEMA.to_owned(),
        name: input.wish.name.clone(),
        version: input.version,
        client: input.wish.client,
        title: input.wish.title.clone(),
        reason: input.wish.reason.clone(),
        advisories: targets.advisories(),
        author: input.author.to_owned(),
        created: input.now,
        expires: input.wish.expires,
        change: input.wish.change,
        policy: input.policy.clone(),
        streams: targets.into_plans(input, &rings.streams()),
        hosts: HostList { count: rings.placed.len() as u64, root: String::new() },
        rings: timed(input, &rings, begins, &calendar),
        windows: used(&rings, calendar),
        checks: input.wish.checks.clone(),
        reboot: input.rules.reboot,
        configuration_files: input.wish.configuration_files,
        at_once: input.wish.at_once,
        drain: input.wish.drain.clone(),
    };
    explain(input, &package, &left_out, &mut because);
    let apart = rings.apart;
    let (places, why) = rings.placed.into_iter().map(|placed| (placed.place, placed.why)).unzip();
    Explained { decision: Decision { package, places, why, left_out, apart }, because }
}

fn window(calendar: &mut Calendar<'_>, host: &Candidate<'_>) -> Result<Option<String>, String> {
    let Some(name) = calendar.window_of(&host.facts) else { return Ok(None) };
    match calendar.window(&name) {
        Some(window) if window.intervals.is_empty() => Err(format!("its window {name} does not open before the package expires")),
        _ => Ok(Some(name)),
    }
}

/// The windows that somebody has.
fn used(rings: &Rings<'_>, calendar: Calendar<'_>) -> BTreeMap<String, crate::model::deployment_package::Window> {
    let names: BTreeSet<&str> = rings.placed.iter().filter_map(|placed| placed.place.window.as_deref()).collect();
    calendar.into_windows().into_iter().filter(|(name, _)| names.contains(name.as_str())).collect()
}

/// Rings with their time-locks: the next opens when the one before could have
/// started in its first window and was watched long enough.
fn timed(input: &Input<'_>, rings: &Rings<'_>, begins: Timestamp, calendar: &Calendar<'_>) -> Vec<Ring> {
    let tested = input.rules.test.get(&input.wish.change).map_or(0, |rule| rule.min_soak.nominal_seconds());
    let mut opens = begins;
    let mut timed = Vec::with_capacity(rings.rules.len());
    for (number, rule) in rings.rules.iter().enumerate() {
        let size = rings.size(number);
        let soak = rule.soak.nominal_seconds().max(if number == 0 { tested } else { 0 });
        let share = size * u64::from(rule.failed_per_mille) / 1000;
        let failures = u32::try_from(share).unwrap_or(u32::MAX);
        timed.push(Ring {
            name: rule.id.clone(),
            opens,
            soak_seconds: soak.unsigned_abs(),
            success_per_mille: 1000u32.saturating_sub(rule.failed_per_mille),
            failures: rule.health_failed.map_or(failures, |limit| failures.min(limit.saturating_sub(1))),
        });
        let first = rings.windows(number).into_iter().map(|name| earliest(name, calendar, opens)).min().unwrap_or(opens);
        opens = first.checked_add(SignedDuration::from_secs(soak)).unwrap_or(input.wish.expires);
    }
    timed
}

/// The first instant from `opens` on at which a host with this window may start.
fn earliest(window: Option<&str>, calendar: &Calendar<'_>, opens: Timestamp) -> Timestamp {
    let intervals = window.and_then(|name| calendar.window(name)).map(|window| window.intervals.as_slice());
    let Some(intervals) = intervals else { return opens };
    intervals.iter().find(|interval| interval.last_start > opens).map_or(Timestamp::MAX, |interval| interval.from.max(opens))
}

fn explain(input: &Input<'_>, package: &DeploymentPackage, left_out: &[LeftOut], because: &mut Vec<Because>) {
    if !left_out.is_empty() {
        let text = format!("{} of {} hosts that were chosen are left out", left_out.len(), input.hosts.len());
        because.push(Because::new(BecauseKind::Rule, text));
    }
    let late: Vec<&str> = package.rings.iter().filter(|ring| ring.opens >= package.expires).map(|ring| ring.name.as_str()).collect();
    if !late.is_empty() {
        let text = format!("the package expires at {} before {} may open", package.expires, late.join(", "));
        because.push(Because::new(BecauseKind::Rule, text));
    }
    if package.reboot == RebootRule::Never && input.pending.iter().flatten().any(|update| update.reboot && input.wish.which.wants(update)) {
        because.push(Because::new(BecauseKind::Kernel, "the policy reboots no host, so that updates which need it stay without effect until somebody does"));
    }
    if package.change == ChangeType::Emergency {
        because.push(Because::new(BecauseKind::Rule, "an emergency: windows and freezes that allow it are not waited for, and a first ring goes first all the same"));
    }
}

#[cfg(test)]
mod tests;
