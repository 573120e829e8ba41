//! What must reach the server whatever else happens: durable until a check-in
//! that carried it was answered.

use crate::log;
use crate::state::State;
use jiff::Timestamp;
use plimsoll_core::model::problem::Problem;
use serde::{Deserialize, Serialize};
use std::time::{Duration, Instant};

const FILE: &str = "alarms.json";
/// Most alarms waiting; one of each kind says enough.
const WAITING: usize = 50;
/// How often what speaks against the server is said again.
const REPEAT: Duration = Duration::from_secs(900);
/// Seconds after which it is no longer said.
const FORGET: i64 = 30 * 86_400;
/// Most subjects remembered as told.
const TOLD: usize = 200;

/// Alarms waiting and told.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(crate) struct Alarms {
    waiting: Vec<Problem>,
    /// Subjects already raised, so that a fork is not told anew each minute.
    told: Vec<String>,
    /// What speaks against the server, with the instant it was seen first.
    #[serde(default)]
    against: Vec<(Timestamp, Problem)>,
    /// When it was last put among what waits.
    #[serde(skip)]
    repeated: Option<Instant>,
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

    /// Raises an alarm that speaks against the server itself. It is said again
    /// for weeks: whoever answered the first time may have been the one it is
    /// about, and the server that people took back has not heard it.
    pub(crate) fn accuse(&mut self, state: &State, subject: &str, problem: &Problem) {
        let known = self.told.iter().any(|told| told == subject);
        if !known && self.against.len() < WAITING {
            self.against.push((Timestamp::now(), problem.clone()));
        }
        self.raise(state, subject, problem);
    }

    /// Puts what speaks against the server among what waits, in its order,
    /// where that was not done for a quarter of an hour; `now` does it at once.
    pub(crate) fn repeat(&mut self, now: bool) {
        if self.against.is_empty() || !now && self.repeated.is_some_and(|at| at.elapsed() < REPEAT) {
            return;
        }
        self.repeated = Some(Instant::now());
        let oldest = Timestamp::now().as_second() - FORGET;
        self.against.retain(|(seen, _)| seen.as_second() > oldest);
        let mut waiting: Vec<Problem> = self.against.iter().map(|(_, problem)| problem.clone()).collect();
        waiting.extend(self.waiting.drain(..).filter(|other| !self.against.iter().any(|(_, problem)| problem == other)));
        waiting.truncate(WAITING);
        self.waiting = waiting;
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_speaks_against_the_server_is_said_again_and_other_alarms_once() {
        let folder = tempfile::tempdir().unwrap();
        let state = State::open(folder.path()).unwrap();
        let problem = |code: &str| Problem::new(code, "log", "is another", "look");
        let mut alarms = Alarms::open(&state);
        alarms.repeat(false);
        alarms.raise(&state, "a", &problem("E-A"));
        alarms.accuse(&state, "fork", &problem("E-LOG-FORK"));
        alarms.accuse(&state, "fork", &problem("E-LOG-FORK"));
        assert_eq!(alarms.waiting().len(), 2);
        alarms.delivered(&state, 2);
        alarms.repeat(true);
        let codes = |alarms: &Alarms| alarms.waiting().iter().map(|problem| problem.code.clone()).collect::<Vec<_>>();
        assert_eq!(codes(&alarms), ["E-LOG-FORK"]);
        alarms.delivered(&state, 1);
        alarms.repeat(false);
        assert_eq!(codes(&alarms), Vec::<String>::new());
        // The next process says it at its first check-in.
        let mut alarms = Alarms::open(&state);
        alarms.repeat(false);
        assert_eq!(codes(&alarms), ["E-LOG-FORK"]);
        alarms.raise(&state, "b", &problem("E-B"));
        alarms.repeat(true);
        assert_eq!(codes(&alarms), ["E-LOG-FORK", "E-B"]);
        alarms.against = vec![(Timestamp::UNIX_EPOCH, problem("E-OLD"))];
        alarms.repeat(true);
        assert_eq!(codes(&alarms), ["E-LOG-FORK", "E-B"]);
        assert!(alarms.against.is_empty());
    }
}
