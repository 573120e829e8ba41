//! The native plan of every test host against the recorded one and against
//! the real apt.

use super::data;
use plimsoll_core::model::update::Update;
use plimsoll_host::apt::{self, Lists, Pending, simulate};
use plimsoll_host::root::Root;
use std::path::Path;

/// Reads and plans a root natively.
pub fn plan(path: &Path) -> (Root, Lists, Pending) {
    let root = Root::open(path).unwrap();
    let status = root.read("var/lib/dpkg/status", 64 << 20).unwrap().unwrap();
    let lists = apt::read_lists(&root, &String::from_utf8(status).unwrap(), true);
    let pending = apt::native(&lists);
    (root, lists, pending)
}

/// One line a change, to compare whole plans.
pub fn lines(updates: &[Update]) -> Vec<String> {
    let mut lines: Vec<String> = updates
        .iter()
        .map(|update| {
            let installed = update.installed.as_deref().unwrap_or("-");
            format!("{} {} {installed} -> {} {}", update.package, update.arch, update.candidate, update.origin)
        })
        .collect();
    lines.sort();
    lines
}

/// The same lines of apt's own simulation.
pub fn apt_lines(changes: &[simulate::Change]) -> Vec<String> {
    let mut lines: Vec<String> = changes
        .iter()
        .map(|change| {
            let installed = change.installed.as_deref().unwrap_or("-");
            let candidate = change.candidate.as_deref().unwrap_or("REMOVED");
            format!("{} {} {installed} -> {candidate} {}", change.package, change.arch, change.origin)
        })
        .collect();
    lines.sort();
    lines
}

#[test]
fn plans_of_the_test_hosts_equal_the_recorded_ones_and_those_of_the_real_apt() {
    let Some(folder) = data::folder() else { return };
    for host in ["deb12-web", "deb11-db"] {
        let path = folder.join("hosts").join(host);
        let (root, lists, pending) = plan(&path);
        assert_eq!(pending.undecided, None, "{host}");
        assert_eq!(pending.refused, None, "{host}");
        let mut wanted: Vec<Vec<String>> = data::rows(&path.join("apt-dist-upgrade.tsv"));
        wanted.sort();
        let mut found: Vec<Vec<String>> = pending
            .updates
            .iter()
            .map(|update| {
                let class = if update.security { "security" } else { "other" };
                let installed = update.installed.clone().unwrap_or_default();
                assert_eq!(update.new, installed.is_empty());
                assert!(update.size.is_some() && update.sha256.as_ref().is_some_and(|digest| digest.len() == 64));
                vec![update.package.clone(), installed, update.candidate.clone(), update.arch.clone(), class.to_owned(), update.origin.clone()]
            })
            .collect();
        found.sort();
        assert_eq!(found, wanted, "{host}");
        if simulate::available() {
            let real = simulate::simulate(&root, &lists).unwrap();
            assert_eq!(lines(&pending.updates), apt_lines(&real.changes.unwrap()), "{host} against apt");
        } else {
            eprintln!("skipped: no apt-get on this machine");
        }
    }
}

#[test]
fn a_broken_host_gets_candidates_and_the_reason() {
    let Some(folder) = data::folder() else { return };
    let path = folder.join("hosts/deb12-drifted");
    let (root, lists, pending) = plan(&path);
    assert!(pending.refused.as_ref().is_some_and(|lacking| !lacking.is_empty()), "{:?}", pending.undecided);
    let mut wanted: Vec<Vec<String>> = data::rows(&path.join("apt-upgradable.tsv"));
    for row in &mut wanted {
        row.truncate(5);
        // The file classes by the candidate's own place. Here the point
        // release (u10) absorbed what the security repository fixed in u9, so
        // the update is a security update though it comes from elsewhere.
        if row.first().is_some_and(|package| package == "openssh-client") {
            assert_eq!(row[4], "other");
            row[4] = "security".to_owned();
        }
    }
    wanted.sort();
    let mut found: Vec<Vec<String>> = pending
        .updates
        .iter()
        .map(|update| {
            let class = if update.security { "security" } else { "other" };
            vec![
                update.package.clone(),
                update.installed.clone().unwrap_or_default(),
                update.candidate.clone(),
                update.arch.clone(),
                class.to_owned(),
            ]
        })
        .collect();
    found.sort();
    assert_eq!(found, wanted);
    if simulate::available() {
        let real = simulate::simulate(&root, &lists).unwrap();
        assert!(real.changes.is_none(), "the real apt does plan");
        assert!(real.refusal.contains("Unmet"), "{}", real.refusal);
    }
}
