//! Findings by advisory, and one advisory with every host.

use super::super::query::ListQuery;
use super::super::views::{
    Action, ActionKind, AdvisoryPage, AdvisoryRecord, AffectedHost, FindingRow, Listing, StateCounts,
};
use super::{facet, holds, page, turned, verdict};
use crate::api::findings::{AdvisoryAnswer, about};
use crate::app::{App, Shared};
use crate::fleet::judged::SOON_SECONDS;
use crate::fleet::question::{AdvisoryRow, Clock, FindingRow as HostFinding};
use crate::http::problem::Refusal;
use plimsoll_core::model::advisory::{Rating, Severity};
use plimsoll_core::model::finding::State;
use plimsoll_core::model::obligation::Verdict;
use roaring::RoaringBitmap;
use std::cmp::Reverse;

fn row(app: &App, advisory: AdvisoryRow, clock: Clock) -> FindingRow {
    let fleet = app.fleet.read();
    let card = fleet.names.find(&advisory.advisory).and_then(|name| fleet.card(name)).cloned().unwrap_or_default();
    FindingRow {
        // One host without an exception is enough for the work to stand.
        verdict: if advisory.excepted > 0 && advisory.excepted == advisory.hosts {
            Verdict::Excepted
        } else {
            verdict(advisory.due, clock)
        },
        excepted: advisory.excepted,
        advisory: advisory.advisory,
        aliases: card.aliases,
        summary: card.summary,
        packages: advisory.packages,
        rating: advisory.severity,
        score: card.score,
        exploited: advisory.exploited,
        epss: card.epss,
        hosts: advisory.hosts,
        overdue: advisory.overdue,
        fix_offered: advisory.fix_available,
        due: advisory.due,
        first_seen: None,
    }
}

fn due_fits(query: &ListQuery, row: &FindingRow, clock: Clock) -> bool {
    let left = row.due.map(|due| due.as_second() - clock.now.as_second());
    match query.filter("due") {
        "" => true,
        "overdue" => row.overdue > 0,
        "soon" => left.is_some_and(|left| (0..=SOON_SECONDS).contains(&left)),
        "week" => left.is_some_and(|left| left <= 7 * 86_400),
        "month" => left.is_some_and(|left| left <= 30 * 86_400),
        "never" => left.is_none(),
        _ => false,
    }
}

fn wanted(query: &ListQuery, row: &FindingRow, clock: Clock) -> bool {
    let exploited = match query.filter("exploited") {
        "yes" | "ransomware" => row.exploited,
        "no" => !row.exploited,
        _ => true,
    };
    let fix = match query.filter("fix") {
        "offered" => row.fix_offered > 0,
        "not-offered" | "none" => row.fix_offered == 0,
        _ => true,
    };
    let mut texts: Vec<&str> = vec![&row.advisory, &row.summary];
    texts.extend(row.aliases.iter().chain(&row.packages).map(String::as_str));
    let package = query.filter("package");
    exploited
        && fix
        && super::fits(query, "severity", Some(row.rating.as_str()))
        && (package.is_empty() || row.packages.iter().any(|name| name == package))
        && due_fits(query, row, clock)
        && holds(query, &texts)
}

