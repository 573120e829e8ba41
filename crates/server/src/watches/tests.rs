//! What somebody was to look at, against a whole server; and whose work a phase
//! is.

use super::{AHEAD, LACKING, MISSED, UNSEEN, tell};
use crate::exceptions::tests::{days, ground, refused};
use jiff::Timestamp;
use serde_json::{Value, json};

const RULES: &str = r#"
[people]
watch = { members = ["olga"] }
olga = {}
ship = { members = ["sven"] }
sven = {}
[roles]
monitor = "watch"
package = "ship"
deploy = "ship"
[monitor]
discovery_every = "P14D"
scan_every = { open = "P1D", controlled = "P7D" }
watch = [{ sources = ["kev"], by = "watch", product = "the perimeter", every = "P2D" }]
"#;

#[tokio::test(flavor = "multi_thread")]
async fn whoever_watches_looks_in_time_or_an_alert_says_so() {
    let mut ground = ground(&["web"]).await;
    let text = ground.trial.get(&ground.owner, "/api/v1/policy/file").await.json()["text"].as_str().unwrap().to_owned();
    let set = ground.trial.send(&ground.owner, "PUT", "/api/v1/policy/file", &json!({ "text": format!("{text}\n{RULES}"), "reason": "watch" })).await;
    assert_eq!(set.status.as_u16(), 200, "{set:?}");
    let file = ground.trial.get(&ground.owner, "/api/v1/policy/file").await.json();
    assert!(!file.to_string().contains("monitor.watch"), "it has effect: {file}");
    let mut olga = ground.trial.person(&mut ground.owner, "olga", "operator", "|").await;
    let sven = ground.trial.person(&mut ground.owner, "sven", "operator", "|").await;
    let (trial, app, now) = (&ground.trial, ground.trial.app(), Timestamp::now());
    let kinds = || async {
        let alerts = trial.get(&sven, "/api/v1/alerts").await.json();
        let mine = alerts.as_array().unwrap().iter().filter(|alert| alert["kind"] != LACKING);
        let mut kinds: Vec<(String, u64)> = mine.map(|alert| (alert["kind"].as_str().unwrap().to_owned(), alert["times"].as_u64().unwrap())).collect();
        kinds.sort();
        kinds
    };
    let listed = trial.get(&olga, "/api/v1/sources/watches").await.json();
    let subjects: Vec<&str> = listed.as_array().unwrap().iter().map(|row| row["subject"].as_str().unwrap()).collect();
    assert_eq!(subjects, ["sources: kev for the perimeter", "discovery"]);

    // From the day on which the policy came into force.
    tell(app, now + days(1)).await.unwrap();
    assert_eq!(kinds().await, []);
    tell(app, now + days(4)).await.unwrap();
    tell(app, now + days(4)).await.unwrap();
    let late = kinds().await;
    assert!(late.contains(&(MISSED.to_owned(), 1)), "{late:?}");
    assert_eq!(late.iter().filter(|(kind, _)| kind == UNSEEN).count(), 2, "hosts of both clients are open and a day old: {late:?}");
    tell(app, now).await.unwrap();
    assert_eq!(kinds().await.iter().filter(|(kind, _)| kind == UNSEEN).count(), 0, "told no longer once they were looked at");

    // Only whom the policy names looks; then the clock begins anew.
    let look = |who: &crate::trial::Asker, subject: &str| {
        let (who, wish) = (who.clone(), json!({ "subject": subject, "note": "nothing for us" }));
        async move { trial.send(&who, "POST", "/api/v1/sources/looks", &wish).await }
    };
    for subject in subjects.iter().copied() {
        let (status, code, detail) = refused(&look(&sven, subject).await);
        assert!((status, code.as_str()) == (403, "E-ROLE") && detail.contains("watch"), "{detail}");
    }
    assert_eq!(refused(&look(&olga, "sources: epss").await).0, 404);
    let after = look(&olga, subjects[0]).await.json();
    assert_eq!((&after[0]["last_by"], &after[0]["note"], &after[0]["late"]), (&json!("olga"), &json!("nothing for us"), &json!(false)));
    assert!(!kinds().await.iter().any(|(kind, _)| kind == MISSED), "somebody looked");
    let page = trial.get(&olga, "/console/sources").await.body;
    assert!(page.contains("kev for the perimeter") && page.contains("nothing for us"), "{page}");
    let seen = trial.post(&mut olga, "/console/sources/looks", &[("subject", "discovery"), ("note", "a printer, ours")]).await;
    assert_eq!(seen.location, "/console/sources", "{seen:?}");

    // Drafting is the work of others, whatever olga's role of the server is.
    let draft = json!({ "client": ground.home, "name": "libpng", "title": "libpng", "updates": "everything" });
    let (status, code, detail) = refused(&trial.send(&olga, "POST", "/api/v1/deployment-packages", &draft).await);
    assert!((status, code.as_str()) == (403, "E-ROLE") && detail.contains("roles.package"), "{detail}");
    let said: Value = trial.send(&sven, "POST", "/api/v1/deployment-packages", &draft).await.json();
    assert_eq!(said["code"], "E-HOSTS", "sven may, and there is nothing to pack: {said}");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_database_lacks_and_which_day_comes_near_is_told_once() {
    let ground = ground(&["web"]).await;
    let text = ground.trial.get(&ground.owner, "/api/v1/policy/file").await.json()["text"].as_str().unwrap().to_owned();
    let rules = "[monitor]\nsources = [\"advisories\", \"kev\"]\n[cycle]\nrule = \"FREQ=MONTHLY;BYDAY=2TH\"\nlead_notice = \"P3D\"\n";
    let set = ground.trial.send(&ground.owner, "PUT", "/api/v1/policy/file", &json!({ "text": format!("{text}\n{rules}"), "reason": "told" })).await;
    assert_eq!(set.status.as_u16(), 200, "{set:?}");
    let app = ground.trial.app();
    let open = || async {
        let alerts = app.store.open_alerts(&plimsoll_store::Scope::All, 100).await.unwrap();
        let mine = alerts.into_iter().filter(|alert| [AHEAD, LACKING].contains(&alert.kind.as_str()));
        mine.map(|alert| (alert.kind, alert.text, alert.id)).collect::<std::collections::BTreeSet<_>>()
    };
    let at = |text: &str| text.parse::<Timestamp>().unwrap();
    tell(app, at("2026-12-01T12:00:00Z")).await.unwrap();
    let told: Vec<(String, String, String)> = open().await.into_iter().collect();
    assert!(told.len() == 1 && told[0].0 == LACKING && told[0].1.ends_with("does not hold: kev."), "{told:?}");
    tell(app, at("2026-12-08T12:00:00Z")).await.unwrap();
    tell(app, at("2026-12-08T12:01:00Z")).await.unwrap();
    let told = open().await;
    let ahead = told.iter().find(|(kind, ..)| kind == AHEAD).unwrap();
    assert!(told.len() == 2 && ahead.1.contains("2026-12-10"), "{told:?}");
    // Somebody saw it: it is not said again, and the next month has its own.
    let mut change = app.store.begin(plimsoll_store::Intent::new(plimsoll_store::Actor::server(), at("2026-12-09T12:00:00Z"), "alert.close", "alert")).await.unwrap();
    change.close_alert(&ahead.2).await.unwrap();
    change.commit(None).await.unwrap();
    tell(app, at("2026-12-09T13:00:00Z")).await.unwrap();
    tell(app, at("2026-12-20T13:00:00Z")).await.unwrap();
    assert_eq!(open().await.len(), 1);
    tell(app, at("2027-01-13T13:00:00Z")).await.unwrap();
    assert!(open().await.iter().any(|(_, text, _)| text.contains("2027-01-14")));
    tell(app, at("2027-01-16T13:00:00Z")).await.unwrap();
    assert_eq!(open().await.len(), 1, "the day is over");
}
