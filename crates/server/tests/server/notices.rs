//! Webhooks end to end: from a change in the world to a receiver.

use crate::receiver::{Manner, Receiver, Taken, always, never};
use crate::stage::{PACE, Stage};
use plimsoll_core::model::identifier::HostId;
use plimsoll_core::model::registration::{HostSource, HostState, Registration};
use plimsoll_server::identity::role::{Grant, Role};
use plimsoll_server::notices::{Pace, send};
use plimsoll_store::hosts::Machine;
use plimsoll_store::{Actor, Intent};
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};
use std::io::Write;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

fn schema() -> jsonschema::Validator {
    let text = include_str!("../../../../docs/schema/events-1.schema.json");
    jsonschema::validator_for(&serde_json::from_str(text).unwrap()).unwrap()
}

fn sound(taken: &[Taken], secret: &str) {
    let schema = schema();
    for one in taken {
        assert!(one.verify(secret), "{:?}", one.headers);
        assert_eq!(one.headers["content-type"], "application/cloudevents+json; charset=utf-8");
        let event = one.event();
        let errors: Vec<String> = schema.iter_errors(&event).map(|error| error.to_string()).collect();
        assert!(errors.is_empty(), "{errors:?} in {event}");
    }
    if let Some(one) = taken.first() {
        let mut other = one.clone();
        other.body.push(b' ');
        assert!(!other.verify(secret), "a changed body does not verify");
        assert!(!one.verify("whsec_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA="), "nor does another secret");
    }
}

fn of_kind<'a>(taken: &'a [Taken], kind: &str) -> Vec<&'a Taken> {
    taken.iter().filter(|one| one.kind() == kind).collect()
}

/// Everything this process logs, for the search for secrets.
fn logged() -> Arc<Mutex<Vec<u8>>> {
    static LOG: std::sync::LazyLock<Arc<Mutex<Vec<u8>>>> = std::sync::LazyLock::new(|| {
        let log = Arc::new(Mutex::new(Vec::new()));
        let writer = Arc::clone(&log);
        struct Kept(Arc<Mutex<Vec<u8>>>);
        impl Write for Kept {
            fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
                self.0.lock().unwrap().extend_from_slice(bytes);
                Ok(bytes.len())
            }
            fn flush(&mut self) -> std::io::Result<()> {
                Ok(())
            }
        }
        let subscriber = tracing_subscriber::fmt()
            .with_max_level(tracing_subscriber::filter::LevelFilter::TRACE)
            .with_ansi(false)
            .with_writer(move || Kept(Arc::clone(&writer)))
            .finish();
        let _ = tracing_subscriber::util::SubscriberInitExt::try_init(subscriber);
        log
    });
    Arc::clone(&LOG)
}

