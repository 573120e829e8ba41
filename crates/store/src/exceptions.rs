//! **Exceptions**: who accepted which open findings until when, and why. Rows
//! are only ever added and moved on; none is deleted.

use crate::change::Change;
use crate::columns::{Columns, to_json};
use crate::engine::Store;
use crate::error::{Result, StoreError};
use crate::scope::{Conditions, Scope};
use jiff::Timestamp;
use plimsoll_core::model::exception::{Approval, Decided, Exception, ExceptionState, Somebody};
use plimsoll_core::model::identifier::{ClientId, ExceptionId};
use plimsoll_core::model::policy::WaiverKind;
use serde_json::json;
use sqlx::AnyConnection;
use sqlx::any::AnyRow;
use std::collections::{BTreeMap, BTreeSet};

/// What the alert about an exception last said.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Told {
    /// Nothing.
    Nothing,
    /// That it ends soon.
    Soon,
    /// That it has ended.
    Ended,
}

impl Told {
    fn word(self) -> &'static str {
        match self {
            Self::Nothing => "nothing",
            Self::Soon => "soon",
            Self::Ended => "ended",
        }
    }

    fn parse(word: &str) -> Option<Self> {
        [Self::Nothing, Self::Soon, Self::Ended].into_iter().find(|told| told.word() == word)
    }
}

fn object(id: ExceptionId) -> String {
    format!("exception:{id}")
}

fn read(row: &AnyRow) -> Result<Exception> {
    let decided = row.optional_time("decided")?;
    let said = |name: &str| row.optional_text(name).map(Option::unwrap_or_default);
    Ok(Exception {
        id: row.parsed("id")?,
        client: row.parsed("client")?,
        kind: row.word("kind", WaiverKind::parse)?,
        advisories: row.json("advisories")?,
        package: row.optional_text("package")?,
        hosts: row.json("hosts")?,
        owner: row.text("owner")?,
        reason: row.text("reason")?,
        control: row.text("control")?,
        levels: row.json("levels")?,
        quorum: u32::try_from(row.number("quorum")?).map_err(|_| StoreError::damaged("quorum", "The number is out of range."))?,
        until: row.time("ends")?,
        requested: row.time("requested")?,
        requester: Somebody { person: row.optional_parsed("requester")?, name: row.text("requester_name")? },
        approvals: Vec::new(),
        state: row.word("state", ExceptionState::parse)?,
        decided: match decided {
            Some(at) => Some(Decided { at, by: said("decided_by")?, why: said("decided_why")? }),
            None => None,
        },
        since: row.optional_time("since")?,
        renews: row.optional_parsed("renews")?,
        renewals: u32::try_from(row.number("renewals")?).map_err(|_| StoreError::damaged("renewals", "The number is out of range."))?,
        replaced_by: row.optional_parsed("replaced_by")?,
        reviewed: row.optional_time("reviewed")?,
    })
}

fn approval(row: &AnyRow) -> Result<Approval> {
    Ok(Approval { person: row.parsed("person")?, name: row.text("name")?, at: row.time("added")? })
}

async fn by_id(connection: &mut AnyConnection, id: ExceptionId) -> Result<Exception> {
    let row = sqlx::query("SELECT * FROM exceptions WHERE id = $1").bind(id.to_string()).fetch_optional(&mut *connection).await?;
    let exception = read(&row.ok_or_else(|| StoreError::not_found(object(id)))?)?;
    let rows = sqlx::query("SELECT * FROM exception_approvals WHERE exception = $1 ORDER BY added, person")
        .bind(id.to_string())
        .fetch_all(connection)
        .await?;
    Ok(Exception { approvals: rows.iter().map(approval).collect::<Result<_>>()?, ..exception })
}

