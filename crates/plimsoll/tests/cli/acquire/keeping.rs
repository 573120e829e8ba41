//! Artefacts in the store: at a rate, for a list of exact packages, and no longer
//! than they are wanted.

use super::upstream::Upstream;
use super::{acquire, ago, frozen, publisher, set_key, walk};
use crate::sandbox::text;
use jiff::Timestamp;
use plimsoll_core::phases::acquire::Exact;
use plimsoll_feeds::fetch::{NetworkOptions, Silent};
use plimsoll_feeds::repositories::Repositories;
use plimsoll_server::phases::acquire::{Fetch, Sources};
use plimsoll_store::artefacts::Artefacts;
use std::sync::atomic::AtomicBool;
use std::time::{Duration, Instant};

#[test]
fn the_rate_holds_over_all_connections() {
    let Some((upstream, keyring)) = publisher() else { return };
    // Digits of digests: nothing packs them to less than half.
    let noise = |seed: u64| (0..2_000u64).map(|count| plimsoll_formats::protocol::digest(&(seed << 32 | count).to_le_bytes())).collect::<String>();
    let sizes: Vec<u64> = ["one", "two", "three"].iter().zip(1..).map(|(name, seed)| upstream.deb(name, "1", "", &noise(seed)).metadata().expect("a package").len()).collect();
    upstream.publish("publisher", &ago(540), "");
    let repositories = upstream.repositories(&keyring, "stable", "");
    let bytes: u64 = sizes.iter().sum();
    let started = Instant::now();
    frozen(&acquire(&upstream, &["fetch", "--repositories", &repositories, "--packages", "one,two,three", "--rate", "64"]));
    let least = Duration::from_secs_f64(bytes as f64 / 65_536.0 * 0.8);
    assert!(least > Duration::from_secs(2), "{bytes} bytes are enough to tell");
    assert!(started.elapsed() > least, "{bytes} bytes came in {:?}, at 64 KiB a second", started.elapsed());
}

#[test]
fn a_list_of_exact_packages_becomes_verified_artefacts() {
    let Some((upstream, keyring)) = publisher() else { return };
    let file = upstream.repositories(&keyring, "stable", "");
    let repositories = Repositories::parse(&file, &std::fs::read_to_string(&file).expect("a file")).expect("repositories");
    let folder = upstream.at("library");
    let cancel = AtomicBool::new(false);
    let network = NetworkOptions::default();
    let fetch = Fetch { network: &network, folder: &folder, progress: &Silent, cancel: &cancel };
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    let store = Artefacts::in_folder(&folder).expect("a store");
    let sources = Sources::read(&repositories, &repositories.urls(), &fetch, Timestamp::now()).expect("believed");
    let place = format!("{} stable", upstream.url("/debian"));
    let exact = |name, version, repository| Exact { name, version, arch: "amd64", repository, sha256: None };
    let wanted = [exact("other", "7", Some(place.as_str())), exact("lib", "1:0.5-1", None)];
    let artefacts = sources.acquire(&wanted, &store, runtime.handle(), &fetch).expect("acquired");
    assert_eq!(artefacts.iter().map(|artefact| artefact.name.as_str()).collect::<Vec<_>>(), ["other", "lib"], "in the order of the list");
    for (artefact, path) in artefacts.iter().zip(["other_7_amd64.deb", "lib_0.5-1_amd64.deb"]) {
        let bytes = std::fs::read(upstream.www("debian/pool").join(path)).expect("a package");
        assert_eq!((artefact.size, &artefact.sha256, &artefact.repository), (bytes.len() as u64, &plimsoll_formats::protocol::digest(&bytes), &place));
        let to = upstream.at(&format!("placed-{path}"));
        runtime.block_on(store.place(&artefact.sha256, &to)).expect("kept");
        assert_eq!(std::fs::read(to).expect("a file"), bytes);
    }
    // Everything that is wrong at once, and nothing is fetched then.
    let before = upstream.asked.lock().expect("a log").len();
    let wrong = [exact("app", "1.0-1", None), exact("app", "9", None), exact("other", "7", Some("https://elsewhere.example stable")), Exact { sha256: Some("00"), ..exact("lib", "1.0-1", None) }];
    let problems = sources.acquire(&wrong, &store, runtime.handle(), &fetch).expect_err("wrong");
    assert_eq!(problems.iter().map(|problem| problem.code.as_str()).collect::<Vec<_>>(), ["E-NOT-OFFERED", "E-NOT-OFFERED", "E-OTHER-BYTES"]);
    assert_eq!(upstream.asked.lock().expect("a log").len(), before);
    // The publisher's file is no longer what the publisher signed.
    upstream.lie("/debian/pool/app_1.0-1_amd64.deb", Some(b"x".to_vec()));
    let problems = sources.acquire(&wrong[..1], &store, runtime.handle(), &fetch).expect_err("a lie");
    assert_eq!(problems[0].code, "E-LENGTH");
}

