//! **Deliveries**: the outbox. An event is put in with the change that causes
//! it; whoever sends claims it for a while, and a claim that is not answered
//! ends by itself. A message may so arrive twice, never not at all; its id
//! tells the receiver.

use crate::change::Change;
use crate::columns::Columns;
use crate::engine::{Engine, Store};
use crate::error::{Result, StoreError};
use crate::identifier::fresh;
use crate::scope::{Conditions, Scope};
use jiff::Timestamp;
use plimsoll_core::model::identifier::{ClientId, WebhookId};
use sqlx::AnyConnection;
use sqlx::any::AnyRow;
use std::collections::BTreeMap;

/// The way of a letter to one person whom a policy names; its target is the
/// address.
pub const PERSON: &str = "person";

/// Where a delivery stands.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum DeliveryState {
    /// To be tried, for the first time or again.
    Waiting,
    /// Taken by the receiver.
    Delivered,
    /// Given up.
    Failed,
}

impl DeliveryState {
    /// The word in storage, API and console.
    pub fn word(self) -> &'static str {
        match self {
            Self::Waiting => "waiting",
            Self::Delivered => "delivered",
            Self::Failed => "failed",
        }
    }

    /// Reads that word.
    pub fn parse(word: &str) -> Option<Self> {
        [Self::Waiting, Self::Delivered, Self::Failed].into_iter().find(|state| state.word() == word)
    }
}

/// A message to be sent.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Delivery {
    /// Id, stable over all tries.
    pub id: String,
    /// Way, `webhook` or `mail`.
    pub channel: String,
    /// Webhook's id or mail address.
    pub target: String,
    /// Client it concerns.
    pub client: Option<ClientId>,
    /// Type of the event.
    pub event: String,
    /// Body as it is sent.
    pub body: Vec<u8>,
    /// Where it stands.
    pub state: DeliveryState,
    /// How often it was tried.
    pub attempts: u32,
    /// When it is tried next.
    pub next_try: Timestamp,
    /// When it was put in.
    pub created: Timestamp,
    /// When it was taken or given up.
    pub ended: Option<Timestamp>,
    /// What the receiver said last.
    pub answer: Option<String>,
}

/// A message to be put in.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Message {
    /// Way, `webhook` or `mail`.
    pub channel: String,
    /// Id of the webhook.
    pub target: String,
    /// Client whose readers may see it in the log.
    pub client: Option<ClientId>,
    /// Type of the event.
    pub event: String,
    /// Body as it is sent.
    pub body: Vec<u8>,
    /// When it is tried first.
    pub due: Timestamp,
}

/// Which messages of a target a sender takes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Take {
    /// Those whose time has come.
    Due,
    /// Those whose time comes by then, so that one letter holds them; what quiet
    /// hours hold back longer stays.
    Until(Timestamp),
}

/// What came of one try.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Outcome {
    /// The receiver took it.
    Delivered,
    /// To be tried again at this time.
    Again(Timestamp),
    /// Given up.
    GaveUp,
}

fn read(row: &AnyRow) -> Result<Delivery> {
    Ok(Delivery {
        id: row.text("id")?,
        channel: row.text("channel")?,
        target: row.text("target")?,
        client: row.optional_parsed("client")?,
        event: row.text("event")?,
        body: row.bytes("body")?,
        state: row.word("state", DeliveryState::parse)?,
        attempts: u32::try_from(row.number("attempts")?).map_err(|_| StoreError::damaged("attempts", "The number is out of range."))?,
        next_try: row.time("next_try")?,
        created: row.time("created")?,
        ended: row.optional_time("ended")?,
        answer: row.optional_text("answer")?,
    })
}

/// Draws ids for messages, in ascending order: they stay the same over all
/// tries.
pub(crate) fn ids(number: usize, now: Timestamp) -> Result<Vec<String>> {
    let mut ids = (0..number).map(|_| Ok(WebhookId::from_bits(fresh(now)?).to_string())).collect::<Result<Vec<_>>>()?;
    ids.sort_unstable();
    Ok(ids)
}

/// Writes a message.
pub(crate) async fn insert(connection: &mut AnyConnection, id: &str, message: &Message, now: Timestamp) -> Result<()> {
    sqlx::query(
        "INSERT INTO deliveries (id, channel, target, client, event, body, state, attempts, next_try, claimed_by, claimed_until, created, ended, answer)
         VALUES ($1, $2, $3, $4, $5, $6, 'waiting', 0, $7, NULL, 0, $8, NULL, NULL)",
    )
    .bind(id)
    .bind(message.channel.as_str())
    .bind(message.target.as_str())
    .bind(message.client.map(|client| client.to_string()))
    .bind(message.event.as_str())
    .bind(message.body.as_slice())
    .bind(message.due.as_microsecond())
    .bind(now.as_microsecond())
    .execute(connection)
    .await?;
    Ok(())
}

