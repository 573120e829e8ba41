//! Questions to clients as events.

use super::super::events::{Event, Kind, QuestionTold};
use super::client_named;
use crate::app::App;
use plimsoll_core::model::identifier::QuestionId;
use plimsoll_core::model::question::QuestionState;
use plimsoll_store::StoreError;
use plimsoll_store::evidence::reading::Entry;

/// The event of an entry that asks, reminds, or decides; remarks are for those
/// who look.
pub(super) async fn told(app: &App, entry: &Entry) -> Result<Option<Event>, StoreError> {
    let kind = match entry.verb.as_str() {
        "rollout.start" => Kind::QuestionAsked,
        "question.remind" => Kind::QuestionReminded,
        "question.answer" | "question.silence" => Kind::QuestionDecided,
        _ => return Ok(None),
    };
    let after = entry.after.as_ref().and_then(serde_json::Value::as_object);
    let found = after.into_iter().flatten().find_map(|(object, state)| Some((object.strip_prefix("question:")?.parse::<QuestionId>().ok()?, state)));
    let Some((id, state)) = found else { return Ok(None) };
    let question = app.store.question(id).await?;
    // As it stood with this entry, whatever became of it since.
    let stood = state.get("state").and_then(serde_json::Value::as_str).and_then(QuestionState::parse).unwrap_or(question.state);
    let waiver = state.get("waiver").and_then(serde_json::Value::as_str).map(str::to_owned);
    let (name, hosts) = (&question.content.name, question.content.hosts);
    let text = match kind {
        Kind::QuestionAsked if stood == QuestionState::Told => format!("{name} changes {hosts} of your hosts"),
        Kind::QuestionAsked => format!("Your answer is asked on {name}, which changes {hosts} of your hosts. {}", question.content.silence),
        Kind::QuestionReminded => format!("Your answer on {name} is still missing. {}", question.content.silence),
        _ => format!("{name}: {}", stood.words()),
    };
    let data = QuestionTold {
        question: id.to_string(),
        package: question.package.clone(),
        name: name.clone(),
        involvement: question.involvement.as_str().to_owned(),
        state: stood.word().to_owned(),
        hosts,
        answer_by: question.answer_by,
        silence: question.content.silence.clone(),
        waiver,
    };
    let client = client_named(app, question.client).await?;
    Ok(Some(Event::new(kind, Some(client), entry.time, text, format!("/console/questions/{id}"), &data).about(id.to_string())))
}
