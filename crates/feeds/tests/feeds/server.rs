//! A small HTTP/1.1 server for tests, one request a connection, plain or TLS,
//! and the pieces every test needs.

use jiff::Timestamp;
use plimsoll_core::model::problem::Problem;
use plimsoll_feeds::cache::Cache;
use plimsoll_feeds::catalogue::{Kind, Reach, SourceEntry};
use plimsoll_feeds::fetch::{
    Measured, NetworkLimits, NetworkOptions, Outcome, ProxySettings, Silent, SourceReport, UpdateOptions, UpdateReport, update,
};
use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpListener;
use std::path::Path;
use std::sync::atomic::AtomicBool;
use std::sync::{Arc, Mutex};
use std::time::Duration;

/// A request as the server saw it.
#[derive(Clone, Debug)]
pub struct Seen {
    pub method: String,
    pub path: String,
    pub headers: BTreeMap<String, String>,
}

impl Seen {
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).map(String::as_str)
    }
}

pub trait Stream: Read + Write + Send {}
impl<T: Read + Write + Send> Stream for T {}

pub type Handler = dyn Fn(&Seen, &mut dyn Stream) + Send + Sync;

pub struct Server {
    pub port: u16,
    pub seen: Arc<Mutex<Vec<Seen>>>,
}

impl Server {
    pub fn start(handler: impl Fn(&Seen, &mut dyn Stream) + Send + Sync + 'static) -> Self {
        Self::listen(None, Arc::new(handler))
    }

    pub fn start_tls(tls: Arc<rustls::ServerConfig>, handler: impl Fn(&Seen, &mut dyn Stream) + Send + Sync + 'static) -> Self {
        Self::listen(Some(tls), Arc::new(handler))
    }

    fn listen(tls: Option<Arc<rustls::ServerConfig>>, handler: Arc<Handler>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port on loopback");
        let port = listener.local_addr().expect("its address").port();
        let seen = Arc::new(Mutex::new(Vec::new()));
        let log = seen.clone();
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let (handler, log, tls) = (handler.clone(), log.clone(), tls.clone());
                std::thread::spawn(move || match tls {
                    None => serve(stream, &*handler, &log),
                    Some(tls) => {
                        let connection = rustls::ServerConnection::new(tls).expect("a TLS server");
                        serve(rustls::StreamOwned::new(connection, stream), &*handler, &log);
                    }
                });
            }
        });
        Self { port, seen }
    }

    pub fn url(&self, path: &str) -> String {
        format!("http://127.0.0.1:{}{path}", self.port)
    }

    pub fn seen(&self) -> Vec<Seen> {
        self.seen.lock().expect("an unbroken log").clone()
    }
}

fn serve(mut stream: impl Stream, handler: &Handler, log: &Mutex<Vec<Seen>>) {
    let mut reader = BufReader::new(&mut stream);
    let mut line = String::new();
    if reader.read_line(&mut line).is_err() || line.is_empty() {
        return;
    }
    let mut words = line.split(' ');
    let (method, path) = (words.next().unwrap_or_default().to_owned(), words.next().unwrap_or_default().to_owned());
    let mut headers = BTreeMap::new();
    loop {
        let mut line = String::new();
        if reader.read_line(&mut line).is_err() {
            return;
        }
        let Some((name, value)) = line.trim_end().split_once(": ") else { break };
        headers.insert(name.to_ascii_lowercase(), value.to_owned());
    }
    drop(reader);
    let seen = Seen { method, path, headers };
    log.lock().expect("an unbroken log").push(seen.clone());
    handler(&seen, &mut stream);
    let _ = stream.flush();
}

/// Answers with a status, headers and a body of honest length.
pub fn answer(stream: &mut dyn Stream, status: u16, headers: &[(&str, &str)], body: &[u8]) {
    let mut head = format!("HTTP/1.1 {status} X\r\nconnection: close\r\ncontent-length: {}\r\n", body.len());
    for (name, value) in headers {
        head.push_str(&format!("{name}: {value}\r\n"));
    }
    head.push_str("\r\n");
    let _ = stream.write_all(head.as_bytes()).and_then(|()| stream.write_all(body));
}

/// Answers as a good file server does: validators, 304, ranges.
pub fn file(seen: &Seen, stream: &mut dyn Stream, etag: &str, body: &[u8]) {
    if seen.header("if-none-match") == Some(etag) {
        return answer(stream, 304, &[("etag", etag)], b"");
    }
    let from = seen.header("range").and_then(|range| range.strip_prefix("bytes=")?.strip_suffix('-')?.parse::<usize>().ok());
    match from {
        Some(from) if seen.header("if-range") == Some(etag) && from < body.len() => {
            let range = format!("bytes {from}-{}/{}", body.len() - 1, body.len());
            answer(stream, 206, &[("etag", etag), ("content-range", &range)], &body[from..]);
        }
        _ => answer(stream, 200, &[("etag", etag)], body),
    }
}

