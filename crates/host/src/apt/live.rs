//! The host's own apt with its own configuration.
//!
//! Three read-only commands tell everything: the simulation gives the plan,
//! `apt-cache policy` every version on offer with its repository, `apt-cache
//! show` sizes and digests. None needs rights or a lock. Reading the lists
//! ourselves would cost more of our own time than the rest of a scan.

use plimsoll_formats::packages::relation::order;
use super::simulate::{self, Change};
use super::updates::{Pending, label, sort};
use super::{Lists, Repository};
use crate::Candidate;
use crate::reboot::needs_reboot;
use crate::run::{self, Ran, TIMEOUT};
use plimsoll_core::model::because::{Because, BecauseKind};
use plimsoll_core::model::component::Component;
use plimsoll_core::model::problem::Problem;
use plimsoll_core::model::update::Update;
use plimsoll_formats::packages::control;
use plimsoll_formats::packages::dpkg::{advisory_source_of, source_of};
use std::cmp::Ordering;
use std::collections::BTreeMap;
use std::time::Duration;

/// Packages named in one call; keeps the command line far below its limit.
const BATCH: usize = 4_000;

/// What apt knows of one installed package.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub(crate) struct Known {
    pub installed: Option<String>,
    pub candidate: Option<String>,
    /// Versions, newest first, each with `(address, suite/component)`.
    pub versions: Vec<(String, Vec<(String, String)>)>,
}

/// Asks the host's apt what is pending.
///
/// `components` are the installed packages; `lists` holds repositories only.
/// The processor time of apt is returned apart.
pub fn ask(lists: &Lists, components: &[Component]) -> Result<(Pending, Duration), Problem> {
    let native = lists.arches.first().map_or("", String::as_str);
    let names: Vec<String> = components.iter().map(|component| qualified(component, native)).collect();
    let (simulation, known) = std::thread::scope(|scope| {
        let simulation = scope.spawn(|| {
            let program = run::find("apt-get").ok_or_else(absent)?;
            let arguments = ["-s", "-q", "-o", "Debug::NoLocking=1", "dist-upgrade"];
            run::run(&program, arguments, &[], TIMEOUT).map(simulate::understood)
        });
        let known = cache("policy", &names);
        (simulation.join(), known)
    });
    let simulation = simulation.map_err(|_| absent())??;
    let (known, mut cpu) = known?;
    cpu += simulation.cpu;
    let known = policy(&known);
    let mut pending = Pending::default();
    inventory(lists, &known, components, native, &mut pending);
    let changes = match simulation.changes {
        Some(changes) => changes,
        None => {
            pending.refused = Some(lacking(&simulation.refusal));
            Vec::new()
        }
    };
    let planned: Vec<(String, String)> = changes.iter().map(|change| (change.package.clone(), change.arch.clone())).collect();
    let offered = upgradable(lists, &known, components, native);
    let refused = pending.refused.is_some();
    let mut wanted = changes;
    let mut held = Vec::new();
    for (change, is_held) in offered {
        let in_plan = planned.iter().any(|(name, arch)| *name == change.package && (*arch == change.arch || arch == "all"));
        if in_plan {
            continue;
        }
        if refused && !is_held {
            wanted.push(change);
        } else {
            held.push((change, if is_held { "hold" } else { "dependencies" }));
        }
    }
    let (records, more) = records(wanted.iter().chain(held.iter().map(|(change, _)| change)))?;
    cpu += more;
    let view = View { lists, known: &known, records: &records, native };
    for change in &wanted {
        match &change.candidate {
            Some(candidate) => pending.updates.push(view.update(change, candidate, None)),
            None => pending.problems.push(removal(change)),
        }
    }
    for (change, reason) in &held {
        if let Some(candidate) = &change.candidate {
            pending.held.push(view.update(change, candidate, Some(reason)));
        }
    }
    sort(&mut pending.updates);
    sort(&mut pending.held);
    Ok((pending, cpu))
}