/// Makes everything in the store look as if it had come 40 days ago.
fn age(upstream: &Upstream) -> usize {
    let long_ago = std::time::SystemTime::now() - Duration::from_secs(40 * 86_400);
    let files = kept(upstream);
    for file in &files {
        std::fs::set_permissions(file, std::os::unix::fs::PermissionsExt::from_mode(0o644)).expect("a mode");
        std::fs::File::options().write(true).open(file).expect("a file").set_modified(long_ago).expect("its time");
    }
    files.len()
}

fn kept(upstream: &Upstream) -> Vec<String> {
    walk(&upstream.at("artefacts")).into_iter().filter(|path| path.contains("/sha256/") || path.contains("/incoming/")).collect()
}

#[test]
fn a_sweep_keeps_what_sets_and_lists_name() {
    let Some((upstream, keyring)) = publisher() else { return };
    let repositories = upstream.repositories(&keyring, "stable", "");
    let (key, certificate) = set_key(&upstream, "set.pem");
    let set = text(&upstream.at("kept"));
    frozen(&acquire(&upstream, &["freeze", "--repositories", &repositories, "--packages", "app", "--key", &key, "--to", &set]));
    frozen(&acquire(&upstream, &["fetch", "--repositories", &repositories, "--packages", "other,lib=1.0-1"]));
    let sweep = |more: &[&str]| frozen(&acquire(&upstream, &[&["sweep", "--format", "json", "--set", &set, "--keyring", &certificate], more].concat())).json();
    assert_eq!((sweep(&[])["removed"].as_u64(), sweep(&[])["young"].as_u64()), (Some(0), Some(2)), "what came now stays");
    std::fs::write(upstream.at("artefacts/incoming/cut.part"), "half").expect("a part");
    assert_eq!(age(&upstream), 5);
    let bytes = std::fs::read(upstream.www("debian/pool/other_7_amd64.deb")).expect("a package");
    let list = text(&upstream.at("keep.txt"));
    std::fs::write(&list, format!("{}\n", plimsoll_formats::protocol::digest(&bytes))).expect("a list");
    let dry = sweep(&["--keep", &list, "--dry-run"]);
    assert_eq!((dry["removed"].as_u64(), dry["marked"].as_u64(), kept(&upstream).len()), (Some(2), Some(3), 5));
    // Never under somebody who acquires.
    let lock = std::fs::File::open(upstream.at("artefacts/artefacts.lock")).expect("a lock");
    rustix::fs::flock(&lock, rustix::fs::FlockOperation::LockShared).expect("held");
    let busy = acquire(&upstream, &["sweep", "--set", &set, "--keyring", &certificate]);
    assert!(busy.failed().err.contains("E-BUSY"), "{}", busy.err);
    drop(lock);
    let list_of_nonsense = text(&upstream.at("nonsense.txt"));
    std::fs::write(&list_of_nonsense, "sha256:abc\n").expect("a list");
    assert!(acquire(&upstream, &["sweep", "--keep", &list_of_nonsense]).failed().err.contains("nothing was removed"));
    assert_eq!(sweep(&["--keep", &list])["removed"].as_u64(), Some(2));
    assert_eq!(kept(&upstream).len(), 3);
    frozen(&acquire(&upstream, &["fetch", "--repositories", &repositories, "--packages", "lib=1.0-1"]));
    assert_eq!(kept(&upstream).len(), 4, "and comes back when it is wanted");
}
