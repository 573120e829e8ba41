//! `plimsoll acquire`: which artefacts, fetched once, frozen for hosts.

mod freeze;
mod gathered;
mod sweep;
mod trees;

use crate::arguments::{AcquireCommand, Export, ImportSet, Key, PlainFormat, Set, VerifySet, What};
use crate::places;
use crate::printer::{Failure, Outcome, Printer};
use gathered::Gathered;
use jiff::Timestamp;
use plimsoll_core::model::artefact::Artefact;
use plimsoll_core::model::problem::Problem;
use plimsoll_core::phases::acquire::{Decision, Purpose};
use plimsoll_feeds::{acquire, frozen};
use plimsoll_formats::openpgp::RepositoryKey;
use plimsoll_formats::trust::KeyFile;
use serde_json::json;
use std::path::{Path, PathBuf};

/// Runs the command.
pub fn run(command: AcquireCommand, printer: &Printer) -> Result<Outcome, Failure> {
    match command {
        AcquireCommand::Resolve(arguments) => resolve(&arguments.what, printer),
        AcquireCommand::Fetch(arguments) => fetch(&arguments.what, printer),
        AcquireCommand::Freeze(arguments) => freeze::run(&arguments, printer),
        AcquireCommand::Show(arguments) => show(&arguments, printer),
        AcquireCommand::Verify(arguments) => verify(&arguments, printer),
        AcquireCommand::Export(arguments) => export(&arguments, printer),
        AcquireCommand::Import(arguments) => import(&arguments, printer),
        AcquireCommand::Sweep(arguments) => sweep::run(&arguments, printer),
        AcquireCommand::Key(arguments) => key(&arguments, printer),
    }
}

fn resolve(what: &What, printer: &Printer) -> Result<Outcome, Failure> {
    let gathered = Gathered::read(what, printer)?;
    let decisions = gathered.decide(what)?;
    if what.format == PlainFormat::Json {
        super::json(printer, &decisions)?;
    } else {
        for decision in &decisions {
            printer.data(&listed(decision))?;
        }
    }
    tell(&decisions, printer);
    Ok(if decisions.iter().all(Decision::complete) { Outcome::Clean } else { Outcome::No })
}

fn fetch(what: &What, printer: &Printer) -> Result<Outcome, Failure> {
    let gathered = Gathered::read(what, printer)?;
    let decisions = gathered.decide(what)?;
    tell(&decisions, printer);
    if !what.incomplete && !decisions.iter().all(Decision::complete) {
        return Ok(Outcome::No);
    }
    let (runtime, store) = (super::runtime()?, gathered::artefacts(&kept(what))?);
    let wanted = decisions.iter().flat_map(|decision| decision.artefacts.iter().map(|wanted| &wanted.artefact));
    let came = gathered.fetch(what, wanted, &store, runtime.handle(), printer)?;
    match what.format {
        PlainFormat::Json => {
            super::json(printer, &json!({ "wanted": came.wanted, "fetched": came.fetched, "bytes": came.bytes, "acquired": acquired(&decisions) }))?;
        }
        PlainFormat::Text => printer.data(&format!("{} artefacts are kept, {} of them fetched now ({} bytes)\n", came.wanted, came.fetched, came.bytes))?,
    }
    Ok(Outcome::Clean)
}

/// Which bytes are which version: what `plimsoll package acquired` takes.
fn acquired(decisions: &[Decision]) -> Vec<serde_json::Value> {
    let of = |decision: &Decision| {
        let stream = decision.stream.clone();
        let entry = move |wanted: &plimsoll_core::phases::acquire::Wanted| {
            let Artefact { name, version, arch, sha256, size, repository, .. } = &wanted.artefact;
            json!({ "stream": stream, "name": name, "arch": arch, "version": version, "sha256": sha256, "size": size, "repository": repository })
        };
        decision.artefacts.iter().map(entry).collect::<Vec<_>>()
    };
    decisions.iter().flat_map(of).collect()
}

/// A decision for reading: a line an artefact.
fn listed(decision: &Decision) -> String {
    let mut out = format!("{}: {} artefacts, {} bytes\n", decision.stream, decision.artefacts.len(), decision.bytes());
    for wanted in &decision.artefacts {
        let purpose = match wanted.purpose {
            Purpose::Asked => "asked",
            Purpose::Dependency => "dependency",
            Purpose::WayBack => "way back",
        };
        let why = wanted.because.first().map_or("", |because| because.text.as_str());
        let hosts = if wanted.hosts.is_empty() { String::new() } else { format!(", for {}", wanted.hosts.join(", ")) };
        out.push_str(&format!("  {purpose:<10} {} ({} bytes{hosts}): {why}\n", wanted.artefact.shown(), wanted.artefact.size));
    }
    out
}

fn tell(decisions: &[Decision], printer: &Printer) {
    for problem in decisions.iter().flat_map(|decision| &decision.problems) {
        printer.warn(problem);
    }
}

fn opened(arguments: &Set) -> Result<frozen::Opened, Failure> {
    let keyring = acquire::keyring(&arguments.keyring)?;
    Ok(frozen::open(&arguments.set, &keyring, Timestamp::now())?)
}

fn show(arguments: &Set, printer: &Printer) -> Result<Outcome, Failure> {
    let opened = opened(arguments)?;
    if arguments.format == PlainFormat::Json {
        super::json(printer, &json!({ "digest": opened.digest, "set": opened.set }))?;
        return Ok(Outcome::Clean);
    }
    printer.data(&shown(&opened))?;
    Ok(Outcome::Clean)
}

