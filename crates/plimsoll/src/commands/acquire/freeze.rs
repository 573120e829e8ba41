//! `plimsoll acquire freeze`: from decisions, a parent and own packages to a
//! set.

use super::gathered::{Gathered, Source, artefacts};
use super::{certificate_of, kept, tell};
use crate::arguments::{Freeze, PlainFormat};
use crate::printer::{Failure, Outcome, Printer};
use jiff::Timestamp;
use plimsoll_core::model::artefact::Artefact;
use plimsoll_core::model::problem::Problem;
use plimsoll_core::model::stream::Stream;
use plimsoll_core::phases::acquire::{Decision, Purpose};
use plimsoll_feeds::acquire;
use plimsoll_feeds::frozen::{self, Draft, DraftTree, Entry, Evidence, Opened, Upstream};
use plimsoll_formats::frozen_set::{FrozenSet, Parent, ProofKind, TreeKind};
use plimsoll_formats::openpgp::RepositoryKey;
use plimsoll_formats::packages::{apt::index, yum};
use plimsoll_formats::protocol::digest;
use plimsoll_formats::trust::KeyFile;
use plimsoll_store::artefacts::Artefacts;
use serde_json::json;
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

/// Largest key file or certificate read.
const KEY_LIMIT: u64 = 1 << 20;

/// Makes a set.
pub(super) fn run(arguments: &Freeze, printer: &Printer) -> Result<Outcome, Failure> {
    let what = &arguments.what;
    let key_file = key(arguments)?;
    let certificate = certificate_of(&arguments.key);
    let bytes = crate::input::read(&certificate, KEY_LIMIT).map_err(|text| {
        Failure::input(Problem::new("E-INPUT", certificate.display().to_string(), text, "keep the certificate beside the key, as `acquire key` wrote it"))
    })?;
    let key = RepositoryKey::open(&certificate.display().to_string(), &key_file, &bytes, Timestamp::now())?;
    let parent = match &arguments.parent {
        Some(folder) => Some(frozen::open(folder, &key.keyring(), Timestamp::now())?),
        None => None,
    };
    let gathered = Gathered::read(what, printer)?;
    let decisions = gathered.decide(what)?;
    tell(&decisions, printer);
    if !what.incomplete && !decisions.iter().all(Decision::complete) {
        printer.say("Nothing was frozen, because something that is needed is missing; `--incomplete` goes on without it.");
        return Ok(Outcome::No);
    }
    let everything = arguments.whole && what.scan.is_empty() && what.packages.is_empty();
    if arguments.whole && gathered.sources.iter().any(|source| source.suite.is_none()) {
        return Err(Failure::input(Problem::new("E-USAGE", "--whole", "is for suites of apt only so far", "leave out the dnf repositories with `--suite`, or name packages without `--whole`")));
    }
    let mut trees: Vec<DraftTree> = Vec::new();
    let mut evidence: Vec<Evidence> = Vec::new();
    let mut carried: BTreeMap<String, std::path::PathBuf> = BTreeMap::new();
    if let Some(parent) = &parent {
        carry(parent, &mut trees, &mut evidence, &mut carried)?;
    }
    for source in &gathered.sources {
        let entries = entries(source, &decisions, everything)?;
        if entries.is_empty() && !arguments.whole {
            continue;
        }
        evidence.push(Evidence::of(&source.verified, gathered.now));
        add(&mut trees, source, entries, arguments.whole);
    }
    let uploads = uploads(arguments, &mut trees)?;
    if trees.iter().all(|tree| tree.entries.is_empty()) {
        return Err(Failure::input(Problem::new("E-USAGE", "acquire freeze", "nothing is wanted: no host has an update, and no package, upload or parent is named", "name `--scan`, `--packages`, `--upload`, `--parent` or `--whole`")));
    }
    let from_network = trees.iter().flat_map(|tree| &tree.entries).map(|entry| &entry.artefact);
    let from_network = from_network.filter(|artefact| artefact.repository != acquire::UPLOAD && !carried.contains_key(&artefact.sha256));
    gathered.fetch(what, from_network, printer)?;
    let runtime = super::super::runtime()?;
    let store = artefacts(&kept(what))?;
    runtime.block_on(keep(&store, carried.iter().chain(&uploads))).map_err(Failure::from)?;
    let place = |artefact: &Artefact, to: &Path| runtime.block_on(store.place(&artefact.sha256, to)).map_err(|error| *error.problem);
    let name = arguments.name.clone().or_else(|| arguments.to.file_name().and_then(|name| name.to_str()).map(str::to_owned)).unwrap_or_default();
    let parent = parent.map(|parent| Parent { name: parent.set.name, digest: parent.digest });
    let (set, digest) = frozen::write(&arguments.to, Draft { name, parent, trees, evidence }, &key, gathered.now, &place)?;
    finish(arguments, &set, &digest, &key, printer)
}

