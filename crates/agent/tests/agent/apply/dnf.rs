//! The same on an rpm host: dnf where it is there.

use super::deal::*;
use super::drained;
use super::ground::{Ground, possible};
use plimsoll_core::model::deployment_package::*;
use plimsoll_core::model::outcome::State;
use plimsoll_core::model::stream::Stream;

const TOOLS: [&str; 3] = ["rpm", "rpmbuild", "dnf"];

/// A root whose own word for itself is that of an rpm system.
fn ground() -> Option<(Ground, Stream)> {
    if !possible(&TOOLS) {
        return None;
    }
    let ground = Ground::new();
    ground.shell("rm -f /etc/os-release; printf 'ID=rocky\\nVERSION_ID=9.4\\nPLATFORM_ID=platform:el9\\n' > /etc/os-release; rpm --initdb; rm -rf /var/lib/dnf /var/cache/dnf; mkdir -p /var/lib/dnf");
    let os = plimsoll_formats::packages::os_release::parse("x", b"ID=rocky\nVERSION_ID=9.4\nPLATFORM_ID=platform:el9\n").unwrap();
    Some((ground, os.stream.unwrap()))
}

fn install(ground: &Ground, targets: &[&Target]) {
    for target in targets {
        ground.shell(&format!("cp /exchange/agent/artefacts/{0} /tmp/{0}.rpm; dnf -y -q --disablerepo='*' --setopt=localpkg_gpgcheck=0 install /tmp/{0}.rpm 2>&1", target.sha256));
    }
}

#[test]
fn an_upgrade_with_a_new_dependency_keeps_reasons_and_settings() {
    let Some((mut ground, stream)) = ground() else { return };
    let (alpha1, beta1) = (rpm(&ground, "alpha", "1", "", "vendor 1", ""), rpm(&ground, "beta", "1", "", "", ""));
    install(&ground, &[&alpha1, &beta1]);
    ground.shell("dnf -y -q mark remove beta; echo mine > /etc/alpha.conf");
    let (alpha2, beta2) = (rpm(&ground, "alpha", "2", "", "vendor 2", ""), rpm(&ground, "beta", "2", "delta", "", ""));
    let (delta, unneeded) = (rpm(&ground, "delta", "1", "", "", ""), rpm(&ground, "epsilon", "1", "", "", ""));
    ground.join();
    let outcome = ground.apply(package(stream, plan(Tool::Dnf, vec![alpha2, beta2, new(delta), new(unneeded)], vec![alpha1, beta1])));
    assert_eq!((outcome.state, outcome.effects, &outcome.problem), (State::Succeeded, 1, &None), "{outcome:?}");
    assert_eq!(ground.rpm(), ["alpha 2-1", "beta 2-1", "delta 1-1"]);
    assert_eq!(ground.shell("dnf -q --disablerepo='*' repoquery --userinstalled --qf '%{name}'"), "alpha");
    assert_eq!(ground.shell("cat /etc/alpha.conf /etc/alpha.conf.rpmnew"), "mine\nvendor 2");
}

#[test]
fn a_failing_check_leads_back() {
    let Some((mut ground, stream)) = ground() else { return };
    let (one, two) = (rpm(&ground, "alpha", "1", "", "", ""), rpm(&ground, "alpha", "2", "", "", ""));
    install(&ground, &[&one]);
    ground.shell("mkdir -p /etc/plimsoll/checks.d; printf '#!/bin/sh\\ngrep -q 1 /opt/alpha/version\\n' > /etc/plimsoll/checks.d/is-one; chmod 755 /etc/plimsoll/checks.d/is-one");
    ground.join();
    let check = Check { name: "is-one".into(), looks_at: LooksAt::Command { name: "is-one".into() }, timeout_seconds: 5, before: true };
    let outcome = ground.apply(DeploymentPackage { checks: vec![check], ..package(stream, plan(Tool::Dnf, vec![two], vec![one])) });
    assert_eq!(outcome.state, State::RolledBack, "{outcome:?}");
    assert_eq!((ground.rpm(), ground.shell("cat /opt/alpha/version")), (vec!["alpha 1-1".to_owned()], "1".to_owned()));
}

#[test]
fn a_host_is_out_of_service_while_it_changes() {
    let Some((mut ground, stream)) = ground() else { return };
    let (one, two) = (rpm(&ground, "alpha", "1", "", "", ""), rpm(&ground, "alpha", "2", "", "", ""));
    install(&ground, &[&one]);
    drained::place(&ground, "", "");
    ground.join();
    let outcome = ground.apply(drained::drained(package(stream, plan(Tool::Dnf, vec![two], vec![one]))));
    assert_eq!((outcome.state, drained::runs(&ground).as_str()), (State::Succeeded, "drain.d 1, undrain.d 2"), "{outcome:?}");
}

