//! A package carried from draft to every host confirmed, over the real sockets,
//! with hosts that hold to what people signed.

mod accreditations;
mod agent;
mod notices;
mod outside_alerts;
mod people;
mod practice;
mod questions;
mod record;
mod scanners;

use crate::stage::Stage;
use agent::{Agent, NEW, OLD};
use jiff::Timestamp;
use plimsoll_core::model::assignment::Go;
use plimsoll_core::model::outcome::State;
use plimsoll_formats::protocol;
use plimsoll_formats::trust::{KeyFile, RootKeys, SignedPackage, SignedRoot};
use plimsoll_server::identity::role::{Grant, Role};
use serde_json::{Value, json};

const POLICY: &str = r#"schema = "patch-policy/1"
[policy]
id = "quick"
version = "1"
[[ring]]
id = "canary"
percent = 25
soak = "PT1S"
[[ring]]
id = "broad"
percent = 100
"#;

struct Scene<'a> {
    stage: &'a mut Stage,
    root: SignedRoot,
    keys: Vec<KeyFile>,
    agents: Vec<Agent>,
}

/// Owner, ben and carla; two of them must sign.
fn people() -> (SignedRoot, Vec<KeyFile>, KeyFile) {
    let key = |seed: u8| KeyFile::from_seed(&[seed; 32]);
    let named: Vec<(String, KeyFile)> = ["owner", "ben", "carla"].iter().zip(101..).map(|(name, seed)| ((*name).to_owned(), key(seed))).collect();
    let online = key(99);
    let expires = Timestamp::now() + jiff::SignedDuration::from_hours(1000);
    let root = SignedRoot::first(&RootKeys { people: &named, threshold: 2, online: online.public() }, expires).unwrap();
    (root, named.into_iter().map(|(_, key)| key).collect(), online)
}

impl<'a> Scene<'a> {
    fn new(stage: &'a mut Stage, hosts: u8) -> Self {
        let (root, keys, online) = people();
        stage.root = Some((root.bytes().to_vec(), online.to_pem(None, &[0; 16], &[0; 16]).unwrap()));
        stage.kill();
        stage.start();
        stage.token = stage.token_of(&[Grant::everywhere(Role::Operator), Grant::everywhere(Role::PolicyAuthor)]);
        let (status, said) = stage.ask("PUT", "/api/v1/policy/file", Some(json!({ "text": POLICY, "reason": "a test", "accept_longer": true })));
        assert_eq!(status, 200, "{said}");
        let client = stage.first_client().to_string();
        let (status, made) = stage.ask("POST", "/api/v1/enrolment-tokens", Some(json!({ "client": client, "uses": 60 })));
        assert_eq!(status, 200, "{made}");
        let server = format!("http://{}", stage.running.as_ref().unwrap().bound);
        let agents = (0..hosts).map(|number| Agent::join(&server, made["token"].as_str().unwrap(), &root, number)).collect();
        let scene = Self { stage, root, keys, agents };
        scene.acquire(&[OLD, NEW]);
        scene
    }

    /// Puts the bytes of versions among the artefacts.
    fn acquire(&self, versions: &[&str]) {
        let folder = self.stage.folder.join("data/artefacts/sha256");
        let mut entries = Vec::new();
        for version in versions {
            let bytes = format!("the bytes of openssl {version}");
            let sha256 = protocol::digest(bytes.as_bytes());
            std::fs::create_dir_all(folder.join(&sha256[..2])).unwrap();
            std::fs::write(folder.join(&sha256[..2]).join(&sha256), &bytes).unwrap();
            entries.push(json!({ "stream": "debian:12", "name": "openssl", "arch": "amd64", "version": version, "sha256": sha256, "size": bytes.len(), "repository": "https://deb.example" }));
        }
        let (status, said) = self.stage.ask("POST", "/api/v1/acquired", Some(json!({ "entries": entries })));
        assert_eq!((status, &said["new"]), (200, &json!(versions.len())), "{said}");
    }

    fn draft(&self, more: Value) -> Value {
        let mut wish = json!({ "name": "openssl", "title": "OpenSSL", "reason": "DSA-1", "client": self.stage.first_client().to_string() });
        wish.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        let (status, said) = self.stage.ask("POST", "/api/v1/deployment-packages", Some(wish));
        assert_eq!(status, 200, "{said}");
        said
    }

    /// What a person's command line does: reads the bytes, signs them.
    fn signature(&self, digest: &str, person: usize) -> Value {
        let (status, said) = self.stage.ask("GET", &format!("/api/v1/deployment-packages/{digest}/document"), None);
        assert_eq!(status, 200, "{said}");
        let signed = SignedPackage::read("package", said["document"].as_str().unwrap().as_bytes()).unwrap();
        assert_eq!(signed.digest(), digest);
        let mut own = SignedPackage::unsigned(signed.package().clone());
        own.sign(&self.keys[person], &self.root.root).unwrap();
        json!({ "keyid": own.signatures()[0].keyid, "sig": own.signatures()[0].sig })
    }

