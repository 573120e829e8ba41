//! What must reach the server whatever else happens: durable until a check-in
//! that carried it was answered.

use crate::log;
use crate::state::State;
use plimsoll_core::model::problem::Problem;
use serde::{Deserialize, Serialize};

const FILE: &str = "alarms.json";
/// Most alarms waiting; one of each kind says enough.
const WAITING: usize = 50;
/// Most subjects remembered as told.
const TOLD: usize = 200;

/// Alarms waiting and told.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(crate) struct Alarms {
    waiting: Vec<Problem>,
    /// Subjects already raised, so that a fork is not told anew each minute.
    told: Vec<String>,
}

impl Alarms {
    /// Reads what waits; a damaged file loses alarms that are in the log.
    pub(crate) fn open(state: &State) -> Self {
        state.read_json(FILE).unwrap_or_else(|problem| {
            log::problem(&problem);
            None
        }).unwrap_or_default()
    }

    /// Raises an alarm, once a subject; always logs it.
    pub(crate) fn raise(&mut self, state: &State, subject: &str, problem: &Problem) {
        log::problem(problem);
        if self.told.iter().any(|told| told == subject) || self.waiting.len() >= WAITING {
            return;
        }
        self.waiting.push(problem.clone());
        self.told.push(subject.to_owned());
        if self.told.len() > TOLD {
            self.told.remove(0);
        }
        self.keep(state);
    }

    /// Says that a subject is in order again, so that it may be raised anew.
    pub(crate) fn settle(&mut self, subject: &str) {
        self.told.retain(|told| told != subject);
    }

    /// What the next check-in carries.
    pub(crate) fn waiting(&self) -> Vec<Problem> {
        self.waiting.clone()
    }

    /// Forgets the first `count`, which a check-in carried.
    pub(crate) fn delivered(&mut self, state: &State, count: usize) {
        if count > 0 {
            self.waiting.drain(..count.min(self.waiting.len()));
            self.keep(state);
        }
    }

    fn keep(&self, state: &State) {
        if let Err(problem) = state.write_json(FILE, self) {
            log::problem(&problem);
        }
    }
}
