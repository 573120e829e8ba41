//! **Reports**: by client and digest, compressed, shared by the hosts of one
//! client and never across clients.

use crate::change::Change;
use crate::columns::Columns;
use crate::engine::Store;
use crate::error::{ErrorKind, Result, StoreError};
use data_encoding::HEXLOWER;
use jiff::Timestamp;
use plimsoll_core::model::identifier::{ClientId, HostId};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

/// Greatest report, bytes before compression; a reading bound as well, so that
/// no stored bytes can fill the memory.
pub const GREATEST: usize = 64 << 20;

/// Level of compression: 3 is zstd's own default, about a tenth of the size of
/// JSON at hundreds of megabytes a second.
const LEVEL: i32 = 3;

/// A report ready to be stored: digest and compression are done before the
/// writer's turn comes.
#[derive(Clone, Debug)]
pub struct PackedReport {
    digest: String,
    size: usize,
    content: Vec<u8>,
}

impl PackedReport {
    /// Digests and compresses the canonical bytes of a report.
    ///
    /// # Errors
    /// More than [`GREATEST`] bytes.
    pub fn new(bytes: &[u8]) -> Result<Self> {
        if bytes.len() > GREATEST {
            let text = format!("The report has {} bytes, {GREATEST} are possible.", bytes.len());
            return Err(StoreError::new(ErrorKind::Invalid, "E-LIMIT", "report", text, "Look at what the host reports."));
        }
        let content = zstd::bulk::compress(bytes, LEVEL).map_err(|error| StoreError::invalid("report", error.to_string()))?;
        Ok(Self { digest: HEXLOWER.encode(&Sha256::digest(bytes)), size: bytes.len(), content })
    }

    /// The canonical bytes.
    ///
    /// # Errors
    /// `E-STORE-CORRUPT` where they are not those that were packed.
    pub fn bytes(&self) -> Result<Vec<u8>> {
        unpack(&self.digest, self.size as u64, &self.content)
    }

    /// SHA-256 of the canonical bytes, hex.
    pub fn digest(&self) -> &str {
        &self.digest
    }
}

impl Store {
    /// The canonical bytes of a report.
    ///
    /// # Errors
    /// The client has none with this digest; `E-STORE-CORRUPT` when the bytes
    /// are not those that were stored.
    pub async fn report(&self, client: ClientId, digest: &str) -> Result<Vec<u8>> {
        let row = sqlx::query("SELECT size, content FROM reports WHERE client = $1 AND digest = $2")
            .bind(client.to_string())
            .bind(digest)
            .fetch_optional(&mut *self.reader().await?)
            .await?;
        let row = row.ok_or_else(|| StoreError::not_found(format!("report:{digest}")))?;
        unpack(digest, row.count("size")?, &row.bytes("content")?)
    }

    /// Whether a client has a report, without reading it.
    ///
    /// # Errors
    /// The store cannot be read.
    pub async fn has_report(&self, client: ClientId, digest: &str) -> Result<bool> {
        let row = sqlx::query("SELECT size FROM reports WHERE client = $1 AND digest = $2")
            .bind(client.to_string())
            .bind(digest)
            .fetch_optional(&mut *self.reader().await?)
            .await?;
        Ok(row.is_some())
    }

    /// Deletes reports that no host and no application has any more and that
    /// are older than a time, at most so many; gives their number.
    ///
    /// The age leaves a base for deltas that are under way. Without a leaf:
    /// nothing that anybody decided goes.
    ///
    /// # Errors
    /// The store cannot be reached.
    pub async fn collect_garbage(&self, older_than: Timestamp, limit: u32) -> Result<u64> {
        let mut transaction = self.writer().await?;
        // The condition stands in the outer statement too: on PostgreSQL a
        // host may have taken the report since the inner one looked.
        const UNUSED: &str = "NOT EXISTS (SELECT 1 FROM hosts WHERE hosts.client = reports.client AND hosts.report = reports.digest)
             AND NOT EXISTS (SELECT 1 FROM applications WHERE applications.client = reports.client AND applications.sbom = reports.digest)
             AND created < $1";
        let sql = format!(
            "DELETE FROM reports WHERE {UNUSED} AND (client, digest) IN
                 (SELECT client, digest FROM reports WHERE {UNUSED} ORDER BY created LIMIT $2)"
        );
        let done = sqlx::query(sqlx::AssertSqlSafe(sql))
            .bind(older_than.as_microsecond())
            .bind(i64::from(limit))
            .execute(&mut *transaction)
            .await?;
        self.commit(transaction).await?;
        Ok(done.rows_affected())
    }
}

fn unpack(digest: &str, size: u64, content: &[u8]) -> Result<Vec<u8>> {
    let broken = |text: &str| StoreError::damaged(format!("report:{digest}"), text);
    let size = usize::try_from(size).ok().filter(|size| *size <= GREATEST).ok_or_else(|| broken("Its size is out of range."))?;
    let bytes = zstd::bulk::decompress(content, size).map_err(|error| broken(&error.to_string()))?;
    if HEXLOWER.encode(&Sha256::digest(&bytes)) != digest {
        return Err(broken("Its bytes do not have its digest."));
    }
    Ok(bytes)
}

impl Change {
    /// Stores the report of a host and makes it the host's newest.
    ///
    /// # Errors
    /// There is no such host, or it is retired (`E-STATE`).
    pub async fn put_report(&mut self, host: HostId, report: &PackedReport, arrived: Timestamp) -> Result<()> {
        let row = sqlx::query("SELECT client, report, state FROM hosts WHERE id = $1").bind(host.to_string()).fetch_optional(self.connection()).await?;
        let row = row.ok_or_else(|| StoreError::not_found(format!("host:{host}")))?;
        let client: ClientId = row.parsed("client")?;
        if row.text("state")? == "retired" {
            return Err(StoreError::conflict("E-STATE", format!("host:{host}"), "The host is retired."));
        }
        let before: Option<Value> = row.optional_text("report")?.map(|digest| json!({ "report": digest }));
        self.put_content(client, report).await?;
        sqlx::query("UPDATE hosts SET report = $2, reported = $3 WHERE id = $1")
            .bind(host.to_string())
            .bind(report.digest.as_str())
            .bind(arrived.as_microsecond())
            .execute(self.connection())
            .await?;
        self.concerns(client);
        self.record(&format!("host:{host}"), before.as_ref(), Some(&json!({ "report": report.digest })))
    }

    /// Stores bytes under a client without a host: the components of an
    /// application.
    pub(crate) async fn put_content(&mut self, client: ClientId, report: &PackedReport) -> Result<()> {
        // A report that comes again is as young as its newest arrival, so that
        // the garbage collector leaves it alone until this commits.
        let now = self.time().as_microsecond();
        sqlx::query(
            "INSERT INTO reports (client, digest, size, content, created) VALUES ($1, $2, $3, $4, $5)
             ON CONFLICT (client, digest) DO UPDATE SET created = excluded.created",
        )
        .bind(client.to_string())
        .bind(report.digest.as_str())
        .bind(i64::try_from(report.size).unwrap_or(i64::MAX))
        .bind(report.content.as_slice())
        .bind(now)
        .execute(self.connection())
        .await?;
        Ok(())
    }
}
