//! What is told of **findings**: that an advisory touches hosts, that findings
//! opened and closed, that their due dates passed.

use super::super::events::{
    AdvisoryAffects, AdvisoryChange, AdvisoryOverdue, ClientNamed, Event, FindingsChanged, FindingsOverdue, HostNamed, Kind, LISTED,
    advisory_page, counted,
};
use super::{Changes, client_named};
use crate::app::{App, Shared};
use crate::fleet::State;
use crate::fleet::judged::Open;
use jiff::Timestamp;
use plimsoll_core::knowledge::Knowledge;
use plimsoll_core::model::advisory::Rating;
use plimsoll_core::model::identifier::{ClientId, HostId};
use plimsoll_core::model::problem::Problem;
use plimsoll_store::StoreError;
use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::Ordering;

/// Components that one event names.
const COMPONENTS: usize = 20;

/// What is told of findings that opened and closed under one client.
pub(super) async fn tell_findings(
    app: &Shared,
    client: ClientId,
    changes: Changes,
    now: Timestamp,
    events: &mut Vec<Event>,
    told: &mut Vec<(ClientId, String)>,
) -> Result<(), StoreError> {
    let named = client_named(app, client).await?;
    let all: Vec<String> = changes.news.keys().cloned().collect();
    let known = app.store.told(client, &all).await?;
    let judging = app.notices.judging.load(Ordering::Acquire);
    let shared = Shared::clone(app);
    let described = app
        .compute(move || {
            let mut told = Vec::new();
            let mut described = Vec::new();
            for (advisory, hosts) in changes.news.iter().filter(|(advisory, _)| !known.contains(*advisory)) {
                described.push(affects(&shared, client, &named, advisory, hosts, judging, now));
                told.push((client, advisory.clone()));
            }
            described.sort_by_cached_key(|(rating, event)| (Reverse(*rating), event.subject.clone()));
            let changed = changed(&shared.fleet.read(), named, &changes, now);
            Ok((described, told, changed))
        })
        .await;
    let (described, newly, changed) = described.map_err(died)?;
    events.extend(described.into_iter().map(|(_, event)| event));
    events.push(changed);
    told.extend(newly);
    Ok(())
}

pub(super) fn died(problem: Problem) -> StoreError {
    StoreError::unavailable("E-JUDGE", problem.place, problem.text)
}

fn affects(
    app: &App,
    client: ClientId,
    named: &ClientNamed,
    advisory: &str,
    hosts: &BTreeSet<HostId>,
    judging: bool,
    now: Timestamp,
) -> (Rating, Event) {
    let fleet = app.fleet.read();
    let name = fleet.names.find(advisory);
    let card = name.and_then(|name| fleet.card(name)).cloned().unwrap_or_default();
    let (mut fix_available, mut due) = (0, None::<i64>);
    let mut components = BTreeSet::new();
    let mut listed: Vec<HostNamed> = Vec::new();
    for id in hosts {
        let Some(managed) = fleet.host(*id) else { continue };
        listed.push(HostNamed::new(*id, managed.registration.name.as_str()));
        let (Some(judged), Some(name)) = (&managed.judged, name) else { continue };
        let start = judged.findings.partition_point(|open| open.advisory < name);
        let own = judged.findings.iter().skip(start).take_while(|open| open.advisory == name);
        let mut fixed = false;
        for open in own {
            fixed |= open.fix == Some(true);
            due = due.into_iter().chain(open.due()).min();
            if components.len() < COMPONENTS {
                components.insert(fleet.names.text(open.component).to_owned());
            }
        }
        fix_available += u64::from(fixed);
    }
    listed.sort_by(|a, b| a.name.cmp(&b.name));
    listed.truncate(LISTED);
    let hosts_by_version = by_version(app, &fleet, client, advisory);
    drop(fleet);
    let data = AdvisoryAffects {
        advisory: advisory.to_owned(),
        aliases: card.aliases,
        summary: card.summary,
        severity: card.rating.as_str().to_owned(),
        exploited: card.exploited,
        hosts: hosts.len() as u64,
        fix_available,
        hosts_by_version,
        judging,
        listed,
        components: components.into_iter().collect(),
        due: due.and_then(|due| Timestamp::from_second(due).ok()),
    };
    let exploited = if data.exploited { ", known to be exploited" } else { "" };
    let text = format!("{advisory} ({}{exploited}) affects {}", data.severity, counted(data.hosts, "host", "hosts"));
    let mut event = Event::new(Kind::AdvisoryAffects, Some(named.clone()), now, text, advisory_page(advisory), &data);
    event.critical = data.exploited || card.rating == Rating::Critical;
    (card.rating, event.about(advisory))
}

