//! A publisher: real packages built by the real tools, an index, a signature of
//! GnuPG, and a web server that can lie.

use crate::sandbox::{put, text};
use plimsoll_formats::protocol::digest;
use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Write};
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::{Arc, Mutex};
use tempfile::TempDir;

/// Whether the tools are here; says which is not, and fails in CI.
pub fn tools(names: &[&str]) -> bool {
    for name in names {
        let found = std::env::var_os("PATH").is_some_and(|path| std::env::split_paths(&path).any(|folder| folder.join(name).is_file()));
        if !found {
            assert!(std::env::var_os("CI").is_none(), "no {name} on this machine");
            eprintln!("skipped: no {name} on this machine");
            return false;
        }
    }
    true
}

/// Runs a tool that must succeed.
pub fn run(command: &mut Command) -> Output {
    let output = command.output().unwrap_or_else(|error| panic!("{command:?}: {error}"));
    let shown = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{command:?} ended with {:?}\n{}{shown}", output.status.code(), String::from_utf8_lossy(&output.stdout));
    output
}

fn md5(file: &Path) -> String {
    let said = run(Command::new("md5sum").arg(file)).stdout;
    String::from_utf8(said).expect("text").split(' ').next().expect("a digest").to_owned()
}

/// Content that the server gives instead of a file; none is a 404.
type Lies = Arc<Mutex<BTreeMap<String, Option<Vec<u8>>>>>;

pub struct Upstream {
    pub folder: TempDir,
    pub port: u16,
    pub asked: Arc<Mutex<Vec<String>>>,
    lies: Lies,
}

