//! What each host's assignment allows.

use super::gate::Judged;
use super::{Gate, Input, Phase, Wanted};
use crate::model::assignment::Go;
use jiff::Timestamp;
use std::collections::{BTreeMap, BTreeSet};

/// What has to change of the assignments.
pub(super) fn changes(input: &Input<'_>, judged: &Judged) -> Vec<(usize, Option<Go>)> {
    let mut at_work: Vec<u32> = vec![0; input.package.rings.len()];
    for (place, standing) in input.places.iter().zip(input.standings) {
        if standing.may_be_at_work()
            && let Some(count) = at_work.get_mut(place.ring as usize)
        {
            *count += 1;
        }
    }
    let mut turns = Turns::new(input);
    let mut changes = Vec::new();
    for (number, (place, standing)) in input.places.iter().zip(input.standings).enumerate() {
        let wanted = wanted(input, judged, number, &at_work, &turns);
        // An end is reported once; then the assignment is of no use any more.
        if wanted != standing.given {
            if wanted == Some(Go::Apply)
                && !standing.may_be_at_work()
                && let Some(count) = at_work.get_mut(place.ring as usize)
            {
                *count += 1;
                turns.take(number);
            }
            changes.push((number, wanted));
        }
    }
    changes
}

/// What one host is to be allowed.
fn wanted(input: &Input<'_>, judged: &Judged, number: usize, at_work: &[u32], turns: &Turns) -> Option<Go> {
    let (place, standing) = (input.places.get(number)?, input.standings.get(number)?);
    let phase = standing.phase();
    if matches!(phase, Phase::Succeeded | Phase::Pending | Phase::Failed | Phase::LeftOut) {
        // It stays as it was, so that what was handed out remains on record.
        return standing.given;
    }
    let ring = place.ring as usize;
    let is_open = judged.rings.get(ring).is_some_and(|ring| ring.opened.is_some());
    let may = judged.gate == Gate::Open && is_open && input.wanted == Wanted::Running && input.now < input.package.expires && standing.barred.is_none();
    if standing.given == Some(Go::Apply) {
        // It was never told, so that its turn can go to somebody who is there.
        if phase == Phase::Away && (input.package.at_once > 0 || turns.counts(number)) {
            return None;
        }
        // What runs ends by itself; whoever has not begun is stopped.
        return if may || standing.has_begun() { Some(Go::Apply) } else { Some(Go::Stop) };
    }
    // Who is silent hears nothing anyway, and is asked again when it is back.
    if may && !standing.silent && is_its_turn(input, number, at_work.get(ring).copied().unwrap_or(0), turns) {
        return Some(Go::Apply);
    }
    match standing.given {
        // Who was stopped stays so until it may go on.
        Some(Go::Stop) if !may => Some(Go::Stop),
        _ if judged.gate == Gate::Shut || input.wanted != Wanted::Running => standing.given.map(|_| Go::Stop),
        _ => None,
    }
}

/// Whether a host may start now and not only at some time: where places are
/// few, only one whose window is open takes one.
fn is_its_turn(input: &Input<'_>, number: usize, at_work: u32, turns: &Turns) -> bool {
    let limit = input.package.at_once;
    let counted = limit > 0 || turns.counts(number);
    if !counted {
        return true;
    }
    let Some(place) = input.places.get(number) else { return false };
    let own = u32::from(input.standings.get(number).is_some_and(super::Standing::may_be_at_work));
    (limit == 0 || at_work.saturating_sub(own) < limit) && turns.is_free(number) && may_start(input, place.window.as_deref(), input.now)
}

fn may_start(input: &Input<'_>, window: Option<&str>, now: Timestamp) -> bool {
    let Some(name) = window else { return true };
    let Some(window) = input.package.windows.get(name) else { return false };
    window.intervals.iter().any(|interval| interval.from <= now && now < interval.last_start)
}

/// Whose turn it is among hosts that do the same work.
struct Turns {
    of: BTreeMap<usize, Vec<usize>>,
    /// Who of each set may be at work, failed or is silent: then the others
    /// carry the work and are left alone.
    busy: Vec<BTreeSet<usize>>,
}

impl Turns {
    fn new(input: &Input<'_>) -> Self {
        let mut of: BTreeMap<usize, Vec<usize>> = BTreeMap::new();
        let mut busy = Vec::with_capacity(input.apart.len());
        for (set, members) in input.apart.iter().enumerate() {
            let mut here = BTreeSet::new();
            for member in members {
                of.entry(*member).or_default().push(set);
                let standing = input.standings.get(*member);
                if standing.is_some_and(|standing| standing.may_be_at_work() || matches!(standing.phase(), Phase::Failed | Phase::Silent)) {
                    here.insert(*member);
                }
            }
            busy.push(here);
        }
        Self { of, busy }
    }

    fn counts(&self, host: usize) -> bool {
        self.of.contains_key(&host)
    }

    fn is_free(&self, host: usize) -> bool {
        let sets = self.of.get(&host).into_iter().flatten();
        sets.filter_map(|set| self.busy.get(*set)).all(|busy| busy.iter().all(|member| *member == host))
    }

    fn take(&mut self, host: usize) {
        for set in self.of.get(&host).into_iter().flatten() {
            if let Some(busy) = self.busy.get_mut(*set) {
                busy.insert(host);
            }
        }
    }
}
