//! Clients asked before a rollout starts, over the real sockets: nobody's host
//! goes before the answer, silence decides, and each client sees its own.

use super::*;
use plimsoll_core::model::identifier::ClientId;

const CLIENT: &str = r#"
[client]
model = "managed-infrastructure"
routine = "ROUTINE"
emergency = "inform"
answer_within = "WITHIN"
remind_after = ["PT1S"]
on_silence = "SILENCE"
waiver_text = "The patch is not applied, by the client's decision."
on_refusal = { record = "liability-waiver" }
clause = { inform = "MSA 7.1", consult = "MSA 7.2", consent = "MSA 7.3", silence = "MSA 7.4", refusal = "MSA 7.5" }
"#;

const QUESTIONS: &str = "/api/v1/questions";
const ADVISORY: &str = "TEST-2026-7";

fn govern(scene: &Scene<'_>, routine: &str, within: &str, silence: &str) {
    let client = CLIENT.replace("ROUTINE", routine).replace("WITHIN", within).replace("SILENCE", silence);
    let wish = json!({ "text": format!("{POLICY}{client}"), "reason": "clients take part", "accept_longer": true });
    let (status, said) = scene.stage.ask("PUT", "/api/v1/policy/file", Some(wish));
    assert_eq!(status, 200, "{said}");
}

fn speaker(scene: &Scene<'_>, account: &str, client: ClientId) -> String {
    scene.stage.person(account, &[Grant::at(Role::Client, client)])
}

/// The question about a rollout, as somebody sees it.
fn question(scene: &Scene<'_>, token: &str, digest: &str) -> Value {
    let (status, page) = scene.stage.ask_as(token, "GET", &format!("{QUESTIONS}?package={digest}"), None);
    assert_eq!((status, &page["total"]), (200, &json!(1)), "{page}");
    page["rows"][0].clone()
}

fn answer(scene: &Scene<'_>, token: &str, question: &Value, wish: Value) -> (u16, Value) {
    scene.stage.ask_as(token, "POST", &format!("{QUESTIONS}/{}/answer", question["id"].as_str().unwrap()), Some(wish))
}

fn code(said: &(u16, Value)) -> (u16, &str) {
    (said.0, said.1["code"].as_str().unwrap_or_default())
}

/// Hosts with one open finding each, under a policy that asks their client.
fn with_findings<'a>(stage: &'a mut Stage, hosts: u8, policy: (&str, &str, &str)) -> Scene<'a> {
    stage.advisory("ssl", ADVISORY, "openssl", "high", NEW);
    stage.build();
    let mut scene = Scene::new(stage, hosts);
    govern(&scene, policy.0, policy.1, policy.2);
    scene.until("findings", |scene| scene.stage.ask("GET", "/api/v1/standings", None).1["findings"] == hosts);
    scene
}

