//! **Rollouts**: deployment packages under way, what each host was allowed, and
//! what came of it.
//!
//! A rollout moves by compare and set on its revision, so that of two who
//! decided from the same state one may write. Outcomes are kept by attempt, the
//! newest of each.

use crate::change::Change;
use crate::columns::{Columns, moment, to_json};
use crate::deployment_packages::{pack, unpack};
use crate::engine::Store;
use crate::error::{Result, StoreError};
use crate::leases::to_number;
use crate::scope::{Conditions, Scope};
use jiff::Timestamp;
use plimsoll_core::model::assignment::Go;
use plimsoll_core::model::identifier::{ClientId, HostId};
use plimsoll_core::phases::confirm::Confirmed;
use plimsoll_core::phases::confirm::second::Agreement;
use plimsoll_core::model::outcome::{Outcome, State};
use plimsoll_core::phases::deploy::{Gate, Progress, RingStanding, Wanted};
use plimsoll_core::phases::document::{Saw, Triaged};
use serde_json::{Value, json};
use sqlx::AnyConnection;
use std::collections::BTreeMap;
use sqlx::any::AnyRow;

/// Rows of one statement: 5 values each, far below what SQLite takes.
const BATCH: usize = 500;

/// A rollout as it stands.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Rollout {
    /// Digest of its package, which names it.
    pub package: String,
    /// Client whose hosts they are.
    pub client: ClientId,
    /// Which life of the store it belongs to.
    pub epoch: u64,
    /// Number of its plan, unique and rising within that life.
    pub generation: u64,
    /// Grows with every change of it.
    pub revision: u64,
    /// What people want of it.
    pub wanted: Wanted,
    /// Whether more hosts may start.
    pub gate: Gate,
    /// What its rings came to.
    pub rings: Vec<Progress>,
    /// Why it stands as it does, in words.
    pub reasons: Vec<String>,
    /// Failures of attempts with a lower generation do not count: somebody had
    /// them tried again.
    pub retried: u64,
    /// When it was started.
    pub started: Timestamp,
    /// When it last changed.
    pub changed: Timestamp,
}

/// What a host's assignment allows.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Assigned {
    /// The host.
    pub host: HostId,
    /// What it allows; none for fetching and staging.
    pub go: Option<Go>,
    /// Since when it was allowed to apply, for the first time.
    pub applied: Option<Timestamp>,
    /// When that last changed; whoever writes it leaves it to the store.
    pub changed: Timestamp,
}

/// The newest word of an attempt.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct OutcomeRow {
    /// Id of the attempt.
    pub attempt: String,
    /// Digest of its package.
    pub package: String,
    /// The host.
    pub host: HostId,
    /// Generation of its assignment.
    pub generation: u64,
    /// How it stands, in the protocol's word.
    pub state: String,
    /// When the host observed that.
    pub observed: Timestamp,
    /// When it arrived.
    pub received: Timestamp,
    /// Whether a reboot was still needed.
    pub reboot_pending: bool,
}

/// How a change stands on a host by what was seen later.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Confirmation {
    /// The host.
    pub host: HostId,
    /// How it stands.
    pub state: Confirmed,
    /// Why, in words.
    pub reasons: Vec<String>,
    /// Digest of the report that shows it.
    pub report: Option<String>,
    /// How outside scanners stood to it; none where the policy asked for none.
    pub second: Option<Second>,
}

/// What came of the outside scanners' results.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Second {
    /// How they stood.
    pub agreement: Agreement,
    /// Digests of the results that were looked at, sorted.
    pub results: Vec<String>,
}

fn second(row: &AnyRow) -> Result<Option<Second>> {
    let Some(word) = row.optional_text("agreement")? else { return Ok(None) };
    let agreement = Agreement::parse(&word).ok_or_else(|| StoreError::damaged("agreement", format!("The word {word:?} is unknown.")))?;
    Ok(Some(Second { agreement, results: row.json("results")? }))
}

fn go_word(go: Go) -> &'static str {
    match go {
        Go::Stage => "stage",
        Go::Apply => "apply",
        Go::Stop => "stop",
    }
}

fn go_of(word: &str) -> Option<Go> {
    [Go::Stage, Go::Apply, Go::Stop].into_iter().find(|go| go_word(*go) == word)
}

