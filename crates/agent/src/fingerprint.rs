//! A **fingerprint** of what an inventory would read: names, sizes, times and
//! inodes of package databases, indexes, settings, kernels and reboot marks.
//!
//! It costs a hundred calls of `stat` and opens nothing but two folders of
//! `/sys`, so an unchanged host takes no noticeable processor time. What it
//! cannot see (language components, firmware on offer, phased updates) is why
//! a full inventory is made now and then all the same.

use plimsoll_formats::protocol::encode_hex;
use sha2::{Digest, Sha256};
use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

/// Files whose change means something.
const FILES: [&str; 39] = [
    "etc/os-release",
    "usr/lib/os-release",
    "etc/hostname",
    // dpkg and apt
    "var/lib/dpkg/status",
    "var/lib/dpkg/arch",
    "var/lib/apt/extended_states",
    "etc/apt/sources.list",
    "etc/apt/preferences",
    "etc/apt/apt.conf",
    "var/lib/ubuntu-advantage/private/machine-token.json",
    "var/lib/ubuntu-advantage/status.json",
    // rpm, dnf, yum, zypper
    "var/lib/rpm/rpmdb.sqlite",
    "var/lib/rpm/rpmdb.sqlite-wal",
    "var/lib/rpm/Packages",
    "var/lib/rpm/Packages.db",
    "usr/lib/sysimage/rpm/rpmdb.sqlite",
    "usr/lib/sysimage/rpm/rpmdb.sqlite-wal",
    "usr/lib/sysimage/rpm/Packages",
    "usr/lib/sysimage/rpm/Packages.db",
    "usr/share/rpm/rpmdb.sqlite",
    "usr/share/rpm/Packages",
    "usr/share/rpm/Packages.db",
    "etc/dnf/dnf.conf",
    "etc/yum.conf",
    "etc/dnf/plugins/versionlock.list",
    "etc/dnf/versionlock.toml",
    "etc/zypp/locks",
    // apk
    "lib/apk/db/installed",
    "usr/lib/apk/db/installed",
    "etc/apk/repositories",
    "etc/apk/world",
    // pacman
    "etc/pacman.conf",
    // reboot and kernel
    "run/reboot-required",
    "run/reboot-required.pkgs",
    "run/reboot-needed",
    "vmlinuz",
    "boot/vmlinuz",
    "boot/grub/grub.cfg",
    "boot/grub2/grub.cfg",
];

/// Folders whose entries' change means something.
const FOLDERS: [&str; 20] = [
    "var/lib/dpkg/status.d",
    "var/lib/apt/lists",
    "etc/apt/sources.list.d",
    "etc/apt/preferences.d",
    "etc/apt/apt.conf.d",
    "etc/yum.repos.d",
    "etc/distro.repos.d",
    "etc/zypp/repos.d",
    "etc/dnf/vars",
    "etc/yum/vars",
    "etc/dnf/modules.d",
    "var/cache/dnf",
    "var/cache/libdnf5",
    "var/cache/zypp/raw",
    "var/cache/apk",
    "var/lib/pacman/local",
    "var/lib/pacman/sync",
    "boot",
    "lib/modules",
    "usr/lib/modules",
];

/// Folders of the kernel's where only the names count.
const NAMES: [&str; 2] = ["sys/block", "sys/class/net"];

/// Most entries looked at in one folder: `var/lib/pacman/local` has one a
/// package. Beyond it the folder's own time has to do.
const ENTRIES: usize = 20_000;

/// Takes the fingerprint of the host below `root`.
pub(crate) fn take(root: &Path, running_kernel: &str, boot_id: &str) -> String {
    let mut hash = Sha256::new();
    hash.update(format!("plimsoll-fingerprint/1\n{running_kernel}\n{boot_id}\n"));
    for path in FILES {
        hash.update(mark(&root.join(path), path));
    }
    for folder in FOLDERS {
        let path = root.join(folder);
        hash.update(mark(&path, folder));
        for name in entries(&path) {
            hash.update(mark(&path.join(&name), &name));
        }
    }
    for folder in NAMES {
        for name in entries(&root.join(folder)) {
            hash.update(format!("{folder}/{name}\n"));
        }
    }
    encode_hex(&hash.finalize())
}

/// Names in a folder, sorted; none where it cannot be read.
fn entries(folder: &Path) -> Vec<String> {
    let Ok(entries) = fs::read_dir(folder) else { return Vec::new() };
    let mut names: Vec<String> =
        entries.flatten().take(ENTRIES).map(|entry| entry.file_name().to_string_lossy().into_owned()).collect();
    names.sort();
    names
}

fn mark(path: &Path, name: &str) -> String {
    match fs::metadata(path) {
        Ok(metadata) => {
            let (seconds, nanoseconds) = (metadata.mtime(), metadata.mtime_nsec());
            format!("{name}\n{}\n{}\n{seconds}\n{nanoseconds}\n", metadata.ino(), metadata.size())
        }
        Err(_) => format!("{name}\n-\n"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_change_of_any_watched_file_shows_and_nothing_else_does() {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path();
        let write = |path: &str, text: &str| {
            let path = root.join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        };
        let now = || take(root, "6.1", "b");
        let mut last = now();
        let mut changed = |what: &str| {
            let fresh = now();
            assert_ne!(fresh, last, "{what}");
            assert_eq!(fresh, now());
            last = fresh;
        };
        write("var/lib/dpkg/status", "Package: a\n");
        changed("a package database appears");
        write("var/lib/dpkg/status", "Package: a\nPackage: b\n");
        changed("it grows");
        write("var/lib/apt/lists/deb.debian.org_InRelease", "x");
        changed("an index appears");
        write("run/reboot-required", "");
        changed("a reboot is asked for");
        write("etc/apt/sources.list.d/new.sources", "");
        changed("a repository appears");
        fs::create_dir_all(root.join("sys/block/sdb")).unwrap();
        changed("a disk appears");
        // Same size, other inode: an atomic replacement within one tick.
        write("var/lib/dpkg/status-new", "Package: a\nPackage: c\n");
        fs::rename(root.join("var/lib/dpkg/status-new"), root.join("var/lib/dpkg/status")).unwrap();
        changed("the database is replaced");
        write("var/log/messages", "x");
        assert_eq!(now(), last);
        assert_ne!(take(root, "6.2", "b"), last);
        assert_ne!(take(root, "6.1", "c"), last);
    }
}
