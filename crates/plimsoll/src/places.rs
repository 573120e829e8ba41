//! Where things lie unless somebody says otherwise.

use std::path::PathBuf;

/// Folder for data that can be made again: the one that `PLIMSOLL_DATA` names,
/// else the system's for root and the user's own for everybody else.
fn data_folder() -> PathBuf {
    if let Some(folder) = std::env::var_os("PLIMSOLL_DATA").filter(|value| !value.is_empty()) {
        return PathBuf::from(folder);
    }
    if rustix::process::geteuid().is_root() {
        return PathBuf::from("/var/lib/plimsoll");
    }
    let base = std::env::var_os("XDG_DATA_HOME")
        .filter(|value| !value.is_empty())
        .map(PathBuf::from)
        .or_else(|| std::env::var_os("HOME").map(|home| PathBuf::from(home).join(".local/share")));
    // Not below /var/tmp, where anybody could lay a database ready for us.
    let own = || PathBuf::from(format!("/run/user/{}", rustix::process::geteuid().as_raw()));
    base.unwrap_or_else(own).join("plimsoll")
}

/// The advisory database.
pub fn database() -> PathBuf {
    data_folder().join("advisories.plimsolldb")
}

/// What was fetched, to build databases from.
pub fn cache() -> PathBuf {
    data_folder().join("sources")
}

/// What a server keeps.
pub fn server() -> PathBuf {
    data_folder().join("server")
}

/// Artefacts, and what was last seen of each suite.
pub fn artefacts() -> PathBuf {
    data_folder().join("artefacts")
}
