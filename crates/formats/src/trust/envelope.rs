//! What every signed document looks like: `{"signatures":[…],"signed":{…}}` in
//! canonical JSON (OLPC), and in no other spelling.

use super::key_file::Signs;
use crate::protocol::{digest, encode_hex};
use plimsoll_core::model::problem::Problem;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

/// Most signatures a document may carry: a root names at most 256 keys.
const SIGNATURE_LIMIT: usize = 256;

/// One signature.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Signature {
    /// Id of the key.
    pub keyid: String,
    /// Ed25519 signature over the canonical bytes of `signed`, hex.
    pub sig: String,
}

impl Signature {
    pub(super) fn new(keyid: String, key: &impl Signs, message: &[u8]) -> Result<Self, Problem> {
        Ok(Self { keyid, sig: encode_hex(&key.signature(message)?) })
    }
}

/// A document with its signatures, none of which is checked yet.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Envelope<T> {
    pub(super) signatures: Vec<Signature>,
    pub(super) signed: T,
}

/// Writes a value in the one form that is signed and digested.
pub(super) fn canonical(value: &impl Serialize) -> Vec<u8> {
    let mut out = Vec::new();
    let mut writer = serde_json::Serializer::with_formatter(&mut out, olpc_cjson::CanonicalFormatter::new());
    // Writing plain data into memory has no way to fail.
    let _ = value.serialize(&mut writer);
    out
}

impl<T: Serialize + DeserializeOwned> Envelope<T> {
    /// Reads a document that must be spelled canonically, so that no two byte
    /// strings mean the same and nothing rides along unsigned.
    pub(super) fn read(place: &str, bytes: &[u8], limit: usize) -> Result<Self, Problem> {
        let bad = |text: String| Problem::new("E-FORMAT", place, text, "fetch the document again from where it was signed");
        if bytes.len() > limit {
            return Err(bad(format!("is {} bytes long, the limit is {limit}", bytes.len())));
        }
        let envelope: Self = serde_json::from_slice(bytes).map_err(|error| bad(format!("is no signed document: {error}")))?;
        if envelope.signatures.len() > SIGNATURE_LIMIT {
            return Err(bad(format!("carries {} signatures, the limit is {SIGNATURE_LIMIT}", envelope.signatures.len())));
        }
        let written = canonical(&envelope);
        if written != bytes {
            let offset = written.iter().zip(bytes).take_while(|(one, other)| one == other).count();
            return Err(bad(format!("is not written canonically from byte {offset} on")));
        }
        Ok(envelope)
    }

    /// The bytes that signatures are over.
    pub(super) fn message(&self) -> Vec<u8> {
        canonical(&self.signed)
    }

    /// SHA-256 of those bytes, hex: signing does not change it.
    pub(super) fn digest(&self) -> String {
        digest(&self.message())
    }
}
