//! Today: what needs doing.

use super::super::views::{
    Condition, DeadlineBar, ExposurePicture, FlaggedHost, FleetCell, FleetStrip, NewFinding, PendingHost, SilentHost, StaleSource, Today, Work,
    WorkItem,
};
use super::alerts::newest;
use super::{condition, instant};
use crate::api::stored;
use crate::app::Shared;
use crate::fleet::judged::{Open, verdict};
use crate::fleet::names::Name;
use crate::fleet::question::{Clock, Standing, window};
use crate::fleet::{Managed, State};
use crate::http::gate::Allowed;
use crate::http::problem::Refusal;
use crate::identity::role::Permission;
use jiff::Timestamp;
use plimsoll_core::model::advisory::Rating;
use plimsoll_core::model::obligation::Verdict;
use plimsoll_store::transitions::Transition;
use roaring::RoaringBitmap;
use std::collections::{BTreeMap, HashMap};

/// Items of each list; the rest is a click away.
const ITEMS: usize = 8;
/// Changes looked at for news, the newest of a week.
const CHANGES: u32 = 5000;
/// Within this time of joining, what a host has is where it starts from.
const FIRST_REPORT: jiff::SignedDuration = jiff::SignedDuration::from_hours(1);

/// Priorities of the picture of deadlines, in its order.
const SHOWN: [Rating; 5] = [Rating::Critical, Rating::High, Rating::Medium, Rating::Low, Rating::Unknown];

/// Fills the first page.
///
/// # Errors
///
/// The store cannot be read.
pub async fn today(app: &Shared, allowed: &Allowed, seen: &RoaringBitmap, clock: Clock) -> Result<Today, Refusal> {
    let week = clock.now.saturating_sub(jiff::SignedDuration::from_hours(7 * 24)).unwrap_or(Timestamp::MIN);
    let changes = app.store.transitions_since(&stored(&allowed.scope), week, Some(FIRST_REPORT), CHANGES).await?;
    let limit = app.policy().max_feed_age.seconds();
    let exposure = ExposurePicture::of(crate::exposure::over_time(app, &allowed.scope, crate::exposure::SHOWN).await);
    let stale = app.advisories.held().map_or_else(Vec::new, |held| held.sources(clock.now, limit));
    let alerts = if allowed.principal.may(Permission::ReadAlerts) { Some(newest(app, allowed, ITEMS).await?) } else { None };
    let mut triage = super::triage::lines(app, allowed).await?;
    let triage_total = triage.len() as u64;
    triage.truncate(ITEMS);
    let fleet = app.fleet.read();
    let hosts: Vec<&Managed> = seen.iter().filter_map(|number| fleet.numbered(number)).collect();
    let standing = |managed: &&Managed| managed.standing(clock);
    let silent: Vec<&Managed> = hosts.iter().copied().filter(|managed| standing(managed) == Standing::Silent).collect();
    let work = Works::of(&fleet, &hosts, clock);
    let (new, new_total) = new_findings(&fleet, seen, &changes);
    Ok(Today {
        last_look: None,
        policy_in_force: true,
        overdue: work.page(&fleet, Verdict::Overdue, clock),
        due_soon: work.page(&fleet, Verdict::DueSoon, clock),
        new,
        new_total,
        silent_total: silent.len() as u64,
        silent: silent.iter().take(ITEMS).map(|managed| silent_host(managed)).collect(),
        stale_total: stale.len() as u64,
        stale_sources: stale
            .into_iter()
            .take(ITEMS)
            .filter_map(|source| {
                let text = &source.warnings.first()?.text;
                let text = text.strip_prefix(source.name.as_str()).map_or(text.as_str(), str::trim_start).to_owned();
                Some(StaleSource { name: source.name, text, newest: source.newest })
            })
            .collect(),
        pending: hosts.iter().copied().filter(|managed| standing(managed) == Standing::Pending).map(pending).collect(),
        flagged: hosts
            .iter()
            .filter(|managed| standing(managed) != Standing::Pending)
            .filter_map(|managed| {
                let flag = managed.registration.flag.clone()?;
                Some(FlaggedHost { id: managed.registration.id.to_string(), name: managed.registration.name.clone(), flag })
            })
            .collect(),
        alerts,
        reboots: hosts.iter().filter(|managed| managed.judged.as_ref().and_then(|judged| judged.reboot) == Some(true)).count() as u64,
        excepted: hosts.iter().map(|managed| u64::from(managed.counts.excepted)).sum(),
        deadlines: work.deadlines(),
        fleet: strip(&hosts, clock),
        triage,
        triage_total,
        exposure,
    })
}

