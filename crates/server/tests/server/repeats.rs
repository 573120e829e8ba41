//! Requests that come again: once done, and the same answer.

use crate::stage::Stage;
use plimsoll_server::identity::role::{Grant, Role};
use serde_json::{Value, json};
use std::io::Write;
use std::time::Duration;

const JSON: (&str, &str) = ("content-type", "application/json");

fn keyed(stage: &Stage, key: &str, path: &str, body: Value) -> (u16, bool, Value) {
    stage.send(&stage.token, "POST", path, &[JSON, ("idempotency-key", key)], Some(body))
}

fn webhook(stage: &Stage) -> String {
    let wish = json!({ "name": "receiver", "address": "http://127.0.0.1:1/" });
    let (status, made) = stage.ask("POST", "/api/v1/webhooks", Some(wish));
    assert_eq!(status, 200, "{made}");
    made["webhook"]["id"].as_str().unwrap().to_owned()
}

fn tests_sent(stage: &Stage, webhook: &str) -> usize {
    stage.deliveries(webhook).iter().filter(|delivery| delivery["event"].as_str().unwrap().contains("test")).count()
}

#[test]
fn two_at_the_same_moment_are_done_once() {
    Stage::each(&[1], |stage| {
        let id = webhook(stage);
        let path = format!("/api/v1/webhooks/{id}/test");
        for round in 1..=5 {
            let key = format!("round {round}");
            let quoted = format!("\"{key}\"");
            let ask = || loop {
                let said = keyed(stage, &quoted, &path, json!({}));
                if said.0 != 409 {
                    return said;
                }
                assert_eq!(said.2["code"], "E-IDEMPOTENCY-BUSY");
                std::thread::sleep(Duration::from_millis(20));
            };
            let said: Vec<_> = std::thread::scope(|scope| {
                let asked: Vec<_> = (0..6).map(|_| scope.spawn(ask)).collect();
                asked.into_iter().map(|one| one.join().unwrap()).collect()
            });
            assert!(said.iter().all(|(status, _, body)| *status == 200 && *body == said[0].2), "{said:?}");
            assert_eq!(said.iter().filter(|(_, replayed, _)| !replayed).count(), 1);
            assert_eq!(tests_sent(stage, &id), round);
        }
        // Without a key each is a request of its own.
        keyed(stage, "another", &path, json!({}));
        stage.ask("POST", &path, Some(json!({})));
        stage.ask("POST", &path, Some(json!({})));
        assert_eq!(tests_sent(stage, &id), 8);
    });
}

#[test]
fn a_key_belongs_to_one_request_of_one_caller() {
    Stage::each(&[], |stage| {
        let (web, mail) = (json!({ "name": "web" }), json!({ "name": "mail" }));
        let first = keyed(stage, "k", "/api/v1/groups", web.clone());
        assert_eq!((first.0, first.1), (200, false), "{first:?}");
        let again = keyed(stage, "k", "/api/v1/groups", web.clone());
        assert_eq!((again.0, again.1, &again.2), (200, true, &first.2));
        for (path, body) in [("/api/v1/groups", &mail), ("/api/v1/applications", &web)] {
            let other = keyed(stage, "k", path, body.clone());
            assert_eq!((other.0, other.2["code"].as_str()), (422, Some("E-IDEMPOTENCY-REUSED")), "{other:?}");
        }
        assert_eq!(stage.ask("GET", "/api/v1/groups", None).1.as_array().unwrap().len(), 1);
        // The key of somebody else is another key.
        let theirs = stage.token_of(&[Grant::everywhere(Role::Operator)]);
        let other = stage.send(&theirs, "POST", "/api/v1/groups", &[JSON, ("idempotency-key", "k")], Some(mail));
        assert_eq!((other.0, other.1), (200, false), "{other:?}");

        // A refusal that changed nothing leaves the key free.
        let wrong = keyed(stage, "free", "/api/v1/groups", json!({ "name": "db", "query": "=" }));
        assert_eq!((wrong.0, wrong.1), (400, false), "{wrong:?}");
        let right = keyed(stage, "free", "/api/v1/groups", json!({ "name": "db", "query": "name = db*" }));
        assert_eq!((right.0, right.1), (200, false), "{right:?}");

        // Deleting twice is deleting once, though the second finds nothing.
        let path = format!("/api/v1/groups/{}", right.2["id"].as_str().unwrap());
        let delete = || stage.send(&stage.token, "DELETE", &path, &[("idempotency-key", "delete")], None);
        assert_eq!((delete().0, delete()), (204, (204, true, Value::String(String::new()))));
        assert_eq!(stage.ask("DELETE", &path, None).0, 404);
    });
}

