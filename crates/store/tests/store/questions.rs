//! Questions to clients: kept as they were asked, moved on by one at a time.

use crate::databases::each;
use crate::values::{at, client, intent};
use plimsoll_core::model::exception::Somebody;
use plimsoll_core::model::identifier::{ClientId, PersonId, QuestionId};
use plimsoll_core::model::policy::governance::{Involvement, OnSilence};
use plimsoll_core::model::question::{Question, QuestionState, Shown};
use plimsoll_store::identifier::fresh;
use plimsoll_store::{Scope, Store};

fn asked(client: ClientId, package: &str) -> Question {
    Question {
        id: QuestionId::from_bits(fresh(at(30)).unwrap()),
        client,
        package: package.to_owned(),
        involvement: Involvement::Consent,
        asked: at(30),
        answer_by: at(300),
        reminders: vec![at(100), at(200)],
        on_silence: Some(OnSilence::Waive),
        waiver_text: "not patched".to_owned(),
        content: Shown { name: "openssl 1".to_owned(), hosts: 3, patches: vec!["<script>".to_owned()], ..Shown::default() },
        state: QuestionState::Open,
        decided: None,
        reminded: 0,
        waiver: None,
        said: Vec::new(),
    }
}

fn carl() -> Somebody {
    Somebody { person: Some(PersonId::from_bits(7)), name: "carl".to_owned() }
}

async fn remark(store: &Store, id: QuestionId, seconds: i64, text: &str) -> plimsoll_store::Result<Question> {
    let mut change = store.begin(intent(seconds, "question.remark", "rollout:x")).await?;
    let held = change.hold_question(id).await?;
    let after = change.remark_question(&held, carl(), text).await?;
    change.commit(Some(text)).await?;
    Ok(after)
}

#[test]
fn a_question_is_kept_as_it_was_asked_and_moves_on_with_its_evidence() {
    each(|database| async move {
        let store = &database.store;
        let (own, foreign) = (client(store, "Own").await, client(store, "Foreign").await);
        let package = crate::rollouts::started(store, own, 1).await;
        let question = asked(own, &package);
        let mut change = store.begin(intent(30, "rollout.start", &format!("rollout:{package}"))).await.unwrap();
        change.ask_client(&question).await.unwrap();
        change.commit(None).await.unwrap();
        assert_eq!(store.question(question.id).await.unwrap(), question, "it reads back as it was written");
        assert_eq!(store.question_about(&package).await.unwrap(), Some(question.clone()));
        assert_eq!(store.question_about("ab").await.unwrap(), None);
        assert_eq!(store.questions(&Scope::client(foreign)).await.unwrap(), []);
        assert_eq!(store.questions(&Scope::client(own)).await.unwrap(), std::slice::from_ref(&question));
        let mut change = store.begin(intent(31, "rollout.start", &format!("rollout:{package}"))).await.unwrap();
        assert!(change.ask_client(&asked(own, &package)).await.is_err(), "one question a rollout");
        drop(change);

        remark(store, question.id, 40, "asking back").await.unwrap();
        let mut change = store.begin(intent(50, "question.answer", &format!("rollout:{package}"))).await.unwrap();
        let held = change.hold_question(question.id).await.unwrap();
        assert!(!change.rollout_started(&package).await.unwrap());
        let before = change.hold_rollout(&package).await.unwrap();
        let after = change.decide_question(&held, QuestionState::Approved, None, carl(), "go").await.unwrap();
        change.move_rollout(&before, |_| {}).await.unwrap();
        change.commit(Some("go")).await.unwrap();
        assert_eq!(store.question(question.id).await.unwrap(), after);
        assert_eq!((after.said.len(), after.decided.as_ref().unwrap().by.as_str()), (2, "carl"));
        assert_eq!(store.rollout(&package).await.unwrap().revision, before.revision + 1, "whoever decided from before writes nothing");

        // An undone change leaves nothing behind, and words have an end.
        let mut change = store.begin(intent(60, "question.answer", &format!("rollout:{package}"))).await.unwrap();
        let held = change.hold_question(question.id).await.unwrap();
        change.decide_question(&held, QuestionState::Refused, None, carl(), "no").await.unwrap();
        drop(change);
        assert_eq!(store.question(question.id).await.unwrap().state, QuestionState::Approved);
        for number in 1..500 {
            remark(store, question.id, 100 + number, "more").await.unwrap();
        }
        assert_eq!(remark(store, question.id, 700, "more").await.unwrap_err().problem.code, "E-LIMIT");
        // Whoever talks as much as is kept keeps neither the client nor the clock from deciding.
        let mut change = store.begin(intent(701, "question.answer", &format!("rollout:{package}"))).await.unwrap();
        let held = change.hold_question(question.id).await.unwrap();
        assert_eq!(change.decide_question(&held, QuestionState::Refused, None, carl(), "no").await.unwrap().state, QuestionState::Refused);
        change.commit(Some("no")).await.unwrap();
    });
}
