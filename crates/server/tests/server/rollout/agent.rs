//! A host in memory that speaks the agents' protocol and holds to what people
//! signed, as a real one does; what its package manager does is played.

use ed25519_dalek::SigningKey;
use jiff::Timestamp;
use plimsoll_core::model::assignment::{Assignment, Go};
use plimsoll_core::model::component::{Component, ComponentKind};
use plimsoll_core::model::deployment_package::DeploymentPackage;
use plimsoll_core::model::host::{Host, OperatingSystem};
use plimsoll_core::model::outcome::{Observed, Outcome, State};
use plimsoll_core::model::report::Report;
use plimsoll_core::model::stream::Stream;
use plimsoll_core::model::update::Update;
use plimsoll_formats::protocol::{
    self, ArtefactRequest, CheckIn, CheckInAnswer, Enrol, Enrolled, LogKey, PackageAnswer, PackageRequest, SignedRequest, headers, read_message, write_message,
};
use plimsoll_formats::trust::{SignedAssignment, SignedPackage, SignedRoot, check_place};
use std::collections::{BTreeMap, BTreeSet};

pub const OLD: &str = "3.0.1-1";
pub const NEW: &str = "3.0.2-1";

pub struct Agent {
    pub name: String,
    pub id: String,
    pub version: String,
    pub assigned: Vec<String>,
    /// How often its package manager ran as root.
    pub effects: u32,
    /// What its next attempt comes to.
    pub fate: State,
    /// Whether it waits for a reboot once it has changed.
    pub reboot: bool,
    /// Whether it says nothing any more.
    pub dark: bool,
    /// What it remembers of the evidence log.
    pub remembered: Option<protocol::Remembered>,
    /// Highest generation and package version it has seen.
    pub floor: (u64, u64, u64),
    key: SigningKey,
    sequence: u64,
    report: Option<String>,
    log: LogKey,
    root: SignedRoot,
    server: String,
    done: BTreeMap<String, State>,
    staged: BTreeSet<String>,
}

impl Agent {
    pub fn join(server: &str, token: &str, root: &SignedRoot, number: u8) -> Self {
        let key = SigningKey::from_bytes(&[number + 1; 32]);
        let name = format!("host{number:02}");
        let wish = Enrol {
            token: token.to_owned(),
            name: name.clone(),
            public_key: protocol::encode_hex(key.verifying_key().as_bytes()),
            machine_id_digest: protocol::digest(name.as_bytes()),
            hardware_digest: String::new(),
            boot_id: "boot".to_owned(),
            agent: "agent test".to_owned(),
            protocol: protocol::VERSION,
            root_digest: Some(root.digest()),
        };
        let (status, body) = send(server, &key, protocol::NEW_HOST, 1, protocol::ENROL, &write_message(&wish).unwrap());
        assert_eq!(status, 200, "{}", String::from_utf8_lossy(&body));
        let enrolled: Enrolled = read_message(&body).unwrap();
        let mut agent = Self {
            id: enrolled.host.to_string(),
            name,
            version: OLD.to_owned(),
            assigned: Vec::new(),
            effects: 0,
            fate: State::Succeeded,
            reboot: false,
            dark: false,
            remembered: None,
            floor: (0, 0, 0),
            key,
            sequence: 1,
            report: None,
            log: LogKey::read(&enrolled.log_key).unwrap(),
            root: root.clone(),
            server: server.to_owned(),
            done: BTreeMap::new(),
            staged: BTreeSet::new(),
        };
        agent.report();
        agent
    }

    pub fn ask(&mut self, path: &str, body: &[u8]) -> (u16, Vec<u8>) {
        self.sequence += 1;
        send(&self.server, &self.key, &self.id, self.sequence, path, body)
    }

