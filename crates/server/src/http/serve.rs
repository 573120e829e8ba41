//! **Serving** connections: HTTP/1.1 with limits on headers and time, a cap on
//! connections, and an end that lets running requests finish. A TLS-ending
//! proxy in front speaks HTTP/1.1 to servers; a second protocol here would
//! only be more surface.

use super::gate::Peer;
use super::routes::Guarded;
use axum::extract::Request;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::graceful::GracefulShutdown;
use std::convert::Infallible;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpListener;
use tokio::sync::Semaphore;
use tower::ServiceExt;

/// How long running requests may take after the end was asked for.
const LAST_REQUESTS: Duration = Duration::from_secs(20);

/// Pause after the kernel refused a connection (out of descriptors, usually),
/// so that this does not spin.
const AFTER_REFUSAL: Duration = Duration::from_millis(100);

/// Serves until `end` is ready, then lets running requests finish.
///
/// # Errors
/// The listener is unusable.
pub async fn serve(listener: TcpListener, service: Guarded, end: impl Future<Output = ()>) -> io::Result<()> {
    let limits = service.gate().limits().clone();
    let places = Arc::new(Semaphore::new(limits.connections));
    let graceful = GracefulShutdown::new();
    tokio::pin!(end);
    loop {
        let place = tokio::select! {
            place = Arc::clone(&places).acquire_owned() => place.map_err(io::Error::other)?,
            () = &mut end => break,
        };
        let (stream, peer) = tokio::select! {
            accepted = listener.accept() => match accepted {
                Ok(accepted) => accepted,
                Err(error) => {
                    tracing::warn!(%error, "a connection could not be accepted");
                    tokio::time::sleep(AFTER_REFUSAL).await;
                    continue;
                }
            },
            () = &mut end => break,
        };
        // Small answers wait for nothing; a failure only costs time.
        let _ = stream.set_nodelay(true);
        let connection = graceful.watch(connection(stream, peer, &service));
        tokio::spawn(async move {
            if let Err(error) = connection.await {
                tracing::debug!(%error, %peer, "a connection ended early");
            }
            drop(place);
        });
    }
    drop(listener);
    if tokio::time::timeout(LAST_REQUESTS, graceful.shutdown()).await.is_err() {
        tracing::warn!("requests were still running {} s after the end was asked for", LAST_REQUESTS.as_secs());
    }
    Ok(())
}

