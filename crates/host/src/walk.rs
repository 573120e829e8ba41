//! Walking folders for lock files, installed libraries and executables.
//!
//! A folder may hold millions of files, links in a circle or trees deeper than
//! a stack; depth, files and bytes are capped and every cap that was reached
//! is a problem. Links are not followed at all: what they point to is reached
//! by its own path when it is inside, and is none of ours when it is not.

use crate::Progress;
use plimsoll_core::model::component::Component;
use plimsoll_core::model::problem::Problem;
use plimsoll_formats::components::{self, FileKind};
use std::collections::HashSet;
use std::fs::File;
use std::io::Read;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

/// Deepest folder entered below the start.
const DEPTH: usize = 24;
/// Most files looked at by name.
const FILES: usize = 400_000;
/// Longest file read for its components. Only parts of executables and
/// archives are kept.
const FILE_LIMIT: u64 = 256 << 20;
/// Most bytes read in one walk.
const BYTES: u64 = 4 << 30;
/// Most problems kept one by one.
const PROBLEMS: usize = 50;

/// Folders never entered: version control, build output, caches.
const SKIPPED: [&str; 8] = [".git", ".hg", ".svn", "target", ".cache", "__pycache__", ".tox", ".nox"];

/// What is walked for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum For {
    /// A project: lock files and what they name.
    Project {
        /// Enter `node_modules` and virtual environments as well.
        installed: bool,
    },
    /// A host: installed libraries, archives and executables only.
    Host,
}

/// What a walk found.
#[derive(Debug, Default)]
pub(crate) struct Found {
    pub components: Vec<Component>,
    pub problems: Vec<Problem>,
    files: usize,
    bytes: u64,
    unnamed: usize,
    /// Whether any file had a name that tells what it holds.
    pub named: bool,
}

/// Walks a folder. Places are named relative to `base`; paths in `owned`
/// (relative to `base`) belong to packages and are left out.
pub(crate) fn walk(base: &Path, start: &str, purpose: For, owned: &HashSet<String>, progress: &dyn Progress, found: &mut Found) {
    let mut folders: Vec<(PathBuf, usize)> = vec![(base.join(start), 0)];
    while let Some((folder, depth)) = folders.pop() {
        progress.stage(&format!("looking into {}", folder.display()));
        let Ok(entries) = std::fs::read_dir(&folder) else {
            found.unreadable(&folder);
            continue;
        };
        let mut names: Vec<_> = entries.flatten().collect();
        names.sort_by_key(std::fs::DirEntry::file_name);
        let mut below = Vec::new();
        for entry in names {
            let Ok(kind) = entry.file_type() else { continue };
            let path = entry.path();
            if kind.is_dir() {
                let name = entry.file_name();
                if enters(&name.to_string_lossy(), purpose) {
                    if depth < DEPTH {
                        below.push((path, depth + 1));
                    } else {
                        found.problem(limit(&path, format!("lies {DEPTH} folders deep, which is the limit")));
                    }
                }
            } else if kind.is_file() {
                found.files += 1;
                if found.files > FILES {
                    found.problem(limit(&folder, format!("more than {FILES} files were looked at, which is the limit")));
                    return;
                }
                found.file(base, &path, purpose, owned);
            }
        }
        folders.extend(below.into_iter().rev());
    }
}

fn enters(name: &str, purpose: For) -> bool {
    match purpose {
        For::Host => ![".git", ".cache", "__pycache__"].contains(&name),
        For::Project { installed } => {
            !SKIPPED.contains(&name) && (installed || !["node_modules", ".venv", "venv", "vendor", "site-packages"].contains(&name))
        }
    }
}

fn limit(path: &Path, text: String) -> Problem {
    Problem::new("E-LIMIT", path.to_string_lossy(), text, "scan a smaller folder; what lies beyond was not read")
}

impl Found {
    /// Sorts what was found and adds the counts.
    pub(crate) fn finish(mut self) -> (Vec<Component>, Vec<Problem>) {
        self.components.sort_by(|left, right| {
            (&left.purl, &left.name, &left.version, &left.locations).cmp(&(&right.purl, &right.name, &right.version, &right.locations))
        });
        merge(&mut self.components);
        if self.unnamed > 0 {
            self.problems.push(Problem::new(
                "W-MORE",
                "walk",
                format!("{} more problems are not listed one by one", self.unnamed),
                "solve the listed ones first",
            ));
        }
        (self.components, self.problems)
    }

    fn problem(&mut self, problem: Problem) {
        if self.problems.len() < PROBLEMS { self.problems.push(problem) } else { self.unnamed += 1 }
    }

    fn unreadable(&mut self, path: &Path) {
        self.problem(Problem::new(
            "E-READ",
            path.to_string_lossy(),
            "cannot be listed",
            "run with rights to read it",
        ));
    }

