//! Everything killed with signal 9 at every point: package managers in their
//! scripts, the runner, the helper, the agent's whole tree.

use super::deal::*;
use super::ground::{Ground, possible};
use plimsoll_core::model::deployment_package::*;
use plimsoll_core::model::outcome::State;
use std::time::{Duration, Instant};

const TOOLS: [&str; 3] = ["apt-get", "dpkg", "dpkg-deb"];

/// A script that kills once, then behaves: dpkg alone, or everything that the
/// runner started with it.
fn once(victim: &str) -> String {
    let kill = match victim {
        "dpkg" => "kill -9 $PPID",
        _ => "kill -9 0",
    };
    format!("echo ran >> /exchange/runs\nif [ ! -e /exchange/killed ]; then touch /exchange/killed; {kill}; sleep 5; fi")
}

/// dpkg killed in one script of an upgrade from 1 to 2.
fn killed_in(script: &str, victim: &str) {
    let mut ground = Ground::new();
    let text = once(victim);
    // dpkg gives its new files their names when all are there.
    let many = if script == "unpack" { 1500 } else { 201 };
    let scripts = [(script, text.as_str())];
    // prerm and postrm of the old version run, preinst and postinst of the new.
    let (old, new) = if script.ends_with("rm") { (&scripts[..], &[][..]) } else { (&[][..], &scripts[..]) };
    // dpkg unpacks on while its own child waits for a file of the new version.
    let unpack = format!("( while [ ! -e /opt/alpha/many/0005.dpkg-new ]; do :; done; {} ) &", if victim == "dpkg" { "kill -9 $PPID" } else { "kill -9 0" });
    let unpack = format!("if [ ! -e /exchange/killed ]; then touch /exchange/killed; {unpack}\nfi");
    let unpack = [("preinst", unpack.as_str())];
    let (old, new) = if script == "unpack" { (&[][..], &unpack[..]) } else { (old, new) };
    let one = Deb { name: "alpha", version: "1", many, scripts: old, ..Deb::default() }.build(&ground);
    let two = Deb { name: "alpha", version: "2", many, scripts: new, ..Deb::default() }.build(&ground);
    let others: Vec<Target> = ["1", "2"].iter().map(|version| Deb { name: "beta", version, ..Deb::default() }.build(&ground)).collect();
    ground.install(&[&one, &others[0]]);
    ground.shell("apt-mark auto beta >/dev/null; rm -f /exchange/runs /exchange/killed");
    ground.join();
    let outcome = ground.apply(package(debian(), plan(Tool::Apt, vec![two, others[1].clone()], vec![one, others[0].clone()])));
    assert!(ground.path("killed").exists(), "nobody was killed");
    assert_eq!(outcome.state, State::RepairedTarget, "{script} {victim}: {outcome:?}");
    assert_eq!(ground.dpkg(), ["alpha 2 ii", "beta 2 ii"], "{script} {victim}");
    assert_eq!(ground.shell("dpkg --audit; find /opt -name '*.dpkg-*' | wc -l"), "0", "{script} {victim}");
    assert_eq!(ground.shell("cat /opt/alpha/many/*; echo; apt-mark showauto"), "2".repeat(many) + "\nbeta", "{script} {victim}");
    let runs = std::fs::read_to_string(ground.path("runs")).unwrap_or_default().lines().count();
    eprintln!("{script} of {victim} killed: {} effects, the script ran {runs} times", outcome.effects);
}

#[test]
fn dpkg_killed_in_each_script_is_repaired_and_never_called_a_success() {
    if !possible(&TOOLS) {
        return;
    }
    for script in ["prerm", "preinst", "unpack", "postrm", "postinst"] {
        killed_in(script, "dpkg");
    }
}

#[test]
fn everything_killed_in_each_script_is_repaired_by_the_next_runner() {
    if !possible(&TOOLS) {
        return;
    }
    for script in ["prerm", "preinst", "unpack", "postrm", "postinst"] {
        killed_in(script, "everything");
    }
}

#[test]
fn the_agents_whole_tree_may_die_while_a_script_prints() {
    if !possible(&TOOLS) {
        return;
    }
    let mut ground = Ground::new();
    let one = Deb { name: "alpha", version: "1", ..Deb::default() }.build(&ground);
    let prints = "echo ran >> /exchange/runs; while [ ! -e /exchange/go ]; do echo printing; done; echo printed";
    let two = Deb { name: "alpha", version: "2", scripts: &[("postinst", prints)], ..Deb::default() }.build(&ground);
    ground.install(&[&one]);
    ground.join();
    let attempt = ground.hand_over(&deal(package(debian(), plan(Tool::Apt, vec![two], vec![one]))));
    ground.until(&attempt, |outcome| outcome.state == State::Executing && ground.path("runs").exists());
    ground.kill_helper();
    std::thread::sleep(Duration::from_secs(1));
    let size = ground.shell("stat -c %s /var/lib/plimsoll-helper/attempts/*/log");
    assert!(size.parse::<u64>().unwrap() < 64 << 20, "the transcript is capped: {size}");
    ground.start(&[]);
    assert_eq!(ground.until(&attempt, |_| true).state, State::Executing, "adopted");
    std::fs::write(ground.path("go"), "").unwrap();
    let outcome = ground.finish(&attempt);
    assert_eq!((outcome.state, outcome.effects), (State::Succeeded, 1), "{outcome:?}");
    assert_eq!(ground.dpkg(), ["alpha 2 ii"]);
    assert!(outcome.log.len() < 64 << 10 && outcome.log.contains("printed"), "head and tail are kept");
    assert_eq!(std::fs::read_to_string(ground.path("runs")).unwrap(), "ran\n");
}

