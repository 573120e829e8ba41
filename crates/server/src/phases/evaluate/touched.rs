//! What a newer advisory database says differently, judged on every host that
//! has it: of each host the components it touches and nothing else.
//!
//! Hosts go through in groups: a group's facts are read, judged on one core,
//! written in one change with one leaf, and shown at once. A host that became
//! another meanwhile is left to whoever judges hosts one by one.

use super::journal::{self, Cause, Known};
use super::{Ground, judge};
use crate::app::{App, News, Shared};
use crate::fleet::State;
use crate::fleet::basis::{self, Basis, Swap};
use crate::membership;
use crate::phases::monitor::Held;
use crate::policy::InForce;
use jiff::Timestamp;
use plimsoll_core::assessment::Part;
use plimsoll_core::fleet::Touched;
use plimsoll_core::model::identifier::{ClientId, HostId};
use plimsoll_core::model::problem::Problem;
use plimsoll_core::model::registration::Registration;
use plimsoll_core::model::scan::Scan;
use plimsoll_formats::protocol;
use plimsoll_store::transitions::{DecidedFrom, Memory, Transition};
use plimsoll_store::{Actor, Intent, StoreError};
use roaring::RoaringBitmap;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use tokio::sync::watch;
use tokio::task::JoinSet;

/// Hosts of one group: as many share a commit, and the fleet is locked for
/// writing no longer than showing them takes, a few milliseconds.
const GROUP: usize = 128;

/// Share of a host's components, one in so many, from which on judging it as a
/// whole costs no more.
const WHOLE: usize = 3;

/// A host of a group with what is read for it.
struct Read {
    registration: Registration,
    report: Vec<u8>,
    memory: Memory,
}

/// A host of a group, judged.
struct Judged {
    id: HostId,
    report: String,
    packages: BTreeSet<String>,
    scan: Scan,
    transition: Transition,
    basis: Basis,
    decided: DecidedFrom,
}

/// Judges again the components that stand under some names, on every host but
/// those that are judged as a whole anyway. Gives these with the hosts that
/// are to be judged so as well: most of theirs is touched, or they could not
/// be judged here.
pub async fn touched(
    app: &Shared,
    held: &Arc<Held>,
    names: &[Touched],
    whole: BTreeSet<HostId>,
    swap: Swap,
    stopped: &watch::Receiver<bool>,
) -> BTreeSet<HostId> {
    let (components, touched, by_client) = {
        let fleet = app.fleet.read();
        let components = fleet.index.components_under(names);
        let hosts = fleet.index.hosts_with_any(&components);
        let mut by_client: BTreeMap<ClientId, Vec<HostId>> = BTreeMap::new();
        let parts = hosts.iter().filter_map(|number| fleet.numbered(number)).filter(|managed| !whole.contains(&managed.registration.id));
        for managed in parts {
            by_client.entry(managed.registration.client).or_default().push(managed.registration.id);
        }
        (Arc::new(components), hosts, by_client)
    };
    app.fleet.write().swap_ground(swap, |host| touched.contains(host.number) || whole.contains(&host.id));
    let mut left = whole;
    let mut under_way: JoinSet<BTreeSet<HostId>> = JoinSet::new();
    for (client, hosts) in by_client {
        for group in hosts.chunks(GROUP) {
            if *stopped.borrow() {
                break;
            }
            while under_way.len() >= app.judging.available_permits().max(1) * 2 {
                under_way.join_next().await.into_iter().flatten().for_each(|hosts| left.extend(hosts));
            }
            let (app, held, components, group) = (Arc::clone(app), Arc::clone(held), Arc::clone(&components), group.to_vec());
            under_way.spawn(async move {
                match together(&app, &held, client, &group, components, swap).await {
                    Ok(left) => left,
                    Err(problem) => {
                        tracing::warn!(code = problem.code, "a group of hosts is judged one by one: {}: {}", problem.place, problem.text);
                        group.into_iter().collect()
                    }
                }
            });
        }
    }
    while let Some(hosts) = under_way.join_next().await {
        left.extend(hosts.into_iter().flatten());
    }
    left
}

