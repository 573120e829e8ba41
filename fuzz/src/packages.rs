//! Package databases, indices and definitions of repositories.

use std::hint::black_box;

use plimsoll_core::model::stream::Stream;
use plimsoll_formats::packages::apt::preferences::{self, Candidate};
use plimsoll_formats::packages::apt::release::{self, Release};
use plimsoll_formats::packages::apt::{index, sources};
use plimsoll_formats::packages::rpm::{self, header, ndb, sqlite};
use plimsoll_formats::frozen_set::FrozenSet;
use plimsoll_formats::openpgp::Keyring;
use plimsoll_formats::packages::{alpine, control, deb, dpkg, os_release, pacman, yum};

/// Reads apk's installed database, index and repositories.
pub fn apk_installed(data: &[u8]) {
    let _ = alpine::repositories("fuzz", data);
    let Ok(data) = alpine::index_text("fuzz", data) else { return };
    let Ok((text, _)) = control::text("fuzz", &data) else { return };
    let stream = Stream::release("alpine", "3.19");
    for package in alpine::parse("fuzz", &text).packages {
        let _ = package.to_component(&stream);
    }
}

/// Reads apt's Packages indices, plain and compressed.
pub fn apt_packages(data: &[u8]) {
    let Ok(text) = index::text("fuzz", data) else { return };
    let _ = index::records("fuzz", &text, &mut |record| {
        black_box(record);
    });
    let mut offers = Vec::new();
    let _ = index::offers("fuzz", &text, 0, &mut offers);
    let wanted = offers.iter().map(|offer| offer.sha256).collect();
    for (digest, stanza) in index::stanzas(&text, &wanted) {
        // What was copied is read as what was meant, and no second record hides in it.
        let moved = index::moved(stanza, "pool/x.deb");
        let mut again = Vec::new();
        let _ = index::offers("fuzz", &moved, 0, &mut again);
        assert!(again.len() <= 1 && again.iter().all(|offer| offer.sha256 == digest && offer.path == "pool/x.deb"));
    }
}

/// Reads pins of apt and matches with them.
pub fn apt_preferences(data: &[u8]) {
    let Ok((entries, _)) = preferences::parse("fuzz", data) else { return };
    let release = Release { suite: Some("stable".to_owned()), ..Release::default() };
    let candidate = Candidate {
        name: "linux-image-amd64",
        source: "linux",
        arch: "amd64",
        version: "6.1-1",
        release: Some(&release),
        host: "deb.example",
        component: "main",
        index_arch: "amd64",
    };
    for entry in entries {
        let _ = entry.matches(&candidate);
    }
}

/// Reads Release and InRelease files.
pub fn apt_release(data: &[u8]) {
    let _ = release::parse("fuzz", data);
    let Ok((text, _)) = control::text("fuzz", data) else { return };
    if let Ok(contents) = release::contents("fuzz", &text) {
        assert!(contents.files.keys().all(|path| !path.split('/').any(|part| part == "..")));
    }
}

/// Reads sources of apt in both forms.
pub fn apt_sources(data: &[u8]) {
    for sources in [sources::parse_list("fuzz", data), sources::parse_deb822("fuzz", data)].into_iter().flatten() {
        for entry in sources.entries {
            let _ = entry.packages_name("main", "amd64", "amd64");
            let _ = entry.host();
        }
    }
}

/// Reads dpkg's status file, status.d entries and apt's extended states.
pub fn dpkg_status(data: &[u8]) {
    let Ok((text, _)) = control::text("fuzz", data) else { return };
    let stream = Stream::release("debian", "12");
    for package in dpkg::parse("fuzz", &text).packages {
        let _ = package.to_component(&stream);
    }
    let _ = dpkg::parse_status_d("fuzz", &text);
    let _ = dpkg::automatic("fuzz", &text);
}

/// Reads os-release files.
pub fn os_release(data: &[u8]) {
    let _ = os_release::parse("fuzz", data);
}

/// Reads pacman desc files and sync databases.
pub fn pacman_desc(data: &[u8]) {
    if let Ok(package) = pacman::desc("fuzz", data) {
        let _ = package.to_component(&Stream::language("arch"));
    }
    let _ = pacman::sync("fuzz", data);
}

/// Reads metadata, definitions and module states of yum repositories.
pub fn primary(data: &[u8]) {
    let _ = yum::primary("fuzz", data, &mut |package| drop(black_box(package)));
    let _ = yum::repomd("fuzz", data);
    let _ = yum::repositories("fuzz", data);
    let _ = yum::modules("fuzz", data);
}

/// Reads one rpm header, and rpm's answer to a query.
pub fn rpm_header(data: &[u8]) {
    if let Ok(package) = header::parse("fuzz", data) {
        let stream = Stream::release("almalinux", "9");
        let _ = rpm::to_components(&[package], &stream);
    }
    let _ = rpm::parse_query("fuzz", data);
}

/// Reads an ndb rpm database.
pub fn rpm_ndb(data: &[u8]) {
    let _ = ndb::parse("fuzz", data);
}

/// Reads an SQLite rpm database.
pub fn rpm_sqlite(data: &[u8]) {
    let _ = sqlite::parse("fuzz", data, 0);
}

/// Reads errata of yum repositories.
pub fn updateinfo(data: &[u8]) {
    let stream = Stream::release("almalinux", "9");
    let _ = plimsoll_formats::packages::yum::updateinfo("fuzz", data, &stream, Some("repo"), &mut |fact| {
        drop(black_box(fact));
    });
}

/// Reads `.deb` files.
pub fn deb(data: &[u8]) {
    let _ = deb::read("fuzz", data);
}

/// Reads `.rpm` files; what is written of one for an index reads back as the
/// same package.
pub fn rpm_file(data: &[u8]) {
    let Ok(file) = rpm::file::read("fuzz", data) else { return };
    assert!(file.payload <= data.len());
    let Ok(element) = rpm::primary::element("fuzz", data, &file, &"a".repeat(64), 1, "pool/x.rpm") else { return };
    let mut read = Vec::new();
    let text = format!("<metadata>{element}</metadata>");
    let reading = yum::primary("fuzz", text.as_bytes(), &mut |package| read.push(package.evr()));
    assert!(reading.is_ok() && read == [file.package.evr()], "{text}");
}

/// Reads keyrings, and verifies with them what follows after an empty line of
/// three dashes; random bytes must never count as signed.
pub fn openpgp(data: &[u8]) {
    let at = data.windows(5).position(|window| window == b"\n---\n").unwrap_or(data.len());
    let (ring, rest) = data.split_at(at);
    let Ok(keyring) = Keyring::read("fuzz", ring) else { return };
    let rest = rest.get(5..).unwrap_or_default();
    let now = jiff::Timestamp::UNIX_EPOCH;
    // Every key was made after 1970, so that nothing may ever pass.
    assert!(keyring.verify_clear("fuzz", rest, now).is_err());
    assert!(keyring.verify_detached("fuzz", b"text", rest, now).is_err());
}

/// Reads the description of a frozen set.
pub fn frozen_set(data: &[u8]) {
    if let Ok((set, _)) = FrozenSet::read("fuzz", data) {
        assert!(set.files.keys().all(|path| !path.starts_with('/') && !path.split('/').any(|part| part == "..")));
    }
}
