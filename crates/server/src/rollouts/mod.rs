//! **Rollouts** in memory: what every host of every rollout was allowed and
//! said, ready for check-ins.
//!
//! Everything in here is in the store as well; several servers on one database
//! each hold their own and read on what others wrote. What a host holds is
//! compared by digest, so that an unchanged check-in writes and signs nothing.

mod issue;
mod load;

pub use issue::{Issued, Signer};
pub use load::{Notes, artefacts, content, refresh, signed};

use crate::app::App;
use crate::fleet::State as FleetState;
use crate::fleet::question::{Clock, Standing as HostStanding};
use crate::forensics::Forensics;
use jiff::Timestamp;
use plimsoll_core::model::assignment::Go;
use plimsoll_core::model::because::Explained;
use plimsoll_core::model::authorisation::Authority;
use plimsoll_core::model::deployment_package::DeploymentPackage;
use plimsoll_core::model::identifier::HostId;
use plimsoll_core::model::look::Look;
use plimsoll_core::model::outcome::State;
use plimsoll_core::model::policy::PolicySet;
use plimsoll_core::model::question::Question;
use plimsoll_core::model::registration::HostState;
use plimsoll_core::phases::certify::client::{self, Bearing};
use plimsoll_core::phases::confirm::Confirmed;
use plimsoll_core::phases::confirm::reboot::{self, Counts};
use plimsoll_core::phases::confirm::second::Agreement;
use plimsoll_core::phases::deploy::{Barred, Standing, Wanted};
use plimsoll_formats::trust::HostTree;
use plimsoll_store::rollouts::{Confirmation, OutcomeRow, Rollout};
use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::sync::{Arc, Mutex, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

/// A package that is or was rolled out; it never changes.
pub struct Content {
    /// SHA-256 of what is signed, hex.
    pub digest: String,
    /// The signed document.
    pub signed: String,
    /// What it says.
    pub package: DeploymentPackage,
    /// Its hosts.
    pub tree: HostTree,
    /// Hosts of which never two may be at work, by their places in the tree.
    pub apart: Vec<Vec<usize>>,
    /// SHA-256 of every file that hosts may fetch for it.
    pub artefacts: BTreeSet<String>,
}

impl Content {
    /// Place of a host in the list.
    pub fn place_of(&self, host: HostId) -> Option<usize> {
        self.tree.places().binary_search_by_key(&host, |place| place.host).ok()
    }
}

/// What is known of one host of a rollout.
#[derive(Clone, Debug, Default)]
pub struct Known {
    /// What its assignment allows.
    pub given: Option<Go>,
    /// Since when it was allowed to apply, for the first time.
    pub applied: Option<Timestamp>,
    /// When that last changed.
    pub changed: Option<Timestamp>,
    /// The newest word of its newest attempt.
    pub heard: Option<Heard>,
    /// How the change stands there by what was seen later, and the report that
    /// shows it.
    pub confirmed: Option<(Confirmed, Option<String>)>,
    /// How outside scanners stood to that, where the policy asked for one.
    pub agreement: Option<Agreement>,
    /// Digests of the scanners' results that were looked at for it, sorted.
    pub results: Vec<String>,
    /// The look by hand that was taken into account for it.
    pub looked: Option<Timestamp>,
}

impl Known {
    /// Takes in how the change stands by what was seen later.
    pub(crate) fn take_up(&mut self, found: Confirmation) {
        self.confirmed = Some((found.state, found.report));
        self.agreement = found.second.as_ref().map(|second| second.agreement);
        self.results = found.second.map(|second| second.results).unwrap_or_default();
    }
}

/// The newest word of an attempt.
#[derive(Clone, Debug)]
pub struct Heard {
    /// Id of the attempt.
    pub attempt: String,
    /// How it stands.
    pub state: State,
    /// Generation of its assignment.
    pub generation: u64,
    /// When the host observed that.
    pub observed: Timestamp,
    /// When it arrived.
    pub received: Timestamp,
    /// Whether a reboot was still needed.
    pub reboot_pending: bool,
}

/// One rollout.
pub struct Live {
    /// Its package.
    pub content: Arc<Content>,
    /// How it stands.
    pub rollout: Rollout,
    /// What is known of each host, in the order of the tree.
    pub known: Vec<Known>,
    /// Who authorised it; none until that was worked out.
    pub authority: Option<Authority>,
    /// What its client was asked; none where nobody was.
    pub question: Option<Question>,
    /// What people looked at.
    pub looks: Looks,
}

/// What people looked at of a rollout, the newest look each.
#[derive(Clone, Debug, Default)]
pub struct Looks {
    /// Hosts of the sample.
    pub sample: BTreeMap<String, Look>,
    /// Tickets that name the change as their cause, or do not any more.
    pub tickets: BTreeMap<String, Look>,
}

impl Looks {
    /// The look at a host of the sample.
    pub fn at(&self, host: HostId) -> Option<&Look> {
        self.sample.get(&host.to_string())
    }

    /// Tickets that name the change as their cause.
    pub fn caused(&self) -> Vec<&str> {
        self.tickets.iter().filter(|(_, look)| !look.held).map(|(ticket, _)| ticket.as_str()).collect()
    }
}

impl Live {
    /// What the question to its client means for it at a moment.
    pub fn bearing(&self, now: Timestamp) -> Bearing {
        self.question.as_ref().map_or(Bearing::Goes, |question| client::bearing(question, now))
    }

    /// Whether hosts may be told anything of it.
    pub fn is_under_way(&self) -> bool {
        matches!(self.rollout.wanted, Wanted::Running | Wanted::Paused)
    }

    /// What the host said, unless somebody had it tried again since.
    pub fn state_of(&self, known: &Known) -> Option<State> {
        let heard = known.heard.as_ref()?;
        let forgiven = heard.generation < self.rollout.retried && !heard.state.is_success();
        (!forgiven).then_some(heard.state)
    }

    /// What the decision may know of a host, but for other rollouts.
    pub fn standing(&self, place: usize, set: &PolicySet, fleet: &FleetState, clock: Clock) -> Standing {
        let (Some(known), Some(line)) = (self.known.get(place), self.content.tree.places().get(place)) else { return Standing::default() };
        let managed = fleet.host(line.host);
        let standing = managed.map(|managed| managed.standing(clock));
        let gone = managed.is_none_or(|managed| managed.registration.state != HostState::Active);
        Standing {
            given: known.given,
            applied: known.applied,
            outcome: self.state_of(known),
            seen: managed.and_then(crate::fleet::Managed::last_seen),
            silent: matches!(standing, None | Some(HostStanding::Silent | HostStanding::Waiting)),
            barred: gone.then_some(Barred::Gone),
            pending: self.pending(place, set, clock.now).map(|counts| counts.decision),
        }
    }

    /// What a host counts as that waits for its reboot, by the policy; none
    /// where it waits for none. What a later report shows goes before its own
    /// word.
    pub fn pending(&self, place: usize, set: &PolicySet, now: Timestamp) -> Option<Explained<Counts>> {
        let known = self.known.get(place)?;
        let heard = known.heard.as_ref().filter(|heard| heard.state.is_success())?;
        let waits = match &known.confirmed {
            Some((Confirmed::InstalledPendingReboot, _)) => true,
            Some((Confirmed::Unknown, _)) | None => heard.reboot_pending,
            Some(_) => false,
        };
        waits.then(|| reboot::counts(set, heard.received, now))
    }

    /// Whether a host has still something to do in it, silence aside.
    fn is_open_for(&self, place: usize) -> bool {
        let Some(known) = self.known.get(place) else { return false };
        self.state_of(known).is_none_or(|state| !state.is_terminal() && state != State::Unknown)
    }

    /// Takes in the newest word of an attempt; says whether it is news.
    pub fn hear(&mut self, row: &OutcomeRow, state: State) -> bool {
        let Some(place) = self.content.place_of(row.host) else { return false };
        let Some(known) = self.known.get_mut(place) else { return false };
        let newer = known.heard.as_ref().is_none_or(|heard| (row.generation, row.observed) > (heard.generation, heard.observed) || row.generation == heard.generation && row.observed == heard.observed && state != heard.state);
        if newer {
            known.heard = Some(Heard { attempt: row.attempt.clone(), state, generation: row.generation, observed: row.observed, received: row.received, reboot_pending: row.reboot_pending });
        }
        newer
    }
}

/// Reads the protocol's word of a state.
pub fn state_of(word: &str) -> Option<State> {
    serde_json::from_value(serde_json::Value::String(word.to_owned())).ok()
}

/// The protocol's word of a state.
pub fn state_word(state: State) -> String {
    serde_json::to_value(state).ok().and_then(|value| value.as_str().map(str::to_owned)).unwrap_or_default()
}

/// All rollouts that hosts may be told of, or that are still being confirmed.
#[derive(Default)]
pub struct Rollouts {
    signer: Option<Signer>,
    live: RwLock<BTreeMap<String, Live>>,
    issued: Mutex<issue::Cache>,
    /// Up to when outcomes were read from the store.
    pub(crate) read: Mutex<Option<Timestamp>>,
    /// Held by whoever reads the store into memory.
    pub(crate) refreshing: tokio::sync::Mutex<()>,
    /// Wakes the reconciler.
    pub wake: tokio::sync::Notify,
}

impl Rollouts {
    /// Starts with the key that signs assignments, where there is one.
    pub fn new(signer: Option<Signer>) -> Self {
        Self { signer, ..Self::default() }
    }

    /// The key that signs assignments.
    pub fn signer(&self) -> Option<&Signer> {
        self.signer.as_ref()
    }

    /// Looks at them, by digest of the package.
    pub fn read(&self) -> RwLockReadGuard<'_, BTreeMap<String, Live>> {
        self.live.read().unwrap_or_else(PoisonError::into_inner)
    }

    /// Changes them. A panic elsewhere leaves each entry whole.
    pub(crate) fn write(&self) -> RwLockWriteGuard<'_, BTreeMap<String, Live>> {
        self.live.write().unwrap_or_else(PoisonError::into_inner)
    }

    /// Digests of the assignments that a host should hold now, sorted.
    pub fn assigned(&self, app: &App, host: HostId, now: Timestamp) -> Vec<String> {
        let live = self.read();
        let Some((rollout, place)) = turn(&live, host, now) else { return Vec::new() };
        let mut issued = self.issued.lock().unwrap_or_else(PoisonError::into_inner);
        issue::digest(app, rollout, place, now, &mut issued).into_iter().collect()
    }

    /// The assignments that a host should hold now.
    pub fn documents(&self, app: &App, host: HostId, now: Timestamp) -> Vec<Issued> {
        let live = self.read();
        let Some((rollout, place)) = turn(&live, host, now) else { return Vec::new() };
        issue::issue(app, rollout, place, now).into_iter().collect()
    }

    /// The package of a rollout that a host is in.
    pub fn content_for(&self, digest: &str, host: HostId) -> Option<Arc<Content>> {
        let live = self.read();
        let content = &live.get(digest)?.content;
        content.place_of(host).map(|_| Arc::clone(content))
    }

    /// Whether a host may fetch a file for a rollout under way.
    pub fn may_fetch(&self, host: HostId, sha256: &str) -> bool {
        self.read().values().any(|live| live.is_under_way() && live.content.artefacts.contains(sha256) && live.content.place_of(host).is_some())
    }
}

