//! Builds the database from facts, in memory, deterministically.

use super::file::File;
use super::layout::{self, Identifier, ThreatRow, kind};
use super::shard::{ByName, Shard};
use crate::advisories::Fact;
use plimsoll_core::knowledge::{AdvisoryFacts, AdvisoryText};
use plimsoll_core::model::advisory::{Advisory, Affected, Cvss, NamesWhat, Only, RangeEnd, Status};
use plimsoll_core::model::problem::Problem;
use plimsoll_core::model::source::Source;
use plimsoll_core::model::statement::Statement;
use plimsoll_core::model::stream::Stream;
use plimsoll_core::model::support::{PackageSupport, SupportWindow};
use plimsoll_core::model::threat::{Epss, Kev, Ssvc};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet, HashMap};
use zerocopy::IntoBytes;

/// Signs the header: the public key, and the signature of the bytes given.
pub trait Signer {
    /// Ed25519 public key.
    fn public_key(&self) -> [u8; 32];
    /// Ed25519 signature of `message`.
    fn sign(&self, message: &[u8]) -> [u8; 64];
}

impl Signer for ed25519_dalek::SigningKey {
    fn public_key(&self) -> [u8; 32] {
        self.verifying_key().to_bytes()
    }

    fn sign(&self, message: &[u8]) -> [u8; 64] {
        ed25519_dalek::Signer::sign(self, message).to_bytes()
    }
}

/// A CVE's facts beside EPSS, as stored.
#[derive(Clone, PartialEq, Debug, Default, Serialize, Deserialize)]
pub struct ThreatDetails {
    /// CVSS scores, newest version first.
    pub cvss: Vec<Cvss>,
    /// Known exploited.
    pub kev: Option<Kev>,
    /// Decision points.
    pub ssvc: Option<Ssvc>,
    /// Publication.
    pub published: Option<jiff::Timestamp>,
    /// EPSS day, days since 1970, where it is not that of most scores.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub epss_day: Option<u32>,
}

/// Support facts of one product or stream, as stored.
#[derive(Clone, PartialEq, Debug, Default, Serialize, Deserialize)]
pub struct SupportFacts {
    /// Windows of the product.
    pub windows: Vec<SupportWindow>,
    /// Packages of the stream.
    pub packages: Vec<PackageSupport>,
}

/// Where a text lies: chunk number, offset and length inside it.
#[derive(Clone, Copy, PartialEq, Debug, Serialize, Deserialize)]
pub struct TextPlace {
    /// Chunk.
    pub chunk: u32,
    /// Offset in the decompressed chunk.
    pub offset: u32,
    /// Length.
    pub length: u32,
}

/// An advisory as stored.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct StoredAdvisory {
    /// What a finding needs.
    pub facts: AdvisoryFacts,
    /// Where its long text lies.
    pub text: TextPlace,
}

/// One rule before numbering.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(super) struct Draft {
    pub(super) names: NamesWhat,
    pub(super) introduced: Option<String>,
    pub(super) end: DraftEnd,
    pub(super) status: Status,
    pub(super) only: Option<u32>,
}

/// Where its range ends.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(super) enum DraftEnd {
    Open,
    Fixed(String),
    LastAffected(String),
    Exactly,
}

/// Rules of one advisory, by stream number and name number.
type DraftRules = BTreeMap<(u32, u32), Vec<Draft>>;

struct Entry {
    stored: StoredAdvisory,
    rules: DraftRules,
}

/// Gathers facts and writes the file.
///
/// Facts of the same advisory id from several sources become one advisory:
/// the text of the first source is kept, names and rules are united. Add
/// sources in a fixed order, the vendor's own feed before copies of it.
#[derive(Default)]
pub struct Builder {
    sources: Vec<Source>,
    advisories: BTreeMap<String, Entry>,
    texts: Texts,
    streams: Names,
    packages: Names,
    onlys: Vec<Only>,
    threats: HashMap<u32, (Option<Epss>, ThreatDetails)>,
    statements: Vec<Statement>,
    support: BTreeMap<String, SupportFacts>,
    rejected: u64,
}

/// Numbers strings in the order of their first appearance.
#[derive(Default)]
struct Names {
    numbers: HashMap<String, u32>,
    list: Vec<String>,
}

