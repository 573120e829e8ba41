//! Reading what is scanned, whatever it is, into one shape.

use crate::arguments::Target;
use crate::printer::Failure;
use crate::progress::Step;
use plimsoll_core::assessment::Offer;
use plimsoll_core::model::component::Component;
use plimsoll_core::model::host::{Host, Target as Kind};
use plimsoll_core::model::problem::Problem;
use plimsoll_core::model::update::Update;
use plimsoll_formats::{components, sbom};
use std::collections::BTreeMap;
use std::path::Path;

/// Largest document read.
const DOCUMENT_LIMIT: u64 = 256 << 20;

/// What was read.
pub struct Gathered {
    /// The host or document.
    pub host: Host,
    /// Its components.
    pub components: Vec<Component>,
    /// Its pending updates.
    pub updates: Option<Vec<Update>>,
    /// Updates on offer that its package manager's plan leaves out.
    pub held_updates: Vec<Update>,
    /// What its repositories offer.
    pub offered: BTreeMap<(String, String), Offer>,
    /// Problems met.
    pub problems: Vec<Problem>,
}

/// Reads the target.
pub fn gather(target: &Target, languages: bool, step: &Step) -> Result<Gathered, Failure> {
    if let Some(path) = &target.sbom {
        return read_sbom(path);
    }
    if let Some(path) = &target.lockfile {
        return read_lockfile(path);
    }
    let inventory = if let Some(folder) = &target.project {
        plimsoll_host::read_project(folder, languages, step)?
    } else {
        plimsoll_host::read(&plimsoll_host::Options { root: target.root.as_deref(), languages, progress: step })?
    };
    if inventory.components.is_empty()
        && let Some(failure) = nothing(&inventory.problems)
    {
        return Err(failure);
    }
    let offered = inventory
        .candidates
        .into_iter()
        .map(|candidate| {
            let offer =
                Offer { version: candidate.version, source_version: candidate.source_version, origin: candidate.origin };
            ((candidate.package, candidate.arch), offer)
        })
        .collect();
    Ok(Gathered {
        host: inventory.host,
        components: inventory.components,
        updates: inventory.updates,
        held_updates: inventory.held_updates,
        offered,
        problems: inventory.problems,
    })
}

/// Why nothing at all was found; none where there truly is nothing, such as a
/// lock file of a project that depends on nobody.
///
/// An exit code of a clean host would be read as one, whatever the text says.
fn nothing(problems: &[Problem]) -> Option<Failure> {
    let grave: Vec<&Problem> = problems.iter().filter(|problem| problem.code.starts_with("E-")).collect();
    let absent = problems.iter().find(|problem| problem.code == "W-PACKAGES");
    let mut first = grave.first().copied().or(absent)?.clone();
    if grave.is_empty() {
        "E-PACKAGES".clone_into(&mut first.code);
    } else if grave.len() > 1 {
        first.text.push_str(&format!(" (and {} more)", grave.len() - 1));
    }
    Some(Failure::from(first))
}

fn read_document(path: &Path) -> Result<Vec<u8>, Failure> {
    crate::input::read(path, DOCUMENT_LIMIT).map_err(|text| unreadable(path, text))
}

fn unreadable(path: &Path, text: String) -> Failure {
    Failure::input(Problem::new("E-INPUT", path.display().to_string(), text, "name a file that exists and can be read"))
}

fn read_sbom(path: &Path) -> Result<Gathered, Failure> {
    let place = path.display().to_string();
    let document = sbom::read(&place, &read_document(path)?)?;
    Ok(Gathered {
        host: Host { name: document.name, target: Kind::Sbom, os: document.os, ..Host::default() },
        components: document.components,
        updates: None,
        held_updates: Vec::new(),
        offered: BTreeMap::new(),
        problems: document.problems,
    })
}

fn read_lockfile(path: &Path) -> Result<Gathered, Failure> {
    let place = path.display().to_string();
    std::fs::metadata(path).map_err(|error| unreadable(path, format!("cannot be read: {error}")))?;
    let kind = components::recognise(&place).ok_or_else(|| {
        Failure::input(Problem::new(
            "E-UNSUPPORTED",
            &place,
            "is no lock file whose name is known",
            "give it its tool's own name (Cargo.lock, package-lock.json, poetry.lock, go.mod, …), or scan it as `--sbom`",
        ))
    })?;
    let found = components::read(kind, &place, &read_document(path)?)?;
    let mut problems = found.problems;
    if let Some(text) = found.incomplete {
        problems.push(Problem::new("W-INCOMPLETE", &place, text, "scan the tool's lock file instead, which names everything"));
    }
    let name = path.file_name().map_or(place, |name| name.to_string_lossy().into_owned());
    Ok(Gathered {
        host: Host { name, target: Kind::Lockfile, ..Host::default() },
        components: found.components,
        updates: None,
        held_updates: Vec::new(),
        offered: BTreeMap::new(),
        problems,
    })
}
