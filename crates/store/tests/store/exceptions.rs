//! Exceptions: asked for, approved, refused, taken back, renewed; never lost.

use crate::databases::each;
use crate::values::{at, client, intent};
use jiff::SignedDuration;
use plimsoll_core::model::exception::{Approval, Covered, Exception, ExceptionStanding, ExceptionState, Somebody};
use plimsoll_core::model::identifier::{ClientId, ExceptionId, PersonId};
use plimsoll_core::model::policy::WaiverKind;
use plimsoll_store::evidence::reading::ActivityQuery;
use plimsoll_store::exceptions::Told;
use plimsoll_store::identifier::fresh;
use plimsoll_store::{Result, Scope, Store};
use std::collections::BTreeSet;

fn asked(client: ClientId, seconds: i64) -> Exception {
    Exception {
        id: ExceptionId::from_bits(fresh(at(seconds)).unwrap()),
        client,
        kind: WaiverKind::Deferral,
        advisories: BTreeSet::from(["DSA-1-1".to_owned()]),
        package: None,
        hosts: Covered::All,
        owner: "Ada".to_owned(),
        reason: "the vendor's certificate ends".to_owned(),
        control: "the port is closed".to_owned(),
        levels: BTreeSet::from(["critical".to_owned()]),
        quorum: 2,
        until: at(seconds) + SignedDuration::from_hours(24),
        requested: at(seconds),
        requester: Somebody { person: Some(PersonId::from_bits(1)), name: "ada".to_owned() },
        approvals: Vec::new(),
        state: ExceptionState::Requested,
        decided: None,
        since: None,
        renews: None,
        renewals: 0,
        reviewed: None,
        replaced_by: None,
    }
}

async fn request(store: &Store, exception: &Exception) -> Result<()> {
    let mut change = store
        .begin(intent(exception.requested.as_second() - at(0).as_second(), "exception.request", &format!("exception:{}", exception.id)))
        .await?;
    change.request_exception(exception).await?;
    change.commit(Some("asked")).await.map(drop)
}

fn approval(person: u128, seconds: i64) -> Approval {
    Approval { person: PersonId::from_bits(person), name: format!("person {person}"), at: at(seconds) }
}

async fn approve(store: &Store, id: ExceptionId, person: u128, seconds: i64) -> Result<Exception> {
    let mut change = store.begin(intent(seconds, "exception.approve", &format!("exception:{id}"))).await?;
    let enough = |exception: &Exception| exception.approvals.len() >= exception.quorum as usize;
    let after = change.approve_exception(id, &approval(person, seconds), "", enough).await?;
    change.commit(None).await?;
    Ok(after)
}

