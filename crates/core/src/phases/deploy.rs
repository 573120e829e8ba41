//! Phase 7, deploy: which host may do it now, and when must it stop?
//!
//! [`decide`] looks at a rollout as it stands and says which ring is open, why
//! the next one waits, and what each host's assignment is to allow. It can only
//! narrow what people signed. It keeps nothing: called twice, it says the same.
//! Silence is failure: a host that took the change and was not heard of since
//! counts against its ring.

mod gate;
mod gives;
mod outside;

pub use outside::{Heard, OutsideAlert, Said, Sign, Trouble, Watched};

use crate::model::assignment::Go;
use crate::model::authorisation::Rest;
use crate::model::because::{Because, BecauseKind, Explained};
use crate::model::deployment_package::{DeploymentPackage, Place};
use crate::model::identifier::HostId;
use crate::model::outcome::State;
use crate::phases::confirm::reboot::Counts;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// Everything the decision may look at.
#[derive(Clone, Debug)]
pub struct Input<'a> {
    /// The instant.
    pub now: Timestamp,
    /// What people signed.
    pub package: &'a DeploymentPackage,
    /// Its hosts.
    pub places: &'a [Place],
    /// What is known of each of them, in the same order.
    pub standings: &'a [Standing],
    /// What people want of the rollout.
    pub wanted: Wanted,
    /// What its rings have come to.
    pub rings: &'a [Progress],
    /// Why nothing more may start, if something stands in the way beside the
    /// hosts: an advisory that was withdrawn, an approval that ended, an alert.
    pub holds: &'a [String],
    /// Why its hosts wait although nothing is wrong: a client that has not
    /// answered yet. Nothing starts meanwhile, and no ring opens.
    pub waits: &'a [String],
    /// What outside monitoring was heard to say of its rings.
    pub watched: &'a [Watched],
    /// Rings with a host that needs an accreditation and has none, by their
    /// places, and why in words; none of their hosts begins.
    pub unaccredited: &'a [(usize, String)],
    /// Hosts of which never two may be at work at a time, by their places in
    /// the list.
    pub apart: &'a [Vec<usize>],
    /// Whether the change is approved for more than the first ring.
    pub rest: &'a Rest,
}

/// What people want of a rollout.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Wanted {
    /// It goes on.
    Running,
    /// Nothing more starts until somebody says so.
    Paused,
    /// Nothing more starts ever.
    Aborted,
    /// Every host has done what it will do.
    Done,
}

impl Wanted {
    /// The word in storage, API and console.
    pub fn word(self) -> &'static str {
        match self {
            Self::Running => "running",
            Self::Paused => "paused",
            Self::Aborted => "aborted",
            Self::Done => "done",
        }
    }

    /// Reads that word.
    pub fn parse(word: &str) -> Option<Self> {
        [Self::Running, Self::Paused, Self::Aborted, Self::Done].into_iter().find(|wanted| wanted.word() == word)
    }
}

/// What a ring has come to; kept, because a soak is counted from it.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Progress {
    /// When the server opened it.
    pub opened: Option<Timestamp>,
    /// Since when enough of its hosts have succeeded without a break.
    pub succeeded: Option<Timestamp>,
}

/// What is known of one host.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Standing {
    /// What its assignment allows; none for what every host of a rollout may:
    /// fetch and stage.
    pub given: Option<Go>,
    /// Since when it was allowed to apply, for the first time; a stop does not
    /// take it back, because the host may have begun.
    pub applied: Option<Timestamp>,
    /// What it said last of its attempt.
    pub outcome: Option<State>,
    /// When it was last heard of.
    pub seen: Option<Timestamp>,
    /// Whether it has been silent for too long.
    pub silent: bool,
    /// Why it cannot take part at present.
    pub barred: Option<Barred>,
    /// What it counts as while it waits for a reboot; none where it waits for
    /// none.
    pub pending: Option<Counts>,
}

/// Why a host cannot take part.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Barred {
    /// It is at work on an earlier package and takes this one afterwards.
    Earlier,
    /// It is no managed host any more.
    Gone,
    /// Its client refused the change.
    Refused,
    /// Traces of a break-in are looked for on it first.
    Triage,
}

/// How a host stands in its rollout.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Phase {
    /// It may fetch and stage; its ring is not open, or it is not its turn.
    Waits,
    /// It may apply and has not ended.
    AtWork,
    /// The targets were observed.
    Succeeded,
    /// They were, and do not count as long as its reboot is pending.
    Pending,
    /// It ended otherwise, or nobody can tell.
    Failed,
    /// It took the change and was not heard of since.
    Silent,
    /// It was not heard of since before it could take the change; it catches
    /// up when it comes back.
    Away,
    /// It takes no part.
    LeftOut,
}

impl Phase {
    /// The word in API and console.
    pub fn word(self) -> &'static str {
        match self {
            Self::Waits => "waits",
            Self::AtWork => "at-work",
            Self::Succeeded => "succeeded",
            Self::Pending => "pending",
            Self::Failed => "failed",
            Self::Silent => "silent",
            Self::Away => "away",
            Self::LeftOut => "left-out",
        }
    }
}

