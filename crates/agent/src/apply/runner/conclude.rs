//! The transaction itself and everything after it: observe, repair, restart,
//! check, roll back.
//!
//! Exit codes are evidence; what is observed decides. Whatever was cut off and
//! then reached its targets is called repaired, never plainly succeeded.

use super::{Run, place};
use crate::apply::journal::{Before, Event};
use crate::apply::{steps, verify};
use crate::identity;
use jiff::Timestamp;
use plimsoll_core::model::deployment_package::{RebootRule, Step, Target, Tool};
use plimsoll_core::model::outcome::{Observed, Outcome, State};
use plimsoll_core::model::problem::Problem;
use plimsoll_host::apply::{self, Ended, Installed, Simulated};
use std::process::{Command, Stdio};

/// Longest excerpt of what is broken, in characters.
const EXCERPT: usize = 500;

impl Run<'_> {
    /// Carries out the prepared transaction.
    pub(super) fn transact(&mut self, before: Before, simulated: &Simulated) -> Result<Outcome, Problem> {
        if simulated.install.is_empty() && simulated.remove.is_empty() {
            return self.finish(&before, simulated, State::Succeeded, Vec::new());
        }
        let (targets, new, _) = self.intended(&before);
        let staging = self.staging();
        let place = place(&staging, &self.work_folder, &self.work.package);
        let transaction = Self::transaction(&targets, &new, &self.work.plan.remove, false);
        let ended = self.manager.apply(&place, &transaction, simulated, &mut self.watcher)?;
        self.journal.append(self.id, Event::Ended { code: ended.code })?;
        self.conclude(&before, simulated, Some(ended), false)
    }

    /// Goes on with what another runner began: its package manager ended
    /// without that runner's seeing it, or was ended with it.
    pub(super) fn resume(&mut self, adopted: bool) -> Result<Outcome, Problem> {
        let Some(before) = self.attempt.before.clone() else {
            return Err(Problem::new("E-JOURNAL", self.id, "knows of an effect and of no state before it", "look at the host"));
        };
        let (_, _, simulated) = self.intended(&before);
        if self.attempt.step.as_deref().is_some_and(|step| step == "roll back") {
            let why = Problem::new("E-INTERRUPTED", "roll back", "was cut off and done again", "see the log");
            return self.roll_back(&before, &simulated, State::RepairedFormer, why);
        }
        let ended = match self.attempt.ended {
            Some(code) => Some(Ended { code }),
            // dpkg's states tell whether it came to its end; rpm's rows do not.
            None if adopted && self.work.plan.tool == Tool::Apt => Some(Ended { code: Some(0) }),
            None => None,
        };
        self.conclude(&before, &simulated, ended, true)
    }

    /// Observes, and repairs where the targets were not reached.
    fn conclude(&mut self, before: &Before, simulated: &Simulated, ended: Option<Ended>, resumed: bool) -> Result<Outcome, Problem> {
        let well = ended.is_some_and(Ended::well);
        let cut_off = ended.is_none_or(|ended| ended.code.is_none()) || self.says_cut_off();
        let missing = self.missing(simulated)?;
        if well && missing.is_empty() {
            // A repair that another runner finished was one all the same.
            let repaired = resumed && self.attempt.step.as_deref().is_some_and(|step| step != "apply" && step != "clean up" && !step.starts_with("service "));
            return self.finish(before, simulated, if repaired { State::RepairedTarget } else { State::Succeeded }, Vec::new());
        }
        let (targets, new, _) = self.intended(before);
        let staging = self.staging();
        let place = place(&staging, &self.work_folder, &self.work.package);
        let transaction = Self::transaction(&targets, &new, &self.work.plan.remove, false);
        let repaired = self.manager.repair(&place, &transaction, simulated, &mut self.watcher);
        self.journal.append(self.id, Event::Ended { code: repaired.is_ok().then_some(0) })?;
        let left = self.missing(simulated)?;
        if left.is_empty() {
            return self.finish(before, simulated, State::RepairedTarget, missing);
        }
        let text = format!("does not reach its targets: {}", excerpt(&left));
        let why = Problem::new("E-APPLY", "transaction", text, "see the log: a package's own script may have failed");
        self.roll_back(before, simulated, if cut_off { State::RepairedFormer } else { State::FailedClean }, why)
    }

    /// Whether apt says that dpkg was ended by a signal.
    fn says_cut_off(&self) -> bool {
        let log = self.watcher.shown();
        ["received signal", "received a segmentation fault", "exited unexpectedly", "dpkg was interrupted"].iter().any(|words| log.contains(words))
    }

    /// What is not as the transaction wanted it; empty where everything is.
    fn missing(&self, simulated: &Simulated) -> Result<Vec<String>, Problem> {
        let installed = self.manager.installed()?;
        let mut missing: Vec<String> = simulated.install.iter().filter(|target| !reached(&installed, target)).map(|target| format!("{} {} is not there", target.name, target.version)).collect();
        let gone = |name: &str, arch: &str| !installed.keys().any(|(there, slot)| there == name && apply::same_slot(slot, arch));
        missing.extend(simulated.remove.iter().filter(|removal| !gone(&removal.name, &removal.arch)).map(|removal| format!("{} is still there", removal.name)));
        missing.extend(self.manager.audit(&simulated.install)?);
        Ok(missing)
    }

    /// Steps, services, checks and reboot, after the packages are there.
    fn finish(&mut self, before: &Before, simulated: &Simulated, state: State, repaired: Vec<String>) -> Result<Outcome, Problem> {
        let mut notes: Option<Problem> = None;
        if state == State::RepairedTarget {
            let text = if repaired.is_empty() { "was cut off and brought to its targets".to_owned() } else { format!("was brought to its targets after: {}", excerpt(&repaired)) };
            notes = Some(Problem::new("W-REPAIRED", "transaction", text, "see the log for scripts that ran more than once"));
        }
        let installed_before = as_installed(before);
        if let Err(problem) = self.manager.restore_marks(&installed_before, &before.automatic, simulated) {
            notes = notes.or(Some(problem));
        }
        for (number, step) in self.work.plan.steps.clone().iter().enumerate() {
            if let Err(problem) = steps::take(self.store, &self.journal, self.id, number, step) {
                return self.roll_back(before, simulated, State::RolledBack, problem);
            }
        }
        let restarted = apply::restart_affected(&before.stale);
        if let Some(problem) = self.look(false).or_else(|| self.agent_reports(simulated)) {
            return self.roll_back(before, simulated, State::RolledBack, problem);
        }
        // Nothing leads back from here: what goes is not brought back.
        let (gone, left) = self.clean_up();
        let stopped = left.is_some();
        let mut outcome = self.outcome(state, Some(before), notes.or(left));
        outcome.restarted = restarted;
        with_cleared(&mut outcome, gone);
        // A removal that stopped half way is for a person, whatever was reached.
        if stopped && !self.manager.audit(&simulated.install)?.is_empty() {
            outcome.state = State::NeedsOperator;
            return Ok(outcome);
        }
        if self.may_reboot(outcome.reboot_pending) {
            outcome.state = State::Rebooting;
        }
        Ok(outcome)
    }

    /// Clears what is left over, as far as people signed that. What cannot be
    /// cleared is said and undoes nothing: the change itself is in place.
    fn clean_up(&mut self) -> (Vec<Observed>, Option<Problem>) {
        let (mut gone, mut notes) = (Vec::new(), None);
        for step in self.work.plan.steps.clone() {
            let Step::CleanUp { remnants, most } = step else { continue };
            let staging = self.staging();
            let place = place(&staging, &self.work_folder, &self.work.package);
            let effects = self.effects();
            let done = apply::clean_up(self.manager.as_ref(), &place, remnants, most, &mut self.watcher);
            if self.effects() > effects {
                // The ledger counts from here: a runner that dies later does
                // not take the clean-up for the transaction.
                let ended = Event::Ended { code: done.is_ok().then_some(0) };
                if let Err(problem) = self.journal.append(self.id, ended) {
                    notes = notes.or(Some(problem));
                }
            }
            match done {
                Ok(went) => gone.extend(went.into_iter().map(|one| Observed { name: one.name, arch: one.arch, before: Some(one.version), after: None, status: String::new() })),
                Err(problem) => notes = notes.or(Some(Problem { code: "W-CLEAN-UP".to_owned(), ..problem })),
            }
        }
        (gone, notes)
    }

    /// Whether the package wants a reboot now and the window lets it.
    fn may_reboot(&self, pending: bool) -> bool {
        let wanted = match self.work.package.reboot {
            RebootRule::Never => false,
            RebootRule::IfNeeded => pending,
            RebootRule::Always => true,
        };
        let now = Timestamp::now();
        let window = verify::window(&self.work).ok().flatten();
        wanted && window.is_none_or(|window| window.reboot && window.intervals.iter().any(|interval| interval.from <= now && now < interval.to))
    }

    /// Asks for a reboot; where none comes of it, the host stays pending.
    pub(super) fn reboot(&mut self, outcome: Outcome) -> Result<(), Problem> {
        self.journal.append(self.id, Event::Reboots { boot_id: identity::boot_id() })?;
        let asked = Command::new("/usr/bin/systemctl").arg("reboot").env_clear().stdin(Stdio::null()).stdout(Stdio::null()).status();
        if asked.is_ok_and(|status| status.success()) {
            return Ok(());
        }
        let problem = Problem::new("W-REBOOT", "systemctl reboot", "could not be asked for a reboot", "reboot the host by hand");
        let outcome = Outcome { state: State::Succeeded, problem: Some(problem), ..outcome };
        let outcome = Outcome { observed: Timestamp::now(), ..self.back_in_service(outcome)? };
        self.journal.append(self.id, Event::Observed { outcome: Box::new(outcome) })
    }

    /// After the boot that was asked for: looks at everything again.
    pub(super) fn after_reboot(&mut self) -> Result<Outcome, Problem> {
        let before = self.attempt.before.clone();
        let simulated = before.as_ref().map(|before| self.intended(before).2).unwrap_or_default();
        let missing = self.missing(&simulated)?;
        if !missing.is_empty() {
            let problem = Problem::new("E-APPLY", "host", format!("is not as it was before the reboot: {}", excerpt(&missing)), "look at the host");
            return Ok(self.outcome(State::NeedsOperator, before.as_ref(), Some(problem)));
        }
        if let Some(problem) = self.look(false) {
            return match &before {
                Some(before) => self.roll_back(before, &simulated, State::RolledBack, problem),
                None => Ok(self.outcome(State::NeedsOperator, None, Some(problem))),
            };
        }
        let earlier = self.attempt.outcome.clone();
        let mut outcome = self.outcome(State::Succeeded, before.as_ref(), earlier.as_ref().and_then(|earlier| earlier.problem.clone()));
        if earlier.is_some_and(|earlier| earlier.problem.is_some_and(|problem| problem.code == "W-REPAIRED")) {
            outcome.state = State::RepairedTarget;
        }
        // What was cleared before the reboot is told as well.
        let cleared = self.attempt.outcome.iter().flat_map(|earlier| &earlier.packages).filter(|line| line.after.is_none());
        let cleared: Vec<_> = cleared.filter(|line| !outcome.packages.iter().any(|other| other.name == line.name)).cloned().collect();
        with_cleared(&mut outcome, cleared);
        Ok(outcome)
    }

    /// Looks at an attempt of which an older journal may have known more.
    pub(super) fn observe_only(&mut self, doubt: Problem) -> Result<Outcome, Problem> {
        let installed = self.manager.installed()?;
        let needed = apply::needed(&self.work.plan, &installed, self.manager.scheme())?;
        let broken = self.manager.audit(&self.work.plan.install)?;
        let reached = needed.targets.is_empty() && broken.is_empty();
        Ok(self.outcome(if reached { State::AlreadySatisfied } else { State::NeedsOperator }, None, Some(doubt)))
    }

    /// Brings the former versions and files back and proves that they are
    /// there; `state` is what that is then called.
    fn roll_back(&mut self, before: &Before, simulated: &Simulated, state: State, why: Problem) -> Result<Outcome, Problem> {
        let stuck = |run: &Self, text: String| {
            let problem = Problem { text: format!("{}; {text}", why.text), next: "look at the host: its former state is not proven".to_owned(), ..why.clone() };
            Ok(run.outcome(State::NeedsOperator, Some(before), Some(problem)))
        };
        if let Err(problem) = steps::undo(self.store, &self.now().kept) {
            return stuck(self, format!("a file could not be put back: {} {}", problem.place, problem.text));
        }
        let installed = self.manager.installed()?;
        if !is_former(&installed, before) || !self.manager.audit(&simulated.install)?.is_empty() {
            let back = match self.former(before, simulated) {
                Ok(back) => back,
                Err(name) => return stuck(self, format!("there is no way back for {name}")),
            };
            let staging = self.staging();
            let place = place(&staging, &self.work_folder, &self.work.package);
            let transaction = Self::transaction(&back, &[], &[], true);
            let planned = match self.manager.simulate(&place, &transaction) {
                Ok(planned) => planned,
                Err(problem) => return stuck(self, format!("the way back is barred: {}", problem.text)),
            };
            let ended = self.manager.apply(&place, &transaction, &planned, &mut self.watcher)?;
            self.journal.append(self.id, Event::Ended { code: ended.code })?;
            let clean = |run: &Self| -> Result<bool, Problem> { Ok(is_former(&run.manager.installed()?, before) && run.manager.audit(&back)?.is_empty()) };
            if !clean(self)? {
                let everything = Simulated { install: back.clone(), remove: Vec::new() };
                let _ = self.manager.repair(&place, &transaction, &everything, &mut self.watcher);
                if !clean(self)? {
                    return stuck(self, "the way back did not reach the former state".to_owned());
                }
            }
            let everything = Simulated { install: back, remove: Vec::new() };
            let _ = self.manager.restore_marks(&as_installed(before), &before.automatic, &everything);
        }
        let restarted = apply::restart_affected(&before.stale);
        let mut outcome = self.outcome(state, Some(before), Some(why));
        outcome.restarted = restarted;
        Ok(outcome)
    }

    /// The former versions of everything that may have changed; the name of
    /// the first that has no way back.
    fn former(&self, before: &Before, simulated: &Simulated) -> Result<Vec<Target>, String> {
        let mut back = Vec::new();
        let changed = simulated.install.iter().map(|target| (&target.name, &target.arch)).chain(simulated.remove.iter().map(|removal| (&removal.name, &removal.arch)));
        for (name, arch) in changed {
            let Some((_, _, version, _)) = before.packages.iter().find(|(old, slot, ..)| old == name && apply::same_slot(slot, arch)) else { continue };
            let leads = |former: &&Target| former.name == *name && apply::same_slot(&former.arch, arch) && former.version == *version;
            let former = self.work.plan.way_back.iter().find(leads).filter(|former| crate::apply::stage::holds(self.store, &former.sha256, former.size));
            back.push(former.ok_or_else(|| name.clone())?.clone());
        }
        Ok(back)
    }
}

