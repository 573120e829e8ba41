//! The figures of a host that lists show and sort by: derived, so without a
//! leaf.

use crate::change::Change;
use crate::columns::{Columns, placeholders};
use crate::engine::Store;
use crate::error::Result;
use crate::leases::to_number;
use jiff::Timestamp;
use plimsoll_core::model::identifier::HostId;
use serde::{Deserialize, Serialize};
use sqlx::AnyConnection;
use sqlx::any::AnyRow;
use std::collections::BTreeMap;

/// Figures of one host.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub struct Summary {
    /// Pending updates.
    pub updates: u64,
    /// Those that fix a finding.
    pub security_updates: u64,
    /// Open findings.
    pub findings: u64,
    /// Obligations past their due date.
    pub overdue: u64,
    /// Obligations due soon.
    pub due_soon: u64,
    /// The nearest due date ahead.
    pub next_due: Option<Timestamp>,
    /// Whether what is installed waits for a restart to take effect.
    pub reboot_pending: bool,
    /// State of knowledge it was worked out from; none before the first time.
    pub as_of: Option<Timestamp>,
}

/// Stands for no due date: sorts last when the nearest comes first.
pub(crate) const NEVER: i64 = i64::MAX;

pub(crate) fn read(row: &AnyRow) -> Result<Summary> {
    let next_due = match row.number("next_due")? {
        NEVER => None,
        _ => Some(row.time("next_due")?),
    };
    Ok(Summary {
        updates: row.count("updates")?,
        security_updates: row.count("security_updates")?,
        findings: row.count("findings")?,
        overdue: row.count("overdue")?,
        due_soon: row.count("due_soon")?,
        next_due,
        reboot_pending: row.flag("reboot_pending")?,
        as_of: row.optional_time("as_of")?,
    })
}

pub(crate) async fn insert_empty(connection: &mut AnyConnection, host: HostId) -> Result<()> {
    sqlx::query(
        "INSERT INTO summaries (host, updates, security_updates, findings, overdue, due_soon, next_due, reboot_pending, as_of)
         VALUES ($1, 0, 0, 0, 0, 0, $2, 0, NULL)",
    )
    .bind(host.to_string())
    .bind(NEVER)
    .execute(connection)
    .await?;
    Ok(())
}

/// A host that is gone shows no figures and counts nowhere.
pub(crate) async fn clear(connection: &mut AnyConnection, host: HostId) -> Result<()> {
    save(connection, host, &Summary::default()).await
}

async fn save(connection: &mut AnyConnection, host: HostId, summary: &Summary) -> Result<()> {
    sqlx::query(
        "UPDATE summaries SET updates = $2, security_updates = $3, findings = $4, overdue = $5, due_soon = $6,
             next_due = $7, reboot_pending = $8, as_of = $9
         WHERE host = $1",
    )
    .bind(host.to_string())
    .bind(to_number(summary.updates)?)
    .bind(to_number(summary.security_updates)?)
    .bind(to_number(summary.findings)?)
    .bind(to_number(summary.overdue)?)
    .bind(to_number(summary.due_soon)?)
    .bind(summary.next_due.map_or(NEVER, Timestamp::as_microsecond))
    .bind(i64::from(summary.reboot_pending))
    .bind(summary.as_of.map(Timestamp::as_microsecond))
    .execute(connection)
    .await?;
    Ok(())
}

impl Store {
    /// Saves the figures of many hosts in one transaction.
    ///
    /// # Errors
    /// The store cannot be reached; then nothing of the batch is saved.
    pub async fn save_summaries(&self, summaries: &[(HostId, Summary)]) -> Result<()> {
        if summaries.is_empty() {
            return Ok(());
        }
        let mut ordered: Vec<_> = summaries.iter().collect();
        ordered.sort_by_key(|(host, _)| *host);
        let mut transaction = self.writer().await?;
        for (host, summary) in ordered {
            save(&mut transaction, *host, summary).await?;
        }
        self.commit(transaction).await
    }

    /// Figures of some hosts.
    ///
    /// # Errors
    /// The store cannot be read.
    pub async fn summaries(&self, hosts: &[HostId]) -> Result<BTreeMap<HostId, Summary>> {
        let mut all = BTreeMap::new();
        let mut connection = self.reader().await?;
        for hosts in hosts.chunks(500) {
            let sql = format!("SELECT * FROM summaries WHERE host IN ({})", placeholders(1, hosts.len()));
            let mut query = sqlx::query(sqlx::AssertSqlSafe(sql));
            for host in hosts {
                query = query.bind(host.to_string());
            }
            for row in query.fetch_all(&mut *connection).await? {
                all.insert(row.parsed("host")?, read(&row)?);
            }
        }
        Ok(all)
    }
}

impl Change {
    /// Saves the figures of one host with the change that caused them.
    ///
    /// # Errors
    /// The store cannot be reached.
    pub async fn save_summary(&mut self, host: HostId, summary: &Summary) -> Result<()> {
        save(self.connection(), host, summary).await
    }
}