impl Upstream {
    pub fn new() -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let home = folder.path().join("gnupg");
        std::fs::create_dir(&home).expect("a home of GnuPG");
        std::os::unix::fs::chown(&home, None, None).expect("its owner");
        std::fs::set_permissions(&home, std::os::unix::fs::PermissionsExt::from_mode(0o700)).expect("its mode");
        std::fs::create_dir(folder.path().join("www")).expect("a folder");
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port on loopback");
        let port = listener.local_addr().expect("its address").port();
        let (lies, asked): (Lies, Arc<Mutex<Vec<String>>>) = Default::default();
        let (root, told, log) = (folder.path().join("www"), lies.clone(), asked.clone());
        std::thread::spawn(move || {
            for mut stream in listener.incoming().flatten() {
                let (root, told, log) = (root.clone(), told.clone(), log.clone());
                std::thread::spawn(move || {
                    let mut reader = BufReader::new(stream.try_clone().expect("a stream"));
                    let mut line = String::new();
                    let _ = reader.read_line(&mut line);
                    let path = line.split(' ').nth(1).unwrap_or("/").to_owned();
                    loop {
                        let mut header = String::new();
                        if reader.read_line(&mut header).is_err() || header.trim().is_empty() {
                            break;
                        }
                    }
                    log.lock().expect("a log").push(path.clone());
                    let lie = told.lock().expect("lies").get(&path).cloned();
                    let body = lie.unwrap_or_else(|| std::fs::read(root.join(path.trim_start_matches('/'))).ok());
                    let _ = match body {
                        Some(body) => stream
                            .write_all(format!("HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: {}\r\n\r\n", body.len()).as_bytes())
                            .and_then(|()| stream.write_all(&body)),
                        None => stream.write_all(b"HTTP/1.1 404 Not Found\r\nconnection: close\r\ncontent-length: 0\r\n\r\n"),
                    };
                });
            }
        });
        Self { folder, port, asked, lies }
    }

    pub fn at(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub fn www(&self, name: &str) -> PathBuf {
        self.folder.path().join("www").join(name)
    }

    pub fn url(&self, path: &str) -> String {
        format!("http://127.0.0.1:{}{path}", self.port)
    }

    /// Gives this instead of the file, or a 404.
    pub fn lie(&self, path: &str, body: Option<Vec<u8>>) {
        self.lies.lock().expect("lies").insert(path.to_owned(), body);
    }

    pub fn honest(&self) {
        self.lies.lock().expect("lies").clear();
    }

    pub fn gpg(&self) -> Command {
        let mut command = Command::new("gpg");
        command.args(["--batch", "--yes", "--quiet", "--pinentry-mode", "loopback", "--passphrase", "", "--homedir", &text(&self.at("gnupg"))]);
        command
    }

    /// Makes a key and exports its certificate; `lasts` as GnuPG writes it.
    pub fn key(&self, name: &str, algorithm: &str, lasts: &str) -> String {
        let mut make = self.gpg();
        if lasts == "past" {
            // Made and expired long ago, as GnuPG sees it.
            run(make.args(["--faked-system-time", "20200101T000000", "--quick-generate-key", name, algorithm, "sign", "1d"]));
        } else {
            run(make.args(["--quick-generate-key", name, algorithm, "sign", lasts]));
        }
        let file = self.at(&format!("{name}.gpg"));
        run(self.gpg().args(["--output", &text(&file), "--export", name]));
        text(&file)
    }

    /// Builds a package with one file and a real control archive.
    pub fn deb(&self, name: &str, version: &str, fields: &str, contents: &str) -> PathBuf {
        let tree = self.at(&format!("build/{name}-{version}"));
        put(&tree.join("DEBIAN/control"), format!("Package: {name}\nVersion: {version}\nArchitecture: amd64\nMaintainer: A <a@example.org>\n{fields}Description: {name}\n a package\n  of tests\n"));
        put(&tree.join(format!("usr/share/{name}/file")), contents);
        let to = self.www(&format!("debian/pool/{name}_{}_amd64.deb", version.rsplit(':').next().expect("a version")));
        std::fs::create_dir_all(to.parent().expect("a folder")).expect("a folder");
        run(Command::new("dpkg-deb").args(["--root-owner-group", "--build", &text(&tree), &text(&to)]));
        to
    }

    /// Writes and signs the index of everything in the pool.
    pub fn publish(&self, key: &str, date: &str, more: &str) {
        self.suite(key, "stable", date, more, &|_| true);
    }

    /// Writes and signs the index of some files of the pool, by their names.
    pub fn suite(&self, key: &str, suite: &str, date: &str, more: &str, takes: &dyn Fn(&str) -> bool) {
        let mut packages = String::new();
        let mut files: Vec<PathBuf> = std::fs::read_dir(self.www("debian/pool")).expect("a pool").map(|entry| entry.expect("an entry").path()).collect();
        files.sort();
        for file in files {
            let name = file.file_name().and_then(|name| name.to_str()).expect("a name");
            if !takes(name) {
                continue;
            }
            let bytes = std::fs::read(&file).expect("a package");
            let control = run(Command::new("dpkg-deb").args(["--field", &text(&file)])).stdout;
            packages.push_str(&String::from_utf8(control).expect("a control file"));
            packages.push_str(&format!("Filename: pool/{name}\nSize: {}\nMD5sum: {}\nSHA256: {}\n\n", bytes.len(), md5(&file), digest(&bytes)));
        }
        self.index(key, suite, date, more, packages.as_bytes());
    }

    /// Writes and signs this index.
    pub fn index(&self, key: &str, suite: &str, date: &str, more: &str, packages: &[u8]) {
        let suite_folder = self.www(&format!("debian/dists/{suite}"));
        let plain = suite_folder.join("main/binary-amd64/Packages");
        put(&plain, packages);
        run(Command::new("gzip").args(["-nkf", &text(&plain)]));
        // A security suite is named as Debian names it.
        let named = match suite.strip_suffix("-security") {
            Some(_) => format!("Origin: Debian\nLabel: Debian-Security\nSuite: oldstable-security\nVersion: 12\nCodename: {suite}\n"),
            None => format!("Origin: Test\nLabel: Test\nSuite: {suite}\nCodename: {suite}\n"),
        };
        let mut release = format!("{named}Date: {date}\n{more}Architectures: amd64\nComponents: main\nAcquire-By-Hash: yes\nSHA256:\n");
        for name in ["Packages", "Packages.gz"] {
            let bytes = std::fs::read(plain.with_file_name(name)).expect("an index");
            release.push_str(&format!(" {} {} main/binary-amd64/{name}\n", digest(&bytes), bytes.len()));
            put(&suite_folder.join(format!("main/binary-amd64/by-hash/SHA256/{}", digest(&bytes))), &bytes);
        }
        put(&suite_folder.join("Release"), &release);
        self.sign(key, &suite_folder);
    }

    pub fn sign(&self, key: &str, suite: &Path) {
        let mut gpg = self.gpg();
        if key == "expired" {
            gpg.args(["--faked-system-time", "20200101T120000"]);
        }
        run(gpg.args(["--local-user", key, "--output", &text(&suite.join("InRelease")), "--clear-sign", &text(&suite.join("Release"))]));
    }

    /// Writes a `repositories.toml` for the suite.
    pub fn repositories(&self, keyring: &str, suite: &str, more: &str) -> String {
        let file = self.at(&format!("repositories-{}.toml", digest(format!("{keyring}{suite}{more}").as_bytes())));
        put(&file, format!("[[apt]]\nstream = \"debian:12\"\nurl = \"{}\"\nsuite = \"{suite}\"\ncomponents = [\"main\"]\narchitectures = [\"amd64\"]\nkeyring = \"{keyring}\"\n{more}", self.url("/debian")));
        text(&file)
    }
}

