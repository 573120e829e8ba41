//! **Work**: hours that people said, or that their timers and tickets say; and
//! the prices by which they are counted. No row is ever deleted.

use crate::change::Change;
use crate::columns::{Columns, to_json};
use crate::engine::Store;
use crate::error::{Result, StoreError};
use crate::leases::to_number;
use crate::scope::{Conditions, Scope};
use jiff::Timestamp;
use plimsoll_core::measures::cost::steps::Step;
use plimsoll_core::measures::cost::{InForce, Terms};
use plimsoll_core::model::identifier::{ClientId, PersonId, WorkId};
use plimsoll_core::model::work::{Downtime, Source, Subject, Work};
use sqlx::any::AnyRow;

fn object(id: WorkId) -> String {
    format!("work:{id}")
}

fn read(row: &AnyRow) -> Result<Work> {
    let downtime: Option<String> = row.optional_text("downtime")?;
    let step = row.optional_text("step")?;
    let seconds: Option<i64> = row.value("seconds")?;
    Ok(Work {
        id: row.parsed("id")?,
        client: row.parsed("client")?,
        person: row.optional_parsed("person")?,
        role: row.text("role")?,
        step: step.map(|step| Step::parse(&step).ok_or_else(|| StoreError::damaged("step", format!("The step {step:?} is unknown.")))).transpose()?,
        subject: row.word("subject", |text| Subject::parse(text).ok())?,
        source: row.word("source", Source::parse)?,
        started: row.time("started")?,
        ended: row.optional_time("ended")?,
        seconds: seconds.map(|seconds| u64::try_from(seconds).map_err(|_| StoreError::damaged("seconds", "The number is negative."))).transpose()?,
        downtime: downtime.map(|_| row.json::<Downtime>("downtime")).transpose()?,
        ticket: row.optional_text("ticket")?,
        replaces: row.optional_parsed("replaces")?,
        recorded: row.time("recorded")?,
        note: row.text("note")?,
    })
}

impl Store {
    /// Work of the clients within a scope that was written down by a moment,
    /// in the order in which it was.
    ///
    /// # Errors
    /// The store cannot be read.
    pub async fn work(&self, scope: &Scope, client: Option<ClientId>, until: Timestamp) -> Result<Vec<Work>> {
        let mut conditions = Conditions::default();
        conditions.clients_within("client", scope);
        if let Some(client) = client {
            let mark = conditions.text(client.to_string());
            conditions.and(format!("client = {mark}"));
        }
        let mark = conditions.number(until.as_microsecond());
        conditions.and(format!("recorded <= {mark}"));
        let sql = format!("SELECT * FROM work{} ORDER BY recorded, id", conditions.sql());
        conditions.query(sql).fetch_all(&mut *self.reader().await?).await?.iter().map(read).collect()
    }

    /// One record of work.
    ///
    /// # Errors
    /// There is none with this id.
    pub async fn one_work(&self, id: WorkId) -> Result<Work> {
        let row = sqlx::query("SELECT * FROM work WHERE id = $1").bind(id.to_string()).fetch_optional(&mut *self.reader().await?).await?;
        read(&row.ok_or_else(|| StoreError::not_found(object(id)))?)
    }

    /// Timers of a person that run.
    ///
    /// # Errors
    /// The store cannot be read.
    pub async fn running_work(&self, person: PersonId) -> Result<Vec<Work>> {
        let rows = sqlx::query(
            "SELECT * FROM work WHERE person = $1 AND seconds IS NULL AND ended IS NULL
             AND id NOT IN (SELECT replaces FROM work WHERE replaces IS NOT NULL) ORDER BY started, id",
        )
        .bind(person.to_string())
        .fetch_all(&mut *self.reader().await?)
        .await?;
        rows.iter().map(read).collect()
    }