/// The rollout whose turn it is on a host: one at a time, the lowest version
/// first, because a host goes back to no package below one it has seen.
fn turn(live: &BTreeMap<String, Live>, host: HostId, now: Timestamp) -> Option<(&Live, usize)> {
    let open = live.values().filter(|live| live.is_under_way() && now < live.content.package.expires);
    let there = open.filter_map(|live| Some((live, live.content.place_of(host)?)));
    there.filter(|(live, place)| live.is_open_for(*place)).min_by_key(|(live, _)| live.content.package.version)
}

/// What the decision may know of every host of a rollout, other rollouts and
/// forensic triages included.
pub fn standings(live: &BTreeMap<String, Live>, digest: &str, set: &PolicySet, fleet: &FleetState, forensics: &Forensics, clock: Clock) -> Vec<Standing> {
    let Some(own) = live.get(digest) else { return Vec::new() };
    let earlier: Vec<&Live> = live
        .values()
        .filter(|other| other.is_under_way() && other.content.package.client == own.content.package.client)
        .filter(|other| other.content.package.version < own.content.package.version && clock.now < other.content.package.expires)
        .collect();
    let mut busy: HashSet<HostId> = HashSet::new();
    for other in earlier {
        let open = other.content.tree.places().iter().enumerate().filter(|(place, _)| other.is_open_for(*place));
        busy.extend(open.map(|(_, line)| line.host));
    }
    let places = own.content.tree.places().iter().enumerate();
    let refused = matches!(own.bearing(clock.now), Bearing::LeftOut(_)).then_some(Barred::Refused);
    places
        .map(|(place, line)| {
            let standing = own.standing(place, set, fleet, clock);
            let waits = busy.contains(&line.host).then_some(Barred::Earlier);
            let triage = || forensics.of(set, line.host, clock.now)?.barred.map(|_| Barred::Triage);
            Standing { barred: standing.barred.or(refused).or(waits).or_else(triage), ..standing }
        })
        .collect()
}

