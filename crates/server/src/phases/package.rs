//! **Package**: gathers what a deployment package is decided from, and keeps
//! what was decided as a draft.

mod answers;
pub mod emergency;

use crate::app::{News, Shared};
use crate::fleet::State;
use crate::fleet::judged::Pending;
use crate::fleet::names::Name;
use crate::fleet::question::{Clock, Standing};
use crate::http::problem::Refusal;
use crate::policy::InForce;
use crate::rollouts::Notes;
use axum::http::StatusCode;
use jiff::Timestamp;
use plimsoll_core::model::because::Because;
use plimsoll_core::model::deployment_package::{DeploymentPackage, Place, PolicyNamed};
use plimsoll_core::model::identifier::HostId;
use plimsoll_core::model::policy::{HostFacts, PolicySet};
use plimsoll_core::model::problem::Problem;
use plimsoll_core::model::registration::{HostSource, HostState};
use plimsoll_core::model::stream::Stream;
use plimsoll_core::phases::document::Answered;
use plimsoll_core::phases::package::afterwards;
use plimsoll_core::phases::package::{Apart, Artefact, Artefacts, Candidate, Input, PendingUpdate, Wish, decide};
use plimsoll_formats::trust::{HostTree, SignedPackage};
use plimsoll_store::deployment_packages::{PackageContent, PackageRow, PackageState};
use plimsoll_store::{Actor, Intent};
use roaring::RoaringBitmap;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

/// How often the number of a package is drawn anew where somebody else took it.
const TRIES: u32 = 5;

/// What is known of one host, taken out of the fleet.
struct Chosen {
    id: HostId,
    facts: HostFacts,
    stream: Option<Stream>,
    pending: Option<usize>,
    has_agent: bool,
    silent: bool,
}

/// Hosts that were chosen, and what they would install.
struct Gathered {
    hosts: Vec<Chosen>,
    pending: Vec<Vec<PendingUpdate>>,
}

/// What tells one list of pending updates from another.
type Key = Vec<(Name, Name, Name, Name, u8, Box<[Name]>)>;

fn gather(fleet: &State, chosen: &RoaringBitmap, clock: Clock) -> Gathered {
    let mut managed: Vec<_> = chosen.iter().filter_map(|number| fleet.numbered(number)).filter(|managed| managed.registration.state == HostState::Active).collect();
    managed.sort_by_key(|managed| managed.registration.id);
    let mut places: HashMap<Key, usize> = HashMap::new();
    let mut pending = Vec::new();
    let mut hosts = Vec::with_capacity(managed.len());
    for managed in managed {
        let updates = managed.judged.as_ref().and_then(|judged| judged.updates.as_ref());
        let place = updates.map(|updates| {
            *places.entry(key(updates)).or_insert_with(|| {
                pending.push(updates.iter().map(|update| written(fleet, update)).collect());
                pending.len() - 1
            })
        });
        let stream = managed.judged.as_ref().map(|judged| judged.stream.as_str()).filter(|stream| !stream.is_empty());
        hosts.push(Chosen {
            id: managed.registration.id,
            facts: managed.registration.facts(),
            stream: stream.map(Stream::from_stored),
            pending: place,
            has_agent: managed.registration.source == HostSource::Agent,
            silent: matches!(managed.standing(clock), Standing::Silent | Standing::Waiting),
        });
    }
    Gathered { hosts, pending }
}

fn key(updates: &[Pending]) -> Key {
    let flags = |update: &Pending| u8::from(update.security) | u8::from(update.reboot) << 1 | u8::from(update.held) << 2 | u8::from(update.new) << 3;
    let mut key: Key = updates.iter().map(|update| (update.package, update.arch, update.installed, update.candidate, flags(update), update.advisories.clone())).collect();
    key.sort();
    key
}

