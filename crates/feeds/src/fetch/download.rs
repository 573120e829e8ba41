//! One file: asked for conditionally, resumed where it broke off, bounded in
//! size and time.
//!
//! What arrives lies in `<file>.part` with its validators beside it in
//! `<file>.part.json`, so that a killed run is resumed by the next one; a
//! resumed part is used only if the server confirms by `If-Range` that it is
//! still the same file.

use super::address::{Scope, shown};
use super::client::{Client, Failure, Reply, failure};
use super::progress::Progress;
use crate::cache::{io_problem, write_durably};
use plimsoll_core::model::problem::{Problem, printable};
use serde::{Deserialize, Serialize};
use std::fs::File;
use std::io::{Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};
use url::Url;

/// What is wanted.
pub(crate) struct Request<'a> {
    /// Name of the source, for progress.
    pub(crate) source: &'a str,
    pub(crate) url: &'a Url,
    pub(crate) scope: &'a Scope,
    /// Where the complete file is put; its part lies beside it.
    pub(crate) target: &'a Path,
    /// Validators of the last good file; none when that file is gone.
    pub(crate) etag: Option<&'a str>,
    pub(crate) last_modified: Option<&'a str>,
    /// Most bytes, on the wire and after decoding.
    pub(crate) cap: u64,
    pub(crate) progress: &'a dyn Progress,
    pub(crate) cancel: &'a AtomicBool,
}

/// What came of it.
#[derive(Debug)]
pub(crate) enum Fetched {
    /// The server says the last good file is still right.
    NotModified,
    /// A complete file lies at the target, not yet looked into.
    New(Download),
}

/// A complete download.
#[derive(Debug)]
pub(crate) struct Download {
    pub(crate) etag: Option<String>,
    pub(crate) last_modified: Option<String>,
    /// Bytes that came over the wire in this run.
    pub(crate) wire: u64,
}

/// What is known of a part.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
struct Part {
    url: String,
    etag: Option<String>,
    last_modified: Option<String>,
    total: Option<u64>,
    gzip: bool,
}

impl Part {
    /// What `If-Range` may carry: a strong ETag, else the date.
    fn validator(&self) -> Option<&str> {
        let strong = self.etag.as_deref().filter(|etag| !etag.starts_with("W/"));
        strong.or(self.last_modified.as_deref())
    }
}

/// Fetches, with retries.
pub(crate) fn download(client: &Client, request: &Request<'_>) -> Result<Fetched, Problem> {
    let mut pause = client.limits.pause;
    let mut wire = 0;
    let mut answered = false;
    let mut tries = 0;
    loop {
        let failure = match attempt(client, request, &mut wire, &mut answered) {
            Ok(Fetched::New(download)) => return Ok(Fetched::New(Download { wire, ..download })),
            Ok(fetched) => return Ok(fetched),
            Err(failure) => failure,
        };
        if !failure.retry || tries == client.limits.retries {
            if failure.retry && !answered {
                client.give_up_on(request.url);
            }
            return Err(failure.problem);
        }
        let wait = failure.after.unwrap_or(pause);
        if wait > client.limits.longest_pause {
            let asked = wait.as_secs();
            let longest = client.limits.longest_pause.as_secs();
            let mut problem = failure.problem;
            problem.text.push_str(&format!("; the server asks to wait {asked} s, the limit is {longest} s"));
            problem.next = format!("update again in {asked} s");
            return Err(problem);
        }
        tries += 1;
        pause = pause.saturating_mul(2);
        request.progress.retry(request.source, &failure.problem.text, wait);
        sleep(wait, request.cancel)?;
    }
}

fn sleep(wait: Duration, cancel: &AtomicBool) -> Result<(), Problem> {
    let until = Instant::now() + wait;
    while Instant::now() < until {
        if cancel.load(Ordering::Relaxed) {
            return Err(cancelled());
        }
        std::thread::sleep(until.saturating_duration_since(Instant::now()).min(Duration::from_millis(100)));
    }
    Ok(())
}

