//! The messages by which **deployment packages** reach a host and outcomes
//! come back.
//!
//! Nothing here is trusted because it arrived: a package is checked against the
//! host's pinned root, and the evidence log must show that it was accepted.

use super::checkpoint::{Checkpoint, LogKey};
use super::encoding::{decode_hex, digest, within};
use super::limits::Limits;
use super::messages::{Message, Remembered, hexadecimal, short, wrong};
use data_encoding::BASE64;
use plimsoll_core::model::outcome::Outcome;
use plimsoll_core::model::problem::Problem;
use serde::{Deserialize, Serialize};

/// Most assignments that a host holds at a time.
pub const ASSIGNMENTS: usize = 16;
/// Largest assignment document, in bytes.
pub const ASSIGNMENT_BYTES: usize = 16 << 10;

/// Asks for a deployment package that an assignment names.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PackageRequest {
    /// SHA-256 of its signed bytes, hex.
    pub digest: String,
    /// Leaves of the evidence tree that the host remembers: the proof is wanted
    /// for that tree, where it has the package's leaf already.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub size: Option<u64>,
}

impl Message for PackageRequest {
    const PLACE: &'static str = "request of a package";

    fn check(&self) -> Result<(), Problem> {
        hexadecimal::<32>(Self::PLACE, "digest", &self.digest)
    }
}

/// A deployment package, and the proof that the evidence log has it.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct PackageAnswer {
    /// The signed document, canonical JSON.
    pub package: String,
    /// The evidence leaf that accepted it, base64.
    pub leaf: String,
    /// Position of the leaf, from 0.
    pub position: u64,
    /// Leaves of the tree that the proof is for; that of the checkpoint.
    pub size: u64,
    /// Inclusion proof (RFC 6962, 2.1.1), hex.
    pub proof: Vec<String>,
    /// Signed checkpoint of that tree (C2SP tlog-checkpoint).
    pub checkpoint: String,
}

impl Message for PackageAnswer {
    const PLACE: &'static str = "answer with a package";
    const LIMITS: Limits = Limits::PACKAGE;

    fn check(&self) -> Result<(), Problem> {
        within(Self::PLACE, "hashes in its inclusion proof", self.proof.len(), 64)?;
        self.proof.iter().try_for_each(|hash| hexadecimal::<32>(Self::PLACE, "proof", hash))
    }
}

/// The part of an evidence leaf that tells what it is about.
#[derive(Deserialize)]
struct Leaf {
    object: String,
    schema: String,
}

impl PackageAnswer {
    /// Checks that the log of `key` holds the leaf that accepted the package
    /// `digest`, and gives the checkpoint that shows it.
    ///
    /// Whether that checkpoint continues the newest one remembered is for the
    /// caller to check, see [`consistent`](super::consistent).
    ///
    /// # Errors
    ///
    /// `E-LOG-PROOF` for everything that does not show it.
    pub fn accepted(&self, digest: &str, key: &LogKey) -> Result<Checkpoint, Problem> {
        let checkpoint = Checkpoint::read(&self.checkpoint, key)?;
        self.accepted_in(digest, &checkpoint.remembered())?;
        Ok(checkpoint)
    }

    /// The same in a tree that the host remembers: its checkpoint was checked
    /// when it came, so the answer's own is not needed.
    ///
    /// # Errors
    ///
    /// `E-LOG-PROOF` for everything that does not show it, a proof for another
    /// tree included.
    pub fn accepted_in(&self, digest: &str, tree: &Remembered) -> Result<(), Problem> {
        let unproven = |text: &str| {
            let next = "the package is not taken; tell whoever audits the server";
            Problem::new("E-LOG-PROOF", format!("package {digest}"), text, next)
        };
        if tree.size != self.size {
            return Err(unproven("comes with a proof for a tree of another size"));
        }
        let leaf = BASE64.decode(self.leaf.as_bytes()).map_err(|_| unproven("comes with a leaf that is not base64"))?;
        let about: Leaf = serde_json::from_slice(&leaf).map_err(|_| unproven("comes with a leaf that is none"))?;
        if about.schema != "plimsoll-leaf/1" || about.object != format!("package:{digest}") {
            return Err(unproven("comes with a leaf about something else"));
        }
        let proof: Option<Vec<_>> = self.proof.iter().map(|hash| decode_hex::<32>(hash).map(tlog_tiles::Hash)).collect();
        let proof = proof.ok_or_else(|| unproven("comes with a proof that is none"))?;
        let root = decode_hex::<32>(&tree.root).ok_or_else(|| unproven("is looked for in a tree whose root is none"))?;
        let (root, hash) = (tlog_tiles::Hash(root), tlog_tiles::record_hash(&leaf));
        tlog_tiles::check_record(&proof, self.size, root, self.position, hash)
            .map_err(|_| unproven("comes with a proof that does not show its leaf in the log"))
    }
}

/// Asks for the bytes of an artefact, from an offset to its end.
///
/// The answer is the bytes themselves; its reader stops one byte after the
/// length that people signed.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ArtefactRequest {
    /// SHA-256 of the whole, hex.
    pub sha256: String,
    /// First byte that is wanted, from 0.
    pub offset: u64,
}

impl Message for ArtefactRequest {
    const PLACE: &'static str = "request of an artefact";

    fn check(&self) -> Result<(), Problem> {
        hexadecimal::<32>(Self::PLACE, "sha256", &self.sha256)
    }
}

impl Message for Outcome {
    const PLACE: &'static str = "outcome";
    const LIMITS: Limits = Limits::OUTCOME;

    fn check(&self) -> Result<(), Problem> {
        let place = Self::PLACE;
        hexadecimal::<32>(place, "package", &self.package)?;
        hexadecimal::<32>(place, "attempt", &self.attempt)?;
        short(place, "boot_id", &self.boot_id, 64)?;
        if attempt(&self.package, &self.host.to_string(), self.epoch, self.generation) != self.attempt {
            return Err(wrong(place, "has an `attempt` that is not that of its package, host, epoch and generation".to_owned()));
        }
        Ok(())
    }
}

/// Id of an attempt: `SHA-256(package ‖ host ‖ epoch ‖ generation)`, hex, each
/// written as text and ended with a line break.
pub fn attempt(package: &str, host: &str, epoch: u64, generation: u64) -> String {
    digest(format!("{package}\n{host}\n{epoch}\n{generation}\n").as_bytes())
}

/// Checks a list of assignment documents before any is looked at.
pub(super) fn check_assignments(place: &str, assignments: &[String]) -> Result<(), Problem> {
    within(place, "assignments", assignments.len(), ASSIGNMENTS)?;
    let longest = assignments.iter().map(String::len).max().unwrap_or(0);
    within(place, "bytes in an assignment", longest, ASSIGNMENT_BYTES)
}

#[cfg(test)]
mod tests;
