//! Starting and stopping a server.

use crate::app::{App, News, Shared};
use crate::configuration::Configuration;
use crate::evidence::Witnessed;
use crate::fleet::{Fleet, Managed};
use crate::fleet::basis::{self, Swap};
use crate::metrics::Metrics;
use crate::outside_alerts::OutsideAlerts;
use crate::outward::Outward;
use crate::notices::{self, Notices};
use crate::phases::monitor::{Advisories, Look};
use crate::phases::{self, evaluate, monitor};
use crate::rollouts::{Rollouts, Signer};
use crate::policy::Policies;
use crate::http::address::Proxies;
use crate::http::gate::Gate;
use crate::http::limits::Limits;
use crate::http::origin::Origins;
use crate::http::routes::Routes;
use crate::http::tls::{self, Tls};
use crate::identity::api::Doors;
use crate::identity::oidc::Oidc;
use crate::identity::directory::Directory;
use crate::identity::{Identity, Lifetimes};
use crate::{agents, api, console, follow, snapshot};
use ipnet::IpNet;
use jiff::Timestamp;
use plimsoll_core::model::identifier::HostId;
use plimsoll_core::model::problem::Problem;
use plimsoll_core::model::registration::HostState;
use plimsoll_formats::trust::SignedRoot;
use plimsoll_store::artefacts::Artefacts;
use plimsoll_store::{Actor, Intent, Options, Store, StoreError};
use std::collections::{BTreeSet, HashMap};
use std::net::SocketAddr;
use std::path::Path;
use std::sync::{Arc, PoisonError};
use std::sync::atomic::Ordering;
use std::time::Duration;
use tokio::net::TcpListener;
use tokio::sync::{Semaphore, broadcast, watch};
use tokio::task::JoinSet;

/// Hosts read from the store at a time.
const PAGE: u32 = 1000;
/// How often the files of the advisory database and the certificate are looked at.
const LOOK: Duration = Duration::from_secs(2);
/// How often due dates are held against the clock.
const RECOUNT: Duration = Duration::from_secs(30);
/// How often "last seen" is stored.
const FLUSH: Duration = Duration::from_secs(60);
/// How often sign-ins that have ended are deleted: they already open nothing,
/// so that this only bounds what the database holds.
const EXPIRE: Duration = Duration::from_secs(3600);
/// How long a report is kept that no host has any more: a delta against it may
/// be under way.
const KEPT: jiff::SignedDuration = jiff::SignedDuration::from_hours(24);
/// Reports deleted at a time.
const PART: u32 = 200;
/// Messages to open pages that may wait; a page that falls behind reloads.
const NEWS: usize = 256;

/// A running server.
pub struct Running {
    /// What it consists of.
    pub app: Shared,
    /// Where it listens.
    pub bound: SocketAddr,
    stop: watch::Sender<bool>,
    tasks: JoinSet<()>,
}

