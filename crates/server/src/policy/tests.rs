//! The life of a policy, as people and programs live it.

use crate::trial::{Asker, Said, Trial};
use axum::http::StatusCode;
use jiff::{Timestamp, ToSpan};
use serde_json::{Value, json};

const VERSIONS: &str = "/api/v1/policy/versions";

/// A policy that names two who approve the next.
fn policy(version: &str, days: u32, more: &str) -> String {
    format!(
        "schema = \"patch-policy/1\"\n[policy]\nid = \"acme\"\nversion = \"{version}\"\nowner = \"ciso\"\napproved_by = [\"ciso\", \"cio\"]\n{more}\n[people]\nciso = {{ name = \"Ingrid\" }}\ncio = {{ name = \"Per\" }}\n[[deadline]]\nid = \"all\"\nwithin = \"P{days}D\"\n"
    )
}

struct People {
    trial: Trial,
    owner: Asker,
    author: Asker,
    one: Asker,
    other: Asker,
}

impl People {
    async fn start() -> Self {
        let trial = Trial::start().await;
        let mut owner = trial.owner().await;
        let author = trial.person(&mut owner, "author", "policy-author", "").await;
        let one = trial.person(&mut owner, "one", "approver", "").await;
        let other = trial.person(&mut owner, "other", "approver", "").await;
        Self { trial, owner, author, one, other }
    }

    async fn set(&self, text: &str) -> Said {
        self.trial.send(&self.owner, "PUT", "/api/v1/policy/file", &json!({ "text": text, "reason": "the first", "accept_longer": true })).await
    }

    async fn propose(&self, text: &str) -> Said {
        self.trial.send(&self.author, "POST", VERSIONS, &json!({ "text": text, "reason": "as the board decided" })).await
    }

    async fn say(&self, asker: &Asker, number: u64, what: &str, body: Value) -> Said {
        self.trial.send(asker, "POST", &format!("{VERSIONS}/{number}/{what}"), &body).await
    }

    async fn in_force(&self) -> Value {
        self.trial.get(&self.owner, "/api/v1/policy/file").await.json()
    }

    async fn states(&self) -> Vec<String> {
        let known = self.trial.get(&self.owner, VERSIONS).await.json();
        known.as_array().unwrap().iter().map(|version| format!("{} {}", version["number"], version["state"].as_str().unwrap())).collect()
    }
}

