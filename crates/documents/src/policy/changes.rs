//! How changes are made: routine, tests, rings, emergencies, proof.

use super::people::{kinds, shown};
use super::words::{length, series, suite, yes_no};
use super::{Paper, strong};
use crate::text::Text;
use jiff::civil::Date;
use plimsoll_core::model::deployment_package::RebootRule;
use plimsoll_core::model::policy::governance::{Disagreement, OnTimeout, PendingCountsAs, RemoveBy, Untaken};
use plimsoll_core::model::policy::rollout::Select;
use plimsoll_core::model::policy::{ChangeType, Length, PolicySet};

fn hosts(select: &Select) -> String {
    if select.is_empty() { "all hosts".to_owned() } else { format!("hosts whose {}", select.words()) }
}

fn breaking(kinds: &[ChangeType]) -> String {
    let kinds: Vec<String> = kinds.iter().map(|kind| format!("{} changes", kind.as_str())).collect();
    if kinds.is_empty() { "nothing".to_owned() } else { series(&kinds) }
}

/// Cycles, windows, freezes.
pub(super) fn routine(paper: &mut Paper, set: &PolicySet, dated: Date) {
    let rollout = &set.rollout;
    if set.governance.cycles.is_empty() && rollout.windows.is_empty() && rollout.freezes.is_empty() {
        return;
    }
    paper.section("Routine patching, windows and freezes");
    for cycle in &set.governance.cycles {
        let when = match (&cycle.rule, cycle.after) {
            (Some(rule), _) => rule.words(),
            (None, Some(after)) => match &cycle.offset {
                Some(offset) if offset.nominal_seconds() > 0 => format!("{} after {}", offset.words(), after.words()),
                _ => format!("on {}", after.words()),
            },
            (None, None) => continue,
        };
        let name = cycle.id.as_ref().map_or_else(String::new, |id| format!(" ({id})"));
        let notice = cycle.lead_notice.as_ref().map_or_else(String::new, |lead| format!(" People are told {} ahead.", lead.words()));
        let days: Vec<String> = cycle.days(dated, 3).iter().map(Date::to_string).collect();
        let first = if days.is_empty() { String::new() } else { format!(" The first from {dated} on: {}.", days.join(", ")) };
        paper.text(format!("Routine patches{name} go {when}.{first}{notice}"));
    }
    let rows = rollout.windows.iter().map(|window| {
        let when = format!("{}, from {} {}, for {}", window.rule.words(), window.start.time().strftime("%H:%M"), window.zone_name, window.duration.words());
        let last = if window.stop_starting.nominal_seconds() > 0 { format!("; nothing starts in the last {}", window.stop_starting.words()) } else { String::new() };
        vec![strong(&window.id), Text::from(hosts(&window.select)), Text::from(format!("{when}{last}")), Text::from(if window.reboot { "allowed" } else { "not allowed" }), Text::from(breaking(&window.break_for))]
    });
    paper.table(&[("Window", 2), ("For", 3), ("Open", 5), ("Reboot", 2), ("Broken by", 3)], rows.collect());
    let rows = rollout.freezes.iter().map(|freeze| {
        let zone = set.policies.first().map_or(jiff::tz::TimeZone::UTC, |own| own.zone.clone());
        let day = |at: jiff::Timestamp| at.to_zoned(zone.clone()).strftime("%Y-%m-%d %H:%M").to_string();
        vec![strong(&freeze.id), Text::from(hosts(&freeze.select)), Text::from(format!("from {} to {}", day(freeze.from), day(freeze.to))), Text::from(breaking(&freeze.break_for))]
    });
    paper.table(&[("Freeze", 2), ("For", 3), ("When nothing starts", 5), ("Broken by", 3)], rows.collect());
}

