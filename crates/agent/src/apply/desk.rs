//! What the helper answers about deployment packages.

use super::gate;
use super::journal::{Event, Journal};
use super::launcher::Launcher;
use super::ledger::{Attempt, Ledger, Stage};
use super::stage;
use super::store::Store;
use super::verify::{self, Refused, Standing, Work};
use jiff::Timestamp;
use plimsoll_core::model::identifier::HostId;
use plimsoll_core::model::outcome::{Outcome, State};
use plimsoll_core::model::problem::Problem;
use plimsoll_formats::protocol::{attempt, decode_hex};
use plimsoll_host::apply::{self, Identity};
use serde::{Deserialize, Serialize};
use std::path::{Path, PathBuf};

/// Seconds that a runner has to say that it runs.
const START: i64 = 20;
/// Seconds until a look at what runs.
const LOOK: u32 = 2;
/// Seconds until what stood in the way on the host is tried again.
const RETRY: i64 = 30;
/// How often a runner that dies without moving anything is started again.
const LAUNCHES: u32 = 5;

/// An artefact that is to be staged.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Artefact {
    /// SHA-256, hex.
    pub(crate) sha256: String,
    /// Length in bytes.
    pub(crate) size: u64,
}

/// What becomes of an assignment.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Receipt {
    /// Id of the attempt.
    pub(crate) attempt: String,
    /// What is still to be staged.
    pub(crate) wanted: Vec<Artefact>,
    /// The first instant at which its ring lets it start.
    pub(crate) opens: Timestamp,
    /// The outcome so far, where there is one.
    pub(crate) outcome: Option<Outcome>,
}

/// How an attempt stands, and when to ask again.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Next {
    /// How it stands.
    pub(crate) outcome: Outcome,
    /// Seconds until it makes sense to ask again; nought where nothing more
    /// will happen.
    pub(crate) again: u32,
    /// What is still to be staged.
    pub(crate) wanted: Vec<Artefact>,
}

/// The helper's part in deployment packages.
#[derive(Debug)]
pub(crate) struct Desk {
    store: Store,
    agent: PathBuf,
    launcher: Launcher,
}

impl Desk {
    /// Opens it; `agent` is the folder beneath which artefacts are taken.
    pub(crate) fn open(state: &Path, agent: &Path, launcher: Launcher) -> Result<Self, Problem> {
        let desk = Self { store: Store::open(state)?, agent: agent.to_owned(), launcher };
        let ledger = desk.ledger()?;
        if desk.is_settled(&ledger)? {
            Journal::new(&desk.store).shorten()?;
            desk.sweep(&ledger);
        }
        Ok(desk)
    }