#[test]
fn nothing_starts_before_the_clients_own_people_agree() {
    Stage::each(&[], |stage| {
        let mut scene = with_findings(stage, 3, ("consent", "P3D", "waive"));
        let client = scene.stage.first_client();
        let carl = speaker(&scene, "carl", client);
        let foreign = scene.stage.client("Other");
        let stranger = speaker(&scene, "olga", foreign);
        let digest = scene.accepted(json!({ "client": client.to_string(), "title": "<script>window.ran=1</script>" }));
        assert_eq!(scene.start(&digest).0, 200);
        scene.settle(15);
        let asked = question(&scene, &carl, &digest);
        assert_eq!((&asked["state"], &asked["involvement"], &asked["hosts"]), (&json!("open"), &json!("consent"), &json!(3)));
        assert!(asked["patches"][0].as_str().unwrap().contains(&format!("openssl is updated to version {NEW} on debian:12")), "{asked}");
        assert!(asked["answers"][0].as_str().unwrap().starts_with(ADVISORY), "{asked}");
        assert_eq!(asked["clause"], "MSA 7.3; MSA 7.4; MSA 7.5");
        assert!(asked["silence"].as_str().unwrap().contains("the waiver below is recorded"), "{asked}");
        // Nobody goes, and the rollout says why.
        assert_eq!(scene.effects(), 0);
        assert!(scene.agents.iter().flat_map(Agent::assignments).all(|assignment| assignment.go == Go::Stage), "they may fetch, no more");
        let shown = scene.rollout(&digest);
        assert_eq!((&shown["rollout"]["gate"], &shown["rollout"]["state"]), (&json!("waiting"), &json!("running")));
        assert!(shown["rollout"]["reasons"][0].as_str().unwrap().contains("asked for consent"), "{shown}");

        // Another client's people see nothing of it; the provider's do not answer.
        let id = asked["id"].as_str().unwrap();
        assert_eq!(scene.stage.ask_as(&stranger, "GET", QUESTIONS, None).1["total"], 0);
        assert_eq!(code(&scene.stage.ask_as(&stranger, "GET", &format!("{QUESTIONS}/{id}"), None)), (404, "E-NOT-FOUND"));
        assert_eq!(code(&answer(&scene, &stranger, &asked, json!({ "answer": "approve" }))), (404, "E-NOT-FOUND"));
        assert_eq!(code(&scene.stage.ask_as(&stranger, "POST", &format!("{QUESTIONS}/{id}/remark"), Some(json!({ "text": "let me in" })))), (404, "E-NOT-FOUND"));
        assert_eq!(scene.stage.ask_as(&stranger, "GET", &format!("/api/v1/rollouts/{digest}"), None).0, 404);
        assert_eq!(code(&answer(&scene, &scene.stage.token, &asked, json!({ "answer": "approve" }))), (403, "E-PERMISSION"));
        for path in ["/api/v1/policy", "/api/v1/evidence", "/api/v1/people", "/api/v1/alerts"] {
            assert_eq!(scene.stage.ask_as(&carl, "GET", path, None).0, 403, "{path}");
        }
        assert_eq!(scene.stage.ask_as(&carl, "GET", "/api/v1/hosts", None).1["total"], 3);
        assert_eq!(scene.stage.ask_as(&stranger, "GET", "/api/v1/hosts", None).1["total"], 0);

        // Asked back, refused, and changed before the start.
        assert_eq!(code(&answer(&scene, &carl, &asked, json!({ "answer": "maybe" }))).0, 400);
        assert_eq!(code(&answer(&scene, &carl, &asked, json!({ "answer": "refuse" }))), (400, "E-PARAMETER"), "a refusal has a reason");
        assert_eq!(code(&answer(&scene, &carl, &asked, json!({ "answer": "refuse", "reason": "a\u{202e}b" }))), (400, "E-TEXT"));
        let (status, said) = scene.stage.ask_as(&carl, "POST", &format!("{QUESTIONS}/{id}/remark"), Some(json!({ "text": "<b>does the shop go down?</b>" })));
        assert_eq!((status, &said["state"], &said["said"][0]["by"]), (200, &json!("open"), &json!("carl")), "{said}");
        let (status, refused) = answer(&scene, &carl, &asked, json!({ "answer": "refuse", "reason": "the fair is on", "seen": "open" }));
        assert_eq!((status, &refused["state"], &refused["decided_by"]), (200, &json!("refused"), &json!("carl")), "{refused}");
        let waiver = refused["waiver"].as_str().unwrap_or_else(|| panic!("{refused}")).to_owned();
        let findings = scene.stage.ask_as(&carl, "GET", "/api/v1/findings", None).1;
        let marks: Vec<&Value> = findings["rows"].as_array().unwrap().iter().map(|row| &row["exception"]["kind"]).collect();
        assert_eq!(marks, vec![&json!("client-refusal"); 3], "{findings}");
        let kept = scene.stage.ask_as(&carl, "GET", &format!("/api/v1/exceptions/{waiver}"), None).1;
        assert_eq!((&kept["state"], &kept["decided_by"]), (&json!("approved"), &json!("carl")), "{kept}");
        let reason = kept["reason"].as_str().unwrap();
        assert!(reason.starts_with("The patch is not applied, by the client's decision. (carl refused for the client: the fair is on; question"), "{reason}");
        assert_eq!(code(&answer(&scene, &carl, &asked, json!({ "answer": "refuse", "reason": "still" }))), (409, "E-QUESTION-ANSWERED"));
        assert_eq!(code(&answer(&scene, &carl, &asked, json!({ "answer": "approve", "seen": "open" }))), (409, "E-RACE"));
        scene.settle(10);
        assert_eq!((scene.effects(), &scene.rollout(&digest)["rollout"]["state"]), (0, &json!("running")), "it may be changed yet");

        let (status, agreed) = answer(&scene, &carl, &asked, json!({ "answer": "approve", "reason": "after all", "seen": "refused" }));
        assert_eq!((status, &agreed["state"], &agreed["waiver"]), (200, &json!("approved"), &Value::Null), "{agreed}");
        let kept = scene.stage.ask("GET", &format!("/api/v1/exceptions/{waiver}"), None).1;
        assert_eq!(kept["state"], "withdrawn", "{kept}");
        scene.until("the first host", |scene| scene.effects() > 0);
        assert_eq!(code(&answer(&scene, &carl, &asked, json!({ "answer": "refuse", "reason": "too late" }))).0, 409);
        scene.until("the rollout's end", |scene| scene.rollout(&digest)["rollout"]["state"] == "done");
        assert_eq!(code(&answer(&scene, &carl, &asked, json!({ "answer": "refuse", "reason": "too late" }))), (409, "E-QUESTION-OVER"));

        // The record of the change tells all of it, out of the log alone.
        let path = format!("/api/v1/rollouts/{digest}/record");
        let record = scene.stage.until_some("record", || {
            let (status, record) = scene.stage.ask("GET", &path, None);
            (status == 200).then_some(record)
        });
        let acts: Vec<(&str, &str)> = record["acts"].as_array().unwrap().iter().map(|act| (act["verb"].as_str().unwrap(), act["reason"].as_str().unwrap_or_default())).collect();
        let verbs: Vec<&str> = acts.iter().map(|(verb, _)| *verb).filter(|verb| verb.starts_with("client.") && *verb != "client.reminded").collect();
        assert_eq!(verbs, ["client.asked", "client.remarked", "client.refused", "client.approved"], "{acts:?}");
        assert!(acts.iter().any(|(verb, reason)| *verb == "client.refused" && reason.contains(&waiver) && reason.contains("the fair is on")), "{acts:?}");
    });
}

