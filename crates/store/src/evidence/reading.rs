//! Reading entries: the feed that other servers follow, and the activity that
//! people look at.

use super::signing::Checkpoint;
use crate::change::Change;
use crate::columns::{Columns, moment, placeholders};
use crate::engine::Store;
use crate::error::{Result, StoreError};
use crate::leases::to_number;
use crate::scope::{Conditions, Scope};
use data_encoding::HEXLOWER_PERMISSIVE;
use jiff::Timestamp;
use plimsoll_core::model::identifier::ClientId;
use serde_json::{Value, json};
use sqlx::AnyConnection;
use sqlx::any::AnyRow;
use std::collections::BTreeMap;

/// One entry of the log with what stands beside it.
#[derive(Clone, PartialEq, Debug)]
pub struct Entry {
    /// Id; later entries of one server have greater ids.
    pub id: String,
    /// Position in the tree; none until it is integrated.
    pub position: Option<u64>,
    /// Canonical bytes of the leaf: what is proven.
    pub bytes: Vec<u8>,
    /// When.
    pub time: Timestamp,
    /// Who, as [`crate::Actor::id`].
    pub actor: String,
    /// Name of the person, unless it was deleted.
    pub actor_name: Option<String>,
    /// How the actor proved who it is.
    pub strength: String,
    /// What.
    pub verb: String,
    /// To what.
    pub object: String,
    /// Client it concerns.
    pub client: Option<ClientId>,
    /// States before, by object.
    pub before: Option<Value>,
    /// States after, by object.
    pub after: Option<Value>,
    /// Why, unless it was deleted.
    pub reason: Option<String>,
    /// Request that asked for it.
    pub request: Option<String>,
}

/// Which entries people want to see; newest first.
#[derive(Clone, Debug)]
pub struct ActivityQuery {
    /// What the asker may see: entries of the clients it sees. Entries that
    /// concern no client are for those who see everything.
    pub scope: Scope,
    /// Only this object, `host:01h…`.
    pub object: Option<String>,
    /// Only this actor.
    pub actor: Option<String>,
    /// Only verbs that begin with this, `host.`.
    pub verb: Option<String>,
    /// Only since this time.
    pub since: Option<Timestamp>,
    /// Only before this entry: the last id of the page before.
    pub before: Option<String>,
    /// Number of entries, at most 1,000.
    pub limit: u32,
}

impl ActivityQuery {
    /// The newest 100 entries.
    pub fn new(scope: Scope) -> Self {
        Self { scope, object: None, actor: None, verb: None, since: None, before: None, limit: 100 }
    }
}

impl Entry {
    /// Reads a leaf with the texts that stand beside it, by field.
    ///
    /// # Errors
    /// The bytes are no leaf.
    pub(crate) fn from_leaf(bytes: Vec<u8>, position: Option<u64>, mut texts: BTreeMap<String, String>) -> Result<Self> {
        let damaged = |text: String| StoreError::damaged("evidence_leaves.bytes", text);
        let mut leaf: Value = serde_json::from_slice(&bytes).map_err(|error| damaged(error.to_string()))?;
        let mut state = |name: &str| match texts.remove(name) {
            Some(aside) => serde_json::from_str(&aside).ok(),
            None => leaf.get_mut(name).map(Value::take).filter(|value| !value.is_null()),
        };
        let (before, after) = (state("before"), state("after"));
        let text = |name: &str| leaf.get(name).and_then(Value::as_str).map(str::to_owned);
        let time = leaf.get("time").and_then(Value::as_i64).and_then(moment);
        Ok(Self {
            id: text("id").unwrap_or_default(),
            position,
            time: time.ok_or_else(|| damaged("The leaf has no time.".to_owned()))?,
            actor: text("actor").unwrap_or_default(),
            actor_name: texts.remove("actor"),
            strength: text("strength").unwrap_or_default(),
            verb: text("verb").unwrap_or_default(),
            object: text("object").unwrap_or_default(),
            client: text("client").and_then(|client| client.parse().ok()),
            before,
            after,
            reason: texts.remove("reason"),
            request: text("request"),
            bytes,
        })
    }
}

fn read(row: &AnyRow, texts: BTreeMap<String, String>) -> Result<Entry> {
    let position = row.value::<Option<i64>>("position")?;
    let position = position.map(u64::try_from).transpose().map_err(|_| StoreError::damaged("position", "The position is negative."))?;
    Entry::from_leaf(row.bytes("bytes")?, position, texts)
}

pub(super) async fn with_texts(connection: &mut AnyConnection, rows: &[AnyRow]) -> Result<Vec<Entry>> {
    let mut texts: BTreeMap<String, BTreeMap<String, String>> = BTreeMap::new();
    for rows in rows.chunks(500) {
        let sql = format!("SELECT leaf, field, content FROM evidence_texts WHERE leaf IN ({})", placeholders(1, rows.len()));
        let mut query = sqlx::query(sqlx::AssertSqlSafe(sql));
        for row in rows {
            query = query.bind(row.text("id")?);
        }
        for row in query.fetch_all(&mut *connection).await? {
            texts.entry(row.text("leaf")?).or_default().insert(row.text("field")?, row.text("content")?);
        }
    }
    rows.iter().map(|row| read(row, texts.remove(&row.text("id")?).unwrap_or_default())).collect()
}

