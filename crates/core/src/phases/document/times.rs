//! Where the time of a change went.

use super::{Entry, Event, HostRecord, Milestones, Started, Times};
use jiff::Timestamp;

/// The instants that stand before the hosts.
pub(super) fn milestones(started: &Started, entries: &[Entry]) -> Milestones {
    let accepted = entries.iter().find(|entry| entry.event == Event::Accepted).map(|entry| entry.at);
    Milestones {
        published: started.answers.iter().filter_map(|answer| answer.published).min(),
        detected: started.answers.iter().filter_map(|answer| answer.first_seen).min(),
        drafted: Some(started.package.created),
        accepted,
    }
}

/// Means over all confirmed hosts and over those of each ring, and the times
/// of the slowest.
pub(super) fn times(started: &Started, hosts: &[HostRecord], milestones: &Milestones) -> Vec<Times> {
    let confirmed: Vec<&HostRecord> = hosts.iter().filter(|host| finished(host).is_some()).collect();
    if confirmed.is_empty() {
        return Vec::new();
    }
    let mut all = vec![mean("all hosts", &confirmed, milestones)];
    if started.package.rings.len() > 1 {
        for (place, ring) in started.package.rings.iter().enumerate() {
            let own: Vec<&HostRecord> = confirmed.iter().copied().filter(|host| host.ring as usize == place).collect();
            if !own.is_empty() {
                all.push(mean(&format!("ring {}", ring.name), &own, milestones));
            }
        }
    }
    if let Some(last) = confirmed.iter().max_by_key(|host| (finished(host), host.host)).filter(|_| confirmed.len() > 1) {
        all.push(mean(&format!("slowest, {}", last.name), &[last], milestones));
    }
    all
}

/// When a host was seen to have the change.
pub(crate) fn finished(host: &HostRecord) -> Option<Timestamp> {
    host.confirmed_at.filter(|_| host.confirmed.is_some_and(super::hosts::is_there))
}

/// Seconds of each phase, as far as both its ends are known.
pub(crate) type Spans = [Option<u64>; 6];

/// Where the time of one host went that began, had ended and was seen with the
/// change.
pub(crate) fn spans(milestones: &Milestones, began: Option<Timestamp>, ended: Option<Timestamp>, finished: Option<Timestamp>) -> Spans {
    let span = |from: Option<Timestamp>, to: Option<Timestamp>| Some(from?.duration_until(to?).as_secs().max(0).unsigned_abs());
    let Milestones { published, detected, drafted, accepted } = *milestones;
    [span(published, detected), span(detected, drafted), span(drafted, accepted), span(accepted, began), span(began, ended), span(ended, finished)]
}

fn mean(of: &str, hosts: &[&HostRecord], milestones: &Milestones) -> Times {
    let spans: Vec<Spans> = hosts.iter().map(|host| spans(milestones, host.began, host.ended, finished(host))).collect();
    means(of, &spans)
}

/// Means of each phase over those of which it is known, in whole seconds.
pub(crate) fn means(of: &str, spans: &[Spans]) -> Times {
    let over = |phase: usize| {
        let known: Vec<u64> = spans.iter().filter_map(|spans| spans[phase]).collect();
        let sum: u128 = known.iter().map(|seconds| u128::from(*seconds)).sum();
        (!known.is_empty()).then(|| u64::try_from(sum / known.len() as u128).unwrap_or(u64::MAX))
    };
    let [detect, decide, approval, window, install, confirm] = std::array::from_fn(over);
    Times { of: of.to_owned(), hosts: spans.len() as u64, detect, decide, approval, window, install, confirm }
}
