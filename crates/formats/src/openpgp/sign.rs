//! The key that signs repositories of our own.

use super::keyring::{self, Keyring, fingerprint, seconds};
use crate::trust::{KeyFile, PublicKey};
use jiff::Timestamp;
use pgp::armor::{self, BlockType};
use pgp::composed::{ArmorOptions, SignedKeyDetails, SignedPublicKey};
use pgp::crypto::hash::HashAlgorithm;
use pgp::crypto::public_key::PublicKeyAlgorithm;
use pgp::packet::{self, KeyFlags, PubKeyInner, Signature, SignatureConfig, SignatureType, Subpacket, SubpacketData, UserId};
use pgp::types::{
    Duration, EddsaLegacyPublicParams, Fingerprint, KeyDetails, KeyId, KeyVersion, Mpi, PacketHeaderVersion, Password,
    PublicParams, SignatureBytes, SignedUser, SigningKey, Tag,
};
use plimsoll_core::model::problem::Problem;

/// An Ed25519 key file together with its OpenPGP certificate.
///
/// The private half stays in a [`KeyFile`], so that there is one form of key at
/// rest; the certificate says since when, until when and under which name it
/// signs. Version 4 and the older number for EdDSA: gpgv 2.2, which apt of
/// Debian 12 asks, knows no other.
#[derive(Debug)]
pub struct RepositoryKey<'k> {
    hand: Hand<'k>,
    certificate: SignedPublicKey,
}

impl<'k> RepositoryKey<'k> {
    /// Makes the certificate of a key: `name` is what hosts' administrators
    /// see, `days` how long it signs (0: for ever).
    ///
    /// # Errors
    ///
    /// `E-KEY` where the library refuses, which it has no reason for.
    pub fn certify(key: &'k KeyFile, name: &str, made: Timestamp, days: u32) -> Result<Self, Problem> {
        let hand = Hand { key, public: public(&key.public(), seconds(made)).map_err(bug)? };
        let certificate = certificate(&hand, name, made, days).map_err(bug)?;
        Ok(Self { hand, certificate })
    }

    /// Takes a key file and the certificate that was made for it.
    ///
    /// # Errors
    ///
    /// `E-KEYRING` for a certificate that cannot be read, `E-KEY` for one of
    /// another key, `E-SIGNING-KEY` for one that expired or was revoked: hosts
    /// would refuse what it signs.
    pub fn open(place: &str, key: &'k KeyFile, certificate: &[u8], now: Timestamp) -> Result<Self, Problem> {
        let certificates = Keyring::read(place, certificate)?.certificates;
        let wanted = key.public().0;
        let own = |certificate: &SignedPublicKey| match certificate.primary_key.public_params() {
            PublicParams::EdDSALegacy(EddsaLegacyPublicParams::Ed25519 { key }) => key.to_bytes() == wanted,
            _ => false,
        };
        let Some(certificate) = certificates.into_iter().find(own) else {
            return Err(Problem::new("E-KEY", place, "is the certificate of another key than the key file", "name the .asc that was made with the key file"));
        };
        if let Some(fault) = keyring::primary_fault(&certificate, seconds(now), true) {
            return Err(Problem::new("E-SIGNING-KEY", place, format!("the key {fault}"), "make a new key with `plimsoll acquire key`, and give hosts its certificate first"));
        }
        Ok(Self { hand: Hand { key, public: certificate.primary_key.clone() }, certificate })
    }

    /// Fingerprint of the certificate, hex in upper case.
    pub fn fingerprint(&self) -> String {
        fingerprint(&self.certificate)
    }

    /// The certificate, armoured: what hosts are given as `Signed-By`.
    pub fn armoured(&self) -> Result<String, Problem> {
        self.certificate.to_armored_string(ArmorOptions::default()).map_err(bug)
    }

    /// The certificate as a keyring of one.
    pub fn keyring(&self) -> Keyring {
        Keyring { certificates: vec![self.certificate.clone()] }
    }

    /// Signs a text within itself, as `InRelease` is. Lines of the text must
    /// not end in white space and the last must end.
    pub fn sign_clear(&self, text: &str, now: Timestamp) -> Result<String, Problem> {
        let canonical = text.strip_suffix('\n').unwrap_or(text).replace('\n', "\r\n");
        let block = self.sign(SignatureType::Text, canonical.as_bytes(), now)?;
        let mut out = String::with_capacity(text.len() + block.len() + 128);
        out.push_str("-----BEGIN PGP SIGNED MESSAGE-----\nHash: SHA512\n\n");
        for line in text.lines() {
            if line.starts_with('-') {
                out.push_str("- ");
            }
            out.push_str(line);
            out.push('\n');
        }
        out.push_str(&block);
        Ok(out)
    }