    fn file(&mut self, base: &Path, path: &Path, purpose: For, owned: &HashSet<String>) {
        let place = path.strip_prefix(base).unwrap_or(path).to_string_lossy().into_owned();
        if owned.contains(&place) {
            return;
        }
        let named = components::recognise(&place).filter(|kind| purpose != For::Host || kind.is_installed());
        let kind = match named {
            Some(kind) => {
                self.named = true;
                kind
            }
            None if executable(path, purpose) => FileKind::Executable,
            None => return,
        };
        match read(path) {
            Ok(bytes) => {
                self.bytes += bytes.len() as u64;
                if self.bytes > BYTES {
                    self.problem(limit(path, format!("more than {BYTES} bytes were read, which is the limit")));
                    return;
                }
                match components::read(kind, &place, &bytes) {
                    Ok(read) => {
                        self.components.extend(read.components);
                        read.problems.into_iter().for_each(|problem| self.problem(problem));
                        if let Some(reason) = read.incomplete {
                            self.problem(Problem::new("W-INCOMPLETE", &place, reason, "scan its lock file as well"));
                        }
                    }
                    // Most executables carry no list of what is in them.
                    Err(_) if kind == FileKind::Executable => {}
                    Err(problem) => self.problem(problem),
                }
            }
            Err(problem) => self.problem(problem),
        }
    }
}

/// Puts components of one identity together, with all their locations.
fn merge(components: &mut Vec<Component>) {
    components.dedup_by(|later, first| {
        let same = later.purl == first.purl
            && later.name == first.name
            && later.version == first.version
            && later.stream == first.stream
            && later.kind == first.kind
            && later.scope == first.scope;
        if same {
            for place in later.locations.drain(..) {
                if !first.locations.contains(&place) {
                    first.locations.push(place);
                }
            }
        }
        same
    });
}

/// Whether a file without a telling name is an executable worth reading: it
/// may be run, has no extension, and starts like one.
fn executable(path: &Path, purpose: For) -> bool {
    use std::os::unix::fs::PermissionsExt;
    if purpose != For::Host || path.extension().is_some() {
        return false;
    }
    let runs = path.symlink_metadata().is_ok_and(|metadata| metadata.permissions().mode() & 0o111 != 0);
    let mut first = [0u8; 8];
    runs && open(path).is_ok_and(|mut file| file.read_exact(&mut first).is_ok()) && components::recognise_binary(&first)
}

fn open(path: &Path) -> std::io::Result<File> {
    let flags = rustix::fs::OFlags::NOFOLLOW | rustix::fs::OFlags::NONBLOCK;
    let flags = i32::try_from(flags.bits()).unwrap_or(0);
    File::options().read(true).custom_flags(flags).open(path)
}

fn read(path: &Path) -> Result<Vec<u8>, Problem> {
    let failed = |error: std::io::Error| {
        Problem::new("E-READ", path.to_string_lossy(), format!("cannot be read: {error}"), "run with rights to read it")
    };
    let file = open(path).map_err(failed)?;
    let length = file.metadata().map_err(failed)?.len();
    if length > FILE_LIMIT {
        return Err(limit(path, format!("is {length} bytes long, the limit is {FILE_LIMIT}")));
    }
    let mut bytes = Vec::new();
    file.take(FILE_LIMIT).read_to_end(&mut bytes).map_err(failed)?;
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Silent;

    #[test]
    fn lock_files_are_found_and_nothing_outside_or_skipped_is() {
        let folder = tempfile::tempdir().unwrap();
        let lock = |name: &str| format!("version = 4\n\n[[package]]\nname = \"{name}\"\nversion = \"1.0.0\"\nsource = \"registry+https://github.com/rust-lang/crates.io-index\"\n");
        let write = |path: &str, name: &str| {
            let path = folder.path().join(path);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, lock(name)).unwrap();
        };
        write("project/Cargo.lock", "top");
        write("project/sub/Cargo.lock", "top");
        write("project/target/Cargo.lock", "built");
        write("project/node_modules/x/Cargo.lock", "module");
        write("outside/Cargo.lock", "outside");
        std::os::unix::fs::symlink("../outside", folder.path().join("project/link")).unwrap();
        std::os::unix::fs::symlink("..", folder.path().join("project/circle")).unwrap();
        let mut deep = folder.path().join("project");
        (0..DEPTH + 3).for_each(|_| deep.push("d"));
        std::fs::create_dir_all(&deep).unwrap();
        let mut found = Found::default();
        walk(&folder.path().join("project"), "", For::Project { installed: false }, &HashSet::new(), &Silent, &mut found);
        let (components, problems) = found.finish();
        let shown: Vec<_> = components.iter().map(|found| (found.name.as_str(), found.locations.clone())).collect();
        assert_eq!(shown, [("top", vec!["Cargo.lock".to_owned(), "sub/Cargo.lock".to_owned()])]);
        assert_eq!(problems.iter().map(|problem| problem.code.as_str()).collect::<Vec<_>>(), ["E-LIMIT"]);
    }
}
