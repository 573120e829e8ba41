//! What `apt-get dist-upgrade` would do, worked out without apt.
//!
//! apt marks every upgradable package, installs what the new versions newly
//! need, and only then lets its problem resolver weigh what is still broken.
//! The first two steps are followed here to the letter. Where the third would
//! have anything to do, the answer is [`Outcome::Undecided`] and the real apt
//! is asked instead: it may keep packages back or remove others, by scores
//! that take the whole archive into account, and a wrong plan would be worse
//! than none.
//!
//! Source: apt-pkg/upgrade.cc (`pkgDistUpgrade`), apt-pkg/depcache.cc
//! (`MarkInstall`), apt-pkg/algorithms.cc (`pkgProblemResolver`).

use super::policy::Policy;
use plimsoll_core::model::dependency::Operator;
use plimsoll_formats::packages::relation::{Relation, groups};
use super::universe::{Index, MultiArch, PackageId, Universe, VersionId};
use std::collections::{BTreeMap, BTreeSet, VecDeque};

/// Most new packages of one plan; a release upgrade brings hundreds.
const NEW_LIMIT: usize = 5_000;

/// What planning came to.
#[derive(Debug)]
pub(crate) enum Outcome {
    /// The plan.
    Planned(Plan),
    /// apt refuses to plan, because installed packages lack dependencies.
    Refused(Vec<String>),
    /// It cannot be said what apt would do, and why not.
    Undecided(String),
}

/// The changes of a plan.
#[derive(Debug, Default)]
pub(crate) struct Plan {
    /// Packages with the version they would have, in the order of their numbers.
    pub changes: Vec<(PackageId, VersionId)>,
    /// Packages kept back although there is a candidate, and why.
    pub kept: BTreeMap<PackageId, &'static str>,
}

pub(crate) struct Resolver<'r, 'a> {
    universe: &'r mut Universe<'a>,
    indices: &'a [Index],
    policy: &'r Policy<'a>,
    candidates: Vec<Option<Option<VersionId>>>,
    chosen: Vec<Option<VersionId>>,
    current: Vec<Option<VersionId>>,
    new: BTreeSet<PackageId>,
}

/// Which selection is looked at.
#[derive(Clone, Copy, PartialEq, Eq)]
enum When {
    Now,
    Planned,
}

impl<'r, 'a> Resolver<'r, 'a> {
    pub(crate) fn new(universe: &'r mut Universe<'a>, indices: &'a [Index], policy: &'r Policy<'a>) -> Self {
        let current: Vec<_> = universe.packages.iter().map(|package| package.current).collect();
        Self {
            universe,
            indices,
            policy,
            candidates: Vec::new(),
            chosen: current.clone(),
            current,
            new: BTreeSet::new(),
        }
    }

    /// Plans.
    pub(crate) fn plan(mut self) -> Outcome {
        let installed = self.universe.installed.clone();
        for &package in &installed {
            if let Some(found) = self.universe.packages.get(package)
                && let Some(state) = found.interrupted
            {
                return Outcome::Undecided(format!("dpkg was interrupted: {} is {state}", found.name));
            }
        }
        let broken = self.broken(&installed, When::Now);
        if !broken.is_empty() {
            return Outcome::Refused(broken);
        }
        let mut kept: BTreeMap<PackageId, &'static str> = BTreeMap::new();
        for &package in &installed {
            if self.universe.packages.get(package).is_some_and(|package| package.held) {
                kept.insert(package, "hold");
            }
        }
        if let Err(reason) = self.attempt(&installed, &kept) {
            return Outcome::Undecided(reason);
        }
        let mut all = installed.clone();
        all.extend(self.new.iter());
        match self.broken(&all, When::Planned).into_iter().next() {
            None => self.finish(&installed, kept),
            // Here apt weighs scores: it keeps some packages back and removes
            // others, and near misses are worse than no answer.
            Some(reason) => Outcome::Undecided(reason),
        }
    }