    fn journal(&self) -> Journal<'_> {
        Journal::new(&self.store)
    }

    fn ledger(&self) -> Result<Ledger, Problem> {
        Ledger::read(&self.journal())
    }

    /// Takes an assignment and its package, or says why not. The same again is
    /// answered from the ledger.
    pub(crate) fn receive(&self, assignment: &str, package: &str) -> Result<Receipt, Problem> {
        let now = Timestamp::now();
        let (signed, _, pinned) = verify::assignment(&self.store, assignment.as_bytes(), Standing::New, now)?;
        let said = &signed.assignment;
        let id = attempt(&said.package, &pinned.host.to_string(), said.epoch, said.generation);
        let ledger = self.ledger()?;
        let known = ledger.get(&id);
        if let Some(outcome) = known.and_then(Attempt::last_word) {
            return Ok(Receipt { attempt: id, wanted: Vec::new(), opens: said.issued, outcome: Some(outcome.clone()) });
        }
        let standing = if known.is_some() { Standing::Known } else { Standing::New };
        let work = match verify::work(&self.store, assignment.as_bytes(), package.as_bytes(), standing, now) {
            Ok(work) => work,
            Err(Refused::Assignment(problem)) => return Err(problem),
            Err(Refused::Package(work, problem)) => return self.refuse(&work, known, problem),
        };
        self.keep(&work, assignment, package, known.is_some(), now)?;
        let attempt = known.cloned().unwrap_or_default();
        let wanted = if attempt.effects > 0 { Vec::new() } else { self.wanted(&work)? };
        Ok(Receipt { attempt: id, wanted, opens: verify::ring(&work)?.opens, outcome: attempt.outcome })
    }

    /// Keeps both documents and raises the floors; the journal's word that it
    /// was received comes last.
    fn keep(&self, work: &Work, assignment: &str, package: &str, known: bool, now: Timestamp) -> Result<(), Problem> {
        let Work { attempt, assignment: said, package: document, .. } = work;
        self.store.attempt(attempt)?;
        let place = format!("attempts/{attempt}/assignment.json");
        let newer = self.stored(&place).is_none_or(|issued| issued <= said.issued);
        if newer {
            self.store.write(&place, assignment.as_bytes())?;
        }
        let version = Some((document.client, document.version));
        // The host's own clock only: a server could shut it in with a date.
        self.store.raise_floors(said.epoch, said.generation, version, Some(now))?;
        if known {
            return Ok(());
        }
        self.store.write(&format!("packages/{}.json", said.package), package.as_bytes())?;
        self.journal().append(attempt, Event::Received { package: said.package.clone(), epoch: said.epoch, generation: said.generation })
    }

    /// When the assignment that is kept was issued; its signature was checked
    /// before it was kept.
    fn stored(&self, place: &str) -> Option<Timestamp> {
        #[derive(Deserialize)]
        struct Envelope {
            signed: plimsoll_core::model::assignment::Assignment,
        }
        let bytes = self.store.read(place, 64 << 10).ok()??;
        serde_json::from_slice::<Envelope>(&bytes).ok().map(|envelope| envelope.signed.issued)
    }

    /// A package that may not be applied is an outcome, once.
    fn refuse(&self, work: &Work, known: Option<&Attempt>, problem: Problem) -> Result<Receipt, Problem> {
        crate::log::problem(&problem);
        let said = &work.assignment;
        if known.is_some_and(|attempt| attempt.effects > 0) {
            return Err(problem);
        }
        if known.is_none() {
            let event = Event::Received { package: said.package.clone(), epoch: said.epoch, generation: said.generation };
            self.journal().append(&work.attempt, event)?;
        }
        let attempt = Attempt { package: said.package.clone(), epoch: said.epoch, generation: said.generation, ..Attempt::default() };
        let outcome = Outcome { problem: Some(problem), ..attempt.blank(&work.attempt, work.pinned.host, State::Refused) };
        self.journal().append(&work.attempt, Event::Observed { outcome: Box::new(outcome.clone()) })?;
        Ok(Receipt { attempt: work.attempt.clone(), wanted: Vec::new(), opens: said.issued, outcome: Some(outcome) })
    }

    /// What is missing of what this host needs, the way back included.
    fn wanted(&self, work: &Work) -> Result<Vec<Artefact>, Problem> {
        let manager = apply::manager(&work.plan)?;
        let installed = manager.installed()?;
        let needed = apply::needed(&work.plan, &installed, manager.scheme())?;
        if needed.targets.is_empty() && work.plan.steps.is_empty() {
            return Ok(Vec::new());
        }
        let back = apply::way_back(&work.plan, &installed, &needed);
        let files = verify::artefacts(&plimsoll_core::model::deployment_package::StreamPlan {
            install: needed.targets.into_iter().chain(needed.new).collect(),
            way_back: back,
            ..work.plan.clone()
        });
        let missing = files.into_iter().filter(|(sha256, size)| !stage::is_there(&self.store, sha256, *size));
        Ok(missing.map(|(sha256, size)| Artefact { sha256, size }).collect())
    }

    /// Stages one artefact that an attempt wants.
    pub(crate) fn stage(&self, sha256: &str, path: &str) -> Result<(), Problem> {
        let unknown = || Problem::new("E-ARTEFACT", path, "is wanted by no package that this host holds", "nothing was done");
        decode_hex::<32>(sha256).ok_or_else(unknown)?;
        let size = self.held()?.into_iter().flat_map(|(_, work)| verify::artefacts(&work.plan)).find(|(named, _)| named == sha256);
        let (_, size) = size.ok_or_else(unknown)?;
        stage::stage(&self.store, &self.agent, path, sha256, size)
    }

    /// Attempts that may still do something, verified from what is kept.
    fn held(&self) -> Result<Vec<(String, Work)>, Problem> {
        let ledger = self.ledger()?;
        let open = ledger.iter().filter(|(_, attempt)| attempt.last_word().is_none());
        Ok(open.filter_map(|(id, attempt)| Some((id.clone(), load(&self.store, id, attempt, Timestamp::now()).ok()?))).collect())
    }

    /// One step of an attempt, if everything allows it.
    pub(crate) fn proceed(&self, id: &str) -> Result<Next, Problem> {
        let ledger = self.ledger()?;
        let unknown = || Problem::new("E-ATTEMPT", id, "is not known to this host", "hand over its assignment and package first");
        let attempt = ledger.get(id).ok_or_else(unknown)?;
        let (_, pinned) = self.store.trust()?;
        let says = |state: State, problem: Option<Problem>, again: u32| {
            let mut outcome = attempt.outcome.clone().filter(|outcome| outcome.state == state).unwrap_or_else(|| attempt.blank(id, pinned.host, state));
            outcome.problem = problem;
            Next { outcome, again, wanted: Vec::new() }
        };
        if let Some(outcome) = attempt.last_word() {
            return Ok(Next { outcome: outcome.clone(), again: 0, wanted: Vec::new() });
        }
        let now = Timestamp::now();
        if attempt.is_running() {
            // Until its first effect it only looks.
            let state = if attempt.is_started() { State::Executing } else { State::Staged };
            return Ok(says(state, attempt.late.clone(), LOOK));
        }
        let age = attempt.launched.map_or(i64::MAX, |launched| now.duration_since(launched).as_secs());
        if attempt.stage == Stage::Launched && attempt.runner.is_none() && (0..START).contains(&age) {
            return Ok(says(State::Staged, None, 1));
        }
        if let Some((at, problem)) = attempt.deferred.as_ref().filter(|(at, _)| (0..RETRY).contains(&now.duration_since(*at).as_secs())) {
            let left = RETRY - now.duration_since(*at).as_secs();
            return Ok(says(State::Deferred, Some(problem.clone()), u32::try_from(left).unwrap_or(LOOK).max(1)));
        }
        let started = attempt.is_started();
        if attempt.reboots.as_deref().is_some_and(|boot| boot == crate::identity::boot_id()) {
            return Ok(says(State::Rebooting, None, 15));
        }
        if attempt.launches >= LAUNCHES {
            let text = format!("was started {} times and ended each time before it could say anything", attempt.launches);
            let problem = Problem::new("E-RUNNER", "runner", text, "look at the host: its disk, its memory, its log");
            return self.end(id, attempt, pinned.host, State::NeedsOperator, problem);
        }
        let work = match load(&self.store, id, attempt, now) {
            Ok(work) => work,
            // It will not begin any more, whatever the server says.
            Err(problem) if problem.code == "E-EXPIRED" => return self.end(id, attempt, pinned.host, State::Refused, problem),
            Err(problem) => return Err(problem),
        };
        let busy = ledger.running().filter(|running| *running != id);
        if !started && attempt.doubtful.is_none() {
            let wanted = self.wanted(&work)?;
            if !wanted.is_empty() {
                let text = format!("waits for {} artefacts", wanted.len());
                let waits = says(State::Deferred, Some(Problem::new("E-ARTEFACT", "staging", text, "nothing: the agent fetches them")), 5);
                return Ok(Next { wanted, ..waits });
            }
            if attempt.stage == Stage::Received {
                self.journal().append(id, Event::Staged)?;
            }
            if let Some(wait) = gate::barred(&self.store, &work, now)? {
                // While it only waits for its time, its simulation may show
                // already what a person must look at.
                if wait.state == State::Staged && !attempt.rehearsed && busy.is_none() {
                    self.launch(id)?;
                    return Ok(says(wait.state, wait.problem, LOOK));
                }
                return Ok(says(wait.state, wait.problem, wait.again));
            }
        }
        if let Some(other) = busy {
            let text = format!("waits for attempt {}, which runs", other.get(..12).unwrap_or(other));
            return Ok(says(State::Deferred, Some(Problem::new("E-BUSY", "host", text, "nothing: it goes on by itself")), 10));
        }
        self.launch(id)?;
        Ok(says(State::Staged, None, 1))
    }

    fn launch(&self, id: &str) -> Result<(), Problem> {
        self.journal().append(id, Event::Launched)?;
        self.launcher.launch(id)
    }

    /// Goes on with every attempt that has changed the host and has not ended,
    /// whoever asks or does not; gives how they stand.
    pub(crate) fn tend(&self) -> Result<Vec<Outcome>, Problem> {
        let ledger = self.ledger()?;
        let begun = ledger.iter().filter(|(_, attempt)| attempt.is_started() && attempt.last_word().is_none());
        // One of which nothing can be told must not silence the others.
        let next = |id| self.proceed(id).inspect_err(crate::log::problem).ok();
        Ok(begun.filter_map(|(id, _)| next(id)).map(|next| next.outcome).collect())
    }

    /// Notes that the server answered an agent's process.
    pub(crate) fn answered(&self, process: Identity) -> Result<(), Problem> {
        self.store.keep_agent(process)
    }

    /// Ends an attempt of which nothing more will come.
    fn end(&self, id: &str, attempt: &Attempt, host: HostId, state: State, problem: Problem) -> Result<Next, Problem> {
        let outcome = Outcome { problem: Some(problem), ..attempt.blank(id, host, state) };
        self.journal().append(id, Event::Observed { outcome: Box::new(outcome.clone()) })?;
        Ok(Next { outcome, again: 0, wanted: Vec::new() })
    }

    /// Outcomes that the server does not have yet, and those of what is under
    /// way.
    pub(crate) fn attempts(&self) -> Result<Vec<Outcome>, Problem> {
        let begun = self.tend()?.into_iter().filter(|outcome| !outcome.state.is_terminal());
        let ledger = self.ledger()?;
        let owed = ledger.iter().filter_map(|(_, attempt)| attempt.outcome.clone().filter(|outcome| outcome.state.is_terminal() && attempt.acknowledged != Some(outcome.observed)));
        Ok(owed.chain(begun).take(plimsoll_formats::protocol::ASSIGNMENTS).collect())
    }

    /// Notes that the server has an outcome; when it was the last of all, what
    /// was staged goes.
    pub(crate) fn acknowledge(&self, id: &str, observed: Timestamp) -> Result<(), Problem> {
        let ledger = self.ledger()?;
        let known = ledger.get(id).and_then(|attempt| attempt.outcome.as_ref()).is_some_and(|outcome| outcome.observed == observed);
        if !known {
            return Ok(());
        }
        if ledger.get(id).is_some_and(|attempt| attempt.acknowledged != Some(observed)) {
            self.journal().append(id, Event::Acknowledged { observed })?;
        }
        let ledger = self.ledger()?;
        if self.is_settled(&ledger)? {
            self.sweep(&ledger);
        }
        Ok(())
    }

    /// Whether no attempt needs anything any more: each has ended and the server
    /// knows, or never began and a newer plan took its place.
    fn is_settled(&self, ledger: &Ledger) -> Result<bool, Problem> {
        let floors = self.store.floors()?;
        let passed = |attempt: &Attempt| attempt.effects == 0 && attempt.stage < Stage::Launched && (attempt.epoch, attempt.generation) < (floors.epoch, floors.generation);
        Ok(ledger.iter().all(|(_, attempt)| attempt.is_closed() || passed(attempt)))
    }

    /// Removes what no open attempt needs; the ledger stays.
    fn sweep(&self, ledger: &Ledger) {
        for folder in ["staging", "packages"] {
            for entry in std::fs::read_dir(self.store.path(folder)).into_iter().flatten().flatten() {
                let _ = std::fs::remove_file(entry.path());
            }
        }
        for (id, _) in ledger.iter().filter(|(id, _)| decode_hex::<32>(id).is_some()) {
            let _ = std::fs::remove_dir_all(self.store.path("attempts").join(id));
        }
    }
}