/// Advisories that newly concern visible hosts and still do, by the day they
/// were first seen. A host that joined in the week is no news by itself: what
/// it had when it first reported is left out.
fn new_findings(fleet: &State, seen: &RoaringBitmap, changes: &[Transition]) -> (Vec<NewFinding>, u64) {
    let mut found: BTreeMap<&str, (Timestamp, RoaringBitmap)> = BTreeMap::new();
    for change in changes {
        let Some(managed) = fleet.host(change.host) else { continue };
        let host = managed.registration.number;
        if !seen.contains(host) {
            continue;
        }
        for key in &change.opened {
            let (first, hosts) = found.entry(&key.advisory).or_insert_with(|| (change.at, RoaringBitmap::new()));
            *first = change.at.min(*first);
            hosts.insert(host);
        }
    }
    let mut rows: Vec<NewFinding> = found
        .into_iter()
        .filter_map(|(advisory, (first_seen, hosts))| {
            let name = fleet.names.find(advisory)?;
            let open = fleet.under(name)? & hosts;
            let card = fleet.card(name)?;
            (!open.is_empty()).then(|| NewFinding {
                advisory: advisory.to_owned(),
                summary: card.summary.clone(),
                rating: card.rating,
                exploited: card.exploited,
                hosts: open.len(),
                first_seen,
            })
        })
        .collect();
    rows.sort_by(|a, b| (!a.exploited, std::cmp::Reverse(a.rating), a.first_seen, &a.advisory).cmp(&(!b.exploited, std::cmp::Reverse(b.rating), b.first_seen, &b.advisory)));
    let total = rows.len() as u64;
    rows.truncate(ITEMS);
    (rows, total)
}

/// A pending host as pages show it.
pub(super) fn pending(managed: &Managed) -> PendingHost {
    let host = &managed.registration;
    PendingHost {
        id: host.id.to_string(),
        name: host.name.clone(),
        asked: host.enrolled,
        key: host.public_key.clone().unwrap_or_default(),
        reason: host.flag.clone().unwrap_or_else(|| "waits for a decision".to_owned()),
        group: None,
        address: None,
    }
}

fn silent_host(managed: &Managed) -> SilentHost {
    SilentHost {
        id: managed.registration.id.to_string(),
        name: managed.registration.name.clone(),
        last_seen: managed.last_seen(),
        owner: managed.registration.owner.clone(),
    }
}

/// Open findings by verdict, advisory and package.
struct Works {
    by: HashMap<(Verdict, Name, Name), Piece>,
    hosts: BTreeMap<Verdict, u64>,
    findings: BTreeMap<Verdict, u64>,
    /// Findings within time, approaching and exceeded, by rating.
    bars: [(u64, u64, u64); SHOWN.len()],
}

#[derive(Default)]
struct Piece {
    hosts: u64,
    due: i64,
    rating: Rating,
    exploited: bool,
    fixed: Option<Name>,
    offered: bool,
}

impl Works {
    fn of(fleet: &State, hosts: &[&Managed], clock: Clock) -> Self {
        let mut works = Self { by: HashMap::new(), hosts: BTreeMap::new(), findings: BTreeMap::new(), bars: Default::default() };
        for managed in hosts {
            let Some(judged) = &managed.judged else { continue };
            let (mut overdue, mut soon) = (false, false);
            let excepted = |open: &Open| managed.counts.excepted > 0 && fleet.exception(managed, open, clock.now).is_some();
            for open in judged.findings.iter().filter(|open| !excepted(open)) {
                let place = SHOWN.iter().position(|rating| *rating == open.rating);
                let mut unshown = (0, 0, 0);
                let bar = place.and_then(|place| works.bars.get_mut(place)).unwrap_or(&mut unshown);
                let kind = verdict(open.due(), clock.now);
                match kind {
                    Verdict::Overdue => (bar.2, overdue) = (bar.2 + 1, true),
                    Verdict::DueSoon => (bar.1, soon) = (bar.1 + 1, true),
                    Verdict::OpenInTime => bar.0 += 1,
                    _ => {}
                }
                if matches!(kind, Verdict::Overdue | Verdict::DueSoon) {
                    *works.findings.entry(kind).or_default() += 1;
                    works.add(kind, open);
                }
            }
            for (kind, is) in [(Verdict::Overdue, overdue), (Verdict::DueSoon, soon)] {
                *works.hosts.entry(kind).or_default() += u64::from(is);
            }
        }
        works
    }

