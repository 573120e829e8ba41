//! **Rollouts**: accepted packages under way.

use super::acts::{Reason, actor};
use super::deployment_packages::seen;
use super::{Answer, missing, stored, window};
use crate::app::{News, Shared};
use crate::fleet::question::Page;
use crate::http::gate::Allowed;
use crate::http::json::Json;
use crate::http::parameters::{Path, Query};
use crate::http::problem::Refusal;
use crate::identity::role::Scope;
use crate::phases::document::{self, Form};
use crate::phases::package::emergency;
use crate::phases::{certify, deploy};
use crate::duties;
use crate::looks::{self, SampleWish, TicketWish};
use crate::questions;
use crate::rollouts::{self, Live};
use axum::extract::State;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use jiff::Timestamp;
use plimsoll_core::model::deployment_package::Place;
use plimsoll_core::model::identifier::{ClientId, HostId};
use plimsoll_core::model::outcome::{self, State as Outcome};
use plimsoll_core::phases::cleanup::{self, Cause, triage};
use plimsoll_core::phases::confirm::Confirmed;
use plimsoll_core::phases::confirm::second::Agreement;
use plimsoll_core::phases::deploy::{Barred, Gate, Phase, Progress, RingStanding, Wanted};
use plimsoll_formats::protocol::read_message;
use plimsoll_store::Intent;
use plimsoll_store::deployment_packages::PackageState;
use plimsoll_store::rollouts::Rollout;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::sync::Arc;
use utoipa::ToSchema;

/// One rollout.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct RolloutAnswer {
    /// Digest of its package, which names it.
    pub package: String,
    /// Short name of the package.
    pub name: String,
    /// Number of the package.
    pub version: u64,
    /// One line.
    pub title: String,
    /// Client whose hosts they are.
    #[schema(value_type = String)]
    pub client: ClientId,
    /// `running`, `paused`, `aborted` or `done`.
    #[schema(value_type = String)]
    pub state: Wanted,
    /// `open`, `waiting`, `shut` or `done`: whether more hosts may start.
    #[schema(value_type = String)]
    pub gate: Gate,
    /// Why it stands as it does.
    pub reasons: Vec<String>,
    /// When it was started.
    #[schema(value_type = String, format = DateTime)]
    pub started: Timestamp,
    /// When it last moved.
    #[schema(value_type = String, format = DateTime)]
    pub changed: Timestamp,
}

/// One ring of a rollout.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct RingAnswer {
    /// Name.
    pub name: String,
    /// Before this instant none of its hosts starts, whatever a server says.
    #[schema(value_type = String, format = DateTime)]
    pub opens: Timestamp,
    /// When it was opened.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub opened: Option<Timestamp>,
    /// Since when enough of its hosts have succeeded.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub succeeded_since: Option<Timestamp>,
    /// How its hosts stand.
    #[schema(value_type = Object)]
    pub hosts: RingStanding,
    /// Names of failed and silent hosts.
    pub against: Vec<String>,
}

/// One rollout with its rings.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct RolloutDetail {
    /// What lists show.
    pub rollout: RolloutAnswer,
    /// Its rings; empty where it ended too long ago.
    pub rings: Vec<RingAnswer>,
    /// How the change stands on hosts, by what was seen later: how many by
    /// state.
    #[schema(value_type = Object)]
    pub confirmed: BTreeMap<String, u64>,
    /// Hosts that the package's digest draws for people to look at by hand;
    /// none where the policy asks for no sample.
    pub sample: Vec<SampleAnswer>,
    /// Tickets that people brought into connection with the change.
    pub tickets: Vec<TicketAnswer>,
    /// Tickets from which on the policy stops the change.
    pub ticket_limit: Option<u32>,
}

/// A host of the sample.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct SampleAnswer {
    /// Host.
    #[schema(value_type = String)]
    pub host: HostId,
    /// Its name.
    pub name: String,
    /// Whether it was as it should be; none until somebody looked.
    pub held: Option<bool>,
    /// What was seen.
    pub note: Option<String>,
    /// When.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub at: Option<Timestamp>,
    /// By whom.
    pub by: Option<String>,
}

