//! **Applications** in their least form: owner, team, stakeholders, hosts and
//! the components a team names.

use crate::change::Change;
use crate::columns::{Columns, to_json};
use crate::engine::Store;
use crate::error::{Result, StoreError};
use crate::hosts::differing;
use crate::identifier::fresh;
use crate::reports::PackedReport;
use crate::scope::{Conditions, Scope};
use jiff::Timestamp;
use plimsoll_core::model::identifier::{ApplicationId, ClientId, GroupId, HostId};
use plimsoll_core::operations::teams::Described;
use serde::Serialize;
use serde_json::json;
use sqlx::AnyConnection;
use sqlx::any::AnyRow;
use std::collections::BTreeSet;

/// What a team runs on hosts.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct Application {
    /// Id.
    pub id: ApplicationId,
    /// Client it belongs to.
    pub client: ClientId,
    /// Name, unique within its client.
    pub name: String,
    /// Who answers for it.
    pub owner: String,
    /// Who works on it.
    pub team: String,
    /// Who is told about it.
    pub stakeholders: Vec<String>,
    /// What it is for.
    pub note: String,
    /// Group whose hosts it runs on; none where they are named one by one.
    pub group: Option<GroupId>,
    /// Digest of its components, stored as a report of the client.
    pub sbom: Option<String>,
    /// When it was made.
    pub created: Timestamp,
}

impl Application {
    /// What reports of a past moment know of it.
    pub fn described(&self) -> Described {
        Described {
            application: self.id,
            name: self.name.clone(),
            owner: self.owner.clone(),
            team: self.team.clone(),
            stakeholders: self.stakeholders.clone(),
            components: self.sbom.is_some(),
            created: self.created,
            gone: false,
        }
    }
}

fn read(row: &AnyRow) -> Result<Application> {
    Ok(Application {
        id: row.parsed("id")?,
        client: row.parsed("client")?,
        name: row.text("name")?,
        owner: row.text("owner")?,
        team: row.text("team")?,
        stakeholders: row.json("stakeholders")?,
        note: row.text("note")?,
        group: row.optional_parsed("host_group")?,
        sbom: row.optional_text("sbom")?,
        created: row.time("created")?,
    })
}

async fn by_id(connection: &mut AnyConnection, id: ApplicationId) -> Result<Application> {
    let row = sqlx::query("SELECT * FROM applications WHERE id = $1").bind(id.to_string()).fetch_optional(connection).await?;
    read(&row.ok_or_else(|| StoreError::not_found(format!("application:{id}")))?)
}

async fn hosts_of(connection: &mut AnyConnection, id: ApplicationId) -> Result<BTreeSet<HostId>> {
    let rows = sqlx::query("SELECT host FROM application_hosts WHERE application = $1").bind(id.to_string()).fetch_all(connection).await?;
    rows.iter().map(|row| row.parsed("host")).collect()
}

impl Store {
    /// Applications of the clients within a scope, by name.
    ///
    /// # Errors
    /// The store cannot be read.
    pub async fn applications(&self, scope: &Scope) -> Result<Vec<Application>> {
        let mut conditions = Conditions::default();
        conditions.clients_within("client", scope);
        let sql = format!("SELECT * FROM applications{} ORDER BY name, id", conditions.sql());
        conditions.query(sql).fetch_all(&mut *self.reader().await?).await?.iter().map(read).collect()
    }

    /// One application.
    ///
    /// # Errors
    /// There is none with this id.
    pub async fn application(&self, id: ApplicationId) -> Result<Application> {
        by_id(&mut *self.reader().await?, id).await
    }

    /// Hosts that an application runs on.
    ///
    /// # Errors
    /// The store cannot be read.
    pub async fn application_hosts(&self, id: ApplicationId) -> Result<BTreeSet<HostId>> {
        hosts_of(&mut *self.reader().await?, id).await
    }
}

impl Change {
    /// Makes an application; owner, team and the rest follow by
    /// [`Change::update_application`].
    ///
    /// # Errors
    /// `E-TAKEN` for a name that its client has.
    pub async fn add_application(&mut self, client: ClientId, name: &str) -> Result<Application> {
        let application = Application {
            id: ApplicationId::from_bits(fresh(self.time())?),
            client,
            name: name.to_owned(),
            owner: String::new(),
            team: String::new(),
            stakeholders: Vec::new(),
            note: String::new(),
            group: None,
            sbom: None,
            created: self.time(),
        };
        sqlx::query(
            "INSERT INTO applications (id, client, name, owner, team, stakeholders, note, sbom, created)
             VALUES ($1, $2, $3, '', '', '[]', '', NULL, $4)",
        )
        .bind(application.id.to_string())
        .bind(client.to_string())
        .bind(name)
        .bind(application.created.as_microsecond())
        .execute(self.connection())
        .await?;
        self.concerns(client);
        self.describe(client, None, application.described()).await?;
        self.record_personal(&format!("application:{}", application.id), None, Some(&application))?;
        Ok(application)
    }

