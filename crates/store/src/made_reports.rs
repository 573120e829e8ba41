//! **Reports that were made when they were due**, kept to be taken along. The
//! evidence log has the digest of each for good; the file itself goes when the
//! policy says so, since it can be made again.

use crate::change::Change;
use crate::columns::Columns;
use crate::engine::Store;
use crate::error::{Result, StoreError};
use crate::scope::{Conditions, Scope};
use jiff::Timestamp;
use plimsoll_core::model::identifier::{ClientId, MadeReportId};
use serde::Serialize;
use sqlx::any::AnyRow;

/// A report that was made, without its content.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct MadeReport {
    /// Id.
    pub id: MadeReportId,
    /// Which, `management`.
    pub report: String,
    /// Its form, `pdf`.
    pub format: String,
    /// The client whose it is; none for all clients.
    pub client: Option<ClientId>,
    /// What the policy calls it.
    pub title: String,
    /// For whom, in the policy's words.
    pub audience: Vec<String>,
    /// Beginning of its period.
    pub since: Timestamp,
    /// End of its period, which it is as of.
    pub as_of: Timestamp,
    /// When it was made.
    pub made: Timestamp,
    /// SHA-256 of its content, hex.
    pub digest: String,
    /// Whether its content is still kept.
    pub kept: bool,
}

const WITHOUT_CONTENT: &str = "id, report, format, client, title, audience, since, as_of, made, digest, CASE WHEN content IS NULL THEN 0 ELSE 1 END AS kept";

fn read(row: &AnyRow) -> Result<MadeReport> {
    let client = row.text("client")?;
    Ok(MadeReport {
        id: row.parsed("id")?,
        report: row.text("report")?,
        format: row.text("format")?,
        client: if client.is_empty() { None } else { Some(client.parse().map_err(|_| StoreError::damaged("client", "The text is no identifier."))?) },
        title: row.text("title")?,
        audience: row.json("audience")?,
        since: row.time("since")?,
        as_of: row.time("as_of")?,
        made: row.time("made")?,
        digest: row.text("digest")?,
        kept: row.flag("kept")?,
    })
}

/// Those whose client is within a scope; those of all clients only for who
/// sees all.
fn within(scope: &Scope) -> Conditions {
    let mut conditions = Conditions::default();
    conditions.clients_within("client", scope);
    conditions
}

impl Store {
    /// Reports that were made, the newest first.
    ///
    /// # Errors
    /// The store cannot be read.
    pub async fn made_reports(&self, scope: &Scope) -> Result<Vec<MadeReport>> {
        let conditions = within(scope);
        let sql = format!("SELECT {WITHOUT_CONTENT} FROM made_reports{} ORDER BY as_of DESC, id DESC", conditions.sql());
        conditions.query(sql).fetch_all(&mut *self.reader().await?).await?.iter().map(read).collect()
    }

    /// One of them, with its content where that is still kept.
    ///
    /// # Errors
    /// There is none with this id within the scope.
    pub async fn made_report(&self, scope: &Scope, id: MadeReportId) -> Result<(MadeReport, Option<Vec<u8>>)> {
        let mut conditions = within(scope);
        let mark = conditions.text(id.to_string());
        conditions.and(format!("id = {mark}"));
        let sql = format!("SELECT {WITHOUT_CONTENT}, content FROM made_reports{}", conditions.sql());
        let row = conditions.query(sql).fetch_optional(&mut *self.reader().await?).await?;
        let row = row.ok_or_else(|| StoreError::not_found(format!("made-report:{id}")))?;
        let made = read(&row)?;
        let content = if made.kept { Some(row.bytes("content")?) } else { None };
        Ok((made, content))
    }

    /// Whether a report of a period was made.
    ///
    /// # Errors
    /// The store cannot be read.
    pub async fn is_made(&self, (report, format, client): (&str, &str, Option<ClientId>), (since, as_of): (Timestamp, Timestamp)) -> Result<bool> {
        let row = sqlx::query("SELECT id FROM made_reports WHERE report = $1 AND format = $2 AND client = $3 AND since = $4 AND as_of = $5")
            .bind(report)
            .bind(format)
            .bind(client.map(|client| client.to_string()).unwrap_or_default())
            .bind(since.as_microsecond())
            .bind(as_of.as_microsecond())
            .fetch_optional(&mut *self.reader().await?)
            .await?;
        Ok(row.is_some())
    }

    /// Deletes the content of reports as of before a time; that they were made
    /// stays known. Nobody decides it again, so it has no leaf.
    ///
    /// # Errors
    /// The store cannot be reached.
    pub async fn expire_made_reports(&self, before: Timestamp) -> Result<u64> {
        let mut transaction = self.writer().await?;
        let done = sqlx::query("UPDATE made_reports SET content = NULL WHERE as_of < $1 AND content IS NOT NULL")
            .bind(before.as_microsecond())
            .execute(&mut *transaction)
            .await?;
        self.commit(transaction).await?;
        Ok(done.rows_affected())
    }
}

impl Change {
    /// Keeps a report; false where it was made already.
    ///
    /// # Errors
    /// The store cannot be reached.
    pub async fn add_made_report(&mut self, made: &MadeReport, content: &[u8]) -> Result<bool> {
        let done = sqlx::query(
            "INSERT INTO made_reports (id, report, format, client, title, audience, since, as_of, made, digest, content)
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11) ON CONFLICT (report, format, client, since, as_of) DO NOTHING",
        )
        .bind(made.id.to_string())
        .bind(made.report.as_str())
        .bind(made.format.as_str())
        .bind(made.client.map(|client| client.to_string()).unwrap_or_default())
        .bind(made.title.as_str())
        .bind(crate::columns::to_json(&made.audience)?)
        .bind(made.since.as_microsecond())
        .bind(made.as_of.as_microsecond())
        .bind(made.made.as_microsecond())
        .bind(made.digest.as_str())
        .bind(content)
        .execute(self.connection())
        .await?;
        if done.rows_affected() == 0 {
            return Ok(false);
        }
        if let Some(client) = made.client {
            self.concerns(client);
        }
        self.record(&format!("made-report:{}", made.id), None, Some(made))?;
        Ok(true)
    }
}
