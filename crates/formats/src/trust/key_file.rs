//! Private keys at rest: PKCS#8 PEM, encrypted with a passphrase (PBES2,
//! scrypt, AES-256), which `openssl pkey` reads as well.

use crate::protocol::{decode_hex, encode_hex};
use ed25519_dalek::pkcs8::spki::der::pem::LineEnding;
use ed25519_dalek::pkcs8::{DecodePrivateKey, EncodePrivateKey, KeypairBytes};
use ed25519_dalek::{Signer, SigningKey};
use pkcs8::{EncryptedPrivateKeyInfo, PrivateKeyInfo};
use plimsoll_core::model::problem::Problem;

/// Largest key file: a real one has some 400 bytes.
const LIMIT: usize = 16 << 10;
/// Most bytes that scrypt may work through (128 × N × r × p); a key file of our
/// own takes 80 MiB.
const SCRYPT_BYTES: u64 = 128 << 20;
/// Most rounds of PBKDF2, some seconds; `openssl pkey` writes 2048.
const PBKDF2_ROUNDS: u32 = 4_000_000;

/// An Ed25519 private key and what is done with it: signing.
pub struct KeyFile(SigningKey);

/// Whoever signs with an Ed25519 key: a key file, or a token that never gives
/// its key away.
pub trait Signs {
    /// The public half.
    fn public(&self) -> PublicKey;

    /// Signs a message.
    ///
    /// # Errors
    ///
    /// `E-KEY` where the token does not.
    fn signature(&self, message: &[u8]) -> Result<[u8; 64], Problem>;
}

impl Signs for KeyFile {
    fn public(&self) -> PublicKey {
        self.public()
    }

    fn signature(&self, message: &[u8]) -> Result<[u8; 64], Problem> {
        Ok(self.sign(message))
    }
}

/// An Ed25519 public key, 32 bytes.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct PublicKey(pub [u8; 32]);

impl PublicKey {
    /// Reads 64 lower-case hexadecimal digits.
    pub fn parse(text: &str) -> Option<Self> {
        decode_hex(text).map(Self)
    }

    /// As 64 hexadecimal digits.
    pub fn hex(&self) -> String {
        encode_hex(&self.0)
    }

    /// Whether `signature` is this key's over `message`; malleable and
    /// low-order forms are refused.
    pub fn verifies(&self, message: &[u8], signature: &[u8; 64]) -> bool {
        ed25519_dalek::VerifyingKey::from_bytes(&self.0)
            .is_ok_and(|key| key.verify_strict(message, &ed25519_dalek::Signature::from_bytes(signature)).is_ok())
    }
}

/// Refuses a file that asks for more memory or time than opening a key is
/// worth; its costs are whatever its writer chose.
fn check_cost(scheme: &pkcs5::EncryptionScheme<'_>) -> Result<(), String> {
    let derivation = scheme.pbes2().map(|scheme| &scheme.kdf);
    if let Some(cost) = derivation.and_then(|derivation| derivation.scrypt()) {
        let parts = [cost.cost_parameter, u64::from(cost.block_size), u64::from(cost.parallelization)];
        let bytes = parts.into_iter().fold(128, u64::saturating_mul);
        return if bytes <= SCRYPT_BYTES { Ok(()) } else { Err(format!("asks scrypt to work through {bytes} bytes, the limit is {SCRYPT_BYTES}")) };
    }
    let Some(cost) = derivation.and_then(|derivation| derivation.pbkdf2()) else {
        return Err("is protected by something else than scrypt or PBKDF2".to_owned());
    };
    let rounds = cost.iteration_count;
    if rounds <= PBKDF2_ROUNDS { Ok(()) } else { Err(format!("asks for {rounds} rounds of PBKDF2, the limit is {PBKDF2_ROUNDS}")) }
}

impl KeyFile {
    /// Takes a key from 32 random bytes.
    pub fn from_seed(seed: &[u8; 32]) -> Self {
        Self(SigningKey::from_bytes(seed))
    }

    /// The public half.
    pub fn public(&self) -> PublicKey {
        PublicKey(self.0.verifying_key().to_bytes())
    }

    /// Signs.
    pub fn sign(&self, message: &[u8]) -> [u8; 64] {
        self.0.sign(message).to_bytes()
    }

