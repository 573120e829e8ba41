//! Builds the database from facts, in memory, deterministically.

use super::layout::{self, Header, Identifier, Name, RuleRow, Section, ShardHead, Span, ThreatRow, Version, kind};
use crate::advisories::Fact;
use plimsoll_core::knowledge::{AdvisoryFacts, AdvisoryText};
use plimsoll_core::model::advisory::{Advisory, Affected, Cvss, NamesWhat, Only, RangeEnd, Status};
use plimsoll_core::model::problem::Problem;
use plimsoll_core::model::source::Source;
use plimsoll_core::model::statement::Statement;
use plimsoll_core::model::stream::Stream;
use plimsoll_core::model::support::{PackageSupport, SupportWindow};
use plimsoll_core::model::threat::{Epss, Kev, Ssvc};
use plimsoll_version::{Scheme, write_key};
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
struct Draft {
    names: NamesWhat,
    introduced: Option<String>,
    end: DraftEnd,
    status: Status,
    only: Option<u32>,
}

#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
enum DraftEnd {
    Open,
    Fixed(String),
    LastAffected(String),
    Exactly,
}

/// Rules of one advisory, by stream number and name number.
type DraftRules = BTreeMap<(u32, u32), Vec<Draft>>;

/// Drafts with their advisory's number, by package name.
type ByName<'a> = BTreeMap<&'a str, Vec<(u32, &'a Draft)>>;

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
    threats: HashMap<u64, (Option<Epss>, ThreatDetails)>,
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
                let list = by_stream
                    .entry(self.streams.get(*stream))
                    .or_default()
                    .entry(self.packages.get(*name))
                    .or_default();
                list.extend(drafts.iter().map(|draft| (number as u32, draft)));
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
        let mut details = Vec::new();
        let mut rows = Vec::with_capacity(threats.len());
        for (cve, (epss, mut detail)) in threats {
            let offset = if detail == ThreatDetails::default() {
                0
            } else {
                detail.cvss.sort_by(|a, b| {
                    (b.version, b.base_tenths).cmp(&(a.version, a.base_tenths)).then_with(|| a.vector.cmp(&b.vector))
                });
                let offset = details.len() as u32 + 1;
                let bytes = pack(&detail)?;
                details.extend_from_slice(&(bytes.len() as u32).to_le_bytes());
                details.extend_from_slice(&bytes);
                offset
            };
            let millionths = |share: f32| (f64::from(share.clamp(0.0, 1.0)) * 1e6).round() as u32;
            rows.push(ThreatRow {
                cve: cve.into(),
                epss: epss.as_ref().map_or(u32::MAX, |epss| millionths(epss.score)).into(),
                percentile: epss.as_ref().map_or(0, |epss| millionths(epss.percentile)).into(),
                day: epss.as_ref().map_or(0, |epss| days(epss.date)).into(),
                details: offset.into(),
            });
        }
        let index: Vec<u8> =
            rows.iter().step_by(layout::THREAT_STRIDE).flat_map(|row| row.cve.to_bytes()).collect();
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

/// Writes one stream's names and rules.
struct Shard<'a> {
    scheme: Option<Scheme>,
    onlys: &'a [Only],
    heap: Vec<u8>,
    versions: HashMap<String, Version>,
    only_numbers: BTreeMap<u32, u16>,
    only_list: Vec<Only>,
}

impl<'a> Shard<'a> {
    fn new(scheme: Option<Scheme>, onlys: &'a [Only]) -> Self {
        Self {
            scheme,
            onlys,
            heap: Vec::new(),
            versions: HashMap::new(),
            only_numbers: BTreeMap::new(),
            only_list: Vec::new(),
        }
    }

    fn version(&mut self, text: &str) -> Result<Version, Problem> {
        if let Some(known) = self.versions.get(text) {
            return Ok(*known);
        }
        let start = self.heap.len();
        self.heap.extend_from_slice(text.as_bytes());
        let middle = self.heap.len();
        let readable = self.scheme.is_some_and(|scheme| write_key(scheme, text, &mut self.heap).is_ok());
        if !readable || self.heap.len() - middle >= layout::UNREADABLE as usize {
            self.heap.truncate(middle);
        }
        let key = if readable && self.heap.len() >= middle {
            (self.heap.len() - middle) as u16
        } else {
            layout::UNREADABLE
        };
        let length = u16::try_from(middle - start).map_err(|_| too_long("version", text))?;
        let version = Version { start: (start as u32).into(), text: length.into(), key: key.into() };
        self.versions.insert(text.to_owned(), version);
        Ok(version)
    }

    fn only(&mut self, number: Option<u32>) -> u16 {
        let Some(number) = number else { return 0 };
        if let Some(&known) = self.only_numbers.get(&number) {
            return known;
        }
        let Some(only) = self.onlys.get(number as usize) else { return 0 };
        self.only_list.push(only.clone());
        let place = self.only_list.len() as u16;
        self.only_numbers.insert(number, place);
        place
    }

