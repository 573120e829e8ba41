//! **Deployment packages**: documents that people sign, their signatures, and
//! whether they were accepted.
//!
//! A document never changes: whoever wants another makes another. The leaf that
//! accepts one has the object `package:<digest>`, which hosts look for, so that
//! nothing else may be recorded under that name.

use crate::change::Change;
use crate::columns::Columns;
use crate::engine::Store;
use crate::error::{Result, StoreError};
use crate::leases::to_number;
use crate::scope::{Conditions, Scope};
use jiff::Timestamp;
use plimsoll_core::model::identifier::ClientId;
use serde::Serialize;
use serde_json::json;
use sqlx::AnyConnection;
use sqlx::any::AnyRow;
use std::io::Read;

/// Greatest content after decompression: a list of a million hosts.
const GREATEST: u64 = 128 << 20;
/// zstd's own default.
const LEVEL: i32 = 3;

/// Verb of the leaf that accepts one.
pub const ACCEPT: &str = "package.accept";

/// A package as lists show it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct PackageRow {
    /// SHA-256 of what is signed, hex.
    pub digest: String,
    /// Client whose hosts it is for.
    pub client: ClientId,
    /// Short name.
    pub name: String,
    /// Number, unique among the client's.
    pub version: u64,
    /// One line.
    pub title: String,
    /// Who put it together.
    pub author: String,
    /// How far it came.
    pub state: PackageState,
    /// When it was made.
    pub created: Timestamp,
    /// When it ends.
    pub expires: Timestamp,
    /// When it was accepted.
    pub accepted: Option<Timestamp>,
}

/// How far a package came.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum PackageState {
    /// Nobody signed it yet.
    Draft,
    /// Somebody signed it.
    Signed,
    /// Enough people signed it, and the evidence log says so.
    Accepted,
    /// Somebody withdrew it; it is never rolled out.
    Withdrawn,
}

impl PackageState {
    /// The word in storage, API and console.
    pub fn word(self) -> &'static str {
        match self {
            Self::Draft => "draft",
            Self::Signed => "signed",
            Self::Accepted => "accepted",
            Self::Withdrawn => "withdrawn",
        }
    }

    /// Reads that word.
    pub fn parse(word: &str) -> Option<Self> {
        [Self::Draft, Self::Signed, Self::Accepted, Self::Withdrawn].into_iter().find(|state| state.word() == word)
    }
}

/// What belongs to a package and is read when it is looked at.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct PackageContent {
    /// The document without signatures.
    pub document: Vec<u8>,
    /// Lines of its list of hosts, as JSON.
    pub hosts: Vec<u8>,
    /// Why it is as it is, as JSON.
    pub notes: Vec<u8>,
}

/// A signature that was checked.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize)]
pub struct PackageSignature {
    /// Id of the key.
    pub keyid: String,
    /// Whose key it is by the root document.
    pub person: String,
    /// The signature, hex.
    pub signature: String,
    /// When it arrived.
    pub added: Timestamp,
}

fn read(row: &AnyRow) -> Result<PackageRow> {
    Ok(PackageRow {
        digest: row.text("digest")?,
        client: row.parsed("client")?,
        name: row.text("name")?,
        version: row.count("version")?,
        title: row.text("title")?,
        author: row.text("author")?,
        state: row.word("state", PackageState::parse)?,
        created: row.time("created")?,
        expires: row.time("expires")?,
        accepted: row.optional_time("accepted")?,
    })
}

const COLUMNS: &str = "digest, client, name, version, title, author, state, created, expires, accepted";

async fn by_digest(connection: &mut AnyConnection, digest: &str) -> Result<PackageRow> {
    let sql = format!("SELECT {COLUMNS} FROM deployment_packages WHERE digest = $1");
    let row = sqlx::query(sqlx::AssertSqlSafe(sql)).bind(digest).fetch_optional(connection).await?;
    read(&row.ok_or_else(|| StoreError::not_found(format!("package:{digest}")))?)
}

/// Compresses what may be long.
pub(crate) fn pack(bytes: &[u8]) -> Result<Vec<u8>> {
    zstd::bulk::compress(bytes, LEVEL).map_err(|error| StoreError::invalid("content", error.to_string()))
}

