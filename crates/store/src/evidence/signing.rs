//! The key of the log and its signed checkpoints.

use super::Hash;
use crate::columns::Columns;
use crate::engine::{Opener, Store};
use crate::error::{ErrorKind, Result, StoreError};
use data_encoding::{HEXLOWER, HEXLOWER_PERMISSIVE};
use ed25519_dalek::{SigningKey, VerifyingKey};
use sha2::{Digest, Sha256};
use signed_note::{Note, StandardVerifier, VerifierList};
use sqlx::AnyConnection;
use std::path::Path;
use tlog_tiles::checkpoint::Checkpoint as CheckpointText;

/// The key that signs checkpoints; a command beside the server may lack it.
pub(crate) struct LogKey {
    signing: Option<SigningKey>,
}

/// A signed tree head.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Checkpoint {
    /// Name of the log.
    pub origin: String,
    /// Number of leaves.
    pub size: u64,
    /// Root hash.
    pub root: Hash,
    /// The signed note, `c2sp.org/tlog-checkpoint`.
    pub note: String,
}

impl LogKey {
    /// Reads the key beside the database, or makes it for a log that has none.
    pub(crate) async fn open(connection: &mut AnyConnection, folder: &Path, opener: Opener) -> Result<Self> {
        let recorded = sqlx::query("SELECT public_key FROM evidence_log").fetch_optional(connection).await?;
        let recorded = recorded.map(|row| row.text("public_key")).transpose()?;
        let path = folder.join("evidence.key");
        if !path.exists() && opener == Opener::Command {
            return Ok(Self { signing: None });
        }
        if recorded.is_some() && !path.exists() {
            return Err(StoreError::new(
                ErrorKind::Refused,
                "E-LOG-KEY",
                path.to_string_lossy(),
                "The key of the evidence log is missing.",
                "Bring the file back from where its copy is kept.",
            ));
        }
        let signing = SigningKey::from_bytes(&crate::seal::read_or_make(&path, opener)?);
        if recorded.is_some_and(|recorded| recorded != HEXLOWER.encode(signing.verifying_key().as_bytes())) {
            return Err(StoreError::new(
                ErrorKind::Refused,
                "E-LOG-KEY",
                path.to_string_lossy(),
                "The key is not the one that signed this database's evidence log.",
                "Bring the right file, or name the right database.",
            ));
        }
        Ok(Self { signing: Some(signing) })
    }

    /// Signs a tree head.
    pub(crate) fn sign(&self, origin: &str, size: u64, root: Hash) -> Result<Checkpoint> {
        let signing = self.signing.as_ref().ok_or_else(|| {
            StoreError::new(ErrorKind::Refused, "E-LOG-KEY", origin, "This process has no key of the log.", "Use the server.")
        })?;
        let broken = |error: String| StoreError::invalid("checkpoint", error);
        let text = CheckpointText::new(origin, size, tlog_tiles::Hash(root), "")
            .map_err(|error| broken(error.to_string()))?;
        let mut note = Note::new(&text.to_bytes(), &[]).map_err(|error| broken(error.to_string()))?;
        let signer = Signer { origin, signing };
        note.add_sigs(&[&signer]).map_err(|error| broken(error.to_string()))?;
        let note = String::from_utf8(note.to_bytes()).map_err(|error| broken(error.to_string()))?;
        Ok(Checkpoint { origin: origin.to_owned(), size, root, note })
    }
}

struct Signer<'a> {
    origin: &'a str,
    signing: &'a SigningKey,
}

impl signed_note::Signer for Signer<'_> {
    fn name(&self) -> &str {
        self.origin
    }

    fn key_id(&self) -> u32 {
        key_id(self.origin, &self.signing.verifying_key())
    }

    fn sign(&self, message: &[u8]) -> std::result::Result<Vec<u8>, ed25519_dalek::SignatureError> {
        use ed25519_dalek::Signer as _;
        Ok(self.signing.try_sign(message)?.to_bytes().to_vec())
    }
}

fn key_id(origin: &str, key: &VerifyingKey) -> u32 {
    signed_note::key_id(origin, &[&[1], key.as_bytes().as_slice()].concat())
}

/// Name of the log with this key.
fn origin_of(key: &VerifyingKey) -> String {
    let digest = HEXLOWER.encode(&Sha256::digest(key.as_bytes()));
    format!("plimsoll/{}", digest.get(..16).unwrap_or_default())
}

