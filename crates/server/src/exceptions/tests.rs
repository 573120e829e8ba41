//! The whole life of exceptions against a whole server: who asks, who
//! approves, what the policy limits, how they end.

use crate::exceptions::{ENDS, REVIEW, refresh, remind, tell};
use crate::trial::{Asker, Said, Trial};
use axum::http::StatusCode;
use jiff::{SignedDuration, Timestamp};
use plimsoll_core::model::exception::{Approval, Exception, ExceptionState};
use plimsoll_core::model::identifier::{ClientId, ExceptionId};
use plimsoll_store::evidence::reading::ActivityQuery;
use plimsoll_store::{Actor, Intent, Scope};
use serde_json::{Value, json};

const PNG: &str = "[[advisory]]\nid = \"TEST-2026-1\"\nsummary = \"libpng trusts its input\"\nseverity = \"high\"\ncves = [\"CVE-2026-0001\"]\n\
    published = 2026-11-20T09:00:00Z\n[[advisory.affected]]\nstream = \"debian:12\"\nname = \"libpng1.6\"\nfixed = \"2\"\n";

/// What the policy in force says of exceptions in these tests.
const WAIVER: &str = r#"
[people]
ciso = { mail = "ann@example.org", members = ["ann", "cara"] }
ann = {}
cara = {}
[roles]
risk_acceptor = { high = "ciso" }
[waiver]
kinds = ["deferral", "no-fix-available"]
max_length = { high = "P30D" }
max_renewals = 1
quorum = { high = 2 }
need_compensating_control = ["high"]
cap_percent_of_projects = 50
"#;

const API: &str = "/api/v1/exceptions";

pub(crate) fn days(days: i64) -> SignedDuration {
    SignedDuration::from_hours(24 * days)
}

fn later(after: i64) -> String {
    (Timestamp::now() + days(after)).to_string()
}

/// A host with one package of a version; the fix is in version 2.
pub(crate) fn host(client: ClientId, name: &str, version: &str) -> Value {
    let component = json!({
        "purl": format!("pkg:deb/debian/libpng1.6@{version}"), "stream": "debian:12", "name": "libpng1.6", "version": version,
        "arch": "amd64", "source": "libpng1.6", "source_version": version, "kind": "package",
    });
    json!({ "client": client, "name": name, "components": [component] })
}

/// A server with hosts of two clients, each with one finding of one advisory.
pub(crate) struct Ground {
    pub(crate) trial: Trial,
    pub(crate) owner: Asker,
    pub(crate) home: ClientId,
    pub(crate) web: String,
    pub(crate) river: String,
}

pub(crate) async fn ground(hosts: &[&str]) -> Ground {
    let trial = Trial::start().await;
    let owner = trial.owner().await;
    let store = trial.app().store.clone();
    let home = store.clients(&Scope::All).await.unwrap()[0].id;
    let mut change = store.begin(Intent::new(Actor::server(), Timestamp::now(), "client.add", "client")).await.unwrap();
    let other = change.add_client("Elbtal").await.unwrap().id;
    change.commit(None).await.unwrap();
    crate::membership::refresh(trial.app()).await.unwrap();
    let mut ids = Vec::new();
    for (client, name) in hosts.iter().map(|name| (home, *name)).chain([(other, "river")]) {
        let made = trial.send(&owner, "POST", "/api/v1/hosts", &host(client, name, "1")).await;
        ids.push(made.json()["id"].as_str().unwrap_or_else(|| panic!("{made:?}")).to_owned());
    }
    trial.advise(&[("advisories/png.toml", PNG)]);
    for _ in 0..300 {
        if standings(&trial, &owner).await["findings"] == ids.len() {
            break;
        }
        tokio::time::sleep(std::time::Duration::from_millis(100)).await;
    }
    assert_eq!(standings(&trial, &owner).await["findings"], ids.len());
    let (web, river) = (ids[0].clone(), ids[ids.len() - 1].clone());
    Ground { trial, owner, home, web, river }
}

async fn standings(trial: &Trial, asker: &Asker) -> Value {
    trial.get(asker, "/api/v1/standings").await.json()
}

