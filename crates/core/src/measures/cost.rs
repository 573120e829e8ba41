//! The **cost** of patching: what each of the forty steps took and cost, by
//! patch and by host, with the cost centres beside them and fixed costs apart.
//!
//! Time is told in three figures: *elapsed*, measured from what the evidence
//! log has both ends of; *touch*, the hours that people worked; *wait*, the
//! rest of what elapsed. Each figure says where it comes from; a step of
//! which nobody says anything has none, which is not zero.
//!
//! Money is in whole minor units. Seconds are added up for each step, patch,
//! role and source, and rounded there once, so that the sums over steps,
//! patches, hosts and sources are the same sum.
//!
//! Source: Plimsoll's reference of measures, section 6. It is a model in the
//! manner of Project Quant and does not reproduce its report.

mod hours;
mod lines;
pub mod money;
mod patches;
pub mod steps;
mod terms;

pub use hours::standing;
pub use lines::{Budget, Centres, Cost, CostReport, Fixed, HostLine, PatchLine, PhaseLine, SourceLine, StepLine, Totals, Without};
pub use terms::{DEFAULT, Estimated, Terms};

use super::changes::{ChangeStory, Changes};
use super::{LISTED, Window};
use crate::model::identifier::HostId;
use crate::model::work::{Centre, Downtime, Source, Subject, Work};
use crate::phases::document::Record;
use hours::{Hours, Purpose, hours};
use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::TimeZone;
use money::{Minor, cost, split};
use patches::Patch;
use std::collections::BTreeMap;
use steps::{PHASES, Step};

/// Seconds of the year that a year's prices are for.
const YEAR_SECONDS: u64 = 365 * 86_400;

/// Terms with when they came into force.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct InForce {
    /// When they were noted.
    pub since: Timestamp,
    /// The policy that says so, `acme 2026.1`.
    pub policy: String,
    /// What they say.
    pub terms: Terms,
}

/// Collects rollouts, one at a time.
pub struct Collector {
    window: Window,
    patches: BTreeMap<String, Patch>,
    changes: Changes,
}

/// One sum of money with where it belongs.
struct Atom {
    subject: Subject,
    step: Option<Step>,
    source: Option<Source>,
    seconds: u64,
    cost: Minor,
    downtime: Minor,
    host: Option<HostId>,
}

impl Collector {
    /// Begins for a window.
    pub fn new(window: Window) -> Self {
        Self { window, patches: BTreeMap::new(), changes: Changes::default() }
    }

    /// Takes in a rollout as it stood at the window's end, with the hosts that
    /// are seen.
    pub fn rollout(&mut self, record: &Record) {
        for host in &record.hosts {
            self.changes.take(&ChangeStory::of(record, host), self.window.from.as_second());
        }
        self.patches.insert(record.package.clone(), Patch::of(record));
    }

    /// Counts what was worked against them.
    pub fn finish(self, work: &[Work], in_force: Option<&InForce>) -> Cost {
        let Self { window, patches, changes } = self;
        let nothing = Terms::default();
        let terms = in_force.map_or(&nothing, |in_force| &in_force.terms);
        let answering = answering(&patches);
        let of = |subject: &Subject| match subject {
            Subject::Advisory(id) => answering.get(id.as_str()).map_or_else(|| subject.clone(), |package| Subject::Package((*package).to_owned())),
            other => other.clone(),
        };
        let mut counted = hours(work, window.from, window.to, of);
        let own: Vec<(&String, &Patch)> = patches.iter().filter(|(_, patch)| (window.from..window.to).contains(&patch.started)).collect();
        estimate(&mut counted, &own, terms);
        let mut without = Without::default();
        let mut atoms = priced(&counted, terms, &mut without);
        atoms.extend(restarts(&patches, window, terms));
        let year = year(window.to);
        let (_, time_spent) = changes.finish();
        Cost {
            window,
            currency: in_force.map(|_| terms.currency.clone()).filter(|currency| !currency.is_empty()),
            decimals: terms.decimals(),
            prices_since: in_force.map(|in_force| in_force.since),
            prices_of: in_force.map(|in_force| in_force.policy.clone()),
            totals: totals(&atoms, &fixed(terms, window)),
            sources: sources(&atoms),
            phases: phases(&atoms, &own),
            steps: step_lines(&atoms, &own),
            patches: patch_lines(&atoms, &patches),
            hosts: host_lines(&atoms, &patches, &mut without),
            centres: centres(&atoms),
            fixed: fixed(terms, window),
            budgets: budgets(work, year, window.to, terms),
            year: year.to_zoned(TimeZone::UTC).year(),
            time_spent,
            cut: counted.cut,
            shared_seconds: counted.shared,
            passed_over_seconds: counted.passed_over,
            without,
        }
    }
}

