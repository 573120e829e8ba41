//! Following dependencies of what was asked for by name.

use super::conflicts::{self, Chosen};
use super::{Input, Offer, Pick, Purpose, is_every};
use crate::model::because::{Because, BecauseKind};
use crate::model::dependency::Requirement;
use crate::model::problem::Problem;
use std::collections::{BTreeMap, BTreeSet, VecDeque};

/// Most packages that names may lead to: more than any archive has, so that a
/// hostile index ends somewhere.
const LIMIT: usize = 200_000;

/// What names lead to.
pub(super) struct Closed<'o> {
    pub(super) chosen: Vec<(&'o Offer<'o>, Purpose, Because)>,
    pub(super) problems: Vec<Problem>,
}

/// Follows `Depends` and `Pre-Depends` (rpm: `requires`) until everything is
/// there, was installed before, or is named as missing.
///
/// Of alternatives the first that is offered is taken, as apt does. A name that
/// several packages provide is not decided. What `Conflicts` with or `Breaks` a
/// package that hosts have brings that package's newest version along, where
/// that one escapes; conflicts within what was chosen are told
/// ([`super::conflicts`]).
pub(super) fn close<'o>(input: &Input<'o>) -> Closed<'o> {
    let mut walk = Walk { input, chosen: BTreeMap::new(), provided: BTreeMap::new(), queue: VecDeque::new(), problems: Vec::new(), edges: BTreeSet::new(), looked_at: BTreeSet::new() };
    for pick in input.picks {
        walk.pick(pick);
    }
    // What leaves a choice waits until everything without one is there: the
    // choice is often made by then.
    let mut later: VecDeque<(usize, usize)> = VecDeque::new();
    loop {
        if let Some((place, group)) = walk.queue.pop_front() {
            if !walk.simple(place, group) {
                later.push_back((place, group));
            }
        } else if let Some((place, group)) = later.pop_front() {
            walk.choose(place, group);
        } else if !walk.renew() {
            break;
        }
    }
    let roots = walk.chosen.iter().filter(|(_, (purpose, _))| *purpose == Purpose::Asked).map(|(place, _)| *place).collect();
    let told = conflicts::within(&Chosen { offers: input.offers, places: walk.chosen.keys().copied().collect(), roots, edges: &walk.edges });
    told.into_iter().for_each(|problem| super::note(&mut walk.problems, problem));
    let chosen = walk.chosen.into_iter().filter_map(|(place, (purpose, why))| Some((input.offers.at(place)?, purpose, why)));
    Closed { chosen: chosen.collect(), problems: walk.problems }
}

struct Walk<'i, 'o> {
    input: &'i Input<'o>,
    chosen: BTreeMap<usize, (Purpose, Because)>,
    /// Chosen offers by every name they answer to.
    provided: BTreeMap<&'o str, BTreeSet<usize>>,
    /// Offer and which of its needs.
    queue: VecDeque<(usize, usize)>,
    problems: Vec<Problem>,
    /// Who needs whom, among the chosen.
    edges: BTreeSet<(usize, usize)>,
    /// Chosen offers that were held against what hosts have.
    looked_at: BTreeSet<usize>,
}

