//! What an apt host does with a good package, and with one that goes wrong.

use super::deal::*;
use super::ground::{Ground, possible};
use plimsoll_core::model::deployment_package::*;
use plimsoll_core::model::outcome::State;
use std::time::{Duration, Instant};

const TOOLS: [&str; 3] = ["apt-get", "dpkg", "dpkg-deb"];

fn deb<'a>(name: &'a str, version: &'a str) -> Deb<'a> {
    Deb { name, version, ..Deb::default() }
}

#[test]
fn three_packages_and_a_new_dependency_go_in_one_transaction() {
    if !possible(&TOOLS) {
        return;
    }
    let mut ground = Ground::new();
    let conffile = |version| Deb { conffiles: "/etc/alpha.conf\n", files: if version == "1" { &[("/etc/alpha.conf", "vendor 1\n")] } else { &[("/etc/alpha.conf", "vendor 2\n")] }, ..deb("alpha", version) };
    let (alpha1, beta1, gamma1) = (conffile("1").build(&ground), deb("beta", "1").build(&ground), deb("gamma", "1").build(&ground));
    ground.install(&[&alpha1, &beta1, &gamma1]);
    ground.shell("apt-mark auto beta; echo mine > /etc/alpha.conf");
    let (alpha2, gamma2) = (conffile("2").build(&ground), deb("gamma", "2").build(&ground));
    let beta2 = Deb { depends: "delta (>= 1)", ..deb("beta", "2") }.build(&ground);
    let (delta, unneeded) = (deb("delta", "1").build(&ground), deb("epsilon", "1").build(&ground));
    ground.join();
    let plan = plan(Tool::Apt, vec![alpha2, beta2, gamma2, new(delta), new(unneeded)], vec![alpha1, beta1, gamma1]);
    let outcome = ground.apply(package(debian(), plan));
    assert_eq!((outcome.state, outcome.effects, &outcome.problem), (State::Succeeded, 1, &None), "{outcome:?}");
    assert_eq!(ground.dpkg(), ["alpha 2 ii", "beta 2 ii", "delta 1 ii", "gamma 2 ii"]);
    assert_eq!(ground.shell("apt-mark showauto | sort | tr '\\n' ' '"), "beta delta", "marks are as before, and what came for others' sake is marked so");
    assert_eq!(ground.shell("cat /etc/alpha.conf"), "mine");
    assert_eq!(ground.shell("cat /etc/alpha.conf.dpkg-dist"), "vendor 2");
    let seen: Vec<String> = outcome.packages.iter().map(|package| format!("{} {:?} {:?} {}", package.name, package.before.as_deref(), package.after.as_deref(), package.status)).collect();
    assert_eq!(seen, ["alpha Some(\"1\") Some(\"2\") ii", "beta Some(\"1\") Some(\"2\") ii", "delta None Some(\"1\") ii", "gamma Some(\"1\") Some(\"2\") ii"]);
    assert!(outcome.log.contains("Setting up alpha (2)"), "{}", outcome.log);
}

#[test]
fn the_vendors_settings_take_the_place_where_people_signed_that() {
    if !possible(&TOOLS) {
        return;
    }
    let mut ground = Ground::new();
    let one = Deb { conffiles: "/etc/alpha.conf\n", files: &[("/etc/alpha.conf", "vendor 1\n")], ..deb("alpha", "1") }.build(&ground);
    let two = Deb { conffiles: "/etc/alpha.conf\n", files: &[("/etc/alpha.conf", "vendor 2\n")], ..deb("alpha", "2") }.build(&ground);
    ground.install(&[&one]);
    ground.shell("echo mine > /etc/alpha.conf");
    ground.join();
    let package = DeploymentPackage { configuration_files: ConfigurationFiles::Replace, ..package(debian(), plan(Tool::Apt, vec![two], vec![one])) };
    assert_eq!(ground.apply(package).state, State::Succeeded);
    assert_eq!(ground.shell("cat /etc/alpha.conf /etc/alpha.conf.dpkg-old"), "vendor 2\nmine");
}