impl Store {
    /// Integrated entries from a position on, in their order: the feed that
    /// servers follow. Pass the position after the last one seen.
    ///
    /// # Errors
    /// The store cannot be read.
    pub async fn changes_since(&self, position: u64, limit: u32) -> Result<Vec<Entry>> {
        let mut connection = self.reader().await?;
        let rows = sqlx::query("SELECT * FROM evidence_leaves WHERE position >= $1 ORDER BY position LIMIT $2")
            .bind(to_number(position)?)
            .bind(i64::from(limit))
            .fetch_all(&mut *connection)
            .await?;
        with_texts(&mut connection, &rows).await
    }

    /// Entries for people, newest first, those not yet integrated included.
    ///
    /// # Errors
    /// The store cannot be read.
    pub async fn activity(&self, query: &ActivityQuery) -> Result<Vec<Entry>> {
        let mut all = Conditions::default();
        all.clients_within("client", &query.scope);
        for (column, value) in [("object", &query.object), ("actor", &query.actor)] {
            if let Some(value) = value {
                let mark = all.text(value.as_str());
                all.and(format!("{column} = {mark}"));
            }
        }
        if let Some(verb) = &query.verb {
            // A range instead of LIKE, which differs between the engines.
            let (from, to) = (all.text(verb.as_str()), all.text(format!("{verb}\u{10ffff}")));
            all.and(format!("verb >= {from} AND verb < {to}"));
        }
        if let Some(since) = query.since {
            let mark = all.number(since.as_microsecond());
            all.and(format!("time >= {mark}"));
        }
        if let Some(before) = &query.before {
            let mark = all.text(before.as_str());
            all.and(format!("id < {mark}"));
        }
        let limit = all.number(i64::from(query.limit.clamp(1, 1000)));
        let sql = format!("SELECT * FROM evidence_leaves{} ORDER BY id DESC LIMIT {limit}", all.sql());
        let mut connection = self.reader().await?;
        let rows = all.query(sql).fetch_all(&mut *connection).await?;
        with_texts(&mut connection, &rows).await
    }

    /// The newest entry of an act on an object.
    ///
    /// # Errors
    /// The store cannot be read.
    pub async fn newest_act(&self, object: &str, verb: &str) -> Result<Option<Entry>> {
        let query = ActivityQuery { object: Some(object.to_owned()), verb: Some(verb.to_owned()), limit: 1, ..ActivityQuery::new(Scope::All) };
        Ok(self.activity(&query).await?.pop())
    }

    /// The name that a client had at a moment, which a report of then says
    /// whatever the client is called by now.
    ///
    /// # Errors
    /// There is no such client.
    pub async fn client_named_at(&self, id: ClientId, at: Timestamp) -> Result<String> {
        let object = format!("client:{id}");
        let mut connection = self.reader().await?;
        let rows = sqlx::query("SELECT * FROM evidence_leaves WHERE object = $1 AND verb = 'client.edit' AND time > $2 ORDER BY time, id LIMIT 1")
            .bind(object.as_str())
            .bind(at.as_microsecond())
            .fetch_all(&mut *connection)
            .await?;
        let later = with_texts(&mut connection, &rows).await?.pop();
        drop(connection);
        let before = later.and_then(|entry| entry.before).and_then(|before| before[&object]["name"].as_str().map(str::to_owned));
        match before {
            Some(name) => Ok(name),
            None => Ok(self.client(id).await?.name),
        }
    }

    /// The newest signed checkpoint; none before the first integration.
    ///
    /// # Errors
    /// The store cannot be read.
    pub async fn checkpoint(&self) -> Result<Option<Checkpoint>> {
        let mut connection = self.reader().await?;
        let row = sqlx::query(
            "SELECT evidence_log.origin, evidence_checkpoints.size, root, note FROM evidence_checkpoints, evidence_log
             ORDER BY evidence_checkpoints.size DESC LIMIT 1",
        )
        .fetch_optional(&mut *connection)
        .await?;
        row.map(|row| {
            let root = HEXLOWER_PERMISSIVE.decode(row.text("root")?.as_bytes()).ok().and_then(|bytes| bytes.try_into().ok());
            Ok(Checkpoint {
                origin: row.text("origin")?,
                size: row.count("size")?,
                root: root.ok_or_else(|| StoreError::damaged("root", "The root is no hash."))?,
                note: row.text("note")?,
            })
        })
        .transpose()
    }

    /// Number of leaves that wait to be integrated.
    ///
    /// # Errors
    /// The store cannot be read.
    pub async fn pending_leaves(&self) -> Result<u64> {
        let row = sqlx::query("SELECT COUNT(*) AS pending FROM evidence_leaves WHERE position IS NULL");
        row.fetch_one(&mut *self.reader().await?).await?.count("pending")
    }
}

impl Change {
    /// Deletes the texts about a person that stand beside the leaves: the name
    /// of one actor, wherever it acted, and all states recorded of one object.
    ///
    /// The leaves and every proof stay; what was committed to can no longer be
    /// read or guessed, because its salt goes too. Gives how many texts went.
    ///
    /// # Errors
    /// The store cannot be reached.
    pub async fn forget_texts(&mut self, actor: &str, object: &str) -> Result<u64> {
        let gone = sqlx::query(
            "DELETE FROM evidence_texts WHERE
                 (field IN ('actor', 'reason') AND leaf IN (SELECT id FROM evidence_leaves WHERE actor = $1))
                 OR (field IN ('before', 'after') AND leaf IN (SELECT id FROM evidence_leaves WHERE object = $2))",
        )
        .bind(actor)
        .bind(object)
        .execute(self.connection())
        .await?
        .rows_affected();
        self.record(&format!("texts:{object}"), None, Some(&json!({ "deleted": gone })))?;
        Ok(gone)
    }
}
