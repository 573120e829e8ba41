//! A server in the plainest way: it checks every signature and sequence, keeps
//! reports, and misbehaves as it is told.

use data::{Behaviour, Hub};
use ed25519_dalek::{Signer, SigningKey};
use plimsoll_core::model::identifier::{ClientId, HostId};
use plimsoll_core::model::registration::HostState;
use plimsoll_formats::protocol::{self, *};
use sha2::{Digest, Sha256};
use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::{Duration, Instant};

pub mod data {
    use plimsoll_core::model::outcome::Outcome;
    use plimsoll_formats::protocol::{CanonicalReport, CheckIn, PackageAnswer};
    use std::collections::{BTreeMap, VecDeque};
    use std::time::Instant;

    /// What to do with one request, instead of answering it well.
    #[derive(Clone, Copy, PartialEq, Debug)]
    pub enum Behaviour {
        Well,
        /// 503, and come back after so many seconds.
        Busy(u64),
        /// Do everything, then close in the middle of the answer.
        Cut,
        /// Do everything, kill the agent, answer nobody.
        Kill,
        /// Kill the agent before doing anything.
        KillFirst,
        /// 409 for a base that is unknown.
        Forget,
    }

    #[derive(Default)]
    pub struct Hub {
        pub keys: BTreeMap<String, String>,
        pub name: String,
        pub newest: u64,
        pub reports: BTreeMap<String, CanonicalReport>,
        pub current: Option<String>,
        pub script: BTreeMap<String, VecDeque<Behaviour>>,
        pub log: Vec<(Instant, String, u16)>,
        pub check_ins: Vec<CheckIn>,
        pub rotate: bool,
        pub root: Option<String>,
        /// Checkpoint and proof of the next answers.
        pub note: Option<(String, Vec<String>)>,
        pub agent: Option<i32>,
        /// Assignment documents to hand out; none says nothing of them.
        pub assignments: Option<Vec<String>>,
        /// Answers with packages, by digest.
        pub packages: BTreeMap<String, PackageAnswer>,
        /// Folder of artefacts by digest.
        pub artefacts: Option<std::path::PathBuf>,
        /// Cut every answer with an artefact after so many bytes.
        pub cut_artefacts: Option<usize>,
        pub offsets: Vec<u64>,
        pub outcomes: Vec<Outcome>,
    }
}

pub struct Server {
    pub address: String,
    hub: Arc<Mutex<Hub>>,
}

pub fn host() -> String {
    HostId::from_bits(1).to_string()
}

fn log_signer() -> SigningKey {
    SigningKey::from_bytes(&[9; 32])
}

pub fn base64(bytes: &[u8]) -> String {
    const LETTERS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut out = String::new();
    for three in bytes.chunks(3) {
        let bits = three.iter().chain([0u8; 2].iter()).take(3).fold(0u32, |bits, byte| bits << 8 | u32::from(*byte));
        for place in 0..4 {
            out.push(if place <= three.len() { LETTERS[(bits >> (18 - 6 * place)) as usize & 63] as char } else { '=' });
        }
    }
    out
}

fn log_id() -> ([u8; 4], Vec<u8>) {
    let mut key = vec![1u8];
    key.extend(log_signer().verifying_key().as_bytes());
    let hash: [u8; 32] = Sha256::new().chain_update("log.test\n").chain_update(&key).finalize().into();
    (hash[..4].try_into().unwrap(), key)
}

pub fn log_key() -> String {
    let (id, key) = log_id();
    format!("log.test+{}+{}", encode_hex(&id), base64(&key))
}

pub fn note(size: u64, root: &[u8; 32]) -> String {
    let body = format!("log.test\n{size}\n{}\n", base64(root));
    let signature = [&log_id().0[..], &log_signer().sign(body.as_bytes()).to_bytes()[..]].concat();
    format!("{body}\n\u{2014} log.test {}\n", base64(&signature))
}