async fn together(
    app: &Shared,
    held: &Arc<Held>,
    client: ClientId,
    group: &[HostId],
    components: Arc<RoaringBitmap>,
    swap: Swap,
) -> Result<BTreeSet<HostId>, Problem> {
    let (read, mut left) = read(app, group).await.map_err(|error| *error.problem)?;
    let (shared, held, policy) = (Arc::clone(app), Arc::clone(held), app.policies.in_force());
    let now = Timestamp::now();
    let (judged, whole) = app.compute(move || judge_all(&shared, &held, &policy, &components, read, now)).await?;
    left.extend(whole);
    let overtaken = keep(app, client, now, &judged).await.map_err(|error| *error.problem)?;
    {
        let mut fleet = app.fleet.write();
        for one in &judged {
            if overtaken.contains(&one.id) {
                left.insert(one.id);
            } else if !show(&mut fleet, one, swap) {
                // A report came meanwhile; it was judged for itself, under
                // which database its own judgement finds out.
                tracing::debug!(host = %one.id, "reported while it was judged");
            }
        }
    }
    for one in &judged {
        membership::follow(app, one.id).await;
        let _ = app.news.send(News::Host(one.id));
    }
    app.metrics.judgements.inc_by(judged.len() as u64);
    Ok(left)
}

/// Reads what the store has of a group; hosts that have none are passed over,
/// those that cannot be read are given back.
async fn read(app: &App, group: &[HostId]) -> Result<(Vec<Read>, BTreeSet<HostId>), StoreError> {
    let (mut out, mut left) = (Vec::with_capacity(group.len()), BTreeSet::new());
    for &id in group {
        let registration = app.fleet.read().host(id).map(|managed| managed.registration.clone());
        let Some(registration) = registration else { continue };
        let Some(digest) = registration.report.clone() else { continue };
        match app.store.report(registration.client, &digest).await {
            Ok(report) => out.push(Read { memory: app.store.memory(id).await?, registration, report }),
            Err(_) => {
                left.insert(id);
            }
        }
    }
    Ok((out, left))
}

fn judge_all(
    app: &App,
    held: &Held,
    policy: &InForce,
    components: &RoaringBitmap,
    hosts: Vec<Read>,
    now: Timestamp,
) -> Result<(Vec<Judged>, BTreeSet<HostId>), Problem> {
    let ground = Ground { now, held: Some(held), policies: &policy.set };
    let read = basis::ground(Some(&held.named.digest), &policy.digest());
    let (mut judged, mut whole) = (Vec::with_capacity(hosts.len()), BTreeSet::new());
    for Read { registration, report, memory } in hosts {
        let (number, id) = (registration.number, registration.id);
        let (own, all) = {
            let fleet = app.fleet.read();
            let all = fleet.host(id).map_or(0, |managed| managed.counts.components);
            (fleet.index.components_among(number, components), all as usize)
        };
        if own.is_empty() {
            continue;
        }
        if own.len() * WHOLE > all {
            whole.insert(id);
            continue;
        }
        let mut report = protocol::read_stored_beside_components("stored report", &report)?;
        let part = Part::new(own, report.updates.as_deref().unwrap_or_default());
        let known = Known::of(&memory, |key| part.remembers(key));
        let packages: BTreeSet<String> = part.packages().map(str::to_owned).collect();
        part.take_from(&mut report);
        let facts = registration.facts();
        let answer = judge(report, &facts, &known.memory, &ground, false)?;
        let transition = known.until(&answer, &policy.set, id);
        let decided = DecidedFrom::stored(&registration, memory.length);
        let report = registration.report.unwrap_or_default();
        let length = journal::length_with(&transition);
        let basis = Basis { host: basis::host(&report, &facts), ground: read, journal: length, at: now.as_second() };
        judged.push(Judged { id, report, packages, scan: answer.scan, transition, basis, decided });
    }
    Ok((judged, whole))
}

/// Writes what changed on a group in one change, and gives the hosts that are
/// not any more what was judged.
async fn keep(app: &Shared, client: ClientId, now: Timestamp, judged: &[Judged]) -> Result<BTreeSet<HostId>, StoreError> {
    let written = judged.iter().filter(|one| !one.transition.is_empty());
    let (decided, mut transitions): (Vec<DecidedFrom>, Vec<Transition>) = written.map(|one| (one.decided.clone(), one.transition.clone())).unzip();
    if transitions.is_empty() {
        return Ok(BTreeSet::new());
    }
    let intent = Intent::new(Actor::server(), now, Cause::Advisories.verb(), format!("client:{client}")).for_client(client);
    let all: BTreeSet<HostId> = transitions.iter().map(|one| one.host).collect();
    let written = app
        .store
        .submit(intent, move |change| {
            Box::pin(async move {
                let mut overtaken = change.overtaken(&decided).await?;
                transitions.retain(|transition| !overtaken.contains(&transition.host));
                overtaken.extend(change.add_transitions(&transitions).await?);
                Ok(overtaken)
            })
        })
        .await;
    match written {
        // All of them were overtaken, so that there was nothing to write.
        Err(error) if error.problem.code == "E-NO-CHANGE" => Ok(all),
        written => written,
    }
}