fn gate_of(word: &str) -> Option<Gate> {
    [Gate::Open, Gate::Waiting, Gate::Shut, Gate::Done].into_iter().find(|gate| gate.word() == word)
}

fn read(row: &AnyRow) -> Result<Rollout> {
    Ok(Rollout {
        package: row.text("package")?,
        client: row.parsed("client")?,
        epoch: row.count("epoch")?,
        generation: row.count("generation")?,
        revision: row.count("revision")?,
        wanted: row.word("state", Wanted::parse)?,
        gate: row.word("gate", gate_of)?,
        rings: row.json("rings")?,
        reasons: row.json("reasons")?,
        retried: row.count("retried")?,
        started: row.time("started")?,
        changed: row.time("changed")?,
    })
}

fn read_outcome(row: &AnyRow) -> Result<OutcomeRow> {
    Ok(OutcomeRow {
        attempt: row.text("attempt")?,
        package: row.text("package")?,
        host: row.parsed("host")?,
        generation: row.count("generation")?,
        state: row.text("state")?,
        observed: row.time("observed")?,
        received: row.time("received")?,
        reboot_pending: row.number("reboot_pending")? != 0,
    })
}

const OUTCOME: &str = "attempt, package, host, generation, state, observed, received, reboot_pending";

pub(crate) async fn by_package(connection: &mut AnyConnection, package: &str) -> Result<Rollout> {
    let row = sqlx::query("SELECT * FROM rollouts WHERE package = $1").bind(package).fetch_optional(connection).await?;
    read(&row.ok_or_else(|| StoreError::not_found(format!("rollout:{package}")))?)
}

/// Begins another life of the store.
pub(crate) async fn next_epoch(connection: &mut AnyConnection) -> Result<()> {
    sqlx::query(
        "INSERT INTO counters (name, value) VALUES ('epoch', 2)
         ON CONFLICT (name) DO UPDATE SET value = counters.value + 1",
    )
    .execute(connection)
    .await?;
    Ok(())
}

impl Store {
    /// Which life of the store this is: 1, and one more whenever a backup was
    /// taken up.
    ///
    /// # Errors
    /// The store cannot be read.
    pub async fn epoch(&self) -> Result<u64> {
        let row = sqlx::query("SELECT value FROM counters WHERE name = 'epoch'").fetch_optional(&mut *self.reader().await?).await?;
        row.map_or(Ok(1), |row| row.count("value"))
    }

    /// Rollouts of the clients within a scope, newest first.
    ///
    /// # Errors
    /// The store cannot be read.
    pub async fn rollouts(&self, scope: &Scope) -> Result<Vec<Rollout>> {
        let mut conditions = Conditions::default();
        conditions.clients_within("client", scope);
        let sql = format!("SELECT * FROM rollouts{} ORDER BY started DESC, package", conditions.sql());
        conditions.query(sql).fetch_all(&mut *self.reader().await?).await?.iter().map(read).collect()
    }

    /// One rollout, by the digest of its package.
    ///
    /// # Errors
    /// There is none.
    pub async fn rollout(&self, package: &str) -> Result<Rollout> {
        by_package(&mut *self.reader().await?, package).await
    }

    /// What hosts of a rollout were allowed, by host.
    ///
    /// # Errors
    /// The store cannot be read.
    pub async fn assignments(&self, package: &str) -> Result<Vec<Assigned>> {
        let rows = sqlx::query("SELECT host, go, applied, changed FROM assignments WHERE package = $1 ORDER BY host")
            .bind(package)
            .fetch_all(&mut *self.reader().await?)
            .await?;
        let assigned = |row: &AnyRow| {
            let go = row.optional_text("go")?;
            let go = go.map(|word| go_of(&word).ok_or_else(|| StoreError::damaged("go", format!("The word {word:?} is unknown.")))).transpose()?;
            Ok(Assigned { host: row.parsed("host")?, go, applied: row.optional_time("applied")?, changed: row.time("changed")? })
        };
        rows.iter().map(assigned).collect()
    }

    /// Outcomes that arrived at or after a time, oldest first.
    ///
    /// # Errors
    /// The store cannot be read.
    pub async fn outcomes_since(&self, since: Timestamp) -> Result<Vec<OutcomeRow>> {
        let sql = format!("SELECT {OUTCOME} FROM outcomes WHERE received >= $1 ORDER BY received, attempt");
        let rows = sqlx::query(sqlx::AssertSqlSafe(sql)).bind(since.as_microsecond()).fetch_all(&mut *self.reader().await?).await?;
        rows.iter().map(read_outcome).collect()
    }

