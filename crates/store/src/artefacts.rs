//! **Artefacts**: package files by their SHA-256, in a folder or in whatever
//! else `object_store` reaches.
//!
//! Content is checked on the way in and on the way out: what comes out is what
//! the digest names, whoever had the disk in between.

use crate::error::{ErrorKind, Result, StoreError};
use bytes::Bytes;
use data_encoding::HEXLOWER;
use futures_util::stream::BoxStream;
use futures_util::{StreamExt, TryStreamExt};
use jiff::Timestamp;
use object_store::local::LocalFileSystem;
use object_store::path::Path as Key;
use object_store::{GetOptions, GetRange, ObjectStore, ObjectStoreExt, WriteMultipart};
use sha2::{Digest, Sha256};
use std::collections::BTreeSet;
use std::io::{Read, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use std::sync::Arc;

/// Bytes read and sent at a time; S3 takes no smaller parts.
const PART: usize = 8 << 20;

/// Where artefacts lie within the store.
pub const FOLDER: &str = "sha256";

/// What sweeping came to.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Swept {
    /// Artefacts that stay because somebody marks them.
    pub marked: u64,
    /// Artefacts that nobody marks and that stay because they are young.
    pub young: u64,
    /// What was removed.
    pub removed: u64,
    /// Bytes of what was removed.
    pub bytes: u64,
}

/// Files by digest.
#[derive(Clone, Debug)]
pub struct Artefacts {
    store: Arc<dyn ObjectStore>,
}

impl Artefacts {
    /// Keeps artefacts in a folder, which is made where it is missing; what was
    /// kept is there after a power cut.
    ///
    /// # Errors
    /// The folder cannot be made or used.
    pub fn in_folder(folder: &Path) -> Result<Self> {
        let place = folder.display().to_string();
        std::fs::create_dir_all(folder).map_err(|error| io(&place, &error))?;
        let store = LocalFileSystem::new_with_prefix(folder).map_err(|error| failed(&place, &error))?;
        Ok(Self::new(Arc::new(store.with_fsync(true))))
    }

    /// Keeps artefacts in any object store.
    pub fn new(store: Arc<dyn ObjectStore>) -> Self {
        Self { store }
    }

    /// Length of an artefact in bytes; none where there is none.
    ///
    /// # Errors
    /// The store cannot be asked; `digest` is no SHA-256.
    pub async fn length(&self, digest: &str) -> Result<Option<u64>> {
        match self.store.head(&key(digest)?).await {
            Ok(about) => Ok(Some(about.size)),
            Err(object_store::Error::NotFound { .. }) => Ok(None),
            Err(error) => Err(failed(digest, &error)),
        }
    }

    /// Keeps a file whose content must be `digest`.
    ///
    /// # Errors
    /// `E-DIGEST` where the file has another content, and nothing is kept then;
    /// the file cannot be read or the store not written.
    pub async fn keep(&self, digest: &str, file: &Path) -> Result<()> {
        let place = file.display().to_string();
        let mut from = std::fs::File::open(file).map_err(|error| io(&place, &error))?;
        let upload = self.store.put_multipart(&key(digest)?).await.map_err(|error| failed(&place, &error))?;
        let mut upload = WriteMultipart::new_with_chunk_size(upload, PART);
        let mut hasher = Sha256::new();
        let mut buffer = vec![0; PART];
        loop {
            let count = match from.read(&mut buffer) {
                Ok(count) => count,
                Err(error) => {
                    let _ = upload.abort().await;
                    return Err(io(&place, &error));
                }
            };
            let Some(bytes) = buffer.get(..count).filter(|bytes| !bytes.is_empty()) else { break };
            hasher.update(bytes);
            upload.wait_for_capacity(4).await.map_err(|error| failed(&place, &error))?;
            upload.write(bytes);
        }
        let found = HEXLOWER.encode(&hasher.finalize());
        if found != digest {
            let _ = upload.abort().await;
            return Err(other(&place, digest, &found));
        }
        upload.finish().await.map_err(|error| failed(&place, &error))?;
        Ok(())
    }

    /// Writes an artefact to a file that must not exist yet, readable by all
    /// and writable by nobody; the file is on the disk afterwards.
    ///
    /// # Errors
    /// `E-DIGEST` where what was kept is no longer what the digest names; the
    /// half-written file is removed then. There is no such artefact; the file
    /// cannot be written.
    pub async fn place(&self, digest: &str, to: &Path) -> Result<()> {
        let place = to.display().to_string();
        let found = self.store.get(&key(digest)?).await.map_err(|error| match error {
            object_store::Error::NotFound { .. } => StoreError::not_found(format!("artefact:{digest}")),
            error => failed(digest, &error),
        })?;
        let file = std::fs::OpenOptions::new().write(true).create_new(true).mode(0o444).open(to).map_err(|error| io(&place, &error))?;
        let outcome = pour(digest, found, file, &place).await;
        if outcome.is_err() {
            let _ = std::fs::remove_file(to);
        }
        outcome
    }

