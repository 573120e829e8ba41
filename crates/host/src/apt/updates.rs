//! From a plan to updates: origin, security class, sizes, what was held back.

use super::policy::Policy;
use plimsoll_formats::packages::relation::order;
use super::resolve::{Outcome, Plan, Resolver};
use super::universe::{PackageId, Universe, VersionId};
use super::{Lists, Repository};
use crate::reboot::needs_reboot;
use crate::Candidate;
use plimsoll_core::model::because::{Because, BecauseKind};
use plimsoll_core::model::problem::Problem;
use plimsoll_core::model::update::Update;
use plimsoll_formats::packages::dpkg::{advisory_source_of, source_of};
use std::cmp::Ordering;
use std::collections::BTreeMap;

/// What apt's files say is pending.
#[derive(Debug, Default)]
pub struct Pending {
    /// The plan of `dist-upgrade`; where apt refuses or cannot be followed,
    /// every package with a newer candidate.
    pub updates: Vec<Update>,
    /// Candidates that the plan leaves out.
    pub held: Vec<Update>,
    /// The version apt would choose for each installed package.
    pub candidates: Vec<Candidate>,
    /// Label of the repository that offers the installed version, by package
    /// and architecture.
    pub origins: BTreeMap<(String, String), String>,
    /// Why apt would refuse to plan: what installed packages lack.
    pub refused: Option<Vec<String>>,
    /// Why the plan could not be worked out here.
    pub undecided: Option<String>,
    /// What limits the answer.
    pub problems: Vec<Problem>,
}

/// Works out the pending updates without apt.
///
/// Where the plan cannot be told with certainty, [`Pending::undecided`] says
/// why and [`Pending::updates`] holds plain candidates.
pub fn native(lists: &Lists) -> Pending {
    let mut pending = Pending::default();
    let mut universe = Universe::new(&lists.indices, &lists.arches, &mut pending.problems);
    let policy = Policy::new(&lists.indices, &lists.repositories, &lists.preferences);
    let outcome = Resolver::new(&mut universe, &lists.indices, &policy).plan();
    let view = View { lists, universe: &universe, policy: &policy };
    view.inventory(&mut pending);
    match outcome {
        Outcome::Planned(plan) => view.planned(&plan, &mut pending),
        Outcome::Refused(lacking) => {
            view.candidates_only(&mut pending);
            pending.refused = Some(lacking);
        }
        Outcome::Undecided(reason) => {
            view.candidates_only(&mut pending);
            pending.undecided = Some(reason);
        }
    }
    sort(&mut pending.updates);
    sort(&mut pending.held);
    pending
}

/// Sorts updates by package and architecture.
pub(crate) fn sort(updates: &mut [Update]) {
    updates.sort_by(|left, right| (&left.package, &left.arch).cmp(&(&right.package, &right.arch)));
}

struct View<'v, 'a> {
    lists: &'a Lists,
    universe: &'v Universe<'a>,
    policy: &'v Policy<'a>,
}

impl View<'_, '_> {
    fn inventory(&self, pending: &mut Pending) {
        for &package in &self.universe.installed {
            let Some(found) = self.universe.packages.get(package) else { continue };
            let key = (found.name.to_owned(), found.arch.to_owned());
            if let Some(current) = found.current
                && let Some(label) = self.repositories(current).next().map(label)
            {
                pending.origins.insert(key, label);
            }
            if let Some(candidate) = self.policy.candidate(self.universe, package)
                && let Some(version) = self.universe.versions.get(candidate)
                && !version.only_installed()
            {
                let (source, source_version) = self.source(candidate);
                pending.candidates.push(Candidate {
                    package: found.name.to_owned(),
                    arch: found.arch.to_owned(),
                    version: version.fields.version.to_owned(),
                    source: Some(source),
                    source_version: Some(source_version),
                    origin: self.origin(candidate),
                });
            }
        }
        pending.candidates.sort();
    }

    fn planned(&self, plan: &Plan, pending: &mut Pending) {
        for &(package, version) in &plan.changes {
            pending.updates.extend(self.update(package, version, None));
        }
        for (&package, &reason) in &plan.kept {
            if let Some(candidate) = self.policy.candidate(self.universe, package) {
                pending.held.extend(self.update(package, candidate, Some(reason)));
            }
        }
    }

    fn candidates_only(&self, pending: &mut Pending) {
        for &package in &self.universe.installed {
            let Some(found) = self.universe.packages.get(package) else { continue };
            let Some(candidate) = self.policy.candidate(self.universe, package) else { continue };
            if found.current == Some(candidate) {
                continue;
            }
            let list = if found.held { &mut pending.held } else { &mut pending.updates };
            list.extend(self.update(package, candidate, found.held.then_some("hold")));
        }
    }