#[test]
fn an_advisory_that_touches_200_hosts_is_one_event() {
    const HOSTS: usize = 200;
    let receiver = Receiver::new(always("204 No Content"));
    let stage = Stage::new(&[receiver.address.port()]);
    let client = stage.first_client();
    for number in 0..HOSTS {
        stage.host(client, &format!("host-{number:03}"), "libpng1.6", "1.6.39-2");
    }
    stage.host(client, "other", "zlib1g", "1.2.13");
    let (_, secret) = stage.webhook(&receiver.url(), &["advisory.affects", "findings.changed"]);
    stage.advisory("png", "TEST-2026-1", "libpng1.6", "critical", "1.6.39-2+deb12u4");
    stage.advisory("zlib", "TEST-2026-2", "zlib1g", "low", "1.3");
    stage.advisory("nobody", "TEST-2026-3", "nothing-of-ours", "critical", "1");
    let served = Instant::now();
    stage.build();
    let taken = receiver.wait("both advisories", |taken| of_kind(taken, "plimsoll.advisory.affects").len() >= 2);
    eprintln!("{HOSTS} hosts, debug: {} ms from the new database to both webhooks", served.elapsed().as_millis());
    // Time for a second one of either, were there one.
    std::thread::sleep(Duration::from_secs(3));
    let all = receiver.taken();
    sound(&all, &secret);
    let affects = of_kind(&all, "plimsoll.advisory.affects");
    assert_eq!(affects.len(), 2, "{taken:?}");
    let about = |id: &str| affects.iter().find(|one| one.event()["subject"] == id).unwrap().event();
    let png = about("TEST-2026-1");
    assert_eq!((&png["data"]["hosts"], &png["data"]["severity"]), (&json!(HOSTS), &json!("critical")));
    assert_eq!(png["data"]["hosts_by_version"], json!(HOSTS));
    assert_eq!(png["data"]["listed"].as_array().unwrap().len(), 100);
    assert_eq!(png["data"]["listed"][0]["name"], "host-000");
    assert_eq!(png["data"]["components"], json!(["libpng1.6"]));
    assert!(png["data"]["link"].as_str().unwrap().ends_with("/console/advisories/TEST-2026-1"));
    assert_eq!(png["data"]["text"], "TEST-2026-1 (critical) affects 200 hosts");
    assert_eq!(about("TEST-2026-2")["data"]["hosts"], 1);
    let opened: u64 = of_kind(&all, "plimsoll.findings.changed").iter().map(|one| one.event()["data"]["opened"].as_u64().unwrap()).sum();
    assert_eq!(opened, HOSTS as u64 + 1);
    assert!(all.len() < 10, "{} requests for {HOSTS} hosts", all.len());

    // A host that joins with an old advisory's package is no news of the world,
    // nor is an advisory told twice.
    stage.host(client, "late", "libpng1.6", "1.6.39-2");
    receiver.wait("the late host", |taken| {
        of_kind(taken, "plimsoll.findings.changed").iter().any(|one| one.event()["data"]["hosts"] == 1 && one.event()["data"]["opened"] == 1 && one.at > served + Duration::from_secs(3))
    });
    assert_eq!(of_kind(&receiver.taken(), "plimsoll.advisory.affects").len(), 2);

    // The fix closes findings: one event again.
    std::fs::remove_file(stage.path().join("sources/advisories/png.toml")).unwrap();
    stage.build();
    receiver.wait("the closing", |taken| of_kind(taken, "plimsoll.findings.changed").iter().any(|one| one.event()["data"]["closed"] == HOSTS as u64 + 1));
    let (_, metrics) = stage.ask_as(&stage.token_of(&[Grant::everywhere(Role::Viewer)]), "GET", "/metrics", None);
    let arrived = metrics.as_str().unwrap().lines().find_map(|line| line.strip_prefix("plimsoll_deliveries_arrived_total ")).unwrap().to_owned();
    assert!(arrived.parse::<usize>().unwrap() >= 4, "{arrived}");
}

#[test]
fn the_first_database_and_what_hosts_bring_are_no_news() {
    let receiver = Receiver::new(always("200 OK"));
    let mut stage = Stage::new(&[receiver.address.port()]);
    let client = stage.first_client();
    stage.webhook(&receiver.url(), &[]);
    stage.host(client, "web", "libpng1.6", "1.6.39-2");
    // The server is down when the database changes: told after the start.
    stage.kill();
    stage.advisory("png", "TEST-2026-1", "libpng1.6", "high", "1.6.39-2+deb12u4");
    stage.build();
    stage.start();
    let told = receiver.wait_for("plimsoll.advisory.affects").event();
    assert_eq!((&told["subject"], &told["data"]["hosts"]), (&json!("TEST-2026-1"), &json!(1)));
    // And not again after another start. What a kill cut off comes twice, under
    // its one id.
    stage.kill();
    let before: BTreeSet<String> = receiver.taken().iter().map(Taken::id).collect();
    stage.start();
    stage.host(client, "db", "libpng1.6", "1.6.39-2");
    let news = |taken: &[Taken]| of_kind(taken, "plimsoll.findings.changed").iter().any(|one| !before.contains(&one.id()));
    receiver.wait("the second host", news);
    std::thread::sleep(Duration::from_secs(3));
    let taken = receiver.taken();
    let affects: BTreeSet<String> = of_kind(&taken, "plimsoll.advisory.affects").iter().map(|one| one.id()).collect();
    assert_eq!(affects.len(), 1);
}

