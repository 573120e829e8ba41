//! What became of every host.

use super::{Attempt, CauseCount, Deviation, DeviationKind, Entry, Event, GateDecision, HostRecord, Said, Saw, Started, Totals, Word};
use crate::model::assignment::Go;
use crate::model::identifier::HostId;
use crate::model::outcome::State;
use crate::phases::cleanup::{self, Cause};
use crate::phases::confirm::Confirmed;
use crate::phases::deploy::{Phase, Wanted};
use jiff::Timestamp;
use std::collections::{BTreeMap, BTreeSet};

/// Whether the versions are there, in effect or not yet.
pub(super) fn is_there(state: Confirmed) -> bool {
    matches!(state, Confirmed::Installed | Confirmed::InstalledPendingReboot | Confirmed::InstalledNotRunning | Confirmed::NotApplicable)
}

/// What the log says of one host.
#[derive(Default)]
struct Heard<'a> {
    allowed: Option<Timestamp>,
    words: Vec<(&'a Entry, &'a Word)>,
    confirmed: Option<(Timestamp, &'a Event)>,
}

/// What became of every host, in the order of the signed list.
pub(super) fn hosts(started: &Started, entries: &[Entry], standing: Option<&GateDecision>) -> Vec<HostRecord> {
    let mut heard: BTreeMap<HostId, Heard<'_>> = BTreeMap::new();
    for entry in entries {
        match &entry.event {
            Event::Assigned(list) => {
                for (host, _) in list.iter().filter(|(_, go)| *go == Some(Go::Apply)) {
                    heard.entry(*host).or_default().allowed.get_or_insert(entry.at);
                }
            }
            Event::Said(word) => heard.entry(word.host).or_default().words.push((entry, word)),
            Event::Confirmed { host, state, .. } => {
                let known = &mut heard.entry(*host).or_default().confirmed;
                // What stays as it is was seen when it was seen first.
                let since = match known {
                    Some((at, Event::Confirmed { state: before, .. })) if before == state => *at,
                    _ => entry.at,
                };
                *known = Some((since, &entry.event));
            }
            _ => {}
        }
    }
    let against: BTreeSet<HostId> = standing.map(|gate| gate.against.iter().copied().collect()).unwrap_or_default();
    let wanted = standing.map_or(Wanted::Running, |gate| gate.wanted);
    let nothing = Heard::default();
    let record = |place: &crate::model::deployment_package::Place| {
        let heard = heard.get(&place.host).unwrap_or(&nothing);
        let name = started.names.get(&place.host).cloned().unwrap_or_else(|| place.host.to_string());
        let mut record = host(heard, against.contains(&place.host), wanted);
        (record.host, record.name, record.ring) = (place.host, name, place.ring);
        record.window.clone_from(&place.window);
        record
    };
    started.places.iter().map(record).collect()
}

fn host(heard: &Heard<'_>, against: bool, wanted: Wanted) -> HostRecord {
    let attempts = attempts(&heard.words);
    let newest = heard.words.iter().max_by_key(|(entry, word)| (word.generation, word.observed, entry.position)).map(|(entry, word)| (*entry, *word));
    let state = newest.map(|(_, word)| word.state);
    let nothing = Saw::default();
    let saw = newest.and_then(|(_, word)| word.saw.as_ref()).unwrap_or(&nothing);
    let ends = newest.filter(|(_, word)| word.state.is_terminal()).map(|(_, word)| word.observed);
    let executing = newest.and_then(|(_, newest)| {
        heard.words.iter().filter(|(_, word)| word.attempt == newest.attempt && word.state == State::Executing).map(|(_, word)| word.observed).min()
    });
    let phase = phase(state, heard.allowed, against, wanted);
    let silent = phase == Phase::Silent;
    let cause = cleanup::triage(&cleanup::Input { state, problem: saw.problem.as_ref(), log: &saw.log, silent });
    let mut record = HostRecord {
        host: HostId::from_bits(0),
        name: String::new(),
        ring: 0,
        window: None,
        phase,
        state,
        attempts,
        allowed: heard.allowed,
        began: executing.or(heard.allowed).map(|began| ends.map_or(began, |ends| began.min(ends))),
        ended: ends,
        packages: saw.packages.clone(),
        checks: saw.checks.clone(),
        restarted: saw.restarted.clone(),
        stale_processes: saw.stale_processes.clone(),
        reboot_pending: saw.reboot_pending,
        problem: saw.problem.clone(),
        cause: cause.map(|found| found.decision),
        confirmed: None,
        confirmed_at: None,
        confirmed_because: Vec::new(),
        report: None,
        second: None,
    };
    if let Some((since, Event::Confirmed { state, reasons, report, second, .. })) = heard.confirmed {
        (record.confirmed, record.confirmed_at) = (Some(*state), Some(since));
        (record.confirmed_because, record.report) = (reasons.clone(), report.clone());
        record.second = *second;
    }
    record
}

/// How a host stands, by what the log says alone: silence is what the gate
/// counted against it, or what was left of it when all had ended.
fn phase(state: Option<State>, allowed: Option<Timestamp>, against: bool, wanted: Wanted) -> Phase {
    let over = matches!(wanted, Wanted::Done | Wanted::Aborted);
    match state {
        Some(state) if state.is_success() => Phase::Succeeded,
        Some(state) if state.is_terminal() || state == State::Unknown => Phase::Failed,
        _ if against => Phase::Silent,
        Some(State::Executing | State::Rebooting) => if over { Phase::Silent } else { Phase::AtWork },
        _ if allowed.is_some() => if over { Phase::Silent } else { Phase::AtWork },
        _ => if over { Phase::Away } else { Phase::Waits },
    }
}

