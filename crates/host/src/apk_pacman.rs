//! apk and pacman: repositories, and pending updates of a live host.

use crate::Inventory;
use crate::reboot::needs_reboot;
use crate::root::Root;
use crate::run::{self, TIMEOUT};
use crate::yum::Asked;
use plimsoll_core::model::component::Component;
use plimsoll_core::model::host::Repository;
use plimsoll_core::model::problem::Problem;
use plimsoll_core::model::update::Update;
use plimsoll_formats::packages::alpine;
use std::path::Path;
use std::time::Duration;

/// Reads `/etc/apk/repositories`.
pub(crate) fn apk_repositories(root: &Root, problems: &mut Vec<Problem>) -> Vec<Repository> {
    const PATH: &str = "etc/apk/repositories";
    let read = match root.read(PATH, 1 << 20) {
        Ok(None) => return Vec::new(),
        Ok(Some(bytes)) => alpine::repositories(PATH, &bytes),
        Err(problem) => Err(problem),
    };
    match read {
        Ok((found, more)) => {
            problems.extend(more);
            let facts = |found: alpine::ApkRepository| Repository {
                id: found.tag.map_or_else(|| found.address.clone(), |tag| format!("@{tag} {}", found.address)),
                url: found.address,
                ..Repository::default()
            };
            let mut out: Vec<_> = found.into_iter().map(facts).collect();
            out.sort();
            out
        }
        Err(problem) => {
            problems.push(problem);
            Vec::new()
        }
    }
}

/// Asks the host's apk, by what it has cached.
pub(crate) fn ask_apk(inventory: &Inventory, _: &mut Vec<Problem>) -> Asked {
    let Some(program) = run::find("apk") else { return Ok(None) };
    let ran = run::run(&program, ["--no-network", "list", "--upgradable"], &[], TIMEOUT)?;
    if ran.code != Some(0) {
        return Err(failed("apk list --upgradable", &ran.errors, "run `apk update` on the host"));
    }
    let _ = inventory;
    Ok(Some((upgradable(&ran.output), ran.cpu)))
}

/// Asks the host's pacman, by what it has synchronised.
pub(crate) fn ask_pacman(inventory: &Inventory, _: &mut Vec<Problem>) -> Asked {
    let Some(program) = run::find("pacman") else { return Ok(None) };
    pacman(&program, &[], &inventory.components).map(Some)
}

/// Asks a pacman what is pending; `arguments` come first (`--root`, say).
pub fn pacman(program: &Path, arguments: &[&str], installed: &[Component]) -> Result<(Vec<Update>, Duration), Problem> {
    let all = arguments.iter().copied().chain(["-Qu"]);
    let ran = run::run(program, all, &[], TIMEOUT)?;
    // 1 with nothing to say means that nothing is pending.
    if ran.code != Some(0) && !ran.errors.trim().is_empty() {
        return Err(failed("pacman -Qu", &ran.errors, "run `pacman -Sy` on the host"));
    }
    Ok((query(&ran.output, installed), ran.cpu))
}

fn failed(command: &str, errors: &str, next: &str) -> Problem {
    Problem::new("E-UPDATES", command, format!("failed: {}", errors.lines().next().unwrap_or("it gave no reason")), next)
}

/// Reads `pacman -Qu`: `name old -> new`, `[ignored]` behind held ones.
fn query(output: &str, installed: &[Component]) -> Vec<Update> {
    let mut updates: Vec<Update> = output
        .lines()
        .filter_map(|line| {
            let mut words = line.split_whitespace();
            let (package, old) = (words.next()?, words.next()?);
            let new = (words.next()? == "->").then(|| words.next())??;
            let held = words.next() == Some("[ignored]");
            let arch = installed.iter().find(|component| component.name == package).and_then(|component| component.arch.clone());
            Some(Update {
                package: package.to_owned(),
                arch: arch.unwrap_or_default(),
                installed: Some(old.to_owned()),
                candidate: new.to_owned(),
                reboot: needs_reboot(package),
                held_by: held.then(|| "hold".to_owned()),
                ..Update::default()
            })
        })
        .collect();
    updates.sort_by(|left, right| left.package.cmp(&right.package));
    updates
}

/// Reads `apk list --upgradable`:
/// `name-version arch {origin} (licence) [upgradable from: name-version]`.
fn upgradable(output: &str) -> Vec<Update> {
    let mut updates: Vec<Update> = output
        .lines()
        .filter_map(|line| {
            let (head, tail) = line.split_once(" [upgradable from: ")?;
            let old = tail.trim_end().strip_suffix(']')?;
            let mut words = head.split_whitespace();
            let (package, candidate) = split(words.next()?)?;
            let arch = words.next()?;
            let source = words.next().and_then(|word| word.strip_prefix('{')?.strip_suffix('}'));
            Some(Update {
                package: package.to_owned(),
                arch: arch.to_owned(),
                installed: Some(split(old)?.1.to_owned()),
                candidate: candidate.to_owned(),
                reboot: needs_reboot(package),
                source: source.map(str::to_owned),
                source_version: source.map(|_| candidate.to_owned()),
                ..Update::default()
            })
        })
        .collect();
    updates.sort_by(|left, right| left.package.cmp(&right.package));
    updates
}

/// Splits `name-1.2.3-r4` before the version.
fn split(text: &str) -> Option<(&str, &str)> {
    let release = text.rfind("-r")?;
    let version = text.get(..release)?.rfind('-')?;
    Some((text.get(..version)?, text.get(version + 1..)?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_of_both_are_read() {
        let shown = |updates: Vec<Update>| -> Vec<String> {
            updates
                .iter()
                .map(|update| format!("{} {:?} -> {} {:?}", update.package, update.installed, update.candidate, update.held_by))
                .collect()
        };
        let arch = "alpha 1.0-1 -> 2.0-1\nbeta 1:1-1 -> 1:2-1 [ignored]\nnonsense\n";
        assert_eq!(
            shown(query(arch, &[])),
            ["alpha Some(\"1.0-1\") -> 2.0-1 None", "beta Some(\"1:1-1\") -> 1:2-1 Some(\"hold\")"]
        );
        let alpine = "busybox-1.36.1-r15 x86_64 {busybox} (GPL-2.0-only) [upgradable from: busybox-1.36.1-r2]\nlibc-utils-0.7.2-r5 x86_64 {libc-dev} (BSD) [installed]\n";
        assert_eq!(shown(upgradable(alpine)), ["busybox Some(\"1.36.1-r2\") -> 1.36.1-r15 None"]);
    }
}
