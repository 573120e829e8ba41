//! Keyrings: the certificates whose signatures an operator accepts for one
//! repository.

use jiff::Timestamp;
use pgp::composed::{Deserializable, SignedPublicKey, SignedPublicSubKey};
use pgp::crypto::hash::HashAlgorithm;
use pgp::packet::{PublicKey, Signature, SignatureType, SubpacketData};
use pgp::ser::Serialize;
use pgp::types::{KeyDetails, PublicParams, Tag, VerifyingKey};
use plimsoll_core::model::problem::{Problem, printable};
use std::io::Cursor;

/// Largest keyring: Debian's, with the keys of three releases, has 57 KB.
const LIMIT: usize = 4 << 20;
/// Most certificates of a keyring.
const CERTIFICATES: usize = 1_000;
/// Smallest RSA key whose signatures count, in bits. Debian's and Ubuntu's have
/// 4096, RHEL's too; 2048 is what apt itself still accepts without a warning.
const RSA_BITS: u16 = 2_048;

/// Certificates whose signatures are accepted.
#[derive(Clone, Debug)]
pub struct Keyring {
    pub(super) certificates: Vec<SignedPublicKey>,
}

impl Keyring {
    /// Reads a keyring, armoured or not, of one certificate or many.
    ///
    /// # Errors
    ///
    /// `E-KEYRING`: larger than 4 MiB, more than 1,000 certificates, none at
    /// all, a private key among them, or bytes that are no certificate. A
    /// keyring that can be read only in part would silently miss keys.
    pub fn read(place: &str, bytes: &[u8]) -> Result<Self, Problem> {
        let bad = |text: String| {
            Problem::new("E-KEYRING", place, text, "name a file of OpenPGP public keys, as `Signed-By` of apt names it")
        };
        if bytes.len() > LIMIT {
            return Err(bad(format!("is {} bytes long, the limit is {LIMIT}", bytes.len())));
        }
        let mut certificates = Vec::new();
        let mut take = |read: Result<SignedPublicKey, pgp::errors::Error>| {
            let certificate = read.map_err(|error| bad(format!("cannot be read: {}", printable(&error.to_string()))))?;
            if certificates.len() == CERTIFICATES {
                return Err(bad(format!("holds more than {CERTIFICATES} certificates, which is the limit")));
            }
            certificates.push(certificate);
            Ok(())
        };
        let unreadable = |error: pgp::errors::Error| bad(format!("cannot be read: {}", printable(&error.to_string())));
        if bytes.trim_ascii_start().starts_with(b"-----BEGIN") {
            // A file of several armoured blocks, one after the other, is usual.
            for block in blocks(bytes) {
                let (read, _) = SignedPublicKey::from_armor_many(Cursor::new(block)).map_err(unreadable)?;
                read.into_iter().try_for_each(&mut take)?;
            }
        } else {
            SignedPublicKey::from_bytes_many(Cursor::new(bytes)).map_err(unreadable)?.try_for_each(&mut take)?;
        }
        if certificates.is_empty() {
            return Err(bad("holds no public key".to_owned()));
        }
        Ok(Self { certificates })
    }

    /// Fingerprints of the certificates, hex in upper case, in the order of the file.
    pub fn fingerprints(&self) -> Vec<String> {
        self.certificates.iter().map(fingerprint).collect()
    }

    /// This keyring and another.
    pub fn and(mut self, other: Self) -> Self {
        self.certificates.extend(other.certificates);
        self
    }
}

/// The armoured blocks of a file, each from its first line to its last.
fn blocks(bytes: &[u8]) -> impl Iterator<Item = &[u8]> {
    const BEGIN: &[u8] = b"-----BEGIN";
    let starts: Vec<usize> = memchr::memmem::find_iter(bytes, BEGIN).collect();
    let ends: Vec<usize> = starts.iter().skip(1).copied().chain([bytes.len()]).collect();
    starts.into_iter().zip(ends).filter_map(|(start, end)| bytes.get(start..end))
}

pub(super) fn fingerprint(key: &impl KeyDetails) -> String {
    key.fingerprint().to_string().to_ascii_uppercase()
}

/// Whether signatures made with this hash count.
pub(super) fn strong_hash(hash: Option<HashAlgorithm>) -> bool {
    matches!(
        hash,
        Some(
            HashAlgorithm::Sha256
                | HashAlgorithm::Sha384
                | HashAlgorithm::Sha512
                | HashAlgorithm::Sha3_256
                | HashAlgorithm::Sha3_512
        )
    )
}

/// Why a key's signatures do not count because of its kind; none when they do.
pub(super) fn weak_key(params: &PublicParams) -> Option<String> {
    match params {
        PublicParams::RSA(_) => {
            // The first number is the modulus, its length in bits before it.
            let bytes = params.to_bytes().unwrap_or_default();
            let bits = bytes.first_chunk::<2>().map_or(0, |bits| u16::from_be_bytes(*bits));
            (bits < RSA_BITS).then(|| format!("is an RSA key of {bits} bits, the least is {RSA_BITS}"))
        }
        PublicParams::ECDSA(_) | PublicParams::EdDSALegacy(_) | PublicParams::Ed25519(_) | PublicParams::Ed448(_) => None,
        _ => Some("is of a kind whose signatures are not accepted".to_owned()),
    }
}

