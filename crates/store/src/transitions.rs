//! **Transitions**: when findings of a host opened and closed. Findings
//! themselves are derived and not stored.
//!
//! One row holds what changed on one host at one moment, compressed: the first
//! report of a host opens hundreds of findings at once, and a row for each
//! would make the journal the greatest table by far. Rows of a host are
//! numbered from zero without a gap: who decided from so many rows may write
//! the next one, and whoever decided from the same ones at the same time may
//! not. Beside what opened stands what it obliged to under the policies of
//! that time, and again whenever that changes, so that a report about the past
//! comes out the same for ever.

mod row;

use crate::change::Change;
use crate::columns::{Columns, placeholders};
use crate::engine::{Engine, Store};
use crate::error::{Result, StoreError};
use crate::hosts;
use crate::leases::to_number;
use crate::scope::{Conditions, Scope};
use jiff::{SignedDuration, Timestamp};
use plimsoll_core::model::identifier::HostId;
use plimsoll_core::model::policy::HostFacts;
use plimsoll_core::model::registration::Registration;
pub use plimsoll_core::model::transition::{Bound, FindingKey, Obliged, Transition};
use row::{Reader, Row};
use sqlx::AnyConnection;
use sqlx::any::AnyRow;
use std::collections::{BTreeMap, BTreeSet, HashMap};

/// Hosts asked of in one statement: far below the least number of parameters
/// that an engine takes.
const TOGETHER: usize = 500;

/// Lock of PostgreSQL that whoever writes transitions holds: "plimj" in hex.
const TURN: i64 = 0x70_6c_69_6d_6a;

/// What a host is remembered by: its open findings and when each first
/// opened, closings in between notwithstanding.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Memory {
    /// Open findings and since when they are open this time.
    pub open: BTreeMap<FindingKey, Timestamp>,
    /// All findings there ever were and when each was first seen.
    pub first_seen: BTreeMap<FindingKey, Timestamp>,
    /// What open findings oblige to; what an older version of this program
    /// opened may be missing.
    pub obliged: BTreeMap<FindingKey, Obliged>,
    /// Transitions it was read from, and so the place of the next.
    pub length: u64,
}

impl Memory {
    /// Takes in one transition; they must come in their order.
    pub fn note(&mut self, transition: &Transition) {
        for key in &transition.closed {
            self.open.remove(key);
            self.obliged.remove(key);
        }
        for (key, obliged) in &transition.obliged {
            self.obliged.insert(key.clone(), obliged.clone());
        }
        for key in &transition.opened {
            self.open.entry(key.clone()).or_insert(transition.at);
            self.first_seen.entry(key.clone()).or_insert(transition.at);
        }
        self.length = transition.serial + 1;
    }
}

/// What a judgement of a host was decided from, as far as others may change it
/// meanwhile.
#[derive(Clone, PartialEq, Debug)]
pub struct DecidedFrom {
    /// The host.
    pub host: HostId,
    /// Length of its journal.
    pub journal: u64,
    /// Digest of the report that was judged; none where a new one is stored
    /// with the judgement and the former does not matter.
    pub report: Option<String>,
    /// What people say of the host.
    pub facts: HostFacts,
}

impl DecidedFrom {
    /// A judgement of the report that the store has.
    pub fn stored(registration: &Registration, journal: u64) -> Self {
        Self { host: registration.id, journal, report: registration.report.clone(), facts: registration.facts() }
    }

    /// A judgement of a report that is stored with it.
    pub fn brought(registration: &Registration, journal: u64) -> Self {
        Self { report: None, ..Self::stored(registration, journal) }
    }

    fn holds(&self, now: &Registration, journal: u64) -> bool {
        let same_report = self.report.is_none() || self.report == now.report;
        same_report && self.journal == journal && self.facts == now.facts()
    }
}

/// Reads rows in their order.
fn read_all(rows: &[AnyRow]) -> Result<Vec<Transition>> {
    let mut reader = reader()?;
    rows.iter().map(|row| read(row, &mut reader)).collect()
}

fn reader() -> Result<Reader> {
    Reader::new().map_err(|error| StoreError::unavailable("E-STORE", "transitions", error.to_string()))
}

fn read(row: &AnyRow, reader: &mut Reader) -> Result<Transition> {
    let host: HostId = row.parsed("host")?;
    let broken = |text: String| StoreError::damaged(format!("transitions of host:{host}"), text);
    let Row { opened, closed, obliged, policies } = reader.read(row.value("content")?).map_err(broken)?;
    Ok(Transition { host, serial: row.count("serial")?, at: row.time("at")?, opened, closed, obliged, policies })
}

