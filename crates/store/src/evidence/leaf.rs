//! The bytes of a leaf, and what stands beside it.

use crate::change::Intent;
use crate::engine::Store;
use crate::error::{Result, StoreError};
use crate::identifier::{fresh, random};
use data_encoding::HEXLOWER;
use jiff::Timestamp;
use plimsoll_core::model::identifier::HostId;
use serde::Serialize;
use serde_json::Value;
use sha2::{Digest, Sha256};
use sqlx::AnyConnection;
use std::collections::BTreeMap;

/// A recorded state; none before it exists and after it is gone.
pub type Content = Option<Value>;

/// Name and version of the leaf's JSON.
pub const SCHEMA: &str = "plimsoll-leaf/1";

/// Longest state that stands in the leaf itself; a longer one is beside it.
const INLINE: usize = 2048;

/// A leaf in its canonical form: fields in alphabetical order, no spaces, so
/// that there is one way to write it.
#[derive(Serialize)]
struct Leaf<'a> {
    actor: &'a str,
    after: &'a Content,
    before: &'a Content,
    client: Option<String>,
    /// Field to SHA-256 hex of salt and content.
    commitments: BTreeMap<&'static str, String>,
    id: &'a str,
    object: &'a str,
    request: Option<&'a str>,
    schema: &'static str,
    strength: &'a str,
    /// Microseconds since the epoch, UTC.
    time: i64,
    verb: &'a str,
}

/// A text beside a leaf.
pub(crate) struct Text {
    field: &'static str,
    salt: [u8; 32],
    content: String,
}

/// A leaf ready to be stored.
pub(crate) struct Written {
    pub(crate) id: String,
    bytes: Vec<u8>,
    pub(crate) texts: Vec<Text>,
    time: Timestamp,
    actor: String,
    verb: String,
    object: String,
    client: Option<String>,
}

/// What a change has recorded so far.
#[derive(Default)]
pub(crate) struct Draft {
    before: BTreeMap<String, Value>,
    after: BTreeMap<String, Value>,
    personal: bool,
    touched: bool,
}

/// Commitment to a text: SHA-256 of 32 bytes of salt and the text, hex.
pub fn commitment(salt: &[u8], content: &str) -> String {
    let mut digest = Sha256::new();
    digest.update(salt);
    digest.update(content.as_bytes());
    HEXLOWER.encode(&digest.finalize())
}

impl Draft {
    /// Adds the states of an object. The first state before and the last after
    /// count when it is changed twice.
    pub(crate) fn record(&mut self, object: &str, before: Content, after: Content, personal: bool) {
        self.touched = true;
        self.personal |= personal;
        if let Some(before) = before
            && !self.after.contains_key(object)
        {
            self.before.entry(object.to_owned()).or_insert(before);
        }
        match after {
            Some(after) => {
                self.after.insert(object.to_owned(), after);
            }
            None => {
                self.after.remove(object);
            }
        }
    }

    pub(crate) fn is_empty(&self) -> bool {
        !self.touched
    }

    pub(crate) fn finish(self, id: u128, intent: &Intent) -> Result<Written> {
        let id = HostId::from_bits(id).to_string();
        let mut texts = Vec::new();
        let mut aside = |field, content: String| -> Result<()> {
            texts.push(Text { field, salt: random()?, content });
            Ok(())
        };
        if let Some(name) = &intent.actor.name {
            aside("actor", name.clone())?;
        }
        if let Some(reason) = &intent.reason {
            aside("reason", reason.clone())?;
        }
        let personal = self.personal;
        let mut place = |field, states: BTreeMap<String, Value>| -> Result<Content> {
            if states.is_empty() {
                return Ok(None);
            }
            let value = sorted(Value::Object(states.into_iter().collect()));
            let text = value.to_string();
            if personal || text.len() > INLINE {
                aside(field, text)?;
                return Ok(None);
            }
            Ok(Some(value))
        };
        let before = place("before", self.before)?;
        let after = place("after", self.after)?;
        let client = intent.client.map(|client| client.to_string());
        let commitments = texts.iter().map(|text| (text.field, commitment(&text.salt, &text.content))).collect();
        let leaf = Leaf {
            actor: &intent.actor.id,
            after: &after,
            before: &before,
            client: client.clone(),
            commitments,
            id: &id,
            object: &intent.object,
            request: intent.actor.request.as_deref(),
            schema: SCHEMA,
            strength: &intent.actor.strength,
            time: intent.time.as_microsecond(),
            verb: &intent.verb,
        };
        let bytes = serde_json::to_vec(&leaf).map_err(|error| StoreError::invalid("leaf", error.to_string()))?;
        // A bundle of entries gives each its length in two bytes.
        if bytes.len() > usize::from(u16::MAX) {
            return Err(StoreError::invalid(
                &intent.object,
                format!("The leaf has {} bytes, 65535 are possible: shorten actor, verb, object or request.", bytes.len()),
            ));
        }
        Ok(Written {
            id,
            bytes,
            texts,
            time: intent.time,
            actor: intent.actor.id.clone(),
            verb: intent.verb.clone(),
            object: intent.object.clone(),
            client,
        })
    }
}

/// Sorts the keys of all objects: a feature of `serde_json` that another crate
/// may switch on would keep the order of insertion.
fn sorted(value: Value) -> Value {
    match value {
        Value::Object(fields) => {
            let fields: BTreeMap<String, Value> = fields.into_iter().map(|(key, value)| (key, sorted(value))).collect();
            Value::Object(fields.into_iter().collect())
        }
        Value::Array(values) => Value::Array(values.into_iter().map(sorted).collect()),
        other => other,
    }
}

impl Written {
    pub(crate) async fn insert_leaf(&self, connection: &mut AnyConnection) -> Result<()> {
        sqlx::query(
            "INSERT INTO evidence_leaves (id, position, bytes, time, actor, verb, object, client)
             VALUES ($1, NULL, $2, $3, $4, $5, $6, $7)",
        )
        .bind(self.id.as_str())
        .bind(self.bytes.as_slice())
        .bind(self.time.as_microsecond())
        .bind(self.actor.as_str())
        .bind(self.verb.as_str())
        .bind(self.object.as_str())
        .bind(self.client.as_deref())
        .execute(connection)
        .await?;
        Ok(())
    }

    pub(crate) async fn insert_text(&self, connection: &mut AnyConnection, text: &Text) -> Result<()> {
        sqlx::query("INSERT INTO evidence_texts (leaf, field, salt, content) VALUES ($1, $2, $3, $4)")
            .bind(self.id.as_str())
            .bind(text.field)
            .bind(text.salt.as_slice())
            .bind(text.content.as_str())
            .execute(connection)
            .await?;
        Ok(())
    }
}

impl Store {
    /// Draws the id of the next leaf. Pending leaves are integrated in the
    /// order of their ids, so within a process each is greater than the last,
    /// also when the caller's clock goes back.
    pub(crate) fn next_leaf_id(&self, now: Timestamp) -> Result<u128> {
        let drawn = fresh(now)?;
        let mut last = match self.inner.last_leaf.lock() {
            Ok(last) => last,
            Err(poisoned) => poisoned.into_inner(),
        };
        *last = drawn.max(last.saturating_add(1));
        Ok(*last)
    }
}