    /// Outcomes of a rollout, by host and time.
    ///
    /// # Errors
    /// The store cannot be read.
    pub async fn outcomes(&self, package: &str) -> Result<Vec<OutcomeRow>> {
        let sql = format!("SELECT {OUTCOME} FROM outcomes WHERE package = $1 ORDER BY host, generation, attempt");
        let rows = sqlx::query(sqlx::AssertSqlSafe(sql)).bind(package).fetch_all(&mut *self.reader().await?).await?;
        rows.iter().map(read_outcome).collect()
    }

    /// The newest word of an attempt as the host sent it; none where it sent
    /// none.
    ///
    /// # Errors
    /// The store cannot be read; `E-STORE-CORRUPT`.
    pub async fn outcome(&self, attempt: &str) -> Result<Option<(OutcomeRow, Vec<u8>)>> {
        let row = sqlx::query("SELECT * FROM outcomes WHERE attempt = $1").bind(attempt).fetch_optional(&mut *self.reader().await?).await?;
        row.map(|row| Ok((read_outcome(&row)?, unpack(&format!("outcome:{attempt}"), &row.bytes("document")?)?))).transpose()
    }

    /// How a change stands on the hosts of a rollout, by host.
    ///
    /// # Errors
    /// The store cannot be read.
    pub async fn confirmations(&self, package: &str) -> Result<Vec<Confirmation>> {
        let rows = sqlx::query("SELECT * FROM confirmations WHERE package = $1 ORDER BY host")
            .bind(package)
            .fetch_all(&mut *self.reader().await?)
            .await?;
        let confirmation = |row: &AnyRow| {
            Ok(Confirmation { host: row.parsed("host")?, state: row.word("state", Confirmed::parse)?, reasons: row.json("reasons")?, report: row.optional_text("report")?, second: second(row)? })
        };
        rows.iter().map(confirmation).collect()
    }
}

impl Change {
    /// Draws the number of a new plan, above every one that was drawn.
    ///
    /// # Errors
    /// The store cannot be written.
    pub async fn next_generation(&mut self) -> Result<u64> {
        let row = sqlx::query(
            "INSERT INTO counters (name, value) VALUES ('generation', 1)
             ON CONFLICT (name) DO UPDATE SET value = counters.value + 1 RETURNING value",
        )
        .fetch_one(self.connection())
        .await?;
        row.count("value")
    }

    /// Starts a rollout. Its leaf takes the package along with it, and what
    /// its hosts are called now, so that the record of the change needs nothing
    /// but the log.
    ///
    /// # Errors
    /// `E-TAKEN` where there is one of this package.
    pub async fn start_rollout(&mut self, rollout: &Rollout, names: &BTreeMap<HostId, String>) -> Result<()> {
        sqlx::query(
            "INSERT INTO rollouts (package, client, epoch, generation, revision, state, gate, rings, reasons, retried, started, changed)
             VALUES ($1, $2, $3, $4, 1, $5, $6, $7, $8, $9, $10, $10)",
        )
        .bind(rollout.package.as_str())
        .bind(rollout.client.to_string())
        .bind(to_number(rollout.epoch)?)
        .bind(to_number(rollout.generation)?)
        .bind(rollout.wanted.word())
        .bind(rollout.gate.word())
        .bind(to_json(&rollout.rings)?)
        .bind(to_json(&rollout.reasons)?)
        .bind(to_number(rollout.retried)?)
        .bind(rollout.started.as_microsecond())
        .execute(self.connection())
        .await?;
        self.concerns(rollout.client);
        let content = sqlx::query("SELECT document, hosts, notes FROM deployment_packages WHERE digest = $1")
            .bind(rollout.package.as_str())
            .fetch_optional(self.connection())
            .await?;
        if let Some(row) = content {
            let place = format!("package:{}", rollout.package);
            let part = |name: &str| Ok::<_, StoreError>(String::from_utf8_lossy(&unpack(&place, &row.bytes(name)?)?).into_owned());
            let content = json!({ "document": part("document")?, "hosts": part("hosts")?, "notes": part("notes")?, "names": names });
            self.record(&format!("rollout-content:{}", rollout.package), None, Some(&content))?;
        }
        self.record(&format!("rollout:{}", rollout.package), None, Some(&shown(rollout)))
    }

