//! What measures are counted from, one **event** a line: for those who count
//! again with a program of their own.

use super::HostStory;
use crate::assessment::UPDATE;
use crate::model::advisory::Rating;
use crate::model::identifier::HostId;
use crate::model::outcome::State;
use crate::model::transition::{Bound, FindingKey, Obliged, Transition};
use crate::phases::confirm::second::Agreement;
use jiff::Timestamp;
use serde::Serialize;

/// One line of the export; fields stand in the order in which they are written.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
#[serde(tag = "event", rename_all = "lowercase")]
pub enum Event<'a> {
    /// The first line.
    Export {
        /// Always [`Event::SCHEMA`].
        schema: &'static str,
        /// The moment up to which it tells.
        as_of: Timestamp,
        /// Client whose hosts are in it; none for all that its reader may see.
        client: Option<&'a str>,
    },
    /// A host; its transitions follow in their order.
    Host {
        /// Host.
        host: HostId,
        /// Its name.
        name: &'a str,
        /// Since when it is managed.
        enrolled: Timestamp,
        /// When it was retired; none where it was not by then.
        retired: Option<Timestamp>,
    },
    /// What changed on a host at one moment.
    Transition {
        /// Host.
        host: HostId,
        /// Its place in the host's journal.
        serial: u64,
        /// When.
        at: Timestamp,
        /// Findings that opened.
        opened: Vec<&'a FindingKey>,
        /// Findings that closed.
        closed: Vec<&'a FindingKey>,
        /// What open findings oblige to from now on.
        obliged: Vec<Demand<'a>>,
        /// Policies that decided so.
        policies: &'a [String],
    },
    /// A host's part in a rollout, as far as the evidence log tells it.
    Change {
        /// SHA-256 of the package, hex.
        package: &'a str,
        /// Host.
        host: HostId,
        /// When the first of its advisories was published.
        published: Option<Timestamp>,
        /// When one of them was first seen on a host of the package.
        detected: Option<Timestamp>,
        /// When it was drafted.
        drafted: Option<Timestamp>,
        /// When enough people had signed it.
        accepted: Option<Timestamp>,
        /// Attempts that ended, in their order.
        attempts: Vec<Ended>,
        /// Whether the first attempt is among them.
        first_ended: bool,
        /// When the newest attempt began.
        began: Option<Timestamp>,
        /// When it had ended, by the host's clock.
        ended: Option<Timestamp>,
        /// When a later report first showed the host with the change.
        confirmed: Option<Timestamp>,
        /// How an outside scanner stood to that, where one was asked for.
        #[serde(skip_serializing_if = "Option::is_none")]
        scanner: Option<Scanned>,
    },
    /// The last line: an export without it is cut.
    End {
        /// Hosts before it.
        hosts: u64,
        /// Transitions before it.
        transitions: u64,
        /// Parts in rollouts before it.
        changes: u64,
    },
}

/// How an outside scanner stood to a change.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize)]
pub struct Scanned {
    /// What came of it.
    pub says: Agreement,
    /// Since when the host stood so.
    pub since: Timestamp,
}

/// How an attempt ended.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize)]
pub struct Ended {
    /// How.
    pub state: State,
    /// When that was written down.
    pub ended: Timestamp,
}

/// What one open finding obliges to.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct Demand<'a> {
    /// Finding.
    #[serde(flatten)]
    pub finding: &'a FindingKey,
    /// Priority.
    pub priority: Rating,
    /// Whether it was known to be exploited.
    pub exploited: bool,
    /// Each due date, the earliest first.
    pub bounds: Vec<Limit<'a>>,
}

/// One rule's clock and end.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct Limit<'a> {
    /// Policy and rule.
    pub rule: &'a str,
    /// Second in which the clock started.
    pub start: Option<Timestamp>,
    /// Last second in time.
    pub due: Timestamp,
}

impl Event<'_> {
    /// Name and version of the form.
    pub const SCHEMA: &'static str = "plimsoll-report-events/1";
}

impl HostStory<'_> {
    /// What happened on the host up to a moment; nothing where it had not
    /// joined by then. Pending updates are no findings and left out.
    pub fn events(&self, until: Timestamp) -> Vec<Event<'_>> {
        if self.enrolled > until {
            return Vec::new();
        }
        let retired = self.retired.filter(|at| *at <= until);
        let own = self.transitions.iter().filter(|transition| transition.at <= until).filter_map(event);
        std::iter::once(Event::Host { host: self.host, name: self.name, enrolled: self.enrolled, retired }).chain(own).collect()
    }
}

fn findings(keys: &[FindingKey]) -> Vec<&FindingKey> {
    keys.iter().filter(|key| key.advisory != UPDATE).collect()
}

fn event(transition: &Transition) -> Option<Event<'_>> {
    let (opened, closed) = (findings(&transition.opened), findings(&transition.closed));
    if opened.is_empty() && closed.is_empty() && transition.obliged.is_empty() {
        return None;
    }
    let obliged = transition.obliged.iter().map(|(key, obliged)| demand(key, obliged)).collect();
    Some(Event::Transition { host: transition.host, serial: transition.serial, at: transition.at, opened, closed, obliged, policies: &transition.policies })
}

fn demand<'a>(finding: &'a FindingKey, obliged: &'a Obliged) -> Demand<'a> {
    let limit = |bound: &'a Bound| {
        let start = bound.start.and_then(|start| Timestamp::from_second(start).ok());
        Some(Limit { rule: &bound.rule, start, due: Timestamp::from_second(bound.due).ok()? })
    };
    Demand { finding, priority: obliged.rating, exploited: obliged.exploited, bounds: obliged.bounds.iter().filter_map(limit).collect() }
}
