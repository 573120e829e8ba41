//! Kernels: which is running, which are installed, which starts next.

use crate::root::Root;
use plimsoll_core::model::component::{Component, ComponentKind, KernelRole};
use plimsoll_core::model::host::{InstalledKernel, Kernels};
use plimsoll_version::{Scheme, compare};
use std::cmp::Ordering;

/// Packages that own a kernel image, before its release.
const IMAGES: [&str; 2] = ["linux-image-unsigned-", "linux-image-"];

/// rpm packages that own a kernel image; `kernel` itself is a meta package
/// from RHEL 8 on and the image itself before.
const RPM_IMAGES: [&str; 8] = [
    "kernel",
    "kernel-core",
    "kernel-default",
    "kernel-rt",
    "kernel-rt-core",
    "kernel-uek",
    "kernel-uek-core",
    "kernel-64k-core",
];

/// Reads the kernels of a root. `live` reads the running one and gives each
/// kernel component its part in booting.
pub fn read(root: &Root, live: bool, components: &mut [Component]) -> Kernels {
    let running = live.then(|| rustix::system::uname().release().to_string_lossy().into_owned());
    let mut installed: Vec<InstalledKernel> = components
        .iter()
        .filter_map(|component| {
            Some(InstalledKernel {
                release: release_of(root, component)?,
                package: component.name.clone(),
                version: component.version.clone(),
            })
        })
        .collect();
    installed.sort_by(|left, right| (&left.release, &left.package).cmp(&(&right.release, &right.package)));
    installed.dedup();
    let container = live && in_container(root);
    let own = !installed.is_empty() && !container;
    let next = own.then(|| next(root, running.as_deref(), &installed)).flatten();
    let kernels = Kernels { running, own, installed, next };
    if live && own {
        give_roles(root, &kernels, components);
    }
    kernels
}

/// The release of the kernel that a package owns; none for anything else.
fn release_of(root: &Root, component: &Component) -> Option<String> {
    if component.kind != ComponentKind::Kernel && !RPM_IMAGES.contains(&component.name.as_str()) {
        return None;
    }
    if let Some(release) = IMAGES.iter().find_map(|prefix| component.name.strip_prefix(prefix)) {
        return release.starts_with(|first: char| first.is_ascii_digit()).then(|| release.to_owned());
    }
    let arch = component.arch.as_deref().unwrap_or("");
    let version = component.version.split_once(':').map_or(component.version.as_str(), |(_, rest)| rest);
    if RPM_IMAGES.contains(&component.name.as_str()) {
        let flavour = match component.name.as_str() {
            "kernel-rt" | "kernel-rt-core" => "+rt",
            "kernel-64k-core" => "+64k",
            "kernel-default" => "-default",
            _ => "",
        };
        let release = if flavour == "-default" { format!("{version}-default") } else { format!("{version}.{arch}{flavour}") };
        // The meta package `kernel` owns no modules and must not count twice.
        let meta = component.name == "kernel" && !root.exists(&format!("lib/modules/{release}"));
        return (!meta).then_some(release);
    }
    // Arch and Alpine name the release only in the modules folder.
    None
}

/// Whether the root is a container's, whose kernel is its host's.
fn in_container(root: &Root) -> bool {
    let marks = ["run/.containerenv", ".dockerenv", "run/systemd/container", "run/host/container-manager"];
    marks.iter().any(|mark| root.exists(mark))
        || root
            .read("proc/1/environ", 1 << 20)
            .ok()
            .flatten()
            .is_some_and(|bytes| bytes.split(|byte| *byte == 0).any(|entry| entry.starts_with(b"container=")))
}

/// What follows the version in a release, `amd64` of `6.1.0-50-amd64`,
/// `cloud-amd64`, `generic`; empty where releases carry none.
fn flavour(release: &str) -> &str {
    let is_version = |part: &str| part.starts_with(|first: char| first.is_ascii_digit());
    let mut rest = release;
    while let Some((part, after)) = rest.split_once('-') {
        if !is_version(part) {
            break;
        }
        rest = after;
    }
    if is_version(rest) { "" } else { rest }
}

