//! The catalogue as a whole, and a whole update of real data through a mirror.

use crate::server::{Server, answer, file, network, options};
use plimsoll_core::model::stream::Stream;
use plimsoll_feeds::cache::Cache;
use plimsoll_feeds::catalogue::{Catalogue, Kind, SourceEntry};
use plimsoll_feeds::fetch::additions::Additions;
use plimsoll_feeds::fetch::{Measured, NetworkOptions, Outcome, Silent, update};
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::atomic::AtomicBool;

/// The folder of real data; none prints why, and in CI that is a failure.
pub fn data() -> Option<PathBuf> {
    let folder = std::env::var_os("PLIMSOLL_TEST_DATA")
        .map(PathBuf::from)
        .unwrap_or_else(|| Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/data"));
    if folder.is_dir() {
        return Some(folder);
    }
    assert!(std::env::var_os("CI").is_none(), "no test data at {}", folder.display());
    eprintln!("skipped: no test data");
    None
}

fn catalogue() -> Catalogue {
    Catalogue::built_in("2026-11-22".parse().expect("a day")).expect("a readable catalogue")
}

fn names(entries: &[SourceEntry]) -> Vec<&str> {
    entries.iter().map(|entry| entry.name.as_str()).collect()
}

#[test]
fn every_entry_is_sound() {
    let all = catalogue().needed_for(&[], true);
    let mut seen = BTreeSet::new();
    for entry in &all {
        entry.check("catalogue").expect("a sound entry");
        assert!(seen.insert(entry.name.clone()) && (entry.kind == Kind::CsafProvider || seen.insert(entry.path.clone())), "{} twice", entry.name);
        let url = url::Url::parse(&entry.url).expect("an address");
        assert!(url.scheme() == "https" && !entry.streams.is_empty() && !entry.licence.is_empty(), "{entry:?}");
        assert!(!entry.url.contains('{') && entry.usual_bytes >= 1024, "{entry:?}");
    }
    assert!(all.len() > 90, "{}", all.len());
}

#[test]
fn a_host_fetches_what_its_streams_need() {
    let catalogue = catalogue();
    let without_years = |streams: &[Stream]| {
        let needed = catalogue.needed_for(streams, false);
        names(&needed).into_iter().filter(|name| !name.starts_with("nvd/")).map(str::to_owned).collect::<Vec<_>>()
    };
    assert_eq!(
        without_years(&[Stream::release("alpine", "3.30"), Stream::language("crates.io")]),
        ["osv/Alpine", "osv/crates.io", "alpine-secdb/3.30/main", "alpine-secdb/3.30/community", "kev", "epss", "endoflife"]
    );
    let debian = without_years(&[Stream::release("debian", "12")]);
    assert_eq!(debian[..4], ["osv/Debian", "debian/dsa", "debian/dla", "debian/tracker"]);
    assert!(catalogue.needed_for(&[], false).is_empty(), "no streams, nothing to fetch");
    let hostile = catalogue.needed_for(&[Stream::release("alpine", "../../x")], false);
    assert!(!hostile.iter().any(|entry| entry.path.contains("..")));
    assert_eq!(names(&catalogue.named("nvd/2024")), ["nvd/2024"]);
    assert_eq!(catalogue.named("nvd").len(), 26);
    assert_eq!(names(&catalogue.named("cvelist")), ["cvelist"]);
}

#[test]
fn an_operators_file_adds_replaces_and_takes_out() {
    let text = r#"
        disabled = ["epss"]
        allow_hosts = ["cdn.example.org"]
        mirrors.base = "https://mirror.example.org/plimsoll"
        mirrors.hosts."www.cisa.gov" = "https://mirror.example.org/cisa"
        source."osv/Debian".url = "https://mirror.example.org/debian.zip"
        [[csaf]]
        name = "acme"
        provider = "https://acme.example/.well-known/csaf/provider-metadata.json"
        [[feed]]
        name = "router"
        url = "https://vendor.example/security.rss"
        [[updateinfo]]
        repository = "baseos"
        url = "https://repo.example/updateinfo.xml.gz"
        streams = ["rocky:9"]
    "#;
    let mut catalogue = catalogue();
    let mut network = NetworkOptions::default();
    Additions::parse("sources.toml", text).expect("a readable file").apply("sources.toml", &mut catalogue, &mut network).expect("a file that applies");
    let all = catalogue.needed_for(&[], false);
    let paths: Vec<_> = all.iter().map(|entry| (entry.name.as_str(), entry.path.as_str())).collect();
    assert_eq!(
        paths,
        [
            ("osv/Debian", "osv/Debian/all.zip"),
            ("csaf/acme", "csaf/acme"),
            ("feed/router", "feeds/router.xml"),
            ("updateinfo/baseos", "updateinfo/baseos.xml.gz"),
        ]
    );
    assert_eq!(network.mirror.as_deref(), Some("https://mirror.example.org/plimsoll"));
    assert!(catalogue.named("epss").is_empty());
    for (bad, says) in [
        ("mirors = 1", "unknown field"),
        ("disabled = [\"nonsense\"]", "no source named"),
        ("[[feed]]\nname = \"../x\"\nurl = \"https://a.example/\"", "not a plain path"),
        ("[[feed]]\nname = \"x\"\nurl = \"file:///etc/passwd\"", "not an https address"),
    ] {
        let problem = Additions::parse("sources.toml", bad)
            .and_then(|additions| additions.apply("sources.toml", &mut catalogue, &mut network))
            .expect_err(bad);
        assert!(problem.code == "E-CONFIG" && problem.text.contains(says), "{problem:?}");
    }
}

/// Entries of an archive, lines of a text; the date in EPSS's first line.
fn measure(entry: &SourceEntry, path: &Path) -> Result<Measured, plimsoll_core::model::problem::Problem> {
    let bytes = std::fs::read(path).expect("a readable file");
    let mut newest = None;
    let records = match path.extension().and_then(|extension| extension.to_str()) {
        Some("zip") => zip::ZipArchive::new(std::io::Cursor::new(bytes)).expect("a zip archive").len() as u64,
        Some("gz") => {
            let mut text = String::new();
            std::io::Read::read_to_string(&mut flate2::read::GzDecoder::new(bytes.as_slice()), &mut text).expect("gzip");
            if entry.kind == Kind::Epss {
                newest = text.split("score_date:").nth(1).and_then(|date| format!("{}T00:00:00Z", date.get(..10)?).parse().ok());
            }
            text.lines().count() as u64
        }
        _ => bytes.split(|byte| *byte == b'\n').count() as u64,
    };
    Ok(Measured { records, newest })
}

#[test]
fn real_data_is_mirrored_whole_and_the_second_time_costs_nothing() {
    let Some(data) = data() else { return };
    let mut files = BTreeMap::new();
    let mut sources = catalogue().needed_for(&[], true);
    sources.retain(|entry| {
        let here = data.join(entry.path.replace("{date}", "2026-03-29"));
        let url = url::Url::parse(&entry.url).expect("an address");
        here.is_file() && files.insert(format!("/m/{}{}", url.host_str().expect("a host"), url.path()), here).is_none()
    });
    let count = sources.len();
    assert!(count >= 15, "{:?}", names(&sources));
    let bytes: u64 = files.values().map(|path| std::fs::metadata(path).expect("a file").len()).sum();
    let server = Server::start(move |seen, stream| match files.get(&seen.path) {
        Some(path) => file(seen, stream, &format!("\"{}\"", path.display()), &std::fs::read(path).expect("a file")),
        None => answer(stream, 404, &[], b""),
    });
    let cancel = AtomicBool::new(false);
    let mirrored = NetworkOptions { mirror: Some(server.url("/m")), ..network() };
    let root = tempfile::tempdir().expect("a folder");
    let mut cache = Cache::open(root.path()).expect("a cache");
    let options = options(mirrored, &cancel);
    let first = update(&mut cache, &sources, &options, &measure, &Silent).expect("an update that runs");
    assert!(first.complete() && first.wire_bytes() == bytes, "{first:#?}");
    for entry in &sources {
        let path = entry.path.replace("{date}", "2026-03-29");
        assert!(std::fs::read(root.path().join(&path)).expect(&path) == std::fs::read(data.join(&path)).expect(&path), "{path}");
    }
    drop(cache);
    let mut cache = Cache::open(root.path()).expect("a cache");
    let second = update(&mut cache, &sources, &options, &measure, &Silent).expect("an update that runs");
    assert!(second.sources.iter().all(|source| source.outcome == Outcome::Unchanged) && second.wire_bytes() == 0, "{second:#?}");
    assert_eq!(server.seen().len(), 2 * count);
    eprintln!("mirrored {count} sources, {bytes} bytes; the second time 0 bytes");
}
