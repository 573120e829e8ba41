//! Changes, their leaves, and groups of changes that share a commit.

use crate::databases::each;
use crate::values::{at, client, host, intent};
use plimsoll_core::model::identifier::HostId;
use plimsoll_store::evidence::reading::ActivityQuery;
use plimsoll_store::reports::PackedReport;
use plimsoll_store::transitions::{FindingKey, Transition};
use plimsoll_store::{ErrorKind, Scope, StoreError};
use serde_json::json;
use std::collections::BTreeMap;

#[test]
fn a_change_cannot_be_without_its_leaf() {
    each(|database| async move {
        let store = &database.store;
        let change = store.begin(intent(0, "nothing", "nothing")).await.unwrap();
        assert_eq!(change.commit(None).await.unwrap_err().problem.code, "E-NO-CHANGE");
        let client = client(store, "Acme").await;
        let web = host(store, client, "web1").await;
        let mut change = store.begin(intent(2, "host.rename", &format!("host:{}", web.id))).await.unwrap();
        change.update_host(web.id, |host| host.name = "web2".into()).await.unwrap();
        let leaf = change.commit(Some("it moved")).await.unwrap();

        let entries = store.activity(&ActivityQuery::new(Scope::client(client))).await.unwrap();
        let newest = &entries[0];
        assert_eq!(newest.id, leaf);
        assert_eq!((newest.verb.as_str(), newest.actor_name.as_deref(), newest.reason.as_deref()), ("host.rename", Some("Ada Operator"), Some("it moved")));
        assert_eq!((&newest.before, &newest.after), (&Some(json!({ format!("host:{}", web.id): { "name": "web1" } })), &Some(json!({ format!("host:{}", web.id): { "name": "web2" } }))));
        assert_eq!((newest.position, newest.client, newest.request.as_deref()), (None, Some(client), Some("request-1")));
        // What is personal is not in the leaf.
        let bytes = String::from_utf8(newest.bytes.clone()).unwrap();
        assert!(!bytes.contains("Ada Operator") && !bytes.contains("it moved"), "{bytes}");
        let keys: Vec<String> = serde_json::from_str::<BTreeMap<String, serde_json::Value>>(&bytes).unwrap().into_keys().collect();
        assert!(keys.iter().zip(keys.iter().skip(1)).all(|(left, right)| left < right));
        // Nobody else's activity, no entries of the server as a whole.
        let other = crate::values::client(store, "Other").await;
        let theirs = store.activity(&ActivityQuery::new(Scope::client(other))).await.unwrap();
        assert_eq!(theirs.len(), 1);
        let hosts = ActivityQuery { verb: Some("host.".into()), limit: 1, ..ActivityQuery::new(Scope::All) };
        let page = store.activity(&hosts).await.unwrap();
        let rest = store.activity(&ActivityQuery { before: Some(page[0].id.clone()), ..hosts }).await.unwrap();
        assert_eq!((page[0].verb.as_str(), rest[0].verb.as_str()), ("host.rename", "host.enrol"));
    });
}

#[test]
fn changes_that_come_together_share_a_commit() {
    each(|database| async move {
        let store = &database.store;
        let client = client(store, "Acme").await;
        let mut hosts = Vec::new();
        for number in 0..50 {
            hosts.push(host(store, client, &format!("host{number}")).await.id);
        }
        let before = store.commits();
        let started = std::time::Instant::now();
        let tasks: Vec<_> = (0..1000)
            .map(|number| {
                let (store, host) = (store.clone(), hosts[number % hosts.len()]);
                tokio::spawn(async move {
                    let report = PackedReport::new(format!("{{\"number\":{number}}}").as_bytes()).unwrap();
                    let intent = intent(2, "host.report", &format!("host:{host}"));
                    let work = store.submit(intent, move |change| {
                        Box::pin(async move {
                            change.put_report(host, &report, at(2)).await?;
                            // Some fail after they have written.
                            if number % 100 == 99 { Err(StoreError::invalid("test", "no")) } else { Ok(()) }
                        })
                    });
                    work.await
                })
            })
            .collect();
        let mut failed = 0;
        for task in tasks {
            match task.await.unwrap() {
                Ok(()) => {}
                Err(error) => {
                    assert_eq!(error.kind, ErrorKind::Invalid);
                    failed += 1;
                }
            }
        }
        let commits = store.commits() - before;
        eprintln!("1000 reports in {} commits, {:.2} ms each", commits, started.elapsed().as_secs_f64());
        assert_eq!(failed, 10);
        assert!(commits <= 50, "{commits} commits for 1000 changes: at least 20 must share one");
        // Each of the others has its report and its leaf, those that failed neither.
        let reports = store.activity(&ActivityQuery { verb: Some("host.report".into()), limit: 1000, ..ActivityQuery::new(Scope::All) }).await.unwrap();
        assert_eq!(reports.len(), 990);
        for number in 0..1000 {
            let digest = PackedReport::new(format!("{{\"number\":{number}}}").as_bytes()).unwrap().digest().to_owned();
            assert_eq!(store.has_report(client, &digest).await.unwrap(), number % 100 != 99, "{number}");
        }
    });
}

