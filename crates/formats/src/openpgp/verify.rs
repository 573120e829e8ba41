//! Judging signatures over a text.

use super::keyring::{self, Keyring, day, fingerprint, seconds};
use crate::packages::apt::release::clear_text;
use crate::packages::control;
use jiff::Timestamp;
use pgp::armor::{BlockType, Dearmor, DearmorOptions};
use pgp::composed::{SignedPublicKey, SignedPublicSubKey};
use pgp::packet::{Packet, PacketParser, Signature, SignatureType};
use pgp::types::{KeyDetails, VerifyingKey};
use plimsoll_core::model::problem::Problem;
use std::io::{BufReader, Cursor, Read};

/// Largest block of signatures: one has some 600 bytes, the base64 included.
const BLOCK_LIMIT: usize = 256 << 10;
/// Most signatures of one text; archives in the middle of a change of keys
/// have three.
const SIGNATURES: usize = 32;
/// Largest signed text: Debian's unstable InRelease has 200 KB.
const TEXT_LIMIT: usize = 32 << 20;
/// How far ahead of ours the signer's clock may be, in seconds.
const SKEW: u32 = 300;

const NEXT: &str = "fetch it again; if it stays, ask the repository's owner which key signs now, and use nothing of it until then";

/// A text and who signed it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Signed {
    /// The text that was signed, without what frames it.
    pub text: String,
    /// Good signatures, at least one.
    pub signers: Vec<Signer>,
}

/// One good signature.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Signer {
    /// Fingerprint of the certificate, hex in upper case.
    pub certificate: String,
    /// Fingerprint of the key of it that signed.
    pub key: String,
    /// When the signature was made, as the signer says.
    pub made: Timestamp,
}

impl Keyring {
    /// Verifies a clear-signed text (`InRelease`).
    ///
    /// The text that is returned is the text that was hashed: nothing else of
    /// the file can be mistaken for it. Signatures by keys that the keyring
    /// does not know are passed over, as apt does, since archives sign with the
    /// old and the new key in a change of keys.
    ///
    /// # Errors
    ///
    /// `E-UNSIGNED` no signature; `E-SIGNATURE` a known key's signature does
    /// not fit the text; `E-SIGNER` no known key signed; `E-SIGNING-KEY` the
    /// signing key or its signature expired, was revoked or is too weak.
    pub fn verify_clear(&self, place: &str, bytes: &[u8], now: Timestamp) -> Result<Signed, Problem> {
        bounded(place, bytes)?;
        let text = control_text(place, bytes)?;
        let (body, signed) = clear_text(place, text)?;
        if !signed {
            return Err(unsigned(place));
        }
        // The armour starts behind the text; `clear_text` has made sure that it
        // is one, and that nothing follows it.
        let block = text.rfind("-----BEGIN PGP SIGNATURE-----").and_then(|at| text.get(at..)).unwrap_or_default();
        let signatures = signatures(place, block.as_bytes())?;
        let signers = self.judge(place, &signatures, canonical(&body).as_bytes(), now)?;
        Ok(Signed { text: body.into_owned(), signers })
    }

    /// Verifies a text whose signature lies beside it (`Release` and
    /// `Release.gpg`, `repomd.xml` and `repomd.xml.asc`), armoured or not.
    ///
    /// # Errors
    ///
    /// As [`Keyring::verify_clear`].
    pub fn verify_detached(&self, place: &str, bytes: &[u8], signature: &[u8], now: Timestamp) -> Result<Vec<Signer>, Problem> {
        bounded(place, bytes)?;
        self.verify_large(place, bytes, signature, now)
    }

    /// The same for bytes of any length that are in memory anyway: a set's
    /// document, an rpm's header.
    ///
    /// # Errors
    ///
    /// As [`Keyring::verify_clear`].
    pub fn verify_large(&self, place: &str, bytes: &[u8], signature: &[u8], now: Timestamp) -> Result<Vec<Signer>, Problem> {
        let signatures = signatures(place, signature)?;
        self.judge(place, &signatures, bytes, now)
    }

