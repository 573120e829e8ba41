//! The **snapshot**: what was decided of every host, kept in a file, so that a
//! server that starts is ready in seconds and not once it has judged everybody.
//!
//! A cache and never the truth. It is used by the very program that wrote it,
//! under the same advisory database and policy, and of it the hosts alone of
//! which a new judgement would read what the kept one read (see
//! [`Basis`](crate::fleet::basis::Basis)); everybody else is judged anew. What
//! is damaged, or somebody else's, is passed over with a line in the log.

pub mod file;

use crate::app::{App, Shared};
use crate::fleet::basis::{self, Read};
use crate::fleet::kept::Kept;
use crate::run::pause;
use jiff::tz::TimeZone;
use jiff::{Timestamp, civil::Date};
use plimsoll_core::assessment::support_turned;
use plimsoll_core::fleet::Index;
use plimsoll_core::model::identifier::HostId;
use plimsoll_store::StoreError;
use roaring::RoaringBitmap;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use std::collections::HashMap;
use std::fs::File;
use std::io::{self, BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::{Duration, Instant};
use tokio::sync::watch;

/// How often it is asked whether enough has changed.
const LOOK: Duration = Duration::from_secs(20);
/// Least time between two snapshots: each is written whole.
const PACE: Duration = Duration::from_secs(300);
/// Share of the hosts, one in so many, that must have been judged for that.
const SHARE: u64 = 20;
/// Time after which any change is enough.
const LONGEST: Duration = Duration::from_secs(3600);
/// Room that is left on the disk to whoever needs it more.
const ROOM: u64 = 64 << 20;

/// When the last one was written, and of what.
#[derive(Debug)]
pub struct Snapshots(Mutex<Last>);

#[derive(Clone, Copy, Debug)]
struct Last {
    at: Instant,
    judgements: u64,
    ground: Read,
}

impl Default for Snapshots {
    fn default() -> Self {
        Self(Mutex::new(Last { at: Instant::now(), judgements: 0, ground: [0; 32] }))
    }
}

impl Snapshots {
    fn last(&self) -> Last {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn note(&self, judgements: u64, ground: Read) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Last { at: Instant::now(), judgements, ground };
    }
}

/// What all of a snapshot rests on.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
struct Head {
    /// SHA-256 of the program.
    program: Read,
    /// Digest of the advisory database.
    database: Option<String>,
    /// Digest of the policy.
    policy: String,
}

impl Head {
    fn of(app: &App) -> Result<Self, String> {
        let database = app.advisories.held().map(|held| held.named.digest.clone());
        Ok(Self { program: program()?, database, policy: app.policies.in_force().digest() })
    }

    fn ground(&self) -> Read {
        basis::ground(self.database.as_deref(), &self.policy)
    }

    fn check(&self, now: &Self) -> Result<(), String> {
        let differs = [
            (self.program != now.program, "another build of the program wrote it"),
            (self.database != now.database, "it was judged by another advisory database"),
            (self.policy != now.policy, "it was judged under another policy"),
        ];
        differs.iter().find(|(differs, _)| *differs).map_or(Ok(()), |(_, text)| Err((*text).to_owned()))
    }
}

/// SHA-256 of this program: how it judges changes without its version.
fn program() -> Result<Read, String> {
    static PROGRAM: OnceLock<Result<Read, String>> = OnceLock::new();
    let digest = || {
        // The running one, also where another lies in its place by now.
        let mut file = BufReader::with_capacity(1 << 20, File::open("/proc/self/exe")?);
        let mut sum = Sha256::new();
        loop {
            let part = file.fill_buf()?;
            if part.is_empty() {
                return Ok(sum.finalize().into());
            }
            sum.update(part);
            let length = part.len();
            file.consume(length);
        }
    };
    let made = PROGRAM.get_or_init(|| digest().map_err(|error: io::Error| format!("the program cannot be read: {error}")));
    made.clone()
}

fn path(app: &App) -> PathBuf {
    app.configuration.data.join("judgements.snapshot")
}

/// Takes up what was kept of the hosts, which are registered and not judged.
///
/// # Errors
///
/// The store cannot be read.
pub async fn take_up(app: &Shared) -> Result<(), StoreError> {
    let path = path(app);
    if !path.exists() {
        return Ok(());
    }
    let journals = app.store.journals().await?;
    let shared = Arc::clone(app);
    let taken = tokio::task::spawn_blocking(move || take(&shared, &journals)).await;
    match taken.unwrap_or_else(|error| Err(error.to_string())) {
        Ok(hosts) => {
            app.metrics.hosts_taken_up.set(i64::try_from(hosts).unwrap_or(i64::MAX));
            tracing::info!(hosts, place = %path.display(), "what was judged before the start still holds");
        }
        Err(reason) => tracing::warn!(place = %path.display(), "the snapshot is not used, every host is judged anew: {reason}"),
    }
    Ok(())
}

fn take(app: &App, journals: &HashMap<HostId, u64>) -> Result<u64, String> {
    let Some(bytes) = file::read(&path(app))? else { return Ok(0) };
    let head = Head::of(app)?;
    let (kept, index) = parse(&bytes, &head)?;
    drop(bytes);
    let now = Timestamp::now();
    let turned = Turned::of(app, &index, now)?;
    let (ground, mut fleet) = (head.ground(), app.fleet.write());
    let hosts = fleet.take_up(kept, index, |host, basis| {
        let read = host.report.as_deref().map(|report| basis::host(report, &host.facts()));
        let same = read == Some(basis.host) && basis.ground == ground && journals.get(&host.id) == Some(&basis.journal);
        same && !turned.since(host.number, basis.at)
    });
    fleet.recount(now);
    app.snapshots.note(app.metrics.judgements.get(), ground);
    Ok(hosts)
}

fn parse(bytes: &[u8], now: &Head) -> Result<(Kept, Index), String> {
    let mut reader = file::Reader::open(bytes)?;
    let head: Head = reader.part()?.ok_or("it is empty")?;
    head.check(now)?;
    Kept::read(&mut reader)
}

/// Hosts whose support stands otherwise since a day.
struct Turned {
    today: Date,
    streams: Vec<(Date, RoaringBitmap)>,
}

impl Turned {
    fn of(app: &App, index: &Index, now: Timestamp) -> Result<Self, String> {
        let today = day(now);
        let mut streams = Vec::new();
        if let Some(held) = app.advisories.held() {
            for stream in index.streams() {
                let turned = support_turned(stream, &held.database, today).map_err(|problem| format!("{}: {}", problem.place, problem.text))?;
                streams.extend(turned.map(|day| (day, index.hosts_in(stream))));
            }
        }
        Ok(Self { today, streams })
    }

    /// Whether what was decided of a host then cannot be what it is now; also
    /// where the clock went back.
    fn since(&self, host: u32, then: i64) -> bool {
        let Some(then) = Timestamp::from_second(then).ok().map(day) else { return true };
        then > self.today || self.streams.iter().any(|(turned, hosts)| then < *turned && hosts.contains(host))
    }
}

fn day(instant: Timestamp) -> Date {
    instant.to_zoned(TimeZone::UTC).date()
}

/// Writes it whenever much has changed, until the server stops.
pub async fn run(app: Shared, mut stopped: watch::Receiver<bool>) {
    while pause(LOOK, &mut stopped).await {
        if is_due(&app) {
            keep(&app).await;
        }
    }
}

fn is_due(app: &App) -> bool {
    // Whoever is being judged is not kept.
    if app.notices.judging.load(Ordering::Acquire) {
        return false;
    }
    let last = app.snapshots.last();
    let judged = app.metrics.judgements.get().saturating_sub(last.judgements);
    let hosts = u64::try_from(app.metrics.hosts.get()).unwrap_or(0);
    let much = judged > 0 && judged.saturating_mul(SHARE) >= hosts;
    last.at.elapsed() >= if much { PACE } else { LONGEST }
}

/// Writes it, where anything has changed since the last one. That it cannot be
/// written is in the log and costs time at the next start.
pub async fn keep(app: &Shared) {
    let shared = Arc::clone(app);
    let written = tokio::task::spawn_blocking(move || write(&shared)).await;
    match written.unwrap_or_else(|error| Err(error.to_string())) {
        Ok(0) => {}
        Ok(hosts) => tracing::debug!(hosts, "what was judged is kept for the next start"),
        Err(reason) => tracing::warn!(place = %path(app).display(), "what was judged is not kept, the next start will judge it anew: {reason}"),
    }
}

/// Gives how many hosts are in it; zero where none was written.
fn write(app: &App) -> Result<usize, String> {
    let (path, head, judgements) = (path(app), Head::of(app)?, app.metrics.judgements.get());
    let (ground, last) = (head.ground(), app.snapshots.last());
    if (last.judgements, last.ground) == (judgements, ground) && path.exists() {
        return Ok(0);
    }
    let (kept, index) = {
        let fleet = app.fleet.read();
        let late = app.late.lock().unwrap_or_else(PoisonError::into_inner);
        fleet.keep(&ground, &late)
    };
    if kept.hosts() == 0 {
        return Ok(0);
    }
    // Also where it failed: the next try may be as much work as this one.
    app.snapshots.note(judgements, ground);
    let needed = kept.bytes() + index.bytes() as u64 + ROOM;
    let room = path.parent().map_or(Ok(u64::MAX), room).map_err(|error| error.to_string())?;
    if room < needed {
        return Err(format!("the disk has room for {room} bytes, {needed} are to be free"));
    }
    let written = file::replace(&path, |writer| {
        writer.part(&head)?;
        kept.write(&index, writer)
    });
    written.map_err(|error| error.to_string())?;
    Ok(kept.hosts())
}

/// Bytes that may be written to a folder.
fn room(folder: &Path) -> io::Result<u64> {
    let found = rustix::fs::statvfs(folder)?;
    Ok(found.f_bavail.saturating_mul(found.f_frsize))
}

#[cfg(test)]
mod tests;
