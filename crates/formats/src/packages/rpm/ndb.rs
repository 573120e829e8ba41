//! `Packages.db`, rpm's own "new database" (SUSE).
//!
//! Source: rpm's `lib/backend/ndb/rpmpkg.c`. Numbers are little-endian. The
//! file starts with a header of 32 bytes (`RpmP`, version 0, generation, pages
//! of slots, next package number), which takes the place of the first two
//! slots; a page has 4096 bytes, a slot 16 (`Slot`, package number, first
//! block, number of blocks; package 0 is free). A block has 16 bytes. A
//! package's blob starts with 16 bytes (`BlbS`, package number, generation,
//! length) and, after the header and padding, ends with 12 (Adler-32, length,
//! `BlbE`).

use super::{Database, header};
use plimsoll_core::model::problem::Problem;

const PAGE: usize = 4096;
const SLOT: usize = 16;
const BLOCK: usize = 16;
const BLOB_HEAD: usize = 16;
const BLOB_TAIL: usize = 12;

fn number(bytes: &[u8], at: usize) -> Option<u32> {
    bytes.get(at..at.checked_add(4)?)?.try_into().ok().map(u32::from_le_bytes)
}

/// Reads the headers of an ndb rpm database, in the order of package numbers.
///
/// The number of slots is bounded by the bytes of the file itself, and each
/// package is read at most once.
pub fn parse(place: &str, bytes: &[u8]) -> Result<Database, Problem> {
    let refuse = |text: String| Problem::new("E-FORMAT", place, text, "run `rpmdb --rebuilddb` on the host");
    if !bytes.starts_with(b"RpmP") {
        return Err(refuse("is no ndb database".to_owned()));
    }
    let (Some(version), Some(pages)) = (number(bytes, 4), number(bytes, 12)) else {
        return Err(refuse(format!("is only {} bytes long", bytes.len())));
    };
    if version != 0 {
        return Err(Problem::new(
            "E-UNSUPPORTED",
            place,
            format!("is an ndb database of version {version}, only version 0 is known"),
            "report the rpm version of the host",
        ));
    }
    let end = (pages as usize).checked_mul(PAGE).filter(|end| *end > 0 && *end <= bytes.len());
    let Some(slots) = end.and_then(|end| bytes.get(2 * SLOT..end)) else {
        return Err(refuse(format!("claims {pages} pages of slots but is only {} bytes long", bytes.len())));
    };
    let mut database = Database::default();
    let mut found: Vec<(u32, usize, usize)> = Vec::new();
    for (index, slot) in slots.chunks_exact(SLOT).enumerate() {
        let (Some(package), Some(first), Some(count)) = (number(slot, 4), number(slot, 8), number(slot, 12)) else {
            continue;
        };
        if !slot.starts_with(b"Slot") {
            database.rejected += 1;
            database.note(refuse(format!("has no slot at byte {}", (index + 2) * SLOT)));
        } else if package != 0 && first != 0 {
            found.push((package, first as usize, count as usize));
        }
    }
    found.sort_unstable();
    let mut last = 0;
    for (package, first, count) in found {
        let inner = format!("{place}!package {package}");
        if package == last {
            database.take(Err(Problem::new("E-FORMAT", inner, "the package has two slots", "run `rpmdb --rebuilddb`; the second was left out")));
            continue;
        }
        last = package;
        let outcome = blob(bytes, package, first, count)
            .map_err(|text| Problem::new("E-FORMAT", &inner, text, "run `rpmdb --rebuilddb`; the package was left out"))
            .and_then(|blob| header::parse(&inner, blob));
        database.take(outcome);
    }
    Ok(database)
}

fn blob(bytes: &[u8], package: u32, first: usize, count: usize) -> Result<&[u8], String> {
    let start = first.checked_mul(BLOCK);
    let end = count.checked_mul(BLOCK).and_then(|length| start?.checked_add(length));
    let whole = start.zip(end).and_then(|(start, end)| bytes.get(start..end)).ok_or_else(|| {
        format!("its slot names {count} blocks from block {first} of a file of {} bytes", bytes.len())
    })?;
    let length = number(whole, 12).ok_or("its blob is shorter than a blob's head")? as usize;
    if !whole.starts_with(b"BlbS") || number(whole, 4) != Some(package) {
        return Err(format!("block {first} does not start its blob"));
    }
    if length.saturating_add(BLOB_HEAD + BLOB_TAIL) > whole.len() {
        return Err(format!("its blob claims {length} bytes in {count} blocks"));
    }
    let tail = whole.get(whole.len().saturating_sub(BLOB_TAIL)..).unwrap_or(&[]);
    if !tail.ends_with(b"BlbE") || number(tail, 4) != Some(length as u32) {
        return Err("its blob has no end mark of the same length".to_owned());
    }
    whole.get(BLOB_HEAD..BLOB_HEAD + length).ok_or_else(|| "its blob is cut short".to_owned())
}