fn written(fleet: &State, update: &Pending) -> PendingUpdate {
    let text = |name| fleet.names.text(name).to_owned();
    PendingUpdate {
        name: text(update.package),
        arch: text(update.arch),
        installed: Some(text(update.installed)).filter(|version| !version.is_empty()),
        candidate: text(update.candidate),
        new: update.new,
        held: update.held,
        security: update.security,
        reboot: update.reboot,
        advisories: update.advisories.iter().map(|advisory| text(*advisory)).collect(),
    }
}

/// Hosts with the same value of a label do the same work.
pub fn apart_by_label(fleet: &State, chosen: &RoaringBitmap, label: &str) -> Vec<Apart> {
    let mut sets: BTreeMap<&str, BTreeSet<HostId>> = BTreeMap::new();
    for managed in chosen.iter().filter_map(|number| fleet.numbered(number)) {
        if let Some(value) = managed.registration.labels.get(label) {
            sets.entry(value).or_default().insert(managed.registration.id);
        }
    }
    sets.into_iter().map(|(value, hosts)| Apart { name: format!("label {label} = {value}"), hosts }).collect()
}

/// What was acquired for the releases of some hosts.
async fn artefacts(app: &Shared, hosts: &[Chosen]) -> Result<Artefacts, Refusal> {
    let streams: BTreeSet<&Stream> = hosts.iter().filter_map(|host| host.stream.as_ref()).collect();
    let mut artefacts = Artefacts::default();
    for stream in streams {
        let versions = app.store.acquired(stream).await?.into_iter().map(|acquired| {
            let artefact = Artefact { sha256: acquired.sha256, size: acquired.size, repository: acquired.repository };
            ((acquired.name, acquired.arch, acquired.version), artefact)
        });
        artefacts.0.insert(stream.clone(), versions.collect());
    }
    Ok(artefacts)
}

/// Who drafts, and from what.
pub struct Draft {
    /// What is wanted.
    pub wish: Wish,
    /// Account of whoever drafts; the person of the root document with the same
    /// name may not approve it.
    pub author: String,
    /// Their address, where one is known.
    pub mail: Option<String>,
    /// Hosts that were chosen.
    pub chosen: RoaringBitmap,
    /// Hosts of which never two may change at once.
    pub apart: Vec<Apart>,
}

/// Decides what a package is and keeps it as a draft.
///
/// # Errors
///
/// 409 `E-HOSTS` where no host is left, `E-POST-DEPLOY` where a check is missing
/// that the policy wants after a change; what the store meets.
pub async fn draft(app: &Shared, actor: &Actor, draft: Draft) -> Result<PackageRow, Refusal> {
    let draft = Arc::new(draft);
    let gathered = {
        let fleet = app.fleet.read();
        gather(&fleet, &draft.chosen, app.clock())
    };
    let artefacts = Arc::new(artefacts(app, &gathered.hosts).await?);
    let answers = Arc::new(answers::gather(app, &draft.chosen, &gathered).await?);
    let gathered = Arc::new(gathered);
    for _ in 0..TRIES {
        let version = app.store.next_package_version(draft.wish.client).await?;
        let in_force = app.policies.in_force();
        afterwards::hold(&in_force.set, &draft.wish.checks).map_err(refused)?;
        let declared = emergency::hold(app, &in_force.set, &draft, &gathered).await?;
        let (input, artefacts, gathered, answers) = (Arc::clone(&draft), Arc::clone(&artefacts), Arc::clone(&gathered), Arc::clone(&answers));
        let (row, content) = app.compute(move || decided(&input, version, &in_force, &gathered, &artefacts, &answers, declared)).await.map_err(refused)?;
        let mut intent = Intent::new(actor.clone(), Timestamp::now(), "package.draft", format!("package-draft:{}", row.digest));
        intent.reason = Some(draft.wish.reason.clone()).filter(|reason| !reason.is_empty());
        let mut change = app.store.begin(intent).await?;
        match change.add_package(&row, &content).await {
            Err(error) if error.problem.code == "E-TAKEN" => continue,
            done => done?,
        }
        change.commit(None).await?;
        let _ = app.news.send(News::Other);
        return Ok(row);
    }
    Err(Refusal::new(StatusCode::CONFLICT, "E-RACE", "others draft packages at the same time", "try again"))
}