/// Opens the store, takes up the fleet, and listens.
///
/// # Errors
///
/// What prevents it: the store, the root document, the address.
pub async fn start(configuration: Configuration) -> Result<Running, Problem> {
    let root = configuration.root.as_ref().map(|bytes| SignedRoot::read("root document", bytes)).transpose()?;
    let signer = configuration.online_key.as_ref().zip(root.clone()).map(|(key, root)| Signer::open(key, root)).transpose()?;
    let store = open_store(&configuration).await.map_err(|error| *error.problem)?;
    let listener = TcpListener::bind(configuration.listen).await.map_err(|error| cannot_listen(&configuration, &error))?;
    let tls = configuration.tls.clone().map(Tls::open).transpose()?.map(Arc::new);
    let bound = listener.local_addr().map_err(|error| cannot_listen(&configuration, &error))?;
    let advisories = Advisories::at(configuration.advisories.clone(), configuration.advisories_key);
    let url = configuration.url(bound);
    let origins = Origins::new(&[&url]).map_err(|text| cannot_be_reached(&url, &text))?;
    let identity = identity(&store, &origins)?;
    let sign_in = configuration.sign_in.clone();
    let oidc = Outward::new(sign_in.allowed).and_then(|outward| Oidc::new(outward, sign_in.providers));
    let oidc = oidc.map_err(|text| Problem::new("E-SETTINGS", "sign_in", text, "correct the settings file"))?;
    let doors = Doors { identity: Arc::clone(&identity), oidc: Arc::new(oidc), origins: origins.clone() };
    let cores = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    let policies = Policies::open(&configuration, &store).await?;
    let app = Arc::new(App {
        url,
        identity: Arc::clone(&identity),
        doors,
        store,
        applications: crate::applications::Applications::default(),
        fleet: Fleet::default(),
        advisories,
        witnessed: Witnessed::default(),
        root_digest: root.as_ref().map(SignedRoot::digest),
        root,
        rollouts: Rollouts::new(signer),
        accreditations: Default::default(),
        outside_alerts: OutsideAlerts::new(configuration.outside_alerts.clone())?,
        forensics: Default::default(),
        artefacts: Artefacts::in_folder(&configuration.artefacts.clone().unwrap_or_else(|| configuration.data.join("artefacts"))).map_err(|error| *error.problem)?,
        metrics: Metrics::new(),
        judging: Semaphore::new(cores),
        late: Default::default(),
        grouping: tokio::sync::Mutex::new(()),
        news: broadcast::channel(NEWS).0,
        notices: Notices::new(&configuration.notices)?,
        policies,
        snapshots: Default::default(),
        configuration,
    });
    if let Look::Refused(problem) = app.advisories.look() {
        tracing::error!(code = problem.code, place = problem.place, "{}; {}", problem.text, problem.next);
    }
    let position = follow::position(&app.store).await.map_err(|error| *error.problem)?;
    load(&app).await.map_err(|error| *error.problem)?;
    crate::exceptions::refresh(&app).await.map_err(|error| *error.problem)?;
    crate::rollouts::refresh(&app).await.map_err(|error| *error.problem)?;
    let first: Option<String> = app.store.setting(FIRST_DATABASE).await.map_err(|error| *error.problem)?;
    app.notices.judged_before.store(first.is_some(), Ordering::Release);
    let proxies = Proxies::new(app.configuration.trusted_proxies.iter().map(|address| IpNet::from(*address)).collect());
    let gate = Gate::new(identity, Some(Arc::new(agents::Signatures(Arc::clone(&app)))), origins, proxies, Limits::default())
        .keeping_answers(app.store.clone())
        .with_certificates(tls.as_ref().is_some_and(|tls| tls.asks_hosts()));
    let service = routes().serve(Arc::clone(&app), Arc::new(gate));
    let (stop, stopped) = watch::channel(false);
    let mut tasks = JoinSet::new();
    tasks.spawn(serve(listener, tls.clone(), service, stopped.clone()));
    if let Some(tls) = tls {
        tasks.spawn(watch_certificate(tls, stopped.clone()));
    }
    tasks.spawn(watch_advisories(Arc::clone(&app), stopped.clone()));
    tasks.spawn(keep_counts(Arc::clone(&app), stopped.clone()));
    tasks.spawn(flush_presence(Arc::clone(&app), stopped.clone()));
    tasks.spawn(keep_groups(Arc::clone(&app), stopped.clone()));
    tasks.spawn(keep_exceptions(Arc::clone(&app), stopped.clone()));
    tasks.spawn(keep_house(Arc::clone(&app), stopped.clone()));
    tasks.spawn(snapshot::run(Arc::clone(&app), stopped.clone()));
    if app.configuration.database.is_some() {
        tasks.spawn(follow::follow(Arc::clone(&app), position, stopped.clone()));
    }
    tasks.spawn(keep_evidence(Arc::clone(&app), stopped.clone()));
    tasks.spawn(crate::outside_alerts::run(Arc::clone(&app), stopped.clone()));
    tasks.spawn(phases::deploy::run(Arc::clone(&app), stopped.clone()));
    tasks.spawn(crate::exposure::run(Arc::clone(&app), stopped.clone()));
    tasks.spawn(crate::reports::due::run(Arc::clone(&app), stopped.clone()));
    tasks.spawn(notices::publish::run(Arc::clone(&app), stopped.clone()));
    tasks.spawn(notices::send::run(Arc::clone(&app), stopped));
    Ok(Running { app, bound, stop, tasks })
}