impl<'o> Walk<'_, 'o> {
    fn wanted_arch(&self, offer: &Offer<'_>) -> bool {
        is_every(offer.arch) || self.input.architectures.iter().any(|arch| arch == offer.arch)
    }

    fn pick(&mut self, pick: &Pick<'_>) {
        let offers = self.input.offers;
        let fits = |offer: &Offer<'_>| pick.version.is_none_or(|version| version == offer.version) && self.wanted_arch(offer);
        let mut by_arch: BTreeMap<&str, (usize, &Offer<'_>)> = BTreeMap::new();
        for (place, offer) in offers.named(pick.name).filter(|(_, offer)| fits(offer)) {
            let best = by_arch.entry(offer.arch).or_insert((place, offer));
            if offers.better(offer, best.1).is_gt() {
                *best = (place, offer);
            }
        }
        if by_arch.is_empty() {
            let version = pick.version.map_or_else(String::new, |version| format!(" in version {version}"));
            self.problems.push(Problem::new(
                "E-NOT-OFFERED",
                pick.name,
                format!("is asked for{version}, and no repository given here offers it for {}", self.input.architectures.join(", ")),
                "look at the spelling, the version and the repositories",
            ));
        }
        let best: Vec<usize> = by_arch.into_values().map(|(place, _)| place).collect();
        for place in best {
            self.take(place, Purpose::Asked, "it was asked for by name".to_owned());
        }
    }

    fn take(&mut self, place: usize, purpose: Purpose, why: String) {
        let Some(offer) = self.input.offers.at(place) else { return };
        if let Some((known, _)) = self.chosen.get_mut(&place) {
            *known = (*known).min(purpose);
            return;
        }
        if self.chosen.len() >= LIMIT {
            if self.chosen.len() == LIMIT && self.problems.last().is_none_or(|last| last.code != "E-LIMIT") {
                self.problems.push(Problem::new("E-LIMIT", offer.name, format!("the names lead to more than {LIMIT} packages, which is the limit"), "freeze the whole suite instead"));
            }
            return;
        }
        let repository = self.input.offers.repository(offer);
        self.chosen.insert(place, (purpose, Because::new(BecauseKind::Origin, format!("{why}; {repository} offers it"))));
        for name in std::iter::once(offer.name).chain(offer.provides.iter().map(|provided| provided.name)) {
            self.provided.entry(name).or_default().insert(place);
        }
        self.queue.extend((0..offer.needs.len()).map(|group| (place, group)));
    }

    fn group(&self, place: usize, group: usize) -> Option<(&'o Offer<'o>, &'o [Requirement<'o>])> {
        let offer = self.input.offers.at(place)?;
        Some((offer, offer.needs.get(group)?))
    }

    /// Whether a package of this architecture may serve one of the other.
    fn reaches(&self, offer: &Offer<'_>, by: &Offer<'_>, wanted: &Requirement<'_>) -> bool {
        is_every(offer.arch) || is_every(by.arch) || offer.arch == by.arch || wanted.arch.is_some()
    }

    /// Whether a need is satisfied; remembers by which of the chosen.
    fn is_satisfied(&mut self, place: usize, by: &Offer<'_>, group: &[Requirement<'_>]) -> bool {
        let offers = self.input.offers;
        for wanted in group {
            let found = self.provided.get(wanted.name).into_iter().flatten().copied().find(|found| {
                offers.at(*found).is_some_and(|offer| self.reaches(offer, by, wanted) && offers.satisfies(offer, wanted))
            });
            if let Some(found) = found {
                self.edges.insert((place, found));
                return true;
            }
            if self.input.installed.iter().any(|there| there.name == wanted.name && wanted.admits(offers.scheme, Some(there.version))) {
                return true;
            }
        }
        false
    }

    /// Brings newer versions of what hosts have and the chosen will not stand;
    /// false where nothing came of it.
    fn renew(&mut self) -> bool {
        let offers = self.input.offers;
        let fresh: Vec<usize> = self.chosen.keys().copied().filter(|place| !self.looked_at.contains(place)).collect();
        for place in &fresh {
            self.looked_at.insert(*place);
            let Some(by) = offers.at(*place) else { continue };
            for clash in &by.conflicts {
                let there = self.input.installed.iter().find(|there| there.name == clash.name && there.name != by.name && clash.admits(offers.scheme, Some(there.version)));
                let Some(there) = there else { continue };
                let escapes = |offer: &Offer<'_>| !clash.admits(offers.scheme, Some(offer.version));
                if self.provided.get(clash.name).into_iter().flatten().filter_map(|known| offers.at(*known)).any(|known| known.name == clash.name && escapes(known)) {
                    continue;
                }
                let newest = offers.named(clash.name).filter(|(_, offer)| escapes(offer) && self.wanted_arch(offer) && self.reaches(offer, by, clash));
                match newest.max_by(|left, right| offers.better(left.1, right.1).then_with(|| right.0.cmp(&left.0))) {
                    Some((found, _)) => self.take(found, Purpose::Dependency, format!("{} {} does not stand {clash}, and hosts have {}", by.name, by.version, there.version)),
                    None => super::note(&mut self.problems, conflicts::removes(by, clash, there)),
                }
            }
        }
        !self.queue.is_empty()
    }

    /// The best offer with the name itself.
    fn real(&self, by: &Offer<'_>, wanted: &Requirement<'_>) -> Option<usize> {
        let offers = self.input.offers;
        let fits = |offer: &Offer<'_>| wanted.admits(offers.scheme, Some(offer.version)) && self.wanted_arch(offer) && self.reaches(offer, by, wanted);
        let found = offers.named(wanted.name).filter(|(_, offer)| fits(offer));
        found.max_by(|left, right| offers.better(left.1, right.1).then_with(|| right.0.cmp(&left.0))).map(|(place, _)| place)
    }

    /// Offers that provide the name, the best of each package.
    fn virtual_ones(&self, by: &Offer<'_>, wanted: &Requirement<'_>) -> BTreeMap<&'o str, usize> {
        let offers = self.input.offers;
        let mut best: BTreeMap<&'o str, usize> = BTreeMap::new();
        for (place, offer) in offers.providing(wanted.name) {
            if !offers.satisfies(offer, wanted) || !self.wanted_arch(offer) || !self.reaches(offer, by, wanted) {
                continue;
            }
            let known = best.entry(offer.name).or_insert(place);
            if offers.at(*known).is_some_and(|known| offers.better(offer, known).is_gt()) {
                *known = place;
            }
        }
        best
    }

    /// Follows a need that leaves no choice; false where it does.
    fn simple(&mut self, place: usize, group: usize) -> bool {
        let Some((by, alternatives)) = self.group(place, group) else { return true };
        if self.is_satisfied(place, by, alternatives) {
            return true;
        }
        let [wanted] = alternatives else { return false };
        let Some(found) = self.real(by, wanted) else { return false };
        self.edges.insert((place, found));
        self.take(found, Purpose::Dependency, format!("{} {} needs {wanted}", by.name, by.version));
        true
    }

    /// Decides a need that leaves a choice, or says that it cannot.
    fn choose(&mut self, place: usize, group: usize) {
        let Some((by, alternatives)) = self.group(place, group) else { return };
        if self.is_satisfied(place, by, alternatives) {
            return;
        }
        let text = alternatives.iter().map(ToString::to_string).collect::<Vec<_>>().join(" | ");
        if let Some((wanted, found)) = alternatives.iter().find_map(|wanted| Some((wanted, self.real(by, wanted)?))) {
            self.edges.insert((place, found));
            self.take(found, Purpose::Dependency, format!("{} {} needs {text}; {} is the first of these on offer", by.name, by.version, wanted.name));
            return;
        }
        let mut candidates: BTreeMap<&str, usize> = BTreeMap::new();
        for wanted in alternatives {
            candidates.extend(self.virtual_ones(by, wanted));
        }
        let problem = match candidates.iter().next() {
            Some((name, found)) if candidates.len() == 1 => {
                self.edges.insert((place, *found));
                self.take(*found, Purpose::Dependency, format!("{} {} needs {text}, which only {name} provides", by.name, by.version));
                return;
            }
            Some(_) => {
                let names: Vec<&str> = candidates.keys().take(8).copied().collect();
                let more = if candidates.len() > names.len() { " and others" } else { "" };
                Problem::new(
                    "E-UNDECIDED",
                    by.name,
                    format!("{} {} needs {text}, which {}{more} provide; which of them is not decided here", by.name, by.version, names.join(", ")),
                    "ask for one of them by name as well",
                )
            }
            None => Problem::new(
                "E-UNMET",
                by.name,
                format!("{} {} needs {text}, which no repository given here offers", by.name, by.version),
                "add the repository that does, or state what hosts have already with `--installed SCAN`",
            ),
        };
        super::note(&mut self.problems, problem);
    }
}
