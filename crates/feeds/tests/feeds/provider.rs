//! CSAF providers: a small tree made here, and a real one where data is at hand.

use crate::server::{Server, check, folder, network, options, problem, run_with, source};
use plimsoll_core::model::source::SourceTrouble;
use plimsoll_feeds::cache::{Cache, status};
use plimsoll_feeds::catalogue::{Kind, SourceEntry};
use plimsoll_feeds::fetch::{Outcome, Silent, SourceReport, update};
use sha2::{Digest, Sha512};
use std::path::Path;
use std::sync::atomic::AtomicBool;

fn write(root: &Path, path: &str, text: &str) {
    let path = root.join(path);
    std::fs::create_dir_all(path.parent().expect("a folder")).expect("a made folder");
    std::fs::write(path, text).expect("a written file");
}

fn document(root: &Path, path: &str, text: &str) {
    write(root, path, text);
    let digest: String = Sha512::digest(text.as_bytes()).iter().map(|byte| format!("{byte:02x}")).collect();
    write(root, &format!("{path}.sha512"), &format!("{digest}  {path}\n"));
}

fn walk(cache: &Path, provider: &SourceEntry, documents: usize) -> SourceReport {
    let cancel = AtomicBool::new(false);
    let mut opened = Cache::open(cache).expect("a cache");
    let mut options = options(network(), &cancel);
    options.documents = documents;
    update(&mut opened, std::slice::from_ref(provider), &options, &check, &Silent).expect("an update that runs").sources.remove(0)
}

#[test]
fn a_folder_is_followed_by_its_changes() {
    let tree = tempfile::tempdir().expect("a folder");
    let tree = tree.path();
    let server = Server::start(folder(tree.to_owned()));
    let metadata = format!(
        "{{\"distributions\":[{{\"directory_url\":\"{}\"}},{{\"rolie\":{{\"feeds\":[{{\"url\":\"{}\",\"tlp_label\":\"AMBER\"}}]}}}}]}}",
        server.url("/white"),
        server.url("/amber.json")
    );
    write(tree, "provider-metadata.json", &metadata);
    for number in 1..=5 {
        document(tree, &format!("white/2026/acme-{number}.json"), &format!("{{\"n\":{number}}}"));
    }
    let line = |number: u32, day: u32| format!("\"2026/acme-{number}.json\",\"2026-01-0{day}T00:00:00Z\"\n");
    let hostile = "\"../../../etc/passwd.json\",\"2026-01-09T00:00:00Z\"\n\"https://elsewhere.example/x.json\",\"2026-01-09T00:00:00Z\"\nrubbish\n";
    write(tree, "white/changes.csv", &format!("{}{}{}{}{}{hostile}", line(5, 5), line(4, 4), line(3, 3), line(2, 3), line(1, 1)));
    let cache = tempfile::tempdir().expect("a folder");
    let cache = cache.path();
    let acme = source("csaf/acme", &server.url("/provider-metadata.json"), "csaf/acme", Kind::CsafProvider);

    let report = walk(cache, &acme, 2);
    assert!(matches!(report.outcome, Outcome::Updated(measured) if measured.records == 2), "{report:?}");
    assert_eq!(report.remaining, 3);
    assert!(report.problems[0].text.starts_with("has 3 lines that name no document; the first is line 6"), "{report:?}");
    assert!(cache.join("csaf/acme/2026/acme-1.json").is_file(), "the oldest change comes first");
    let report = walk(cache, &acme, 10);
    assert!(matches!(report.outcome, Outcome::Updated(measured) if measured.records == 5), "{report:?}");
    assert_eq!(report.remaining, 0);

    let before = server.seen().len();
    assert_eq!(walk(cache, &acme, 10).outcome, Outcome::Unchanged);
    assert_eq!(server.seen().len() - before, 2, "metadata and index only");

    // A changed document whose digest is wrong is refused, named, and tried again.
    write(tree, "white/2026/acme-2.json", "{\"n\":22}");
    write(tree, "white/changes.csv", &format!("\"2026/acme-2.json\",\"2026-01-06T00:00:00Z\"\n{}", line(5, 5)));
    let report = walk(cache, &acme, 10);
    assert_eq!(report.problems[0].code, "E-DIGEST", "{report:?}");
    assert_eq!(std::fs::read(cache.join("csaf/acme/2026/acme-2.json")).expect("the old one"), b"{\"n\":2}");
    let opened = Cache::open(cache).expect("a cache");
    assert_eq!(status(&opened).values().next().expect("one source").warnings[0].kind, SourceTrouble::Partial);
    document(tree, "white/2026/acme-2.json", "{\"n\":22}");
    let report = walk(cache, &acme, 10);
    assert!(report.problems.is_empty() && matches!(report.outcome, Outcome::Updated(_)), "{report:?}");
    assert_eq!(std::fs::read(cache.join("csaf/acme/2026/acme-2.json")).expect("the new one"), b"{\"n\":22}");
    let opened = Cache::open(cache).expect("a cache");
    assert!(status(&opened).values().next().expect("one source").warnings.is_empty());
}

