//! A report of a past moment stays as it was, whatever is done later; what is
//! due is made for those who were there.

use super::due;
use crate::trial::Trial;
use jiff::{SignedDuration, Timestamp};
use plimsoll_core::model::identifier::{ClientId, HostId};
use plimsoll_core::model::registration::{HostSource, HostState, Registration};
use plimsoll_formats::policy::load;
use plimsoll_store::hosts::Machine;
use plimsoll_store::identifier::fresh;
use plimsoll_store::{Actor, Intent, Scope};
use serde_json::json;
use std::sync::Arc;
use std::time::Duration;

async fn a_moment() -> Timestamp {
    tokio::time::sleep(Duration::from_millis(3)).await;
    let at = Timestamp::now();
    tokio::time::sleep(Duration::from_millis(3)).await;
    at
}

/// A host that joins under a name that another has waits for a person.
async fn waiting(trial: &Trial, client: ClientId, name: &str) -> HostId {
    let now = Timestamp::now();
    let id = HostId::from_bits(fresh(now).unwrap());
    let host = Registration {
        id,
        number: 0,
        client,
        name: name.to_owned(),
        state: HostState::Pending,
        source: HostSource::Agent,
        labels: Default::default(),
        tier: None,
        exposure: None,
        environment: None,
        owner: None,
        public_key: Some(format!("key of {name}")),
        enrolled: now,
        last_seen: None,
        report: None,
        reported: None,
        flag: None,
    };
    let mut change = trial.app().store.begin(Intent::new(Actor::server(), now, "host.enrol", format!("host:{id}"))).await.unwrap();
    let host = change.insert_host(host, &Machine::default()).await.unwrap();
    change.commit(None).await.unwrap();
    trial.app().fleet.write().register(host, 0);
    id
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_that_is_renamed_has_the_reports_that_it_had() {
    let trial = Trial::start().await;
    let owner = trial.owner().await;
    let client = trial.app().store.clients(&Scope::All).await.unwrap()[0].id;
    trial.host(&owner, "web", "prod").await;
    let then = a_moment().await;
    let path = |report: &str| format!("/api/v1/reports/{report}client={client}&as_of={then}");
    let paths = ["client?format=json&", "client?format=csv&", "client?format=html&", "cost?", "pci-6-3-3?", "events?"].map(path);
    let mut before = Vec::new();
    for path in &paths {
        let said = trial.get(&owner, path).await;
        assert_eq!(said.status.as_u16(), 200, "{path}: {said:?}");
        before.push(said.body);
    }
    for name in ["Elbtal", "Elbtal Energie"] {
        let renamed = trial.send(&owner, "PATCH", &format!("/api/v1/clients/{client}"), &json!({ "name": name })).await;
        assert_eq!(renamed.status.as_u16(), 200, "{renamed:?}");
    }
    for (path, before) in paths.iter().zip(&before) {
        assert!(trial.get(&owner, path).await.body == *before, "the past has changed: {path}");
    }
    let now = trial.get(&owner, &format!("/api/v1/reports/client?client={client}")).await.json();
    assert_eq!(now["client"], "Elbtal Energie");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_host_that_waited_counts_from_when_it_was_accepted_and_never_before() {
    let trial = Trial::start().await;
    let owner = trial.owner().await;
    let client = trial.app().store.clients(&Scope::All).await.unwrap()[0].id;
    trial.host(&owner, "web", "prod").await;
    let (accepted, refused) = (waiting(&trial, client, "db").await, waiting(&trial, client, "copy").await);
    let then = a_moment().await;
    let path = format!("/api/v1/reports/auditor?as_of={then}");
    let before = trial.get(&owner, &path).await;
    assert_eq!(before.json()["measures"]["hosts"], 1, "{before:?}");
    let events = trial.get(&owner, &format!("/api/v1/reports/events?as_of={then}")).await.body;

    for (host, act) in [(accepted, "accept"), (refused, "retire")] {
        let done = trial.send(&owner, "POST", &format!("/api/v1/hosts/{host}/{act}"), &json!({})).await;
        assert_eq!(done.status.as_u16(), 200, "{done:?}");
    }
    let after = trial.get(&owner, &path).await.body;
    assert!(after == before.body, "the past has changed: {after}");
    assert!(trial.get(&owner, &format!("/api/v1/reports/events?as_of={then}")).await.body == events, "the past has changed");
    let now = trial.get(&owner, "/api/v1/reports/auditor").await.json();
    assert_eq!(now["measures"]["hosts"], 2, "{now}");
    let events = trial.get(&owner, "/api/v1/reports/events").await.body;
    assert!(events.contains("\"db\"") && !events.contains("\"copy\""), "who was never let in is no host: {events}");
    let stored = trial.app().store.host(accepted).await.unwrap();
    assert!(stored.enrolled > then, "it counts from when it was accepted for those who read the store, too");
}

/// Three daily reports, of which the first cannot be made.
const POLICY: &str = r#"
schema = "patch-policy/1"
extends = ["samm"]
combine = "strictest"

[policy]
id = "acme"
version = "1"

[[report]]
name = "never"
report = "operator"
format = "json"
every = "P1D"
to = ["us"]

[[report]]
name = "ours"
report = "weekly"
format = "json"
every = "P1D"
to = ["us"]

[[report]]
name = "theirs"
report = "client"
format = "json"
every = "P1D"
to = ["them"]
"#;

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_made_keeps_nothing_else_and_a_new_client_has_no_past() {
    let trial = Trial::start().await;
    let owner = trial.owner().await;
    let app = trial.app();
    let home = app.store.clients(&Scope::All).await.unwrap()[0].id;
    let old = trial.send(&owner, "POST", "/api/v1/hosts", &json!({ "client": home, "name": "web" })).await.json();
    let made = trial.send(&owner, "POST", "/api/v1/clients", &json!({ "name": "Elbtal" })).await.json();
    let new: ClientId = made["id"].as_str().unwrap_or_else(|| panic!("{made}")).parse().unwrap();
    trial.send(&owner, "POST", "/api/v1/clients", &json!({ "name": "Without hosts" })).await;
    trial.send(&owner, "POST", "/api/v1/hosts", &json!({ "client": new, "name": "river" })).await;
    let old: HostId = old["id"].as_str().unwrap_or_else(|| panic!("{old}")).parse().unwrap();
    let mut registration = app.fleet.read().host(old).unwrap().registration.clone();
    registration.enrolled = Timestamp::now() - SignedDuration::from_hours(24 * 5);
    app.fleet.write().register(registration, 0);
    let mut set = load("policy", POLICY, &|name| plimsoll_formats::policy::preset(name).map(str::to_owned)).unwrap();
    // The reader of policies lets no such form through; what is too great is as hopeless.
    set.governance.reports[0].format = Some("oscal-poam".to_owned());
    app.policies.put_for_tests(Arc::new(set), POLICY);
    let mut maker = due::Maker::default();
    let looked = due::look(app, "one", &mut maker, Timestamp::now() + SignedDuration::from_mins(10)).await;
    assert!(looked.is_ok() && maker.lease.is_some(), "{looked:?}");
    let made = trial.get(&owner, "/api/v1/reports/made").await.json();
    let titles = |title: &str| made.as_array().unwrap().iter().filter(|made| made["title"] == title).count();
    assert!((4..=6).contains(&titles("ours")) && titles("never") == 0, "{made}");
    let whose: Vec<&str> = made.as_array().unwrap().iter().filter(|made| made["title"] == "theirs").map(|made| made["client"].as_str().unwrap()).collect();
    let of = |client: ClientId| whose.iter().filter(|own| **own == client.to_string()).count();
    // Where the day ends while this runs, the new client has been there for a moment of it.
    assert!(of(home) == titles("ours") && of(new) <= 1 && whose.len() <= of(home) + 1, "{made}");
}
