//! **Limits** of requests: how large, how many, how slow.

use super::problem::Refusal;
use axum::http::StatusCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// Limits of a server.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Limits {
    /// Connections kept open at once; further ones wait in the kernel's queue.
    pub connections: usize,
    /// Requests worked on at once; a further one is told to come back.
    pub requests: usize,
    /// Memory for bodies being received, in bytes, over all requests.
    pub memory: usize,
    /// Headers in a request.
    pub headers: usize,
    /// Bytes of all headers of a request, with the request line.
    pub header_bytes: usize,
    /// How long a client may take to send its headers.
    pub header_time: Duration,
    /// How long a client may be silent within a body.
    pub silence: Duration,
    /// How long a body may take altogether, beside a second for each 16 KiB
    /// of its declared length.
    pub body_time: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            connections: 16_384,
            requests: 256,
            memory: 128 << 20,
            headers: 64,
            header_bytes: 16 << 10,
            header_time: Duration::from_secs(5),
            silence: Duration::from_secs(5),
            body_time: Duration::from_secs(20),
        }
    }
}

/// Bytes of a body where a route does not say otherwise.
pub const BODY: usize = 1 << 20;

/// What is in use now.
#[derive(Clone, Debug)]
pub struct Load {
    requests: Arc<Semaphore>,
    /// In KiB, because a semaphore counts no further than 32 bits at a time.
    memory: Arc<Semaphore>,
    turn: Arc<AtomicU32>,
}

impl Load {
    /// Starts empty.
    pub fn new(limits: &Limits) -> Self {
        Self {
            requests: Arc::new(Semaphore::new(limits.requests)),
            memory: Arc::new(Semaphore::new(limits.memory >> 10)),
            turn: Arc::default(),
        }
    }

    /// Takes a place for one request, kept until the permit is dropped.
    ///
    /// # Errors
    /// 503 `E-BUSY` with `Retry-After`.
    pub fn request(&self) -> Result<OwnedSemaphorePermit, Refusal> {
        Arc::clone(&self.requests).try_acquire_owned().map_err(|_| self.busy("as many requests as fit are being worked on"))
    }

    /// Takes memory for `bytes` of a body.
    ///
    /// # Errors
    /// 503 `E-BUSY` with `Retry-After`.
    pub fn memory(&self, bytes: usize) -> Result<OwnedSemaphorePermit, Refusal> {
        let kibibytes = u32::try_from(bytes.div_ceil(1 << 10)).unwrap_or(u32::MAX);
        Arc::clone(&self.memory).try_acquire_many_owned(kibibytes).map_err(|_| self.busy("the memory for bodies is in use"))
    }

    /// The refusal, with seconds that differ from one client to the next, so
    /// that they do not all come back at once.
    fn busy(&self, what: &str) -> Refusal {
        let seconds = 1 + self.turn.fetch_add(7, Ordering::Relaxed) % 15;
        Refusal::new(StatusCode::SERVICE_UNAVAILABLE, "E-BUSY", what, "repeat the request after the seconds in Retry-After")
            .retry_after(seconds)
    }
}
