//! What hosts are shown of the evidence log, so that the fleet is its witness.
//!
//! All hosts are offered the same checkpoint for some minutes: a log that grows
//! by the second would otherwise turn every check-in into a proof of its own.

use crate::http::problem::Refusal;
use jiff::Timestamp;
use plimsoll_formats::protocol::{Remembered, encode_hex};
use plimsoll_store::Store;
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
        if remembered.size <= self.0.lock().unwrap_or_else(PoisonError::into_inner).size {
            return Ok(None);
        }
        // Another server of the same database may have shown it.
        let newest = store.checkpoint().await?;
        let size = newest.as_ref().map_or(0, |newest| newest.size);
        if remembered.size < size || newest.is_some_and(|newest| remembered.size == size && encode_hex(&newest.root) == remembered.root) {
            return Ok(None);
        }
        let text = if remembered.size == size { "another history of it".to_owned() } else { format!("{size}") };
        Ok(Some(format!(
            "E-LOG-AHEAD: remembers {} entries of the evidence log where this server has {text}: an older backup was taken up, or somebody else wrote in the log's name",
            remembered.size
        )))
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