async fn govern(ground: &Ground) {
    let text = ground.trial.get(&ground.owner, "/api/v1/policy/file").await.json()["text"].as_str().unwrap().to_owned();
    let wish = json!({ "text": format!("{text}{WAIVER}"), "reason": "exceptions are limited" });
    let set = ground.trial.send(&ground.owner, "PUT", "/api/v1/policy/file", &wish).await;
    assert_eq!(set.status, StatusCode::OK, "{set:?}");
}

fn wish(ground: &Ground) -> Value {
    json!({
        "client": ground.home, "kind": "deferral", "advisories": ["TEST-2026-1"], "hosts": [ground.web], "owner": "Ada",
        "reason": "the cluster is upgraded first", "control": "the port is closed", "until": later(20),
    })
}

fn with(mut wish: Value, field: &str, value: Value) -> Value {
    wish[field] = value;
    wish
}

pub(crate) fn refused(said: &Said) -> (u16, String, String) {
    let body = said.json();
    (said.status.as_u16(), body["code"].as_str().unwrap_or_default().to_owned(), body["detail"].as_str().unwrap_or_default().to_owned())
}

pub(crate) fn id(said: &Said) -> String {
    said.json()["id"].as_str().unwrap_or_else(|| panic!("{said:?}")).to_owned()
}

pub(crate) async fn finding(trial: &Trial, asker: &Asker, host: &str) -> Value {
    let all = trial.get(asker, "/api/v1/findings").await.json();
    all["rows"].as_array().unwrap().iter().find(|row| row["host"] == host).cloned().unwrap_or(Value::Null)
}