#[test]
fn a_runner_that_dies_alone_leaves_its_package_manager_to_the_next() {
    if !possible(&TOOLS) {
        return;
    }
    let mut ground = Ground::new();
    let one = Deb { name: "alpha", version: "1", ..Deb::default() }.build(&ground);
    let waits = "echo ran >> /exchange/runs; while [ ! -e /exchange/go ]; do sleep 0.1; done";
    let two = Deb { name: "alpha", version: "2", scripts: &[("postinst", waits)], ..Deb::default() }.build(&ground);
    ground.install(&[&one]);
    ground.join();
    let attempt = ground.hand_over(&deal(package(debian(), plan(Tool::Apt, vec![two], vec![one]))));
    ground.until(&attempt, |outcome| outcome.state == State::Executing && ground.path("runs").exists());
    ground.shell("pkill -9 -f '[p]limsoll-helper run '");
    assert_eq!(ground.until(&attempt, |_| true).state, State::Executing);
    std::fs::write(ground.path("go"), "").unwrap();
    let outcome = ground.finish(&attempt);
    // Nobody saw how it ended: it is gone through once more, and said so.
    assert!(matches!(outcome.state, State::Succeeded | State::RepairedTarget), "{outcome:?}");
    assert_eq!(ground.dpkg(), ["alpha 2 ii"]);
    assert_eq!(std::fs::read_to_string(ground.path("runs")).unwrap(), "ran\n", "the script ran once");
}

#[test]
fn the_helper_killed_after_each_line_of_its_journal_changes_nothing_of_the_end() {
    if !possible(&TOOLS) {
        return;
    }
    // The runner writes its last two faster than anybody can look.
    for lines in 1..8 {
        let mut ground = Ground::new();
        let one = Deb { name: "alpha", version: "1", ..Deb::default() }.build(&ground);
        let slow = "echo ran >> /exchange/runs; sleep 1";
        let two = Deb { name: "alpha", version: "2", scripts: &[("postinst", slow)], ..Deb::default() }.build(&ground);
        ground.install(&[&one]);
        ground.join();
        let deal = deal(package(debian(), plan(Tool::Apt, vec![two], vec![one])));
        let start = Instant::now();
        let mut killed = false;
        let outcome = loop {
            assert!(start.elapsed() < Duration::from_secs(120), "{}", ground.journal());
            if !killed && ground.journal().lines().count() >= lines {
                killed = true;
                ground.kill_helper();
                ground.start(&[]);
            }
            let attempt = ground.hand_over(&deal);
            if !killed && ground.journal().lines().count() >= lines {
                continue;
            }
            let next = ground.proceed(&attempt);
            let outcome: plimsoll_core::model::outcome::Outcome = serde_json::from_value(next["outcome"].clone()).unwrap();
            if outcome.state.is_terminal() {
                break outcome;
            }
        };
        assert_eq!((outcome.state, outcome.effects), (State::Succeeded, 1), "after line {lines}: {outcome:?}");
        assert_eq!(std::fs::read_to_string(ground.path("runs")).unwrap(), "ran\n", "after line {lines}");
        assert!(killed, "the journal has fewer than {lines} lines");
    }
}

#[test]
fn after_a_power_cut_the_helper_repairs_before_anybody_asks() {
    if !possible(&TOOLS) {
        return;
    }
    let mut ground = Ground::new();
    let one = Deb { name: "alpha", version: "1", ..Deb::default() }.build(&ground);
    let text = once("everything");
    let two = Deb { name: "alpha", version: "2", scripts: &[("postinst", &text)], ..Deb::default() }.build(&ground);
    ground.install(&[&one]);
    ground.join();
    let attempt = ground.hand_over(&deal(package(debian(), plan(Tool::Apt, vec![two], vec![one]))));
    while !ground.path("killed").exists() {
        ground.proceed(&attempt);
    }
    ground.kill_helper();
    ground.start(&[]);
    let start = Instant::now();
    while !ground.journal().contains("repaired-target") {
        assert!(start.elapsed() < Duration::from_secs(120), "{}", ground.journal());
        std::thread::sleep(Duration::from_millis(200));
    }
    assert_eq!(ground.dpkg(), ["alpha 2 ii"]);
    let owed = ground.ask(&serde_json::json!({"verb": "attempts"}));
    assert_eq!(owed["outcomes"][0]["state"], "repaired-target");
}

#[test]
fn a_damaged_journal_leads_to_no_second_effect() {
    if !possible(&TOOLS) {
        return;
    }
    for (state, mend) in [(State::AlreadySatisfied, ""), (State::NeedsOperator, "dpkg --force-downgrade -i /exchange/alpha_1.deb >/dev/null 2>&1")] {
        let mut ground = Ground::new();
        let one = Deb { name: "alpha", version: "1", ..Deb::default() }.build(&ground);
        let two = Deb { name: "alpha", version: "2", ..Deb::default() }.build(&ground);
        ground.install(&[&one]);
        ground.join();
        let deal = deal(package(debian(), plan(Tool::Apt, vec![two], vec![one])));
        let attempt = ground.hand_over(&deal);
        assert_eq!(ground.finish(&attempt).state, State::Succeeded);
        ground.kill_helper();
        ground.shell(&format!("printf X | dd of=/var/lib/plimsoll-helper/journal bs=1 seek=200 conv=notrunc 2>/dev/null; {mend}"));
        let before = ground.dpkg();
        ground.start(&[]);
        let attempt = ground.hand_over(&deal);
        assert!(ground.log().contains("E-JOURNAL"), "{}", ground.log());
        let outcome = ground.finish(&attempt);
        assert_eq!((outcome.state, outcome.problem.as_ref().unwrap().code.as_str(), outcome.effects), (state, "E-JOURNAL", 0), "{outcome:?}");
        assert_eq!(ground.dpkg(), before);
    }
}
