//! Assignments: what the server handed out, carried to the helper.
//!
//! Nothing of it is trusted here; the helper verifies everything. What this
//! half adds is the evidence log: a package that the log does not show is not
//! handed over. A server that is gone changes nothing of what runs, and nothing
//! of what may start while its assignment lasts.

use crate::check_in::Member;
use crate::helper::{Connection, READS};
use crate::log;
use crate::state::State;
use plimsoll_core::model::outcome::{Outcome, State as Stands};
use plimsoll_core::model::problem::Problem;
use plimsoll_formats::protocol::{self, ASSIGNMENTS, ArtefactRequest, PackageAnswer, PackageRequest, digest, read_message};
use plimsoll_formats::trust::SignedPackage;
use serde::Deserialize;
use std::fs::{self, DirBuilder, OpenOptions};
use std::io::Write;
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::time::{Duration, Instant};

/// File of the assignments in force.
const FILE: &str = "assignments.json";
/// Beginning of the names of packages kept.
const PACKAGES: &str = "package-";
/// Folder of artefacts on their way to the helper.
const ARTEFACTS: &str = "artefacts";
/// Largest answer with a package.
const PACKAGE: u64 = 20 << 20;
/// Codes of packages that are refused in good order: they came too late, or
/// have no plan for this host.
const LATE: [&str; 2] = ["E-EXPIRED", "E-PLAN"];
/// Pause after something of one assignment went wrong.
const AFTER_FAILURE: Duration = Duration::from_secs(60);

/// One assignment.
#[derive(Debug)]
struct Held {
    document: String,
    digest: String,
    /// Digest of its package, as the document says.
    package: String,
    /// The attempt, since the helper took it.
    attempt: Option<String>,
    due: Instant,
    /// Nothing more will come of it.
    done: bool,
    /// What the server was last told.
    told: Option<(Stands, Option<Problem>)>,
}

/// The part of an assignment that this half reads.
#[derive(Deserialize)]
struct Envelope {
    signed: Named,
}

#[derive(Deserialize)]
struct Named {
    package: String,
}

impl Held {
    /// Takes a document that names a package; none where it is no assignment.
    fn new(document: String) -> Option<Self> {
        let envelope: Envelope = serde_json::from_str(&document).ok()?;
        let package = envelope.signed.package;
        protocol::decode_hex::<32>(&package)?;
        Some(Self { digest: digest(document.as_bytes()), document, package, attempt: None, due: Instant::now(), done: false, told: None })
    }
}

/// Every assignment in force.
#[derive(Debug, Default)]
pub(crate) struct Work {
    held: Vec<Held>,
    /// Whether outcomes may be owed from before this process.
    owed: bool,
}

impl Work {
    /// Reads what was in force when the agent last ran.
    pub(crate) fn open(state: &State) -> Self {
        let documents: Vec<String> = state.read_json(FILE).unwrap_or_default().unwrap_or_default();
        let work = Self { held: documents.into_iter().filter_map(Held::new).take(ASSIGNMENTS).collect(), owed: true };
        // It may have died between taking a list and clearing up after the last.
        work.clear_up(state);
        work
    }

    /// What a check-in says of them, sorted.
    pub(crate) fn assigned(&self) -> Vec<String> {
        let mut digests: Vec<String> = self.held.iter().map(|held| held.digest.clone()).collect();
        digests.sort();
        digests
    }

    /// Takes the list that replaces what was held. One that stays keeps what is
    /// known of it; one that was issued anew is handed over again.
    pub(crate) fn replace(&mut self, state: &State, documents: Vec<String>) {
        if let Err(problem) = state.write_json(FILE, &documents) {
            log::problem(&problem);
        }
        let mut old = std::mem::take(&mut self.held);
        for document in documents {
            let same = old.iter().position(|held| held.document == document);
            match same {
                Some(place) => self.held.push(old.swap_remove(place)),
                None => match Held::new(document) {
                    Some(held) => self.held.push(held),
                    None => log::problem(&Problem::new("E-FORMAT", "assignment", "names no package and is passed over", "look at the server")),
                },
            }
        }
        self.clear_up(state);
    }

    /// Removes what no assignment in force has a use for.
    fn clear_up(&self, state: &State) {
        let named: Vec<String> = self.held.iter().map(|held| package_file(&held.package)).collect();
        state.sweep(PACKAGES, &named.iter().map(String::as_str).collect::<Vec<_>>());
        if self.held.is_empty() {
            let _ = fs::remove_dir_all(state.folder().join(ARTEFACTS));
        }
    }
}

fn package_file(digest: &str) -> String {
    format!("{PACKAGES}{digest}.json")
}

