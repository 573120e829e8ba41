//! What the policy has people told of rollouts and of deadlines: once each,
//! whatever restarts, with corrections, and not at night.

use super::*;
use crate::receiver::{Receiver, Taken, always};
use plimsoll_server::notices::publish;
use std::time::Duration;

const NOTIFY: &str = r#"
[notify]
planned = { to = ["owners", "client"], lead = "P90D" }
during = { to = ["operators"] }
completed = { to = ["owners"] }
failed = { to = ["operators"] }
"#;

/// A window that opens for the first time in two weeks at the earliest and ten at
/// the latest.
pub fn far_window() -> String {
    let month = (Timestamp::now() + jiff::SignedDuration::from_hours(24 * 40)).to_zoned(jiff::tz::TimeZone::UTC);
    format!("[[window]]\nid = \"far\"\ntz = \"UTC\"\nstart = {}-28T02:00:00\nrule = \"FREQ=MONTHLY;BYMONTHDAY=28\"\nduration = \"PT4H\"\n", month.strftime("%Y-%m"))
}

pub fn govern(scene: &mut Scene<'_>, more: &str) {
    scene.stage.token = scene.stage.token_of(&[Grant::everywhere(Role::Administrator), Grant::everywhere(Role::Operator), Grant::everywhere(Role::PolicyAuthor)]);
    let wish = json!({ "text": format!("{POLICY}{more}"), "reason": "people are told", "accept_longer": true });
    let (status, said) = scene.stage.ask("PUT", "/api/v1/policy/file", Some(wish));
    assert_eq!(status, 200, "{said}");
}

/// A webhook, once the publisher goes on: that of a server that was killed has
/// its lease for half a minute, and what came to pass before is not told.
fn listened(stage: &Stage, receiver: &Receiver, kinds: &[&str]) -> String {
    let (hook, _) = stage.webhook(&receiver.url(), kinds);
    published(stage);
    hook
}

/// Waits for the publisher to go on.
pub fn published(stage: &Stage) {
    let begun = std::time::Instant::now();
    while !stage.runtime.as_ref().unwrap().block_on(stage.app().store.notice_marks()).unwrap().contains_key("telling") {
        assert!(begun.elapsed() < Duration::from_secs(60), "nobody publishes");
        std::thread::sleep(Duration::from_millis(100));
    }
}

fn kinds(taken: &[Taken]) -> Vec<String> {
    let mut kinds: Vec<String> = taken.iter().map(Taken::kind).filter(|kind| kind.starts_with("plimsoll.rollout.")).collect();
    kinds.sort();
    kinds
}

fn of<'a>(taken: &'a [Taken], kind: &str) -> Vec<&'a Taken> {
    taken.iter().filter(|one| one.kind() == format!("plimsoll.{kind}")).collect()
}

fn sound(taken: &[Taken]) {
    let schema: Value = serde_json::from_str(include_str!("../../../../../docs/schema/events-1.schema.json")).unwrap();
    let schema = jsonschema::validator_for(&schema).unwrap();
    for one in taken {
        let event = one.event();
        let errors: Vec<String> = schema.iter_errors(&event).map(|error| error.to_string()).collect();
        assert!(errors.is_empty(), "{errors:?} in {event}");
    }
}

/// The calendar as a client of the API gets it.
fn calendar(scene: &Scene<'_>, digest: &str) -> String {
    let (status, said) = scene.stage.ask("GET", &format!("/api/v1/rollouts/{digest}/calendar"), None);
    assert_eq!(status, 200, "{said}");
    said.as_str().unwrap().replace("\r\n ", "")
}

fn lines<'a>(calendar: &'a str, name: &str) -> Vec<&'a str> {
    calendar.split("\r\n").filter(|line| line.starts_with(name)).collect()
}