    fn finish(&mut self, installed: &[PackageId], kept: BTreeMap<PackageId, &'static str>) -> Outcome {
        let mut plan = Plan::default();
        for &package in installed.iter().chain(&self.new) {
            if let Some(version) = self.chosen(package, When::Planned)
                && self.chosen(package, When::Now) != Some(version)
            {
                plan.changes.push((package, version));
            }
        }
        plan.kept = kept
            .into_iter()
            .filter(|(package, _)| {
                let candidate = self.candidate(*package);
                candidate.is_some() && candidate != self.chosen(*package, When::Now)
            })
            .collect();
        for (package, version) in &plan.changes {
            let phased = self.universe.versions.get(*version).map_or("", |version| version.fields.phased);
            if !phased.is_empty() && phased != "100" {
                return Outcome::Undecided(format!("{} is phased ({phased} %)", self.name(*package)));
            }
        }
        plan.changes.sort_unstable();
        Outcome::Planned(plan)
    }

    /// Marks all upgrades but the kept ones, and installs what they need.
    fn attempt(&mut self, installed: &[PackageId], kept: &BTreeMap<PackageId, &'static str>) -> Result<(), String> {
        self.chosen = self.current.clone();
        self.new.clear();
        let mut queue = VecDeque::new();
        for &package in installed {
            if kept.contains_key(&package) {
                continue;
            }
            let candidate = self.candidate(package);
            if candidate.is_some() && candidate != self.chosen(package, When::Now) {
                self.choose(package, candidate);
                queue.push_back(package);
            }
        }
        self.add_essential(&mut queue);
        while let Some(package) = queue.pop_front() {
            self.install_dependencies(package, &mut queue)?;
            if self.new.len() > NEW_LIMIT {
                return Err(format!("the plan would install more than {NEW_LIMIT} new packages"));
            }
        }
        Ok(())
    }

    /// Adds essential packages that are not installed, as apt does.
    fn add_essential(&mut self, queue: &mut VecDeque<PackageId>) {
        for name in self.universe.essential() {
            self.universe.load(name, self.indices);
            let ids = self.universe.named(name).to_vec();
            if ids.iter().any(|package| self.chosen(*package, When::Planned).is_some()) {
                continue;
            }
            if let Some(candidate) = ids.first().and_then(|package| self.candidate(*package)) {
                self.add(candidate, queue);
            }
        }
    }

    /// Installs what a chosen version needs and nothing chosen gives.
    fn install_dependencies(&mut self, package: PackageId, queue: &mut VecDeque<PackageId>) -> Result<(), String> {
        let Some(version) = self.chosen(package, When::Planned) else { return Ok(()) };
        let Some(found) = self.universe.versions.get(version) else { return Ok(()) };
        let (critical, recommends) = (found.critical.clone(), found.recommends.clone());
        for group in groups(&critical) {
            if !self.satisfied(group, package, When::Planned)
                && let Some(target) = self.alternative(group, package)?
            {
                self.add(target, queue);
            }
        }
        for group in groups(&recommends) {
            if self.satisfied(group, package, When::Planned) || !self.wants(group, package) {
                continue;
            }
            if let Some(target) = self.alternative(group, package)? {
                self.add(target, queue);
            }
        }
        Ok(())
    }

