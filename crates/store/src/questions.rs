//! **Questions** to clients about changes of their hosts. Rows are added and
//! moved on; none is deleted.
//!
//! Whoever moves one holds its row first, so that of an answer and the deadline
//! in the same instant one is first. What a question decides for its rollout is
//! written with a move of the rollout in the same change.

use crate::change::Change;
use crate::columns::{Columns, to_json};
use crate::engine::Store;
use crate::error::{Result, StoreError};
use crate::scope::{Conditions, Scope};
use plimsoll_core::model::exception::{Decided, Somebody};
use plimsoll_core::model::identifier::{ExceptionId, QuestionId};
use plimsoll_core::model::policy::governance::{Involvement, OnSilence};
use plimsoll_core::model::question::{Question, QuestionState, Said};
use serde_json::{Value, json};
use sqlx::AnyConnection;
use sqlx::any::AnyRow;

/// Most remarks on one question, and most decisions about it: neither takes
/// room from the other, so that nobody talks a client's answer away.
const SAID: usize = 500;
/// Kind of what decides nothing.
const REMARK: &str = "remark";

fn object(id: QuestionId) -> String {
    format!("question:{id}")
}

fn room(question: &Question, of: impl Fn(&Said) -> bool) -> Result<()> {
    if question.said.iter().filter(|said| of(said)).count() <= SAID {
        return Ok(());
    }
    let text = format!("{SAID} words of this kind were said of it, which is as many as are kept.");
    Err(StoreError::conflict("E-LIMIT", object(question.id), text))
}

fn read(row: &AnyRow) -> Result<Question> {
    let decided = row.optional_time("decided")?;
    let words = |name: &str| row.optional_text(name).map(Option::unwrap_or_default);
    let on_silence = row.optional_text("on_silence")?;
    let on_silence = on_silence.map(|word| OnSilence::parse(&word).ok_or_else(|| StoreError::damaged("on_silence", format!("The word {word:?} is unknown."))));
    Ok(Question {
        id: row.parsed("id")?,
        client: row.parsed("client")?,
        package: row.text("package")?,
        involvement: row.word("involvement", Involvement::parse)?,
        asked: row.time("asked")?,
        answer_by: row.time("answer_by")?,
        reminders: row.json("reminders")?,
        on_silence: on_silence.transpose()?,
        waiver_text: row.text("waiver_text")?,
        content: row.json("content")?,
        state: row.word("state", QuestionState::parse)?,
        decided: match decided {
            Some(at) => Some(Decided { at, by: words("decided_by")?, why: words("decided_why")? }),
            None => None,
        },
        reminded: u32::try_from(row.number("reminded")?).map_err(|_| StoreError::damaged("reminded", "The number is out of range."))?,
        waiver: row.optional_parsed("waiver")?,
        said: row.json("said")?,
    })
}

/// What the leaf holds of it: people are named beside the leaf, as its actor.
fn shown(question: &Question) -> Value {
    json!({
        "client": question.client, "package": question.package, "involvement": question.involvement, "asked": question.asked,
        "answer_by": question.answer_by, "on_silence": question.on_silence, "state": question.state, "reminded": question.reminded,
        "waiver": question.waiver, "waiver_text": question.waiver_text, "remarks": question.said.len(),
    })
}

async fn by_id(connection: &mut AnyConnection, id: QuestionId) -> Result<Question> {
    let row = sqlx::query("SELECT * FROM questions WHERE id = $1").bind(id.to_string()).fetch_optional(connection).await?;
    read(&row.ok_or_else(|| StoreError::not_found(object(id)))?)
}

impl Store {
    /// Questions to the clients within a scope, the newest first.
    ///
    /// # Errors
    /// The store cannot be read.
    pub async fn questions(&self, scope: &Scope) -> Result<Vec<Question>> {
        let mut conditions = Conditions::default();
        conditions.clients_within("client", scope);
        let sql = format!("SELECT * FROM questions{} ORDER BY asked DESC, id DESC", conditions.sql());
        conditions.query(sql).fetch_all(&mut *self.reader().await?).await?.iter().map(read).collect()
    }

    /// One question.
    ///
    /// # Errors
    /// There is none with this id.
    pub async fn question(&self, id: QuestionId) -> Result<Question> {
        by_id(&mut *self.reader().await?, id).await
    }

    /// The question about a rollout; none where nobody was asked.
    ///
    /// # Errors
    /// The store cannot be read.
    pub async fn question_about(&self, package: &str) -> Result<Option<Question>> {
        let row = sqlx::query("SELECT * FROM questions WHERE package = $1").bind(package).fetch_optional(&mut *self.reader().await?).await?;
        row.as_ref().map(read).transpose()
    }
}