    /// What the picture of deadlines shows.
    fn deadlines(&self) -> Vec<DeadlineBar> {
        let bars = SHOWN.iter().zip(self.bars).filter(|(_, counts)| *counts != (0, 0, 0));
        bars.map(|(rating, (within, approaching, exceeded))| DeadlineBar { priority: rating.as_str().to_owned(), within, approaching, exceeded }).collect()
    }

    fn add(&mut self, kind: Verdict, open: &Open) {
        let due = open.due().unwrap_or(i64::MAX);
        let piece = self.by.entry((kind, open.advisory, open.component)).or_insert_with(|| Piece { due, ..Piece::default() });
        piece.hosts += 1;
        piece.due = piece.due.min(due);
        piece.rating = piece.rating.max(open.rating);
        piece.exploited |= open.exploited;
        piece.offered |= open.fix == Some(true);
        piece.fixed = Some(open.fixed);
    }

    fn page(&self, fleet: &State, kind: Verdict, clock: Clock) -> Work {
        let mut pieces: Vec<(&(Verdict, Name, Name), &Piece)> = self.by.iter().filter(|((verdict, ..), _)| *verdict == kind).collect();
        pieces.sort_by_key(|((_, advisory, package), piece)| {
            (!piece.exploited, piece.due, std::cmp::Reverse(piece.rating), std::cmp::Reverse(piece.hosts), *advisory, *package)
        });
        let items = pieces.into_iter().take(ITEMS).map(|((verdict, advisory, package), piece)| {
            let package = fleet.names.text(*package).to_owned();
            let fixed = piece.fixed.map_or("", |name| fleet.names.text(name));
            let act = match (piece.offered, fixed) {
                (true, fixed) => format!("Update {package} to {fixed}"),
                (false, "") => format!("Look at {package}: no fix exists"),
                (false, fixed) => format!("Make {package} {fixed} available"),
            };
            WorkItem {
                act,
                advisory: fleet.names.text(*advisory).to_owned(),
                cves: fleet.card(*advisory).map_or_else(Vec::new, |card| card.aliases.iter().filter(|alias| alias.starts_with("CVE-")).cloned().collect()),
                package,
                rating: piece.rating,
                exploited: piece.exploited,
                hosts: piece.hosts,
                due: instant(piece.due).unwrap_or(clock.now),
                verdict: *verdict,
            }
        });
        Work {
            findings: self.findings.get(&kind).copied().unwrap_or(0),
            hosts: self.hosts.get(&kind).copied().unwrap_or(0),
            items: items.collect(),
        }
    }
}

fn strip(hosts: &[&Managed], clock: Clock) -> FleetStrip {
    let counted = hosts.iter().filter(|managed| !matches!(managed.standing(clock), Standing::Retired | Standing::Pending));
    let cells: Vec<(Condition, &Managed)> = counted.map(|managed| (condition(managed, clock), *managed)).collect();
    let counts = Condition::ALL.into_iter().map(|one| (one, cells.iter().filter(|(condition, _)| *condition == one).count() as u64)).collect();
    let order = |a: &(Condition, &Managed), b: &(Condition, &Managed)| a.0.cmp(&b.0).then_with(|| a.1.registration.name.cmp(&b.1.registration.name));
    let shown = window(cells, (0, FleetStrip::LIMIT), order);
    let cell = |(condition, managed): (Condition, &Managed)| FleetCell { id: managed.registration.id.to_string(), name: managed.registration.name.clone(), condition };
    FleetStrip { cells: shown.into_iter().map(cell).collect(), counts }
}
