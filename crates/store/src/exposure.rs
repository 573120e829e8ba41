//! **Exposure** over time: how many findings were open at the end of each day,
//! by priority and by how their due date stood. A roll-up of what the journal
//! of transitions and the clock say; nobody decides any of it, so it has no
//! leaf, and it can be deleted and made again.

use crate::columns::{Columns, placeholders, to_json};
use crate::engine::Store;
use crate::error::Result;
use crate::leases::{Lease, fence};
use plimsoll_core::model::identifier::{ClientId, HostId};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};

/// Days since 1970-01-01, UTC.
pub type Day = i64;

/// Open findings by how their due date stood.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub struct Standing {
    /// In time.
    #[serde(rename = "w", default, skip_serializing_if = "is_zero")]
    pub within: u64,
    /// Due within seven days.
    #[serde(rename = "a", default, skip_serializing_if = "is_zero")]
    pub approaching: u64,
    /// Past due.
    #[serde(rename = "e", default, skip_serializing_if = "is_zero")]
    pub exceeded: u64,
    /// Without a due date, or with one that nobody kept.
    #[serde(rename = "u", default, skip_serializing_if = "is_zero")]
    pub undated: u64,
}

fn is_zero(number: &u64) -> bool {
    *number == 0
}

impl Standing {
    /// All of them.
    pub fn total(&self) -> u64 {
        self.within + self.approaching + self.exceeded + self.undated
    }

    fn add(&mut self, other: &Self) {
        self.within += other.within;
        self.approaching += other.approaching;
        self.exceeded += other.exceeded;
        self.undated += other.undated;
    }
}

/// What was open on one day.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub struct Tally {
    /// By priority's word.
    #[serde(rename = "p", default, skip_serializing_if = "BTreeMap::is_empty")]
    pub priorities: BTreeMap<String, Standing>,
    /// Made from the journal afterwards, when due dates were not known any
    /// more: all of it is `undated`.
    #[serde(rename = "j", default, skip_serializing_if = "is_false")]
    pub rebuilt: bool,
}

fn is_false(value: &bool) -> bool {
    !value
}

impl Tally {
    /// Adds another; one rebuilt part makes the sum a rebuilt one.
    pub fn add(&mut self, other: &Self) {
        self.rebuilt |= other.rebuilt;
        for (priority, standing) in &other.priorities {
            self.priorities.entry(priority.clone()).or_default().add(standing);
        }
    }

    /// Open findings in all.
    pub fn total(&self) -> u64 {
        self.priorities.values().map(Standing::total).sum()
    }
}

/// Rows to keep.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Rows {
    /// Of hosts.
    pub hosts: Vec<(HostId, Day, Tally)>,
    /// Of clients.
    pub clients: Vec<(ClientId, Day, Tally)>,
}

/// Hosts asked for in one statement.
const AT_ONCE: usize = 500;

impl Store {
    /// Sums of whole clients since a day, each in the order of days; none asks
    /// for all clients.
    ///
    /// # Errors
    /// The store cannot be read.
    pub async fn exposure_of_clients(&self, clients: Option<&BTreeSet<ClientId>>, since: Day) -> Result<BTreeMap<ClientId, Vec<(Day, Tally)>>> {
        let condition = match clients {
            None => String::new(),
            Some(clients) if clients.is_empty() => return Ok(BTreeMap::new()),
            Some(clients) => format!(" AND client IN ({})", placeholders(2, clients.len())),
        };
        let sql = format!("SELECT client, day, content FROM exposure_clients WHERE day >= $1{condition} ORDER BY client, day");
        let mut query = sqlx::query(sqlx::AssertSqlSafe(sql)).bind(since);
        for client in clients.into_iter().flatten() {
            query = query.bind(client.to_string());
        }
        let mut found: BTreeMap<ClientId, Vec<(Day, Tally)>> = BTreeMap::new();
        for row in query.fetch_all(&mut *self.reader().await?).await? {
            found.entry(row.parsed("client")?).or_default().push((row.number("day")?, row.json("content")?));
        }
        Ok(found)
    }

