//! Hosts: the list, one host, two side by side, groups.

use super::super::query::ListQuery;
use super::super::views::{
    Choice, Compare, Condition, Difference, ExposurePicture, GroupPage, GroupRow, Groups, HostBrief, HostException, HostMitigation, HostPage, HostRow, HostScanner, HostsPage, Listing, Newer, StoryEvent, StoryKind, TallyRow,
};
use super::{condition, cut, facet, fits, holds, instant};
use crate::api::hosts::explain;
use crate::api::stored;
use crate::app::{App, Shared};
use crate::exposure;
use crate::fleet::judged::Counts;
use crate::fleet::{Managed, State};
use crate::fleet::filter::{Field, Filter};
use crate::fleet::question::{Clock, Standing};
use crate::http::gate::Allowed;
use crate::http::problem::Refusal;
use crate::identity::role::{Permission, Scope};
use crate::phases::evaluate;
use plimsoll_core::model::component::Component;
use plimsoll_core::model::identifier::GroupId;
use plimsoll_core::model::registration::{HostState, Registration};
use plimsoll_store::groups::Group;
use plimsoll_store::transitions::{FindingKey, Transition};
use plimsoll_version::compare as compare_versions;
use roaring::RoaringBitmap;
use std::cmp::Ordering;
use std::collections::{BTreeMap, BTreeSet};

/// Findings on a host's page; a forgotten host has thousands.
const FINDINGS: usize = 500;
/// Moments of a host's story.
const STORY: usize = 50;

fn row(managed: &Managed, groups: &BTreeMap<u32, Vec<String>>, clock: Clock) -> HostRow {
    let (host, counts, judged) = (&managed.registration, &managed.counts, managed.judged.as_deref());
    HostRow {
        id: host.id.to_string(),
        name: host.name.clone(),
        state: host.state,
        source: host.source,
        condition: condition(managed, clock),
        os: judged.map(|judged| judged.system.clone()).filter(|system| !system.is_empty()),
        groups: groups.get(&host.number).cloned().unwrap_or_default(),
        tier: host.tier.clone(),
        exposure: host.exposure,
        environment: host.environment.clone(),
        owner: host.owner.clone(),
        last_seen: managed.last_seen(),
        silent: managed.standing(clock) == Standing::Silent,
        flag: host.flag.clone(),
        updates: counts.updates.map(u64::from),
        security_updates: counts.security_updates.map(u64::from),
        findings: counts.findings.map(u64::from),
        overdue: counts.findings.map(|_| u64::from(counts.overdue)),
        due: judged.and_then(|judged| judged.findings.iter().filter_map(|open| open.due()).min()).and_then(instant),
        reboot: judged.and_then(|judged| judged.reboot),
        coverage: (u64::from(counts.evaluated) * 100).checked_div(u64::from(counts.components)),
    }
}

/// Groups with their names, by a host's number.
async fn memberships(app: &Shared) -> Result<(Vec<plimsoll_store::groups::Group>, BTreeMap<u32, Vec<String>>), Refusal> {
    let groups = app.store.groups(&plimsoll_store::Scope::All).await?;
    let fleet = app.fleet.read();
    let mut by: BTreeMap<u32, Vec<String>> = BTreeMap::new();
    for group in &groups {
        for number in fleet.of_group(group.id).into_iter().flatten() {
            by.entry(number).or_default().push(group.name.clone());
        }
    }
    Ok((groups, by))
}

/// What the list is narrowed by, in the language of the fleet.
fn filter(query: &ListQuery) -> Filter {
    let fields = [
        ("os", Field::Os),
        ("environment", Field::Environment),
        ("tier", Field::Tier),
        ("exposure", Field::Exposure),
        ("owner", Field::Owner),
    ];
    let set = fields.into_iter().filter(|(key, _)| !query.has(key, ""));
    set.fold(Filter::default(), |filter, (key, field)| filter.and_is(field, query.filter(key)))
}

