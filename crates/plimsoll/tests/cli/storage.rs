//! A server whose disk is full, or loses a write, and backups while it works:
//! what was acknowledged stays, the rest is refused in words.

use crate::evaluation::{Evaluation, Refused};
use crate::sandbox::{Small, plimsoll, text};
use plimsoll_store::engine::sqlite_url;
use plimsoll_store::{Opener, Options, Store};
use std::collections::BTreeSet;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

/// A small file system in memory, unmounted with the test however it ends.
struct Volume(PathBuf);

impl Volume {
    fn new(at: PathBuf, mebibytes: u32) -> Option<Self> {
        std::fs::create_dir(&at).expect("a folder");
        let mounted = Command::new("mount").args(["-t", "tmpfs", "-o", &format!("size={mebibytes}m"), "tmpfs"]).arg(&at).output();
        if !mounted.as_ref().is_ok_and(|output| output.status.success()) {
            let must = std::env::var_os("CI").is_some() && rustix::process::geteuid().is_root();
            assert!(!must, "CI as root needs a volume of its own: {mounted:?}");
            eprintln!("skipped: a volume of its own needs root");
            return None;
        }
        let wait = format!("while kill -0 {} 2>/dev/null; do sleep 1; done; umount -l '{}'", std::process::id(), at.display());
        let null = Stdio::null;
        let _ = Command::new("setsid").args(["sh", "-c", &wait]).stdin(null()).stdout(null()).stderr(null()).spawn();
        Some(Self(at))
    }
}

impl Drop for Volume {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("-l").arg(&self.0).status();
    }
}

fn advisories() -> Small {
    let small = Small::new(&[("alpha", "1.0")]);
    small.advise("TEST-2026-1", "low", "2026-03-01", "alpha", "2.0").build(&[]);
    small
}

/// Hosts in the database of a folder, beside a server or after one.
fn kept(data: &Path) -> BTreeSet<String> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    runtime.block_on(async {
        let options = Options { opener: Opener::Command, ..Options::new(sqlite_url(&data.join("plimsoll.db"))) };
        let store = Store::open_with(options).await.expect("opens");
        let hosts = store.hosts_after(None, 100_000).await.expect("hosts");
        store.close().await;
        hosts.into_iter().map(|(host, _)| host.name).collect()
    })
}

/// Exports and verifies the evidence log of a folder.
fn log_verifies(data: &Path, to: &str) {
    let exported = plimsoll(&["evidence", "export", "--data", &text(data), "--to", to]);
    let key = exported.finished().out.trim();
    let verified = plimsoll(&["evidence", "verify", to, "--key", key]);
    assert_eq!(verified.code, Some(0), "{}{}", verified.out, verified.err);
}

#[test]
fn a_full_disk_refuses_writes_in_words_and_heals_without_a_restart() {
    let small = advisories();
    let Some(volume) = Volume::new(small.at("volume"), 24) else { return };
    let data = volume.0.join("server");
    let server = Evaluation::start(&data, &small.path("small.db"), &small.at("log"));
    let mut acknowledged = BTreeSet::new();
    for number in 0..5 {
        let name = format!("early-{number}");
        server.enter(&name).expect("there is room");
        acknowledged.insert(name);
    }
    // Something else fills the volume to its last byte.
    let filler = volume.0.join("filler");
    let mut file = std::fs::File::create(&filler).expect("a file");
    let mut size = 1 << 20;
    while size > 0 {
        if file.write_all(&vec![1; size]).is_err() {
            size /= 2;
        }
    }
    let mut refused: Vec<Refused> = Vec::new();
    for number in 0..400 {
        let name = format!("full-{number}");
        match server.enter(&name) {
            // Room was left in pages that the database had already.
            Ok(()) => _ = acknowledged.insert(name),
            Err(why) => refused.push(why),
        }
        if refused.len() >= 5 {
            break;
        }
    }
    assert_eq!(refused.len(), 5, "the disk never was full");
    for why in &refused {
        assert_eq!((why.status, why.code.as_str()), (Some(503), "E-STORE-FULL"), "{why:?}\n{}", server.said());
        assert!(why.retry_after.is_some());
    }
    for path in ["/healthz", "/api/v1/hosts", "/api/v1/findings", "/metrics"] {
        assert_eq!(server.status(path), 200, "{path} reads while nothing can be written");
    }
    drop(file);
    std::fs::remove_file(&filler).expect("room again");
    let began = Instant::now();
    while let Err(why) = server.enter("late") {
        assert!(why.status == Some(503) && began.elapsed() < Duration::from_secs(20), "{why:?}\n{}", server.said());
        std::thread::sleep(Duration::from_millis(200));
    }
    acknowledged.insert("late".to_owned());
    // Killed, and started again on the same folder: nobody holds it.
    server.kill();
    let again = Evaluation::start(&data, &small.path("small.db"), &small.at("log"));
    again.enter("later").expect("it works");
    again.kill();
    let hosts = kept(&data);
    assert!(acknowledged.is_subset(&hosts), "lost: {:?}", acknowledged.difference(&hosts));
    log_verifies(&data, &small.path("evidence"));
}

