//! Proofs that a leaf is in a tree and that one tree extends another.

use super::Hash;
use super::tiles::{Through, Tiles};
use crate::columns::Columns;
use crate::engine::Store;
use crate::error::{Result, StoreError};
use sqlx::AnyConnection;

/// Whether a proof shows that the tree of `size` leaves and this root has this
/// hash at a position.
pub fn proves_inclusion(proof: &[Hash], size: u64, root: Hash, position: u64, leaf: Hash) -> bool {
    let proof = wrapped(proof);
    tlog_tiles::check_record(&proof, size, tlog_tiles::Hash(root), position, tlog_tiles::Hash(leaf)).is_ok()
}

/// Whether a proof shows that a tree begins with an older one. Everything
/// begins with the empty tree.
pub fn proves_consistency(proof: &[Hash], size: u64, root: Hash, older_size: u64, older_root: Hash) -> bool {
    if older_size == 0 {
        return proof.is_empty() && older_root == tlog_tiles::EMPTY_HASH.0;
    }
    let proof = wrapped(proof);
    tlog_tiles::check_tree(&proof, size, tlog_tiles::Hash(root), older_size, tlog_tiles::Hash(older_root)).is_ok()
}

/// Hash of a leaf's bytes (RFC 6962).
pub fn leaf_hash(bytes: &[u8]) -> Hash {
    super::tiles::leaf_hash(bytes)
}

fn wrapped(hashes: &[Hash]) -> Vec<tlog_tiles::Hash> {
    hashes.iter().copied().map(tlog_tiles::Hash).collect()
}

fn plain(hashes: Vec<tlog_tiles::Hash>) -> Vec<Hash> {
    hashes.into_iter().map(|hash| hash.0).collect()
}

async fn check_size(connection: &mut AnyConnection, size: u64) -> Result<()> {
    let row = sqlx::query("SELECT size FROM evidence_log").fetch_one(connection).await?;
    let there = row.count("size")?;
    if size > there {
        return Err(StoreError::invalid("evidence log", format!("A tree of {size} leaves was asked for, there are {there}.")));
    }
    Ok(())
}

impl Store {
    /// Root of the tree when it had so many leaves.
    ///
    /// # Errors
    /// It never had so many, or tiles are damaged.
    pub async fn root_at(&self, size: u64) -> Result<Hash> {
        let mut connection = self.reader().await?;
        check_size(&mut connection, size).await?;
        Ok(Tiles::for_computation(&mut connection, |reader| tlog_tiles::tree_hash(size, &Through(reader))).await?.0)
    }

    /// Proof that the tree of `size` leaves has the leaf at a position.
    ///
    /// # Errors
    /// There is no such tree or position, or tiles are damaged.
    pub async fn inclusion_proof(&self, position: u64, size: u64) -> Result<Vec<Hash>> {
        let mut connection = self.reader().await?;
        check_size(&mut connection, size).await?;
        let proof = Tiles::for_computation(&mut connection, |reader| tlog_tiles::prove_record(size, position, &Through(reader)));
        Ok(plain(proof.await?))
    }

    /// Proof that the tree of `size` leaves begins with that of `older`; at
    /// most 64 hashes.
    ///
    /// # Errors
    /// There are no such trees, or tiles are damaged.
    pub async fn consistency_proof(&self, older: u64, size: u64) -> Result<Vec<Hash>> {
        let mut connection = self.reader().await?;
        check_size(&mut connection, size).await?;
        if older == 0 {
            return Ok(Vec::new());
        }
        let proof = Tiles::for_computation(&mut connection, |reader| tlog_tiles::prove_tree(size, older, &Through(reader)));
        Ok(plain(proof.await?))
    }
}
