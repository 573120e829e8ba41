//! Whether a reboot is pending, and which updates will need one.

use crate::root::Root;
use jiff::Timestamp;
use plimsoll_core::model::host::{Kernels, RebootPending};

/// Packages whose update takes effect only with a reboot.
///
/// Sources: dnf-plugins-core `needs-restarting -r` (kernel, kernel-rt,
/// kernel-core, glibc, linux-firmware, systemd, udev, dbus, dbus-broker,
/// dbus-daemon, openssl-libs, gnutls, microcode_ctl); Debian and Ubuntu's
/// `/run/reboot-required` writers (linux-image-*, dbus, libc6,
/// unattended-upgrades' kernel hook, intel-microcode, amd64-microcode);
/// zypper's `reboot-needed` provides (kernel-default, kernel-firmware, glibc,
/// systemd, udev, dbus-1, openssl). Debian does not ask for a reboot for
/// OpenSSL or GnuTLS, whose users needrestart restarts, so their Debian names
/// are not here.
const REBOOT_PACKAGES: [&str; 25] = [
    "amd64-microcode",
    "dbus",
    "dbus-1",
    "dbus-broker",
    "dbus-daemon",
    "glibc",
    "gnutls",
    "intel-microcode",
    "kernel",
    "kernel-core",
    "kernel-default",
    "kernel-firmware",
    "kernel-rt",
    "kernel-rt-core",
    "libc6",
    "linux",
    "linux-firmware",
    "linux-lts",
    "microcode_ctl",
    "musl",
    "openssl-libs",
    "systemd",
    "systemd-sysv",
    "ucode-intel",
    "udev",
];

/// Prefixes of kernel packages that carry a version or flavour in their name.
const REBOOT_PREFIXES: [&str; 4] = ["linux-image-", "firmware-linux", "kernel-modules", "kernel-uek"];

/// Whether an update of this package takes effect only with a reboot.
pub fn needs_reboot(package: &str) -> bool {
    REBOOT_PACKAGES.binary_search(&package).is_ok() || REBOOT_PREFIXES.iter().any(|prefix| package.starts_with(prefix))
}

/// Says whether a reboot is pending on a live host.
///
/// The flag file is written by some packages' hooks only (a Debian host
/// without unattended-upgrades gets none for a new kernel), so the kernels are
/// compared as well.
pub fn pending(root: &Root, kernels: Option<&Kernels>) -> RebootPending {
    let mut because = Vec::new();
    let flagged = ["run/reboot-required", "var/run/reboot-required", "run/reboot-needed"].iter().find(|path| root.exists(path));
    if let Some(path) = flagged {
        let packages = root
            .read("run/reboot-required.pkgs", 1 << 20)
            .ok()
            .flatten()
            .map(|bytes| String::from_utf8_lossy(&bytes).into_owned())
            .unwrap_or_default();
        let mut names: Vec<&str> = packages.lines().map(str::trim).filter(|name| !name.is_empty()).collect();
        names.sort_unstable();
        names.dedup();
        because.push(match names.as_slice() {
            [] => format!("/{path} is there"),
            names => format!("/{path} is there, asked for by {}", names.join(", ")),
        });
    }
    let mut known = flagged.is_some();
    if let Some(kernels) = kernels.filter(|kernels| kernels.own) {
        known = true;
        if let (Some(running), Some(next)) = (&kernels.running, &kernels.next)
            && running != next
        {
            because.push(format!("kernel {running} runs and {next} would start next"));
        }
    }
    RebootPending { pending: (known || !because.is_empty()).then_some(!because.is_empty()), because, booted: booted(root) }
}

/// When the kernel was started, from `btime` of `/proc/stat`.
fn booted(root: &Root) -> Option<Timestamp> {
    let bytes = root.head("proc/stat", 1 << 20).ok()??;
    let text = String::from_utf8_lossy(&bytes);
    let seconds = text.lines().find_map(|line| line.strip_prefix("btime "))?.trim().parse().ok()?;
    Timestamp::from_second(seconds).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_list_is_sorted_and_names_what_needs_a_reboot() {
        assert!(REBOOT_PACKAGES.is_sorted());
        let yes = ["linux-image-6.1.0-56-amd64", "linux-image-amd64", "libc6", "systemd", "kernel-core", "intel-microcode"];
        let no = ["openssl", "libssl3", "nginx", "linux-libc-dev", "libsystemd0", "systemd-timesyncd"];
        assert!(yes.iter().all(|name| needs_reboot(name)));
        assert!(!no.iter().any(|name| needs_reboot(name)));
    }

    #[test]
    fn a_flag_and_a_newer_kernel_are_both_named() {
        let folder = tempfile::tempdir().unwrap();
        let root = Root::open(folder.path()).unwrap();
        assert_eq!(pending(&root, None).pending, None);
        std::fs::create_dir_all(folder.path().join("run")).unwrap();
        std::fs::write(folder.path().join("run/reboot-required"), "").unwrap();
        std::fs::write(folder.path().join("run/reboot-required.pkgs"), "dbus\nlinux-image-x\ndbus\n").unwrap();
        let kernels = Kernels {
            running: Some("6.1.0-50-amd64".into()),
            own: true,
            installed: Vec::new(),
            next: Some("6.1.0-56-amd64".into()),
        };
        let pending = pending(&root, Some(&kernels));
        assert_eq!(pending.pending, Some(true));
        assert_eq!(
            pending.because,
            [
                "/run/reboot-required is there, asked for by dbus, linux-image-x",
                "kernel 6.1.0-50-amd64 runs and 6.1.0-56-amd64 would start next",
            ]
        );
    }
}