    /// Whether apt follows a recommendation: always of a new package; of an
    /// upgraded one when it is new with this version or was satisfied so far.
    fn wants(&self, group: &[Relation<'a>], package: PackageId) -> bool {
        let Some(now) = self.chosen(package, When::Now).and_then(|version| self.universe.versions.get(version)) else {
            return true;
        };
        let Some(first) = group.first() else { return false };
        let old = groups(&now.critical).chain(groups(&now.recommends));
        for old in old {
            if old.iter().any(|relation| relation.name == first.name) {
                return self.satisfied(old, package, When::Now);
            }
        }
        true
    }

    /// The version apt would install for a group of alternatives: the first
    /// that can be had.
    fn alternative(&mut self, group: &[Relation<'a>], from: PackageId) -> Result<Option<VersionId>, String> {
        for relation in group {
            self.universe.load(relation.name, self.indices);
            for package in self.universe.named(relation.name).to_vec() {
                let Some(candidate) = self.candidate(package) else { continue };
                if self.installable(package) && self.matches(relation, from, candidate, None) {
                    return Ok(Some(candidate));
                }
            }
            self.universe.load_providers(self.indices);
            let mut found: BTreeMap<PackageId, VersionId> = BTreeMap::new();
            for (version, provided) in self.universe.providers(relation.name).to_vec() {
                let Some(package) = self.universe.versions.get(version).map(|version| version.package) else { continue };
                if self.installable(package)
                    && self.candidate(package) == Some(version)
                    && self.matches(relation, from, version, Some(provided))
                {
                    found.insert(package, version);
                }
            }
            match found.len() {
                0 => {}
                1 => return Ok(found.into_values().next()),
                _ => {
                    let names: Vec<_> = found.keys().take(5).map(|package| self.name(*package)).collect();
                    return Err(format!(
                        "{} needs {relation}, which {} packages provide ({})",
                        self.name(from),
                        found.len(),
                        names.join(", ")
                    ));
                }
            }
        }
        Ok(None)
    }

    /// Whether a package is not installed and so may be added.
    fn installable(&self, package: PackageId) -> bool {
        self.chosen(package, When::Now).is_none()
    }

    fn add(&mut self, version: VersionId, queue: &mut VecDeque<PackageId>) {
        let Some(package) = self.universe.versions.get(version).map(|version| version.package) else { return };
        self.choose(package, Some(version));
        self.new.insert(package);
        queue.push_back(package);
    }

    /// Finds what is broken among packages.
    fn broken(&self, packages: &[PackageId], when: When) -> Vec<String> {
        let mut out = Vec::new();
        for &package in packages {
            let Some(version) = self.chosen(package, when) else { continue };
            let Some(found) = self.universe.versions.get(version) else { continue };
            for group in groups(&found.critical) {
                if !self.satisfied(group, package, when) {
                    out.push(self.lacking(package, version, group));
                }
            }
            for relation in &found.against {
                if self.hit(relation, package, when) {
                    out.push(format!("{} conflicts with {relation}", self.name(package)));
                }
            }
            if self.out_of_step(package, version, when) {
                out.push(format!("{} would differ in version between architectures", self.name(package)));
            }
        }
        if when == When::Planned {
            self.lost_recommendations(packages, &mut out);
        }
        out
    }

    /// Recommendations satisfied now and no longer afterwards, which apt's
    /// resolver treats as breakage.
    fn lost_recommendations(&self, packages: &[PackageId], out: &mut Vec<String>) {
        for &package in packages {
            let (Some(now), Some(planned)) = (self.chosen(package, When::Now), self.chosen(package, When::Planned)) else {
                continue;
            };
            let fine_now = |version: VersionId| {
                self.universe
                    .versions
                    .get(version)
                    .is_some_and(|found| groups(&found.recommends).all(|group| self.satisfied(group, package, When::Now)))
            };
            let Some(found) = self.universe.versions.get(planned) else { continue };
            if let Some(group) = groups(&found.recommends).find(|group| !self.satisfied(group, package, When::Planned))
                && fine_now(now)
            {
                out.push(self.lacking(package, planned, group));
            }
        }
    }

    fn lacking(&self, package: PackageId, version: VersionId, group: &[Relation<'a>]) -> String {
        let text: Vec<String> = group.iter().map(ToString::to_string).collect();
        let stated = self.universe.versions.get(version).map_or("", |version| version.fields.version);
        format!("{} {stated} needs {}", self.name(package), text.join(" | "))
    }

    /// Whether a conflict hits another chosen package.
    fn hit(&self, relation: &Relation<'a>, from: PackageId, when: When) -> bool {
        let name = |package: PackageId| self.universe.packages.get(package).map(|package| package.name);
        let own = name(from);
        let by_name = self.universe.named(relation.name).iter().any(|&package| {
            name(package) != own
                && self.same_arch(relation, package)
                && self.chosen(package, when).and_then(|version| self.stated(version)).is_some_and(|version| relation.admits(version))
        });
        by_name
            || self.universe.providers(relation.name).iter().any(|(version, provided)| {
                let Some(package) = self.universe.versions.get(*version).map(|version| version.package) else { return false };
                name(package) != own
                    && self.chosen(package, when) == Some(*version)
                    && admits_provided(relation, *provided)
                    && self.same_arch(relation, package)
            })
    }

    fn same_arch(&self, relation: &Relation<'a>, package: PackageId) -> bool {
        match relation.arch {
            None | Some("any") => true,
            Some(arch) => self.universe.packages.get(package).is_some_and(|package| package.arch == arch),
        }
    }

    /// Whether another architecture's copy of a `Multi-Arch: same` package has
    /// another version, which dpkg forbids.
    fn out_of_step(&self, package: PackageId, version: VersionId, when: When) -> bool {
        let Some(found) = self.universe.versions.get(version) else { return false };
        if found.fields.multi_arch != MultiArch::Same || self.universe.arches.len() < 2 {
            return false;
        }
        self.universe.named(self.name(package)).iter().any(|other| {
            *other != package
                && self.chosen(*other, when).is_some_and(|other| self.stated(other) != Some(found.fields.version))
        })
    }

    /// Whether any alternative of a group is met by what is chosen.
    fn satisfied(&self, group: &[Relation<'a>], from: PackageId, when: When) -> bool {
        group.iter().any(|relation| {
            self.universe.named(relation.name).iter().any(|&package| {
                self.chosen(package, when).is_some_and(|version| self.matches(relation, from, version, None))
            }) || self.universe.providers(relation.name).iter().any(|(version, provided)| {
                let package = self.universe.versions.get(*version).map(|version| version.package);
                package.and_then(|package| self.chosen(package, when)) == Some(*version)
                    && self.matches(relation, from, *version, Some(*provided))
            })
        })
    }

    /// Whether a version, or what it provides, satisfies a relation of a
    /// package, architectures considered.
    fn matches(&self, relation: &Relation<'a>, from: PackageId, version: VersionId, provided: Option<Option<&str>>) -> bool {
        let Some(found) = self.universe.versions.get(version) else { return false };
        let admitted = match provided {
            None => relation.admits(found.fields.version),
            Some(provided) => admits_provided(relation, provided),
        };
        admitted && self.arch_admits(relation, from, found.package, found.fields.multi_arch)
    }

    fn arch_admits(&self, relation: &Relation<'a>, from: PackageId, target: PackageId, multi_arch: MultiArch) -> bool {
        let arch = |package: PackageId| self.universe.packages.get(package).map_or("", |package| package.arch);
        match relation.arch {
            None => multi_arch == MultiArch::Foreign || arch(from) == arch(target),
            Some("any") => multi_arch == MultiArch::Allowed,
            Some("native") => self.universe.arches.first().is_some_and(|native| native == arch(target)),
            Some(named) => arch(target) == named,
        }
    }

    fn stated(&self, version: VersionId) -> Option<&'a str> {
        self.universe.versions.get(version).map(|version| version.fields.version)
    }

    fn name(&self, package: PackageId) -> &'a str {
        self.universe.packages.get(package).map_or("", |package| package.name)
    }

    fn candidate(&mut self, package: PackageId) -> Option<VersionId> {
        if self.candidates.len() <= package {
            self.candidates.resize(self.universe.packages.len().max(package + 1), None);
        }
        if let Some(Some(known)) = self.candidates.get(package) {
            return *known;
        }
        let candidate = self.policy.candidate(self.universe, package);
        if let Some(slot) = self.candidates.get_mut(package) {
            *slot = Some(candidate);
        }
        candidate
    }

    fn chosen(&self, package: PackageId, when: When) -> Option<VersionId> {
        let selection = if when == When::Now { &self.current } else { &self.chosen };
        selection.get(package).copied().flatten()
    }

    fn choose(&mut self, package: PackageId, version: Option<VersionId>) {
        if self.chosen.len() <= package {
            self.chosen.resize(package + 1, None);
        }
        if let Some(slot) = self.chosen.get_mut(package) {
            *slot = version;
        }
    }
}

fn admits_provided(relation: &Relation<'_>, provided: Option<&str>) -> bool {
    match (relation.operator, provided) {
        (Operator::Any, _) => true,
        (_, Some(version)) => relation.admits(version),
        (_, None) => false,
    }
}
