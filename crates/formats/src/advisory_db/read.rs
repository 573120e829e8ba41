//! Reads the database in place and answers questions of [`Knowledge`].

use super::header::{check_header, check_signature, damaged, not_a_database};
use super::layout::{self, Header, Identifier, Name, RuleRow, Section, ShardHead, ThreatRow, Version, kind};
use super::write::{StoredAdvisory, SupportFacts, ThreatDetails};
use crate::protocol::encode_hex;
use plimsoll_core::knowledge::{AdvisoryFacts, AdvisoryText, Knowledge, Rule, RuleEnd, RuleVersion};
use plimsoll_core::model::advisory::{NamesWhat, Only, Status};
use plimsoll_core::model::problem::Problem;
use plimsoll_core::model::source::Source;
use plimsoll_core::model::statement::Statement;
use plimsoll_core::model::stream::Stream;
use plimsoll_core::model::support::{PackageSupport, SupportWindow};
use plimsoll_core::model::threat::{Epss, Threat};
use serde::de::DeserializeOwned;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, Ordering};
use zerocopy::little_endian::U32;
use zerocopy::{FromBytes, IntoBytes};

/// An open database over bytes that somebody else holds or maps.
pub struct Database<B> {
    bytes: B,
    place: String,
    header: Header,
    sections: [Option<(u64, u64)>; layout::kind::COUNT],
    digests: usize,
    checked: Vec<AtomicBool>,
    sources: Vec<Source>,
    streams: Vec<Shard>,
}

struct Shard {
    stream: String,
    start: u64,
    length: u64,
    open: OnceLock<OpenShard>,
}

struct OpenShard {
    head: ShardHead,
    /// Where its buckets lie in the body.
    buckets: u64,
    /// Where its names lie in the body.
    names: u64,
    /// Where its heap lies in the body.
    heap: u64,
    only: Vec<Only>,
}

/// How thoroughly a database was verified.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Verified {
    /// Blocks of the body whose digest was checked.
    pub blocks: u64,
    /// Bytes of the file.
    pub bytes: u64,
    /// Public key that signed it, hex; none when unsigned.
    pub signed_by: Option<String>,
    /// Advisories decoded.
    pub advisories: u64,
    /// Rules decoded.
    pub rules: u64,
}

impl<B: AsRef<[u8]>> Database<B> {
    /// Opens a database: header, signature and tables are checked, nothing
    /// else is touched.
    ///
    /// `place` is the file's name for messages. With `trusted`, the header
    /// must be signed by that Ed25519 key; without, an unsigned file is
    /// accepted (its digests still find damage, not malice) and a signed one
    /// must verify.
    pub fn open(bytes: B, place: &str, trusted: Option<&[u8; 32]>) -> Result<Self, Problem> {
        let all = bytes.as_ref();
        let (header, _) = Header::read_from_prefix(all).map_err(|_| not_a_database(place, "is shorter than a header"))?;
        check_header(&header, all.len(), place)?;
        check_signature(&header, trusted, place)?;
        let body = header.body.get() as usize;
        let count = header.sections.get() as usize;
        let table_start = size_of::<Header>();
        let table_length = count
            .checked_mul(size_of::<Section>())
            .filter(|length| table_start + length <= body)
            .ok_or_else(|| not_a_database(place, "names more sections than fit"))?;
        let blocks = (all.len() - body).div_ceil(layout::BLOCK);
        let tables = all
            .get(table_start..body)
            .filter(|tables| table_length + blocks * 32 <= tables.len())
            .ok_or_else(|| not_a_database(place, "has no room for its digests"))?;
        if blake3::hash(tables).as_bytes() != &header.tables {
            return Err(damaged(place, "the tables do not have the digest that the header names"));
        }
        let table = <[Section]>::ref_from_bytes(&tables[..table_length])
            .map_err(|_| not_a_database(place, "has an unreadable section table"))?;
        let mut sections = [None; layout::kind::COUNT];
        for section in table {
            if let Some(place) = sections.get_mut(section.kind.get() as usize) {
                *place = Some((section.start.get(), section.length.get()));
            }
        }
        let mut database = Self {
            digests: table_start + table_length,
            checked: (0..blocks).map(|_| AtomicBool::new(false)).collect(),
            place: place.to_owned(),
            header,
            sections,
            sources: Vec::new(),
            streams: Vec::new(),
            bytes,
        };
        database.sources = database.unpack(database.section(kind::SOURCES)?)?;
        let directory: Vec<(String, u64, u64)> = database.unpack(database.section(kind::STREAMS)?)?;
        database.streams = directory
            .into_iter()
            .map(|(stream, start, length)| Shard { stream, start, length, open: OnceLock::new() })
            .collect();
        Ok(database)
    }