    /// All rows of hosts, by host in the order of days: each holds until the
    /// next one.
    ///
    /// # Errors
    /// The store cannot be read.
    pub async fn exposure_of_hosts(&self, hosts: &[HostId]) -> Result<BTreeMap<HostId, Vec<(Day, Tally)>>> {
        let mut found: BTreeMap<HostId, Vec<(Day, Tally)>> = BTreeMap::new();
        let mut connection = self.reader().await?;
        for hosts in hosts.chunks(AT_ONCE) {
            let sql = format!("SELECT host, day, content FROM exposure_hosts WHERE host IN ({}) ORDER BY host, day", placeholders(1, hosts.len()));
            let mut query = sqlx::query(sqlx::AssertSqlSafe(sql));
            for host in hosts {
                query = query.bind(host.to_string());
            }
            for row in query.fetch_all(&mut *connection).await? {
                found.entry(row.parsed("host")?).or_default().push((row.number("day")?, row.json("content")?));
            }
        }
        Ok(found)
    }

    /// The newest row of each host.
    ///
    /// # Errors
    /// The store cannot be read.
    pub async fn newest_exposure(&self) -> Result<BTreeMap<HostId, (Day, Tally)>> {
        let rows = sqlx::query(
            "SELECT one.host, one.day, one.content FROM exposure_hosts AS one
             JOIN (SELECT host, MAX(day) AS day FROM exposure_hosts GROUP BY host) AS newest
             ON newest.host = one.host AND newest.day = one.day",
        )
        .fetch_all(&mut *self.reader().await?)
        .await?;
        rows.iter().map(|row| Ok((row.parsed("host")?, (row.number("day")?, row.json("content")?)))).collect()
    }

    /// Whether any day is kept.
    ///
    /// # Errors
    /// The store cannot be read.
    pub async fn has_exposure(&self) -> Result<bool> {
        Ok(sqlx::query("SELECT day FROM exposure_clients LIMIT 1").fetch_optional(&mut *self.reader().await?).await?.is_some())
    }

    /// Keeps rows; one of the same day is replaced.
    ///
    /// # Errors
    /// `E-FENCED` when another server took over.
    pub async fn put_exposure(&self, lease: &Lease, rows: &Rows) -> Result<()> {
        let mut transaction = self.writer().await?;
        fence(&mut transaction, lease).await?;
        for (host, day, tally) in &rows.hosts {
            sqlx::query("INSERT INTO exposure_hosts (host, day, content) VALUES ($1, $2, $3) ON CONFLICT (host, day) DO UPDATE SET content = excluded.content")
                .bind(host.to_string())
                .bind(*day)
                .bind(to_json(tally)?)
                .execute(&mut *transaction)
                .await?;
        }
        for (client, day, tally) in &rows.clients {
            sqlx::query("INSERT INTO exposure_clients (client, day, content) VALUES ($1, $2, $3) ON CONFLICT (client, day) DO UPDATE SET content = excluded.content")
                .bind(client.to_string())
                .bind(*day)
                .bind(to_json(tally)?)
                .execute(&mut *transaction)
                .await?;
        }
        self.commit(transaction).await
    }

    /// Deletes rows of before a day, but of each host the last one, which still
    /// holds.
    ///
    /// # Errors
    /// The store cannot be reached.
    pub async fn forget_exposure(&self, before: Day) -> Result<()> {
        let mut transaction = self.writer().await?;
        sqlx::query("DELETE FROM exposure_clients WHERE day < $1").bind(before).execute(&mut *transaction).await?;
        sqlx::query(
            "DELETE FROM exposure_hosts WHERE day < $1
             AND day < (SELECT MAX(later.day) FROM exposure_hosts AS later WHERE later.host = exposure_hosts.host AND later.day <= $2)",
        )
        .bind(before)
        .bind(before)
        .execute(&mut *transaction)
        .await?;
        self.commit(transaction).await
    }
}