/// A ticket about a change.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct TicketAnswer {
    /// What it is called where it is kept.
    pub ticket: String,
    /// Whether the change caused it.
    pub caused: bool,
    /// Why.
    pub note: String,
    /// When that was said.
    #[schema(value_type = String, format = DateTime)]
    pub at: Timestamp,
    /// By whom.
    pub by: String,
}

/// One host of a rollout.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct RolloutHost {
    /// Id.
    #[schema(value_type = String)]
    pub host: HostId,
    /// Name.
    pub name: String,
    /// Ring.
    pub ring: String,
    /// Window; none for any time.
    pub window: Option<String>,
    /// `waits`, `at-work`, `succeeded`, `pending`, `failed`, `silent`, `away`
    /// or `left-out`.
    #[schema(value_type = String)]
    pub phase: Phase,
    /// What it said last of its attempt.
    #[schema(value_type = Option<String>)]
    pub outcome: Option<Outcome>,
    /// When it said that.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub observed: Option<Timestamp>,
    /// Id of its attempt.
    pub attempt: Option<String>,
    /// How the change stands by what was seen later.
    #[schema(value_type = Option<String>)]
    pub confirmed: Option<Confirmed>,
    /// How outside scanners stand to that, where the policy asks for one:
    /// `agrees`, `disagrees`, `does-not-say`, `too-old` or `missing`.
    #[schema(value_type = Option<String>)]
    pub scanner: Option<Agreement>,
    /// Why the change stands so there, where it is not simply in effect.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub confirmed_because: Vec<String>,
    /// Why it did not come to its end, or what it waits for: `no-space`,
    /// `dependencies`, `maintainer-script`, `interrupted`, `artefact`,
    /// `check-failed`, `held`, `locked`, `not-planned`, `step`, `refused`,
    /// `clock`, `silent` or `other`.
    #[schema(value_type = Option<String>)]
    pub cause: Option<Cause>,
    /// What to do next about that.
    pub next: Option<String>,
    /// What it counts as while its reboot is pending, and by which words of
    /// the policy; none where none is.
    pub reboot: Option<String>,
    /// Why it waits for a forensic triage before the change; none where it
    /// does not.
    pub triage: Option<String>,
}

pub(crate) async fn seen_rollout(app: &Shared, scope: &Scope, digest: &str) -> Result<Rollout, Refusal> {
    let found = app.store.rollout(digest).await;
    found.ok().filter(|rollout| scope.holds(rollout.client)).ok_or_else(|| missing("rollout", digest))
}

async fn answer(app: &Shared, rollout: &Rollout) -> Result<RolloutAnswer, Refusal> {
    let package = app.store.deployment_package(&rollout.package).await?;
    Ok(RolloutAnswer {
        package: rollout.package.clone(),
        name: package.name,
        version: package.version,
        title: package.title,
        client: rollout.client,
        state: rollout.wanted,
        gate: rollout.gate,
        reasons: rollout.reasons.clone(),
        started: rollout.started,
        changed: rollout.changed,
    })
}

async fn detail(app: &Shared, rollout: Rollout) -> Result<RolloutDetail, Refusal> {
    let shown = answer(app, &rollout).await?;
    let holds = deploy::holds(app, &rollout.package);
    let live = app.rollouts.read();
    let Some(own) = live.get(&rollout.package) else { return Ok(RolloutDetail { rollout: shown, rings: Vec::new(), confirmed: BTreeMap::new(), sample: Vec::new(), tickets: Vec::new(), ticket_limit: None }) };
    let decided = deploy::decision(app, &live, own, &holds).decision;
    let mut confirmed: BTreeMap<String, u64> = BTreeMap::new();
    for known in &own.known {
        let state = known.confirmed.as_ref().map_or(Confirmed::Unknown, |(state, _)| *state);
        *confirmed.entry(state.word().to_owned()).or_default() += 1;
    }
    let progress = rollout.rings.into_iter().chain(std::iter::repeat(Progress::default()));
    let rings = own.content.package.rings.iter().zip(decided.standings).zip(progress).map(|((ring, hosts), progress)| RingAnswer {
        name: ring.name.clone(),
        opens: ring.opens,
        opened: progress.opened,
        succeeded_since: progress.succeeded,
        against: hosts.against.iter().map(|host| super::deployment_packages::name_of(app, *host)).collect(),
        hosts,
    });
    let policy = app.policy();
    let named = |host: HostId| {
        let look = own.looks.at(host);
        SampleAnswer {
            host,
            name: super::deployment_packages::name_of(app, host),
            held: look.map(|look| look.held),
            note: look.map(|look| look.note.clone()),
            at: look.map(|look| look.at),
            by: look.map(|look| look.by.clone()),
        }
    };
    let sample = looks::drawn(&policy, own).unwrap_or_default().into_iter().map(named).collect();
    let tickets = own.looks.tickets.values().map(|look| TicketAnswer { ticket: look.item.clone(), caused: !look.held, note: look.note.clone(), at: look.at, by: look.by.clone() }).collect();
    let ticket_limit = policy.governance.test.post_deploy.as_ref().and_then(|post| post.ticket_limit);
    Ok(RolloutDetail { rollout: shown, rings: rings.collect(), confirmed, sample, tickets, ticket_limit })
}