/// Tests and approvals.
pub(super) fn testing(paper: &mut Paper, set: &PolicySet) {
    let kinds = kinds(set);
    if kinds.is_empty() {
        return;
    }
    paper.section("Testing and approval");
    let (rollout, governance) = (&set.rollout, &set.governance);
    let tests = kinds.iter().filter_map(|kind| {
        let test = rollout.test.get(kind)?;
        Some(vec![strong(kind.as_str()), Text::from(suite(test.suite)), Text::from(test.min_soak.words())])
    });
    paper.table(&[("Change", 2), ("Test", 5), ("First hosts watched at least", 3)], tests.collect());
    let approvals = kinds.iter().map(|kind| {
        let practice = governance.approve.get(kind);
        let people: Vec<String> = practice.iter().flat_map(|practice| &practice.by).map(|name| shown(governance, name)).collect();
        let quorum = rollout.approve.quorum.get(kind);
        let who = match (quorum, people.is_empty()) {
            (Some(quorum), false) => format!("{quorum} of {}", series(&people)),
            (Some(quorum), true) => format!("{quorum} people"),
            (None, false) => series(&people),
            (None, true) => String::new(),
        };
        let auto: Vec<String> = practice.iter().flat_map(|practice| &practice.auto_if).map(|condition| condition.words().to_owned()).collect();
        let mut notes = Vec::new();
        if !auto.is_empty() {
            notes.push(format!("nobody need be asked when {}", series(&auto)));
        }
        notes.extend(rollout.approve.timeout.get(kind).map(|timeout| format!("within {}", timeout.words())));
        notes.extend(practice.and_then(|practice| practice.on_timeout).map(|on| match on {
            OnTimeout::Escalate => "after that it is escalated".to_owned(),
            OnTimeout::Expire => "after that it has to be drafted again".to_owned(),
            OnTimeout::Reject => "after that it is rejected".to_owned(),
        }));
        notes.extend(practice.and_then(|practice| practice.retro_within.as_ref()).map(|within| format!("may be approved afterwards, within {}", within.words())));
        notes.extend(practice.filter(|practice| practice.after_action_review == Some(true)).map(|_| "reviewed afterwards".to_owned()));
        vec![strong(kind.as_str()), Text::from(who), Text::from(notes.join("; "))]
    });
    paper.table(&[("Change", 2), ("Approved by", 3), ("How", 5)], approvals.collect());
    if rollout.approve.separation_of_duties {
        paper.text("Nobody approves a change that they made.");
    }
    paper.facts([("Publisher's signature required", governance.test.require_signature.map(yes_no)), ("Tests run in", governance.test.environment.clone())]);
}

/// Rings.
pub(super) fn rings(paper: &mut Paper, set: &PolicySet) {
    paper.section("Rings");
    paper.text("A change reaches hosts ring by ring. The next ring goes when the one before it was watched and is well; a gate that shuts stops the rollout.");
    let rows = set.rollout.rings.iter().map(|ring| {
        let share = ring.percent.map(|percent| if percent == 100 { "all that are left".to_owned() } else { format!("{percent} % of hosts") });
        let who = match (ring.select.is_empty(), share) {
            (true, Some(share)) => share,
            (true, None) => String::new(),
            (false, Some(share)) => format!("{}, filled up to {share}", hosts(&ring.select)),
            (false, None) => hosts(&ring.select),
        };
        let failed = format!("more than {} % fail or go silent", f64::from(ring.failed_per_mille) / 10.0);
        let stops = ring.health_failed.map_or_else(|| failed.clone(), |count| format!("{failed}, or {count} {} an unhealthy check", if count == 1 { "host has" } else { "hosts have" }));
        let stops = ring.alerts.iter().fold(stops, |stops, gate| format!("{stops}; an outside alert fires or is not known: {} (no older than {})", gate.words(), gate.max_age.words()));
        let soak = if ring.soak.nominal_seconds() == 0 { "–".to_owned() } else { ring.soak.words() };
        vec![strong(&ring.id), Text::from(who), Text::from(soak), Text::from(stops)]
    });
    paper.table(&[("Ring", 2), ("Hosts", 4), ("Watched", 2), ("Stops when", 4)], rows.collect());
    if let Some(rule) = &set.governance.accreditation {
        let changes = if rule.change.is_empty() { "every change".to_owned() } else { format!("changes that are {}", rule.change.iter().map(|kind| kind.as_str()).collect::<Vec<_>>().join(" or ")) };
        let on = if rule.select.is_empty() { "every host".to_owned() } else { hosts(&rule.select) };
        paper.facts([
            ("Accreditation needed", Some(format!("for {changes} on {on}; without one in force nothing begins there"))),
            ("Given by", Some(if rule.by.is_empty() { "every approver".to_owned() } else { rule.by.join(", ") })),
        ]);
    }
    if let Some(post) = &set.governance.test.post_deploy {
        paper.facts([
            ("Checked afterwards", (!post.checks.is_empty()).then(|| post.checks.join(", "))),
            ("Watched afterwards", length(&post.watch)),
            ("Counts as failed from", post.ticket_limit.map(|limit| format!("{limit} tickets"))),
            ("Error budget", post.error_budget_pct.map(|budget| format!("{} %", budget.0))),
        ]);
    }
}

