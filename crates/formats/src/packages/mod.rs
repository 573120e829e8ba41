//! Package databases and repository indices of operating systems.
//!
//! One file a format. Nothing in here opens a file: the caller reads the
//! bytes and names their place.

pub mod alpine;
pub mod apt;
pub mod control;
pub mod deb;
pub mod dpkg;
pub mod ini;
pub mod os_release;
pub mod pacman;
pub mod purl;
pub mod relation;
pub mod rpm;
pub mod yum;

use plimsoll_core::model::problem::Problem;
use std::borrow::Cow;

/// Most problems kept of one configuration file; such a file is no longer
/// worth reading on, and a hostile one must not fill memory with remarks.
const PROBLEM_LIMIT: usize = 100;

/// Whether a configuration file may be read on; says so once where not.
fn may_read_on(place: &str, problems: &mut Vec<Problem>) -> bool {
    if problems.len() < PROBLEM_LIMIT {
        return true;
    }
    problems.push(Problem::new(
        "E-LIMIT",
        place,
        format!("has {PROBLEM_LIMIT} or more things wrong with it; the rest was not read"),
        "check where the file comes from",
    ));
    false
}

/// Removes a user name and password from a web address.
///
/// Repository definitions carry passwords (`https://user:secret@host/…`), and
/// answers are shown, stored and mailed. Only the part before the first `/`,
/// `?` or `#` after `://` can hold them; an `@` further right belongs to the
/// path and stays.
pub fn without_credentials(address: &str) -> Cow<'_, str> {
    let Some((scheme, rest)) = address.split_once("://") else { return Cow::Borrowed(address) };
    let end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
    let (authority, path) = rest.split_at(end);
    match authority.rsplit_once('@') {
        None => Cow::Borrowed(address),
        Some((_, host)) => Cow::Owned(format!("{scheme}://{host}{path}")),
    }
}

#[cfg(test)]
mod tests {
    use super::without_credentials;

    #[test]
    fn credentials_go_and_paths_stay() {
        let cases = [
            ("https://user:pass@host:8080/a?b#c", "https://host:8080/a?b#c"),
            ("https://user@host", "https://host"),
            ("https://a@b@host/x@y", "https://host/x@y"),
            ("http://host/pool/@scope", "http://host/pool/@scope"),
            ("https://host?key=a@b", "https://host?key=a@b"),
            ("file:/srv/x", "file:/srv/x"),
            ("not an address", "not an address"),
        ];
        for (written, kept) in cases {
            assert_eq!(without_credentials(written), kept);
        }
    }
}
