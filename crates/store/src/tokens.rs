//! **Tokens**: for enrolling hosts and for the API. The caller makes the secret
//! and shows it once; only its hash is stored.

use crate::change::Change;
use crate::columns::{Columns, to_json};
use crate::engine::Store;
use crate::error::{Result, StoreError};
use crate::identifier::secret_hash;
use crate::scope::{Conditions, Scope};
use jiff::Timestamp;
use plimsoll_core::model::identifier::{ClientId, GroupId, PersonId, TokenId};
use serde::Serialize;
use serde_json::Value;
use sqlx::AnyConnection;
use sqlx::any::AnyRow;
use std::collections::BTreeMap;

/// A token that lets hosts join one client.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct EnrolmentToken {
    /// Id; not the secret.
    pub id: TokenId,
    /// Client that hosts join.
    pub client: ClientId,
    /// Group that hosts join.
    pub group: Option<GroupId>,
    /// Labels that hosts get.
    pub labels: BTreeMap<String, String>,
    /// What it is for, in a person's words.
    pub note: String,
    /// Who made it, as [`crate::Actor::id`].
    pub maker: String,
    /// When it was made.
    pub created: Timestamp,
    /// When it ends.
    pub expires: Timestamp,
    /// How many hosts it may let in.
    pub uses: u32,
    /// How many it has let in.
    pub used: u32,
    /// When it last did.
    pub last_used: Option<Timestamp>,
    /// When it was withdrawn.
    pub revoked: Option<Timestamp>,
}

/// A token for the API, no wider than its maker.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct ApiToken {
    /// Id; not the secret.
    pub id: TokenId,
    /// What it is for.
    pub name: String,
    /// Person who made it; it dies with that account.
    pub maker: PersonId,
    /// What it may do, in the server's words.
    pub scopes: Value,
    /// When it was made.
    pub created: Timestamp,
    /// When it ends.
    pub expires: Option<Timestamp>,
    /// When it was last used, to the minute.
    pub last_used: Option<Timestamp>,
    /// When it was withdrawn.
    pub revoked: Option<Timestamp>,
}

fn small(row: &AnyRow, name: &str) -> Result<u32> {
    u32::try_from(row.number(name)?).map_err(|_| StoreError::damaged(name, "The number is out of range."))
}

fn read_enrolment(row: &AnyRow) -> Result<EnrolmentToken> {
    Ok(EnrolmentToken {
        id: row.parsed("id")?,
        client: row.parsed("client")?,
        group: row.optional_parsed("group_id")?,
        labels: row.json("labels")?,
        note: row.text("note")?,
        maker: row.text("maker")?,
        created: row.time("created")?,
        expires: row.time("expires")?,
        uses: small(row, "uses")?,
        used: small(row, "used")?,
        last_used: row.optional_time("last_used")?,
        revoked: row.optional_time("revoked")?,
    })
}

fn read_api(row: &AnyRow) -> Result<ApiToken> {
    Ok(ApiToken {
        id: row.parsed("id")?,
        name: row.text("name")?,
        maker: row.parsed("maker")?,
        scopes: row.json("scopes")?,
        created: row.time("created")?,
        expires: row.optional_time("expires")?,
        last_used: row.optional_time("last_used")?,
        revoked: row.optional_time("revoked")?,
    })
}

async fn enrolment_by_hash(connection: &mut AnyConnection, hash: &str) -> Result<Option<EnrolmentToken>> {
    let row = sqlx::query("SELECT * FROM enrolment_tokens WHERE hash = $1").bind(hash).fetch_optional(connection).await?;
    row.as_ref().map(read_enrolment).transpose()
}

impl Store {
    /// Enrolment tokens within a scope, newest first.
    ///
    /// # Errors
    /// The store cannot be read.
    pub async fn enrolment_tokens(&self, scope: &Scope) -> Result<Vec<EnrolmentToken>> {
        let mut conditions = Conditions::default();
        conditions.clients_within("client", scope);
        let sql = format!("SELECT * FROM enrolment_tokens{} ORDER BY id DESC", conditions.sql());
        conditions.query(sql).fetch_all(&mut *self.reader().await?).await?.iter().map(read_enrolment).collect()
    }

    /// An enrolment token by hash, whatever its state.
    ///
    /// # Errors
    /// The store cannot be read.
    pub async fn enrolment_token_by_hash(&self, hash: &str) -> Result<Option<EnrolmentToken>> {
        enrolment_by_hash(&mut *self.reader().await?, hash).await
    }

    /// An API token by hash, whatever its state.
    ///
    /// # Errors
    /// The store cannot be read.
    pub async fn api_token_by_hash(&self, hash: &str) -> Result<Option<ApiToken>> {
        let row = sqlx::query("SELECT * FROM api_tokens WHERE hash = $1").bind(hash).fetch_optional(&mut *self.reader().await?).await?;
        row.as_ref().map(read_api).transpose()
    }

