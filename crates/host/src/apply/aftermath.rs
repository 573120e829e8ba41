//! What still runs as it was before: processes that map files since replaced,
//! and the services to start again because of it.
//!
//! Nothing found in `/proc` is executed or loaded; names from there are data.

use super::Identity;
use crate::run;
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

/// Folders whose replaced files matter.
const FOLDERS: [&str; 6] = ["/usr/", "/lib", "/bin/", "/sbin/", "/opt/", "/libexec/"];

/// Units that are left alone: starting them again ends people's sessions, cuts
/// the host off, or ends who watches this.
///
/// Source: needrestart's defaults of what it does not restart by itself.
const LEFT_ALONE: [&str; 20] = [
    "NetworkManager",
    "dbus",
    "dbus-broker",
    "display-manager",
    "emergency",
    "gdm",
    "gdm3",
    "getty",
    "lightdm",
    "lxdm",
    "network-manager",
    "networking",
    "plimsoll-agent",
    "plimsoll-helper",
    "plimsoll-launcher",
    "sddm",
    "serial-getty",
    "systemd-logind",
    "user",
    "wpa_supplicant",
];

/// A process that maps files which are not there any more.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Stale {
    /// The process.
    pub process: Identity,
    /// Its program.
    pub program: String,
    /// Its systemd service; none where it belongs to none.
    pub unit: Option<String>,
}

impl Stale {
    /// `nginx (pid 812, nginx.service)`.
    pub fn shown(&self) -> String {
        let unit = self.unit.as_ref().map(|unit| format!(", {unit}")).unwrap_or_default();
        format!("{} (pid {}{unit})", self.program, self.process.pid)
    }
}

/// Every process that maps replaced files.
pub fn stale_processes() -> Vec<Stale> {
    let Ok(entries) = std::fs::read_dir("/proc") else { return Vec::new() };
    let pids = entries.flatten().filter_map(|entry| entry.file_name().to_str()?.parse::<i32>().ok());
    let mut stale: Vec<Stale> = pids.filter_map(look).collect();
    stale.sort_by_key(|stale| stale.process.pid);
    stale
}

fn look(pid: i32) -> Option<Stale> {
    let maps = std::fs::read(format!("/proc/{pid}/maps")).ok()?;
    if !maps_deleted(&String::from_utf8_lossy(&maps)) {
        return None;
    }
    let process = Identity::of(pid)?;
    let program = std::fs::read_to_string(format!("/proc/{pid}/comm")).unwrap_or_default().trim().to_owned();
    let cgroup = std::fs::read_to_string(format!("/proc/{pid}/cgroup")).unwrap_or_default();
    Some(Stale { process, program, unit: unit(&cgroup) })
}

/// Whether one of the mapped files is gone; proc(5): the path is the sixth
/// field and ends in ` (deleted)`.
fn maps_deleted(maps: &str) -> bool {
    maps.lines().any(|line| {
        let Some(start) = line.find('/') else { return false };
        let path = line.get(start..).unwrap_or_default();
        path.ends_with(" (deleted)") && FOLDERS.iter().any(|folder| path.starts_with(folder))
    })
}

/// The service that a process's control group belongs to, `nginx.service`.
fn unit(cgroup: &str) -> Option<String> {
    let part = cgroup.lines().flat_map(|line| line.rsplit(':').next().unwrap_or_default().split('/')).find(|part| part.ends_with(".service"))?;
    let plain = |character: char| character.is_ascii_alphanumeric() || ":-_.\\@".contains(character);
    (part.len() < 256 && !part.starts_with('-') && part.chars().all(plain)).then(|| part.to_owned())
}

fn left_alone(unit: &str) -> bool {
    let name = unit.trim_end_matches(".service");
    let name = name.split('@').next().unwrap_or(name);
    LEFT_ALONE.binary_search(&name).is_ok() || name.starts_with("plimsoll-attempt")
}

/// Starts the services of newly stale processes again, where systemd runs;
/// gives those that were started.
///
/// `known` are processes that were stale before anything was changed.
pub fn restart_affected(known: &[Identity]) -> Vec<String> {
    if !Path::new("/run/systemd/system").is_dir() {
        return Vec::new();
    }
    let Some(systemctl) = run::find("systemctl") else { return Vec::new() };
    let fresh = stale_processes().into_iter().filter(|stale| !known.contains(&stale.process));
    let units: BTreeSet<String> = fresh.filter_map(|stale| stale.unit).filter(|unit| !left_alone(unit)).collect();
    let mut restarted = BTreeMap::new();
    for unit in units {
        let ran = run::run(&systemctl, ["try-restart", "--", &unit], &[], run::TIMEOUT);
        restarted.insert(unit, ran.is_ok_and(|ran| ran.code == Some(0)));
    }
    restarted.into_iter().filter(|(_, well)| *well).map(|(unit, _)| unit).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_programs_and_libraries_that_are_gone_count() {
        let line = |path: &str| format!("7f00-7f01 r-xp 00000000 08:01 42 {path}\n");
        assert!(maps_deleted(&line("/usr/lib/x86_64-linux-gnu/libssl.so.3 (deleted)")));
        for quiet in ["/usr/lib/libssl.so.3", "/memfd:x (deleted)", "/dev/zero (deleted)", "/tmp/x (deleted)", "/var/cache/nscd/passwd (deleted)", "[heap]"] {
            assert!(!maps_deleted(&line(quiet)), "{quiet}");
        }
    }

    #[test]
    fn a_service_is_told_by_its_control_group_and_some_are_left_alone() {
        assert!(LEFT_ALONE.is_sorted());
        assert_eq!(unit("0::/system.slice/nginx.service\n").as_deref(), Some("nginx.service"));
        assert_eq!(unit("1:name=systemd:/system.slice/system-x.slice/a@1.service\n0::/\n").as_deref(), Some("a@1.service"));
        assert_eq!(unit("0::/user.slice/user-0.slice/session-1.scope\n"), None);
        assert_eq!(unit("0::/system.slice/-x;y.service\n"), None);
        assert!(["dbus.service", "user@1000.service", "getty@tty1.service", "plimsoll-attempt-ab.service"].iter().all(|unit| left_alone(unit)));
        assert!(!left_alone("nginx.service") && !left_alone("postgresql@15-main.service"));
    }
}
