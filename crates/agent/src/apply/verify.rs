//! Everything that must hold of an assignment and its package before the host
//! does anything because of them.
//!
//! The helper asks it when they arrive, the runner again before it acts, each
//! from files that only root can write.

use super::store::{Pinned, Store};
use jiff::{SignedDuration, Timestamp};
use plimsoll_core::model::assignment::Assignment;
use plimsoll_core::model::deployment_package::{DeploymentPackage, Place, Ring, StreamPlan, Target, Window};
use plimsoll_core::model::problem::Problem;
use plimsoll_formats::protocol::attempt;
use plimsoll_formats::trust::{SignedAssignment, SignedPackage, SignedRoot, check_place};

/// Furthest that clocks may be apart before nothing is started.
const SKEW: SignedDuration = SignedDuration::from_secs(300);

/// What is to be done, verified.
#[derive(Clone, Debug)]
pub(crate) struct Work {
    pub(crate) attempt: String,
    pub(crate) assignment: Assignment,
    pub(crate) package: DeploymentPackage,
    pub(crate) plan: StreamPlan,
    pub(crate) pinned: Pinned,
}

/// Why something is not taken.
#[derive(Debug)]
pub(crate) enum Refused {
    /// The assignment is none for this host: nothing is kept of it.
    Assignment(Problem),
    /// The assignment is, and its package may not be applied here: the server
    /// is to know.
    Package(Box<Work>, Problem),
}

impl From<Problem> for Refused {
    fn from(problem: Problem) -> Self {
        Self::Assignment(problem)
    }
}

fn refused(code: &str, place: &str, text: impl Into<String>) -> Problem {
    Problem::new(code, place, text, "nothing was done; look at the server if this repeats")
}

/// How far an attempt is when it is verified.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Standing {
    /// It arrives for the first time.
    New,
    /// It was taken before: what only bars the way in, the package's version,
    /// is not asked again.
    Known,
    /// It has changed the host: it is ended, whatever has expired since.
    Started,
}

/// An assignment that is for this host, now.
pub(crate) fn assignment(store: &Store, text: &[u8], standing: Standing, now: Timestamp) -> Result<(SignedAssignment, SignedRoot, Pinned), Problem> {
    let (root, pinned) = store.trust()?;
    let signed = SignedAssignment::read("assignment", text, &root.root, now)?;
    let Assignment { host, place, epoch, generation, .. } = &signed.assignment;
    if *host != pinned.host || place.host != pinned.host {
        return Err(refused("E-ASSIGN-HOST", "assignment", format!("is for host {host}, this is host {}", pinned.host)));
    }
    if standing == Standing::Started {
        return Ok((signed, root, pinned));
    }
    let floors = store.floors()?;
    if *epoch < floors.epoch {
        return Err(refused("E-ASSIGN-EPOCH", "assignment", format!("is of epoch {epoch}, this host has seen {}", floors.epoch)));
    }
    if *epoch == floors.epoch && *generation < floors.generation {
        return Err(refused("E-ASSIGN-GENERATION", "assignment", format!("is of generation {generation}, this host has seen {}", floors.generation)));
    }
    Ok((signed, root, pinned))
}

/// Assignment and package together.
pub(crate) fn work(store: &Store, text: &[u8], package: &[u8], standing: Standing, now: Timestamp) -> Result<Work, Refused> {
    let now = if standing == Standing::Started { Timestamp::MIN } else { now };
    let (signed, root, pinned) = assignment(store, text, standing, now)?;
    let document = SignedPackage::read("package", package)?;
    let digest = document.digest();
    let assignment = signed.assignment;
    if digest != assignment.package {
        return Err(refused("E-ASSIGN-PACKAGE", "package", format!("has the digest {digest}, the assignment names {}", assignment.package)).into());
    }
    let package = document.package().clone();
    let id = attempt(&digest, &pinned.host.to_string(), assignment.epoch, assignment.generation);
    let stream = plimsoll_host::own_stream()?;
    let plan = package.streams.get(&stream).cloned();
    let empty = StreamPlan { tool: plimsoll_core::model::deployment_package::Tool::Apt, install: Vec::new(), remove: Vec::new(), way_back: Vec::new(), no_way_back: Vec::new(), steps: Vec::new() };
    let work = Work { attempt: id, assignment, package, plan: plan.clone().unwrap_or(empty), pinned };
    let outcome = document.approved("package", &root.root).and_then(|()| admitted(store, &work, &root, standing, now)).and_then(|()| {
        let text = format!("has no plan for {stream}, which this host is");
        plan.map(drop).ok_or_else(|| refused("E-PLAN", "package", text))
    });
    outcome.map_err(|problem| Refused::Package(Box::new(work.clone()), problem))?;
    Ok(work)
}

