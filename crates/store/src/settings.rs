//! **Settings**: small values by name, as JSON.

use crate::change::Change;
use crate::columns::{Columns, to_json};
use crate::engine::Store;
use crate::error::Result;
use serde::Serialize;
use serde::de::DeserializeOwned;
use std::collections::BTreeMap;

impl Store {
    /// One setting; none where it was never set.
    ///
    /// # Errors
    /// The store cannot be read, or the value is not of this type.
    pub async fn setting<T: DeserializeOwned>(&self, name: &str) -> Result<Option<T>> {
        let row = sqlx::query("SELECT value FROM settings WHERE name = $1")
            .bind(name)
            .fetch_optional(&mut *self.reader().await?)
            .await?;
        row.map(|row| row.json("value")).transpose()
    }

    /// All settings as JSON texts by name.
    ///
    /// # Errors
    /// The store cannot be read.
    pub async fn settings(&self) -> Result<BTreeMap<String, String>> {
        let rows = sqlx::query("SELECT name, value FROM settings").fetch_all(&mut *self.reader().await?).await?;
        rows.iter().map(|row| Ok((row.text("name")?, row.text("value")?))).collect()
    }
}

impl Change {
    /// Sets or, with none, removes a setting.
    ///
    /// Nothing secret belongs here unless it is sealed first.
    ///
    /// # Errors
    /// The value has no JSON form.
    pub async fn set<T: Serialize>(&mut self, name: &str, value: Option<&T>) -> Result<()> {
        let text = value.map(to_json).transpose()?;
        let old = sqlx::query("SELECT value FROM settings WHERE name = $1").bind(name).fetch_optional(self.connection()).await?;
        let old: Option<serde_json::Value> = old.map(|row| row.json("value")).transpose()?;
        match &text {
            Some(text) => {
                sqlx::query(
                    "INSERT INTO settings (name, value, changed) VALUES ($1, $2, $3)
                     ON CONFLICT (name) DO UPDATE SET value = excluded.value, changed = excluded.changed",
                )
                .bind(name)
                .bind(text.as_str())
                .bind(self.time().as_microsecond())
                .execute(self.connection())
                .await?;
            }
            None => {
                sqlx::query("DELETE FROM settings WHERE name = $1").bind(name).execute(self.connection()).await?;
            }
        }
        let new = text.as_deref().and_then(|text| serde_json::from_str::<serde_json::Value>(text).ok());
        self.record(&format!("setting:{name}"), old.as_ref(), new.as_ref())
    }
}
