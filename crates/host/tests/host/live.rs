//! This very machine, and rpm and pacman systems.

use super::data;
use super::plans::{apt_lines, lines, plan};
use plimsoll_core::model::host::Target;
use plimsoll_host::apt::simulate;
use plimsoll_host::{Options, Silent, read, read_project};
use std::path::Path;
use std::process::Command;

#[test]
fn this_machine_is_planned_as_its_own_apt_plans_it() {
    if !simulate::available() || !Path::new("/var/lib/dpkg/status").exists() {
        eprintln!("skipped: no apt-get on this machine");
        return;
    }
    let output = Command::new("apt-get")
        .args(["-s", "-o", "Debug::NoLocking=1", "dist-upgrade"])
        .env("LC_ALL", "C")
        .output()
        .unwrap();
    let real = simulate::parse(&String::from_utf8(output.stdout).unwrap());
    let inventory = read(&Options::default()).unwrap();
    assert_eq!(inventory.host.target, Target::Host);
    assert!(inventory.package_manager_cpu.is_some());
    if output.status.success() {
        assert_eq!(lines(inventory.updates.as_deref().unwrap()), apt_lines(&real), "live");
    }
    let (_, _, pending) = plan(Path::new("/"));
    if let Some(reason) = pending.undecided {
        eprintln!("native plan of this machine is undecided: {reason}");
    } else if output.status.success() {
        assert_eq!(lines(&pending.updates), apt_lines(&real), "native");
        let security = |updates: &[plimsoll_core::model::update::Update]| -> Vec<(String, bool, Option<u64>, Option<String>)> {
            updates.iter().map(|update| (update.package.clone(), update.security, update.size, update.source_version.clone())).collect()
        };
        assert_eq!(security(&pending.updates), security(inventory.updates.as_deref().unwrap()));
        let versions = |candidates: &[plimsoll_host::Candidate]| -> Vec<(String, String, String)> {
            candidates.iter().map(|found| (found.package.clone(), found.version.clone(), found.origin.clone())).collect()
        };
        assert_eq!(versions(&pending.candidates), versions(&inventory.candidates));
    } else {
        assert!(pending.refused.is_some());
    }
}

#[test]
fn an_rpm_root_is_read_and_says_that_updates_need_the_live_host() {
    let Some(data) = data::folder() else { return };
    let inventory = read(&Options { root: Some(&data.join("hosts/rpm-zoo")), languages: false, progress: &Silent }).unwrap();
    let mut wanted: Vec<String> = data::rows_all(&data.join("hosts/rpm-zoo/rpm-qa.tsv"))
        .into_iter()
        .map(|row| format!("{} {} {}", row[0], row[1].trim_start_matches("0:"), row[2]))
        .collect();
    wanted.sort();
    let found: Vec<String> = inventory
        .components
        .iter()
        .map(|component| format!("{} {} {}", component.name, component.version, component.arch.as_deref().unwrap_or("")))
        .collect();
    assert_eq!(found, wanted);
    assert_eq!(inventory.updates, None);
    let codes: Vec<&str> = inventory.problems.iter().map(|problem| problem.code.as_str()).collect();
    assert_eq!(codes, ["W-OS", "W-UPDATES"]);
}