fn refused(said: &Said, status: StatusCode, code: &str) {
    assert!(said.status == status && said.json()["code"] == code, "{code}: {said:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn people_sign_off_what_somebody_else_wrote() {
    let people = People::start().await;
    let first = policy("1", 14, "");
    assert_eq!(people.set(&first).await.status, StatusCode::OK);
    assert_eq!(people.in_force().await["sign_offs"], 2);
    assert_eq!(people.states().await, ["1 in-force"]);

    // From now on nobody replaces it alone.
    let next = policy("2", 20, "");
    refused(&people.set(&next).await, StatusCode::CONFLICT, "E-POLICY-APPROVAL");
    let proposed = people.propose(&next).await;
    assert_eq!(proposed.status, StatusCode::OK, "{proposed:?}");
    let proposed = proposed.json();
    assert_eq!((&proposed["number"], &proposed["state"], &proposed["needed"], &proposed["longer"]), (&json!(2), &json!("proposed"), &json!(2), &json!(1)), "{proposed}");
    refused(&people.propose(&next).await, StatusCode::CONFLICT, "E-TAKEN");
    refused(&people.propose(&first).await, StatusCode::CONFLICT, "E-NO-CHANGE");
    let broken = people.propose(&policy("2", 20, "effective = \"soon\"")).await;
    assert!(broken.status == StatusCode::BAD_REQUEST && broken.json()["place"] == "policy:7", "{broken:?}");

    // Outline first, by somebody who may and did not write it.
    refused(&people.say(&people.author, 2, "outline", json!({})).await, StatusCode::FORBIDDEN, "E-PERMISSION");
    refused(&people.say(&people.one, 2, "approve", json!({ "accept_longer": true })).await, StatusCode::CONFLICT, "E-POLICY-STATE");
    assert_eq!(people.say(&people.one, 2, "comment", json!({ "text": "  " })).await.status, StatusCode::BAD_REQUEST);
    assert_eq!(people.say(&people.one, 2, "comment", json!({ "text": "why twenty?" })).await.status, StatusCode::OK);
    assert_eq!(people.say(&people.one, 2, "outline", json!({})).await.json()["state"], "outlined");
    refused(&people.say(&people.other, 2, "outline", json!({})).await, StatusCode::CONFLICT, "E-POLICY-STATE");

    // Longer deadlines are accepted in so many words, by two people.
    refused(&people.say(&people.one, 2, "approve", json!({})).await, StatusCode::CONFLICT, "E-POLICY-LONGER");
    let signed = people.say(&people.one, 2, "approve", json!({ "accept_longer": true, "text": "fine" })).await.json();
    assert_eq!((&signed["state"], &signed["approvals"]), (&json!("outlined"), &json!(1)));
    refused(&people.say(&people.one, 2, "approve", json!({ "accept_longer": true })).await, StatusCode::CONFLICT, "E-POLICY-STATE");
    assert_eq!(people.in_force().await["text"], first);
    assert_eq!(people.say(&people.other, 2, "approve", json!({ "accept_longer": true })).await.json()["state"], "in-force");
    let held = people.in_force().await;
    assert_eq!((&held["text"], &held["by"], &held["reason"]), (&json!(next), &json!("author"), &json!("as the board decided")));
    assert_eq!(people.states().await, ["2 in-force", "1 past"]);
    // What is settled stays so, and its text can be read for ever.
    refused(&people.say(&people.one, 2, "refuse", json!({ "text": "late" })).await, StatusCode::CONFLICT, "E-POLICY-STATE");
    assert_eq!(people.trial.get(&people.one, &format!("{VERSIONS}/1")).await.json()["text"], first);
    refused(&people.trial.get(&people.one, &format!("{VERSIONS}/9")).await, StatusCode::NOT_FOUND, "E-NOT-FOUND");
    refused(&people.trial.get(&people.one, &format!("{VERSIONS}/18446744073709551615")).await, StatusCode::NOT_FOUND, "E-NOT-FOUND");
    let log = people.trial.get(&people.owner, "/console/activity").await.body;
    for verb in ["policy.propose", "policy.comment", "policy.outline", "policy.approve", "policy.set"] {
        assert!(log.contains(verb), "{verb}");
    }
}

/// Whoever wrote it, with both roles.
async fn with_both_roles(people: &mut People) -> Asker {
    let known = people.trial.app().identity.people().await.unwrap();
    let id = known.iter().find(|person| person.account == "author").unwrap().id.to_string();
    people.trial.post(&mut people.owner, &format!("/console/people/{id}/roles"), &[("role", "approver"), ("place", ""), ("reason", "small team")]).await;
    let link = people.trial.post(&mut people.owner, &format!("/console/people/{id}/link"), &[]).await;
    let mut both = Asker::default();
    let token = link.element("invitation-link").rsplit('/').next().unwrap().to_owned();
    people.trial.post(&mut both, "/console/sign-in/link", &[("token", &token)]).await;
    both
}

/// A token acts for whoever made it: what it proposed is theirs.
#[tokio::test(flavor = "multi_thread")]
async fn what_a_token_proposed_its_maker_does_not_sign_off() {
    let mut people = People::start().await;
    assert_eq!(people.set(&policy("1", 14, "")).await.status, StatusCode::OK);
    let both = with_both_roles(&mut people).await;
    let made = people.trial.send(&both, "POST", "/api/v1/account/tokens", &json!({ "name": "ci", "grants": [{ "role": "policy-author" }], "days": 1 })).await;
    let token = Asker { token: Some(made.json()["secret"].as_str().unwrap_or_else(|| panic!("{made:?}")).to_owned()), ..Asker::default() };
    let proposed = people.trial.send(&token, "POST", VERSIONS, &json!({ "text": policy("2", 10, ""), "reason": "by the pipeline" })).await;
    assert_eq!(proposed.json()["author"], "author", "{proposed:?}");
    assert!(!people.trial.get(&both, "/console/policy/versions/2").await.body.contains("Sign off"));
    refused(&people.say(&both, 2, "outline", json!({})).await, StatusCode::CONFLICT, "E-POLICY-OWN");
    people.say(&people.one, 2, "outline", json!({})).await;
    refused(&people.say(&both, 2, "approve", json!({})).await, StatusCode::CONFLICT, "E-POLICY-OWN");
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_approves_cannot_approve_their_own() {
    let mut people = People::start().await;
    assert_eq!(people.set(&policy("1", 14, "")).await.status, StatusCode::OK);
    people.author = with_both_roles(&mut people).await;
    assert_eq!(people.propose(&policy("2", 10, "")).await.json()["number"], 2);
    for (what, body) in [("outline", json!({})), ("refuse", json!({ "text": "no" }))] {
        refused(&people.say(&people.author, 2, what, body).await, StatusCode::CONFLICT, "E-POLICY-OWN");
    }
    people.say(&people.one, 2, "outline", json!({})).await;
    refused(&people.say(&people.author, 2, "approve", json!({})).await, StatusCode::CONFLICT, "E-POLICY-OWN");
    assert_eq!(people.say(&people.author, 2, "withdraw", json!({ "text": "later" })).await.json()["state"], "withdrawn");
    assert_eq!(people.propose(&policy("2", 10, "")).await.json()["number"], 3);
    assert_eq!(people.say(&people.other, 3, "refuse", json!({ "text": "too short" })).await.json()["state"], "refused");
    assert_eq!(people.states().await, ["3 refused", "2 withdrawn", "1 in-force"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn it_binds_from_its_day_on_and_sign_offs_end_with_another_policy() {
    let people = People::start().await;
    assert_eq!(people.set(&policy("1", 14, "")).await.status, StatusCode::OK);
    let day = Timestamp::now().checked_add((30 * 24).hours()).unwrap().strftime("%Y-%m-%d").to_string();
    let text = policy("2", 10, &format!("effective = {day}"));
    let proposed = people.propose(&text).await.json();
    assert!(proposed["effective"].as_str().is_some_and(|effective| effective.starts_with(&day)), "{proposed}");
    people.say(&people.one, 2, "outline", json!({})).await;
    people.say(&people.one, 2, "approve", json!({})).await;
    assert_eq!(people.say(&people.other, 2, "approve", json!({})).await.json()["state"], "approved");
    let app = people.trial.app();
    super::tick(app, Timestamp::now()).await;
    assert_eq!(people.states().await, ["2 approved", "1 in-force"]);
    // While it waits for its day another one comes into force.
    assert_eq!(people.propose(&policy("3", 7, "")).await.json()["number"], 3);
    people.say(&people.one, 3, "outline", json!({})).await;
    people.say(&people.one, 3, "approve", json!({})).await;
    people.say(&people.other, 3, "approve", json!({})).await;
    assert_eq!(people.states().await, ["3 in-force", "2 approved", "1 past"]);
    let later = Timestamp::now().checked_add((31 * 24).hours()).unwrap();
    super::tick(app, later).await;
    assert_eq!(people.states().await, ["3 in-force", "2 proposed", "1 past"], "what was signed changes something else now");
    let void = people.trial.get(&people.one, &format!("{VERSIONS}/2")).await.json();
    assert_eq!((&void["approvals"], &void["longer"]), (&json!(0), &json!(1)), "{void}");
    people.say(&people.one, 2, "outline", json!({})).await;
    people.say(&people.one, 2, "approve", json!({ "accept_longer": true })).await;
    assert_eq!(people.say(&people.other, 2, "approve", json!({ "accept_longer": true })).await.json()["state"], "approved");
    super::tick(app, later).await;
    super::tick(app, later).await;
    assert_eq!(people.states().await, ["3 past", "2 in-force", "1 past"]);
    assert_eq!(people.in_force().await["text"], text);
}

#[tokio::test(flavor = "multi_thread")]
async fn clients_do_not_read_each_others_words() {
    let mut people = People::start().await;
    let client = people.trial.app().store.clients(&plimsoll_store::Scope::All).await.unwrap()[0].id;
    let limited = people.trial.person(&mut people.owner, "limited", "viewer", &format!("{client}|")).await;
    people.set(&policy("1", 14, "")).await;
    people.propose(&policy("2", 10, "")).await;
    assert_eq!(people.say(&people.one, 2, "comment", json!({ "text": "between us" })).await.status, StatusCode::OK);
    assert_eq!(people.say(&limited, 2, "comment", json!({ "text": "we close in July" })).await.status, StatusCode::OK);
    let theirs = people.trial.get(&limited, &format!("{VERSIONS}/2")).await.json();
    assert_eq!(theirs["said"].as_array().map(Vec::len), Some(1), "{theirs}");
    assert!(theirs.to_string().contains("July") && !theirs.to_string().contains("between us") && theirs["author"] == "", "{theirs}");
    let page = people.trial.get(&limited, "/console/policy/versions/2").await.body;
    assert!(page.contains("July") && !page.contains("between us") && !page.contains("Sign off in outline"), "{page}");
    let ours = people.trial.get(&people.one, "/console/policy/versions/2").await.body;
    assert!(ours.contains("July") && ours.contains("between us") && ours.contains("Sign off in outline"), "{ours}");
}

/// The same life in the console: proposed, signed and in force by forms alone.
#[tokio::test(flavor = "multi_thread")]
async fn the_console_carries_it_through() {
    let mut people = People::start().await;
    people.set(&policy("1", 14, "")).await;
    let text = policy("2", 20, "");
    let checked = people.trial.post(&mut people.author, "/console/policy/check", &[("text", &text)]).await.body;
    assert!(checked.contains("Propose it") && !checked.contains("Put it in force") && checked.contains("due later than now"), "{checked}");
    let sent = people.trial.post(&mut people.author, "/console/policy/versions", &[("text", &text.replace('\n', "\r\n")), ("reason", "as the board decided")]).await;
    assert_eq!((sent.status, sent.location.as_str()), (StatusCode::SEE_OTHER, "/console/policy/versions/2"), "{sent:?}");
    let page = "/console/policy/versions/2";
    assert!(people.trial.get(&people.author, page).await.body.contains("Take it back"));
    assert!(!people.trial.get(&people.author, page).await.body.contains("Sign off"));
    people.trial.post(&mut people.one, &format!("{page}/outline"), &[("text", "")]).await;
    let early = people.trial.post(&mut people.one, &format!("{page}/approve"), &[("text", "")]).await;
    assert!(early.status == StatusCode::CONFLICT && early.body.contains("would come due later than now"), "{early:?}");
    people.trial.post(&mut people.one, &format!("{page}/approve"), &[("text", ""), ("accept_longer", "on")]).await;
    let last = people.trial.post(&mut people.other, &format!("{page}/approve"), &[("text", ""), ("accept_longer", "on")]).await;
    assert_eq!(last.location, page, "{last:?}");
    assert_eq!(people.in_force().await["text"], text);
    let shown = people.trial.get(&people.one, "/console/policy").await.body;
    assert!(shown.contains("acme 2") && shown.contains("/console/policy/versions/1"), "{shown}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_policy_is_looked_at_anew_as_often_as_it_says() {
    let people = People::start().await;
    let app = people.trial.app();
    let after = |days: i64| Timestamp::now().checked_add((days * 24).hours()).unwrap();
    let alerts = async || {
        let open = app.store.open_alerts(&plimsoll_store::Scope::All, 10).await.unwrap();
        open.into_iter().filter(|alert| alert.kind == "policy-review").count()
    };
    assert_eq!(people.in_force().await["review_due"], Value::Null, "a preset says nothing of it");
    super::tick(app, after(4_000)).await;
    assert_eq!(alerts().await, 0);
    people.set(&policy("1", 14, "review_every = \"P1Y\"")).await;
    let due = people.in_force().await["review_due"].as_str().unwrap().to_owned();
    assert!(due > after(364).to_string() && due < after(367).to_string(), "{due}");
    super::tick(app, after(300)).await;
    assert_eq!(alerts().await, 0);
    super::tick(app, after(400)).await;
    super::tick(app, after(401)).await;
    assert_eq!(alerts().await, 1, "told once");
    refused(&people.trial.send(&people.one, "POST", "/api/v1/policy/review", &json!({ "text": "fine" })).await, StatusCode::FORBIDDEN, "E-PERMISSION");
    assert_eq!(people.trial.send(&people.author, "POST", "/api/v1/policy/review", &json!({ "text": " " })).await.status, StatusCode::BAD_REQUEST);
    let reviewed = people.trial.send(&people.author, "POST", "/api/v1/policy/review", &json!({ "text": "still right" })).await;
    assert_eq!(reviewed.status, StatusCode::OK, "{reviewed:?}");
    assert!(reviewed.json()["reviewed"].is_string() && reviewed.json()["review_due"].as_str() >= Some(due.as_str()), "{reviewed:?}");
    assert_eq!(alerts().await, 0);
    let kept = super::review::last(&app.store).await.unwrap().unwrap();
    assert_eq!((kept.by.as_str(), kept.text.as_str()), ("author", "still right"));
    // A review is of the text that was in force, and of no other.
    people.propose(&policy("2", 10, "review_every = \"P1Y\"")).await;
    people.say(&people.one, 2, "outline", json!({})).await;
    people.say(&people.one, 2, "approve", json!({})).await;
    people.say(&people.other, 2, "approve", json!({})).await;
    assert_eq!(people.in_force().await["reviewed"], Value::Null);
    let page = people.trial.get(&people.author, "/console/policy").await.body;
    assert!(page.contains("To be looked at anew by") && page.contains("/console/policy/review"), "{page}");
}
