//! **Applications**: the components that a team names, judged like a host's.
//!
//! What was decided is kept in memory and derived again whenever the SBOM or
//! the advisory database changes.

use crate::api::missing;
use crate::app::{App, News, Shared};
use crate::fleet::judged::{Counts, Judged};
use crate::http::problem::Refusal;
use crate::phases::evaluate::{self, Ground};
use jiff::Timestamp;
use plimsoll_core::assessment::Memory;
use plimsoll_core::model::finding::{Finding, State};
use plimsoll_core::model::host::Host;
use plimsoll_core::model::identifier::{ApplicationId, HostId};
use plimsoll_core::model::policy::HostFacts;
use plimsoll_core::model::problem::Problem;
use plimsoll_core::model::report::Report;
use plimsoll_core::model::scan::Coverage;
use plimsoll_formats::{protocol, sbom};
use plimsoll_store::applications::Application;
use plimsoll_store::reports::PackedReport;
use plimsoll_store::{Scope, StoreError};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, PoisonError, RwLock};

/// What was decided of each application with an SBOM.
#[derive(Default)]
pub struct Applications(RwLock<BTreeMap<ApplicationId, Arc<Decided>>>);

/// What was decided of one application's own components.
#[derive(Clone, Debug)]
pub struct Decided {
    /// Digest of the SBOM.
    pub sbom: String,
    /// Its format, `CycloneDX 1.6 JSON`.
    pub format: String,
    /// Advisory database that it was held against; none without one.
    pub database: Option<String>,
    /// Open findings, most urgent first.
    pub findings: Vec<Finding>,
    /// How much of it was judged.
    pub coverage: Coverage,
    /// What limits the answer.
    pub problems: Vec<Problem>,
    judged: Judged,
}

impl Decided {
    /// Counts at an instant; exceptions are of hosts.
    pub fn counts(&self, now: Timestamp) -> Counts {
        self.judged.counts(now, |_| false)
    }

    /// Earliest due date, seconds since the epoch.
    pub fn due(&self) -> Option<i64> {
        self.judged.findings.iter().filter_map(|open| open.due()).min()
    }
}

impl Applications {
    /// What was decided of one; none without an SBOM.
    pub fn of(&self, id: ApplicationId) -> Option<Arc<Decided>> {
        self.0.read().unwrap_or_else(PoisonError::into_inner).get(&id).cloned()
    }

    fn keep(&self, id: ApplicationId, decided: Decided) {
        self.0.write().unwrap_or_else(PoisonError::into_inner).insert(id, Arc::new(decided));
    }

    /// Forgets all that are not among these.
    fn retain(&self, known: &BTreeSet<ApplicationId>) {
        self.0.write().unwrap_or_else(PoisonError::into_inner).retain(|id, _| known.contains(id));
    }
}

/// Reads an SBOM, CycloneDX or SPDX, compressed or not, into the form that the
/// store keeps: a report whose host stands for the document.
///
/// # Errors
///
/// What is wrong with it, by place; nothing of it is kept then.
pub fn read_sbom(bytes: &[u8]) -> Result<PackedReport, Problem> {
    let document = sbom::read("SBOM", bytes)?;
    let report = Report {
        schema: Report::SCHEMA.to_owned(),
        agent: document.format,
        host: Host { name: document.name, os: document.os, ..Host::default() },
        components: document.components,
        updates: None,
        held_updates: Vec::new(),
        offered: Vec::new(),
        problems: document.problems,
    };
    let canonical = protocol::canonical(report)?;
    PackedReport::new(&canonical.bytes).map_err(|error| *error.problem)
}

