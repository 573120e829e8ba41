//! Under systemd, as it ships: the package's own scripts and units, services
//! that are started again, a reboot.

use super::carried::{here, logged, logged_after};
use super::deal::*;
use super::ground::{Ground, possible};
use crate::hub::Server;
use crate::hub::data::Hub;
use plimsoll_core::model::deployment_package::*;
use plimsoll_core::model::outcome::{Outcome, State};
use plimsoll_formats::trust::SignedPackage;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

const TOOLS: [&str; 5] = ["apt-get", "dpkg", "dpkg-deb", "systemd-nspawn", "systemctl"];
const UNITS: &str = "plimsoll-launcher plimsoll-helper plimsoll-agent";

/// Where the repository has what the package of the agent is made of.
fn packaging(name: &str) -> std::path::PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../packaging").join(name)
}

/// The agent's package, of the programs under test and everything else that
/// ships; a broken one's agent ends before it says anything.
fn agents_package(ground: &Ground, version: &str, broken: bool) -> Target {
    let folder = ground.folder.path().join(format!("agents-package-{version}"));
    let put = |from: &Path, to: &str, mode: u32| {
        let to = folder.join(to);
        fs::create_dir_all(to.parent().unwrap()).unwrap();
        fs::copy(from, &to).unwrap();
        fs::set_permissions(&to, fs::Permissions::from_mode(mode)).unwrap();
    };
    let programs = Path::new(env!("CARGO_BIN_EXE_plimsoll-helper")).parent().unwrap();
    for name in ["plimsoll-agent", "plimsoll-helper"] {
        put(&programs.join(name), &format!("usr/bin/{name}"), 0o755);
    }
    if broken {
        fs::write(folder.join("usr/bin/plimsoll-agent"), "#!/bin/sh\nexit 1\n").unwrap();
    }
    for name in ["agent", "helper", "launcher"] {
        put(&packaging(&format!("systemd/plimsoll-{name}.service")), &format!("usr/lib/systemd/system/plimsoll-{name}.service"), 0o644);
    }
    for name in ["postinst", "prerm", "postrm"] {
        put(&packaging(&format!("deb/{name}")), &format!("DEBIAN/{name}"), 0o755);
    }
    put(&packaging("agent.toml"), "etc/plimsoll/agent.toml", 0o644);
    let conffiles = "/etc/plimsoll/agent.toml\n";
    fs::write(folder.join("DEBIAN/conffiles"), conffiles).unwrap();
    fs::write(folder.join("DEBIAN/control"), format!("Package: plimsoll-agent\nVersion: {version}\nArchitecture: amd64\nMaintainer: Test <t@example.org>\nDescription: test\n")).unwrap();
    let file = ground.path(&format!("agent-{version}.deb"));
    let built = Command::new("dpkg-deb").args(["--root-owner-group", "-Znone", "-b"]).arg(&folder).arg(&file).output().unwrap();
    assert!(built.status.success(), "{}", String::from_utf8_lossy(&built.stderr));
    target(ground, &file, "plimsoll-agent", "amd64", version)
}

/// A host under systemd that joined, with version 1 of a service.
struct Host {
    ground: Ground,
    server: Server,
    /// The first package that it was handed.
    first: Option<SignedPackage>,
}

impl Host {
    fn new() -> Option<Self> {
        if !possible(&TOOLS) {
            return None;
        }
        let ground = Ground::boot()?;
        let server = Server::start();
        ground.shell(&format!("dpkg -i /exchange/agent/artefacts/{} 2>&1; echo 'languages = false' > /etc/plimsoll/agent.toml", agents_package(&ground, "1", false).sha256));
        server.hub().root = Some(String::from_utf8(root().bytes().to_vec()).unwrap());
        ground.shell(&format!("unset http_proxy https_proxy all_proxy HTTP_PROXY HTTPS_PROXY ALL_PROXY; plimsoll-agent join {} --token good --name web1 --root-digest {} 2>&1", server.address, root().digest()));
        ground.shell(&format!("systemctl restart {UNITS}"));
        let host = Self { ground, server, first: None };
        host.until("the first check-in", |hub| !hub.check_ins.is_empty());
        Some(host)
    }

