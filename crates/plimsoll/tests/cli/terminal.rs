//! What a person sees, narrow and wide, with and without colour.

use crate::sandbox::{NOW, command, end, everything, text};
use std::path::Path;

fn seen(columns: &str, color: &str) -> Option<String> {
    let (data, db) = everything()?;
    let db = Path::new(&db);
    let mut command = command();
    // A path of its own length would move the lines.
    command.current_dir(db.parent().expect("a folder")).env("COLUMNS", columns);
    command.args(["scan", "--root", &text(&data.join("hosts/deb12-drifted")), "--db", "all.db"]);
    command.args(["--as-of", NOW, "--color", color]);
    let ran = end(command);
    assert_eq!(ran.code, Some(1), "{}", ran.err);
    if color == "never" {
        let limit: usize = columns.parse().expect("a number");
        for line in ran.out.lines() {
            assert!(line.chars().count() <= limit, "{} columns in {limit}: {line}", line.chars().count());
        }
        assert!(!ran.out.contains('\u{1b}'));
    }
    Some(ran.out.replace('\u{1b}', "␛"))
}

#[test]
fn narrow_without_colour() {
    let Some(text) = seen("60", "never") else { return };
    insta::assert_snapshot!("narrow", text);
}

#[test]
fn narrow_with_colour() {
    let Some(text) = seen("60", "always") else { return };
    insta::assert_snapshot!("narrow-colour", text);
}

#[test]
fn wide_without_colour() {
    let Some(text) = seen("160", "never") else { return };
    insta::assert_snapshot!("wide", text);
}

#[test]
fn wide_with_colour() {
    let Some(text) = seen("160", "always") else { return };
    insta::assert_snapshot!("wide-colour", text);
}