/// Lists rollouts, newest first.
pub async fn list(State(app): State<Shared>, allowed: Allowed) -> Answer<Vec<RolloutAnswer>> {
    let mut rows = Vec::new();
    for rollout in app.store.rollouts(&stored(&allowed.scope)).await? {
        rows.push(answer(&app, &rollout).await?);
    }
    Ok(Json(rows))
}

/// One rollout.
pub async fn show(State(app): State<Shared>, allowed: Allowed, Path(digest): Path<String>) -> Answer<RolloutDetail> {
    let rollout = seen_rollout(&app, &allowed.scope, &digest).await?;
    Ok(Json(detail(&app, rollout).await?))
}

/// Which part of a list.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Which {
    /// Only hosts in this phase.
    pub phase: Option<String>,
    /// Rows left out at the front.
    pub skip: Option<usize>,
    /// Rows wanted.
    pub take: Option<usize>,
}

/// Hosts of a rollout, by id.
pub async fn hosts(State(app): State<Shared>, allowed: Allowed, Path(digest): Path<String>, Query(which): Query<Which>) -> Answer<Page<RolloutHost>> {
    let (skip, take) = window(which.skip, which.take)?;
    let rollout = seen_rollout(&app, &allowed.scope, &digest).await?;
    let mut page = page(&app, &rollout, &which, skip, take);
    let unsettled = |row: &RolloutHost| row.scanner.is_some() || row.confirmed.is_some_and(|state| state != Confirmed::Installed);
    if page.rows.iter().any(unsettled) {
        let mut because: BTreeMap<HostId, Vec<String>> = app.store.confirmations(&digest).await?.into_iter().map(|found| (found.host, found.reasons)).collect();
        for row in page.rows.iter_mut().filter(|row| unsettled(row)) {
            row.confirmed_because = because.remove(&row.host).unwrap_or_default();
        }
    }
    for row in &mut page.rows {
        explain(&app, row).await?;
    }
    Ok(Json(page))
}

fn page(app: &Shared, rollout: &Rollout, which: &Which, skip: usize, take: usize) -> Page<RolloutHost> {
    let live = app.rollouts.read();
    let Some(own) = live.get(&rollout.package) else { return Page { rows: Vec::new(), total: 0 } };
    let (fleet, clock) = (app.fleet.read(), app.clock());
    let set = Arc::clone(&app.policies.in_force().set);
    let standings = rollouts::standings(&live, &rollout.package, &set, &fleet, &app.forensics, clock);
    let all: Vec<usize> = (0..standings.len())
        .filter(|place| which.phase.as_deref().is_none_or(|phase| standings.get(*place).is_some_and(|standing| standing.phase().word() == phase)))
        .collect();
    let name = |host: HostId| fleet.host(host).map(|managed| managed.registration.name.clone()).unwrap_or_default();
    let rows = all.iter().skip(skip).take(take).filter_map(|place| {
        let found = row(own, *place, standings.get(*place)?.phase(), &name)?;
        let pending = own.pending(*place, &set, clock.now).and_then(|counts| counts.because.into_iter().next());
        let waits = standings.get(*place)?.barred == Some(Barred::Triage);
        let triage = if waits { app.forensics.of(&set, found.host, clock.now).and_then(|triage| triage.barred) } else { None };
        Some(RolloutHost { reboot: pending.map(|because| because.text), triage, ..found })
    });
    let rows = rows.collect();
    Page { rows, total: all.len() }
}

