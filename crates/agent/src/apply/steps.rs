//! Steps that are no packages: a file, a line of settings, a service's state.
//!
//! What a file was before is kept, and the journal says so, before it changes.

use super::journal::{Event, Journal};
use super::store::Store;
use plimsoll_core::model::deployment_package::{ServiceState, Step};
use plimsoll_core::model::problem::Problem;
use std::fs::{File, OpenOptions, Permissions};
use std::io::Write;
use std::os::unix::fs::{MetadataExt, OpenOptionsExt, PermissionsExt};
use std::path::{Component, Path};
use std::process::{Command, Stdio};

/// Largest file of settings, and largest file kept for the way back.
const LIMIT: u64 = 16 << 20;

fn bad(place: &str, text: impl Into<String>) -> Problem {
    Problem::new("E-STEP", place, text, "look at the host, and at the step in the package")
}

/// Checks that nobody but root could lead a path elsewhere.
fn root_owned(path: &str) -> Result<&Path, Problem> {
    let whole = Path::new(path);
    let plain = whole.is_absolute() && whole.components().skip(1).all(|part| matches!(part, Component::Normal(_))) && whole.file_name().is_some();
    if !plain {
        return Err(bad(path, "is no absolute path of plain names"));
    }
    for folder in whole.ancestors().skip(1) {
        let metadata = folder.symlink_metadata().map_err(|error| bad(path, format!("has the folder {} that cannot be looked at: {error}", folder.display())))?;
        if !metadata.is_dir() || metadata.uid() != 0 || metadata.mode() & 0o022 != 0 {
            return Err(Problem { code: "E-PATH-OWNER".to_owned(), ..bad(path, format!("has the folder {} that is a link or not root's alone", folder.display())) });
        }
    }
    match whole.symlink_metadata() {
        Ok(metadata) if !metadata.is_file() => Err(bad(path, "is no regular file")),
        _ => Ok(whole),
    }
}

/// Does one step.
pub(super) fn take(store: &Store, journal: &Journal<'_>, attempt: &str, number: usize, step: &Step) -> Result<(), Problem> {
    match step {
        Step::File { path, sha256, mode, .. } => {
            let target = root_owned(path)?;
            let mode = u32::from_str_radix(mode, 8).ok().filter(|mode| *mode <= 0o777).ok_or_else(|| bad(path, format!("is to have the mode {mode:?}, which is none")))?;
            let bytes = std::fs::read(store.staged(sha256)).map_err(|error| bad(path, format!("is not staged: {error}")))?;
            if is_so(target, &bytes, Some(mode)) {
                return Ok(());
            }
            keep(store, journal, attempt, number, target)?;
            replace(target, &bytes, mode)
        }
        Step::Setting { path, key, separator, value } => {
            let target = root_owned(path)?;
            let old = match std::fs::read_to_string(target) {
                Ok(old) => old,
                Err(error) if error.kind() == std::io::ErrorKind::NotFound => String::new(),
                Err(error) => return Err(bad(path, format!("cannot be read: {error}"))),
            };
            let new = set(&old, key, separator, value).map_err(|text| bad(path, text))?;
            if new == old {
                return Ok(());
            }
            let mode = target.metadata().map_or(0o644, |metadata| metadata.mode() & 0o777);
            keep(store, journal, attempt, number, target)?;
            replace(target, new.as_bytes(), mode)
        }
        Step::Service { unit, state } => {
            journal.append(attempt, Event::Starts { step: format!("service {unit}") })?;
            let words: &[&str] = match state {
                ServiceState::Enabled => &["enable", "--now"],
                ServiceState::Disabled => &["disable", "--now"],
                ServiceState::Restarted => &["try-restart"],
                ServiceState::Reloaded => &["try-reload-or-restart"],
            };
            let status = Command::new("/usr/bin/systemctl").args(words).args(["--", unit]).env_clear().stdin(Stdio::null()).stdout(Stdio::null()).status();
            let ended = status.map_err(|error| bad(unit, format!("cannot be changed: {error}")))?;
            journal.append(attempt, Event::Ended { code: ended.code() })?;
            if ended.success() { Ok(()) } else { Err(bad(unit, format!("could not be {state:?}: {ended}").to_lowercase())) }
        }
        // Comes after the checks, when nothing leads back any more.
        Step::CleanUp { .. } => Ok(()),
    }
}

