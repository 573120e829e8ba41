//! **Notices to people**: what they were told, and to each of them whether it
//! was delivered, seen and acknowledged. Only an acknowledgement is an act and
//! has a leaf; the rest is noted.

use crate::change::Change;
use crate::columns::{Columns, to_json};
use crate::engine::Store;
use crate::error::{Result, StoreError};
use crate::scope::{Conditions, Scope};
use jiff::Timestamp;
use plimsoll_core::model::identifier::{ClientId, PersonId};
use serde::{Deserialize, Serialize};
use serde_json::json;
use sqlx::AnyConnection;
use sqlx::any::AnyRow;
use std::collections::{BTreeMap, BTreeSet};

/// What some people were told.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Notice {
    /// Id.
    pub id: String,
    /// Client whose hosts it is about.
    pub client: ClientId,
    /// What it is about, `rollout:DIGEST`, `deadlines`.
    pub about: String,
    /// Which moment, `planned`.
    pub moment: String,
    /// One sentence.
    pub text: String,
    /// Page of the console that shows the matter, from the root on.
    pub page: String,
    /// The policy's words, and whom each means.
    pub audiences: Vec<Audience>,
    /// When it was put in.
    pub told: Timestamp,
    /// When its letters leave.
    pub goes: Timestamp,
    /// The notice that nobody acknowledged and for which these are called; its
    /// own id otherwise.
    pub root: String,
    /// Until when somebody is to acknowledge it; none where nobody need.
    pub ack_by: Option<Timestamp>,
    /// When the next are called because nobody did; none where nobody is.
    pub call_at: Option<Timestamp>,
    /// How many were called.
    pub rung: u32,
    /// The notice that corrects it.
    pub replaced: Option<String>,
    /// Earlier notices about the same that do not hold any more with this one.
    pub corrects: Corrects,
    /// Who is told.
    pub people: Vec<Recipient>,
}

/// What a notice means for earlier ones about the same.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Corrects {
    /// Nothing.
    #[default]
    Nothing,
    /// Nobody is called any more because one of them is not acknowledged.
    Ends,
    /// They do not hold any more.
    Replaces,
}

/// A word of the policy.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Audience {
    /// The word.
    pub word: String,
    /// Why these people and no others.
    pub because: String,
    /// How many people it means.
    pub people: u64,
    /// Names that lead to nobody, and why not.
    pub unknown: BTreeMap<String, String>,
}

/// Somebody who is told.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Recipient {
    /// Account id, else address: what makes two of them one.
    pub who: String,
    /// Name to show.
    pub name: String,
    /// Address that a letter goes to; none where the console is the only way.
    pub mail: Option<String>,
    /// The account; none where an address has none.
    pub person: Option<PersonId>,
    /// The policy's words that mean them.
    pub words: BTreeSet<String>,
    /// When the mail server took the letter.
    pub delivered: Option<Timestamp>,
    /// Why it was not delivered yet.
    pub trouble: Option<String>,
    /// When they opened it.
    pub seen: Option<Timestamp>,
    /// When they acknowledged it.
    pub acknowledged: Option<Timestamp>,
}

/// Which notices.
#[derive(Clone, Debug)]
pub enum Whose {
    /// Those to a person.
    Person(PersonId),
    /// Those about clients within a scope.
    Within(Scope),
}

pub(super) async fn insert(connection: &mut AnyConnection, notice: &Notice) -> Result<()> {
    let before = match notice.corrects {
        Corrects::Nothing => None,
        Corrects::Ends => Some("UPDATE notices SET call_at = NULL WHERE about = $1 AND client = $2 AND id <> $3"),
        Corrects::Replaces => Some("UPDATE notices SET call_at = NULL, replaced = $3 WHERE about = $1 AND client = $2 AND id <> $3 AND replaced IS NULL"),
    };
    if let Some(sql) = before {
        sqlx::query(sql).bind(notice.about.as_str()).bind(notice.client.to_string()).bind(notice.id.as_str()).execute(&mut *connection).await?;
    }
    sqlx::query(
        "INSERT INTO notices (id, client, about, moment, content, page, audiences, told, goes, root, ack_by, call_at, rung, replaced)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14)",
    )
    .bind(notice.id.as_str())
    .bind(notice.client.to_string())
    .bind(notice.about.as_str())
    .bind(notice.moment.as_str())
    .bind(notice.text.as_str())
    .bind(notice.page.as_str())
    .bind(to_json(&notice.audiences)?)
    .bind(notice.told.as_microsecond())
    .bind(notice.goes.as_microsecond())
    .bind(notice.root.as_str())
    .bind(notice.ack_by.map(Timestamp::as_microsecond))
    .bind(notice.call_at.map(Timestamp::as_microsecond))
    .bind(i64::from(notice.rung))
    .bind(notice.replaced.as_deref())
    .execute(&mut *connection)
    .await?;
    for one in &notice.people {
        sqlx::query("INSERT INTO notice_people (notice, who, name, mail, person, words) VALUES ($1, $2, $3, $4, $5, $6)")
            .bind(notice.id.as_str())
            .bind(one.who.as_str())
            .bind(one.name.as_str())
            .bind(one.mail.as_deref())
            .bind(one.person.map(|person| person.to_string()))
            .bind(to_json(&one.words)?)
            .execute(&mut *connection)
            .await?;
    }
    Ok(())
}