/// Says why a host did not come to its end, by its newest word.
async fn explain(app: &Shared, row: &mut RolloutHost) -> Result<(), Refusal> {
    let silent = row.phase == Phase::Silent;
    if !silent && row.phase != Phase::Failed && row.outcome != Some(Outcome::Deferred) {
        return Ok(());
    }
    let stored = match &row.attempt {
        Some(attempt) => app.store.outcome(attempt).await?,
        None => None,
    };
    let said: Option<outcome::Outcome> = stored.and_then(|(_, document)| read_message(&document).ok());
    let (problem, log) = said.as_ref().map_or((None, ""), |said| (said.problem.as_ref(), said.log.as_str()));
    if let Some(found) = triage(&cleanup::Input { state: row.outcome, problem, log, silent }) {
        (row.cause, row.next) = (Some(found.decision), Some(found.decision.next().to_owned()));
    }
    Ok(())
}

fn row(own: &Live, place: usize, phase: Phase, name: &dyn Fn(HostId) -> String) -> Option<RolloutHost> {
    let (line, known) = (own.content.tree.places().get(place)?, own.known.get(place)?);
    let heard = known.heard.as_ref();
    Some(RolloutHost {
        host: line.host,
        name: name(line.host),
        ring: own.content.package.rings.get(line.ring as usize).map(|ring| ring.name.clone()).unwrap_or_default(),
        window: line.window.clone(),
        phase,
        outcome: heard.map(|heard| heard.state),
        observed: heard.map(|heard| heard.observed),
        attempt: heard.map(|heard| heard.attempt.clone()),
        confirmed: known.confirmed.as_ref().map(|(state, _)| *state),
        scanner: known.agreement,
        confirmed_because: Vec::new(),
        cause: None,
        next: None,
        reboot: None,
        triage: None,
    })
}

/// Which form of a record.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct WhichForm {
    /// Its form.
    #[serde(default)]
    pub format: Form,
    /// Whether the short notes are wanted.
    #[serde(default)]
    pub notes: bool,
}

/// The record of a rollout, made of the evidence log alone.
///
/// # Errors
///
/// 404 where the log's newest checkpoint shows nothing of it yet; 400
/// `E-FORMAT`, `E-RECORD`.
pub async fn record(State(app): State<Shared>, allowed: Allowed, Path(digest): Path<String>, Query(which): Query<WhichForm>) -> Result<Response, Refusal> {
    let rollout = seen_rollout(&app, &allowed.scope, &digest).await?;
    let bytes = document::of_the_server(&app, &rollout.package, which.format, which.notes).await?;
    let short = rollout.package.get(..12).unwrap_or_default();
    let kind = if which.notes { "release-notes" } else { "change-record" };
    // To be kept: the server's own rules for pages would take its style away.
    let name = format!("attachment; filename=\"{kind}-{short}.{}\"", which.format.extension());
    let headers = [
        (header::CONTENT_TYPE, HeaderValue::from_static(which.format.media_type())),
        (header::CONTENT_DISPOSITION, HeaderValue::try_from(name).unwrap_or(HeaderValue::from_static("attachment"))),
    ];
    Ok((headers, bytes).into_response())
}

/// Which package is rolled out, and why.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct RolloutWish {
    /// Digest of an accepted package.
    pub package: String,
    /// Why; kept beside the evidence.
    pub reason: Option<String>,
}

fn conflict(code: &'static str, text: impl AsRef<str>, next: &'static str) -> Refusal {
    Refusal::new(StatusCode::CONFLICT, code, text, next)
}

