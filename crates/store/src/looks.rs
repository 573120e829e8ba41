//! **Looks**: each time that a person looked at something that the policy wants
//! looked at. Rows are added; none is changed or deleted.

use crate::change::Change;
use crate::columns::Columns;
use crate::engine::Store;
use crate::error::{Result, StoreError};
use jiff::Timestamp;
use plimsoll_core::model::identifier::ClientId;
use plimsoll_core::model::look::{Look, LookKind};
use sqlx::any::AnyRow;

fn read(row: &AnyRow) -> Result<Look> {
    Ok(Look {
        kind: row.word("kind", LookKind::parse)?,
        subject: row.text("subject")?,
        item: row.text("item")?,
        client: row.optional_parsed::<ClientId>("client")?,
        held: row.flag("held")?,
        note: row.text("note")?,
        at: row.time("at")?,
        by: row.text("person")?,
    })
}

impl Store {
    /// What was looked at of one subject, the oldest look first.
    ///
    /// # Errors
    /// The store cannot be read.
    pub async fn looks(&self, kind: LookKind, subject: &str) -> Result<Vec<Look>> {
        let rows = sqlx::query("SELECT * FROM looks WHERE kind = $1 AND subject = $2 ORDER BY at, item")
            .bind(kind.word())
            .bind(subject)
            .fetch_all(&mut *self.reader().await?)
            .await?;
        rows.iter().map(read).collect()
    }
}

impl Change {
    /// Keeps a look.
    ///
    /// # Errors
    /// `E-STATE` where one of the same moment is kept already.
    pub async fn add_look(&mut self, look: &Look) -> Result<()> {
        let object = format!("look:{}:{}:{}", look.kind.word(), look.subject, look.item);
        let done = sqlx::query(
            "INSERT INTO looks (kind, subject, item, at, client, held, note, person) VALUES ($1, $2, $3, $4, $5, $6, $7, $8)
             ON CONFLICT (kind, subject, item, at) DO NOTHING",
        )
        .bind(look.kind.word())
        .bind(look.subject.as_str())
        .bind(look.item.as_str())
        .bind(look.at.as_microsecond())
        .bind(look.client.map(|client| client.to_string()))
        .bind(i64::from(look.held))
        .bind(look.note.as_str())
        .bind(look.by.as_str())
        .execute(self.connection())
        .await?;
        if done.rows_affected() == 0 {
            return Err(StoreError::conflict("E-STATE", object, "Somebody looked at the same moment."));
        }
        if let Some(client) = look.client {
            self.concerns(client);
        }
        self.record_personal(&object, None, Some(look))
    }
}

/// The newest look at each item.
pub fn newest(looks: Vec<Look>) -> std::collections::BTreeMap<String, Look> {
    looks.into_iter().map(|look| (look.item.clone(), look)).collect()
}

/// When a subject was last looked at.
pub fn last(looks: &[Look]) -> Option<Timestamp> {
    looks.iter().map(|look| look.at).max()
}