#[test]
fn a_receiver_that_was_down_gets_each_once() {
    let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let stage = Stage::new(&[free.port()]);
    let (hook, secret) = stage.webhook(&format!("http://{free}/hook"), &["host.silent"]);
    let tests: BTreeSet<String> = (0..5)
        .map(|_| {
            let (status, made) = stage.ask("POST", &format!("/api/v1/webhooks/{hook}/test"), None);
            assert_eq!((status, &made["state"]), (200, &json!("waiting")), "{made}");
            made["id"].as_str().unwrap().to_owned()
        })
        .collect();
    stage.until("failure", || stage.deliveries(&hook).iter().any(|one| one["attempts"].as_u64() >= Some(1) && one["answer"].is_string()));
    let log = stage.deliveries(&hook);
    assert!(log.iter().all(|one| one["state"] == "waiting"), "{log:?}");
    assert!(log.iter().any(|one| one["answer"].as_str().is_some_and(|answer| answer.starts_with("E-OUTBOUND"))), "{log:?}");
    let receiver = Receiver::at(free, always("204 No Content"));
    let taken = receiver.wait("all five", |taken| taken.len() >= 5);
    std::thread::sleep(Duration::from_secs(2));
    assert_eq!(receiver.taken().len(), 5, "nothing twice");
    sound(&taken, &secret);
    assert_eq!(taken.iter().map(Taken::id).collect::<BTreeSet<_>>(), tests);
    let (_, all) = stage.ask("GET", "/api/v1/webhooks", None);
    assert_eq!(all[0]["failing_since"], Value::Null);
    assert!(all[0]["last_answer"].as_str().unwrap().starts_with("204 in "));

    // Sent again by hand: the same id.
    let again = tests.iter().next().unwrap();
    let (status, answer) = stage.ask("POST", &format!("/api/v1/deliveries/{again}/send-again"), None);
    assert_eq!(status, 200, "{answer}");
    let taken = receiver.wait("a sixth", |taken| taken.len() == 6);
    assert_eq!(&taken[5].id(), again);
}

#[test]
fn a_server_killed_while_sending_sends_again_under_the_same_id() {
    let answers = Arc::new(AtomicBool::new(false));
    let slow = Arc::clone(&answers);
    let receiver = Receiver::new(Arc::new(move |_| {
        if !slow.load(Ordering::SeqCst) {
            std::thread::sleep(Duration::from_secs(30));
        }
        "204 No Content".to_owned()
    }));
    let mut stage = Stage::new(&[receiver.address.port()]);
    let (hook, secret) = stage.webhook(&receiver.url(), &["host.silent"]);
    stage.ask("POST", &format!("/api/v1/webhooks/{hook}/test"), None);
    let first = receiver.wait("the first try", |taken| !taken.is_empty());
    stage.kill();
    answers.store(true, Ordering::SeqCst);
    stage.start();
    let taken = receiver.wait("the second try", |taken| taken.len() >= 2);
    assert_eq!(first[0].id(), taken[1].id());
    sound(&taken, &secret);
    stage.until("end", || stage.deliveries(&hook).iter().any(|one| one["state"] == "delivered"));
    assert_eq!(stage.deliveries(&hook)[0]["attempts"], 2);
}

#[test]
fn two_senders_never_send_the_same() {
    let receiver = Receiver::new(always("204 No Content"));
    let stage = Stage::new(&[receiver.address.port()]);
    let (hook, _) = stage.webhook(&receiver.url(), &["host.silent"]);
    let (stop, stopped) = tokio::sync::watch::channel(false);
    for _ in 0..2 {
        stage.runtime.as_ref().unwrap().spawn(send::run(stage.app(), stopped.clone()));
    }
    for _ in 0..60 {
        stage.ask("POST", &format!("/api/v1/webhooks/{hook}/test"), None);
    }
    let taken = receiver.wait("all", |taken| taken.len() >= 60);
    std::thread::sleep(Duration::from_secs(1));
    assert_eq!(receiver.taken().len(), 60);
    assert_eq!(taken.iter().map(Taken::id).collect::<BTreeSet<_>>().len(), 60);
    assert!(stage.deliveries(&hook).iter().all(|one| one["attempts"] == 1));
    stop.send(true).unwrap();
}