/// Emergencies.
pub(super) fn emergencies(paper: &mut Paper, set: &PolicySet) {
    let Some(emergency) = &set.governance.emergency else { return };
    paper.section("Emergency changes");
    let by: Vec<String> = emergency.declared_by.iter().map(|name| shown(&set.governance, name)).collect();
    let skip: Vec<String> = emergency.may_skip.iter().map(|skip| skip.words().to_owned()).collect();
    paper.facts([
        ("Opened by", (!emergency.triggers.is_empty()).then(|| series(&emergency.triggers))),
        ("Declared by", (!by.is_empty()).then(|| super::words::either(&by))),
        ("May skip", (!skip.is_empty()).then(|| series(&skip))),
        ("Result and reasons written down within", length(&emergency.report_within)),
    ]);
    paper.text("What was skipped and why is recorded with the change. An emergency has a first ring as every change has.");
}

/// Mitigations and hosts that cannot be fixed.
pub(super) fn without_fix(paper: &mut Paper, set: &PolicySet) {
    let (mitigation, unpatchable) = (&set.governance.mitigation, &set.governance.unpatchable);
    if mitigation.is_none() && unpatchable.is_none() {
        return;
    }
    paper.section("Where there is no fix");
    if let Some(mitigation) = mitigation {
        let measures: Vec<String> = mitigation.measures.iter().map(|measure| measure.words().to_owned()).collect();
        paper.facts([
            ("Who answers for mitigations", mitigation.owner.as_ref().map(|owner| shown(&set.governance, owner))),
            ("Allowed", (!measures.is_empty()).then(|| series(&measures))),
            ("Seen to work within", length(&mitigation.verify_within)),
            ("Looked at again every", length(&mitigation.review_every)),
            ("Stands at most", length(&mitigation.max_life)),
            ("Removed after the fix within", length(&mitigation.remove_within)),
        ]);
        paper.text("A mitigated host is not a fixed one, and is shown so.");
    }
    if let Some(unpatchable) = unpatchable {
        paper.text("Hosts that cannot be fixed at all:");
        paper.facts([
            ("Isolated", unpatchable.isolate.map(yes_no)),
            ("Replaced within", length(&unpatchable.replace_within)),
            ("Looked at again every", length(&unpatchable.review_every)),
            ("Software without support is removed", unpatchable.remove_unsupported.map(yes_no)),
        ]);
    }
}

/// Reboots.
pub(super) fn reboots(paper: &mut Paper, set: &PolicySet) {
    paper.section("Reboots");
    let practice = &set.governance.reboot;
    let rule = match set.rollout.reboot {
        RebootRule::Never => "never by Plimsoll",
        RebootRule::IfNeeded => "where a fix needs one",
        RebootRule::Always => "after every change",
    };
    paper.facts([
        ("Hosts reboot", Some(rule.to_owned())),
        ("May be put off for", length(&practice.grace)),
        ("May be pending for", length(&practice.max_pending).map(|limit| format!("{limit}; longer counts as a failure of its ring"))),
        (
            "A host that waits for one counts as",
            practice.pending_counts_as.map(|counts| match counts {
                PendingCountsAs::Open => "not done".to_owned(),
                PendingCountsAs::Installed => "done".to_owned(),
                PendingCountsAs::InstalledWithinGrace => "done while it may be put off, then not done".to_owned(),
            }),
        ),
    ]);
}

