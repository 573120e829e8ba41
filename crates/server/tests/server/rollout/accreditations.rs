//! A rollout that waits for an authority, over the real sockets.

use super::*;
use plimsoll_core::model::accreditation::{Accreditation, Accredited};
use plimsoll_core::model::identifier::{AccreditationId, ClientId};
use plimsoll_store::{Actor, Intent};

fn give(scene: &Scene<'_>, products: &[&str], seconds: i64) -> AccreditationId {
    let (app, client, now) = (scene.stage.app(), scene.stage.first_client(), Timestamp::now());
    let id = AccreditationId::from_bits(now.as_microsecond() as u128);
    let scope = Accredited { products: products.iter().map(|name| (*name).to_owned()).collect(), ..Accredited::default() };
    let given = Accreditation { id, client, scope, statement: "bench".into(), by: "olga".into(), given: now, until: now + jiff::SignedDuration::from_secs(seconds), withdrawn: None };
    scene.stage.run(async {
        let mut change = app.store.begin(Intent::new(Actor::server(), now, "accreditation.give", format!("accreditation:{id}"))).await.unwrap();
        change.add_accreditation(&given).await.unwrap();
        change.commit(None).await.unwrap();
    });
    id
}

fn reasons(scene: &Scene<'_>, digest: &str) -> String {
    scene.rollout(digest)["rollout"]["reasons"].to_string()
}

#[test]
fn nothing_begins_without_an_accreditation_in_force() {
    Stage::each(&[], |stage| {
        let mut scene = Scene::new(stage, 4);
        let wish = json!({ "text": format!("{POLICY}[accreditation]\nby = [\"ciso\"]\n[people]\nciso = {{ members = [\"olga\"] }}\nolga = {{}}\n"), "reason": "authority", "accept_longer": true });
        let (status, said) = scene.stage.ask("PUT", "/api/v1/policy/file", Some(wish));
        assert_eq!(status, 200, "{said}");
        let digest = scene.accepted(json!({}));
        assert_eq!(scene.start(&digest).0, 200);
        scene.until("a reason", |scene| reasons(scene, &digest).contains("the policy asks for an accreditation from ciso, and none in force covers its hosts"));
        give(&scene, &["nginx"], 3600);
        scene.settle(15);
        assert_eq!((scene.effects(), &scene.rollout(&digest)["rollout"]["gate"]), (0, &json!("waiting")));
        // One for the product lets the first ring go, and is taken back.
        let id = give(&scene, &["openssl"], 3600);
        scene.until("a canary", |scene| scene.effects() >= 1);
        let (status, said) = scene.stage.ask("POST", &format!("/api/v1/accreditations/{id}/withdraw"), Some(json!({ "reason": "a finding" })));
        assert_eq!((status, &said["state"], &said["withdrawn_because"]), (200, &json!("withdrawn"), &json!("a finding")), "{said}");
        assert_eq!(scene.stage.ask("POST", &format!("/api/v1/accreditations/{id}/withdraw"), Some(json!({ "reason": "again" }))).1["code"], "E-STATE");
        scene.until("a word of it", |scene| reasons(scene, &digest).contains("took it back at"));
        let effects = scene.effects();
        scene.settle(15);
        assert_eq!(scene.effects(), effects);
        // The rest goes under another one.
        give(&scene, &["openssl"], 3600);
        scene.until("the rollout's end", |scene| scene.rollout(&digest)["rollout"]["state"] == "done");
        let (status, listed) = scene.stage.ask("GET", "/api/v1/accreditations", None);
        let states: Vec<&Value> = listed["rows"].as_array().unwrap().iter().map(|row| &row["state"]).collect();
        assert_eq!((status, states), (200, vec![&json!("in-force"), &json!("withdrawn"), &json!("in-force")]), "{listed}");
        // Of another client nothing is seen, and nobody gives one by a token.
        let foreign: ClientId = scene.stage.client("Other");
        let stranger = scene.stage.token_of(&[Grant::at(Role::Operator, foreign), Grant::at(Role::Approver, foreign)]);
        assert_eq!(scene.stage.ask_as(&stranger, "GET", "/api/v1/accreditations", None).1["total"], 0);
        assert_eq!(scene.stage.ask_as(&stranger, "POST", &format!("/api/v1/accreditations/{id}/withdraw"), Some(json!({ "reason": "x" }))).0, 404);
        assert_eq!(scene.stage.ask_as(&stranger, "POST", "/api/v1/accreditations", Some(json!({ "statement": "x", "until": "2037-01-01T00:00:00Z" }))).0, 403);
    });
}
