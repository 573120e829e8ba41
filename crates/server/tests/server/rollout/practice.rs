//! What the policy says of pending reboots and of emergencies, over the real
//! sockets.

use super::*;

const ADVISORY: &str = "TEST-2026-9";

fn govern(scene: &Scene<'_>, sections: &str) {
    let wish = json!({ "text": format!("{POLICY}{sections}"), "reason": "practice", "accept_longer": true });
    let (status, said) = scene.stage.ask("PUT", "/api/v1/policy/file", Some(wish));
    assert_eq!(status, 200, "{said}");
}

#[test]
fn a_reboot_that_is_pending_holds_the_rest_until_the_host_has_booted() {
    let mut stage = Stage::new(&[]);
    let mut scene = Scene::new(&mut stage, 4);
    govern(&scene, "[reboot]\npending_counts_as = \"open\"\nmax_pending = \"P3D\"\n");
    let digest = scene.accepted(json!({}));
    scene.agents.iter_mut().for_each(|agent| agent.reboot = true);
    assert_eq!(scene.start(&digest).0, 200);
    scene.until("a canary that waits", |scene| scene.rollout(&digest)["rings"][0]["hosts"]["pending"] == 1);
    scene.until("a word of it", |scene| scene.rollout(&digest)["confirmed"]["installed-pending-reboot"] == 1);
    scene.settle(10);
    let shown = scene.rollout(&digest);
    assert_eq!((scene.effects(), &shown["rollout"]["gate"]), (1, &json!("open")), "{shown}");
    assert!(shown["rollout"]["reasons"].to_string().contains("1 of them do not count as done until they have rebooted"), "{shown}");
    let (_, hosts) = scene.stage.ask("GET", &format!("/api/v1/rollouts/{digest}/hosts?phase=pending"), None);
    let because = hosts["rows"][0]["reboot"].as_str().unwrap();
    assert!(because.contains("under policy quick 1 it does not count as done (reboot.pending_counts_as), overdue from "), "{hosts}");
    scene.agents.iter_mut().for_each(|agent| agent.reboot = false);
    scene.agents.iter_mut().filter(|agent| agent.effects > 0).for_each(Agent::boots);
    scene.until("the rollout's end", |scene| scene.rollout(&digest)["rollout"]["state"] == "done");
    scene.until("every host confirmed", |scene| scene.rollout(&digest)["confirmed"] == json!({ "installed": 4 }));
}

#[test]
fn an_overdue_reboot_counts_as_a_failure_of_its_ring() {
    let mut stage = Stage::new(&[]);
    let mut scene = Scene::new(&mut stage, 4);
    govern(&scene, "[reboot]\npending_counts_as = \"installed\"\nmax_pending = \"PT1S\"\n[[freeze]]\nid = \"old\"\nfrom = 2020-01-01\nto = 2020-01-02\n");
    let digest = scene.accepted(json!({ "at_once": 1 }));
    scene.agents.iter_mut().for_each(|agent| agent.reboot = true);
    assert_eq!(scene.start(&digest).0, 200);
    scene.until("a shut gate", |scene| scene.rollout(&digest)["rollout"]["gate"] == "shut");
    let shown = scene.rollout(&digest);
    assert_eq!((&shown["rings"][0]["hosts"]["overdue"], shown["rings"][0]["against"].as_array().unwrap().len()), (&json!(1), 1), "{shown}");
    assert!(shown["rollout"]["reasons"][0].as_str().unwrap().contains("1 wait for a reboot that is overdue"), "{shown}");
}

#[test]
fn an_emergency_stands_on_a_named_word_and_on_facts_that_the_policy_takes() {
    let mut stage = Stage::new(&[]);
    stage.advisory("ssl", ADVISORY, "openssl", "high", NEW);
    stage.build();
    let mut scene = Scene::new(&mut stage, 4);
    scene.until("findings", |scene| scene.stage.ask("GET", "/api/v1/standings", None).1["findings"] == 4);
    let window = "[[window]]\nid = \"night\"\nstart = 2026-01-01T22:00:00\nrule = \"FREQ=WEEKLY;BYDAY=TU\"\nduration = \"PT4H\"\nbreak_for = [\"emergency\"]\n";
    let wish = || json!({ "name": "openssl", "title": "OpenSSL", "reason": "exploited", "change": "emergency", "client": scene.stage.first_client().to_string() });
    let ask = |wish: Value| scene.stage.ask("POST", "/api/v1/deployment-packages", Some(wish));
    let refused = |said: (u16, Value), code: &str, words: &str| {
        assert_eq!((said.0, said.1["code"].as_str()), (409, Some(code)), "{}", said.1);
        assert!(said.1["detail"].to_string().contains(words) || said.1.to_string().contains(words), "{}", said.1);
    };
    govern(&scene, &format!("{window}[people]\nsoc = {{ members = [\"olga\"] }}\nolga = {{}}\n[emergency]\ndeclared_by = [\"soc\"]\n"));
    refused(ask(wish()), "E-EMERGENCY-DECLARED", "soc; owner is none of them");
    // A normal change is nobody's word but the author's.
    let mut normal = wish();
    normal["change"] = json!("normal");
    assert_eq!(ask(normal).0, 200);
    govern(&scene, &format!("{window}[emergency]\ndeclared_by = [\"owner\"]\ntriggers = [\"critical\"]\n"));
    refused(ask(wish()), "E-EMERGENCY-TRIGGER", "takes an emergency for critical; the change answers findings that are high");
    // What may be skipped is named: this window is not.
    govern(&scene, &format!("{window}[emergency]\ndeclared_by = [\"owner\"]\ntriggers = [\"high\"]\nmay_skip = [\"freezes\"]\n"));
    let (_, bound) = ask(wish());
    let reasons = bound["because"].to_string();
    assert!(reasons.contains(&format!("owner declared it an emergency under policy quick 1, because of what is high ({ADVISORY})")), "{bound}");
    assert!(!reasons.contains("it skips"), "{bound}");
    govern(&scene, &format!("{window}[emergency]\ndeclared_by = [\"owner\"]\ntriggers = [\"high\"]\nmay_skip = [\"windows\"]\n"));
    let digest = scene.accepted(json!({ "change": "emergency" }));
    let (_, free) = scene.stage.ask("GET", &format!("/api/v1/deployment-packages/{digest}"), None);
    assert!(free["because"].to_string().contains("by the word of owner it skips: window night"), "{free}");
    // The first ring goes first all the same, and no signature is left out.
    assert_eq!(free["signed_by"], json!(["ben", "carla"]));
    assert_eq!(scene.start(&digest).0, 200);
    scene.until("the canary", |scene| scene.effects() >= 1);
    scene.until("the rollout's end", |scene| scene.rollout(&digest)["rollout"]["state"] == "done");
}