    /// Records how the rings of a rollout stand, beside a decision about it.
    ///
    /// # Errors
    /// The numbers cannot be written down.
    pub fn record_standings(&mut self, package: &str, standings: &[RingStanding]) -> Result<()> {
        self.record(&format!("standings:{package}"), None, Some(&standings))
    }

    /// Records on which triages rests that hosts may start, where the policy
    /// asks for them before a change.
    ///
    /// # Errors
    /// They cannot be said in JSON.
    pub fn record_triages(&mut self, package: &str, triages: &[Triaged]) -> Result<()> {
        self.record(&format!("triages:{package}"), None, Some(&triages))
    }

    /// Moves a rollout on from the state that `before` shows, and gives it as
    /// it stands then.
    ///
    /// # Errors
    /// `E-RACE` where somebody else moved it since `before` was read.
    pub async fn move_rollout(&mut self, before: &Rollout, edit: impl FnOnce(&mut Rollout) + Send) -> Result<Rollout> {
        let mut after = before.clone();
        edit(&mut after);
        after.revision = before.revision + 1;
        after.changed = self.time();
        let done = sqlx::query(
            "UPDATE rollouts SET generation = $3, revision = $4, state = $5, gate = $6, rings = $7, reasons = $8, retried = $9, changed = $10
             WHERE package = $1 AND revision = $2",
        )
        .bind(before.package.as_str())
        .bind(to_number(before.revision)?)
        .bind(to_number(after.generation)?)
        .bind(to_number(after.revision)?)
        .bind(after.wanted.word())
        .bind(after.gate.word())
        .bind(to_json(&after.rings)?)
        .bind(to_json(&after.reasons)?)
        .bind(to_number(after.retried)?)
        .bind(after.changed.as_microsecond())
        .execute(self.connection())
        .await?;
        if done.rows_affected() != 1 {
            let text = format!("Somebody else moved the rollout on from revision {}.", before.revision);
            return Err(StoreError::conflict("E-RACE", format!("rollout:{}", before.package), text));
        }
        self.concerns(before.client);
        self.record(&format!("rollout:{}", before.package), Some(&shown(before)), Some(&shown(&after)))?;
        Ok(after)
    }

    /// Writes down what hosts of a rollout are allowed from now on.
    ///
    /// # Errors
    /// There is no such rollout.
    pub async fn put_assignments(&mut self, package: &str, list: &[Assigned]) -> Result<()> {
        let now = self.time().as_microsecond();
        for batch in list.chunks(BATCH) {
            let rows: Vec<String> = (0..batch.len())
                .map(|row| {
                    let first = row * 3 + 3;
                    format!("($1, ${}, ${}, ${}, $2)", first, first + 1, first + 2)
                })
                .collect();
            let sql = format!(
                "INSERT INTO assignments (package, host, go, applied, changed) VALUES {}
                 ON CONFLICT (package, host) DO UPDATE SET go = excluded.go, applied = excluded.applied, changed = excluded.changed",
                rows.join(", ")
            );
            let mut query = sqlx::query(sqlx::AssertSqlSafe(sql)).bind(package).bind(now);
            for assigned in batch {
                query = query.bind(assigned.host.to_string()).bind(assigned.go.map(go_word)).bind(assigned.applied.map(Timestamp::as_microsecond));
            }
            query.execute(self.connection()).await?;
        }
        // Short in the leaf's own words: host and what it may.
        let after: Vec<Value> = list.iter().map(|assigned| json!([assigned.host, assigned.go])).collect();
        self.record(&format!("assignments:{package}"), None, Some(&after))
    }

