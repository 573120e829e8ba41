//! Who holds a package manager's lock.

use plimsoll_core::model::deployment_package::Tool;
use rustix::process::{Flock, FlockType, fcntl_getlk};
use std::fs::OpenOptions;
use std::path::Path;

/// Lock files that dpkg, apt and what drives them take; `daily_lock` is
/// `apt.systemd.daily`'s, under which unattended-upgrades runs.
const APT: [&str; 4] = ["/var/lib/dpkg/lock-frontend", "/var/lib/dpkg/lock", "/var/lib/apt/daily_lock", "/var/cache/apt/archives/lock"];
/// Lock files of rpm.
const RPM: [&str; 3] = ["/var/lib/rpm/.rpm.lock", "/usr/lib/sysimage/rpm/.rpm.lock", "/run/rpm.lock"];
/// Files into which dnf and yum write their process number.
const NUMBERS: [&str; 4] = ["/var/lib/dnf/rpmdb_lock.pid", "/var/cache/dnf/metadata_lock.pid", "/run/yum.pid", "/var/run/yum.pid"];

/// Somebody who holds a lock.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Holder {
    /// The lock file.
    pub lock: String,
    /// The process; 0 where it is in another namespace.
    pub pid: i32,
    /// Its program.
    pub program: String,
}

impl Holder {
    /// `dpkg lock held by pid 812 (unattended-upgr)`.
    pub fn shown(&self) -> String {
        format!("{} is held by pid {} ({})", self.lock, self.pid, self.program)
    }
}

/// Finds out who holds a lock; takes none and removes none.
pub fn holder(tool: Tool) -> Option<Holder> {
    let locks: &[&str] = match tool {
        Tool::Apt => &APT,
        Tool::Dnf => &RPM,
    };
    let held = locks.iter().find_map(|lock| locked(Path::new(lock)));
    held.or_else(|| if tool == Tool::Dnf { NUMBERS.iter().find_map(|file| numbered(file)) } else { None })
}

fn locked(path: &Path) -> Option<Holder> {
    let file = OpenOptions::new().read(true).write(true).open(path).ok()?;
    let found = fcntl_getlk(&file, &Flock::from(FlockType::WriteLock)).ok()??;
    let pid = found.pid.map_or(0, |pid| pid.as_raw_nonzero().get());
    Some(Holder { lock: path.to_string_lossy().into_owned(), pid, program: program(pid) })
}

fn numbered(file: &str) -> Option<Holder> {
    let pid: i32 = std::fs::read_to_string(file).ok()?.trim().parse().ok()?;
    super::Identity::of(pid)?;
    Some(Holder { lock: file.to_owned(), pid, program: program(pid) })
}

fn program(pid: i32) -> String {
    let name = std::fs::read_to_string(format!("/proc/{pid}/comm")).unwrap_or_default();
    if name.trim().is_empty() { "unknown".to_owned() } else { name.trim().to_owned() }
}
