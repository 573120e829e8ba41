//! Writing a set: into a new folder beside its place, which is put there as a
//! whole when every byte is on the disk.

use super::pen::{Incoming, Pen};
use super::{DOCUMENT, SIGNATURE};
use crate::acquire::Verified;
use jiff::Timestamp;
use plimsoll_core::model::artefact::Artefact;
use plimsoll_core::model::problem::Problem;
use plimsoll_core::model::stream::Stream;
use plimsoll_formats::frozen_set::{FrozenSet, Kept, Parent, Proof, ProofKind, Tree, TreeKind, is_name};
use plimsoll_formats::openpgp::RepositoryKey;
use plimsoll_formats::packages::apt::index;
use plimsoll_formats::packages::apt::repository::{self, Publisher};
use plimsoll_formats::packages::yum;
use plimsoll_formats::protocol::digest;
use std::collections::{BTreeMap, BTreeSet};
use std::io::Write;
use std::path::Path;

/// Origin and label of own packages.
const OWN: &str = "Plimsoll";

/// What is to become a set.
pub struct Draft {
    /// Its name.
    pub name: String,
    /// The set it is made from.
    pub parent: Option<Parent>,
    /// Its repositories.
    pub trees: Vec<DraftTree>,
    /// What proves its artefacts.
    pub evidence: Vec<Evidence>,
}

/// One repository of it.
pub struct DraftTree {
    /// The stream.
    pub stream: Stream,
    /// Whose tools install from it.
    pub kind: TreeKind,
    /// Suite that apt's sources name, or the name of a yum repository.
    pub suite: String,
    /// What the publisher's `Release` calls itself; own packages have none.
    pub publisher: Option<Publisher>,
    /// Architectures.
    pub architectures: Vec<String>,
    /// Its packages.
    pub entries: Vec<Entry>,
    /// Whole suites only: the publisher's signed files and indices by their
    /// paths below the tree, written as they are.
    pub upstream: Option<Upstream>,
    /// Further files of `repodata`, by kind and file name.
    pub extras: Vec<(String, String, Vec<u8>)>,
}

/// A publisher's own index.
pub struct Upstream {
    /// Components that are here.
    pub components: Vec<String>,
    /// Files below the tree's folder.
    pub files: BTreeMap<String, Vec<u8>>,
}

/// One package of a tree.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Entry {
    /// Which bytes.
    pub artefact: Artefact,
    /// Whether it was asked for.
    pub asked: bool,
    /// Its record in the index, as the publisher wrote it; for yum the package
    /// of `primary.xml`.
    pub record: String,
}

/// What a publisher signed, with its bytes.
pub struct Evidence {
    /// As the set lists it; paths are below the set.
    pub proof: Proof,
    /// The files it names.
    pub files: BTreeMap<String, Vec<u8>>,
}

impl Evidence {
    /// Takes what was verified; files are named by what was signed, so that the
    /// same evidence of two sets is the same files.
    pub fn of(verified: &Verified, now: Timestamp) -> Self {
        let folder = format!("evidence/{}", digest(&verified.signed).get(..16).unwrap_or_default());
        let (signed_name, signature_name) = match verified.kind {
            ProofKind::Release if verified.signature.is_none() => ("InRelease", ""),
            ProofKind::Release => ("Release", "Release.gpg"),
            ProofKind::Repomd => ("repomd.xml", "repomd.xml.asc"),
        };
        let signed = format!("{folder}/{signed_name}");
        let mut files = BTreeMap::from([(signed.clone(), verified.signed.clone())]);
        let signature = verified.signature.as_ref().map(|bytes| {
            let path = format!("{folder}/{signature_name}");
            files.insert(path.clone(), bytes.clone());
            path
        });
        let mut indices = BTreeMap::new();
        for index in &verified.indices {
            let path = format!("{folder}/{}", digest(&index.bytes));
            files.insert(path.clone(), index.bytes.clone());
            indices.insert(index.path.clone(), path);
        }
        let proof = Proof {
            repository: verified.offering.name.clone(),
            kind: verified.kind,
            date: verified.date,
            valid_until: verified.valid_until,
            seen: now,
            signers: verified.signers.clone(),
            signed,
            signature,
            indices,
        };
        Self { proof, files }
    }
}

