//! Applications: the list and one application's status.

use super::super::query::ListQuery;
use super::super::views::{ApplicationBill, ApplicationEdit, ApplicationFinding, ApplicationPage, ApplicationRow, Applications, Choice, Condition};
use super::hosts::hosts_rows;
use super::{condition, facet, fits, holds, instant, page, turned, verdict};
use crate::api::stored;
use crate::app::{App, Shared};
use crate::applications::hosts;
use crate::console::lists;
use crate::fleet::question::Clock;
use crate::http::gate::Allowed;
use crate::http::problem::Refusal;
use crate::identity::role::Permission;
use crate::teams::status::status;
use plimsoll_core::model::finding::Finding;
use plimsoll_store::applications::Application;
use roaring::RoaringBitmap;

/// Findings on an application's page.
const FINDINGS: usize = 500;
/// Hosts on an application's page; the page of its group has all of them.
const HOSTS: usize = 200;

fn some(text: &str) -> Option<String> {
    (!text.is_empty()).then(|| text.to_owned())
}

/// How an application's own components stand, in one word; clear without an
/// SBOM, because nothing is claimed of them then.
fn own_condition(app: &App, application: &Application, clock: Clock) -> Condition {
    let Some(decided) = app.applications.of(application.id) else {
        return if application.sbom.is_some() { Condition::Unknown } else { Condition::Clear };
    };
    let counts = decided.counts(clock.now);
    match counts.findings {
        _ if counts.overdue > 0 => Condition::Overdue,
        _ if counts.due_soon > 0 => Condition::DueSoon,
        None => Condition::Unknown,
        _ if counts.evaluated < counts.components => Condition::Unknown,
        Some(0) => Condition::Clear,
        Some(_) => Condition::InTime,
    }
}

/// Numbers of the hosts that an application runs on and that are seen.
async fn members(app: &Shared, application: &Application, seen: &RoaringBitmap) -> Result<RoaringBitmap, Refusal> {
    let ids = hosts(app, application).await?;
    let fleet = app.fleet.read();
    let numbers: RoaringBitmap = ids.iter().filter_map(|id| fleet.host(*id)).map(|managed| managed.registration.number).collect();
    Ok(numbers & seen)
}

fn row(app: &App, application: &Application, members: &RoaringBitmap, clock: Clock) -> ApplicationRow {
    let decided = app.applications.of(application.id);
    let counts = decided.as_ref().map(|decided| decided.counts(clock.now));
    let own = counts.as_ref().and_then(|counts| counts.findings.map(u64::from));
    let mut row = ApplicationRow {
        id: application.id.to_string(),
        name: application.name.clone(),
        owner: some(&application.owner),
        team: some(&application.team),
        hosts: members.len(),
        components: counts.as_ref().map(|counts| u64::from(counts.components)),
        findings: own,
        overdue: own.and(counts).map(|counts| u64::from(counts.overdue)),
        due: decided.as_ref().and_then(|decided| decided.due()).and_then(instant),
        condition: own_condition(app, application, clock),
    };
    if members.is_empty() && application.sbom.is_none() {
        row.condition = Condition::Unknown;
    }
    let fleet = app.fleet.read();
    for managed in members.iter().filter_map(|number| fleet.numbered(number)) {
        row.condition = row.condition.min(condition(managed, clock));
        // A host that was never judged adds nothing, and is no nothing either.
        let Some(findings) = managed.counts.findings else { continue };
        row.findings = Some(row.findings.unwrap_or(0) + u64::from(findings));
        row.overdue = Some(row.overdue.unwrap_or(0) + u64::from(managed.counts.overdue));
        let due = managed.judged.iter().flat_map(|judged| &judged.findings).filter_map(|open| open.due()).min().and_then(instant);
        row.due = match (row.due, due) {
            (Some(a), Some(b)) => Some(a.min(b)),
            (a, b) => a.or(b),
        };
    }
    row
}

