//! **Questions** to clients: asked with the start of a rollout, answered by the
//! client's own people, decided by silence where the policy says so. API and
//! console share the acts; each is one transaction with its leaf.
//!
//! What an answer means is decided by [`plimsoll_core::phases::certify::client`]
//! from the clock alone. Every act that decides moves the rollout's revision in
//! the same transaction, so that no server assigns a host from what it read
//! before.

mod ask;
mod clock;
mod waiver;

pub use ask::about;
pub use clock::look;

use crate::api::acts::actor;
use crate::api::{missing, parameter, stored};
use crate::app::Shared;
use crate::http::gate::Allowed;
use crate::http::problem::Refusal;
use crate::identity::checked_text;
use crate::identity::role::Permission;
use axum::http::StatusCode;
use jiff::Timestamp;
use plimsoll_core::model::exception::Somebody;
use plimsoll_core::model::identifier::QuestionId;
use plimsoll_core::model::question::{Given, Question, QuestionState};
use plimsoll_core::phases::certify::client::{self, Course};
use plimsoll_core::phases::deploy::Wanted;
use plimsoll_store::change::Change;
use plimsoll_store::{Intent, StoreError};
use serde::Deserialize;
use utoipa::ToSchema;

/// What every verb of theirs begins with.
pub const ACTS: &str = "question.";
/// Kind of the alert that a client refused or objects.
pub const REFUSED: &str = "E-CLIENT-REFUSED";
/// Longest words, in characters.
const WORDS: usize = 2_000;

/// An answer.
#[derive(Clone, Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct AnswerWish {
    /// `approve` or `refuse`.
    pub answer: String,
    /// Why; a refusal needs it.
    pub reason: Option<String>,
    /// State of the question as the answerer saw it; where it is another by
    /// now, nothing is changed.
    pub seen: Option<String>,
}

/// A question of a client that the asker may see; one of another client is not
/// there.
///
/// # Errors
///
/// `E-NOT-FOUND`, or what the store meets.
pub async fn seen(app: &Shared, allowed: &Allowed, id: &str) -> Result<Question, Refusal> {
    let scope = stored(&allowed.principal.scope(Permission::ReadQuestions));
    let unseen = || missing("question", id);
    let key: QuestionId = id.parse().map_err(|_| unseen())?;
    let found = app.store.question(key).await.map_err(|error| match error.kind {
        plimsoll_store::ErrorKind::NotFound => unseen(),
        _ => error.into(),
    })?;
    if scope.sees_client(found.client) { Ok(found) } else { Err(unseen()) }
}

/// One of a client for which the asker holds the act's permission.
async fn entitled(app: &Shared, allowed: &Allowed, id: &str) -> Result<Question, Refusal> {
    let known = seen(app, allowed, id).await?;
    if allowed.scope.holds(known.client) {
        return Ok(known);
    }
    let text = format!("{} does not speak for this client", allowed.principal);
    Err(Refusal::new(StatusCode::FORBIDDEN, "E-PERMISSION", text, "ask somebody who holds the role for the client"))
}

/// Who speaks; a token acts for the person that made it.
async fn somebody(app: &Shared, allowed: &Allowed) -> Result<Somebody, Refusal> {
    let person = crate::exceptions::person(app, allowed).await?;
    Ok(Somebody { person: Some(person.id), name: person.account })
}

fn intent(allowed: &Allowed, act: &str, question: &Question, now: Timestamp) -> Intent {
    Intent::new(actor(allowed), now, format!("{ACTS}{act}"), format!("rollout:{}", question.package)).for_client(question.client)
}

/// How far the rollout of a question has come; its row is held until the change
/// ends.
async fn course(change: &mut Change, package: &str) -> Result<(plimsoll_store::rollouts::Rollout, Course), StoreError> {
    let rollout = change.hold_rollout(package).await?;
    let course = match rollout.wanted {
        Wanted::Aborted | Wanted::Done => Course::Over,
        _ if change.rollout_started(package).await? => Course::Started,
        _ => Course::Before,
    };
    Ok((rollout, course))
}