async fn keep(store: &Artefacts, files: impl Iterator<Item = (&String, &std::path::PathBuf)>) -> Result<(), Problem> {
    for (digest, file) in files {
        if store.length(digest).await.map_err(|error| *error.problem)?.is_none() {
            store.keep(digest, file).await.map_err(|error| *error.problem)?;
        }
    }
    Ok(())
}

fn finish(arguments: &Freeze, set: &FrozenSet, digest: &str, key: &RepositoryKey<'_>, printer: &Printer) -> Result<Outcome, Failure> {
    let lines: Vec<String> = set
        .trees
        .iter()
        .map(|tree| match (tree.kind, tree.upstream_signed) {
            (TreeKind::Apt, own) => {
                let signed = if own { "the publisher's keyring".to_owned() } else { certificate_of(&arguments.key).display().to_string() };
                format!("deb [signed-by={signed}] ADDRESS/{} {} {}", tree.folder, tree.suite, tree.components.join(" "))
            }
            (TreeKind::Yum, _) => format!("baseurl=ADDRESS/{} repo_gpgcheck=1 gpgkey=file://{}", tree.folder, certificate_of(&arguments.key).display()),
        })
        .collect();
    let count = set.artefacts().count();
    if arguments.what.format == PlainFormat::Json {
        super::super::json(
            printer,
            &json!({
                "set": set.name, "digest": digest, "folder": arguments.to, "signed_by": key.fingerprint(), "artefacts": count,
                "bytes": set.artefacts().map(|kept| kept.artefact.size).sum::<u64>(), "parent": set.parent, "sources": lines,
            }),
        )?;
        return Ok(Outcome::Clean);
    }
    printer.data(&format!("{digest}\n"))?;
    printer.say(&format!("{} holds {count} packages in {}. Serve the folder as it is; hosts name it so, ADDRESS being where they find it:", set.name, arguments.to.display()));
    for line in lines {
        printer.say(&format!("  {line}"));
    }
    Ok(Outcome::Clean)
}

fn key(arguments: &Freeze) -> Result<KeyFile, Failure> {
    let place = arguments.key.display().to_string();
    let pem = crate::input::read_text(&arguments.key, KEY_LIMIT)
        .map_err(|text| Failure::input(Problem::new("E-INPUT", &place, text, "name a key file that `plimsoll acquire key` made")))?;
    let passphrase = match (&arguments.passphrase_file, KeyFile::is_encrypted(&pem)) {
        (_, false) => None,
        (Some(path), true) => {
            let text = crate::input::read_text(path, KEY_LIMIT)
                .map_err(|text| Failure::input(Problem::new("E-INPUT", path.display().to_string(), text, "name the file of the passphrase")))?;
            Some(text.trim_end_matches(['\r', '\n']).to_owned())
        }
        (None, true) => Some(rpassword::prompt_password(format!("Passphrase of {place}: ")).map_err(|error| {
            Failure::input(Problem::new("E-PASSPHRASE", "the terminal", format!("the passphrase cannot be asked for: {error}"), "run on a terminal, or give `--passphrase-file FILE`"))
        })?),
    };
    Ok(KeyFile::from_pem(&place, &pem, passphrase.as_deref().map(str::as_bytes))?)
}

