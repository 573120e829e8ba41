//! Measuring a freshly fetched source before it replaces the last good one.

use crate::build::{first_bytes, read_file};
use crate::catalogue::SourceEntry;
use crate::fetch::Measured;
use plimsoll_core::model::problem::Problem;
use plimsoll_formats::advisories::{Reading, detect};
use std::path::Path;

/// Reads a new file, or every document of a folder, and counts.
///
/// This is the same reading that building does, so that what is promoted can
/// be built.
pub fn check(entry: &SourceEntry, path: &Path) -> Result<Measured, Problem> {
    let mut reading = Reading::default();
    if path.is_dir() {
        folder(path, &entry.path, 0, &mut reading)?;
    } else {
        file(&entry.path, path, &mut reading)?;
    }
    Ok(Measured { records: reading.records, newest: reading.newest })
}

fn folder(path: &Path, relative: &str, depth: usize, reading: &mut Reading) -> Result<(), Problem> {
    let unreadable = |error: std::io::Error| {
        Problem::new("E-READ", relative, format!("cannot be listed: {error}"), "check the cache folder and the disk")
    };
    let mut entries: Vec<_> =
        std::fs::read_dir(path).map_err(unreadable)?.collect::<Result<_, _>>().map_err(unreadable)?;
    entries.sort_by_key(std::fs::DirEntry::file_name);
    for one in entries {
        let inner = format!("{relative}/{}", one.file_name().to_string_lossy());
        let kind = one.file_type().map_err(unreadable)?;
        if kind.is_dir() && depth < 8 {
            folder(&one.path(), &inner, depth + 1, reading)?;
        } else if kind.is_file() {
            // One bad document among thousands does not condemn the rest.
            if let Err(problem) = file(&inner, &one.path(), reading) {
                reading.reject(problem);
            }
        }
    }
    Ok(())
}

fn file(relative: &str, path: &Path, reading: &mut Reading) -> Result<(), Problem> {
    let Some(kind) = detect::source_of(relative, &first_bytes(path)) else { return Ok(()) };
    let bytes = read_file(path, relative)?;
    reading.add(detect::read(&kind, relative, &bytes, &mut |_| {})?);
    Ok(())
}