#[test]
fn a_slow_receiver_holds_up_nobody_else() {
    let (slow, quick) = (Receiver::new(never()), Receiver::new(always("204 No Content")));
    let stage = Stage::new(&[slow.address.port(), quick.address.port()]);
    let (slow_hook, _) = stage.webhook(&slow.url(), &["host.silent"]);
    let (quick_hook, _) = stage.webhook(&quick.url(), &["host.silent"]);
    for _ in 0..40 {
        stage.ask("POST", &format!("/api/v1/webhooks/{slow_hook}/test"), None);
    }
    slow.wait("some", |taken| taken.len() >= 4);
    let asked = Instant::now();
    for _ in 0..20 {
        stage.ask("POST", &format!("/api/v1/webhooks/{quick_hook}/test"), None);
    }
    quick.wait("all twenty", |taken| taken.len() == 20);
    assert!(asked.elapsed() < Duration::from_secs(10), "{:?}", asked.elapsed());
    assert!(slow.taken().len() <= 4, "{} at once at one target", slow.taken().len());
}

/// What is due reaches a chat as one message in its own form, unsigned, and its
/// address is shown whole only to who may edit it.
#[test]
fn chats_get_messages_in_their_own_form() {
    for (channel, words) in [("slack", "/text"), ("teams", "/attachments/0/content/body/0/inlines/0/text"), ("matrix", "/html")] {
        let receiver = Receiver::new(always("200 OK"));
        let stage = Stage::new(&[receiver.address.port()]);
        let wish = json!({ "name": "chat", "address": receiver.url(), "channel": channel });
        let (status, made) = stage.ask("POST", "/api/v1/webhooks", Some(wish));
        assert_eq!((status, &made["secret"]), (200, &Value::Null), "{made}");
        let id = made["webhook"]["id"].as_str().unwrap();
        stage.ask("POST", &format!("/api/v1/webhooks/{id}/test"), None);
        let taken = receiver.wait("the message", |taken| !taken.is_empty());
        let message = taken[0].event();
        assert!(message.pointer(words).and_then(Value::as_str).is_some_and(|text| text.contains("test")), "{channel}: {message}");
        assert_eq!(taken[0].headers["content-type"], "application/json");
        assert!(!taken[0].headers.contains_key("webhook-signature"));
        stage.until("delivered", || stage.deliveries(id)[0]["state"] == "delivered");
        assert_eq!(stage.ask("POST", &format!("/api/v1/webhooks/{id}/secret"), Some(json!({}))).0, 409, "nothing signs it");
    }
}

#[test]
fn retry_after_and_410_are_honoured() {
    let manner: Manner = Arc::new(|number| if number == 1 { "503 Busy\r\nretry-after: 3".to_owned() } else { "410 Gone".to_owned() });
    let (receiver, watcher) = (Receiver::new(manner), Receiver::new(always("204 No Content")));
    let stage = Stage::new(&[receiver.address.port(), watcher.address.port()]);
    let (hook, _) = stage.webhook(&receiver.url(), &["host.silent"]);
    stage.webhook(&watcher.url(), &["alert.raised"]);
    stage.ask("POST", &format!("/api/v1/webhooks/{hook}/test"), None);
    let taken = receiver.wait("the second try", |taken| taken.len() == 2);
    let waited = taken[1].at - taken[0].at;
    assert!(waited >= Duration::from_secs(3), "{waited:?}");
    let alert = watcher.wait_for("plimsoll.alert.raised").event();
    assert_eq!((&alert["data"]["alert"], &alert["data"]["object"]), (&json!("E-WEBHOOK-OFF"), &json!(format!("webhook:{hook}"))));
    let (_, all) = stage.ask("GET", "/api/v1/webhooks", None);
    let off = all.as_array().unwrap().iter().find(|one| one["id"] == hook.as_str()).unwrap();
    assert_eq!(off["enabled"], false);
    assert!(off["disabled_because"].as_str().unwrap().contains("410"), "{off}");
    assert_eq!(stage.ask("POST", &format!("/api/v1/webhooks/{hook}/test"), None).0, 409);
    // Somebody mends it and switches it on again.
    let (status, on) = stage.ask("PATCH", &format!("/api/v1/webhooks/{hook}"), Some(json!({ "enabled": true, "reason": "mended" })));
    assert_eq!((status, &on["enabled"], &on["disabled_because"]), (200, &json!(true), &Value::Null));
}

