//! Out of service before the change and back in after it, whoever dies.

use super::deal::*;
use super::ground::{Ground, possible};
use plimsoll_core::model::deployment_package::*;
use plimsoll_core::model::outcome::{Outcome, State};

const TOOLS: [&str; 3] = ["apt-get", "dpkg", "dpkg-deb"];
/// What each program writes: its name and the version that it finds.
const SAYS: &str = "echo $(basename $(dirname $0)) $(cat /opt/alpha/version) >> /exchange/runs";

/// A host with version 1, and its owner's programs.
fn host(drain: &str, undrain: &str) -> (Ground, Target, Target) {
    let mut ground = Ground::new();
    let one = Deb { name: "alpha", version: "1", ..Deb::default() }.build(&ground);
    let two = Deb { name: "alpha", version: "2", ..Deb::default() }.build(&ground);
    ground.install(&[&one]);
    place(&ground, drain, undrain);
    ground.join();
    (ground, one, two)
}

pub fn place(ground: &Ground, drain: &str, undrain: &str) {
    ground.shell("mkdir -p /etc/plimsoll/drain.d /etc/plimsoll/undrain.d; chmod 755 /etc/plimsoll /etc/plimsoll/*.d");
    for (folder, text) in [("drain.d", drain), ("undrain.d", undrain)] {
        std::fs::write(ground.path("program"), format!("#!/bin/sh\n{SAYS}\n{text}\n")).unwrap();
        ground.shell(&format!("cp /exchange/program /etc/plimsoll/{folder}/balancer; chown 0:0 /etc/plimsoll/{folder}/balancer; chmod 755 /etc/plimsoll/{folder}/balancer"));
    }
}

pub fn drained(package: DeploymentPackage) -> DeploymentPackage {
    DeploymentPackage { drain: Some(Drain { program: "balancer".to_owned(), timeout_seconds: 5 }), ..package }
}

fn upgrade(one: Target, two: Target) -> DeploymentPackage {
    drained(package(debian(), plan(Tool::Apt, vec![two], vec![one])))
}

pub fn runs(ground: &Ground) -> String {
    std::fs::read_to_string(ground.path("runs")).unwrap_or_default().trim().replace('\n', ", ")
}

fn code(outcome: &Outcome) -> &str {
    outcome.problem.as_ref().map_or("", |problem| problem.code.as_str())
}

#[test]
fn a_host_is_out_of_service_while_it_changes() {
    if !possible(&TOOLS) {
        return;
    }
    let (ground, one, two) = host("", "");
    let outcome = ground.apply(upgrade(one, two));
    assert_eq!((outcome.state, outcome.effects, code(&outcome)), (State::Succeeded, 1, ""), "{outcome:?}");
    assert_eq!((runs(&ground).as_str(), ground.dpkg()), ("drain.d 1, undrain.d 2", vec!["alpha 2 ii".to_owned()]));
    // Where nothing is to be done it stays in service.
    let (again, _) = (Deb { name: "alpha", version: "2", ..Deb::default() }.build(&ground), ());
    let outcome = ground.apply(DeploymentPackage { version: 8, ..drained(package(debian(), plan(Tool::Apt, vec![again], Vec::new()))) });
    assert_eq!((outcome.state, runs(&ground).as_str()), (State::AlreadySatisfied, "drain.d 1, undrain.d 2"), "{outcome:?}");
}

#[test]
fn what_does_not_go_out_of_service_is_not_changed() {
    if !possible(&TOOLS) {
        return;
    }
    for (drain, said) in [("exit 3", "ended with exit status: 3"), ("sleep 60", "took longer than 5 s")] {
        let (ground, one, two) = host(drain, "");
        let outcome = ground.apply(upgrade(one, two));
        assert_eq!((outcome.state, outcome.effects, code(&outcome)), (State::FailedClean, 0, "E-DRAIN"), "{outcome:?}");
        assert!(outcome.problem.as_ref().unwrap().text.contains(said), "{outcome:?}");
        assert_eq!((runs(&ground).as_str(), ground.dpkg()), ("drain.d 1, undrain.d 1", vec!["alpha 1 ii".to_owned()]));
        assert_eq!(ground.shell("pgrep -x sleep -a | grep -c 'sleep 60' || true"), "0", "what it started is gone");
    }
}

