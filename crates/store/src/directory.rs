//! What the server's identity asks beyond lists: sessions, links, tickets and
//! tokens by the hash of secrets that it made itself, and generations, by
//! which a session dies with the rights it began under.

use crate::change::Change;
use crate::columns::{Columns, to_json};
use crate::engine::Store;
use crate::error::Result;
use crate::people::{Person, account_key};
use crate::sessions::{Session, SignInLink};
use crate::tokens::{ApiToken, EnrolmentToken, read_api, read_enrolment};
use jiff::Timestamp;
use plimsoll_core::model::identifier::PersonId;
use serde_json::json;
use sqlx::any::AnyRow;

/// What stands beside a person's account.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct AccountState {
    /// Rises when password, roles or state change.
    pub generation: i64,
    /// An account for emergencies, whose sign-in is an alert.
    pub break_glass: bool,
}

/// A session with what it began under.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct KeptSession {
    /// The session.
    pub session: Session,
    /// The person's generation when it began.
    pub generation: i64,
    /// Until when a fresh proof of the person counts.
    pub proven_until: Option<Timestamp>,
}

fn read_kept(row: &AnyRow) -> Result<KeptSession> {
    Ok(KeptSession {
        session: crate::sessions::read(row)?,
        generation: row.number("generation")?,
        proven_until: row.optional_time("proven_until")?,
    })
}

/// Under which credential a recovery code is kept: unique for each person.
fn recovery(person: PersonId, hash: &str) -> String {
    format!("recovery:{person}:{hash}")
}

impl Store {
    /// What stands beside an account; none where there is no such person.
    ///
    /// # Errors
    /// The store cannot be read.
    pub async fn account_state(&self, person: PersonId) -> Result<Option<AccountState>> {
        let row = sqlx::query("SELECT generation, break_glass FROM people WHERE id = $1")
            .bind(person.to_string())
            .fetch_optional(&mut *self.reader().await?)
            .await?;
        row.map(|row| Ok(AccountState { generation: row.number("generation")?, break_glass: row.flag("break_glass")? })).transpose()
    }

    /// A session by the hash of its key, whatever its state.
    ///
    /// # Errors
    /// The store cannot be read.
    pub async fn session_by_hash(&self, hash: &str) -> Result<Option<KeptSession>> {
        let row = sqlx::query("SELECT * FROM sessions WHERE hash = $1").bind(hash).fetch_optional(&mut *self.reader().await?).await?;
        row.as_ref().map(read_kept).transpose()
    }

    /// All kept sessions of a person, newest first.
    ///
    /// # Errors
    /// The store cannot be read.
    pub async fn kept_sessions(&self, person: PersonId) -> Result<Vec<KeptSession>> {
        let rows = sqlx::query("SELECT * FROM sessions WHERE person = $1 ORDER BY created DESC, hash")
            .bind(person.to_string())
            .fetch_all(&mut *self.reader().await?)
            .await?;
        rows.iter().map(read_kept).collect()
    }

    /// An API token by hash, whatever its state.
    ///
    /// # Errors
    /// The store cannot be read.
    pub async fn api_token_by_hash(&self, hash: &str) -> Result<Option<ApiToken>> {
        let row = sqlx::query("SELECT * FROM api_tokens WHERE hash = $1").bind(hash).fetch_optional(&mut *self.reader().await?).await?;
        row.as_ref().map(read_api).transpose()
    }

    /// An enrolment token by hash, whatever its state.
    ///
    /// # Errors
    /// The store cannot be read.
    pub async fn enrolment_token_by_hash(&self, hash: &str) -> Result<Option<EnrolmentToken>> {
        let row =
            sqlx::query("SELECT * FROM enrolment_tokens WHERE hash = $1").bind(hash).fetch_optional(&mut *self.reader().await?).await?;
        row.as_ref().map(read_enrolment).transpose()
    }

    /// How many recovery codes a person has left.
    ///
    /// # Errors
    /// The store cannot be read.
    pub async fn recovery_codes_left(&self, person: PersonId) -> Result<u64> {
        sqlx::query("SELECT COUNT(*) AS count FROM second_factors WHERE person = $1 AND kind = 'recovery'")
            .bind(person.to_string())
            .fetch_one(&mut *self.reader().await?)
            .await?
            .count("count")
    }

