//! The generator against a server in the same process that checks what it is
//! told as strictly as the real one.

use crate::arguments::Arguments;
use crate::summary::{Kind, Summary};
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, Uri};
use axum::response::{IntoResponse, Response};
use clap::Parser;
use plimsoll_core::model::identifier::{ClientId, HostId};
use plimsoll_core::model::registration::HostState;
use plimsoll_formats::protocol::{
    self, CanonicalReport, CheckIn, CheckInAnswer, Enrol, Enrolled, Message, ReportAnswer, SignedRequest, Want, headers, read_message, write_message,
};
use std::collections::BTreeMap;
use std::path::Path;
use std::sync::{Arc, Mutex};

#[derive(Default)]
struct Stub {
    hosts: Mutex<BTreeMap<String, Known>>,
    /// Requests that are still refused with "come back later".
    busy: Mutex<u32>,
    /// What broke the protocol.
    faults: Mutex<Vec<String>>,
}

struct Known {
    key: String,
    sequence: u64,
    report: Option<CanonicalReport>,
}

fn answer<M: Message>(message: &M) -> Response {
    (StatusCode::OK, write_message(message).unwrap()).into_response()
}

impl Stub {
    fn fault(&self, text: String) -> Response {
        self.faults.lock().unwrap().push(text);
        StatusCode::BAD_REQUEST.into_response()
    }

    fn handle(&self, uri: &Uri, head: &HeaderMap, body: &[u8]) -> Result<Response, String> {
        {
            let mut busy = self.busy.lock().unwrap();
            if *busy > 0 {
                *busy -= 1;
                return Ok((StatusCode::SERVICE_UNAVAILABLE, [("retry-after", "1")]).into_response());
            }
        }
        let text = |name: &str| head.get(name).and_then(|value| value.to_str().ok()).map(str::to_owned).ok_or(format!("no {name}"));
        let (host, date, digest) = (text(headers::HOST)?, text(headers::DATE)?, text(headers::DIGEST)?);
        let sequence: u64 = text(headers::SEQUENCE)?.parse().map_err(|_| "no number")?;
        let signed = SignedRequest { method: "POST", path: uri.path(), host: &host, date: &date, sequence, digest: &digest };
        protocol::check_clock(&date, jiff::Timestamp::now()).map_err(|problem| problem.text)?;
        if protocol::digest(body) != digest {
            return Err("the digest is not the body's".to_owned());
        }
        let signature = text(headers::SIGNATURE)?;
        let mut hosts = self.hosts.lock().unwrap();
        if uri.path() == protocol::ENROL {
            let wish: Enrol = read_message(body).map_err(|problem| problem.text)?;
            protocol::verify(&wish.public_key, &signed, &signature).map_err(|problem| problem.text)?;
            let id = HostId::from_bits(hosts.len() as u128 + 1);
            hosts.insert(id.to_string(), Known { key: wish.public_key, sequence, report: None });
            return Ok(answer(&Enrolled {
                host: id,
                client: ClientId::from_bits(1),
                state: HostState::Active,
                check_in_seconds: 1,
                server_time: jiff::Timestamp::now(),
                log_key: "stub".to_owned(),
                checkpoint: None,
                root: None,
            }));
        }
        let known = hosts.get_mut(&host).ok_or("an unknown host")?;
        protocol::verify(&known.key, &signed, &signature).map_err(|problem| problem.text)?;
        if sequence <= known.sequence {
            return Err(format!("{host} sent {sequence} after {}", known.sequence));
        }
        known.sequence = sequence;
        self.hear(uri.path(), known, sequence, body)
    }

    fn hear(&self, path: &str, known: &mut Known, sequence: u64, body: &[u8]) -> Result<Response, String> {
        let report = match path {
            protocol::CHECK_IN => {
                let said: CheckIn = read_message(body).map_err(|problem| problem.text)?;
                if said.sequence != sequence {
                    return Err("two numbers".to_owned());
                }
                let ours = known.report.as_ref().map(|report| report.digest.clone());
                if ours == said.report {
                    return Ok((StatusCode::NO_CONTENT, [(headers::NEXT, "1")]).into_response());
                }
                let want = Some(if ours.is_some() { Want::Delta } else { Want::Full });
                return Ok(answer(&CheckInAnswer { want, base: ours, next_seconds: 1, checkpoint: None, consistency: Vec::new(), rotate_key: false, assignments: None }));
            }
            protocol::REPORT => protocol::read_report("report", body),
            protocol::REPORT_DELTA => {
                let base = known.report.as_ref().ok_or("a delta without a base")?;
                protocol::read_delta("delta", body).and_then(|delta| protocol::apply_delta(&base.report, &base.digest, delta))
            }
            other => return Err(format!("unknown path {other}")),
        };
        let report = report.map_err(|problem| problem.text)?;
        let said = ReportAnswer { report: report.digest.clone(), findings: 0, overdue: 0, next_seconds: 1 };
        known.report = Some(report);
        Ok(answer(&said))
    }
}

async fn hear(State(stub): State<Arc<Stub>>, uri: Uri, head: HeaderMap, body: Bytes) -> Response {
    stub.handle(&uri, &head, &body).unwrap_or_else(|fault| stub.fault(fault))
}

