//! Runs the built program on the shared data and on folders of a test's own.

use serde_json::Value;
use std::ffi::OsStr;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::OnceLock;
use tempfile::TempDir;

/// The instant of the tests that need one: the day the shared hosts were recorded.
pub const NOW: &str = "2026-11-20T12:00:00Z";

/// Forms of the answer of `scan`.
pub const FORMATS: [&str; 8] = ["text", "json", "sarif", "cyclonedx", "openvex", "csv", "html", "markdown"];

/// How a run of the program ended.
pub struct Ran {
    pub code: Option<i32>,
    pub out: String,
    pub err: String,
    pub words: String,
}

impl Ran {
    /// The answer as JSON, after a code that is none of a failure.
    pub fn json(&self) -> Value {
        self.finished();
        serde_json::from_str(&self.out).unwrap_or_else(|error| panic!("{}: no JSON: {error}\n{}", self.words, self.out))
    }

    /// The run ended with 0 or 1, that is with an answer.
    pub fn finished(&self) -> &Self {
        assert!(matches!(self.code, Some(0 | 1)), "{} ended with {:?}\n{}", self.words, self.code, self.err);
        self
    }

    /// The run failed as every failure must: 2 or 3, nothing as data, one
    /// line that names code and place, and one that says what to do.
    pub fn failed(&self) -> &Self {
        assert!(matches!(self.code, Some(2 | 3)), "{} ended with {:?}\n{}{}", self.words, self.code, self.out, self.err);
        let errors: Vec<&str> = self.err.lines().filter(|line| line.starts_with("error[E-")).collect();
        assert_eq!(errors.len(), 1, "{}: not one error line:\n{}", self.words, self.err);
        assert!(errors[0].matches(": ").count() >= 2, "{}: no place or text: {}", self.words, errors[0]);
        let next: Vec<&str> = self.err.lines().filter(|line| line.starts_with("  next: ")).collect();
        assert_eq!(next.len(), 1, "{}: not one next line:\n{}", self.words, self.err);
        assert!(next[0].len() > "  next: ".len() + 8, "{}: says nothing: {}", self.words, next[0]);
        self
    }
}

/// The program, shut off from the settings of whoever runs the tests.
pub fn command() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_plimsoll"));
    for name in ["PLIMSOLL_DB", "PLIMSOLL_DB_KEY", "PLIMSOLL_POLICY", "PLIMSOLL_CACHE", "NO_COLOR", "CLICOLOR_FORCE", "TZ"] {
        command.env_remove(name);
    }
    command.env("COLUMNS", "100").env("PLIMSOLL_DATA", "/nonexistent/plimsoll").stdin(Stdio::null());
    command
}

/// Runs a command to its end.
pub fn end(mut command: Command) -> Ran {
    let words = format!("{:?}", command.get_args().map(OsStr::to_string_lossy).collect::<Vec<_>>());
    let output = command.output().expect("the program starts");
    Ran {
        code: output.status.code(),
        out: String::from_utf8(output.stdout).expect("standard output is UTF-8"),
        err: String::from_utf8(output.stderr).expect("standard error is UTF-8"),
        words,
    }
}

/// Runs the program with these words.
pub fn plimsoll<S: AsRef<OsStr>>(words: &[S]) -> Ran {
    let mut command = command();
    command.args(words);
    end(command)
}

/// Runs the program with these words and this standard input.
pub fn piped<S: AsRef<OsStr>>(words: &[S], input: &[u8]) -> Ran {
    let mut file = tempfile::tempfile().expect("a file");
    file.write_all(input).expect("input");
    std::io::Seek::rewind(&mut file).expect("input");
    let mut command = command();
    command.args(words).stdin(file);
    end(command)
}

/// The shared data; none where it is missing, which in CI is a failure.
pub fn data() -> Option<PathBuf> {
    let beside = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/data");
    let folder = std::env::var_os("PLIMSOLL_TEST_DATA").map_or(beside, PathBuf::from);
    if folder.is_dir() {
        return Some(folder);
    }
    assert!(std::env::var_os("CI").is_none(), "no test data at {}", folder.display());
    eprintln!("skipped: no test data");
    None
}