pub(crate) fn unpack(place: &str, bytes: &[u8]) -> Result<Vec<u8>> {
    let mut out = Vec::new();
    let read = zstd::stream::read::Decoder::new(bytes).and_then(|decoder| decoder.take(GREATEST + 1).read_to_end(&mut out));
    read.map_err(|error| StoreError::damaged(place, error.to_string()))?;
    if out.len() as u64 > GREATEST {
        return Err(StoreError::damaged(place, format!("It has more than {GREATEST} bytes.")));
    }
    Ok(out)
}

impl Store {
    /// Packages of the clients within a scope, newest first.
    ///
    /// # Errors
    /// The store cannot be read.
    pub async fn deployment_packages(&self, scope: &Scope) -> Result<Vec<PackageRow>> {
        let mut conditions = Conditions::default();
        conditions.clients_within("client", scope);
        let sql = format!("SELECT {COLUMNS} FROM deployment_packages{} ORDER BY created DESC, digest", conditions.sql());
        conditions.query(sql).fetch_all(&mut *self.reader().await?).await?.iter().map(read).collect()
    }

    /// One package.
    ///
    /// # Errors
    /// There is none with this digest.
    pub async fn deployment_package(&self, digest: &str) -> Result<PackageRow> {
        by_digest(&mut *self.reader().await?, digest).await
    }

    /// Document, hosts and notes of a package.
    ///
    /// # Errors
    /// There is none with this digest; `E-STORE-CORRUPT`.
    pub async fn package_content(&self, digest: &str) -> Result<PackageContent> {
        let row = sqlx::query("SELECT document, hosts, notes FROM deployment_packages WHERE digest = $1")
            .bind(digest)
            .fetch_optional(&mut *self.reader().await?)
            .await?;
        let row = row.ok_or_else(|| StoreError::not_found(format!("package:{digest}")))?;
        let part = |name: &str| unpack(&format!("package:{digest}"), &row.bytes(name)?);
        Ok(PackageContent { document: part("document")?, hosts: part("hosts")?, notes: part("notes")? })
    }

    /// Signatures of a package, by key.
    ///
    /// # Errors
    /// The store cannot be read.
    pub async fn package_signatures(&self, digest: &str) -> Result<Vec<PackageSignature>> {
        let rows = sqlx::query("SELECT * FROM package_signatures WHERE package = $1 ORDER BY keyid")
            .bind(digest)
            .fetch_all(&mut *self.reader().await?)
            .await?;
        let signature = |row: &AnyRow| {
            Ok(PackageSignature { keyid: row.text("keyid")?, person: row.text("person")?, signature: row.text("signature")?, added: row.time("added")? })
        };
        rows.iter().map(signature).collect()
    }

    /// The number after the highest that a client's packages have.
    ///
    /// # Errors
    /// The store cannot be read.
    pub async fn next_package_version(&self, client: ClientId) -> Result<u64> {
        let row = sqlx::query("SELECT MAX(version) AS version FROM deployment_packages WHERE client = $1")
            .bind(client.to_string())
            .fetch_one(&mut *self.reader().await?)
            .await?;
        let highest: Option<i64> = row.value("version")?;
        Ok(highest.map_or(0, i64::unsigned_abs) + 1)
    }

    /// Bytes and position of the leaf that accepted a package; the position is
    /// none until it is integrated.
    ///
    /// # Errors
    /// Nothing accepted it.
    pub async fn acceptance(&self, digest: &str) -> Result<(Vec<u8>, Option<u64>)> {
        let object = format!("package:{digest}");
        let row = sqlx::query("SELECT bytes, position FROM evidence_leaves WHERE object = $1 AND verb = $2 ORDER BY id LIMIT 1")
            .bind(object.as_str())
            .bind(ACCEPT)
            .fetch_optional(&mut *self.reader().await?)
            .await?;
        let row = row.ok_or_else(|| StoreError::not_found(object))?;
        let position = row.value::<Option<i64>>("position")?;
        Ok((row.bytes("bytes")?, position.map(i64::unsigned_abs)))
    }
}