/// Every row of the list, for exports, with the unfiltered ones.
pub fn findings_rows(app: &App, seen: &RoaringBitmap, query: &ListQuery) -> (Vec<FindingRow>, Vec<FindingRow>) {
    let clock = app.clock();
    let found = app.fleet.read().list_advisories(seen, |_| true, (0, usize::MAX), clock.now).rows;
    let all: Vec<FindingRow> = found.into_iter().map(|advisory| row(app, advisory, clock)).collect();
    let mut rows: Vec<FindingRow> = all.iter().filter(|row| wanted(query, row, clock)).cloned().collect();
    let id = |row: &FindingRow| row.advisory.clone();
    let parts = |score: Option<f32>| score.map_or(0, |score| (f64::from(score) * 1e6) as u64);
    match query.sort.as_str() {
        "advisory" => rows.sort_by_cached_key(id),
        "severity" => rows.sort_by_cached_key(|row| (Reverse(row.rating), row.due.is_none(), row.due, id(row))),
        "hosts" => rows.sort_by_cached_key(|row| (row.hosts, id(row))),
        "overdue" => rows.sort_by_cached_key(|row| (row.overdue, id(row))),
        "offered" => rows.sort_by_cached_key(|row| (row.fix_offered, id(row))),
        "epss" => rows.sort_by_cached_key(|row| (parts(row.epss), id(row))),
        _ => rows.sort_by_cached_key(|row| (row.due.is_none(), row.due, Reverse(row.rating), id(row))),
    }
    let rows = turned(query, rows);
    (all, rows)
}

/// Fills the list of findings.
pub fn findings(app: &App, seen: &RoaringBitmap, query: ListQuery) -> Listing<FindingRow> {
    let (all, rows) = findings_rows(app, seen, &query);
    let facets = vec![facet("package", all.iter().flat_map(|row| row.packages.iter().map(|name| Some(name.as_str()))))];
    page(query, rows, facets)
}

/// Fills the page of one advisory or CVE.
///
/// # Errors
///
/// Where the advisory database is damaged.
pub fn advisory(app: &Shared, seen: &RoaringBitmap, id: &str, query: ListQuery) -> Result<AdvisoryPage, Refusal> {
    let answer = about(app, seen, id)?;
    let clock = app.clock();
    let concerned = answer.findings.iter().map(|finding| finding.host).collect::<std::collections::BTreeSet<_>>().len() as u64;
    let count = |state: State| {
        let hosts: std::collections::BTreeSet<_> =
            answer.findings.iter().filter(|finding| finding.state == state).map(|finding| finding.host).collect();
        hosts.len() as u64
    };
    let counts = StateCounts {
        affected: count(State::Affected),
        fixed: count(State::Fixed),
        not_affected: count(State::NotAffected),
        unknown: count(State::Unknown),
        unsupported: count(State::Unsupported),
        absent: seen.len().saturating_sub(concerned),
    };
    let hosts = page(query.clone(), affected(app, &answer.findings, &query, clock), Vec::new());
    let card = {
        let fleet = app.fleet.read();
        let ids = answer.advisories.iter().map(|advisory| advisory.id.as_str()).chain([id]);
        ids.filter_map(|id| fleet.names.find(id)).find_map(|name| fleet.card(name).cloned()).unwrap_or_default()
    };
    let rating = answer.findings.iter().map(|finding| finding.severity).max().unwrap_or(Rating::Unknown);
    Ok(AdvisoryPage {
        asked: id.to_owned(),
        rating,
        score: card.score.map(|score| (score, String::new())),
        kev: answer.threat.as_ref().and_then(|threat| threat.kev.clone()),
        epss: answer.threat.as_ref().and_then(|threat| threat.epss.clone()),
        ssvc: answer.threat.as_ref().and_then(|threat| threat.ssvc),
        counts,
        hosts,
        statements: answer.statements.clone(),
        records: records(app, answer),
    })
}

/// A severity as its source states it.
fn stated(severity: &Severity) -> String {
    match severity {
        Severity::Cvss(cvss) => cvss.vector.clone(),
        Severity::Vendor { vendor, word, .. } => format!("{vendor}: {word}"),
    }
}

fn records(app: &App, answer: AdvisoryAnswer) -> Vec<AdvisoryRecord> {
    let held = app.advisories.held();
    let source = |numbers: &[u16]| {
        let held = held.as_ref()?;
        held.named.sources.get(usize::from(*numbers.first()?)).map(|source| source.name.clone())
    };
    answer
        .advisories
        .into_iter()
        .zip(answer.texts)
        .map(|(facts, text)| AdvisoryRecord {
            source: source(&facts.sources).unwrap_or_default(),
            id: facts.id,
            kind: facts.kind,
            summary: facts.summary,
            details: text.details,
            published: facts.published,
            modified: facts.modified,
            withdrawn: facts.withdrawn,
            severities: facts.severities.iter().map(stated).collect(),
            fixes: Vec::new(),
            workarounds: facts.workarounds,
            references: text.references,
        })
        .collect()
}

