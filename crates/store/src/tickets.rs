//! **Tickets**: things half done, such as the first step of a sign-in, found by
//! the hash of a secret that the caller made. They last minutes, have no leaf,
//! because nothing is decided yet, and are in no backup.

use crate::columns::Columns;
use crate::engine::Store;
use crate::error::Result;
use jiff::Timestamp;

impl Store {
    /// Keeps what is half done, sealed by the caller.
    ///
    /// # Errors
    /// The store cannot be reached.
    pub async fn add_ticket(&self, kind: &str, hash: &str, content: &[u8], expires: Timestamp) -> Result<()> {
        let mut transaction = self.writer().await?;
        sqlx::query("INSERT INTO tickets (hash, kind, content, expires) VALUES ($1, $2, $3, $4)")
            .bind(hash)
            .bind(kind)
            .bind(content)
            .bind(expires.as_microsecond())
            .execute(&mut *transaction)
            .await?;
        self.commit(transaction).await
    }

    /// Takes it back: of many at the same time one gets it.
    ///
    /// # Errors
    /// The store cannot be reached.
    pub async fn take_ticket(&self, kind: &str, hash: &str, now: Timestamp) -> Result<Option<Vec<u8>>> {
        let mut transaction = self.writer().await?;
        let row = sqlx::query("DELETE FROM tickets WHERE hash = $1 AND kind = $2 AND expires > $3 RETURNING content")
            .bind(hash)
            .bind(kind)
            .bind(now.as_microsecond())
            .fetch_optional(&mut *transaction)
            .await?;
        self.commit(transaction).await?;
        row.map(|row| row.bytes("content")).transpose()
    }
}
