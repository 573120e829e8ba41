//! The outbox: nothing sent twice at the same time, nothing lost.

use crate::databases::each;
use crate::values::{at, client, intent};
use plimsoll_store::Scope;
use plimsoll_store::deliveries::{DeliveryState, Message, Outcome, Take};
use plimsoll_store::notices::Issue;
use plimsoll_store::notices::people::{Corrects, Notice, Recipient, Whose};
use plimsoll_store::webhooks::Channel;
use std::collections::BTreeSet;

#[test]
fn senders_share_the_work() {
    each(|database| async move {
        let store = &database.store;
        let second = database.second().await;
        let client = client(store, "Acme").await;
        let mut change = store.begin(intent(0, "webhook.add", "webhook")).await.unwrap();
        let (webhook, _) = change.add_webhook(Some(client), Channel::Webhook, "chat", "https://example.org", vec!["advisory.new".into()]).await.unwrap();
        for number in 0..200 {
            change.send("webhook", &webhook.id.to_string(), Some(client), "advisory.new", format!("{number}").as_bytes()).await.unwrap();
        }
        change.commit(None).await.unwrap();
        let tasks: Vec<_> = (0..10)
            .map(|number| {
                let store = if number % 2 == 0 { store.clone() } else { second.clone() };
                tokio::spawn(async move { store.claim_deliveries(&format!("sender {number}"), &webhook.id.to_string(), Take::Due, (at(1), at(60)), 30).await.unwrap() })
            })
            .collect();
        let mut claimed = Vec::new();
        for task in tasks {
            claimed.extend(task.await.unwrap());
        }
        // PostgreSQL may give a sender fewer than it asked for, because others
        // took rows between its look and its lock; they stay due.
        loop {
            let rest = store.claim_deliveries("sender 0", &webhook.id.to_string(), Take::Due, (at(1), at(60)), 30).await.unwrap();
            if rest.is_empty() {
                break;
            }
            claimed.extend(rest);
        }
        let distinct: BTreeSet<_> = claimed.iter().map(|delivery| delivery.id.clone()).collect();
        assert_eq!((claimed.len(), distinct.len()), (200, 200), "each is claimed, none by two");
        assert_eq!(store.claim_deliveries("late", &webhook.id.to_string(), Take::Due, (at(59), at(100)), 10).await.unwrap(), vec![]);
        // A claim that was not answered ends by itself.
        let again = store.claim_deliveries("late", &webhook.id.to_string(), Take::Due, (at(60), at(100)), 2).await.unwrap();
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

#[test]
fn a_target_s_record_and_its_end() {
    each(|database| async move {
        let store = &database.store;
        let client = client(store, "Acme").await;
        let mut change = store.begin(intent(0, "webhook.add", "webhook")).await.unwrap();
        let (webhook, _) = change.add_webhook(None, Channel::Mail, "people", "ana@example.org", vec![]).await.unwrap();
        change.commit(None).await.unwrap();
        let lease = store.take_lease("notices", "a", at(0), jiff::SignedDuration::from_secs(60)).await.unwrap().unwrap();
        let message = |due| Message {
            channel: "mail".into(),
            target: webhook.id.to_string(),
            client: None,
            event: "advisory.affects".into(),
            body: b"{}".to_vec(),
            due: at(due),
        };
        let told = vec![(client, "TEST-1".to_owned())];
        let issue = Issue { messages: vec![message(10), message(300)], marks: vec![("position", Some("7".into()))], told, once: vec![("rollout:a".into(), "planned".into()); 2], forget: Some(at(0)), ..Issue::default() };
        store.issue(&lease, at(0), &issue).await.unwrap();
        assert_eq!(store.notice_marks().await.unwrap().get("position").map(String::as_str), Some("7"));
        assert_eq!(store.told(client, &["TEST-1".into(), "TEST-2".into()]).await.unwrap(), BTreeSet::from(["TEST-1".to_owned()]));

        let once = BTreeSet::from([("rollout:a".to_owned(), "planned".to_owned())]);
        assert_eq!(store.told_once("rollout:").await.unwrap(), once);
        assert!(store.told_once("rollout:b").await.unwrap().is_empty());

        // Whoever lost the lease writes nothing, neither message nor mark.
        let newer = store.take_lease("notices", "b", at(61), jiff::SignedDuration::from_secs(60)).await.unwrap().unwrap();
        let late = Issue { marks: vec![("position", Some("9".into()))], ..issue.clone() };
        assert_eq!(store.issue(&lease, at(62), &late).await.unwrap_err().problem.code, "E-FENCED");
        assert_eq!(store.waiting_deliveries().await.unwrap().0, 2);
        store.issue(&newer, at(62), &Issue { marks: vec![("position", None)], forget: Some(at(1)), ..Issue::default() }).await.unwrap();
        assert!(store.notice_marks().await.unwrap().is_empty());
        assert!(store.told(client, &["TEST-1".into()]).await.unwrap().is_empty(), "forgotten in time");

        // A letter takes along what is not due yet; nobody else claims either.
        assert_eq!(store.due_targets(at(9), 10).await.unwrap(), vec![]);
        assert_eq!(store.due_targets(at(10), 10).await.unwrap(), vec![(webhook.id, "mail".to_owned())]);
        let first = store.claim_deliveries("one", &webhook.id.to_string(), Take::Until(at(299)), (at(10), at(11)), 10).await.unwrap();
        assert_eq!(first.len(), 1, "what is held back longer stays");
        let taken = store.claim_deliveries("one", &webhook.id.to_string(), Take::Until(at(300)), (at(12), at(70)), 10).await.unwrap();
        assert_eq!(taken.len(), 2);
        assert!(store.claim_deliveries("two", &webhook.id.to_string(), Take::Until(at(300)), (at(69), at(99)), 10).await.unwrap().is_empty());
        assert_eq!(store.due_targets(at(20), 10).await.unwrap(), vec![], "what is claimed is not due");

        assert_eq!(store.note_try(webhook.id, false, "503", at(11)).await.unwrap(), Some(at(11)));
        assert_eq!(store.note_try(webhook.id, false, "503", at(12)).await.unwrap(), Some(at(11)), "since the first failure");
        assert_eq!(store.note_try(webhook.id, true, "ok", at(13)).await.unwrap(), None);
        assert_eq!(store.note_try(webhook.id, false, "503", at(14)).await.unwrap(), Some(at(14)));

        let mut change = store.begin(intent(70, "webhook.disable", "webhook")).await.unwrap();
        change.update_webhook(webhook.id, |webhook| (webhook.enabled, webhook.disabled_because) = (false, Some("days of 503".into()))).await.unwrap();
        change.commit(None).await.unwrap();
        assert_eq!(store.waiting_deliveries().await.unwrap().0, 0, "nothing waits for what is switched off");
        assert_eq!(store.webhook(webhook.id).await.unwrap().disabled_because.as_deref(), Some("days of 503"));
        let mut change = store.begin(intent(80, "webhook.enable", "webhook")).await.unwrap();
        let on = change.update_webhook(webhook.id, |webhook| webhook.enabled = true).await.unwrap();
        change.send_again(&taken[0].id).await.unwrap();
        change.commit(None).await.unwrap();
        assert_eq!((on.failing_since, on.disabled_because), (None, None));
        let again = store.delivery(&taken[0].id).await.unwrap();
        assert_eq!((again.state, again.attempts, again.id.as_str()), (DeliveryState::Waiting, 0, taken[0].id.as_str()));
        assert_eq!(store.delivery_standings().await.unwrap()[&webhook.id.to_string()], (1, None));
    });
}

#[test]
fn of_people_what_was_delivered_seen_and_acknowledged_is_kept_apart() {
    each(|database| async move {
        let store = &database.store;
        let client = client(store, "Acme").await;
        let ana = plimsoll_core::model::identifier::PersonId::from_bits(7);
        let lease = store.take_lease("notices", "one", at(0), jiff::SignedDuration::from_secs(900)).await.unwrap().unwrap();
        let people = vec![
            Recipient { who: ana.to_string(), name: "ana".into(), mail: Some("ana@example.org".into()), person: Some(ana), words: ["owners".to_owned()].into(), ..Recipient::default() },
            Recipient { who: "bo@example.org".into(), name: "bo".into(), mail: Some("bo@example.org".into()), ..Recipient::default() },
        ];
        let notice = |id: &str, moment: &str, corrects| Notice {
            id: id.to_owned(),
            client,
            about: "rollout:1".into(),
            moment: moment.to_owned(),
            text: "Planned".into(),
            page: "/console".into(),
            audiences: Vec::new(),
            told: at(1),
            goes: at(1),
            root: id.to_owned(),
            ack_by: Some(at(10)),
            call_at: Some(at(10)),
            rung: 0,
            replaced: None,
            corrects,
            people: people.clone(),
        };
        store.issue(&lease, at(1), &Issue { notices: vec![notice("a", "planned", Corrects::Nothing)], ..Issue::default() }).await.unwrap();
        assert_eq!(store.notice("a").await.unwrap(), notice("a", "planned", Corrects::Nothing));
        assert!(store.unacknowledged(at(9)).await.unwrap().is_empty());
        assert_eq!(store.unacknowledged(at(10)).await.unwrap().len(), 1);
        store.note_letter("a", "ana@example.org", None, "421").await.unwrap();
        store.note_letter("a", "bo@example.org", Some(at(2)), "250").await.unwrap();
        store.note_letter("a", "bo@example.org", Some(at(3)), "250").await.unwrap();
        store.note_seen("a", ana, at(4)).await.unwrap();
        store.note_seen("a", ana, at(5)).await.unwrap();
        let found = store.notice("a").await.unwrap().people;
        assert_eq!((found[0].delivered, found[0].trouble.as_deref(), found[0].seen, found[0].acknowledged), (None, Some("421"), Some(at(4)), None));
        assert_eq!((found[1].delivered, found[1].trouble.as_deref(), found[1].seen), (Some(at(2)), None, None));

        let mut change = store.begin(intent(6, "notice.acknowledge", "notice:a")).await.unwrap();
        change.acknowledge_notice("a", ana).await.unwrap();
        change.commit(None).await.unwrap();
        assert!(store.unacknowledged(at(10)).await.unwrap().is_empty(), "one of them is enough");
        // A correction asks anew: what was acknowledged before is not it.
        store.issue(&lease, at(7), &Issue { notices: vec![notice("b", "moved", Corrects::Replaces)], ..Issue::default() }).await.unwrap();
        assert_eq!(store.notice("a").await.unwrap().replaced.as_deref(), Some("b"));
        assert_eq!(store.unacknowledged(at(10)).await.unwrap().iter().map(|one| one.id.as_str()).collect::<Vec<_>>(), ["b"]);
        let mut change = store.begin(intent(8, "notice.acknowledge", "notice:a")).await.unwrap();
        assert_eq!(change.acknowledge_notice("a", ana).await.unwrap_err().problem.code, "E-REPLACED");
        drop(change);
        store.issue(&lease, at(11), &Issue { rungs: vec![("b".into(), 1, None)], ..Issue::default() }).await.unwrap();
        assert!(store.unacknowledged(at(99)).await.unwrap().is_empty());
        let (mine, total) = store.notices(&Whose::Person(ana), Some("rollout:1"), (0, 1)).await.unwrap();
        assert_eq!((mine.len(), total), (1, 2));
        let other = plimsoll_core::model::identifier::ClientId::from_bits(1);
        assert_eq!(store.notices(&Whose::Within(Scope::client(other)), None, (0, 9)).await.unwrap(), (Vec::new(), 0));
    });
}

#[test]
fn what_was_told_long_ago_is_forgotten_whole_or_not_at_all() {
    each(|database| async move {
        let store = &database.store;
        let lease = store.take_lease("notices", "one", at(0), jiff::SignedDuration::from_secs(900)).await.unwrap().unwrap();
        let told = |subject: &str, moment: &str| (subject.to_owned(), moment.to_owned());
        store.issue(&lease, at(1), &Issue { once: vec![told("due:a", "50"), told("due:b", "50"), told("rollout:a", "planned")], ..Issue::default() }).await.unwrap();
        store.issue(&lease, at(100), &Issue { once: vec![told("due:b", "100")], ..Issue::default() }).await.unwrap();
        assert_eq!(store.told_long_ago("due:", at(50), 9).await.unwrap(), ["due:a"], "of the other something was told since");
        store.issue(&lease, at(101), &Issue { over: vec!["due:a".into()], ..Issue::default() }).await.unwrap();
        assert_eq!(store.told_once("due:").await.unwrap(), [told("due:b", "50"), told("due:b", "100")].into());
        assert_eq!(store.told_once("rollout:").await.unwrap().len(), 1);
    });
}