/// Hosts of a client whose installed versions an advisory names.
fn by_version(app: &App, fleet: &State, client: ClientId, advisory: &str) -> Option<u64> {
    let held = app.advisories.held()?;
    let mut hosts = roaring::RoaringBitmap::new();
    for number in held.database.advisories_named(advisory).ok()? {
        hosts |= fleet.index.affected(&held.database, number).ok()?;
    }
    Some(fleet.of_client(client).map_or(0, |own| own.intersection_len(&hosts)))
}

fn rating(fleet: &State, advisory: &str) -> Rating {
    fleet.names.find(advisory).and_then(|name| fleet.card(name)).map(|card| card.rating).unwrap_or_default()
}

fn changed(fleet: &State, client: ClientNamed, changes: &Changes, now: Timestamp) -> Event {
    let names: BTreeSet<&String> = changes.opened.keys().chain(changes.closed.keys()).collect();
    let mut rows: Vec<(Rating, AdvisoryChange)> = names
        .into_iter()
        .map(|advisory| {
            let rating = rating(fleet, advisory);
            let opened = changes.opened.get(advisory).map_or(0, |(_, number)| *number);
            let closed = changes.closed.get(advisory).copied().unwrap_or(0);
            (rating, AdvisoryChange { advisory: advisory.clone(), severity: rating.as_str().to_owned(), opened, closed })
        })
        .collect();
    rows.sort_by(|(a, left), (b, right)| b.cmp(a).then_with(|| left.advisory.cmp(&right.advisory)));
    let advisories = rows.len() as u64;
    let data = FindingsChanged {
        opened: changes.opened.values().map(|(_, number)| number).sum(),
        closed: changes.closed.values().sum(),
        hosts: changes.hosts.len() as u64,
        advisories,
        listed: rows.into_iter().take(LISTED).map(|(_, row)| row).collect(),
    };
    let hosts = counted(data.hosts, "host", "hosts");
    let text = format!("{} opened, {} closed on {hosts}", counted(data.opened, "finding", "findings"), data.closed);
    Event::new(Kind::FindingsChanged, Some(client), now, text, "/console/findings".to_owned(), &data)
}

/// Tells of findings whose due date has passed since the last look.
pub(super) async fn tell_overdue(app: &Shared, since: Timestamp, now: Timestamp, events: &mut Vec<Event>) -> Result<(), StoreError> {
    type Late = BTreeMap<ClientId, (u64, BTreeSet<HostId>, BTreeMap<String, u64>)>;
    let shared = Shared::clone(app);
    let found = app.compute(move || {
        let fleet = shared.fleet.read();
        let (from, to) = (since.as_second(), now.as_second());
        let mut late = Late::new();
        for managed in fleet.hosts() {
            let Some(judged) = managed.judged.as_ref().filter(|_| managed.counts.overdue > 0 || managed.counts.next_due.is_some()) else { continue };
            let mut last = None;
            // Of an exception that ends an alert tells.
            let late_now = |open: &&Open| open.due().is_some_and(|due| (from..to).contains(&due)) && fleet.exception(managed, open, now).is_none();
            for open in judged.findings.iter().filter(late_now) {
                let (findings, hosts, advisories) = late.entry(managed.registration.client).or_default();
                *findings += 1;
                hosts.insert(managed.registration.id);
                // Findings are in the order of advisories.
                if last != Some(open.advisory) {
                    *advisories.entry(fleet.names.text(open.advisory).to_owned()).or_default() += 1;
                    last = Some(open.advisory);
                }
            }
        }
        let rated = |rows: BTreeMap<String, u64>| {
            let mut rows: Vec<_> = rows.into_iter().map(|(advisory, hosts)| (rating(&fleet, &advisory), advisory, hosts)).collect();
            rows.sort_by(|a, b| b.0.cmp(&a.0).then_with(|| a.1.cmp(&b.1)));
            rows
        };
        Ok(late.into_iter().map(|(client, (findings, hosts, rows))| (client, findings, hosts.len() as u64, rated(rows))).collect::<Vec<_>>())
    });
    for (client, findings, hosts, rows) in found.await.map_err(died)? {
        let advisories = rows.len() as u64;
        let listed = rows
            .into_iter()
            .take(LISTED)
            .map(|(rating, advisory, hosts)| AdvisoryOverdue { advisory, severity: rating.as_str().to_owned(), hosts })
            .collect();
        let data = FindingsOverdue { findings, hosts, advisories, listed };
        let text = format!("{} overdue since now, on {}", counted(findings, "finding is", "findings are"), counted(hosts, "host", "hosts"));
        let client = client_named(app, client).await?;
        events.push(Event::new(Kind::FindingsOverdue, Some(client), now, text, "/console/findings?due=overdue".to_owned(), &data));
    }
    Ok(())
}
