//! The root that every host of the lab starts from: the distribution's base
//! release as it was first published, with the repositories of its updates
//! named, so that what is pending is truly pending.
//!
//! It is made once a machine and release, and kept.

use super::tools::{is_there, run, said};
use super::{Stopped, failed};
use crate::printer::Failure;
use plimsoll_core::model::problem::Problem;
use plimsoll_formats::packages::apt::sources;
use std::path::{Path, PathBuf};
use std::process::Command;

/// Rises when what is in the root changes, so that an older one is made anew.
const RECIPE: u32 = 1;
/// What a host of the lab has beyond the smallest system, each with security
/// updates in most releases: a library that many programs map, its tool, and
/// something that a person would miss.
const PACKAGES: &str = "ca-certificates,openssl,curl,libssl3,perl-base,tzdata,iproute2";

/// Where a distribution's packages come from.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Mirrors {
    /// Code name, `bookworm`.
    pub codename: String,
    /// Address of the base release and its updates.
    pub main: String,
    /// Address of its security updates.
    pub security: String,
}

impl Mirrors {
    /// Takes the addresses that this machine's own apt uses for a release, or
    /// Debian's public ones.
    pub fn of_this_machine(codename: &str) -> Self {
        let mut found = Self {
            codename: codename.to_owned(),
            main: "http://deb.debian.org/debian/".to_owned(),
            security: "http://deb.debian.org/debian-security/".to_owned(),
        };
        let list = std::fs::read_dir("/etc/apt/sources.list.d").into_iter().flatten().flatten().map(|entry| entry.path());
        for path in list.chain([PathBuf::from("/etc/apt/sources.list")]) {
            let Ok(text) = std::fs::read_to_string(&path) else { continue };
            let place = path.display().to_string();
            let read = if place.ends_with(".sources") { sources::parse_deb822 } else { sources::parse_list };
            let entries = read(&place, text.as_bytes()).map(|sources| sources.entries).unwrap_or_default();
            for entry in entries.into_iter().filter(|entry| entry.enabled && entry.uri.starts_with("http")) {
                if entry.suite == codename {
                    found.main = entry.uri;
                } else if entry.suite == format!("{codename}-security") {
                    found.security = entry.uri;
                }
            }
        }
        found
    }
}

/// A root that is ready.
#[derive(Clone, Debug)]
pub struct Base {
    /// Its folder.
    pub root: PathBuf,
    /// Where its packages come from.
    pub mirrors: Mirrors,
    /// Proxy through which they come.
    pub proxy: Option<String>,
}

impl Base {
    /// Makes the root, or takes the one that was made before.
    ///
    /// # Errors
    ///
    /// Where a tool is missing or the mirror cannot be reached; what was begun
    /// is made anew the next time.
    pub fn prepare(cache: &Path, mirrors: Mirrors, say: &dyn Fn(&str), stopped: &Stopped) -> Result<Self, Failure> {
        let root = cache.join(format!("{}-{RECIPE}", mirrors.codename));
        let ready = cache.join(format!("{}-{RECIPE}.ready", mirrors.codename));
        let base = Self { root, mirrors, proxy: proxy() };
        if !ready.exists() {
            say(&format!("making the base root of {} (once on this machine, about a minute)", base.mirrors.codename));
            base.make(cache)?;
            std::fs::write(&ready, []).map_err(|error| failed(&ready, &error))?;
        }
        stopped.check()?;
        say("asking the repositories what is pending");
        base.refresh()?;
        Ok(base)
    }

    fn make(&self, cache: &Path) -> Result<(), Failure> {
        std::fs::create_dir_all(cache).map_err(|error| failed(cache, &error))?;
        if self.root.exists() {
            std::fs::remove_dir_all(&self.root).map_err(|error| failed(&self.root, &error))?;
        }
        Self::debootstrap(&self.root, &self.mirrors, PACKAGES)?;
        let Mirrors { codename, main, .. } = &self.mirrors;
        let list = format!(
            "deb {main} {codename} main\ndeb {main} {codename}-updates main\ndeb {} {codename}-security main\n",
            self.mirrors.security
        );
        self.write("etc/apt/sources.list", &list)?;
        self.write("etc/apt/apt.conf.d/90lab", "Acquire::Languages \"none\";\nAPT::Install-Recommends \"false\";\n")?;
        // There is no init system whose services could be started.
        self.write("usr/sbin/policy-rc.d", "#!/bin/sh\nexit 101\n")?;
        run(Command::new("chmod").arg("755").arg(self.root.join("usr/sbin/policy-rc.d")))
    }

