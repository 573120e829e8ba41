//! The trees of a set: what repositories, the parent and own packages bring.

use crate::arguments::Freeze;
use crate::printer::Failure;
use plimsoll_core::model::artefact::Artefact;
use plimsoll_core::model::problem::Problem;
use plimsoll_core::model::stream::Stream;
use plimsoll_core::phases::acquire::{Decision, Purpose};
use plimsoll_feeds::acquire;
use plimsoll_feeds::frozen::{DraftTree, Entry, Evidence, Opened, Upstream};
use plimsoll_formats::frozen_set::{ProofKind, TreeKind};
use plimsoll_formats::packages::{apt::index, yum};
use plimsoll_formats::protocol::digest;
use plimsoll_server::phases::acquire::Source;
use plimsoll_version::Scheme;
use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

/// What is taken from a repository, with its records as the publisher wrote
/// them.
pub(super) fn entries(source: &Source, decisions: &[Decision], everything: bool) -> Result<Vec<Entry>, Problem> {
    let name = &source.verified.offering.name;
    let mut asked: BTreeMap<String, (Artefact, bool)> = BTreeMap::new();
    if everything {
        let mut all = Vec::new();
        source.verified.offers(0, &mut all);
        for offer in all {
            let artefact = Artefact {
                name: offer.name.to_owned(),
                version: offer.version.to_owned(),
                arch: offer.arch.to_owned(),
                sha256: offer.sha256.to_owned(),
                size: offer.size,
                path: offer.path.to_owned(),
                repository: name.clone(),
            };
            asked.insert(artefact.sha256.clone(), (artefact, true));
        }
    } else {
        let wanted = decisions.iter().flat_map(|decision| &decision.artefacts).filter(|wanted| wanted.artefact.repository == *name);
        asked.extend(wanted.map(|wanted| (wanted.artefact.sha256.clone(), (wanted.artefact.clone(), wanted.purpose == Purpose::Asked))));
    }
    let digests: BTreeSet<&str> = asked.keys().map(String::as_str).collect();
    let mut records: BTreeMap<String, String> = BTreeMap::new();
    for text in source.verified.texts() {
        match source.verified.kind {
            ProofKind::Release => records.extend(index::stanzas(text, &digests).into_iter().map(|(digest, stanza)| (digest.to_owned(), stanza.to_owned()))),
            ProofKind::Repomd => records.extend(yum::elements(name, text, &digests)?.into_iter().map(|(digest, element)| (digest, element.to_owned()))),
        }
    }
    asked
        .into_iter()
        .map(|(digest, (artefact, asked))| match records.remove(&digest) {
            Some(record) => Ok(Entry { artefact, asked, record }),
            None => Err(Problem::new("E-FORMAT", artefact.shown(), "has no record that could be copied from its index", "report this as a bug")),
        })
        .collect()
}

/// Adds entries to the tree of their stream, or as a tree of their own where the
/// publisher's index is kept.
pub(super) fn add(trees: &mut Vec<DraftTree>, source: &Source, entries: Vec<Entry>, whole: bool) {
    let kind = if source.components.is_empty() { TreeKind::Yum } else { TreeKind::Apt };
    let extras = source.verified.extras.iter().map(|(path, bytes)| {
        let name = path.rsplit('/').next().unwrap_or_default();
        // createrepo's own digest before the name goes; ours is put there.
        let name = name.split_once('-').filter(|(digest, _)| digest.len() >= 32).map_or(name, |(_, rest)| rest);
        (acquire::metadata_kind(name).to_owned(), name.to_owned(), bytes.clone())
    });
    let publisher = source.verified.publisher.clone();
    // apt takes the part before a slash (`buster/updates`) for the suite's name.
    let suite = source.suite.split('/').next().unwrap_or_default().to_owned();
    if whole {
        trees.push(DraftTree {
            stream: source.stream.clone(),
            kind,
            suite: source.suite.clone(),
            publisher: None,
            architectures: source.architectures.clone(),
            entries,
            upstream: Some(upstream(source)),
            extras: Vec::new(),
        });
        return;
    }
    let same = |tree: &&mut DraftTree| {
        let named = match (&tree.publisher, &publisher) {
            (Some(known), Some(publisher)) => known.is_same(publisher),
            (None, None) => true,
            _ => false,
        };
        named && tree.upstream.is_none() && tree.stream == source.stream && tree.kind == kind && tree.suite == suite
    };
    match trees.iter_mut().find(same) {
        Some(tree) => {
            tree.entries.extend(entries);
            let more: BTreeSet<String> = tree.architectures.drain(..).chain(source.architectures.iter().cloned()).collect();
            tree.architectures = more.into_iter().collect();
            // What the publisher calls itself now, and its newer lists of errata
            // and modules.
            tree.publisher = publisher;
            for (kind, name, bytes) in extras {
                tree.extras.retain(|(known, _, _)| *known != kind);
                tree.extras.push((kind, name, bytes));
            }
        }
        None => trees.push(DraftTree {
            stream: source.stream.clone(),
            kind,
            suite,
            publisher,
            architectures: source.architectures.clone(),
            entries,
            upstream: None,
            extras: extras.collect(),
        }),
    }
}