impl Change {
    /// Keeps a new package.
    ///
    /// # Errors
    /// `E-TAKEN` where the client has one of this number already.
    pub async fn add_package(&mut self, row: &PackageRow, content: &PackageContent) -> Result<()> {
        sqlx::query(
            "INSERT INTO deployment_packages (digest, client, name, version, title, author, state, document, hosts, notes, created, expires)
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)",
        )
        .bind(row.digest.as_str())
        .bind(row.client.to_string())
        .bind(row.name.as_str())
        .bind(to_number(row.version)?)
        .bind(row.title.as_str())
        .bind(row.author.as_str())
        .bind(row.state.word())
        .bind(pack(&content.document)?)
        .bind(pack(&content.hosts)?)
        .bind(pack(&content.notes)?)
        .bind(row.created.as_microsecond())
        .bind(row.expires.as_microsecond())
        .execute(self.connection())
        .await?;
        self.concerns(row.client);
        let after = json!({ "name": row.name, "version": row.version, "state": row.state });
        self.record(&format!("package-draft:{}", row.digest), None, Some(&after))
    }

    /// Keeps a signature of a package that is not accepted yet; a second one
    /// with the same key replaces the first.
    ///
    /// # Errors
    /// There is no such package, or `E-STATE`.
    pub async fn add_package_signature(&mut self, digest: &str, signature: &PackageSignature) -> Result<()> {
        let package = by_digest(self.connection(), digest).await?;
        self.move_package(&package, &[PackageState::Draft, PackageState::Signed], PackageState::Signed, None).await?;
        sqlx::query(
            "INSERT INTO package_signatures (package, keyid, person, signature, added) VALUES ($1, $2, $3, $4, $5)
             ON CONFLICT (package, keyid) DO UPDATE SET signature = excluded.signature, added = excluded.added",
        )
        .bind(digest)
        .bind(signature.keyid.as_str())
        .bind(signature.person.as_str())
        .bind(signature.signature.as_str())
        .bind(signature.added.as_microsecond())
        .execute(self.connection())
        .await?;
        self.concerns(package.client);
        self.record(&format!("package-signature:{digest}:{}", signature.keyid), None, Some(&json!({ "person": signature.person, "signature": signature.signature })))
    }

    /// Accepts a package that enough people signed; whether they did is for the
    /// caller to know.
    ///
    /// # Errors
    /// There is no such package, or `E-STATE`.
    pub async fn accept_package(&mut self, digest: &str) -> Result<PackageRow> {
        let package = by_digest(self.connection(), digest).await?;
        let now = self.time();
        self.move_package(&package, &[PackageState::Draft, PackageState::Signed], PackageState::Accepted, Some(now)).await?;
        self.concerns(package.client);
        let after = json!({ "name": package.name, "version": package.version, "state": PackageState::Accepted });
        self.record(&format!("package:{digest}"), None, Some(&after))?;
        Ok(PackageRow { state: PackageState::Accepted, accepted: Some(now), ..package })
    }

    /// Withdraws a package that was not rolled out.
    ///
    /// # Errors
    /// There is no such package, or `E-STATE` where it is withdrawn or a
    /// rollout of it was started.
    pub async fn withdraw_package(&mut self, digest: &str) -> Result<PackageRow> {
        let package = by_digest(self.connection(), digest).await?;
        let begun = sqlx::query("SELECT package FROM rollouts WHERE package = $1").bind(digest).fetch_optional(self.connection()).await?;
        if begun.is_some() {
            return Err(StoreError::conflict("E-STATE", format!("package:{digest}"), "Its rollout was started; abort that."));
        }
        self.move_package(&package, &[PackageState::Draft, PackageState::Signed, PackageState::Accepted], PackageState::Withdrawn, package.accepted).await?;
        self.concerns(package.client);
        self.record(&format!("package-draft:{digest}"), Some(&json!({ "state": package.state })), Some(&json!({ "state": PackageState::Withdrawn })))?;
        Ok(PackageRow { state: PackageState::Withdrawn, ..package })
    }

    async fn move_package(&mut self, package: &PackageRow, from: &[PackageState], to: PackageState, accepted: Option<Timestamp>) -> Result<()> {
        // Of two at once one wins: the state it was read in is asked for again.
        let done = if from.contains(&package.state) {
            let done = sqlx::query("UPDATE deployment_packages SET state = $3, accepted = $4 WHERE digest = $1 AND state = $2")
                .bind(package.digest.as_str())
                .bind(package.state.word())
                .bind(to.word())
                .bind(accepted.map(Timestamp::as_microsecond))
                .execute(self.connection())
                .await?;
            done.rows_affected()
        } else {
            0
        };
        if done == 1 {
            return Ok(());
        }
        let text = format!("The package is {}.", package.state.word());
        Err(StoreError::conflict("E-STATE", format!("package:{}", package.digest), text))
    }
}
