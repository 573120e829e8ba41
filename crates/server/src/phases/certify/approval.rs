//! What people and the clock say of a change **beside signatures**: approvals,
//! refusals, reviews, and that one of them did not come in time.
//!
//! None of it takes the place of a signature: hosts ask for those and for the
//! leaf of acceptance, whoever approved here. A refusal and a missing approval
//! can only stop and delay.

use super::{accept_if_certified, root};
use crate::api::acts::actor;
use crate::app::{App, News, Shared};
use crate::exceptions::person;
use crate::http::gate::Allowed;
use crate::http::problem::Refusal;
use crate::identity::checked_text;
use crate::policy::InForce;
use crate::rollouts::signed;
use axum::http::StatusCode;
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};
use plimsoll_core::model::authorisation::{Authorised, Remark, RemarkKind};
use plimsoll_core::model::deployment_package::{ChangeType, DeploymentPackage};
use plimsoll_core::model::identifier::ClientId;
use plimsoll_core::model::policy::governance::{AutoIf, Governance};
use plimsoll_core::phases::certify::{Course, Question, authority, may_approve};
use plimsoll_core::phases::deploy::Wanted;
use plimsoll_formats::trust::SignedPackage;
use plimsoll_store::deployment_packages::{PackageRow, PackageState};
use plimsoll_store::remarks::CLOCK;
use plimsoll_store::rollouts::Rollout;
use plimsoll_store::{Actor, Intent, Scope, StoreError};
use std::collections::BTreeSet;
use std::sync::Arc;

/// Kind of the alert about what was not said in time.
pub const LATE: &str = "approval-late";
/// Where no policy names a zone.
static UTC: TimeZone = TimeZone::UTC;
/// Longest words of a person.
const WORDS: usize = 2000;
/// Open alerts that are looked through for those that an act settles.
const ALERTS: u32 = 1000;
/// Ended rollouts that are looked through for those of one kind of change.
const LOOKED: usize = 20;
/// How long after its end a rollout is looked at for clocks that run out.
const FOLLOWED: SignedDuration = SignedDuration::from_hours(120 * 24);

/// What the authority of one package is decided from.
pub struct Facts {
    /// The policy in force.
    pub held: Arc<InForce>,
    people: BTreeSet<String>,
    evaluation: bool,
    remarks: Vec<Remark>,
    recent: Vec<bool>,
    course: Option<Course>,
}

impl Facts {
    /// Gathers them.
    ///
    /// # Errors
    ///
    /// The store cannot be read.
    pub async fn gather(app: &App, signed: &SignedPackage, remarks: Vec<Remark>) -> Result<Self, StoreError> {
        let (held, package) = (app.policies.in_force(), signed.package());
        let rollout = match app.store.rollout(&signed.digest()).await {
            Ok(rollout) => Some(rollout),
            Err(error) if error.kind == plimsoll_store::ErrorKind::NotFound => None,
            Err(error) => return Err(error),
        };
        let asks = held.set.governance.approve.get(&package.change).is_some_and(|practice| practice.auto_if.contains(&AutoIf::RecentSuccess));
        let recent = if asks { recent(app, package.client, package.change, &signed.digest()).await? } else { Vec::new() };
        let root = app.root.as_ref().map(|root| &root.root);
        Ok(Self {
            people: root.map(|root| signed.signed_by(root).into_values().collect()).unwrap_or_default(),
            evaluation: root.is_some_and(plimsoll_formats::trust::Root::is_evaluation),
            course: rollout.as_ref().map(course),
            remarks: as_named(app, &held.set.governance, remarks).await?,
            held,
            recent,
        })
    }

    /// The question at an instant.
    pub fn question<'a>(&'a self, package: &'a DeploymentPackage, now: Timestamp) -> Question<'a> {
        let own = self.held.set.policies.first();
        Question {
            now,
            package,
            rules: &self.held.set.rollout,
            governance: &self.held.set.governance,
            classes: own.map(|policy| &policy.classify.classes),
            zone: own.map_or(&UTC, |policy| &policy.zone),
            signed: &self.people,
            evaluation: self.evaluation,
            remarks: &self.remarks,
            recent: &self.recent,
            course: self.course,
        }
    }
}