/// The problem that a plan removes a package.
pub(crate) fn removal(change: &Change) -> Problem {
    Problem::new(
        "W-REMOVE",
        &change.package,
        "would be removed by apt's dist-upgrade",
        "look at `apt-get -s dist-upgrade` before updating",
    )
}

/// The unmet dependencies that apt names, each as one line.
pub(crate) fn lacking(refusal: &str) -> Vec<String> {
    let lines: Vec<String> = refusal
        .lines()
        .filter(|line| line.starts_with(' ') && line.contains(" : "))
        .map(|line| line.split_whitespace().collect::<Vec<_>>().join(" "))
        .collect();
    if lines.is_empty() { refusal.lines().take(5).map(str::to_owned).collect() } else { lines }
}

fn absent() -> Problem {
    Problem::new("W-NO-APT", "apt-get", "is not on this machine or could not be run", "install apt or scan from another machine")
}

/// `name`, or `name:arch` for another architecture's package.
fn qualified(component: &Component, native: &str) -> String {
    match component.arch.as_deref() {
        Some(arch) if arch != native && arch != "all" => format!("{}:{arch}", component.name),
        _ => component.name.clone(),
    }
}

fn cache(verb: &str, names: &[String]) -> Result<(String, Duration), Problem> {
    let program = run::find("apt-cache").ok_or_else(absent)?;
    let (mut output, mut cpu) = (String::new(), Duration::ZERO);
    for batch in names.chunks(BATCH) {
        let arguments = ["-q", verb, "--"].into_iter().chain(batch.iter().map(String::as_str));
        let Ran { output: text, cpu: used, .. } = run::run(&program, arguments, &[], TIMEOUT)?;
        output.push_str(&text);
        cpu += used;
    }
    Ok((output, cpu))
}

/// Reads the output of `apt-cache policy PACKAGE…`.
pub(crate) fn policy(output: &str) -> BTreeMap<String, Known> {
    let mut all: BTreeMap<String, Known> = BTreeMap::new();
    let mut current: Option<(String, Known)> = None;
    for line in output.lines() {
        let text = line.trim();
        if !line.starts_with(' ') {
            if let Some((name, known)) = current.take() {
                all.insert(name, known);
            }
            current = text.strip_suffix(':').map(|name| (name.to_owned(), Known::default()));
            continue;
        }
        let Some((_, known)) = &mut current else { continue };
        let stated = |value: &str| Some(value.trim().to_owned()).filter(|value| value != "(none)");
        if let Some(value) = text.strip_prefix("Installed:") {
            known.installed = stated(value);
        } else if let Some(value) = text.strip_prefix("Candidate:") {
            known.candidate = stated(value);
        } else {
            let words: Vec<&str> = text.trim_start_matches("***").split_whitespace().collect();
            match words.as_slice() {
                [priority, address, suite, ..] if priority.parse::<i32>().is_ok() && address.contains('/') => {
                    if let Some((_, places)) = known.versions.last_mut() {
                        places.push(((*address).to_owned(), (*suite).to_owned()));
                    }
                }
                [priority, address] if priority.parse::<i32>().is_ok() && address.starts_with('/') => {}
                [version, priority, ..] if priority.parse::<i32>().is_ok() => {
                    known.versions.push(((*version).to_owned(), Vec::new()));
                }
                _ => {}
            }
        }
    }
    if let Some((name, known)) = current {
        all.insert(name, known);
    }
    all
}

/// The repository that a line of `apt-cache policy` means.
fn repository<'l>(lists: &'l Lists, place: &(String, String)) -> Option<&'l Repository> {
    let (suite, component) = place.1.rsplit_once('/').unwrap_or((&place.1, ""));
    lists.repositories.iter().find(|repository| {
        let entry = &repository.entry;
        let same = entry.uri.trim_end_matches('/') == place.0.trim_end_matches('/');
        let named = entry.suite == suite || repository.release.codename.as_deref() == Some(suite) || entry.is_flat();
        same && named && (entry.is_flat() || entry.components.iter().any(|known| known == component))
    })
}

