//! **Webhooks**: where events are sent, an address that gets requests or
//! people who get mail. Their signing secrets are sealed.

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

/// The way of events to a target.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Channel {
    /// Requests to an address.
    Webhook,
    /// Letters to people.
    Mail,
    /// Messages to a Slack channel.
    Slack,
    /// Messages to a Microsoft Teams channel.
    Teams,
    /// Messages to a Matrix room.
    Matrix,
}

impl Channel {
    /// All of them.
    pub const ALL: [Self; 5] = [Self::Webhook, Self::Mail, Self::Slack, Self::Teams, Self::Matrix];

    /// The word in storage, API and console.
    pub fn word(self) -> &'static str {
        match self {
            Self::Webhook => "webhook",
            Self::Mail => "mail",
            Self::Slack => "slack",
            Self::Teams => "teams",
            Self::Matrix => "matrix",
        }
    }

    /// Reads that word.
    pub fn parse(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|channel| channel.word() == word)
    }
}

/// Where events are sent.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct Webhook {
    /// Id.
    pub id: WebhookId,
    /// Client whose events it gets; none for those of all.
    pub client: Option<ClientId>,
    /// Way to it.
    pub channel: Channel,
    /// Name.
    pub name: String,
    /// Address, or mail addresses with commas between them.
    pub url: String,
    /// Types of events, in the server's words; empty for all.
    pub events: Vec<String>,
    /// Whether events are sent.
    pub enabled: bool,
    /// When it was made.
    pub created: Timestamp,
    /// Since when every try failed; none while they arrive.
    #[serde(skip)]
    pub failing_since: Option<Timestamp>,
    /// What came of the last try.
    #[serde(skip)]
    pub last_answer: Option<String>,
    /// Why the server switched it off; none where nobody or a person did.
    pub disabled_because: Option<String>,
    /// Until when the signing secret before the present one signs too.
    pub old_secret_until: Option<Timestamp>,
}