/// A private root in which the real apt works, with nothing of this machine's
/// configuration.
pub struct AptRoot {
    pub folder: TempDir,
}

impl AptRoot {
    pub fn new(sources: &str) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let root = folder.path();
        for name in ["etc/apt/preferences.d", "etc/apt/apt.conf.d", "var/lib/apt/lists/partial", "var/cache/apt/archives/partial", "var/lib/dpkg/updates", "var/lib/dpkg/info", "var/log"] {
            std::fs::create_dir_all(root.join(name)).expect("folders");
        }
        put(&root.join("etc/apt/sources.list"), sources);
        put(&root.join("var/lib/dpkg/status"), "");
        put(&root.join("apt.conf"), format!(
            "Dir \"{}\";\nDir::State::status \"{0}/var/lib/dpkg/status\";\nDir::Etc::parts \"{0}/etc/apt/apt.conf.d\";\nDir::Etc::main \"{0}/etc/apt/none\";\nAPT::Architecture \"amd64\";\nAPT::Architectures {{ \"amd64\"; }};\nAPT::Sandbox::User \"root\";\nAcquire::Languages \"none\";\n",
            text(root)
        ));
        Self { folder }
    }

    /// Makes it a Debian 12 that has these packages: name, version, relations.
    pub fn has(&self, packages: &[(&str, &str, &str)]) {
        let root = self.folder.path();
        put(&root.join("etc/os-release"), "ID=debian\nVERSION_ID=\"12\"\nVERSION_CODENAME=bookworm\nPRETTY_NAME=\"Debian GNU/Linux 12\"\n");
        let status = packages.iter().map(|(name, version, more)| {
            format!("Package: {name}\nStatus: install ok installed\nMaintainer: A <a@example.org>\nArchitecture: amd64\nVersion: {version}\n{more}Description: {name}\n\n")
        });
        put(&root.join("var/lib/dpkg/status"), status.collect::<String>());
        put(&root.join("var/lib/dpkg/arch"), "amd64\n");
    }

    /// What `plimsoll scan` says of it, in a file of the publisher's folder.
    pub fn scan(&self, upstream: &Upstream) -> String {
        let scan = crate::sandbox::plimsoll(&["scan", "--root", &text(self.folder.path()), "--format", "json"]);
        scan.finished();
        let file = upstream.at(&format!("scan-{}.json", digest(scan.out.as_bytes())));
        put(&file, &scan.out);
        text(&file)
    }

    /// Runs `apt-cache`.
    pub fn cache(&self, words: &[&str]) -> String {
        let mut command = Command::new("apt-cache");
        let output = run(command.env("APT_CONFIG", self.folder.path().join("apt.conf")).env("LC_ALL", "C").args(words));
        String::from_utf8(output.stdout).expect("text")
    }

    pub fn apt(&self, words: &[&str]) -> Output {
        let mut command = Command::new("apt-get");
        command.env("APT_CONFIG", self.folder.path().join("apt.conf")).env("LC_ALL", "C").env_remove("http_proxy").env_remove("HTTP_PROXY");
        command.args(["-q", "-y", "-o", "Debug::NoLocking=1"]).args(words);
        command.output().expect("apt-get")
    }

    /// What apt said, where it must have refused.
    pub fn refused(&self, words: &[&str]) -> String {
        let output = self.apt(words);
        let said = format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
        assert!(!output.status.success() || said.contains("W: ") || said.contains("E: "), "apt took it:\n{said}");
        said
    }

    pub fn must(&self, words: &[&str]) -> String {
        let output = self.apt(words);
        let said = format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
        assert!(output.status.success(), "{words:?}:\n{said}");
        said
    }

    /// Packages that apt downloaded and verified, by file name.
    pub fn archives(&self) -> Vec<String> {
        let folder = self.folder.path().join("var/cache/apt/archives");
        let mut names: Vec<String> = std::fs::read_dir(folder).expect("archives").filter_map(|entry| entry.expect("an entry").file_name().into_string().ok()).filter(|name| name.ends_with(".deb")).collect();
        names.sort();
        names
    }
}
