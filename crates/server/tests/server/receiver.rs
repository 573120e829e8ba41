//! A receiver of webhooks on this machine: takes requests over TCP and keeps
//! them.

use ring::hmac;
use serde_json::Value;
use std::collections::BTreeMap;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

/// One request as it came.
#[derive(Clone, Debug)]
pub struct Taken {
    pub headers: BTreeMap<String, String>,
    pub body: Vec<u8>,
    pub at: Instant,
}

impl Taken {
    pub fn id(&self) -> String {
        self.headers["webhook-id"].clone()
    }

    pub fn event(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap()
    }

    pub fn kind(&self) -> String {
        self.event()["type"].as_str().unwrap().to_owned()
    }

    /// Checks the signature without the library that made it: HMAC-SHA256 as
    /// the standard's text says.
    pub fn verify(&self, secret: &str) -> bool {
        let key = data_encoding::BASE64.decode(secret.strip_prefix("whsec_").unwrap().as_bytes()).unwrap();
        let mut signed = format!("{}.{}.", self.headers["webhook-id"], self.headers["webhook-timestamp"]).into_bytes();
        signed.extend_from_slice(&self.body);
        let key = hmac::Key::new(hmac::HMAC_SHA256, &key);
        self.headers["webhook-signature"].split(' ').any(|given| {
            let given = data_encoding::BASE64.decode(given.strip_prefix("v1,").unwrap().as_bytes()).unwrap();
            hmac::verify(&key, &signed, &given).is_ok()
        })
    }
}

/// What the receiver does with the n-th request.
pub type Manner = Arc<dyn Fn(usize) -> String + Send + Sync>;

pub struct Receiver {
    pub address: SocketAddr,
    taken: Arc<Mutex<Vec<Taken>>>,
    stop: Arc<AtomicBool>,
}

/// Answers with a status line and perhaps headers.
pub fn always(answer: &'static str) -> Manner {
    Arc::new(move |_| answer.to_owned())
}

/// Takes the request and never answers within a test.
pub fn never() -> Manner {
    Arc::new(|_| {
        std::thread::sleep(Duration::from_secs(40));
        "204 No Content".to_owned()
    })
}

impl Receiver {
    pub fn new(manner: Manner) -> Self {
        Self::at("127.0.0.1:0".parse().unwrap(), manner)
    }

    pub fn at(address: SocketAddr, manner: Manner) -> Self {
        let listener = TcpListener::bind(address).unwrap();
        let address = listener.local_addr().unwrap();
        let (taken, stop) = (Arc::new(Mutex::new(Vec::new())), Arc::new(AtomicBool::new(false)));
        let (kept, stopped) = (Arc::clone(&taken), Arc::clone(&stop));
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                if stopped.load(Ordering::SeqCst) {
                    return;
                }
                let (kept, manner) = (Arc::clone(&kept), Arc::clone(&manner));
                std::thread::spawn(move || exchange(stream.unwrap(), &kept, &manner));
            }
        });
        Self { address, taken, stop }
    }

    pub fn url(&self) -> String {
        format!("http://{}/hook?key=swordfish", self.address)
    }

    pub fn taken(&self) -> Vec<Taken> {
        self.taken.lock().unwrap().clone()
    }

    /// Waits until something was taken.
    pub fn wait(&self, what: &str, enough: impl Fn(&[Taken]) -> bool) -> Vec<Taken> {
        let started = Instant::now();
        loop {
            let taken = self.taken();
            if enough(&taken) {
                return taken;
            }
            let kinds: Vec<_> = taken.iter().map(Taken::kind).collect();
            assert!(started.elapsed() < Duration::from_secs(60), "no {what} within a minute, only {kinds:?}");
            std::thread::sleep(Duration::from_millis(50));
        }
    }

    pub fn wait_for(&self, kind: &str) -> Taken {
        let taken = self.wait(kind, |taken| taken.iter().any(|one| one.kind() == kind));
        taken.into_iter().find(|one| one.kind() == kind).unwrap()
    }
}

impl Drop for Receiver {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::SeqCst);
        let _ = TcpStream::connect(self.address);
    }
}

fn exchange(mut stream: TcpStream, kept: &Mutex<Vec<Taken>>, manner: &Manner) {
    let mut bytes = Vec::new();
    let mut buffer = [0; 4096];
    let split = loop {
        if let Some(place) = bytes.windows(4).position(|window| window == b"\r\n\r\n") {
            break place;
        }
        match stream.read(&mut buffer) {
            Ok(number @ 1..) => bytes.extend_from_slice(&buffer[..number]),
            _ => return,
        }
    };
    let head = String::from_utf8(bytes[..split].to_vec()).unwrap();
    let headers: BTreeMap<String, String> =
        head.lines().skip(1).filter_map(|line| line.split_once(": ")).map(|(name, value)| (name.to_lowercase(), value.to_owned())).collect();
    let mut body = bytes[split + 4..].to_vec();
    let length: usize = headers["content-length"].parse().unwrap();
    while body.len() < length {
        let number = stream.read(&mut buffer).unwrap();
        body.extend_from_slice(&buffer[..number]);
    }
    let number = {
        let mut kept = kept.lock().unwrap();
        kept.push(Taken { headers, body, at: Instant::now() });
        kept.len()
    };
    let answer = manner(number);
    let _ = stream.write_all(format!("HTTP/1.1 {answer}\r\ncontent-length: 0\r\nconnection: close\r\n\r\n").as_bytes());
}