/// Every row of the list, for exports: of all that are seen, and those asked
/// for in the order asked.
///
/// # Errors
///
/// What the store meets.
pub async fn applications_rows(app: &Shared, allowed: &Allowed, seen: &RoaringBitmap, query: &ListQuery) -> Result<(Vec<ApplicationRow>, Vec<ApplicationRow>), Refusal> {
    let clock = app.clock();
    let mut all = Vec::new();
    for application in app.store.applications(&stored(&allowed.scope)).await? {
        let members = members(app, &application, seen).await?;
        all.push(row(app, &application, &members, clock));
    }
    let wanted = |row: &&ApplicationRow| {
        fits(query, "condition", Some(row.condition.word()))
            && fits(query, "team", row.team.as_deref())
            && fits(query, "owner", row.owner.as_deref())
            && holds(query, &[&row.name, row.team.as_deref().unwrap_or(""), row.owner.as_deref().unwrap_or("")])
    };
    let mut rows: Vec<ApplicationRow> = all.iter().filter(wanted).cloned().collect();
    let name = |row: &ApplicationRow| (row.name.clone(), row.id.clone());
    match query.sort.as_str() {
        "condition" => rows.sort_by_cached_key(|row| (row.condition, name(row))),
        "due" => rows.sort_by_cached_key(|row| (row.due.is_none(), row.due, name(row))),
        "overdue" => rows.sort_by_cached_key(|row| (row.overdue, name(row))),
        "findings" => rows.sort_by_cached_key(|row| (row.findings, name(row))),
        "hosts" => rows.sort_by_cached_key(|row| (row.hosts, name(row))),
        "components" => rows.sort_by_cached_key(|row| (row.components, name(row))),
        "team" => rows.sort_by_cached_key(|row| (row.team.clone(), name(row))),
        "owner" => rows.sort_by_cached_key(|row| (row.owner.clone(), name(row))),
        _ => rows.sort_by_cached_key(name),
    }
    Ok((all, turned(query, rows)))
}

/// Fills the list of applications.
///
/// # Errors
///
/// What the store meets.
pub async fn applications(app: &Shared, allowed: &Allowed, seen: &RoaringBitmap, query: ListQuery) -> Result<Applications, Refusal> {
    let (all, rows) = applications_rows(app, allowed, seen, &query).await?;
    let facets = vec![facet("team", all.iter().map(|row| row.team.as_deref())), facet("owner", all.iter().map(|row| row.owner.as_deref()))];
    let edit = stored(&allowed.principal.scope(Permission::EditApplications));
    let clients = app.store.clients(&edit).await?.into_iter();
    Ok(Applications {
        list: page(query, rows, facets),
        clients: clients.map(|client| Choice { value: client.id.to_string(), text: client.name, count: None }).collect(),
    })
}

fn finding(finding: &Finding, clock: Clock) -> ApplicationFinding {
    ApplicationFinding {
        advisory: finding.advisory.clone(),
        summary: finding.summary.clone(),
        component: finding.component.name.clone(),
        version: finding.component.version.clone(),
        fixed: finding.fixed_version.clone(),
        state: finding.state,
        rating: finding.severity.rating,
        exploited: finding.kev.is_some(),
        due: finding.due,
        verdict: verdict(finding.due, clock),
    }
}

/// Fills one application's status page.
///
/// # Errors
///
/// What the store meets.
pub async fn application(app: &Shared, allowed: &Allowed, seen: &RoaringBitmap, application: Application) -> Result<ApplicationPage, Refusal> {
    let clock = app.clock();
    let status = status(app, &allowed.principal.scope(Permission::ReadFleet), &application, clock.now).await?;
    let members = members(app, &application, seen).await?;
    let mut hosts = hosts_rows(app, &members, &ListQuery::read(&lists::HOSTS, lists::HOSTS.path, "")).await?;
    let decided = app.applications.of(application.id);
    let groups = app.store.groups(&stored(&allowed.scope)).await?;
    let group = application.group.and_then(|id| groups.iter().find(|group| group.id == id));
    let may = allowed.principal.scope(Permission::EditApplications).holds(application.client);
    let own = groups.iter().filter(|group| group.client.is_none_or(|client| client == application.client));
    let mut names: Vec<&str> = hosts.iter().filter(|_| application.group.is_none()).map(|host| host.name.as_str()).collect();
    names.sort_unstable();
    let named = names.join("\n");
    hosts.truncate(HOSTS);
    let edit = may.then(|| ApplicationEdit {
        named,
        groups: own.map(|group| Choice { value: group.id.to_string(), text: group.name.clone(), count: None }).collect(),
    });
    Ok(ApplicationPage {
        row: row(app, &application, &members, clock),
        group: group.map(|group| (group.id.to_string(), group.name.clone())),
        note: application.note,
        stakeholders: application.stakeholders,
        findings: decided.iter().flat_map(|decided| &decided.findings).take(FINDINGS).map(|one| finding(one, clock)).collect(),
        findings_total: decided.as_ref().map_or(0, |decided| decided.findings.len() as u64),
        bill: decided.map(|decided| ApplicationBill {
            format: decided.format.clone(),
            digest: decided.sbom.clone(),
            judged: decided.database.is_some(),
            coverage: decided.coverage.clone(),
            problems: decided.problems.clone(),
        }),
        status,
        hosts_more: members.len().saturating_sub(HOSTS as u64),
        hosts,
        edit,
    })
}