/// Starts the rollout of an accepted package.
///
/// # Errors
///
/// 404; 409 `E-STATE` where it is not accepted, `E-SIG-THRESHOLD` or `E-SOD`
/// where its signatures do not hold under the root document in force,
/// `E-EXPIRED`, `E-ROLLBACK` where a later package of the client was started
/// already, `E-NO-KEY` without an online key, `E-TAKEN` where it was started,
/// `E-EMERGENCY-DECLARED` where the policy lets neither its author nor the
/// asker declare an emergency; 403 `E-ROLE` where it leaves deploying to others.
pub async fn start(State(app): State<Shared>, allowed: Allowed, Json(wish): Json<RolloutWish>) -> Answer<RolloutDetail> {
    let package = seen(&app, &allowed.scope, &wish.package).await?;
    duties::hold(&app, &allowed, "deploy").await?;
    if package.state != PackageState::Accepted {
        return Err(conflict("E-STATE", format!("the package is {}, not accepted", package.state.word()), "have enough people sign it: `plimsoll package sign`"));
    }
    if app.rollouts.signer().is_none() {
        return Err(conflict("E-NO-KEY", "this server has no online key and can assign nothing", "start it with `--root` and `--online-key`"));
    }
    let now = Timestamp::now();
    if now >= package.expires {
        return Err(conflict("E-EXPIRED", format!("the package expired at {}", package.expires), "draft it again"));
    }
    let signed = rollouts::signed(&app, &package.digest).await?;
    signed.approved("package", certify::root(&app)?).map_err(|problem| Refusal::new(StatusCode::CONFLICT, problem.code, problem.text, problem.next).at(problem.place))?;
    emergency::may_start(&app, &allowed, signed.package()).await?;
    not_backwards(&app, &package).await?;
    let names = names(&app, &package.digest).await?;
    let epoch = app.store.epoch().await?;
    let question = questions::about(&app, &package.digest, now).await?;
    let mut change = app.store.begin(Intent::new(actor(&allowed), now, "rollout.start", format!("rollout:{}", package.digest))).await?;
    let generation = change.next_generation().await?;
    let rollout = Rollout {
        package: package.digest.clone(),
        client: package.client,
        epoch,
        generation,
        revision: 1,
        wanted: Wanted::Running,
        gate: Gate::Waiting,
        rings: Vec::new(),
        reasons: Vec::new(),
        retried: 0,
        started: now,
        changed: now,
    };
    change.start_rollout(&rollout, &names).await?;
    if let Some(question) = &question {
        change.ask_client(question).await?;
    }
    change.commit(wish.reason.as_deref()).await?;
    follow_up(&app).await;
    Ok(Json(detail(&app, rollout).await?))
}

/// What the hosts of a package are called now.
async fn names(app: &Shared, digest: &str) -> Result<BTreeMap<HostId, String>, Refusal> {
    let content = app.store.package_content(digest).await?;
    let places: Vec<Place> = serde_json::from_slice(&content.hosts).unwrap_or_default();
    let fleet = app.fleet.read();
    Ok(places.iter().filter_map(|place| Some((place.host, fleet.host(place.host)?.registration.name.clone()))).collect())
}

/// A host goes back to no package below one it has seen.
async fn not_backwards(app: &Shared, package: &plimsoll_store::deployment_packages::PackageRow) -> Result<(), Refusal> {
    let all = app.store.rollouts(&plimsoll_store::Scope::client(package.client)).await?;
    for rollout in all {
        let other = app.store.deployment_package(&rollout.package).await?;
        if other.version > package.version {
            let text = format!("package {} of this client was rolled out already, and hosts take no {} any more", other.version, package.version);
            return Err(conflict("E-ROLLBACK", text, "draft it again"));
        }
    }
    Ok(())
}

/// Takes up what was just written of rollouts, and lets the reconciler look.
pub(crate) async fn follow_up(app: &Shared) {
    if let Err(error) = rollouts::refresh(app).await {
        tracing::warn!(code = error.problem.code, "a rollout is taken up with the next look: {}", error.problem.text);
    }
    app.rollouts.wake.notify_one();
    let _ = app.news.send(News::Other);
}