/// Writes a transition into its place; false where another has taken it.
async fn insert(connection: &mut AnyConnection, transition: &Transition) -> Result<bool> {
    let content = row::write(transition).map_err(|text| StoreError::invalid("transition", text))?;
    let done = sqlx::query("INSERT INTO transitions (host, serial, at, content) VALUES ($1, $2, $3, $4) ON CONFLICT (host, serial) DO NOTHING")
        .bind(transition.host.to_string())
        .bind(to_number(transition.serial)?)
        .bind(transition.at.as_microsecond())
        .bind(content)
        .execute(connection)
        .await?;
    Ok(done.rows_affected() > 0)
}

impl Store {
    /// All transitions of a host in their order: its story.
    ///
    /// # Errors
    /// The store cannot be read.
    pub async fn transitions(&self, host: HostId) -> Result<Vec<Transition>> {
        let rows = sqlx::query("SELECT host, serial, at, content FROM transitions WHERE host = $1 ORDER BY serial")
            .bind(host.to_string())
            .fetch_all(&mut *self.reader().await?)
            .await?;
        read_all(&rows)
    }

    /// What changed on some hosts up to a time, by host in the order of each
    /// host's journal.
    ///
    /// # Errors
    /// The store cannot be read.
    pub async fn stories(&self, hosts: &[HostId], until: Timestamp) -> Result<BTreeMap<HostId, Vec<Transition>>> {
        let mut stories: BTreeMap<HostId, Vec<Transition>> = BTreeMap::new();
        let mut reader = reader()?;
        let mut connection = self.reader().await?;
        for hosts in hosts.chunks(TOGETHER) {
            let sql = format!(
                "SELECT host, serial, at, content FROM transitions WHERE at <= $1 AND host IN ({}) ORDER BY host, serial",
                placeholders(2, hosts.len())
            );
            let mut query = sqlx::query(sqlx::AssertSqlSafe(sql)).bind(until.as_microsecond());
            for host in hosts {
                query = query.bind(host.to_string());
            }
            for row in &query.fetch_all(&mut *connection).await? {
                let transition = read(row, &mut reader)?;
                stories.entry(transition.host).or_default().push(transition);
            }
        }
        Ok(stories)
    }

    /// What changed at one moment on some hosts, by host.
    ///
    /// # Errors
    /// The store cannot be read.
    pub async fn transitions_at(&self, at: Timestamp, hosts: &[HostId]) -> Result<Vec<Transition>> {
        let mut found = Vec::with_capacity(hosts.len());
        let mut connection = self.reader().await?;
        for hosts in hosts.chunks(TOGETHER) {
            let sql = format!(
                "SELECT host, serial, at, content FROM transitions WHERE at = $1 AND host IN ({}) ORDER BY host, serial",
                placeholders(2, hosts.len())
            );
            let mut query = sqlx::query(sqlx::AssertSqlSafe(sql)).bind(at.as_microsecond());
            for host in hosts {
                query = query.bind(host.to_string());
            }
            found.extend(read_all(&query.fetch_all(&mut *connection).await?)?);
        }
        Ok(found)
    }

    /// What a host is remembered by.
    ///
    /// # Errors
    /// The store cannot be read.
    pub async fn memory(&self, host: HostId) -> Result<Memory> {
        let mut memory = Memory::default();
        self.transitions(host).await?.iter().for_each(|transition| memory.note(transition));
        Ok(memory)
    }

    /// Length of each host's journal: who knows a host from so many transitions
    /// has missed none.
    ///
    /// # Errors
    /// The store cannot be read.
    pub async fn journals(&self) -> Result<HashMap<HostId, u64>> {
        // The last of each host, and not all of them counted: the key leads there.
        let sql = "SELECT id AS host, COALESCE((SELECT MAX(serial) FROM transitions WHERE transitions.host = hosts.id), -1) + 1 AS length FROM hosts";
        let rows = sqlx::query(sql).fetch_all(&mut *self.reader().await?).await?;
        rows.iter().map(|row| Ok((row.parsed("host")?, row.count("length")?))).collect()
    }

    /// When findings under some advisories first opened on any of some hosts,
    /// by advisory.
    ///
    /// # Errors
    /// The store cannot be read.
    pub async fn first_opened(&self, hosts: &[HostId], advisories: &BTreeSet<String>) -> Result<BTreeMap<String, Timestamp>> {
        let mut first: BTreeMap<String, Timestamp> = BTreeMap::new();
        let mut reader = reader()?;
        let mut connection = self.reader().await?;
        for hosts in hosts.chunks(TOGETHER) {
            let sql = format!("SELECT host, serial, at, content FROM transitions WHERE host IN ({})", placeholders(1, hosts.len()));
            let mut query = sqlx::query(sqlx::AssertSqlSafe(sql));
            for host in hosts {
                query = query.bind(host.to_string());
            }
            for row in &query.fetch_all(&mut *connection).await? {
                let transition = read(row, &mut reader)?;
                for key in transition.opened.iter().filter(|key| advisories.contains(&key.advisory)) {
                    first.entry(key.advisory.clone()).and_modify(|known| *known = transition.at.min(*known)).or_insert(transition.at);
                }
            }
        }
        Ok(first)
    }

