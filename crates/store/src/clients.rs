//! **Clients** of a service provider; a single organisation has one.

use crate::change::Change;
use crate::columns::Columns;
use crate::engine::Store;
use crate::error::{Result, StoreError};
use crate::identifier::fresh;
use crate::scope::{Conditions, Scope};
use jiff::Timestamp;
use plimsoll_core::model::identifier::ClientId;
use serde::Serialize;
use sqlx::any::AnyRow;

/// A client.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct Client {
    /// Id.
    pub id: ClientId,
    /// Name, unique.
    pub name: String,
    /// When it was made.
    pub created: Timestamp,
    /// When it was put away; its data stays.
    pub archived: Option<Timestamp>,
}

fn read(row: &AnyRow) -> Result<Client> {
    Ok(Client {
        id: row.parsed("id")?,
        name: row.text("name")?,
        created: row.time("created")?,
        archived: row.optional_time("archived")?,
    })
}

impl Store {
    /// Clients within a scope, by name.
    ///
    /// # Errors
    /// The store cannot be read.
    pub async fn clients(&self, scope: &Scope) -> Result<Vec<Client>> {
        let mut conditions = Conditions::default();
        conditions.clients_within("id", scope);
        let sql = format!("SELECT * FROM clients{} ORDER BY name", conditions.sql());
        conditions.query(sql).fetch_all(&mut *self.reader().await?).await?.iter().map(read).collect()
    }

    /// One client.
    ///
    /// # Errors
    /// There is none with this id.
    pub async fn client(&self, id: ClientId) -> Result<Client> {
        let row = sqlx::query("SELECT * FROM clients WHERE id = $1")
            .bind(id.to_string())
            .fetch_optional(&mut *self.reader().await?)
            .await?;
        read(&row.ok_or_else(|| StoreError::not_found(format!("client:{id}")))?)
    }
}

impl Change {
    /// Makes a client.
    ///
    /// # Errors
    /// `E-TAKEN` for a name that is there.
    pub async fn add_client(&mut self, name: &str) -> Result<Client> {
        let client = Client { id: ClientId::from_bits(fresh(self.time())?), name: name.to_owned(), created: self.time(), archived: None };
        sqlx::query("INSERT INTO clients (id, name, created, archived) VALUES ($1, $2, $3, NULL)")
            .bind(client.id.to_string())
            .bind(name)
            .bind(client.created.as_microsecond())
            .execute(self.connection())
            .await?;
        self.concerns(client.id);
        self.record(&format!("client:{}", client.id), None, Some(&client))?;
        Ok(client)
    }

    /// Renames a client, or puts it away and brings it back.
    ///
    /// # Errors
    /// There is none with this id, or `E-TAKEN`.
    pub async fn update_client(&mut self, id: ClientId, edit: impl FnOnce(&mut Client) + Send) -> Result<Client> {
        let row = sqlx::query("SELECT * FROM clients WHERE id = $1").bind(id.to_string()).fetch_optional(self.connection()).await?;
        let before = read(&row.ok_or_else(|| StoreError::not_found(format!("client:{id}")))?)?;
        let mut after = before.clone();
        edit(&mut after);
        (after.id, after.created) = (before.id, before.created);
        sqlx::query("UPDATE clients SET name = $2, archived = $3 WHERE id = $1")
            .bind(id.to_string())
            .bind(after.name.as_str())
            .bind(after.archived.map(Timestamp::as_microsecond))
            .execute(self.connection())
            .await?;
        self.concerns(id);
        self.record(&format!("client:{id}"), Some(&before), Some(&after))?;
        Ok(after)
    }
}
