//! **Leases** with fencing: at most one server does a piece of work, and one
//! that slept past its lease cannot write any more.

use crate::change::Change;
use crate::columns::Columns;
use crate::engine::Store;
use crate::error::{Result, StoreError};
use jiff::{SignedDuration, Timestamp};
use sqlx::AnyConnection;

/// A lease as it stands.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Lease {
    /// What it is for, `integrate`.
    pub name: String,
    /// Who holds it: an id drawn by each server at its start.
    pub holder: String,
    /// Fencing token: grows by one whenever the holder changes.
    pub token: u64,
    /// Until when it holds without renewal.
    pub until: Timestamp,
}

fn read(row: &sqlx::any::AnyRow) -> Result<Lease> {
    Ok(Lease { name: row.text("name")?, holder: row.text("holder")?, token: row.count("token")?, until: row.time("until")? })
}

impl Store {
    /// Takes or renews a lease; none when somebody else holds it.
    ///
    /// One statement compares and sets, so that of two servers one wins. Each
    /// server's clock must be right to well within `length`; the token, not
    /// the clock, keeps writes apart.
    ///
    /// # Errors
    /// The store cannot be reached.
    pub async fn take_lease(&self, name: &str, holder: &str, now: Timestamp, length: SignedDuration) -> Result<Option<Lease>> {
        let until = now.saturating_add(length).unwrap_or(Timestamp::MAX);
        let mut transaction = self.writer().await?;
        let row = sqlx::query(
            "INSERT INTO leases (name, holder, token, until) VALUES ($1, $2, 1, $3)
             ON CONFLICT (name) DO UPDATE SET
                 token = CASE WHEN leases.holder = excluded.holder THEN leases.token ELSE leases.token + 1 END,
                 holder = excluded.holder,
                 until = excluded.until
             WHERE leases.holder = excluded.holder OR leases.until <= $4
             RETURNING name, holder, token, until",
        )
        .bind(name)
        .bind(holder)
        .bind(until.as_microsecond())
        .bind(now.as_microsecond())
        .fetch_optional(&mut *transaction)
        .await?;
        self.commit(transaction).await?;
        row.as_ref().map(read).transpose()
    }

    /// Gives a lease back early, so that another server need not wait.
    ///
    /// # Errors
    /// The store cannot be reached.
    pub async fn release_lease(&self, lease: &Lease) -> Result<()> {
        let mut transaction = self.writer().await?;
        sqlx::query("UPDATE leases SET until = 0 WHERE name = $1 AND holder = $2 AND token = $3")
            .bind(lease.name.as_str())
            .bind(lease.holder.as_str())
            .bind(to_number(lease.token)?)
            .execute(&mut *transaction)
            .await?;
        self.commit(transaction).await
    }

    /// A lease as it stands; none when nobody ever took it.
    ///
    /// # Errors
    /// The store cannot be read.
    pub async fn lease(&self, name: &str) -> Result<Option<Lease>> {
        let row = sqlx::query("SELECT * FROM leases WHERE name = $1").bind(name).fetch_optional(&mut *self.reader().await?).await?;
        row.as_ref().map(read).transpose()
    }
}

impl Change {
    /// Refuses the change unless this lease is still the newest: a server that
    /// was stopped and woke up must not write with an old view.
    ///
    /// # Errors
    /// `E-FENCED` with both tokens.
    pub async fn fence(&mut self, lease: &Lease) -> Result<()> {
        fence(self.connection(), lease).await
    }
}

/// Locks the lease's row, so that nobody takes it before this commits.
pub(crate) async fn fence(connection: &mut AnyConnection, lease: &Lease) -> Result<()> {
    let row = sqlx::query("UPDATE leases SET holder = holder WHERE name = $1 RETURNING token")
        .bind(lease.name.as_str())
        .fetch_optional(connection)
        .await?;
    let newest = row.map(|row| row.count("token")).transpose()?.unwrap_or(0);
    if newest != lease.token {
        return Err(StoreError::conflict(
            "E-FENCED",
            format!("lease:{}", lease.name),
            format!("stale epoch {} < {newest}: another server took over.", lease.token),
        ));
    }
    Ok(())
}

pub(crate) fn to_number(value: u64) -> Result<i64> {
    i64::try_from(value).map_err(|_| StoreError::invalid("number", format!("{value} is greater than 2^63 - 1.")))
}