    /// Moves a factor's counter from what was seen to what was used; false
    /// when somebody else moved it meanwhile. Without a leaf, the sign-in has
    /// one.
    ///
    /// # Errors
    /// The store cannot be reached.
    pub async fn advance_factor(&self, id: &str, from: i64, to: i64, content: &[u8], now: Timestamp) -> Result<bool> {
        let mut transaction = self.writer().await?;
        let done = sqlx::query("UPDATE second_factors SET counter = $3, content = $4, last_used = $5 WHERE id = $1 AND counter = $2")
            .bind(id)
            .bind(from)
            .bind(to)
            .bind(content)
            .bind(now.as_microsecond())
            .execute(&mut *transaction)
            .await?;
        self.commit(transaction).await?;
        Ok(done.rows_affected() == 1)
    }

    /// Keeps something half done, sealed by the caller, and drops what has
    /// expired. Without a leaf: nothing is decided yet.
    ///
    /// # Errors
    /// The store cannot be reached.
    pub async fn add_ticket(&self, kind: &str, hash: &str, content: &[u8], now: Timestamp, expires: Timestamp) -> Result<()> {
        let mut transaction = self.writer().await?;
        sqlx::query("DELETE FROM tickets WHERE expires <= $1").bind(now.as_microsecond()).execute(&mut *transaction).await?;
        sqlx::query("INSERT INTO tickets (hash, kind, content, expires) VALUES ($1, $2, $3, $4)")
            .bind(hash)
            .bind(kind)
            .bind(content)
            .bind(expires.as_microsecond())
            .execute(&mut *transaction)
            .await?;
        self.commit(transaction).await
    }

    /// Takes it back: of many at the same time one gets it. Without a leaf.
    ///
    /// # Errors
    /// The store cannot be reached.
    pub async fn take_ticket(&self, kind: &str, hash: &str, now: Timestamp) -> Result<Option<Vec<u8>>> {
        let mut transaction = self.writer().await?;
        let row = sqlx::query("DELETE FROM tickets WHERE hash = $1 AND kind = $2 AND expires > $3 RETURNING content")
            .bind(hash)
            .bind(kind)
            .bind(now.as_microsecond())
            .fetch_optional(&mut *transaction)
            .await?;
        self.commit(transaction).await?;
        row.map(|row| row.bytes("content")).transpose()
    }
}

