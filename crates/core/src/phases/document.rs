//! Phase 10, document: what is the evidence, and which configuration standard
//! changes because of it?
//!
//! [`decide`] makes the record of a change out of entries of the evidence log
//! and nothing else: who has the log has the record, to the byte, without a
//! server. It sums up and explains; where entries do not say something, the
//! record says that it is not known.

mod hosts;
mod record;
pub(crate) mod times;

pub use record::*;

use crate::model::assignment::Go;
use crate::model::authorisation::{Remark, RemarkKind};
use crate::model::because::Because;
use crate::model::deployment_package::{DeploymentPackage, Place};
use crate::model::identifier::{ExceptionId, HostId};
use crate::model::policy::governance::Involvement;
use crate::model::question::QuestionState;
use crate::model::outcome::{CheckResult, Observed, State};
use crate::model::problem::Problem;
use crate::phases::confirm::Confirmed;
use crate::phases::confirm::second::Agreement;
use crate::phases::deploy::{Gate, Progress, RingStanding, Wanted};
use crate::phases::package::LeftOut;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Everything the record may be made of.
#[derive(Clone, Debug)]
pub struct Input<'a> {
    /// SHA-256 of the package, hex.
    pub package: &'a str,
    /// What the log says of it, by position.
    pub entries: &'a [Entry],
    /// What the log was signed under.
    pub seal: Seal,
}

/// One thing that the log says.
#[derive(Clone, PartialEq, Debug)]
pub struct Entry {
    /// Position in the log.
    pub position: u64,
    /// When, by the clock of the server that wrote it.
    pub at: Timestamp,
    /// Who caused it: a name, or where that was deleted, an id.
    pub who: String,
    /// Why, in that person's words, unless they were deleted.
    pub reason: Option<String>,
    /// What.
    pub event: Event,
}

/// What an entry says.
#[derive(Clone, PartialEq, Debug)]
pub enum Event {
    /// The package was drafted.
    Drafted,
    /// A person signed it.
    Signed {
        /// Who, by the root document.
        person: String,
        /// With which key.
        keyid: String,
    },
    /// A person or the clock said something of it beside signatures.
    Remarked(Remark),
    /// Enough people had signed.
    Accepted,
    /// Its rollout was started.
    Started(Box<Started>),
    /// Its rollout moved on, by the server's decision or a person's word.
    Moved(Box<Moved>),
    /// The client was asked or told, reminded, or it or its silence decided.
    Client(Box<ClientWord>),
    /// What hosts were allowed.
    Assigned(Vec<(HostId, Option<Go>)>),
    /// On which forensic triages it rests that hosts may start.
    Triaged(Vec<Triaged>),
    /// What a host said of its attempt.
    Said(Box<Word>),
    /// How the change stood on a host by what was seen later.
    Confirmed {
        /// The host.
        host: HostId,
        /// How.
        state: Confirmed,
        /// Why, in words.
        reasons: Vec<String>,
        /// SHA-256 of the report that shows it.
        report: Option<String>,
        /// How an outside scanner stood to it, where one was asked for.
        second: Option<Agreement>,
    },
}

/// A step of the question to the client.
#[derive(Clone, PartialEq, Debug)]
pub struct ClientWord {
    /// What was done, `question.answer`.
    pub verb: String,
    /// How far the client takes part.
    pub involvement: Involvement,
    /// What became of the question with it.
    pub state: QuestionState,
    /// Until when an answer was to be had.
    pub answer_by: Timestamp,
    /// The exception that records a waiver.
    pub waiver: Option<ExceptionId>,
}

/// What a rollout started with.
#[derive(Clone, PartialEq, Debug)]
pub struct Started {
    /// Number of its plan.
    pub generation: u64,
    /// What people signed.
    pub package: DeploymentPackage,
    /// Its hosts.
    pub places: Vec<Place>,
    /// What they were called then.
    pub names: BTreeMap<HostId, String>,
    /// What the package answers.
    pub answers: Vec<Answered>,
    /// Hosts that were chosen and are not in it.
    pub left_out: Vec<LeftOut>,
    /// Why the package is as it is.
    pub because: Vec<Because>,
}

