//! **Hosts**: registrations, and what a server remembers of their machines.

pub mod presence;

use crate::change::Change;
use crate::columns::{Columns, to_json};
use crate::engine::Store;
use crate::error::{Result, StoreError};
use plimsoll_core::model::identifier::HostId;
use plimsoll_core::model::policy::Exposure;
use plimsoll_core::model::registration::{HostSource, HostState, Registration};
use serde::{Deserialize, Serialize};
use sqlx::AnyConnection;
use sqlx::any::AnyRow;

/// Columns of a registration; `hosts` and `presence` joined.
pub(crate) const COLUMNS: &str = "hosts.id, hosts.number, hosts.client, hosts.name, hosts.state, hosts.source,
    hosts.labels, hosts.tier, hosts.exposure, hosts.environment, hosts.owner, hosts.public_key, hosts.enrolled,
    hosts.report, hosts.reported, hosts.flag, hosts.machine,
    NULLIF(presence.last_seen, 0) AS last_seen";

/// What tells one machine from its copy.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub struct Machine {
    /// Digest of `/etc/machine-id`.
    pub machine_id_digest: Option<String>,
    /// Digest of serial numbers and addresses of its hardware.
    pub hardware_digest: Option<String>,
    /// Boot id of its newest contact.
    pub boot_id: Option<String>,
    /// Program and version of its agent.
    pub agent: Option<String>,
    /// Host whose name it asked for, when it waits for a decision.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub claims: Option<HostId>,
}

fn exposure_word(exposure: Exposure) -> &'static str {
    match exposure {
        Exposure::Small => "small",
        Exposure::Controlled => "controlled",
        Exposure::Open => "open",
    }
}

/// Reads a registration out of [`COLUMNS`].
pub(crate) fn read(row: &AnyRow) -> Result<Registration> {
    let exposure = row.optional_text("exposure")?;
    let exposure = exposure
        .map(|word| Exposure::parse(&word).ok_or_else(|| StoreError::damaged("exposure", "The word is unknown.")))
        .transpose()?;
    Ok(Registration {
        id: row.parsed("id")?,
        number: u32::try_from(row.number("number")?).map_err(|_| StoreError::damaged("number", "The number is out of range."))?,
        client: row.parsed("client")?,
        name: row.text("name")?,
        state: row.word("state", HostState::parse)?,
        source: row.word("source", HostSource::parse)?,
        labels: row.json("labels")?,
        tier: row.optional_text("tier")?,
        exposure,
        environment: row.optional_text("environment")?,
        owner: row.optional_text("owner")?,
        public_key: row.optional_text("public_key")?,
        enrolled: row.time("enrolled")?,
        last_seen: row.optional_time("last_seen")?,
        report: row.optional_text("report")?,
        reported: row.optional_time("reported")?,
        flag: row.optional_text("flag")?,
    })
}

async fn one(connection: &mut AnyConnection, condition: &str, value: String) -> Result<Option<AnyRow>> {
    let sql = format!("SELECT {COLUMNS} FROM hosts JOIN presence ON presence.host = hosts.id WHERE {condition}");
    Ok(sqlx::query(sqlx::AssertSqlSafe(sql)).bind(value).fetch_optional(connection).await?)
}

async fn by_id(connection: &mut AnyConnection, id: HostId) -> Result<AnyRow> {
    let row = one(connection, "hosts.id = $1", id.to_string()).await?;
    row.ok_or_else(|| StoreError::not_found(format!("host:{id}")))
}

impl Store {
    /// One host; scope is the caller's to check by its client.
    ///
    /// # Errors
    /// There is none with this id.
    pub async fn host(&self, id: HostId) -> Result<Registration> {
        read(&by_id(&mut *self.reader().await?, id).await?)
    }

    /// The host, not retired, that has this public key (hex).
    ///
    /// # Errors
    /// The store cannot be read.
    pub async fn host_by_key(&self, public_key: &str) -> Result<Option<Registration>> {
        let mut connection = self.reader().await?;
        let row = one(&mut connection, "hosts.public_key = $1 AND hosts.state <> 'retired'", public_key.to_owned()).await?;
        row.as_ref().map(read).transpose()
    }

