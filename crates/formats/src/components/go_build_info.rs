//! The build information that the Go linker leaves in every program.
//!
//! Source: Go's packages `debug/buildinfo` and `runtime/debug`. From Go 1.18
//! two strings follow the header, each after its length; before, the header
//! holds addresses of two string headers.

use super::collect::{Collector, Ecosystem, Entry, Origin};
use super::go_module::toolchain_version;
use object::{File, Object, ObjectSegment};
use plimsoll_core::model::component::Scope;
use plimsoll_core::model::problem::printable;

/// Length of the block's header.
const HEADER: usize = 32;
/// Most bytes of one string; Kubernetes, with 300 modules, has 40 KiB.
const LONGEST: u64 = 4 << 20;
/// Length of the marks at both ends of the list of modules.
const MARK: usize = 16;

/// Reads the block that begins at `address`; `block` is the data from there to
/// the end of its segment.
pub(super) fn read(file: &File<'_>, address: u64, block: &[u8], into: &mut Collector<'_>) {
    let flags = block.get(15).copied().unwrap_or_default();
    let strings = if flags & 2 != 0 { inline(block) } else { by_pointer(file, block, flags & 1 != 0) };
    let Some((toolchain, modules)) = strings else {
        let fault = "states lengths or addresses outside the program";
        return into.unread(&format!("Go build information at address {address:#x}"), fault);
    };
    let toolchain = String::from_utf8_lossy(toolchain);
    match toolchain_version(&toolchain) {
        Some(version) => into.registry(Ecosystem::Go, "stdlib", &version, Scope::Runtime),
        None => into.incomplete(format!(
            "it was built with \"{}\", which has no place in the order of Go versions",
            printable(&toolchain)
        )),
    }
    let list = modules.get(MARK..modules.len().saturating_sub(MARK)).unwrap_or_default();
    match std::str::from_utf8(list) {
        Ok("") => into.incomplete("the program was built without modules, so only its Go version is known"),
        Ok(list) => module_list(list, into),
        Err(_) => into.unread("Go build information", "is not UTF-8"),
    }
}

fn inline(block: &[u8]) -> Option<(&[u8], &[u8])> {
    let (toolchain, rest) = counted(block.get(HEADER..)?)?;
    let (modules, _) = counted(rest)?;
    Some((toolchain, modules))
}

/// A length in base 128, least significant part first, then so many bytes.
fn counted(data: &[u8]) -> Option<(&[u8], &[u8])> {
    let mut length = 0u64;
    for (index, byte) in data.iter().take(9).enumerate() {
        length |= u64::from(byte & 0x7f) << (7 * index);
        if byte & 0x80 == 0 {
            let rest = data.get(index + 1..)?;
            if length > LONGEST {
                return None;
            }
            return rest.split_at_checked(usize::try_from(length).ok()?);
        }
    }
    None
}

fn by_pointer<'a>(file: &File<'a>, block: &'a [u8], big_endian: bool) -> Option<(&'a [u8], &'a [u8])> {
    let width = usize::from(*block.get(14)?);
    if width != 4 && width != 8 {
        return None;
    }
    let number = |data: &[u8]| -> Option<u64> {
        let bytes = data.get(..width)?;
        let shift = |sum: u64, byte: &u8| sum << 8 | u64::from(*byte);
        Some(if big_endian { bytes.iter().fold(0, shift) } else { bytes.iter().rev().fold(0, shift) })
    };
    let string = |header: u64| -> Option<&'a [u8]> {
        let header = at(file, header, 2 * width as u64)?;
        let (address, length) = (number(header)?, number(header.get(width..)?)?);
        if length == 0 { Some(&[]) } else { at(file, address, length) }
    };
    let toolchain = string(number(block.get(16..)?)?)?;
    let modules = match number(block.get(16 + width..)?)? {
        0 => &[],
        header => string(header)?,
    };
    (!toolchain.is_empty()).then_some((toolchain, modules))
}

fn at<'a>(file: &File<'a>, address: u64, length: u64) -> Option<&'a [u8]> {
    if length > LONGEST {
        return None;
    }
    file.segments().find_map(|segment| segment.data_range(address, length).ok().flatten())
}

/// Reads lines `mod|dep path version [sum]`, where a line `=>` replaces the
/// one before it.
fn module_list(list: &str, into: &mut Collector<'_>) {
    let mut pending: Option<Entry<'_>> = None;
    for line in list.lines() {
        let fields: Vec<&str> = line.split('\t').collect();
        match fields.as_slice() {
            ["=>", path, version, ..] => {
                if let Some(entry) = &mut pending {
                    if matches!(*version, "" | "(devel)") {
                        entry.origin = Origin::Own; // a folder
                    } else {
                        (entry.name, entry.version) = (path, version);
                    }
                }
            }
            ["=>", _] => {
                if let Some(entry) = &mut pending {
                    entry.origin = Origin::Own;
                }
            }
            [kind @ ("mod" | "dep"), name, version, ..] => {
                pending.take().into_iter().for_each(|entry| into.add(entry));
                let main = *kind == "mod";
                // A main module built from a checkout says `(devel)`; installed
                // by version it has one, and advisories speak of it.
                let origin = match (main, *version) {
                    (_, "(devel)" | "") => Origin::Own,
                    (true, _) => Origin::Program,
                    (false, _) => Origin::Registry,
                };
                let version = if version.is_empty() { "(devel)" } else { version };
                pending = Some(Entry { ecosystem: Ecosystem::Go, name, version, origin, scope: Scope::Runtime });
            }
            _ => {} // `path` and `build` lines name no module
        }
    }
    pending.into_iter().for_each(|entry| into.add(entry));
}