impl Names {
    fn number(&mut self, text: &str) -> u32 {
        if let Some(&number) = self.numbers.get(text) {
            return number;
        }
        let number = self.list.len() as u32;
        self.list.push(text.to_owned());
        self.numbers.insert(text.to_owned(), number);
        number
    }

    fn get(&self, number: u32) -> &str {
        self.list.get(number as usize).map_or("", String::as_str)
    }
}

/// Long texts, compressed as they come so that a whole feed's prose is never
/// in memory at once.
#[derive(Default)]
struct Texts {
    open: Vec<u8>,
    done: Vec<u8>,
    ends: Vec<u64>,
}

impl Texts {
    fn add(&mut self, text: &AdvisoryText) -> TextPlace {
        let bytes = rmp_serde::to_vec_named(text).unwrap_or_default();
        if !self.open.is_empty() && self.open.len() + bytes.len() > layout::TEXT_CHUNK {
            self.close();
        }
        let place = TextPlace {
            chunk: self.ends.len() as u32,
            offset: self.open.len() as u32,
            length: bytes.len() as u32,
        };
        self.open.extend_from_slice(&bytes);
        place
    }

    fn close(&mut self) {
        if self.open.is_empty() {
            return;
        }
        let packed = zstd::bulk::compress(&self.open, 3).unwrap_or_default();
        self.done.extend_from_slice(&packed);
        self.ends.push(self.done.len() as u64);
        self.open.clear();
    }
}

impl Builder {
    /// Adds a source and returns its number for [`Builder::add`].
    pub fn source(&mut self, source: Source) -> u16 {
        self.sources.push(source);
        (self.sources.len() - 1) as u16
    }

    /// Changes a source's record after its facts were read.
    pub fn source_mut(&mut self, number: u16) -> Option<&mut Source> {
        self.sources.get_mut(number as usize)
    }

    /// Adds one fact of a source.
    ///
    /// A CVE id that is not one is counted and otherwise ignored: some feeds
    /// carry placeholders such as `CVE-XXXX-XXXX`.
    pub fn add(&mut self, source: u16, fact: Fact) {
        match fact {
            Fact::Advisory(advisory) => self.advisory(source, *advisory),
            Fact::Epss { cve, epss } => self.threat(&cve, |newest, _| {
                if newest.as_ref().is_none_or(|known| known.date < epss.date) {
                    *newest = Some(epss);
                }
            }),
            Fact::Cvss { cve, cvss } => self.threat(&cve, |_, details| {
                if !details.cvss.contains(&cvss) {
                    details.cvss.push(cvss);
                }
            }),
            Fact::Kev { cve, kev } => self.threat(&cve, |_, details| {
                if details.kev.as_ref().is_none_or(|known| kev.date_added < known.date_added) {
                    details.kev = Some(kev);
                }
            }),
            Fact::Ssvc { cve, ssvc } => self.threat(&cve, |_, details| {
                details.ssvc.get_or_insert(ssvc);
            }),
            Fact::Published { cve, published } => self.threat(&cve, |_, details| {
                details.published.get_or_insert(published);
            }),
            Fact::Support(window) => {
                self.support.entry(window.product.clone()).or_default().windows.push(window);
            }
            Fact::PackageSupport(package) => {
                let key = package.stream.as_str().to_owned();
                self.support.entry(key).or_default().packages.push(package);
            }
            Fact::Statement(statement) => self.statements.push(*statement),
        }
    }

    fn threat(&mut self, cve: &str, change: impl FnOnce(&mut Option<Epss>, &mut ThreatDetails)) {
        match layout::cve_number(cve) {
            Some(number) => {
                let (epss, details) = self.threats.entry(number).or_default();
                change(epss, details);
            }
            None => self.rejected += 1,
        }
    }

    fn advisory(&mut self, source: u16, advisory: Advisory) {
        let rules = if advisory.withdrawn.is_some() {
            DraftRules::new()
        } else {
            self.draft_rules(&advisory.affected)
        };
        match self.advisories.get_mut(&advisory.id) {
            Some(entry) => unite(entry, source, advisory, rules),
            None => {
                let id = advisory.id.clone();
                let entry = self.new_entry(source, advisory, rules);
                self.advisories.insert(id, entry);
            }
        }
    }

