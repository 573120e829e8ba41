//! Programs: finds Go build information and cargo-auditable data in ELF, PE
//! and Mach-O files.
//!
//! Sources: Go's package `debug/buildinfo` (layout of the block), the
//! repository of cargo-auditable (`.dep-v0`: zlib-compressed JSON). The crate
//! `object` reads headers and sections and checks each length against the
//! file; a program that lies about them yields nothing, not a crash.

use super::collect::Collector;
use super::{cargo, go_build_info};
use crate::bounded::{Limits, read_capped};
use object::read::macho::{FatArch, MachOFatFile32, MachOFatFile64};
use object::{File, FileKind, Object, ObjectSection, ObjectSegment, SegmentFlags};
use plimsoll_core::model::problem::Problem;

/// Most bytes of decompressed cargo-auditable data; the largest known
/// programs (a thousand crates) stay below 200 KiB.
const MOST_AUDITABLE: usize = 8 << 20;
/// Most bytes searched for the Go block in a segment; the linker puts it near
/// the beginning.
const MOST_SEARCHED: usize = 64 << 20;
const MAGIC: &[u8] = b"\xff Go buildinf:";

pub(super) fn read(bytes: &[u8], into: &mut Collector<'_>) -> Result<(), Problem> {
    let program = slice_of_universal(bytes);
    let file = File::parse(program).map_err(|error| {
        Problem::new(
            "E-FORMAT",
            into.place(),
            format!("is not a readable program: {error}"),
            "check whether the file is damaged",
        )
    })?;
    auditable(&file, into)?;
    if let Some((segment, block)) = go_block(&file) {
        go_build_info::read(&file, segment, block, into);
    }
    Ok(())
}

/// Takes the first program of a universal Mach-O file; all of them are built
/// from the same modules.
fn slice_of_universal(bytes: &[u8]) -> &[u8] {
    fn first<'a, A: FatArch>(arches: &[A], bytes: &'a [u8]) -> Option<&'a [u8]> {
        arches.first().and_then(|arch| arch.data(bytes).ok())
    }
    let found = match FileKind::parse(bytes) {
        Ok(FileKind::MachOFat32) => MachOFatFile32::parse(bytes).ok().and_then(|fat| first(fat.arches(), bytes)),
        Ok(FileKind::MachOFat64) => MachOFatFile64::parse(bytes).ok().and_then(|fat| first(fat.arches(), bytes)),
        _ => None,
    };
    found.unwrap_or(bytes)
}

fn auditable(file: &File<'_>, into: &mut Collector<'_>) -> Result<(), Problem> {
    let Some(section) = file.section_by_name(".dep-v0") else { return Ok(()) };
    let Ok(data) = section.data() else {
        into.unread(".dep-v0", "points outside the file");
        return Ok(());
    };
    let cap = MOST_AUDITABLE.min(data.len().saturating_mul(Limits::DOCUMENT.ratio).max(1 << 16));
    let json = read_capped(into.place(), flate2::read::ZlibDecoder::new(data), cap)?;
    cargo::auditable(&json, into)
}

/// Finds the Go block: the data that follows its beginning, and its address.
fn go_block<'a>(file: &File<'a>) -> Option<(u64, &'a [u8])> {
    for name in [".go.buildinfo", "__go_buildinfo"] {
        if let Some(section) = file.section_by_name(name) {
            return search(section.address(), section.data().ok()?);
        }
    }
    // Programs stripped of section names, and PE, which has no name for it.
    file.segments().filter(|segment| is_writable(segment.flags())).find_map(|segment| {
        search(segment.address(), segment.data().ok()?)
    })
}

fn is_writable(flags: SegmentFlags) -> bool {
    match flags {
        SegmentFlags::Elf { p_flags, .. } => p_flags.contains(object::elf::PF_W),
        SegmentFlags::MachO { initprot, .. } => initprot.contains(object::macho::VM_PROT_WRITE),
        SegmentFlags::Coff { characteristics } => characteristics.contains(object::pe::IMAGE_SCN_MEM_WRITE),
        _ => true,
    }
}

/// The block begins at an address divisible by 16.
fn search(address: u64, data: &[u8]) -> Option<(u64, &[u8])> {
    let skip = (16 - address % 16) % 16;
    let data_from = data.get(usize::try_from(skip).ok()?..)?;
    let searched = data_from.get(..MOST_SEARCHED).unwrap_or(data_from);
    let at = searched.chunks(16).position(|chunk| chunk.starts_with(MAGIC))? * 16;
    Some((address.checked_add(skip)?.checked_add(at as u64)?, data_from.get(at..)?))
}
