//! What a host refuses, and that nothing is kept or done of it.

use super::deal::*;
use super::ground::{Ground, possible};
use jiff::Timestamp;
use plimsoll_core::model::assignment::{Assignment, Go};
use plimsoll_core::model::deployment_package::*;
use plimsoll_core::model::identifier::{ClientId, HostId};
use plimsoll_core::model::outcome::{Outcome, State};
use plimsoll_formats::trust::SignedPackage;
use serde_json::{Value, json};

const TOOLS: [&str; 3] = ["apt-get", "dpkg", "dpkg-deb"];

fn one_and_two(ground: &Ground) -> StreamPlan {
    let deb = |version| Deb { name: "alpha", version, ..Deb::default() }.build(ground);
    let (one, two) = (deb("1"), deb("2"));
    ground.install(&[&one]);
    plan(Tool::Apt, vec![two], vec![one])
}

fn code(answer: &Value) -> String {
    answer["code"].as_str().or_else(|| answer["outcome"]["problem"]["code"].as_str()).unwrap_or("none").to_owned()
}

#[test]
fn an_assignment_that_is_not_this_hosts_now_is_refused() {
    if !possible(&TOOLS) {
        return;
    }
    let mut ground = Ground::new();
    let plan = one_and_two(&ground);
    ground.join();
    let mut two_rings = package(debian(), plan);
    two_rings.rings.push(Ring { name: "broad".into(), ..two_rings.rings[0].clone() });
    let signed = sign(two_rings, &[2, 3]);
    let says = |change: &dyn Fn(&mut Assignment)| code(&ground.receive(&assign(&signed, change)));
    let other = HostId::from_bits(6);
    // There is such a ring, and people did not put this host into it.
    assert_eq!(says(&|said| said.place.ring = 1), "E-ASSIGN-PLACE");
    assert_eq!(says(&|said| said.position = 1), "E-ASSIGN-PLACE");
    assert_eq!(says(&|said| said.host = other), "E-ASSIGN-HOST");
    assert_eq!(says(&|said| (said.host, said.place.host) = (other, other)), "E-ASSIGN-HOST");
    assert_eq!(says(&|said| said.expires = from_now(-1)), "E-ASSIGN-EXPIRED");
    assert_eq!(says(&|said| said.place.ring = 7), "E-ASSIGN-PLACE");
    assert_eq!(says(&|said| said.place.window = Some("night".into())), "E-ASSIGN-PLACE");
    assert_eq!(says(&|said| said.package = "ab".repeat(32)), "E-ASSIGN-PACKAGE");
    let mut forged = assign(&signed, |_| {});
    forged.assignment = forged.assignment.replace("\"generation\":2", "\"generation\":3");
    assert_eq!(code(&ground.receive(&forged)), "E-ASSIGN-SIG");
    assert_eq!(ground.shell("ls /var/lib/plimsoll-helper/staging /var/lib/plimsoll-helper/packages | grep -c json || true"), "0", "nothing is kept");
    assert_eq!(ground.dpkg(), ["alpha 1 ii"]);
    // What was seen does not go back, not even for a helper started anew.
    let highest = assign(&signed, |said| (said.epoch, said.generation, said.go) = (3, 9, Go::Stage));
    assert_eq!(ground.receive(&highest)["reply"], "received");
    ground.kill_helper();
    ground.start(&[]);
    let says = |change: &dyn Fn(&mut Assignment)| code(&ground.receive(&assign(&signed, change)));
    assert_eq!(says(&|said| (said.epoch, said.generation) = (3, 8)), "E-ASSIGN-GENERATION");
    assert_eq!(says(&|said| (said.epoch, said.generation) = (2, 10)), "E-ASSIGN-EPOCH");
    assert_eq!(says(&|said| (said.epoch, said.generation) = (4, 1)), "none", "a new life of the store begins anew");
}

#[test]
fn a_package_that_people_did_not_approve_for_this_client_now_is_refused_and_says_so() {
    if !possible(&TOOLS) {
        return;
    }
    let mut ground = Ground::new();
    let plan = one_and_two(&ground);
    ground.join();
    let good = package(debian(), plan);
    let mut generation = 10;
    let mut says = |signed: &SignedPackage| {
        generation += 1;
        let answer = ground.receive(&assign(signed, |said| said.generation = generation));
        let outcome: Outcome = serde_json::from_value(answer["outcome"].clone()).unwrap_or_else(|error| panic!("{error}: {answer}"));
        assert_eq!((outcome.state, outcome.effects), (State::Refused, 0));
        code(&answer)
    };
    assert_eq!(says(&sign(good.clone(), &[2])), "E-SIG-THRESHOLD");
    assert_eq!(says(&sign(good.clone(), &[2, 2])), "E-SIG-THRESHOLD");
    assert_eq!(says(&sign(good.clone(), &[2, 99])), "E-SIG-THRESHOLD");
    assert_eq!(says(&sign(good.clone(), &[1, 2])), "E-SOD");
    assert_eq!(says(&sign(DeploymentPackage { client: ClientId::from_bits(8), ..good.clone() }, &[2, 3])), "E-CLIENT");
    assert_eq!(says(&sign(DeploymentPackage { expires: from_now(-1), ..good.clone() }, &[2, 3])), "E-EXPIRED");
    let elsewhere = DeploymentPackage { streams: [(plimsoll_core::model::stream::Stream::release("debian", "99"), good.streams.values().next().unwrap().clone())].into(), ..good.clone() };
    assert_eq!(says(&sign(elsewhere, &[2, 3])), "E-PLAN");
    let accepted = ground.receive(&assign(&sign(DeploymentPackage { version: 9, ..good.clone() }, &[2, 3]), |said| (said.generation, said.go) = (50, Go::Stage)));
    assert_eq!(code(&accepted), "none");
    generation = 60;
    let mut says = |signed: &SignedPackage| {
        generation += 1;
        code(&ground.receive(&assign(signed, |said| said.generation = generation)))
    };
    assert_eq!(says(&sign(DeploymentPackage { version: 8, ..good.clone() }, &[2, 3])), "E-ROLLBACK");
    assert_eq!(ground.dpkg(), ["alpha 1 ii"]);
    let owed = ground.ask(&json!({"verb": "attempts"}));
    assert_eq!(owed["outcomes"].as_array().unwrap().len(), 8, "the server is told of each");
}

