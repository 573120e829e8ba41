//! What people said of triages and what they looked at: kept in its order, with
//! leaves that name nobody.

use crate::databases::each;
use crate::values::{at, client, host, intent};
use plimsoll_core::model::identifier::TriageId;
use plimsoll_core::model::look::{Look, LookKind};
use plimsoll_core::model::triage::{TriageStep, TriageWord};
use plimsoll_store::looks::newest;

#[test]
fn words_of_a_triage_are_kept_in_their_order_and_belong_to_the_hosts_client() {
    each(|database| async move {
        let store = &database.store;
        let (acme, other) = (client(store, "Acme").await, client(store, "Other").await);
        let web = host(store, acme, "web").await.id;
        let word = |number: i64, step, client| TriageWord {
            id: TriageId::from_bits(number as u128),
            client,
            host: web,
            advisories: ["DSA-1".to_owned()].into(),
            step,
            evidence: Some("case 7".to_owned()),
            reason: String::new(),
            released: step == TriageStep::Compromised,
            at: at(number),
            by: "ada".to_owned(),
        };
        for word in [word(40, TriageStep::Compromised, acme), word(30, TriageStep::Evidence, acme)] {
            let mut change = store.begin(intent(40, "triage.say", &format!("triage:{}", word.id))).await.unwrap();
            change.add_triage(&word).await.unwrap();
            change.commit(None).await.unwrap();
        }
        let kept = store.triages_of(web).await.unwrap();
        assert_eq!(kept, [word(30, TriageStep::Evidence, acme), word(40, TriageStep::Compromised, acme)]);
        assert_eq!(store.triages_since(at(31)).await.unwrap(), kept[1..]);
        let mut change = store.begin(intent(50, "triage.say", "triage")).await.unwrap();
        assert_eq!(change.add_triage(&word(50, TriageStep::Clean, other)).await.unwrap_err().problem.code, "E-NOT-FOUND");
    });
}

#[test]
fn of_looks_at_the_same_the_newest_counts() {
    each(|database| async move {
        let store = &database.store;
        let acme = client(store, "Acme").await;
        let look = |second, item: &str, held| Look {
            kind: LookKind::Ticket,
            subject: "ab".to_owned(),
            item: item.to_owned(),
            client: Some(acme),
            held,
            note: "slow".to_owned(),
            at: at(second),
            by: "ada".to_owned(),
        };
        for look in [look(10, "A", false), look(11, "B", false), look(12, "A", true), Look { subject: "cd".to_owned(), ..look(13, "C", false) }] {
            let mut change = store.begin(intent(10, "rollout.ticket", "rollout:ab")).await.unwrap();
            change.add_look(&look).await.unwrap();
            change.commit(None).await.unwrap();
        }
        let newest = newest(store.looks(LookKind::Ticket, "ab").await.unwrap());
        assert_eq!(newest.values().cloned().collect::<Vec<_>>(), [look(12, "A", true), look(11, "B", false)]);
        assert_eq!(store.looks(LookKind::Sample, "ab").await.unwrap(), []);
        let mut change = store.begin(intent(20, "rollout.ticket", "rollout:ab")).await.unwrap();
        assert_eq!(change.add_look(&look(12, "A", false)).await.unwrap_err().problem.code, "E-STATE", "nothing is changed afterwards");
    });
}