#[test]
fn what_the_plan_does_not_name_is_not_done() {
    if !possible(&TOOLS) {
        return;
    }
    let mut ground = Ground::new();
    let (alpha1, beta1) = (deb("alpha", "1").build(&ground), deb("beta", "1").build(&ground));
    ground.install(&[&alpha1, &beta1]);
    let alpha2 = Deb { conflicts: "beta", ..deb("alpha", "2") }.build(&ground);
    ground.join();
    let before = ground.dpkg();
    let outcome = ground.apply(package(debian(), plan(Tool::Apt, vec![alpha2.clone()], vec![alpha1.clone()])));
    assert_eq!((outcome.state, outcome.problem.as_ref().unwrap().code.as_str(), outcome.effects), (State::NeedsOperator, "E-PLAN", 0), "{outcome:?}");
    assert_eq!(ground.dpkg(), before);
    // The same with beta named: it goes.
    let mut named = plan(Tool::Apt, vec![alpha2], vec![alpha1, beta1]);
    named.remove.push(Removal { name: "beta".into(), arch: "amd64".into() });
    let outcome = ground.apply(DeploymentPackage { version: 8, ..package(debian(), named) });
    assert_eq!(outcome.state, State::Succeeded, "{outcome:?}");
    assert_eq!(ground.dpkg(), ["alpha 2 ii"]);
}

#[test]
fn a_held_lock_is_waited_for_and_its_holder_named() {
    if !possible(&TOOLS) || !possible(&["python3"]) {
        return;
    }
    let mut ground = Ground::new();
    let (one, two) = (deb("alpha", "1").build(&ground), deb("alpha", "2").build(&ground));
    ground.install(&[&one]);
    ground.join();
    let script = "import fcntl,time\nf=open('/var/lib/dpkg/lock-frontend','w')\nfcntl.lockf(f,fcntl.LOCK_EX)\nprint(flush=True)\ntime.sleep(600)";
    let mut holder = ground.command("/usr/bin/python3").args(["-c", script]).stdout(std::process::Stdio::piped()).spawn().unwrap();
    std::io::Read::read_exact(holder.stdout.as_mut().unwrap(), &mut [0]).unwrap();
    let attempt = ground.hand_over(&deal(package(debian(), plan(Tool::Apt, vec![two], vec![one]))));
    let outcome = ground.until(&attempt, |outcome| outcome.state == State::Deferred);
    let problem = outcome.problem.unwrap();
    assert_eq!(problem.code, "E-LOCKED");
    assert!(problem.text.contains("/var/lib/dpkg/lock-frontend is held by pid") && problem.text.contains("(python3)"), "{problem:?}");
    assert_eq!(ground.dpkg(), ["alpha 1 ii"]);
    ground.shell("pkill -9 -x python3");
    holder.wait().unwrap();
    let outcome = ground.finish(&attempt);
    assert_eq!((outcome.state, outcome.effects), (State::Succeeded, 1));
}

#[test]
fn a_script_that_fails_leads_back_to_the_former_state() {
    if !possible(&TOOLS) {
        return;
    }
    let mut ground = Ground::new();
    let (alpha1, beta1) = (deb("alpha", "1").build(&ground), deb("beta", "1").build(&ground));
    ground.install(&[&alpha1, &beta1]);
    let alpha2 = Deb { scripts: &[("postinst", "echo no way; exit 1")], ..deb("alpha", "2") }.build(&ground);
    let beta2 = deb("beta", "2").build(&ground);
    ground.join();
    let outcome = ground.apply(package(debian(), plan(Tool::Apt, vec![alpha2, beta2], vec![alpha1, beta1])));
    assert_eq!((outcome.state, outcome.problem.as_ref().unwrap().code.as_str()), (State::FailedClean, "E-APPLY"), "{outcome:?}");
    assert!(outcome.log.contains("no way"));
    assert_eq!(ground.dpkg(), ["alpha 1 ii", "beta 1 ii"]);
    assert_eq!(ground.shell("cat /opt/alpha/version; dpkg --audit"), "1");
}

