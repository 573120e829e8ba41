//! The pages of **rollouts** and deployment packages; each act is the API's.
//!
//! Nothing is signed here: a page can be made to lie by whoever holds the
//! server, so people sign on the command line what they rendered themselves.

use super::handlers::{Page, Visit, filled, written};
use super::pages;
use super::views::{
    ApprovalPanel, DeploymentPage, OutsideItem, PackageItem, PackageRing, RingItem, RolloutHostItem, RolloutItem, RolloutPage, Rollouts, SampleItem, StreamItem,
    TargetItem, TicketItem,
};
use crate::api::acts::Reason;
use crate::api::deployment_packages::{self, Approval, PackageAnswer, RemarkAnswer, Saying, seen};
use crate::api::rollouts::{self, ResumeWish, RingAnswer, RolloutAnswer, RolloutHost, RolloutWish, SampleAnswer, Which};
use crate::app::Shared;
use crate::http::gate::Allowed;
use crate::http::json::Json;
use crate::http::parameters::{Path, Query};
use crate::http::problem::Refusal;
use crate::http::routes::{Access, Routes};
use crate::identity::role::Permission;
use crate::looks::{self, SampleWish, TicketWish};
use crate::rollouts::signed;
use axum::extract::{Form, State};
use axum::http::Method;
use axum::response::{IntoResponse, Redirect};
use jiff::SignedDuration;
use plimsoll_core::model::authorisation::{Authorised, Authority, RemarkKind};
use plimsoll_core::model::deployment_package::{Check, Step, StreamPlan, Tool};
use plimsoll_core::model::identifier::HostId;
use plimsoll_core::model::stream::Stream;
use plimsoll_store::deployment_packages::PackageState;
use serde::{Deserialize, Serialize};

const PAGE: &str = "/console/rollouts";
/// Hosts shown at a time.
const SHOWN: usize = 200;

/// The routes of the pages.
pub(super) fn routes() -> Routes<Shared> {
    let (read, run, stop) = (Access::Needs(Permission::ReadFleet), Access::Needs(Permission::RunRollouts), Access::Needs(Permission::StopRollouts));
    let (get, post) = (Method::GET, Method::POST);
    Routes::new()
        .route(get.clone(), PAGE, read, list)
        .route(get.clone(), "/console/rollouts/{package}", read, show)
        .route(post.clone(), "/console/rollouts/{package}/pause", stop, pause)
        .route(post.clone(), "/console/rollouts/{package}/resume", run, resume)
        .route(post.clone(), "/console/rollouts/{package}/abort", stop, abort)
        .route(post.clone(), "/console/rollouts/{package}/looks", run, look)
        .route(post.clone(), "/console/rollouts/{package}/tickets", stop, ticket)
        .route(get, "/console/deployment-packages/{package}", read, package)
        .route(post.clone(), "/console/deployment-packages/{package}/start", run, start)
        .route(post.clone(), "/console/deployment-packages/{package}/approve", Access::Needs(Permission::Approve), approve)
        .route(post.clone(), "/console/deployment-packages/{package}/remarks", Access::Needs(Permission::SubmitSignatures), remark)
        .route(post, "/console/deployment-packages/{package}/withdraw", Access::Needs(Permission::DraftPackages), withdraw)
}

/// The word that a value has in the API.
fn word(value: &impl Serialize) -> String {
    serde_json::to_value(value).ok().and_then(|value| value.as_str().map(str::to_owned)).unwrap_or_default()
}

fn rollout_item(answer: RolloutAnswer) -> RolloutItem {
    RolloutItem {
        digest: answer.package,
        name: format!("{} {}", answer.name, answer.version),
        title: answer.title,
        state: word(&answer.state),
        gate: word(&answer.gate),
        reasons: answer.reasons,
        started: answer.started,
        changed: answer.changed,
    }
}

fn package_item(answer: PackageAnswer) -> PackageItem {
    PackageItem {
        digest: answer.digest,
        name: format!("{} {}", answer.name, answer.version),
        title: answer.title,
        author: answer.author,
        state: word(&answer.state),
        created: answer.created,
        expires: answer.expires,
    }
}

async fn list(State(app): State<Shared>, allowed: Allowed) -> Page {
    let visit = Visit::new(&app, &allowed);
    let view = async {
        let Json(under_way) = rollouts::list(State(app.clone()), allowed.clone()).await?;
        let rows: Vec<RolloutItem> = under_way.into_iter().map(rollout_item).collect();
        let Json(packages) = deployment_packages::list(State(app.clone()), allowed.clone()).await?;
        let waiting = packages.into_iter().filter(|package| !rows.iter().any(|row| row.digest == package.digest));
        let packages = waiting.map(package_item).collect();
        Ok(Rollouts { rows, packages })
    };
    let view = view.await.map_err(|refusal: Refusal| visit.refused(refusal))?;
    Ok(written(pages::rollouts(&visit.shell, &view)))
}