    /// What is remembered of a host's machine.
    ///
    /// # Errors
    /// There is none with this id.
    pub async fn machine(&self, id: HostId) -> Result<Machine> {
        by_id(&mut *self.reader().await?, id).await?.json("machine")
    }

    /// All hosts of all clients in the order of their numbers, a page at a
    /// time, for a server that starts: pass the greatest number seen so far.
    ///
    /// # Errors
    /// The store cannot be read.
    pub async fn hosts_after(&self, number: Option<u32>, limit: u32) -> Result<Vec<(Registration, Machine)>> {
        let sql = format!(
            "SELECT {COLUMNS} FROM hosts JOIN presence ON presence.host = hosts.id
             WHERE hosts.number > $1 ORDER BY hosts.number LIMIT $2"
        );
        let rows = sqlx::query(sqlx::AssertSqlSafe(sql))
            .bind(number.map_or(-1, i64::from))
            .bind(i64::from(limit))
            .fetch_all(&mut *self.reader().await?)
            .await?;
        rows.iter().map(|row| Ok((read(row)?, row.json("machine")?))).collect()
    }
}

impl Change {
    /// One host as this change sees it.
    ///
    /// # Errors
    /// There is none with this id.
    pub async fn host(&mut self, id: HostId) -> Result<Registration> {
        read(&by_id(self.connection(), id).await?)
    }

    /// The client's host of this name that is active.
    ///
    /// # Errors
    /// The store cannot be read.
    pub async fn active_host_named(&mut self, client: plimsoll_core::model::identifier::ClientId, name: &str) -> Result<Option<Registration>> {
        let sql = format!(
            "SELECT {COLUMNS} FROM hosts JOIN presence ON presence.host = hosts.id
             WHERE hosts.client = $1 AND hosts.name = $2 AND hosts.state = 'active'"
        );
        let row = sqlx::query(sqlx::AssertSqlSafe(sql))
            .bind(client.to_string())
            .bind(name)
            .fetch_optional(self.connection())
            .await?;
        row.as_ref().map(read).transpose()
    }

