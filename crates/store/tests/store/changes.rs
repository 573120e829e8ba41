//! Changes, their leaves, and groups of changes that share a commit.

use crate::databases::each;
use crate::values::{at, client, host, intent};
use plimsoll_core::model::identifier::HostId;
use plimsoll_store::answers::{Answer, Claim, Keyed};
use plimsoll_store::evidence::reading::ActivityQuery;
use plimsoll_store::reports::PackedReport;
use plimsoll_store::transitions::{DecidedFrom, FindingKey, Transition};
use plimsoll_store::{ErrorKind, Scope, Store, StoreError};
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
            Transition { host: host.id, serial: 0, at: at(10), opened: vec![key("A"), key("B")], closed: vec![], obliged: vec![], policies: vec![] },
            Transition { host: host.id, serial: 1, at: at(20), opened: vec![], closed: vec![key("A")], obliged: vec![], policies: vec![] },
            Transition { host: host.id, serial: 2, at: at(20), opened: vec![key("C")], closed: vec![], obliged: vec![], policies: vec![] },
            Transition { host: host.id, serial: 3, at: at(30), opened: vec![key("A")], closed: vec![], obliged: vec![], policies: vec![] },
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
        assert_eq!(store.transitions_since(&Scope::client(client), at(20), None, 10).await.unwrap().len(), 3);
        // It joined at 1; what it had when it joined is no news.
        let settled = store.transitions_since(&Scope::client(client), at(0), Some(jiff::SignedDuration::from_secs(19)), 10).await.unwrap();
        assert_eq!(settled.iter().map(|one| one.serial).collect::<Vec<_>>(), [3, 2, 1]);
        let nobody = Scope::Some { clients: Default::default(), groups: Default::default() };
        assert_eq!(store.transitions_since(&nobody, at(0), None, 10).await.unwrap().len(), 0);
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
            obliged: vec![],
            policies: vec![],
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
        let without = host(store, client, "web3").await;
        assert_eq!(store.journals().await.unwrap(), [(one.id, 1), (two.id, 1), (without.id, 0)].into());
        let leaves = store.activity(&ActivityQuery { verb: Some("host.judge".into()), ..ActivityQuery::new(Scope::All) }).await.unwrap();
        let named = |place: usize| leaves[place].after.as_ref().unwrap().as_object().unwrap().keys().cloned().collect::<Vec<_>>();
        assert_eq!((leaves.len(), named(0), named(1)), (2, vec![format!("findings:{}", two.id)], vec![format!("findings:{}", one.id)]));
    });
}

#[test]
fn a_judgement_of_a_host_that_is_another_by_now_is_told_so() {
    each(|database| async move {
        let store = &database.store;
        let client = client(store, "Acme").await;
        let (one, two) = (host(store, client, "web1").await, host(store, client, "web2").await);
        let decided = DecidedFrom::stored(&one, 0);
        let asked = async |decided: &DecidedFrom| {
            let mut change = store.begin(intent(10, "host.judge", "fleet")).await.unwrap();
            change.overtaken(&[decided.clone(), DecidedFrom::stored(&two, 0)]).await.unwrap().into_iter().collect::<Vec<_>>()
        };
        assert_eq!(asked(&decided).await, vec![]);
        let mut change = store.begin(intent(11, "host.change", "fleet")).await.unwrap();
        change.update_host(one.id, |host| host.environment = Some("production".into())).await.unwrap();
        change.commit(None).await.unwrap();
        assert_eq!(asked(&decided).await, vec![one.id], "somebody said otherwise of it");
        let decided = DecidedFrom::stored(&store.host(one.id).await.unwrap(), 0);
        assert_eq!(asked(&decided).await, vec![]);
        // A first report, then another: what was decided from the first is old.
        for (time, text, expected) in [(12, "first", vec![]), (13, "second", vec![one.id])] {
            let decided = DecidedFrom::stored(&store.host(one.id).await.unwrap(), 0);
            let report = PackedReport::new(text.as_bytes()).unwrap();
            let mut change = store.begin(intent(time, "host.report", "fleet")).await.unwrap();
            let brought = DecidedFrom::brought(&store.host(one.id).await.unwrap(), 0);
            assert_eq!(change.overtaken(&[brought]).await.unwrap(), Default::default());
            change.put_report(one.id, &report, at(time)).await.unwrap();
            change.commit(None).await.unwrap();
            assert_eq!(asked(&decided).await, expected, "{text}");
        }
        let decided = DecidedFrom::stored(&store.host(one.id).await.unwrap(), 1);
        assert_eq!(asked(&decided).await, vec![one.id], "a journal that is not so long");
    });
}

