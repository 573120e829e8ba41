//! **People** with accounts: what they sign in with and what they may do.
//!
//! Whatever names or describes a person stands beside the leaves of the
//! evidence log, never in them.

use crate::change::Change;
use crate::columns::Columns;
use crate::engine::Store;
use crate::error::{Result, StoreError};
use jiff::Timestamp;
use plimsoll_core::model::identifier::{ClientId, GroupId, PersonId};
use serde::{Deserialize, Serialize};
use serde_json::json;
use sqlx::AnyConnection;
use sqlx::any::AnyRow;
use std::collections::BTreeSet;

/// A person with an account.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct Person {
    /// Id.
    pub id: PersonId,
    /// Name to sign in with, unique whatever its case.
    pub account: String,
    /// Name to show.
    pub name: String,
    /// Address for mail.
    pub email: Option<String>,
    /// Argon2id hash in the PHC form; none for a person who signs in
    /// elsewhere or has not set one yet.
    #[serde(skip)]
    pub password_hash: Option<String>,
    /// Issuer and subject of OIDC.
    pub oidc: Option<OidcSubject>,
    /// Since when the account is closed.
    pub disabled: Option<Timestamp>,
    /// When it was made.
    pub created: Timestamp,
    /// When the person last signed in.
    pub last_sign_in: Option<Timestamp>,
    /// An account for emergencies, whose sign-in is an alert.
    pub break_glass: bool,
    /// Rises when password, roles or state change, so that a session dies with
    /// the rights it began under.
    #[serde(skip)]
    pub generation: i64,
}

/// Who a person is at an identity provider.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct OidcSubject {
    /// `iss`.
    pub issuer: String,
    /// `sub`.
    pub subject: String,
}

/// A role, and how far it reaches. Without client and group it reaches
/// everywhere.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize, Deserialize)]
pub struct Grant {
    /// Role, in the server's words.
    pub role: String,
    /// Only at this client.
    pub client: Option<ClientId>,
    /// Only for hosts of this group.
    pub group: Option<GroupId>,
    /// Where it comes from: `local`, or `oidc` for what a sign-in brings along
    /// and the next one may take away.
    pub origin: String,
}

/// A second factor.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct SecondFactor {
    /// Id, hex of 128 bits.
    pub id: String,
    /// Whose.
    pub person: PersonId,
    /// Kind, `totp`, `passkey`, `recovery`.
    pub kind: String,
    /// Name the person gave it.
    pub label: String,
    /// Id by which a passkey is found; unique.
    pub credential: Option<String>,
    /// What it is verified with: sealed by [`Store::seal`] when it is secret
    /// (the seed of one-time codes), a hash for recovery codes, as it is for
    /// public keys.
    pub content: Vec<u8>,
    /// Newest counter or time step that was accepted.
    pub counter: u64,
    /// When it was added.
    pub created: Timestamp,
    /// When it was last used.
    pub last_used: Option<Timestamp>,
}

/// One form for one account: without it `Ada` and `ada` would be two people.
fn account_key(account: &str) -> String {
    account.trim().to_lowercase()
}

/// Under which id a recovery code is kept: unique for each person.
fn recovery(person: PersonId, hash: &str) -> String {
    format!("recovery:{person}:{hash}")
}

fn read(row: &AnyRow) -> Result<Person> {
    let oidc = match (row.optional_text("issuer")?, row.optional_text("subject")?) {
        (Some(issuer), Some(subject)) => Some(OidcSubject { issuer, subject }),
        _ => None,
    };
    Ok(Person {
        id: row.parsed("id")?,
        account: row.text("account")?,
        name: row.text("name")?,
        email: row.optional_text("email")?,
        password_hash: row.optional_text("password_hash")?,
        oidc,
        disabled: row.optional_time("disabled")?,
        created: row.time("created")?,
        last_sign_in: row.optional_time("last_sign_in")?,
        break_glass: row.flag("break_glass")?,
        generation: row.number("generation")?,
    })
}