#[test]
fn silence_reminds_and_leaves_a_waiver_while_another_clients_rollout_goes_on() {
    let mut stage = Stage::new(&[]);
    let mut scene = with_findings(&mut stage, 2, ("consent", "PT4S", "waive"));
    let client = scene.stage.first_client();
    let carl = speaker(&scene, "carl", client);
    // The other client's host joins with a token of its own.
    let other = scene.stage.client("Other");
    scene.stage.run(async { plimsoll_server::membership::refresh(&scene.stage.app()).await.unwrap() });
    let olga = speaker(&scene, "olga", other);
    let (status, made) = scene.stage.ask("POST", "/api/v1/enrolment-tokens", Some(json!({ "client": other.to_string(), "uses": 1 })));
    assert_eq!(status, 200, "{made}");
    let server = format!("http://{}", scene.stage.running.as_ref().unwrap().bound);
    let joined = Agent::join(&server, made["token"].as_str().unwrap(), &scene.root, 40);
    scene.agents.push(joined);
    scene.until("findings", |scene| scene.stage.ask("GET", "/api/v1/standings", None).1["findings"] == 3);

    let theirs = scene.accepted(json!({ "client": other.to_string() }));
    let digest = scene.accepted(json!({ "client": client.to_string() }));
    assert_eq!((scene.start(&theirs).0, scene.start(&digest).0), (200, 200));
    let asked = question(&scene, &olga, &theirs);
    assert_eq!((&asked["hosts"], &asked["host_names"]), (&json!(1), &json!(["host40"])), "of its own hosts only");
    assert_eq!(answer(&scene, &olga, &asked, json!({ "answer": "approve" })).0, 200);
    scene.until("the other client's host", |scene| scene.agents[2].effects == 1);
    scene.until("silence", |scene| question(scene, &carl, &digest)["state"] == "waived");
    let decided = question(&scene, &carl, &digest);
    assert_eq!((&decided["decided_by"], &decided["reminded"]), (&json!("silence"), &json!(1)), "{decided}");
    let kept = scene.stage.ask_as(&carl, "GET", &format!("/api/v1/exceptions/{}", decided["waiver"].as_str().unwrap()), None).1;
    assert!(kept["reason"].as_str().unwrap().contains("gave no answer before"), "{kept}");
    assert_eq!((&kept["kind"], &kept["findings"]), (&json!("client-refusal"), &json!(2)));
    scene.until("its end", |scene| scene.rollout(&digest)["rollout"]["state"] == "done");
    assert_eq!(scene.agents.iter().map(|agent| agent.effects).collect::<Vec<_>>(), [0, 0, 1]);
    assert_eq!(scene.rollout(&digest)["rings"][0]["hosts"]["left_out"], 1);
    let late = answer(&scene, &carl, &decided, json!({ "answer": "approve" }));
    assert_eq!(code(&late), (409, "E-QUESTION-LATE"));
    assert!(late.1["detail"].as_str().unwrap().contains("the waiver stands"), "{}", late.1);
}