    /// Writes the key as PEM; without a passphrase it lies open, which only an
    /// evaluation may do.
    ///
    /// `salt` and `nonce` must be fresh random bytes for each call.
    pub fn to_pem(&self, passphrase: Option<&[u8]>, salt: &[u8; 16], nonce: &[u8; 16]) -> Result<String, Problem> {
        let failed = |what: String| Problem::new("E-KEY", "key file", what, "report this as a bug");
        // The private half alone, PKCS#8 version 1: what carries the public half
        // as well, OpenSSL and what builds on it cannot read.
        let private = KeypairBytes { secret_key: self.0.to_bytes(), public_key: None };
        let Some(passphrase) = passphrase else {
            let pem = private.to_pkcs8_pem(LineEnding::LF).map_err(|error| failed(error.to_string()))?;
            return Ok(pem.to_string());
        };
        let der = private.to_pkcs8_der().map_err(|error| failed(error.to_string()))?;
        let plain = PrivateKeyInfo::try_from(der.as_bytes()).map_err(|error| failed(error.to_string()))?;
        // 2^14 × 8 × 5: one of the equal choices of OWASP's password storage
        // guide, and the one whose 16 MiB OpenSSL takes without being told to.
        let cost = pkcs5::scrypt::Params::new(14, 8, 5, 32).map_err(|error| failed(error.to_string()))?;
        let parameters = pkcs5::pbes2::Parameters::scrypt_aes256cbc(cost, salt, nonce)
            .map_err(|error| failed(error.to_string()))?;
        let sealed = plain.encrypt_with_params(parameters, passphrase).map_err(|error| failed(error.to_string()))?;
        let pem = sealed.to_pem("ENCRYPTED PRIVATE KEY", LineEnding::LF).map_err(|error| failed(error.to_string()))?;
        Ok(pem.to_string())
    }

    /// Whether a file is encrypted, so that a passphrase must be asked for.
    pub fn is_encrypted(pem: &str) -> bool {
        pem.contains("-----BEGIN ENCRYPTED PRIVATE KEY-----")
    }

