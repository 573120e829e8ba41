//! **Integration**: gives pending leaves their positions, extends the tiles
//! and signs a checkpoint.

use super::signing::Checkpoint;
use super::tiles::{Edge, leaf_hash};
use crate::columns::Columns;
use crate::engine::Store;
use crate::error::Result;
use crate::leases::{Lease, fence, to_number};
use data_encoding::HEXLOWER;
use jiff::{SignedDuration, Timestamp};
use sqlx::AnyConnection;
use std::time::Duration;

/// Name of the lease whose holder integrates.
pub const LEASE: &str = "evidence";

/// Leaves integrated in one transaction; bounds how long it holds the writer.
const BATCH: i64 = 1024;

/// Microseconds of an hour.
const HOUR: i64 = 3_600_000_000;

impl Store {
    /// Integrates pending leaves, at most 1,024, and signs a checkpoint; none
    /// when nothing was pending, and then nothing is written.
    ///
    /// # Errors
    /// `E-FENCED` when the lease is not the newest any more.
    pub async fn integrate(&self, lease: &Lease, now: Timestamp) -> Result<Option<Checkpoint>> {
        let pending = sqlx::query("SELECT id FROM evidence_leaves WHERE position IS NULL LIMIT 1");
        if pending.fetch_optional(&mut *self.reader().await?).await?.is_none() {
            return Ok(None);
        }
        let mut transaction = self.writer().await?;
        fence(&mut transaction, lease).await?;
        let row = sqlx::query("UPDATE evidence_log SET epoch = $1 RETURNING origin, size")
            .bind(to_number(lease.token)?)
            .fetch_one(&mut *transaction)
            .await?;
        let (origin, size) = (row.text("origin")?, row.count("size")?);
        let Some(edge) = extend(&mut transaction, size).await? else { return Ok(None) };
        let checkpoint = self.inner.log_key.sign(&origin, edge.size(), edge.root()?)?;
        save_checkpoint(&mut transaction, &checkpoint, now).await?;
        self.commit(transaction).await?;
        Ok(Some(checkpoint))
    }

    /// Integrates until nothing is pending; gives the newest checkpoint signed
    /// on the way.
    ///
    /// # Errors
    /// As [`Store::integrate`].
    pub async fn integrate_all(&self, lease: &Lease, now: Timestamp) -> Result<Option<Checkpoint>> {
        let mut newest = None;
        while let Some(checkpoint) = self.integrate(lease, now).await? {
            newest = Some(checkpoint);
        }
        Ok(newest)
    }

    /// Integrates for as long as it is polled: as soon as this process
    /// committed a change and one second later at the latest for those of
    /// others, whenever the lease can be had.
    ///
    /// `failed` hears of what went wrong; the loop goes on, because nothing is
    /// lost by integrating later.
    pub async fn keep_integrating(&self, holder: &str, failed: impl Fn(crate::StoreError) + Send) {
        const TICK: Duration = Duration::from_secs(1);
        loop {
            // Waits a whole tick after the last one, so that a checkpoint
            // covers a second's leaves or a full batch.
            let wake = self.inner.integration.notified();
            let _ = tokio::time::timeout(TICK, wake).await;
            if let Err(error) = self.integrate_once(holder).await {
                failed(error);
            }
            tokio::time::sleep(TICK).await;
        }
    }

    async fn integrate_once(&self, holder: &str) -> Result<()> {
        let now = Timestamp::now();
        let held = self.lease(LEASE).await?.filter(|lease| lease.holder == holder && lease.until > now + SignedDuration::from_secs(5));
        let lease = match held {
            Some(lease) => Some(lease),
            None => self.take_lease(LEASE, holder, now, SignedDuration::from_secs(15)).await?,
        };
        if let Some(lease) = lease {
            self.integrate_all(&lease, now).await?;
        }
        Ok(())
    }

    pub(crate) fn wake_integration(&self) {
        self.inner.integration.notify_one();
    }
}

/// Positions for a batch of pending leaves, in the order of their ids.
async fn extend(connection: &mut AnyConnection, size: u64) -> Result<Option<Edge>> {
    let rows = sqlx::query("SELECT id, bytes FROM evidence_leaves WHERE position IS NULL ORDER BY id LIMIT $1")
        .bind(BATCH)
        .fetch_all(&mut *connection)
        .await?;
    if rows.is_empty() {
        return Ok(None);
    }
    let mut edge = Edge::load(connection, size).await?;
    for row in &rows {
        sqlx::query("UPDATE evidence_leaves SET position = $2 WHERE id = $1")
            .bind(row.text("id")?)
            .bind(to_number(edge.size())?)
            .execute(&mut *connection)
            .await?;
        edge.append(leaf_hash(&row.bytes("bytes")?));
    }
    edge.save(connection).await?;
    sqlx::query("UPDATE evidence_log SET size = $1").bind(to_number(edge.size())?).execute(connection).await?;
    Ok(Some(edge))
}

async fn save_checkpoint(connection: &mut AnyConnection, checkpoint: &Checkpoint, now: Timestamp) -> Result<()> {
    let last = sqlx::query("SELECT time FROM evidence_checkpoints ORDER BY size DESC LIMIT 1").fetch_optional(&mut *connection).await?;
    let last = last.map(|row| row.number("time")).transpose()?;
    sqlx::query("INSERT INTO evidence_checkpoints (size, root, time, note) VALUES ($1, $2, $3, $4)")
        .bind(to_number(checkpoint.size)?)
        .bind(HEXLOWER.encode(&checkpoint.root))
        .bind(now.as_microsecond())
        .bind(checkpoint.note.as_str())
        .execute(&mut *connection)
        .await?;
    // One an hour is kept for good; with one a second they would outgrow the
    // leaves.
    if last.is_some_and(|last| last / HOUR != now.as_microsecond() / HOUR) {
        sqlx::query(
            "DELETE FROM evidence_checkpoints WHERE time < $1
             AND size NOT IN (SELECT MIN(size) FROM evidence_checkpoints GROUP BY time / 3600000000)",
        )
        .bind(now.as_microsecond() - HOUR)
        .execute(connection)
        .await?;
    }
    Ok(())
}
