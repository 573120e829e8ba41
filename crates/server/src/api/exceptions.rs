//! **Exceptions**: who accepted which open findings until when.

use super::acts::Reason;
use super::{Answer, missing, parameter, stored, window};
use crate::app::{App, Shared};
use crate::exceptions::{self, ExceptionWish, RenewalWish, concerned};
use crate::fleet::question::Page;
use crate::http::gate::Allowed;
use crate::http::json::Json;
use crate::http::parameters::{Path, Query};
use axum::extract::State;
use jiff::Timestamp;
use plimsoll_core::model::exception::{Covered, Exception, ExceptionStanding};
use plimsoll_core::model::identifier::{ClientId, ExceptionId, GroupId, HostId};
use plimsoll_core::model::policy::WaiverKind;
use plimsoll_core::phases::prioritize::exception::review_due;
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;
use utoipa::ToSchema;

/// One exception.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct ExceptionAnswer {
    /// Id.
    #[schema(value_type = String)]
    pub id: ExceptionId,
    /// Client whose hosts it is about.
    #[schema(value_type = String)]
    pub client: ClientId,
    /// Where it stands now.
    #[schema(value_type = String)]
    pub state: ExceptionStanding,
    /// What justifies it.
    #[schema(value_type = String)]
    pub kind: WaiverKind,
    /// Advisories.
    pub advisories: Vec<String>,
    /// Package it is limited to.
    pub package: Option<String>,
    /// Whether it is about all hosts of its client.
    pub all_hosts: bool,
    /// Group whose hosts it is about.
    #[schema(value_type = Option<String>)]
    pub group: Option<GroupId>,
    /// Hosts it is about, where they were named one by one.
    #[schema(value_type = Vec<String>)]
    pub hosts: Vec<HostId>,
    /// Who answers for the risk while it lasts.
    pub owner: String,
    /// Why.
    pub reason: String,
    /// What stands in meanwhile; empty for nothing.
    pub control: String,
    /// Severities, priorities and rules of the findings when it was asked for.
    pub levels: Vec<String>,
    /// First moment in which it is in force no more.
    #[schema(value_type = String, format = DateTime)]
    pub until: Timestamp,
    /// When it was asked for.
    #[schema(value_type = String, format = DateTime)]
    pub requested: Timestamp,
    /// Who asked.
    pub requester: String,
    /// How many people must approve.
    pub quorum: u32,
    /// Who approved so far.
    pub approvals: Vec<ApprovalAnswer>,
    /// When it was approved, refused or taken back.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub decided: Option<Timestamp>,
    /// By whom; of approvals the last.
    pub decided_by: Option<String>,
    /// Why.
    pub decided_because: Option<String>,
    /// The one that it renews.
    #[schema(value_type = Option<String>)]
    pub renews: Option<ExceptionId>,
    /// How often it was renewed before this.
    pub renewals: u32,
    /// The one that took its place.
    #[schema(value_type = Option<String>)]
    pub replaced_by: Option<ExceptionId>,
    /// When somebody last looked at it again.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub reviewed: Option<Timestamp>,
    /// By when it is to be looked at again, by the policy in force.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub review_due: Option<Timestamp>,
    /// Open findings that it is about now, whether it is in force or not.
    pub findings: u64,
    /// Hosts that they are on.
    pub hosts_concerned: u64,
}

/// One approval.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct ApprovalAnswer {
    /// Who.
    pub by: String,
    /// When.
    #[schema(value_type = String, format = DateTime)]
    pub at: Timestamp,
}

/// An exception as it stands now.
pub fn answer(app: &App, exception: Exception) -> ExceptionAnswer {
    let now = app.clock().now;
    let findings = concerned(app, &exception);
    let on: BTreeSet<HostId> = findings.iter().map(|finding| finding.host).collect();
    let (decided, decided_by, decided_because) = match &exception.decided {
        Some(decided) => (Some(decided.at), Some(decided.by.clone()), Some(decided.why.clone()).filter(|why| !why.is_empty())),
        None => (None, None, None),
    };
    ExceptionAnswer {
        reviewed: exception.reviewed,
        review_due: review_due(&app.policy(), &exception),
        state: exception.standing(now),
        id: exception.id,
        client: exception.client,
        kind: exception.kind,
        advisories: exception.advisories.into_iter().collect(),
        package: exception.package,
        all_hosts: exception.hosts == Covered::All,
        group: if let Covered::Group(group) = &exception.hosts { Some(*group) } else { None },
        hosts: if let Covered::Hosts(hosts) = exception.hosts { hosts.into_iter().collect() } else { Vec::new() },
        owner: exception.owner,
        reason: exception.reason,
        control: exception.control,
        levels: exception.levels.into_iter().collect(),
        until: exception.until,
        requested: exception.requested,
        requester: exception.requester.name,
        quorum: exception.quorum,
        approvals: exception.approvals.into_iter().map(|approval| ApprovalAnswer { by: approval.name, at: approval.at }).collect(),
        decided,
        decided_by,
        decided_because,
        renews: exception.renews,
        renewals: exception.renewals,
        replaced_by: exception.replaced_by,
        findings: findings.len() as u64,
        hosts_concerned: on.len() as u64,
    }
}

