//! The pages of **questions** to clients and the client's portal; each act is
//! the API's.

use super::fill;
use super::handlers::{Page, Visit, filled, written};
use super::pages;
use super::views::{Portal, PortalReport, QuestionItem, QuestionPage, QuestionSaid, Questions, SlaBoard};
use crate::api::questions::all;
use crate::api::{rollouts, stored};
use crate::app::Shared;
use crate::fleet::judged::verdict;
use crate::http::gate::Allowed;
use crate::http::json::Json;
use crate::http::parameters::Path;
use crate::http::problem::Refusal;
use crate::http::routes::{Access, Routes};
use crate::identity::role::Permission;
use crate::questions::{self, AnswerWish};
use axum::extract::{Form, State};
use axum::http::Method;
use axum::response::{IntoResponse, Redirect};
use jiff::Timestamp;
use plimsoll_core::model::identifier::ClientId;
use plimsoll_core::model::obligation::Verdict;
use plimsoll_core::model::policy::WaiverKind;
use plimsoll_core::model::policy::governance::Involvement;
use plimsoll_core::model::question::{Question, QuestionState};
use plimsoll_core::phases::deploy::Wanted;
use roaring::RoaringBitmap;
use serde::Deserialize;
use std::collections::BTreeMap;

const PAGE: &str = "/console/questions";
/// What whoever speaks for a client sees first.
pub(super) const PORTAL: &str = "/console/portal";
/// Rows on a page; more are better asked for by the API.
const ROWS: usize = 200;

/// The routes of the pages.
pub(super) fn routes() -> Routes<Shared> {
    let (get, post, read) = (Method::GET, Method::POST, Access::Needs(Permission::ReadQuestions));
    Routes::new()
        .route(get.clone(), PORTAL, read, portal)
        .route(get.clone(), PAGE, read, list)
        .route(get, "/console/questions/{question}", read, show)
        .route(post.clone(), "/console/questions/{question}/answer", Access::Needs(Permission::AnswerQuestions), answer)
        .route(post, "/console/questions/{question}/remark", Access::Needs(Permission::DiscussQuestions), remark)
}

fn item(question: &Question, names: &BTreeMap<ClientId, String>) -> QuestionItem {
    let class = match question.state {
        QuestionState::Open => "due-soon",
        QuestionState::Refused | QuestionState::Waived => "excepted",
        QuestionState::Objected => "late",
        QuestionState::Approved => "in-time",
        QuestionState::Told | QuestionState::Proceeded | QuestionState::Closed => "none",
    };
    QuestionItem {
        id: question.id.to_string(),
        client: names.get(&question.client).filter(|_| names.len() > 1).cloned(),
        name: question.content.name.clone(),
        title: question.content.title.clone(),
        state: (question.state.word(), class),
        words: question.state.words(),
        open: question.state == QuestionState::Open,
        asked: question.asked,
        answer_by: (question.state != QuestionState::Told).then_some(question.answer_by),
        hosts: question.content.hosts,
    }
}

fn names(app: &Shared, allowed: &Allowed) -> BTreeMap<ClientId, String> {
    fill::clients(app, &allowed.principal).into_iter().collect()
}

async fn list(State(app): State<Shared>, allowed: Allowed) -> Page {
    let visit = Visit::new(&app, &allowed);
    let mut found = all(&app, &allowed).await.map_err(|error| visit.refused(error.into()))?;
    // The sort is stable: the newest stay first.
    found.sort_by_key(|question| question.state != QuestionState::Open);
    let names = names(&app, &allowed);
    let view = Questions { total: found.len() as u64, rows: found.iter().take(ROWS).map(|question| item(question, &names)).collect() };
    Ok(written(pages::questions(&visit.shell, &view)))
}

async fn show(State(app): State<Shared>, allowed: Allowed, Path(id): Path<String>) -> Page {
    let visit = Visit::new(&app, &allowed);
    let question = questions::seen(&app, &allowed, &id).await.map_err(|refusal| visit.refused(refusal))?;
    let may = |permission| allowed.principal.scope(permission).holds(question.client);
    let (answers, discusses) = (may(Permission::AnswerQuestions), may(Permission::DiscussQuestions));
    // The rollout may have started since; then the answer is told so.
    let changeable = match question.state {
        QuestionState::Told | QuestionState::Waived | QuestionState::Closed => false,
        QuestionState::Refused => app.clock().now < question.answer_by,
        _ => true,
    };
    let item = item(&question, &names(&app, &allowed));
    let Question { content, decided, .. } = question;
    let view = QuestionPage {
        item,
        package: question.package,
        word: question.state.word(),
        reason: content.reason,
        change: content.change,
        because: content.because,
        patches: content.patches,
        answers: content.answers,
        risks: content.risks,
        host_names: content.host_names,
        windows: content.windows,
        downtime: content.downtime,
        silence: content.silence,
        refusal: content.refusal,
        waiver_text: if question.involvement == Involvement::Consent { question.waiver_text } else { String::new() },
        clause: content.clause,
        decided: decided.map(|decided| (format!("by {}{}{}", decided.by, if decided.why.is_empty() { "" } else { ": " }, decided.why), decided.at)),
        waiver: question.waiver.map(|waiver| waiver.to_string()),
        said: question.said.into_iter().map(|said| QuestionSaid { at: said.at, by: said.by.name, kind: said.kind, text: said.text }).collect(),
        answers_it: answers && changeable,
        discusses,
    };
    Ok(written(pages::question(&visit.shell, &view)))
}

