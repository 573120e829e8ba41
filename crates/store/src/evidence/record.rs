//! **Record**: the entries that tell of one rollout, from the store or from an
//! exported folder, which give the same.
//!
//! What a leaf says was written by [`crate::rollouts`] and
//! [`crate::deployment_packages`]; it is read back here.

use super::export::{Disclosed, tile_path, tiles_of};
use super::reading::{Entry, with_texts};
use super::signing::read_checkpoint;
use super::verify::{bundle_of, read, text};
use super::{Hash, TILE};
use crate::columns::{Columns, placeholders};
use crate::engine::Store;
use crate::error::{ErrorKind, Result, StoreError};
use crate::leases::to_number;
use crate::remarks::CLOCK;
use data_encoding::HEXLOWER;
use jiff::Timestamp;
use plimsoll_core::model::assignment::Go;
use plimsoll_core::model::authorisation::{Remark, RemarkKind};
use plimsoll_core::model::deployment_package::{DeploymentPackage, Place};
use plimsoll_core::model::identifier::{ExceptionId, HostId};
use plimsoll_core::model::outcome::State;
use plimsoll_core::model::policy::governance::Involvement;
use plimsoll_core::model::question::QuestionState;
use plimsoll_core::phases::confirm::Confirmed;
use plimsoll_core::phases::confirm::second::Agreement;
use plimsoll_core::phases::deploy::{Gate, Progress, RingStanding, Wanted};
use plimsoll_core::phases::document::{self, ClientWord, Event, Moved, Saw, Seal, Started, Triaged, Word};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::Value;
use std::collections::BTreeMap;
use std::path::Path;

/// Statements name this many objects at a time.
const TOGETHER: usize = 500;
/// Greatest file of texts.
const TEXTS: u64 = 256 << 20;
/// Greatest checkpoint.
const NOTE: u64 = 64 << 10;

/// What the log tells of one rollout.
#[derive(Clone, PartialEq, Debug)]
pub struct Told {
    /// The entries, by position.
    pub entries: Vec<document::Entry>,
    /// The first checkpoint that covers them all.
    pub seal: Seal,
    /// What people signed, as it is written: its digest names the rollout.
    pub document: String,
}

#[derive(Deserialize)]
struct Content {
    document: String,
    hosts: String,
    notes: String,
    names: BTreeMap<HostId, String>,
}

/// The document of a package is an envelope, whoever signed it.
#[derive(Deserialize)]
struct Signed {
    signed: DeploymentPackage,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct Notes {
    because: Vec<plimsoll_core::model::because::Because>,
    left_out: Vec<plimsoll_core::phases::package::LeftOut>,
    answers: Vec<document::Answered>,
}

#[derive(Deserialize)]
struct Shown {
    generation: u64,
    state: Wanted,
    gate: Gate,
    rings: Vec<Progress>,
    reasons: Vec<String>,
}

#[derive(Deserialize)]
struct AskedClient {
    package: String,
    involvement: Involvement,
    state: QuestionState,
    answer_by: Timestamp,
    waiver: Option<ExceptionId>,
}

#[derive(Deserialize)]
struct Heard {
    package: String,
    host: HostId,
    generation: u64,
    state: State,
    observed: Timestamp,
    saw: Option<Saw>,
}

#[derive(Deserialize)]
struct Seen {
    state: Confirmed,
    #[serde(default)]
    reasons: Vec<String>,
    report: Option<String>,
    second: Option<Agreement>,
}

/// A value of a leaf; none where an older version wrote it otherwise.
fn of<T: DeserializeOwned>(value: Option<&Value>) -> Option<T> {
    T::deserialize(value?).ok()
}

/// Gathers entries of one package.
struct Gather<'a> {
    package: &'a str,
    entries: Vec<document::Entry>,
    document: String,
}

impl<'a> Gather<'a> {
    fn new(package: &'a str) -> Self {
        Self { package, entries: Vec::new(), document: String::new() }
    }

    fn objects(&self) -> [String; 3] {
        ["rollout", "package", "package-draft"].map(|kind| format!("{kind}:{}", self.package))
    }

    /// Takes in an entry where it tells of the package.
    fn take(&mut self, entry: &Entry) {
        let Some(position) = entry.position else { return };
        if !self.objects().contains(&entry.object) && !entry.object.starts_with("outcome:") {
            return;
        }
        for event in self.events(entry) {
            self.entries.push(document::Entry {
                position,
                at: entry.time,
                who: entry.actor_name.clone().unwrap_or_else(|| entry.actor.clone()),
                reason: entry.reason.clone(),
                event,
            });
        }
    }