/// What an attempt is to do, verified again from what root keeps.
pub(super) fn load(store: &Store, id: &str, attempt: &Attempt, now: Timestamp) -> Result<Work, Problem> {
    let lacking = |what: &str| Problem::new("E-STATE", id, format!("has no {what}"), "wait: the agent hands it over again");
    let assignment = store.read(&format!("attempts/{id}/assignment.json"), 64 << 10)?.ok_or_else(|| lacking("assignment"))?;
    let package = store.read(&format!("packages/{}.json", attempt.package), 16 << 20)?.ok_or_else(|| lacking("package"))?;
    let standing = if attempt.is_started() { Standing::Started } else { Standing::Known };
    let work = verify::work(store, &assignment, &package, standing, now).map_err(|refused| match refused {
        Refused::Assignment(problem) | Refused::Package(_, problem) => problem,
    })?;
    if work.attempt == id { Ok(work) } else { Err(lacking("documents of its own")) }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The documents of one attempt are lost in the middle of it: what is known
    /// of the others still reaches the server.
    #[test]
    fn an_attempt_that_cannot_go_on_keeps_no_other_from_being_told() {
        let mode = std::os::unix::fs::PermissionsExt::from_mode(0o700);
        let folder = tempfile::Builder::new().permissions(mode).tempdir().unwrap();
        let desk = Desk::open(folder.path(), folder.path(), Launcher::None).unwrap();
        let (lost, done) = ("a".repeat(64), "b".repeat(64));
        for id in [&lost, &done] {
            desk.journal().append(id, Event::Received { package: "p".into(), epoch: 1, generation: 1 }).unwrap();
            desk.journal().append(id, Event::Starts { step: "apply".into() }).unwrap();
        }
        let outcome = Attempt::default().blank(&done, HostId::from_bits(1), State::Succeeded);
        desk.journal().append(&done, Event::Observed { outcome: Box::new(outcome) }).unwrap();
        assert!(desk.proceed(&lost).is_err());
        let told: Vec<String> = desk.attempts().unwrap().into_iter().map(|outcome| outcome.attempt).collect();
        assert_eq!(told, [done]);
    }
}
