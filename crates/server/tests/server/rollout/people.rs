//! People told of rollouts as the policy says: by letters to a mail server and
//! in the console, each once, none of another client's hosts; and who is called
//! where nobody acknowledges.

use super::notices::{far_window, govern, published};
use super::*;
use crate::smtp::{FakeMailServer, Letter};
use crate::stage::PACE;
use plimsoll_server::identity::people::NewPerson;
use plimsoll_server::identity::token::NewToken;
use plimsoll_server::notices::mail::Smtp;

fn with_mail(server: &FakeMailServer) -> Stage {
    let smtp = Smtp { url: format!("smtp+plain://{}", server.address), user: None, password: None, from: "plimsoll@example.org".into() };
    Stage::with(&[], Some(smtp), Vec::new(), PACE)
}

/// An account with an address, and a token that acts for it.
fn account(stage: &Stage, name: &str, grants: &[Grant]) -> String {
    stage.run(async {
        let app = stage.app();
        let email = Some(format!("{name}@client.example"));
        let new = NewPerson { account: name.to_owned(), name: name.to_owned(), email, grants: grants.to_vec(), break_glass: false };
        let person = app.identity.add_person(&app.identity.local_steward(), new).await.unwrap();
        let new = NewToken { name: "test".to_owned(), grants: grants.to_vec(), days: 1 };
        app.identity.make_local_token(person.id, new).await.unwrap().secret.expose().to_owned()
    })
}

fn text(letter: &Letter) -> String {
    letter.text.replace("=\r\n", "").replace("=3D", "=")
}

/// Letters to somebody that hold some words.
fn letters(server: &FakeMailServer, to: &str, words: &str) -> Vec<String> {
    let found = server.letters().into_iter().filter(|letter| letter.to.iter().any(|one| one.contains(to)));
    found.map(|letter| text(&letter)).filter(|text| text.contains(words)).collect()
}

fn notices(stage: &Stage, token: &str, more: &str) -> Vec<Value> {
    let (status, said) = stage.ask_as(token, "GET", &format!("/api/v1/notices{more}"), None);
    assert_eq!(status, 200, "{said}");
    said["rows"].as_array().unwrap().clone()
}

fn named<'a>(notice: &'a Value, name: &str) -> &'a Value {
    notice["people"].as_array().unwrap().iter().find(|one| one["name"] == name).unwrap_or_else(|| panic!("no {name} in {notice}"))
}