/// Adds what was cleared, within what the protocol carries.
fn with_cleared(outcome: &mut Outcome, gone: Vec<Observed>) {
    outcome.packages.extend(gone);
    outcome.packages.truncate(super::MOST_PACKAGES);
}

fn excerpt(lines: &[String]) -> String {
    lines.join("; ").chars().take(EXCERPT).collect()
}

/// Whether a package is there at exactly its version and whole.
fn reached(installed: &Installed, target: &Target) -> bool {
    let slots = installed.iter().filter(|((name, arch), _)| *name == target.name && apply::same_slot(arch, &target.arch));
    let same = |version: &str| version.strip_prefix("0:").unwrap_or(version) == target.version.strip_prefix("0:").unwrap_or(&target.version);
    slots.flat_map(|(_, versions)| versions).any(|present| same(&present.version) && (present.status.is_empty() || present.status == "ii" || present.status == "hi"))
}

/// Whether everything that was there is there again, as it was.
fn is_former(installed: &Installed, before: &Before) -> bool {
    before.packages.iter().all(|(name, arch, version, status)| {
        let versions = installed.get(&(name.clone(), arch.clone()));
        let only = before.packages.iter().filter(|(other, slot, ..)| other == name && slot == arch).count();
        versions.is_some_and(|versions| versions.len() == only && versions.iter().any(|present| present.version == *version && present.status == *status))
    })
}

/// The state before, in the form that is asked for.
fn as_installed(before: &Before) -> Installed {
    let mut installed = Installed::new();
    for (name, arch, version, status) in &before.packages {
        let present = apply::Present { version: version.clone(), status: status.clone() };
        installed.entry((name.clone(), arch.clone())).or_default().push(present);
    }
    installed
}
