//! Whether an attempt may start now; what it waits for where it may not.

use super::store::Store;
use super::verify::{self, Work};
use jiff::Timestamp;
use plimsoll_core::model::assignment::Go;
use plimsoll_core::model::outcome::State;
use plimsoll_core::model::problem::Problem;
use std::path::Path;

/// The file by which the host's owner stops everything, without a network.
const HOLD: &str = "/etc/plimsoll/hold";
/// Longest before it is looked again, in seconds.
const LONGEST: i64 = 3600;
/// Seconds before it is looked again at what may end at any moment.
const SOON: u32 = 30;

/// What an attempt waits for.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Wait {
    /// Staged where it is only early, deferred where something on the host is
    /// in the way.
    pub(crate) state: State,
    pub(crate) problem: Option<Problem>,
    /// Seconds until it makes sense to look again.
    pub(crate) again: u32,
}

fn early(code: &str, place: &str, text: String, opens: Timestamp, now: Timestamp) -> Wait {
    let seconds = opens.duration_since(now).as_secs().clamp(1, LONGEST);
    let problem = Problem::new(code, place, text, "nothing: it starts by itself");
    Wait { state: State::Staged, problem: Some(problem), again: u32::try_from(seconds).unwrap_or(SOON) }
}

fn deferred(problem: Problem) -> Wait {
    Wait { state: State::Deferred, problem: Some(problem), again: SOON }
}

/// Gives what is in the way of a start at `now`; none where nothing is.
pub(crate) fn barred(store: &Store, work: &Work, now: Timestamp) -> Result<Option<Wait>, Problem> {
    if let Some(hold) = hold() {
        return Ok(Some(deferred(hold)));
    }
    if let Err(problem) = verify::clock(store, &work.assignment, now) {
        return Ok(Some(deferred(problem)));
    }
    match work.assignment.go {
        Go::Apply => {}
        Go::Stage => return Ok(Some(Wait { state: State::Staged, problem: None, again: 300 })),
        Go::Stop => {
            let text = "lets nothing start: the rollout is stopped";
            return Ok(Some(deferred(Problem::new("E-STOPPED", "assignment", text, "wait for whoever stopped it"))));
        }
    }
    let ring = verify::ring(work)?;
    if now < ring.opens {
        return Ok(Some(early("E-RING-LOCKED", &ring.name, format!("opens at {}", ring.opens), ring.opens, now)));
    }
    let Some(window) = verify::window(work)? else { return Ok(None) };
    if window.intervals.iter().any(|interval| interval.from <= now && now < interval.last_start) {
        return Ok(None);
    }
    let next = window.intervals.iter().map(|interval| interval.from).filter(|from| *from > now).min();
    Ok(Some(match next {
        Some(next) => early("W-WINDOW", &window.shown, format!("opens at {next}"), next, now),
        None => early("W-WINDOW", &window.shown, "does not open again before the package ends".to_owned(), work.package.expires, now),
    }))
}

/// What the hold file says; its first line is its owner's reason.
fn hold() -> Option<Problem> {
    let path = Path::new(HOLD);
    path.symlink_metadata().ok()?;
    let reason = std::fs::read(path).unwrap_or_default();
    let reason = String::from_utf8_lossy(reason.get(..reason.len().min(200)).unwrap_or_default()).lines().next().unwrap_or_default().to_owned();
    let text = if reason.is_empty() { "is there: nothing is started".to_owned() } else { format!("is there: nothing is started: {reason}") };
    Some(Problem::new("E-HOLD", HOLD, plimsoll_core::model::problem::printable(&text), "remove the file when changes may go on"))
}