/// How a rollout stands after a move.
#[derive(Clone, PartialEq, Debug)]
pub struct Moved {
    /// What was done, `rollout.pause`.
    pub verb: String,
    /// Number of its plan.
    pub generation: u64,
    /// What people want of it.
    pub wanted: Wanted,
    /// Whether more may start.
    pub gate: Gate,
    /// What its rings came to.
    pub rings: Vec<Progress>,
    /// Why.
    pub reasons: Vec<String>,
    /// How its rings stood; none where a person moved it.
    pub standings: Option<Vec<RingStanding>>,
}

/// What a host said of an attempt.
#[derive(Clone, PartialEq, Debug)]
pub struct Word {
    /// Id of the attempt.
    pub attempt: String,
    /// The host.
    pub host: HostId,
    /// Generation of its assignment.
    pub generation: u64,
    /// How it stood.
    pub state: State,
    /// When it observed that, by its own clock.
    pub observed: Timestamp,
    /// What it saw; none while nothing was to be seen.
    pub saw: Option<Saw>,
}

/// What a host saw.
#[derive(Clone, PartialEq, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Saw {
    /// Versions before and after.
    pub packages: Vec<Observed>,
    /// Results of checks.
    pub checks: Vec<CheckResult>,
    /// Services that were started again.
    pub restarted: Vec<String>,
    /// Processes that still ran former files.
    pub stale_processes: Vec<String>,
    /// Whether a reboot was still needed.
    pub reboot_pending: bool,
    /// How often a package transaction was started as root.
    pub effects: u32,
    /// What stood in the way.
    pub problem: Option<Problem>,
    /// End of what the package manager wrote, where it failed.
    pub log: String,
}

/// Makes the record of a change.
///
/// # Errors
/// `E-RECORD` where the log does not show the start of its rollout.
pub fn decide(input: &Input<'_>) -> Result<Record, Problem> {
    let started = input.entries.iter().find_map(|entry| match &entry.event {
        Event::Started(started) => Some((entry, started.as_ref())),
        _ => None,
    });
    let Some((begun, started)) = started else {
        return Err(Problem::new(
            "E-RECORD",
            format!("rollout:{}", input.package),
            "the log shows no start of its rollout with the package in it",
            "name the digest of a package whose rollout was started; rollouts of older versions have no record",
        ));
    };
    let gates = gates(started, input.entries);
    let hosts = hosts::hosts(started, input.entries, gates.last());
    let acts = acts(input.entries);
    let mut deviations = hosts::deviations(started, &hosts, input.entries);
    deviations.extend(gates.iter().filter(|gate| gate.gate == Gate::Shut).map(|gate| Deviation {
        at: gate.at,
        leaf: gate.leaf,
        host: None,
        kind: DeviationKind::GateShut,
        text: gate.reasons.first().cloned().unwrap_or_default(),
    }));
    deviations.extend(acts.iter().filter_map(turn));
    deviations.extend(input.entries.iter().filter_map(unauthorised));
    let triages = triages(input.entries);
    deviations.extend(triages.iter().filter_map(untriaged));
    deviations.sort_by_key(|deviation| (deviation.leaf, deviation.host, deviation.kind));
    let milestones = times::milestones(started, input.entries);
    let standing = gates.last();
    let mut rings = rings(started, standing);
    checks(started, &hosts, &mut rings);
    Ok(Record {
        schema: Record::SCHEMA.to_owned(),
        package: input.package.to_owned(),
        state: standing.map_or(Wanted::Running, |gate| gate.wanted),
        gate: standing.map_or(Gate::Waiting, |gate| gate.gate),
        started: begun.at,
        last: input.entries.last().map_or(begun.at, |entry| entry.at),
        answers: started.answers.clone(),
        because: started.because.iter().map(|because| because.text.clone()).collect(),
        acts,
        rings,
        gates,
        totals: hosts::totals(&hosts),
        causes: hosts::causes(&hosts),
        times: times::times(started, &hosts, &milestones),
        milestones,
        hosts,
        triages,
        left_out: started.left_out.clone(),
        deviations,
        content: started.package.clone(),
        seal: input.seal.clone(),
    })
}

