//! **Versions of the policy**: what people proposed or put in force, and what
//! was said of each.

use crate::change::Change;
use crate::columns::{Columns, to_json};
use crate::deployment_packages::{pack, unpack};
use crate::engine::Store;
use crate::error::{Result, StoreError};
use crate::hosts::differing;
use crate::leases::to_number;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use sqlx::AnyConnection;
use sqlx::any::AnyRow;

/// Most comments on one version.
const SAID: usize = 500;

/// One version, without its text.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct PolicyVersion {
    /// Number, from one on.
    pub number: u64,
    /// SHA-256 of its text, hex.
    pub digest: String,
    /// Id and version that the text gives itself.
    pub title: String,
    /// Who proposed it, kind and id.
    pub author: String,
    /// Name of that person.
    pub author_name: Option<String>,
    /// How far it came.
    pub state: VersionState,
    /// Digest of the policy that was in force when it was last looked at as a
    /// whole.
    pub replaces: String,
    /// Combinations of inputs that come due later than under that one, or lose
    /// their date.
    pub longer: u64,
    /// When it was proposed.
    pub proposed: Timestamp,
    /// From when on it binds; none for as soon as it is approved.
    pub effective: Option<Timestamp>,
    /// Why, in its author's words.
    pub reason: String,
    /// What was said of it, in order.
    pub said: Vec<Said>,
}

impl PolicyVersion {
    /// Sign-offs of a kind that count: those since the last note that makes
    /// earlier ones void.
    pub fn signed(&self, kind: SaidKind) -> impl Iterator<Item = &Said> {
        let from = self.said.iter().rposition(|said| said.kind == SaidKind::Void).map_or(0, |void| void + 1);
        self.said.iter().skip(from).filter(move |said| said.kind == kind)
    }
}

/// Something said of a version.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Said {
    /// When.
    pub at: Timestamp,
    /// By whom, kind and id.
    pub by: String,
    /// Name of that person.
    pub name: Option<String>,
    /// What kind of word it is.
    pub kind: SaidKind,
    /// The words.
    pub text: String,
}

/// Kinds of words on a version.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum SaidKind {
    /// A remark.
    Comment,
    /// Signed off in outline: the direction is right.
    Outline,
    /// Signed off in detail.
    Approval,
    /// Refused.
    Refusal,
    /// Taken back by those who proposed it.
    Withdrawal,
    /// Earlier sign-offs no longer count, because another policy came into
    /// force meanwhile.
    Void,
}

/// How far a version came.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum VersionState {
    /// Proposed.
    Proposed,
    /// Signed off in outline.
    Outlined,
    /// Signed off in detail; it waits for its day.
    Approved,
    /// In force.
    InForce,
    /// Was in force.
    Past,
    /// Refused.
    Refused,
    /// Withdrawn.
    Withdrawn,
}

impl VersionState {
    const ALL: [Self; 7] = [Self::Proposed, Self::Outlined, Self::Approved, Self::InForce, Self::Past, Self::Refused, Self::Withdrawn];

    /// The word in storage, API and console.
    pub fn word(self) -> &'static str {
        match self {
            Self::Proposed => "proposed",
            Self::Outlined => "outlined",
            Self::Approved => "approved",
            Self::InForce => "in-force",
            Self::Past => "past",
            Self::Refused => "refused",
            Self::Withdrawn => "withdrawn",
        }
    }

    /// Reads that word.
    pub fn parse(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|state| state.word() == word)
    }

    /// Whether it may still come into force.
    pub fn is_open(self) -> bool {
        matches!(self, Self::Proposed | Self::Outlined | Self::Approved)
    }
}

const COLUMNS: &str = "number, digest, title, author, author_name, state, replaces, longer, proposed, effective, reason, said, changes";

fn read(row: &AnyRow) -> Result<PolicyVersion> {
    Ok(PolicyVersion {
        number: row.count("number")?,
        digest: row.text("digest")?,
        title: row.text("title")?,
        author: row.text("author")?,
        author_name: row.optional_text("author_name")?,
        state: row.word("state", VersionState::parse)?,
        replaces: row.text("replaces")?,
        longer: row.count("longer")?,
        proposed: row.time("proposed")?,
        effective: row.optional_time("effective")?,
        reason: row.text("reason")?,
        said: row.json("said")?,
    })
}

fn object(number: u64) -> String {
    format!("policy-version:{number}")
}

async fn row_of(connection: &mut AnyConnection, number: u64) -> Result<AnyRow> {
    let sql = format!("SELECT {COLUMNS} FROM policy_versions WHERE number = $1");
    let row = sqlx::query(sqlx::AssertSqlSafe(sql)).bind(to_number(number)?).fetch_optional(connection).await?;
    row.ok_or_else(|| StoreError::not_found(object(number)))
}

