//! What hosts are shown of the evidence log, so that the fleet is its witness.
//!
//! All hosts are offered the same checkpoint for some minutes: a log that grows
//! by the second would otherwise turn every check-in into a proof of its own.

use crate::http::problem::Refusal;
use data_encoding::BASE64;
use jiff::Timestamp;
use plimsoll_formats::protocol::{PackageAnswer, Remembered, encode_hex};
use plimsoll_store::{Store, StoreError};
use std::cmp::Ordering;
use std::collections::HashMap;
use std::sync::Mutex;
use std::sync::PoisonError;

/// Seconds for which one checkpoint is offered: a rewritten log is noticed
/// within that and one check-in.
const OFFERED_SECONDS: i64 = 300;
/// Proofs kept; hosts remember a handful of sizes at a time.
const PROOFS: usize = 1024;

/// The checkpoint on offer.
#[derive(Default)]
pub struct Witnessed(Mutex<Offered>);

#[derive(Default)]
struct Offered {
    at: i64,
    size: u64,
    note: Option<String>,
    /// Size and root of the newest checkpoint that was read, which may be later
    /// than the one on offer.
    newest: (u64, String),
    proofs: HashMap<u64, Vec<String>>,
}

impl Witnessed {
    /// The checkpoint a host should see, with the proof that it continues the
    /// one it remembers; none when it has seen it.
    ///
    /// # Errors
    ///
    /// What the store meets.
    pub async fn news(&self, store: &Store, remembered: Option<&Remembered>) -> Result<Option<(String, Vec<String>)>, Refusal> {
        self.renew(store).await?;
        let old = remembered.map_or(0, |remembered| remembered.size);
        let (size, note) = {
            let offered = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            let Some(note) = offered.note.clone() else { return Ok(None) };
            if offered.size <= old {
                return Ok(None);
            }
            if let Some(proof) = offered.proofs.get(&old) {
                return Ok(Some((note, proof.clone())));
            }
            (offered.size, note)
        };
        let proof = if old == 0 { Vec::new() } else { store.consistency_proof(old, size).await?.iter().map(|hash| encode_hex(hash)).collect() };
        let mut offered = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if offered.size == size && offered.proofs.len() < PROOFS {
            offered.proofs.insert(old, proof.clone());
        }
        Ok(Some((note, proof)))
    }

    /// What a host remembers of the log and this server does not have, in
    /// words: an older backup was taken up, or somebody else wrote in the log's
    /// name. None where the two can belong together; a host that remembers a
    /// part of the log holds the proof against it itself.
    ///
    /// # Errors
    ///
    /// What the store meets.
    pub async fn contradiction(&self, store: &Store, remembered: Option<&Remembered>) -> Result<Option<String>, Refusal> {
        let Some(remembered) = remembered else { return Ok(None) };
        let known = self.0.lock().unwrap_or_else(PoisonError::into_inner).newest.clone();
        let (size, root) = if remembered.size > known.0 {
            // Another server of the same database may have shown it, or this
            // one with a package.
            let newest = store.checkpoint().await?.map_or_else(Default::default, |newest| (newest.size, encode_hex(&newest.root)));
            self.0.lock().unwrap_or_else(PoisonError::into_inner).newest.clone_from(&newest);
            newest
        } else {
            known
        };
        // The words stay the same while the log grows, so that a flag which
        // somebody took off is known again.
        let what = match remembered.size.cmp(&size) {
            Ordering::Less => return Ok(None),
            Ordering::Equal if remembered.root == root => return Ok(None),
            Ordering::Equal => format!("another history of the evidence log's {size} entries"),
            Ordering::Greater => format!("{} entries of the evidence log, more than this server has", remembered.size),
        };
        Ok(Some(format!("E-LOG-AHEAD: remembers {what}: an older backup was taken up, or somebody else wrote in the log's name")))
    }

    async fn renew(&self, store: &Store) -> Result<(), Refusal> {
        let now = Timestamp::now().as_second();
        {
            let mut offered = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            if now - offered.at < OFFERED_SECONDS {
                return Ok(());
            }
            // One caller renews; the others go on with the one on offer.
            offered.at = now;
        }
        let newest = store.checkpoint().await?;
        let mut offered = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(newest) = newest.filter(|newest| newest.size > offered.size) {
            offered.size = newest.size;
            offered.note = Some(newest.note);
            offered.proofs.clear();
        }
        Ok(())
    }
}

/// A package with the proof that the log has its acceptance, and that the log
/// continues the one which the asker remembers; none while no checkpoint shows
/// the acceptance yet.
///
/// # Errors
///
/// Nothing accepted the package, or the store cannot be read.
pub async fn proven(store: &Store, digest: &str, package: String, remembered: Option<&Remembered>) -> Result<Option<PackageAnswer>, StoreError> {
    let (leaf, position) = store.acceptance(digest).await?;
    let checkpoint = store.checkpoint().await?;
    let Some((position, checkpoint)) = position.zip(checkpoint).filter(|(position, checkpoint)| checkpoint.size > *position) else {
        return Ok(None);
    };
    let proof = store.inclusion_proof(position, checkpoint.size).await?;
    // Whoever remembers more than there is sees that by the size alone.
    let continued = match remembered.map_or(0, |remembered| remembered.size) {
        old if (1..checkpoint.size).contains(&old) => store.consistency_proof(old, checkpoint.size).await?,
        _ => Vec::new(),
    };
    Ok(Some(PackageAnswer {
        package,
        leaf: BASE64.encode(&leaf),
        position,
        size: checkpoint.size,
        proof: proof.iter().map(|hash| encode_hex(hash)).collect(),
        checkpoint: checkpoint.note,
        consistency: continued.iter().map(|hash| encode_hex(hash)).collect(),
    }))
}