/// Every route of the server.
pub fn routes() -> Routes<Shared> {
    api::routes().merge(agents::routes()).merge(console::routes()).merge(crate::identity::api::routes())
}

pub(crate) fn identity(store: &Store, origins: &Origins) -> Result<Arc<Identity>, Problem> {
    let directory: Arc<dyn Directory> = Arc::new(store.clone());
    let made = Identity::new(directory, origins, Lifetimes::default(), Arc::new(Timestamp::now));
    made.map(Arc::new).map_err(|error| {
        Problem::new("E-IDENTITY", origins.canonical(), error.to_string(), "name an address that browsers can use, with `--public-url`")
    })
}

pub(crate) fn cannot_be_reached(url: &str, text: &str) -> Problem {
    Problem::new("E-URL", url, text, "name the address that people and hosts use, with `--public-url`")
}

impl Running {
    /// Stops: running requests finish, "last seen" is stored, what was judged
    /// is kept for the next start.
    pub async fn stop(mut self) {
        let _ = self.stop.send(true);
        while self.tasks.join_next().await.is_some() {}
        snapshot::keep(&self.app).await;
        self.app.store.close().await;
    }
}

fn cannot_listen(configuration: &Configuration, error: &std::io::Error) -> Problem {
    Problem::new(
        "E-LISTEN",
        configuration.listen.to_string(),
        format!("cannot be listened at: {error}"),
        "name another address with `--listen`, or stop what holds it",
    )
}

/// The database's file in a data folder.
pub fn database_file(data: &Path) -> std::path::PathBuf {
    data.join("plimsoll.db")
}

async fn open_store(configuration: &Configuration) -> Result<Store, StoreError> {
    match &configuration.database {
        Some(url) => Store::open_with(Options { keys: Some(configuration.data.clone()), ..Options::new(url) }).await,
        None => Store::open(&plimsoll_store::engine::sqlite_url(&database_file(&configuration.data))).await,
    }
}

/// Takes up every host, and what was judged of it before the start; the others
/// are judged in the background.
async fn load(app: &Shared) -> Result<(), StoreError> {
    let presence: HashMap<HostId, u64> = app.store.presence().await?.into_iter().map(|(host, _, sequence)| (host, sequence)).collect();
    let mut after = None;
    loop {
        let page = app.store.hosts_after(after, PAGE).await?;
        let Some((last, _)) = page.last() else { break };
        after = Some(last.number);
        let mut fleet = app.fleet.write();
        for (registration, _) in page {
            let sequence = presence.get(&registration.id).copied().unwrap_or(0);
            fleet.register(registration, sequence);
        }
    }
    snapshot::take_up(app).await?;
    crate::membership::refresh(app).await
}

/// Looks at the files of the certificate.
async fn watch_certificate(tls: Arc<Tls>, mut stopped: watch::Receiver<bool>) {
    while pause(LOOK, &mut stopped).await {
        match tls.look() {
            tls::Look::Same => {}
            tls::Look::Renewed => tracing::info!("another certificate is in force for new connections"),
            tls::Look::Refused(problem) => {
                tracing::error!(code = problem.code, place = problem.place, "the certificate in force stays: {}; {}", problem.text, problem.next);
            }
        }
    }
}

async fn serve(listener: TcpListener, tls: Option<Arc<Tls>>, service: crate::http::routes::Guarded, mut stopped: watch::Receiver<bool>) {
    let end = async move {
        let _ = stopped.wait_for(|stopped| *stopped).await;
    };
    if let Err(error) = crate::http::serve::serve(listener, tls, service, end).await {
        tracing::error!(%error, "the server stopped listening");
    }
}