#[test]
fn what_never_works_is_given_up_and_then_switched_off() {
    let (receiver, watcher) = (Receiver::new(always("302 Found\r\nlocation: http://127.0.0.1:1/")), Receiver::new(always("204 No Content")));
    let pace = Pace { patience: jiff::SignedDuration::from_secs(4), tries: 3, ..PACE };
    let stage = Stage::with(&[receiver.address.port(), watcher.address.port()], None, Vec::new(), pace);
    let (hook, _) = stage.webhook(&receiver.url(), &["host.silent"]);
    stage.webhook(&watcher.url(), &["alert.raised"]);
    stage.ask("POST", &format!("/api/v1/webhooks/{hook}/test"), None);
    stage.until("giving up", || stage.deliveries(&hook)[0]["state"] == "failed");
    let log = stage.deliveries(&hook);
    assert_eq!(log[0]["attempts"], 3);
    assert!(log[0]["answer"].as_str().unwrap().ends_with("redirects are not followed"), "{log:?}");
    std::thread::sleep(Duration::from_secs(4));
    stage.ask("POST", &format!("/api/v1/webhooks/{hook}/test"), None);
    watcher.wait_for("plimsoll.alert.raised");
    let (_, all) = stage.ask("GET", "/api/v1/webhooks", None);
    let off = all.as_array().unwrap().iter().find(|one| one["id"] == hook.as_str()).unwrap();
    assert!(off["disabled_because"].as_str().unwrap().starts_with("every try failed since "), "{off}");
}

#[test]
fn inward_addresses_and_bad_wishes_are_refused() {
    let stage = Stage::new(&[]);
    let wish = |address: &str| json!({ "name": "in", "address": address });
    let cases = [
        (wish("http://127.0.0.1:9/"), 400, "E-URL-BLOCKED"),
        (wish("https://169.254.169.254/latest/meta-data/"), 400, "E-URL-BLOCKED"),
        (wish("https://[::ffff:127.0.0.1]/"), 400, "E-URL-BLOCKED"),
        (wish("https://user:secret@hooks.example/"), 400, "E-URL-BLOCKED"),
        (wish("file:///etc/passwd"), 400, "E-URL-BLOCKED"),
        (wish("hooks.example"), 400, "E-URL"),
        (json!({ "name": "", "address": "https://hooks.example/" }), 400, "E-PARAMETER"),
        (json!({ "name": "x", "address": "https://hooks.example/", "events": ["host.exploded"] }), 400, "E-PARAMETER"),
        (json!({ "name": "x", "address": "https://hooks.example/", "channel": "pigeon" }), 400, "E-PARAMETER"),
        (json!({ "name": "x", "address": "ana@example.org", "channel": "mail" }), 409, "E-MAIL"),
        (json!({ "name": "x", "address": "https://hooks.example/", "client": "01h00000000000000000000000" }), 404, "E-NOT-FOUND"),
    ];
    for (wish, status, code) in cases {
        let (found, answer) = stage.ask("POST", "/api/v1/webhooks", Some(wish.clone()));
        assert_eq!((found, answer["code"].as_str()), (status, Some(code)), "{wish}: {answer}");
        assert!(!answer.to_string().contains("secret@"), "{answer}");
    }
    assert_eq!(stage.ask("GET", "/api/v1/webhooks", None).1, json!([]));

    // What was allowed once and is not any more is refused when it is sent.
    let receiver = Receiver::new(always("204 No Content"));
    let app = stage.app();
    let hook = stage.run(async {
        let mut change = app.store.begin(Intent::new(Actor::server(), jiff::Timestamp::now(), "webhook.add", "webhook")).await.unwrap();
        let (hook, _) = change.add_webhook(None, plimsoll_store::webhooks::Channel::Webhook, "in", &receiver.url(), vec![]).await.unwrap();
        change.commit(None).await.unwrap();
        hook.id.to_string()
    });
    stage.ask("POST", &format!("/api/v1/webhooks/{hook}/test"), None);
    stage.until("refusal", || stage.deliveries(&hook)[0]["answer"].as_str().is_some_and(|answer| answer.starts_with("E-URL-BLOCKED")));
    assert!(receiver.taken().is_empty());
}

