//! Measures of **rollouts**: how attempts ended, and where the time went.
//!
//! Source of the definitions: Plimsoll's reference of measures, failed patch
//! rate, first-pass success and rollback rate.

use super::events::Event;
use super::share;
use crate::model::identifier::HostId;
use crate::model::outcome::State;
use crate::phases::confirm::second::Agreement;
use crate::phases::document::times::{Spans, finished, means, spans};
use crate::phases::document::{HostRecord, Milestones, Record, Times};
use jiff::Timestamp;
use serde::Serialize;

/// What rollouts came to in a window.
#[derive(Clone, Copy, PartialEq, Debug, Default, Serialize)]
pub struct Rollouts {
    /// Attempts of hosts that ended.
    pub attempts: u64,
    /// Of those, attempts that ended with the targets observed.
    pub succeeded: u64,
    /// That a failing check led back.
    pub rolled_back: u64,
    /// That the host refused to begin.
    pub refused: u64,
    /// That failed otherwise.
    pub failed: u64,
    /// Share that did not succeed, in percent; none where fewer than
    /// [`LEAST`](super::LEAST) ended, as for every share.
    pub failed_share: Option<f64>,
    /// Share of what was installed that went back.
    pub rolled_back_share: Option<f64>,
    /// Hosts of rollouts whose first attempt ended.
    pub first_attempts: u64,
    /// Of those, first attempts that succeeded.
    pub first_succeeded: u64,
    /// Their share.
    pub first_share: Option<f64>,
    /// Hosts of rollouts that were first seen with the change.
    pub confirmed: u64,
    /// Hosts on which an outside scanner sees a change as the host reports it.
    pub scanner_agrees: u64,
    /// Hosts on which it does not.
    pub scanner_disagrees: u64,
    /// Share of agreement among both.
    pub scanner_agrees_share: Option<f64>,
}

/// A host's part in a rollout, as the evidence log tells it.
#[derive(Clone, PartialEq, Debug)]
pub struct ChangeStory<'a> {
    /// SHA-256 of the package, hex.
    pub package: &'a str,
    /// Host.
    pub host: HostId,
    /// What came before the hosts.
    pub milestones: Milestones,
    /// How each attempt ended that did, and when that was written down.
    pub attempts: Vec<(State, Timestamp)>,
    /// Whether the first attempt is among them.
    pub first_ended: bool,
    /// When it began, by its newest attempt.
    pub began: Option<Timestamp>,
    /// When that had ended.
    pub ended: Option<Timestamp>,
    /// When it was first seen with the change.
    pub confirmed: Option<Timestamp>,
    /// How an outside scanner stood to that, and since when the host stood so.
    pub scanner: Option<(Agreement, Timestamp)>,
}

impl<'a> ChangeStory<'a> {
    /// Takes it out of a record.
    pub fn of(record: &'a Record, host: &HostRecord) -> Self {
        let mut attempts: Vec<_> = host.attempts.iter().map(|attempt| (attempt.generation, attempt.words.iter().max_by_key(|word| (word.observed, word.leaf)))).collect();
        attempts.sort_by_key(|(generation, _)| *generation);
        let end = |word: &&crate::phases::document::Said| word.state.is_terminal();
        Self {
            package: &record.package,
            host: host.host,
            milestones: record.milestones,
            first_ended: attempts.first().is_some_and(|(_, word)| word.as_ref().is_some_and(end)),
            attempts: attempts.into_iter().filter_map(|(_, word)| word.filter(end)).map(|word| (word.state, word.received)).collect(),
            began: host.began,
            ended: host.ended,
            confirmed: finished(host),
            scanner: host.second.zip(host.confirmed_at),
        }
    }

    /// The same as an event of the export.
    pub fn event(&self) -> Event<'a> {
        let Milestones { published, detected, drafted, accepted } = self.milestones;
        let attempts = self.attempts.iter().map(|(state, ended)| super::events::Ended { state: *state, ended: *ended }).collect();
        let Self { package, host, first_ended, began, ended, confirmed, scanner, .. } = *self;
        let scanner = scanner.map(|(says, since)| super::events::Scanned { says, since });
        Event::Change { package, host, published, detected, drafted, accepted, attempts, first_ended, began, ended, confirmed, scanner }
    }
}

/// Collects them.
#[derive(Default)]
pub(super) struct Changes {
    counted: Rollouts,
    spans: Vec<Spans>,
}

impl Changes {
    /// Takes in what one host did; what was before the second `from` is not
    /// counted.
    pub(super) fn take(&mut self, story: &ChangeStory<'_>, from: i64) {
        let counted = &mut self.counted;
        for (place, (state, ended)) in story.attempts.iter().enumerate() {
            if ended.as_second() < from {
                continue;
            }
            counted.attempts += 1;
            match state {
                state if state.is_success() => counted.succeeded += 1,
                State::RolledBack => counted.rolled_back += 1,
                State::Refused => counted.refused += 1,
                _ => counted.failed += 1,
            }
            if place == 0 && story.first_ended {
                counted.first_attempts += 1;
                counted.first_succeeded += u64::from(state.is_success());
            }
        }
        match story.scanner.filter(|(_, since)| since.as_second() >= from) {
            Some((Agreement::Agrees, _)) => counted.scanner_agrees += 1,
            Some((Agreement::Disagrees, _)) => counted.scanner_disagrees += 1,
            _ => {}
        }
        if story.confirmed.is_some_and(|at| at.as_second() >= from) {
            counted.confirmed += 1;
            self.spans.push(spans(&story.milestones, story.began, story.ended, story.confirmed));
        }
    }

    pub(super) fn finish(self) -> (Rollouts, Option<Times>) {
        let Self { mut counted, spans } = self;
        counted.failed_share = share(counted.attempts - counted.succeeded, counted.attempts);
        counted.rolled_back_share = share(counted.rolled_back, counted.succeeded + counted.rolled_back);
        counted.first_share = share(counted.first_succeeded, counted.first_attempts);
        counted.scanner_agrees_share = share(counted.scanner_agrees, counted.scanner_agrees + counted.scanner_disagrees);
        (counted, (!spans.is_empty()).then(|| means("all hosts", &spans)))
    }
}
