//! The power of a server with SQLite on a real ext4 is cut, afterwards and many
//! times: at flushes, between them, in the middle of a sector's row. Whatever
//! was acknowledged is there, the database opens, and the evidence log is the
//! one that was shown before.
//!
//! `PLIMSOLL_POWER_CUTS=1000 PLIMSOLL_POWER_SEED=7 cargo test -p plimsoll power -- --nocapture`
//! cuts more often.

mod disk;

use crate::evaluation::Evaluation;
use crate::sandbox::Small;
use disk::{Disk, Mounted};
use plimsoll_store::Store;
use plimsoll_store::engine::sqlite_url;
use plimsoll_store::evidence::verify::verify;
use std::collections::BTreeSet;
use std::path::Path;
use std::sync::Mutex;
use std::time::{Duration, Instant};

/// How long hosts are entered.
const WRITING: Duration = Duration::from_secs(5);
/// Clients at once, so that commits are shared.
const CLIENTS: usize = 4;

/// Numbers that follow from the seed (xorshift).
struct Dice(u64);

impl Dice {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }

    fn below(&mut self, end: usize) -> usize {
        (self.next() % end as u64) as usize
    }
}

/// A host that the server said it keeps, and how far the disk was then.
struct Acknowledged {
    host: String,
    disk: usize,
}

/// What was found after a cut.
struct Found {
    hosts: BTreeSet<String>,
    /// The newest checkpoint, which hosts may have been shown.
    checkpoint: Option<String>,
}

fn number(name: &str) -> Option<u64> {
    std::env::var(name).ok().map(|text| text.parse().unwrap_or_else(|_| panic!("{name} is a number")))
}

#[test]
fn what_was_acknowledged_survives_the_power() {
    let folder = tempfile::tempdir().expect("a folder");
    let Some(mut disk) = Disk::new(folder.path(), 48) else { return };
    let seed = number("PLIMSOLL_POWER_SEED").unwrap_or_else(|| u64::from(std::process::id()));
    let cuts = number("PLIMSOLL_POWER_CUTS").unwrap_or(25) as usize;
    eprintln!("seed {seed}, {cuts} cuts; again with PLIMSOLL_POWER_SEED={seed}");
    let (acknowledged, ready) = write(&disk);
    disk.files = None;
    let story = disk.story.lock().expect("the disk");
    eprintln!("{} hosts acknowledged over {} writes and {} flushes", acknowledged.len(), story.length() - story.flushes(), story.flushes());
    assert!(acknowledged.len() > 30 && story.flushes() > 30, "too little happened");

    let mut dice = Dice(seed | 1);
    let mut moments: Vec<usize> = (0..cuts).map(|_| ready + dice.below(story.length() - ready + 1)).collect();
    moments.sort_unstable();
    let mut older: Option<String> = None;
    for moment in moments {
        let bytes = story.cut(moment, false, || dice.next().is_multiple_of(2));
        let found = open(folder.path(), &bytes, older.as_deref()).unwrap_or_else(|error| panic!("cut at {moment}: {error}"));
        let lost: Vec<&str> = acknowledged.iter().filter(|one| one.disk <= moment && !found.hosts.contains(&one.host)).map(|one| one.host.as_str()).collect();
        assert!(lost.is_empty(), "cut at {moment}: {lost:?} were acknowledged and are gone");
        older = found.checkpoint.or(older);
    }

    // A disk that lies about flushes loses something: the cuts do cut.
    let lost = (0..10).any(|_| {
        let moment = ready + dice.below(story.length() - ready + 1);
        let bytes = story.cut(moment, true, || dice.next().is_multiple_of(2));
        match open(folder.path(), &bytes, None) {
            Ok(found) => acknowledged.iter().any(|one| one.disk <= moment && !found.hosts.contains(&one.host)),
            Err(_) => true,
        }
    });
    assert!(lost, "ten cuts of a disk that lies cost nothing: this test sees nothing");
}

/// Lets several clients enter hosts at a real server, and kills it. Gives what
/// was acknowledged, and how far the disk was when the server was ready.
fn write(disk: &Disk) -> (Vec<Acknowledged>, usize) {
    let small = Small::new(&[("alpha", "1.0")]);
    small.advise("TEST-2026-1", "low", "2026-03-01", "alpha", "2.0").build(&[]);
    let data = disk.files.as_ref().expect("files").path().join("server");
    let server = Evaluation::start(&data, &small.path("small.db"), &small.at("log"));
    let from = disk.length();
    let acknowledged = Mutex::new(Vec::new());
    let began = Instant::now();
    std::thread::scope(|scope| {
        for client in 0..CLIENTS {
            let (server, acknowledged) = (&server, &acknowledged);
            scope.spawn(move || {
                for turn in 0.. {
                    if began.elapsed() > WRITING {
                        break;
                    }
                    let host = format!("switch-{client}-{turn}");
                    server.enter(&host).unwrap_or_else(|why| panic!("{why:?}: {}", server.said()));
                    acknowledged.lock().expect("a list").push(Acknowledged { host, disk: disk.length() });
                }
            });
        }
    });
    server.kill();
    (acknowledged.into_inner().expect("a list"), from)
}

/// Mounts what is left of the disk, opens the store, and verifies the log, also
/// against a checkpoint of an earlier moment.
fn open(folder: &Path, bytes: &[u8], older: Option<&str>) -> Result<Found, String> {
    let (image, export) = (folder.join("left"), folder.join("evidence"));
    std::fs::write(&image, bytes).expect("the image");
    let mounted = Mounted::new(&image, folder.join("after"))?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    let found = runtime.block_on(async {
        let store = Store::open(&sqlite_url(&mounted.path().join("server/plimsoll.db"))).await.map_err(|error| error.to_string())?;
        let hosts = store.hosts_after(None, 10_000).await.map_err(|error| error.to_string())?;
        let checkpoint = store.checkpoint().await.map_err(|error| error.to_string())?.map(|checkpoint| checkpoint.note);
        let _ = std::fs::remove_dir_all(&export);
        let exported = store.export_evidence(&export).await.map_err(|error| error.to_string())?;
        let verdict = verify(&export, &exported.verifier_key, older);
        store.close().await;
        if !verdict.is_good() {
            return Err(format!("the log is not what it was: {:?}", verdict.problems));
        }
        Ok(Found { hosts: hosts.into_iter().map(|(host, _)| host.name).collect(), checkpoint })
    });
    drop(runtime);
    found
}
