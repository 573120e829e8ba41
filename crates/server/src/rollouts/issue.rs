//! Writing and signing assignments.

use super::Live;
use crate::app::App;
use crate::configuration::OnlineKey;
use jiff::{SignedDuration, Timestamp};
use plimsoll_core::model::assignment::{Assignment, Go};
use plimsoll_core::model::identifier::HostId;
use plimsoll_core::model::problem::Problem;
use plimsoll_formats::protocol::digest as sha256;
use plimsoll_formats::trust::{KeyFile, Role, SignedAssignment, SignedRoot};
use std::collections::HashMap;

/// How long an assignment means something: a host that hears nothing from its
/// server for a day starts nothing any more.
const LIFE_HOURS: i64 = 24;
/// How often it is written anew, so that at least half a life is left.
const RENEWED_SECONDS: i64 = LIFE_HOURS * 3600 / 2;
/// Digests that are kept; beyond it they are worked out again.
const KEPT: usize = 500_000;

/// What signs assignments.
pub struct Signer {
    key: KeyFile,
    /// Whose keys count.
    pub root: SignedRoot,
}

impl Signer {
    /// Opens the online key and holds it against the root document.
    ///
    /// # Errors
    ///
    /// `E-KEY` for no key, or one that the root does not name for this.
    pub fn open(key: &OnlineKey, root: SignedRoot) -> Result<Self, Problem> {
        let key = KeyFile::from_pem("online key", &key.0, None)?;
        if !root.root.keys(Role::Timestamp).0.contains(&key.public()) {
            let text = "is not the online key that the root document names";
            return Err(Problem::new("E-KEY", "online key", text, "name the online.pem that `plimsoll root init` made with this root document"));
        }
        Ok(Self { key, root })
    }
}

/// An assignment, written and signed.
pub struct Issued {
    /// SHA-256 of the document, hex.
    pub digest: String,
    /// The document.
    pub document: String,
}

/// What a digest was worked out from.
type Basis = (u64, Option<Go>, i64);

/// Digests by host.
pub(super) type Cache = HashMap<HostId, (String, Basis, String)>;

/// Instant from which on the assignment counts as written, the same on every
/// server; spread over hosts, so that not all of them are renewed at once.
fn slot(host: HostId, now: Timestamp) -> i64 {
    let spread = (host.bits() % u128::from(RENEWED_SECONDS.unsigned_abs())) as i64;
    let second = now.as_second();
    second - (second - spread).rem_euclid(RENEWED_SECONDS)
}

/// Digest of the assignment of a host.
pub(super) fn digest(app: &App, live: &Live, place: usize, now: Timestamp, cache: &mut Cache) -> Option<String> {
    let host = live.content.tree.places().get(place)?.host;
    let basis = (live.rollout.generation, allowed(live, place), written(live, place, now));
    if let Some((package, known, digest)) = cache.get(&host)
        && *known == basis
        && *package == live.content.digest
    {
        return Some(digest.clone());
    }
    let issued = issue(app, live, place, now)?;
    if cache.len() >= KEPT {
        cache.clear();
    }
    cache.insert(host, (live.content.digest.clone(), basis, issued.digest.clone()));
    Some(issued.digest)
}

fn allowed(live: &Live, place: usize) -> Option<Go> {
    live.known.get(place)?.given
}

/// When the assignment counts as written, in microseconds.
fn written(live: &Live, place: usize, now: Timestamp) -> i64 {
    let Some(line) = live.content.tree.places().get(place) else { return 0 };
    let changed = live.known.get(place).and_then(|known| known.changed).unwrap_or(live.rollout.started);
    (slot(line.host, now) * 1_000_000).max(changed.as_microsecond()).max(live.rollout.started.as_microsecond())
}

/// Writes and signs the assignment of a host; none without a key.
pub(super) fn issue(app: &App, live: &Live, place: usize, now: Timestamp) -> Option<Issued> {
    let signer = app.rollouts.signer()?;
    let host = live.content.tree.places().get(place)?.host;
    let (line, position, proof) = live.content.tree.prove(host)?;
    let issued = Timestamp::from_microsecond(written(live, place, now)).ok()?;
    let ends = issued.checked_add(SignedDuration::from_hours(LIFE_HOURS)).ok()?;
    let assignment = Assignment {
        schema: Assignment::SCHEMA.to_owned(),
        host,
        package: live.content.digest.clone(),
        epoch: live.rollout.epoch,
        generation: live.rollout.generation,
        place: line.clone(),
        position,
        proof,
        go: allowed(live, place).unwrap_or(Go::Stage),
        issued,
        expires: ends.min(live.content.package.expires),
    };
    match SignedAssignment::sign(assignment, &signer.key, &signer.root.root) {
        Ok(signed) => {
            let document = String::from_utf8(signed.bytes().to_vec()).ok()?;
            Some(Issued { digest: sha256(document.as_bytes()), document })
        }
        Err(problem) => {
            tracing::error!(code = problem.code, "an assignment cannot be signed: {}", problem.text);
            None
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn half_a_life_is_left_at_any_time_and_hosts_are_renewed_one_by_one() {
        let start: Timestamp = "2026-11-22T10:00:00Z".parse().unwrap();
        let mut seen = std::collections::BTreeSet::new();
        for number in 0..100u128 {
            let host = HostId::from_bits(number * 7_777_777);
            for hours in 0..48 {
                let now = start + SignedDuration::from_hours(hours);
                let written = slot(host, now);
                assert!(written <= now.as_second() && now.as_second() - written < RENEWED_SECONDS);
                seen.insert(written);
            }
        }
        assert!(seen.len() > 100);
    }
}
