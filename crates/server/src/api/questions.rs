//! **Questions** to clients about changes of their hosts.

use super::{Answer, missing, parameter, stored, window};
use crate::app::{App, Shared};
use crate::fleet::question::Page;
use crate::http::gate::Allowed;
use crate::http::json::Json;
use crate::http::parameters::{Path, Query};
use crate::http::routes::{Access, Routes};
use crate::identity::role::Permission;
use crate::policy::versions::Remark;
use crate::questions::{self, AnswerWish};
use axum::extract::State;
use axum::http::Method;
use jiff::Timestamp;
use plimsoll_core::model::identifier::{ClientId, ExceptionId, QuestionId};
use plimsoll_core::model::question::{Question, QuestionState};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// The routes.
pub(super) fn routes() -> Routes<Shared> {
    let (get, post, read) = (Method::GET, Method::POST, Access::Needs(Permission::ReadQuestions));
    Routes::new()
        .route(get.clone(), "/api/v1/questions", read, list)
        .route(get, "/api/v1/questions/{question}", read, show)
        .route(post.clone(), "/api/v1/questions/{question}/answer", Access::Needs(Permission::AnswerQuestions), answer)
        .route(post, "/api/v1/questions/{question}/remark", Access::Needs(Permission::DiscussQuestions), remark)
}

/// One question to a client.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct QuestionAnswer {
    /// Id.
    #[schema(value_type = String)]
    pub id: QuestionId,
    /// Client whose hosts they are.
    #[schema(value_type = String)]
    pub client: ClientId,
    /// Digest of the package, which names the rollout.
    pub package: String,
    /// `inform`, `consult` or `consent`.
    pub involvement: String,
    /// `told`, `open`, `approved`, `refused`, `objected`, `proceeded`,
    /// `waived` or `closed`.
    #[schema(value_type = String)]
    pub state: QuestionState,
    /// When it was asked.
    #[schema(value_type = String, format = DateTime)]
    pub asked: Timestamp,
    /// First moment that is too late for an answer; none where nothing is
    /// asked.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub answer_by: Option<Timestamp>,
    /// Short name and number of the package.
    pub name: String,
    /// One line.
    pub title: String,
    /// Why the change is wanted.
    pub reason: String,
    /// What kind of change it is, in words.
    pub change: String,
    /// Why the client is asked, by the policy.
    pub because: String,
    /// What is changed, a line each.
    pub patches: Vec<String>,
    /// What it answers, a line an advisory.
    pub answers: Vec<String>,
    /// Why the change itself is of high risk; empty where it is not.
    pub risks: Vec<String>,
    /// How many hosts.
    pub hosts: u64,
    /// The first of their names.
    pub host_names: Vec<String>,
    /// When hosts change.
    pub windows: Vec<String>,
    /// What is down meanwhile.
    pub downtime: String,
    /// What silence leads to, and when.
    pub silence: String,
    /// What a refusal means.
    pub refusal: String,
    /// The words of a waiver.
    pub waiver_text: String,
    /// The clause of the contract that this rests on; empty where none is
    /// named.
    pub clause: String,
    /// When it was decided.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub decided: Option<Timestamp>,
    /// By whom; `silence` where nobody answered in time.
    pub decided_by: Option<String>,
    /// Why.
    pub decided_because: Option<String>,
    /// The exception that records the waiver.
    #[schema(value_type = Option<String>)]
    pub waiver: Option<ExceptionId>,
    /// Reminders that were sent.
    pub reminded: u32,
    /// What was said of it, in its order.
    pub said: Vec<QuestionWord>,
}

/// Something that was said of a question.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct QuestionWord {
    /// When.
    #[schema(value_type = String, format = DateTime)]
    pub at: Timestamp,
    /// By whom.
    pub by: String,
    /// `remark`, or the state it led to.
    pub kind: String,
    /// The words.
    pub text: String,
}