    fn new_entry(&mut self, source: u16, advisory: Advisory, rules: DraftRules) -> Entry {
        let mut packages: BTreeSet<String> = BTreeSet::new();
        for affected in advisory.affected.iter().take(20_000) {
            packages.insert(format!("{}/{}", affected.stream, affected.name));
        }
        let text = self.texts.add(&AdvisoryText {
            details: advisory.details,
            references: advisory.references,
            packages: packages.into_iter().take(AdvisoryText::PACKAGE_LIMIT).collect(),
        });
        Entry {
            stored: StoredAdvisory {
                facts: AdvisoryFacts {
                    id: advisory.id,
                    aliases: advisory.aliases,
                    cves: advisory.cves,
                    kind: advisory.kind,
                    summary: advisory.summary,
                    published: advisory.published,
                    modified: advisory.modified,
                    withdrawn: advisory.withdrawn,
                    severities: advisory.severities,
                    workarounds: advisory.workarounds,
                    sources: vec![source],
                },
                text,
            },
            rules,
        }
    }

    fn draft_rules(&mut self, affected: &[Affected]) -> DraftRules {
        let mut rules = DraftRules::new();
        for one in affected {
            let stream = self.streams.number(one.stream.as_str());
            let name = self.packages.number(&one.name);
            let only = self.only(&one.only);
            let list = rules.entry((stream, name)).or_default();
            let draft = |introduced, end| Draft { names: one.names, introduced, end, status: one.status, only };
            for range in &one.ranges {
                let end = match &range.end {
                    RangeEnd::Open => DraftEnd::Open,
                    RangeEnd::Fixed(version) => DraftEnd::Fixed(version.clone()),
                    RangeEnd::LastAffected(version) => DraftEnd::LastAffected(version.clone()),
                };
                list.push(draft(range.introduced.clone(), end));
            }
            for version in &one.versions {
                list.push(draft(Some(version.clone()), DraftEnd::Exactly));
            }
            if one.ranges.is_empty() && one.versions.is_empty() && one.status != Status::Affected {
                list.push(draft(None, DraftEnd::Open));
            }
            list.sort();
            list.dedup();
        }
        rules.retain(|_, list| !list.is_empty());
        rules
    }

    fn only(&mut self, only: &Only) -> Option<u32> {
        if *only == Only::default() {
            return None;
        }
        // Few distinct values exist (modules, minor releases), so a scan is enough.
        let found = self.onlys.iter().rposition(|known| known == only);
        Some(found.unwrap_or_else(|| {
            self.onlys.push(only.clone());
            self.onlys.len() - 1
        }) as u32)
    }

    /// Writes the file.
    pub fn finish(mut self, signer: Option<&dyn Signer>) -> Result<Vec<u8>, Problem> {
        self.texts.close();
        let mut file = File::default();
        for source in &mut self.sources {
            source.streams.sort();
            source.streams.dedup();
        }
        let entries = std::mem::take(&mut self.advisories);
        let (numbered, identifiers) = self.number(entries);
        file.section(kind::SOURCES, pack(&self.sources)?);
        self.write_shards(&mut file, &numbered)?;
        write_advisories(&mut file, &numbered)?;
        let mut ends = Vec::with_capacity(self.texts.ends.len() * 8);
        for end in &self.texts.ends {
            ends.extend_from_slice(&end.to_le_bytes());
        }
        file.section(kind::TEXT_INDEX, ends);
        file.section(kind::TEXTS, std::mem::take(&mut self.texts.done));
        file.section(kind::IDENTIFIERS, identifiers);
        self.write_threats(&mut file)?;
        self.write_statements(&mut file)?;
        self.write_support(&mut file)?;
        let built = self.sources.iter().filter_map(|source| source.fetched.or(source.newest)).max();
        Ok(file.finish(built, signer))
    }