/// A host of the list, of which nothing is written yet: a page shows fifty of a
/// hundred thousand.
struct Line<'a> {
    managed: &'a Managed,
    condition: Condition,
    due: Option<i64>,
    groups: &'a [String],
}

impl<'a> Line<'a> {
    fn of(managed: &'a Managed, groups: &'a BTreeMap<u32, Vec<String>>, clock: Clock) -> Self {
        let due = managed.judged.as_ref().and_then(|judged| judged.findings.iter().filter_map(|open| open.due()).min());
        let groups = groups.get(&managed.registration.number).map_or(&[][..], Vec::as_slice);
        Self { managed, condition: condition(managed, clock), due, groups }
    }

    fn os(&self) -> Option<&'a str> {
        self.managed.judged.as_deref().map(|judged| judged.system.as_str()).filter(|system| !system.is_empty())
    }

    /// What only the page itself can tell of it.
    fn wanted(&self, query: &ListQuery, clock: Clock) -> bool {
        let host = &self.managed.registration;
        let is = match query.filter("is") {
            "silent" => self.managed.standing(clock) == Standing::Silent,
            "flagged" => host.flag.is_some(),
            "reboot" => self.managed.judged.as_ref().and_then(|judged| judged.reboot) == Some(true),
            _ => true,
        };
        let group = query.filter("group");
        let in_group = group.is_empty() || self.groups.iter().any(|name| name == group);
        let state = query.filter("state");
        let in_state = if state.is_empty() { host.state != HostState::Retired } else { host.state.word() == state };
        is && in_group
            && in_state
            && fits(query, "condition", Some(self.condition.word()))
            && holds(query, &[&host.name, host.owner.as_deref().unwrap_or(""), self.os().unwrap_or("")])
    }

    fn compare(&self, other: &Self, sort: &str) -> Ordering {
        let (a, b) = (&self.managed.counts, &other.managed.counts);
        let (one, two) = (&self.managed.registration, &other.managed.registration);
        let due = |line: &Self| (line.due.is_none(), line.due);
        let coverage = |counts: &Counts| (u64::from(counts.evaluated) * 100).checked_div(u64::from(counts.components));
        let overdue = |counts: &Counts| counts.findings.map(|_| counts.overdue);
        let ordered = match sort {
            "os" => self.os().cmp(&other.os()),
            "due" => due(self).cmp(&due(other)),
            "overdue" => overdue(a).cmp(&overdue(b)),
            "findings" => a.findings.cmp(&b.findings),
            "updates" => a.updates.cmp(&b.updates),
            "coverage" => coverage(a).cmp(&coverage(b)),
            "seen" => self.managed.last_seen().cmp(&other.managed.last_seen()),
            "owner" => one.owner.cmp(&two.owner),
            "name" => Ordering::Equal,
            _ => (self.condition, due(self)).cmp(&(other.condition, due(other))),
        };
        ordered.then_with(|| one.name.cmp(&two.name)).then_with(|| one.id.cmp(&two.id))
    }
}

/// Lines that a query asks for, in no order, and all of them.
fn lines<'a>(fleet: &'a State, seen: &RoaringBitmap, groups: &'a BTreeMap<u32, Vec<String>>, query: &ListQuery, clock: Clock) -> (Vec<Line<'a>>, Vec<Line<'a>>) {
    let filter = filter(query);
    let line = |number| fleet.numbered(number).map(|managed| Line::of(managed, groups, clock));
    let all: Vec<Line<'a>> = seen.iter().filter_map(line).collect();
    let wanted = all.iter().filter(|line| filter.holds(line.managed, clock) == Some(true) && line.wanted(query, clock));
    let wanted = wanted.map(|line| Line { ..*line }).collect();
    (all, wanted)
}

/// The order that a query asks for.
fn order(query: &ListQuery) -> impl Fn(&Line<'_>, &Line<'_>) -> Ordering + use<> {
    let (sort, descending) = (query.sort.clone(), query.descending);
    move |one, other| {
        let ordered = one.compare(other, &sort);
        if descending { ordered.reverse() } else { ordered }
    }
}