/// The forensic triages that hosts waited for, in their order.
fn triages(entries: &[Entry]) -> Vec<TriageRecord> {
    let of = |entry: &Entry| match &entry.event {
        Event::Triaged(list) => list.iter().map(|triaged| TriageRecord { at: entry.at, leaf: entry.position, triaged: triaged.clone() }).collect(),
        _ => Vec::new(),
    };
    entries.iter().flat_map(of).collect()
}

/// Hosts that were changed although nobody looked in time.
fn untriaged(triage: &TriageRecord) -> Option<Deviation> {
    let lapsed = triage.triaged.lapsed?;
    let text = format!("no evidence was taken by {lapsed:.0}, and the policy lets the change go on without it");
    Some(Deviation { at: triage.at, leaf: triage.leaf, host: Some(triage.triaged.host), kind: DeviationKind::Untriaged, text })
}

/// What people did, in its order.
fn acts(entries: &[Entry]) -> Vec<Act> {
    let act = |entry: &Entry| {
        let (verb, who, key) = match &entry.event {
            Event::Drafted => ("package.draft", entry.who.clone(), None),
            Event::Signed { person, keyid } => ("package.sign", person.clone(), Some(keyid.clone())),
            Event::Remarked(remark) => (remark.kind.verb(), remark.who.clone(), None),
            Event::Accepted => ("package.accept", entry.who.clone(), None),
            Event::Started(_) => ("rollout.start", entry.who.clone(), None),
            Event::Client(word) => return Some(client_act(entry, word)),
            Event::Moved(moved) if moved.verb != "rollout.advance" && !moved.verb.starts_with("question.") => (moved.verb.as_str(), entry.who.clone(), None),
            _ => return None,
        };
        Some(Act { at: entry.at, leaf: entry.position, verb: verb.to_owned(), who, key, reason: entry.reason.clone() })
    };
    entries.iter().filter_map(act).collect()
}

/// What was done about the question to the client; an answer's own words follow
/// what it led to.
fn client_act(entry: &Entry, word: &ClientWord) -> Act {
    let (verb, led) = match (word.verb.as_str(), word.state) {
        ("rollout.start", QuestionState::Told) => ("client.told", String::new()),
        ("rollout.start", _) => ("client.asked", format!("for {}, until {:.0}", word.involvement.as_str(), word.answer_by)),
        ("question.remind", _) => ("client.reminded", String::new()),
        ("question.remark", _) => ("client.remarked", String::new()),
        (_, QuestionState::Approved) => ("client.approved", String::new()),
        (_, QuestionState::Refused) => ("client.refused", waived(word)),
        (_, QuestionState::Objected) => ("client.objected", String::new()),
        (_, QuestionState::Proceeded) => ("client.silent", "the change goes on, as the policy says".to_owned()),
        (_, QuestionState::Waived) => ("client.silent", waived(word)),
        (_, QuestionState::Told | QuestionState::Open | QuestionState::Closed) => ("client.closed", String::new()),
    };
    // The reason of a start stands with the start.
    let said = entry.reason.as_deref().filter(|said| !said.is_empty() && word.verb != "rollout.start");
    let reason = match (led.is_empty(), said) {
        (true, said) => said.map(str::to_owned),
        (false, None) => Some(led),
        (false, Some(said)) => Some(format!("{led}: {said}")),
    };
    Act { at: entry.at, leaf: entry.position, verb: verb.to_owned(), who: entry.who.clone(), key: None, reason }
}

fn waived(word: &ClientWord) -> String {
    word.waiver.map_or_else(|| "no finding was open that a waiver would cover".to_owned(), |waiver| format!("liability waiver recorded as exception {waiver}"))
}

/// What a person did against the plan.
fn turn(act: &Act) -> Option<Deviation> {
    let kind = match act.verb.as_str() {
        "rollout.pause" => DeviationKind::Paused,
        "rollout.resume" => DeviationKind::Resumed,
        "rollout.abort" => DeviationKind::Aborted,
        _ => return None,
    };
    let reason = act.reason.as_deref().map_or_else(|| "no reason was given".to_owned(), |reason| format!("“{reason}”"));
    Some(Deviation { at: act.at, leaf: act.leaf, host: None, kind, text: format!("by {}: {reason}", act.who) })
}