impl From<Question> for QuestionAnswer {
    fn from(question: Question) -> Self {
        let Question { content, decided, .. } = question;
        let (at, by, why) = match decided {
            Some(decided) => (Some(decided.at), Some(decided.by), Some(decided.why).filter(|why| !why.is_empty())),
            None => (None, None, None),
        };
        let told = question.state == QuestionState::Told;
        Self {
            id: question.id,
            client: question.client,
            package: question.package,
            involvement: question.involvement.as_str().to_owned(),
            state: question.state,
            asked: question.asked,
            answer_by: (!told).then_some(question.answer_by),
            name: content.name,
            title: content.title,
            reason: content.reason,
            change: content.change,
            because: content.because,
            patches: content.patches,
            answers: content.answers,
            risks: content.risks,
            hosts: content.hosts,
            host_names: content.host_names,
            windows: content.windows,
            downtime: content.downtime,
            silence: content.silence,
            refusal: content.refusal,
            waiver_text: question.waiver_text,
            clause: content.clause,
            decided: at,
            decided_by: by,
            decided_because: why,
            waiver: question.waiver,
            reminded: question.reminded,
            said: question.said.into_iter().map(|said| QuestionWord { at: said.at, by: said.by.name, kind: said.kind, text: said.text }).collect(),
        }
    }
}

/// Which questions.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Which {
    /// Where they stand.
    pub state: Option<String>,
    /// One client's, by id.
    pub client: Option<String>,
    /// About the rollout of this package, by its digest.
    pub package: Option<String>,
    /// Rows left out at the front.
    pub skip: Option<usize>,
    /// Rows wanted.
    pub take: Option<usize>,
}

/// Lists questions, the newest first.
async fn list(State(app): State<Shared>, allowed: Allowed, Query(which): Query<Which>) -> Answer<Page<QuestionAnswer>> {
    let (skip, take) = window(which.skip, which.take)?;
    let state = which.state.as_deref().filter(|word| !word.is_empty()).map(|word| {
        QuestionState::parse(word).ok_or_else(|| {
            let words = QuestionState::ALL.map(QuestionState::word).join(", ");
            parameter("state", format!("is {word:?}, allowed are {words}"), "choose one of them")
        })
    });
    let state = state.transpose()?;
    let client = which.client.as_deref().map(|id| id.parse::<ClientId>().map_err(|_| missing("client", id))).transpose()?;
    let mut found = all(&app, &allowed).await?;
    found.retain(|question| {
        state.is_none_or(|state| question.state == state)
            && client.is_none_or(|client| question.client == client)
            && which.package.as_ref().is_none_or(|package| question.package == *package)
    });
    let total = found.len();
    Ok(Json(Page { rows: found.into_iter().skip(skip).take(take).map(QuestionAnswer::from).collect(), total }))
}

/// Every question that the asker may see, the newest first.
///
/// # Errors
///
/// The store cannot be read.
pub async fn all(app: &App, allowed: &Allowed) -> Result<Vec<Question>, plimsoll_store::StoreError> {
    app.store.questions(&stored(&allowed.principal.scope(Permission::ReadQuestions))).await
}

/// One question.
async fn show(State(app): State<Shared>, allowed: Allowed, Path(id): Path<String>) -> Answer<QuestionAnswer> {
    Ok(Json(questions::seen(&app, &allowed, &id).await?.into()))
}

/// Answers one in the name of its client.
async fn answer(State(app): State<Shared>, allowed: Allowed, Path(id): Path<String>, Json(wish): Json<AnswerWish>) -> Answer<QuestionAnswer> {
    Ok(Json(questions::answer(&app, &allowed, &id, &wish).await?.into()))
}

/// Says something of one, or asks back.
async fn remark(State(app): State<Shared>, allowed: Allowed, Path(id): Path<String>, Json(wish): Json<Remark>) -> Answer<QuestionAnswer> {
    Ok(Json(questions::remark(&app, &allowed, &id, &wish.text).await?.into()))
}
