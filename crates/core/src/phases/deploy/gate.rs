//! Which rings are open, and why the next one is not.

use super::{Barred, Gate, Input, NAMED, outside, OutsideAlert, Phase, Progress, RingStanding, Wanted};
use crate::model::authorisation::Rest;
use crate::model::deployment_package::Ring;
use crate::phases::confirm::reboot::Counts;
use jiff::SignedDuration;

/// What was judged of a rollout.
pub(super) struct Judged {
    pub(super) rings: Vec<Progress>,
    pub(super) standings: Vec<RingStanding>,
    pub(super) gate: Gate,
    /// Why it is as it is, as far as no ring says so.
    pub(super) reasons: Vec<String>,
}

/// Counts hosts by ring.
pub(super) fn count(input: &Input<'_>) -> Vec<RingStanding> {
    let mut rings = vec![RingStanding::default(); input.package.rings.len()];
    for (place, standing) in input.places.iter().zip(input.standings) {
        let Some(ring) = rings.get_mut(place.ring as usize) else { continue };
        ring.hosts += 1;
        let phase = standing.phase();
        *match phase {
            Phase::Waits => &mut ring.waiting,
            Phase::AtWork => &mut ring.at_work,
            Phase::Succeeded => &mut ring.succeeded,
            Phase::Pending => &mut ring.pending,
            Phase::Failed => &mut ring.failed,
            Phase::Silent => &mut ring.silent,
            Phase::Away => &mut ring.away,
            Phase::LeftOut => &mut ring.left_out,
        } += 1;
        ring.triage += u64::from(phase == Phase::Waits && standing.barred == Some(Barred::Triage));
        let overdue = phase == Phase::Pending && standing.pending == Some(Counts::Overdue);
        ring.overdue += u64::from(overdue);
        if (overdue || matches!(phase, Phase::Failed | Phase::Silent)) && ring.against.len() < NAMED {
            ring.against.push(place.host);
        }
    }
    rings
}

/// Whether so many successes are enough of those that count.
fn is_enough(ring: &Ring, standing: &RingStanding) -> bool {
    let counted = standing.counted();
    // A ring that nobody could take part in has shown nothing, but one that
    // everybody was taken out of holds nobody up.
    if counted == 0 {
        return standing.away == 0;
    }
    standing.succeeded * 1000 >= counted * u64::from(ring.success_per_mille)
}

/// Judges rings and gate.
pub(super) fn judge(input: &Input<'_>, mut standings: Vec<RingStanding>) -> Judged {
    let mut rings = input.rings.to_vec();
    rings.resize(standings.len(), Progress::default());
    for ((progress, ring), standing) in rings.iter_mut().zip(&input.package.rings).zip(&standings) {
        progress.succeeded = match is_enough(ring, standing) && progress.opened.is_some() && !outside::fires(standing) {
            true => progress.succeeded.or(Some(input.now)),
            false => None,
        };
    }
    let mut reasons = refusals(input, &standings);
    let (alerts, mut asked) = outside::against(input, &rings, &standings);
    asked.extend(unaccredited(input, &rings));
    let over = ended(input, &standings);
    if !over {
        reasons.extend(alerts);
    }
    let shut = !reasons.is_empty();
    let waits = !over && (!input.waits.is_empty() || !asked.is_empty());
    if !shut && !over && !waits && input.wanted == Wanted::Running {
        open(input, &mut rings, &mut standings);
    }
    let gate = match input.wanted {
        _ if over => Gate::Done,
        Wanted::Aborted | Wanted::Done => Gate::Done,
        Wanted::Paused => Gate::Shut,
        Wanted::Running if shut => Gate::Shut,
        Wanted::Running if waits => Gate::Waiting,
        Wanted::Running if rings.iter().any(|ring| ring.opened.is_some()) => Gate::Open,
        Wanted::Running => Gate::Waiting,
    };
    if waits && input.wanted == Wanted::Running {
        reasons.extend(input.waits.iter().cloned().chain(asked));
    }
    if !over {
        reasons.extend(triages(input, &standings));
    }
    match input.wanted {
        Wanted::Paused => reasons.push("somebody paused it".to_owned()),
        Wanted::Aborted => reasons.push("somebody aborted it".to_owned()),
        _ => {}
    }
    if input.now >= input.package.expires {
        reasons.push(format!("the package expired at {}", input.package.expires));
    }
    Judged { rings, standings, gate, reasons }
}

/// Whether nothing more can start: everybody ended, or the package did.
fn ended(input: &Input<'_>, standings: &[RingStanding]) -> bool {
    let at_work = standings.iter().any(|ring| ring.at_work > 0);
    let waits = standings.iter().any(|ring| ring.waiting + ring.away + ring.pending > 0);
    !at_work && (!waits || input.now >= input.package.expires)
}

