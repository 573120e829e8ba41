//! Writes one stream's part of the database: names, rules, versions with keys.

use super::layout::{self, Name, RuleRow, ShardHead, Span, Version};
use super::write::{Draft, DraftEnd, pack, too_long};
use plimsoll_core::model::advisory::{NamesWhat, Only, Status};
use plimsoll_core::model::problem::Problem;
use plimsoll_version::{Scheme, write_key};
use std::cmp::Reverse;
use std::collections::{BTreeMap, HashMap};
use zerocopy::IntoBytes;
use zerocopy::little_endian::U32;

/// Drafts with their advisory's number, by package name and what it names.
pub(super) type ByName<'a> = BTreeMap<(&'a str, NamesWhat), Vec<(u32, &'a Draft)>>;

/// Writes one stream's names and rules.
pub(super) struct Shard<'a> {
    scheme: Option<Scheme>,
    onlys: &'a [Only],
    heap: Vec<u8>,
    versions: HashMap<String, Version>,
    only_numbers: BTreeMap<u32, u16>,
    only_list: Vec<Only>,
}

impl<'a> Shard<'a> {
    /// Begins the shard of a stream whose versions are ordered by `scheme`.
    pub(super) fn new(scheme: Option<Scheme>, onlys: &'a [Only]) -> Self {
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

    fn row(&mut self, advisory: u32, order: u16, draft: &Draft) -> Result<RuleRow, Problem> {
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
            order: order.into(),
            end_kind,
            status: status_number(draft.status),
            flags: u8::from(introduced.is_some()),
        })
    }

    /// The rules of one name, in the order that [`RuleRow`] tells.
    fn rows(&mut self, list: &[(u32, &Draft)]) -> Result<Vec<RuleRow>, Problem> {
        let mut rows = Vec::with_capacity(list.len());
        for group in list.chunk_by(|a, b| a.0 == b.0) {
            for (order, (advisory, draft)) in group.iter().enumerate() {
                rows.push(self.row(*advisory, u16::try_from(order).unwrap_or(u16::MAX), draft)?);
            }
        }
        rows.sort_by_key(|row| {
            let fix = self.fix_key(row);
            (fix.is_some(), Reverse(fix), row.advisory.get())
        });
        Ok(rows)
    }

    /// The key of the fix that alone settles a rule for every version from it
    /// on; none where more must be looked at.
    fn fix_key(&self, row: &RuleRow) -> Option<&[u8]> {
        let open = row.end_kind == 1 && row.status != status_number(Status::NotAffected);
        let started = row.flags & 1 == 0 || row.introduced.key.get() != layout::UNREADABLE;
        if !open || !started || row.end.key.get() == layout::UNREADABLE {
            return None;
        }
        let start = row.end.start.get() as usize + usize::from(row.end.text.get());
        self.heap.get(start..start + usize::from(row.end.key.get()))
    }

    /// Writes names and rules.
    pub(super) fn write(mut self, names: &ByName<'_>, out: &mut Vec<u8>) -> Result<(), Problem> {
        let mut rows: Vec<RuleRow> = Vec::new();
        let mut directory: Vec<(&str, Name)> = Vec::with_capacity(names.len());
        for ((name, what), list) in names {
            // A name beside its versions: who reads the one reads the others.
            let span = Span { start: (self.heap.len() as u32).into(), length: (name.len() as u32).into() };
            self.heap.extend_from_slice(name.as_bytes());
            let first = rows.len() as u32;
            rows.extend(self.rows(list)?);
            let entry = Name {
                hash: layout::name_hash(name).into(),
                name: span,
                first: first.into(),
                count: (rows.len() as u32 - first).into(),
                names: u8::from(*what == NamesWhat::Binary),
            };
            directory.push((name, entry));
        }
        directory.sort_by_key(|(name, entry)| (entry.hash.get(), *name, entry.names));
        let directory: Vec<Name> = directory.into_iter().map(|(_, entry)| entry).collect();
        let only = pack(&self.only_list)?;
        let only_span =
            Span { start: (self.heap.len() as u32).into(), length: (only.len() as u32).into() };
        self.heap.extend_from_slice(&only);
        let (bits, buckets) = buckets(&directory);
        let names_start = size_of::<ShardHead>() + buckets.len() * size_of::<U32>();
        let rules_start = names_start + directory.len() * size_of::<Name>();
        let heap_start = rules_start + rows.len() * size_of::<RuleRow>();
        let fits = |value: usize| u32::try_from(value).map_err(|_| too_long("shard", "stream"));
        let head = ShardHead {
            names: fits(directory.len())?.into(),
            bucket_bits: bits.into(),
            names_start: fits(names_start)?.into(),
            rules: fits(rows.len())?.into(),
            rules_start: fits(rules_start)?.into(),
            heap_start: fits(heap_start)?.into(),
            heap_length: fits(self.heap.len())?.into(),
            only: only_span,
        };
        out.extend_from_slice(head.as_bytes());
        out.extend_from_slice(buckets.as_slice().as_bytes());
        out.extend_from_slice(directory.as_slice().as_bytes());
        out.extend_from_slice(rows.as_slice().as_bytes());
        out.extend_from_slice(&self.heap);
        Ok(())
    }
}

/// The buckets of a sorted directory, about half as many as names.
fn buckets(directory: &[Name]) -> (u32, Vec<U32>) {
    let bits = (directory.len() / 2).checked_ilog2().unwrap_or(0).min(layout::BUCKET_BITS);
    let first_of = |bucket: u32| directory.partition_point(|name| layout::bucket(name.hash.get(), bits) < bucket);
    (bits, (0..=1u32 << bits).map(|bucket| (first_of(bucket) as u32).into()).collect())
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
