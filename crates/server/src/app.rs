//! What every handler and reconciler shares.

use crate::applications::Applications;
use crate::configuration::Configuration;
use crate::evidence::Witnessed;
use crate::fleet::Fleet;
use crate::forensics::Forensics;
use crate::fleet::question::Clock;
use crate::identity::Identity;
use crate::identity::api::Doors;
use crate::metrics::Metrics;
use crate::notices::Notices;
use crate::phases::monitor::Advisories;
use crate::outside_alerts::OutsideAlerts;
use crate::policy::Policies;
use crate::rollouts::Rollouts;
use crate::snapshot::Snapshots;
use axum::extract::FromRef;
use jiff::Timestamp;
use plimsoll_core::model::identifier::HostId;
use plimsoll_core::model::policy::PolicySet;
use plimsoll_core::model::problem::Problem;
use plimsoll_formats::trust::SignedRoot;
use plimsoll_store::Store;
use plimsoll_store::artefacts::Artefacts;
use std::collections::BTreeSet;
use std::sync::{Arc, Mutex};
use tokio::sync::{Semaphore, broadcast};

/// The parts of a running server.
pub struct App {
    /// What it was told.
    pub configuration: Configuration,
    /// Address that hosts and people use.
    pub url: String,
    /// Everything that lasts.
    pub store: Store,
    /// Who somebody is and what they may do.
    pub identity: Arc<Identity>,
    /// The ways in.
    pub doors: Doors,
    /// What was decided of every application's own components.
    pub applications: Applications,
    /// What was decided of every host.
    pub fleet: Fleet,
    /// The advisory database in force.
    pub advisories: Advisories,
    /// The evidence log as hosts see it.
    pub witnessed: Witnessed,
    /// The root document: whose keys count for what.
    pub root: Option<SignedRoot>,
    /// Deployment packages under way.
    pub rollouts: Rollouts,
    /// What authorities signed off.
    pub accreditations: crate::accreditations::Known,
    /// What outside monitoring said for their gates.
    pub outside_alerts: OutsideAlerts,
    /// Hosts that are looked at for traces of a break-in first.
    pub forensics: Forensics,
    /// Package files by their SHA-256.
    pub artefacts: Artefacts,
    /// SHA-256 of the root document, hex; every join command carries it.
    pub root_digest: Option<String>,
    /// Counters and timings.
    pub metrics: Metrics,
    /// Judgements under way at once: one a core, so that a storm of reports
    /// queues instead of starving check-ins.
    pub judging: Semaphore,
    /// Hosts whose judgement was under way while the advisory database was
    /// swapped: they are judged again.
    pub late: Mutex<BTreeSet<HostId>>,
    /// Held by whoever changes who belongs to which group, see
    /// [`crate::membership`].
    pub grouping: tokio::sync::Mutex<()>,
    /// Says what changed, to pages that are open.
    pub news: broadcast::Sender<News>,
    /// What goes out to other systems and people.
    pub notices: Notices,
    /// The policy in force.
    pub policies: Policies,
    /// What is kept over a restart.
    pub snapshots: Snapshots,
}

/// Something changed that an open page may show.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum News {
    /// A host's facts or judgement.
    Host(HostId),
    /// The advisory database.
    Advisories,
    /// Something else: people, tokens, groups.
    Other,
}

/// The shared handle.
pub type Shared = Arc<App>;

impl FromRef<Shared> for Doors {
    fn from_ref(app: &Shared) -> Self {
        app.doors.clone()
    }
}

impl App {
    /// What the policy in force says.
    pub fn policy(&self) -> Arc<PolicySet> {
        Arc::clone(&self.policies.in_force().set)
    }

    /// The clock questions are asked at.
    pub fn clock(&self) -> Clock {
        Clock { now: Timestamp::now(), silence_seconds: i64::from(self.configuration.silence_seconds) }
    }

    /// Runs work that computes for milliseconds away from the threads that
    /// answer requests.
    ///
    /// # Errors
    ///
    /// `E-JUDGE` where the work itself died; nothing of it is kept.
    pub async fn compute<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> Result<T, Problem> + Send + 'static,
    ) -> Result<T, Problem> {
        let died = |text: String| Problem::new("E-JUDGE", "the server", text, "look into the server's log and report this as a bug");
        let turn = self.judging.acquire().await.map_err(|error| died(error.to_string()))?;
        let done = tokio::task::spawn_blocking(work).await;
        drop(turn);
        done.map_err(|error| died(format!("a judgement ended early: {error}")))?
    }
}