async fn run(address: &str, state: &Path, words: &str) -> Summary {
    let mut all = vec!["load"];
    all.extend(words.split(' '));
    let state = state.display().to_string();
    all.extend(["--server", address, "--state", &state, "--connections", "4"]);
    crate::run::run(&Arguments::try_parse_from(all).unwrap()).await.unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn hosts_join_check_in_change_and_come_back() {
    let data = std::env::var_os("PLIMSOLL_TEST_DATA").map_or_else(|| Path::new("../../shared/data").to_owned(), Into::into);
    if !data.join("hosts/deb12-drifted").is_dir() {
        assert!(std::env::var_os("CI").is_none(), "no test data at {}", data.display());
        eprintln!("skipped: no test data");
        return;
    }
    let root = data.join("hosts/deb12-drifted").display().to_string();
    let stub = Arc::new(Stub::default());
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = format!("http://{}", listener.local_addr().unwrap());
    let app = axum::Router::new().fallback(hear).with_state(Arc::clone(&stub));
    tokio::spawn(async move { axum::serve(listener, app).await });
    let folder = tempfile::tempdir().unwrap();
    let state = folder.path().join("fleet.json");

    *stub.busy.lock().unwrap() = 3;
    let pid = std::process::id();
    let joined = run(&address, &state, &format!("enrol --hosts 20 --token t --per-minute 60000 --root {root} --pid {pid}")).await;
    assert_eq!(joined.refusals, BTreeMap::new(), "{joined}");
    assert!(!joined.has_errors(), "{joined}");
    assert_eq!((joined.count(Kind::Enrol), joined.count(Kind::Report), joined.unavailable), (20, 20, 3), "{joined}");
    assert!(joined.servers.iter().all(|server| server.cpu_seconds > 0.0) && joined.servers.len() == 1, "{joined}");
    let reports: Vec<(usize, String)> = {
        let hosts = stub.hosts.lock().unwrap();
        hosts.values().map(|known| known.report.as_ref().unwrap()).map(|report| (report.report.components.len(), report.digest.clone())).collect()
    };
    assert!(reports.iter().all(|(packages, _)| *packages == 450));
    let distinct: std::collections::BTreeSet<&String> = reports.iter().map(|(_, digest)| digest).collect();
    assert_eq!(distinct.len(), 20, "hosts drift apart");

    let steady = run(&address, &state, &format!("steady --seconds 4 --interval 1 --changing 300 --root {root}")).await;
    assert!(!steady.has_errors(), "{steady}");
    // At least once each: without optimisation a report takes a tenth of a
    // second to make, and the machine may have other work.
    assert!((20..=100).contains(&steady.count(Kind::CheckIn)), "{steady}");
    assert!(steady.count(Kind::Delta) >= 1 && steady.count(Kind::Report) == 0, "{steady}");

    *stub.busy.lock().unwrap() = 10;
    let storm = run(&address, &state, &format!("storm --seconds 10 --interval 60 --root {root}")).await;
    assert!(!storm.has_errors(), "{storm}");
    assert_eq!((storm.unavailable, storm.head.unanswered), (10, 0), "{storm}");
    assert_eq!(*stub.faults.lock().unwrap(), Vec::<String>::new());

    // Two servers, one of which dies: whoever was cut off comes through at the other.
    let second = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    second.set_nonblocking(true).unwrap();
    let both = format!("{address} --server http://{}", second.local_addr().unwrap());
    let app = axum::Router::new().fallback(hear).with_state(Arc::clone(&stub));
    // A runtime of its own, whose end cuts connections off as a kill does.
    let doomed = tokio::runtime::Runtime::new().unwrap();
    doomed.spawn(async move { axum::serve(tokio::net::TcpListener::from_std(second).unwrap(), app).await });
    let words = format!("steady --seconds 8 --interval 1 --root {root} --server {both}");
    let all = ["load"].into_iter().chain(words.split(' ')).map(str::to_owned).chain(["--state".to_owned(), state.display().to_string()]);
    let arguments = Arguments::try_parse_from(all).unwrap();
    let killed = async {
        tokio::time::sleep(std::time::Duration::from_secs(3)).await;
        doomed.shutdown_background();
    };
    let (failed_over, ()) = tokio::join!(crate::run::run(&arguments), killed);
    let failed_over = failed_over.unwrap();
    assert!(!failed_over.has_errors() && failed_over.head.servers == 2, "{failed_over}");
    assert!(failed_over.count(Kind::CheckIn) >= 60, "{failed_over}");
    // Alone, the dead one is an error.
    let alone = run(both.rsplit(' ').next().unwrap(), &state, &format!("steady --seconds 2 --interval 1 --root {root}")).await;
    assert!(alone.has_errors() && !alone.cut_off.is_empty(), "{alone}");
}

#[tokio::test]
async fn only_this_machine_is_spoken_to() {
    for address in ["http://192.0.2.1:80", "https://127.0.0.1:80", "127.0.0.1:80", "http://127.0.0.1"] {
        let arguments = Arguments::try_parse_from(["load", "storm", "--server", address, "--state", "x"]).unwrap();
        assert!(arguments.addresses().is_err(), "{address}");
    }
    for words in ["load storm --hosts 200001", "load steady --seconds 7201", "load enrol --per-minute 0"] {
        let all = words.split(' ').chain(["--server", "http://127.0.0.1:1", "--state", "x"]);
        assert!(Arguments::try_parse_from(all).is_err(), "{words}");
    }
}