fn read_factor(row: &AnyRow) -> Result<SecondFactor> {
    Ok(SecondFactor {
        id: row.text("id")?,
        person: row.parsed("person")?,
        kind: row.text("kind")?,
        label: row.text("label")?,
        credential: row.optional_text("credential")?,
        content: row.bytes("content")?,
        counter: row.count("counter")?,
        created: row.time("created")?,
        last_used: row.optional_time("last_used")?,
    })
}

async fn by_id(connection: &mut AnyConnection, id: PersonId) -> Result<Person> {
    let row = sqlx::query("SELECT * FROM people WHERE id = $1").bind(id.to_string()).fetch_optional(connection).await?;
    read(&row.ok_or_else(|| StoreError::not_found(format!("person:{id}")))?)
}

async fn grants_of(connection: &mut AnyConnection, id: PersonId) -> Result<BTreeSet<Grant>> {
    let rows = sqlx::query("SELECT * FROM grants WHERE person = $1").bind(id.to_string()).fetch_all(connection).await?;
    rows.iter().map(read_grant).collect()
}

fn read_grant(row: &AnyRow) -> Result<Grant> {
    // A key cannot hold an empty value, so that empty text stands for it.
    let id = |name| Ok::<_, StoreError>(Some(row.text(name)?).filter(|text| !text.is_empty()));
    let broken = |name| StoreError::damaged(name, "The text is no id.");
    Ok(Grant {
        role: row.text("role")?,
        client: id("client")?.map(|text| text.parse().map_err(|_| broken("client"))).transpose()?,
        group: id("group_id")?.map(|text| text.parse().map_err(|_| broken("group_id"))).transpose()?,
        origin: row.text("origin")?,
    })
}

impl Store {
    /// All people, by account.
    ///
    /// # Errors
    /// The store cannot be read.
    pub async fn people(&self) -> Result<Vec<Person>> {
        let rows = sqlx::query("SELECT * FROM people ORDER BY account_key").fetch_all(&mut *self.reader().await?).await?;
        rows.iter().map(read).collect()
    }

    /// One person.
    ///
    /// # Errors
    /// There is none with this id.
    pub async fn person(&self, id: PersonId) -> Result<Person> {
        by_id(&mut *self.reader().await?, id).await
    }

    /// The person with this account, whatever its case.
    ///
    /// # Errors
    /// The store cannot be read.
    pub async fn person_by_account(&self, account: &str) -> Result<Option<Person>> {
        let row = sqlx::query("SELECT * FROM people WHERE account_key = $1")
            .bind(account_key(account))
            .fetch_optional(&mut *self.reader().await?)
            .await?;
        row.as_ref().map(read).transpose()
    }

    /// The person an identity provider names.
    ///
    /// # Errors
    /// The store cannot be read.
    pub async fn person_by_subject(&self, oidc: &OidcSubject) -> Result<Option<Person>> {
        let row = sqlx::query("SELECT * FROM people WHERE issuer = $1 AND subject = $2")
            .bind(oidc.issuer.as_str())
            .bind(oidc.subject.as_str())
            .fetch_optional(&mut *self.reader().await?)
            .await?;
        row.as_ref().map(read).transpose()
    }

    /// What a person may do.
    ///
    /// # Errors
    /// The store cannot be read.
    pub async fn grants(&self, id: PersonId) -> Result<BTreeSet<Grant>> {
        grants_of(&mut *self.reader().await?, id).await
    }

    /// Second factors of a person, oldest first.
    ///
    /// # Errors
    /// The store cannot be read.
    pub async fn second_factors(&self, id: PersonId) -> Result<Vec<SecondFactor>> {
        let rows = sqlx::query("SELECT * FROM second_factors WHERE person = $1 ORDER BY created, id")
            .bind(id.to_string())
            .fetch_all(&mut *self.reader().await?)
            .await?;
        rows.iter().map(read_factor).collect()
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
}

impl Change {
    /// Makes an account under the id it comes with.
    ///
    /// # Errors
    /// `E-TAKEN` for an account or subject that is there.
    pub async fn add_person(&mut self, person: &Person) -> Result<()> {
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
        .bind(i64::from(person.break_glass))
        .execute(self.connection())
        .await?;
        self.record_personal(&format!("person:{}", person.id), None, Some(person))
    }