fn cancelled() -> Problem {
    Problem::new("E-CANCELLED", "update", "was stopped", "update again; what was fetched so far is resumed")
}

/// The path of the part, and of what is known of it.
fn part_paths(target: &Path) -> (PathBuf, PathBuf) {
    let with = |suffix: &str| {
        let mut name = target.as_os_str().to_owned();
        name.push(suffix);
        PathBuf::from(name)
    };
    (with(".part"), with(".part.json"))
}

/// A part that may be resumed, and how long it is.
fn resumable(request: &Request<'_>) -> Option<(Part, u64)> {
    let (file, about) = part_paths(request.target);
    let length = std::fs::metadata(&file).ok()?.len();
    let mut text = Vec::new();
    File::open(about).ok()?.take(64 << 10).read_to_end(&mut text).ok()?;
    let part: Part = serde_json::from_slice(&text).ok()?;
    let plausible = length > 0 && length <= request.cap && part.total.is_none_or(|total| length < total);
    (part.url == request.url.as_str() && part.validator().is_some() && plausible).then_some((part, length))
}

fn discard(target: &Path) {
    let (file, about) = part_paths(target);
    let _ = std::fs::remove_file(file);
    let _ = std::fs::remove_file(about);
}

fn attempt(client: &Client, request: &Request<'_>, wire: &mut u64, answered: &mut bool) -> Result<Fetched, Failure> {
    if request.cancel.load(Ordering::Relaxed) {
        return Err(Failure::fatal(cancelled()));
    }
    let resume = resumable(request);
    let mut headers = vec![("accept-encoding", accepted(request.target).to_owned())];
    match &resume {
        Some((part, length)) => {
            headers.push(("range", format!("bytes={length}-")));
            headers.extend(part.validator().map(|validator| ("if-range", validator.to_owned())));
        }
        None => {
            headers.extend(request.etag.map(|etag| ("if-none-match", etag.to_owned())));
            headers.extend(request.last_modified.map(|date| ("if-modified-since", date.to_owned())));
        }
    }
    let reply = client.get(request.url, &headers, request.scope)?;
    *answered = true;
    match (reply.status, resume) {
        (200, _) => receive(client, request, reply, None, wire),
        (206, Some((part, length))) => match same_file(&part, length, &reply) {
            Ok(()) => receive(client, request, reply, Some((part, length)), wire),
            Err(why) => {
                discard(request.target);
                Err(Failure::passing(http(&reply.url, &format!("could not resume: {why}"))))
            }
        },
        (304, None) if request.etag.is_some() || request.last_modified.is_some() => Ok(Fetched::NotModified),
        (416, Some(_)) => {
            discard(request.target);
            Err(Failure { after: Some(Duration::ZERO), ..Failure::passing(http(&reply.url, "no longer has the rest of the file")) })
        }
        _ => Err(refused(&reply)),
    }
}

/// Text is sent compressed; what is compressed already is sent as it is.
fn accepted(target: &Path) -> &'static str {
    match target.extension().and_then(|extension| extension.to_str()) {
        Some("gz" | "xz" | "zip" | "zst" | "bz2" | "deb" | "rpm") => "identity",
        _ => "gzip",
    }
}

/// Whether the rest that a server offers belongs to what is here.
fn same_file(part: &Part, length: u64, reply: &Reply) -> Result<(), String> {
    let range = reply.header("content-range").unwrap_or_default();
    let (start, total) = range
        .strip_prefix("bytes ")
        .and_then(|range| range.split_once('/'))
        .and_then(|(span, total)| Some((span.split_once('-')?.0.parse::<u64>().ok()?, total.parse::<u64>().ok())))
        .ok_or_else(|| format!("its range \u{201c}{}\u{201d} cannot be read", printable(range)))?;
    if start != length {
        return Err(format!("it sent from byte {start} on, not from {length}"));
    }
    if part.total.is_some() && total != part.total {
        return Err("the file has another length now".to_owned());
    }
    match (part.etag.as_deref(), reply.header("etag")) {
        (Some(had), Some(has)) if had != has => Err("the file has another ETag now".to_owned()),
        _ => Ok(()),
    }
}