#[test]
fn without_a_way_back_a_person_is_asked() {
    if !possible(&TOOLS) {
        return;
    }
    let mut ground = Ground::new();
    let one = deb("alpha", "1").build(&ground);
    ground.install(&[&one]);
    let two = Deb { scripts: &[("postinst", "exit 1")], ..deb("alpha", "2") }.build(&ground);
    ground.join();
    let outcome = ground.apply(package(debian(), plan(Tool::Apt, vec![two], Vec::new())));
    assert_eq!(outcome.state, State::NeedsOperator);
    assert!(outcome.problem.unwrap().text.contains("no way back for alpha"));
    assert_eq!(ground.dpkg(), ["alpha 2 iF"]);
}

#[test]
fn a_check_that_fails_afterwards_rolls_back_and_one_before_keeps_from_starting() {
    if !possible(&TOOLS) {
        return;
    }
    let mut ground = Ground::new();
    let (one, two) = (deb("alpha", "1").build(&ground), deb("alpha", "2").build(&ground));
    ground.install(&[&one]);
    ground.shell("mkdir -p /etc/plimsoll/checks.d; printf '#!/bin/sh\\ngrep -q 1 /opt/alpha/version\\n' > /etc/plimsoll/checks.d/is-one; chmod 755 /etc/plimsoll/checks.d/is-one");
    ground.join();
    let check = |name: &str, before| Check { name: name.into(), looks_at: LooksAt::Command { name: name.into() }, timeout_seconds: 5, before };
    let signed = package(debian(), plan(Tool::Apt, vec![two.clone()], vec![one.clone()]));
    let outcome = ground.apply(DeploymentPackage { checks: vec![check("is-one", true)], ..signed.clone() });
    assert_eq!((outcome.state, outcome.problem.as_ref().unwrap().code.as_str()), (State::RolledBack, "E-CHECK"), "{outcome:?}");
    let seen: Vec<(bool, bool)> = outcome.checks.iter().map(|check| (check.before, check.holds)).collect();
    assert_eq!(seen, [(true, true), (false, false)]);
    assert_eq!((ground.dpkg(), ground.shell("cat /opt/alpha/version")), (vec!["alpha 1 ii".to_owned()], "1".to_owned()));
    let outcome = ground.apply(DeploymentPackage { version: 8, checks: vec![check("absent", true)], ..signed });
    assert_eq!((outcome.state, outcome.effects), (State::NeedsOperator, 0));
    assert_eq!(ground.dpkg(), ["alpha 1 ii"]);
}

#[test]
fn a_script_that_hangs_is_reported_and_not_ended() {
    if !possible(&TOOLS) {
        return;
    }
    let mut ground = Ground::new();
    let one = deb("alpha", "1").build(&ground);
    ground.install(&[&one]);
    let hang = "echo waiting; while [ ! -e /exchange/go ]; do sleep 0.1; done";
    let two = Deb { scripts: &[("postinst", hang)], ..deb("alpha", "2") }.build(&ground);
    ground.join_with(&["--late-after", "2"]);
    let attempt = ground.hand_over(&deal(package(debian(), plan(Tool::Apt, vec![two], vec![one]))));
    let outcome = ground.until(&attempt, |outcome| outcome.problem.as_ref().is_some_and(|problem| problem.code == "E-LATE"));
    assert_eq!(outcome.state, State::Executing);
    std::thread::sleep(Duration::from_secs(2));
    assert_eq!(ground.dpkg(), ["alpha 2 iF"]);
    std::fs::write(ground.path("go"), "").unwrap();
    let outcome = ground.finish(&attempt);
    assert_eq!((outcome.state, outcome.effects), (State::Succeeded, 1));
}

