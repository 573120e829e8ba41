//! **Sealing** secrets that must be read back (seeds of one-time codes, keys
//! of webhooks), so that a dump of the database holds nothing usable.
//!
//! XChaCha20-Poly1305 under a key beside the database; the purpose is bound
//! into the seal, so that one secret cannot be moved into another's place.

use crate::engine::{Opener, Store, file_error};
use crate::error::{Result, StoreError};
use crate::identifier::random;
use data_encoding::{HEXLOWER, HEXLOWER_PERMISSIVE};
use chacha20poly1305::aead::{Aead, KeyInit, Payload};
use chacha20poly1305::{XChaCha20Poly1305, XNonce};
use std::io::Write;
use std::path::Path;

const NONCE: usize = 24;

impl Store {
    /// Seals bytes for a purpose, `second-factor:01h…`.
    ///
    /// # Errors
    /// The machine has no randomness to give.
    pub fn seal(&self, purpose: &str, plain: &[u8]) -> Result<Vec<u8>> {
        let nonce = random::<NONCE>()?;
        let payload = Payload { msg: plain, aad: purpose.as_bytes() };
        let sealed = XChaCha20Poly1305::new(&self.inner.sealing_key.into())
            .encrypt(&XNonce::from(nonce), payload)
            .map_err(|_| StoreError::invalid(purpose, "The value is too long to be sealed."))?;
        Ok([nonce.as_slice(), &sealed].concat())
    }

    /// Opens what was sealed for the same purpose.
    ///
    /// # Errors
    /// `E-STORE-CORRUPT` when it was changed, sealed for another purpose or
    /// under another key.
    pub fn unseal(&self, purpose: &str, sealed: &[u8]) -> Result<Vec<u8>> {
        let broken = || StoreError::damaged(purpose, "The sealed value does not open under this server's key.");
        let (nonce, rest) = sealed.split_first_chunk::<NONCE>().ok_or_else(broken)?;
        XChaCha20Poly1305::new(&self.inner.sealing_key.into())
            .decrypt(&XNonce::from(*nonce), Payload { msg: rest, aad: purpose.as_bytes() })
            .map_err(|_| broken())
    }
}

/// Reads the key of a data directory, or makes it.
pub(crate) fn key(folder: &Path, opener: Opener) -> Result<[u8; 32]> {
    read_or_make(&folder.join("sealing.key"), opener)
}

/// Reads 32 secret bytes from a file that only its owner may read; a server
/// makes the file where there is none.
pub(crate) fn read_or_make(path: &Path, opener: Opener) -> Result<[u8; 32]> {
    match std::fs::read_to_string(path) {
        Ok(text) => HEXLOWER_PERMISSIVE.decode(text.trim().as_bytes()).ok()
            .and_then(|bytes| bytes.try_into().ok())
            .ok_or_else(|| StoreError::damaged(path.to_string_lossy(), "The key file does not hold 64 hex letters.")),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound && opener == Opener::Server => make(path),
        Err(error) => Err(file_error(path, &error)),
    }
}

fn make(path: &Path) -> Result<[u8; 32]> {
    let bytes = random::<32>()?;
    let attempt = || -> std::io::Result<()> {
        let folder = path.parent().unwrap_or(Path::new("."));
        std::fs::create_dir_all(folder)?;
        // Written aside and renamed: a kill in between leaves no half key.
        let aside = path.with_extension(format!("new-{}", std::process::id()));
        let mut options = std::fs::File::options();
        options.write(true).create(true).truncate(true);
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        let mut file = options.open(&aside)?;
        writeln!(file, "{}", HEXLOWER.encode(&bytes))?;
        file.sync_all()?;
        // A link, unlike a rename, refuses to replace another server's key.
        let linked = std::fs::hard_link(&aside, path);
        std::fs::remove_file(&aside)?;
        linked?;
        std::fs::File::open(folder)?.sync_all()
    };
    match attempt() {
        Ok(()) => Ok(bytes),
        Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => read_or_make(path, Opener::Command),
        Err(error) => Err(file_error(path, &error)),
    }
}
