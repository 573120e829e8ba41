//! One check-in and what follows from its answer.

use crate::alarms::Alarms;
use crate::enrol::{CHECKPOINT, Joined};
use crate::exchange::Speaker;
use crate::helper::Observed;
use crate::identity::{self, KEY, NEXT_KEY};
use crate::log;
use crate::reports::Reports;
use crate::sequence::Sequence;
use crate::server::{Failure, Server};
use crate::state::State;
use crate::work::Work;
use ed25519_dalek::SigningKey;
use plimsoll_core::model::problem::Problem;
use plimsoll_formats::protocol::{
    self, CheckIn, CheckInAnswer, Checkpoint, LogKey, Remembered, ReportAnswer, Rotate, Want, code, compress, consistent,
    make_delta, read_message, sign_rotation,
};

/// Everything that one agent has in hand.
pub(crate) struct Member {
    pub(crate) joined: Joined,
    pub(crate) log_key: LogKey,
    pub(crate) server: Server,
    pub(crate) state: State,
    pub(crate) key: SigningKey,
    pub(crate) sequence: Sequence,
    pub(crate) reports: Reports,
    pub(crate) alarms: Alarms,
    pub(crate) remembered: Option<Remembered>,
    pub(crate) work: Work,
}

impl Member {
    pub(crate) fn speaker(&self) -> Speaker<'_> {
        Speaker { server: &self.server, state: &self.state, host: &self.joined.host, key: &self.key }
    }

    /// Checks in and does what the server wants; gives the seconds until the
    /// next time.
    pub(crate) fn check_in(&mut self, observed: &Observed) -> Result<u32, Failure> {
        let outcome = self.exchange(observed);
        match &outcome {
            Err(failure) if failure.problem.code == code::REPLAY => self.sequence.skip(),
            Err(failure) if failure.problem.code == code::SIGNATURE => self.settle_key(observed),
            // Whoever comes back may be another than who went.
            Err(failure) if failure.problem.code == "E-NETWORK" => self.alarms.repeat(true),
            _ => {}
        }
        outcome
    }

    fn exchange(&mut self, observed: &Observed) -> Result<u32, Failure> {
        self.alarms.repeat(false);
        let waiting = self.alarms.waiting();
        let sequence = self.sequence.take(&self.state);
        let message = CheckIn {
            sequence,
            boot_id: observed.boot_id.clone(),
            hardware_digest: observed.hardware_digest.clone(),
            report: self.reports.current.clone(),
            checkpoint: self.remembered.clone(),
            alarms: waiting.clone(),
            assigned: self.work.assigned(),
        };
        let answer = self.speaker().say(protocol::CHECK_IN, sequence, &message)?;
        self.alarms.delivered(&self.state, waiting.len());
        if answer.status == 204 {
            self.confirm();
            return Ok(answer.next.filter(|next| (1..=86_400).contains(next)).unwrap_or(self.joined.check_in_seconds));
        }
        let answer: CheckInAnswer = read_message(&answer.body)?;
        if let Some(note) = &answer.checkpoint {
            self.witness(note, &answer.consistency);
        }
        if let Some(documents) = answer.assignments {
            self.work.replace(&self.state, documents);
        }
        if answer.rotate_key {
            self.rotate()?;
        }
        match answer.want {
            None => Ok(answer.next_seconds),
            Some(Want::Full) => self.send_full(),
            Some(Want::Delta) => self.send_delta(answer.base.as_deref()),
        }
    }

    /// The server has what this host has.
    fn confirm(&mut self) {
        if self.reports.current.is_some() && self.reports.confirmed != self.reports.current {
            self.reports.confirmed.clone_from(&self.reports.current);
            if let Err(problem) = self.reports.keep(&self.state) {
                log::problem(&problem);
            }
        }
    }

    /// Remembers a newer checkpoint if it continues the one remembered; raises
    /// the alarm if not, and keeps the old one as evidence.
    pub(crate) fn witness(&mut self, note: &str, proof: &[String]) {
        let outcome = Checkpoint::read(note, &self.log_key).and_then(|checkpoint| {
            if let Some(old) = &self.remembered {
                consistent(old, &checkpoint, proof)?;
            }
            Ok(checkpoint.remembered())
        });
        match outcome {
            Ok(newest) if self.remembered.as_ref() != Some(&newest) => {
                if let Err(problem) = self.state.write_json(CHECKPOINT, &newest) {
                    log::problem(&problem);
                }
                self.remembered = Some(newest);
            }
            Ok(_) => {}
            Err(problem) => {
                let root = self.remembered.as_ref().map(|old| old.root.as_str()).unwrap_or_default();
                self.alarms.accuse(&self.state, &format!("{} {root}", problem.code), &problem);
            }
        }
    }

    fn send_full(&mut self) -> Result<u32, Failure> {
        let Some(digest) = self.reports.current.clone() else {
            return Err(Problem::new("E-REPORT", "report", "is not there yet", "look at the helper's log").into());
        };
        let body = self.reports.body(&self.state, &digest)?;
        let speaker = Speaker { server: &self.server, state: &self.state, host: &self.joined.host, key: &self.key };
        let answer = speaker.send(protocol::REPORT, &mut self.sequence, &body)?;
        self.accepted(&digest, &answer.body)
    }

    /// Sends the difference from what the server has; the whole where this host
    /// does not have that any more, or the server says that it is not right.
    fn send_delta(&mut self, base: Option<&str>) -> Result<u32, Failure> {
        let Some((digest, body)) = self.delta(base) else { return self.send_full() };
        let speaker = Speaker { server: &self.server, state: &self.state, host: &self.joined.host, key: &self.key };
        match speaker.send(protocol::REPORT_DELTA, &mut self.sequence, &body) {
            Ok(answer) => self.accepted(&digest, &answer.body),
            Err(failure) if failure.problem.code == code::BASE || failure.status == Some(409) => {
                log::problem(&failure.problem);
                self.send_full()
            }
            Err(failure) => Err(failure),
        }
    }

    fn delta(&self, base: Option<&str>) -> Option<(String, Vec<u8>)> {
        let (base, current) = (base?, self.reports.current.as_deref()?);
        let base = self.reports.read(&self.state, base).ok()?;
        let current = self.reports.read(&self.state, current).ok()?;
        let delta = make_delta(&base, &current);
        // Beyond half of it anew, the whole is as short and cannot fail.
        if delta.added.len() * 2 > current.report.components.len() {
            return None;
        }
        let body = compress("delta", &serde_json::to_vec(&delta).ok()?).ok()?;
        Some((current.digest, body))
    }

    fn accepted(&mut self, digest: &str, body: &[u8]) -> Result<u32, Failure> {
        let answer: ReportAnswer = read_message(body)?;
        if answer.report != digest {
            return Err(Problem::new("E-REPORT", self.server.address(), "confirmed another report than was sent", "look at the server").into());
        }
        self.reports.confirmed = Some(answer.report);
        if let Err(problem) = self.reports.keep(&self.state) {
            log::problem(&problem);
        }
        log::say(&format!("report {} accepted: {} findings, {} overdue", digest.get(..12).unwrap_or(digest), answer.findings, answer.overdue));
        Ok(answer.next_seconds)
    }

    /// Changes the key: the new one is on disk before it is sent, and takes the
    /// old one's place only when the server has it.
    fn rotate(&mut self) -> Result<(), Failure> {
        let fresh = match identity::read_key(&self.state, NEXT_KEY)? {
            Some(fresh) => fresh,
            None => identity::make_key(&self.state, NEXT_KEY)?,
        };
        let old = identity::public(&self.key);
        let rotate = Rotate { new_public_key: identity::public(&fresh), new_signature: sign_rotation(&fresh, &self.joined.host, &old) };
        let sequence = self.sequence.take(&self.state);
        self.speaker().say(protocol::ROTATE, sequence, &rotate)?;
        self.adopt(fresh)?;
        log::say("the host's key was changed, as the server asked");
        Ok(())
    }

    fn adopt(&mut self, fresh: SigningKey) -> Result<(), Problem> {
        self.state.rename(NEXT_KEY, KEY)?;
        self.key = fresh;
        Ok(())
    }

    /// After a refused signature: was this agent killed between the server's
    /// taking the new key and its own? Then the new key is the one that fits.
    fn settle_key(&mut self, observed: &Observed) {
        let Ok(Some(fresh)) = identity::read_key(&self.state, NEXT_KEY) else { return };
        let sequence = self.sequence.take(&self.state);
        let message = CheckIn {
            sequence,
            boot_id: observed.boot_id.clone(),
            hardware_digest: observed.hardware_digest.clone(),
            report: None,
            checkpoint: None,
            alarms: Vec::new(),
            assigned: Vec::new(),
        };
        let speaker = Speaker { server: &self.server, state: &self.state, host: &self.joined.host, key: &fresh };
        if speaker.say(protocol::CHECK_IN, sequence, &message).is_ok() {
            match self.adopt(fresh) {
                Ok(()) => log::say("the new key is in force; the change was cut off last time"),
                Err(problem) => log::problem(&problem),
            }
        }
    }
}
