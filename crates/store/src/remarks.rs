//! **Remarks**: what people and the clock said of a change beside signatures.

use crate::change::Change;
use crate::columns::Columns;
use crate::engine::Store;
use crate::error::Result;
use plimsoll_core::model::authorisation::{Remark, RemarkKind};
use plimsoll_core::model::identifier::ClientId;
use serde_json::json;
use sqlx::any::AnyRow;
use std::collections::BTreeMap;

/// Whom remarks of the clock are by.
pub const CLOCK: &str = "server";

fn read(row: &AnyRow) -> Result<Remark> {
    Ok(Remark { kind: row.word("kind", RemarkKind::parse)?, who: row.text("who")?, text: row.text("text")?, at: row.time("added")? })
}

impl Store {
    /// What was said of a package, in its order.
    ///
    /// # Errors
    /// The store cannot be read.
    pub async fn remarks(&self, package: &str) -> Result<Vec<Remark>> {
        let rows = sqlx::query("SELECT * FROM remarks WHERE package = $1 ORDER BY added, kind, who")
            .bind(package)
            .fetch_all(&mut *self.reader().await?)
            .await?;
        rows.iter().map(read).collect()
    }

    /// What was said of every package, in its order.
    ///
    /// # Errors
    /// The store cannot be read.
    pub async fn all_remarks(&self) -> Result<BTreeMap<String, Vec<Remark>>> {
        let rows = sqlx::query("SELECT * FROM remarks ORDER BY package, added, kind, who").fetch_all(&mut *self.reader().await?).await?;
        let mut all: BTreeMap<String, Vec<Remark>> = BTreeMap::new();
        for row in &rows {
            all.entry(row.text("package")?).or_default().push(read(row)?);
        }
        Ok(all)
    }
}

impl Change {
    /// Keeps a remark; false where the same one said the same before, whose
    /// words stay.
    ///
    /// # Errors
    /// There is no such package.
    pub async fn add_remark(&mut self, package: &str, client: ClientId, remark: &Remark) -> Result<bool> {
        let done = sqlx::query(
            "INSERT INTO remarks (package, kind, who, text, added) VALUES ($1, $2, $3, $4, $5)
             ON CONFLICT (package, kind, who) DO NOTHING",
        )
        .bind(package)
        .bind(remark.kind.word())
        .bind(remark.who.as_str())
        .bind(remark.text.as_str())
        .bind(remark.at.as_microsecond())
        .execute(self.connection())
        .await?;
        if done.rows_affected() == 0 {
            return Ok(false);
        }
        self.concerns(client);
        // Who and why a person said it stand beside the leaf, so that they can
        // be deleted; the clock has nothing to hide.
        let after = if remark.who == CLOCK { json!({ "clock": remark.text }) } else { json!({}) };
        self.record(&format!("package-remark:{package}:{}", remark.kind.word()), None, Some(&after))?;
        Ok(true)
    }
}
