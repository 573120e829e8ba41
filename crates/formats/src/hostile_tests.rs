//! Bombs and XML attacks, against every reader that could be reached by them.

use crate::advisories::feed;
use crate::bounded::{Limits, decompress};
use crate::components::{self, FileKind};
use crate::packages::yum;
use crate::sbom;
use plimsoll_core::model::stream::Stream;
use std::io::Write;
use std::time::{Duration, Instant};

/// Longest that a hostile document may be read for. The goal is a second; an
/// unoptimised build on a busy machine is many times slower, and what is
/// guarded against takes minutes.
const PATIENCE: Duration = Duration::from_secs(60);

/// Members of 16 MiB of zeros, enough for 10 GiB.
fn bomb(member: Vec<u8>) -> Vec<u8> {
    member.repeat(640)
}

#[test]
fn ten_gibibytes_of_zeros_end_at_the_limit_in_every_compression() {
    let zeros = vec![0u8; 16 << 20];
    let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
    gzip.write_all(&zeros).unwrap();
    let mut xz = liblzma::write::XzEncoder::new(Vec::new(), 1);
    xz.write_all(&zeros).unwrap();
    let mut bzip2 = bzip2::write::BzEncoder::new(Vec::new(), bzip2::Compression::best());
    bzip2.write_all(&zeros).unwrap();
    let mut lz4 = lz4_flex::frame::FrameEncoder::new(Vec::new());
    lz4.write_all(&zeros).unwrap();
    for (name, member) in [
        ("gzip", gzip.finish().unwrap()),
        ("xz", xz.finish().unwrap()),
        ("bzip2", bzip2.finish().unwrap()),
        ("zstd", zstd::encode_all(&zeros[..], 19).unwrap()),
        ("lz4", lz4.finish().unwrap()),
    ] {
        // One member of a hundredfold and more breaks the ratio, many the size.
        let start = Instant::now();
        let single = decompress(name, &member, Limits::DOCUMENT).map(|bytes| bytes.len());
        if member.len() * Limits::DOCUMENT.ratio < zeros.len() {
            assert_eq!(single.unwrap_err().code, "E-LIMIT", "{name}");
        } else {
            assert_eq!(single, Ok(zeros.len()), "{name}");
        }
        let many = decompress(name, &bomb(member), Limits::ENTRY).map(|bytes| bytes.len());
        assert_eq!(many.expect_err(name).code, "E-LIMIT", "{name}");
        assert!(start.elapsed() < PATIENCE, "{name}: {:?}", start.elapsed());
    }
}

#[test]
fn joined_members_are_read_to_the_end_in_every_compression() {
    let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    gzip.write_all(b"member").unwrap();
    let mut xz = liblzma::write::XzEncoder::new(Vec::new(), 1);
    xz.write_all(b"member").unwrap();
    let mut bzip2 = bzip2::write::BzEncoder::new(Vec::new(), bzip2::Compression::fast());
    bzip2.write_all(b"member").unwrap();
    let mut lz4 = lz4_flex::frame::FrameEncoder::new(Vec::new());
    lz4.write_all(b"member").unwrap();
    for (name, member) in [
        ("gzip", gzip.finish().unwrap()),
        ("xz", xz.finish().unwrap()),
        ("bzip2", bzip2.finish().unwrap()),
        ("zstd", zstd::encode_all(&b"member"[..], 1).unwrap()),
        ("lz4", lz4.finish().unwrap()),
    ] {
        let bytes = member.repeat(3);
        let read = decompress(name, &bytes, Limits::DOCUMENT).unwrap_or_else(|problem| panic!("{name}: {problem:?}"));
        assert_eq!(read.as_ref(), b"membermembermember", "{name}");
        // What follows is no member: cut short, it is an error and not less text.
        let cut = bytes.get(..bytes.len() - 3).unwrap_or_default();
        assert_eq!(decompress(name, cut, Limits::DOCUMENT).map(|_| ()).expect_err(name).code, "E-FORMAT", "{name}");
    }
}