#[test]
fn clients_hear_of_their_own_hosts_only() {
    let (all, own, other) = (Receiver::new(always("200 OK")), Receiver::new(always("200 OK")), Receiver::new(always("200 OK")));
    let stage = Stage::new(&[all.address.port(), own.address.port(), other.address.port()]);
    let (nord, havn) = (stage.client("Nordwerft"), stage.client("Havn"));
    let made = |client: Value, address: String, token: &str| stage.ask_as(token, "POST", "/api/v1/webhooks", Some(json!({ "name": "x", "address": address, "client": client })));
    let of_nord = stage.token_of(&[Grant::at(Role::Administrator, nord)]);
    let (status, everybody) = made(Value::Null, all.url(), &stage.token);
    assert_eq!((status, &everybody["webhook"]["client"]), (200, &Value::Null));
    let (status, mine) = made(Value::Null, own.url(), &of_nord);
    assert_eq!((status, &mine["webhook"]["client"]), (200, &json!(nord.to_string())), "its only client");
    assert_eq!(made(json!(havn.to_string()), own.url(), &of_nord).0, 404);
    let (status, theirs) = made(json!(havn.to_string()), other.url(), &stage.token);
    assert_eq!(status, 200, "{theirs}");
    std::thread::sleep(Duration::from_millis(600));

    // Neither list nor log nor act reaches another's.
    let (_, seen) = stage.ask_as(&of_nord, "GET", "/api/v1/webhooks", None);
    assert_eq!(seen.as_array().unwrap().len(), 1);
    for foreign in [&everybody, &theirs] {
        let id = foreign["webhook"]["id"].as_str().unwrap();
        for (method, path, body) in [
            ("GET", format!("/api/v1/webhooks/{id}/deliveries"), None),
            ("POST", format!("/api/v1/webhooks/{id}/test"), None),
            ("PATCH", format!("/api/v1/webhooks/{id}"), Some(json!({ "enabled": false }))),
            ("DELETE", format!("/api/v1/webhooks/{id}"), Some(json!({}))),
        ] {
            assert_eq!(stage.ask_as(&of_nord, method, &path, body).0, 404, "{method} {path}");
        }
    }
    // Who may only look sees no secret in an address.
    let auditor = stage.token_of(&[Grant::everywhere(Role::Auditor)]);
    let (_, looked) = stage.ask_as(&auditor, "GET", "/api/v1/webhooks", None);
    assert!(looked.to_string().contains("/…") && !looked.to_string().contains("swordfish"), "{looked}");
    assert_eq!(stage.ask_as(&auditor, "POST", "/api/v1/webhooks", Some(json!({ "name": "x", "address": "https://a.example/" }))).0, 403);
    let viewer = stage.token_of(&[Grant::everywhere(Role::Viewer)]);
    assert_eq!(stage.ask_as(&viewer, "GET", "/api/v1/webhooks", None).0, 403);

    stage.host(nord, "n1", "libpng1.6", "1.6.39-2");
    stage.host(havn, "h1", "zlib1g", "1.2.13");
    stage.advisory("png", "TEST-2026-1", "libpng1.6", "high", "1.6.39-2+deb12u4");
    stage.advisory("zlib", "TEST-2026-2", "zlib1g", "high", "1.3");
    stage.build();
    let subjects = |taken: &[Taken]| -> BTreeSet<String> {
        of_kind(taken, "plimsoll.advisory.affects").iter().map(|one| one.event()["subject"].as_str().unwrap().to_owned()).collect()
    };
    all.wait("both", |taken| subjects(taken).len() == 2);
    own.wait("its own", |taken| subjects(taken).len() == 1);
    other.wait("its own", |taken| subjects(taken).len() == 1);
    assert_eq!((subjects(&own.taken()), subjects(&other.taken())), (BTreeSet::from(["TEST-2026-1".into()]), BTreeSet::from(["TEST-2026-2".into()])));
    // Making tokens is the server's: only who gets everybody's hears of it.
    all.wait_for("plimsoll.token.changed");
    for (receiver, client) in [(&own, nord), (&other, havn)] {
        assert!(receiver.taken().iter().all(|one| one.event()["data"]["client"]["id"] == client.to_string()));
    }
}

