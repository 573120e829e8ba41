//! One kept-alive connection and signed requests on it.

use bytes::Bytes;
use ed25519_dalek::SigningKey;
use http_body_util::{BodyExt, Full, Limited};
use hyper::client::conn::http1::{SendRequest, handshake};
use hyper_util::rt::TokioIo;
use jiff::Timestamp;
use plimsoll_formats::protocol::{self, Refusal, SignedRequest, headers};
use std::net::SocketAddr;
use std::time::{Duration, Instant};
use tokio::net::TcpStream;

/// Longest wait for an answer: beyond it an agent would have given up too.
const PATIENCE: Duration = Duration::from_secs(60);
/// Most bytes of an answer, as an agent takes them.
const ANSWER: usize = 256 << 10;

/// How long a connection stays with another server before it tries its own
/// again.
const AWAY: Duration = Duration::from_secs(5);

/// A connection that opens again when it breaks, to another server where its
/// own is gone: what a balancer before the servers does.
pub struct Connection {
    /// Servers, its own first.
    addresses: Vec<SocketAddr>,
    sender: Option<SendRequest<Full<Bytes>>>,
    /// Since when it is with another server than its own.
    away: Option<Instant>,
    /// How often it was opened.
    pub opened: u64,
}

/// What is sent.
pub struct Letter<'a> {
    /// Path.
    pub path: &'a str,
    /// Id of the host.
    pub host: &'a str,
    /// Its key.
    pub key: &'a SigningKey,
    /// Rising number.
    pub sequence: u64,
    /// Body as sent.
    pub body: Vec<u8>,
    /// Whether the body is zstd.
    pub compressed: bool,
}

/// What comes back.
#[derive(Debug)]
pub struct Answer {
    /// Status.
    pub status: u16,
    /// Seconds until the next check-in.
    pub next: Option<u32>,
    /// Seconds that a refusal asks to wait.
    pub retry_after: Option<u32>,
    /// Body.
    pub body: Bytes,
}

impl Answer {
    /// The code of a refusal.
    pub fn code(&self) -> String {
        format!("{} {}", self.status, Refusal::read(self.status, &self.body).code)
    }
}

impl Connection {
    /// Prepares; the first request opens it. Connections take servers in turn.
    pub fn new(servers: &[SocketAddr], turn: usize) -> Self {
        let mut addresses = servers.to_vec();
        addresses.rotate_left(turn.checked_rem(servers.len()).unwrap_or(0));
        Self { addresses, sender: None, away: None, opened: 0 }
    }

    /// Sends one request and reads the answer; after an error the connection
    /// is opened again by the next.
    pub async fn post(&mut self, letter: Letter<'_>) -> Result<Answer, String> {
        let answer = tokio::time::timeout(PATIENCE, self.exchange(letter)).await;
        let answer = answer.unwrap_or_else(|_| Err(format!("no answer within {} s", PATIENCE.as_secs())));
        if answer.is_err() {
            self.sender = None;
        }
        answer
    }

    async fn exchange(&mut self, letter: Letter<'_>) -> Result<Answer, String> {
        let request = sign(&letter)?;
        if self.away.is_some_and(|since| since.elapsed() > AWAY) {
            self.sender = None;
        }
        let kept = match self.sender.take() {
            // A server may have closed it while it lay idle.
            Some(mut sender) => sender.ready().await.is_ok().then_some(sender),
            None => None,
        };
        let sender = match kept {
            Some(sender) => sender,
            None => self.open().await?,
        };
        let response = self.sender.insert(sender).send_request(request).await.map_err(|error| error.to_string())?;
        let number = |name: &str| response.headers().get(name).and_then(|value| value.to_str().ok()?.trim().parse().ok());
        let (status, next, retry_after) = (response.status().as_u16(), number(headers::NEXT), number("retry-after"));
        let body = Limited::new(response.into_body(), ANSWER).collect().await.map_err(|error| error.to_string())?;
        Ok(Answer { status, next, retry_after, body: body.to_bytes() })
    }

    async fn open(&mut self) -> Result<SendRequest<Full<Bytes>>, String> {
        let mut stream = Err("no server was named".to_owned());
        for (turn, address) in self.addresses.iter().enumerate() {
            stream = TcpStream::connect(address).await.map_err(|error| error.to_string());
            if stream.is_ok() {
                self.away = (turn > 0).then(Instant::now);
                break;
            }
        }
        let stream = stream?;
        stream.set_nodelay(true).map_err(|error| error.to_string())?;
        let (mut sender, connection) = handshake(TokioIo::new(stream)).await.map_err(|error| error.to_string())?;
        tokio::spawn(connection);
        sender.ready().await.map_err(|error| error.to_string())?;
        self.opened += 1;
        Ok(sender)
    }
}

fn sign(letter: &Letter<'_>) -> Result<hyper::Request<Full<Bytes>>, String> {
    let (date, digest) = (Timestamp::now().to_string(), protocol::digest(&letter.body));
    let signed = SignedRequest {
        method: "POST",
        path: letter.path,
        host: letter.host,
        date: &date,
        sequence: letter.sequence,
        digest: &digest,
    };
    let signature = protocol::sign(letter.key, &signed);
    let mut request = hyper::Request::post(letter.path)
        .header("host", "localhost")
        .header("content-type", "application/json")
        .header("user-agent", concat!("plimsoll-load/", env!("CARGO_PKG_VERSION")))
        .header(headers::HOST, letter.host)
        .header(headers::DATE, &date)
        .header(headers::SEQUENCE, letter.sequence)
        .header(headers::DIGEST, &digest)
        .header(headers::SIGNATURE, signature);
    if letter.compressed {
        request = request.header("content-encoding", "zstd");
    }
    request.body(Full::new(Bytes::from(letter.body.clone()))).map_err(|error| error.to_string())
}
