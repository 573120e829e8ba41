//! Reading a **body** before a handler sees it: bounded in bytes, memory and
//! time, so that a slow or endless one holds nothing else up.

use super::limits::{Limits, Load};
use super::problem::Refusal;
use axum::body::Body;
use axum::http::{HeaderMap, StatusCode, header};
use http_body_util::BodyExt;
use tokio::sync::OwnedSemaphorePermit;
use tokio::time::{Instant, timeout_at};

/// Reserved at a time for a body that does not say how long it is.
const STEP: usize = 64 << 10;

/// Reads a whole body of at most `limit` bytes, together with the memory it
/// counts against.
///
/// # Errors
/// 413 `E-BODY-SIZE`, 408 `E-BODY-SLOW`, 503 `E-BUSY`, 400 `E-BODY` for one
/// that breaks off.
pub async fn read(
    mut body: Body,
    headers: &HeaderMap,
    limit: usize,
    limits: &Limits,
    load: &Load,
) -> Result<(Vec<u8>, Vec<OwnedSemaphorePermit>), Refusal> {
    let declared = headers.get(header::CONTENT_LENGTH).and_then(|length| length.to_str().ok()?.parse::<u64>().ok());
    if let Some(length) = declared.filter(|length| *length > limit as u64) {
        return Err(too_large(&length.to_string(), limit));
    }
    let declared = declared.and_then(|length| usize::try_from(length).ok()).unwrap_or(0);
    let mut bytes = Vec::new();
    let mut permits = Vec::new();
    let mut reserved = 0;
    if declared > 0 {
        permits.push(load.memory(declared)?);
        reserved = declared;
    }
    let end = Instant::now() + limits.body_time + std::time::Duration::from_secs((declared >> 14) as u64);
    loop {
        let patience = end.min(Instant::now() + limits.silence);
        let frame = match timeout_at(patience, body.frame()).await {
            Err(_) => return Err(slow(bytes.len())),
            Ok(None) => return Ok((bytes, permits)),
            Ok(Some(Err(error))) => return Err(broken(&error.to_string())),
            Ok(Some(Ok(frame))) => frame,
        };
        let Ok(data) = frame.into_data() else { continue };
        let length = bytes.len() + data.len();
        if length > limit {
            return Err(too_large(&format!("more than {limit}"), limit));
        }
        while reserved < length {
            permits.push(load.memory(STEP)?);
            reserved += STEP;
        }
        bytes.extend_from_slice(&data);
    }
}

fn too_large(measured: &str, limit: usize) -> Refusal {
    Refusal::new(
        StatusCode::PAYLOAD_TOO_LARGE,
        "E-BODY-SIZE",
        format!("the body has {measured} bytes, the limit is {limit}"),
        "send less at a time",
    )
}

fn slow(received: usize) -> Refusal {
    Refusal::new(
        StatusCode::REQUEST_TIMEOUT,
        "E-BODY-SLOW",
        format!("the body stopped coming, or came too slowly, after {received} bytes"),
        "repeat the request over a better line",
    )
}

fn broken(error: &str) -> Refusal {
    Refusal::new(StatusCode::BAD_REQUEST, "E-BODY", format!("the body broke off: {error}"), "repeat the request")
}
