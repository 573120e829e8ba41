//! Tiny packages, and the documents that people and the server sign.

use super::ground::Ground;
use jiff::{SignedDuration, Timestamp};
use plimsoll_core::model::assignment::{Assignment, Go};
use plimsoll_core::model::deployment_package::*;
use plimsoll_core::model::identifier::{ClientId, HostId};
use plimsoll_core::model::outcome::Outcome;
use plimsoll_core::model::stream::Stream;
use plimsoll_formats::protocol::digest;
use plimsoll_formats::trust::*;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

pub const HOST: u128 = 5;
pub const CLIENT: u128 = 2;

pub fn key(seed: u8) -> KeyFile {
    KeyFile::from_seed(&[seed; 32])
}

/// Two of three people approve; key 99 is the server's.
pub fn root() -> SignedRoot {
    let people: Vec<(String, KeyFile)> = ["anna", "ben", "carla"].iter().zip(1..).map(|(name, seed)| ((*name).to_owned(), key(seed))).collect();
    SignedRoot::first(&RootKeys { people: &people, threshold: 2, online: key(99).public() }, "2037-11-22T00:00:00Z".parse().unwrap()).unwrap()
}

pub fn from_now(seconds: i64) -> Timestamp {
    Timestamp::now() + SignedDuration::from_secs(seconds)
}

/// One .deb to be.
#[derive(Clone, Default)]
pub struct Deb<'a> {
    pub name: &'a str,
    pub version: &'a str,
    pub depends: &'a str,
    pub conflicts: &'a str,
    /// Script name and text.
    pub scripts: &'a [(&'a str, &'a str)],
    /// Path and content.
    pub files: &'a [(&'a str, &'a str)],
    /// Path, and a program of this machine that lies there.
    pub programs: &'a [(&'a str, &'a Path)],
    pub conffiles: &'a str,
    /// Small files to unpack.
    pub many: usize,
}

impl Deb<'_> {
    pub fn build(&self, ground: &Ground) -> Target {
        let folder = ground.folder.path().join("build");
        let _ = fs::remove_dir_all(&folder);
        fs::create_dir_all(folder.join("DEBIAN")).unwrap();
        let mut control = format!("Package: {}\nVersion: {}\nArchitecture: amd64\nMaintainer: Test <t@example.org>\nInstalled-Size: 8\nDescription: test\n", self.name, self.version);
        for (field, value) in [("Depends", self.depends), ("Conflicts", self.conflicts)] {
            if !value.is_empty() {
                control.push_str(&format!("{field}: {value}\n"));
            }
        }
        fs::write(folder.join("DEBIAN/control"), control).unwrap();
        let write = |path: &str, text: &str, mode: u32| {
            let path = folder.join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(&path, text).unwrap();
            fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
        };
        for (name, text) in self.scripts {
            write(&format!("DEBIAN/{name}"), &format!("#!/bin/sh\n{text}\n"), 0o755);
        }
        if !self.conffiles.is_empty() {
            write("DEBIAN/conffiles", self.conffiles, 0o644);
        }
        write(&format!("opt/{}/version", self.name), self.version, 0o644);
        for (path, text) in self.files {
            write(path.trim_start_matches('/'), text, 0o644);
        }
        for (path, program) in self.programs {
            let path = folder.join(path.trim_start_matches('/'));
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::copy(program, path).unwrap();
        }
        for number in 0..self.many {
            write(&format!("opt/{}/many/{number:04}", self.name), self.version, 0o644);
        }
        let file = ground.path(&format!("{}_{}.deb", self.name, self.version));
        let built = Command::new("dpkg-deb").args(["--root-owner-group", "-Znone", "-b"]).arg(&folder).arg(&file).output().unwrap();
        assert!(built.status.success(), "{}", String::from_utf8_lossy(&built.stderr));
        target(ground, &file, self.name, "amd64", self.version)
    }
}