    /// Signs bytes; the armoured signature lies beside them.
    pub fn sign_detached(&self, bytes: &[u8], now: Timestamp) -> Result<String, Problem> {
        self.sign(SignatureType::Binary, bytes, now)
    }

    fn sign(&self, kind: SignatureType, bytes: &[u8], now: Timestamp) -> Result<String, Problem> {
        let config = self.hand.config(kind, seconds(now), Vec::new()).map_err(bug)?;
        let signature = config.sign(&self.hand, &Password::empty(), bytes).map_err(bug)?;
        let mut out = Vec::new();
        armor::write(&pgp::composed::DetachedSignature::new(signature), BlockType::Signature, &mut out, None, true).map_err(bug)?;
        Ok(String::from_utf8_lossy(&out).into_owned())
    }
}

fn bug(error: pgp::errors::Error) -> Problem {
    Problem::new("E-KEY", "repository key", error.to_string(), "report this as a bug")
}

fn public(key: &PublicKey, made: u32) -> Result<packet::PublicKey, pgp::errors::Error> {
    let key = ed25519_dalek::VerifyingKey::from_bytes(&key.0)?;
    packet::PublicKey::from_inner(PubKeyInner::new(
        KeyVersion::V4,
        PublicKeyAlgorithm::EdDSALegacy,
        pgp::types::Timestamp::from_secs(made),
        None,
        PublicParams::EdDSALegacy(EddsaLegacyPublicParams::Ed25519 { key }),
    )?)
}

fn certificate(hand: &Hand<'_>, name: &str, made: Timestamp, days: u32) -> Result<SignedPublicKey, pgp::errors::Error> {
    let mut flags = KeyFlags::default();
    flags.set_certify(true);
    flags.set_sign(true);
    let mut more = vec![Subpacket::regular(SubpacketData::KeyFlags(flags))?, Subpacket::regular(SubpacketData::IsPrimary(true))?];
    if days > 0 {
        more.push(Subpacket::regular(SubpacketData::KeyExpirationTime(Duration::from_secs(days.saturating_mul(86_400))))?);
    }
    let id = UserId::from_str(PacketHeaderVersion::New, name)?;
    let config = hand.config(SignatureType::CertPositive, seconds(made), more)?;
    let signature: Signature = config.sign_certification(hand, &hand.public, &Password::empty(), Tag::UserId, &id)?;
    let details = SignedKeyDetails::new(Vec::new(), Vec::new(), vec![SignedUser::new(id, vec![signature])], Vec::new());
    Ok(SignedPublicKey::new(hand.public.clone(), details, Vec::new()))
}

/// What signs for the library: our own key file.
struct Hand<'k> {
    key: &'k KeyFile,
    public: packet::PublicKey,
}

impl Hand<'_> {
    fn config(&self, kind: SignatureType, made: u32, more: Vec<Subpacket>) -> Result<SignatureConfig, pgp::errors::Error> {
        let mut config = SignatureConfig::v4(kind, self.algorithm(), HashAlgorithm::Sha512);
        config.hashed_subpackets = vec![
            Subpacket::regular(SubpacketData::SignatureCreationTime(pgp::types::Timestamp::from_secs(made)))?,
            Subpacket::regular(SubpacketData::IssuerFingerprint(self.fingerprint()))?,
        ];
        config.hashed_subpackets.extend(more);
        config.unhashed_subpackets = vec![Subpacket::regular(SubpacketData::IssuerKeyId(self.legacy_key_id()))?];
        Ok(config)
    }
}

impl std::fmt::Debug for Hand<'_> {
    /// Shows the public half only.
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_tuple("Hand").field(&self.fingerprint()).finish()
    }
}

impl KeyDetails for Hand<'_> {
    fn version(&self) -> KeyVersion {
        self.public.version()
    }

    fn legacy_key_id(&self) -> KeyId {
        self.public.legacy_key_id()
    }

    fn fingerprint(&self) -> Fingerprint {
        self.public.fingerprint()
    }

    fn algorithm(&self) -> PublicKeyAlgorithm {
        self.public.algorithm()
    }

    fn created_at(&self) -> pgp::types::Timestamp {
        self.public.created_at()
    }

    fn legacy_v3_expiration_days(&self) -> Option<u16> {
        None
    }

    fn public_params(&self) -> &PublicParams {
        self.public.public_params()
    }
}

impl SigningKey for Hand<'_> {
    fn sign(&self, _: &Password, _: HashAlgorithm, digest: &[u8]) -> Result<SignatureBytes, pgp::errors::Error> {
        let signature = self.key.sign(digest);
        let (r, s) = signature.split_at(32);
        Ok(vec![Mpi::from_slice(r), Mpi::from_slice(s)].into())
    }

    fn hash_alg(&self) -> HashAlgorithm {
        HashAlgorithm::Sha512
    }
}