impl Change {
    /// Makes an account under the id it comes with.
    ///
    /// # Errors
    /// `E-TAKEN` for an account or subject that is there.
    pub async fn add_account(&mut self, person: &Person, break_glass: bool) -> Result<()> {
        sqlx::query(
            "INSERT INTO people (id, account, account_key, name, email, password_hash, issuer, subject, disabled, created, last_sign_in, break_glass)
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, NULL, $11)",
        )
        .bind(person.id.to_string())
        .bind(person.account.as_str())
        .bind(account_key(&person.account))
        .bind(person.name.as_str())
        .bind(person.email.as_deref())
        .bind(person.password_hash.as_deref())
        .bind(person.oidc.as_ref().map(|oidc| oidc.issuer.as_str()))
        .bind(person.oidc.as_ref().map(|oidc| oidc.subject.as_str()))
        .bind(person.disabled.map(Timestamp::as_microsecond))
        .bind(person.created.as_microsecond())
        .bind(i64::from(break_glass))
        .execute(self.connection())
        .await?;
        self.record_personal(&format!("person:{}", person.id), None, Some(person))
    }

    /// Raises a person's generation and ends what began under older ones:
    /// sessions, and with `links` sign-in links too.
    ///
    /// # Errors
    /// The store cannot be reached.
    pub async fn raise_generation(&mut self, person: PersonId, links: bool) -> Result<()> {
        let id = person.to_string();
        sqlx::query("UPDATE people SET generation = generation + 1 WHERE id = $1").bind(id.as_str()).execute(self.connection()).await?;
        if links {
            sqlx::query("DELETE FROM sign_in_links WHERE person = $1").bind(id.as_str()).execute(self.connection()).await?;
        }
        self.end_sessions(person, None).await?;
        Ok(())
    }

    /// Begins a session whose key the caller made, in place of `replaces`.
    ///
    /// # Errors
    /// There is no such person.
    pub async fn begin_kept_session(&mut self, kept: &KeptSession, replaces: Option<&str>) -> Result<()> {
        let KeptSession { session, generation, proven_until } = kept;
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
        .bind(*generation)
        .bind(proven_until.map(Timestamp::as_microsecond))
        .execute(self.connection())
        .await?;
        sqlx::query("UPDATE people SET last_sign_in = $2 WHERE id = $1")
            .bind(session.person.to_string())
            .bind(session.created.as_microsecond())
            .execute(self.connection())
            .await?;
        // An address is personal; it stays beside the leaf.
        let after = json!({ "address": session.address, "strength": session.strength, "proven": proven_until.is_some() });
        self.record_personal(&format!("sessions:{}", session.person), None, Some(&after))
    }

    /// Ends a session by hash; true where there was one.
    ///
    /// # Errors
    /// The store cannot be reached.
    pub async fn end_session_by_hash(&mut self, hash: &str) -> Result<bool> {
        let row = sqlx::query("DELETE FROM sessions WHERE hash = $1 RETURNING person").bind(hash).fetch_optional(self.connection()).await?;
        let Some(row) = row else { return Ok(false) };
        self.record(&format!("sessions:{}", row.text("person")?), None, Some(&json!({ "ended": 1 })))?;
        Ok(true)
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
        let link = crate::sessions::read_link(&row)?;
        self.record(&format!("sign-in-link:{}", link.person), None, Some(&json!({ "used": link.purpose })))?;
        Ok(Some(link))
    }

    /// Keeps an API token whose secret the caller made.
    ///
    /// # Errors
    /// There is no such person.
    pub async fn keep_api_token(&mut self, hash: &str, token: &ApiToken) -> Result<()> {
        sqlx::query(
            "INSERT INTO api_tokens (id, hash, name, maker, scopes, created, expires, last_used, revoked)
             VALUES ($1, $2, $3, $4, $5, $6, $7, NULL, NULL)",
        )
        .bind(token.id.to_string())
        .bind(hash)
        .bind(token.name.as_str())
        .bind(token.maker.to_string())
        .bind(to_json(&token.scopes)?)
        .bind(token.created.as_microsecond())
        .bind(token.expires.map(Timestamp::as_microsecond))
        .execute(self.connection())
        .await?;
        self.record(&format!("api-token:{}", token.id), None, Some(token))
    }

    /// Keeps an enrolment token whose secret the caller made.
    ///
    /// # Errors
    /// There is no such client or group.
    pub async fn keep_enrolment_token(&mut self, hash: &str, token: &EnrolmentToken) -> Result<()> {
        sqlx::query(
            "INSERT INTO enrolment_tokens (id, hash, client, group_id, labels, note, maker, created, expires, uses, used, last_used, revoked)
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, 0, NULL, NULL)",
        )
        .bind(token.id.to_string())
        .bind(hash)
        .bind(token.client.to_string())
        .bind(token.group.map(|group| group.to_string()))
        .bind(to_json(&token.labels)?)
        .bind(token.note.as_str())
        .bind(token.maker.as_str())
        .bind(token.created.as_microsecond())
        .bind(token.expires.as_microsecond())
        .bind(i64::from(token.uses))
        .execute(self.connection())
        .await?;
        self.concerns(token.client);
        self.record(&format!("enrolment-token:{}", token.id), None, Some(token))
    }

    /// Replaces a person's recovery codes by these hashes.
    ///
    /// # Errors
    /// There is no such person.
    pub async fn set_recovery_codes(&mut self, person: PersonId, hashes: &[String]) -> Result<()> {
        sqlx::query("DELETE FROM second_factors WHERE person = $1 AND kind = 'recovery'")
            .bind(person.to_string())
            .execute(self.connection())
            .await?;
        for hash in hashes {
            let credential = recovery(person, hash);
            sqlx::query(
                "INSERT INTO second_factors (id, person, kind, label, credential, content, counter, created, last_used)
                 VALUES ($1, $2, 'recovery', '', $1, $3, 0, $4, NULL)",
            )
            .bind(credential)
            .bind(person.to_string())
            .bind(Vec::<u8>::new())
            .bind(self.time().as_microsecond())
            .execute(self.connection())
            .await?;
        }
        self.record(&format!("recovery-codes:{person}"), None, Some(&json!({ "made": hashes.len() })))
    }

    /// Uses up a recovery code: of many at the same time one succeeds.
    ///
    /// # Errors
    /// The store cannot be reached.
    pub async fn use_recovery_code(&mut self, person: PersonId, hash: &str) -> Result<bool> {
        let done = sqlx::query("DELETE FROM second_factors WHERE id = $1 AND person = $2 AND kind = 'recovery'")
            .bind(recovery(person, hash))
            .bind(person.to_string())
            .execute(self.connection())
            .await?;
        if done.rows_affected() == 0 {
            return Ok(false);
        }
        self.record(&format!("recovery-codes:{person}"), None, Some(&json!({ "used": 1 })))?;
        Ok(true)
    }
}
