//! What cannot be installed beside what.
//!
//! A repository may hold packages that exclude each other, and hosts take one
//! of them. A package that leads to both of them cannot be installed at all.

use super::{Installed, Offer, Offers};
use crate::model::dependency::Requirement;
use crate::model::problem::Problem;
use std::collections::{BTreeMap, BTreeSet};

/// What was chosen, and who needs whom.
pub(super) struct Chosen<'c, 'o> {
    pub(super) offers: &'c Offers<'o>,
    pub(super) places: BTreeSet<usize>,
    /// What was asked for by name.
    pub(super) roots: Vec<usize>,
    pub(super) edges: &'c BTreeSet<(usize, usize)>,
}

/// Names every conflict within what was chosen.
///
/// A conflict is none where another chosen version of the same package escapes
/// it, nor with a package's own name (dpkg and rpm read it so).
pub(super) fn within(chosen: &Chosen<'_, '_>) -> Vec<Problem> {
    let offers = chosen.offers;
    let mut answering: BTreeMap<&str, Vec<usize>> = BTreeMap::new();
    for place in &chosen.places {
        let Some(offer) = offers.at(*place) else { continue };
        for name in std::iter::once(offer.name).chain(offer.provides.iter().map(|provided| provided.name)) {
            answering.entry(name).or_default().push(*place);
        }
    }
    let mut problems = Vec::new();
    let mut told = BTreeSet::new();
    for place in &chosen.places {
        let Some(by) = offers.at(*place) else { continue };
        for clash in &by.conflicts {
            for other_place in answering.get(clash.name).into_iter().flatten() {
                let Some(other) = offers.at(*other_place).filter(|other| other.name != by.name && offers.satisfies(other, clash)) else { continue };
                let versions = answering.get(other.name).into_iter().flatten().filter_map(|place| offers.at(*place)).filter(|known| known.name == other.name);
                if versions.into_iter().any(|known| !offers.satisfies(known, clash)) || !told.insert((by.name, by.version, other.name)) {
                    continue;
                }
                problems.push(problem(chosen, (*place, by), (*other_place, other), clash));
            }
        }
    }
    problems
}

fn problem(chosen: &Chosen<'_, '_>, by: (usize, &Offer<'_>), other: (usize, &Offer<'_>), clash: &Requirement<'_>) -> Problem {
    let (by_place, by) = by;
    let (other_place, other) = other;
    let text = format!("{} {} cannot be installed beside {clash}, and {} {} is among what was chosen", by.name, by.version, other.name, other.version);
    let leads = chosen.roots.iter().find(|root| {
        let reached = reached(**root, chosen.edges);
        reached.contains(&by_place) && reached.contains(&other_place)
    });
    match leads.and_then(|root| chosen.offers.at(*root)) {
        Some(root) => Problem::new("E-CONFLICT", root.name, format!("needs both sides of a conflict: {text}"), "name the alternative that is meant, or leave it out"),
        None => Problem::new("W-CONFLICT", by.name, text, "nothing, where hosts take one of the two"),
    }
}

/// Everything a chosen offer leads to, itself among it.
fn reached(root: usize, edges: &BTreeSet<(usize, usize)>) -> BTreeSet<usize> {
    let mut seen = BTreeSet::from([root]);
    let mut open = vec![root];
    while let Some(place) = open.pop() {
        for (_, to) in edges.range((place, 0)..=(place, usize::MAX)) {
            if seen.insert(*to) {
                open.push(*to);
            }
        }
    }
    seen
}

/// What hosts have stands against a package, and nothing newer of it is offered.
pub(super) fn removes(by: &Offer<'_>, clash: &Requirement<'_>, there: &Installed<'_>) -> Problem {
    Problem::new(
        "W-CONFLICT",
        by.name,
        format!(
            "{} {} cannot be installed beside {clash}; hosts have {} {}, and no repository given here offers one that can stay: their package manager would remove it",
            by.name, by.version, there.name, there.version
        ),
        "look whether it may go before the set is used",
    )
}
