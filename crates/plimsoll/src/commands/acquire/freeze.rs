//! `plimsoll acquire freeze`: from decisions, a parent and own packages to a
//! set.

use super::gathered::{Gathered, artefacts};
use super::{certificate_of, kept, tell, trees};
use crate::arguments::{Freeze, PlainFormat};
use crate::printer::{Failure, Outcome, Printer};
use jiff::Timestamp;
use plimsoll_core::model::artefact::Artefact;
use plimsoll_core::model::problem::Problem;
use plimsoll_core::phases::acquire::Decision;
use plimsoll_feeds::acquire;
use plimsoll_feeds::frozen::{self, Draft, DraftTree, Evidence};
use plimsoll_formats::frozen_set::{FrozenSet, Parent, TreeKind};
use plimsoll_formats::openpgp::RepositoryKey;
use plimsoll_formats::trust::KeyFile;
use plimsoll_store::artefacts::Artefacts;
use serde_json::json;
use std::collections::BTreeMap;
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
    if arguments.whole && gathered.sources.all().iter().any(|source| source.components.is_empty()) {
        return Err(Failure::input(Problem::new("E-USAGE", "--whole", "is for suites of apt only so far", "leave out the dnf repositories with `--suite`, or name packages without `--whole`")));
    }
    let mut trees: Vec<DraftTree> = Vec::new();
    let mut evidence: Vec<Evidence> = Vec::new();
    let mut carried: BTreeMap<String, std::path::PathBuf> = BTreeMap::new();
    if let Some(parent) = &parent {
        trees::carry(parent, &mut trees, &mut evidence, &mut carried)?;
    }
    for source in gathered.sources.all() {
        let entries = trees::entries(source, &decisions, everything)?;
        if entries.is_empty() && !arguments.whole {
            continue;
        }
        evidence.push(Evidence::of(&source.verified, gathered.sources.now()));
        trees::add(&mut trees, source, entries, arguments.whole);
    }
    let name = arguments.name.clone().or_else(|| arguments.to.file_name().and_then(|name| name.to_str()).map(str::to_owned)).unwrap_or_default();
    let uploads = trees::uploads(arguments, &name, &mut trees)?;
    if trees.iter().all(|tree| tree.entries.is_empty()) {
        return Err(Failure::input(Problem::new("E-USAGE", "acquire freeze", "nothing is wanted: no host has an update, and no package, upload or parent is named", "name `--scan`, `--packages`, `--upload`, `--parent` or `--whole`")));
    }
    let from_network = trees.iter().flat_map(|tree| &tree.entries).map(|entry| &entry.artefact);
    let from_network = from_network.filter(|artefact| artefact.repository != acquire::UPLOAD && !carried.contains_key(&artefact.sha256));
    let (runtime, store) = (super::super::runtime()?, artefacts(&kept(what))?);
    gathered.fetch(what, from_network, &store, runtime.handle(), printer)?;
    runtime.block_on(keep(&store, carried.iter().chain(&uploads))).map_err(Failure::from)?;
    let place = |artefact: &Artefact, to: &Path| runtime.block_on(store.place(&artefact.sha256, to)).map_err(|error| *error.problem);
    let parent = parent.map(|parent| Parent { name: parent.set.name, digest: parent.digest });
    let (set, digest) = frozen::write(&arguments.to, Draft { name, parent, trees, evidence }, &key, gathered.sources.now(), &place)?;
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
