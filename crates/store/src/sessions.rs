//! **Sessions** and one-time sign-in links: found by the hash of their secret.

use crate::change::Change;
use crate::columns::Columns;
use crate::engine::Store;
use crate::error::{Result, StoreError};
use crate::identifier::{secret, secret_hash};
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
    /// How the person proved who it is, as [`crate::Actor::strength`].
    pub strength: String,
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

/// What a new session is to be.
#[derive(Clone, Debug)]
pub struct NewSession {
    /// Whose.
    pub person: PersonId,
    /// How the person proved who it is.
    pub strength: String,
    /// When it ends without use.
    pub idle_expires: Timestamp,
    /// When it ends whatever is done.
    pub expires: Timestamp,
    /// Address it begins from.
    pub address: Option<String>,
    /// Browser it begins in.
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

pub(crate) fn read(row: &AnyRow) -> Result<Session> {
    Ok(Session {
        hash: row.text("hash")?,
        person: row.parsed("person")?,
        strength: row.text("strength")?,
        created: row.time("created")?,
        last_used: row.time("last_used")?,
        idle_expires: row.time("idle_expires")?,
        expires: row.time("expires")?,
        address: row.optional_text("address")?,
        browser: row.optional_text("browser")?,
    })
}

impl Store {
    /// The session with this secret that has not ended and whose account is
    /// open.
    ///
    /// # Errors
    /// The store cannot be read.
    pub async fn session(&self, secret: &str, now: Timestamp) -> Result<Option<Session>> {
        let row = sqlx::query(
            "SELECT sessions.* FROM sessions JOIN people ON people.id = sessions.person
             WHERE hash = $1 AND idle_expires > $2 AND expires > $2 AND people.disabled IS NULL",
        )
        .bind(secret_hash(secret))
        .bind(now.as_microsecond())
        .fetch_optional(&mut *self.reader().await?)
        .await?;
        row.as_ref().map(read).transpose()
    }

    /// Sessions of a person that have not ended, newest use first.
    ///
    /// # Errors
    /// The store cannot be read.
    pub async fn sessions_of(&self, person: PersonId, now: Timestamp) -> Result<Vec<Session>> {
        let rows = sqlx::query(
            "SELECT * FROM sessions WHERE person = $1 AND idle_expires > $2 AND expires > $2 ORDER BY last_used DESC, hash",
        )
        .bind(person.to_string())
        .bind(now.as_microsecond())
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

    /// Deletes sessions and links that have ended; gives their number.
    ///
    /// # Errors
    /// The store cannot be reached.
    pub async fn expire_sessions(&self, now: Timestamp) -> Result<u64> {
        let mut transaction = self.writer().await?;
        let mut gone = 0;
        for sql in ["DELETE FROM sessions WHERE expires <= $1 OR idle_expires <= $1", "DELETE FROM sign_in_links WHERE expires <= $1"] {
            gone += sqlx::query(sql).bind(now.as_microsecond()).execute(&mut *transaction).await?.rows_affected();
        }
        self.commit(transaction).await?;
        Ok(gone)
    }

    /// Whom a link that was not used and has not ended would sign in, without
    /// using it.
    ///
    /// # Errors
    /// The store cannot be read.
    pub async fn sign_in_link(&self, secret: &str, now: Timestamp) -> Result<Option<SignInLink>> {
        let row = sqlx::query("SELECT * FROM sign_in_links WHERE hash = $1 AND used IS NULL AND expires > $2")
            .bind(secret_hash(secret))
            .bind(now.as_microsecond())
            .fetch_optional(&mut *self.reader().await?)
            .await?;
        row.as_ref().map(read_link).transpose()
    }
}

pub(crate) fn read_link(row: &AnyRow) -> Result<SignInLink> {
    Ok(SignInLink {
        person: row.parsed("person")?,
        purpose: row.text("purpose")?,
        created: row.time("created")?,
        expires: row.time("expires")?,
    })
}

impl Change {
    /// Begins a session and gives its secret, for the cookie.
    ///
    /// # Errors
    /// There is no such person.
    pub async fn begin_session(&mut self, new: NewSession) -> Result<(Session, String)> {
        let secret = secret()?;
        let now = self.time();
        let session = Session {
            hash: secret_hash(&secret),
            person: new.person,
            strength: new.strength,
            created: now,
            last_used: now,
            idle_expires: new.idle_expires,
            expires: new.expires,
            address: new.address,
            browser: new.browser,
        };
        sqlx::query(
            "INSERT INTO sessions (hash, person, strength, created, last_used, idle_expires, expires, address, browser)
             VALUES ($1, $2, $3, $4, $4, $5, $6, $7, $8)",
        )
        .bind(session.hash.as_str())
        .bind(session.person.to_string())
        .bind(session.strength.as_str())
        .bind(now.as_microsecond())
        .bind(session.idle_expires.as_microsecond())
        .bind(session.expires.as_microsecond())
        .bind(session.address.as_deref())
        .bind(session.browser.as_deref())
        .execute(self.connection())
        .await?;
        // An address is personal; it stays beside the leaf.
        let after = json!({ "address": session.address, "strength": session.strength });
        self.record_personal(&format!("sessions:{}", session.person), None, Some(&after))?;
        Ok((session, secret))
    }

    /// Ends one session of a person by its hash.
    ///
    /// # Errors
    /// The person has none with this hash.
    pub async fn end_session(&mut self, person: PersonId, hash: &str) -> Result<()> {
        let done = sqlx::query("DELETE FROM sessions WHERE hash = $1 AND person = $2")
            .bind(hash)
            .bind(person.to_string())
            .execute(self.connection())
            .await?;
        if done.rows_affected() == 0 {
            return Err(StoreError::not_found("session"));
        }
        self.record(&format!("sessions:{person}"), None, Some(&json!({ "ended": 1 })))
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

    /// Makes a link that works once and gives its secret.
    ///
    /// # Errors
    /// There is no such person.
    pub async fn add_sign_in_link(&mut self, person: PersonId, purpose: &str, expires: Timestamp) -> Result<String> {
        let secret = secret()?;
        sqlx::query("INSERT INTO sign_in_links (hash, person, purpose, created, expires, used) VALUES ($1, $2, $3, $4, $5, NULL)")
            .bind(secret_hash(&secret))
            .bind(person.to_string())
            .bind(purpose)
            .bind(self.time().as_microsecond())
            .bind(expires.as_microsecond())
            .execute(self.connection())
            .await?;
        self.record(&format!("sign-in-link:{person}"), None, Some(&json!({ "purpose": purpose, "expires": expires })))?;
        Ok(secret)
    }

    /// Uses a link: of many at the same time one succeeds.
    ///
    /// # Errors
    /// `E-LINK` when it is unknown, used or has ended; the three are not told
    /// apart to whoever guesses.
    pub async fn use_sign_in_link(&mut self, secret: &str) -> Result<SignInLink> {
        let row = sqlx::query("UPDATE sign_in_links SET used = $2 WHERE hash = $1 AND used IS NULL AND expires > $2 RETURNING *")
            .bind(secret_hash(secret))
            .bind(self.time().as_microsecond())
            .fetch_optional(self.connection())
            .await?;
        let link = match row {
            Some(row) => read_link(&row)?,
            None => return Err(StoreError::conflict("E-LINK", "sign-in link", "The link does not work any more.")),
        };
        self.record(&format!("sign-in-link:{}", link.person), None, Some(&json!({ "used": link.purpose })))?;
        Ok(link)
    }
}