#[derive(Debug, Deserialize)]
struct AnswerForm {
    answer: String,
    #[serde(default)]
    reason: String,
    #[serde(default)]
    seen: String,
}

async fn answer(State(app): State<Shared>, allowed: Allowed, Path(id): Path<String>, Form(form): Form<AnswerForm>) -> Page {
    let visit = Visit::new(&app, &allowed);
    let wish = AnswerWish { answer: form.answer, reason: filled(form.reason), seen: filled(form.seen) };
    let question = questions::answer(&app, &allowed, &id, &wish).await.map_err(|refusal| visit.refused(refusal))?;
    Ok(Redirect::to(&format!("{PAGE}/{}", question.id)).into_response())
}

#[derive(Debug, Deserialize)]
struct RemarkForm {
    text: String,
}

async fn remark(State(app): State<Shared>, allowed: Allowed, Path(id): Path<String>, Form(form): Form<RemarkForm>) -> Page {
    let visit = Visit::new(&app, &allowed);
    let question = questions::remark(&app, &allowed, &id, &form.text).await.map_err(|refusal| visit.refused(refusal))?;
    Ok(Redirect::to(&format!("{PAGE}/{}", question.id)).into_response())
}

async fn portal(State(app): State<Shared>, allowed: Allowed) -> Page {
    let visit = Visit::new(&app, &allowed);
    let view = overview(&app, &allowed, &visit.seen).await.map_err(|refusal| visit.refused(refusal))?;
    Ok(written(pages::portal(&visit.shell, &view)))
}

async fn overview(app: &Shared, allowed: &Allowed, seen: &RoaringBitmap) -> Result<Portal, Refusal> {
    let now = app.clock().now;
    let names = names(app, allowed);
    let questions = all(app, allowed).await?;
    let mut open: Vec<&Question> = questions.iter().filter(|question| question.state == QuestionState::Open).collect();
    open.sort_by_key(|question| question.answer_by);
    let Json(under_way) = rollouts::list(State(app.clone()), allowed.clone()).await?;
    let planned = under_way.into_iter().filter(|rollout| matches!(rollout.state, Wanted::Running | Wanted::Paused));
    let mut waivers = app.store.exceptions(&stored(&allowed.scope)).await?;
    waivers.retain(|exception| exception.kind == WaiverKind::ClientRefusal && exception.in_force(now));
    Ok(Portal {
        clients: names.values().cloned().collect::<Vec<_>>().join(", "),
        board: board(app, seen, now),
        open: open.into_iter().take(ROWS).map(|question| item(question, &names)).collect(),
        planned: planned
            .take(ROWS)
            .map(|rollout| {
                let stands = format!("{}, {}", rollout.state.word(), rollout.gate.word());
                (rollout.package, format!("{} {}", rollout.name, rollout.version), rollout.title, stands, rollout.reasons)
            })
            .collect(),
        waivers: waivers
            .into_iter()
            .take(ROWS)
            .map(|waiver| (waiver.id.to_string(), waiver.advisories.into_iter().collect(), waiver.reason, waiver.until))
            .collect(),
        reports: names.into_iter().map(|(client, name)| PortalReport { client: client.to_string(), name }).collect(),
    })
}

/// Counts the open findings of the reader's hosts against their due dates.
fn board(app: &Shared, seen: &RoaringBitmap, now: Timestamp) -> SlaBoard {
    let fleet = app.fleet.read();
    let mut board = SlaBoard::default();
    let mut next: Option<(i64, crate::fleet::names::Name)> = None;
    for managed in seen.iter().filter_map(|number| fleet.numbered(number)) {
        board.hosts += 1;
        let Some(judged) = &managed.judged else {
            board.unknown += 1;
            continue;
        };
        for open in &judged.findings {
            if fleet.exception(managed, open, now).is_some() {
                board.excepted += 1;
                continue;
            }
            let due = open.due();
            match verdict(due, now) {
                Verdict::Overdue => board.exceeded += 1,
                Verdict::DueSoon => board.approaching += 1,
                Verdict::OpenInTime if due.is_some() => board.within += 1,
                _ => board.undated += 1,
            }
            if let Some(due) = due.filter(|due| *due >= now.as_second())
                && next.is_none_or(|(known, _)| due < known)
            {
                next = Some((due, open.advisory));
            }
        }
    }
    board.next = next.and_then(|(due, advisory)| Some((fleet.names.text(advisory).to_owned(), Timestamp::from_second(due).ok()?)));
    board
}