fn affected(app: &App, findings: &[HostFinding], query: &ListQuery, clock: Clock) -> Vec<AffectedHost> {
    let fleet = app.fleet.read();
    let mut rows: Vec<AffectedHost> = findings
        .iter()
        .map(|finding| AffectedHost {
            id: finding.host.to_string(),
            name: finding.host_name.clone(),
            package: finding.component.clone(),
            version: finding.version.clone(),
            fixed_version: finding.fixed_version.clone(),
            state: finding.state,
            action: action(finding),
            due: finding.due,
            verdict: match (finding.state, &finding.exception) {
                (_, Some(_)) => Verdict::Excepted,
                (State::Affected, None) => verdict(finding.due, clock),
                _ => Verdict::NotApplicable,
            },
            exception: finding.exception.as_ref().map(|mark| mark.sentence()),
            owner: fleet.host(finding.host).and_then(|managed| managed.registration.owner.clone()),
        })
        .filter(|row| {
            super::fits(query, "state", Some(state_word(row.state)))
                && holds(query, &[&row.name, &row.package, row.owner.as_deref().unwrap_or("")])
        })
        .collect();
    let name = |row: &AffectedHost| (row.name.clone(), row.id.clone(), row.package.clone());
    match query.sort.as_str() {
        "name" => rows.sort_by_cached_key(name),
        "state" => rows.sort_by_cached_key(|row| (row.state, name(row))),
        "package" => rows.sort_by_cached_key(|row| (row.package.clone(), name(row))),
        "owner" => rows.sort_by_cached_key(|row| (row.owner.clone(), name(row))),
        _ => rows.sort_by_cached_key(|row| (row.due.is_none(), row.due, name(row))),
    }
    turned(query, rows)
}

/// Every host under one advisory or CVE that the query asks for, for exports.
///
/// # Errors
///
/// Where the advisory database is damaged.
pub fn affected_rows(app: &Shared, seen: &RoaringBitmap, id: &str, query: &ListQuery) -> Result<Vec<AffectedHost>, Refusal> {
    let answer = about(app, seen, id)?;
    Ok(affected(app, &answer.findings, query, app.clock()))
}

/// The word of a state in filters and exports.
pub fn state_word(state: State) -> &'static str {
    match state {
        State::Affected => "affected",
        State::Fixed => "fixed",
        State::NotAffected => "not-affected",
        State::Unknown => "unknown",
        State::Unsupported => "unsupported",
    }
}

/// What to do about a finding, in one line.
fn action(finding: &HostFinding) -> Action {
    let fixed = finding.fixed_version.as_deref();
    let (kind, text) = match (finding.state, finding.fix_available, fixed) {
        (State::Fixed | State::NotAffected, ..) => (ActionKind::Nothing, "nothing".to_owned()),
        (State::Unsupported, ..) => (ActionKind::Look, "move to a supported release".to_owned()),
        (State::Unknown, ..) => (ActionKind::Look, "look at it: nobody can tell".to_owned()),
        (State::Affected, Some(true), Some(version)) => (ActionKind::Update, format!("update to {version} or newer")),
        (State::Affected, Some(true), None) => (ActionKind::Update, "update".to_owned()),
        (State::Affected, Some(false), Some(version)) => (ActionKind::Enable, format!("enable a repository with {version}")),
        (State::Affected, None, Some(version)) => (ActionKind::Look, format!("fixed in {version}; its repositories are not known")),
        (State::Affected, _, None) => (ActionKind::Mitigate, "no fix exists: mitigate or accept".to_owned()),
    };
    Action { kind, text }
}