fn refused(problem: Problem) -> Refusal {
    match problem.code.as_str() {
        "E-HOSTS" | "E-POST-DEPLOY" => Refusal::new(StatusCode::CONFLICT, problem.code, problem.text, problem.next).at(problem.place),
        _ => problem.into(),
    }
}

fn named(set: &PolicySet, sha256: String) -> PolicyNamed {
    let policy = set.policies.first();
    PolicyNamed {
        id: policy.map(|policy| policy.id.clone()).unwrap_or_default(),
        version: policy.map(|policy| policy.version.clone()).unwrap_or_default(),
        sha256,
    }
}

fn decided(draft: &Draft, version: u64, held: &InForce, gathered: &Gathered, artefacts: &Artefacts, answers: &[Answered], declared: Vec<Because>) -> Result<(PackageRow, PackageContent), Problem> {
    let hosts: Vec<Candidate<'_>> = gathered
        .hosts
        .iter()
        .map(|host| Candidate { id: host.id, facts: host.facts.clone(), stream: host.stream.as_ref(), pending: host.pending, has_agent: host.has_agent, silent: host.silent })
        .collect();
    // Whole seconds: what people read is what they sign.
    let now = Timestamp::from_second(Timestamp::now().as_second()).unwrap_or_default();
    let explained = decide(&Input {
        now,
        wish: &draft.wish,
        author: &draft.author,
        version,
        policy: named(&held.set, held.digest()),
        rules: &held.set.rollout,
        hosts: &hosts,
        pending: &gathered.pending,
        artefacts,
        apart: &draft.apart,
    });
    let decision = explained.decision;
    if decision.places.is_empty() {
        let mut reasons: BTreeMap<&str, usize> = BTreeMap::new();
        for left in &decision.left_out {
            *reasons.entry(&left.reason).or_default() += 1;
        }
        let shown: Vec<String> = reasons.iter().take(5).map(|(reason, count)| format!("{count}: {reason}")).collect();
        let text = format!("none of {} hosts can be in the package: {}", hosts.len(), shown.join("; "));
        return Err(Problem::new("E-HOSTS", "hosts", text, "choose other hosts or updates, or acquire what is missing"));
    }
    let answers = answers.iter().filter(|answer| decision.package.advisories.contains(&answer.advisory)).cloned().collect();
    let because = declared.into_iter().chain(explained.because).collect();
    let notes = Notes { because, why: decision.why, left_out: decision.left_out, apart: decision.apart, answers };
    sealed(decision.package, decision.places, &notes)
}

/// Puts the root of the list of hosts into the package, and writes it down.
fn sealed(mut package: DeploymentPackage, places: Vec<Place>, notes: &Notes) -> Result<(PackageRow, PackageContent), Problem> {
    let failed = |error: serde_json::Error| Problem::new("E-FORMAT", "package", error.to_string(), "report this as a bug");
    let hosts = serde_json::to_vec(&places).map_err(failed)?;
    let notes = serde_json::to_vec(notes).map_err(failed)?;
    package.hosts = HostTree::new(places)?.list();
    let (name, title, author) = (package.name.clone(), package.title.clone(), package.author.clone());
    let (client, version, created, expires) = (package.client, package.version, package.created, package.expires);
    let signed = SignedPackage::unsigned(package);
    // Read back once: what hosts would refuse is not offered to anybody.
    let document = signed.bytes();
    let digest = SignedPackage::read("package", &document)?.digest();
    let row = PackageRow { digest, client, name, version, title, author, state: PackageState::Draft, created, expires, accepted: None };
    Ok((row, PackageContent { document, hosts, notes }))
}
