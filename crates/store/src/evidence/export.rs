//! **Export**: the whole log as a folder of files that anyone can verify
//! without this program, in the layout of C2SP `tlog-tiles`.

use super::TILE;
use crate::columns::Columns;
use crate::engine::{Store, file_error};
use crate::error::{ErrorKind, Result, StoreError};
use crate::leases::to_number;
use data_encoding::HEXLOWER;
use serde::{Deserialize, Serialize};
use sqlx::AnyConnection;
use std::collections::BTreeMap;
use std::path::Path;

/// What a folder of evidence says of itself.
const README: &str = include_str!("export_readme.md");

/// A text beside a leaf, one line of `texts/`.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub(crate) struct Disclosed {
    /// Position of its leaf.
    pub(crate) position: u64,
    /// Which of the leaf's commitments it opens.
    pub(crate) field: String,
    /// Salt, hex.
    pub(crate) salt: String,
    /// The text.
    pub(crate) content: String,
}

/// What was exported.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Exported {
    /// Leaves.
    pub size: u64,
    /// Verifier key of the log. Whoever verifies should have it from elsewhere.
    pub verifier_key: String,
}

/// Path of a tile or bundle: `x001/x234/067`, with `.p/<width>` for one that
/// is not full.
pub(crate) fn tile_path(kind: &str, number: u64, width: u64) -> String {
    let mut parts = vec![format!("{:03}", number % 1000)];
    let mut rest = number / 1000;
    while rest > 0 {
        parts.insert(0, format!("x{:03}", rest % 1000));
        rest /= 1000;
    }
    let partial = if width < TILE { format!(".p/{width}") } else { String::new() };
    format!("tile/{kind}/{}{partial}", parts.join("/"))
}

/// Numbers and widths of the tiles of a level that has so many hashes.
pub(crate) fn tiles_of(hashes: u64) -> impl Iterator<Item = (u64, u64)> {
    (0..hashes.div_ceil(TILE)).map(move |number| (number, TILE.min(hashes - number * TILE)))
}

fn write(folder: &Path, name: &str, bytes: &[u8]) -> Result<()> {
    let path = folder.join(name);
    let attempt = || {
        if let Some(parent) = path.parent() {
            std::fs::create_dir_all(parent)?;
        }
        std::fs::write(&path, bytes)
    };
    attempt().map_err(|error| file_error(&path, &error))
}

impl Store {
    /// Writes the log up to its newest checkpoint into an empty folder; what
    /// is not integrated yet is not in it.
    ///
    /// Damage is written as it is found (a leaf that is missing as an entry of
    /// no bytes), for the verifier to name.
    ///
    /// # Errors
    /// The folder is not empty or cannot be written, or there is no checkpoint.
    pub async fn export_evidence(&self, folder: &Path) -> Result<Exported> {
        if std::fs::read_dir(folder).is_ok_and(|mut entries| entries.next().is_some()) {
            let text = "The folder is not empty.";
            return Err(StoreError::new(ErrorKind::Invalid, "E-FILE", folder.to_string_lossy(), text, "Name a new folder."));
        }
        let log = self.log().await?;
        let checkpoint = self.checkpoint().await?.ok_or_else(|| StoreError::not_found("checkpoint"))?;
        let mut connection = self.reader().await?;
        write(folder, "README.md", README.as_bytes())?;
        write(folder, "log.vkey", format!("{}\n", log.verifier_key).as_bytes())?;
        write(folder, "checkpoint", checkpoint.note.as_bytes())?;
        let notes = sqlx::query("SELECT size, note FROM evidence_checkpoints WHERE size <= $1 ORDER BY size")
            .bind(to_number(checkpoint.size)?)
            .fetch_all(&mut *connection)
            .await?;
        for row in notes {
            write(folder, &format!("checkpoints/{}", row.count("size")?), row.text("note")?.as_bytes())?;
        }
        for (number, width) in tiles_of(checkpoint.size) {
            export_bundle(&mut connection, folder, number, width).await?;
        }
        let mut hashes = checkpoint.size;
        for level in 0..8 {
            for (number, width) in tiles_of(hashes) {
                export_tile(&mut connection, folder, level, number, width).await?;
            }
            hashes /= TILE;
        }
        Ok(Exported { size: checkpoint.size, verifier_key: log.verifier_key })
    }
}

async fn export_bundle(connection: &mut AnyConnection, folder: &Path, number: u64, width: u64) -> Result<()> {
    let (first, end) = (to_number(number * TILE)?, to_number(number * TILE + width)?);
    let rows = sqlx::query("SELECT position, bytes FROM evidence_leaves WHERE position >= $1 AND position < $2")
        .bind(first)
        .bind(end)
        .fetch_all(&mut *connection)
        .await?;
    let mut leaves: BTreeMap<i64, Vec<u8>> = BTreeMap::new();
    for row in &rows {
        leaves.insert(row.number("position")?, row.bytes("bytes")?);
    }
    let mut bundle = Vec::new();
    for position in first..end {
        let bytes = leaves.remove(&position).unwrap_or_default();
        // Longer ones were never written by us; cut, they fail to verify.
        let length = u16::try_from(bytes.len()).unwrap_or(u16::MAX);
        bundle.extend_from_slice(&length.to_be_bytes());
        bundle.extend_from_slice(bytes.get(..usize::from(length)).unwrap_or_default());
    }
    write(folder, &tile_path("entries", number, width), &bundle)?;

    let rows = sqlx::query(
        "SELECT evidence_leaves.position, field, salt, content FROM evidence_texts
         JOIN evidence_leaves ON evidence_leaves.id = evidence_texts.leaf
         WHERE position >= $1 AND position < $2 ORDER BY position, field",
    )
    .bind(first)
    .bind(end)
    .fetch_all(connection)
    .await?;
    if rows.is_empty() {
        return Ok(());
    }
    let mut lines = String::new();
    for row in rows {
        let text = Disclosed {
            position: row.count("position")?,
            field: row.text("field")?,
            salt: HEXLOWER.encode(&row.bytes("salt")?),
            content: row.text("content")?,
        };
        lines.push_str(&crate::columns::to_json(&text)?);
        lines.push('\n');
    }
    write(folder, &format!("texts/{number}.jsonl"), lines.as_bytes())
}

async fn export_tile(connection: &mut AnyConnection, folder: &Path, level: u8, number: u64, width: u64) -> Result<()> {
    let row = sqlx::query("SELECT hashes FROM evidence_tiles WHERE level = $1 AND number = $2")
        .bind(i64::from(level))
        .bind(to_number(number)?)
        .fetch_optional(connection)
        .await?;
    let Some(row) = row else { return Ok(()) };
    let bytes = row.bytes("hashes")?;
    // The tree may have grown since the checkpoint was read.
    let wanted = usize::try_from(width * 32).unwrap_or(usize::MAX).min(bytes.len());
    write(folder, &tile_path(&level.to_string(), number, width), bytes.get(..wanted).unwrap_or_default())
}
