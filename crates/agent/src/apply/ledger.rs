//! The **ledger**: what the journal says of each attempt.

use super::journal::{Before, Event, Journal, Record};
use jiff::Timestamp;
use plimsoll_core::model::outcome::{Outcome, State};
use plimsoll_core::model::problem::Problem;
use plimsoll_host::apply::Identity;
use std::collections::BTreeMap;

/// How far an attempt is.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Default)]
pub(crate) enum Stage {
    /// Verified; artefacts may be missing.
    #[default]
    Received,
    /// Nothing is missing.
    Staged,
    /// A runner has it, or had.
    Launched,
    /// It ended, see its outcome.
    Ended,
}

/// One attempt.
#[derive(Clone, Debug, Default)]
pub(crate) struct Attempt {
    /// SHA-256 of the package.
    pub(crate) package: String,
    pub(crate) epoch: u64,
    pub(crate) generation: u64,
    pub(crate) stage: Stage,
    /// Whether an older journal may have known more: it is then observed and
    /// not executed.
    pub(crate) doubtful: Option<Problem>,
    /// How often a runner was asked for since the attempt last moved.
    pub(crate) launches: u32,
    pub(crate) runner: Option<Identity>,
    /// When the last runner was asked for.
    pub(crate) launched: Option<Timestamp>,
    /// What stood in the way the last time, and when.
    pub(crate) deferred: Option<(Timestamp, Problem)>,
    /// Whether a simulation while it waits showed nothing outside the plan.
    pub(crate) rehearsed: bool,
    pub(crate) before: Option<Before>,
    /// Steps that changed the host, the last with its end where it is known.
    pub(crate) effects: u32,
    pub(crate) step: Option<String>,
    pub(crate) process: Option<Identity>,
    pub(crate) ended: Option<Option<i32>>,
    pub(crate) late: Option<Problem>,
    /// Files kept for the way back: path and copy, none where there was none.
    pub(crate) kept: Vec<(String, Option<String>)>,
    /// Whether the host may be out of service because of it.
    pub(crate) drained: bool,
    /// How often it was taken out.
    pub(crate) drains: u32,
    /// Since when a program of its owner is at work on that.
    pub(crate) hook: Option<Timestamp>,
    /// The boot during which a reboot was asked for.
    pub(crate) reboots: Option<String>,
    pub(crate) outcome: Option<Outcome>,
    pub(crate) acknowledged: Option<Timestamp>,
}

impl Attempt {
    /// The outcome where it is the last word.
    pub(crate) fn last_word(&self) -> Option<&Outcome> {
        self.outcome.as_ref().filter(|outcome| outcome.state.is_terminal())
    }

    /// Whether the server has the last word.
    pub(crate) fn is_closed(&self) -> bool {
        self.last_word().is_some_and(|outcome| self.acknowledged == Some(outcome.observed))
    }

    fn take(&mut self, record: Record) {
        match record.event {
            Event::SetAside { .. } => {}
            Event::Received { package, epoch, generation } => {
                (self.package, self.epoch, self.generation) = (package, epoch, generation);
            }
            Event::Staged => self.stage = Stage::Staged,
            Event::Launched => {
                self.stage = Stage::Launched;
                self.launches += 1;
                self.launched = Some(record.at);
                self.runner = None;
            }
            Event::Runs { process } => self.runner = Some(process),
            Event::Deferred { problem } => {
                self.stage = Stage::Staged;
                self.launches = 0;
                self.deferred = Some((record.at, problem));
            }
            Event::Rehearsed => {
                self.stage = Stage::Staged;
                self.launches = 0;
                self.rehearsed = true;
            }
            Event::Armed { before } => {
                self.launches = 0;
                self.deferred = None;
                self.before = Some(*before);
            }
            Event::Starts { step } => {
                self.effects += 1;
                self.launches = 0;
                (self.step, self.process, self.ended) = (Some(step), None, None);
            }
            Event::Process { process } => self.process = Some(process),
            Event::Ended { code } => (self.ended, self.late) = (Some(code), None),
            Event::Late { problem } => self.late = Some(problem),
            Event::Kept { path, copy } => self.kept.push((path, copy)),
            Event::Drains => {
                (self.drained, self.hook, self.process) = (true, Some(record.at), None);
                self.drains += 1;
            }
            Event::Undrains => (self.hook, self.process) = (Some(record.at), None),
            Event::Drained { .. } => (self.hook, self.process) = (None, None),
            Event::Undrained { problem } => (self.drained, self.hook, self.process) = (problem.is_some(), None, None),
            Event::Reboots { boot_id } => self.reboots = Some(boot_id),
            Event::Observed { outcome } => {
                if outcome.state.is_terminal() {
                    self.stage = Stage::Ended;
                }
                self.launches = 0;
                self.outcome = Some(*outcome);
            }
            Event::Acknowledged { observed } => self.acknowledged = Some(observed),
        }
    }

    /// Whether it may have changed the host: it is ended, not begun.
    pub(crate) fn is_started(&self) -> bool {
        self.effects > 0 || self.drained
    }

    /// Whether its runner, or the package manager that it started, is alive.
    pub(crate) fn is_running(&self) -> bool {
        self.runner.is_some_and(Identity::runs) || self.process.is_some_and(Identity::runs)
    }

    /// What a new outcome is made from.
    pub(crate) fn blank(&self, id: &str, host: plimsoll_core::model::identifier::HostId, state: State) -> Outcome {
        Outcome {
            host,
            package: self.package.clone(),
            epoch: self.epoch,
            generation: self.generation,
            attempt: id.to_owned(),
            state,
            observed: Timestamp::now(),
            boot_id: crate::identity::boot_id(),
            packages: Vec::new(),
            checks: Vec::new(),
            restarted: Vec::new(),
            stale_processes: Vec::new(),
            reboot_pending: false,
            effects: self.effects,
            log: String::new(),
            problem: None,
        }
    }
}

/// Every attempt that the journal knows, by id.
#[derive(Debug, Default)]
pub(crate) struct Ledger {
    attempts: BTreeMap<String, Attempt>,
    /// Why attempts up to a generation are in doubt.
    doubt: Option<(u64, u64, Problem)>,
}

impl Ledger {
    pub(crate) fn read(journal: &Journal<'_>) -> Result<Self, Problem> {
        let mut ledger = Self::default();
        journal.read(&mut |record| ledger.take(record))?;
        Ok(ledger)
    }

    fn take(&mut self, record: Record) {
        if let Event::SetAside { problem, epoch, generation } = record.event {
            self.doubt = Some((epoch, generation, problem));
            return;
        }
        let attempt = self.attempts.entry(record.attempt.clone()).or_default();
        attempt.take(record);
        // A runner that outlived the old journal writes on in the new one.
        if attempt.outcome.is_none()
            && let Some((epoch, generation, problem)) = &self.doubt
            && (attempt.epoch, attempt.generation) <= (*epoch, *generation)
        {
            attempt.doubtful = Some(problem.clone());
        }
    }

    pub(crate) fn get(&self, attempt: &str) -> Option<&Attempt> {
        self.attempts.get(attempt)
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = (&String, &Attempt)> {
        self.attempts.iter()
    }

    /// The attempt that a runner or its package manager is at work on.
    pub(crate) fn running(&self) -> Option<&String> {
        self.attempts.iter().find(|(_, attempt)| attempt.stage == Stage::Launched && attempt.is_running()).map(|(id, _)| id)
    }
}
