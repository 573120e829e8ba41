//! **Results of outside scanners**: of each its digest, program, data and
//! moments for good; what it says in full for the newest of each scanner and
//! host. No row is ever deleted.

use crate::change::Change;
use crate::columns::{Columns, to_json};
use crate::deployment_packages::{pack, unpack};
use crate::engine::Store;
use crate::error::{Result, StoreError};
use crate::leases::to_number;
use crate::scope::{Conditions, Scope};
use jiff::Timestamp;
use plimsoll_core::model::identifier::{ClientId, HostId};
use plimsoll_core::model::scanner::{Reading, Scanner, ScannerResult};
use sqlx::any::AnyRow;
use std::collections::BTreeMap;

fn object(host: HostId, digest: &str) -> String {
    format!("scanner-result:{host}:{digest}")
}

fn read(row: &AnyRow) -> Result<ScannerResult> {
    let there: i64 = row.value("there")?;
    Ok(ScannerResult {
        digest: row.text("digest")?,
        client: row.parsed("client")?,
        host: row.parsed("host")?,
        scanner: row.word("scanner", Scanner::parse)?,
        version: row.optional_text("version")?,
        database: row.optional_time("data_made")?,
        moment: row.time("moment")?,
        received: row.time("received")?,
        there: there.unsigned_abs(),
    })
}

impl Store {
    /// Results for hosts of the clients within a scope, or for one of them, the
    /// newest first.
    ///
    /// # Errors
    /// The store cannot be read.
    pub async fn scanner_results(&self, scope: &Scope, host: Option<HostId>, limit: u32) -> Result<Vec<ScannerResult>> {
        let mut conditions = Conditions::default();
        conditions.clients_within("client", scope);
        if let Some(host) = host {
            let mark = conditions.text(host.to_string());
            conditions.and(format!("host = {mark}"));
        }
        let limit = conditions.number(i64::from(limit));
        let sql = format!("SELECT host, digest, client, scanner, version, data_made, moment, received, there FROM scanner_results{} ORDER BY moment DESC, digest LIMIT {limit}", conditions.sql());
        conditions.query(sql).fetch_all(&mut *self.reader().await?).await?.iter().map(read).collect()
    }

    /// The newest result of each scanner for each host of a client.
    ///
    /// # Errors
    /// The store cannot be read.
    pub async fn newest_scanner_results(&self, client: ClientId) -> Result<BTreeMap<HostId, Vec<ScannerResult>>> {
        let rows = sqlx::query(
            "SELECT host, digest, client, scanner, version, data_made, moment, received, there FROM scanner_results
             WHERE client = $1 AND reading IS NOT NULL ORDER BY host, scanner",
        )
        .bind(client.to_string())
        .fetch_all(&mut *self.reader().await?)
        .await?;
        let mut all: BTreeMap<HostId, Vec<ScannerResult>> = BTreeMap::new();
        for row in &rows {
            let result = read(row)?;
            all.entry(result.host).or_default().push(result);
        }
        Ok(all)
    }

    /// The newest result of each scanner for a host, with what it says.
    ///
    /// # Errors
    /// The store cannot be read, or what is kept is damaged.
    pub async fn scanner_readings(&self, host: HostId) -> Result<Vec<(ScannerResult, Reading)>> {
        let rows = sqlx::query("SELECT * FROM scanner_results WHERE host = $1 AND reading IS NOT NULL ORDER BY scanner")
            .bind(host.to_string())
            .fetch_all(&mut *self.reader().await?)
            .await?;
        let one = |row: &AnyRow| {
            let result = read(row)?;
            let place = object(host, &result.digest);
            let bytes = unpack(&place, &row.bytes("reading")?)?;
            let reading = serde_json::from_slice(&bytes).map_err(|error| StoreError::damaged(place, error.to_string()))?;
            Ok((result, reading))
        };
        rows.iter().map(one).collect()
    }
}

impl Change {
    /// Keeps a scanner's result for a host.
    ///
    /// # Errors
    /// `E-STATE` where the same file was brought for the host before.
    pub async fn add_scanner_result(&mut self, result: &ScannerResult, reading: &Reading) -> Result<()> {
        // Which is the newest is decided under the row of the host, so that two
        // that come at once do not both take themselves for it.
        sqlx::query("UPDATE hosts SET name = name WHERE id = $1").bind(result.host.to_string()).execute(self.connection()).await?;
        let newer: Option<AnyRow> = sqlx::query("SELECT digest FROM scanner_results WHERE host = $1 AND scanner = $2 AND moment > $3 LIMIT 1")
            .bind(result.host.to_string())
            .bind(result.scanner.word())
            .bind(result.moment.as_microsecond())
            .fetch_optional(self.connection())
            .await?;
        let kept = if newer.is_none() { Some(pack(to_json(reading)?.as_bytes())?) } else { None };
        if kept.is_some() {
            sqlx::query("UPDATE scanner_results SET reading = NULL WHERE host = $1 AND scanner = $2 AND digest <> $3")
                .bind(result.host.to_string())
                .bind(result.scanner.word())
                .bind(result.digest.as_str())
                .execute(self.connection())
                .await?;
        }
        let done = sqlx::query(
            "INSERT INTO scanner_results (host, digest, client, scanner, version, data_made, moment, received, there, reading)
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10) ON CONFLICT (host, digest) DO NOTHING",
        )
        .bind(result.host.to_string())
        .bind(result.digest.as_str())
        .bind(result.client.to_string())
        .bind(result.scanner.word())
        .bind(result.version.as_deref())
        .bind(result.database.map(Timestamp::as_microsecond))
        .bind(result.moment.as_microsecond())
        .bind(result.received.as_microsecond())
        .bind(to_number(result.there)?)
        .bind(kept)
        .execute(self.connection())
        .await?;
        if done.rows_affected() == 0 {
            return Err(StoreError::conflict("E-STATE", object(result.host, &result.digest), "This file was brought for the host before."));
        }
        self.concerns(result.client);
        self.record(&object(result.host, &result.digest), None, Some(result))
    }
}