    fn row(&mut self, advisory: u32, draft: &Draft) -> Result<RuleRow, Problem> {
        let introduced = draft.introduced.as_deref().map(|text| self.version(text)).transpose()?;
        let (end_kind, end) = match &draft.end {
            DraftEnd::Open => (0, Version::default()),
            DraftEnd::Fixed(text) => (1, self.version(text)?),
            DraftEnd::LastAffected(text) => (2, self.version(text)?),
            DraftEnd::Exactly => (3, Version::default()),
        };
        Ok(RuleRow {
            advisory: advisory.into(),
            introduced: introduced.unwrap_or_default(),
            end,
            only: self.only(draft.only).into(),
            end_kind,
            status: status_number(draft.status),
            names: u8::from(draft.names == NamesWhat::Binary),
            flags: u8::from(introduced.is_some()),
        })
    }

    fn write(
        mut self,
        names: &ByName<'_>,
        out: &mut Vec<u8>,
    ) -> Result<(), Problem> {
        // Names first, so that the binary search stays within few blocks.
        let mut spans = Vec::with_capacity(names.len());
        for name in names.keys() {
            spans.push(Span { start: (self.heap.len() as u32).into(), length: (name.len() as u32).into() });
            self.heap.extend_from_slice(name.as_bytes());
        }
        let mut rows: Vec<RuleRow> = Vec::new();
        let mut directory: Vec<Name> = Vec::with_capacity(names.len());
        for (span, list) in spans.into_iter().zip(names.values()) {
            let first = rows.len() as u32;
            for (advisory, draft) in list {
                let row = self.row(*advisory, draft)?;
                rows.push(row);
            }
            directory.push(Name { name: span, first: first.into(), count: (rows.len() as u32 - first).into() });
        }
        let only = pack(&self.only_list)?;
        let only_span =
            Span { start: (self.heap.len() as u32).into(), length: (only.len() as u32).into() };
        self.heap.extend_from_slice(&only);
        let rules_start = size_of::<ShardHead>() + directory.len() * size_of::<Name>();
        let heap_start = rules_start + rows.len() * size_of::<RuleRow>();
        let fits = |value: usize| u32::try_from(value).map_err(|_| too_long("shard", "stream"));
        let head = ShardHead {
            names: fits(directory.len())?.into(),
            rules: fits(rows.len())?.into(),
            rules_start: fits(rules_start)?.into(),
            heap_start: fits(heap_start)?.into(),
            heap_length: fits(self.heap.len())?.into(),
            only: only_span,
        };
        out.extend_from_slice(head.as_bytes());
        out.extend_from_slice(directory.as_slice().as_bytes());
        out.extend_from_slice(rows.as_slice().as_bytes());
        out.extend_from_slice(&self.heap);
        Ok(())
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

/// Status as stored, by its position in the enum.
pub(super) fn status_number(status: Status) -> u8 {
    match status {
        Status::Affected => 0,
        Status::NotAffected => 1,
        Status::UnderInvestigation => 2,
        Status::Postponed => 3,
        Status::WontFix => 4,
        Status::EndOfLife => 5,
    }
}

fn days(date: jiff::civil::Date) -> u32 {
    let epoch = jiff::civil::date(1970, 1, 1);
    date.since(epoch).map_or(0, |span| u32::try_from(span.get_days()).unwrap_or(0))
}

fn too_long(what: &str, text: &str) -> Problem {
    Problem::new(
        "E-LIMIT",
        text,
        format!("this {what} is longer than the database can hold"),
        "report the source it came from",
    )
}

fn pack(value: &impl Serialize) -> Result<Vec<u8>, Problem> {
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

/// The file being put together.
#[derive(Default)]
struct File {
    sections: Vec<Section>,
    body: Vec<u8>,
}

impl File {
    fn section(&mut self, kind: u32, bytes: Vec<u8>) {
        self.body.resize(self.body.len().next_multiple_of(64), 0);
        self.sections.push(Section {
            kind: kind.into(),
            reserved: 0.into(),
            start: (self.body.len() as u64).into(),
            length: (bytes.len() as u64).into(),
        });
        self.body.extend_from_slice(&bytes);
    }

    fn finish(self, built: Option<jiff::Timestamp>, signer: Option<&dyn Signer>) -> Vec<u8> {
        let mut tables = self.sections.as_slice().as_bytes().to_vec();
        for block in self.body.chunks(layout::BLOCK) {
            tables.extend_from_slice(blake3::hash(block).as_bytes());
        }
        let body = (size_of::<Header>() + tables.len()).next_multiple_of(layout::BLOCK);
        tables.resize(body - size_of::<Header>(), 0);
        let mut header = Header {
            magic: layout::MAGIC,
            format: layout::FORMAT.into(),
            sections: (self.sections.len() as u32).into(),
            length: ((body + self.body.len()) as u64).into(),
            body: (body as u64).into(),
            built: built.map_or(i64::MIN, jiff::Timestamp::as_second).into(),
            tables: *blake3::hash(&tables).as_bytes(),
            signer: signer.map_or([0; 32], Signer::public_key),
            signature: [0; 64],
            checksum: [0; 32],
            reserved: [0; 56],
        };
        if let Some(signer) = signer {
            header.signature = signer.sign(header.as_bytes());
        }
        header.checksum = *blake3::hash(header.as_bytes()).as_bytes();
        let mut out = Vec::with_capacity(body + self.body.len());
        out.extend_from_slice(header.as_bytes());
        out.extend_from_slice(&tables);
        out.extend_from_slice(&self.body);
        out
    }
}
