//! The outbox: nothing sent twice at the same time, nothing lost.

use crate::databases::each;
use crate::values::{at, client, intent};
use plimsoll_store::Scope;
use plimsoll_store::deliveries::{DeliveryState, Outcome};
use std::collections::BTreeSet;

#[test]
fn senders_share_the_work() {
    each(|database| async move {
        let store = &database.store;
        let second = database.second().await;
        let client = client(store, "Acme").await;
        let mut change = store.begin(intent(0, "webhook.add", "webhook")).await.unwrap();
        let (webhook, _) = change.add_webhook(Some(client), "chat", "https://example.org", vec!["advisory.new".into()]).await.unwrap();
        for number in 0..200 {
            change.send("webhook", &webhook.id.to_string(), Some(client), "advisory.new", format!("{number}").as_bytes()).await.unwrap();
        }
        change.commit(None).await.unwrap();
        let tasks: Vec<_> = (0..10)
            .map(|number| {
                let store = if number % 2 == 0 { store.clone() } else { second.clone() };
                tokio::spawn(async move { store.claim_deliveries(&format!("sender {number}"), at(1), at(60), 30).await.unwrap() })
            })
            .collect();
        let mut claimed = Vec::new();
        for task in tasks {
            claimed.extend(task.await.unwrap());
        }
        // PostgreSQL may give a sender fewer than it asked for, because others
        // took rows between its look and its lock; they stay due.
        loop {
            let rest = store.claim_deliveries("sender 0", at(1), at(60), 30).await.unwrap();
            if rest.is_empty() {
                break;
            }
            claimed.extend(rest);
        }
        let distinct: BTreeSet<_> = claimed.iter().map(|delivery| delivery.id.clone()).collect();
        assert_eq!((claimed.len(), distinct.len()), (200, 200), "each is claimed, none by two");
        assert_eq!(store.claim_deliveries("late", at(59), at(100), 10).await.unwrap(), vec![]);
        // A claim that was not answered ends by itself.
        let again = store.claim_deliveries("late", at(60), at(100), 2).await.unwrap();
        assert_eq!(again.iter().map(|delivery| delivery.attempts).collect::<Vec<_>>(), [2, 2]);
        assert!(!store.end_attempt(&again[0].id, "sender 0", &Outcome::Delivered, "200", at(61)).await.unwrap());
        assert!(store.end_attempt(&again[0].id, "late", &Outcome::Delivered, "200", at(61)).await.unwrap());
        assert!(store.end_attempt(&again[1].id, "late", &Outcome::Again(at(500)), "503", at(61)).await.unwrap());
        let log = store.deliveries(&Scope::client(client), Some(webhook.id), None, 500).await.unwrap();
        let states: Vec<_> = log.iter().filter(|delivery| again.iter().any(|one| one.id == delivery.id)).map(|delivery| (delivery.state, delivery.answer.clone())).collect();
        assert!(states.contains(&(DeliveryState::Delivered, Some("200".into()))) && states.contains(&(DeliveryState::Waiting, Some("503".into()))));
        assert_eq!(store.deliveries(&Scope::client(plimsoll_core::model::identifier::ClientId::from_bits(1)), None, None, 10).await.unwrap(), vec![]);
        assert_eq!(store.waiting_deliveries().await.unwrap(), (199, Some(at(0))));
        let mut change = store.begin(intent(70, "webhook.delete", "webhook")).await.unwrap();
        change.delete_webhook(webhook.id).await.unwrap();
        change.commit(None).await.unwrap();
        assert_eq!(store.waiting_deliveries().await.unwrap().0, 0);
        assert_eq!(store.expire_deliveries(at(71)).await.unwrap(), 200);
    });
}