    /// Newest input.
    pub fn built(&self) -> Option<jiff::Timestamp> {
        jiff::Timestamp::from_second(self.header.built.get()).ok()
    }

    /// BLAKE3 digest of the header, hex: names the exact bytes, because the
    /// header holds the digest of the tables and those of every block.
    pub fn digest(&self) -> String {
        blake3::hash(self.header.as_bytes()).to_hex().to_string()
    }

    /// Public key that signed it, hex.
    pub fn signed_by(&self) -> Option<String> {
        (self.header.signer != [0; 32]).then(|| encode_hex(&self.header.signer))
    }

    /// Number of advisories.
    pub fn advisory_count(&self) -> u64 {
        self.bounds(kind::ADVISORY_INDEX).map_or(0, |(_, length)| length / 8)
    }

    /// Number of CVEs with scores or exploitation facts.
    pub fn threat_count(&self) -> u64 {
        self.bounds(kind::THREATS).map_or(0, |(_, length)| length / size_of::<ThreatRow>() as u64)
    }

    /// Number of rules in a stream.
    pub fn rule_count(&self, stream: &Stream) -> Result<u64, Problem> {
        match self.shard(stream) {
            Some(shard) => Ok(u64::from(self.open_shard(shard)?.head.rules.get())),
            None => Ok(0),
        }
    }

    /// Checks every block and decodes every record.
    pub fn verify(&self) -> Result<Verified, Problem> {
        self.body(0, self.whole_body().len() as u64)?;
        let mut rules = 0;
        for shard in &self.streams {
            rules += self.verify_shard(shard)?;
        }
        for number in 0..self.advisory_count() as u32 {
            self.advisory(number)?;
            self.advisory_text(number)?;
        }
        Ok(Verified {
            blocks: self.checked.len() as u64,
            bytes: self.bytes.as_ref().len() as u64,
            signed_by: self.signed_by(),
            advisories: self.advisory_count(),
            rules,
        })
    }