/// Shows what was decided; false where the host reported meanwhile.
fn show(fleet: &mut State, judged: &Judged, swap: Swap) -> bool {
    let current = fleet.host(judged.id).is_some_and(|managed| managed.registration.report.as_deref() == Some(judged.report.as_str()));
    if current {
        fleet.judge_part(judged.id, &judged.packages, &judged.scan);
        fleet.rest_part(judged.id, judged.basis, judged.decided.journal, swap);
    }
    current
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fleet::judged;
    use crate::phases::evaluate::{self, known, stored_report};
    use crate::trial::Trial;
    use crate::trial::reports::{Dice, SOURCES, advise, advisory, judged_again, report};

    /// Everything that is kept of a judgement, in words.
    fn words(fleet: &State, judged: &judged::Judged) -> (Vec<String>, Vec<String>) {
        let name = |name| fleet.names.text(name).to_owned();
        let mut findings: Vec<String> = judged
            .findings
            .iter()
            .map(|open| {
                let parts = [name(open.advisory), name(open.component), name(open.version), name(open.fixed)].join(" ");
                format!("{parts} {:?} {:?} {:?} {:?} {}", open.due(), open.rating, open.state, open.fix, open.exploited)
            })
            .collect();
        findings.sort();
        let mut updates: Vec<String> = judged
            .updates
            .iter()
            .flatten()
            .map(|pending| {
                let mut advisories: Vec<String> = pending.advisories.iter().map(|advisory| name(*advisory)).collect();
                advisories.sort();
                format!("{} {} {:?} {:?} {} {}", name(pending.package), name(pending.candidate), advisories, pending.due, pending.security, pending.held)
            })
            .collect();
        updates.sort();
        (findings, updates)
    }

    /// Somebody judged the report before; meanwhile another came that changes
    /// nothing of what is known to be open.
    #[tokio::test(flavor = "multi_thread")]
    async fn what_was_decided_from_a_report_before_is_not_written_over_a_newer_one() {
        let trial = Trial::start().await;
        let app = trial.app();
        let owner = trial.owner().await;
        let id: HostId = trial.host(&owner, "web1", "production").await.parse().unwrap();
        let mut dice = Dice(7);
        let given = async |report: plimsoll_core::model::report::Report| evaluate::take(app, id, protocol::canonical(report).unwrap(), Actor::server()).await.unwrap();
        let full = report("web1", &mut dice);
        let mut bare = full.clone();
        bare.components.clear();
        bare.updates = None;
        given(bare.clone()).await;
        let (bare_read, _) = read(app, &[id]).await.unwrap();
        let all: Vec<(String, String)> = (0..25).map(|number| advisory(number, dice.below(SOURCES), "99-1", number)).collect();
        advise(&trial, &all);
        judged_again(&trial, None).await;
        given(full).await;
        let open = app.store.memory(id).await.unwrap().open;
        assert!(!open.is_empty());
        // The one decided before the newer report came, with the journal as it
        // is after it.
        let Read { registration, .. } = bare_read.into_iter().next().unwrap();
        let memory = app.store.memory(id).await.unwrap();
        let transition = Transition { host: id, serial: memory.length, at: Timestamp::now(), opened: vec![], closed: open.keys().cloned().collect(), obliged: vec![], policies: vec![] };
        let decided = DecidedFrom::stored(&registration, memory.length);
        let answer = Basis { host: Default::default(), ground: Default::default(), journal: memory.length + 1, at: 0 };
        let scan = {
            let held = app.advisories.held();
            let ground = Ground { now: Timestamp::now(), held: held.as_deref(), policies: &app.policy() };
            judge(bare, &registration.facts(), &Default::default(), &ground, false).unwrap().scan
        };
        let judged = [Judged { id, report: registration.report.clone().unwrap(), packages: BTreeSet::new(), scan, transition, basis: answer, decided }];
        let overtaken = keep(app, registration.client, Timestamp::now(), &judged).await.unwrap();
        assert_eq!(overtaken, BTreeSet::from([id]));
        assert_eq!(app.store.memory(id).await.unwrap().open, open);
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn a_part_judged_anew_leaves_what_a_whole_judgement_would() {
        let trial = Trial::start().await;
        let app = trial.app();
        let owner = trial.owner().await;
        let mut dice = Dice(20_261_122);
        let mut ids: Vec<HostId> = Vec::new();
        for number in 0..12 {
            let name = format!("h{number}");
            let id: HostId = trial.host(&owner, &name, "production").await.parse().unwrap();
            let report = protocol::canonical(report(&name, &mut dice)).unwrap();
            evaluate::take(app, id, report, Actor::server()).await.unwrap();
            ids.push(id);
        }
        let mut all: Vec<(String, String)> = (0..25).map(|number| advisory(number, dice.below(SOURCES), &format!("{}-1", 2 + dice.below(4)), number)).collect();
        advise(&trial, &all);
        let mut digest = judged_again(&trial, None).await;
        let (mut parts, mut opened) = (0, 0);
        for round in 0..4 {
            // Some are withdrawn, some change, some are new, and one CVE is
            // from now on known to be exploited.
            let gone = dice.below(all.len() as u64) as usize;
            all.remove(gone);
            let number = 100 + round;
            all.push(advisory(number, dice.below(SOURCES), &format!("{}-1", 3 + dice.below(4)), number));
            all.retain(|(name, _)| name != "osv/Debian/DSA-7-1.json");
            all.push(advisory(7, 3, &format!("{}-1", 2 + round), 7));
            let listed = serde_json::json!({ "title": "KEV", "catalogVersion": "2026.03.01", "dateReleased": "2026-03-01T00:00:00Z", "count": 1, "vulnerabilities": [{
                "cveID": format!("CVE-2026-{:04}", round + 10), "vendorProject": "x", "product": "y", "vulnerabilityName": "z", "dateAdded": "2026-03-01",
                "shortDescription": "", "requiredAction": "", "dueDate": "2026-03-22", "knownRansomwareCampaignUse": "Unknown", "notes": "" }] });
            all.retain(|(name, _)| !name.starts_with("kev"));
            all.push(("kev/known_exploited_vulnerabilities.json".to_owned(), listed.to_string()));
            let judgements = app.metrics.judgements.get();
            advise(&trial, &all);
            digest = judged_again(&trial, Some(digest)).await;
            parts += app.metrics.judgements.get() - judgements;
            for id in &ids {
                let registration = app.fleet.read().host(*id).unwrap().registration.clone();
                let report = stored_report(app, registration.client, registration.report.as_deref().unwrap()).await.unwrap();
                let memory = known(app, *id).await.unwrap().memory;
                let held = app.advisories.held();
                let ground = Ground { now: Timestamp::now(), held: held.as_deref(), policies: &app.policy() };
                let answer = judge(report, &registration.facts(), &memory, &ground, false).unwrap();
                opened += {
                    let mut fleet = app.fleet.write();
                    let whole = judged::Judged::of(&answer.scan, &mut fleet.names);
                    let part = Arc::clone(fleet.host(*id).unwrap().judged.as_ref().unwrap());
                    assert_eq!(words(&fleet, &part), words(&fleet, &whole), "round {round}, {id}");
                    assert_eq!(fleet.host(*id).unwrap().counts.findings, Some(whole.findings.len() as u32));
                    for open in &whole.findings {
                        assert!(fleet.under(open.advisory).unwrap().contains(registration.number));
                    }
                    assert_eq!(fleet.advisories().filter(|(_, hosts)| hosts.contains(registration.number)).count(), whole.findings.iter().map(|open| open.advisory).collect::<BTreeSet<_>>().len());
                    whole.findings.len()
                };
                let journal = app.store.memory(*id).await.unwrap();
                let open: BTreeSet<String> = journal.open.keys().map(evaluate::key_text).collect();
                assert_eq!(open, answer.memory.seen.keys().cloned().collect(), "round {round}, {id}: the journal");
            }
        }
        assert!(parts > 0 && opened > 0, "nothing was judged: {parts} parts, {opened} findings");
    }
}
