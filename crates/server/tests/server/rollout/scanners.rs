//! A rollout under a policy that asks for a second source: nothing is
//! confirmed before an outside scanner has looked, and one that sees something
//! else opens it again.

use super::{NEW, OLD, POLICY, Scene};
use crate::stage::Stage;
use jiff::{SignedDuration, Timestamp};
use plimsoll_server::identity::role::{Grant, Role};
use serde_json::{Value, json};

fn trivy(moment: Timestamp, version: &str) -> Value {
    json!({
        "SchemaVersion": 2, "Trivy": { "Version": "0.74.0" }, "CreatedAt": moment.to_string(), "ArtifactName": "/",
        "Results": [{ "Class": "os-pkgs", "Type": "debian", "Packages": [{ "Name": "openssl", "Version": version }], "Vulnerabilities": [] }],
    })
}

#[test]
fn nothing_is_confirmed_before_agent_and_scanner_see_the_same() {
    Stage::each(&[], |stage| {
        let mut scene = Scene::new(stage, 4);
        let verify = "[verify]\nmax_evidence_age = \"P7D\"\nout_of_band = { scanner = true, within = \"P7D\", disagree = \"reopen\" }\n";
        let (status, said) = scene.stage.ask("PUT", "/api/v1/policy/file", Some(json!({ "text": format!("{POLICY}{verify}"), "reason": "a second pair of eyes", "accept_longer": true })));
        assert_eq!(status, 200, "{said}");
        let digest = scene.accepted(json!({}));
        assert_eq!(scene.start(&digest).0, 200);
        scene.until("the rollout's end", |scene| scene.rollout(&digest)["rollout"]["state"] == "done");
        scene.until("every host heard", |scene| scene.rollout(&digest)["confirmed"] == json!({ "unknown": 4 }));
        let row = |scene: &Scene, host: &str| {
            let (_, hosts) = scene.stage.ask("GET", &format!("/api/v1/rollouts/{digest}/hosts?take=1000"), None);
            hosts["rows"].as_array().unwrap().iter().find(|row| row["host"] == host).cloned().unwrap()
        };
        let ids: Vec<String> = scene.agents.iter().map(|agent| agent.id.clone()).collect();
        scene.until("a scanner missed", |scene| row(scene, &ids[0])["scanner"] == "missing");
        assert_eq!(row(&scene, &ids[0])["confirmed_because"][0], "no outside scanner has looked at the host");

        let bring = |scene: &Scene, host: &str, result: Value| scene.stage.ask("POST", &format!("/api/v1/hosts/{host}/scanner-results"), Some(result));
        let now = Timestamp::now();
        let early = now - SignedDuration::from_hours(3);
        for (host, moment, version) in [(&ids[0], now, NEW), (&ids[1], now, OLD), (&ids[2], early, NEW)] {
            let (status, said) = bring(&scene, host, trivy(moment, version));
            assert_eq!((status, &said["scanner"], &said["version"]), (200, &json!("trivy"), &json!("0.74.0")), "{said}");
        }
        scene.until("three words", |scene| scene.rollout(&digest)["confirmed"] == json!({ "installed": 1, "disputed": 1, "unknown": 2 }));
        let words: Vec<Value> = ids.iter().map(|id| row(&scene, id)["scanner"].clone()).collect();
        assert_eq!(json!(words), json!(["agrees", "disagrees", "too-old", "missing"]));
        let because = row(&scene, &ids[1])["confirmed_because"][0].as_str().unwrap().to_owned();
        assert!(because.ends_with(&format!("saw openssl {OLD}, the host reports {NEW}")), "{because}");
        let (_, alerts) = scene.stage.ask("GET", "/api/v1/alerts", None);
        let told: Vec<&str> = alerts.as_array().unwrap().iter().filter(|alert| alert["kind"] == "E-SCANNER").map(|alert| alert["text"].as_str().unwrap()).collect();
        assert!(told.len() == 1 && told[0].contains("host01") && told[0].contains(&because), "{alerts}");

        // The record says so, and counts the host as not confirmed.
        let record = |scene: &Scene| scene.stage.ask("GET", &format!("/api/v1/rollouts/{digest}/record?format=json"), None).1;
        scene.until("the log to hold it", |scene| record(scene)["totals"]["confirmed"] == 1);
        let record = record(&scene);
        let seconds: Vec<&Value> = record["hosts"].as_array().unwrap().iter().map(|host| &host["second"]).collect();
        assert_eq!(seconds.iter().filter(|second| ***second == json!("agrees")).count(), 1, "{seconds:?}");

        // The scanner looks again, and others look for the first time.
        let later = Timestamp::now();
        for host in &ids[1..] {
            assert_eq!(bring(&scene, host, trivy(later, NEW)).0, 200);
        }
        scene.until("all of one mind", |scene| scene.rollout(&digest)["confirmed"] == json!({ "installed": 4 }));
        let (status, said) = bring(&scene, &ids[1], trivy(later, NEW));
        assert_eq!((status, said["code"].as_str()), (409, Some("E-STATE")), "the same file: {said}");
        // One that is older than what is known already changes nothing.
        assert_eq!(bring(&scene, &ids[1], trivy(later - SignedDuration::from_secs(1), OLD)).0, 200);
        scene.settle(5);
        assert_eq!(scene.rollout(&digest)["confirmed"], json!({ "installed": 4 }));

        // Whoever may not see the client brings and sees nothing.
        let foreign = scene.stage.client("Other");
        let stranger = scene.stage.token_of(&[Grant::at(Role::Operator, foreign)]);
        let path = format!("/api/v1/hosts/{}/scanner-results", ids[0]);
        assert_eq!(scene.stage.ask_as(&stranger, "POST", &path, Some(trivy(later, OLD))).0, 404);
        assert_eq!(scene.stage.ask_as(&stranger, "GET", "/api/v1/scanner-results", None).1, json!({ "rows": [], "total": 0 }));
        assert_eq!(scene.stage.ask_as(&stranger, "GET", &format!("/api/v1/scanner-results?host={}", ids[0]), None).0, 404);
        let viewer = scene.stage.token_of(&[Grant::everywhere(Role::Viewer)]);
        assert_eq!(scene.stage.ask_as(&viewer, "POST", &path, Some(trivy(later, OLD))).0, 403);
        let (_, all) = scene.stage.ask_as(&viewer, "GET", &format!("/api/v1/scanner-results?host={}", ids[1]), None);
        assert_eq!(all["total"], 3, "none is deleted: {all}");
    });
}