#[test]
fn rolie_feeds_and_archives_are_followed() {
    let tree = tempfile::tempdir().expect("a folder");
    let tree = tree.path();
    let server = Server::start(folder(tree.to_owned()));
    let feed = format!(
        "{{\"feed\":{{\"entry\":[{{\"updated\":\"2026-03-02T00:00:00Z\",\"link\":[{{\"rel\":\"self\",\"href\":\"{0}\"}},{{\"rel\":\"hash\",\"href\":\"{0}.sha512\"}}]}},\
         {{\"updated\":\"2024-03-02T00:00:00Z\",\"link\":[{{\"rel\":\"self\",\"href\":\"{1}\"}}]}},{{\"updated\":\"2026-03-02T00:00:00Z\",\"link\":[]}}]}}}}",
        server.url("/docs/2026/new.json"),
        server.url("/docs/2024/old.json")
    );
    write(tree, "feed.json", &feed);
    write(
        tree,
        "provider-metadata.json",
        &format!("{{\"distributions\":[{{\"rolie\":{{\"feeds\":[{{\"url\":\"{}\",\"tlp_label\":\"WHITE\"}}]}}}}]}}", server.url("/feed.json")),
    );
    document(tree, "docs/2026/new.json", "{\"new\":true}");
    document(tree, "docs/2024/old.json", "{\"old\":true}");
    std::fs::write(tree.join("all_2026-01-15.tar.zst"), [0x28, 0xb5, 0x2f, 0xfd, 0, 0]).expect("a written file");
    write(tree, "archive_latest.txt", "all_2026-01-15.tar.zst\n");
    let mut provider = source("csaf/acme", &server.url("/provider-metadata.json"), "csaf/acme", Kind::CsafProvider);
    provider.archive = Some(server.url("/archive_latest.txt"));
    let cache = tempfile::tempdir().expect("a folder");
    let report = walk(cache.path(), &provider, 10);
    assert!(matches!(report.outcome, Outcome::Updated(measured) if measured.records == 2), "{report:?}");
    assert!(report.problems[0].text.starts_with("has 1 entries that name no document"), "{report:?}");
    assert!(cache.path().join("csaf/acme/all_2026-01-15.tar.zst").is_file());
    assert!(cache.path().join("csaf/acme/2026/new.json").is_file());
    assert!(!cache.path().join("csaf/acme/2024/old.json").exists(), "the archive holds it already");
}

#[test]
fn a_provider_elsewhere_is_not_followed_inside() {
    let tree = tempfile::tempdir().expect("a folder");
    let server = Server::start(folder(tree.path().to_owned()));
    let inner = Server::start(|_, _| {});
    for elsewhere in [format!("http://127.0.0.1:{}/x", inner.port), "https://169.254.169.254/x".to_owned(), "file:///etc".to_owned()] {
        write(tree.path(), "provider-metadata.json", &format!("{{\"distributions\":[{{\"directory_url\":\"{elsewhere}\"}}]}}"));
        let cache = tempfile::tempdir().expect("a folder");
        let acme = source("csaf/acme", &server.url("/provider-metadata.json"), "csaf/acme", Kind::CsafProvider);
        let report = walk(cache.path(), &acme, 10);
        assert_eq!(problem(&report).code, "E-URL-BLOCKED", "{report:?}");
    }
    assert!(inner.seen().is_empty());
}