/// Rules beyond signatures.
fn admitted(store: &Store, work: &Work, root: &SignedRoot, standing: Standing, now: Timestamp) -> Result<(), Problem> {
    let Work { package, assignment, pinned, .. } = work;
    if package.client != pinned.client {
        return Err(refused("E-CLIENT", "package", format!("is for client {}, this host belongs to {}", package.client, pinned.client)));
    }
    check_place(&package.hosts, &assignment.place, assignment.position, &assignment.proof)?;
    ring(work)?;
    window(work)?;
    let floor = store.floors()?.versions.get(&package.client).copied().unwrap_or(0);
    if standing == Standing::New && package.version < floor {
        return Err(refused("E-ROLLBACK", "package", format!("is version {}, this host has seen {floor}", package.version)));
    }
    if now >= root.root.expires {
        return Err(refused("E-EXPIRED", "root document", format!("ended at {}", root.root.expires)));
    }
    if now >= package.expires {
        return Err(refused("E-EXPIRED", "package", format!("ended at {}, now is {now}", package.expires)));
    }
    Ok(())
}

/// The host's ring.
pub(crate) fn ring(work: &Work) -> Result<&Ring, Problem> {
    let Place { ring, .. } = &work.assignment.place;
    let found = usize::try_from(*ring).ok().and_then(|number| work.package.rings.get(number));
    found.ok_or_else(|| refused("E-ASSIGN-PLACE", "assignment", format!("names ring {ring}, the package has {}", work.package.rings.len())))
}

/// The host's window; none for any time.
pub(crate) fn window(work: &Work) -> Result<Option<&Window>, Problem> {
    let Some(name) = &work.assignment.place.window else { return Ok(None) };
    let found = work.package.windows.get(name);
    found.map(Some).ok_or_else(|| refused("E-ASSIGN-PLACE", "assignment", format!("names the window {name}, which the package does not have")))
}

/// Checks that the host's clock can be relied on to start something.
///
/// # Errors
///
/// `E-CLOCK` where it is behind what the host already knows to have passed.
pub(crate) fn clock(store: &Store, assignment: &Assignment, now: Timestamp) -> Result<(), Problem> {
    let behind = |known: Timestamp, what: &str| {
        let seconds = known.duration_since(now).as_secs();
        Problem::new("E-CLOCK", "clock", format!("is {seconds} s behind {what}, the limit is {} s", SKEW.as_secs()), "set the host's clock; until then nothing is started")
    };
    if assignment.issued.duration_since(now) > SKEW {
        return Err(behind(assignment.issued, "the server's assignment"));
    }
    match store.floors()?.time {
        Some(floor) if floor.duration_since(now) > SKEW => Err(behind(floor, "a time that this host has seen")),
        _ => Ok(()),
    }
}

/// Every artefact that a plan names: packages, those of the way back, files.
pub(crate) fn artefacts(plan: &StreamPlan) -> Vec<(String, u64)> {
    use plimsoll_core::model::deployment_package::Step;
    let target = |target: &Target| (target.sha256.clone(), target.size);
    let files = plan.steps.iter().filter_map(|step| match step {
        Step::File { sha256, size, .. } => Some((sha256.clone(), *size)),
        Step::Setting { .. } | Step::Service { .. } | Step::CleanUp { .. } => None,
    });
    let mut all: Vec<(String, u64)> = plan.install.iter().chain(&plan.way_back).map(target).chain(files).collect();
    all.sort();
    all.dedup();
    all
}