impl Change {
    /// Asks, or tells, together with the start of the rollout.
    ///
    /// # Errors
    /// The store cannot be written.
    pub async fn ask_client(&mut self, question: &Question) -> Result<()> {
        sqlx::query(
            "INSERT INTO questions (id, client, package, involvement, asked, answer_by, reminders, on_silence, waiver_text, content, state, reminded, said)
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13)",
        )
        .bind(question.id.to_string())
        .bind(question.client.to_string())
        .bind(question.package.as_str())
        .bind(question.involvement.as_str())
        .bind(question.asked.as_microsecond())
        .bind(question.answer_by.as_microsecond())
        .bind(to_json(&question.reminders)?)
        .bind(question.on_silence.map(OnSilence::as_str))
        .bind(question.waiver_text.as_str())
        .bind(to_json(&question.content)?)
        .bind(question.state.word())
        .bind(i64::from(question.reminded))
        .bind(to_json(&question.said)?)
        .execute(self.connection())
        .await?;
        self.concerns(question.client);
        self.record(&object(question.id), None, Some(&shown(question)))
    }

    /// Reads a question and keeps everybody else from moving it until this
    /// change ends.
    ///
    /// # Errors
    /// There is none.
    pub async fn hold_question(&mut self, id: QuestionId) -> Result<Question> {
        // Writing the row takes its lock, on either engine.
        sqlx::query("UPDATE questions SET reminded = reminded WHERE id = $1").bind(id.to_string()).execute(self.connection()).await?;
        by_id(self.connection(), id).await
    }

    /// Moves a question on that [`Change::hold_question`] gave, with the word
    /// that says so.
    ///
    /// # Errors
    /// `E-LIMIT` where it was decided anew too often; remarks take no room
    /// from decisions.
    pub async fn decide_question(&mut self, before: &Question, state: QuestionState, waiver: Option<ExceptionId>, by: Somebody, why: &str) -> Result<Question> {
        let mut after = before.clone();
        (after.state, after.waiver) = (state, waiver);
        after.decided = Some(Decided { at: self.time(), by: by.name.clone(), why: why.to_owned() });
        after.said.push(Said { at: self.time(), by, kind: state.word().to_owned(), text: why.to_owned() });
        room(&after, |said| said.kind != REMARK)?;
        self.put_question(before, &after).await?;
        Ok(after)
    }

    /// Adds a remark; nothing else of the question changes.
    ///
    /// # Errors
    /// `E-LIMIT`.
    pub async fn remark_question(&mut self, before: &Question, by: Somebody, text: &str) -> Result<Question> {
        let mut after = before.clone();
        after.said.push(Said { at: self.time(), by, kind: REMARK.to_owned(), text: text.to_owned() });
        room(&after, |said| said.kind == REMARK)?;
        self.put_question(before, &after).await?;
        Ok(after)
    }

    /// Notes how many reminders were sent.
    ///
    /// # Errors
    /// The store cannot be written.
    pub async fn note_reminded(&mut self, before: &Question, reminded: u32) -> Result<Question> {
        let after = Question { reminded, ..before.clone() };
        self.put_question(before, &after).await?;
        Ok(after)
    }

    async fn put_question(&mut self, before: &Question, after: &Question) -> Result<()> {
        sqlx::query(
            "UPDATE questions SET state = $2, decided = $3, decided_by = $4, decided_why = $5, reminded = $6, waiver = $7, said = $8 WHERE id = $1",
        )
        .bind(after.id.to_string())
        .bind(after.state.word())
        .bind(after.decided.as_ref().map(|decided| decided.at.as_microsecond()))
        .bind(after.decided.as_ref().map(|decided| decided.by.clone()))
        .bind(after.decided.as_ref().map(|decided| decided.why.clone()))
        .bind(i64::from(after.reminded))
        .bind(after.waiver.map(|waiver| waiver.to_string()))
        .bind(to_json(&after.said)?)
        .execute(self.connection())
        .await?;
        self.concerns(after.client);
        self.record(&object(after.id), Some(&shown(before)), Some(&shown(after)))
    }

    /// Reads a rollout and keeps everybody else from moving it until this
    /// change ends.
    ///
    /// # Errors
    /// There is none.
    pub async fn hold_rollout(&mut self, package: &str) -> Result<crate::rollouts::Rollout> {
        sqlx::query("UPDATE rollouts SET revision = revision WHERE package = $1").bind(package).execute(self.connection()).await?;
        crate::rollouts::by_package(self.connection(), package).await
    }

    /// Whether a host of a rollout was ever allowed to start.
    ///
    /// # Errors
    /// The store cannot be read.
    pub async fn rollout_started(&mut self, package: &str) -> Result<bool> {
        let row = sqlx::query("SELECT host FROM assignments WHERE package = $1 AND applied IS NOT NULL LIMIT 1")
            .bind(package)
            .fetch_optional(self.connection())
            .await?;
        Ok(row.is_some())
    }
}
