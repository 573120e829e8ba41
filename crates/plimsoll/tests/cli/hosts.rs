//! Findings and updates of the recorded hosts against what others found.

use crate::sandbox::{NOW, everything, plimsoll, put, rows, text, word};
use serde_json::Value;
use std::collections::BTreeSet;

type Row = Vec<String>;

fn scan(host: &str) -> Option<(Value, std::path::PathBuf)> {
    let (data, db) = everything()?;
    let folder = data.join("hosts").join(host);
    let answer = plimsoll(&["scan", "--root", &text(&folder), "--db", &db, "--as-of", NOW, "--format", "json"]);
    Some((answer.json(), folder))
}

fn affected(answer: &Value) -> BTreeSet<Row> {
    let findings = answer["findings"].as_array().expect("findings");
    let names = [
        "/component/name", "/component/version", "/component/arch", "/component/source", "/component/source_version",
        "/advisory", "/fixed_version",
    ];
    findings
        .iter()
        .filter(|finding| finding["state"] == "affected")
        .map(|finding| names.iter().map(|name| word(finding, name)).collect())
        .collect()
}

fn expected(folder: &std::path::Path) -> BTreeSet<Row> {
    rows(&folder.join("expected-advisories.tsv")).into_iter().map(|row| row[..7].to_vec()).collect()
}

fn same(found: &BTreeSet<Row>, expected: &BTreeSet<Row>) {
    let missing: Vec<_> = expected.difference(found).collect();
    let extra: Vec<_> = found.difference(expected).collect();
    assert!(missing.is_empty() && extra.is_empty(), "missing {missing:#?}\nextra {extra:#?}");
}

#[test]
fn findings_of_the_web_host_are_those_recorded() {
    let Some((answer, folder)) = scan("deb12-web") else { return };
    same(&affected(&answer), &expected(&folder));
}

#[test]
fn findings_of_the_drifted_host_are_those_recorded() {
    let Some((answer, folder)) = scan("deb12-drifted") else { return };
    let expected = expected(&folder);
    assert!(expected.len() > 10);
    same(&affected(&answer), &expected);
}

/// The record leaves the kernel out, because it maps no signed source to its
/// own; everything else is equal.
#[test]
fn findings_of_the_database_host_are_those_recorded_and_the_kernels() {
    let Some((answer, folder)) = scan("deb11-db") else { return };
    let (found, expected) = (affected(&answer), expected(&folder));
    let kernels: BTreeSet<Row> = found.difference(&expected).filter(|row| row[3] == "linux").cloned().collect();
    assert!(kernels.iter().any(|row| row[0].starts_with("linux-image-")), "no kernel among {found:#?}");
    same(&found.difference(&kernels).cloned().collect(), &expected);
}

#[test]
fn findings_of_the_rpm_host_are_those_needed() {
    let Some((answer, folder)) = scan("rpm-zoo") else { return };
    let found: BTreeSet<(String, String)> =
        affected(&answer).into_iter().map(|row| (row[0].clone(), row[5].clone())).collect();
    let needed: BTreeSet<(String, String)> = rows(&folder.join("expected-advisories.tsv"))
        .into_iter()
        .filter(|row| row[6] == "needed")
        .map(|row| (row[0].clone(), row[2].clone()))
        .collect();
    assert_eq!(needed.len(), 1);
    assert_eq!(found, needed);
    let open = answer["findings"].as_array().expect("findings").len();
    assert_eq!(open, 1, "what is satisfied is listed: {}", answer["findings"]);
}

/// A pending update that holds the fix is the fix being on offer, also for
/// packages of every architecture.
#[test]
fn what_an_update_fixes_is_said_to_be_on_offer() {
    let Some((answer, _)) = scan("deb11-db") else { return };
    let updates = answer["updates"].as_array().expect("updates");
    let candidate = |name: &str| updates.iter().find(|update| update["package"] == name).map(|update| word(update, "/candidate"));
    let mut of_all = 0;
    for finding in answer["findings"].as_array().expect("findings") {
        if finding["fixed_version"].is_null() {
            continue;
        }
        let Some(candidate) = candidate(&word(finding, "/component/name")) else { continue };
        assert_eq!(finding["fix"]["available"], true, "{finding:#}");
        assert_eq!(word(finding, "/fix/version"), candidate, "{finding:#}");
        of_all += usize::from(finding["component"]["arch"] == "all");
    }
    assert!(of_all > 10, "only {of_all} packages of every architecture");
}

