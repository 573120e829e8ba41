//! The **runner**: the short-lived process that changes the host.
//!
//! It takes an attempt's id and nothing else, verifies everything again, writes
//! each intent into the journal before its effect, and waits for the package
//! manager however long that takes. One that finds an attempt already begun
//! adopts what still runs and repairs what was cut off.

mod conclude;
mod drain;
mod own;
mod prepare;
mod watch;

use super::desk;
use super::journal::{Before, Event, Journal};
use super::ledger::{Attempt, Ledger};
use super::store::{Store, broken};
use super::verify::Work;
use crate::{identity, log};
use jiff::Timestamp;
use plimsoll_core::model::deployment_package::Target;
use plimsoll_core::model::outcome::{CheckResult, Observed, Outcome, State};
use plimsoll_core::model::problem::Problem;
use plimsoll_host::apply::{self, Identity, Installed, Manager, Place, Simulated, Transaction, Transcript};
use prepare::Prepared;
use rustix::fs::{FlockOperation, flock};
use std::fs::{File, OpenOptions};
use std::os::unix::fs::OpenOptionsExt;
use std::path::PathBuf;
use std::time::Duration;
use watch::Watcher;

/// Most packages that an outcome names: the protocol carries some more.
const MOST_PACKAGES: usize = 1900;

/// How a runner runs.
#[derive(Clone, Debug)]
pub struct RunnerOptions {
    /// The helper's own folder.
    pub state: PathBuf,
    /// Id of the attempt.
    pub attempt: String,
    /// After how long a step that still runs is reported; it is never ended
    /// because of it.
    pub late_after: Duration,
    /// How long the agent has, after an update of itself, until the server
    /// answers it.
    pub agent_within: Duration,
}

/// Carries out one attempt.
///
/// # Errors
///
/// What kept it from saying anything in the journal.
pub fn run_attempt(options: &RunnerOptions) -> Result<(), Problem> {
    // Already a leader where a shell started it; then it is its own session's.
    let _ = rustix::process::setsid();
    let store = Store::open(&options.state)?;
    let Some(_alone) = alone(&store)? else { return Ok(()) };
    let journal = Journal::new(&store);
    let ledger = Ledger::read(&journal)?;
    let Some(attempt) = ledger.get(&options.attempt).filter(|attempt| attempt.last_word().is_none()) else { return Ok(()) };
    if let Some(process) = Identity::own() {
        journal.append(&options.attempt, Event::Runs { process })?;
    }
    let outcome = carry_out(&store, options, attempt);
    if let Err(problem) = &outcome {
        log::problem(problem);
        // Nothing was begun: the helper tries again; otherwise a person looks.
        let event = if Ledger::read(&journal)?.get(&options.attempt).is_none_or(|attempt| !attempt.is_started()) {
            Event::Deferred { problem: problem.clone() }
        } else {
            let (_, pinned) = store.trust()?;
            let attempt = Ledger::read(&journal)?.get(&options.attempt).cloned().unwrap_or_else(|| attempt.clone());
            Event::Observed { outcome: Box::new(Outcome { problem: Some(problem.clone()), ..attempt.blank(&options.attempt, pinned.host, State::NeedsOperator) }) }
        };
        journal.append(&options.attempt, event)?;
    }
    outcome
}

/// Only one runner changes the host at a time; the lock ends with its process.
fn alone(store: &Store) -> Result<Option<File>, Problem> {
    let path = store.path("runner.lock");
    let lock = OpenOptions::new().create(true).truncate(false).write(true).mode(0o600).open(&path).map_err(|error| broken(&path, "cannot be opened", &error))?;
    Ok(flock(&lock, FlockOperation::NonBlockingLockExclusive).is_ok().then_some(lock))
}