/// What an authority refused, and what was not said in time.
fn unauthorised(entry: &Entry) -> Option<Deviation> {
    let Event::Remarked(remark) = &entry.event else { return None };
    let kind = match remark.kind {
        RemarkKind::Refuse => DeviationKind::ApprovalRefused,
        RemarkKind::RetroOverdue | RemarkKind::Escalated => DeviationKind::ApprovalLate,
        RemarkKind::ReviewOverdue => DeviationKind::ReviewLate,
        RemarkKind::Approve | RemarkKind::Review | RemarkKind::Rejected => return None,
    };
    let text = match (remark.kind, entry.reason.as_deref()) {
        (RemarkKind::Refuse, Some(reason)) => format!("by {}: “{reason}”", remark.who),
        (RemarkKind::Refuse, None) => format!("by {}", remark.who),
        _ => remark.text.clone(),
    };
    Some(Deviation { at: entry.at, leaf: entry.position, host: None, kind, text })
}

/// The decisions of the gate that changed something.
fn gates(started: &Started, entries: &[Entry]) -> Vec<GateDecision> {
    let mut gates: Vec<GateDecision> = Vec::new();
    for entry in entries {
        let Event::Moved(moved) = &entry.event else { continue };
        let same = gates.last().is_some_and(|last| last.gate == moved.gate && last.wanted == moved.wanted && last.progress == moved.rings);
        if same {
            // The newest numbers of a decision that stands are its numbers.
            if let (Some(last), Some(standings)) = (gates.last_mut(), &moved.standings) {
                last.rings = counted(started, standings);
                last.against = standings.iter().flat_map(|ring| ring.against.iter().copied()).collect();
                last.reasons.clone_from(&moved.reasons);
            }
            continue;
        }
        let standings = moved.standings.as_deref().unwrap_or_default();
        gates.push(GateDecision {
            at: entry.at,
            leaf: entry.position,
            wanted: moved.wanted,
            gate: moved.gate,
            reasons: moved.reasons.clone(),
            rings: counted(started, standings),
            progress: moved.rings.clone(),
            against: standings.iter().flat_map(|ring| ring.against.iter().copied()).collect(),
        });
    }
    gates
}

fn counted(started: &Started, standings: &[RingStanding]) -> Vec<RingCount> {
    let count = |(ring, standing): (&crate::model::deployment_package::Ring, &RingStanding)| RingCount {
        ring: ring.name.clone(),
        hosts: standing.hosts,
        succeeded: standing.succeeded,
        failed: standing.failed,
        silent: standing.silent,
        at_work: standing.at_work,
        waiting: standing.waiting + standing.away,
        left_out: standing.left_out,
        outside: standing.outside.clone(),
    };
    started.package.rings.iter().zip(standings).map(count).collect()
}

fn rings(started: &Started, standing: Option<&GateDecision>) -> Vec<RingRecord> {
    let progress = standing.map(|gate| gate.progress.as_slice()).unwrap_or_default();
    let all = started.package.rings.iter().enumerate();
    let ring = |(place, ring): (usize, &crate::model::deployment_package::Ring)| RingRecord {
        name: ring.name.clone(),
        hosts: started.places.iter().filter(|line| line.ring as usize == place).count() as u64,
        opens: ring.opens,
        soak_seconds: ring.soak_seconds,
        success_per_mille: ring.success_per_mille,
        failures: ring.failures,
        opened: progress.get(place).and_then(|progress| progress.opened),
        succeeded_since: progress.get(place).and_then(|progress| progress.succeeded),
        checks: Vec::new(),
    };
    all.map(ring).collect()
}

/// How often each check held in each ring, by each host's last word.
fn checks(started: &Started, hosts: &[HostRecord], rings: &mut [RingRecord]) {
    for (place, ring) in rings.iter_mut().enumerate() {
        let own: Vec<&HostRecord> = hosts.iter().filter(|host| host.ring as usize == place).collect();
        for check in &started.package.checks {
            let results = || own.iter().flat_map(|host| &host.checks).filter(|result| result.name == check.name && !result.before);
            let held = results().filter(|result| result.holds).count() as u64;
            ring.checks.push(CheckCount { name: check.name.clone(), held, failed: results().count() as u64 - held });
        }
    }
}

#[cfg(test)]
mod tests;
