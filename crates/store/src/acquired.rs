//! What was **acquired**: which bytes are which version of a package.
//!
//! It names content and holds none: bytes lie by their SHA-256 where artefacts
//! are kept. A version that is known with other bytes is refused, because then
//! one of the two is not what its publisher made.

use crate::change::Change;
use crate::columns::Columns;
use crate::engine::Store;
use crate::error::{Result, StoreError};
use crate::leases::to_number;
use plimsoll_core::model::stream::Stream;
use serde::Serialize;
use sqlx::AnyConnection;
use sqlx::any::AnyRow;

/// One version of a package.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize)]
pub struct Acquired {
    /// Release it belongs to.
    pub stream: Stream,
    /// Package.
    pub name: String,
    /// Architecture.
    pub arch: String,
    /// Version.
    pub version: String,
    /// SHA-256 of its file, hex.
    pub sha256: String,
    /// Length of its file in bytes.
    pub size: u64,
    /// Whose index named it.
    pub repository: String,
}

fn read(row: &AnyRow) -> Result<Acquired> {
    Ok(Acquired {
        stream: Stream::from_stored(&row.text("stream")?),
        name: row.text("name")?,
        arch: row.text("arch")?,
        version: row.text("version")?,
        sha256: row.text("sha256")?,
        size: row.count("size")?,
        repository: row.text("repository")?,
    })
}

async fn known(connection: &mut AnyConnection, what: &Acquired) -> Result<Option<Acquired>> {
    let row = sqlx::query("SELECT * FROM acquired WHERE stream = $1 AND name = $2 AND arch = $3 AND version = $4")
        .bind(what.stream.as_str())
        .bind(what.name.as_str())
        .bind(what.arch.as_str())
        .bind(what.version.as_str())
        .fetch_optional(connection)
        .await?;
    row.as_ref().map(read).transpose()
}

impl Store {
    /// What was acquired for a release, by name, architecture and version.
    ///
    /// # Errors
    /// The store cannot be read.
    pub async fn acquired(&self, stream: &Stream) -> Result<Vec<Acquired>> {
        let rows = sqlx::query("SELECT * FROM acquired WHERE stream = $1 ORDER BY name, arch, version")
            .bind(stream.as_str())
            .fetch_all(&mut *self.reader().await?)
            .await?;
        rows.iter().map(read).collect()
    }
}

impl Change {
    /// Notes what was acquired; what is known already stays. Gives how many
    /// were not known.
    ///
    /// # Errors
    /// `E-OTHER-BYTES` where a version is known with other bytes.
    pub async fn add_acquired(&mut self, list: &[Acquired]) -> Result<u64> {
        let mut new = 0;
        for what in list {
            let object = format!("acquired:{}/{}/{}/{}", what.stream, what.name, what.arch, what.version);
            if let Some(known) = known(self.connection(), what).await? {
                if known.sha256 != what.sha256 || known.size != what.size {
                    let text = format!("It is known with SHA-256 {} and was now given with {}.", known.sha256, what.sha256);
                    return Err(StoreError::conflict("E-OTHER-BYTES", object, text));
                }
                continue;
            }
            let now = self.time().as_microsecond();
            sqlx::query(
                "INSERT INTO acquired (stream, name, arch, version, sha256, size, repository, added)
                 VALUES ($1, $2, $3, $4, $5, $6, $7, $8)",
            )
            .bind(what.stream.as_str())
            .bind(what.name.as_str())
            .bind(what.arch.as_str())
            .bind(what.version.as_str())
            .bind(what.sha256.as_str())
            .bind(to_number(what.size)?)
            .bind(what.repository.as_str())
            .bind(now)
            .execute(self.connection())
            .await?;
            self.record(&object, None, Some(what))?;
            new += 1;
        }
        Ok(new)
    }
}
