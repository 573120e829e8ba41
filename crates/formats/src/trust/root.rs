//! The **root document**: which keys count for what, and how many of them
//! must sign.
//!
//! It is `root.json` of The Update Framework 1.0 (sections 4.3 and 5.3):
//! canonical JSON, key ids that are SHA-256 digests of the keys, thresholds of
//! distinct keys, a version that never goes back and an expiry.

use super::envelope::{Envelope, Signature, canonical};
use super::key_file::{KeyFile, PublicKey, Signs};
use crate::protocol::{decode_hex, digest};
use jiff::Timestamp;
use plimsoll_core::model::problem::Problem;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};

/// Largest root document, as `tough` bounds it.
const LIMIT: usize = 1 << 20;
/// Keys a document may name; an organisation has a handful of approvers.
const KEY_LIMIT: usize = 256;
/// Version of the specification that is written.
const SPECIFICATION: &str = "1.0.31";

/// What a set of keys is trusted for.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Role {
    /// Changing this document.
    Root,
    /// Approving what hosts may install.
    Targets,
    /// Naming the whole of what is approved; kept online.
    Snapshot,
    /// Saying that it is fresh; kept online.
    Timestamp,
}

/// The document itself.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Root {
    #[serde(rename = "_type")]
    kind: String,
    consistent_snapshot: bool,
    /// After this instant nobody may rely on it.
    pub expires: Timestamp,
    keys: BTreeMap<String, Key>,
    roles: BTreeMap<Role, Keys>,
    spec_version: String,
    /// Rises by one with each change.
    pub version: u64,
}

#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Key {
    keytype: String,
    keyval: KeyValue,
    /// Whose it is; the specification lets a key carry more than it names. No
    /// two of one person's keys count together.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    person: Option<String>,
    scheme: String,
}

#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct KeyValue {
    public: String,
}

#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Keys {
    keyids: Vec<String>,
    threshold: usize,
}

/// Keys for a first root document.
pub struct RootKeys<'a, K = KeyFile> {
    /// Held by people: they change the root and approve packages. Names are
    /// unique.
    pub people: &'a [(String, K)],
    /// How many of them must sign.
    pub threshold: usize,
    /// Held by the server: it says what is fresh and can approve nothing.
    pub online: PublicKey,
}

/// A root document whose signatures were checked.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct SignedRoot {
    /// What it says.
    pub root: Root,
    bytes: Vec<u8>,
}

fn identity(key: &Key) -> String {
    digest(&canonical(key))
}

fn named(key: PublicKey, person: Option<&str>) -> (String, Key) {
    let key = Key {
        keytype: "ed25519".to_owned(),
        keyval: KeyValue { public: key.hex() },
        person: person.map(str::to_owned),
        scheme: "ed25519".to_owned(),
    };
    (identity(&key), key)
}

fn refused(place: &str, code: &str, text: impl Into<String>) -> Problem {
    Problem::new(code, place, text, "get the root document from the people who hold the keys, and compare its digest with them")
}

impl Root {
    fn check(&self, place: &str) -> Result<(), Problem> {
        if self.kind != "root" || !self.spec_version.starts_with("1.") || self.version == 0 {
            return Err(refused(place, "E-ROOT-FORMAT", format!("is of type {:?}, specification {:?}, version {}; a root document of specification 1 with a version from 1 is needed", self.kind, self.spec_version, self.version)));
        }
        if self.keys.len() > KEY_LIMIT {
            return Err(refused(place, "E-ROOT-FORMAT", format!("names {} keys, the limit is {KEY_LIMIT}", self.keys.len())));
        }
        for (id, key) in &self.keys {
            // One key under two ids would count twice (CVE-2020-15093).
            if key.keytype != "ed25519" || key.scheme != "ed25519" || PublicKey::parse(&key.keyval.public).is_none() || identity(key) != *id {
                return Err(refused(place, "E-ROOT-FORMAT", format!("names the key {id} that is no Ed25519 key with this id")));
            }
        }
        let public: BTreeSet<&str> = self.keys.values().map(|key| key.keyval.public.as_str()).collect();
        if public.len() != self.keys.len() {
            return Err(refused(place, "E-ROOT-FORMAT", "names one key twice, under two people"));
        }
        for role in [Role::Root, Role::Targets, Role::Snapshot, Role::Timestamp] {
            let Some(keys) = self.roles.get(&role) else {
                return Err(refused(place, "E-ROOT-FORMAT", format!("has no role {role:?}")));
            };
            let distinct: BTreeSet<&String> = keys.keyids.iter().collect();
            let known = distinct.iter().all(|id| self.keys.contains_key(*id));
            if keys.threshold == 0 || distinct.len() != keys.keyids.len() || distinct.len() < keys.threshold || !known {
                return Err(refused(place, "E-ROOT-FORMAT", format!("asks {} signatures of {} distinct known keys for the role {role:?}", keys.threshold, distinct.len())));
            }
        }
        Ok(())
    }