/// Serves a folder.
pub fn folder(root: std::path::PathBuf) -> impl Fn(&Seen, &mut dyn Stream) + Send + Sync {
    move |seen, stream| {
        let path = seen.path.trim_start_matches('/').replace("%20", " ");
        match std::fs::read(root.join(&path)) {
            Ok(body) => file(seen, stream, &format!("\"{}-{:x}\"", body.len(), checksum(&body)), &body),
            Err(_) => answer(stream, 404, &[], b"no such file"),
        }
    }
}

fn checksum(body: &[u8]) -> u64 {
    body.iter().fold(0xcbf2_9ce4_8422_2325, |sum, byte| (sum ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3))
}

/// A source on loopback, as an operator would name it.
pub fn source(name: &str, url: &str, path: &str, kind: Kind) -> SourceEntry {
    SourceEntry {
        name: name.to_owned(),
        url: url.to_owned(),
        path: path.to_owned(),
        streams: vec!["*".to_owned()],
        kind,
        usual_bytes: 1 << 20,
        licence: "test".to_owned(),
        reach: Reach::Host,
        notes: String::new(),
        redirect_hosts: Vec::new(),
        releases: Vec::new(),
        first_year: None,
        distribution: None,
        archive: None,
        directory: None,
        by_operator: true,
    }
}

/// A JSON feed with so many records, the newest of that day, padded.
pub fn feed(records: u64, day: &str, padding: usize) -> Vec<u8> {
    format!("{{\"records\":{records},\"newest\":\"{day}T00:00:00Z\",\"padding\":\"{}\"}}", "x".repeat(padding)).into_bytes()
}

/// Measures a feed made by [`feed`]; counts the files of a folder.
pub fn check(_: &SourceEntry, path: &Path) -> Result<Measured, Problem> {
    if path.is_dir() {
        return Ok(Measured { records: files_below(path), newest: None });
    }
    let bad = |why: String| Problem::new("E-FORMAT", path.to_string_lossy(), why, "fetch again");
    let text = std::fs::read(path).map_err(|error| bad(error.to_string()))?;
    let value: serde_json::Value = serde_json::from_slice(&text).map_err(|error| bad(error.to_string()))?;
    let newest = value["newest"].as_str().and_then(|day| day.parse::<Timestamp>().ok());
    Ok(Measured { records: value["records"].as_u64().unwrap_or(0), newest })
}

pub fn files_below(path: &Path) -> u64 {
    let Ok(entries) = std::fs::read_dir(path) else { return 0 };
    entries.flatten().map(|entry| if entry.path().is_dir() { files_below(&entry.path()) } else { 1 }).sum()
}

/// Limits short enough for tests.
pub fn network() -> NetworkOptions {
    NetworkOptions {
        proxy: ProxySettings::default(),
        limits: NetworkLimits {
            connect: Duration::from_secs(5),
            stall: Duration::from_millis(800),
            least_rate: 64,
            absolute: 1 << 30,
            retries: 2,
            pause: Duration::from_millis(10),
            longest_pause: Duration::from_secs(3),
            most_rate: None,
        },
        ..NetworkOptions::default()
    }
}

pub fn options(network: NetworkOptions, cancel: &AtomicBool) -> UpdateOptions<'_> {
    UpdateOptions { network, ..UpdateOptions::new(cancel) }
}

/// Updates a cache folder from these sources.
pub fn run(root: &Path, sources: &[SourceEntry]) -> UpdateReport {
    run_with(root, sources, network())
}

pub fn run_with(root: &Path, sources: &[SourceEntry], network: NetworkOptions) -> UpdateReport {
    let cancel = AtomicBool::new(false);
    let mut cache = Cache::open(root).expect("a readable cache");
    update(&mut cache, sources, &options(network, &cancel), &check, &Silent).expect("an update that runs")
}

/// The one report of an update with one source.
pub fn run_one(root: &Path, source: &SourceEntry) -> SourceReport {
    run(root, std::slice::from_ref(source)).sources.remove(0)
}

/// The problem a source failed with.
pub fn problem(report: &SourceReport) -> &Problem {
    match &report.outcome {
        Outcome::Failed(problem) => problem,
        other => panic!("expected a failure, got {other:?}"),
    }
}
