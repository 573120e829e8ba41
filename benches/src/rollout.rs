//! What a rollout costs a server: planning one over 100,000 hosts, deciding
//! what 10,000 of them may do next, and keeping what 10,000 say.

use crate::measure::Row;
use jiff::{SignedDuration, Timestamp};
use plimsoll_core::model::authorisation::Rest;
use plimsoll_core::model::deployment_package::{ChangeType, ConfigurationFiles, PolicyNamed};
use plimsoll_core::model::identifier::{ClientId, HostId};
use plimsoll_core::model::outcome::{Observed, Outcome, State};
use plimsoll_core::model::policy::rollout::{Select, WindowRule};
use plimsoll_core::model::policy::{HostFacts, Length, Recurrence, RolloutRules};
use plimsoll_core::model::stream::Stream;
use plimsoll_core::phases::deploy::{self, Standing, Wanted};
use plimsoll_core::phases::package::{self, Apart, Artefact, Artefacts, Candidate, Decision, PendingUpdate, Which, Wish};
use plimsoll_formats::protocol::{attempt, encode_hex};
use plimsoll_formats::trust::{HostTree, SignedPackage};
use plimsoll_store::rollouts::OutcomeRow;
use plimsoll_store::{Actor, Intent, Options, Store};
use std::time::Instant;

/// Hosts of the plan.
const PLANNED: u128 = 100_000;
/// Hosts whose next steps are decided.
const SCHEDULED: u128 = 10_000;
/// Hosts that report what came of it.
const REPORTS: u128 = 10_000;
/// Reports under way at a time: so many wait for one write.
const AT_ONCE: usize = 256;
/// Updates of a host, thirty as the figure for patching has.
const UPDATES: usize = 30;

/// All three. The first two are one thread's work, so that their time on the
/// wall is their time on a core.
pub fn rows() -> Result<Vec<Row>, String> {
    let scene = Scene::new(PLANNED);
    let start = Instant::now();
    let (bytes, decision) = scene.package()?;
    let planned = row("plan a rollout over 100,000 hosts", start, 1_000.0);
    let again = scene.package()?.0 == bytes;
    let note = format!("{} rings, 3 windows, 10,000 constraints; {} bytes to sign, {}", decision.package.rings.len(), bytes.len(), if again { "the same again" } else { "OTHER BYTES THE SECOND TIME" });
    let planned = Row { note, ..planned };
    let scheduled = schedule()?;
    let kept = tokio::runtime::Runtime::new().map_err(|error| error.to_string())?.block_on(keep())?;
    Ok(vec![planned, scheduled, kept])
}

fn row(name: &str, start: Instant, limit: f64) -> Row {
    Row {
        name: name.to_owned(),
        cpu_ms: start.elapsed().as_secs_f64() * 1e3,
        cpu_limit_ms: Some(limit),
        memory_mib: None,
        memory_limit_mib: None,
        note: String::new(),
    }
}

fn host(number: u128) -> HostId {
    HostId::from_bits((number + 1) << 64)
}

/// A fleet and what is wanted of it.
struct Scene {
    now: Timestamp,
    stream: Stream,
    facts: Vec<HostFacts>,
    pending: Vec<Vec<PendingUpdate>>,
    artefacts: Artefacts,
    apart: Vec<Apart>,
    rules: RolloutRules,
}

