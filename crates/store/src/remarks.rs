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

const OF_ONE: &str = "SELECT * FROM remarks WHERE package = $1 ORDER BY added, kind, who";

fn read(row: &AnyRow) -> Result<Remark> {
    Ok(Remark { kind: row.word("kind", RemarkKind::parse)?, who: row.text("who")?, text: row.text("text")?, at: row.time("added")? })
}

impl Store {
    /// What was said of a package, in its order.
    ///
    /// # Errors
    /// The store cannot be read.
    pub async fn remarks(&self, package: &str) -> Result<Vec<Remark>> {
        let rows = sqlx::query(OF_ONE).bind(package).fetch_all(&mut *self.reader().await?).await?;
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
    /// What was said of a package, which nobody adds to until this change ends.
    ///
    /// # Errors
    /// The store cannot be reached.
    pub async fn hold_remarks(&mut self, package: &str) -> Result<Vec<Remark>> {
        // Writing the row takes its lock, on either engine.
        sqlx::query("UPDATE deployment_packages SET state = state WHERE digest = $1").bind(package).execute(self.connection()).await?;
        sqlx::query(OF_ONE).bind(package).fetch_all(self.connection()).await?.iter().map(read).collect()
    }

    /// Keeps a remark; false where the same one said the same before, whose
    /// words stay.
    ///
    /// # Errors
    /// There is no such package.
    pub async fn add_remark(&mut self, package: &str, client: ClientId, remark: &Remark) -> Result<bool> {
        self.hold_remarks(package).await?;
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