pub(super) async fn climb(connection: &mut AnyConnection, id: &str, rung: u32, next: Option<Timestamp>) -> Result<()> {
    sqlx::query("UPDATE notices SET rung = $2, call_at = $3 WHERE id = $1")
        .bind(id)
        .bind(i64::from(rung))
        .bind(next.map(Timestamp::as_microsecond))
        .execute(connection)
        .await?;
    Ok(())
}

fn read(row: &AnyRow) -> Result<Notice> {
    Ok(Notice {
        id: row.text("id")?,
        client: row.parsed("client")?,
        about: row.text("about")?,
        moment: row.text("moment")?,
        text: row.text("content")?,
        page: row.text("page")?,
        audiences: row.json("audiences")?,
        told: row.time("told")?,
        goes: row.time("goes")?,
        root: row.text("root")?,
        ack_by: row.optional_time("ack_by")?,
        call_at: row.optional_time("call_at")?,
        rung: u32::try_from(row.number("rung")?).map_err(|_| StoreError::damaged("rung", "The number is out of range."))?,
        replaced: row.optional_text("replaced")?,
        corrects: Corrects::Nothing,
        people: Vec::new(),
    })
}

fn recipient(row: &AnyRow) -> Result<Recipient> {
    Ok(Recipient {
        who: row.text("who")?,
        name: row.text("name")?,
        mail: row.optional_text("mail")?,
        person: row.optional_parsed("person")?,
        words: row.json("words")?,
        delivered: row.optional_time("delivered")?,
        trouble: row.optional_text("trouble")?,
        seen: row.optional_time("seen")?,
        acknowledged: row.optional_time("acknowledged")?,
    })
}

/// Adds to each notice who was told.
async fn with_people(connection: &mut AnyConnection, mut notices: Vec<Notice>) -> Result<Vec<Notice>> {
    let mut places: BTreeMap<String, usize> = notices.iter().enumerate().map(|(place, notice)| (notice.id.clone(), place)).collect();
    let ids: Vec<String> = places.keys().cloned().collect();
    for ids in ids.chunks(500) {
        let sql = format!("SELECT * FROM notice_people WHERE notice IN ({}) ORDER BY notice, name, who", crate::columns::placeholders(1, ids.len()));
        let query = ids.iter().fold(sqlx::query(sqlx::AssertSqlSafe(sql)), |query, id| query.bind(id.as_str()));
        for row in query.fetch_all(&mut *connection).await? {
            if let Some(notice) = places.get_mut(&row.text("notice")?).and_then(|place| notices.get_mut(*place)) {
                notice.people.push(recipient(&row)?);
            }
        }
    }
    Ok(notices)
}

async fn by_id(connection: &mut AnyConnection, id: &str) -> Result<Notice> {
    let row = sqlx::query("SELECT * FROM notices WHERE id = $1").bind(id).fetch_optional(&mut *connection).await?;
    let notice = read(&row.ok_or_else(|| StoreError::not_found(format!("notice:{id}")))?)?;
    with_people(connection, vec![notice]).await?.pop().ok_or_else(|| StoreError::not_found(format!("notice:{id}")))
}

impl Store {
    /// Notices, the newest first: all of them, or those about one thing; and
    /// how many there are.
    ///
    /// # Errors
    /// The store cannot be read.
    pub async fn notices(&self, whose: &Whose, about: Option<&str>, (skip, take): (usize, usize)) -> Result<(Vec<Notice>, u64)> {
        let narrowed = || {
            let mut all = Conditions::default();
            match whose {
                Whose::Within(scope) => all.clients_within("client", scope),
                Whose::Person(person) => {
                    let mark = all.text(person.to_string());
                    all.and(format!("id IN (SELECT notice FROM notice_people WHERE person = {mark})"));
                }
            }
            if let Some(about) = about {
                let mark = all.text(about);
                all.and(format!("about = {mark}"));
            }
            all
        };
        let mut connection = self.reader().await?;
        let all = narrowed();
        let sql = format!("SELECT COUNT(*) AS number FROM notices{}", all.sql());
        let total = all.query(sql).fetch_one(&mut *connection).await?.count("number")?;
        let mut all = narrowed();
        let (take, skip) = (all.number(i64::try_from(take).unwrap_or(i64::MAX)), all.number(i64::try_from(skip).unwrap_or(i64::MAX)));
        let sql = format!("SELECT * FROM notices{} ORDER BY told DESC, id DESC LIMIT {take} OFFSET {skip}", all.sql());
        let found = all.query(sql).fetch_all(&mut *connection).await?.iter().map(read).collect::<Result<_>>()?;
        Ok((with_people(&mut connection, found).await?, total))
    }