impl Scene {
    fn new(hosts: u128) -> Self {
        let stream = Stream::release("debian", "12");
        let update = |number: usize| PendingUpdate {
            name: format!("package-{number}"),
            arch: "amd64".to_owned(),
            installed: Some("1.0-1".to_owned()),
            candidate: "1.0-2".to_owned(),
            new: false,
            held: false,
            security: true,
            reboot: number == 0,
            advisories: vec![format!("DSA-{number}")],
        };
        // Four kinds of hosts that have different things installed.
        let pending: Vec<Vec<PendingUpdate>> = (0..4).map(|kind| (kind..kind + UPDATES).map(update).collect()).collect();
        let mut artefacts = Artefacts::default();
        let known = artefacts.0.entry(stream.clone()).or_default();
        for (number, version) in (0..UPDATES + 4).flat_map(|number| [(number, "1.0-1"), (number, "1.0-2")]) {
            let artefact = Artefact { sha256: format!("{number:064x}"), size: 100_000, repository: "https://deb.example".to_owned() };
            known.insert((format!("package-{number}"), "amd64".to_owned(), version.to_owned()), artefact);
        }
        let facts = (0..hosts).map(|number| HostFacts { environment: Some(["prod", "test", "stage"][(number % 3) as usize].to_owned()), ..HostFacts::default() }).collect();
        let apart = (0..10_000.min(hosts / 3)).map(|number| Apart { name: format!("cluster {number}"), hosts: (0..3).map(|member| host(number * 3 + member)).collect() }).collect();
        Self { now: Timestamp::UNIX_EPOCH + SignedDuration::from_hours(24 * 365 * 56), stream, facts, pending, artefacts, apart, rules: rules() }
    }

    fn package(&self) -> Result<(Vec<u8>, Decision), String> {
        let wish = Wish {
            client: ClientId::from_bits(1),
            name: "security".to_owned(),
            title: "Security updates".to_owned(),
            reason: "a figure".to_owned(),
            change: ChangeType::Normal,
            which: Which::Security,
            not_before: self.now,
            expires: self.now + SignedDuration::from_hours(24 * 30),
            checks: Vec::new(),
            steps: Vec::new(),
            configuration_files: ConfigurationFiles::Keep,
            at_once: 0,
            drain: None,
        };
        let candidate = |(number, facts): (usize, &HostFacts)| Candidate { id: host(number as u128), facts: facts.clone(), stream: Some(&self.stream), pending: Some(number % self.pending.len()), has_agent: true, silent: false };
        let hosts: Vec<Candidate<'_>> = self.facts.iter().enumerate().map(candidate).collect();
        let input = package::Input {
            now: self.now,
            wish: &wish,
            author: "anna",
            version: 1,
            policy: PolicyNamed { id: "policy".to_owned(), version: "1".to_owned(), sha256: "ab".repeat(32) },
            rules: &self.rules,
            hosts: &hosts,
            pending: &self.pending,
            artefacts: &self.artefacts,
            apart: &self.apart,
        };
        let mut decision = package::decide(&input).decision;
        if decision.places.len() != self.facts.len() {
            return Err(format!("{} of {} hosts are in the plan", decision.places.len(), self.facts.len()));
        }
        decision.package.hosts = HostTree::new(decision.places.clone()).map_err(|problem| problem.text)?.list();
        Ok((SignedPackage::unsigned(decision.package.clone()).bytes(), decision))
    }
}

fn rules() -> RolloutRules {
    let mut rules = RolloutRules::default();
    for (zone, environment) in [("Europe/Oslo", "prod"), ("America/New_York", "test"), ("Asia/Tokyo", "stage")] {
        let (Ok(found), Ok(start), Ok(rule)) = (jiff::tz::TimeZone::get(zone), "2026-01-01T22:00".parse(), Recurrence::parse("FREQ=DAILY")) else { continue };
        let length = |text: &str| Length::parse(text).unwrap_or_else(|_| Length::zero());
        rules.windows.push(WindowRule {
            id: environment.to_owned(),
            select: Select([(plimsoll_core::model::policy::Attribute::Environment, vec![environment.to_owned()])].into()),
            zone: found,
            zone_name: zone.to_owned(),
            start,
            rule,
            duration: length("PT4H"),
            stop_starting: length("PT30M"),
            reboot: true,
            break_for: Vec::new(),
        });
    }
    rules
}