#[test]
#[ignore = "now and then its notice is not written within a minute where other tests run beside it, and why is not known: cargo test -p plimsoll-server --test server -- rollout::people --include-ignored"]
fn people_of_the_client_are_told_and_what_they_acknowledged_counts_for_that_alone() {
    let server = FakeMailServer::new(None);
    let mut stage = with_mail(&server);
    let mut scene = Scene::new(&mut stage, 3);
    let client = scene.stage.first_client();
    let carl = account(scene.stage, "carl", &[Grant::at(Role::Client, client)]);
    let policy = format!(
        "{}{}",
        far_window(),
        r#"
[people.soc]
mail = "soc@provider.example"
members = ["olga"]
[people.olga]
[notify]
planned = { to = ["client", "soc", "owners"], lead = "P90D", ack = true }
"#
    );
    govern(&mut scene, &policy);
    let digest = scene.accepted(json!({ "days": 80 }));
    let foreign = scene.stage.client("Other");
    let olga = account(scene.stage, "olga", &[Grant::at(Role::Client, foreign)]);
    published(scene.stage);
    assert_eq!(scene.start(&digest).0, 200);
    scene.stage.until("the letters", || !letters(&server, "carl@", "Planned on 3 hosts").is_empty() && !letters(&server, "soc@", "Planned on 3 hosts").is_empty());
    let noted = |stage: &Stage| {
        let all = notices(stage, &stage.token, &format!("?rollout={digest}"));
        all.first().is_some_and(|one| ["carl", "soc"].iter().all(|name| !named(one, name)["delivered"].is_null())).then_some(all)
    };
    // What is sent and not noted is sent again, once its claim is over.
    scene.stage.until("delivery noted", || noted(scene.stage).is_some());
    scene.stage.kill();
    scene.stage.start();
    let all = scene.stage.until_some("delivery noted still", || noted(scene.stage));
    assert_eq!(all.len(), 1, "{all:?}");
    let plan = &all[0];
    let id = plan["id"].as_str().unwrap().to_owned();
    assert_eq!((&plan["moment"], plan["people"].as_array().unwrap().len()), (&json!("planned"), 2), "{plan}");
    let words: Vec<_> = plan["audiences"].as_array().unwrap().iter().map(|one| (one["word"].as_str().unwrap(), one["people"].as_u64().unwrap())).collect();
    assert_eq!(words, [("client", 1), ("soc", 1), ("owners", 0)], "who reaches nobody is said");
    assert!(plan["audiences"][1]["unknown"]["olga"].as_str().unwrap().contains("without rights at this client"), "{plan}");
    assert!(letters(&server, "olga@", "").is_empty(), "another client's");
    // Who has an account is named the hosts and is asked; an address alone is not.
    let (own, other) = (letters(&server, "carl@", "Planned"), letters(&server, "soc@", "Planned"));
    assert_eq!((own.len(), other.len()), (1, 1), "once each, over a restart");
    for part in ["Hosts: ", "Please acknowledge it there before", &format!("/console/notices/{id}")] {
        assert!(own[0].contains(part) && !other[0].contains(part), "{part:?} in\n{}\n{}", own[0], other[0]);
    }
    assert!(other[0].contains(&format!("/console/rollouts/{digest}")));

    // Delivered is not seen, and seen is not acknowledged.
    assert!(named(plan, "carl")["seen"].is_null());
    assert_eq!(scene.stage.ask_as(&olga, "GET", &format!("/api/v1/notices/{id}"), None).0, 404);
    assert_eq!(notices(scene.stage, &olga, "").len(), 0);
    let mine = notices(scene.stage, &carl, "");
    assert_eq!((mine.len(), mine[0]["people"].as_array().unwrap().len(), &mine[0]["audiences"]), (1, 1, &json!([])), "no addresses of others: {mine:?}");
    let act = |token: &str, id: &str| scene.stage.ask_as(token, "POST", &format!("/api/v1/notices/{id}/acknowledge"), Some(json!({})));
    assert_eq!(act(&olga, &id).0, 404);
    let admin = scene.stage.token.clone();
    assert_eq!(act(&admin, &id).0, 404, "it did not go to them");
    let (status, said) = act(&carl, &id);
    assert_eq!((status, said["people"][0]["acknowledged"].is_null(), said["people"][0]["seen"].is_null()), (200, false, false), "{said}");
    assert_eq!(act(&carl, &id).1["code"], "E-STATE");
    // The log takes leaves in some time after they were written.
    let leaf = scene.stage.until_some("the leaf", || {
        let entries = scene.stage.run(async { scene.stage.app().store.changes_since(0, 10_000).await.unwrap() });
        entries.into_iter().find(|entry| entry.verb == "notice.acknowledge")
    });
    assert_eq!((leaf.object, leaf.client), (format!("notice:{id}"), Some(client)));

    // The correction goes to who heard of the plan, and is acknowledged by nobody.
    assert_eq!(scene.act(&digest, "abort", json!({ "reason": "the fair is on" })).0, 200);
    scene.stage.until("the correction", || !letters(&server, "carl@", "Cancelled: ").is_empty() && !letters(&server, "soc@", "Cancelled: ").is_empty());
    let all = notices(scene.stage, &scene.stage.token, &format!("?rollout={digest}"));
    assert_eq!((all.len(), &all[0]["moment"], &all[1]["corrected_by"]), (2, &json!("cancelled"), &all[0]["id"]), "{all:?}");
    assert!(named(&all[0], "carl")["acknowledged"].is_null() && !named(&all[1], "carl")["acknowledged"].is_null());
    let (status, said) = act(&carl, &id);
    assert_eq!((status, &said["code"]), (409, &json!("E-REPLACED")), "{said}");
}

#[test]
fn where_nobody_acknowledges_the_next_are_called_until_somebody_does() {
    let server = FakeMailServer::new(None);
    let mut stage = with_mail(&server);
    let mut scene = Scene::new(&mut stage, 1);
    let client = scene.stage.first_client();
    let boss = account(scene.stage, "boss", &[Grant::at(Role::Approver, client)]);
    account(scene.stage, "carl", &[Grant::at(Role::Client, client)]);
    let policy = r#"
[notify]
during = { to = ["client"], ack = true }
[[escalation]]
at_percent = 50
to = ["approvers"]
[[escalation]]
at_percent = 100
to = ["ciso@provider.example"]
"#;
    govern(&mut scene, policy);
    scene.agents.iter_mut().for_each(|agent| agent.fate = State::Executing);
    let digest = scene.accepted(json!({}));
    published(scene.stage);
    assert_eq!(scene.start(&digest).0, 200);
    scene.until("the first called", |_| !letters(&server, "boss@", "nobody of 1 person acknowledged").is_empty());
    assert!(letters(&server, "ciso@", "").is_empty(), "one step after the other");
    scene.until("the next called", |_| !letters(&server, "ciso@", "nobody of 1 person acknowledged").is_empty());
    let all = notices(scene.stage, &scene.stage.token, &format!("?rollout={digest}"));
    let moments: Vec<&str> = all.iter().map(|one| one["moment"].as_str().unwrap()).collect();
    assert_eq!(moments, ["unacknowledged", "unacknowledged", "started"]);
    assert!(all[..2].iter().all(|one| one["called_for"] == all[2]["id"]));
    scene.settle(20);
    assert_eq!((letters(&server, "boss@", "").len(), letters(&server, "ciso@", "").len()), (1, 1), "each once");

    // Whoever is called ends it for the next time.
    let mine = notices(scene.stage, &boss, "?mine=true");
    assert_eq!(scene.stage.ask_as(&boss, "POST", &format!("/api/v1/notices/{}/acknowledge", mine[0]["id"].as_str().unwrap()), Some(json!({}))).0, 200);
    assert!(scene.stage.run(async { scene.stage.app().store.unacknowledged(Timestamp::MAX).await.unwrap() }).is_empty());
}
