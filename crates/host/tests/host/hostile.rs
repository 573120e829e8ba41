//! Roots that lie, bite or never end.

use super::data;
use plimsoll_host::{Inventory, Options, Silent, read};
use std::os::unix::fs::symlink;
use std::path::Path;

fn inventory(root: &Path) -> Inventory {
    read(&Options { root: Some(root), languages: true, progress: &Silent }).unwrap()
}

fn codes(inventory: &Inventory) -> Vec<&str> {
    let mut codes: Vec<&str> = inventory.problems.iter().map(|problem| problem.code.as_str()).collect();
    codes.sort_unstable();
    codes.dedup();
    codes
}

fn make(files: &[(&str, &str)]) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    for (path, text) in files {
        let path = folder.path().join(path);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    }
    folder
}

const OS: (&str, &str) = ("usr/lib/os-release", "ID=debian\nVERSION_ID=12\n");

#[test]
fn links_out_of_the_root_reach_nothing() {
    let folder = make(&[
        ("outside/status", "Package: stolen\nStatus: install ok installed\nArchitecture: amd64\nVersion: 1\n"),
        ("outside/os-release", "ID=stolen\n"),
        ("outside/python/stolen-1.dist-info/METADATA", "Metadata-Version: 2.1\nName: stolen\nVersion: 1\n"),
        ("root/usr/lib/os-release", OS.1),
        ("root/var/lib/dpkg/x", ""),
        ("root/etc/x", ""),
    ]);
    let root = folder.path().join("root");
    symlink("../../../../outside/status", root.join("var/lib/dpkg/status")).unwrap();
    symlink("../../outside/os-release", root.join("etc/os-release")).unwrap();
    symlink(folder.path().join("outside/os-release"), root.join("etc/hostname")).unwrap();
    symlink("../outside/python", root.join("opt")).unwrap();
    let inventory = inventory(&root);
    assert!(!format!("{inventory:?}").contains("stolen"));
    assert_eq!(inventory.host.os.as_ref().map(|os| os.id.as_str()), Some("debian"));
    assert_eq!(inventory.components, []);
    assert_eq!(codes(&inventory), ["W-PACKAGES"]);
}

#[test]
fn fifos_and_endless_files_are_refused_by_name() {
    let folder = make(&[OS, ("var/lib/dpkg/x", ""), ("etc/apt/x", "")]);
    let fifo = folder.path().join("var/lib/dpkg/status");
    assert!(std::process::Command::new("mkfifo").arg(&fifo).status().unwrap().success());
    let sparse = std::fs::File::create(folder.path().join("etc/apt/sources.list")).unwrap();
    sparse.set_len(1 << 30).unwrap();
    let first = inventory(folder.path());
    assert_eq!(codes(&first), ["E-FILE"]);
    std::fs::remove_file(&fifo).unwrap();
    std::fs::File::create(&fifo).unwrap().set_len(1 << 30).unwrap();
    let second = inventory(folder.path());
    assert_eq!(codes(&second), ["E-LIMIT"]);
    assert!(second.problems[0].text.contains("1073741824"), "{:?}", second.problems);
}

#[test]
fn nothing_of_a_root_is_run_not_even_by_the_real_apt() {
    let Some(data) = data::folder() else { return };
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path().join("root");
    data::copy(&data.join("hosts/deb12-web"), &root);
    let canary = folder.path().join("canary");
    let hook = format!("touch {}", canary.display());
    let settings = format!(
        "DPkg::Pre-Invoke {{\"{hook}\";}};\nAPT::Update::Pre-Invoke {{\"{hook}\";}};\nDPkg::Pre-Install-Pkgs {{\"{hook}\";}};\n\
         Dir::Bin::methods \"{0}\";\nDir::Bin::dpkg \"{0}/run\";\nAPT::Default-Release \"sid\";\n",
        root.display()
    );
    std::fs::create_dir_all(root.join("etc/apt/apt.conf.d")).unwrap();
    std::fs::write(root.join("etc/apt/apt.conf"), &settings).unwrap();
    std::fs::write(root.join("etc/apt/apt.conf.d/99hook"), &settings).unwrap();
    for name in ["run", "http", "usr/bin/dpkg", "usr/bin/apt-get"] {
        let path = root.join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(&path, format!("#!/bin/sh\n{hook}\n")).unwrap();
        std::fs::set_permissions(&path, std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
    }
    let plain = inventory(&root);
    assert_eq!(plain.updates.as_ref().map(Vec::len), Some(52));
    assert_eq!(codes(&plain), ["W-APT-CONF"]);
    // A phased update makes the native plan ask the real apt.
    let lists = root.join("var/lib/apt/lists/debian.example_debian-security_dists_bookworm-security_main_binary-amd64_Packages");
    let text = std::fs::read_to_string(&lists).unwrap();
    std::fs::write(&lists, text.replace("Package: tzdata\n", "Package: tzdata\nPhased-Update-Percentage: 100\n").replace("Package: rsync\n", "Package: rsync\nPhased-Update-Percentage: 99\n")).unwrap();
    let phased = inventory(&root);
    if plimsoll_host::apt::simulate::available() {
        assert!(phased.package_manager_cpu.is_some());
        assert_eq!(phased.updates.as_ref().map(|updates| updates.len() + phased.held_updates.len()), Some(52));
    }
    assert!(!canary.exists(), "something of the root was run");
}

#[test]
fn a_broken_host_says_why() {
    let Some(data) = data::folder() else { return };
    let inventory = inventory(&data.join("hosts/deb12-drifted"));
    let problem = inventory.problems.iter().find(|problem| problem.code == "W-PLAN").unwrap();
    assert!(problem.text.starts_with("dist-upgrade refuses, because installed packages lack dependencies ("), "{}", problem.text);
    assert!(inventory.updates.unwrap().iter().all(|update| update.held_by.is_none()));
}

#[test]
fn damaged_files_limit_the_answer_and_do_not_end_it() {
    let Some(data) = data::folder() else { return };
    let folder = tempfile::tempdir().unwrap();
    data::copy(&data.join("hosts/deb12-web"), folder.path());
    let lists = folder.path().join("var/lib/apt/lists");
    std::fs::write(lists.join("debian.example_debian_dists_bookworm_main_binary-amd64_Packages"), [0xff; 4096]).unwrap();
    std::fs::write(lists.join("debian.example_debian_dists_bookworm_InRelease"), "garbage").unwrap();
    std::fs::write(folder.path().join("etc/apt/preferences"), "Package: *\nPin: nonsense\n").unwrap();
    let inventory = inventory(folder.path());
    assert_eq!(inventory.components.len(), 254);
    assert!(inventory.updates.is_some_and(|updates| !updates.is_empty()));
    assert!(inventory.problems.len() >= 2, "{:#?}", inventory.problems);
}