    /// Numbers advisories by the stream they first speak of, then by id, so
    /// that one host's advisories lie together.
    fn number(&self, entries: BTreeMap<String, Entry>) -> (Vec<Entry>, Vec<u8>) {
        let mut list: Vec<(String, Entry)> = entries
            .into_iter()
            .map(|(id, entry)| {
                let stream = entry.rules.keys().map(|(stream, _)| self.streams.get(*stream)).min();
                (format!("{}\0{id}", stream.unwrap_or("~")), entry)
            })
            .collect();
        list.sort_by(|a, b| a.0.cmp(&b.0));
        let list: Vec<Entry> = list.into_iter().map(|(_, entry)| entry).collect();
        let mut identifiers = Vec::new();
        for (number, entry) in list.iter().enumerate() {
            let facts = &entry.stored.facts;
            let names: BTreeSet<&str> = std::iter::once(facts.id.as_str())
                .chain(facts.aliases.iter().map(String::as_str))
                .chain(facts.cves.iter().map(String::as_str))
                .collect();
            for name in names {
                identifiers.push(Identifier {
                    hash: layout::identifier_hash(name),
                    value: (number as u32).into(),
                });
            }
        }
        identifiers.sort();
        identifiers.dedup();
        (list, identifiers.as_slice().as_bytes().to_vec())
    }

    fn write_shards(&self, file: &mut File, numbered: &[Entry]) -> Result<(), Problem> {
        let mut by_stream: BTreeMap<&str, ByName<'_>> = BTreeMap::new();
        for (number, entry) in numbered.iter().enumerate() {
            for ((stream, name), drafts) in &entry.rules {
                let names = by_stream.entry(self.streams.get(*stream)).or_default();
                let name = self.packages.get(*name);
                // Drafts are sorted, those on sources first.
                for group in drafts.chunk_by(|a, b| a.names == b.names) {
                    let Some(first) = group.first() else { continue };
                    let list = names.entry((name, first.names)).or_default();
                    list.extend(group.iter().map(|draft| (number as u32, draft)));
                }
            }
        }
        let mut directory: Vec<(String, u64, u64)> = Vec::new();
        let mut shards = Vec::new();
        for (stream, names) in by_stream {
            let start = shards.len() as u64;
            let scheme = Stream::from_stored(stream).scheme();
            Shard::new(scheme, &self.onlys).write(&names, &mut shards)?;
            directory.push((stream.to_owned(), start, shards.len() as u64 - start));
        }
        file.section(kind::STREAMS, pack(&directory)?);
        file.section(kind::SHARDS, shards);
        Ok(())
    }

    fn write_threats(&mut self, file: &mut File) -> Result<(), Problem> {
        let mut threats: Vec<_> = std::mem::take(&mut self.threats).into_iter().collect();
        threats.sort_unstable_by_key(|(cve, _)| *cve);
        let day = commonest_day(threats.iter().filter_map(|(_, (epss, _))| epss.as_ref()));
        let mut details = Vec::new();
        let mut rows = Vec::with_capacity(threats.len());
        for (cve, (epss, mut detail)) in threats {
            detail.epss_day = epss.as_ref().map(|epss| days(epss.date)).filter(|own| *own != day);
            let offset = if detail == ThreatDetails::default() {
                0
            } else {
                detail.cvss.sort_by(|a, b| {
                    (b.version, b.base_tenths).cmp(&(a.version, a.base_tenths)).then_with(|| a.vector.cmp(&b.vector))
                });
                append(&mut details, &detail)?.checked_add(1).ok_or_else(|| too_long("section", "database"))?
            };
            let millionths = |share: f32| (f64::from(share.clamp(0.0, 1.0)) * 1e6).round() as u32;
            rows.push(ThreatRow {
                cve: cve.into(),
                scores: layout::pack_scores(epss.map(|epss| (millionths(epss.score), millionths(epss.percentile)))),
                details: offset.into(),
            });
        }
        let mut index: Vec<u8> = day.to_le_bytes().to_vec();
        index.extend(rows.iter().step_by(layout::THREAT_STRIDE).flat_map(|row| row.cve.to_bytes()));
        file.section(kind::THREAT_INDEX, index);
        file.section(kind::THREATS, rows.as_slice().as_bytes().to_vec());
        file.section(kind::THREAT_DETAILS, details);
        Ok(())
    }

