//! The record of a change: the server's and the one made of an exported log are
//! the same bytes, and an edited log has none.

use super::Scene;
use crate::stage::Stage;
use plimsoll_core::model::outcome::State;
use plimsoll_core::model::problem::Problem;
use plimsoll_server::phases::document::{Form, of_a_folder, of_the_server};
use serde_json::{Value, json};
use std::path::{Path, PathBuf};

impl Scene<'_> {
    /// The record in its form for machines, once the log's newest checkpoint
    /// covers what was waited for.
    fn record(&mut self, digest: &str, what: &str, done: impl Fn(&Value) -> bool) -> Value {
        let look = |scene: &Self| scene.stage.ask("GET", &format!("/api/v1/rollouts/{digest}/record"), None);
        self.until(what, |scene| {
            let (status, record) = look(scene);
            status == 200 && done(&record)
        });
        look(self).1
    }

    fn exported(&self, name: &str) -> (PathBuf, String) {
        let folder = self.stage.folder.join(name);
        let app = self.stage.app();
        let exported = self.stage.run(async { app.store.export_evidence(&folder).await }).unwrap();
        (folder, exported.verifier_key)
    }

    fn same_bytes(&self, digest: &str, folder: &Path, key: &str) {
        let app = self.stage.app();
        for notes in [false, true] {
            for form in [Form::Json, Form::Html, Form::Markdown, Form::Pdf, Form::Docx] {
                if notes && form == Form::Json {
                    continue;
                }
                let server = self.stage.run(async { of_the_server(&app, digest, form, notes).await }).unwrap();
                let folder = of_a_folder(folder, key, digest, form, notes).unwrap();
                assert!(server == folder, "{form:?} differs, notes: {notes}");
                // To be looked at: `PLIMSOLL_KEEP=/tmp/x cargo test …`.
                if let Some(keep) = std::env::var_os("PLIMSOLL_KEEP") {
                    let name = if notes { "notes" } else { "record" };
                    std::fs::write(PathBuf::from(keep).join(format!("{name}.{}", form.extension())), &server).unwrap();
                }
            }
        }
    }
}

fn refused(folder: &Path, key: &str, digest: &str) -> Problem {
    of_a_folder(folder, key, digest, Form::Json, false).unwrap_err()
}

#[test]
fn the_server_and_an_exported_log_make_the_same_record() {
    Stage::each(&[], |stage| {
        let mut scene = Scene::new(stage, 6);
        let digest = scene.accepted(json!({ "reason": "DSA-1, <b>urgent</b>", "checks": [{ "name": "web", "check": "tcp", "port": 443, "timeout_seconds": 5, "before": false }] }));
        // One canary rolls back; somebody has it tried again.
        scene.agents.iter_mut().for_each(|agent| agent.fate = State::RolledBack);
        assert_eq!(scene.start(&digest).0, 200);
        scene.until("a shut gate", |scene| scene.rollout(&digest)["rollout"]["gate"] == "shut");
        let shut = scene.record(&digest, "the shut gate in the record", |record| record["gate"] == "shut");
        assert!(shut["totals"]["failed"].as_u64().unwrap() > 0, "{shut}");
        scene.agents.iter_mut().for_each(|agent| agent.fate = State::Succeeded);
        assert_eq!(scene.act(&digest, "resume", json!({ "retry": true, "reason": "the mirror was half there" })).0, 200);
        scene.until("the rollout's end", |scene| scene.rollout(&digest)["rollout"]["state"] == "done");
        let record = scene.record(&digest, "six confirmed", |record| record["totals"]["confirmed"] == 6 && record["state"] == "done");

        assert_eq!((&record["schema"], &record["package"]), (&json!("plimsoll-change-record/1"), &json!(digest)));
        let acts: Vec<(&str, &str)> = record["acts"].as_array().unwrap().iter().map(|act| (act["verb"].as_str().unwrap(), act["who"].as_str().unwrap())).collect();
        assert_eq!(acts[..3], [("package.draft", "test"), ("package.sign", "ben"), ("package.sign", "carla")]);
        assert_eq!(acts[3..].iter().map(|act| act.0).collect::<Vec<_>>(), ["package.accept", "rollout.start", "rollout.resume"]);
        let hosts = record["hosts"].as_array().unwrap();
        assert!(hosts.iter().all(|host| host["packages"][0]["before"] == "3.0.1-1" && host["packages"][0]["after"] == "3.0.2-1"), "{record}");
        assert!(hosts.iter().all(|host| host["name"].as_str().unwrap().starts_with("host0")));
        assert!(hosts.iter().all(|host| host["confirmed"] == "installed" && !host["confirmed_because"].as_array().unwrap().is_empty()));
        let kinds: Vec<&str> = record["deviations"].as_array().unwrap().iter().map(|deviation| deviation["kind"].as_str().unwrap()).collect();
        for kind in ["rolled-back", "gate-shut", "resumed", "retried"] {
            assert!(kinds.contains(&kind), "{kind} in {kinds:?}");
        }
        assert_eq!(record["content"]["policy"]["id"], "quick");
        assert!(record["times"][0]["approval"].is_u64() && record["times"][0]["install"].is_u64(), "{}", record["times"]);
        assert!(record["gates"].as_array().unwrap().iter().any(|gate| gate["gate"] == "shut" && gate["rings"][0]["failed"].as_u64() > Some(0)), "{}", record["gates"]);

        let (folder, key) = scene.exported("evidence");
        scene.same_bytes(&digest, &folder, &key);
        // L1: whoever edits a leaf, a text or the key has no record.
        assert_eq!(refused(&folder, &key, &"ab".repeat(32)).code, "E-NOT-FOUND");
        let other = scene.stage.folder.join("another");
        assert_eq!(refused(&other, &key, &digest).code, "E-EVIDENCE-SIGNATURE");
        let texts = folder.join("texts/0.jsonl");
        let kept = std::fs::read_to_string(&texts).unwrap();
        std::fs::write(&texts, kept.replacen("3.0.2-1", "3.0.3-1", 1)).unwrap();
        assert_eq!(refused(&folder, &key, &digest).code, "E-EVIDENCE-TEXT");
        std::fs::write(&texts, kept).unwrap();
        let entries = std::fs::read_dir(folder.join("tile/entries")).unwrap().flatten().map(|entry| entry.path()).next().unwrap();
        let bundle = if entries.is_dir() { std::fs::read_dir(&entries).unwrap().flatten().map(|entry| entry.path()).next().unwrap() } else { entries };
        let mut bytes = std::fs::read(&bundle).unwrap();
        let place = bytes.windows(8).position(|window| window == b"rollout.").unwrap();
        bytes[place] ^= 1;
        std::fs::write(&bundle, bytes).unwrap();
        assert!(refused(&folder, &key, &digest).code.starts_with("E-EVIDENCE-"));
    });
}