/// What shuts the gate.
fn refusals(input: &Input<'_>, standings: &[RingStanding]) -> Vec<String> {
    let mut reasons: Vec<String> = input.holds.to_vec();
    for (ring, standing) in input.package.rings.iter().zip(standings) {
        if standing.losses() > u64::from(ring.failures) {
            let overdue = if standing.overdue > 0 { format!(", and {} wait for a reboot that is overdue", standing.overdue) } else { String::new() };
            reasons.push(format!(
                "ring {}: {} failed and {} went silent after taking the change{overdue}, of {} hosts; at most {} may",
                ring.name, standing.failed, standing.silent, standing.hosts, ring.failures
            ));
        }
    }
    reasons
}

/// Why open rings wait for an authority.
fn unaccredited(input: &Input<'_>, rings: &[Progress]) -> Vec<String> {
    let open = |place: usize| rings.get(place).is_some_and(|progress| progress.opened.is_some());
    let named = |place: usize| input.package.rings.get(place).map_or("", |ring| ring.name.as_str());
    input.unaccredited.iter().filter(|(place, _)| open(*place)).map(|(place, why)| format!("ring {}: {why}", named(*place))).collect()
}

/// Whom the policy holds back until traces were looked for.
fn triages<'a>(input: &'a Input<'_>, standings: &'a [RingStanding]) -> impl Iterator<Item = String> + 'a {
    let waiting = input.package.rings.iter().zip(standings).filter(|(_, standing)| standing.triage > 0);
    waiting.map(|(ring, standing)| format!("ring {}: {} of {} hosts wait for a forensic triage, as the policy asks before a change", ring.name, standing.triage, standing.hosts))
}

/// Opens the next ring, and the one after it, as far as they may.
fn open(input: &Input<'_>, rings: &mut [Progress], standings: &mut [RingStanding]) {
    let unapproved = unapproved(input, standings);
    let mut before: Option<(&Ring, Progress, bool, u64)> = None;
    for (place, ((progress, ring), standing)) in rings.iter_mut().zip(&input.package.rings).zip(standings.iter_mut()).enumerate() {
        if progress.opened.is_none() {
            standing.waits = waits(input, ring, before);
            standing.waits.extend(input.unaccredited.iter().filter(|(ring, _)| *ring == place).map(|(_, why)| why.clone()));
            standing.waits.extend(unapproved.clone().filter(|_| before.is_some()));
            standing.waits.extend(standing.outside.iter().filter_map(OutsideAlert::reason));
            if standing.waits.is_empty() {
                progress.opened = Some(input.now);
                if is_enough(ring, standing) {
                    progress.succeeded = Some(input.now);
                }
            }
        }
        let enough = is_enough(ring, standing);
        before = Some((ring, *progress, enough, standing.pending));
    }
}

/// Why the change goes no further than its first ring, as far as approval says.
fn unapproved(input: &Input<'_>, standings: &[RingStanding]) -> Option<String> {
    match input.rest {
        Rest::Free => None,
        Rest::People(words) => Some(format!("it is approved for the first ring alone: {words}")),
        Rest::WithTheFirst(words) => {
            let (ring, standing) = input.package.rings.first().zip(standings.first())?;
            (standing.losses() > 0).then(|| {
                format!("ring {}: {} failed and {} went silent, so that the policy does not approve the rest by itself: {words}", ring.name, standing.failed, standing.silent)
            })
        }
    }
}

/// Why a ring does not open yet.
fn waits(input: &Input<'_>, ring: &Ring, before: Option<(&Ring, Progress, bool, u64)>) -> Vec<String> {
    let mut waits = Vec::new();
    if input.now < ring.opens {
        waits.push(format!("it opens at {}, as people signed", ring.opens));
    }
    if input.now >= input.package.expires {
        waits.push(format!("the package expired at {}", input.package.expires));
    }
    let Some((former, progress, enough, pending)) = before else { return waits };
    match (progress.opened, progress.succeeded) {
        (None, _) => waits.push(format!("ring {} is not open", former.name)),
        (Some(_), Some(since)) if enough => {
            let seconds = i64::try_from(former.soak_seconds).unwrap_or(i64::MAX);
            let until = since.checked_add(SignedDuration::from_secs(seconds)).ok();
            if until.is_none_or(|until| input.now < until) {
                let shown = until.map_or_else(|| "for ever".to_owned(), |until| format!("until {until}"));
                waits.push(format!("ring {} is watched {shown}", former.name));
            }
        }
        _ => {
            let pending = if pending > 0 { format!("; {pending} of them do not count as done until they have rebooted") } else { String::new() };
            waits.push(format!("ring {} needs {} of 1000 of its hosts to have succeeded{pending}", former.name, former.success_per_mille));
        }
    }
    waits
}
