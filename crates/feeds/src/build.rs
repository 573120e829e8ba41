//! Building the database from a folder of sources.
//!
//! ```text
//! folder ─► which source is it? ─► facts ─► Builder ─► one file
//! ```
//!
//! Files are read in a fixed order, the vendor's own lists before copies of
//! them, so that the same folder gives the same bytes.

use plimsoll_core::model::problem::Problem;
use plimsoll_core::model::source::{Source, SourceTrouble, SourceWarning};
use plimsoll_formats::advisories::detect::{self, SourceKind};
use plimsoll_formats::advisories::{Fact, Reading};
use plimsoll_formats::advisory_db::write::{Builder, Signer};
use plimsoll_formats::protocol::encode_hex;
use sha2::{Digest, Sha256};
use std::collections::{BTreeMap, BTreeSet};
use std::io::Read;
use std::path::{Path, PathBuf};

/// Deepest folder walked: CSAF providers nest provider, year and document.
const DEPTH: usize = 12;
/// Most files of one folder: Red Hat has some 60 000 documents.
const FILES: usize = 2_000_000;
/// Largest file read at once; the largest real one is Ubuntu's archive.
const FILE_LIMIT: u64 = 2 << 30;
/// First bytes shown to the detector.
const FIRST: usize = 1024;

/// Told the name of each file before it is read, how many are done, and of
/// how many.
pub type Watch<'a> = dyn Fn(&str, usize, usize) + 'a;

/// What to build with.
#[derive(Default)]
pub struct Options<'a> {
    /// Signs the header.
    pub signer: Option<&'a dyn Signer>,
    /// What fetching knows of each file or folder, by its path in the folder:
    /// times and warnings.
    pub fetched: BTreeMap<String, Source>,
    /// Whoever watches.
    pub progress: Option<&'a Watch<'a>>,
}

/// A built database.
pub struct Built {
    /// The file's bytes.
    pub bytes: Vec<u8>,
    /// Problems met; the sources they name are marked in the database too.
    pub problems: Vec<Problem>,
    /// Files in the folder that are no source.
    pub passed_over: usize,
}

/// Builds a database from every source in `folder`.
///
/// A file that cannot be read is named in the answer and in its source's
/// warnings; the others go on. No source at all is an error.
pub fn build(folder: &Path, options: &Options<'_>) -> Result<Built, Problem> {
    let mut problems = Vec::new();
    let mut files = Vec::new();
    walk(folder, Path::new(""), 0, &mut files, &mut problems)?;
    files.sort();
    let found = files.len();
    let mut sources: Vec<(SourceKind, PathBuf)> = Vec::new();
    for relative in files {
        let name = relative.to_string_lossy().into_owned();
        if let Some(kind) = detect::source_of(&name, &first_bytes(&folder.join(&relative))) {
            sources.push((kind, relative));
        }
    }
    let passed_over = found - sources.len();
    let mut sources = detect::chosen(sources);
    if sources.is_empty() {
        return Err(Problem::new(
            "E-NO-SOURCES",
            folder.display().to_string(),
            format!("holds {found} files and none of them is a source that is known"),
            "lay it out as `plimsoll db update` does (osv/Debian/all.zip, kev/…, epss/…); see the guide",
        ));
    }
    // By name before kind, so that all files of one source stand together.
    sources.sort_by_cached_key(|(kind, path)| (rank(kind), kind.name(), kind.clone(), path.clone()));
    let mut builder = Builder::default();
    let total = sources.len();
    let mut done = 0;
    let mut groups: Vec<(String, Vec<(SourceKind, PathBuf)>)> = Vec::new();
    for (kind, path) in sources {
        let name = kind.name();
        match groups.last_mut().filter(|(last, _)| *last == name) {
            Some((_, files)) => files.push((kind, path)),
            None => groups.push((name, vec![(kind, path)])),
        }
    }
    for (name, files) in groups {
        let fetched = files.first().and_then(|(_, path)| fetched_of(&options.fetched, path));
        let mut group = Group::new(folder, &name, fetched);
        let number = builder.source(Source::default());
        for (kind, path) in files {
            let shown = path.to_string_lossy().into_owned();
            if let Some(progress) = options.progress {
                progress(&shown, done, total);
            }
            done += 1;
            group.read(kind, &shown, &mut |fact| builder.add(number, fact));
        }
        problems.extend(group.reading.problems.iter().cloned());
        if let Some(source) = builder.source_mut(number) {
            *source = group.finish();
        }
    }
    for source in never_fetched(folder, &options.fetched) {
        builder.source(source);
    }
    Ok(Built { bytes: builder.finish(options.signer)?, problems, passed_over })
}

/// One source while its files are read.
struct Group<'a> {
    folder: &'a Path,
    name: &'a str,
    fetched: Option<&'a Source>,
    location: String,
    files: usize,
    digest: Sha256,
    reading: Reading,
    streams: BTreeSet<String>,
    failed: Vec<String>,
}

impl<'a> Group<'a> {
    fn new(folder: &'a Path, name: &'a str, fetched: Option<&'a Source>) -> Self {
        Self {
            folder,
            name,
            fetched,
            location: String::new(),
            files: 0,
            digest: Sha256::new(),
            reading: Reading::default(),
            streams: BTreeSet::new(),
            failed: Vec::new(),
        }
    }

