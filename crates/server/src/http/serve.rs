//! **Serving** connections: HTTP/1.1 with limits on headers and time, a cap on
//! connections, and an end that lets running requests finish; with TLS where
//! no proxy in front ends it. Such proxies speak HTTP/1.1 to servers; a second
//! protocol here would only be more surface.

use super::gate::{Certified, Peer};
use super::routes::Guarded;
use super::tls::Tls;
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
use tokio_rustls::TlsAcceptor;
use tower::ServiceExt;

/// How long running requests may take after the end was asked for.
const LAST_REQUESTS: Duration = Duration::from_secs(20);

/// Pause after the kernel refused a connection (out of descriptors, usually),
/// so that this does not spin.
const AFTER_REFUSAL: Duration = Duration::from_millis(100);

/// Serves until `end` is ready, then lets running requests finish. A TLS
/// handshake takes one of the connections, and no longer than headers may.
///
/// # Errors
/// The listener is unusable.
pub async fn serve(listener: TcpListener, tls: Option<Arc<Tls>>, service: Guarded, end: impl Future<Output = ()>) -> io::Result<()> {
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
        let (watcher, service, config) = (graceful.watcher(), service.clone(), tls.as_ref().map(|tls| tls.in_force()));
        let time = limits.header_time;
        tokio::spawn(async move {
            let done = match config {
                None => watcher.watch(connection(stream, peer, false, &service)).await.map_err(|error| error.to_string()),
                Some(config) => match tokio::time::timeout(time, TlsAcceptor::from(config).accept(stream)).await {
                    Ok(Ok(stream)) => {
                        let certified = stream.get_ref().1.peer_certificates().is_some_and(|chain| !chain.is_empty());
                        watcher.watch(connection(stream, peer, certified, &service)).await.map_err(|error| error.to_string())
                    }
                    Ok(Err(error)) => Err(format!("the TLS handshake failed: {error}")),
                    Err(_) => Err("the TLS handshake took too long".to_owned()),
                },
            };
            if let Err(error) = done {
                tracing::debug!(error, %peer, "a connection ended early");
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

/// Serves one connection; `stream` may be TLS, `certified` says whether its
/// client showed a certificate of an authority that we ask for.
fn connection<I>(
    stream: I,
    peer: SocketAddr,
    certified: bool,
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
        if certified {
            request.extensions_mut().insert(Certified);
        }
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
        let running = tokio::spawn(serve(listener, None, service, async move {
            let _ = ended.await;
        }));
        (address, end, running)
    }

    /// An authority, and what it signs.
    struct Authority(rcgen::Issuer<'static, rcgen::KeyPair>, String);

    impl Authority {
        fn new() -> Self {
            let key = rcgen::KeyPair::generate().unwrap();
            let mut params = rcgen::CertificateParams::new(Vec::new()).unwrap();
            params.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
            let pem = params.self_signed(&key).unwrap().pem();
            Self(rcgen::Issuer::new(params, key), pem)
        }

        /// Certificate and key, PEM.
        fn sign(&self, name: &str) -> (String, String) {
            let key = rcgen::KeyPair::generate().unwrap();
            let params = rcgen::CertificateParams::new(vec![name.to_owned()]).unwrap();
            (params.signed_by(&key, &self.0).unwrap().pem(), key.serialize_pem())
        }
    }

    type Stream = tokio_rustls::client::TlsStream<TcpStream>;

    async fn connect(address: SocketAddr, authority: &Authority, own: Option<&(String, String)>) -> io::Result<Stream> {
        use rustls::pki_types::pem::PemObject;
        use rustls::pki_types::{CertificateDer, PrivateKeyDer};
        let certificate = |pem: &str| CertificateDer::from_pem_slice(pem.as_bytes()).unwrap();
        let mut roots = rustls::RootCertStore::empty();
        roots.add(certificate(&authority.1)).unwrap();
        let builder = rustls::ClientConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()));
        let builder = builder.with_safe_default_protocol_versions().unwrap().with_root_certificates(roots);
        let config = match own {
            None => builder.with_no_client_auth(),
            Some((pem, key)) => builder.with_client_auth_cert(vec![certificate(pem)], PrivateKeyDer::from_pem_slice(key.as_bytes()).unwrap()).unwrap(),
        };
        let stream = TcpStream::connect(address).await?;
        tokio_rustls::TlsConnector::from(Arc::new(config)).connect("localhost".try_into().unwrap(), stream).await
    }

    /// Asks on a connection that stays, and gives the status and body.
    async fn ask(stream: &mut Stream, path: &str) -> io::Result<String> {
        stream.write_all(format!("GET {path} HTTP/1.1\r\nHost: plimsoll.example\r\n\r\n").as_bytes()).await?;
        let mut answer = vec![0; 8192];
        let count = tokio::time::timeout(Duration::from_secs(5), stream.read(&mut answer)).await??;
        if count == 0 { Err(io::ErrorKind::UnexpectedEof.into()) } else { Ok(String::from_utf8_lossy(&answer[..count]).into_owned()) }
    }

    /// A certificate is renewed under connections that stand; a client that
    /// does not get on with its handshake loses its place; hosts need a
    /// certificate of the right authority where one is asked for, and others none.
    #[tokio::test]
    async fn tls() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        let (server, hosts, stranger) = (Authority::new(), Authority::new(), Authority::new());
        let put = |pair: &(String, String)| {
            std::fs::write(at("key.pem"), &pair.1).unwrap();
            std::fs::write(at("cert.pem"), &pair.0).unwrap();
        };
        put(&server.sign("localhost"));
        std::fs::write(at("hosts.pem"), &hosts.1).unwrap();
        let files = crate::http::tls::Files { certificate: at("cert.pem"), key: at("key.pem"), client_authorities: Some(at("hosts.pem")) };
        let tls = Arc::new(Tls::open(files).unwrap());
        let gate = Stage::new().gate(Limits { header_time: Duration::from_millis(500), connections: 3, ..Limits::default() });
        let gate = Arc::new(Arc::into_inner(gate).unwrap().with_certificates(true));
        let service = Routes::<()>::new()
            .route(Method::GET, "/agent/v1/x", Access::Machine, || async { "host" })
            .route(Method::GET, "/x", Access::Machine, || async { "anyone" })
            .serve((), gate);
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let running = tokio::spawn(serve(listener, Some(Arc::clone(&tls)), service, std::future::pending()));

        let mut bare = connect(address, &server, None).await.unwrap();
        let anyone = ask(&mut bare, "/x").await.unwrap();
        assert!(anyone.ends_with("anyone") && anyone.contains("strict-transport-security: max-age=31536000"), "{anyone}");
        let refused = ask(&mut bare, "/agent/v1/x").await.unwrap();
        assert!(status(&refused) == "403" && refused.contains("E-CERTIFICATE"), "{refused}");
        let mut host = connect(address, &server, Some(&hosts.sign("web-1"))).await.unwrap();
        assert!(ask(&mut host, "/agent/v1/x").await.unwrap().ends_with("host"));
        // In TLS 1.3 a client learns with the first answer that it was refused.
        let wrong = connect(address, &server, Some(&stranger.sign("web-1"))).await;
        assert!(match wrong { Err(_) => true, Ok(mut stream) => ask(&mut stream, "/x").await.is_err() }, "another authority's host came in");

        // Renewed: who is connected stays, who comes sees the new one, and one
        // of another authority is no longer believed.
        drop(host);
        let other = Authority::new();
        put(&other.sign("localhost"));
        assert!(matches!(tls.look(), crate::http::tls::Look::Renewed));
        assert!(connect(address, &server, None).await.is_err());
        let mut new = connect(address, &other, None).await.unwrap();
        assert!(ask(&mut new, "/x").await.unwrap().ends_with("anyone"));
        assert!(ask(&mut bare, "/x").await.is_ok_and(|answer| answer.ends_with("anyone")), "the connection from before stands");
        drop((new, bare));

        // Three that never finish their handshake hold every place, for half a
        // second; plain http is no handshake.
        let begun = Instant::now();
        let mut idle = Vec::new();
        for first in [&b""[..], b"\x16\x03\x01\x02\x00\x01", b"GET / HTTP/1.1\r\n\r\n"] {
            let mut stream = TcpStream::connect(address).await.unwrap();
            stream.write_all(first).await.unwrap();
            idle.push(stream);
        }
        let mut after = connect(address, &other, None).await.unwrap();
        assert!(ask(&mut after, "/x").await.unwrap().ends_with("anyone"));
        assert!(begun.elapsed() < Duration::from_secs(3), "{:?}", begun.elapsed());
        for mut stream in idle {
            let mut rest = Vec::new();
            let ended = tokio::time::timeout(Duration::from_secs(3), stream.read_to_end(&mut rest)).await;
            assert!(ended.is_ok() && !String::from_utf8_lossy(&rest).contains("200"), "it was cut off");
        }
        running.abort();
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
