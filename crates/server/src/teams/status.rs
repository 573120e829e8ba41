//! How an application stands **now**: what its page, its report and the agenda
//! of its next meeting say.

use super::{known, meetings_due};
use crate::api::hosts::visible;
use crate::app::App;
use crate::applications::hosts;
use crate::http::problem::Refusal;
use crate::identity::role::Scope;
use jiff::{SignedDuration, Timestamp};
use plimsoll_core::model::identifier::HostId;
use plimsoll_core::operations::status::{Point, Status};
use plimsoll_core::operations::teams::Teams;
use plimsoll_core::phases::deploy::Phase;
use plimsoll_core::phases::document::{Input, Record, decide};
use plimsoll_store::ErrorKind;
use plimsoll_store::applications::Application;
use plimsoll_core::model::exception::{Covered, Exception, ExceptionState};
use std::collections::{BTreeMap, BTreeSet};

/// How far back changes are told where nobody met yet.
const BACK: SignedDuration = SignedDuration::from_hours(90 * 24);
/// How far ahead the end of exceptions and due dates are told.
const AHEAD: SignedDuration = SignedDuration::from_hours(90 * 24);

fn day(at: Timestamp) -> String {
    at.strftime("%Y-%m-%d").to_string()
}

/// What is open on hosts, by advisory.
#[derive(Default)]
struct Work {
    due: Option<i64>,
    hosts: u64,
    own: bool,
}

/// Gathers how an application stands, of the hosts that somebody may see.
///
/// # Errors
///
/// What the store meets.
pub async fn status(app: &App, scope: &Scope, application: &Application, now: Timestamp) -> Result<Status, Refusal> {
    let clients = plimsoll_store::Scope::client(application.client);
    let teams = known(&app.store, &clients, now, Some(application.client)).await?;
    let client = app.store.clients(&clients).await?.into_iter().next().map(|client| client.name).unwrap_or_default();
    let seen = visible(app, scope);
    let mut members = hosts(app, application).await?;
    let (mut unknown, mut open, mut overdue) = (0, 0, 0);
    let mut work: BTreeMap<String, Work> = BTreeMap::new();
    let mut updates: BTreeMap<String, (u64, Option<i64>)> = BTreeMap::new();
    {
        let fleet = app.fleet.read();
        members.retain(|host| fleet.host(*host).is_some_and(|managed| seen.contains(managed.registration.number)));
        for managed in members.iter().filter_map(|host| fleet.host(*host)) {
            let Some(judged) = managed.judged.as_ref().filter(|judged| judged.known) else {
                unknown += 1;
                continue;
            };
            let mut told = BTreeSet::new();
            for one in &judged.findings {
                open += 1;
                overdue += u64::from(one.due().is_some_and(|due| due < now.as_second()));
                let line = work.entry(fleet.names.text(one.advisory).to_owned()).or_default();
                line.due = [line.due, one.due()].into_iter().flatten().min();
                line.hosts += u64::from(told.insert(&one.advisory));
            }
            for update in judged.updates.iter().flatten() {
                let line = updates.entry(format!("{} to {}", fleet.names.text(update.package), fleet.names.text(update.candidate))).or_default();
                line.0 += 1;
                line.1 = [line.1, update.due].into_iter().flatten().min();
            }
        }
    }
    let decided = app.applications.of(application.id);
    for finding in decided.iter().flat_map(|decided| &decided.findings) {
        open += 1;
        overdue += u64::from(finding.due.is_some_and(|due| due < now));
        let line = work.entry(finding.advisory.clone()).or_default();
        line.due = [line.due, finding.due.map(Timestamp::as_second)].into_iter().flatten().min();
        line.own = true;
    }
    let last = teams.last_meeting(application.id).map(|met| met.meeting.held);
    let records = records(app, &clients, &members, now).await?;
    let since = last.unwrap_or_else(|| now.checked_sub(BACK).unwrap_or(Timestamp::MIN));
    let exceptions = app.store.exceptions(&clients).await?;
    let due = work.values().filter_map(|line| line.due).min().and_then(|due| Timestamp::from_second(due).ok());
    Ok(Status {
        schema: Status::SCHEMA,
        application: application.name.clone(),
        client,
        owner: application.owner.clone(),
        team: application.team.clone(),
        stakeholders: application.stakeholders.clone(),
        as_of: now,
        hosts: members.len() as u64,
        hosts_unknown: unknown,
        open,
        overdue,
        due,
        components: application.sbom.is_some(),
        last_briefing: briefed(&teams, application),
        last_meeting: last,
        next_meeting: meetings_due(app, &teams, now).into_iter().find(|due| due.application == application.id).map(|due| due.due),
        points: vec![
            changed(&records, since),
            failed(&records, since),
            Point::new("Incidents", "No incident is recorded here.", Vec::new()),
            ending(app, &exceptions, &members, now),
            dues(work, now),
            scheduled(&records),
            pending(updates),
            actions(&teams, application, now),
        ],
    })
}