/// A tiny .rpm; `settings` is the content of its configuration file, `scripts`
/// the text of its scriptlets.
pub fn rpm(ground: &Ground, name: &str, version: &str, requires: &str, settings: &str, scripts: &str) -> Target {
    let requires = if requires.is_empty() { String::new() } else { format!("Requires: {requires}\n") };
    let (make, own) = if settings.is_empty() { (String::new(), String::new()) } else { (format!("mkdir -p %{{buildroot}}/etc\necho {settings} > %{{buildroot}}/etc/{name}.conf\n"), format!("%config /etc/{name}.conf\n")) };
    let spec = format!(
        "Name: {name}\nVersion: {version}\nRelease: 1\nSummary: test\nLicense: none\nBuildArch: noarch\n{requires}%description\ntest\n%install\nmkdir -p %{{buildroot}}/opt/{name}\necho {version} > %{{buildroot}}/opt/{name}/version\n{make}{scripts}\n%files\n/opt/{name}/version\n{own}"
    );
    rpm_of(ground, name, version, &spec)
}

/// What a scriptlet's interpreter comes from.
pub fn shell(ground: &Ground) -> Target {
    let spec = "Name: shell\nVersion: 1\nRelease: 1\nSummary: test\nLicense: none\nBuildArch: noarch\nProvides: /bin/sh\n%description\ntest\n%files\n";
    rpm_of(ground, "shell", "1", spec)
}

fn rpm_of(ground: &Ground, name: &str, version: &str, spec: &str) -> Target {
    let folder = ground.folder.path().join("rpmbuild");
    fs::create_dir_all(&folder).unwrap();
    fs::write(folder.join("x.spec"), spec).unwrap();
    let built = Command::new("rpmbuild").args(["--quiet", "--define"]).arg(format!("_topdir {}", folder.display())).args(["--define", "_build_id_links none", "-bb"]).arg(folder.join("x.spec")).output().unwrap();
    assert!(built.status.success(), "{}", String::from_utf8_lossy(&built.stderr));
    let file = ground.path(&format!("{name}-{version}.rpm"));
    fs::copy(folder.join(format!("RPMS/noarch/{name}-{version}-1.noarch.rpm")), &file).unwrap();
    target(ground, &file, name, "noarch", &format!("{version}-1"))
}

/// The file's entry in a plan; a copy lies where the agent would put it.
pub fn target(ground: &Ground, file: &Path, name: &str, arch: &str, version: &str) -> Target {
    let bytes = fs::read(file).unwrap();
    let sha256 = digest(&bytes);
    fs::create_dir_all(ground.path("agent/artefacts")).unwrap();
    fs::write(ground.path("agent/artefacts").join(&sha256), &bytes).unwrap();
    Target { name: name.into(), arch: arch.into(), version: version.into(), sha256, size: bytes.len() as u64, repository: "test".into(), new: false }
}

pub fn new(target: Target) -> Target {
    Target { new: true, ..target }
}

pub fn plan(tool: Tool, install: Vec<Target>, way_back: Vec<Target>) -> StreamPlan {
    StreamPlan { tool, install, remove: Vec::new(), way_back, no_way_back: Vec::new(), steps: Vec::new() }
}

pub fn debian() -> Stream {
    plimsoll_host::own_stream().unwrap()
}

/// What people sign, for this host alone.
pub fn package(stream: Stream, plan: StreamPlan) -> DeploymentPackage {
    let place = Place { host: HostId::from_bits(HOST), ring: 0, window: None };
    DeploymentPackage {
        schema: DeploymentPackage::SCHEMA.into(),
        name: "test".into(),
        version: 7,
        client: ClientId::from_bits(CLIENT),
        title: "Test".into(),
        reason: "test".into(),
        advisories: Vec::new(),
        author: "anna".into(),
        created: from_now(-3600),
        expires: from_now(3600),
        change: ChangeType::Normal,
        policy: PolicyNamed { id: "test".into(), version: "1".into(), sha256: "cd".repeat(32) },
        streams: [(stream, plan)].into(),
        hosts: HostTree::new(vec![place]).unwrap().list(),
        rings: vec![Ring { name: "canary".into(), opens: from_now(-60), soak_seconds: 60, success_per_mille: 1000, failures: 0 }],
        windows: BTreeMap::new(),
        checks: Vec::new(),
        reboot: RebootRule::Never,
        configuration_files: ConfigurationFiles::Keep,
        at_once: 0,
        drain: None,
    }
}

/// A package and an assignment, signed.
pub struct Deal {
    pub package: String,
    pub assignment: String,
}

