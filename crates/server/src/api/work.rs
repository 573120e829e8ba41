//! **Work**: hours that people say.

use super::{Answer, missing, stored, window};
use crate::app::{App, Shared};
use crate::fleet::question::Page;
use crate::http::gate::Allowed;
use crate::http::json::Json;
use crate::http::parameters::{Path, Query};
use crate::work::{self, WorkCorrection, WorkLog, WorkLogTaken, WorkStart, WorkStop, WorkWish};
use axum::extract::State;
use jiff::Timestamp;
use plimsoll_core::measures::cost::standing;
use plimsoll_core::measures::cost::steps::Step;
use plimsoll_core::model::identifier::{ClientId, HostId, WorkId};
use plimsoll_core::model::work::{Source, Work};
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;
use utoipa::ToSchema;

/// One record of work. Nobody is named; it says whether it is the asker's own.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct WorkAnswer {
    /// Id.
    #[schema(value_type = String)]
    pub id: WorkId,
    /// Client whose hosts it was for.
    #[schema(value_type = String)]
    pub client: ClientId,
    /// Whether the asker wrote it down.
    pub mine: bool,
    /// As what.
    pub role: String,
    /// Number of the step.
    #[schema(value_type = Option<String>)]
    pub step: Option<Step>,
    /// What that step is.
    pub step_name: Option<String>,
    /// What it was for.
    pub subject: String,
    /// How it is known: `timer`, `entered` or `ticket`.
    #[schema(value_type = String)]
    pub source: Source,
    /// When it began.
    #[schema(value_type = String, format = DateTime)]
    pub started: Timestamp,
    /// When its timer was stopped.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub ended: Option<Timestamp>,
    /// Whether its timer runs.
    pub running: bool,
    /// Seconds of work; of a timer that runs, until now.
    pub seconds: u64,
    /// Minutes out of service, where it tells of those.
    pub downtime_minutes: Option<u64>,
    /// Their tier.
    pub tier: Option<String>,
    /// The host that was out of service.
    #[schema(value_type = Option<String>)]
    pub host: Option<HostId>,
    /// Ticket that says so.
    pub ticket: Option<String>,
    /// What was done.
    pub note: String,
    /// The record whose place it takes.
    #[schema(value_type = Option<String>)]
    pub replaces: Option<WorkId>,
    /// Whether it counts; not where a correction took its place.
    pub counts: bool,
}

/// A record as it stands now.
pub fn answer(app: &App, allowed: &Allowed, work: Work, counts: bool) -> WorkAnswer {
    let now = app.clock().now;
    let running = work.seconds.is_none() && work.ended.is_none() && counts;
    let timed = || u64::try_from(work.ended.unwrap_or(now).as_second() - work.started.as_second()).unwrap_or(0);
    let seconds = work.seconds.unwrap_or_else(timed);
    let (downtime_minutes, tier, host) = match work.downtime {
        Some(downtime) => (Some(downtime.minutes), Some(downtime.tier), downtime.host),
        None => (None, None, None),
    };
    WorkAnswer {
        mine: work.person.is_some() && work.person == allowed.principal.person_id(),
        id: work.id,
        client: work.client,
        role: work.role,
        step: work.step,
        step_name: work.step.map(|step| step.name().to_owned()),
        subject: work.subject.to_string(),
        source: work.source,
        started: work.started,
        ended: work.ended,
        running,
        seconds,
        downtime_minutes,
        tier,
        host,
        ticket: work.ticket,
        note: work.note,
        replaces: work.replaces,
        counts,
    }
}

/// Which records.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Which {
    /// One client's, by id.
    pub client: Option<String>,
    /// Of one subject.
    pub subject: Option<String>,
    /// The asker's own.
    pub mine: Option<bool>,
    /// Timers that run.
    pub running: Option<bool>,
    /// Those too whose place a correction took.
    pub corrected: Option<bool>,
    /// Rows left out at the front.
    pub skip: Option<usize>,
    /// Rows wanted.
    pub take: Option<usize>,
}

/// Records that somebody may see, the newest first.
pub async fn listed(app: &App, allowed: &Allowed, which: &Which) -> Result<Vec<WorkAnswer>, crate::http::problem::Refusal> {
    let client = which.client.as_deref().filter(|id| !id.is_empty()).map(|id| id.parse::<ClientId>().map_err(|_| missing("client", id))).transpose()?;
    let kept = app.store.work(&stored(&allowed.scope), client, Timestamp::MAX).await?;
    let counting: BTreeSet<WorkId> = standing(&kept, Timestamp::MAX).into_iter().map(|work| work.id).collect();
    let rows = kept.into_iter().rev().map(|work| {
        let counts = counting.contains(&work.id);
        answer(app, allowed, work, counts)
    });
    let wanted = rows.filter(|row| {
        (row.counts || which.corrected == Some(true))
            && which.subject.as_ref().is_none_or(|subject| row.subject == *subject)
            && which.mine.is_none_or(|mine| row.mine == mine)
            && which.running.is_none_or(|running| row.running == running)
    });
    Ok(wanted.collect())
}

/// Lists records, the newest first.
pub async fn list(State(app): State<Shared>, allowed: Allowed, Query(which): Query<Which>) -> Answer<Page<WorkAnswer>> {
    let (skip, take) = window(which.skip, which.take)?;
    let rows = listed(&app, &allowed, &which).await?;
    let total = rows.len();
    Ok(Json(Page { rows: rows.into_iter().skip(skip).take(take).collect(), total }))
}

/// Starts a timer.
pub async fn start(State(app): State<Shared>, allowed: Allowed, Json(wish): Json<WorkStart>) -> Answer<WorkAnswer> {
    let work = work::start(&app, &allowed, wish).await?;
    Ok(Json(answer(&app, &allowed, work, true)))
}

/// Stops a timer.
pub async fn stop(State(app): State<Shared>, allowed: Allowed, Json(wish): Json<WorkStop>) -> Answer<WorkAnswer> {
    let work = work::stop(&app, &allowed, wish).await?;
    Ok(Json(answer(&app, &allowed, work, true)))
}

/// Writes hours down.
pub async fn add(State(app): State<Shared>, allowed: Allowed, Json(wish): Json<WorkWish>) -> Answer<WorkAnswer> {
    let work = work::add(&app, &allowed, wish).await?;
    Ok(Json(answer(&app, &allowed, work, true)))
}

/// Corrects a record.
pub async fn correct(State(app): State<Shared>, allowed: Allowed, Path(id): Path<String>, Json(wish): Json<WorkCorrection>) -> Answer<WorkAnswer> {
    let work = work::correct(&app, &allowed, &id, wish).await?;
    Ok(Json(answer(&app, &allowed, work, true)))
}

/// Takes a ticket system's work log.
pub async fn import(State(app): State<Shared>, allowed: Allowed, Json(wish): Json<WorkLog>) -> Answer<WorkLogTaken> {
    work::import(&app, &allowed, wish).await.map(Json)
}
