//! Fixed-size records of the file, little-endian, without padding.

use zerocopy::little_endian::{I64, U16, U32, U64};
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout, Unaligned};

/// First bytes of every database.
pub const MAGIC: [u8; 8] = *b"PLIMSOLL";

/// Version of the layout; a reader refuses any other.
pub const FORMAT: u32 = 2;

/// Bytes checked together. Small enough that one lookup hashes little, large
/// enough that the digest table stays below a thousandth of the file.
pub const BLOCK: usize = 16 * 1024;

/// Raw bytes of one chunk of texts before compression.
pub const TEXT_CHUNK: usize = 64 * 1024;

/// Rows of the threat table between two entries of its sparse index: few
/// enough that one lookup mostly touches one block, many enough that the index
/// itself fits into one.
pub const THREAT_STRIDE: usize = 256;

/// The file's head.
#[derive(Clone, Copy, FromBytes, IntoBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
pub struct Header {
    /// [`MAGIC`].
    pub magic: [u8; 8],
    /// [`FORMAT`].
    pub format: U32,
    /// Number of sections.
    pub sections: U32,
    /// Length of the whole file.
    pub length: U64,
    /// Where the body begins.
    pub body: U64,
    /// Newest input, seconds since 1970, or `i64::MIN`.
    pub built: I64,
    /// BLAKE3 of everything between header and body: section table, block
    /// digests, padding.
    pub tables: [u8; 32],
    /// Ed25519 public key of the builder, or zeros.
    pub signer: [u8; 32],
    /// Signature of the header with this field and `checksum` zero, or zeros.
    pub signature: [u8; 64],
    /// BLAKE3 of the header with this field zero: finds damage where nobody
    /// signed.
    pub checksum: [u8; 32],
    /// Zeros.
    pub reserved: [u8; 56],
}

/// One section.
#[derive(Clone, Copy, FromBytes, IntoBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
pub struct Section {
    /// What it holds.
    pub kind: U32,
    /// Zero.
    pub reserved: U32,
    /// Start, from the beginning of the body.
    pub start: U64,
    /// Length in bytes.
    pub length: U64,
}

/// Kinds of section.
pub mod kind {
    #![allow(missing_docs)]
    pub const SOURCES: u32 = 1;
    pub const STREAMS: u32 = 2;
    pub const SHARDS: u32 = 3;
    pub const ADVISORY_INDEX: u32 = 4;
    pub const ADVISORIES: u32 = 5;
    pub const TEXT_INDEX: u32 = 6;
    pub const TEXTS: u32 = 7;
    pub const IDENTIFIERS: u32 = 8;
    pub const THREAT_INDEX: u32 = 9;
    pub const THREATS: u32 = 10;
    pub const THREAT_DETAILS: u32 = 11;
    pub const STATEMENT_INDEX: u32 = 12;
    pub const STATEMENTS: u32 = 13;
    pub const SUPPORT_INDEX: u32 = 14;
    pub const SUPPORT: u32 = 15;
    /// One more than the highest kind.
    pub const COUNT: usize = 16;
}

/// Most leading bits of a hash that choose a bucket: a million buckets for the
/// two million names that would fit into a shard's offsets.
pub const BUCKET_BITS: u32 = 20;

/// Head of one stream's shard; offsets from the shard's start.
#[derive(Clone, Copy, FromBytes, IntoBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
pub struct ShardHead {
    /// Number of [`Name`]s.
    pub names: U32,
    /// Leading bits of a name's hash that say its bucket, at most [`BUCKET_BITS`].
    pub bucket_bits: U32,
    /// Start of the names. The buckets stand between here and the head: for
    /// each the index of its first name, and after the last the number of names.
    pub names_start: U32,
    /// Number of [`RuleRow`]s.
    pub rules: U32,
    /// Start of the rules.
    pub rules_start: U32,
    /// Start of the heap.
    pub heap_start: U32,
    /// Length of the heap.
    pub heap_length: U32,
    /// Where the MessagePack list of [`Only`](plimsoll_core::model::advisory::Only) lies in the heap.
    pub only: Span,
}

/// A piece of a heap.
#[derive(Clone, Copy, Default, PartialEq, Eq, Hash, FromBytes, IntoBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
pub struct Span {
    /// Start.
    pub start: U32,
    /// Length.
    pub length: U32,
}

/// A package name and its rules.
///
/// Rows are sorted by `hash`, then by the name's bytes, then by `names`. A
/// bucket names about two of them, so a lookup compares two hashes and looks
/// at the heap once, for the name it found.
#[derive(Clone, Copy, FromBytes, IntoBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
pub struct Name {
    /// [`name_hash`] of the name.
    pub hash: U32,
    /// The name in the heap.
    pub name: Span,
    /// First rule.
    pub first: U32,
    /// Number of rules.
    pub count: U32,
    /// 0 source, 1 binary.
    pub names: u8,
}