impl Store {
    /// Targets with a message whose time has come, the longest waiting first,
    /// and their channels. Those that are switched off are left out.
    ///
    /// # Errors
    /// The store cannot be read.
    pub async fn due_targets(&self, now: Timestamp, limit: u32) -> Result<Vec<(WebhookId, String)>> {
        let rows = sqlx::query(
            "SELECT deliveries.target, deliveries.channel FROM deliveries JOIN webhooks ON webhooks.id = deliveries.target
             WHERE deliveries.state = 'waiting' AND deliveries.next_try <= $1 AND deliveries.claimed_until <= $1 AND webhooks.enabled = 1
             GROUP BY deliveries.target, deliveries.channel ORDER BY MIN(deliveries.next_try), deliveries.target LIMIT $2",
        )
        .bind(now.as_microsecond())
        .bind(i64::from(limit))
        .fetch_all(&mut *self.reader().await?)
        .await?;
        rows.iter().map(|row| Ok((row.parsed("target")?, row.text("channel")?))).collect()
    }

    /// Addresses of people with a letter whose time has come, the longest
    /// waiting first.
    ///
    /// # Errors
    /// The store cannot be read.
    pub async fn due_people(&self, now: Timestamp, limit: u32) -> Result<Vec<String>> {
        let rows = sqlx::query(
            "SELECT target FROM deliveries WHERE channel = $3 AND state = 'waiting' AND next_try <= $1 AND claimed_until <= $1
             GROUP BY target ORDER BY MIN(next_try), target LIMIT $2",
        )
        .bind(now.as_microsecond())
        .bind(i64::from(limit))
        .bind(PERSON)
        .fetch_all(&mut *self.reader().await?)
        .await?;
        rows.iter().map(|row| row.text("target")).collect()
    }

    /// Claims messages of one target for one sender until a time, oldest
    /// first: two senders never claim the same.
    ///
    /// # Errors
    /// The store cannot be reached.
    pub async fn claim_deliveries(
        &self,
        sender: &str,
        target: &str,
        take: Take,
        (now, until): (Timestamp, Timestamp),
        limit: u32,
    ) -> Result<Vec<Delivery>> {
        let mut transaction = self.writer().await?;
        let skip = match self.engine() {
            Engine::Sqlite => "",
            // Senders take different rows instead of waiting for each other.
            Engine::Postgres => "FOR UPDATE SKIP LOCKED",
        };
        // The condition stands outside too: without it a PostgreSQL sender
        // that waited for a row would take what another has claimed.
        let due = "target = $5 AND state = 'waiting' AND claimed_until <= $3 AND next_try <= $6";
        let by = match take {
            Take::Due => now,
            Take::Until(time) => time,
        };
        // And the inner one is materialized: run again for each row, as
        // PostgreSQL may, it would skip what it has locked itself and take
        // more rows than the limit.
        let sql = format!(
            "WITH due AS MATERIALIZED (SELECT id FROM deliveries WHERE {due} ORDER BY next_try, id LIMIT $4 {skip})
             UPDATE deliveries SET claimed_by = $1, claimed_until = $2, attempts = attempts + 1
             WHERE {due} AND id IN (SELECT id FROM due)
             RETURNING *"
        );
        let rows = sqlx::query(sqlx::AssertSqlSafe(sql))
            .bind(sender)
            .bind(until.as_microsecond())
            .bind(now.as_microsecond())
            .bind(i64::from(limit))
            .bind(target)
            .bind(by.as_microsecond())
            .fetch_all(&mut *transaction)
            .await?;
        self.commit(transaction).await?;
        let mut claimed = rows.iter().map(read).collect::<Result<Vec<_>>>()?;
        claimed.sort_by(|left, right| (left.next_try, &left.id).cmp(&(right.next_try, &right.id)));
        Ok(claimed)
    }

    /// Notes what came of a try: false when the claim had ended and somebody
    /// else has the message.
    ///
    /// # Errors
    /// The store cannot be reached.
    pub async fn end_attempt(&self, id: &str, sender: &str, outcome: &Outcome, answer: &str, now: Timestamp) -> Result<bool> {
        let (state, next) = match outcome {
            Outcome::Delivered => (DeliveryState::Delivered, None),
            Outcome::Again(time) => (DeliveryState::Waiting, Some(*time)),
            Outcome::GaveUp => (DeliveryState::Failed, None),
        };
        let ended = (state != DeliveryState::Waiting).then(|| now.as_microsecond());
        let mut transaction = self.writer().await?;
        let done = sqlx::query(
            "UPDATE deliveries SET state = $3, next_try = COALESCE($4, next_try), ended = $5, answer = $6, claimed_by = NULL, claimed_until = 0
             WHERE id = $1 AND claimed_by = $2 AND state = 'waiting'",
        )
        .bind(id)
        .bind(sender)
        .bind(state.word())
        .bind(next.map(Timestamp::as_microsecond))
        .bind(ended)
        .bind(answer)
        .execute(&mut *transaction)
        .await?;
        self.commit(transaction).await?;
        Ok(done.rows_affected() == 1)
    }