/// Approvals under the policy's own name for whoever gave them, where their
/// address tells it: a signature bears that name, and nobody counts twice.
async fn as_named(app: &App, governance: &Governance, mut remarks: Vec<Remark>) -> Result<Vec<Remark>, StoreError> {
    for remark in remarks.iter_mut().filter(|remark| remark.kind == RemarkKind::Approve) {
        let mail = app.store.person_by_account(&remark.who).await?.and_then(|person| person.email);
        if let Some(mail) = mail.filter(|mail| governance.person_of(mail) != mail) {
            remark.who = governance.person_of(&mail).to_owned();
        }
    }
    Ok(remarks)
}

fn course(rollout: &Rollout) -> Course {
    let ended = matches!(rollout.wanted, Wanted::Done | Wanted::Aborted);
    Course { started: rollout.started, ended: ended.then_some(rollout.changed) }
}

/// Whether a client's ended changes of one kind reached what they were to,
/// newest first.
async fn recent(app: &App, client: ClientId, kind: ChangeType, but: &str) -> Result<Vec<bool>, StoreError> {
    let rollouts = app.store.rollouts(&Scope::client(client)).await?;
    let ended = rollouts.into_iter().filter(|rollout| course(rollout).ended.is_some() && rollout.package != but);
    let mut recent = Vec::new();
    for rollout in ended.take(LOOKED) {
        if signed(app, &rollout.package).await?.package().change == kind {
            let well = !rollout.rings.is_empty() && rollout.rings.iter().all(|ring| ring.succeeded.is_some());
            recent.push(rollout.wanted == Wanted::Done && well);
        }
    }
    Ok(recent)
}

/// Works out anew who authorised each rollout that is under way; until that is
/// known nothing of it moves.
///
/// # Errors
///
/// The store cannot be read; what was known stays.
pub async fn follow(app: &App) -> Result<(), StoreError> {
    let under_way: Vec<String> = app.rollouts.read().iter().filter(|(_, live)| live.is_under_way()).map(|(digest, _)| digest.clone()).collect();
    if under_way.is_empty() {
        return Ok(());
    }
    let mut remarks = app.store.all_remarks().await?;
    for digest in under_way {
        let signed = signed(app, &digest).await?;
        let facts = Facts::gather(app, &signed, remarks.remove(&digest).unwrap_or_default()).await?;
        let authority = authority(&facts.question(signed.package(), Timestamp::now()));
        if let Some(live) = app.rollouts.write().get_mut(&digest) {
            live.authority = Some(authority);
        }
    }
    Ok(())
}

/// Makes the remarks of clocks that ran out by `now`, each once and with an
/// alert; of several servers one makes each.
///
/// # Errors
///
/// What the store meets; what was not told is told next time.
pub async fn tell(app: &Shared, now: Timestamp) -> Result<(), StoreError> {
    let mut remarks = app.store.all_remarks().await?;
    let rollouts = app.store.rollouts(&Scope::All).await?;
    for row in app.store.deployment_packages(&Scope::All).await? {
        let rollout = rollouts.iter().find(|rollout| rollout.package == row.digest);
        let lasts = match rollout {
            Some(rollout) => now.duration_since(rollout.changed) < FOLLOWED,
            None => matches!(row.state, PackageState::Draft | PackageState::Signed),
        };
        if !lasts {
            continue;
        }
        let signed = signed(app, &row.digest).await?;
        let facts = Facts::gather(app, &signed, remarks.remove(&row.digest).unwrap_or_default()).await?;
        for (kind, text) in authority(&facts.question(signed.package(), now)).due {
            let remark = Remark { kind, who: CLOCK.to_owned(), text, at: now };
            match note(app, &row, &remark).await {
                // Somebody moved the package meanwhile: it is looked at again.
                Err(error) if error.problem.code == "E-STATE" => {}
                done => done?,
            }
        }
    }
    Ok(())
}

/// Writes down one remark of the clock, with what follows from it.
async fn note(app: &Shared, row: &PackageRow, remark: &Remark) -> Result<(), StoreError> {
    let mut change = app.store.begin(Intent::new(Actor::server(), remark.at, remark.kind.verb(), object(row))).await?;
    if !change.add_remark(&row.digest, row.client, remark).await? {
        return Ok(());
    }
    if remark.kind == RemarkKind::Rejected {
        change.withdraw_package(&row.digest).await?;
    }
    let text = format!("{} {}: {}", row.name, row.version, remark.text);
    change.raise_alert(Some(row.client), LATE, &about(row), &text).await?;
    change.commit(None).await?;
    let _ = app.news.send(News::Other);
    Ok(())
}