#[test]
fn keys_are_bounded_and_taken_where_they_mean_something() {
    let stage = Stage::new(&[]);
    let ask = |token: &str, path: &str, keys: &[&str]| {
        let mut headers = vec![JSON];
        headers.extend(keys.iter().map(|key| ("idempotency-key", *key)));
        let said = stage.send(token, "POST", path, &headers, Some(json!({ "name": "bounded" })));
        (said.0, said.2["code"].as_str().unwrap_or_default().to_owned())
    };
    let long = "k".repeat(256);
    for keys in [&[long.as_str()][..], &["a", "b"], &["a b"], &["\"open"], &[""]] {
        assert_eq!(ask(&stage.token, "/api/v1/groups", keys), (400, "E-IDEMPOTENCY-KEY".to_owned()), "{keys:?}");
    }
    assert_eq!(ask(&stage.token, "/api/v1/groups", &[&long[..255]]).0, 200);
    // Nobody is signed in yet: there is no caller that a key could belong to.
    let own = stage.app().url.clone();
    let from_here = [JSON, ("origin", own.as_str()), ("idempotency-key", "k")];
    let signing_in = stage.send("", "POST", "/api/v1/session", &from_here, Some(json!({ "account": "owner", "password": "x" })));
    assert_eq!((signing_in.0, signing_in.2["code"].as_str()), (400, Some("E-IDEMPOTENCY-KEY")));
    assert_eq!(ask("", "/api/v1/groups", &["k"]), (401, "E-SIGN-IN".to_owned()));
    assert_eq!(stage.send(&stage.token, "GET", "/api/v1/groups", &[("idempotency-key", "a b")], None).0, 200, "reading takes none");
}

#[test]
fn a_secret_is_shown_once() {
    Stage::each(&[1], |stage| {
        let first = keyed(stage, "k", "/api/v1/enrolment-tokens", json!({}));
        let secret = first.2["token"].as_str().unwrap().to_owned();
        let hook = keyed(stage, "hook", "/api/v1/webhooks", json!({ "name": "hook", "address": "http://127.0.0.1:1/" }));
        let id = hook.2["webhook"]["id"].as_str().unwrap().to_owned();
        let (again, hook_again) = (
            keyed(stage, "k", "/api/v1/enrolment-tokens", json!({})),
            keyed(stage, "hook", "/api/v1/webhooks", json!({ "name": "hook", "address": "http://127.0.0.1:1/" })),
        );
        for said in [&again, &hook_again] {
            assert_eq!((said.0, said.1, said.2["code"].as_str()), (409, true, Some("E-SHOWN-ONCE")), "{said:?}");
        }
        assert!(!again.2.to_string().contains(&secret) && again.2["detail"].as_str().unwrap().contains("enrolment token"), "{again:?}");
        assert!(hook_again.2["detail"].as_str().unwrap().contains(&id), "the client can find what it made: {hook_again:?}");
        assert_eq!(stage.ask("GET", "/api/v1/webhooks", None).1.as_array().unwrap().len(), 1);
    });
}

/// The client whose line broke is the one that repeats, wherever it broke.
#[test]
fn a_request_whose_client_hung_up_is_done_once() {
    Stage::each(&[1], |stage| {
        let id = webhook(stage);
        let (path, bound) = (format!("/api/v1/webhooks/{id}/test"), stage.running.as_ref().unwrap().bound);
        for cut in 0..12_u64 {
            let text = format!(
                "POST {path} HTTP/1.1\r\nhost: {bound}\r\nauthorization: Bearer {}\r\ncontent-type: application/json\r\nidempotency-key: cut-{cut}\r\ncontent-length: 2\r\n\r\n{{}}",
                stage.token
            );
            let mut line = std::net::TcpStream::connect(bound).unwrap();
            line.write_all(text.as_bytes()).unwrap();
            std::thread::sleep(Duration::from_micros(cut * 1_500));
            drop(line);
        }
        for cut in 0..12 {
            let again = || Some(keyed(stage, &format!("cut-{cut}"), &path, json!({}))).filter(|said| said.0 != 409);
            assert_eq!(stage.until_some("answer", again).0, 200);
        }
        assert_eq!(tests_sent(stage, &id), 12);
    });
}