#[test]
fn who_is_heard_or_told_holds_nothing_up_for_good() {
    let mut stage = Stage::new(&[]);
    let mut scene = with_findings(&mut stage, 2, ("consult", "PT3S", "waive"));
    let carl = speaker(&scene, "carl", scene.stage.first_client());
    let digest = scene.accepted(json!({}));
    assert_eq!(scene.start(&digest).0, 200);
    let asked = question(&scene, &carl, &digest);
    let (status, said) = answer(&scene, &carl, &asked, json!({ "answer": "refuse", "reason": "not before the fair" }));
    assert_eq!((status, &said["state"], &said["waiver"]), (200, &json!("objected"), &Value::Null), "{said}");
    assert_eq!(scene.effects(), 0);
    scene.until("the rollout's end", |scene| scene.rollout(&digest)["rollout"]["state"] == "done");
    assert_eq!((scene.effects(), &question(&scene, &carl, &digest)["state"]), (2, &json!("objected")));
    let alerts = scene.stage.run(async { scene.stage.app().store.open_alerts(&plimsoll_store::Scope::All, 100).await.unwrap() });
    assert!(alerts.iter().any(|alert| alert.kind == "E-CLIENT-REFUSED" && alert.text.contains("not before the fair")), "{alerts:?}");

    // Told, and nothing waits.
    govern(&scene, "inform", "PT3S", "waive");
    scene.agents.iter_mut().for_each(|agent| agent.version = OLD.to_owned());
    let again = scene.accepted(json!({ "updates": "nothing", "steps": [{ "step": "service", "unit": "nginx.service", "state": "reloaded" }] }));
    assert_eq!(scene.start(&again).0, 200);
    let told = question(&scene, &carl, &again);
    assert_eq!((&told["state"], &told["answer_by"]), (&json!("told"), &Value::Null), "{told}");
    assert_eq!(code(&answer(&scene, &carl, &told, json!({ "answer": "approve" }))), (409, "E-QUESTION-TOLD"));
    scene.stage.until("an open gate", || scene.rollout(&again)["rollout"]["gate"] == "open");
}

#[test]
fn silence_lets_go_on_where_the_policy_says_so_and_an_abort_closes_the_question() {
    let mut stage = Stage::new(&[]);
    let mut scene = with_findings(&mut stage, 2, ("consent", "PT2S", "proceed"));
    let carl = speaker(&scene, "carl", scene.stage.first_client());
    let digest = scene.accepted(json!({}));
    assert_eq!(scene.start(&digest).0, 200);
    scene.until("silence", |scene| question(scene, &carl, &digest)["state"] == "proceeded");
    scene.until("the rollout's end", |scene| scene.rollout(&digest)["rollout"]["state"] == "done");
    assert_eq!(scene.effects(), 2);

    govern(&scene, "consent", "P3D", "proceed");
    let other = scene.accepted(json!({ "updates": "nothing", "steps": [{ "step": "service", "unit": "nginx.service", "state": "reloaded" }] }));
    assert_eq!(scene.start(&other).0, 200);
    assert_eq!(scene.act(&other, "abort", json!({ "reason": "enough" })).0, 200);
    scene.stage.until("a closed question", || question(&scene, &carl, &other)["state"] == "closed");
    assert_eq!(code(&answer(&scene, &carl, &question(&scene, &carl, &other), json!({ "answer": "approve" }))), (409, "E-QUESTION-OVER"));
}

#[test]
fn of_two_who_answer_at_once_one_is_told_what_the_other_did() {
    let mut stage = Stage::new(&[]);
    let scene = with_findings(&mut stage, 1, ("consent", "P3D", "waive"));
    let client = scene.stage.first_client();
    let (carl, dora) = (speaker(&scene, "carl", client), speaker(&scene, "dora", client));
    let digest = scene.accepted(json!({}));
    assert_eq!(scene.start(&digest).0, 200);
    let asked = question(&scene, &carl, &digest);
    let wish = |answer: &str| json!({ "answer": answer, "reason": "so I say", "seen": "open" });
    let (one, two) = std::thread::scope(|scope| {
        let one = scope.spawn(|| answer(&scene, &carl, &asked, wish("approve")));
        let two = scope.spawn(|| answer(&scene, &dora, &asked, wish("refuse")));
        (one.join().unwrap(), two.join().unwrap())
    });
    let mut codes = [code(&one), code(&two)];
    codes.sort();
    assert_eq!(codes, [(200, ""), (409, "E-RACE")], "{one:?} {two:?}");
    let after = question(&scene, &carl, &digest);
    let expected = if one.0 == 200 { "approved" } else { "refused" };
    assert_eq!((&after["state"], after["said"].as_array().unwrap().len()), (&json!(expected), 1), "{after}");
}