    /// Public keys and threshold of a role.
    pub fn keys(&self, role: Role) -> (Vec<PublicKey>, usize) {
        let Some(keys) = self.roles.get(&role) else { return (Vec::new(), usize::MAX) };
        let found = keys.keyids.iter().filter_map(|id| PublicKey::parse(&self.keys.get(id)?.keyval.public)).collect();
        (found, keys.threshold)
    }

    /// Id of a key, where this document names it.
    pub(super) fn id_of(&self, key: PublicKey) -> Option<&str> {
        let public = key.hex();
        self.keys.iter().find(|(_, known)| known.keyval.public == public).map(|(id, _)| id.as_str())
    }

    /// Whose key it is, where this document says so.
    pub fn person_of(&self, keyid: &str) -> Option<&str> {
        self.keys.get(keyid)?.person.as_deref()
    }

    /// Whether this document names somebody so.
    pub fn mentions(&self, word: &str) -> bool {
        self.keys.values().filter_map(|key| key.person.as_deref()).any(|person| person.eq_ignore_ascii_case(word))
    }

    /// Whether one key alone approves: an evaluation, which must say so
    /// wherever it shows.
    pub fn is_evaluation(&self) -> bool {
        self.roles.get(&Role::Targets).is_none_or(|keys| keys.keyids.len() == 1)
    }

    /// Checks that enough people of the role that approves signed a message.
    ///
    /// People count, not keys, and the author does not, but in an evaluation,
    /// where nobody else could.
    ///
    /// # Errors
    ///
    /// `E-SIG-THRESHOLD`, or `E-SOD` where only the author is in the way.
    pub(super) fn approves(&self, place: &str, message: &[u8], signatures: &[Signature], author: &str) -> Result<(), Problem> {
        let signers = self.signers(Role::Targets, message, signatures);
        let people: BTreeSet<&str> = signers.iter().map(|id| self.person_of(id).unwrap_or(id)).collect();
        let threshold = self.keys(Role::Targets).1;
        let counted = people.iter().filter(|person| self.is_evaluation() || **person != author).count();
        if counted >= threshold {
            return Ok(());
        }
        let (code, text) = if people.len() >= threshold {
            ("E-SOD", format!("is signed by its author {author}, whose signature does not count; {counted} others signed, {threshold} are needed"))
        } else {
            ("E-SIG-THRESHOLD", format!("is signed by {counted} of {threshold} people"))
        };
        Err(Problem::new(code, place, text, "have somebody else of the root's people sign it: `plimsoll package sign`"))
    }

    /// Distinct keys of `role` whose signature over `message` holds.
    pub(super) fn signers<'a>(&self, role: Role, message: &[u8], signatures: &'a [Signature]) -> BTreeSet<&'a str> {
        let mut counted = BTreeSet::new();
        let Some(keys) = self.roles.get(&role) else { return counted };
        for signature in signatures {
            let holds = || {
                let key = PublicKey::parse(&self.keys.get(&signature.keyid)?.keyval.public)?;
                Some(key.verifies(message, &decode_hex(&signature.sig)?))
            };
            if keys.keyids.contains(&signature.keyid) && holds() == Some(true) {
                counted.insert(signature.keyid.as_str());
            }
        }
        counted
    }
}

