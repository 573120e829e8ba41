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