/// The shared data and a database of all of it, built once.
pub fn everything() -> Option<(PathBuf, String)> {
    static BUILT: OnceLock<(TempDir, String)> = OnceLock::new();
    let data = data()?;
    let (_, path) = BUILT.get_or_init(|| {
        let folder = tempfile::tempdir().expect("a folder");
        let path = text(&folder.path().join("all.db"));
        let built = plimsoll(&["db", "build", "--from", &text(&data), "--to", &path]);
        assert_eq!(built.code, Some(0), "{}", built.err);
        (folder, path)
    });
    Some((data, path.clone()))
}

/// A path as a word of the command line.
pub fn text(path: &Path) -> String {
    path.to_str().expect("a path of UTF-8").to_owned()
}

/// Writes a file and the folders above it.
pub fn put(path: &Path, contents: impl AsRef<[u8]>) {
    std::fs::create_dir_all(path.parent().expect("a folder above")).expect("folders");
    std::fs::write(path, contents).expect("a file");
}

/// A folder with one Debian 12 root (`root`), a folder of sources (`sources`)
/// and, after [`Small::build`], a database (`small.db`).
pub struct Small {
    pub folder: TempDir,
}

impl Small {
    /// Makes the root with these packages, as `name version`.
    pub fn new(packages: &[(&str, &str)]) -> Self {
        let small = Self { folder: tempfile::tempdir().expect("a folder") };
        let release = "ID=debian\nVERSION_ID=\"12\"\nVERSION_CODENAME=bookworm\nPRETTY_NAME=\"Debian GNU/Linux 12\"\n";
        put(&small.at("root/etc/os-release"), release);
        small.install(packages);
        small
    }

    /// Writes the package database anew.
    pub fn install(&self, packages: &[(&str, &str)]) {
        let status: String = packages
            .iter()
            .map(|(name, version)| {
                format!("Package: {name}\nStatus: install ok installed\nMaintainer: A <a@example.org>\nArchitecture: amd64\nVersion: {version}\nDescription: a package\n\n")
            })
            .collect();
        put(&self.at("root/var/lib/dpkg/status"), status);
    }

    /// Adds an advisory typed in by hand.
    pub fn advise(&self, id: &str, severity: &str, published: &str, name: &str, fixed: &str) -> &Self {
        let written = format!(
            "id = \"{id}\"\nsummary = \"{id} in {name}\"\nseverity = \"{severity}\"\npublished = {published}\n\n[[affected]]\nstream = \"debian:12\"\nname = \"{name}\"\nfixed = \"{fixed}\"\n"
        );
        put(&self.at(&format!("sources/advisories/{id}.toml")), written);
        self
    }

    /// Builds the database.
    pub fn build(&self, more: &[&str]) -> Ran {
        let (from, to) = (self.path("sources"), self.path("small.db"));
        let mut words = vec!["db", "build", "--from", &from, "--to", &to];
        words.extend_from_slice(more);
        let built = plimsoll(&words);
        assert_eq!(built.code, Some(0), "{}", built.err);
        built
    }

    /// Scans the root with the database.
    pub fn scan(&self, more: &[&str]) -> Ran {
        let (root, db) = (self.path("root"), self.path("small.db"));
        let mut words = vec!["scan", "--root", &root, "--db", &db];
        words.extend_from_slice(more);
        plimsoll(&words)
    }

    /// Something in the folder.
    pub fn at(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// The same as a word.
    pub fn path(&self, name: &str) -> String {
        text(&self.at(name))
    }
}

/// A member as text, empty where there is none.
pub fn word(value: &Value, name: &str) -> String {
    value.pointer(name).and_then(Value::as_str).unwrap_or_default().to_owned()
}

/// A table of tab-separated values without its first line.
pub fn rows(path: &Path) -> Vec<Vec<String>> {
    let text = std::fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    text.lines().skip(1).map(|line| line.split('\t').map(str::to_owned).collect()).collect()
}