fn inventory(lists: &Lists, known: &BTreeMap<String, Known>, components: &[Component], native: &str, pending: &mut Pending) {
    for component in components {
        let Some(found) = known.get(&qualified(component, native)) else { continue };
        let arch = component.arch.clone().unwrap_or_default();
        let places = |version: &str| found.versions.iter().find(|(stated, _)| stated == version).map(|(_, places)| places);
        if let Some(first) = places(&component.version).and_then(|places| places.iter().find_map(|place| repository(lists, place))) {
            pending.origins.insert((component.name.clone(), arch.clone()), label(first));
        }
        if let Some(candidate) = &found.candidate
            && let Some(places) = places(candidate).filter(|places| !places.is_empty())
        {
            let (source, source_version) = if *candidate == component.version {
                (component.source.clone(), component.source_version.clone())
            } else {
                (None, None)
            };
            pending.candidates.push(Candidate {
                package: component.name.clone(),
                arch,
                version: candidate.clone(),
                source,
                source_version,
                origin: origin(lists, places),
            });
        }
    }
    pending.candidates.sort();
}

/// Repositories of a version as apt's simulation prints them.
fn origin(lists: &Lists, places: &[(String, String)]) -> String {
    let mut parts: Vec<String> = Vec::new();
    for found in places.iter().filter_map(|place| repository(lists, place)) {
        let release = &found.release;
        let mut part = label(found);
        part.push(':');
        if let Some(version) = &release.version {
            part.push_str(version);
            part.push('/');
        }
        part.push_str(release.suite.as_deref().unwrap_or(&found.host));
        if !parts.contains(&part) {
            parts.push(part);
        }
    }
    parts.join(", ")
}

/// Every installed package with a newer candidate, and whether it is held.
fn upgradable(lists: &Lists, known: &BTreeMap<String, Known>, components: &[Component], native: &str) -> Vec<(Change, bool)> {
    components
        .iter()
        .filter_map(|component| {
            let found = known.get(&qualified(component, native))?;
            let candidate = found.candidate.clone().filter(|candidate| *candidate != component.version)?;
            let places = found.versions.iter().find(|(version, _)| *version == candidate).map(|(_, places)| places.as_slice());
            let change = Change {
                package: component.name.clone(),
                arch: component.arch.clone().unwrap_or_default(),
                installed: Some(component.version.clone()),
                candidate: Some(candidate),
                origin: origin(lists, places.unwrap_or_default()),
            };
            Some((change, component.held))
        })
        .collect()
}

#[derive(Debug, Default)]
struct Record {
    source: String,
    source_version: String,
    size: Option<u64>,
    sha256: Option<String>,
}

/// Records by package and version.
type Records = BTreeMap<(String, String), Record>;

/// Sizes, digests and sources of the candidates.
fn records<'c>(changes: impl Iterator<Item = &'c Change>) -> Result<(Records, Duration), Problem> {
    let mut names: Vec<String> = changes
        .filter_map(|change| {
            let arch = if change.arch == "all" { String::new() } else { format!(":{}", change.arch) };
            Some(format!("{}{arch}={}", change.package, change.candidate.as_ref()?))
        })
        .collect();
    names.sort();
    names.dedup();
    if names.is_empty() {
        return Ok((BTreeMap::new(), Duration::ZERO));
    }
    let (output, cpu) = cache("show", &names)?;
    let mut records = BTreeMap::new();
    for paragraph in control::paragraphs(&output) {
        let (Some(name), Some(version)) = (paragraph.field("Package"), paragraph.field("Version")) else { continue };
        let (source, source_version) = source_of(name, version, paragraph.field("Source").unwrap_or(""));
        let (source, source_version) = advisory_source_of(source, source_version, version);
        let record = Record {
            source: source.into_owned(),
            source_version: source_version.into_owned(),
            size: paragraph.field("Size").and_then(|size| size.parse().ok()),
            sha256: paragraph.field("SHA256").map(str::to_owned),
        };
        records.insert((name.to_owned(), version.to_owned()), record);
    }
    Ok((records, cpu))
}