/// Verification and forensics.
pub(super) fn verification(paper: &mut Paper, set: &PolicySet) {
    let governance = &set.governance;
    if governance.verify.is_none() && governance.forensics.is_none() {
        return;
    }
    paper.section("Verification and forensic triage");
    if let Some(verify) = &governance.verify {
        let methods: Vec<String> = verify.method.iter().map(|method| method.words().to_owned()).collect();
        let other = verify.out_of_band.as_ref().filter(|other| other.scanner);
        paper.facts([
            ("A fix is seen by", (!methods.is_empty()).then(|| series(&methods))),
            ("Hosts looked at by hand", verify.sample_pct.map(|share| format!("{} %", share.0))),
            ("A scanner looks within", other.and_then(|other| length(&other.within))),
            (
                "Where the two disagree",
                other.and_then(|other| other.disagree).map(|leads| match leads {
                    Disagreement::Reopen => "the finding is open again".to_owned(),
                    Disagreement::Review => "a person looks".to_owned(),
                }),
            ),
            ("Evidence counts for", length(&verify.max_evidence_age)),
        ]);
    }
    if let Some(forensics) = &governance.forensics {
        paper.text(format!("Traces of a break-in are looked for where a finding is {}:", super::words::either(&forensics.trigger)));
        paper.facts([
            ("Scope settled within", length(&forensics.scope_within)),
            ("Evidence is taken", Some(if forensics.collect_before_patch { "before the patch".to_owned() } else { "before or after the patch".to_owned() })),
            ("Evidence taken within", length(&forensics.collect_within)),
            ("Decided within", length(&forensics.decide_within)),
            (
                "Without evidence in time a host",
                forensics.collect_before_patch.then(|| match forensics.on_timeout {
                    Untaken::Wait => "waits on".to_owned(),
                    Untaken::Patch => "is patched, and the record says that nobody looked".to_owned(),
                }),
            ),
        ]);
    }
}

/// Clean-up, documentation, baseline, retention.
pub(super) fn records(paper: &mut Paper, set: &PolicySet) {
    let governance = &set.governance;
    let (clean, written, baseline, kept) = (&governance.clean_up, &governance.documentation, &governance.baseline, &governance.retention);
    if clean.is_none() && written.is_none() && baseline.is_none() && kept.is_none() {
        return;
    }
    paper.section("Clean-up, records and configuration standards");
    let blocked = baseline.iter().flat_map(|baseline| &baseline.block_new_assets_with).map(|by| by.words().to_owned()).collect::<Vec<_>>();
    let unsupported = baseline.as_ref().and_then(|baseline| baseline.unsupported.as_ref());
    let of = |pick: fn(&plimsoll_core::model::policy::governance::CleanUp) -> &Option<Length>| clean.as_ref().and_then(|clean| length(pick(clean)));
    paper.facts([
        ("A failure is looked into within", of(|clean| &clean.triage_within)),
        ("Copies of machines from before a change are kept", of(|clean| &clean.snapshot_life)),
        ("Remnants are removed within", of(|clean| &clean.remnants_within)),
        ("The record of a change holds", written.as_ref().filter(|written| !written.evidence.is_empty()).map(|written| series(&written.evidence))),
        ("Images and standards hold a fix within", baseline.as_ref().and_then(|baseline| length(&baseline.update_within))),
        ("A new host stays out of production with", (!blocked.is_empty()).then(|| super::words::either(&blocked))),
        ("End of support is flagged", unsupported.and_then(|unsupported| length(&unsupported.flag_before)).map(|before| format!("{before} ahead"))),
        (
            "Software without support is gone",
            unsupported.and_then(|unsupported| unsupported.remove_by.as_ref()).map(|by| match by {
                RemoveBy::EndOfSupport => "by the day its support ends".to_owned(),
                RemoveBy::After(after) => format!("{} after its support ends", after.words()),
            }),
        ),
        ("Evidence is kept for", kept.as_ref().and_then(|kept| length(&kept.evidence))),
        ("Reports are kept for", kept.as_ref().and_then(|kept| length(&kept.reports))),
        ("Personal data is kept for", kept.as_ref().and_then(|kept| length(&kept.personal))),
    ]);
}
