//! A load balancer as stands before several servers: it passes connections on
//! to those that say they are ready, and notes what was answered.

use super::lab::{HUB, Lab};
use std::io::{Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

/// Port that it listens at on the hub.
pub const PORT: u16 = 8000;
/// How often it asks whether a server is ready.
const ASK: Duration = Duration::from_millis(500);
/// How long it waits for a connection, and for that answer.
const PATIENCE: Duration = Duration::from_millis(800);
/// Bytes of an answer that are looked at.
const SIGHT: usize = 4096;

/// What an agent was answered.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct Answer {
    pub path: String,
    /// None where the connection ended before an answer.
    pub status: Option<u16>,
    pub retry_after: bool,
    /// Code of a refusal.
    pub code: String,
}

struct Server {
    address: SocketAddr,
    is_ready: AtomicBool,
}

/// A running one; it ends with the process.
pub struct Balancer {
    answers: Arc<Mutex<Vec<Answer>>>,
}

impl Balancer {
    pub fn start(lab: &Lab, servers: &[SocketAddr]) -> Self {
        let servers: Arc<[Server]> =
            servers.iter().map(|address| Server { address: *address, is_ready: AtomicBool::new(false) }).collect();
        let answers = Arc::new(Mutex::new(Vec::new()));
        let noted = Arc::clone(&answers);
        lab.inside("hub", || {
            let listener = TcpListener::bind(format!("{HUB}:{PORT}")).expect("listens");
            for at in 0..servers.len() {
                let servers = Arc::clone(&servers);
                std::thread::spawn(move || {
                    loop {
                        servers[at].is_ready.store(is_ready(servers[at].address), Ordering::Release);
                        std::thread::sleep(ASK);
                    }
                });
            }
            std::thread::spawn(move || {
                let turn = Arc::new(AtomicUsize::new(0));
                for client in listener.incoming().flatten() {
                    let (servers, turn, noted) = (Arc::clone(&servers), Arc::clone(&turn), Arc::clone(&noted));
                    std::thread::spawn(move || {
                        if let Some(server) = connect(&servers, turn.fetch_add(1, Ordering::Relaxed))
                            && let Some(answer) = pass(client, server)
                        {
                            noted.lock().expect("answers").push(answer);
                        }
                    });
                }
            });
        });
        Self { answers }
    }

    /// What was answered so far.
    pub fn answers(&self) -> Vec<Answer> {
        self.answers.lock().expect("answers").clone()
    }
}

fn is_ready(address: SocketAddr) -> bool {
    let ask = || -> std::io::Result<bool> {
        let mut stream = TcpStream::connect_timeout(&address, PATIENCE)?;
        stream.set_read_timeout(Some(PATIENCE))?;
        stream.write_all(b"GET /readyz HTTP/1.1\r\nhost: balancer\r\nconnection: close\r\n\r\n")?;
        let mut head = [0; 12];
        stream.read_exact(&mut head)?;
        Ok(&head == b"HTTP/1.1 200")
    };
    ask().unwrap_or(false)
}

fn connect(servers: &[Server], turn: usize) -> Option<TcpStream> {
    let inturn = (0..servers.len()).map(|step| &servers[(turn + step) % servers.len()]);
    inturn.filter(|server| server.is_ready.load(Ordering::Acquire)).find_map(|server| {
        let connected = TcpStream::connect_timeout(&server.address, PATIENCE);
        connected.inspect_err(|_| server.is_ready.store(false, Ordering::Release)).ok()
    })
}

/// Passes one request and its answer; an agent keeps no connection.
fn pass(mut client: TcpStream, mut server: TcpStream) -> Option<Answer> {
    let (mut from, mut to) = (client.try_clone().ok()?, server.try_clone().ok()?);
    let asked = std::thread::spawn(move || {
        let seen = copy(&mut from, &mut to);
        let _ = to.shutdown(Shutdown::Write);
        seen
    });
    let seen = copy(&mut server, &mut client);
    let _ = client.shutdown(Shutdown::Both);
    let _ = server.shutdown(Shutdown::Both);
    let asked = String::from_utf8_lossy(&asked.join().ok()?).into_owned();
    let answer = String::from_utf8_lossy(&seen).into_owned();
    let code = answer.split_once("\"code\":\"").and_then(|(_, rest)| rest.split('"').next()).unwrap_or_default();
    let head = answer.split("\r\n\r\n").next().unwrap_or_default().to_ascii_lowercase();
    Some(Answer {
        path: asked.split(' ').nth(1)?.to_owned(),
        status: answer.strip_prefix("HTTP/1.1 ").and_then(|rest| rest.get(..3)?.parse().ok()),
        retry_after: head.contains("\r\nretry-after:"),
        code: code.to_owned(),
    })
}

/// Copies to the end, and gives the first bytes.
fn copy(from: &mut TcpStream, to: &mut TcpStream) -> Vec<u8> {
    let (mut seen, mut part) = (Vec::new(), [0; 16 << 10]);
    while let Ok(read @ 1..) = from.read(&mut part) {
        seen.extend_from_slice(&part[..read.min(SIGHT.saturating_sub(seen.len()))]);
        if to.write_all(&part[..read]).is_err() {
            break;
        }
    }
    seen
}
