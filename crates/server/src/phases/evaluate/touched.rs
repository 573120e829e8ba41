//! What a newer advisory database says differently, judged on every host that
//! has it: of each host the components it touches and nothing else.
//!
//! Hosts go through in groups: a group's facts are read, judged on one core,
//! written in one change with one leaf, and shown at once. A host whose journal
//! somebody else wrote meanwhile is left to whoever judges hosts one by one.

use super::journal::{Cause, Known};
use super::{Ground, judge};
use crate::app::{App, News, Shared};
use crate::fleet::State;
use crate::membership;
use crate::phases::monitor::Held;
use jiff::Timestamp;
use plimsoll_core::assessment::Part;
use plimsoll_core::fleet::Touched;
use plimsoll_core::model::identifier::{ClientId, HostId};
use plimsoll_core::model::policy::PolicySet;
use plimsoll_core::model::problem::Problem;
use plimsoll_core::model::registration::Registration;
use plimsoll_core::model::scan::Scan;
use plimsoll_formats::protocol;
use plimsoll_store::transitions::{Memory, Transition};
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
    stopped: &watch::Receiver<bool>,
) -> BTreeSet<HostId> {
    let (components, by_client) = {
        let fleet = app.fleet.read();
        let components = fleet.index.components_under(names);
        let hosts = fleet.index.hosts_with_any(&components);
        let mut by_client: BTreeMap<ClientId, Vec<HostId>> = BTreeMap::new();
        let parts = hosts.iter().filter_map(|number| fleet.numbered(number)).filter(|managed| !whole.contains(&managed.registration.id));
        for managed in parts {
            by_client.entry(managed.registration.client).or_default().push(managed.registration.id);
        }
        (Arc::new(components), by_client)
    };
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
                match together(&app, &held, client, &group, components).await {
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
) -> Result<BTreeSet<HostId>, Problem> {
    let (read, mut left) = read(app, group).await.map_err(|error| *error.problem)?;
    let (shared, held, policies) = (Arc::clone(app), Arc::clone(held), app.policy());
    let now = Timestamp::now();
    let (judged, whole) = app.compute(move || judge_all(&shared, &held, &policies, &components, read, now)).await?;
    left.extend(whole);
    let overtaken = keep(app, client, now, &judged).await.map_err(|error| *error.problem)?;
    {
        let mut fleet = app.fleet.write();
        for one in &judged {
            if overtaken.contains(&one.id) {
                left.insert(one.id);
            } else if !show(&mut fleet, one) {
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
    policies: &PolicySet,
    components: &RoaringBitmap,
    hosts: Vec<Read>,
    now: Timestamp,
) -> Result<(Vec<Judged>, BTreeSet<HostId>), Problem> {
    let ground = Ground { now, held: Some(held), policies };
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
        let answer = judge(report, &registration.facts(), &known.memory, &ground, false)?;
        let transition = known.until(&answer, policies, id);
        judged.push(Judged { id, report: registration.report.unwrap_or_default(), packages, scan: answer.scan, transition });
    }
    Ok((judged, whole))
}

/// Writes what changed on a group in one change, and gives the hosts whose
/// journal somebody else wrote meanwhile.
async fn keep(app: &Shared, client: ClientId, now: Timestamp, judged: &[Judged]) -> Result<BTreeSet<HostId>, StoreError> {
    let transitions: Vec<Transition> = judged.iter().map(|one| one.transition.clone()).filter(|one| !one.is_empty()).collect();
    if transitions.is_empty() {
        return Ok(BTreeSet::new());
    }
    let intent = Intent::new(Actor::server(), now, Cause::Advisories.verb(), format!("client:{client}")).for_client(client);
    let all: BTreeSet<HostId> = transitions.iter().map(|one| one.host).collect();
    let written = app
        .store
        .submit(intent, move |change| Box::pin(async move { Ok(change.add_transitions(&transitions).await?.into_iter().collect()) }))
        .await;
    match written {
        // All of them were overtaken, so that there was nothing to write.
        Err(error) if error.problem.code == "E-NO-CHANGE" => Ok(all),
        written => written,
    }
}

/// Shows what was decided; false where the host reported meanwhile.
fn show(fleet: &mut State, judged: &Judged) -> bool {
    let current = fleet.host(judged.id).is_some_and(|managed| managed.registration.report.as_deref() == Some(judged.report.as_str()));
    if current {
        fleet.judge_part(judged.id, &judged.packages, &judged.scan);
    }
    current
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fleet::judged;
    use crate::phases::evaluate::{self, known, stored_report};
    use crate::trial::Trial;
    use plimsoll_core::model::component::Component;
    use plimsoll_core::model::host::{Host, OperatingSystem, Repository};
    use plimsoll_core::model::report::{OfferedPackage, Report};
    use plimsoll_core::model::stream::Stream;
    use plimsoll_core::model::update::Update;
    use std::time::Duration;

    /// Numbers that follow from a seed, so that a failure comes again.
    struct Dice(u64);

    impl Dice {
        fn below(&mut self, bound: u64) -> u64 {
            self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            (self.0 >> 33) % bound
        }
    }

    const SOURCES: u64 = 30;

    fn report(name: &str, dice: &mut Dice) -> Report {
        let stream = Stream::release("debian", "12");
        let (mut components, mut updates, mut offered) = (Vec::new(), Vec::new(), Vec::new());
        for source in 0..SOURCES {
            for part in 0..=source % 3 {
                let (package, version) = (format!("lib{source}-{part}"), format!("{}-1", 1 + dice.below(4)));
                components.push(Component {
                    purl: format!("pkg:deb/debian/{package}@{version}?arch=amd64&distro=debian-12"),
                    name: package.clone(),
                    version: version.clone(),
                    arch: Some("amd64".into()),
                    source: Some(format!("source{source}")),
                    source_version: Some(version.clone()),
                    stream: Some(stream.clone()),
                    ..Component::default()
                });
                if dice.below(3) == 0 {
                    let candidate = format!("{}-1", 4 + dice.below(3));
                    let origin = "Debian-Security:12/stable-security".to_owned();
                    offered.push(OfferedPackage {
                        package: package.clone(),
                        arch: "amd64".into(),
                        version: candidate.clone(),
                        source_version: Some(candidate.clone()),
                        origin: origin.clone(),
                    });
                    updates.push(Update {
                        package,
                        arch: "amd64".into(),
                        installed: Some(version),
                        source: Some(format!("source{source}")),
                        source_version: Some(candidate.clone()),
                        candidate,
                        security: dice.below(2) == 0,
                        origin,
                        ..Update::default()
                    });
                }
            }
        }
        // A package that only the plan knows, installed with its source.
        updates.push(Update {
            package: "lib3-new".into(),
            arch: "amd64".into(),
            candidate: "6-1".into(),
            source: Some("source3".into()),
            source_version: Some("6-1".into()),
            origin: "Debian-Security:12/stable-security".into(),
            security: true,
            new: true,
            ..Update::default()
        });
        let os = OperatingSystem { id: "debian".into(), version: "12".into(), name: "Debian 12".into(), stream: Some(stream), ..OperatingSystem::default() };
        let repositories = vec![Repository { id: "security".into(), ..Repository::default() }];
        Report {
            schema: Report::SCHEMA.to_owned(),
            agent: "test".to_owned(),
            host: Host { name: name.to_owned(), os: Some(os), repositories, ..Host::default() },
            components,
            updates: Some(updates),
            held_updates: Vec::new(),
            offered,
            problems: Vec::new(),
        }
    }

    fn advisory(number: u64, source: u64, fixed: &str, cve: u64) -> (String, String) {
        let text = serde_json::json!({
            "schema_version": "1.6.0",
            "id": format!("DSA-{number}-1"),
            "published": "2026-03-01T00:00:00Z",
            "modified": "2026-03-02T00:00:00Z",
            "summary": "a test",
            "upstream": [format!("CVE-2026-{cve:04}")],
            "affected": [{
                "package": { "ecosystem": "Debian:12", "name": format!("source{source}") },
                "ranges": [{ "type": "ECOSYSTEM", "events": [{ "introduced": "0" }, { "fixed": fixed }] }],
            }],
        });
        (format!("osv/Debian/DSA-{number}-1.json"), text.to_string())
    }

    fn advise(trial: &Trial, all: &[(String, String)]) {
        trial.forget_advice();
        trial.advise(&all.iter().map(|(name, text)| (name.as_str(), text.as_str())).collect::<Vec<_>>());
    }

    async fn judged_again(trial: &Trial, before: Option<String>) -> String {
        let app = trial.app();
        for _ in 0..200 {
            tokio::time::sleep(Duration::from_millis(100)).await;
            let digest = app.advisories.held().map(|held| held.named.digest.clone());
            let busy = app.notices.judging.load(std::sync::atomic::Ordering::Acquire);
            let settled = digest != before && !busy && app.late.lock().unwrap().is_empty();
            if let Some(digest) = digest.filter(|_| settled) {
                return digest;
            }
        }
        panic!("the server does not take up the database");
    }

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