fn updates_equal(host: &str, table: &str, also_security: &[&str]) {
    let Some((answer, folder)) = scan(host) else { return };
    let found: BTreeSet<Row> = answer["updates"]
        .as_array()
        .expect("updates")
        .iter()
        .map(|update| {
            let class = if update["security"] == true { "security" } else { "other" };
            let mut row: Row = ["/package", "/installed", "/candidate", "/arch"].iter().map(|name| word(update, name)).collect();
            row.push(class.to_owned());
            row
        })
        .collect();
    let expected: BTreeSet<Row> = rows(&folder.join(table))
        .into_iter()
        .map(|mut row| {
            row.truncate(5);
            if also_security.contains(&row[0].as_str()) {
                assert_eq!(row[4], "other", "no exception is needed");
                row[4] = "security".to_owned();
            }
            row
        })
        .collect();
    assert!(expected.len() > 40);
    same(&found, &expected);
}

#[test]
fn updates_of_the_database_host_are_apts_own() {
    updates_equal("deb11-db", "apt-dist-upgrade.tsv", &[]);
}

#[test]
fn updates_of_the_web_host_are_apts_own() {
    updates_equal("deb12-web", "apt-dist-upgrade.tsv", &[]);
}

/// Decision 5 says why one package differs in class.
#[test]
fn updates_of_the_drifted_host_are_apts_own() {
    updates_equal("deb12-drifted", "apt-upgradable.tsv", &["openssh-client"]);
}

/// A hold takes an update out of the plan; it takes nothing off the clock.
#[test]
fn what_is_held_back_is_said_and_its_clock_runs_on() {
    let Some((data, db)) = everything() else { return };
    let folder = tempfile::tempdir().expect("a folder");
    let root = folder.path().join("root");
    for part in ["etc", "usr", "var"] {
        copy(&data.join("hosts/deb12-web").join(part), &root.join(part));
    }
    let scan = |format: &str| plimsoll(&["scan", "--root", &text(&root), "--db", &db, "--as-of", NOW, "--format", format, "--all"]);
    let named = |answer: &Value, list: &str| -> Vec<Value> {
        answer[list].as_array().expect(list).iter().filter(|update| update["package"] == "rsync").cloned().collect()
    };
    let before = scan("json").json();
    let [pending] = named(&before, "updates").try_into().expect("one update of rsync");
    assert_eq!(pending["security"], true);
    assert_eq!(before["held_updates"], serde_json::json!([]));

    let status = root.join("var/lib/dpkg/status");
    let words = std::fs::read_to_string(&status).expect("status");
    let held = words.replace("Package: rsync\nStatus: install ok", "Package: rsync\nStatus: hold ok");
    assert_ne!(words, held);
    std::fs::remove_file(&status).expect("status");
    put(&status, held);

    let after = scan("json").json();
    assert_eq!(named(&after, "updates"), [] as [Value; 0]);
    let [update] = named(&after, "held_updates").try_into().expect("one held update");
    assert_eq!(update["held_by"], "hold");
    for kept in ["candidate", "advisories", "security", "due", "obligations"] {
        assert_eq!(update[kept], pending[kept], "{kept}");
    }
    for format in ["text", "html", "markdown", "csv", "cyclonedx", "sarif"] {
        let out = scan(format).finished().out.clone();
        let rsync = out.lines().filter(|line| line.contains("rsync")).count();
        assert!(rsync > 0 && out.contains("hold"), "{format} does not say that rsync is held");
    }
    let explained = plimsoll(&["explain", "rsync", "--root", &text(&root), "--db", &db, "--as-of", NOW]);
    assert!(explained.finished().out.contains("Held back by hold: rsync"), "{}", explained.out);
}

fn copy(from: &std::path::Path, to: &std::path::Path) {
    std::fs::create_dir_all(to).expect("a folder");
    for entry in std::fs::read_dir(from).expect("a folder") {
        let entry = entry.expect("an entry");
        let target = to.join(entry.file_name());
        if entry.file_type().expect("a kind").is_dir() {
            copy(&entry.path(), &target);
        } else {
            std::fs::copy(entry.path(), target).expect("a copy");
        }
    }
}