    fn report(&mut self) {
        let stream = Stream::release("debian", "12");
        let system = OperatingSystem { id: "debian".to_owned(), version: "12".to_owned(), name: "Debian 12".to_owned(), stream: Some(stream.clone()), arch: Some("amd64".to_owned()), ..OperatingSystem::default() };
        let component = Component {
            purl: format!("pkg:deb/debian/openssl@{}", self.version),
            stream: Some(stream),
            name: "openssl".to_owned(),
            version: self.version.clone(),
            arch: Some("amd64".to_owned()),
            source: Some("openssl".to_owned()),
            source_version: Some(self.version.clone()),
            kind: ComponentKind::Package,
            ..Component::default()
        };
        let update = Update { package: "openssl".to_owned(), arch: "amd64".to_owned(), installed: Some(OLD.to_owned()), candidate: NEW.to_owned(), security: true, origin: "Debian-Security".to_owned(), ..Update::default() };
        let report = Report {
            schema: Report::SCHEMA.to_owned(),
            agent: "agent test".to_owned(),
            host: Host { name: self.name.clone(), os: Some(system), reboot: Some(plimsoll_core::model::host::RebootPending { pending: Some(self.reboot && self.effects > 0), ..Default::default() }), ..Host::default() },
            components: vec![component],
            updates: Some(if self.version == OLD { vec![update] } else { Vec::new() }),
            held_updates: Vec::new(),
            offered: Vec::new(),
            problems: Vec::new(),
        };
        let report = protocol::canonical(report).unwrap();
        let (status, body) = self.ask(protocol::REPORT, &protocol::compress("report", &report.bytes).unwrap());
        assert_eq!(status, 200, "{}", String::from_utf8_lossy(&body));
        self.report = Some(report.digest);
    }

    /// It reboots and says so.
    pub fn boots(&mut self) {
        self.reboot = false;
        self.report();
    }

    /// The server has another address.
    pub fn moved(&mut self, server: &str) {
        self.server = server.to_owned();
    }

    /// One turn: checks in, and does what it is allowed.
    pub fn turn(&mut self) {
        if self.dark {
            return;
        }
        let mut assigned: Vec<String> = self.assigned.iter().map(|document| protocol::digest(document.as_bytes())).collect();
        assigned.sort();
        let message = CheckIn { sequence: self.sequence + 1, boot_id: "boot".to_owned(), hardware_digest: String::new(), report: self.report.clone(), checkpoint: self.remembered.clone(), alarms: Vec::new(), assigned };
        let (status, body) = self.ask(protocol::CHECK_IN, &write_message(&message).unwrap());
        if status == 200 {
            let answer: CheckInAnswer = read_message(&body).unwrap();
            if let Some(assignments) = answer.assignments {
                self.assigned = assignments;
            }
        } else {
            assert_eq!(status, 204, "{}", String::from_utf8_lossy(&body));
        }
        for document in self.assigned.clone() {
            let assignment = SignedAssignment::read("assignment", document.as_bytes(), &self.root.root, Timestamp::now()).unwrap().assignment;
            self.work(&assignment);
        }
    }

    /// What it was assigned, read.
    pub fn assignments(&self) -> Vec<Assignment> {
        self.assigned.iter().map(|document| SignedAssignment::read("assignment", document.as_bytes(), &self.root.root, Timestamp::now()).unwrap().assignment).collect()
    }

