//! **Answers kept for repeated requests**: a client that lost the answer sends
//! the same idempotency key again and gets the same answer.

use crate::change::Change;
use crate::columns::Columns;
use crate::engine::Store;
use crate::error::{Result, StoreError};
use jiff::Timestamp;
use sqlx::any::AnyRow;

/// An answer as it was given.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Answer {
    /// Digest of the request it answers; another request under the same key is
    /// refused.
    pub request: String,
    /// HTTP status.
    pub status: u16,
    /// Media type of the body.
    pub content_type: String,
    /// Body; nothing secret, because it is stored: a secret that is shown once
    /// must be left out of a kept answer.
    pub body: Vec<u8>,
    /// Until when it is kept.
    pub expires: Timestamp,
}

fn read(row: &AnyRow) -> Result<Answer> {
    Ok(Answer {
        request: row.text("request")?,
        status: u16::try_from(row.number("status")?).map_err(|_| StoreError::damaged("status", "The status is out of range."))?,
        content_type: row.text("content_type")?,
        body: row.bytes("body")?,
        expires: row.time("expires")?,
    })
}

impl Store {
    /// The answer that a principal got under a key and that has not expired.
    ///
    /// # Errors
    /// `E-IDEMPOTENCY` when it answers another request.
    pub async fn answer(&self, principal: &str, key: &str, request: &str, now: Timestamp) -> Result<Option<Answer>> {
        let row = sqlx::query("SELECT * FROM answers WHERE principal = $1 AND name = $2 AND expires > $3")
            .bind(principal)
            .bind(key)
            .bind(now.as_microsecond())
            .fetch_optional(&mut *self.reader().await?)
            .await?;
        let answer = row.as_ref().map(read).transpose()?;
        match &answer {
            Some(answer) if answer.request != request => Err(StoreError::conflict(
                "E-IDEMPOTENCY",
                "Idempotency-Key",
                "This key was used for another request.",
            )),
            _ => Ok(answer),
        }
    }

    /// Deletes answers that have expired; gives their number.
    ///
    /// # Errors
    /// The store cannot be reached.
    pub async fn expire_answers(&self, now: Timestamp) -> Result<u64> {
        let mut transaction = self.writer().await?;
        let done = sqlx::query("DELETE FROM answers WHERE expires <= $1").bind(now.as_microsecond()).execute(&mut *transaction).await?;
        self.commit(transaction).await?;
        Ok(done.rows_affected())
    }
}

impl Change {
    /// Keeps the answer with the change that it answers, so that a server
    /// killed between the two cannot do the change twice.
    ///
    /// # Errors
    /// `E-IDEMPOTENCY` when the same request is being done at the same time,
    /// or was done: read its answer.
    pub async fn keep_answer(&mut self, principal: &str, key: &str, answer: &Answer) -> Result<()> {
        let done = sqlx::query(
            "INSERT INTO answers (principal, name, request, status, content_type, body, expires)
             VALUES ($1, $2, $3, $4, $5, $6, $7)
             ON CONFLICT (principal, name) DO UPDATE SET request = excluded.request, status = excluded.status,
                 content_type = excluded.content_type, body = excluded.body, expires = excluded.expires
             WHERE answers.expires <= $8",
        )
        .bind(principal)
        .bind(key)
        .bind(answer.request.as_str())
        .bind(i64::from(answer.status))
        .bind(answer.content_type.as_str())
        .bind(answer.body.as_slice())
        .bind(answer.expires.as_microsecond())
        .bind(self.time().as_microsecond())
        .execute(self.connection())
        .await?;
        if done.rows_affected() == 0 {
            return Err(StoreError::conflict("E-IDEMPOTENCY", "Idempotency-Key", "The request was done already."));
        }
        Ok(())
    }
}