    fn read(&mut self, kind: SourceKind, relative: &str, add: &mut dyn FnMut(Fact)) {
        self.files += 1;
        if self.files == 1 {
            self.location = relative.to_owned();
        }
        let outcome = read_file(&self.folder.join(relative), relative).and_then(|bytes| {
            self.digest.update(relative.as_bytes());
            self.digest.update([0]);
            self.digest.update(Sha256::digest(&bytes));
            let streams = &mut self.streams;
            detect::read(&kind, relative, &bytes, &mut |fact| {
                if let Fact::Advisory(advisory) = &fact {
                    for affected in &advisory.affected {
                        if !streams.contains(affected.stream.as_str()) {
                            streams.insert(affected.stream.as_str().to_owned());
                        }
                    }
                }
                add(fact);
            })
        });
        match outcome {
            Ok(reading) => self.reading.add(reading),
            Err(problem) => {
                self.failed.push(relative.to_owned());
                self.reading.reject(problem);
            }
        }
    }

    fn finish(self) -> Source {
        let mut source = Source {
            name: self.name.to_owned(),
            location: if self.files > 1 { format!("{} and {} more files", self.location, self.files - 1) } else { self.location },
            records: self.reading.records,
            rejected: self.reading.rejected,
            newest: self.reading.newest,
            fetched: None,
            digest: encode_hex(&self.digest.finalize()),
            streams: self.streams.into_iter().collect(),
            warnings: Vec::new(),
        };
        if let Some(fetched) = self.fetched {
            source.fetched = fetched.fetched;
            source.location.clone_from(&fetched.location);
            source.warnings.clone_from(&fetched.warnings);
        }
        if let Some(first) = self.failed.first() {
            source.warnings.push(SourceWarning {
                kind: SourceTrouble::Failed,
                text: format!("{} of {} files of {} could not be read, {first} first", self.failed.len(), self.files, self.name),
            });
        }
        source
    }
}

/// What fetching knows of the file, or of a folder above it.
fn fetched_of<'a>(fetched: &'a BTreeMap<String, Source>, path: &Path) -> Option<&'a Source> {
    path.ancestors().find_map(|part| fetched.get(part.to_str()?))
}

/// Sources that were asked for and never came: an answer must say that they
/// are missing.
fn never_fetched<'a>(
    folder: &'a Path,
    fetched: &'a BTreeMap<String, Source>,
) -> impl Iterator<Item = Source> + use<'a> {
    fetched
        .iter()
        .filter(move |(path, source)| !source.warnings.is_empty() && !folder.join(path).exists())
        .map(|(_, source)| Source { records: 0, newest: None, digest: String::new(), ..source.clone() })
}

/// The vendor's own lists before what others made of them, and everything by
/// packages before everything by CVE.
fn rank(kind: &SourceKind) -> u8 {
    match kind {
        SourceKind::DebianList(_)
        | SourceKind::CsafDocument(_)
        | SourceKind::CsafTarball(_)
        | SourceKind::CsafArchive(_) => 0,
        SourceKind::AlpineSecdb(_)
        | SourceKind::UbuntuNotices
        | SourceKind::Updateinfo(..)
        | SourceKind::YumRepository(_) => 1,
        SourceKind::OsvArchive(_) | SourceKind::OsvTarball(_) | SourceKind::OsvRecord(_) => 2,
        SourceKind::DebianTracker => 3,
        SourceKind::NodejsWg(_) | SourceKind::RetireJs => 4,
        SourceKind::Feed(_) | SourceKind::Typed(_) => 5,
        _ => 6,
    }
}

fn walk(
    root: &Path,
    relative: &Path,
    depth: usize,
    files: &mut Vec<PathBuf>,
    problems: &mut Vec<Problem>,
) -> Result<(), Problem> {
    let folder = root.join(relative);
    let unreadable = |error: std::io::Error| {
        Problem::new(
            "E-INPUT",
            folder.display().to_string(),
            format!("cannot be listed: {error}"),
            "name a folder of sources that can be read",
        )
    };
    for entry in std::fs::read_dir(&folder).map_err(unreadable)? {
        let entry = entry.map_err(unreadable)?;
        let path = relative.join(entry.file_name());
        let kind = entry.file_type().map_err(unreadable)?;
        // Links are not followed: a source folder may come from elsewhere.
        if kind.is_file() && !belongs_to_fetching(&path) {
            files.push(path);
        } else if kind.is_dir() && depth < DEPTH
            && let Err(problem) = walk(root, &path, depth + 1, files, problems) {
                problems.push(problem);
            }
        if files.len() > FILES {
            return Err(Problem::new(
                "E-LIMIT",
                root.display().to_string(),
                format!("holds more than {FILES} files"),
                "name the folder of sources itself, not one above it",
            ));
        }
    }
    Ok(())
}

/// Files that fetching keeps beside the sources.
fn belongs_to_fetching(path: &Path) -> bool {
    let name = path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    let endings = [".part", ".part.json", ".new", ".rejected"];
    name.starts_with('.') || name == "cache.json" || endings.iter().any(|ending| name.ends_with(ending))
}

pub(crate) fn first_bytes(path: &Path) -> Vec<u8> {
    let mut bytes = Vec::new();
    if let Ok(file) = std::fs::File::open(path) {
        let _ = file.take(FIRST as u64).read_to_end(&mut bytes);
    }
    bytes
}

pub(crate) fn read_file(path: &Path, place: &str) -> Result<Vec<u8>, Problem> {
    let failed = |error: std::io::Error| {
        Problem::new("E-INPUT", place, format!("cannot be read: {error}"), "check its permissions and the disk")
    };
    let length = std::fs::metadata(path).map_err(failed)?.len();
    if length > FILE_LIMIT {
        return Err(Problem::new(
            "E-LIMIT",
            place,
            format!("is {length} bytes long, the limit is {FILE_LIMIT}"),
            "split it, or leave it out",
        ));
    }
    std::fs::read(path).map_err(failed)
}