impl Server {
    pub fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = format!("http://{}", listener.local_addr().unwrap());
        let hub = Arc::new(Mutex::new(Hub::default()));
        let shared = hub.clone();
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let hub = shared.clone();
                std::thread::spawn(move || serve(stream, &hub));
            }
        });
        Self { address, hub }
    }

    pub fn hub(&self) -> MutexGuard<'_, Hub> {
        self.hub.lock().unwrap()
    }

    pub fn script(&self, path: &str, behaviours: &[Behaviour]) {
        self.hub().script.entry(path.to_owned()).or_default().extend(behaviours);
    }

    /// Waits until something is so: a real inventory takes seconds on an idle
    /// machine and minutes on one that builds beside.
    pub fn until(&self, what: &str, is: impl Fn(&Hub) -> bool) {
        let start = Instant::now();
        while !is(&self.hub()) {
            assert!(start.elapsed() < Duration::from_secs(400), "never: {what}; {:?}", self.paths());
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    pub fn paths(&self) -> Vec<(String, u16)> {
        self.hub().log.iter().map(|(_, path, status)| (path.clone(), *status)).collect()
    }
}

struct Asked {
    path: String,
    headers: BTreeMap<String, String>,
    body: Vec<u8>,
}

fn read(stream: &TcpStream) -> Option<Asked> {
    let mut reader = BufReader::new(stream);
    let mut line = String::new();
    reader.read_line(&mut line).ok()?;
    let path = line.split(' ').nth(1)?.to_owned();
    let mut headers = BTreeMap::new();
    loop {
        let mut line = String::new();
        reader.read_line(&mut line).ok()?;
        let Some((name, value)) = line.trim_end().split_once(": ") else { break };
        headers.insert(name.to_ascii_lowercase(), value.to_owned());
    }
    let mut body = vec![0; headers.get("content-length")?.parse().ok()?];
    reader.read_exact(&mut body).ok()?;
    Some(Asked { path, headers, body })
}

struct Said {
    status: u16,
    headers: String,
    body: Vec<u8>,
}

fn said<M: Message>(message: &M) -> Said {
    Said { status: 200, headers: String::new(), body: write_message(message).unwrap() }
}

fn refused(status: u16, code: &str, text: &str) -> Said {
    let problem = plimsoll_core::model::problem::Problem::new(code, "", text, "");
    Said { status, headers: String::new(), body: serde_json::to_vec(&Refusal::new(status, "no", &problem)).unwrap() }
}

fn serve(mut stream: TcpStream, hub: &Mutex<Hub>) {
    let Some(asked) = read(&stream) else { return };
    let mut hub = hub.lock().unwrap();
    let behaviour = hub.script.get_mut(&asked.path).and_then(|script| script.pop_front()).unwrap_or(Behaviour::Well);
    let kill = |hub: &Hub| {
        let pid = rustix::process::Pid::from_raw(hub.agent.unwrap()).unwrap();
        rustix::process::kill_process(pid, rustix::process::Signal::KILL).unwrap();
    };
    let answer = match behaviour {
        Behaviour::KillFirst => {
            hub.log.push((Instant::now(), asked.path, 0));
            return kill(&hub);
        }
        Behaviour::Busy(seconds) => Said { headers: format!("retry-after: {seconds}\r\n"), ..refused(503, "E-BUSY", "busy") },
        Behaviour::Forget => refused(409, "E-BASE", "unknown"),
        Behaviour::Well | Behaviour::Cut | Behaviour::Kill => answer(&mut hub, &asked),
    };
    hub.log.push((Instant::now(), asked.path.clone(), answer.status));
    if behaviour == Behaviour::Kill {
        return kill(&hub);
    }
    let length = answer.body.len();
    let mut bytes =
        format!("HTTP/1.1 {} X\r\nconnection: close\r\n{}content-length: {length}\r\n\r\n", answer.status, answer.headers).into_bytes();
    bytes.extend(answer.body);
    if behaviour == Behaviour::Cut {
        bytes.truncate(bytes.len() - length.div_ceil(2).max(3));
    }
    let _ = stream.write_all(&bytes);
}

/// What a real server does: identity, signature, sequence, then the request.
fn answer(hub: &mut Hub, asked: &Asked) -> Said {
    let header = |name: &str| asked.headers.get(name).map(String::as_str).unwrap_or_default();
    let sequence: u64 = header(headers::SEQUENCE).parse().unwrap();
    let request = SignedRequest {
        method: "POST",
        path: &asked.path,
        host: header(headers::HOST),
        date: header(headers::DATE),
        sequence,
        digest: header(headers::DIGEST),
    };
    assert_eq!(digest(&asked.body), request.digest);
    check_clock(request.date, jiff::Timestamp::now()).unwrap();
    if asked.path == ENROL {
        return enrol(hub, &request, header(headers::SIGNATURE), &asked.body);
    }
    let Some(key) = hub.keys.get(request.host).cloned() else { return refused(404, code::HOST, "unknown host") };
    if let Err(problem) = verify(&key, &request, header(headers::SIGNATURE)) {
        return refused(401, &problem.code, &problem.text);
    }
    if sequence <= hub.newest {
        return refused(409, code::REPLAY, "seen before");
    }
    hub.newest = sequence;
    match asked.path.as_str() {
        CHECK_IN => check_in(hub, read_message(&asked.body).unwrap(), sequence),
        REPORT => keep(hub, read_report("test", &asked.body).unwrap()),
        REPORT_DELTA => {
            let delta = read_delta("test", &asked.body).unwrap();
            let Some(base) = hub.reports.get(&delta.base) else { return refused(409, code::BASE, "unknown base") };
            let made = apply_delta(&base.report, &base.digest, delta).unwrap();
            keep(hub, made)
        }
        ROTATE => {
            let rotate: Rotate = read_message(&asked.body).unwrap();
            verify_rotation(request.host, &key, &rotate).unwrap();
            hub.keys.insert(request.host.to_owned(), rotate.new_public_key);
            hub.rotate = false;
            Said { status: 204, headers: String::new(), body: Vec::new() }
        }
        PACKAGE => {
            let request: PackageRequest = read_message(&asked.body).unwrap();
            hub.packages.get(&request.digest).map_or_else(|| refused(404, "E-PACKAGE", "unknown"), said)
        }
        ARTEFACT => {
            let request: ArtefactRequest = read_message(&asked.body).unwrap();
            let bytes = std::fs::read(hub.artefacts.as_ref().unwrap().join(&request.sha256)).unwrap();
            hub.offsets.push(request.offset);
            let rest = bytes[request.offset as usize..].to_vec();
            let cut = hub.cut_artefacts.unwrap_or(rest.len()).min(rest.len());
            Said { status: 200, headers: String::new(), body: rest[..cut].to_vec() }
        }
        OUTCOME => {
            hub.outcomes.push(read_message(&asked.body).unwrap());
            Said { status: 204, headers: String::new(), body: Vec::new() }
        }
        other => panic!("{other}"),
    }
}

fn enrol(hub: &mut Hub, request: &SignedRequest<'_>, signature: &str, body: &[u8]) -> Said {
    let enrol: Enrol = read_message(body).unwrap();
    assert_eq!((request.host, enrol.protocol), (NEW_HOST, protocol::VERSION));
    verify(&enrol.public_key, request, signature).unwrap();
    // One-time: the same key again is the same request again.
    if enrol.token != "good" || hub.keys.values().any(|key| *key != enrol.public_key) {
        return refused(403, code::TOKEN, "is no token");
    }
    hub.name = enrol.name;
    hub.keys.insert(host(), enrol.public_key);
    said(&Enrolled {
        host: HostId::from_bits(1),
        client: ClientId::from_bits(2),
        state: HostState::Active,
        check_in_seconds: 1,
        server_time: jiff::Timestamp::now(),
        log_key: log_key(),
        checkpoint: None,
        root: hub.root.clone(),
    })
}

fn check_in(hub: &mut Hub, message: CheckIn, sequence: u64) -> Said {
    assert_eq!(message.sequence, sequence);
    let want = (message.report.is_some() && message.report != hub.current)
        .then_some(if hub.current.is_some() { Want::Delta } else { Want::Full });
    let mut held: Vec<String> = hub.assignments.iter().flatten().map(|document| digest(document.as_bytes())).collect();
    held.sort();
    let assignments = hub.assignments.clone().filter(|_| held != message.assigned);
    hub.check_ins.push(message);
    if want.is_none() && hub.note.is_none() && !hub.rotate && assignments.is_none() {
        return Said { status: 204, headers: format!("{}: 1\r\n", headers::NEXT), body: Vec::new() };
    }
    let (checkpoint, consistency) = hub.note.clone().map_or((None, Vec::new()), |(note, proof)| (Some(note), proof));
    said(&CheckInAnswer { want, base: hub.current.clone(), next_seconds: 1, checkpoint, consistency, rotate_key: hub.rotate, assignments })
}

fn keep(hub: &mut Hub, report: CanonicalReport) -> Said {
    hub.current = Some(report.digest.clone());
    let answer = ReportAnswer { report: report.digest.clone(), findings: 3, overdue: 1, next_seconds: 1 };
    hub.reports.insert(report.digest.clone(), report);
    said(&answer)
}