/// A gigabyte, bytes that are no text, and a question to which nobody is there.
#[test]
fn a_script_that_floods_and_asks_costs_neither_memory_nor_the_log() {
    if !possible(&TOOLS) {
        return;
    }
    let mut ground = Ground::new();
    let one = deb("alpha", "1").build(&ground);
    ground.install(&[&one]);
    let flood = "printf 'begun \\033[31m\\377\\376\\342\\200\\256 red\\n'; head -c 1000000000 /dev/zero; yes flood | head -c 30000000; read answer || answer=nobody; echo; echo \"answered by $answer\"; \
        for runner in /proc/[0-9]*; do case $(tr '\\0' ' ' < $runner/cmdline) in *plimsoll-helper*run*) grep VmHWM $runner/status >> /exchange/memory;; esac; done";
    let two = Deb { scripts: &[("postinst", flood)], ..deb("alpha", "2") }.build(&ground);
    ground.join();
    let outcome = ground.apply(package(debian(), plan(Tool::Apt, vec![two], vec![one])));
    assert_eq!((outcome.state, outcome.effects), (State::Succeeded, 1), "{outcome:?}");
    assert!(outcome.log.contains("begun") && outcome.log.contains("answered by nobody"), "{}", outcome.log);
    assert!(outcome.log.len() < 100_000, "{}", outcome.log.len());
    assert!(!outcome.log.chars().any(|character| character != '\n' && character.is_control() || character == '\u{202e}'), "{:?}", outcome.log);
    let memory = std::fs::read_to_string(ground.path("memory")).unwrap();
    let most = memory.lines().filter_map(|line| line.split_whitespace().nth(1)?.parse::<u64>().ok()).max().expect("the runner's memory");
    assert!(most < 64 << 10, "the runner had {most} KiB");
}

#[test]
fn a_hundred_deliveries_have_one_effect() {
    if !possible(&TOOLS) {
        return;
    }
    let mut ground = Ground::new();
    let one = deb("alpha", "1").build(&ground);
    let two = Deb { scripts: &[("postinst", "echo ran >> /exchange/runs")], ..deb("alpha", "2") }.build(&ground);
    ground.install(&[&one]);
    ground.join();
    let deal = deal(package(debian(), plan(Tool::Apt, vec![two], vec![one])));
    let attempt = ground.hand_over(&deal);
    std::thread::scope(|scope| {
        for _ in 0..10 {
            scope.spawn(|| {
                for _ in 0..10 {
                    assert_eq!(ground.receive(&deal)["attempt"], attempt.as_str());
                    assert_eq!(ground.proceed(&attempt)["reply"], "next");
                }
            });
        }
    });
    let outcome = ground.finish(&attempt);
    assert_eq!((outcome.state, outcome.effects), (State::Succeeded, 1));
    // And again when it is long done, also by a helper that was started anew.
    let observed = outcome.observed.to_string();
    ground.ask(&serde_json::json!({"verb": "acknowledge", "attempt": attempt, "observed": observed}));
    ground.kill_helper();
    ground.start(&[]);
    let receipts: Vec<String> = (0..100).map(|_| ground.receive(&deal).to_string()).collect();
    assert!(receipts.iter().all(|receipt| *receipt == receipts[0] && receipt.contains("succeeded")));
    assert_eq!(ground.proceed(&attempt)["outcome"]["observed"], observed.as_str());
    assert_eq!(std::fs::read_to_string(ground.path("runs")).unwrap(), "ran\n");
}

#[test]
fn too_small_a_disk_is_seen_before_anything_is_done() {
    if !possible(&TOOLS) {
        return;
    }
    let mut ground = Ground::new();
    let (one, two) = (deb("alpha", "1").build(&ground), deb("alpha", "2").build(&ground));
    ground.install(&[&one]);
    ground.shell("cp -a /var/lib/dpkg /tmp/dpkg; mount -t tmpfs -o size=4m tmpfs /var/lib/dpkg; cp -a /tmp/dpkg/. /var/lib/dpkg/");
    ground.join();
    let attempt = ground.hand_over(&deal(package(debian(), plan(Tool::Apt, vec![two], vec![one]))));
    let outcome = ground.until(&attempt, |outcome| outcome.problem.as_ref().is_some_and(|problem| problem.code == "E-HOST-SPACE"));
    assert_eq!((outcome.state, outcome.effects), (State::Deferred, 0));
    assert!(outcome.problem.unwrap().text.contains("needs 32 MiB, has 3 MiB; nothing was changed"));
    assert_eq!(ground.dpkg(), ["alpha 1 ii"]);
}