/// Puts back what was kept, the newest first.
pub(super) fn undo(store: &Store, kept: &[(String, Option<String>)]) -> Result<(), Problem> {
    for (path, copy) in kept.iter().rev() {
        let target = root_owned(path)?;
        match copy {
            None => match std::fs::remove_file(target) {
                Err(error) if error.kind() != std::io::ErrorKind::NotFound => return Err(bad(path, format!("cannot be removed: {error}"))),
                _ => {}
            },
            Some(copy) => {
                let copy = store.path(copy);
                let mode = copy.metadata().map_err(|error| bad(path, format!("has no former content: {error}")))?.mode() & 0o777;
                let bytes = std::fs::read(&copy).map_err(|error| bad(path, format!("has no former content: {error}")))?;
                replace(target, &bytes, mode)?;
            }
        }
    }
    Ok(())
}

fn is_so(path: &Path, bytes: &[u8], mode: Option<u32>) -> bool {
    let same_mode = path.metadata().is_ok_and(|metadata| mode.is_none_or(|mode| metadata.mode() & 0o777 == mode));
    same_mode && std::fs::read(path).is_ok_and(|found| found == bytes)
}

/// Keeps a file's content before it changes; durable before the journal names
/// it.
fn keep(store: &Store, journal: &Journal<'_>, attempt: &str, number: usize, path: &Path) -> Result<(), Problem> {
    let place = path.to_string_lossy().into_owned();
    let metadata = match path.metadata() {
        Ok(metadata) => metadata,
        Err(_) => return journal.append(attempt, Event::Kept { path: place, copy: None }),
    };
    if metadata.len() > LIMIT {
        return Err(bad(&place, format!("is {} bytes long, the limit is {LIMIT}", metadata.len())));
    }
    let name = format!("attempts/{attempt}/kept-{number}");
    let bytes = std::fs::read(path).map_err(|error| bad(&place, format!("cannot be read: {error}")))?;
    store.write(&name, &bytes)?;
    std::fs::set_permissions(store.path(&name), Permissions::from_mode(metadata.mode() & 0o777)).map_err(|error| bad(&place, format!("cannot be kept: {error}")))?;
    journal.append(attempt, Event::Kept { path: place, copy: Some(name) })
}

fn replace(path: &Path, bytes: &[u8], mode: u32) -> Result<(), Problem> {
    let place = path.to_string_lossy().into_owned();
    let fresh = path.with_file_name(format!(".{}.plimsoll-new", path.file_name().unwrap_or_default().to_string_lossy()));
    let write = || -> std::io::Result<()> {
        let _ = std::fs::remove_file(&fresh);
        let mut file = OpenOptions::new().create_new(true).write(true).mode(0o600).open(&fresh)?;
        file.write_all(bytes)?;
        file.set_permissions(Permissions::from_mode(mode))?;
        file.sync_all()?;
        std::fs::rename(&fresh, path)?;
        File::open(path.parent().unwrap_or(path))?.sync_all()
    };
    write().map_err(|error| bad(&place, format!("cannot be written: {error}")))
}

/// A file of settings with `key` set: its first line of that key is changed,
/// further ones go, and where there is none one is added at the end.
fn set(old: &str, key: &str, separator: &str, value: &str) -> Result<String, String> {
    if key.trim().is_empty() || [key, separator, value].iter().any(|text| text.contains(['\n', '\r', '\0'])) {
        return Err("is to have a key that is empty or a text with a line break".to_owned());
    }
    let line = format!("{key}{separator}{value}");
    let separates = separator.trim();
    let is_key = |old: &str| {
        let rest = old.trim_start().strip_prefix(key);
        rest.is_some_and(|rest| if separates.is_empty() { rest.starts_with([' ', '\t']) } else { rest.trim_start().starts_with(separates) })
    };
    let mut out = String::with_capacity(old.len() + line.len() + 1);
    let mut done = false;
    for old in old.lines() {
        if !is_key(old) {
            out.push_str(old);
        } else if !done {
            out.push_str(&line);
            done = true;
        } else {
            continue;
        }
        out.push('\n');
    }
    if !done {
        out.push_str(&line);
        out.push('\n');
    }
    Ok(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_setting_stands_once_and_nothing_else_changes() {
        assert_eq!(set("# a\na = 1\nab = 2\n a=3\n", "a", " = ", "9").unwrap(), "# a\na = 9\nab = 2\n");
        assert_eq!(set("PermitRootLogin yes\n", "PermitRootLogin", " ", "no").unwrap(), "PermitRootLogin no\n");
        assert_eq!(set("x: 1", "y", ": ", "2").unwrap(), "x: 1\ny: 2\n");
        assert!(set("", "a", "=", "1\nb=2").is_err() && set("", " ", "=", "1").is_err());
    }

    #[test]
    fn a_path_that_others_could_bend_is_refused() {
        assert_eq!(root_owned("etc/x").unwrap_err().code, "E-STEP");
        assert_eq!(root_owned("/etc/../x").unwrap_err().code, "E-STEP");
        assert_eq!(root_owned("/tmp/x").unwrap_err().code, "E-PATH-OWNER");
    }
}
