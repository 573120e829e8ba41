//! **Frozen sets**: what `set.json` says of a snapshot of repositories.
//!
//! A set is a folder that a web server or a disk hands to hosts. It is never
//! changed: a fix is added by making a new set that names its parent. `set.json`
//! lists every other file with length and SHA-256 and is signed beside it, so
//! that one signature covers indices, packages and evidence.

use crate::packages::apt::repository::Publisher;
use crate::protocol::digest;
use jiff::Timestamp;
use plimsoll_core::model::artefact::Artefact;
use plimsoll_core::model::problem::{Problem, printable};
use plimsoll_core::model::stream::Stream;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Largest `set.json`: a whole Debian with 64,000 packages needs 40 MB.
pub const LIMIT: u64 = 256 << 20;
/// Longest path within a set.
const PATH_LIMIT: usize = 512;

/// What a frozen set holds, and what proves it.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FrozenSet {
    /// Always [`FrozenSet::SCHEMA`].
    pub schema: String,
    /// Name that people gave it; a letter or digit, then also `.`, `-`, `_`, `+`.
    pub name: String,
    /// When it was made.
    pub created: Timestamp,
    /// The set it was made from.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub parent: Option<Parent>,
    /// One entry a repository that hosts name.
    pub trees: Vec<Tree>,
    /// What proves the artefacts.
    pub proofs: Vec<Proof>,
    /// Every file of the set but `set.json` and its signature, by path.
    pub files: BTreeMap<String, FileEntry>,
}

/// The set that another one was made from.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Parent {
    /// Its name.
    pub name: String,
    /// SHA-256 of its `set.json`, hex.
    pub digest: String,
}

/// Length and digest of a file.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FileEntry {
    /// SHA-256, lower-case hexadecimal.
    pub sha256: String,
    /// Length in bytes.
    pub size: u64,
}

/// A repository within the set, as hosts name it.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Tree {
    /// The stream it is for.
    pub stream: Stream,
    /// Whose tools install from it.
    pub kind: TreeKind,
    /// Its folder within the set.
    pub folder: String,
    /// Suite that apt's sources name; for yum the name of the repository. Own
    /// packages are in one of the set's name.
    pub suite: String,
    /// What the publisher's `Release` calls itself, which that of a selection
    /// says again; none for yum, whole suites and own packages.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub publisher: Option<Publisher>,
    /// Components that apt's sources name.
    #[serde(default)]
    pub components: Vec<String>,
    /// Architectures.
    pub architectures: Vec<String>,
    /// Whether index and signature are the publisher's own, so that hosts keep
    /// the key they have; otherwise the set's own key signed a selection.
    pub upstream_signed: bool,
    /// Its packages by name, architecture and version.
    pub artefacts: Vec<Kept>,
}

/// Whose tools install from a tree.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum TreeKind {
    /// apt
    Apt,
    /// dnf, yum, zypper
    Yum,
}

/// One package of a set.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Kept {
    /// Which bytes, and whose index named them.
    pub artefact: Artefact,
    /// Its file within the set.
    pub file: String,
    /// Whether it was asked for by name, as an update of a host, or uploaded;
    /// false for dependencies and ways back.
    pub asked: bool,
}

/// What a publisher signed about artefacts, kept as it was fetched.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Proof {
    /// The repository, as artefacts name it.
    pub repository: String,
    /// What was signed and how.
    pub kind: ProofKind,
    /// The publisher's date.
    pub date: Option<Timestamp>,
    /// The end that the publisher stated.
    pub valid_until: Option<Timestamp>,
    /// When the signature was judged here, with the keyring of the operator.
    pub seen: Timestamp,
    /// Fingerprints of the certificates that signed; none where the publisher
    /// signs no metadata.
    pub signers: Vec<String>,
    /// The signed file within the set.
    pub signed: String,
    /// Its signature, where it lies beside.
    pub signature: Option<String>,
    /// Indices: the path that the signed file lists, and the file within the set.
    pub indices: BTreeMap<String, String>,
}

/// What was signed.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ProofKind {
    /// `InRelease`, or `Release` with `Release.gpg`.
    Release,
    /// `repomd.xml` with `repomd.xml.asc`, or without where the operator allows it.
    Repomd,
}

impl FrozenSet {
    /// Name and version of the form.
    pub const SCHEMA: &'static str = "plimsoll-frozen-set/1";

    /// Writes the form that is signed; the same set gives the same bytes.
    pub fn to_bytes(&self) -> Result<Vec<u8>, Problem> {
        let mut bytes = serde_json::to_vec_pretty(self)
            .map_err(|error| Problem::new("E-JSON", "set.json", error.to_string(), "report this as a bug"))?;
        bytes.push(b'\n');
        Ok(bytes)
    }

    /// Reads `set.json`; gives the set and its digest.
    ///
    /// # Errors
    ///
    /// `E-FORMAT` for another form, an unknown field, a path that leaves the
    /// set or has odd letters, a package or proof whose file is not listed or is
    /// listed with other bytes; `E-LIMIT` above 256 MiB.
    pub fn read(place: &str, bytes: &[u8]) -> Result<(Self, String), Problem> {
        let refuse = |text: String| Problem::new("E-FORMAT", place, text, "name a set that `plimsoll acquire freeze` or `import` made");
        if bytes.len() as u64 > LIMIT {
            return Err(Problem::new("E-LIMIT", place, format!("is {} bytes long, the limit is {LIMIT}", bytes.len()), "check where the set comes from"));
        }
        let set: Self = serde_json::from_slice(bytes).map_err(|error| refuse(format!("cannot be read: {}", printable(&error.to_string()))))?;
        if set.schema != Self::SCHEMA {
            return Err(refuse(format!("has the form \u{201c}{}\u{201d}, this program reads {}", printable(&set.schema), Self::SCHEMA)));
        }
        set.check().map_err(refuse)?;
        Ok((set, digest(bytes)))
    }

