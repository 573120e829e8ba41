//! Packages: one update and the hosts that wait for it, one package and its
//! versions.

use super::super::query::ListQuery;
use super::super::views::{Listing, PackageHost, PackagePage, PackageRow, PackageUpdate, PackageVersion};
use super::{facet, fits, holds, instant, page, turned};
use crate::app::App;
use crate::fleet::judged::Pending;
use crate::fleet::names::Name;
use crate::fleet::Managed;
use crate::http::problem::Refusal;
use plimsoll_core::model::stream::Stream;
use roaring::RoaringBitmap;
use std::collections::{BTreeMap, BTreeSet, HashMap};

#[derive(Default)]
struct Waiting<'a> {
    hosts: u64,
    held: u64,
    security: bool,
    reboot: bool,
    origin: Option<Name>,
    advisories: BTreeSet<Name>,
    /// Those of the update before: hosts wait for the same ones.
    last: &'a [Name],
    due: Option<i64>,
}

impl<'a> Waiting<'a> {
    fn add(&mut self, update: &'a Pending) {
        self.hosts += 1;
        self.held += u64::from(update.held);
        self.security |= update.security;
        self.reboot |= update.reboot;
        self.origin = Some(update.origin);
        if *self.last != *update.advisories {
            self.last = &update.advisories;
            self.advisories.extend(self.last);
        }
        self.due = match (self.due, update.due) {
            (Some(a), Some(b)) => Some(a.min(b)),
            (a, b) => a.or(b),
        };
    }
}

