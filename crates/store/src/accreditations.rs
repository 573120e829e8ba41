//! **Accreditations**: what authorities signed off. No row is ever deleted.

use crate::change::Change;
use crate::columns::{Columns, to_json};
use crate::engine::Store;
use crate::error::{Result, StoreError};
use crate::scope::{Conditions, Scope};
use plimsoll_core::model::accreditation::{Accreditation, Withdrawal};
use plimsoll_core::model::identifier::AccreditationId;
use sqlx::any::AnyRow;

fn object(id: AccreditationId) -> String {
    format!("accreditation:{id}")
}

fn read(row: &AnyRow) -> Result<Accreditation> {
    let said = |name: &str| row.optional_text(name).map(Option::unwrap_or_default);
    Ok(Accreditation {
        id: row.parsed("id")?,
        client: row.parsed("client")?,
        scope: row.json("scope")?,
        statement: row.text("statement")?,
        by: row.text("given_by")?,
        given: row.time("given")?,
        until: row.time("ends")?,
        withdrawn: match row.optional_time("withdrawn")? {
            Some(at) => Some(Withdrawal { at, by: said("withdrawn_by")?, why: said("withdrawn_why")? }),
            None => None,
        },
    })
}

impl Store {
    /// Accreditations of the clients within a scope, the newest first.
    ///
    /// # Errors
    /// The store cannot be read.
    pub async fn accreditations(&self, scope: &Scope) -> Result<Vec<Accreditation>> {
        let mut conditions = Conditions::default();
        conditions.clients_within("client", scope);
        let sql = format!("SELECT * FROM accreditations{} ORDER BY given DESC, id DESC", conditions.sql());
        conditions.query(sql).fetch_all(&mut *self.reader().await?).await?.iter().map(read).collect()
    }
}

impl Change {
    /// Keeps what an authority signed off.
    ///
    /// # Errors
    /// There is no such client.
    pub async fn add_accreditation(&mut self, accreditation: &Accreditation) -> Result<()> {
        sqlx::query(
            "INSERT INTO accreditations (id, client, scope, statement, given_by, given, ends) VALUES ($1, $2, $3, $4, $5, $6, $7)",
        )
        .bind(accreditation.id.to_string())
        .bind(accreditation.client.to_string())
        .bind(to_json(&accreditation.scope)?)
        .bind(accreditation.statement.as_str())
        .bind(accreditation.by.as_str())
        .bind(accreditation.given.as_microsecond())
        .bind(accreditation.until.as_microsecond())
        .execute(self.connection())
        .await?;
        self.concerns(accreditation.client);
        self.record_personal(&object(accreditation.id), None, Some(accreditation))
    }

    /// Takes one back.
    ///
    /// # Errors
    /// `E-STATE` where it was taken back before, `E-NOT-FOUND`.
    pub async fn withdraw_accreditation(&mut self, id: AccreditationId, withdrawal: &Withdrawal) -> Result<Accreditation> {
        let row = sqlx::query("SELECT * FROM accreditations WHERE id = $1").bind(id.to_string()).fetch_optional(self.connection()).await?;
        let before = read(&row.ok_or_else(|| StoreError::not_found(object(id)))?)?;
        let done = sqlx::query("UPDATE accreditations SET withdrawn = $2, withdrawn_by = $3, withdrawn_why = $4 WHERE id = $1 AND withdrawn IS NULL")
            .bind(id.to_string())
            .bind(withdrawal.at.as_microsecond())
            .bind(withdrawal.by.as_str())
            .bind(withdrawal.why.as_str())
            .execute(self.connection())
            .await?;
        if done.rows_affected() == 0 {
            return Err(StoreError::conflict("E-STATE", object(id), "It was taken back already."));
        }
        let after = Accreditation { withdrawn: Some(withdrawal.clone()), ..before.clone() };
        self.concerns(before.client);
        self.record_personal(&object(id), Some(&before), Some(&after))?;
        Ok(after)
    }
}
