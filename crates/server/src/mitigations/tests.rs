//! The whole life of a mitigation against a whole server: applied, seen to
//! work, missed, replaced by the patch, removed.

use crate::exceptions::tests::{days, finding, ground, host, id, refused};
use crate::mitigations::{LOOK, REMOVE, tell};
use jiff::Timestamp;
use serde_json::{Value, json};

const API: &str = "/api/v1/mitigations";

#[tokio::test(flavor = "multi_thread")]
async fn a_mitigation_is_applied_seen_to_work_and_removed_when_the_patch_is_there() {
    let mut ground = ground(&["web", "db"]).await;
    let place = format!("{}|", ground.home);
    let olga = ground.trial.person(&mut ground.owner, "olga", "operator", &place).await;
    let river = ground.trial.get(&ground.owner, &format!("/api/v1/hosts/{}", ground.river)).await.json()["row"]["client"].as_str().unwrap().to_owned();
    let rita = ground.trial.person(&mut ground.owner, "rita", "operator", &format!("{river}|")).await;
    let (trial, app, now) = (&ground.trial, ground.trial.app(), Timestamp::now());
    let before = finding(trial, &olga, &ground.web).await;

    let wish = json!({
        "measure": "filter", "advisories": ["TEST-2026-1"], "all_hosts": true, "owner": "Ada",
        "done": "the port is closed", "verify": "a scan from outside finds it closed", "check": "port-closed",
    });
    let with = |field: &str, value: Value| {
        let mut wish = wish.clone();
        wish[field] = value;
        wish
    };
    let add = |wish: Value| {
        let olga = &olga;
        async move { trial.send(olga, "POST", API, &wish).await }
    };
    assert_eq!(refused(&add(with("measure", json!("prayer"))).await).1, "E-PARAMETER");
    assert_eq!(refused(&add(with("advisories", json!(["TEST-2026-9"]))).await).1, "E-MITIGATION-NOTHING");
    assert_eq!(refused(&add(with("owner", json!(""))).await).1, "E-TEXT", "somebody answers for it");
    assert_eq!(refused(&add(with("client", json!(river))).await).0, 404);

    // It is on the client's own hosts, and no finding closes for it.
    let made = add(wish.clone()).await;
    let answer = made.json();
    assert_eq!((&answer["state"], answer["hosts"].as_array().map(Vec::len), &answer["to_remove"]), (&json!("unverified"), Some(2), &json!(0)));
    assert_eq!(finding(trial, &olga, &ground.web).await, before);
    let one = format!("{API}/{}", id(&made));

    // Seen to work, until a moment; missed, it is told once.
    let late = json!({ "until": (now + days(60)).to_string() });
    let (status, code, detail) = refused(&trial.send(&olga, "POST", &format!("{one}/verify"), &late).await);
    assert!((status, code.as_str()) == (409, "E-MITIGATION-CHECK") && detail.contains("possible is"), "{detail}");
    let seen = trial.send(&olga, "POST", &format!("{one}/verify"), &json!({ "note": "closed" })).await.json();
    assert_eq!((&seen["state"], &seen["verified_by"], &seen["verified_note"]), (&json!("verified"), &json!("olga"), &json!("closed")));
    let alerts = || async { trial.get(&olga, "/api/v1/alerts").await.json() };
    tell(app, now).await.unwrap();
    assert_eq!(alerts().await, json!([]));
    tell(app, now + days(31)).await.unwrap();
    tell(app, now + days(31)).await.unwrap();
    let told = alerts().await;
    assert_eq!((told.as_array().unwrap().len(), &told[0]["kind"], &told[0]["times"]), (1, &json!(LOOK), &json!(1)));
    assert!(told[0]["text"].as_str().unwrap().contains("not seen to work in time"), "{told}");

    // The patch is there: it is to be removed until somebody says so.
    trial.send(&ground.owner, "POST", "/api/v1/hosts", &host(ground.home, "web", "2")).await;
    let shown = trial.get(&olga, &one).await.json();
    assert_eq!((&shown["state"], &shown["to_remove"]), (&json!("to-remove"), &json!(1)));
    tell(app, now).await.unwrap();
    assert!(alerts().await[0]["text"].as_str().unwrap().contains("is to be removed"));
    assert_eq!(trial.get(&olga, &format!("{API}?standing=to-remove&host={}", ground.web)).await.json()["total"], 1);
    let page = trial.get(&olga, "/console/mitigations").await.body;
    assert!(page.contains("to be removed") && page.contains("TEST-2026-1"), "{page}");
    let part = trial.send(&olga, "POST", &format!("{one}/remove"), &json!({ "hosts": [ground.web], "reason": "patched" })).await.json();
    assert_eq!((&part["state"], &part["to_remove"]), (&json!("verified"), &json!(0)));
    let mut olga = olga.clone();
    let path = format!("/console/mitigations/{}", id(&made));
    let done = trial.post(&mut olga, &format!("{path}/remove"), &[("hosts", ""), ("reason", "the whole service is gone")]).await;
    assert_eq!(done.location, "/console/mitigations", "{done:?}");
    let gone = trial.get(&olga, &one).await.json();
    assert_eq!((&gone["state"], &gone["hosts"][0]["removed_by"]), (&json!("removed"), &json!("olga")));
    assert_eq!(refused(&trial.send(&olga, "POST", &format!("{one}/verify"), &json!({})).await).1, "E-STATE");

    // Another client sees nothing of it.
    assert_eq!(trial.get(&rita, API).await.json(), json!({ "rows": [], "total": 0 }));
    for (path, body) in [("/verify", json!({})), ("/remove", json!({ "reason": "x" }))] {
        assert_eq!(refused(&trial.send(&rita, "POST", &format!("{one}{path}"), &body).await).0, 404);
    }
    assert_eq!(trial.get(&rita, &one).await.status, axum::http::StatusCode::NOT_FOUND);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_policy_says_which_measures_and_how_often() {
    let ground = ground(&["web"]).await;
    let (trial, owner) = (&ground.trial, &ground.owner);
    let text = trial.get(owner, "/api/v1/policy/file").await.json()["text"].as_str().unwrap().to_owned();
    let rules = "[mitigation]\nowner = \"Ingrid\"\nmeasures = [\"isolate\"]\nverify_within = \"PT24H\"\nreview_every = \"P2D\"\nmax_life = \"P90D\"\n";
    let set = trial.send(owner, "PUT", "/api/v1/policy/file", &json!({ "text": format!("{text}\n{rules}"), "reason": "x" })).await;
    assert_eq!(set.status, axum::http::StatusCode::OK, "{set:?}");
    let wish = json!({ "client": ground.home, "advisories": ["TEST-2026-1"], "hosts": [ground.web], "done": "cut off", "verify": "it answers no more" });
    let with = |measure: &str| {
        let mut wish = wish.clone();
        wish["measure"] = measure.into();
        wish
    };
    let (_, code, detail) = refused(&trial.send(owner, "POST", API, &with("monitoring")).await);
    assert!(code == "E-MITIGATION-MEASURE" && detail.contains("allowed are isolate"), "{detail}");
    let made = trial.send(owner, "POST", API, &with("isolate")).await.json();
    let moment = |value: &Value| value.as_str().unwrap().parse::<Timestamp>().unwrap();
    assert_eq!((&made["owner"], moment(&made["next_check"])), (&json!("Ingrid"), moment(&made["applied"]) + days(1)));
    assert!(moment(&made["ends"]) > moment(&made["applied"]) + days(89));
    let long = json!({ "until": (Timestamp::now() + days(9)).to_string() });
    let said = trial.send(owner, "POST", &format!("{API}/{}/verify", made["id"].as_str().unwrap()), &long).await;
    assert_eq!(refused(&said).1, "E-MITIGATION-CHECK");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_patch_replaced_is_to_be_removed_within_the_policys_time() {
    let ground = ground(&["web", "db"]).await;
    let (trial, owner, app) = (&ground.trial, &ground.owner, ground.trial.app());
    let text = trial.get(owner, "/api/v1/policy/file").await.json()["text"].as_str().unwrap().to_owned();
    let wish = json!({ "text": format!("{text}\n[mitigation]\nremove_within = \"P3D\"\n"), "reason": "x" });
    assert_eq!(trial.send(owner, "PUT", "/api/v1/policy/file", &wish).await.status, axum::http::StatusCode::OK);
    let wish = json!({
        "client": ground.home, "measure": "filter", "advisories": ["TEST-2026-1"], "all_hosts": true, "owner": "Ada", "done": "the port is closed", "verify": "a scan",
    });
    let one = format!("{API}/{}", id(&trial.send(owner, "POST", API, &wish).await));
    assert_eq!(trial.get(owner, &one).await.json()["remove_by"], Value::Null, "nothing replaced it");
    trial.send(owner, "POST", "/api/v1/hosts", &host(ground.home, "web", "2")).await;
    let mut due = Value::Null;
    // The journal is written a moment after the host is judged.
    for _ in 0..100 {
        due = trial.get(owner, &one).await.json()["remove_by"].clone();
        if due != Value::Null {
            break;
        }
        tokio::time::sleep(std::time::Duration::from_millis(100)).await;
    }
    let due: Timestamp = due.as_str().expect("a day of removal").parse().unwrap();
    let now = Timestamp::now();
    assert!(now + days(3) <= due && due < now + days(4), "the end of the third day: {due}");
    let kinds = || async {
        let all = trial.get(owner, "/api/v1/alerts").await.json();
        all.as_array().unwrap().iter().filter(|alert| alert["kind"] == REMOVE).count()
    };
    tell(app, now).await.unwrap();
    assert_eq!(kinds().await, 0);
    for _ in 0..2 {
        tell(app, due + days(1)).await.unwrap();
    }
    assert_eq!(kinds().await, 1, "told once");
    trial.send(owner, "POST", &format!("{one}/remove"), &json!({ "hosts": [ground.web], "reason": "patched" })).await;
    assert_eq!((kinds().await, &trial.get(owner, &one).await.json()["remove_by"]), (0, &Value::Null));
}
