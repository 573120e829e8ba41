//! The state file: first-seen times between scans.

use crate::printer::Failure;
use plimsoll_core::assessment::{Memory, Remembered};
use plimsoll_core::model::problem::Problem;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::io::Write;
use std::path::Path;

const SCHEMA: &str = "plimsoll-state/1";
/// A fleet's worst host has some ten thousand findings of a few hundred bytes.
const LIMIT: u64 = 64 << 20;

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct State {
    schema: String,
    seen: BTreeMap<String, Remembered>,
}

/// Reads the state file; one that does not exist is empty.
///
/// A damaged one is an error and is left alone: starting its clocks again
/// would silently forgive every missed deadline.
pub fn read(path: &Path) -> Result<Memory, Failure> {
    let place = path.display().to_string();
    let bad = |text: String| {
        Failure::input(Problem::new(
            "E-STATE",
            &place,
            text,
            "restore it from a backup, or name another file; deleting it restarts every clock",
        ))
    };
    let length = match std::fs::metadata(path) {
        Ok(metadata) => metadata.len(),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            return Ok(Memory { kept: true, ..Memory::default() });
        }
        Err(error) => return Err(bad(format!("cannot be read: {error}"))),
    };
    if length > LIMIT {
        return Err(bad(format!("is {length} bytes long, the limit is {LIMIT}")));
    }
    let text = std::fs::read(path).map_err(|error| bad(format!("cannot be read: {error}")))?;
    let state: State = serde_json::from_slice(&text).map_err(|error| bad(format!("is not a state file: {error}")))?;
    if state.schema != SCHEMA {
        return Err(bad(format!("has schema “{}”, this program reads “{SCHEMA}”", state.schema)));
    }
    Ok(Memory { kept: true, seen: state.seen })
}

/// Writes the state file beside the old one and renames it into place.
pub fn write(path: &Path, memory: Memory) -> Result<(), Failure> {
    let place = path.display().to_string();
    let failed = |error: std::io::Error| {
        Failure::unfinished(Problem::new(
            "E-WRITE",
            &place,
            format!("the state cannot be written: {error}; the old one is untouched"),
            "free space or name another file with `--state`",
        ))
    };
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let text = serde_json::to_vec_pretty(&State { schema: SCHEMA.to_owned(), seen: memory.seen })
        .map_err(|error| failed(std::io::Error::other(error)))?;
    let mut file = tempfile::Builder::new().prefix(".plimsoll-state-").tempfile_in(folder).map_err(failed)?;
    file.write_all(&text).map_err(failed)?;
    file.as_file().sync_all().map_err(failed)?;
    file.persist(path).map_err(|error| failed(error.error))?;
    Ok(())
}