#[test]
fn silence_flags_and_waiting_hosts_are_told() {
    let receiver = Receiver::new(always("200 OK"));
    let stage = Stage::new(&[receiver.address.port()]);
    let client = stage.first_client();
    let (_, secret) = stage.webhook(&receiver.url(), &["host.silent", "host.returned", "host.flagged", "enrolment.waiting"]);
    let app = stage.app();
    let agent = |name: &str, state| {
        let now = jiff::Timestamp::now();
        let registration = Registration {
            id: HostId::from_bits(plimsoll_store::identifier::fresh(now).unwrap()),
            number: 0,
            client,
            name: name.to_owned(),
            state,
            source: HostSource::Agent,
            labels: BTreeMap::new(),
            tier: None,
            exposure: None,
            environment: None,
            owner: None,
            public_key: Some(name.to_owned()),
            enrolled: now,
            last_seen: None,
            report: None,
            reported: None,
            flag: (state == HostState::Pending).then(|| "asked to join under the name web, which another host has".to_owned()),
        };
        stage.run(async {
            let mut change = app.store.begin(Intent::new(Actor::server(), now, "host.enrol", format!("host:{}", registration.id))).await.unwrap();
            let kept = change.insert_host(registration, &Machine::default()).await.unwrap();
            change.commit(None).await.unwrap();
            app.fleet.write().register(kept.clone(), 0);
            kept.id
        })
    };
    let hosts: Vec<HostId> = (0..3).map(|number| agent(&format!("agent-{number}"), HostState::Active)).collect();
    let seen = |at: jiff::Timestamp| {
        let seen: Vec<_> = hosts.iter().map(|id| (*id, at, 1)).collect();
        stage.run(async { app.store.note_last_seen(&seen).await.unwrap() });
        // What is stored is heard of twice a minute; this test does not wait.
        let fleet = app.fleet.read();
        hosts.iter().for_each(|id| fleet.host(*id).unwrap().presence.hear(at, 1));
    };
    seen(jiff::Timestamp::now() - jiff::SignedDuration::from_hours(1));
    let silent = receiver.wait_for("plimsoll.host.silent").event();
    assert_eq!((&silent["data"]["hosts"], &silent["data"]["text"]), (&json!(3), &json!("3 hosts went silent")));
    seen(jiff::Timestamp::now());
    assert_eq!(receiver.wait_for("plimsoll.host.returned").event()["data"]["hosts"], 3);

    agent("web", HostState::Pending);
    let waits = receiver.wait_for("plimsoll.enrolment.waiting").event();
    assert_eq!(waits["data"]["host"]["name"], "web");
    stage.run(async {
        let intent = Intent::new(Actor::server(), jiff::Timestamp::now(), "host.flag", format!("host:{}", hosts[0]));
        let mut change = app.store.begin(intent).await.unwrap();
        change.flag_host(hosts[0], Some("E-CLONE: two of it speak")).await.unwrap();
        change.commit(None).await.unwrap();
    });
    let flagged = receiver.wait_for("plimsoll.host.flagged").event();
    assert_eq!(flagged["data"]["reason"], "E-CLONE: two of it speak");
    std::thread::sleep(Duration::from_secs(1));
    let taken = receiver.taken();
    assert_eq!(taken.len(), 4, "{:?}", taken.iter().map(Taken::kind).collect::<Vec<_>>());
    sound(&taken, &secret);
}

#[test]
fn a_refused_database_is_told_and_so_is_its_end() {
    let receiver = Receiver::new(always("200 OK"));
    let stage = Stage::new(&[receiver.address.port()]);
    let (_, secret) = stage.webhook(&receiver.url(), &["source.troubled", "source.recovered"]);
    std::fs::write(stage.path().join("broken"), b"no database").unwrap();
    std::fs::rename(stage.path().join("broken"), stage.path().join("advisories.plimsolldb")).unwrap();
    let troubled = receiver.wait_for("plimsoll.source.troubled").event();
    assert_eq!((&troubled["subject"], &troubled["data"]["troubles"]), (&json!("advisory database"), &json!(["refused"])));
    stage.build();
    assert_eq!(receiver.wait_for("plimsoll.source.recovered").event()["subject"], "advisory database");
    sound(&receiver.taken(), &secret);
}

