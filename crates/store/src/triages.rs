//! **Forensic triages**: what people said of hosts that may have been broken
//! into. Rows are added; none is changed or deleted.

use crate::change::Change;
use crate::columns::{Columns, to_json};
use crate::engine::Store;
use crate::error::{Result, StoreError};
use jiff::Timestamp;
use plimsoll_core::model::identifier::HostId;
use plimsoll_core::model::triage::{TriageStep, TriageWord};
use sqlx::any::AnyRow;

fn read(row: &AnyRow) -> Result<TriageWord> {
    Ok(TriageWord {
        id: row.parsed("id")?,
        client: row.parsed("client")?,
        host: row.parsed("host")?,
        advisories: row.json("advisories")?,
        step: row.word("step", TriageStep::parse)?,
        evidence: row.optional_text("evidence")?,
        reason: row.text("reason")?,
        released: row.flag("released")?,
        at: row.time("at")?,
        by: row.text("person")?,
    })
}

impl Store {
    /// What was said from a moment on, the oldest first.
    ///
    /// # Errors
    /// The store cannot be read.
    pub async fn triages_since(&self, since: Timestamp) -> Result<Vec<TriageWord>> {
        let rows = sqlx::query("SELECT * FROM triages WHERE at >= $1 ORDER BY at, id").bind(since.as_microsecond()).fetch_all(&mut *self.reader().await?).await?;
        rows.iter().map(read).collect()
    }

    /// What was said of a host, the oldest first.
    ///
    /// # Errors
    /// The store cannot be read.
    pub async fn triages_of(&self, host: HostId) -> Result<Vec<TriageWord>> {
        let rows = sqlx::query("SELECT * FROM triages WHERE host = $1 ORDER BY at, id").bind(host.to_string()).fetch_all(&mut *self.reader().await?).await?;
        rows.iter().map(read).collect()
    }
}

impl Change {
    /// Keeps a word.
    ///
    /// # Errors
    /// There is no such host of the client.
    pub async fn add_triage(&mut self, word: &TriageWord) -> Result<()> {
        let done = sqlx::query(
            "INSERT INTO triages (id, client, host, advisories, step, evidence, reason, released, at, person)
             SELECT CAST($1 AS TEXT), client, id, CAST($4 AS TEXT), CAST($5 AS TEXT), CAST($6 AS TEXT), CAST($7 AS TEXT), CAST($8 AS BIGINT), CAST($9 AS BIGINT), CAST($10 AS TEXT)
             FROM hosts WHERE id = $2 AND client = $3",
        )
        .bind(word.id.to_string())
        .bind(word.host.to_string())
        .bind(word.client.to_string())
        .bind(to_json(&word.advisories)?)
        .bind(word.step.word())
        .bind(word.evidence.as_deref())
        .bind(word.reason.as_str())
        .bind(i64::from(word.released))
        .bind(word.at.as_microsecond())
        .bind(word.by.as_str())
        .execute(self.connection())
        .await?;
        if done.rows_affected() == 0 {
            return Err(StoreError::not_found(format!("host:{}", word.host)));
        }
        self.concerns(word.client);
        // Who said it and in which words stand beside the leaf, so that they
        // can be deleted.
        self.record_personal(&format!("triage:{}", word.id), None, Some(word))
    }
}
