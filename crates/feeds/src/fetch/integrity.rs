//! Whether a complete file is what its name says, before anything reads it:
//! structure, and digests where a publisher gives them.
//!
//! OpenPGP signatures (`.asc`) are **not** verified here: what is trusted is
//! TLS to the publisher's host and, where published, a digest from that same
//! host, which guards against damage and not against a publisher's server that
//! was taken over.

use crate::cache::io_problem;
use plimsoll_core::model::problem::Problem;
use plimsoll_formats::protocol::encode_hex;
use sha2::{Digest, Sha256, Sha512};
use std::fs::File;
use std::io::{Read, Seek, SeekFrom};
use std::path::Path;

/// Most times a gzip file may grow, above 64 MiB.
const RATIO: u64 = 200;
/// Most entries of a zip archive; the CVE list has some 350,000.
const ENTRIES: usize = 2_000_000;

/// Checks the structure a file of this name must have.
pub(crate) fn structure(path: &Path) -> Result<(), Problem> {
    let (head, tail, size) = ends(path)?;
    let bad = |why: String| {
        Problem::new("E-FORMAT", path.to_string_lossy(), why, "update again; the last good file stays in use")
    };
    if size == 0 {
        return Err(bad("is empty".to_owned()));
    }
    let start = head.trim_ascii_start();
    let extension = path.extension().and_then(|extension| extension.to_str()).unwrap_or_default();
    let lower: Vec<u8> = start.iter().take(16).map(u8::to_ascii_lowercase).collect();
    if lower.starts_with(b"<!doctype html") || lower.starts_with(b"<html") {
        return Err(bad("is a web page, not the file: a captive portal or proxy answers like this".to_owned()));
    }
    let magic = |bytes: &[u8], what: &str| match head.starts_with(bytes) {
        true => Ok(()),
        false => Err(bad(format!("does not start like {what}"))),
    };
    match extension {
        "zip" => zip_opens(path).map_err(bad),
        "gz" => magic(&[0x1f, 0x8b], "gzip").and_then(|()| gzip_decodes(path, size).map_err(bad)),
        "xz" => {
            magic(&[0xfd, b'7', b'z', b'X', b'Z', 0], "xz")?;
            // Padding after the footer comes in blocks of four zero bytes.
            let end = tail.iter().rposition(|byte| *byte != 0).map_or(0, |last| last + 1);
            match tail.get(..end) {
                Some(tail) if tail.ends_with(b"YZ") => Ok(()),
                _ => Err(bad("does not end like xz; it is cut short".to_owned())),
            }
        }
        "zst" => magic(&[0x28, 0xb5, 0x2f, 0xfd], "zstd"),
        "bz2" => magic(b"BZh", "bzip2"),
        "json" => match (start.first(), tail.trim_ascii_end().last()) {
            (Some(b'{'), Some(b'}')) | (Some(b'['), Some(b']')) => Ok(()),
            _ => Err(bad("is not whole JSON: it does not start and end with matching brackets".to_owned())),
        },
        "xml" => match start.strip_prefix(b"\xef\xbb\xbf").unwrap_or(start).first() {
            Some(b'<') => Ok(()),
            _ => Err(bad("does not start like XML".to_owned())),
        },
        _ if head.contains(&0) => Err(bad("holds zero bytes and is not text".to_owned())),
        _ => Ok(()),
    }
}

/// The first and last 4 KiB and the size.
fn ends(path: &Path) -> Result<(Vec<u8>, Vec<u8>, u64), Problem> {
    let read = || -> std::io::Result<_> {
        let mut file = File::open(path)?;
        let size = file.metadata()?.len();
        let mut head = Vec::new();
        (&mut file).take(4096).read_to_end(&mut head)?;
        file.seek(SeekFrom::Start(size.saturating_sub(4096)))?;
        let mut tail = Vec::new();
        file.take(4096).read_to_end(&mut tail)?;
        Ok((head, tail, size))
    };
    read().map_err(|error| io_problem(path, "cannot be read", &error))
}

fn zip_opens(path: &Path) -> Result<(), String> {
    let file = File::open(path).map_err(|error| error.to_string())?;
    let archive = zip::ZipArchive::new(std::io::BufReader::new(file))
        .map_err(|error| format!("is not a whole zip archive: {error}"))?;
    match archive.len() {
        0 => Err("is an empty zip archive".to_owned()),
        entries if entries > ENTRIES => Err(format!("has {entries} entries, the limit is {ENTRIES}")),
        _ => Ok(()),
    }
}

fn gzip_decodes(path: &Path, size: u64) -> Result<(), String> {
    let file = File::open(path).map_err(|error| error.to_string())?;
    let cap = size.saturating_mul(RATIO).max(64 << 20);
    let mut decoder = flate2::read::MultiGzDecoder::new(std::io::BufReader::new(file)).take(cap + 1);
    let bytes = std::io::copy(&mut decoder, &mut std::io::sink())
        .map_err(|error| format!("does not decompress to its end: {error}"))?;
    if bytes > cap { Err(format!("decompresses to more than {cap} bytes, the limit for its size")) } else { Ok(()) }
}

/// SHA-256 of a file, hex.
pub(crate) fn sha256(path: &Path) -> Result<String, Problem> {
    digest::<Sha256>(path)
}

/// Checks a file against a published digest (`<hex>  <name>`), SHA-512 or
/// SHA-256 by its length.
pub(crate) fn published_digest(path: &Path, published: &[u8]) -> Result<(), Problem> {
    let text = String::from_utf8_lossy(published);
    let expected = text.split_ascii_whitespace().next().unwrap_or_default().to_ascii_lowercase();
    let bad = |why: String| {
        Problem::new("E-DIGEST", path.to_string_lossy(), why, "update again; if it stays, tell the publisher")
    };
    if !expected.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        return Err(bad("the published digest is not one".to_owned()));
    }
    let actual = match expected.len() {
        128 => digest::<Sha512>(path)?,
        64 => digest::<Sha256>(path)?,
        other => return Err(bad(format!("the published digest has {other} digits, 64 or 128 were expected"))),
    };
    if actual == expected { Ok(()) } else { Err(bad(format!("has the digest {actual}, published is {expected}"))) }
}

fn digest<D: Digest>(path: &Path) -> Result<String, Problem> {
    let fail = |error: std::io::Error| io_problem(path, "cannot be read", &error);
    let mut file = File::open(path).map_err(fail)?;
    let mut hasher = D::new();
    let mut buffer = vec![0; 64 << 10];
    loop {
        let count = file.read(&mut buffer).map_err(fail)?;
        let Some(bytes) = buffer.get(..count).filter(|bytes| !bytes.is_empty()) else { break };
        hasher.update(bytes);
    }
    Ok(encode_hex(&hasher.finalize()))
}