/// Writes a set into a folder that must not exist yet; gives it and its digest.
///
/// `place` writes one artefact to a file that does not exist yet and vouches
/// for its content. Killed anywhere, the folder is whole or not there; what was
/// begun lies beside it, named `.incoming-…`.
///
/// # Errors
///
/// `E-USAGE` for a name that cannot be, `E-EXISTS` where something is at the
/// place: sets are never changed. Whatever `place` gives.
pub fn write(
    to: &Path,
    draft: Draft,
    key: &RepositoryKey<'_>,
    now: Timestamp,
    place: &dyn Fn(&Artefact, &Path) -> Result<(), Problem>,
) -> Result<(FrozenSet, String), Problem> {
    if !is_name(&draft.name) {
        return Err(Problem::new("E-USAGE", &draft.name, "is no name for a set", "use letters, digits, `.`, `-`, `_` and `+`, a letter or digit first"));
    }
    let folder = Incoming::beside(to)?;
    let mut pen = Pen { root: folder.path.clone(), files: BTreeMap::new() };
    let mut trees = Vec::new();
    let mut taken = Folders::default();
    for tree in draft.trees {
        trees.push(one_tree(&mut pen, &mut taken, &draft.name, tree, key, now, place)?);
    }
    let mut proofs = Vec::new();
    for evidence in draft.evidence {
        for (path, bytes) in &evidence.files {
            if !pen.files.contains_key(path) {
                pen.put(path, bytes)?;
            }
        }
        proofs.push(evidence.proof);
    }
    proofs.sort_by(|left, right| (&left.repository, &left.signed).cmp(&(&right.repository, &right.signed)));
    proofs.dedup();
    let set = FrozenSet { schema: FrozenSet::SCHEMA.to_owned(), name: draft.name, created: now, parent: draft.parent, trees, proofs, files: pen.files.clone() };
    let bytes = set.to_bytes()?;
    let (_, named) = FrozenSet::read(DOCUMENT, &bytes)?;
    pen.put(DOCUMENT, &bytes)?;
    pen.put(SIGNATURE, key.sign_detached(&bytes, now)?.as_bytes())?;
    folder.finish(to)?;
    Ok((set, named))
}

fn one_tree(
    pen: &mut Pen,
    taken: &mut Folders,
    name: &str,
    mut tree: DraftTree,
    key: &RepositoryKey<'_>,
    now: Timestamp,
    place: &dyn Fn(&Artefact, &Path) -> Result<(), Problem>,
) -> Result<Tree, Problem> {
    let folder = taken.take(&tree);
    tree.entries.sort_by(|left, right| sorted(&left.artefact).cmp(&sorted(&right.artefact)));
    tree.entries.dedup_by(|later, first| {
        let same = later.artefact.sha256 == first.artefact.sha256;
        first.asked |= same && later.asked;
        same
    });
    let mut artefacts = Vec::new();
    let mut records: Vec<(String, String)> = Vec::new();
    for entry in std::mem::take(&mut tree.entries) {
        let below = match tree.upstream {
            Some(_) => entry.artefact.path.trim_start_matches("./").to_owned(),
            None => stored_name(&entry.artefact),
        };
        let file = format!("{folder}/{below}");
        pen.artefact(&file, &entry.artefact, place)?;
        if tree.upstream.is_none() {
            let record = match tree.kind {
                TreeKind::Apt => index::moved(&entry.record, &below),
                TreeKind::Yum => yum::moved(&entry.record, &below),
            };
            records.push((entry.artefact.arch.clone(), record));
        }
        artefacts.push(Kept { artefact: entry.artefact, file, asked: entry.asked });
    }
    let components = match (&tree.upstream, tree.kind) {
        (Some(upstream), _) => {
            for (path, bytes) in &upstream.files {
                pen.put(&format!("{folder}/{path}"), bytes)?;
            }
            upstream.components.clone()
        }
        (None, TreeKind::Apt) => {
            apt_index(pen, &folder, name, &tree, &records, key, now)?;
            vec!["main".to_owned()]
        }
        (None, TreeKind::Yum) => {
            yum_index(pen, &folder, &records, &tree.extras, key, now)?;
            Vec::new()
        }
    };
    Ok(Tree {
        stream: tree.stream,
        kind: tree.kind,
        folder,
        suite: tree.suite,
        publisher: tree.publisher,
        components,
        architectures: tree.architectures,
        upstream_signed: tree.upstream.is_some(),
        artefacts,
    })
}

/// Folders of trees: suites of one stream share one, as archives have it; a
/// publisher's own files and `repodata` have one to themselves.
#[derive(Default)]
struct Folders(BTreeMap<String, BTreeSet<String>>);

impl Folders {
    fn take(&mut self, tree: &DraftTree) -> String {
        let clean = |text: &str| -> String { text.chars().map(|sign| if sign.is_ascii_alphanumeric() || sign == '.' { sign } else { '-' }).collect() };
        let mut base = clean(tree.stream.as_str());
        if tree.kind == TreeKind::Yum {
            base = format!("{base}-{}", clean(&tree.suite));
        }
        let shared = tree.kind == TreeKind::Apt && tree.upstream.is_none();
        let mut folder = base.clone();
        let mut count = 1;
        loop {
            let suites = self.0.entry(folder.clone()).or_default();
            // An empty name stands for a tree that shares with nobody.
            let free = suites.is_empty() || shared && !suites.contains("") && !suites.contains(&tree.suite);
            if free {
                suites.insert(if shared { tree.suite.clone() } else { String::new() });
                return folder;
            }
            count += 1;
            folder = format!("{base}-{count}");
        }
    }
}