/// Answers a question in the name of its client.
///
/// # Errors
///
/// 400 for a word that is no answer and a refusal without a reason; 404 for a
/// question of another client; 403 for who does not speak for the client; 409
/// `E-QUESTION-…` with what the answer would have done, and `E-RACE` where the
/// question is not as the answerer saw it.
pub async fn answer(app: &Shared, allowed: &Allowed, id: &str, wish: &AnswerWish) -> Result<Question, Refusal> {
    let known = entitled(app, allowed, id).await?;
    let given = Given::parse(&wish.answer).ok_or_else(|| parameter("answer", format!("is {:?}, allowed are approve and refuse", wish.answer), "write one of these"))?;
    let why = wish.reason.as_deref().map(str::trim).filter(|why| !why.is_empty());
    let why = match (why, given) {
        (Some(why), _) => checked_text("reason", why, WORDS)?,
        (None, Given::Refuse) => return Err(parameter("reason", "is missing", "say why the change is refused; the waiver is recorded with it")),
        (None, Given::Approve) => String::new(),
    };
    let by = somebody(app, allowed).await?;
    let now = Timestamp::now();
    let after = answered(app, intent(allowed, "answer", &known, now), &known, (given, &why, wish.seen.as_deref()), by).await?;
    settled(app).await;
    Ok(after)
}

/// Writes an answer down, with everything that follows from it.
async fn answered(app: &Shared, intent: Intent, known: &Question, (given, why, seen): (Given, &str, Option<&str>), by: Somebody) -> Result<Question, Refusal> {
    let now = intent.time;
    // Looked up before the change begins, which nothing slow may hold open.
    let prepared = waiver::prepared(app, known, now).await?;
    let mut change = app.store.begin(intent).await?;
    let question = change.hold_question(known.id).await?;
    if let Some(seen) = seen.filter(|seen| *seen != question.state.word()) {
        let text = format!("you saw it as {seen}, and it is {} by now", question.state.word());
        return Err(Refusal::new(StatusCode::CONFLICT, "E-RACE", text, "look at it again and decide anew"));
    }
    let (rollout, course) = course(&mut change, &question.package).await?;
    let state = client::answer(&question, given, course, now)
        .map_err(|problem| Refusal::new(StatusCode::CONFLICT, problem.code, problem.text, problem.next))?;
    if let Some(former) = question.waiver {
        match change.withdraw_exception(former, &by.name, "the client answered otherwise before the change started").await {
            // The provider took it back before; then it is gone.
            Err(error) if error.problem.code == "E-STATE" => {}
            done => drop(done?),
        }
    }
    let waiver = match state {
        QuestionState::Refused => waiver::record(&mut change, prepared, &question, (&by, why)).await?,
        _ => None,
    };
    if matches!(state, QuestionState::Refused | QuestionState::Objected) {
        let text = format!("{} for the client of rollout {}: {}", state.words(), question.content.name, if why.is_empty() { "no reason" } else { why });
        change.raise_alert(Some(question.client), REFUSED, &format!("question:{}", question.id), &text).await?;
    }
    let after = change.decide_question(&question, state, waiver, by, why).await?;
    change.move_rollout(&rollout, |_| {}).await?;
    change.commit(Some(why).filter(|why| !why.is_empty())).await?;
    Ok(after)
}

/// Says something of a question, or asks back.
///
/// # Errors
///
/// 400 for words that cannot be shown, 404, 403, 409 `E-LIMIT`.
pub async fn remark(app: &Shared, allowed: &Allowed, id: &str, text: &str) -> Result<Question, Refusal> {
    let known = entitled(app, allowed, id).await?;
    let text = checked_text("text", text, WORDS)?;
    let by = somebody(app, allowed).await?;
    let mut change = app.store.begin(intent(allowed, "remark", &known, Timestamp::now())).await?;
    let question = change.hold_question(known.id).await?;
    let after = change.remark_question(&question, by, &text).await?;
    change.commit(Some(&text)).await?;
    let _ = app.news.send(crate::app::News::Other);
    Ok(after)
}

/// Takes up everywhere here what was decided.
async fn settled(app: &Shared) {
    if let Err(error) = crate::exceptions::refresh(app).await {
        tracing::warn!(code = error.problem.code, "a waiver is taken up with the next look: {}", error.problem.text);
    }
    crate::api::rollouts::follow_up(app).await;
}