/// The publisher's own files, at the places where apt looks for them.
fn upstream(source: &Source) -> Upstream {
    let verified = &source.verified;
    let base = format!("dists/{}", source.suite);
    let mut files = BTreeMap::new();
    match &verified.signature {
        None => drop(files.insert(format!("{base}/InRelease"), verified.signed.clone())),
        Some(signature) => {
            files.insert(format!("{base}/Release"), verified.signed.clone());
            files.insert(format!("{base}/Release.gpg"), signature.clone());
        }
    }
    for index in &verified.indices {
        let folder = index.path.rsplit_once('/').map_or("", |(folder, _)| folder);
        files.insert(format!("{base}/{}", index.path), index.bytes.clone());
        files.insert(format!("{base}/{folder}/by-hash/SHA256/{}", digest(&index.bytes)), index.bytes.clone());
    }
    Upstream { components: source.components.clone(), files }
}

/// Takes everything of the parent along.
pub(super) fn carry(
    parent: &Opened,
    trees: &mut Vec<DraftTree>,
    evidence: &mut Vec<Evidence>,
    carried: &mut BTreeMap<String, PathBuf>,
) -> Result<(), Problem> {
    let load = |path: &str| {
        let file = parent.folder.join(path);
        std::fs::read(&file).map_err(|error| Problem::new("E-READ", file.display().to_string(), error.to_string(), "check the parent set"))
    };
    for tree in &parent.set.trees {
        for kept in &tree.artefacts {
            carried.insert(kept.artefact.sha256.clone(), parent.folder.join(&kept.file));
        }
        let digests: BTreeSet<&str> = tree.artefacts.iter().map(|kept| kept.artefact.sha256.as_str()).collect();
        let own: BTreeSet<&str> = tree.artefacts.iter().map(|kept| kept.file.as_str()).collect();
        let below = format!("{}/", tree.folder);
        let others: Vec<(&str, &str)> = parent.set.files.keys().filter(|path| !own.contains(path.as_str())).filter_map(|path| Some((path.as_str(), path.strip_prefix(&below)?))).collect();
        let mut records: BTreeMap<String, String> = BTreeMap::new();
        let mut upstream = None;
        let mut extras = Vec::new();
        if tree.upstream_signed {
            let mut files = BTreeMap::new();
            for (path, inner) in &others {
                files.insert((*inner).to_owned(), load(path)?);
            }
            upstream = Some(Upstream { components: tree.components.clone(), files });
        } else {
            for (path, inner) in &others {
                if tree.kind == TreeKind::Apt && inner.ends_with("/Packages") {
                    let bytes = load(path)?;
                    let text = index::text(path, &bytes)?;
                    records.extend(index::stanzas(&text, &digests).into_iter().map(|(digest, stanza)| (digest.to_owned(), stanza.to_owned())));
                } else if tree.kind == TreeKind::Yum && inner.ends_with("-primary.xml.gz") {
                    let bytes = load(path)?;
                    let text = index::text(path, &bytes)?;
                    records.extend(yum::elements(path, &text, &digests)?.into_iter().map(|(digest, element)| (digest, element.to_owned())));
                } else if let Some((_, name)) = inner.strip_prefix("repodata/").and_then(|name| name.split_once('-')) {
                    extras.push((acquire::metadata_kind(name).to_owned(), name.to_owned(), load(path)?));
                }
            }
        }
        let entries = tree.artefacts.iter().map(|kept| Entry {
            artefact: kept.artefact.clone(),
            asked: kept.asked,
            record: records.get(&kept.artefact.sha256).cloned().unwrap_or_default(),
        });
        trees.push(DraftTree {
            stream: tree.stream.clone(),
            kind: tree.kind,
            suite: tree.suite.clone(),
            publisher: tree.publisher.clone(),
            architectures: tree.architectures.clone(),
            entries: entries.collect(),
            upstream,
            extras,
        });
    }
    for proof in &parent.set.proofs {
        let mut files = BTreeMap::new();
        for path in std::iter::once(&proof.signed).chain(&proof.signature).chain(proof.indices.values()) {
            files.insert(path.clone(), load(path)?);
        }
        evidence.push(Evidence { proof: proof.clone(), files });
    }
    Ok(())
}