    /// Stores a new host; the number is drawn here, the one given is ignored.
    ///
    /// # Errors
    /// `E-TAKEN` when the client has an active host of this name, or another
    /// host that is not retired has this key.
    pub async fn insert_host(&mut self, host: Registration, machine: &Machine) -> Result<Registration> {
        let row = sqlx::query("UPDATE counters SET value = value + 1 WHERE name = 'host' RETURNING value")
            .fetch_one(self.connection())
            .await?;
        let number = u32::try_from(row.number("value")? - 1).map_err(|_| StoreError::invalid("host", "All numbers are used up."))?;
        let host = Registration { number, ..host };
        sqlx::query(
            "INSERT INTO hosts (id, number, client, name, state, source, labels, tier, exposure, environment, owner,
                 public_key, enrolled, report, reported, flag, machine)
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17)",
        )
        .bind(host.id.to_string())
        .bind(i64::from(host.number))
        .bind(host.client.to_string())
        .bind(host.name.as_str())
        .bind(host.state.word())
        .bind(host.source.word())
        .bind(to_json(&host.labels)?)
        .bind(host.tier.as_deref())
        .bind(host.exposure.map(exposure_word))
        .bind(host.environment.as_deref())
        .bind(host.owner.as_deref())
        .bind(host.public_key.as_deref())
        .bind(host.enrolled.as_microsecond())
        .bind(host.report.as_deref())
        .bind(host.reported.map(jiff::Timestamp::as_microsecond))
        .bind(host.flag.as_deref())
        .bind(to_json(machine)?)
        .execute(self.connection())
        .await?;
        presence::insert_empty(self.connection(), host.id).await?;
        self.concerns(host.client);
        self.record(&format!("host:{}", host.id), None, Some(&host))?;
        Ok(host)
    }

    /// Edits what people may say of a host and its state: everything but id,
    /// number, client and time of the last contact.
    ///
    /// # Errors
    /// There is none with this id, or `E-TAKEN`.
    pub async fn update_host(&mut self, id: HostId, edit: impl FnOnce(&mut Registration) + Send) -> Result<Registration> {
        let before = self.host(id).await?;
        let mut after = before.clone();
        edit(&mut after);
        let after = Registration {
            id,
            number: before.number,
            client: before.client,
            last_seen: before.last_seen,
            ..after
        };
        sqlx::query(
            "UPDATE hosts SET name = $2, state = $3, source = $4, labels = $5, tier = $6, exposure = $7,
                 environment = $8, owner = $9, public_key = $10, report = $11, reported = $12, flag = $13, enrolled = $14
             WHERE id = $1",
        )
        .bind(id.to_string())
        .bind(after.name.as_str())
        .bind(after.state.word())
        .bind(after.source.word())
        .bind(to_json(&after.labels)?)
        .bind(after.tier.as_deref())
        .bind(after.exposure.map(exposure_word))
        .bind(after.environment.as_deref())
        .bind(after.owner.as_deref())
        .bind(after.public_key.as_deref())
        .bind(after.report.as_deref())
        .bind(after.reported.map(jiff::Timestamp::as_microsecond))
        .bind(after.flag.as_deref())
        .bind(after.enrolled.as_microsecond())
        .execute(self.connection())
        .await?;
        self.concerns(after.client);
        let (before, after_differing) = differing(&before, &after)?;
        self.record(&format!("host:{id}"), Some(&before), Some(&after_differing))?;
        Ok(after)
    }

    /// Remembers what tells a host's machine from its copy.
    ///
    /// # Errors
    /// There is none with this id.
    pub async fn update_machine(&mut self, id: HostId, machine: &Machine) -> Result<()> {
        let before: Machine = by_id(self.connection(), id).await?.json("machine")?;
        sqlx::query("UPDATE hosts SET machine = $2 WHERE id = $1")
            .bind(id.to_string())
            .bind(to_json(machine)?)
            .execute(self.connection())
            .await?;
        self.record(&format!("machine:{id}"), Some(&before), Some(machine))
    }

    /// Lets a pending host join, from now on: while it waited it was not
    /// managed, and no report may say so later.
    ///
    /// # Errors
    /// `E-STATE` when it does not wait; `E-TAKEN` while another active host has
    /// the name: retire or rename that one first.
    pub async fn approve_host(&mut self, id: HostId) -> Result<Registration> {
        self.expect_state(id, HostState::Pending).await?;
        let now = self.time();
        self.update_host(id, |host| {
            host.state = HostState::Active;
            host.enrolled = now;
            host.flag = None;
        })
        .await
    }

    /// Retires a host: its key is refused from now on and its history stays.
    ///
    /// # Errors
    /// There is none with this id, or `E-STATE` when it is retired already.
    pub async fn retire_host(&mut self, id: HostId) -> Result<Registration> {
        let host = self.host(id).await?;
        if host.state == HostState::Retired {
            return Err(StoreError::conflict("E-STATE", &host.name, "The host is retired already."));
        }
        sqlx::query("DELETE FROM group_members WHERE host = $1").bind(id.to_string()).execute(self.connection()).await?;
        self.update_host(id, |host| host.state = HostState::Retired).await
    }

    /// Raises or, with none, lowers the flag of a host.
    ///
    /// # Errors
    /// There is none with this id.
    pub async fn flag_host(&mut self, id: HostId, flag: Option<&str>) -> Result<Registration> {
        self.update_host(id, |host| host.flag = flag.map(str::to_owned)).await
    }

    async fn expect_state(&mut self, id: HostId, state: HostState) -> Result<()> {
        let host = self.host(id).await?;
        if host.state == state {
            return Ok(());
        }
        let text = format!("The host is {}, not {}.", host.state.word(), state.word());
        Err(StoreError::conflict("E-STATE", &host.name, text))
    }
}

/// The fields in which two states differ, so that a leaf stays short.
pub(crate) fn differing<T: Serialize>(before: &T, after: &T) -> Result<(serde_json::Value, serde_json::Value)> {
    let value = |state: &T| serde_json::to_value(state).map_err(|error| StoreError::invalid("value", error.to_string()));
    let (mut before, mut after) = (value(before)?, value(after)?);
    if let (Some(old), Some(new)) = (before.as_object_mut(), after.as_object_mut()) {
        let same: Vec<String> = old.iter().filter(|(name, value)| new.get(*name) == Some(value)).map(|(name, _)| name.clone()).collect();
        for name in same {
            old.remove(&name);
            new.remove(&name);
        }
    }
    Ok((before, after))
}
