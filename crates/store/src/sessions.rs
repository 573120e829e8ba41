//! **Sessions** and one-time sign-in links: found by the hash of a secret that
//! the caller made and the store never sees.

use crate::change::Change;
use crate::columns::Columns;
use crate::engine::Store;
use crate::error::Result;
use jiff::Timestamp;
use plimsoll_core::model::identifier::PersonId;
use serde_json::json;
use sqlx::any::AnyRow;

/// A signed-in browser.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Session {
    /// Hash of its secret; names it in lists without giving it away.
    pub hash: String,
    /// Whose.
    pub person: PersonId,
    /// The person's generation when it began; the session dies with it.
    pub generation: i64,
    /// How the person proved who it is, as [`crate::Actor::strength`].
    pub strength: String,
    /// Until when a fresh proof of the person counts.
    pub proven_until: Option<Timestamp>,
    /// When it began.
    pub created: Timestamp,
    /// When it was last used, to the minute.
    pub last_used: Timestamp,
    /// When it ends without use.
    pub idle_expires: Timestamp,
    /// When it ends whatever is done.
    pub expires: Timestamp,
    /// Address it began from.
    pub address: Option<String>,
    /// Browser it began in.
    pub browser: Option<String>,
}

/// A link that signs a person in once, or lets a password be set once.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct SignInLink {
    /// Whom.
    pub person: PersonId,
    /// What for, `sign-in`, `recovery`, `invitation`.
    pub purpose: String,
    /// When it was made.
    pub created: Timestamp,
    /// When it ends.
    pub expires: Timestamp,
}

fn read(row: &AnyRow) -> Result<Session> {
    Ok(Session {
        hash: row.text("hash")?,
        person: row.parsed("person")?,
        generation: row.number("generation")?,
        strength: row.text("strength")?,
        proven_until: row.optional_time("proven_until")?,
        created: row.time("created")?,
        last_used: row.time("last_used")?,
        idle_expires: row.time("idle_expires")?,
        expires: row.time("expires")?,
        address: row.optional_text("address")?,
        browser: row.optional_text("browser")?,
    })
}

impl Store {
    /// A session by the hash of its key, whatever its state.
    ///
    /// # Errors
    /// The store cannot be read.
    pub async fn session_by_hash(&self, hash: &str) -> Result<Option<Session>> {
        let row = sqlx::query("SELECT * FROM sessions WHERE hash = $1").bind(hash).fetch_optional(&mut *self.reader().await?).await?;
        row.as_ref().map(read).transpose()
    }

    /// All sessions of a person, ended ones included, newest first.
    ///
    /// # Errors
    /// The store cannot be read.
    pub async fn sessions_of(&self, person: PersonId) -> Result<Vec<Session>> {
        let rows = sqlx::query("SELECT * FROM sessions WHERE person = $1 ORDER BY created DESC, hash")
            .bind(person.to_string())
            .fetch_all(&mut *self.reader().await?)
            .await?;
        rows.iter().map(read).collect()
    }

    /// Notes that sessions were used and until when they may now rest, in one
    /// batch and without a leaf: hash, time of use, new end without use.
    ///
    /// # Errors
    /// The store cannot be reached.
    pub async fn touch_sessions(&self, used: &[(String, Timestamp, Timestamp)]) -> Result<()> {
        let mut ordered = used.to_vec();
        ordered.sort_unstable();
        let mut transaction = self.writer().await?;
        for (hash, time, idle_expires) in ordered {
            sqlx::query("UPDATE sessions SET last_used = $2, idle_expires = $3 WHERE hash = $1 AND last_used < $2")
                .bind(hash)
                .bind(time.as_microsecond())
                .bind(idle_expires.as_microsecond())
                .execute(&mut *transaction)
                .await?;
        }
        self.commit(transaction).await
    }

    /// Deletes sessions, sign-in links and tickets that have ended; gives their
    /// number. Without a leaf: their end was decided when they were made.
    ///
    /// # Errors
    /// The store cannot be reached.
    pub async fn expire_sessions(&self, now: Timestamp) -> Result<u64> {
        let mut transaction = self.writer().await?;
        let mut gone = 0;
        for sql in [
            "DELETE FROM sessions WHERE expires <= $1 OR idle_expires <= $1",
            "DELETE FROM sign_in_links WHERE expires <= $1",
            "DELETE FROM tickets WHERE expires <= $1",
        ] {
            gone += sqlx::query(sql).bind(now.as_microsecond()).execute(&mut *transaction).await?.rows_affected();
        }
        self.commit(transaction).await?;
        Ok(gone)
    }
}

