//! The files of a host, opened so that nothing leads out of its root.
//!
//! An unpacked root is somebody else's data: `/etc/os-release` may be a link
//! to `../../../etc/shadow`, `/var/lib/dpkg/status` a FIFO that never ends, a
//! list a sparse file of a terabyte. Every file is opened beneath the root by
//! the kernel's own rules (`openat2` with `RESOLVE_IN_ROOT`), must be a regular
//! file, and is read up to a limit.

use plimsoll_core::model::problem::Problem;
use rustix::fd::OwnedFd;
use rustix::fs::{CWD, Dir, FileType, Mode, OFlags, ResolveFlags, fstat, openat, openat2, readlinkat};
use rustix::io::Errno;
use std::io::Read;
use std::path::{Path, PathBuf};

/// Most links followed to one file where the kernel does not resolve for us;
/// the kernel's own limit.
const LINKS: usize = 40;

/// Most entries listed of one folder: `/var/lib/dpkg/info` of a large desktop
/// has about 20,000.
const ENTRIES: usize = 200_000;

/// A directory that stands for `/`.
#[derive(Debug)]
pub struct Root {
    directory: OwnedFd,
    path: PathBuf,
}

/// What a path of a root is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Kind {
    /// A regular file.
    File,
    /// A directory.
    Directory,
    /// Anything else: device, FIFO, socket.
    Other,
}

impl Root {
    /// Opens a root.
    pub fn open(path: &Path) -> Result<Self, Problem> {
        let directory = openat(CWD, path, OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC, Mode::empty())
            .map_err(|error| {
                Problem::new(
                    "E-ROOT",
                    path.to_string_lossy(),
                    format!("cannot be opened as a folder: {error}"),
                    "name the folder that holds the unpacked root",
                )
            })?;
        Ok(Self { directory, path: path.to_owned() })
    }

    /// The path it was opened by, for messages.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Reads a file of at most `limit` bytes; none where it does not exist.
    ///
    /// A dangling link and a link whose target does not exist inside the root
    /// count as absent.
    pub fn read(&self, path: &str, limit: usize) -> Result<Option<Vec<u8>>, Problem> {
        let Some((file, size)) = self.regular(path)? else { return Ok(None) };
        if size > limit as u64 {
            return Err(too_long(path, size, limit));
        }
        let mut bytes = Vec::with_capacity(usize::try_from(size).unwrap_or(0).saturating_add(1));
        file.take(limit as u64 + 1).read_to_end(&mut bytes).map_err(|error| unreadable(path, &error))?;
        if bytes.len() > limit {
            return Err(too_long(path, bytes.len() as u64, limit));
        }
        Ok(Some(bytes))
    }

    /// Reads the first bytes of a file, at most `limit`; none where it does
    /// not exist.
    pub fn head(&self, path: &str, limit: usize) -> Result<Option<Vec<u8>>, Problem> {
        let Some((file, _)) = self.regular(path)? else { return Ok(None) };
        let mut bytes = Vec::new();
        file.take(limit as u64).read_to_end(&mut bytes).map_err(|error| unreadable(path, &error))?;
        Ok(Some(bytes))
    }

    /// Reads a small file as one trimmed line; none where it is absent,
    /// unreadable or empty. For `/sys` and `/proc`, where absence is normal.
    pub fn word(&self, path: &str) -> Option<String> {
        let bytes = self.head(path, 4096).ok()??;
        let text = String::from_utf8_lossy(&bytes);
        let text = text.trim_matches(|character: char| character.is_whitespace() || character == '\0');
        (!text.is_empty()).then(|| text.to_owned())
    }

    /// Lists the names in a folder, sorted; empty where it does not exist.
    ///
    /// A name that is not UTF-8 is left out and counted in a problem.
    pub fn list(&self, path: &str) -> Result<Vec<String>, Problem> {
        let Some(directory) = self.open_at(path, OFlags::RDONLY | OFlags::DIRECTORY)? else {
            return Ok(Vec::new());
        };
        let entries = Dir::new(directory).map_err(|error| unreadable(path, &error.into()))?;
        let mut names = Vec::new();
        for entry in entries {
            let entry = entry.map_err(|error| unreadable(path, &error.into()))?;
            let Ok(name) = entry.file_name().to_str() else { continue };
            if name == "." || name == ".." {
                continue;
            }
            if names.len() == ENTRIES {
                return Err(Problem::new(
                    "E-LIMIT",
                    path,
                    format!("holds more than {ENTRIES} entries, which is the limit"),
                    "check what fills this folder",
                ));
            }
            names.push(name.to_owned());
        }
        names.sort_unstable();
        Ok(names)
    }

