//! A source that is one file: fetched, measured, and put in place only if it
//! is no worse than the last good one.

use super::download::{Download, Fetched, Request, download, small};
use super::integrity;
use super::{Measured, Outcome, Run, SourceReport};
use crate::cache::{Record, io_problem, now, put_in_place};
use crate::catalogue::SourceEntry;
use jiff::tz::TimeZone;
use plimsoll_core::phases::monitor;
use plimsoll_core::model::problem::{Problem, printable};
use plimsoll_core::model::source::{SourceTrouble, SourceWarning};
use std::path::{Path, PathBuf};
use url::Url;

/// Where a source's incoming file lies until it is good.
///
/// The name ends as the final one does, so that a check can tell the format.
pub(crate) fn incoming(root: &Path, path: &str) -> PathBuf {
    root.join(".incoming").join(path.replace("{date}", "current"))
}

/// Parses a source's address.
pub(crate) fn address(entry: &SourceEntry, text: &str) -> Result<Url, Problem> {
    Url::parse(text).map_err(|error| {
        Problem::new(
            "E-CONFIG",
            &entry.name,
            format!("the address \u{201c}{}\u{201d} cannot be read: {error}", printable(text)),
            "correct it in sources.toml",
        )
    })
}

/// Fetches the file; gives the outcome and what is to be remembered.
pub(super) fn fetch(run: &Run<'_>, entry: &SourceEntry, last: Record, report: &mut SourceReport) -> (Outcome, Record) {
    let mut record = last;
    record.last_attempt = Some(now());
    let outcome = match bring(run, entry, &record, report) {
        Ok(None) => {
            confirm(&mut record);
            Outcome::Unchanged
        }
        Ok(Some((file, download))) => consider(run, entry, &mut record, &file, &download),
        Err(problem) => Outcome::Failed(problem),
    };
    if let Outcome::Failed(problem) = &outcome {
        fail(entry, &mut record, problem);
    }
    (outcome, record)
}

/// Downloads and tests the structure; none when nothing changed.
fn bring(
    run: &Run<'_>,
    entry: &SourceEntry,
    record: &Record,
    report: &mut SourceReport,
) -> Result<Option<(PathBuf, Download)>, Problem> {
    let url = address(entry, &entry.url)?;
    let scope = run.client.scope(&url, &entry.redirect_hosts);
    let target = incoming(run.root, &entry.path);
    // Validators speak of the file that was promoted; if that is gone or was
    // changed, "not modified" would leave nothing or the wrong thing.
    let there = record.asked == run.client.route(&url).as_str()
        && std::fs::metadata(run.root.join(&record.path)).is_ok_and(|about| about.is_file() && about.len() == record.size);
    let request = Request {
        source: &entry.name,
        url: &url,
        scope: &scope,
        target: &target,
        etag: record.etag.as_deref().filter(|_| there),
        last_modified: record.last_modified.as_deref().filter(|_| there),
        cap: entry.cap().min(run.client.limits.absolute),
        progress: run.progress,
        cancel: run.cancel,
    };
    match download(run.client, &request)? {
        Fetched::NotModified => Ok(None),
        Fetched::New(download) => {
            report.wire_bytes = download.wire;
            Ok(Some((target, download)))
        }
    }
}

/// Measures a new file and promotes or refuses it.
fn consider(run: &Run<'_>, entry: &SourceEntry, record: &mut Record, file: &Path, download: &Download) -> Outcome {
    let measured = integrity::structure(file).and_then(|()| (run.check)(entry, file));
    let refused = match measured {
        Ok(measured) => match worse(entry, record, &measured) {
            Some(warning) if !run.accept_shrunk.contains(&entry.name) => Ok(warning),
            _ => {
                return match promote(run, entry, record, file, download, measured) {
                    Ok(()) => Outcome::Updated(measured),
                    Err(problem) => {
                        let _ = std::fs::remove_file(file);
                        Outcome::Failed(problem)
                    }
                };
            }
        },
        Err(problem) => Err(problem),
    };
    keep_rejected(run, entry, record, file);
    match refused {
        Ok(warning) => {
            record.last_error = None;
            record.warnings = vec![warning.clone()];
            Outcome::Kept(warning)
        }
        Err(problem) => Outcome::Failed(problem),
    }
}