    /// Keeps the newest word of an attempt; an older one changes nothing and
    /// gives false.
    ///
    /// # Errors
    /// The store cannot be written.
    pub async fn put_outcome(&mut self, row: &OutcomeRow, client: ClientId, document: &[u8]) -> Result<bool> {
        let before = sqlx::query("SELECT state, observed FROM outcomes WHERE attempt = $1").bind(row.attempt.as_str()).fetch_optional(self.connection()).await?;
        let before = before.map(|before| Ok::<_, StoreError>(json!({ "state": before.text("state")?, "observed": moment(before.number("observed")?) }))).transpose()?;
        let done = sqlx::query(
            "INSERT INTO outcomes (attempt, package, host, generation, state, observed, received, document, reboot_pending)
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)
             ON CONFLICT (attempt) DO UPDATE SET state = excluded.state, observed = excluded.observed, received = excluded.received, document = excluded.document,
             reboot_pending = excluded.reboot_pending
             WHERE outcomes.observed < excluded.observed OR (outcomes.observed = excluded.observed AND outcomes.state <> excluded.state)",
        )
        .bind(row.attempt.as_str())
        .bind(row.package.as_str())
        .bind(row.host.to_string())
        .bind(to_number(row.generation)?)
        .bind(row.state.as_str())
        .bind(row.observed.as_microsecond())
        .bind(row.received.as_microsecond())
        .bind(pack(document)?)
        .bind(i64::from(row.reboot_pending))
        .execute(self.connection())
        .await?;
        if done.rows_affected() == 0 {
            return Ok(false);
        }
        self.concerns(client);
        let mut after = json!({ "package": row.package, "host": row.host, "generation": row.generation, "state": row.state, "observed": row.observed });
        if let (Some(saw), Some(after)) = (saw(document), after.as_object_mut()) {
            after.insert("saw".to_owned(), saw);
        }
        self.record(&format!("outcome:{}", row.attempt), before.as_ref(), Some(&after))?;
        Ok(true)
    }

    /// Writes down how a change stands on hosts by what was seen later.
    ///
    /// # Errors
    /// The store cannot be written.
    pub async fn put_confirmations(&mut self, package: &str, client: ClientId, list: &[Confirmation]) -> Result<()> {
        let now = self.time().as_microsecond();
        for one in list {
            sqlx::query(
                "INSERT INTO confirmations (package, host, state, reasons, report, changed, agreement, results) VALUES ($1, $2, $3, $4, $5, $6, $7, $8)
                 ON CONFLICT (package, host) DO UPDATE SET state = excluded.state, reasons = excluded.reasons, report = excluded.report,
                     changed = excluded.changed, agreement = excluded.agreement, results = excluded.results",
            )
            .bind(package)
            .bind(one.host.to_string())
            .bind(one.state.word())
            .bind(to_json(&one.reasons)?)
            .bind(one.report.as_deref())
            .bind(now)
            .bind(one.second.as_ref().map(|second| second.agreement.word()))
            .bind(one.second.as_ref().map(|second| to_json(&second.results)).transpose()?)
            .execute(self.connection())
            .await?;
            let mut told = json!({ "state": one.state, "reasons": one.reasons, "report": one.report });
            if let (Some(second), Some(told)) = (&one.second, told.as_object_mut()) {
                told.insert("second".to_owned(), json!(second.agreement));
                told.insert("results".to_owned(), json!(second.results));
            }
            self.record(&format!("confirmation:{package}:{}", one.host), None, Some(&told))?;
        }
        self.concerns(client);
        Ok(())
    }
}

/// What an outcome tells beside its state, as its leaf keeps it: short words
/// where only its waiting is told, everything but the package manager's whole
/// output where it ended.
fn saw(document: &[u8]) -> Option<Value> {
    let outcome: Outcome = serde_json::from_slice(document).ok()?;
    let Outcome { state, packages, checks, restarted, stale_processes, reboot_pending, effects, log, problem, .. } = outcome;
    if !state.is_terminal() && state != State::Unknown {
        return problem.map(|problem| json!({ "problem": problem }));
    }
    let log = if state.is_success() { String::new() } else { end_of(&log) };
    let saw = Saw { packages, checks, restarted, stale_processes, reboot_pending, effects, problem, log };
    serde_json::to_value(saw).ok()
}

/// The end of what a package manager wrote, where the reason stands.
fn end_of(log: &str) -> String {
    const KEPT: usize = 2_000;
    let skipped = log.chars().count().saturating_sub(KEPT);
    log.chars().skip(skipped).collect()
}

fn shown(rollout: &Rollout) -> Value {
    json!({
        "epoch": rollout.epoch,
        "generation": rollout.generation,
        "revision": rollout.revision,
        "state": rollout.wanted,
        "gate": rollout.gate,
        "rings": rollout.rings,
        "reasons": rollout.reasons,
        "retried": rollout.retried,
    })
}