#[test]
fn a_rollout_is_told_from_its_plan_to_its_end_once_each() {
    let receiver = Receiver::new(always("204 No Content"));
    Stage::each(&[receiver.address.port()], |stage| {
        let before = receiver.taken().len();
        let fresh = || receiver.taken().split_off(before);
        let mut scene = Scene::new(stage, 3);
        govern(&mut scene, NOTIFY);
        listened(scene.stage, &receiver, &[]);
        // A second server looks at the same store.
        let (stop, stopped) = tokio::sync::watch::channel(false);
        scene.stage.runtime.as_ref().unwrap().spawn(publish::run(scene.stage.app(), stopped));
        let digest = scene.accepted(json!({}));
        assert_eq!(scene.start(&digest).0, 200);
        scene.until("the rollout's end", |scene| scene.rollout(&digest)["rollout"]["state"] == "done");
        receiver.wait("the end", |taken| !of(&taken[before..], "rollout.completed").is_empty());
        stop.send(true).unwrap();
        scene.stage.kill();
        scene.stage.start();
        std::thread::sleep(Duration::from_secs(2));
        let taken = fresh();
        sound(&taken);
        // The hosts may have begun before anybody looked: then a plan is no news.
        let told: Vec<String> = kinds(&taken).into_iter().filter(|kind| kind != "plimsoll.rollout.planned").collect();
        assert_eq!(told, ["plimsoll.rollout.completed", "plimsoll.rollout.started"]);
        let end = of(&taken, "rollout.completed")[0].event();
        assert_eq!((&end["subject"], &end["data"]["hosts"], &end["data"]["succeeded"], &end["data"]["failed"]), (&json!(digest), &json!(3), &json!(3), &json!(0)));
        assert_eq!((&end["data"]["to"], &end["data"]["title"]), (&json!(["owners"]), &json!("OpenSSL")));
        assert!(end["data"]["text"].as_str().unwrap().starts_with("Completed: OpenSSL on 3 hosts"), "{end}");
    });
}

#[test]
fn a_plan_is_told_once_over_a_restart_and_corrected_by_an_abort() {
    let receiver = Receiver::new(always("204 No Content"));
    Stage::each(&[receiver.address.port()], |stage| {
        let before = receiver.taken().len();
        let mut scene = Scene::new(stage, 2);
        govern(&mut scene, &format!("{}{NOTIFY}", far_window()));
        listened(scene.stage, &receiver, &[]);
        let digest = scene.accepted(json!({ "days": 80 }));
        assert_eq!(scene.start(&digest).0, 200);
        receiver.wait("the plan", |taken| !of(&taken[before..], "rollout.planned").is_empty());
        let planned = of(&receiver.taken()[before..], "rollout.planned")[0].event();
        let data = &planned["data"];
        let (start, end): (Timestamp, Timestamp) = (data["start"].as_str().unwrap().parse().unwrap(), data["end"].as_str().unwrap().parse().unwrap());
        assert_eq!(end.duration_since(start), jiff::SignedDuration::from_hours(4), "{planned}");
        assert_eq!((&data["to"], &data["hosts"], data["listed"].as_array().unwrap().len()), (&json!(["owners", "client"]), &json!(2), 2));
        let shown = calendar(&scene, &digest);
        assert_eq!(lines(&shown, "METHOD:"), ["METHOD:PUBLISH"]);
        assert_eq!(lines(&shown, "DTSTART:"), [start.strftime("DTSTART:%Y%m%dT%H%M%SZ").to_string()]);

        scene.stage.kill();
        scene.stage.start();
        std::thread::sleep(Duration::from_secs(2));
        assert_eq!(kinds(&receiver.taken()[before..]), ["plimsoll.rollout.planned"], "not again");
        assert_eq!(scene.act(&digest, "abort", json!({ "reason": "the fair is on" })).0, 200);
        receiver.wait("the correction", |taken| !of(&taken[before..], "rollout.cancelled").is_empty());
        std::thread::sleep(Duration::from_secs(1));
        let taken = receiver.taken().split_off(before);
        sound(&taken);
        assert_eq!(kinds(&taken), ["plimsoll.rollout.cancelled", "plimsoll.rollout.planned"]);
        let after = calendar(&scene, &digest);
        assert_eq!((lines(&after, "METHOD:"), lines(&after, "STATUS:")), (vec!["METHOD:CANCEL"], vec!["STATUS:CANCELLED"]));
        assert_eq!(lines(&after, "UID:"), lines(&shown, "UID:"), "the same event");
        let number = |calendar: &str| lines(calendar, "SEQUENCE:")[0]["SEQUENCE:".len()..].parse::<u64>().unwrap();
        assert!(number(&after) > number(&shown));

        // Another client's people get no calendar of it.
        let stranger = scene.stage.client("Other");
        let token = scene.stage.token_of(&[Grant::at(Role::Viewer, stranger)]);
        assert_eq!(scene.stage.ask_as(&token, "GET", &format!("/api/v1/rollouts/{digest}/calendar"), None).0, 404);
    });
}

