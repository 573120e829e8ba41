//! The hosts of a report with their **journals**, some at a time, so that a
//! fleet's journal is never in memory at once.

use crate::api::hosts::visible;
use crate::api::parameter;
use crate::app::App;
use crate::http::problem::Refusal;
use crate::identity::role::{Portion, Scope};
use jiff::Timestamp;
use plimsoll_core::measures::HostStory;
use plimsoll_core::model::identifier::{ClientId, HostId};
use plimsoll_core::model::registration::{HostState, Registration};
use plimsoll_core::model::transition::Transition;
use std::collections::BTreeSet;

/// Hosts whose journals are in memory at a time.
const TOGETHER: usize = 500;

/// A host of a report.
struct Line {
    host: HostId,
    name: String,
    enrolled: Timestamp,
    retired: bool,
}

/// A host with its journal.
pub(super) struct Told {
    line: Line,
    retired: Option<Timestamp>,
    transitions: Vec<Transition>,
}

impl Told {
    /// The same for the core.
    pub(super) fn story(&self) -> HostStory<'_> {
        let Line { host, name, enrolled, .. } = &self.line;
        HostStory { host: *host, name, enrolled: *enrolled, retired: self.retired, transitions: &self.transitions }
    }
}

/// Hosts that somebody may see, still to be told up to a moment.
pub(super) struct Stories {
    lines: std::vec::IntoIter<Line>,
    as_of: Timestamp,
}

impl Stories {
    /// Finds the hosts, in the order of their names.
    ///
    /// # Errors
    ///
    /// `E-PARAMETER` for a moment that is still to come.
    pub(super) fn new(app: &App, scope: &Scope, as_of: Timestamp, client: Option<ClientId>) -> Result<Self, Refusal> {
        let now = Timestamp::now();
        if as_of > now {
            return Err(parameter("as_of", format!("{as_of} is still to come, now is {now}"), "name a moment that has passed"));
        }
        // Hosts that are retired by now were not then.
        let seen = visible(app, scope);
        let whole = |client: ClientId| match scope {
            Scope::Everything => true,
            Scope::Clients(portions) => portions.get(&client) == Some(&Portion::Whole),
        };
        let fleet = app.fleet.read();
        let hosts = fleet.hosts().map(|managed| &managed.registration).filter(|host| seen.contains(host.number) || whole(host.client));
        let own = hosts.filter(|host| host.state != HostState::Pending && client.is_none_or(|client| host.client == client));
        // As the store keeps it: a host that joined since this server started
        // must not be told more finely than after its next start.
        let enrolled = |host: &Registration| Timestamp::from_microsecond(host.enrolled.as_microsecond()).unwrap_or(host.enrolled);
        let mut lines: Vec<Line> = own.map(|host| Line { host: host.id, name: host.name.clone(), enrolled: enrolled(host), retired: host.state == HostState::Retired }).collect();
        lines.sort_by(|one, other| (&one.name, one.host).cmp(&(&other.name, other.host)));
        Ok(Self { lines: lines.into_iter(), as_of })
    }

    /// The hosts that are still to be told.
    pub(super) fn hosts(&self) -> BTreeSet<HostId> {
        self.lines.as_slice().iter().map(|line| line.host).collect()
    }

    /// Reads the next hosts; none after the last.
    ///
    /// # Errors
    ///
    /// What the store meets.
    pub(super) async fn next(&mut self, app: &App) -> Result<Option<Vec<Told>>, Refusal> {
        let lines: Vec<Line> = self.lines.by_ref().take(TOGETHER).collect();
        if lines.is_empty() {
            return Ok(None);
        }
        let hosts: Vec<HostId> = lines.iter().map(|line| line.host).collect();
        let mut stories = app.store.stories(&hosts, self.as_of).await?;
        let mut told = Vec::with_capacity(lines.len());
        for line in lines {
            let retired = match line.retired {
                true => app.store.newest_act(&format!("host:{}", line.host), "host.retire").await?.map(|act| act.time),
                false => None,
            };
            let transitions = stories.remove(&line.host).unwrap_or_default();
            told.push(Told { line, retired, transitions });
        }
        Ok(Some(told))
    }
}