/// What a status other than success means.
fn refused(reply: &Reply) -> Failure {
    let status = reply.status;
    let problem = http(&reply.url, &format!("the server answered {status}"));
    if !matches!(status, 408 | 425 | 429 | 500 | 502 | 503 | 504) {
        return Failure::fatal(problem);
    }
    Failure { after: reply.header("retry-after").and_then(retry_after), ..Failure::passing(problem) }
}

/// `Retry-After` in seconds or as a date.
fn retry_after(text: &str) -> Option<Duration> {
    if let Ok(seconds) = text.trim().parse::<u64>() {
        return Some(Duration::from_secs(seconds));
    }
    let date = jiff::fmt::rfc2822::parse(text.trim()).ok()?;
    let seconds = date.timestamp().as_second().saturating_sub(jiff::Timestamp::now().as_second());
    Some(Duration::from_secs(u64::try_from(seconds).unwrap_or(0)))
}

fn http(url: &Url, text: &str) -> Problem {
    Problem::new("E-HTTP", shown(url), text, "check the address, or update again later; a mirror can stand in")
}

fn too_large(url: &Url, bytes: u64, cap: u64) -> Problem {
    Problem::new(
        "E-LIMIT",
        shown(url),
        format!("is {bytes} bytes or more, the limit for this source is {cap}"),
        "if the source has really grown, raise `usual` for it in sources.toml",
    )
}

/// Takes a body into the part and, when it is complete, to the target.
fn receive(
    client: &Client,
    request: &Request<'_>,
    reply: Reply,
    resumed: Option<(Part, u64)>,
    wire: &mut u64,
) -> Result<Fetched, Failure> {
    let length = reply.length();
    let (part, start) = match resumed {
        Some(resumed) => resumed,
        None => (begin(request, &reply).map_err(Failure::fatal)?, 0),
    };
    if let Some(total) = length.map(|length| length.saturating_add(start)) {
        if total > request.cap {
            discard(request.target);
            return Err(Failure::fatal(too_large(&reply.url, total, request.cap)));
        }
        enough_space(request.target, total - start).map_err(Failure::fatal)?;
    }
    let total = part.total.or(length.map(|length| length + start));
    let url = reply.url.clone();
    let done = pour(client, request, reply, start, total, wire)?;
    if total.is_some_and(|total| total != done) {
        return Err(Failure::passing(http(&url, &format!("the body ended after {done} of {} bytes", total.unwrap_or(0)))));
    }
    complete(request, &part).map_err(Failure::fatal)?;
    Ok(Fetched::New(Download { etag: part.etag, last_modified: part.last_modified, wire: 0 }))
}

/// Starts a new part and writes down what is known of it.
fn begin(request: &Request<'_>, reply: &Reply) -> Result<Part, Problem> {
    discard(request.target);
    let short = |name| reply.header(name).filter(|value| value.len() <= 1024).map(str::to_owned);
    let gzip = match reply.header("content-encoding").map(str::trim) {
        None | Some("" | "identity") => false,
        // Some servers call a .gz file "encoded"; it is wanted as it is.
        Some("gzip" | "x-gzip") => accepted(request.target) == "gzip",
        Some(other) => {
            return Err(http(&reply.url, &format!("sent the content encoding {}, which was not asked for", printable(other))));
        }
    };
    let part = Part {
        url: request.url.to_string(),
        etag: short("etag"),
        last_modified: short("last-modified"),
        total: reply.length(),
        gzip,
    };
    let (file, about) = part_paths(request.target);
    if let Some(folder) = file.parent() {
        std::fs::create_dir_all(folder).map_err(|error| io_problem(folder, "cannot be made", &error))?;
    }
    File::create(&file).map_err(|error| io_problem(&file, "cannot be made", &error))?;
    let text = serde_json::to_vec(&part).unwrap_or_default();
    write_durably(&about, &text)?;
    Ok(part)
}