    /// A version of a service whose program changes with it.
    fn service(&self, version: &str, slow: bool) -> Target {
        let unit = "[Service]\nExecStart=/opt/alpha/alphad infinity\n[Install]\nWantedBy=multi-user.target\n";
        let enable = "[ \"$2\" ] || { systemctl daemon-reload; systemctl enable --quiet --now alpha.service; }";
        let script = if slow { format!("touch /exchange/in-script; sleep 4; echo ran >> /exchange/runs; {enable}") } else { enable.to_owned() };
        let scripts = [("postinst", script.as_str())];
        Deb { name: "alpha", version, scripts: &scripts, files: &[("usr/lib/systemd/system/alpha.service", unit)], programs: &[("opt/alpha/alphad", Path::new("/usr/bin/sleep"))], ..Deb::default() }.build(&self.ground)
    }

    /// Has the server hand a package out.
    fn hand_out(&mut self, package: DeploymentPackage) {
        let depot = self.ground.path("depot");
        if !depot.exists() {
            fs::create_dir(&depot).unwrap();
        }
        for target in package.streams.values().flat_map(|plan| plan.install.iter().chain(&plan.way_back)) {
            fs::copy(self.ground.path("agent/artefacts").join(&target.sha256), depot.join(&target.sha256)).unwrap();
        }
        let (signed, assignment) = here(package);
        let mut hub = self.server.hub();
        hub.artefacts = Some(depot);
        let answer = self.first.as_ref().map_or_else(|| logged(&signed), |first| logged_after(first, &signed));
        hub.packages.insert(signed.digest(), answer);
        self.first.get_or_insert(signed);
        hub.assignments = Some(vec![assignment]);
        hub.outcomes.clear();
    }

    /// Waits; what the units said is told where it never comes.
    fn until(&self, what: &str, is: impl Fn(&Hub) -> bool) {
        let start = Instant::now();
        while !is(&self.server.hub()) {
            assert!(start.elapsed() < Duration::from_secs(120), "never: {what}; {}", self.log());
            std::thread::sleep(Duration::from_millis(100));
        }
    }

    fn last_word(&self) -> Outcome {
        self.until("the last word", |hub| hub.outcomes.iter().any(|outcome| outcome.state.is_terminal()));
        self.server.hub().outcomes.iter().find(|outcome| outcome.state.is_terminal()).cloned().unwrap()
    }

    fn said(&self, script: &str) -> String {
        self.ground.shell(script)
    }

    fn log(&self) -> String {
        self.said("journalctl -q --no-pager -n 40 -u 'plimsoll-*' 2>&1 || true")
    }
}

#[test]
fn its_own_package_services_and_a_reboot() {
    let Some(mut host) = Host::new() else { return };
    assert_eq!(host.said(&format!("systemctl is-active {UNITS}; systemctl is-enabled {UNITS}; stat -c '%U %a' /var/lib/plimsoll-agent /var/lib/plimsoll-helper")),
        "active\nactive\nactive\nenabled\nenabled\nenabled\nplimsoll-agent 700\nroot 700", "{}", host.log());
    // Shut in as their units say: the agent is nobody and may nothing.
    let status = host.said("grep -E '^(Uid|CapEff|NoNewPrivs|Seccomp):' /proc/$(systemctl show -P MainPID plimsoll-agent)/status");
    let value = |name: &str| status.lines().find_map(|line| line.strip_prefix(name)).unwrap_or_default().split_whitespace().next().unwrap_or_default().to_owned();
    assert_ne!(value("Uid:"), "0");
    assert_eq!((value("CapEff:"), value("NoNewPrivs:"), value("Seccomp:")), ("0000000000000000".into(), "1".into(), "2".into()), "{status}");

    let (one, two, three) = (host.service("1", false), host.service("2", true), host.service("3", false));
    host.said(&format!("dpkg -i /exchange/agent/artefacts/{} 2>&1", one.sha256));
    let main = |host: &Host| host.said("systemctl show -P MainPID alpha.service");
    let first = main(&host);
    assert_eq!(host.said("systemctl is-active alpha.service"), "active");

    // All three units are killed while a script runs; the runner has a scope
    // of its own and goes on.
    let check = Check { name: "alpha".into(), looks_at: LooksAt::Service { unit: "alpha.service".into() }, timeout_seconds: 20, before: true };
    let agent = host.said("systemctl show -P MainPID plimsoll-agent");
    host.hand_out(DeploymentPackage { checks: vec![check.clone()], ..package(debian(), plan(Tool::Apt, vec![two.clone()], vec![one])) });
    host.until("the script", |_| host.ground.path("in-script").exists());
    assert!(host.said("systemctl list-units --plain --no-legend 'plimsoll-attempt-*.scope'").contains("running"), "{}", host.log());
    host.said(&format!("systemctl kill -s KILL {UNITS}"));
    let outcome = host.last_word();
    assert_eq!((outcome.state, outcome.effects, outcome.reboot_pending), (State::Succeeded, 1, false), "{outcome:?} {}", host.log());
    assert_eq!(outcome.restarted, ["alpha.service"], "{outcome:?}");
    assert!(outcome.stale_processes.is_empty(), "{outcome:?}");
    assert_eq!(outcome.checks.len(), 2, "{outcome:?}");
    assert_eq!(host.said("cat /exchange/runs"), "ran");
    assert_ne!((main(&host), host.said("systemctl show -P MainPID plimsoll-agent")), (first, agent));
    assert!(host.ground.dpkg().contains(&"alpha 2 ii".to_owned()));

    // The next one is to reboot the host, and is done once that came back.
    let boot = host.said("cat /proc/sys/kernel/random/boot_id");
    host.hand_out(DeploymentPackage { name: "next".into(), reboot: RebootRule::Always, checks: vec![check], ..package(debian(), plan(Tool::Apt, vec![three], vec![two])) });
    let outcome = host.last_word();
    assert_eq!((outcome.state, outcome.effects), (State::Succeeded, 1), "{outcome:?} {}", host.log());
    let now = host.said("cat /proc/sys/kernel/random/boot_id");
    assert_ne!(now, boot);
    assert_eq!(outcome.boot_id, now);
    assert!(host.ground.dpkg().contains(&"alpha 3 ii".to_owned()));

    // Gone without a trace but for its state, then with it.
    host.said("dpkg -r plimsoll-agent 2>&1; ! systemctl is-active --quiet plimsoll-agent; test -d /var/lib/plimsoll-agent; dpkg -P plimsoll-agent 2>&1; ! test -e /var/lib/plimsoll-agent; ! test -e /var/lib/plimsoll-helper");
    assert_eq!(host.said("systemctl list-units --all --plain --no-legend 'plimsoll-*.service' | wc -l"), "0");
}