    fn hand_in(&self, digest: &str, signature: Value) -> (u16, Value) {
        self.stage.ask("POST", &format!("/api/v1/deployment-packages/{digest}/signatures"), Some(signature))
    }

    fn accepted(&self, more: Value) -> String {
        let digest = self.draft(more)["package"]["digest"].as_str().unwrap().to_owned();
        for person in [1, 2] {
            let (status, said) = self.hand_in(&digest, self.signature(&digest, person));
            assert_eq!(status, 200, "{said}");
        }
        digest
    }

    fn start(&self, digest: &str) -> (u16, Value) {
        self.stage.ask("POST", "/api/v1/rollouts", Some(json!({ "package": digest, "reason": "go" })))
    }

    fn rollout(&self, digest: &str) -> Value {
        let (status, said) = self.stage.ask("GET", &format!("/api/v1/rollouts/{digest}"), None);
        assert_eq!(status, 200, "{said}");
        said
    }

    fn act(&self, digest: &str, verb: &str, body: Value) -> (u16, Value) {
        self.stage.ask("POST", &format!("/api/v1/rollouts/{digest}/{verb}"), Some(body))
    }

    /// Everybody takes turns until something holds.
    fn until(&mut self, what: &str, done: impl Fn(&Self) -> bool) {
        let started = std::time::Instant::now();
        while !done(self) {
            assert!(started.elapsed().as_secs() < 90, "no {what} within 90 s");
            self.agents.iter_mut().for_each(Agent::turn);
            std::thread::sleep(std::time::Duration::from_millis(200));
        }
    }

    fn settle(&mut self, turns: usize) {
        for _ in 0..turns {
            self.agents.iter_mut().for_each(Agent::turn);
            std::thread::sleep(std::time::Duration::from_millis(200));
        }
    }

    fn effects(&self) -> u32 {
        self.agents.iter().map(|agent| agent.effects).sum()
    }

    /// Numbers of the agents of a ring.
    fn ring(&self, digest: &str, ring: &str) -> Vec<usize> {
        let (_, hosts) = self.stage.ask("GET", &format!("/api/v1/rollouts/{digest}/hosts?take=1000"), None);
        let ids: Vec<&str> = hosts["rows"].as_array().unwrap().iter().filter(|row| row["ring"] == ring).map(|row| row["host"].as_str().unwrap()).collect();
        self.agents.iter().enumerate().filter(|(_, agent)| ids.contains(&agent.id.as_str())).map(|(number, _)| number).collect()
    }
}

