//! What a transaction tells the journal while it runs.

use crate::apply::journal::{Event, Journal};
use crate::apply::store::Store;
use crate::log;
use plimsoll_core::model::problem::Problem;
use plimsoll_host::apply::{Identity, Transcript, Watch};
use std::time::{Duration, Instant};

/// Writes intents before their effects, and says when a step takes long.
pub(super) struct Watcher<'a> {
    journal: Journal<'a>,
    id: &'a str,
    transcript: Transcript,
    late_after: Duration,
    step: String,
    started: Instant,
    late: bool,
}

impl<'a> Watcher<'a> {
    pub(super) fn new(store: &'a Store, id: &'a str, transcript: Transcript, late_after: Duration) -> Self {
        Self { journal: Journal::new(store), id, transcript, late_after, step: String::new(), started: Instant::now(), late: false }
    }

    pub(super) fn shown(&self) -> String {
        self.transcript.shown()
    }
}

impl Watch for Watcher<'_> {
    fn starts(&mut self, step: &str) -> Result<(), Problem> {
        (self.step, self.started, self.late) = (step.to_owned(), Instant::now(), false);
        self.journal.append(self.id, Event::Starts { step: step.to_owned() })
    }

    fn runs(&mut self, process: Identity) {
        // The step runs already; that it is not named costs its adoption only.
        if let Err(problem) = self.journal.append(self.id, Event::Process { process }) {
            log::problem(&problem);
        }
    }

    fn tick(&mut self) {
        if self.late || self.started.elapsed() < self.late_after {
            return;
        }
        self.late = true;
        let text = format!("runs for {} s, {} s are expected; it is not ended because of it", self.started.elapsed().as_secs(), self.late_after.as_secs());
        let problem = Problem::new("E-LATE", format!("step {}", self.step), text, "look at the host: a script may wait for something");
        if let Err(problem) = self.journal.append(self.id, Event::Late { problem }) {
            log::problem(&problem);
        }
    }

    fn transcript(&self) -> &Transcript {
        &self.transcript
    }
}
