//! The **wire between agent and server**: messages, their bounded readers, the
//! canonical form of a report, deltas, and the signing of requests.
//!
//! JSON over HTTP; reports travel as zstd. Both ends use this module, so they
//! cannot disagree about a byte. Whatever is read here comes from somebody who
//! may be hostile: sizes, counts, depth, lengths of strings, dates and control
//! characters are bounded before anything is kept.
//!
//! The conversation:
//!
//! | request | body | answer |
//! |---|---|---|
//! | `POST` [`ENROL`] | [`Enrol`] | [`Enrolled`] |
//! | `POST` [`CHECK_IN`] | [`CheckIn`] | 204 with [`headers::NEXT`], or [`CheckInAnswer`] |
//! | `POST` [`REPORT`] | canonical report, zstd | [`ReportAnswer`] |
//! | `POST` [`REPORT_DELTA`] | [`Delta`], zstd | [`ReportAnswer`], or 409 `E-BASE` |
//! | `POST` [`ROTATE`] | [`Rotate`] | 204 |
//! | `POST` [`PACKAGE`] | [`PackageRequest`] | [`PackageAnswer`] |
//! | `POST` [`ARTEFACT`] | [`ArtefactRequest`] | its bytes from the offset on, or 404 `E-ARTEFACT` |
//! | `POST` [`OUTCOME`] | an outcome | 204 once it is durable |
//!
//! Every request is signed, see [`SignedRequest`]. An error is a [`Refusal`].

mod checkpoint;
mod delta;
mod encoding;
mod limits;
mod measure;
mod messages;
mod refusal;
mod report;
mod signing;
mod work;

pub use checkpoint::{Checkpoint, LogKey, consistent};
pub use delta::{Delta, apply_delta, make_delta, read_delta};
pub use encoding::{compress, decompress, decode_hex, digest, encode_hex};
pub use limits::Limits;
pub use messages::{
    CheckIn, CheckInAnswer, Enrol, Enrolled, Message, Remembered, ReportAnswer, Rotate, Want, read_message, write_message,
};
pub use refusal::{Refusal, code};
pub use report::{
    CanonicalReport, canonical, read_report, read_report_bytes, read_stored_beside_components, read_stored_report,
};
pub use signing::{
    CLOCK_TOLERANCE_SECONDS, NEW_HOST, SignedRequest, check_clock, rotation_text, sign, sign_rotation, signing_text, verify,
    verify_rotation,
};
pub use work::{ASSIGNMENT_BYTES, ASSIGNMENTS, ArtefactRequest, PackageAnswer, PackageRequest, attempt};

/// Version of the protocol that this module speaks; sent at enrolment.
pub const VERSION: u32 = 1;

/// Path of enrolment.
pub const ENROL: &str = "/agent/v1/enrol";
/// Path of the check-in.
pub const CHECK_IN: &str = "/agent/v1/check-in";
/// Path of a whole report.
pub const REPORT: &str = "/agent/v1/report";
/// Path of a delta against a report that the server has.
pub const REPORT_DELTA: &str = "/agent/v1/report/delta";
/// Path of the change of a host's key.
pub const ROTATE: &str = "/agent/v1/rotate";
/// Path of a deployment package.
pub const PACKAGE: &str = "/agent/v1/package";
/// Path of the bytes of an artefact.
pub const ARTEFACT: &str = "/agent/v1/artefact";
/// Path of the outcome of an attempt.
pub const OUTCOME: &str = "/agent/v1/outcome";

/// Names of the protocol's own HTTP headers, lower case.
pub mod headers {
    /// Id of the host; [`NEW_HOST`](super::NEW_HOST) at enrolment.
    pub const HOST: &str = "plimsoll-host";
    /// Instant of the request, RFC 3339.
    pub const DATE: &str = "plimsoll-date";
    /// Strictly rising number, decimal.
    pub const SEQUENCE: &str = "plimsoll-sequence";
    /// SHA-256 of the body as sent, hex.
    pub const DIGEST: &str = "plimsoll-digest";
    /// Ed25519 signature over [`signing_text`](super::signing_text), hex.
    pub const SIGNATURE: &str = "plimsoll-signature";
    /// Seconds until the next check-in, decimal; in the answer.
    pub const NEXT: &str = "plimsoll-next";
}

#[cfg(test)]
mod tests;
