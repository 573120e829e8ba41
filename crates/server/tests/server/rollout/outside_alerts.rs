//! Gates on outside alerts, over the real sockets: a server that speaks the
//! forms of Prometheus and Alertmanager.

use super::*;
use plimsoll_server::identity::oidc::ClientSecret;
use plimsoll_server::outside_alerts::{Credentials, Kind, Settings, Source};
use plimsoll_server::outward::Allowed;
use std::io::{BufRead, BufReader, Write};
use std::net::TcpListener;
use std::sync::{Arc, Mutex};

/// What the monitoring says at present.
#[derive(Clone, Copy, PartialEq)]
enum Mood {
    Quiet,
    Fires,
    Broken,
}

type Heads = Arc<Mutex<Vec<String>>>;

/// Answers until the test ends; keeps the heads of what it was asked.
fn monitoring() -> (u16, Arc<Mutex<Mood>>, Heads) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let (port, mood, heads) = (listener.local_addr().unwrap().port(), Arc::new(Mutex::new(Mood::Quiet)), Arc::new(Mutex::new(Vec::new())));
    let (says, heard) = (Arc::clone(&mood), Arc::clone(&heads));
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            let mut head = String::new();
            let mut reader = BufReader::new(stream.try_clone().unwrap());
            while !head.ends_with("\r\n\r\n") && reader.read_line(&mut head).is_ok_and(|count| count > 0) {}
            let mood = *says.lock().unwrap();
            let fires = mood == Mood::Fires;
            let body = if head.starts_with("GET /base/api/v1/query?query=") {
                let series = if fires { r#"{"metric":{"job":"shop"},"value":[NOW,"3"]}"# } else { "" };
                format!(r#"{{"status":"success","data":{{"resultType":"vector","result":[{}]}}}}"#, series.replace("NOW", &jiff::Timestamp::now().as_second().to_string()))
            } else if head.starts_with("GET /base/api/v1/alerts ") {
                let state = if fires { "firing" } else { "pending" };
                format!(r#"{{"status":"success","data":{{"alerts":[{{"activeAt":"2026-07-04T20:27:12.60602144+02:00","annotations":{{}},"labels":{{"alertname":"CheckoutErrors","severity":"page"}},"state":"{state}","value":"1e+00"}}]}}}}"#)
            } else {
                let state = if fires { "active" } else { "suppressed" };
                format!(r#"[{{"annotations":{{}},"endsAt":"2027-01-01T00:00:00.000Z","fingerprint":"02c0ea8e4a4cd3a0","receivers":[{{"name":"web"}}],"startsAt":"2026-07-04T18:27:12.000Z","status":{{"inhibitedBy":[],"silencedBy":[],"state":"{state}"}},"updatedAt":"2026-07-04T18:27:12.000Z","labels":{{"alertname":"CheckoutErrors","severity":"page"}}}}]"#)
            };
            heard.lock().unwrap().push(head);
            let answer = match mood {
                Mood::Broken => "HTTP/1.1 500 Internal Server Error\r\nContent-Length: 0\r\nConnection: close\r\n\r\n".to_owned(),
                _ => format!("HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{body}", body.len()),
            };
            let _ = stream.write_all(answer.as_bytes());
        }
    });
    (port, mood, heads)
}

fn settings(port: u16, allowed: bool) -> Settings {
    let source = |name: &str, kind, credentials| Source { name: name.to_owned(), kind, url: format!("http://127.0.0.1:{port}/base/"), credentials };
    Settings {
        allowed: Allowed { inward: allowed.then(|| ("127.0.0.1".to_owned(), port)).into_iter().collect(), ..Allowed::default() },
        sources: vec![
            source("prometheus", Kind::Prometheus, Credentials::Token(ClientSecret::new("hunter2".to_owned()))),
            source("pager", Kind::Alertmanager, Credentials::Password("plimsoll".to_owned(), ClientSecret::new("hunter3".to_owned()))),
        ],
        every: jiff::SignedDuration::from_millis(300),
    }
}

fn policy(alerts: &str) -> String {
    let soak = "[[ring]]\nid = \"canary\"";
    assert!(POLICY.contains(soak), "{POLICY}");
    POLICY.replace(soak, &format!("{soak}\nalerts = [{alerts}]"))
}