/// Waits, unless the server stops first; says whether to go on.
pub(crate) async fn pause(length: Duration, stopped: &mut watch::Receiver<bool>) -> bool {
    tokio::select! {
        () = tokio::time::sleep(length) => true,
        _ = stopped.wait_for(|stopped| *stopped) => false,
    }
}

/// Looks at the advisory database's file and judges again what a newer one
/// touches; and every host under another policy.
async fn watch_advisories(app: Shared, mut stopped: watch::Receiver<bool>) {
    let mut judge = Judge::default();
    judge.others(&app, &stopped).await;
    judge_applications(&app).await;
    judged(&app).await;
    while pause(LOOK, &mut stopped).await {
        if app.policies.take_changed() {
            tracing::info!("another policy is in force: judging every host again");
            judge.all(&app, &stopped).await;
            judge_applications(&app).await;
            let _ = app.news.send(News::Other);
        }
        match app.advisories.look() {
            Look::Same => judge.late(&app, &stopped).await,
            Look::Refused(problem) => {
                tracing::error!(code = problem.code, place = problem.place, "{}; {}", problem.text, problem.next);
            }
            Look::Swapped { before, now } => {
                tracing::info!(digest = now.named.digest, "another advisory database is in force");
                let _ = app.news.send(News::Advisories);
                app.notices.judging.store(true, Ordering::Release);
                judge.touched(&app, before.as_deref(), &now, &stopped).await;
                judge_applications(&app).await;
                judged(&app).await;
            }
        }
    }
}

async fn judge_applications(app: &Shared) {
    if let Err(error) = crate::applications::refresh(app).await {
        tracing::warn!(code = error.problem.code, "applications are as they were and will be looked at again: {}", error.problem.text);
    }
}

/// Whether a database ever judged this fleet, by the digest of the first.
const FIRST_DATABASE: &str = "advisories.first";

/// Notes that every host is judged against the database in force. What another
/// one finds after that is news, also after a restart.
async fn judged(app: &Shared) {
    app.notices.judging.store(false, Ordering::Release);
    let Some(held) = app.advisories.held() else { return };
    if app.notices.judged_before.swap(true, Ordering::AcqRel) {
        return;
    }
    let noted = async {
        let mut change = app.store.begin(Intent::new(Actor::server(), Timestamp::now(), "advisories.first", "advisories")).await?;
        change.set(FIRST_DATABASE, Some(&held.named.digest)).await?;
        change.commit(None).await
    };
    if let Err(error) = noted.await {
        tracing::warn!(code = error.problem.code, "the first advisory database is not noted: {}", error.problem.text);
    }
}

/// Whether anything is still said of a host: of a retired one nothing is.
fn is_served(managed: &Managed) -> bool {
    managed.registration.state != HostState::Retired
}

/// Judges hosts again, and remembers what the last database said.
#[derive(Default)]
struct Judge {
    digests: plimsoll_core::fleet::Digests,
}

impl Judge {
    async fn all(&mut self, app: &Shared, stopped: &watch::Receiver<bool>) {
        let hosts: Vec<HostId> = app.fleet.read().hosts().filter(|managed| is_served(managed)).map(|managed| managed.registration.id).collect();
        self.these(app, hosts, stopped).await;
        self.remember(app).await;
    }

    /// Judges hosts that have reported and of which nothing was taken up from
    /// before the start.
    async fn others(&mut self, app: &Shared, stopped: &watch::Receiver<bool>) {
        let hosts: Vec<HostId> = {
            let fleet = app.fleet.read();
            let others = fleet.hosts().filter(|managed| is_served(managed) && managed.judged.is_none() && managed.registration.report.is_some());
            others.map(|managed| managed.registration.id).collect()
        };
        app.metrics.hosts_judged_at_start.set(i64::try_from(hosts.len()).unwrap_or(i64::MAX));
        self.these(app, hosts, stopped).await;
        self.remember(app).await;
    }