    /// API tokens, of one maker or all, newest first.
    ///
    /// # Errors
    /// The store cannot be read.
    pub async fn api_tokens(&self, maker: Option<PersonId>) -> Result<Vec<ApiToken>> {
        let mut conditions = Conditions::default();
        if let Some(maker) = maker {
            let mark = conditions.text(maker.to_string());
            conditions.and(format!("maker = {mark}"));
        }
        let sql = format!("SELECT * FROM api_tokens{} ORDER BY id DESC", conditions.sql());
        conditions.query(sql).fetch_all(&mut *self.reader().await?).await?.iter().map(read_api).collect()
    }

    /// Notes when tokens were last used, in one batch and without a leaf.
    ///
    /// # Errors
    /// The store cannot be reached.
    pub async fn touch_api_tokens(&self, used: &[(TokenId, Timestamp)]) -> Result<()> {
        let mut ordered = used.to_vec();
        ordered.sort_unstable();
        let mut transaction = self.writer().await?;
        for (id, time) in ordered {
            sqlx::query("UPDATE api_tokens SET last_used = $2 WHERE id = $1 AND (last_used IS NULL OR last_used < $2)")
                .bind(id.to_string())
                .bind(time.as_microsecond())
                .execute(&mut *transaction)
                .await?;
        }
        self.commit(transaction).await
    }
}

impl Change {
    /// Keeps an enrolment token by the hash of its secret.
    ///
    /// # Errors
    /// There is no such client or group.
    pub async fn add_enrolment_token(&mut self, hash: &str, token: &EnrolmentToken) -> Result<()> {
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

    /// Uses an enrolment token once: of many at the same time, as many succeed
    /// as it has uses left.
    ///
    /// # Errors
    /// `E-TOKEN` for an unknown secret, `E-TOKEN-EXPIRED`, `E-TOKEN-REVOKED`
    /// and `E-TOKEN-USED`.
    pub async fn use_enrolment_token(&mut self, secret: &str) -> Result<EnrolmentToken> {
        let hash = secret_hash(secret);
        let now = self.time().as_microsecond();
        // One statement compares and counts: whoever waits for the row's lock
        // sees the condition again.
        let row = sqlx::query(
            "UPDATE enrolment_tokens SET used = used + 1, last_used = $2
             WHERE hash = $1 AND used < uses AND revoked IS NULL AND expires > $2
             RETURNING *",
        )
        .bind(hash.as_str())
        .bind(now)
        .fetch_optional(self.connection())
        .await?;
        if let Some(row) = row {
            let token = read_enrolment(&row)?;
            self.concerns(token.client);
            self.record(&format!("enrolment-token:{}", token.id), None, Some(&serde_json::json!({ "used": token.used })))?;
            return Ok(token);
        }
        Err(match enrolment_by_hash(self.connection(), &hash).await? {
            None => StoreError::conflict("E-TOKEN", "enrolment token", "No such token was ever made here."),
            Some(token) => {
                let place = format!("enrolment-token:{}", token.id);
                match token {
                    EnrolmentToken { revoked: Some(time), .. } => StoreError::conflict("E-TOKEN-REVOKED", place, format!("The token was withdrawn at {time}.")),
                    EnrolmentToken { used, uses, .. } if used >= uses => {
                        StoreError::conflict("E-TOKEN-USED", place, format!("The token was used {used} of {uses} times."))
                    }
                    EnrolmentToken { expires, .. } => StoreError::conflict("E-TOKEN-EXPIRED", place, format!("The token ended at {expires}.")),
                }
            }
        })
    }

    /// Withdraws an enrolment token.
    ///
    /// # Errors
    /// There is none with this id that is not withdrawn.
    pub async fn revoke_enrolment_token(&mut self, id: TokenId) -> Result<EnrolmentToken> {
        let row = sqlx::query("UPDATE enrolment_tokens SET revoked = $2 WHERE id = $1 AND revoked IS NULL RETURNING *")
            .bind(id.to_string())
            .bind(self.time().as_microsecond())
            .fetch_optional(self.connection())
            .await?;
        let token = read_enrolment(&row.ok_or_else(|| StoreError::not_found(format!("enrolment-token:{id}")))?)?;
        self.concerns(token.client);
        self.record(&format!("enrolment-token:{id}"), None, Some(&serde_json::json!({ "revoked": token.revoked })))?;
        Ok(token)
    }

    /// Keeps an API token by the hash of its secret.
    ///
    /// # Errors
    /// There is no such person.
    pub async fn add_api_token(&mut self, hash: &str, token: &ApiToken) -> Result<()> {
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

    /// Withdraws an API token.
    ///
    /// # Errors
    /// There is none with this id that is not withdrawn.
    pub async fn revoke_api_token(&mut self, id: TokenId) -> Result<ApiToken> {
        let row = sqlx::query("UPDATE api_tokens SET revoked = $2 WHERE id = $1 AND revoked IS NULL RETURNING *")
            .bind(id.to_string())
            .bind(self.time().as_microsecond())
            .fetch_optional(self.connection())
            .await?;
        let token = read_api(&row.ok_or_else(|| StoreError::not_found(format!("api-token:{id}")))?)?;
        self.record(&format!("api-token:{id}"), None, Some(&serde_json::json!({ "revoked": token.revoked })))?;
        Ok(token)
    }
}