    /// What a path is; none where there is nothing, or it cannot be looked at.
    pub fn kind(&self, path: &str) -> Option<Kind> {
        let file = self.open_at(path, OFlags::PATH).ok()??;
        let stat = fstat(&file).ok()?;
        Some(match FileType::from_raw_mode(stat.st_mode) {
            FileType::RegularFile => Kind::File,
            FileType::Directory => Kind::Directory,
            _ => Kind::Other,
        })
    }

    /// Whether there is anything at a path.
    pub fn exists(&self, path: &str) -> bool {
        self.kind(path).is_some()
    }

    /// The target of a link as written, not followed.
    pub fn link(&self, path: &str) -> Option<String> {
        let file = self.open_at(path, OFlags::PATH | OFlags::NOFOLLOW).ok()??;
        let target = readlinkat(&file, "", Vec::new()).ok()?;
        target.into_string().ok()
    }

    fn regular(&self, path: &str) -> Result<Option<(std::fs::File, u64)>, Problem> {
        // Not blocking: opening a FIFO must not wait for a writer.
        let flags = OFlags::RDONLY | OFlags::NONBLOCK | OFlags::NOCTTY;
        let Some(file) = self.open_at(path, flags)? else { return Ok(None) };
        let stat = fstat(&file).map_err(|error| unreadable(path, &error.into()))?;
        if FileType::from_raw_mode(stat.st_mode) != FileType::RegularFile {
            return Err(Problem::new(
                "E-FILE",
                path,
                "is not a regular file and was not read",
                "replace it with the file that belongs there",
            ));
        }
        Ok(Some((std::fs::File::from(file), u64::try_from(stat.st_size).unwrap_or(0))))
    }

    fn open_at(&self, path: &str, flags: OFlags) -> Result<Option<OwnedFd>, Problem> {
        let relative = path.trim_start_matches('/');
        let relative = if relative.is_empty() { "." } else { relative };
        let flags = flags | OFlags::CLOEXEC;
        let resolve = ResolveFlags::IN_ROOT | ResolveFlags::NO_MAGICLINKS;
        let opened = match openat2(&self.directory, relative, flags, Mode::empty(), resolve) {
            // Kernels before 5.6, and sandboxes that do not know the call.
            Err(Errno::NOSYS | Errno::PERM) => self.walk(relative, flags),
            other => other,
        };
        match opened {
            Ok(file) => Ok(Some(file)),
            Err(Errno::NOENT | Errno::NOTDIR) => Ok(None),
            // A FIFO or socket without the other end.
            Err(error) => Err(unreadable(path, &error.into())),
        }
    }

    /// Resolves a path by hand, one name at a time, never following a link
    /// that the kernel would resolve outside.
    fn walk(&self, path: &str, flags: OFlags) -> Result<OwnedFd, Errno> {
        let step = OFlags::PATH | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let mut stack: Vec<OwnedFd> = Vec::new();
        let mut names: Vec<String> = path.split('/').rev().map(str::to_owned).collect();
        let mut links = 0;
        while let Some(name) = names.pop() {
            match name.as_str() {
                "" | "." => continue,
                ".." => {
                    stack.pop();
                    continue;
                }
                _ => {}
            }
            let here = stack.last().unwrap_or(&self.directory);
            let next = openat(here, name.as_str(), step, Mode::empty())?;
            let kind = FileType::from_raw_mode(fstat(&next)?.st_mode);
            if kind == FileType::Symlink && !(names.is_empty() && flags.contains(OFlags::NOFOLLOW)) {
                links += 1;
                if links > LINKS {
                    return Err(Errno::LOOP);
                }
                let target = readlinkat(&next, "", Vec::new())?;
                let target = target.into_string().map_err(|_| Errno::ILSEQ)?;
                if target.starts_with('/') {
                    stack.clear();
                }
                names.extend(target.split('/').rev().map(str::to_owned));
            } else if names.iter().all(|rest| rest.is_empty() || rest == ".") {
                return openat(here, name.as_str(), flags | OFlags::NOFOLLOW, Mode::empty());
            } else {
                stack.push(next);
            }
        }
        let here = stack.last().unwrap_or(&self.directory);
        openat(here, ".", flags, Mode::empty())
    }
}

