//! Where the tests find real data.

use std::path::PathBuf;

/// The folder of real data: `PLIMSOLL_TEST_DATA`, else `../shared/data` beside
/// the workspace. Without it a test is skipped, except in CI, where skipping
/// for want of it is a failure.
pub(crate) fn folder() -> Option<PathBuf> {
    let folder = std::env::var_os("PLIMSOLL_TEST_DATA").map_or_else(
        || PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../../../shared/data")),
        PathBuf::from,
    );
    if folder.join("README.md").is_file() {
        return Some(folder);
    }
    assert!(std::env::var_os("CI").is_none(), "no test data at {}", folder.display());
    eprintln!("skipped: no test data");
    None
}

/// One file of it, by its path inside.
pub(crate) fn file(name: &str) -> Option<Vec<u8>> {
    let folder = folder()?;
    Some(std::fs::read(folder.join(name)).unwrap_or_else(|error| panic!("{name}: {error}")))
}