/// When those who work on it or want to know were last told anything.
fn briefed(teams: &Teams, application: &Application) -> Option<(Timestamp, String)> {
    let own = |name: &String| *name == application.team || application.stakeholders.contains(name);
    let told = teams.briefings.iter().flat_map(|held| {
        let reached = held.reached.iter().filter(|(name, _)| own(name)).flat_map(|(_, ways)| ways.values());
        reached.map(|at| (*at, format!("{} ({})", held.briefing.title, held.briefing.topic.word())))
    });
    told.max()
}

/// Rollouts with hosts of it, as the evidence log tells them, with those hosts
/// alone.
async fn records(app: &App, scope: &plimsoll_store::Scope, members: &BTreeSet<HostId>, now: Timestamp) -> Result<Vec<Record>, Refusal> {
    let from = now.checked_sub(BACK.saturating_mul(4)).unwrap_or(Timestamp::MIN);
    let mut found = Vec::new();
    for rollout in app.store.rollouts(scope).await?.into_iter().filter(|rollout| rollout.changed >= from) {
        let told = match app.store.rollout_evidence(&rollout.package).await {
            Ok(told) => told,
            Err(error) if error.kind == ErrorKind::NotFound => continue,
            Err(error) => return Err(error.into()),
        };
        if let Ok(mut record) = decide(&Input { package: &rollout.package, entries: &told.entries, seal: told.seal }) {
            record.hosts.retain(|host| members.contains(&host.host));
            if !record.hosts.is_empty() {
                found.push(record);
            }
        }
    }
    found.sort_by_key(|record| record.started);
    Ok(found)
}

fn changed(records: &[Record], since: Timestamp) -> Point {
    let line = |record: &Record| {
        let done = record.hosts.iter().filter(|host| host.phase == Phase::Succeeded).count();
        format!("{}: started {}, {done} of {} hosts have it", record.content.title, day(record.started), record.hosts.len())
    };
    let own = records.iter().rev().filter(|record| record.last >= since);
    Point::new("Past changes", "Nothing was changed by a rollout since.", own.map(line).collect())
}

fn failed(records: &[Record], since: Timestamp) -> Point {
    let own = records.iter().rev().filter(|record| record.last >= since);
    let lines = own.flat_map(|record| {
        let hosts = record.hosts.iter().filter(|host| matches!(host.phase, Phase::Failed | Phase::Silent));
        hosts.map(|host| format!("{} on {}: {}", record.content.title, host.name, if host.phase == Phase::Silent { "not heard of since" } else { "failed" }))
    });
    Point::new("Failures", "No change failed since.", lines.collect())
}