#[derive(Default, Deserialize)]
struct Shown {
    #[serde(default)]
    phase: String,
}

async fn show(State(app): State<Shared>, allowed: Allowed, Path(digest): Path<String>, Query(shown): Query<Shown>) -> Page {
    let visit = Visit::new(&app, &allowed);
    let view = async {
        let Json(detail) = rollouts::show(State(app.clone()), allowed.clone(), Path(digest.clone())).await?;
        let which = Which { phase: filled(shown.phase.clone()), skip: None, take: Some(SHOWN) };
        let Json(hosts) = rollouts::hosts(State(app.clone()), allowed.clone(), Path(digest.clone()), Query(which)).await?;
        let asked = app.store.question_about(&detail.rollout.package).await?;
        let (told, nobody) = super::notices::of_rollout(&app, &allowed, &detail.rollout.package, detail.rollout.client).await?;
        Ok(RolloutPage {
            told,
            nobody,
            question: asked.filter(|_| allowed.principal.may(Permission::ReadQuestions)).map(|asked| (asked.id.to_string(), asked.state.words())),
            item: rollout_item(detail.rollout),
            rings: detail.rings.into_iter().map(ring_item).collect(),
            confirmed: detail.confirmed.into_iter().collect(),
            total: hosts.total,
            hosts: hosts.rows.into_iter().map(host_item).collect(),
            phase: shown.phase,
            sample: detail.sample.into_iter().map(sample_item).collect(),
            tickets: detail.tickets.into_iter().map(|one| TicketItem { ticket: one.ticket, caused: one.caused, note: one.note, at: one.at, by: one.by }).collect(),
            ticket_limit: detail.ticket_limit,
            stops: allowed.principal.may(Permission::StopRollouts),
            runs: allowed.principal.may(Permission::RunRollouts),
        })
    };
    let view = view.await.map_err(|refusal: Refusal| visit.refused(refusal))?;
    Ok(written(pages::rollout(&visit.shell, &view)))
}

fn sample_item(one: SampleAnswer) -> SampleItem {
    SampleItem { id: one.host.to_string(), name: one.name, held: one.held, note: one.note, at: one.at, by: one.by }
}

fn ring_item(ring: RingAnswer) -> RingItem {
    let RingAnswer { name, opens, opened, succeeded_since, hosts, against } = ring;
    RingItem {
        name,
        opens,
        opened,
        succeeded_since,
        succeeded: hosts.succeeded,
        at_work: hosts.at_work,
        pending: hosts.pending,
        waiting: hosts.waiting,
        away: hosts.away,
        failed: hosts.failed,
        silent: hosts.silent,
        against,
        waits: hosts.waits,
        outside: hosts.outside.into_iter().map(|alert| OutsideItem { sign: alert.sign.word(), gate: alert.gate, why: alert.why, at: alert.at }).collect(),
    }
}

fn host_item(host: RolloutHost) -> RolloutHostItem {
    RolloutHostItem {
        id: host.host.to_string(),
        name: host.name,
        ring: host.ring,
        window: host.window,
        phase: word(&host.phase),
        outcome: host.outcome.as_ref().map(word),
        observed: host.observed,
        confirmed: host.confirmed.as_ref().map(word),
        because: host.confirmed_because.into_iter().next(),
        cause: host.cause.map(|cause| (cause.title().to_owned(), cause.next().to_owned())),
        reboot: host.reboot,
        triage: host.triage,
    }
}

async fn package(State(app): State<Shared>, allowed: Allowed, Path(digest): Path<String>) -> Page {
    let visit = Visit::new(&app, &allowed);
    let view = deployment(&app, &allowed, &digest).await.map_err(|refusal| visit.refused(refusal))?;
    Ok(written(pages::deployment(&visit.shell, &view)))
}

