//! Rosters, briefings and meetings over HTTP.

use super::{Answer, stored};
use crate::app::Shared;
use crate::http::gate::Allowed;
use crate::http::json::Json;
use crate::http::parameters::Path;
use crate::http::problem::Refusal;
use crate::http::routes::{Access, Routes};
use crate::identity::role::Permission;
use crate::teams::{self, AttendanceWish, BriefingWish, CadenceWish, DoneWish, MeetingWish, RosterWish, known, meetings_due};
use axum::extract::State;
use axum::http::{Method, StatusCode};
use jiff::Timestamp;
use plimsoll_core::model::identifier::{ApplicationId, ClientId};
use plimsoll_core::operations::meeting::Due;
use plimsoll_core::operations::teams::{Held, Met, Roster, Teams, Way};
use serde::Serialize;
use utoipa::ToSchema;

/// Largest roster that is sent: a mebibyte of CSV, written as JSON.
const ROSTER: usize = 4 << 20;

/// The routes.
pub fn routes() -> Routes<Shared> {
    use Access::Needs;
    let (get, post, put) = (Method::GET, Method::POST, Method::PUT);
    let (read, edit) = (Needs(Permission::ReadFleet), Needs(Permission::EditTeams));
    Routes::new()
        .route(get.clone(), "/api/v1/rosters", read, rosters)
        .route_up_to(ROSTER, put.clone(), "/api/v1/rosters", edit, set_roster)
        .route(get.clone(), "/api/v1/briefings", read, briefings)
        .route(post.clone(), "/api/v1/briefings", edit, brief)
        .route(get.clone(), "/api/v1/briefings/{briefing}", read, briefing)
        .route(post.clone(), "/api/v1/briefings/{briefing}/attendance", edit, attend)
        .route(post.clone(), "/api/v1/briefings/{briefing}/acknowledge", Needs(Permission::Acknowledge), acknowledge)
        .route(get.clone(), "/api/v1/meetings", read, meetings)
        .route(get.clone(), "/api/v1/meetings/due", read, due)
        .route(get, "/api/v1/meetings/{meeting}", read, meeting)
        .route(post.clone(), "/api/v1/meetings/{meeting}/actions/{action}/done", edit, done)
        .route(put, "/api/v1/applications/{application}/cadence", edit, cadence)
        .route(post, "/api/v1/applications/{application}/meetings", edit, meet)
}

/// A roster.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct RosterAnswer {
    /// Client.
    #[schema(value_type = String)]
    pub client: ClientId,
    /// Name.
    pub name: String,
    /// teams or stakeholders.
    pub audience: String,
    /// Who is on it.
    pub members: Vec<RosterMember>,
}

/// Who is on a roster.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct RosterMember {
    /// Name.
    pub name: String,
    /// Accounts that may acknowledge for it beside the one of that name.
    pub accounts: Vec<String>,
}

fn roster(client: ClientId, roster: Roster) -> RosterAnswer {
    let members = roster.members.into_iter().map(|member| RosterMember { name: member.name, accounts: member.accounts.into_iter().collect() });
    RosterAnswer { client, name: roster.name, audience: roster.circle.word().to_owned(), members: members.collect() }
}

/// A briefing with whom it reached.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct BriefingAnswer {
    /// Id.
    pub id: String,
    /// Client.
    #[schema(value_type = String)]
    pub client: ClientId,
    /// Roster it is for.
    pub roster: String,
    /// What it is about.
    pub topic: String,
    /// What it is called.
    pub title: String,
    /// The document or a link to it; empty where it was said only.
    pub document: String,
    /// When it was held or sent.
    #[schema(value_type = String, format = DateTime)]
    pub held: Timestamp,
    /// Who holds it.
    pub holder: String,
    /// Whom it reached.
    pub reached: Vec<ReachedMember>,
}

/// Somebody whom a briefing reached.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct ReachedMember {
    /// Name on the roster.
    pub member: String,
    /// When they acknowledged it.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub acknowledged: Option<Timestamp>,
    /// When they were there.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub attended: Option<Timestamp>,
}

fn told(held: Held) -> BriefingAnswer {
    let one = |(member, ways): (String, std::collections::BTreeMap<Way, Timestamp>)| ReachedMember {
        member,
        acknowledged: ways.get(&Way::Acknowledged).copied(),
        attended: ways.get(&Way::Attended).copied(),
    };
    let briefing = held.briefing;
    BriefingAnswer {
        id: briefing.id,
        client: held.client,
        roster: briefing.roster,
        topic: briefing.topic.word().to_owned(),
        title: briefing.title,
        document: briefing.document,
        held: briefing.held,
        holder: briefing.holder,
        reached: held.reached.into_iter().map(one).collect(),
    }
}

/// A meeting of operations and development.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct MeetingAnswer {
    /// Id.
    pub id: String,
    /// Client.
    #[schema(value_type = String)]
    pub client: ClientId,
    /// Application it was about.
    #[schema(value_type = String)]
    pub application: ApplicationId,
    /// When it was held.
    #[schema(value_type = String, format = DateTime)]
    pub held: Timestamp,
    /// Who was there.
    pub attendance: Vec<String>,
    /// What was said.
    pub minutes: String,
    /// What was decided.
    pub decisions: Vec<String>,
    /// What is to be done.
    pub actions: Vec<ActionAnswer>,
}

/// Something to be done.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct ActionAnswer {
    /// What.
    pub what: String,
    /// Who.
    pub owner: String,
    /// By when.
    #[schema(value_type = String, format = DateTime)]
    pub due: Timestamp,
    /// When it was done; none while it is open.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub done: Option<Timestamp>,
    /// What came of it.
    pub note: Option<String>,
}

