//! Approvals beside signatures, against a whole server.

use super::super::accept;
use super::{Facts, LATE, authority, tell};
use crate::exceptions::tests::{Ground, ground};
use crate::trial::Said;
use jiff::{SignedDuration, Timestamp};
use plimsoll_core::model::authorisation::{Authorised, Remark, RemarkKind};
use plimsoll_core::model::deployment_package::{ChangeType, ConfigurationFiles, DeploymentPackage, HostList, PolicyNamed, RebootRule};
use plimsoll_core::phases::deploy::{Gate, Wanted};
use plimsoll_formats::trust::SignedPackage;
use plimsoll_store::deployment_packages::{ACCEPT, PackageContent, PackageRow, PackageState};
use plimsoll_store::evidence::reading::ActivityQuery;
use plimsoll_store::rollouts::Rollout;
use plimsoll_store::{Actor, Intent, Scope};
use serde_json::json;

const APPROVE: &str = r#"
[people]
board = { members = ["ann", "dirk"] }
ann = {}
dirk = {}
[approve]
normal = { by = ["board"], timeout = "P1D", on_timeout = "reject" }
emergency = { by = ["board"], retro_within = "P2D", after_action_review = true }
"#;

async fn package(ground: &Ground, version: u64, author: &str, change: ChangeType, created: Timestamp) -> PackageRow {
    let package = DeploymentPackage {
        schema: DeploymentPackage::SCHEMA.to_owned(),
        name: "openssl".to_owned(),
        version,
        client: ground.home,
        title: "OpenSSL".to_owned(),
        reason: "KEV".to_owned(),
        advisories: Vec::new(),
        author: author.to_owned(),
        created,
        expires: created + SignedDuration::from_hours(1000),
        change,
        policy: PolicyNamed { id: "p".to_owned(), version: "1".to_owned(), sha256: String::new() },
        streams: Default::default(),
        hosts: HostList { count: 0, root: String::new() },
        rings: Vec::new(),
        windows: Default::default(),
        checks: Vec::new(),
        reboot: RebootRule::Never,
        configuration_files: ConfigurationFiles::Keep,
        at_once: 0,
        drain: None,
    };
    let signed = SignedPackage::unsigned(package);
    let row = PackageRow {
        digest: signed.digest(),
        client: ground.home,
        name: "openssl".to_owned(),
        version,
        title: "OpenSSL".to_owned(),
        author: author.to_owned(),
        state: PackageState::Draft,
        created,
        expires: created + SignedDuration::from_hours(1000),
        accepted: None,
    };
    let content = PackageContent { document: signed.bytes(), hosts: b"[]".to_vec(), notes: b"{}".to_vec() };
    let mut change = ground.trial.app().store.begin(Intent::new(Actor::server(), created, "package.draft", format!("package-draft:{}", row.digest))).await.unwrap();
    change.add_package(&row, &content).await.unwrap();
    change.commit(None).await.unwrap();
    row
}

/// A rollout that ended at once.
async fn rolled_out(ground: &Ground, row: &PackageRow, at: Timestamp) {
    let rollout = Rollout {
        package: row.digest.clone(),
        client: row.client,
        epoch: 1,
        generation: 1,
        revision: 1,
        wanted: Wanted::Done,
        gate: Gate::Done,
        rings: Vec::new(),
        reasons: Vec::new(),
        retried: 0,
        started: at,
        changed: at,
    };
    let mut change = ground.trial.app().store.begin(Intent::new(Actor::server(), at, "rollout.start", format!("rollout:{}", row.digest))).await.unwrap();
    change.start_rollout(&rollout, &Default::default()).await.unwrap();
    change.commit(None).await.unwrap();
}

fn refused(said: &Said) -> (u16, String) {
    (said.status.as_u16(), said.json()["code"].as_str().unwrap_or_default().to_owned())
}