/// Moves a rollout by a person's word; tries again where the reconciler was
/// first.
async fn turn(app: &Shared, allowed: &Allowed, digest: &str, verb: &str, reason: Option<&str>, to: Turn) -> Result<RolloutDetail, Refusal> {
    for _ in 0..5 {
        let before = seen_rollout(app, &allowed.scope, digest).await?;
        if !to.may(before.wanted) {
            return Err(conflict("E-STATE", format!("the rollout is {}", before.wanted.word()), "look at it and decide again"));
        }
        let mut change = app.store.begin(Intent::new(actor(allowed), Timestamp::now(), verb, format!("rollout:{digest}"))).await?;
        // Hosts take what goes on for a new plan.
        let generation = if matches!(to, Turn::Resume { .. }) { change.next_generation().await? } else { before.generation };
        let edit = move |rollout: &mut Rollout| {
            rollout.wanted = to.wanted();
            rollout.generation = generation;
            if to == (Turn::Resume { retry: true }) {
                rollout.retried = generation;
            }
        };
        match change.move_rollout(&before, edit).await {
            Err(error) if error.problem.code == "E-RACE" => continue,
            moved => {
                let after = moved?;
                change.commit(reason).await?;
                follow_up(app).await;
                return detail(app, after).await;
            }
        }
    }
    Err(conflict("E-RACE", "others move this rollout at the same time", "try again"))
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Turn {
    Pause,
    Resume { retry: bool },
    Abort,
}

impl Turn {
    fn wanted(self) -> Wanted {
        match self {
            Self::Pause => Wanted::Paused,
            Self::Resume { .. } => Wanted::Running,
            Self::Abort => Wanted::Aborted,
        }
    }

    fn may(self, from: Wanted) -> bool {
        match self {
            Self::Pause => from == Wanted::Running,
            Self::Resume { retry: false } => from == Wanted::Paused,
            Self::Resume { retry: true } | Self::Abort => matches!(from, Wanted::Running | Wanted::Paused),
        }
    }
}

/// Lets nothing more start until somebody says so; what runs ends.
///
/// # Errors
///
/// 404, 409 `E-STATE`.
pub async fn pause(State(app): State<Shared>, allowed: Allowed, Path(digest): Path<String>, Json(why): Json<Reason>) -> Answer<RolloutDetail> {
    Ok(Json(turn(&app, &allowed, &digest, "rollout.pause", why.reason.as_deref(), Turn::Pause).await?))
}

/// How a rollout goes on.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ResumeWish {
    /// Whether hosts that failed try again.
    #[serde(default)]
    pub retry: bool,
    /// Why; kept beside the evidence.
    pub reason: Option<String>,
}

/// Lets a paused rollout go on, or hosts that failed try again.
///
/// # Errors
///
/// 404, 409 `E-STATE`, 409 `E-ROLLBACK` where a later package was started
/// meanwhile.
pub async fn resume(State(app): State<Shared>, allowed: Allowed, Path(digest): Path<String>, Json(wish): Json<ResumeWish>) -> Answer<RolloutDetail> {
    let package = seen(&app, &allowed.scope, &digest).await?;
    duties::hold(&app, &allowed, "deploy").await?;
    not_backwards(&app, &package).await?;
    let to = Turn::Resume { retry: wish.retry };
    Ok(Json(turn(&app, &allowed, &digest, "rollout.resume", wish.reason.as_deref(), to).await?))
}

/// Lets nothing more start ever; what runs ends.
///
/// # Errors
///
/// 404, 409 `E-STATE`.
pub async fn abort(State(app): State<Shared>, allowed: Allowed, Path(digest): Path<String>, Json(why): Json<Reason>) -> Answer<RolloutDetail> {
    Ok(Json(turn(&app, &allowed, &digest, "rollout.abort", why.reason.as_deref(), Turn::Abort).await?))
}

/// Notes what a person saw at a host of the sample.
///
/// # Errors
///
/// 404, 409 `E-SAMPLE`.
pub async fn look(State(app): State<Shared>, allowed: Allowed, Path(digest): Path<String>, Json(wish): Json<SampleWish>) -> Answer<RolloutDetail> {
    looks::look(&app, &allowed, &digest, wish).await?;
    show(State(app), allowed, Path(digest)).await
}

/// Notes a ticket that names the change as its cause, or does not any more.
///
/// # Errors
///
/// 404, 400.
pub async fn ticket(State(app): State<Shared>, allowed: Allowed, Path(digest): Path<String>, Json(wish): Json<TicketWish>) -> Answer<RolloutDetail> {
    looks::ticket(&app, &allowed, &digest, wish).await?;
    show(State(app), allowed, Path(digest)).await
}