impl Store {
    /// All versions, newest first.
    ///
    /// # Errors
    /// The store cannot be read.
    pub async fn policy_versions(&self) -> Result<Vec<PolicyVersion>> {
        let sql = format!("SELECT {COLUMNS} FROM policy_versions ORDER BY number DESC");
        sqlx::query(sqlx::AssertSqlSafe(sql)).fetch_all(&mut *self.reader().await?).await?.iter().map(read).collect()
    }

    /// One version.
    ///
    /// # Errors
    /// There is none with this number.
    pub async fn policy_version(&self, number: u64) -> Result<PolicyVersion> {
        read(&row_of(&mut *self.reader().await?, number).await?)
    }

    /// The text of a version.
    ///
    /// # Errors
    /// There is none with this number; `E-STORE-CORRUPT`.
    pub async fn policy_text(&self, number: u64) -> Result<String> {
        let row = sqlx::query("SELECT content FROM policy_versions WHERE number = $1")
            .bind(to_number(number)?)
            .fetch_optional(&mut *self.reader().await?)
            .await?;
        let row = row.ok_or_else(|| StoreError::not_found(object(number)))?;
        let bytes = unpack(&object(number), &row.bytes("content")?)?;
        String::from_utf8(bytes).map_err(|error| StoreError::damaged(object(number), error.to_string()))
    }

    /// Versions that may still come into force, or are, oldest first.
    ///
    /// # Errors
    /// The store cannot be read.
    pub async fn policy_versions_in(&self, state: VersionState) -> Result<Vec<PolicyVersion>> {
        let sql = format!("SELECT {COLUMNS} FROM policy_versions WHERE state = $1 ORDER BY number");
        sqlx::query(sqlx::AssertSqlSafe(sql)).bind(state.word()).fetch_all(&mut *self.reader().await?).await?.iter().map(read).collect()
    }
}

impl Change {
    /// Keeps a new version under the next number, which it gives.
    ///
    /// # Errors
    /// What the store meets; `E-TAKEN` where two are added at once.
    pub async fn add_policy_version(&mut self, version: &PolicyVersion, text: &str) -> Result<u64> {
        let row = sqlx::query("SELECT MAX(number) AS number FROM policy_versions").fetch_one(self.connection()).await?;
        let number = row.value::<Option<i64>>("number")?.map_or(0, i64::unsigned_abs) + 1;
        let version = PolicyVersion { number, ..version.clone() };
        sqlx::query(
            "INSERT INTO policy_versions (number, digest, title, author, author_name, state, replaces, longer, proposed, effective, reason, said, changes, content)
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, 0, $13)",
        )
        .bind(to_number(number)?)
        .bind(version.digest.as_str())
        .bind(version.title.as_str())
        .bind(version.author.as_str())
        .bind(version.author_name.as_deref())
        .bind(version.state.word())
        .bind(version.replaces.as_str())
        .bind(to_number(version.longer)?)
        .bind(version.proposed.as_microsecond())
        .bind(version.effective.map(Timestamp::as_microsecond))
        .bind(version.reason.as_str())
        .bind(to_json(&version.said)?)
        .bind(pack(text.as_bytes())?)
        .execute(self.connection())
        .await?;
        self.record_personal(&object(number), None, Some(&version))?;
        Ok(number)
    }

    /// Changes what is said of a version and how far it came; its text stays.
    ///
    /// # Errors
    /// There is none with this number; `E-OVERTAKEN` where somebody else changed
    /// it at the same time; `E-FULL` beyond 500 words on it; what `edit` refuses.
    pub async fn change_policy_version(&mut self, number: u64, edit: impl FnOnce(&mut PolicyVersion) -> Result<()> + Send) -> Result<PolicyVersion> {
        let row = row_of(self.connection(), number).await?;
        let (before, changes) = (read(&row)?, row.number("changes")?);
        let mut after = before.clone();
        edit(&mut after)?;
        // Sign-offs always have room: nobody may talk a version into standing still.
        if after.said.iter().filter(|said| said.kind == SaidKind::Comment).count() > SAID {
            return Err(StoreError::conflict("E-FULL", object(number), format!("{SAID} comments were made on it, which is all that is kept.")));
        }
        let done = sqlx::query("UPDATE policy_versions SET state = $3, replaces = $4, longer = $5, said = $6, changes = changes + 1 WHERE number = $1 AND changes = $2")
            .bind(to_number(number)?)
            .bind(changes)
            .bind(after.state.word())
            .bind(after.replaces.as_str())
            .bind(to_number(after.longer)?)
            .bind(to_json(&after.said)?)
            .execute(self.connection())
            .await?;
        if done.rows_affected() == 0 {
            return Err(StoreError::conflict("E-OVERTAKEN", object(number), "Somebody else changed it at the same time."));
        }
        let (old, new) = differing(&before, &after)?;
        self.record_personal(&object(number), Some(&old), Some(&new))?;
        Ok(after)
    }
}