impl Member {
    /// Carries every assignment one step on, where it is due, and tells the
    /// server what came of it; gives when to look again.
    pub(crate) fn advance(&mut self, helper: &Connection) -> Option<Duration> {
        let mut held = std::mem::take(&mut self.work.held);
        for one in held.iter_mut().filter(|one| !one.done && one.due <= Instant::now()) {
            match self.carry(helper, one) {
                Ok(again) => one.due = Instant::now() + again,
                Err(problem) => {
                    one.due = Instant::now() + AFTER_FAILURE;
                    self.refused(one, &problem);
                }
            }
        }
        self.work.held = held;
        if self.work.owed {
            self.work.owed = self.deliver(helper);
        }
        let next = self.work.held.iter().filter(|one| !one.done).map(|one| one.due).min();
        let next = next.map(|due| due.saturating_duration_since(Instant::now()));
        // An outcome that could not be delivered is tried again before long.
        if self.work.owed { Some(next.unwrap_or(AFTER_FAILURE).min(AFTER_FAILURE)) } else { next }
    }

    /// What cannot be taken is an alarm, once: somebody may be trying something.
    fn refused(&mut self, one: &mut Held, problem: &Problem) {
        if problem.code.starts_with("E-ASSIGN-") && problem.code != "E-ASSIGN-EXPIRED" || problem.code.starts_with("E-LOG-") {
            self.alarms.accuse(&self.state, &format!("{} {}", problem.code, one.digest), problem);
        } else {
            log::problem(problem);
        }
        // Only another document could change it.
        one.done = problem.code.starts_with("E-ASSIGN-");
    }

    fn carry(&mut self, helper: &Connection, one: &mut Held) -> Result<Duration, Problem> {
        let attempt = match &one.attempt {
            Some(attempt) => attempt.clone(),
            None => {
                let package = self.package(&one.package)?;
                let receipt = helper.receive(&one.document, &package)?;
                self.fetch(helper, &receipt.wanted)?;
                one.attempt = Some(receipt.attempt.clone());
                receipt.attempt
            }
        };
        let next = helper.proceed(&attempt)?;
        self.fetch(helper, &next.wanted)?;
        let stands = (next.outcome.state, next.outcome.problem.clone());
        let last = next.outcome.state.is_terminal();
        if let Some(problem) = next.outcome.problem.as_ref().filter(|problem| next.outcome.state == Stands::Refused && !LATE.contains(&problem.code.as_str())) {
            // No server in order hands out what people did not sign.
            self.alarms.accuse(&self.state, &format!("{} {}", problem.code, one.package), problem);
        }
        if last {
            self.work.owed = true;
            one.done = true;
        } else if one.told.as_ref() != Some(&stands) && self.tell(&next.outcome).is_ok() {
            one.told = Some(stands);
        }
        let fetched = if next.wanted.is_empty() { next.again } else { 0 };
        Ok(Duration::from_secs(u64::from(fetched.min(3600))).max(Duration::from_millis(200)))
    }

    /// The package, from the disk or from the server with its proof.
    fn package(&mut self, wanted: &str) -> Result<String, Problem> {
        let name = package_file(wanted);
        let text = |bytes: Vec<u8>| String::from_utf8(bytes).ok().filter(|text| SignedPackage::read(&name, text.as_bytes()).is_ok_and(|package| package.digest() == wanted));
        if let Some(text) = self.state.read(&name, PACKAGE)?.and_then(text) {
            return Ok(text);
        }
        let sequence = self.sequence.take(&self.state);
        let request = PackageRequest { digest: wanted.to_owned(), checkpoint: self.remembered.clone() };
        let answer = self.speaker().say_for(protocol::PACKAGE, sequence, &request, PACKAGE).map_err(|failure| failure.problem)?;
        let answer: PackageAnswer = read_message(&answer.body)?;
        let package = SignedPackage::read(&name, answer.package.as_bytes())?;
        if package.digest() != wanted {
            let text = format!("has the digest {}, {wanted} was asked for", package.digest());
            return Err(Problem::new("E-FORMAT", self.server.address(), text, "look at the server"));
        }
        let checkpoint = answer.accepted(wanted, &self.log_key)?.remembered();
        self.witness(&answer.checkpoint, &answer.consistency);
        if self.remembered.as_ref() != Some(&checkpoint) {
            let text = "is shown in a state of the evidence log that does not continue the one this host remembers";
            return Err(Problem::new("W-LOG", format!("package {wanted}"), text, "nothing: it is asked for again after the next check-in"));
        }
        self.state.write(&name, answer.package.as_bytes())?;
        Ok(answer.package)
    }