#[test]
fn dnf_reports_updates_of_a_private_root() {
    let Some(data) = data::folder() else { return };
    let tools = ["dnf", "rpm", "unzip"].map(|name| Path::new("/usr/bin").join(name));
    if !tools.iter().all(|path| path.exists()) {
        eprintln!("skipped: no dnf on this machine");
        return;
    }
    let told = Command::new("id").arg("-u").output().unwrap();
    if told.stdout != b"0\n" {
        eprintln!("skipped: not root, whose home is where Debian's rpm keeps its database");
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name).to_string_lossy().into_owned();
    assert!(Command::new("unzip").args(["-q", "-d", &path("repo")]).arg(data.join("repos/yum-pulp-zoo.zip")).status().unwrap().success());
    let repomd = Command::new("find").args([&path("repo"), "-name", "repomd.xml"]).output().unwrap();
    let repomd = String::from_utf8(repomd.stdout).unwrap();
    let base = Path::new(repomd.lines().next().unwrap()).ancestors().nth(2).unwrap();
    data::copy(&data.join("hosts/rpm-zoo"), &folder.path().join("root"));
    // Debian's rpm keeps its database in root's home instead.
    let database = folder.path().join("root/root/.rpmdb");
    data::copy(&data.join("hosts/rpm-zoo/var/lib/rpm"), &database);
    std::fs::create_dir_all(folder.path().join("empty")).unwrap();
    std::fs::write(folder.path().join("dnf.conf"), format!("[main]\nreposdir={}\npluginpath=/nonexistent\ncachedir={}\nvarsdir=/nonexistent\n[zoo]\nname=zoo\nbaseurl=file://{}\ngpgcheck=0\n", path("empty"), path("cache"), base.display())).unwrap();
    let (root, configuration) = (format!("--installroot={}", path("root")), path("dnf.conf"));
    let arguments = [root.as_str(), "-c", configuration.as_str(), "--releasever=9"];
    let made = Command::new("dnf").args(arguments).args(["-q", "makecache"]).output().unwrap();
    assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
    let inventory = read(&Options { root: Some(&folder.path().join("root")), languages: false, progress: &Silent }).unwrap();
    let (updates, _) = plimsoll_host::yum::dnf(Path::new("/usr/bin/dnf"), &arguments, &inventory.components).unwrap();
    let shown: Vec<String> = updates
        .iter()
        .map(|update| format!("{} {} -> {} {} {}", update.package, update.installed.as_deref().unwrap_or("-"), update.candidate, update.origin, update.security))
        .collect();
    assert_eq!(
        shown,
        [
            "duck 0.6-1 -> 0.8-1 zoo false",
            "kangaroo 0.2-1 -> 0.3-1 zoo false",
            "walrus 0.71-1 -> 5.21-1 zoo true",
        ]
    );
}

#[test]
fn pacman_reports_updates_of_a_private_root() {
    let program = Path::new("/usr/bin/pacman");
    if !program.exists() {
        eprintln!("skipped: no pacman on this machine");
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let write = |path: &str, text: &str| {
        let path = folder.path().join(path);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    };
    let entry = |version: &str| format!("%FILENAME%\nalpha-{version}-any.pkg.tar.zst\n\n%NAME%\nalpha\n\n%VERSION%\n{version}\n\n%ARCH%\nany\n\n");
    write("var/lib/pacman/local/ALPM_DB_VERSION", "9\n");
    write("var/lib/pacman/local/alpha-1.0-1/desc", &entry("1.0-1"));
    write("var/lib/pacman/local/alpha-1.0-1/files", "%FILES%\n");
    write("usr/lib/os-release", "ID=arch\n");
    write("new/alpha-2.0-1/desc", &entry("2.0-1"));
    write("pacman.conf", "[options]\nArchitecture = auto\nSigLevel = Never\n[zoo]\nServer = file:///nonexistent\n");
    let path = |name: &str| folder.path().join(name).to_string_lossy().into_owned();
    std::fs::create_dir_all(folder.path().join("var/lib/pacman/sync")).unwrap();
    let packed = Command::new("tar").args(["-C", &path("new"), "-czf", &path("var/lib/pacman/sync/zoo.db"), "alpha-2.0-1"]).status();
    assert!(packed.unwrap().success());
    let inventory = read(&Options { root: Some(folder.path()), languages: false, progress: &Silent }).unwrap();
    let (configuration, database, root) = (path("pacman.conf"), path("var/lib/pacman"), path(""));
    let arguments = ["--config", &configuration, "--dbpath", &database, "--root", &root];
    let (updates, _) = plimsoll_host::apk_pacman::pacman(program, &arguments, &inventory.components).unwrap();
    assert_eq!(lines(&updates), ["alpha any 1.0-1 -> 2.0-1 "]);
}

#[test]
fn project_folders_of_the_test_data_are_read() {
    let Some(data) = data::folder() else { return };
    let inventory = read_project(&data.join("lockfiles"), false, &Silent).unwrap();
    assert_eq!(inventory.host.target, Target::Project);
    assert!(inventory.components.len() > 500, "{}", inventory.components.len());
    assert!(inventory.components.iter().all(|component| !component.locations.is_empty()));
    assert_eq!(read_project(Path::new("/nonexistent"), false, &Silent).unwrap_err().code, "E-ROOT");
}