#[test]
fn the_story_of_a_host_and_what_it_is_remembered_by() {
    each(|database| async move {
        let store = &database.store;
        let client = client(store, "Acme").await;
        let host = host(store, client, "web1").await;
        let key = |name: &str| FindingKey { advisory: name.into(), component: "openssl".into() };
        let story = vec![
            Transition { host: host.id, serial: 0, at: at(10), opened: vec![key("A"), key("B")], closed: vec![] },
            Transition { host: host.id, serial: 1, at: at(20), opened: vec![], closed: vec![key("A")] },
            Transition { host: host.id, serial: 2, at: at(20), opened: vec![key("C")], closed: vec![] },
            Transition { host: host.id, serial: 3, at: at(30), opened: vec![key("A")], closed: vec![] },
        ];
        for transition in &story {
            let mut change = store.begin(intent(40, "evaluate", "fleet")).await.unwrap();
            assert_eq!(change.add_transitions(std::slice::from_ref(transition)).await.unwrap(), vec![]);
            change.commit(None).await.unwrap();
        }
        assert_eq!(store.transitions(host.id).await.unwrap(), story);
        let memory = store.memory(host.id).await.unwrap();
        assert_eq!(memory.open, BTreeMap::from([(key("A"), at(30)), (key("B"), at(10)), (key("C"), at(20))]));
        assert_eq!(memory.first_seen[&key("A")], at(10));
        assert_eq!(memory.length, 4);
        let second: Vec<Transition> = story.iter().filter(|transition| transition.at == at(20)).cloned().collect();
        assert_eq!(store.transitions_at(at(20), &[host.id]).await.unwrap(), second);
        assert_eq!(store.transitions_since(&Scope::client(client), at(20), 10).await.unwrap().len(), 3);
        let nobody = Scope::Some { clients: Default::default(), groups: Default::default() };
        assert_eq!(store.transitions_since(&nobody, at(0), 10).await.unwrap().len(), 0);
    });
}

#[test]
fn of_two_who_decided_from_the_same_journal_one_writes() {
    each(|database| async move {
        let store = &database.store;
        let client = client(store, "Acme").await;
        let (one, two) = (host(store, client, "web1").await, host(store, client, "web2").await);
        let opened = |host: HostId, name: &str| Transition {
            host,
            serial: 0,
            at: at(10),
            opened: vec![FindingKey { advisory: name.into(), component: "openssl".into() }],
            closed: vec![],
        };
        let mut first = store.begin(intent(10, "host.judge", "fleet")).await.unwrap();
        assert_eq!(first.add_transitions(&[opened(one.id, "A")]).await.unwrap(), vec![]);
        let late = {
            let (store, transitions) = (store.clone(), [opened(one.id, "B"), opened(two.id, "B")]);
            tokio::spawn(async move {
                // Waits for the first where one row is locked, as PostgreSQL does.
                let mut second = store.begin(intent(10, "host.judge", "fleet")).await.unwrap();
                let overtaken = second.add_transitions(&transitions).await.unwrap();
                second.commit(None).await.unwrap();
                overtaken
            })
        };
        first.commit(None).await.unwrap();
        assert_eq!(late.await.unwrap(), vec![one.id]);
        assert_eq!(store.transitions(one.id).await.unwrap(), vec![opened(one.id, "A")]);
        assert_eq!(store.transitions(two.id).await.unwrap(), vec![opened(two.id, "B")]);
        let leaves = store.activity(&ActivityQuery { verb: Some("host.judge".into()), ..ActivityQuery::new(Scope::All) }).await.unwrap();
        let named = |place: usize| leaves[place].after.as_ref().unwrap().as_object().unwrap().keys().cloned().collect::<Vec<_>>();
        assert_eq!((leaves.len(), named(0), named(1)), (2, vec![format!("findings:{}", two.id)], vec![format!("findings:{}", one.id)]));
    });
}

#[test]
fn settings_answers_and_alerts() {
    each(|database| async move {
        let store = &database.store;
        let mut change = store.begin(intent(0, "setting.set", "setting")).await.unwrap();
        change.set("mail.from", Some(&"plimsoll@example.org")).await.unwrap();
        let answer = plimsoll_store::answers::Answer { request: "digest".into(), status: 201, content_type: "application/json".into(), body: b"{}".to_vec(), expires: at(100) };
        change.keep_answer("person:1", "key", &answer).await.unwrap();
        assert!(change.raise_alert(None, "clone", "host:1", "Two machines use one key.").await.unwrap());
        assert!(!change.raise_alert(None, "clone", "host:1", "Two machines use one key.").await.unwrap());
        change.commit(None).await.unwrap();
        assert_eq!(store.setting::<String>("mail.from").await.unwrap().as_deref(), Some("plimsoll@example.org"));
        assert_eq!(store.setting::<u32>("mail.from").await.unwrap_err().kind, ErrorKind::Damaged);
        assert_eq!(store.answer("person:1", "key", "digest", at(99)).await.unwrap(), Some(answer.clone()));
        assert_eq!(store.answer("person:1", "key", "another", at(99)).await.unwrap_err().problem.code, "E-IDEMPOTENCY");
        assert_eq!(store.answer("person:2", "key", "digest", at(99)).await.unwrap(), None);
        assert_eq!(store.answer("person:1", "key", "digest", at(100)).await.unwrap(), None);
        let mut change = store.begin(intent(50, "again", "again")).await.unwrap();
        assert_eq!(change.keep_answer("person:1", "key", &answer).await.unwrap_err().problem.code, "E-IDEMPOTENCY");
        drop(change);
        assert_eq!(store.expire_answers(at(100)).await.unwrap(), 1);
        let alerts = store.open_alerts(&Scope::All, 10).await.unwrap();
        assert_eq!((alerts.len(), alerts[0].times), (1, 2));
        let mut change = store.begin(intent(60, "alert.close", "alert")).await.unwrap();
        change.close_alert(&alerts[0].id).await.unwrap();
        assert!(change.raise_alert(None, "clone", "host:1", "Again.").await.unwrap());
        change.commit(None).await.unwrap();
    });
}