/// The release that would start next: what the boot loader's link says, else
/// the newest of the running kernel's flavour.
///
/// The newest of *any* flavour would be wrong where a cloud or realtime kernel
/// lies beside the ordinary one.
fn next(root: &Root, running: Option<&str>, installed: &[InstalledKernel]) -> Option<String> {
    for link in ["vmlinuz", "boot/vmlinuz"] {
        if let Some(target) = root.link(link)
            && let Some(release) = target.rsplit('/').next().and_then(|name| name.strip_prefix("vmlinuz-"))
            && installed.iter().any(|kernel| kernel.release == release)
        {
            return Some(release.to_owned());
        }
    }
    let scheme = if installed.iter().any(|kernel| kernel.package.starts_with("linux-image")) { Scheme::Debian } else { Scheme::Rpm };
    let wanted = running.map(flavour);
    installed
        .iter()
        .filter(|kernel| wanted.is_none_or(|wanted| flavour(&kernel.release) == wanted))
        .map(|kernel| &kernel.release)
        .max_by(|left, right| compare(scheme, left, right).unwrap_or(Ordering::Equal))
        .cloned()
}

fn give_roles(root: &Root, kernels: &Kernels, components: &mut [Component]) {
    for component in components {
        let Some(release) = release_of(root, component) else { continue };
        component.kernel = Some(if kernels.running.as_deref() == Some(release.as_str()) {
            KernelRole::Running
        } else if kernels.next.as_deref() == Some(release.as_str()) {
            KernelRole::NextBoot
        } else {
            KernelRole::Idle
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn image(name: &str, version: &str) -> Component {
        Component { name: name.into(), version: version.into(), kind: ComponentKind::Kernel, ..Component::default() }
    }

    #[test]
    fn the_next_kernel_is_of_the_running_flavour_unless_the_link_says_otherwise() {
        let folder = tempfile::tempdir().unwrap();
        let root = Root::open(folder.path()).unwrap();
        let mut components = [
            image("linux-image-6.1.0-9-amd64", "6.1.27-1"),
            image("linux-image-6.1.0-50-amd64", "6.1.176-1"),
            image("linux-image-6.12.1-cloud-amd64", "6.12.1-1"),
            image("linux-image-amd64", "6.1.176-1"),
        ];
        let kernels = read(&root, false, &mut components);
        assert_eq!((kernels.running.clone(), kernels.installed.len()), (None, 3));
        assert_eq!(next(&root, Some("6.1.0-9-amd64"), &kernels.installed).as_deref(), Some("6.1.0-50-amd64"));
        std::os::unix::fs::symlink("boot/vmlinuz-6.1.0-9-amd64", folder.path().join("vmlinuz")).unwrap();
        assert_eq!(next(&root, Some("6.1.0-50-amd64"), &kernels.installed).as_deref(), Some("6.1.0-9-amd64"));
        give_roles(
            &root,
            &Kernels { running: Some("6.1.0-50-amd64".into()), next: Some("6.1.0-9-amd64".into()), ..kernels },
            &mut components,
        );
        let roles: Vec<_> = components.iter().map(|component| component.kernel).collect();
        assert_eq!(
            roles,
            [Some(KernelRole::NextBoot), Some(KernelRole::Running), Some(KernelRole::Idle), None]
        );
    }

    #[test]
    fn flavours() {
        let cases = [
            ("6.1.0-50-amd64", "amd64"),
            ("6.1.0-50-cloud-amd64", "cloud-amd64"),
            ("5.15.0-105-generic", "generic"),
            ("5.14.0-427.13.1.el9_4.x86_64", ""),
            ("6.4.0-150600.23.7-default", "default"),
        ];
        for (release, wanted) in cases {
            assert_eq!(flavour(release), wanted, "{release}");
        }
    }
}