/// Serves one connection; `stream` may be TLS.
fn connection<I>(
    stream: I,
    peer: SocketAddr,
    service: &Guarded,
) -> http1::Connection<TokioIo<I>, impl hyper::service::Service<Request<Incoming>, Response = axum::response::Response, Error = Infallible, Future: Send> + use<I>>
where
    I: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let limits = service.gate().limits();
    let router = service.router.clone();
    let answer = hyper::service::service_fn(move |request: Request<Incoming>| {
        let mut request = request.map(axum::body::Body::new);
        request.extensions_mut().insert(Peer(peer));
        router.clone().oneshot(request)
    });
    http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(limits.header_time)
        .max_headers(limits.headers)
        // hyper asks for at least 8 KiB.
        .max_buf_size(limits.header_bytes.max(8 << 10))
        .serve_connection(TokioIo::new(stream), answer)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::http::limits::Limits;
    use crate::http::routes::{Access, Routes};
    use crate::identity::stage::Stage;
    use axum::body::Bytes;
    use axum::http::Method;
    use std::time::Instant;
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::net::TcpStream;

    async fn start(limits: Limits) -> (SocketAddr, tokio::sync::oneshot::Sender<()>, tokio::task::JoinHandle<io::Result<()>>) {
        let stage = Stage::new();
        let slow = || async {
            tokio::time::sleep(Duration::from_millis(600)).await;
            "slow"
        };
        let length = |body: Bytes| async move { body.len().to_string() };
        let read = |json: crate::http::json::Json<Vec<u8>>| async move { json.0.len().to_string() };
        let service = Routes::<()>::new()
            .route(Method::GET, "/slow", Access::Machine, slow)
            .route(Method::POST, "/length", Access::Machine, length)
            .route_up_to(16 << 20, Method::POST, "/json", Access::Machine, read)
            .serve((), stage.gate(limits));
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (end, ended) = tokio::sync::oneshot::channel::<()>();
        let running = tokio::spawn(serve(listener, service, async move {
            let _ = ended.await;
        }));
        (address, end, running)
    }

    /// Sends the pieces with a pause between them and gives what came back.
    async fn talk(address: SocketAddr, pieces: &[&[u8]], pause: Duration) -> String {
        let mut stream = TcpStream::connect(address).await.unwrap();
        for piece in pieces {
            // The server may have answered and closed by now.
            if stream.write_all(piece).await.is_err() {
                break;
            }
            tokio::time::sleep(pause).await;
        }
        let mut answer = Vec::new();
        let _ = tokio::time::timeout(Duration::from_secs(20), stream.read_to_end(&mut answer)).await;
        String::from_utf8_lossy(&answer).into_owned()
    }

    fn status(answer: &str) -> &str {
        answer.split(' ').nth(1).unwrap_or("closed")
    }

    fn post(path: &str, more: &str, body: &str) -> Vec<u8> {
        format!("POST {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n{more}\r\n{body}").into_bytes()
    }

    /// C14.
    #[tokio::test]
    async fn limits_hold_on_the_wire() {
        let limits = Limits {
            header_time: Duration::from_millis(500),
            silence: Duration::from_millis(400),
            body_time: Duration::from_millis(1_500),
            ..Limits::default()
        };
        let (address, end, running) = start(limits).await;
        let none = Duration::ZERO;
        let good = talk(address, &[&post("/length", "Content-Length: 5\r\n", "hello")], none).await;
        assert!(good.ends_with("\r\n\r\n5") && good.contains("content-security-policy"), "{good}");

        let declared = talk(address, &[&post("/length", "Content-Length: 11534336\r\n", "")], none).await;
        assert!(status(&declared) == "413" && declared.contains("the body has 11534336 bytes, the limit is 1048576"), "{declared}");
        let chunk = "10000\r\n".to_owned() + &"x".repeat(65_536) + "\r\n";
        let mut chunks = vec![post("/length", "Transfer-Encoding: chunked\r\n", "")];
        chunks.extend(std::iter::repeat_n(chunk.into_bytes(), 40));
        let pieces: Vec<&[u8]> = chunks.iter().map(Vec::as_slice).collect();
        let endless = talk(address, &pieces, none).await;
        assert!(matches!(status(&endless), "413" | "closed"), "{endless}");

        let json = "Content-Type: application/json\r\n";
        let million = format!("[{}1]", "1,".repeat(1_000_000));
        for (body, said) in [(million.as_str(), "more than 200000 values"), (&"[".repeat(10_000), "nested deeper than 32")] {
            let length = format!("{json}Content-Length: {}\r\n", body.len());
            let answer = talk(address, &[&post("/json", &length, body)], none).await;
            assert!(status(&answer) == "400" && answer.contains(said), "{answer}");
        }
        let text = talk(address, &[&post("/json", "Content-Type: text/plain\r\nContent-Length: 2\r\n", "[]")], none).await;
        assert_eq!(status(&text), "415");

        let many = "X-A: b\r\n".repeat(65);
        let long = format!("X-A: {}\r\n", "b".repeat(100_000));
        for headers in [many.as_str(), &"X-A: b\r\n".repeat(100_000), &long] {
            let answer = talk(address, &[&post("/length", headers, "")], none).await;
            assert!(matches!(status(&answer), "431" | "closed"), "{answer}");
        }

        let slow = talk(address, &[&post("/length", "Content-Length: 5\r\n", "he")], none).await;
        assert!(status(&slow) == "408" && slow.contains("after 2 bytes"), "{slow}");
        let first = post("/length", "Content-Length: 100\r\n", "");
        let drops: Vec<&[u8]> = std::iter::once(first.as_slice()).chain(std::iter::repeat_n(b"x".as_slice(), 20)).collect();
        let begun = Instant::now();
        let dripping = talk(address, &drops, Duration::from_millis(200)).await;
        assert!(status(&dripping) == "408", "{dripping}");
        assert!(begun.elapsed() < Duration::from_secs(12));
        let half = talk(address, &[b"GET /slow HTTP/1.1\r\nHo"], none).await;
        assert!(matches!(status(&half), "408" | "closed"), "{half}");

        end.send(()).unwrap();
        running.await.unwrap().unwrap();
        assert!(TcpStream::connect(address).await.is_err());
    }

    /// Too much at once is told to come back; the end lets requests finish.
    #[tokio::test]
    async fn busy_and_ending() {
        let (address, end, running) = start(Limits { requests: 2, ..Limits::default() }).await;
        let mut answers = Vec::new();
        let mut set = tokio::task::JoinSet::new();
        for _ in 0..6 {
            set.spawn(async move { talk(address, &[b"GET /slow HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"], Duration::ZERO).await });
        }
        while let Some(answer) = set.join_next().await {
            answers.push(answer.unwrap());
        }
        let busy: Vec<_> = answers.iter().filter(|answer| status(answer) == "503").collect();
        assert_eq!((busy.len(), answers.iter().filter(|answer| answer.ends_with("slow")).count()), (4, 2), "{answers:?}");
        assert!(busy.iter().all(|answer| answer.contains("retry-after: ") && answer.contains("E-BUSY")), "{busy:?}");

        let last = tokio::spawn(async move { talk(address, &[b"GET /slow HTTP/1.1\r\nHost: x\r\n\r\n"], Duration::ZERO).await });
        tokio::time::sleep(Duration::from_millis(200)).await;
        end.send(()).unwrap();
        running.await.unwrap().unwrap();
        assert!(last.await.unwrap().ends_with("slow"));
    }
}