#[test]
fn nothing_starts_before_its_time_or_while_the_owner_holds_it() {
    if !possible(&TOOLS) {
        return;
    }
    let mut ground = Ground::new();
    let plan = one_and_two(&ground);
    ground.join();
    let good = package(debian(), plan);
    let mut generation = 10;
    let mut waits = |package: DeploymentPackage, change: &dyn Fn(&mut Assignment)| -> (String, String, String) {
        generation += 1;
        let deal = assign(&sign(package, &[2, 3]), |said| {
            said.generation = generation;
            change(said);
        });
        let attempt = ground.hand_over(&deal);
        let next = ground.proceed(&attempt);
        assert_eq!(next["outcome"]["effects"], 0);
        (attempt, next["outcome"]["state"].as_str().unwrap().to_owned(), code(&next))
    };
    let ring = Ring { opens: from_now(600), ..good.rings[0].clone() };
    let (_, state, said) = waits(DeploymentPackage { rings: vec![ring], ..good.clone() }, &|_| {});
    assert_eq!((state.as_str(), said.as_str()), ("staged", "E-RING-LOCKED"));
    let (attempt, state, said) = waits(good.clone(), &|said| said.go = Go::Stage);
    assert_eq!((state.as_str(), said.as_str()), ("staged", "none"));
    let rehearsed = std::time::Instant::now();
    while !ground.journal().contains("\"rehearsed\"") {
        assert!(rehearsed.elapsed().as_secs() < 60, "{}", ground.journal());
        ground.proceed(&attempt);
    }
    assert_eq!(ground.proceed(&attempt)["outcome"]["state"], "staged");
    let (_, _, said) = waits(good.clone(), &|said| said.go = Go::Stop);
    assert_eq!(said, "E-STOPPED");
    let (_, _, said) = waits(good.clone(), &|said| (said.issued, said.expires) = (from_now(400), from_now(900)));
    assert_eq!(said, "E-CLOCK");
    ground.shell("echo 'payroll runs' > /etc/plimsoll/hold");
    let (attempt, state, said) = waits(good.clone(), &|_| {});
    assert_eq!((state.as_str(), said.as_str()), ("deferred", "E-HOLD"));
    assert_eq!(ground.dpkg(), ["alpha 1 ii"]);
    ground.shell("rm /etc/plimsoll/hold");
    assert_eq!(ground.finish(&attempt).state, State::Succeeded);
    assert_eq!(ground.dpkg(), ["alpha 2 ii"]);
    let again = ground.receive(&deal(DeploymentPackage { version: 8, ..good }));
    assert_eq!(code(&again), "E-ASSIGN-GENERATION");
}

#[test]
fn a_window_that_is_shut_is_waited_for() {
    if !possible(&TOOLS) {
        return;
    }
    let mut ground = Ground::new();
    let plan = one_and_two(&ground);
    ground.join();
    let place = Place { host: HostId::from_bits(HOST), ring: 0, window: Some("night".into()) };
    let hosts = plimsoll_formats::trust::HostTree::new(vec![place]).unwrap().list();
    let window = |from: i64, last_start: i64, to: i64| {
        let at = |seconds| -> Timestamp { from_now(seconds) };
        Window { shown: "at night".into(), intervals: vec![Interval { from: at(from), to: at(to), last_start: at(last_start) }], reboot: false }
    };
    let good = |window: Window| DeploymentPackage { hosts: hosts.clone(), windows: [("night".to_owned(), window)].into(), ..package(debian(), plan.clone()) };
    for (generation, shut) in [(3, window(300, 600, 900)), (4, window(-600, -10, 600))] {
        let attempt = ground.hand_over(&assign(&sign(good(shut), &[2, 3]), |said| said.generation = generation));
        let next = ground.proceed(&attempt);
        assert_eq!((next["outcome"]["state"].as_str().unwrap(), code(&next).as_str()), ("staged", "W-WINDOW"));
    }
    // One that ends while it waits is not begun any more.
    let short = DeploymentPackage { expires: from_now(5), ..good(window(300, 600, 900)) };
    let attempt = ground.hand_over(&assign(&sign(short, &[2, 3]), |said| said.generation = 5));
    let outcome = ground.finish(&attempt);
    assert_eq!((outcome.state, outcome.problem.unwrap().code.as_str()), (State::Refused, "E-EXPIRED"));
    let attempt = ground.hand_over(&assign(&sign(good(window(-10, 600, 900)), &[2, 3]), |said| said.generation = 6));
    assert_eq!(ground.finish(&attempt).state, State::Succeeded);
}