fn object(row: &PackageRow) -> String {
    format!("package-draft:{}", row.digest)
}

fn about(row: &PackageRow) -> String {
    format!("deployment-package:{}", row.digest)
}

fn refuse(status: StatusCode, code: &'static str, row: &PackageRow, text: impl AsRef<str>, next: &'static str) -> Refusal {
    Refusal::new(status, code, text, next).at(about(row))
}

/// Takes what a person says of a change: approves, refuses, or closes its
/// review.
///
/// # Errors
///
/// 400 without words; 403 `E-SOD` for the author, `E-APPROVE` for whom the
/// policy does not name; 409 `E-STATE` where it has no place any more.
pub async fn say(app: &Shared, allowed: &Allowed, row: &PackageRow, kind: RemarkKind, text: &str) -> Result<PackageRow, Refusal> {
    let text = checked_text("reason", text, WORDS)?;
    let whoever = person(app, allowed).await?;
    let signed = signed(app, &row.digest).await?;
    let facts = Facts::gather(app, &signed, app.store.remarks(&row.digest).await?).await?;
    let now = Timestamp::now();
    let question = facts.question(signed.package(), now);
    if whoever.account.eq_ignore_ascii_case(&row.author) && !question.evaluation {
        let text = format!("{} drafted {} {}, and nobody approves or reviews a change of their own", row.author, row.name, row.version);
        return Err(refuse(StatusCode::FORBIDDEN, "E-SOD", row, text, "have somebody else do it"));
    }
    let stands = authority(&question);
    if !may_approve(&question, &whoever.account, whoever.email.as_deref()) {
        let text = format!("the policy names who authorises a {} change: {}; {} is none of them", signed.package().change.as_str(), stands.from.join(", "), whoever.account);
        return Err(refuse(StatusCode::FORBIDDEN, "E-APPROVE", row, text, "ask them; [people] of the policy says which account or address they have"));
    }
    let ended = question.course.is_some_and(|course| course.ended.is_some());
    let closed = match kind {
        _ if row.state == PackageState::Withdrawn => Some("it was withdrawn"),
        RemarkKind::Review if stands.review_until.is_none() => Some("no review of it is due: the policy asks for one once its rollout has ended"),
        RemarkKind::Refuse if ended => Some("its rollout has ended"),
        RemarkKind::Approve if stands.standing == Authorised::Refused => Some("somebody refused it"),
        _ => None,
    };
    if let Some(why) = closed {
        return Err(refuse(StatusCode::CONFLICT, "E-STATE", row, why, "look at it again; draft another where it is wanted"));
    }
    let by = actor(allowed);
    let mut change = app.store.begin(Intent::new(by.clone(), now, kind.verb(), object(row))).await?;
    let remark = Remark { kind, who: whoever.account, text: text.clone(), at: now };
    if !change.add_remark(&row.digest, row.client, &remark).await? {
        return Err(refuse(StatusCode::CONFLICT, "E-STATE", row, format!("{} said that before", remark.who), "nothing is to be done"));
    }
    settle(app, row, &mut change).await?;
    change.commit(Some(&text)).await?;
    let open = matches!(row.state, PackageState::Draft | PackageState::Signed);
    let after = if open && app.root.is_some() { accepted(app, by, row, &signed).await? } else { row.clone() };
    if let Err(error) = follow(app).await {
        tracing::warn!(code = error.problem.code, "an approval is taken up with the next look: {}", error.problem.text);
    }
    app.rollouts.wake.notify_one();
    let _ = app.news.send(News::Other);
    Ok(after)
}

/// Accepts it where that was the last that was missing; of two at once one does.
async fn accepted(app: &Shared, by: Actor, row: &PackageRow, signed: &SignedPackage) -> Result<PackageRow, Refusal> {
    root(app)?;
    match accept_if_certified(app, by, row.clone(), signed).await {
        Err(refusal) if refusal.code() == "E-STATE" => Ok(app.store.deployment_package(&row.digest).await?),
        done => done,
    }
}

/// Closes alerts that somebody was waited for.
async fn settle(app: &App, row: &PackageRow, change: &mut plimsoll_store::Change) -> Result<(), Refusal> {
    let open = app.store.open_alerts(&Scope::All, ALERTS).await?;
    for alert in open.iter().filter(|alert| alert.kind == LATE && alert.object == about(row)) {
        change.close_alert(&alert.id).await?;
    }
    Ok(())
}

#[cfg(test)]
mod tests;
