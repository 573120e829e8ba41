//! Out of service before the change and back in after it, by programs of the
//! host's owner.
//!
//! Each is announced in the journal before it starts. A runner that finds one
//! cut off waits for it, and where nothing was changed yet takes the host back,
//! so that whatever is decided next is decided of a host in service.

use super::Run;
use crate::apply::journal::Event;
use crate::apply::programs;
use crate::log;
use plimsoll_core::model::deployment_package::Drain;
use plimsoll_core::model::outcome::{Outcome, State};
use plimsoll_core::model::problem::{Problem, printable};
use std::time::Duration;

/// What takes a host out of service.
const DRAINS: &str = "/etc/plimsoll/drain.d";
/// What takes it back in.
const UNDRAINS: &str = "/etc/plimsoll/undrain.d";
/// How often it is taken out before somebody must look: each time but the last
/// the runner was cut off.
const MOST: u32 = 3;

fn problem(code: &str, text: &str, next: &str) -> Problem {
    Problem::new(code, "drain", text, next)
}

/// What a host waits for whose runner was cut off meanwhile.
pub(super) fn cut_off() -> Problem {
    problem("E-DRAIN", "the runner was cut off while the host was out of service and nothing had begun; it is back in service", "nothing: it begins again by itself")
}

impl Run<'_> {
    fn hook(&self) -> Option<Drain> {
        self.work.package.drain.clone()
    }

    /// Says before anything is done what would keep the host from going out of
    /// service or from coming back.
    pub(super) fn can_drain(&self) -> Result<(), Problem> {
        let Some(drain) = self.hook() else { return Ok(()) };
        if !drain.is_plain() {
            return Err(problem("E-DRAIN", "the package names no plain file, or no time", "draft it again"));
        }
        if self.attempt.drains >= MOST {
            let text = format!("the host was taken out of service {} times, and each time the runner was cut off before anything began", self.attempt.drains);
            return Err(problem("E-DRAIN", &text, "look at the host, and at the program"));
        }
        for folder in [DRAINS, UNDRAINS] {
            programs::find(folder, &drain.program).map_err(|text| problem("E-DRAIN", &text, "put both programs there, as root, writable by root alone"))?;
        }
        Ok(())
    }

    fn run_hook(&self, folder: &str, drain: &Drain) -> Result<String, String> {
        let path = programs::find(folder, &drain.program)?;
        let mut runs = |process| {
            // It runs already; that it is not named costs the wait for it only.
            if let Err(problem) = self.journal.append(self.id, Event::Process { process }) {
                log::problem(&problem);
            }
        };
        let ended = programs::run(&path, Duration::from_secs(u64::from(drain.timeout_seconds)), &mut runs);
        ended.map_err(|text| format!("{} {}", printable(&path.to_string_lossy()), printable(&text)))
    }

    /// Waits for a program that outlived its runner.
    pub(super) fn outlast_hook(&self) {
        if let (Some(_), Some(process), Some(drain)) = (self.attempt.hook, self.attempt.process, self.hook()) {
            programs::outlast(process, Duration::from_secs(u64::from(drain.timeout_seconds)));
        }
    }

    /// Takes the host out of service; gives why the change must not begin.
    pub(super) fn drain(&mut self) -> Result<Option<Problem>, Problem> {
        let Some(drain) = self.hook() else { return Ok(None) };
        self.journal.append(self.id, Event::Drains)?;
        let failed = self.run_hook(DRAINS, &drain).err();
        let failed = failed.map(|text| problem("E-DRAIN", &format!("the host did not go out of service, so nothing was begun: {text}"), "see why the program fails; then have the rollout tried again"));
        self.journal.append(self.id, Event::Drained { problem: failed.clone() })?;
        Ok(failed)
    }

    /// Takes the host back into service; gives why it did not come.
    pub(super) fn undrain(&mut self) -> Result<Option<Problem>, Problem> {
        let Some(drain) = self.hook() else { return Ok(None) };
        self.journal.append(self.id, Event::Undrains)?;
        let failed = self.run_hook(UNDRAINS, &drain).err();
        let failed = failed.map(|text| problem("E-UNDRAIN", &format!("the host did not come back into service: {text}"), "take it back by hand, and see why the program fails"));
        self.journal.append(self.id, Event::Undrained { problem: failed.clone() })?;
        Ok(failed)
    }

    /// Takes the host back into service at the end, whatever the end is; says
    /// so where it did not come, or must not.
    pub(super) fn back_in_service(&mut self, outcome: Outcome) -> Result<Outcome, Problem> {
        let now = self.now();
        // A journal that was lost may have known that the host is out.
        if self.hook().is_none() || outcome.state == State::Rebooting || !(now.drained || self.attempt.doubtful.is_some()) {
            return Ok(outcome);
        }
        let unproven = outcome.state == State::NeedsOperator && now.effects > 0;
        let problem = match unproven {
            true => Some(problem("E-UNDRAIN", "the host stays out of service, because its state is not proven", "look at the host, then take it back by hand")),
            false => self.undrain()?,
        };
        let Some(problem) = problem else { return Ok(outcome) };
        let problem = match outcome.problem.clone() {
            Some(first) => Problem { text: format!("{}; {}", first.text, problem.text), next: format!("{}; {}", first.next, problem.next), ..first },
            None => problem,
        };
        Ok(Outcome { state: State::NeedsOperator, problem: Some(problem), ..outcome })
    }
}
