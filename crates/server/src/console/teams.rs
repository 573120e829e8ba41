//! The page of **teams**; each act is the API's.

use super::fill;
use super::handlers::{Page, Visit, chosen_client, filled, written};
use super::pages;
use crate::api::parameter;
use crate::app::Shared;
use crate::http::gate::Allowed;
use crate::http::parameters::Path;
use crate::http::problem::Refusal;
use crate::http::routes::{Access, Routes};
use crate::identity::role::Permission;
use crate::teams::{self, ActionWish, AttendanceWish, BriefingWish, CadenceWish, DoneWish, MeetingWish, MemberWish, RosterWish};
use axum::extract::{Form, State};
use axum::http::Method;
use axum::response::{IntoResponse, Redirect};
use jiff::civil::{Date, DateTime};
use jiff::tz::TimeZone;
use jiff::Timestamp;
use serde::Deserialize;

const PAGE: &str = "/console/teams";

/// The routes of the page.
pub(super) fn routes() -> Routes<Shared> {
    let (post, edit) = (Method::POST, Access::Needs(Permission::EditTeams));
    Routes::new()
        .route(Method::GET, PAGE, Access::Needs(Permission::ReadFleet), show)
        .route(post.clone(), "/console/teams/rosters", edit, roster)
        .route(post.clone(), "/console/teams/briefings", edit, brief)
        .route(post.clone(), "/console/teams/briefings/{briefing}/acknowledge", Access::Needs(Permission::Acknowledge), acknowledge)
        .route(post.clone(), "/console/teams/briefings/{briefing}/attendance", edit, attend)
        .route(post.clone(), "/console/teams/cadence", edit, cadence)
        .route(post.clone(), "/console/teams/meetings", edit, meet)
        .route(post, "/console/teams/meetings/{meeting}/actions/{action}/done", edit, done)
}

async fn show(State(app): State<Shared>, allowed: Allowed) -> Page {
    let visit = Visit::new(&app, &allowed);
    let view = fill::teams(&app, &allowed).await.map_err(|refusal| visit.refused(refusal))?;
    Ok(written(pages::teams(&visit.shell, &view)))
}

fn lines(text: &str) -> Vec<String> {
    text.lines().map(str::trim).filter(|line| !line.is_empty()).map(str::to_owned).collect()
}

/// A moment as a browser's form writes it, in UTC; none where it is left empty.
fn moment(field: &str, text: &str) -> Result<Option<Timestamp>, Refusal> {
    let text = text.trim();
    if text.is_empty() {
        return Ok(None);
    }
    let read = text.parse::<DateTime>().or_else(|_| text.parse::<Date>().map(|day| day.at(23, 59, 59, 0)));
    let read = read.ok().and_then(|civil| civil.to_zoned(TimeZone::UTC).ok()).map(|zoned| zoned.timestamp());
    read.map(Some).ok_or_else(|| parameter(field, format!("{text:?} is no moment"), "write it as 2026-11-01T00:00, in UTC"))
}

#[derive(Debug, Deserialize)]
struct RosterForm {
    #[serde(default)]
    client: String,
    name: String,
    audience: String,
    #[serde(default)]
    members: String,
    #[serde(default)]
    from_applications: String,
}

/// A line is a name, or a name and accounts after a comma.
fn member(line: &str) -> MemberWish {
    let (name, accounts) = line.split_once(',').unwrap_or((line, ""));
    MemberWish { name: name.trim().to_owned(), accounts: accounts.split_whitespace().map(str::to_owned).collect() }
}

async fn roster(State(app): State<Shared>, allowed: Allowed, Form(form): Form<RosterForm>) -> Page {
    let visit = Visit::new(&app, &allowed);
    let done = async {
        let wish = RosterWish {
            client: chosen_client(form.client)?,
            name: form.name,
            audience: form.audience,
            members: lines(&form.members).iter().map(|line| member(line)).collect(),
            from_applications: !form.from_applications.is_empty(),
            ..RosterWish::default()
        };
        teams::set_roster(&app, &allowed, wish).await
    };
    done.await.map(drop).map_err(|refusal| visit.refused(refusal))?;
    Ok(Redirect::to(PAGE).into_response())
}