async fn deployment(app: &Shared, allowed: &Allowed, digest: &str) -> Result<DeploymentPage, Refusal> {
    let Json(detail) = deployment_packages::show(State(app.clone()), allowed.clone(), Path(digest.to_owned())).await?;
    let Json(hosts) = deployment_packages::hosts(State(app.clone()), allowed.clone(), Path(digest.to_owned())).await?;
    let row = seen(app, &allowed.scope, digest).await?;
    let document = signed(app, &row.digest).await?;
    let package = document.package();
    let in_ring = |ring: usize| hosts.iter().filter(|host| host.place.ring as usize == ring).count() as u64;
    let rings = package.rings.iter().enumerate().map(|(place, ring)| PackageRing {
        name: ring.name.clone(),
        opens: ring.opens,
        soak: SignedDuration::from_secs(i64::try_from(ring.soak_seconds).unwrap_or(i64::MAX)),
        hosts: in_ring(place),
    });
    let in_window = |name: &String| hosts.iter().filter(|host| host.place.window.as_ref() == Some(name)).count() as u64;
    let named = |host| app.fleet.read().host(host).map(|managed| managed.registration.name.clone()).unwrap_or_default();
    let certification = detail.certification;
    let speaks = allowed.principal.may(Permission::Approve) && detail.package.state != PackageState::Withdrawn;
    let approval = approval(certification.as_ref().map(|found| &found.authority), detail.remarks, speaks);
    Ok(DeploymentPage {
        approval,
        item: package_item(detail.package),
        reason: package.reason.clone(),
        change: package.change.as_str().to_owned(),
        policy: format!("{} {}", package.policy.id, package.policy.version),
        advisories: package.advisories.clone(),
        streams: package.streams.iter().map(stream_item).collect(),
        rings: rings.collect(),
        windows: package.windows.iter().map(|(name, window)| (name.clone(), window.shown.clone(), in_window(name))).collect(),
        checks: package.checks.iter().map(Check::to_string).collect(),
        reboot: package.reboot.to_string(),
        configuration_files: package.configuration_files.to_string(),
        at_once: package.at_once,
        drain: package.drain.as_ref().map(ToString::to_string),
        signed_by: detail.signed_by,
        needed: certification.as_ref().map(|found| found.needed),
        missing: certification.map(|found| found.missing).unwrap_or_default(),
        because: detail.because.into_iter().map(|because| because.text).collect(),
        left_out: detail.left_out.into_iter().map(|left| (named(left.host), left.reason)).collect(),
        rolled_out: app.store.rollout(digest).await.is_ok(),
        runs: allowed.principal.may(Permission::RunRollouts),
        drafts: allowed.principal.may(Permission::DraftPackages),
    })
}

fn approval(authority: Option<&Authority>, remarks: Vec<RemarkAnswer>, speaks: bool) -> ApprovalPanel {
    ApprovalPanel {
        lines: authority.map(|authority| authority.because.clone()).unwrap_or_default(),
        until: authority.and_then(|authority| authority.until),
        review_until: authority.and_then(|authority| authority.review_until),
        said: remarks.into_iter().map(|remark| (said(remark.kind).to_owned(), remark.who, remark.text, remark.at)).collect(),
        waits: authority.is_some_and(|authority| {
            authority.review_until.is_some() || matches!(authority.standing, Authorised::Asked | Authorised::Afterwards | Authorised::Overdue | Authorised::Refused)
        }),
        speaks,
    }
}

/// What was said of a change, for readers.
fn said(kind: RemarkKind) -> &'static str {
    match kind {
        RemarkKind::Approve => "approved it",
        RemarkKind::Refuse => "refused it",
        RemarkKind::Review => "closed its review",
        RemarkKind::Escalated => "asked a higher authority",
        RemarkKind::Rejected => "rejected it",
        RemarkKind::RetroOverdue => "found it not approved in time",
        RemarkKind::ReviewOverdue => "found its review not closed in time",
    }
}

fn stream_item((stream, plan): (&Stream, &StreamPlan)) -> StreamItem {
    let target = |target: &plimsoll_core::model::deployment_package::Target| TargetItem {
        name: format!("{} {}", target.name, target.arch),
        version: target.version.clone(),
        size: target.size,
        sha256: target.sha256.clone(),
        repository: target.repository.clone(),
        new: target.new,
    };
    StreamItem {
        stream: stream.to_string(),
        tool: match plan.tool {
            Tool::Apt => "apt",
            Tool::Dnf => "dnf",
        },
        install: plan.install.iter().map(target).collect(),
        remove: plan.remove.iter().map(|gone| format!("{} {}", gone.name, gone.arch)).collect(),
        way_back: plan.way_back.iter().map(|former| format!("{} {} {}", former.name, former.arch, former.version)).collect(),
        no_way_back: plan.no_way_back.iter().map(|none| (none.name.clone(), none.reason.clone())).collect(),
        steps: plan.steps.iter().map(Step::to_string).collect(),
    }
}

#[derive(Default, Deserialize)]
struct WhyForm {
    #[serde(default)]
    reason: String,
    #[serde(default)]
    retry: String,
}

fn to(path: &str, digest: &str) -> Redirect {
    Redirect::to(&format!("{path}/{}", super::query::segment(digest)))
}

