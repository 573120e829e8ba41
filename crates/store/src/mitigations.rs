//! **Mitigations**: what was done on hosts in place of a patch, when it was
//! seen to work, and when it was removed. No row is ever deleted.

use crate::change::Change;
use crate::columns::{Columns, to_json};
use crate::engine::Store;
use crate::error::{Result, StoreError};
use crate::scope::{Conditions, Scope};
use jiff::Timestamp;
use plimsoll_core::model::identifier::{HostId, MitigationId};
use plimsoll_core::model::mitigation::{Mitigation, MitigationStanding, Removal, Verification};
use plimsoll_core::model::policy::governance::Measure;
use sqlx::AnyConnection;
use sqlx::any::AnyRow;
use std::collections::{BTreeMap, BTreeSet};

fn object(id: MitigationId) -> String {
    format!("mitigation:{id}")
}

fn read(row: &AnyRow) -> Result<Mitigation> {
    Ok(Mitigation {
        id: row.parsed("id")?,
        client: row.parsed("client")?,
        measure: row.word("measure", Measure::parse)?,
        advisories: row.json("advisories")?,
        done: row.text("done")?,
        verify: row.text("verify")?,
        check: row.optional_text("check_name")?,
        owner: row.text("owner")?,
        applied: row.time("applied")?,
        by: row.text("applied_by")?,
        verify_by: row.time("verify_by")?,
        ends: row.optional_time("ends")?,
        verified: None,
        hosts: BTreeMap::new(),
    })
}

fn removal(row: &AnyRow) -> Result<(HostId, Option<Removal>)> {
    let said = |name: &str| row.optional_text(name).map(Option::unwrap_or_default);
    let removed = match row.optional_time("removed")? {
        Some(at) => Some(Removal { at, by: said("removed_by")?, why: said("removed_why")? }),
        None => None,
    };
    Ok((row.parsed("host")?, removed))
}

fn verification(row: &AnyRow) -> Result<Verification> {
    Ok(Verification { at: row.time("at")?, by: row.text("person")?, until: row.time("counts_until")?, note: row.text("note")? })
}

async fn by_id(connection: &mut AnyConnection, id: MitigationId) -> Result<Mitigation> {
    let key = id.to_string();
    let row = sqlx::query("SELECT * FROM mitigations WHERE id = $1").bind(key.as_str()).fetch_optional(&mut *connection).await?;
    let mut found = read(&row.ok_or_else(|| StoreError::not_found(object(id)))?)?;
    let rows = sqlx::query("SELECT * FROM mitigation_hosts WHERE mitigation = $1").bind(key.as_str()).fetch_all(&mut *connection).await?;
    found.hosts = rows.iter().map(removal).collect::<Result<_>>()?;
    let row = sqlx::query("SELECT * FROM mitigation_checks WHERE mitigation = $1 ORDER BY at DESC LIMIT 1").bind(key).fetch_optional(connection).await?;
    found.verified = row.as_ref().map(verification).transpose()?;
    Ok(found)
}

impl Store {
    /// Mitigations of the clients within a scope, the newest first.
    ///
    /// # Errors
    /// The store cannot be read.
    pub async fn mitigations(&self, scope: &Scope) -> Result<Vec<Mitigation>> {
        let within = |column: &str| {
            let mut conditions = Conditions::default();
            conditions.clients_within(column, scope);
            conditions
        };
        let mut connection = self.reader().await?;
        let conditions = within("client");
        let sql = format!("SELECT * FROM mitigations{} ORDER BY applied DESC, id DESC", conditions.sql());
        let mut found: Vec<Mitigation> = conditions.query(sql).fetch_all(&mut *connection).await?.iter().map(read).collect::<Result<_>>()?;
        let conditions = within("mitigations.client");
        let sql = format!(
            "SELECT mitigation_hosts.* FROM mitigation_hosts JOIN mitigations ON mitigations.id = mitigation_hosts.mitigation{}",
            conditions.sql()
        );
        let mut hosts: BTreeMap<MitigationId, BTreeMap<HostId, Option<Removal>>> = BTreeMap::new();
        for row in &conditions.query(sql).fetch_all(&mut *connection).await? {
            let (host, removed) = removal(row)?;
            hosts.entry(row.parsed("mitigation")?).or_default().insert(host, removed);
        }
        let conditions = within("mitigations.client");
        let sql = format!(
            "SELECT mitigation_checks.* FROM mitigation_checks JOIN mitigations ON mitigations.id = mitigation_checks.mitigation{} ORDER BY mitigation_checks.at",
            conditions.sql()
        );
        let mut checks: BTreeMap<MitigationId, Verification> = BTreeMap::new();
        for row in &conditions.query(sql).fetch_all(&mut *connection).await? {
            checks.insert(row.parsed("mitigation")?, verification(row)?);
        }
        for one in &mut found {
            one.hosts = hosts.remove(&one.id).unwrap_or_default();
            one.verified = checks.remove(&one.id);
        }
        Ok(found)
    }

    /// One mitigation.
    ///
    /// # Errors
    /// There is none with this id.
    pub async fn mitigation(&self, id: MitigationId) -> Result<Mitigation> {
        by_id(&mut *self.reader().await?, id).await
    }

    /// Mitigations whose alert last said that they stand so.
    ///
    /// # Errors
    /// The store cannot be read.
    pub async fn mitigations_told(&self) -> Result<BTreeMap<MitigationId, MitigationStanding>> {
        let rows = sqlx::query("SELECT id, told FROM mitigations WHERE told <> ''").fetch_all(&mut *self.reader().await?).await?;
        rows.iter().map(|row| Ok((row.parsed("id")?, row.word("told", MitigationStanding::parse)?))).collect()
    }
}