fn sorted(artefact: &Artefact) -> (&str, &str, &str, &str, &str) {
    (&artefact.name, &artefact.arch, &artefact.version, &artefact.sha256, &artefact.repository)
}

/// Where an artefact lies in a tree of one's own: by its content, so that two
/// files of one name do not meet, under the name that people know.
fn stored_name(artefact: &Artefact) -> String {
    let last = artefact.path.rsplit('/').next().unwrap_or_default();
    let odd = |byte: u8| !(byte.is_ascii_alphanumeric() || b".-_+~".contains(&byte));
    let clean: String = last.bytes().map(|byte| if odd(byte) { '_' } else { char::from(byte) }).collect();
    let clean = clean.trim_start_matches('.');
    let kept = clean.get(clean.len().saturating_sub(200)..).unwrap_or(clean);
    format!("pool/{}/{kept}", artefact.sha256.get(..16).unwrap_or_default())
}

fn apt_index(
    pen: &mut Pen,
    folder: &str,
    set: &str,
    tree: &DraftTree,
    records: &[(String, String)],
    key: &RepositoryKey<'_>,
    now: Timestamp,
) -> Result<(), Problem> {
    let (name, architectures) = (&tree.suite, &tree.architectures);
    let mut files: BTreeMap<String, Vec<u8>> = BTreeMap::new();
    for arch in architectures {
        let own = records.iter().filter(|(stated, _)| stated == arch || stated == "all").map(|(_, record)| record.as_str());
        let plain = repository::packages(own).into_bytes();
        files.insert(format!("main/binary-{arch}/Packages.gz"), gzip(&plain)?);
        files.insert(format!("main/binary-{arch}/Packages"), plain);
    }
    let named = tree.publisher.clone().unwrap_or_else(|| Publisher::own(OWN, name));
    let description = format!("Plimsoll\u{2019}s frozen set {set}: a selection, signed by whoever made it, and never changed");
    let suite = repository::Suite { named: &named, description: &description, architectures, date: now };
    let release = repository::release(&suite, &files);
    for (path, bytes) in &files {
        pen.put(&format!("{folder}/dists/{name}/{path}"), bytes)?;
        let by_hash = path.rsplit_once('/').map_or("", |(folder, _)| folder);
        pen.put(&format!("{folder}/dists/{name}/{by_hash}/by-hash/SHA256/{}", digest(bytes)), bytes)?;
    }
    pen.put(&format!("{folder}/dists/{name}/InRelease"), key.sign_clear(&release, now)?.as_bytes())?;
    pen.put(&format!("{folder}/dists/{name}/Release"), release.as_bytes())?;
    pen.put(&format!("{folder}/dists/{name}/Release.gpg"), key.sign_detached(release.as_bytes(), now)?.as_bytes())
}

fn yum_index(
    pen: &mut Pen,
    folder: &str,
    records: &[(String, String)],
    extras: &[(String, String, Vec<u8>)],
    key: &RepositoryKey<'_>,
    now: Timestamp,
) -> Result<(), Problem> {
    let primary = yum::write_primary(records.iter().map(|(_, record)| record.as_str()).collect::<Vec<_>>().into_iter());
    let packed = gzip(primary.as_bytes())?;
    let mut files: Vec<(&str, String, &[u8])> = vec![("primary", format!("repodata/{}-primary.xml.gz", digest(&packed)), &packed)];
    for (kind, name, bytes) in extras {
        files.push((kind, format!("repodata/{}-{name}", digest(bytes)), bytes));
    }
    for (_, path, bytes) in &files {
        pen.put(&format!("{folder}/{path}"), bytes)?;
    }
    let listed: Vec<(&str, &str, &[u8])> = files.iter().map(|(kind, path, bytes)| (*kind, path.as_str(), *bytes)).collect();
    let repomd = yum::write_repomd(&listed, now);
    pen.put(&format!("{folder}/repodata/repomd.xml"), repomd.as_bytes())?;
    pen.put(&format!("{folder}/repodata/repomd.xml.asc"), key.sign_detached(repomd.as_bytes(), now)?.as_bytes())
}

/// Packs without a time, so that the same index gives the same bytes.
fn gzip(bytes: &[u8]) -> Result<Vec<u8>, Problem> {
    let mut packer = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
    packer.write_all(bytes).and_then(|()| packer.finish()).map_err(|error| Problem::new("E-WRITE", "index", error.to_string(), "check the memory of this machine"))
}
