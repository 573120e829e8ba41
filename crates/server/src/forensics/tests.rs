//! A forensic triage against a whole server: asked for by the policy, holding
//! a rollout's host back, and letting it go.

use super::{INCIDENT, LATE, LOOK, refresh, rests_on, tell};
use crate::exceptions::tests::{Ground, days, ground, host, refused};
use crate::phases::deploy::decision;
use crate::rollouts;
use jiff::{SignedDuration, Timestamp};
use plimsoll_core::model::assignment::Go;
use plimsoll_core::model::deployment_package::{ChangeType, ConfigurationFiles, DeploymentPackage, Place, PolicyNamed, RebootRule, Ring};
use plimsoll_core::model::identifier::HostId;
use plimsoll_core::model::triage::TriageStep;
use plimsoll_core::phases::deploy::{Gate, Wanted};
use plimsoll_formats::trust::{HostTree, SignedPackage};
use plimsoll_store::deployment_packages::{PackageContent, PackageRow, PackageState};
use plimsoll_store::rollouts::Rollout;
use plimsoll_store::{Actor, Intent};
use serde_json::{Value, json};

const RULES: &str = "[forensics]\ntrigger = [\"high\"]\nscope_within = \"PT2H\"\ncollect_before_patch = true\ncollect_within = \"PT24H\"\ndecide_within = \"PT72H\"\n";

async fn govern(ground: &Ground, rules: &str) {
    let text = ground.trial.get(&ground.owner, "/api/v1/policy/file").await.json()["text"].as_str().unwrap().to_owned();
    let text = text.split("[forensics]").next().unwrap_or_default().to_owned();
    let set = ground.trial.send(&ground.owner, "PUT", "/api/v1/policy/file", &json!({ "text": format!("{text}\n{rules}"), "reason": "traces first" })).await;
    assert_eq!(set.status.as_u16(), 200, "{set:?}");
}

/// A rollout under way with one host in one ring.
pub(crate) async fn rollout(ground: &Ground, id: HostId, now: Timestamp) -> String {
    let places = vec![Place { host: id, ring: 0, window: None }];
    let begun = now - SignedDuration::from_hours(1);
    let package = DeploymentPackage {
        schema: DeploymentPackage::SCHEMA.to_owned(),
        name: "libpng".to_owned(),
        version: 1,
        client: ground.home,
        title: "libpng".to_owned(),
        reason: "KEV".to_owned(),
        advisories: vec!["TEST-2026-1".to_owned()],
        author: "olga".to_owned(),
        created: begun,
        expires: begun + SignedDuration::from_hours(1000),
        change: ChangeType::Normal,
        policy: PolicyNamed { id: "p".to_owned(), version: "1".to_owned(), sha256: String::new() },
        streams: Default::default(),
        hosts: HostTree::new(places.clone()).unwrap().list(),
        rings: vec![Ring { name: "canary".to_owned(), opens: begun, soak_seconds: 0, success_per_mille: 1000, failures: 0 }],
        windows: Default::default(),
        checks: Vec::new(),
        reboot: RebootRule::Never,
        configuration_files: ConfigurationFiles::Keep,
        at_once: 0,
        drain: None,
    };
    let (title, author, expires) = (package.title.clone(), package.author.clone(), package.expires);
    let signed = SignedPackage::unsigned(package);
    let row = PackageRow { digest: signed.digest(), client: ground.home, name: "libpng".to_owned(), version: 1, title, author, state: PackageState::Draft, created: begun, expires, accepted: None };
    let content = PackageContent { document: signed.bytes(), hosts: serde_json::to_vec(&places).unwrap(), notes: serde_json::to_vec(&rollouts::Notes::default()).unwrap() };
    let app = ground.trial.app();
    let mut change = app.store.begin(Intent::new(Actor::server(), begun, "package.draft", format!("package-draft:{}", row.digest))).await.unwrap();
    change.add_package(&row, &content).await.unwrap();
    change.commit(None).await.unwrap();
    let rollout = Rollout {
        package: row.digest.clone(),
        client: ground.home,
        epoch: 1,
        generation: 1,
        revision: 1,
        wanted: Wanted::Running,
        gate: Gate::Waiting,
        rings: Vec::new(),
        reasons: Vec::new(),
        retried: 0,
        started: begun,
        changed: begun,
    };
    let mut change = app.store.begin(Intent::new(Actor::server(), begun, "rollout.start", format!("rollout:{}", row.digest))).await.unwrap();
    change.start_rollout(&rollout, &Default::default()).await.unwrap();
    change.commit(None).await.unwrap();
    rollouts::refresh(app).await.unwrap();
    app.fleet.read().host(id).unwrap().presence.hear(now, 1);
    row.digest
}