fn met(met: Met) -> MeetingAnswer {
    let Met { client, meeting, mut done } = met;
    let action = |(place, action): (usize, plimsoll_core::operations::teams::Action)| {
        let (at, note) = done.remove(&place).unzip();
        ActionAnswer { what: action.what, owner: action.owner, due: action.due, done: at, note: note.filter(|note| !note.is_empty()) }
    };
    MeetingAnswer {
        id: meeting.id,
        client,
        application: meeting.application,
        held: meeting.held,
        attendance: meeting.attendance.into_iter().collect(),
        minutes: meeting.minutes,
        decisions: meeting.decisions,
        actions: meeting.actions.into_iter().enumerate().map(action).collect(),
    }
}

/// When an application's next meeting is due.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct DueAnswer {
    /// Application.
    #[schema(value_type = String)]
    pub application: ApplicationId,
    /// Client.
    #[schema(value_type = String)]
    pub client: ClientId,
    /// Its name.
    pub name: String,
    /// How often is met, ISO 8601.
    pub every: String,
    /// Whether that is the application's own and not the policy's.
    pub own: bool,
    /// When was met last.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub last: Option<Timestamp>,
    /// Until when the next is to be held.
    #[schema(value_type = String, format = DateTime)]
    pub due: Timestamp,
    /// Whether that was missed.
    pub overdue: bool,
}

impl From<Due> for DueAnswer {
    fn from(due: Due) -> Self {
        let Due { application, client, name, every, own, last, due, overdue } = due;
        Self { application, client, name, every, own, last, due, overdue }
    }
}

async fn now(app: &Shared, allowed: &Allowed) -> Result<Teams, Refusal> {
    Ok(known(&app.store, &stored(&allowed.scope), Timestamp::now(), None).await?)
}

/// Lists rosters.
pub async fn rosters(State(app): State<Shared>, allowed: Allowed) -> Answer<Vec<RosterAnswer>> {
    Ok(Json(now(&app, &allowed).await?.rosters.into_iter().map(|((client, _), one)| roster(client, one)).collect()))
}

/// Says who is on a roster from now on.
pub async fn set_roster(State(app): State<Shared>, allowed: Allowed, Json(wish): Json<RosterWish>) -> Answer<RosterAnswer> {
    let (client, set) = teams::set_roster(&app, &allowed, wish).await?;
    Ok(Json(roster(client, set)))
}

/// Lists briefings, the newest first.
pub async fn briefings(State(app): State<Shared>, allowed: Allowed) -> Answer<Vec<BriefingAnswer>> {
    Ok(Json(now(&app, &allowed).await?.briefings.into_iter().rev().map(told).collect()))
}

/// Records a briefing.
pub async fn brief(State(app): State<Shared>, allowed: Allowed, Json(wish): Json<BriefingWish>) -> Answer<BriefingAnswer> {
    Ok(Json(told(teams::brief(&app, &allowed, wish).await?)))
}

/// One briefing.
pub async fn briefing(State(app): State<Shared>, allowed: Allowed, Path(id): Path<String>) -> Answer<BriefingAnswer> {
    Ok(Json(told(teams::briefing_of(&app, &stored(&allowed.scope), &id).await?)))
}

/// Notes who was at a briefing.
pub async fn attend(State(app): State<Shared>, allowed: Allowed, Path(id): Path<String>, Json(wish): Json<AttendanceWish>) -> Answer<BriefingAnswer> {
    Ok(Json(told(teams::attend(&app, &allowed, &id, wish).await?)))
}

/// Acknowledges a briefing as the person who is signed in.
pub async fn acknowledge(State(app): State<Shared>, allowed: Allowed, Path(id): Path<String>) -> Answer<BriefingAnswer> {
    Ok(Json(told(teams::acknowledge(&app, &allowed, &id).await?)))
}

/// Lists meetings, the newest first.
pub async fn meetings(State(app): State<Shared>, allowed: Allowed) -> Answer<Vec<MeetingAnswer>> {
    Ok(Json(now(&app, &allowed).await?.meetings.into_iter().rev().map(met).collect()))
}

/// Tells when meetings are due, the earliest first.
pub async fn due(State(app): State<Shared>, allowed: Allowed) -> Answer<Vec<DueAnswer>> {
    let mut due = meetings_due(&app, &now(&app, &allowed).await?, Timestamp::now());
    due.sort_by(|one, other| (one.due, &one.name).cmp(&(other.due, &other.name)));
    Ok(Json(due.into_iter().map(DueAnswer::from).collect()))
}

/// One meeting.
pub async fn meeting(State(app): State<Shared>, allowed: Allowed, Path(id): Path<String>) -> Answer<MeetingAnswer> {
    Ok(Json(met(teams::meeting_of(&app, &stored(&allowed.scope), &id).await?)))
}

/// Records a meeting about an application.
pub async fn meet(State(app): State<Shared>, allowed: Allowed, Path(id): Path<String>, Json(wish): Json<MeetingWish>) -> Answer<MeetingAnswer> {
    Ok(Json(met(teams::meet(&app, &allowed, &id, wish).await?)))
}

/// Says how often is met about an application.
pub async fn cadence(State(app): State<Shared>, allowed: Allowed, Path(id): Path<String>, Json(wish): Json<CadenceWish>) -> Result<StatusCode, Refusal> {
    teams::set_cadence(&app, &allowed, &id, wish).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Notes that an action was done.
pub async fn done(State(app): State<Shared>, allowed: Allowed, Path((id, action)): Path<(String, usize)>, Json(wish): Json<DoneWish>) -> Answer<MeetingAnswer> {
    Ok(Json(met(teams::finish(&app, &allowed, &id, action, wish).await?)))
}