    fn events(&mut self, entry: &Entry) -> Vec<Event> {
        let package = self.package;
        let after = entry.after.as_ref().and_then(Value::as_object);
        let state = |kind: &str| after.and_then(|after| after.get(&format!("{kind}:{package}")));
        match entry.verb.as_str() {
            "package.draft" => return vec![Event::Drafted],
            crate::deployment_packages::ACCEPT => return vec![Event::Accepted],
            verb if RemarkKind::ALL.iter().any(|kind| kind.verb() == verb) => return after.into_iter().flatten().filter_map(|(object, value)| remarked(package, object, value, entry)).collect(),
            "package.sign" => return after.into_iter().flatten().filter_map(|(object, value)| signed(package, object, value)).collect(),
            "rollout.confirm" => return after.into_iter().flatten().filter_map(|(object, value)| confirmed(package, object, value)).collect(),
            "outcome.report" => return after.into_iter().flatten().filter_map(|(object, value)| said(package, object, value)).collect(),
            _ => {}
        }
        let mut events = Vec::new();
        let shown: Option<Shown> = of(state("rollout"));
        if let (Some(content), Some(shown)) = (of::<Content>(state("rollout-content")), &shown)
            && let Some(started) = started(&content, shown.generation)
        {
            self.document = content.document;
            events.push(Event::Started(Box::new(started)));
        }
        if let Some(Shown { generation, state: wanted, gate, rings, reasons }) = shown {
            let standings: Option<Vec<RingStanding>> = of(state("standings"));
            let moved = Moved { verb: entry.verb.clone(), generation, wanted, gate, rings, reasons, standings };
            if entry.verb != "rollout.start" {
                events.push(Event::Moved(Box::new(moved)));
            }
        }
        if let Some(asked) = after.into_iter().flatten().find_map(|(object, value)| of::<AskedClient>(Some(value)).filter(|_| object.starts_with("question:")))
            && asked.package == package
        {
            let AskedClient { involvement, state, answer_by, waiver, .. } = asked;
            events.push(Event::Client(Box::new(ClientWord { verb: entry.verb.clone(), involvement, state, answer_by, waiver })));
        }
        if let Some(list) = of::<Vec<(HostId, Option<Go>)>>(state("assignments")) {
            events.push(Event::Assigned(list));
        }
        if let Some(list) = of::<Vec<Triaged>>(state("triages")) {
            events.push(Event::Triaged(list));
        }
        events
    }

    /// Closes it with the first checkpoint that covers everything.
    fn sealed(mut self, checkpoints: &[(u64, Hash)], origin: String, verifier_key: String) -> Result<Told> {
        self.entries.sort_by_key(|entry| entry.position);
        let last = self.entries.last().map(|entry| entry.position);
        let covering = checkpoints.iter().filter(|(size, _)| last.is_some_and(|last| *size > last)).min();
        let Some(((size, root), last)) = covering.zip(last) else {
            return Err(StoreError::not_found(format!("rollout:{}", self.package)));
        };
        let first = self.entries.first().map_or(last, |entry| entry.position);
        let mut positions: Vec<u64> = self.entries.iter().map(|entry| entry.position).collect();
        positions.dedup();
        let seal = Seal { origin, size: *size, root: HEXLOWER.encode(root), verifier_key, entries: positions.len() as u64, positions: (first, last) };
        Ok(Told { entries: self.entries, seal, document: self.document })
    }
}

fn started(content: &Content, generation: u64) -> Option<Started> {
    let Signed { signed: package } = serde_json::from_str(&content.document).ok()?;
    let places: Vec<Place> = serde_json::from_str(&content.hosts).ok()?;
    let Notes { because, left_out, answers } = serde_json::from_str(&content.notes).unwrap_or_default();
    Some(Started { generation, package, places, names: content.names.clone(), answers, left_out, because })
}

fn signed(package: &str, object: &str, value: &Value) -> Option<Event> {
    let keyid = object.strip_prefix("package-signature:")?.strip_prefix(package)?.strip_prefix(':')?;
    Some(Event::Signed { person: value.get("person")?.as_str()?.to_owned(), keyid: keyid.to_owned() })
}

fn remarked(package: &str, object: &str, value: &Value, entry: &Entry) -> Option<Event> {
    let kind = RemarkKind::parse(object.strip_prefix("package-remark:")?.strip_prefix(package)?.strip_prefix(':')?)?;
    let clock = value.get("clock").and_then(Value::as_str);
    let person = || entry.actor_name.clone().unwrap_or_else(|| entry.actor.clone());
    let who = if clock.is_some() { CLOCK.to_owned() } else { person() };
    Some(Event::Remarked(Remark { kind, who, text: clock.unwrap_or_default().to_owned(), at: entry.time }))
}

fn confirmed(package: &str, object: &str, value: &Value) -> Option<Event> {
    let host = object.strip_prefix("confirmation:")?.strip_prefix(package)?.strip_prefix(':')?.parse().ok()?;
    let Seen { state, reasons, report, second } = of(Some(value))?;
    Some(Event::Confirmed { host, state, reasons, report, second })
}

