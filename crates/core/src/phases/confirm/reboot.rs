//! What a host that waits for its reboot counts as, under the policy's
//! `[reboot]`.

use crate::model::because::{Because, BecauseKind, Explained};
use crate::model::policy::{Length, PolicySet};
use crate::model::policy::governance::PendingCountsAs;
use jiff::Timestamp;

/// What a host that waits for its reboot counts as.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Counts {
    /// The change is done there.
    Done,
    /// It is not done, and nothing is wrong.
    NotDone,
    /// It waits for longer than the policy allows, which counts as a failure.
    Overdue,
}

/// Decides what a host counts as that waits since the end of its attempt.
///
/// The grace is what people may put a reboot off for: it makes the host count
/// as done meanwhile, unless the policy says that it never or always does.
pub fn counts(set: &PolicySet, since: Timestamp, now: Timestamp) -> Explained<Counts> {
    let practice = &set.governance.reboot;
    let Some(own) = set.policies.first() else { return Explained { decision: Counts::Done, because: Vec::new() } };
    let named = format!("policy {} {}", own.id, own.version);
    let until = |length: &Option<Length>| length.as_ref().and_then(|length| length.due(since, &own.zone, false));
    let (grace, limit) = (until(&practice.grace), until(&practice.max_pending));
    let (mut decision, mut text) = match (practice.pending_counts_as, grace) {
        (Some(PendingCountsAs::Open), Some(grace)) if now <= grace => {
            (Counts::NotDone, format!("does not count as done (reboot.pending_counts_as), and may be put off until {grace} (reboot.grace)"))
        }
        (Some(PendingCountsAs::Open), _) => (Counts::NotDone, "does not count as done (reboot.pending_counts_as)".to_owned()),
        (None | Some(PendingCountsAs::InstalledWithinGrace), Some(grace)) if now <= grace => (Counts::Done, format!("counts as done until {grace} (reboot.grace)")),
        (None | Some(PendingCountsAs::InstalledWithinGrace), Some(grace)) => {
            (Counts::NotDone, format!("does not count as done any more: it could be put off until {grace} (reboot.grace)"))
        }
        _ => (Counts::Done, "counts as done".to_owned()),
    };
    match limit {
        Some(limit) if now > limit => (decision, text) = (Counts::Overdue, format!("is overdue since {limit} (reboot.max_pending) and counts as failed")),
        Some(limit) => text.push_str(&format!(", overdue from {limit} on (reboot.max_pending)")),
        None => {}
    }
    Explained { decision, because: vec![Because::new(BecauseKind::Rule, format!("its reboot is pending since {since}; under {named} it {text}"))] }
}