/// A moment as OpenPGP counts it: seconds since 1970, in 32 bits.
pub(super) fn seconds(at: Timestamp) -> u32 {
    u32::try_from(at.as_second().max(0)).unwrap_or(u32::MAX)
}

/// Whether all that a signature declares critical is understood here.
pub(super) fn understood(signature: &Signature) -> bool {
    signature.config().is_some_and(|config| {
        config.hashed_subpackets.iter().all(|packet| {
            !packet.is_critical || !matches!(packet.data, SubpacketData::Other(..) | SubpacketData::Experimental(..) | SubpacketData::Notation(_))
        })
    })
}

/// Whether a signature of the key over itself counts at a moment.
fn stands(signature: &Signature, now: u32) -> bool {
    let Some(created) = signature.created().map(|at| at.as_secs()) else { return false };
    let ends = signature.signature_expiration_time().map_or(0, |length| length.as_secs());
    created <= now
        && (ends == 0 || created.saturating_add(ends) > now)
        && strong_hash(signature.hash_alg())
        && understood(signature)
}

/// The newest of some signatures of the key over itself.
fn newest<'s>(signatures: impl Iterator<Item = &'s Signature>) -> Option<&'s Signature> {
    signatures.max_by_key(|signature| signature.created().map(|at| at.as_secs()))
}

/// Why nothing that this certificate's primary key says counts; none when it
/// does. `made` is when the signature in question was made, `now` the present.
pub(super) fn primary_fault(certificate: &SignedPublicKey, now: u32, signs: bool) -> Option<String> {
    let key = &certificate.primary_key;
    if let Some(fault) = weak_key(key.public_params()) {
        return Some(fault);
    }
    // A revocation counts with any hash and for ever: refusing more is safe.
    if certificate.details.revocation_signatures.iter().any(|signature| signature.verify_key(key).is_ok()) {
        return Some("was revoked".to_owned());
    }
    let direct = certificate.details.direct_signatures.iter().filter(|signature| stands(signature, now) && signature.verify_key(key).is_ok());
    let named = certificate.details.users.iter().filter_map(|user| {
        let good = |signature: &&Signature| signature.verify_certification(key, Tag::UserId, &user.id).is_ok();
        let revoked = user.signatures.iter().filter(|signature| signature.typ() == Some(SignatureType::CertRevocation)).any(|signature| good(&signature));
        let own = user.signatures.iter().filter(|signature| signature.typ() != Some(SignatureType::CertRevocation));
        if revoked { None } else { newest(own.filter(|signature| stands(signature, now)).filter(good)) }
    });
    let Some(binding) = newest(direct.chain(named)) else {
        return Some("has no signature over itself that counts (SHA-256 or stronger, not expired)".to_owned());
    };
    expired(key, binding, now).or_else(|| (signs && !may_sign(binding)).then(|| "may not sign data".to_owned()))
}

/// Why a signing subkey's signatures do not count; none when they do.
pub(super) fn subkey_fault(primary: &PublicKey, subkey: &SignedPublicSubKey, now: u32) -> Option<String> {
    let key = &subkey.key;
    if let Some(fault) = weak_key(key.public_params()) {
        return Some(fault);
    }
    let bound = |signature: &&Signature| signature.verify_subkey_binding(primary, key).is_ok();
    let mut revocations = subkey.signatures.iter().filter(|signature| signature.typ() == Some(SignatureType::SubkeyRevocation));
    if revocations.any(|signature| bound(&signature)) {
        return Some("was revoked".to_owned());
    }
    let bindings = subkey.signatures.iter().filter(|signature| signature.typ() == Some(SignatureType::SubkeyBinding));
    let Some(binding) = newest(bindings.filter(|signature| stands(signature, now)).filter(bound)) else {
        return Some("is not bound to its certificate by a signature that counts".to_owned());
    };
    if let Some(fault) = expired(key, binding, now) {
        return Some(fault);
    }
    if !may_sign(binding) {
        return Some("may not sign data".to_owned());
    }
    // Without the subkey's own word, anybody could claim it for a certificate of theirs.
    let back = binding.embedded_signature().is_some_and(|back| {
        strong_hash(back.hash_alg()) && back.verify_primary_key_binding(key, primary).is_ok()
    });
    (!back).then(|| "does not itself say that it belongs to its certificate".to_owned())
}

/// Old certificates state no flags; their primary key may sign.
fn may_sign(binding: &Signature) -> bool {
    let stated = binding.config().is_some_and(|config| {
        config.hashed_subpackets.iter().any(|packet| matches!(packet.data, SubpacketData::KeyFlags(_)))
    });
    !stated || binding.key_flags().sign()
}

fn expired(key: &impl VerifyingKey, binding: &Signature, now: u32) -> Option<String> {
    let created = key.created_at().as_secs();
    if created > now {
        return Some(format!("was made in the future, on {}", day(created)));
    }
    let length = binding.key_expiration_time().map_or(0, |length| length.as_secs());
    let end = created.saturating_add(length);
    (length != 0 && end <= now).then(|| format!("expired on {}", day(end)))
}

/// The day of a moment, as people write it.
pub(super) fn day(seconds: u32) -> String {
    Timestamp::from_second(i64::from(seconds)).map_or_else(|_| seconds.to_string(), |at| at.strftime("%Y-%m-%d").to_string())
}