#[test]
fn an_idle_helper_is_small_and_its_programs_too() {
    if !possible(&TOOLS) {
        return;
    }
    let mut ground = Ground::new();
    ground.join();
    assert_eq!(ground.ask(&serde_json::json!({"verb": "attempts"})), serde_json::json!({"reply": "attempts", "outcomes": []}));
    let status = std::fs::read_to_string(format!("/proc/{}/status", ground.helper_pid())).unwrap();
    let of = |field: &str| status.lines().find_map(|line| line.strip_prefix(field)).unwrap().trim().to_owned();
    eprintln!("helper: RssAnon {} (VmRSS {} in this debug build)", of("RssAnon:"), of("VmRSS:"));
    let anonymous: u64 = of("RssAnon:").trim_end_matches(" kB").parse().unwrap();
    assert!(anonymous < 3 << 10, "{anonymous} kB of its own");
    assert_eq!((of("Seccomp:").as_str(), of("NoNewPrivs:").as_str()), ("2", "1"));
    let start = Instant::now();
    assert!(ground.proceed(&"ab".repeat(32))["code"] == "E-ATTEMPT" && start.elapsed() < Duration::from_secs(5));
}

#[test]
fn a_disk_that_fills_during_the_change_leads_back() {
    if !possible(&TOOLS) {
        return;
    }
    let mut ground = Ground::new();
    ground.shell("mount -t tmpfs -o size=10m tmpfs /opt");
    let large = "x".repeat(6 << 20);
    let files = [("/opt/alpha/large", large.as_str())];
    let (one, two) = (Deb { files: &files, ..deb("alpha", "1") }.build(&ground), Deb { files: &files, ..deb("alpha", "2") }.build(&ground));
    let (beta1, beta2) = (deb("beta", "1").build(&ground), deb("beta", "2").build(&ground));
    ground.install(&[&one, &beta1]);
    ground.join();
    let outcome = ground.apply(package(debian(), plan(Tool::Apt, vec![beta2, two], vec![one, beta1])));
    assert_eq!((outcome.state, outcome.problem.as_ref().unwrap().code.as_str()), (State::FailedClean, "E-APPLY"), "{outcome:?}");
    assert!(outcome.log.contains("No space left on device"));
    assert_eq!(ground.dpkg(), ["alpha 1 ii", "beta 1 ii"]);
    assert_eq!(ground.shell("cat /opt/alpha/version; dpkg --audit; find /opt -name '*.dpkg-*' | wc -l"), "10");
}

#[test]
fn steps_follow_the_packages_and_are_taken_back_with_them() {
    if !possible(&TOOLS) {
        return;
    }
    let mut ground = Ground::new();
    let (one, two) = (deb("alpha", "1").build(&ground), deb("alpha", "2").build(&ground));
    ground.install(&[&one]);
    ground.shell("mkdir -p /etc/plimsoll/checks.d; printf 'a = 1\\n# b\\n' > /etc/alpha.ini; printf '#!/bin/sh\\ntest -e /exchange/well\\n' > /etc/plimsoll/checks.d/well; chmod 755 /etc/plimsoll/checks.d/well");
    let content = "new\n";
    let sha256 = plimsoll_formats::protocol::digest(content.as_bytes());
    std::fs::write(ground.path("agent/artefacts").join(&sha256), content).unwrap();
    ground.join();
    let mut with_steps = plan(Tool::Apt, vec![two], vec![one]);
    with_steps.steps = vec![
        Step::File { path: "/etc/alpha.new".into(), sha256, size: content.len() as u64, mode: "0640".into() },
        Step::Setting { path: "/etc/alpha.ini".into(), key: "a".into(), separator: " = ".into(), value: "2".into() },
    ];
    let check = Check { name: "well".into(), looks_at: LooksAt::Command { name: "well".into() }, timeout_seconds: 5, before: false };
    let signed = DeploymentPackage { checks: vec![check], ..package(debian(), with_steps) };
    let outcome = ground.apply(signed.clone());
    assert_eq!(outcome.state, State::RolledBack, "{outcome:?}");
    assert_eq!(ground.dpkg(), ["alpha 1 ii"]);
    assert_eq!(ground.shell("cat /etc/alpha.ini; ls /etc/alpha.new 2>/dev/null || true"), "a = 1\n# b");
    std::fs::write(ground.path("well"), "").unwrap();
    let outcome = ground.apply(DeploymentPackage { version: 8, ..signed });
    assert_eq!(outcome.state, State::Succeeded, "{outcome:?}");
    assert_eq!(ground.shell("cat /etc/alpha.ini /etc/alpha.new; stat -c %a /etc/alpha.new"), "a = 2\n# b\nnew\n640");
}