#[test]
fn quiet_hours_hold_a_notice_back_until_they_end() {
    let receiver = Receiver::new(always("204 No Content"));
    let mut stage = Stage::new(&[receiver.address.port()]);
    let mut scene = Scene::new(&mut stage, 1);
    let now = Timestamp::now().to_zoned(jiff::tz::TimeZone::UTC);
    let (from, to) = (now.checked_sub(jiff::Span::new().hours(1)).unwrap(), now.checked_add(jiff::Span::new().hours(2)).unwrap());
    let quiet = format!("quiet_hours = {{ from = \"{}\", to = \"{}\" }}\n", from.strftime("%H:%M:%S"), to.strftime("%H:%M:%S"));
    govern(&mut scene, &format!("{}{NOTIFY}{quiet}", far_window()));
    let hook = listened(scene.stage, &receiver, &[]);
    let digest = scene.accepted(json!({ "days": 80 }));
    assert_eq!(scene.start(&digest).0, 200);
    let held = scene.stage.until_some("the held notice", || scene.stage.deliveries(&hook).into_iter().find(|one| one["event"] == "rollout.planned"));
    let leaves: Timestamp = held["next_try"].as_str().unwrap().parse().unwrap();
    assert_eq!((&held["state"], &held["attempts"], leaves.as_second()), (&json!("waiting"), &json!(0), to.timestamp().as_second()), "{held}");
    assert!(of(&receiver.taken(), "rollout.planned").is_empty());
}

#[test]
fn a_deadline_is_escalated_at_its_shares_once_for_many_hosts() {
    let receiver = Receiver::new(always("204 No Content"));
    let mut stage = Stage::new(&[receiver.address.port()]);
    let mut scene = Scene::new(&mut stage, 0);
    let more = r#"
[[deadline]]
id = "soon"
within = "PT8S"
clock = "detected"
[[escalation]]
at_percent = 50
to = ["owner"]
[[escalation]]
at_percent = 100
to = ["ciso"]
levels = ["critical", "high"]
"#;
    govern(&mut scene, more);
    listened(scene.stage, &receiver, &["deadline.escalated"]);
    let client = scene.stage.first_client();
    for number in 0..5 {
        scene.stage.host(client, &format!("host-{number}"), "libpng1.6", "1.6.39-2");
    }
    scene.stage.advisory("png", "TEST-2026-9", "libpng1.6", "high", "1.6.39-2+deb12u4");
    scene.stage.advisory("low", "TEST-2026-10", "libpng1.6", "low", "1.6.39-2+deb12u4");
    scene.stage.build();
    let hosts = |taken: &[Taken], percent: u64| -> u64 {
        of(taken, "deadline.escalated").iter().map(|one| one.event()).filter(|event| event["data"]["percent"] == percent).map(|event| event["data"]["findings"].as_u64().unwrap()).sum()
    };
    receiver.wait("both steps", |taken| hosts(taken, 50) >= 10 && hosts(taken, 100) >= 5);
    scene.stage.kill();
    scene.stage.start();
    std::thread::sleep(Duration::from_secs(3));
    let taken = receiver.taken();
    sound(&taken);
    assert_eq!((hosts(&taken, 50), hosts(&taken, 100)), (10, 5), "the low one calls nobody at its end");
    assert!(taken.len() < 10, "{} messages for ten findings", taken.len());
    let last = taken.iter().map(Taken::event).find(|event| event["data"]["percent"] == 100).unwrap();
    assert_eq!((&last["data"]["to"], &last["data"]["listed"][0]["advisory"]), (&json!(["ciso"]), &json!("TEST-2026-9")));
    assert!(last["data"]["text"].as_str().unwrap().starts_with("For ciso: the deadline of "), "{last}");
}
