//! **Why is this not patched?** One finding's answer in plain sentences.

use plimsoll_core::model::finding::{Finding, State};
use plimsoll_core::model::host::RebootPending;
use plimsoll_core::model::obligation::{Obligation, Verdict};
use plimsoll_core::model::update::Update;

/// What stands between a finding and its end, the most telling sentence first.
///
/// It reads only what was decided already (state, fix, plan of the package
/// manager, reboot); it decides nothing, so it can never disagree with the
/// finding beside it.
pub fn why_not_patched(finding: &Finding, updates: Option<&[Update]>, reboot: Option<&RebootPending>) -> Vec<String> {
    let name = &finding.component.name;
    let update = updates.and_then(|updates| {
        updates.iter().find(|update| &update.package == name || update.advisories.contains(&finding.advisory))
    });
    let mut answer = vec![first(finding, update, updates.is_none())];
    if let Some(update) = update {
        if let Some(held) = &update.held_by
            && finding.fix.available == Some(true)
        {
            answer.push(held_sentence(held));
        }
        if update.reboot {
            answer.push("Taking effect needs a reboot.".to_owned());
        }
    } else if finding.fix.available == Some(true)
        && reboot.is_some_and(|reboot| reboot.pending == Some(true))
    {
        answer.push("A reboot is pending: a fix that is installed may not be in effect yet.".to_owned());
    }
    if !finding.workarounds.is_empty() {
        answer.push("A workaround is known; it lowers the risk and is not a fix.".to_owned());
    }
    answer
}

fn first(finding: &Finding, update: Option<&Update>, no_plan: bool) -> String {
    let name = &finding.component.name;
    match (finding.state, finding.fix.available) {
        (State::Fixed, _) => format!("{name} holds the fix; nothing is left to do."),
        (State::NotAffected, _) => format!("{name} was looked at and is not affected."),
        (State::Unsupported, _) => {
            "Its release is out of support: nobody says whether it is affected, and no fix will come. Move to a supported release.".to_owned()
        }
        (State::Unknown, _) => "Nobody can tell yet whether it is affected; the reasons below say what is missing.".to_owned(),
        (State::Affected, _) if finding.fixed_version.is_none() => no_fix(finding),
        (State::Affected, Some(true)) => offered(finding, update, no_plan),
        (State::Affected, Some(false)) => format!(
            "A fix exists in {}, and no repository enabled on this host offers it. Enable the one that does, or wait for the mirror.",
            finding.fixed_version.as_deref().unwrap_or("a newer version"),
        ),
        (State::Affected, None) => format!(
            "A fix exists in {}; this host's repositories are not known, so nobody can tell whether it is offered.",
            finding.fixed_version.as_deref().unwrap_or("a newer version"),
        ),
    }
}

fn no_fix(finding: &Finding) -> String {
    match finding.detail.as_deref() {
        Some("wont-fix" | "will-not-fix") => "The vendor has said that it will not fix this.".to_owned(),
        Some("postponed" | "fix-deferred") => "The vendor has postponed the fix to a later point release.".to_owned(),
        Some("end-of-life") => "The package is no longer maintained in this release; no fix will come.".to_owned(),
        Some("under-investigation") => "The vendor is still looking into it.".to_owned(),
        _ => "No fix has been released for this release of the system yet.".to_owned(),
    }
}

fn offered(finding: &Finding, update: Option<&Update>, no_plan: bool) -> String {
    let version = finding.fix.version.as_deref().or(finding.fixed_version.as_deref()).unwrap_or("a newer version");
    let place = finding.fix.origin.as_deref().map(|origin| format!(" by {origin}")).unwrap_or_default();
    match update {
        Some(update) if update.held_by.is_some() => {
            format!("{version} is offered{place}, and the package manager will not install it.")
        }
        Some(_) => format!("{version} is offered{place} and waits to be installed: nobody has installed it yet."),
        None if no_plan => format!("{version} is offered{place}; the package manager's plan for this host is not known."),
        None => format!("{version} is offered{place}, and the package manager's plan does not name it; see what limits the answer."),
    }
}

fn held_sentence(held: &str) -> String {
    match held {
        "hold" => "An administrator put the package on hold on this host.".to_owned(),
        "pin" => "A pin in the host's package preferences keeps the installed version.".to_owned(),
        "dependencies" => "Installing it would need other packages to be added or removed.".to_owned(),
        "phasing" => "The vendor is phasing it in and this host's turn has not come.".to_owned(),
        other => format!("It is held back: {other}."),
    }
}

/// The obligation that works: the earliest due one that is still open, else the first.
pub fn working(obligations: &[Obligation]) -> Option<&Obligation> {
    obligations
        .iter()
        .filter(|obligation| obligation.due.is_some())
        .min_by_key(|obligation| obligation.due)
        .or_else(|| obligations.first())
}

/// Where a finding stands, in one verdict.
pub fn verdict(finding: &Finding) -> Verdict {
    working(&finding.obligations).map_or(Verdict::NotApplicable, |obligation| obligation.verdict)
}