fn carry_out(store: &Store, options: &RunnerOptions, attempt: &Attempt) -> Result<(), Problem> {
    // What a runner before this one started may run on without it.
    let adopted = attempt.process.filter(|_| attempt.ended.is_none() && attempt.hook.is_none()).is_some_and(Identity::runs);
    while attempt.hook.is_none() && attempt.process.is_some_and(Identity::runs) {
        std::thread::sleep(Duration::from_millis(200));
    }
    let id = &options.attempt;
    let work = desk::load(store, id, attempt, Timestamp::now())?;
    let manager = apply::manager(&work.plan)?;
    let folder = store.attempt(id)?;
    let mut run = Run {
        store,
        journal: Journal::new(store),
        id,
        manager,
        watcher: Watcher::new(store, id, Transcript::new(folder.join("log")), options.late_after),
        work_folder: folder.join("work"),
        checks: Vec::new(),
        agent_within: options.agent_within,
        attempt: attempt.clone(),
        work,
    };
    std::fs::create_dir_all(&run.work_folder).map_err(|error| broken(&run.work_folder, "cannot be made", &error))?;
    run.outlast_hook();
    let outcome = if let Some(doubt) = attempt.doubtful.clone() {
        run.observe_only(doubt)?
    } else if attempt.reboots.is_some() {
        run.after_reboot()?
    } else if attempt.effects > 0 {
        if let Some(holder) = apply::holder(run.work.plan.tool) {
            return run.journal.append(id, Event::Deferred { problem: locked(&holder) });
        }
        run.resume(adopted)?
    } else if attempt.drained {
        match run.undrain()? {
            Some(problem) => run.outcome(State::NeedsOperator, None, Some(problem)),
            // Begun anew, everything is verified again: much may have changed.
            None => return run.journal.append(id, Event::Deferred { problem: drain::cut_off() }),
        }
    } else {
        match run.prepare()? {
            Prepared::Ready(before, simulated) => match run.drain()? {
                None => run.transact(*before, &simulated)?,
                Some(problem) => run.outcome(State::FailedClean, Some(&before), Some(problem)),
            },
            Prepared::Done(outcome) => *outcome,
            Prepared::Later(problem) => return run.journal.append(id, Event::Deferred { problem }),
            Prepared::Rehearsed => return run.journal.append(id, Event::Rehearsed),
        }
    };
    let outcome = run.back_in_service(outcome)?;
    run.journal.append(id, Event::Observed { outcome: Box::new(outcome.clone()) })?;
    if outcome.state == State::Rebooting { run.reboot(outcome) } else { Ok(()) }
}

fn locked(holder: &apply::Holder) -> Problem {
    Problem::new("E-LOCKED", "package manager", holder.shown(), "nothing: it is waited for; the lock is neither taken nor removed")
}

/// One attempt under way.
struct Run<'a> {
    store: &'a Store,
    journal: Journal<'a>,
    id: &'a str,
    work: Work,
    manager: Box<dyn Manager>,
    watcher: Watcher<'a>,
    work_folder: PathBuf,
    checks: Vec<CheckResult>,
    agent_within: Duration,
    /// As the journal had it when this runner began.
    attempt: Attempt,
}