#[test]
fn a_record_is_for_those_who_see_the_client() {
    use plimsoll_server::identity::role::{Grant, Role};
    let mut stage = Stage::new(&[]);
    let mut scene = Scene::new(&mut stage, 1);
    let digest = scene.accepted(json!({}));
    assert_eq!(scene.start(&digest).0, 200);
    let path = format!("/api/v1/rollouts/{digest}/record");
    scene.record(&digest, "a record", |record| record["acts"].as_array().is_some_and(|acts| acts.len() == 5));
    let own = scene.stage.first_client().to_string();
    let foreign = scene.stage.client("Other");
    let stranger = scene.stage.token_of(&[Grant::at(Role::Operator, foreign)]);
    assert_eq!(scene.stage.ask_as(&stranger, "GET", &path, None).0, 404);
    // So are reports: who sees nothing of a client is told nothing of it.
    let (status, told) = scene.stage.ask("GET", "/api/v1/reports/operator", None);
    assert_eq!((status, &told["measures"]["hosts"]), (200, &json!(1)), "{told}");
    let (status, told) = scene.stage.ask_as(&stranger, "GET", "/api/v1/reports/operator", None);
    assert_eq!((status, &told["measures"]["hosts"], &told["measures"]["late"]), (200, &json!(0), &json!([])), "{told}");
    let of = |client: &str| format!("/api/v1/reports/client?client={client}");
    assert_eq!(scene.stage.ask("GET", &of(&own), None).1["measures"]["hosts"], 1);
    assert_eq!(scene.stage.ask_as(&stranger, "GET", &of(&own), None).0, 404);
    assert_eq!(scene.stage.ask_as(&stranger, "GET", &of("Other"), None).1["client"], "Other");
    for wrong in ["client", "operator?days=0", "operator?as_of=2099-01-01T00:00:00Z", "operator?format=exe"] {
        assert_eq!(scene.stage.ask("GET", &format!("/api/v1/reports/{wrong}"), None).0, 400, "{wrong}");
    }
    assert_eq!(scene.stage.ask("GET", "/api/v1/reports/yearly", None).0, 404);
    for wrong in ["?format=exe", "?notes=true", "?other=1"] {
        assert_eq!(scene.stage.ask("GET", &format!("{path}{wrong}"), None).0, 400, "{wrong}");
    }
}
