//! `Packages` indices.

use super::super::{control, relation};
use super::release::is_sha256;
use super::super::dpkg::{self, MultiArch, Relations};
use crate::bounded::{self, Limits};
use plimsoll_core::model::problem::Problem;
use plimsoll_core::phases::acquire::Offer;
use std::collections::{BTreeMap, BTreeSet};

/// Problems kept of one index.
const PROBLEM_LIMIT: usize = 20;

/// One package that a repository offers, borrowing from the index's text.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct IndexRecord<'a> {
    /// Binary package name.
    pub name: &'a str,
    /// Version.
    pub version: &'a str,
    /// Architecture (`all` included).
    pub arch: &'a str,
    /// Source package name (its own where the field is absent).
    pub source: &'a str,
    /// Source version, without binNMU suffix.
    pub source_version: &'a str,
    /// `Multi-Arch`.
    pub multi_arch: MultiArch,
    /// `Essential: yes`.
    pub essential: bool,
    /// `Protected: yes`.
    pub protected: bool,
    /// `Important: yes`.
    pub important: bool,
    /// `Priority`.
    pub priority: &'a str,
    /// `Section`.
    pub section: &'a str,
    /// Relations as written.
    pub relations: Relations<'a>,
    /// `Size` of the package file in bytes.
    pub size: Option<u64>,
    /// `SHA256` of the package file, hex.
    pub sha256: Option<&'a str>,
    /// `Filename`, relative to the repository's address.
    pub filename: &'a str,
    /// `Phased-Update-Percentage` (Ubuntu), 0 to 100; none when everybody gets it.
    pub phased: Option<u8>,
    /// Line of its first field, from 1.
    pub line: usize,
}

/// Decompresses an index (gzip, xz, bzip2, zstd, lz4 or plain) and takes it as
/// text.
///
/// apt keeps its lists compressed with `Acquire::GzipIndexes`; the first bytes
/// tell, not the name. Returns an owned text when something had to be undone.
pub fn text<'a>(place: &str, bytes: &'a [u8]) -> Result<std::borrow::Cow<'a, str>, Problem> {
    use std::borrow::Cow;
    match bounded::decompress(place, bytes, Limits::DOCUMENT)? {
        Cow::Borrowed(bytes) => Ok(control::text(place, bytes)?.0),
        Cow::Owned(bytes) => match String::from_utf8(bytes) {
            Ok(text) => Ok(Cow::Owned(text)),
            Err(error) => Ok(Cow::Owned(String::from_utf8_lossy(error.as_bytes()).into_owned())),
        },
    }
}

/// What reading an index came to.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct IndexReading {
    /// Records passed on.
    pub records: u64,
    /// Records that could not be read.
    pub rejected: u64,
    /// The first 20 problems.
    pub problems: Vec<Problem>,
}

/// Reads an index and passes every record on, in the order of the file.
///
/// A record without name, version or architecture is rejected: apt ignores it
/// as well.
pub fn records<'a>(place: &str, text: &'a str, sink: &mut dyn FnMut(IndexRecord<'a>)) -> IndexReading {
    let mut reading = IndexReading::default();
    for paragraph in control::paragraphs(text) {
        let problem = paragraph.too_long(place).or_else(|| {
            let record = record(paragraph);
            let missing = [("Package", record.name), ("Version", record.version), ("Architecture", record.arch)]
                .into_iter()
                .find(|(_, value)| value.is_empty());
            match missing {
                Some((field, _)) => Some(Problem::new(
                    "E-FORMAT",
                    format!("{place}:{}", record.line),
                    format!("the record has no {field}"),
                    "run `apt-get update`; the record was left out",
                )),
                None => {
                    reading.records += 1;
                    sink(record);
                    None
                }
            }
        });
        if let Some(problem) = problem {
            reading.rejected += 1;
            if reading.problems.len() < PROBLEM_LIMIT {
                reading.problems.push(problem);
            }
        }
    }
    reading
}

/// Reads what an index offers for acquisition, in the order of the file.
///
/// A record that states no SHA-256, length or path is rejected: its file could
/// not be verified. `repository` is the place of its repository in the list of
/// them.
pub fn offers<'a>(place: &str, text: &'a str, repository: usize, out: &mut Vec<Offer<'a>>) -> IndexReading {
    let mut unproven = 0;
    let mut problems = Vec::new();
    let mut reading = records(place, text, &mut |record| {
        let proven = record.sha256.filter(|digest| is_sha256(digest)).zip(record.size).filter(|_| is_inside(record.filename));
        match proven {
            Some((sha256, size)) => out.push(Offer {
                name: record.name,
                version: record.version,
                arch: record.arch,
                sha256,
                size,
                path: record.filename,
                repository,
                needs: relation::requirements(&[record.relations.pre_depends, record.relations.depends]),
                provides: relation::requirements(&[record.relations.provides]).into_iter().flatten().collect(),
                conflicts: relation::requirements(&[record.relations.conflicts, record.relations.breaks]).into_iter().flatten().collect(),
            }),
            None => {
                unproven += 1;
                if problems.len() < PROBLEM_LIMIT {
                    problems.push(Problem::new(
                        "E-FORMAT",
                        format!("{place}:{}", record.line),
                        "the record states no SHA-256, no length, or a path that leaves the repository",
                        "ask the repository's owner; the package was left out",
                    ));
                }
            }
        }
    });
    reading.records -= unproven;
    reading.rejected += unproven;
    reading.problems.extend(problems);
    reading.problems.truncate(PROBLEM_LIMIT);
    reading
}