    /// Judges what a newer database touches: of most hosts a few components.
    async fn touched(&mut self, app: &Shared, before: Option<&monitor::Held>, now: &Arc<monitor::Held>, stopped: &watch::Receiver<bool>) {
        let policy = app.policies.in_force().digest();
        let ground = |held: &monitor::Held| basis::ground(Some(&held.named.digest), &policy);
        let swap = Swap { from: before.map_or_else(|| basis::ground(None, &policy), ground), to: ground(now.as_ref()) };
        let (shared, held) = (Arc::clone(app), Arc::clone(now));
        let digests = std::mem::take(&mut self.digests);
        let compared = app
            .compute(move || {
                let policies = shared.policy();
                let difference = {
                    let fleet = shared.fleet.read();
                    fleet.index.touched(&digests, &held.database, &|epss| policies.read_of_prediction(epss))?
                };
                shared.fleet.write().refresh_cards(&held.database)?;
                Ok(difference)
            })
            .await;
        let difference = match compared {
            Ok((difference, digests)) => {
                self.digests = digests;
                difference
            }
            Err(problem) => {
                tracing::error!(code = problem.code, "{}: {}", problem.place, problem.text);
                return;
            }
        };
        let whole: BTreeSet<HostId> = {
            let fleet = app.fleet.read();
            // A host that no database judged yet is touched by any.
            let unknown = fleet.hosts().filter(|managed| managed.judged.as_ref().is_some_and(|judged| !judged.known));
            let unknown = unknown.map(|managed| managed.registration.id);
            let streams = difference.streams.iter().map(|stream| fleet.index.hosts_in(stream));
            let in_them = streams.reduce(|all, hosts| all | hosts).unwrap_or_default();
            let in_them = in_them.iter().filter_map(|number| Some(fleet.numbered(number)?.registration.id));
            unknown.chain(in_them).collect()
        };
        tracing::info!(packages = difference.names.len(), whole = whole.len(), "judging again what the new database touches");
        let whole = evaluate::touched(app, now, &difference.names, whole, swap, stopped).await;
        self.these(app, whole.into_iter().collect(), stopped).await;
    }

    /// Judges hosts that were being judged while the database was swapped.
    async fn late(&self, app: &Shared, stopped: &watch::Receiver<bool>) {
        let late = std::mem::take(&mut *app.late.lock().unwrap_or_else(PoisonError::into_inner));
        self.these(app, late.into_iter().collect(), stopped).await;
    }

    async fn these(&self, app: &Shared, hosts: Vec<HostId>, stopped: &watch::Receiver<bool>) {
        let mut under_way = JoinSet::new();
        for host in hosts {
            if *stopped.borrow() {
                break;
            }
            while under_way.len() >= app.judging.available_permits().max(1) * 2 {
                under_way.join_next().await;
            }
            let app = Arc::clone(app);
            under_way.spawn(async move {
                if let Err(refusal) = evaluate::under_other_advisories(&app, host).await {
                    tracing::error!(%host, "cannot be judged again: {refusal}");
                    app.fleet.write().rest(host, None);
                }
            });
        }
        while under_way.join_next().await.is_some() {}
    }

    async fn remember(&mut self, app: &Shared) {
        let Some(held) = app.advisories.held() else { return };
        let shared = Arc::clone(app);
        let policies = app.policy();
        let digests = app.compute(move || shared.fleet.read().index.digests(&held.database, &|epss| policies.read_of_prediction(epss))).await;
        if let Ok(digests) = digests {
            self.digests = digests;
        }
    }
}

/// Holds due dates against the clock, and keeps the gauges.
async fn keep_counts(app: Shared, mut stopped: watch::Receiver<bool>) {
    loop {
        let clock = app.clock();
        let changed = app.fleet.write().recount(clock.now);
        for host in changed {
            let _ = app.news.send(News::Host(host));
        }
        let standings = {
            let fleet = app.fleet.read();
            fleet.standings(&fleet.all(), clock)
        };
        let number = |count: u64| i64::try_from(count).unwrap_or(i64::MAX);
        app.metrics.hosts.set(number(standings.hosts));
        app.metrics.silent.set(number(standings.silent));
        app.metrics.findings.set(number(standings.findings));
        app.metrics.overdue.set(number(standings.overdue));
        if let Some(built) = app.advisories.held().and_then(|held| held.named.built) {
            app.metrics.advisories_age.set((clock.now.as_second() - built.as_second()) as f64);
        }
        crate::policy::tick(&app, Timestamp::now()).await;
        if !pause(RECOUNT, &mut stopped).await {
            return;
        }
    }
}

