//! `.deb` files: the control paragraph within one.
//!
//! Source: deb(5). An `ar` archive of `debian-binary`, `control.tar.*` and
//! `data.tar.*`, in this order; only the first two are read.

use super::control;
use crate::bounded::{self, Limits};
use object::read::archive::ArchiveFile;
use plimsoll_core::model::problem::{Problem, printable};
use std::io::Read;

/// Bytes of a file that must be given, or all of a smaller one: everything
/// before `data.tar`. The largest control archive of Debian 12 has 1.3 MB.
pub const HEAD: usize = 32 << 20;
/// Largest control archive after decompression.
const CONTROL_LIMITS: Limits = Limits { bytes: 64 << 20, ratio: 200, entries: 4_096 };
/// Largest control file.
const CONTROL_FILE: usize = 1 << 20;

/// What a `.deb` says of itself.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Deb {
    /// Package name.
    pub name: String,
    /// Version.
    pub version: String,
    /// Architecture.
    pub arch: String,
    /// The control paragraph as written, its last line ended.
    pub paragraph: String,
}

/// Reads the control paragraph; `head` is the file's first [`HEAD`] bytes.
///
/// # Errors
///
/// `E-FORMAT` for anything that dpkg would not take, `E-LIMIT` for a bomb.
pub fn read(place: &str, head: &[u8]) -> Result<Deb, Problem> {
    let refuse = |text: String| Problem::new("E-FORMAT", place, text, "give a .deb that `dpkg-deb --info` reads");
    let archive = ArchiveFile::parse(head).map_err(|error| refuse(format!("is no ar archive: {error}")))?;
    let mut members = archive.members();
    let mut next = |wanted: &str| -> Result<(String, &[u8]), Problem> {
        let member = members.next().transpose().map_err(|error| refuse(format!("is cut or damaged: {error}")))?;
        let member = member.ok_or_else(|| refuse(format!("ends before {wanted}")))?;
        let name = String::from_utf8_lossy(member.name()).trim_end_matches(['/', ' ']).to_owned();
        let data = member.data(head).map_err(|error| refuse(format!("is cut within {}: {error}", printable(&name))))?;
        Ok((name, data))
    };
    let (name, version) = next("debian-binary")?;
    if name != "debian-binary" || !version.starts_with(b"2.") {
        return Err(refuse(format!("starts with {} and is no .deb of format 2", printable(&name))));
    }
    let (name, packed) = next("control.tar")?;
    if !matches!(name.as_str(), "control.tar" | "control.tar.gz" | "control.tar.xz" | "control.tar.zst") {
        return Err(refuse(format!("has {} where its control archive should be", printable(&name))));
    }
    let text = control_file(&format!("{place}!{name}"), packed)?;
    let (text, problem) = control::text(place, &text)?;
    if let Some(problem) = problem {
        return Err(problem);
    }
    let mut paragraphs = control::paragraphs(&text);
    let (Some(paragraph), None) = (paragraphs.next(), paragraphs.next()) else {
        return Err(refuse("has a control file that is not one paragraph".to_owned()));
    };
    let field = |name: &str| match paragraph.field(name) {
        Some(value) if is_word(value) => Ok(value.to_owned()),
        _ => Err(refuse(format!("has no {name}, or one that is no word"))),
    };
    let mut own = paragraph.text().trim_end().to_owned();
    own.push('\n');
    Ok(Deb { name: field("Package")?, version: field("Version")?, arch: field("Architecture")?, paragraph: own })
}

/// Names and versions end up in paths and indices.
fn is_word(text: &str) -> bool {
    (1..=255).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b".+-~:_".contains(&byte))
}

fn control_file(place: &str, packed: &[u8]) -> Result<Vec<u8>, Problem> {
    let refuse = |text: String| Problem::new("E-FORMAT", place, text, "give a .deb that `dpkg-deb --info` reads");
    let unpacked = bounded::decompress(place, packed, CONTROL_LIMITS)?;
    let mut archive = tar::Archive::new(&*unpacked);
    let entries = archive.entries().map_err(|error| refuse(error.to_string()))?;
    for (count, entry) in entries.enumerate() {
        if count == CONTROL_LIMITS.entries {
            return Err(Problem::new("E-LIMIT", place, format!("has more than {count} entries, which is the limit"), "check where the file comes from"));
        }
        let entry = entry.map_err(|error| refuse(format!("cannot be read: {error}")))?;
        let name = entry.path_bytes();
        if !matches!(&*name, b"control" | b"./control") {
            continue;
        }
        if !entry.header().entry_type().is_file() {
            return Err(refuse("has a control file that is no file".to_owned()));
        }
        let mut text = Vec::new();
        entry.take(CONTROL_FILE as u64 + 1).read_to_end(&mut text).map_err(|error| refuse(format!("cannot be read: {error}")))?;
        if text.len() > CONTROL_FILE {
            return Err(Problem::new("E-LIMIT", place, format!("has a control file of more than {CONTROL_FILE} bytes, which is the limit"), "check where the file comes from"));
        }
        return Ok(text);
    }
    Err(refuse("has no control file".to_owned()))
}