fn attempts(words: &[(&Entry, &Word)]) -> Vec<Attempt> {
    let mut by_attempt: BTreeMap<(u64, &str), Vec<(&Entry, &Word)>> = BTreeMap::new();
    for (entry, word) in words {
        by_attempt.entry((word.generation, &word.attempt)).or_default().push((entry, word));
    }
    let attempt = |((generation, attempt), words): ((u64, &str), Vec<(&Entry, &Word)>)| Attempt {
        attempt: attempt.to_owned(),
        generation,
        effects: words.iter().filter_map(|(_, word)| word.saw.as_ref()).map(|saw| saw.effects).max().unwrap_or(0),
        words: words.iter().map(|(entry, word)| Said { state: word.state, observed: word.observed, received: entry.at, leaf: entry.position }).collect(),
    };
    by_attempt.into_iter().map(attempt).collect()
}

/// Hosts by how they stand.
pub(super) fn totals(hosts: &[HostRecord]) -> Totals {
    let mut totals = Totals { hosts: hosts.len() as u64, ..Totals::default() };
    for host in hosts {
        let place = match host.phase {
            Phase::Succeeded if matches!(host.confirmed, Some(Confirmed::Installed | Confirmed::NotApplicable)) => &mut totals.confirmed,
            Phase::Succeeded | Phase::Pending => &mut totals.succeeded,
            Phase::Failed => &mut totals.failed,
            Phase::Silent => &mut totals.silent,
            Phase::AtWork => &mut totals.at_work,
            Phase::Waits | Phase::Away | Phase::LeftOut => &mut totals.waiting,
        };
        *place += 1;
        totals.effects += host.attempts.iter().map(|attempt| u64::from(attempt.effects)).sum::<u64>();
    }
    totals
}

/// Failures by cause, the most frequent first.
pub(super) fn causes(hosts: &[HostRecord]) -> Vec<CauseCount> {
    let mut by_cause: BTreeMap<Cause, u64> = BTreeMap::new();
    for cause in hosts.iter().filter_map(|host| host.cause) {
        *by_cause.entry(cause).or_default() += 1;
    }
    let mut counts: Vec<CauseCount> = by_cause.into_iter().map(|(cause, hosts)| CauseCount { cause, hosts, next: cause.next().to_owned() }).collect();
    counts.sort_by(|one, other| (other.hosts, one.cause).cmp(&(one.hosts, other.cause)));
    counts
}

/// What did not go as planned on hosts: every word that is no step on the
/// plain way, and how each host was left.
pub(super) fn deviations(started: &Started, hosts: &[HostRecord], entries: &[Entry]) -> Vec<Deviation> {
    let mut all = Vec::new();
    let mut deferred: BTreeSet<(HostId, String)> = BTreeSet::new();
    for entry in entries {
        let Event::Said(word) = &entry.event else { continue };
        let Some(kind) = kind(word.state) else { continue };
        let problem = word.saw.as_ref().and_then(|saw| saw.problem.as_ref());
        if kind == DeviationKind::Deferred {
            // A wait for ring or window is the plan; any other is told once.
            let found = cleanup::triage(&cleanup::Input { state: Some(word.state), problem, log: "", silent: false });
            let code = problem.map(|problem| problem.code.clone()).unwrap_or_default();
            if found.is_none() || !deferred.insert((word.host, code)) {
                continue;
            }
        }
        let text = problem.map_or_else(|| "it named no problem".to_owned(), |problem| format!("{} {} {}", problem.code, problem.place, problem.text));
        all.push(Deviation { at: entry.at, leaf: entry.position, host: Some(word.host), kind, text });
    }
    let (last_at, last_leaf) = entries.last().map_or((started.package.created, 0), |entry| (entry.at, entry.position));
    for host in hosts {
        let mut say = |kind, text: String| all.push(Deviation { at: last_at, leaf: last_leaf, host: Some(host.host), kind, text });
        if host.attempts.len() > 1 {
            say(DeviationKind::Retried, format!("{} attempts", host.attempts.len()));
        }
        match (host.phase, host.confirmed) {
            (Phase::Silent, _) => say(DeviationKind::Silent, "it took the change and was not heard of since".to_owned()),
            (Phase::Away | Phase::LeftOut, _) => say(DeviationKind::NotStarted, "it was never told to begin, or never heard it".to_owned()),
            (Phase::Succeeded, Some(state)) if state != Confirmed::Installed && state != Confirmed::NotApplicable => {
                say(DeviationKind::NotConfirmed, host.confirmed_because.first().cloned().unwrap_or_else(|| state.word().to_owned()));
            }
            _ => {}
        }
    }
    all
}

fn kind(state: State) -> Option<DeviationKind> {
    Some(match state {
        State::Deferred => DeviationKind::Deferred,
        State::RepairedTarget | State::RepairedFormer => DeviationKind::Repaired,
        State::RolledBack => DeviationKind::RolledBack,
        State::FailedClean | State::Unknown => DeviationKind::Failed,
        State::Refused => DeviationKind::Refused,
        State::NeedsOperator => DeviationKind::NeedsOperator,
        State::Staged | State::Executing | State::Rebooting | State::Succeeded | State::AlreadySatisfied => return None,
    })
}