/// Takes up what another server on the same store changed of groups and
/// applications.
async fn keep_groups(app: Shared, mut stopped: watch::Receiver<bool>) {
    while pause(FLUSH, &mut stopped).await {
        if let Err(error) = crate::membership::refresh(&app).await {
            tracing::warn!(code = error.problem.code, "groups are as they were and will be looked at again: {}", error.problem.text);
        }
        judge_applications(&app).await;
    }
}

/// Takes up what another server on the same store changed of exceptions, and
/// tells of those that end, of mitigations that somebody must look at and of
/// meetings that were missed, approvals that did not come in time.
async fn keep_exceptions(app: Shared, mut stopped: watch::Receiver<bool>) {
    loop {
        let kept = async {
            crate::exceptions::refresh(&app).await?;
            crate::exceptions::tell(&app, Timestamp::now()).await?;
            crate::exceptions::remind(&app, Timestamp::now()).await?;
            crate::mitigations::tell(&app, Timestamp::now()).await?;
            crate::forensics::tell(&app, Timestamp::now()).await?;
            crate::watches::tell(&app, Timestamp::now()).await?;
            crate::teams::remind(&app, Timestamp::now()).await?;
            crate::phases::certify::approval::tell(&app, Timestamp::now()).await
        };
        if let Err(error) = kept.await {
            tracing::warn!(code = error.problem.code, "exceptions, mitigations, triages, meetings and approvals are as they were and will be looked at again: {}", error.problem.text);
        }
        if !pause(FLUSH, &mut stopped).await {
            return;
        }
    }
}

/// Stores who was heard of, in one batch a minute.
async fn flush_presence(app: Shared, mut stopped: watch::Receiver<bool>) {
    loop {
        let go_on = pause(FLUSH, &mut stopped).await;
        let taken: Vec<(HostId, Timestamp, u64)> = {
            let fleet = app.fleet.read();
            let unsaved = fleet.hosts().filter_map(|managed| {
                let (seen, sequence) = managed.presence.take_unsaved()?;
                Some((managed.registration.id, seen, sequence))
            });
            unsaved.collect()
        };
        if let Err(error) = app.store.note_last_seen(&taken).await {
            tracing::warn!(code = error.problem.code, "last-seen times are not stored and will be tried again: {}", error.problem.text);
            let fleet = app.fleet.read();
            for (host, ..) in &taken {
                if let Some(managed) = fleet.host(*host) {
                    managed.presence.unsave();
                }
            }
        }
        if !go_on {
            return;
        }
    }
}

/// Deletes what has ended and what nobody has any more. Neither changes what
/// anybody decided, so neither has a leaf.
async fn keep_house(app: Shared, mut stopped: watch::Receiver<bool>) {
    let failed = |what: &str, error: &StoreError| {
        tracing::warn!(code = error.problem.code, "{what} are not deleted and will be tried again: {}", error.problem.text);
    };
    loop {
        let now = Timestamp::now();
        if let Err(error) = app.store.expire_sessions(now).await {
            failed("sessions that have ended", &error);
        }
        if let Err(error) = app.store.expire_webhook_secrets(now).await {
            failed("signing secrets that sign no more", &error);
        }
        if let Err(error) = app.store.expire_answers(now).await {
            failed("answers kept for repeated requests", &error);
        }
        if let Err(error) = crate::reports::due::expire(&app, now).await {
            failed("files of reports that the policy keeps no longer", &error);
        }
        // In small parts, so that no report has to wait for long.
        loop {
            match app.store.collect_garbage(now - KEPT, PART).await {
                Ok(gone) if gone >= u64::from(PART) => {}
                Ok(_) => break,
                Err(error) => {
                    failed("reports that no host has any more", &error);
                    break;
                }
            }
        }
        if !pause(EXPIRE, &mut stopped).await {
            return;
        }
    }
}

