//! Pages of hosts: filtered, sorted and cut in SQL, always within a scope.

use super::summary::{self, Summary};
use super::{COLUMNS, read};
use crate::columns::Columns;
use crate::engine::Store;
use crate::error::{Result, StoreError};
use crate::scope::{Conditions, Scope, contains_pattern};
use jiff::Timestamp;
use plimsoll_core::model::identifier::{ClientId, GroupId, HostId};
use plimsoll_core::model::registration::{HostState, Registration};
use std::collections::BTreeMap;

/// Greatest number of hosts on one page.
pub const PAGE: u32 = 1000;

/// By what a list of hosts is sorted; the id breaks ties.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum HostSort {
    /// Name, bytewise.
    Name,
    /// Last contact; never comes first.
    LastSeen,
    /// Pending updates.
    Updates,
    /// Updates that fix a finding.
    SecurityUpdates,
    /// Open findings.
    Findings,
    /// Obligations past their due date.
    Overdue,
    /// Obligations due soon.
    DueSoon,
    /// Nearest due date; none comes last.
    NextDue,
}

impl HostSort {
    /// The sorted column, whether it is text, and the id beside it: of the same
    /// table, so that an index gives the order.
    fn column(self) -> (&'static str, bool, &'static str) {
        match self {
            Self::Name => ("hosts.name", true, "hosts.id"),
            Self::LastSeen => ("presence.last_seen", false, "presence.host"),
            Self::Updates => ("summaries.updates", false, "summaries.host"),
            Self::SecurityUpdates => ("summaries.security_updates", false, "summaries.host"),
            Self::Findings => ("summaries.findings", false, "summaries.host"),
            Self::Overdue => ("summaries.overdue", false, "summaries.host"),
            Self::DueSoon => ("summaries.due_soon", false, "summaries.host"),
            Self::NextDue => ("summaries.next_due", false, "summaries.host"),
        }
    }
}

/// What hosts to list, and how.
#[derive(Clone, Debug)]
pub struct HostQuery {
    /// What the asker may see.
    pub scope: Scope,
    /// Only this client's.
    pub client: Option<ClientId>,
    /// Only members of this group.
    pub group: Option<GroupId>,
    /// Only these states; empty for all.
    pub states: Vec<HostState>,
    /// Only names that contain this, whatever the case of ASCII letters.
    pub name: Option<String>,
    /// Only this environment.
    pub environment: Option<String>,
    /// Only this owner.
    pub owner: Option<String>,
    /// Only with obligations past their due date.
    pub overdue: bool,
    /// Only with open findings.
    pub with_findings: bool,
    /// Only with a flag.
    pub flagged: bool,
    /// Only silent since this time.
    pub silent_since: Option<Timestamp>,
    /// Only these ids, as an index in memory found them; at most 5,000.
    pub ids: Option<Vec<HostId>>,
    /// Order.
    pub sort: HostSort,
    /// Greatest first.
    pub descending: bool,
    /// Cursor of the page before.
    pub after: Option<String>,
    /// Number of hosts, at most [`PAGE`].
    pub limit: u32,
}

impl HostQuery {
    /// The first page of hosts that are not retired, by name.
    pub fn new(scope: Scope) -> Self {
        Self {
            scope,
            client: None,
            group: None,
            states: vec![HostState::Active, HostState::Pending],
            name: None,
            environment: None,
            owner: None,
            overdue: false,
            with_findings: false,
            flagged: false,
            silent_since: None,
            ids: None,
            sort: HostSort::Name,
            descending: false,
            after: None,
            limit: 100,
        }
    }
}

/// A host in a list.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct HostRow {
    /// Its registration.
    pub host: Registration,
    /// Its figures.
    pub summary: Summary,
}

/// A page of hosts.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct HostPage {
    /// The hosts.
    pub hosts: Vec<HostRow>,
    /// Cursor of the next page; none on the last one.
    pub next: Option<String>,
}

/// Figures of all hosts of a query.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct HostTotals {
    /// Hosts by state word.
    pub states: BTreeMap<String, u64>,
    /// Pending updates of all.
    pub updates: u64,
    /// Updates that fix a finding, of all.
    pub security_updates: u64,
    /// Open findings of all.
    pub findings: u64,
    /// Obligations past their due date, of all.
    pub overdue: u64,
    /// Hosts with at least one of those.
    pub hosts_overdue: u64,
    /// Obligations due soon, of all.
    pub due_soon: u64,
    /// Hosts that need a restart.
    pub reboot_pending: u64,
    /// Hosts with a flag.
    pub flagged: u64,
}

const FROM: &str = "FROM hosts JOIN summaries ON summaries.host = hosts.id JOIN presence ON presence.host = hosts.id";