    /// Reads a key file.
    ///
    /// # Errors
    ///
    /// `E-KEY` for anything that is no Ed25519 key, and for a file that would
    /// take too much memory or time to open; `E-PASSPHRASE` where the
    /// passphrase is missing or wrong; neither repeats any byte of the file.
    pub fn from_pem(place: &str, pem: &str, passphrase: Option<&[u8]>) -> Result<Self, Problem> {
        let bad = |text: String| Problem::new("E-KEY", place, text, "name a key file that `plimsoll root init` made");
        if pem.len() > LIMIT {
            return Err(bad(format!("is {} bytes long, the limit is {LIMIT}", pem.len())));
        }
        if !Self::is_encrypted(pem) {
            return SigningKey::from_pkcs8_pem(pem)
                .map(Self)
                .map_err(|_| bad("is no Ed25519 private key in PKCS#8 form".to_owned()));
        }
        let wrong = |text: &str| Problem::new("E-PASSPHRASE", place, text, "give the passphrase that was chosen when the key was made");
        let (_, der) = pkcs8::SecretDocument::from_pem(pem).map_err(|_| bad("is no PEM file".to_owned()))?;
        let sealed = EncryptedPrivateKeyInfo::try_from(der.as_bytes())
            .map_err(|_| bad("is no encrypted private key".to_owned()))?;
        check_cost(&sealed.encryption_algorithm).map_err(bad)?;
        let passphrase = passphrase.ok_or_else(|| wrong("is protected and no passphrase was given"))?;
        let plain = sealed.decrypt(passphrase).map_err(|_| wrong("cannot be opened with this passphrase"))?;
        SigningKey::from_pkcs8_der(plain.as_bytes())
            .map(Self)
            .map_err(|_| bad("holds a key of another kind than Ed25519".to_owned()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use pkcs5::pbes2::{EncryptionScheme, Kdf, Parameters, Pbkdf2Params, Pbkdf2Prf, ScryptParams};

    #[test]
    fn an_encrypted_key_opens_with_its_passphrase_only() {
        let key = KeyFile::from_seed(&[7; 32]);
        let pem = key.to_pem(Some(b"correct horse"), &[1; 16], &[2; 16]).unwrap();
        assert!(KeyFile::is_encrypted(&pem));
        let read = KeyFile::from_pem("k", &pem, Some(b"correct horse")).unwrap();
        assert_eq!(read.public(), key.public());
        for wrong in [None, Some(b"Correct horse".as_slice()), Some(b"".as_slice())] {
            let problem = KeyFile::from_pem("k", &pem, wrong).err().unwrap();
            assert_eq!(problem.code, "E-PASSPHRASE");
        }
    }

    #[test]
    fn openssl_reads_key_files_with_and_without_a_passphrase() {
        if !std::path::Path::new("/usr/bin/openssl").exists() {
            eprintln!("skipped: openssl is not installed");
            return;
        }
        let key = KeyFile::from_seed(&[11; 32]);
        for passphrase in [None, Some(b"correct horse".as_slice())] {
            let mut file = tempfile::NamedTempFile::new().unwrap();
            std::io::Write::write_all(&mut file, key.to_pem(passphrase, &[1; 16], &[2; 16]).unwrap().as_bytes()).unwrap();
            let mut openssl = std::process::Command::new("/usr/bin/openssl");
            let read = openssl.args(["pkey", "-passin", "pass:correct horse", "-pubout", "-outform", "DER", "-in"]).arg(file.path()).output().unwrap();
            assert!(read.stdout.ends_with(&key.public().0), "{passphrase:?}: {}", String::from_utf8_lossy(&read.stderr));
        }
    }

    #[test]
    fn an_open_key_reads_back_and_other_things_are_refused() {
        let key = KeyFile::from_seed(&[9; 32]);
        let pem = key.to_pem(None, &[0; 16], &[0; 16]).unwrap();
        assert_eq!(KeyFile::from_pem("k", &pem, None).unwrap().public(), key.public());
        let cut = &pem[..pem.len() / 2];
        for other in ["", "hello", cut, "-----BEGIN ENCRYPTED PRIVATE KEY-----\nAA==\n-----END ENCRYPTED PRIVATE KEY-----\n"] {
            assert_eq!(KeyFile::from_pem("k", other, Some(b"x")).err().unwrap().code, "E-KEY", "{other:?}");
        }
    }

    fn protected(kdf: Kdf<'_>) -> String {
        let encryption = EncryptionScheme::Aes256Cbc { iv: &[2; 16] };
        let sealed = EncryptedPrivateKeyInfo {
            encryption_algorithm: pkcs5::EncryptionScheme::Pbes2(Parameters { kdf, encryption }),
            encrypted_data: &[3; 48],
        };
        pkcs8::SecretDocument::encode_msg(&sealed).unwrap().to_pem("ENCRYPTED PRIVATE KEY", LineEnding::LF).unwrap().to_string()
    }

    #[test]
    fn a_file_that_asks_for_gigabytes_or_minutes_is_refused_at_once() {
        let scrypt = |cost_parameter, block_size, parallelization| {
            Kdf::Scrypt(ScryptParams { salt: &[1; 16], cost_parameter, block_size, parallelization, key_length: None })
        };
        let rounds = |iteration_count| {
            Kdf::Pbkdf2(Pbkdf2Params { salt: &[1; 16], iteration_count, key_length: None, prf: Pbkdf2Prf::HmacWithSha256 })
        };
        let code = |kdf, passphrase: Option<&[u8]>| KeyFile::from_pem("k", &protected(kdf), passphrase).err().unwrap().code;
        let started = std::time::Instant::now();
        for hostile in [scrypt(1 << 18, 8, 1), scrypt(1 << 15, 64, 1), scrypt(1 << 15, 8, 5), scrypt(1 << 62, u16::MAX, u16::MAX), rounds(4_000_001), rounds(u32::MAX)] {
            assert_eq!((code(hostile.clone(), None), code(hostile, Some(b"x"))), ("E-KEY".to_owned(), "E-KEY".to_owned()));
        }
        assert!(started.elapsed().as_secs() < 1, "nothing was computed");
        // What others write within the limits is computed, and does not open.
        for ordinary in [scrypt(1 << 14, 8, 1), rounds(2048)] {
            assert_eq!(code(ordinary, Some(b"x")), "E-PASSPHRASE");
        }
    }
}