/// Every row of the list that a query asks for, in the order asked, for
/// exports.
///
/// # Errors
///
/// What the store meets.
pub async fn hosts_rows(app: &Shared, seen: &RoaringBitmap, query: &ListQuery) -> Result<Vec<HostRow>, Refusal> {
    let (_, groups) = memberships(app).await?;
    let clock = app.clock();
    let fleet = app.fleet.read();
    let (_, mut wanted) = lines(&fleet, seen, &groups, query, clock);
    wanted.sort_by(order(query));
    Ok(wanted.into_iter().map(|line| row(line.managed, &groups, clock)).collect())
}

/// Fills the list of hosts.
///
/// # Errors
///
/// What the store meets.
pub async fn hosts(app: &Shared, seen: &RoaringBitmap, query: ListQuery) -> Result<HostsPage, Refusal> {
    let (_, groups) = memberships(app).await?;
    let clock = app.clock();
    let fleet = app.fleet.read();
    let (all, wanted) = lines(&fleet, seen, &groups, &query, clock);
    let facets = vec![
        facet("group", all.iter().flat_map(|line| line.groups.iter().map(|name| Some(name.as_str())))),
        facet("os", all.iter().map(Line::os)),
        facet("environment", all.iter().map(|line| line.managed.registration.environment.as_deref())),
        facet("tier", all.iter().map(|line| line.managed.registration.tier.as_deref())),
        facet("owner", all.iter().map(|line| line.managed.registration.owner.as_deref())),
    ];
    let hosts = all.iter().filter(|line| line.managed.registration.state != HostState::Retired).count() as u64;
    let tally = query.by.map(|by| tally(by, &wanted));
    let order = order(&query);
    let list = cut(query, wanted, facets, order, |line| row(line.managed, &groups, clock));
    Ok(HostsPage { list, tally, hosts })
}