fn shown(opened: &frozen::Opened) -> String {
    let set = &opened.set;
    let mut out = format!("{}  {}\nmade {}\n", set.name, opened.digest, set.created);
    if let Some(parent) = &set.parent {
        out.push_str(&format!("from {}  {}\n", parent.name, parent.digest));
    }
    for tree in &set.trees {
        let whose = if tree.upstream_signed { "signed by its publisher" } else { "signed by the set's key" };
        out.push_str(&format!("\n{} in {}/, suite {}, {}, {whose}\n", tree.stream, tree.folder, tree.suite, tree.architectures.join(", ")));
        for kept in &tree.artefacts {
            let asked = if kept.asked { "" } else { " (dependency or way back)" };
            out.push_str(&format!("  {}  {}{asked}\n", kept.artefact.shown(), kept.artefact.repository));
        }
    }
    if !set.proofs.is_empty() {
        out.push('\n');
    }
    for proof in &set.proofs {
        let date = proof.date.map_or_else(|| "no date".to_owned(), |date| date.to_string());
        let signers = if proof.signers.is_empty() { "unsigned metadata".to_owned() } else { format!("signed by {}", proof.signers.join(", ")) };
        out.push_str(&format!("proof: {} of {date}, {signers}\n", proof.repository));
    }
    out
}

fn verify(arguments: &VerifySet, printer: &Printer) -> Result<Outcome, Failure> {
    let opened = opened(&arguments.set)?;
    let mut publishers: Option<plimsoll_formats::openpgp::Keyring> = None;
    for path in &arguments.publishers {
        let more = acquire::keyring(path)?;
        publishers = Some(match publishers {
            Some(known) => known.and(more),
            None => more,
        });
    }
    let checked = publishers.map(|publishers| frozen::origins(&opened, &publishers)).transpose()?;
    let signer = opened.signers.first().map(|signer| signer.certificate.clone()).unwrap_or_default();
    match arguments.set.format {
        PlainFormat::Json => super::json(
            printer,
            &json!({
                "set": opened.set.name, "digest": opened.digest, "signed_by": signer, "files": opened.set.files.len(),
                "origins": checked.as_ref().map(|checked| json!({ "proven": checked.proven, "uploaded": checked.uploaded, "unsigned_metadata": checked.unsigned_metadata })),
            }),
        )?,
        PlainFormat::Text => {
            let mut text = format!("{} ({}) is what {signer} signed: {} files\n", opened.set.name, opened.digest, opened.set.files.len());
            match checked {
                Some(checked) => text.push_str(&format!(
                    "{} packages are in indices that their publishers signed, {} are uploaded, {} come from repositories without signed metadata\n",
                    checked.proven, checked.uploaded, checked.unsigned_metadata
                )),
                None => printer.say("Name the publishers' keys with `--publishers` to hold each package against them as well."),
            }
            printer.data(&text)?;
        }
    }
    Ok(Outcome::Clean)
}

fn export(arguments: &Export, printer: &Printer) -> Result<Outcome, Failure> {
    let opened = opened(&arguments.set)?;
    let bytes = frozen::export(&opened, &arguments.to)?;
    match arguments.set.format {
        PlainFormat::Json => super::json(printer, &json!({ "file": arguments.to, "bytes": bytes, "digest": opened.digest }))?,
        PlainFormat::Text => printer.data(&format!("{}\n", opened.digest))?,
    }
    printer.say(&format!("{} holds the set, {bytes} bytes. Its digest is above; carry it by another way than the file.", arguments.to.display()));
    Ok(Outcome::Clean)
}

fn import(arguments: &ImportSet, printer: &Printer) -> Result<Outcome, Failure> {
    let keyring = acquire::keyring(&arguments.keyring)?;
    let (set, digest) = frozen::import(&arguments.file, &arguments.to, &keyring, Timestamp::now())?;
    match arguments.format {
        PlainFormat::Json => super::json(printer, &json!({ "set": set.name, "digest": digest, "folder": arguments.to }))?,
        PlainFormat::Text => printer.data(&format!("{digest}\n"))?,
    }
    printer.say(&format!("{} is in {}; compare its digest above.", set.name, arguments.to.display()));
    Ok(Outcome::Clean)
}

fn certificate_of(key: &Path) -> PathBuf {
    key.with_extension("asc")
}

fn key(arguments: &Key, printer: &Printer) -> Result<Outcome, Failure> {
    let passphrase = match arguments.no_passphrase {
        true => None,
        false => Some(super::root::passphrase("the repository key", arguments.passphrase_file.as_deref())?),
    };
    let file = KeyFile::from_seed(&super::root::random()?);
    let made = RepositoryKey::certify(&file, &arguments.name, Timestamp::now(), arguments.days)?;
    let pem = file.to_pem(passphrase.as_deref().map(str::as_bytes), &super::root::random()?, &super::root::random()?)?;
    super::root::write(&arguments.file, pem.as_bytes())?;
    let certificate = certificate_of(&arguments.file);
    super::root::write(&certificate, made.armoured()?.as_bytes())?;
    readable(&certificate)?;
    printer.data(&format!("{}\n", made.fingerprint()))?;
    printer.say(&format!(
        "{} signs frozen sets for {} days; keep it away from the server that hosts install from.\n\
         Give hosts {} as `Signed-By`, and compare the fingerprint above by another way.",
        arguments.file.display(),
        arguments.days,
        certificate.display()
    ));
    Ok(Outcome::Clean)
}

/// Certificates are for everybody; apt drops its rights before it reads one.
fn readable(path: &Path) -> Result<(), Failure> {
    use std::os::unix::fs::PermissionsExt;
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o644))
        .map_err(|error| Failure::unfinished(Problem::new("E-WRITE", path.display().to_string(), error.to_string(), "check the folder's owner and mode")))
}

fn kept(what: &What) -> PathBuf {
    what.artefacts.clone().unwrap_or_else(places::artefacts)
}