async fn start(State(app): State<Shared>, allowed: Allowed, Path(digest): Path<String>, Form(form): Form<WhyForm>) -> Page {
    let visit = Visit::new(&app, &allowed);
    let wish = RolloutWish { package: digest.clone(), reason: filled(form.reason) };
    rollouts::start(State(app), allowed, Json(wish)).await.map(drop).map_err(|refusal| visit.refused(refusal))?;
    Ok(to(PAGE, &digest).into_response())
}

async fn approve(State(app): State<Shared>, allowed: Allowed, Path(digest): Path<String>, Form(form): Form<WhyForm>) -> Page {
    let visit = Visit::new(&app, &allowed);
    let done = deployment_packages::approve(State(app), allowed, Path(digest.clone()), Json(Approval { reason: form.reason })).await;
    done.map(drop).map_err(|refusal| visit.refused(refusal))?;
    Ok(to("/console/deployment-packages", &digest).into_response())
}

#[derive(Deserialize)]
struct SayingForm {
    kind: String,
    #[serde(default)]
    reason: String,
}

async fn remark(State(app): State<Shared>, allowed: Allowed, Path(digest): Path<String>, Form(form): Form<SayingForm>) -> Page {
    let visit = Visit::new(&app, &allowed);
    let saying = Saying { kind: form.kind, reason: form.reason };
    let done = deployment_packages::remark(State(app), allowed, Path(digest.clone()), Json(saying)).await;
    done.map(drop).map_err(|refusal| visit.refused(refusal))?;
    Ok(to("/console/deployment-packages", &digest).into_response())
}

async fn withdraw(State(app): State<Shared>, allowed: Allowed, Path(digest): Path<String>, Form(form): Form<WhyForm>) -> Page {
    let visit = Visit::new(&app, &allowed);
    let why = Reason { reason: filled(form.reason) };
    let done = deployment_packages::withdraw(State(app), allowed, Path(digest.clone()), Json(why)).await;
    done.map(drop).map_err(|refusal| visit.refused(refusal))?;
    Ok(to("/console/deployment-packages", &digest).into_response())
}

async fn pause(State(app): State<Shared>, allowed: Allowed, Path(digest): Path<String>, Form(form): Form<WhyForm>) -> Page {
    let visit = Visit::new(&app, &allowed);
    let why = Reason { reason: filled(form.reason) };
    rollouts::pause(State(app), allowed, Path(digest.clone()), Json(why)).await.map(drop).map_err(|refusal| visit.refused(refusal))?;
    Ok(to(PAGE, &digest).into_response())
}

async fn resume(State(app): State<Shared>, allowed: Allowed, Path(digest): Path<String>, Form(form): Form<WhyForm>) -> Page {
    let visit = Visit::new(&app, &allowed);
    let wish = ResumeWish { retry: form.retry == "yes", reason: filled(form.reason) };
    rollouts::resume(State(app), allowed, Path(digest.clone()), Json(wish)).await.map(drop).map_err(|refusal| visit.refused(refusal))?;
    Ok(to(PAGE, &digest).into_response())
}

async fn abort(State(app): State<Shared>, allowed: Allowed, Path(digest): Path<String>, Form(form): Form<WhyForm>) -> Page {
    let visit = Visit::new(&app, &allowed);
    let why = Reason { reason: filled(form.reason) };
    rollouts::abort(State(app), allowed, Path(digest.clone()), Json(why)).await.map(drop).map_err(|refusal| visit.refused(refusal))?;
    Ok(to(PAGE, &digest).into_response())
}

#[derive(Deserialize)]
struct LookForm {
    host: HostId,
    held: String,
    note: String,
}

async fn look(State(app): State<Shared>, allowed: Allowed, Path(digest): Path<String>, Form(form): Form<LookForm>) -> Page {
    let visit = Visit::new(&app, &allowed);
    let wish = SampleWish { host: form.host, held: form.held == "yes", note: form.note };
    looks::look(&app, &allowed, &digest, wish).await.map_err(|refusal| visit.refused(refusal))?;
    Ok(to(PAGE, &digest).into_response())
}

#[derive(Deserialize)]
struct TicketForm {
    ticket: String,
    caused: String,
    note: String,
}

async fn ticket(State(app): State<Shared>, allowed: Allowed, Path(digest): Path<String>, Form(form): Form<TicketForm>) -> Page {
    let visit = Visit::new(&app, &allowed);
    let wish = TicketWish { ticket: form.ticket, caused: form.caused == "yes", note: form.note };
    looks::ticket(&app, &allowed, &digest, wish).await.map_err(|refusal| visit.refused(refusal))?;
    Ok(to(PAGE, &digest).into_response())
}