/// One reader: its name, a start of document that it follows to an element in
/// which it keeps text, and its whole answer.
type Reader = (&'static str, &'static str, fn(&[u8]) -> String);

/// Every reader of XML.
const READERS: [Reader; 7] = [
    ("pom", "<project><artifactId>", |bytes| format!("{:?}", components::read(FileKind::MavenPom, "x", bytes))),
    ("packages.config", "<packages><package>", |bytes| {
        format!("{:?}", components::read(FileKind::NugetPackagesConfig, "x", bytes))
    }),
    ("primary", "<metadata><package><name>", |bytes| {
        let mut taken = Vec::new();
        let reading = yum::primary("x", bytes, &mut |package| taken.push(package));
        format!("{reading:?} {taken:?}")
    }),
    ("repomd", "<repomd><data>", |bytes| format!("{:?}", yum::repomd("x", bytes))),
    ("updateinfo", "<updates><update><id>", |bytes| {
        let mut taken = Vec::new();
        let stream = Stream::release("almalinux", "9");
        let reading = yum::updateinfo("x", bytes, &stream, None, &mut |fact| taken.push(fact));
        format!("{reading:?} {taken:?}")
    }),
    ("feed", "<rss><channel><item><title>", |bytes| {
        let mut taken = Vec::new();
        let reading = feed::feed("x", bytes, &mut |fact| taken.push(fact));
        format!("{reading:?} {taken:?}")
    }),
    ("cyclonedx", "<bom xmlns=\"http://cyclonedx.org/schema/bom/1.4\"><components><component><name>", |bytes| {
        format!("{:?}", sbom::read("x", bytes))
    }),
];

/// The start with the first element's attributes extended, and with its ends.
fn document(start: &str, attributes: &str, text: &str) -> String {
    let names: Vec<&str> = start.split('<').skip(1).map(|tag| tag.split([' ', '>']).next().unwrap_or("")).collect();
    let ends: String = names.iter().rev().map(|name| format!("</{name}>")).collect();
    format!("{}{text}{ends}", start.replacen('>', &format!("{attributes}>"), 1))
}

#[test]
fn entities_attributes_and_namespaces_cost_no_reader_its_time_or_a_file() {
    let secret = tempfile_with("not for feeds");
    let mut laughs = String::from("<!DOCTYPE x [<!ENTITY l0 \"ha\">");
    for level in 1..30 {
        let before = format!("&l{};", level - 1).repeat(10);
        laughs.push_str(&format!("<!ENTITY l{level} \"{before}\">"));
    }
    laughs.push_str("]>");
    let outside = format!("<!DOCTYPE x [<!ENTITY file SYSTEM \"file://{}\">]>", secret.display());
    let include = format!("<xi:include href=\"file://{}\" parse=\"text\"/>", secret.display());
    let attributes: String = (0..800_000).map(|number| format!(" a{number}=\"\"")).collect();
    let namespaces: String = (0..1_000_000).map(|number| format!(" xmlns:n{number}=\"u\"")).collect();
    for (name, start, read) in READERS {
        for (attack, text) in [
            ("laughs", format!("{laughs}{}", document(start, "", "&l29;"))),
            ("outside", format!("{outside}{}", document(start, "", "&file;"))),
            ("include", document(start, " xmlns:xi=\"http://www.w3.org/2001/XInclude\"", &include)),
            ("attributes", document(start, &attributes, "x")),
            ("namespaces", document(start, &namespaces, "x")),
        ] {
            let began = Instant::now();
            let answer = read(text.as_bytes());
            assert!(began.elapsed() < PATIENCE, "{name}, {attack}: {:?}", began.elapsed());
            assert!(answer.len() < 4096, "{name}, {attack}: an answer of {} bytes", answer.len());
            assert!(!answer.contains("haha") && !answer.contains("not for feeds"), "{name}, {attack}: {answer}");
        }
    }
    std::fs::remove_file(secret).unwrap();
}

fn tempfile_with(text: &str) -> std::path::PathBuf {
    let path = std::env::temp_dir().join(format!("plimsoll-outside-{}", std::process::id()));
    std::fs::write(&path, text).unwrap();
    path
}