/// The agent's own package is a package like any other; one whose agent is
/// never answered goes back.
#[test]
fn the_agent_updates_itself_or_comes_back() {
    let Some(mut host) = Host::new() else { return };
    let unit = "[Service]\nExecStart=\nExecStart=/usr/bin/plimsoll-helper launch --socket /run/plimsoll-launcher/launch.sock --agent-within 40\n";
    fs::write(host.ground.path("drop-in"), unit).unwrap();
    host.said(&format!("mkdir -p /etc/systemd/system/plimsoll-launcher.service.d; cp /exchange/drop-in /etc/systemd/system/plimsoll-launcher.service.d/within.conf; systemctl daemon-reload; systemctl restart {UNITS}"));
    let [one, two, three] = [("1", false), ("2", false), ("3", true)].map(|(version, broken)| agents_package(&host.ground, version, broken));
    let process = |host: &Host| host.said("systemctl show -P MainPID plimsoll-agent");
    let first = process(&host);

    host.hand_out(package(debian(), plan(Tool::Apt, vec![two.clone()], vec![one])));
    let outcome = host.last_word();
    assert_eq!((outcome.state, outcome.effects, &outcome.problem), (State::Succeeded, 1, &None), "{outcome:?} {}", host.log());
    assert_eq!(outcome.checks.iter().map(|check| (check.name.as_str(), check.holds)).collect::<Vec<_>>(), [("plimsoll-agent", true)]);
    assert!(host.ground.dpkg().contains(&"plimsoll-agent 2 ii".to_owned()));
    let second = process(&host);
    assert_ne!(first, second);
    assert!(outcome.checks[0].text.contains(&format!("process {second} ")), "{outcome:?}");

    host.hand_out(DeploymentPackage { name: "next".into(), ..package(debian(), plan(Tool::Apt, vec![three], vec![two])) });
    let outcome = host.last_word();
    assert_eq!((outcome.state, outcome.problem.as_ref().map(|problem| problem.code.as_str())), (State::RolledBack, Some("E-AGENT")), "{outcome:?} {}", host.log());
    assert!(host.ground.dpkg().contains(&"plimsoll-agent 2 ii".to_owned()), "{:?}", host.ground.dpkg());
    // Its owner's settings are as they were, and it speaks for the same host.
    assert_eq!(host.said("cat /etc/plimsoll/agent.toml"), "languages = false");
    let before = host.server.hub().check_ins.len();
    host.until("another check-in", |hub| hub.check_ins.len() > before);
}
