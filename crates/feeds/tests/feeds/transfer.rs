//! Conditional requests, resuming, and servers that lie about time and length.

use crate::server::{Server, answer, feed, file, problem, run, run_one, source};
use plimsoll_feeds::cache::Cache;
use plimsoll_feeds::catalogue::Kind;
use plimsoll_feeds::fetch::{Measured, Outcome};
use std::io::Write;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

#[test]
fn unchanged_content_is_confirmed_and_changed_content_is_fetched() {
    let content = Arc::new(Mutex::new(("\"one\"", feed(10, "2026-01-01", 0))));
    let served = content.clone();
    let server = Server::start(move |seen, stream| {
        let (etag, body) = served.lock().expect("content").clone();
        file(seen, stream, etag, &body);
    });
    let root = tempfile::tempdir().expect("a folder");
    let kev = source("kev", &server.url("/kev.json"), "kev/kev.json", Kind::Kev);

    let report = run_one(root.path(), &kev);
    let newest = Some("2026-01-01T00:00:00Z".parse().expect("a time"));
    assert_eq!(report.outcome, Outcome::Updated(Measured { records: 10, newest }));
    let report = run_one(root.path(), &kev);
    assert_eq!((report.outcome, report.wire_bytes), (Outcome::Unchanged, 0));

    *content.lock().expect("content") = ("\"two\"", feed(11, "2026-01-02", 0));
    assert!(matches!(run_one(root.path(), &kev).outcome, Outcome::Updated(Measured { records: 11, .. })));
    assert_eq!(std::fs::read(root.path().join("kev/kev.json")).expect("the file"), feed(11, "2026-01-02", 0));

    // A file that was changed behind the cache's back is fetched whole.
    std::fs::write(root.path().join("kev/kev.json"), b"{}").expect("a written file");
    assert!(matches!(run_one(root.path(), &kev).outcome, Outcome::Updated(_)));
    let asked: Vec<_> = server.seen().iter().map(|seen| seen.header("if-none-match").map(str::to_owned)).collect();
    assert_eq!(asked, [None, Some("\"one\"".into()), Some("\"one\"".into()), None]);

    let cache = Cache::open(root.path()).expect("a cache");
    let record = cache.record("kev").expect("a record");
    assert_eq!((record.records, record.size, record.etag.as_deref()), (11, feed(11, "2026-01-02", 0).len() as u64, Some("\"two\"")));
    assert_eq!(record.sha256.len(), 64);
}

#[test]
fn a_cut_connection_is_resumed_and_a_changed_file_is_begun_again() {
    let body = feed(5, "2026-01-01", 200_000);
    let whole = body.clone();
    let tries = AtomicUsize::new(0);
    let server = Server::start(move |seen, stream| match tries.fetch_add(1, Ordering::SeqCst) {
        0 => {
            let head = format!("HTTP/1.1 200 OK\r\netag: \"a\"\r\ncontent-length: {}\r\n\r\n", whole.len());
            let _ = stream.write_all(head.as_bytes()).and_then(|()| stream.write_all(&whole[..70_000]));
        }
        _ => file(seen, stream, "\"a\"", &whole),
    });
    let root = tempfile::tempdir().expect("a folder");
    let report = run_one(root.path(), &source("kev", &server.url("/k"), "kev/k.json", Kind::Kev));
    assert!(matches!(report.outcome, Outcome::Updated(_)), "{report:?}");
    assert_eq!(std::fs::read(root.path().join("kev/k.json")).expect("the file"), body);
    assert_eq!(report.wire_bytes, body.len() as u64, "no byte came twice");
    let second = &server.seen()[1];
    assert_eq!((second.header("range"), second.header("if-range")), (Some("bytes=70000-"), Some("\"a\"")));
}

#[test]
fn a_server_that_changed_the_file_meanwhile_is_not_stitched_together() {
    let old = feed(5, "2026-01-01", 100_000);
    let new = feed(6, "2026-01-02", 100_000);
    let (first, second) = (old, new.clone());
    let tries = AtomicUsize::new(0);
    let server = Server::start(move |seen, stream| match tries.fetch_add(1, Ordering::SeqCst) {
        0 => {
            let head = format!("HTTP/1.1 200 OK\r\netag: \"a\"\r\ncontent-length: {}\r\n\r\n", first.len());
            let _ = stream.write_all(head.as_bytes()).and_then(|()| stream.write_all(&first[..50_000]));
        }
        // This server ignores If-Range and sends the rest of another file.
        1 => {
            let range = format!("bytes 50000-{}/{}", second.len() - 1, second.len());
            answer(stream, 206, &[("etag", "\"b\""), ("content-range", &range)], &second[50_000..]);
        }
        _ => file(seen, stream, "\"b\"", &second),
    });
    let root = tempfile::tempdir().expect("a folder");
    let report = run_one(root.path(), &source("kev", &server.url("/k"), "kev/k.json", Kind::Kev));
    assert!(matches!(report.outcome, Outcome::Updated(_)), "{report:?}");
    assert_eq!(std::fs::read(root.path().join("kev/k.json")).expect("the file"), new);
}