    /// Opens an artefact at an offset: its whole length in bytes, and what
    /// follows the offset, in parts. None where there is none.
    ///
    /// Unlike [`Artefacts::place`] this holds nothing against the digest, which
    /// a part alone cannot be: whoever puts the parts together does.
    ///
    /// # Errors
    /// `E-RANGE` for an offset behind the end; the store cannot be read;
    /// `digest` is no SHA-256.
    pub async fn open(&self, digest: &str, offset: u64) -> Result<Option<(u64, BoxStream<'static, std::io::Result<Bytes>>)>> {
        let Some(length) = self.length(digest).await? else { return Ok(None) };
        if offset > length {
            let text = format!("Byte {offset} was asked for, there are {length}.");
            return Err(StoreError::new(ErrorKind::Invalid, "E-RANGE", format!("artefact:{digest}"), text, "Fetch it from its beginning."));
        }
        if offset == length {
            return Ok(Some((length, futures_util::stream::empty().boxed())));
        }
        let rest = GetOptions { range: Some(GetRange::Bounded(offset..length)), ..GetOptions::default() };
        let found = self.store.get_opts(&key(digest)?, rest).await.map_err(|error| failed(digest, &error))?;
        Ok(Some((length, found.into_stream().map_err(std::io::Error::from).boxed())))
    }

    /// Removes an artefact; none is no error.
    ///
    /// # Errors
    /// The store cannot be written; `digest` is no SHA-256.
    pub async fn remove(&self, digest: &str) -> Result<()> {
        match self.store.delete(&key(digest)?).await {
            Ok(()) | Err(object_store::Error::NotFound { .. }) => Ok(()),
            Err(error) => Err(failed(digest, &error)),
        }
    }

    /// Removes every artefact that nobody marks and that was kept before a
    /// moment; `dry` removes nothing and counts.
    ///
    /// Marks are digests. The moment covers what is kept already and marked only
    /// soon; the caller sees to it that nothing is acquired meanwhile. What lies
    /// there under any other name is none of ours and stays.
    ///
    /// # Errors
    /// The store cannot be read or written; what was removed until then is
    /// gone.
    pub async fn sweep(&self, marked: &BTreeSet<String>, before: Timestamp, dry: bool) -> Result<Swept> {
        let prefix = Key::from(FOLDER);
        let all: Vec<_> = self.store.list(Some(&prefix)).try_collect().await.map_err(|error| failed(FOLDER, &error))?;
        let mut swept = Swept::default();
        for about in all {
            let digest = about.location.filename().unwrap_or_default();
            if key(digest).ok().as_ref() != Some(&about.location) {
                continue;
            }
            if marked.contains(digest) {
                swept.marked += 1;
            } else if about.last_modified.timestamp() >= before.as_second() {
                swept.young += 1;
            } else {
                if !dry {
                    self.remove(digest).await?;
                }
                swept.removed += 1;
                swept.bytes += about.size;
            }
        }
        Ok(swept)
    }
}

/// Writes what was found, and holds it against its name.
async fn pour(digest: &str, found: object_store::GetResult, mut file: std::fs::File, place: &str) -> Result<()> {
    let mut hasher = Sha256::new();
    let mut stream = found.into_stream();
    while let Some(bytes) = stream.next().await {
        let bytes = bytes.map_err(|error| failed(digest, &error))?;
        hasher.update(&bytes);
        file.write_all(&bytes).map_err(|error| io(place, &error))?;
    }
    let found = HEXLOWER.encode(&hasher.finalize());
    if found != digest {
        return Err(other(&format!("artefact:{digest}"), digest, &found));
    }
    file.sync_all().map_err(|error| io(place, &error))
}

/// Where an artefact lies: two digits first, so that no folder gets too full.
fn key(digest: &str) -> Result<Key> {
    let right = digest.len() == 64 && digest.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
    match digest.get(..2).filter(|_| right) {
        Some(first) => Ok(Key::from(format!("{FOLDER}/{first}/{digest}"))),
        None => Err(StoreError::invalid("artefact", format!("{digest:?} is no SHA-256."))),
    }
}

fn other(place: &str, wanted: &str, found: &str) -> StoreError {
    let text = format!("The content has SHA-256 {found}, expected was {wanted}.");
    StoreError::new(ErrorKind::Damaged, "E-DIGEST", place, text, "Fetch it again; if it stays, look at the disk.")
}

fn io(place: &str, error: &std::io::Error) -> StoreError {
    StoreError::new(ErrorKind::Unavailable, "E-WRITE", place, error.to_string(), "Check the folder's owner, mode and free space.")
}

fn failed(place: &str, error: &object_store::Error) -> StoreError {
    StoreError::new(ErrorKind::Unavailable, "E-WRITE", place, error.to_string(), "Check where artefacts are kept: its owner, mode and free space.")
}