/// Which exceptions.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Which {
    /// Where they stand.
    pub standing: Option<String>,
    /// One client's, by id.
    pub client: Option<String>,
    /// Advisory.
    pub advisory: Option<String>,
    /// Host on which a finding is open that they are about, by id.
    pub host: Option<String>,
    /// Rows left out at the front.
    pub skip: Option<usize>,
    /// Rows wanted.
    pub take: Option<usize>,
}

/// Lists exceptions, the newest first.
pub async fn list(State(app): State<Shared>, allowed: Allowed, Query(which): Query<Which>) -> Answer<Page<ExceptionAnswer>> {
    let (skip, take) = window(which.skip, which.take)?;
    let standing = which.standing.as_deref().filter(|word| !word.is_empty());
    let standing = standing.map(|word| {
        ExceptionStanding::parse(word).ok_or_else(|| {
            let words = ExceptionStanding::ALL.map(ExceptionStanding::word).join(", ");
            parameter("standing", format!("is {word:?}, allowed are {words}"), "choose one of them")
        })
    });
    let (standing, now) = (standing.transpose()?, app.clock().now);
    let client = which.client.as_deref().map(|id| id.parse::<ClientId>().map_err(|_| missing("client", id))).transpose()?;
    let host = which.host.as_deref().map(|id| id.parse::<HostId>().map_err(|_| missing("host", id))).transpose()?;
    let wanted = |exception: &Exception| {
        standing.is_none_or(|standing| exception.standing(now) == standing)
            && client.is_none_or(|client| exception.client == client)
            && which.advisory.as_ref().is_none_or(|advisory| exception.advisories.contains(advisory))
            && host.is_none_or(|host| concerned(&app, exception).iter().any(|finding| finding.host == host))
    };
    let mut found = app.store.exceptions(&stored(&allowed.scope)).await?;
    found.retain(wanted);
    let total = found.len();
    Ok(Json(Page { rows: found.into_iter().skip(skip).take(take).map(|exception| answer(&app, exception)).collect(), total }))
}

/// One exception.
pub async fn show(State(app): State<Shared>, allowed: Allowed, Path(id): Path<String>) -> Answer<ExceptionAnswer> {
    let exception = exceptions::seen(&app, &allowed, &id).await?;
    Ok(Json(answer(&app, exception)))
}

/// Asks for one.
pub async fn request(State(app): State<Shared>, allowed: Allowed, Json(wish): Json<ExceptionWish>) -> Answer<ExceptionAnswer> {
    let exception = exceptions::request(&app, &allowed, wish).await?;
    Ok(Json(answer(&app, exception)))
}

/// Asks for the renewal of one.
pub async fn renew(
    State(app): State<Shared>,
    allowed: Allowed,
    Path(id): Path<String>,
    Json(wish): Json<RenewalWish>,
) -> Answer<ExceptionAnswer> {
    let exception = exceptions::renew(&app, &allowed, &id, wish).await?;
    Ok(Json(answer(&app, exception)))
}

/// Approves one.
pub async fn approve(
    State(app): State<Shared>,
    allowed: Allowed,
    Path(id): Path<String>,
    Json(why): Json<Reason>,
) -> Answer<ExceptionAnswer> {
    let exception = exceptions::approve(&app, &allowed, &id, why.reason).await?;
    Ok(Json(answer(&app, exception)))
}

/// Refuses one.
pub async fn refuse(
    State(app): State<Shared>,
    allowed: Allowed,
    Path(id): Path<String>,
    Json(why): Json<Reason>,
) -> Answer<ExceptionAnswer> {
    let exception = exceptions::refuse(&app, &allowed, &id, &why.reason.unwrap_or_default()).await?;
    Ok(Json(answer(&app, exception)))
}

/// Notes that one was looked at again.
pub async fn review(
    State(app): State<Shared>,
    allowed: Allowed,
    Path(id): Path<String>,
    Json(why): Json<Reason>,
) -> Answer<ExceptionAnswer> {
    let exception = exceptions::review(&app, &allowed, &id, &why.reason.unwrap_or_default()).await?;
    Ok(Json(answer(&app, exception)))
}

/// Takes one back.
pub async fn withdraw(
    State(app): State<Shared>,
    allowed: Allowed,
    Path(id): Path<String>,
    Json(why): Json<Reason>,
) -> Answer<ExceptionAnswer> {
    let exception = exceptions::withdraw(&app, &allowed, &id, &why.reason.unwrap_or_default()).await?;
    Ok(Json(answer(&app, exception)))
}