/// What is taken from a repository, with its records as the publisher wrote
/// them.
fn entries(source: &Source, decisions: &[Decision], everything: bool) -> Result<Vec<Entry>, Problem> {
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
fn add(trees: &mut Vec<DraftTree>, source: &Source, entries: Vec<Entry>, whole: bool) {
    let kind = if source.suite.is_some() { TreeKind::Apt } else { TreeKind::Yum };
    let extras = source.verified.extras.iter().map(|(path, bytes)| {
        let name = path.rsplit('/').next().unwrap_or_default();
        // createrepo's own digest before the name goes; ours is put there.
        let name = name.split_once('-').filter(|(digest, _)| digest.len() >= 32).map_or(name, |(_, rest)| rest);
        let kind = if name.starts_with("modules") { "modules" } else { "updateinfo" };
        (kind.to_owned(), name.to_owned(), bytes.clone())
    });
    let upstream = source.suite.as_ref().filter(|_| whole).map(|(suite, components)| upstream(source, suite, components));
    let known = trees.iter_mut().find(|tree| upstream.is_none() && tree.upstream.is_none() && tree.stream == source.stream && tree.kind == kind);
    match known {
        Some(tree) => {
            tree.entries.extend(entries);
            let more: BTreeSet<String> = tree.architectures.drain(..).chain(source.architectures.iter().cloned()).collect();
            tree.architectures = more.into_iter().collect();
            for (kind, name, bytes) in extras {
                // Of two lists of one kind dnf reads one; the newer repository's stays.
                tree.extras.retain(|(known, _, _)| *known != kind);
                tree.extras.push((kind, name, bytes));
            }
        }
        None => trees.push(DraftTree { stream: source.stream.clone(), kind, architectures: source.architectures.clone(), entries, upstream, extras: extras.collect() }),
    }
}

/// The publisher's own files, at the places where apt looks for them.
fn upstream(source: &Source, suite: &str, components: &[String]) -> Upstream {
    let verified = &source.verified;
    let base = format!("dists/{suite}");
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
    Upstream { suite: suite.to_owned(), components: components.to_vec(), files }
}

/// Takes everything of the parent along.
fn carry(
    parent: &Opened,
    trees: &mut Vec<DraftTree>,
    evidence: &mut Vec<Evidence>,
    carried: &mut BTreeMap<String, std::path::PathBuf>,
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
            upstream = Some(Upstream { suite: tree.suite.clone(), components: tree.components.clone(), files });
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
                    let kind = if name.starts_with("modules") { "modules" } else { "updateinfo" };
                    extras.push((kind.to_owned(), name.to_owned(), load(path)?));
                }
            }
        }
        let entries = tree.artefacts.iter().map(|kept| Entry {
            artefact: kept.artefact.clone(),
            asked: kept.asked,
            record: records.get(&kept.artefact.sha256).cloned().unwrap_or_default(),
        });
        trees.push(DraftTree { stream: tree.stream.clone(), kind: tree.kind, architectures: tree.architectures.clone(), entries: entries.collect(), upstream, extras });
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

/// Own packages, into the tree of their stream.
fn uploads(arguments: &Freeze, trees: &mut Vec<DraftTree>) -> Result<BTreeMap<String, std::path::PathBuf>, Failure> {
    let mut files = BTreeMap::new();
    if arguments.upload.is_empty() {
        return Ok(files);
    }
    let streams: BTreeSet<Stream> = trees.iter().filter(|tree| tree.kind == TreeKind::Apt).map(|tree| tree.stream.clone()).collect();
    let stream = match (&arguments.upload_stream, streams.iter().next()) {
        (Some(name), _) => Stream::from_stored(&name.to_ascii_lowercase()),
        (None, Some(only)) if streams.len() == 1 => only.clone(),
        _ => return Err(Failure::input(Problem::new("E-USAGE", "--upload", "it is not clear for which stream the packages are", "name it with `--upload-stream debian:12`"))),
    };
    let mut entries = Vec::new();
    let mut architectures = BTreeSet::new();
    for path in &arguments.upload {
        let uploaded = acquire::upload(path)?;
        files.insert(uploaded.artefact.sha256.clone(), path.clone());
        if uploaded.artefact.arch != "all" {
            architectures.insert(uploaded.artefact.arch.clone());
        }
        entries.push(Entry { artefact: uploaded.artefact, asked: true, record: uploaded.record });
    }
    match trees.iter_mut().find(|tree| tree.upstream.is_none() && tree.stream == stream && tree.kind == TreeKind::Apt) {
        Some(tree) => {
            tree.entries.extend(entries);
            architectures.extend(tree.architectures.drain(..));
            tree.architectures = architectures.into_iter().collect();
        }
        None => {
            if architectures.is_empty() {
                architectures.insert("amd64".to_owned());
            }
            trees.push(DraftTree { stream, kind: TreeKind::Apt, architectures: architectures.into_iter().collect(), entries, upstream: None, extras: Vec::new() });
        }
    }
    Ok(files)
}
