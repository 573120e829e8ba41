//! Tickets and looks by hand against a whole server.

use crate::exceptions::tests::{ground, refused};
use crate::forensics::tests::rollout;
use crate::phases::deploy::holds;
use jiff::Timestamp;
use plimsoll_core::model::identifier::HostId;
use serde_json::{Value, json};

const RULES: &str = "[test]\npost_deploy = { ticket_limit = 2 }\n[verify]\nsample_pct = 50\n";

#[tokio::test(flavor = "multi_thread")]
async fn tickets_stop_a_change_and_its_sample_is_looked_at_by_hand() {
    let mut ground = ground(&["web"]).await;
    let text = ground.trial.get(&ground.owner, "/api/v1/policy/file").await.json()["text"].as_str().unwrap().to_owned();
    let set = ground.trial.send(&ground.owner, "PUT", "/api/v1/policy/file", &json!({ "text": format!("{text}\n{RULES}"), "reason": "look" })).await;
    assert_eq!(set.status.as_u16(), 200, "{set:?}");
    let place = format!("{}|", ground.home);
    let mut olga = ground.trial.person(&mut ground.owner, "olga", "operator", &place).await;
    let id: HostId = ground.web.parse().unwrap();
    let digest = rollout(&ground, id, Timestamp::now()).await;
    let (trial, app) = (&ground.trial, ground.trial.app());
    let api = format!("/api/v1/rollouts/{digest}");
    let stops = || holds(app, &digest).into_iter().any(|hold| hold.contains("test.post_deploy.ticket_limit"));
    let send = |what: &str, wish: Value| {
        let (olga, path) = (olga.clone(), format!("{api}/{what}"));
        async move { trial.send(&olga, "POST", &path, &wish).await }
    };

    // One ticket is below the limit, the same one again is still one.
    send("tickets", json!({ "ticket": "HELP-1", "note": "slow" })).await;
    send("tickets", json!({ "ticket": "HELP-1", "note": "very slow" })).await;
    assert!(!stops());
    let shown = send("tickets", json!({ "ticket": "HELP-2", "note": "no pictures" })).await.json();
    assert!(stops());
    assert_eq!((shown["tickets"].as_array().map(Vec::len), &shown["ticket_limit"], &shown["tickets"][0]["note"]), (Some(2), &json!(2), &json!("very slow")));
    let page = format!("/console/rollouts/{digest}");
    let taken_back = trial.post(&mut olga, &format!("{page}/tickets"), &[("ticket", "HELP-2"), ("caused", "no"), ("note", "another cause")]).await;
    assert_eq!(taken_back.location, page, "{taken_back:?}");
    assert!(!stops(), "a ticket that is taken back counts no more");
    assert_eq!(refused(&trial.send(&olga, "POST", &format!("{api}/tickets"), &json!({ "ticket": " ", "note": "x" })).await).0, 400);

    // Half of one host is one; nobody else's host can be looked at.
    assert_eq!((&shown["sample"][0]["host"], &shown["sample"][0]["held"]), (&json!(ground.web), &Value::Null));
    let other = trial.send(&olga, "POST", &format!("{api}/looks"), &json!({ "host": ground.river, "held": true, "note": "x" })).await;
    assert_eq!(refused(&other).1, "E-SAMPLE");
    let looked = trial.post(&mut olga, &format!("{page}/looks"), &[("host", ground.web.as_str()), ("held", "no"), ("note", "the old library is mapped")]).await;
    assert_eq!(looked.location, page, "{looked:?}");
    let shown = trial.get(&olga, &api).await.json();
    assert_eq!((&shown["sample"][0]["held"], &shown["sample"][0]["by"]), (&json!(false), &json!("olga")));
    assert!(trial.get(&olga, &page).await.body.contains("the old library is mapped"));
    let again = trial.send(&olga, "POST", &format!("{api}/looks"), &json!({ "host": ground.web, "held": true, "note": "after a restart" })).await.json();
    assert_eq!(again["sample"][0]["held"], json!(true), "the newest look counts");
    // What a server reads anew is the same.
    app.rollouts.write().clear();
    crate::rollouts::refresh(app).await.unwrap();
    let live = app.rollouts.read();
    let looks = &live.get(&digest).unwrap().looks;
    assert_eq!((looks.caused(), looks.at(id).map(|look| look.held)), (vec!["HELP-1"], Some(true)));
}
