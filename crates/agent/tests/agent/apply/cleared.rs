//! What is left over after a change goes, and nothing else does.

use super::deal::*;
use super::ground::{Ground, possible};
use plimsoll_core::model::deployment_package::*;
use plimsoll_core::model::outcome::{Outcome, State};

const TOOLS: [&str; 3] = ["apt-get", "dpkg", "dpkg-deb"];

fn deb<'a>(name: &'a str, version: &'a str) -> Deb<'a> {
    Deb { name, version, ..Deb::default() }
}

fn clean(remnants: Remnants, most: u32) -> Step {
    Step::CleanUp { remnants, most }
}

/// Name and former version of what is gone.
fn gone(outcome: &Outcome) -> Vec<String> {
    let lines = outcome.packages.iter().filter(|line| line.after.is_none());
    lines.map(|line| format!("{} {}", line.name, line.before.as_deref().unwrap_or("?"))).collect()
}

/// alpha 1 needs liba; alpha 2 needs it no more. liba needs libb.
fn orphaned(ground: &Ground) -> (Target, Target) {
    let libb = deb("libb", "1").build(ground);
    let liba = Deb { depends: "libb", ..deb("liba", "1") }.build(ground);
    let (kept, tool) = (deb("kept", "1").build(ground), deb("tool", "1").build(ground));
    let one = Deb { depends: "liba, kept", ..deb("alpha", "1") }.build(ground);
    ground.install(&[&libb, &liba, &kept, &tool, &one]);
    ground.shell("apt-mark auto libb liba");
    (one, deb("alpha", "2").build(ground))
}

#[test]
fn what_came_for_others_sake_goes_after_the_change_and_what_people_installed_stays() {
    if !possible(&TOOLS) {
        return;
    }
    let mut ground = Ground::new();
    let (one, two) = orphaned(&ground);
    ground.shell("echo x > /var/cache/apt/archives/old_1_amd64.deb");
    ground.join();
    let mut changed = plan(Tool::Apt, vec![two], vec![one]);
    changed.steps = vec![clean(Remnants::Orphans, 10), clean(Remnants::Kernels, 10), clean(Remnants::Caches, 1)];
    let outcome = ground.apply(package(debian(), changed));
    assert_eq!((outcome.state, &outcome.problem), (State::Succeeded, &None), "{outcome:?}");
    assert_eq!(ground.dpkg(), ["alpha 2 ii", "kept 1 ii", "tool 1 ii"]);
    assert_eq!(gone(&outcome), ["liba 1", "libb 1"], "{outcome:?}");
    assert_eq!(ground.shell("ls /var/cache/apt/archives | grep -c deb || true"), "0");
    assert_eq!(outcome.effects, 3, "the transaction, the orphans and the cache: each is in the journal before it starts");
    assert!(ground.journal().matches("\"clean up\"").count() >= 2, "{}", ground.journal());
}

#[test]
fn more_than_people_signed_does_not_go() {
    if !possible(&TOOLS) {
        return;
    }
    let mut ground = Ground::new();
    let (one, two) = orphaned(&ground);
    ground.join();
    let mut changed = plan(Tool::Apt, vec![two], vec![one]);
    changed.steps = vec![clean(Remnants::Orphans, 1)];
    let outcome = ground.apply(package(debian(), changed));
    let problem = outcome.problem.clone().unwrap();
    assert_eq!((outcome.state, problem.code.as_str(), outcome.effects), (State::Succeeded, "W-CLEAN-UP", 1), "the change is in place: {outcome:?}");
    assert!(problem.text.contains("would remove 2 packages, people signed at most 1"), "{problem:?}");
    assert_eq!(ground.dpkg(), ["alpha 2 ii", "kept 1 ii", "liba 1 ii", "libb 1 ii", "tool 1 ii"]);
}