/// The verifier key `name+hash+base64` of a log, as other people's tools take
/// it.
pub fn verifier_key(origin: &str, public_key: &[u8; 32]) -> Option<String> {
    let key = VerifyingKey::from_bytes(public_key).ok()?;
    Some(signed_note::new_ed25519_verifier_key(origin, &key))
}

/// Reads a checkpoint and checks its signature under a verifier key.
///
/// # Errors
/// What is wrong with it, in one sentence.
pub fn read_checkpoint(note: &str, verifier_key: &str) -> std::result::Result<Checkpoint, String> {
    let verifier = StandardVerifier::new(verifier_key.trim()).map_err(|error| format!("The verifier key is wrong: {error}."))?;
    let parsed = Note::from_bytes(note.as_bytes()).map_err(|error| format!("The checkpoint is no signed note: {error}."))?;
    parsed
        .verify(&VerifierList::new(vec![Box::new(verifier)]))
        .map_err(|error| format!("The checkpoint is not signed by the log's key: {error}."))?;
    let text = CheckpointText::from_bytes(parsed.text()).map_err(|_| "The note is no checkpoint.".to_owned())?;
    Ok(Checkpoint { origin: text.origin().to_owned(), size: text.size(), root: text.hash().0, note: note.to_owned() })
}

/// The log as a server and its hosts know it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Log {
    /// Name of the log.
    pub origin: String,
    /// Ed25519 public key, hex.
    pub public_key: String,
    /// Verifier key `name+hash+base64`.
    pub verifier_key: String,
    /// Leaves in the tree.
    pub size: u64,
}

impl Store {
    /// Name, key and size of the evidence log.
    ///
    /// # Errors
    /// The store cannot be read.
    pub async fn log(&self) -> Result<Log> {
        let mut connection = self.reader().await?;
        let row = sqlx::query("SELECT origin, public_key, size FROM evidence_log").fetch_one(&mut *connection).await?;
        let (origin, public_key) = (row.text("origin")?, row.text("public_key")?);
        let verifier_key = HEXLOWER_PERMISSIVE.decode(public_key.as_bytes()).ok()
            .and_then(|bytes| <[u8; 32]>::try_from(bytes).ok())
            .and_then(|bytes| verifier_key(&origin, &bytes))
            .ok_or_else(|| StoreError::damaged("public_key", "The key of the log is no Ed25519 key."))?;
        Ok(Log { origin, public_key, verifier_key, size: row.count("size")? })
    }

    /// Refuses a log that this server's key did not sign.
    pub(crate) async fn check_restored_log(&self, connection: &mut AnyConnection) -> Result<()> {
        let row = sqlx::query("SELECT public_key FROM evidence_log").fetch_one(connection).await?;
        let ours = self.inner.log_key.signing.as_ref().map(|signing| HEXLOWER.encode(signing.verifying_key().as_bytes()));
        if ours.as_deref() == Some(row.text("public_key")?.as_str()) {
            return Ok(());
        }
        Err(StoreError::new(
            ErrorKind::Refused,
            "E-LOG-KEY",
            "evidence.key",
            "The key at hand is not the one that signed the log in the backup.",
            "Put the right evidence.key and sealing.key into the data directory first.",
        ))
    }

    pub(crate) async fn register_log(&self, opener: Opener) -> Result<()> {
        let (Opener::Server, Some(signing)) = (opener, &self.inner.log_key.signing) else { return Ok(()) };
        let key = signing.verifying_key();
        let mut transaction = self.writer().await?;
        sqlx::query(
            "INSERT INTO evidence_log (name, origin, public_key, size, epoch) VALUES ('log', $1, $2, 0, 0)
             ON CONFLICT (name) DO NOTHING",
        )
        .bind(origin_of(&key))
        .bind(HEXLOWER.encode(key.as_bytes()))
        .execute(&mut *transaction)
        .await?;
        let row = sqlx::query("SELECT public_key FROM evidence_log").fetch_one(&mut *transaction).await?;
        if row.text("public_key")? != HEXLOWER.encode(key.as_bytes()) {
            return Err(StoreError::new(
                ErrorKind::Refused,
                "E-LOG-KEY",
                "evidence.key",
                "Another server made a key for this log at the same time.",
                "Give both servers the same evidence.key.",
            ));
        }
        self.commit(transaction).await
    }
}