    fn update(&self, package: PackageId, candidate: VersionId, held_by: Option<&str>) -> Option<Update> {
        let found = self.universe.packages.get(package)?;
        let version = self.universe.versions.get(candidate)?;
        let installed = found.current.and_then(|current| self.universe.versions.get(current));
        let (source, source_version) = self.source(candidate);
        let security = self.security_version(package, candidate);
        let because = security
            .map(|(version, repository)| {
                let place = label(repository);
                Because::new(BecauseKind::Origin, format!("{place} offers {version}, newer than the installed version"))
            })
            .into_iter()
            .collect();
        Some(Update {
            package: found.name.to_owned(),
            arch: if version.fields.architecture == "all" { "all".to_owned() } else { found.arch.to_owned() },
            installed: installed.map(|installed| installed.fields.version.to_owned()),
            candidate: version.fields.version.to_owned(),
            security: security.is_some(),
            origin: self.origin(candidate),
            new: installed.is_none(),
            reboot: needs_reboot(found.name),
            source: Some(source),
            source_version: Some(source_version),
            held_by: held_by.map(str::to_owned),
            size: version.fields.size.parse().ok(),
            sha256: Some(version.fields.sha256).filter(|digest| !digest.is_empty()).map(str::to_owned),
            because,
            ..Update::default()
        })
    }

    /// The version that makes an update a security update, and its repository:
    /// any that a security repository offers above the installed version and
    /// not above the candidate. A point release absorbs security fixes, so the
    /// candidate's own place does not tell.
    fn security_version(&self, package: PackageId, candidate: VersionId) -> Option<(&str, &Repository)> {
        let found = self.universe.packages.get(package)?;
        let text = |version: VersionId| self.universe.versions.get(version).map(|version| version.fields.version);
        let wanted = text(candidate)?;
        let installed = found.current.and_then(text);
        found.versions.iter().find_map(|&version| {
            let stated = text(version)?;
            let newer = match installed {
                Some(installed) => order(stated, installed) == Ordering::Greater,
                None => version == candidate,
            };
            if !newer || order(stated, wanted) == Ordering::Greater {
                return None;
            }
            self.repositories(version).find(|repository| repository.is_security()).map(|repository| (stated, repository))
        })
    }

    fn repositories(&self, version: VersionId) -> impl Iterator<Item = &Repository> {
        let indices = self.universe.versions.get(version).map_or(&[][..], |version| version.indices.as_slice());
        indices.iter().filter_map(|index| {
            let index = self.lists.indices.get(*index)?;
            self.lists.repositories.get(index.repository?)
        })
    }

    fn source(&self, version: VersionId) -> (String, String) {
        let Some(found) = self.universe.versions.get(version) else { return (String::new(), String::new()) };
        let name = self.universe.packages.get(found.package).map_or("", |package| package.name);
        let (source, version) = source_of(name, found.fields.version, found.fields.source);
        let (source, version) = advisory_source_of(source, version, found.fields.version);
        (source.into_owned(), version.into_owned())
    }

    /// Where a version is, as apt's simulation prints it: `Label:Version/Suite`
    /// of each repository once. Source: apt-pkg/pkgcache.cc, `RelStr`.
    fn origin(&self, version: VersionId) -> String {
        let mut seen: Vec<(Option<&str>, Option<&str>)> = Vec::new();
        let mut parts: Vec<String> = Vec::new();
        for repository in self.repositories(version) {
            let release = &repository.release;
            let key = (release.label.as_deref(), release.version.as_deref());
            if key.0.is_some() && seen.contains(&key) {
                continue;
            }
            seen.push(key);
            let label = release.label.as_ref().map(|label| format!("{label}:")).unwrap_or_default();
            parts.push(match (&release.suite, &release.version) {
                (Some(suite), Some(version)) => format!("{label}{version}/{suite}"),
                (Some(suite), None) => format!("{label}{suite}"),
                (None, _) if repository.host.is_empty() => format!("{label}localhost"),
                (None, _) => format!("{label}{}", repository.host),
            });
        }
        parts.join(", ")
    }
}

/// The short name of a repository: its label, else its origin, else its host.
pub(crate) fn label(repository: &Repository) -> String {
    let release = &repository.release;
    release
        .label
        .as_ref()
        .or(release.origin.as_ref())
        .cloned()
        .unwrap_or_else(|| if repository.host.is_empty() { "local".to_owned() } else { repository.host.clone() })
}