    /// Transitions of all hosts within a scope since a time, newest first;
    /// where `settled` is given, those alone that came so long after the host
    /// joined.
    ///
    /// # Errors
    /// The store cannot be read.
    pub async fn transitions_since(&self, scope: &Scope, since: Timestamp, settled: Option<SignedDuration>, limit: u32) -> Result<Vec<Transition>> {
        let mut all = Conditions::default();
        all.hosts_within(scope);
        let mark = all.number(since.as_microsecond());
        all.and(format!("transitions.at >= {mark}"));
        if let Some(settled) = settled {
            let mark = all.number(settled.as_micros().try_into().unwrap_or(i64::MAX));
            all.and(format!("transitions.at >= hosts.enrolled + {mark}"));
        }
        let limit = all.number(i64::from(limit));
        let sql = format!(
            "SELECT transitions.host, transitions.serial, transitions.at, transitions.content FROM transitions JOIN hosts ON hosts.id = transitions.host{}
             ORDER BY transitions.at DESC, transitions.host, transitions.serial DESC LIMIT {limit}",
            all.sql()
        );
        read_all(&all.query(sql).fetch_all(&mut *self.reader().await?).await?)
    }
}

impl Change {
    /// The hosts that are not any more what a judgement was decided from:
    /// another report came, somebody said otherwise of them, or their journal
    /// went on. Those that are stay so until this change ends, so that what it
    /// writes of them is true when it is read. Ask before anything of the hosts
    /// is written.
    ///
    /// # Errors
    /// The store cannot be read.
    pub async fn overtaken(&mut self, decided: &[DecidedFrom]) -> Result<BTreeSet<HostId>> {
        self.take_turn().await?;
        let lock = if self.store().engine() == Engine::Postgres { " FOR SHARE OF hosts" } else { "" };
        let mut now: HashMap<HostId, (Registration, u64)> = HashMap::new();
        for decided in decided.chunks(TOGETHER) {
            let sql = format!(
                "SELECT {}, COALESCE((SELECT MAX(serial) FROM transitions WHERE transitions.host = hosts.id), -1) + 1 AS length
                 FROM hosts JOIN presence ON presence.host = hosts.id WHERE hosts.id IN ({}){lock}",
                hosts::COLUMNS,
                placeholders(1, decided.len())
            );
            let mut query = sqlx::query(sqlx::AssertSqlSafe(sql));
            for one in decided {
                query = query.bind(one.host.to_string());
            }
            for row in &query.fetch_all(self.connection()).await? {
                let registration = hosts::read(row)?;
                now.insert(registration.id, (registration, row.count("length")?));
            }
        }
        let gone = |one: &&DecidedFrom| !now.get(&one.host).is_some_and(|(registration, journal)| one.holds(registration, *journal));
        Ok(decided.iter().filter(gone).map(|one| one.host).collect())
    }

    /// Waits until nobody else writes transitions.
    async fn take_turn(&mut self) -> Result<()> {
        if self.store().engine() == Engine::Postgres {
            // One turn for all hosts: with one for each, two groups of changes
            // could wait for each other.
            sqlx::query("SELECT 1 FROM (SELECT pg_advisory_xact_lock($1)) AS turn").bind(TURN).execute(self.connection()).await?;
        }
        Ok(())
    }

    /// Notes what changed on hosts, and gives the hosts whose place was taken:
    /// somebody else decided from the same journal and wrote first, so that
    /// what is said here of them is out of date and was not written. Empty
    /// transitions are passed over.
    ///
    /// # Errors
    /// There is no such host.
    pub async fn add_transitions(&mut self, transitions: &[Transition]) -> Result<Vec<HostId>> {
        let mut overtaken = Vec::new();
        let transitions: Vec<&Transition> = transitions.iter().filter(|transition| !transition.is_empty()).collect();
        if !transitions.is_empty() {
            self.take_turn().await?;
        }
        for transition in transitions {
            if !insert(self.connection(), transition).await? {
                overtaken.push(transition.host);
                continue;
            }
            // The leaf says how many; which ones follows from reports and
            // advisories, and the journal holds them.
            let numbers = serde_json::json!({ "opened": transition.opened.len(), "closed": transition.closed.len(), "obliged": transition.obliged.len(), "serial": transition.serial });
            self.record(&format!("findings:{}", transition.host), None, Some(&numbers))?;
        }
        Ok(overtaken)
    }
}