fn read_link(row: &AnyRow) -> Result<SignInLink> {
    Ok(SignInLink {
        person: row.parsed("person")?,
        purpose: row.text("purpose")?,
        created: row.time("created")?,
        expires: row.time("expires")?,
    })
}

impl Change {
    /// Begins a session, in place of the one whose hash is `replaces`.
    ///
    /// # Errors
    /// There is no such person.
    pub async fn begin_session(&mut self, session: &Session, replaces: Option<&str>) -> Result<()> {
        if let Some(old) = replaces {
            sqlx::query("DELETE FROM sessions WHERE hash = $1").bind(old).execute(self.connection()).await?;
        }
        sqlx::query(
            "INSERT INTO sessions (hash, person, strength, created, last_used, idle_expires, expires, address, browser, generation, proven_until)
             VALUES ($1, $2, $3, $4, $4, $5, $6, $7, $8, $9, $10)",
        )
        .bind(session.hash.as_str())
        .bind(session.person.to_string())
        .bind(session.strength.as_str())
        .bind(session.created.as_microsecond())
        .bind(session.idle_expires.as_microsecond())
        .bind(session.expires.as_microsecond())
        .bind(session.address.as_deref())
        .bind(session.browser.as_deref())
        .bind(session.generation)
        .bind(session.proven_until.map(Timestamp::as_microsecond))
        .execute(self.connection())
        .await?;
        sqlx::query("UPDATE people SET last_sign_in = $2 WHERE id = $1")
            .bind(session.person.to_string())
            .bind(session.created.as_microsecond())
            .execute(self.connection())
            .await?;
        // An address is personal; it stays beside the leaf.
        let after = json!({ "address": session.address, "strength": session.strength, "proven": session.proven_until.is_some() });
        self.record_personal(&format!("sessions:{}", session.person), None, Some(&after))
    }

    /// Ends a session by hash; true where there was one.
    ///
    /// # Errors
    /// The store cannot be reached.
    pub async fn end_session(&mut self, hash: &str) -> Result<bool> {
        let row = sqlx::query("DELETE FROM sessions WHERE hash = $1 RETURNING person").bind(hash).fetch_optional(self.connection()).await?;
        let Some(row) = row else { return Ok(false) };
        self.record(&format!("sessions:{}", row.text("person")?), None, Some(&json!({ "ended": 1 })))?;
        Ok(true)
    }

    /// Ends all sessions of a person, but one where it is given; gives their
    /// number. Due after a new password, a new role and a closed account.
    ///
    /// # Errors
    /// The store cannot be reached.
    pub async fn end_sessions(&mut self, person: PersonId, but: Option<&str>) -> Result<u64> {
        let ended = sqlx::query("DELETE FROM sessions WHERE person = $1 AND hash <> $2")
            .bind(person.to_string())
            .bind(but.unwrap_or_default())
            .execute(self.connection())
            .await?
            .rows_affected();
        self.record(&format!("sessions:{person}"), None, Some(&json!({ "ended": ended })))?;
        Ok(ended)
    }

    /// Keeps a sign-in link by hash.
    ///
    /// # Errors
    /// There is no such person.
    pub async fn add_link(&mut self, hash: &str, link: &SignInLink) -> Result<()> {
        sqlx::query("INSERT INTO sign_in_links (hash, person, purpose, created, expires, used) VALUES ($1, $2, $3, $4, $5, NULL)")
            .bind(hash)
            .bind(link.person.to_string())
            .bind(link.purpose.as_str())
            .bind(link.created.as_microsecond())
            .bind(link.expires.as_microsecond())
            .execute(self.connection())
            .await?;
        self.record(&format!("sign-in-link:{}", link.person), None, Some(&json!({ "purpose": link.purpose, "expires": link.expires })))
    }

    /// Uses up a sign-in link by hash: of many at the same time one succeeds.
    ///
    /// # Errors
    /// The store cannot be reached.
    pub async fn take_link(&mut self, hash: &str) -> Result<Option<SignInLink>> {
        let row = sqlx::query("UPDATE sign_in_links SET used = $2 WHERE hash = $1 AND used IS NULL AND expires > $2 RETURNING *")
            .bind(hash)
            .bind(self.time().as_microsecond())
            .fetch_optional(self.connection())
            .await?;
        let Some(row) = row else { return Ok(None) };
        let link = read_link(&row)?;
        self.record(&format!("sign-in-link:{}", link.person), None, Some(&json!({ "used": link.purpose })))?;
        Ok(Some(link))
    }
}
