//! The signature of a request.
//!
//! It covers method, path, host, date, sequence and the digest of the body, so
//! that any proxy that ends TLS may stand between, and none can change, repeat
//! or redirect what a host said.

use super::encoding::{decode_hex, encode_hex};
use super::refusal::code;
use ed25519_dalek::{Signature, Signer, SigningKey, VerifyingKey};
use jiff::Timestamp;
use plimsoll_core::model::problem::Problem;

/// How far a request's date may be off, in seconds.
pub const CLOCK_TOLERANCE_SECONDS: i64 = 300;

/// What stands for the host's id in the headers of an enrolment.
pub const NEW_HOST: &str = "new";

/// What a signature covers, as the headers carry it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct SignedRequest<'a> {
    /// `POST`.
    pub method: &'a str,
    /// Path as sent, without query.
    pub path: &'a str,
    /// [`HOST`](super::headers::HOST).
    pub host: &'a str,
    /// [`DATE`](super::headers::DATE), byte for byte.
    pub date: &'a str,
    /// [`SEQUENCE`](super::headers::SEQUENCE).
    pub sequence: u64,
    /// [`DIGEST`](super::headers::DIGEST).
    pub digest: &'a str,
}

/// The bytes that are signed.
///
/// No field may hold a line break (HTTP forbids it in a path and a header
/// value), so two requests never give the same text; [`verify`] checks that.
pub fn signing_text(request: &SignedRequest<'_>) -> String {
    let SignedRequest { method, path, host, date, sequence, digest } = request;
    format!("plimsoll-request/1\n{method}\n{path}\n{host}\n{date}\n{sequence}\n{digest}\n")
}

/// Signs a request; gives the value of the signature's header.
pub fn sign(key: &SigningKey, request: &SignedRequest<'_>) -> String {
    encode_hex(&key.sign(signing_text(request).as_bytes()).to_bytes())
}

/// Checks a request's signature, strictly: one signature has one spelling, and
/// weak keys are refused.
///
/// The caller checks the date ([`check_clock`]), the sequence, and that the
/// body's digest is the one named.
///
/// # Errors
///
/// `E-SIGNATURE`.
pub fn verify(public_key: &str, request: &SignedRequest<'_>, signature: &str) -> Result<(), Problem> {
    let fields = [request.method, request.path, request.host, request.date, request.digest];
    if fields.iter().any(|field| field.contains('\n')) {
        return Err(unsigned("has a line break in a signed field"));
    }
    check(public_key, signing_text(request).as_bytes(), signature)
}

fn check(public_key: &str, text: &[u8], signature: &str) -> Result<(), Problem> {
    let key = decode_hex::<32>(public_key)
        .and_then(|bytes| VerifyingKey::from_bytes(&bytes).ok())
        .filter(|key| !key.is_weak())
        .ok_or_else(|| unsigned("names a public key that is none"))?;
    let signature = decode_hex::<64>(signature).ok_or_else(|| unsigned("has a signature that is not 128 hexadecimal digits"))?;
    key.verify_strict(text, &Signature::from_bytes(&signature))
        .map_err(|_| unsigned("has a signature that does not fit the host's key and what was sent"))
}

fn unsigned(text: &str) -> Problem {
    Problem::new(code::SIGNATURE, "request", text, "enrol the host again if its key was lost")
}

/// Checks a request's date against the server's clock.
///
/// # Errors
///
/// `E-CLOCK`, which says by how much the host is off.
pub fn check_clock(date: &str, now: Timestamp) -> Result<(), Problem> {
    let wrong = |text: String| Problem::new(code::CLOCK, "request", text, "set the host's clock (chrony, systemd-timesyncd)");
    let date: Timestamp = date.parse().map_err(|_| wrong("has a date that is not RFC 3339".to_owned()))?;
    let off = date.as_second().saturating_sub(now.as_second());
    if off.abs() <= CLOCK_TOLERANCE_SECONDS {
        return Ok(());
    }
    let way = if off > 0 { "ahead of" } else { "behind" };
    Err(wrong(format!("is dated {} s {way} the server's clock, the limit is {CLOCK_TOLERANCE_SECONDS} s", off.abs())))
}

/// The bytes that the new key signs when a host changes its key.
pub fn rotation_text(host: &str, old_public_key: &str, new_public_key: &str) -> String {
    format!("plimsoll-rotate/1\n{host}\n{old_public_key}\n{new_public_key}\n")
}

/// Signs a change of key with the new key.
pub fn sign_rotation(new_key: &SigningKey, host: &str, old_public_key: &str) -> String {
    let new_public_key = encode_hex(new_key.verifying_key().as_bytes());
    encode_hex(&new_key.sign(rotation_text(host, old_public_key, &new_public_key).as_bytes()).to_bytes())
}

/// Checks that whoever asks for a change of key has the new key.
///
/// # Errors
///
/// `E-SIGNATURE`.
pub fn verify_rotation(host: &str, old_public_key: &str, rotate: &super::Rotate) -> Result<(), Problem> {
    let text = rotation_text(host, old_public_key, &rotate.new_public_key);
    check(&rotate.new_public_key, text.as_bytes(), &rotate.new_signature)
}
