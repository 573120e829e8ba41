//! **Alerts**: what somebody should look at that no list of work shows: a
//! clone, a token used twice, a silent source. Raising one that is open counts
//! it instead of repeating it.

use crate::change::Change;
use crate::columns::Columns;
use crate::engine::Store;
use crate::error::{Result, StoreError};
use crate::identifier::fresh;
use crate::scope::{Conditions, Scope};
use jiff::Timestamp;
use plimsoll_core::model::identifier::{ClientId, TokenId};
use sqlx::any::AnyRow;

/// Something to look at.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Alert {
    /// Id.
    pub id: String,
    /// Client it concerns; none for what concerns the server.
    pub client: Option<ClientId>,
    /// Kind, a code of the server, `clone`.
    pub kind: String,
    /// What it is about, `host:01h…`.
    pub object: String,
    /// One sentence.
    pub text: String,
    /// When it was raised.
    pub raised: Timestamp,
    /// How often since.
    pub times: u64,
    /// When last.
    pub last: Timestamp,
    /// When somebody closed it.
    pub closed: Option<Timestamp>,
}

fn read(row: &AnyRow) -> Result<Alert> {
    Ok(Alert {
        id: row.text("id")?,
        client: row.optional_parsed("client")?,
        kind: row.text("kind")?,
        object: row.text("object")?,
        text: row.text("text")?,
        raised: row.time("raised")?,
        times: row.count("times")?,
        last: row.time("last")?,
        closed: row.optional_time("closed")?,
    })
}

impl Store {
    /// Open alerts within a scope, newest first.
    ///
    /// # Errors
    /// The store cannot be read.
    pub async fn open_alerts(&self, scope: &Scope, limit: u32) -> Result<Vec<Alert>> {
        let mut all = Conditions::default();
        all.clients_within("client", scope);
        all.and("closed IS NULL".to_owned());
        let limit = all.number(i64::from(limit));
        let sql = format!("SELECT * FROM alerts{} ORDER BY last DESC, id LIMIT {limit}", all.sql());
        all.query(sql).fetch_all(&mut *self.reader().await?).await?.iter().map(read).collect()
    }
}

impl Store {
    /// One open alert, where it lies within a scope.
    ///
    /// # Errors
    /// The store cannot be read.
    pub async fn open_alert(&self, scope: &Scope, id: &str) -> Result<Option<Alert>> {
        let mut all = Conditions::default();
        all.clients_within("client", scope);
        let id = all.text(id);
        all.and(format!("id = {id} AND closed IS NULL"));
        let sql = format!("SELECT * FROM alerts{}", all.sql());
        all.query(sql).fetch_optional(&mut *self.reader().await?).await?.as_ref().map(read).transpose()
    }
}

impl Store {
    /// The open alert of a kind about something, where there is one.
    ///
    /// # Errors
    /// The store cannot be read.
    pub async fn alert_about(&self, kind: &str, object: &str) -> Result<Option<Alert>> {
        let row = sqlx::query("SELECT * FROM alerts WHERE kind = $1 AND object = $2 AND closed IS NULL")
            .bind(kind)
            .bind(object)
            .fetch_optional(&mut *self.reader().await?)
            .await?;
        row.as_ref().map(read).transpose()
    }
}

impl Change {
    /// Raises an alert, or counts one that is open; true for a new one.
    ///
    /// # Errors
    /// The store cannot be reached.
    pub async fn raise_alert(&mut self, client: Option<ClientId>, kind: &str, object: &str, text: &str) -> Result<bool> {
        let id = TokenId::from_bits(fresh(self.time())?).to_string();
        let row = sqlx::query(
            "INSERT INTO alerts (id, client, kind, object, text, raised, times, last, closed)
             VALUES ($1, $2, $3, $4, $5, $6, 1, $6, NULL)
             ON CONFLICT (kind, object) WHERE closed IS NULL
             DO UPDATE SET times = alerts.times + 1, last = excluded.last, text = excluded.text
             RETURNING times",
        )
        .bind(id)
        .bind(client.map(|client| client.to_string()))
        .bind(kind)
        .bind(object)
        .bind(text)
        .bind(self.time().as_microsecond())
        .fetch_one(self.connection())
        .await?;
        let times = row.count("times")?;
        if let Some(client) = client {
            self.concerns(client);
        }
        self.record(&format!("alert:{kind}:{object}"), None, Some(&serde_json::json!({ "times": times })))?;
        Ok(times == 1)
    }

    /// Closes an alert.
    ///
    /// # Errors
    /// There is none open with this id.
    pub async fn close_alert(&mut self, id: &str) -> Result<Alert> {
        let row = sqlx::query("UPDATE alerts SET closed = $2 WHERE id = $1 AND closed IS NULL RETURNING *")
            .bind(id)
            .bind(self.time().as_microsecond())
            .fetch_optional(self.connection())
            .await?;
        let alert = read(&row.ok_or_else(|| StoreError::not_found(format!("alert:{id}")))?)?;
        if let Some(client) = alert.client {
            self.concerns(client);
        }
        self.record(&format!("alert:{}:{}", alert.kind, alert.object), None, Some(&serde_json::json!({ "closed": true })))?;
        Ok(alert)
    }
}
