//! **Notices**: what a server remembers of the events it put in. Nobody
//! decides any of it, so it has no leaf; it commits together with the messages
//! it stands for, and only under the newest lease.

pub mod people;

use crate::columns::Columns;
use crate::deliveries::{Message, ids, insert};
use crate::engine::Store;
use crate::error::Result;
use crate::leases::{Lease, fence};
use jiff::Timestamp;
use plimsoll_core::model::identifier::ClientId;
use std::collections::{BTreeMap, BTreeSet};

/// Rows of one statement, far below the values that SQLite takes.
const ONCE: usize = 500;

/// What is put in at once.
#[derive(Clone, Debug, Default)]
pub struct Issue {
    /// Messages for the outbox.
    pub messages: Vec<Message>,
    /// Marks to keep by name; none removes one.
    pub marks: Vec<(&'static str, Option<String>)>,
    /// Advisories that clients are told of with it.
    pub told: Vec<(ClientId, String)>,
    /// What is told once with it: of what, and which moment or step of it.
    pub once: Vec<(String, String)>,
    /// What people are told with it.
    pub notices: Vec<people::Notice>,
    /// Notices that nobody acknowledged in time: how many were called for them,
    /// and when the next are.
    pub rungs: Vec<(String, u32, Option<Timestamp>)>,
    /// Subjects of which nothing can be told any more: what was told once of
    /// them is forgotten.
    pub over: Vec<String>,
    /// Earlier tellings from before this time are forgotten.
    pub forget: Option<Timestamp>,
}

impl Issue {
    /// Whether there is nothing to put in; that something may be forgotten is
    /// no reason by itself.
    pub fn is_empty(&self) -> bool {
        self.messages.is_empty()
            && self.marks.is_empty()
            && self.told.is_empty()
            && self.once.is_empty()
            && self.notices.is_empty()
            && self.rungs.is_empty()
            && self.over.is_empty()
    }
}

impl Store {
    /// What was marked, by name.
    ///
    /// # Errors
    /// The store cannot be read.
    pub async fn notice_marks(&self) -> Result<BTreeMap<String, String>> {
        let rows = sqlx::query("SELECT name, value FROM notice_marks").fetch_all(&mut *self.reader().await?).await?;
        rows.iter().map(|row| Ok((row.text("name")?, row.text("value")?))).collect()
    }

    /// Which of these advisories a client was told of.
    ///
    /// # Errors
    /// The store cannot be read.
    pub async fn told(&self, client: ClientId, advisories: &[String]) -> Result<BTreeSet<String>> {
        let mut told = BTreeSet::new();
        let mut connection = self.reader().await?;
        for advisories in advisories.chunks(500) {
            let marks = crate::columns::placeholders(2, advisories.len());
            let sql = format!("SELECT advisory FROM notices_told WHERE client = $1 AND advisory IN ({marks})");
            let mut query = sqlx::query(sqlx::AssertSqlSafe(sql)).bind(client.to_string());
            for advisory in advisories {
                query = query.bind(advisory.as_str());
            }
            for row in query.fetch_all(&mut *connection).await? {
                told.insert(row.text("advisory")?);
            }
        }
        Ok(told)
    }

    /// What was told once of everything whose name begins so, `rollout:`.
    ///
    /// # Errors
    /// The store cannot be read.
    pub async fn told_once(&self, prefix: &str) -> Result<BTreeSet<(String, String)>> {
        let rows = sqlx::query("SELECT subject, moment FROM notices_once WHERE subject >= $1 AND subject < $2")
            .bind(prefix)
            .bind(format!("{prefix}\u{10FFFF}"))
            .fetch_all(&mut *self.reader().await?)
            .await?;
        rows.iter().map(|row| Ok((row.text("subject")?, row.text("moment")?))).collect()
    }

    /// Subjects that begin so of which nothing was told since a time, at most so
    /// many: whoever knows that nothing can be told of them any more may
    /// have them forgotten.
    ///
    /// # Errors
    /// The store cannot be read.
    pub async fn told_long_ago(&self, prefix: &str, before: Timestamp, limit: u32) -> Result<Vec<String>> {
        let rows = sqlx::query(
            "SELECT subject FROM notices_once WHERE subject >= $1 AND subject < $2 GROUP BY subject HAVING MAX(at) < $3 ORDER BY MAX(at), subject LIMIT $4",
        )
        .bind(prefix)
        .bind(format!("{prefix}\u{10FFFF}"))
        .bind(before.as_microsecond())
        .bind(i64::from(limit))
        .fetch_all(&mut *self.reader().await?)
        .await?;
        rows.iter().map(|row| row.text("subject")).collect()
    }

    /// Puts messages into the outbox together with what they stand for:
    /// everything or nothing, so that a server killed here neither loses an
    /// event nor tells it twice.
    ///
    /// # Errors
    /// `E-FENCED` when another server took over.
    pub async fn issue(&self, lease: &Lease, now: Timestamp, issue: &Issue) -> Result<()> {
        let mut transaction = self.writer().await?;
        fence(&mut transaction, lease).await?;
        // In their order, which letters and logs keep.
        for (id, message) in ids(issue.messages.len(), now)?.iter().zip(&issue.messages) {
            insert(&mut transaction, id, message, now).await?;
        }
        for (name, value) in &issue.marks {
            match value {
                Some(value) => {
                    sqlx::query("INSERT INTO notice_marks (name, value) VALUES ($1, $2) ON CONFLICT (name) DO UPDATE SET value = excluded.value")
                        .bind(*name)
                        .bind(value.as_str())
                        .execute(&mut *transaction)
                        .await?
                }
                None => sqlx::query("DELETE FROM notice_marks WHERE name = $1").bind(*name).execute(&mut *transaction).await?,
            };
        }
        for (client, advisory) in &issue.told {
            sqlx::query("INSERT INTO notices_told (client, advisory, at) VALUES ($1, $2, $3) ON CONFLICT (client, advisory) DO UPDATE SET at = excluded.at")
                .bind(client.to_string())
                .bind(advisory.as_str())
                .bind(now.as_microsecond())
                .execute(&mut *transaction)
                .await?;
        }
        for chunk in issue.once.chunks(ONCE) {
            let rows: Vec<String> = (0..chunk.len()).map(|row| format!("(${}, ${}, $1)", 2 * row + 2, 2 * row + 3)).collect();
            let sql = format!("INSERT INTO notices_once (subject, moment, at) VALUES {} ON CONFLICT (subject, moment) DO NOTHING", rows.join(", "));
            let mut query = sqlx::query(sqlx::AssertSqlSafe(sql)).bind(now.as_microsecond());
            for (subject, moment) in chunk {
                query = query.bind(subject.as_str()).bind(moment.as_str());
            }
            query.execute(&mut *transaction).await?;
        }
        for subjects in issue.over.chunks(ONCE) {
            let marks = crate::columns::placeholders(1, subjects.len());
            let sql = format!("DELETE FROM notices_once WHERE subject IN ({marks})");
            let query = subjects.iter().fold(sqlx::query(sqlx::AssertSqlSafe(sql)), |query, subject| query.bind(subject.as_str()));
            query.execute(&mut *transaction).await?;
        }
        for notice in &issue.notices {
            people::insert(&mut transaction, notice).await?;
        }
        for (id, rung, next) in &issue.rungs {
            people::climb(&mut transaction, id, *rung, *next).await?;
        }
        if let Some(before) = issue.forget {
            sqlx::query("DELETE FROM notices_told WHERE at < $1").bind(before.as_microsecond()).execute(&mut *transaction).await?;
        }
        self.commit(transaction).await
    }
}