    /// Edits what people say of an application.
    ///
    /// # Errors
    /// There is none with this id, or `E-TAKEN`.
    pub async fn update_application(&mut self, id: ApplicationId, edit: impl FnOnce(&mut Application) + Send) -> Result<Application> {
        let before = by_id(self.connection(), id).await?;
        let mut after = before.clone();
        edit(&mut after);
        let after = Application { id, client: before.client, created: before.created, sbom: before.sbom.clone(), ..after };
        sqlx::query("UPDATE applications SET name = $2, owner = $3, team = $4, stakeholders = $5, note = $6, host_group = $7 WHERE id = $1")
            .bind(id.to_string())
            .bind(after.name.as_str())
            .bind(after.owner.as_str())
            .bind(after.team.as_str())
            .bind(to_json(&after.stakeholders)?)
            .bind(after.note.as_str())
            .bind(after.group.map(|group| group.to_string()))
            .execute(self.connection())
            .await?;
        self.concerns(after.client);
        self.describe(after.client, Some(before.described()), after.described()).await?;
        let (old, new) = differing(&before, &after)?;
        self.record_personal(&format!("application:{id}"), Some(&old), Some(&new))?;
        Ok(after)
    }

    /// Says which hosts an application runs on; they must be its client's.
    ///
    /// # Errors
    /// There is no such application, or a host is not its client's.
    pub async fn set_application_hosts(&mut self, id: ApplicationId, hosts: &BTreeSet<HostId>) -> Result<()> {
        let application = by_id(self.connection(), id).await?;
        let before = hosts_of(self.connection(), id).await?;
        for host in before.difference(hosts) {
            sqlx::query("DELETE FROM application_hosts WHERE application = $1 AND host = $2")
                .bind(id.to_string())
                .bind(host.to_string())
                .execute(self.connection())
                .await?;
        }
        for host in hosts.difference(&before) {
            let done = sqlx::query(
                "INSERT INTO application_hosts (application, host)
                 SELECT CAST($1 AS TEXT), id FROM hosts WHERE id = $2 AND client = $3",
            )
            .bind(id.to_string())
            .bind(host.to_string())
            .bind(application.client.to_string())
            .execute(self.connection())
            .await?;
            if done.rows_affected() == 0 {
                return Err(StoreError::not_found(format!("host:{host}")));
            }
        }
        self.concerns(application.client);
        self.record(&format!("application-hosts:{id}"), Some(&before), Some(hosts))
    }

    /// Stores the components of an application, or with none takes them away.
    ///
    /// # Errors
    /// There is no such application.
    pub async fn put_sbom(&mut self, id: ApplicationId, sbom: Option<&PackedReport>) -> Result<()> {
        let application = by_id(self.connection(), id).await?;
        if let Some(sbom) = sbom {
            self.put_content(application.client, sbom).await?;
        }
        let digest = sbom.map(PackedReport::digest);
        sqlx::query("UPDATE applications SET sbom = $2 WHERE id = $1").bind(id.to_string()).bind(digest).execute(self.connection()).await?;
        self.concerns(application.client);
        let described = application.described();
        self.describe(application.client, Some(described.clone()), Described { components: digest.is_some(), ..described }).await?;
        let (before, after) = (json!({ "sbom": application.sbom }), json!({ "sbom": digest }));
        self.record(&format!("application:{id}"), Some(&before), Some(&after))
    }

    /// Deletes an application.
    ///
    /// # Errors
    /// There is none with this id.
    pub async fn delete_application(&mut self, id: ApplicationId) -> Result<()> {
        let application = by_id(self.connection(), id).await?;
        for sql in ["DELETE FROM application_hosts WHERE application = $1", "DELETE FROM applications WHERE id = $1"] {
            sqlx::query(sql).bind(id.to_string()).execute(self.connection()).await?;
        }
        self.concerns(application.client);
        let described = application.described();
        self.describe(application.client, Some(described.clone()), Described { gone: true, ..described }).await?;
        self.record_personal(&format!("application:{id}"), Some(&application), None)
    }
}