    fn write_statements(&self, file: &mut File) -> Result<(), Problem> {
        let (mut index, mut heap) = (Vec::new(), Vec::new());
        for statement in &self.statements {
            let offset = append(&mut heap, statement)?;
            for vulnerability in &statement.vulnerabilities {
                index.push(Identifier { hash: layout::identifier_hash(vulnerability), value: offset.into() });
            }
        }
        index.sort();
        index.dedup();
        file.section(kind::STATEMENT_INDEX, index.as_slice().as_bytes().to_vec());
        file.section(kind::STATEMENTS, heap);
        Ok(())
    }

    fn write_support(&self, file: &mut File) -> Result<(), Problem> {
        let (mut index, mut heap) = (Vec::new(), Vec::new());
        for (product, facts) in &self.support {
            let offset = append(&mut heap, facts)?;
            index.push(Identifier { hash: layout::identifier_hash(product), value: offset.into() });
        }
        index.sort();
        file.section(kind::SUPPORT_INDEX, index.as_slice().as_bytes().to_vec());
        file.section(kind::SUPPORT, heap);
        Ok(())
    }
}

/// Unites a further source's word on an advisory with the first one's.
fn unite(entry: &mut Entry, source: u16, advisory: Advisory, rules: DraftRules) {
    let facts = &mut entry.stored.facts;
    if !facts.sources.contains(&source) {
        facts.sources.push(source);
    }
    for (known, new) in [(&mut facts.aliases, advisory.aliases), (&mut facts.cves, advisory.cves)] {
        for name in new {
            if !known.contains(&name) {
                known.push(name);
            }
        }
    }
    for severity in advisory.severities {
        if !facts.severities.contains(&severity) {
            facts.severities.push(severity);
        }
    }
    for workaround in advisory.workarounds {
        if !facts.workarounds.contains(&workaround) {
            facts.workarounds.push(workaround);
        }
    }
    if facts.summary.is_empty() {
        facts.summary = advisory.summary;
    }
    facts.published = facts.published.or(advisory.published);
    facts.modified = facts.modified.max(advisory.modified);
    facts.withdrawn = facts.withdrawn.or(advisory.withdrawn);
    for (place, list) in rules {
        let known = entry.rules.entry(place).or_default();
        known.extend(list);
        known.sort();
        known.dedup();
    }
    if facts.withdrawn.is_some() {
        entry.rules.clear();
    }
}

fn write_advisories(file: &mut File, numbered: &[Entry]) -> Result<(), Problem> {
    let mut index = Vec::with_capacity(numbered.len() * 8);
    let mut body = Vec::new();
    for entry in numbered {
        index.extend_from_slice(&(body.len() as u64).to_le_bytes());
        append(&mut body, &entry.stored)?;
    }
    file.section(kind::ADVISORY_INDEX, index);
    file.section(kind::ADVISORIES, body);
    Ok(())
}

/// The day that most scores have, the latest among equals; zero without any.
fn commonest_day<'a>(scores: impl Iterator<Item = &'a Epss>) -> u32 {
    let mut counts: BTreeMap<u32, u64> = BTreeMap::new();
    for epss in scores {
        *counts.entry(days(epss.date)).or_default() += 1;
    }
    counts.into_iter().max_by_key(|(day, count)| (*count, *day)).map_or(0, |(day, _)| day)
}

fn days(date: jiff::civil::Date) -> u32 {
    let epoch = jiff::civil::date(1970, 1, 1);
    date.since(epoch).map_or(0, |span| u32::try_from(span.get_days()).unwrap_or(0))
}

pub(super) fn too_long(what: &str, text: &str) -> Problem {
    Problem::new(
        "E-LIMIT",
        text,
        format!("this {what} is longer than the database can hold"),
        "report the source it came from",
    )
}

pub(super) fn pack(value: &impl Serialize) -> Result<Vec<u8>, Problem> {
    rmp_serde::to_vec_named(value).map_err(|error| {
        Problem::new("E-DB", "database", format!("a record cannot be stored: {error}"), "report this as a bug")
    })
}

/// Appends a length-prefixed record and returns its offset.
fn append(heap: &mut Vec<u8>, value: &impl Serialize) -> Result<u32, Problem> {
    let offset = u32::try_from(heap.len()).map_err(|_| too_long("section", "database"))?;
    let bytes = pack(value)?;
    heap.extend_from_slice(&(bytes.len() as u32).to_le_bytes());
    heap.extend_from_slice(&bytes);
    Ok(offset)
}