#[test]
fn settings_and_alerts() {
    each(|database| async move {
        let store = &database.store;
        let mut change = store.begin(intent(0, "setting.set", "setting")).await.unwrap();
        change.set("mail.from", Some(&"plimsoll@example.org")).await.unwrap();
        assert!(change.raise_alert(None, "clone", "host:1", "Two machines use one key.").await.unwrap());
        assert!(!change.raise_alert(None, "clone", "host:1", "Two machines use one key.").await.unwrap());
        change.commit(None).await.unwrap();
        assert_eq!(store.setting::<String>("mail.from").await.unwrap().as_deref(), Some("plimsoll@example.org"));
        assert_eq!(store.setting::<u32>("mail.from").await.unwrap_err().kind, ErrorKind::Damaged);
        let alerts = store.open_alerts(&Scope::All, 10).await.unwrap();
        assert_eq!((alerts.len(), alerts[0].times), (1, 2));
        let mut change = store.begin(intent(60, "alert.close", "alert")).await.unwrap();
        change.close_alert(&alerts[0].id).await.unwrap();
        assert!(change.raise_alert(None, "clone", "host:1", "Again.").await.unwrap());
        change.commit(None).await.unwrap();
    });
}

fn keyed(principal: &str, key: &str, digest: &str, holder: &str) -> Keyed {
    Keyed { principal: principal.into(), key: key.into(), digest: digest.into(), holder: holder.into() }
}

async fn change_as(store: &Store, request: &str, name: &str) -> plimsoll_store::Result<String> {
    let mut intent = intent(5, "setting.set", "setting");
    intent.actor.request = Some(request.to_owned());
    let mut change = store.begin(intent).await.unwrap();
    change.set(name, Some(&1)).await.unwrap();
    change.commit(None).await
}

#[test]
fn a_key_is_claimed_once_and_its_answer_kept() {
    each(|database| async move {
        let (store, other) = (&database.store, database.second().await);
        let first = keyed("person:1", "key", "digest", "request-1");
        let again = keyed("person:1", "key", "digest", "request-2");
        // Two servers at the same moment.
        let (mine, theirs) = tokio::join!(store.claim_answer(&first, at(0)), other.claim_answer(&again, at(0)));
        let claims = [mine.unwrap(), theirs.unwrap()];
        assert_eq!(claims.iter().filter(|claim| **claim == Claim::Mine).count(), 1, "{claims:?}");
        assert!(claims.contains(&Claim::UnderWay));
        let (holder, server) = if claims[0] == Claim::Mine { (&first, store) } else { (&again, &other) };

        let answer = Answer { status: 201, content_type: "application/json".into(), withheld: false, body: b"{\"name\":\"plain\"}".to_vec() };
        change_as(server, &holder.holder, "one").await.unwrap();
        server.settle_answer(holder, &answer, true).await.unwrap();
        assert_eq!(other.claim_answer(&keyed("person:1", "key", "digest", "request-3"), at(1)).await.unwrap(), Claim::Answered(answer.clone()));
        assert_eq!(store.claim_answer(&keyed("person:1", "key", "another", "request-4"), at(1)).await.unwrap(), Claim::Another);
        assert_eq!(store.claim_answer(&keyed("person:2", "key", "another", "request-5"), at(1)).await.unwrap(), Claim::Mine);
        let day = 24 * 3600;
        assert_eq!(store.claim_answer(&keyed("person:1", "key", "another", "request-6"), at(day + 1)).await.unwrap(), Claim::Mine);
        assert_eq!(store.expire_answers(at(day + 1)).await.unwrap(), 1, "the one of person:2");
    });
}

#[test]
fn a_refusal_that_changed_nothing_leaves_the_key_free() {
    each(|database| async move {
        let store = &database.store;
        let refused = Answer { status: 400, content_type: "application/problem+json".into(), withheld: false, body: b"{}".to_vec() };
        let first = keyed("person:1", "key", "wrong", "request-1");
        assert_eq!(store.claim_answer(&first, at(0)).await.unwrap(), Claim::Mine);
        store.settle_answer(&first, &refused, false).await.unwrap();
        let second = keyed("person:1", "key", "right", "request-2");
        assert_eq!(store.claim_answer(&second, at(0)).await.unwrap(), Claim::Mine);
        // One that changed something and failed after that is kept.
        change_as(store, "request-2", "one").await.unwrap();
        store.settle_answer(&second, &refused, false).await.unwrap();
        assert_eq!(store.claim_answer(&keyed("person:1", "key", "right", "request-3"), at(1)).await.unwrap(), Claim::Answered(refused));
    });
}

#[test]
fn a_claim_whose_holder_died_lapses() {
    each(|database| async move {
        let store = &database.store;
        for (principal, changed) in [("person:1", false), ("person:2", true)] {
            let dead = format!("dead {principal}");
            assert_eq!(store.claim_answer(&keyed(principal, "key", "digest", &dead), at(0)).await.unwrap(), Claim::Mine);
            if changed {
                change_as(store, &dead, principal).await.unwrap();
            }
            assert_eq!(store.claim_answer(&keyed(principal, "key", "digest", "early"), at(100)).await.unwrap(), Claim::UnderWay);
            let next = store.claim_answer(&keyed(principal, "key", "digest", &format!("next {principal}")), at(121)).await.unwrap();
            assert_eq!(next, if changed { Claim::Lost } else { Claim::Mine });
        }
        // The first holder was slow, not dead: it commits nothing any more.
        let late = change_as(store, "dead person:1", "late").await.unwrap_err();
        assert_eq!(late.problem.code, "E-IDEMPOTENCY-LAPSED");
        assert_eq!(store.setting::<u32>("late").await.unwrap(), None);
        change_as(store, "next person:1", "late").await.unwrap();
    });
}