fn govern(scene: &Scene<'_>, alerts: &str) {
    let wish = json!({ "text": policy(alerts), "reason": "gates", "accept_longer": true });
    let (status, said) = scene.stage.ask("PUT", "/api/v1/policy/file", Some(wish));
    assert_eq!(status, 200, "{said}");
}

#[test]
fn an_alert_that_fires_keeps_everybody_from_beginning_until_it_is_quiet() {
    for (alerts, asked, proof) in [
        ("{ source = \"prometheus\", query = \"rate(errors[5m]) > 0.1\" }", "GET /base/api/v1/query?query=rate%28errors%5B5m%5D%29+%3E+0.1 HTTP/1.1", "Bearer hunter2"),
        ("{ source = \"prometheus\", labels = { severity = [\"page\"] } }", "GET /base/api/v1/alerts HTTP/1.1", "Bearer hunter2"),
        ("{ source = \"pager\", labels = { severity = \"page\" } }", "GET /base/api/v2/alerts HTTP/1.1", "Basic cGxpbXNvbGw6aHVudGVyMw=="),
    ] {
        let (port, mood, heads) = monitoring();
        *mood.lock().unwrap() = Mood::Fires;
        let mut stage = Stage::new(&[]);
        stage.outside = settings(port, true);
        let mut scene = Scene::new(&mut stage, 2);
        govern(&scene, alerts);
        let digest = scene.accepted(json!({}));
        assert_eq!(scene.start(&digest).0, 200);
        scene.until("a firing alert", |scene| scene.rollout(&digest)["rings"][0]["hosts"]["outside"][0]["sign"] == "firing");
        scene.settle(5);
        let shown = scene.rollout(&digest);
        assert_eq!((scene.effects(), &shown["rollout"]["gate"]), (0, &json!("waiting")), "{shown}");
        assert!(shown["rollout"]["reasons"].to_string().contains(" fires: "), "{shown}");
        let heads = heads.lock().unwrap().clone();
        assert!(heads.iter().all(|head| head.starts_with(asked) && head.contains(proof)), "{heads:?}");
        *mood.lock().unwrap() = Mood::Quiet;
        scene.until("the rollout's end", |scene| scene.rollout(&digest)["rollout"]["state"] == "done");
        assert_eq!(scene.effects(), 2);
        // Decision and record name what was heard; nobody's word names a secret.
        let record = |scene: &Scene<'_>| scene.stage.ask("GET", &format!("/api/v1/rollouts/{digest}/record"), None).1;
        scene.until("a record", |scene| record(scene)["state"] == "done");
        let record = record(&scene);
        let signs: Vec<&Value> = record["gates"].as_array().unwrap().iter().map(|gate| &gate["rings"][0]["outside"][0]["sign"]).collect();
        assert!(signs.first() == Some(&&json!("firing")) && signs.contains(&&json!("quiet")), "{record}");
        assert!(!record.to_string().contains("hunter") && !shown.to_string().contains("hunter"));
    }
}

#[test]
fn who_does_not_answer_or_may_not_be_asked_is_not_quiet() {
    let (port, mood, _) = monitoring();
    *mood.lock().unwrap() = Mood::Broken;
    let mut stage = Stage::new(&[]);
    stage.outside = settings(port, true);
    let mut scene = Scene::new(&mut stage, 2);
    for (alerts, said) in [
        ("{ source = \"prometheus\", query = \"up == 0\" }", "prometheus answers with status 500"),
        ("{ source = \"nobody\", query = \"up == 0\" }", "the server's settings name no source nobody"),
        ("{ source = \"pager\", query = \"up == 0\" }", "pager is an Alertmanager, which answers no query"),
    ] {
        govern(&scene, alerts);
        let digest = scene.accepted(json!({}));
        assert_eq!(scene.start(&digest).0, 200);
        scene.until("a reason", |scene| scene.rollout(&digest)["rollout"]["reasons"].to_string().contains(said));
        scene.settle(5);
        let shown = scene.rollout(&digest);
        assert_eq!((scene.effects(), &shown["rings"][0]["hosts"]["outside"][0]["sign"]), (0, &json!("unknown")), "{shown}");
        assert_eq!(scene.act(&digest, "abort", json!({ "reason": "next" })).0, 200);
    }
    // An inward address that the owner did not allow stops the start itself.
    let refused = plimsoll_server::outside_alerts::OutsideAlerts::new(settings(port, false)).err().unwrap();
    assert!(refused.code == "E-SETTINGS" && !refused.text.contains("hunter"), "{refused:?}");
}