#[test]
fn secrets_stay_where_they_are() {
    let log = logged();
    let receiver = Receiver::new(always("500 Internal Server Error"));
    let stage = Stage::new(&[receiver.address.port()]);
    let (hook, secret) = stage.webhook(&receiver.url(), &["host.silent"]);
    stage.ask("POST", &format!("/api/v1/webhooks/{hook}/test"), None);
    stage.until("failure", || stage.deliveries(&hook)[0]["answer"].is_string());
    let raw = data_encoding::BASE64.decode(secret.strip_prefix("whsec_").unwrap().as_bytes()).unwrap();
    let forms = [secret.clone(), secret.strip_prefix("whsec_").unwrap().to_owned(), data_encoding::HEXLOWER.encode(&raw)];
    let mut said = String::new();
    for (method, path, body) in [
        ("GET", "/api/v1/webhooks".to_owned(), None),
        ("GET", format!("/api/v1/webhooks/{hook}/deliveries"), None),
        ("PATCH", format!("/api/v1/webhooks/{hook}"), Some(json!({ "name": "again" }))),
        ("PATCH", format!("/api/v1/webhooks/{hook}"), Some(json!({ "secret": "mine" }))),
        ("POST", format!("/api/v1/webhooks/{hook}/test"), None),
        ("GET", "/api/v1/evidence?take=1000".to_owned(), None),
        ("GET", "/metrics".to_owned(), None),
        ("GET", "/openapi.json".to_owned(), None),
    ] {
        said.push_str(&stage.ask(method, &path, body).1.to_string());
    }
    let folder = std::fs::read_dir(stage.path().join("data")).unwrap();
    let files: Vec<_> = folder.flatten().filter(|file| file.file_name().to_string_lossy().starts_with("plimsoll.db")).collect();
    assert!(!files.is_empty());
    let bytes: Vec<u8> = files.iter().flat_map(|file| std::fs::read(file.path()).unwrap()).collect();
    let log = log.lock().unwrap().clone();
    assert!(!log.is_empty(), "nothing was logged");
    let holds = |bytes: &[u8], text: &str| bytes.windows(text.len()).any(|window| window == text.as_bytes());
    for form in &forms {
        assert!(!said.contains(form.as_str()), "an answer holds a secret");
        assert!(!holds(&bytes, form), "the database holds a secret");
        assert!(!holds(&log, form), "the log holds a secret");
    }
    assert!(!bytes.windows(raw.len()).any(|window| window == raw.as_slice()));
    // Addresses carry secrets too. What libraries say to those who debug them
    // is not shown by default.
    let log = String::from_utf8_lossy(&log).into_owned();
    let shown = log.lines().find(|line| line.contains("swordfish") && !line.contains(" DEBUG ") && !line.contains(" TRACE "));
    assert_eq!(shown, None, "the log holds an address");
}

/// A new secret is shown once and signs beside the old one; with the next, the
/// first is gone.
#[test]
fn a_new_secret_signs_beside_the_old_one() {
    let receiver = Receiver::new(always("204 No Content"));
    let stage = Stage::new(&[receiver.address.port()]);
    let (id, first) = stage.webhook(&receiver.url(), &[]);
    let renew = || {
        let (status, made) = stage.ask("POST", &format!("/api/v1/webhooks/{id}/secret"), Some(json!({ "reason": "once a year" })));
        assert_eq!(status, 200, "{made}");
        assert!(made["webhook"]["old_secret_until"].is_string(), "{made}");
        made["secret"].as_str().unwrap().to_owned()
    };
    let test = |count: usize| {
        stage.ask("POST", &format!("/api/v1/webhooks/{id}/test"), None);
        let taken = receiver.wait("a test", |taken| of_kind(taken, "plimsoll.test").len() >= count);
        of_kind(&taken, "plimsoll.test").last().map(|one| (*one).clone()).unwrap()
    };
    let signs = |one: &Taken, secrets: [&str; 3]| secrets.map(|secret| one.verify(secret));
    let second = renew();
    let none = "whsec_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=";
    assert_eq!(signs(&test(1), [&first, &second, none]), [true, true, false]);
    let third = renew();
    assert_eq!(signs(&test(2), [&first, &second, &third]), [false, true, true]);
    let (_, listed) = stage.ask("GET", "/api/v1/webhooks", None);
    let text = listed.to_string();
    assert!(![&first, &second, &third].iter().any(|secret| text.contains(secret.as_str())), "no list shows a secret");
    let mail = stage.ask("POST", "/api/v1/webhooks/nobody/secret", Some(json!({})));
    assert_eq!(mail.0, 404, "{mail:?}");
}
