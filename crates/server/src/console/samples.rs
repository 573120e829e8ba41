//! **Sample values** of every view, to draw, look at and attack the pages.
//!
//! Only tests reach them. Every text goes through [`Words::say`], so that the
//! same pages can be drawn from ordinary words, from hostile ones, or from very
//! long ones, and no field is left out of the attack.

mod administration;
mod fleet;
mod findings;
mod knowledge;
mod notices;
mod questions;
mod reports;
mod rollouts;
mod teams;
mod triage;
mod work;

use super::query::{ListForm, ListQuery};
use super::views::*;
use jiff::{SignedDuration, Timestamp};
use plimsoll_core::model::problem::Problem;
use plimsoll_core::model::scan::Coverage;
use std::cell::Cell;

pub(super) use administration::*;
pub(super) use findings::*;
pub(super) use fleet::*;
pub(super) use knowledge::*;
pub(super) use notices::*;
pub(super) use questions::*;
pub(super) use reports::*;
pub(super) use rollouts::*;
pub(super) use teams::*;
pub(super) use triage::*;
pub(super) use work::*;

/// Where texts come from.
pub(super) struct Words {
    hostile: &'static [String],
    next: Cell<usize>,
    /// Hosts in the fleet.
    pub(super) hosts: usize,
}

impl Words {
    /// Ordinary words.
    pub(super) fn ordinary() -> Self {
        Self { hostile: &[], next: Cell::new(0), hosts: 57 }
    }

    /// A fleet of some size.
    pub(super) fn with_hosts(hosts: usize) -> Self {
        Self { hosts, ..Self::ordinary() }
    }

    /// Every text is the next of these.
    pub(super) fn hostile(payloads: &'static [String]) -> Self {
        Self { hostile: payloads, next: Cell::new(0), hosts: 23 }
    }

    /// The text, or the next hostile one in its place.
    pub(super) fn say(&self, text: &str) -> String {
        if self.hostile.is_empty() {
            return text.to_owned();
        }
        let place = self.next.get();
        self.next.set(place + 1);
        self.hostile[place % self.hostile.len()].clone()
    }

    /// Whether every text is replaced.
    pub(super) fn is_hostile(&self) -> bool {
        !self.hostile.is_empty()
    }

    /// The figure, or the largest there is in its place.
    pub(super) fn figure(&self, figure: u64) -> u64 {
        if self.hostile.is_empty() { figure } else { u64::MAX }
    }

    pub(super) fn some(&self, text: &str) -> Option<String> {
        Some(self.say(text))
    }

    pub(super) fn all(&self, texts: &[&str]) -> Vec<String> {
        texts.iter().map(|text| self.say(text)).collect()
    }

    pub(super) fn choices(&self, texts: &[(&str, &str)]) -> Vec<Choice> {
        texts
            .iter()
            .zip(1u64..)
            .map(|((value, text), count)| Choice { value: self.say(value), text: self.say(text), count: Some(count * 7) })
            .collect()
    }

    pub(super) fn problem(&self) -> Problem {
        // Not through `Problem::new`, which would tame the place.
        Problem {
            code: self.say("W-UNREADABLE-VERSION"),
            place: self.say("/var/lib/dpkg/status line 48122"),
            text: self.say("the version “1:2..3-~” of libexample-dev cannot be read: an empty number after the dot"),
            next: self.say("ask the packager, or remove the package; it is counted as not covered"),
        }
    }
}

/// The present of every sample.
pub(super) fn now() -> Timestamp {
    at("2026-11-22T04:10:00Z")
}

pub(super) fn at(text: &str) -> Timestamp {
    text.parse().unwrap()
}

pub(super) fn ago(hours: i64) -> Timestamp {
    now() - SignedDuration::from_hours(hours)
}

pub(super) fn ahead(hours: i64) -> Timestamp {
    now() + SignedDuration::from_hours(hours)
}

pub(super) fn coverage() -> Coverage {
    Coverage { components: 31_482, evaluated: 30_871, stale: 412, unsupported: 318, not_covered: 293, streams: vec![] }
}

/// The shell of an administrator of one of several clients.
pub(super) fn shell(words: &Words) -> Shell {
    Shell {
        now: now(),
        reader: Some(Reader {
            name: words.say("Ingrid Solheim"),
            role: words.say("administrator"),
            client: words.some("Nordwerft"),
            clients: vec![
                Choice { value: words.say("nordwerft"), text: words.say("Nordwerft"), count: None },
                Choice { value: words.say("havn"), text: words.say("Havn Logistikk"), count: None },
            ],
            proven: Some(now() + SignedDuration::from_mins(4)),
            may: Abilities { operate: true, enrol: true, audit: true, administer: true, notices: true, portal: false },
        }),
        evaluation: true,
        answer: Some(Answer {
            as_of: now(),
            database: Some(DatabaseAge { built: Some(ago(5)), digest: words.say("b3f1c0de99aa"), stale: false, troubled_sources: 2 }),
            coverage: coverage(),
            hosts: words.hosts as u64,
            fresh_hosts: (words.hosts as u64).saturating_sub(3),
        }),
        version: words.say("plimsoll 0.2.0"),
        form_token: words.some("8d1f0c2ab7"),
        notice: None,
    }
}

/// The shell before anybody signed in.
pub(super) fn bare_shell(words: &Words) -> Shell {
    Shell { reader: None, answer: None, ..shell(words) }
}

/// The shell of a server that knows nothing yet.
pub(super) fn empty_shell(words: &Words) -> Shell {
    let answer = Answer { as_of: now(), database: None, coverage: Coverage::default(), hosts: 0, fresh_hosts: 0 };
    Shell { answer: Some(answer), ..shell(words) }
}

pub(super) fn listing<Row>(form: &ListForm, path: &str, query: &str, rows: Vec<Row>, facets: Vec<Facet>) -> Listing<Row> {
    let total = Some(rows.len() as u64);
    Listing { query: ListQuery::read(form, path, query), rows, total, before: None, after: None, facets }
}