impl Store {
    /// Exceptions of the clients within a scope, the newest first.
    ///
    /// # Errors
    /// The store cannot be read.
    pub async fn exceptions(&self, scope: &Scope) -> Result<Vec<Exception>> {
        let mut conditions = Conditions::default();
        conditions.clients_within("client", scope);
        let whose = conditions.sql();
        let mut connection = self.reader().await?;
        let sql = format!("SELECT * FROM exceptions{whose} ORDER BY requested DESC, id DESC");
        let mut found: Vec<Exception> = conditions.query(sql).fetch_all(&mut *connection).await?.iter().map(read).collect::<Result<_>>()?;
        let mut conditions = Conditions::default();
        conditions.clients_within("exceptions.client", scope);
        let sql = format!(
            "SELECT exception_approvals.* FROM exception_approvals JOIN exceptions ON exceptions.id = exception_approvals.exception{}
             ORDER BY exception_approvals.added, exception_approvals.person",
            conditions.sql()
        );
        let mut approvals: BTreeMap<ExceptionId, Vec<Approval>> = BTreeMap::new();
        for row in &conditions.query(sql).fetch_all(&mut *connection).await? {
            approvals.entry(row.parsed("exception")?).or_default().push(approval(row)?);
        }
        for exception in &mut found {
            exception.approvals = approvals.remove(&exception.id).unwrap_or_default();
        }
        Ok(found)
    }

    /// Approved exceptions that have ended by `now`, or end before `soon`, and
    /// whose alert does not say so yet, with what it should say.
    ///
    /// # Errors
    /// The store cannot be read.
    pub async fn exceptions_to_tell(&self, now: Timestamp, soon: Timestamp) -> Result<Vec<(Exception, Told)>> {
        let rows = sqlx::query(
            "SELECT * FROM exceptions WHERE state = 'approved' AND ((ends <= $1 AND told <> 'ended') OR (ends <= $2 AND told = 'nothing')) ORDER BY ends, id",
        )
        .bind(now.as_microsecond())
        .bind(soon.as_microsecond())
        .fetch_all(&mut *self.reader().await?)
        .await?;
        let told = |exception: Exception| {
            let told = if exception.until <= now { Told::Ended } else { Told::Soon };
            (exception, told)
        };
        rows.iter().map(|row| read(row).map(told)).collect()
    }

    /// One exception.
    ///
    /// # Errors
    /// There is none with this id.
    pub async fn exception(&self, id: ExceptionId) -> Result<Exception> {
        by_id(&mut *self.reader().await?, id).await
    }
}

impl Change {
    /// Keeps one that is asked for; it must be in that state.
    ///
    /// # Errors
    /// `E-STATE` where it renews one that is neither approved nor waits for
    /// nothing: refused, withdrawn, replaced, or being renewed already.
    pub async fn request_exception(&mut self, exception: &Exception) -> Result<()> {
        if let Some(renewed) = exception.renews {
            // The row is held, so that of two renewals at once one is first.
            let known = self.hold_exception(renewed, &[ExceptionState::Approved]).await?;
            let other = sqlx::query("SELECT id FROM exceptions WHERE renews = $1 AND state = 'requested' AND ends > $2")
                .bind(renewed.to_string())
                .bind(self.time().as_microsecond())
                .fetch_optional(self.connection())
                .await?;
            if known.client != exception.client || other.is_some() {
                return Err(StoreError::conflict("E-STATE", object(renewed), "Its renewal is asked for already."));
            }
        }
        self.add_exception(exception).await
    }

    /// Keeps one that is in force from the start: a client's refusal or silence
    /// is a fact, which nobody asks for and nobody approves.
    ///
    /// # Errors
    /// The store cannot be written.
    pub async fn record_waiver(&mut self, waiver: &Exception) -> Result<()> {
        self.add_exception(&Exception { since: Some(self.time()), ..waiver.clone() }).await
    }

