//! When hosts last said anything: flushed in one batch, without a leaf.

use crate::columns::Columns;
use crate::engine::Store;
use crate::error::Result;
use crate::leases::to_number;
use jiff::Timestamp;
use plimsoll_core::model::identifier::HostId;
use sqlx::AnyConnection;

/// Rows of one statement: 3 values each, far below the 32,766 values that
/// SQLite takes.
const BATCH: usize = 500;

impl Store {
    /// Notes when hosts last said anything, and the greatest sequence number
    /// each has used; older values never replace newer ones.
    ///
    /// Hosts that are not there any more are passed over.
    ///
    /// # Errors
    /// The store cannot be reached; then nothing of the batch is noted.
    pub async fn note_last_seen(&self, seen: &[(HostId, Timestamp, u64)]) -> Result<()> {
        if seen.is_empty() {
            return Ok(());
        }
        // In one order, so that two servers cannot wait for each other.
        let mut seen = seen.to_vec();
        seen.sort_unstable();
        let mut transaction = self.writer().await?;
        for batch in seen.chunk_by(|left, right| left.0 == right.0).collect::<Vec<_>>().chunks(BATCH) {
            // The last of a host's entries is its newest.
            let newest: Vec<_> = batch.iter().filter_map(|entries| {
                entries.last().map(|last| (last.0, last.1, entries.iter().map(|entry| entry.2).max().unwrap_or(last.2)))
            }).collect();
            note(&mut transaction, &newest).await?;
        }
        self.commit(transaction).await
    }

    /// Greatest sequence number a host has used, as far as it was noted.
    ///
    /// # Errors
    /// The store cannot be read.
    pub async fn sequence(&self, host: HostId) -> Result<Option<u64>> {
        let row = sqlx::query("SELECT sequence FROM presence WHERE host = $1 AND last_seen > 0")
            .bind(host.to_string())
            .fetch_optional(&mut *self.reader().await?)
            .await?;
        row.map(|row| row.count("sequence")).transpose()
    }

    /// All that was noted, for a server that starts; sorted by host.
    ///
    /// # Errors
    /// The store cannot be read.
    pub async fn presence(&self) -> Result<Vec<(HostId, Timestamp, u64)>> {
        self.presence_since(Timestamp::UNIX_EPOCH).await
    }

    /// What was noted of hosts that said something after a time; sorted by host.
    ///
    /// # Errors
    /// The store cannot be read.
    pub async fn presence_since(&self, since: Timestamp) -> Result<Vec<(HostId, Timestamp, u64)>> {
        let rows = sqlx::query("SELECT host, last_seen, sequence FROM presence WHERE last_seen > $1 ORDER BY host")
            .bind(since.as_microsecond())
            .fetch_all(&mut *self.reader().await?)
            .await?;
        rows.iter().map(|row| Ok((row.parsed("host")?, row.time("last_seen")?, row.count("sequence")?))).collect()
    }
}

/// A host that never said anything has the time 0, so that reading one needs no
/// outer join.
pub(crate) async fn insert_empty(connection: &mut AnyConnection, host: HostId) -> Result<()> {
    sqlx::query("INSERT INTO presence (host, last_seen, sequence) VALUES ($1, 0, 0)").bind(host.to_string()).execute(connection).await?;
    Ok(())
}

pub(crate) async fn note(connection: &mut AnyConnection, seen: &[(HostId, Timestamp, u64)]) -> Result<()> {
    if seen.is_empty() {
        return Ok(());
    }
    let rows: Vec<String> = (0..seen.len())
        .map(|row| {
            let first = row * 3 + 1;
            format!("(CAST(${first} AS TEXT), CAST(${} AS BIGINT), CAST(${} AS BIGINT))", first + 1, first + 2)
        })
        .collect();
    // The join drops hosts that are gone; `WHERE` keeps SQLite from reading
    // ON CONFLICT as part of the join.
    let sql = format!(
        "WITH seen (host, last_seen, sequence) AS (VALUES {})
         INSERT INTO presence (host, last_seen, sequence)
         SELECT seen.host, seen.last_seen, seen.sequence FROM seen WHERE seen.host IN (SELECT id FROM hosts)
         ON CONFLICT (host) DO UPDATE SET
             last_seen = CASE WHEN excluded.last_seen > presence.last_seen THEN excluded.last_seen ELSE presence.last_seen END,
             sequence = CASE WHEN excluded.sequence > presence.sequence THEN excluded.sequence ELSE presence.sequence END",
        rows.join(", ")
    );
    let mut query = sqlx::query(sqlx::AssertSqlSafe(sql));
    for (host, time, sequence) in seen {
        query = query.bind(host.to_string()).bind(time.as_microsecond()).bind(to_number(*sequence)?);
    }
    query.execute(connection).await?;
    Ok(())
}