/// Decides what hosts may do next, while half of them have done it.
fn schedule() -> Result<Row, String> {
    let scene = Scene::new(SCHEDULED);
    let Decision { package, places, .. } = scene.package()?.1;
    let now = scene.now + SignedDuration::from_hours(72);
    let standings: Vec<Standing> = (0..places.len()).map(|number| Standing { outcome: (number % 2 == 0).then_some(State::Succeeded), seen: Some(now), ..Standing::default() }).collect();
    let rings = vec![deploy::Progress::default(); package.rings.len()];
    let apart: Vec<Vec<usize>> = (0..1_000).map(|number| (number * 3..number * 3 + 3).collect()).collect();
    let start = Instant::now();
    let decided = deploy::decide(&deploy::Input { now, package: &package, places: &places, standings: &standings, wanted: Wanted::Running, rings: &rings, holds: &[], waits: &[], watched: &[], unaccredited: &[], apart: &apart, rest: &Rest::Free });
    let scheduled = row("decide what 10,000 hosts may do next", start, 2_000.0);
    Ok(Row { note: format!("{} assignments change", decided.decision.changes.len()), ..scheduled })
}

fn said(number: u128, package: &str, now: Timestamp) -> Outcome {
    let version = |name: usize| Observed { name: format!("package-{name}"), arch: "amd64".to_owned(), before: Some("1.0-1".to_owned()), after: Some("1.0-2".to_owned()), status: "ii".to_owned() };
    Outcome {
        host: host(number),
        package: package.to_owned(),
        epoch: 1,
        generation: 1,
        attempt: attempt(package, &host(number).to_string(), 1, 1),
        state: State::Succeeded,
        observed: now,
        boot_id: "00000000-0000-0000-0000-000000000000".to_owned(),
        packages: (0..UPDATES).map(version).collect(),
        checks: Vec::new(),
        restarted: vec!["nginx.service".to_owned()],
        stale_processes: Vec::new(),
        reboot_pending: false,
        effects: 1,
        log: "Setting up package (1.0-2) ...\n".repeat(UPDATES),
        problem: None,
    }
}

/// Keeps what hosts say of their attempts, each durable before it is answered.
async fn keep() -> Result<Row, String> {
    let broken = |error: plimsoll_store::StoreError| error.problem.text.clone();
    let folder = tempfile::tempdir().map_err(|error| error.to_string())?;
    let options = Options::new(plimsoll_store::engine::sqlite_url(&folder.path().join("plimsoll.db")));
    let store = Store::open_with(options).await.map_err(broken)?;
    let now = Timestamp::UNIX_EPOCH + SignedDuration::from_hours(24 * 365 * 56);
    let package = encode_hex(&[7; 32]);
    let documents: Vec<(OutcomeRow, Vec<u8>)> = (0..REPORTS)
        .map(|number| {
            let outcome = said(number, &package, now);
            let row = OutcomeRow { attempt: outcome.attempt.clone(), package: package.clone(), host: outcome.host, generation: 1, state: "succeeded".to_owned(), observed: now, received: now, reboot_pending: false };
            serde_json::to_vec(&outcome).map(|document| (row, document)).map_err(|error| error.to_string())
        })
        .collect::<Result<_, _>>()?;
    let start = Instant::now();
    let mut tasks = tokio::task::JoinSet::new();
    let mut waiting = documents.into_iter();
    let mut writes = 0;
    loop {
        while tasks.len() < AT_ONCE
            && let Some((row, document)) = waiting.next()
        {
            let store = store.clone();
            tasks.spawn(async move {
                let actor = Actor { id: format!("host:{}", row.host), name: None, strength: "host-key".to_owned(), request: None };
                let intent = Intent::new(actor, row.received, "outcome.report", format!("outcome:{}", row.attempt));
                store.submit(intent, move |change| Box::pin(async move { change.put_outcome(&row, ClientId::from_bits(1), &document).await })).await
            });
        }
        let Some(first) = tasks.join_next().await else { break };
        first.map_err(|error| error.to_string())?.map_err(broken)?;
        // Those of one write are answered together.
        writes += 1;
        tokio::task::yield_now().await;
        while let Some(done) = tasks.try_join_next() {
            done.map_err(|error| error.to_string())?.map_err(broken)?;
        }
    }
    let kept = row("keep what 10,000 hosts say, on the wall", start, 5_000.0);
    Ok(Row { note: format!("answered in {writes} lots, {} at a time in the mean", REPORTS / writes.max(1)), ..kept })
}