fn scheduled(records: &[Record]) -> Point {
    let line = |record: &Record| {
        let left = record.hosts.iter().filter(|host| matches!(host.phase, Phase::Waits | Phase::AtWork | Phase::Away)).count();
        (left > 0).then(|| format!("{}: {left} of {} hosts are still to get it", record.content.title, record.hosts.len()))
    };
    Point::new("Upgrades under way", "No rollout is under way on its hosts.", records.iter().rev().filter_map(line).collect())
}

fn ending(app: &App, exceptions: &[Exception], members: &BTreeSet<HostId>, now: Timestamp) -> Point {
    let until = now.checked_add(AHEAD).unwrap_or(Timestamp::MAX);
    let fleet = app.fleet.read();
    let concerns = |exception: &Exception| match &exception.hosts {
        Covered::All => !members.is_empty(),
        Covered::Hosts(hosts) => !hosts.is_disjoint(members),
        Covered::Group(group) => fleet.of_group(*group).is_some_and(|numbers| {
            numbers.iter().filter_map(|number| fleet.numbered(number)).any(|managed| members.contains(&managed.registration.id))
        }),
    };
    let own = exceptions.iter().filter(|one| one.state == ExceptionState::Approved && one.until > now && one.until <= until && concerns(one));
    let mut own: Vec<&Exception> = own.collect();
    own.sort_by_key(|one| one.until);
    let line = |one: &Exception| {
        let of: Vec<&str> = one.advisories.iter().take(3).map(String::as_str).collect();
        format!("{} ends {}; {} answers for it", of.join(", "), day(one.until), one.owner)
    };
    Point::new("Exceptions that end", "No exception ends within ninety days.", own.into_iter().map(line).collect())
}

fn dues(work: BTreeMap<String, Work>, now: Timestamp) -> Point {
    let until = now.checked_add(AHEAD).unwrap_or(Timestamp::MAX).as_second();
    let mut dated: Vec<(i64, String, Work)> = work.into_iter().filter_map(|(advisory, line)| Some((line.due?, advisory, line))).filter(|(due, ..)| *due <= until).collect();
    dated.sort_by(|one, other| (one.0, &one.1).cmp(&(other.0, &other.1)));
    let line = |(due, advisory, line): (i64, String, Work)| {
        let when = Timestamp::from_second(due).map(day).unwrap_or_default();
        let verb = if due < now.as_second() { "was due" } else { "is due" };
        match (line.hosts, line.own) {
            (0, _) => format!("{advisory} {verb} {when} in its own components"),
            (hosts, own) => format!("{advisory} {verb} {when} on {hosts} {}{}", if hosts == 1 { "host" } else { "hosts" }, if own { " and in its own components" } else { "" }),
        }
    };
    Point::new("Due patches", "Nothing is due within ninety days.", dated.into_iter().map(line).collect())
}

fn pending(updates: BTreeMap<String, (u64, Option<i64>)>) -> Point {
    let mut all: Vec<(String, u64, Option<i64>)> = updates.into_iter().map(|(name, (hosts, due))| (name, hosts, due)).collect();
    all.sort_by_key(|(name, hosts, due)| (due.is_none(), *due, std::cmp::Reverse(*hosts), name.clone()));
    let lines = all.into_iter().map(|(name, hosts, _)| format!("{name} on {hosts} {}", if hosts == 1 { "host" } else { "hosts" }));
    Point::new("Upgrades that are pending", "No update is pending on its hosts.", lines.collect())
}

fn actions(teams: &Teams, application: &Application, now: Timestamp) -> Point {
    let own = teams.meetings.iter().filter(|met| met.meeting.application == application.id);
    let mut open: Vec<(Timestamp, String)> = own
        .flat_map(|met| met.open().map(|(_, action)| (action.due, format!("{}: {}, {} {}", action.owner, action.what, if action.due < now { "was due" } else { "due" }, day(action.due)))))
        .collect();
    open.sort();
    Point::new("Open actions of earlier meetings", "None is open.", open.into_iter().map(|(_, line)| line).collect())
}