/// The package that answers an advisory: of several the one whose rollout
/// started first.
fn answering(patches: &BTreeMap<String, Patch>) -> BTreeMap<&str, &str> {
    let mut order: Vec<(&String, &Patch)> = patches.iter().collect();
    order.sort_by_key(|(package, patch)| (patch.started, (*package).clone()));
    let mut answering = BTreeMap::new();
    for (package, patch) in order {
        for advisory in &patch.advisories {
            answering.entry(advisory.as_str()).or_insert(package.as_str());
        }
    }
    answering
}

/// Puts the policy's estimates where nobody says anything of a step.
fn estimate(counted: &mut Hours, own: &[(&String, &Patch)], terms: &Terms) {
    for (package, patch) in own {
        let subject = Subject::Package((*package).clone());
        for (step, estimate) in &terms.estimates {
            let said = counted.worked.keys().any(|purpose| purpose.subject == subject && purpose.step == Some(*step));
            let seconds = terms.estimated(estimate, patch.units(estimate.unit));
            if !said && seconds > 0 {
                let purpose = Purpose { subject: subject.clone(), step: Some(*step), role: estimate.role.clone(), source: Source::Estimate };
                counted.worked.insert(purpose, seconds);
            }
        }
    }
}

fn priced(counted: &Hours, terms: &Terms, without: &mut Without) -> Vec<Atom> {
    let mut atoms = Vec::new();
    for (Purpose { subject, step, role, source }, seconds) in &counted.worked {
        let price = terms.hour(role);
        if price.is_none() {
            without.price_seconds += seconds;
        }
        let cost = price.map_or(0, |price| cost(price, *seconds, 3600, terms.decimals()));
        atoms.push(Atom { subject: subject.clone(), step: *step, source: Some(*source), seconds: *seconds, cost, downtime: 0, host: None });
    }
    for ((subject, Downtime { tier, host, .. }), minutes) in &counted.downtime {
        let price = terms.minute(tier);
        if price.is_none() {
            without.price_minutes += minutes;
        }
        let downtime = price.map_or(0, |price| cost(price, *minutes, 1, terms.decimals()));
        atoms.push(Atom { subject: subject.clone(), step: Step::parse("7.4"), source: None, seconds: 0, cost: 0, downtime, host: *host });
    }
    atoms
}

/// Reboots that ended in the window, where the policy has a price for a minute
/// of whatever tier: of what tier a host was then is not kept.
fn restarts(patches: &BTreeMap<String, Patch>, window: Window, terms: &Terms) -> Vec<Atom> {
    let Some(price) = terms.downtime.get(DEFAULT) else { return Vec::new() };
    let mut atoms = Vec::new();
    for (package, patch) in patches {
        let own = patch.restarts.iter().filter(|(_, (ended, _))| (window.from..window.to).contains(ended));
        atoms.extend(own.map(|(host, (_, seconds))| Atom {
            subject: Subject::Package(package.clone()),
            step: Step::parse("7.4"),
            source: None,
            seconds: 0,
            cost: 0,
            downtime: cost(*price, *seconds, 60, terms.decimals()),
            host: Some(*host),
        }));
    }
    atoms
}

fn minor(sum: Minor) -> i64 {
    i64::try_from(sum).unwrap_or(i64::MAX)
}

fn sum<'a>(atoms: impl Iterator<Item = &'a Atom>) -> (u64, i64, i64) {
    let (seconds, cost, downtime) = atoms.fold((0_u64, 0, 0), |(seconds, cost, downtime), atom| (seconds.saturating_add(atom.seconds), cost + atom.cost, downtime + atom.downtime));
    (seconds, minor(cost), minor(downtime))
}