#[test]
fn old_kernels_go_and_never_the_one_that_runs_nor_the_one_to_fall_back_to() {
    if !possible(&TOOLS) {
        return;
    }
    let mut ground = Ground::new();
    let running = rustix::system::uname().release().to_string_lossy().into_owned();
    let names = ["5.10.0-1-amd64", "5.10.0-2-amd64", "5.10.0-3-amd64", running.as_str()].map(|release| format!("linux-image-{release}"));
    let kernels: Vec<Target> = names.iter().map(|name| deb(name, "1").build(&ground)).collect();
    ground.install(&kernels.iter().collect::<Vec<_>>());
    // The host's own word that no kernel is unneeded does not count here: the
    // rule that is signed is tried without it.
    ground.shell(&format!("apt-mark auto {}; rm -f /etc/apt/apt.conf.d/01autoremove*", names.join(" ")));
    ground.join();
    let mut cleaning = plan(Tool::Apt, Vec::new(), Vec::new());
    cleaning.steps = vec![clean(Remnants::Orphans, 10)];
    let outcome = ground.apply(package(debian(), cleaning.clone()));
    assert_eq!((outcome.state, gone(&outcome)), (State::Succeeded, Vec::new()), "kernels are no orphans: {outcome:?}");
    cleaning.steps = vec![clean(Remnants::Kernels, 10)];
    let outcome = ground.apply(DeploymentPackage { version: 8, ..package(debian(), cleaning) });
    assert_eq!((outcome.state, &outcome.problem), (State::Succeeded, &None), "{outcome:?}");
    let left = ground.dpkg();
    assert!(left.contains(&format!("{} 1 ii", names[3])) && left.contains(&"linux-image-5.10.0-3-amd64 1 ii".to_owned()), "{left:?}");
    assert!(!left.contains(&"linux-image-5.10.0-1-amd64 1 ii".to_owned()), "{left:?}");
}

#[test]
fn a_check_that_fails_leaves_everything_there() {
    if !possible(&TOOLS) {
        return;
    }
    let mut ground = Ground::new();
    let (one, two) = orphaned(&ground);
    ground.shell("mkdir -p /etc/plimsoll/checks.d; printf '#!/bin/sh\\ngrep -q 1 /opt/alpha/version\\n' > /etc/plimsoll/checks.d/is-one; chmod 755 /etc/plimsoll/checks.d/is-one");
    ground.join();
    let mut changed = plan(Tool::Apt, vec![two], vec![one]);
    changed.steps = vec![clean(Remnants::Orphans, 10)];
    let check = Check { name: "is-one".into(), looks_at: LooksAt::Command { name: "is-one".into() }, timeout_seconds: 5, before: true };
    let outcome = ground.apply(DeploymentPackage { checks: vec![check], ..package(debian(), changed) });
    assert_eq!(outcome.state, State::RolledBack, "{outcome:?}");
    assert_eq!(ground.dpkg(), ["alpha 1 ii", "kept 1 ii", "liba 1 ii", "libb 1 ii", "tool 1 ii"]);
}

#[test]
fn apt_killed_while_it_clears_is_brought_to_its_end() {
    if !possible(&TOOLS) {
        return;
    }
    let mut ground = Ground::new();
    let script = "if [ ! -e /exchange/killed ]; then touch /exchange/killed; kill -9 0; sleep 5; fi";
    let lib = Deb { scripts: &[("prerm", script)], ..deb("lib", "1") }.build(&ground);
    let one = Deb { depends: "lib", ..deb("alpha", "1") }.build(&ground);
    ground.install(&[&lib, &one]);
    ground.shell("apt-mark auto lib");
    let two = deb("alpha", "2").build(&ground);
    ground.join();
    let mut changed = plan(Tool::Apt, vec![two], vec![one]);
    changed.steps = vec![clean(Remnants::Orphans, 10)];
    let outcome = ground.apply(package(debian(), changed));
    assert!(ground.path("killed").exists(), "{outcome:?}");
    assert!(outcome.state.is_success(), "{outcome:?}");
    assert_eq!(ground.shell("cat /opt/alpha/version; dpkg --audit"), "2");
    eprintln!("killed while clearing: {:?} {:?} {:?}", outcome.state, outcome.problem, ground.dpkg());
}