/// Refuses before the first byte what cannot fit.
fn enough_space(target: &Path, bytes: u64) -> Result<(), Problem> {
    let folder = target.parent().unwrap_or(target);
    let Ok(disk) = rustix::fs::statvfs(folder) else { return Ok(()) };
    let free = disk.f_bavail.saturating_mul(disk.f_frsize);
    if free < bytes {
        discard(target);
        return Err(Problem::new(
            "E-DISK",
            folder.to_string_lossy(),
            format!("{bytes} bytes are to be fetched, {free} are free"),
            "free space in the cache folder and update again; the last good files are untouched",
        ));
    }
    Ok(())
}

/// Appends the body to the part; returns its length then.
fn pour(
    client: &Client,
    request: &Request<'_>,
    reply: Reply,
    start: u64,
    total: Option<u64>,
    wire: &mut u64,
) -> Result<u64, Failure> {
    let (path, _) = part_paths(request.target);
    let disk = |error: std::io::Error| {
        let problem = io_problem(&path, "cannot be written", &error);
        if problem.code == "E-DISK" {
            discard(request.target);
        }
        Failure::fatal(problem)
    };
    let mut file = File::options().write(true).open(&path).map_err(disk)?;
    file.seek(SeekFrom::Start(start)).map_err(disk)?;
    let url = reply.url;
    let mut body = reply.body.into_reader();
    let mut buffer = vec![0; 64 << 10];
    let mut done = start;
    let mut rate = Rate::new();
    loop {
        if request.cancel.load(Ordering::Relaxed) {
            return Err(Failure::fatal(cancelled()));
        }
        let count = body.read(&mut buffer).map_err(|error| failure(&url, ureq::Error::from(error)))?;
        let Some(bytes) = buffer.get(..count).filter(|bytes| !bytes.is_empty()) else { break };
        done += count as u64;
        *wire += count as u64;
        if done > request.cap {
            discard(request.target);
            return Err(Failure::fatal(too_large(&url, done, request.cap)));
        }
        file.write_all(bytes).map_err(disk)?;
        request.progress.bytes(request.source, done, total);
        if let Some(wait) = client.breath(count as u64) {
            sleep(wait, request.cancel).map_err(Failure::fatal)?;
            // Waiting on purpose is no slow line.
            rate.pause(wait);
        }
        if let Some(slow) = rate.too_slow(count as u64, &client.limits) {
            return Err(Failure::passing(Problem::new(
                "E-SLOW",
                shown(&url),
                format!("came at {slow} bytes a second, the least accepted is {}", client.limits.least_rate),
                "update again later or use a mirror; what was fetched is resumed",
            )));
        }
    }
    file.sync_all().map_err(disk)?;
    Ok(done)
}

/// Watches the average rate of one stall period after another.
struct Rate {
    since: Instant,
    bytes: u64,
}

impl Rate {
    fn new() -> Self {
        Self { since: Instant::now(), bytes: 0 }
    }

    fn pause(&mut self, wait: Duration) {
        self.since += wait;
    }

    /// The rate, where a period has passed and it was below the least.
    fn too_slow(&mut self, bytes: u64, limits: &super::client::NetworkLimits) -> Option<u64> {
        self.bytes = self.bytes.saturating_add(bytes);
        let passed = self.since.elapsed();
        if passed < limits.stall {
            return None;
        }
        let rate = (self.bytes as u128 * 1000 / passed.as_millis().max(1)) as u64;
        *self = Self::new();
        (rate < limits.least_rate).then_some(rate)
    }
}