    /// The prices in force at a moment; none before any were noted.
    ///
    /// # Errors
    /// The store cannot be read.
    pub async fn cost_terms(&self, at: Timestamp) -> Result<Option<InForce>> {
        let row = sqlx::query("SELECT * FROM cost_terms WHERE noted <= $1 ORDER BY noted DESC LIMIT 1")
            .bind(at.as_microsecond())
            .fetch_optional(&mut *self.reader().await?)
            .await?;
        row.map(|row| Ok(InForce { since: row.time("noted")?, policy: row.text("policy")?, terms: row.json("terms")? })).transpose()
    }
}

impl Change {
    /// Keeps a record of work.
    ///
    /// # Errors
    /// `E-STATE` where another correction was first.
    pub async fn add_work(&mut self, work: &Work) -> Result<()> {
        let done = sqlx::query(
            "INSERT INTO work (id, client, person, role, step, subject, source, started, ended, seconds, downtime, ticket, replaces, recorded, note)
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15) ON CONFLICT (replaces) DO NOTHING",
        )
        .bind(work.id.to_string())
        .bind(work.client.to_string())
        .bind(work.person.map(|person| person.to_string()))
        .bind(work.role.as_str())
        .bind(work.step.map(Step::number))
        .bind(work.subject.to_string())
        .bind(work.source.word())
        .bind(work.started.as_microsecond())
        .bind(work.ended.map(Timestamp::as_microsecond))
        .bind(work.seconds.map(to_number).transpose()?)
        .bind(work.downtime.as_ref().map(to_json).transpose()?)
        .bind(work.ticket.as_deref())
        .bind(work.replaces.map(|id| id.to_string()))
        .bind(work.recorded.as_microsecond())
        .bind(work.note.as_str())
        .execute(self.connection())
        .await?;
        if done.rows_affected() == 0 {
            return Err(StoreError::conflict("E-STATE", object(work.id), "Another correction took the place of this record."));
        }
        self.concerns(work.client);
        self.record_personal(&object(work.id), None, Some(work))
    }

    /// Stops a timer.
    ///
    /// # Errors
    /// `E-STATE` where it does not run.
    pub async fn stop_work(&mut self, id: WorkId, at: Timestamp) -> Result<Work> {
        let row = sqlx::query("SELECT * FROM work WHERE id = $1").bind(id.to_string()).fetch_optional(self.connection()).await?;
        let before = read(&row.ok_or_else(|| StoreError::not_found(object(id)))?)?;
        let done = sqlx::query(
            "UPDATE work SET ended = $2 WHERE id = $1 AND ended IS NULL AND seconds IS NULL
             AND id NOT IN (SELECT replaces FROM work WHERE replaces IS NOT NULL)",
        )
        .bind(id.to_string())
        .bind(at.max(before.started).as_microsecond())
        .execute(self.connection())
        .await?;
        if done.rows_affected() == 0 {
            return Err(StoreError::conflict("E-STATE", object(id), "The timer does not run."));
        }
        let after = Work { ended: Some(at.max(before.started)), ..before.clone() };
        self.concerns(after.client);
        self.record_personal(&object(id), Some(&before), Some(&after))?;
        Ok(after)
    }

    /// Notes which prices are in force from now on; false where the newest
    /// note says the same.
    ///
    /// # Errors
    /// The store cannot be reached.
    pub async fn note_cost_terms(&mut self, policy: &str, terms: &Terms) -> Result<bool> {
        let row = sqlx::query("SELECT policy, terms FROM cost_terms ORDER BY noted DESC LIMIT 1").fetch_optional(self.connection()).await?;
        let newest: Option<(String, Terms)> = row.map(|row| Ok::<_, StoreError>((row.text("policy")?, row.json("terms")?))).transpose()?;
        if newest.as_ref().is_some_and(|(named, newest)| named == policy && newest == terms) {
            return Ok(false);
        }
        let now = self.time();
        sqlx::query("INSERT INTO cost_terms (noted, policy, terms) VALUES ($1, $2, $3) ON CONFLICT (noted) DO NOTHING")
            .bind(now.as_microsecond())
            .bind(policy)
            .bind(to_json(terms)?)
            .execute(self.connection())
            .await?;
        self.record("cost-terms", newest.as_ref().map(|(_, terms)| terms), Some(terms))?;
        Ok(true)
    }
}