fn totals(atoms: &[Atom], fixed: &[Fixed]) -> Totals {
    let overhead = |atom: &&Atom| matches!(atom.subject, Subject::Overhead(_));
    let (patch_seconds, patches, _) = sum(atoms.iter().filter(|atom| !overhead(atom)));
    let (overhead_seconds, overheads, _) = sum(atoms.iter().filter(overhead));
    let (_, _, downtime) = sum(atoms.iter());
    let fixed: i64 = fixed.iter().map(|line| line.cost).sum();
    let variable = patches.saturating_add(overheads).saturating_add(downtime);
    let (estimated, ..) = sum(atoms.iter().filter(|atom| atom.source == Some(Source::Estimate)));
    let seconds = patch_seconds.saturating_add(overhead_seconds);
    Totals { seconds, patch_seconds, patches, overhead_seconds, overheads, downtime, variable, fixed, all: variable.saturating_add(fixed), mostly_estimated: u128::from(estimated) * 2 > u128::from(seconds) }
}

fn sources(atoms: &[Atom]) -> Vec<SourceLine> {
    let line = |source: Source| {
        let (seconds, cost, _) = sum(atoms.iter().filter(|atom| atom.source == Some(source)));
        SourceLine { source, seconds, cost }
    };
    Source::ALL.map(line).into()
}

fn step_lines(atoms: &[Atom], own: &[(&String, &Patch)]) -> Vec<StepLine> {
    let line = |step: Option<Step>| {
        let of_step = || atoms.iter().filter(move |atom| atom.step == step);
        let (seconds, cost, downtime) = sum(of_step());
        let measured: Vec<(&String, u64)> = step.into_iter().flat_map(|step| own.iter().filter_map(move |(package, patch)| Some((*package, *patch.elapsed.get(&step)?)))).collect();
        let (touch, ..) = sum(of_step().filter(|atom| measured.iter().any(|(package, _)| atom.subject == Subject::Package((*package).clone()))));
        let elapsed: u64 = measured.iter().map(|(_, seconds)| seconds).sum();
        let is_measured = !measured.is_empty();
        let by = |source: Source| of_step().any(|atom| atom.source == Some(source) && atom.seconds > 0);
        StepLine {
            step,
            name: step.map_or("No step", Step::name),
            key: step.is_some_and(Step::is_key),
            measured: step.map(Step::measured).filter(|_| is_measured),
            measured_patches: measured.len() as u64,
            elapsed_seconds: is_measured.then_some(elapsed),
            wait_seconds: is_measured.then(|| elapsed.saturating_sub(touch)),
            touch_seconds: (seconds > 0).then_some(seconds),
            hours_from: Source::ALL.into_iter().filter(|source| by(*source)).collect(),
            cost,
            downtime,
        }
    };
    let none = atoms.iter().any(|atom| atom.step.is_none()).then_some(None);
    Step::all().map(Some).chain(none).map(line).collect()
}

fn phases(atoms: &[Atom], own: &[(&String, &Patch)]) -> Vec<PhaseLine> {
    let steps = step_lines(atoms, own);
    let line = |(place, name): (usize, &'static str)| {
        let of_phase = || steps.iter().filter(move |line| line.step.is_some_and(|step| step.phase() == place));
        PhaseLine {
            phase: name,
            seconds: of_phase().filter_map(|line| line.touch_seconds).sum(),
            elapsed_seconds: of_phase().filter_map(|line| line.elapsed_seconds).fold(None, |sum, seconds| Some(sum.unwrap_or(0) + seconds)),
            cost: of_phase().map(|line| line.cost).sum(),
            downtime: of_phase().map(|line| line.downtime).sum(),
        }
    };
    PHASES.into_iter().enumerate().map(line).collect()
}

/// Patches by what they cost, the dearest first.
fn patch_lines(atoms: &[Atom], patches: &BTreeMap<String, Patch>) -> Vec<PatchLine> {
    let mut by: BTreeMap<&Subject, Vec<&Atom>> = BTreeMap::new();
    for atom in atoms.iter().filter(|atom| !matches!(atom.subject, Subject::Overhead(_))) {
        by.entry(&atom.subject).or_default().push(atom);
    }
    let line = |(subject, own): (&Subject, Vec<&Atom>)| {
        let (seconds, cost, downtime) = sum(own.iter().copied());
        let (estimated_seconds, ..) = sum(own.iter().copied().filter(|atom| atom.source == Some(Source::Estimate)));
        let patch = match subject {
            Subject::Package(package) => patches.get(package),
            _ => None,
        };
        let hosts = patch.map(|patch| patch.hosts.len() as u64);
        PatchLine {
            subject: subject.clone(),
            title: patch.map(|patch| patch.title.clone()),
            hosts,
            seconds,
            estimated_seconds,
            cost,
            downtime,
            // Rounded as the first of the hosts bears it.
            per_host: hosts.filter(|hosts| *hosts > 0).map(|hosts| cost.saturating_add(downtime).div_euclid(i64::try_from(hosts).unwrap_or(i64::MAX))),
        }
    };
    let mut lines: Vec<PatchLine> = by.into_iter().map(line).collect();
    lines.sort_by(|one, other| (other.cost + other.downtime, other.seconds, &one.subject).cmp(&(one.cost + one.downtime, one.seconds, &other.subject)));
    lines
}