    fn judge(&self, place: &str, signatures: &[Signature], bytes: &[u8], now: Timestamp) -> Result<Vec<Signer>, Problem> {
        let mut good = Vec::new();
        let mut fault = None;
        let mut unknown = Vec::new();
        for signature in signatures {
            match self.one(signature, bytes, seconds(now)) {
                Verdict::Good(signer) => good.push(signer),
                Verdict::Wrong(text) => return Err(Problem::new("E-SIGNATURE", place, text, NEXT)),
                Verdict::Refused(text) => fault = Some(text),
                Verdict::Unknown => unknown.extend(issuer(signature)),
            }
        }
        if !good.is_empty() {
            return Ok(good);
        }
        Err(match fault {
            Some(text) => Problem::new("E-SIGNING-KEY", place, text, NEXT),
            None if signatures.is_empty() => unsigned(place),
            None => Problem::new(
                "E-SIGNER",
                place,
                format!("is signed by {}, which is not in the keyring", if unknown.is_empty() { "an unnamed key".to_owned() } else { unknown.join(" and ") }),
                "name the keyring of this repository's owner; never take a key from the repository itself",
            ),
        })
    }

    fn one(&self, signature: &Signature, bytes: &[u8], now: u32) -> Verdict {
        let mut wrong = None;
        for certificate in &self.certificates {
            let primary = tried(certificate, None, &certificate.primary_key, signature, bytes, now);
            let subkeys = certificate.public_subkeys.iter().map(|subkey| tried(certificate, Some(subkey), &subkey.key, signature, bytes, now));
            // Lazily: most keys of a keyring are not the signature's.
            for verdict in std::iter::once(primary).chain(subkeys) {
                match verdict {
                    Verdict::Unknown => {}
                    Verdict::Wrong(_) => wrong = Some(verdict),
                    Verdict::Good(_) | Verdict::Refused(_) => return verdict,
                }
            }
        }
        wrong.unwrap_or(Verdict::Unknown)
    }
}

/// Tries one key of a certificate, its primary one where no subkey is given.
fn tried<K: VerifyingKey>(
    certificate: &SignedPublicKey,
    subkey: Option<&SignedPublicSubKey>,
    key: &K,
    signature: &Signature,
    bytes: &[u8],
    now: u32,
) -> Verdict {
    if !names(signature, key) {
        return Verdict::Unknown;
    }
    if !keyring::strong_hash(signature.hash_alg()) {
        let hash = signature.hash_alg().map_or_else(|| "an unknown hash".to_owned(), |hash| hash.to_string());
        return Verdict::Refused(format!("is signed over {hash}; SHA-256 is the weakest accepted"));
    }
    if !matches!(signature.typ(), Some(SignatureType::Binary | SignatureType::Text)) || !keyring::understood(signature) {
        return Verdict::Refused("carries a signature that was not made over a document, or one with rules that are not understood".to_owned());
    }
    if signature.verify(key, bytes).is_err() {
        return Verdict::Wrong(format!("does not carry what {} signed: the text or its signature was changed", fingerprint(key)));
    }
    accept(certificate, subkey, key, signature, now)
}

enum Verdict {
    Good(Signer),
    /// A known key, but the text is another one.
    Wrong(String),
    /// A known key and the right text, but the key does not count.
    Refused(String),
    Unknown,
}

/// Judges a signature whose numbers fit.
fn accept(certificate: &SignedPublicKey, subkey: Option<&SignedPublicSubKey>, key: &impl KeyDetails, signature: &Signature, now: u32) -> Verdict {
    let name = fingerprint(key);
    let refused = |text: String| Verdict::Refused(format!("is signed by {name}, which {text}"));
    let Some(made) = signature.created().map(|at| at.as_secs()) else {
        return refused("does not say when".to_owned());
    };
    if made > now.saturating_add(SKEW) {
        return refused(format!("signed in the future, on {}; the limit is {SKEW} s ahead of this machine's clock", day(made)));
    }
    if made < key.created_at().as_secs() {
        return refused(format!("was made on {}, after its signature", day(key.created_at().as_secs())));
    }
    let length = signature.signature_expiration_time().map_or(0, |length| length.as_secs());
    if length != 0 && made.saturating_add(length) <= now {
        return refused(format!("meant its signature to end on {}", day(made.saturating_add(length))));
    }
    let primary = keyring::primary_fault(certificate, now, subkey.is_none());
    let second = || subkey.and_then(|subkey| keyring::subkey_fault(&certificate.primary_key, subkey, now));
    if let Some(fault) = primary.or_else(second) {
        return refused(fault);
    }
    let made = Timestamp::from_second(i64::from(made)).unwrap_or(Timestamp::UNIX_EPOCH);
    Verdict::Good(Signer { certificate: fingerprint(certificate), key: name, made })
}

