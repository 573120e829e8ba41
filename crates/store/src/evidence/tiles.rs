//! Stored tiles of 256 hashes, and the tree read out of them.

use super::{Hash, TILE};
use crate::columns::Columns;
use crate::error::{Result, StoreError};
use crate::leases::to_number;
use sqlx::AnyConnection;
use std::cell::RefCell;
use std::collections::BTreeMap;
use tlog_tiles::{HashReader, Tile, record_hash};

/// Height of a tile: 2^8 hashes.
const HEIGHT: u8 = 8;

/// Bytes of one hash.
pub(crate) const HASH: usize = 32;

/// Tiles by level and number, as far as they were loaded.
#[derive(Default)]
pub(crate) struct Tiles {
    tiles: BTreeMap<(u8, u64), Vec<u8>>,
}

/// Right edge of a tree that grows: the last tile of each level.
pub(crate) struct Edge {
    size: u64,
    tiles: Tiles,
}

/// Hash of a leaf's bytes.
pub(crate) fn leaf_hash(bytes: &[u8]) -> Hash {
    record_hash(bytes).0
}

impl HashReader for Tiles {
    fn read_hashes(&self, indexes: &[u64]) -> Result<Vec<tlog_tiles::Hash>, tlog_tiles::Error> {
        indexes
            .iter()
            .map(|index| {
                let tile = Tile::from_index(HEIGHT, *index);
                let bytes = self.tiles.get(&(tile.level(), tile.level_index())).ok_or(tlog_tiles::Error::IndexesNotInTree)?;
                tile.hash_at_index(bytes, *index)
            })
            .collect()
    }
}

/// Notes which hashes a proof asks for; its answers are worth nothing.
#[derive(Default)]
struct Recorder {
    indexes: RefCell<Vec<u64>>,
}

impl HashReader for Recorder {
    fn read_hashes(&self, indexes: &[u64]) -> Result<Vec<tlog_tiles::Hash>, tlog_tiles::Error> {
        self.indexes.borrow_mut().extend(indexes);
        Ok(vec![tlog_tiles::Hash([0; HASH]); indexes.len()])
    }
}

pub(crate) fn tree_error(error: tlog_tiles::Error) -> StoreError {
    match error {
        tlog_tiles::Error::InvalidInput(text) => StoreError::invalid("evidence log", text),
        other => StoreError::damaged("evidence log", other.to_string()),
    }
}

impl Tiles {
    /// Runs a computation over the stored tree: once dry, to learn which tiles
    /// it reads, because the tree's library reads synchronously and the
    /// database does not; then with those tiles.
    pub(crate) async fn for_computation<T>(
        connection: &mut AnyConnection,
        run: impl Fn(&dyn HashReaderObject) -> Result<T, tlog_tiles::Error>,
    ) -> Result<T> {
        let wanted = {
            let recorder = Recorder::default();
            run(&recorder).map_err(tree_error)?;
            recorder.indexes.into_inner()
        };
        let mut tiles = Self::default();
        for index in wanted {
            let tile = Tile::from_index(HEIGHT, index);
            tiles.load(connection, tile.level(), tile.level_index()).await?;
        }
        run(&tiles).map_err(tree_error)
    }

    pub(crate) async fn load(&mut self, connection: &mut AnyConnection, level: u8, number: u64) -> Result<()> {
        if self.tiles.contains_key(&(level, number)) {
            return Ok(());
        }
        let row = sqlx::query("SELECT hashes FROM evidence_tiles WHERE level = $1 AND number = $2")
            .bind(i64::from(level))
            .bind(to_number(number)?)
            .fetch_optional(connection)
            .await?;
        let missing = || StoreError::damaged(format!("tile {level}/{number}"), "The tile is missing.");
        let bytes = row.ok_or_else(missing)?.bytes("hashes")?;
        self.tiles.insert((level, number), bytes);
        Ok(())
    }
}

/// What the tree's library wants of a reader, usable through a reference.
pub(crate) trait HashReaderObject {
    fn read(&self, indexes: &[u64]) -> Result<Vec<tlog_tiles::Hash>, tlog_tiles::Error>;
}

impl<R: HashReader> HashReaderObject for R {
    fn read(&self, indexes: &[u64]) -> Result<Vec<tlog_tiles::Hash>, tlog_tiles::Error> {
        self.read_hashes(indexes)
    }
}

/// Gives such a reference to the library.
pub(crate) struct Through<'a>(pub(crate) &'a dyn HashReaderObject);

impl HashReader for Through<'_> {
    fn read_hashes(&self, indexes: &[u64]) -> Result<Vec<tlog_tiles::Hash>, tlog_tiles::Error> {
        self.0.read(indexes)
    }
}

impl Edge {
    /// Loads the right edge of a tree of this size.
    pub(crate) async fn load(connection: &mut AnyConnection, size: u64) -> Result<Self> {
        let mut tiles = Tiles::default();
        for level in 0..8 {
            let hashes = size >> (u32::from(level) * 8);
            let (number, width) = (hashes / TILE, (hashes % TILE) as usize * HASH);
            if hashes == 0 {
                break;
            }
            if width == 0 {
                continue;
            }
            tiles.load(connection, level, number).await?;
            let there = tiles.tiles.get(&(level, number)).map_or(0, Vec::len);
            if there != width {
                let text = format!("The tile has {there} bytes, a tree of {size} leaves needs {width}.");
                return Err(StoreError::damaged(format!("tile {level}/{number}"), text));
            }
        }
        Ok(Self { size, tiles })
    }

    /// Appends one leaf.
    pub(crate) fn append(&mut self, hash: Hash) {
        let (mut level, mut count, mut hash) = (0u8, self.size, hash);
        self.size += 1;
        loop {
            let tile = self.tiles.tiles.entry((level, count / TILE)).or_default();
            tile.extend_from_slice(&hash);
            if tile.len() < TILE as usize * HASH {
                return;
            }
            hash = Tile::subtree_hash(tile).0;
            count /= TILE;
            level += 1;
        }
    }

    /// Root of the tree.
    pub(crate) fn root(&self) -> Result<Hash> {
        Ok(tlog_tiles::tree_hash(self.size, &self.tiles).map_err(tree_error)?.0)
    }

    /// Number of leaves.
    pub(crate) fn size(&self) -> u64 {
        self.size
    }

    /// Writes all tiles that were loaded or begun.
    pub(crate) async fn save(&self, connection: &mut AnyConnection) -> Result<()> {
        for ((level, number), bytes) in &self.tiles.tiles {
            sqlx::query(
                "INSERT INTO evidence_tiles (level, number, hashes) VALUES ($1, $2, $3)
                 ON CONFLICT (level, number) DO UPDATE SET hashes = excluded.hashes",
            )
            .bind(i64::from(*level))
            .bind(to_number(*number)?)
            .bind(bytes.as_slice())
            .execute(&mut *connection)
            .await?;
        }
        Ok(())
    }
}