fn said(package: &str, object: &str, value: &Value) -> Option<Event> {
    let attempt = object.strip_prefix("outcome:")?.to_owned();
    let heard: Heard = of(Some(value))?;
    let Heard { host, generation, state, observed, saw, .. } = heard;
    (heard.package == package).then(|| Event::Said(Box::new(Word { attempt, host, generation, state, observed, saw })))
}

impl Store {
    /// What the log tells of one rollout, up to its newest checkpoint.
    ///
    /// # Errors
    /// `E-NOT-FOUND` where it tells nothing under a checkpoint yet.
    pub async fn rollout_evidence(&self, package: &str) -> Result<Told> {
        let log = self.log().await?;
        let newest = self.checkpoint().await?.ok_or_else(|| StoreError::not_found("checkpoint"))?;
        let mut gather = Gather::new(package);
        let mut objects: Vec<String> = gather.objects().into();
        objects.extend(self.outcomes(package).await?.into_iter().map(|outcome| format!("outcome:{}", outcome.attempt)));
        let mut connection = self.reader().await?;
        for objects in objects.chunks(TOGETHER) {
            let marks = placeholders(2, objects.len());
            let sql = format!("SELECT * FROM evidence_leaves WHERE position < $1 AND object IN ({marks}) ORDER BY position");
            let mut query = sqlx::query(sqlx::AssertSqlSafe(sql)).bind(to_number(newest.size)?);
            for object in objects {
                query = query.bind(object.as_str());
            }
            let rows = query.fetch_all(&mut *connection).await?;
            for entry in with_texts(&mut connection, &rows).await? {
                gather.take(&entry);
            }
        }
        let rows = sqlx::query("SELECT size, root FROM evidence_checkpoints ORDER BY size").fetch_all(&mut *connection).await?;
        let mut checkpoints = Vec::with_capacity(rows.len());
        for row in &rows {
            let root = HEXLOWER.decode(row.text("root")?.as_bytes()).ok().and_then(|bytes| bytes.try_into().ok());
            checkpoints.push((row.count("size")?, root.ok_or_else(|| StoreError::damaged("root", "The root is no hash."))?));
        }
        gather.sealed(&checkpoints, newest.origin, log.verifier_key)
    }
}

/// What an exported folder tells of one rollout. The folder is believed here:
/// [`super::verify::verify`] it first.
///
/// # Errors
/// The folder cannot be read, or tells nothing of it.
pub fn exported(folder: &Path, verifier_key: &str, package: &str) -> Result<Told> {
    let broken = |place: &str, text: String| StoreError::new(ErrorKind::Invalid, "E-EVIDENCE-ENTRIES", place, text, "Verify the folder: `plimsoll evidence verify`.");
    let note = |name: &str| read(folder, name, NOTE).and_then(|bytes| text(&bytes)).and_then(|note| read_checkpoint(&note, verifier_key)).map_err(|problem| broken(name, problem));
    let newest = note("checkpoint")?;
    let mut checkpoints = vec![(newest.size, newest.root)];
    for entry in std::fs::read_dir(folder.join("checkpoints")).into_iter().flatten().flatten() {
        let earlier = note(&format!("checkpoints/{}", entry.file_name().to_string_lossy()))?;
        checkpoints.push((earlier.size, earlier.root));
    }
    let mut gather = Gather::new(package);
    for (number, width) in tiles_of(newest.size) {
        let name = tile_path("entries", number, width);
        let leaves = bundle_of(folder, &name).map_err(|problem| broken(&name, problem))?;
        let mut beside = texts(folder, number).map_err(|(place, problem)| broken(&place, problem))?;
        for (position, leaf) in (number * TILE..).zip(leaves) {
            let texts = beside.remove(&position).unwrap_or_default();
            let entry = Entry::from_leaf(leaf, Some(position), texts).map_err(|error| broken(&name, error.problem.text.clone()))?;
            gather.take(&entry);
        }
    }
    gather.sealed(&checkpoints, newest.origin, verifier_key.to_owned())
}

/// Texts beside the leaves of one bundle, by position and field.
fn texts(folder: &Path, number: u64) -> std::result::Result<BTreeMap<u64, BTreeMap<String, String>>, (String, String)> {
    let name = format!("texts/{number}.jsonl");
    let mut all: BTreeMap<u64, BTreeMap<String, String>> = BTreeMap::new();
    if !folder.join(&name).exists() {
        return Ok(all);
    }
    let lines = read(folder, &name, TEXTS).and_then(|bytes| text(&bytes)).map_err(|problem| (name.clone(), problem))?;
    for (line, text) in lines.lines().enumerate() {
        let text: Disclosed = serde_json::from_str(text).map_err(|error| (format!("{name}:{}", line + 1), error.to_string()))?;
        all.entry(text.position).or_default().insert(text.field, text.content);
    }
    Ok(all)
}