/// Whether a path stays below the repository's address.
pub fn is_inside(path: &str) -> bool {
    let parts = path.strip_prefix("./").unwrap_or(path);
    !parts.is_empty() && parts.len() <= 1024 && parts.split('/').all(|part| !part.is_empty() && part != "." && part != ".." && !part.contains('\\'))
}

/// The records of an index as written, by the SHA-256 of their files; of two
/// records of one file the first.
pub fn stanzas<'a>(text: &'a str, wanted: &BTreeSet<&str>) -> BTreeMap<&'a str, &'a str> {
    let mut found = BTreeMap::new();
    for paragraph in control::paragraphs(text) {
        if let Some(digest) = paragraph.field("SHA256").filter(|digest| wanted.contains(digest)) {
            found.entry(digest).or_insert(paragraph.text());
        }
    }
    found
}

/// Rewrites a record for another place of the file; digests weaker than
/// SHA-256 are left out.
pub fn moved(stanza: &str, filename: &str) -> String {
    let mut out = String::with_capacity(stanza.len() + filename.len());
    let mut dropped = false;
    for line in stanza.lines() {
        if line.starts_with([' ', '\t']) {
            if !dropped {
                out.push_str(line);
                out.push('\n');
            }
            continue;
        }
        let name = line.split(':').next().unwrap_or_default();
        dropped = ["Filename", "MD5sum", "SHA1"].iter().any(|known| name.eq_ignore_ascii_case(known));
        if !dropped && !line.trim().is_empty() {
            out.push_str(line);
            out.push('\n');
        }
    }
    out.push_str(&format!("Filename: {filename}\n"));
    out
}

fn record(paragraph: control::Paragraph<'_>) -> IndexRecord<'_> {
    let mut record = IndexRecord { line: paragraph.line(), ..IndexRecord::default() };
    let mut source = "";
    for field in paragraph.fields().flatten() {
        match field.name {
            "Package" => record.name = field.value,
            "Version" => record.version = field.value,
            "Architecture" => record.arch = field.value,
            "Source" => source = field.value,
            "Multi-Arch" => record.multi_arch = MultiArch::parse(field.value),
            "Essential" => record.essential = field.value == "yes",
            "Protected" => record.protected = field.value == "yes",
            "Important" => record.important = field.value == "yes",
            "Priority" => record.priority = field.value,
            "Section" => record.section = field.value,
            "Size" => record.size = field.value.parse().ok(),
            "SHA256" => record.sha256 = Some(field.value),
            "Filename" => record.filename = field.value,
            "Phased-Update-Percentage" => {
                record.phased = field.value.parse().ok().filter(|percentage| *percentage <= 100);
            }
            name => {
                record.relations.take(name, field.value);
            }
        }
    }
    (record.source, record.source_version) = dpkg::source_of(record.name, record.version, source);
    record
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::test_data::file as data;
    use std::io::Write;

    #[test]
    fn whole_security_archives_are_read() {
        for (release, count) in [("bookworm", 3006), ("bullseye", 3816)] {
            let Some(bytes) = data(&format!("repos/debian-security/dists/{release}-security/main/binary-amd64/Packages")) else { return };
            let text = text("Packages", &bytes).unwrap();
            let mut bad = 0;
            let reading = records("Packages", &text, &mut |record| {
                bad += u32::from(record.size.is_none() || record.sha256.is_none_or(|digest| digest.len() != 64) || record.filename.is_empty());
            });
            assert_eq!((reading.records, reading.rejected, bad), (count, 0, 0), "{release}");
        }
    }

    #[test]
    fn lists_kept_compressed_give_the_same_records() {
        let plain = "Package: a\nVersion: 1-1+b2\nArchitecture: all\nSource: s\nPhased-Update-Percentage: 30\nSize: 7\nDepends: b,\n c\n\nPackage: broken\n";
        let mut encoder = lz4_flex::frame::FrameEncoder::new(Vec::new());
        encoder.write_all(plain.as_bytes()).unwrap();
        let compressed = encoder.finish().unwrap();
        let text = text("Packages.lz4", &compressed).unwrap();
        assert_eq!(text, plain);
        let mut all = Vec::new();
        let reading = records("Packages", &text, &mut |record| all.push(record));
        assert_eq!(reading.problems[0].place, "Packages:10");
        assert_eq!(reading.problems[0].text, "the record has no Version");
        assert_eq!(
            all,
            [IndexRecord {
                name: "a",
                version: "1-1+b2",
                arch: "all",
                source: "s",
                source_version: "1-1",
                phased: Some(30),
                size: Some(7),
                relations: Relations { depends: "b,\n c", ..Relations::default() },
                line: 1,
                ..IndexRecord::default()
            }]
        );
        for cut in 0..compressed.len() {
            let _ = super::text("Packages.lz4", &compressed[..cut]);
        }
    }
}
