//! Identifiers derived from content, so that the same scan gives the same
//! document.

use plimsoll_core::model::scan::Scan;

/// A UUID of version 8 (RFC 9562, custom) from the BLAKE3 digest of a scan.
///
/// Not random and not version 5, whose SHA-1 is no reason to carry that hash.
pub(super) fn uuid(scan: &Scan, purpose: &str) -> String {
    named('8', purpose, &serde_json::to_vec(scan).unwrap_or_default())
}

/// The same for forms that admit UUIDs of version 4 or 5 only: from what it is
/// to name, with 5 in the place of the version.
pub(crate) fn identifier(purpose: &str, parts: &[&str]) -> String {
    named('5', purpose, &serde_json::to_vec(parts).unwrap_or_default())
}

fn named(version: char, purpose: &str, content: &[u8]) -> String {
    let mut hasher = blake3::Hasher::new_derive_key("plimsoll 2026 document identifier");
    hasher.update(purpose.as_bytes());
    hasher.update(&[0]);
    hasher.update(content);
    let hex = hasher.finalize().to_hex();
    let part = |from: usize, to: usize| hex.get(from..to).unwrap_or_default().to_owned();
    format!("{}-{}-{version}{}-8{}-{}", part(0, 8), part(8, 12), part(13, 16), part(17, 20), part(20, 32))
}

/// Sixteen hex digits that tell one finding from another across scans: the
/// advisory and the component without its version.
pub(super) fn fingerprint(advisory: &str, purl: &str, name: &str) -> String {
    let mut hasher = blake3::Hasher::new();
    for part in [advisory, purl, name] {
        hasher.update(&(part.len() as u64).to_le_bytes());
        hasher.update(part.as_bytes());
    }
    hasher.finalize().to_hex().get(..16).unwrap_or_default().to_owned()
}
