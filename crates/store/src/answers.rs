//! **Answers kept for repeated requests**: a client that lost the answer sends
//! the same idempotency key again and gets the same answer.
//!
//! A request first *claims* its key. Each change that it then commits marks
//! the claim in the same transaction, so that after a crash it is known
//! whether anything was done. A claim whose holder never answered lapses: who
//! comes next takes it over where nothing was done, and the former holder, if
//! it lives after all, can commit nothing any more.

use crate::change::Change;
use crate::columns::Columns;
use crate::engine::Store;
use crate::error::{Result, StoreError};
use jiff::{SignedDuration, Timestamp};
use sqlx::any::AnyRow;
use std::sync::PoisonError;

/// How long a claim keeps others waiting whose holder says nothing; no request
/// takes half as long.
const CLAIM: SignedDuration = SignedDuration::from_mins(2);

/// How long an answer is kept.
pub const KEPT: SignedDuration = SignedDuration::from_hours(24);

/// A request that asks to be done once.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Keyed {
    /// Who asks, `person:01h…`; nobody else's keys are looked at.
    pub principal: String,
    /// The key that they chose.
    pub key: String,
    /// Digest of everything that the request asks for.
    pub digest: String,
    /// Name of this very attempt, as [`crate::Actor::request`] carries it.
    pub holder: String,
}

impl Keyed {
    /// What the kept body is sealed for.
    fn purpose(&self) -> String {
        format!("answer:{}:{}", self.principal, self.key)
    }
}

/// An answer as it was given.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Answer {
    /// HTTP status.
    pub status: u16,
    /// Media type of the body; empty without one.
    pub content_type: String,
    /// Whether the body held a secret that is shown once: then `body` is a
    /// sentence about it instead.
    pub withheld: bool,
    /// Body; sealed while it is kept.
    pub body: Vec<u8>,
}

/// What came of claiming a key.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Claim {
    /// It is the caller's: do the request, then [`Store::settle_answer`].
    Mine,
    /// The request was done; this was its answer.
    Answered(Answer),
    /// The request is being done, or its holder died a moment ago.
    UnderWay,
    /// The request changed something, and its answer was lost.
    Lost,
    /// The key belongs to another request.
    Another,
}

fn read(store: &Store, keyed: &Keyed, row: &AnyRow) -> Result<Answer> {
    let sealed = row.bytes("body")?;
    Ok(Answer {
        status: u16::try_from(row.number("status")?).map_err(|_| StoreError::damaged("status", "The status is out of range."))?,
        content_type: row.text("content_type")?,
        withheld: row.flag("withheld")?,
        body: store.unseal(&keyed.purpose(), &sealed)?,
    })
}

impl Store {
    /// Claims a key for a request, or says what became of it before.
    ///
    /// # Errors
    /// The store cannot be reached.
    pub async fn claim_answer(&self, keyed: &Keyed, now: Timestamp) -> Result<Claim> {
        let mut transaction = self.writer().await?;
        let done = sqlx::query(
            "INSERT INTO answers (principal, name, request, holder, until, changed, status, content_type, withheld, body, expires)
             VALUES ($1, $2, $3, $4, $5, 0, 0, '', 0, $6, $7)
             ON CONFLICT (principal, name) DO UPDATE SET request = excluded.request, holder = excluded.holder,
                 until = excluded.until, changed = 0, status = 0, content_type = '', withheld = 0, body = excluded.body,
                 expires = excluded.expires
             WHERE answers.expires <= $8 OR (answers.status = 0 AND answers.changed = 0 AND answers.until <= $8)",
        )
        .bind(keyed.principal.as_str())
        .bind(keyed.key.as_str())
        .bind(keyed.digest.as_str())
        .bind(keyed.holder.as_str())
        .bind((now + CLAIM).as_microsecond())
        .bind(Vec::<u8>::new())
        .bind((now + KEPT).as_microsecond())
        .bind(now.as_microsecond())
        .execute(&mut *transaction)
        .await?;
        if done.rows_affected() > 0 {
            // Known before it is in the database: no change of this request
            // can come in between.
            self.claims().insert(keyed.holder.clone());
            if let Err(error) = self.commit(transaction).await {
                self.claims().remove(&keyed.holder);
                return Err(error);
            }
            return Ok(Claim::Mine);
        }
        let row = sqlx::query("SELECT * FROM answers WHERE principal = $1 AND name = $2")
            .bind(keyed.principal.as_str())
            .bind(keyed.key.as_str())
            .fetch_optional(&mut *transaction)
            .await?;
        transaction.rollback().await?;
        let Some(row) = row else { return Ok(Claim::UnderWay) };
        if row.text("request")? != keyed.digest {
            return Ok(Claim::Another);
        }
        if row.number("status")? != 0 {
            return Ok(Claim::Answered(read(self, keyed, &row)?));
        }
        let lost = row.flag("changed")? && row.time("until")? <= now;
        Ok(if lost { Claim::Lost } else { Claim::UnderWay })
    }

    /// Ends a claim: keeps the answer where the request was `done` or changed
    /// something, else lets the key go, so that the request may come again.
    ///
    /// # Errors
    /// The store cannot be reached; the claim lapses by itself then.
    pub async fn settle_answer(&self, keyed: &Keyed, answer: &Answer, done: bool) -> Result<()> {
        let settled = self.settle(keyed, answer, done).await;
        self.claims().remove(&keyed.holder);
        settled
    }

    async fn settle(&self, keyed: &Keyed, answer: &Answer, done: bool) -> Result<()> {
        let sealed = self.seal(&keyed.purpose(), &answer.body)?;
        let mut transaction = self.writer().await?;
        let gone = if done {
            0
        } else {
            let gone = sqlx::query("DELETE FROM answers WHERE holder = $1 AND changed = 0").bind(keyed.holder.as_str());
            gone.execute(&mut *transaction).await?.rows_affected()
        };
        if gone == 0 {
            sqlx::query("UPDATE answers SET status = $2, content_type = $3, withheld = $4, body = $5 WHERE holder = $1")
                .bind(keyed.holder.as_str())
                .bind(i64::from(answer.status))
                .bind(answer.content_type.as_str())
                .bind(i64::from(answer.withheld))
                .bind(sealed.as_slice())
                .execute(&mut *transaction)
                .await?;
        }
        self.commit(transaction).await
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

    fn claims(&self) -> std::sync::MutexGuard<'_, std::collections::BTreeSet<String>> {
        self.inner.claims.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Change {
    /// Marks the claim under which the change is made, if there is one.
    ///
    /// # Errors
    /// `E-IDEMPOTENCY-LAPSED` when somebody took the claim over meanwhile.
    pub(crate) async fn hold_claim(&mut self) -> Result<()> {
        let Some(request) = self.actor().request.clone() else { return Ok(()) };
        if !self.store().claims().contains(&request) {
            return Ok(());
        }
        let done = sqlx::query("UPDATE answers SET changed = 1 WHERE holder = $1").bind(request).execute(self.connection()).await?;
        if done.rows_affected() == 0 {
            return Err(StoreError::conflict(
                "E-IDEMPOTENCY-LAPSED",
                "Idempotency-Key",
                "The request took so long that a repetition took its place.",
            ));
        }
        Ok(())
    }
}
