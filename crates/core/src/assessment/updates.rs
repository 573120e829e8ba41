//! Pending updates: which advisories they satisfy, and by when they are due.

use super::{Input, Judged, Memory, memory};
use crate::model::because::{Because, BecauseKind};
use crate::model::component::Component;
use crate::model::finding::{Finding, State};
use crate::model::stream::Stream;
use crate::model::threat::Threat;
use crate::model::update::Update;
use crate::phases::evaluate::Verdict;
use crate::phases::prioritize;
use plimsoll_version::compare;
use std::cmp::Ordering;
use std::collections::{BTreeMap, BTreeSet};

/// Completes the pending updates and puts the most urgent first.
pub(super) fn judge(
    mut updates: Vec<Update>,
    input: &Input<'_>,
    judged: &[Judged],
    findings: &[Finding],
    memory: &mut Memory,
) -> Vec<Update> {
    let mut by_package: BTreeMap<(&str, &str), usize> = BTreeMap::new();
    for (index, component) in input.components.iter().enumerate() {
        by_package.entry((&component.name, component.arch.as_deref().unwrap_or(""))).or_insert(index);
    }
    let mut due_by: BTreeMap<(&str, &str, &str), Option<jiff::Timestamp>> = BTreeMap::new();
    for finding in findings.iter().filter(|finding| finding.state == State::Affected) {
        let arch = finding.component.arch.as_deref().unwrap_or("");
        let due = due_by.entry((&finding.advisory, &finding.component.name, arch)).or_default();
        *due = earlier(*due, finding.due);
    }
    for update in &mut updates {
        if let Some(&index) = by_package.get(&(update.package.as_str(), update.arch.as_str()))
            && let (Some(component), Some(judged)) = (input.components.get(index), judged.get(index)) {
                satisfy(update, component, &judged.verdicts, &due_by);
            }
        oblige(input, update, memory);
    }
    spread_to_new(&mut updates);
    updates.sort_by(|a, b| urgency(a).cmp(&urgency(b)));
    updates
}

fn earlier(a: Option<jiff::Timestamp>, b: Option<jiff::Timestamp>) -> Option<jiff::Timestamp> {
    match (a, b) {
        (Some(a), Some(b)) => Some(a.min(b)),
        (a, b) => a.or(b),
    }
}

/// Notes the advisories that the update satisfies and takes their due dates.
fn satisfy(
    update: &mut Update,
    component: &Component,
    verdicts: &[Verdict],
    due_by: &BTreeMap<(&str, &str, &str), Option<jiff::Timestamp>>,
) {
    let Some(stream) = &component.stream else { return };
    for verdict in verdicts.iter().filter(|verdict| verdict.state == State::Affected) {
        let Some(fixed) = &verdict.fixed_version else { continue };
        if !holds(update, component, stream, fixed) {
            continue;
        }
        let id = &verdict.advisory.id;
        update.advisories.push(id.clone());
        if verdict.advisory.kind.is_security() && !update.security {
            update.security = true;
            update.because.push(Because::new(
                BecauseKind::Fix,
                format!("{id} was fixed in {fixed}, between what is installed and the candidate"),
            ));
        }
        let key = (id.as_str(), component.name.as_str(), component.arch.as_deref().unwrap_or(""));
        update.due = earlier(update.due, due_by.get(&key).copied().flatten());
    }
}

/// Whether the candidate holds a fix, by whichever version the stream's
/// advisories speak of.
fn holds(update: &Update, component: &Component, stream: &Stream, fixed: &str) -> bool {
    let candidate = match &update.source_version {
        Some(version) if stream.advisories_name_sources() && component.source.is_some() => version,
        _ => &update.candidate,
    };
    stream.scheme().and_then(|scheme| compare(scheme, candidate, fixed).ok()).is_some_and(Ordering::is_ge)
}

/// Gives a security update that no known advisory explains an obligation of
/// its own: the vendor says that it matters, nobody has said how much.
fn oblige(input: &Input<'_>, update: &mut Update, memory: &mut Memory) {
    if !update.security {
        return;
    }
    let key = memory::update_key(update);
    let first_seen = memory.keep(input.memory, &key, input.now);
    if !update.advisories.is_empty() {
        return;
    }
    let decided = prioritize::decide(&prioritize::Input {
        now: input.now,
        policies: input.policies,
        finding: prioritize::Facts {
            severities: &[],
            threat: &Threat::default(),
            cves: &[],
            component: None,
            class: None,
            published: None,
            fix_released: None,
            fix_exists: true,
            fix_available: Some(true),
            first_seen,
            closed: None,
        },
        host: input.host_facts,
    });
    let unexplained = if input.knowledge.is_some() {
        "a security update that no advisory of the database explains"
    } else {
        "a security update; which advisories it satisfies is unknown without a database"
    };
    update.because.push(Because::new(BecauseKind::Source, unexplained));
    update.because.extend(decided.because);
    update.obligations = decided.decision.obligations;
    update.due = earlier(update.due, decided.decision.due);
}

/// A package that the plan installs anew is due when the updates of its own
/// source are: the new kernel image with its meta package.
fn spread_to_new(updates: &mut [Update]) {
    let mut by_source: BTreeMap<String, Option<jiff::Timestamp>> = BTreeMap::new();
    for update in updates.iter().filter(|update| !update.new) {
        if let Some(source) = &update.source {
            let due = by_source.entry(source.clone()).or_default();
            *due = earlier(*due, update.due);
        }
    }
    let sources: BTreeSet<String> = by_source.keys().cloned().collect();
    for update in updates.iter_mut().filter(|update| update.new && update.due.is_none()) {
        if let Some(source) = update.source.clone().filter(|source| sources.contains(source)) {
            update.due = by_source.get(&source).copied().flatten();
        }
    }
}

/// What to do first: due dates, then security, then name.
fn urgency(update: &Update) -> (bool, Option<jiff::Timestamp>, bool, &str, &str) {
    (update.due.is_none(), update.due, !update.security, &update.package, &update.arch)
}
