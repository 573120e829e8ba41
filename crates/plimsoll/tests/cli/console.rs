//! The console of the real binary in a real browser; its pictures stay in the
//! target folder.

use crate::sandbox::Small;
use std::path::Path;
use std::process::Command;

#[test]
fn a_person_walks_through_the_console() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../e2e");
    let in_ci = std::env::var_os("CI").is_some();
    if !folder.join("node_modules").is_dir() {
        assert!(!in_ci, "CI needs what e2e/ needs: npm ci");
        eprintln!("skipped: no node_modules in e2e/ (npm ci)");
        return;
    }
    let small = Small::new(&[("alpha", "1.0")]);
    small.advise("TEST-2026-1", "low", "2026-03-01", "alpha", "2.0");
    small.build(&[]);
    let shots = Path::new(env!("CARGO_TARGET_TMPDIR")).join("console");
    let output = Command::new("node")
        .args(["console.mjs", env!("CARGO_BIN_EXE_plimsoll"), "--shots"])
        .arg(&shots)
        .current_dir(&folder)
        .env("PLIMSOLL_DB", small.path("small.db"))
        .output();
    let Ok(output) = output else {
        assert!(!in_ci, "CI needs node");
        eprintln!("skipped: no node");
        return;
    };
    let said = String::from_utf8_lossy(&output.stdout);
    let failed: Vec<&str> = said.lines().filter(|line| line.starts_with("not ok")).collect();
    assert!(output.status.success(), "{failed:#?}\n{}", String::from_utf8_lossy(&output.stderr));
}
