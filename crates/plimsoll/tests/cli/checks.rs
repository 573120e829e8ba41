//! The table of the numbered checks names tests that are there.

use std::path::Path;

fn root() -> std::path::PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

/// Whether a text declares a function of this name.
fn declares(text: &str, name: &str) -> bool {
    [format!("fn {name}("), format!("fn {name}<"), format!("def {name}("), format!("test(\"{name}\"")].iter().any(|start| text.contains(start))
}

#[test]
fn every_test_that_the_table_of_checks_names_is_there() {
    let table = std::fs::read_to_string(root().join("docs/checks.md")).expect("the table");
    let (mut checks, mut tests) = (0, 0);
    for line in table.lines().filter(|line| line.starts_with("| ")) {
        let cells: Vec<&str> = line.trim_matches('|').split('|').map(str::trim).collect();
        let number = cells[0];
        // A letter and a number, and for what came between two another letter.
        if !number.chars().nth(1).is_some_and(|digit| digit.is_ascii_digit()) {
            continue;
        }
        assert_eq!(cells.len(), 4, "{line}");
        checks += 1;
        // `file`: `name`, `name`; `file`: `name`
        for part in cells[2].split(';').map(str::trim).filter(|part| !part.is_empty() && *part != "–") {
            let words: Vec<&str> = part.split('`').skip(1).step_by(2).collect();
            let (file, names) = words.split_first().unwrap_or_else(|| panic!("{number}: no file in {part:?}"));
            let text = std::fs::read_to_string(root().join(file)).unwrap_or_else(|error| panic!("{number}: {file}: {error}"));
            assert!(!names.is_empty(), "{number}: {file} names no test");
            for name in names {
                assert!(declares(&text, name), "{number}: {file} has no {name}");
                tests += 1;
            }
        }
        assert!(cells[2] != "–" || !cells[3].is_empty(), "{number} is covered by nothing and says nothing");
    }
    assert_eq!(checks, 91, "S3–S8, S10, N1–N7, E1–E5, C1, C2, C5–C15, F1–F10, L1–L6, P1, P2, P4, A1–A17, T1–T13, W1–W9, W7a");
    assert!(tests > 60, "{tests}");
}

/// The walk itself, `e2e/seeded-defects.py`, compiles for an hour.
#[test]
fn every_seeded_defect_fits_the_code() {
    let list = std::fs::read(root().join("e2e/seeded-defects.json")).expect("the list");
    let list: Vec<std::collections::BTreeMap<String, String>> = serde_json::from_slice(&list).expect("a list");
    assert!(list.len() >= 30, "{}", list.len());
    for defect in &list {
        let text = std::fs::read_to_string(root().join(&defect["file"])).unwrap_or_else(|error| panic!("{}: {error}", defect["file"]));
        assert_eq!(text.matches(&defect["before"]).count(), 1, "{}: mend e2e/seeded-defects.json", defect["name"]);
        assert!(defect["before"] != defect["after"] && !defect["test"].is_empty(), "{}", defect["name"]);
    }
}