#[test]
fn from_draft_to_every_host_confirmed_through_two_rings() {
    Stage::each(&[], |stage| {
        let mut scene = Scene::new(stage, 8);
        let drafted = scene.draft(json!({}));
        let digest = drafted["package"]["digest"].as_str().unwrap().to_owned();
        assert_eq!(drafted["certification"]["missing"], json!(["0 of 2 people signed"]), "{drafted}");
        assert_eq!((&drafted["package"]["author"], &drafted["package"]["state"]), (&json!("owner"), &json!("draft")));
        // T1, T2, T3, C3: too few, one twice, the author, somebody else's bytes.
        let refused = |said: (u16, Value), status: u16, code: &str| assert_eq!((said.0, said.1["code"].as_str()), (status, Some(code)), "{}", said.1);
        refused(scene.start(&digest), 409, "E-STATE");
        refused(scene.hand_in(&digest, scene.signature(&digest, 0)), 403, "E-SOD");
        for _ in 0..2 {
            let (status, said) = scene.hand_in(&digest, scene.signature(&digest, 1));
            assert_eq!((status, &said["package"]["state"], &said["certification"]["missing"]), (200, &json!("signed"), &json!(["1 of 2 people signed"])), "{said}");
        }
        refused(scene.start(&digest), 409, "E-STATE");
        // C4: whoever changes something makes another package, which nobody signed.
        let edited = scene.draft(json!({ "title": "OpenSSL, edited" }));
        let other = edited["package"]["digest"].as_str().unwrap().to_owned();
        assert_eq!((other != digest, &edited["signed_by"]), (true, &json!([])));
        refused(scene.hand_in(&other, scene.signature(&digest, 2)), 400, "E-SIGNATURE");
        let mut forged = scene.signature(&digest, 2);
        forged["sig"] = json!("00".repeat(64));
        refused(scene.hand_in(&digest, forged), 400, "E-SIGNATURE");
        let (_, said) = scene.hand_in(&digest, scene.signature(&digest, 2));
        assert_eq!((&said["package"]["state"], &said["signed_by"]), (&json!("accepted"), &json!(["ben", "carla"])), "{said}");
        refused(scene.hand_in(&digest, scene.signature(&digest, 2)), 409, "E-STATE");
        scene.settle(2);
        assert!(scene.agents.iter().all(|agent| agent.assigned.is_empty()), "accepted is not started");

        let (status, said) = scene.start(&digest);
        assert_eq!(status, 200, "{said}");
        refused(scene.start(&digest), 409, "E-TAKEN");
        scene.until("canaries done", |scene| scene.effects() >= 2);
        assert_eq!(scene.effects(), 2, "a quarter goes first");
        scene.until("the rollout's end", |scene| scene.rollout(&digest)["rollout"]["state"] == "done");
        scene.until("every host confirmed", |scene| scene.rollout(&digest)["confirmed"] == json!({ "installed": 8 }));
        assert!(scene.agents.iter().all(|agent| agent.version == NEW && agent.effects == 1), "once each");
        scene.settle(2);
        assert!(scene.agents.iter().all(|agent| agent.assigned.is_empty()), "nothing is assigned after the end");

        // T7: a package with a lower number than one that was rolled out.
        scene.agents.iter_mut().for_each(|agent| agent.version = OLD.to_owned());
        let (status, said) = scene.hand_in(&other, scene.signature(&other, 1));
        assert_eq!(status, 200, "{said}");
        scene.hand_in(&other, scene.signature(&other, 2));
        let third = scene.draft(json!({ "updates": "nothing", "steps": [{ "step": "service", "unit": "nginx.service", "state": "reloaded" }] }));
        let third = third["package"]["digest"].as_str().unwrap().to_owned();
        for person in [1, 2] {
            scene.hand_in(&third, scene.signature(&third, person));
        }
        assert_eq!(scene.start(&third).0, 200);
        refused(scene.start(&other), 409, "E-ROLLBACK");
        // Whoever may not see the client sees neither package nor rollout.
        let foreign = scene.stage.client("Other");
        let stranger = scene.stage.token_of(&[Grant::at(Role::Operator, foreign)]);
        for path in ["deployment-packages", "rollouts"] {
            assert_eq!(scene.stage.ask_as(&stranger, "GET", &format!("/api/v1/{path}"), None), (200, json!([])));
            assert_eq!(scene.stage.ask_as(&stranger, "GET", &format!("/api/v1/{path}/{digest}"), None).0, 404);
        }
    });
}

#[test]
fn a_failing_canary_shuts_the_gate_until_it_is_tried_again() {
    let mut stage = Stage::new(&[]);
    let mut scene = Scene::new(&mut stage, 8);
    let digest = scene.accepted(json!({}));
    scene.agents.iter_mut().for_each(|agent| agent.fate = State::RolledBack);
    assert_eq!(scene.start(&digest).0, 200);
    scene.until("a shut gate", |scene| scene.rollout(&digest)["rollout"]["gate"] == "shut");
    scene.settle(15);
    let canaries = scene.ring(&digest, "canary");
    assert_eq!(canaries.len(), 2);
    let shown = scene.rollout(&digest);
    let failed: Vec<&str> = shown["rings"][0]["against"].as_array().unwrap().iter().map(|name| name.as_str().unwrap()).collect();
    assert!(!failed.is_empty() && failed.iter().all(|name| canaries.iter().any(|number| scene.agents[*number].name == *name)), "{shown}");
    assert!(shown["rollout"]["reasons"][0].as_str().unwrap().starts_with("ring canary: "), "{shown}");
    assert!(scene.agents.iter().enumerate().all(|(number, agent)| canaries.contains(&number) || agent.effects == 0 && agent.version == OLD), "nobody else");
    assert!(scene.agents.iter().flat_map(Agent::assignments).all(|assignment| assignment.go != Go::Apply), "nobody may start");
    // A server that is killed and comes back stands where it stood.
    scene.stage.kill();
    scene.stage.start();
    let server = format!("http://{}", scene.stage.running.as_ref().unwrap().bound);
    scene.agents.iter_mut().for_each(|agent| agent.moved(&server));
    scene.settle(5);
    assert_eq!(scene.rollout(&digest)["rollout"]["gate"], "shut");

    scene.agents.iter_mut().for_each(|agent| agent.fate = State::Succeeded);
    let (status, said) = scene.act(&digest, "resume", json!({ "retry": true, "reason": "the mirror was half there" }));
    assert_eq!(status, 200, "{said}");
    scene.until("the rollout's end", |scene| scene.rollout(&digest)["rollout"]["state"] == "done");
    assert!(scene.agents.iter().all(|agent| agent.version == NEW));
    scene.until("every host confirmed", |scene| scene.rollout(&digest)["confirmed"] == json!({ "installed": 8 }));
}

