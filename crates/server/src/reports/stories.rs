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
use plimsoll_store::evidence::reading::Entry;

/// Hosts whose journals are in memory at a time.
const TOGETHER: usize = 500;

/// A host with its journal.
pub struct Told {
    /// What is said of the host now.
    pub registration: Registration,
    /// When it was retired.
    pub retired: Option<Timestamp>,
    transitions: Vec<Transition>,
}

impl Told {
    /// The same for the core.
    pub fn story(&self) -> HostStory<'_> {
        let Registration { id, name, enrolled, .. } = &self.registration;
        HostStory { host: *id, name, enrolled: *enrolled, retired: self.retired, transitions: &self.transitions }
    }
}

/// Hosts that somebody may see, still to be told up to a moment.
pub struct Stories {
    hosts: std::vec::IntoIter<Registration>,
    as_of: Timestamp,
}

impl Stories {
    /// Finds the hosts, in the order of their names; retired ones for those who
    /// see the whole of their client, since groups no longer hold them.
    ///
    /// # Errors
    ///
    /// `E-PARAMETER` for a moment that is still to come.
    pub fn new(app: &App, scope: &Scope, as_of: Timestamp, client: Option<ClientId>) -> Result<Self, Refusal> {
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
        let mut hosts: Vec<Registration> = {
            let fleet = app.fleet.read();
            let hosts = fleet.hosts().map(|managed| &managed.registration).filter(|host| seen.contains(host.number) || whole(host.client));
            hosts.filter(|host| host.state != HostState::Pending && client.is_none_or(|client| host.client == client)).cloned().collect()
        };
        // As the store keeps it: a host that joined since this server started
        // must not be told more finely than after its next start.
        for host in &mut hosts {
            host.enrolled = Timestamp::from_microsecond(host.enrolled.as_microsecond()).unwrap_or(host.enrolled);
        }
        hosts.sort_by(|one, other| (&one.name, one.id).cmp(&(&other.name, other.id)));
        Ok(Self { hosts: hosts.into_iter(), as_of })
    }

    /// The hosts that are still to be told.
    pub fn hosts(&self) -> &[Registration] {
        self.hosts.as_slice()
    }

    /// Reads the next hosts; none after the last.
    ///
    /// # Errors
    ///
    /// What the store meets.
    pub async fn next(&mut self, app: &App) -> Result<Option<Vec<Told>>, Refusal> {
        let hosts: Vec<Registration> = self.hosts.by_ref().take(TOGETHER).collect();
        if hosts.is_empty() {
            return Ok(None);
        }
        let ids: Vec<HostId> = hosts.iter().map(|host| host.id).collect();
        let mut stories = app.store.stories(&ids, self.as_of).await?;
        let mut told = Vec::with_capacity(hosts.len());
        for registration in hosts {
            let object = format!("host:{}", registration.id);
            let retired = match registration.state {
                HostState::Retired => app.store.newest_act(&object, "host.retire").await?,
                _ => None,
            };
            // Whoever was turned away while they waited was never managed.
            let waited = |act: &Entry| act.before.as_ref().is_some_and(|before| before[&object]["state"] == HostState::Pending.word());
            if retired.as_ref().is_some_and(waited) {
                continue;
            }
            let retired = retired.map(|act| act.time);
            let transitions = stories.remove(&registration.id).unwrap_or_default();
            told.push(Told { registration, retired, transitions });
        }
        Ok(Some(told))
    }
}
