//! The header of an installed package.
//!
//! Source: rpm's documentation (`docs/manual/format_header.md`). In a database
//! the header has no magic: two big-endian counts (index entries, bytes of
//! data), then 16 bytes an entry (tag, type, offset into the data, count),
//! then the data.

use super::RpmPackage;
use plimsoll_core::model::problem::Problem;

/// Most index entries; rpm's own limit.
const ENTRY_LIMIT: usize = 0xffff;
/// Most bytes of data; rpm's own limit.
const DATA_LIMIT: usize = 256 << 20;
/// Longest value kept, in bytes: names and versions are short, and a hostile
/// header must not fill memory and screens.
const VALUE_LIMIT: usize = 4 << 10;

const TYPE_INT32: u32 = 4;
const TYPE_STRING: u32 = 6;
const TYPE_STRING_ARRAY: u32 = 8;
const TYPE_I18N_STRING: u32 = 9;

pub(super) fn number(bytes: &[u8], at: usize) -> Option<u32> {
    bytes.get(at..at.checked_add(4)?)?.try_into().ok().map(u32::from_be_bytes)
}

/// Reads one header.
///
/// Every count and offset is held against the bytes that are there before it
/// is used. Unknown tags are skipped; a header without name, version or
/// release is refused.
pub fn parse(place: &str, bytes: &[u8]) -> Result<RpmPackage, Problem> {
    let refuse = |text: String| {
        Problem::new(
            "E-FORMAT",
            place,
            text,
            "run `rpmdb --verifydb`, then `rpmdb --rebuilddb`; the package was left out",
        )
    };
    let (Some(entries), Some(data)) = (number(bytes, 0), number(bytes, 4)) else {
        return Err(refuse(format!("the header is {} bytes long and needs at least 8", bytes.len())));
    };
    let (entries, length) = (entries as usize, data as usize);
    if entries > ENTRY_LIMIT || length > DATA_LIMIT {
        return Err(refuse(format!(
            "the header claims {entries} entries and {length} bytes, the limits are {ENTRY_LIMIT} and {DATA_LIMIT}"
        )));
    }
    let start = 8 + entries * 16;
    let Some((index, data)) = bytes.get(8..start).zip(bytes.get(start..start + length)) else {
        return Err(refuse(format!(
            "the header claims {entries} entries and {length} bytes of data but is only {} bytes long",
            bytes.len()
        )));
    };
    let mut package = RpmPackage::default();
    for entry in index.chunks_exact(16) {
        take(&mut package, entry, data).map_err(refuse)?;
    }
    for (field, value) in [("name", &package.name), ("version", &package.version), ("release", &package.release)] {
        if value.is_empty() {
            return Err(refuse(format!("the header has no {field}")));
        }
    }
    Ok(package)
}

/// Takes one index entry if its tag is one of ours.
///
/// Source of the numbers: rpm's `include/rpm/rpmtag.h`.
fn take(package: &mut RpmPackage, entry: &[u8], data: &[u8]) -> Result<(), String> {
    let (Some(tag), Some(kind), Some(offset)) = (number(entry, 0), number(entry, 4), number(entry, 8)) else {
        return Ok(());
    };
    let offset = offset as usize;
    let string = || text(tag, kind, data, offset);
    match tag {
        1000 => package.name = string()?,
        1001 => package.version = string()?,
        1002 => package.release = string()?,
        1003 => package.epoch = Some(integer(tag, kind, data, offset)?),
        1008 => package.installed = Some(integer(tag, kind, data, offset)?),
        1011 => package.vendor = filled(string()?),
        1014 => package.licence = filled(string()?),
        1015 => package.packager = filled(string()?),
        1022 => package.arch = string()?,
        1044 => package.source_rpm = filled(string()?),
        5096 => package.module = filled(string()?),
        _ => {}
    }
    Ok(())
}

fn filled(text: String) -> Option<String> {
    Some(text).filter(|text| !text.is_empty() && text != "(none)")
}

fn text(tag: u32, kind: u32, data: &[u8], offset: usize) -> Result<String, String> {
    if !matches!(kind, TYPE_STRING | TYPE_STRING_ARRAY | TYPE_I18N_STRING) {
        return Err(format!("tag {tag} has type {kind} where a string is needed"));
    }
    let rest = data.get(offset..).ok_or_else(|| format!("tag {tag} points to byte {offset} of {} bytes of data", data.len()))?;
    let window = rest.get(..VALUE_LIMIT + 1).unwrap_or(rest);
    let Some(end) = window.iter().position(|byte| *byte == 0) else {
        return Err(format!("the value of tag {tag} does not end within {VALUE_LIMIT} bytes"));
    };
    Ok(String::from_utf8_lossy(rest.get(..end).unwrap_or(&[])).into_owned())
}

fn integer(tag: u32, kind: u32, data: &[u8], offset: usize) -> Result<u32, String> {
    if kind != TYPE_INT32 {
        return Err(format!("tag {tag} has type {kind} where a number is needed"));
    }
    number(data, offset).ok_or_else(|| format!("tag {tag} points to byte {offset} of {} bytes of data", data.len()))
}