#[derive(Debug, Deserialize)]
struct BriefingForm {
    #[serde(default)]
    client: String,
    roster: String,
    topic: String,
    title: String,
    #[serde(default)]
    document: String,
    #[serde(default)]
    held: String,
    #[serde(default)]
    attended: String,
}

async fn brief(State(app): State<Shared>, allowed: Allowed, Form(form): Form<BriefingForm>) -> Page {
    let visit = Visit::new(&app, &allowed);
    let done = async {
        let wish = BriefingWish {
            client: chosen_client(form.client)?,
            roster: form.roster,
            topic: form.topic,
            title: form.title,
            document: form.document,
            held: moment("held", &form.held)?,
            holder: None,
            attended: lines(&form.attended),
        };
        teams::brief(&app, &allowed, wish).await
    };
    done.await.map(drop).map_err(|refusal| visit.refused(refusal))?;
    Ok(Redirect::to(PAGE).into_response())
}

async fn acknowledge(State(app): State<Shared>, allowed: Allowed, Path(id): Path<String>) -> Page {
    let visit = Visit::new(&app, &allowed);
    teams::acknowledge(&app, &allowed, &id).await.map(drop).map_err(|refusal| visit.refused(refusal))?;
    Ok(Redirect::to(PAGE).into_response())
}

#[derive(Debug, Deserialize)]
struct Attended {
    members: String,
}

async fn attend(State(app): State<Shared>, allowed: Allowed, Path(id): Path<String>, Form(form): Form<Attended>) -> Page {
    let visit = Visit::new(&app, &allowed);
    teams::attend(&app, &allowed, &id, AttendanceWish { members: lines(&form.members) }).await.map(drop).map_err(|refusal| visit.refused(refusal))?;
    Ok(Redirect::to(PAGE).into_response())
}

#[derive(Debug, Deserialize)]
struct CadenceForm {
    application: String,
    #[serde(default)]
    every: String,
}

async fn cadence(State(app): State<Shared>, allowed: Allowed, Form(form): Form<CadenceForm>) -> Page {
    let visit = Visit::new(&app, &allowed);
    let wish = CadenceWish { every: filled(form.every) };
    teams::set_cadence(&app, &allowed, &form.application, wish).await.map_err(|refusal| visit.refused(refusal))?;
    Ok(Redirect::to(PAGE).into_response())
}

#[derive(Debug, Deserialize)]
struct MeetingForm {
    application: String,
    #[serde(default)]
    held: String,
    attendance: String,
    minutes: String,
    #[serde(default)]
    decisions: String,
    #[serde(default)]
    what: String,
    #[serde(default)]
    owner: String,
    #[serde(default)]
    due: String,
}

async fn meet(State(app): State<Shared>, allowed: Allowed, Form(form): Form<MeetingForm>) -> Page {
    let visit = Visit::new(&app, &allowed);
    let done = async {
        let what = form.what.trim();
        let actions = if what.is_empty() {
            Vec::new()
        } else {
            let due = moment("due", &form.due)?.ok_or_else(|| parameter("due", "is missing", "say by when it is to be done"))?;
            vec![ActionWish { what: what.to_owned(), owner: form.owner, due }]
        };
        let wish = MeetingWish { held: moment("held", &form.held)?, attendance: lines(&form.attendance), minutes: form.minutes, decisions: lines(&form.decisions), actions };
        teams::meet(&app, &allowed, &form.application, wish).await
    };
    done.await.map(drop).map_err(|refusal| visit.refused(refusal))?;
    Ok(Redirect::to(PAGE).into_response())
}

#[derive(Debug, Deserialize)]
struct Done {
    #[serde(default)]
    note: String,
}

async fn done(State(app): State<Shared>, allowed: Allowed, Path((id, action)): Path<(String, usize)>, Form(form): Form<Done>) -> Page {
    let visit = Visit::new(&app, &allowed);
    teams::finish(&app, &allowed, &id, action, DoneWish { note: form.note }).await.map(drop).map_err(|refusal| visit.refused(refusal))?;
    Ok(Redirect::to(PAGE).into_response())
}