fn tally(by: &str, lines: &[Line<'_>]) -> Vec<TallyRow> {
    let mut tallies: BTreeMap<&str, TallyRow> = BTreeMap::new();
    for line in lines {
        let host = &line.managed.registration;
        let values: Vec<&str> = match by {
            "group" if line.groups.is_empty() => vec![""],
            "group" => line.groups.iter().map(String::as_str).collect(),
            "os" => vec![line.os().unwrap_or_default()],
            "environment" => vec![host.environment.as_deref().unwrap_or_default()],
            "tier" => vec![host.tier.as_deref().unwrap_or_default()],
            "exposure" => vec![host.exposure.map_or("", |exposure| exposure.as_str())],
            _ => vec![host.owner.as_deref().unwrap_or_default()],
        };
        for value in values {
            let new = || TallyRow { value: value.to_owned(), hosts: 0, overdue: 0, due_soon: 0, unknown: 0, findings: 0 };
            let tally = tallies.entry(value).or_insert_with(new);
            tally.hosts += 1;
            tally.overdue += u64::from(line.condition == Condition::Overdue);
            tally.due_soon += u64::from(line.condition == Condition::DueSoon);
            tally.unknown += u64::from(line.condition == Condition::Unknown);
            tally.findings += line.managed.counts.findings.map_or(0, u64::from);
        }
    }
    let mut rows: Vec<TallyRow> = tallies.into_values().collect();
    rows.sort_by(|a, b| (b.overdue, b.hosts, &a.value).cmp(&(a.overdue, a.hosts, &b.value)));
    rows
}

/// Fills one host's page.
///
/// # Errors
///
/// What the store or the advisory database meets.
pub async fn host(app: &Shared, allowed: &Allowed, registration: &Registration) -> Result<HostPage, Refusal> {
    let (_, groups) = memberships(app).await?;
    let clock = app.clock();
    let (row, exceptions) = {
        let fleet = app.fleet.read();
        let managed = fleet.host(registration.id).ok_or_else(|| crate::api::missing("host", &registration.name))?;
        let excepted = fleet.excepted(managed, clock.now).into_iter();
        let exceptions =
            excepted.map(|one| HostException { text: one.exception.sentence(), advisory: one.advisory, component: one.component });
        (row(managed, &groups, clock), exceptions.collect())
    };
    let applications = crate::applications::on(app, registration.id, &stored(&allowed.scope)).await?;
    let mitigations = mitigations(app, allowed, registration).await?;
    let triage = super::triage::of_host(app, allowed, registration.id).await?;
    let scanners = scanners(app, registration).await?;
    let mut scan = explain(app, registration, false).await?;
    let machine = app.store.machine(registration.id).await?;
    let mut history = app.store.transitions(registration.id).await?;
    history.reverse();
    let goes_on = history.len() > STORY;
    history.truncate(STORY);
    let mut findings = scan.as_mut().map(|scan| std::mem::take(&mut scan.findings)).unwrap_or_default();
    let total = findings.len() as u64;
    findings.truncate(FINDINGS);
    let facts = scan.as_ref().map(|scan| scan.host.clone()).unwrap_or_default();
    Ok(HostPage {
        row,
        labels: registration.labels.clone(),
        enrolled: registration.enrolled,
        reported: registration.reported,
        report: registration.report.clone(),
        key: registration.public_key.clone(),
        agent: machine.agent,
        os: facts.os,
        kernel: facts.kernel,
        reboot: facts.reboot,
        hardware: facts.hardware,
        repositories: facts.repositories,
        coverage: scan.as_ref().map(|scan| scan.coverage.clone()).unwrap_or_default(),
        findings,
        findings_total: total,
        exceptions,
        mitigations,
        triage,
        scanners,
        updates: scan.as_mut().and_then(|scan| {
            let held = std::mem::take(&mut scan.held_updates);
            scan.updates.take().map(|updates| updates.into_iter().chain(held).collect())
        }),
        problems: scan.map(|scan| scan.problems).unwrap_or_default(),
        story: history.iter().flat_map(story).collect(),
        story_goes_on: goes_on,
        applications: applications.into_iter().map(|one| (one.id.to_string(), one.name)).collect(),
        exposure: ExposurePicture::of(exposure::of_host(app, registration.id, exposure::SHOWN).await),
    })
}

/// The newest result of each outside scanner.
async fn scanners(app: &Shared, registration: &Registration) -> Result<Vec<HostScanner>, Refusal> {
    let readings = app.store.scanner_readings(registration.id).await?;
    let shown = readings.into_iter().map(|(result, _)| HostScanner {
        name: format!("{} {}", result.scanner.name(), result.version.unwrap_or_default()).trim_end().to_owned(),
        moment: result.moment,
        database: result.database,
        there: result.there,
        digest: result.digest,
    });
    Ok(shown.collect())
}

/// Mitigations in place on a host.
async fn mitigations(app: &Shared, allowed: &Allowed, registration: &Registration) -> Result<Vec<HostMitigation>, Refusal> {
    let mut found = app.store.mitigations(&stored(&allowed.scope)).await?;
    found.retain(|mitigation| mitigation.hosts.get(&registration.id) == Some(&None));
    let shown = found.into_iter().map(|mitigation| HostMitigation {
        to_remove: crate::mitigations::closed(app, &mitigation).contains(&registration.id),
        id: mitigation.id.to_string(),
        advisories: mitigation.advisories.into_iter().collect(),
        done: mitigation.done,
    });
    Ok(shown.collect())
}

/// What came and went at one moment, as sentences: each thing for a few, a
/// count for many.
fn story(moment: &Transition) -> Vec<StoryEvent> {
    const NAMED: usize = 5;
    let at = moment.at;
    let events = |kind: StoryKind, keys: &[FindingKey], word: &str| -> Vec<StoryEvent> {
        let findings: Vec<&FindingKey> = keys.iter().filter(|key| key.advisory != "update").collect();
        if findings.len() > NAMED {
            return vec![StoryEvent { at, kind, text: format!("{} findings {word}", findings.len()), actor: None, link: None }];
        }
        let one = |key: &FindingKey| {
            let package = key.component.split(' ').next().and_then(|purl| purl.rsplit('/').next()).unwrap_or_default();
            StoryEvent {
                at,
                kind,
                text: format!("{} in {package}", key.advisory),
                actor: None,
                link: Some(format!("/console/advisories/{}", super::super::query::segment(&key.advisory))),
            }
        };
        findings.into_iter().map(one).collect()
    };
    let mut out = events(StoryKind::Closed, &moment.closed, "closed");
    out.extend(events(StoryKind::Opened, &moment.opened, "opened"));
    out
}

async fn components(app: &Shared, registration: &Registration) -> Result<Vec<Component>, Refusal> {
    let Some(digest) = &registration.report else { return Ok(Vec::new()) };
    Ok(evaluate::stored_report(app, registration.client, digest).await?.components)
}

/// Fills the comparison of two hosts.
///
/// # Errors
///
/// What the store meets.
pub async fn compare(app: &Shared, seen: &RoaringBitmap, pair: [Option<Registration>; 2]) -> Result<Compare, Refusal> {
    let clock = app.clock();
    let choices = {
        let fleet = app.fleet.read();
        let mut choices: Vec<_> = seen
            .iter()
            .filter_map(|number| fleet.numbered(number))
            .filter(|managed| managed.registration.report.is_some() && managed.registration.state == HostState::Active)
            .map(|managed| Choice {
                value: managed.registration.id.to_string(),
                text: managed.registration.name.clone(),
                count: None,
            })
            .collect();
        choices.sort_by(|a, b| a.text.cmp(&b.text));
        choices.truncate(1000);
        choices
    };
    let brief = |registration: &Option<Registration>, packages: usize| {
        let fleet = app.fleet.read();
        let managed = fleet.host(registration.as_ref()?.id)?;
        Some(HostBrief {
            id: managed.registration.id.to_string(),
            name: managed.registration.name.clone(),
            os: managed.judged.as_ref().map(|judged| judged.system.clone()).filter(|system| !system.is_empty()),
            packages: packages as u64,
            reported: managed.registration.reported,
            condition: condition(managed, clock),
        })
    };
    let mut sides = Vec::new();
    for registration in &pair {
        sides.push(match registration {
            Some(registration) => components(app, registration).await?,
            None => Vec::new(),
        });
    }
    let mut out = Compare {
        choices,
        left: brief(&pair[0], sides[0].len()),
        right: brief(&pair[1], sides[1].len()),
        only_left: Vec::new(),
        only_right: Vec::new(),
        differ: Vec::new(),
        same: 0,
    };
    if out.left.is_some() && out.right.is_some() {
        differences(&sides[0], &sides[1], &mut out);
    }
    Ok(out)
}

fn differences(left: &[Component], right: &[Component], out: &mut Compare) {
    type Named<'a> = BTreeMap<(&'a str, &'a str, &'a str), &'a Component>;
    // Kernels of several releases stand side by side under names of their own;
    // what is installed twice under one name differs by its place.
    fn by_name(components: &[Component]) -> Named<'_> {
        fn key(one: &Component) -> (&str, &str, &str) {
            (one.name.as_str(), one.arch.as_deref().unwrap_or(""), one.locations.first().map_or("", String::as_str))
        }
        components.iter().map(|one| (key(one), one)).collect()
    }
    let (lefts, rights) = (by_name(left), by_name(right));
    let keys: BTreeSet<_> = lefts.keys().chain(rights.keys()).copied().collect();
    for key in keys {
        match (lefts.get(&key), rights.get(&key)) {
            (Some(one), None) => out.only_left.push((one.name.clone(), one.version.clone())),
            (None, Some(one)) => out.only_right.push((one.name.clone(), one.version.clone())),
            (Some(one), Some(other)) if one.version != other.version => out.differ.push(difference((*one).clone(), (*other).clone())),
            _ => out.same += 1,
        }
    }
}

