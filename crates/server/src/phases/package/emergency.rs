//! Emergencies: whose word and which findings they stand on.

use super::{Draft, Gathered};
use crate::app::Shared;
use crate::exceptions::journal_levels;
use crate::http::gate::Allowed;
use crate::http::problem::Refusal;
use axum::http::StatusCode;
use jiff::Timestamp;
use plimsoll_core::model::because::{Because, BecauseKind};
use plimsoll_core::model::deployment_package::{ChangeType, DeploymentPackage};
use plimsoll_core::model::identifier::HostId;
use plimsoll_core::model::policy::PolicySet;
use plimsoll_core::model::problem::Problem;
use plimsoll_core::phases::package::Which;
use plimsoll_core::phases::package::emergency::{Declarer, declare, may_declare, not_declared, skipped};
use std::collections::{BTreeMap, BTreeSet};

/// Holds a wish for an emergency against the policy; gives why it may be one
/// and what it skips, nothing for other changes.
///
/// # Errors
///
/// 409 `E-EMERGENCY-DECLARED`, `E-EMERGENCY-TRIGGER`; what the store meets.
pub(super) async fn hold(app: &Shared, set: &PolicySet, draft: &Draft, gathered: &Gathered) -> Result<Vec<Because>, Refusal> {
    if draft.wish.change != ChangeType::Emergency {
        return Ok(Vec::new());
    }
    let asks = set.governance.emergency.as_ref().is_some_and(|emergency| !emergency.triggers.is_empty());
    let levels = if asks { levels(app, draft, gathered).await? } else { BTreeMap::new() };
    let who = Declarer { account: &draft.author, mail: draft.mail.as_deref() };
    let mut because = vec![declare(set, who, &levels).map_err(refused)?];
    let hosts = gathered.hosts.iter().map(|host| &host.facts);
    let skipped = skipped(set, hosts, draft.wish.not_before, draft.wish.expires);
    if !skipped.is_empty() {
        because.push(Because::new(BecauseKind::Rule, format!("by the word of {} it skips: {}", draft.author, skipped.join("; "))));
    }
    Ok(because)
}

/// Whether somebody whom the policy in force names stands behind an emergency:
/// its author or who starts it.
///
/// # Errors
///
/// 409 `E-EMERGENCY-DECLARED`; what the store meets.
pub async fn may_start(app: &Shared, allowed: &Allowed, package: &DeploymentPackage) -> Result<(), Refusal> {
    if package.change != ChangeType::Emergency {
        return Ok(());
    }
    let in_force = app.policies.in_force();
    let starter = crate::exceptions::person(app, allowed).await?;
    let author = app.store.person_by_account(&package.author).await?;
    let mail = author.and_then(|author| author.email);
    let stands = [Declarer { account: &starter.account, mail: starter.email.as_deref() }, Declarer { account: &package.author, mail: mail.as_deref() }];
    if stands.into_iter().any(|who| may_declare(&in_force.set, who)) {
        return Ok(());
    }
    Err(refused(not_declared(&in_force.set, &starter.account)))
}

fn refused(problem: Problem) -> Refusal {
    Refusal::new(StatusCode::CONFLICT, problem.code, problem.text, problem.next).at(problem.place)
}

/// Advisories by severity, priority and rule of their findings on the hosts:
/// those that the change answers; of steps alone all that are open there.
async fn levels(app: &Shared, draft: &Draft, gathered: &Gathered) -> Result<BTreeMap<String, BTreeSet<String>>, Refusal> {
    let updates = gathered.pending.iter().flatten().filter(|update| draft.wish.which.wants(update));
    let mut wanted: BTreeSet<String> = updates.flat_map(|update| update.advisories.iter().cloned()).collect();
    let mut levels: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    {
        let fleet = app.fleet.read();
        for judged in draft.chosen.iter().filter_map(|number| fleet.numbered(number)?.judged.clone()) {
            for open in &judged.findings {
                let advisory = fleet.names.text(open.advisory);
                if draft.wish.which == Which::Nothing {
                    wanted.insert(advisory.to_owned());
                }
                if wanted.contains(advisory) {
                    levels.entry(open.rating.as_str().to_owned()).or_default().insert(advisory.to_owned());
                }
            }
        }
    }
    let hosts: Vec<HostId> = gathered.hosts.iter().map(|host| host.id).collect();
    for (level, advisory) in journal_levels(app, &hosts, &wanted, Timestamp::now()).await? {
        levels.entry(level).or_default().insert(advisory);
    }
    Ok(levels)
}