#[test]
fn rpm_killed_in_each_scriptlet_is_repaired_and_never_called_a_success() {
    let Some((first, stream)) = ground() else { return };
    drop(first);
    for (scriptlet, victim) in [("pre", "dnf"), ("post", "dnf"), ("preun", "dnf"), ("pre", "everything"), ("post", "everything"), ("preun", "everything")] {
        let Some((mut ground, _)) = ground() else { return };
        let kill = if victim == "dnf" { "kill -9 $PPID" } else { "kill -9 0" };
        let text = format!("%{scriptlet}\necho ran >> /exchange/runs\nif [ ! -e /exchange/killed ]; then touch /exchange/killed; {kill}; sleep 5; fi\n");
        let (old, new) = if scriptlet == "preun" { (text.as_str(), "") } else { ("", text.as_str()) };
        let (one, two) = (rpm(&ground, "alpha", "1", "", "", old), rpm(&ground, "alpha", "2", "", "", new));
        install(&ground, &[&shell(&ground), &one]);
        ground.shell("rm -f /exchange/runs /exchange/killed");
        ground.join();
        let outcome = ground.apply(package(stream.clone(), plan(Tool::Dnf, vec![two], vec![one])));
        assert!(ground.path("killed").exists(), "{outcome:?}");
        assert_eq!(outcome.state, State::RepairedTarget, "{scriptlet} {victim}: {outcome:?}");
        assert_eq!((ground.rpm(), ground.shell("rpm -V alpha; cat /opt/alpha/version")), (vec!["alpha 2-1".to_owned(), "shell 1-1".to_owned()], "2".to_owned()), "{scriptlet} {victim}");
        let runs = std::fs::read_to_string(ground.path("runs")).unwrap_or_default().lines().count();
        assert!(scriptlet != "post" || runs == 2, "{scriptlet} ran {runs} times");
        eprintln!("{scriptlet} of {victim} killed: {} effects, the scriptlet ran {runs} times", outcome.effects);
    }
}

#[test]
fn without_dnf_rpm_does_it_alone() {
    let Some((mut ground, stream)) = ground() else { return };
    let (alpha1, beta1) = (rpm(&ground, "alpha", "1", "", "", ""), rpm(&ground, "beta", "1", "", "", ""));
    install(&ground, &[&alpha1, &beta1]);
    let (alpha2, beta2) = (rpm(&ground, "alpha", "2", "", "", ""), rpm(&ground, "beta", "2", "delta", "", ""));
    let (delta, unneeded) = (rpm(&ground, "delta", "1", "", "", ""), rpm(&ground, "epsilon", "1", "", "", ""));
    ground.shell("rm /usr/bin/dnf");
    ground.join();
    let outcome = ground.apply(package(stream, plan(Tool::Dnf, vec![alpha2, beta2, new(delta), new(unneeded)], vec![alpha1, beta1])));
    assert_eq!((outcome.state, outcome.effects), (State::Succeeded, 1), "{outcome:?}");
    assert_eq!(ground.rpm(), ["alpha 2-1", "beta 2-1", "delta 1-1"]);
}

#[test]
fn what_nothing_needs_any_more_goes() {
    let Some((mut ground, stream)) = ground() else { return };
    let (lib, tool) = (rpm(&ground, "lib", "1", "", "", ""), rpm(&ground, "tool", "1", "", "", ""));
    let (one, two) = (rpm(&ground, "alpha", "1", "lib", "", ""), rpm(&ground, "alpha", "2", "", "", ""));
    install(&ground, &[&lib, &tool, &one]);
    ground.shell("dnf -y -q mark remove lib");
    ground.join();
    let mut changed = plan(Tool::Dnf, vec![two], vec![one]);
    changed.steps = vec![Step::CleanUp { remnants: Remnants::Orphans, most: 5 }, Step::CleanUp { remnants: Remnants::Kernels, most: 5 }, Step::CleanUp { remnants: Remnants::Caches, most: 1 }];
    let outcome = ground.apply(package(stream, changed));
    assert_eq!((outcome.state, &outcome.problem), (State::Succeeded, &None), "{outcome:?}");
    assert_eq!(ground.rpm(), ["alpha 2-1", "tool 1-1"], "people installed the tool");
    assert!(outcome.packages.iter().any(|line| line.name == "lib" && line.before.as_deref() == Some("1-1") && line.after.is_none()), "{outcome:?}");
}