/// Judges one application afresh, or forgets it where it has no SBOM.
///
/// # Errors
///
/// What the store or the advisory database meets; what was decided before
/// stays.
pub async fn judge(app: &Shared, application: &Application) -> Result<(), Refusal> {
    let Some(digest) = application.sbom.clone() else {
        app.applications.0.write().unwrap_or_else(PoisonError::into_inner).remove(&application.id);
        return Ok(());
    };
    let bytes = app.store.report(application.client, &digest).await?;
    let (held, policies) = (app.advisories.held(), app.policy());
    let facts = HostFacts { client: Some(application.client.to_string()), first_seen: Some(application.created), ..HostFacts::default() };
    let (format, scan) = app
        .compute(move || {
            let report = protocol::read_stored_report("stored SBOM", &bytes)?;
            let format = report.agent.clone();
            let ground = Ground { now: Timestamp::now(), held: held.as_deref(), policies: &policies };
            let answer = evaluate::judge(report, &facts, &Memory::default(), &ground, false)?;
            Ok((format, answer.scan))
        })
        .await?;
    let judged = Judged::of(&scan, &mut app.fleet.write().names);
    let open = |finding: &Finding| !matches!(finding.state, State::Fixed | State::NotAffected);
    app.applications.keep(
        application.id,
        Decided {
            sbom: digest,
            format,
            database: scan.database.map(|database| database.digest),
            findings: scan.findings.into_iter().filter(open).collect(),
            coverage: scan.coverage,
            problems: scan.problems,
            judged,
        },
    );
    let _ = app.news.send(News::Other);
    Ok(())
}

/// Judges every application whose SBOM or whose advisory database is another
/// than it was: at the start, after the database changed, and now and then for
/// what another server on the same store did.
///
/// # Errors
///
/// The store cannot be read. One application that cannot be judged is in the
/// log, and the others go on.
pub async fn refresh(app: &Shared) -> Result<(), StoreError> {
    let all = app.store.applications(&Scope::All).await?;
    let database = app.advisories.held().map(|held| held.named.digest.clone());
    app.applications.retain(&all.iter().map(|application| application.id).collect());
    for application in &all {
        let decided = app.applications.of(application.id);
        let same = decided.as_ref().map(|decided| (Some(&decided.sbom), &decided.database));
        if same.map_or(application.sbom.is_none(), |same| same == (application.sbom.as_ref(), &database)) {
            continue;
        }
        if let Err(refusal) = judge(app, application).await {
            tracing::error!(application = %application.id, "cannot be judged: {refusal}");
        }
    }
    Ok(())
}

/// Hosts that an application runs on: the members of its group, or those that
/// were named; never another client's.
///
/// # Errors
///
/// The store cannot be read.
pub async fn hosts(app: &App, application: &Application) -> Result<BTreeSet<HostId>, StoreError> {
    let named = match application.group {
        Some(_) => BTreeSet::new(),
        None => app.store.application_hosts(application.id).await?,
    };
    let fleet = app.fleet.read();
    let of_group = application.group.and_then(|group| fleet.of_group(group)).into_iter().flatten();
    let members = of_group.filter_map(|number| fleet.numbered(number));
    let own = |id: HostId| fleet.host(id).is_some_and(|managed| managed.registration.client == application.client);
    Ok(members.map(|managed| managed.registration.id).chain(named).filter(|id| own(*id)).collect())
}

/// Applications that run on a host, within a scope.
///
/// # Errors
///
/// The store cannot be read.
pub async fn on(app: &App, host: HostId, scope: &Scope) -> Result<Vec<Application>, StoreError> {
    let mut out = Vec::new();
    for application in app.store.applications(scope).await? {
        if hosts(app, &application).await?.contains(&host) {
            out.push(application);
        }
    }
    Ok(out)
}

/// An application that somebody may see.
///
/// # Errors
///
/// `E-NOT-FOUND`, or what the store meets.
pub async fn seen(app: &App, scope: &Scope, id: &str) -> Result<Application, Refusal> {
    let seen = app.store.applications(scope).await?;
    seen.into_iter().find(|application| application.id.to_string() == id).ok_or_else(|| missing("application", id))
}