fn difference(left: Component, right: Component) -> Difference {
    let scheme = left.stream.as_ref().and_then(|stream| stream.scheme());
    let newer = match scheme.and_then(|scheme| compare_versions(scheme, &left.version, &right.version).ok()) {
        Some(Ordering::Greater) => Newer::Left,
        Some(Ordering::Less) => Newer::Right,
        _ => Newer::CannotTell,
    };
    Difference { name: left.name, left: left.version, right: right.version, newer }
}

/// Fills the list of groups.
///
/// # Errors
///
/// What the store meets.
pub async fn groups(app: &Shared, allowed: &Allowed, seen: &RoaringBitmap) -> Result<Groups, Refusal> {
    let groups = app.store.groups(&stored(&allowed.scope)).await?;
    let clock = app.clock();
    let edit = stored(&allowed.principal.scope(Permission::EditGroups));
    let clients = app.store.clients(&edit).await?.into_iter();
    Ok(Groups {
        rows: groups.into_iter().map(|group| group_row(app, seen, group.id, group.name, group.query, clock)).collect(),
        clients: clients.map(|client| Choice { value: client.id.to_string(), text: client.name, count: None }).collect(),
    })
}

/// Hosts of a group that are seen.
pub fn group_hosts(app: &App, group: GroupId, seen: &RoaringBitmap) -> RoaringBitmap {
    app.fleet.read().of_group(group).map(|members| members & seen).unwrap_or_default()
}