#[tokio::test(flavor = "multi_thread")]
async fn an_exception_is_asked_for_approved_renewed_and_taken_back() {
    let mut ground = ground(&["web", "db"]).await;
    govern(&ground).await;
    let place = format!("{}|", ground.home);
    let olga = ground.trial.person(&mut ground.owner, "olga", "operator", &place).await;
    let ann = ground.trial.person(&mut ground.owner, "ann", "approver", &place).await;
    let bob = ground.trial.person(&mut ground.owner, "bob", "approver", &place).await;
    let cara = ground.trial.person(&mut ground.owner, "cara", "approver", &place).await;
    let (trial, owner, olga) = (&ground.trial, &ground.owner, &olga);
    let before = finding(trial, owner, &ground.web).await;
    assert_eq!((&before["overdue"], &before["exception"]), (&json!(false), &Value::Null));

    // What the policy and the facts do not allow is refused with its limit.
    let ask = |wish: Value| async move { refused(&trial.send(olga, "POST", API, &wish).await) };
    let sound = wish(&ground);
    let code = |(status, code, _): (u16, String, String)| (status, code);
    assert_eq!(code(ask(with(sound.clone(), "kind", json!("mitigated"))).await), (409, "E-EXCEPTION-KIND".to_owned()));
    let (status, long, detail) = ask(with(sound.clone(), "until", json!(later(40)))).await;
    assert!((status, long.as_str()) == (409, "E-EXCEPTION-LENGTH") && detail.contains("30 days for high"), "{detail}");
    assert_eq!(code(ask(with(sound.clone(), "control", json!(""))).await), (409, "E-EXCEPTION-CONTROL".to_owned()));
    assert_eq!(code(ask(with(sound.clone(), "reason", json!(" "))).await), (400, "E-TEXT".to_owned()));
    assert_eq!(code(ask(with(sound.clone(), "advisories", json!(["TEST-2026-9"]))).await), (400, "E-EXCEPTION-NOTHING".to_owned()));
    assert_eq!(code(ask(with(sound.clone(), "all_hosts", json!(true))).await), (400, "E-PARAMETER".to_owned()));
    assert_eq!(code(ask(with(sound.clone(), "hosts", json!([ground.river]))).await), (404, "E-NOT-FOUND".to_owned()), "another client's host");
    let (_, cap, detail) = ask(with(with(sound.clone(), "hosts", json!([])), "all_hosts", json!(true))).await;
    assert!(cap == "E-EXCEPTION-CAP" && detail.contains("2 of 2 hosts") && detail.contains("50 %"), "{detail}");
    let cve = trial.send(&ground.owner, "POST", API, &with(sound.clone(), "advisories", json!(["CVE-2026-0001"]))).await;
    assert!(cve.json()["next"].as_str().unwrap().contains("TEST-2026-1"), "{cve:?}");

    // Asked for, it changes nothing yet.
    let made = trial.send(olga, "POST", API, &sound).await;
    let answer = made.json();
    assert_eq!((&answer["state"], &answer["quorum"], &answer["requester"], &answer["findings"]), (&json!("requested"), &json!(2), &json!("olga"), &json!(1)));
    assert!(answer["levels"].as_array().unwrap().contains(&json!("high")), "{answer}");
    let one = format!("{API}/{}", id(&made));
    assert_eq!(finding(trial, owner, &ground.web).await, before);

    // Who asked does not approve, whatever roles they hold; who may not at all
    // is told so; each approves once; the policy's own name must be among them.
    assert_eq!(refused(&trial.send(olga, "POST", &format!("{one}/approve"), &json!({})).await).1, "E-PERMISSION");
    let own = trial.send(owner, "POST", API, &with(sound.clone(), "until", json!(later(3)))).await;
    let own = format!("{API}/{}", id(&own));
    assert_eq!(refused(&trial.send(owner, "POST", &format!("{own}/approve"), &json!({})).await).1, "E-EXCEPTION-OWN");
    assert_eq!(refused(&trial.send(&bob, "POST", &format!("{own}/refuse"), &json!({})).await).1, "E-TEXT", "why is asked");
    let no = trial.send(&bob, "POST", &format!("{own}/refuse"), &json!({ "reason": "one is enough" })).await.json();
    assert_eq!((&no["state"], &no["decided_by"], &no["decided_because"]), (&json!("refused"), &json!("bob"), &json!("one is enough")));
    let (_, code, detail) = refused(&trial.send(&bob, "POST", &format!("{one}/approve"), &json!({})).await);
    assert!(code == "E-EXCEPTION-APPROVER" && detail.contains("ciso for high"), "{detail}");
    let first = trial.send(&ann, "POST", &format!("{one}/approve"), &json!({ "reason": "seen" })).await.json();
    assert_eq!((&first["state"], first["approvals"].as_array().unwrap().len()), (&json!("requested"), 1));
    assert_eq!(refused(&trial.send(&ann, "POST", &format!("{one}/approve"), &json!({})).await).1, "E-TAKEN");
    assert_eq!(finding(trial, owner, &ground.web).await, before, "one of two is not enough");
    let second = trial.send(&cara, "POST", &format!("{one}/approve"), &json!({})).await.json();
    assert_eq!((&second["state"], &second["decided_by"]), (&json!("approved"), &json!("cara")));
    let marked = finding(trial, owner, &ground.web).await;
    assert_eq!((&marked["due"], &marked["exception"]["by"]), (&before["due"], &json!("ann, cara")));
    assert_eq!(refused(&trial.send(&bob, "POST", &format!("{one}/refuse"), &json!({ "reason": "late" })).await).1, "E-STATE");

    // As often as the policy allows, and each renewal is approved anew.
    let renew = |path: String, until: i64| {
        let body = json!({ "until": later(until), "reason": "not yet upgraded" });
        async move { trial.send(olga, "POST", &format!("{path}/renew"), &body).await }
    };
    let renewal = format!("{API}/{}", id(&renew(one.clone(), 25).await));
    for approver in [&ann, &cara] {
        assert_eq!(trial.send(approver, "POST", &format!("{renewal}/approve"), &json!({})).await.status, StatusCode::OK);
    }
    let (_, code, detail) = refused(&renew(renewal.clone(), 28).await);
    assert!(code == "E-EXCEPTION-RENEWALS" && detail.contains("renewal 2") && detail.contains("allows 1"), "{detail}");
    assert_eq!(refused(&renew(one.clone(), 28).await).1, "E-STATE", "it was renewed already");
    let (_, code, detail) = refused(&trial.send(olga, "POST", API, &with(sound.clone(), "until", json!(later(28)))).await);
    assert!(code == "E-EXCEPTION-RENEWALS" && detail.contains("renewal 2"), "asked for anew it is a renewal all the same: {code} {detail}");

    // A token asks and refuses; approving takes the person.
    let token = trial.send(owner, "POST", "/api/v1/account/tokens", &json!({ "name": "t", "grants": [{ "role": "approver" }], "days": 1 })).await;
    let token = Asker { token: Some(token.json()["secret"].as_str().unwrap().to_owned()), ..Asker::default() };
    assert_eq!(refused(&trial.send(&token, "POST", &format!("{renewal}/approve"), &json!({})).await).1, "E-STEP-UP");
    let acts = trial.app().store.activity(&ActivityQuery { limit: 1000, ..ActivityQuery::new(Scope::All) }).await.unwrap().into_iter().map(|entry| entry.verb).rev();
    let acts: Vec<String> = acts.filter(|verb| verb.starts_with("exception.")).collect();
    assert_eq!(acts, ["request", "request", "refuse", "approve", "approve", "renew", "approve", "approve"].map(|act| format!("exception.{act}")));
}