    /// Unpacks the smallest system with these packages.
    ///
    /// # Errors
    ///
    /// What `mmdebstrap` says.
    pub fn debootstrap(root: &Path, mirrors: &Mirrors, packages: &str) -> Result<(), Failure> {
        let Mirrors { codename, main, .. } = mirrors;
        run(Command::new("mmdebstrap")
            .args(["--quiet", "--variant=minbase", "--aptopt=Acquire::Languages \"none\"", &format!("--include={packages}"), codename])
            .arg(root)
            .arg(format!("deb {main} {codename} main")))
    }

    /// Asks the repositories in a view of the root that is thrown away but for
    /// apt's own lists.
    fn refresh(&self) -> Result<(), Failure> {
        if let Ok(resolver) = std::fs::read("/etc/resolv.conf") {
            let path = self.root.join("etc/resolv.conf");
            let _ = std::fs::remove_file(&path);
            std::fs::write(&path, resolver).map_err(|error| failed(&path, &error))?;
        }
        let mut update = Command::new("chroot");
        update.arg(&self.root).args(["apt-get", "-q", "update"]);
        if let Some(address) = &self.proxy {
            update.arg("-o").arg(format!("Acquire::http::Proxy={address}"));
        }
        run(&mut update)
    }

    fn write(&self, path: &str, text: &str) -> Result<(), Failure> {
        let path = self.root.join(path);
        std::fs::write(&path, text).map_err(|error| failed(&path, &error))
    }

    /// The repositories as `plimsoll acquire` takes them; each is believed by
    /// the distribution's own keyring.
    pub fn repositories(&self, release: &str) -> String {
        let Mirrors { codename, main, security } = &self.mirrors;
        let keyring = self.root.join("usr/share/keyrings/debian-archive-keyring.gpg");
        let suites = [(main, codename.clone()), (main, format!("{codename}-updates")), (security, format!("{codename}-security"))];
        let one = |(url, suite): (&String, String)| {
            format!(
                "[[apt]]\nstream = \"debian:{release}\"\nurl = \"{}\"\nsuite = \"{suite}\"\ncomponents = [\"main\"]\narchitectures = [\"amd64\"]\nkeyring = \"{}\"\n\n",
                url.trim_end_matches('/'),
                keyring.display()
            )
        };
        suites.into_iter().map(one).collect()
    }

    /// Packages with a newer version in the security repository, `name → newest`,
    /// as the base's own apt sees them.
    pub fn pending_security(&self) -> Result<Vec<(String, String)>, Failure> {
        let plan = said(Command::new("chroot").arg(&self.root).args(["apt-get", "-s", "-qq", "dist-upgrade"]))?;
        let line = |line: &str| {
            let rest = line.strip_prefix("Inst ")?;
            let name = rest.split(' ').next()?;
            let offered = rest.split_once('(')?.1;
            let version = offered.split(' ').next()?;
            offered.contains("-security").then(|| (name.to_owned(), version.to_owned()))
        };
        Ok(plan.lines().filter_map(line).collect())
    }
}

/// The proxy that this machine's apt goes through.
fn proxy() -> Option<String> {
    let told = said(Command::new("apt-config").args(["shell", "PROXY", "Acquire::http::Proxy"])).unwrap_or_default();
    told.trim().strip_prefix("PROXY='").and_then(|rest| rest.strip_suffix('\'')).map(str::to_owned)
}

/// The tools that a lab needs, with the Debian packages that hold them.
pub fn check_tools() -> Result<(), Failure> {
    if !rustix::process::geteuid().is_root() {
        let problem = Problem::new("E-ROOT", "plimsoll lab", "makes hosts in namespaces, which only root may", "run it as root, on a machine for trying things out");
        return Err(Failure::input(problem));
    }
    let needed = [("mmdebstrap", "mmdebstrap"), ("ip", "iproute2"), ("unshare", "util-linux"), ("nsenter", "util-linux"), ("mount", "mount"), ("chroot", "coreutils")];
    let missing: Vec<&str> = needed.iter().filter(|(tool, _)| !is_there(tool)).map(|(_, package)| *package).collect();
    if missing.is_empty() {
        return Ok(());
    }
    Err(Failure::input(Problem::new(
        "E-TOOL",
        "plimsoll lab",
        format!("needs tools that are not installed: {}", missing.join(", ")),
        format!("apt-get install --no-install-recommends {}", missing.join(" ")),
    )))
}