#[test]
fn an_exception_lives_and_leaves_its_evidence() {
    each(|database| async move {
        let store = &database.store;
        let (own, foreign) = (client(store, "Own").await, client(store, "Foreign").await);
        let one = asked(own, 10);
        request(store, &one).await.unwrap();
        assert_eq!(store.exception(one.id).await.unwrap(), one, "it reads back as it was written");
        assert_eq!(store.exceptions(&Scope::client(foreign)).await.unwrap(), []);

        // Two people, each once; nothing is in force before the second.
        assert_eq!(approve(store, one.id, 2, 20).await.unwrap().state, ExceptionState::Requested);
        assert_eq!(approve(store, one.id, 2, 21).await.unwrap_err().problem.code, "E-TAKEN");
        let known = approve(store, one.id, 3, 22).await.unwrap();
        assert_eq!((known.state, known.approvers().as_str()), (ExceptionState::Approved, "person 2, person 3"));
        assert_eq!(store.exceptions(&Scope::client(own)).await.unwrap(), vec![known.clone()]);
        assert_eq!(approve(store, one.id, 4, 23).await.unwrap_err().problem.code, "E-STATE");
        // The clock alone ends it.
        let end = known.until - SignedDuration::from_micros(1);
        assert_eq!((known.standing(end), known.standing(known.until)), (ExceptionStanding::Approved, ExceptionStanding::Expired));

        // Renewed once at a time; the renewal takes its place when approved.
        let renewal = Exception { renews: Some(one.id), renewals: 1, quorum: 1, ..asked(own, 30) };
        request(store, &renewal).await.unwrap();
        let second = Exception { renews: Some(one.id), renewals: 1, ..asked(own, 31) };
        assert_eq!(request(store, &second).await.unwrap_err().problem.code, "E-STATE");
        assert_eq!(store.exception(one.id).await.unwrap().state, ExceptionState::Approved);
        approve(store, renewal.id, 2, 32).await.unwrap();
        let replaced = store.exception(one.id).await.unwrap();
        assert_eq!((replaced.state, replaced.replaced_by), (ExceptionState::Replaced, Some(renewal.id)));
        assert_eq!(replaced.decided, known.decided, "who approved it stays");

        let mut change = store.begin(intent(40, "exception.withdraw", "exception")).await.unwrap();
        assert_eq!(change.refuse_exception(renewal.id, "eve", "late").await.unwrap_err().problem.code, "E-STATE");
        let withdrawn = change.withdraw_exception(renewal.id, "ada", "patched").await.unwrap();
        change.commit(None).await.unwrap();
        assert_eq!(withdrawn.decided.as_ref().map(|decided| decided.why.as_str()), Some("patched"));
        let other = asked(own, 50);
        request(store, &other).await.unwrap();
        let mut change = store.begin(intent(51, "exception.refuse", "exception")).await.unwrap();
        change.refuse_exception(other.id, "eve", "too risky").await.unwrap();
        change.commit(None).await.unwrap();

        let all = store.exceptions(&Scope::All).await.unwrap();
        let states: Vec<ExceptionState> = all.iter().map(|one| one.state).collect();
        assert_eq!(
            states,
            [ExceptionState::Refused, ExceptionState::Withdrawn, ExceptionState::Replaced],
            "nothing is lost, the newest first"
        );
        let query = ActivityQuery::new(Scope::client(own));
        let verbs: Vec<String> = store
            .activity(&query)
            .await
            .unwrap()
            .into_iter()
            .map(|entry| entry.verb)
            .rev()
            .filter(|verb| verb.starts_with("exception"))
            .collect();
        let expected = ["request", "approve", "approve", "request", "approve", "withdraw", "request", "refuse"];
        assert_eq!(verbs, expected.map(|verb| format!("exception.{verb}")), "each change has its leaf, each refused one none");
    });
}

#[test]
fn two_approvals_at_once_are_both_counted() {
    each(|database| async move {
        let store = &database.store;
        let own = client(store, "Own").await;
        for round in 0..5 {
            let one = asked(own, 10 + round);
            request(store, &one).await.unwrap();
            let both = futures_util::future::join_all([2, 3].map(|person| approve(store, one.id, person, 20))).await;
            both.into_iter().for_each(|done| drop(done.unwrap()));
            let known = store.exception(one.id).await.unwrap();
            assert_eq!((known.state, known.approvals.len()), (ExceptionState::Approved, 2));
        }
    });
}

#[test]
fn an_end_is_told_once_by_whoever_is_first() {
    each(|database| async move {
        let store = &database.store;
        let one = asked(client(store, "Own").await, 10);
        request(store, &one).await.unwrap();
        let mut told = Vec::new();
        for what in [Told::Soon, Told::Soon, Told::Ended, Told::Soon, Told::Ended] {
            let mut change = store.begin(intent(30, "exception.end", "exception")).await.unwrap();
            let first = change.note_exception_told(one.id, what).await.unwrap();
            if first {
                change.raise_alert(Some(one.client), "E-EXCEPTION-ENDS", &format!("exception:{}", one.id), "It ends.").await.unwrap();
                change.commit(None).await.unwrap();
            }
            told.push(first);
        }
        assert_eq!(told, [true, false, true, false, false]);
    });
}
