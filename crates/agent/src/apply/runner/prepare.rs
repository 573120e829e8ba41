//! Everything before the first effect: nothing here changes the host.

use super::{Run, locked, place};
use crate::apply::gate;
use crate::apply::journal::{Before, Event};
use crate::apply::{checks, stage};
use crate::identity;
use jiff::Timestamp;
use plimsoll_core::model::deployment_package::{Removal, Target};
use plimsoll_core::model::outcome::{Outcome, State};
use plimsoll_core::model::problem::Problem;
use plimsoll_host::apply::{self, Installed, Needed, Simulated};

/// What came of it.
pub(super) enum Prepared {
    /// The transaction may start.
    Ready(Box<Before>, Simulated),
    /// There is nothing to do, or nothing that may be done.
    Done(Box<Outcome>),
    /// Something is in the way for now.
    Later(Problem),
    /// It is not its time; what it would do is within the plan.
    Rehearsed,
}

impl Run<'_> {
    fn done(&self, state: State, before: Option<&Before>, problem: Option<Problem>) -> Prepared {
        Prepared::Done(Box::new(self.outcome(state, before, problem)))
    }

    pub(super) fn prepare(&mut self) -> Result<Prepared, Problem> {
        let wait = gate::barred(self.store, &self.work, Timestamp::now())?;
        if let Some(problem) = wait.as_ref().filter(|wait| wait.state == State::Deferred).and_then(|wait| wait.problem.clone()) {
            return Ok(Prepared::Later(problem));
        }
        if let Some(holder) = apply::holder(self.work.plan.tool) {
            return Ok(Prepared::Later(locked(&holder)));
        }
        let installed = self.manager.installed()?;
        let needed = apply::needed(&self.work.plan, &installed, self.manager.scheme())?;
        let before = self.before(&installed, &Simulated::default())?;
        if needed.targets.is_empty() && self.work.plan.steps.is_empty() {
            return Ok(self.done(State::AlreadySatisfied, Some(&before), None));
        }
        let broken = self.manager.audit(&needed.targets)?;
        if !broken.is_empty() {
            let text = format!("is broken before anything was done: {}", broken.join("; ").chars().take(500).collect::<String>());
            let problem = Problem::new("E-HOST-STATE", "package database", text, "mend it by hand: dpkg --configure -a, apt-get -f install, rpm -V");
            return Ok(self.done(State::NeedsOperator, Some(&before), Some(problem)));
        }
        if let Err(problem) = self.can_drain() {
            return Ok(self.done(State::NeedsOperator, Some(&before), Some(problem)));
        }
        if wait.is_some() {
            return self.rehearse(&installed, &needed, &before);
        }
        if let Some(problem) = self.look(true) {
            return Ok(self.done(State::NeedsOperator, Some(&before), Some(problem)));
        }
        match self.staged(&installed, &needed) {
            Ok(()) => {}
            Err(problem) => return Ok(Prepared::Later(problem)),
        }
        let simulated = match self.simulate(&needed) {
            Ok(simulated) => simulated,
            // Room can be made; anything else is for a person.
            Err(problem) if problem.code == "E-HOST-SPACE" => return Ok(Prepared::Later(problem)),
            Err(problem) => return Ok(self.done(State::NeedsOperator, Some(&before), Some(problem))),
        };
        let before = Box::new(self.before(&installed, &simulated)?);
        self.journal.append(self.id, Event::Armed { before: before.clone() })?;
        Ok(Prepared::Ready(before, simulated))
    }

    /// Simulates before its time: what a person must look at shows early.
    fn rehearse(&self, installed: &Installed, needed: &Needed, before: &Before) -> Result<Prepared, Problem> {
        if let Err(problem) = self.staged(installed, needed) {
            return Ok(Prepared::Later(problem));
        }
        match self.simulate(needed) {
            Ok(_) => Ok(Prepared::Rehearsed),
            Err(problem) if problem.code == "E-HOST-SPACE" => Ok(Prepared::Later(problem)),
            Err(problem) => Ok(self.done(State::NeedsOperator, Some(before), Some(problem))),
        }
    }

    /// What is not needed is not asked of the package manager.
    fn simulate(&self, needed: &Needed) -> Result<Simulated, Problem> {
        if needed.targets.is_empty() {
            return Ok(Simulated::default());
        }
        let staging = self.staging();
        let place = place(&staging, &self.work_folder, &self.work.package);
        self.manager.simulate(&place, &Self::transaction(&needed.targets, &needed.new, &self.work.plan.remove, false))
    }

    /// Re-hashes every file that may be used, the way back included.
    fn staged(&self, installed: &Installed, needed: &Needed) -> Result<(), Problem> {
        let back = apply::way_back(&self.work.plan, installed, needed);
        let files = needed.targets.iter().chain(&needed.new).chain(&back);
        for target in files {
            if !stage::holds(self.store, &target.sha256, target.size) {
                // The helper asks for it again.
                let _ = std::fs::remove_file(self.store.staged(&target.sha256));
                return Err(Problem::new("E-ARTEFACT", &target.name, "is not staged as people signed it", "nothing: the agent fetches it again"));
            }
        }
        Ok(())
    }

    /// The state before the first effect.
    fn before(&self, installed: &Installed, simulated: &Simulated) -> Result<Before, Problem> {
        let plan = &self.work.plan;
        let named = |name: &str| {
            let targets = plan.install.iter().chain(&plan.way_back).any(|target| target.name == name);
            targets || plan.remove.iter().any(|removal| removal.name == name)
        };
        let rows = installed.iter().filter(|((name, _), _)| named(name));
        let rows = rows.flat_map(|((name, arch), versions)| versions.iter().map(move |present| (name.clone(), arch.clone(), present.version.clone(), present.status.clone())));
        let target = |target: &Target| (target.name.clone(), target.arch.clone());
        let removal = |removal: &Removal| (removal.name.clone(), removal.arch.clone());
        Ok(Before {
            boot_id: identity::boot_id(),
            packages: rows.collect(),
            automatic: self.manager.automatic()?,
            stale: apply::stale_processes().into_iter().map(|stale| stale.process).collect(),
            installs: simulated.install.iter().map(target).collect(),
            removes: simulated.remove.iter().map(removal).collect(),
        })
    }

    /// Looks at every check of this moment; gives the first that does not hold.
    pub(super) fn look(&mut self, before: bool) -> Option<Problem> {
        let due: Vec<_> = self.work.package.checks.iter().filter(|check| !before || check.before).cloned().collect();
        for check in due {
            self.checks.push(checks::look(&check, before));
        }
        let failed = self.checks.iter().find(|result| result.before == before && !result.holds)?;
        let (when, next) = if before { ("before anything was done", "mend what it looks at first; nothing was changed") } else { ("after the change", "see what the check looks at") };
        Some(Problem::new("E-CHECK", &failed.name, format!("does not hold {when}: {}", failed.text), next))
    }
}