fn conditions(query: &HostQuery) -> Result<Conditions> {
    let mut all = Conditions::default();
    all.hosts_within(&query.scope);
    if let Some(client) = query.client {
        let mark = all.text(client.to_string());
        all.and(format!("hosts.client = {mark}"));
    }
    if let Some(group) = query.group {
        let mark = all.text(group.to_string());
        all.and(format!("hosts.id IN (SELECT host FROM group_members WHERE group_id = {mark})"));
    }
    if !query.states.is_empty() {
        let marks: Vec<String> = query.states.iter().map(|state| all.text(state.word())).collect();
        all.and(format!("hosts.state IN ({})", marks.join(", ")));
    }
    if let Some(name) = &query.name {
        let mark = all.text(contains_pattern(name));
        all.and(format!("lower(hosts.name) LIKE {mark} ESCAPE '\\'"));
    }
    for (column, value) in [("hosts.environment", &query.environment), ("hosts.owner", &query.owner)] {
        if let Some(value) = value {
            let mark = all.text(value.as_str());
            all.and(format!("{column} = {mark}"));
        }
    }
    for (wanted, clause) in [
        (query.overdue, "summaries.overdue > 0"),
        (query.with_findings, "summaries.findings > 0"),
        (query.flagged, "hosts.flag IS NOT NULL"),
    ] {
        if wanted {
            all.and(clause.to_owned());
        }
    }
    if let Some(time) = query.silent_since {
        let mark = all.number(time.as_microsecond());
        all.and(format!("presence.last_seen < {mark}"));
    }
    if let Some(ids) = &query.ids {
        if ids.len() > 5000 {
            return Err(StoreError::invalid("ids", format!("{} ids were given, 5000 are possible.", ids.len())));
        }
        let marks: Vec<String> = ids.iter().map(|id| all.text(id.to_string())).collect();
        all.and(if marks.is_empty() { "1 = 0".to_owned() } else { format!("hosts.id IN ({})", marks.join(", ")) });
    }
    Ok(all)
}

/// A cursor says where the page before ended: the sorted value and the id.
fn after(query: &HostQuery, all: &mut Conditions) -> Result<()> {
    let Some(cursor) = &query.after else { return Ok(()) };
    let wrong = || StoreError::invalid("after", "The cursor is not one of this list.");
    let (id, value) = cursor.split_once('.').ok_or_else(wrong)?;
    let id: HostId = id.parse().map_err(|_| wrong())?;
    let (column, is_text, id_column) = query.sort.column();
    let mark = if is_text { all.text(value) } else { all.number(value.parse().map_err(|_| wrong())?) };
    let id = all.text(id.to_string());
    let sign = if query.descending { "<" } else { ">" };
    all.and(format!("({column} {sign} {mark} OR ({column} = {mark} AND {id_column} {sign} {id}))"));
    Ok(())
}

impl Store {
    /// One page of hosts.
    ///
    /// # Errors
    /// The cursor is not one of this list, or the store cannot be read.
    pub async fn hosts(&self, query: &HostQuery) -> Result<HostPage> {
        let mut all = conditions(query)?;
        after(query, &mut all)?;
        let limit = query.limit.clamp(1, PAGE);
        let (column, is_text, id_column) = query.sort.column();
        let direction = if query.descending { "DESC" } else { "ASC" };
        let mark = all.number(i64::from(limit) + 1);
        let sql = format!(
            "SELECT {COLUMNS}, {column} AS sorted_by, summaries.updates, summaries.security_updates, summaries.findings,
                 summaries.overdue, summaries.due_soon, summaries.next_due, summaries.reboot_pending, summaries.as_of
             {FROM}{} ORDER BY {column} {direction}, {id_column} {direction} LIMIT {mark}",
            all.sql()
        );
        let rows = all.query(sql).fetch_all(&mut *self.reader().await?).await?;
        let more = rows.len() > limit as usize;
        let shown = rows.get(..limit as usize).unwrap_or(&rows);
        let next = match shown.last() {
            Some(last) if more => {
                let value = if is_text { last.text("sorted_by")? } else { last.number("sorted_by")?.to_string() };
                Some(format!("{}.{value}", last.text("id")?))
            }
            _ => None,
        };
        let hosts = shown.iter().map(|row| Ok(HostRow { host: read(row)?, summary: summary::read(row)? })).collect::<Result<_>>()?;
        Ok(HostPage { hosts, next })
    }

    /// Figures of all hosts of a query; order, cursor and limit are ignored.
    ///
    /// # Errors
    /// The store cannot be read.
    pub async fn host_totals(&self, query: &HostQuery) -> Result<HostTotals> {
        let all = conditions(query)?;
        // sum() of BIGINT is NUMERIC on PostgreSQL, which the driver does not
        // read, hence the casts.
        let sums = ["updates", "security_updates", "findings", "overdue", "due_soon", "reboot_pending"]
            .map(|name| format!("CAST(COALESCE(SUM(summaries.{name}), 0) AS BIGINT) AS {name}"))
            .join(", ");
        let sql = format!(
            "SELECT hosts.state, COUNT(*) AS hosts, {sums},
                 CAST(COALESCE(SUM(CASE WHEN summaries.overdue > 0 THEN 1 ELSE 0 END), 0) AS BIGINT) AS hosts_overdue,
                 COUNT(hosts.flag) AS flagged
             {FROM}{} GROUP BY hosts.state ORDER BY hosts.state",
            all.sql()
        );
        let mut totals = HostTotals::default();
        for row in all.query(sql).fetch_all(&mut *self.reader().await?).await? {
            totals.states.insert(row.text("state")?, row.count("hosts")?);
            totals.updates += row.count("updates")?;
            totals.security_updates += row.count("security_updates")?;
            totals.findings += row.count("findings")?;
            totals.overdue += row.count("overdue")?;
            totals.hosts_overdue += row.count("hosts_overdue")?;
            totals.due_soon += row.count("due_soon")?;
            totals.reboot_pending += row.count("reboot_pending")?;
            totals.flagged += row.count("flagged")?;
        }
        Ok(totals)
    }
}