    fn work(&mut self, assignment: &Assignment) {
        assert_eq!(assignment.host.to_string(), self.id);
        assert!((assignment.epoch, assignment.generation) >= (self.floor.0, self.floor.1), "a plan never goes back");
        (self.floor.0, self.floor.1) = (assignment.epoch, assignment.generation);
        let attempt = protocol::attempt(&assignment.package, &self.id, assignment.epoch, assignment.generation);
        if self.done.contains_key(&attempt) {
            return;
        }
        let Some(package) = self.package(&assignment.package) else { return };
        check_place(&package.hosts, &assignment.place, assignment.position, &assignment.proof).unwrap();
        assert!(package.version >= self.floor.2, "no package below one that was seen");
        self.floor.2 = package.version;
        let plan = &package.streams[&Stream::release("debian", "12")];
        for target in plan.install.iter().chain(&plan.way_back) {
            let (status, bytes) = self.ask(protocol::ARTEFACT, &write_message(&ArtefactRequest { sha256: target.sha256.clone(), offset: 0 }).unwrap());
            assert_eq!((status, bytes.len() as u64, protocol::digest(&bytes)), (200, target.size, target.sha256.clone()));
        }
        let (_, rest) = self.ask(protocol::ARTEFACT, &write_message(&ArtefactRequest { sha256: plan.install[0].sha256.clone(), offset: 3 }).unwrap());
        assert_eq!(rest.len() as u64, plan.install[0].size - 3);
        let ring = &package.rings[assignment.place.ring as usize];
        if assignment.go != Go::Apply || Timestamp::now() < ring.opens {
            if self.staged.insert(attempt.clone()) {
                self.say(assignment, &attempt, State::Staged);
            }
            return;
        }
        self.effects += 1;
        if self.fate.is_success() {
            self.version = plan.install[0].version.clone();
        }
        if self.fate == State::Executing {
            // It goes dark in the middle.
            self.say(assignment, &attempt, State::Executing);
            self.dark = true;
            return;
        }
        self.say(assignment, &attempt, self.fate);
        self.done.insert(attempt, self.fate);
        self.report();
    }

    /// Fetches a package, and believes it only with people's signatures and
    /// the log's proof; none while the log does not show it yet.
    fn package(&mut self, digest: &str) -> Option<DeploymentPackage> {
        let (status, body) = self.ask(protocol::PACKAGE, &write_message(&PackageRequest { digest: digest.to_owned(), checkpoint: None }).unwrap());
        if status == 503 {
            return None;
        }
        assert_eq!(status, 200, "{}", String::from_utf8_lossy(&body));
        let answer: PackageAnswer = read_message(&body).unwrap();
        answer.accepted(digest, &self.log).unwrap();
        let signed = SignedPackage::read("package", answer.package.as_bytes()).unwrap();
        assert_eq!(signed.digest(), digest);
        signed.approved("package", &self.root.root).unwrap();
        Some(signed.package().clone())
    }

    pub fn say(&mut self, assignment: &Assignment, attempt: &str, state: State) {
        let after = if state.is_success() { NEW } else { OLD };
        let outcome = Outcome {
            host: assignment.host,
            package: assignment.package.clone(),
            epoch: assignment.epoch,
            generation: assignment.generation,
            attempt: attempt.to_owned(),
            state,
            observed: Timestamp::now(),
            boot_id: "boot".to_owned(),
            packages: vec![Observed { name: "openssl".to_owned(), arch: "amd64".to_owned(), before: Some(OLD.to_owned()), after: Some(after.to_owned()), status: "ii".to_owned() }],
            checks: Vec::new(),
            restarted: Vec::new(),
            stale_processes: Vec::new(),
            reboot_pending: self.reboot,
            effects: self.effects,
            log: String::new(),
            problem: None,
        };
        let body = write_message(&outcome).unwrap();
        // Told twice, as after a lost answer.
        for _ in 0..2 {
            let (status, said) = self.ask(protocol::OUTCOME, &body);
            assert_eq!(status, 204, "{}", String::from_utf8_lossy(&said));
        }
    }
}

fn send(server: &str, key: &SigningKey, host: &str, sequence: u64, path: &str, body: &[u8]) -> (u16, Vec<u8>) {
    let (date, digest) = (Timestamp::now().to_string(), protocol::digest(body));
    let signed = SignedRequest { method: "POST", path, host, date: &date, sequence, digest: &digest };
    let signature = protocol::sign(key, &signed);
    let agent: ureq::Agent = ureq::Agent::config_builder().http_status_as_error(false).build().into();
    let request = ureq::http::Request::builder()
        .method("POST")
        .uri(format!("{server}{path}"))
        .header(headers::HOST, host)
        .header(headers::DATE, &date)
        .header(headers::SEQUENCE, sequence.to_string())
        .header(headers::DIGEST, &digest)
        .header(headers::SIGNATURE, &signature)
        .body(body)
        .unwrap();
    let mut answer = agent.run(request).unwrap();
    let status = answer.status().as_u16();
    (status, answer.body_mut().with_config().limit(64 << 20).read_to_vec().unwrap())
}