/// What the rollout would let its host do, and why it stands so.
pub(crate) fn decided(ground: &Ground, digest: &str) -> (Option<Go>, String) {
    let app = ground.trial.app();
    let live = app.rollouts.read();
    let explained = decision(app, &live, live.get(digest).unwrap(), &[]);
    let go = explained.decision.changes.first().and_then(|(_, go)| *go);
    (go, explained.because.into_iter().map(|because| because.text).collect::<Vec<_>>().join("; "))
}

#[tokio::test(flavor = "multi_thread")]
async fn no_rollout_changes_a_host_before_traces_were_looked_for() {
    let mut ground = ground(&["web"]).await;
    let id: HostId = ground.web.parse().unwrap();
    let now = Timestamp::now();
    let digest = rollout(&ground, id, now).await;
    let api = format!("/api/v1/hosts/{}/triage", ground.web);
    // Without a word of the policy nothing waits and nothing can be said.
    assert_eq!(decided(&ground, &digest).0, Some(Go::Apply));
    let nothing = ground.trial.send(&ground.owner, "POST", &api, &json!({ "step": "clean", "evidence": "case 1" })).await;
    assert_eq!(refused(&nothing).1, "E-TRIAGE-NOTHING");
    let place = format!("{}|", ground.home);
    let olga = ground.trial.person(&mut ground.owner, "olga", "operator", &place).await;
    let say = |olga: crate::trial::Asker, wish: Value| {
        let (trial, api) = (&ground.trial, api.as_str());
        async move { trial.send(&olga, "POST", api, &wish).await }
    };

    govern(&ground, RULES).await;
    let (trial, app) = (&ground.trial, ground.trial.app());
    // Nobody has read its journal yet: it waits rather than slips.
    let (go, why) = decided(&ground, &digest);
    assert!(go.is_none() && why.contains("1 of 1 hosts wait for a forensic triage"), "{why}");
    refresh(app, &[id]).await.unwrap();
    assert_eq!(decided(&ground, &digest).0, None);
    let rows = trial.get(&olga, &format!("/api/v1/rollouts/{digest}/hosts")).await.json();
    assert!(rows["rows"][0]["triage"].as_str().unwrap().contains("TEST-2026-1"), "{rows}");
    tell(app, now).await.unwrap();
    tell(app, now).await.unwrap();
    let alerts = || async { trial.get(&olga, "/api/v1/alerts").await.json() };
    let kinds = |alerts: &Value| alerts.as_array().unwrap().iter().map(|alert| (alert["kind"].as_str().unwrap().to_owned(), alert["times"].as_u64().unwrap())).collect::<Vec<_>>();
    assert_eq!(kinds(&alerts().await), [(LOOK.to_owned(), 1)]);
    // Late by the first clock that ran out, once.
    tell(app, now + SignedDuration::from_hours(3)).await.unwrap();
    tell(app, now + SignedDuration::from_hours(3)).await.unwrap();
    let told = alerts().await;
    assert!(kinds(&told).contains(&(LATE.to_owned(), 1)) && told.to_string().contains("its scope was due"), "{told}");

    // Words without what they rest on.
    for (wish, field) in [(json!({ "step": "evidence" }), "evidence"), (json!({ "step": "not-possible" }), "reason"), (json!({ "step": "clean", "evidence": "x", "released": true }), "released"), (json!({ "step": "fine" }), "step")] {
        let said = say(olga.clone(), wish).await;
        assert!(said.status.as_u16() == 400 && said.body.contains(field), "{said:?}");
    }
    // A settled scope lets nothing start; taken evidence does.
    let said = say(olga.clone(), json!({ "step": "scope", "reason": "the web server and its database" })).await.json();
    assert_eq!((&said["state"], &said["scope_by"]), (&json!("asked"), &Value::Null));
    assert!(!kinds(&alerts().await).iter().any(|(kind, _)| kind == LATE), "somebody looked");
    assert_eq!(decided(&ground, &digest).0, None);
    let page = trial.post(&mut olga.clone(), &format!("/console/triage/{}", ground.web), &[("step", "evidence"), ("evidence", "case 7, image 6f1e"), ("reason", "")]).await;
    assert_eq!(page.location, "/console/triage", "{page:?}");
    assert_eq!(decided(&ground, &digest).0, Some(Go::Apply));
    let basis = rests_on(app, &[id], now);
    assert_eq!((basis.len(), basis[0].step, basis[0].evidence.as_deref()), (1, Some(TriageStep::Evidence), Some("case 7, image 6f1e")));

    // Found broken into, nothing changes it until somebody says that it may.
    say(olga.clone(), json!({ "step": "compromised", "evidence": "case 7" })).await;
    let (go, _) = decided(&ground, &digest);
    assert_eq!(go, None);
    assert!(kinds(&alerts().await).iter().any(|(kind, _)| kind == INCIDENT));
    for path in ["/console", "/console/triage", &format!("/console/hosts/{}", ground.web)] {
        let page = trial.get(&olga, path).await.body;
        assert!(page.contains("broken into"), "{path}: {page}");
    }
    let said = say(olga.clone(), json!({ "step": "compromised", "evidence": "case 7, closed", "released": true })).await.json();
    assert_eq!((&said["state"], said["said"].as_array().map(Vec::len)), (&json!("decided"), Some(4)));
    assert_eq!(decided(&ground, &digest).0, Some(Go::Apply));
    assert_eq!(trial.get(&olga, &api).await.json()["waits"], Value::Null);
    tell(app, now).await.unwrap();
    assert!(!kinds(&alerts().await).iter().any(|(kind, _)| kind == LOOK), "nothing is open any more");

    // Another client sees nothing of it, and a fixed host asks for nothing.
    let river = trial.get(&ground.owner, &format!("/api/v1/hosts/{}", ground.river)).await.json()["row"]["client"].as_str().unwrap().to_owned();
    let rita = { let mut owner = ground.owner.clone(); trial.person(&mut owner, "rita", "operator", &format!("{river}|")).await };
    assert_eq!(trial.get(&rita, &api).await.status.as_u16(), 404);
    let theirs = trial.get(&rita, "/api/v1/triages").await.json();
    assert_eq!((&theirs["total"], &theirs["rows"][0]["host"]), (&json!(1), &json!(ground.river)));
    trial.send(&ground.owner, "POST", "/api/v1/hosts", &host(ground.home, "web", "2")).await;
    refresh(app, &[id]).await.unwrap();
    assert_eq!(refused(&say(olga.clone(), json!({ "step": "clean", "evidence": "x" })).await).1, "E-TRIAGE-NOTHING");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_host_goes_without_evidence_where_the_policy_says_so() {
    let ground = ground(&["web"]).await;
    let id: HostId = ground.web.parse().unwrap();
    govern(&ground, &format!("{RULES}on_timeout = \"patch\"\n")).await;
    let app = ground.trial.app();
    refresh(app, &[id]).await.unwrap();
    let (set, now) = (app.policy(), Timestamp::now());
    assert!(app.forensics.of(&set, id, now).unwrap().barred.is_some());
    let later = app.forensics.of(&set, id, now + days(2)).unwrap();
    assert_eq!((&later.barred, later.late(now + days(2)).map(|(step, _)| step)), (&None, Some(TriageStep::Scope)));
    let lapsed = rests_on(app, &[id], now + days(2));
    assert!(lapsed[0].word.is_none() && lapsed[0].lapsed.is_some_and(|since| since > now && since < now + days(2)), "{lapsed:?}");
    govern(&ground, RULES).await;
    refresh(app, &[id]).await.unwrap();
    assert!(app.forensics.of(&app.policy(), id, now + days(30)).unwrap().barred.is_some(), "it waits on, and people are alerted");
}
