//! What only time does to a question: reminders, silence, and the end of its
//! rollout. On the one server that holds the lease of rollouts.

use super::{ACTS, course, settled, waiver};
use crate::app::Shared;
use jiff::Timestamp;
use plimsoll_core::model::exception::Somebody;
use plimsoll_core::model::question::{Question, QuestionState};
use plimsoll_core::phases::certify::client::{Course, Due, due};
use plimsoll_core::phases::deploy::Wanted;
use plimsoll_store::leases::Lease;
use plimsoll_store::{Actor, Intent, StoreError};

/// Does what is due of the question about a rollout.
///
/// # Errors
///
/// What the store meets; what was not done is done with the next look.
pub async fn look(app: &Shared, lease: &Lease, digest: &str, now: Timestamp) -> Result<(), StoreError> {
    let known = {
        let live = app.rollouts.read();
        live.get(digest).and_then(|own| Some((own.question.clone()?, matches!(own.rollout.wanted, Wanted::Aborted | Wanted::Done))))
    };
    let Some((question, over)) = known else { return Ok(()) };
    let Some(wanted) = due(&question, over, now) else { return Ok(()) };
    let act = match wanted {
        Due::Remind(_) => "remind",
        Due::Decide(_) => "silence",
        Due::Close => "close",
    };
    let prepared = if wanted == Due::Decide(QuestionState::Waived) { waiver::prepared(app, &question, now).await? } else { None };
    let intent = Intent::new(Actor::server(), now, format!("{ACTS}{act}"), format!("rollout:{digest}")).for_client(question.client);
    let mut change = app.store.begin(intent).await?;
    change.fence(lease).await?;
    let held = change.hold_question(question.id).await?;
    let (rollout, course) = course(&mut change, digest).await?;
    // An answer may have come since; then it counts, and nothing is due.
    if due(&held, course == Course::Over, now) != Some(wanted) {
        remember(app, digest, held);
        return Ok(());
    }
    let server = Somebody { person: None, name: "silence".to_owned() };
    let after = match wanted {
        Due::Remind(number) => {
            let after = change.note_reminded(&held, number).await?;
            change.commit(None).await?;
            after
        }
        Due::Decide(state) => {
            let why = format!("the client was asked at {:.0} and gave no answer before {:.0}", held.asked, held.answer_by);
            let kept = if state == QuestionState::Waived { waiver::record(&mut change, prepared, &held, (&server, &why)).await? } else { None };
            let after = change.decide_question(&held, state, kept, server, &why).await?;
            change.move_rollout(&rollout, |_| {}).await?;
            change.commit(Some(&why)).await?;
            after
        }
        Due::Close => {
            let why = "the rollout ended before it was decided";
            let after = change.decide_question(&held, QuestionState::Closed, None, Somebody { name: "the server".to_owned(), ..server }, why).await?;
            change.commit(Some(why)).await?;
            after
        }
    };
    remember(app, digest, after);
    if matches!(wanted, Due::Decide(_)) {
        settled(app).await;
    }
    Ok(())
}

fn remember(app: &Shared, digest: &str, question: Question) {
    if let Some(live) = app.rollouts.write().get_mut(digest) {
        live.question = Some(question);
    }
}