    /// Decodes every rule of a stream and checks the orders that lookups
    /// rely on; returns the number of rules.
    fn verify_shard(&self, shard: &Shard) -> Result<u64, Problem> {
        let open = self.open_shard(shard)?;
        let mut rules = 0;
        let mut last = None;
        for index in 0..open.head.names.get() {
            let name = self.name(open, index)?;
            let text = self.heap(open, name.name.start.get(), name.name.length.get())?;
            let text = std::str::from_utf8(text).map_err(|_| self.damaged("a name is not UTF-8"))?;
            let place = (name.hash.get(), text, name.names);
            let hash = layout::name_hash(text);
            let found = name.hash.get() == hash && self.bucket(open, hash)?.contains(&index);
            if !found || last.is_some_and(|last| last >= place) {
                return Err(self.damaged("names are out of order"));
            }
            last = Some(place);
            rules += u64::from(name.count.get());
            if rules > u64::from(open.head.rules.get()) {
                return Err(self.damaged("names have more rules than their stream"));
            }
            let mut fixes = None;
            let mut in_order = true;
            self.rules_of(shard, open, name, None, &mut |rule: Rule<'_>| {
                let fix = rule.fix_key();
                in_order &= fixes.is_none_or(|newer| fix.is_some_and(|fix| fix <= newer));
                fixes = fix.or(fixes);
            })?;
            if !in_order {
                return Err(self.damaged("rules are out of order"));
            }
        }
        Ok(rules)
    }

    fn damaged(&self, what: &str) -> Problem {
        damaged(&self.place, what)
    }

    fn bounds(&self, kind: u32) -> Option<(u64, u64)> {
        *self.sections.get(kind as usize)?
    }

    fn section(&self, kind: u32) -> Result<&[u8], Problem> {
        let (start, length) = self.bounds(kind).ok_or_else(|| self.damaged("a section is missing"))?;
        self.body(start, length)
    }

    fn part(&self, kind: u32, offset: u64, length: u64) -> Result<&[u8], Problem> {
        let (start, whole) = self.bounds(kind).ok_or_else(|| self.damaged("a section is missing"))?;
        let end = offset.checked_add(length).filter(|end| *end <= whole);
        end.ok_or_else(|| self.damaged("a record lies outside its section"))?;
        self.body(start.saturating_add(offset), length)
    }

    /// Bytes of the body, each block checked at its first touch; the innermost
    /// access of everything.
    #[inline]
    fn body(&self, start: u64, length: u64) -> Result<&[u8], Problem> {
        let (start, end) = (usize::try_from(start).ok(), start.checked_add(length).and_then(|end| usize::try_from(end).ok()));
        let range = start.zip(end).map(|(start, end)| start..end);
        let Some((range, bytes)) = range.and_then(|range| Some((range.clone(), self.whole_body().get(range)?))) else {
            return Err(self.damaged("an offset lies outside the file"));
        };
        if let Some(end) = range.end.checked_sub(1).filter(|_| !range.is_empty()) {
            let (first, last) = (range.start / layout::BLOCK, end / layout::BLOCK);
            if first != last || !self.is_checked(first) {
                self.check_blocks(first, last)?;
            }
        }
        Ok(bytes)
    }

    #[inline]
    fn whole_body(&self) -> &[u8] {
        self.bytes.as_ref().get(self.header.body.get() as usize..).unwrap_or_default()
    }

    #[inline]
    fn is_checked(&self, block: usize) -> bool {
        self.checked.get(block).is_some_and(|checked| checked.load(Ordering::Relaxed))
    }

    #[inline(never)]
    fn check_blocks(&self, first: usize, last: usize) -> Result<(), Problem> {
        let body = self.header.body.get() as usize;
        for block in first..=last {
            let Some(checked) = self.checked.get(block) else {
                return Err(self.damaged("an offset lies outside the file"));
            };
            if checked.load(Ordering::Relaxed) {
                continue;
            }
            let all = self.bytes.as_ref();
            let from = body + block * layout::BLOCK;
            let bytes = all.get(from..(from + layout::BLOCK).min(all.len()));
            let digest = all.get(self.digests + block * 32..self.digests + block * 32 + 32);
            let (Some(bytes), Some(digest)) = (bytes, digest) else {
                return Err(self.damaged("a block lies outside the file"));
            };
            if blake3::hash(bytes).as_bytes() != digest {
                return Err(self.damaged(&format!("block {block} (byte {from}) does not have its digest")));
            }
            checked.store(true, Ordering::Relaxed);
        }
        Ok(())
    }

    fn unpack<T: DeserializeOwned>(&self, bytes: &[u8]) -> Result<T, Problem> {
        rmp_serde::from_slice(bytes).map_err(|error| self.damaged(&format!("a record cannot be read: {error}")))
    }

    /// A length-prefixed record of a section.
    fn record<T: DeserializeOwned>(&self, kind: u32, offset: u64) -> Result<T, Problem> {
        let head = self.part(kind, offset, 4)?;
        let length = u32::from_le_bytes(head.try_into().map_err(|_| self.damaged("a record has no length"))?);
        self.unpack(self.part(kind, offset + 4, u64::from(length))?)
    }

    fn shard(&self, stream: &Stream) -> Option<&Shard> {
        let index = self.streams.binary_search_by(|shard| shard.stream.as_str().cmp(stream.as_str())).ok()?;
        self.streams.get(index)
    }

    fn open_shard<'a>(&'a self, shard: &'a Shard) -> Result<&'a OpenShard, Problem> {
        if let Some(open) = shard.open.get() {
            return Ok(open);
        }
        let bytes = self.shard_part(shard, 0, size_of::<ShardHead>() as u64)?;
        let head = ShardHead::read_from_bytes(bytes).map_err(|_| self.damaged("a shard has no head"))?;
        let only_start = u64::from(head.heap_start.get()) + u64::from(head.only.start.get());
        let only = self.unpack(self.shard_part(shard, only_start, u64::from(head.only.length.get()))?)?;
        let (sections, _) = self.bounds(kind::SHARDS).ok_or_else(|| self.damaged("a section is missing"))?;
        let start = sections + shard.start;
        let buckets = size_of::<ShardHead>() as u64;
        let names = u64::from(head.names_start.get());
        let heap = u64::from(head.heap_start.get());
        let bits = head.bucket_bits.get();
        if bits > layout::BUCKET_BITS || buckets + ((1u64 << bits) + 1) * 4 > names {
            return Err(self.damaged("a shard has no room for its buckets"));
        }
        let names_end = names + u64::from(head.names.get()) * size_of::<Name>() as u64;
        if names_end > shard.length || heap + u64::from(head.heap_length.get()) > shard.length {
            return Err(self.damaged("names or texts lie outside their shard"));
        }
        let (buckets, names, heap) = (start + buckets, start + names, start + heap);
        Ok(shard.open.get_or_init(|| OpenShard { head, buckets, names, heap, only }))
    }

    fn shard_part(&self, shard: &Shard, offset: u64, length: u64) -> Result<&[u8], Problem> {
        offset
            .checked_add(length)
            .filter(|end| *end <= shard.length)
            .ok_or_else(|| self.damaged("an offset lies outside its shard"))?;
        self.part(kind::SHARDS, shard.start.saturating_add(offset), length)
    }

    /// A piece of a shard's heap; the innermost access of matching.
    fn heap(&self, open: &OpenShard, start: u32, length: u32) -> Result<&[u8], Problem> {
        let end = u64::from(start) + u64::from(length);
        if end > u64::from(open.head.heap_length.get()) {
            return Err(self.damaged("a piece lies outside its heap"));
        }
        self.body(open.heap + u64::from(start), u64::from(length))
    }

    fn name(&self, open: &OpenShard, index: u32) -> Result<&Name, Problem> {
        if index >= open.head.names.get() {
            return Err(self.damaged("a bucket names no name"));
        }
        let size = size_of::<Name>() as u64;
        let bytes = self.body(open.names + u64::from(index) * size, size)?;
        Name::ref_from_bytes(bytes).map_err(|_| self.damaged("a name row is short"))
    }

    /// Indices of the names in a hash's bucket.
    fn bucket(&self, open: &OpenShard, hash: u32) -> Result<std::ops::Range<u32>, Problem> {
        let bucket = layout::bucket(hash, open.head.bucket_bits.get());
        let ends = self.body(open.buckets + u64::from(bucket) * 4, 8)?;
        let [first, end] = <[U32; 2]>::read_from_bytes(ends).map_err(|_| self.damaged("a bucket is short"))?;
        Ok(first.get()..end.get())
    }

    fn find_name(&self, open: &OpenShard, names: NamesWhat, wanted: &str) -> Result<Option<&Name>, Problem> {
        let hash = layout::name_hash(wanted);
        for index in self.bucket(open, hash)? {
            let name = self.name(open, index)?;
            if name.hash.get() != hash || names_what(name) != names {
                continue;
            }
            if self.heap(open, name.name.start.get(), name.name.length.get())? == wanted.as_bytes() {
                return Ok(Some(name));
            }
        }
        Ok(None)
    }

    fn version(&self, open: &OpenShard, version: Version) -> Result<RuleVersion<'_>, Problem> {
        // Text and key lie side by side: one access for both, and no look at
        // the text, which only explanations read.
        let (text, key) = (version.text.get(), version.key.get());
        let readable = key != layout::UNREADABLE;
        let length = u32::from(text) + if readable { u32::from(key) } else { 0 };
        let both = self.heap(open, version.start.get(), length)?;
        let (text, key) = both.split_at_checked(usize::from(text)).ok_or_else(|| self.damaged("a version is short"))?;
        let key = readable.then_some(key);
        Ok(RuleVersion { text, key })
    }

    fn rule<'a>(&'a self, open: &'a OpenShard, names: NamesWhat, row: &RuleRow) -> Result<Rule<'a>, Problem> {
        let introduced = if row.flags & 1 == 1 { Some(self.version(open, row.introduced)?) } else { None };
        let end = match row.end_kind {
            0 => RuleEnd::Open,
            1 => RuleEnd::Fixed(self.version(open, row.end)?),
            2 => RuleEnd::LastAffected(self.version(open, row.end)?),
            3 => RuleEnd::Exactly,
            _ => return Err(self.damaged("a rule ends in an unknown way")),
        };
        let status = match row.status {
            0 => Status::Affected,
            1 => Status::NotAffected,
            2 => Status::UnderInvestigation,
            3 => Status::Postponed,
            4 => Status::WontFix,
            5 => Status::EndOfLife,
            _ => return Err(self.damaged("a rule has an unknown status")),
        };
        let only = match row.only.get() {
            0 => None,
            number => Some(
                open.only.get(usize::from(number) - 1).ok_or_else(|| self.damaged("a rule narrows to nothing known"))?,
            ),
        };
        Ok(Rule { advisory: row.advisory.get(), order: row.order.get(), introduced, end, status, names, only })
    }

    /// The rules of one name, up to the first that is settled.
    fn rules_of<'a>(
        &'a self,
        shard: &Shard,
        open: &'a OpenShard,
        name: &Name,
        settled_at: Option<&[u8]>,
        each: &mut dyn FnMut(Rule<'a>),
    ) -> Result<(), Problem> {
        let size = size_of::<RuleRow>() as u64;
        let start = u64::from(open.head.rules_start.get()) + u64::from(name.first.get()) * size;
        let bytes = self.shard_part(shard, start, u64::from(name.count.get()) * size)?;
        let rows = <[RuleRow]>::ref_from_bytes(bytes).map_err(|_| self.damaged("rules are short"))?;
        for row in rows {
            let rule = self.rule(open, names_what(name), row)?;
            // Every later rule ends with a fix that is as old or older.
            if settled_at.is_some_and(|key| rule.is_settled_at(key)) {
                break;
            }
            each(rule);
        }
        Ok(())
    }

    /// Values of a sorted hash index for one identifier.
    fn hashed(&self, index: u32, id: &str) -> Result<Vec<u32>, Problem> {
        let hash = layout::identifier_hash(id);
        let (_, length) = self.bounds(index).ok_or_else(|| self.damaged("a section is missing"))?;
        let size = size_of::<Identifier>() as u64;
        let row = |number: u64| -> Result<&Identifier, Problem> {
            let bytes = self.part(index, number * size, size)?;
            Identifier::ref_from_bytes(bytes).map_err(|_| self.damaged("an index row is short"))
        };
        let (mut low, mut high) = (0, length / size);
        while low < high {
            let middle = low + (high - low) / 2;
            if row(middle)?.hash < hash { low = middle + 1 } else { high = middle }
        }
        let mut out = Vec::new();
        while low < length / size {
            let found = row(low)?;
            if found.hash != hash {
                break;
            }
            out.push(found.value.get());
            low += 1;
        }
        Ok(out)
    }

    fn stored(&self, number: u32) -> Result<StoredAdvisory, Problem> {
        let offset = self.part(kind::ADVISORY_INDEX, u64::from(number) * 8, 8)?;
        let offset = u64::from_le_bytes(offset.try_into().map_err(|_| self.damaged("an index row is short"))?);
        self.record(kind::ADVISORIES, offset)
    }

    /// A CVE's row, and the day of most scores.
    fn threat_row(&self, cve: u32) -> Result<Option<(ThreatRow, u32)>, Problem> {
        let short = || self.damaged("an index row is short");
        // The sparse index is a few kilobytes; its last entry not above the
        // wanted CVE names the stretch of rows to read.
        let (day, index) = self.section(kind::THREAT_INDEX)?.split_first_chunk().ok_or_else(short)?;
        let index = <[U32]>::ref_from_bytes(index).map_err(|_| short())?;
        let Some(stretch) = index.partition_point(|first| first.get() <= cve).checked_sub(1) else { return Ok(None) };
        let size = size_of::<ThreatRow>() as u64;
        let first = (stretch * layout::THREAT_STRIDE) as u64;
        let count = self.threat_count().saturating_sub(first).min(layout::THREAT_STRIDE as u64);
        let rows = self.part(kind::THREATS, first * size, count * size)?;
        let rows = <[ThreatRow]>::ref_from_bytes(rows).map_err(|_| self.damaged("a threat row is short"))?;
        let found = rows.binary_search_by_key(&cve, |row| row.cve.get()).ok().and_then(|place| rows.get(place));
        Ok(found.map(|row| (*row, u32::from_le_bytes(*day))))
    }

    fn support_facts(&self, key: &str) -> Result<SupportFacts, Problem> {
        let mut out = SupportFacts::default();
        for offset in self.hashed(kind::SUPPORT_INDEX, key)? {
            let facts: SupportFacts = self.record(kind::SUPPORT, u64::from(offset))?;
            let own = |name: &str| name.eq_ignore_ascii_case(key);
            out.windows.extend(facts.windows.into_iter().filter(|window| own(&window.product)));
            out.packages.extend(facts.packages.into_iter().filter(|package| own(package.stream.as_str())));
        }
        Ok(out)
    }
}