/// Moves a complete part to the target, decoded where the server encoded it.
fn complete(request: &Request<'_>, part: &Part) -> Result<(), Problem> {
    let (file, about) = part_paths(request.target);
    if part.gzip {
        let outcome = decode(&file, request);
        // An encoded part that does not decode is not worth resuming.
        let _ = std::fs::remove_file(&file);
        let _ = std::fs::remove_file(&about);
        return outcome;
    }
    std::fs::rename(&file, request.target).map_err(|error| io_problem(request.target, "cannot be put into place", &error))?;
    let _ = std::fs::remove_file(about);
    Ok(())
}

fn decode(file: &Path, request: &Request<'_>) -> Result<(), Problem> {
    let broken = |error: std::io::Error| match io_problem(request.target, "cannot be written", &error) {
        problem if problem.code == "E-DISK" => problem,
        _ => Problem::new(
            "E-FORMAT",
            shown(request.url),
            format!("was sent compressed and does not decompress: {error}"),
            "update again; if it stays, tell whoever runs the server",
        ),
    };
    let from = File::open(file).map_err(broken)?;
    let mut to = File::create(request.target).map_err(|error| io_problem(request.target, "cannot be made", &error))?;
    let mut decoder = flate2::read::MultiGzDecoder::new(from).take(request.cap + 1);
    let outcome = std::io::copy(&mut decoder, &mut to).map_err(broken).and_then(|bytes| {
        if bytes > request.cap { Err(too_large(request.url, bytes, request.cap)) } else { Ok(()) }
    });
    let outcome = outcome.and_then(|()| to.sync_all().map_err(broken));
    if outcome.is_err() {
        let _ = std::fs::remove_file(request.target);
    }
    outcome
}

/// Fetches a small document into memory, for indexes and digests.
///
/// None when the server says that there is no such file (404 or 410).
pub(crate) fn small(client: &Client, request: &Request<'_>) -> Result<Option<Vec<u8>>, Problem> {
    let fetched = download(client, request);
    match fetched {
        Ok(_) => {}
        Err(problem) if problem.code == "E-HTTP" && is_missing(&problem) => return Ok(None),
        Err(problem) => return Err(problem),
    }
    let mut bytes = Vec::new();
    let read = File::open(request.target).and_then(|file| file.take(request.cap).read_to_end(&mut bytes));
    let _ = std::fs::remove_file(request.target);
    read.map_err(|error| io_problem(request.target, "cannot be read", &error))?;
    Ok(Some(bytes))
}

fn is_missing(problem: &Problem) -> bool {
    problem.text.ends_with(" 404") || problem.text.ends_with(" 410")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn retry_after_is_seconds_or_a_date() {
        assert_eq!(retry_after("120"), Some(Duration::from_secs(120)));
        assert_eq!(retry_after("Wed, 21 Oct 2015 07:28:00 GMT"), Some(Duration::ZERO), "past");
        let later = jiff::Timestamp::now().as_second() + 600;
        let date = jiff::Timestamp::from_second(later).expect("a time").strftime("%a, %d %b %Y %H:%M:%S GMT").to_string();
        let wait = retry_after(&date).expect("a date").as_secs();
        assert!((598..=600).contains(&wait), "{wait}");
        assert_eq!(retry_after("soon"), None);
        assert_eq!(retry_after("-5"), None);
    }

    #[test]
    fn only_a_strong_validator_may_stitch() {
        let part = |etag: &str, date: Option<&str>| Part {
            etag: Some(etag.to_owned()),
            last_modified: date.map(str::to_owned),
            ..Part::default()
        };
        assert_eq!(part("\"a\"", None).validator(), Some("\"a\""));
        assert_eq!(part("W/\"a\"", None).validator(), None);
        assert_eq!(part("W/\"a\"", Some("Wed, 21 Oct 2015 07:28:00 GMT")).validator(), Some("Wed, 21 Oct 2015 07:28:00 GMT"));
    }
}