impl SignedRoot {
    /// Makes and signs the first root document.
    ///
    /// # Errors
    ///
    /// `E-ROOT-FORMAT` where the threshold cannot be met, `E-KEY` where a token
    /// does not sign.
    pub fn first<K: Signs>(keys: &RootKeys<'_, K>, expires: Timestamp) -> Result<Self, Problem> {
        let people: Vec<(String, Key)> = keys.people.iter().map(|(person, key)| named(key.public(), Some(person))).collect();
        let online = named(keys.online, None);
        let ids: Vec<String> = people.iter().map(|(id, _)| id.clone()).collect();
        let theirs = Keys { keyids: ids.clone(), threshold: keys.threshold };
        let servers = Keys { keyids: vec![online.0.clone()], threshold: 1 };
        let root = Root {
            kind: "root".to_owned(),
            consistent_snapshot: true,
            // The specification writes whole seconds.
            expires: Timestamp::from_second(expires.as_second()).unwrap_or(expires),
            keys: people.into_iter().chain([online]).collect(),
            roles: [(Role::Root, theirs.clone()), (Role::Targets, theirs), (Role::Snapshot, servers.clone()), (Role::Timestamp, servers)].into(),
            spec_version: SPECIFICATION.to_owned(),
            version: 1,
        };
        root.check("new root document")?;
        let message = canonical(&root);
        let signatures = keys
            .people
            .iter()
            .zip(&ids)
            .map(|((_, key), id)| Signature::new(id.clone(), key, &message))
            .collect::<Result<_, _>>()?;
        let bytes = canonical(&Envelope { signatures, signed: root.clone() });
        Ok(Self { root, bytes })
    }

    /// Reads a document that its own keys signed, as the first one is taken:
    /// whether to trust those keys is settled by comparing [`Self::digest`].
    ///
    /// # Errors
    ///
    /// `E-ROOT-FORMAT` for what is no root document, `E-ROOT-SIG` where too few
    /// of its keys signed it.
    pub fn read(place: &str, bytes: &[u8]) -> Result<Self, Problem> {
        let envelope = parse(place, bytes)?;
        let message = envelope.message();
        require(place, &envelope.signed, &envelope.signed, &message, &envelope.signatures)?;
        Ok(Self { root: envelope.signed, bytes: bytes.to_vec() })
    }

    /// Follows a change of the root: the next version, signed by enough of the
    /// old keys and enough of the new.
    ///
    /// # Errors
    ///
    /// `E-ROOT-GAP` where a version is left out, `E-ROLLBACK` where it goes
    /// back, otherwise as [`Self::read`].
    pub fn follow(&self, place: &str, bytes: &[u8]) -> Result<Self, Problem> {
        let envelope = parse(place, bytes)?;
        let (old, new) = (self.root.version, envelope.signed.version);
        if new <= old {
            return Err(refused(place, "E-ROLLBACK", format!("is version {new}, this host holds {old}")));
        }
        if new != old + 1 {
            return Err(refused(place, "E-ROOT-GAP", format!("is version {new} after {old}; each version must be seen in turn")));
        }
        let message = envelope.message();
        require(place, &self.root, &envelope.signed, &message, &envelope.signatures)?;
        require(place, &envelope.signed, &envelope.signed, &message, &envelope.signatures)?;
        Ok(Self { root: envelope.signed, bytes: bytes.to_vec() })
    }

    /// The document's bytes.
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// SHA-256 of the bytes, hex: what a join command carries and people compare.
    pub fn digest(&self) -> String {
        digest(&self.bytes)
    }
}

/// Reads a document in any spelling: other tools of the specification write
/// it too, and what is pinned and compared is the digest of its bytes.
fn parse(place: &str, bytes: &[u8]) -> Result<Envelope<Root>, Problem> {
    if bytes.len() > LIMIT {
        return Err(refused(place, "E-ROOT-FORMAT", format!("is {} bytes long, the limit is {LIMIT}", bytes.len())));
    }
    let envelope: Envelope<Root> = serde_json::from_slice(bytes)
        .map_err(|error| refused(place, "E-ROOT-FORMAT", format!("is no root document: {error}")))?;
    envelope.signed.check(place)?;
    Ok(envelope)
}

fn require(place: &str, by: &Root, of: &Root, message: &[u8], signatures: &[Signature]) -> Result<(), Problem> {
    let signed = by.signers(Role::Root, message, signatures).len();
    let (_, threshold) = by.keys(Role::Root);
    if signed < threshold {
        let text = format!("version {} is signed by {signed} of the keys of version {}, {threshold} are needed", of.version, by.version);
        return Err(refused(place, "E-ROOT-SIG", text));
    }
    Ok(())
}

#[cfg(test)]
mod tests;