/// Puts one into the store as if people had done it in the past.
async fn past(ground: &Ground, from: Timestamp, until: Timestamp) -> ExceptionId {
    use plimsoll_core::model::exception::{Approval, Covered, Somebody};
    use plimsoll_core::model::identifier::PersonId;
    let store = &ground.trial.app().store;
    let exception = Exception {
        id: ExceptionId::from_bits(plimsoll_store::identifier::fresh(from).unwrap()),
        client: ground.home,
        kind: plimsoll_core::model::policy::WaiverKind::Deferral,
        advisories: ["TEST-2026-1".to_owned()].into(),
        package: None,
        hosts: Covered::All,
        owner: "Ada".to_owned(),
        reason: "the cluster is upgraded first".to_owned(),
        control: String::new(),
        levels: ["high".to_owned()].into(),
        quorum: 1,
        until,
        requested: from,
        requester: Somebody { person: Some(PersonId::from_bits(1)), name: "olga".to_owned() },
        approvals: Vec::new(),
        state: ExceptionState::Requested,
        decided: None,
        since: None,
        renews: None,
        renewals: 0,
        reviewed: None,
        replaced_by: None,
    };
    let mut change = store.begin(Intent::new(Actor::server(), from, "exception.request", "exception")).await.unwrap();
    change.request_exception(&exception).await.unwrap();
    let approval = Approval { person: PersonId::from_bits(2), name: "ann".to_owned(), at: from };
    change.approve_exception(exception.id, &approval, "", |_| true).await.unwrap();
    change.commit(None).await.unwrap();
    exception.id
}