/// One rule.
///
/// The rules of a name stand in two runs: first those that a version alone
/// never settles, then those that end with a fix, newest fix first. A reader
/// that knows its version stops at the first fix that the version holds.
#[derive(Clone, Copy, FromBytes, IntoBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
pub struct RuleRow {
    /// Advisory number.
    pub advisory: U32,
    /// First affected version.
    pub introduced: Version,
    /// Version at the end.
    pub end: Version,
    /// Index into the shard's list of `Only`, plus one; zero is none.
    pub only: U16,
    /// Place among the advisory's rules on this name.
    pub order: U16,
    /// How it ends, 0 open, 1 fixed, 2 last affected, 3 exactly `introduced`.
    pub end_kind: u8,
    /// Status, by its position in the enum.
    pub status: u8,
    /// Bit 0: `introduced` is set.
    pub flags: u8,
}

/// A version and its key in the heap; a key of length `u16::MAX` is unreadable.
#[derive(Clone, Copy, Default, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
pub struct Version {
    /// Start of the text; the key follows it.
    pub start: U32,
    /// Length of the text.
    pub text: U16,
    /// Length of the key.
    pub key: U16,
}

/// Key length that says that a version cannot be read.
pub const UNREADABLE: u16 = u16::MAX;

/// An identifier's hash and an advisory it names.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, FromBytes, IntoBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
pub struct Identifier {
    /// [`identifier_hash`] of the identifier.
    pub hash: [u8; 8],
    /// Advisory number, or byte offset, by section.
    pub value: zerocopy::big_endian::U32,
}

/// One CVE's columns, thirteen bytes: a kernel advisory asks for a thousand of
/// them, and each block they spread over is one more digest.
#[derive(Clone, Copy, FromBytes, IntoBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
pub struct ThreatRow {
    /// [`cve_number`].
    pub cve: U32,
    /// EPSS score and percentile, see [`pack_scores`].
    pub scores: [u8; 5],
    /// Offset of the rest in the details section plus one, or zero.
    pub details: U32,
}

/// Score that says that there is none; the largest real one is a million.
const NO_SCORE: u64 = 0xf_ffff;

/// Packs an EPSS score and percentile, both in millionths, twenty bits each.
pub fn pack_scores(scores: Option<(u32, u32)>) -> [u8; 5] {
    let (score, percentile) = scores.map_or((NO_SCORE, 0), |(score, percentile)| (u64::from(score), u64::from(percentile)));
    let [a, b, c, d, e, ..] = ((score & NO_SCORE) | ((percentile & NO_SCORE) << 20)).to_le_bytes();
    [a, b, c, d, e]
}

/// Reads what [`pack_scores`] packed.
pub fn unpack_scores([a, b, c, d, e]: [u8; 5]) -> Option<(u32, u32)> {
    let packed = u64::from_le_bytes([a, b, c, d, e, 0, 0, 0]);
    let (score, percentile) = (packed & NO_SCORE, packed >> 20);
    (score != NO_SCORE).then_some((score as u32, percentile as u32))
}

/// Number of a CVE id for the threat table; none for anything else.
///
/// Seven bits of year from 1990 on, 25 of number, which is a hundred times
/// what the longest year so far has used.
pub fn cve_number(id: &str) -> Option<u32> {
    let rest = id.strip_prefix("CVE-").or_else(|| id.strip_prefix("cve-"))?;
    let (year, number) = rest.split_once('-')?;
    let year: u32 = (year.len() == 4).then(|| year.parse().ok()).flatten()?;
    let year = year.checked_sub(1990).filter(|year| *year < 1 << 7)?;
    let number: u32 = (4..=12).contains(&number.len()).then(|| number.parse().ok()).flatten()?;
    (number < 1 << 25).then_some((year << 25) | number)
}

/// Hash of an identifier, case aside, big-endian so that byte order is number
/// order.
///
/// Not a digest: whoever finds an identifier by it compares the identifier
/// itself, so a collision costs a look and never an answer.
pub fn identifier_hash(id: &str) -> [u8; 8] {
    fnv(id.bytes().map(|byte| byte.to_ascii_uppercase())).to_be_bytes()
}

/// Bucket of a hash; `bits` is at most [`BUCKET_BITS`].
pub fn bucket(hash: u32, bits: u32) -> u32 {
    hash.checked_shr(u32::BITS - bits).unwrap_or(0)
}

/// Hash of a package name in a shard's directory; the name is compared too.
pub fn name_hash(name: &str) -> u32 {
    // The leading bits choose a bucket, and the last letters of a name reach
    // them only through a further multiplication.
    let hash = fnv(name.bytes()).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    (hash >> 32) as u32
}

/// FNV-1a, 64 bits. Source: draft-eastlake-fnv.
fn fnv(bytes: impl Iterator<Item = u8>) -> u64 {
    bytes.fold(0xcbf2_9ce4_8422_2325, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3))
}