/// Hosts by what fell to them, the dearest first: hours in equal parts over
/// the hosts of their patch, time out of service where it was.
fn host_lines(atoms: &[Atom], patches: &BTreeMap<String, Patch>, without: &mut Without) -> Vec<HostLine> {
    let mut shares: BTreeMap<HostId, Minor> = BTreeMap::new();
    let mut common: BTreeMap<&Subject, Minor> = BTreeMap::new();
    for atom in atoms.iter().filter(|atom| !matches!(atom.subject, Subject::Overhead(_)) || atom.downtime > 0) {
        match atom.host {
            Some(host) => *shares.entry(host).or_default() += atom.downtime,
            None => *common.entry(&atom.subject).or_default() += atom.cost + atom.downtime,
        }
    }
    let mut nobody = 0;
    for (subject, whole) in common {
        let patch = match subject {
            Subject::Package(package) => patches.get(package).filter(|patch| !patch.hosts.is_empty()),
            _ => None,
        };
        let Some(patch) = patch else {
            nobody += whole;
            continue;
        };
        for (host, part) in patch.hosts.keys().zip(split(whole, &vec![1; patch.hosts.len()])) {
            *shares.entry(*host).or_default() += part;
        }
    }
    without.host = minor(nobody);
    let names: BTreeMap<HostId, &String> = patches.values().flat_map(|patch| patch.hosts.iter().map(|(host, name)| (*host, name))).collect();
    let mut lines: Vec<HostLine> = shares.into_iter().map(|(host, cost)| HostLine { host, name: names.get(&host).map(|name| (*name).clone()), cost: minor(cost) }).collect();
    lines.sort_by(|one, other| (other.cost, &one.name, one.host).cmp(&(one.cost, &other.name, other.host)));
    let rest: i64 = lines.iter().skip(LISTED).map(|line| line.cost).sum();
    without.listed = rest;
    lines.truncate(LISTED);
    lines
}

fn centres(atoms: &[Atom]) -> Vec<Centres> {
    let line = |centre: Centre| {
        let (seconds, cost, downtime) = sum(atoms.iter().filter(|atom| atom.subject == Subject::Overhead(centre)));
        Centres { centre: centre.word(), seconds, cost, downtime }
    };
    Centre::ALL.map(line).into()
}

fn fixed(terms: &Terms, window: Window) -> Vec<Fixed> {
    let seconds = u64::try_from(window.to.as_second() - window.from.as_second()).unwrap_or(0);
    terms.fixed.iter().map(|(name, price)| Fixed { name: name.clone(), cost: minor(cost(*price, seconds, YEAR_SECONDS, terms.decimals())) }).collect()
}

/// The first moment of the calendar year, UTC, that a moment is in.
fn year(at: Timestamp) -> Timestamp {
    let date = at.to_zoned(TimeZone::UTC).date();
    Date::new(date.year(), 1, 1).ok().and_then(|date| date.to_zoned(TimeZone::UTC).ok()).map_or(at, |zoned| zoned.timestamp())
}

/// Days that each role worked since the year began; estimates are nobody's
/// days.
fn budgets(work: &[Work], from: Timestamp, to: Timestamp, terms: &Terms) -> Vec<Budget> {
    let mut roles: BTreeMap<String, u64> = terms.budget.keys().map(|role| (role.clone(), 0)).collect();
    for (purpose, seconds) in hours(work, from, to, Subject::clone).worked {
        *roles.entry(purpose.role).or_default() += seconds;
    }
    let day = terms.day_seconds.max(1);
    let line = |(role, seconds): (String, u64)| {
        let days = (seconds as f64 / day as f64 * 100.0).round() / 100.0;
        let budget = terms.budget.get(&role).map(|price| price.0);
        let over = budget.is_some_and(|budget| i128::from(seconds) * 1_000_000 > i128::from(budget) * i128::from(day));
        Budget { role, seconds, days, budget_days: budget.map(|budget| budget as f64 / 1_000_000.0), over }
    };
    roles.into_iter().map(line).collect()
}

#[cfg(test)]
mod tests;