async fn kinds(ground: &Ground, row: &PackageRow) -> Vec<RemarkKind> {
    ground.trial.app().store.remarks(&row.digest).await.unwrap().into_iter().map(|remark| remark.kind).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn an_emergency_is_approved_and_reviewed_afterwards_by_those_whom_the_policy_names() {
    let mut ground = ground(&["web"]).await;
    let text = ground.trial.get(&ground.owner, "/api/v1/policy/file").await.json()["text"].as_str().unwrap().to_owned();
    let set = ground.trial.send(&ground.owner, "PUT", "/api/v1/policy/file", &json!({ "text": format!("{text}{APPROVE}"), "reason": "who approves" })).await;
    assert_eq!(set.status.as_u16(), 200, "{set:?}");
    let place = format!("{}|", ground.home);
    let mut ann = ground.trial.person(&mut ground.owner, "ann", "approver", &place).await;
    let mut cara = ground.trial.person(&mut ground.owner, "cara", "approver", &place).await;
    let dirk = ground.trial.person(&mut ground.owner, "dirk", "approver", &place).await;
    let now = Timestamp::now();
    let ago = |hours: i64| now - SignedDuration::from_hours(hours);
    let urgent = package(&ground, 1, "olga", ChangeType::Emergency, ago(80)).await;
    rolled_out(&ground, &urgent, ago(72)).await;
    let (trial, app) = (&ground.trial, ground.trial.app());
    let page = format!("/console/deployment-packages/{}", urgent.digest);
    let api = format!("/api/v1/deployment-packages/{}/remarks", urgent.digest);

    // Two servers find the clock run out at the same moment: it is said once.
    let (one, other) = tokio::join!(tell(app, now), tell(app, now));
    one.and(other).unwrap();
    tell(app, now).await.unwrap();
    assert_eq!(kinds(&ground, &urgent).await, [RemarkKind::RetroOverdue]);
    let late = |alerts: Vec<plimsoll_store::alerts::Alert>| alerts.into_iter().filter(|alert| alert.kind == LATE).map(|alert| (alert.object, alert.times)).collect::<Vec<_>>();
    assert_eq!(late(app.store.open_alerts(&Scope::All, 100).await.unwrap()), [(format!("deployment-package:{}", urgent.digest), 1)]);

    // Cara holds the role, and the policy does not name her.
    let said = trial.post(&mut cara, &format!("{page}/approve"), &[("reason", "fine")]).await;
    assert!(said.location.is_empty() && said.body.contains("cara is none of them"), "{said:?}");
    assert_eq!(refused(&trial.send(&cara, "POST", &api, &json!({ "kind": "refuse", "reason": "no" })).await), (403, "E-APPROVE".to_owned()));
    let said = trial.post(&mut ann, &format!("{page}/approve"), &[("reason", "it was right")]).await;
    assert_eq!(said.location, page, "{said:?}");
    assert_eq!(late(app.store.open_alerts(&Scope::All, 100).await.unwrap()), []);
    // A review closes once; what ended is not refused.
    assert_eq!(refused(&trial.send(&ann, "POST", &api, &json!({ "kind": "refuse", "reason": "no" })).await), (409, "E-STATE".to_owned()));
    assert_eq!(refused(&trial.send(&dirk, "POST", &api, &json!({ "kind": "review", "reason": " " })).await).0, 400);
    let closed = trial.send(&dirk, "POST", &api, &json!({ "kind": "review", "reason": "the canary was too small" })).await;
    assert_eq!(closed.status.as_u16(), 200, "{closed:?}");
    assert_eq!(refused(&trial.send(&dirk, "POST", &api, &json!({ "kind": "review", "reason": "again" })).await), (409, "E-STATE".to_owned()));
    let remarks = closed.json()["remarks"].clone();
    let said: Vec<(&str, &str)> = remarks.as_array().unwrap().iter().map(|remark| (remark["kind"].as_str().unwrap(), remark["who"].as_str().unwrap())).collect();
    assert_eq!(said, [("retro-overdue", "server"), ("approve", "ann"), ("review", "dirk")]);
    assert!(trial.get(&ann, &page).await.body.contains("the canary was too small"));

    // Nobody approves a change of their own; time that runs out rejects it.
    let own = package(&ground, 2, "ann", ChangeType::Normal, ago(23)).await;
    assert_eq!(refused(&trial.send(&ann, "POST", &format!("/api/v1/deployment-packages/{}/remarks", own.digest), &json!({ "kind": "refuse", "reason": "no" })).await), (403, "E-SOD".to_owned()));
    tell(app, now).await.unwrap();
    assert_eq!(app.store.deployment_package(&own.digest).await.unwrap().state, PackageState::Draft);
    tell(app, now + SignedDuration::from_hours(2)).await.unwrap();
    assert_eq!(app.store.deployment_package(&own.digest).await.unwrap().state, PackageState::Withdrawn);
    assert_eq!(kinds(&ground, &own).await, [RemarkKind::Rejected]);
}

/// A signature bears the name of the root document and the policy, an approval
/// the account: the address says that it is one person.
#[tokio::test(flavor = "multi_thread")]
async fn who_signed_and_approved_under_two_names_counts_once() {
    let mut ground = ground(&["web"]).await;
    let two = "\n[people]\ncarla = {}\ndora = { mail = \"dora@example.org\" }\n[approve]\nnormal = { by = [\"carla\", \"dora\"], quorum = 2 }\n";
    let text = ground.trial.get(&ground.owner, "/api/v1/policy/file").await.json()["text"].as_str().unwrap().to_owned();
    let set = ground.trial.send(&ground.owner, "PUT", "/api/v1/policy/file", &json!({ "text": format!("{text}{two}"), "reason": "two approve" })).await;
    assert_eq!(set.status.as_u16(), 200, "{set:?}");
    let fields = [("account", "d.keller"), ("name", "Dora"), ("mail", "Dora@example.org"), ("role", "approver"), ("place", "")];
    let made = ground.trial.post(&mut ground.owner, "/console/people", &fields).await;
    let link = made.element("invitation-link").rsplit('/').next().unwrap().to_owned();
    let mut dora = crate::trial::Asker::default();
    ground.trial.post(&mut dora, "/console/sign-in/link", &[("token", &link)]).await;
    let row = package(&ground, 1, "olga", ChangeType::Normal, Timestamp::now()).await;
    let page = format!("/console/deployment-packages/{}", row.digest);
    let said = ground.trial.post(&mut dora, &format!("{page}/approve"), &[("reason", "fine")]).await;
    assert_eq!(said.location, page, "{said:?}");

    let app = ground.trial.app();
    let signed = crate::rollouts::signed(app, &row.digest).await.unwrap();
    let mut facts = Facts::gather(app, &signed, app.store.remarks(&row.digest).await.unwrap()).await.unwrap();
    facts.people.insert("dora".to_owned());
    let authority = authority(&facts.question(signed.package(), Timestamp::now()));
    assert_eq!((authority.standing, authority.given), (Authorised::Asked, vec!["dora".to_owned()]));
}

/// Somebody refuses after the judgement was made, and before it is written.
#[tokio::test(flavor = "multi_thread")]
async fn a_refusal_between_judging_and_accepting_leaves_no_acceptance() {
    let ground = ground(&["web"]).await;
    let app = ground.trial.app();
    let row = package(&ground, 1, "olga", ChangeType::Normal, Timestamp::now()).await;
    let judged = app.store.remarks(&row.digest).await.unwrap();
    let remark = Remark { kind: RemarkKind::Refuse, who: "ann".to_owned(), text: "not now".to_owned(), at: Timestamp::now() };
    let mut change = app.store.begin(Intent::new(Actor::server(), remark.at, RemarkKind::Refuse.verb(), format!("deployment-package:{}", row.digest))).await.unwrap();
    assert!(change.add_remark(&row.digest, row.client, &remark).await.unwrap());
    change.commit(None).await.unwrap();

    let refused = accept(app, Actor::server(), &row, &judged).await.unwrap_err();
    assert_eq!(refused.code(), "E-RACE");
    assert_eq!(app.store.deployment_package(&row.digest).await.unwrap().state, PackageState::Draft);
    let leaves = ActivityQuery { verb: Some(ACCEPT.to_owned()), ..ActivityQuery::new(Scope::All) };
    assert_eq!(app.store.activity(&leaves).await.unwrap().len(), 0);
    // What was judged with all that was said is written.
    let judged = app.store.remarks(&row.digest).await.unwrap();
    assert_eq!(accept(app, Actor::server(), &row, &judged).await.unwrap().state, PackageState::Accepted);
    assert_eq!(app.store.activity(&leaves).await.unwrap().len(), 1);
}
