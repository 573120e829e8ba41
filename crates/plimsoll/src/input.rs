//! Reading what the command line names: files, and pipes such as a shell's
//! `<(…)`.

use std::fs::File;
use std::io::Read;
use std::os::unix::fs::FileTypeExt;
use std::path::Path;

/// Reads a file or pipe of at most `limit` bytes.
///
/// The error says what is wrong and leaves the place to the caller. A pipe
/// that nobody writes to is waited for, as every program does.
pub fn read(path: &Path, limit: u64) -> Result<Vec<u8>, String> {
    let told = |error: std::io::Error| format!("cannot be read: {error}");
    let kind = std::fs::metadata(path).map_err(told)?;
    if !kind.is_file() && !kind.file_type().is_fifo() {
        return Err("is not a file".to_owned());
    }
    if kind.len() > limit {
        return Err(format!("is {} bytes long, the limit is {limit}", kind.len()));
    }
    let mut bytes = Vec::new();
    let more = File::open(path).map_err(told)?.take(limit.saturating_add(1)).read_to_end(&mut bytes).map_err(told)?;
    if more as u64 > limit {
        return Err(format!("is longer than {limit} bytes, which is the limit"));
    }
    Ok(bytes)
}

/// Reads text in UTF-8 of at most `limit` bytes.
pub fn read_text(path: &Path, limit: u64) -> Result<String, String> {
    String::from_utf8(read(path, limit)?)
        .map_err(|error| format!("is not UTF-8 from byte {} on", error.utf8_error().valid_up_to()))
}

/// Refuses to write to what is there and is no file: a finished file takes
/// its place by renaming, which would put it where a device or a folder was.
pub fn replaceable(path: &Path) -> Result<(), String> {
    match std::fs::metadata(path) {
        Ok(kind) if !kind.is_file() => Err("is there and is not a file".to_owned()),
        _ => Ok(()),
    }
}