#[tokio::test(flavor = "multi_thread")]
async fn it_marks_its_findings_until_it_ends_and_tells_of_its_end() {
    let mut ground = ground(&["web", "db"]).await;
    let place = format!("{}|", ground.home);
    let olga = ground.trial.person(&mut ground.owner, "olga", "operator", &place).await;
    let (trial, owner, app) = (&ground.trial, &ground.owner, ground.trial.app());
    let due = finding(trial, owner, &ground.web).await["due"].clone();
    let now = Timestamp::now();

    // In force: marked, counted apart, its due date where it was.
    let lasting = past(&ground, now - days(10), now + days(10)).await;
    refresh(app).await.unwrap();
    let marked = finding(trial, owner, &ground.web).await;
    assert_eq!((&marked["due"], &marked["exception"]["by"], &marked["exception"]["id"]), (&due, &json!("ann"), &json!(lasting.to_string())));
    let sum = standings(trial, &olga).await;
    // Due in a week: which of the two depends on the hour.
    let in_time = |sum: &Value| sum["due_soon"].as_u64().unwrap() + sum["within"].as_u64().unwrap();
    assert_eq!((&sum["findings"], &sum["excepted"], in_time(&sum)), (&json!(2), &json!(2), 0));
    assert_eq!(finding(trial, owner, &ground.river).await["exception"], Value::Null, "another client's finding stays as it is");
    let only = trial.get(owner, "/api/v1/findings?excepted=true").await.json();
    assert_eq!(only["total"], 2);
    let shown = trial.get(owner, &format!("/api/v1/hosts/{}", ground.web)).await.json();
    assert_eq!((&shown["row"]["excepted"], &shown["exceptions"][0]["due"]), (&json!(1), &due));
    assert_eq!(shown["scan"]["findings"].as_array().unwrap().len(), 1, "nothing is hidden");
    let page = trial.get(owner, &format!("/console/hosts/{}", ground.web)).await.body;
    assert!(page.contains("Excepted until") && page.contains("by ann: put off to a new date"), "{page}");
    let page = trial.get(owner, "/console/advisories/TEST-2026-1").await.body;
    assert!(page.contains("Excepted until"), "{page}");
    assert!(trial.get(owner, "/console").await.body.contains("2\u{a0}findings are under an exception"));

    // Told once when it comes near its end, and again when it has ended.
    tell(app, now).await.unwrap();
    tell(app, now).await.unwrap();
    let alerts = |asker: Asker| async move { trial.get(&asker, "/api/v1/alerts").await.json() };
    let told = alerts(olga.clone()).await;
    assert_eq!((told.as_array().unwrap().len(), &told[0]["kind"], &told[0]["times"]), (1, &json!(ENDS), &json!(1)));
    assert!(told[0]["text"].as_str().unwrap().contains("TEST-2026-1 ends at"), "{told}");
    tell(app, now + days(11)).await.unwrap();
    let told = alerts(olga.clone()).await;
    assert!(told[0]["times"] == 2 && told[0]["text"].as_str().unwrap().contains("ended at"), "{told}");

    // Taken back, its findings count again at once; so do those of one whose
    // end the clock has passed.
    let back = trial.send(&olga, "POST", &format!("{API}/{lasting}/withdraw"), &json!({ "reason": "patched next week" })).await;
    assert_eq!((back.status, &back.json()["state"]), (StatusCode::OK, &json!("withdrawn")));
    let sum = standings(trial, &olga).await;
    assert_eq!((&sum["excepted"], in_time(&sum)), (&json!(0), 2));
    let ended = past(&ground, now - days(40), now - days(1)).await;
    refresh(app).await.unwrap();
    assert_eq!(standings(trial, &olga).await["excepted"], 0);
    let shown = trial.get(&olga, &format!("{API}/{ended}")).await.json();
    assert_eq!((&shown["state"], &shown["findings"]), (&json!("expired"), &json!(2)));
    assert_eq!(refused(&trial.send(&olga, "POST", &format!("{API}/{ended}/withdraw"), &json!({ "reason": "x" })).await).0, 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_renewal_takes_its_place_and_nobody_sees_anothers() {
    let mut ground = ground(&["web"]).await;
    let river = ground.trial.get(&ground.owner, &format!("/api/v1/hosts/{}", ground.river)).await.json()["row"]["client"].as_str().unwrap().to_owned();
    let place = format!("{}|", ground.home);
    let olga = ground.trial.person(&mut ground.owner, "olga", "operator", &place).await;
    let mut ann = ground.trial.person(&mut ground.owner, "ann", "approver", &place).await;
    let foreign = ground.trial.person(&mut ground.owner, "rita", "operator", &format!("{river}|")).await;
    let (trial, app) = (&ground.trial, ground.trial.app());
    let now = Timestamp::now();
    let old = past(&ground, now - days(10), now + days(5)).await;
    refresh(app).await.unwrap();

    // The other client: an empty list, no such thing, no mark.
    assert_eq!(trial.get(&foreign, API).await.json(), json!({ "rows": [], "total": 0 }));
    for (method, path) in [("GET", ""), ("POST", "/withdraw"), ("POST", "/renew")] {
        let body = if path == "/renew" { json!({ "until": later(9), "reason": "x" }) } else { json!({ "reason": "x" }) };
        let said = match method {
            "GET" => trial.get(&foreign, &format!("{API}/{old}{path}")).await,
            _ => trial.send(&foreign, method, &format!("{API}/{old}{path}"), &body).await,
        };
        assert_eq!(said.status, StatusCode::NOT_FOUND, "{path}: {said:?}");
    }
    assert_eq!(refused(&trial.send(&foreign, "POST", API, &wish(&ground)).await).0, 404);
    assert!(!trial.get(&foreign, "/console/exceptions").await.body.contains("TEST-2026-1"));

    // Renewed by the console's forms; the old one gives way on approval.
    let mut olga = olga;
    let day = (now + days(20)).strftime("%Y-%m-%d").to_string();
    let path = format!("/console/exceptions/{old}");
    let sent = trial.post(&mut olga, &format!("{path}/renew"), &[("until", &day), ("reason", "not yet upgraded")]).await;
    assert_eq!(sent.location, "/console/exceptions", "{sent:?}");
    let again = trial.send(&olga, "POST", &format!("{API}/{old}/renew"), &json!({ "until": later(9), "reason": "x" })).await;
    assert_eq!(refused(&again).1, "E-STATE", "one renewal at a time");
    let waiting = trial.get(&olga, &format!("{API}?standing=requested")).await.json();
    let renewal = waiting["rows"][0]["id"].as_str().unwrap().to_owned();
    assert_eq!((&waiting["total"], &waiting["rows"][0]["renewals"]), (&json!(1), &json!(1)));
    let page = trial.get(&ann, "/console/exceptions").await.body;
    assert!(page.contains(&format!("/console/exceptions/{renewal}/approve")), "{page}");
    let done = trial.post(&mut ann, &format!("/console/exceptions/{renewal}/approve"), &[("reason", "")]).await;
    assert_eq!(done.location, "/console/exceptions", "{done:?}");
    let replaced = trial.get(&olga, &format!("{API}/{old}")).await.json();
    assert_eq!((&replaced["state"], &replaced["replaced_by"]), (&json!("replaced"), &json!(renewal)));
    assert_eq!(finding(trial, &olga, &ground.web).await["exception"]["id"], json!(renewal));
    assert_eq!(trial.get(&olga, &format!("{API}?advisory=TEST-2026-1&host={}", ground.web)).await.json()["total"], 2);
    assert_eq!(refused(&trial.get(&olga, &format!("{API}?standing=gone")).await).1, "E-PARAMETER");
}

/// What a form of PCI says of the acceptance of a host's finding, at a moment.
async fn accepted_at(ground: &Ground, at: Timestamp) -> (Value, String) {
    let said = ground.trial.get(&ground.owner, &format!("/api/v1/reports/pci-6-3-3?as_of={at}")).await;
    let form = said.json();
    let row = form["duties"]["rows"].as_array().unwrap_or_else(|| panic!("{said:?}")).iter().find(|row| row["host"] == ground.web.as_str()).cloned();
    (row.unwrap_or_else(|| panic!("{form}"))["accepted"].clone(), said.body)
}

async fn a_moment() -> Timestamp {
    tokio::time::sleep(std::time::Duration::from_millis(3)).await;
    let at = Timestamp::now();
    tokio::time::sleep(std::time::Duration::from_millis(3)).await;
    at
}

/// A regulator's form names what was in force at its moment, whatever became
/// of it later; what was asked for and not yet granted was not.
#[tokio::test(flavor = "multi_thread")]
async fn forms_of_a_past_moment_name_what_was_in_force_then() {
    let mut ground = ground(&["web"]).await;
    let text = "schema = \"patch-policy/1\"\nextends = [\"pci-dss-4.0.1\"]\n[policy]\nid = \"acme\"\nversion = \"1\"\n[people]\nann = {}\ncara = {}\n[roles]\nrisk_acceptor = { high = \"ann\", other = \"cara\" }\n";
    let set = ground.trial.send(&ground.owner, "PUT", "/api/v1/policy/file", &json!({ "text": text, "reason": "two decide", "accept_longer": true })).await;
    assert_eq!(set.status, StatusCode::OK, "{set:?}");
    let place = format!("{}|", ground.home);
    let olga = ground.trial.person(&mut ground.owner, "olga", "operator", &place).await;
    let ann = ground.trial.person(&mut ground.owner, "ann", "approver", &place).await;
    let cara = ground.trial.person(&mut ground.owner, "cara", "approver", &place).await;
    let approve = |asker: Asker, id: String| {
        let trial = &ground.trial;
        async move { trial.send(&asker, "POST", &format!("{API}/{id}/approve"), &json!({})).await.json()["state"].clone() }
    };
    for _ in 0..100 {
        if ground.trial.get(&ground.owner, &format!("/api/v1/reports/pci-6-3-3?as_of={}", a_moment().await)).await.body.contains("pci-dss-4.0.1/other") {
            break;
        }
        tokio::time::sleep(std::time::Duration::from_millis(100)).await;
    }
    let one = id(&ground.trial.send(&olga, "POST", API, &wish(&ground)).await);
    assert_eq!(approve(ann.clone(), one.clone()).await, "requested", "the policy names two");
    assert_eq!(accepted_at(&ground, a_moment().await).await.0, Value::Null, "it is not in force yet");
    assert_eq!(approve(cara.clone(), one.clone()).await, "approved");
    let then = a_moment().await;
    let (accepted, form) = accepted_at(&ground, then).await;
    assert!(accepted.as_str().is_some_and(|words| words.contains(&one)), "{accepted}");

    // Renewed, and the renewal taken back: the form of then stays as it was.
    let renewed = ground.trial.send(&olga, "POST", &format!("{API}/{one}/renew"), &json!({ "until": later(30), "reason": "not yet" })).await;
    let two = id(&renewed);
    approve(ann, two.clone()).await;
    assert_eq!(approve(cara, two.clone()).await, "approved");
    let later = a_moment().await;
    assert!(accepted_at(&ground, then).await.1 == form, "the past has changed");
    let (accepted, renewal) = accepted_at(&ground, later).await;
    assert!(accepted.as_str().is_some_and(|words| words.contains(&two)), "{accepted}");
    ground.trial.send(&olga, "POST", &format!("{API}/{two}/withdraw"), &json!({ "reason": "patched next week" })).await;
    assert!(accepted_at(&ground, then).await.1 == form && accepted_at(&ground, later).await.1 == renewal, "the past has changed");
    assert_eq!(accepted_at(&ground, a_moment().await).await.0, Value::Null);

    // A client's refusal is in force without anybody's approval.
    let store = &ground.trial.app().store;
    let now = Timestamp::now();
    let refusal = store.exception(two.parse().unwrap()).await.unwrap();
    let refusal = Exception {
        id: ExceptionId::from_bits(plimsoll_store::identifier::fresh(now).unwrap()),
        kind: plimsoll_core::model::policy::WaiverKind::ClientRefusal,
        requested: now,
        approvals: Vec::new(),
        state: ExceptionState::Approved,
        decided: Some(plimsoll_core::model::exception::Decided { at: now, by: "carl".to_owned(), why: "not in December".to_owned() }),
        since: None,
        renews: None,
        renewals: 0,
        ..refusal
    };
    let mut change = store.begin(Intent::new(Actor::server(), now, "question.answer", "rollout:x")).await.unwrap();
    change.record_waiver(&refusal).await.unwrap();
    change.commit(None).await.unwrap();
    let (accepted, _) = accepted_at(&ground, a_moment().await).await;
    assert!(accepted.as_str().is_some_and(|words| words.contains("client-refusal")), "{accepted}");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_exception_in_force_is_looked_at_again_as_often_as_the_policy_says() {
    let mut ground = ground(&["web", "db"]).await;
    let text = ground.trial.get(&ground.owner, "/api/v1/policy/file").await.json()["text"].as_str().unwrap().to_owned();
    let rules = "[waiver]\nkinds = [\"deferral\", \"no-fix-available\"]\nreview_every = \"PT240H\"\n[unpatchable]\nisolate = true\nreview_every = \"PT120H\"\n";
    let govern = json!({ "text": format!("{text}\n{rules}"), "reason": "reviews" });
    assert_eq!(ground.trial.send(&ground.owner, "PUT", "/api/v1/policy/file", &govern).await.status, StatusCode::OK);
    let place = format!("{}|", ground.home);
    let olga = ground.trial.person(&mut ground.owner, "olga", "operator", &place).await;
    let ann = ground.trial.person(&mut ground.owner, "ann", "approver", &place).await;
    let (trial, app) = (&ground.trial, ground.trial.app());
    let unfixed = with(wish(&ground), "kind", json!("no-fix-available"));
    let (_, code, detail) = refused(&trial.send(&olga, "POST", API, &with(unfixed.clone(), "control", json!(""))).await);
    assert!(code == "E-EXCEPTION-CONTROL" && detail.contains("unpatchable.isolate"), "{detail}");
    let moment = |value: &Value| value.as_str().unwrap().parse::<Timestamp>().unwrap();
    let mut paths = Vec::new();
    for (wish, every) in [(wish(&ground), 10), (unfixed, 5)] {
        let asked = trial.send(&olga, "POST", API, &wish).await;
        assert_eq!(asked.json()["review_due"], Value::Null, "it is not in force");
        let path = format!("{API}/{}", id(&asked));
        assert_eq!(refused(&trial.send(&olga, "POST", &format!("{path}/review"), &json!({ "reason": "fine" })).await).1, "E-STATE");
        let given = trial.send(&ann, "POST", &format!("{path}/approve"), &json!({})).await.json();
        assert_eq!(moment(&given["review_due"]), moment(&given["decided"]) + days(every), "{given}");
        paths.push(path);
    }
    let alerts = || async {
        let all = trial.get(&ground.owner, "/api/v1/alerts").await.json();
        all.as_array().unwrap().iter().filter(|alert| alert["kind"] == REVIEW).map(|alert| alert["text"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
    };
    let now = Timestamp::now();
    remind(app, now + days(4)).await.unwrap();
    assert!(alerts().await.is_empty());
    for _ in 0..2 {
        remind(app, now + days(6)).await.unwrap();
    }
    let told = alerts().await;
    assert!(told.len() == 1 && told[0].contains("Ada answers for it"), "{told:?}");
    let page = trial.get(&olga, "/console/exceptions").await.body;
    assert!(page.contains("to be looked at again by"), "{page}");
    assert_eq!(refused(&trial.send(&olga, "POST", &format!("{}/review", paths[1]), &json!({ "reason": " " })).await).1, "E-TEXT");
    let seen = trial.send(&olga, "POST", &format!("{}/review", paths[1]), &json!({ "reason": "still isolated" })).await.json();
    assert_eq!(moment(&seen["review_due"]), moment(&seen["reviewed"]) + days(5), "{seen}");
    assert!(alerts().await.is_empty(), "somebody looked");
    // One that ends takes its alert along: nobody can look at it any more.
    remind(app, now + days(11)).await.unwrap();
    assert_eq!(alerts().await.len(), 2);
    remind(app, now + days(60)).await.unwrap();
    assert!(alerts().await.is_empty(), "they ended");
}

/// The cap is one of the client's, however many servers approve.
#[tokio::test(flavor = "multi_thread")]
async fn what_another_server_approves_counts_against_the_cap() {
    let mut ground = ground(&["web", "db", "mail"]).await;
    govern(&ground).await;
    let place = format!("{}|", ground.home);
    let olga = ground.trial.person(&mut ground.owner, "olga", "operator", &place).await;
    let ann = ground.trial.person(&mut ground.owner, "ann", "approver", &place).await;
    let cara = ground.trial.person(&mut ground.owner, "cara", "approver", &place).await;
    let (trial, app) = (&ground.trial, ground.trial.app());
    let hosts = trial.get(&ground.owner, "/api/v1/hosts").await.json();
    let mut asked = Vec::new();
    for name in ["web", "db", "mail"] {
        let host = hosts["rows"].as_array().unwrap().iter().find(|row| row["name"] == name).unwrap_or_else(|| panic!("{hosts}"))["id"].clone();
        let made = trial.send(&olga, "POST", API, &with(wish(&ground), "hosts", json!([host]))).await;
        let one = id(&made);
        assert_eq!(trial.send(&ann, "POST", &format!("{API}/{one}/approve"), &json!({})).await.status, StatusCode::OK);
        asked.push(one);
    }
    // One of three hosts is a third, two are more than half. Two at once:
    let approve = |one: &String| format!("{API}/{one}/approve");
    let (first, second) = (approve(&asked[0]), approve(&asked[1]));
    let none = json!({});
    let (one, other) = tokio::join!(trial.send(&cara, "POST", &first, &none), trial.send(&cara, "POST", &second, &none));
    let mut codes = [refused(&one).1, refused(&other).1];
    codes.sort();
    assert_eq!(codes, ["", "E-EXCEPTION-CAP"], "{one:?} {other:?}");

    // Another server writes to the same database, and this one has not heard of it yet.
    let done = &asked[usize::from(one.status != StatusCode::OK)];
    assert_eq!(trial.send(&ground.owner, "POST", &format!("{API}/{done}/withdraw"), &json!({ "reason": "done" })).await.status, StatusCode::OK);
    let known = app.store.exception(asked[2].parse().unwrap()).await.unwrap();
    let person = app.store.person_by_account("cara").await.unwrap().unwrap().id;
    let approval = Approval { person, name: "cara".to_owned(), at: Timestamp::now() };
    let mut change = app.store.begin(Intent::new(Actor::server(), approval.at, "exception.approve", format!("exception:{}", known.id))).await.unwrap();
    let in_force = change.approve_exception(known.id, &approval, "", |_| true).await.unwrap();
    change.commit(None).await.unwrap();
    assert_eq!(in_force.state, ExceptionState::Approved);
    let open = &asked[usize::from(one.status == StatusCode::OK)];
    assert_eq!(refused(&trial.send(&cara, "POST", &approve(open), &none).await).1, "E-EXCEPTION-CAP");
}