    /// One notice.
    ///
    /// # Errors
    /// There is none with this id.
    pub async fn notice(&self, id: &str) -> Result<Notice> {
        by_id(&mut *self.reader().await?, id).await
    }

    /// Notices for which the next are to be called by now, because nobody of
    /// those who were told has acknowledged.
    ///
    /// # Errors
    /// The store cannot be read.
    pub async fn unacknowledged(&self, now: Timestamp) -> Result<Vec<Notice>> {
        let mut connection = self.reader().await?;
        let rows = sqlx::query(
            "SELECT * FROM notices WHERE call_at <= $1 AND replaced IS NULL AND NOT EXISTS (
                 SELECT 1 FROM notices calls JOIN notice_people ON notice_people.notice = calls.id
                 WHERE calls.root = notices.id AND notice_people.acknowledged IS NOT NULL)
             ORDER BY call_at, id LIMIT 200",
        )
        .bind(now.as_microsecond())
        .fetch_all(&mut *connection)
        .await?;
        let found = rows.iter().map(read).collect::<Result<_>>()?;
        with_people(&mut connection, found).await
    }

    /// Notes what came of handing a letter over.
    ///
    /// # Errors
    /// The store cannot be reached.
    pub async fn note_letter(&self, notice: &str, mail: &str, delivered: Option<Timestamp>, words: &str) -> Result<()> {
        let mut transaction = self.writer().await?;
        sqlx::query("UPDATE notice_people SET delivered = COALESCE(delivered, $3), trouble = $4 WHERE notice = $1 AND mail = $2")
            .bind(notice)
            .bind(mail)
            .bind(delivered.map(Timestamp::as_microsecond))
            .bind(delivered.is_none().then_some(words))
            .execute(&mut *transaction)
            .await?;
        self.commit(transaction).await
    }

    /// Notes that somebody opened a notice to them; the first time counts.
    ///
    /// # Errors
    /// The store cannot be reached.
    pub async fn note_seen(&self, notice: &str, person: PersonId, now: Timestamp) -> Result<()> {
        let mut transaction = self.writer().await?;
        sqlx::query("UPDATE notice_people SET seen = $3 WHERE notice = $1 AND person = $2 AND seen IS NULL")
            .bind(notice)
            .bind(person.to_string())
            .bind(now.as_microsecond())
            .execute(&mut *transaction)
            .await?;
        self.commit(transaction).await
    }
}

impl Change {
    /// Acknowledges a notice for somebody to whom it went; who acknowledges has
    /// seen it.
    ///
    /// # Errors
    /// `E-REPLACED` where another notice corrects it, `E-STATE` where they did so
    /// before; not found where it did not go to them.
    pub async fn acknowledge_notice(&mut self, id: &str, person: PersonId) -> Result<()> {
        let object = format!("notice:{id}");
        // Writing the row takes its lock: of a correction and an
        // acknowledgement one is first.
        sqlx::query("UPDATE notices SET rung = rung WHERE id = $1").bind(id).execute(self.connection()).await?;
        let notice = by_id(self.connection(), id).await?;
        if let Some(by) = &notice.replaced {
            return Err(StoreError::conflict("E-REPLACED", object, format!("It does not hold any more: notice {by} corrects it, and is to be acknowledged itself.")));
        }
        let own = notice.people.iter().find(|one| one.person == Some(person)).ok_or_else(|| StoreError::not_found(object.clone()))?;
        if let Some(at) = own.acknowledged {
            return Err(StoreError::conflict("E-STATE", object, format!("You acknowledged it at {at}.")));
        }
        let now = self.time();
        sqlx::query("UPDATE notice_people SET acknowledged = $3, seen = COALESCE(seen, $3) WHERE notice = $1 AND person = $2")
            .bind(id)
            .bind(person.to_string())
            .bind(now.as_microsecond())
            .execute(self.connection())
            .await?;
        self.concerns(notice.client);
        let state = |at: Option<Timestamp>| json!({ "about": notice.about, "moment": notice.moment, "told": notice.told, "root": notice.root, "acknowledged": at });
        self.record(&object, Some(&state(None)), Some(&state(Some(now))))
    }
}
