//! What is pending, by whichever package manager the host has.

use crate::apt::{self, Lists, Pending, live, simulate};
use crate::packages::System;
use crate::root::Root;
use crate::{Candidate, Inventory, apk_pacman, yum};
use plimsoll_core::model::component::Component;
use plimsoll_core::model::problem::Problem;
use plimsoll_core::model::update::Update;
use std::collections::BTreeSet;
use std::time::Duration;

/// Unmet dependencies named in the problem that apt refuses.
const NAMED: usize = 5;

/// Reads repositories, updates and candidates into the inventory.
pub(crate) fn read(root: &Root, is_live: bool, system: &System, inventory: &mut Inventory) {
    match system {
        System::Dpkg { status } => dpkg(root, is_live, status, inventory),
        System::Rpm => {
            inventory.host.repositories = yum::repositories(root, &mut inventory.problems);
            ask(is_live, inventory, yum::ask);
        }
        System::Apk => {
            inventory.host.repositories = apk_pacman::apk_repositories(root, &mut inventory.problems);
            ask(is_live, inventory, apk_pacman::ask_apk);
        }
        System::Pacman => ask(is_live, inventory, apk_pacman::ask_pacman),
        System::None => {}
    }
}

type Asked = Result<Option<(Vec<Update>, Duration)>, Problem>;

fn ask(is_live: bool, inventory: &mut Inventory, manager: impl Fn(&Inventory, &mut Vec<Problem>) -> Asked) {
    let mut problems = Vec::new();
    let asked = if is_live { manager(inventory, &mut problems) } else { Ok(None) };
    inventory.problems.extend(problems);
    match asked {
        Ok(Some((updates, cpu))) => {
            let (held, plan) = updates.into_iter().partition(|update| update.held_by.is_some());
            inventory.updates = Some(plan);
            inventory.held_updates = held;
            inventory.package_manager_cpu = Some(cpu);
        }
        Ok(None) => inventory.problems.push(Problem::new(
            "W-UPDATES",
            "updates",
            "pending updates of this kind of system are known only on the live host, by its own package manager",
            "run the scan on the host itself",
        )),
        Err(problem) => inventory.problems.push(problem),
    }
}

fn dpkg(root: &Root, is_live: bool, status: &str, inventory: &mut Inventory) {
    if is_live && simulate::available() {
        let lists = apt::read_lists(root, status, false);
        match live::ask(&lists, &inventory.components) {
            Ok((pending, cpu)) => {
                inventory.package_manager_cpu = Some(cpu);
                put(lists, pending, inventory);
                return;
            }
            Err(problem) => inventory.problems.push(problem),
        }
    }
    let lists = apt::read_lists(root, status, true);
    let mut pending = apt::native(&lists);
    if let Some(reason) = pending.undecided.clone() {
        second_opinion(root, &lists, &reason, &mut pending, inventory);
    }
    put(lists, pending, inventory);
    if inventory.host.repositories.is_empty() {
        // Nothing on offer by nobody is no answer.
        inventory.updates = None;
        inventory.problems.push(Problem::new(
            "W-UPDATES",
            "etc/apt",
            "names no repository, so pending updates cannot be known",
            "scan a root that keeps its sources and lists (etc/apt, var/lib/apt/lists)",
        ));
    }
}

/// Asks the real apt on a private copy where the native plan cannot be told.
fn second_opinion(root: &Root, lists: &Lists, reason: &str, pending: &mut Pending, inventory: &mut Inventory) {
    let candidates_only = |next: &str| {
        Problem::new(
            "W-PLAN",
            "apt",
            format!("what dist-upgrade would do cannot be told ({reason}); the updates are candidates only"),
            next,
        )
    };
    if !simulate::available() {
        pending.problems.push(candidates_only("scan on a machine that has apt, or on the host itself"));
        return;
    }
    match simulate::simulate(root, lists) {
        Ok(simulation) => {
            inventory.package_manager_cpu = Some(simulation.cpu);
            match simulation.changes {
                Some(changes) => adopt(&changes, pending),
                None => pending.refused = Some(live::lacking(&simulation.refusal)),
            }
        }
        Err(problem) => {
            pending.problems.push(problem);
            pending.problems.push(candidates_only("see the problem above, or scan on the host itself"));
        }
    }
}

/// Replaces plain candidates by apt's own plan; what the plan leaves out was
/// kept back.
fn adopt(changes: &[simulate::Change], pending: &mut Pending) {
    let mut offered: Vec<Update> = std::mem::take(&mut pending.updates);
    for change in changes {
        let Some(candidate) = &change.candidate else {
            pending.problems.push(live::removal(change));
            continue;
        };
        let known = offered.iter().position(|update| update.package == change.package && update.arch == change.arch);
        let mut update = known.map(|at| offered.swap_remove(at)).unwrap_or_else(|| Update {
            package: change.package.clone(),
            arch: change.arch.clone(),
            new: change.installed.is_none(),
            reboot: crate::needs_reboot(&change.package),
            security: change.origin.contains("Debian-Security:"),
            ..Update::default()
        });
        update.installed.clone_from(&change.installed);
        update.candidate.clone_from(candidate);
        update.origin.clone_from(&change.origin);
        pending.updates.push(update);
    }
    for mut update in offered {
        update.held_by = Some("dependencies".to_owned());
        pending.held.push(update);
    }
    apt::sort_updates(&mut pending.updates);
    apt::sort_updates(&mut pending.held);
    pending.undecided = None;
}

fn put(lists: Lists, pending: Pending, inventory: &mut Inventory) {
    inventory.host.repositories = lists.facts();
    inventory.problems.extend(lists.problems);
    inventory.problems.extend(pending.problems);
    if let Some(lacking) = &pending.refused {
        let named: Vec<&str> = lacking.iter().take(NAMED).map(String::as_str).collect();
        let more = lacking.len().saturating_sub(NAMED);
        let rest = if more > 0 { format!("; and {more} more") } else { String::new() };
        inventory.problems.push(Problem::new(
            "W-PLAN",
            "apt",
            format!(
                "dist-upgrade refuses, because installed packages lack dependencies ({}{rest}); the updates are what `apt list --upgradable` shows",
                named.join("; ")
            ),
            "run `apt --fix-broken install` on the host",
        ));
    }
    let native = lists.arches.first().cloned().unwrap_or_default();
    for component in &mut inventory.components {
        let arch = match component.arch.as_deref() {
            Some("all") | None => native.clone(),
            Some(arch) => arch.to_owned(),
        };
        let key = (component.name.clone(), arch);
        component.origin = pending
            .origins
            .get(&key)
            .or_else(|| pending.origins.get(&(component.name.clone(), component.arch.clone().unwrap_or_default())))
            .cloned();
    }
    inventory.updates = Some(pending.updates);
    inventory.held_updates = pending.held;
    inventory.candidates = as_installed(pending.candidates, &inventory.components, &native);
}

/// Gives each candidate the architecture that its installed package states.
///
/// apt plans packages of every architecture (`all`) as ones of its own, so
/// what is offered for them would be looked for under a key that no component
/// has, and their fix would be said not to be on offer.
fn as_installed(mut candidates: Vec<Candidate>, components: &[Component], native: &str) -> Vec<Candidate> {
    let of_all: BTreeSet<&str> = components
        .iter()
        .filter(|component| component.arch.as_deref() == Some("all"))
        .map(|component| component.name.as_str())
        .collect();
    for candidate in &mut candidates {
        if candidate.arch == native && of_all.contains(candidate.package.as_str()) {
            "all".clone_into(&mut candidate.arch);
        }
    }
    candidates
}
