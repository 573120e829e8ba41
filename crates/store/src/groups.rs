//! **Groups** of hosts: a query as text, and the members that a server works
//! out from it.

use crate::change::Change;
use crate::columns::{Columns, placeholders};
use crate::engine::Store;
use crate::error::{Result, StoreError};
use crate::hosts::differing;
use crate::identifier::fresh;
use crate::scope::{Conditions, Scope};
use jiff::Timestamp;
use plimsoll_core::model::identifier::{ClientId, GroupId, HostId};
use serde::Serialize;
use sqlx::AnyConnection;
use sqlx::any::AnyRow;
use std::collections::BTreeSet;

/// A group of hosts.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct Group {
    /// Id.
    pub id: GroupId,
    /// Client it belongs to; none for a group across all clients.
    pub client: Option<ClientId>,
    /// Name, unique within its client.
    pub name: String,
    /// Which hosts belong to it, in the server's query language; empty for one
    /// whose members are named by hand.
    pub query: String,
    /// What it is for.
    pub note: String,
    /// When it was made.
    pub created: Timestamp,
}

fn read(row: &AnyRow) -> Result<Group> {
    Ok(Group {
        id: row.parsed("id")?,
        client: row.optional_parsed("client")?,
        name: row.text("name")?,
        query: row.text("query")?,
        note: row.text("note")?,
        created: row.time("created")?,
    })
}

async fn by_id(connection: &mut AnyConnection, id: GroupId) -> Result<Group> {
    let row = sqlx::query("SELECT * FROM host_groups WHERE id = $1").bind(id.to_string()).fetch_optional(connection).await?;
    read(&row.ok_or_else(|| StoreError::not_found(format!("group:{id}")))?)
}

impl Store {
    /// Groups within a scope, by name: those of the clients it sees and those
    /// it names.
    ///
    /// # Errors
    /// The store cannot be read.
    pub async fn groups(&self, scope: &Scope) -> Result<Vec<Group>> {
        let mut conditions = Conditions::default();
        if let Scope::Some { clients, groups } = scope {
            let mut marks = |ids: Vec<String>| ids.into_iter().map(|id| conditions.text(id)).collect::<Vec<_>>().join(", ");
            let clients = marks(clients.iter().map(ToString::to_string).collect());
            let groups = marks(groups.iter().map(ToString::to_string).collect());
            let clause = match (clients.is_empty(), groups.is_empty()) {
                (true, true) => "1 = 0".to_owned(),
                (false, true) => format!("client IN ({clients})"),
                (true, false) => format!("id IN ({groups})"),
                (false, false) => format!("(client IN ({clients}) OR id IN ({groups}))"),
            };
            conditions.and(clause);
        }
        let sql = format!("SELECT * FROM host_groups{} ORDER BY name, id", conditions.sql());
        conditions.query(sql).fetch_all(&mut *self.reader().await?).await?.iter().map(read).collect()
    }

    /// One group.
    ///
    /// # Errors
    /// There is none with this id.
    pub async fn group(&self, id: GroupId) -> Result<Group> {
        by_id(&mut *self.reader().await?, id).await
    }

    /// Members of a group.
    ///
    /// # Errors
    /// The store cannot be read.
    pub async fn group_members(&self, id: GroupId) -> Result<BTreeSet<HostId>> {
        members(&mut *self.reader().await?, id).await
    }

    /// Groups that a host is a member of.
    ///
    /// # Errors
    /// The store cannot be read.
    pub async fn groups_of(&self, host: HostId) -> Result<BTreeSet<GroupId>> {
        let rows = sqlx::query("SELECT group_id FROM group_members WHERE host = $1")
            .bind(host.to_string())
            .fetch_all(&mut *self.reader().await?)
            .await?;
        rows.iter().map(|row| row.parsed("group_id")).collect()
    }

    /// Brings the members of a group up to what its query says now. Derived,
    /// so without a leaf; nothing is written when nothing differs.
    ///
    /// # Errors
    /// The store cannot be reached.
    pub async fn derive_group_members(&self, id: GroupId, wanted: &BTreeSet<HostId>) -> Result<()> {
        if self.group_members(id).await? == *wanted {
            return Ok(());
        }
        let mut transaction = self.writer().await?;
        replace(&mut transaction, id, wanted).await?;
        self.commit(transaction).await
    }
}

impl Store {
    /// Puts one host into a group or takes it out, as the group's query says
    /// now. Derived, so without a leaf.
    ///
    /// # Errors
    /// The store cannot be reached.
    pub async fn derive_membership(&self, id: GroupId, host: HostId, belongs: bool) -> Result<()> {
        let mut transaction = self.writer().await?;
        // A group or host that is gone meanwhile is passed over.
        let sql = if belongs {
            "INSERT INTO group_members (group_id, host)
             SELECT host_groups.id, hosts.id FROM host_groups CROSS JOIN hosts
             WHERE host_groups.id = $1 AND hosts.id = $2 AND hosts.state <> 'retired'
             ON CONFLICT (group_id, host) DO NOTHING"
        } else {
            "DELETE FROM group_members WHERE group_id = $1 AND host = $2"
        };
        sqlx::query(sql).bind(id.to_string()).bind(host.to_string()).execute(&mut *transaction).await?;
        self.commit(transaction).await
    }
}

async fn members(connection: &mut AnyConnection, id: GroupId) -> Result<BTreeSet<HostId>> {
    let rows = sqlx::query("SELECT host FROM group_members WHERE group_id = $1").bind(id.to_string()).fetch_all(connection).await?;
    rows.iter().map(|row| row.parsed("host")).collect()
}

