//! What people do in the console, from the first link on, against a whole
//! server.

use crate::identity::totp;
use crate::trial::{Asker, Trial};
use axum::http::StatusCode;
use serde_json::json;

const PASSWORD: &str = "tidal cranberry mosaic lantern";

#[tokio::test(flavor = "multi_thread")]
async fn every_page_of_the_navigation_opens() {
    let trial = Trial::start().await;
    let owner = trial.owner().await;
    let pages = super::pages::SECTIONS.iter().chain(super::pages::ADMINISTRATION).map(|(_, path, _)| *path);
    for path in pages.chain(["/console/account", "/console/account/proof?next=/console", "/console/tokens", "/console/compare", "/console/search"]) {
        // Without anything to prove oneself with, the question says so.
        let wanted = if path.contains("proof") { StatusCode::CONFLICT } else { StatusCode::OK };
        let said = trial.get(&owner, path).await;
        assert_eq!(said.status, wanted, "{path}: {}", said.body);
        assert!(said.body.contains("</html>"), "{path}");
        let stranger = trial.get(&Asker::default(), path).await;
        assert!(stranger.location.starts_with("/console/sign-in?next="), "{path}: {stranger:?}");
    }
    for path in ["hosts", "findings", "packages", "activity", "advisories/CVE-2026-0001/hosts"] {
        let csv = trial.get(&owner, &format!("/console/{path}.csv")).await;
        assert!(csv.status == StatusCode::OK && csv.body.contains(','), "{path}: {csv:?}");
        assert!(trial.get(&owner, &format!("/console/{path}.json")).await.json().is_array(), "{path}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_report_is_read_on_its_page_and_taken_along_as_of_the_same_moment() {
    let trial = Trial::start().await;
    let owner = trial.owner().await;
    let choice = trial.get(&owner, "/console/reports").await;
    assert!(choice.body.contains("?report=weekly") && !choice.body.contains("class=\"panel paper\""), "{}", choice.body);
    let shown = trial.get(&owner, "/console/reports?report=client&as_of=2026-11-01T06:30&days=&client=").await;
    assert!(shown.status == StatusCode::OK && shown.body.contains("class=\"panel paper\""), "{}", shown.body);
    assert!(shown.body.contains("2026-11-01 06:30") && !shown.body.contains("style="), "{}", shown.body);
    // The only client is meant where none is chosen; every form is as of that moment.
    let links: Vec<String> = shown.body.split("href=\"/api/").skip(1).map(|rest| format!("/api/{}", rest.split('"').next().unwrap().replace("&#38;", "&"))).collect();
    assert_eq!(links.len(), 8, "{links:?}");
    for link in &links {
        assert!(link.contains("as_of=2026-11-01T06%3A30%3A00Z") && link.contains("client="), "{link}");
        let said = trial.get(&owner, link).await;
        // There was no host then, and so nothing to plan.
        let wanted = if link.ends_with("oscal-poam") { StatusCode::BAD_REQUEST } else { StatusCode::OK };
        assert_eq!(said.status, wanted, "{link}: {}", said.body);
    }
    for (query, told) in [("report=yearly", "there is no report"), ("report=weekly&as_of=soon", "is no moment"), ("report=weekly&as_of=2099-01-01T00:00", "is still to come"), ("report=weekly&days=401", "none of 1 to 400"), ("report=weekly&client=nobody", "there is no client")] {
        let refused = trial.get(&owner, &format!("/console/reports?{query}")).await;
        assert!(refused.status == StatusCode::OK && refused.body.contains("No report:") && refused.body.contains(told), "{query}: {}", refused.body);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_account_sets_its_own_proofs() {
    let trial = Trial::start().await;
    let mut owner = trial.owner().await;
    let differ = trial.post(&mut owner, "/console/account/password", &[("password", PASSWORD), ("again", "other")]).await;
    assert_eq!(differ.status, StatusCode::BAD_REQUEST);
    let set = trial.post(&mut owner, "/console/account/password", &[("password", PASSWORD), ("again", PASSWORD)]).await;
    assert_eq!(set.location, "/console/account", "{set:?}");

    // One-time codes: begun, confirmed with the first code, and asked for at
    // the next sign-in.
    let begun = trial.post(&mut owner, "/console/account/codes", &[]).await;
    assert!(begun.body.contains("class=\"square-code\""));
    let seed = data_encoding::BASE32_NOPAD.decode(begun.element("code-secret").replace(' ', "").as_bytes()).unwrap();
    let code = totp::code_at(&seed, trial.app().identity.now()).unwrap();
    let wrong = trial.post(&mut owner, "/console/account/codes/confirm", &[("ticket", "x"), ("code", &code), ("label", "phone")]).await;
    assert_eq!(wrong.status, StatusCode::UNAUTHORIZED);
    let done = trial.post(&mut owner, "/console/account/codes/confirm", &[("ticket", &begun.field("ticket")), ("code", &code), ("label", "phone")]).await;
    let codes = done.element("recovery-codes");
    let recovery = codes.lines().next().unwrap().to_owned();
    assert!(recovery.len() > 12, "{codes}");
    assert!(!trial.get(&owner, "/console/account").await.body.contains(&recovery), "shown once");

    let mut again = Asker::default();
    let asked = trial.post(&mut again, "/console/sign-in", &[("name", "owner"), ("password", PASSWORD), ("next", "/console/people")]).await;
    let ticket = asked.field("ticket");
    let mistyped = trial.post(&mut again, "/console/sign-in/second", &[("ticket", &ticket), ("code", "000000"), ("next", "/console/people")]).await;
    assert_eq!((mistyped.status, mistyped.field("ticket")), (StatusCode::UNAUTHORIZED, ticket.clone()));
    let signed_in = trial.post(&mut again, "/console/sign-in/second", &[("ticket", &ticket), ("code", &recovery), ("next", "/console/people")]).await;
    assert_eq!(signed_in.location, "/console/people", "{signed_in:?}");

    // Two sessions; the newer one ends the other.
    let account = trial.get(&again, "/console/account").await;
    assert!(account.body.contains("9\u{a0}recovery codes are left"), "{}", account.body);
    assert!(!account.body.contains("name=\"again\""), "without a fresh proof no form");
    trial.post(&mut again, "/console/account/sessions/end", &[]).await;
    assert!(trial.get(&owner, "/console/account").await.location.starts_with("/console/sign-in"));
    assert_eq!(trial.get(&again, "/console/account").await.status, StatusCode::OK);
}

#[tokio::test(flavor = "multi_thread")]
async fn people_are_invited_limited_and_locked() {
    let trial = Trial::start().await;
    let mut owner = trial.owner().await;
    trial.post(&mut owner, "/console/account/password", &[("password", PASSWORD), ("again", PASSWORD)]).await;
    let per = trial.person(&mut owner, "per", "viewer", "").await;
    let seen = trial.get(&per, "/console/hosts").await;
    assert!(seen.status == StatusCode::OK && !seen.body.contains("/console/people"), "the navigation shows what one may do");
    assert_eq!(trial.get(&per, "/console/people").await.status, StatusCode::FORBIDDEN);

    // Without a fresh proof there is no form, and sending one anyway leads to
    // the question and back.
    let mut stale = Asker::default();
    trial.post(&mut stale, "/console/sign-in", &[("name", "owner"), ("password", PASSWORD)]).await;
    let page = trial.get(&stale, "/console/people").await;
    assert!(page.body.contains("Show that it is you") && !page.body.contains("Make a one-time link"), "{}", page.body);
    let people = trial.app().identity.people().await.unwrap();
    let id = people.iter().find(|person| person.account == "per").unwrap().id.to_string();
    let lock = format!("/console/people/{id}/lock");
    let sent = trial.post(&mut stale, &lock, &[("reason", "left")]).await;
    assert_eq!(sent.location, "/console/account/proof?next=%2Fconsole%2Fpeople", "{sent:?}");
    let question = trial.get(&stale, &sent.location).await;
    let ticket = question.field("ticket");
    let wrong = trial.post(&mut stale, "/console/account/proof", &[("ticket", &ticket), ("password", "wrong"), ("next", "/console/people")]).await;
    assert_eq!(wrong.status, StatusCode::UNAUTHORIZED, "{wrong:?}");
    let proof = [("ticket", wrong.field("ticket")), ("password", PASSWORD.to_owned()), ("next", "https://evil.example".to_owned())];
    let proof: Vec<(&str, &str)> = proof.iter().map(|(name, value)| (*name, value.as_str())).collect();
    let proven = trial.post(&mut stale, "/console/account/proof", &proof).await;
    assert_eq!(proven.location, "/console", "only to pages of ours");

    let client = trial.app().store.clients(&plimsoll_store::Scope::All).await.unwrap()[0].id;
    let place = format!("{client}|");
    let given = trial.post(&mut stale, &format!("/console/people/{id}/roles"), &[("role", "operator"), ("place", &place), ("reason", "on call")]).await;
    assert_eq!(given.location, "/console/people", "{given:?}");
    let listed = trial.get(&stale, "/console/people").await;
    assert!(listed.body.contains("operator <span class=\"quiet\">client default</span>"), "{}", listed.body);
    assert!(trial.get(&per, "/console/hosts").await.location.starts_with("/console/sign-in"), "a session ends with its roles");
    let taken = trial.post(&mut stale, &format!("/console/people/{id}/roles/remove"), &[("role", "viewer||")]).await;
    assert_eq!(taken.location, "/console/people");
    let locked = trial.post(&mut stale, &lock, &[("reason", "left")]).await;
    assert_eq!(locked.location, "/console/people", "{locked:?}");
    let person = trial.app().identity.people().await.unwrap().into_iter().find(|person| person.account == "per").unwrap();
    assert!(person.disabled.is_some() && person.grants.len() == 1, "{person:?}");
    let why = trial.get(&stale, "/console/activity").await;
    assert!(why.body.contains("on call") && why.body.contains("left"), "the reasons stand in the evidence log");
    // Nobody locks themselves out, nor takes the last administrator away.
    let own = people.iter().find(|person| person.account == "owner").unwrap().id;
    assert_eq!(trial.post(&mut stale, &format!("/console/people/{own}/lock"), &[]).await.status, StatusCode::FORBIDDEN);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_is_shown_once_and_no_wider_than_its_maker() {
    let trial = Trial::start().await;
    let mut owner = trial.owner().await;
    let mut per = trial.person(&mut owner, "per", "viewer", "").await;
    let page = trial.get(&per, "/console/tokens").await;
    assert!(page.body.contains("value=\"viewer||\"") && !page.body.contains("value=\"operator||\""), "{}", page.body);
    let wider = trial.post(&mut per, "/console/tokens", &[("name", "x"), ("days", "9"), ("scope", "operator||")]).await;
    assert!(wider.status == StatusCode::FORBIDDEN && wider.body.contains("E-TOKEN-SCOPE"), "{wider:?}");
    let made = trial.post(&mut per, "/console/tokens", &[("name", "nightly"), ("days", "9"), ("scope", "viewer||")]).await;
    let secret = made.element("token");
    let program = Asker { token: Some(secret.clone()), ..Asker::default() };
    assert_eq!(trial.get(&program, "/api/v1/hosts").await.status, StatusCode::OK);
    let page = trial.get(&per, "/console/tokens").await;
    assert!(page.body.contains("nightly") && !page.body.contains(&secret));
    let id = trial.app().identity.tokens().await.unwrap().into_iter().find(|token| token.name == "nightly").unwrap().id;
    // Another's token is none of one's own.
    let mut other = trial.person(&mut owner, "kari", "operator", "").await;
    assert_eq!(trial.post(&mut other, &format!("/console/tokens/{id}/revoke"), &[]).await.status, StatusCode::NOT_FOUND);
    assert_eq!(trial.post(&mut per, &format!("/console/tokens/{id}/revoke"), &[]).await.location, "/console/tokens");
    assert_eq!(trial.get(&program, "/api/v1/hosts").await.status, StatusCode::UNAUTHORIZED);
}

#[tokio::test(flavor = "multi_thread")]
async fn groups_follow_their_query_and_roles_follow_the_groups() {
    let trial = Trial::start().await;
    let mut owner = trial.owner().await;
    let first = trial.host(&owner, "web-1", "prod").await;
    trial.host(&owner, "web-2", "stage").await;
    let bad = trial.post(&mut owner, "/console/groups", &[("name", "x"), ("query", "shelf = 1")]).await;
    assert!(bad.status == StatusCode::BAD_REQUEST && bad.body.contains("is no field"), "{bad:?}");
    let made = trial.post(&mut owner, "/console/groups", &[("name", "production"), ("query", "environment = prod"), ("reason", "roles")]).await;
    assert!(made.location.starts_with("/console/groups/"), "{made:?}");
    let page = trial.get(&owner, &made.location).await;
    assert!(page.body.contains("web-<wbr>1") && !page.body.contains("web-<wbr>2"), "{}", page.body);
    let group = made.location.rsplit('/').next().unwrap().to_owned();
    let (api, hosts) = (format!("/api/v1/groups/{group}"), format!("/api/v1/groups/{group}/hosts"));
    assert_eq!(trial.get(&owner, &api).await.json()["hosts"], 1);
    let by_hand = trial.send(&owner, "PUT", &hosts, &json!({ "hosts": [first] })).await;
    assert_eq!((by_hand.status, by_hand.json()["code"].clone()), (StatusCode::CONFLICT, json!("E-GROUP-QUERY")));

    // A role for the group reaches its hosts and no others, and follows them.
    let client = trial.app().store.clients(&plimsoll_store::Scope::All).await.unwrap()[0].id;
    let per = trial.person(&mut owner, "per", "viewer", &format!("{client}|{group}")).await;
    let names = |said: crate::trial::Said| -> Vec<String> {
        said.json()["rows"].as_array().unwrap().iter().map(|row| row["name"].as_str().unwrap().to_owned()).collect()
    };
    assert_eq!(names(trial.get(&per, "/api/v1/hosts").await), ["web-1"]);
    trial.send(&owner, "PATCH", &format!("/api/v1/hosts/{first}"), &json!({ "environment": "stage" })).await;
    assert!(names(trial.get(&per, "/api/v1/hosts").await).is_empty());
    assert!(trial.app().store.group_members(group.parse().unwrap()).await.unwrap().is_empty(), "the store knows it too");
    let edited = trial.send(&owner, "PATCH", &api, &json!({ "query": "environment = stage, name = web-*" })).await;
    assert_eq!((edited.status, edited.json()["hosts"].clone()), (StatusCode::OK, json!(2)), "{edited:?}");
    assert_eq!(names(trial.get(&per, &hosts).await), ["web-1", "web-2"]);
    assert_eq!(names(trial.get(&per, "/api/v1/hosts?filter=name%20%3D%20*-2").await), ["web-2"]);
    let wrong = trial.get(&per, "/api/v1/hosts?filter=name").await;
    assert_eq!((wrong.status, wrong.json()["code"].clone()), (StatusCode::BAD_REQUEST, json!("E-QUERY")));
    trial.send(&owner, "POST", &format!("/api/v1/hosts/{first}/retire"), &json!({})).await;
    assert_eq!(names(trial.get(&per, &hosts).await), ["web-2"]);

    // Emptied, the query leaves who is there, and the hosts are named by hand.
    trial.send(&owner, "PATCH", &api, &json!({ "query": "" })).await;
    assert_eq!(names(trial.get(&per, &hosts).await), ["web-2"]);
    let unknown = trial.post(&mut owner, &format!("/console/groups/{group}/hosts"), &[("hosts", "web-2\nweb-9")]).await;
    assert!(unknown.status == StatusCode::BAD_REQUEST && unknown.body.contains("web-9"), "{unknown:?}");
    trial.post(&mut owner, &format!("/console/groups/{group}/hosts"), &[("hosts", "")]).await;
    assert!(names(trial.get(&per, "/api/v1/hosts").await).is_empty());
    let removed = trial.post(&mut owner, &format!("/console/groups/{group}/remove"), &[("reason", "done")]).await;
    assert_eq!(removed.location, "/console/groups", "{removed:?}");
    assert_eq!(trial.get(&owner, &api).await.status, StatusCode::NOT_FOUND);
}

#[tokio::test(flavor = "multi_thread")]
async fn groups_are_what_they_were_after_a_start() {
    let trial = Trial::start().await;
    let owner = trial.owner().await;
    trial.host(&owner, "web-1", "prod").await;
    let made = trial.send(&owner, "POST", "/api/v1/groups", &json!({ "name": "production", "query": "environment = prod" })).await;
    let group = made.json()["id"].as_str().unwrap().parse().unwrap();
    trial.app().fleet.write().drop_group(group);
    crate::membership::refresh(trial.app()).await.unwrap();
    assert_eq!(trial.app().fleet.read().of_group(group).unwrap().len(), 1);
}

const SBOM: &str = r#"{"bomFormat":"CycloneDX","specVersion":"1.6","metadata":{"component":{"type":"application","name":"shop","version":"3.1"}},
"components":[{"type":"library","name":"serde","version":"1.0.1","purl":"pkg:cargo/serde@1.0.1"},{"type":"library","name":"left-pad","version":"1.0.0","purl":"pkg:npm/left-pad@1.0.0"}]}"#;

#[tokio::test(flavor = "multi_thread")]
async fn an_application_has_people_hosts_and_components() {
    let trial = Trial::start().await;
    let mut owner = trial.owner().await;
    let first = trial.host(&owner, "web-1", "prod").await;
    trial.host(&owner, "web-2", "prod").await;
    let made = trial.post(&mut owner, "/console/applications", &[("name", "Shop front"), ("owner", "Ragnhild"), ("team", "shop")]).await;
    assert!(made.location.starts_with("/console/applications/"), "{made:?}");
    let page = made.location.clone();
    let id = page.rsplit('/').next().unwrap().to_owned();
    let api = format!("/api/v1/applications/{id}");
    let fields = [("name", "Shop front"), ("owner", "Ragnhild"), ("team", "shop"), ("stakeholders", "Per\ncustomer service"), ("hosts", "web-1")];
    assert_eq!(trial.post(&mut owner, &page, &fields).await.location, page);
    let known = trial.get(&owner, &api).await.json();
    assert_eq!((known["hosts"].clone(), known["stakeholders"].clone(), known["components"].clone()), (json!([first]), json!(["Per", "customer service"]), json!(null)));
    assert!(trial.get(&owner, &format!("/console/hosts/{first}")).await.body.contains("Shop front"), "the host's page names it");

    let wrong = trial.ask(&owner, "PUT", &format!("{api}/sbom"), "application/octet-stream", "no SBOM").await;
    assert_eq!(wrong.status, StatusCode::BAD_REQUEST, "{wrong:?}");
    let given = trial.ask(&owner, "PUT", &format!("{api}/sbom"), "application/octet-stream", SBOM).await;
    assert_eq!((given.status, given.json()["components"].clone()), (StatusCode::OK, json!(3)), "{given:?}");
    // Without an advisory database nothing is known, and nothing is claimed.
    assert_eq!(given.json()["findings"], json!(null));
    let shown = trial.get(&owner, &page).await;
    assert!(shown.body.contains("CycloneDX 1.6") && shown.body.contains("unknown, not absent"), "{}", shown.body);
    assert_eq!(trial.get(&owner, &format!("{api}/findings")).await.json()["coverage"]["components"], 3);

    // By a group, the hosts follow it.
    let group = trial.send(&owner, "POST", "/api/v1/groups", &json!({ "name": "production", "query": "environment = prod" })).await;
    let group = group.json()["id"].as_str().unwrap().to_owned();
    let edited = trial.send(&owner, "PATCH", &api, &json!({ "group": group })).await;
    assert_eq!(edited.json()["hosts"].as_array().map(Vec::len), Some(2), "{edited:?}");
    trial.send(&owner, "PATCH", &format!("/api/v1/hosts/{first}"), &json!({ "environment": "stage" })).await;
    assert_eq!(trial.get(&owner, &api).await.json()["hosts"].as_array().map(Vec::len), Some(1));
    assert!(trial.get(&owner, "/console/search?q=shop").await.body.contains(&page));
    let listed = trial.get(&owner, "/console/applications.json").await.json();
    assert_eq!(listed[0]["name"], "Shop front");

    // A role for a group sees hosts, not the client's applications.
    let client = trial.app().store.clients(&plimsoll_store::Scope::All).await.unwrap()[0].id;
    let per = trial.person(&mut owner, "per", "operator", &format!("{client}|{group}")).await;
    assert_eq!(trial.get(&per, &api).await.status, StatusCode::NOT_FOUND);
    // The group goes, the application stays.
    trial.ask(&owner, "DELETE", &format!("/api/v1/groups/{group}"), "text/plain", "").await;
    assert_eq!(trial.get(&owner, &api).await.json()["group"], json!(null));
    assert_eq!(trial.post(&mut owner, &format!("{page}/remove"), &[("reason", "gone")]).await.location, "/console/applications");
    assert_eq!(trial.get(&owner, &api).await.status, StatusCode::NOT_FOUND);
}

const ADVISORY: &str = r#"{"id":"RUSTSEC-2026-0001","published":"2026-11-01T00:00:00Z","modified":"2026-11-01T00:00:00Z","summary":"It falls over",
"affected":[{"package":{"ecosystem":"crates.io","name":"serde"},"ranges":[{"type":"SEMVER","events":[{"introduced":"0"},{"fixed":"1.0.2"}]}]}]}"#;

#[tokio::test(flavor = "multi_thread")]
async fn a_new_advisory_reaches_an_applications_components() {
    let trial = Trial::start().await;
    let owner = trial.owner().await;
    let made = trial.send(&owner, "POST", "/api/v1/applications", &json!({ "name": "Shop front" })).await;
    let id = made.json()["id"].as_str().unwrap_or_else(|| panic!("{made:?}")).to_owned();
    let api = format!("/api/v1/applications/{id}");
    trial.ask(&owner, "PUT", &format!("{api}/sbom"), "application/octet-stream", SBOM).await;
    trial.advise(&[("osv/crates.io/RUSTSEC-2026-0001.json", ADVISORY)]);
    let mut known = serde_json::Value::Null;
    for _ in 0..300 {
        known = trial.get(&owner, &api).await.json();
        if !known["findings"].is_null() {
            break;
        }
        tokio::time::sleep(std::time::Duration::from_millis(100)).await;
    }
    assert_eq!(known["findings"], 1, "{known}");
    let page = trial.get(&owner, &format!("/console/applications/{id}")).await.body;
    assert!(page.contains("RUSTSEC-2026-0001") && page.contains("1.0.2"), "{page}");
    let listed = trial.get(&owner, "/console/applications.json").await.json();
    assert_eq!((listed[0]["findings"].clone(), listed[0]["components"].clone()), (json!(1), json!(3)));
}

/// Whoever sees several clients may look at one of them: every list, count,
/// search and picture then is of that one, for them alone.
#[tokio::test(flavor = "multi_thread")]
async fn one_client_at_a_time() {
    let trial = Trial::start().await;
    let mut owner = trial.owner().await;
    let home = trial.app().store.clients(&plimsoll_store::Scope::All).await.unwrap()[0].id;
    let mut clients = vec![home];
    for name in ["Nordwerft", "Elbtal"] {
        let intent = plimsoll_store::Intent::new(plimsoll_store::Actor::server(), jiff::Timestamp::now(), "client.add", "client");
        let mut change = trial.app().store.begin(intent).await.unwrap();
        clients.push(change.add_client(name).await.unwrap().id);
        change.commit(None).await.unwrap();
    }
    crate::membership::refresh(trial.app()).await.unwrap();
    for (client, name) in clients.iter().zip(["ownhost", "shiphost", "riverhost"]) {
        let made = trial.send(&owner, "POST", "/api/v1/hosts", &serde_json::json!({ "name": name, "client": client })).await;
        assert_eq!(made.status, StatusCode::OK, "{made:?}");
    }
    let mut per = trial.person(&mut owner, "per", "viewer", &format!("{}|", clients[1])).await;
    let own = trial.get(&per, "/console").await;
    assert!(!own.body.contains("/console/client"), "one client is no choice");
    assert_eq!(trial.get(&owner, "/console").await.body.matches("<option value=\"01").count(), 3, "the owner may choose");

    let session = owner.cookie.clone().unwrap();
    let mut chooser = owner.clone();
    let chosen = trial.post(&mut chooser, "/console/client", &[("client", &clients[1].to_string())]).await;
    assert_eq!((chosen.status, chosen.location.as_str()), (StatusCode::SEE_OTHER, "/console"), "{chosen:?}");
    let focused = Asker { cookie: Some(format!("{session}; {}", chosen.cookie.unwrap())), ..Asker::default() };
    let names = |body: &str| ["ownhost", "shiphost", "riverhost"].map(|name| body.contains(name));
    for path in ["/console", "/console/hosts", "/console/search?q=host", "/console/activity", "/console/hosts.csv"] {
        let (all, one) = (trial.get(&owner, path).await, trial.get(&focused, path).await);
        assert_eq!((all.status, one.status), (StatusCode::OK, StatusCode::OK), "{path}");
        if path != "/console/activity" {
            assert_eq!(names(&all.body), [true; 3], "{path}");
        }
        assert!(!names(&one.body)[0] && !names(&one.body)[2], "{path}: {}", one.body);
        if !path.ends_with(".csv") {
            assert!(one.body.contains("Only <strong>Nordwerft</strong> is shown"), "{path}");
        }
    }
    let standings = trial.get(&focused, "/api/v1/standings").await.json();
    assert_eq!(standings["hosts"], 1, "{standings}");
    assert_eq!(trial.get(&focused, "/console/people").await.status, StatusCode::OK, "people belong to no client");
    // It gives no right, and what one may not see is no choice.
    let stolen = Asker { cookie: Some(format!("{}; plimsoll-client-8443={}", per.cookie.clone().unwrap(), clients[2])), ..Asker::default() };
    assert_eq!(names(&trial.get(&stolen, "/console/hosts").await.body), [false, true, false]);
    assert_eq!(trial.post(&mut per, "/console/client", &[("client", &clients[2].to_string())]).await.status, StatusCode::NOT_FOUND);
    let program = Asker { token: Some(trial.first.token.clone()), cookie: None };
    assert_eq!(trial.get(&program, "/api/v1/standings").await.json()["hosts"], 3, "programs are not narrowed");
    let all = trial.post(&mut focused.clone(), "/console/client", &[("client", "")]).await;
    assert_eq!(all.cookie.as_deref(), Some("plimsoll-client-8443="), "{all:?}");
}

const PNG: &str = "[[advisory]]\nid = \"TEST-2026-1\"\nsummary = \"libpng trusts its input\"\nseverity = \"high\"\npublished = 2026-11-20T09:00:00Z\n\
    [[advisory.affected]]\nstream = \"debian:12\"\nname = \"libpng1.6\"\nfixed = \"2\"\n";

fn png_host(name: &str) -> serde_json::Value {
    let component = serde_json::json!({
        "purl": "pkg:deb/debian/libpng1.6@1", "stream": "debian:12", "name": "libpng1.6", "version": "1",
        "arch": "amd64", "source": "libpng1.6", "source_version": "1", "kind": "package",
    });
    serde_json::json!({ "name": name, "components": [component] })
}

/// Waits until the API says of the first host what is wanted.
async fn until(trial: &Trial, asker: &Asker, wanted: impl Fn(&serde_json::Value) -> bool) -> serde_json::Value {
    let mut host = serde_json::Value::Null;
    for _ in 0..300 {
        host = trial.get(asker, "/api/v1/hosts").await.json()["rows"][0].clone();
        if wanted(&host) {
            return host;
        }
        tokio::time::sleep(std::time::Duration::from_millis(100)).await;
    }
    panic!("it never came: {host}")
}

/// A policy is checked, its effect shown, put in force with a reason, and kept;
/// a bad one changes nothing, and neither does somebody without the role.
#[tokio::test(flavor = "multi_thread")]
async fn a_policy_is_put_in_force() {
    let trial = Trial::start().await;
    let mut owner = trial.owner().await;
    let mut per = trial.person(&mut owner, "per", "viewer", "").await;
    trial.send(&owner, "POST", "/api/v1/hosts", &png_host("webhost")).await;
    trial.advise(&[("advisories/png.toml", PNG)]);
    let before = until(&trial, &owner, |host| host["findings"] == 1).await["next_due"].clone();
    assert!(before.is_string(), "{before}");

    let shown = trial.get(&owner, "/console/policy").await.body;
    assert!(shown.contains("href=\"/console/policy/edit\"") && shown.contains("OWASP SAMM"), "{shown}");
    assert!(!trial.get(&per, "/console/policy").await.body.contains("/console/policy/edit"));
    let file = trial.get(&owner, "/api/v1/policy/file").await.json();
    assert_eq!(file["origin"], "default", "{file}");
    let text = file["text"].as_str().unwrap();

    // A bad one: its line is named, the one in force stays.
    let bad = text.replacen("within = \"P7D\"", "within = \"seven days\"", 1);
    assert_ne!(bad, text);
    let line = bad.lines().position(|line| line.contains("seven days")).unwrap() + 1;
    let checked = trial.post(&mut owner, "/console/policy/check", &[("text", &bad)]).await;
    assert!(checked.body.contains("cannot be put in force") && checked.body.contains(&format!("policy:{line}")), "{}", checked.body);
    let set = trial.post(&mut owner, "/console/policy", &[("text", &bad), ("reason", "x")]).await;
    assert_eq!(set.status, StatusCode::BAD_REQUEST, "{set:?}");
    let set = trial.send(&owner, "PUT", "/api/v1/policy/file", &serde_json::json!({ "text": bad, "reason": "x" })).await;
    assert!(set.status == StatusCode::BAD_REQUEST && set.json()["code"] == "E-POLICY", "{set:?}");
    assert_eq!(trial.get(&owner, "/api/v1/policy/file").await.json(), file);

    // One that reads and has a rule that can never match: refused as well.
    let never = format!("{text}\n[[deadline]]\nid = \"never\"\nwhen = {{ kev = true, exploitation = [\"none\"] }}\nwithin = \"P1D\"\n");
    let checked = trial.send(&owner, "POST", "/api/v1/policy/check", &serde_json::json!({ "text": never })).await.json();
    assert!(checked["sound"] == false && checked["problems"].to_string().contains("E-POLICY-NEVER"), "{checked}");
    let set = trial.send(&owner, "PUT", "/api/v1/policy/file", &serde_json::json!({ "text": never, "reason": "x" })).await;
    assert!(set.status == StatusCode::BAD_REQUEST && set.json()["code"] == "E-POLICY-NEVER", "{set:?}");
    assert_eq!(trial.get(&owner, "/api/v1/policy/file").await.json(), file);

    // A good one: the change of each finding is shown, nothing is changed yet.
    let good = text.replacen("within = \"P7D\"", "within = \"P70D\"", 1);
    let checked = trial.send(&owner, "POST", "/api/v1/policy/check", &serde_json::json!({ "text": good })).await.json();
    let preview = &checked["preview"];
    assert!(checked["sound"] == true && preview["later"] == 1 && preview["hosts"] == 1 && preview["hosts_in_all"] == 1, "{checked}");
    assert_eq!((preview["rows"][0]["host"].clone(), preview["rows"][0]["advisory"].clone()), ("webhost".into(), "TEST-2026-1".into()));
    let page = trial.post(&mut owner, "/console/policy/check", &[("text", &good)]).await.body;
    assert!(page.contains("Put it in force") && page.contains("webhost"), "{page}");
    assert_eq!(trial.get(&owner, "/api/v1/policy/file").await.json(), file);

    let wish = |reason: &str, replaces: &str| serde_json::json!({ "text": good, "reason": reason, "replaces": replaces });
    let digest = file["digest"].as_str().unwrap();
    assert_eq!(trial.send(&owner, "PUT", "/api/v1/policy/file", &wish(" ", digest)).await.status, StatusCode::BAD_REQUEST, "a reason is asked for");
    let stale = trial.send(&owner, "PUT", "/api/v1/policy/file", &wish("x", "0000")).await;
    assert_eq!(stale.json()["code"], "E-POLICY-CHANGED");
    assert_eq!(trial.post(&mut per, "/console/policy", &[("text", &good), ("reason", "x")]).await.status, StatusCode::FORBIDDEN);
    // Deadlines get longer: that must be said, and the form has a box for it.
    assert!(page.contains("name=\"accept_longer\"") && checked["longer"] == 1, "{checked}");
    let longer = trial.send(&owner, "PUT", "/api/v1/policy/file", &wish("x", digest)).await;
    assert_eq!((longer.status, longer.json()["code"].clone()), (StatusCode::CONFLICT, "E-POLICY-LONGER".into()));
    assert_eq!(trial.get(&owner, "/api/v1/policy/file").await.json(), file);
    let set = trial.post(&mut owner, "/console/policy", &[("text", &good.replace('\n', "\r\n")), ("replaces", digest), ("reason", "the board gave us seventy days"), ("accept_longer", "on")]).await;
    assert_eq!((set.status, set.location.as_str()), (StatusCode::SEE_OTHER, "/console/policy"), "{set:?}");
    until(&trial, &owner, |host| host["next_due"].as_str() > before.as_str()).await;
    let shown = trial.get(&per, "/console/policy").await.body;
    assert!(shown.contains("the board gave us seventy days") && shown.contains("P70D"), "{shown}");
    let why = trial.get(&owner, "/console/activity").await.body;
    assert!(why.contains("policy.set") && why.contains("the board gave us seventy days"), "{why}");

    // It is kept, and a file of the command line goes before it.
    let app = trial.app();
    let reopened = crate::policy::Policies::open(&app.configuration, &app.store).await.unwrap();
    assert_eq!(reopened.in_force().text, good);
    let set = plimsoll_formats::policy::load_preset("cisa-bod-26-04", None).unwrap();
    let given = crate::policy::Given { place: "policy.toml".to_owned(), text: "given".to_owned(), set: set.into() };
    let configuration = crate::Configuration { policies: Some(given), ..app.configuration.clone() };
    let reopened = crate::policy::Policies::open(&configuration, &app.store).await.unwrap();
    assert_eq!(reopened.in_force().origin, crate::policy::Origin::Given("policy.toml".to_owned()));
}

/// What is open is written down each day, and each sees the sum of their own.
#[tokio::test(flavor = "multi_thread")]
async fn exposure_is_written_down_and_nobody_sees_anothers() {
    use crate::exposure::{Writer, day_of, rebuilt};
    let trial = Trial::start().await;
    let mut writer = Writer::default();
    // Before the server's own writer takes the lease.
    writer.look(trial.app(), jiff::Timestamp::now()).await.unwrap();
    let mut owner = trial.owner().await;
    let home = trial.app().store.clients(&plimsoll_store::Scope::All).await.unwrap()[0].id;
    let intent = plimsoll_store::Intent::new(plimsoll_store::Actor::server(), jiff::Timestamp::now(), "client.add", "client");
    let mut change = trial.app().store.begin(intent).await.unwrap();
    let other = change.add_client("Elbtal").await.unwrap().id;
    change.commit(None).await.unwrap();
    let mut ids = Vec::new();
    for (client, name) in [(home, "webhost"), (home, "webother"), (other, "riverhost")] {
        let mut wish = png_host(name);
        wish["client"] = client.to_string().into();
        let made = trial.send(&owner, "POST", "/api/v1/hosts", &wish).await.json();
        ids.push(made["id"].as_str().unwrap().to_owned());
    }
    let group = trial.send(&owner, "POST", "/api/v1/groups", &serde_json::json!({ "client": home, "name": "first", "query": "name = webhost" })).await;
    let group = group.json()["id"].as_str().unwrap().to_owned();
    trial.advise(&[("advisories/png.toml", PNG)]);
    for _ in 0..300 {
        if trial.get(&owner, "/api/v1/standings").await.json()["findings"] == 3 {
            break;
        }
        tokio::time::sleep(std::time::Duration::from_millis(100)).await;
    }
    let app = trial.app();
    let (now, day) = (jiff::Timestamp::now(), jiff::SignedDuration::from_hours(24));
    for time in [now - day * 2, now, now] {
        writer.look(app, time).await.unwrap();
    }
    let one = trial.person(&mut owner, "per", "viewer", &format!("{home}|")).await;
    let part = trial.person(&mut owner, "pia", "viewer", &format!("{home}|{group}")).await;
    for (asker, open) in [(&owner, 3), (&one, 2), (&part, 1)] {
        let days = trial.get(asker, "/api/v1/exposure").await.json();
        let days = days.as_array().unwrap();
        assert_eq!(days.len(), 3, "{days:?}");
        assert!(days.iter().all(|day| day["open"] == open && day["priorities"]["high"] == open && day["rebuilt"] == false), "{days:?}");
        assert_eq!(days[2]["day"], now.strftime("%Y-%m-%d").to_string());
        let page = trial.get(asker, "/console").await.body;
        assert!(page.contains("Exposure by priority") && page.contains(&format!("data-value=\"{open}\"")), "{page}");
    }
    assert_eq!(trial.get(&one, &format!("/api/v1/exposure?host={}", ids[2])).await.status, StatusCode::NOT_FOUND);
    assert_eq!(trial.get(&owner, &format!("/api/v1/exposure?days=1&host={}", ids[2])).await.json()[0]["open"], 1);
    assert!(trial.get(&part, &format!("/console/hosts/{}", ids[0])).await.body.contains("Exposure by due date"));
    assert_eq!(trial.get(&owner, "/api/v1/exposure?days=0").await.status, StatusCode::BAD_REQUEST);

    // The journal tells the same, as of tomorrow, without due dates.
    let rows = rebuilt(app, day_of(now) + 1).await.unwrap();
    let sums: Vec<_> = rows.clients.iter().map(|(client, day, tally)| (*client, *day, tally.total(), tally.rebuilt)).collect();
    let mut expected = vec![(home, day_of(now), 2, true), (other, day_of(now), 1, true)];
    expected.sort();
    assert_eq!(sums, expected);
    assert_eq!(rows.hosts.len(), 3);
}

/// Whoever speaks for a client comes to its overview: its own hosts, questions
/// and reports, and no door to what is the provider's.
#[tokio::test(flavor = "multi_thread")]
async fn who_speaks_for_a_client_comes_to_its_overview_and_sees_no_other() {
    let crate::exceptions::tests::Ground { trial, mut owner, home, web, river } = crate::exceptions::tests::ground(&["web"]).await;
    let mut carl = trial.person(&mut owner, "carl", "client", &format!("{home}|")).await;
    assert_eq!(trial.get(&carl, "/console").await.location, "/console/portal");
    let page = trial.get(&carl, "/console/portal").await;
    assert_eq!(page.status, StatusCode::OK, "{}", page.body);
    assert!(page.body.contains("Nothing waits for your answer.") && page.body.contains("TEST-2026-1"), "{}", page.body);
    assert!(!page.body.contains("Elbtal"), "another client's name: {}", page.body);
    let links = |body: &str, path: &str| body.contains(&format!("href=\"{path}\""));
    assert!(links(&page.body, "/console/questions") && links(&page.body, "/console/reports") && links(&page.body, "/console/hosts"));
    for path in ["/console/policy", "/console/activity", "/console/people", "/console/webhooks", "/console/enrolment"] {
        assert!(!links(&page.body, path), "a link to {path}");
        assert_eq!(trial.get(&carl, path).await.status, StatusCode::FORBIDDEN, "{path}");
    }
    for path in ["/console/questions", "/console/exceptions", "/console/findings", "/console/rollouts", "/console/hosts"] {
        let page = trial.get(&carl, path).await;
        assert!(page.status == StatusCode::OK && !page.body.contains("river"), "{path}: {}", page.body);
    }
    assert_eq!(trial.get(&carl, &format!("/console/hosts/{web}")).await.status, StatusCode::OK);
    assert_eq!(trial.get(&carl, &format!("/console/hosts/{river}")).await.status, StatusCode::NOT_FOUND);
    let report = trial.get(&carl, &format!("/api/v1/reports/client?client={home}&format=html")).await;
    assert!(report.status == StatusCode::OK && !report.body.contains("river"), "{report:?}");
    // What is not there, and what is another's, look the same.
    let unknown = "01k8m2x7r5t3y6t9p0a7x2k9mq";
    for (path, form) in [("answer", [("answer", "approve"), ("seen", "open")]), ("remark", [("text", "hello"), ("x", "y")])] {
        assert_eq!(trial.post(&mut carl, &format!("/console/questions/{unknown}/{path}"), &form).await.status, StatusCode::NOT_FOUND, "{path}");
    }
    // The provider keeps its own first page, and answers for nobody.
    assert_eq!(trial.get(&owner, "/console").await.status, StatusCode::OK);
    assert_eq!(trial.post(&mut owner, &format!("/console/questions/{unknown}/answer"), &[("answer", "approve")]).await.status, StatusCode::FORBIDDEN);
}
