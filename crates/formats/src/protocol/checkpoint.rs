//! The evidence log's checkpoints as a host checks them: signature and
//! consistency with what it remembers.
//!
//! Sources: C2SP `signed-note` and `tlog-checkpoint`; RFC 9162 section 2.1.4.2
//! for the proof.

use super::encoding::{decode_hex, encode_hex};
use super::messages::Remembered;
use data_encoding::BASE64;
use ed25519_dalek::{Signature, VerifyingKey};
use plimsoll_core::model::problem::{Problem, printable};
use sha2::{Digest, Sha256};
use tlog_tiles::Hash;

/// Longest checkpoint read, in bytes: with a dozen witnesses it has 2 KiB.
const LIMIT: usize = 16 << 10;
/// Algorithm byte of Ed25519 in a verifier key.
const ED25519: u8 = 1;

/// A verifier key of the log: `name+hash+key`.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct LogKey {
    name: String,
    id: [u8; 4],
    key: VerifyingKey,
}

impl LogKey {
    /// Reads a verifier key.
    ///
    /// # Errors
    ///
    /// `E-LOG-KEY` for text that is none, or whose hash does not fit.
    pub fn read(text: &str) -> Result<Self, Problem> {
        let wrong = |what: &str| Problem::new("E-LOG-KEY", text, what, "ask the server's administrator for the log's key");
        let mut parts = text.splitn(3, '+');
        let (Some(name), Some(id), Some(encoded)) = (parts.next(), parts.next(), parts.next()) else {
            return Err(wrong("is no verifier key of the form name+hash+key"));
        };
        let bytes = BASE64.decode(encoded.as_bytes()).map_err(|_| wrong("has a key that is not base64"))?;
        let Some((&ED25519, key)) = bytes.split_first() else {
            return Err(wrong("is not an Ed25519 key"));
        };
        let key = <[u8; 32]>::try_from(key)
            .ok()
            .and_then(|key| VerifyingKey::from_bytes(&key).ok())
            .filter(|key| !key.is_weak())
            .ok_or_else(|| wrong("is not an Ed25519 key"))?;
        let computed = key_id(name, &bytes);
        if decode_hex::<4>(id) != Some(computed) {
            return Err(wrong("has a hash that does not fit its name and key"));
        }
        Ok(Self { name: name.to_owned(), id: computed, key })
    }
}

fn key_id(name: &str, key: &[u8]) -> [u8; 4] {
    let hash = Sha256::new().chain_update(name.as_bytes()).chain_update(b"\n").chain_update(key).finalize();
    let mut id = [0; 4];
    id.iter_mut().zip(hash.iter()).for_each(|(to, from)| *to = *from);
    id
}

/// A checkpoint whose signature was checked.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Checkpoint {
    /// Name of the log.
    pub origin: String,
    /// Leaves in the tree.
    pub size: u64,
    /// Root hash.
    pub root: [u8; 32],
}

impl Checkpoint {
    /// Reads a signed checkpoint and checks the log's own signature.
    ///
    /// # Errors
    ///
    /// `E-LOG-PROOF` for anything that is not a checkpoint signed by this key.
    pub fn read(text: &str, key: &LogKey) -> Result<Self, Problem> {
        let wrong = |what: &str| unproven(&key.name, what);
        if text.len() > LIMIT {
            return Err(wrong(&format!("gave a checkpoint of {} bytes, the limit is {LIMIT}", text.len())));
        }
        let (body, signatures) = text.rsplit_once("\n\n").ok_or_else(|| wrong("gave a checkpoint without a signature"))?;
        // The signed text includes the line break before the empty line.
        let body = text.get(..=body.len()).unwrap_or_default();
        if !signatures.lines().any(|line| signed(line, body, key)) {
            return Err(wrong("gave a checkpoint that is not signed with the key this host pins"));
        }
        let mut lines = body.lines();
        let origin = lines.next().unwrap_or_default().to_owned();
        let size = lines.next().filter(|line| canonical_number(line)).and_then(|line| line.parse().ok());
        let root = lines.next().and_then(|line| BASE64.decode(line.as_bytes()).ok()).and_then(|root| root.try_into().ok());
        match (size, root) {
            (Some(size), Some(root)) if origin == key.name => Ok(Self { origin, size, root }),
            (Some(_), Some(_)) => Err(wrong(&format!("gave a checkpoint of another log, {}", printable(&origin)))),
            _ => Err(wrong("gave a checkpoint without size and root hash")),
        }
    }

    /// What a host keeps of it.
    pub fn remembered(&self) -> Remembered {
        Remembered { size: self.size, root: encode_hex(&self.root) }
    }
}

fn canonical_number(line: &str) -> bool {
    !line.is_empty() && line.bytes().all(|byte| byte.is_ascii_digit()) && (line == "0" || !line.starts_with('0'))
}

fn signed(line: &str, body: &str, key: &LogKey) -> bool {
    let Some((name, encoded)) = line.strip_prefix("\u{2014} ").and_then(|line| line.split_once(' ')) else { return false };
    let Ok(bytes) = BASE64.decode(encoded.as_bytes()) else { return false };
    let Some((id, signature)) = bytes.split_first_chunk::<4>() else { return false };
    let Ok(signature) = <[u8; 64]>::try_from(signature) else { return false };
    name == key.name
        && *id == key.id
        && key.key.verify_strict(body.as_bytes(), &Signature::from_bytes(&signature)).is_ok()
}

fn unproven(log: &str, text: &str) -> Problem {
    Problem::new("E-LOG-PROOF", log, text, "tell whoever audits the server: its evidence log cannot be followed")
}

/// Checks that a newer checkpoint continues the remembered one.
///
/// # Errors
///
/// `E-LOG-FORK` where the two cannot belong to one history (same size and
/// another root, a smaller tree, a proof that does not fit); `E-LOG-PROOF`
/// where the proof is missing or malformed.
pub fn consistent(old: &Remembered, new: &Checkpoint, proof: &[String]) -> Result<(), Problem> {
    let fork = |text: String| {
        Problem::new(
            "E-LOG-FORK",
            &new.origin,
            format!(
                "{text}; remembered: size {} root {}, shown: size {} root {}",
                old.size,
                old.root,
                new.size,
                encode_hex(&new.root)
            ),
            "treat the server as compromised until its evidence log is explained: keep this line",
        )
    };
    let old_root = decode_hex::<32>(&old.root).ok_or_else(|| unproven(&new.origin, "is compared with a root hash that is none"))?;
    if new.size < old.size {
        return Err(fork("shows a tree smaller than the one this host remembers".to_owned()));
    }
    if new.size == old.size {
        return if new.root == old_root { Ok(()) } else { Err(fork("shows another history of the same length".to_owned())) };
    }
    if old.size == 0 {
        return Ok(());
    }
    let mut hashes = Vec::with_capacity(proof.len());
    for hash in proof {
        hashes.push(decode_hex::<32>(hash).map(Hash).ok_or_else(|| unproven(&new.origin, "gave a proof with a hash that is none"))?);
    }
    if hashes.is_empty() {
        return Err(unproven(&new.origin, "gave a newer checkpoint without a consistency proof"));
    }
    tlog_tiles::check_tree(&hashes, new.size, Hash(new.root), old.size, Hash(old_root))
        .map_err(|_| fork("shows a history that does not continue the one this host remembers".to_owned()))
}
