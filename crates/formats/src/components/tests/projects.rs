//! Lock files of real projects, counted by other means and against other
//! tools' answers.

use super::*;
use plimsoll_core::model::stream::Stream;
use std::collections::BTreeSet;

fn registry(found: &Found) -> usize {
    found.components.iter().filter(|each| each.stream.is_some()).count()
}

#[test]
fn every_package_another_scanner_found_is_found() {
    let Some(folder) = crate::test_data::folder() else { return };
    let table = std::fs::read_to_string(folder.join("lockfiles").join("osv-detector/expected.tsv")).unwrap();
    let mut missing = Vec::new();
    let mut rows = 0;
    // The number is what osv-detector counted. It counts gems from Git and
    // Composer's packages from folders, and leaves out the project itself and
    // Go's standard library.
    for (file, kind, count) in [
        ("1-Gemfile.lock", FileKind::GemfileLock, 229),
        ("1-composer.lock", FileKind::ComposerLock, 203),
        ("1-poetry.lock", FileKind::PoetryLock, 142),
        ("1-Pipfile.lock", FileKind::PipfileLock, 114),
        ("1-pom.xml", FileKind::MavenPom, 5),
        ("1-go.mod", FileKind::GoMod, 7),
    ] {
        let bytes = std::fs::read(folder.join("lockfiles").join("osv-detector").join(file)).unwrap();
        let found = read(kind, file, &bytes).unwrap();
        assert_eq!(found.problems, [], "{file}");
        let theirs = found
            .components
            .iter()
            .filter(|each| each.kind == ComponentKind::Library || kind == FileKind::ComposerLock)
            .filter(|each| each.name != "stdlib")
            .count();
        assert_eq!(theirs, count, "{file}");
        for row in table.lines().skip(1).map(|row| row.split('\t').collect::<Vec<_>>()).filter(|row| row[0] == file) {
            rows += 1;
            let name = found.components[0].stream.clone().unwrap_or_else(|| Stream::language("x")).normalise_name(row[1]);
            if !found.components.iter().any(|each| each.name == name && each.version == row[2]) {
                missing.push(row.join(" "));
            }
        }
    }
    assert_eq!(missing, Vec::<String>::new());
    assert_eq!(rows, table.lines().count() - 1);
}

#[test]
fn cargo_lock_files_hold_as_many_crates_as_they_have_source_lines() {
    let Some(folder) = crate::test_data::folder() else { return };
    for project in ["dani-garcia_vaultwarden", "jj-vcs_jj"] {
        let bytes = std::fs::read(folder.join("lockfiles").join(project).join("Cargo.lock")).unwrap();
        let text = String::from_utf8(bytes.clone()).unwrap();
        let found = read(FileKind::CargoLock, "Cargo.lock", &bytes).unwrap();
        let packages = text.lines().filter(|line| *line == "[[package]]").count();
        let crates = text.lines().filter(|line| line.starts_with("source = \"registry+")).count();
        assert_eq!((found.components.len(), registry(&found)), (packages, crates), "{project}");
        let table = std::fs::read_to_string(folder.join("lockfiles").join(project).join("expected-cargo-audit.tsv")).unwrap();
        for row in table.lines().skip(1).map(|row| row.split('\t').collect::<Vec<_>>()) {
            assert!(found.components.iter().any(|each| each.name == row[1] && each.version == row[2]), "{row:?}");
        }
    }
}

#[test]
fn a_large_go_mod_holds_every_required_module() {
    let Some(folder) = crate::test_data::folder() else { return };
    let bytes = std::fs::read(folder.join("lockfiles").join("anchore_grype/go.mod")).unwrap();
    let text = String::from_utf8(bytes.clone()).unwrap();
    // Lines inside the require blocks begin with a tab.
    let required: BTreeSet<&str> =
        text.lines().filter(|line| line.starts_with('\t') && line.contains(" v")).map(|line| line.split_whitespace().next().unwrap()).collect();
    let found = read(FileKind::GoMod, "go.mod", &bytes).unwrap();
    assert_eq!(found.problems, []);
    let names: BTreeSet<&str> =
        found.components.iter().map(|each| each.name.as_str()).filter(|name| *name != "stdlib").collect();
    assert_eq!(names, required);
    assert!(required.len() > 200);
}

#[test]
fn every_package_url_of_real_projects_is_canonical() {
    let Some(folder) = crate::test_data::folder() else { return };
    let mut checked = 0;
    for (file, kind) in [
        ("jj-vcs_jj/Cargo.lock", FileKind::CargoLock),
        ("osv-detector/1-composer.lock", FileKind::ComposerLock),
        ("osv-detector/1-Gemfile.lock", FileKind::GemfileLock),
        ("osv-detector/1-poetry.lock", FileKind::PoetryLock),
        ("anchore_grype/go.mod", FileKind::GoMod),
    ] {
        let bytes = std::fs::read(folder.join("lockfiles").join(file)).unwrap();
        for component in read(kind, file, &bytes).unwrap().components {
            let parsed: packageurl::PackageUrl<'_> = component.purl.parse().unwrap();
            assert_eq!(parsed.to_string(), component.purl);
            assert!(component.name.to_lowercase().ends_with(&parsed.name().to_lowercase()), "{component:?}");
            assert_eq!(component.locations, [file]);
            checked += 1;
        }
    }
    assert!(checked > 1000, "only {checked} checked");
}
