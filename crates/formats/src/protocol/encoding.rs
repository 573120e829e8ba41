//! Bytes around a message: hexadecimal, digest, compression.

use super::limits::Limits;
use data_encoding::HEXLOWER;
use plimsoll_core::model::problem::Problem;
use sha2::{Digest, Sha256};
use std::io::Read;

/// Compression level of reports: 450 packages take about 1 ms.
const LEVEL: i32 = 3;

/// Largest window a frame may ask for, as a power of two: 8 MiB. The encoder
/// here needs 2 MiB; the format allows 128 MiB, which a hostile frame of forty
/// bytes could make us allocate.
const WINDOW_LOG: u32 = 23;

/// Writes bytes as lower-case hexadecimal.
pub fn encode_hex(bytes: &[u8]) -> String {
    HEXLOWER.encode(bytes)
}

/// Reads lower-case hexadecimal of an exact length.
///
/// Upper case is refused: a digest or key has one spelling.
pub fn decode_hex<const LENGTH: usize>(text: &str) -> Option<[u8; LENGTH]> {
    if text.len() != LENGTH * 2 {
        return None;
    }
    HEXLOWER.decode(text.as_bytes()).ok()?.try_into().ok()
}

/// SHA-256 of bytes, hex.
pub fn digest(bytes: &[u8]) -> String {
    encode_hex(&Sha256::digest(bytes))
}

/// Compresses a body with zstd.
///
/// # Errors
///
/// `E-LIMIT` where the result is larger than the server takes.
pub fn compress(place: &str, bytes: &[u8]) -> Result<Vec<u8>, Problem> {
    let out = zstd::stream::encode_all(bytes, LEVEL)
        .map_err(|error| Problem::new("E-FORMAT", place, format!("cannot be compressed: {error}"), "report this as a defect"))?;
    within(place, "bytes compressed", out.len(), Limits::REPORT.compressed)?;
    Ok(out)
}

/// Decompresses a zstd body under the limits.
///
/// # Errors
///
/// `E-LIMIT` for a body that is too large before or after; `E-FORMAT` for one
/// that is not zstd or is cut.
pub fn decompress(place: &str, bytes: &[u8], limits: Limits) -> Result<Vec<u8>, Problem> {
    within(place, "bytes compressed", bytes.len(), limits.compressed)?;
    let damaged =
        |error: std::io::Error| Problem::new("E-FORMAT", place, format!("is not readable zstd: {error}"), "send the report again");
    let mut decoder = zstd::stream::read::Decoder::new(bytes).map_err(damaged)?;
    decoder.window_log_max(WINDOW_LOG).map_err(damaged)?;
    let mut out = Vec::new();
    decoder.take(limits.decompressed as u64 + 1).read_to_end(&mut out).map_err(damaged)?;
    if out.len() > limits.decompressed {
        return Err(Problem::new(
            "E-LIMIT",
            place,
            format!("holds more than {} bytes after decompression, which is the limit", limits.decompressed),
            "look at the host that sent it; a bomb looks like this",
        ));
    }
    Ok(out)
}

/// Refuses a number above its limit.
pub(super) fn within(place: &str, what: &str, number: usize, limit: usize) -> Result<(), Problem> {
    if number <= limit {
        return Ok(());
    }
    Err(Problem::new(
        "E-LIMIT",
        place,
        format!("has {number} {what}, the limit is {limit}"),
        "look at the host that sent it; no real host reaches this",
    ))
}
