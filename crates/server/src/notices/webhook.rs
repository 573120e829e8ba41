//! **Webhooks**: one signed request a message (Standard Webhooks).

use crate::outward::{Outbound, Outward};
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use data_encoding::BASE64;
use jiff::{SignedDuration, Timestamp};
use data_encoding::HEXLOWER;
use standardwebhooks::{HEADER_WEBHOOK_ID, HEADER_WEBHOOK_SIGNATURE, HEADER_WEBHOOK_TIMESTAMP};
use std::time::{Duration, Instant};

/// How long one request may take. Receivers are told to answer at once and to
/// work afterwards.
const TIME: Duration = Duration::from_secs(15);
/// Bytes of an answer that are read; nothing in it is kept.
const ANSWER: u64 = 64 << 10;
/// Longest wait that a receiver may ask for.
const LONGEST_WAIT: SignedDuration = SignedDuration::from_hours(24);

/// What came of one try.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Reply {
    /// The receiver took it.
    Arrived,
    /// It did not work; the receiver may have said when to come back.
    Failed(Option<SignedDuration>),
    /// The receiver says that this address is gone for good.
    Gone,
}

/// A signing secret as it is shown, once.
pub fn shown(secret: &str) -> Option<String> {
    Some(format!("whsec_{}", BASE64.encode(&HEXLOWER.decode(secret.as_bytes()).ok()?)))
}

/// Sends one message, signed with each of the secrets; gives what came of it and words for the log, in which
/// nothing that the receiver wrote appears.
pub async fn deliver(outward: &Outward, url: &str, secrets: &[String], id: &str, body: Vec<u8>, now: Timestamp) -> (Reply, String) {
    let Some(headers) = signed(secrets, id, &body, now) else {
        return (Reply::Failed(None), "its signing secret cannot be used; make the webhook anew".to_owned());
    };
    post(outward, url, headers, body, now).await
}

/// Sends one message to a chat, as [`deliver`] without a signature.
pub async fn say(outward: &Outward, url: &str, body: Vec<u8>, now: Timestamp) -> (Reply, String) {
    let headers = HeaderMap::from_iter([(header::CONTENT_TYPE, HeaderValue::from_static("application/json"))]);
    post(outward, url, headers, body, now).await
}

async fn post(outward: &Outward, url: &str, headers: HeaderMap, body: Vec<u8>, now: Timestamp) -> (Reply, String) {
    let started = Instant::now();
    let address = match outward.check(url) {
        Ok(address) => address,
        Err(refusal) => return (Reply::Failed(None), format!("{}: {}", refusal.code(), refusal.detail())),
    };
    let request = Outbound { headers, time: TIME, ..Outbound::post(address, body, ANSWER) };
    match outward.send(request).await {
        Ok(answer) => {
            let words = format!("{} in {} ms", answer.status.as_u16(), started.elapsed().as_millis());
            match answer.status {
                status if status.is_success() => (Reply::Arrived, words),
                StatusCode::GONE => (Reply::Gone, words),
                status if status.is_redirection() => (Reply::Failed(None), format!("{words}; redirects are not followed")),
                _ => (Reply::Failed(wait(&answer.headers, now)), words),
            }
        }
        Err(refusal) => (Reply::Failed(None), format!("{}: {}", refusal.code(), refusal.detail())),
    }
}

fn signed(secrets: &[String], id: &str, body: &[u8], now: Timestamp) -> Option<HeaderMap> {
    let mut signatures = Vec::new();
    for secret in secrets {
        let signer = standardwebhooks::Webhook::from_bytes(HEXLOWER.decode(secret.as_bytes()).ok()?).ok()?;
        signatures.push(signer.sign(id, now.as_second(), body).ok()?);
    }
    let mut headers = HeaderMap::new();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/cloudevents+json; charset=utf-8"));
    headers.insert(HeaderName::from_static(HEADER_WEBHOOK_ID), id.parse().ok()?);
    headers.insert(HeaderName::from_static(HEADER_WEBHOOK_TIMESTAMP), HeaderValue::from(now.as_second()));
    headers.insert(HeaderName::from_static(HEADER_WEBHOOK_SIGNATURE), signatures.join(" ").parse().ok()?);
    Some(headers)
}

/// How long `Retry-After` asks to wait: seconds, or a date.
fn wait(headers: &HeaderMap, now: Timestamp) -> Option<SignedDuration> {
    let text = headers.get(header::RETRY_AFTER)?.to_str().ok()?.trim();
    let wait = match text.parse::<u32>() {
        Ok(seconds) => SignedDuration::from_secs(i64::from(seconds)),
        Err(_) => jiff::fmt::rfc2822::parse(text).ok()?.timestamp().duration_since(now),
    };
    Some(wait.clamp(SignedDuration::ZERO, LONGEST_WAIT))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A receiver with either secret takes it, one with another does not.
    #[test]
    fn each_secret_signs() {
        let secrets = ["11".repeat(32), "22".repeat(32)];
        let now = Timestamp::now();
        let headers = signed(&secrets, "m1", b"{}", now).unwrap();
        assert_eq!(headers[HEADER_WEBHOOK_SIGNATURE].to_str().unwrap().split(' ').count(), 2);
        let takes = |secret: &str| standardwebhooks::Webhook::from_bytes(HEXLOWER.decode(secret.as_bytes()).unwrap()).unwrap().verify(b"{}", &headers).is_ok();
        assert!(takes(&secrets[0]) && takes(&secrets[1]) && !takes(&"33".repeat(32)));
    }

    #[test]
    fn retry_after_is_seconds_or_a_date_and_has_an_end() {
        let now: Timestamp = "1994-11-06T08:49:00Z".parse().unwrap();
        let asked = |text: &'static str| {
            let mut headers = HeaderMap::new();
            headers.insert(header::RETRY_AFTER, HeaderValue::from_static(text));
            wait(&headers, now).map(|wait| wait.as_secs())
        };
        assert_eq!(asked("120"), Some(120));
        assert_eq!(asked("Sun, 06 Nov 1994 08:49:37 GMT"), Some(37));
        assert_eq!(asked("Sun, 06 Nov 1994 08:00:00 GMT"), Some(0), "the past is now");
        assert_eq!(asked("4000000000"), Some(86_400), "at most a day");
        assert_eq!(asked("soon"), None);
        assert_eq!(wait(&HeaderMap::new(), now), None);
    }
}