    /// Fetches what the helper wants, from where it was cut off the last time.
    fn fetch(&mut self, helper: &Connection, wanted: &[crate::apply::Artefact]) -> Result<(), Problem> {
        let folder = self.state.folder().join(ARTEFACTS);
        for artefact in wanted {
            let failed = |error: std::io::Error| Problem::new("E-STATE", folder.to_string_lossy(), format!("cannot be written: {error}"), "make room on its file system");
            DirBuilder::new().recursive(true).mode(0o700).create(&folder).map_err(failed)?;
            let path = folder.join(&artefact.sha256);
            let length = || path.metadata().map_or(0, |metadata| metadata.len());
            // An answer that ends early, through a proxy's limit say, is gone on
            // with as long as each brings something.
            let mut before = None;
            while length() < artefact.size {
                let there = length();
                if before == Some(there) {
                    let text = format!("ended after {there} of {} bytes", artefact.size);
                    return Err(Problem::new("E-NETWORK", self.server.address(), text, "the agent goes on from there"));
                }
                before = Some(there);
                let mut file = OpenOptions::new().create(true).append(true).mode(0o600).open(&path).map_err(failed)?;
                let sequence = self.sequence.take(&self.state);
                let request = ArtefactRequest { sha256: artefact.sha256.clone(), offset: there };
                // One byte beyond what people signed is enough to know.
                let most = artefact.size - there + 1;
                let mut keep = |bytes: &[u8]| file.write_all(bytes);
                self.speaker().stream(protocol::ARTEFACT, sequence, &request, most, &mut keep).map_err(|failure| failure.problem)?;
            }
            let staged = helper.stage(&artefact.sha256, &format!("{ARTEFACTS}/{}", artefact.sha256));
            // Staged or unfit: this copy has no further use, but where the
            // helper had no room for it.
            if staged.as_ref().err().is_none_or(|problem| problem.code == "E-ARTEFACT") {
                let _ = fs::remove_file(&path);
            }
            if let Err(problem) = &staged && problem.code == "E-ARTEFACT" {
                self.alarms.accuse(&self.state, &format!("{} {}", problem.code, artefact.sha256), problem);
            }
            staged?;
        }
        Ok(())
    }

    fn tell(&mut self, outcome: &Outcome) -> Result<(), Problem> {
        let sequence = self.sequence.take(&self.state);
        self.speaker().say(protocol::OUTCOME, sequence, outcome).map(drop).map_err(|failure| {
            log::problem(&failure.problem);
            failure.problem
        })
    }

    /// Tells the server every outcome that it does not have; says whether some
    /// are left.
    fn deliver(&mut self, helper: &Connection) -> bool {
        let outcomes = match helper.attempts() {
            Ok(outcomes) => outcomes,
            // One that only reads owes nothing; one that cannot be had just now,
            // as after an update of both halves, may owe something.
            Err(problem) => return problem.code != READS,
        };
        let mut left = false;
        for outcome in outcomes {
            let told = self.tell(&outcome);
            if !outcome.state.is_terminal() {
                left = true;
                continue;
            }
            // A refusal of this very outcome is no reason to say it for ever.
            let known = told.as_ref().err().is_some_and(|problem| problem.code == "E-OUTCOME");
            if told.is_ok() || known {
                left |= helper.acknowledge(&outcome.attempt, outcome.observed).is_err();
            } else {
                left = true;
            }
        }
        left
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_list_replaces_what_was_held_and_one_that_stays_is_known() {
        let folder = tempfile::tempdir().unwrap();
        let state = State::open(folder.path()).unwrap();
        let document = |generation: u8| format!("{{\"signatures\":[],\"signed\":{{\"generation\":{generation},\"package\":\"{}\"}}}}", "ab".repeat(32));
        let mut work = Work::open(&state);
        assert_eq!(work.assigned(), Vec::<String>::new());
        work.replace(&state, vec![document(1), document(2), "{}".into(), "x".into()]);
        work.held[0].attempt = Some("a".into());
        assert_eq!(work.assigned().len(), 2);
        state.write(&package_file(&"ab".repeat(32)), b"x").unwrap();
        state.write(&package_file(&"cd".repeat(32)), b"x").unwrap();
        work.replace(&state, vec![document(3), document(1)]);
        assert_eq!(work.held.iter().map(|held| held.attempt.as_deref()).collect::<Vec<_>>(), [None, Some("a")]);
        assert!(state.read(&package_file(&"ab".repeat(32)), 9).unwrap().is_some());
        assert!(state.read(&package_file(&"cd".repeat(32)), 9).unwrap().is_none());
        assert_eq!(Work::open(&state).assigned(), work.assigned());
        work.replace(&state, Vec::new());
        assert_eq!(work.assigned(), Vec::<String>::new());
        // Left by a process that died between taking the list and clearing up.
        state.write(&package_file(&"ab".repeat(32)), b"x").unwrap();
        Work::open(&state);
        assert!(state.read(&package_file(&"ab".repeat(32)), 9).unwrap().is_none());
    }
}
