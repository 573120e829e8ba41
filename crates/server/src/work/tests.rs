//! Hours from the first timer to the report, against a whole server; what
//! belongs to another client is not there.

use crate::reports::due;
use crate::trial::Trial;
use jiff::{SignedDuration, Timestamp};
use plimsoll_core::model::identifier::ClientId;
use plimsoll_formats::policy::load;
use serde_json::{Value, json};
use std::sync::Arc;

const API: &str = "/api/v1/work";

/// When the lease of the trial's own server has run out.
fn taking() -> Timestamp {
    Timestamp::now() + SignedDuration::from_mins(10)
}

fn later() -> Timestamp {
    Timestamp::now() + SignedDuration::from_millis(2)
}

/// A policy that prices work and asks for a daily report.
const POLICY: &str = r#"
schema = "patch-policy/1"
extends = ["samm"]
combine = "strictest"

[policy]
id = "acme"
version = "1"

[cost]
currency = "EUR"
rate = { default = 80, analyst = 85.5 }
fixed_per_year = { scanner = 3650 }
budget_days = { analyst = 1 }

[[report]]
name = "what patching costs"
report = "cost"
format = "json"
every = "P1D"
to = ["management"]

[retention]
reports = "P30D"
"#;

fn put(trial: &Trial) {
    let set = load("policy", POLICY, &|name| plimsoll_formats::policy::preset(name).map(str::to_owned)).unwrap();
    assert!(!set.not_enforced.iter().any(|name| name.contains("cost") || name.contains("report") || name.contains("retention")), "{:?}", set.not_enforced);
    trial.app().policies.put_for_tests(Arc::new(set), POLICY);
}

async fn code(trial: &Trial, asker: &crate::trial::Asker, path: &str, body: &Value) -> (u16, String) {
    let said = trial.send(asker, "POST", path, body).await;
    let told = serde_json::from_str::<Value>(&said.body).unwrap_or_default();
    (said.status.as_u16(), told["code"].as_str().unwrap_or_default().to_owned())
}