/// Whether a signature names this key, or names none.
fn names(signature: &Signature, key: &impl KeyDetails) -> bool {
    let (ids, prints) = (signature.issuer_key_id(), signature.issuer_fingerprint());
    (ids.is_empty() && prints.is_empty())
        || ids.iter().any(|id| **id == key.legacy_key_id())
        || prints.iter().any(|print| **print == key.fingerprint())
}

fn issuer(signature: &Signature) -> Option<String> {
    let print = signature.issuer_fingerprint().first().map(|print| print.to_string().to_ascii_uppercase());
    print.or_else(|| signature.issuer_key_id().first().map(|id| id.to_string().to_ascii_uppercase()))
}

fn unsigned(place: &str) -> Problem {
    Problem::new("E-UNSIGNED", place, "is not signed", "use a repository that signs its indices; nothing of this one is taken")
}

fn bounded(place: &str, bytes: &[u8]) -> Result<(), Problem> {
    if bytes.len() <= TEXT_LIMIT {
        return Ok(());
    }
    Err(Problem::new("E-LIMIT", place, format!("is {} bytes long, the limit for a signed text is {TEXT_LIMIT}", bytes.len()), "check the address"))
}

/// The file as text. Bytes that are no UTF-8 would have to be replaced, and
/// what was hashed would no longer be what is read.
fn control_text<'b>(place: &str, bytes: &'b [u8]) -> Result<&'b str, Problem> {
    match control::text(place, bytes)? {
        (std::borrow::Cow::Borrowed(text), None) => Ok(text),
        (_, problem) => Err(problem.unwrap_or_else(|| unsigned(place))),
    }
}

/// The form of a clear-signed text that is hashed: lines without white space at
/// their ends, parted by CR LF, none after the last (RFC 9580 section 7.2).
fn canonical(body: &str) -> String {
    let body = body.strip_suffix('\n').unwrap_or(body);
    let mut out = String::with_capacity(body.len() + body.len() / 16);
    for (count, line) in body.split('\n').enumerate() {
        if count > 0 {
            out.push_str("\r\n");
        }
        out.push_str(line.trim_end_matches([' ', '\t', '\r']));
    }
    out
}

/// The signatures of a block, armoured or not.
fn signatures(place: &str, block: &[u8]) -> Result<Vec<Signature>, Problem> {
    let bad = |text: String| Problem::new("E-SIGNATURE", place, text, NEXT);
    if block.len() > BLOCK_LIMIT {
        return Err(bad(format!("has {} bytes of signatures, the limit is {BLOCK_LIMIT}", block.len())));
    }
    let bytes = if block.trim_ascii_start().starts_with(b"-----BEGIN") {
        let options = DearmorOptions::new().set_limit(BLOCK_LIMIT);
        let mut armour = Dearmor::with_options(BufReader::new(Cursor::new(block)), options);
        let mut bytes = Vec::new();
        let read = armour.read_header().map_err(|error| error.to_string()).and_then(|()| armour.read_to_end(&mut bytes).map_err(|error| error.to_string()));
        read.map_err(|error| bad(format!("has a signature that cannot be read: {}", plimsoll_core::model::problem::printable(&error))))?;
        if armour.typ != Some(BlockType::Signature) {
            return Err(bad("has something else than a signature where its signature should be".to_owned()));
        }
        bytes
    } else {
        block.to_vec()
    };
    let mut found = Vec::new();
    for packet in PacketParser::new(Cursor::new(bytes)) {
        match packet {
            Ok(Packet::Signature(signature)) if found.len() < SIGNATURES => found.push(signature),
            Ok(Packet::Signature(_)) => return Err(bad(format!("has more than {SIGNATURES} signatures, which is the limit"))),
            Ok(_) => return Err(bad("has something else than a signature where its signature should be".to_owned())),
            Err(error) => return Err(bad(format!("has a signature that cannot be read: {}", plimsoll_core::model::problem::printable(&error.to_string())))),
        }
    }
    Ok(found)
}
