//! **Webhooks**: where events are sent. Their signing secrets are sealed.

use crate::change::Change;
use crate::columns::{Columns, to_json};
use crate::engine::Store;
use crate::error::{Result, StoreError};
use crate::hosts::differing;
use crate::identifier::{fresh, secret};
use crate::scope::{Conditions, Scope};
use jiff::Timestamp;
use plimsoll_core::model::identifier::{ClientId, WebhookId};
use serde::Serialize;
use sqlx::AnyConnection;
use sqlx::any::AnyRow;

/// Where events are sent.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct Webhook {
    /// Id.
    pub id: WebhookId,
    /// Client whose events it gets; none for those of all.
    pub client: Option<ClientId>,
    /// Name.
    pub name: String,
    /// Address.
    pub url: String,
    /// Types of events, in the server's words; empty for all.
    pub events: Vec<String>,
    /// Whether events are sent.
    pub enabled: bool,
    /// When it was made.
    pub created: Timestamp,
}

fn read(row: &AnyRow) -> Result<Webhook> {
    Ok(Webhook {
        id: row.parsed("id")?,
        client: row.optional_parsed("client")?,
        name: row.text("name")?,
        url: row.text("url")?,
        events: row.json("events")?,
        enabled: row.flag("enabled")?,
        created: row.time("created")?,
    })
}

fn purpose(id: WebhookId) -> String {
    format!("webhook:{id}")
}

async fn by_id(connection: &mut AnyConnection, id: WebhookId) -> Result<Webhook> {
    let row = sqlx::query("SELECT * FROM webhooks WHERE id = $1").bind(id.to_string()).fetch_optional(connection).await?;
    read(&row.ok_or_else(|| StoreError::not_found(purpose(id)))?)
}

impl Store {
    /// Webhooks of the clients within a scope, by name; those of all clients
    /// are for those who see everything.
    ///
    /// # Errors
    /// The store cannot be read.
    pub async fn webhooks(&self, scope: &Scope) -> Result<Vec<Webhook>> {
        let mut conditions = Conditions::default();
        conditions.clients_within("client", scope);
        let sql = format!("SELECT * FROM webhooks{} ORDER BY name, id", conditions.sql());
        conditions.query(sql).fetch_all(&mut *self.reader().await?).await?.iter().map(read).collect()
    }

    /// One webhook.
    ///
    /// # Errors
    /// There is none with this id.
    pub async fn webhook(&self, id: WebhookId) -> Result<Webhook> {
        by_id(&mut *self.reader().await?, id).await
    }

    /// The secret that signs what is sent to a webhook.
    ///
    /// # Errors
    /// There is none with this id, or the seal does not open.
    pub async fn webhook_secret(&self, id: WebhookId) -> Result<String> {
        let row = sqlx::query("SELECT secret FROM webhooks WHERE id = $1").bind(id.to_string()).fetch_optional(&mut *self.reader().await?).await?;
        let sealed = row.ok_or_else(|| StoreError::not_found(purpose(id)))?.bytes("secret")?;
        String::from_utf8(self.unseal(&purpose(id), &sealed)?).map_err(|_| StoreError::damaged(purpose(id), "The secret is no text."))
    }
}

impl Change {
    /// Makes a webhook and gives its signing secret, for whoever receives.
    ///
    /// # Errors
    /// There is no such client.
    pub async fn add_webhook(&mut self, client: Option<ClientId>, name: &str, url: &str, events: Vec<String>) -> Result<(Webhook, String)> {
        let id = WebhookId::from_bits(fresh(self.time())?);
        let webhook = Webhook { id, client, name: name.to_owned(), url: url.to_owned(), events, enabled: true, created: self.time() };
        let secret = secret()?;
        let sealed = self.store().seal(&purpose(id), secret.as_bytes())?;
        sqlx::query(
            "INSERT INTO webhooks (id, client, name, url, secret, events, enabled, created) VALUES ($1, $2, $3, $4, $5, $6, 1, $7)",
        )
        .bind(id.to_string())
        .bind(client.map(|client| client.to_string()))
        .bind(name)
        .bind(url)
        .bind(sealed)
        .bind(to_json(&webhook.events)?)
        .bind(webhook.created.as_microsecond())
        .execute(self.connection())
        .await?;
        if let Some(client) = client {
            self.concerns(client);
        }
        // An address may carry a secret of its own in its query.
        self.record_personal(&purpose(id), None, Some(&webhook))?;
        Ok((webhook, secret))
    }

    /// Edits name, address, events and whether it is enabled.
    ///
    /// # Errors
    /// There is none with this id.
    pub async fn update_webhook(&mut self, id: WebhookId, edit: impl FnOnce(&mut Webhook) + Send) -> Result<Webhook> {
        let before = by_id(self.connection(), id).await?;
        let mut after = before.clone();
        edit(&mut after);
        let after = Webhook { id, client: before.client, created: before.created, ..after };
        sqlx::query("UPDATE webhooks SET name = $2, url = $3, events = $4, enabled = $5 WHERE id = $1")
            .bind(id.to_string())
            .bind(after.name.as_str())
            .bind(after.url.as_str())
            .bind(to_json(&after.events)?)
            .bind(i64::from(after.enabled))
            .execute(self.connection())
            .await?;
        if let Some(client) = after.client {
            self.concerns(client);
        }
        let (old, new) = differing(&before, &after)?;
        self.record_personal(&purpose(id), Some(&old), Some(&new))?;
        Ok(after)
    }

    /// Deletes a webhook; what waits to be sent to it is given up.
    ///
    /// # Errors
    /// There is none with this id.
    pub async fn delete_webhook(&mut self, id: WebhookId) -> Result<()> {
        let webhook = by_id(self.connection(), id).await?;
        sqlx::query("UPDATE deliveries SET state = 'failed', ended = $2, answer = 'The webhook was deleted.' WHERE target = $1 AND state = 'waiting'")
            .bind(id.to_string())
            .bind(self.time().as_microsecond())
            .execute(self.connection())
            .await?;
        sqlx::query("DELETE FROM webhooks WHERE id = $1").bind(id.to_string()).execute(self.connection()).await?;
        if let Some(client) = webhook.client {
            self.concerns(client);
        }
        self.record_personal(&purpose(id), Some(&webhook), None)
    }
}