/// Fills the page of one group.
///
/// # Errors
///
/// What the store meets.
pub async fn group(app: &Shared, allowed: &Allowed, seen: &RoaringBitmap, group: Group, query: ListQuery) -> Result<GroupPage, Refusal> {
    let members = group_hosts(app, group.id, seen);
    let listed = hosts(app, &members, query).await?.list;
    let edit = allowed.principal.scope(Permission::EditGroups);
    let client = match group.client {
        Some(client) => Some(app.store.client(client).await?.name),
        None => None,
    };
    let names = || {
        let fleet = app.fleet.read();
        let mut names: Vec<&str> = members.iter().filter_map(|number| fleet.numbered(number)).map(|managed| managed.registration.name.as_str()).collect();
        names.sort_unstable();
        names.join("\n")
    };
    Ok(GroupPage {
        changes: group.client.map_or(edit == Scope::Everything, |client| edit.holds(client)),
        named: group.query.is_empty().then(names),
        client,
        note: group.note,
        row: group_row(app, seen, group.id, group.name, group.query, app.clock()),
        hosts: Listing { facets: Vec::new(), ..listed },
    })
}

fn group_row(app: &App, seen: &RoaringBitmap, id: GroupId, name: String, query: String, clock: Clock) -> GroupRow {
    let fleet = app.fleet.read();
    let members = fleet.of_group(id).map(|members| members & seen).unwrap_or_default();
    let mut row = GroupRow { id: id.to_string(), name, query, hosts: 0, overdue: 0, unknown: 0, findings: 0, due: None };
    for managed in members.iter().filter_map(|number| fleet.numbered(number)) {
        let state = condition(managed, clock);
        row.hosts += 1;
        row.overdue += u64::from(state == Condition::Overdue);
        row.unknown += u64::from(state == Condition::Unknown);
        row.findings += u64::from(managed.counts.findings.unwrap_or(0));
        let due = managed.judged.as_ref().and_then(|judged| judged.findings.iter().filter_map(|open| open.due()).min()).and_then(instant);
        row.due = match (row.due, due) {
            (Some(a), Some(b)) => Some(a.min(b)),
            (a, b) => a.or(b),
        };
    }
    row
}
