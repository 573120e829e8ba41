//! A **scope**: which clients and groups of hosts somebody may see.

use plimsoll_core::model::identifier::{ClientId, GroupId};
use std::collections::BTreeSet;

/// What somebody may see. Every list of things that belong to clients takes
/// one, so that forgetting it does not compile.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Scope {
    /// Everything.
    All,
    /// The hosts of these clients and the members of these groups.
    Some {
        /// Clients seen whole.
        clients: BTreeSet<ClientId>,
        /// Groups whose members are seen.
        groups: BTreeSet<GroupId>,
    },
}

impl Scope {
    /// The scope of one client.
    pub fn client(client: ClientId) -> Self {
        Self::Some { clients: BTreeSet::from([client]), groups: BTreeSet::new() }
    }

    /// Whether a whole client may be seen.
    pub fn sees_client(&self, client: ClientId) -> bool {
        match self {
            Self::All => true,
            Self::Some { clients, .. } => clients.contains(&client),
        }
    }
}

/// Conditions and their values, put together for one statement.
#[derive(Default, Debug)]
pub(crate) struct Conditions {
    clauses: Vec<String>,
    values: Vec<Bound>,
}

/// A value of a condition.
#[derive(Clone, Debug)]
pub(crate) enum Bound {
    Text(String),
    Number(i64),
}

pub(crate) type Query<'q> = sqlx::query::Query<'q, sqlx::Any, sqlx::any::AnyArguments>;

impl Conditions {
    /// Keeps a value and gives its placeholder.
    pub(crate) fn text(&mut self, value: impl Into<String>) -> String {
        self.values.push(Bound::Text(value.into()));
        format!("${}", self.values.len())
    }

    /// Keeps a number and gives its placeholder.
    pub(crate) fn number(&mut self, value: i64) -> String {
        self.values.push(Bound::Number(value));
        format!("${}", self.values.len())
    }

    /// Adds a clause; its text comes from constants and placeholders only.
    pub(crate) fn and(&mut self, clause: String) {
        self.clauses.push(clause);
    }

    /// Keeps hosts within a scope; `hosts` is the alias of the table of hosts.
    pub(crate) fn hosts_within(&mut self, scope: &Scope) {
        let Scope::Some { clients, groups } = scope else { return };
        let mut ways = Vec::new();
        if !clients.is_empty() {
            let marks: Vec<String> = clients.iter().map(|client| self.text(client.to_string())).collect();
            ways.push(format!("hosts.client IN ({})", marks.join(", ")));
        }
        if !groups.is_empty() {
            let marks: Vec<String> = groups.iter().map(|group| self.text(group.to_string())).collect();
            ways.push(format!(
                "hosts.id IN (SELECT host FROM group_members WHERE group_id IN ({}))",
                marks.join(", ")
            ));
        }
        self.and(if ways.is_empty() { "1 = 0".to_owned() } else { format!("({})", ways.join(" OR ")) });
    }

    /// Keeps rows whose column `client` is within a scope; members of groups
    /// see nothing that belongs to a client as a whole.
    pub(crate) fn clients_within(&mut self, column: &str, scope: &Scope) {
        let Scope::Some { clients, .. } = scope else { return };
        if clients.is_empty() {
            return self.and("1 = 0".to_owned());
        }
        let marks: Vec<String> = clients.iter().map(|client| self.text(client.to_string())).collect();
        self.and(format!("{column} IN ({})", marks.join(", ")));
    }

    /// The clause `WHERE …`, empty without conditions.
    pub(crate) fn sql(&self) -> String {
        if self.clauses.is_empty() { String::new() } else { format!(" WHERE {}", self.clauses.join(" AND ")) }
    }

    /// A statement with all values bound.
    pub(crate) fn query(self, sql: String) -> Query<'static> {
        let mut query = sqlx::query(sqlx::AssertSqlSafe(sql));
        for value in self.values {
            query = match value {
                Bound::Text(text) => query.bind(text),
                Bound::Number(number) => query.bind(number),
            };
        }
        query
    }
}