/// Integrates leaves into the evidence log and signs checkpoints, whenever this
/// server holds the lease.
async fn keep_evidence(app: Shared, mut stopped: watch::Receiver<bool>) {
    let holder = format!("{}:{}", app.url, std::process::id());
    let failed = |error: StoreError| tracing::error!(code = error.problem.code, "the evidence log cannot grow: {}", error.problem.text);
    tokio::select! {
        () = app.store.keep_integrating(&holder, failed) => {}
        _ = stopped.wait_for(|stopped| *stopped) => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use plimsoll_core::model::identifier::PersonId;
    use plimsoll_store::people::Person;
    use plimsoll_store::sessions::{Session, SignInLink};
    use plimsoll_store::{Actor, Intent};

    fn configuration(data: &Path) -> Configuration {
        Configuration {
            tool: "plimsoll test".to_owned(),
            data: data.to_owned(),
            listen: ([127, 0, 0, 1], 0).into(),
            public_url: None,
            database: None,
            advisories: data.join("advisories.db"),
            advisories_key: None,
            policies: None,
            root: None,
            online_key: None,
            artefacts: None,
            evaluation: true,
            check_in_seconds: Configuration::CHECK_IN_SECONDS,
            silence_seconds: Configuration::SILENCE_SECONDS,
            trusted_proxies: Vec::new(),
            notices: Default::default(),
            tls: None,
            sign_in: Default::default(),
            outside_alerts: Default::default(),
        }
    }

    fn session(person: PersonId, hash: &str, expires: Timestamp) -> Session {
        Session {
            hash: hash.to_owned(),
            person,
            generation: 0,
            strength: "password".to_owned(),
            proven_until: None,
            created: Timestamp::UNIX_EPOCH,
            last_used: Timestamp::UNIX_EPOCH,
            idle_expires: expires,
            expires,
            address: None,
            browser: None,
        }
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn a_server_that_starts_deletes_sign_ins_that_have_ended() {
        let folder = tempfile::tempdir().unwrap();
        let configuration = configuration(folder.path());
        let store = open_store(&configuration).await.unwrap();
        let (past, now) = (Timestamp::UNIX_EPOCH, Timestamp::now());
        let later = now + jiff::SignedDuration::from_hours(1);
        let person = Person {
            id: PersonId::from_bits(1),
            account: "ada".to_owned(),
            name: "Ada".to_owned(),
            email: None,
            password_hash: None,
            oidc: None,
            disabled: None,
            created: past,
            last_sign_in: None,
            break_glass: false,
            generation: 0,
        };
        let mut change = store.begin(Intent::new(Actor::server(), now, "test", "test")).await.unwrap();
        change.add_person(&person).await.unwrap();
        for (hash, expires) in [("ended", past), ("lasting", later)] {
            change.begin_session(&session(person.id, hash, expires), None).await.unwrap();
            let link = SignInLink { person: person.id, purpose: "sign-in".to_owned(), created: past, expires };
            change.add_link(hash, &link).await.unwrap();
        }
        change.commit(None).await.unwrap();
        store.add_ticket("step", "ended", b"sealed", past).await.unwrap();
        store.add_ticket("step", "lasting", b"sealed", later).await.unwrap();
        store.close().await;

        let running = start(configuration.clone()).await.unwrap();
        let tried = tokio::time::timeout(Duration::from_secs(20), async {
            while running.app.store.session_by_hash("ended").await.unwrap().is_some() {
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        });
        tried.await.unwrap();
        running.stop().await;
        let store = open_store(&configuration).await.unwrap();
        assert_eq!(store.expire_sessions(now).await.unwrap(), 0, "links and tickets went with the session");
        assert_eq!(store.expire_sessions(later).await.unwrap(), 3, "what lasts is still there");
    }
}