#[test]
fn a_program_that_others_could_have_placed_is_not_run() {
    if !possible(&TOOLS) {
        return;
    }
    for spoil in ["rm /etc/plimsoll/undrain.d/balancer", "chmod 777 /etc/plimsoll/drain.d/balancer", "chown 1 /etc/plimsoll/undrain.d", "ln -sf /bin/true /etc/plimsoll/drain.d/balancer"] {
        let (ground, one, two) = host("", "");
        ground.shell(spoil);
        let outcome = ground.apply(upgrade(one, two));
        assert_eq!((outcome.state, code(&outcome), runs(&ground).as_str()), (State::NeedsOperator, "E-DRAIN", ""), "{spoil}: {outcome:?}");
        assert!(outcome.problem.as_ref().unwrap().text.contains("E-PATH-OWNER"), "{outcome:?}");
        assert_eq!(ground.dpkg(), ["alpha 1 ii"]);
    }
}

#[test]
fn it_comes_back_after_a_rollback_and_what_does_not_come_back_is_said() {
    if !possible(&TOOLS) {
        return;
    }
    let (ground, one, two) = host("", "");
    ground.shell("mkdir -p /etc/plimsoll/checks.d; printf '#!/bin/sh\\ngrep -q 1 /opt/alpha/version\\n' > /etc/plimsoll/checks.d/is-one; chmod 755 /etc/plimsoll/checks.d/is-one");
    let check = Check { name: "is-one".into(), looks_at: LooksAt::Command { name: "is-one".into() }, timeout_seconds: 5, before: true };
    let outcome = ground.apply(DeploymentPackage { checks: vec![check], ..upgrade(one, two) });
    assert_eq!((outcome.state, runs(&ground).as_str()), (State::RolledBack, "drain.d 1, undrain.d 1"), "{outcome:?}");

    let (ground, one, two) = host("", "exit 1");
    let outcome = ground.apply(upgrade(one, two));
    assert_eq!((outcome.state, code(&outcome), ground.dpkg()), (State::NeedsOperator, "E-UNDRAIN", vec!["alpha 2 ii".to_owned()]), "{outcome:?}");
}

/// The runner, which started the program, dies with signal 9, once.
const KILLS: &str = "if [ ! -e /exchange/killed ]; then touch /exchange/killed; kill -9 $PPID; sleep 1; fi";

#[test]
fn a_runner_killed_while_the_host_goes_out_begins_anew_with_the_host_in_service() {
    if !possible(&TOOLS) {
        return;
    }
    let (ground, one, two) = host(KILLS, "");
    let outcome = ground.apply(upgrade(one, two));
    assert_eq!((outcome.state, outcome.effects), (State::Succeeded, 1), "{outcome:?}");
    assert_eq!((runs(&ground).as_str(), ground.dpkg()), ("drain.d 1, undrain.d 1, drain.d 1, undrain.d 2", vec!["alpha 2 ii".to_owned()]));
}

#[test]
fn whoever_kills_the_runner_each_time_ends_with_a_host_in_service() {
    if !possible(&TOOLS) {
        return;
    }
    let (ground, one, two) = host("kill -9 $PPID; sleep 0.2", "");
    let outcome = ground.apply(upgrade(one, two));
    assert_eq!((outcome.state, outcome.effects, code(&outcome)), (State::NeedsOperator, 0, "E-DRAIN"), "{outcome:?}");
    assert_eq!((runs(&ground).as_str(), ground.dpkg()), ("drain.d 1, undrain.d 1, drain.d 1, undrain.d 1, drain.d 1, undrain.d 1", vec!["alpha 1 ii".to_owned()]));
}

#[test]
fn a_runner_killed_while_the_host_comes_back_is_followed_by_one_that_brings_it() {
    if !possible(&TOOLS) {
        return;
    }
    let (ground, one, two) = host("", KILLS);
    let outcome = ground.apply(upgrade(one, two));
    assert!(matches!(outcome.state, State::Succeeded | State::RepairedTarget) && outcome.effects == 1, "{outcome:?}");
    assert_eq!((runs(&ground).as_str(), ground.dpkg()), ("drain.d 1, undrain.d 2, undrain.d 2", vec!["alpha 2 ii".to_owned()]));
}

#[test]
fn everything_killed_in_the_transaction_leaves_no_host_out_of_service() {
    if !possible(&TOOLS) {
        return;
    }
    let mut ground = Ground::new();
    let one = Deb { name: "alpha", version: "1", ..Deb::default() }.build(&ground);
    let kill = "if [ ! -e /exchange/killed ]; then touch /exchange/killed; kill -9 0; sleep 5; fi";
    let two = Deb { name: "alpha", version: "2", scripts: &[("postinst", kill)], ..Deb::default() }.build(&ground);
    ground.install(&[&one]);
    place(&ground, "", "");
    ground.join();
    let outcome = ground.apply(upgrade(one, two));
    assert_eq!(outcome.state, State::RepairedTarget, "{outcome:?}");
    assert_eq!((runs(&ground).as_str(), ground.dpkg()), ("drain.d 1, undrain.d 2", vec!["alpha 2 ii".to_owned()]));
}