struct View<'v> {
    lists: &'v Lists,
    known: &'v BTreeMap<String, Known>,
    records: &'v Records,
    native: &'v str,
}

impl View<'_> {
    fn update(&self, change: &Change, candidate: &str, held_by: Option<&str>) -> Update {
        let record = self.records.get(&(change.package.clone(), candidate.to_owned()));
        let security = self.security(change, candidate);
        Update {
            package: change.package.clone(),
            arch: change.arch.clone(),
            installed: change.installed.clone(),
            candidate: candidate.to_owned(),
            security: security.is_some(),
            origin: change.origin.clone(),
            new: change.installed.is_none(),
            reboot: needs_reboot(&change.package),
            source: record.map(|record| record.source.clone()),
            source_version: record.map(|record| record.source_version.clone()),
            held_by: held_by.map(str::to_owned),
            size: record.and_then(|record| record.size),
            sha256: record.and_then(|record| record.sha256.clone()),
            because: security.map(|text| Because::new(BecauseKind::Origin, text)).into_iter().collect(),
            ..Update::default()
        }
    }

    /// Why it is a security update, by the rule of the native plan.
    fn security(&self, change: &Change, candidate: &str) -> Option<String> {
        let foreign = change.arch != "all" && change.arch != self.native;
        let key = if foreign { format!("{}:{}", change.package, change.arch) } else { change.package.clone() };
        let offers = self.known.get(&key).map_or(&[][..], |known| known.versions.as_slice());
        for (version, places) in offers {
            let newer = change.installed.as_ref().is_none_or(|installed| order(version, installed) == Ordering::Greater);
            if !newer || order(version, candidate) == Ordering::Greater {
                continue;
            }
            if let Some(found) = places.iter().filter_map(|place| repository(self.lists, place)).find(|found| found.is_security()) {
                return Some(format!("{} offers {version}, newer than the installed version", label(found)));
            }
        }
        // A new package is not in the table of installed ones; its origin tells.
        let named = |repository: &&Repository| {
            repository.is_security()
                && repository.release.suite.as_ref().is_some_and(|suite| {
                    change.origin.split(", ").any(|origin| {
                        origin.starts_with(&format!("{}:", label(repository))) && origin.ends_with(suite.as_str())
                    })
                })
        };
        self.lists.repositories.iter().find(named).map(|repository| format!("{} offers {candidate}", label(repository)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_policy_table_is_read_whole() {
        let output = "libc6:\n  Installed: 2.36-9+deb12u10\n  Candidate: 2.36-9+deb12u13\n  Version table:\n     2.36-9+deb12u13 500\n        500 http://deb.example/debian bookworm/main amd64 Packages\n     2.36-9+deb12u11 500 (phased 10%)\n        500 http://deb.example/debian-security bookworm-security/main amd64 Packages\n *** 2.36-9+deb12u10 100\n        100 /var/lib/dpkg/status\ngone:\n  Installed: (none)\n  Candidate: (none)\n  Version table:\n";
        let read = policy(output);
        assert_eq!(read.len(), 2);
        assert_eq!(read["gone"], Known::default());
        let place = |address: &str, suite: &str| vec![(address.to_owned(), suite.to_owned())];
        assert_eq!(
            read["libc6"],
            Known {
                installed: Some("2.36-9+deb12u10".into()),
                candidate: Some("2.36-9+deb12u13".into()),
                versions: vec![
                    ("2.36-9+deb12u13".into(), place("http://deb.example/debian", "bookworm/main")),
                    ("2.36-9+deb12u11".into(), place("http://deb.example/debian-security", "bookworm-security/main")),
                    ("2.36-9+deb12u10".into(), vec![]),
                ],
            }
        );
    }

    #[test]
    fn a_refusal_names_what_is_missing() {
        let refusal = "E: Unmet dependencies.\n.\n a : Depends: b (>= 2) but it is not installed\n     Depends: c but 1 is installed\n";
        assert_eq!(lacking(refusal), ["a : Depends: b (>= 2) but it is not installed"]);
    }
}