impl Run<'_> {
    /// Where files are; apart from `self`, so that the watcher can be lent.
    fn staging(&self) -> PathBuf {
        self.store.path("staging")
    }

    fn transaction<'t>(targets: &'t [Target], new: &'t [Target], remove: &'t [plimsoll_core::model::deployment_package::Removal], back: bool) -> Transaction<'t> {
        Transaction { targets, new, remove, back }
    }

    /// The transaction that the journal's intent stands for: targets, new
    /// packages, and what is simulated.
    fn intended(&self, before: &Before) -> (Vec<Target>, Vec<Target>, Simulated) {
        let named = |target: &&Target| before.installs.iter().any(|(name, arch)| *name == target.name && *arch == target.arch);
        let there = |target: &Target| before.packages.iter().any(|(name, arch, ..)| *name == target.name && apply::same_slot(arch, &target.arch));
        let install: Vec<Target> = self.work.plan.install.iter().filter(named).cloned().collect();
        let (targets, new): (Vec<Target>, Vec<Target>) = install.iter().cloned().partition(|target| there(target));
        let remove = self.work.plan.remove.iter().filter(|removal| before.removes.contains(&(removal.name.clone(), removal.arch.clone()))).cloned().collect();
        (targets, new, Simulated { install, remove })
    }

    /// Steps that change the host, as the journal counts them now.
    fn effects(&self) -> u32 {
        self.now().effects
    }

    /// The attempt as the journal has it now.
    fn now(&self) -> Attempt {
        Ledger::read(&self.journal).ok().and_then(|ledger| ledger.get(self.id).cloned()).unwrap_or_else(|| self.attempt.clone())
    }

    /// An outcome of what is seen at this moment.
    fn outcome(&self, state: State, before: Option<&Before>, problem: Option<Problem>) -> Outcome {
        let installed = self.manager.installed().unwrap_or_default();
        let mut outcome = self.attempt.blank(self.id, self.work.pinned.host, state);
        outcome.packages = observed(&installed, before);
        outcome.checks.clone_from(&self.checks);
        let known: Vec<Identity> = before.map(|before| before.stale.clone()).unwrap_or_default();
        let stale = apply::stale_processes().into_iter().filter(|stale| !known.contains(&stale.process));
        outcome.stale_processes = stale.take(200).map(|stale| stale.shown()).collect();
        outcome.effects = self.effects();
        outcome.log = self.watcher.shown();
        outcome.boot_id = identity::boot_id();
        let touches_kernel = before.is_some_and(|before| before.boot_id == outcome.boot_id && before.installs.iter().any(|(name, _)| plimsoll_host::needs_reboot(name)));
        let flagged = ["/run/reboot-required", "/run/reboot-needed"].iter().any(|path| std::path::Path::new(path).exists());
        outcome.reboot_pending = (touches_kernel && !matches!(state, State::NeedsOperator | State::FailedClean | State::Refused)) || flagged;
        outcome.problem = problem;
        bounded(outcome)
    }
}

/// Version before and now of everything that the plan may touch.
fn observed(installed: &Installed, before: Option<&Before>) -> Vec<Observed> {
    let Some(before) = before else { return Vec::new() };
    let mut names: Vec<(String, String)> = before.packages.iter().map(|(name, arch, ..)| (name.clone(), arch.clone())).collect();
    names.extend(before.installs.iter().filter(|(name, arch)| !before.packages.iter().any(|(old, slot, ..)| old == name && apply::same_slot(slot, arch))).cloned());
    let line = |(name, arch): (String, String)| {
        let was = before.packages.iter().find(|(old, slot, ..)| *old == name && *slot == arch);
        let slots = installed.iter().filter(|((now, slot), _)| *now == name && apply::same_slot(slot, &arch));
        let mut versions: Vec<(String, String)> = slots.flat_map(|(_, versions)| versions).map(|present| (present.version.clone(), present.status.clone())).collect();
        versions.sort();
        let status = versions.first().map(|(_, status)| status.clone()).unwrap_or_default();
        let after: Vec<String> = versions.into_iter().map(|(version, _)| version).collect();
        Observed { name, arch, before: was.map(|(_, _, version, _)| version.clone()), after: (!after.is_empty()).then(|| after.join(", ")), status }
    };
    let mut lines: Vec<Observed> = names.into_iter().map(line).collect();
    lines.sort();
    lines.dedup();
    lines
}

/// Keeps an outcome within what the protocol carries.
fn bounded(mut outcome: Outcome) -> Outcome {
    outcome.packages.truncate(MOST_PACKAGES);
    let room = 200usize << 10;
    let packages: usize = outcome.packages.iter().map(|package| package.name.len() + 120).sum();
    let limit = room.saturating_sub(packages).max(4 << 10);
    if outcome.log.len() > limit {
        let mut end = limit;
        while !outcome.log.is_char_boundary(end) {
            end -= 1;
        }
        outcome.log.truncate(end);
    }
    outcome
}

/// A place for one transaction's files.
fn place<'p>(staging: &'p std::path::Path, work: &'p std::path::Path, package: &plimsoll_core::model::deployment_package::DeploymentPackage) -> Place<'p> {
    Place { staging, work, configuration_files: package.configuration_files }
}
