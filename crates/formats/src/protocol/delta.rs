//! The difference between two reports of one host.

use super::encoding::{decompress, within};
use super::limits::Limits;
use super::measure::{measure, problem};
use super::refusal::code;
use super::report::{CanonicalReport, check, order, sort, write, wrong};
use plimsoll_core::model::component::Component;
use plimsoll_core::model::host::Host;
use plimsoll_core::model::problem::Problem;
use plimsoll_core::model::report::{OfferedPackage, Report};
use plimsoll_core::model::update::Update;
use serde::{Deserialize, Deserializer, Serialize};
use std::cmp::Ordering;

const PLACE: &str = "delta";

/// What changed since a report that the server has.
///
/// A part that is absent did not change. `result` names the bytes that must
/// come out; a delta that gives others is refused and nothing is kept of it.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Delta {
    /// Digest of the report it starts from.
    pub base: String,
    /// Digest of the report it leads to.
    pub result: String,
    /// Positions, rising, of the base's components that are gone.
    pub removed: Vec<u32>,
    /// Components that are new, sorted as in a report.
    pub added: Vec<Component>,
    /// Program and version that read the host.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub agent: Option<String>,
    /// The host.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub host: Option<Host>,
    /// Pending updates; the inner none says that they cannot be told any more.
    #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "present")]
    pub updates: Option<Option<Vec<Update>>>,
    /// Updates on offer that the plan leaves out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub held_updates: Option<Vec<Update>>,
    /// What repositories offer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub offered: Option<Vec<OfferedPackage>>,
    /// What limits the report.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub problems: Option<Vec<Problem>>,
}

/// Tells `null` from absent.
fn present<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Option<Vec<Update>>>, D::Error> {
    Option::deserialize(deserializer).map(Some)
}

/// Makes the difference between two canonical reports.
///
/// Both must be sorted, which [`canonical`](super::canonical) and the readers
/// see to.
pub fn make_delta(base: &CanonicalReport, result: &CanonicalReport) -> Delta {
    let (old, new) = (&base.report, &result.report);
    let (removed, added) = changes(&old.components, &new.components);
    Delta {
        base: base.digest.clone(),
        result: result.digest.clone(),
        removed,
        added,
        agent: (old.agent != new.agent).then(|| new.agent.clone()),
        host: (old.host != new.host).then(|| new.host.clone()),
        updates: (old.updates != new.updates).then(|| new.updates.clone()),
        held_updates: (old.held_updates != new.held_updates).then(|| new.held_updates.clone()),
        offered: (old.offered != new.offered).then(|| new.offered.clone()),
        problems: (old.problems != new.problems).then(|| new.problems.clone()),
    }
}

/// Walks two sorted lists side by side.
fn changes(old: &[Component], new: &[Component]) -> (Vec<u32>, Vec<Component>) {
    let (mut removed, mut added) = (Vec::new(), Vec::new());
    let mut left = (0u32..).zip(old).peekable();
    let mut right = new.iter().peekable();
    loop {
        let ordering = match (left.peek(), right.peek()) {
            (None, None) => return (removed, added),
            (Some(_), None) => Ordering::Less,
            (None, Some(_)) => Ordering::Greater,
            (Some((_, left)), Some(right)) => order(left, right),
        };
        if ordering == Ordering::Less {
            removed.extend(left.next().map(|(position, _)| position));
        } else if ordering == Ordering::Greater {
            added.extend(right.next().cloned());
        } else {
            left.next();
            right.next();
        }
    }
}

/// Reads a zstd-compressed delta from a host.
///
/// # Errors
///
/// As [`read_report`](super::read_report).
pub fn read_delta(place: &str, compressed: &[u8]) -> Result<Delta, Problem> {
    let bytes = decompress(place, compressed, Limits::REPORT)?;
    measure(place, &bytes, &Limits::REPORT, false)?;
    let delta: Delta = serde_json::from_slice(&bytes).map_err(|error| problem(place, &error))?;
    within(place, "removed components", delta.removed.len(), Limits::REPORT.components)?;
    if !delta.removed.is_sorted_by(|left, right| left < right) {
        return Err(wrong(place, "removes components in an order that does not rise".to_owned()));
    }
    Ok(delta)
}

/// Applies a delta and checks what comes out: the same rules as for a whole
/// report, and the digest that the host named.
///
/// # Errors
///
/// `E-BASE` where `base` is another report than the delta starts from, or the
/// result's digest is not the one named: the host must send its report whole.
/// `E-LIMIT`, `E-REPORT` as for a whole report.
pub fn apply_delta(base: &Report, base_digest: &str, delta: Delta) -> Result<CanonicalReport, Problem> {
    let unknown = |text: &str| Problem::new(code::BASE, PLACE, text, "send the report whole");
    if delta.base != base_digest {
        return Err(unknown("starts from another report than the server has"));
    }
    if delta.removed.last().is_some_and(|position| *position as usize >= base.components.len()) {
        return Err(unknown("removes a component that the base does not have"));
    }
    let mut removed = delta.removed.iter().peekable();
    let kept = (0u32..).zip(&base.components).filter(|(position, _)| removed.next_if_eq(&position).is_none());
    let mut components: Vec<Component> = kept.map(|(_, component)| component.clone()).collect();
    components.extend(delta.added);
    let mut report = Report {
        schema: base.schema.clone(),
        agent: delta.agent.unwrap_or_else(|| base.agent.clone()),
        host: delta.host.unwrap_or_else(|| base.host.clone()),
        components,
        updates: delta.updates.unwrap_or_else(|| base.updates.clone()),
        held_updates: delta.held_updates.unwrap_or_else(|| base.held_updates.clone()),
        offered: delta.offered.unwrap_or_else(|| base.offered.clone()),
        problems: delta.problems.unwrap_or_else(|| base.problems.clone()),
    };
    sort(&mut report);
    check(PLACE, &report)?;
    let bytes = write(&report)?.bytes;
    within(PLACE, "bytes", bytes.len(), Limits::REPORT.decompressed)?;
    let digest = super::encoding::digest(&bytes);
    if digest != delta.result {
        return Err(unknown("gives another report than it names"));
    }
    Ok(CanonicalReport { report, bytes, digest })
}