pub fn sign(package: DeploymentPackage, seeds: &[u8]) -> SignedPackage {
    let mut signed = SignedPackage::unsigned(package);
    seeds.iter().for_each(|seed| signed.sign(&key(*seed), &root().root).unwrap());
    signed
}

pub fn assign(package: &SignedPackage, change: impl FnOnce(&mut Assignment)) -> Deal {
    let host = HostId::from_bits(HOST);
    let tree = HostTree::new(vec![Place { host, ring: 0, window: package.package().windows.keys().next().cloned() }]).unwrap();
    let (place, position, proof) = tree.prove(host).unwrap();
    let mut said = Assignment {
        schema: Assignment::SCHEMA.into(),
        host,
        package: package.digest(),
        epoch: 1,
        generation: 2,
        place: place.clone(),
        position,
        proof,
        go: Go::Apply,
        issued: from_now(-5),
        expires: from_now(3600),
    };
    change(&mut said);
    let signed = SignedAssignment::sign(said, &key(99), &root().root).unwrap();
    Deal { package: String::from_utf8(package.bytes()).unwrap(), assignment: String::from_utf8(signed.bytes().to_vec()).unwrap() }
}

pub fn deal(package: DeploymentPackage) -> Deal {
    assign(&sign(package, &[2, 3]), |_| {})
}

impl Ground {
    /// Pins the root as a join does, and starts the helper.
    pub fn join(&mut self) {
        self.join_with(&[]);
    }

    pub fn join_with(&mut self, more: &[&str]) {
        let root = root();
        fs::write(self.path("agent/root.json"), root.bytes()).unwrap();
        let joined = json!({"server": "https://x", "host": HostId::from_bits(HOST).to_string(), "client": ClientId::from_bits(CLIENT).to_string(),
            "log_key": "", "root_digest": root.digest(), "check_in_seconds": 60, "pending": false});
        fs::write(self.path("agent/host.json"), joined.to_string()).unwrap();
        let pinned = self.command("/exchange/bin/plimsoll-helper").args(["pin", "--agent-state", "/exchange/agent", "--root-digest", &root.digest()]).output().unwrap();
        assert!(pinned.status.success(), "{}", String::from_utf8_lossy(&pinned.stderr));
        self.start(more);
    }

    pub fn receive(&self, deal: &Deal) -> Value {
        self.ask(&json!({"verb": "receive", "assignment": deal.assignment, "package": deal.package}))
    }

    /// Hands over and stages everything; gives the attempt.
    pub fn hand_over(&self, deal: &Deal) -> String {
        let receipt = self.receive(deal);
        assert_eq!(receipt["reply"], "received", "{receipt}");
        for wanted in receipt["wanted"].as_array().unwrap() {
            let sha256 = wanted["sha256"].as_str().unwrap();
            let staged = self.ask(&json!({"verb": "stage", "sha256": sha256, "path": format!("artefacts/{sha256}")}));
            assert_eq!(staged["reply"], "done", "{staged}");
        }
        receipt["attempt"].as_str().unwrap().to_owned()
    }

    /// Proceeds until the outcome is the last word.
    pub fn finish(&self, attempt: &str) -> Outcome {
        self.until(attempt, |outcome| outcome.state.is_terminal())
    }

    pub fn until(&self, attempt: &str, is: impl Fn(&Outcome) -> bool) -> Outcome {
        let start = Instant::now();
        loop {
            let next = self.proceed(attempt);
            assert_eq!(next["reply"], "next", "{next} {}", self.log());
            let outcome: Outcome = serde_json::from_value(next["outcome"].clone()).unwrap();
            if is(&outcome) {
                return outcome;
            }
            assert!(start.elapsed() < Duration::from_secs(300), "{outcome:?} {} {}", self.log(), self.journal());
            std::thread::sleep(Duration::from_millis(100));
        }
    }

    pub fn apply(&self, package: DeploymentPackage) -> Outcome {
        let attempt = self.hand_over(&deal(package));
        self.finish(&attempt)
    }

    /// Installs former versions by hand.
    pub fn install(&self, targets: &[&Target]) {
        for target in targets {
            self.shell(&format!("dpkg -i /exchange/agent/artefacts/{} >/dev/null", target.sha256));
        }
    }
}
