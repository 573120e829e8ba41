//! The state file: first-seen times between scans.

use crate::printer::Failure;
use jiff::Timestamp;
use plimsoll_core::assessment::{Memory, Remembered};
use plimsoll_core::model::problem::Problem;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::io::Write;
use std::path::Path;

const SCHEMA: &str = "plimsoll-state/1";
/// A fleet's worst host has some ten thousand findings of a few hundred bytes.
const LIMIT: u64 = 64 << 20;
/// Seconds for which something out of sight stays remembered: longer than a
/// mirror is down, shorter than a package stays away and comes back as new.
const OUT_OF_SIGHT: i64 = 30 * 86_400;

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
    if std::fs::metadata(path).is_err_and(|error| error.kind() == std::io::ErrorKind::NotFound) {
        return Ok(Memory { kept: true, ..Memory::default() });
    }
    crate::input::replaceable(path).map_err(bad)?;
    let text = crate::input::read(path, LIMIT).map_err(bad)?;
    let state: State = serde_json::from_slice(&text).map_err(|error| bad(format!("is not a state file: {error}")))?;
    if state.schema != SCHEMA {
        return Err(bad(format!("has schema “{}”, this program reads “{SCHEMA}”", state.schema)));
    }
    Ok(Memory { kept: true, seen: state.seen })
}

/// Carries over what was seen lately and is out of sight now.
///
/// A mirror or a source that fails for a day hides what is still there, and
/// to start its clock again would forgive the days before.
fn carry_over(mut memory: Memory, before: &Memory, now: Timestamp) -> Memory {
    for (key, remembered) in &before.seen {
        if now.as_second().saturating_sub(remembered.last.as_second()) <= OUT_OF_SIGHT {
            memory.seen.entry(key.clone()).or_insert(*remembered);
        }
    }
    memory
}

/// Writes the state file beside the old one and renames it into place.
pub fn write(path: &Path, memory: Memory, before: &Memory, now: Timestamp) -> Result<(), Failure> {
    let memory = carry_over(memory, before, now);
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
    std::fs::create_dir_all(folder).map_err(failed)?;
    let mut file = tempfile::Builder::new().prefix(".plimsoll-state-").tempfile_in(folder).map_err(failed)?;
    file.write_all(&text).map_err(failed)?;
    file.as_file().sync_all().map_err(failed)?;
    file.persist(path).map_err(|error| failed(error.error))?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_out_of_sight_for_a_while_keeps_its_clock() {
        let at = |text: &str| -> Timestamp { text.parse().unwrap() };
        let seen = |first: &str, last: &str| Remembered { first: at(first), last: at(last) };
        let before = Memory {
            kept: true,
            seen: BTreeMap::from([
                ("hidden".to_owned(), seen("2026-01-01T00:00:00Z", "2026-11-01T00:00:00Z")),
                ("old".to_owned(), seen("2026-01-01T00:00:00Z", "2026-10-21T23:59:59Z")),
            ]),
        };
        let now = at("2026-11-21T00:00:00Z");
        let fresh = Memory { kept: true, seen: BTreeMap::from([("new".to_owned(), Remembered { first: now, last: now })]) };
        let kept = carry_over(fresh, &before, now);
        assert_eq!(kept.seen.keys().collect::<Vec<_>>(), ["hidden", "new"]);
        assert_eq!(kept.seen["hidden"], before.seen["hidden"]);
    }
}