#[test]
fn a_lost_write_ends_the_server_and_costs_nothing_that_was_acknowledged() {
    if !Command::new("strace").arg("-V").output().is_ok_and(|output| output.status.success()) {
        eprintln!("skipped: no strace to fail an fsync with");
        return;
    }
    let small = advisories();
    let data = small.at("server");
    let mut server = Evaluation::start(&data, &small.path("small.db"), &small.at("log"));
    for number in 0..3 {
        server.enter(&format!("early-{number}")).expect("the disk is well");
    }
    let mut tracer = Command::new("strace")
        .args(["-f", "-qq", "-p", &server.child.id().to_string(), "-e", "trace=fsync,fdatasync", "-e", "inject=fsync,fdatasync:error=EIO:when=1"])
        .args(["-o", &small.path("trace")])
        .stdin(Stdio::null())
        .spawn()
        .expect("strace starts");
    let began = Instant::now();
    let mut acknowledged: BTreeSet<String> = (0..3).map(|number| format!("early-{number}")).collect();
    loop {
        let name = format!("host-{}", acknowledged.len());
        match server.enter(&name) {
            Ok(()) => _ = acknowledged.insert(name),
            Err(why) => {
                assert!(why.status.is_none_or(|status| status == 503), "{why:?}");
                break;
            }
        }
        assert!(began.elapsed() < Duration::from_secs(20), "no write failed: {}", std::fs::read_to_string(small.at("trace")).unwrap_or_default());
    }
    let status = server.ended();
    let _ = tracer.kill();
    let _ = tracer.wait();
    assert_eq!(status.code(), Some(3), "{}", server.said());
    assert!(server.said().contains("E-STORE-FSYNC"), "{}", server.said());
    let again = Evaluation::start(&data, &small.path("small.db"), &small.at("log"));
    again.enter("after").expect("it works");
    again.kill();
    let hosts = kept(&data);
    assert!(acknowledged.is_subset(&hosts), "lost: {:?}", acknowledged.difference(&hosts));
    log_verifies(&data, &small.path("evidence"));
}

#[test]
fn a_backup_made_while_hosts_arrive_holds_all_that_came_before_it() {
    let small = advisories();
    let data = small.at("server");
    let server = Evaluation::start(&data, &small.path("small.db"), &small.at("log"));
    let (stop, acknowledged) = (AtomicBool::new(false), Mutex::new(BTreeSet::new()));
    let entered = || acknowledged.lock().expect("a set").clone();
    let before = std::thread::scope(|scope| {
        for client in 0..3 {
            let (server, stop, acknowledged) = (&server, &stop, &acknowledged);
            scope.spawn(move || {
                for number in 0.. {
                    if stop.load(Ordering::Acquire) {
                        break;
                    }
                    let name = format!("host-{client}-{number}");
                    server.enter(&name).expect("entered");
                    acknowledged.lock().expect("a set").insert(name);
                }
            });
        }
        let began = Instant::now();
        while entered().len() < 20 {
            assert!(began.elapsed() < Duration::from_secs(60), "nothing is entered");
            std::thread::sleep(Duration::from_millis(20));
        }
        let (mut before, mut made);
        // Until somebody wrote while it was made.
        loop {
            let _ = std::fs::remove_file(small.at("backup"));
            before = entered();
            made = plimsoll(&["backup", "--data", &text(&data), "--to", &small.path("backup"), "--keys"]);
            if made.code != Some(0) || entered().len() > before.len() {
                break;
            }
            assert!(began.elapsed() < Duration::from_secs(60), "nobody wrote meanwhile");
        }
        stop.store(true, Ordering::Release);
        assert_eq!(made.code, Some(0), "{}", made.err);
        before
    });
    server.kill();
    let restored = small.at("restored");
    let ran = plimsoll(&["restore", &small.path("backup"), "--data", &text(&restored)]);
    assert_eq!(ran.code, Some(0), "{}", ran.err);
    let hosts = kept(&restored);
    assert!(before.is_subset(&hosts), "not in the backup: {:?}", before.difference(&hosts));
    log_verifies(&restored, &small.path("evidence"));
    let again = Evaluation::start(&restored, &small.path("small.db"), &small.at("log"));
    again.enter("after").expect("a restored server works");
    // Into one that is in use nothing is restored.
    assert!(plimsoll(&["restore", &small.path("backup"), "--data", &text(&data)]).failed().err.contains("E-NOT-EMPTY"));
}