async fn replace(connection: &mut AnyConnection, id: GroupId, wanted: &BTreeSet<HostId>) -> Result<()> {
    let there = members(connection, id).await?;
    let gone: Vec<&HostId> = there.difference(wanted).collect();
    for gone in gone.chunks(500) {
        let sql = format!("DELETE FROM group_members WHERE group_id = $1 AND host IN ({})", placeholders(2, gone.len()));
        let mut query = sqlx::query(sqlx::AssertSqlSafe(sql)).bind(id.to_string());
        for host in gone {
            query = query.bind(host.to_string());
        }
        query.execute(&mut *connection).await?;
    }
    let new: Vec<&HostId> = wanted.difference(&there).collect();
    for new in new.chunks(500) {
        // Hosts that are gone meanwhile are passed over.
        let sql = format!(
            "INSERT INTO group_members (group_id, host) SELECT CAST($1 AS TEXT), id FROM hosts WHERE state <> 'retired' AND id IN ({})",
            placeholders(2, new.len())
        );
        let mut query = sqlx::query(sqlx::AssertSqlSafe(sql)).bind(id.to_string());
        for host in new {
            query = query.bind(host.to_string());
        }
        query.execute(&mut *connection).await?;
    }
    Ok(())
}

impl Change {
    /// Makes a group; its members follow.
    ///
    /// # Errors
    /// `E-TAKEN` for a name that its client has.
    pub async fn add_group(&mut self, client: Option<ClientId>, name: &str, query: &str, note: &str) -> Result<Group> {
        let group = Group {
            id: GroupId::from_bits(fresh(self.time())?),
            client,
            name: name.to_owned(),
            query: query.to_owned(),
            note: note.to_owned(),
            created: self.time(),
        };
        if client.is_none() {
            // An index sees no two empty clients as the same.
            let row = sqlx::query("SELECT id FROM host_groups WHERE client IS NULL AND name = $1").bind(name).fetch_optional(self.connection()).await?;
            if row.is_some() {
                return Err(StoreError::conflict("E-TAKEN", name, "There is a group of this name."));
            }
        }
        sqlx::query("INSERT INTO host_groups (id, client, name, query, note, created) VALUES ($1, $2, $3, $4, $5, $6)")
            .bind(group.id.to_string())
            .bind(client.map(|client| client.to_string()))
            .bind(name)
            .bind(query)
            .bind(note)
            .bind(group.created.as_microsecond())
            .execute(self.connection())
            .await?;
        if let Some(client) = client {
            self.concerns(client);
        }
        self.record(&format!("group:{}", group.id), None, Some(&group))?;
        Ok(group)
    }

    /// Edits name, query and note of a group.
    ///
    /// # Errors
    /// There is none with this id, or `E-TAKEN`.
    pub async fn update_group(&mut self, id: GroupId, edit: impl FnOnce(&mut Group) + Send) -> Result<Group> {
        let before = by_id(self.connection(), id).await?;
        let mut after = before.clone();
        edit(&mut after);
        let after = Group { id, client: before.client, created: before.created, ..after };
        sqlx::query("UPDATE host_groups SET name = $2, query = $3, note = $4 WHERE id = $1")
            .bind(id.to_string())
            .bind(after.name.as_str())
            .bind(after.query.as_str())
            .bind(after.note.as_str())
            .execute(self.connection())
            .await?;
        if let Some(client) = after.client {
            self.concerns(client);
        }
        let (old, new) = differing(&before, &after)?;
        self.record(&format!("group:{id}"), Some(&old), Some(&new))?;
        Ok(after)
    }

    /// Names the members of a group by hand.
    ///
    /// # Errors
    /// There is none with this id.
    pub async fn set_group_members(&mut self, id: GroupId, wanted: &BTreeSet<HostId>) -> Result<()> {
        by_id(self.connection(), id).await?;
        let before = members(self.connection(), id).await?;
        replace(self.connection(), id, wanted).await?;
        self.record(&format!("group-members:{id}"), Some(&before), Some(wanted))
    }

    /// Adds one host to a group; who is in it already stays so.
    ///
    /// # Errors
    /// There is no such group or host.
    pub async fn join_group(&mut self, id: GroupId, host: HostId) -> Result<()> {
        by_id(self.connection(), id).await?;
        sqlx::query("INSERT INTO group_members (group_id, host) VALUES ($1, $2) ON CONFLICT (group_id, host) DO NOTHING")
            .bind(id.to_string())
            .bind(host.to_string())
            .execute(self.connection())
            .await?;
        self.record(&format!("group:{id}"), None, Some(&serde_json::json!({ "joined": host })))
    }

    /// Deletes a group; roles and tokens bound to it lose what it gave.
    ///
    /// # Errors
    /// There is none with this id.
    pub async fn delete_group(&mut self, id: GroupId) -> Result<()> {
        let group = by_id(self.connection(), id).await?;
        for sql in [
            "DELETE FROM group_members WHERE group_id = $1",
            "DELETE FROM grants WHERE group_id = $1",
            "UPDATE applications SET host_group = NULL WHERE host_group = $1",
            // A token must not let hosts in elsewhere than it was made for.
            "UPDATE enrolment_tokens SET group_id = NULL, revoked = COALESCE(revoked, created) WHERE group_id = $1",
            "DELETE FROM host_groups WHERE id = $1",
        ] {
            sqlx::query(sql).bind(id.to_string()).execute(self.connection()).await?;
        }
        if let Some(client) = group.client {
            self.concerns(client);
        }
        self.record(&format!("group:{id}"), Some(&group), None)
    }
}