    async fn add_exception(&mut self, exception: &Exception) -> Result<()> {
        let decided = exception.decided.as_ref();
        sqlx::query(
            "INSERT INTO exceptions (id, client, kind, advisories, package, hosts, owner, reason, control, levels, quorum, ends, requested, requester, requester_name, state, renews, renewals, told, decided, decided_by, decided_why, since)
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19, $20, $21, $22, $23)",
        )
        .bind(exception.id.to_string())
        .bind(exception.client.to_string())
        .bind(exception.kind.as_str())
        .bind(to_json(&exception.advisories)?)
        .bind(exception.package.as_deref())
        .bind(to_json(&exception.hosts)?)
        .bind(exception.owner.as_str())
        .bind(exception.reason.as_str())
        .bind(exception.control.as_str())
        .bind(to_json(&exception.levels)?)
        .bind(i64::from(exception.quorum))
        .bind(exception.until.as_microsecond())
        .bind(exception.requested.as_microsecond())
        .bind(exception.requester.person.map(|person| person.to_string()))
        .bind(exception.requester.name.as_str())
        .bind(exception.state.word())
        .bind(exception.renews.map(|renewed| renewed.to_string()))
        .bind(i64::from(exception.renewals))
        .bind(Told::Nothing.word())
        .bind(decided.map(|decided| decided.at.as_microsecond()))
        .bind(decided.map(|decided| decided.by.as_str()))
        .bind(decided.map(|decided| decided.why.as_str()))
        .bind(exception.since.map(Timestamp::as_microsecond))
        .execute(self.connection())
        .await?;
        self.concerns(exception.client);
        self.record_personal(&object(exception.id), None, Some(exception))
    }

    /// Adds an approval to one that is asked for. With `last` it is in force
    /// from now on, and the one that it renews gives way; `last` is asked with
    /// every approval so far, this one included.
    ///
    /// # Errors
    /// `E-STATE` where it is not asked for any more, `E-TAKEN` where the person
    /// approved before.
    pub async fn approve_exception(
        &mut self,
        id: ExceptionId,
        approval: &Approval,
        why: &str,
        last: impl FnOnce(&Exception) -> bool + Send,
    ) -> Result<Exception> {
        let before = self.hold_exception(id, &[ExceptionState::Requested]).await?;
        if before.approvals.iter().any(|known| known.person == approval.person) {
            return Err(StoreError::conflict("E-TAKEN", object(id), "This person approved it already; another must."));
        }
        sqlx::query("INSERT INTO exception_approvals (exception, person, name, added) VALUES ($1, $2, $3, $4)")
            .bind(id.to_string())
            .bind(approval.person.to_string())
            .bind(approval.name.as_str())
            .bind(approval.at.as_microsecond())
            .execute(self.connection())
            .await?;
        let mut after = before.clone();
        after.approvals.push(approval.clone());
        if last(&after) {
            after = self
                .move_exception(
                    after,
                    ExceptionState::Approved,
                    Decided { at: self.time(), by: approval.name.clone(), why: why.to_owned() },
                )
                .await?;
            if let Some(renewed) = after.renews {
                self.replace_exception(renewed, &after).await?;
            }
        }
        self.concerns(after.client);
        self.record_personal(&object(id), Some(&before), Some(&after))?;
        Ok(after)
    }

    /// Refuses one that is asked for.
    ///
    /// # Errors
    /// `E-STATE`.
    pub async fn refuse_exception(&mut self, id: ExceptionId, by: &str, why: &str) -> Result<Exception> {
        self.end_exception(id, &[ExceptionState::Requested], ExceptionState::Refused, by, why).await
    }

    /// Takes back one that is asked for or in force.
    ///
    /// # Errors
    /// `E-STATE`.
    pub async fn withdraw_exception(&mut self, id: ExceptionId, by: &str, why: &str) -> Result<Exception> {
        self.end_exception(id, &[ExceptionState::Requested, ExceptionState::Approved], ExceptionState::Withdrawn, by, why).await
    }

    /// Notes that somebody looked at one in force again.
    ///
    /// # Errors
    /// `E-STATE`.
    pub async fn review_exception(&mut self, id: ExceptionId) -> Result<Exception> {
        let before = self.hold_exception(id, &[ExceptionState::Approved]).await?;
        let after = Exception { reviewed: Some(self.time()), ..before.clone() };
        sqlx::query("UPDATE exceptions SET reviewed = $2 WHERE id = $1")
            .bind(id.to_string())
            .bind(self.time().as_microsecond())
            .execute(self.connection())
            .await?;
        self.concerns(after.client);
        self.record_personal(&object(id), Some(&before), Some(&after))?;
        Ok(after)
    }

    /// Notes what the alert about an exception says from now on; false where it
    /// said so or more already, which is how one of several servers tells it.
    ///
    /// # Errors
    /// The store cannot be reached.
    pub async fn note_exception_told(&mut self, id: ExceptionId, told: Told) -> Result<bool> {
        let row = sqlx::query("SELECT told FROM exceptions WHERE id = $1").bind(id.to_string()).fetch_one(self.connection()).await?;
        let before = row.word("told", Told::parse)?;
        if before >= told {
            return Ok(false);
        }
        let done = sqlx::query("UPDATE exceptions SET told = $3 WHERE id = $1 AND told = $2")
            .bind(id.to_string())
            .bind(before.word())
            .bind(told.word())
            .execute(self.connection())
            .await?;
        Ok(done.rows_affected() == 1)
    }

    async fn end_exception(
        &mut self,
        id: ExceptionId,
        from: &[ExceptionState],
        to: ExceptionState,
        by: &str,
        why: &str,
    ) -> Result<Exception> {
        let before = self.hold_exception(id, from).await?;
        let decided = Decided { at: self.time(), by: by.to_owned(), why: why.to_owned() };
        let after = self.move_exception(before.clone(), to, decided).await?;
        self.concerns(after.client);
        self.record_personal(&object(id), Some(&before), Some(&after))?;
        Ok(after)
    }

    async fn replace_exception(&mut self, id: ExceptionId, by: &Exception) -> Result<()> {
        let before = self.hold_exception(id, &[ExceptionState::Approved]).await?;
        sqlx::query("UPDATE exceptions SET state = $2, replaced_by = $3 WHERE id = $1")
            .bind(id.to_string())
            .bind(ExceptionState::Replaced.word())
            .bind(by.id.to_string())
            .execute(self.connection())
            .await?;
        let state = |state: ExceptionState| json!({ "state": state, "replaced_by": (state == ExceptionState::Replaced).then_some(by.id) });
        self.record(&object(id), Some(&state(before.state)), Some(&state(ExceptionState::Replaced)))
    }

    /// Ids of the approved exceptions of a client, which nobody holding them too
    /// adds to until this change ends.
    ///
    /// # Errors
    /// The store cannot be reached.
    pub async fn hold_approved(&mut self, client: ClientId) -> Result<BTreeSet<ExceptionId>> {
        // Writing the client's row takes its lock, on either engine.
        sqlx::query("UPDATE clients SET name = name WHERE id = $1").bind(client.to_string()).execute(self.connection()).await?;
        let rows = sqlx::query("SELECT id FROM exceptions WHERE client = $1 AND state = 'approved'")
            .bind(client.to_string())
            .fetch_all(self.connection())
            .await?;
        rows.iter().map(|row| row.parsed("id")).collect()
    }

    /// Reads one in one of some states and keeps everybody else from moving it
    /// until this change ends.
    async fn hold_exception(&mut self, id: ExceptionId, states: &[ExceptionState]) -> Result<Exception> {
        // Writing the row takes its lock, on either engine.
        sqlx::query("UPDATE exceptions SET told = told WHERE id = $1").bind(id.to_string()).execute(self.connection()).await?;
        let known = by_id(self.connection(), id).await?;
        if states.contains(&known.state) {
            return Ok(known);
        }
        Err(StoreError::conflict("E-STATE", object(id), format!("The exception is {}.", known.state.word())))
    }

    async fn move_exception(&mut self, exception: Exception, to: ExceptionState, decided: Decided) -> Result<Exception> {
        let since = if to == ExceptionState::Approved { Some(decided.at) } else { exception.since };
        sqlx::query("UPDATE exceptions SET state = $2, decided = $3, decided_by = $4, decided_why = $5, since = $6 WHERE id = $1")
            .bind(exception.id.to_string())
            .bind(to.word())
            .bind(decided.at.as_microsecond())
            .bind(decided.by.as_str())
            .bind(decided.why.as_str())
            .bind(since.map(Timestamp::as_microsecond))
            .execute(self.connection())
            .await?;
        Ok(Exception { state: to, decided: Some(decided), since, ..exception })
    }
}