fn unreadable(path: &str, error: &std::io::Error) -> Problem {
    Problem::new(
        "E-READ",
        path,
        format!("cannot be read: {error}"),
        "run with rights to read it, or repair the file",
    )
}

fn too_long(path: &str, size: u64, limit: usize) -> Problem {
    Problem::new(
        "E-LIMIT",
        path,
        format!("is {size} bytes long, the limit is {limit}"),
        "check what fills this file; it was not read",
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::symlink;

    fn make() -> (tempfile::TempDir, Root) {
        let folder = tempfile::tempdir().unwrap();
        std::fs::create_dir_all(folder.path().join("root/etc")).unwrap();
        std::fs::create_dir_all(folder.path().join("root/usr/lib")).unwrap();
        std::fs::write(folder.path().join("secret"), "outside").unwrap();
        std::fs::write(folder.path().join("root/usr/lib/os"), "inside").unwrap();
        let link = |target: &str, name: &str| symlink(target, folder.path().join("root").join(name)).unwrap();
        link("../usr/lib/os", "etc/good");
        link("/usr/lib/os", "etc/absolute");
        link("../../secret", "etc/up");
        link("../../../../../../../../etc/passwd", "etc/far");
        link("loop", "etc/loop");
        link("../usr", "etc/folder");
        link("/", "etc/top");
        let root = Root::open(&folder.path().join("root")).unwrap();
        (folder, root)
    }

    #[test]
    fn both_ways_of_resolving_stay_inside() {
        let (_folder, root) = make();
        let cases = [
            ("etc/good", Some("inside")),
            ("/etc/absolute", Some("inside")),
            ("etc/up", None),
            ("etc/far", None),
            ("../secret", None),
            ("etc/../../secret", None),
            ("etc/folder/lib/os", Some("inside")),
            ("etc/top/etc/top/usr/lib/os", Some("inside")),
            ("etc/absent", None),
        ];
        for (path, wanted) in cases {
            let read = root.read(path, 100).unwrap().map(|bytes| String::from_utf8(bytes).unwrap());
            assert_eq!(read.as_deref(), wanted, "{path} by the kernel");
            let walked = root
                .walk(path.trim_start_matches('/'), OFlags::RDONLY | OFlags::CLOEXEC)
                .ok()
                .map(|file| std::io::read_to_string(std::fs::File::from(file)).unwrap());
            assert_eq!(walked.as_deref(), wanted, "{path} by hand");
        }
        assert_eq!(root.read("etc/loop", 100).unwrap_err().code, "E-READ");
        assert_eq!(root.walk("etc/loop", OFlags::RDONLY).unwrap_err(), Errno::LOOP);
        assert_eq!(root.link("etc/absolute").as_deref(), Some("/usr/lib/os"));
    }

    #[test]
    fn only_regular_files_within_the_limit_are_read() {
        let (folder, root) = make();
        rustix::fs::mkfifoat(CWD, folder.path().join("root/fifo"), Mode::from_raw_mode(0o644)).unwrap();
        let sparse = std::fs::File::create(folder.path().join("root/sparse")).unwrap();
        sparse.set_len(1 << 40).unwrap();
        assert_eq!(root.read("fifo", 100).unwrap_err().code, "E-FILE");
        assert_eq!(root.read("etc", 100).unwrap_err().code, "E-FILE");
        assert_eq!(root.read("sparse", 1 << 20).unwrap_err().code, "E-LIMIT");
        assert_eq!(root.list("/").unwrap(), ["etc", "fifo", "sparse", "usr"]);
    }
}