/// Updates that visible hosts wait for, by stream, package and candidate.
fn waiting<'a>(hosts: impl Iterator<Item = &'a Managed>) -> BTreeMap<(&'a str, Name, Name), Waiting<'a>> {
    // Millions of updates are added up: a package's place is an index, and it
    // has few candidates.
    let mut out: HashMap<&str, Vec<Vec<(Name, Waiting<'a>)>>> = HashMap::new();
    for judged in hosts.filter_map(|managed| managed.judged.as_deref()) {
        let of = out.entry(&judged.stream).or_default();
        for update in judged.updates.iter().flatten() {
            let place = update.package.place();
            if of.len() <= place {
                of.resize_with(place + 1, Vec::new);
            }
            let candidates = &mut of[place];
            match candidates.iter_mut().find(|(candidate, _)| *candidate == update.candidate) {
                Some((_, one)) => one.add(update),
                None => {
                    let mut one = Waiting::default();
                    one.add(update);
                    candidates.push((update.candidate, one));
                }
            }
        }
    }
    let named = |(place, of): (usize, Vec<(Name, Waiting<'a>)>)| of.into_iter().filter_map(move |(candidate, one)| Some((Name::at(place)?, candidate, one)));
    let all = out.into_iter().flat_map(|(stream, of)| of.into_iter().enumerate().flat_map(named).map(move |(package, candidate, one)| ((stream, package, candidate), one)));
    all.collect()
}

/// Every row of the list, with the unfiltered ones.
pub fn packages_rows(app: &App, seen: &RoaringBitmap, query: &ListQuery) -> (Vec<PackageRow>, Vec<PackageRow>) {
    let fleet = app.fleet.read();
    let text = |name: Name| fleet.names.text(name).to_owned();
    let all: Vec<PackageRow> = if query.filter("kind") == "all" {
        let found = fleet.index.search(&query.text, seen, None, 5000);
        found
            .into_iter()
            .map(|package| PackageRow {
                stream: package.stream.to_string(),
                name: package.name,
                candidate: None,
                origin: None,
                security: false,
                reboot: false,
                hosts: package.hosts,
                held: 0,
                versions: package.versions as u64,
                advisories: Vec::new(),
                due: None,
            })
            .collect()
    } else {
        waiting(seen.iter().filter_map(|number| fleet.numbered(number)))
            .into_iter()
            .map(|((stream, package, candidate), one)| {
                let place = Stream::language(stream);
                let versions = fleet.index.versions(&place, &place.normalise_name(fleet.names.text(package)), seen).len() as u64;
                PackageRow {
                    stream: stream.to_owned(),
                    name: text(package),
                    candidate: Some(text(candidate)),
                    origin: one.origin.map(text),
                    security: one.security,
                    reboot: one.reboot,
                    hosts: one.hosts,
                    held: one.held,
                    versions,
                    advisories: one.advisories.into_iter().map(text).collect(),
                    due: one.due.and_then(instant),
                }
            })
            .collect()
    };
    let kind = query.filter("kind");
    let wanted = |row: &&PackageRow| {
        (kind != "security" || row.security)
            && fits(query, "stream", Some(&row.stream))
            && holds(query, &[&row.name, row.candidate.as_deref().unwrap_or("")])
    };
    let mut rows: Vec<PackageRow> = all.iter().filter(wanted).cloned().collect();
    let name = |row: &PackageRow| (row.name.clone(), row.stream.clone(), row.candidate.clone());
    match query.sort.as_str() {
        "name" => rows.sort_by_cached_key(name),
        "candidate" => rows.sort_by_cached_key(|row| (row.candidate.clone(), name(row))),
        "hosts" => rows.sort_by_cached_key(|row| (row.hosts, name(row))),
        "held" => rows.sort_by_cached_key(|row| (row.held, name(row))),
        "versions" => rows.sort_by_cached_key(|row| (row.versions, name(row))),
        _ => rows.sort_by_cached_key(|row| (row.due.is_none(), row.due, !row.security, std::cmp::Reverse(row.hosts), name(row))),
    }
    let rows = turned(query, rows);
    (all, rows)
}

/// Fills the list of packages.
pub fn packages(app: &App, seen: &RoaringBitmap, query: ListQuery) -> Listing<PackageRow> {
    let (all, rows) = packages_rows(app, seen, &query);
    let facets = vec![facet("stream", all.iter().map(|row| Some(row.stream.as_str())))];
    page(query, rows, facets)
}

/// Fills the page of one package.
///
/// # Errors
///
/// `E-NOT-FOUND` where no visible host has it.
pub fn package(app: &App, seen: &RoaringBitmap, stream: &str, name: &str, query: ListQuery) -> Result<PackagePage, Refusal> {
    let found = package_hosts(app, seen, stream, name, &query)?;
    Ok(PackagePage {
        stream: stream.to_owned(),
        name: name.to_owned(),
        source: None,
        versions: found.versions,
        updates: found.updates,
        hosts: page(query, found.hosts, Vec::new()),
    })
}

/// A package in the fleet: its versions, the updates on offer, and every host
/// that has it and that the query asks for.
pub struct PackageHosts {
    versions: Vec<PackageVersion>,
    updates: Vec<PackageUpdate>,
    /// The hosts, in the order asked.
    pub hosts: Vec<PackageHost>,
}

/// Looks for one package.
///
/// # Errors
///
/// `E-NOT-FOUND` where no visible host has it.
pub fn package_hosts(app: &App, seen: &RoaringBitmap, stream: &str, name: &str, query: &ListQuery) -> Result<PackageHosts, Refusal> {
    let fleet = app.fleet.read();
    let place = Stream::language(stream);
    let found = fleet.index.versions(&place, &place.normalise_name(name), seen);
    if found.is_empty() {
        return Err(crate::api::missing("package", name));
    }
    let newest = found.len() - 1;
    let package = fleet.names.find(name);
    let of = |managed: &Managed, version: &str| -> (Option<u64>, Option<i64>) {
        let Some(judged) = managed.judged.as_deref().filter(|judged| judged.known) else { return (None, None) };
        let open = judged.findings.iter().filter(|open| Some(open.component) == package && fleet.names.text(open.version) == version);
        let (mut count, mut due) = (0, None::<i64>);
        for one in open {
            count += 1;
            due = due.map_or(one.due(), |due| Some(one.due().map_or(due, |other| other.min(due))));
        }
        (Some(count), due)
    };
    let (mut versions, mut hosts, mut updates) = (Vec::new(), Vec::new(), BTreeMap::<Name, Waiting>::new());
    for (position, version) in found.iter().enumerate() {
        let mut findings = None;
        for managed in version.hosts.iter().filter_map(|number| fleet.numbered(number)) {
            let (count, due) = of(managed, &version.version);
            findings = findings.max(count);
            let pending = managed.judged.iter().flat_map(|judged| judged.updates.iter().flatten()).find(|update| Some(update.package) == package);
            if let Some(update) = pending {
                updates.entry(update.candidate).or_default().add(update);
            }
            hosts.push(PackageHost {
                id: managed.registration.id.to_string(),
                name: managed.registration.name.clone(),
                version: version.version.clone(),
                candidate: pending.map(|update| fleet.names.text(update.candidate).to_owned()),
                held_by: pending.filter(|update| update.held).map(|_| "held back".to_owned()),
                findings: count,
                due: due.and_then(instant),
            });
        }
        versions.push(PackageVersion { version: version.version.clone(), hosts: version.hosts.len(), findings, newest: position == newest });
    }
    hosts.retain(|row| fits(query, "version", Some(&row.version)) && holds(query, &[&row.name, &row.version]));
    match query.sort.as_str() {
        "version" => hosts.sort_by_cached_key(|row| (row.version.clone(), row.name.clone())),
        "due" => hosts.sort_by_cached_key(|row| (row.due.is_none(), row.due, row.name.clone())),
        "findings" => hosts.sort_by_cached_key(|row| (row.findings, row.name.clone())),
        _ => hosts.sort_by_cached_key(|row| row.name.clone()),
    }
    let text = |name: Name| fleet.names.text(name).to_owned();
    let updates = updates.into_iter().map(|(candidate, one)| PackageUpdate {
        candidate: text(candidate),
        origin: one.origin.map(text).unwrap_or_default(),
        security: one.security,
        hosts: one.hosts,
        advisories: one.advisories.into_iter().map(text).collect(),
        due: one.due.and_then(instant),
    });
    Ok(PackageHosts { versions, updates: updates.collect(), hosts: turned(query, hosts) })
}