#[tokio::test(flavor = "multi_thread")]
async fn hours_are_said_corrected_imported_and_told_as_of_a_moment() {
    let trial = Trial::start().await;
    let mut owner = trial.owner().await;
    put(&trial);
    let mut maker = due::Maker::default();
    due::look(trial.app(), "one", &mut maker, taking()).await.unwrap();
    let olga = trial.person(&mut owner, "olga", "operator", "").await;
    let vera = trial.person(&mut owner, "vera", "viewer", "").await;

    // A timer, hours, and what cannot be said.
    let started = trial.send(&olga, "POST", &format!("{API}/start"), &json!({ "subject": "overhead:monitoring", "step": "1.3" })).await.json();
    assert_eq!((&started["running"], &started["mine"], &started["source"]), (&json!(true), &json!(true), &json!("timer")), "{started}");
    let hours = trial.send(&olga, "POST", API, &json!({ "subject": "advisory:DSA-1-1", "step": "2.3", "role": "analyst", "hours": "1.5" })).await.json();
    assert_eq!((&hours["seconds"], &hours["step_name"]), (&json!(5400), &json!("Decide local relevance")), "{hours}");
    for (wish, told) in [
        (json!({ "subject": "advisory:DSA-1-1", "hours": "1" }), "E-PARAMETER"),
        (json!({ "subject": "advisory:DSA-1-1", "step": "2.3", "hours": "1e3" }), "E-PARAMETER"),
        (json!({ "subject": "advisory:DSA-1-1", "step": "99.9", "hours": "1" }), "E-PARAMETER"),
        (json!({ "subject": "advisory:DSA-1-1", "step": "2.3" }), "E-PARAMETER"),
        (json!({ "subject": "overhead:guides", "hours": "1", "role": "=cmd()" }), "E-PARAMETER"),
        (json!({ "subject": "overhead:guides", "hours": "1", "started": "2099-01-01T00:00:00Z" }), "E-PARAMETER"),
        (json!({ "subject": format!("package:{}", "ab".repeat(32)), "step": "7.3", "hours": "1" }), "E-NOT-FOUND"),
        (json!({ "subject": "overhead:guides", "hours": "1", "client": ClientId::from_bits(7) }), "E-NOT-FOUND"),
    ] {
        assert_eq!(code(&trial, &olga, API, &wish).await.1, told, "{wish}");
    }
    assert_eq!(code(&trial, &vera, API, &json!({ "subject": "overhead:guides", "hours": "1" })).await.0, 403);
    let stopped = trial.send(&olga, "POST", &format!("{API}/stop"), &json!({})).await.json();
    assert_eq!((&stopped["running"], &stopped["id"]), (&json!(false), &started["id"]));
    assert_eq!(code(&trial, &olga, &format!("{API}/stop"), &json!({})).await.1, "E-NOT-FOUND");

    // As of now, then corrected: the report of then is the same, byte for byte.
    let then = later();
    tokio::time::sleep(std::time::Duration::from_millis(5)).await;
    let report = |at: Timestamp, format: &str| format!("/api/v1/reports/cost?as_of={at}&days=30&format={format}");
    let mut first = Vec::new();
    for format in ["json", "csv", "html", "pdf", "markdown", "docx"] {
        first.push(trial.get(&olga, &report(then, format)).await.body);
    }
    let told: Value = serde_json::from_str(&first[0]).unwrap();
    assert_eq!((&told["schema"], &told["cost"]["currency"], &told["cost"]["totals"]["patches"]), (&json!("plimsoll-cost/1"), &json!("EUR"), &json!(12_825)), "{told}");
    assert_eq!((&told["cost"]["totals"]["fixed"], &told["cost"]["prices_of"]), (&json!(30_000), &json!("acme 1")), "{told}");
    assert!(!first[0].contains("olga") && !first[2].contains("olga"), "a report names somebody");
    let correct = format!("{API}/{}/correct", hours["id"].as_str().unwrap());
    assert_eq!(code(&trial, &owner, &correct, &json!({ "hours": "1", "reason": "mine" })).await, (403, "E-PERMISSION".to_owned()), "another person's word");
    let corrected = trial.send(&olga, "POST", &correct, &json!({ "hours": "0.5", "reason": "half of it was lunch" })).await.json();
    assert_eq!((&corrected["replaces"], &corrected["seconds"]), (&hours["id"], &json!(1800)), "{corrected}");
    assert_eq!(code(&trial, &olga, &correct, &json!({ "hours": "2", "reason": "again" })).await, (409, "E-STATE".to_owned()));
    for (format, before) in ["json", "csv", "html", "pdf", "markdown", "docx"].iter().zip(&first) {
        assert!(trial.get(&olga, &report(then, format)).await.body == *before, "the past has changed as {format}");
    }
    let now = trial.get(&olga, &report(Timestamp::now(), "json")).await.json();
    assert_eq!(now["cost"]["totals"]["patches"], json!(4_275), "{now}");

    // A ticket system's log: whole or not at all, and once.
    let day = (Timestamp::now() - SignedDuration::from_hours(24)).strftime("%Y-%m-%d").to_string();
    let log = |hours: &str| json!({ "csv": format!("ticket,date,hours,role,step,subject,note\nOPS-1,{day},{hours},analyst,2.1,advisory:DSA-1-1,=1+1\nOPS-2,{day},2,default,,overhead:guides,\n") });
    let import = |log: Value| {
        let (trial, olga) = (&trial, &olga);
        async move { trial.send(olga, "POST", &format!("{API}/import"), &log).await }
    };
    assert_eq!(import(log("1")).await.json(), json!({ "added": 2, "corrected": 0, "same": 0 }));
    assert_eq!(import(log("1")).await.json(), json!({ "added": 0, "corrected": 0, "same": 2 }));
    assert_eq!(import(log("3")).await.json(), json!({ "added": 0, "corrected": 1, "same": 1 }));
    assert!(import(log("-3")).await.body.contains("line 2"));
    let listed = trial.get(&olga, &format!("{API}?mine=false")).await.json();
    assert_eq!(listed["total"], json!(2), "{listed}");
    let page = trial.get(&olga, "/console/work").await;
    assert!(page.body.contains("OPS-1") && page.body.contains("Write work down"), "{}", page.body);
    assert!(trial.get(&vera, "/console/work").await.status.as_u16() == 403);
    // Who may not see hours gets the report without them, but not another's.
    assert_eq!(trial.get(&vera, &report(Timestamp::now(), "json")).await.status.as_u16(), 200);
    for form in ["bod-26-04", "fedramp-vdr", "pci-6-3-3"] {
        for format in ["json", "csv", "html", "pdf"] {
            let said = trial.get(&olga, &format!("/api/v1/reports/{form}?format={format}")).await;
            assert_eq!(said.status.as_u16(), 200, "{form} as {format}: {}", said.body);
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_due_is_made_once_and_kept_as_long_as_the_policy_says() {
    let trial = Trial::start().await;
    let owner = trial.owner().await;
    let host = trial.host(&owner, "web", "prod").await;
    put(&trial);
    let app = trial.app();
    // What is to come cannot be reported on, so that the host is made older.
    let mut registration = app.fleet.read().host(host.parse().unwrap()).unwrap().registration.clone();
    registration.enrolled = Timestamp::now() - SignedDuration::from_hours(24 * 3);
    app.fleet.write().register(registration, 0);
    let (mut one, mut two) = (due::Maker::default(), due::Maker::default());
    due::look(app, "one", &mut one, taking()).await.unwrap();
    due::look(app, "two", &mut two, taking()).await.unwrap();
    assert!(one.lease.is_some() && two.lease.is_none(), "the lease is held");
    let made = trial.get(&owner, "/api/v1/reports/made").await.json();
    let ends: Vec<&str> = made.as_array().unwrap().iter().map(|made| made["as_of"].as_str().unwrap()).collect();
    assert!((2..=3).contains(&ends.len()) && ends.iter().all(|end| end.ends_with("T00:00:00Z")), "{made}");
    due::look(app, "one", &mut one, taking()).await.unwrap();
    assert_eq!(trial.get(&owner, "/api/v1/reports/made").await.json(), made, "made twice");

    // The file is what the report of that very moment is.
    let newest = &made[0];
    let file = trial.get(&owner, &format!("/api/v1/reports/made/{}", newest["id"].as_str().unwrap())).await;
    let again = trial.get(&owner, &format!("/api/v1/reports/cost?as_of={}&days=1&format=json", newest["as_of"].as_str().unwrap())).await;
    assert!(file.status.as_u16() == 200 && file.body == again.body, "{} and {}", file.body, again.body);
    let page = trial.get(&owner, "/console/reports").await;
    assert!(page.body.contains("what patching costs") && page.body.contains("/api/v1/reports/made/"), "{}", page.body);

    // Past its time the file goes, that it was made does not.
    let gone = due::expire(app, Timestamp::now() + SignedDuration::from_hours(24 * 40)).await.unwrap();
    assert_eq!(gone, ends.len() as u64);
    let said = trial.get(&owner, &format!("/api/v1/reports/made/{}", newest["id"].as_str().unwrap())).await;
    assert!(said.status.as_u16() == 410 && said.body.contains("E-EXPIRED"), "{}", said.body);
    assert_eq!(trial.get(&owner, "/api/v1/reports/made").await.json().as_array().map(Vec::len), Some(ends.len()));
    due::look(app, "one", &mut one, taking()).await.unwrap();
    assert_eq!(trial.get(&owner, "/api/v1/reports/made").await.json().as_array().map(Vec::len), Some(ends.len()), "what was deleted is not made again");
}