    /// The log of deliveries within a scope, newest first, of one target or
    /// all; pass the last id of the page before.
    ///
    /// # Errors
    /// The store cannot be read.
    pub async fn deliveries(&self, scope: &Scope, target: Option<WebhookId>, before: Option<&str>, limit: u32) -> Result<Vec<Delivery>> {
        let mut all = Conditions::default();
        all.clients_within("client", scope);
        if let Some(target) = target {
            let mark = all.text(target.to_string());
            all.and(format!("target = {mark}"));
        }
        if let Some(before) = before {
            let mark = all.text(before);
            all.and(format!("id < {mark}"));
        }
        let limit = all.number(i64::from(limit));
        let sql = format!("SELECT * FROM deliveries{} ORDER BY id DESC LIMIT {limit}", all.sql());
        all.query(sql).fetch_all(&mut *self.reader().await?).await?.iter().map(read).collect()
    }

    /// One message.
    ///
    /// # Errors
    /// There is none with this id.
    pub async fn delivery(&self, id: &str) -> Result<Delivery> {
        let row = sqlx::query("SELECT * FROM deliveries WHERE id = $1").bind(id).fetch_optional(&mut *self.reader().await?).await?;
        read(&row.ok_or_else(|| StoreError::not_found(format!("delivery:{id}")))?)
    }

    /// For each target the number of messages that wait, and when it last took
    /// one.
    ///
    /// # Errors
    /// The store cannot be read.
    pub async fn delivery_standings(&self) -> Result<BTreeMap<String, (u64, Option<Timestamp>)>> {
        let rows = sqlx::query(
            "SELECT target, COUNT(CASE WHEN state = 'waiting' THEN 1 END) AS waiting,
                 MAX(CASE WHEN state = 'delivered' THEN ended END) AS arrived
             FROM deliveries GROUP BY target",
        )
        .fetch_all(&mut *self.reader().await?)
        .await?;
        rows.iter().map(|row| Ok((row.text("target")?, (row.count("waiting")?, row.optional_time("arrived")?)))).collect()
    }

    /// Number of messages that wait, and since when the oldest does.
    ///
    /// # Errors
    /// The store cannot be read.
    pub async fn waiting_deliveries(&self) -> Result<(u64, Option<Timestamp>)> {
        let row = sqlx::query("SELECT COUNT(*) AS waiting, MIN(created) AS oldest FROM deliveries WHERE state = 'waiting'")
            .fetch_one(&mut *self.reader().await?)
            .await?;
        Ok((row.count("waiting")?, row.optional_time("oldest")?))
    }

    /// Deletes deliveries that ended before a time; gives their number.
    ///
    /// # Errors
    /// The store cannot be reached.
    pub async fn expire_deliveries(&self, ended_before: Timestamp) -> Result<u64> {
        let mut transaction = self.writer().await?;
        let done = sqlx::query("DELETE FROM deliveries WHERE state <> 'waiting' AND ended < $1")
            .bind(ended_before.as_microsecond())
            .execute(&mut *transaction)
            .await?;
        self.commit(transaction).await?;
        Ok(done.rows_affected())
    }
}

impl Change {
    /// Puts a message into the outbox; it is sent once the change commits.
    ///
    /// # Errors
    /// The store cannot be reached.
    pub async fn send(&mut self, channel: &str, target: &str, client: Option<ClientId>, event: &str, body: &[u8]) -> Result<String> {
        let time = self.time();
        let (channel, target, event) = (channel.to_owned(), target.to_owned(), event.to_owned());
        let message = Message { channel, target, client, event, body: body.to_vec(), due: time };
        let id = WebhookId::from_bits(fresh(time)?).to_string();
        insert(self.connection(), &id, &message, time).await?;
        Ok(id)
    }

    /// Tries a message again from now on that was delivered or given up.
    ///
    /// # Errors
    /// There is no such message that ended.
    pub async fn send_again(&mut self, id: &str) -> Result<()> {
        let done = sqlx::query("UPDATE deliveries SET state = 'waiting', attempts = 0, next_try = $2, ended = NULL WHERE id = $1 AND state <> 'waiting'")
            .bind(id)
            .bind(self.time().as_microsecond())
            .execute(self.connection())
            .await?;
        if done.rows_affected() == 0 {
            return Err(StoreError::not_found(format!("delivery:{id}")));
        }
        self.record(&format!("delivery:{id}"), None, Some(&serde_json::json!({ "state": "waiting" })))
    }
}
