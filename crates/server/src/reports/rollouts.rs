//! The **rollouts** of a report, out of the evidence log as it was by a moment.

use crate::api::stored;
use crate::app::App;
use crate::http::problem::Refusal;
use crate::identity::role::Scope;
use jiff::Timestamp;
use plimsoll_core::model::identifier::{ClientId, HostId};
use plimsoll_core::phases::document::{Input, Record, decide};
use plimsoll_store::ErrorKind;
use std::collections::BTreeSet;

/// Rollouts still to be told, one at a time.
pub(super) struct Changes {
    packages: std::vec::IntoIter<String>,
    hosts: BTreeSet<HostId>,
    as_of: Timestamp,
}

impl Changes {
    /// Finds the rollouts that somebody may see and that had started; of their
    /// hosts only those of the report count.
    ///
    /// # Errors
    ///
    /// What the store meets.
    pub(super) async fn new(app: &App, scope: &Scope, as_of: Timestamp, client: Option<ClientId>, hosts: BTreeSet<HostId>) -> Result<Self, Refusal> {
        let rollouts = app.store.rollouts(&stored(scope)).await?;
        let own = rollouts.into_iter().filter(|rollout| rollout.started <= as_of && client.is_none_or(|client| rollout.client == client));
        let mut packages: Vec<(Timestamp, String)> = own.map(|rollout| (rollout.started, rollout.package)).collect();
        packages.sort();
        let packages: Vec<String> = packages.into_iter().map(|(_, package)| package).collect();
        Ok(Self { packages: packages.into_iter(), hosts, as_of })
    }

    /// The record of the next rollout as it stood at the moment; none after the
    /// last. What the log does not tell enough of, as of older versions, is
    /// passed over.
    ///
    /// # Errors
    ///
    /// What the store meets.
    pub(super) async fn next(&mut self, app: &App) -> Result<Option<Record>, Refusal> {
        for package in self.packages.by_ref() {
            let mut told = match app.store.rollout_evidence(&package).await {
                Ok(told) => told,
                Err(error) if error.kind == ErrorKind::NotFound => continue,
                Err(error) => return Err(error.into()),
            };
            told.entries.retain(|entry| entry.at <= self.as_of);
            if let Ok(mut record) = decide(&Input { package: &package, entries: &told.entries, seal: told.seal }) {
                record.hosts.retain(|host| self.hosts.contains(&host.host));
                return Ok(Some(record));
            }
        }
        Ok(None)
    }
}