    fn check(&self) -> Result<(), String> {
        if !is_name(&self.name) {
            return Err(format!("\u{201c}{}\u{201d} is no name of a set", printable(&self.name)));
        }
        if let Some((path, _)) = self.files.iter().find(|(path, file)| !is_path(path) || !is_digest(&file.sha256)) {
            return Err(format!("lists the file \u{201c}{}\u{201d}, whose path or digest cannot be", printable(path)));
        }
        for tree in &self.trees {
            if !is_path(&tree.folder) || !is_name(&tree.suite) {
                return Err(format!("has a tree in \u{201c}{}\u{201d}, which cannot be", printable(&tree.folder)));
            }
            for kept in &tree.artefacts {
                let listed = self.files.get(&kept.file);
                let same = listed.is_some_and(|file| file.sha256 == kept.artefact.sha256 && file.size == kept.artefact.size);
                if !same || !kept.file.starts_with(&format!("{}/", tree.folder)) {
                    return Err(format!("{} is not among its files with the same bytes", printable(&kept.artefact.shown())));
                }
            }
        }
        let named = self.proofs.iter().flat_map(|proof| std::iter::once(&proof.signed).chain(&proof.signature).chain(proof.indices.values()));
        match named.into_iter().find(|path| !self.files.contains_key(*path)) {
            Some(path) => Err(format!("names \u{201c}{}\u{201d} as a proof and does not list it", printable(path))),
            None => Ok(()),
        }
    }

    /// Every package of the set.
    pub fn artefacts(&self) -> impl Iterator<Item = &Kept> {
        self.trees.iter().flat_map(|tree| &tree.artefacts)
    }
}

fn is_digest(text: &str) -> bool {
    crate::packages::apt::release::is_sha256(text)
}

/// Whether a text may name a set or a suite: it becomes part of paths and of
/// apt's sources.
pub fn is_name(text: &str) -> bool {
    text.len() <= 100
        && text.bytes().next().is_some_and(|byte| byte.is_ascii_alphanumeric())
        && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b".-_+".contains(&byte))
}

/// Whether a path stays within a set and has letters that every file system
/// and web server takes.
pub fn is_path(text: &str) -> bool {
    let part = |part: &str| {
        !matches!(part, "" | "." | "..")
            && part.len() <= 255
            && part.bytes().all(|byte| byte.is_ascii_alphanumeric() || b".-_+~:%=@^,".contains(&byte))
    };
    text.len() <= PATH_LIMIT && text.split('/').all(part)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn set() -> FrozenSet {
        let artefact = Artefact {
            name: "a".into(),
            version: "1:2".into(),
            arch: "amd64".into(),
            sha256: "a".repeat(64),
            size: 3,
            path: "pool/a.deb".into(),
            repository: "https://deb.example bookworm".into(),
        };
        let file = |sha256: &str, size| FileEntry { sha256: sha256.to_owned(), size };
        FrozenSet {
            schema: FrozenSet::SCHEMA.into(),
            name: "2026-11".into(),
            created: Timestamp::UNIX_EPOCH,
            parent: None,
            trees: vec![Tree {
                stream: Stream::release("debian", "12"),
                kind: TreeKind::Apt,
                folder: "debian-12".into(),
                suite: "2026-11".into(),
                publisher: None,
                components: vec!["main".into()],
                architectures: vec!["amd64".into()],
                upstream_signed: false,
                artefacts: vec![Kept { artefact, file: "debian-12/pool/a_1%3a2.deb".into(), asked: true }],
            }],
            proofs: Vec::new(),
            files: BTreeMap::from([("debian-12/pool/a_1%3a2.deb".to_owned(), file(&"a".repeat(64), 3))]),
        }
    }

    #[test]
    fn a_set_reads_back_and_lies_are_refused() {
        let bytes = set().to_bytes().unwrap();
        let (read, digest) = FrozenSet::read("set.json", &bytes).unwrap();
        assert_eq!((read, digest.len()), (set(), 64));
        let refused = |change: &dyn Fn(&mut FrozenSet)| {
            let mut set = set();
            change(&mut set);
            FrozenSet::read("set.json", &set.to_bytes().unwrap()).unwrap_err().code
        };
        let lies: [&dyn Fn(&mut FrozenSet); 7] = [
            &|set| set.schema = "other/1".into(),
            &|set| set.name = "../x".into(),
            &|set| set.trees[0].artefacts[0].artefact.size = 4,
            &|set| set.trees[0].artefacts[0].file = "debian-12/pool/b.deb".into(),
            &|set| set.trees[0].folder = "debian-13".into(),
            &|set| drop(set.files.insert("../etc/passwd".into(), FileEntry { sha256: "b".repeat(64), size: 1 })),
            &|set| drop(set.files.insert("x".into(), FileEntry { sha256: "B".repeat(64), size: 1 })),
        ];
        for lie in lies {
            assert_eq!(refused(lie), "E-FORMAT");
        }
        for wrong in ["/a", "a//b", "a/./b", "a/..", "", "a b", "a\nb", "a/"] {
            assert!(!is_path(wrong), "{wrong}");
        }
    }
}