impl<B: AsRef<[u8]>> Knowledge for Database<B> {
    fn rules<'a>(
        &'a self,
        stream: &Stream,
        names: NamesWhat,
        name: &str,
        settled_at: Option<&[u8]>,
        each: &mut dyn FnMut(Rule<'a>),
    ) -> Result<(), Problem> {
        let Some(shard) = self.shard(stream) else { return Ok(()) };
        let open = self.open_shard(shard)?;
        let Some(found) = self.find_name(open, names, name)? else { return Ok(()) };
        self.rules_of(shard, open, found, settled_at, each)
    }

    fn advisory(&self, number: u32) -> Result<AdvisoryFacts, Problem> {
        Ok(self.stored(number)?.facts)
    }

    fn advisory_text(&self, number: u32) -> Result<AdvisoryText, Problem> {
        let place = self.stored(number)?.text;
        let end = |chunk: u32| -> Result<u64, Problem> {
            let bytes = self.part(kind::TEXT_INDEX, u64::from(chunk) * 8, 8)?;
            Ok(u64::from_le_bytes(bytes.try_into().map_err(|_| self.damaged("an index row is short"))?))
        };
        let from = if place.chunk == 0 { 0 } else { end(place.chunk - 1)? };
        let length = end(place.chunk)?.checked_sub(from).ok_or_else(|| self.damaged("a text chunk is negative"))?;
        let packed = self.part(kind::TEXTS, from, length)?;
        // A single text may exceed a chunk; details are capped, references are few.
        let chunk = zstd::bulk::decompress(packed, 16 * layout::TEXT_CHUNK)
            .map_err(|error| self.damaged(&format!("a text chunk cannot be read: {error}")))?;
        let text = chunk
            .get(place.offset as usize..)
            .and_then(|rest| rest.get(..place.length as usize))
            .ok_or_else(|| self.damaged("a text lies outside its chunk"))?;
        self.unpack(text)
    }

