//! `.rpm` files: what one says of itself, and who signed it.
//!
//! Source: rpm's documentation (`docs/manual/format_v4.md`): a lead of 96
//! bytes, a header of signatures padded to eight bytes, the header proper, the
//! payload. A signature covers the header proper; the header states the
//! payload's SHA-256.

use super::header::{self, number};
use super::RpmPackage;
use plimsoll_core::model::problem::Problem;

/// Largest head of a file that is looked at: lead and both headers.
pub const HEAD: usize = 64 << 20;
/// The first bytes of every rpm.
pub const START: [u8; 4] = [0xed, 0xab, 0xee, 0xdb];
pub(super) const LEAD: usize = 96;
const MAGIC: &[u8] = &[0x8e, 0xad, 0xe8, 0x01];
/// Tags of OpenPGP signatures over the header proper.
///
/// Source: rpm's `include/rpm/rpmtag.h`, `RPMSIGTAG_DSA` (which also carries
/// EdDSA) and `RPMSIGTAG_RSA`.
const SIGNATURES: [u32; 2] = [267, 268];
/// `RPMTAG_PAYLOADSHA256`.
const PAYLOAD_DIGEST: u32 = 5092;

/// What the head of a file says.
#[derive(Debug)]
pub struct RpmFile<'a> {
    /// Name, version and so on.
    pub package: RpmPackage,
    /// OpenPGP signatures over [`Self::header`].
    pub signatures: Vec<&'a [u8]>,
    /// The header proper, as it was signed.
    pub header: &'a [u8],
    /// SHA-256 of the payload, which fills the file from [`Self::payload`] on.
    pub payload_digest: Option<String>,
    /// Where the payload starts.
    pub payload: usize,
}

/// Reads the head of a file, its first [`HEAD`] bytes or all of a smaller one.
///
/// # Errors
///
/// `E-FORMAT` for anything that is no rpm of version 4, or cut within its
/// headers.
pub fn read<'a>(place: &str, head: &'a [u8]) -> Result<RpmFile<'a>, Problem> {
    let refuse = |text: &str| Problem::new("E-FORMAT", place, text, "give a package that `rpm -qp --info` reads");
    if !head.starts_with(&START) {
        return Err(refuse("does not start like an rpm"));
    }
    let first = section(head, LEAD).ok_or_else(|| refuse("is cut within its signatures"))?;
    let start = first.end.next_multiple_of(8);
    let second = section(head, start).ok_or_else(|| refuse("is cut within its header"))?;
    let header = head.get(start..second.end).ok_or_else(|| refuse("is cut within its header"))?;
    let counted = header.get(8..).ok_or_else(|| refuse("is cut within its header"))?;
    let package = header::parse(place, counted)?;
    let signatures = SIGNATURES.iter().filter_map(|tag| first.value(*tag)).collect();
    let payload_digest = second.value(PAYLOAD_DIGEST).and_then(|text| {
        let end = text.iter().position(|byte| *byte == 0)?;
        String::from_utf8(text.get(..end)?.to_vec()).ok()
    });
    Ok(RpmFile { package, signatures, header, payload_digest, payload: second.end })
}

/// One header with its magic.
pub(super) struct Section<'a> {
    index: &'a [u8],
    data: &'a [u8],
    pub(super) end: usize,
}

pub(super) fn section(bytes: &[u8], start: usize) -> Option<Section<'_>> {
    let whole = bytes.get(start..)?;
    if !whole.starts_with(MAGIC) {
        return None;
    }
    let (entries, length) = (number(whole, 8)? as usize, number(whole, 12)? as usize);
    let data_at = 16usize.checked_add(entries.checked_mul(16)?)?;
    let end = data_at.checked_add(length)?;
    Some(Section { index: whole.get(16..data_at)?, data: whole.get(data_at..end)?, end: start.checked_add(end)? })
}

impl<'a> Section<'a> {
    /// The bytes of a tag: of a binary one all, of any other from its start to
    /// the end of the data.
    fn value(&self, tag: u32) -> Option<&'a [u8]> {
        const BINARY: u32 = 7;
        let entry = self.index.chunks_exact(16).find(|entry| number(entry, 0) == Some(tag))?;
        let rest = self.data.get(number(entry, 8)? as usize..)?;
        if number(entry, 4)? == BINARY { rest.get(..number(entry, 12)? as usize) } else { Some(rest) }
    }

    fn entry(&self, tag: u32) -> Option<(u32, &'a [u8], usize)> {
        let entry = self.index.chunks_exact(16).find(|entry| number(entry, 0) == Some(tag))?;
        Some((number(entry, 4)?, self.data.get(number(entry, 8)? as usize..)?, number(entry, 12)? as usize))
    }

    /// The strings of a tag, at most as many as `limit`; none where it is
    /// absent. Of texts in several languages the first is the untranslated one.
    pub(super) fn strings(&self, tag: u32, limit: usize) -> Vec<String> {
        const STRINGS: [u32; 3] = [6, 8, 9];
        let Some((_, data, count)) = self.entry(tag).filter(|(kind, ..)| STRINGS.contains(kind)) else { return Vec::new() };
        data.split(|byte| *byte == 0).take(count.min(limit)).map(|text| String::from_utf8_lossy(text).into_owned()).collect()
    }

    /// The whole numbers of a tag of 16, 32 or 64 bits.
    pub(super) fn numbers(&self, tag: u32, limit: usize) -> Vec<u64> {
        let Some((kind, data, count)) = self.entry(tag) else { return Vec::new() };
        let width = match kind {
            3 => 2,
            4 => 4,
            5 => 8,
            _ => return Vec::new(),
        };
        let value = |bytes: &[u8]| bytes.iter().fold(0, |sum, byte| sum << 8 | u64::from(*byte));
        data.chunks_exact(width).take(count.min(limit)).map(value).collect()
    }
}

#[cfg(feature = "openpgp")]
impl RpmFile<'_> {
    /// Who signed the package; the caller holds the payload against
    /// [`RpmFile::payload_digest`].
    ///
    /// # Errors
    ///
    /// `E-UNSIGNED` without signature over the header, or where the header
    /// states no digest of the payload (packages of rpm before 4.14); else as
    /// [`Keyring::verify_clear`](crate::openpgp::Keyring::verify_clear).
    pub fn signers(&self, place: &str, keyring: &crate::openpgp::Keyring, now: jiff::Timestamp) -> Result<Vec<crate::openpgp::Signer>, Problem> {
        let unsigned = |text: &str| Problem::new("E-UNSIGNED", place, text, "use packages that their builder signed");
        if self.payload_digest.is_none() {
            return Err(unsigned("states no SHA-256 of its payload, so that a signature would not cover it"));
        }
        let Some(first) = self.signatures.last() else {
            return Err(unsigned("carries no signature over its header"));
        };
        keyring.verify_large(place, self.header, first, now)
    }
}