#[test]
fn lengths_that_lie_and_bodies_without_end_are_bounded() {
    let server = Server::start(|seen, stream| match seen.path.as_str() {
        "/short" => {
            let _ = stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 5000\r\n\r\n{\"records\":1}");
        }
        "/huge" => {
            let _ = stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 99999999999\r\n\r\n{");
        }
        "/endless" => {
            let _ = stream.write_all(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n");
            while stream.write_all(b"1000\r\n").and_then(|()| stream.write_all(&[b'x'; 4096])).and_then(|()| stream.write_all(b"\r\n")).is_ok() {}
        }
        _ => answer(stream, 200, &[], b"{\"records\":1}"),
    });
    let root = tempfile::tempdir().expect("a folder");
    let sources = ["short", "huge", "endless", "good"]
        .map(|name| source(name, &server.url(&format!("/{name}")), &format!("t/{name}.json"), Kind::Kev));
    let report = run(root.path(), &sources);
    let codes: Vec<&str> = report.sources[..3].iter().map(|source| problem(source).code.as_str()).collect();
    assert_eq!(codes, ["E-NETWORK", "E-LIMIT", "E-LIMIT"], "{report:#?}");
    assert!(matches!(report.sources[3].outcome, Outcome::Updated(_)), "one failing source does not stop another");
    assert!(!report.complete());
    let left: Vec<_> = walk(&root.path().join(".incoming"));
    assert!(left.iter().all(|(_, size)| *size < 10_000), "{left:?}");
}

fn walk(root: &std::path::Path) -> Vec<(std::path::PathBuf, u64)> {
    let mut out = Vec::new();
    for entry in std::fs::read_dir(root).into_iter().flatten().flatten() {
        match entry.metadata().expect("its metadata") {
            about if about.is_dir() => out.extend(walk(&entry.path())),
            about => out.push((entry.path(), about.len())),
        }
    }
    out
}

#[test]
fn a_trickle_is_given_up() {
    let server = Server::start(|_, stream| {
        let _ = stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 100000\r\n\r\n");
        for _ in 0..1000 {
            if stream.write_all(b"x").and_then(|()| stream.flush()).is_err() {
                break;
            }
            std::thread::sleep(Duration::from_millis(50));
        }
    });
    let root = tempfile::tempdir().expect("a folder");
    let begun = Instant::now();
    let report = run_one(root.path(), &source("slow", &server.url("/s"), "s/s.json", Kind::Kev));
    assert_eq!(problem(&report).code, "E-SLOW", "{report:?}");
    assert!(begun.elapsed() < Duration::from_secs(8));
    assert_eq!(server.seen().len(), 3, "tried again twice");
}

#[test]
fn a_busy_server_is_given_the_time_it_asks_for() {
    let tries = AtomicUsize::new(0);
    let server = Server::start(move |seen, stream| match (seen.path.as_str(), tries.fetch_add(1, Ordering::SeqCst)) {
        ("/later", _) => answer(stream, 503, &[("retry-after", "3600")], b""),
        (_, 0) => answer(stream, 429, &[("retry-after", "1")], b""),
        _ => answer(stream, 200, &[], &feed(1, "2026-01-01", 0)),
    });
    let root = tempfile::tempdir().expect("a folder");
    let begun = Instant::now();
    let report = run_one(root.path(), &source("busy", &server.url("/b"), "b/b.json", Kind::Kev));
    assert!(matches!(report.outcome, Outcome::Updated(_)), "{report:?}");
    assert!(begun.elapsed() >= Duration::from_secs(1));
    let report = run_one(root.path(), &source("later", &server.url("/later"), "b/l.json", Kind::Kev));
    assert!(problem(&report).text.contains("3600 s"), "{report:?}");
    assert_eq!(server.seen().len(), 3, "an hour is not waited for");
}

#[test]
fn compressed_transfers_are_stored_plain_and_bombs_are_not_stored() {
    let gzip = |bytes: &[u8]| {
        let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
        encoder.write_all(bytes).and_then(|()| encoder.finish()).expect("gzip in memory")
    };
    let plain = feed(7, "2026-01-01", 50_000);
    let packed = gzip(&plain);
    let bomb = gzip(&vec![b' '; 80 << 20]);
    let server = Server::start(move |seen, stream| match seen.path.as_str() {
        "/plain" => {
            assert_eq!(seen.header("accept-encoding"), Some("gzip"));
            answer(stream, 200, &[("content-encoding", "gzip")], &packed);
        }
        _ => answer(stream, 200, &[("content-encoding", "gzip")], &bomb),
    });
    let root = tempfile::tempdir().expect("a folder");
    let report = run(
        root.path(),
        &[
            source("plain", &server.url("/plain"), "p/p.json", Kind::Kev),
            source("bomb-json", &server.url("/bomb"), "p/b.json", Kind::Kev),
            source("bomb-gz", &server.url("/bomb"), "p/b.csv.gz", Kind::Epss),
        ],
    );
    assert!(matches!(report.sources[0].outcome, Outcome::Updated(Measured { records: 7, .. })), "{report:#?}");
    assert_eq!(std::fs::read(root.path().join("p/p.json")).expect("the file"), plain);
    assert_eq!(problem(&report.sources[1]).code, "E-LIMIT");
    assert!(problem(&report.sources[2]).text.contains("decompresses to more than"), "{report:#?}");
    assert!(!root.path().join("p/b.json").exists() && !root.path().join("p/b.csv.gz").exists());
}

#[test]
fn a_web_page_instead_of_a_file_is_recognised() {
    let server = Server::start(|_, stream| answer(stream, 200, &[], b"<!DOCTYPE html><title>Log in to the hotel network</title>"));
    let root = tempfile::tempdir().expect("a folder");
    let report = run_one(root.path(), &source("kev", &server.url("/k"), "kev/k.csv", Kind::Kev));
    assert!(problem(&report).text.contains("web page"), "{report:?}");
}