    /// Edits an account, its password hash and its last sign-in included.
    ///
    /// # Errors
    /// There is none with this id, or `E-TAKEN`.
    pub async fn update_person(&mut self, id: PersonId, edit: impl FnOnce(&mut Person) + Send) -> Result<Person> {
        let before = by_id(self.connection(), id).await?;
        let mut after = before.clone();
        edit(&mut after);
        let after = Person { id, created: before.created, break_glass: before.break_glass, generation: before.generation, ..after };
        sqlx::query(
            "UPDATE people SET account = $2, account_key = $3, name = $4, email = $5, password_hash = $6, issuer = $7,
                 subject = $8, disabled = $9, last_sign_in = $10
             WHERE id = $1",
        )
        .bind(id.to_string())
        .bind(after.account.as_str())
        .bind(account_key(&after.account))
        .bind(after.name.as_str())
        .bind(after.email.as_deref())
        .bind(after.password_hash.as_deref())
        .bind(after.oidc.as_ref().map(|oidc| oidc.issuer.as_str()))
        .bind(after.oidc.as_ref().map(|oidc| oidc.subject.as_str()))
        .bind(after.disabled.map(Timestamp::as_microsecond))
        .bind(after.last_sign_in.map(Timestamp::as_microsecond))
        .execute(self.connection())
        .await?;
        self.record_personal(&format!("person:{id}"), Some(&before), Some(&after))?;
        if before.password_hash != after.password_hash {
            // That it changed is said; neither hash is.
            self.record(&format!("password:{id}"), None, Some(&json!("changed")))?;
        }
        Ok(after)
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

    /// Replaces what a person may do.
    ///
    /// # Errors
    /// There is no such person.
    pub async fn set_grants(&mut self, id: PersonId, grants: &BTreeSet<Grant>) -> Result<()> {
        by_id(self.connection(), id).await?;
        let before = grants_of(self.connection(), id).await?;
        sqlx::query("DELETE FROM grants WHERE person = $1").bind(id.to_string()).execute(self.connection()).await?;
        for grant in grants {
            sqlx::query(
                "INSERT INTO grants (person, role, client, group_id, origin) VALUES ($1, $2, $3, $4, $5)
                 ON CONFLICT (person, role, client, group_id) DO NOTHING",
            )
            .bind(id.to_string())
            .bind(grant.role.as_str())
            .bind(grant.client.map(|client| client.to_string()).unwrap_or_default())
            .bind(grant.group.map(|group| group.to_string()).unwrap_or_default())
            .bind(grant.origin.as_str())
            .execute(self.connection())
            .await?;
        }
        self.record(&format!("grants:{id}"), Some(&before), Some(grants))
    }

    /// Adds a second factor; secret content comes sealed or hashed.
    ///
    /// # Errors
    /// There is no such person; `E-TAKEN` for a passkey that is there.
    pub async fn add_second_factor(&mut self, factor: &SecondFactor) -> Result<()> {
        sqlx::query(
            "INSERT INTO second_factors (id, person, kind, label, credential, content, counter, created, last_used)
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8, NULL)",
        )
        .bind(factor.id.as_str())
        .bind(factor.person.to_string())
        .bind(factor.kind.as_str())
        .bind(factor.label.as_str())
        .bind(factor.credential.as_deref())
        .bind(factor.content.as_slice())
        .bind(crate::leases::to_number(factor.counter)?)
        .bind(self.time().as_microsecond())
        .execute(self.connection())
        .await?;
        self.record(&format!("second-factor:{}", factor.id), None, Some(&json!({ "kind": factor.kind, "person": factor.person })))
    }

    /// Removes a second factor of a person.
    ///
    /// # Errors
    /// The person has none with this id.
    pub async fn remove_second_factor(&mut self, person: PersonId, id: &str) -> Result<()> {
        let done = sqlx::query("DELETE FROM second_factors WHERE id = $1 AND person = $2")
            .bind(id)
            .bind(person.to_string())
            .execute(self.connection())
            .await?;
        if done.rows_affected() == 0 {
            return Err(StoreError::not_found(format!("second-factor:{id}")));
        }
        self.record(&format!("second-factor:{id}"), Some(&json!({ "person": person })), None)
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
