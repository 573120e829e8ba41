//! **Transitions**: when findings of a host opened and closed. Findings
//! themselves are derived and not stored.
//!
//! One row holds what changed on one host at one moment, compressed: the first
//! report of a host opens hundreds of findings at once, and a row for each
//! would make the journal the greatest table by far.

use crate::change::Change;
use crate::columns::Columns;
use crate::engine::Store;
use crate::error::{Result, StoreError};
use crate::scope::{Conditions, Scope};
use jiff::Timestamp;
use plimsoll_core::model::identifier::HostId;
use serde::{Deserialize, Serialize};
use sqlx::AnyConnection;
use std::collections::BTreeMap;

/// Greatest row, bytes before compression.
const GREATEST: usize = 64 << 20;

/// A finding, as it is told from others of its host.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
pub struct FindingKey {
    /// Advisory, `CVE-2026-1234` or `DSA-1-1`.
    pub advisory: String,
    /// Component, in the words of the evaluation.
    pub component: String,
}

/// What changed on one host at one moment.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Transition {
    /// Host.
    pub host: HostId,
    /// When.
    pub at: Timestamp,
    /// Findings that opened.
    pub opened: Vec<FindingKey>,
    /// Findings that closed.
    pub closed: Vec<FindingKey>,
}

/// What a host is remembered by: its open findings and when each first
/// opened, closings in between notwithstanding.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Memory {
    /// Open findings and since when they are open this time.
    pub open: BTreeMap<FindingKey, Timestamp>,
    /// All findings there ever were and when each was first seen.
    pub first_seen: BTreeMap<FindingKey, Timestamp>,
}

#[derive(Serialize, Deserialize)]
struct Row {
    #[serde(rename = "o", default, skip_serializing_if = "Vec::is_empty")]
    opened: Vec<FindingKey>,
    #[serde(rename = "c", default, skip_serializing_if = "Vec::is_empty")]
    closed: Vec<FindingKey>,
}

impl Memory {
    /// Takes in one transition; they must come in the order of time.
    pub fn note(&mut self, transition: &Transition) {
        for key in &transition.closed {
            self.open.remove(key);
        }
        for key in &transition.opened {
            self.open.entry(key.clone()).or_insert(transition.at);
            self.first_seen.entry(key.clone()).or_insert(transition.at);
        }
    }
}

fn read(row: &sqlx::any::AnyRow) -> Result<Transition> {
    let host: HostId = row.parsed("host")?;
    let broken = |text: String| StoreError::damaged(format!("transitions of host:{host}"), text);
    let bytes = zstd::bulk::decompress(&row.bytes("content")?, GREATEST).map_err(|error| broken(error.to_string()))?;
    let Row { opened, closed } = serde_json::from_slice(&bytes).map_err(|error| broken(error.to_string()))?;
    Ok(Transition { host, at: row.time("at")?, opened, closed })
}

async fn insert(connection: &mut AnyConnection, transition: &Transition) -> Result<()> {
    let row = Row { opened: transition.opened.clone(), closed: transition.closed.clone() };
    let bytes = serde_json::to_vec(&row).map_err(|error| StoreError::invalid("transition", error.to_string()))?;
    if bytes.len() > GREATEST {
        return Err(StoreError::invalid("transition", format!("It has {} bytes, {GREATEST} are possible.", bytes.len())));
    }
    let content = zstd::bulk::compress(&bytes, 3).map_err(|error| StoreError::invalid("transition", error.to_string()))?;
    sqlx::query(
        "INSERT INTO transitions (host, at, serial, content)
         SELECT CAST($1 AS TEXT), CAST($2 AS BIGINT),
             CAST(COALESCE((SELECT MAX(serial) + 1 FROM transitions WHERE host = $1 AND at = $2), 0) AS BIGINT), $3",
    )
    .bind(transition.host.to_string())
    .bind(transition.at.as_microsecond())
    .bind(content)
    .execute(connection)
    .await?;
    Ok(())
}

impl Store {
    /// All transitions of a host in the order of time: its story.
    ///
    /// # Errors
    /// The store cannot be read.
    pub async fn transitions(&self, host: HostId) -> Result<Vec<Transition>> {
        let rows = sqlx::query("SELECT host, at, content FROM transitions WHERE host = $1 ORDER BY at, serial")
            .bind(host.to_string())
            .fetch_all(&mut *self.reader().await?)
            .await?;
        rows.iter().map(read).collect()
    }

    /// What changed on a host at one moment.
    ///
    /// # Errors
    /// The store cannot be read.
    pub async fn transitions_at(&self, host: HostId, at: Timestamp) -> Result<Vec<Transition>> {
        let rows = sqlx::query("SELECT host, at, content FROM transitions WHERE host = $1 AND at = $2 ORDER BY serial")
            .bind(host.to_string())
            .bind(at.as_microsecond())
            .fetch_all(&mut *self.reader().await?)
            .await?;
        rows.iter().map(read).collect()
    }

    /// What a host is remembered by.
    ///
    /// # Errors
    /// The store cannot be read.
    pub async fn memory(&self, host: HostId) -> Result<Memory> {
        let mut memory = Memory::default();
        self.transitions(host).await?.iter().for_each(|transition| memory.note(transition));
        Ok(memory)
    }

    /// Transitions of all hosts within a scope since a time, oldest first.
    ///
    /// # Errors
    /// The store cannot be read.
    pub async fn transitions_since(&self, scope: &Scope, since: Timestamp, limit: u32) -> Result<Vec<Transition>> {
        let mut all = Conditions::default();
        all.hosts_within(scope);
        let mark = all.number(since.as_microsecond());
        all.and(format!("transitions.at >= {mark}"));
        let limit = all.number(i64::from(limit));
        let sql = format!(
            "SELECT transitions.host, transitions.at, transitions.content FROM transitions JOIN hosts ON hosts.id = transitions.host{}
             ORDER BY transitions.at, transitions.host, transitions.serial LIMIT {limit}",
            all.sql()
        );
        all.query(sql).fetch_all(&mut *self.reader().await?).await?.iter().map(read).collect()
    }
}

impl Change {
    /// Notes what changed on hosts. Empty transitions are passed over.
    ///
    /// A transition that is older than the newest of its host takes its place
    /// in time, which changes what later ones mean: callers decide for one
    /// host at a time.
    ///
    /// # Errors
    /// There is no such host.
    pub async fn add_transitions(&mut self, transitions: &[Transition]) -> Result<()> {
        let (mut opened, mut closed) = (0, 0);
        for transition in transitions {
            if transition.opened.is_empty() && transition.closed.is_empty() {
                continue;
            }
            opened += transition.opened.len();
            closed += transition.closed.len();
            insert(self.connection(), transition).await?;
        }
        // The leaf says how many; which ones follows from reports and
        // advisories, and the journal holds them.
        self.record("findings", None, Some(&serde_json::json!({ "opened": opened, "closed": closed })))
    }
}