/// Own packages, into a tree of their own for each stream, named like the set:
/// no publisher has them, and none is claimed.
pub(super) fn uploads(arguments: &Freeze, set: &str, trees: &mut Vec<DraftTree>) -> Result<BTreeMap<String, PathBuf>, Failure> {
    let mut files = BTreeMap::new();
    for path in &arguments.upload {
        let uploaded = acquire::upload(path)?;
        let stream = stream(arguments, uploaded.kind, trees)?;
        files.insert(uploaded.artefact.sha256.clone(), path.clone());
        let mut architectures: BTreeSet<String> = trees.iter().filter(|tree| tree.stream == stream).flat_map(|tree| tree.architectures.iter().cloned()).collect();
        if !matches!(uploaded.artefact.arch.as_str(), "all" | "noarch") {
            architectures.insert(uploaded.artefact.arch.clone());
        } else if architectures.is_empty() {
            architectures.insert(if uploaded.kind == TreeKind::Apt { "amd64" } else { "x86_64" }.to_owned());
        }
        let architectures = architectures.into_iter().collect();
        let entry = Entry { artefact: uploaded.artefact, asked: true, record: uploaded.record };
        let own = |tree: &&mut DraftTree| tree.stream == stream && tree.kind == uploaded.kind && is_own(tree);
        match trees.iter_mut().find(own) {
            Some(tree) => {
                tree.entries.push(entry);
                tree.architectures = architectures;
            }
            None => trees.push(DraftTree {
                stream,
                kind: uploaded.kind,
                suite: set.to_owned(),
                publisher: None,
                architectures,
                entries: vec![entry],
                upstream: None,
                extras: Vec::new(),
            }),
        }
    }
    for tree in trees.iter_mut().filter(|tree| is_own(tree)) {
        set.clone_into(&mut tree.suite);
    }
    Ok(files)
}

/// Whether a tree holds uploaded packages only.
fn is_own(tree: &DraftTree) -> bool {
    tree.upstream.is_none() && !tree.entries.is_empty() && tree.entries.iter().all(|entry| entry.artefact.repository == acquire::UPLOAD)
}

/// Which stream an own package is for.
fn stream(arguments: &Freeze, kind: TreeKind, trees: &[DraftTree]) -> Result<Stream, Failure> {
    let scheme = if kind == TreeKind::Apt { Scheme::Debian } else { Scheme::Rpm };
    let named = arguments.upload_stream.iter().map(|name| Stream::from_stored(&name.to_ascii_lowercase()));
    let mut named = named.filter(|stream| stream.scheme() == Some(scheme));
    let known: BTreeSet<&Stream> = trees.iter().filter(|tree| tree.kind == kind).map(|tree| &tree.stream).collect();
    match (named.next(), named.next(), known.first()) {
        (Some(stream), None, _) => Ok(stream),
        (None, _, Some(only)) if known.len() == 1 => Ok((*only).clone()),
        _ => Err(Failure::input(Problem::new("E-USAGE", "--upload", "it is not clear for which stream the packages are", "name one for each kind with `--upload-stream debian:12,rocky:9`"))),
    }
}