    fn advisories_named(&self, id: &str) -> Result<Vec<u32>, Problem> {
        let mut out = Vec::new();
        for number in self.hashed(kind::IDENTIFIERS, id)? {
            let facts = self.advisory(number)?;
            let named = std::iter::once(&facts.id).chain(&facts.aliases).chain(&facts.cves);
            if named.into_iter().any(|name| name.eq_ignore_ascii_case(id)) {
                out.push(number);
            }
        }
        Ok(out)
    }

    fn threat(&self, cve: &str) -> Result<Option<Threat>, Problem> {
        let Some(number) = layout::cve_number(cve) else { return Ok(None) };
        let Some((row, common_day)) = self.threat_row(number)? else { return Ok(None) };
        let details: ThreatDetails = match row.details.get() {
            0 => ThreatDetails::default(),
            offset => self.record(kind::THREAT_DETAILS, u64::from(offset) - 1)?,
        };
        let day = details.epss_day.unwrap_or(common_day).min(100_000);
        let epss = layout::unpack_scores(row.scores).map(|(score, percentile)| Epss {
            score: score as f32 / 1e6,
            percentile: percentile as f32 / 1e6,
            date: jiff::civil::date(1970, 1, 1).saturating_add(jiff::Span::new().days(day)),
        });
        Ok(Some(Threat { cvss: details.cvss, kev: details.kev, epss, ssvc: details.ssvc, published: details.published }))
    }

