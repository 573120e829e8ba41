//! Suites of apt: `InRelease`, then the `Packages` files it vouches for.

use super::{Content, Index, Memory, SIGNED_LIMIT, Verified, keyring, remember, seconds, signed_file};
use crate::fetch::{Files, below};
use crate::repositories::AptRepository;
use jiff::Timestamp;
use plimsoll_core::model::problem::Problem;
use plimsoll_core::phases::acquire::{Offering, freshness};
use plimsoll_formats::frozen_set::ProofKind;
use plimsoll_formats::openpgp::Signer;
use plimsoll_formats::packages::apt::release::{self, Contents, Listed, Release};
use plimsoll_formats::packages::apt::index;
use plimsoll_formats::packages::apt::repository::Publisher;
use plimsoll_formats::protocol::digest;
use std::collections::BTreeSet;

/// Forms of an index, the best packed first.
const FORMS: [&str; 5] = [".xz", ".zst", ".gz", ".bz2", ""];

pub(super) fn read(files: &Files<'_>, repository: &AptRepository, memory: &mut Memory, now: Timestamp) -> Result<Verified, Problem> {
    let name = repository.name();
    let keyring = keyring(&repository.keyring)?;
    let fetch = |path: &str| {
        let url = below(&repository.url, &format!("dists/{}/{path}", repository.suite))?;
        files.small(&format!("{name} {path}"), &url, SIGNED_LIMIT)
    };
    let (signed, signature, text, signers) = match fetch("InRelease")? {
        Some(bytes) => {
            let judged = keyring.verify_clear(&format!("{name} InRelease"), &bytes, now)?;
            (bytes, None, judged.text, judged.signers)
        }
        None => {
            let missing = |what: &str| {
                Problem::new("E-UNSIGNED", &name, format!("has neither InRelease nor {what}"), "look at the address and the suite; nothing unsigned is taken")
            };
            let bytes = fetch("Release")?.ok_or_else(|| missing("Release"))?;
            let signature = fetch("Release.gpg")?.ok_or_else(|| missing("Release.gpg"))?;
            let signers = keyring.verify_detached(&format!("{name} Release"), &bytes, &signature, now)?;
            let text = String::from_utf8(bytes.clone())
                .map_err(|_| Problem::new("E-FORMAT", &name, "has a Release file that is not UTF-8", "ask the repository's owner"))?;
            (bytes, Some(signature), text, signers)
        }
    };
    let (stated, _) = release::parse(&name, text.as_bytes())?;
    right_suite(repository, &stated)?;
    let mut warnings = remember(
        memory,
        freshness::Input {
            place: &name,
            last: None,
            date: stated.date,
            valid_until: stated.valid_until,
            content: &digest(text.as_bytes()),
            now,
            max_age: seconds(repository.max_age.as_ref())?,
        },
    )?;
    let contents = release::contents(&name, &text)?;
    let mut indices = Vec::new();
    let mut texts = Vec::new();
    for (path, listed) in wanted(repository, &stated, &contents)? {
        let bytes = index_file(files, repository, &contents, path, listed)?;
        texts.push(index::text(&format!("{name} {path}"), &bytes)?.into_owned());
        indices.push(Index { path: path.to_owned(), bytes });
    }
    let counted: u64 = texts.iter().map(|text| index::records(&name, text, &mut |_| {}).rejected).sum();
    if counted > 0 {
        warnings.push(Problem::new("W-PARTIAL", &name, format!("{counted} records of its indices cannot be read"), "ask the repository's owner; the others are used"));
    }
    Ok(Verified {
        offering: Offering { name, automatic: !stated.not_automatic },
        url: repository.url.clone(),
        publisher: Some(Publisher::of(&stated)),
        kind: ProofKind::Release,
        signed,
        signature,
        signers: certificates(&signers),
        date: stated.date,
        valid_until: stated.valid_until,
        indices,
        extras: Vec::new(),
        warnings,
        package_keyring: None,
        content: Content::Apt(texts),
    })
}

pub(super) fn certificates(signers: &[Signer]) -> Vec<String> {
    let all: BTreeSet<&String> = signers.iter().map(|signer| &signer.certificate).collect();
    all.into_iter().cloned().collect()
}

/// Refuses a Release file of another suite: one key signs them all, so that the
/// signature alone would let one stand for another.
fn right_suite(repository: &AptRepository, stated: &Release) -> Result<(), Problem> {
    let asked = repository.suite.as_str();
    // `buster/updates` was Debian's way to name a security suite.
    let first = asked.split('/').next().unwrap_or(asked);
    let names = [stated.suite.as_deref(), stated.codename.as_deref()];
    if names.iter().flatten().any(|name| *name == asked || *name == first) {
        return Ok(());
    }
    let shown = names.iter().flatten().copied().collect::<Vec<_>>().join("/");
    Err(Problem::new(
        "E-SUITE",
        repository.name(),
        format!("is signed as \u{201c}{}\u{201d}, asked for was \u{201c}{asked}\u{201d}: a genuine file of another suite", plimsoll_core::model::problem::printable(&shown)),
        "correct `suite`, or use another mirror",
    ))
}

/// The indices that are wanted, each in its best form.
fn wanted<'c>(repository: &AptRepository, stated: &Release, contents: &'c Contents) -> Result<Vec<(&'c str, &'c Listed)>, Problem> {
    let mut found = Vec::new();
    // As apt does: an index of `all` counts only where the suite says that it
    // has that architecture apart; what else lies there may be older.
    let apart = stated.architectures.iter().any(|arch| arch == "all") && !contents.all_in_each;
    let all = apart.then_some(("all", false));
    for component in &repository.components {
        for (arch, needed) in repository.architectures.iter().map(|arch| (arch.as_str(), true)).chain(all) {
            let base = format!("{component}/binary-{arch}/Packages");
            let best = FORMS.iter().find_map(|form| contents.files.get_key_value(&format!("{base}{form}")));
            match best {
                Some((path, listed)) => found.push((path.as_str(), listed)),
                None if needed => {
                    return Err(Problem::new(
                        "E-NOT-OFFERED",
                        repository.name(),
                        format!("has no index of {component} for {arch}; it states {} for {}", stated.components.join(", "), stated.architectures.join(", ")),
                        "correct `components` and `architectures`",
                    ));
                }
                None => {}
            }
        }
    }
    Ok(found)
}

/// Fetches an index by its digest where the archive offers that, so that an
/// update of the archive in between does no harm, else by its name.
fn index_file(files: &Files<'_>, repository: &AptRepository, contents: &Contents, path: &str, listed: &Listed) -> Result<Vec<u8>, Problem> {
    let name = format!("{} {path}", repository.name());
    let suite = format!("dists/{}", repository.suite);
    if contents.by_hash
        && let Some((folder, _)) = path.rsplit_once('/')
    {
        let url = below(&repository.url, &format!("{suite}/{folder}/by-hash/SHA256/{}", listed.sha256))?;
        if let Some(bytes) = signed_file(files, &url, &name, listed.size, &listed.sha256)? {
            return Ok(bytes);
        }
    }
    let url = below(&repository.url, &format!("{suite}/{path}"))?;
    signed_file(files, &url, &name, listed.size, &listed.sha256)?
        .ok_or_else(|| Problem::new("E-HTTP", crate::fetch::shown(&url), "is listed and is not there", "update again later, or use another mirror"))
}