impl Change {
    /// Keeps a mitigation that was applied; its hosts must be its client's.
    ///
    /// # Errors
    /// There is no such host.
    pub async fn add_mitigation(&mut self, mitigation: &Mitigation) -> Result<()> {
        sqlx::query(
            "INSERT INTO mitigations (id, client, measure, advisories, done, verify, check_name, owner, applied, applied_by, verify_by, ends, told)
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, '')",
        )
        .bind(mitigation.id.to_string())
        .bind(mitigation.client.to_string())
        .bind(mitigation.measure.as_str())
        .bind(to_json(&mitigation.advisories)?)
        .bind(mitigation.done.as_str())
        .bind(mitigation.verify.as_str())
        .bind(mitigation.check.as_deref())
        .bind(mitigation.owner.as_str())
        .bind(mitigation.applied.as_microsecond())
        .bind(mitigation.by.as_str())
        .bind(mitigation.verify_by.as_microsecond())
        .bind(mitigation.ends.map(Timestamp::as_microsecond))
        .execute(self.connection())
        .await?;
        for host in mitigation.hosts.keys() {
            let done = sqlx::query(
                "INSERT INTO mitigation_hosts (mitigation, host) SELECT CAST($1 AS TEXT), id FROM hosts WHERE id = $2 AND client = $3",
            )
            .bind(mitigation.id.to_string())
            .bind(host.to_string())
            .bind(mitigation.client.to_string())
            .execute(self.connection())
            .await?;
            if done.rows_affected() == 0 {
                return Err(StoreError::not_found(format!("host:{host}")));
            }
        }
        self.concerns(mitigation.client);
        self.record_personal(&object(mitigation.id), None, Some(mitigation))
    }

    /// Notes that one was seen to work.
    ///
    /// # Errors
    /// `E-STATE` where it was removed from every host.
    pub async fn verify_mitigation(&mut self, id: MitigationId, verified: &Verification) -> Result<Mitigation> {
        let before = self.hold_mitigation(id).await?;
        if before.in_place().is_empty() {
            return Err(StoreError::conflict("E-STATE", object(id), "It was removed from every host."));
        }
        sqlx::query(
            "INSERT INTO mitigation_checks (mitigation, at, person, counts_until, note) VALUES ($1, $2, $3, $4, $5)
             ON CONFLICT (mitigation, at) DO UPDATE SET person = excluded.person, counts_until = excluded.counts_until, note = excluded.note",
        )
        .bind(id.to_string())
        .bind(verified.at.as_microsecond())
        .bind(verified.by.as_str())
        .bind(verified.until.as_microsecond())
        .bind(verified.note.as_str())
        .execute(self.connection())
        .await?;
        self.changed_mitigation(before).await
    }

    /// Notes that one was removed from hosts.
    ///
    /// # Errors
    /// `E-STATE` where it is not in place on one of them.
    pub async fn remove_mitigation(&mut self, id: MitigationId, hosts: &BTreeSet<HostId>, removal: &Removal) -> Result<Mitigation> {
        let before = self.hold_mitigation(id).await?;
        if hosts.is_empty() {
            return Err(StoreError::conflict("E-STATE", object(id), "It was removed from every host."));
        }
        let there = before.in_place();
        if let Some(other) = hosts.iter().find(|host| !there.contains(host)) {
            return Err(StoreError::conflict("E-STATE", object(id), format!("It is not in place on host:{other}.")));
        }
        for host in hosts {
            sqlx::query("UPDATE mitigation_hosts SET removed = $3, removed_by = $4, removed_why = $5 WHERE mitigation = $1 AND host = $2")
                .bind(id.to_string())
                .bind(host.to_string())
                .bind(removal.at.as_microsecond())
                .bind(removal.by.as_str())
                .bind(removal.why.as_str())
                .execute(self.connection())
                .await?;
        }
        self.changed_mitigation(before).await
    }

    /// Notes what the alert about a mitigation says from now on; false where it
    /// says so already, which is how one of several servers tells it.
    ///
    /// # Errors
    /// The store cannot be reached.
    pub async fn note_mitigation_told(&mut self, id: MitigationId, told: MitigationStanding) -> Result<bool> {
        let done = sqlx::query("UPDATE mitigations SET told = $2 WHERE id = $1 AND told <> $2")
            .bind(id.to_string())
            .bind(told.word())
            .execute(self.connection())
            .await?;
        Ok(done.rows_affected() == 1)
    }

    /// Records what became of one, and lets its alert be raised anew.
    async fn changed_mitigation(&mut self, before: Mitigation) -> Result<Mitigation> {
        sqlx::query("UPDATE mitigations SET told = '' WHERE id = $1").bind(before.id.to_string()).execute(self.connection()).await?;
        let after = by_id(self.connection(), before.id).await?;
        self.concerns(after.client);
        self.record_personal(&object(after.id), Some(&before), Some(&after))?;
        Ok(after)
    }

    async fn hold_mitigation(&mut self, id: MitigationId) -> Result<Mitigation> {
        // Writing the row takes its lock, on either engine.
        sqlx::query("UPDATE mitigations SET told = told WHERE id = $1").bind(id.to_string()).execute(self.connection()).await?;
        by_id(self.connection(), id).await
    }
}