    fn statements(&self, vulnerability: &str) -> Result<Vec<Statement>, Problem> {
        let mut out = Vec::new();
        if self.bounds(kind::STATEMENT_INDEX).is_some_and(|(_, length)| length == 0) {
            return Ok(out);
        }
        for offset in self.hashed(kind::STATEMENT_INDEX, vulnerability)? {
            let statement: Statement = self.record(kind::STATEMENTS, u64::from(offset))?;
            if statement.vulnerabilities.iter().any(|name| name.eq_ignore_ascii_case(vulnerability)) {
                out.push(statement);
            }
        }
        Ok(out)
    }

    fn support(&self, product: &str) -> Result<Vec<SupportWindow>, Problem> {
        Ok(self.support_facts(product)?.windows)
    }

    fn package_support(&self, stream: &Stream) -> Result<Vec<PackageSupport>, Problem> {
        Ok(self.support_facts(stream.as_str())?.packages)
    }

    fn sources(&self) -> &[Source] {
        &self.sources
    }

    fn covers(&self, stream: &Stream) -> bool {
        self.shard(stream).is_some()
    }

    fn streams(&self) -> Vec<Stream> {
        self.streams.iter().map(|shard| Stream::from_stored(&shard.stream)).collect()
    }
}

/// What a name of a shard's directory names.
fn names_what(name: &Name) -> NamesWhat {
    if name.names == 0 { NamesWhat::Source } else { NamesWhat::Binary }
}