#[test]
fn a_canary_that_goes_dark_counts_as_failed() {
    let mut stage = Stage::new(&[]);
    stage.silence = 4;
    let mut scene = Scene::new(&mut stage, 4);
    let digest = scene.accepted(json!({}));
    scene.agents.iter_mut().for_each(|agent| agent.fate = State::Executing);
    assert_eq!(scene.start(&digest).0, 200);
    scene.until("a shut gate", |scene| scene.rollout(&digest)["rollout"]["gate"] == "shut");
    let shown = scene.rollout(&digest);
    assert_eq!((&shown["rings"][0]["hosts"]["silent"], scene.effects()), (&json!(1), 1), "{shown}");
    // It comes back and had succeeded: that is a proof, and the rest follows.
    scene.agents.iter_mut().for_each(|agent| (agent.dark, agent.fate) = (false, State::Succeeded));
    scene.until("the rollout's end", |scene| scene.rollout(&digest)["rollout"]["state"] == "done");
}

#[test]
fn paused_at_any_moment_and_aborted_for_good() {
    let mut stage = Stage::new(&[]);
    let mut scene = Scene::new(&mut stage, 6);
    let digest = scene.accepted(json!({ "at_once": 1 }));
    assert_eq!(scene.start(&digest).0, 200);
    scene.until("the first", |scene| scene.effects() >= 1);
    let (status, said) = scene.act(&digest, "pause", json!({ "reason": "a party" }));
    assert_eq!((status, &said["rollout"]["state"]), (200, &json!("paused")), "{said}");
    // Whoever was told to go before may still be going; one look later nobody is.
    scene.settle(10);
    let effects = scene.effects();
    scene.settle(15);
    assert_eq!(scene.effects(), effects, "nothing starts while it is paused");
    assert_eq!(scene.act(&digest, "pause", json!({})).1["code"], "E-STATE");
    assert_eq!(scene.act(&digest, "resume", json!({})).0, 200);
    scene.until("somebody more", |scene| scene.effects() > effects);
    assert_eq!(scene.act(&digest, "abort", json!({ "reason": "enough" })).0, 200);
    scene.until("nothing assigned", |scene| scene.agents.iter().all(|agent| agent.assigned.is_empty()));
    let effects = scene.effects();
    scene.settle(10);
    assert_eq!(scene.effects(), effects);
    for verb in ["pause", "resume", "abort"] {
        assert_eq!(scene.act(&digest, verb, json!({})).1["code"], "E-STATE");
    }
    // An approver may stop and never start.
    let approver = scene.stage.token_of(&[Grant::everywhere(Role::Approver)]);
    assert_eq!(scene.stage.ask_as(&approver, "POST", "/api/v1/rollouts", Some(json!({ "package": digest }))).0, 403);
}

#[test]
fn a_host_that_remembers_more_than_the_log_has_is_flagged() {
    let mut stage = Stage::new(&[]);
    let mut scene = Scene::new(&mut stage, 2);
    let flags = |scene: &Scene| {
        let (status, hosts) = scene.stage.ask("GET", "/api/v1/hosts?order=name", None);
        assert_eq!(status, 200, "{hosts}");
        hosts["rows"].as_array().unwrap().iter().map(|host| host["flag"].as_str().unwrap_or_default().to_owned()).collect::<Vec<_>>()
    };
    let size = scene.stage.run(async { scene.stage.app().store.checkpoint().await.unwrap().unwrap().size });
    scene.agents[0].remembered = Some(protocol::Remembered { size: size + 1_000, root: "00".repeat(32) });
    scene.settle(2);
    let raised = |scene: &Scene| flags(scene).iter().filter(|flag| flag.starts_with("E-LOG-AHEAD: remembers ")).count();
    assert_eq!(raised(&scene), 1, "{:?}", flags(&scene));
    // A part of the log is for the host to judge, by its proof.
    scene.agents[1].remembered = Some(protocol::Remembered { size: 1, root: "00".repeat(32) });
    scene.settle(1);
    assert_eq!(raised(&scene), 1, "{:?}", flags(&scene));
    // Whoever looked at it takes it off for good, also while the log grows.
    let (status, said) = scene.stage.ask("POST", &format!("/api/v1/hosts/{}/unflag", scene.agents[0].id), Some(json!({ "reason": "a backup of ours" })));
    assert_eq!((status, &said["flag"]), (200, &json!(null)), "{said}");
    scene.settle(3);
    assert_eq!(raised(&scene), 0, "{:?}", flags(&scene));
    // More than that is news.
    scene.agents[0].remembered = Some(protocol::Remembered { size: size + 2_000, root: "00".repeat(32) });
    scene.settle(2);
    assert_eq!(raised(&scene), 1, "{:?}", flags(&scene));
}