#[test]
fn a_provider_that_breaks_down_is_left_alone_and_taken_up_again() {
    let tree = tempfile::tempdir().expect("a folder");
    let tree = tree.path();
    let server = Server::start(folder(tree.to_owned()));
    write(tree, "provider-metadata.json", &format!("{{\"distributions\":[{{\"directory_url\":\"{}\"}}]}}", server.url("/d")));
    let index: String = (0..40).map(|number| format!("2026/{number:02}.json\n")).collect();
    write(tree, "d/index.txt", &index);
    for number in 0..8 {
        document(tree, &format!("d/2026/{number:02}.json"), "{}");
    }
    let cache = tempfile::tempdir().expect("a folder");
    let acme = source("csaf/acme", &server.url("/provider-metadata.json"), "csaf/acme", Kind::CsafProvider);
    let report = walk(cache.path(), &acme, 100);
    assert!(matches!(report.outcome, Outcome::Updated(measured) if measured.records == 8), "{report:?}");
    assert_eq!((report.problems.len(), report.remaining), (12, 20), "stopped after ten failures in a row, at the end of a batch");
    for number in 8..40 {
        document(tree, &format!("d/2026/{number:02}.json"), "{}");
    }
    let report = walk(cache.path(), &acme, 100);
    assert!(report.problems.is_empty() && matches!(report.outcome, Outcome::Updated(measured) if measured.records == 40), "{report:?}");
    assert_eq!(walk(cache.path(), &acme, 100).outcome, Outcome::Unchanged);
}

/// CISA's own published tree: 385 documents with their digests.
#[test]
fn a_real_provider_is_walked_whole() {
    let Some(data) = crate::whole::data() else { return };
    let zip = std::fs::File::open(data.join("csaf/cisa-csaf-it+ot2023.zip")).expect("the archive");
    let tree = tempfile::tempdir().expect("a folder");
    zip::ZipArchive::new(zip).and_then(|mut archive| archive.extract(tree.path())).expect("an unpacked archive");
    let server = Server::start(folder(tree.path().to_owned()));
    let mut documents = Vec::new();
    find(tree.path(), &mut documents);
    let mut changes = String::new();
    for path in &documents {
        let text = std::fs::read(path).expect("a document");
        let document: serde_json::Value = serde_json::from_slice(&text).expect("JSON");
        let date = document["document"]["tracking"]["current_release_date"].as_str().expect("a date");
        let inner = path.strip_prefix(tree.path()).expect("below the tree").display();
        changes.push_str(&format!("\"{inner}\",\"{date}\"\n"));
    }
    // CISA's own changes.csv names paths from the top of its repository and
    // covers only one of the two parts; this one is as CSAF 7.1.13 asks.
    write(tree.path(), "changes.csv", &changes);
    write(tree.path(), "provider-metadata.json", &format!("{{\"distributions\":[{{\"directory_url\":\"{}\"}}]}}", server.url("/")));
    let cache = tempfile::tempdir().expect("a folder");
    let cisa = source("csaf/cisa", &server.url("/provider-metadata.json"), "csaf/cisa", Kind::CsafProvider);
    let report = run_with(cache.path(), std::slice::from_ref(&cisa), network()).sources.remove(0);
    assert!(report.problems.is_empty(), "{:?}", report.problems);
    let count = documents.len() as u64;
    assert!(count > 380 && matches!(report.outcome, Outcome::Updated(measured) if measured.records == count), "{:?}", report.outcome);
    eprintln!("CISA: {count} documents, {} bytes", report.wire_bytes);
    let again = run_with(cache.path(), std::slice::from_ref(&cisa), network()).sources.remove(0);
    assert!(again.wire_bytes < report.wire_bytes / 20, "{again:?}");
}

/// The documents that have a digest beside them, sorted.
fn find(root: &Path, out: &mut Vec<std::path::PathBuf>) {
    let mut entries: Vec<_> = std::fs::read_dir(root).expect("a folder").flatten().map(|entry| entry.path()).collect();
    entries.sort();
    for path in entries {
        if path.is_dir() {
            find(&path, out);
        } else if path.extension().is_some_and(|found| found == "json") && path.with_extension("json.sha512").exists() {
            out.push(path);
        }
    }
}