impl Standing {
    /// How the host stands.
    pub fn phase(&self) -> Phase {
        match self.outcome {
            Some(state) if state.is_success() => {
                return if self.pending.is_some_and(|counts| counts > Counts::Done) { Phase::Pending } else { Phase::Succeeded };
            }
            Some(state) if state.is_terminal() || state == State::Unknown => return Phase::Failed,
            _ => {}
        }
        if matches!(self.barred, Some(Barred::Gone | Barred::Refused)) {
            return Phase::LeftOut;
        }
        let began = matches!(self.outcome, Some(State::Executing | State::Rebooting));
        let took = self.took();
        match (self.silent, began || took) {
            (true, true) => Phase::Silent,
            (true, false) => Phase::Away,
            (false, _) if began || self.given == Some(Go::Apply) => Phase::AtWork,
            (false, _) => Phase::Waits,
        }
    }

    /// Whether it was heard of since it was allowed to apply, and so has been
    /// told.
    fn took(&self) -> bool {
        self.applied.is_some_and(|applied| self.seen.is_some_and(|seen| seen >= applied))
    }

    /// Whether it may be at work, for all that is known: who was told to go and
    /// then to stop may have gone before it heard of the second.
    fn may_be_at_work(&self) -> bool {
        let ended = matches!(self.phase(), Phase::Succeeded | Phase::Pending | Phase::Failed | Phase::LeftOut);
        !ended && (self.took() || self.has_begun() || self.given == Some(Go::Apply) && !self.silent)
    }

    /// Whether a transaction may be under way, which nothing interrupts.
    pub fn has_begun(&self) -> bool {
        matches!(self.outcome, Some(State::Executing | State::Rebooting))
    }
}

/// What was decided.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Decision {
    /// What assignments are to change to, by place in the list.
    pub changes: Vec<(usize, Option<Go>)>,
    /// What the rings have come to.
    pub rings: Vec<Progress>,
    /// How they stand.
    pub standings: Vec<RingStanding>,
    /// Whether more may start.
    pub gate: Gate,
    /// What is to become of the rollout.
    pub wanted: Wanted,
}

/// Whether more may start.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Gate {
    /// Hosts of open rings may start.
    Open,
    /// Nothing may start yet, and nothing is wrong.
    Waiting,
    /// Too many hosts failed or went silent, or something stands in the way.
    Shut,
    /// There is nothing more to start.
    Done,
}

impl Gate {
    /// The word in API and console.
    pub fn word(self) -> &'static str {
        match self {
            Self::Open => "open",
            Self::Waiting => "waiting",
            Self::Shut => "shut",
            Self::Done => "done",
        }
    }
}

/// How a ring stands.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub struct RingStanding {
    /// Its hosts.
    pub hosts: u64,
    /// That wait.
    pub waiting: u64,
    /// That are at work.
    pub at_work: u64,
    /// That succeeded by observation.
    pub succeeded: u64,
    /// That do not count as done as long as their reboot is pending.
    #[serde(default)]
    pub pending: u64,
    /// Of these, whose reboot is overdue.
    #[serde(default)]
    pub overdue: u64,
    /// That failed.
    pub failed: u64,
    /// That took the change and were not heard of since.
    pub silent: u64,
    /// That were not heard of before they could take it.
    pub away: u64,
    /// That take no part.
    pub left_out: u64,
    /// Of those that wait, that wait for a forensic triage.
    #[serde(default)]
    pub triage: u64,
    /// Failed and silent hosts and those whose reboot is overdue, at most
    /// [`NAMED`].
    pub against: Vec<HostId>,
    /// Why it waits; empty where it is open.
    pub waits: Vec<String>,
    /// How its gates on outside alerts stood.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub outside: Vec<OutsideAlert>,
}

/// Hosts that a ring names; it counts all.
pub const NAMED: usize = 50;

impl RingStanding {
    /// Hosts that count: those that could take the change.
    pub fn counted(&self) -> u64 {
        self.hosts - self.away - self.left_out
    }

    /// Hosts that count against it.
    pub fn losses(&self) -> u64 {
        self.failed + self.silent + self.overdue
    }
}

/// Decides what every host of a rollout may do now.
pub fn decide(input: &Input<'_>) -> Explained<Decision> {
    let mut standings = gate::count(input);
    outside::note(input, &mut standings);
    let decided = gate::judge(input, standings);
    let changes = gives::changes(input, &decided);
    let because = explain(input, &decided);
    let ended = decided.gate == Gate::Done && input.wanted == Wanted::Running;
    let wanted = if ended { Wanted::Done } else { input.wanted };
    Explained {
        decision: Decision { changes, rings: decided.rings, standings: decided.standings, gate: decided.gate, wanted },
        because,
    }
}

fn explain(input: &Input<'_>, judged: &gate::Judged) -> Vec<Because> {
    let mut because: Vec<Because> = judged.reasons.iter().map(|reason| Because::new(BecauseKind::Rule, reason.clone())).collect();
    for (ring, standing) in input.package.rings.iter().zip(&judged.standings) {
        because.extend(standing.waits.iter().map(|wait| Because::new(BecauseKind::Clock, format!("ring {}: {wait}", ring.name))));
    }
    because
}

#[cfg(test)]
mod model;
#[cfg(test)]
mod tests;
