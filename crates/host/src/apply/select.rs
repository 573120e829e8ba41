//! What of a plan a host needs.

use super::{Installed, Present, outside};
use plimsoll_core::model::deployment_package::{StreamPlan, Target};
use plimsoll_core::model::problem::Problem;
use plimsoll_version::{Scheme, compare};
use std::cmp::Ordering;

/// What of a plan's packages a host needs.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Needed {
    /// Targets of which an older version is installed, or a broken one.
    pub targets: Vec<Target>,
    /// Targets that may come new.
    pub new: Vec<Target>,
}

/// Whether two architectures name the same installed slot; dpkg lets a package
/// go from `all` to a machine's own and back.
pub fn same_slot(one: &str, other: &str) -> bool {
    one == other || [one, other].iter().any(|arch| matches!(*arch, "all" | "noarch"))
}

/// What is installed of a package, whatever its state.
pub(super) fn present<'a>(installed: &'a Installed, target: &'a Target) -> impl Iterator<Item = &'a Present> {
    let slots = installed.iter().filter(|((name, arch), _)| *name == target.name && same_slot(arch, &target.arch));
    slots.flat_map(|(_, versions)| versions)
}

/// Chooses what a host needs of a plan.
///
/// # Errors
///
/// `E-PLAN` where versions cannot be compared.
pub fn needed(plan: &StreamPlan, installed: &Installed, scheme: Scheme) -> Result<Needed, Problem> {
    let mut needed = Needed::default();
    for target in &plan.install {
        let mut versions = present(installed, target).peekable();
        if versions.peek().is_none() {
            if target.new {
                needed.new.push(target.clone());
            }
            continue;
        }
        let mut wanted = false;
        let mut reached = false;
        for version in versions {
            let order = compare(scheme, &version.version, &target.version)
                .map_err(|error| outside(&target.name, format!("has a version that cannot be compared: {error}")))?;
            wanted |= order == Ordering::Less || broken(&version.status);
            reached |= order != Ordering::Less && !broken(&version.status);
        }
        // Kernels stand side by side: an older one beside the target is none
        // that is wanted.
        if wanted && !(reached && scheme == Scheme::Rpm && install_only(&target.name)) {
            needed.targets.push(target.clone());
        }
    }
    Ok(needed)
}

/// Former versions to stage: those of the plan that are what is installed of
/// what would change.
pub fn way_back(plan: &StreamPlan, installed: &Installed, needed: &Needed) -> Vec<Target> {
    let leads_back = |former: &&Target| {
        let changes = needed.targets.iter().any(|target| target.name == former.name && same_slot(&target.arch, &former.arch));
        let goes = plan.remove.iter().any(|removal| removal.name == former.name && same_slot(&removal.arch, &former.arch));
        (changes || goes) && present(installed, former).any(|present| present.version == former.version)
    };
    plan.way_back.iter().filter(leads_back).cloned().collect()
}

/// Whether dpkg's word for a package means a half state; rpm has none.
pub(super) fn broken(status: &str) -> bool {
    let mut letters = status.chars().skip(1);
    let state = letters.next();
    matches!(state, Some('H' | 'U' | 'F' | 'W' | 't')) || letters.next().is_some_and(|flag| flag == 'R')
}

/// Whether rpm keeps several versions of a package side by side.
///
/// Source: dnf's default of `installonlypkgs`.
pub(super) fn install_only(name: &str) -> bool {
    name == "kernel" || name.starts_with("kernel-") || name.starts_with("installonlypkg(")
}

#[cfg(test)]
mod tests {
    use super::*;
    use plimsoll_core::model::deployment_package::Tool;

    fn target(name: &str, version: &str, new: bool) -> Target {
        Target { name: name.into(), arch: "amd64".into(), version: version.into(), sha256: String::new(), size: 0, repository: String::new(), new }
    }

    fn plan(install: Vec<Target>, way_back: Vec<Target>) -> StreamPlan {
        StreamPlan { tool: Tool::Apt, install, remove: Vec::new(), way_back, no_way_back: Vec::new(), steps: Vec::new() }
    }

    fn installed(rows: &[(&str, &str, &str, &str)]) -> Installed {
        let mut installed = Installed::new();
        for (name, arch, version, status) in rows {
            let present = Present { version: (*version).into(), status: (*status).into() };
            installed.entry(((*name).into(), (*arch).into())).or_default().push(present);
        }
        installed
    }

    #[test]
    fn older_and_broken_ones_are_needed_newer_and_absent_ones_not() {
        let plan = plan(
            vec![target("older", "2", false), target("newer", "2", false), target("same", "2", false), target("absent", "2", false), target("lib", "1", true), target("half", "2", false), target("all", "2", false)],
            vec![target("older", "1", false), target("older", "1.5", false), target("same", "1", false)],
        );
        let installed = installed(&[("older", "amd64", "1", "ii"), ("newer", "amd64", "3", "ii"), ("same", "amd64", "2", "ii"), ("half", "amd64", "2", "iHR"), ("all", "all", "1", "ii")]);
        let needed = needed(&plan, &installed, Scheme::Debian).unwrap();
        let names = |targets: &[Target]| targets.iter().map(|target| format!("{} {}", target.name, target.version)).collect::<Vec<_>>();
        assert_eq!(names(&needed.targets), ["older 2", "half 2", "all 2"]);
        assert_eq!(names(&needed.new), ["lib 1"]);
        assert_eq!(names(&way_back(&plan, &installed, &needed)), ["older 1"]);
    }

    #[test]
    fn dpkgs_half_states_are_broken() {
        assert!(["iHR", "iF", "iU", "iFR", "iW", "it", "iiR"].iter().all(|word| broken(word)));
        assert!(!["ii", "hi", "rc", ""].iter().any(|word| broken(word)));
    }
}