fn read(row: &AnyRow) -> Result<Webhook> {
    Ok(Webhook {
        id: row.parsed("id")?,
        client: row.optional_parsed("client")?,
        channel: row.word("channel", Channel::parse)?,
        name: row.text("name")?,
        url: row.text("url")?,
        events: row.json("events")?,
        enabled: row.flag("enabled")?,
        created: row.time("created")?,
        failing_since: row.optional_time("failing_since")?,
        last_answer: row.optional_text("last_answer")?,
        disabled_because: row.optional_text("disabled_because")?,
        old_secret_until: row.optional_time("old_secret_until")?,
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

    /// The secrets that sign what is sent to a webhook: the present one, then
    /// the one before it while that still counts.
    ///
    /// # Errors
    /// There is none with this id, or the seal does not open.
    pub async fn webhook_secrets(&self, id: WebhookId, now: Timestamp) -> Result<Vec<String>> {
        let row = sqlx::query("SELECT secret, old_secret, old_secret_until FROM webhooks WHERE id = $1")
            .bind(id.to_string())
            .fetch_optional(&mut *self.reader().await?)
            .await?
            .ok_or_else(|| StoreError::not_found(purpose(id)))?;
        let mut sealed = vec![row.bytes("secret")?];
        if row.optional_time("old_secret_until")?.is_some_and(|until| now < until) {
            sealed.push(row.bytes("old_secret")?);
        }
        let open = |sealed: &Vec<u8>| {
            String::from_utf8(self.unseal(&purpose(id), sealed)?).map_err(|_| StoreError::damaged(purpose(id), "The secret is no text."))
        };
        sealed.iter().map(open).collect()
    }

    /// Deletes secrets that sign no more.
    ///
    /// # Errors
    /// The store cannot be reached.
    pub async fn expire_webhook_secrets(&self, now: Timestamp) -> Result<u64> {
        let mut transaction = self.writer().await?;
        let done = sqlx::query("UPDATE webhooks SET old_secret = NULL, old_secret_until = NULL WHERE old_secret_until <= $1")
            .bind(now.as_microsecond())
            .execute(&mut *transaction)
            .await?;
        self.commit(transaction).await?;
        Ok(done.rows_affected())
    }
}

impl Store {
    /// Notes what came of a try at a webhook, without a leaf; gives since when
    /// every try failed.
    ///
    /// # Errors
    /// The store cannot be reached.
    pub async fn note_try(&self, id: WebhookId, arrived: bool, answer: &str, now: Timestamp) -> Result<Option<Timestamp>> {
        let mut transaction = self.writer().await?;
        let row = sqlx::query(
            "UPDATE webhooks SET last_answer = $2, failing_since = CASE WHEN $3 = 1 THEN NULL ELSE COALESCE(failing_since, $4) END
             WHERE id = $1 RETURNING failing_since",
        )
        .bind(id.to_string())
        .bind(answer)
        .bind(i64::from(arrived))
        .bind(now.as_microsecond())
        .fetch_optional(&mut *transaction)
        .await?;
        self.commit(transaction).await?;
        row.map_or(Ok(None), |row| row.optional_time("failing_since"))
    }
}

impl Change {
    /// Makes a webhook and gives its signing secret, for whoever receives.
    ///
    /// # Errors
    /// There is no such client.
    pub async fn add_webhook(
        &mut self,
        client: Option<ClientId>,
        channel: Channel,
        name: &str,
        url: &str,
        events: Vec<String>,
    ) -> Result<(Webhook, String)> {
        let (id, created) = (WebhookId::from_bits(fresh(self.time())?), self.time());
        let (name, url) = (name.to_owned(), url.to_owned());
        let (failing_since, last_answer, disabled_because, old_secret_until) = (None, None, None, None);
        let webhook = Webhook { id, client, channel, name, url, events, enabled: true, created, failing_since, last_answer, disabled_because, old_secret_until };
        let secret = secret()?;
        let sealed = self.store().seal(&purpose(id), secret.as_bytes())?;
        sqlx::query(
            "INSERT INTO webhooks (id, client, channel, name, url, secret, events, enabled, created) VALUES ($1, $2, $8, $3, $4, $5, $6, 1, $7)",
        )
        .bind(id.to_string())
        .bind(client.map(|client| client.to_string()))
        .bind(webhook.name.as_str())
        .bind(webhook.url.as_str())
        .bind(sealed)
        .bind(to_json(&webhook.events)?)
        .bind(webhook.created.as_microsecond())
        .bind(channel.word())
        .execute(self.connection())
        .await?;
        if let Some(client) = client {
            self.concerns(client);
        }
        // An address may carry a secret of its own in its query.
        self.record_personal(&purpose(id), None, Some(&webhook))?;
        Ok((webhook, secret))
    }

    /// Gives a webhook another signing secret; the present one signs too until
    /// then, and the one before that no more.
    ///
    /// # Errors
    /// There is none with this id, or it is one of mail, which nothing signs.
    pub async fn renew_webhook_secret(&mut self, id: WebhookId, until: Timestamp) -> Result<(Webhook, String)> {
        let before = by_id(self.connection(), id).await?;
        if before.channel != Channel::Webhook {
            return Err(StoreError::invalid(purpose(id), "Mail is not signed."));
        }
        let secret = secret()?;
        let sealed = self.store().seal(&purpose(id), secret.as_bytes())?;
        sqlx::query("UPDATE webhooks SET old_secret = secret, old_secret_until = $2, secret = $3 WHERE id = $1")
            .bind(id.to_string())
            .bind(until.as_microsecond())
            .bind(sealed)
            .execute(self.connection())
            .await?;
        if let Some(client) = before.client {
            self.concerns(client);
        }
        let after = Webhook { old_secret_until: Some(until), ..before.clone() };
        let (old, new) = differing(&before, &after)?;
        self.record_personal(&purpose(id), Some(&old), Some(&new))?;
        Ok((after, secret))
    }

    /// Edits name, address, events and whether it is enabled. What waits for
    /// one that is switched off is given up; one that is switched on again
    /// starts with a clean record.
    ///
    /// # Errors
    /// There is none with this id.
    pub async fn update_webhook(&mut self, id: WebhookId, edit: impl FnOnce(&mut Webhook) + Send) -> Result<Webhook> {
        let before = by_id(self.connection(), id).await?;
        let mut after = before.clone();
        edit(&mut after);
        let mut after = Webhook { id, client: before.client, channel: before.channel, created: before.created, old_secret_until: before.old_secret_until, ..after };
        if after.enabled && !before.enabled {
            (after.failing_since, after.disabled_because) = (None, None);
        }
        if before.enabled && !after.enabled {
            self.give_up(id, "The webhook was switched off.").await?;
        }
        sqlx::query("UPDATE webhooks SET name = $2, url = $3, events = $4, enabled = $5, failing_since = $6, disabled_because = $7 WHERE id = $1")
            .bind(id.to_string())
            .bind(after.name.as_str())
            .bind(after.url.as_str())
            .bind(to_json(&after.events)?)
            .bind(i64::from(after.enabled))
            .bind(after.failing_since.map(Timestamp::as_microsecond))
            .bind(after.disabled_because.as_deref())
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
        self.give_up(id, "The webhook was deleted.").await?;
        sqlx::query("DELETE FROM webhooks WHERE id = $1").bind(id.to_string()).execute(self.connection()).await?;
        if let Some(client) = webhook.client {
            self.concerns(client);
        }
        self.record_personal(&purpose(id), Some(&webhook), None)
    }

    async fn give_up(&mut self, id: WebhookId, answer: &str) -> Result<()> {
        sqlx::query("UPDATE deliveries SET state = 'failed', ended = $2, answer = $3 WHERE target = $1 AND state = 'waiting'")
            .bind(id.to_string())
            .bind(self.time().as_microsecond())
            .bind(answer)
            .execute(self.connection())
            .await?;
        Ok(())
    }
}