/// Why new content is worse than the last good one, if it is.
pub(super) fn worse(entry: &SourceEntry, record: &Record, measured: &Measured) -> Option<SourceWarning> {
    let last = Measured { records: record.records, newest: record.newest };
    let warning = monitor::accept(&entry.name, last, *measured).err()?;
    let text = format!("{}; if it is right: `db update --accept {}`", warning.text, entry.name);
    Some(SourceWarning { text, ..warning })
}

/// Puts the new file in place and writes down what is known of it.
fn promote(
    run: &Run<'_>,
    entry: &SourceEntry,
    record: &mut Record,
    file: &Path,
    download: &Download,
    measured: Measured,
) -> Result<(), Problem> {
    let date = measured.newest.unwrap_or_else(now).to_zoned(TimeZone::UTC).date();
    let path = entry.path.replace("{date}", &date.to_string());
    let target = run.root.join(&path);
    let sha256 = integrity::sha256(file)?;
    let size = std::fs::metadata(file).map_err(|error| io_problem(file, "cannot be read", &error))?.len();
    if let Some(folder) = target.parent() {
        std::fs::create_dir_all(folder).map_err(|error| io_problem(folder, "cannot be made", &error))?;
    }
    put_in_place(file, &target)?;
    let _ = std::fs::remove_file(rejected(&target));
    record.asked = Url::parse(&entry.url).map(|url| run.client.route(&url).to_string()).unwrap_or_default();
    record.path = path;
    record.sha256 = sha256;
    record.size = size;
    record.etag.clone_from(&download.etag);
    record.last_modified.clone_from(&download.last_modified);
    record.fetched = Some(now());
    record.records = measured.records;
    record.newest = measured.newest;
    confirm(record);
    Ok(())
}

/// Writes down that the content in place is right.
pub(super) fn confirm(record: &mut Record) {
    record.confirmed = Some(now());
    record.last_error = None;
    record.warnings.clear();
}

/// Writes down a failure; trouble that already stands stays, because only a
/// good fetch ends it.
pub(super) fn fail(entry: &SourceEntry, record: &mut Record, problem: &Problem) {
    if problem.code == "E-CANCELLED" {
        return;
    }
    record.warnings.retain(|warning| warning.kind != SourceTrouble::Failed);
    let last = match record.fetched {
        Some(fetched) => format!("the content of {fetched} stays in use"),
        None => "there is none from earlier".to_owned(),
    };
    record.warnings.push(SourceWarning {
        kind: SourceTrouble::Failed,
        text: format!("{} could not be updated ({}: {}); {last}", entry.name, problem.place, problem.text),
    });
    record.last_error = Some(problem.clone());
}

fn rejected(target: &Path) -> PathBuf {
    let mut name = target.as_os_str().to_owned();
    name.push(".rejected");
    PathBuf::from(name)
}

/// Keeps refused content beside the last good one, for people to look at.
fn keep_rejected(run: &Run<'_>, entry: &SourceEntry, record: &Record, file: &Path) {
    let path = if record.path.is_empty() || record.path.contains('{') { &entry.path } else { &record.path };
    let target = rejected(&run.root.join(path.replace("{date}", "current")));
    if let Some(folder) = target.parent() {
        let _ = std::fs::create_dir_all(folder);
    }
    if std::fs::rename(file, &target).is_err() {
        let _ = std::fs::remove_file(file);
    }
}

/// Fetches a digest that lies beside a file; none when there is none.
pub(super) fn sidecar(run: &Run<'_>, request: &Request<'_>, suffix: &str) -> Result<Option<Vec<u8>>, Problem> {
    let mut url = request.url.clone();
    url.set_path(&format!("{}{suffix}", url.path()));
    let mut name = request.target.as_os_str().to_owned();
    name.push(suffix);
    let target = PathBuf::from(name);
    let request = Request { url: &url, target: &target, etag: None, last_modified: None, cap: 16 << 10, ..*request };
    small(run.client, &request)
}

/// One plain sentence for progress.
pub(super) fn sentence(outcome: &Outcome) -> String {
    match outcome {
        Outcome::Updated(measured) => format!("updated, {} records", measured.records),
        Outcome::Unchanged => "unchanged".to_owned(),
        Outcome::Kept(warning) => warning.text.clone(),
        Outcome::Failed(problem) => format!("failed: {}", problem.text),
        Outcome::NotTried => "not tried".to_owned(),
    }
}
